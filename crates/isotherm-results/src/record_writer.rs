//! Records as a file.

use std::io::{self, Write};

use isotherm_serverless::{InvocationRecord, RecordSink};

use crate::Column;
use crate::table::{Format, Table};

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The writer below failed.
    #[error("cannot write the records")]
    Write(#[from] io::Error),
}

/// Writes records in one of the [formats](Format) into anything that can be written to: one row per
/// invocation, with [all columns](Column::ALL), in the order in which they end.
///
/// A sink must not stop a simulation, so the first error is kept, everything after it is dropped,
/// and [`RecordWriter::close`] reports it. What is written is buffered here; the writer needs no
/// buffer of its own.
///
/// ```
/// use isotherm_results::{Format, RecordWriter};
///
/// let sink = RecordWriter::new(Vec::new(), Format::Csv);
/// let text = String::from_utf8(sink.close()?)?;
/// assert!(text.starts_with("id,function,image,submitted_s,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecordWriter<W: Write + Send> {
    table: io::Result<Table<W>>,
    records: u64,
}

impl<W: Write + Send> RecordWriter<W> {
    /// A sink that has begun the file.
    pub fn new(writer: W, format: Format) -> Self {
        RecordWriter { table: Table::new(writer, format, &Column::heads()), records: 0 }
    }

    /// How many records were given to the sink.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Writes what is still buffered and gives the writer back.
    ///
    /// # Errors
    ///
    /// The first error that occurred since the sink was made.
    pub fn close(self) -> Result<W, SinkError> {
        Ok(self.table?.close()?)
    }
}

impl<W: Write + Send> RecordSink for RecordWriter<W> {
    fn record(&mut self, record: &InvocationRecord) {
        self.records += 1;
        if let Ok(table) = &mut self.table {
            let row = Column::ALL.iter().map(|column| column.value(record));
            if let Err(error) = table.row(row) {
                self.table = Err(error);
            }
        }
    }
}
