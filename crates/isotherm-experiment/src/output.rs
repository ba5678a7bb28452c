//! The files of a run. They are written under temporary names beside their paths and renamed when
//! all of them are complete.
//!
//! * A run that fails or is interrupted leaves nothing: its temporary files are removed, and so is
//!   the folder if the run has made it. The next run into the folder removes the temporary files of
//!   a killed process (`.invocations.csv.*.partial`).
//! * The files of an earlier run are first moved aside (`.invocations.csv.*.earlier`), and moved
//!   back if a renaming fails. If the process is killed in between, the next run moves them back.
//! * The manifest is renamed last and has the hashes of the other files ([`crate::results`]), so
//!   files of two runs are never taken for those of one. A run without records removes the records
//!   of an earlier run.
//! * One run at a time writes into a folder ([`Lock`]).
//! * No output replaces an input of the experiment or a folder, nor, unless forced, a link, a
//!   device or a pipe ([`NotReplaced`]).

mod created_folder;
pub(crate) mod listing;
mod lock;
pub(crate) mod partial;
pub(crate) mod set;
mod target;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use isotherm_results::Format;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use set::Staged;

pub(crate) use created_folder::CreatedFolder;
pub use lock::{LOCK, Lock};
pub(crate) use target::Target;
pub use target::{NotReplaced, Rules, refuse_run};

/// The name of the file with the records, if it is CSV.
pub const INVOCATIONS: &str = "invocations.csv";

/// The names of the files with the records. A run writes one of them at most.
pub const RECORDS: [&str; 3] = [INVOCATIONS, "invocations.jsonl", "invocations.parquet"];

/// The name of the file with the summary.
pub const SUMMARY: &str = "summary.json";

/// The name of the manifest.
pub const MANIFEST: &str = "manifest.toml";

/// The name of the file with the functions.
pub const FUNCTIONS: &str = "functions.csv";

/// The name of the file with the compute hosts.
pub const NODES: &str = "nodes.csv";

/// The name of the file with the event log.
pub const EVENTS: &str = "events.jsonl";

/// The names of the files with the time series of the platform, of the nodes, and of links and
/// disks.
pub const TIME_SERIES: [&str; 6] = [
    "timeseries.csv",
    "timeseries.parquet",
    "timeseries-nodes.csv",
    "timeseries-nodes.parquet",
    "timeseries-links.csv",
    "timeseries-links.parquet",
];

/// The names of the file with the timeline for Perfetto. A run writes one of them at most.
pub const TRACES: [&str; 2] = ["trace.json", "trace.json.gz"];

/// The files that a run may write. The manifest, which makes the set complete, comes last.
pub const FILES: [&str; 16] = [
    RECORDS[0],
    RECORDS[1],
    RECORDS[2],
    TIME_SERIES[0],
    TIME_SERIES[1],
    TIME_SERIES[2],
    TIME_SERIES[3],
    TIME_SERIES[4],
    TIME_SERIES[5],
    EVENTS,
    TRACES[0],
    TRACES[1],
    FUNCTIONS,
    NODES,
    SUMMARY,
    MANIFEST,
];

/// The name of the file with records in this format.
pub(crate) fn records_file(format: Format) -> &'static str {
    match format {
        Format::Jsonl => RECORDS[1],
        Format::Parquet => RECORDS[2],
        _ => INVOCATIONS,
    }
}

/// A folder into which results are written. If dropped before [`commit`](Output::commit), it leaves
/// nothing behind.
pub struct Output {
    folder: PathBuf,
    /// The files that are written while the run goes on.
    streams: Vec<Stream>,
    /// Held until all files are renamed.
    _lock: Lock,
    /// Dropped last, when the folder is empty again.
    made: CreatedFolder,
}

/// A file that is written bit by bit.
struct Stream {
    name: &'static str,
    file: NamedTempFile,
    hash: Arc<Mutex<Sha256>>,
}

