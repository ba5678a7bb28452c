//! The event queue: an indexed heap with a documented total order.
//!
//! # Order
//!
//! Events are taken by `(time, rank, sequence)`. Ranks say which model an event belongs to: CPU (executions and
//! sleeps) before disk before network before timers. The sequence is a number that the caller draws when it inserts
//! or re-keys an entry, so that among equals the first inserted comes first; *when* entries are inserted is what
//! makes sleeps wake in reverse and flows finish newest first (see [`crate::Kernel`]).
//!
//! # Cost
//!
//! Push, pop, re-key and removal are O(log n). An entry knows its place, so a bound that moves is re-keyed in place
//! and a cancelled event leaves at once: the queue never holds a dead entry.

use crate::Time;

/// Which model an event belongs to; among events of one date the lower rank comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Executions and sleeps.
    Cpu = 0,
    /// Plain disk input and output.
    Disk = 1,
    /// Flows that cross the network, streams between disks among them.
    Network = 2,
    /// Timers: deadlines and time-outs, so that what ends exactly then has ended.
    Timer = 3,
}

/// Names an entry of the queue until it is popped or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId(u32);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    time: Time,
    /// Rank in the upper bits, sequence in the lower ones.
    order: u64,
}

const RANK_SHIFT: u32 = 62;
/// Children per heap node: four are shallower than two and still share a cache line.
const ARITY: usize = 4;
const VACANT: u32 = u32::MAX;

struct Entry<T> {
    key: Key,
    id: u32,
    target: T,
}

/// A heap of targets `T` ordered by `(time, rank, sequence)`.
pub(crate) struct EventQueue<T> {
    heap: Vec<Entry<T>>,
    /// Place in the heap of each id, or `VACANT`.
    places: Vec<u32>,
    free: Vec<u32>,
    next_sequence: u64,
}

impl<T: Copy> EventQueue<T> {
    pub(crate) fn new() -> Self {
        EventQueue { heap: Vec::new(), places: Vec::new(), free: Vec::new(), next_sequence: 0 }
    }

    /// Draws the next sequence number.
    pub(crate) fn draw_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The date of the first event.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.heap.first().map(|entry| entry.key.time)
    }

    pub(crate) fn push(&mut self, time: Time, rank: Rank, sequence: u64, target: T) -> EventId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.places.push(VACANT);
            (self.places.len() - 1) as u32
        });
        let place = self.heap.len();
        self.heap.push(Entry { key: key(time, rank, sequence), id, target });
        self.places[id as usize] = place as u32;
        self.sift_up(place);
        EventId(id)
    }

    /// Moves an entry to another date and sequence.
    pub(crate) fn rekey(&mut self, id: EventId, time: Time, rank: Rank, sequence: u64) {
        let place = self.places[id.0 as usize] as usize;
        let new = key(time, rank, sequence);
        let old = std::mem::replace(&mut self.heap[place].key, new);
        if new < old {
            self.sift_up(place);
        } else {
            self.sift_down(place);
        }
    }

    pub(crate) fn time_of(&self, id: EventId) -> Time {
        self.heap[self.places[id.0 as usize] as usize].key.time
    }

    pub(crate) fn remove(&mut self, id: EventId) {
        let place = self.places[id.0 as usize] as usize;
        self.take(place);
    }

    /// Takes the first event if it is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<T> {
        match self.heap.first() {
            Some(entry) if entry.key.time <= now => Some(self.take(0)),
            _ => None,
        }
    }

    fn take(&mut self, place: usize) -> T {
        let entry = self.heap.swap_remove(place);
        self.places[entry.id as usize] = VACANT;
        self.free.push(entry.id);
        if place < self.heap.len() {
            self.places[self.heap[place].id as usize] = place as u32;
            self.sift_up(place);
            self.sift_down(place);
        }
        entry.target
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a].id as usize] = a as u32;
        self.places[self.heap[b].id as usize] = b as u32;
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.heap[parent].key <= self.heap[place].key {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let first = place * ARITY + 1;
            let last = (first + ARITY).min(self.heap.len());
            let Some(least) = (first..last).min_by_key(|&child| self.heap[child].key) else { break };
            if self.heap[place].key <= self.heap[least].key {
                break;
            }
            self.swap(place, least);
            place = least;
        }
    }
}

fn key(time: Time, rank: Rank, sequence: u64) -> Key {
    Key { time, order: ((rank as u64) << RANK_SHIFT) | sequence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(queue: &mut EventQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop_due(Time::NEVER)).collect()
    }

    #[test]
    fn equal_dates_go_by_rank_then_by_sequence() {
        let mut queue = EventQueue::new();
        let at = Time::from_nanos(7);
        queue.push(at, Rank::Timer, 0, 40);
        queue.push(at, Rank::Network, 1, 30);
        queue.push(at, Rank::Cpu, 3, 11);
        queue.push(at, Rank::Cpu, 2, 10);
        queue.push(at, Rank::Disk, 4, 20);
        queue.push(Time::from_nanos(6), Rank::Timer, 5, 0);
        assert_eq!(drain(&mut queue), [0, 10, 11, 20, 30, 40]);
    }

    #[test]
    fn nothing_is_popped_before_its_date() {
        let mut queue = EventQueue::new();
        queue.push(Time::from_nanos(7), Rank::Cpu, 0, 1);
        assert_eq!(queue.pop_due(Time::from_nanos(6)), None);
        assert_eq!(queue.pop_due(Time::from_nanos(7)), Some(1));
    }

    proptest! {
        /// Any mixture of pushes, re-keys and removals pops in the order of a sorted list, and leaves nothing dead.
        #[test]
        fn pops_in_order(operations in prop::collection::vec((0u8..4, 0u64..20, 0usize..50), 1..200)) {
            let mut queue = EventQueue::new();
            let mut model: Vec<(Time, u64, EventId, u32)> = Vec::new();
            for (number, (operation, time, pick)) in operations.into_iter().enumerate() {
                let time = Time::from_nanos(time);
                let sequence = queue.draw_sequence();
                match operation {
                    0 | 1 => {
                        let id = queue.push(time, Rank::Cpu, sequence, number as u32);
                        model.push((time, sequence, id, number as u32));
                    }
                    2 if !model.is_empty() => {
                        let pick = pick % model.len();
                        queue.rekey(model[pick].2, time, Rank::Cpu, sequence);
                        model[pick].0 = time;
                        model[pick].1 = sequence;
                    }
                    3 if !model.is_empty() => {
                        let (_, _, id, _) = model.swap_remove(pick % model.len());
                        queue.remove(id);
                    }
                    _ => {}
                }
                prop_assert_eq!(queue.len(), model.len());
            }
            model.sort_by_key(|&(time, sequence, ..)| (time, sequence));
            let expected: Vec<u32> = model.iter().map(|entry| entry.3).collect();
            prop_assert_eq!(drain(&mut queue), expected);
        }
    }
}
