//! Tables as files: rows of values with named columns, in CSV, JSON Lines or Parquet.
//!
//! A table is written row by row and not kept: CSV and JSON Lines hold a buffer of some kilobytes,
//! Parquet a group of rows. The same rows give the same bytes on every machine.

#[cfg(feature = "parquet")]
mod parquet;

use std::io::{self, Write};

use crate::decimal::{write_integer, write_seconds};

/// How much text is gathered before it is written.
const BUFFER: usize = 1 << 16;

/// The formats of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A header, then a line per row; what is absent is empty.
    Csv,
    /// One JSON object per line; what is absent is null.
    Jsonl,
    /// Apache Parquet, compressed by Snappy; what is absent is null.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// How the names of such files end: `csv`, `jsonl`, `parquet`.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
            #[cfg(feature = "parquet")]
            Format::Parquet => "parquet",
        }
    }
}

/// The value of a column in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// There is none.
    None,
    /// A number of something, or one that names something.
    Integer(u64),
    /// Simulated seconds, given in nanoseconds. Text has nine decimals, exactly; Parquet has the
    /// floating-point number that is nearest.
    Seconds(u64),
    /// Any other number, which is finite. Text has as many digits as tell it from all others.
    Number(f64),
    /// Whether something is so.
    Boolean(bool),
    /// A name or a word.
    Text(&'a str),
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Value::Integer`]
    Integer,
    /// [`Value::Seconds`]
    Seconds,
    /// [`Value::Number`]
    Number,
    /// [`Value::Boolean`]
    Boolean,
    /// [`Value::Text`]
    Text,
}

/// The head of a column.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its values are.
    pub kind: Kind,
}

/// A table that is being written.
pub struct Table<W: Write + Send> {
    writer: Writer<W>,
}

/// A table in one of the formats.
enum Writer<W: Write + Send> {
    Csv(Box<Csv<W>>),
    Jsonl(Jsonl<W>),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::Parquet<W>>),
}

impl<W: Write + Send> Table<W> {
    /// Begins a table.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn new(writer: W, format: Format, heads: &[Head<'_>]) -> io::Result<Self> {
        Self::with_notes(writer, format, heads, &[])
    }

    /// The same with notes about the table, as keys and values. Parquet keeps them in its metadata,
    /// text has no place for them.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn with_notes(
        writer: W,
        format: Format,
        heads: &[Head<'_>],
        #[cfg_attr(not(feature = "parquet"), expect(unused_variables, reason = "text has none"))]
        notes: &[(&str, String)],
    ) -> io::Result<Self> {
        let writer = match format {
            Format::Csv => Writer::Csv(Box::new(Csv::new(writer, heads)?)),
            Format::Jsonl => Writer::Jsonl(Jsonl::new(writer, heads)?),
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                Writer::Parquet(Box::new(parquet::Parquet::new(writer, heads, notes)?))
            }
        };
        Ok(Table { writer })
    }

    /// Adds a row, which has a value of its kind or none for each column.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn row<'v>(&mut self, values: impl Iterator<Item = Value<'v>>) -> io::Result<()> {
        match &mut self.writer {
            Writer::Csv(csv) => csv.row(values),
            Writer::Jsonl(jsonl) => jsonl.row(values),
            #[cfg(feature = "parquet")]
            Writer::Parquet(parquet) => parquet.row(values),
        }
    }

    /// Writes what is still buffered and gives the writer back.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn close(self) -> io::Result<W> {
        match self.writer {
            Writer::Csv(csv) => csv.writer.into_inner().map_err(|error| error.into_error()),
            Writer::Jsonl(jsonl) => jsonl.lines.close(),
            #[cfg(feature = "parquet")]
            Writer::Parquet(parquet) => parquet.close(),
        }
    }
}

struct Csv<W: Write> {
    writer: csv::Writer<W>,
    // One field at a time is formatted here, so that a row costs no allocation.
    field: Vec<u8>,
}

impl<W: Write> Csv<W> {
    fn new(writer: W, heads: &[Head<'_>]) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new().buffer_capacity(BUFFER).from_writer(writer);
        writer.write_record(heads.iter().map(|head| head.name))?;
        Ok(Csv { writer, field: Vec::with_capacity(64) })
    }

    fn row<'v>(&mut self, values: impl Iterator<Item = Value<'v>>) -> io::Result<()> {
        for value in values {
            if let Value::Text(text) = value {
                self.writer.write_field(text)?;
                continue;
            }
            self.field.clear();
            write_number(&mut self.field, value);
            self.writer.write_field(&self.field)?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }
}

struct Jsonl<W> {
    lines: Lines<W>,
    /// What stands before the value of each column: a bracket or comma, the key, and a colon.
    before: Vec<Vec<u8>>,
}

impl<W: Write> Jsonl<W> {
    fn new(writer: W, heads: &[Head<'_>]) -> io::Result<Self> {
        let mut before = Vec::with_capacity(heads.len());
        for (number, head) in heads.iter().enumerate() {
            let mut text = vec![if number == 0 { b'{' } else { b',' }];
            write_text(&mut text, head.name)?;
            text.push(b':');
            before.push(text);
        }
        Ok(Jsonl { lines: Lines::new(writer), before })
    }

    fn row<'v>(&mut self, values: impl Iterator<Item = Value<'v>>) -> io::Result<()> {
        let line = self.lines.line();
        for (before, value) in self.before.iter().zip(values) {
            line.extend_from_slice(before);
            write_json(line, value)?;
        }
        line.extend_from_slice(b"}");
        self.lines.end()
    }
}

/// Lines of text, which are gathered before they are written.
pub(crate) struct Lines<W> {
    writer: W,
    text: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub fn new(writer: W) -> Self {
        Lines { writer, text: Vec::with_capacity(BUFFER + BUFFER / 4) }
    }

    /// The text of the present line is appended to this.
    pub fn line(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Ends the present line.
    pub fn end(&mut self) -> io::Result<()> {
        self.text.push(b'\n');
        if self.text.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    /// Writes what is still buffered and gives the writer back.
    pub fn close(mut self) -> io::Result<W> {
        self.write()?;
        self.writer.flush()?;
        Ok(self.writer)
    }
}

/// Appends a value in JSON.
pub(crate) fn write_json(out: &mut Vec<u8>, value: Value<'_>) -> io::Result<()> {
    match value {
        Value::None => out.extend_from_slice(b"null"),
        Value::Text(text) => write_text(out, text)?,
        number => write_number(out, number),
    }
    Ok(())
}

fn write_text(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    Ok(serde_json::to_writer(out, text)?)
}

/// Appends a number in decimal, which is the same in CSV and JSON.
pub(crate) fn write_number(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Integer(value) => write_integer(out, value),
        Value::Seconds(nanos) => write_seconds(out, nanos),
        // Writing into memory does not fail.
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::Boolean(truth) => drop(write!(out, "{truth}")),
        Value::None | Value::Text(_) => {}
    }
}
