//! Percentiles of a stream of times: exact while they are few, to three digits when they are many.

use hdrhistogram::Histogram;
use isotherm_kernel::Duration;
use serde::Serialize;

use crate::reference::described;

/// Up to this many values percentiles are exact; beyond it they come from a histogram.
pub const EXACT_UP_TO: usize = 65_536;

/// Three significant digits: a percentile is at most 0.1 % above the true one.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Count, mean, maximum and percentiles of the times seen so far.
///
/// * Count, mean and maximum are always exact (the mean is rounded to a nanosecond).
/// * Percentiles use the nearest rank: p95 is the smallest value with at least 95 % of all values at or below it, so it is always
///   a value that occurred. Up to [`EXACT_UP_TO`] values they are exact. After that the values move to a histogram with
///   three significant digits, whose percentiles are never below the true one and at most 0.1 % above it.
///   [`TimesReport::percentiles`] says which was the case.
///
/// ```
/// use isotherm_kernel::Duration;
/// use isotherm_results::Percentiles;
///
/// let mut times = Percentiles::default();
/// for seconds in 1..=100 {
///     times.add(Duration::from_secs(seconds));
/// }
/// let report = times.report().unwrap();
/// assert_eq!((report.p50_s, report.p95_s, report.max_s), (50.0, 95.0, 100.0));
/// assert_eq!((report.mean_s, report.percentiles), (50.5, "exact"));
/// ```
#[derive(Debug)]
pub struct Percentiles {
    count: u64,
    sum_nanos: u128,
    max: Duration,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Exact(Vec<u64>),
    Histogram(Box<Histogram<u64>>),
}

impl Default for Percentiles {
    fn default() -> Self {
        Percentiles { count: 0, sum_nanos: 0, max: Duration::ZERO, values: Values::Exact(Vec::new()) }
    }
}

impl Percentiles {
    /// Takes one time.
    pub fn add(&mut self, time: Duration) {
        let nanos = time.as_nanos();
        self.count += 1;
        self.sum_nanos += u128::from(nanos);
        self.max = self.max.max(time);
        match &mut self.values {
            Values::Exact(values) if values.len() < EXACT_UP_TO => values.push(nanos),
            Values::Exact(values) => {
                let mut histogram = empty_histogram();
                values.drain(..).for_each(|value| histogram.saturating_record(value));
                histogram.saturating_record(nanos);
                self.values = Values::Histogram(Box::new(histogram));
            }
            Values::Histogram(histogram) => histogram.saturating_record(nanos),
        }
    }

    /// How many times were taken.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the times say; `None` if there were none.
    pub fn report(&self) -> Option<TimesReport> {
        if self.count == 0 {
            return None;
        }
        let (method, quantiles) = match &self.values {
            Values::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                ("exact", [50, 95, 99].map(|percent| nearest_rank(&sorted, percent)))
            }
            Values::Histogram(histogram) => {
                // The histogram answers with the top of a bucket, which may lie above everything that occurred.
                let max = self.max.as_nanos();
                (
                    "histogram",
                    [50, 95, 99].map(|percent| histogram.value_at_quantile(f64::from(percent) / 100.0).min(max)),
                )
            }
        };
        let mean_nanos = (self.sum_nanos + u128::from(self.count) / 2) / u128::from(self.count);
        Some(TimesReport {
            count: self.count,
            mean_s: seconds(u64::try_from(mean_nanos).unwrap_or(u64::MAX)),
            p50_s: seconds(quantiles[0]),
            p95_s: seconds(quantiles[1]),
            p99_s: seconds(quantiles[2]),
            max_s: seconds(self.max.as_nanos()),
            percentiles: method,
        })
    }
}

described! {
    /// What a stream of times looked like. Seconds are the nearest floating-point number to an integer number of nanoseconds.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct TimesReport {
        /// How many times there were.
        pub count: u64,
        /// Their mean, in seconds.
        pub mean_s: f64,
        /// Half of them were at or below this, in seconds.
        pub p50_s: f64,
        /// 95 % of them were at or below this, in seconds.
        pub p95_s: f64,
        /// 99 % of them were at or below this, in seconds.
        pub p99_s: f64,
        /// The longest, in seconds.
        pub max_s: f64,
        /// How the percentiles were found: `exact` or `histogram`.
        pub percentiles: &'static str,
    }
}

pub(crate) fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

fn nearest_rank(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

fn empty_histogram() -> Histogram<u64> {
    // Bounds from the start (about 0.4 MB): a histogram that grows may only saturate at the bound it has so far.
    Histogram::new_with_bounds(1, u64::MAX, SIGNIFICANT_DIGITS)
        .expect("these bounds and digits are within what a histogram can do")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Percentiles {
        let mut percentiles = Percentiles::default();
        times.into_iter().for_each(|nanos| percentiles.add(Duration::from_nanos(nanos)));
        percentiles
    }

    #[test]
    fn nothing_has_no_report() {
        assert_eq!(of([]).report(), None);
    }

    #[test]
    fn one_value_is_all_percentiles() {
        let report = of([7_000_000_000]).report().unwrap();
        assert_eq!((report.p50_s, report.p99_s, report.max_s, report.mean_s), (7.0, 7.0, 7.0, 7.0));
    }

    #[test]
    fn few_values_use_the_nearest_rank() {
        // 1..=200 s in any order: ranks 100, 190 and 198; the mean is 100.5.
        let report = of((1..=200).rev().map(|second| second * 1_000_000_000)).report().unwrap();
        assert_eq!((report.p50_s, report.p95_s, report.p99_s), (100.0, 190.0, 198.0));
        assert_eq!((report.mean_s, report.max_s, report.percentiles), (100.5, 200.0, "exact"));
    }

    #[test]
    fn many_values_are_within_a_thousandth() {
        // 1..=100,000 ms: the exact percentiles are 50, 95 and 99 s.
        let report = of((1..=100_000).map(|milli| milli * 1_000_000)).report().unwrap();
        assert_eq!((report.count, report.percentiles, report.max_s), (100_000, "histogram", 100.0));
        for (got, exact) in [(report.p50_s, 50.0), (report.p95_s, 95.0), (report.p99_s, 99.0)] {
            assert!(got >= exact && got <= exact * 1.001, "{got} is not within 0.1 % above {exact}");
        }
    }

    #[test]
    fn the_largest_time_is_no_problem() {
        let mut percentiles = of(std::iter::repeat_n(0, EXACT_UP_TO));
        percentiles.add(Duration::from_nanos(u64::MAX));
        let report = percentiles.report().unwrap();
        assert_eq!((report.p99_s, report.max_s), (0.0, u64::MAX as f64 / 1e9));
    }
}
