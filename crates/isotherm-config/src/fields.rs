//! Reading the fields of a table, so that everything that is wrong with them is found.
//!
//! [`Fields`] reads the fields of one table, records which ones it was asked for, and at the end
//! reports unknown ones. A [`FromValue`] reads one value or reports why it cannot. Both return
//! `None` after reporting an error, so that the caller can go on and find more.

use isotherm_kernel::Duration;

use crate::diagnostic::Report;
use crate::hint::{list, suggestion};
use crate::resolve::{Resolver, constant, resolved};
use crate::schema::{Absent, TableSpec, Takes, Word};
use crate::source::{Located, Span};
use crate::syntax::Syntax;
use crate::tree::{Entry, Kind, Table, Value};
use crate::units::{self, Dimension, UnitError};

/// Something that can be read from a value of the tree.
pub trait FromValue: Sized {
    /// What it is, such as `a size`.
    const WHAT: &'static str;

    /// How such a value is written in TOML, for hints; empty if there is no short example.
    const EXAMPLE: &'static str;

    /// Reads it, or reports why it cannot be read.
    fn read(value: &Value, report: &Report) -> Option<Self>;
}

/// What a field takes that is read as `T`.
#[must_use]
pub const fn takes<T: FromValue>() -> Takes {
    Takes::Value { what: T::WHAT, example: T::EXAMPLE }
}

/// The fields of one table.
pub struct Fields<'a> {
    table: &'a Table,
    spec: &'a TableSpec,
    place: Span,
    report: &'a Report,
    asked: Vec<&'static str>,
    /// Further names to suggest for a mistyped key.
    also: Vec<String>,
    /// The kinds of the family, if this table is of one of them.
    kinds: Vec<&'a TableSpec>,
    /// How many errors there were when reading began.
    before: usize,
}

impl<'a> Fields<'a> {
    /// The fields of a value that must be a table of this kind.
    pub fn of(value: &'a Value, spec: &'a TableSpec, report: &'a Report) -> Option<Self> {
        match &value.kind {
            Kind::Table(table) => Some(Fields {
                table,
                spec,
                place: value.span,
                report,
                asked: Vec::new(),
                also: Vec::new(),
                kinds: Vec::new(),
                before: report.count(),
            }),
            other => {
                let what = quoted(spec.name, report);
                let message = format!("{what} must be a table, not {}", other.description());
                report.refuse(value.span, message, "write it as { ... }")
            }
        }
    }

    /// Continues with the description of the kind of table, once it is known. Keys that were read
    /// stay read.
    pub fn proceed_as(&mut self, spec: &'a TableSpec) {
        self.spec = spec;
    }

    /// Continues with the description of one of the kinds of a family. Parameters of other kinds
    /// get a hint.
    pub fn proceed_as_one_of(&mut self, kinds: Vec<&'a TableSpec>, kind: &'a TableSpec) {
        self.kinds = kinds;
        self.spec = kind;
    }

    /// Adds names to suggest for a mistyped key.
    pub fn also(&mut self, keys: &[&str]) {
        self.also.extend(keys.iter().map(|&key| key.to_owned()));
    }

    /// Where the table is written: its header, or its braces.
    #[must_use]
    pub fn place(&self) -> Span {
        self.place
    }

