//! What differs between the results of runs, metric by metric, and how sure that is.
//!
//! [`compare`] takes folders: results of a run, a folder of them, or that of a sweep. Runs that
//! differ in their seed only are one set. Each set is compared with the first one:
//!
//! | what there is | the interval of the difference |
//! |---|---|
//! | two seeds or more in common | Student's t of the differences, seed by seed (paired t) |
//! | several runs on both sides, at most one seed in common | Welch's t |
//! | one run each, with the same seed | from the records, batch by batch in the order of submission: paired t of the means of 20 batches; for percentiles the bootstrap of 50 blocks, the same ones drawn of both |
//! | one run each, with other seeds | the same, but batches have nothing in common: Welch's t; the blocks of each drawn by itself |
//!
//! * Pairs are worth it because runs of the same seed meet the same arrivals and durations (*common
//!   random numbers*): what both have in common does not hide what differs. Runs that are equal
//!   differ by exactly 0.
//! * The percentile of a run is one number, so over several runs Student's t holds for it as for a
//!   mean; a bootstrap of few runs would be too narrow.
//! * Metrics that records do not say, such as the use of memory, have no interval if there is one
//!   run each. Nor have those of fewer than 40 invocations, or 100 for percentiles. If the seeds
//!   differ, the values then do not tell what the seed does from what the experiment does.
//! * A relative difference is one in parts of the value of the first set.
//! * That a difference can be told means that its 95 % interval is on one side of 0. Of twenty
//!   metrics that do not differ, one will on average seem to.
//!
//! Runs are comparable if they have the same workload (`[[workload]]`, and the trace of
//! `[functions]`), are written by the version of this library, and count the same part of the run
//! (`measure`).

mod records;
mod runs;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use isotherm_experiment::ResultsError;
use serde::Serialize;
use thiserror::Error;

use crate::listed::ListedError;
use crate::metric::{self, PRINCIPAL, UnknownMetric};
use crate::statistics::{Interval, LEVEL, Moments, paired, paired_relative, welch, welch_relative};

pub use words::{number, percent};

use records::{Records, Source};
use runs::{Run, Set, sets};

/// What is compared, and how.
#[derive(Clone, Debug, Default)]
pub struct CompareOptions {
    /// The names of metrics; all of them if it is empty.
    pub metrics: Vec<String>,
    /// Whether each function is compared on its own.
    pub by_function: bool,
}

