//! What an output may replace.
//!
//! An output replaces a regular file or nothing. It never replaces a file that the experiment is
//! read from, under whatever path, link or hard link. A link, a device or a pipe is left alone
//! unless forced; then the target of the link is replaced, and the device or pipe is written into.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::inputs::Inputs;

/// Why an output may not be written to a path: the inner error of an [`io::Error`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotReplaced {
    /// The experiment is read from it.
    #[error("`{}` is read by this command, and what is read is never replaced", .0.display())]
    Input(PathBuf),
    /// It is a link.
    #[error("`{}` is a link to `{}`, and a link is not written through unasked", .0.display(), .1.display())]
    Link(PathBuf, PathBuf),
    /// It is neither a file nor a folder.
    #[error("`{}` is no file but a device, a pipe or the like", .0.display())]
    Special(PathBuf),
    /// It is the folder of a run, and a sweep was to be written there.
    #[error("`{}` holds the results of a run, and those of a sweep are not mixed with them", .0.display())]
    OfRun(PathBuf),
    /// It is the folder of a sweep, and a run was to be written there.
    #[error("`{}` holds the results of a sweep, and those of a run are not mixed with them", .0.display())]
    OfSweep(PathBuf),
    /// It is a folder.
    #[error("`{}` is a folder", .0.display())]
    Folder(PathBuf),
}

impl NotReplaced {
    /// The reason inside an error, if it is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether forcing lifts it.
    #[must_use]
    pub fn yields(&self) -> bool {
        matches!(self, NotReplaced::Link(..) | NotReplaced::Special(_))
    }
}

/// The folder of the runs of a sweep, within that of the sweep.
const POINTS: &str = "points";

/// Refuses a folder that holds the results of a sweep.
pub(crate) fn refuse_sweep(folder: &Path) -> Result<(), NotReplaced> {
    let is_run = |run: io::Result<std::fs::DirEntry>| {
        run.is_ok_and(|run| run.path().join(super::MANIFEST).exists())
    };
    let mut runs = std::fs::read_dir(folder.join(POINTS)).into_iter().flatten();
    match runs.any(is_run) {
        true => Err(NotReplaced::OfSweep(folder.to_owned())),
        false => Ok(()),
    }
}

/// Refuses a folder that holds the results of a run.
///
/// # Errors
///
/// See [`NotReplaced::OfRun`].
pub fn refuse_run(folder: &Path) -> Result<(), NotReplaced> {
    match folder.join(super::MANIFEST).exists() {
        true => Err(NotReplaced::OfRun(folder.to_owned())),
        false => Ok(()),
    }
}

impl From<NotReplaced> for io::Error {
    fn from(reason: NotReplaced) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    }
}

/// The rules for outputs.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Files that are never replaced.
    pub inputs: &'a Inputs,
    /// Whether links, devices and pipes are written to.
    pub force: bool,
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A temporary file is renamed to this path.
    Place(PathBuf),
    /// It is written into what is at this path.
    Into(PathBuf),
}

impl Target {
    /// The path.
    pub fn path(&self) -> &Path {
        match self {
            Target::Place(path) | Target::Into(path) => path,
        }
    }
}

impl Rules<'_> {
    /// The destination of an output, if it is allowed.
    pub(crate) fn target(self, path: &Path) -> io::Result<Target> {
        let known = match path.symlink_metadata() {
            Ok(known) => known,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Target::Place(path.to_owned()));
            }
            Err(error) => return Err(error),
        };
        if self.inputs.contains(path) {
            return Err(NotReplaced::Input(path.to_owned()).into());
        }
        if known.is_symlink() {
            let leads_to = path.read_link()?;
            if !self.force {
                return Err(NotReplaced::Link(path.to_owned(), leads_to).into());
            }
            return match path.canonicalize() {
                Ok(file) => self.target(&file),
                // A link to nothing: a file is made at its target.
                Err(_) => Ok(Target::Into(path.to_owned())),
            };
        }
        match known {
            known if known.is_file() => Ok(Target::Place(path.to_owned())),
            known if known.is_dir() => Err(NotReplaced::Folder(path.to_owned()).into()),
            _ if self.force => Ok(Target::Into(path.to_owned())),
            _ => Err(NotReplaced::Special(path.to_owned()).into()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn reason(result: io::Result<Target>) -> Option<NotReplaced> {
        result.err().and_then(|error| NotReplaced::of(&error).cloned())
    }

    #[test]
    fn an_input_is_one_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("input"), "x").unwrap();
        std::fs::write(path("other"), "x").unwrap();
        std::fs::create_dir(path("sub")).unwrap();
        symlink("input", path("link")).unwrap();
        std::fs::hard_link(path("input"), path("hard")).unwrap();
        let mut inputs = Inputs::default();
        inputs.add(&path("link"));
        for force in [false, true] {
            let rules = Rules { inputs: &inputs, force };
            for name in ["input", "hard", "link", "sub/../input", "./hard"] {
                let expected = NotReplaced::Input(path(name));
                assert_eq!(reason(rules.target(&path(name))), Some(expected), "{name}, {force}");
            }
            assert_eq!(rules.target(&path("other")).unwrap(), Target::Place(path("other")));
            assert_eq!(rules.target(&path("new")).unwrap(), Target::Place(path("new")));
        }
    }

    #[test]
    fn links_and_devices_only_for_those_who_insist() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let path = |name: &str| folder.join(name);
        std::fs::write(path("file"), "x").unwrap();
        symlink("file", path("link")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        symlink(&folder, path("to-folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let inputs = Inputs::default();
        let (asks, insists) =
            (Rules { inputs: &inputs, force: false }, Rules { inputs: &inputs, force: true });
        for (name, leads_to) in [("link", "file"), ("dangling", "nowhere")] {
            let expected = NotReplaced::Link(path(name), leads_to.into());
            assert!(expected.yields());
            assert_eq!(reason(asks.target(&path(name))), Some(expected));
        }
        for special in [path("socket"), "/dev/full".into()] {
            assert_eq!(reason(asks.target(&special)), Some(NotReplaced::Special(special.clone())));
            assert_eq!(insists.target(&special).unwrap(), Target::Into(special));
        }
        assert_eq!(insists.target(&path("link")).unwrap(), Target::Place(path("file")));
        assert_eq!(insists.target(&path("dangling")).unwrap(), Target::Into(path("dangling")));
        assert_eq!(
            reason(insists.target(&path("to-folder"))),
            Some(NotReplaced::Folder(folder.clone()))
        );
        assert_eq!(reason(insists.target(&folder)), Some(NotReplaced::Folder(folder.clone())));
    }
}