    /// Where errors go.
    #[must_use]
    pub fn report(&self) -> &'a Report {
        self.report
    }

    /// The entry of a field; `None` if it is absent. A field that is not described is always
    /// absent, and an error of the program that reads it.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        if self.spec.field(key).is_none() {
            let message = format!("field `{key}` of {} is not described", self.spec.name);
            let hint = format!(
                "add it to the description of {} in the program that reads it",
                self.spec.name
            );
            return self.report.refuse(self.place, message, hint);
        }
        self.asked.push(key);
        self.table.entry(key)
    }

    /// Whether a field is there. Does not count as reading it.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.table.entry(key).is_some()
    }

    /// A field that may be absent.
    pub fn optional<T: FromValue>(&mut self, key: &'static str) -> Option<T> {
        let entry = self.entry(key)?;
        T::read(&entry.value, self.report)
    }

    /// A field that may be absent, read by a function.
    pub fn optional_with<T>(
        &mut self,
        key: &'static str,
        read: fn(&Value, &Report) -> Option<T>,
    ) -> Option<T> {
        let entry = self.entry(key)?;
        read(&entry.value, self.report)
    }

    /// A field that may be absent, with what it then is. Also what it is when it cannot be read:
    /// after an error nothing is simulated, so any value does.
    pub fn optional_or<T: FromValue>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// A field with what its description says of its absence: an error, or a default value. `None`
    /// if something else holds without it.
    ///
    /// ```
    /// use isotherm_config::diagnostic::Report;
    /// use isotherm_config::fields::{Fields, takes};
    /// use isotherm_config::resolve::constant;
    /// use isotherm_config::schema::{TableSpec, field, table};
    ///
    /// const ROOM: TableSpec = table("room", "").with(&[
    ///     field("seats", takes::<u64>(), "How many sit there.").default("12"),
    ///     field("height", takes::<f64>(), "In metres."),
    /// ]);
    /// let (room, report) = (constant("{ height = 3.5 }").unwrap(), Report::default());
    /// let mut fields = Fields::of(&room, &ROOM, &report).unwrap();
    /// assert_eq!(fields.get::<u64>("seats"), Some(12));
    /// assert_eq!(fields.get::<f64>("height"), Some(3.5));
    /// ```
    pub fn get<T: FromValue>(&mut self, key: &'static str) -> Option<T> {
        if let Some(entry) = self.entry(key) {
            return T::read(&entry.value, self.report);
        }
        let field = self.spec.field(key)?;
        match field.absent {
            Absent::Default(toml) => {
                let default = Value { span: self.place, ..constant(toml)? };
                T::read(&default, self.report)
            }
            Absent::Error => {
                self.missing(key, &field.takes.example());
                None
            }
            Absent::Otherwise(_) => None,
        }
    }

    /// The table with its constant defaults written out.
    #[must_use]
    pub fn resolved(&self) -> Table {
        let as_they_are = Resolver { path: &|path, _| path.to_owned(), own_kind: &|_, _| None };
        resolved(self.table, self.spec, &as_they_are)
    }

    /// A field that takes one of some words, with what it is if it is absent.
    pub fn choice_or<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[Choice<T>],
        default: T,
    ) -> Option<T> {
        self.entry(key)
            .map_or(Some(default), |entry| choice(&entry.value, key, choices, self.report))
    }

    /// A required field.
    pub fn required<T: FromValue>(&mut self, key: &'static str) -> Option<T> {
        self.required_value(key, T::EXAMPLE).and_then(|value| T::read(value, self.report))
    }

    /// The value of a required field, written like `example`.
    pub fn required_value(&mut self, key: &'static str, example: &str) -> Option<&'a Value> {
        let entry = self.entry(key);
        if entry.is_none() {
            self.missing(key, example);
        }
        entry.map(|entry| &entry.value)
    }

    /// A required field, written like `example` and read by a function.
    pub fn required_with<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: fn(&Value, &Report) -> Option<T>,
    ) -> Option<T> {
        self.required_value(key, example).and_then(|value| read(value, self.report))
    }

    /// Reports that a field is missing.
    pub fn missing(&self, key: &str, example: &str) {
        self.missing_one_of(key, &[(key, example)]);
    }

    /// Reports that a field is missing, which may be any of some; an example for each.
    pub fn missing_one_of(&self, key: &str, fields: &[(&str, &str)]) {
        let written = |&(key, example): &(&str, &str)| match (example, self.report.syntax()) {
            ("", _) => format!("`{key}`"),
            (_, Syntax::Toml) => format!("`{key} = {example}`"),
            (_, Syntax::Json) => format!("`\"{key}\": {}`", self.report.example(example)),
        };
        let hint = format!("add {}", fields.iter().map(written).collect::<Vec<_>>().join(" or "));
        let message = format!("missing field `{key}` in {}", quoted(self.spec.name, self.report));
        self.report.error(self.place, message, hint);
    }

    /// Reports unknown fields, and fields that contradict others.
    pub fn finish(self) {
        let what = match self.kinds.is_empty() {
            false => format!("`{}`", self.spec.title),
            true => quoted(self.spec.name, self.report),
        };
        let all_read = self.report.count() == self.before;
        for entry in &self.table.entries {
            let key = entry.key.as_str();
            if self.asked.contains(&key) {
                continue;
            }
            if self.spec.field(key).is_some() {
                // What could not be read may have kept others from being looked at.
                if all_read {
                    let message = format!("`{key}` does not go with the other fields of {what}");
                    self.report.error(entry.key_span, message, "remove it, or what it contradicts");
                }
                continue;
            }
            let known = self.spec.keys();
            let owners = owners(&self.kinds, key);
            if !owners.is_empty() {
                let message = format!("`{key}` is a parameter of {}, not of {what}", list(&owners));
                self.report.error(
                    entry.key_span,
                    message,
                    format!("{what} takes {}", list(&known)),
                );
                continue;
            }
            let candidates = known.iter().copied().chain(self.also.iter().map(String::as_str));
            let hint = (self.report.hint_to_top(key))
                .or_else(|| suggestion(key, candidates))
                .unwrap_or_else(|| format!("{what} takes {}", list(&known)));
            self.report.error(entry.key_span, format!("unknown field `{key}`"), hint);
        }
    }
}

