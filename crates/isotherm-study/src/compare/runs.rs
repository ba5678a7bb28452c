//! What is compared: the results of runs, and sets of them that differ in their seed only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use isotherm_experiment::Results;
use isotherm_experiment::output::MANIFEST;
use serde_json::Value;

use super::CompareError;
use crate::listed::{ListedRun, listed, values};

/// The folder in which a sweep keeps the results of its runs.
const POINTS: &str = "points";

/// The keys of an experiment whose values are paths of files, outside of bodies.
const PATHS: [&str; 6] = ["platform", "xml", "csv", "jsonl", "file", "folder"];

/// The tables of an experiment that have functions with bodies or files on simulated disks.
const NO_PATHS: [&str; 3] = ["body", "function", "storage"];

/// The parts of `[functions]` that say what is invoked.
const TRACES: [&str; 5] = ["csv", "azure_2019", "azure_2021", "huawei_2023", "huawei_2025"];

/// The results of one run, without its records.
#[derive(Debug)]
pub struct Run {
    /// Where they are.
    pub folder: PathBuf,
    /// The seed.
    pub seed: u64,
    /// The numbers.
    pub summary: Value,
    /// The records, if they were written.
    pub records: Option<PathBuf>,
    /// What was changed for this run of a sweep, its seed aside.
    sweep: Vec<(String, String)>,
    /// The version that has written them.
    version: String,
    /// The experiment, without what does not matter to it and with absolute paths.
    experiment: toml::Table,
}

impl Run {
    /// Reads the results in a folder.
    pub fn open(folder: &Path) -> Result<Self, CompareError> {
        let results = Results::open(folder)?;
        let broken = |path: PathBuf, reason: String| CompareError::Broken { path, reason };
        let read = |path: PathBuf| match std::fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(error) => Err(broken(path, error.to_string())),
        };
        let (path, text) = read(results.summary())?;
        let summary: Value =
            serde_json::from_str(&text).map_err(|error| broken(path.clone(), error.to_string()))?;
        let seed = summary.get("seed").and_then(Value::as_u64);
        let seed = seed.ok_or_else(|| broken(path, "it does not say its seed".to_owned()))?;
        let sweep = summary.get("sweep").and_then(Value::as_object).into_iter().flatten();
        let sweep = sweep
            .filter(|(path, _)| *path != "seed")
            .map(|(path, shown)| (path.clone(), shown.as_str().unwrap_or_default().to_owned()));
        let sweep = sweep.collect();
        let (path, text) = read(results.manifest())?;
        let mut experiment: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| broken(path.clone(), error.to_string()))?;
        let version = experiment.get("manifest").and_then(|manifest| manifest.get("isotherm"));
        let version = version.and_then(toml::Value::as_str).map(str::to_owned);
        let version =
            version.ok_or_else(|| broken(path, "it does not say its version".to_owned()))?;
        for key in ["manifest", "seed", "name", "measured", "output"] {
            experiment.remove(key);
        }
        absolute(&mut experiment, folder);
        let records = results.invocations();
        let folder = folder.to_owned();
        Ok(Run { folder, seed, summary, records, sweep, version, experiment })
    }

    /// What is invoked, and when, but for what the seed decides.
    fn workload(&self) -> (Option<&toml::Value>, Vec<Option<&toml::Value>>) {
        let functions = self.experiment.get("functions");
        let trace = |key: &&str| functions.and_then(|functions| functions.get(*key));
        (self.experiment.get("workload"), TRACES.iter().map(trace).collect())
    }

    /// Whether its invocations are those of another run, if their seeds are the same.
    pub fn has_workload_of(&self, other: &Run) -> bool {
        self.workload() == other.workload()
    }

    /// The part of the run that counts in its statistics.
    pub fn window(&self) -> Option<&Value> {
        self.summary.get("measure")
    }
}

/// Makes the paths in an experiment independent of the folder that they are relative to.
fn absolute(table: &mut toml::Table, folder: &Path) {
    for (key, value) in table.iter_mut().filter(|(key, _)| !NO_PATHS.contains(&key.as_str())) {
        match value {
            toml::Value::String(text) if PATHS.contains(&key.as_str()) => {
                let path = folder.join(&*text);
                let path = path.canonicalize().unwrap_or_else(|_| without_dots(&path));
                *text = path.to_string_lossy().into_owned();
            }
            toml::Value::Table(table) => absolute(table, folder),
            toml::Value::Array(values) => {
                let tables = values.iter_mut().filter_map(toml::Value::as_table_mut);
                tables.for_each(|table| absolute(table, folder));
            }
            _ => {}
        }
    }
}

/// A path without `..`, as far as its text says it.
fn without_dots(path: &Path) -> PathBuf {
    let mut known = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if known.file_name().is_some() => {
                known.pop();
            }
            Component::CurDir => {}
            part => known.push(part),
        }
    }
    known
}

/// Runs that differ in their seed only, in the order of their seeds.
#[derive(Debug)]
pub struct Set {
    /// What it is called.
    pub name: String,
    /// Its runs, at least one.
    pub runs: Vec<Run>,
}

impl Set {
    /// The first run, which stands for all where they do not differ.
    pub fn first(&self) -> &Run {
        &self.runs[0]
    }

