//! Decimal numbers as nanoseconds or bytes.
//!
//! Nearly all numbers of a trace are short, plain decimals. A [`Scale`] reads those from where they
//! lie, eight digits at a time, and leaves everything else, also everything that is wrong, to
//! [`nanos`]; where it reads a number, both give the same.

use std::borrow::Cow;

use super::table::{LONGEST_VALUE, beginning};
use crate::TimeUnit;
use crate::error::{TraceProblem, ValueKind};

/// A unit of the numbers in a column, prepared for reading many of them.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    unit: TimeUnit,
    /// The factor for digits with this number of decimals; 0 if the result may need rounding.
    factors: [u64; LONGEST_PLAIN],
}

impl Scale {
    pub(super) fn new(unit: TimeUnit) -> Self {
        let mut factors = [0; LONGEST_PLAIN];
        let mut factor = unit.nanos();
        for place in &mut factors {
            *place = factor;
            if !factor.is_multiple_of(10) {
                break;
            }
            factor /= 10;
        }
        Scale { unit, factors }
    }

    /// The plain number that begins here, in nanoseconds, and where it ends, which is where
    /// something else begins. `None` if it is not plain, or too near the end of the text.
    #[inline(always)]
    pub(super) fn read(&self, text: &[u8], begin: usize) -> Option<(u64, usize)> {
        let (mut number, mut end) = digits(0, text, begin)?;
        let (mut length, mut decimals) = (end - begin, 0);
        if text.get(end) == Some(&b'.') {
            let point = end;
            (number, end) = digits(number, text, point + 1)?;
            decimals = end - point - 1;
            length += decimals;
        }
        if length == 0 || length > LONGEST_PLAIN {
            return None;
        }
        match self.factors.get(decimals) {
            Some(&factor) if factor > 0 => Some((number.checked_mul(factor)?, end)),
            _ => None,
        }
    }

    /// A number such as `12.5` in nanoseconds, rounded half up.
    pub(super) fn nanos(&self, field: &[u8], kind: ValueKind) -> Result<u64, TraceProblem> {
        nanos(field, self.unit.nanos(), kind)
    }
}

/// A number with a point before its decimals, where the file has this mark there.
pub(super) fn with_point(field: &[u8], mark: u8) -> Result<Cow<'_, [u8]>, TraceProblem> {
    if mark == b'.' {
        return Ok(Cow::Borrowed(field));
    }
    // It would group digits: what `1.500` means is not certain.
    if field.contains(&b'.') {
        return Err(TraceProblem::NotANumber { value: beginning(field, LONGEST_VALUE) });
    }
    Ok(Cow::Owned(field.iter().map(|&byte| if byte == mark { b'.' } else { byte }).collect()))
}

/// This number of digits always fits into 64 bits.
const LONGEST_PLAIN: usize = 19;

/// Appends the digits that begin here to a number, and says where they end. `None` if that is too
/// near the end of the text. More digits than fit give any number.
#[inline]
pub(super) fn digits(number: u64, text: &[u8], begin: usize) -> Option<(u64, usize)> {
    let (values, others) = values(*text.get(begin..)?.first_chunk()?);
    if others == 0 {
        return many_digits(number, text, begin);
    }
    let (number, count) = few_digits(number, values, others);
    Some((number, begin + count))
}

/// The same of more than seven digits.
#[cold]
fn many_digits(mut number: u64, text: &[u8], begin: usize) -> Option<(u64, usize)> {
    for place in (begin..).step_by(8) {
        let (values, others) = values(*text.get(place..)?.first_chunk()?);
        if others != 0 {
            let (number, count) = few_digits(number, values, others);
            return Some((number, place + count));
        }
        number = number.wrapping_mul(100_000_000).wrapping_add(value(values));
    }
    None
}

