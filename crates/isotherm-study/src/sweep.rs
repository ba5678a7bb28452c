//! A sweep: all points of an experiment, each with all of its seeds.
//!
//! A run has a key, a hash of everything that its results depend on, and its results are in the
//! folder `points/KEY`. They are written into `points/.KEY.partial`, brought to the disk and then
//! renamed, so a folder without a point before its name is complete, whenever the process was
//! killed. A sweep leaves out runs whose folders are there. What points are called stands in the
//! tables only.
//!
//! The key is made of the experiment with all defaults, without its name, the content of the files
//! that it reads, the seed, whether there are records, and the program that runs it. Runs with
//! policies of a program, whose code has no hash, are always run anew. Two runs of a sweep with one
//! key are one run.
//!
//! All points are checked before the first is run, with one plan in memory at a time. Workers plan
//! their runs again, so that there are as many plans as workers.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use isotherm_experiment::output::{FILES, FolderLock, MANIFEST, Rules, sha256, sha256_of};
use isotherm_experiment::{
    Depth, Diagnostics, ExperimentError, Inputs, Overrides, Points, RunOptions, Setting,
};
use thiserror::Error;

use crate::tables::{self, PointRow};

/// The folder of the runs of a sweep.
const POINTS: &str = "points";

/// Characters of a key: 128 bits.
const KEY: usize = 32;

/// How finely the progress of a run is counted.
const PARTS: u64 = 1000;

/// An experiment with a sweep, all of whose points were checked.
#[derive(Debug)]
pub struct Sweep {
    points: Points,
    name: String,
    warnings: Diagnostics,
    /// In the order of the points.
    checked: Vec<CheckedPoint>,
    files: Files,
    inputs: Inputs,
}

/// What is known of a point.
#[derive(Debug)]
struct CheckedPoint {
    /// A hash of what its results depend on, but for the seed.
    digest: String,
    /// The seed of its first repetition.
    seed: u64,
    /// Policies of a program take part.
    has_own_policies: bool,
    /// The files that it reads.
    files: Arc<[PathBuf]>,
}

/// The files that runs read, hashed once.
#[derive(Debug, Default)]
struct Files {
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

impl Files {
    /// The hash of a file; empty for what is not a file. What cannot be read is found when the
    /// point is planned.
    fn hash(&mut self, path: &Path) -> String {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if let Some((_, hash)) = self.known.get(&path) {
            return hash.clone();
        }
        let stamp = Stamp::of(&path);
        let hash = match path.is_file() {
            true => sha256_of(&path).unwrap_or_default(),
            false => String::new(),
        };
        self.known.insert(path, (stamp, hash.clone()));
        hash
    }

    /// The first of these files that has changed since it was hashed.
    fn changed<'a>(&self, paths: &'a [PathBuf]) -> Option<&'a Path> {
        let is_changed = |path: &PathBuf| {
            self.known
                .get(path)
                .is_some_and(|(stamp, _)| path.is_file() && *stamp != Stamp::of(path))
        };
        paths.iter().find(|path| is_changed(path)).map(PathBuf::as_path)
    }
}

/// How the runs of a sweep are carried out. Nothing of it changes their results.
#[derive(Clone)]
pub struct SweepOptions {
    /// How many runs there are at a time; 0 for one on each core.
    pub jobs: usize,
    /// Whether the runs write `invocations.csv`.
    pub records: bool,
    /// Whether all runs are run again.
    pub fresh: bool,
    /// What tells the program that runs the sweep from others: results of another one are not used
    /// again.
    pub build: String,
    /// Asked often; the sweep ends when it says so, and can be continued.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Called often, by all workers.
    pub progress: Arc<dyn Fn(&SweepProgress) + Send + Sync>,
}

