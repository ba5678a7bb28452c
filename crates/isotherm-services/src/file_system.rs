//! The books of one partition: which files there are, how big, who uses them, and which go when
//! room is missing.
//!
//! Nothing here takes simulated time and nothing here is an actor: it is what a storage service
//! knows, apart from the transfers that it carries out.
//!
//! # Life of a file
//!
//! A file appears at once ([`FileSystem::create`]) or while its bytes arrive
//! ([`FileSystem::begin_write`]: the room is taken, but nobody can look the file up; then
//! [`FileSystem::commit`] or [`FileSystem::abort`]). Who reads or writes a file *pins* it
//! meanwhile: a pinned file is neither evicted nor removed. Room can also be taken without a file
//! ([`FileSystem::reserve`]), for what is not a file: the limit of a container, a temporary copy.
//!
//! # Which files go
//!
//! When room is missing, files that nobody pins go in an order that depends on the [`Eviction`],
//! until there is room. To use a file is an access ([`FileSystem::touch`]); pinning and unpinning
//! are not. If the room cannot be made, nothing goes at all.
//!
//! Policies that count how often a file is used ([`Eviction::Lfu`] and those after it) count in
//! this partition alone, and from when the file appears there: that is its first use, and the first
//! access after it is the same one. The count is forgotten when the file leaves the partition, in
//! whichever way; one that comes again begins anew.
//!
//! # Cost and invariants
//!
//! Every operation is O(log n) in the number of files, plus the files it evicts.
//! `used = sum of files (hidden ones too) + reservations ≤ capacity`, always.

use std::collections::BTreeMap;
use std::sync::Arc;

use slab::Slab;

use eviction_order::{EvictionOrder, EvictionState};

mod eviction_order;

/// The name of a file within its file system.
pub type FileName = Arc<str>;

/// A file of one [`FileSystem`]; never given again to another file of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    index: u32,
    generation: u32,
}

/// What goes when room is missing.
///
/// The last three count how often a file is used, since it appeared in this partition. What they
/// know of it is forgotten when it leaves, but for the names that `S3Fifo` keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Eviction {
    /// Nothing: a file that does not fit is refused.
    #[default]
    None,
    /// The files that appeared first.
    Fifo,
    /// The files that have not been accessed for longest.
    Lru,
    /// The files that have been used least often; of equal ones those that have not been accessed
    /// for longest.
    Lfu,
    /// Greedy-Dual-Size-Frequency (Cherkasova, *Improving WWW Proxies Performance with
    /// Greedy-Dual-Size-Frequency Caching Policy*, HP Labs 1998), with the cost 1: the files with
    /// the lowest priority, which is clock + uses / size at the last access; of equal ones those
    /// that have not been accessed for longest. The clock rises to the priority of each file that
    /// goes, before the file for which it goes gets its own, so that what was popular once goes in
    /// the end. Keeps many small files rather than a few large ones.
    GreedyDual,
    /// S3-FIFO (Yang et al., *FIFO Queues are All You Need for Cache Eviction*, SOSP 2023), as its
    /// authors' libCacheSim has it. Newcomers stand in a small queue, the others in the main one.
    /// As long as the main one takes no more than nine tenths of what files may take, newcomers go,
    /// the first to come first; but one that has been used twice since it came moves to the end of
    /// the main queue. Otherwise the first of the main queue goes; each use (of the last three at
    /// most) saves it once, and takes it to the end. A file that went as a newcomer and comes again
    /// soon goes straight to the main queue: the names of as many are kept as would fill nine
    /// tenths. So files that are used once pass through without pushing out what is used often.
    /// What is [reserved](FileSystem::reserve) is not for files.
    S3Fifo,
}

/// A file that had to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Its name.
    pub name: FileName,
    /// Its size.
    pub bytes: u64,
    /// What its creator tagged it with.
    pub tag: u64,
}

/// Why a file system refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is not enough room, even after evicting what may go; nothing was evicted.
    #[error("not enough space: {needed} bytes needed, {free} bytes free")]
    NotEnoughSpace {
        /// How many bytes were asked for.
        needed: u64,
        /// How many bytes were free.
        free: u64,
    },
    /// There is a file of that name.
    #[error("file `{name}` exists already")]
    AlreadyExists {
        /// The name.
        name: FileName,
    },
    /// The file is pinned.
    #[error("file `{name}` is in use")]
    InUse {
        /// The name.
        name: FileName,
    },
}

#[derive(Debug)]
struct File {
    name: FileName,
    bytes: u64,
    tag: u64,
    pins: u32,
    generation: u32,
    state: EvictionState,
    visible: bool,
}

impl File {
    fn is_idle(&self) -> bool {
        self.visible && self.pins == 0
    }
}

