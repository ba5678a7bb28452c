//! `window` and `limit` of a workload that reads a trace: which part of it is played.

use isotherm_config::fields::{Count, Fields, takes};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table};
use isotherm_config::source::Located;
use isotherm_kernel::{Duration, Time};
use isotherm_workload::Part;

use crate::check::invoked::date;

/// `window`
pub const WINDOW: Field = field(
    "window",
    Takes::Table(&WINDOW_TABLE),
    "The part of the trace that is played, counted from its beginning (or its `origin`). Arrivals \
     count from the beginning of the window.",
)
.otherwise("all of it");

const WINDOW_TABLE: TableSpec = table("window", "A part of a trace, counted from its beginning.")
    .with(&[
        field("from", takes::<Duration>(), "Where it begins.").default("\"0s\""),
        field("until", takes::<Duration>(), "Where it ends: what arrives then is left out.")
            .like("\"10h\"")
            .otherwise("the end of the trace"),
    ]);

/// `limit`
pub const LIMIT: Field =
    field("limit", takes::<Count>(), "Only so many invocations are played, the first ones.")
        .like("10_000")
        .otherwise("all of them");

/// Reads `window` and `limit` of a workload that perhaps ends `until` a date of the simulation.
pub fn read(fields: &mut Fields<'_>, until: Option<Duration>) -> Part {
    let mut part = Part::default();
    if let Some(limit) = fields.optional::<Count>("limit") {
        part.most = u64::from(limit.0);
    }
    if let Some(entry) = fields.entry("window")
        && let Some(mut window) = Fields::of(&entry.value, &WINDOW_TABLE, fields.report())
    {
        part.from = window.optional::<Duration>("from").map_or(Time::ZERO, date);
        if let Some(until) = window.optional::<Located<Duration>>("until") {
            part.until = date(until.value);
            if part.until <= part.from {
                let message = "this workload is empty";
                fields.report().error(until.span, message, "the window ends before it begins");
            }
        }
        window.finish();
    }
    if let Some(until) = until {
        part.until = part.until.min(part.from + until);
    }
    part
}
