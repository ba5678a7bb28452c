//! The order in which files of a partition are evicted.
//!
//! Files that may be evicted are in a B-tree by their [`EvictionKey`]: a rank, which depends on the
//! policy, and a sequence number, which an access renews. A policy is a rule for computing ranks
//! and for renewing keys. Finding the next file costs O(log n).

use std::collections::BTreeMap;

use super::{Eviction, FileId, FileName};

/// S3-FIFO: the small queue may take one part in this many.
const SMALL_PART: u64 = 10;
/// S3-FIFO: the largest number of uses that is counted.
const MOST_USES: u32 = 3;
/// S3-FIFO: the number of uses with which a file moves from the small to the main queue.
const PROMOTED: u32 = 2;
/// S3-FIFO: the ranks of the two queues.
const SMALL: u64 = 0;
const MAIN: u64 = 1;

const MEGABYTE: f64 = 1e6;

/// The position in the order; the lowest is evicted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EvictionKey {
    rank: u64,
    sequence: u64,
}

/// What a policy knows of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct EvictionState {
    pub(super) key: EvictionKey,
    /// The number of uses, without the one for which it appeared.
    uses: u32,
    /// Whether that first use is still to come.
    awaited: bool,
}

/// The queue from which the next file is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// The only one.
    All,
    /// S3-FIFO: new files.
    Small,
    /// S3-FIFO: all others.
    Main,
}

#[derive(Debug)]
pub(super) struct EvictionOrder {
    pub(super) eviction: Eviction,
    next_sequence: u64,
    /// The files that may be evicted; empty under [`Eviction::None`].
    pub(super) idle: BTreeMap<EvictionKey, FileId>,
    /// Greedy-Dual: the priority of the last evicted file.
    clock: f64,
    /// S3-FIFO: the bytes of the small queue, pinned files included.
    small_bytes: u64,
    ghosts: Ghosts,
}

impl EvictionOrder {
    pub(super) fn new(eviction: Eviction) -> Self {
        EvictionOrder {
            eviction,
            next_sequence: 0,
            idle: BTreeMap::new(),
            clock: 0.0,
            small_bytes: 0,
            ghosts: Ghosts::default(),
        }
    }

    fn take_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }

    /// A file has appeared.
    pub(super) fn enter(&mut self, name: &FileName, bytes: u64) -> EvictionState {
        let key = EvictionKey { rank: 0, sequence: self.take_sequence() };
        let mut state = EvictionState { key, uses: 0, awaited: true };
        if self.eviction == Eviction::S3Fifo {
            if self.ghosts.remove(name) {
                state.key.rank = MAIN;
            } else {
                self.small_bytes += bytes;
            }
        }
        self.rank(&mut state, bytes);
        state
    }

    /// A file has been written.
    pub(super) fn commit(&mut self, state: &mut EvictionState, bytes: u64) {
        state.key.sequence = self.take_sequence();
        self.rank(state, bytes);
    }

    /// Whether an access changes the position of a file.
    pub(super) fn reorders_on_access(&self) -> bool {
        !matches!(self.eviction, Eviction::None | Eviction::Fifo)
    }

    /// Whether the policy counts uses.
    pub(super) fn counts_uses(&self) -> bool {
        matches!(self.eviction, Eviction::Lfu | Eviction::GreedyDual | Eviction::S3Fifo)
    }

    /// A file was used, or (`counts` is false) read as part of a use. It must not be in `idle`
    /// meanwhile.
    pub(super) fn access(&mut self, state: &mut EvictionState, bytes: u64, counts: bool) {
        if counts && !std::mem::take(&mut state.awaited) {
            state.uses = state.uses.saturating_add(1);
        }
        if self.eviction == Eviction::S3Fifo {
            state.uses = state.uses.min(MOST_USES);
        } else {
            state.key.sequence = self.take_sequence();
            self.rank(state, bytes);
        }
    }

    fn rank(&self, state: &mut EvictionState, bytes: u64) {
        // The appearance is a use, too.
        let uses = state.uses.saturating_add(1);
        match self.eviction {
            Eviction::None | Eviction::Fifo | Eviction::Lru | Eviction::S3Fifo => {}
            Eviction::Lfu => state.key.rank = u64::from(uses),
            Eviction::GreedyDual => {
                let megabytes = bytes.max(1) as f64 / MEGABYTE;
                // The bits of positive numbers order like the numbers.
                state.key.rank = (self.clock + f64::from(uses) / megabytes).to_bits();
            }
        }
    }

    /// The queue to evict from, given the bytes of all files and their room.
    pub(super) fn queue(&self, files: u64, capacity: u64) -> Queue {
        match self.eviction {
            Eviction::S3Fifo if files - self.small_bytes > capacity - capacity / SMALL_PART => {
                Queue::Main
            }
            Eviction::S3Fifo => Queue::Small,
            _ => Queue::All,
        }
    }

    /// The first file of a queue, or of the other one if nothing in it may be evicted. It may be
    /// [reinserted](Self::reinserts).
    pub(super) fn first(&self, queue: Queue) -> Option<FileId> {
        let main = EvictionKey { rank: MAIN, sequence: 0 };
        let first = || self.idle.values().next().copied();
        match queue {
            Queue::Main => self.idle.range(main..).next().map(|(_, &id)| id).or_else(first),
            Queue::All | Queue::Small => first(),
        }
    }

    /// Whether a file is reinserted at another position instead of being evicted. It happens to
    /// each file a few times at most.
    pub(super) fn reinserts(&mut self, state: &mut EvictionState, bytes: u64) -> bool {
        if self.eviction != Eviction::S3Fifo {
            return false;
        }
        if state.key.rank == MAIN {
            if state.uses == 0 {
                return false;
            }
            state.uses -= 1;
        } else {
            if state.uses < PROMOTED {
                return false;
            }
            self.small_bytes -= bytes;
            state.uses = 0;
        }
        state.key = EvictionKey { rank: MAIN, sequence: self.take_sequence() };
        true
    }

    /// A file has been evicted, after [`leave`](Self::leave).
    pub(super) fn evicted(
        &mut self,
        state: &EvictionState,
        name: &FileName,
        bytes: u64,
        capacity: u64,
    ) {
        match self.eviction {
            Eviction::GreedyDual => self.clock = self.clock.max(f64::from_bits(state.key.rank)),
            Eviction::S3Fifo if state.key.rank == SMALL => {
                let sequence = self.take_sequence();
                self.ghosts.add(name, bytes, sequence, capacity - capacity / SMALL_PART);
            }
            _ => {}
        }
    }

    /// A file has left the partition, for any reason.
    pub(super) fn leave(&mut self, state: &EvictionState, bytes: u64) {
        if self.eviction == Eviction::S3Fifo && state.key.rank == SMALL {
            self.small_bytes -= bytes;
        }
    }

    /// Asserts that the bytes of the small queue agree with a recount.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check(&self, files: impl Iterator<Item = (EvictionState, u64)>) {
        let small = files.filter(|(state, _)| state.key.rank == SMALL);
        let bytes =
            if self.eviction == Eviction::S3Fifo { small.map(|(_, bytes)| bytes).sum() } else { 0 };
        assert_eq!(self.small_bytes, bytes, "bytes of the newcomers");
    }
}

