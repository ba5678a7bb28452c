//! Records as CSV.

use std::io::Write;

use isotherm_serverless::{InvocationRecord, RecordSink};

use crate::Column;

/// Why records could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The writer below failed.
    #[error("cannot write the records")]
    Write(#[from] std::io::Error),
}

/// Writes records as CSV into anything that can be written to: a header, then one line per
/// invocation in the order in which they end.
///
/// A sink must not stop a simulation, so the first error is kept, everything after it is dropped,
/// and [`CsvSink::close`] reports it. What is written is buffered here; the writer needs no buffer
/// of its own.
///
/// ```
/// let sink = isotherm_results::CsvSink::new(Vec::new());
/// let text = String::from_utf8(sink.close()?)?;
/// assert!(text.starts_with("id,function,image,submitted_s,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CsvSink<W: Write> {
    writer: csv::Writer<W>,
    // One field at a time is formatted here, so that a record costs no allocation.
    field: Vec<u8>,
    error: Option<std::io::Error>,
    records: u64,
}

impl<W: Write> CsvSink<W> {
    /// A sink that has written the header.
    pub fn new(writer: W) -> Self {
        let mut sink = CsvSink {
            writer: csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(writer),
            field: Vec::with_capacity(64),
            error: None,
            records: 0,
        };
        let header = sink.writer.write_record(Column::ALL.iter().map(|column| column.name));
        sink.keep_error(header);
        sink
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
    pub fn close(mut self) -> Result<W, SinkError> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        self.writer.into_inner().map_err(|error| SinkError::Write(error.into_error()))
    }

    fn write_record(&mut self, record: &InvocationRecord) -> Result<(), csv::Error> {
        for column in Column::ALL {
            self.field.clear();
            column.write(&mut self.field, record);
            self.writer.write_field(&self.field)?;
        }
        self.writer.write_record(None::<&[u8]>)
    }

    fn keep_error(&mut self, result: Result<(), csv::Error>) {
        if let Err(error) = result {
            self.error.get_or_insert_with(|| error.into());
        }
    }
}

impl<W: Write> RecordSink for CsvSink<W> {
    fn record(&mut self, record: &InvocationRecord) {
        self.records += 1;
        if self.error.is_none() {
            let result = self.write_record(record);
            self.keep_error(result);
        }
    }
}
