//! Virtual time: whole nanoseconds since the start of the simulation.
//!
//! Dates and durations are integers: they are totally ordered, and equal on every machine. Work
//! (flops, bytes) and rates are `f64`; [`Duration::to_do`] is the one place where they become a
//! duration.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Sub, SubAssign};

use crate::Number;

const NANOS_PER_SEC: f64 = 1e9;

/// Rounds seconds to nanoseconds. Negative values and NaN give 0; values out of range, `u64::MAX`.
fn nanos_from_secs(secs: f64) -> u64 {
    // A cast from `f64` saturates and turns NaN into 0.
    libm::round(secs * NANOS_PER_SEC) as u64
}

/// A date: nanoseconds since the start of the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The start of the simulation.
    pub const ZERO: Time = Time(0);
    /// A date that is never reached.
    pub const NEVER: Time = Time(u64::MAX);

    /// A date from whole nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Time(nanos)
    }

    /// A date from seconds, rounded to the nearest nanosecond. Negative values and NaN give
    /// [`Time::ZERO`], values out of range [`Time::NEVER`].
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Self {
        Time(nanos_from_secs(secs))
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, as the nearest `f64`.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC
    }

    /// The duration from `earlier` to this date; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Time) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// This date plus a duration, or `None` beyond the largest date.
    #[must_use]
    pub const fn checked_add(self, duration: Duration) -> Option<Time> {
        match self.0.checked_add(duration.0) {
            Some(nanos) => Some(Time(nanos)),
            None => None,
        }
    }
}

/// Seconds, written as those of a [`Duration`].
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Time::NEVER {
            return f.pad("never");
        }
        Duration(self.0).fmt(f)
    }
}

