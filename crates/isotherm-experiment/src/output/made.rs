//! Folders that are made for what is going to be written.

use std::io;
use std::path::{Path, PathBuf};

use super::Lock;

/// A folder that is made while another run removes it is made again so many times.
const ATTEMPTS: usize = 100;

/// A folder that was made for what is going to be written, and goes again unless that is kept.
#[derive(Debug)]
pub(crate) struct Made {
    folder: PathBuf,
    /// The topmost folder that was made for it.
    created: Option<PathBuf>,
}

impl Made {
    /// Makes a folder, if it is not there.
    pub fn folder(folder: &Path) -> io::Result<Self> {
        let mut made = Made { folder: folder.to_owned(), created: topmost_missing(folder) };
        match std::fs::create_dir_all(folder) {
            Ok(()) => Ok(made),
            // What is in the way is no folder of ours.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                made.created = None;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The folder has something in it.
    pub fn keep(&mut self) {
        self.created = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(created) = &self.created {
            remove_empty(&self.folder, created);
        }
    }
}

/// The lock of a folder, which is made if it is not there. The lock is to be dropped
/// first: it is a file in the folder.
pub(super) fn locked(folder: &Path) -> io::Result<(Made, Lock)> {
    let mut made = Made { folder: folder.to_owned(), created: None };
    let mut attempts = 0;
    loop {
        made.created = topmost_missing(folder).or(made.created.take());
        let locked = std::fs::create_dir_all(folder).and_then(|()| Lock::of_folder(folder));
        attempts += 1;
        match locked {
            // A run that has failed removes the folder if it has made it: then it is missing, or it
            // was there when it was to be made, and not when it was looked at.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                ) && attempts < ATTEMPTS => {}
            locked => return locked.map(|lock| (made, lock)),
        }
    }
}

/// The topmost folder that would have to be made for a folder to be there.
fn topmost_missing(folder: &Path) -> Option<PathBuf> {
    let parents = folder.ancestors();
    let missing = parents.take_while(|parent| !parent.as_os_str().is_empty() && !parent.exists());
    missing.last().map(Path::to_owned)
}

/// Removes a folder and those above it up to the topmost that was made. Only empty folders can be
/// removed; one that somebody has put something into stays.
fn remove_empty(folder: &Path, created: &Path) {
    for folder in folder.ancestors() {
        if std::fs::remove_dir(folder).is_err() || folder == created {
            return;
        }
    }
}
