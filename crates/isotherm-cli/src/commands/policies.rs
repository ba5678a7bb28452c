//! `isotherm policies`

use isotherm_config::hint::suggestion;
use isotherm_config::schema::{Absent, FamilySpec, Field, TableSpec, Takes};
use isotherm_experiment::check::unless_named;
use isotherm_experiment::policies::{example, families};
use serde_json::{Value, json};

use crate::Status;
use crate::arguments::PoliciesArguments;
use crate::terminal::Terminal;

/// A sort of policies, with those of it that are shown.
struct ShownFamily {
    path: &'static str,
    family: &'static FamilySpec,
    kinds: Vec<&'static TableSpec>,
}

/// Lists the built-in policies with their parameters.
pub fn run(arguments: &PoliciesArguments) -> Result<(), Status> {
    let shown = chosen(arguments.name.as_deref()).map_err(|message| Terminal::refuse(&message))?;
    let text = match arguments.json {
        true => format!("{:#}", as_json(&shown)),
        false => as_text(&shown, arguments.name.is_some()),
    };
    let mut terminal = Terminal::new();
    terminal.line(text.trim_end());
    terminal.done()
}

/// All policies, those of one sort, or those of one name.
fn chosen(name: Option<&str>) -> Result<Vec<ShownFamily>, String> {
    let all = families().into_iter().map(|(path, family)| ShownFamily {
        path,
        family,
        kinds: (family.kinds)(),
    });
    let all: Vec<ShownFamily> = all.collect();
    let Some(name) = name else { return Ok(all) };
    let names: Vec<&str> = all
        .iter()
        .flat_map(|one| one.kinds.iter().map(|kind| kind.title).chain([one.family.name, one.path]))
        .collect();
    let shown =
        all.into_iter().filter_map(|one| match name == one.family.name || name == one.path {
            true => Some(one),
            false => {
                let kinds: Vec<_> =
                    one.kinds.into_iter().filter(|kind| kind.title == name).collect();
                (!kinds.is_empty()).then_some(ShownFamily { kinds, ..one })
            }
        });
    let shown: Vec<ShownFamily> = shown.collect();
    if shown.is_empty() {
        let hint = suggestion(name, names.iter().copied())
            .unwrap_or_else(|| "`isotherm policies` lists them".to_owned());
        return Err(format!("error: there is no policy `{name}`\n{hint}"));
    }
    Ok(shown)
}

/// How a parameter is written, and what holds without it.
fn takes(field: &Field) -> String {
    let absent = match field.absent {
        Absent::Error => "required".to_owned(),
        Absent::Default(value) => format!("default {value}"),
        Absent::Otherwise(what) => format!("if absent: {what}"),
    };
    match &field.takes {
        Takes::Words(words) => {
            let words: Vec<_> = words().iter().map(|word| format!("\"{}\"", word.name)).collect();
            format!("one of {}; {absent}", words.join(", "))
        }
        // What is written in code already shows how.
        Takes::Value { what, .. } if what.starts_with('`') => format!("{what}; {absent}"),
        Takes::Value { what, example } => format!("{what}, such as {example}; {absent}"),
        other => format!("{}; {absent}", other.example()),
    }
}

fn as_text(shown: &[ShownFamily], closely: bool) -> String {
    let width = shown
        .iter()
        .flat_map(|one| &one.kinds)
        .map(|kind| kind.title.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for one in shown {
        let default = one.family.default_kind();
        text += &format!("{}: {}\n", one.path, one.family.doc);
        for kind in &one.kinds {
            text += &format!("  {:width$}  {}\n", kind.title, kind.doc);
            for field in kind.fields {
                text += &format!("  {:width$}    {}: {}\n", "", field.key, field.doc);
                text += &format!(
                    "  {:width$}    {:indent$}  {}\n",
                    "",
                    "",
                    takes(field),
                    indent = field.key.len()
                );
                if let (Takes::Words(words), true) = (&field.takes, closely) {
                    for word in words() {
                        text += &format!(
                            "  {:width$}    {:indent$}  {}: {}\n",
                            "",
                            "",
                            word.name,
                            word.doc,
                            indent = field.key.len()
                        );
                    }
                }
            }
            if closely {
                text += &format!("  {:width$}  {} = {}\n", "", one.family.name, written(kind));
            }
        }
        if let (Some(policy), false) = (unless_named(one.family), closely) {
            text += &format!("  {:width$}  (default: {})\n", "", policy.replace(['`', '"'], ""));
        }
        if let (Some(kind), false) = (default, closely) {
            text += &format!("  {:width$}  (a table without `kind` is `{kind}`)\n", "");
        }
        text.push('\n');
    }
    if !closely {
        text += "`isotherm policies NAME` shows one policy in detail; docs/policies.md says when to choose which.\n";
    }
    text
}

/// An example of the policy in an experiment file.
fn written(kind: &TableSpec) -> String {
    match kind.fields {
        [] => format!("\"{}\"", kind.title),
        _ => example(kind),
    }
}

fn as_json(shown: &[ShownFamily]) -> Value {
    let policies = shown.iter().flat_map(|one| one.kinds.iter().map(move |kind| (one, kind)));
    let policies = policies.map(|(one, kind)| {
        let parameters: Vec<_> = kind.fields.iter().map(parameter).collect();
        json!({
            "field": one.path, "kind": kind.title, "doc": kind.doc, "example": written(kind), "parameters": parameters,
            "unless_named": unless_named(one.family),
        })
    });
    policies.collect()
}

fn parameter(field: &Field) -> Value {
    let mut parameter =
        json!({ "name": field.key, "doc": field.doc, "example": field.takes.example() });
    match field.takes {
        Takes::Value { what, .. } => parameter["takes"] = what.into(),
        Takes::Words(words) => {
            let words =
                words().into_iter().map(|word| json!({ "name": word.name, "doc": word.doc }));
            parameter["takes"] = words.collect();
        }
        _ => parameter["takes"] = Value::Null,
    }
    match field.absent {
        Absent::Error => parameter["required"] = true.into(),
        Absent::Default(value) => parameter["default"] = value.into(),
        Absent::Otherwise(what) => parameter["without_it"] = what.into(),
    }
    parameter
}
