//! Files with a row for each of some things, such as functions or images, which are read to their
//! end.

use std::io::Read;

use isotherm_kernel::Duration;

use super::columns::Located;
use super::csv::CsvTable;
use super::decimal;
use super::row_errors::{AfterError, RowErrors};
use super::table::TableRows;
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{SizeUnit, TimeUnit, WorkloadError};

/// The rows of a file, and what is wrong with it.
#[derive(Debug)]
pub struct RowsOf<T> {
    /// The valid rows.
    pub rows: Vec<T>,
    /// The first errors, in the order of the rows.
    pub errors: Vec<TraceError>,
    /// The number of errors beyond these.
    pub further: u64,
}

/// A column of sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeColumn {
    /// Its name in the header.
    pub name: String,
    /// The unit of its numbers.
    pub unit: SizeUnit,
}

/// Reads what a row says; `None` if it is not valid, which is recorded.
pub(super) trait ReadRow<T> {
    fn row<R: TableRows>(&self, cells: Cells<'_, R>, line: u64) -> Option<T>;
}

/// Reads a CSV file to its end and reports all errors in its rows, the first `in_full` in full.
/// `located` finds its columns.
pub(super) fn read_rows<T, F: ReadRow<T>, R: Read>(
    name: impl Into<String>,
    reader: R,
    in_full: usize,
    located: impl FnOnce(&mut CsvTable<R>) -> Result<F, Box<TraceError>>,
) -> Result<RowsOf<T>, WorkloadError> {
    let mut rows = CsvTable::new(name, reader)?;
    let reader = located(&mut rows)?;
    let mut errors = RowErrors::new(in_full);
    let (mut found, mut any) = (Vec::new(), false);
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
        found.extend(reader.row(Cells::new(&rows, &mut errors), rows.line()));
    }
    Ok(RowsOf { rows: found, errors: errors.errors, further: errors.further })
}

/// The cells of the current row. All errors in it are recorded.
pub(super) struct Cells<'r, R> {
    rows: &'r R,
    errors: &'r mut RowErrors,
    is_valid: bool,
}

impl<'r, R: TableRows> Cells<'r, R> {
    pub(super) fn new(rows: &'r R, errors: &'r mut RowErrors) -> Self {
        Cells { rows, errors, is_valid: true }
    }

    /// What the row says, unless there was an error in it.
    pub(super) fn valid<T>(self, row: T) -> Option<T> {
        self.is_valid.then_some(row)
    }

    fn report(&mut self, column: Option<(usize, &str)>, problem: TraceProblem) {
        self.errors.push(*self.rows.row_error(column, problem));
        self.is_valid = false;
    }

    /// A text; `None` if the cell is empty.
    pub(super) fn text(&self, column: Option<&Located<()>>) -> Option<String> {
        let field = self.rows.field(column?.index);
        (!field.is_empty()).then(|| String::from_utf8_lossy(field).into_owned())
    }

    /// The name of what the row is about, which must be there.
    pub(super) fn name(&mut self, column: &Located<()>) -> Option<String> {
        if std::str::from_utf8(self.rows.field(column.index)).is_err() {
            self.report(column.column(), TraceProblem::NotText);
        }
        let name = self.text(Some(column));
        if name.is_none() {
            self.report(column.column(), TraceProblem::NoName);
        }
        name
    }

    /// A size in bytes; `None` if the cell is empty.
    pub(super) fn size(
        &mut self,
        column: Option<&Located<SizeUnit>>,
        kind: ValueKind,
    ) -> Option<u64> {
        let column = column?;
        self.number(column.column(), column.value.bytes(), kind)
    }

    /// A time; `None` if the cell is empty.
    pub(super) fn time(
        &mut self,
        column: Option<&Located<TimeUnit>>,
        kind: ValueKind,
    ) -> Option<Duration> {
        let column = column?;
        self.number(column.column(), column.value.nanos(), kind).map(Duration::from_nanos)
    }

    fn number(&mut self, column: Option<(usize, &str)>, unit: u64, kind: ValueKind) -> Option<u64> {
        let field = self.rows.field(column?.0);
        if field.is_empty() {
            return None;
        }
        let number = decimal::with_point(field, self.rows.decimal_mark())
            .and_then(|field| decimal::nanos(&field, unit, kind));
        number.map_err(|problem| self.report(column, problem)).ok()
    }
}

/// Finds a column of words that need not be there.
pub(super) fn word_column(
    rows: &mut impl TableRows,
    name: Option<&String>,
) -> Result<Option<Located<()>>, Box<TraceError>> {
    name.map(|name| Located::find(rows, name, ())).transpose()
}

/// Finds a column of sizes that need not be there.
pub(super) fn size_column(
    rows: &mut impl TableRows,
    column: Option<&SizeColumn>,
) -> Result<Option<Located<SizeUnit>>, Box<TraceError>> {
    column.map(|column| Located::find(rows, &column.name, column.unit)).transpose()
}