impl Default for SweepOptions {
    fn default() -> Self {
        SweepOptions {
            jobs: 0,
            records: true,
            fresh: false,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            stop: Arc::new(|| false),
            progress: Arc::new(|_| {}),
        }
    }
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SweepProgress {
    /// The number of runs, without those that were there already.
    pub runs: u64,
    /// How many have ended, failed ones included.
    pub ended: u64,
    /// How many have failed.
    pub failed: u64,
    /// The same as `ended`, with the parts of those that are going on.
    pub parts: f64,
}

/// What a sweep has come to.
#[derive(Clone, Debug, Default)]
pub struct SweepOutcome {
    /// The number of runs: points times repetitions.
    pub runs: u64,
    /// How many of them were carried out.
    pub done: u64,
    /// How many of them were there already.
    pub reused: u64,
    /// Those that have no results.
    pub failed: Vec<FailedRun>,
    /// Whether it was stopped. Then there are no tables.
    pub is_stopped: bool,
    /// The points, for a table.
    pub rows: Vec<PointRow>,
}

/// A run without results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRun {
    /// The number of its point.
    pub point: u64,
    /// What its point is called.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// Why.
    pub reason: String,
}

/// Why a sweep cannot be carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The experiment is wrong.
    #[error("{0}")]
    Input(Diagnostics),
    /// A folder or file cannot be written or read.
    #[error("cannot write the results in `{}`", path.display())]
    Output {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There cannot be so many threads.
    #[error("cannot start the workers: {0}")]
    Workers(String),
}

impl From<Diagnostics> for SweepError {
    fn from(diagnostics: Diagnostics) -> Self {
        SweepError::Input(diagnostics)
    }
}

/// A run of a sweep.
#[derive(Clone, Debug)]
pub(crate) struct RunOfSweep {
    pub point: u64,
    pub repetition: u64,
    pub seed: u64,
    pub key: String,
}

