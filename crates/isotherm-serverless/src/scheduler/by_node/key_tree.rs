//! A binary trie of what some nodes offer, in the order of keys.

use super::search::{Offer, Range};
use crate::scheduler::segment_tree::Summary;
use crate::steps;

/// No entry.
const NONE: u32 = u32::MAX;

/// An element, or what is common to the elements below.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The key of an element, or of any element below.
    key: u128,
    offer: Offer,
    /// The number of low bits in which keys below differ; 0 for an element.
    bits: u32,
    /// Those whose highest differing bit is 0, and those where it is 1.
    halves: [u32; 2],
}

/// Offers by keys, of which a search finds the best. An update takes a step for each bit in which
/// keys around its own first differ: O(log n), as a rule.
#[derive(Debug)]
pub(super) struct KeyTree {
    root: u32,
    entries: Vec<Entry>,
    free: Vec<u32>,
}

impl Default for KeyTree {
    fn default() -> Self {
        KeyTree { root: NONE, entries: Vec::new(), free: Vec::new() }
    }
}

impl KeyTree {
    /// Sets what is offered at a key; `None` takes it out.
    pub(super) fn set(&mut self, key: u128, offer: Option<Offer>) {
        self.root = self.set_below(self.root, key, offer);
    }

    /// Returns the entry that then stands in place of this one.
    fn set_below(&mut self, at: u32, key: u128, offer: Option<Offer>) -> u32 {
        steps::count(1);
        let leaf = |offer| Entry { key, offer, bits: 0, halves: [NONE; 2] };
        let Some(&entry) = self.entries.get(at as usize) else {
            return offer.map_or(NONE, |offer| self.add(leaf(offer)));
        };
        let bits = u128::BITS - (entry.key ^ key).leading_zeros();
        let side = |bits: u32| (key >> (bits - 1) & 1) as usize;
        if bits > entry.bits {
            // It is not below this entry.
            let Some(offer) = offer else { return at };
            let mut halves = [at; 2];
            halves[side(bits)] = self.add(leaf(offer));
            return self.add(Entry { key, offer: offer.join(entry.offer), bits, halves });
        }
        if entry.bits == 0 {
            let Some(offer) = offer else {
                self.free.push(at);
                return NONE;
            };
            self.entries[at as usize].offer = offer;
            return at;
        }
        let side = side(entry.bits);
        let (half, other) = (entry.halves[side], entry.halves[1 - side]);
        let half = self.set_below(half, key, offer);
        if half == NONE {
            self.free.push(at);
            return other;
        }
        // The element whose key this entry has may have gone.
        let [half_entry, other_entry] = [half, other].map(|half| self.entries[half as usize]);
        let entry = &mut self.entries[at as usize];
        entry.halves[side] = half;
        entry.key = half_entry.key;
        entry.offer = half_entry.offer.join(other_entry.offer);
        at
    }

    fn add(&mut self, entry: Entry) -> u32 {
        let at = self.free.pop().unwrap_or(self.entries.len() as u32);
        match self.entries.get_mut(at as usize) {
            Some(free) => *free = entry,
            None => self.entries.push(entry),
        }
        at
    }

    /// What is offered at a key.
    pub(super) fn get(&self, key: u128) -> Option<Offer> {
        let mut entry = self.entries.get(self.root as usize)?;
        while entry.bits > 0 {
            steps::count(1);
            let side = key >> (entry.bits - 1) & 1;
            entry = &self.entries[entry.halves[side as usize] as usize];
        }
        (entry.key == key).then_some(entry.offer)
    }

    /// All elements; `None` if there are none.
    pub(super) fn range(&self) -> Option<Keys<'_>> {
        Some(Keys { tree: self, entry: self.entries.get(self.root as usize)? })
    }
}

/// A range of the elements of a [`KeyTree`].
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    tree: &'a KeyTree,
    entry: &'a Entry,
}

impl Keys<'_> {
    /// The bits in which keys differ.
    fn differing(&self) -> u128 {
        u128::MAX.checked_shr(u128::BITS - self.entry.bits).unwrap_or(0)
    }
}

impl Range for Keys<'_> {
    fn offer(&self) -> &Offer {
        &self.entry.offer
    }

    fn low(&self) -> u128 {
        self.entry.key & !self.differing()
    }

    fn high(&self) -> u128 {
        self.entry.key | self.differing()
    }

    fn halves(&self) -> Option<[Self; 2]> {
        let half = |at: u32| Keys { entry: &self.tree.entries[at as usize], ..*self };
        (self.entry.bits > 0).then(|| self.entry.halves.map(half))
    }
}
