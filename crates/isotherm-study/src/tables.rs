//! The tables of a sweep, made of the summaries of its runs in the order of the points:
//! `points.csv` and `points.parquet`, a row for each run, and `aggregates.csv`, a row for each
//! metric of each point. `tables.sha256` has their hashes, so that [`verify`] notices what was
//! changed since.
//!
//! The summaries are read twice, first for their metrics and then for their values, and rows are
//! written as they come, so that neither need be in memory together.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use isotherm_config::units::{Dimension, duration, real, size};
use isotherm_experiment::Setting;
use isotherm_experiment::output::{Rules, SUMMARY, WholeFiles, sha256_of};
use isotherm_results::{Format, Head, Kind, Table, Value as Cell};
use serde_json::Value;
use thiserror::Error;

use crate::metric;
use crate::shard::SweepPlan;
use crate::statistics::{LEVEL, Moments};

/// The name of the table of runs.
pub const POINTS: &str = "points.csv";

/// The name of the same table with types.
pub const POINTS_PARQUET: &str = "points.parquet";

/// The key in the metadata of `points.parquet` under which the units of its columns are, as JSON.
const UNITS: &str = "units";

/// The name of the table of means.
pub const AGGREGATES: &str = "aggregates.csv";

/// The name of the file with the hashes of the tables, which `sha256sum --check` reads as well.
pub const SUMS: &str = "tables.sha256";

/// The path under which a point has the mean wait of its cold starts, the sum of its parts.
pub const COLD_WAIT: &str = "cold_start_mean";

/// So many points are shown at most; all are in the tables.
const MOST_SHOWN: usize = 1_000;

/// The seed has a column of its own.
const SEED: &str = "seed";

/// The results of a point, for a table that people read.
#[derive(Clone, Debug, PartialEq)]
pub struct PointRow {
    /// What the point is called.
    pub name: String,
    /// What was changed for it.
    pub settings: Vec<Setting>,
    /// Cold starts that were measured on a real platform.
    pub measured_cold_starts: Option<u64>,
    /// Metrics by their paths in `summary.json`.
    pub metrics: BTreeMap<String, Moments>,
}

impl PointRow {
    /// A metric; of no runs, if none has it.
    #[must_use]
    pub fn metric(&self, path: &str) -> Moments {
        self.metrics.get(path).copied().unwrap_or_default()
    }
}

/// Reads the summary of a run.
pub(crate) fn summary(folder: &Path) -> io::Result<Value> {
    let text = std::fs::read_to_string(folder.join(SUMMARY))?;
    serde_json::from_str(&text).map_err(io::Error::from)
}

/// The names of all tables.
const TABLES: [&str; 3] = [POINTS, POINTS_PARQUET, AGGREGATES];

/// The names of all files that are written with the tables. The last one is there only if all are.
pub(crate) const ALL: [&str; 4] = [POINTS, POINTS_PARQUET, AGGREGATES, SUMS];

/// Why the tables of a sweep are not those that it has written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TablesError {
    /// Nothing says what they were.
    #[error(
        "`{}` is missing, which says what the tables beside it were: run the sweep again, which \
         writes them anew and runs nothing that is there",
        .0.display()
    )]
    NoSums(PathBuf),
    /// What says what they were is something else.
    #[error(
        "`{}` is damaged: it has no line `HASH  NAME` for each table; run the sweep again, which \
         writes the tables anew and runs nothing that is there",
        .0.display()
    )]
    BadSums(PathBuf),
    /// One of them is not there.
    #[error(
        "`{}` is missing: run the sweep again, which writes the tables anew and runs nothing that \
         is there",
        .0.display()
    )]
    Missing(PathBuf),
    /// One of them was changed.
    #[error(
        "`{}` is not the file that the sweep has written: run the sweep again, which writes the \
         tables anew and runs nothing that is there",
        .0.display()
    )]
    Differs(PathBuf),
    /// One of them cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Whether the tables in the folder of a sweep are those that it has written: how many there are,
