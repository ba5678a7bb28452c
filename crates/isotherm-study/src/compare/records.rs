//! The records of a run as far as they are compared, and what metrics are made of.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::metric::{COLD_SHARE, COMPLETED_SHARE};
use crate::statistics::{
    BATCHES, BLOCKS, Blocks, Interval, LEVEL, Moments, batch_of, paired, welch,
};

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

/// The columns of where a cold start spends its time, called alike in the summary.
const WAITS: [&str; 5] = ["download_wait_s", "copy_wait_s", "load_wait_s", "queue_s", "startup_s"];

/// The records of a run in the order of submission.
#[derive(Debug, Default)]
pub struct Records {
    rows: Vec<Record>,
    functions: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Records {
    /// Reads the records of a run, without those outside of the window that counts.
    pub fn read(path: &Path, window: Option<&Value>) -> Result<Self, CompareError> {
        let broken = |reason: String| CompareError::Broken { path: path.to_owned(), reason };
        let mut reader = csv::Reader::from_path(path).map_err(|error| broken(error.to_string()))?;
        let header = reader.headers().map_err(|error| broken(error.to_string()))?.clone();
        let column = |name: &str| {
            let index = header.iter().position(|known| known == name);
            index.ok_or_else(|| broken(format!("it has no column `{name}`")))
        };
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
        let mut records = Records::default();
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row).map_err(|error| broken(error.to_string()))? {
            let text = |index: usize| row.get(index).unwrap_or_default();
            // What a record has not, such as the start-up of what never began, is empty.
            let number = |index: usize| match text(index) {
                "" => Ok(0.0),
                number => number.parse::<f64>().map_err(|_| {
                    broken(format!("`{number}` in column `{}` is no number", &header[index]))
                }),
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
            let function = records.function(text(function));
            records.rows.push(Record {
                id: number_of_id.map_err(|_| broken(format!("`{}` is no id", text(id))))?,
                function,
                is_completed: text(outcome) == "completed",
                is_cold: match text(start) {
                    "" => None,
                    kind => Some(kind == "cold"),
                },
                response: number(response)?,
                waits: times,
                has_begun: !text(waits[4]).is_empty(),
            });
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
