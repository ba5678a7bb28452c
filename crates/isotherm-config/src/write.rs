//! Writing TOML: strings, values, inline tables, sizes. What is written is read as it was.

use crate::tree::{Kind, Table, Value};
use crate::units::{SIZES, Unit};

/// A string in quotes, on one line, in which nothing is read as a parameter.
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
    kind(&value.kind)
}

/// The same without its place.
#[must_use]
pub fn kind(kind: &Kind) -> String {
    match kind {
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

/// A table between braces, as it was read.
#[must_use]
pub fn table(table: &Table) -> String {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::Report;
    use crate::source::Sources;
    use crate::{tree, units};

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
    fn sizes_are_written_as_people_would() {
        assert_eq!(
            [0, 1_500, 250_000_000, 64 << 30].map(size),
            ["\"0B\"", "\"1500B\"", "\"250MB\"", "\"64GiB\""]
        );
    }

    #[test]
    fn strings_stay_on_one_line() {
        assert_eq!(string("a \"b\"\\\n"), r#""a \"b\"\\\u000A""#);
        assert_eq!([key("a-b"), key("a.b"), key("")], ["a-b", "\"a.b\"", "\"\""]);
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        #[test]
        fn quantities_are_read_as_they_were(number: u64, text: String) {
            prop_assert_eq!(units::size(unquoted(&size(number))), Ok(number));
            prop_assert_eq!(read(&text), (text.clone(), text));
        }

        /// Made of what means something in TOML or in parameters.
        #[test]
        fn strings_are_read_as_they_were(text in "[$\\{\\}a\"'\\\\\n\u{7}\u{85}ü]{0,12}") {
            prop_assert_eq!(read(&text), (text.clone(), text));
        }
    }
}
