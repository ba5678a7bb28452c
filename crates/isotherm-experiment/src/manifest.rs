//! The manifest of a run: `manifest.toml`, everything that the run was made of.
//!
//! It is the experiment file itself, with every constant default written out and everything that
//! was changed from outside (a sweep, `--seed`, `--set`) and every parameter put in: run it, and
//! the same results come out. It is written from the tree of the file and the
//! [descriptions](isotherm_config::resolve) of its fields. The files that the experiment names
//! (platform, functions, traces) are not in it; their paths are relative to the manifest. So the
//! manifest is the one file of a run whose bytes depend on where things are.
//!
//! The table `[manifest]` has what the rest does not: the version of Isotherm, what was changed
//! from outside, and the size of the platform. It has no effect on a run, but what was changed from
//! outside is copied into the results of a run of the manifest, so that these are the same to the
//! last byte. The table `[manifest.inputs]` has the [hashes](crate::hashes) of the files that the
//! experiment names, as they were when the run began: a run that one of them changes under fails.
//! What is no regular file is not in it. Comments below the first line are the warnings about the
//! run; a run of the manifest has the same ones. The table `[manifest.sha256]` is added when the
//! other files are complete ([`crate::results`]).

use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};

use isotherm_config::diagnostic::{Diagnostic, Report, visible};
use isotherm_config::resolve::{Resolver, constant, resolved};
use isotherm_config::schema::FamilySpec;
use isotherm_config::source::{Sources, Span};
use isotherm_config::tree::parameters::{self, PARAMETERS};
use isotherm_config::tree::{Entry, Kind, Table, Value, parse_toml};
use isotherm_config::write::{self, key, list, size, string, value};
use isotherm_serverless::Slots;

use crate::check::{EXPERIMENT, Setting, preset_defaults};
use crate::output::{MANIFEST, listing};
use crate::overrides::Overrides;
use crate::planned_run::PlannedRun;
use crate::policies::Kinds;

/// The field of `[manifest]` that names the policies of a run that were those of a program.
const OWN_POLICIES: &str = "own_policies";

/// The table in `[manifest]` with the files that the run has read.
pub(crate) const INPUTS: &str = "inputs";

/// A warning about the run in a manifest begins like this.
const WARNING: &str = "# warning: ";

/// A longer array of tables has a line for each of them.
const LONGEST_LINE: usize = 100;

/// The text of the manifest of a run whose results are in `folder`, without the hashes of its
/// files. `inputs` are the files that it reads, with their hashes, as far as these are known. The
/// error is a path that is not UTF-8.
pub fn manifest(
    run: &PlannedRun,
    sources: &Sources,
    folder: &Path,
    own_policies: &[String],
    inputs: &[(PathBuf, String)],
) -> Result<String, PathBuf> {
    let table = tree(run, sources);
    let paths = Paths { folder, no_text: RefCell::new(None) };
    let path = |path: &str, place: Span| paths.to(&path_of(path, place, run, sources));
    let kinds = &run.document.overrides.kinds;
    let also = |family: &FamilySpec, kind: &str| kinds.own_table(family, kind);
    let table = resolved(&table, &EXPERIMENT, &Resolver { path: &path, own_kind: &also });
    let mut about = String::new();
    self::about(run, &mut Section { text: &mut about });
    if !own_policies.is_empty() {
        let own = list(own_policies.iter().map(|policy| string(policy)));
        Section { text: &mut about }.field(OWN_POLICIES, own);
    }
    let inputs = inputs.iter().map(|(path, hash)| (paths.to(path), hash.clone()));
    let text = text(table, &about) + &listing::table(INPUTS, inputs.collect());
    paths.checked(text)
}

/// The text with warnings below its first line, each as a comment of one line.
pub fn with_warnings(mut text: String, warnings: &[String]) -> String {
    let comments: String =
        warnings.iter().map(|warning| format!("{WARNING}{}\n", visible(warning))).collect();
    let at = text.find('\n').map_or(text.len(), |end| end + 1);
    text.insert_str(at, &comments);
    text
}

/// The warnings in a manifest, which are those of its run.
pub fn warnings_of(text: &str) -> Vec<String> {
    let head = text.lines().take_while(|line| line.starts_with('#'));
    head.filter_map(|line| line.strip_prefix(WARNING)).map(str::to_owned).collect()
}

