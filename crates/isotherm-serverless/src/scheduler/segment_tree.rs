//! A segment tree: an array with a summary of each aligned range of a power of two of elements.

use crate::steps;

/// A summary of a range of elements, which is an element where the range has one.
pub(super) trait Summary: Copy + PartialEq {
    /// The summary of no elements.
    const EMPTY: Self;

    /// The summary of two adjacent ranges.
    fn join(self, right: Self) -> Self;
}

/// An array of elements with their summaries. Updates and sums take O(log n).
#[derive(Debug)]
pub(super) struct SegmentTree<T> {
    /// The root is entry 1, the children of `i` are `2 i` and `2 i + 1`, and the elements are the
    /// second half, filled up with [`Summary::EMPTY`] to a power of two.
    entries: Vec<T>,
}

impl<T> Default for SegmentTree<T> {
    fn default() -> Self {
        SegmentTree { entries: Vec::new() }
    }
}

impl<T: Summary> SegmentTree<T> {
    /// An array of `len` empty elements.
    pub(super) fn new(len: usize) -> Self {
        SegmentTree { entries: vec![T::EMPTY; 2 * len.next_power_of_two()] }
    }

    /// The number of elements, a power of two.
    pub(super) fn width(&self) -> usize {
        self.entries.len() / 2
    }

    /// An entry: 1 is the summary of all elements, and the halves of `i` are `2 i` and `2 i + 1`.
    pub(super) fn entry(&self, at: usize) -> &T {
        &self.entries[at]
    }

    pub(super) fn get(&self, index: usize) -> &T {
        &self.entries[self.width() + index]
    }

    pub(super) fn set(&mut self, index: usize, element: T) {
        let mut at = self.width() + index;
        let mut new = element;
        while self.entries[at] != new {
            steps::count(1);
            self.entries[at] = new;
            at /= 2;
            if at == 0 {
                break;
            }
            new = self.entries[2 * at].join(self.entries[2 * at + 1]);
        }
    }

    /// The summary of all elements.
    pub(super) fn total(&self) -> T {
        self.entries.get(1).copied().unwrap_or(T::EMPTY)
    }

    /// The summary of the first `end` elements.
    pub(super) fn prefix(&self, end: usize) -> T {
        if end == self.width() {
            return self.total();
        }
        let mut sum = T::EMPTY;
        let mut at = self.width() + end;
        // The ranges of the prefix are the left siblings of the way up from its end.
        while at > 1 {
            steps::count(1);
            if at % 2 == 1 {
                sum = self.entries[at - 1].join(sum);
            }
            at /= 2;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The largest of some numbers.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Largest(u64);

    impl Summary for Largest {
        const EMPTY: Self = Largest(0);

        fn join(self, right: Self) -> Self {
            Largest(self.0.max(right.0))
        }
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Sums are those of all elements.
        #[test]
        fn is_an_array_with_sums(
            len in 1usize..20,
            sets in prop::collection::vec((0usize..20, 0u64..5), 0..40),
            end in 0usize..20,
        ) {
            let (mut tree, mut model) = (SegmentTree::new(len), vec![0; len]);
            for (index, number) in sets {
                tree.set(index % len, Largest(number));
                model[index % len] = number;
            }
            prop_assert!((0..len).all(|index| tree.get(index).0 == model[index]));
            prop_assert_eq!(tree.total().0, model.iter().copied().max().unwrap());
            let end = end % (len + 1);
            prop_assert_eq!(tree.prefix(end).0, model[..end].iter().copied().max().unwrap_or(0));
        }
    }
}