/// S3-FIFO: the names of files evicted from the small queue, oldest first.
#[derive(Debug, Default)]
struct Ghosts {
    names: BTreeMap<FileName, u64>,
    queue: BTreeMap<u64, (FileName, u64)>,
    bytes: u64,
}

impl Ghosts {
    fn add(&mut self, name: &FileName, bytes: u64, sequence: u64, most: u64) {
        self.remove(name);
        if bytes > most {
            return;
        }
        self.names.insert(name.clone(), sequence);
        self.queue.insert(sequence, (name.clone(), bytes));
        self.bytes += bytes;
        while self.bytes > most
            && let Some((_, (name, bytes))) = self.queue.pop_first()
        {
            self.names.remove(&name);
            self.bytes -= bytes;
        }
    }

    /// Removes a name. Returns whether it was there.
    fn remove(&mut self, name: &FileName) -> bool {
        let Some(sequence) = self.names.remove(name) else { return false };
        if let Some((_, bytes)) = self.queue.remove(&sequence) {
            self.bytes -= bytes;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileSystem;
    use super::*;

    /// A disk that holds ten files of ten bytes.
    fn disk(eviction: Eviction) -> FileSystem {
        FileSystem::new(100, eviction)
    }

    /// Makes files of these sizes appear; gives the names of those that had to go.
    fn create(disk: &mut FileSystem, files: &[(&str, u64)]) -> Vec<String> {
        let mut gone = Vec::new();
        for &(name, bytes) in files {
            let (_, evicted) = disk.create(name, bytes, 0).expect("there is room");
            gone.extend(evicted.iter().map(|file| file.name.to_string()));
            disk.check();
        }
        gone
    }

    fn touch(disk: &mut FileSystem, name: &str) {
        let file = disk.lookup(name).expect("it is there");
        disk.touch(file);
        disk.check();
    }

    /// Creates files of ten bytes that are never read.
    fn scan(disk: &mut FileSystem, name: &str, files: usize) {
        for number in 0..files {
            create(disk, &[(&format!("{name}{number}"), 10)]);
        }
    }

    #[test]
    fn least_frequently_used_keeps_what_is_read_often() {
        let mut disk = disk(Eviction::Lfu);
        create(&mut disk, &[("often", 40), ("twice", 30), ("once", 30)]);
        for name in ["often", "often", "often", "twice", "twice", "once"] {
            touch(&mut disk, name);
        }
        assert_eq!(create(&mut disk, &[("new", 30)]), ["once"]);
        // The new one has not been read at all.
        assert_eq!(create(&mut disk, &[("newer", 30)]), ["new"]);
        for _ in 0..3 {
            touch(&mut disk, "newer");
        }
        assert_eq!(create(&mut disk, &[("newest", 30)]), ["twice"]);
    }

    #[test]
    fn uses_that_are_no_reads_count_only_where_uses_do() {
        for (eviction, goes) in
            [(Eviction::Lru, "a"), (Eviction::Lfu, "b"), (Eviction::GreedyDual, "b")]
        {
            let mut disk = disk(eviction);
            create(&mut disk, &[("a", 50), ("b", 50)]);
            let a = disk.lookup("a").expect("it is there");
            // The first is the one for which it came.
            disk.count_use(a);
            disk.count_use(a);
            assert_eq!(create(&mut disk, &[("c", 50)]), [goes], "{eviction:?}");
        }
    }

    #[test]
    fn greedy_dual_lets_the_large_go_and_forgets_old_fame() {
        let mut disk = disk(Eviction::GreedyDual);
        // One use each: priorities 1/20, 1/20 and 1/60 per byte.
        create(&mut disk, &[("small", 20), ("other", 20), ("large", 60)]);
        assert_eq!(create(&mut disk, &[("new", 20)]), ["large"]);
        // Three uses, the first of which is the one for which it came, so 3/20; and then it is not
        // read any more. The clock stands at 1/60.
        touch(&mut disk, "small");
        touch(&mut disk, "small");
        touch(&mut disk, "small");
        create(&mut disk, &[("x0", 20), ("x1", 20)]);
        // Of those read once, the first with 1/20 are `other`, then those that came at a clock of
        // 1/60. Each that goes lets the clock rise to its priority, so in the third generation
        // newcomers are worth more than 3/20.
        let mut gone = Vec::new();
        for number in 2..18 {
            gone.extend(create(&mut disk, &[(&format!("x{number}"), 20)]));
        }
        assert_eq!(gone[0], "other");
        assert!(gone.contains(&"small".to_owned()), "it was famous once: {gone:?}");
        assert!(disk.lookup("x17").is_some());
    }

    #[test]
    fn what_is_read_once_passes_s3_fifo_and_leaves_the_rest() {
        for (eviction, stays) in
            [(Eviction::S3Fifo, true), (Eviction::Lru, false), (Eviction::Fifo, false)]
        {
            let mut disk = disk(eviction);
            create(&mut disk, &[("hot", 10)]);
            // The use for which it came, and two more.
            (0..3).for_each(|_| touch(&mut disk, "hot"));
            scan(&mut disk, "x", 50);
            assert_eq!(disk.lookup("hot").is_some(), stays, "{eviction:?}");
        }
    }

    #[test]
    fn a_file_that_comes_again_soon_enters_the_main_queue() {
        let mut disk = disk(Eviction::S3Fifo);
        create(&mut disk, &[("again", 10)]);
        scan(&mut disk, "x", 10);
        assert!(disk.lookup("again").is_none(), "it was the first of eleven");
        create(&mut disk, &[("again", 10)]);
        scan(&mut disk, "y", 50);
        assert!(
            disk.lookup("again").is_some(),
            "as long as newcomers take more than a tenth, the main queue is left alone"
        );
        // In the main queue too, a file that is not read is evicted when new files take no more
        // than a tenth.
        let mut disk = self::disk(Eviction::S3Fifo);
        create(&mut disk, &[("a", 10)]);
        scan(&mut disk, "x", 10);
        create(&mut disk, &[("a", 10)]);
        assert!(disk.lookup("a").is_some());
    }

    #[test]
    fn pinned_files_stay_whatever_the_order() {
        for eviction in [Eviction::Lfu, Eviction::GreedyDual, Eviction::S3Fifo] {
            let mut disk = disk(eviction);
            create(&mut disk, &[("pinned", 90)]);
            let pinned = disk.lookup("pinned").expect("it is there");
            disk.pin(pinned);
            scan(&mut disk, "x", 30);
            assert!(disk.contains(pinned), "{eviction:?}");
            assert!(disk.create("large", 20, 0).is_err(), "{eviction:?}");
            disk.unpin(pinned);
            disk.check();
        }
    }

    #[test]
    fn ghosts_are_as_many_as_fit_the_partition() {
        let mut disk = disk(Eviction::S3Fifo);
        scan(&mut disk, "x", 1000);
        assert_eq!(disk.order.ghosts.bytes, 90);
        assert_eq!((disk.order.ghosts.names.len(), disk.order.ghosts.queue.len()), (9, 9));
    }
}
