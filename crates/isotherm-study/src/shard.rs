//! A sweep in parts that are run apart: on several machines, or one after the other.
//!
//! The runs of a sweep, each key once and in the order of the points, are dealt out in rounds: of
//! so many in a row as there are shards, each shard gets one. Which one is drawn for each round
//! anew, always alike. So the shards have as many runs, but for one, and none of them gets the same
//! value of a field each time, such as all runs with the most nodes. The seeds of a point are
//! neighbours and mostly in different shards.
//!
//! A shard leaves `shards/I-of-N.json` in its folder: what the whole sweep is, and
//! which runs of the shard have failed. [`merge`](crate::merge()) needs no more than that and the
//! runs, and not the experiment.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use isotherm_experiment::Setting;
use isotherm_experiment::output::{Rules, WholeFiles, sha256};
use isotherm_kernel::RandomStreams;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::sweep::RunOfSweep;

/// The folder of the files that shards leave.
pub(crate) const SHARDS: &str = "shards";

/// Characters of a key: 128 bits.
pub(crate) const KEY: usize = 32;

/// One of the parts of a sweep, such as `3/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// How many there are.
    count: u32,
    /// Its number, from 1 on.
    number: u32,
}

/// Why a text is not a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a shard is its number and how many there are, from 1/N to N/N, such as 3/16")]
pub struct NoShard;

impl Shard {
    /// The shard with a number, counted from 1, of so many; `None` if there is no such shard.
    #[must_use]
    pub fn new(number: u32, count: u32) -> Option<Self> {
        (1..=count).contains(&number).then_some(Shard { count, number })
    }

    /// The number of shards.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// The shard of so many that has this run, in a row without those that are alike.
    pub(crate) fn of_run(index: u64, count: u32) -> Self {
        let round = index / u64::from(count);
        let drawn = RandomStreams::new(0).stream(&format!("shards/{round}")).uniform();
        let shift = (drawn * f64::from(count)) as u64;
        Shard { count, number: 1 + ((index + shift) % u64::from(count)) as u32 }
    }

    /// What it is called in names of files.
    pub(crate) fn name(self) -> String {
        format!("{}-of-{}", self.number, self.count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let (number, count) = text.split_once('/').ok_or(NoShard)?;
        let [number, count] = [number, count].map(|text| text.trim().parse().map_err(|_| NoShard));
        Shard::new(number?, count?).ok_or(NoShard)
    }
}

/// All runs of a sweep, without the experiment that they are planned from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SweepPlan {
    /// The version of Isotherm.
    pub isotherm: String,
    /// What tells the program from others.
    pub build: String,
    /// The name of the experiment.
    pub name: String,
    /// Whether there are records.
    pub records: bool,
    /// How many seeds each point has.
    pub repetitions: u64,
    /// The paths of the fields that differ between points.
    pub axes: Vec<String>,
    /// The points, in order.
    pub points: Vec<PlannedPoint>,
}

/// A point of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlannedPoint {
    /// A hash of what its results depend on, but for the seed.
    pub digest: String,
    /// The seed of its first repetition.
    pub seed: u64,
    /// How many seeds it has, if not as many as the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetitions: Option<u64>,
    /// The values of the fields, as they are shown.
    pub values: Vec<String>,
}

impl SweepPlan {
    /// The number of runs.
    pub fn runs(&self) -> u64 {
        self.points.len() as u64 * self.repetitions
    }

    /// Whether a point has a run of this number.
    pub fn has(&self, number: u64) -> bool {
        let (point, repetition) = (number / self.repetitions, number % self.repetitions);
        self.points[point as usize].repetitions.is_none_or(|count| repetition < count)
    }

    /// What is changed at a point.
    pub fn settings(&self, point: &PlannedPoint) -> Vec<Setting> {
        let pairs = self.axes.iter().zip(&point.values);
        pairs.map(|(path, shown)| Setting { path: path.clone(), shown: shown.clone() }).collect()
    }

    pub fn run_of(&self, number: u64) -> RunOfSweep {
        let (point, repetition) = (number / self.repetitions, number % self.repetitions);
        let PlannedPoint { digest, seed, .. } = &self.points[point as usize];
        let seed = seed + repetition;
        RunOfSweep { point, repetition, seed, key: key(&self.build, digest, seed, self.records) }
    }

