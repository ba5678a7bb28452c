//! Arrivals from a trace in CSV, read row by row.
//!
//! # The format
//!
//! RFC 4180, read with tolerance: the first line names the columns, in any order, and further columns are ignored;
//! fields may stand in quotes; lines end in `\n` or `\r\n`; a byte order mark, blank lines and spaces around values do
//! not matter. Every row must have as many fields as the header. [`Columns`] says which column holds what, and in which
//! unit.
//!
//! Dates count from the start of the simulation and must not go back from row to row: the trace is read as the
//! simulation goes on and never held in memory.
//!
//! # Numbers
//!
//! Decimal numbers are converted to nanoseconds exactly and rounded once, half up, so that `5.76` s is 5,760,000,000 ns
//! and not what is left of it after a detour through floating point. Numbers with an exponent are read as `f64`.
//!
//! # Errors
//!
//! A [`TraceError`] says the line, the column and the value, with a hint. What concerns the whole trace (it is empty,
//! a column is missing) and its first row is found by [`CsvTrace::new`], the rest when it is reached.

use std::collections::HashMap;
use std::io::Read;
use std::rc::Rc;

use csv::ByteRecord;
use isotherm_kernel::{Duration, Time};

use crate::error::{TraceError, TraceProblem};
use crate::{Arrival, TimeUnit, Workload, WorkloadError};

use tap::Tap;

mod decimal;
mod tap;

/// Which column of a trace holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The column of the dates of arrival.
    pub arrival: TimeColumn,
    /// Which function a row invokes.
    pub function: FunctionColumn,
    /// The column that says how long the body runs, if there is one.
    pub duration: Option<TimeColumn>,
}

/// A column of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeColumn {
    /// Its name in the header.
    pub name: String,
    /// The unit of its numbers.
    pub unit: TimeUnit,
}

/// Which function a row invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionColumn {
    /// Always the same: its number.
    Fixed(u32),
    /// The one whose name is in the column of this name.
    Named(String),
}

/// The names of the functions, each with its number: its place in the list. Clones share the names.
#[derive(Clone, Debug, Default)]
pub struct FunctionNames {
    numbers: Rc<HashMap<Box<[u8]>, u32>>,
    names: Rc<[String]>,
}

impl FunctionNames {
    /// These names, numbered from 0. A name that is given twice has its first number.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Rc<[String]> = names.into_iter().map(Into::into).collect();
        let mut numbers = HashMap::with_capacity(names.len());
        for (number, name) in names.iter().enumerate() {
            numbers.entry(name.as_bytes().into()).or_insert(number as u32);
        }
        FunctionNames { numbers: Rc::new(numbers), names }
    }

    /// The number of a function; `None` if there is none of this name.
    pub fn number(&self, name: &[u8]) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    fn similar(&self, name: &str) -> Option<String> {
        similar(name, &self.names)
    }
}

/// A column whose place is known.
#[derive(Clone, Debug)]
struct Located<T> {
    index: usize,
    name: String,
    value: T,
}

#[derive(Clone, Debug)]
enum FunctionPlace {
    Fixed(u32),
    Named(Located<()>),
}

/// The rows of a trace in CSV. See the [module](self).
pub struct CsvTrace<R> {
    name: String,
    reader: csv::Reader<Tap<R>>,
    /// The row that was read last. While `unread` it is still to be given.
    row: ByteRecord,
    unread: bool,
    over: bool,
    /// How many fields the header has.
    width: usize,
    arrival: Located<TimeUnit>,
    function: FunctionPlace,
    duration: Option<Located<TimeUnit>>,
    functions: FunctionNames,
    last: Time,
}

impl<R: Read> CsvTrace<R> {
    /// Reads the header and the first row of a trace. The name is for messages. `functions` is only asked if the
    /// functions are in a column.
    pub fn new(
        name: impl Into<String>,
        reader: R,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        let name = name.into();
        // Rows of other lengths than the header are found here rather than by the reader, whose message has no place
        // for a hint.
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(1 << 16)
            .from_reader(Tap::new(reader));
        let whole = |problem| TraceError { name: name.clone(), line: None, column: None, row: String::new(), problem };
        let mut header = ByteRecord::new();
        if !read(&mut reader, &mut header).map_err(|error| Box::new(whole(TraceProblem::Unreadable(error))))? {
            return Err(Box::new(whole(TraceProblem::Empty)).into());
        }
        let header: Vec<String> = header.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
        let find = |column: &str| {
            locate(&header, column)
                .map_err(|problem| Box::new(TraceError { column: Some(column.to_owned()), ..whole(problem) }))
        };
        let time = |column: &TimeColumn| -> Result<_, Box<TraceError>> {
            Ok(Located { index: find(&column.name)?, name: column.name.clone(), value: column.unit })
        };
        let arrival = time(&columns.arrival)?;
        let function = match &columns.function {
            FunctionColumn::Fixed(number) => FunctionPlace::Fixed(*number),
            FunctionColumn::Named(column) => {
                FunctionPlace::Named(Located { index: find(column)?, name: column.clone(), value: () })
            }
        };
        let duration = columns.duration.as_ref().map(time).transpose()?;
        let mut trace = CsvTrace {
            arrival,
            function,
            duration,
            width: header.len(),
            name,
            reader,
            row: ByteRecord::new(),
            unread: false,
            over: false,
            functions,
            last: Time::ZERO,
        };
        if !trace.read_row()? {
            return Err(trace.error(None, TraceProblem::NoRows).into());
        }
        // A first row that is broken is told at once, and again not later: there is no trace then.
        trace.arrival()?;
        trace.unread = true;
        Ok(trace)
    }

