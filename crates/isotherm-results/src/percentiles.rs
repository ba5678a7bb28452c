//! Percentiles of a stream of durations: exact while these are few, from a histogram with three
//! significant digits when they are many, so that memory is bounded (0.5 MB).

use isotherm_kernel::Duration;
use serde::Serialize;

use crate::reference::described;

/// Up to this many values percentiles are exact; beyond this they come from a histogram.
pub const EXACT_UP_TO: usize = 65_536;

/// Count, mean, maximum and percentiles of the durations added so far.
///
/// * Count, mean and maximum are always exact (the mean is rounded to a nanosecond).
/// * Percentiles use the nearest rank: p95 is the smallest value with at least 95 % of all values
///   at or below it, so it is always a value that occurred. Up to [`EXACT_UP_TO`] values they are
///   exact. After that the values move to a histogram with three significant digits, whose
///   percentiles are never below the true one and at most 0.1 % above it.
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
    /// The last ones are not in the histogram yet. They go there by the hundreds, since the
    /// processor then waits for the memory of all of them at once and not for each.
    Counted {
        histogram: Histogram,
        recent: Vec<u64>,
    },
}

/// So many values go into the histogram at once.
const RECENT: usize = 256;

/// A histogram with three significant digits, over all of `u64`: the number of values in each
/// bucket. The buckets are those of an HDR histogram: each doubling of the values is divided into
/// 1,024 of equal width, so that a bucket is at most 0.1 % wide.
#[derive(Debug)]
struct Histogram(Box<[u64]>);

impl Histogram {
    /// Values below 2^11 have a bucket each: 2^11 is the first power of two above twice a thousand.
    const BITS: u32 = 11;

    fn new() -> Self {
        Histogram(vec![0; Self::bucket(u64::MAX) + 1].into())
    }

    #[inline]
    fn bucket(value: u64) -> usize {
        bucket::<{ Self::BITS }>(value)
    }

    fn lowest(bucket: usize) -> u64 {
        lowest::<{ Self::BITS }>(bucket)
    }

    #[inline(never)]
    fn add_values(&mut self, values: &[u64]) {
        values.iter().for_each(|&value| self.0[Self::bucket(value)] += 1);
    }

    fn add_all(&mut self, other: &Histogram) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count += more);
    }

    /// The highest value of the bucket with the value of the nearest rank, which may lie above all
    /// values that were added.
    fn quantile(&self, quantile: f64) -> u64 {
        let total: u64 = self.0.iter().sum();
        let rank = ((quantile * total as f64).ceil() as u64).max(1);
        let mut counted = 0;
        let is_reached = |&count: &u64| {
            counted += count;
            counted >= rank
        };
        let bucket = self.0.iter().position(is_reached).unwrap_or(self.0.len() - 1);
        Self::lowest(bucket + 1).wrapping_sub(1)
    }
}

/// The index of the bucket of a value in a histogram where values below 2^BITS have a bucket each,
/// and each doubling above that has 2^(BITS - 1).
#[inline]
pub(crate) fn bucket<const BITS: u32>(value: u64) -> usize {
    // Those with a bucket each have no more digits than the highest of them.
    let digits = u64::BITS - (value | ((1 << BITS) - 1)).leading_zeros();
    let shift = digits - BITS;
    ((shift as usize) << (BITS - 1)) + (value >> shift) as usize
}

/// The lowest value of a bucket; 2^64, which is 0 here, behind the last one.
pub(crate) fn lowest<const BITS: u32>(bucket: usize) -> u64 {
    let shift = (bucket >> (BITS - 1)).saturating_sub(1);
    ((bucket - (shift << (BITS - 1))) as u64) << shift
}

impl Default for Percentiles {
    fn default() -> Self {
        Percentiles {
            count: 0,
            sum_nanos: 0,
            max: Duration::ZERO,
            values: Values::Exact(Vec::new()),
        }
    }
}

impl Percentiles {
    /// Adds a duration.
    #[inline]
    pub fn add(&mut self, time: Duration) {
        let nanos = time.as_nanos();
        self.count += 1;
        self.sum_nanos += u128::from(nanos);
        self.max = self.max.max(time);
        match &mut self.values {
            Values::Counted { histogram, recent } => {
                if recent.len() >= RECENT {
                    histogram.add_values(recent);
                    recent.clear();
                }
                recent.push(nanos);
            }
            Values::Exact(values) if values.len() < EXACT_UP_TO => values.push(nanos),
            Values::Exact(values) => {
                let mut histogram = Histogram::new();
                histogram.add_values(values);
                self.values = Values::Counted { histogram, recent: vec![nanos] };
            }
        }
    }

    /// The number of durations added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The statistics of the durations; `None` if there are none.
    #[must_use]
    pub fn report(&self) -> Option<TimesReport> {
        Percentiles::report_all(&[self])
    }

    /// The statistics of several sets of durations together; `None` if there are no durations.
    #[must_use]
    pub fn report_all(parts: &[&Percentiles]) -> Option<TimesReport> {
        let count = parts.iter().map(|part| part.count).sum();
        if count == 0 {
            return None;
        }
        let sum_nanos: u128 = parts.iter().map(|part| part.sum_nanos).sum();
        let max = parts.iter().map(|part| part.max).max().unwrap_or_default();
        let (percentiles, quantiles) = match exact_values(parts) {
            Some(mut values) => {
                ("exact", [50, 95, 99].map(|percent| nearest_rank(&mut values, percent)))
            }
            None => {
                let histogram = joined_histogram(parts);
                let quantile =
                    |percent| histogram.quantile(f64::from(percent) / 100.0).min(max.as_nanos());
                ("histogram", [50, 95, 99].map(quantile))
            }
        };
        let mean_nanos = (sum_nanos + u128::from(count) / 2) / u128::from(count);
        Some(TimesReport {
            count,
            mean_s: seconds(u64::try_from(mean_nanos).unwrap_or(u64::MAX)),
            p50_s: seconds(quantiles[0]),
            p95_s: seconds(quantiles[1]),
            p99_s: seconds(quantiles[2]),
            max_s: seconds(max.as_nanos()),
            percentiles,
        })
    }
}

