//! Functions whose invocations are blocked because no node has a place for them.
//!
//! When room is released, only functions that need no more memory than the roomiest node has are
//! worth a look. This index finds the longest blocked one of them in O(log n): a segment tree over
//! the distinct needs in increasing order holds the earliest queue position of each need, and is
//! queried for the minimum of a prefix.

use std::collections::BTreeSet;

use crate::scheduler::segment_tree::{SegmentTree, Summary};
use crate::{FunctionId, steps};

/// The earliest queue position, and the index of the need whose first function has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Earliest(u64, u32);

impl Summary for Earliest {
    const EMPTY: Self = Earliest(u64::MAX, u32::MAX);

    fn join(self, right: Self) -> Self {
        self.min(right)
    }
}

/// A blocked function.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    need: u64,
    position: u64,
    is_aside: bool,
}

/// Blocked functions by memory need and by the queue position of their first invocation.
#[derive(Debug, Default)]
pub(super) struct BlockedFunctions {
    /// The distinct needs in bytes, in increasing order.
    needs: Vec<u64>,
    /// The functions of each need, by the queue position of their first invocation.
    members: Vec<BTreeSet<(u64, FunctionId)>>,
    /// The earliest position of each need.
    first: SegmentTree<Earliest>,
    /// By function.
    blocked: Vec<Option<Blocked>>,
    /// Functions that are skipped for the rest of this round.
    aside: Vec<FunctionId>,
    len: usize,
}

impl BlockedFunctions {
    /// Whether no function is blocked.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && self.aside.is_empty()
    }

    /// Whether a function is blocked, set aside or not.
    pub(super) fn contains(&self, function: FunctionId) -> bool {
        self.blocked.get(function.index()).is_some_and(Option::is_some)
    }

    /// The queue position of a blocked function that is not set aside.
    pub(super) fn position_of(&self, function: FunctionId) -> Option<u64> {
        let blocked = self.blocked.get(function.index())?.as_ref()?;
        (!blocked.is_aside).then_some(blocked.position)
    }

    /// Inserts a function, or moves it to another position.
    pub(super) fn put(&mut self, function: FunctionId, need: u64, position: u64) {
        self.remove(function);
        if function.index() >= self.blocked.len() {
            self.blocked.resize(function.index() + 1, None);
        }
        self.blocked[function.index()] = Some(Blocked { need, position, is_aside: false });
        self.insert(need, position, function);
    }

    /// Removes a function.
    pub(super) fn remove(&mut self, function: FunctionId) {
        let blocked = self.blocked.get_mut(function.index()).and_then(Option::take);
        let Some(Blocked { need, position, is_aside }) = blocked else { return };
        if is_aside {
            steps::count(self.aside.len() as u64);
            self.aside.retain(|&other| other != function);
        } else {
            self.take_out(need, position, function);
        }
    }

    fn take_out(&mut self, need: u64, position: u64, function: FunctionId) {
        if let Ok(index) = self.needs.binary_search(&need)
            && self.members[index].remove(&(position, function))
        {
            self.len -= 1;
            self.update(index);
        }
    }

    /// The longest blocked function that needs at most `memory` bytes, and its position.
    pub(super) fn first(&self, memory: u64) -> Option<(FunctionId, u64)> {
        if self.len == 0 {
            return None;
        }
        let end = self.needs.partition_point(|&need| need <= memory);
        let Earliest(_, need) = self.first.prefix(end);
        let members = self.members.get(need as usize)?;
        members.first().map(|&(position, function)| (function, position))
    }

    /// Skips a function for the rest of this round.
    pub(super) fn set_aside(&mut self, function: FunctionId) {
        if let Some(Some(blocked)) = self.blocked.get_mut(function.index())
            && !std::mem::replace(&mut blocked.is_aside, true)
        {
            let Blocked { need, position, .. } = *blocked;
            self.take_out(need, position, function);
            self.aside.push(function);
        }
    }

    /// Takes the skipped functions back, at the beginning of a round.
    pub(super) fn restore_set_aside(&mut self) {
        while let Some(function) = self.aside.pop() {
            if let Some(blocked) = &mut self.blocked[function.index()] {
                blocked.is_aside = false;
                let Blocked { need, position, .. } = *blocked;
                self.insert(need, position, function);
            }
        }
    }

    fn insert(&mut self, need: u64, position: u64, function: FunctionId) {
        let index = match self.needs.binary_search(&need) {
            Ok(index) => index,
            Err(index) => {
                self.needs.insert(index, need);
                self.members.insert(index, BTreeSet::new());
                self.rebuild();
                index
            }
        };
        self.members[index].insert((position, function));
        self.len += 1;
        self.update(index);
    }

    /// Builds the tree for a new set of needs; called once per distinct need.
    fn rebuild(&mut self) {
        self.first = SegmentTree::new(self.needs.len());
        for index in 0..self.members.len() {
            self.update(index);
        }
    }

    fn update(&mut self, index: usize) {
        let first = self.members[index].first();
        let earliest = first.map(|&(position, _)| Earliest(position, index as u32));
        self.first.set(index, earliest.unwrap_or(Earliest::EMPTY));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Behaves like a list that is searched linearly.
        #[test]
        fn gives_the_longest_waiting_of_those_that_need_little(
            steps in prop::collection::vec((0u32..12, 0u64..9, 0u64..4, 0u64..10), 1..120),
        ) {
            let (mut blocked, mut model, mut aside) = (BlockedFunctions::default(), BTreeMap::new(), Vec::new());
            for (step, (function, need, action, most)) in steps.into_iter().enumerate() {
                let function = FunctionId(function);
                match action {
                    0 | 1 => {
                        blocked.put(function, need, step as u64);
                        model.insert(function, (step as u64, need));
                        aside.retain(|&other| other != function);
                    }
                    2 => {
                        blocked.remove(function);
                        model.remove(&function);
                        aside.retain(|&other| other != function);
                    }
                    _ if step % 3 == 0 => {
                        blocked.restore_set_aside();
                        aside.clear();
                    }
                    _ => {
                        blocked.set_aside(function);
                        if model.contains_key(&function) {
                            aside.push(function);
                        }
                    }
                }
                let can = model.iter().filter(|(function, (_, need))| *need <= most && !aside.contains(function));
                let expected = can.map(|(&function, &(position, _))| (position, function)).min();
                prop_assert_eq!(blocked.first(most).map(|(function, position)| (position, function)), expected);
                prop_assert_eq!(blocked.contains(function), model.contains_key(&function));
                prop_assert_eq!(blocked.is_empty(), model.is_empty());
            }
        }
    }
}