/// The books of one partition. See the module documentation.
///
/// ```
/// use isotherm_services::{Eviction, FileSystem};
///
/// let mut disk = FileSystem::new(100, Eviction::Lru);
/// let (old, _) = disk.create("old", 60, 0)?;
/// let (new, evicted) = disk.create("new", 60, 0)?;
/// assert_eq!(&*evicted[0].name, "old");
/// assert!(!disk.contains(old));
/// assert_eq!(disk.lookup("new"), Some(new));
/// # Ok::<(), isotherm_services::FileError>(())
/// ```
#[derive(Debug)]
pub struct FileSystem {
    capacity: u64,
    used: u64,
    reserved: u64,
    /// Bytes of the files that may go.
    evictable: u64,
    order: EvictionOrder,
    next_generation: u32,
    files: Slab<File>,
    /// The visible files.
    names: BTreeMap<FileName, FileId>,
}

impl FileSystem {
    /// An empty partition.
    #[must_use]
    pub fn new(capacity_bytes: u64, eviction: Eviction) -> Self {
        Self {
            capacity: capacity_bytes,
            used: 0,
            reserved: 0,
            evictable: 0,
            order: EvictionOrder::new(eviction),
            next_generation: 0,
            files: Slab::new(),
            names: BTreeMap::new(),
        }
    }

