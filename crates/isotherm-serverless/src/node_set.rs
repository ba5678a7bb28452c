//! Bit sets of compute hosts, or of other ids that count from 0, with fast intersection.
//!
//! A scheduler asks "which is the first node that has a free slot and the image in memory?" for
//! every pending invocation. A two-level bitmap (a bit per id, and a summary bit per non-empty
//! word) answers this in a few machine words.

use std::marker::PhantomData;

use crate::steps::counted;
use crate::{AppId, FunctionId, ImageId, NodeId};

const BITS: usize = u64::BITS as usize;

/// An id that counts from 0 without gaps.
pub trait DenseId: Copy {
    /// The number.
    fn number(self) -> u32;
    /// The id of that number.
    fn of_number(number: u32) -> Self;
}

macro_rules! dense {
    ($($id:ty),*) => {
        $(impl DenseId for $id {
            fn number(self) -> u32 {
                self.0
            }

            fn of_number(number: u32) -> Self {
                Self(number)
            }
        })*
    };
}
dense!(AppId, FunctionId, ImageId, NodeId);

/// A set of ids, iterated in increasing order.
#[derive(Debug, PartialEq, Eq)]
pub struct IdSet<I> {
    words: Vec<u64>,
    /// A bit for each word that is not empty.
    summary: Vec<u64>,
    len: usize,
    ids: PhantomData<I>,
}

/// A set of compute hosts, in the order in which the service lists them.
pub type NodeSet = IdSet<NodeId>;

impl<I> Default for IdSet<I> {
    fn default() -> Self {
        IdSet::empty()
    }
}

impl<I> IdSet<I> {
    pub(crate) const fn empty() -> Self {
        IdSet { words: Vec::new(), summary: Vec::new(), len: 0, ids: PhantomData }
    }
}

impl<I> Clone for IdSet<I> {
    fn clone(&self) -> Self {
        IdSet {
            words: self.words.clone(),
            summary: self.summary.clone(),
            len: self.len,
            ids: PhantomData,
        }
    }

    fn clone_from(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
        self.summary.clone_from(&other.summary);
        self.len = other.len;
    }
}

impl<I: DenseId> IdSet<I> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        IdSet::default()
    }

    /// The set of the first `count` ids.
    #[must_use]
    pub fn first(count: usize) -> Self {
        let mut set = IdSet::new();
        for node in 0..count {
            set.insert(I::of_number(node as u32));
        }
        set
    }

    /// The number of ids in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the set contains an id.
    pub fn contains(&self, node: I) -> bool {
        let (word, bit) = split(node);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Adds an id; returns whether it is new.
    pub fn insert(&mut self, node: I) -> bool {
        let (word, bit) = split(node);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
            self.summary.resize(word / BITS + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.summary[word / BITS] |= 1 << (word % BITS);
        self.len += usize::from(new);
        new
    }

    /// Removes an id; returns whether it was there.
    pub fn remove(&mut self, node: I) -> bool {
        let (word, bit) = split(node);
        if !self.contains(node) {
            return false;
        }
        self.words[word] &= !bit;
        if self.words[word] == 0 {
            self.summary[word / BITS] &= !(1 << (word % BITS));
        }
        self.len -= 1;
        true
    }

    /// Removes the ids that do not meet a condition, which is asked in order.
    pub(crate) fn retain(&mut self, mut meets: impl FnMut(I) -> bool) {
        for index in 0..self.summary.len() {
            let mut summary = self.summary[index];
            while summary != 0 {
                let word = index * BITS + take_lowest(&mut summary);
                let mut members = self.words[word];
                while members != 0 {
                    let id = I::of_number((word * BITS + take_lowest(&mut members)) as u32);
                    if !meets(counted(id)) {
                        self.remove(id);
                    }
                }
            }
        }
    }

    /// Removes all ids, keeping the allocation.
    pub fn clear(&mut self) {
        self.words.fill(0);
        self.summary.fill(0);
        self.len = 0;
    }

    /// The ids of the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = I> + '_ {
        self.and(self)
    }

    /// The first id that is in both sets and meets a condition.
    pub fn find_in_both(&self, other: &Self, mut meets: impl FnMut(I) -> bool) -> Option<I> {
        self.and(other).find(|&id| meets(id))
    }

    /// The intersection of two sets, in order.
    pub fn and<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = I> + Clone + use<'a, I> {
        let mut summaries = self.summary.iter().zip(&other.summary).enumerate();
        let (mut index, mut summary, mut word, mut members) = (0, 0, 0, 0);
        std::iter::from_fn(move || {
            while members == 0 {
                while summary == 0 {
                    let (next, (own, others)) = summaries.next()?;
                    (index, summary) = (next, own & others);
                }
                word = index * BITS + take_lowest(&mut summary);
                members = self.words[word] & other.words[word];
            }
            Some(counted(I::of_number((word * BITS + take_lowest(&mut members)) as u32)))
        })
    }

    /// The first id that is in both sets.
    #[must_use]
    pub fn first_in_both(&self, other: &Self) -> Option<I> {
        self.find_in_both(other, |_| true)
    }
}

fn split(id: impl DenseId) -> (usize, u64) {
    let number = id.number() as usize;
    (number / BITS, 1 << (number % BITS))
}

/// Clears the lowest set bit of a word and returns its position.
fn take_lowest(word: &mut u64) -> usize {
    let bit = word.trailing_zeros() as usize;
    *word &= *word - 1;
    bit
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Behaves like a sorted set of numbers, intersections included.
        #[test]
        fn is_a_sorted_set(operations in prop::collection::vec((any::<bool>(), any::<bool>(), 0u32..9000), 0..200)) {
            let (mut a, mut b) = (NodeSet::new(), NodeSet::new());
            let (mut model_a, mut model_b) = (BTreeSet::new(), BTreeSet::new());
            for (first, insert, node) in operations {
                let (set, model) = if first { (&mut a, &mut model_a) } else { (&mut b, &mut model_b) };
                if insert {
                    prop_assert_eq!(set.insert(NodeId(node)), model.insert(NodeId(node)));
                } else {
                    prop_assert_eq!(set.remove(NodeId(node)), model.remove(&NodeId(node)));
                }
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert!(a.iter().eq(model_a.iter().copied()));
            prop_assert!(a.and(&b).eq(model_a.intersection(&model_b).copied()));
            prop_assert_eq!(a.first_in_both(&b), model_a.intersection(&model_b).next().copied());
            a.retain(|node| node.0 % 3 > 0);
            model_a.retain(|node| node.0 % 3 > 0);
            prop_assert_eq!(a.len(), model_a.len());
            prop_assert!(a.iter().eq(model_a.iter().copied()));
        }
    }
}
