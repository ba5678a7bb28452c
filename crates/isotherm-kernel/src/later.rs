//! Events that are not due soon: unsorted lists by date, from which the event queue fills its heap.
//!
//! This is a ladder queue (W. T. Tang, R. S. M. Goh and I. L.-J. Thng, "Ladder queue: an O(1)
//! priority queue structure for large-scale discrete event simulation", ACM TOMACS 15(3), 2005)
//! with one rung, and a heap as its bottom. The rung is a row of lists, each for an interval of
//! dates, all equally long. What is later than the last interval is in one more list, which is
//! spread over a new rung when the present one is used up.
//!
//! An event is moved twice before it is in the heap, whatever the number of events, and moving or
//! removing one that is still here costs O(1). Where the dates are such that intervals do not
//! separate them, most events are in the heap, at O(log n).

use crate::event_key::EventKey;
use crate::heap::EntryId;

/// No entry.
const NIL: u32 = u32::MAX;

/// The number of events per interval of a new rung, on average: at least this, and at most twice as
/// many, since the length of an interval is a power of two.
const PER_LIST: usize = 2;

/// So few events go into the heap together.
const FEW: usize = 8;

/// An entry of a list, in a table by the id of the event.
#[derive(Clone, Copy)]
struct Entry<T> {
    key: EventKey,
    target: T,
    previous: u32,
    next: u32,
}

/// Lists of events by date.
pub(crate) struct Later<T> {
    /// By id. Those of events that are not here are outdated.
    entries: Vec<Entry<T>>,
    /// The first entry of each list: the intervals of the rung, then what is later.
    heads: Vec<u32>,
    /// The date at which the rung begins, and the binary logarithm of the length of an interval.
    start: u64,
    shift: u32,
    /// The first list that has not been taken.
    next: usize,
    /// The date at which it begins: nothing here is earlier. The last date if nothing is here.
    pub(crate) horizon: u64,
    len: usize,
    /// Work space.
    times: Vec<u64>,
}

impl<T: Copy> Later<T> {
    pub(crate) fn new() -> Self {
        Later {
            entries: Vec::new(),
            heads: vec![NIL],
            start: 0,
            shift: 0,
            next: 0,
            horizon: u64::MAX,
            len: 0,
            times: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn list_of(&self, time: u64) -> usize {
        (((time - self.start) >> self.shift) as usize).min(self.heads.len() - 1)
    }

    pub(crate) fn key_of(&self, id: EntryId) -> EventKey {
        self.entries[id.0 as usize].key
    }

    /// Adds an event that is not before the horizon.
    #[inline]
    pub(crate) fn insert(&mut self, EntryId(id): EntryId, key: EventKey, target: T) {
        let list = self.list_of(key.time());
        let next = std::mem::replace(&mut self.heads[list], id);
        let entry = Entry { key, target, previous: NIL, next };
        match self.entries.get_mut(id as usize) {
            Some(place) => *place = entry,
            None => self.entries.resize(id as usize + 1, entry),
        }
        if next != NIL {
            self.entries[next as usize].previous = id;
        }
        self.len += 1;
    }

    /// Changes the key of an event, unless that moves it to another list or to the heap. Returns
    /// whether it has done so.
    #[inline]
    pub(crate) fn rekey(&mut self, EntryId(id): EntryId, key: EventKey) -> bool {
        let old = self.entries[id as usize].key;
        let stays =
            key.time() >= self.horizon && self.list_of(key.time()) == self.list_of(old.time());
        if stays {
            self.entries[id as usize].key = key;
        }
        stays
    }

    pub(crate) fn remove(&mut self, EntryId(id): EntryId) -> T {
        let Entry { key, target, previous, next } = self.entries[id as usize];
        if previous == NIL {
            let list = self.list_of(key.time());
            self.heads[list] = next;
        } else {
            self.entries[previous as usize].next = next;
        }
        if next != NIL {
            self.entries[next as usize].previous = previous;
        }
        self.len -= 1;
        target
    }

    /// Takes the events of the first list that has any, and gives each to `take`. To be called if
    /// there are any.
    pub(crate) fn take_first(&mut self, mut take: impl FnMut(EntryId, EventKey, T)) {
        loop {
            let last = self.heads.len() - 1;
            while self.next < last && self.heads[self.next] == NIL {
                self.next += 1;
            }
            if self.next < last || self.len <= FEW {
                break;
            }
            self.spread();
        }
        let mut id = std::mem::replace(&mut self.heads[self.next], NIL);
        while id != NIL {
            let Entry { key, target, next, .. } = self.entries[id as usize];
            take(EntryId(id), key, target);
            self.len -= 1;
            id = next;
        }
        self.next += 1;
        self.horizon = if self.len == 0 { u64::MAX } else { self.begin_of(self.next) };
    }

    /// The date at which the interval of a list begins.
    fn begin_of(&self, list: usize) -> u64 {
        let begin = u128::from(self.start) + ((list as u128) << self.shift);
        u64::try_from(begin).unwrap_or(u64::MAX)
    }

    /// Puts everything into one list, to be spread when events are next taken.
    pub(crate) fn gather(&mut self) {
        let mut all = NIL;
        for list in std::mem::take(&mut self.heads) {
            let mut id = list;
            while id != NIL {
                let next = std::mem::replace(&mut self.entries[id as usize].next, all);
                all = id;
                id = next;
            }
        }
        self.heads.push(all);
        (self.start, self.next, self.horizon) = (0, 0, 0);
    }

    /// Spreads the last list over a new rung, but for the latest eighth of it, so that a few events
    /// at very late dates do not make the intervals long.
    fn spread(&mut self) {
        let mut id = self.heads[self.heads.len() - 1];
        let mut all = id;
        self.times.clear();
        while id != NIL {
            let Entry { key, next, .. } = self.entries[id as usize];
            self.times.push(key.time());
            id = next;
        }
        let latest = self.times.len() - 1 - self.times.len() / 8;
        let (earlier, &mut end, _) = self.times.select_nth_unstable(latest);
        self.start = earlier.iter().copied().fold(end, u64::min);
        let lists = (self.times.len() / PER_LIST).max(1) as u64;
        let range = end - self.start;
        self.shift = (range / lists).checked_ilog2().map_or(0, |log| (log + 1).min(63));
        self.heads.clear();
        self.heads.resize((range >> self.shift) as usize + 2, NIL);
        self.next = 0;
        self.len = 0;
        while all != NIL {
            let Entry { key, target, next, .. } = self.entries[all as usize];
            self.insert(EntryId(all), key, target);
            all = next;
        }
    }
}
