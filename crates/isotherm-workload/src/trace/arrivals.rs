//! The rows of a trace as arrivals.

use std::io::Read;

#[cfg(feature = "formats")]
use ::parquet::file::reader::ChunkReader;
use isotherm_kernel::{Duration, Time};

use super::columns::{Columns, Located, LocatedFunction};
use super::csv::CsvTable;
use super::dates::{DateReader, Origin};
use super::decimal::{Scale, with_point};
use super::function_names::FunctionNames;
use super::jsonl::JsonlTable;
#[cfg(feature = "formats")]
use super::parquet::ParquetTable;
use super::plain_row::PlainRow;
use super::table::{LONGEST_VALUE, TableRows, beginning};
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{Arrival, Rest, Workload, WorkloadError};

/// A table whose columns are found, with the functions that its rows may invoke.
pub(super) struct ArrivalReader<T> {
    pub(super) rows: T,
    arrival: Located<DateReader>,
    origin: Origin,
    /// The date of the trace at which the simulation starts, in nanoseconds; `None` until the first
    /// row is read whose date it is.
    begin: Option<u64>,
    function: LocatedFunction,
    duration: Option<Located<Scale>>,
    functions: FunctionNames,
    /// The fast path for plain rows, if the columns allow one.
    pub(super) plain: Option<PlainRow>,
}

