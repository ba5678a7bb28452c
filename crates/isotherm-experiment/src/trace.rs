//! Traces on disk: opening them, and showing what is wrong with them.
//!
//! Reading is done by [`isotherm_workload::CsvTrace`], which opens no files; this module does, and turns an error of a trace
//! into a diagnostic that shows the row.

use std::fs::File;
use std::path::Path;

use isotherm_workload::{CsvTrace, FunctionNames, TraceError, TraceProblem, WorkloadError};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::CsvPlan;
use crate::source::Sources;

/// Opens a trace and reads its header and its first row.
///
/// # Errors
///
/// What is wrong with the trace; a file that cannot be opened is unreadable.
pub fn open(plan: &CsvPlan, functions: FunctionNames) -> Result<CsvTrace<File>, WorkloadError> {
    let file = File::open(&plan.path).map_err(|error| {
        Box::new(TraceError {
            name: plan.shown.clone(),
            line: None,
            column: None,
            row: String::new(),
            problem: TraceProblem::Unreadable(error),
        })
    })?;
    CsvTrace::new(&plan.shown, file, &plan.columns, functions)
}

/// What is wrong with a workload, as it is shown: for a trace, the row with the value in question marked.
pub fn diagnostic(error: &WorkloadError, sources: &mut Sources) -> Diagnostic {
    let WorkloadError::Trace(error) = error else {
        return Diagnostic::without_place(error.to_string());
    };
    let text = error.to_string();
    let place = match error.line {
        Some(line) => format!("{}:{line}: ", error.name),
        None => format!("{}: ", error.name),
    };
    // The place is shown by itself.
    let message = text.strip_prefix(&place).unwrap_or(&text).to_owned();
    let Some(line) = error.line else {
        let source = sources.add(&error.name, "");
        return Diagnostic::at(sources.line(source, 1), message, error.hint());
    };
    let source = sources.add_lines(&error.name, &error.row, line as usize);
    let mut place = sources.line(source, 1);
    if let Some(value) = error.value()
        && let Some(start) = error.row.find(value)
    {
        place.start = start;
        place.end = start + value.len();
    }
    Diagnostic::at(place, message, error.hint())
}

/// What is wrong with a workload found in the middle of a run.
pub fn diagnostics(error: &WorkloadError) -> Diagnostics {
    let mut sources = Sources::default();
    let diagnostic = diagnostic(error, &mut sources);
    Diagnostics::new(sources, vec![diagnostic])
}

/// How many rows of a CSV file have `1` or `true` in a column. An unknown column is an error with the columns there are.
///
/// # Errors
///
/// The file cannot be read, is not CSV, or has no such column.
pub fn count_ones(path: &Path, column: &str) -> Result<u64, CountError> {
    let file = File::open(path).map_err(CountError::Io)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = reader.headers()?;
    let Some(index) = header.iter().position(|name| name == column) else {
        return Err(CountError::NoColumn(header.iter().map(str::to_owned).collect()));
    };
    let mut row = csv::StringRecord::new();
    let mut count = 0;
    while reader.read_record(&mut row)? {
        count += u64::from(matches!(row.get(index), Some("1" | "true" | "True")));
    }
    Ok(count)
}

/// Why rows cannot be counted.
pub enum CountError {
    /// The file cannot be read.
    Io(std::io::Error),
    /// It is not CSV.
    Csv(String),
    /// It has no such column; these are the ones it has.
    NoColumn(Vec<String>),
}

impl From<csv::Error> for CountError {
    fn from(error: csv::Error) -> Self {
        let reason = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => CountError::Io(error),
            _ => CountError::Csv(reason),
        }
    }
}
