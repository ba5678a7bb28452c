//! `[output]`: what a run writes.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Fields, takes, word, words};
use isotherm_config::schema::{TableSpec, Takes, field, table};
use isotherm_config::tree::Value;
use isotherm_results::Format;

use crate::output::TRACES;
use crate::plan::OutputPlan;

/// `[output]`.
pub const OUTPUT: TableSpec = table(
    "[output]",
    "What a run writes besides `summary.json` and `manifest.toml`. It has no effect on what is \
     simulated.",
)
.with(&[
    field(
        "records",
        Takes::Words(|| words(RECORDS)),
        "The records, a row for each invocation. `--no-records` leaves them out whatever this \
         says.",
    )
    .default("\"csv\""),
    field(
        "timeseries",
        takes::<bool>(),
        "Whether time series are written: `timeseries.csv`, or `timeseries.parquet` if the records \
         are Parquet; up to 100 nodes also `timeseries-nodes`; and `timeseries-links` of the links \
         and disks.",
    )
    .default("false"),
    field(
        "events",
        takes::<bool>(),
        "Whether the event log of the platform is written: `events.jsonl`.",
    )
    .default("false"),
    field(
        "trace",
        Takes::Words(|| words(TRACE)),
        "The run as a timeline, for <https://ui.perfetto.dev> and other viewers of Chrome's trace \
         events.",
    )
    .default("\"none\""),
]);

const RECORDS: &[Choice<Option<Format>>] = &[
    word("csv", "`invocations.csv`", Some(Format::Csv)),
    word("parquet", "`invocations.parquet`", Some(Format::Parquet)),
    word("jsonl", "`invocations.jsonl`, a JSON object a line", Some(Format::Jsonl)),
    word("none", "no records", None),
];

const TRACE: &[Choice<Option<&str>>] = &[
    word("trace.json", "the file has this name", Some(TRACES[0])),
    word("trace.json.gz", "the same, compressed by gzip", Some(TRACES[1])),
    word("none", "no timeline", None),
];

/// Reads the table.
pub fn output(value: &Value, report: &Report) -> Option<OutputPlan> {
    let mut fields = Fields::of(value, &OUTPUT, report)?;
    let default = OutputPlan::default();
    let records = fields.choice_or("records", RECORDS, default.records).unwrap_or_default();
    let timeseries = fields.optional_or("timeseries", default.timeseries);
    let events = fields.optional_or("events", default.events);
    let trace = fields.choice_or("trace", TRACE, default.trace).unwrap_or_default();
    fields.finish();
    Some(OutputPlan { records, timeseries, events, trace })
}