impl Output {
    /// Makes the folder if it does not exist, and temporary files for those of [`FILES`] that are
    /// written while the run goes on.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or written into, another run writes into it, or one of the files
    /// may not be replaced.
    pub fn create(folder: &Path, streams: &[&'static str], rules: Rules<'_>) -> io::Result<Self> {
        // Asked once only: another run that fails may remove the folder at any moment.
        if std::fs::metadata(folder).is_ok_and(|known| !known.is_dir()) {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder"));
        }
        target::refuse_sweep(folder)?;
        for name in FILES {
            rules.target(&folder.join(name))?;
        }
        let (made, lock) = created_folder::locked(folder, Lock::of_folder)?;
        let places = FILES.map(|name| beside(&folder.join(name), rules));
        let places = places.into_iter().collect::<io::Result<Vec<_>>>()?;
        let named: Vec<_> = FILES.into_iter().zip(places.iter().map(PathBuf::as_path)).collect();
        set::recover(&named, Some(listing::is_listed));
        for (_, place) in named {
            partial::clear_dead(place);
        }
        let folder = folder.to_owned();
        let mut output = Output { folder, streams: Vec::new(), _lock: lock, made };
        for name in streams {
            let file = output.begun(name, rules)?;
            output.streams.push(Stream { name, file, hash: Arc::default() });
        }
        Ok(output)
    }

    /// The writer for one of the files that are written while the run goes on; `None` if it is not
    /// one of them.
    ///
    /// # Errors
    ///
    /// The file handle cannot be duplicated.
    pub fn stream(&self, name: &str) -> io::Result<Option<Hashed>> {
        let hashed = |Stream { file, hash, .. }: &Stream| {
            Ok(Hashed { file: file.as_file().try_clone()?, hash: Arc::clone(hash) })
        };
        self.streams.iter().find(|stream| stream.name == name).map(hashed).transpose()
    }

    /// Writes the other files, given by name and text, then the manifest with the hashes of all
    /// others, and renames them to their final names. The rules are those of its creation.
    ///
    /// # Errors
    ///
    /// A file cannot be written or renamed. Then everything is as it was before.
    pub fn commit(
        mut self,
        others: &[(&str, &str)],
        manifest: &str,
        rules: Rules<'_>,
    ) -> io::Result<()> {
        let mut files = Vec::new();
        let mut hashes = Vec::new();
        for Stream { name, file, hash } in std::mem::take(&mut self.streams) {
            let hash = hash.lock().unwrap_or_else(PoisonError::into_inner).clone();
            hashes.push((name, hex(&hash.finalize())));
            files.push(Staged { file, path: self.folder.join(name) });
        }
        // What may fail for lack of disk space fails before the first file is renamed.
        for (name, text) in others {
            hashes.push((name, sha256(text.as_bytes())));
            files.push(self.staged(name, text, rules)?);
        }
        // Those that an earlier run has written and this one has not.
        let is_written = |name: &str| hashes.iter().any(|(written, _)| *written == name);
        let others = FILES.into_iter().filter(|name| *name != MANIFEST && !is_written(name));
        let gone: Vec<_> = others.map(|name| self.folder.join(name)).collect();
        let manifest = format!("{manifest}{}", listing::listing(&hashes));
        files.push(self.staged(MANIFEST, &manifest, rules)?);
        set::appear(files, &gone, rules)?;
        self.made.keep();
        Ok(())
    }

    /// A temporary file in the folder of one of the files, so that it can be renamed.
    fn begun(&self, name: &str, rules: Rules<'_>) -> io::Result<NamedTempFile> {
        partial::create(&beside(&self.folder.join(name), rules)?)
    }

    fn staged(&self, name: &str, text: &str, rules: Rules<'_>) -> io::Result<Staged> {
        let mut file = self.begun(name, rules)?;
        file.write_all(text.as_bytes())?;
        Ok(Staged { file, path: self.folder.join(name) })
    }
}

/// A folder into whose subfolders several runs of one command write, and no other command
/// meanwhile, unless it has another part of the folder.
#[derive(Debug)]
pub struct FolderLock {
    _part: Option<Lock>,
    _lock: Lock,
    /// Dropped last, when the folder is empty again.
    _made: CreatedFolder,
}

impl FolderLock {
    /// Locks a folder, which is made if it does not exist.
    ///
    /// # Errors
    ///
    /// Another process has the lock, or that of a part, or the folder cannot be made or written
    /// into.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let (made, lock) = created_folder::locked(folder, Lock::of_folder)?;
        Ok(FolderLock { _part: None, _lock: lock, _made: made })
    }

