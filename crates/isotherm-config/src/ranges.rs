//! Several values in one string: `"1..=10"`, `"linspace(0.1, 1, 10)"`, `"geom(64MB, 4GB, 7)"`; and
//! [`Grid`], a range of so many values that they are not listed.
//!
//! The ends of `linspace` and `geom` are values as they are written. What is between them has the
//! unit of the first end, and is rounded to so many digits that it is the same on every machine.

use crate::quantity::{self, Quantity, rounded};
use crate::tree::Kind;

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
    match quantity::split(text) {
        Some((number, unit)) if !text.starts_with('-') => Ok(End { text, number, unit }),
        _ => Err(error(&format!("`{text}` is not the end of a range"), "")),
    }
}

/// The values from one end of a range to the other, each a step, or a constant part, above the one
/// before: `"1..=500"`, `"0s..=1h"`, `"0.1..=10"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    first: f64,
    unit: String,
    /// The ends as they are written.
    ends: (Kind, Kind),
    count: u64,
    spacing: Spacing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Spacing {
    /// In the unit of the first end.
    Step(f64),
    /// From this value on, which has index `begin`, in so many equal parts of the logarithm.
    Parts { from: f64, to: f64, begin: u64, digits: usize },
}

/// The resolution of what is not a range of whole numbers, if none is given.
pub const RESOLUTION: &str = "1%";

/// The least percentage, with which neighbours still differ in [`DIGITS_OF_POWERS`] digits.
const LEAST_PART: f64 = 1e-4;

/// A range from 0 with a relative resolution goes on with this part of its last value.
const LEAST_OF_LAST: f64 = 1e-4;

impl Grid {
    /// Reads a range and how far its values are apart: by a step such as `1s`, or by a percentage.
    /// Without a resolution, ends that are whole numbers of one unit have steps of this unit, as in
    /// [`values`], and others are [`RESOLUTION`] apart. The last value is always one of them.
    ///
    /// A percentage from 0 on is one from a ten-thousandth of the last value on; 0 is before it.
    ///
    /// ```
    /// use isotherm_config::ranges::Grid;
    /// use isotherm_config::tree::Kind;
    ///
    /// let grid = Grid::new("0s..=1h", Some("30s")).unwrap();
    /// assert_eq!((grid.count(), grid.get(3)), (121, Kind::String("90s".to_owned())));
    /// ```
    ///
    /// # Errors
    ///
    /// The text is no range, or the resolution does not go with it.
    pub fn new(text: &str, resolution: Option<&str>) -> Result<Self, RangeError> {
        let no_range = || {
            let hint = "write it like \"1..=500\" or \"0s..=1h\"".to_owned();
            RangeError { message: format!("`{text}` is not a range"), hint }
        };
        let (first, last) = text.split_once("..=").ok_or_else(no_range)?;
        let (first, last) = (end(first)?, end(last)?);
        let to = last.number * factor(last.unit, first.unit)?;
        if to < first.number {
            let message = format!("there is nothing from {} to {}", first.text, last.text);
            return Err(error(&message, "give the lower end first"));
        }
        let is_whole = first.unit == last.unit && first.number.fract() == 0.0 && to.fract() == 0.0;
        let one = format!("1{}", first.unit);
        let resolution = resolution.unwrap_or(if is_whole { &one } else { RESOLUTION });
        let resolution = end(resolution)?;
        let (count, spacing) = match resolution.unit {
            "%" => parts(first.number, to, resolution)?,
            unit => {
                let times = factor(unit, first.unit).map_err(|_| {
                    let message = format!("`{}` is no resolution of this range", resolution.text);
                    error(&message, "give it a unit of the same quantity, or make it a percentage")
                })?;
                let step = resolution.number * times;
                // Rounding must not add a step, nor take one away.
                let steps = ((to - first.number) / step * (1.0 - 1e-12)).ceil();
                if !(step > 0.0 && steps < 1e18) {
                    let message = format!("`{}` is no resolution", resolution.text);
                    return Err(error(&message, "it is more than 0, such as 1, 10ms or 1%"));
                }
                (steps as u64 + 1, Spacing::Step(step))
            }
        };
        let (ends, unit) = ((as_written(first), as_written(last)), first.unit.to_owned());
        Ok(Grid { first: first.number, unit, ends, count, spacing })
    }

    /// How many values there are: at least one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value of this index, in ascending order; the last one for indices that are too high.
    #[must_use]
    pub fn get(&self, index: u64) -> Kind {
        match self.spacing {
            _ if index + 1 >= self.count => self.ends.1.clone(),
            _ if index == 0 => self.ends.0.clone(),
            Spacing::Step(step) => {
                kind(rounded(self.first + index as f64 * step, DIGITS_OF_SUMS), &self.unit)
            }
            Spacing::Parts { from, to, begin, digits } => {
                let part = (index - begin) as f64 / (self.count - 1 - begin) as f64;
                kind(rounded(from * libm::pow(to / from, part), digits), &self.unit)
            }
        }
    }
}

