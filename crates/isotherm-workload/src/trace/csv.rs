//! The rows of a CSV file, one at a time: what all readers of traces have in common.

use std::io::Read;

use super::records::Records;
use super::similar;
use crate::Decompressed;
use crate::error::{TraceError, TraceProblem};

/// A header and the row that was read last. Whoever reads them is told the line and the row of what
/// is wrong.
pub(super) struct CsvRows<R> {
    name: String,
    records: Records<Decompressed<R>>,
    header: Vec<String>,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header. The name is for messages.
    pub(super) fn new(name: String, reader: R) -> Result<Self, Box<TraceError>> {
        let mut rows =
            CsvRows { name, records: Records::new(Decompressed::new(reader)), header: Vec::new() };
        match rows.records.read() {
            Ok(true) => {}
            Ok(false) => return Err(rows.error(None, TraceProblem::Empty)),
            Err(error) => {
                let mut error = rows.error(None, error.into());
                error.line =
                    matches!(error.problem, TraceProblem::LongRow).then(|| rows.records.line());
                return Err(error);
            }
        }
        rows.header = rows
            .records
            .iter()
            .map(|field| String::from_utf8_lossy(field).trim().to_owned())
            .collect();
        Ok(rows)
    }

    /// How the file is called in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The names of the columns.
    pub(super) fn columns(&self) -> &[String] {
        &self.header
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, Box<TraceError>> {
        let mut places = self.header.iter().enumerate().filter(|(_, other)| *other == name);
        let problem = match (places.next(), places.next()) {
            (Some((index, _)), None) => return Ok(index),
            (Some(_), Some(_)) => TraceProblem::AmbiguousColumn,
            (None, _) => TraceProblem::MissingColumn {
                columns: self.header.clone(),
                similar: similar(name, &self.header),
            },
        };
        Err(self.error(Some(name), problem))
    }

    /// Reads the next row; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Box<TraceError>> {
        match self.records.read() {
            Ok(true) if self.records.left_open().is_some() => {
                let mut error = self.row_error(None, TraceProblem::OpenQuote);
                error.line = self.records.left_open();
                error.row = error.row.lines().next().unwrap_or_default().to_owned();
                Err(error)
            }
            Ok(true) if self.records.len() == self.header.len() => Ok(true),
            Ok(true) => {
                let problem =
                    TraceProblem::Ragged { expected: self.header.len(), got: self.records.len() };
                Err(self.row_error(None, problem))
            }
            Ok(false) => Ok(false),
            Err(error) => {
                let mut error = self.error(None, error.into());
                match error.problem {
                    TraceProblem::Compressed(_) => error.line = Some(self.records.next_line()),
                    TraceProblem::LongRow => error.line = Some(self.records.line()),
                    _ => {}
                }
                Err(error)
            }
        }
    }

    /// What has been read and belongs to no row yet.
    pub(super) fn ahead(&self) -> &[u8] {
        self.records.ahead()
    }

    /// Passes over a row that takes so many bytes and one line of what is ahead. There is no
    /// current row then.
    pub(super) fn pass(&mut self, length: usize) {
        self.records.pass(length);
    }

    /// A field of the current row without the spaces around it. The row is as long as the header.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let field = self.records.get(index).unwrap_or_default();
        match field {
            // All spaces are lower than this.
            [first, .., last] if *first > b' ' && *last > b' ' => field,
            _ => field.trim_ascii(),
        }
    }

    /// An error about the current row, perhaps about the column of this place and name.
    pub(super) fn row_error(
        &self,
        column: Option<(usize, &str)>,
        problem: TraceProblem,
    ) -> Box<TraceError> {
        let mut error = self.error(column.map(|(_, name)| name), problem);
        for (index, field) in self.records.iter().enumerate() {
            if error.row.len() > LONGEST_ROW {
                break;
            }
            if index > 0 {
                error.row.push(',');
            }
            if column.is_some_and(|(place, _)| place == index) {
                let spaces = field.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                error.field = Some(error.row.len() + if spaces < field.len() { spaces } else { 0 });
            }
            error.row.push_str(&beginning(field, LONGEST_ROW));
        }
        error.line = Some(self.line());
        error
    }

    /// An error about the whole file.
    pub(super) fn error(&self, column: Option<&str>, problem: TraceProblem) -> Box<TraceError> {
        let name = self.name.clone();
        Box::new(TraceError {
            name,
            line: None,
            column: column.map(str::to_owned),
            row: String::new(),
            field: None,
            problem,
        })
    }

    /// The line on which the current row begins.
    pub(super) fn line(&self) -> u64 {
        self.records.line()
    }
}

/// The beginning of a field that is shown in a message: a file that is no CSV may be one field.
pub(super) fn beginning(field: &[u8], length: usize) -> String {
    String::from_utf8_lossy(&field[..field.len().min(length)]).into_owned()
}

/// How many bytes of a row, or a little more, are kept for a message.
pub(super) const LONGEST_ROW: usize = 1_000;

/// How many bytes of a value are kept for a message.
pub(super) const LONGEST_VALUE: usize = 60;
