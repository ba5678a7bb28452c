//! Values that are drawn once for each function of a population: a distribution in the place of a
//! value that is always the same.
//!
//! ```toml
//! limits.memory = { kind = "choice", values = ["128MB", "512MB"], weights = [3, 1] }
//! startup.kind = "lognormal"
//! startup.median = { kind = "uniform", low = "0.1s", high = "1s" }
//! startup.sigma = 0.3
//! ```
//!
//! Here the memory of each function is drawn, and the median of its start-ups, each of which is
//! drawn from its own distribution later. Which fields take a distribution themselves is known from
//! their descriptions ([`Takes`]); any other that is a table with a `kind` is drawn. What was drawn
//! takes its place in the tree, and is then read, checked and reported like what is written.
//!
//! Each draw has a random stream of its own, `functions/NAME/FIELD`: another field, or more
//! functions, change nothing of it.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Fields, FromValue};
use isotherm_config::quantity::Quantity;
use isotherm_config::schema::{TableSpec, Takes};
use isotherm_config::tree::{Entry, Kind, Table, Value};
use isotherm_kernel::{Distribution, RandomStreams};

use crate::check::distribution::{self, Drawn, Of, WEIGHTS};

/// What may stand in the place of a value.
pub const DRAWN: TableSpec = distribution::of_population::<Amount>(
    "A distribution from which a value is drawn once for each function of `[functions]`, in the \
     place of one that is the same for all: of `limits.memory`, say, or of the `median` in \
     `startup`. The kinds and their parameters are those of \
     [durations](#a-duration-drawn-at-random), with numbers or quantities of the field; the \
     `values` of a `choice` may be anything that the field takes. What is drawn depends on the \
     name of the function, the field, and the `seed` of `[functions]`, or that of the experiment.",
);

const CHOICE: TableSpec = TableSpec {
    name: "a choice",
    title: "",
    doc: "",
    fields: &[Of::<Amount>::KIND, Of::<Amount>::VALUES, WEIGHTS],
};

/// A number, or a quantity in the unit of its distribution.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Amount(f64);

impl FromValue for Amount {
    const WHAT: &'static str = "a number, or a quantity with its unit";
    const EXAMPLE: &'static str = "\"256MB\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match Quantity::of(&value.kind) {
            Some(quantity) => Some(Amount(quantity.number)),
            None => {
                let message = format!(
                    "expected {}, found {}",
                    Self::WHAT,
                    match &value.kind {
                        Kind::String(text) => format!("`{text}`"),
                        other => other.description().to_owned(),
                    }
                );
                let hint = format!("write it like {}", report.example(Self::EXAMPLE));
                report.refuse(value.span, message, hint)
            }
        }
    }
}

impl Drawn for Amount {
    const LIKE: [&'static str; 4] = ["\"64MB\"", "\"256MB\"", "\"2GB\"", "\"100MB\""];
    const QUANTILES: [&'static str; 2] =
        ["[[0, \"64MB\"], [0.5, \"256MB\"], [1, \"2GB\"]]", "[0.5, \"256MB\"]"];
    const KINDS: &'static [Choice<(&'static TableSpec, distribution::Reader)>] = &[
        Of::<Self>::CONSTANT,
        Of::<Self>::UNIFORM,
        Of::<Self>::LOG_UNIFORM,
        Of::<Self>::EXPONENTIAL,
        Of::<Self>::LOG_NORMAL,
        Of::<Self>::WEIBULL,
        Of::<Self>::PARETO,
        Of::<Self>::CHOICE,
        Of::<Self>::EMPIRICAL,
    ];

    fn number(self) -> f64 {
        self.0
    }
}

/// Draws for the functions of an experiment.
pub struct Draws<'a> {
    streams: RandomStreams,
    report: &'a Report,
}

impl<'a> Draws<'a> {
    /// Draws that derive from a seed.
    pub fn new(seed: u64, report: &'a Report) -> Self {
        Draws { streams: RandomStreams::new(seed), report }
    }

    /// The value of a field of a function, with everything in it drawn that is to be drawn. `None`
    /// after an error.
    pub fn value(&self, function: &str, key: &str, takes: &Takes, value: &Value) -> Option<Value> {
        if !is_drawn(value, takes) {
            return Some(value.clone());
        }
        Field { draws: self, path: format!("functions/{function}/{key}") }.value(value, takes)
    }
}

