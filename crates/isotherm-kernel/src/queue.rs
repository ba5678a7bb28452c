//! The event queue: an indexed heap with a documented total order, and what is due later.
//!
//! # Order
//!
//! Events are taken by `(time, rank, place)`. The rank is the model of the event: CPU before disk
//! before network before timers. The place depends on the [`TieOrder`]:
//!
//! * [`TieOrder::Reference`]: a number drawn when the entry is inserted or re-keyed, so the first
//!   inserted comes first. *When* the callers insert entries makes sleeps wake in reverse and flows
//!   end newest first.
//! * [`TieOrder::NewestFirst`]: the number drawn when the object was created, in reverse. It does
//!   not depend on when the entry is keyed.
//!
//! # Cost
//!
//! Push, pop, re-key and removal are O(log n). A date that moves is re-keyed in place and a
//! cancelled event is removed immediately: the queue holds no dead entries. Of many events only
//! those that are due soon are in the heap; the others are in [`Later`], where all but being sorted
//! costs O(1). Where an event is makes no difference to the order.

use crate::Time;
use crate::event_key::EventKey;
use crate::heap::{EntryId, Heap};
use crate::later::Later;

/// The model of an event. Among events of one date the lower rank comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Executions and sleeps.
    Cpu = 0,
    /// Plain disk input and output.
    Disk = 1,
    /// Flows that cross the network, and streams between disks.
    Network = 2,
    /// Timers. They come last, so that what ends exactly at a deadline has ended.
    Timer = 3,
}

/// The order among events of one model and one date.
///
/// It influences later dates: of two invocations that end together, the first one may give its slot
/// to a third. In either order, models follow each other by [`Rank`].
/// [`Kernel`](crate::Kernel#order-of-events) defines when each kind of object is created.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// use isotherm_kernel::{ActivitySpec, Duration, Rank, Sharing, Simulation, TieOrder};
///
/// // Two disk accesses that end together after 2 s.
/// let ends = |order| {
///     let simulation = Simulation::new().with_tie_order(order);
///     let kernel = simulation.kernel();
///     let disk = kernel.resource(10.0, Sharing::Shared);
///     let ends = Rc::new(RefCell::new(Vec::new()));
///     for name in ["first", "second"] {
///         let access = kernel.start(ActivitySpec::new(Rank::Disk, 10.0).uses(disk, 1.0));
///         let ends = Rc::clone(&ends);
///         access.on_end(move |_, _| ends.borrow_mut().push(name));
///     }
///     kernel.spawn("clock", kernel.sleep(Duration::from_secs(3)));
///     simulation.run().map(|_| ends.take())
/// };
/// assert_eq!(ends(TieOrder::Reference)?, ["first", "second"]);
/// assert_eq!(ends(TieOrder::NewestFirst)?, ["second", "first"]);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TieOrder {
    /// The order of the reference (SimGrid), in which dates were last computed. It depends on which
    /// shares were solved again, and so on other events and on the solver's strategy. Choose it to
    /// reproduce the reference's dates.
    #[default]
    Reference,
    /// The newest first, by the order of creation alone.
    NewestFirst,
}

const RANK_SHIFT: u32 = 62;

/// The last place.
const LAST: u64 = (1 << RANK_SHIFT) - 1;

/// Identifies an entry of the queue until it is popped or removed.
pub(crate) type EventId = EntryId;

/// From how many events in the heap some are kept apart; few are quicker in the heap.
const LATER_FROM: usize = 256;

/// Targets `T` ordered by `(time, rank, place)`.
pub(crate) struct EventQueue<T> {
    /// What is due before the horizon of `later`. It is empty only if the queue is.
    heap: Heap<EventKey, T>,
    later: Later<T>,
    later_from: usize,
    /// The number of events in the heap from which all are divided anew.
    divide_from: usize,
    next_number: u64,
    pub(crate) order: TieOrder,
}

impl<T: Copy> EventQueue<T> {
    pub(crate) fn new() -> Self {
        EventQueue {
            heap: Heap::new(),
            later: Later::new(),
            later_from: LATER_FROM,
            divide_from: LATER_FROM,
            next_number: 0,
            order: TieOrder::default(),
        }
    }

    /// Draws the next number, for an object that is created or takes a new place.
    #[inline]
    pub(crate) fn draw_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Draws as many numbers in a row, and returns the first.
    #[inline]
    pub(crate) fn draw_numbers(&mut self, count: u32) -> u64 {
        let number = self.next_number;
        self.next_number += u64::from(count);
        number
    }

    /// The place of an object that keeps the place of its creation in either order.
    #[inline]
    pub(crate) fn place_of(&self, created: u64) -> u64 {
        match self.order {
            TieOrder::Reference => created,
            TieOrder::NewestFirst => LAST - created,
        }
    }

    /// The place of an object that is keyed now. In the reference's order it is a new one, unless
    /// the object keeps the place of its creation.
    #[inline]
    pub(crate) fn place_now(&mut self, created: u64, keeps_place: bool) -> u64 {
        match self.order {
            TieOrder::Reference if !keeps_place => self.draw_number(),
            _ => self.place_of(created),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len() + self.later.len()
    }

    /// The key of the first event.
    #[inline]
    pub(crate) fn first_key(&self) -> Option<EventKey> {
        self.heap.first().map(|(key, _)| key)
    }

    /// The date of the first event.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.first_key().map(time_of)
    }

