//! Bodies of functions: lists of steps such as `{ sleep = "5s" }` or
//! `{ write = "20MB", file = "thumbnail" }`.

use isotherm_config::fields::{Fields, Size, Work, takes};
use isotherm_config::hint::{list, suggestion};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table, value};
use isotherm_config::source::Located;
use isotherm_config::tree::{Kind, Value};

use crate::check::context::Context;
use crate::check::distribution::A_DURATION;
use crate::duration_distribution::DurationDistribution;
use crate::plan::{Body, StepPlan};

const A_FILE: Field = field("file", value("a name", "\"thumbnail\""), "The name of the file.")
    .otherwise("files without a name are numbered");

const A_STORAGE: Takes = value("the name of a storage", "\"repository\"");

/// The description of a kind of step, identified by its first field.
const fn step(doc: &'static str, fields: &'static [Field]) -> TableSpec {
    table("a step", doc).with(fields)
}

/// The kinds of steps. The first field of each is its verb, which identifies the kind.
pub const STEPS: &[&TableSpec] = &[
    &step(
        "Lets time pass.",
        &[field("sleep", A_DURATION, "How long; if it is random, drawn for each invocation.")],
    ),
    &step(
        "Computes on one core.",
        &[field("compute", takes::<Work>(), "How many floating-point operations.")],
    ),
    &step(
        "Writes a file to the private storage of the container, which is wiped when the body ends.",
        &[field("write", takes::<Size>(), "How large it is."), A_FILE],
    ),
    &step(
        "Reads a file that the body has written to its private storage.",
        &[field("read", value("a name", "\"thumbnail\""), "The name of the file.")],
    ),
    &step(
        "Reads a file of a storage into memory.",
        &[
            field("fetch", value("a name", "\"photo\""), "The name of the file."),
            field("from", A_STORAGE, "The storage."),
        ],
    ),
    &step(
        "Writes a file from memory to a storage.",
        &[
            field("put", takes::<Size>(), "How large it is."),
            A_FILE,
            field("to", A_STORAGE, "The storage."),
        ],
    ),
    &step(
        "Invokes another function and waits until it has ended.",
        &[field("invoke", value("the name of a function", "\"predict\""), "The function.")],
    ),
];

/// A step whose kind is not yet known.
const STEP: TableSpec = step("A step.", &[]);

/// The first fields of all kinds of steps, in the order of the reference.
fn verbs() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.fields[0].key).collect()
}

/// Reads a list of steps.
pub fn body(value: &Value, context: &Context<'_>) -> Option<Vec<StepPlan>> {
    let Kind::Array(steps) = &value.kind else {
        let message = format!("a body must be a list of steps, not {}", value.kind.description());
        return context.report.refuse(
            value.span,
            message,
            format!("write it like {}", context.report.example("[{ sleep = \"5s\" }]")),
        );
    };
    let mut body = BodyReader { context, files_written: 0, private_files: Vec::new() };
    let steps: Vec<_> = steps.iter().map(|step| body.step(step)).collect();
    steps.into_iter().collect()
}

/// Reads the steps of a body in order.
struct BodyReader<'a, 'c> {
    context: &'c Context<'a>,
    /// The number of `write` and `put` steps so far, which numbers files without a name.
    files_written: usize,
    /// The files on the private storage before this step.
    private_files: Vec<String>,
}

impl BodyReader<'_, '_> {
    fn step(&mut self, value: &Value) -> Option<StepPlan> {
        let report = self.context.report;
        let mut fields = Fields::of(value, &STEP, report)?;
        let steps: Vec<_> = STEPS.iter().filter(|step| fields.has(step.fields[0].key)).collect();
        let step = match steps[..] {
            [spec] => {
                fields.proceed_as(spec);
                self.read_verb(spec.fields[0].key, &mut fields)
            }
            [] => {
                self.report_no_verb(value);
                return None;
            }
            [_, second, ..] => {
                let verbs: Vec<_> = steps.iter().map(|step| step.fields[0].key).collect();
                let message = format!("a step does one thing, and this one has {}", list(&verbs));
                fields.proceed_as(second);
                let place = fields.entry(second.fields[0].key)?.key_span;
                return report.refuse(place, message, "write two steps");
            }
        };
        fields.finish();
        step
    }

