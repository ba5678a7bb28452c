//! What is in a trace of which nothing is known yet: its columns, and the names of its functions.

use std::collections::HashSet;
use std::io::Read;

#[cfg(feature = "formats")]
use parquet::file::reader::ChunkReader;

use super::csv::CsvRows;
use super::jsonl::JsonlRows;
#[cfg(feature = "formats")]
use super::parquet::ParquetRows;
use super::table::TableRows;
use crate::WorkloadError;
use crate::error::TraceProblem;

/// The names of the columns of a trace. The name is for messages.
///
/// ```
/// let columns = isotherm_workload::column_names("run.csv", "arrival_s,function\n0,resize\n".as_bytes())?;
/// assert_eq!(columns, ["arrival_s", "function"]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// The trace cannot be read, or is empty.
pub fn column_names(
    name: impl Into<String>,
    reader: impl Read,
) -> Result<Vec<String>, WorkloadError> {
    Ok(CsvRows::new(name.into(), reader)?.columns().to_vec())
}

/// The same of a trace in JSONL: the keys of its first object.
///
/// # Errors
///
/// As for [`column_names`].
pub fn column_names_jsonl(
    name: impl Into<String>,
    reader: impl Read,
) -> Result<Vec<String>, WorkloadError> {
    Ok(JsonlRows::new(name.into(), reader)?.columns().to_vec())
}

/// The same of a trace in Parquet.
///
/// # Errors
///
/// As for [`column_names`].
#[cfg(feature = "formats")]
pub fn column_names_parquet(
    name: impl Into<String>,
    reader: impl ChunkReader + 'static,
) -> Result<Vec<String>, WorkloadError> {
    Ok(ParquetRows::new(name.into(), reader)?.columns().to_vec())
}

/// The different values of a column, in the order in which they come first. The memory is that of
/// the values.
///
/// ```
/// let text = "arrival_s,function\n0,resize\n1,thumbnail\n2,resize\n";
/// assert_eq!(isotherm_workload::distinct_values("run.csv", text.as_bytes(), "function")?, ["resize", "thumbnail"]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// The [trace](crate::TraceError) is broken, has no such column, or a row without a value.
pub fn distinct_values(
    name: impl Into<String>,
    reader: impl Read,
    column: &str,
) -> Result<Vec<String>, WorkloadError> {
    distinct(CsvRows::new(name.into(), reader)?, column)
}

/// The same of a trace in JSONL.
///
/// # Errors
///
/// As for [`distinct_values`].
pub fn distinct_values_jsonl(
    name: impl Into<String>,
    reader: impl Read,
    column: &str,
) -> Result<Vec<String>, WorkloadError> {
    distinct(JsonlRows::new(name.into(), reader)?, column)
}

/// The same of a trace in Parquet.
///
/// # Errors
///
/// As for [`distinct_values`].
#[cfg(feature = "formats")]
pub fn distinct_values_parquet(
    name: impl Into<String>,
    reader: impl ChunkReader + 'static,
    column: &str,
) -> Result<Vec<String>, WorkloadError> {
    distinct(ParquetRows::new(name.into(), reader)?, column)
}

fn distinct(mut rows: impl TableRows, column: &str) -> Result<Vec<String>, WorkloadError> {
    let index = rows.column(column)?;
    let mut seen: HashSet<Box<[u8]>> = HashSet::new();
    let mut values = Vec::new();
    while rows.advance()? {
        let field = rows.field(index);
        if seen.contains(field) {
            continue;
        }
        if field.is_empty() {
            return Err(rows.row_error(Some((index, column)), TraceProblem::NoName).into());
        }
        let Ok(text) = std::str::from_utf8(field) else {
            // Two names that differ in bytes which are no text would look the same.
            return Err(rows.row_error(Some((index, column)), TraceProblem::NotText).into());
        };
        values.push(text.to_owned());
        seen.insert(field.into());
    }
    Ok(values)
}
