//! Files that are being written: they have a temporary name beside their final path and are locked
//! by their writer.
//!
//! A killed process leaves them behind unlocked. The next writer to the same path recognises them
//! by that and removes them.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::folder_of;
use crate::inputs::Identity;

/// The suffix of files that are being written.
const PARTIAL: &str = ".partial";

/// The suffix of files that are moved aside while others are renamed to their names.
const EARLIER: &str = ".earlier";

/// The number of random characters in a temporary name.
const RANDOM: usize = 6;

/// The bytes of a file name that go into its temporary name: file systems allow 255.
pub(super) fn short(name: &str) -> &str {
    let end =
        name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 200).last();
    &name[..end.unwrap_or(0)]
}

/// The prefix of the temporary names for a file name.
fn prefix(name: &str) -> String {
    format!(".{}.", short(name))
}

/// The file name of a path.
fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// A temporary file for a path. It is removed when dropped, unless renamed.
pub(crate) fn create(path: &Path) -> io::Result<NamedTempFile> {
    let (folder, prefix) = (folder_of(path), prefix(&name_of(path)));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PARTIAL).rand_bytes(RANDOM);
    // Temporary files are private by default; results get the permissions of any other new file.
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    loop {
        let file = builder.tempfile_in(folder)?;
        // A process that clears dead files may win the race for the lock; then try another name.
        match file.as_file().try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => {}
            _ if !Identity::is_at(file.as_file(), file.path()) => {}
            _ => return Ok(file),
        }
    }
}

/// The existing temporary files for a path with this suffix.
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

/// Removes the temporary files that dead processes have left for a path.
pub(super) fn clear_dead(path: &Path) {
    for path in temporary(path, PARTIAL) {
        if let Ok(file) = File::options().write(true).open(&path)
            && file.try_lock().is_ok()
        {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Moves what is at a path aside. Returns its new path; nothing if there is no file.
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

/// The file that a dead process has moved aside from a path and neither moved back nor removed.
pub(super) fn earlier(path: &Path) -> Option<PathBuf> {
    temporary(path, EARLIER).pop()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::names;

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
