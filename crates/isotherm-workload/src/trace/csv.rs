//! The rows of a CSV file.

use std::io::{self, Read};

use super::records::Records;
use super::table::{LONGEST_ROW, TableRows, beginning, similar};
use crate::Decompressed;
use crate::error::{TraceError, TraceProblem};

/// How the fields and numbers of a CSV file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvDialect {
    /// What separates fields: one byte of ASCII. If it is not given, it is a semicolon, tab or bar
    /// where the header has one of these, none of the others, and no comma; and otherwise a comma.
    pub delimiter: Option<u8>,
    /// What separates the whole part of a number from its decimals: a point or a comma.
    pub decimal_mark: u8,
}

impl Default for CsvDialect {
    fn default() -> Self {
        CsvDialect { delimiter: None, decimal_mark: b'.' }
    }
}

/// What may separate fields if it is not given.
const DELIMITERS: [u8; 3] = [b';', b'\t', b'|'];

/// The delimiter that a header is certain to have.
fn delimiter(header: &[u8]) -> u8 {
    let mut is_quoted = false;
    let mut found = None;
    for &byte in header {
        is_quoted ^= byte == b'"';
        if is_quoted {
            continue;
        }
        if byte == b',' || DELIMITERS.contains(&byte) && found.is_some_and(|other| other != byte) {
            return b',';
        }
        if DELIMITERS.contains(&byte) {
            found = Some(byte);
        }
    }
    found.unwrap_or(b',')
}

/// The rows of a CSV file: RFC 4180 with the tolerance described in the [module](super). Memory is
/// that of one row.
pub struct CsvTable<R> {
    name: String,
    dialect: CsvDialect,
    records: Records<Decompressed<R>>,
    header: Vec<String>,
}

impl<R: Read> CsvTable<R> {
    /// Reads the header. The name is for messages.
    ///
    /// # Errors
    ///
    /// The file is empty, its header is too long, or it cannot be read.
    pub fn new(name: impl Into<String>, reader: R) -> Result<Self, Box<TraceError>> {
        CsvTable::of_dialect(name, reader, CsvDialect::default())
    }

    /// Reads the header of a file of this dialect.
    ///
    /// # Errors
    ///
    /// As for [`new`](CsvTable::new).
    pub fn of_dialect(
        name: impl Into<String>,
        reader: R,
        dialect: CsvDialect,
    ) -> Result<Self, Box<TraceError>> {
        let (name, records) = (name.into(), Records::new(Decompressed::new(reader)));
        let mut rows = CsvTable { name, dialect, records, header: Vec::new() };
        match rows.read_header() {
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

    fn read_header(&mut self) -> io::Result<bool> {
        let separated_by = match self.dialect.delimiter {
            Some(given) => given,
            None => delimiter(self.records.first_line()?),
        };
        if separated_by != b',' {
            self.records.separate_by(separated_by);
        }
        self.records.read()
    }

    /// The line on which the current row begins.
    pub(super) fn line(&self) -> u64 {
        self.records.line()
    }
}

impl<R: Read> TableRows for CsvTable<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn columns(&self) -> &[String] {
        &self.header
    }

    fn column(&mut self, name: &str) -> Result<usize, Box<TraceError>> {
        let mut indices = self.header.iter().enumerate().filter(|(_, other)| *other == name);
        let problem = match (indices.next(), indices.next()) {
            (Some((index, _)), None) => return Ok(index),
            (Some(_), Some(_)) => TraceProblem::AmbiguousColumn,
            (None, _) => TraceProblem::MissingColumn {
                columns: self.header.clone(),
                similar: similar(name, &self.header),
            },
        };
        Err(self.error(Some(name), problem))
    }

    fn advance(&mut self) -> Result<bool, Box<TraceError>> {
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

    fn ahead(&self) -> &[u8] {
        match self.records.delimiter() {
            b',' => self.records.ahead(),
            _ => &[],
        }
    }

    fn decimal_mark(&self) -> u8 {
        self.dialect.decimal_mark
    }

    fn pass(&mut self, length: usize) {
        self.records.pass(length);
    }

    fn field(&self, index: usize) -> &[u8] {
        // `advance` has checked that the row is as long as the header.
        let field = self.records.get(index).unwrap_or_default();
        match field {
            // White space is at most b' '.
            [first, .., last] if *first > b' ' && *last > b' ' => field,
            _ => field.trim_ascii(),
        }
    }

    fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError> {
        let mut error = self.error(column.map(|(_, name)| name), problem);
        for (index, field) in self.records.iter().enumerate() {
            if error.row.len() > LONGEST_ROW {
                break;
            }
            if index > 0 {
                error.row.push(char::from(self.records.delimiter()));
            }
            if column.is_some_and(|(wrong, _)| wrong == index) {
                let spaces = field.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                error.field = Some(error.row.len() + if spaces < field.len() { spaces } else { 0 });
            }
            error.row.push_str(&beginning(field, LONGEST_ROW));
        }
        error.line = Some(self.line());
        error
    }
}
