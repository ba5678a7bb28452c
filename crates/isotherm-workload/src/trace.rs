//! Arrivals from a trace in CSV, [JSONL](JsonlTrace) or [Parquet](ParquetTrace), read row by row.
//!
//! # The format
//!
//! RFC 4180, read with tolerance: the first line names the columns, in any order, and further
//! columns are ignored; fields may stand in quotes; lines end in `\n` or `\r\n`; a byte order mark,
//! blank lines and spaces around values do not matter. Every row must have as many fields as the
//! header. [`Columns`] says which column holds what, and in which unit.
//!
//! Dates count from the start of the simulation and must not go back from row to row: the trace is
//! read as the simulation goes on and never held in memory.
//!
//! # Numbers
//!
//! Decimal numbers are converted to nanoseconds exactly and rounded once, half up, so that `5.76` s
//! is 5,760,000,000 ns and not what is left of it after a detour through floating point. Numbers
//! with an exponent are read as `f64`.
//!
//! # Errors
//!
//! A [`TraceError`] says the line, the column and the value, with a hint. What concerns the whole
//! trace (it is empty, a column is missing) and its first row is found by [`CsvTrace::new`], the
//! rest when it is reached. [`check_trace`] reads a trace to its end and tells everything that is
//! wrong with it.

use std::io::Read;
use std::sync::Arc;

#[cfg(feature = "formats")]
use ::parquet::file::reader::ChunkReader;
use isotherm_kernel::{Duration, Time};
use rustc_hash::FxHashMap;

use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{Arrival, Rest, TimeUnit, Workload, WorkloadError};

pub use azure::{
    AppSample, Azure2019, Azure2019Files, Azure2019Function, Azure2019Replay, Azure2019Scan,
    Azure2021, Azure2021Scan, Azure2021Trace, Quirks, ReplayConfig, WithinMinute,
};
#[cfg(feature = "formats")]
pub use check::check_parquet;
pub use check::{TraceCheck, check_jsonl, check_trace};
pub use count::count_marked;
use csv::{CsvRows, LONGEST_VALUE, beginning};
use decimal::Scale;
pub use functions::{FunctionColumns, FunctionRow, FunctionRows, SizeColumn, read_functions};
use jsonl::JsonlRows;
pub use jsonl::json_reason;
pub use names::{column_names, column_names_jsonl, distinct_values, distinct_values_jsonl};
#[cfg(feature = "formats")]
pub use names::{column_names_parquet, distinct_values_parquet};
#[cfg(feature = "formats")]
use parquet::ParquetRows;
use plain_row::PlainRow;
use table::TableRows;

pub mod azure;
mod check;
mod count;
mod csv;
mod decimal;
mod functions;
mod jsonl;
mod names;
#[cfg(feature = "formats")]
mod parquet;
#[cfg(test)]
mod pieces;
mod plain_row;
mod quotes;
mod records;
mod table;

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
    /// The one whose number is in the column of this name, counted from 0.
    Numbered(String),
}

/// The names of the functions, each with its number: its place in the list. Clones share the names.
#[derive(Clone, Debug, Default)]
pub struct FunctionNames {
    /// By the bytes of the name, for those that [`packed`] does not take.
    numbers: Arc<FxHashMap<Box<[u8]>, u32>>,
    /// By the [`packed`] name: one that is compared as a number is found much faster, and such
    /// names are common.
    short: Arc<FxHashMap<u64, u32>>,
    names: Arc<[String]>,
}

impl FunctionNames {
    /// These names, numbered from 0. A name that is given twice has its first number.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Arc<[String]> = names.into_iter().map(Into::into).collect();
        let mut numbers: FxHashMap<Box<[u8]>, u32> = FxHashMap::default();
        let mut short = FxHashMap::default();
        for (number, name) in names.iter().enumerate() {
            match packed(name.as_bytes()) {
                Some(name) => short.entry(name).or_insert(number as u32),
                None => numbers.entry(name.as_bytes().into()).or_insert(number as u32),
            };
        }
        FunctionNames { numbers: Arc::new(numbers), short: Arc::new(short), names }
    }

    /// The number of a function; `None` if there is none of this name.
    pub fn number(&self, name: &[u8]) -> Option<u32> {
        match packed(name) {
            Some(name) => self.short.get(&name).copied(),
            None => self.numbers.get(name).copied(),
        }
    }

    /// The number of a function whose name has up to seven bytes; the first of them is the lowest.
    #[inline]
    fn short(&self, name: u64, length: u32) -> Option<u32> {
        self.short.get(&(name | u64::from(length) << 56)).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn similar(&self, name: &str) -> Option<String> {
        similar(name, &self.names)
    }
}