    pub(crate) fn push(&mut self, time: Time, rank: Rank, place: u64, target: T) -> EventId {
        let id = self.heap.draw_id();
        self.insert(id, key(time, rank, place), target);
        id
    }

    #[inline]
    fn insert(&mut self, id: EventId, key: EventKey, target: T) {
        if key.time() >= self.later.horizon {
            self.later.insert(id, key, target);
            self.fill();
        } else {
            self.heap.insert(id, key, target);
            if self.heap.len() >= self.divide_from {
                self.divide();
            }
        }
    }

    /// Moves an entry to another date and place.
    pub(crate) fn rekey(&mut self, id: EventId, time: Time, rank: Rank, place: u64) {
        let key = key(time, rank, place);
        let is_soon = self.heap.contains(id);
        if is_soon && key.time() < self.later.horizon {
            self.heap.rekey(id, key);
        } else if is_soon || !self.later.rekey(id, key) {
            let target = if is_soon { self.heap.extract(id) } else { self.later.remove(id) };
            self.insert(id, key, target);
        }
    }

    pub(crate) fn time_of(&self, id: EventId) -> Time {
        time_of(if self.heap.contains(id) { self.heap.key_of(id) } else { self.later.key_of(id) })
    }

    pub(crate) fn remove(&mut self, id: EventId) {
        if self.heap.contains(id) {
            self.heap.remove(id);
            self.fill();
        } else {
            self.later.remove(id);
            self.heap.free_id(id);
        }
    }

    /// Takes the first event if it is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<T> {
        let (key, _) = self.heap.first()?;
        if time_of(key) > now {
            return None;
        }
        let target = self.heap.pop().map(|(_, target)| target);
        self.fill();
        target
    }

    /// Fills the heap again if it is empty.
    #[inline]
    fn fill(&mut self) {
        if self.heap.is_empty() && self.later.len() > 0 {
            self.fill_from_later();
        }
    }

    fn fill_from_later(&mut self) {
        let EventQueue { heap, later, .. } = self;
        later.take_first(|id, key, target| heap.insert(id, key, target));
        self.divide_from = self.later_from.max(2 * self.heap.len()).max(self.len() / 2);
    }

    /// Divides all events anew. It costs O(events), so the heap must have grown by about as many
    /// before it is done.
    #[cold]
    fn divide(&mut self) {
        let EventQueue { heap, later, .. } = self;
        later.gather();
        for (id, key, target) in heap.drain() {
            later.insert(id, key, target);
        }
        self.fill_from_later();
    }
}

pub(crate) fn key(time: Time, rank: Rank, place: u64) -> EventKey {
    EventKey::new(time.as_nanos(), ((rank as u64) << RANK_SHIFT) | place)
}

pub(crate) fn time_of(key: EventKey) -> Time {
    Time::from_nanos(key.time())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(queue: &mut EventQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop_due(Time::NEVER)).collect()
    }

    #[test]
    fn equal_dates_go_by_rank_then_by_place() {
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
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Any mixture of pushes, re-keys, removals and pops has the order of a sorted list and
        /// leaves no dead entry, wherever the entries are kept.
        #[test]
        fn pops_in_order(
            later_from in prop::sample::select(vec![1, 4, 30, LATER_FROM]),
            dates in prop::sample::select(vec![20, 1000, u64::MAX]),
            operations in prop::collection::vec((0u8..8, any::<u64>(), 0usize..200), 1..300),
        ) {
            let mut queue = EventQueue::new();
            (queue.later_from, queue.divide_from) = (later_from, later_from);
            let mut model: Vec<(Time, u64, EventId, u32)> = Vec::new();
            for (number, (operation, time, pick)) in operations.into_iter().enumerate() {
                // Dates of any magnitude.
                let time = Time::from_nanos((time >> (pick % 64)) % dates);
                let sequence = queue.draw_number();
                match operation {
                    0..=3 => {
                        let id = queue.push(time, Rank::Cpu, sequence, number as u32);
                        model.push((time, sequence, id, number as u32));
                    }
                    4 | 5 if !model.is_empty() => {
                        let pick = pick % model.len();
                        queue.rekey(model[pick].2, time, Rank::Cpu, sequence);
                        model[pick].0 = time;
                        model[pick].1 = sequence;
                    }
                    6 if !model.is_empty() => {
                        let (_, _, id, _) = model.swap_remove(pick % model.len());
                        queue.remove(id);
                    }
                    7 => {
                        let first = (0..model.len()).min_by_key(|&place| (model[place].0, model[place].1));
                        let first = first.map(|place| model.swap_remove(place));
                        prop_assert_eq!(queue.next_time(), first.map(|(time, ..)| time));
                        prop_assert_eq!(queue.pop_due(Time::NEVER), first.map(|entry| entry.3));
                    }
                    _ => {}
                }
                prop_assert_eq!(queue.len(), model.len());
                for &(time, _, id, _) in &model {
                    prop_assert_eq!(queue.time_of(id), time);
                }
            }
            model.sort_by_key(|&(time, sequence, ..)| (time, sequence));
            let expected: Vec<u32> = model.iter().map(|entry| entry.3).collect();
            prop_assert_eq!(drain(&mut queue), expected);
        }
    }
}