/// The values of all parts; `None` if they are too many to be exact.
fn exact_values(parts: &[&Percentiles]) -> Option<Vec<u64>> {
    let mut all = Vec::new();
    for part in parts {
        match &part.values {
            Values::Exact(values) if all.len() + values.len() <= EXACT_UP_TO => {
                all.extend_from_slice(values)
            }
            _ => return None,
        }
    }
    Some(all)
}

fn joined_histogram(parts: &[&Percentiles]) -> Histogram {
    let mut all = Histogram::new();
    for part in parts {
        match &part.values {
            Values::Exact(values) => all.add_values(values),
            Values::Counted { histogram, recent } => {
                all.add_all(histogram);
                all.add_values(recent);
            }
        }
    }
    all
}

described! {
    /// What a stream of times looked like. Seconds are the nearest floating-point number to an
    /// integer number of nanoseconds.
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

/// The value of the nearest rank, found by selection, which reorders the values: O(n).
fn nearest_rank(values: &mut [u64], percent: usize) -> u64 {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    *values.select_nth_unstable(rank - 1).1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            assert!(
                got >= exact && got <= exact * 1.001,
                "{got} is not within 0.1 % above {exact}"
            );
        }
    }

    #[test]
    fn the_largest_time_is_no_problem() {
        let mut percentiles = of(std::iter::repeat_n(0, EXACT_UP_TO));
        percentiles.add(Duration::from_nanos(u64::MAX));
        let report = percentiles.report().unwrap();
        assert_eq!((report.p99_s, report.max_s), (0.0, u64::MAX as f64 / 1e9));
    }

    #[test]
    fn parts_together_are_exact_while_all_are_few() {
        let (most, one) = (of((1..).take(EXACT_UP_TO - 1)), of([0]));
        assert_eq!(Percentiles::report_all(&[&most, &one]), of(0..EXACT_UP_TO as u64).report());
        assert_eq!(Percentiles::report_all(&[&most, &one]).unwrap().percentiles, "exact");
        let report = Percentiles::report_all(&[&most, &one, &one]).unwrap();
        assert_eq!((report.percentiles, report.count), ("histogram", EXACT_UP_TO as u64 + 1));
        assert_eq!(Percentiles::report_all(&[&of([]), &of([])]), None);
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(5_000))]

        /// Buckets and quantiles are those of the library that defines HDR histograms.
        #[test]
        fn the_histogram_is_that_of_the_library(
            values in prop::collection::vec((any::<u64>(), 0u32..64), 1..200),
            quantile in 0.001..1.0,
        ) {
            let mut library = hdrhistogram::Histogram::<u64>::new_with_bounds(1, u64::MAX, 3).unwrap();
            let mut histogram = Histogram::new();
            for (value, shift) in values {
                // As many small ones as large ones, and what lies beside the ends of their buckets.
                let value = value >> shift;
                let end = value.checked_next_power_of_two().unwrap_or(u64::MAX);
                for value in [value, end, end - 1, u64::MAX] {
                    let (bucket, next) = (Histogram::bucket(value), value.saturating_add(1));
                    prop_assert_eq!(Histogram::lowest(bucket), library.lowest_equivalent(value));
                    let is_end = !library.equivalent(value, next);
                    prop_assert_eq!(Histogram::bucket(next), bucket + usize::from(is_end));
                }
                histogram.add_values(&[value]);
                library.saturating_record(value);
            }
            for quantile in [quantile, 0.5, 0.95, 0.99, 1.0] {
                // The library ends the last bucket one below the largest number.
                let value = histogram.quantile(quantile).min(u64::MAX - 1);
                prop_assert_eq!(value, library.value_at_quantile(quantile));
            }
        }

        /// By the definition: the smallest value with at least so many of all at or below it.
        #[test]
        fn few_values_in_any_order(values in prop::collection::vec(0u64..50, 1..300)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = |percent: usize| {
                let is_enough = |&&value: &&u64| {
                    100 * values.iter().filter(|&&other| other <= value).count() >= percent * values.len()
                };
                seconds(*sorted.iter().find(is_enough).unwrap())
            };
            let report = of(values.iter().copied()).report().unwrap();
            prop_assert_eq!([report.p50_s, report.p95_s, report.p99_s], [50, 95, 99].map(rank));
        }

        /// Parts say together what one says that took everything, whichever of them has gone over
        /// to a histogram.
        #[test]
        fn parts_say_the_same_together(
            times in prop::collection::vec((0u64..u64::MAX, 0usize..3), 1..50),
            repeated in 1usize..6000,
        ) {
            let mut parts = [of([]), of([]), of([])];
            let mut all = of([]);
            // Some tens of values, each so many times, are soon more than are kept one by one.
            for &(nanos, part) in times.iter().cycle().take(times.len() * repeated) {
                parts[part].add(Duration::from_nanos(nanos));
                all.add(Duration::from_nanos(nanos));
            }
            prop_assert_eq!(Percentiles::report_all(&parts.each_ref()), all.report());
        }
    }
}
