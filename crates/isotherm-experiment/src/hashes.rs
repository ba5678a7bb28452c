//! The hashes of the files that runs read, and whether these have changed since.
//!
//! They tell files that were changed from those that were not, not forged ones: XXH3 with 128 bits
//! of <https://github.com/Cyan4973/xxHash>, many times as fast as SHA-256, as a trace is read once
//! more for it. What is no regular file (a pipe, a device) can be read only once and has none.
//!
//! Whether a file has changed is told from what the file system says of it, and where that does not
//! suffice the file is read again: if it changed within the last seconds before it was hashed,
//! since another change within the same tick of the clock would not show, and if something other
//! than its length and date of modification has changed, such as its owner, or its place by a copy
//! that keeps dates. Two changes are not noticed: one that is undone between two looks at the file
//! together with its date, and one on a file server whose clock is more than two seconds ahead of
//! that of this machine, within one tick of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use twox_hash::XxHash3_128;

/// What the text of a hash begins with.
const XXH3: &str = "xxh3-128:";

/// The coarsest clock of a file system in use, that of FAT.
const TICK: Duration = Duration::from_secs(2);

/// The hash of a file as `[manifest.inputs]` has it.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn hash_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = XxHash3_128::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(format!("{XXH3}{:032x}", hash.finish_128())),
            read => hash.write(&part[..read]),
        }
    }
}

/// Whether a hash is one of those that are made here.
pub(crate) fn is_known(hash: &str) -> bool {
    hash.starts_with(XXH3)
}

/// The files that runs read, hashed once.
#[derive(Debug, Default)]
pub struct Hashes {
    /// `None`: what is no regular file.
    known: BTreeMap<PathBuf, Option<Known>>,
}

/// What is known of a file.
#[derive(Debug)]
struct Known {
    hash: String,
    written: Written,
    /// Under this stamp the file has this hash; `None` if it could have been changed since without
    /// another stamp.
    sure: Mutex<Option<Stamp>>,
}

/// What a program that writes to a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    length: u64,
    modified: Option<SystemTime>,
}

/// All that tells a file from another one, and from what it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    written: Written,
    /// Its device, number, and when anything of it was changed, in seconds and nanoseconds.
    #[cfg(unix)]
    place: (u64, u64, i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let known = path.metadata()?;
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Ok(Stamp {
            written: Written { length: known.len(), modified: known.modified().ok() },
            #[cfg(unix)]
            place: (known.dev(), known.ino(), known.ctime(), known.ctime_nsec()),
        })
    }

    /// The stamp, if a change from now on changes it.
    #[expect(clippy::disallowed_methods, reason = "it decides only what is read once more")]
    fn if_sure(self) -> Option<Self> {
        let now = SystemTime::now();
        let is_past = |date: SystemTime| now.duration_since(date).is_ok_and(|past| past > TICK);
        #[cfg(unix)]
        let changed = {
            let (_, _, seconds, nanos) = self.place;
            let since = u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?;
            let since = since.checked_add(u64::try_from(nanos).ok()?)?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(since))
        };
        #[cfg(not(unix))]
        let changed = self.written.modified;
        changed.is_some_and(is_past).then_some(self)
    }
}

impl Known {
    fn of(path: &Path) -> io::Result<Self> {
        let stamp = Stamp::of(path)?;
        let sure = Mutex::new(stamp.if_sure());
        let hash = hash_of(path)?;
        if Stamp::of(path)?.written != stamp.written {
            return Err(io::Error::other("it changed while it was read"));
        }
        Ok(Known { hash, written: stamp.written, sure })
    }

    /// Whether the file is another one, or cannot be read.
    fn is_other(&self, path: &Path) -> bool {
        let Ok(stamp) = Stamp::of(path) else { return true };
        if stamp.written != self.written {
            return true;
        }
        let mut sure = self.sure.lock().unwrap_or_else(PoisonError::into_inner);
        if *sure == Some(stamp) {
            return false;
        }
        // Before it is read: what is changed then has another stamp.
        let now_sure = stamp.if_sure();
        let is_same = hash_of(path).is_ok_and(|hash| hash == self.hash);
        if is_same {
            *sure = now_sure;
        }
        !is_same
    }
}

impl Hashes {
    /// The hash of a file; empty for what is not a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn hash(&mut self, path: &Path) -> io::Result<String> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let of = |known: &Option<Known>| {
            known.as_ref().map(|known| known.hash.clone()).unwrap_or_default()
        };
        if let Some(known) = self.known.get(&path) {
            return Ok(of(known));
        }
        let known = if path.is_file() { Some(Known::of(&path)?) } else { None };
        let hash = of(&known);
        self.known.insert(path, known);
        Ok(hash)
    }

    /// These files with their hashes, without what is no file.
    #[must_use]
    pub fn of(&self, paths: &[PathBuf]) -> Vec<(PathBuf, String)> {
        let of = |path: &PathBuf| {
            let known = self.known.get(path)?.as_ref()?;
            Some((path.clone(), known.hash.clone()))
        };
        paths.iter().filter_map(of).collect()
    }

    /// The first of these files that has changed since it was hashed, or is not there any more.
    pub fn changed<'a>(&self, paths: &'a [PathBuf]) -> Option<&'a Path> {
        let is_changed = |path: &PathBuf| {
            self.known.get(path).and_then(Option::as_ref).is_some_and(|known| known.is_other(path))
        };
        paths.iter().find(|path| is_changed(path)).map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_in_the_same_tick_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        std::fs::write(&path, "1,2").unwrap();
        let modified = path.metadata().unwrap().modified().unwrap();
        let mut hashes = Hashes::default();
        let hash = hashes.hash(&path).unwrap();
        let paths = [path.clone()];
        assert_eq!(hashes.of(&paths), [(path.clone(), hash)]);
        assert_eq!(hashes.changed(&paths), None);
        // As long, and with the date of before.
        std::fs::write(&path, "1,3").unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(hashes.changed(&paths), Some(path.as_path()));
        // What is back is what was hashed.
        std::fs::write(&path, "1,2").unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(hashes.changed(&paths), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(hashes.changed(&paths), Some(path.as_path()));
    }

    #[test]
    fn a_copy_in_its_place_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("trace.csv"), folder.path().join("copy"));
        std::fs::write(&path, "1,2").unwrap();
        let mut hashes = Hashes::default();
        hashes.hash(&path).unwrap();
        std::fs::copy(&path, &copy).unwrap();
        let modified = path.metadata().unwrap().modified().unwrap();
        File::options().append(true).open(&copy).unwrap().set_modified(modified).unwrap();
        std::fs::rename(&copy, &path).unwrap();
        assert_eq!(hashes.changed(&[path]), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        // A folder is no file, and what is not there is none.
        assert_eq!(Hashes::default().hash(folder.path()).unwrap(), "");
        assert_eq!(Hashes::default().hash(&folder.path().join("none")).unwrap(), "");
    }
}
