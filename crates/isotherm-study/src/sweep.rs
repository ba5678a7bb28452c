//! A sweep: all points of an experiment, each with all of its seeds.
//!
//! A run has a key, a hash of everything that its results depend on, and its results are in the
//! folder `points/KEY`. They are written into `points/.KEY.partial`, brought to the disk and then
//! renamed, so a folder without a point before its name is complete, whenever the process was
//! killed. A sweep leaves out runs whose folders are there and whose files have the hashes of their
//! manifests; what was damaged is run again. What the experiment and its points are
//! called stands in the tables only; in the folder of a run its key is its name.
//!
//! The key is made of the experiment with all defaults, without its name, the content of the files
//! that it reads, the seed, whether there are records, and the program that runs it. Runs with
//! policies of a program, whose code has no hash, are always run anew. Two runs of a sweep with one
//! key are one run.
//!
//! All points are checked before the first is run, with one plan in memory at a time. Workers plan
//! their runs again, so that there are as many plans as workers.
//!
//! A [shard](crate::shard) runs a part of the runs and writes no tables; [`merge`](crate::merge())
//! does. Shards may run in one folder at the same time: each run has a lock of its own then.

use std::any::Any;
use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isotherm_experiment::output::{FolderLock, Lock, Rules, SUMMARY, refuse_run, sha256};
use isotherm_experiment::{
    Depth, Diagnostics, ExperimentError, Hashes, Inputs, Overrides, Points, RunOptions, Setting,
};
use serde_json::Value;
use thiserror::Error;

use crate::precision::Repeats;
use crate::shard::{PlannedPoint, Shard, ShardFile, SweepPlan, key};
use crate::stored::{POINTS, clear_partial, is_complete, partial, put, remove};
use crate::tables::{self, PointRow};

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
    files: Hashes,
    inputs: Inputs,
    /// The number of seeds of the point that has most.
    repetitions: u64,
    /// How many runs each point has, if that is not the same for all.
    repeats: Option<Repeats>,
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

/// How the runs of a sweep are carried out. Nothing of it changes their results.
#[derive(Clone)]
pub struct SweepOptions {
    /// How many runs there are at a time; 0 for one on each core.
    pub jobs: usize,
    /// Whether the runs write `invocations.csv`.
    pub records: bool,
    /// Whether all runs are run again.
    pub fresh: bool,
    /// The part that is run, if not all of it is.
    pub shard: Option<Shard>,
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
            shard: None,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            stop: Arc::new(|| false),
            progress: Arc::new(|_| {}),
        }
    }
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SweepProgress {
    /// How many runs are looked for in the folder, each with its files. None is carried out before
    /// all were.
    pub looked_for: u64,
    /// How many of them were looked for so far.
    pub looked_up: u64,
    /// The number of runs, without those that were there already.
    pub runs: u64,
    /// How many have ended, failed ones included.
    pub ended: u64,
    /// How many have failed.
    pub failed: u64,
    /// The same as `ended`, with the parts of those that are going on.
    pub parts: f64,
}

