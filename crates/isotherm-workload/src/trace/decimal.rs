//! Decimal numbers as nanoseconds or bytes.
//!
//! Nearly all numbers of a trace are short, plain decimals. A [`Scale`] reads those eight digits at a time and leaves everything
//! else, also everything that is wrong, to [`nanos`]; both give the same.

use super::rows::{LONGEST_VALUE, beginning};
use crate::TimeUnit;
use crate::error::{Quantity, TraceProblem};

/// A unit of the numbers in a column, prepared for reading many of them.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    unit: TimeUnit,
    /// What digits are multiplied by if so many of them stand after the point; 0 if the result may need to be rounded.
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

    /// A number such as `12.5` in nanoseconds, rounded half up.
    pub(super) fn nanos(&self, field: &[u8], kind: Quantity) -> Result<u64, TraceProblem> {
        match self.plain(field) {
            Some(nanos) => Ok(nanos),
            None => nanos(field, self.unit.nanos(), kind),
        }
    }

    fn plain(&self, field: &[u8]) -> Option<u64> {
        let (digits, decimals) = plain(field)?;
        // A plain number has fewer decimals than there are factors.
        let factor = self.factors.get(decimals).copied().filter(|&factor| factor > 0)?;
        digits.checked_mul(factor)
    }
}

/// So many digits always fit into 64 bits, whatever they are.
const LONGEST_PLAIN: usize = 19;

/// The digits of a short number without exponent or sign, as an integer, and how many of them stand after its point.
fn plain(field: &[u8]) -> Option<(u64, usize)> {
    if field.len() > LONGEST_PLAIN {
        return None;
    }
    let (mut digits, mut point, mut read) = (0, None, 0);
    if let Some((head, _)) = field.split_first_chunk()
        && let Some(eight) = eight(*head)
    {
        (digits, point) = eight;
        read = head.len();
    }
    for (index, byte) in field.iter().enumerate().skip(read) {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            digits = digits * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(index);
        } else {
            return None;
        }
    }
    let decimals = point.map_or(0, |point| field.len() - point - 1);
    (field.len() > usize::from(point.is_some())).then_some((digits, decimals))
}

/// The same of eight bytes at once, and where the point is, if there is one.
fn eight(bytes: [u8; 8]) -> Option<(u64, Option<usize>)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The first byte is the lowest. A digit becomes its value.
    let values = u64::from_le_bytes(bytes) ^ (ONES * u64::from(b'0'));
    // The highest bit of every byte that is 10 or more: without that bit, adding 118 carries into it and no further.
    let others = (((values & (ONES * 0x7f)) + ONES * 118) | values) & (ONES * 0x80);
    if others == 0 {
        return Some((value(values), None));
    }
    let index = others.trailing_zeros() / 8;
    if others & (others - 1) != 0 || bytes[index as usize] != b'.' {
        return None;
    }
    // What is before the point moves up by a byte, over the point; a zero comes in front.
    let before = (1 << (8 * index)) - 1;
    let up_to_point = (before << 8) | 0xff;
    Some((value(((values & before) << 8) | (values & !up_to_point)), Some(index as usize)))
}

/// The number of eight digits, the first of which is the lowest byte. Neighbours are joined to pairs, these to fours, and these.
fn value(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul((10 << 8) + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) + 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul((10_000 << 32) + 1) >> 32
}

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
            match nanos(text.as_bytes(), unit, Quantity::Date) {
                Ok(got) => assert_eq!(got, expected, "{text}"),
                Err(problem) => panic!("{text}: {problem:?}"),
            }
        }
    }

    proptest! {
        /// What is read eight digits at a time is what is read digit by digit; what is not read so is left to the latter.
        #[test]
        fn both_ways_of_reading_agree(
            text in prop_oneof![
                "[0-9]{0,19}\\.?[0-9]{0,10}",
                "[0-9.]{0,21}",
                "[0-9.,:/ +e\u{7f}\u{ff}-]{0,21}",
                any::<u64>().prop_map(|nanos| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)),
            ],
            unit in prop::sample::select(vec![1, 3, 100, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000]),
        ) {
            let scale = Scale::new(TimeUnit::from_nanos(unit).unwrap());
            let read = |result: Result<u64, TraceProblem>| result.map_err(|problem| format!("{problem:?}"));
            let expected = nanos(text.as_bytes(), unit, Quantity::Date);
            if let Some(plain) = scale.plain(text.as_bytes()) {
                prop_assert_eq!(Some(plain), expected.as_ref().ok().copied());
            }
            prop_assert_eq!(read(scale.nanos(text.as_bytes(), Quantity::Date)), read(expected));
        }

        #[test]
        fn plain_numbers_are_read_at_once(whole in 0u64..1_000_000_000, decimals in "[0-9]{0,9}", point: bool) {
            let text = if point || !decimals.is_empty() { format!("{whole}.{decimals}") } else { whole.to_string() };
            // Nine decimals of a second are its nanoseconds.
            let expected = format!("{whole}{decimals:0<9}").parse().ok();
            prop_assert_eq!(Scale::new(TimeUnit::SECOND).plain(text.as_bytes()), expected);
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