/// The kinds that have a parameter.
fn owners(kinds: &[&TableSpec], key: &str) -> Vec<&'static str> {
    kinds.iter().filter(|kind| kind.field(key).is_some()).map(|kind| kind.title).collect()
}

/// Quotes names that occur literally in a file; plain words such as `a step` stay unquoted.
fn quoted(what: &str, report: &Report) -> String {
    match report.syntax() {
        _ if what.contains(' ') => what.to_owned(),
        Syntax::Toml => format!("`{what}`"),
        Syntax::Json => format!("`{}`", what.trim_matches(['[', ']'])),
    }
}

/// A word that a field takes, and what is read from it.
pub struct Choice<T> {
    word: Word,
    value: T,
}

/// A word, what it means, and what is read from it.
pub const fn word<T>(name: &'static str, doc: &'static str, value: T) -> Choice<T> {
    Choice { word: Word { name, doc }, value }
}

/// The words of some choices, for the reference.
pub fn words<T>(choices: &[Choice<T>]) -> Vec<Word> {
    choices.iter().map(|choice| choice.word).collect()
}

/// Reads a word that must be one of a few.
pub fn choice<T: Copy>(
    value: &Value,
    what: &str,
    choices: &[Choice<T>],
    report: &Report,
) -> Option<T> {
    let names: Vec<_> = choices.iter().map(|choice| choice.word.name).collect();
    let Kind::String(word) = &value.kind else {
        let message = format!("`{what}` must be a string, not {}", value.kind.description());
        return report.refuse(value.span, message, format!("one of {}", list(&names)));
    };
    if let Some(choice) = choices.iter().find(|choice| choice.word.name == word) {
        return Some(choice.value);
    }
    let hint = suggestion(word, names.iter().copied())
        .unwrap_or_else(|| format!("one of {}", list(&names)));
    report.refuse(value.span, format!("unknown {what} `{word}`"), hint)
}

fn wrong_type<T: FromValue>(value: &Value, expected: &str, report: &Report) -> Option<T> {
    let found = value.kind.description();
    let hint = if T::EXAMPLE.is_empty() {
        String::new()
    } else {
        format!("write it like {}", report.example(T::EXAMPLE))
    };
    report.refuse(value.span, format!("expected {expected}, found {found}"), hint)
}

impl FromValue for String {
    const WHAT: &'static str = "text";
    const EXAMPLE: &'static str = "\"...\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::String(text) => Some(text.clone()),
            _ => wrong_type(value, "a string", report),
        }
    }
}

