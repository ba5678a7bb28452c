//! Files that are being written: under a temporary name beside the place they are for, locked as
//! long as somebody writes.
//!
//! A process that is killed leaves them. Nobody has such a file locked any more, so that whoever
//! writes to the same place next knows that it is dead, and removes it.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::folder_of;
use crate::inputs::Identity;

/// How the names of files that are being written end.
const PARTIAL: &str = ".partial";

/// How the names of files end that were set aside while others take their places.
const EARLIER: &str = ".earlier";

/// Random characters in a temporary name.
const RANDOM: usize = 6;

/// As much of a name as leaves room for the rest of a temporary one: file systems take 255 bytes.
pub(super) fn short(name: &str) -> &str {
    let end =
        name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 200).last();
    &name[..end.unwrap_or(0)]
}

/// What the temporary names for a name begin with.
fn prefix(name: &str) -> String {
    format!(".{}.", short(name))
}

/// The name of what is at a path.
fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// A file beside a path, which is removed unless it is given that name.
pub(crate) fn create(path: &Path) -> io::Result<NamedTempFile> {
    let (folder, prefix) = (folder_of(path), prefix(&name_of(path)));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PARTIAL).rand_bytes(RANDOM);
    // A temporary file is private by default; results are as readable as any other file of the
    // user.
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    loop {
        let file = builder.tempfile_in(folder)?;
        // Whoever clears dead files may be faster than the lock; then there is another name.
        match file.as_file().try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => {}
            _ if !Identity::is_at(file.as_file(), file.path()) => {}
            _ => return Ok(file),
        }
    }
}

/// The paths beside a path that are temporary names for it, with this end.
fn temporary(path: &Path, end: &str) -> Vec<PathBuf> {
    let prefix = prefix(&name_of(path));
    let is_ours = |file: &str| {
        let random = file.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(end));
        random.is_some_and(|random| {
            random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    };
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| is_ours(&entry.file_name().to_string_lossy()))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Removes what dead processes have left of a file that was to be at a path.
pub(super) fn clear_dead(path: &Path) {
    for path in temporary(path, PARTIAL) {
        if let Ok(file) = File::options().write(true).open(&path)
            && file.try_lock().is_ok()
        {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Gives what is at a path another name, which is given back; nothing if nothing is there.
pub(super) fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let (folder, prefix) = (folder_of(path), prefix(&name_of(path)));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(EARLIER).rand_bytes(RANDOM);
    let moved = builder.make_in(folder, |other| match other.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(path, other),
    })?;
    moved.into_temp_path().keep().map(Some).map_err(|error| error.error)
}

/// What a dead process has set aside of a file and neither put back nor removed.
pub(super) fn earlier(path: &Path) -> Option<PathBuf> {
    temporary(path, EARLIER).pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_dead_files_of_the_name_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let others = [
            ".a.csv.abcde.partial",
            ".a.csv.abc_ef.partial",
            ".b.csv.abcdef.partial",
            "a.csv.abcdef.partial",
        ];
        for name in others.iter().chain(&[".a.csv.abcdef.partial", ".a.csv.ABC123.partial"]) {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::create_dir(path(".a.csv.folder.partial")).unwrap();
        let alive = create(&path("a.csv")).unwrap();
        clear_dead(&path("a.csv"));
        let mut expected: Vec<String> = others.map(str::to_owned).to_vec();
        expected.push(".a.csv.folder.partial".to_owned());
        expected.push(alive.path().file_name().unwrap().to_str().unwrap().to_owned());
        expected.sort();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn names_of_any_length_have_temporary_ones() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["n".repeat(255), format!("n{}", "ö".repeat(127))] {
            let path = folder.path().join(&name);
            drop(create(&path).unwrap());
            std::fs::write(&path, "").unwrap();
            assert!(set_aside(&path).unwrap().is_some());
            assert!(earlier(&path).is_some());
        }
        assert_eq!([short("abc"), short("")], ["abc", ""]);
    }
}
