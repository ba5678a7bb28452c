//! Arrivals as a Parquet file with the columns `arrival_ns`, `function` and `duration_ns`, in
//! groups of rows that are compressed by Snappy.
//!
//! Dates and durations are whole nanoseconds, so that nothing is lost on the way.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::NamedTempFile;

use super::table::write_functions;
use super::{Pending, Writer};
use crate::arrivals::Planned;
use crate::output::set::Staged;
use crate::output::{self, Rules};
use crate::plan::Plan;

/// Rows of a group, which are held until it is written.
const GROUP: usize = 65_536;

/// The file of arrivals and that of functions, which is a CSV.
pub struct Parquet {
    file: SerializedFileWriter<NamedTempFile>,
    path: PathBuf,
    functions: Pending,
    names: Vec<ByteArray>,
    with_durations: bool,
    dates: Vec<i64>,
    invoked: Vec<ByteArray>,
    durations: Vec<i64>,
}

impl Parquet {
    /// Writes the functions, and begins with the arrivals.
    pub fn create(
        plan: &Plan,
        out: &Path,
        functions: &Path,
        with_durations: bool,
        rules: Rules<'_>,
    ) -> io::Result<Self> {
        let duration = if with_durations { "required int64 duration_ns;" } else { "" };
        let schema = format!(
            "message arrivals {{ required int64 arrival_ns; required binary function (UTF8); {duration} }}"
        );
        let schema = parse_message_type(&schema).map_err(broken)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = output::stage(out, rules)?;
        let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(broken)?;
        let names = plan.functions.iter().map(|function| ByteArray::from(function.name.as_str()));
        Ok(Parquet {
            file,
            path: out.to_owned(),
            functions: write_functions(plan, functions, rules)?,
            names: names.collect(),
            with_durations,
            dates: Vec::new(),
            invoked: Vec::new(),
            durations: Vec::new(),
        })
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.file.next_row_group().map_err(broken)?;
        let mut column = 0;
        while let Some(mut writer) = group.next_column().map_err(broken)? {
            match column {
                0 => writer.typed::<Int64Type>().write_batch(&self.dates, None, None),
                1 => writer.typed::<ByteArrayType>().write_batch(&self.invoked, None, None),
                _ => writer.typed::<Int64Type>().write_batch(&self.durations, None, None),
            }
            .map_err(broken)?;
            writer.close().map_err(broken)?;
            column += 1;
        }
        group.close().map_err(broken)?;
        self.dates.clear();
        self.invoked.clear();
        self.durations.clear();
        Ok(())
    }
}

fn broken(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

/// Parquet knows whole numbers up to 2^63.
fn whole(nanos: u64) -> io::Result<i64> {
    i64::try_from(nanos)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a time of more than 292 years"))
}

impl Writer for Parquet {
    fn arrival(&mut self, arrival: &Planned) -> io::Result<()> {
        self.dates.push(whole(arrival.at.as_nanos())?);
        self.invoked.push(self.names.get(arrival.function as usize).cloned().unwrap_or_default());
        if self.with_durations {
            self.durations.push(whole(arrival.duration.unwrap_or_default().as_nanos())?);
        }
        if self.dates.len() >= GROUP { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> io::Result<Vec<Staged>> {
        if !self.dates.is_empty() {
            self.write_group()?;
        }
        let file = self.file.into_inner().map_err(broken)?;
        Ok(vec![Staged { file, path: self.path }, self.functions.whole()?])
    }
}
