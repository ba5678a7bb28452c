//! The rows of a Parquet file.
//!
//! Columns of whole, decimal and other numbers and of text are read, at the top level of the
//! schema; a null is no value. Numbers are taken as they are: what unit they have is said
//! elsewhere, but for dates, whose type has a unit. Pages may be compressed by Snappy, gzip, zstd,
//! LZ4 or Brotli.
//!
//! The place of a row in messages is its number, counted from 1.
//!
//! The Parquet library returns an error for most damaged files and panics on some. The panic is
//! caught here and becomes the same error. (A panic hook still sees it; this crate installs none.)
//! Files that would make the library allocate more memory than they can need are refused before it
//! reads them: see [descriptions](guard) of columns, and [pages].

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit as ParquetUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::table::{LONGEST_ROW, TableRows, beginning, similar};
use crate::TimeUnit;
use crate::error::{LONGEST_LINE, TraceError, TraceProblem};
use guard::{Guarded, Refused};
use pages::{Pages, RefusedPage};

mod guard;
mod lengths;
mod pages;

/// The number of rows that are read at a time.
const BATCH: usize = 1024;

/// What the library does with a file, in which a panic is an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    // What was being changed is not used again: the trace is over.
    let caught = catch_unwind(AssertUnwindSafe(work));
    caught.unwrap_or_else(|_| Err(ParquetError::General("the library has panicked".to_owned())))
}

/// The current row of a Parquet file, and those that were read with it.
pub struct ParquetTable<R: ChunkReader> {
    name: String,
    source: Arc<R>,
    file: SerializedFileReader<Guarded<R>>,
    /// The names of all columns.
    header: Vec<String>,
    columns: Vec<WantedColumn>,
    /// The next group of rows, and how many rows of the current one are left to be read.
    group: usize,
    left: usize,
    /// How many rows have been given.
    row: u64,
    /// Which of the rows of the batch is the current one, of how many.
    at: usize,
    batch: usize,
}

/// One of the columns that are wanted.
struct WantedColumn {
    /// Its number in the file.
    number: usize,
    is_unsigned: bool,
    is_decimal: bool,
    /// The unit of dates, if the schema says it.
    date_unit: Option<TimeUnit>,
    /// How many digits of a whole number come after the point.
    scale: usize,
    reader: Option<ColumnReader>,
    values: Values,
}

/// The values of a batch.
#[derive(Default)]
struct Values {
    /// Those that were written as text, one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Those that are text. They are shared with the page that they are from: many rows may have
    /// one long value.
    shared: Vec<Option<ByteArray>>,
}

impl<R: ChunkReader + 'static> ParquetTable<R> {
    /// Reads the end of the file, where the columns are named. The name is for messages.
    ///
    /// # Errors
    ///
    /// The file is no Parquet, or its footer is damaged.
    pub fn new(name: impl Into<String>, reader: R) -> Result<Self, Box<TraceError>> {
        let (name, source) = (name.into(), Arc::new(reader));
        let file = match guarded(|| SerializedFileReader::new(Guarded(Arc::clone(&source)))) {
            Ok(file) => file,
            Err(error) => {
                let problem = not_parquet(
                    &error,
                    "the end of the file, which names its columns, is damaged or not there",
                );
                return Err(TraceError::of_file(&name, problem));
            }
        };
        let schema = file.metadata().file_metadata().schema_descr();
        let header = schema.columns().iter().map(|column| column.path().string()).collect();
        Ok(ParquetTable {
            name,
            source,
            file,
            header,
            columns: Vec::new(),
            group: 0,
            left: 0,
            row: 0,
            at: 0,
            batch: 0,
        })
    }

    /// Reads the next rows; `false` at the end.
    fn read_batch(&mut self) -> Result<bool, Box<TraceError>> {
        while self.left == 0 {
            if self.group >= self.file.num_row_groups() {
                return Ok(false);
            }
            let group = self.file.metadata().row_group(self.group);
            let rows = usize::try_from(group.num_rows()).unwrap_or(0);
            self.left = rows;
            for column in &mut self.columns {
                let reader = guarded(|| {
                    let chunk = group.column(column.number);
                    let pages = Pages::new(&self.source, chunk, self.group + 1, rows)?;
                    Ok(get_column_reader(
                        group.schema_descr().column(column.number),
                        Box::new(pages),
                    ))
                });
                let name = self.header.get(column.number);
                column.reader =
                    Some(reader.map_err(|error| broken(&self.name, self.row, name, &error))?);
            }
            self.group += 1;
        }
        let rows = self.left.min(BATCH);
        for column in &mut self.columns {
            let name = self.header.get(column.number);
            guarded(|| column.read(rows))
                .map_err(|error| broken(&self.name, self.row, name, &error))?;
        }
        self.left -= rows;
        (self.at, self.batch) = (0, rows);
        Ok(true)
    }
}