    /// Locks a part of a folder, which is made if it does not exist. The part is no more than a
    /// name. `busy` is the reason if another process has it.
    ///
    /// # Errors
    ///
    /// Another process has the part, or the lock of the whole folder, or the folder cannot be made
    /// or written into.
    pub fn of_part(folder: &Path, part: &str, busy: &str) -> io::Result<Self> {
        let (made, lock) = created_folder::locked(folder, Lock::of_shared_folder)?;
        let part = Lock::of_file_or(&folder.join(part), busy)?;
        Ok(FolderLock { _part: Some(part), _lock: lock, _made: made })
    }
}

/// The folder of a path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path beside which the temporary file for an output is written. It differs from the path of
/// the output if that is a link, whose target may be on another file system. Beside a device no
/// file can be made.
fn beside(path: &Path, rules: Rules<'_>) -> io::Result<PathBuf> {
    match rules.target(path)? {
        Target::Place(place) => Ok(place),
        Target::Into(_) => Ok(path.to_owned()),
    }
}

/// A temporary file for an output, whose folder must exist. Temporary files of dead processes for
/// the same output are removed.
pub(crate) fn stage(path: &Path, rules: Rules<'_>) -> io::Result<NamedTempFile> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not the path of a file"));
    };
    match rules.target(path)? {
        target::Target::Place(place) => {
            let name = place.file_name().unwrap_or(name).to_string_lossy();
            set::recover(&[(&name, &place)], None);
            partial::clear_dead(&place);
            partial::create(&place)
        }
        // Beside a device no file can be made.
        target::Target::Into(_) => NamedTempFile::new(),
    }
}

/// Writes a text to a file, which appears or is replaced when it is complete.
///
/// # Errors
///
/// It cannot be written, or may not replace what is at the path.
pub fn write_whole(path: &Path, text: &str, rules: Rules<'_>) -> io::Result<()> {
    let mut files = WholeFiles::new(rules);
    files.begin(path)?.write_all(text.as_bytes())?;
    files.appear()
}

/// Copies the results of a run into a folder that is made for them. The paths in their manifest
/// lead to the same files from there.
///
/// # Errors
///
/// They cannot be read or written. What was copied is left.
pub fn copy_results(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for name in FILES.into_iter().filter(|name| from.join(name).is_file()) {
        if name != MANIFEST {
            std::fs::copy(from.join(name), to.join(name))?;
            continue;
        }
        let text = std::fs::read_to_string(from.join(name))?;
        let moved = crate::manifest::moved(&text, from, to).map_err(io::Error::other)?;
        std::fs::write(to.join(name), moved)?;
    }
    Ok(())
}

/// Files that appear, or are replaced, together when all of them are complete.
#[derive(Debug)]
pub struct WholeFiles<'a> {
    files: Vec<Staged>,
    /// The names of those that are hashed while they are written.
    hashed: Vec<(String, Arc<Mutex<Sha256>>)>,
    rules: Rules<'a>,
}

impl<'a> WholeFiles<'a> {
    /// None yet.
    #[must_use]
    pub fn new(rules: Rules<'a>) -> Self {
        WholeFiles { files: Vec::new(), hashed: Vec::new(), rules }
    }