/// Why results cannot be compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A folder does not have the results of a run.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A folder has no results in it.
    #[error("`{}` has no results in it: give the folder of a run, of several runs, or of a \
             sweep", .0.display())]
    NoResults(PathBuf),
    /// The table of a sweep cannot be used.
    #[error(transparent)]
    Table(#[from] ListedError),
    /// A file of the results is not what a run writes.
    #[error("cannot use `{}`: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The records of a run are not what it wrote.
    #[error("`{}` is damaged: {reason}: run the `manifest.toml` beside it again", path.display())]
    BrokenRecords {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Results are not there that the table of a sweep names.
    #[error(
        "`{}` has no results, and `points.csv` in `{}` names them: run the sweep again, which runs \
         what is missing", run.display(), folder.display()
    )]
    Gone {
        /// The folder of the sweep.
        folder: PathBuf,
        /// That of the run.
        run: PathBuf,
    },
    /// The first point of a sweep has no results.
    #[error(
        "the first point of `{}` ({name}) has no results, since its runs have failed, and all \
         others are compared with it: mend what fails and run the sweep again, or give the folders \
         of the runs that are to be compared", folder.display()
    )]
    FirstFailed {
        /// The folder of the sweep.
        folder: PathBuf,
        /// What the point is called.
        name: String,
    },
    /// All points of a sweep but the first have no results.
    #[error(
        "only the first point of the sweep ({0}) has results, since the runs of all others have \
         failed: mend what fails and run the sweep again"
    )]
    OthersFailed(String),
    /// There is one set of runs only.
    #[error(
        "there is nothing to compare `{0}` with: give the results of two runs, or of a sweep with \
         several points"
    )]
    Alone(String),
    /// One of several folders has several points of a sweep.
    #[error("`{}` has several points of a sweep ({points}): give their folders, or this folder \
             alone to compare them with each other", folder.display())]
    SeveralPoints {
        /// The folder.
        folder: PathBuf,
        /// How many.
        points: usize,
    },
    /// Two runs of a set have one seed.
    #[error("`{}` and `{}` are the same experiment with the same seed ({seed}): remove one of \
             them", one.display(), other.display())]
    SeedTwice {
        /// The seed.
        seed: u64,
        /// The folder of one.
        one: PathBuf,
        /// The folder of the other.
        other: PathBuf,
    },
    /// Another version has written the results.
    #[error("`{}` was written by Isotherm {theirs}, and this is {ours}: run its `manifest.toml` \
             again", folder.display())]
    OtherVersion {
        /// The folder.
        folder: PathBuf,
        /// The version in its manifest.
        theirs: String,
        /// The version of this library.
        ours: &'static str,
    },
    /// The workloads differ.
    #[error(
        "`{one}` and `{other}` have different workloads (`[[workload]]` or the trace of \
         `[functions]` in their `manifest.toml`), so their results are not comparable"
    )]
    OtherWorkload {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// Other parts of the runs count in the statistics.
    #[error(
        "`{one}` and `{other}` count different parts of a run (`measure` in their \
         `manifest.toml`), so their results are not comparable"
    )]
    OtherWindow {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// No invocation counts.
    #[error(
        "nothing is measured in `{}`: no invocation was submitted in the part of the run that \
         counts (`measure`)",
        .0.display()
    )]
    NothingMeasured(PathBuf),
    /// A metric is not known.
    #[error(transparent)]
    UnknownMetric(#[from] UnknownMetric),
    /// A metric that cannot be told for single functions.
    #[error(
        "`{0}` is not known for single functions: those are response times, `cold_share`, \
         `completed_share` and those of `cold_start_mean`, such as `cold_start_mean.queue_s`"
    )]
    NotByFunction(String),
    /// Records are needed that a run has not kept.
    #[error("`{}` has no records (`invocations.csv`), which say what each function did: run it \
             with records", .0.display())]
    NoRecords(PathBuf),
}

/// What differs between sets of runs.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The level of confidence of its intervals.
    pub level: f64,
    /// Each set beside the first one.
    pub against_first: Vec<Pair>,
    /// The points of the sweep that are not compared, since all of their runs have failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_results: Vec<String>,
}

/// What differs between two sets of runs.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// What the first set is called.
    pub base: String,
    /// What the other one is called.
    pub other: String,
    /// What intervals come from.
    pub method: Method,
    /// How many runs of the first set were used: those in pairs, if there are pairs.
    pub base_runs: usize,
    /// How many runs of the other set were used.
    pub other_runs: usize,
    /// The differences, metric by metric; by function, all metrics of one after those of the other.
    pub metrics: Vec<Difference>,
}

/// What intervals come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Runs with the same seed.
    PairedRuns,
    /// Runs that have nothing in common.
    IndependentRuns,
    /// Parts of two runs with the same seed.
    PairedBatches,
    /// Parts of two runs with different seeds.
    IndependentBatches,
}

/// How two values differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// By exactly nothing, run by run or part by part.
    Same,
    /// The other one is lower.
    Lower,
    /// The other one is higher.
    Higher,
    /// It may be by chance.
    CannotTell,
    /// There is no interval.
    NoInterval,
}

