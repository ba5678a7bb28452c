//! Quantities as people write them in SimGrid platforms: `98.095Mf`, `1.25GBps`, `50us`, `16GB`.
//!
//! | quantity | units | prefixes | result |
//! |---|---|---|---|
//! | speed | `f`, `flops` | `k M G T P E Z Y`; with `flops` also `kilo mega giga …` | flop/s |
//! | bandwidth | `Bps` (bytes), `bps` (bits) | `k M G …`, `Ki Mi Gi …` | B/s |
//! | time | `w d h m s ms us ns ps` (`m` is a minute) | none | seconds |
//! | size | `B` | `k M G …`, `Ki Mi Gi …` | bytes |
//!
//! A decimal prefix counts in thousands and a binary one in 1024s. Case matters: `KBps` is an
//! error. A number without a unit is in flop/s, B/s, seconds or bytes; the result of [`parse`] says
//! so, and a caller may warn.

use thiserror::Error;

use crate::nearest::nearest;

/// What a quantity measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Computing speed, in flop/s.
    Speed,
    /// Bandwidth, in bytes per second.
    Bandwidth,
    /// A span of time, in seconds.
    Time,
    /// An amount of data, in bytes.
    Size,
}

impl Dimension {
    /// The unit in which results are given and which a bare number is taken to have.
    #[must_use]
    pub fn base_unit(self) -> &'static str {
        match self {
            Dimension::Speed => "f",
            Dimension::Bandwidth => "Bps",
            Dimension::Time => "s",
            Dimension::Size => "B",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Dimension::Speed => "speed",
            Dimension::Bandwidth => "bandwidth",
            Dimension::Time => "time",
            Dimension::Size => "size",
        }
    }
}

/// A quantity that cannot be read.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum UnitError {
    /// The text does not begin with a number.
    #[error("`{text}` is not a number with a unit")]
    NotANumber { text: String },
    /// The number is not finite or the result does not fit.
    #[error("`{text}` is out of range")]
    OutOfRange { text: String },
    /// The number is negative.
    #[error("`{text}` is negative")]
    Negative { text: String },
    /// The unit is not one of this quantity.
    #[error("`{unit}` in `{text}` is not a unit of {dimension}")]
    UnknownUnit {
        text: String,
        unit: String,
        dimension: &'static str,
        /// A unit that may have been meant.
        near: Option<String>,
    },
}

impl UnitError {
    /// How the text may be mended, if there is something helpful to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            UnitError::UnknownUnit { near: Some(near), .. } => {
                Some(format!("did you mean `{near}`?"))
            }
            _ => None,
        }
    }
}

/// A quantity read from a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// The value in the base unit of its dimension.
    pub value: f64,
    /// Whether the text named a unit.
    pub has_unit: bool,
}

/// The decimal prefixes, from 10^3 to 10^24.
pub const DECIMAL_PREFIXES: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
/// The binary prefixes, from 2^10 to 2^80.
pub const BINARY_PREFIXES: [&str; 8] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const LONG: [&str; 8] = ["kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta"];
const TIMES: [(&str, f64); 9] = [
    ("w", 604_800.0),
    ("d", 86_400.0),
    ("h", 3_600.0),
    ("m", 60.0),
    ("s", 1.0),
    ("ms", 1e-3),
    ("us", 1e-6),
    ("ns", 1e-9),
    ("ps", 1e-12),
];

/// Reads a non-negative quantity.
///
/// # Errors
/// If the text is not a number with a unit of this dimension, or is negative or not finite.
pub fn parse(text: &str, dimension: Dimension) -> Result<Quantity, UnitError> {
    let trimmed = text.trim();
    let (number, unit) = split_number(trimmed);
    let own = || text.to_owned();
    let number: f64 = number.parse().map_err(|_| UnitError::NotANumber { text: own() })?;
    let unit = unit.trim_start();
    let has_unit = !unit.is_empty();
    let scale = if has_unit {
        scale(unit, dimension).ok_or_else(|| UnitError::UnknownUnit {
            text: own(),
            unit: unit.to_owned(),
            dimension: dimension.name(),
            near: nearest_unit(unit, dimension),
        })?
    } else {
        1.0
    };
    if number < 0.0 {
        return Err(UnitError::Negative { text: own() });
    }
    // Small units divide instead of multiplying, so that `20us` is the very number 20e-6.
    let value = if scale < 1.0 { number / (1.0 / scale).round() } else { number * scale };
    if !value.is_finite() {
        return Err(UnitError::OutOfRange { text: own() });
    }
    Ok(Quantity { value, has_unit })
}

/// Reads a speed, in flop/s.
///
/// ```
/// assert_eq!(isotherm_platform::units::speed("98.095Mf").unwrap(), 98_095_000.0);
/// ```
///
/// # Errors
/// As [`parse`].
pub fn speed(text: &str) -> Result<f64, UnitError> {
    parse(text, Dimension::Speed).map(|quantity| quantity.value)
}