/// Appends the digits of a word before the first byte that is none, and says how many they are.
#[inline]
fn few_digits(number: u64, values: u64, others: u64) -> (u64, usize) {
    const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let count = others.trailing_zeros() as usize / 8 % POWERS.len();
    // Zeros come in front. Twice, since there may be nothing left.
    let digits = value(values << (56 - 8 * count) << 8);
    (number.wrapping_mul(POWERS[count]).wrapping_add(digits), count)
}

/// What eight bytes are as digits, the first of them lowest, and the highest bit of every byte that
/// is none.
#[inline]
fn values(bytes: [u8; 8]) -> (u64, u64) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let values = u64::from_le_bytes(bytes) ^ (ONES * u64::from(b'0'));
    // Without its highest bit a byte of 10 or more carries into it, and no further, when 118 are
    // added.
    let others = (((values & (ONES * 0x7f)) + ONES * 118) | values) & (ONES * 0x80);
    (values, others)
}

/// The number of eight digits, the first in the lowest byte. Adjacent digits are combined to pairs,
/// pairs to fours, and fours to the result.
fn value(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul((10 << 8) + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) + 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul((10_000 << 32) + 1) >> 32
}

/// A number such as `12.5` in a unit of so many nanoseconds (or bytes), converted to nanoseconds
/// and rounded half up.
pub(super) fn nanos(field: &[u8], per_unit: u64, kind: ValueKind) -> Result<u64, TraceProblem> {
    let number = number(field, per_unit, kind)?;
    if number == 0 && kind.is_limit() {
        return Err(TraceProblem::Zero { value: beginning(field, LONGEST_VALUE), kind });
    }
    Ok(number)
}

fn number(field: &[u8], per_unit: u64, kind: ValueKind) -> Result<u64, TraceProblem> {
    if let Some(nanos) = exact(field, per_unit) {
        return Ok(nanos);
    }
    let value = || beginning(field, LONGEST_VALUE);
    if field.is_empty() {
        return Err(TraceProblem::NoValue);
    }
    let Some(number) = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok())
    else {
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
    use proptest::prelude::*;

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
            match nanos(text.as_bytes(), unit, ValueKind::Date) {
                Ok(got) => assert_eq!(got, expected, "{text}"),
                Err(problem) => panic!("{text}: {problem:?}"),
            }
        }
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// What is read eight digits at a time is what is read digit by digit, up to where the
        /// number ends.
        #[test]
        fn both_ways_of_reading_agree(
            text in prop_oneof![
                "[0-9]{0,19}\\.?[0-9]{0,10}",
                "[0-9.]{0,21}",
                any::<u64>().prop_map(|nanos| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)),
            ],
            behind in "[,;:/ +e\u{7f}\u{ff}-]{8}",
            unit in prop::sample::select(vec![1, 3, 100, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000]),
        ) {
            let scale = Scale::new(TimeUnit::from_nanos(unit).unwrap());
            if let Some((read, end)) = scale.read(format!("1,{text}{behind}").as_bytes(), 2) {
                let number = &text.as_bytes()[..end - 2];
                prop_assert_eq!(Some(read), nanos(number, unit, ValueKind::Date).ok());
                prop_assert!(!text.as_bytes().get(end - 2).is_some_and(u8::is_ascii_digit));
            }
        }

        #[test]
        fn plain_numbers_are_read_at_once(whole in 0u64..1_000_000_000, decimals in "[0-9]{0,9}", point: bool) {
            let text = if point || !decimals.is_empty() { format!("{whole}.{decimals}") } else { whole.to_string() };
            // Nine decimals of a second are its nanoseconds.
            let expected = format!("{whole}{decimals:0<9}").parse().ok().map(|nanos| (nanos, text.len()));
            prop_assert_eq!(Scale::new(TimeUnit::SECOND).read(format!("{text},       ").as_bytes(), 0), expected);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let kind = |text: &str| match nanos(text.as_bytes(), 1_000_000_000, ValueKind::Date) {
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
        assert!(nanos(&[0xff, b'1'], 1, ValueKind::Date).is_err(), "not UTF-8, and no panic");
    }
}
