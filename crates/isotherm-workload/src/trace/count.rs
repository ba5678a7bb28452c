//! Counting the rows of a trace that are marked.

use std::io::Read;

use super::csv::{CsvRows, LONGEST_VALUE, beginning};
use crate::WorkloadError;
use crate::error::TraceProblem;

/// How many rows have `1` (or `true`) in a column, where the others have `0` (or `false`). The name
/// is for messages.
///
/// ```
/// let text = "arrival_s,cold\n0.0,1\n5.76,0\n9.1,1\n";
/// assert_eq!(isotherm_workload::count_marked("run.csv", text.as_bytes(), "cold")?, 2);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// The [trace](crate::TraceError) is broken, has no such column, or has something else in it. A
/// trace without rows has no marked ones, which is no error.
pub fn count_marked(
    name: impl Into<String>,
    reader: impl Read,
    column: &str,
) -> Result<u64, WorkloadError> {
    let mut rows = CsvRows::new(name.into(), reader)?;
    let index = rows.column(column)?;
    let mut count = 0;
    while rows.advance()? {
        let field = rows.field(index);
        count += match field.to_ascii_lowercase().as_slice() {
            b"1" | b"true" => 1,
            b"0" | b"false" => 0,
            _ => {
                let value = beginning(field, LONGEST_VALUE);
                return Err(rows
                    .row_error(Some((index, column)), TraceProblem::NotAMark { value })
                    .into());
            }
        };
    }
    Ok(count)
}
