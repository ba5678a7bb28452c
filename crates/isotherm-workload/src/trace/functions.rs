//! The functions that go with a trace: a CSV file with a row for each, or the trace itself, in
//! whose rows they are named.

use std::io::Read;

use isotherm_kernel::Duration;
use rustc_hash::FxHashMap;

use super::cells::{Cells, ReadRow, RowsOf, SizeColumn, read_rows, size_column, word_column};
use super::columns::{Located, TimeColumn};
use super::row_errors::{AfterError, RowErrors};
use super::table::TableRows;
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{SizeUnit, TimeUnit, WorkloadError};

/// Which column of a file of functions holds what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
pub type FunctionRows = RowsOf<FunctionRow>;

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
    read_rows(name, reader, in_full, |rows| FunctionReader::new(rows, columns))
}

/// The most functions that are found in traces.
const MOST_FUNCTIONS: usize = 10_000_000;

/// Finds the functions that the rows of traces name: a function for each name that occurs, in the
/// order in which they are seen first.
///
/// Rows of the same function may say different things of it: of memory, disk and time limits the
/// largest holds, and its start-up takes the mean of those that are given. Images and apps are one.
///
/// ```
/// # use isotherm_workload::{CsvTable, FunctionColumns, FunctionsOfTraces, SizeColumn, SizeUnit};
/// let columns = FunctionColumns {
///     name: "function".into(),
///     memory: Some(SizeColumn { name: "memory_mb".into(), unit: SizeUnit::MEGABYTE }),
///     image: None, app: None, disk: None, time: None, startup: None,
/// };
/// let text = "at,function,memory_mb\n0,f,128\n1,g,\n2,f,130\n";
/// let mut functions = FunctionsOfTraces::new(20);
/// functions.read(CsvTable::new("run.csv", text.as_bytes())?, &columns)?;
/// let rows = functions.finish().rows;
/// let found: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.memory_bytes)).collect();
/// assert_eq!(found, [("f", Some(130_000_000)), ("g", None)]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
#[derive(Debug)]
pub struct FunctionsOfTraces {
    numbers: FxHashMap<Box<[u8]>, usize>,
    found: Vec<Found>,
    errors: RowErrors,
}

/// A function that rows name.
#[derive(Debug)]
struct Found {
    row: FunctionRow,
    /// Start-ups in nanoseconds, and how many there are.
    startup_nanos: u128,
    startups: u32,
}

impl FunctionsOfTraces {
    /// None so far. The first `in_full` errors are reported in full.
    #[must_use]
    pub fn new(in_full: usize) -> Self {
        let errors = RowErrors::new(in_full);
        FunctionsOfTraces { numbers: FxHashMap::default(), found: Vec::new(), errors }
    }

