//! What a program that ends now would leave behind.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished { files: Vec::new(), folders: Vec::new() });

pub(super) struct Unfinished {
    /// Temporary files and locks. Some may have got their names or been removed meanwhile.
    pub files: Vec<PathBuf>,
    /// Folders that were made, each with the topmost one that was made for it.
    pub folders: Vec<(PathBuf, PathBuf)>,
}

/// Removes everything that is only half written, for a program that ends now without unwinding.
/// Nothing is to be written after it.
pub fn discard_unfinished() {
    // Whoever holds the lock may be the one who cannot go on.
    let Ok(unfinished) = UNFINISHED.try_lock() else { return };
    for file in &unfinished.files {
        let _ = std::fs::remove_file(file);
    }
    for (folder, created) in &unfinished.folders {
        remove_empty(folder, created);
    }
}

/// Notes something that is begun, or that it is not unfinished any more.
pub(super) fn note(change: impl FnOnce(&mut Unfinished)) {
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        change(&mut unfinished);
    }
}

/// A file is not there any more, or has its name.
pub(super) fn forget_file(path: &Path) {
    note(|unfinished| unfinished.files.retain(|file| file != path));
}

/// Removes a folder and those above it up to the topmost that was made. Only empty folders can be
/// removed; one that somebody has put something into stays.
pub(super) fn remove_empty(folder: &Path, created: &Path) {
    for folder in folder.ancestors() {
        if std::fs::remove_dir(folder).is_err() || folder == created {
            return;
        }
    }
}

/// How many files and folders are known to be unfinished in a folder.
#[cfg(test)]
pub(super) fn known(folder: &Path) -> (usize, usize) {
    let unfinished = UNFINISHED.lock().unwrap();
    let files = unfinished.files.iter().filter(|file| file.starts_with(folder)).count();
    (files, unfinished.folders.iter().filter(|(other, _)| other == folder).count())
}
