//! One writer at a time: a lock file, whose lock the system releases when the process ends for any
//! reason.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::inputs::Identity;

/// The name of the lock file of a folder.
pub const LOCK: &str = ".isotherm.lock";

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
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
        Self::take(folder.join(LOCK))
    }

    /// Takes the lock for the output of a single file.
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::take(path.with_file_name(format!(".{}.lock", super::partial::short(&name))))
    }

    fn take(path: PathBuf) -> io::Result<Self> {
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            match file.try_lock() {
                // Some file systems have no locks; runs must be possible there.
                Ok(()) | Err(TryLockError::Error(_)) => {}
                Err(TryLockError::WouldBlock) => {
                    let reason = "another run is writing there at this moment";
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, reason));
                }
            }
            // The process that had the lock has removed the file: a lock on a removed file excludes
            // no other process.
            if Identity::is_at(&file, &path) {
                return Ok(Lock { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is locked, so that no other process's file is removed.
        let _ = std::fs::remove_file(&self.path);
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
