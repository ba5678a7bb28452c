//! A sorted set of numbers in chunks of contiguous memory.

/// A larger chunk is split in two.
const MOST: usize = 256;

/// A set of numbers. It usually has a few dozen, which fit into one chunk. An operation costs a
/// binary search and at most a move of one chunk or of the list of chunks.
#[derive(Clone, Debug, Default)]
pub(super) struct Sorted {
    /// None of them is empty.
    chunks: Vec<Vec<u64>>,
}

impl Sorted {
    /// The last chunk that does not begin behind a number, or the first.
    fn chunk_of(&self, number: u64) -> usize {
        match self.chunks.len() {
            0 | 1 => 0,
            _ => self.chunks.partition_point(|chunk| chunk[0] <= number).saturating_sub(1),
        }
    }

    pub(super) fn insert(&mut self, number: u64) {
        let index = self.chunk_of(number);
        let Some(chunk) = self.chunks.get_mut(index) else {
            self.chunks.push(vec![number]);
            return;
        };
        let at = chunk.partition_point(|&other| other < number);
        if chunk.get(at) == Some(&number) {
            return;
        }
        chunk.insert(at, number);
        if chunk.len() > MOST {
            let tail = chunk.split_off(MOST / 2);
            self.chunks.insert(index + 1, tail);
        }
    }

    pub(super) fn remove(&mut self, number: u64) {
        let index = self.chunk_of(number);
        let Some(chunk) = self.chunks.get_mut(index) else { return };
        let Ok(at) = chunk.binary_search(&number) else { return };
        chunk.remove(at);
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
    }

    /// The next number behind this one.
    pub(super) fn after(&self, number: u64) -> Option<u64> {
        let index = self.chunk_of(number);
        let chunk = self.chunks.get(index)?;
        let at = chunk.partition_point(|&other| other <= number);
        chunk.get(at).or_else(|| self.chunks.get(index + 1)?.first()).copied()
    }

    /// The next number before this one.
    pub(super) fn before(&self, number: u64) -> Option<u64> {
        let index = self.chunk_of(number);
        let chunk = self.chunks.get(index)?;
        match chunk.partition_point(|&other| other < number) {
            0 => self.chunks.get(index.checked_sub(1)?)?.last().copied(),
            at => Some(chunk[at - 1]),
        }
    }

    /// This number, if it is there, and all behind it.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = u64> + '_ {
        let index = self.chunk_of(number);
        let first = self.chunks.get(index).map_or(&[][..], |chunk| {
            let at = chunk.partition_point(|&other| other < number);
            &chunk[at..]
        });
        first.iter().chain(self.chunks.iter().skip(index + 1).flatten()).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(isotherm_testing::cases(2_500))]

        #[test]
        fn is_a_sorted_set(changes in prop::collection::vec((0u8..3, 0u64..2000), 0..2500), asked in 0u64..2000) {
            let (mut set, mut model) = (Sorted::default(), BTreeSet::new());
            for (change, number) in changes {
                if change > 0 {
                    set.insert(number);
                    model.insert(number);
                } else {
                    // One that is there, if there is any.
                    let number = model.range(number..).next().copied().unwrap_or(number);
                    set.remove(number);
                    model.remove(&number);
                }
            }
            prop_assert!(set.from(asked).eq(model.range(asked..).copied()));
            prop_assert_eq!(set.after(asked), model.range(asked + 1..).next().copied());
            prop_assert_eq!(set.before(asked), model.range(..asked).next_back().copied());
        }
    }
}
