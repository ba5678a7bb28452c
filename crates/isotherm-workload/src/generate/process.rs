//! When something arrives.

use isotherm_kernel::{Distribution, Duration, Random, RandomStreams, Time};

use super::bursts::{Bursts, Visits};
use super::diurnal::{Diurnal, Thinning};
use super::gaps::Gaps;
use super::limits::{HIGHEST_RATE, check_rate};
use crate::WorkloadError;

/// When something arrives.
///
/// | process | dates |
/// |---|---|
/// | [`Process::poisson`] | independent exponential gaps with the mean `1 / rate` |
/// | [`Process::even`] | a gap of `1 / rate`, always |
/// | [`Process::uniform`] | independent gaps, uniform between 0 and `2 / rate` |
/// | [`Process::gaps`] | independent gaps of any distribution (a renewal process) |
/// | [`Process::Bursts`] | a Poisson process whose rate jumps between states (MMPP) |
/// | [`Process::Diurnal`] | a Poisson process whose rate goes up and down with the time of the day |
///
/// Dates are rounded to the nanosecond, and that does not add up: the k-th of equally distant ones
/// is `k / rate` after the beginning, rounded once. Gaps that are drawn are rounded each by itself
/// where they are a microsecond or more in the mean; from shorter ones, what is rounded off is
/// taken on to the next.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// Independent gaps, in seconds.
    Gaps(Distribution),
    /// Gaps that are all the same.
    Even {
        /// Arrivals per second.
        rate_per_s: f64,
    },
    /// A rate that jumps.
    Bursts(Bursts),
    /// A rate that follows the time of the day.
    Diurnal(Diurnal),
}

impl Process {
    /// A Poisson process with this average rate, in arrivals per second.
    ///
    /// # Errors
    /// A rate of zero or less, or of more than one arrival per nanosecond.
    pub fn poisson(rate_per_s: f64) -> Result<Self, WorkloadError> {
        check_rate("Poisson", rate_per_s)?;
        Self::of("Poisson", Distribution::exponential(rate_per_s), rate_per_s)
    }

    /// Arrivals that are equally far apart.
    ///
    /// # Errors
    /// As for [`poisson`](Process::poisson).
    pub fn even(rate_per_s: f64) -> Result<Self, WorkloadError> {
        check_rate("uniform", rate_per_s)?;
        // The gap is checked, and then not used: its multiples are not as exact as those of the
        // rate.
        Self::of("uniform", Distribution::constant(1.0 / rate_per_s), rate_per_s)?;
        Ok(Process::Even { rate_per_s })
    }

    /// Gaps between zero and twice their mean, all alike.
    ///
    /// # Errors
    /// As for [`poisson`](Process::poisson).
    pub fn uniform(rate_per_s: f64) -> Result<Self, WorkloadError> {
        check_rate("uniform", rate_per_s)?;
        Self::of("uniform", Distribution::uniform(0.0, 2.0 / rate_per_s), rate_per_s)
    }

    fn of(
        workload: &'static str,
        distribution: Result<Distribution, isotherm_kernel::DistributionError>,
        got: f64,
    ) -> Result<Self, WorkloadError> {
        match distribution {
            Ok(distribution) => Ok(Process::Gaps(distribution)),
            // A rate so small that its inverse overflows.
            Err(_) => {
                WorkloadError::parameter(workload, "rate", "a positive number", got.to_string())
            }
        }
    }

    /// Independent gaps of this distribution, in seconds; what is below zero counts as zero.
    ///
    /// # Errors
    /// A mean gap of less than a nanosecond.
    pub fn gaps(gap_s: Distribution) -> Result<Self, WorkloadError> {
        match gap_s.mean() {
            Some(mean) if mean < 1.0 / HIGHEST_RATE => WorkloadError::parameter(
                "gaps",
                "mean gap",
                "at least a nanosecond",
                format!("{mean} s"),
            ),
            _ => Ok(Process::Gaps(gap_s)),
        }
    }

    /// Arrivals per second in the long run; `None` if the mean of the gaps is infinite, so that
    /// they become ever rarer.
    #[must_use]
    pub fn mean_rate_per_s(&self) -> Option<f64> {
        match self {
            Process::Gaps(distribution) => distribution.mean().map(|mean| 1.0 / mean),
            Process::Even { rate_per_s } => Some(*rate_per_s),
            Process::Bursts(bursts) => Some(bursts.mean_rate_per_s()),
            Process::Diurnal(diurnal) => Some(diurnal.rate_per_s()),
        }
    }

    /// Arrivals per second around a date, in the mean; `None` if they become ever rarer.
    #[must_use]
    pub fn rate_per_s_at(&self, at: Time) -> Option<f64> {
        match self {
            Process::Diurnal(diurnal) => Some(diurnal.rate_per_s_at(at)),
            _ => self.mean_rate_per_s(),
        }
    }

    /// After what time its rate is the same again; `None` if it does not depend on the date.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        match self {
            Process::Diurnal(diurnal) => Some(diurnal.period()),
            _ => None,
        }
    }
}

/// The state of a process.
#[derive(Clone, Debug)]
pub(super) enum Dates {
    Gaps(Gaps, Random),
    /// The number of arrivals so far.
    Even {
        rate_per_s: f64,
        from: Time,
        count: u64,
    },
    Bursts(Visits),
    Diurnal(Thinning),
}

impl Dates {
    pub(super) fn new(process: Process, from: Time, streams: &RandomStreams, path: &str) -> Self {
        match process {
            Process::Gaps(distribution) => {
                Dates::Gaps(Gaps::new(distribution), streams.stream(path))
            }
            Process::Even { rate_per_s } => Dates::Even { rate_per_s, from, count: 0 },
            Process::Bursts(bursts) => Dates::Bursts(Visits::new(bursts, from, streams, path)),
            Process::Diurnal(diurnal) => Dates::Diurnal(Thinning::new(diurnal, streams, path)),
        }
    }

    /// The next arrival after this date; any date from `until` on if there is none before. When the
    /// budget is used up, the date before which there is none, from which to continue.
    #[inline]
    pub(super) fn next(&mut self, last: Time, until: Time, budget: &mut u32) -> Result<Time, Time> {
        match self {
            Dates::Gaps(gaps, random) => Ok(gaps.after(last, random)),
            Dates::Even { rate_per_s, from, count } => {
                *count += 1;
                Ok(*from + Duration::from_secs_f64(*count as f64 / *rate_per_s))
            }
            Dates::Bursts(visits) => visits.next(last, until, budget),
            Dates::Diurnal(thinning) => thinning.next(last, until, budget),
        }
    }
}
