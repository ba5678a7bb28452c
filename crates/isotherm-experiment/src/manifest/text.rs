//! Writing TOML: strings, quantities with their units, inline tables.
//!
//! Quantities are written exactly: read again, they are the same to the last bit. The shortest way
//! that does that is chosen.

use isotherm_kernel::{Duration, Time};

use crate::duration_distribution::{DistributionForm, DurationDistribution};
use crate::tree::{Kind, Table, Value};
use crate::units;

/// A string in quotes, on one line, that is read as it is: nothing in it is taken for a parameter.
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
pub fn key(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(bare) { text.to_owned() } else { quoted(text) }
}

/// A list.
pub fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    format!("[{}]", items.join(", "))
}

/// A table between braces.
pub fn inline(entries: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let entries: Vec<_> =
        entries.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// A value of an experiment file as it was read.
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
fn in_whole_units(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, size): &&(&str, u64)| number > 0 && number.is_multiple_of(*size);
    match units.iter().rev().find(fits).or(units.first()) {
        Some((name, size)) => string(&format!("{}{name}", number / size)),
        None => string(&number.to_string()),
    }
}

/// A size.
pub fn size(bytes: u64) -> String {
    const DECIMAL: &[(&str, u64)] = &[
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    const BINARY: &[(&str, u64)] =
        &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
    let [decimal, binary] = [DECIMAL, BINARY].map(|units| in_whole_units(bytes, units));
    if binary.len() < decimal.len() { binary } else { decimal }
}

/// A duration.
pub fn duration(duration: Duration) -> String {
    const UNITS: &[(&str, u64)] = &[
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    match duration.as_nanos() {
        0 => string("0s"),
        nanos => in_whole_units(nanos, UNITS),
    }
}

/// A duration that may be drawn at random.
pub fn distribution(distribution: &DurationDistribution) -> String {
    let kind = |kind: &str| ("kind", string(kind));
    inline(match distribution.form() {
        DistributionForm::Fixed(value) => return duration(*value),
        DistributionForm::Uniform { low, high } => {
            vec![kind("uniform"), ("low", duration(*low)), ("high", duration(*high))]
        }
        DistributionForm::Exponential { mean } => {
            vec![kind("exponential"), ("mean", duration(*mean))]
        }
        DistributionForm::LogNormal { median, sigma } => {
            vec![kind("lognormal"), ("median", duration(*median)), ("sigma", number(*sigma))]
        }
        DistributionForm::LogNormalOfMean { mean, sd } => {
            vec![kind("lognormal"), ("mean", duration(*mean)), ("sd", duration(*sd))]
        }
        DistributionForm::Weibull { shape, scale } => {
            vec![kind("weibull"), ("shape", number(*shape)), ("scale", duration(*scale))]
        }
        DistributionForm::WeibullOfMean { mean, sd } => {
            vec![kind("weibull"), ("mean", duration(*mean)), ("sd", duration(*sd))]
        }
        DistributionForm::Pareto { shape, minimum } => {
            vec![kind("pareto"), ("shape", number(*shape)), ("minimum", duration(*minimum))]
        }
        DistributionForm::Empirical(quantiles) => {
            let pair = |&(probability, value): &(f64, Duration)| {
                list([number(probability), duration(value)])
            };
            vec![kind("empirical"), ("quantiles", list(quantiles.iter().map(pair)))]
        }
    })
}

/// A number that is not whole by its nature.
pub fn number(number: f64) -> String {
    format!("{number:?}")
}

/// A date.
pub fn date(date: Time) -> String {
    duration(date.since(Time::ZERO))
}

/// A number of floating-point operations.
pub fn work(flops: f64) -> String {
    exactly(flops, &[("Tf", 1e12), ("Gf", 1e9), ("Mf", 1e6)], "f", |text| units::work(text).ok())
}

/// Events per second.
pub fn rate(per_second: f64) -> String {
    let units = [("/s", 1.0), ("/min", 1.0 / 60.0), ("/h", 1.0 / 3600.0), ("/d", 1.0 / 86400.0)];
    exactly(per_second, &units, "/s", |text| units::rate(text).ok())
}

/// The number in the first of these units in which it has few digits and reads as it was; else in
/// the basic unit.
fn exactly(
    number: f64,
    units: &[(&str, f64)],
    basic: &str,
    read: impl Fn(&str) -> Option<f64>,
) -> String {
    let short = units.iter().find_map(|(name, size)| {
        let text = format!("{}{name}", (number / size * 1e6).round() / 1e6);
        (number >= *size && text.len() <= 16 && read(&text) == Some(number)).then_some(text)
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
