//! The records of a run as far as they are compared, and what metrics are made of.

use std::collections::HashMap;
use std::path::Path;

use isotherm_experiment::plan::TableFormat;
use isotherm_experiment::trace;
use isotherm_workload::TableRows;
use serde_json::Value;

use crate::metric::{COLD_SHARE, COMPLETED_SHARE, WAITS};
use crate::statistics::{
    BATCHES, BLOCKS, Blocks, Interval, LEVEL, Moments, batch_of, paired, welch,
};
use crate::written::{reason, told};

use super::CompareError;

/// What is compared of an invocation.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    id: u64,
    function: u32,
    is_completed: bool,
    /// Whether it started cold, if it was dispatched.
    is_cold: Option<bool>,
    response: f64,
    /// Waits for download, copy, load and in line, and the start-up: where a cold start spends its
    /// time, in the order of [`WAITS`].
    waits: [f64; 5],
    /// Whether its body began.
    has_begun: bool,
}

/// Fewer batches say too little of how much they differ.
const FEWEST_BATCHES: usize = BATCHES / 2;

/// The records of a run in the order of submission.
#[derive(Debug, Default)]
pub struct Records {
    rows: Vec<Record>,
    functions: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Records {
    /// Reads the records of a run, in whatever format, without those outside of the window that
    /// counts.
    pub fn read(path: &Path, window: Option<&Value>) -> Result<Self, CompareError> {
        let broken = |reason: String| CompareError::BrokenRecords { path: path.to_owned(), reason };
        let mut records = Records::default();
        // JSON Lines of no invocation are an empty file.
        if std::fs::metadata(path).is_ok_and(|known| known.len() == 0) {
            return Ok(records);
        }
        let shown = path.display().to_string();
        let mut rows = trace::table(TableFormat::of_name(&shown), path, &shown)
            .map_err(|error| broken(reason(&error)))?;
        let mut column = |name: &str| rows.column(name).map_err(|error| broken(told(&error)));
        let (id, function, submitted) =
            (column("id")?, column("function")?, column("submitted_s")?);
        let (outcome, start, response) =
            (column("outcome")?, column("start_kind")?, column("response_s")?);
        let mut waits = [0; 5];
        for (wait, name) in waits.iter_mut().zip(WAITS) {
            *wait = column(name)?;
        }
        let end = |key: &str| window.and_then(|window| window.get(key)).and_then(Value::as_f64);
        let (from, until) = (end("from_s"), end("until_s"));
        while rows.advance().map_err(|error| broken(told(&error)))? {
            let text = |index: usize| String::from_utf8_lossy(rows.field(index));
            // What a record has not, such as the start-up of what never began, is empty.
            let number = |index: usize| match text(index) {
                text if text.is_empty() => Ok(0.0),
                text => match text.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(number),
                    _ => Err(broken(format!("`{text}` is not a number"))),
                },
            };
            let at = number(submitted)?;
            if from.is_some_and(|from| at < from) || until.is_some_and(|until| at >= until) {
                continue;
            }
            let mut times = [0.0; 5];
            for (time, index) in times.iter_mut().zip(waits) {
                *time = number(index)?;
            }
            let number_of_id = text(id).parse();
            let record = Record {
                id: number_of_id.map_err(|_| broken(format!("`{}` is not an id", text(id))))?,
                function: records.function(&text(function)),
                is_completed: text(outcome) == "completed",
                is_cold: match &*text(start) {
                    "" => None,
                    kind => Some(kind == "cold"),
                },
                response: number(response)?,
                waits: times,
                has_begun: !text(waits[4]).is_empty(),
            };
            records.rows.push(record);
        }
        records.rows.sort_by_key(|record| record.id);
        Ok(records)
    }

    /// The number of a function, which it gets when it is first seen.
    fn function(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.functions.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.functions.push(name.to_owned());
        number
    }