/// The text of a manifest as it is in another folder: its paths lead to the same files. The error
/// says what is wrong with it, or with a path.
pub fn moved(text: &str, from: &Path, to: &Path) -> Result<String, String> {
    let (body, hashes) = match text.find(listing::BEGIN) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (mut sources, report) = (Sources::default(), Report::default());
    let source = sources.add(MANIFEST, body);
    let root = parse_toml(source, body, &report);
    let Kind::Table(mut table) = root.kind else { return Err("it is no table".to_owned()) };
    if !report.is_empty() {
        return Err(report.into_diagnostics(sources).to_string());
    }
    let (mut about, mut inputs) = (String::new(), Vec::new());
    if let Some(Kind::Table(known)) = table.entry_mut("manifest").map(|entry| &mut entry.value.kind)
    {
        inputs = inputs_of(known);
        known.entries.retain(|entry| entry.key != INPUTS);
        Section { text: &mut about }.fields(known);
    }
    table.entries.retain(|entry| entry.key != "manifest");
    let paths = Paths { folder: to, no_text: RefCell::new(None) };
    let path = |path: &str, _: Span| paths.to(&from.join(path));
    let resolver = Resolver { path: &path, own_kind: &|_, _| None };
    let table = resolved(&table, &EXPERIMENT, &resolver);
    let inputs = inputs.into_iter().map(|(path, hash)| (paths.to(&from.join(path)), hash));
    let written = self::text(table, &about) + &listing::table(INPUTS, inputs.collect());
    let moved = paths.checked(with_warnings(written, &warnings_of(text)));
    let no_text = |path: PathBuf| format!("the way to `{}` is not UTF-8 text", path.display());
    Ok(moved.map_err(no_text)? + hashes)
}

/// The files that a run has read, with their hashes, from its table `[manifest]`; none if it does
/// not say them.
pub fn inputs_of(manifest: &Table) -> Vec<(String, String)> {
    let inputs = manifest.get(INPUTS).and_then(Value::table);
    let entries = inputs.into_iter().flat_map(|inputs| &inputs.entries);
    let text = |entry: &Entry| match &entry.value.kind {
        Kind::String(hash) => Some((entry.key.clone(), hash.clone())),
        _ => None,
    };
    entries.filter_map(text).collect()
}

/// The text of a manifest with this about itself.
fn text(table: Table, about: &str) -> String {
    let mut text = String::from(
        "# Everything that this run was made of. It is an experiment: `isotherm run` on it gives the same results again.\n\n",
    );
    let is_section = |value: &Value| match &value.kind {
        Kind::Array(values) => values.is_empty() || is_tables(values),
        kind => matches!(kind, Kind::Table(_)),
    };
    let (sections, top): (Vec<_>, Vec<_>) =
        table.entries.into_iter().partition(|entry| is_section(&entry.value));
    Section { text: &mut text }.fields(&Table { entries: top });
    Section::new("[manifest]", &mut text).text.push_str(about);
    for Entry { key, value, .. } in &sections {
        match &value.kind {
            Kind::Array(values) => {
                for table in values.iter().filter_map(Value::table) {
                    Section::new(&format!("[[{key}]]"), &mut text).fields(table);
                }
            }
            Kind::Table(table) if !table.entries.is_empty() => {
                Section::new(&format!("[{key}]"), &mut text).fields(table);
            }
            _ => {}
        }
    }
    text
}

/// What the results of a run depend on but its seed and the content of files that its files name.
/// `root` is the tree that it was planned from; `content` stands for a file.
pub fn identity(
    root: &Value,
    run: &PlannedRun,
    sources: &Sources,
    content: &dyn Fn(&Path) -> String,
) -> String {
    let mut table = completed(root.clone(), run);
    table.entries.retain(|entry| !["name", "seed"].contains(&entry.key.as_str()));
    let path = |path: &str, place: Span| content(&path_of(path, place, run, sources));
    let kinds = &run.document.overrides.kinds;
    let also = |family: &FamilySpec, kind: &str| kinds.own_table(family, kind);
    let table = resolved(&table, &EXPERIMENT, &Resolver { path: &path, own_kind: &also });
    write::table(&table)
}