/// What a sweep has come to, or a shard of it, or all of its shards.
#[derive(Clone, Debug, Default)]
pub struct SweepOutcome {
    /// The name of the experiment.
    pub name: String,
    /// The number of points.
    pub points: u64,
    /// How many runs each point has.
    pub repetitions: u64,
    /// The number of runs: points times repetitions. Of a shard, how many runs it has.
    pub runs: u64,
    /// How many of them were carried out.
    pub done: u64,
    /// How many of them were there already.
    pub reused: u64,
    /// How many of them are the same as another one of them, which has been counted.
    pub alike: u64,
    /// Those that have no results.
    pub failed: Vec<FailedRun>,
    /// Those that no shard has carried out yet. Then there are no tables.
    pub missing: Vec<FailedRun>,
    /// The shards that these belong to.
    pub unfinished: BTreeSet<Shard>,
    /// Whether it was stopped. Then there are no tables.
    pub is_stopped: bool,
    /// Whether it was stopped before all was verified that was found. Then nothing has changed.
    pub is_unverified: bool,
    /// The points, for a table. Of a shard there is none.
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
        Self::watched(points, file, &mut |_| {})
    }

    /// The same, and tells the number of points that were checked after each of them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of them.
    pub fn watched(
        points: Points,
        file: &Path,
        watch: &mut dyn FnMut(u64),
    ) -> Result<Self, Diagnostics> {
        let (mut files, mut inputs) = (Hashes::default(), Inputs::default());
        inputs.add(file);
        let mut checked: Vec<CheckedPoint> = Vec::new();
        let files_of_all = std::cell::RefCell::new(&mut files);
        let unreadable = std::cell::RefCell::new(None);
        let first = points.check(Depth::Beginning, &mut |point| {
            let paths: Vec<PathBuf> = point.inputs.iter().map(Path::to_owned).collect();
            let hash = |path: &Path| {
                files_of_all.borrow_mut().hash(path).unwrap_or_else(|error| {
                    let path = path.display();
                    let message = format!("cannot read `{path}`: {error}");
                    unreadable.borrow_mut().get_or_insert(message);
                    String::new()
                })
            };
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
            watch(point.point + 1);
        })?;
        if let Some(message) = unreadable.into_inner() {
            return Err(Diagnostics::single(&message));
        }
        let (name, warnings) = (first.name().to_owned(), first.warnings().clone());
        let repetitions = points.repetitions();
        Ok(Sweep { points, name, warnings, checked, files, inputs, repetitions, repeats: None })
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
        match &self.repeats {
            None => self.points.count() * self.points.repetitions(),
            Some(repeats) => repeats.counts.iter().sum(),
        }
    }

    /// From now on each point has so many runs.
    pub(crate) fn repeat(&mut self, repeats: Repeats) {
        self.repetitions = repeats.counts.iter().copied().max().unwrap_or(1);
        self.repeats = Some(repeats);
    }

    /// The seed of the first run of a point.
    pub(crate) fn seed(&self, point: u64) -> u64 {
        self.checked[point as usize].seed
    }

    /// The numbers of all runs, in the order of points and repetitions.
    pub(crate) fn all(&self) -> impl Iterator<Item = u64> {
        let repetitions = self.repetitions;
        (0..self.points.count() * repetitions).filter(move |number| {
            let (point, repetition) = (number / repetitions, number % repetitions);
            let repeats = self.repeats.as_ref();
            repeats.is_none_or(|repeats| repetition < repeats.counts[point as usize])
        })
    }

    /// What a point is called.
    #[must_use]
    pub fn label(&self, point: u64) -> String {
        Setting::label(&self.points.settings(point))
    }

    /// The folders of the results of all runs, in the order of points and repetitions.
    pub fn folders(&self, out: &Path, options: &SweepOptions) -> impl Iterator<Item = PathBuf> {
        let folder = out.join(POINTS);
        self.all().map(move |number| folder.join(self.run_of(number, options).key))
    }

    /// The folder of the results of a run.
    pub(crate) fn folder(&self, out: &Path, run: &RunOfSweep) -> PathBuf {
        out.join(POINTS).join(&run.key)
    }

    /// The texts of the summaries that there are, with the name of the experiment and what was
    /// changed for the point, in the order of points and repetitions. Of a shard, those of its
    /// runs.
    pub fn summaries(&self, out: &Path, options: &SweepOptions) -> impl Iterator<Item = String> {
        let folder = out.join(POINTS);
        let numbers = match options.shard {
            None => self.all().collect(),
            Some(_) => self.numbers(options),
        };
        numbers.into_iter().filter_map(move |number| {
            let RunOfSweep { point, key, .. } = self.run_of(number, options);
            let text = std::fs::read_to_string(folder.join(&key).join(SUMMARY)).ok()?;
            let settings = self.points.settings(point).into_iter();
            let settings = settings.map(|setting| (setting.path, Value::from(setting.shown)));
            let settings = Value::Object(settings.collect());
            let name = format!("\"name\": {}", Value::from(self.name.clone()));
            let text = text.replacen(&format!("\"name\": \"{key}\""), &name, 1);
            Some(text.trim_end().replacen("\"sweep\": {}", &format!("\"sweep\": {settings}"), 1))
        })
    }

    /// The numbers of the runs that are to have results, each key once: all, or those of a shard.
    #[must_use]
    pub fn numbers(&self, options: &SweepOptions) -> Vec<u64> {
        let mut keys = BTreeSet::new();
        let distinct = self.all().filter(|&number| keys.insert(self.run_of(number, options).key));
        match options.shard {
            None => distinct.collect(),
            Some(shard) => (0..)
                .zip(distinct)
                .filter(|&(index, _)| Shard::of_run(index, shard.count()) == shard)
                .map(|(_, number)| number)
                .collect(),
        }
    }

    /// Everything that is to be known of the runs once they are there.
    fn plan(&self, options: &SweepOptions) -> SweepPlan {
        let values = |point| {
            let settings = self.points.settings(point);
            settings.into_iter().map(|setting| setting.shown).collect()
        };
        let point = |(point, checked): (u64, &CheckedPoint)| PlannedPoint {
            digest: checked.digest.clone(),
            seed: checked.seed,
            repetitions: self.repeats.as_ref().map(|repeats| repeats.counts[point as usize]),
            values: values(point),
        };
        SweepPlan {
            isotherm: env!("CARGO_PKG_VERSION").to_owned(),
            build: options.build.clone(),
            name: self.name.clone(),
            records: options.records,
            repetitions: self.repetitions,
            axes: self.points.axes(),
            points: (0..).zip(&self.checked).map(point).collect(),
        }
    }

    pub(crate) fn run_of(&self, number: u64, options: &SweepOptions) -> RunOfSweep {
        let (point, repetition) = (number / self.repetitions, number % self.repetitions);
        let checked = &self.checked[point as usize];
        let seed = checked.seed + repetition;
        let key = key(&options.build, &checked.digest, seed, options.records);
        RunOfSweep { point, repetition, seed, key }
    }

    /// Runs what has no results in `out` yet, and writes the tables unless it is a shard. A run
    /// that fails does not stop the others.
    ///
    /// # Errors
    ///
    /// The folder cannot be written into, or another sweep writes into it.
    pub fn run(&self, out: &Path, options: &SweepOptions) -> Result<SweepOutcome, SweepError> {
        let error = |path: &Path| {
            let path = path.to_owned();
            |source| SweepError::Output { path, source }
        };
        refuse_run(out).map_err(|reason| error(out)(reason.into()))?;
        let _lock = match options.shard {
            None => FolderLock::of(out),
            Some(shard) => {
                let busy = format!("shard {shard} is being run there at this moment");
                FolderLock::of_part(out, &format!("shard-{}", shard.name()), &busy)
            }
        };
        let _lock = _lock.map_err(error(out))?;
        let folder = out.join(POINTS);
        std::fs::create_dir_all(&folder).map_err(error(&folder))?;
        if options.shard.is_none() {
            clear_partial(&folder).map_err(error(&folder))?;
        }
        let rules = Rules { inputs: &self.inputs, force: false };
        let left = options.shard.map(|shard| {
            let sweep = self.plan(options);
            (ShardFile::path(out, shard), ShardFile::new(shard, sweep))
        });
        if let Some((path, file)) = &left {
            file.write(path, rules).map_err(error(path))?;
        }
        let numbers = self.numbers(options);
        let distinct = numbers.len() as u64;
        let runs = if options.shard.is_some() { numbers.len() as u64 } else { self.runs() };
        let is_todo = |number: &u64| {
            let run = self.run_of(*number, options);
            let is_new = options.fresh || self.checked[run.point as usize].has_own_policies;
            let repeats = self.repeats.as_ref();
            let is_done =
                repeats.is_some_and(|repeats| run.repetition < repeats.done[run.point as usize]);
            !is_done && (is_new || !is_complete(&folder.join(run.key)))
        };
        let jobs = match options.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.min(numbers.len())).build();
        let pool = pool.map_err(|error| SweepError::Workers(error.to_string()))?;
        let looked_up = AtomicU64::new(0);
        let is_unverified = AtomicBool::new(false);
        // All files of all runs that are there are read. Each worker takes the next number by
        // itself: rayon would let a worker that waits in `stop` begin another one.
        let (next, todo) = (AtomicUsize::new(0), Mutex::default());
        let look_up = || {
            while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                if is_unverified.load(Ordering::Relaxed) || (options.stop)() {
                    return is_unverified.store(true, Ordering::Relaxed);
                }
                if is_todo(&number) {
                    let mut todo: MutexGuard<'_, Vec<u64>> =
                        todo.lock().unwrap_or_else(PoisonError::into_inner);
                    todo.push(number);
                }
                (options.progress)(&SweepProgress {
                    looked_for: distinct,
                    looked_up: 1 + looked_up.fetch_add(1, Ordering::Relaxed),
                    ..SweepProgress::default()
                });
            }
        };
        pool.scope(|scope| {
            for _ in 0..jobs.min(numbers.len()) {
                scope.spawn(|_| look_up());
            }
        });
        let mut todo = todo.into_inner().unwrap_or_else(PoisonError::into_inner);
        todo.sort_unstable();
        if is_unverified.into_inner() {
            return Ok(SweepOutcome {
                name: self.name.clone(),
                points: self.points.count(),
                repetitions: self.repetitions,
                runs,
                alike: runs - distinct,
                is_stopped: true,
                is_unverified: true,
                ..SweepOutcome::default()
            });
        }
        // Those of an earlier sweep, unless they are read by this one.
        let tables = tables::ALL.map(|name| out.join(name));
        for path in tables.iter().filter(|path| !todo.is_empty() && !self.inputs.contains(path)) {
            match std::fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(error(path)(source));
                }
                _ => {}
            }
        }
        let work = Work {
            sweep: self,
            folder: &folder,
            options,
            todo: &todo,
            next: AtomicUsize::new(0),
            watched: Arc::new(Watched {
                looked_for: distinct,
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
        let jobs = jobs.min(todo.len());
        if jobs > 0 {
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
            name: self.name.clone(),
            points: self.points.count(),
            repetitions: self.repetitions,
            runs,
            done: watched.ended.load(Ordering::Relaxed) - failed.len() as u64,
            reused: distinct - todo.len() as u64,
            alike: runs - distinct,
            is_stopped: watched.is_stopped.load(Ordering::Relaxed),
            ..SweepOutcome::default()
        };
        for (number, reason) in &failed {
            let RunOfSweep { point, seed, .. } = self.run_of(*number, options);
            let (name, reason) = (self.label(point), reason.clone());
            outcome.failed.push(FailedRun { point, name, seed, reason });
        }
        match left {
            _ if outcome.is_stopped => {}
            Some((path, file)) => {
                let file = ShardFile { failed: Some(failed), ..file };
                file.write(&path, rules).map_err(error(&path))?;
            }
            None => {
                let plan = self.plan(options);
                outcome.rows = tables::write(&plan, out, &folder, rules).map_err(error(out))?;
            }
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
    looked_for: u64,
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
            looked_for: self.looked_for,
            looked_up: self.looked_for,
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
            let told = Arc::new(AtomicU64::new(0));
            if let Err(reason) = self.alone(&run, &told, jobs) {
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

    /// Does one run, and no other process does it meanwhile.
    fn alone(
        &self,
        run: &RunOfSweep,
        told: &Arc<AtomicU64>,
        jobs: usize,
    ) -> Result<(), Unfinished> {
        // Shards of an experiment that was changed, or divided otherwise, may have it in common.
        let lock = self.options.shard.map(|_| Lock::of_file(&self.folder.join(&run.key)));
        let _lock = lock.transpose().map_err(|error| Unfinished::Failed(error.to_string()))?;
        let partial = partial(self.folder, &run.key);
        let _ = remove(&partial);
        // What a panic leaves behind is the folder, which is removed.
        let done = catch_unwind(AssertUnwindSafe(|| self.one(run, &partial, told, jobs)));
        let done = done.unwrap_or_else(|panic| Err(Unfinished::Failed(panicked(&*panic))));
        if done.is_err() {
            let _ = remove(&partial);
        }
        // What was there before is no result of a run that fails. One that is stopped keeps it.
        if matches!(done, Err(Unfinished::Failed(_))) {
            let _ = remove(&self.folder.join(&run.key));
        }
        done
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
            Some(path) if !path.exists() => {
                let path = path.display();
                Err(failed(&format!("cannot read `{path}`: it was removed since the sweep began")))
            }
            Some(path) => {
                Err(failed(&format!("`{}` has changed since the sweep began", path.display())))
            }
            None => Ok(()),
        };
        unchanged()?;
        let plan = self.sweep.points.plan_nameless(run.point, run.repetition, &run.key);
        let experiment = plan.map_err(|diagnostics| {
            let messages = diagnostics.list().iter().map(|one| one.message.as_str());
            failed(&messages.collect::<Vec<_>>().join("; "))
        })?;
        let mut options = RunOptions::default();
        options.records = self.options.records;
        options.reads_ahead = jobs == 1;
        options.inputs = self.sweep.files.of(files);
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

/// What a panic says.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("internal error: {}", text.unwrap_or("unknown"))
}