/// The difference of a metric.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The path of the metric.
    pub metric: String,
    /// The function, if each is compared on its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The value in the first set, the mean over its runs.
    pub base: f64,
    /// The value in the other set.
    pub other: f64,
    /// How much more it is in the other one.
    pub difference: f64,
    /// The interval of the difference.
    pub interval: Option<Interval>,
    /// The difference as a part of the value in the first set; null if that is not above 0, for
    /// all that its runs tell.
    pub relative: Option<f64>,
    /// The interval of that part. Between runs it is not the other one divided by the value in the
    /// first set, which is not certain either: see [`paired_relative`] and [`welch_relative`].
    pub relative_interval: Option<Interval>,
    /// What can be told.
    pub verdict: Verdict,
    /// The same in words.
    pub says: String,
}

impl Difference {
    /// Whether it is one of those that say most about a run.
    #[must_use]
    pub fn is_principal(&self) -> bool {
        PRINCIPAL.contains(&self.metric.as_str())
    }
}

/// Compares the results in folders with those in the first one; if there is one folder, the points
/// of its sweep with the first point. The [module](self) says how.
///
/// # Errors
///
/// What cannot be read, or is not comparable: see [`CompareError`].
pub fn compare(folders: &[PathBuf], options: &CompareOptions) -> Result<Comparison, CompareError> {
    let (mut all, mut without_results) = (Vec::new(), Vec::new());
    for folder in folders {
        if let Err(error) = std::fs::read_dir(folder) {
            let (path, reason) = (folder.clone(), error.to_string());
            return Err(CompareError::Broken { path, reason });
        }
        let (sets, without) = sets(folder)?;
        if sets.len() + without.len() > 1 && folders.len() > 1 {
            let (folder, points) = (folder.clone(), sets.len() + without.len());
            return Err(CompareError::SeveralPoints { folder, points });
        }
        without_results.extend(without);
        all.extend(sets);
    }
    tell_apart(&mut all);
    let Some((base, others)) = all.split_first() else {
        return Err(CompareError::NoResults(PathBuf::new()));
    };
    if others.is_empty() && !without_results.is_empty() {
        return Err(CompareError::OthersFailed(base.name.clone()));
    }
    if others.is_empty() {
        return Err(CompareError::Alone(base.name.clone()));
    }
    // Before anything is read at length.
    for set in &all {
        let is_empty = |run: &Run| {
            let has_window = run.window().is_some_and(|window| !window.is_null());
            has_window && metric::value(&run.summary, "invocations.total") == Some(0.0)
        };
        if set.runs.iter().all(is_empty) {
            return Err(CompareError::NothingMeasured(set.first().folder.clone()));
        }
    }
    for other in others {
        let names = || (base.name.clone(), other.name.clone());
        if !base.first().has_workload_of(other.first()) {
            let (one, other) = names();
            return Err(CompareError::OtherWorkload { one, other });
        }
        if base.first().window() != other.first().window() {
            let (one, other) = names();
            return Err(CompareError::OtherWindow { one, other });
        }
    }
    let metrics = metrics(&all, options)?;
    let against_first = others
        .iter()
        .map(|other| Beside::of(base, other).compared(&metrics, options.by_function))
        .collect::<Result<_, _>>()?;
    Ok(Comparison { level: LEVEL, against_first, without_results })
}

/// Sets that are called alike, such as points whose values are shown alike, are called by their
/// folders as well.
fn tell_apart(sets: &mut [Set]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    sets.iter().for_each(|set| *counts.entry(set.name.clone()).or_default() += 1);
    for set in sets.iter_mut().filter(|set| counts[&set.name] > 1) {
        let folder = set.first().folder.display().to_string();
        if folder != set.name {
            set.name = format!("{} ({folder})", set.name);
        }
    }
}

/// The paths of the metrics that are compared.
fn metrics(sets: &[Set], options: &CompareOptions) -> Result<Vec<String>, CompareError> {
    let mut known: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for run in sets.iter().flat_map(|set| &set.runs) {
        let paths = metric::paths(&run.summary).into_iter();
        known.extend(paths.filter(|path| seen.insert(path.clone())));
    }
    // Those that say most come first.
    known.sort_by_key(|path| {
        PRINCIPAL.iter().position(|principal| principal == path).unwrap_or(PRINCIPAL.len())
    });
    if !options.metrics.is_empty() {
        let named = options.metrics.iter().map(|name| Ok(metric::path(name, &known)?));
        known = named.collect::<Result<_, CompareError>>()?;
    }
    if options.by_function {
        let unknown = known.iter().position(|path| Source::of(path).is_none());
        if let Some(index) = unknown.filter(|_| !options.metrics.is_empty()) {
            return Err(CompareError::NotByFunction(known.swap_remove(index)));
        }
        known.retain(|path| Source::of(path).is_some());
    }
    Ok(known)
}

