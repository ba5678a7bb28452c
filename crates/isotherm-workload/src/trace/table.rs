//! What all tables have in common, whatever format they are in.

use std::io::Read;

use super::csv::CsvRows;
use crate::error::{TraceError, TraceProblem};

/// The rows of a table, one at a time. Values are text, as they would stand in CSV, so that numbers
/// are read in one way everywhere, and exactly.
pub(super) trait TableRows {
    /// How the file is called in messages.
    fn name(&self) -> &str;

    /// The names of the columns.
    fn columns(&self) -> &[String];

    /// The place of a column.
    fn column(&mut self, name: &str) -> Result<usize, Box<TraceError>>;

    /// Reads the next row; `false` at the end.
    fn advance(&mut self) -> Result<bool, Box<TraceError>>;

    /// The text of the rows to come, as far as it has been read, if it is CSV.
    fn ahead(&self) -> &[u8] {
        &[]
    }

    /// Passes over a row of this text that takes so many bytes and one line. There is no current
    /// row then.
    fn pass(&mut self, _length: usize) {}

    /// A value of the current row; nothing if there is none.
    fn field(&self, index: usize) -> &[u8];

    /// An error about the current row, perhaps about the column of this place and name.
    fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError>;

    /// An error about the whole file.
    fn error(&self, column: Option<&str>, problem: TraceProblem) -> Box<TraceError> {
        Box::new(TraceError {
            name: self.name().to_owned(),
            line: None,
            column: column.map(str::to_owned),
            row: String::new(),
            field: None,
            problem,
        })
    }
}

impl<R: Read> TableRows for CsvRows<R> {
    fn name(&self) -> &str {
        CsvRows::name(self)
    }

    fn columns(&self) -> &[String] {
        CsvRows::columns(self)
    }

    fn column(&mut self, name: &str) -> Result<usize, Box<TraceError>> {
        CsvRows::column(self, name)
    }

    fn advance(&mut self) -> Result<bool, Box<TraceError>> {
        CsvRows::advance(self)
    }

    fn ahead(&self) -> &[u8] {
        CsvRows::ahead(self)
    }

    fn pass(&mut self, length: usize) {
        CsvRows::pass(self, length);
    }

    fn field(&self, index: usize) -> &[u8] {
        CsvRows::field(self, index)
    }

    fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError> {
        CsvRows::row_error(self, column, problem)
    }
}