/// How many values there are if each is a percentage above the one before.
fn parts(first: f64, to: f64, resolution: End<'_>) -> Result<(u64, Spacing), RangeError> {
    let part = resolution.number / 100.0;
    if part < LEAST_PART {
        let message = format!("`{}` is no resolution of this range", resolution.text);
        return Err(error(&message, "use at least 0.01%"));
    }
    let begin = u64::from(first == 0.0);
    let from = if first == 0.0 { to * LEAST_OF_LAST } else { first };
    if to == first {
        return Ok((1, Spacing::Step(1.0)));
    }
    let parts = (libm::log(to / from) / libm::log1p(part) * (1.0 - 1e-12)).ceil();
    // One digit more than it takes to tell neighbours apart.
    let digits = if part < 1e-2 { DIGITS_OF_POWERS } else { DIGITS_OF_POWERS - 2 };
    Ok((begin + parts as u64 + 1, Spacing::Parts { from, to, begin, digits }))
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
    quantity::factor(unit, of).ok_or_else(|| {
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
    Quantity { number, unit }.kind()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(kind: &Kind) -> String {
        match kind {
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => format!("{number:?}"),
            Kind::String(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn shown(text: &str) -> String {
        match values(text) {
            Ok(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
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

    fn grid(text: &str, resolution: &str) -> (u64, Vec<String>) {
        let grid = Grid::new(text, Some(resolution).filter(|text| !text.is_empty())).unwrap();
        let indices = [0, 1, 2, grid.count() / 2, grid.count() - 2, grid.count() - 1];
        (grid.count(), indices.map(|index| plain(&grid.get(index))).to_vec())
    }

    #[test]
    fn values_of_grids() {
        let of = |text, resolution, count, values: &str| {
            let expected = values.split(' ').map(str::to_owned).collect();
            assert_eq!(grid(text, resolution), (count, expected), "{text}, {resolution}");
        };
        of("1..=500", "", 500, "1 2 3 251 499 500");
        of("1min..=60min", "", 60, "1min 2min 3min 31min 59min 60min");
        of("0.1..=10", "0.1", 100, "0.1 0.2 0.3 5.1 9.9 10");
        // The last one is there, wherever the steps end.
        of("0s..=1min", "7s", 10, "0s 7s 14s 35s 56s 1min");
        of("10..=10.5", "1", 2, "10 10.5 10.5 10.5 10 10.5");
        // ln(62.5)/ln(1.01) = 415.6, and 62.5^(1/416) = 1.009989.
        of("64MB..=4GB", "", 417, "64MB 64.64MB 65.29MB 506MB 3960MB 4GB");
        // ln(10,000)/ln(2) = 13.3, from 0.36 s on; 10,000^(1/14) = 1.9307.
        of("0s..=1h", "100%", 16, "0s 0.36s 0.6951s 36s 1865s 1h");
        assert_eq!(Grid::new("5s..=5000ms", None).unwrap().count(), 1);
        assert_eq!(Grid::new("0..=0", Some("1%")).unwrap().get(0), Kind::Integer(0));
    }

    #[test]
    fn neighbours_on_a_grid_are_a_resolution_apart() {
        for (text, resolution, most) in [
            ("0.1..=10", "1%", 1.012),
            ("3..=4000", "0.01%", 1.000_12),
            ("1..=1.5", "0.5%", 1.005_1),
        ] {
            let grid = Grid::new(text, Some(resolution)).unwrap();
            let values: Vec<f64> =
                (0..grid.count()).map(|index| plain(&grid.get(index)).parse().unwrap()).collect();
            for pair in values.windows(2) {
                let ratio = pair[1] / pair[0];
                assert!(ratio > 1.0 && ratio < most, "{text}: {pair:?}");
            }
        }
    }

    #[test]
    fn what_is_no_grid() {
        for (text, resolution, message) in [
            ("newest", "1", "`newest` is not a range"),
            ("9..=1", "1", "there is nothing from 9 to 1"),
            ("1min..=2s", "1", "there is nothing from 1min to 2s"),
            ("1s..=2MB", "1s", "a range cannot go from `s` to `MB`"),
            ("1s..=2s", "1MB", "`1MB` is no resolution of this range"),
            ("1..=2", "0", "`0` is no resolution"),
            ("-1..=2", "1", "`-1` is not the end of a range"),
            ("0..=1", "0%", "`0%` is no resolution of this range"),
        ] {
            assert_eq!(Grid::new(text, Some(resolution)).unwrap_err().message, message, "{text}");
        }
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