/// Two sets side by side.
struct Beside<'a> {
    base: &'a Set,
    other: &'a Set,
    method: Method,
    /// The runs that are used. If they are paired, those of a seed have the same place in both.
    base_runs: Vec<&'a Run>,
    other_runs: Vec<&'a Run>,
}

/// What there is of a metric on one side.
struct Side<'a> {
    /// Its value in each run that has one.
    values: Vec<Option<f64>>,
    /// The records of the only run.
    records: Option<&'a Records>,
}

/// What there is of a function on one side.
struct OfFunction {
    /// The values of all metrics, for each run.
    values: Vec<Vec<Option<f64>>>,
    /// The records of the only run.
    records: Option<Records>,
}

impl<'a> Beside<'a> {
    fn of(base: &'a Set, other: &'a Set) -> Self {
        let common = base.runs.iter().filter_map(|run| Some((run, other.of_seed(run.seed)?)));
        let (of_base, of_other): (Vec<&Run>, Vec<&Run>) = common.unzip();
        let all = |set: &'a Set| set.runs.iter().collect::<Vec<_>>();
        let (method, base_runs, other_runs) =
            match (of_base.len(), base.runs.len(), other.runs.len()) {
                (2.., ..) => (Method::PairedRuns, of_base, of_other),
                (_, 2.., 2..) => (Method::IndependentRuns, all(base), all(other)),
                (1, ..) => (Method::PairedBatches, of_base, of_other),
                _ => (Method::IndependentBatches, vec![base.first()], vec![other.first()]),
            };
        Beside { base, other, method, base_runs, other_runs }
    }

    fn compared(&self, metrics: &[String], by_function: bool) -> Result<Pair, CompareError> {
        Ok(Pair {
            base: self.base.name.clone(),
            other: self.other.name.clone(),
            method: self.method,
            base_runs: self.base_runs.len(),
            other_runs: self.other_runs.len(),
            metrics: match by_function {
                true => self.functions(metrics)?,
                false => self.whole(metrics)?,
            },
        })
    }

    /// Whether intervals come from the records of one run each.
    fn is_of_batches(&self) -> bool {
        matches!(self.method, Method::PairedBatches | Method::IndependentBatches)
    }

    /// Compares what the summaries say.
    fn whole(&self, metrics: &[String]) -> Result<Vec<Difference>, CompareError> {
        let needs = metrics.iter().any(|metric| Source::of(metric).is_some());
        let read = |run: &Run| match &run.records {
            Some(path) if self.is_of_batches() && needs => {
                Records::read(path, run.window()).map(Some)
            }
            _ => Ok(None),
        };
        let (base, other) = (read(self.base_runs[0])?, read(self.other_runs[0])?);
        let compared = metrics.iter().filter_map(|metric| {
            let side = |runs: &[&Run], records| Side {
                values: runs.iter().map(|run| metric::value(&run.summary, metric)).collect(),
                records,
            };
            let base = side(&self.base_runs, base.as_ref());
            let other = side(&self.other_runs, other.as_ref());
            self.difference(metric, None, &base, &other)
        });
        Ok(compared.collect())
    }

