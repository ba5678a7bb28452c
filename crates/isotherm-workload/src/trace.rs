//! Traces: arrivals from a table in CSV, [JSONL](JsonlTrace) or [Parquet](ParquetTrace), read row
//! by row; and the traces of
//! [Azure Functions](azure) and [Huawei Cloud](huawei).
//!
//! # CSV
//!
//! RFC 4180, with some tolerance. The first line names the columns, in any order; columns that are
//! not needed are ignored. Fields may be quoted; lines end in `\n`, `\r\n` or `\r`; a byte order
//! mark, blank lines and spaces around values are ignored. Every row has as many fields as the
//! header. [`Columns`] says which column holds what, and in which unit.
//!
//! Dates count from the start of the simulation and do not decrease from row to row: a trace is
//! read while the simulation runs, and is never held in memory.
//!
//! # Numbers
//!
//! Decimal numbers are converted to nanoseconds exactly and rounded once, half up: `5.76` s is
//! 5,760,000,000 ns, with no detour through floating point. Numbers with an exponent are parsed as
//! `f64`.
//!
//! # Errors
//!
//! A [`TraceError`](crate::TraceError) gives the line, the column and the value, with a hint. The
//! constructors report what concerns the whole trace (it is empty, a column is missing) and its
//! first row; other errors appear when their row is reached. [`check_trace`] reads a trace to its
//! end and reports everything that is wrong with it.

pub mod azure;
mod cells;
pub mod huawei;

mod arrivals;
mod check;
mod columns;
mod csv;
mod dates;
mod decimal;
mod function_names;
mod functions;
mod images;
mod jsonl;
#[cfg(feature = "formats")]
mod parquet;
#[cfg(test)]
mod pieces;
mod plain_row;
mod quotes;
mod records;
mod row_errors;
mod table;
mod values;

#[cfg(feature = "formats")]
pub use arrivals::ParquetTrace;
pub use arrivals::{CsvTrace, JsonlTrace, Trace};
pub use azure::{
    AppSample, Azure2019, Azure2019Files, Azure2019Function, Azure2019Replay, Azure2019Scan,
    Azure2021, Azure2021Scan, Azure2021Trace, MinuteArrivals, Quirks, ReplayConfig, RequestColumns,
    RequestFiles, WithinMinute, one_file,
};
pub use cells::{RowsOf, SizeColumn};
pub use check::{TraceCheck, check_trace};
pub use columns::{Columns, DateColumn, FunctionColumn, TimeColumn};
pub use csv::{CsvDialect, CsvTable};
pub use dates::{DateFormat, Origin, calendar_nanos, told_format};
pub use function_names::FunctionNames;
pub use functions::{
    FunctionColumns, FunctionRow, FunctionRows, FunctionsOfTraces, read_functions,
};
pub use huawei::Huawei2023Files;
pub use images::{ImageColumns, ImageRow, read_images};
pub use jsonl::{JsonlTable, json_reason};
#[cfg(feature = "formats")]
pub use parquet::ParquetTable;
pub use table::TableRows;
pub use values::{count_marked, distinct_values};
