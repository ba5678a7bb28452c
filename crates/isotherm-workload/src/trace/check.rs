//! Reading a trace to its end, to know all that is wrong with it.

use std::io::Read;

use isotherm_kernel::Time;
#[cfg(feature = "formats")]
use parquet::file::reader::ChunkReader;

use super::csv::CsvRows;
use super::jsonl::JsonlRows;
#[cfg(feature = "formats")]
use super::parquet::ParquetRows;
use super::table::TableRows;
use super::{ArrivalReader, Columns, FunctionNames};
use crate::WorkloadError;
use crate::error::{TraceError, TraceProblem};

/// What is in a trace, and what is wrong with it.
#[derive(Debug, Default)]
pub struct TraceCheck {
    /// How many rows it has.
    pub rows: u64,
    /// When the first of them arrives, if its date is good.
    pub first: Option<Time>,
    /// When the last of them arrives, as far as dates are good.
    pub last: Option<Time>,
    /// The first things that are wrong, in the order of the rows.
    pub errors: Vec<TraceError>,
    /// How many more there are.
    pub further: u64,
}

impl TraceCheck {
    fn push(&mut self, error: TraceError, most: usize) {
        if self.errors.len() < most { self.errors.push(error) } else { self.further += 1 }
    }
}

/// Reads a trace to its end and tells everything that is wrong with its rows, the first `most` of
/// it in full. A row is compared with the one above it, so that one that is out of order is told
/// once.
///
/// ```
/// # use isotherm_workload::{Columns, FunctionColumn, FunctionNames, TimeColumn, TimeUnit, check_trace};
/// let text = "arrival_s,function\n1,f\n0.5,g\n0.7,f\n";
/// let columns = Columns {
///     arrival: TimeColumn { name: "arrival_s".into(), unit: TimeUnit::SECOND },
///     function: FunctionColumn::Named("function".into()),
///     duration: None,
/// };
/// let check = check_trace("run.csv", text.as_bytes(), &columns, FunctionNames::new(["f"]), 20)?;
/// let errors: Vec<String> = check.errors.iter().map(|error| error.to_string()).collect();
/// assert_eq!(errors, [
///     "run.csv:3: column `arrival_s`: this row arrives at 0.5 s, before the row above, which arrives at 1 s",
///     "run.csv:3: column `function`: there is no function `g`",
/// ]);
/// assert_eq!((check.rows, check.further), (3, 0));
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// What is wrong with the trace as a whole: it cannot be read, is empty, or has not these columns.
pub fn check_trace(
    name: impl Into<String>,
    reader: impl Read,
    columns: &Columns,
    functions: FunctionNames,
    most: usize,
) -> Result<TraceCheck, WorkloadError> {
    check(ArrivalReader::new(CsvRows::new(name.into(), reader)?, columns, functions)?, most)
}

/// The same for a trace in JSONL.
///
/// # Errors
///
/// As for [`check_trace`].
pub fn check_jsonl(
    name: impl Into<String>,
    reader: impl Read,
    columns: &Columns,
    functions: FunctionNames,
    most: usize,
) -> Result<TraceCheck, WorkloadError> {
    check(ArrivalReader::new(JsonlRows::new(name.into(), reader)?, columns, functions)?, most)
}

/// The same for a trace in Parquet.
///
/// # Errors
///
/// As for [`check_trace`].
#[cfg(feature = "formats")]
pub fn check_parquet(
    name: impl Into<String>,
    reader: impl ChunkReader + 'static,
    columns: &Columns,
    functions: FunctionNames,
    most: usize,
) -> Result<TraceCheck, WorkloadError> {
    check(ArrivalReader::new(ParquetRows::new(name.into(), reader)?, columns, functions)?, most)
}

fn check(
    mut reader: ArrivalReader<impl TableRows>,
    most: usize,
) -> Result<TraceCheck, WorkloadError> {
    let mut check = TraceCheck::default();
    let mut previous = Time::ZERO;
    loop {
        match reader.rows.advance() {
            Ok(true) => {}
            Ok(false) if check.rows == 0 => {
                return Err(reader.rows.error(None, TraceProblem::NoRows).into());
            }
            Ok(false) => return Ok(check),
            Err(error) => match error.problem {
                TraceProblem::Unreadable(_) => return Err(error.into()),
                // All that follows is one field, or cannot be read: there is nothing more to look
                // at.
                TraceProblem::OpenQuote
                | TraceProblem::Compressed(_)
                | TraceProblem::NotParquet { .. }
                | TraceProblem::ParquetPage { .. } => {
                    check.push(*error, most);
                    return Ok(check);
                }
                _ => {
                    check.rows += 1;
                    check.push(*error, most);
                    continue;
                }
            },
        }
        check.rows += 1;
        let mut date = None;
        match reader.date(previous) {
            Ok(at) => date = Some(at),
            Err(error) => {
                if let TraceProblem::Unsorted { at, .. } = error.problem {
                    date = Some(at);
                }
                check.push(*error, most);
            }
        }
        if let Some(at) = date {
            previous = at;
            check.first = check.first.or(date);
            check.last = check.last.max(date);
        }
        if let Err(error) = reader.duration() {
            check.push(*error, most);
        }
        if reader.known_function().is_none() {
            // What is only counted needs no search for the name that is meant.
            if check.errors.len() < most {
                check.push(*reader.unknown_function(), most)
            } else {
                check.further += 1
            }
        }
    }
}
