//! The files of a run: written under temporary names in their folder, and renamed when all of them are whole.
//!
//! A run that fails or is interrupted leaves nothing: its temporary files are removed, and the folder too if it was made for the run. A program that has to
//! end on the spot calls [`discard_unfinished`]; one that is killed can leave temporary files (`.invocations.csv.….partial`), but nothing that looks like a result. What an earlier
//! run left stays as it was until then; a run that keeps no records removes the records of an earlier one, because they would not
//! belong to the other files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::NamedTempFile;

/// The name of the file of records.
pub const INVOCATIONS: &str = "invocations.csv";

/// The name of the file of the summary.
pub const SUMMARY: &str = "summary.json";

/// The name of the file that says what the run was made of.
pub const MANIFEST: &str = "manifest.toml";

/// What a program that ends now would leave behind.
static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished { files: Vec::new(), folders: Vec::new() });

struct Unfinished {
    /// Temporary files. Some may have got their names or been removed meanwhile.
    files: Vec<PathBuf>,
    /// Folders that were made, each with the topmost one that was made for it.
    folders: Vec<(PathBuf, PathBuf)>,
}

/// Removes everything that is only half written, for a program that ends now without unwinding. Nothing is to be written after it.
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
fn note(change: impl FnOnce(&mut Unfinished)) {
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        change(&mut unfinished);
    }
}

/// Removes a folder and those above it up to the topmost that was made. Only empty folders can be removed; one that somebody has put something into
/// stays.
fn remove_empty(folder: &Path, created: &Path) {
    for folder in folder.ancestors() {
        if std::fs::remove_dir(folder).is_err() || folder == created {
            return;
        }
    }
}

/// A folder that results are being written into. Dropped before [`commit`](Output::commit), it leaves nothing behind.
pub struct Output {
    folder: PathBuf,
    /// The records, if they are kept.
    invocations: Option<NamedTempFile>,
    /// The topmost folder that was made for this run.
    created: Option<PathBuf>,
}

impl Output {
    /// Makes the folder, if it is not there, and a temporary file for the records in it, if they are to be kept.
    pub fn create(folder: &Path, records: bool) -> io::Result<Self> {
        let created = folder.ancestors().take_while(|parent| !parent.as_os_str().is_empty() && !parent.exists()).last();
        let created = created.map(Path::to_owned);
        if let Some(created) = &created {
            note(|unfinished| unfinished.folders.push((folder.to_owned(), created.clone())));
        }
        let mut output = Output { folder: folder.to_owned(), invocations: None, created };
        std::fs::create_dir_all(folder)?;
        if records {
            output.invocations = Some(temporary(folder, INVOCATIONS)?);
        }
        Ok(output)
    }

    /// Where records go; `None` if they are not kept.
    pub fn invocations(&self) -> io::Result<Option<File>> {
        self.invocations.as_ref().map(NamedTempFile::reopen).transpose()
    }

    /// Writes the other files, given by name and text, and puts all files in their places.
    pub fn commit(mut self, files: &[(&str, &str)]) -> io::Result<()> {
        // Whatever can fail for want of room fails before the first file is in its place.
        let mut written = Vec::with_capacity(files.len());
        for &(name, text) in files {
            let mut file = temporary(&self.folder, name)?;
            file.write_all(text.as_bytes())?;
            written.push((name, file));
        }
        let records = self.folder.join(INVOCATIONS);
        match self.invocations.take() {
            Some(file) => drop(file.persist(records)?),
            None => match std::fs::remove_file(records) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
        }
        for (name, file) in written {
            file.persist(self.folder.join(name))?;
        }
        self.created = None;
        self.forget();
        Ok(())
    }

    /// There is nothing unfinished in the folder any more: what was begun has its name, or is gone.
    fn forget(&self) {
        note(|unfinished| {
            unfinished.files.retain(|file| file.exists());
            unfinished.folders.retain(|(folder, _)| *folder != self.folder);
        });
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        drop(self.invocations.take());
        if let Some(created) = &self.created {
            remove_empty(&self.folder, created);
        }
        self.forget();
    }
}

