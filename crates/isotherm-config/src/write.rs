//! Writing TOML: strings, quantities with their units, inline tables.
//!
//! Quantities are written exactly: read again, they are the same to the last bit. The shortest way
//! that does that is chosen.

use isotherm_kernel::{Duration, Time};

use crate::tree::{Kind, Table, Value};
use crate::units::{self, DURATIONS, RATES, SIZES, Unit, UnitError, WORK};

/// A string in quotes, on one line, that is read as it is: nothing in it is taken for a parameter.
#[must_use]
pub fn string(text: &str) -> String {
    quoted(&text.replace("${", "$${"))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)))
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

/// A key: bare if it can be.
#[must_use]
pub fn key(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(bare) { text.to_owned() } else { quoted(text) }
}

/// A list.
#[must_use]
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    format!("[{}]", items.join(", "))
}

/// A table between braces.
#[must_use]
pub fn inline(entries: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let entries: Vec<_> =
        entries.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// A value of a file as it was read.
#[must_use]
pub fn value(value: &Value) -> String {
    match &value.kind {
        Kind::String(text) => string(text),
        Kind::Integer(number) => number.to_string(),
        Kind::Float(number) => format!("{number:?}"),
        Kind::Boolean(truth) => truth.to_string(),
        // No field takes these, so none gets here.
        Kind::Date => string("date"),
        Kind::Null => string("null"),
        Kind::Array(values) => list(values.iter().map(self::value)),
        Kind::Table(table) => self::table(table),
    }
}

fn table(table: &Table) -> String {
    let entries =
        table.entries.iter().map(|entry| format!("{} = {}", key(&entry.key), value(&entry.value)));
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// The number in the largest of these units in which it is whole.
fn in_whole_units<'a>(number: u64, units: impl DoubleEndedIterator<Item = &'a Unit>) -> String {
    let fits = |unit: &&Unit| number > 0 && number.is_multiple_of(unit.times);
    match units.rev().find(fits) {
        Some(unit) => string(&format!("{}{}", number / unit.times, unit.name)),
        None => string(&format!("{number}B")),
    }
}

/// A size.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = |kind: fn(&&Unit) -> bool| SIZES.iter().filter(kind);
    let decimal =
        in_whole_units(bytes, units(|unit| !unit.name.contains('i') && unit.name != "PB"));
    let binary = in_whole_units(bytes, units(|unit| unit.name.contains('i') && unit.name != "PiB"));
    if binary.len() < decimal.len() { binary } else { decimal }
}

/// A duration, in hours at most.
#[must_use]
pub fn duration(duration: Duration) -> String {
    match duration.as_nanos() {
        0 => string("0s"),
        nanos => in_whole_units(nanos, DURATIONS.iter().filter(|unit| unit.name != "d")),
    }
}

/// A number that is not whole by its nature.
#[must_use]
pub fn number(number: f64) -> String {
    format!("{number:?}")
}

/// A date.
#[must_use]
pub fn date(date: Time) -> String {
    duration(date.since(Time::ZERO))
}

/// A number of floating-point operations.
#[must_use]
pub fn work(flops: f64) -> String {
    let units = WORK.iter().rev().filter(|unit| ["Tf", "Gf", "Mf"].contains(&unit.name));
    exactly(flops, units, "f", units::work)
}

/// Events per second.
#[must_use]
pub fn rate(per_second: f64) -> String {
    let units = RATES.iter().filter(|unit| unit.times == 1);
    exactly(per_second, units, "/s", units::rate)
}

/// The number in the first of these units in which it has few digits and reads as it was; else in
/// the basic unit.
fn exactly<'a>(
    number: f64,
    mut units: impl Iterator<Item = &'a Unit>,
    basic: &str,
    read: impl Fn(&str) -> Result<f64, UnitError>,
) -> String {
    let short = units.find_map(|unit| {
        let size = unit.times as f64 / unit.per as f64;
        let text = format!("{}{}", (number / size * 1e6).round() / 1e6, unit.name);
        (number >= size && text.len() <= 16 && read(&text).ok() == Some(number)).then_some(text)
    });
    string(&short.unwrap_or_else(|| format!("{number:e}{basic}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::Report;
    use crate::source::Sources;
    use crate::tree;

    fn unquoted(text: &str) -> &str {
        text.trim_matches('"')
    }

    /// A key and a value as they are read, parameters included.
    fn read(text: &str) -> (String, String) {
        let mut sources = Sources::default();
        let document = format!("{} = {}", key(text), string(text));
        let source = sources.add("manifest.toml", document.as_str());
        let report = Report::default();
        let mut root = tree::parse_toml(source, &document, &report);
        tree::parameters::substitute(&mut root, &sources, &report);
        assert!(report.is_empty(), "{document}");
        let Kind::Table(table) = root.kind else { panic!("no table") };
        let Kind::String(value) = &table.entries[0].value.kind else { panic!("no string") };
        (table.entries[0].key.clone(), value.clone())
    }

    #[test]
    fn quantities_are_written_as_people_would() {
        assert_eq!(
            [0, 1_500, 250_000_000, 64 << 30].map(size),
            ["\"0B\"", "\"1500B\"", "\"250MB\"", "\"64GiB\""]
        );
        let seconds = |seconds: f64| duration(Duration::from_secs_f64(seconds));
        assert_eq!(
            [0.0, 0.3, 90.0, 600.0].map(seconds),
            ["\"0s\"", "\"300ms\"", "\"90s\"", "\"10min\""]
        );
        assert_eq!([8e9, 5.5e9, 1.0].map(work), ["\"8Gf\"", "\"5.5Gf\"", "\"1e0f\""]);
        assert_eq!([3.0, 4.0 / 60.0].map(rate), ["\"3/s\"", "\"4/min\""]);
    }

    #[test]
    fn strings_stay_on_one_line() {
        assert_eq!(string("a \"b\"\\\n"), r#""a \"b\"\\\u000A""#);
        assert_eq!([key("a-b"), key("a.b"), key("")], ["a-b", "\"a.b\"", "\"\""]);
    }

    proptest! {
        #[test]
        fn quantities_are_read_as_they_were(number: u64, float in 1e-12f64..1e300, text: String) {
            prop_assert_eq!(units::size(unquoted(&size(number))), Ok(number));
            prop_assert_eq!(units::duration(unquoted(&duration(Duration::from_nanos(number)))), Ok(Duration::from_nanos(number)));
            prop_assert_eq!(units::work(unquoted(&work(float))), Ok(float));
            prop_assert_eq!(units::rate(unquoted(&rate(float))), Ok(float));
            prop_assert_eq!(read(&text), (text.clone(), text));
        }

        /// Made of what means something in TOML or in parameters.
        #[test]
        fn strings_are_read_as_they_were(text in "[$\\{\\}a\"'\\\\\n\u{7}\u{85}ü]{0,12}") {
            prop_assert_eq!(read(&text), (text.clone(), text));
        }
    }
}