    /// How many bytes it can hold.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How many bytes are taken by files, written or being written, and by reservations.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How many bytes are free without evicting anything.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.capacity - self.used
    }

    /// How many bytes are taken by reservations.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// How many bytes could be had by evicting every file that nobody pins; 0 under
    /// [`Eviction::None`].
    #[must_use]
    pub fn evictable(&self) -> u64 {
        self.evictable
    }

    /// How many bytes are taken by what cannot be evicted now: pinned or hidden files and
    /// reservations (and, under [`Eviction::None`], every file).
    #[must_use]
    pub fn pinned(&self) -> u64 {
        self.used - self.evictable
    }

    /// Whether room for that many bytes could be made now.
    #[must_use]
    pub fn can_hold(&self, bytes: u64) -> bool {
        bytes <= self.capacity - self.pinned()
    }

    /// What goes when room is missing.
    #[must_use]
    pub fn eviction(&self) -> Eviction {
        self.order.eviction
    }

    /// How many files can be looked up.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no file that could be looked up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Makes a file appear at once. Counts as an access. Gives the files that had to go.
    ///
    /// # Errors
    /// [`FileError::AlreadyExists`], [`FileError::NotEnoughSpace`]; then nothing has changed.
    pub fn create(
        &mut self,
        name: impl Into<FileName>,
        bytes: u64,
        tag: u64,
    ) -> Result<(FileId, Vec<Evicted>), FileError> {
        let (id, evicted) = self.begin_write(name, bytes, tag)?;
        self.commit(id);
        Ok((id, evicted))
    }

    /// Takes the room of a file whose bytes are to arrive. Until [`commit`](Self::commit) the file
    /// is pinned and cannot be looked up. Gives the files that had to go.
    ///
    /// Several files of one name may be on their way at once; the first to be committed stays.
    ///
    /// # Errors
    /// [`FileError::AlreadyExists`] (a file of that name can be looked up),
    /// [`FileError::NotEnoughSpace`]; then nothing has changed.
    pub fn begin_write(
        &mut self,
        name: impl Into<FileName>,
        bytes: u64,
        tag: u64,
    ) -> Result<(FileId, Vec<Evicted>), FileError> {
        let name = name.into();
        if self.names.contains_key(&name) {
            return Err(FileError::AlreadyExists { name });
        }
        let evicted = self.make_room(bytes)?;
        self.used += bytes;
        let state = self.order.enter(&name, bytes);
        let generation = self.next_generation;
        self.next_generation = self.next_generation.wrapping_add(1);
        let index = self.files.insert(File {
            name,
            bytes,
            tag,
            pins: 1,
            generation,
            state,
            visible: false,
        });
        let index = u32::try_from(index).expect("fewer than 2^32 files at a time");
        Ok((FileId { index, generation }, evicted))
    }

    /// Ends a write: the file can be looked up from now on and the writer's pin is gone. Counts as
    /// an access.
    ///
    /// If another file of that name has appeared meanwhile, that one stays as it is and the room of
    /// this one is free again. Gives the file that has the name.
    ///
    /// # Panics
    /// If the file is gone or was committed before.
    pub fn commit(&mut self, id: FileId) -> FileId {
        let file = self.file(id);
        assert!(!file.visible, "a file can be committed only once");
        if let Some(&other) = self.names.get(&file.name) {
            self.discard(id);
            return other;
        }
        let (name, mut state) = (file.name.clone(), file.state);
        self.order.commit(&mut state, file.bytes);
        let file = self.file_mut(id);
        file.visible = true;
        file.pins -= 1;
        file.state = state;
        self.names.insert(name, id);
        self.index_if_idle(id);
        id
    }

    /// Breaks a write off: the file is gone and its room is free again.
    ///
    /// # Panics
    /// If the file is gone or was committed before.
    pub fn abort(&mut self, id: FileId) {
        assert!(!self.file(id).visible, "a committed file is not aborted");
        self.discard(id);
    }

    /// Takes room that is no file. Gives the files that had to go.
    ///
    /// # Errors
    /// [`FileError::NotEnoughSpace`]; then nothing has changed.
    pub fn reserve(&mut self, bytes: u64) -> Result<Vec<Evicted>, FileError> {
        let evicted = self.make_room(bytes)?;
        self.used += bytes;
        self.reserved += bytes;
        Ok(evicted)
    }

    /// Gives back room that was [reserved](Self::reserve), in one piece or in several.
    ///
    /// # Panics
    /// If that much is not reserved.
    pub fn release(&mut self, bytes: u64) {
        assert!(bytes <= self.reserved, "more released than was reserved");
        self.used -= bytes;
        self.reserved -= bytes;
    }

    /// The file of that name, if there is one that can be looked up.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    /// Whether that file is still there, hidden or not.
    #[must_use]
    pub fn contains(&self, id: FileId) -> bool {
        self.files.get(id.index as usize).is_some_and(|file| file.generation == id.generation)
    }

    /// Its name.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn name(&self, id: FileId) -> &FileName {
        &self.file(id).name
    }

    /// Its size.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn bytes(&self, id: FileId) -> u64 {
        self.file(id).bytes
    }

    /// What its creator tagged it with.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn tag(&self, id: FileId) -> u64 {
        self.file(id).tag
    }

    /// How many pins it has.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn pins(&self, id: FileId) -> u32 {
        self.file(id).pins
    }

    /// Keeps the file from being evicted or removed. Pins add up. Not an access.
    ///
    /// # Panics
    /// If the file is gone.
    pub fn pin(&mut self, id: FileId) {
        self.unindex_if_idle(id);
        let file = self.file_mut(id);
        file.pins = file.pins.checked_add(1).expect("fewer than 2^32 pins");
    }

    /// Takes one pin off.
    ///
    /// # Panics
    /// If the file is gone or not pinned.
    pub fn unpin(&mut self, id: FileId) {
        let file = self.file_mut(id);
        assert!(file.pins > 0, "a file is unpinned as often as it is pinned");
        file.pins -= 1;
        self.index_if_idle(id);
    }

    /// The file has been used (read to its end, say): it is among the last to go under
    /// [`Eviction::Lru`], and the use counts where uses are counted. The first one is that for
    /// which the file came, which counts from the beginning.
    ///
    /// # Panics
    /// If the file is gone.
    pub fn touch(&mut self, id: FileId) {
        if self.order.reorders_on_access() {
            self.access(id, true);
        }
    }

    /// The file has been read on the way to a use that is told by itself: like
    /// [`touch`](Self::touch), but nothing is counted.
    ///
    /// # Panics
    /// If the file is gone.
    pub fn refresh(&mut self, id: FileId) {
        if self.order.reorders_on_access() {
            self.access(id, false);
        }
    }

    /// Like [`touch`](Self::touch) where uses are counted ([`Eviction::Lfu`] and those after it),
    /// and nothing under [`Eviction::Lru`].
    ///
    /// # Panics
    /// If the file is gone.
    pub fn count_use(&mut self, id: FileId) {
        if self.order.counts_uses() {
            self.access(id, true);
        }
    }

    fn access(&mut self, id: FileId, counts: bool) {
        self.unindex_if_idle(id);
        let &File { mut state, bytes, .. } = self.file(id);
        self.order.access(&mut state, bytes, counts);
        self.file_mut(id).state = state;
        self.index_if_idle(id);
    }

    /// Removes a file; its room is free again.
    ///
    /// # Errors
    /// [`FileError::InUse`] if it is pinned.
    ///
    /// # Panics
    /// If the file is gone.
    pub fn remove(&mut self, id: FileId) -> Result<(), FileError> {
        let file = self.file(id);
        if file.pins > 0 {
            return Err(FileError::InUse { name: file.name.clone() });
        }
        self.discard(id);
        Ok(())
    }

    /// Removes every file that nobody pins; what is pinned or hidden and the reservations stay.
    pub fn clear(&mut self) {
        let idle: Vec<FileId> =
            self.names.values().copied().filter(|&id| self.file(id).pins == 0).collect();
        for id in idle {
            self.discard(id);
        }
    }

    /// The files that can be looked up, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = (&FileName, FileId)> {
        self.names.iter().map(|(name, &id)| (name, id))
    }

    /// The files that may go when room is missing, the first to go first; none under
    /// [`Eviction::None`]. Under [`Eviction::S3Fifo`] the queue of newcomers, then the main one.
    pub fn victims(&self) -> impl Iterator<Item = FileId> {
        self.order.idle.values().copied()
    }

    /// Evicts until that many bytes are free, or nothing at all if that cannot be reached.
    fn make_room(&mut self, bytes: u64) -> Result<Vec<Evicted>, FileError> {
        let free = self.free();
        if bytes <= free {
            return Ok(Vec::new());
        }
        if bytes - free > self.evictable {
            return Err(FileError::NotEnoughSpace { needed: bytes, free });
        }
        let mut evicted = Vec::new();
        // What is reserved is not for files.
        let capacity = self.capacity - self.reserved;
        while self.free() < bytes {
            let victim = self.next_victim(capacity);
            let file = self.discard(victim);
            self.order.evicted(&file.state, &file.name, file.bytes, capacity);
            evicted.push(Evicted { name: file.name, bytes: file.bytes, tag: file.tag });
        }
        Ok(evicted)
    }

    /// The file that goes next. There must be one that may go.
    fn next_victim(&mut self, capacity: u64) -> FileId {
        let queue = self.order.queue(self.used - self.reserved, capacity);
        loop {
            let id = self.order.first(queue).expect("the evictable bytes are those of idle files");
            let &File { mut state, bytes, .. } = self.file(id);
            let before = state.key;
            if !self.order.reinserts(&mut state, bytes) {
                return id;
            }
            self.order.idle.remove(&before);
            self.order.idle.insert(state.key, id);
            self.file_mut(id).state = state;
        }
    }

    fn discard(&mut self, id: FileId) -> File {
        self.unindex_if_idle(id);
        let file = self.files.remove(id.index as usize);
        self.order.leave(&file.state, file.bytes);
        if file.visible {
            self.names.remove(&file.name);
        }
        self.used -= file.bytes;
        file
    }

    fn index_if_idle(&mut self, id: FileId) {
        let file = self.file(id);
        if self.order.eviction != Eviction::None && file.is_idle() {
            let (key, bytes) = (file.state.key, file.bytes);
            self.order.idle.insert(key, id);
            self.evictable += bytes;
        }
    }

    fn unindex_if_idle(&mut self, id: FileId) {
        let file = self.file(id);
        if self.order.eviction != Eviction::None && file.is_idle() {
            let (key, bytes) = (file.state.key, file.bytes);
            self.order.idle.remove(&key);
            self.evictable -= bytes;
        }
    }

    fn file(&self, id: FileId) -> &File {
        match self.files.get(id.index as usize) {
            Some(file) if file.generation == id.generation => file,
            _ => panic!("the file is gone"),
        }
    }

    fn file_mut(&mut self, id: FileId) -> &mut File {
        match self.files.get_mut(id.index as usize) {
            Some(file) if file.generation == id.generation => file,
            _ => panic!("the file is gone"),
        }
    }

    /// Checks the books against a recount, at a cost that grows with the number of files.
    ///
    /// # Panics
    /// If they disagree.
    #[cfg(any(test, feature = "audit"))]
    pub fn check(&self) {
        let files: u64 = self.files.iter().map(|(_, file)| file.bytes).sum();
        assert_eq!(files + self.reserved, self.used, "used bytes");
        assert!(self.used <= self.capacity, "more is used than there is");
        for (index, file) in &self.files {
            let id = FileId {
                index: u32::try_from(index).expect("an index that was given out"),
                generation: file.generation,
            };
            let listed = self.names.get(&file.name) == Some(&id);
            assert_eq!(listed, file.visible, "{} in the list of names", file.name);
            let idle = self.order.idle.get(&file.state.key) == Some(&id);
            let evicts = self.order.eviction != Eviction::None;
            assert_eq!(idle, evicts && file.is_idle(), "{} among the idle", file.name);
            assert!(file.visible || file.pins > 0, "a hidden file has a writer");
        }
        let visible = self.files.iter().filter(|(_, file)| file.visible).count();
        assert_eq!(self.names.len(), visible, "names without a file");
        let evictable: u64 = self.order.idle.values().map(|&id| self.file(id).bytes).sum();
        assert_eq!(evictable, self.evictable, "evictable bytes");
        self.order.check(self.files.iter().map(|(_, file)| (file.state, file.bytes)));
    }
}

#[cfg(test)]
mod tests;
