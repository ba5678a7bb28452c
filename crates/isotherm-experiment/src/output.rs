//! The files of a run: written under a temporary name beside their place, and renamed when they are whole.
//!
//! A run that fails, or a program that is killed, leaves no file that looks like a result; what an earlier run left stays as it was.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The name of the file of records.
pub const INVOCATIONS: &str = "invocations.csv";

/// The name of the file of the summary.
pub const SUMMARY: &str = "summary.json";

/// A folder that results are being written into. Dropped before [`commit`](Output::commit), it leaves nothing behind.
pub struct Output {
    folder: PathBuf,
    /// The records; `None` when they have been put in their place.
    invocations: Option<NamedTempFile>,
    /// Whether the folder was not there before.
    created: bool,
}

impl Output {
    /// Makes the folder, if it is not there, and a temporary file for the records in it.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let created = !folder.exists();
        std::fs::create_dir_all(folder)?;
        let invocations = Some(temporary(folder, INVOCATIONS)?);
        Ok(Output { folder: folder.to_owned(), invocations, created })
    }

    /// Where records go.
    pub fn invocations(&self) -> io::Result<File> {
        match &self.invocations {
            Some(file) => file.reopen(),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    /// Puts the files in their places.
    pub fn commit(mut self, summary: &str) -> io::Result<()> {
        let mut file = temporary(&self.folder, SUMMARY)?;
        file.write_all(summary.as_bytes())?;
        if let Some(invocations) = self.invocations.take() {
            invocations.persist(self.folder.join(INVOCATIONS))?;
        }
        file.persist(self.folder.join(SUMMARY))?;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(invocations) = self.invocations.take() {
            drop(invocations);
            if self.created {
                // Only an empty folder can be removed; one that somebody has put something into stays.
                let _ = std::fs::remove_dir(&self.folder);
            }
        }
    }
}

fn temporary(folder: &Path, name: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{name}.");
    builder.prefix(&prefix).suffix(".partial");
    // A temporary file is private by default; results are as readable as any other file of the user.
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_appear_when_they_are_whole() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("results").join("study");
        let output = Output::create(&folder).unwrap();
        output.invocations().unwrap().write_all(b"id\n").unwrap();
        assert!(!folder.join(INVOCATIONS).exists());
        output.commit("{}\n").unwrap();
        assert_eq!(names(&folder), [INVOCATIONS, SUMMARY]);
        assert_eq!(std::fs::read_to_string(folder.join(INVOCATIONS)).unwrap(), "id\n");
    }

    #[test]
    fn a_run_that_fails_leaves_earlier_results_alone() {
        let parent = tempfile::tempdir().unwrap();
        Output::create(parent.path()).unwrap().commit("first").unwrap();
        let second = Output::create(parent.path()).unwrap();
        second.invocations().unwrap().write_all(b"half a line").unwrap();
        drop(second);
        let third = parent.path().join("third");
        drop(Output::create(&third).unwrap());
        assert!(!third.exists(), "a folder made for a run that failed goes with it");
        assert_eq!(names(parent.path()), [INVOCATIONS, SUMMARY]);
        assert_eq!(std::fs::read_to_string(parent.path().join(SUMMARY)).unwrap(), "first");
        assert_eq!(std::fs::read_to_string(parent.path().join(INVOCATIONS)).unwrap(), "");
    }
}
