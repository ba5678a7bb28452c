//! The records of a run as they stand in a file, whatever its format.

use std::path::{Path, PathBuf};

use isotherm_experiment::plan::TableFormat;
use isotherm_experiment::trace;
use isotherm_results::Column;
use isotherm_serverless::InvocationRecord;
use isotherm_workload::{TableRows, TraceError, WorkloadError};

/// Records that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the records in `{}`: {reason}", path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Compares the records of a run, one by one, with those in a file.
pub(crate) struct Written {
    path: PathBuf,
    /// `None`: the file is empty, as JSON Lines of no invocation are.
    rows: Option<Box<dyn TableRows>>,
    /// Where each of [`Column::ALL`] stands.
    columns: Vec<usize>,
    text: Vec<u8>,
}

impl Written {
    pub(crate) fn open(path: &Path) -> Result<Self, Unreadable> {
        let mut written =
            Written { path: path.to_owned(), rows: None, columns: Vec::new(), text: Vec::new() };
        if std::fs::metadata(path).is_ok_and(|known| known.len() == 0) {
            return Ok(written);
        }
        let shown = path.display().to_string();
        let rows = trace::table(TableFormat::of_name(&shown), path, &shown);
        let mut rows = rows.map_err(|error| written.unreadable(reason(&error)))?;
        for column in Column::ALL {
            let index = rows.column(column.name);
            written.columns.push(index.map_err(|error| written.unreadable(told(&error)))?);
        }
        written.rows = Some(rows);
        Ok(written)
    }

    /// Whether the next record in the file is this one.
    pub(crate) fn has_next(&mut self, record: &InvocationRecord) -> Result<bool, Unreadable> {
        let Some(rows) = &mut self.rows else { return Ok(false) };
        match rows.advance() {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Err(self.unreadable(told(&error))),
        }
        let Some(rows) = &self.rows else { return Ok(false) };
        let mut columns = Column::ALL.iter().zip(&self.columns);
        Ok(columns.all(|(column, &index)| {
            self.text.clear();
            column.write(&mut self.text, record);
            is_same(rows.field(index), self.text.trim_ascii())
        }))
    }

    fn unreadable(&self, reason: String) -> Unreadable {
        Unreadable { path: self.path.clone(), reason }
    }
}

/// Whether two texts are the same, or the same number: times in Parquet are the nearest ones to
/// their decimals.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    one == other || number(one).is_some_and(|one| Some(one) == number(other))
}

/// What is wrong with a file.
pub(crate) fn reason(error: &WorkloadError) -> String {
    match error {
        WorkloadError::Trace(error) => told(error),
        error => error.to_string(),
    }
}

/// What is wrong, and in which line.
pub(crate) fn told(error: &TraceError) -> String {
    match error.line {
        Some(line) => format!("{} (line {line})", error.message()),
        None => error.message(),
    }
}