/// Whether anything in a value is to be drawn.
pub fn is_drawn(value: &Value, takes: &Takes) -> bool {
    match &value.kind {
        Kind::Table(table) => match parts(table, takes) {
            Parts::Drawn => true,
            Parts::Fields(spec) => table.entries.iter().any(|entry| {
                let field = spec.field(&entry.key);
                field.is_some_and(|field| is_drawn(&entry.value, &field.takes))
            }),
            Parts::Whole => false,
        },
        Kind::Array(values) => values.iter().any(|value| is_drawn(value, takes)),
        _ => false,
    }
}

/// What a table is where a field takes something.
enum Parts {
    /// A distribution from which the value is drawn.
    Drawn,
    /// A table of this description.
    Fields(&'static TableSpec),
    /// Something that is left as it is.
    Whole,
}

fn parts(table: &Table, takes: &Takes) -> Parts {
    match takes {
        Takes::Value { .. } | Takes::Path { .. } | Takes::Words(_) => match table.get("kind") {
            Some(_) => Parts::Drawn,
            None => Parts::Whole,
        },
        Takes::Table(spec) if spec.title == DRAWN.title => Parts::Drawn,
        Takes::Table(spec) | Takes::Tables(spec) => Parts::Fields(spec),
        Takes::Kinds(specs) => {
            let spec = specs.iter().find(|spec| spec.describes(table));
            spec.map_or(Parts::Whole, |spec| Parts::Fields(spec))
        }
        Takes::OneOf(family) => {
            let kind = match table.get("kind").map(|kind| &kind.kind) {
                Some(Kind::String(kind)) => Some(kind.as_str()),
                _ => family.default_kind(),
            };
            let spec = (family.kinds)().into_iter().find(|spec| Some(spec.title) == kind);
            spec.map_or(Parts::Whole, Parts::Fields)
        }
        Takes::Either(forms) => {
            let described = forms.iter().find_map(|form| match form {
                Takes::Table(spec) if spec.describes(table) => Some(parts(table, form)),
                Takes::OneOf(_) => Some(parts(table, form)),
                _ => None,
            });
            let value = || forms.iter().find(|form| matches!(form, Takes::Value { .. }));
            described.unwrap_or_else(|| value().map_or(Parts::Whole, |form| parts(table, form)))
        }
    }
}

/// The draws of one field.
struct Field<'d, 'a> {
    draws: &'d Draws<'a>,
    /// The path of its random stream.
    path: String,
}

impl Field<'_, '_> {
    fn value(&self, value: &Value, takes: &Takes) -> Option<Value> {
        let kind = match &value.kind {
            Kind::Table(table) => match parts(table, takes) {
                Parts::Drawn => return self.draw(value, table, takes),
                Parts::Fields(spec) => {
                    let entry = |entry: &Entry| {
                        let value = match spec.field(&entry.key) {
                            Some(field) => {
                                self.within(&entry.key).value(&entry.value, &field.takes)?
                            }
                            None => entry.value.clone(),
                        };
                        Some(Entry { value, ..entry.clone() })
                    };
                    let entries: Option<_> = table.entries.iter().map(entry).collect();
                    Kind::Table(Table { entries: entries? })
                }
                Parts::Whole => return Some(value.clone()),
            },
            Kind::Array(values) => {
                let element = |(number, value): (usize, &Value)| {
                    self.within(&number.to_string()).value(value, takes)
                };
                let values: Option<_> = values.iter().enumerate().map(element).collect();
                Kind::Array(values?)
            }
            _ => return Some(value.clone()),
        };
        Some(Value { kind, span: value.span })
    }

    fn within(&self, key: &str) -> Self {
        Field { draws: self.draws, path: format!("{}.{key}", self.path) }
    }

