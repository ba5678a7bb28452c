//! What all readers need: names, the folder of the file, where errors go.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::check::names::Names;
use crate::diagnostic::Report;
use crate::plan::Body;
use crate::source::{Located, SourceId, Sources};

/// What all readers need.
pub struct Context<'a> {
    /// Where errors go.
    pub report: &'a Report,
    /// The texts read so far.
    pub sources: &'a RefCell<Sources>,
    /// Paths in the file are relative to this folder: that of the file.
    pub folder: &'a Path,
    /// The storages of the file, and the repository.
    pub storages: Names,
    /// The images of the file.
    pub images: Names,
    /// The functions of the file.
    pub functions: Names,
    /// What bodies need from elsewhere, checked when everything has been read.
    pub needs: RefCell<Needs>,
    /// Bodies of single invocations read so far.
    pub bodies: RefCell<Vec<Body>>,
}

/// What bodies and workloads need that is known only when everything has been read.
#[derive(Debug, Default)]
pub struct Needs {
    /// Files that bodies fetch, with the index of the storage.
    pub fetched: Vec<(usize, Located<String>)>,
    /// Files that bodies put, with the index of the storage.
    pub put: Vec<(usize, String)>,
    /// Functions that are invoked without a body of the invocation's own: the place and the index.
    pub invoked: Vec<Located<usize>>,
}

/// A file that was read.
pub struct ReadFile {
    /// The place for errors about its content.
    pub source: SourceId,
    /// Its content.
    pub text: String,
}

impl Context<'_> {
    /// Where a file of the experiment is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Reads a file of the experiment, or reports at the place of its path why it cannot be read.
    pub fn read(&self, path: &Located<String>) -> Option<ReadFile> {
        let full = self.path(&path.value);
        match std::fs::read_to_string(&full) {
            Ok(text) => {
                let source = self.sources.borrow_mut().add(full.display().to_string(), text.clone());
                Some(ReadFile { source, text })
            }
            Err(error) => {
                self.cannot_read(path, &error);
                None
            }
        }
    }

    /// Reports that a file cannot be read.
    pub fn cannot_read(&self, path: &Located<String>, error: &std::io::Error) {
        let message = format!("cannot read `{}`: {}", path.value, io_reason(error));
        self.report.error(path.span, message, "paths are relative to the experiment file");
    }
}

/// Why a file could not be opened, in the same words on every system.
pub fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        std::io::ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        kind => kind.to_string(),
    }
}
