//! The results of a run on disk: complete, or an error that names the file.
//!
//! ```no_run
//! use std::path::Path;
//! use isotherm_experiment::Results;
//!
//! let results = Results::open(Path::new("results/study"))?;
//! let summary = std::fs::read_to_string(results.summary())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `manifest.toml` has the SHA-256 of the files beside it in the table `[manifest.sha256]`. Files
//! that were changed, exchanged or come from another run do not have these hashes.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::hashes::{hash_of, is_known};
use crate::output::listing::{hashes, inputs};
use crate::output::{FILES, MANIFEST, RECORDS, SUMMARY, sha256_of};

/// The folder of a run, whose files are those that its manifest was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results {
    folder: PathBuf,
    /// The names of its files, but for the manifest.
    files: Vec<String>,
    /// The files that it has read, by their paths from the folder, with their hashes.
    inputs: Option<Vec<(String, String)>>,
}

/// Why a folder does not hold the results of a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// There is no manifest.
    #[error("`{}` has no `{MANIFEST}`: it does not hold the results of a run, or a run was killed while it put them there", .0.display())]
    NoManifest(PathBuf),
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest has no hashes.
    #[error("`{}` does not say which files belong to it (`[manifest.sha256]`)", .0.display())]
    NoHashes(PathBuf),
    /// A file is not there that the manifest names.
    #[error("`{}` is missing: the manifest beside it names it", .0.display())]
    Missing(PathBuf),
    /// A file is not the one that the run has written.
    #[error("`{}` is not the file that the run of the manifest beside it has written", .0.display())]
    Differs(PathBuf),
    /// The manifest has hashes of inputs of another kind.
    #[error(
        "`{}` has hashes of inputs that another version of Isotherm has made: run it again",
        .0.display()
    )]
    OtherHashes(PathBuf),
    /// A file is there that the run has not written.
    #[error("`{}` is of another run: the manifest beside it does not name it", .0.display())]
    Foreign(PathBuf),
}

impl Results {
    /// Opens the results of a run, and reads its files once to compare their hashes.
    ///
    /// # Errors
    ///
    /// What does not belong together, by the name of the file.
    pub fn open(folder: &Path) -> Result<Self, ResultsError> {
        let manifest = folder.join(MANIFEST);
        let text = match std::fs::read_to_string(&manifest) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ResultsError::NoManifest(folder.to_owned()));
            }
            Err(source) => return Err(ResultsError::Unreadable { path: manifest, source }),
        };
        let hashes = hashes(&text).ok_or(ResultsError::NoHashes(manifest))?;
        for (name, hash) in &hashes {
            let path = folder.join(name);
            match sha256_of(&path) {
                Ok(found) if found == *hash => {}
                Ok(_) => return Err(ResultsError::Differs(path)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(ResultsError::Missing(path));
                }
                Err(source) => return Err(ResultsError::Unreadable { path, source }),
            }
        }
        let is_named = |file: &str| hashes.iter().any(|(name, _)| name == file);
        for file in FILES.into_iter().filter(|file| *file != MANIFEST && !is_named(file)) {
            let path = folder.join(file);
            // A run may have no records, but it has a summary.
            match path.symlink_metadata() {
                Ok(_) => return Err(ResultsError::Foreign(path)),
                Err(_) if file == SUMMARY => return Err(ResultsError::Missing(path)),
                Err(_) => {}
            }
        }
        let inputs = inputs(&text);
        if inputs.iter().flatten().any(|(_, hash)| !is_known(hash)) {
            return Err(ResultsError::OtherHashes(folder.join(MANIFEST)));
        }
        let files = hashes.into_iter().map(|(name, _)| name).collect();
        Ok(Results { folder: folder.to_owned(), files, inputs })
    }

    /// The names of its files, but for the manifest.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The first of the files it has read that is there and has changed since, as far as the
    /// manifest says their hashes. They are read.
    #[must_use]
    pub fn changed_input(&self) -> Option<PathBuf> {
        self.inputs.iter().flatten().find_map(|(path, hash)| {
            let path = self.folder.join(path);
            hash_of(&path).is_ok_and(|found| found != *hash).then_some(path)
        })
    }

    /// The records of the invocations, if the run has kept them.
    #[must_use]
    pub fn invocations(&self) -> Option<PathBuf> {
        let records = self.files.iter().find(|name| RECORDS.contains(&name.as_str()));
        records.map(|name| self.folder.join(name))
    }

    /// The run in numbers.
    #[must_use]
    pub fn summary(&self) -> PathBuf {
        self.folder.join(SUMMARY)
    }

    /// What the run was made of.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.folder.join(MANIFEST)
    }
}