/// Reads a bandwidth, in bytes per second.
///
/// ```
/// assert_eq!(isotherm_platform::units::bandwidth("100Gbps").unwrap(), 12.5e9);
/// ```
///
/// # Errors
/// As [`parse`].
pub fn bandwidth(text: &str) -> Result<f64, UnitError> {
    parse(text, Dimension::Bandwidth).map(|quantity| quantity.value)
}

/// Reads a span of time, in seconds.
///
/// ```
/// assert_eq!(isotherm_platform::units::time("20us").unwrap(), 20e-6);
/// ```
///
/// # Errors
/// As [`parse`].
pub fn time(text: &str) -> Result<f64, UnitError> {
    parse(text, Dimension::Time).map(|quantity| quantity.value)
}

/// Reads a size, in bytes. Fractions of a byte are cut off. Also accepts `zero` and `infinity`
/// (the largest size there is, 2^64 − 1 bytes).
///
/// ```
/// assert_eq!(isotherm_platform::units::size("5000GiB").unwrap(), 5000 << 30);
/// assert_eq!(isotherm_platform::units::size("16GB").unwrap(), 16_000_000_000);
/// ```
///
/// # Errors
/// As [`parse`], and if the size does not fit into 64 bits.
pub fn size(text: &str) -> Result<u64, UnitError> {
    match text.trim() {
        "zero" => return Ok(0),
        "infinity" => return Ok(u64::MAX),
        _ => {}
    }
    let value = parse(text, Dimension::Size)?.value;
    // 2^64 as a float; the comparison is exact, and every smaller float fits.
    if value >= 18_446_744_073_709_551_616.0 {
        return Err(UnitError::OutOfRange { text: text.to_owned() });
    }
    Ok(value as u64)
}

/// Splits `12.5e3kBps` into the number and the rest. An `E` that no digit follows is a prefix
/// (exa).
fn split_number(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let sign = |at: usize| at + usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let mut end = digits(sign(0));
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let first = sign(end + 1);
        let last = digits(first);
        if last > first {
            end = last;
        }
    }
    text.split_at(end)
}

fn scale(unit: &str, dimension: Dimension) -> Option<f64> {
    match dimension {
        Dimension::Speed => {
            if let Some(prefix) = unit.strip_suffix("flops") {
                decimal(prefix).or_else(|| power(&LONG, prefix, 1000.0))
            } else {
                decimal(unit.strip_suffix('f')?)
            }
        }
        Dimension::Bandwidth => {
            if let Some(prefix) = unit.strip_suffix("Bps") {
                decimal(prefix).or_else(|| binary(prefix))
            } else {
                let prefix = unit.strip_suffix("bps")?;
                // A bit per second is an eighth of a byte per second; eighths are exact in binary.
                decimal(prefix).or_else(|| binary(prefix)).map(|scale| scale / 8.0)
            }
        }
        Dimension::Time => TIMES.iter().find(|(name, _)| *name == unit).map(|&(_, scale)| scale),
        Dimension::Size => {
            let prefix = unit.strip_suffix('B')?;
            decimal(prefix).or_else(|| binary(prefix))
        }
    }
}

fn decimal(prefix: &str) -> Option<f64> {
    if prefix.is_empty() {
        return Some(1.0);
    }
    power(&DECIMAL_PREFIXES, prefix, 1000.0)
}

fn binary(prefix: &str) -> Option<f64> {
    power(&BINARY_PREFIXES, prefix, 1024.0)
}

fn power(prefixes: &[&str; 8], prefix: &str, base: f64) -> Option<f64> {
    let position = prefixes.iter().position(|known| *known == prefix)?;
    // At most eight multiplications; a power of 1000 up to 10^24 rounds the same everywhere.
    Some((0..=position).fold(1.0, |product, _| product * base))
}

