//! The queues of invocations: new ones, and those that are schedulable.
//!
//! A scheduler may look at all of the latter in every round, so they lie in contiguous memory,
//! sorted by position. Removal in the middle leaves a gap; when most entries are gaps, they are
//! compacted.

use std::collections::VecDeque;

use super::Pending;
use super::invocation_table::InvocationKey;
use crate::node_set::IdSet;
use crate::steps::{self, counted};
use crate::{FunctionId, InvocationId};

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its position in the queue, by which entries are sorted.
    sequence: u64,
    invocation: InvocationId,
    function: FunctionId,
    gone: bool,
}

/// Invocations in the order in which they became schedulable. Small while there have been none, as
/// of most functions.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    live: usize,
    next_sequence: u64,
}

/// The queues of invocations.
#[derive(Default)]
pub(super) struct Queues {
    /// Submitted ones that were not processed yet.
    pub(super) new: VecDeque<(InvocationKey, FunctionId)>,
    /// Those that are schedulable.
    pub(super) pending: Backlog,
    /// The functions that have any of these.
    pub(super) functions: IdSet<FunctionId>,
}

impl Queues {
    /// Appends a schedulable invocation here and to `own`, those of its function. Returns its
    /// position.
    pub(super) fn push(&mut self, own: &mut Backlog, pending: Pending) -> u64 {
        let sequence = self.pending.push(pending);
        own.push_at(sequence, pending);
        self.functions.insert(pending.function);
        sequence
    }

    /// Removes it from both. Returns whether the function has no other.
    pub(super) fn remove(&mut self, own: &mut Backlog, of: FunctionId, sequence: u64) -> bool {
        self.pending.remove(sequence);
        own.remove(sequence);
        let none_left = own.is_empty();
        if none_left {
            self.functions.remove(of);
        }
        none_left
    }
}

impl Entry {
    /// The invocation with its position.
    fn pending(&self) -> (u64, Pending) {
        let &Entry { sequence, invocation, function, .. } = self;
        counted((sequence, Pending { invocation, function }))
    }
}

impl Backlog {
    pub(crate) const fn empty() -> Self {
        Backlog(None)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.live)
    }

    /// The position that the next one will get.
    pub(crate) fn end(&self) -> u64 {
        self.0.as_ref().map_or(0, |queue| queue.next_sequence)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an invocation and returns its position.
    pub(crate) fn push(&mut self, pending: Pending) -> u64 {
        let sequence = self.end();
        self.push_at(sequence, pending);
        sequence
    }

    /// Appends an invocation at a given position behind all others, such as its position in another
    /// backlog.
    pub(crate) fn push_at(&mut self, sequence: u64, pending: Pending) {
        let queue = self.0.get_or_insert_default();
        debug_assert!(sequence >= queue.next_sequence, "positions are given out in order");
        queue.next_sequence = sequence + 1;
        let Pending { invocation, function } = pending;
        queue.entries.push_back(Entry { sequence, invocation, function, gone: false });
        queue.live += 1;
    }

    /// Removes the invocation at a position; O(log n) amortised.
    pub(crate) fn remove(&mut self, sequence: u64) {
        let Some(Queue { entries, live, .. }) = self.0.as_deref_mut() else { return };
        let Ok(index) = entries.binary_search_by_key(&sequence, |entry| entry.sequence) else {
            return;
        };
        if std::mem::replace(&mut entries[index].gone, true) {
            return;
        }
        *live -= 1;
        while entries.front().is_some_and(|entry| entry.gone) {
            entries.pop_front();
        }
        if entries.len() > 2 * *live + 16 {
            steps::count(entries.len() as u64);
            entries.retain(|entry| !entry.gone);
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Pending> + '_ {
        self.positions_since(0).map(|(_, pending)| pending)
    }

    /// The first one, and its position.
    pub(crate) fn first(&self) -> Option<(u64, Pending)> {
        // Those that are gone are taken away from the front.
        self.0.as_ref()?.entries.front().map(Entry::pending)
    }

    /// The invocations from a position on, with their positions.
    pub(crate) fn positions_since<'a>(
        &'a self,
        sequence: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, Pending)> + use<'a> {
        let from = |queue: &'a Queue| {
            let is_before = |entry: &Entry| entry.sequence < sequence;
            // Mostly there are none, or all are wanted.
            let first = match queue.entries.back() {
                Some(last) if is_before(last) => queue.entries.len(),
                _ if sequence == 0 => 0,
                _ => queue.entries.partition_point(is_before),
            };
            queue.entries.range(first..)
        };
        let entries = self.0.as_deref().map_or_else(Default::default, from);
        entries.filter(|entry| !entry.gone).map(Entry::pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(number: u64) -> Pending {
        Pending { invocation: InvocationId(number), function: FunctionId(0) }
    }

    fn numbers(backlog: &Backlog) -> Vec<u64> {
        backlog.iter().map(|pending| pending.invocation.0).collect()
    }

    #[test]
    fn removal_keeps_the_order_of_the_others() {
        let mut backlog = Backlog::default();
        let positions: Vec<u64> = (0..100).map(|number| backlog.push(pending(number))).collect();
        for number in (0..100).filter(|number| number % 7 != 3) {
            backlog.remove(positions[number]);
        }
        let left: Vec<u64> = (0..100).filter(|number| number % 7 == 3).collect();
        assert_eq!(numbers(&backlog), left);
        assert_eq!(backlog.len(), left.len());
        let queue = backlog.0.as_ref().expect("there are some");
        assert!(queue.entries.len() < 60, "gaps are closed");
        let position = backlog.push(pending(100));
        assert_eq!(backlog.positions_since(position).count(), 1);
        assert_eq!(numbers(&backlog).last(), Some(&100));
    }

    #[test]
    fn taking_out_twice_is_taking_out_once() {
        let mut backlog = Backlog::default();
        let positions = [backlog.push(pending(0)), backlog.push(pending(1))];
        backlog.remove(positions[1]);
        backlog.remove(positions[1]);
        assert_eq!(numbers(&backlog), [0]);
        backlog.remove(positions[0]);
        assert!(backlog.is_empty());
        assert_eq!(numbers(&backlog), [0u64; 0]);
    }
}
