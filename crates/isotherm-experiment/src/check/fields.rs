//! Reading the fields of a table, so that everything that is wrong with them is found.
//!
//! [`Fields`] hands out the fields of one table, remembers which ones it was asked for, and at the end reports those that
//! nobody knows. A [`FromValue`] reads one value or reports why it cannot. Either says `None` after it has written
//! what is wrong to the report, so that the caller can go on and find more.

use isotherm_kernel::Duration;

use crate::diagnostic::Report;
use crate::source::{Located, Span};
use crate::tree::{Entry, Kind, Table, Value};
use crate::units::{self, UnitError};

/// Something that can be read from a value of the tree.
pub trait FromValue: Sized {
    /// How such a value is written in TOML, for hints; empty if there is no short example.
    const EXAMPLE: &'static str;

    /// Reads it, or reports why it cannot be read.
    fn read(value: &Value, report: &Report) -> Option<Self>;
}

/// The fields of one table.
pub struct Fields<'a> {
    table: &'a Table,
    what: &'a str,
    place: Span,
    report: &'a Report,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of a value that must be a table. `what` is its name in messages, such as `[service]`.
    pub fn of(value: &'a Value, what: &'a str, report: &'a Report) -> Option<Self> {
        match &value.kind {
            Kind::Table(table) => Some(Fields { table, what, place: value.span, report, known: Vec::new() }),
            other => {
                let what = quoted(what);
                let message = format!("{what} must be a table, not {}", other.description());
                report.error(value.span, message, "write it as { ... }");
                None
            }
        }
    }

    /// Where the table is written: its header, or its braces.
    pub fn place(&self) -> Span {
        self.place
    }

    /// Where errors go.
    pub fn report(&self) -> &'a Report {
        self.report
    }

    /// The entry of a field, as it is; `None` if it is absent.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        self.table.entry(key)
    }

    /// Whether a field is there. Does not count as knowing it.
    pub fn has(&self, key: &str) -> bool {
        self.table.entry(key).is_some()
    }

    /// A field that may be absent.
    pub fn optional<T: FromValue>(&mut self, key: &'static str) -> Option<T> {
        let entry = self.entry(key)?;
        T::read(&entry.value, self.report)
    }

    /// A field that may be absent, with what it then is. Also what it is when it cannot be read: after an error nothing is
    /// simulated, so any value does.
    pub fn optional_or<T: FromValue>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// A field that must be there.
    pub fn required<T: FromValue>(&mut self, key: &'static str) -> Option<T> {
        match self.entry(key) {
            Some(entry) => T::read(&entry.value, self.report),
            None => {
                self.missing(key, T::EXAMPLE);
                None
            }
        }
    }

    /// Reports that a field is missing.
    pub fn missing(&self, key: &str, example: &str) {
        let hint = if example.is_empty() { format!("add `{key}`") } else { format!("add `{key} = {example}`") };
        let message = format!("missing field `{key}` in {}", quoted(self.what));
        self.report.error(self.place, message, hint);
    }

    /// Reports the fields that nobody asked for.
    pub fn finish(self) {
        for entry in &self.table.entries {
            if !self.known.contains(&entry.key.as_str()) {
                let hint = suggestion(&entry.key, self.known.iter().copied())
                    .unwrap_or_else(|| format!("{} takes {}", quoted(self.what), list(&self.known)));
                let message = format!("unknown field `{}`", entry.key);
                self.report.error(entry.key_span, message, hint);
            }
        }
    }
}

/// What is written as it stands in a file gets quotes; `a step` and the like are plain words.
fn quoted(what: &str) -> String {
    if what.contains(' ') { what.to_owned() } else { format!("`{what}`") }
}

/// `did you mean ...?`, if one of the candidates is near enough to be meant.
pub fn suggestion<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let simple = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let wrong = simple(wrong);
    let limit = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&wrong, &simple(known)), known))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, known)| format!("did you mean `{known}`?"))
}

