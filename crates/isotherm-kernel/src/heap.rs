//! An indexed 4-ary min-heap: entries can be re-keyed or removed by id.
//!
//! Push, pop, re-key and removal are O(log n). A table maps ids to positions, so a key is changed
//! in place and a removed entry leaves no trace.

/// Identifies an entry of a heap until it is popped or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryId(u32);

/// Children per node: a tree of four is shallower than one of two, and the children share a cache
/// line.
const ARITY: usize = 4;
const VACANT: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry<K, T> {
    key: K,
    id: u32,
    target: T,
}

/// A heap of targets `T` ordered by keys `K`. The order among equal keys is not specified.
pub(crate) struct Heap<K, T> {
    heap: Vec<Entry<K, T>>,
    /// The position in the heap of each id, or `VACANT`.
    places: Vec<u32>,
    free: Vec<u32>,
}

impl<K: Ord + Copy, T: Copy> Heap<K, T> {
    pub(crate) fn new() -> Self {
        Heap { heap: Vec::new(), places: Vec::new(), free: Vec::new() }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The entry with the least key.
    pub(crate) fn first(&self) -> Option<(K, T)> {
        self.heap.first().map(|entry| (entry.key, entry.target))
    }

    /// All targets, in no particular order.
    pub(crate) fn targets(&self) -> impl Iterator<Item = T> + '_ {
        self.heap.iter().map(|entry| entry.target)
    }

    pub(crate) fn push(&mut self, key: K, target: T) -> EntryId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.places.push(VACANT);
            (self.places.len() - 1) as u32
        });
        let place = self.heap.len();
        let entry = Entry { key, id, target };
        // The new position receives its parent's entry, so that the new entry is written only at
        // its final position.
        let above = place.checked_sub(1).map_or(entry, |last| self.heap[last / ARITY]);
        self.heap.push(above);
        self.sift_up(place, key, id, target);
        EntryId(id)
    }

    /// Changes the key of an entry.
    pub(crate) fn rekey(&mut self, id: EntryId, key: K) {
        let place = self.places[id.0 as usize] as usize;
        let entry = Entry { key, ..self.heap[place] };
        if key < self.heap[place].key {
            self.sift_up(place, key, entry.id, entry.target);
        } else {
            self.sift_down(place, entry);
        }
    }

    pub(crate) fn key_of(&self, id: EntryId) -> K {
        self.heap[self.places[id.0 as usize] as usize].key
    }

    pub(crate) fn remove(&mut self, id: EntryId) -> T {
        let place = self.places[id.0 as usize] as usize;
        self.take(place)
    }

    /// Takes the entry with the least key.
    pub(crate) fn pop(&mut self) -> Option<(K, T)> {
        let first = self.first()?;
        self.take(0);
        Some(first)
    }

    fn take(&mut self, place: usize) -> T {
        let taken = self.heap[place];
        self.places[taken.id as usize] = VACANT;
        self.free.push(taken.id);
        if let Some(last) = self.heap.pop()
            && place < self.heap.len()
        {
            if last.key < taken.key {
                self.sift_up(place, last.key, last.id, last.target);
            } else {
                self.sift_down(place, last);
            }
        }
        taken.target
    }

    fn put(&mut self, place: usize, entry: Entry<K, T>) {
        self.heap[place] = entry;
        self.places[entry.id as usize] = place as u32;
    }

    /// Puts an entry at `place` or above; the entry at `place` may be overwritten. The entry is
    /// passed in parts to keep it in registers.
    fn sift_up(&mut self, mut place: usize, key: K, id: u32, target: T) {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.heap[parent].key <= key {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, Entry { key, id, target });
    }

    /// The position of the least child, where the children begin at `first`.
    fn least_of(&self, first: usize) -> Option<usize> {
        match self.heap.get(first..first + ARITY) {
            // Two pairs and their winners, so that the comparisons of the pairs are independent.
            Some([a, b, c, d]) => {
                let (left, left_key) = if b.key < a.key { (1, b.key) } else { (0, a.key) };
                let (right, right_key) = if d.key < c.key { (3, d.key) } else { (2, c.key) };
                Some(first + if right_key < left_key { right } else { left })
            }
            _ => (first..self.heap.len()).min_by_key(|&child| self.heap[child].key),
        }
    }

    /// Puts `entry` at `place` or below; the entry at `place` may be overwritten.
    fn sift_down(&mut self, mut place: usize, entry: Entry<K, T>) {
        loop {
            let first = place * ARITY + 1;
            let Some(least) = self.least_of(first) else { break };
            if entry.key <= self.heap[least].key {
                break;
            }
            self.put(place, self.heap[least]);
            place = least;
        }
        self.put(place, entry);
    }
}