/// The unit of a column of dates since 1970: of its logical type, or of the older converted type.
fn date_unit(column: &ColumnDescriptor) -> Option<TimeUnit> {
    match column.logical_type_ref() {
        Some(LogicalType::Date) => return Some(TimeUnit::DAY),
        Some(LogicalType::Timestamp(timestamp)) => {
            return Some(match timestamp.unit {
                ParquetUnit::MILLIS => TimeUnit::MILLISECOND,
                ParquetUnit::MICROS => TimeUnit::MICROSECOND,
                ParquetUnit::NANOS => TimeUnit::NANOSECOND,
            });
        }
        _ => {}
    }
    match column.converted_type() {
        ConvertedType::DATE => Some(TimeUnit::DAY),
        ConvertedType::TIMESTAMP_MILLIS => Some(TimeUnit::MILLISECOND),
        ConvertedType::TIMESTAMP_MICROS => Some(TimeUnit::MICROSECOND),
        _ => None,
    }
}

/// What is wrong with a file behind a row, in a column.
fn broken(name: &str, row: u64, column: Option<&String>, error: &ParquetError) -> Box<TraceError> {
    let place = match column {
        Some(column) => {
            format!("the data of its column `{column}` are damaged from row {} on", row + 1)
        }
        None => format!("its data are damaged from row {} on", row + 1),
    };
    let mut error = TraceError::of_file(name, not_parquet(error, &place));
    error.line = (row > 0).then_some(row);
    error
}

/// The error in words for users: those of the library are for programmers.
fn not_parquet(error: &ParquetError, damage: &str) -> TraceProblem {
    let reason = match error {
        ParquetError::External(error) if error.is::<Refused>() => error.to_string(),
        ParquetError::External(error) if error.is::<RefusedPage>() => {
            let hint = error.downcast_ref().map_or("", |error: &RefusedPage| error.refused.hint());
            return TraceProblem::ParquetPage { reason: error.to_string(), hint };
        }
        ParquetError::External(error) => match error.downcast_ref::<std::io::Error>() {
            // What the disk says is not the fault of the file.
            Some(error) if error.raw_os_error().is_some() => {
                return TraceProblem::Unreadable(error.kind().into());
            }
            _ => damage.to_owned(),
        },
        ParquetError::NYI(_) => "it is written in a way that is not known here".to_owned(),
        _ => damage.to_owned(),
    };
    TraceProblem::NotParquet { reason }
}

