//! Which column of a trace holds what, and where it is in the table.

use super::dates::{DateFormat, DateReader, Origin};
use super::decimal::Scale;
use super::table::TableRows;
use crate::TimeUnit;
use crate::error::{TraceError, TraceProblem};

/// Which column of a trace holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The column of the arrival dates.
    pub arrival: DateColumn,
    /// Which function a row invokes.
    pub function: FunctionColumn,
    /// The column of the durations of the bodies, if there is one.
    pub duration: Option<TimeColumn>,
}

/// A column of dates of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateColumn {
    /// Its name in the header.
    pub name: String,
    /// How they are written.
    pub format: DateFormat,
    /// Which of them is the start of the simulation.
    pub origin: Origin,
}

impl DateColumn {
    /// A column of numbers of this unit, from the start of the simulation.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: TimeUnit) -> Self {
        let (name, format) = (name.into(), DateFormat::Number(unit));
        DateColumn { name, format, origin: Origin::Zero }
    }

    /// A column of dates of the calendar; the first of them is the start of the simulation.
    #[must_use]
    pub fn iso8601(name: impl Into<String>) -> Self {
        DateColumn { name: name.into(), format: DateFormat::Iso8601, origin: Origin::First }
    }

    /// The same with this origin.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }
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
    /// Always the function of this number.
    Fixed(u32),
    /// The function whose name is in the column of this name.
    Named(String),
    /// The function whose number, counted from 0, is in the column of this name.
    Numbered(String),
}

/// A column whose index in the table is known, with what is needed to read it.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) index: usize,
    name: String,
    pub(super) value: T,
}

impl<T> Located<T> {
    /// Finds a column by its name.
    pub(super) fn find(
        rows: &mut impl TableRows,
        name: &str,
        value: T,
    ) -> Result<Self, Box<TraceError>> {
        Ok(Located { index: rows.column(name)?, name: name.to_owned(), value })
    }

    /// A column of a known index.
    pub(super) fn at(index: usize, name: String, value: T) -> Self {
        Located { index, name, value }
    }

    /// Its name in the header.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The column as [`TableRows::row_error`] takes it.
    pub(super) fn column(&self) -> Option<(usize, &str)> {
        Some((self.index, &self.name))
    }
}

/// A [`FunctionColumn`] whose index is known.
#[derive(Clone, Debug)]
pub(super) enum LocatedFunction {
    Fixed(u32),
    Named(Located<()>),
    Numbered(Located<()>),
}

impl LocatedFunction {
    pub(super) fn find(
        rows: &mut impl TableRows,
        column: &FunctionColumn,
    ) -> Result<Self, Box<TraceError>> {
        Ok(match column {
            FunctionColumn::Fixed(number) => LocatedFunction::Fixed(*number),
            FunctionColumn::Named(name) => LocatedFunction::Named(Located::find(rows, name, ())?),
            FunctionColumn::Numbered(name) => {
                LocatedFunction::Numbered(Located::find(rows, name, ())?)
            }
        })
    }
}

impl Located<DateReader> {
    /// Finds a column of dates.
    pub(super) fn date(
        rows: &mut impl TableRows,
        column: &DateColumn,
    ) -> Result<Self, Box<TraceError>> {
        let located = Located::find(rows, &column.name, DateReader::new(column.format))?;
        let given = match column.format {
            DateFormat::Number(unit) => unit.to_string(),
            DateFormat::Iso8601 => "iso".to_owned(),
        };
        match rows.date_unit(located.index) {
            Some(own) if column.format != DateFormat::Number(own) => {
                Err(rows.error(Some(&column.name), TraceProblem::OtherUnit { given, own }))
            }
            _ => Ok(located),
        }
    }
}

impl Located<Scale> {
    /// Finds a column of times.
    pub(super) fn time(
        rows: &mut impl TableRows,
        column: &TimeColumn,
    ) -> Result<Self, Box<TraceError>> {
        Located::find(rows, &column.name, Scale::new(column.unit))
    }
}