    /// Draws a value of the distribution that a table is.
    fn draw(&self, value: &Value, table: &Table, takes: &Takes) -> Option<Value> {
        let report = self.draws.report;
        let mut random = self.draws.streams.stream(&self.path);
        let kind = table.get("kind").map(|kind| &kind.kind);
        if matches!(kind, Some(Kind::String(kind)) if kind == "choice") {
            let (values, index) = choice(value, report)?;
            let chosen = values.get(index.sample(&mut random) as usize)?;
            return Some(chosen.clone());
        }
        let (normal, unit) = in_one_unit(value, report)?;
        let (distribution, _) = distribution::read::<Amount>(&normal, &DRAWN, report)?;
        let number = distribution.sample(&mut random);
        let number = if is_whole_number(takes) { number.round() } else { number };
        // The field rounds it to what it has: whole bytes, nanoseconds.
        let quantity = Quantity { number: number.max(0.0), unit: &unit }.times(1.0);
        Some(Value { kind: quantity.kind(), span: value.span })
    }
}

/// Whether a field takes whole numbers.
fn is_whole_number(takes: &Takes) -> bool {
    match takes {
        Takes::Value { what, .. } => what.contains("whole number"),
        Takes::Either(forms) => forms.iter().any(is_whole_number),
        _ => false,
    }
}

/// The values of a choice, and the distribution of the number of the one that is chosen.
fn choice<'v>(value: &'v Value, report: &'v Report) -> Option<(&'v [Value], Distribution)> {
    let mut fields = Fields::of(value, &CHOICE, report)?;
    fields.entry("kind");
    let values = fields.required_value("values", "[\"128MB\", \"512MB\"]");
    let values = values.and_then(|values| match &values.kind {
        Kind::Array(list) => Some((values.span, list.as_slice())),
        other => {
            let message = format!("expected an array, found {}", other.description());
            report.refuse(values.span, message, "write it like [\"128MB\", \"512MB\"]")
        }
    });
    let counted = values.map(|(span, values)| (values.len(), span));
    let weights = distribution::weights(&mut fields, counted);
    fields.finish();
    let ((_, values), weights) = (values?, weights?);
    let weighted: Vec<_> =
        weights.into_iter().enumerate().map(|(at, weight)| (at as f64, weight)).collect();
    Some((values, Distribution::choice(&weighted).ok()?))
}

/// The parameters of a distribution that are not of its quantity.
const SHAPES: [&str; 5] = ["kind", "sigma", "shape", "weights", "values"];

/// The table of a distribution with all quantities in one unit, and the unit: that of the first.
fn in_one_unit(value: &Value, report: &Report) -> Option<(Value, String)> {
    let table = value.table()?;
    let mut amounts = Vec::new();
    for entry in table.entries.iter().filter(|entry| !SHAPES.contains(&entry.key.as_str())) {
        gather(&entry.value, &mut amounts);
    }
    let unit = amounts.iter().find_map(|value| {
        let unit = Quantity::of(&value.kind)?.unit;
        (!unit.is_empty()).then_some(unit)
    });
    let Some(unit) = unit else { return Some((value.clone(), String::new())) };
    let before = report.count();
    for value in amounts {
        let Some(quantity) = Quantity::of(&value.kind) else { continue };
        if quantity.in_unit(unit).is_none() {
            let message = format!("`{quantity}` does not go with the others");
            let hint = "give all of them units of one kind, such as sizes";
            report.error(value.span, message, hint);
        }
    }
    let mut normal = table.clone();
    for entry in normal.entries.iter_mut().filter(|entry| !SHAPES.contains(&entry.key.as_str())) {
        convert(&mut entry.value, unit);
    }
    let normal = Value { kind: Kind::Table(normal), span: value.span };
    (report.count() == before).then(|| (normal, unit.to_owned()))
}

/// The amounts in a parameter: itself, or those of quantiles, whose first numbers are
/// probabilities.
fn gather<'v>(value: &'v Value, amounts: &mut Vec<&'v Value>) {
    match &value.kind {
        Kind::Array(pairs) => {
            for pair in pairs {
                if let Kind::Array(pair) = &pair.kind {
                    amounts.extend(pair.get(1));
                }
            }
        }
        _ => amounts.push(value),
    }
}

fn convert(value: &mut Value, unit: &str) {
    match &mut value.kind {
        Kind::Array(pairs) => {
            for pair in pairs {
                if let Kind::Array(pair) = &mut pair.kind
                    && let Some(value) = pair.get_mut(1)
                {
                    convert(value, unit);
                }
            }
        }
        kind => {
            if let Some(quantity) = Quantity::of(kind).and_then(|quantity| quantity.in_unit(unit)) {
                *kind = Kind::String(quantity.to_string());
            }
        }
    }
}
