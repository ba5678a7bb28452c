//! Reading a trace to its end, to report everything that is wrong with it.

use isotherm_kernel::Time;

use super::arrivals::ArrivalReader;
use super::columns::Columns;
use super::function_names::FunctionNames;
use super::row_errors::{AfterError, RowErrors};
use super::table::TableRows;
use crate::error::{TraceError, TraceProblem};
use crate::part::{Part, Place};
use crate::{Demand, WorkloadError};

/// What is in a trace, and what is wrong with it.
#[derive(Debug, Default)]
pub struct TraceCheck {
    /// The number of rows that were read.
    pub rows: u64,
    /// How many of them are in the part that is played.
    pub played: u64,
    /// When the first of those arrives, if its date is valid.
    pub first: Option<Time>,
    /// The latest arrival of those with valid dates.
    pub last: Option<Time>,
    /// What those ask for that are valid.
    pub demand: Demand,
    /// The first errors, in the order of the rows.
    pub errors: Vec<TraceError>,
    /// The number of errors beyond these.
    pub further: u64,
}

/// Reads a trace to the end of the part that is played, and reports all errors in its rows, the
/// first `in_full` in full. A row
/// is compared with the one above it, so that one row out of order is one error.
///
/// ```
/// # use isotherm_workload::{
/// #     Columns, CsvTable, DateColumn, FunctionColumn, FunctionNames, Part, TimeUnit, check_trace,
/// # };
/// let text = "arrival_s,function\n1,f\n0.5,g\n0.7,f\n";
/// let columns = Columns {
///     arrival: DateColumn::new("arrival_s", TimeUnit::SECOND),
///     function: FunctionColumn::Named("function".into()),
///     duration: None,
/// };
/// let table = CsvTable::new("run.csv", text.as_bytes())?;
/// let check = check_trace(table, &columns, FunctionNames::new(["f"]), &Part::default(), 20)?;
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
/// What is wrong with the trace as a whole: it cannot be read, has no row, or lacks these columns.
pub fn check_trace(
    table: impl TableRows,
    columns: &Columns,
    functions: FunctionNames,
    part: &Part,
    in_full: usize,
) -> Result<TraceCheck, WorkloadError> {
    let mut reader = ArrivalReader::new(table, columns, functions)?;
    let mut check = TraceCheck::default();
    let mut errors = RowErrors::new(in_full);
    let mut previous = Time::ZERO;
    loop {
        match reader.rows.advance() {
            Ok(true) => {}
            Ok(false) if check.rows == 0 => {
                return Err(reader.rows.error(None, TraceProblem::NoRows).into());
            }
            Ok(false) => break,
            Err(error) => match errors.record(error)? {
                AfterError::Continue => {
                    check.rows += 1;
                    check.played += 1;
                    continue;
                }
                AfterError::Stop => break,
            },
        }
        check.rows += 1;
        let (mut date, mut played) = (None, None);
        match reader.date(previous) {
            Ok(at) => date = Some(at),
            Err(error) => {
                if let TraceProblem::Unsorted { at, .. } = error.problem {
                    date = Some(at);
                }
                errors.push(*error);
            }
        }
        if let Some(at) = date {
            previous = at;
            match part.place(at, check.played) {
                Place::Before => {}
                Place::In(at) => {
                    check.played += 1;
                    check.first = check.first.or(Some(at));
                    check.last = check.last.max(Some(at));
                    played = Some(at);
                }
                Place::Behind => {
                    check.rows -= 1;
                    break;
                }
            }
        } else {
            check.played += 1;
        }
        let duration = reader.duration().map_err(|error| errors.push(*error));
        let function = reader.known_function();
        if function.is_none() {
            // An error that is only counted needs no search for a similar name.
            match errors.is_full() {
                true => errors.further += 1,
                false => errors.push(*reader.unknown_function()),
            }
        }
        if let (Some(at), Some(function), Ok(duration)) = (played, function, duration) {
            check.demand.add(at, function, duration, 1.0);
        }
    }
    (check.errors, check.further) = (errors.errors, errors.further);
    Ok(check)
}
