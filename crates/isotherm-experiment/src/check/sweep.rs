//! `[sweep]`: the same experiment with some fields changed, once for each combination of values.
//!
//! ```toml
//! [sweep]
//! service.reuse = ["newest", "oldest"]
//! service.startup = ["0.1s", "1s"]
//! ```
//!
//! makes four variants. A value of the sweep takes the place of the field in the tree before the
//! file is checked, so that an error in it is shown where it is written.

use isotherm_config::diagnostic::Report;
use isotherm_config::source::{Sources, Span};
use isotherm_config::tree::{Kind, Path, Step, Table, Value, parameters};

use crate::check::service;

/// More variants than this are not meant.
const MAX_VARIANTS: usize = 10_000;

/// One field and the value it has in a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The path of the field, such as `service.reuse`.
    pub path: String,
    /// Its value as it is shown: a string without quotes, anything else as it is written.
    pub shown: String,
}

impl Setting {
    /// What the value means, in a few words, if it needs any.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        service::meaning(&self.path, &self.shown)
    }
}

/// One combination of values, and the file with them in place.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What was changed; empty if the file has no sweep.
    pub settings: Vec<Setting>,
    /// The values that were put into their places.
    pub changes: Vec<(Path, Value)>,
    /// The tree with the changes.
    pub root: Value,
}

struct Axis<'a> {
    path: Path,
    place: Span,
    values: &'a [Value],
}

/// All variants of a file, the first field of the sweep changing slowest: the file itself if there
/// is no sweep. Fields that were set from outside of the file are not tried with other values.
pub fn variants(root: &Value, set: &[Path], sources: &Sources, report: &Report) -> Vec<Variant> {
    let plain = Variant { settings: Vec::new(), changes: Vec::new(), root: root.clone() };
    let Kind::Table(table) = &root.kind else { return vec![plain] };
    let Some(sweep) = table.get("sweep") else { return vec![plain] };
    let mut axes = Vec::new();
    match &sweep.kind {
        Kind::Table(table) => gather(table, &[], root, &mut axes, report),
        other => {
            let message = format!("`[sweep]` must be a table, not {}", other.description());
            report.error(
                sweep.span,
                message,
                "write it like service.reuse = [\"newest\", \"oldest\"]",
            );
        }
    }
    axes.retain(|axis| !set.iter().any(|path| path.to_string() == axis.path.to_string()));
    let count = axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > MAX_VARIANTS) {
        let hint = format!("at most {MAX_VARIANTS} are run");
        report.error(sweep.span, "this sweep has too many combinations", hint);
        return Vec::new();
    }
    let mut variants = vec![plain];
    for axis in &axes {
        variants = variants
            .iter()
            .flat_map(|variant| {
                axis.values.iter().map(|value| changed(variant, axis, value, sources, report))
            })
            .collect();
    }
    variants
}

/// Tables inside the sweep lead on to fields; lists are the values of a field.
fn gather<'a>(
    table: &'a Table,
    before: &[Step],
    root: &Value,
    axes: &mut Vec<Axis<'a>>,
    report: &Report,
) {
    for entry in &table.entries {
        let mut steps = before.to_vec();
        steps.push(Step { name: entry.key.clone(), span: entry.key_span });
        match &entry.value.kind {
            Kind::Table(table) => gather(table, &steps, root, axes, report),
            Kind::Array(values) if !values.is_empty() => {
                let path = parameters::resolve(Path { steps }, root);
                axes.push(Axis { path, place: entry.key_span, values });
            }
            Kind::Array(_) => {
                let path = Path { steps };
                report.error(
                    entry.value.span,
                    format!("no values for `{path}`"),
                    "give at least one",
                );
            }
            other => {
                let message =
                    format!("a field of a sweep takes a list, not {}", other.description());
                report.error(entry.value.span, message, "write it like [\"newest\", \"oldest\"]");
            }
        }
    }
}

fn changed(
    variant: &Variant,
    axis: &Axis<'_>,
    value: &Value,
    sources: &Sources,
    report: &Report,
) -> Variant {
    let mut changed = variant.clone();
    if let Err(error) = changed.root.set(&axis.path, value.clone()) {
        let hint = format!(
            "{}{}{}",
            error.message,
            if error.hint.is_empty() { "" } else { ": " },
            error.hint
        );
        report.error(axis.place, format!("`{}` cannot be set", axis.path), hint);
    }
    let shown = match &value.kind {
        Kind::String(text) => text.clone(),
        _ => sources
            .get(value.span.source)
            .text
            .get(value.span.range())
            .unwrap_or_default()
            .to_owned(),
    };
    changed.changes.push((axis.path.clone(), value.clone()));
    changed.settings.push(Setting { path: axis.path.to_string(), shown });
    changed
}