/// which is none if there are no tables.
///
/// # Errors
///
/// All that is wrong with them.
pub fn verify(out: &Path) -> Result<usize, Vec<TablesError>> {
    // Of a shard, or of a sweep that has not ended.
    if !ALL.iter().any(|name| out.join(name).exists()) {
        return Ok(0);
    }
    let path = out.join(SUMS);
    let sums = match std::fs::read_to_string(&path) {
        Ok(sums) => sums,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(vec![TablesError::NoSums(path)]);
        }
        Err(source) => return Err(vec![TablesError::Unreadable { path, source }]),
    };
    let sums: BTreeMap<&str, &str> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name, sum))
        .collect();
    let wrong = TABLES.iter().filter_map(|name| {
        let Some(sum) = sums.get(name) else { return Some(TablesError::BadSums(path.clone())) };
        let table = out.join(name);
        match sha256_of(&table) {
            Ok(found) if found == **sum => None,
            Ok(_) => Some(TablesError::Differs(table)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Some(TablesError::Missing(table))
            }
            Err(source) => Some(TablesError::Unreadable { path: table, source }),
        }
    });
    let wrong: Vec<_> = wrong.collect();
    if wrong.is_empty() { Ok(TABLES.len()) } else { Err(wrong) }
}

/// What the values of a field are in a table with types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Integers,
    Numbers,
    Booleans,
    Quantities(Dimension),
    Texts,
}

impl Axis {
    /// The first that all values are. Those that have names are called by these.
    fn of<'a>(values: impl Iterator<Item = &'a str> + Clone) -> Self {
        let quantities = Dimension::ALL.map(Axis::Quantities);
        let all = [Axis::Integers, Axis::Numbers, Axis::Booleans].into_iter().chain(quantities);
        let is = |axis: &Axis| values.clone().all(|shown| axis.cell(shown) != Cell::None);
        all.into_iter().find(is).unwrap_or(Axis::Texts)
    }

    fn kind(self) -> Kind {
        match self {
            Axis::Integers => Kind::Integer,
            Axis::Numbers | Axis::Quantities(_) => Kind::Number,
            Axis::Booleans => Kind::Boolean,
            Axis::Texts => Kind::Text,
        }
    }

    fn unit(self) -> Option<&'static str> {
        let Axis::Quantities(dimension) = self else { return None };
        Some(match dimension {
            Dimension::Size => "B",
            Dimension::Duration => "s",
            Dimension::Rate => "/s",
            Dimension::Work => "f",
            Dimension::Speed => "f/s",
            Dimension::Bandwidth => "B/s",
        })
    }

    /// A value; none if it is not one of this kind.
    fn cell(self, shown: &str) -> Cell<'_> {
        // As TOML has them.
        let digits = || shown.replace('_', "");
        let number = match self {
            Axis::Integers => return digits().parse().map_or(Cell::None, Cell::Integer),
            Axis::Booleans => return shown.parse().map_or(Cell::None, Cell::Boolean),
            Axis::Texts => return Cell::Text(shown),
            Axis::Numbers => digits().parse().ok(),
            Axis::Quantities(Dimension::Size) => size(shown).ok().map(|size| size as f64),
            Axis::Quantities(Dimension::Duration) => {
                duration(shown).ok().map(|duration| duration.as_secs_f64())
            }
            Axis::Quantities(dimension) => real(shown, dimension).ok(),
        };
        number.filter(|number: &f64| number.is_finite()).map_or(Cell::None, Cell::Number)
    }
}

