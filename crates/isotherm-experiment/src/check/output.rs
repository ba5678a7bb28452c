//! `[output]`: what a run writes.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Fields, FromValue, takes, word, words};
use isotherm_config::hint::{list, suggestion};
use isotherm_config::schema::{TableSpec, Takes, field, table};
use isotherm_config::source::Located;
use isotherm_config::tree::Value;
use isotherm_results::{Format, Paper};

use crate::output::TRACES;
use crate::plan::OutputPlan;

/// `[output]`.
pub const OUTPUT: TableSpec = table(
    "[output]",
    "What a run writes besides `summary.json`, `functions.csv`, `nodes.csv` and `manifest.toml`. It \
     has no effect on what is simulated.",
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
    field(
        "metrics",
        takes::<Vec<PaperName>>(),
        "The papers whose metrics are in `summary.json` (`literature`), and so in the tables of a \
         sweep: `sitw` (Shahrad et al., ATC 2020), `faascache` (ASPLOS 2021), `cidre` (ASPLOS \
         2025), `femux` (EuroSys 2026).",
    )
    .like("[\"sitw\", \"femux\"]")
    .default("[]"),
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

/// A paper by its name.
struct PaperName(Paper);

impl FromValue for PaperName {
    const WHAT: &'static str = "the name of a paper";
    const EXAMPLE: &'static str = "\"sitw\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let name = Located::<String>::read(value, report)?;
        let known = Paper::ALL.into_iter().find(|paper| paper.name() == name.value);
        if known.is_none() {
            let names = Paper::ALL.map(Paper::name);
            let hint = suggestion(&name.value, names)
                .unwrap_or_else(|| format!("there are {}", list(&names)));
            report.error(name.span, format!("unknown metrics `{}`", name.value), hint);
        }
        known.map(PaperName)
    }
}

/// Reads the table.
pub fn output(value: &Value, report: &Report) -> Option<OutputPlan> {
    let mut fields = Fields::of(value, &OUTPUT, report)?;
    let default = OutputPlan::default();
    let records = fields.choice_or("records", RECORDS, default.records).unwrap_or_default();
    let timeseries = fields.optional_or("timeseries", default.timeseries);
    let events = fields.optional_or("events", default.events);
    let trace = fields.choice_or("trace", TRACE, default.trace).unwrap_or_default();
    let metrics = fields.optional_or("metrics", Vec::<PaperName>::new());
    fields.finish();
    let mut metrics: Vec<_> = metrics.into_iter().map(|PaperName(paper)| paper).collect();
    metrics.sort_unstable();
    metrics.dedup();
    Some(OutputPlan { records, timeseries, events, trace, metrics })
}