/// A file that is removed unless it is given its name.
pub(crate) fn temporary(folder: &Path, name: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{name}.");
    builder.prefix(&prefix).suffix(".partial");
    // A temporary file is private by default; results are as readable as any other file of the user.
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    let file = builder.tempfile_in(folder)?;
    note(|unfinished| unfinished.files.push(file.path().to_owned()));
    Ok(file)
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

    fn read(folder: &Path, name: &str) -> String {
        std::fs::read_to_string(folder.join(name)).unwrap()
    }

    fn write(output: &Output, text: &str) {
        output.invocations().unwrap().unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn files_appear_when_they_are_whole() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("results").join("study");
        let output = Output::create(&folder, true).unwrap();
        write(&output, "id\n");
        assert!(!folder.join(INVOCATIONS).exists());
        output.commit(&[(SUMMARY, "{}\n")]).unwrap();
        assert_eq!(names(&folder), [INVOCATIONS, SUMMARY]);
        assert_eq!((read(&folder, INVOCATIONS), read(&folder, SUMMARY)), ("id\n".to_owned(), "{}\n".to_owned()));
    }

    #[test]
    fn a_run_that_fails_leaves_earlier_results_alone() {
        let parent = tempfile::tempdir().unwrap();
        let first = Output::create(parent.path(), true).unwrap();
        write(&first, "id\n");
        first.commit(&[(SUMMARY, "first")]).unwrap();
        let second = Output::create(parent.path(), true).unwrap();
        write(&second, "half a line");
        drop(second);
        assert_eq!(names(parent.path()), [INVOCATIONS, SUMMARY]);
        assert_eq!((read(parent.path(), INVOCATIONS), read(parent.path(), SUMMARY)), ("id\n".into(), "first".into()));
    }

    #[test]
    fn folders_made_for_a_run_that_fails_go_with_it() {
        let parent = tempfile::tempdir().unwrap();
        drop(Output::create(&parent.path().join("results/study/a"), true).unwrap());
        assert!(names(parent.path()).is_empty());
        // What was there before stays, and so does what holds something else.
        Output::create(&parent.path().join("results/study/a"), false).unwrap().commit(&[(SUMMARY, "")]).unwrap();
        drop(Output::create(&parent.path().join("results/study/b"), true).unwrap());
        drop(Output::create(&parent.path().join("results/study"), true).unwrap());
        assert_eq!(names(&parent.path().join("results/study")), ["a"]);
    }

    /// What is begun is known until it has ended, one way or the other; a program that ends in between removes it. (Here is only looked at what is known: the
    /// files of other tests are unfinished at the same time.)
    #[test]
    fn what_is_unfinished_is_known() {
        let parent = tempfile::tempdir().unwrap();
        let known = |folder: &Path| {
            let unfinished = UNFINISHED.lock().unwrap();
            let files = unfinished.files.iter().filter(|file| file.starts_with(folder)).count();
            (files, unfinished.folders.iter().filter(|(other, _)| other == folder).count())
        };
        for commits in [true, false] {
            let folder = parent.path().join(format!("results-{commits}"));
            let output = Output::create(&folder, true).unwrap();
            assert_eq!(known(&folder), (1, 1));
            if commits {
                output.commit(&[(SUMMARY, "")]).unwrap();
            } else {
                drop(output);
            }
            assert_eq!(known(&folder), (0, 0));
        }
    }

    /// The records of an earlier run would be taken for those of this one.
    #[test]
    fn a_run_without_records_removes_those_of_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let files = [(SUMMARY, "first")];
        Output::create(folder.path(), true).unwrap().commit(&files).unwrap();
        let second = Output::create(folder.path(), false).unwrap();
        assert!(second.invocations().unwrap().is_none());
        assert_eq!(names(folder.path()), [INVOCATIONS, SUMMARY], "until it has ended, all is as it was");
        second.commit(&[(SUMMARY, "second")]).unwrap();
        assert_eq!(names(folder.path()), [SUMMARY]);
    }
}