    /// Reads the fields of a step of the kind `verb`.
    fn read_verb(&mut self, verb: &str, fields: &mut Fields<'_>) -> Option<StepPlan> {
        match verb {
            "sleep" => {
                let distribution = fields.required::<DurationDistribution>("sleep")?;
                Some(
                    distribution
                        .fixed()
                        .map_or_else(|| StepPlan::SleepRandom(distribution), StepPlan::Sleep),
                )
            }
            "compute" => Some(StepPlan::Compute(fields.required::<Work>("compute")?.0)),
            "write" => {
                let bytes = fields.required::<Size>("write");
                let file = self.file_name(fields);
                self.private_files.push(file.clone());
                Some(StepPlan::Write { file, bytes: bytes?.0 })
            }
            "read" => {
                let file = fields.required::<Located<String>>("read")?;
                self.check_private_file(&file);
                Some(StepPlan::Read { file: file.value })
            }
            "fetch" => {
                let file = fields.required::<Located<String>>("fetch");
                let storage = self.storage(fields, "from");
                let file = file?;
                let storage = storage?;
                self.context.needs.borrow_mut().fetched.push((storage, file.clone()));
                Some(StepPlan::Fetch { storage, file: file.value })
            }
            "put" => {
                let bytes = fields.required::<Size>("put");
                let file = self.file_name(fields);
                let storage = self.storage(fields, "to")?;
                self.context.needs.borrow_mut().put.push((storage, file.clone()));
                Some(StepPlan::Put { storage, file, bytes: bytes?.0 })
            }
            "invoke" => {
                let name = fields.required::<Located<String>>("invoke")?;
                let function = self.context.functions.resolve(&name, self.context.report)?;
                let place = Located { value: function, span: name.span };
                self.context.needs.borrow_mut().invoked.push(place);
                Some(StepPlan::Invoke { function })
            }
            _ => None,
        }
    }

    /// The name of the file that a step writes: given, or numbered in the order of writes.
    fn file_name(&mut self, fields: &mut Fields<'_>) -> String {
        self.files_written += 1;
        let number = self.files_written;
        fields.optional::<String>("file").unwrap_or_else(|| format!("file-{number}"))
    }

    fn storage(&self, fields: &mut Fields<'_>, key: &'static str) -> Option<usize> {
        let name = fields.required::<Located<String>>(key)?;
        self.context.storages.resolve(&name, self.context.report)
    }

    /// Reports a read of a file that no earlier step writes: the private storage is empty when a
    /// body begins.
    fn check_private_file(&self, file: &Located<String>) {
        if self.private_files.contains(&file.value) {
            return;
        }
        let hint = suggestion(&file.value, self.private_files.iter().map(String::as_str))
            .unwrap_or_else(|| "no step before this one writes it".to_owned());
        let message = format!("there is no file `{}` to read", file.value);
        self.context.report.error(file.span, message, hint);
    }

    /// Reports a step without a known verb.
    fn report_no_verb(&self, value: &Value) {
        let report = self.context.report;
        let verbs = verbs();
        let first = match &value.kind {
            Kind::Table(table) => table.entries.first(),
            _ => None,
        };
        match first {
            Some(entry) => {
                let hint = suggestion(&entry.key, verbs.iter().copied())
                    .unwrap_or_else(|| format!("a step is one of {}", list(&verbs)));
                report.error(entry.key_span, format!("unknown step `{}`", entry.key), hint);
            }
            None => {
                report.error(
                    value.span,
                    "an empty step",
                    format!("a step is one of {}", list(&verbs)),
                );
            }
        }
    }
}

/// Reads the field `body`; `None` if it is absent or wrong.
pub fn optional_body(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Body> {
    let entry = fields.entry("body")?;
    body(&entry.value, context).map(Into::into)
}