    /// Reads the next row; `false` at the end.
    fn read_row(&mut self) -> Result<bool, Box<TraceError>> {
        match read(&mut self.reader, &mut self.row) {
            Ok(true) if self.row.len() == self.width => Ok(true),
            Ok(true) => {
                let problem = TraceProblem::Ragged { expected: self.width, got: self.row.len() };
                Err(self.row_error(None, problem))
            }
            Ok(false) => Ok(false),
            Err(error) => Err(self.error(None, TraceProblem::Unreadable(error))),
        }
    }

    /// The arrival that the current row describes.
    fn arrival(&self) -> Result<Arrival, Box<TraceError>> {
        let at = Time::from_nanos(self.time(&self.arrival)?);
        if at < self.last {
            let problem = TraceProblem::Unsorted { at, previous: self.last };
            return Err(self.row_error(Some(&self.arrival.name), problem));
        }
        let duration = match &self.duration {
            Some(place) => Some(Duration::from_nanos(self.time(place)?)),
            None => None,
        };
        let function = match &self.function {
            FunctionPlace::Fixed(number) => *number,
            FunctionPlace::Named(place) => {
                let field = self.field(place.index);
                let unknown = || {
                    let value = String::from_utf8_lossy(field).into_owned();
                    let similar = self.functions.similar(&value);
                    self.row_error(Some(&place.name), TraceProblem::UnknownFunction { value, similar })
                };
                self.functions.number(field).ok_or_else(unknown)?
            }
        };
        Ok(Arrival { at, function, duration, tag: None })
    }

    fn time(&self, place: &Located<TimeUnit>) -> Result<u64, Box<TraceError>> {
        let field = self.field(place.index);
        decimal::nanos(field, place.value.nanos()).map_err(|problem| self.row_error(Some(&place.name), problem))
    }

    /// A field of the current row without the spaces around it. The row is as long as the header.
    fn field(&self, index: usize) -> &[u8] {
        self.row.get(index).unwrap_or_default().trim_ascii()
    }

    /// An error about the current row.
    fn row_error(&self, column: Option<&str>, problem: TraceProblem) -> Box<TraceError> {
        let fields: Vec<_> = self.row.iter().map(String::from_utf8_lossy).collect();
        let mut error = self.error(column, problem);
        error.row = fields.join(",");
        error.line = Some(self.line());
        error
    }

    fn error(&self, column: Option<&str>, problem: TraceProblem) -> Box<TraceError> {
        let name = self.name.clone();
        Box::new(TraceError { name, line: None, column: column.map(str::to_owned), row: String::new(), problem })
    }

    /// The line on which the current row begins. The reader's own idea of it counts blank lines to the row, and forgets
    /// one line after each `\r`.
    fn line(&self) -> u64 {
        let position = self.reader.position();
        let newlines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let terminated = self.reader.get_ref().byte_before(position.byte()) == Some(b'\n');
        let within: u64 = self.row.iter().map(newlines).sum();
        position.line().saturating_sub(u64::from(terminated)).saturating_sub(within)
    }

    fn next(&mut self) -> Result<Option<Arrival>, Box<TraceError>> {
        if self.over || !(std::mem::take(&mut self.unread) || self.read_row()?) {
            self.over = true;
            return Ok(None);
        }
        let arrival = self.arrival()?;
        self.last = arrival.at;
        Ok(Some(arrival))
    }
}

impl<R: Read> Workload for CsvTrace<R> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        self.next().map_err(|error| {
            self.over = true;
            error.into()
        })
    }
}

impl<R> std::fmt::Debug for CsvTrace<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvTrace").field("name", &self.name).field("last", &self.last).finish_non_exhaustive()
    }
}

/// Reads a record; rows of bytes can fail in no other way than their source.
fn read<R: Read>(reader: &mut csv::Reader<Tap<R>>, record: &mut ByteRecord) -> Result<bool, std::io::Error> {
    loop {
        if !reader.read_byte_record(record)? {
            return Ok(false);
        }
        // A line of spaces is a blank line, unless the only column may be empty anyway.
        if record.len() > 1 || record.iter().any(|field| !field.trim_ascii().is_empty()) {
            return Ok(true);
        }
    }
}

fn locate(header: &[String], column: &str) -> Result<usize, TraceProblem> {
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column);
    match (places.next(), places.next()) {
        (Some((index, _)), None) => Ok(index),
        (Some(_), Some(_)) => Err(TraceProblem::AmbiguousColumn),
        (None, _) => {
            let similar = similar(column, header);
            Err(TraceProblem::MissingColumn { columns: header.to_vec(), similar })
        }
    }
}

/// The name that is most like this one, if one is like it; capital letters do not matter.
fn similar(name: &str, known: &[String]) -> Option<String> {
    let name = name.to_lowercase();
    known
        .iter()
        .map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other))
        .filter(|&(likeness, _)| likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other.clone())
}