impl Sweep {
    /// Reads an experiment and checks all points of its sweep.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of them.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Diagnostics> {
        Self::of(Points::load(path, overrides)?, path)
    }

    /// Checks all points of an experiment that was read from a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of them.
    pub fn of(points: Points, file: &Path) -> Result<Self, Diagnostics> {
        let (mut files, mut inputs) = (Files::default(), Inputs::default());
        inputs.add(file);
        let mut checked: Vec<CheckedPoint> = Vec::new();
        let files_of_all = std::cell::RefCell::new(&mut files);
        let first = points.check(Depth::Beginning, &mut |point| {
            let paths: Vec<PathBuf> = point.inputs.iter().map(Path::to_owned).collect();
            let hash = |path: &Path| files_of_all.borrow_mut().hash(path);
            let mut text = point.identity(&hash);
            for path in &paths {
                text += "\n";
                text += &hash(path);
                inputs.add(path);
            }
            let before = checked.last().filter(|before| *before.files == *paths);
            checked.push(CheckedPoint {
                digest: sha256(text.as_bytes()),
                seed: point.run.plan.seed,
                has_own_policies: point.has_own_policies(),
                files: before.map_or_else(|| paths.into(), |before| Arc::clone(&before.files)),
            });
        })?;
        let (name, warnings) = (first.name().to_owned(), first.warnings().clone());
        Ok(Sweep { points, name, warnings, checked, files, inputs })
    }

    /// The name of the experiment, which is also that of the folder of its results.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was accepted but is probably not intended.
    #[must_use]
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The points, which need not be planned again to be counted or named.
    #[must_use]
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// The number of runs: points times repetitions.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.points.count() * self.points.repetitions()
    }

    /// What a point is called.
    #[must_use]
    pub fn label(&self, point: u64) -> String {
        Setting::label(&self.points.settings(point))
    }

    /// The folders of the results of all runs, in the order of points and repetitions.
    pub fn folders(&self, out: &Path, options: &SweepOptions) -> impl Iterator<Item = PathBuf> {
        let folder = out.join(POINTS);
        (0..self.runs()).map(move |number| folder.join(self.run_of(number, options).key))
    }

    pub(crate) fn run_of(&self, number: u64, options: &SweepOptions) -> RunOfSweep {
        let (point, repetition) =
            (number / self.points.repetitions(), number % self.points.repetitions());
        let checked = &self.checked[point as usize];
        let seed = checked.seed + repetition;
        let SweepOptions { build, records, .. } = options;
        let text = format!("{build}\n{}\nseed {seed}\nrecords {records}\n", checked.digest);
        let mut key = sha256(text.as_bytes());
        key.truncate(KEY);
        RunOfSweep { point, repetition, seed, key }
    }

    /// Runs what has no results in `out` yet, and writes the tables. A run that fails does not stop
    /// the others.
    ///
    /// # Errors
    ///
    /// The folder cannot be written into, or another sweep writes into it.
    pub fn run(&self, out: &Path, options: &SweepOptions) -> Result<SweepOutcome, SweepError> {
        let error = |path: &Path| {
            let path = path.to_owned();
            |source| SweepError::Output { path, source }
        };
        let _lock = FolderLock::of(out).map_err(error(out))?;
        let folder = out.join(POINTS);
        std::fs::create_dir_all(&folder).map_err(error(&folder))?;
        clear_partial(&folder).map_err(error(&folder))?;
        let mut todo = Vec::new();
        let mut keys = BTreeSet::new();
        for number in 0..self.runs() {
            let run = self.run_of(number, options);
            let is_new = options.fresh || self.checked[run.point as usize].has_own_policies;
            if keys.insert(run.key.clone()) && (is_new || !is_complete(&folder.join(&run.key))) {
                todo.push(number);
            }
        }
        drop(keys);
        if options.fresh {
            for &number in &todo {
                let old = folder.join(self.run_of(number, options).key);
                remove(&old).map_err(error(&old))?;
            }
        }
        if !todo.is_empty() {
            tables::remove(out, &self.inputs).map_err(error(out))?;
        }
        let work = Work {
            sweep: self,
            folder: &folder,
            options,
            todo: &todo,
            next: AtomicUsize::new(0),
            watched: Arc::new(Watched {
                runs: todo.len() as u64,
                ended: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                parts: AtomicU64::new(0),
                is_stopped: AtomicBool::new(false),
                stop: Arc::clone(&options.stop),
                progress: Arc::clone(&options.progress),
            }),
            failed: Mutex::default(),
        };
        let jobs = match options.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        };
        let jobs = jobs.min(todo.len());
        if jobs > 0 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
            let pool = pool.map_err(|error| SweepError::Workers(error.to_string()))?;
            pool.scope(|scope| {
                for _ in 0..jobs {
                    scope.spawn(|_| work.some(jobs));
                }
            });
        }
        let watched = Arc::clone(&work.watched);
        let mut failed = work.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.sort_unstable_by_key(|&(number, _)| number);
        let mut outcome = SweepOutcome {
            runs: self.runs(),
            done: watched.ended.load(Ordering::Relaxed) - failed.len() as u64,
            reused: self.runs() - todo.len() as u64,
            is_stopped: watched.is_stopped.load(Ordering::Relaxed),
            ..SweepOutcome::default()
        };
        for (number, reason) in failed {
            let RunOfSweep { point, seed, .. } = self.run_of(number, options);
            outcome.failed.push(FailedRun { point, name: self.label(point), seed, reason });
        }
        if !outcome.is_stopped {
            let rules = Rules { inputs: &self.inputs, force: false };
            outcome.rows = tables::write(self, out, &folder, options, rules).map_err(error(out))?;
        }
        Ok(outcome)
    }
}

/// The runs that are to be done, and the workers that do them.
struct Work<'a> {
    sweep: &'a Sweep,
    folder: &'a Path,
    options: &'a SweepOptions,
    todo: &'a [u64],
    next: AtomicUsize,
    watched: Arc<Watched>,
    failed: Mutex<Vec<(u64, String)>>,
}

/// What the watcher of each run knows of all runs.
struct Watched {
    runs: u64,
    ended: AtomicU64,
    failed: AtomicU64,
    /// Runs that have ended, and parts of those that go on, in [`PARTS`] of a run.
    parts: AtomicU64,
    is_stopped: AtomicBool,
    stop: Arc<dyn Fn() -> bool + Send + Sync>,
    progress: Arc<dyn Fn(&SweepProgress) + Send + Sync>,
}

