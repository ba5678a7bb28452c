//! Sets of files that appear together: either all get their final names, or none, and then the
//! earlier files are back.
//!
//! Files in the way are first moved aside (`.NAME.*.earlier`), the last of the set first. Then the
//! new files are renamed, the last one last. Then the old ones are removed. If the process is
//! killed in between, [`recover`] moves them back. A set of one file is just renamed, so its path
//! is never empty.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::partial;
use super::target::{Rules, Target};

/// A complete file under a temporary name.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The file.
    pub file: NamedTempFile,
    /// Its final path.
    pub path: PathBuf,
}

/// Renames all files to their final names, and removes those that are to be gone.
pub(crate) fn appear(files: Vec<Staged>, gone: &[PathBuf], rules: Rules<'_>) -> io::Result<()> {
    appear_with(files, gone, rules, &mut || Ok(()))
}

/// The same; `before` is called before each change, which fails if it returns an error.
pub(super) fn appear_with(
    files: Vec<Staged>,
    gone: &[PathBuf],
    rules: Rules<'_>,
    before: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    // What may not be replaced is found before anything is changed.
    let targets =
        files.iter().map(|staged| rules.target(&staged.path)).collect::<io::Result<Vec<_>>>()?;
    for path in gone {
        rules.target(path)?;
    }
    for (staged, target) in files.iter().zip(&targets) {
        if let Target::Into(path) = target {
            before()?;
            write_into(staged, path).map_err(|error| about(path, &error))?;
        }
    }
    let placed: Vec<(Staged, Target)> = files
        .into_iter()
        .zip(targets)
        .filter(|(_, target)| matches!(target, Target::Place(_)))
        .collect();
    let mut change = Change::default();
    match change.make(placed, gone, before) {
        Ok(()) => {
            for (_, aside) in change.aside {
                let _ = std::fs::remove_file(aside);
            }
            Ok(())
        }
        Err(error) => {
            change.undo();
            Err(error)
        }
    }
}

/// The changes so far.
#[derive(Default)]
struct Change {
    /// Paths, and the paths to which their files were moved.
    aside: Vec<(PathBuf, PathBuf)>,
    /// New files that have their final names.
    placed: Vec<PathBuf>,
}

impl Change {
    fn make(
        &mut self,
        files: Vec<(Staged, Target)>,
        gone: &[PathBuf],
        before: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        // A single renaming is atomic.
        let is_one = files.len() == 1 && gone.is_empty();
        let files_in_the_way = if is_one { &[] } else { &files[..] };
        let paths = files_in_the_way
            .iter()
            .rev()
            .map(|(_, target)| target.path())
            .chain(gone.iter().map(PathBuf::as_path));
        for path in paths {
            before()?;
            let aside = partial::set_aside(path).map_err(|error| about(path, &error))?;
            self.aside.extend(aside.map(|aside| (path.to_owned(), aside)));
        }
        for (staged, target) in files {
            before()?;
            staged
                .file
                .persist(target.path())
                .map_err(|error| about(target.path(), &error.error))?;
            self.placed.push(target.path().to_owned());
        }
        Ok(())
    }

    fn undo(self) {
        for path in self.placed.iter().rev() {
            let _ = std::fs::remove_file(path);
        }
        for (path, aside) in self.aside.iter().rev() {
            let _ = std::fs::rename(aside, path);
        }
    }
}

/// An error that says which file it is about.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

fn write_into(staged: &Staged, path: &Path) -> io::Result<()> {
    let mut from = staged.file.as_file();
    from.rewind()?;
    let mut into = File::options().write(true).create(true).truncate(true).open(path)?;
    io::copy(&mut from, &mut into)?;
    Ok(())
}

