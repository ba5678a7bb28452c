//! Why a workload cannot be made or continued.

use std::fmt;

use isotherm_kernel::{Duration, Time};

use crate::trace::{Origin, calendar_nanos};
use crate::{CompressionError, TimeUnit};

/// The longest row of a table in a text, and the longest value of one in Parquet, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

/// Why a workload cannot be made or continued.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum WorkloadError {
    /// A trace is broken.
    #[error(transparent)]
    Trace(#[from] Box<TraceError>),
    /// A parameter outside its range.
    #[error("the {parameter} of a {workload} workload must be {expected}, not {got}")]
    Parameter {
        /// Which workload, for example `Poisson`.
        workload: &'static str,
        parameter: &'static str,
        expected: &'static str,
        got: String,
    },
    /// A workload without an end.
    #[error(
        "a generated workload needs an end: a date until which it lasts, or a number of arrivals"
    )]
    Endless,
    /// Dates that go back in a list or in a workload that was given to a merge.
    #[error("arrival {index} of {of} is at {at}, before the one at {previous} that precedes it")]
    OutOfOrder {
        of: String,
        /// Which of its arrivals, counted from 0.
        index: u64,
        at: Time,
        previous: Time,
    },
}

impl WorkloadError {
    /// The error for a parameter outside its range.
    pub(crate) fn parameter<T>(
        workload: &'static str,
        parameter: &'static str,
        expected: &'static str,
        got: String,
    ) -> Result<T, Self> {
        Err(WorkloadError::Parameter { workload, parameter, expected, got })
    }
}

/// What is wrong with a trace, and where.
///
/// Displayed on one line, `run.csv:17: column `arrival_s`: `abc` is not a number`; the hint is
/// separate.
#[derive(Debug)]
pub struct TraceError {
    /// How the trace is called.
    pub name: String,
    /// The line, counted from 1 (that on which the row begins); `None` if it is about the whole
    /// trace.
    pub line: Option<u64>,
    /// The column, if it is about one.
    pub column: Option<String>,
    /// The fields of the row, separated by commas; empty if it is about the whole trace.
    pub row: String,
    /// The byte of the row at which the field in question begins, if it is about one.
    pub field: Option<usize>,
    /// What is wrong.
    pub problem: TraceProblem,
}

/// What can be wrong with a trace.
#[derive(Debug)]
#[expect(missing_docs, reason = "the message of a problem shows what its fields are")]
pub enum TraceProblem {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// It is compressed and ends in the middle, is damaged, or is compressed in a way that is not
    /// known here. The line is the last one that could be read.
    Compressed(CompressionError),
    /// There is nothing in it.
    Empty,
    /// There is nothing below its header.
    NoRows,
    /// A column that is needed is not there.
    MissingColumn {
        columns: Vec<String>,
        /// The one whose name is most like it.
        similar: Option<String>,
    },
    /// A column that is needed is there twice, or a key of a JSON object.
    AmbiguousColumn,
    /// A minute of the day has no column.
    MissingMinute,
    /// A column for a minute that no day has.
    NoSuchMinute,
    /// No column is one of a function.
    NoFunctions,
    /// A time that is not the beginning of a minute of its day.
    NotAMinuteOf { value: String, day: u16 },
    /// A date before the day of the first row, by so much.
    BeforeFirstDay { by: Duration },
    /// Something else than the name of a pod of a pool.
    NotAPod { value: String },
    /// A row with more or fewer fields than the header.
    Ragged { expected: usize, got: usize },
    /// A quotation mark that is opened and never closed, so that all that follows would be one
    /// field.
    OpenQuote,
    /// Bytes that are no text.
    NotText,
    /// A row of more than [`LONGEST_LINE`] bytes.
    LongRow,
    /// A value of more than [`LONGEST_LINE`] bytes.
    LongValue,
    /// A value is missing.
    NoValue,
    /// A function without a name.
    NoName,
    /// A value that should be a number and is not.
    NotANumber { value: String },
    /// A value that should be a date of the calendar and is none.
    NotADate { value: String },
    /// A date before the year 1970.
    BeforeEpoch { value: String },
    /// An arrival before the origin of the trace, by so much.
    BeforeOrigin { by: Duration, origin: Origin },
    /// A unit is given for dates whose type has another one.
    OtherUnit { given: String, own: TimeUnit },
    /// Infinite, or NaN.
    NotFinite { value: String },
    /// Below zero.
    Negative { value: String, kind: ValueKind },
    /// Neither 0 nor 1 in a column of marks.
    NotAMark {
        /// What it is; perhaps nothing.
        value: String,
    },
    /// Beyond the end of time (about 584 years), or more than 2^64 - 1 bytes.
    TooLarge { value: String, kind: ValueKind },
    /// A limit of zero.
    Zero { value: String, kind: ValueKind },
    /// Something else than a number of invocations.
    NotACount { value: String },
    /// More invocations in a minute than there can be.
    TooMany { value: String, limit: u32 },
    /// A line that is no JSON object.
    NotAnObject { reason: String },
    /// A file that is no Parquet, or is broken.
    NotParquet { reason: String },
    /// A page of a Parquet file that would take more memory than is given to it.
    ParquetPage { reason: String, hint: &'static str },
    /// A column of values that are neither numbers nor text.
    NotAType { kind: String },
    /// It arrives before the row above it.
    Unsorted { at: Time, previous: Time },
    /// Another image or app than a row above gives to the same function.
    OtherValue { value: String, known: String },
    /// More names than are read.
    TooManyNames { limit: usize },
    /// No function has this name.
    UnknownFunction {
        value: String,
        /// The function whose name is most like it.
        similar: Option<String>,
    },
    /// No function has this number.
    UnknownNumber { value: String, functions: usize },
}

/// What a number of a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// When something happens.
    Date,
    /// How long something takes.
    Duration,
    /// How large something is.
    Size,
    /// How long something may take: more than zero.
    TimeLimit,
    /// How much memory something may use: more than zero.
    MemoryLimit,
}

