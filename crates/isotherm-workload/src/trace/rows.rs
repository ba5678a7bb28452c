//! The rows of a CSV file, one at a time: what all readers of traces have in common.

use std::io::{self, Read};

use csv::ByteRecord;

use super::similar;
use super::tap::Tap;
use crate::Decompressed;
use crate::error::{TraceError, TraceProblem};

/// A header and the row that was read last. Whoever reads them is told the line and the row of what is wrong.
pub(super) struct Rows<R> {
    name: String,
    reader: csv::Reader<Tap<Decompressed<R>>>,
    header: Vec<String>,
    row: ByteRecord,
}

impl<R: Read> Rows<R> {
    /// Reads the header. The name is for messages.
    pub(super) fn new(name: String, reader: R) -> Result<Self, Box<TraceError>> {
        // Rows of other lengths than the header are found here rather than by the reader, whose message has no place
        // for a hint.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(Tap::new(Decompressed::new(reader)));
        let mut rows = Rows { name, reader, header: Vec::new(), row: ByteRecord::new() };
        match read(&mut rows.reader, &mut rows.row) {
            Ok(true) => {}
            Ok(false) => return Err(rows.error(None, TraceProblem::Empty)),
            Err(error) => return Err(rows.error(None, error.into())),
        }
        rows.header = rows.row.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
        Ok(rows)
    }

    /// How the file is called in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, Box<TraceError>> {
        let mut places = self.header.iter().enumerate().filter(|(_, other)| *other == name);
        let problem = match (places.next(), places.next()) {
            (Some((index, _)), None) => return Ok(index),
            (Some(_), Some(_)) => TraceProblem::AmbiguousColumn,
            (None, _) => {
                TraceProblem::MissingColumn { columns: self.header.clone(), similar: similar(name, &self.header) }
            }
        };
        Err(self.error(Some(name), problem))
    }

    /// Reads the next row; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Box<TraceError>> {
        match read(&mut self.reader, &mut self.row) {
            Ok(true) if self.reader.get_ref().left_open().is_some() => {
                let mut error = self.row_error(None, TraceProblem::OpenQuote);
                error.line = self.reader.get_ref().left_open();
                error.row = error.row.lines().next().unwrap_or_default().to_owned();
                Err(error)
            }
            Ok(true) if self.row.len() == self.header.len() => Ok(true),
            Ok(true) => {
                let problem = TraceProblem::Ragged { expected: self.header.len(), got: self.row.len() };
                Err(self.row_error(None, problem))
            }
            Ok(false) => Ok(false),
            Err(error) => {
                let mut error = self.error(None, error.into());
                if matches!(error.problem, TraceProblem::Compressed(_)) {
                    error.line = Some(self.reader.position().line());
                }
                Err(error)
            }
        }
    }

    /// A field of the current row without the spaces around it. The row is as long as the header.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        self.row.get(index).unwrap_or_default().trim_ascii()
    }

    /// An error about the current row, perhaps about the column of this place and name.
    pub(super) fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError> {
        let mut error = self.error(column.map(|(_, name)| name), problem);
        for (index, field) in self.row.iter().enumerate() {
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

    /// The line on which the current row begins. The reader's own idea of it counts blank lines to the row, and forgets
    /// one line after each `\r`.
    pub(super) fn line(&self) -> u64 {
        let position = self.reader.position();
        let newlines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let terminated = self.reader.get_ref().byte_before(position.byte()) == Some(b'\n');
        let within: u64 = self.row.iter().map(newlines).sum();
        position.line().saturating_sub(u64::from(terminated)).saturating_sub(within)
    }
}

/// The beginning of a field that is shown in a message: a file that is no CSV may be one field.
pub(super) fn beginning(field: &[u8], length: usize) -> String {
    String::from_utf8_lossy(&field[..field.len().min(length)]).into_owned()
}

/// How many bytes of a row, or a little more, are kept for a message.
const LONGEST_ROW: usize = 1_000;

/// How many bytes of a value are kept for a message.
pub(super) const LONGEST_VALUE: usize = 60;

/// Reads a record; rows of bytes can fail in no other way than their source.
fn read<R: Read>(reader: &mut csv::Reader<Tap<Decompressed<R>>>, record: &mut ByteRecord) -> Result<bool, io::Error> {
    loop {
        let is_read = reader.read_byte_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })?;
        if !is_read {
            return Ok(false);
        }
        // A line of spaces is a blank line, unless the only column may be empty anyway.
        if record.len() > 1 || record.iter().any(|field| !field.trim_ascii().is_empty()) {
            return Ok(true);
        }
    }
}
