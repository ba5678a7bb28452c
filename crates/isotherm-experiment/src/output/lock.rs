//! One writer at a time: a lock file, whose lock the system releases when the process ends for any
//! reason. Writers that do not get in each other's way share one lock, which excludes all others.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::inputs::Identity;

/// The name of the lock file of a folder.
pub const LOCK: &str = ".isotherm.lock";

/// Why a lock cannot be had.
const BUSY: &str = "another run is writing there at this moment";

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    is_shared: bool,
    /// Locked as long as it is open.
    _file: File,
}

impl Lock {
    /// Locks a folder, which must exist.
    ///
    /// # Errors
    ///
    /// Another process has the lock, or the lock file cannot be made.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        Self::take(folder.join(LOCK), false, BUSY)
    }

    /// Locks a folder together with others who do the same.
    pub(super) fn of_shared_folder(folder: &Path) -> io::Result<Self> {
        Self::take(folder.join(LOCK), true, BUSY)
    }

    /// Takes the lock for what is at a path, which need not be there: `.NAME.lock` beside it.
    ///
    /// # Errors
    ///
    /// Another process has the lock, or the lock file cannot be made.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_file_or(path, BUSY)
    }

    /// The same with a reason why it cannot be had.
    pub(super) fn of_file_or(path: &Path, busy: &str) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let path = path.with_file_name(format!(".{}.lock", super::partial::short(&name)));
        Self::take(path, false, busy)
    }

    fn take(path: PathBuf, is_shared: bool, busy: &str) -> io::Result<Self> {
        loop {
            // Some file systems share a lock only among readers.
            let mut options = File::options();
            let file = options.create(true).truncate(false).read(true).write(true).open(&path)?;
            let locked = if is_shared { file.try_lock_shared() } else { file.try_lock() };
            match locked {
                // Some file systems have no locks; runs must be possible there.
                Ok(()) | Err(TryLockError::Error(_)) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, busy));
                }
            }
            // The process that had the lock has removed the file: a lock on a removed file excludes
            // no other process.
            if Identity::is_at(&file, &path) {
                return Ok(Lock { path, is_shared, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is locked, so that no other process's file is removed. The file of a shared lock
        // stays for the others, and goes with the next lock that is not shared.
        if !self.is_shared {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::of_folder(folder.path()).unwrap();
        let error = Lock::of_folder(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        drop(first);
        assert!(!folder.path().join(LOCK).exists());
        drop(Lock::of_folder(folder.path()).unwrap());
        // One that a dead process has left belongs to no process.
        std::fs::write(folder.path().join(LOCK), "").unwrap();
        drop(Lock::of_folder(folder.path()).unwrap());
    }

    #[test]
    fn those_who_share_it_exclude_all_others() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::of_shared_folder(folder.path()).unwrap();
        let second = Lock::of_shared_folder(folder.path()).unwrap();
        drop(first);
        let error = Lock::of_folder(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        drop(second);
        let alone = Lock::of_folder(folder.path()).unwrap();
        let error = Lock::of_shared_folder(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        drop(alone);
        assert!(!folder.path().join(LOCK).exists());
    }

    /// Threads that take and give back the lock as fast as they can never have it at the same time.
    #[test]
    fn never_two_at_once() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let (inside, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if let Ok(_lock) = Lock::of_folder(folder.path()) {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            taken.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }
}