impl ValueKind {
    /// Whether it must be more than zero.
    pub(crate) fn is_limit(self) -> bool {
        matches!(self, ValueKind::TimeLimit | ValueKind::MemoryLimit)
    }

    fn is_time(self) -> bool {
        !matches!(self, ValueKind::Size | ValueKind::MemoryLimit)
    }
}

impl TraceError {
    /// An error about a whole file.
    pub(crate) fn of_file(name: &str, problem: TraceProblem) -> Box<TraceError> {
        let (name, row) = (name.to_owned(), String::new());
        Box::new(TraceError { name, line: None, column: None, row, field: None, problem })
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> String {
        let column = self.column.as_deref().unwrap_or_default();
        match &self.problem {
            TraceProblem::Unreadable(error) => format!("cannot be read: {error}"),
            TraceProblem::Compressed(error) => error.to_string(),
            TraceProblem::Empty => "the trace is empty".to_owned(),
            TraceProblem::NoRows => "the trace has a header, but no row".to_owned(),
            TraceProblem::MissingColumn { .. } | TraceProblem::MissingMinute => {
                format!("there is no column `{column}`")
            }
            TraceProblem::BeforeFirstDay { by } => {
                format!("this date is {by:#} s before the day of the first row")
            }
            TraceProblem::NotAPod { value } => format!("`{value}` is not the name of a pod"),
            TraceProblem::NoFunctions => "no column is one of a function".to_owned(),
            TraceProblem::NotAMinuteOf { value, day } => {
                format!("`{value}` does not begin a minute of day {day}")
            }
            TraceProblem::NoSuchMinute => format!("there is a column `{column}`"),
            TraceProblem::AmbiguousColumn => format!("there are two columns `{column}`"),
            TraceProblem::Ragged { expected, got } => {
                format!("this row has {got} fields, but the header has {expected}")
            }
            TraceProblem::OpenQuote => {
                "a quotation mark is opened here and never closed".to_owned()
            }
            TraceProblem::NotText => "this is not UTF-8 text".to_owned(),
            TraceProblem::LongRow => "this row is longer than 1 MiB".to_owned(),
            TraceProblem::LongValue => "this value is longer than 1 MiB".to_owned(),
            TraceProblem::NoValue => "there is no value".to_owned(),
            TraceProblem::NoName => "a function without a name".to_owned(),
            TraceProblem::NotANumber { value } => format!("`{value}` is not a number"),
            TraceProblem::NotADate { value } => format!("`{value}` is not a date"),
            TraceProblem::BeforeEpoch { value } => format!("`{value}` is before the year 1970"),
            TraceProblem::BeforeOrigin { by, origin } => {
                let origin = match origin {
                    Origin::First => "the first row, which is the origin",
                    Origin::Zero | Origin::At(_) => "the origin of the trace",
                };
                format!("this row arrives {by:#} s before {origin}")
            }
            TraceProblem::OtherUnit { given, own } => {
                format!("the dates of column `{column}` are in {own} by their type, not in {given}")
            }
            TraceProblem::NotFinite { value } => format!("`{value}` is not a finite number"),
            TraceProblem::Negative { value, .. } => format!("`{value}` is negative"),
            TraceProblem::NotAMark { value } if value.is_empty() => "there is no value".to_owned(),
            TraceProblem::NotAMark { value } => format!("`{value}` is neither 0 nor 1"),
            TraceProblem::TooLarge { value, kind } if kind.is_time() => {
                format!("`{value}` is beyond the end of time")
            }
            TraceProblem::TooLarge { value, .. } => format!("`{value}` is too large for a size"),
            TraceProblem::Zero { kind: ValueKind::TimeLimit, .. } => {
                "a time limit of zero".to_owned()
            }
            TraceProblem::Zero { .. } => "a memory limit of zero".to_owned(),
            TraceProblem::NotAnObject { reason } => {
                format!("this line is no JSON object: {reason}")
            }
            TraceProblem::NotParquet { reason } | TraceProblem::ParquetPage { reason, .. } => {
                format!("the file cannot be read as Parquet: {reason}")
            }
            TraceProblem::NotAType { kind } => {
                format!("the values of its column `{column}` are {kind}")
            }
            TraceProblem::NotACount { value } => {
                format!("`{value}` is not a number of invocations")
            }
            TraceProblem::TooMany { value, .. } => format!("`{value}` invocations in one minute"),
            TraceProblem::Unsorted { at, previous } => {
                format!(
                    "this row arrives at {at:#} s, before the row above, which arrives at \
                     {previous:#} s"
                )
            }
            TraceProblem::OtherValue { value, known } => {
                format!("`{value}`, where a row above of the same function has `{known}`")
            }
            TraceProblem::TooManyNames { limit } => {
                format!("more than {limit} names of functions")
            }
            TraceProblem::UnknownFunction { value, .. }
            | TraceProblem::UnknownNumber { value, .. }
                if value.is_empty() =>
            {
                "no function is named here".to_owned()
            }
            TraceProblem::UnknownFunction { value, .. } => {
                format!("there is no function `{value}`")
            }
            TraceProblem::UnknownNumber { value, .. } => {
                format!("there is no function number `{value}`")
            }
        }
    }

    /// What may be done about it: a sentence without its period; empty if there is nothing to say.
    #[must_use]
    pub fn hint(&self) -> String {
        self.problem.hint(self.column.as_deref().unwrap_or_default())
    }

    /// The wrong value as written, if there is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match &self.problem {
            TraceProblem::NotANumber { value }
            | TraceProblem::NotADate { value }
            | TraceProblem::BeforeEpoch { value }
            | TraceProblem::NotFinite { value }
            | TraceProblem::Negative { value, .. }
            | TraceProblem::NotAMark { value }
            | TraceProblem::TooLarge { value, .. }
            | TraceProblem::Zero { value, .. }
            | TraceProblem::NotACount { value }
            | TraceProblem::TooMany { value, .. }
            | TraceProblem::NotAMinuteOf { value, .. }
            | TraceProblem::NotAPod { value }
            | TraceProblem::OtherValue { value, .. }
            | TraceProblem::UnknownFunction { value, .. }
            | TraceProblem::UnknownNumber { value, .. } => Some(value),
            _ => None,
        }
    }
}