impl Watched {
    /// Whether the sweep is to end.
    fn is_over(&self) -> bool {
        if (self.stop)() {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn tell(&self) {
        (self.progress)(&SweepProgress {
            runs: self.runs,
            ended: self.ended.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            parts: self.parts.load(Ordering::Relaxed) as f64 / PARTS as f64,
        });
    }
}

/// Why a run has no results.
enum Unfinished {
    Stopped,
    Failed(String),
}

impl Work<'_> {
    /// Does one run after another, until there are none.
    fn some(&self, jobs: usize) {
        while !self.watched.is_over() {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(&number) = self.todo.get(next) else { return };
            let run = self.sweep.run_of(number, self.options);
            let partial = self.folder.join(format!(".{}.partial", run.key));
            let told = Arc::new(AtomicU64::new(0));
            // What a panic leaves behind is the folder, which is removed.
            let done = catch_unwind(AssertUnwindSafe(|| self.one(&run, &partial, &told, jobs)));
            let done = done.unwrap_or_else(|panic| Err(Unfinished::Failed(panicked(&*panic))));
            if let Err(reason) = done {
                let _ = remove(&partial);
                let Unfinished::Failed(reason) = reason else { return };
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).push((number, reason));
                self.watched.failed.fetch_add(1, Ordering::Relaxed);
            }
            let told = told.load(Ordering::Relaxed);
            self.watched.parts.fetch_add(PARTS - told, Ordering::Relaxed);
            self.watched.ended.fetch_add(1, Ordering::Relaxed);
            self.watched.tell();
        }
    }

    /// Does one run.
    fn one(
        &self,
        run: &RunOfSweep,
        partial: &Path,
        told: &Arc<AtomicU64>,
        jobs: usize,
    ) -> Result<(), Unfinished> {
        let failed = |error: &dyn std::fmt::Display| Unfinished::Failed(error.to_string());
        let files = &self.sweep.checked[run.point as usize].files;
        let unchanged = || match self.sweep.files.changed(files) {
            Some(path) => {
                Err(failed(&format!("`{}` has changed since the sweep began", path.display())))
            }
            None => Ok(()),
        };
        unchanged()?;
        let plan = self.sweep.points.plan(run.point, run.repetition);
        let experiment = plan.map_err(|diagnostics| failed(&diagnostics))?;
        let mut options = RunOptions::default();
        options.records = self.options.records;
        options.reads_ahead = jobs == 1;
        let (watched, told) = (Arc::clone(&self.watched), Arc::clone(told));
        options.watch = Some(Box::new(move |progress| {
            if watched.is_over() {
                return ControlFlow::Break(());
            }
            let part = (progress.part().unwrap_or(0.0) * PARTS as f64) as u64;
            let before = told.fetch_max(part, Ordering::Relaxed);
            watched.parts.fetch_add(part.saturating_sub(before), Ordering::Relaxed);
            watched.tell();
            ControlFlow::Continue(())
        }));
        let planned = &experiment.runs()[0];
        experiment.run_with(planned, partial, options).map_err(|error| match error {
            ExperimentError::Interrupted { .. } => Unfinished::Stopped,
            ExperimentError::Output { ref source, .. } => failed(&format!("{error}: {source}")),
            error => {
                let notes = error.notes();
                failed(&[vec![error.to_string()], notes].concat().join("; "))
            }
        })?;
        unchanged()?;
        put(partial, &self.folder.join(&run.key), self.folder)
            .map_err(|error| failed(&format!("cannot write the results: {error}")))
    }
}

/// Brings the files of a run to the disk, and gives their folder its final name.
fn put(partial: &Path, done: &Path, folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(partial)? {
        sync(&entry?.path())?;
    }
    sync(partial)?;
    remove(done)?;
    std::fs::rename(partial, done)?;
    sync(folder)
}

/// Waits until a file or folder is on the disk.
fn sync(path: &Path) -> io::Result<()> {
    // Other systems do not open folders.
    match cfg!(unix) || path.is_file() {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes what killed processes have left.
fn clear_partial(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let key = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".partial"));
        if key
            .is_some_and(|key| key.len() == KEY && key.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether a folder has the results of a run. It was renamed when they were complete, so this finds
/// only what was removed or damaged since.
fn is_complete(folder: &Path) -> bool {
    let Ok(manifest) = std::fs::read_to_string(folder.join(MANIFEST)) else { return false };
    // The manifest ends with the hashes of the other files.
    let is_listed = |name: &&str| manifest.contains(&format!("\n\"{name}\" = "));
    tables::summary(folder).is_ok()
        && FILES.iter().filter(|name| is_listed(name)).all(|name| folder.join(name).is_file())
}

/// What a panic says.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("internal error: {}", text.unwrap_or("unknown"))
}