/// Writes all tables, and returns the points to be shown.
pub(crate) fn write(
    plan: &SweepPlan,
    out: &Path,
    folder: &Path,
    rules: Rules<'_>,
) -> io::Result<Vec<PointRow>> {
    let mut metrics = BTreeSet::new();
    for number in (0..plan.runs()).filter(|&number| plan.has(number)) {
        if let Ok(summary) = summary(&folder.join(plan.run_of(number).key)) {
            metrics.extend(metric::paths(&summary));
        }
    }
    let values = |axis: usize| plan.points.iter().map(move |point| point.values[axis].as_str());
    let axes = plan.axes.iter().enumerate().filter(|(_, path)| *path != SEED);
    let axes: Vec<(usize, Axis)> = axes.map(|(axis, _)| (axis, Axis::of(values(axis)))).collect();
    let head = |name, kind| Head { name, kind };
    let mut heads = vec![head("point", Kind::Integer), head("name", Kind::Text)];
    heads.extend(axes.iter().map(|(axis, of)| head(&plan.axes[*axis], of.kind())));
    let of_means = ["mean", "standard_deviation", "low", "high"];
    let mut means = heads.clone();
    means.extend([head("metric", Kind::Text), head("runs", Kind::Integer)]);
    means.extend(of_means.map(|name| head(name, Kind::Number)));
    heads.extend([
        head(SEED, Kind::Integer),
        head("status", Kind::Text),
        head("folder", Kind::Text),
    ]);
    heads.extend(metrics.iter().map(|path| head(path, Kind::Number)));
    let units = axes.iter().filter_map(|(axis, of)| Some((&plan.axes[*axis], of.unit()?)));
    let units = serde_json::to_string(&units.collect::<BTreeMap<_, _>>())?;

    let mut files = WholeFiles::new(rules);
    let mut points = Table::new(files.begin_hashed(&out.join(POINTS))?, Format::Csv, &heads)?;
    let parquet = files.begin_hashed(&out.join(POINTS_PARQUET))?;
    let mut typed = Table::with_notes(parquet, Format::Parquet, &heads, &[(UNITS, units)])?;
    let mut means = Table::new(files.begin_hashed(&out.join(AGGREGATES))?, Format::Csv, &means)?;
    let mut shown = Vec::new();
    for (number, point) in (0..).zip(&plan.points) {
        let settings = plan.settings(point);
        let name = Setting::label(&settings);
        let first = [Cell::Integer(number), Cell::Text(&name)];
        let head_as = |axis: fn(Axis, &str) -> Cell<'_>| {
            let values = axes.iter().map(|(number, of)| axis(*of, &point.values[*number]));
            first.into_iter().chain(values).collect::<Vec<_>>()
        };
        let as_text = head_as(|_, shown| Cell::Text(shown));
        let with_types = head_as(Axis::cell);
        let mut of_point: BTreeMap<&str, Moments> = BTreeMap::new();
        let (mut measured_cold_starts, mut cold_wait) = (None, Moments::default());
        for repetition in 0..point.repetitions.unwrap_or(plan.repetitions) {
            let run = plan.run_of(number * plan.repetitions + repetition);
            let summary = summary(&folder.join(&run.key)).ok();
            let status = if summary.is_some() { "done" } else { "failed" };
            let summary = summary.unwrap_or_default();
            measured_cold_starts =
                measured_cold_starts.or_else(|| summary.get("measured_cold_starts")?.as_u64());
            if let Some(Value::Object(parts)) = summary.get(COLD_WAIT) {
                let wait = parts.values().filter_map(Value::as_f64).sum();
                cold_wait.add(wait);
            }
            let folder = format!("points/{}", run.key);
            let mut last = vec![Cell::Integer(run.seed), Cell::Text(status), Cell::Text(&folder)];
            for path in &metrics {
                let value = metric::value(&summary, path);
                last.push(value.map_or(Cell::None, Cell::Number));
                if let Some(value) = value {
                    of_point.entry(path).or_default().add(value);
                }
            }
            points.row(as_text.iter().chain(&last).copied())?;
            typed.row(with_types.iter().chain(&last).copied())?;
        }
        for (path, moments) in &of_point {
            let interval = moments.interval(LEVEL);
            let numbers = [
                moments.mean(),
                moments.standard_deviation(),
                interval.map(|interval| interval.low),
                interval.map(|interval| interval.high),
            ];
            let numbers = numbers.map(|number| number.map_or(Cell::None, Cell::Number));
            let metric = [Cell::Text(path), Cell::Integer(moments.count())];
            means.row(as_text.iter().copied().chain(metric).chain(numbers))?;
        }
        if shown.len() < MOST_SHOWN {
            let metrics = of_point.into_iter().map(|(path, moments)| (path.to_owned(), moments));
            let metrics = metrics.chain([(COLD_WAIT.to_owned(), cold_wait)]).collect();
            shown.push(PointRow { name, settings, measured_cold_starts, metrics });
        }
    }
    points.close()?;
    typed.close()?;
    means.close()?;
    files.sums(&out.join(SUMS))?;
    files.appear()?;
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_first_type_that_fits_all() {
        let of = |values: &[&'static str]| {
            let axis = Axis::of(values.iter().copied());
            (axis.cell(values[0]), axis.unit())
        };
        assert_eq!(of(&["1_000", "0"]), (Cell::Integer(1_000), None));
        assert_eq!(of(&["1", "-2", "0.5"]), (Cell::Number(1.0), None));
        assert_eq!(of(&["true", "false"]), (Cell::Boolean(true), None));
        assert_eq!(of(&["512MB", "1GiB"]), (Cell::Number(512e6), Some("B")));
        assert_eq!(of(&["1.5ms", "1min"]), (Cell::Number(0.0015), Some("s")));
        assert_eq!(of(&["2/min"]), (Cell::Number(2.0 / 60.0), Some("/s")));
        assert_eq!(of(&["8Mbps"]), (Cell::Number(1e6), Some("B/s")));
        // What is mixed or has a name is text.
        assert_eq!(of(&["1GB", "1s"]), (Cell::Text("1GB"), None));
        assert_eq!(of(&["4", "unlimited"]), (Cell::Text("4"), None));
        assert_eq!(of(&["inf", "nan"]), (Cell::Text("inf"), None));
    }
}
