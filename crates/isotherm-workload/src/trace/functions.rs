//! The functions that go with a trace, from a CSV file with a row for each.

use std::io::Read;

use isotherm_kernel::Duration;

use super::csv::CsvRows;
use super::{Located, TimeColumn, decimal};
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{SizeUnit, TimeUnit, WorkloadError};

/// Which column of a file of functions holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionColumns {
    /// The column of the names.
    pub name: String,
    /// The column of the names of their images.
    pub image: Option<String>,
    /// The column of how much memory a container may use.
    pub memory: Option<SizeColumn>,
    /// The column of how much disk space a container may use.
    pub disk: Option<SizeColumn>,
    /// The column of how long a body may run.
    pub time: Option<TimeColumn>,
    /// The column of how long the start of a container takes.
    pub startup: Option<TimeColumn>,
}

/// A column of sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeColumn {
    /// Its name in the header.
    pub name: String,
    /// The unit of its numbers.
    pub unit: SizeUnit,
}

/// One function. What has no column, or no value in it, is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRow {
    /// The line on which its row begins, counted from 1.
    pub line: u64,
    /// Its name; not empty.
    pub name: String,
    /// The name of its image.
    pub image: Option<String>,
    /// How much memory a container may use; not zero.
    pub memory_bytes: Option<u64>,
    /// How much disk space a container may use.
    pub disk_bytes: Option<u64>,
    /// How long a body may run; not zero.
    pub time: Option<Duration>,
    /// How long the start of a container takes.
    pub startup: Option<Duration>,
}

/// The functions of a file, and what is wrong with it.
#[derive(Debug, Default)]
pub struct FunctionRows {
    /// The rows that are good.
    pub rows: Vec<FunctionRow>,
    /// The first things that are wrong, in the order of the rows.
    pub errors: Vec<TraceError>,
    /// How many more there are.
    pub further: u64,
}

/// Reads a file of functions to its end and tells everything that is wrong with its rows, the first
/// `most` of it in full. The format is that of [traces](crate::trace). That names are not given
/// twice is the business of whoever knows all of them.
///
/// ```
/// # use isotherm_workload::{FunctionColumns, SizeColumn, SizeUnit, read_functions};
/// let columns = FunctionColumns {
///     name: "function".into(),
///     memory: Some(SizeColumn { name: "memory_mb".into(), unit: SizeUnit::MEGABYTE }),
///     image: None, disk: None, time: None, startup: None,
/// };
/// let functions = read_functions("f.csv", "function,memory_mb\nf0,128\nf1,\n".as_bytes(), &columns, 20)?;
/// assert_eq!(functions.rows[0].memory_bytes, Some(128_000_000));
/// assert_eq!(functions.rows[1].memory_bytes, None);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// What is wrong with the file as a whole: it cannot be read, is empty, or has not these columns.
pub fn read_functions(
    name: impl Into<String>,
    reader: impl Read,
    columns: &FunctionColumns,
    most: usize,
) -> Result<FunctionRows, WorkloadError> {
    let mut rows = CsvRows::new(name.into(), reader)?;
    let reader = FunctionReader::new(&rows, columns)?;
    let mut found = FunctionRows::default();
    let mut any = false;
    loop {
        let mut tell = |error: Box<TraceError>| match found.errors.len() < most {
            true => found.errors.push(*error),
            false => found.further += 1,
        };
        match rows.advance() {
            Ok(true) => any = true,
            Ok(false) if any => return Ok(found),
            Ok(false) => return Err(rows.error(None, TraceProblem::NoRows).into()),
            Err(error) => match error.problem {
                TraceProblem::Unreadable(_) => return Err(error.into()),
                TraceProblem::OpenQuote | TraceProblem::Compressed(_) => {
                    tell(error);
                    return Ok(found);
                }
                _ => {
                    any = true;
                    tell(error);
                    continue;
                }
            },
        }
        if let Some(row) = reader.row(&rows, &columns.name, &mut tell) {
            found.rows.push(row);
        }
    }
}

/// The places of the columns.
struct FunctionReader {
    name: usize,
    image: Option<usize>,
    memory: Option<Located<SizeUnit>>,
    disk: Option<Located<SizeUnit>>,
    time: Option<Located<TimeUnit>>,
    startup: Option<Located<TimeUnit>>,
}

impl FunctionReader {
    fn new<R: Read>(rows: &CsvRows<R>, columns: &FunctionColumns) -> Result<Self, Box<TraceError>> {
        let size = |column: &SizeColumn| -> Result<_, Box<TraceError>> {
            Ok(Located {
                index: rows.column(&column.name)?,
                name: column.name.clone(),
                value: column.unit,
            })
        };
        let time = |column: &TimeColumn| -> Result<_, Box<TraceError>> {
            Ok(Located {
                index: rows.column(&column.name)?,
                name: column.name.clone(),
                value: column.unit,
            })
        };
        Ok(FunctionReader {
            name: rows.column(&columns.name)?,
            image: columns.image.as_ref().map(|name| rows.column(name)).transpose()?,
            memory: columns.memory.as_ref().map(size).transpose()?,
            disk: columns.disk.as_ref().map(size).transpose()?,
            time: columns.time.as_ref().map(time).transpose()?,
            startup: columns.startup.as_ref().map(time).transpose()?,
        })
    }

    /// The function of the current row; what is wrong with it is told.
    fn row<R: Read>(
        &self,
        rows: &CsvRows<R>,
        name_column: &str,
        tell: &mut dyn FnMut(Box<TraceError>),
    ) -> Option<FunctionRow> {
        let text = |index: usize| {
            let field = rows.field(index);
            (!field.is_empty()).then(|| String::from_utf8_lossy(field).into_owned())
        };
        let name = text(self.name);
        let mut good = true;
        if std::str::from_utf8(rows.field(self.name)).is_err() {
            tell(rows.row_error(Some((self.name, name_column)), TraceProblem::NotText));
            good = false;
        }
        if name.is_none() {
            tell(rows.row_error(Some((self.name, name_column)), TraceProblem::NoName));
            good = false;
        }
        let mut number = |place: Option<(usize, &str)>, unit: u64, kind| {
            let field = rows.field(place?.0);
            if field.is_empty() {
                return None;
            }
            match decimal::nanos(field, unit, kind) {
                Ok(number) => Some(number),
                Err(problem) => {
                    tell(rows.row_error(place, problem));
                    good = false;
                    None
                }
            }
        };
        let size = |column: &Option<Located<SizeUnit>>| {
            column.as_ref().map_or(1, |column| column.value.bytes())
        };
        let time = |column: &Option<Located<TimeUnit>>| {
            column.as_ref().map_or(1, |column| column.value.nanos())
        };
        let memory_bytes = number(place(&self.memory), size(&self.memory), ValueKind::MemoryLimit);
        let disk_bytes = number(place(&self.disk), size(&self.disk), ValueKind::Size);
        let limit = number(place(&self.time), time(&self.time), ValueKind::TimeLimit);
        let startup = number(place(&self.startup), time(&self.startup), ValueKind::Duration);
        let row = FunctionRow {
            line: rows.line(),
            name: name?,
            image: self.image.and_then(text),
            memory_bytes,
            disk_bytes,
            time: limit.map(Duration::from_nanos),
            startup: startup.map(Duration::from_nanos),
        };
        good.then_some(row)
    }
}

fn place<T>(column: &Option<Located<T>>) -> Option<(usize, &str)> {
    column.as_ref().and_then(Located::place)
}
