//! The file system of one partition: its files, their sizes and pins, reservations of room, and
//! eviction.
//!
//! It is plain synchronous code that takes no simulated time: the state of a storage service, apart
//! from the transfers that the service carries out.
//!
//! # Life cycle of a file
//!
//! A file appears at once ([`FileSystem::create`]) or in two steps: [`FileSystem::begin_write`]
//! takes the room while the file is hidden, then [`FileSystem::commit`] shows it or
//! [`FileSystem::abort`] drops it. Readers and writers *pin* a file, which is then neither evicted
//! nor removed. Room can also be reserved without a file ([`FileSystem::reserve`]), for the limit
//! of a container or a temporary copy.
//!
//! # Eviction
//!
//! When room is missing, files without pins are evicted in the order of the [`Eviction`] policy
//! until there is room; if that cannot be reached, nothing is evicted. Using a file is an access
//! ([`FileSystem::touch`]); pinning and unpinning are not.
//!
//! Policies that count uses ([`Eviction::Lfu`], [`Eviction::GreedyDual`], [`Eviction::S3Fifo`])
//! count them in this partition, from the appearance of the file. The appearance is the first use;
//! the first access after it is the same use and is not counted again. The count is dropped when
//! the file leaves the partition.
//!
//! # Cost and invariants
//!
//! Every operation is O(log n) in the number of files, plus the evicted files. Files are a slab
//! with B-tree indexes by name and by eviction order. `used = sum of files (hidden ones too) +
//! reservations ≤ capacity`, always.

use std::collections::BTreeMap;
use std::sync::Arc;

use slab::Slab;

use eviction_order::{EvictionOrder, EvictionState};

mod eviction_order;

/// The name of a file within its file system.
pub type FileName = Arc<str>;

/// Identifies a file of one [`FileSystem`]; ids are not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    index: u32,
    generation: u32,
}

/// An eviction policy: which files are evicted when room is missing.
///
/// `Lfu`, `GreedyDual` and `S3Fifo` count uses of a file since it appeared in this partition. When
/// it leaves, they forget it, except for the names that `S3Fifo` keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Eviction {
    /// None: a file that does not fit is refused.
    #[default]
    None,
    /// First in, first out: the files that appeared first.
    Fifo,
    /// The least recently accessed files.
    Lru,
    /// The least frequently used files; among equals the least recently accessed.
    Lfu,
    /// Greedy-Dual-Size-Frequency (Cherkasova, *Improving WWW Proxies Performance with
    /// Greedy-Dual-Size-Frequency Caching Policy*, HP Labs 1998) with cost 1: the files with the
    /// lowest priority, which is clock + uses / size at the last access; among equals the least
    /// recently accessed. The clock rises to the priority of each evicted file before the new file
    /// gets its own, so that formerly popular files are evicted in the end. It keeps many small
    /// files rather than few large ones.
    GreedyDual,
    /// S3-FIFO (Yang et al., *FIFO Queues are All You Need for Cache Eviction*, SOSP 2023), as in
    /// the authors' libCacheSim. New files enter a small queue, others are in the main queue.
    ///
    /// While the main queue takes at most nine tenths of the room for files, the first file of the
    /// small queue is evicted, unless it has been used twice since it came: then it moves to the
    /// end of the main queue. Otherwise the first file of the main queue is evicted, unless it has
    /// been used: each of at most three counted uses moves it to the end once instead. The names of
    /// files evicted from the small queue are kept, for as many bytes as nine tenths of the room; a
    /// file with such a name enters the main queue. So files that are used once do not displace
    /// those used often. [Reserved](FileSystem::reserve) room is not room for files.
    S3Fifo,
}

/// A file that was evicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Its name.
    pub name: FileName,
    /// Its size.
    pub bytes: u64,
    /// The tag given by its creator.
    pub tag: u64,
}

/// Why a file system refused an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum FileError {
    /// There is not enough room, even after evicting all unpinned files; nothing was evicted.
    #[error("not enough space: {needed} bytes needed, {free} bytes free")]
    NotEnoughSpace { needed: u64, free: u64 },
    /// A file with this name exists.
    #[error("file `{name}` exists already")]
    AlreadyExists { name: FileName },
    /// The file is pinned.
    #[error("file `{name}` is in use")]
    InUse { name: FileName },
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