    /// Those of each function, with its name.
    pub fn into_functions(self) -> Vec<(String, Records)> {
        let parts = self.functions.into_iter().map(|name| (name, Records::default()));
        let mut parts: Vec<_> = parts.collect();
        for record in self.rows {
            parts[record.function as usize].1.rows.push(record);
        }
        parts
    }

    fn values(&self, of: Of) -> impl Iterator<Item = (usize, f64)> {
        let valued = move |(index, record)| Some((index, of.value(record)?));
        self.rows.iter().enumerate().filter_map(valued)
    }
}

/// What a metric is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Response times of what completed, with a start of this kind.
    Response(Option<bool>),
    /// One of [`WAITS`], of cold starts whose body began.
    Wait(usize),
    Cold,
    Completed,
}

impl Of {
    fn value(self, record: &Record) -> Option<f64> {
        let as_number = |is: bool| if is { 1.0 } else { 0.0 };
        match self {
            Of::Response(kind) => {
                let counts = record.is_completed && (kind.is_none() || record.is_cold == kind);
                counts.then_some(record.response)
            }
            Of::Wait(wait) => {
                (record.is_cold == Some(true) && record.has_begun).then(|| record.waits[wait])
            }
            Of::Cold => record.is_cold.map(as_number),
            Of::Completed => Some(as_number(record.is_completed)),
        }
    }
}

/// How a metric is made of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    of: Of,
    /// A percentile, or else the mean.
    percent: Option<u32>,
}

impl Source {
    /// The source of a metric; `None` if records do not say it.
    pub fn of(path: &str) -> Option<Self> {
        let mean = |of| Some(Source { of, percent: None });
        let (object, field) = path.rsplit_once('.').unwrap_or(("", path));
        let of = match (object, field) {
            ("", COLD_SHARE) => return mean(Of::Cold),
            ("", COMPLETED_SHARE) => return mean(Of::Completed),
            ("cold_start_mean", _) => {
                return mean(Of::Wait(WAITS.iter().position(|wait| *wait == field)?));
            }
            ("response_of_completed.all", _) => Of::Response(None),
            ("response_of_completed.cold", _) => Of::Response(Some(true)),
            ("response_of_completed.warm", _) => Of::Response(Some(false)),
            _ => return None,
        };
        let percent = match field {
            "mean_s" => None,
            "p50_s" => Some(50),
            "p95_s" => Some(95),
            "p99_s" => Some(99),
            _ => return None,
        };
        Some(Source { of, percent })
    }

    /// The value of the metric.
    pub fn value(self, records: &Records) -> Option<f64> {
        let values = || records.values(self.of).map(|(_, value)| value);
        match self.percent {
            None => values().collect::<Moments>().mean(),
            Some(percent) => crate::statistics::percentile(&values().collect::<Vec<_>>(), percent),
        }
    }

    /// The interval of the difference of two runs, of which `difference` was found: from the means
    /// of batches, or the bootstrap of a percentile. `None` if they have too few invocations.
    ///
    /// If they are paired, parts of both in the order of submission correspond to each other.
    pub fn difference(
        self,
        before: &Records,
        after: &Records,
        difference: f64,
        are_paired: bool,
    ) -> Option<Interval> {
        if let Some(percent) = self.percent {
            let (before, after) = (self.blocks(before)?, self.blocks(after)?);
            return Blocks::difference(&before, &after, are_paired, percent, LEVEL);
        }
        let (before, after) = (self.batches(before)?, self.batches(after)?);
        let mean = |batches: &[Moments]| batches.iter().filter_map(Moments::mean).collect();
        let (of_before, of_after): (Moments, Moments) = (mean(&before), mean(&after));
        let pairs = before.iter().zip(&after).filter_map(|(a, b)| a.mean().zip(b.mean()));
        let pairs: Vec<_> = pairs.collect();
        let fewest = match are_paired {
            true => pairs.len(),
            false => of_before.count().min(of_after.count()) as usize,
        };
        // What is as rare as cold starts may be missing in batches.
        if fewest < FEWEST_BATCHES {
            return None;
        }
        let interval = match are_paired {
            true => paired(pairs, LEVEL),
            false => welch(&of_before, &of_after, LEVEL),
        };
        // Batches with few values count as much as others, so their mean may be another one.
        interval.map(|interval| Interval::around(difference, interval.half_width()))
    }

