//! `[search]`: the least value of a field that fulfils constraints.
//!
//! ```toml
//! [search]
//! minimize = "platform.nodes.count"
//! within = "1..=500"
//! subject_to = ["response.p99 < 1s", "cold_share < 1%"]
//! ```

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, FromValue};
use isotherm_config::schema::{TableSpec, Takes, field, table, value};
use isotherm_config::source::Located;
use isotherm_config::tree::{Kind, Value};
use isotherm_config::units;

/// So many values are halved down to one in 28 steps, which with both ends are 30 probes.
const MOST_VALUES: u64 = 1 << 28;

/// `[search]`
pub const SEARCH: TableSpec = table(
    "[search]",
    "What `isotherm search` finds: the least value that fulfils constraints. No run uses it.",
)
.with(&[
    field(
        "minimize",
        value("the path of a field that takes whole numbers", "\"platform.nodes.count\""),
        "The field.",
    ),
    field("within", RANGE, "The values that it may have, ends included."),
    field(
        "subject_to",
        Takes::Value { what: "an array of constraints", example: "[\"response.p99 < 1s\"]" },
        "What must hold: a metric, `<` or `>`, and a number, a percentage or a duration. The \
         metrics are those of `isotherm compare`.",
    ),
]);

const RANGE: Takes = value("a range of whole numbers", "\"1..=500\"");

/// What is searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The path of the field.
    pub minimize: String,
    /// The least value.
    pub low: u64,
    /// The largest value.
    pub high: u64,
    /// What must hold.
    pub subject_to: Vec<Constraint>,
}

/// What must hold of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// As it is written.
    pub text: String,
    /// The name of the metric.
    pub metric: String,
    /// Whether it must be below the bound, or else above it.
    pub is_below: bool,
    /// The bound, in the unit of the metric.
    pub bound: f64,
}

/// Reads `[search]`.
pub fn search(value: &Value, report: &Report) -> Option<Search> {
    let mut fields = Fields::of(value, &SEARCH, report)?;
    let minimize = fields.required::<String>("minimize");
    let within = fields.required::<Located<Range>>("within");
    let constraints = fields.required::<Located<Vec<Constraint>>>("subject_to");
    fields.finish();
    let within = within.and_then(|Located { value: Range(low, high), span }| {
        if low > high || high - low >= MOST_VALUES {
            let hint = format!("write it like \"1..=500\", with at most {MOST_VALUES} values");
            return report.refuse(span, "a search cannot have this range", hint);
        }
        Some((low, high))
    });
    let subject_to = constraints.and_then(|Located { value, span }| {
        if value.is_empty() {
            let hint = "without constraints the least value is the answer";
            return report.refuse(span, "there is no constraint", hint);
        }
        Some(value)
    });
    let (low, high) = within?;
    Some(Search { minimize: minimize?, low, high, subject_to: subject_to? })
}

/// A range of whole numbers, ends included.
struct Range(u64, u64);

impl FromValue for Range {
    const WHAT: &'static str = "a range of whole numbers";
    const EXAMPLE: &'static str = "\"1..=500\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let ends = match &value.kind {
            Kind::String(text) => text.split_once("..="),
            _ => None,
        };
        let number = |text: &str| text.trim().replace('_', "").parse().ok();
        match ends.and_then(|(low, high)| Some(Range(number(low)?, number(high)?))) {
            None => report.refuse(value.span, "this is no range", "write it like \"1..=500\""),
            range => range,
        }
    }
}

impl FromValue for Constraint {
    const WHAT: &'static str = "a constraint";
    const EXAMPLE: &'static str = "\"response.p99 < 1s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let Kind::String(text) = &value.kind else {
            let hint = "write it like \"response.p99 < 1s\"";
            return report.refuse(value.span, "a constraint is a string", hint);
        };
        let read = || {
            let (metric, bound) = text.split_once(['<', '>'])?;
            Some(Constraint {
                text: text.clone(),
                metric: metric.trim().to_owned(),
                is_below: text.contains('<'),
                bound: number(bound.trim())?,
            })
        };
        match read() {
            None => {
                let hint = "write it like \"response.p99 < 1s\" or \"cold_share < 1%\"";
                report.refuse(value.span, "this is no constraint", hint)
            }
            constraint => constraint,
        }
    }
}

/// A number, a percentage or a duration in seconds.
fn number(text: &str) -> Option<f64> {
    if let Some(percent) = text.strip_suffix('%') {
        return percent.trim().parse::<f64>().ok().map(|percent| percent / 100.0);
    }
    let plain = text.parse::<f64>().ok().filter(|number| number.is_finite());
    plain.or_else(|| units::duration(text).ok().map(|time| time.as_secs_f64()))
}
