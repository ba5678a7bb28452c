//! The reference of fields: that it is what the code says, and that the code does what it says.
//!
//! That every field which is read is described needs no test: what is not described cannot be read
//! (see `check::schema`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use isotherm_config::diagnostic::Report;
use isotherm_config::schema::{Absent, Field, TableSpec, Takes};
use isotherm_config::source::Sources;
use isotherm_config::tree::{Kind, Table, Value, parse_toml};
use isotherm_experiment::check::EXPERIMENT;
use isotherm_experiment::reference;
use isotherm_experiment::{Experiment, Overrides, policies};

/// `docs/reference/experiment.md` is written from the descriptions that the checks use.
#[test]
fn the_reference_of_fields_is_up_to_date() {
    isotherm_testing::assert_generated("docs/reference/experiment.md", &reference::markdown());
}

#[test]
fn the_example_of_the_reference_is_an_experiment() {
    if let Err(errors) =
        Experiment::parse("first.toml", reference::EXAMPLE, Path::new("."), &Overrides::default())
    {
        panic!("{errors}");
    }
}

/// Good experiments that have every field between them.
fn complete() -> Vec<PathBuf> {
    [
        "everything",
        "xml",
        "least",
        "bare",
        "azure-2019",
        "from-trace",
        "population",
        "population-least",
        "azure-2019-least",
        "azure-2021",
        "azure-2021-least",
        "huawei-2023",
        "huawei-2023-least",
        "huawei-2025",
        "huawei-2025-least",
    ]
    .map(|name| Path::new("tests/complete").join(name).with_extension("toml"))
    .to_vec()
}

fn tree(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    let mut sources = Sources::default();
    let source = sources.add("x.toml", text.as_str());
    let report = Report::default();
    let root = parse_toml(source, &text, &report);
    assert!(report.is_empty());
    root
}

/// What a field is known by: the same description need not be at the same address.
type Key = (&'static str, &'static str, &'static str);

fn key(spec: &TableSpec, field: &Field) -> Key {
    (spec.name, spec.doc, field.key)
}

/// Calls `see` with every table of a file, its description and its path.
fn walk(
    table: &Table,
    spec: &'static TableSpec,
    path: &str,
    see: &mut dyn FnMut(&'static TableSpec, &Table, &str),
) {
    see(spec, table, path);
    for entry in &table.entries {
        let Some(field) = spec.field(&entry.key) else { continue };
        let path =
            if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        walk_value(&entry.value, &field.takes, &path, see);
    }
}

fn walk_value(
    value: &Value,
    takes: &Takes,
    path: &str,
    see: &mut dyn FnMut(&'static TableSpec, &Table, &str),
) {
    match (takes, &value.kind) {
        (Takes::Table(spec), Kind::Table(table)) if spec.describes(table) => {
            walk(table, spec, path, see)
        }
        (Takes::Tables(spec), Kind::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                walk_value(value, &Takes::Table(spec), &format!("{path}.{index}"), see);
            }
        }
        (Takes::Kinds(kinds), Kind::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                let Kind::Table(table) = &value.kind else { continue };
                let spec = kinds
                    .iter()
                    .find(|spec| spec.describes(table))
                    .expect("a kind that is described");
                walk(table, spec, &format!("{path}.{index}"), see);
            }
        }
        (Takes::Either(forms), _) => {
            forms.iter().for_each(|form| walk_value(value, form, path, see))
        }
        // A value that is drawn for each function.
        (Takes::Value { .. }, Kind::Table(table)) if drawn().describes(table) => {
            walk(table, drawn(), path, see)
        }
        _ => {}
    }
}

/// What a value is that is drawn for each function of `[functions]`.
fn drawn() -> &'static TableSpec {
    let mut spec = &EXPERIMENT;
    for key in ["functions", "limits", "memory"] {
        let mut forms: Vec<&Takes> = vec![&spec.field(key).unwrap().takes];
        if let Takes::Either(several) = forms[0] {
            forms = several.iter().collect();
        }
        let table = |form: &&Takes| match form {
            Takes::Table(spec) => Some(*spec),
            _ => None,
        };
        spec = forms.iter().find_map(table).unwrap();
    }
    spec
}

