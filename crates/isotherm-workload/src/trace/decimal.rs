//! Decimal numbers as nanoseconds or bytes.

use super::rows::{LONGEST_VALUE, beginning};
use crate::error::{Quantity, TraceProblem};

/// A number such as `12.5` of a unit of so many nanoseconds (or bytes), in nanoseconds, rounded half up.
pub(super) fn nanos(field: &[u8], per_unit: u64, kind: Quantity) -> Result<u64, TraceProblem> {
    let number = number(field, per_unit, kind)?;
    if number == 0 && kind.is_limit() {
        return Err(TraceProblem::Zero { value: beginning(field, LONGEST_VALUE), kind });
    }
    Ok(number)
}

fn number(field: &[u8], per_unit: u64, kind: Quantity) -> Result<u64, TraceProblem> {
    if let Some(nanos) = exact(field, per_unit) {
        return Ok(nanos);
    }
    let value = || beginning(field, LONGEST_VALUE);
    if field.is_empty() {
        return Err(TraceProblem::NoValue);
    }
    let Some(number) = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok()) else {
        return Err(TraceProblem::NotANumber { value: value() });
    };
    // A number with hundreds of digits is infinite as a float, though it is not written so.
    if number.is_nan() || number.is_infinite() && !field.iter().any(u8::is_ascii_digit) {
        return Err(TraceProblem::NotFinite { value: value() });
    }
    if number < 0.0 {
        return Err(TraceProblem::Negative { value: value(), kind });
    }
    let nanos = (number * per_unit as f64).round();
    // 2^64 is the first number that is too large.
    if nanos >= 18_446_744_073_709_551_616.0 {
        return Err(TraceProblem::TooLarge { value: value(), kind });
    }
    Ok(nanos as u64)
}

/// Digits with at most one point among or beside them, if they and the result fit.
fn exact(field: &[u8], per_unit: u64) -> Option<u64> {
    let mut digits: u64 = 0;
    let mut seen = 0;
    // The number of digits after the point, once there is one.
    let mut fraction: Option<u32> = None;
    for &byte in field {
        match byte {
            b'0'..=b'9' => {
                digits = digits.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                seen += 1;
                fraction = fraction.map(|count| count + 1);
            }
            b'.' if fraction.is_none() => fraction = Some(0),
            _ => return None,
        }
    }
    if seen == 0 {
        return None;
    }
    let power = 10u64.checked_pow(fraction.unwrap_or(0))?;
    if per_unit.is_multiple_of(power) {
        // The usual case: no more digits after the point than the unit has nanoseconds.
        return digits.checked_mul(per_unit / power);
    }
    let (scaled, power) = (u128::from(digits) * u128::from(per_unit), u128::from(power));
    u64::try_from(scaled / power + u128::from(scaled % power >= power.div_ceil(2))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_converted_exactly() {
        let cases: [(&str, u64, u64); 14] = [
            ("0", 1_000_000_000, 0),
            ("5.76", 1_000_000_000, 5_760_000_000),
            ("1943", 1_000_000, 1_943_000_000),
            ("0.1", 60_000_000_000, 6_000_000_000),
            (".5", 1_000, 500),
            ("7.", 1_000, 7_000),
            ("007.10", 1_000, 7_100),
            // 1847.479248046875 ms are 1847479248.046875 ns.
            ("1847.479248046875", 1_000_000, 1_847_479_248),
            // Half up: 0.5 ns and 1.5 ns.
            ("0.5", 1, 1),
            ("1.5", 1, 2),
            ("0.49999", 1, 0),
            // A third of an hour written with ten digits: 0.3333333333 · 3.6e12.
            ("0.3333333333", 3_600_000_000_000, 1_199_999_999_880),
            ("1e3", 1_000, 1_000_000),
            ("18446744073.709551615", 1_000_000_000, u64::MAX),
        ];
        for (text, unit, expected) in cases {
            match nanos(text.as_bytes(), unit, Quantity::Date) {
                Ok(got) => assert_eq!(got, expected, "{text}"),
                Err(problem) => panic!("{text}: {problem:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let kind = |text: &str| match nanos(text.as_bytes(), 1_000_000_000, Quantity::Date) {
            Ok(_) => "a time",
            Err(TraceProblem::NoValue) => "nothing",
            Err(TraceProblem::NotANumber { .. }) => "no number",
            Err(TraceProblem::NotFinite { .. }) => "not finite",
            Err(TraceProblem::Negative { .. }) => "negative",
            Err(TraceProblem::TooLarge { .. }) => "too large",
            Err(_) => "something else",
        };
        let cases = [
            ("", "nothing"),
            (".", "no number"),
            ("1.2.3", "no number"),
            ("1,5", "no number"),
            ("12 s", "no number"),
            ("0x10", "no number"),
            ("NaN", "not finite"),
            ("inf", "not finite"),
            ("-inf", "not finite"),
            ("-1", "negative"),
            ("-1e-9", "negative"),
            ("1e300", "too large"),
            ("1e999", "too large"),
            ("18446744073709551616", "too large"),
            // Zero with a sign is zero.
            ("-0", "a time"),
            ("+1", "a time"),
        ];
        for (text, expected) in cases {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert!(nanos(&[0xff, b'1'], 1, Quantity::Date).is_err(), "not UTF-8, and no panic");
    }
}