    /// The run of a seed.
    pub fn of_seed(&self, seed: u64) -> Option<&Run> {
        self.runs.binary_search_by_key(&seed, |run| run.seed).ok().map(|index| &self.runs[index])
    }
}

/// The sets of runs in a folder: that of a run, one whose folders are runs, or that of a sweep; and
/// the points of the sweep whose runs have all failed.
pub fn sets(folder: &Path) -> Result<(Vec<Set>, Vec<String>), CompareError> {
    let name = folder.display().to_string();
    if folder.join(MANIFEST).exists() {
        return Ok((vec![Set { name, runs: vec![checked(folder)?] }], Vec::new()));
    }
    let mut without = Vec::new();
    let folders: Vec<_> = match listed(folder)? {
        // Others beside those in the table are of earlier sweeps.
        Some(runs) => {
            without = points_without(folder, &runs)?;
            // Points that are alike share their results.
            let mut seen = BTreeSet::new();
            runs.into_iter()
                .filter(|run| run.is_there() && seen.insert(run.folder.clone()))
                .map(|run| (run.folder, run.fields))
                .collect()
        }
        None => {
            let folders = [runs_in(folder), runs_in(&folder.join(POINTS))].concat();
            folders.into_iter().map(|folder| (folder, Vec::new())).collect()
        }
    };
    if folders.is_empty() {
        return Err(CompareError::NoResults(folder.to_owned()));
    }
    // By what they have in common, in the order of the first of each.
    let mut points: Vec<Vec<Run>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (folder, sweep) in folders {
        let mut run = checked(&folder)?;
        // Results of a sweep do not say what they are called, its table does.
        if !sweep.is_empty() {
            run.sweep = sweep;
        }
        let index = *known.entry(run.experiment.to_string()).or_insert(points.len());
        match points.get_mut(index) {
            Some(point) => point.push(run),
            None => points.push(vec![run]),
        }
    }
    let several = points.len() + without.len() > 1;
    let mut sets = Vec::new();
    for mut runs in points {
        runs.sort_by_key(|run| run.seed);
        if let Some(pair) = runs.windows(2).find(|pair| pair[0].seed == pair[1].seed) {
            let [one, other] = [0, 1].map(|index: usize| pair[index].folder.clone());
            return Err(CompareError::SeedTwice { seed: pair[0].seed, one, other });
        }
        let name = if several { point_name(&runs[0]) } else { name.clone() };
        sets.push(Set { name, runs });
    }
    Ok((sets, without))
}

/// The points of a sweep without results, of which the first is none, by what they are called.
fn points_without(folder: &Path, runs: &[ListedRun]) -> Result<Vec<String>, CompareError> {
    if let Some(run) = runs.iter().find(|run| !run.has_failed && !run.is_there()) {
        let (folder, run) = (folder.to_owned(), run.folder.clone());
        return Err(CompareError::Gone { folder, run });
    }
    // A field `seed` is none of those that tell points apart.
    let there: BTreeSet<_> =
        runs.iter().filter(|run| run.is_there()).map(|run| &run.fields).collect();
    let without = runs.iter().filter(|run| !there.contains(&run.fields));
    let mut without: Vec<_> = without.map(|run| &run.fields).collect();
    without.dedup();
    let names: Vec<String> = without.iter().map(|fields| values(fields)).collect();
    if let (Some(fields), Some(run)) = (without.first(), runs.first())
        && **fields == run.fields
    {
        let (folder, name) = (folder.to_owned(), names[0].clone());
        return Err(CompareError::FirstFailed { folder, name });
    }
    Ok(names)
}

fn checked(folder: &Path) -> Result<Run, CompareError> {
    let run = Run::open(folder)?;
    let ours = env!("CARGO_PKG_VERSION");
    match run.version == ours {
        true => Ok(run),
        false => Err(CompareError::OtherVersion { folder: run.folder, theirs: run.version, ours }),
    }
}

/// The folders with results in a folder, by name. Those whose names begin with a dot are being
/// written.
fn runs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_hidden = |path: &Path| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    let paths = entries.map(|entry| entry.path());
    let mut folders: Vec<_> =
        paths.filter(|path| !is_hidden(path) && path.join(MANIFEST).exists()).collect();
    folders.sort();
    folders
}

/// What a point of a sweep is called: by its values, else by its folder.
fn point_name(run: &Run) -> String {
    if run.sweep.is_empty() {
        return run.folder.display().to_string();
    }
    values(&run.sweep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_depend_on_where_they_are_named() {
        let of = |text: &str, folder: &str| {
            let mut table: toml::Table = text.parse().unwrap();
            absolute(&mut table, Path::new(folder));
            table
        };
        let one = "platform = '../p.xml'\n[[workload]]\nkind = 'csv'\nfile = '../data/run.csv'\n";
        let deeper = one.replace("../", "../../");
        assert_eq!(of(one, "/nowhere/a"), of(&deeper, "/nowhere/b/c"));
        assert_eq!(
            of(one, "/nowhere/a")["workload"][0]["file"].as_str(),
            Some("/nowhere/data/run.csv")
        );
        assert_ne!(of(one, "/nowhere/a"), of(one, "/elsewhere/a"));
    }
}