/// Saturates at [`Time::NEVER`].
impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(duration.0))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// A length of virtual time in nanoseconds, unlike [`std::time::Duration`].
///
/// All arithmetic saturates at zero and at [`Duration::MAX`], and rounds to the nearest nanosecond.
/// Durations are multiplied and divided by a [`Number`] of any type, exactly by integers. A
/// negative factor, or NaN, gives zero. As in [`to_do`](Self::to_do), division by zero or less
/// gives [`Duration::MAX`], or zero if nothing is divided.
///
/// ```
/// use isotherm_kernel::{Duration, Time};
///
/// // 250 MB at 125 MB/s.
/// let transfer = Duration::to_do(250e6, 125e6);
/// assert_eq!(transfer, Duration::from_secs(2));
/// let since = (Time::ZERO + transfer).since(Time::from_secs_f64(0.5));
/// assert_eq!(since.to_string(), "1.500000000");
/// assert_eq!(format!("{transfer:.1} s"), "2.0 s");
/// assert_eq!(4 * transfer + transfer / 2 - transfer * 1.5, Duration::from_secs(6));
/// assert_eq!([transfer; 3].iter().sum::<Duration>(), transfer * 3);
/// assert_eq!(transfer / Duration::from_millis(500), 4.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// Zero nanoseconds.
    pub const ZERO: Duration = Duration(0);
    /// The longest duration: added to any date it gives [`Time::NEVER`].
    pub const MAX: Duration = Duration(u64::MAX);

    /// A duration from nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Duration(nanos)
    }

    /// A duration from microseconds; saturates.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Duration(micros.saturating_mul(1_000))
    }

    /// A duration from milliseconds; saturates.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Duration(millis.saturating_mul(1_000_000))
    }

    /// A duration from seconds; saturates.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Duration(secs.saturating_mul(1_000_000_000))
    }

    /// A duration from seconds, rounded to the nearest nanosecond. Negative values and NaN give
    /// zero, values out of range [`Duration::MAX`].
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Self {
        Duration(nanos_from_secs(secs))
    }

    /// A duration from seconds that have not been checked, such as user input.
    ///
    /// ```
    /// use isotherm_kernel::Duration;
    ///
    /// assert_eq!(Duration::try_from_secs_f64(0.5), Ok(Duration::from_millis(500)));
    /// let error = Duration::try_from_secs_f64(-1.0).unwrap_err();
    /// assert_eq!(error.to_string(), "a duration must be zero or more seconds, not -1");
    /// ```
    ///
    /// # Errors
    /// [`DurationError`] if it is negative or not a number. Values out of range give
    /// [`Duration::MAX`].
    pub fn try_from_secs_f64(secs: f64) -> Result<Self, DurationError> {
        if secs >= 0.0 { Ok(Duration::from_secs_f64(secs)) } else { Err(DurationError { secs }) }
    }

    /// How long `work` takes at `rate` (work per second), rounded to the nearest nanosecond. No
    /// work takes no time; work at a rate of zero or less takes [`Duration::MAX`].
    #[must_use]
    pub fn to_do(work: f64, rate: f64) -> Self {
        if work <= 0.0 {
            Duration::ZERO
        } else if rate <= 0.0 {
            Duration::MAX
        } else {
            Duration::from_secs_f64(work / rate)
        }
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds, as the nearest `f64`.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The difference, or zero if `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Duration) -> Duration {
        Duration(self.0.saturating_sub(other.0))
    }
}

/// A number of seconds that is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a duration must be zero or more seconds, not {secs}")]
pub struct DurationError {
    /// The number.
    pub secs: f64,
}

/// Seconds, with nine decimals, a given precision, or as many as it takes to be exact (`{:#}`).
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        match f.precision() {
            Some(precision) => write!(f, "{:.*}", precision, self.as_secs_f64()),
            None if f.alternate() => {
                let text = format!("{secs}.{nanos:09}");
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            None => f.pad(&format!("{secs}.{nanos:09}")),
        }
    }
}

/// Saturates at [`Duration::MAX`].
impl Add for Duration {
    type Output = Duration;

    fn add(self, other: Duration) -> Duration {
        Duration(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Duration {
    fn add_assign(&mut self, other: Duration) {
        *self = *self + other;
    }
}

/// Saturates at zero.
impl Sub for Duration {
    type Output = Duration;

    fn sub(self, other: Duration) -> Duration {
        self.saturating_sub(other)
    }
}

impl SubAssign for Duration {
    fn sub_assign(&mut self, other: Duration) {
        *self = *self - other;
    }
}

impl Sum for Duration {
    fn sum<I: Iterator<Item = Duration>>(iter: I) -> Duration {
        iter.fold(Duration::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Duration> for Duration {
    fn sum<I: Iterator<Item = &'a Duration>>(iter: I) -> Duration {
        iter.copied().sum()
    }
}

/// How many times the other fits into this one; not a number if both are zero.
impl Div for Duration {
    type Output = f64;

    fn div(self, other: Duration) -> f64 {
        self.0 as f64 / other.0 as f64
    }
}

impl<N: Number> Mul<N> for Duration {
    type Output = Duration;

    fn mul(self, number: N) -> Duration {
        match number.integer() {
            Some(number) => {
                let factor = u64::try_from(number.max(0)).unwrap_or(u64::MAX);
                Duration(self.0.saturating_mul(factor))
            }
            // A cast from `f64` saturates and turns NaN into 0.
            None => Duration(libm::round(self.0 as f64 * number.as_f64()) as u64),
        }
    }
}

impl<N: Number> Div<N> for Duration {
    type Output = Duration;

    fn div(self, number: N) -> Duration {
        if number.as_f64() <= 0.0 {
            return if self.is_zero() { self } else { Duration::MAX };
        }
        match number.integer() {
            // The quotient is no larger than the dividend.
            Some(number) => Duration(((i128::from(self.0) + number / 2) / number) as u64),
            None => Duration(libm::round(self.0 as f64 / number.as_f64()) as u64),
        }
    }
}

impl<N: Number> MulAssign<N> for Duration {
    fn mul_assign(&mut self, number: N) {
        *self = *self * number;
    }
}

impl<N: Number> DivAssign<N> for Duration {
    fn div_assign(&mut self, number: N) {
        *self = *self / number;
    }
}

// No other integer type: the type of `4 * duration` would be open.
impl Mul<Duration> for u64 {
    type Output = Duration;

    fn mul(self, duration: Duration) -> Duration {
        duration * self
    }
}

impl Mul<Duration> for f64 {
    type Output = Duration;

    fn mul(self, duration: Duration) -> Duration {
        duration * self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_the_nearest_nanosecond() {
        assert_eq!(Duration::from_secs_f64(0.1).as_nanos(), 100_000_000);
        assert_eq!(Duration::from_secs_f64(13.01e-9).as_nanos(), 13);
        assert_eq!(Duration::from_secs_f64(1.5e-9).as_nanos(), 2);
    }

    #[test]
    fn values_out_of_range_saturate() {
        assert_eq!(Duration::from_secs_f64(-1.0), Duration::ZERO);
        assert_eq!(Duration::from_secs_f64(f64::NAN), Duration::ZERO);
        assert_eq!(Duration::from_secs_f64(f64::INFINITY), Duration::MAX);
        assert_eq!(Time::from_nanos(5) + Duration::MAX, Time::NEVER);
        assert_eq!(Time::ZERO.since(Time::from_nanos(5)), Duration::ZERO);
    }

    #[test]
    fn work_becomes_a_duration_in_one_place() {
        // 1e8 bytes at 0.97 × 20e6 / 1.05 B/s: 5.412371134 s (kernel reference, worked timeline).
        let rate = 0.97 * 20e6 / 1.05;
        assert_eq!(Duration::to_do(1e8, rate).as_nanos(), 5_412_371_134);
        assert_eq!(Duration::to_do(0.0, 0.0), Duration::ZERO);
        assert_eq!(Duration::to_do(1.0, 0.0), Duration::MAX);
    }

    #[test]
    fn whole_numbers_scale_exactly() {
        // More than an f64 can hold.
        let odd = Duration((1 << 60) + 1);
        assert_eq!(odd * 3_u8, Duration((3 << 60) + 3));
        assert_eq!(odd * 3_usize / 3_i64, odd);
        assert_eq!((3 * odd).as_nanos() - (2.0 * Duration(1 << 60)).as_nanos(), (1 << 60) + 3);
        // To the nearest nanosecond, halves up.
        let thirds = [1_u64, 2, 4, 5].map(|nanos| (Duration(nanos) / 3).as_nanos());
        assert_eq!(thirds, [0, 1, 1, 2]);
        assert_eq!(Duration(3) / 2, Duration(2));
        assert_eq!(Duration::MAX / 1, Duration::MAX);
        assert_eq!(Duration::MAX / 2, Duration(1 << 63));
    }

    #[test]
    fn scaling_saturates() {
        let second = Duration::from_secs(1);
        assert_eq!(second * u64::MAX, Duration::MAX);
        assert_eq!(second * f64::INFINITY, Duration::MAX);
        assert_eq!([second * -1, second * -0.5, second * f64::NAN], [Duration::ZERO; 3]);
        assert_eq!([second / 0, second / -2, second / 0.0], [Duration::MAX; 3]);
        assert_eq!([Duration::ZERO / 0, Duration::ZERO / 0.0], [Duration::ZERO; 2]);
        assert_eq!(second / f64::INFINITY, Duration::ZERO);
        let mut changing = second * 1.5_f32;
        changing *= 4;
        changing /= 0.5;
        assert_eq!(changing, Duration::from_secs(12));
        let mut date = Time::ZERO;
        date += changing;
        assert_eq!(date.as_secs_f64(), 12.0);
        assert_eq!([second, second * 2].into_iter().sum::<Duration>(), second * 3);
    }

    #[test]
    fn dates_print_as_seconds() {
        assert_eq!(Time::from_nanos(1_000_000_001).to_string(), "1.000000001");
        assert_eq!(Time::NEVER.to_string(), "never");
        assert_eq!(format!("{:.2}", Duration::from_millis(1250)), "1.25");
        let short = [0, 1, 1_250_000_000, 600_000_000_000].map(Duration::from_nanos);
        assert_eq!(short.map(|one| format!("{one:#}")), ["0", "0.000000001", "1.25", "600"]);
        assert_eq!(format!("{:#}", Time::from_nanos(1_500_000_000)), "1.5");
    }
}