/// Names for a message: `a`, `b` and `c`.
pub fn list(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` and `{last}`", first.join("`, `")),
    }
}

/// Reads a word that must be one of a few.
pub fn choice<T: Copy>(value: &Value, what: &str, choices: &[(&'static str, T)], report: &Report) -> Option<T> {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let Kind::String(word) = &value.kind else {
        let message = format!("`{what}` must be a string, not {}", value.kind.description());
        report.error(value.span, message, format!("one of {}", list(&names)));
        return None;
    };
    if let Some((_, meaning)) = choices.iter().find(|(name, _)| name == word) {
        return Some(*meaning);
    }
    let hint = suggestion(word, names.iter().copied()).unwrap_or_else(|| format!("one of {}", list(&names)));
    report.error(value.span, format!("unknown {what} `{word}`"), hint);
    None
}

fn wrong_type<T: FromValue>(value: &Value, expected: &str, report: &Report) -> Option<T> {
    let found = value.kind.description();
    let hint = if T::EXAMPLE.is_empty() { String::new() } else { format!("write it like {}", T::EXAMPLE) };
    report.error(value.span, format!("expected {expected}, found {found}"), hint);
    None
}

impl FromValue for String {
    const EXAMPLE: &'static str = "\"...\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::String(text) => Some(text.clone()),
            _ => wrong_type(value, "a string", report),
        }
    }
}

impl FromValue for bool {
    const EXAMPLE: &'static str = "true";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Boolean(truth) => Some(truth),
            _ => wrong_type(value, "true or false", report),
        }
    }
}

impl FromValue for u64 {
    const EXAMPLE: &'static str = "10";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(number) => match u64::try_from(number) {
                Ok(number) => Some(number),
                Err(_) => {
                    report.error(value.span, "this number cannot be negative", "use zero or more");
                    None
                }
            },
            _ => wrong_type(value, "a whole number", report),
        }
    }
}

/// A number of things: at least one, at most `MAX`.
#[derive(Clone, Copy, Debug)]
pub struct AtMost<const MAX: u32>(pub u32);

/// A number of things: at least one, at most 2^32 - 1.
pub type Count = AtMost<{ u32::MAX }>;

impl<const MAX: u32> FromValue for AtMost<MAX> {
    const EXAMPLE: &'static str = "4";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(number) => match u32::try_from(number) {
                Ok(number) if (1..=MAX).contains(&number) => Some(AtMost(number)),
                _ => {
                    let hint = format!("use a number from 1 to {MAX}");
                    report.error(value.span, "this number is out of range", hint);
                    None
                }
            },
            _ => wrong_type(value, "a whole number", report),
        }
    }
}

impl<T: FromValue> FromValue for Located<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let span = value.span;
        T::read(value, report).map(|value| Located { value, span })
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const EXAMPLE: &'static str = "[...]";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let Kind::Array(values) = &value.kind else {
            return wrong_type(value, "an array", report);
        };
        // All of them are read, so that all errors are found, before it is known whether all are good.
        let read: Vec<_> = values.iter().map(|value| T::read(value, report)).collect();
        read.into_iter().collect()
    }
}

/// A size in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

/// Events per second.
#[derive(Clone, Copy, Debug)]
pub struct Rate(pub f64);

/// Floating-point operations.
#[derive(Clone, Copy, Debug)]
pub struct Work(pub f64);

/// Floating-point operations per second, more than zero.
#[derive(Clone, Copy, Debug)]
pub struct Speed(pub f64);

/// Bytes per second, more than zero.
#[derive(Clone, Copy, Debug)]
pub struct Bandwidth(pub f64);

fn quantity<T>(value: &Value, report: &Report, parse: impl FnOnce(&str) -> Result<T, UnitError>) -> Option<T> {
    // A bare number goes through the parser as well, whose message says that a unit is missing, or that it is NaN or negative.
    let text = match &value.kind {
        Kind::String(text) => text.clone(),
        Kind::Integer(number) => number.to_string(),
        Kind::Float(number) => number.to_string(),
        other => other.description().to_owned(),
    };
    match parse(&text) {
        Ok(quantity) => Some(quantity),
        Err(error) => {
            report.error(value.span, error.to_string(), error.hint());
            None
        }
    }
}

/// What a rate or speed of zero is: an error, because nothing would ever happen.
fn positive(value: &Value, report: &Report, number: Option<f64>) -> Option<f64> {
    let number = number?;
    if number > 0.0 {
        return Some(number);
    }
    report.error(value.span, "this must be more than zero", "at zero nothing would ever happen");
    None
}

impl FromValue for Size {
    const EXAMPLE: &'static str = "\"250MB\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        quantity(value, report, units::size).map(Size)
    }
}

impl FromValue for Duration {
    const EXAMPLE: &'static str = "\"10s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        quantity(value, report, units::duration)
    }
}

impl FromValue for Rate {
    const EXAMPLE: &'static str = "\"3/s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        positive(value, report, quantity(value, report, units::rate)).map(Rate)
    }
}

impl FromValue for Work {
    const EXAMPLE: &'static str = "\"5Gf\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        quantity(value, report, units::work).map(Work)
    }
}

impl FromValue for Speed {
    const EXAMPLE: &'static str = "\"10Gf/s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        positive(value, report, quantity(value, report, units::speed)).map(Speed)
    }
}

impl FromValue for Bandwidth {
    const EXAMPLE: &'static str = "\"1Gbps\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        positive(value, report, quantity(value, report, units::bandwidth)).map(Bandwidth)
    }
}
