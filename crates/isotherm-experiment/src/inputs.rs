//! The files that a command reads, identified by device and inode, not by path: no output ever
//! replaces one of them.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// The files that an experiment is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    files: BTreeSet<PathBuf>,
    /// The file of the experiment itself.
    experiment: Option<PathBuf>,
}

impl Inputs {
    /// Adds a file. It need not be there.
    pub fn add(&mut self, path: &Path) {
        self.files.insert(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    }

    /// Adds the file of the experiment itself, which is not among those that it names.
    pub(crate) fn add_experiment(&mut self, path: &Path) {
        self.experiment = Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    }

    /// The files, by absolute paths, but for that of the experiment itself.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Whether a path leads to one of the files, however it is written: through links, or by
    /// another of the names of the file.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        let Some(wanted) = Identity::of(path) else { return false };
        self.files
            .iter()
            .chain(&self.experiment)
            .any(|file| Identity::of(file).as_ref() == Some(&wanted))
    }
}

/// What makes a file the same one whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    #[cfg(unix)]
    Node(u64, u64),
    #[cfg(not(unix))]
    Path(PathBuf),
}

impl Identity {
    /// That of the file that a path leads to; `None` if there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let known = path.metadata().ok()?;
        Self::of_known(path, &known)
    }

    #[cfg(unix)]
    fn of_known(_path: &Path, known: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Identity::Node(known.dev(), known.ino()))
    }

    #[cfg(not(unix))]
    fn of_known(path: &Path, _known: &Metadata) -> Option<Self> {
        path.canonicalize().ok().map(Identity::Path)
    }

    /// Whether an open file is the one that a path leads to.
    #[cfg(unix)]
    pub fn is_at(file: &std::fs::File, path: &Path) -> bool {
        let opened = file.metadata().ok().and_then(|known| Self::of_known(path, &known));
        opened.is_some() && opened == Self::of(path)
    }

    /// An open file keeps its name.
    #[cfg(not(unix))]
    pub fn is_at(_file: &std::fs::File, path: &Path) -> bool {
        path.exists()
    }
}
