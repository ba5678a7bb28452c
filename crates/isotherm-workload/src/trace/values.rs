//! Single columns of a table: the distinct values of one, and how many rows are marked in one.

use std::collections::HashSet;

use super::table::{LONGEST_VALUE, TableRows, beginning};
use crate::WorkloadError;
use crate::error::TraceProblem;

/// The distinct values of a column, in the order in which they first occur. Memory grows with these
/// values, not with the rows.
///
/// ```
/// # use isotherm_workload::{CsvTable, distinct_values};
/// let text = "arrival_s,function\n0,resize\n1,thumbnail\n2,resize\n";
/// let table = CsvTable::new("run.csv", text.as_bytes())?;
/// assert_eq!(distinct_values(table, "function")?, ["resize", "thumbnail"]);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// The [trace](crate::TraceError) is malformed, has no such column, or a row without a value.
pub fn distinct_values(
    mut rows: impl TableRows,
    column: &str,
) -> Result<Vec<String>, WorkloadError> {
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
            // Names that differ only in bytes that are no text would look the same.
            return Err(rows.row_error(Some((index, column)), TraceProblem::NotText).into());
        };
        values.push(text.to_owned());
        seen.insert(field.into());
    }
    Ok(values)
}

/// The number of rows that have `1` (or `true`) in a column, where all others have `0` (or
/// `false`).
///
/// ```
/// # use isotherm_workload::{CsvTable, count_marked};
/// let text = "arrival_s,cold\n0.0,1\n5.76,0\n9.1,1\n";
/// assert_eq!(count_marked(CsvTable::new("run.csv", text.as_bytes())?, "cold")?, 2);
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
///
/// # Errors
///
/// The [trace](crate::TraceError) is malformed, has no such column, or another value in it. A trace
/// without rows has no marked ones, which is no error.
pub fn count_marked(mut rows: impl TableRows, column: &str) -> Result<u64, WorkloadError> {
    let index = rows.column(column)?;
    let mut count = 0;
    while rows.advance()? {
        let field = rows.field(index);
        count += match field.to_ascii_lowercase().as_slice() {
            b"1" | b"true" => 1,
            b"0" | b"false" => 0,
            _ => {
                let problem = TraceProblem::NotAMark { value: beginning(field, LONGEST_VALUE) };
                return Err(rows.row_error(Some((index, column)), problem).into());
            }
        };
    }
    Ok(count)
}