/// The file system of one partition.
///
/// A file appears, is pinned while it is used, and is evicted or removed.
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
    /// Bytes of the files that may be evicted.
    evictable: u64,
    order: EvictionOrder,
    next_generation: u32,
    files: Slab<File>,
    /// The files that can be looked up.
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

    /// The capacity in bytes.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Bytes taken by files, hidden ones too, and by reservations.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Bytes that are free without eviction.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.capacity - self.used
    }

    /// Bytes taken by reservations.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Bytes that evicting all unpinned files would free; 0 under [`Eviction::None`].
    #[must_use]
    pub fn evictable(&self) -> u64 {
        self.evictable
    }

    /// Bytes that cannot be freed by eviction: pinned and hidden files, reservations, and under
    /// [`Eviction::None`] every file.
    #[must_use]
    pub fn pinned(&self) -> u64 {
        self.used - self.evictable
    }

    /// Whether room for that many bytes can be made now.
    #[must_use]
    pub fn can_hold(&self, bytes: u64) -> bool {
        bytes <= self.capacity - self.pinned()
    }

    /// The eviction policy.
    #[must_use]
    pub fn eviction(&self) -> Eviction {
        self.order.eviction
    }

    /// The number of files that can be looked up.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no file can be looked up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Creates a file at once, as an access. Returns the evicted files.
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

    /// Takes the room for a file that is to be written. Until [`commit`](Self::commit) it is pinned
    /// and cannot be looked up. Returns the evicted files.
    ///
    /// Several files with one name may be written at once; the first to be committed stays.
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

    /// Ends a write, as an access: the file can be looked up and the writer's pin is removed.
    ///
    /// If another file with this name has appeared meanwhile, that file stays and this one is
    /// dropped. Returns the file that has the name.
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

    /// Aborts a write: the file is gone and its room is free.
    ///
    /// # Panics
    /// If the file is gone or was committed before.
    pub fn abort(&mut self, id: FileId) {
        assert!(!self.file(id).visible, "a committed file is not aborted");
        self.discard(id);
    }

    /// Reserves room without a file. Returns the evicted files.
    ///
    /// # Errors
    /// [`FileError::NotEnoughSpace`]; then nothing has changed.
    pub fn reserve(&mut self, bytes: u64) -> Result<Vec<Evicted>, FileError> {
        let evicted = self.make_room(bytes)?;
        self.used += bytes;
        self.reserved += bytes;
        Ok(evicted)
    }

    /// Releases [reserved](Self::reserve) room, all of it or a part.
    ///
    /// # Panics
    /// If that much is not reserved.
    pub fn release(&mut self, bytes: u64) {
        assert!(bytes <= self.reserved, "more released than was reserved");
        self.used -= bytes;
        self.reserved -= bytes;
    }

    /// The file with this name, if it can be looked up.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    /// Whether the file exists, hidden or not.
    #[must_use]
    pub fn contains(&self, id: FileId) -> bool {
        self.files.get(id.index as usize).is_some_and(|file| file.generation == id.generation)
    }

    /// The name of a file.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn name(&self, id: FileId) -> &FileName {
        &self.file(id).name
    }

    /// The size of a file in bytes.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn bytes(&self, id: FileId) -> u64 {
        self.file(id).bytes
    }

    /// The tag given by its creator.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn tag(&self, id: FileId) -> u64 {
        self.file(id).tag
    }

    /// The number of its pins.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn pins(&self, id: FileId) -> u32 {
        self.file(id).pins
    }

    /// Pins a file, which keeps it from being evicted or removed. Pins are counted. Not an access.
    ///
    /// # Panics
    /// If the file is gone.
    pub fn pin(&mut self, id: FileId) {
        self.unindex_if_idle(id);
        let file = self.file_mut(id);
        file.pins = file.pins.checked_add(1).expect("fewer than 2^32 pins");
    }

    /// Removes one pin.
    ///
    /// # Panics
    /// If the file is gone or not pinned.
    pub fn unpin(&mut self, id: FileId) {
        let file = self.file_mut(id);
        assert!(file.pins > 0, "a file is unpinned as often as it is pinned");
        file.pins -= 1;
        self.index_if_idle(id);
    }

    /// Records a use of a file, for example when it has been read: [`Eviction::Lru`] evicts it
    /// last, and policies that count uses count it. The first use after the appearance is not
    /// counted again.
    ///
    /// # Panics
    /// If the file is gone.
    pub fn touch(&mut self, id: FileId) {
        if self.order.reorders_on_access() {
            self.access(id, true);
        }
    }

    /// Records a read that is part of a use recorded separately: like [`touch`](Self::touch), but
    /// not counted.
    ///
    /// # Panics
    /// If the file is gone.
    pub fn refresh(&mut self, id: FileId) {
        if self.order.reorders_on_access() {
            self.access(id, false);
        }
    }

    /// Like [`touch`](Self::touch) under policies that count uses; no effect under
    /// [`Eviction::Lru`] and others.
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

    /// Removes a file; its room is free.
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

    /// Removes all unpinned files. Hidden files and reservations stay.
    pub fn clear(&mut self) {
        let idle: Vec<FileId> =
            self.names.values().copied().filter(|&id| self.file(id).pins == 0).collect();
        for id in idle {
            self.discard(id);
        }
    }

    /// The files that can be looked up, by name.
    pub fn files(&self) -> impl Iterator<Item = (&FileName, FileId)> {
        self.names.iter().map(|(name, &id)| (name, id))
    }

    /// The files that may be evicted, in the order of eviction; none under [`Eviction::None`].
    /// Under [`Eviction::S3Fifo`], the small queue and then the main queue.
    pub fn victims(&self) -> impl Iterator<Item = FileId> {
        self.order.idle.values().copied()
    }

    /// Evicts files until that many bytes are free, or nothing if that cannot be reached.
    fn make_room(&mut self, bytes: u64) -> Result<Vec<Evicted>, FileError> {
        let free = self.free();
        if bytes <= free {
            return Ok(Vec::new());
        }
        if bytes - free > self.evictable {
            return Err(FileError::NotEnoughSpace { needed: bytes, free });
        }
        let mut evicted = Vec::new();
        // Reserved room is not room for files.
        let capacity = self.capacity - self.reserved;
        while self.free() < bytes {
            let victim = self.next_victim(capacity);
            let file = self.discard(victim);
            self.order.evicted(&file.state, &file.name, file.bytes, capacity);
            evicted.push(Evicted { name: file.name, bytes: file.bytes, tag: file.tag });
        }
        Ok(evicted)
    }

    /// The file to be evicted next. There must be one.
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

    /// Checks the counts and indexes against a recount in O(n log n).
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