impl FromValue for bool {
    const WHAT: &'static str = "`true` or `false`";
    const EXAMPLE: &'static str = "true";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Boolean(truth) => Some(truth),
            _ => wrong_type(value, "true or false", report),
        }
    }
}

impl FromValue for f64 {
    const WHAT: &'static str = "a number";
    const EXAMPLE: &'static str = "0.5";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(number) => Some(number as f64),
            Kind::Float(number) if number.is_finite() => Some(number),
            Kind::Float(_) => report.refuse(value.span, "this number must be finite", ""),
            _ => wrong_type(value, "a number", report),
        }
    }
}

/// A number of more than zero.
#[derive(Clone, Copy, Debug)]
pub struct Positive(pub f64);

impl FromValue for Positive {
    const WHAT: &'static str = "a number of more than zero";
    const EXAMPLE: &'static str = "0.5";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let number = f64::read(value, report)?;
        if number <= 0.0 {
            return report.refuse(
                value.span,
                "this must be more than zero",
                format!("write it like {}", Self::EXAMPLE),
            );
        }
        Some(Positive(number))
    }
}

impl FromValue for u64 {
    const WHAT: &'static str = "a whole number, zero or more";
    const EXAMPLE: &'static str = "10";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(number) => match u64::try_from(number) {
                Ok(number) => Some(number),
                Err(_) => {
                    report.refuse(value.span, "this number cannot be negative", "use zero or more")
                }
            },
            _ => wrong_type(value, "a whole number", report),
        }
    }
}

/// What all random numbers derive from. TOML and this tree have no whole numbers above 2^63 - 1; a
/// larger seed is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed that a value is, if it is one.
    #[must_use]
    pub fn of(kind: &Kind) -> Option<u64> {
        match kind {
            Kind::Integer(number) => u64::try_from(*number).ok(),
            Kind::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            _ => None,
        }
    }
}

impl FromValue for Seed {
    const WHAT: &'static str = "a whole number, zero or more; from 2^63 on in quotes";
    const EXAMPLE: &'static str = "10";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match (&value.kind, Seed::of(&value.kind)) {
            (_, Some(seed)) => Some(Seed(seed)),
            (Kind::String(text), None)
                if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                let hint = format!("the largest possible seed is {}", u64::MAX);
                report.refuse(value.span, "seed out of range", hint)
            }
            (_, None) => u64::read(value, report).map(Seed),
        }
    }
}

/// A number of things: at least one, at most `MAX`.
#[derive(Clone, Copy, Debug)]
pub struct AtMost<const MAX: u32>(pub u32);

/// A number of things: at least one, at most 2^32 - 1.
pub type Count = AtMost<{ u32::MAX }>;

impl<const MAX: u32> FromValue for AtMost<MAX> {
    const WHAT: &'static str = "a whole number from 1";
    const EXAMPLE: &'static str = "4";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(number) => match u32::try_from(number) {
                Ok(number) if (1..=MAX).contains(&number) => Some(AtMost(number)),
                _ => {
                    let hint = format!("use a number from 1 to {MAX}");
                    report.refuse(value.span, "this number is out of range", hint)
                }
            },
            _ => wrong_type(value, "a whole number", report),
        }
    }
}

/// Defines types with a single number, each with its [`FromValue`].
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($number:ty): $what:literal, $example:literal, $read:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(pub $number);

        impl FromValue for $name {
            const WHAT: &'static str = $what;
            const EXAMPLE: &'static str = $example;

            fn read(value: &Value, report: &Report) -> Option<Self> {
                let read: fn(&Value, &Report) -> Option<$number> = $read;
                read(value, report).map($name)
            }
        }
    )*};
}