/// That a row is longer than [`LONGEST_LINE`], on its way through a reader.
#[derive(Debug, thiserror::Error)]
#[error("a row is longer than {LONGEST_LINE} bytes")]
pub(crate) struct LongRow;

impl From<LongRow> for std::io::Error {
    fn from(error: LongRow) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl From<std::io::Error> for TraceProblem {
    fn from(error: std::io::Error) -> Self {
        match CompressionError::of(&error) {
            Some(error) => TraceProblem::Compressed(error.clone()),
            None if error.get_ref().is_some_and(|error| error.is::<LongRow>()) => {
                TraceProblem::LongRow
            }
            None => TraceProblem::Unreadable(error),
        }
    }
}

impl TraceProblem {
    /// Whether the sentence says which column it is about.
    fn names_its_column(&self) -> bool {
        matches!(
            self,
            TraceProblem::MissingColumn { .. }
                | TraceProblem::AmbiguousColumn
                | TraceProblem::MissingMinute
                | TraceProblem::NoSuchMinute
                | TraceProblem::NotAType { .. }
                | TraceProblem::OtherUnit { .. }
        )
    }

    fn hint(&self, column: &str) -> String {
        match self {
            TraceProblem::Compressed(error) => error.hint(),
            TraceProblem::Empty => "a trace begins with a line that names its columns".to_owned(),
            TraceProblem::NoRows => "nothing would be invoked".to_owned(),
            TraceProblem::MissingColumn { columns, .. } if is_not_separated(columns) => {
                let column = quoted(columns);
                format!("its only column is {column}: say by `delimiter` what separates its fields")
            }
            TraceProblem::MissingColumn { similar: Some(similar), .. } => format!("did you mean `{similar}`?"),
            TraceProblem::MissingColumn { columns, .. } => format!("its columns are {}", quoted(columns)),
            TraceProblem::MissingMinute | TraceProblem::NoSuchMinute => {
                "a day has 1440 minutes, with the columns `1` to `1440`, or some of them without a \
                 gap".to_owned()
            }
            TraceProblem::BeforeFirstDay { .. } => {
                "the first row of the first file says which day is the first: order them by \
                 day".to_owned()
            }
            TraceProblem::NotAPod { .. } => {
                "a pod is named after its pool, whose name has the memory in MB: \
                 `pool22-300-128-0000618412`".to_owned()
            }
            TraceProblem::NoFunctions => {
                "the columns of functions have numbers as names: `day,time,0,1`".to_owned()
            }
            TraceProblem::NotAMinuteOf { day, .. } => {
                let (from, until) = (u64::from(*day) * 86_400, (u64::from(*day) + 1) * 86_400 - 60);
                format!("its minutes are the multiples of 60 from {from} to {until}, in seconds")
            }
            TraceProblem::AmbiguousColumn => "give each column a name of its own".to_owned(),
            TraceProblem::OpenQuote => {
                "all that follows would be one field; write \"\" for a quotation mark inside a field".to_owned()
            }
            TraceProblem::NotText => "save the file as UTF-8: `file` says what it is".to_owned(),
            TraceProblem::LongRow | TraceProblem::LongValue => {
                "longer rows and values are refused: is this the right file, and are its lines and quotes complete?".to_owned()
            }
            TraceProblem::Ragged { expected, got } if got > expected => {
                "a field that has a comma in it must stand in quotes".to_owned()
            }
            TraceProblem::Ragged { .. } => "is the file complete?".to_owned(),
            TraceProblem::NotANumber { value } if calendar_nanos(value).is_some() => {
                "this is a date of the calendar: give it the unit \"iso\"".to_owned()
            }
            TraceProblem::NotANumber { value } if is_decimal_comma(value) => {
                "numbers have a point, unless `decimal = \",\"` says otherwise".to_owned()
            }
            TraceProblem::NotANumber { value } if value.parse::<f64>().is_ok() => {
                "decimals follow a comma, as `decimal` says, and digits are not grouped".to_owned()
            }
            TraceProblem::NotADate { value } if value.parse::<f64>().is_ok() => {
                "this is a number: give its unit, such as \"s\"".to_owned()
            }
            TraceProblem::NotADate { .. } => {
                format!("the column `{column}` takes dates like 2024-05-01T12:00:00.250Z")
            }
            TraceProblem::BeforeEpoch { .. } => "dates from 1970 to 2554 are read".to_owned(),
            TraceProblem::BeforeOrigin { origin: Origin::First, .. } => {
                "a trace is read as the simulation goes on: sort its rows by arrival".to_owned()
            }
            TraceProblem::BeforeOrigin { .. } => {
                "take an earlier `origin`, or a `window` that begins later".to_owned()
            }
            TraceProblem::OtherUnit { .. } => "leave the unit out".to_owned(),
            TraceProblem::NoValue | TraceProblem::NotANumber { .. } | TraceProblem::NotFinite { .. } => {
                format!("the column `{column}` takes numbers like 12.5")
            }
            TraceProblem::Negative { kind: ValueKind::Date, .. } => {
                "dates count from the start of the simulation, at 0".to_owned()
            }
            TraceProblem::Negative { kind: ValueKind::Duration, .. } => {
                "a duration is zero or more: measure it with a clock that is never set back".to_owned()
            }
            TraceProblem::Negative { .. } => "use zero or more".to_owned(),
            TraceProblem::Zero { kind: ValueKind::TimeLimit, .. } => "no body could ever complete".to_owned(),
            TraceProblem::Zero { .. } => "a container needs some memory".to_owned(),
            TraceProblem::NotAMark { .. } => {
                format!("the column `{column}` takes 1 (or true) and 0 (or false)")
            }
            TraceProblem::NoName => format!("the column `{column}` takes names"),
            TraceProblem::TooLarge { .. } => "is the unit of the column right?".to_owned(),
            TraceProblem::NotAnObject { .. } => "each line is a JSON object, like { \"arrival_s\": 0.5 }".to_owned(),
            TraceProblem::NotParquet { .. } => "is it a Parquet file, and was it copied to its end?".to_owned(),
            TraceProblem::ParquetPage { hint, .. } => (*hint).to_owned(),
            TraceProblem::NotAType { .. } => "numbers and text are read, at the top level of the schema".to_owned(),
            TraceProblem::NotACount { .. } => "a minute has a whole number of them, zero or more".to_owned(),
            TraceProblem::TooMany { limit, .. } => format!("at most {limit} are taken: is this a column of counts?"),
            TraceProblem::Unsorted { .. } => {
                "a trace is read as the simulation goes on: sort its rows by arrival".to_owned()
            }
            TraceProblem::OtherValue { .. } => {
                "a function has one image and one app: name functions by both columns".to_owned()
            }
            TraceProblem::TooManyNames { .. } => {
                "is this the column of functions, and not one of requests?".to_owned()
            }
            TraceProblem::UnknownFunction { similar: Some(similar), .. } => format!("did you mean `{similar}`?"),
            TraceProblem::UnknownNumber { functions: 0 | 1, .. } => "the only function is number 0".to_owned(),
            TraceProblem::UnknownNumber { functions, .. } => {
                format!("the {functions} functions are numbered from 0 to {}", functions - 1)
            }
            TraceProblem::UnknownFunction { value, .. } if value.is_empty() => {
                format!("the column `{column}` takes the names of functions")
            }
            TraceProblem::UnknownFunction { .. } => "every function of a trace must be in the experiment".to_owned(),
            TraceProblem::Unreadable(_) => String::new(),
        }
    }
}

/// `run.csv:17: column `arrival_s`: `abc` is not a number`
impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = &self.column
            && !self.problem.names_its_column()
        {
            write!(f, ": column `{column}`")?;
        }
        write!(f, ": {}", self.message())
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            TraceProblem::Unreadable(error) => Some(error),
            TraceProblem::Compressed(error) => Some(error),
            _ => None,
        }
    }
}

/// Whether a header looks like one whose fields are not separated by commas.
fn is_not_separated(columns: &[String]) -> bool {
    matches!(columns, [only] if only.contains([';', '\t', '|']))
}

/// Whether a value is a number with a comma for the point.
fn is_decimal_comma(value: &str) -> bool {
    value.matches(',').count() == 1 && value.replace(',', ".").parse::<f64>().is_ok()
}

/// At most ten names; a trace may have hundreds of columns.
fn quoted(names: &[String]) -> String {
    let mut list: Vec<String> =
        names.iter().take(10).map(|name| format!("`{}`", shortened(name))).collect();
    if names.len() > list.len() {
        list.push(format!("and {} more", names.len() - list.len()));
    }
    list.join(", ")
}

/// The beginning of a name, without control characters: what is no CSV may have one of any length,
/// and of any bytes.
fn shortened(name: &str) -> String {
    let mut characters = name.chars();
    let beginning: String = characters
        .by_ref()
        .take(60)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if characters.next().is_some() { format!("{beginning}...") } else { beginning }
}
