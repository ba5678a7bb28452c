//! Folders made for outputs, removed again if nothing is written into them.

use std::io;
use std::path::{Path, PathBuf};

use super::Lock;

/// How often to try again to make a folder while another run removes it.
const ATTEMPTS: usize = 100;

/// A folder that was made for an output. It is removed when dropped, unless it is kept.
#[derive(Debug)]
pub(crate) struct CreatedFolder {
    folder: PathBuf,
    /// The topmost folder that had to be made.
    created: Option<PathBuf>,
}

impl CreatedFolder {
    /// Makes a folder if it does not exist.
    pub fn folder(folder: &Path) -> io::Result<Self> {
        let mut made =
            CreatedFolder { folder: folder.to_owned(), created: topmost_missing(folder) };
        match std::fs::create_dir_all(folder) {
            Ok(()) => Ok(made),
            // Another file in its way is not ours to remove.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                made.created = None;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps the folder.
    pub fn keep(&mut self) {
        self.created = None;
    }
}

impl Drop for CreatedFolder {
    fn drop(&mut self) {
        if let Some(created) = &self.created {
            remove_empty(&self.folder, created);
        }
    }
}

/// Makes a folder and takes a lock of it. Drop the lock first: its file is in the folder.
pub(super) fn locked(
    folder: &Path,
    take: impl Fn(&Path) -> io::Result<Lock>,
) -> io::Result<(CreatedFolder, Lock)> {
    let mut made = CreatedFolder { folder: folder.to_owned(), created: None };
    let mut attempts = 0;
    loop {
        made.created = topmost_missing(folder).or(made.created.take());
        let locked = std::fs::create_dir_all(folder).and_then(|()| take(folder));
        attempts += 1;
        match locked {
            // A failed run may remove the folder between the two calls: then making it found it,
            // and locking it did not.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                ) && attempts < ATTEMPTS => {}
            locked => return locked.map(|lock| (made, lock)),
        }
    }
}

/// The topmost folder that has to be made for a folder to exist.
fn topmost_missing(folder: &Path) -> Option<PathBuf> {
    let parents = folder.ancestors();
    let missing = parents.take_while(|parent| !parent.as_os_str().is_empty() && !parent.exists());
    missing.last().map(Path::to_owned)
}

/// Removes a folder and those above it up to the topmost that was made. Only empty folders can be
/// removed, so one that another process has written into stays.
fn remove_empty(folder: &Path, created: &Path) {
    for folder in folder.ancestors() {
        if std::fs::remove_dir(folder).is_err() || folder == created {
            return;
        }
    }
}
