//! RAII guards over a [`FileSystem`]: pins, writes and reservations that are given back when the
//! guard is dropped, also when the actor that holds it is killed.

use std::cell::RefCell;
use std::rc::Rc;

use crate::{Evicted, FileError, FileId, FileName, FileSystem};

/// A file system shared by a storage service and the users of its zero-time interface. It must not
/// stay borrowed across an `await`.
pub type SharedFileSystem = Rc<RefCell<FileSystem>>;

/// A pin: keeps a file from being evicted or removed.
#[derive(Debug)]
pub struct FilePin {
    files: SharedFileSystem,
    id: FileId,
}

impl FilePin {
    /// Pins a file.
    ///
    /// # Panics
    /// If the file is gone.
    #[must_use]
    pub fn new(files: &SharedFileSystem, id: FileId) -> Self {
        files.borrow_mut().pin(id);
        Self { files: Rc::clone(files), id }
    }

    /// Pins the file with this name, if there is one.
    #[must_use]
    pub fn lookup(files: &SharedFileSystem, name: &str) -> Option<Self> {
        let id = files.borrow().lookup(name)?;
        Some(Self::new(files, id))
    }

    /// The file.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// The size of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.borrow().bytes(self.id)
    }

    /// Counts an access to the file.
    pub fn touch(&self) {
        self.files.borrow_mut().touch(self.id);
    }
}

impl Drop for FilePin {
    fn drop(&mut self) {
        self.files.borrow_mut().unpin(self.id);
    }
}

/// A file that is being written: its room is taken, but it cannot be looked up. Dropping it aborts
/// the write.
#[derive(Debug)]
pub struct FileWrite {
    files: SharedFileSystem,
    id: FileId,
    committed: bool,
}

impl FileWrite {
    /// Begins a write, see [`FileSystem::begin_write`].
    ///
    /// # Errors
    /// As [`FileSystem::begin_write`].
    pub fn begin(
        files: &SharedFileSystem,
        name: impl Into<FileName>,
        bytes: u64,
        tag: u64,
    ) -> Result<(Self, Vec<Evicted>), FileError> {
        let (id, evicted) = files.borrow_mut().begin_write(name, bytes, tag)?;
        let write = Self { files: Rc::clone(files), id, committed: false };
        Ok((write, evicted))
    }

    /// Commits the write, see [`FileSystem::commit`]. Returns the file that has the name.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn commit(mut self) -> FileId {
        self.committed = true;
        self.files.borrow_mut().commit(self.id)
    }
}

impl Drop for FileWrite {
    fn drop(&mut self) {
        if !self.committed {
            self.files.borrow_mut().abort(self.id);
        }
    }
}

/// A reservation of room.
#[derive(Debug)]
pub struct Room {
    files: SharedFileSystem,
    bytes: u64,
}

impl Room {
    /// Reserves room, see [`FileSystem::reserve`].
    ///
    /// # Errors
    /// As [`FileSystem::reserve`].
    pub fn reserve(
        files: &SharedFileSystem,
        bytes: u64,
    ) -> Result<(Self, Vec<Evicted>), FileError> {
        let evicted = files.borrow_mut().reserve(bytes)?;
        let room = Self { files: Rc::clone(files), bytes };
        Ok((room, evicted))
    }

    /// The number of reserved bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.files.borrow_mut().release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Eviction;

    fn files() -> SharedFileSystem {
        Rc::new(RefCell::new(FileSystem::new(100, Eviction::Lru)))
    }

    #[test]
    fn guards_give_back_what_they_hold() {
        let files = files();
        let id = files.borrow_mut().create("a", 10, 0).unwrap().0;
        let pin = FilePin::lookup(&files, "a").unwrap();
        let (write, _) = FileWrite::begin(&files, "b", 20, 0).unwrap();
        let (room, _) = Room::reserve(&files, 30).unwrap();
        assert_eq!((pin.id(), pin.bytes(), room.bytes()), (id, 10, 30));
        assert_eq!(files.borrow().pinned(), 60);
        drop((pin, write, room));
        assert_eq!((files.borrow().pinned(), files.borrow().free()), (0, 90));
        files.borrow().check();
    }

    #[test]
    fn a_committed_write_stays() {
        let files = files();
        let (write, _) = FileWrite::begin(&files, "b", 20, 0).unwrap();
        let id = write.commit();
        assert_eq!(files.borrow().lookup("b"), Some(id));
        assert_eq!(files.borrow().pins(id), 0);
    }

    #[test]
    fn there_is_no_pin_on_a_file_that_is_not_there() {
        assert!(FilePin::lookup(&files(), "a").is_none());
    }
}
