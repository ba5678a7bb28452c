//! The tables of a sweep, made of the summaries of its runs in the order of the points:
//! `points.csv`, a row for each run, and `aggregates.csv`, a row for each metric of each point.
//!
//! The summaries are read twice, first for their metrics and then for their values, so that they
//! need not be in memory together.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use isotherm_experiment::output::{Rules, SUMMARY, write_whole};
use isotherm_experiment::{Inputs, Setting};
use serde_json::Value;

use crate::metric;
use crate::statistics::{LEVEL, Moments};
use crate::sweep::{Sweep, SweepOptions};

/// The name of the table of runs.
pub const POINTS: &str = "points.csv";

/// The name of the table of means.
pub const AGGREGATES: &str = "aggregates.csv";

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

/// Removes the tables of an earlier sweep, unless they are read by this one.
pub(crate) fn remove(out: &Path, inputs: &Inputs) -> io::Result<()> {
    for path in [POINTS, AGGREGATES].map(|name| out.join(name)) {
        match std::fs::remove_file(&path) {
            _ if inputs.contains(&path) => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Writes both tables, and returns the points to be shown.
pub(crate) fn write(
    sweep: &Sweep,
    out: &Path,
    folder: &Path,
    options: &SweepOptions,
    rules: Rules<'_>,
) -> io::Result<Vec<PointRow>> {
    let mut metrics = BTreeSet::new();
    for number in 0..sweep.runs() {
        if let Ok(summary) = summary(&folder.join(sweep.run_of(number, options).key)) {
            metrics.extend(metric::paths(&summary));
        }
    }
    let axes = sweep.points().axes();
    let axes: Vec<&str> = axes.iter().map(String::as_str).filter(|path| *path != SEED).collect();
    let mut points = Table::new(
        ["point", "name"]
            .into_iter()
            .chain(axes.iter().copied())
            .chain([SEED, "status", "folder"])
            .chain(metrics.iter().map(String::as_str)),
    )?;
    let of_means = ["metric", "runs", "mean", "standard_deviation", "low", "high"];
    let mut means =
        Table::new(["point", "name"].into_iter().chain(axes.iter().copied()).chain(of_means))?;
    let mut shown = Vec::new();
    for point in 0..sweep.points().count() {
        let settings = sweep.points().settings(point);
        let name = Setting::label(&settings);
        let mut head = vec![point.to_string(), name.clone()];
        let values = settings.iter().filter(|setting| setting.path != SEED);
        head.extend(values.map(|setting| setting.shown.clone()));
        let mut of_point: BTreeMap<String, Moments> = BTreeMap::new();
        let (mut measured_cold_starts, mut cold_wait) = (None, Moments::default());
        for repetition in 0..sweep.points().repetitions() {
            let number = point * sweep.points().repetitions() + repetition;
            let run = sweep.run_of(number, options);
            let summary = summary(&folder.join(&run.key)).ok();
            let status = if summary.is_some() { "done" } else { "failed" };
            let mut row = head.clone();
            row.extend([run.seed.to_string(), status.to_owned(), format!("points/{}", run.key)]);
            let summary = summary.unwrap_or_default();
            measured_cold_starts =
                measured_cold_starts.or_else(|| summary.get("measured_cold_starts")?.as_u64());
            if let Some(Value::Object(parts)) = summary.get(COLD_WAIT) {
                let wait = parts.values().filter_map(Value::as_f64).sum();
                cold_wait.add(wait);
            }
            for path in &metrics {
                let value = metric::value(&summary, path);
                row.push(value.map(|value| value.to_string()).unwrap_or_default());
                if let Some(value) = value {
                    of_point.entry(path.clone()).or_default().add(value);
                }
            }
            points.row(&row)?;
        }
        for (path, moments) in &of_point {
            let interval = moments.interval(LEVEL);
            let numbers = [
                moments.mean(),
                moments.standard_deviation(),
                interval.map(|interval| interval.low),
                interval.map(|interval| interval.high),
            ];
            let number = |number: Option<f64>| number.map(|n| n.to_string()).unwrap_or_default();
            let mut row = head.clone();
            row.extend([path.clone(), moments.count().to_string()]);
            row.extend(numbers.map(number));
            means.row(&row)?;
        }
        if shown.len() < MOST_SHOWN {
            of_point.insert(COLD_WAIT.to_owned(), cold_wait);
            shown.push(PointRow { name, settings, measured_cold_starts, metrics: of_point });
        }
    }
    write_whole(&out.join(POINTS), &points.text()?, rules)?;
    write_whole(&out.join(AGGREGATES), &means.text()?, rules)?;
    Ok(shown)
}

/// A CSV file that is being written.
struct Table {
    writer: csv::Writer<Vec<u8>>,
}

impl Table {
    fn new<'a>(columns: impl Iterator<Item = &'a str>) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(columns).map_err(io::Error::from)?;
        Ok(Table { writer })
    }

    fn row(&mut self, cells: &[String]) -> io::Result<()> {
        self.writer.write_record(cells).map_err(io::Error::from)
    }

    fn text(self) -> io::Result<String> {
        let bytes =
            self.writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}
