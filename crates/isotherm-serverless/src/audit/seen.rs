//! A compact set of numbers: consecutive numbers take one range, not an entry each.

use std::collections::BTreeMap;

/// A set of numbers as disjoint, non-adjacent ranges.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Maps the first number of each range to the last.
    ranges: BTreeMap<u64, u64>,
}

impl Seen {
    pub(super) fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, &last)| number <= last)
    }

    /// Adds a number; returns whether it is new.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        if self.contains(number) {
            return false;
        }
        let mut last = number;
        if let Some(next) = number.checked_add(1)
            && let Some(end) = self.ranges.remove(&next)
        {
            last = end;
        }
        if let Some((_, end)) = self.ranges.range_mut(..number).next_back()
            && end.checked_add(1) == Some(number)
        {
            *end = last;
        } else {
            self.ranges.insert(number, last);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seen_once_in_any_order() {
        let mut seen = Seen::default();
        for number in [5, 3, 4, 0, 1, 7, u64::MAX, u64::MAX - 1] {
            assert!(!seen.contains(number));
            assert!(seen.insert(number), "{number} is new");
            assert!(!seen.insert(number), "{number} has been seen");
        }
        assert!(!seen.contains(2) && !seen.contains(6));
        // 0-1, 3-5, 7 and the last two: four ranges.
        assert_eq!(seen.ranges.len(), 4);
        assert!(seen.insert(2) && seen.insert(6));
        assert_eq!(seen.ranges.len(), 2, "0-7 and the last two");
    }
}
