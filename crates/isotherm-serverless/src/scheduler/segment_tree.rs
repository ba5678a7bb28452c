//! A segment tree: an array with a summary of each aligned range of a power of two of elements.

use crate::steps;

/// A summary of a range of elements, which is an element where the range has one.
pub(super) trait Summary: Copy + PartialEq {
    /// The summary of no elements.
    const EMPTY: Self;

    /// The summary of two adjacent ranges.
    fn join(self, right: Self) -> Self;
}

/// An array of elements with their summaries. Updates and searches take O(log n).
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

    fn width(&self) -> usize {
        self.entries.len() / 2
    }

    pub(super) fn get(&self, index: usize) -> T {
        self.entries[self.width() + index]
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

    /// The index of the first element from `from` on that is enough and meets a condition.
    /// A summary is enough if and only if one of its elements is.
    #[inline]
    pub(super) fn first(
        &self,
        from: usize,
        enough: impl Fn(T) -> bool,
        mut meets: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let width = self.width();
        if from >= width {
            return None;
        }
        let mut at = width + from;
        loop {
            steps::count(1);
            if enough(self.entries[at]) {
                while at < width {
                    steps::count(1);
                    at *= 2;
                    at += usize::from(!enough(self.entries[at]));
                }
                if meets(at - width) {
                    return Some(at - width);
                }
            }
            // On to the next range to the right, as high up as it goes.
            while at % 2 == 1 {
                at /= 2;
            }
            if at == 0 {
                return None;
            }
            at += 1;
        }
    }

    /// Visits ranges from the root down: `enter` gets the summary, the first index and the width
    /// of a range, and says whether to visit its halves. The right half comes first if its summary
    /// is `better` than that of the left one.
    pub(super) fn visit(
        &self,
        better: &impl Fn(T, T) -> bool,
        enter: &mut impl FnMut(T, usize, usize) -> bool,
    ) {
        let width = self.width();
        if width > 0 && enter(self.total(), 0, width) {
            self.visit_halves(1, 0, width, better, enter);
        }
    }

    fn visit_halves(
        &self,
        at: usize,
        first: usize,
        width: usize,
        better: &impl Fn(T, T) -> bool,
        enter: &mut impl FnMut(T, usize, usize) -> bool,
    ) {
        if width == 1 {
            return;
        }
        let (left, half) = (2 * at, width / 2);
        let right = usize::from(better(self.entries[left + 1], self.entries[left]));
        for side in [right, 1 - right] {
            steps::count(1);
            let first = first + side * half;
            if enter(self.entries[left + side], first, half) {
                self.visit_halves(left + side, first, half, better, enter);
            }
        }
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

        /// Finds what a linear search finds.
        #[test]
        fn is_an_array_that_is_searched(
            len in 1usize..20,
            sets in prop::collection::vec((0usize..20, 0u64..5), 0..40),
            (from, end) in (0usize..20, 0usize..20),
            least in 1u64..6,
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
            for odd in [false, true] {
                let meets = |index: usize| !odd || index % 2 == 1;
                let expected = (from..len).find(|&index| model[index] >= least && meets(index));
                prop_assert_eq!(tree.first(from, |largest| largest.0 >= least, meets), expected);
            }
        }
    }
}
