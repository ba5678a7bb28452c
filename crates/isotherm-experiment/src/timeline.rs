//! The timeline of a run as a file, compressed or not.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use flate2::Compression;
use flate2::write::GzEncoder;
use isotherm_kernel::Time;
use isotherm_results::{Names, PerfettoWriter, SinkError};
use isotherm_serverless::{InvocationRecord, RecordSink};

use crate::output::{Hashed, TRACES};
use crate::run::RunOptions;

/// A timeline that is being written. It listens to the events and the records of a run.
pub(crate) struct Timeline(Rc<RefCell<Open>>);

/// The writer, until the run has ended.
struct Open(Option<PerfettoWriter<Packed>>);

impl Timeline {
    pub(crate) fn new(file: Packed, names: Names) -> Self {
        Timeline(Rc::new(RefCell::new(Open(Some(PerfettoWriter::new(file, names))))))
    }

    /// The options of a run, which tells the timeline what happens.
    pub(crate) fn listen(&self, options: RunOptions) -> RunOptions {
        let open = Rc::clone(&self.0);
        options.with_sink(Rc::clone(&self.0) as Rc<RefCell<dyn RecordSink>>).with_observer(
            move |event| {
                if let Some(writer) = &mut open.borrow_mut().0 {
                    writer.observe(event);
                }
            },
        )
    }

    /// Writes the rest, until the end of the run.
    pub(crate) fn close(self, end: Time) -> Result<(), SinkError> {
        match self.0.borrow_mut().0.take() {
            Some(writer) => Ok(writer.close(end)?.finish()?),
            None => Ok(()),
        }
    }
}

impl RecordSink for Open {
    fn record(&mut self, record: &InvocationRecord) {
        if let Some(writer) = &mut self.0 {
            writer.record(record);
        }
    }
}

/// A file, compressed if its name says so.
pub(crate) enum Packed {
    Plain(Hashed),
    Gzip(Box<GzEncoder<Hashed>>),
}

impl Packed {
    pub(crate) fn new(file: Hashed, name: &str) -> Self {
        match name == TRACES[1] {
            // The header has neither a date nor a name.
            true => Packed::Gzip(Box::new(GzEncoder::new(file, Compression::default()))),
            false => Packed::Plain(file),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Packed::Plain(mut file) => file.flush(),
            Packed::Gzip(file) => file.finish()?.flush(),
        }
    }
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Packed::Plain(file) => file.write(bytes),
            Packed::Gzip(file) => file.write(bytes),
        }
    }

    /// What is being compressed is written at the end.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Packed::Plain(file) => file.flush(),
            Packed::Gzip(_) => Ok(()),
        }
    }
}