numbers! {
    /// A number, zero or more.
    Number(f64): "a number, zero or more", "2.0", |value, report| {
        number_in::<Number>(value, f64::MAX, report)
    };
    /// A number from 0 to 1.
    Share(f64): "a number from 0 to 1", "0.1", |value, report| {
        number_in::<Share>(value, 1.0, report)
    };
    /// A size in bytes.
    Size(u64): "a size", "\"250MB\"", |value, report| quantity(value, report, units::size);
    /// Events per second, more than zero.
    Rate(f64): "a rate", "\"3/s\"", |value, report| positive(value, report, Dimension::Rate);
    /// Events per second, perhaps none.
    RateOrNone(f64): "a rate, perhaps of zero", "\"3/s\"", |value, report| {
        real(value, report, Dimension::Rate)
    };
    /// Floating-point operations.
    Work(f64): "an amount of work", "\"5Gf\"", |value, report| {
        real(value, report, Dimension::Work)
    };
    /// Floating-point operations per second, more than zero.
    Speed(f64): "a speed", "\"10Gf/s\"", |value, report| {
        positive(value, report, Dimension::Speed)
    };
    /// Bytes per second, more than zero.
    Bandwidth(f64): "a bandwidth", "\"1Gbps\"", |value, report| {
        positive(value, report, Dimension::Bandwidth)
    };
}

/// A number from 0 to `maximum`.
fn number_in<T: FromValue>(value: &Value, maximum: f64, report: &Report) -> Option<f64> {
    let number = match value.kind {
        Kind::Integer(number) => number as f64,
        Kind::Float(number) => number,
        _ => return wrong_type::<T>(value, "a number", report).map(|_| 0.0),
    };
    if (0.0..=maximum).contains(&number) && number.is_finite() {
        // Minus zero is zero.
        return Some(number + 0.0);
    }
    report.refuse(value.span, "this number is out of range", format!("use {}", T::WHAT))
}

impl<T: FromValue> FromValue for Located<T> {
    const WHAT: &'static str = T::WHAT;
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let span = value.span;
        T::read(value, report).map(|value| Located { value, span })
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const WHAT: &'static str = "a list";
    const EXAMPLE: &'static str = "[...]";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let Kind::Array(values) = &value.kind else {
            return wrong_type(value, "an array", report);
        };
        // All of them are read, so that all errors are found, before it is known whether all are
        // good.
        let read: Vec<_> = values.iter().map(|value| T::read(value, report)).collect();
        read.into_iter().collect()
    }
}

/// How many times something else: a number from 1.
#[derive(Clone, Copy, Debug)]
pub struct Multiple(pub f64);

impl FromValue for Multiple {
    const WHAT: &'static str = "a number from 1";
    const EXAMPLE: &'static str = "1.5";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let number = match value.kind {
            Kind::Integer(number) => number as f64,
            Kind::Float(number) => number,
            _ => return wrong_type(value, "a number", report),
        };
        if number.is_finite() && number >= 1.0 {
            return Some(Multiple(number));
        }
        report.refuse(
            value.span,
            "this number must be 1 or more",
            format!("write it like {}", Self::EXAMPLE),
        )
    }
}

fn quantity<T>(
    value: &Value,
    report: &Report,
    parse: impl FnOnce(&str) -> Result<T, UnitError>,
) -> Option<T> {
    // A bare number goes through the parser as well, whose message says that a unit is missing, or
    // that it is NaN or negative.
    let text = match &value.kind {
        Kind::String(text) => text.clone(),
        Kind::Integer(number) => number.to_string(),
        Kind::Float(number) => number.to_string(),
        other => other.description().to_owned(),
    };
    match parse(&text) {
        Ok(quantity) => Some(quantity),
        Err(error) => report.refuse(value.span, error.to_string(), error.hint()),
    }
}

fn real(value: &Value, report: &Report, dimension: Dimension) -> Option<f64> {
    quantity(value, report, |text| units::real(text, dimension))
}

/// A rate or speed, which must not be zero, because nothing would ever happen.
fn positive(value: &Value, report: &Report, dimension: Dimension) -> Option<f64> {
    let number = real(value, report, dimension)?;
    if number > 0.0 {
        return Some(number);
    }
    report.refuse(value.span, "this must be more than zero", "at zero nothing would ever happen")
}

impl FromValue for Duration {
    const WHAT: &'static str = "a duration";
    const EXAMPLE: &'static str = "\"10s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        quantity(value, report, units::duration)
    }
}