/// The path of a file that an experiment names. One that was given on the command line means what
/// it means there.
fn path_of(path: &str, place: Span, run: &PlannedRun, sources: &Sources) -> PathBuf {
    match sources.get(place.source).is_argument {
        true => PathBuf::from(path),
        false => run.document.folder.join(path),
    }
}

/// The tree that a run was planned from, with everything filled in that is not in the file: values
/// of a sweep, parameters, the seed, and defaults that depend on the preset.
fn tree(run: &PlannedRun, sources: &Sources) -> Table {
    // All of this went well when the run was planned.
    let (mut sources, report) = (sources.clone(), Report::new(run.document.syntax));
    let Some((mut root, _)) = run.document.tree(&mut sources, &report) else {
        return Table::default();
    };
    for (path, value) in &run.changes {
        let _ = root.set(path, value.clone());
    }
    parameters::substitute(&mut root, &sources, &report);
    completed(root, run)
}

/// The tree of a run with its seed and the defaults that depend on its preset, without what has no
/// meaning for it.
fn completed(root: Value, run: &PlannedRun) -> Table {
    let Value { kind: Kind::Table(mut table), .. } = root else { return Table::default() };
    let others = [PARAMETERS, "sweep", "search", "manifest"];
    table.entries.retain(|entry| !others.contains(&entry.key.as_str()));
    table.entries.retain(|entry| entry.key != "seed");
    add(&mut table, "seed", &seed(run.plan.seed));
    if run.is_nameless {
        table.entries.retain(|entry| entry.key != "name");
        add(&mut table, "name", &string(&run.plan.name));
    }
    add(&mut table, "service", "{}");
    if let Some(Kind::Table(service)) =
        table.entry_mut("service").map(|service| &mut service.value.kind)
    {
        for (key, toml) in preset_defaults(run.plan.preset) {
            add(service, key, toml);
        }
    }
    table
}

/// Adds an entry that is not there, with a value that is given in TOML.
fn add(table: &mut Table, key: &str, toml: &str) {
    if table.entry(key).is_none()
        && let Some(value) = constant(toml)
    {
        table.entries.push(Entry { key: key.to_owned(), key_span: value.span, value });
    }
}

/// The policies of the run of a manifest that were those of a program.
pub fn own_policies(root: &Value) -> Vec<&str> {
    let own = own_policies_of(root).map(|own| &own.kind);
    let Some(Kind::Array(own)) = own else { return Vec::new() };
    let mut policies = Vec::new();
    for policy in own {
        if let Kind::String(text) = &policy.kind {
            policies.push(text.as_str());
        }
    }
    policies
}

fn own_policies_of(root: &Value) -> Option<&Value> {
    root.table()?.get("manifest")?.table()?.get(OWN_POLICIES)
}

/// Warns of a manifest that cannot repeat its run, because a program brought policies of its own
/// that are not of these kinds.
pub fn warn_of_own_policies(root: &Value, kinds: &Kinds, report: &Report) {
    let Some(own) = own_policies_of(root) else { return };
    let others = own_policies(root).iter().filter(|policy| !kinds.has(policy)).count();
    if others > 0 {
        report.warn(Diagnostic::at(
            own.span,
            "the run of this manifest had policies of the program that ran it",
            "a run of the file has those that the file names, so its results are others",
        ));
    }
}

/// A seed. TOML has no whole numbers as large as one may be.
fn seed(seed: u64) -> String {
    match i64::try_from(seed) {
        Ok(seed) => seed.to_string(),
        Err(_) => string(&seed.to_string()),
    }
}

/// A table that is being written.
struct Section<'a> {
    text: &'a mut String,
}

impl<'a> Section<'a> {
    fn new(header: &str, text: &'a mut String) -> Self {
        text.push_str(&format!("\n{header}\n"));
        Section { text }
    }

    fn field(&mut self, key: &str, value: String) {
        self.text.push_str(&format!("{key} = {value}\n"));
    }

