//! The functions that go with a trace: a CSV file with a row for each.

use std::io::Read;

use isotherm_kernel::Duration;

use super::columns::{Located, TimeColumn};
use super::csv::CsvTable;
use super::decimal;
use super::row_errors::{AfterError, RowErrors};
use super::table::TableRows;
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{SizeUnit, TimeUnit, WorkloadError};

/// Which column of a file of functions holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionColumns {
    /// The column of the names.
    pub name: String,
    /// The column of the names of the images.
    pub image: Option<String>,
    /// The column of the names of the apps.
    pub app: Option<String>,
    /// The column of the memory limits of containers.
    pub memory: Option<SizeColumn>,
    /// The column of the disk limits of containers.
    pub disk: Option<SizeColumn>,
    /// The column of the time limits of bodies.
    pub time: Option<TimeColumn>,
    /// The column of the start-up times of containers.
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

/// One function. A value that has no column, or is empty, is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRow {
    /// The line on which its row begins, counted from 1.
    pub line: u64,
    /// Its name; never empty.
    pub name: String,
    /// The name of its image.
    pub image: Option<String>,
    /// The name of its app.
    pub app: Option<String>,
    /// The memory limit of a container; never zero.
    pub memory_bytes: Option<u64>,
    /// The disk limit of a container.
    pub disk_bytes: Option<u64>,
    /// The time limit of a body; never zero.
    pub time: Option<Duration>,
    /// The start-up time of a container.
    pub startup: Option<Duration>,
}

/// The functions of a file, and what is wrong with it.
#[derive(Debug, Default)]
pub struct FunctionRows {
    /// The valid rows.
    pub rows: Vec<FunctionRow>,
    /// The first errors, in the order of the rows.
    pub errors: Vec<TraceError>,
    /// The number of errors beyond these.
    pub further: u64,
}

/// Reads a file of functions to its end and reports all errors in its rows, the first `in_full` in
/// full. The format is that of [traces](crate::trace). Names may repeat: the caller, which may know
/// other functions as well, checks that they are unique.
///
/// ```
/// # use isotherm_workload::{FunctionColumns, SizeColumn, SizeUnit, read_functions};
/// let columns = FunctionColumns {
///     name: "function".into(),
///     memory: Some(SizeColumn { name: "memory_mb".into(), unit: SizeUnit::MEGABYTE }),
///     image: None, app: None, disk: None, time: None, startup: None,
/// };
/// let text = "function,memory_mb\nf0,128\nf1,\n";
/// let functions = read_functions("f.csv", text.as_bytes(), &columns, 20)?;
/// assert_eq!(functions.rows[0].memory_bytes, Some(128_000_000));
/// assert_eq!(functions.rows[1].memory_bytes, None);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// What is wrong with the file as a whole: it cannot be read, has no row, or lacks these columns.
pub fn read_functions(
    name: impl Into<String>,
    reader: impl Read,
    columns: &FunctionColumns,
    in_full: usize,
) -> Result<FunctionRows, WorkloadError> {
    let mut rows = CsvTable::new(name, reader)?;
    let reader = FunctionReader::new(&mut rows, columns)?;
    let mut errors = RowErrors::new(in_full);
    let (mut functions, mut any) = (Vec::new(), false);
    loop {
        match rows.advance() {
            Ok(true) => any = true,
            Ok(false) if any => break,
            Ok(false) => return Err(rows.error(None, TraceProblem::NoRows).into()),
            Err(error) => match errors.record(error)? {
                AfterError::Continue => {
                    any = true;
                    continue;
                }
                AfterError::Stop => break,
            },
        }
        functions.extend(reader.row(&rows, &mut errors));
    }
    Ok(FunctionRows { rows: functions, errors: errors.errors, further: errors.further })
}

/// The columns of a file of functions.
struct FunctionReader {
    name: Located<()>,
    image: Option<Located<()>>,
    app: Option<Located<()>>,
    memory: Option<Located<SizeUnit>>,
    disk: Option<Located<SizeUnit>>,
    time: Option<Located<TimeUnit>>,
    startup: Option<Located<TimeUnit>>,
}

impl FunctionReader {
    fn new<R: Read>(
        rows: &mut CsvTable<R>,
        columns: &FunctionColumns,
    ) -> Result<Self, Box<TraceError>> {
        let name = Located::find(rows, &columns.name, ())?;
        let mut word = |column: &Option<String>| {
            column.as_ref().map(|name| Located::find(rows, name, ())).transpose()
        };
        let (image, app) = (word(&columns.image)?, word(&columns.app)?);
        let mut size = |column: &Option<SizeColumn>| {
            let column = column.as_ref();
            column.map(|column| Located::find(rows, &column.name, column.unit)).transpose()
        };
        let (memory, disk) = (size(&columns.memory)?, size(&columns.disk)?);
        let mut time = |column: &Option<TimeColumn>| {
            let column = column.as_ref();
            column.map(|column| Located::find(rows, &column.name, column.unit)).transpose()
        };
        let (time, startup) = (time(&columns.time)?, time(&columns.startup)?);
        Ok(FunctionReader { name, image, app, memory, disk, time, startup })
    }

    /// The function of the current row, if the row is valid. All errors in it are recorded.
    fn row<R: Read>(&self, rows: &CsvTable<R>, errors: &mut RowErrors) -> Option<FunctionRow> {
        let mut is_valid = true;
        let mut report = |column: Option<(usize, &str)>, problem| {
            errors.push(*rows.row_error(column, problem));
            is_valid = false;
        };
        let text = |column: &Located<()>| {
            let field = rows.field(column.index);
            (!field.is_empty()).then(|| String::from_utf8_lossy(field).into_owned())
        };
        let name = text(&self.name);
        if std::str::from_utf8(rows.field(self.name.index)).is_err() {
            report(self.name.column(), TraceProblem::NotText);
        }
        if name.is_none() {
            report(self.name.column(), TraceProblem::NoName);
        }
        let mut number = |column: Option<(usize, &str)>, unit: u64, kind| {
            let field = rows.field(column?.0);
            if field.is_empty() {
                return None;
            }
            decimal::nanos(field, unit, kind).map_err(|problem| report(column, problem)).ok()
        };
        let mut size = |column: &Option<Located<SizeUnit>>, kind| {
            let column = column.as_ref()?;
            number(column.column(), column.value.bytes(), kind)
        };
        let memory_bytes = size(&self.memory, ValueKind::MemoryLimit);
        let disk_bytes = size(&self.disk, ValueKind::Size);
        let mut time = |column: &Option<Located<TimeUnit>>, kind| {
            let column = column.as_ref()?;
            number(column.column(), column.value.nanos(), kind).map(Duration::from_nanos)
        };
        let limit = time(&self.time, ValueKind::TimeLimit);
        let startup = time(&self.startup, ValueKind::Duration);
        let row = FunctionRow {
            line: rows.line(),
            name: name?,
            image: self.image.as_ref().and_then(text),
            app: self.app.as_ref().and_then(text),
            memory_bytes,
            disk_bytes,
            time: limit,
            startup,
        };
        is_valid.then_some(row)
    }
}