impl<R: ChunkReader + 'static> TableRows for ParquetTable<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn columns(&self) -> &[String] {
        &self.header
    }

    fn column(&mut self, name: &str) -> Result<usize, Box<TraceError>> {
        let Some(number) = self.header.iter().position(|column| column == name) else {
            let problem = TraceProblem::MissingColumn {
                columns: self.header.clone(),
                similar: similar(name, &self.header),
            };
            return Err(self.error(Some(name), problem));
        };
        if let Some(known) = self.columns.iter().position(|column| column.number == number) {
            return Ok(known);
        }
        let schema = self.file.metadata().file_metadata().schema_descr();
        let column = schema.column(number);
        let is_decimal = matches!(column.converted_type(), ConvertedType::DECIMAL)
            || matches!(column.logical_type_ref(), Some(LogicalType::Decimal(..)));
        let is_flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
        let kind = match column.physical_type() {
            _ if !is_flat => Some("lists or the like"),
            Type::BOOLEAN => Some("true or false"),
            Type::INT96 => Some("dates of an old kind (INT96)"),
            Type::FIXED_LEN_BYTE_ARRAY if !is_decimal => Some("bytes of a fixed length"),
            _ => None,
        };
        if let Some(kind) = kind {
            return Err(self.error(Some(name), TraceProblem::NotAType { kind: kind.to_owned() }));
        }
        let is_unsigned = matches!(
            column.converted_type(),
            ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64
        );
        let scale = if is_decimal { usize::try_from(column.type_scale()).unwrap_or(0) } else { 0 };
        self.columns.push(WantedColumn {
            number,
            is_unsigned,
            is_decimal,
            date_unit: date_unit(&column),
            scale,
            reader: None,
            values: Values::default(),
        });
        Ok(self.columns.len() - 1)
    }

    fn advance(&mut self) -> Result<bool, Box<TraceError>> {
        self.at += 1;
        if self.at >= self.batch && !self.read_batch()? {
            return Ok(false);
        }
        self.row += 1;
        let at = self.at;
        match self.columns.iter().position(|column| column.values.get(at).len() > LONGEST_LINE) {
            None => Ok(true),
            Some(index) => {
                let name = self
                    .columns
                    .get(index)
                    .and_then(|column| self.header.get(column.number))
                    .cloned();
                Err(self
                    .row_error(name.as_deref().map(|name| (index, name)), TraceProblem::LongValue))
            }
        }
    }

    fn field(&self, index: usize) -> &[u8] {
        self.columns.get(index).map_or(&[], |column| column.values.get(self.at))
    }

    fn date_unit(&self, index: usize) -> Option<TimeUnit> {
        self.columns.get(index)?.date_unit
    }

    fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError> {
        let mut error = self.error(column.map(|(_, name)| name), problem);
        for index in 0..self.columns.len() {
            if index > 0 {
                error.row.push(',');
            }
            if column.is_some_and(|(place, _)| place == index) {
                error.field = Some(error.row.len());
            }
            error.row.push_str(&beginning(self.field(index), LONGEST_ROW));
        }
        error.line = Some(self.row);
        error
    }
}

impl Values {
    fn get(&self, row: usize) -> &[u8] {
        if let Some(shared) = self.shared.get(row) {
            return shared.as_ref().map(ByteArray::data).unwrap_or_default().trim_ascii();
        }
        let begin = row.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = begin.zip(self.ends.get(row).copied());
        range.and_then(|(begin, end)| self.text.get(begin..end)).unwrap_or_default().trim_ascii()
    }

    /// Reads the next values of a column, and writes them one after the other.
    fn read<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        rows: usize,
        mut write: impl FnMut(&mut Vec<u8>, T::T),
    ) -> Result<(), ParquetError> {
        let Values { text, ends, .. } = self;
        each(reader, rows, |value| {
            if let Some(value) = value {
                write(text, value);
            }
            ends.push(text.len());
        })
    }
}