/// A name of up to seven bytes as a number: the first of them is the lowest, and its length the
/// highest, so that no two are the same.
fn packed(name: &[u8]) -> Option<u64> {
    if name.len() > 7 {
        return None;
    }
    let bytes = name.iter().rev().fold(0, |bytes, &byte| bytes << 8 | u64::from(byte));
    Some(bytes | (name.len() as u64) << 56)
}

/// A column whose place is known.
#[derive(Clone, Debug)]
struct Located<T> {
    index: usize,
    name: String,
    value: T,
}

impl<T> Located<T> {
    fn place(&self) -> Option<(usize, &str)> {
        Some((self.index, &self.name))
    }
}

#[derive(Clone, Debug)]
enum LocatedFunction {
    Fixed(u32),
    Named(Located<()>),
    Numbered(Located<()>),
}

/// The rows of a trace, and what their columns mean.
struct ArrivalReader<T> {
    rows: T,
    arrival: Located<Scale>,
    function: LocatedFunction,
    duration: Option<Located<Scale>>,
    functions: FunctionNames,
    /// How plain rows are read, if that is another way.
    plain: Option<PlainRow>,
}

impl<T: TableRows> ArrivalReader<T> {
    /// Finds the columns.
    fn new(
        mut rows: T,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, Box<TraceError>> {
        fn time(
            rows: &mut impl TableRows,
            column: &TimeColumn,
        ) -> Result<Located<Scale>, Box<TraceError>> {
            let index = rows.column(&column.name)?;
            Ok(Located { index, name: column.name.clone(), value: Scale::new(column.unit) })
        }
        fn plain(rows: &mut impl TableRows, column: &str) -> Result<Located<()>, Box<TraceError>> {
            Ok(Located { index: rows.column(column)?, name: column.to_owned(), value: () })
        }
        let arrival = time(&mut rows, &columns.arrival)?;
        let function = match &columns.function {
            FunctionColumn::Fixed(number) => LocatedFunction::Fixed(*number),
            FunctionColumn::Named(column) => LocatedFunction::Named(plain(&mut rows, column)?),
            FunctionColumn::Numbered(column) => {
                LocatedFunction::Numbered(plain(&mut rows, column)?)
            }
        };
        let duration =
            columns.duration.as_ref().map(|column| time(&mut rows, column)).transpose()?;
        let plain = PlainRow::new(rows.columns().len(), &arrival, &function, duration.as_ref());
        Ok(ArrivalReader { rows, arrival, function, duration, functions, plain })
    }

    /// The arrival of the next row, if that row is plain and right; otherwise nothing is read.
    #[inline]
    fn plain_arrival(&mut self, previous: Time) -> Option<Arrival> {
        let mut arrival = Arrival::new(Time::ZERO, 0);
        self.read_plain(previous, &mut arrival).then_some(arrival)
    }

    /// Reads the arrival of the next row to where it is to be, if that row is plain and right;
    /// otherwise no row is read. Says whether one is.
    #[inline]
    fn read_plain(&mut self, previous: Time, arrival: &mut Arrival) -> bool {
        let Some(plain) = &self.plain else { return false };
        if let LocatedFunction::Fixed(number) = self.function {
            arrival.function = number;
        }
        match plain.read(self.rows.ahead(), &self.functions, arrival) {
            Some(length) if arrival.at >= previous => {
                self.rows.pass(length);
                true
            }
            _ => false,
        }
    }

    /// The arrival that the current row describes, if it is not before the previous one.
    fn arrival(&self, previous: Time) -> Result<Arrival, Box<TraceError>> {
        let at = self.date(previous)?;
        let duration = self.duration()?;
        Ok(Arrival { at, function: self.function()?, duration, tag: None })
    }

    fn date(&self, previous: Time) -> Result<Time, Box<TraceError>> {
        let at = Time::from_nanos(self.time(&self.arrival, ValueKind::Date)?);
        if at < previous {
            return Err(self
                .rows
                .row_error(self.arrival.place(), TraceProblem::Unsorted { at, previous }));
        }
        Ok(at)
    }

    fn duration(&self) -> Result<Option<Duration>, Box<TraceError>> {
        let Some(place) = &self.duration else { return Ok(None) };
        self.time(place, ValueKind::Duration).map(|nanos| Some(Duration::from_nanos(nanos)))
    }

    fn function(&self) -> Result<u32, Box<TraceError>> {
        self.known_function().ok_or_else(|| self.unknown_function())
    }

    /// The number of the function of the current row; `None` if there is none of this name or
    /// number.
    fn known_function(&self) -> Option<u32> {
        match &self.function {
            LocatedFunction::Fixed(number) => Some(*number),
            LocatedFunction::Named(place) => self.functions.number(self.rows.field(place.index)),
            LocatedFunction::Numbered(place) => {
                let number = std::str::from_utf8(self.rows.field(place.index))
                    .ok()
                    .and_then(|text| text.parse().ok());
                number.filter(|&number: &u32| (number as usize) < self.functions.len())
            }
        }
    }

    /// Looks at all names for one that is meant: with many functions, not to be done for every row.
    fn unknown_function(&self) -> Box<TraceError> {
        let (place, is_number) = match &self.function {
            LocatedFunction::Named(place) => (place, false),
            LocatedFunction::Numbered(place) => (place, true),
            LocatedFunction::Fixed(_) => return self.rows.row_error(None, TraceProblem::NoName),
        };
        let field = self.rows.field(place.index);
        let value = beginning(field, LONGEST_VALUE);
        let problem = match is_number {
            _ if std::str::from_utf8(field).is_err() => TraceProblem::NotText,
            true => TraceProblem::UnknownNumber { value, functions: self.functions.len() },
            false => {
                TraceProblem::UnknownFunction { similar: self.functions.similar(&value), value }
            }
        };
        self.rows.row_error(place.place(), problem)
    }

    fn time(&self, place: &Located<Scale>, kind: ValueKind) -> Result<u64, Box<TraceError>> {
        let field = self.rows.field(place.index);
        place
            .value
            .nanos(field, kind)
            .map_err(|problem| self.rows.row_error(place.place(), problem))
    }
}

/// The rows of a trace, as arrivals.
struct Trace<T> {
    reader: ArrivalReader<T>,
    /// Whether the current row is still to be given.
    unread: bool,
    over: bool,
    last: Time,
}

impl<T: TableRows> Trace<T> {
    /// Reads the first row.
    fn new(rows: T, columns: &Columns, functions: FunctionNames) -> Result<Self, WorkloadError> {
        let reader = ArrivalReader::new(rows, columns, functions)?;
        let mut trace = Trace { reader, unread: false, over: false, last: Time::ZERO };
        if !trace.reader.rows.advance()? {
            return Err(trace.reader.rows.error(None, TraceProblem::NoRows).into());
        }
        // A first row that is broken is told at once, and again not later: there is no trace then.
        trace.reader.arrival(Time::ZERO)?;
        trace.unread = true;
        Ok(trace)
    }

