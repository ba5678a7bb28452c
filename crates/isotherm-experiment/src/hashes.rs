//! The hashes of the files that runs read, and whether these have changed since.
//!
//! They tell files that were changed from those that were not, not forged ones: XXH3 with 128 bits
//! of <https://github.com/Cyan4973/xxHash>, many times as fast as SHA-256, as a trace is read once
//! more for it. What is no regular file (a pipe, a device) can be read only once and has none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use twox_hash::XxHash3_128;

/// What the text of a hash begins with.
const XXH3: &str = "xxh3-128:";

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
    known: BTreeMap<PathBuf, (Option<Stamp>, String)>,
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let known = path.metadata().ok()?;
        Some(Stamp { length: known.len(), modified: known.modified().ok() })
    }
}

impl Hashes {
    /// The hash of a file; empty for what is not a file. What cannot be read is found when the
    /// point is planned.
    pub fn hash(&mut self, path: &Path) -> String {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if let Some((_, hash)) = self.known.get(&path) {
            return hash.clone();
        }
        let stamp = Stamp::of(&path);
        let hash = match path.is_file() {
            true => hash_of(&path).unwrap_or_default(),
            false => String::new(),
        };
        self.known.insert(path, (stamp, hash.clone()));
        hash
    }

    /// These files with their hashes, without what is no file.
    #[must_use]
    pub fn of(&self, paths: &[PathBuf]) -> Vec<(PathBuf, String)> {
        let known = paths.iter().filter_map(|path| Some((path.clone(), self.known.get(path)?)));
        let known = known.filter(|(_, (_, hash))| !hash.is_empty());
        known.map(|(path, (_, hash))| (path, hash.clone())).collect()
    }

    /// The first of these files that has changed since it was hashed.
    pub fn changed<'a>(&self, paths: &'a [PathBuf]) -> Option<&'a Path> {
        let is_changed = |path: &PathBuf| {
            self.known
                .get(path)
                .is_some_and(|(stamp, _)| path.is_file() && *stamp != Stamp::of(path))
        };
        paths.iter().find(|path| is_changed(path)).map(PathBuf::as_path)
    }
}
