//! Joins the shards of a sweep: what they leave becomes what the sweep leaves that is not divided,
//! to the last byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use isotherm_experiment::output::{FolderLock, Rules, copy_results, refuse_run};
use isotherm_experiment::{Inputs, Setting};
use thiserror::Error;

use crate::shard::{SHARDS, Shard, ShardFile, SweepPlan};
use crate::stored::{POINTS, clear_partial, is_complete, partial, put, remove};
use crate::sweep::{FailedRun, RunOfSweep, SweepOutcome};
use crate::tables;

/// Why shards cannot be joined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A folder has none.
    #[error(
        "`{}` has no shards of a sweep: `isotherm sweep FILE --shard 1/N` writes them",
        .0.display()
    )]
    NoShards(PathBuf),
    /// What a shard has left cannot be read.
    #[error("`{}` is damaged ({reason}): run this shard again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A shard was run by another version.
    #[error(
        "`{}` was written by Isotherm {theirs}, and this is {ours}: join the shards with the \
         version that has run them",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version that has written it.
        theirs: String,
        /// This version.
        ours: &'static str,
    },
    /// Two shards are not of one sweep.
    #[error(
        "`{}` and `{}` are not of one sweep: {what} differs; run the shards again with the same \
         experiment and the same program, or remove the file of the one that does not count",
        one.display(), other.display()
    )]
    Different {
        /// The file of one of them.
        one: PathBuf,
        /// That of the other one.
        other: PathBuf,
        /// What differs.
        what: String,
    },
    /// A folder or file cannot be written or read.
    #[error("cannot write the results in `{}`", path.display())]
    Output {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Joins the shards in these folders, and writes the tables of their sweep into `out`. Runs that
/// are in other folders are copied there. If runs are missing, nothing is written, and the outcome
/// says which.
///
/// # Errors
///
/// See [`MergeError`]; nothing has changed then, but for runs that were copied.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<SweepOutcome, MergeError> {
    let error = |path: &Path| {
        let path = path.to_owned();
        |source| MergeError::Output { path, source }
    };
    // What does not belong together is refused before anything is made.
    refuse_run(out).map_err(|reason| error(out)(reason.into()))?;
    if let Some(folder) = folders.iter().find(|folder| !folder.join(SHARDS).is_dir()) {
        return Err(MergeError::NoShards(folder.clone()));
    }
    shards(folders)?;
    // A folder that is named twice is locked once.
    let mut locked = BTreeSet::new();
    let mut locks = Vec::new();
    for folder in folders.iter().map(PathBuf::as_path).chain([out]) {
        if !folder.canonicalize().is_ok_and(|known| locked.contains(&known)) {
            locks.push(FolderLock::of(folder).map_err(error(folder))?);
            locked.extend(folder.canonicalize());
        }
    }
    let (plan, shards) = shards(folders)?;
    let here = out.join(POINTS);
    let places: Vec<PathBuf> = std::iter::once(here.clone())
        .chain(folders.iter().map(|folder| folder.join(POINTS)))
        .collect();
    let mut outcome = SweepOutcome {
        name: plan.name.clone(),
        points: plan.points.len() as u64,
        repetitions: plan.repetitions,
        runs: plan.runs(),
        ..SweepOutcome::default()
    };
    let failed: BTreeMap<u64, &String> = shards
        .iter()
        .flat_map(|shard| shard.failed.iter().flatten())
        .map(|(number, reason)| (*number, reason))
        .collect();
    let mut elsewhere = Vec::new();
    let mut known = BTreeSet::new();
    for number in 0..plan.runs() {
        let RunOfSweep { point, seed, key, .. } = plan.run_of(number);
        let index = known.len() as u64;
        if !known.insert(key.clone()) {
            continue;
        }
        let name = || Setting::label(&plan.settings(&plan.points[point as usize]));
        match (places.iter().find(|place| is_complete(&place.join(&key))), failed.get(&number)) {
            (Some(place), _) if *place == here => {}
            (Some(place), _) => elsewhere.push((place.join(&key), key)),
            (None, Some(reason)) => {
                outcome.failed.push(FailedRun {
                    point,
                    name: name(),
                    seed,
                    reason: (*reason).clone(),
                });
            }
            (None, None) => {
                let count = shards.iter().map(|shard| shard.count).max().unwrap_or(1);
                let shard = Shard::of_run(index, count);
                outcome.unfinished.insert(shard);
                let reason = format!("shard {shard} has not run it");
                outcome.missing.push(FailedRun { point, name: name(), seed, reason });
            }
        }
    }
    if !outcome.missing.is_empty() {
        return Ok(outcome);
    }
    std::fs::create_dir_all(&here).map_err(error(&here))?;
    clear_partial(&here).map_err(error(&here))?;
    for (from, key) in elsewhere {
        let partial = partial(&here, &key);
        let done = here.join(&key);
        let copied = copy_results(&from, &partial).and_then(|()| put(&partial, &done, &here));
        if let Err(source) = copied {
            let _ = remove(&partial);
            return Err(MergeError::Output { path: done, source });
        }
    }
    let inputs = Inputs::default();
    let rules = Rules { inputs: &inputs, force: false };
    outcome.rows = tables::write(&plan, out, &here, rules).map_err(error(out))?;
    Ok(outcome)
}

/// The sweep that all shards in these folders are of, and what each has left.
fn shards(folders: &[PathBuf]) -> Result<(SweepPlan, Vec<ShardFile>), MergeError> {
    let mut first: Option<(PathBuf, SweepPlan)> = None;
    let mut shards = Vec::new();
    for folder in folders {
        let listed = std::fs::read_dir(folder.join(SHARDS));
        let mut paths: Vec<PathBuf> =
            listed.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        if paths.is_empty() {
            return Err(MergeError::NoShards(folder.clone()));
        }
        for path in paths {
            let shard = ShardFile::read(&path);
            let mut shard = shard.map_err(|error| MergeError::Damaged {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            let (theirs, ours) = (&shard.sweep.isotherm, env!("CARGO_PKG_VERSION"));
            if theirs != ours {
                let theirs = theirs.clone();
                return Err(MergeError::OtherVersion { path, theirs, ours });
            }
            // All have the same one, which may be large.
            let sweep = std::mem::take(&mut shard.sweep);
            match &first {
                None => first = Some((path, sweep)),
                Some((one, known)) => {
                    if let Some(what) = known.difference(&sweep) {
                        return Err(MergeError::Different { one: one.clone(), other: path, what });
                    }
                }
            }
            shards.push(shard);
        }
    }
    match first {
        Some((_, plan)) => Ok((plan, shards)),
        None => Err(MergeError::NoShards(PathBuf::new())),
    }
}
