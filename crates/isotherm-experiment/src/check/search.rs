//! `[search]`: the least value of a field that fulfils constraints.
//!
//! ```toml
//! [search]
//! minimize = "platform.nodes.count"
//! within = "1..=500"
//! subject_to = ["response.p99 < 1s", "cold_share < 1%"]
//! ```

use isotherm_config::diagnostic::{Report, thousands};
use isotherm_config::fields::{Fields, FromValue};
use isotherm_config::ranges::{self, Grid};
use isotherm_config::schema::{TableSpec, Takes, field, table, value};
use isotherm_config::source::{Located, Span};
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
    field("minimize", value("the path of a field", "\"platform.nodes.count\""), "The field."),
    field(
        "within",
        value("a range, ends included, or an array of values", "\"1..=500\""),
        "The values that it may have: a range of numbers or of quantities such as \
         `\"0s..=1h\"`, or values in the order in which they are searched: `[1, 2, 4, 8]`, \
         `\"geom(64MB, 4GB, 7)\"`.",
    ),
    field(
        "resolution",
        value("a number, a quantity or a percentage", "\"1s\""),
        "How far the values of a range are apart. The answer and the value below it are both \
         decided.",
    )
    .otherwise("one unit if both ends of the range are whole numbers of one unit, else 1 %"),
    field(
        "subject_to",
        Takes::Value { what: "an array of constraints", example: "[\"response.p99 < 1s\"]" },
        "What must hold: a metric, `<` or `>`, and a number, a percentage or a duration. The \
         metrics are those of `isotherm compare`.",
    ),
]);

/// What is searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The path of the field.
    pub minimize: String,
    /// Where the path is written.
    pub place: Span,
    /// The values that it may have.
    pub within: Candidates,
    /// What must hold.
    pub subject_to: Vec<Constraint>,
}

/// The values among which the least is searched, in their order: at least one.
#[derive(Clone, Debug, PartialEq)]
pub enum Candidates {
    /// Those of a range.
    Grid(Grid),
    /// Those of a list.
    List(Vec<Kind>),
}

impl Candidates {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Candidates::Grid(grid) => grid.count(),
            Candidates::List(values) => values.len() as u64,
        }
    }

    /// The value of this index; the last one for indices that are too high.
    #[must_use]
    pub fn get(&self, index: u64) -> Kind {
        match self {
            Candidates::Grid(grid) => grid.get(index),
            Candidates::List(values) => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                values.get(index).or(values.last()).cloned().unwrap_or(Kind::Null)
            }
        }
    }
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
    /// The bound: a duration in seconds, a percentage as a fraction.
    pub bound: f64,
    /// How the bound is written.
    pub unit: Unit,
    /// Where it is written.
    pub place: Span,
}

/// How the bound of a constraint is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As a number.
    Number,
    /// As a percentage.
    Percent,
    /// As a duration.
    Duration,
}

/// Fields in which runs do not differ, or of which each value has its own.
const NOT_SEARCHED: [&str; 4] = ["name", "seed", "search", "sweep"];

/// Reads `[search]`.
pub fn search(value: &Value, report: &Report) -> Option<Search> {
    let mut fields = Fields::of(value, &SEARCH, report)?;
    let minimize = fields.required::<Located<String>>("minimize");
    let within = fields.required::<Located<Within>>("within");
    let resolution = fields.optional::<Located<Resolution>>("resolution");
    let constraints = fields.required::<Located<Vec<Constraint>>>("subject_to");
    fields.finish();
    let within = within.and_then(|within| candidates(within, resolution, report));
    let subject_to = constraints.and_then(|Located { value, span }| {
        if value.is_empty() {
            let hint = "without constraints the least value is the answer";
            return report.refuse(span, "there is no constraint", hint);
        }
        Some(value)
    });
    let minimize = minimize.and_then(|Located { value, span }| {
        if NOT_SEARCHED.contains(&value.split('.').next().unwrap_or_default()) {
            let hint = "name a field that changes what is simulated; all values are run with the \
                        same seeds";
            return report.refuse(span, format!("`{value}` cannot be searched"), hint);
        }
        Some((value, span))
    });
    let ((minimize, place), within, subject_to) = (minimize?, within?, subject_to?);
    Some(Search { minimize, place, within, subject_to })
}

