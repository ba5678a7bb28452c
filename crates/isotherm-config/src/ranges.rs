//! Several values in one string: `"1..=10"`, `"linspace(0.1, 1, 10)"`, `"geom(64MB, 4GB, 7)"`.
//!
//! The ends of `linspace` and `geom` are values as they are written. What is between them has the
//! unit of the first end, and is rounded to so many digits that it is the same on every machine.

use crate::tree::Kind;
use crate::units::{Dimension, number_length};

/// More values than this are not meant.
const MOST_VALUES: u64 = 1_000_000;

/// How ranges are written, for messages.
pub const EXAMPLES: &str = "\"1..=10\", \"linspace(0.1, 1, 10)\" or \"geom(64MB, 4GB, 7)\"";

/// Significant digits of what is between the ends of `linspace`.
const DIGITS_OF_SUMS: usize = 12;

/// Significant digits of what is between the ends of `geom`.
const DIGITS_OF_POWERS: usize = 6;

/// Why a text is not a range: a reason, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeError {
    /// Why.
    pub message: String,
    /// What may be done about it.
    pub hint: String,
}

/// A number and its unit, which may be empty.
#[derive(Clone, Copy)]
struct End<'a> {
    text: &'a str,
    number: f64,
    unit: &'a str,
}

/// The values of a range: whole numbers, numbers with a fraction, or strings with a unit.
///
/// ```
/// use isotherm_config::ranges::values;
/// use isotherm_config::tree::Kind;
///
/// assert_eq!(values("1..=3").unwrap(), [1, 2, 3].map(Kind::Integer));
/// let sizes = ["1MB", "4MB", "16MB"].map(|size| Kind::String(size.to_owned()));
/// assert_eq!(values("geom(1MB, 16MB, 3)").unwrap(), sizes);
/// ```
///
/// # Errors
///
/// The text is not a range.
pub fn values(text: &str) -> Result<Vec<Kind>, RangeError> {
    let text = text.trim();
    if let Some((first, last)) = text.split_once("..") {
        let Some(last) = last.strip_prefix('=') else {
            let hint = format!("write {}..={}", first.trim(), last.trim());
            return Err(error("a range includes its last value", &hint));
        };
        return steps(end(first)?, end(last)?);
    }
    let called = text.strip_suffix(')').and_then(|text| text.split_once('('));
    let Some((name @ ("linspace" | "geom"), arguments)) = called else {
        return Err(error(&format!("`{text}` is not a range"), ""));
    };
    let arguments: Vec<&str> = arguments.split(',').collect();
    let [first, last, count] = arguments[..] else {
        return Err(error(&format!("`{name}` takes two ends and the number of values"), ""));
    };
    let ends = (end(first)?, end(last)?);
    let count = match count.trim().parse() {
        Ok(count @ 2..=MOST_VALUES) => count,
        _ => {
            let message = format!("`{}` is not a number of values", count.trim());
            return Err(error(&message, "use a whole number from 2 to 1,000,000"));
        }
    };
    match name {
        "linspace" => between(ends, count, |first, last, part| {
            rounded(first + (last - first) * part, DIGITS_OF_SUMS)
        }),
        _ if ends.0.number <= 0.0 || ends.1.number <= 0.0 => {
            Err(error("the ends of `geom` must be greater than 0", ""))
        }
        _ => between(ends, count, |first, last, part| {
            rounded(first * libm::pow(last / first, part), DIGITS_OF_POWERS)
        }),
    }
}

fn error(message: &str, hint: &str) -> RangeError {
    let hint = if hint.is_empty() { format!("write it like {EXAMPLES}") } else { hint.to_owned() };
    RangeError { message: message.to_owned(), hint }
}

fn end(text: &str) -> Result<End<'_>, RangeError> {
    let text = text.trim();
    let (number, unit) = text.split_at(number_length(text));
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(End { text, number, unit: unit.trim_start() }),
        _ => Err(error(&format!("`{text}` is not the end of a range"), "")),
    }
}

/// All whole numbers from one to another.
fn steps(first: End<'_>, last: End<'_>) -> Result<Vec<Kind>, RangeError> {
    let whole = |end: End<'_>| {
        (end.number.fract() == 0.0 && end.number < 1e15).then_some(end.number as i64)
    };
    let (Some(from), Some(to)) = (whole(first), whole(last)) else {
        return Err(error(
            "the ends of `..=` are whole numbers",
            "`linspace(0.1, 1, 10)` has others",
        ));
    };
    if first.unit != last.unit {
        return Err(error(
            "the ends of `..=` have the same unit",
            "its steps are one of that unit",
        ));
    }
    if from > to {
        return Err(error(
            &format!("there is nothing from {from} to {to}"),
            "give the lower end first",
        ));
    }
    if (to - from) as u64 >= MOST_VALUES {
        return Err(error("this range has too many values", "at most 1,000,000 are tried"));
    }
    Ok((from..=to).map(|number| kind(number as f64, first.unit)).collect())
}