fn nearest_unit(unit: &str, dimension: Dimension) -> Option<String> {
    let mut known: Vec<String> = Vec::new();
    let mut add = |prefixes: &[&str], base: &str| {
        known.push(base.to_owned());
        known.extend(prefixes.iter().map(|prefix| format!("{prefix}{base}")));
    };
    match dimension {
        Dimension::Speed => {
            add(&DECIMAL_PREFIXES, "f");
            add(&DECIMAL_PREFIXES, "flops");
            add(&LONG, "flops");
        }
        Dimension::Bandwidth => {
            for base in ["Bps", "bps"] {
                add(&DECIMAL_PREFIXES, base);
                add(&BINARY_PREFIXES, base);
            }
        }
        Dimension::Time => known.extend(TIMES.iter().map(|(name, _)| (*name).to_owned())),
        Dimension::Size => {
            add(&DECIMAL_PREFIXES, "B");
            add(&BINARY_PREFIXES, "B");
        }
    }
    // As units of rates are written elsewhere: `Mb/s`, `Mbit/s`, `Gflop/s`.
    let spelt = unit.replace("its/s", "ps").replace("it/s", "ps").replace("/s", "ps");
    let spelt = spelt.replace("flopps", "flops").replace("flopsps", "flops");
    // Case may be wrong, but not that of the letter that tells bits from bytes.
    let is_same = |one: &str, other: &str| {
        let exact = |c: char| dimension == Dimension::Bandwidth && c.eq_ignore_ascii_case(&'b');
        one.len() == other.len()
            && one.chars().zip(other.chars()).all(|(one, other)| match exact(one) {
                true => one == other,
                false => one.eq_ignore_ascii_case(&other),
            })
    };
    let same = known.iter().find(|known| is_same(known, &spelt));
    same.cloned().or_else(|| nearest(&spelt, known.iter().map(String::as_str)).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each number is what the table at the top of the module says, written out by hand.
    #[test]
    fn quantities_have_the_value_of_their_unit() {
        for (text, value) in [
            ("1f", 1.0),
            ("98.095Mf", 98.095e6),
            ("10Gf", 10e9),
            ("1Ef", 1e18),
            ("1e3f", 1e3),
            ("2gigaflops", 2e9),
            ("42flops", 42.0),
            ("7", 7.0),
        ] {
            assert_eq!(speed(text), Ok(value), "{text}");
        }
        for (text, value) in [
            ("125MBps", 125e6),
            ("1bps", 0.125),
            ("100Gbps", 12.5e9),
            ("1KiBps", 1024.0),
            ("8Mibps", 1_048_576.0),
            ("2.25GBps", 2.25e9),
        ] {
            assert_eq!(bandwidth(text), Ok(value), "{text}");
        }
        for (text, value) in [
            ("1w", 604_800.0),
            ("2m", 120.0),
            ("5ms", 5e-3),
            ("20us", 20e-6),
            ("1ns", 1e-9),
            ("1.5ms", 1.5e-3),
            ("0", 0.0),
        ] {
            assert_eq!(time(text), Ok(value), "{text}");
        }
        for (text, value) in [
            ("16GB", 16_000_000_000),
            ("5000GiB", 5000 * (1 << 30)),
            ("1.9B", 1),
            ("100", 100),
            ("zero", 0),
            ("infinity", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn a_missing_unit_is_told() {
        assert!(!parse("7", Dimension::Speed).unwrap().has_unit);
        assert!(parse("7f", Dimension::Speed).unwrap().has_unit);
    }

    #[test]
    fn a_capital_k_is_no_prefix_and_the_hint_says_so() {
        let error = bandwidth("10KBps").unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean `kBps`?"));
        assert_eq!(error.to_string(), "`KBps` in `10KBps` is not a unit of bandwidth");
    }

    /// A unit of the size that was meant, and bits stay bits.
    #[test]
    fn hints_are_of_the_same_size() {
        for (text, hint) in [
            ("1Kbps", "kbps"),
            ("1KBps", "kBps"),
            ("1mbps", "Mbps"),
            ("1mBps", "MBps"),
            ("1gbps", "Gbps"),
            ("1KIBPS", "KiBps"),
            ("1mb/s", "Mbps"),
            ("1MB/s", "MBps"),
            ("1Gbit/s", "Gbps"),
            ("1KiB/s", "KiBps"),
        ] {
            assert_eq!(
                bandwidth(text).unwrap_err().hint(),
                Some(format!("did you mean `{hint}`?"))
            );
        }
        for (text, hint) in [
            ("1GFlops", "Gflops"),
            ("1GF", "Gf"),
            ("1mflops", "Mflops"),
            ("1Gflop/s", "Gflops"),
            ("1GFLOPS", "Gflops"),
            ("1MegaFlops", "megaflops"),
        ] {
            assert_eq!(speed(text).unwrap_err().hint(), Some(format!("did you mean `{hint}`?")));
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        assert!(matches!(speed(""), Err(UnitError::NotANumber { .. })));
        assert!(matches!(speed("fast"), Err(UnitError::NotANumber { .. })));
        assert!(matches!(speed("nan"), Err(UnitError::NotANumber { .. })));
        assert!(matches!(speed("-1f"), Err(UnitError::Negative { .. })));
        assert!(matches!(speed("1e400f"), Err(UnitError::OutOfRange { .. })));
        assert!(matches!(size("20000000TiB"), Err(UnitError::OutOfRange { .. })));
        assert!(matches!(time("3f"), Err(UnitError::UnknownUnit { .. })));
        // Sizes are in bytes: a bit is not a unit of size here.
        assert!(matches!(size("3b"), Err(UnitError::UnknownUnit { .. })));
    }
}