    fn next(&mut self) -> Result<Option<Arrival>, Box<TraceError>> {
        if self.over {
            return Ok(None);
        }
        if !self.unread
            && let Some(arrival) = self.reader.plain_arrival(self.last)
        {
            self.last = arrival.at;
            return Ok(Some(arrival));
        }
        if !(std::mem::take(&mut self.unread) || self.reader.rows.advance()?) {
            self.over = true;
            return Ok(None);
        }
        let arrival = self.reader.arrival(self.last)?;
        self.last = arrival.at;
        Ok(Some(arrival))
    }
}

impl<T: TableRows> Workload for Trace<T> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        self.next().map_err(|error| {
            self.over = true;
            error.into()
        })
    }

    fn read(&mut self, most: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        for _ in 0..most {
            if !self.unread && !self.over {
                arrivals.push(Arrival::new(Time::ZERO, 0));
                if let Some(arrival) = arrivals.last_mut()
                    && self.reader.read_plain(self.last, arrival)
                {
                    self.last = arrival.at;
                    continue;
                }
                arrivals.pop();
            }
            match self.next_arrival()? {
                Some(arrival) => arrivals.push(arrival),
                None => return Ok(Rest::End),
            }
        }
        Ok(Rest::Open)
    }
}

impl<T: TableRows> std::fmt::Debug for Trace<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.reader.rows.name();
        f.debug_struct("Trace")
            .field("name", &name)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// The rows of a trace in CSV. See the [module](self).