    /// What was measured in each batch of the run.
    fn batches(self, records: &Records) -> Option<Vec<Moments>> {
        let count = records.rows.len();
        if count < 2 * BATCHES {
            return None;
        }
        let mut batches = vec![Moments::default(); BATCHES];
        for (index, value) in records.values(self.of) {
            batches[batch_of(index, count, BATCHES)].add(value);
        }
        Some(batches)
    }

    fn blocks(self, records: &Records) -> Option<Blocks> {
        let count = records.rows.len();
        let values = records.values(self.of);
        (count >= 2 * BLOCKS).then(|| {
            let blocks = values.map(|(index, value)| (value, batch_of(index, count, BLOCKS)));
            Blocks::new(blocks, BLOCKS)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use isotherm_experiment::{Experiment, Overrides};
    use isotherm_kernel::RandomStreams;

    use super::*;

    /// Runs a small experiment, and returns its records in each format.
    fn written(folder: &Path) -> [PathBuf; 3] {
        let text = r#"
name = "small"
workload = [{ kind = "poisson", function = "job", rate = "2/s", until = "40s" }]
[platform]
nodes = { count = 1, cores = 8, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "0s" }
[[function]]
name = "job"
limits = { time = "2s", memory = "512MB" }
body = [{ sleep = { kind = "exponential", mean = "1s" } }]
"#;
        ["csv", "jsonl", "parquet"].map(|format| {
            let overrides = Overrides::default().with("output.records", format);
            let experiment = Experiment::parse("small.toml", text, folder, &overrides).unwrap();
            let out = folder.join(format);
            experiment.run(&experiment.runs()[0], &out).unwrap();
            out.join(format!("invocations.{format}"))
        })
    }

    /// All numbers, bit by bit.
    fn content(records: &Records) -> String {
        format!("{:?} {:?}", records.rows, records.functions)
    }

    #[test]
    fn all_formats_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let files = written(folder.path());
        let [csv, jsonl, parquet] =
            files.each_ref().map(|path| content(&Records::read(path, None).unwrap()));
        assert!(csv.len() > 5_000 && csv == jsonl && csv == parquet);
        // Their window is that of the run.
        let window = serde_json::json!({ "from_s": 10.0, "until_s": 20.0 });
        let few = files.each_ref().map(|path| {
            let records = Records::read(path, Some(&window)).unwrap();
            assert!(records.rows.len() > 5 && records.rows.len() < 40);
            content(&records)
        });
        assert!(few[0] == few[1] && few[0] == few[2]);
    }

    /// A file is cut at many lengths, and bytes of it are changed: reading it gives records, or an
    /// error that names it.
    #[test]
    fn damaged_files_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = RandomStreams::new(1).stream("damage");
        for path in written(folder.path()) {
            let whole = std::fs::read(&path).unwrap();
            let damaged = folder.path().join(path.file_name().unwrap());
            let mut refused = 0;
            let mut read = |bytes: &[u8]| {
                std::fs::write(&damaged, bytes).unwrap();
                if let Err(error) = Records::read(&damaged, None) {
                    let message = error.to_string();
                    let name = damaged.display().to_string();
                    assert!(message.contains(&name) && message.contains("manifest"), "{message}");
                    refused += 1;
                }
            };
            for part in 0..100 {
                read(&whole[..whole.len() * part / 100]);
            }
            for _ in 0..100 {
                let mut bytes = whole.clone();
                for _ in 0..=random.below(4) {
                    bytes[random.below(whole.len() as u64) as usize] = random.below(256) as u8;
                }
                read(&bytes);
            }
            // A file that was cut between two lines is one with fewer lines.
            assert!(refused > 100, "{}: {refused}", path.display());
        }
    }
}
