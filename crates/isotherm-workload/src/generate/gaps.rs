//! Gaps that are drawn, and how they are rounded to nanoseconds.
//!
//! Rounding a gap is wrong by half a nanosecond at most, and if gaps are long, one is rounded up as
//! often as another down. Short ones are not: exponential gaps with the mean m, rounded each by
//! itself, have the mean m (1 - (1 ns / m)² / 24), so that at 600 arrivals per microsecond there
//! are 1.5 % too many. So what is rounded off a short gap is added to the next one, and a date is
//! never further than half a nanosecond from the sum of all gaps before it. From a microsecond on
//! in the mean that would change the mean of exponential gaps by less than 10^-7 of it, and gaps
//! are rounded each by itself, unless they are all the same.

use isotherm_kernel::{Distribution, Duration, Random, Time};

/// Gaps with a mean below this, in seconds, are short.
const SHORT_S: f64 = 1e-6;

const NANOS_PER_S: f64 = 1e9;

/// Numbers from here on have no fraction.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// Gaps of a distribution, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gaps {
    distribution: Distribution,
    is_exact: bool,
    /// What was rounded off the last gap, in nanoseconds: from half a nanosecond too little up to,
    /// but not, half a nanosecond too much.
    left: f64,
}

impl Gaps {
    pub(super) fn new(distribution: Distribution) -> Self {
        // Gaps that are always the same are all rounded in the same direction, however long they
        // are.
        let is_constant = distribution.quantile(0.0) == distribution.quantile(1.0);
        let is_exact = is_constant || distribution.mean().is_some_and(|mean| mean < SHORT_S);
        Gaps { distribution, is_exact, left: 0.0 }
    }

    /// The date of the next arrival, where the last date was the one before.
    pub(super) fn after(&mut self, last: Time, random: &mut Random) -> Time {
        if !self.is_exact {
            return last + self.distribution.sample_duration(random);
        }
        let exact = (self.distribution.sample(random) * NANOS_PER_S).max(0.0) + self.left;
        if exact >= WHOLE {
            self.left = 0.0;
            return last + Duration::from_nanos(exact as u64);
        }
        let whole = (exact + 0.5).floor();
        self.left = exact - whole;
        last + Duration::from_nanos(whole as u64)
    }
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::RandomStreams;

    use super::*;

    /// The dates are the sums of the gaps, drawn from the same stream and rounded once.
    #[test]
    fn what_is_rounded_off_short_gaps_does_not_add_up() {
        let distributions = [
            Distribution::exponential(6e8),
            Distribution::uniform(0.0, 3e-9),
            Distribution::constant(1.3e-9),
            Distribution::constant(1.0 / 3.0),
        ];
        for distribution in distributions.map(Result::unwrap) {
            let stream = || RandomStreams::new(1).stream("gaps");
            let (mut random, mut again) = (stream(), stream());
            let mut gaps = Gaps::new(distribution.clone());
            let (mut last, mut sum) = (Time::ZERO, 0.0);
            for _ in 0..10_000 {
                last = gaps.after(last, &mut random);
                sum += distribution.sample(&mut again) * 1e9;
                // The sum itself is rounded to 53 digits each time.
                let most = 0.500_001 + sum * 1e-13;
                assert!(
                    (last.as_nanos() as f64 - sum).abs() <= most,
                    "{distribution:?}: {last} instead of {sum} ns"
                );
            }
        }
    }

    #[test]
    fn long_gaps_are_rounded_each_by_itself() {
        let distribution = Distribution::exponential(1e6).unwrap();
        let stream = || RandomStreams::new(1).stream("gaps");
        let (mut random, mut again) = (stream(), stream());
        let mut gaps = Gaps::new(distribution.clone());
        let (mut last, mut expected) = (Time::ZERO, Time::ZERO);
        for _ in 0..10_000 {
            last = gaps.after(last, &mut random);
            expected += distribution.sample_duration(&mut again);
            assert_eq!(last, expected);
        }
    }

    #[test]
    fn a_gap_that_never_ends() {
        let mut random = RandomStreams::new(1).stream("gaps");
        let mut gaps = Gaps::new(Distribution::constant(f64::MAX).unwrap());
        assert_eq!(gaps.after(Time::ZERO, &mut random), Time::NEVER);
    }
}
