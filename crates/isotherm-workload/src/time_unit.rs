//! Units of the times in a trace.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// What one unit of the numbers in a column of times is.
///
/// ```
/// # use isotherm_workload::TimeUnit;
/// assert_eq!("ms".parse(), Ok(TimeUnit::MILLISECOND));
/// assert_eq!(TimeUnit::of_column("response_ms"), Some(TimeUnit::MILLISECOND));
/// assert_eq!(TimeUnit::of_column("arrival"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeUnit {
    nanos: NonZeroU64,
}

/// There is no unit of time of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a unit of time: one of ns, us, ms, s, min, h, d")]
pub struct UnknownTimeUnit(pub String);

impl TimeUnit {
    /// `ns`
    pub const NANOSECOND: TimeUnit = TimeUnit::of(1);
    /// `us` (or `µs`)
    pub const MICROSECOND: TimeUnit = TimeUnit::of(1_000);
    /// `ms`
    pub const MILLISECOND: TimeUnit = TimeUnit::of(1_000_000);
    /// `s`
    pub const SECOND: TimeUnit = TimeUnit::of(1_000_000_000);
    /// `min`
    pub const MINUTE: TimeUnit = TimeUnit::of(60 * 1_000_000_000);
    /// `h`
    pub const HOUR: TimeUnit = TimeUnit::of(3_600 * 1_000_000_000);
    /// `d`
    pub const DAY: TimeUnit = TimeUnit::of(86_400 * 1_000_000_000);

    const NAMED: [(&'static str, TimeUnit); 7] = [
        ("ns", TimeUnit::NANOSECOND),
        ("us", TimeUnit::MICROSECOND),
        ("ms", TimeUnit::MILLISECOND),
        ("s", TimeUnit::SECOND),
        ("min", TimeUnit::MINUTE),
        ("h", TimeUnit::HOUR),
        ("d", TimeUnit::DAY),
    ];

    const fn of(nanos: u64) -> TimeUnit {
        match NonZeroU64::new(nanos) {
            Some(nanos) => TimeUnit { nanos },
            None => TimeUnit { nanos: NonZeroU64::MIN },
        }
    }

    /// A unit of this number of nanoseconds; `None` for 0.
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Option<TimeUnit> {
        NonZeroU64::new(nanos).map(|nanos| TimeUnit { nanos })
    }

    /// Nanoseconds of one unit.
    #[must_use]
    pub fn nanos(self) -> u64 {
        self.nanos.get()
    }

    /// The unit that the end of a column's name says, as in `arrival_s`.
    #[must_use]
    pub fn of_column(name: &str) -> Option<TimeUnit> {
        name.rsplit_once('_')?.1.parse().ok()
    }
}

impl FromStr for TimeUnit {
    type Err = UnknownTimeUnit;

    fn from_str(text: &str) -> Result<Self, UnknownTimeUnit> {
        let name = if text == "µs" || text == "μs" { "us" } else { text };
        let named = TimeUnit::NAMED.iter().find(|(unit, _)| *unit == name);
        named.map(|&(_, unit)| unit).ok_or_else(|| UnknownTimeUnit(text.to_owned()))
    }
}

/// The name, or the number of nanoseconds of a unit without one.
impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TimeUnit::NAMED.iter().find(|(_, unit)| unit == self) {
            Some((name, _)) => f.pad(name),
            None => write!(f, "{} ns", self.nanos),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (name, unit) in TimeUnit::NAMED {
            assert_eq!(name.parse(), Ok(unit));
            assert_eq!(unit.to_string(), name);
        }
        assert_eq!("µs".parse(), Ok(TimeUnit::MICROSECOND));
        assert_eq!(TimeUnit::from_nanos(100).unwrap().to_string(), "100 ns");
        assert_eq!(TimeUnit::from_nanos(0), None);
        let error = "sec".parse::<TimeUnit>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sec` is not a unit of time: one of ns, us, ms, s, min, h, d"
        );
    }

    #[test]
    fn the_end_of_a_columns_name_says_its_unit() {
        assert_eq!(TimeUnit::of_column("arrival_s"), Some(TimeUnit::SECOND));
        assert_eq!(TimeUnit::of_column("a_b_min"), Some(TimeUnit::MINUTE));
        assert_eq!(TimeUnit::of_column("end_timestamp"), None);
        assert_eq!(TimeUnit::of_column("s"), None, "a column of this name need not be a time");
    }
}
