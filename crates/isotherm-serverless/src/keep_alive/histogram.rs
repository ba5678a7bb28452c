//! A histogram of idle times with bins of equal width.

use isotherm_kernel::Duration;

/// The counts of the bins, and one for all times beyond the last bin.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    bins: Box<[u32]>,
    within: u64,
    beyond: u64,
    /// The sum of the squares of the counts.
    squares: u64,
}

impl Histogram {
    pub(super) fn new(bins: usize) -> Self {
        Histogram { bins: vec![0; bins].into(), within: 0, beyond: 0, squares: 0 }
    }

    pub(super) fn add(&mut self, time: Duration, width: Duration) {
        let index = time.as_nanos() / width.as_nanos().max(1);
        let bin = usize::try_from(index).ok().and_then(|index| self.bins.get_mut(index));
        // A full bin saturates: its share does not change noticeably any more.
        match bin {
            None => self.beyond += 1,
            Some(&mut u32::MAX) => {}
            Some(count) => {
                // (n + 1)² = n² + 2n + 1.
                self.squares = self.squares.saturating_add(2 * u64::from(*count) + 1);
                *count += 1;
                self.within += 1;
            }
        }
    }

    /// The number of times within the bins, and beyond them.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.within, self.beyond)
    }

    /// The coefficient of variation of the bin counts: standard deviation over mean. Zero if all
    /// are equal, large if few bins hold most.
    pub(super) fn variation(&self) -> f64 {
        if self.within == 0 {
            return 0.0;
        }
        let bins = self.bins.len() as f64;
        let mean = self.within as f64 / bins;
        let variance = (self.squares as f64 / bins - mean * mean).max(0.0);
        libm::sqrt(variance) / mean
    }

    /// The first bin up to which at least this part of the counts lies; `None` if the histogram is
    /// empty.
    pub(super) fn bin_of(&self, part: f64) -> Option<usize> {
        let needed = (libm::ceil(self.within as f64 * part) as u64).max(1);
        let mut sum = 0;
        self.bins.iter().position(|&count| {
            sum += u64::from(count);
            sum >= needed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_minutes(minutes: &[u64]) -> Histogram {
        let mut histogram = Histogram::new(4);
        for &minute in minutes {
            histogram.add(Duration::from_secs(60 * minute + 30), Duration::from_secs(60));
        }
        histogram
    }

    #[test]
    fn variation_is_standard_deviation_over_mean() {
        // Counts 1, 1, 1, 1: all alike.
        assert_eq!(of_minutes(&[0, 1, 2, 3]).variation(), 0.0);
        // Counts 4, 0, 0, 0: mean 1, variance (9 + 1 + 1 + 1) / 4 = 3.
        assert!((of_minutes(&[0, 0, 0, 0]).variation() - 3f64.sqrt()).abs() < 1e-12);
        assert_eq!(of_minutes(&[]).variation(), 0.0);
    }

    #[test]
    fn a_percentile_is_the_bin_in_which_it_lies() {
        // Of ten, nine lie in bin 1 and one in bin 3.
        let histogram = of_minutes(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 3]);
        assert_eq!(
            [0.0, 0.05, 0.9, 0.91, 1.0].map(|part| histogram.bin_of(part)),
            [1, 1, 1, 3, 3].map(Some)
        );
        assert_eq!(of_minutes(&[]).bin_of(0.5), None);
    }

    #[test]
    fn what_lies_beyond_the_bins_is_counted_apart() {
        assert_eq!(of_minutes(&[3, 4, 1000]).counts(), (1, 2));
    }
}