    /// Reads a trace to its end.
    ///
    /// # Errors
    ///
    /// What is wrong with the trace as a whole: it cannot be read, or lacks these columns.
    pub fn read(
        &mut self,
        mut rows: impl TableRows,
        columns: &FunctionColumns,
    ) -> Result<(), WorkloadError> {
        let reader = FunctionReader::new(&mut rows, columns)?;
        let says_nothing_more = columns.has_only_names();
        loop {
            match rows.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => match self.errors.record(error)? {
                    AfterError::Continue => continue,
                    AfterError::Stop => return Ok(()),
                },
            }
            let known = self.numbers.get(rows.field(reader.name.index)).copied();
            if says_nothing_more && known.is_some() {
                continue;
            }
            let Some(row) = reader.row(Cells::new(&rows, &mut self.errors), 0) else { continue };
            match known {
                Some(known) => {
                    let found = &mut self.found[known];
                    for (column, value, known) in [
                        (&reader.image, &row.image, &found.row.image),
                        (&reader.app, &row.app, &found.row.app),
                    ] {
                        if let (Some(column), Some(value), Some(known)) = (column, value, known)
                            && value != known
                        {
                            let (value, known) = (value.clone(), known.clone());
                            let problem = TraceProblem::OtherValue { value, known };
                            self.errors.push(*rows.row_error(column.column(), problem));
                        }
                    }
                    found.add(row);
                }
                None if self.found.len() >= MOST_FUNCTIONS => {
                    let problem = TraceProblem::TooManyNames { limit: MOST_FUNCTIONS };
                    return Err(rows.error(Some(&columns.name), problem).into());
                }
                None => {
                    let name = row.name.as_bytes().into();
                    self.numbers.insert(name, self.found.len());
                    let mut found = Found { row, startup_nanos: 0, startups: 0 };
                    let startup = found.row.startup.take();
                    found.add_startup(startup);
                    self.found.push(found);
                }
            }
        }
    }

    /// The functions, and what is wrong with the rows.
    #[must_use]
    pub fn finish(self) -> FunctionRows {
        let row = |found: Found| {
            let mean = found.startup_nanos.checked_div(u128::from(found.startups));
            let mean = mean.and_then(|nanos| u64::try_from(nanos).ok());
            FunctionRow { startup: mean.map(Duration::from_nanos), ..found.row }
        };
        let rows = self.found.into_iter().map(row).collect();
        FunctionRows { rows, errors: self.errors.errors, further: self.errors.further }
    }
}

impl Found {
    /// Takes what another row says of the function.
    fn add(&mut self, row: FunctionRow) {
        let known = &mut self.row;
        known.memory_bytes = known.memory_bytes.max(row.memory_bytes);
        known.disk_bytes = known.disk_bytes.max(row.disk_bytes);
        known.time = known.time.max(row.time);
        known.image = known.image.take().or(row.image);
        known.app = known.app.take().or(row.app);
        self.add_startup(row.startup);
    }

    fn add_startup(&mut self, startup: Option<Duration>) {
        if let Some(startup) = startup {
            self.startup_nanos += u128::from(startup.as_nanos());
            self.startups = self.startups.saturating_add(1);
        }
    }
}

impl FunctionColumns {
    /// Whether there is no column but that of the names.
    fn has_only_names(&self) -> bool {
        let FunctionColumns { name: _, image, app, memory, disk, time, startup } = self;
        let words = image.is_some() || app.is_some();
        let sizes = memory.is_some() || disk.is_some();
        !words && !sizes && time.is_none() && startup.is_none()
    }
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
    fn new(rows: &mut impl TableRows, columns: &FunctionColumns) -> Result<Self, Box<TraceError>> {
        let name = Located::find(rows, &columns.name, ())?;
        let image = word_column(rows, columns.image.as_ref())?;
        let app = word_column(rows, columns.app.as_ref())?;
        let memory = size_column(rows, columns.memory.as_ref())?;
        let disk = size_column(rows, columns.disk.as_ref())?;
        let mut time = |column: &Option<TimeColumn>| {
            let column = column.as_ref();
            column.map(|column| Located::find(rows, &column.name, column.unit)).transpose()
        };
        let (time, startup) = (time(&columns.time)?, time(&columns.startup)?);
        Ok(FunctionReader { name, image, app, memory, disk, time, startup })
    }
}

impl ReadRow<FunctionRow> for FunctionReader {
    fn row<R: TableRows>(&self, mut cells: Cells<'_, R>, line: u64) -> Option<FunctionRow> {
        let name = cells.name(&self.name);
        let memory_bytes = cells.size(self.memory.as_ref(), ValueKind::MemoryLimit);
        let disk_bytes = cells.size(self.disk.as_ref(), ValueKind::Size);
        let time = cells.time(self.time.as_ref(), ValueKind::TimeLimit);
        let startup = cells.time(self.startup.as_ref(), ValueKind::Duration);
        let image = cells.text(self.image.as_ref());
        let app = cells.text(self.app.as_ref());
        let name = name?;
        cells.valid(FunctionRow { line, name, image, app, memory_bytes, disk_bytes, time, startup })
    }
}