    /// Begins a file in a folder that exists. What it returns writes into it.
    ///
    /// # Errors
    ///
    /// It cannot be written, or may not replace what is at the path.
    pub fn begin(&mut self, path: &Path) -> io::Result<File> {
        let file = stage(path, self.rules)?;
        let writer = file.as_file().try_clone()?;
        self.files.push(Staged { file, path: path.to_owned() });
        Ok(writer)
    }

    /// The same for a file whose hash [`sums`](Self::sums) lists.
    ///
    /// # Errors
    ///
    /// See [`begin`](Self::begin).
    pub fn begin_hashed(&mut self, path: &Path) -> io::Result<Hashed> {
        let (file, hash) = (self.begin(path)?, Arc::default());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.hashed.push((name, Arc::clone(&hash)));
        Ok(Hashed { file, hash })
    }

    /// Writes a file with the hashes of those that were hashed, which are complete, as `sha256sum`
    /// reads it.
    ///
    /// # Errors
    ///
    /// See [`begin`](Self::begin).
    pub fn sums(&mut self, path: &Path) -> io::Result<()> {
        let line = |(name, hash): &(String, Arc<Mutex<Sha256>>)| {
            let hash = hash.lock().unwrap_or_else(PoisonError::into_inner).clone();
            format!("{}  {name}\n", hex(&hash.finalize()))
        };
        let lines: String = self.hashed.iter().map(line).collect();
        self.begin(path)?.write_all(lines.as_bytes())
    }

    /// Gives them their names. Without it they leave nothing.
    ///
    /// # Errors
    ///
    /// One of them cannot be renamed. Then everything is as it was before.
    pub fn appear(self) -> io::Result<()> {
        set::appear(self.files, &[], self.rules)
    }
}

