//! What the readers of table files have in common, whatever the format.

use crate::TimeUnit;
use crate::error::{TraceError, TraceProblem};

/// The rows of a table file, read one at a time.
///
/// Values are text, as CSV would have them, so numbers are parsed in one way, and exactly, in every
/// format. Implemented by [`CsvTable`](crate::CsvTable), [`JsonlTable`](crate::JsonlTable) and
/// [`ParquetTable`](crate::ParquetTable).
pub trait TableRows {
    /// The name of the file in messages.
    fn name(&self) -> &str;

    /// The names of the columns; of JSONL the keys of the first object.
    fn columns(&self) -> &[String];

    /// The index of a column for [`field`](Self::field).
    ///
    /// # Errors
    ///
    /// No column has this name, or several have, or its values are of a type that is not read.
    fn column(&mut self, name: &str) -> Result<usize, Box<TraceError>>;

    /// Reads the next row; `false` at the end.
    ///
    /// # Errors
    ///
    /// The row is malformed, or the file cannot be read on.
    fn advance(&mut self) -> Result<bool, Box<TraceError>>;

    /// The text that has been read ahead of the current row; empty unless the format is CSV.
    fn ahead(&self) -> &[u8] {
        &[]
    }

    /// Skips a row that has this many bytes of [`ahead`](Self::ahead) and one line. There is no
    /// current row after that.
    fn pass(&mut self, _length: usize) {}

    /// The unit of a column of dates, if the file itself says it. They count from 1970.
    fn date_unit(&self, _index: usize) -> Option<TimeUnit> {
        None
    }

    /// What separates the whole part of a number from its decimals.
    fn decimal_mark(&self) -> u8 {
        b'.'
    }

    /// A value of the current row without spaces around it; empty if it is missing.
    fn field(&self, index: usize) -> &[u8];

    /// An error about the current row, or about one of its columns, given by index and name.
    fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError>;

    /// An error about the whole file, or about one of its columns.
    fn error(&self, column: Option<&str>, problem: TraceProblem) -> Box<TraceError> {
        let mut error = TraceError::of_file(self.name(), problem);
        error.column = column.map(str::to_owned);
        error
    }
}

impl<T: TableRows + ?Sized> TableRows for Box<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn columns(&self) -> &[String] {
        (**self).columns()
    }

    fn column(&mut self, name: &str) -> Result<usize, Box<TraceError>> {
        (**self).column(name)
    }

    fn advance(&mut self) -> Result<bool, Box<TraceError>> {
        (**self).advance()
    }

    fn ahead(&self) -> &[u8] {
        (**self).ahead()
    }

    fn pass(&mut self, length: usize) {
        (**self).pass(length);
    }

    fn date_unit(&self, index: usize) -> Option<TimeUnit> {
        (**self).date_unit(index)
    }

    fn decimal_mark(&self) -> u8 {
        (**self).decimal_mark()
    }

    fn field(&self, index: usize) -> &[u8] {
        (**self).field(index)
    }

    fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError> {
        (**self).row_error(column, problem)
    }
}

/// About how many bytes of a row a message shows.
pub(super) const LONGEST_ROW: usize = 1_000;

/// How many bytes of a value a message shows.
pub(super) const LONGEST_VALUE: usize = 60;

/// The beginning of a field, for a message: a file that is no CSV may be one long field.
pub(super) fn beginning(field: &[u8], length: usize) -> String {
    String::from_utf8_lossy(&field[..field.len().min(length)]).into_owned()
}

/// The known name most like this one, if one is like it. Case is ignored.
pub(super) fn similar(name: &str, known: &[String]) -> Option<String> {
    let name = name.to_lowercase();
    known
        .iter()
        .map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other))
        .filter(|&(likeness, _)| likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other.clone())
}
