//! Simulated time as text, exactly.
//!
//! Time is an integer number of nanoseconds, so nine decimals say all there is to say. They are
//! produced by integer arithmetic: no rounding, no dependence on how a machine prints
//! floating-point numbers, and fast.

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Appends `nanos` nanoseconds to `out` as seconds with exactly nine decimals.
///
/// ```
/// let mut text = Vec::new();
/// isotherm_results::write_seconds(&mut text, 206_062_141_890);
/// assert_eq!(text, b"206.062141890");
/// ```
pub fn write_seconds(out: &mut Vec<u8>, nanos: u64) {
    write_scaled::<9>(out, nanos, NANOS_PER_SECOND);
}

/// Appends `nanos` nanoseconds to `out` as microseconds with exactly three decimals.
pub(crate) fn write_micros(out: &mut Vec<u8>, nanos: u64) {
    write_scaled::<3>(out, nanos, 1_000);
}

fn write_scaled<const DECIMALS: usize>(out: &mut Vec<u8>, nanos: u64, unit: u64) {
    write_integer(out, nanos / unit);
    out.push(b'.');
    let mut decimals = [b'0'; DECIMALS];
    fill_digits(&mut decimals, nanos % unit);
    out.extend_from_slice(&decimals);
}

/// Appends `value` to `out` in decimal.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: u64) {
    // A u64 has at most 20 digits.
    let mut digits = [b'0'; 20];
    let first = fill_digits(&mut digits, value);
    out.extend_from_slice(&digits[first..]);
}

/// Writes the digits of `value` at the right end of `digits` and returns where they begin (one
/// digit at least).
fn fill_digits(digits: &mut [u8], mut value: u64) -> usize {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(nanos: u64) -> String {
        let mut out = Vec::new();
        write_seconds(&mut out, nanos);
        String::from_utf8(out).unwrap()
    }

    fn micros(nanos: u64) -> String {
        let mut out = Vec::new();
        write_micros(&mut out, nanos);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(seconds(0), "0.000000000");
        assert_eq!(seconds(1), "0.000000001");
        assert_eq!(seconds(999_999_999), "0.999999999");
        assert_eq!(seconds(1_000_000_000), "1.000000000");
        // 2^64 - 1 = 18446744073709551615.
        assert_eq!(seconds(u64::MAX), "18446744073.709551615");
        assert_eq!((micros(0), micros(1_002)), ("0.000".into(), "1.002".into()));
        assert_eq!(micros(u64::MAX), "18446744073709551.615");
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// The text says the same as the standard library's formatting of the two integer parts.
        #[test]
        fn agrees_with_the_standard_library(nanos in any::<u64>()) {
            prop_assert_eq!(seconds(nanos), format!("{}.{:09}", nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND));
        }
    }
}
