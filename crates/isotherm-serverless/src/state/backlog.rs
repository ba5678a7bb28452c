//! The queue of schedulable invocations.
//!
//! A scheduler may look at all of them in every round, so they lie in contiguous memory, sorted by
//! position. Removal in the middle leaves a gap; when most entries are gaps, they are compacted.

use std::collections::VecDeque;

use super::Pending;
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

/// Invocations in the order in which they became schedulable.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    entries: VecDeque<Entry>,
    live: usize,
    next_sequence: u64,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// The position that the next one will get.
    pub(crate) fn end(&self) -> u64 {
        self.next_sequence
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Appends an invocation and returns its position.
    pub(crate) fn push(&mut self, pending: Pending) -> u64 {
        let sequence = self.next_sequence;
        self.push_at(sequence, pending);
        sequence
    }

    /// Appends an invocation at a given position behind all others, such as its position in another
    /// backlog.
    pub(crate) fn push_at(&mut self, sequence: u64, pending: Pending) {
        debug_assert!(sequence >= self.next_sequence, "positions are given out in order");
        self.next_sequence = sequence + 1;
        let Pending { invocation, function } = pending;
        self.entries.push_back(Entry { sequence, invocation, function, gone: false });
        self.live += 1;
    }

    /// Removes the invocation at a position; O(log n) amortised.
    pub(crate) fn remove(&mut self, sequence: u64) {
        let Ok(index) = self.entries.binary_search_by_key(&sequence, |entry| entry.sequence) else {
            return;
        };
        if std::mem::replace(&mut self.entries[index].gone, true) {
            return;
        }
        self.live -= 1;
        while self.entries.front().is_some_and(|entry| entry.gone) {
            self.entries.pop_front();
        }
        if self.entries.len() > 2 * self.live + 16 {
            steps::count(self.entries.len() as u64);
            self.entries.retain(|entry| !entry.gone);
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Pending> + '_ {
        self.positions_since(0).map(|(_, pending)| pending)
    }

    /// The invocations from a position on, with their positions.
    pub(crate) fn positions_since(
        &self,
        sequence: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, Pending)> + '_ {
        let first = self.entries.partition_point(|entry| entry.sequence < sequence);
        let live = self.entries.range(first..).filter(|entry| !entry.gone);
        let pending =
            |entry: &Entry| Pending { invocation: entry.invocation, function: entry.function };
        live.map(move |entry| counted((entry.sequence, pending(entry))))
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
        assert!(backlog.entries.len() < 60, "gaps are closed");
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