/// A file that is hashed while it is written.
#[derive(Debug)]
pub struct Hashed {
    file: File,
    hash: Arc<Mutex<Sha256>>,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.lock().unwrap_or_else(PoisonError::into_inner).update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The SHA-256 of a text in hexadecimal, as manifests have it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a file in hexadecimal.
///
/// # Errors
///
/// The file cannot be read.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&part[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn read(folder: &Path, name: &str) -> String {
        std::fs::read_to_string(folder.join(name)).unwrap()
    }

    fn rules() -> Rules<'static> {
        static NONE: std::sync::LazyLock<crate::Inputs> =
            std::sync::LazyLock::new(crate::Inputs::default);
        Rules { inputs: &NONE, force: false }
    }

    fn create(folder: &Path, records: bool) -> Output {
        Output::create(folder, streams(records), rules()).unwrap()
    }

    fn streams(records: bool) -> &'static [&'static str] {
        if records { &[INVOCATIONS] } else { &[] }
    }

    fn write(output: &Output, text: &str) {
        output.stream(INVOCATIONS).unwrap().unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drawing.svg");
        write_whole(&path, "one", rules()).unwrap();
        write_whole(&path, "two", rules()).unwrap();
        assert_eq!(read(folder.path(), "drawing.svg"), "two");
        assert!(write_whole(folder.path(), "three", rules()).is_err());
        assert!(write_whole(&folder.path().join("nowhere/drawing.svg"), "three", rules()).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn files_appear_when_they_are_whole() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("results").join("study");
        let output = create(&folder, true);
        write(&output, "id\n");
        assert!(!folder.join(INVOCATIONS).exists());
        output.commit(&[(SUMMARY, "{}\n")], "name = \"m\"\n", rules()).unwrap();
        assert_eq!(names(&folder), FILES_SORTED);
        assert_eq!(
            (read(&folder, INVOCATIONS), read(&folder, SUMMARY)),
            ("id\n".to_owned(), "{}\n".to_owned())
        );
        // `printf 'id\n' | sha256sum`, `printf '{}\n' | sha256sum`
        let hashes = "\n[manifest.sha256]\n\
            \"invocations.csv\" = \"984a644ec3b56d32b0404777e1eb73390c4b0742a6a0e183f07861056b6746de\"\n\
            \"summary.json\" = \"ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356\"\n";
        assert_eq!(read(&folder, MANIFEST), format!("name = \"m\"\n{hashes}"));
    }

    #[test]
    fn a_run_that_fails_leaves_earlier_results_alone() {
        let parent = tempfile::tempdir().unwrap();
        let first = create(parent.path(), true);
        write(&first, "id\n");
        first.commit(&[(SUMMARY, "first")], "", rules()).unwrap();
        let second = create(parent.path(), true);
        write(&second, "half a line");
        drop(second);
        assert_eq!(names(parent.path()), FILES_SORTED);
        assert_eq!(
            (read(parent.path(), INVOCATIONS), read(parent.path(), SUMMARY)),
            ("id\n".into(), "first".into())
        );
    }

    const FILES_SORTED: [&str; 3] = [INVOCATIONS, MANIFEST, SUMMARY];

    /// A folder stands where a file is to be: nothing is begun, and nothing has changed.
    #[test]
    fn a_place_that_is_taken_is_found_before_anything_is_simulated() {
        let parent = tempfile::tempdir().unwrap();
        let first = create(parent.path(), true);
        write(&first, "id\n");
        first.commit(&[(SUMMARY, "first")], "", rules()).unwrap();
        std::fs::remove_file(parent.path().join(SUMMARY)).unwrap();
        std::fs::create_dir(parent.path().join(SUMMARY)).unwrap();
        let error = Output::create(parent.path(), streams(true), rules()).err().unwrap();
        assert!(error.to_string().contains("summary.json"), "{error}");
        assert_eq!(
            (names(parent.path()), read(parent.path(), INVOCATIONS)),
            (FILES_SORTED.map(str::to_owned).to_vec(), "id\n".to_owned())
        );
        // One that comes there while the run goes on.
        std::fs::remove_dir(parent.path().join(SUMMARY)).unwrap();
        let second = create(parent.path(), true);
        write(&second, "new\n");
        std::fs::create_dir(parent.path().join(SUMMARY)).unwrap();
        let manifest = read(parent.path(), MANIFEST);
        second.commit(&[(SUMMARY, "second")], "", rules()).unwrap_err();
        assert_eq!(names(parent.path()), FILES_SORTED);
        assert_eq!(
            (read(parent.path(), INVOCATIONS), read(parent.path(), MANIFEST)),
            ("id\n".to_owned(), manifest)
        );
    }

    #[test]
    fn folders_made_for_a_run_that_fails_go_with_it() {
        let parent = tempfile::tempdir().unwrap();
        drop(create(&parent.path().join("results/study/a"), true));
        assert!(names(parent.path()).is_empty());
        // What was there before stays, and so does what holds something else.
        create(&parent.path().join("results/study/a"), false)
            .commit(&[(SUMMARY, "")], "", rules())
            .unwrap();
        drop(create(&parent.path().join("results/study/b"), true));
        drop(create(&parent.path().join("results/study"), true));
        assert_eq!(names(&parent.path().join("results/study")), ["a"]);
    }

    #[test]
    fn one_run_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("results/study");
        let first = create(&folder, true);
        write(&first, "first\n");
        let error = Output::create(&folder, streams(true), rules()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        first.commit(&[(SUMMARY, "first")], "", rules()).unwrap();
        let second = create(&folder, true);
        write(&second, "second\n");
        second.commit(&[(SUMMARY, "second")], "", rules()).unwrap();
        assert_eq!(
            (read(&folder, INVOCATIONS), read(&folder, SUMMARY)),
            ("second\n".into(), "second".into())
        );
        // One that comes to a folder which the other one is about to remove makes it again.
        let (failed, begun) = (std::sync::atomic::AtomicU32::new(0), parent.path().join("a/b/c"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        match Output::create(&begun, streams(true), rules()) {
                            Ok(output) => drop(output),
                            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                            Err(_) => {
                                failed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(failed.into_inner(), 0);
    }

    /// What runs have left that were killed.
    #[test]
    fn what_dead_runs_left_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let stray =
            [".invocations.csv.aBc123.partial", ".summary.json.aBc123.partial", ".isotherm.lock"];
        for name in stray.iter().chain(&[".mine.csv.aBc123.partial"]) {
            std::fs::write(folder.path().join(name), "half").unwrap();
        }
        drop(create(folder.path(), true));
        assert_eq!(names(folder.path()), [".mine.csv.aBc123.partial"]);
    }

    /// A folder on another file system than that of temporary files, if the system has one.
    #[cfg(unix)]
    fn elsewhere() -> Option<tempfile::TempDir> {
        use std::os::unix::fs::MetadataExt;
        let here = std::env::temp_dir().metadata().unwrap().dev();
        let others = ["/dev/shm", "/run/shm", env!("CARGO_MANIFEST_DIR")].map(Path::new);
        let mut others = others
            .into_iter()
            .filter(|other| other.metadata().is_ok_and(|known| known.dev() != here));
        others.find_map(|other| tempfile::tempdir_in(other).ok())
    }

    /// Links may lead to another file system, where nothing can be renamed to. What is written
    /// waits beside what it replaces; what is written into a device does not.
    #[cfg(unix)]
    #[test]
    fn links_are_written_through_to_wherever_they_lead() {
        use std::os::unix::fs::symlink;
        let other = elsewhere().unwrap_or_else(|| tempfile::tempdir().unwrap());
        let (folder, other) = (tempfile::tempdir().unwrap(), other.path().canonicalize().unwrap());
        let (records, seal) = (other.join("records"), other.join("seal"));
        for (name, file) in [(INVOCATIONS, &records), (MANIFEST, &seal)] {
            std::fs::write(file, "old").unwrap();
            symlink(file, folder.path().join(name)).unwrap();
        }
        symlink("/dev/null", folder.path().join(SUMMARY)).unwrap();
        // What runs have left that were killed: one while it wrote, one while files got their
        // names.
        std::fs::write(other.join(".records.aBc123.partial"), "half").unwrap();
        std::fs::write(other.join(".seal.aBc123.earlier"), "older").unwrap();
        let rules = Rules { force: true, ..rules() };
        let output = Output::create(folder.path(), streams(true), rules).unwrap();
        write(&output, "new\n");
        let (here, there) = (names(folder.path()), names(&other));
        assert_eq!(here, [".isotherm.lock", INVOCATIONS, MANIFEST, SUMMARY]);
        assert!(
            there.len() == 3
                && there[0].starts_with(".records.")
                && there[0] != ".records.aBc123.partial",
            "{there:?}"
        );
        output.commit(&[(SUMMARY, "{}\n")], "name = \"m\"\n", rules).unwrap();
        assert_eq!(
            (names(folder.path()), names(&other)),
            (FILES_SORTED.map(str::to_owned).to_vec(), vec!["records".into(), "seal".into()])
        );
        assert_eq!(read(&other, "records"), "new\n");
        assert!(read(&other, "seal").starts_with("name = \"m\"\n"));
        assert!(FILES_SORTED.iter().all(|name| folder.path().join(name).is_symlink()));
    }

    /// The records of an earlier run would be taken for those of this one.
    #[test]
    fn a_run_without_records_removes_those_of_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), true).commit(&[(SUMMARY, "first")], "", rules()).unwrap();
        let second = create(folder.path(), false);
        assert!(second.stream(INVOCATIONS).unwrap().is_none());
        assert_eq!(
            names(folder.path()),
            [".isotherm.lock", INVOCATIONS, MANIFEST, SUMMARY],
            "all is as it was"
        );
        second.commit(&[(SUMMARY, "second")], "", rules()).unwrap();
        assert_eq!(names(folder.path()), [MANIFEST, SUMMARY]);
    }
}
