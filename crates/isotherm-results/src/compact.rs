//! Percentiles in little memory, for a set of values per function.

use crate::percentiles::{bucket, lowest};

/// Up to this many values percentiles are exact.
pub const COMPACT_EXACT_UP_TO: usize = 256;

/// Each doubling of the values is divided into 2^(BITS - 1) buckets: at most 0.8 % wide.
const BITS: u32 = 8;

/// Count, sum, maximum and percentiles of numbers above a floor. The first [`COMPACT_EXACT_UP_TO`]
/// are kept; more than these are counted in a histogram, from the lowest bucket to the highest that
/// occurs.
///
/// Numbers go into the histogram by the hundreds: then it is in the cache, while it would have to
/// come from afar for each of the numbers of many functions in turn.
///
/// The least number that can occur often does, such as a wait of nothing. It is not added: whoever
/// asks for a [report](Compact::report) says how many there were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compact {
    /// Begins with the last ones: those that are not in the histogram.
    places: Vec<u64>,
    /// How many these are.
    filled: usize,
    counted: Counted,
}

/// Numbers that are not kept.
#[derive(Clone, Debug, Default)]
struct Counted {
    count: u64,
    sum: u128,
    max: u64,
    /// The first bucket of `buckets`.
    first: usize,
    buckets: Vec<u64>,
}

/// What is told of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompactReport {
    pub(crate) mean: u64,
    pub(crate) p50: u64,
    pub(crate) p95: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// The floor of a set of numbers, and how many were equal to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    pub(crate) value: u64,
    pub(crate) count: u64,
}

impl Compact {
    /// Adds a number above the floor.
    #[inline]
    pub(crate) fn add(&mut self, value: u64) {
        match self.places.get_mut(self.filled) {
            Some(place) => {
                *place = value;
                self.filled += 1;
            }
            None => self.add_beyond(value),
        }
    }

    /// Adds a number for which there is no place.
    #[cold]
    fn add_beyond(&mut self, value: u64) {
        if self.filled == COMPACT_EXACT_UP_TO {
            self.counted.add_all(&self.places);
            self.filled = 0;
        } else {
            let more = (2 * self.filled).clamp(4, COMPACT_EXACT_UP_TO);
            self.places.resize(more, 0);
        }
        self.places[self.filled] = value;
        self.filled += 1;
    }

    fn recent(&self) -> &[u64] {
        &self.places[..self.filled]
    }

    /// How many numbers were added.
    pub(crate) fn count(&self) -> u64 {
        self.counted.count + self.filled as u64
    }

    /// Their sum.
    pub(crate) fn sum(&self) -> u128 {
        self.counted.sum + self.recent().iter().map(|&value| u128::from(value)).sum::<u128>()
    }

    /// What is known of the numbers, with those at the floor; `None` if there are none.
    pub(crate) fn report(&self, floor: Floor) -> Option<CompactReport> {
        let mut all = self.counted.clone();
        all.add_all(self.recent());
        let count = u128::from(all.count) + u128::from(floor.count);
        if count == 0 {
            return None;
        }
        let mut exact = self.recent().to_vec();
        exact.sort_unstable();
        // The nearest rank; in the histogram the highest value of its bucket, at most the maximum.
        let quantile = |percent: u128| {
            let rank = (count * percent).div_ceil(100).max(1);
            match rank.checked_sub(floor.count.into()).filter(|&rank| rank > 0) {
                None => floor.value,
                Some(rank) if self.counted.count == 0 => exact[rank as usize - 1],
                Some(rank) => all.at_rank(rank),
            }
        };
        let sum = all.sum + u128::from(floor.value) * u128::from(floor.count);
        Some(CompactReport {
            mean: u64::try_from((sum + count / 2) / count).unwrap_or(u64::MAX),
            p50: quantile(50),
            p95: quantile(95),
            p99: quantile(99),
            max: all.max.max(floor.value),
        })
    }
}

impl Counted {
    fn add_all(&mut self, values: &[u64]) {
        for &value in values {
            self.sum += u128::from(value);
            self.max = self.max.max(value);
            let bucket = bucket::<BITS>(value);
            // Below the first one, the place is beyond all.
            match self.buckets.get_mut(bucket.wrapping_sub(self.first)) {
                Some(count) => *count += 1,
                None => self.add_outside(bucket),
            }
        }
        self.count += values.len() as u64;
    }

    /// Adds a number in a bucket that the histogram does not have yet, with all between them.
    #[cold]
    fn add_outside(&mut self, bucket: usize) {
        if self.buckets.is_empty() {
            self.first = bucket;
        } else if bucket < self.first {
            self.buckets.splice(..0, std::iter::repeat_n(0, self.first - bucket));
            self.first = bucket;
        }
        let place = bucket - self.first;
        if place >= self.buckets.len() {
            self.buckets.resize(place + 1, 0);
        }
        self.buckets[place] += 1;
    }

    fn at_rank(&self, rank: u128) -> u64 {
        let mut counted = 0;
        let is_reached = |&count: &u64| {
            counted += u128::from(count);
            counted >= rank
        };
        let place = self.buckets.iter().position(is_reached).unwrap_or_default();
        lowest::<BITS>(self.first + place + 1).wrapping_sub(1).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(isotherm_testing::cases(2_000))]

        /// By the definition: exact while there are few; else not below the true value and at most
        /// 0.8 % above it.
        #[test]
        fn percentiles_are_near(
            values in prop::collection::vec((any::<u64>(), 0u32..64), 1..600),
            floor in prop_oneof![Just(0), 0u64..1 << 40],
        ) {
            let above = |(value, shift): &(u64, u32)| (value >> shift).max(floor);
            let mut sorted: Vec<u64> = values.iter().map(above).collect();
            let mut compact = Compact::default();
            sorted.iter().filter(|&&value| value > floor).for_each(|&value| compact.add(value));
            let at_floor = sorted.iter().filter(|&&value| value == floor).count() as u64;
            let is_exact = compact.count() <= COMPACT_EXACT_UP_TO as u64;
            sorted.sort_unstable();
            let report = compact.report(Floor { value: floor, count: at_floor }).unwrap();
            let sum: u128 = sorted.iter().map(|&value| u128::from(value)).sum();
            let count = sorted.len() as u128;
            prop_assert_eq!(u128::from(report.mean), (sum + count / 2) / count);
            prop_assert_eq!(report.max, sorted[sorted.len() - 1]);
            for (percent, got) in [(50, report.p50), (95, report.p95), (99, report.p99)] {
                let is_enough = |&&value: &&u64| {
                    100 * sorted.partition_point(|&other| other <= value) >= percent * sorted.len()
                };
                let exact = *sorted.iter().find(is_enough).unwrap();
                let most = if is_exact { exact } else { exact.saturating_add(exact >> 7) };
                prop_assert!(exact <= got && got <= most, "p{percent}: {got} for {exact}");
            }
        }
    }

    #[test]
    fn nothing_has_no_report() {
        assert_eq!(Compact::default().report(Floor { value: 7, count: 0 }), None);
    }
}