impl<T: TableRows> ArrivalReader<T> {
    /// Finds the columns.
    pub(super) fn new(
        mut rows: T,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, Box<TraceError>> {
        let arrival = Located::date(&mut rows, &columns.arrival)?;
        let origin = columns.arrival.origin;
        let begin = match origin {
            Origin::Zero => Some(0),
            Origin::First => None,
            Origin::At(nanos) => Some(nanos),
        };
        let function = LocatedFunction::find(&mut rows, &columns.function)?;
        let duration = columns.duration.as_ref().map(|column| Located::time(&mut rows, column));
        let duration = duration.transpose()?;
        let plain = PlainRow::new(rows.columns().len(), &arrival, &function, duration.as_ref());
        Ok(ArrivalReader { rows, arrival, origin, begin, function, duration, functions, plain })
    }

    /// Reads the next row by the fast path. `None`, with nothing read, if the row is not plain or
    /// not valid.
    #[inline]
    pub(super) fn plain_arrival(&mut self, previous: Time) -> Option<Arrival> {
        let mut arrival = Arrival::new(Time::ZERO, 0);
        self.read_plain(previous, &mut arrival).then_some(arrival)
    }

    /// Like [`plain_arrival`](Self::plain_arrival), but writes the arrival in place and returns
    /// whether a row was read.
    #[inline]
    fn read_plain(&mut self, previous: Time, arrival: &mut Arrival) -> bool {
        let (Some(plain), Some(begin)) = (&self.plain, self.begin) else { return false };
        if let LocatedFunction::Fixed(number) = self.function {
            arrival.function = number;
        }
        match plain.read(self.rows.ahead(), &self.functions, arrival) {
            Some(length) => match arrival.at.as_nanos().checked_sub(begin).map(Time::from_nanos) {
                Some(at) if at >= previous => {
                    arrival.at = at;
                    self.rows.pass(length);
                    true
                }
                _ => false,
            },
            None => false,
        }
    }

    /// The arrival that the current row describes. It is an error if it is before `previous`.
    fn arrival(&mut self, previous: Time) -> Result<Arrival, Box<TraceError>> {
        let at = self.date(previous)?;
        let duration = self.duration()?;
        Ok(Arrival { at, function: self.function()?, duration, tag: None })
    }

    pub(super) fn date(&mut self, previous: Time) -> Result<Time, Box<TraceError>> {
        let field = self.rows.field(self.arrival.index);
        let nanos = self.arrival.value.nanos(field, self.rows.decimal_mark()).and_then(|nanos| {
            let begin = *self.begin.get_or_insert(nanos);
            let by = begin.saturating_sub(nanos);
            nanos.checked_sub(begin).ok_or(TraceProblem::BeforeOrigin {
                by: Duration::from_nanos(by),
                origin: self.origin,
            })
        });
        let at = nanos.map_err(|problem| self.rows.row_error(self.arrival.column(), problem))?;
        let at = Time::from_nanos(at);
        if at < previous {
            return Err(self
                .rows
                .row_error(self.arrival.column(), TraceProblem::Unsorted { at, previous }));
        }
        Ok(at)
    }

    pub(super) fn duration(&self) -> Result<Option<Duration>, Box<TraceError>> {
        let Some(column) = &self.duration else { return Ok(None) };
        self.time(column, ValueKind::Duration).map(|nanos| Some(Duration::from_nanos(nanos)))
    }

    fn function(&self) -> Result<u32, Box<TraceError>> {
        self.known_function().ok_or_else(|| self.unknown_function())
    }

    /// The number of the function of the current row; `None` if no function has its name or number.
    pub(super) fn known_function(&self) -> Option<u32> {
        match &self.function {
            LocatedFunction::Fixed(number) => Some(*number),
            LocatedFunction::Named(column) => self.functions.number(self.rows.field(column.index)),
            LocatedFunction::Numbered(column) => {
                let number = std::str::from_utf8(self.rows.field(column.index))
                    .ok()
                    .and_then(|text| text.parse().ok());
                number.filter(|&number: &u32| (number as usize) < self.functions.len())
            }
        }
    }

    /// The error for a row whose function is unknown. Searches all names for a similar one, which
    /// is too slow for every row of a trace with many functions.
    pub(super) fn unknown_function(&self) -> Box<TraceError> {
        let (column, is_number) = match &self.function {
            LocatedFunction::Named(column) => (column, false),
            LocatedFunction::Numbered(column) => (column, true),
            LocatedFunction::Fixed(_) => return self.rows.row_error(None, TraceProblem::NoName),
        };
        let field = self.rows.field(column.index);
        let value = beginning(field, LONGEST_VALUE);
        let problem = match is_number {
            _ if std::str::from_utf8(field).is_err() => TraceProblem::NotText,
            true => TraceProblem::UnknownNumber { value, functions: self.functions.len() },
            false => {
                TraceProblem::UnknownFunction { similar: self.functions.similar(&value), value }
            }
        };
        self.rows.row_error(column.column(), problem)
    }

    fn time(&self, column: &Located<Scale>, kind: ValueKind) -> Result<u64, Box<TraceError>> {
        let field = self.rows.field(column.index);
        let nanos = with_point(field, self.rows.decimal_mark())
            .and_then(|field| column.value.nanos(&field, kind));
        nanos.map_err(|problem| self.rows.row_error(column.column(), problem))
    }
}

/// The rows of a table as arrivals. See the [module](super).
pub struct Trace<T> {
    pub(super) reader: ArrivalReader<T>,
    /// Whether the current row has been read, but not returned.
    unread: bool,
    over: bool,
    pub(super) last: Time,
}

/// A trace in CSV.
pub type CsvTrace<R> = Trace<CsvTable<R>>;

/// A trace in JSONL: a JSON object on each line, whose keys are the columns. Values are numbers or
/// strings.
///
/// ```
/// use isotherm_workload::{
///     Columns, DateColumn, FunctionColumn, FunctionNames, JsonlTrace, TimeUnit, Workload,
/// };
///
/// let text = "{\"at\": 0.5, \"name\": \"f\"}\n{\"at\": 1, \"name\": \"f\", \"note\": [2]}\n";
/// let columns = Columns {
///     arrival: DateColumn::new("at", TimeUnit::SECOND),
///     function: FunctionColumn::Named("name".into()),
///     duration: None,
/// };
/// let trace = JsonlTrace::new("run.jsonl", text.as_bytes(), &columns, FunctionNames::new(["f"]))?;
/// let arrivals = trace.arrivals().collect::<Result<Vec<_>, _>>()?;
/// let dates: Vec<_> = arrivals.iter().map(|arrival| arrival.at.as_secs_f64()).collect();
/// assert_eq!(dates, [0.5, 1.0]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
pub type JsonlTrace<R> = Trace<JsonlTable<R>>;

/// A trace in Parquet. Numbers and text at the top level of the schema are read; the units of
/// numbers are those of [`Columns`]. Pages may be compressed by Snappy, gzip, zstd, LZ4 or Brotli.
/// Row groups are read in batches, so that a file may be of any length. Messages give the number of
/// a row.
#[cfg(feature = "formats")]
pub type ParquetTrace<R> = Trace<ParquetTable<R>>;

impl<R: Read> CsvTrace<R> {
    /// Reads the header and the first row of a trace. The name is for messages. `functions` is only
    /// used if the functions are in a column.
    ///
    /// # Errors
    ///
    /// As [`Trace::of_table`].
    pub fn new(
        name: impl Into<String>,
        reader: R,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        Trace::of_table(CsvTable::new(name, reader)?, columns, functions)
    }
}

impl<R: Read> JsonlTrace<R> {
    /// Reads the first line of a trace. The name is for messages.
    ///
    /// # Errors
    ///
    /// As [`Trace::of_table`].
    pub fn new(
        name: impl Into<String>,
        reader: R,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        Trace::of_table(JsonlTable::new(name, reader)?, columns, functions)
    }
}

#[cfg(feature = "formats")]
impl<R: ChunkReader + 'static> ParquetTrace<R> {
    /// Reads the schema and the first row of a trace. The name is for messages.
    ///
    /// # Errors
    ///
    /// As [`Trace::of_table`].
    pub fn new(
        name: impl Into<String>,
        reader: R,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        Trace::of_table(ParquetTable::new(name, reader)?, columns, functions)
    }
}

impl<T: TableRows> Trace<T> {
    /// Finds the columns and reads the first row.
    ///
    /// # Errors
    ///
    /// A column is missing, there is no row, or the first row is malformed.
    pub fn of_table(
        table: T,
        columns: &Columns,
        functions: FunctionNames,
    ) -> Result<Self, WorkloadError> {
        let reader = ArrivalReader::new(table, columns, functions)?;
        let mut trace = Trace { reader, unread: false, over: false, last: Time::ZERO };
        if !trace.reader.rows.advance()? {
            return Err(trace.reader.rows.error(None, TraceProblem::NoRows).into());
        }
        // An error in the first row is reported here, and not again by `next_arrival`.
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

    fn read(&mut self, max: usize, arrivals: &mut Vec<Arrival>) -> Result<Rest, WorkloadError> {
        for _ in 0..max {
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
        f.debug_struct("Trace")
            .field("name", &self.reader.rows.name())
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
