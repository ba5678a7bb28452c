//! An indexed 4-ary min-heap: entries can be re-keyed or removed by id.
//!
//! Push, pop, re-key and removal are O(log n). A table maps ids to positions, so a key is changed
//! in place and a removed entry leaves no trace.

/// Identifies an entry of a heap until it is popped or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryId(pub(crate) u32);

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
    positions: Vec<u32>,
    free: Vec<u32>,
}

impl<K: Ord + Copy, T: Copy> Heap<K, T> {
    pub(crate) fn new() -> Self {
        Heap { heap: Vec::new(), positions: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
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
        let id = self.draw_id();
        self.insert(id, key, target);
        id
    }

    /// Takes a free id, for an entry that is not in the heap yet.
    #[inline]
    pub(crate) fn draw_id(&mut self) -> EntryId {
        EntryId(self.free.pop().unwrap_or_else(|| {
            self.positions.push(VACANT);
            (self.positions.len() - 1) as u32
        }))
    }

    /// Frees the id of an entry that is not in the heap any more.
    #[inline]
    pub(crate) fn free_id(&mut self, id: EntryId) {
        self.free.push(id.0);
    }

    /// Whether an entry is in the heap.
    #[inline]
    pub(crate) fn contains(&self, id: EntryId) -> bool {
        self.positions[id.0 as usize] != VACANT
    }

    /// Adds an entry whose id has been drawn.
    pub(crate) fn insert(&mut self, EntryId(id): EntryId, key: K, target: T) {
        let position = self.heap.len();
        let entry = Entry { key, id, target };
        // The new position receives its parent's entry, so that the new entry is written only at
        // its final position.
        let above = position.checked_sub(1).map_or(entry, |last| self.heap[last / ARITY]);
        self.heap.push(above);
        self.sift_up(position, key, id, target);
    }

    /// Changes the key of an entry.
    pub(crate) fn rekey(&mut self, id: EntryId, key: K) {
        let position = self.positions[id.0 as usize] as usize;
        let entry = Entry { key, ..self.heap[position] };
        if key < self.heap[position].key {
            self.sift_up(position, key, entry.id, entry.target);
        } else {
            self.sift_down(position, entry);
        }
    }

    pub(crate) fn key_of(&self, id: EntryId) -> K {
        self.heap[self.positions[id.0 as usize] as usize].key
    }

    pub(crate) fn remove(&mut self, id: EntryId) -> T {
        let target = self.extract(id);
        self.free_id(id);
        target
    }

    /// Removes an entry that keeps its id.
    pub(crate) fn extract(&mut self, id: EntryId) -> T {
        let position = self.positions[id.0 as usize] as usize;
        self.take(position)
    }

    /// Takes the entry with the least key.
    pub(crate) fn pop(&mut self) -> Option<(K, T)> {
        let &Entry { key, id, target } = self.heap.first()?;
        self.take(0);
        self.free.push(id);
        Some((key, target))
    }

    /// Removes all entries, in no particular order. They keep their ids.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (EntryId, K, T)> + '_ {
        self.heap.drain(..).map(|entry| {
            self.positions[entry.id as usize] = VACANT;
            (EntryId(entry.id), entry.key, entry.target)
        })
    }

    fn take(&mut self, position: usize) -> T {
        let taken = self.heap[position];
        self.positions[taken.id as usize] = VACANT;
        if let Some(last) = self.heap.pop()
            && position < self.heap.len()
        {
            if last.key < taken.key {
                self.sift_up(position, last.key, last.id, last.target);
            } else {
                self.sift_down(position, last);
            }
        }
        taken.target
    }

    fn put(&mut self, position: usize, entry: Entry<K, T>) {
        self.heap[position] = entry;
        self.positions[entry.id as usize] = position as u32;
    }

    /// Puts an entry at `position` or above; the entry at `position` may be overwritten. The entry
    /// is passed in parts to keep it in registers.
    fn sift_up(&mut self, mut position: usize, key: K, id: u32, target: T) {
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if self.heap[parent].key <= key {
                break;
            }
            self.put(position, self.heap[parent]);
            position = parent;
        }
        self.put(position, Entry { key, id, target });
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

    /// Puts `entry` at `position` or below; the entry at `position` may be overwritten.
    fn sift_down(&mut self, mut position: usize, entry: Entry<K, T>) {
        loop {
            let first = position * ARITY + 1;
            let Some(least) = self.least_of(first) else { break };
            if entry.key <= self.heap[least].key {
                break;
            }
            self.put(position, self.heap[least]);
            position = least;
        }
        self.put(position, entry);
    }
}