    /// Compares what the records say of each function that both sets have.
    fn functions(&self, metrics: &[String]) -> Result<Vec<Difference>, CompareError> {
        let base = self.by_function(&self.base_runs, metrics)?;
        let other = self.by_function(&self.other_runs, metrics)?;
        let mut differences = Vec::new();
        for (function, base) in &base {
            let Some(other) = other.get(function) else { continue };
            for (index, metric) in metrics.iter().enumerate() {
                let [base, other] = [base, other].map(|side| Side {
                    values: side.values.iter().map(|values| values[index]).collect(),
                    records: side.records.as_ref(),
                });
                differences.extend(self.difference(metric, Some(function), &base, &other));
            }
        }
        Ok(differences)
    }

    fn by_function(
        &self,
        runs: &[&Run],
        metrics: &[String],
    ) -> Result<BTreeMap<String, OfFunction>, CompareError> {
        let mut functions = BTreeMap::new();
        for (index, run) in runs.iter().enumerate() {
            let path = run.records.as_ref();
            let path = path.ok_or_else(|| CompareError::NoRecords(run.folder.clone()))?;
            for (name, records) in Records::read(path, run.window())?.into_functions() {
                let missing = || OfFunction {
                    values: vec![vec![None; metrics.len()]; runs.len()],
                    records: None,
                };
                let function: &mut OfFunction = functions.entry(name).or_insert_with(missing);
                let of = |metric: &String| Source::of(metric)?.value(&records);
                function.values[index] = metrics.iter().map(of).collect();
                function.records = self.is_of_batches().then_some(records);
            }
        }
        Ok(functions)
    }

    /// The difference of a metric; `None` if one side has no value of it.
    fn difference(
        &self,
        metric: &str,
        function: Option<&str>,
        base: &Side<'_>,
        other: &Side<'_>,
    ) -> Option<Difference> {
        let pairs = || base.values.iter().zip(&other.values).filter_map(|(a, b)| a.zip(*b));
        // Of a pair that is not whole nothing is used.
        let (before, after): (Moments, Moments) = match self.method {
            Method::PairedRuns => {
                (pairs().map(|pair| pair.0).collect(), pairs().map(|pair| pair.1).collect())
            }
            _ => {
                let all = |side: &Side<'_>| side.values.iter().copied().flatten().collect();
                (all(base), all(other))
            }
        };
        let (base_value, other_value) = (before.mean()?, after.mean()?);
        let difference = other_value - base_value;
        let interval = match self.method {
            Method::PairedRuns => paired(pairs(), LEVEL),
            Method::IndependentRuns => welch(&before, &after, LEVEL),
            Method::PairedBatches | Method::IndependentBatches => {
                let records = base.records.zip(other.records);
                let are_paired = self.method == Method::PairedBatches;
                Source::of(metric).zip(records).and_then(|(source, (base, other))| {
                    source.difference(base, other, difference, are_paired)
                })
            }
        };
        let relative_interval = match self.method {
            Method::PairedRuns => paired_relative(&pairs().collect::<Vec<_>>(), LEVEL),
            Method::IndependentRuns => welch_relative(&before, &after, LEVEL),
            // Taken as parts of the value that was measured.
            Method::PairedBatches | Method::IndependentBatches => {
                interval.filter(|_| base_value > 0.0).map(|known| known.divided_by(base_value))
            }
        };
        let has_parts = match interval {
            Some(_) => relative_interval.is_some(),
            None => base_value > 0.0,
        };
        let mut difference = Difference {
            metric: metric.to_owned(),
            function: function.map(str::to_owned),
            base: base_value,
            other: other_value,
            difference,
            interval,
            relative: has_parts.then_some(difference / base_value),
            relative_interval,
            verdict: verdict(interval),
            says: String::new(),
        };
        difference.says = words::sentence(&difference, &self.other.name, self.method);
        Some(difference)
    }
}

fn verdict(interval: Option<Interval>) -> Verdict {
    match interval {
        None => Verdict::NoInterval,
        Some(Interval { low: 0.0, high: 0.0 }) => Verdict::Same,
        Some(Interval { low, .. }) if low > 0.0 => Verdict::Higher,
        Some(Interval { high, .. }) if high < 0.0 => Verdict::Lower,
        Some(_) => Verdict::CannotTell,
    }
}