impl WantedColumn {
    /// Reads the next rows of the column.
    fn read(&mut self, rows: usize) -> Result<(), ParquetError> {
        let values = &mut self.values;
        values.text.clear();
        values.ends.clear();
        values.shared.clear();
        let (is_unsigned, is_decimal, scale) = (self.is_unsigned, self.is_decimal, self.scale);
        match &mut self.reader {
            Some(ColumnReader::Int32ColumnReader(reader)) => {
                values.read(reader, rows, |text, value| {
                    let value =
                        if is_unsigned { i128::from(value as u32) } else { i128::from(value) };
                    write_decimal(text, value, scale);
                })
            }
            Some(ColumnReader::Int64ColumnReader(reader)) => {
                values.read(reader, rows, |text, value| match is_unsigned {
                    true => write(text, &(value as u64)),
                    false => write_decimal(text, i128::from(value), scale),
                })
            }
            // The shortest text that is this number.
            Some(ColumnReader::FloatColumnReader(reader)) => {
                values.read(reader, rows, |text, value| write(text, &value))
            }
            Some(ColumnReader::DoubleColumnReader(reader)) => {
                values.read(reader, rows, |text, value| write(text, &value))
            }
            Some(ColumnReader::ByteArrayColumnReader(reader)) if is_decimal => {
                values.read(reader, rows, |text, value| write_bytes(text, value.data(), scale))
            }
            Some(ColumnReader::ByteArrayColumnReader(reader)) => {
                each(reader, rows, |value| {
                    // One without data panics when it is looked at, which it should do here.
                    value.as_ref().map(ByteArray::data);
                    values.shared.push(value);
                })
            }
            Some(ColumnReader::FixedLenByteArrayColumnReader(reader)) if is_decimal => {
                values.read(reader, rows, |text, value| write_bytes(text, value.data(), scale))
            }
            _ => Err(ParquetError::General(
                "a column of another type than the schema says".to_owned(),
            )),
        }
    }
}

fn write(text: &mut Vec<u8>, value: &impl std::fmt::Display) {
    // Writing to memory does not fail.
    let _ = write!(text, "{value}");
}

/// A decimal number: its bytes from the highest to the lowest. One that is too large for 16 bytes
/// is no number of a trace.
fn write_bytes(text: &mut Vec<u8>, bytes: &[u8], scale: usize) {
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { -1i128 } else { 0 };
    match bytes.len() {
        0..=16 => write_decimal(
            text,
            bytes.iter().fold(sign, |value, byte| value << 8 | i128::from(*byte)),
            scale,
        ),
        _ => text.extend_from_slice(b"a decimal of more than 16 bytes"),
    }
}

/// An integer with this number of decimals.
fn write_decimal(text: &mut Vec<u8>, value: i128, scale: usize) {
    if scale == 0 {
        return write(text, &value);
    }
    if value < 0 {
        text.push(b'-');
    }
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    text.extend_from_slice(whole.as_bytes());
    text.push(b'.');
    text.extend_from_slice(fraction.as_bytes());
}

/// Reads the next values of a column, and passes each to a function.
fn each<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    mut take: impl FnMut(Option<T::T>),
) -> Result<(), ParquetError> {
    let (mut levels, mut found) = (Vec::new(), Vec::new());
    let mut taken = 0;
    while taken < rows {
        levels.clear();
        found.clear();
        let (read, ..) = reader.read_records(rows - taken, Some(&mut levels), None, &mut found)?;
        if read == 0 {
            return Err(ParquetError::EOF("a column has fewer rows than its group".to_owned()));
        }
        let mut found = found.drain(..);
        for row in 0..read {
            // A column in which every row has a value has no levels.
            let has_value = levels.get(row).is_none_or(|level| *level > 0);
            take(if has_value { found.next() } else { None });
        }
        taken += read;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_text_with_a_point() {
        let text = |bytes: &[u8], scale| {
            let mut text = Vec::new();
            write_bytes(&mut text, bytes, scale);
            String::from_utf8(text).unwrap()
        };
        // 150 in two bytes, and -1 and -150 in the complement of two.
        assert_eq!(
            [text(&[0, 150], 2), text(&[0, 150], 0), text(&[0, 150], 5)],
            ["1.50", "150", "0.00150"]
        );
        assert_eq!([text(&[255, 255, 255], 0), text(&[255, 106], 2)], ["-1", "-1.50"]);
        assert_eq!(text(&[1; 17], 0), "a decimal of more than 16 bytes");
    }
}