#[derive(Debug)]
pub struct CsvTrace<R: Read>(Trace<CsvRows<R>>);

impl<R: Read> CsvTrace<R> {
    /// Reads the header and the first row of a trace. The name is for messages. `functions` is only
    /// asked if the functions are in a column.
    pub fn new(
        name: impl Into<String>,
        reader: R,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        Ok(CsvTrace(Trace::new(CsvRows::new(name.into(), reader)?, columns, functions)?))
    }
}

impl<R: Read> Workload for CsvTrace<R> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        self.0.next_arrival()
    }

    fn read(&mut self, most: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        self.0.read(most, arrivals)
    }
}

/// The lines of a trace in JSONL, an object each, whose keys are the columns. Values are numbers or
/// strings.
///
/// ```
/// use isotherm_workload::{Columns, FunctionColumn, FunctionNames, JsonlTrace, TimeColumn, TimeUnit, Workload};
///
/// let text = "{\"at\": 0.5, \"name\": \"resize\"}\n{\"at\": 1, \"name\": \"resize\", \"note\": [2]}\n";
/// let columns = Columns {
///     arrival: TimeColumn { name: "at".into(), unit: TimeUnit::SECOND },
///     function: FunctionColumn::Named("name".into()),
///     duration: None,
/// };
/// let trace = JsonlTrace::new("run.jsonl", text.as_bytes(), &columns, FunctionNames::new(["resize"]))?;
/// let dates: Result<Vec<_>, _> = trace.arrivals().map(|arrival| arrival.map(|arrival| arrival.at.as_secs_f64())).collect();
/// assert_eq!(dates?, [0.5, 1.0]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
#[derive(Debug)]
pub struct JsonlTrace<R: Read>(Trace<JsonlRows<R>>);

impl<R: Read> JsonlTrace<R> {
    /// Reads the first line of a trace. The name is for messages.
    pub fn new(
        name: impl Into<String>,
        reader: R,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        Ok(JsonlTrace(Trace::new(JsonlRows::new(name.into(), reader)?, columns, functions)?))
    }
}

impl<R: Read> Workload for JsonlTrace<R> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        self.0.next_arrival()
    }

    fn read(&mut self, most: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        self.0.read(most, arrivals)
    }
}

/// The rows of a trace in Parquet. Numbers and text are read, at the top level of the schema, and
/// numbers are taken as they are: units are those that [`Columns`] say. Pages may be compressed by
/// Snappy, gzip, zstd, LZ4 or Brotli. Groups of rows are read piece by piece, so that a file may be
/// of any length; the place of a row in messages is its number.
#[cfg(feature = "formats")]
#[derive(Debug)]
pub struct ParquetTrace<R: ChunkReader + 'static>(Trace<ParquetRows<R>>);

#[cfg(feature = "formats")]
impl<R: ChunkReader + 'static> ParquetTrace<R> {
    /// Reads the schema and the first row of a trace. The name is for messages.
    pub fn new(
        name: impl Into<String>,
        reader: R,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        Ok(ParquetTrace(Trace::new(ParquetRows::new(name.into(), reader)?, columns, functions)?))
    }
}

#[cfg(feature = "formats")]
impl<R: ChunkReader + 'static> Workload for ParquetTrace<R> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        self.0.next_arrival()
    }

    fn read(&mut self, most: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        self.0.read(most, arrivals)
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
