//! `limits` of functions: what a container may use.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, FromValue, Size, takes};
use isotherm_config::schema::{TableSpec, Takes, field, table, value};
use isotherm_config::source::Located;
use isotherm_config::tree::{Kind, Value};
use isotherm_kernel::Duration;
use isotherm_serverless::Limits;

use crate::check::draws::DRAWN;

const EXAMPLE: &str = "{ time = \"60s\", memory = \"512MB\", disk = \"1GB\" }";

/// The limits of a function.
pub const LIMITS: TableSpec = table("limits", "What a container of a function may use.").with(&[
    field("time", TIME_LIMIT, "How long a body may run."),
    field("memory", takes::<Size>(), "Memory of a container, more than zero.").like("\"512MB\""),
    field("disk", takes::<Size>(), "Disk space of a container.").like("\"1GB\"").default("\"0B\""),
]);

/// A duration of more than zero, or none.
const TIME_LIMIT: Takes = value("a duration of more than zero, or \"unlimited\"", "\"60s\"");

pub const DEFAULT_LIMITS: TableSpec =
    table("limits", "Limits of functions of which a file does not say them.").with(&[
        field("time", TIME_LIMIT, "How long a body may run.")
            .otherwise("the file must say it; bodies of a trace run as long as it says"),
        field("memory", A_DRAWN_SIZE, "Memory of a container, more than zero.")
            .otherwise("the file or the trace must say it"),
        field("disk", A_DRAWN_SIZE, "Disk space of a container.").default("\"0B\""),
    ]);

/// A size, or what it is drawn from for each function.
const A_DRAWN_SIZE: Takes = Takes::Either(&[value("a size", "\"512MB\""), Takes::Table(&DRAWN)]);

/// Reads the field `limits` of a function, which must be there.
pub fn required(fields: &mut Fields<'_>) -> Option<Limits> {
    fields.required_with("limits", EXAMPLE, read)
}

/// Reads the limits of a function.
fn read(value: &Value, report: &Report) -> Option<Limits> {
    let mut fields = Fields::of(value, &LIMITS, report)?;
    let time = fields.required::<Located<TimeLimit>>("time");
    let memory = fields.required::<Located<Size>>("memory");
    let disk = fields.optional_or("disk", Size(0));
    fields.finish();
    let (time, memory) = (time?, memory?);
    not_zero_time(&time, report);
    not_zero_memory(&memory, report);
    Some(Limits { time: time.value.0, memory_bytes: memory.value.0, disk_bytes: disk.0 })
}

/// Reports a time limit of zero.
fn not_zero_time(time: &Located<TimeLimit>, report: &Report) {
    if time.value.0.is_zero() {
        report.error(time.span, "a time limit of zero", "no body could ever complete");
    }
}

/// Reports a memory limit of zero.
fn not_zero_memory(memory: &Located<Size>, report: &Report) {
    if memory.value.0 == 0 {
        report.error(memory.span, "a memory limit of zero", "a container needs some memory");
    }
}

/// A duration, or `"unlimited"`.
pub struct TimeLimit(pub Duration);

impl FromValue for TimeLimit {
    const WHAT: &'static str = "a duration, or \"unlimited\"";
    const EXAMPLE: &'static str = "\"60s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::String(word) if word == "unlimited" => Some(TimeLimit(Duration::MAX)),
            _ => Duration::read(value, report).map(TimeLimit),
        }
    }
}

/// Limits of functions of which the file does not say them.
#[derive(Clone, Default)]
pub struct DefaultLimits {
    /// How long a body may run.
    pub time: Option<Duration>,
    /// Memory of a container.
    pub memory_bytes: Option<u64>,
    /// Disk space of a container.
    pub disk_bytes: u64,
}

impl FromValue for DefaultLimits {
    const WHAT: &'static str = "limits";
    const EXAMPLE: &'static str = EXAMPLE;

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, &DEFAULT_LIMITS, report)?;
        let time = fields.optional::<Located<TimeLimit>>("time");
        let memory = fields.optional::<Located<Size>>("memory");
        let disk = fields.optional_or("disk", Size(0));
        fields.finish();
        if let Some(time) = &time {
            not_zero_time(time, report);
        }
        if let Some(memory) = &memory {
            not_zero_memory(memory, report);
        }
        Some(DefaultLimits {
            time: time.map(|time| time.value.0),
            memory_bytes: memory.map(|memory| memory.value.0),
            disk_bytes: disk.0,
        })
    }
}
