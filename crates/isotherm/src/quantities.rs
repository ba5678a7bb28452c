//! Functions and constants for quantities with units, so that a program reads like its description.
//!
//! Sizes are whole bytes (`u64`): constants to multiply with, as in `250 * MB`. As in experiment
//! files, `MB` is 10^6 bytes and `MIB` 2^20. Work (flop) and rates (flop/s, bytes per second) are
//! `f64`. Durations of virtual time are rounded to the nearest nanosecond. The functions take a
//! [`Number`] of any type, as the nearest `f64`. Negative numbers and NaN panic;
//! [`Duration::try_from_secs_f64`] returns an error for them.
//!
//! ```
//! use isotherm::kernel::Duration;
//! use isotherm::quantities::*;
//!
//! assert_eq!(secs(60), minutes(1));
//! assert_eq!(secs(0.25), Duration::from_millis(250));
//! assert_eq!(3 * GB, 3_000_000_000);
//! assert_eq!(64 * GIB, 1 << 36);
//! assert_eq!(gbit_per_s(10), 1250.0 * mb_per_s(1));
//! assert_eq!(gflop(5), 5e9);
//! let names = ["a", "b"];
//! assert_eq!(minutes(names.len()) / 4_u64, secs(30.0_f32));
//! ```

use isotherm_kernel::{Duration, Number};

/// 10^3 bytes.
pub const KB: u64 = 1_000;
/// 10^6 bytes.
pub const MB: u64 = 1_000_000;
/// 10^9 bytes.
pub const GB: u64 = 1_000_000_000;
/// 10^12 bytes.
pub const TB: u64 = 1_000_000_000_000;
/// 2^10 bytes.
pub const KIB: u64 = 1 << 10;
/// 2^20 bytes.
pub const MIB: u64 = 1 << 20;
/// 2^30 bytes.
pub const GIB: u64 = 1 << 30;
/// 2^40 bytes.
pub const TIB: u64 = 1 << 40;

/// Microseconds.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn micros(number: impl Number) -> Duration {
    duration(number.as_f64() * 1e-6)
}

/// Milliseconds.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn millis(number: impl Number) -> Duration {
    duration(number.as_f64() * 1e-3)
}

/// Seconds.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn secs(number: impl Number) -> Duration {
    duration(number.as_f64())
}

/// Minutes.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn minutes(number: impl Number) -> Duration {
    duration(number.as_f64() * 60.0)
}

/// Hours.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn hours(number: impl Number) -> Duration {
    duration(number.as_f64() * 3600.0)
}

/// 10^6 flop of work; per second, the speed of a core.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn mflop(number: impl Number) -> f64 {
    amount(number.as_f64()) * 1e6
}

/// 10^9 flop of work; per second, the speed of a core.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn gflop(number: impl Number) -> f64 {
    amount(number.as_f64()) * 1e9
}

/// 10^12 flop of work; per second, the speed of a core.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn tflop(number: impl Number) -> f64 {
    amount(number.as_f64()) * 1e12
}

/// 10^6 bytes per second, as disks are described.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn mb_per_s(number: impl Number) -> f64 {
    amount(number.as_f64()) * 1e6
}

/// 10^9 bytes per second, as disks are described.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn gb_per_s(number: impl Number) -> f64 {
    amount(number.as_f64()) * 1e9
}

/// 10^6 bits per second, as links are described, in bytes per second.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn mbit_per_s(number: impl Number) -> f64 {
    amount(number.as_f64()) * 1e6 / 8.0
}

/// 10^9 bits per second, as links are described, in bytes per second.
///
/// # Panics
/// If the number is negative or not a number.
#[track_caller]
pub fn gbit_per_s(number: impl Number) -> f64 {
    amount(number.as_f64()) * 1e9 / 8.0
}

/// A duration in seconds, which must be valid.
#[track_caller]
fn duration(secs: f64) -> Duration {
    match Duration::try_from_secs_f64(secs) {
        Ok(duration) => duration,
        Err(error) => panic!("{error}"),
    }
}

/// A work or rate, which must not be negative or NaN.
#[track_caller]
fn amount(number: f64) -> f64 {
    assert!(number >= 0.0, "an amount of work or a rate must be zero or more, not {number}");
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_fractional_numbers_are_the_same_unit() {
        assert_eq!(micros(1_000_000), secs(1));
        assert_eq!(millis(1.5), micros(1_500));
        assert_eq!(minutes(0.5), secs(30));
        assert_eq!(hours(24), minutes(1_440));
        assert_eq!(tflop(1), gflop(1_000));
        assert_eq!(gflop(0.5), mflop(500));
        assert_eq!(gb_per_s(2), mb_per_s(2_000));
        // 8 bits are a byte.
        assert_eq!(mbit_per_s(8), mb_per_s(1));
        assert_eq!(gbit_per_s(1), mbit_per_s(1_000));
    }

    #[test]
    fn whole_numbers_of_every_size_are_exact() {
        let count = vec![(); 3].len();
        assert_eq!(secs(count), secs(3_u8));
        assert_eq!(hours(1_u64), secs(3_600_i64));
        // A century of 36,525 days: its nanoseconds need 62 bits.
        assert_eq!(secs(36_525_u64 * 86_400).as_nanos(), 3_155_760_000_000_000_000);
        assert_eq!(gflop(1_i128 << 40), (1_u64 << 40) as f64 * 1e9);
        assert_eq!(KB as f64, mb_per_s(1_u16) / 1e3);
    }

    #[test]
    fn the_longest_duration_is_for_ever() {
        assert_eq!(hours(f64::INFINITY), Duration::MAX);
    }

    #[test]
    #[should_panic(expected = "a duration must be zero or more seconds, not -1")]
    fn a_negative_duration_is_refused() {
        secs(-1);
    }

    #[test]
    #[should_panic(expected = "a duration must be zero or more seconds, not NaN")]
    fn what_is_not_a_number_is_no_duration() {
        minutes(f64::NAN);
    }

    #[test]
    #[should_panic(expected = "an amount of work or a rate must be zero or more, not -5")]
    fn negative_work_is_refused() {
        gflop(-5);
    }
}