/// All fields that are described.
fn described(spec: &'static TableSpec, seen: &mut BTreeMap<Key, &'static Field>) {
    for field in spec.fields {
        if seen.insert(key(spec, field), field).is_none() {
            described_in(&field.takes, seen);
        }
    }
}

fn described_in(takes: &Takes, seen: &mut BTreeMap<Key, &'static Field>) {
    match takes {
        // Those of policies have tests of their own, below.
        Takes::Value { .. } | Takes::Path { .. } | Takes::Words(_) | Takes::OneOf(_) => {}
        Takes::Table(spec) | Takes::Tables(spec) => described(spec, seen),
        Takes::Kinds(kinds) => kinds.iter().for_each(|spec| described(spec, seen)),
        Takes::Either(forms) => forms.iter().for_each(|form| described_in(form, seen)),
    }
}

#[test]
fn every_field_that_is_described_is_accepted() {
    let mut all = BTreeMap::new();
    described(&EXPERIMENT, &mut all);
    assert!(all.len() > 120, "{}", all.len());
    let mut used = BTreeSet::new();
    for path in complete() {
        if let Err(errors) = Experiment::load_whole(&path, &Overrides::default()) {
            panic!("{errors}");
        }
        let Kind::Table(root) = tree(&path).kind else { panic!("not a table") };
        walk(&root, &EXPERIMENT, "", &mut |spec, table, _| {
            used.extend(
                table
                    .entries
                    .iter()
                    .filter_map(|entry| spec.field(&entry.key))
                    .map(|field| key(spec, field)),
            );
        });
    }
    let unused: Vec<_> = all.keys().filter(|key| !used.contains(*key)).collect();
    assert!(unused.is_empty(), "no file of tests/complete has {unused:#?}");
}

/// Every word that is described is accepted where it is described.
#[test]
fn every_word_that_is_described_is_accepted() {
    fn words(takes: &Takes) -> Vec<&'static str> {
        match takes {
            Takes::Words(words) => words().iter().map(|word| word.name).collect(),
            Takes::Either(forms) => forms.iter().flat_map(words).collect(),
            _ => Vec::new(),
        }
    }
    let mut tried = 0;
    for path in complete() {
        let Kind::Table(root) = tree(&path).kind else { panic!("not a table") };
        walk(&root, &EXPERIMENT, "", &mut |spec, _, place| {
            for field in spec.fields {
                for word in words(&field.takes) {
                    let place = if place.is_empty() {
                        field.key.to_owned()
                    } else {
                        format!("{place}.{}", field.key)
                    };
                    let overrides = Overrides::default().with(place.clone(), format!("\"{word}\""));
                    if let Err(errors) = Experiment::load(&path, &overrides) {
                        panic!("{place} = {word}: {errors}");
                    }
                    tried += 1;
                }
            }
        });
    }
    assert!(tried > 10, "{tried}");
}

/// A default that is described is the one that holds: with it written out, the plan is the same.
#[test]
fn defaults_are_what_they_are_said_to_be() {
    // Places are where something is written, which is different by intention.
    let plan = |path: &Path, overrides: &Overrides| match Experiment::load(path, overrides) {
        Ok(experiment) => without_places(&format!("{:?}", experiment.runs()[0].plan)),
        Err(errors) => panic!("{errors}"),
    };
    let mut tried = BTreeSet::new();
    for path in complete() {
        let as_it_is = plan(&path, &Overrides::default());
        let Kind::Table(root) = tree(&path).kind else { panic!("not a table") };
        let mut absent = Vec::new();
        walk(&root, &EXPERIMENT, "", &mut |spec, table, place| {
            for field in spec.fields.iter().filter(|field| table.get(field.key).is_none()) {
                if let Absent::Default(value) = field.absent {
                    let place = if place.is_empty() {
                        field.key.to_owned()
                    } else {
                        format!("{place}.{}", field.key)
                    };
                    absent.push((place, value, key(spec, field)));
                }
            }
        });
        for (place, value, key) in absent {
            let overrides = Overrides::default().with(place.clone(), value);
            assert_eq!(plan(&path, &overrides), as_it_is, "{}: {place} = {value}", path.display());
            tried.insert(key);
        }
    }
    let mut all = BTreeMap::new();
    described(&EXPERIMENT, &mut all);
    let untried: Vec<_> = all
        .iter()
        .filter(|(key, field)| matches!(field.absent, Absent::Default(_)) && !tried.contains(*key))
        .map(|(key, _)| key)
        .collect();
    assert!(untried.is_empty(), "no file of tests/complete is without {untried:#?}");
}