/// Restores the files of a process that was killed while it renamed. `places` are the paths of a
/// set, by name. If `listed` is given, the last of them seals the set: without it the set is
/// incomplete, and the earlier files are moved back. `listed` says whether a file belongs to the
/// set of a seal.
pub(super) fn recover(places: &[(&str, &Path)], listed: Option<fn(&Path, &str) -> bool>) {
    let aside: Vec<_> = places.iter().map(|(_, place)| partial::earlier(place)).collect();
    let (Some((_, seal)), true) = (places.last(), aside.iter().any(Option::is_some)) else {
        return;
    };
    let is_there = |place: &Path| place.symlink_metadata().is_ok();
    let undo = listed.filter(|_| !is_there(seal));
    let is_whole = listed.is_some() && undo.is_none();
    let had_seal = aside.last().is_some_and(Option::is_some);
    for ((name, place), aside) in places.iter().zip(&aside).rev() {
        match (aside, undo) {
            (Some(aside), None) if is_whole || is_there(place) => {
                drop(std::fs::remove_file(aside));
            }
            (Some(aside), _) => drop(std::fs::rename(aside, place)),
            // A file that the restored seal does not list is new.
            (None, Some(listed)) if had_seal && is_there(place) && !listed(seal, name) => {
                drop(std::fs::remove_file(place));
            }
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::inputs::Inputs;

    const NAMES: [&str; 3] = ["records", "numbers", "seal"];

    fn contents(folder: &Path) -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    std::fs::read_to_string(entry.path()).unwrap(),
                )
            })
            .collect()
    }

    /// A set whose seal names its files.
    fn write(folder: &Path, names: &[&str], text: &str) {
        for name in names {
            let seal = names.join(" ");
            let text = if *name == "seal" { format!("{text}: {seal}") } else { text.to_owned() };
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    fn staged(folder: &Path, names: &[&str], text: &str) -> Vec<Staged> {
        let one = |name: &&str| {
            let mut file = partial::create(&folder.join(name)).unwrap();
            let seal = names.join(" ");
            let text = if *name == "seal" { format!("{text}: {seal}") } else { text.to_owned() };
            io::Write::write_all(&mut file, text.as_bytes()).unwrap();
            Staged { file, path: folder.join(name) }
        };
        names.iter().map(one).collect()
    }

    fn gone(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
        NAMES.iter().filter(|name| !names.contains(name)).map(|name| folder.join(name)).collect()
    }

    const SETS: [&[&str]; 3] = [&NAMES, &["numbers", "seal"], &[]];

    fn recover_in(folder: &Path, names: &[&'static str], listed: Option<fn(&Path, &str) -> bool>) {
        let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
        let places = names.iter().copied().zip(paths.iter().map(PathBuf::as_path));
        recover(&places.collect::<Vec<_>>(), listed);
    }

    fn listed(seal: &Path, name: &str) -> bool {
        std::fs::read_to_string(seal).unwrap().contains(name)
    }

    /// Whatever step fails, what was there before is there, and nothing else.
    #[test]
    fn a_failure_at_any_step_leaves_the_old_set_whole() {
        let inputs = Inputs::default();
        let rules = Rules { inputs: &inputs, force: false };
        for (old, new) in SETS.iter().flat_map(|old| SETS[..2].iter().map(move |new| (old, new))) {
            let mut fails_at = 0;
            loop {
                let folder = tempfile::tempdir().unwrap();
                write(folder.path(), old, "old");
                let before = contents(folder.path());
                let step = Cell::new(0);
                let mut fail = || match step.replace(step.get() + 1) == fails_at {
                    true => Err(io::Error::other("injected")),
                    false => Ok(()),
                };
                let files = staged(folder.path(), new, "new");
                match appear_with(files, &gone(folder.path(), new), rules, &mut fail) {
                    Err(_) => {
                        assert_eq!(contents(folder.path()), before, "{old:?} {new:?} {fails_at}")
                    }
                    Ok(()) => break,
                }
                fails_at += 1;
            }
            assert_eq!(fails_at, NAMES.len() + new.len(), "each set aside, each named");
        }
    }

    /// A file that is a set by itself has its old content until it has its new one.
    #[test]
    fn the_place_of_a_single_file_is_never_empty() {
        let inputs = Inputs::default();
        let rules = Rules { inputs: &inputs, force: false };
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &["numbers"], "old");
        let (place, mut seen) = (folder.path().join("numbers"), Vec::new());
        let mut look = || {
            seen.push(std::fs::read_to_string(&place).unwrap());
            Ok(())
        };
        appear_with(staged(folder.path(), &["numbers"], "new"), &[], rules, &mut look).unwrap();
        assert_eq!(seen, ["old"], "one step, and what was there is there until then");
        assert_eq!(
            contents(folder.path()).into_iter().collect::<Vec<_>>(),
            [("numbers".into(), "new".into())]
        );
    }

    /// A process that ends at any step leaves what the next one can make the old set of, or the new
    /// one.
    #[test]
    fn a_death_at_any_step_is_put_right() {
        let inputs = Inputs::default();
        let rules = Rules { inputs: &inputs, force: false };
        for (old, new) in
            SETS[..2].iter().flat_map(|old| SETS[..2].iter().map(move |new| (old, new)))
        {
            for dies_at in 0.. {
                let folder = tempfile::tempdir().unwrap();
                write(folder.path(), old, "old");
                let before = contents(folder.path());
                let step = Cell::new(0);
                let mut die = || match step.replace(step.get() + 1) == dies_at {
                    true => panic!("injected"),
                    false => Ok(()),
                };
                let files = staged(folder.path(), new, "new");
                let gone = gone(folder.path(), new);
                let died =
                    catch_unwind(AssertUnwindSafe(|| appear_with(files, &gone, rules, &mut die)))
                        .is_err();
                recover_in(folder.path(), &NAMES, Some(listed));
                if !died {
                    break;
                }
                assert_eq!(contents(folder.path()), before, "{old:?} {new:?} {dies_at}");
            }
        }
    }

    /// One that ends when everything has its name, but not all that was set aside is removed.
    #[test]
    fn a_death_after_the_last_step_keeps_the_new_set() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &NAMES, "old");
        for name in NAMES {
            partial::set_aside(&folder.path().join(name)).unwrap();
        }
        write(folder.path(), &["numbers", "seal"], "new");
        let new = std::fs::read_to_string(folder.path().join("numbers")).unwrap();
        recover_in(folder.path(), &NAMES, Some(listed));
        let left = contents(folder.path());
        assert_eq!(left.keys().collect::<Vec<_>>(), ["numbers", "seal"]);
        assert_eq!((new.as_str(), left["numbers"].as_str()), ("new", "new"));
    }

    /// Without a seal each file is for itself: nothing that was there is lost.
    #[test]
    fn what_was_set_aside_of_files_without_a_seal_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &["records", "numbers"], "old");
        for name in ["records", "numbers"] {
            partial::set_aside(&folder.path().join(name)).unwrap();
        }
        write(folder.path(), &["records"], "new");
        recover_in(folder.path(), &["records", "numbers"], None);
        let left = contents(folder.path());
        assert_eq!(left.into_values().collect::<Vec<_>>(), ["old", "new"]);
    }

    /// A folder in the place of one of the files, a link, or an input: nothing has changed.
    #[test]
    fn what_may_not_be_replaced_is_found_first() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &["records", "seal"], "old");
        std::fs::create_dir(folder.path().join("numbers")).unwrap();
        let inputs = Inputs::default();
        let rules = Rules { inputs: &inputs, force: false };
        let files = staged(folder.path(), &NAMES, "new");
        appear(files, &[], rules).unwrap_err();
        std::fs::remove_dir(folder.path().join("numbers")).unwrap();
        let left = contents(folder.path());
        assert_eq!(left.values().collect::<Vec<_>>(), ["old", "old: records seal"]);
    }
}