/// What is written as the values of a field.
enum Within {
    Text(String),
    List(Vec<Kind>),
}

/// As it is written.
struct Resolution(String);

fn candidates(
    within: Located<Within>,
    resolution: Option<Located<Resolution>>,
    report: &Report,
) -> Option<Candidates> {
    let span = within.span;
    let text = match within.value {
        Within::Text(text) if text.contains("..") => text,
        listed => {
            if let Some(Located { span, .. }) = resolution {
                let hint = "remove it: the values are those that are listed";
                return report.refuse(span, "only a range has a resolution", hint);
            }
            let values = match listed {
                Within::List(values) => values,
                Within::Text(text) => match ranges::values(&text) {
                    Ok(values) => values,
                    Err(error) => return report.refuse(span, error.message, error.hint),
                },
            };
            if values.is_empty() {
                return report.refuse(span, "there are no values", "give at least one");
            }
            return Some(Candidates::List(values));
        }
    };
    let written = resolution.as_ref().map(|resolution| resolution.value.0.as_str());
    let place = resolution.as_ref().map_or(span, |resolution| resolution.span);
    match Grid::new(&text, written) {
        Ok(grid) if grid.count() > MOST_VALUES => {
            let most = thousands(MOST_VALUES);
            let message = format!("this range has {} values", thousands(grid.count()));
            let hint = format!("at most {most} are searched: use a coarser `resolution`");
            report.refuse(place, message, hint)
        }
        Ok(grid) => Some(Candidates::Grid(grid)),
        // Whether a range is one, it is also without its resolution.
        Err(error) if Grid::new(&text, None).is_ok() => {
            report.refuse(place, error.message, error.hint)
        }
        Err(error) => report.refuse(span, error.message, error.hint),
    }
}

impl FromValue for Within {
    const WHAT: &'static str = "a range or an array of values";
    const EXAMPLE: &'static str = "\"1..=500\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::String(text) => Some(Within::Text(text.clone())),
            Kind::Array(values) => {
                Some(Within::List(values.iter().map(|value| value.kind.clone()).collect()))
            }
            other => {
                let message =
                    format!("expected a range or an array, found {}", other.description());
                let hint = "write it like \"1..=500\" or [1, 2, 4, 8]";
                report.refuse(value.span, message, hint)
            }
        }
    }
}

impl FromValue for Resolution {
    const WHAT: &'static str = "a number, a quantity or a percentage";
    const EXAMPLE: &'static str = "\"1s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::String(text) => Some(Resolution(text.clone())),
            Kind::Integer(number) => Some(Resolution(number.to_string())),
            Kind::Float(number) => Some(Resolution(number.to_string())),
            other => {
                let message = format!("expected {}, found {}", Self::WHAT, other.description());
                report.refuse(value.span, message, "write it like 1, \"1s\" or \"1%\"")
            }
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
            let (bound, unit) = number(bound.trim())?;
            Some(Constraint {
                text: text.clone(),
                metric: metric.trim().to_owned(),
                is_below: text.contains('<'),
                bound,
                unit,
                place: value.span,
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
fn number(text: &str) -> Option<(f64, Unit)> {
    if let Some(percent) = text.strip_suffix('%') {
        let percent = percent.trim().parse::<f64>().ok()?;
        return percent.is_finite().then_some((percent / 100.0, Unit::Percent));
    }
    let plain = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let duration = || Some((units::duration(text).ok()?.as_secs_f64(), Unit::Duration));
    plain.map(|number| (number, Unit::Number)).or_else(duration)
}