/// An experiment with one of its policies.
fn with_policy(field: &str, policy: &str) -> String {
    let overrides = Overrides::default().with(field, policy);
    match Experiment::load(Path::new("tests/complete/bare.toml"), &overrides) {
        Ok(experiment) => without_places(&format!("{:?}", experiment.runs()[0].plan)),
        Err(errors) => panic!("{errors}"),
    }
}

/// A policy as a table, its parameters as these fields say, where they say something.
fn written(kind: &TableSpec, value: impl Fn(&Field) -> Option<String>) -> String {
    let parameters =
        kind.fields.iter().filter_map(|field| Some(format!(", {} = {}", field.key, value(field)?)));
    format!("{{ kind = \"{}\"{} }}", kind.title, parameters.collect::<String>())
}

/// Every policy is accepted with the parameters that it needs and with all that it has, each as in
/// its example; and the defaults of parameters are what they are said to be.
#[test]
fn policies_take_the_parameters_that_are_described() {
    let mut tried = 0;
    for (path, family) in policies::families() {
        for kind in (family.kinds)() {
            let required =
                |field: &Field| (field.absent == Absent::Error).then(|| field.takes.example());
            let least = with_policy(path, &written(kind, required));
            with_policy(path, &written(kind, |field| Some(field.takes.example())));
            let defaults = |field: &Field| match field.absent {
                Absent::Default(value) => Some(value.to_owned()),
                _ => required(field),
            };
            assert_eq!(
                with_policy(path, &written(kind, defaults)),
                least,
                "defaults of {path} {}",
                kind.title
            );
            if kind.required().next().is_none() {
                assert_eq!(
                    with_policy(path, &format!("\"{}\"", kind.title)),
                    least,
                    "{} alone",
                    kind.title
                );
            }
            for field in kind.fields {
                let Takes::Words(words) = field.takes else { continue };
                for word in words() {
                    let set = |other: &Field| match other.key == field.key {
                        true => Some(format!("\"{}\"", word.name)),
                        false => required(other),
                    };
                    with_policy(path, &written(kind, set));
                }
            }
            tried += 1;
        }
    }
    assert!(tried >= 11, "{tried}");
}

/// What a manifest says of a policy is that policy again.
#[test]
fn policies_are_written_as_they_are_read() {
    for (path, family) in policies::families() {
        for kind in (family.kinds)() {
            let policy = written(kind, |field| Some(field.takes.example()));
            let overrides = Overrides::default().with(path, policy.as_str());
            let experiment =
                Experiment::load(Path::new("tests/complete/bare.toml"), &overrides).unwrap();
            let folder = tempfile::tempdir().unwrap();
            experiment
                .run(&experiment.runs()[0], folder.path())
                .unwrap_or_else(|error| panic!("{policy}: {error}"));
            let manifest =
                Experiment::load(&folder.path().join("manifest.toml"), &Overrides::default())
                    .unwrap();
            assert_eq!(
                manifest.runs()[0].plan.service,
                experiment.runs()[0].plan.service,
                "{policy}"
            );
        }
    }
}

/// A plan as text, without `Span { ... }`.
fn without_places(text: &str) -> String {
    let mut rest = text;
    let mut plan = String::new();
    while let Some((before, after)) = rest.split_once("Span {") {
        plan += before;
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    plan + rest
}
