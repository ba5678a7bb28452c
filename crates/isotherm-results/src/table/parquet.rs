//! Tables as Parquet.
//!
//! Rows are held in groups of [`GROUP`], column by column, and each group is written when it is
//! full. All columns are optional: integers are unsigned of 64 bits, seconds and other numbers are
//! `DOUBLE`, text is UTF-8 with a dictionary.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

use super::{Head, Kind, Value};

/// Rows of a group, which are held until it is written: some 150 bytes each for records.
const GROUP: usize = 1 << 16;

pub(crate) struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Held>,
    rows: usize,
}

/// The values of a column in the rows of a group.
struct Held {
    values: Values,
    /// For each row 1 if it has a value, else 0.
    defined: Vec<i16>,
}

enum Values {
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    Booleans(Vec<bool>),
    /// All texts in a row, and where each of them ends.
    Texts(Vec<u8>, Vec<usize>),
}

impl<W: Write + Send> Parquet<W> {
    pub fn new(writer: W, heads: &[Head<'_>], notes: &[(&str, String)]) -> io::Result<Self> {
        let fields = heads.iter().map(|head| field(*head).map(Arc::new));
        let fields = fields.collect::<Result<_, _>>().map_err(broken)?;
        let schema = Type::group_type_builder("rows").with_fields(fields).build();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk);
        // Numbers seldom occur twice.
        for head in heads.iter().filter(|head| head.kind != Kind::Text) {
            let path = ColumnPath::new(vec![head.name.to_owned()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
        if !notes.is_empty() {
            let note =
                |(key, text): &(&str, String)| KeyValue::new((*key).to_owned(), text.clone());
            properties = properties.set_key_value_metadata(Some(notes.iter().map(note).collect()));
        }
        let file = SerializedFileWriter::new(
            writer,
            Arc::new(schema.map_err(broken)?),
            Arc::new(properties.build()),
        );
        let columns = heads.iter().map(|head| Held {
            values: match head.kind {
                Kind::Integer => Values::Integers(Vec::new()),
                Kind::Seconds | Kind::Number => Values::Numbers(Vec::new()),
                Kind::Boolean => Values::Booleans(Vec::new()),
                Kind::Text => Values::Texts(Vec::new(), Vec::new()),
            },
            defined: Vec::new(),
        });
        Ok(Parquet { file: file.map_err(broken)?, columns: columns.collect(), rows: 0 })
    }

    pub fn row<'v>(&mut self, values: impl Iterator<Item = Value<'v>>) -> io::Result<()> {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value);
        }
        self.rows += 1;
        if self.rows == GROUP { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.file.next_row_group().map_err(broken)?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column().map_err(broken)? else { break };
            let defined = Some(&column.defined[..]);
            match &mut column.values {
                Values::Integers(values) => {
                    let written = writer.typed::<Int64Type>().write_batch(values, defined, None);
                    written.map_err(broken)?;
                    values.clear();
                }
                Values::Numbers(values) => {
                    let written = writer.typed::<DoubleType>().write_batch(values, defined, None);
                    written.map_err(broken)?;
                    values.clear();
                }
                Values::Booleans(values) => {
                    let written = writer.typed::<BoolType>().write_batch(values, defined, None);
                    written.map_err(broken)?;
                    values.clear();
                }
                Values::Texts(text, ends) => {
                    let texts = split(std::mem::take(text), ends);
                    let written = writer.typed::<ByteArrayType>();
                    written.write_batch(&texts, defined, None).map_err(broken)?;
                    ends.clear();
                }
            }
            column.defined.clear();
            writer.close().map_err(broken)?;
        }
        group.close().map_err(broken)?;
        self.rows = 0;
        Ok(())
    }

    pub fn close(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.into_inner().map_err(broken)
    }
}

impl Held {
    fn push(&mut self, value: Value<'_>) {
        match (&mut self.values, value) {
            (Values::Integers(values), Value::Integer(value)) => values.push(value as i64),
            (Values::Numbers(values), Value::Seconds(nanos)) => values.push(nanos as f64 / 1e9),
            (Values::Numbers(values), Value::Number(number)) => values.push(number),
            (Values::Booleans(values), Value::Boolean(truth)) => values.push(truth),
            (Values::Texts(text, ends), Value::Text(value)) => {
                text.extend_from_slice(value.as_bytes());
                ends.push(text.len());
            }
            // A value of another kind than that of its column is none.
            _ => return self.defined.push(0),
        }
        self.defined.push(1);
    }
}

/// The parts of a text that end there.
fn split(text: Vec<u8>, ends: &[usize]) -> Vec<ByteArray> {
    let (text, mut from) = (Bytes::from(text), 0);
    let part = |&end: &usize| ByteArray::from(text.slice(std::mem::replace(&mut from, end)..end));
    ends.iter().map(part).collect()
}

fn field(head: Head<'_>) -> Result<Type, ParquetError> {
    let (physical, logical) = match head.kind {
        Kind::Integer => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Seconds | Kind::Number => (Physical::DOUBLE, None),
        Kind::Boolean => (Physical::BOOLEAN, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    Type::primitive_type_builder(head.name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL)
        .build()
}

/// The error of the writer below, if it is one.
fn broken(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}