    /// In what two plans differ; `None` if they are of one sweep.
    pub fn difference(&self, other: &SweepPlan) -> Option<String> {
        let shown = |what: &str, one: &dyn fmt::Display, other: &dyn fmt::Display| {
            Some(format!("{what} ({one} and {other})"))
        };
        if self.build != other.build {
            let [one, other] =
                [self, other].map(|plan| plan.build.get(..12).unwrap_or(&plan.build));
            return shown("the program", &one, &other);
        }
        if self.name != other.name {
            return shown("the name of the experiment", &self.name, &other.name);
        }
        if self.records != other.records {
            return Some("whether there are records (`--no-records`)".to_owned());
        }
        if self.axes != other.axes {
            return shown("the fields of `[sweep]`", &self.axes.join(", "), &other.axes.join(", "));
        }
        if self.repetitions != other.repetitions {
            return shown("`repeat`", &self.repetitions, &other.repetitions);
        }
        if self.points.len() != other.points.len() {
            return shown("the number of points", &self.points.len(), &other.points.len());
        }
        let mut pairs = self.points.iter().zip(&other.points);
        let point = pairs.position(|(one, other)| one != other)?;
        Some(format!("point {point} ({})", Setting::label(&self.settings(&self.points[point]))))
    }
}

/// The key of a run.
pub(crate) fn key(build: &str, digest: &str, seed: u64, records: bool) -> String {
    let text = format!("{build}\n{digest}\nseed {seed}\nrecords {records}\n");
    let mut key = sha256(text.as_bytes());
    key.truncate(KEY);
    key
}

/// What a shard leaves beside its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ShardFile {
    /// Which one it is.
    pub number: u32,
    /// Of how many.
    pub count: u32,
    /// The runs that have failed, by their numbers, with the reasons; `None` if it has not come to
    /// its end.
    pub failed: Option<Vec<(u64, String)>>,
    /// The whole sweep.
    pub sweep: SweepPlan,
}

impl ShardFile {
    /// That of a shard that begins.
    pub fn new(shard: Shard, sweep: SweepPlan) -> Self {
        ShardFile { number: shard.number, count: shard.count, failed: None, sweep }
    }

    /// Where that of a shard is.
    pub fn path(out: &Path, shard: Shard) -> PathBuf {
        out.join(SHARDS).join(format!("{}.json", shard.name()))
    }

    /// Writes it whole.
    pub fn write(&self, path: &Path, rules: Rules<'_>) -> io::Result<()> {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        let mut files = WholeFiles::new(rules);
        let mut writer = io::BufWriter::new(files.begin(path)?);
        serde_json::to_writer(&mut writer, self)?;
        writer.write_all(b"\n")?;
        writer.flush()?;
        drop(writer);
        files.appear()
    }

    /// Reads one.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_reader(BufReader::new(File::open(path)?))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_written_as_a_part() {
        let shard: Shard = "3/16".parse().unwrap();
        assert_eq!((shard, shard.to_string()), (Shard::new(3, 16).unwrap(), "3/16".to_owned()));
        for wrong in ["", "3", "0/3", "4/3", "1/0", "-1/3", "1/2/3", "a/b", "1/5000000000"] {
            assert_eq!(wrong.parse::<Shard>(), Err(NoShard), "{wrong}");
        }
    }

    /// Each round is a permutation, and rounds differ: with as many seeds as shards no shard has
    /// always the same seed.
    #[test]
    fn every_shard_gets_one_of_each_round() {
        for count in [1, 2, 3, 16] {
            let mut first = std::collections::BTreeSet::new();
            for round in 0..100 {
                let runs = round * u64::from(count)..(round + 1) * u64::from(count);
                let mut of: Vec<_> = runs.map(|run| Shard::of_run(run, count).number).collect();
                first.insert(of[0]);
                of.sort_unstable();
                assert_eq!(of, (1..=count).collect::<Vec<_>>());
            }
            assert_eq!(first.len(), count as usize);
        }
    }
}