/// The ends, and what `value` puts between them: it gets both and the part of the way.
fn between(
    (first, last): (End<'_>, End<'_>),
    count: u64,
    value: impl Fn(f64, f64, f64) -> f64,
) -> Result<Vec<Kind>, RangeError> {
    let to = last.number * factor(last.unit, first.unit)?;
    let mut values = vec![as_written(first)];
    for number in 1..count - 1 {
        let part = number as f64 / (count - 1) as f64;
        values.push(kind(value(first.number, to, part), first.unit));
    }
    values.push(as_written(last));
    Ok(values)
}

/// How many of one unit another one is.
fn factor(unit: &str, of: &str) -> Result<f64, RangeError> {
    if unit == of {
        return Ok(1.0);
    }
    let size = |dimension: Dimension, name| {
        let known = dimension.units().iter().find(|known| known.name == name)?;
        Some(known.times as f64 / known.per as f64)
    };
    let both = Dimension::ALL
        .into_iter()
        .find_map(|dimension| Some(size(dimension, unit)? / size(dimension, of)?));
    both.ok_or_else(|| {
        let name =
            |unit: &str| if unit.is_empty() { "no unit".to_owned() } else { format!("`{unit}`") };
        let message = format!("a range cannot go from {} to {}", name(of), name(unit));
        error(&message, "give both ends units of the same quantity")
    })
}

fn as_written(end: End<'_>) -> Kind {
    match end.unit {
        "" => kind(end.number, ""),
        _ => Kind::String(end.text.to_owned()),
    }
}

fn kind(number: f64, unit: &str) -> Kind {
    match unit {
        "" if number.fract() == 0.0 && number.abs() < 1e15 => Kind::Integer(number as i64),
        "" => Kind::Float(number),
        _ => Kind::String(format!("{number}{unit}")),
    }
}

/// A number with so many significant digits.
fn rounded(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let one = |kind: &Kind| match kind {
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => format!("{number:?}"),
            Kind::String(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        match values(text) {
            Ok(values) => values.iter().map(one).collect::<Vec<_>>().join(" "),
            Err(error) => error.message,
        }
    }

    #[test]
    fn values_of_ranges() {
        assert_eq!(shown("1..=4"), "1 2 3 4");
        assert_eq!(shown("7 ..= 7"), "7");
        assert_eq!(shown("9min..=11min"), "9min 10min 11min");
        assert_eq!(shown("linspace(0, 1, 5)"), "0 0.25 0.5 0.75 1");
        // 0.1 + 2 * 0.1 is 0.30000000000000004 in binary.
        assert_eq!(shown("linspace(0.1, 1, 10)"), "0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
        assert_eq!(shown("linspace(2s, 1min, 3)"), "2s 31s 1min");
        assert_eq!(shown("linspace(10, 1, 4)"), "10 7 4 1");
        assert_eq!(shown("geom(1, 1000, 4)"), "1 10 100 1000");
        // 62.5^(1/6) is 1.992110.
        assert_eq!(
            shown("geom(64MB, 4GB, 7)"),
            "64MB 127.495MB 253.984MB 505.964MB 1007.94MB 2007.92MB 4GB"
        );
    }

    #[test]
    fn what_is_no_range() {
        for (text, message) in [
            ("newest", "`newest` is not a range"),
            ("1..3", "a range includes its last value"),
            ("1..=", "`` is not the end of a range"),
            ("3..=1", "there is nothing from 3 to 1"),
            ("0.5..=2", "the ends of `..=` are whole numbers"),
            ("1s..=1min", "the ends of `..=` have the same unit"),
            ("0..=1000000", "this range has too many values"),
            ("geom(1, 2)", "`geom` takes two ends and the number of values"),
            ("geom(0, 2, 3)", "the ends of `geom` must be greater than 0"),
            ("linspace(1, 2, 1)", "`1` is not a number of values"),
            ("linspace(1MB, 2s, 3)", "a range cannot go from `MB` to `s`"),
            ("linspace(1, 2s, 3)", "a range cannot go from no unit to `s`"),
            ("linspace(a, 2, 3)", "`a` is not the end of a range"),
        ] {
            assert_eq!(shown(text), message, "{text}");
        }
    }
}
