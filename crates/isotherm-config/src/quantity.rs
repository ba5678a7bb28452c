//! Quantities of any kind, `"250MB"`, `"1.5s"`, `12`, that are computed with before it is known
//! what
//! they are for: by [ranges](crate::ranges), by [arithmetic](crate::tree::parameters) in strings
//! and
//! where fields are [multiplied](crate::tree::path).
//!
//! A field still reads what comes out exactly, by its own [units](crate::units).

use std::fmt;

use crate::tree::Kind;
use crate::units::{Dimension, number_length};

/// Significant digits of what is computed: what floating-point numbers add to `0.1s * 3` is beyond.
const DIGITS: usize = 15;

/// A number and its unit, which is empty for a number alone.
///
/// ```
/// use isotherm_config::quantity::Quantity;
///
/// let size = Quantity::parse("1.5 GB").unwrap();
/// assert_eq!((size.number, size.unit), (1.5, "GB"));
/// assert_eq!(size.times(0.5).to_string(), "0.75GB");
/// assert_eq!(Quantity::parse("GB"), None);
/// assert_eq!(Quantity::parse("1.5 parsecs"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity<'a> {
    /// How many of the unit.
    pub number: f64,
    /// The unit, one of those of some [`Dimension`], or nothing.
    pub unit: &'a str,
}

impl<'a> Quantity<'a> {
    /// A number alone.
    #[must_use]
    pub fn plain(number: f64) -> Self {
        Quantity { number, unit: "" }
    }

    /// Reads a number and a known unit, or a number alone. `None` if it is anything else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let is_known = |dimension: Dimension| dimension.units().iter().any(|one| one.name == unit);
        let is_known = unit.is_empty() || Dimension::ALL.into_iter().any(is_known);
        is_known.then_some(Quantity { number, unit })
    }

    /// The quantity that a value is: a number, or a string that is one.
    #[must_use]
    pub fn of(kind: &'a Kind) -> Option<Self> {
        match kind {
            Kind::Integer(number) => Some(Quantity::plain(*number as f64)),
            Kind::Float(number) if number.is_finite() => Some(Quantity::plain(*number)),
            Kind::String(text) => Quantity::parse(text),
            _ => None,
        }
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, by: f64) -> Self {
        Quantity { number: computed(self.number * by), ..self }
    }

    /// The same quantity in another unit of the same kind; `None` if there is none.
    #[must_use]
    pub fn in_unit<'b>(self, unit: &'b str) -> Option<Quantity<'b>> {
        let number = self.number * factor(self.unit, unit)?;
        Some(Quantity { number, unit })
    }

    /// The value that it is in a file: a whole number, a number, or a string.
    #[must_use]
    pub fn kind(self) -> Kind {
        let Quantity { number, unit } = self;
        match unit {
            "" if number.fract() == 0.0 && number.abs() < 1e15 => Kind::Integer(number as i64),
            "" => Kind::Float(number),
            _ => Kind::String(self.to_string()),
        }
    }
}

/// As it is written in a file.
impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}

/// A number and what follows it, perhaps after white space. `None` if there is no number.
pub(crate) fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let sign = text.len() - unsigned.len();
    let length = number_length(unsigned);
    if length == 0 {
        return None;
    }
    let (number, unit) = text.split_at(sign + length);
    let number: f64 = number.parse().ok()?;
    number.is_finite().then_some((number, unit.trim_start()))
}

/// How many of one unit another one is; `None` if they are not of the same kind.
pub(crate) fn factor(unit: &str, of: &str) -> Option<f64> {
    if unit == of {
        return Some(1.0);
    }
    let size = |dimension: Dimension, name| {
        let known = dimension.units().iter().find(|known| known.name == name)?;
        Some(known.times as f64 / known.per as f64)
    };
    Dimension::ALL
        .into_iter()
        .find_map(|dimension| Some(size(dimension, unit)? / size(dimension, of)?))
}

/// What was computed, without the digits that are not meant.
pub(crate) fn computed(number: f64) -> f64 {
    // Whole numbers are exact as they are.
    match number.fract() == 0.0 && number.abs() < 9e15 {
        true => number,
        false => rounded(number, DIGITS),
    }
}

/// A number with so many significant digits.
pub(crate) fn rounded(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_a_number_and_a_known_unit() {
        for (text, number, unit) in [
            ("12", 12.0, ""),
            ("-0.5", -0.5, ""),
            (" 64 MiB ", 64.0, "MiB"),
            ("1e3/s", 1000.0, "/s"),
            ("2Gf", 2.0, "Gf"),
            ("10Gbps", 10.0, "Gbps"),
        ] {
            assert_eq!(Quantity::parse(text), Some(Quantity { number, unit }), "{text}");
        }
        for text in ["", "MB", "1 2", "1x", "2019/01", "1e999", "+1", "1MBs", "nan"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_computed_is_written_as_a_person_would() {
        let times = |text: &str, by| Quantity::parse(text).unwrap().times(by).kind();
        assert_eq!(times("0.1s", 3.0), Kind::String("0.3s".to_owned()));
        assert_eq!(times("250MB", 0.5), Kind::String("125MB".to_owned()));
        assert_eq!(times("3", 2.0), Kind::Integer(6));
        assert_eq!(times("3", 0.5), Kind::Float(1.5));
        // More digits than the others, and exact.
        assert_eq!(times("1234567890123456B", 2.0), Kind::String("2469135780246912B".to_owned()));
    }

    #[test]
    fn units_of_one_kind_are_converted() {
        let minutes = Quantity::parse("1.5min").unwrap();
        assert_eq!(minutes.in_unit("s"), Some(Quantity { number: 90.0, unit: "s" }));
        assert_eq!(minutes.in_unit("MB"), None);
        assert_eq!(minutes.in_unit(""), None);
    }
}