    /// The fields of a table; an array of tables has a line for each if it is long.
    fn fields(&mut self, table: &Table) {
        for entry in &table.entries {
            let written = match &entry.value.kind {
                Kind::Array(values) if is_tables(values) => {
                    let lines = list(values.iter().map(value));
                    match lines.len() > LONGEST_LINE {
                        true => {
                            let line = |one: &Value| format!("\n    {},", value(one));
                            format!("[{}\n]", values.iter().map(line).collect::<String>())
                        }
                        false => lines,
                    }
                }
                _ => value(&entry.value),
            };
            self.field(&key(&entry.key), written);
        }
    }
}

fn is_tables(values: &[Value]) -> bool {
    !values.is_empty() && values.iter().all(|value| value.table().is_some())
}

/// Makes paths relative to a folder.
struct Paths<'a> {
    folder: &'a Path,
    /// The first one that cannot be written as text.
    no_text: RefCell<Option<PathBuf>>,
}

impl Paths<'_> {
    /// The path from the folder to a file. Absolute where they have nothing in common but the root.
    fn to(&self, file: &Path) -> String {
        let path = self.relative(file).unwrap_or_else(|| file.to_owned());
        // Slashes are understood everywhere.
        let parts: Option<Vec<_>> =
            path.components().map(|part| part.as_os_str().to_str()).collect();
        match parts {
            Some(parts) if path.is_relative() => parts.join("/"),
            Some(_) => path.display().to_string(),
            None => {
                self.no_text.borrow_mut().get_or_insert(path);
                String::new()
            }
        }
    }

    /// A text, if all paths in it are text.
    fn checked(self, text: String) -> Result<String, PathBuf> {
        match self.no_text.into_inner() {
            Some(path) => Err(path),
            None => Ok(text),
        }
    }

    fn relative(&self, file: &Path) -> Option<PathBuf> {
        let from = self.folder.canonicalize().ok()?;
        // A link stays one: what a file names beside itself is beside the link.
        let to = match file.file_name() {
            Some(name) => crate::output::folder_of(file).canonicalize().ok()?.join(name),
            None => file.canonicalize().ok()?,
        };
        let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
        if !from.components().take(common).any(|part| matches!(part, Component::Normal(_))) {
            return Some(to);
        }
        let up = from.components().skip(common).map(|_| Component::ParentDir);
        Some(up.chain(to.components().skip(common)).collect())
    }
}

/// What the rest of the manifest does not say.
fn about(run: &PlannedRun, section: &mut Section<'_>) {
    let plan = &run.plan;
    let settings = run.changed();
    section.field("isotherm", string(env!("CARGO_PKG_VERSION")));
    if !settings.is_empty() {
        let entry =
            |setting: &Setting| format!("{} = {}", key(&setting.path), string(&setting.shown));
        let settings: Vec<_> = settings.iter().map(entry).collect();
        section.field("sweep", format!("{{ {} }}", settings.join(", ")));
    }
    let nothing = Overrides::default();
    let Overrides { seed, set, .. } =
        if run.is_nameless { &nothing } else { &run.document.overrides };
    if let Some(seed) = seed.or(run.earlier.seed) {
        section.field("seed", self::seed(seed));
    }
    let set = set.iter().map(|(path, value)| format!("{path}={value}"));
    let set: Vec<String> = run.earlier.set.iter().cloned().chain(set).collect();
    if !set.is_empty() {
        section.field("set", list(set.iter().map(|set| string(set))));
    }
    let nodes = || plan.hosts.nodes.iter().map(|&node| (node, plan.platform.host(node)));
    let cores: u64 = nodes().map(|(_, host)| u64::from(host.cores)).sum();
    let memory = nodes().try_fold(0u64, |sum, (_, host)| sum.checked_add(host.memory?));
    let slots = match plan.service.slots {
        Slots::Cores => cores.to_string(),
        Slots::Count(slots) => (u64::from(slots) * nodes().count() as u64).to_string(),
        Slots::Unlimited => string("unlimited"),
    };
    section.field("hosts", plan.platform.hosts().len().to_string());
    section.field("links", plan.platform.links().len().to_string());
    section.field("compute_hosts", nodes().count().to_string());
    section.field("cores", cores.to_string());
    section.field("slots", slots);
    section.field("memory", memory.map_or_else(|| string("unlimited"), size));
}
