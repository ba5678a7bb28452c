//! Workloads: arrivals of invocations, listed, generated or read from traces.
//!
//! A [`Workload`] gives [`Arrival`]s one after the other, ordered by date. It is a stream: nothing
//! is read or drawn before it is asked for, and nothing is kept after it was given, so that a trace
//! of any length takes the memory of one row. It can fail at any arrival, since a trace may turn
//! out to be broken in the middle; the error says where and why, with a hint, and ends the stream.
//!
//! | workload | arrivals |
//! |---|---|
//! | [`ArrivalList`] | written out one by one |
//! | [`Generator`] | generated: a [`Process`] says when, [`Targets`] what, a distribution for how long |
//! | [`AzureLikeArrivals`] | those of apps drawn from what was published of Azure Functions |
//! | [`CsvTrace`] | the rows of a CSV file, from anything that implements [`std::io::Read`]; gzip and zstd are read as they are |
//! | [`JsonlTrace`], [`ParquetTrace`] | the same of a file in JSONL or Parquet |
//! | [`Azure2019Replay`], [`Azure2021Trace`] | those of the traces of [Azure Functions](trace::azure) |
//! | [`Merge`] | those of several workloads, by date; at the same date in the order of the workloads |
//!
//! A [`ClosedLoop`] is not among them: its clients wait for what they have invoked.
//!
//! Functions are known here by number only; the builder of the workload has the list. This crate
//! does not know what a function is or what runs it, and it opens no files.
//!
//! ```
//! use isotherm_kernel::{RandomStreams, Time};
//! use isotherm_workload::{
//!     Columns, CsvTrace, DateColumn, FunctionColumn, FunctionNames, Generator, GeneratorConfig, Merge,
//!     Process, TimeColumn, TimeUnit,
//!     Workload,
//! };
//!
//! let text = "arrival_s,function,response_ms\n0.0,resize,250\n5.76,thumbnail,12.5\n";
//! let columns = Columns {
//!     arrival: DateColumn::new("arrival_s", TimeUnit::SECOND),
//!     function: FunctionColumn::Named("function".into()),
//!     duration: Some(TimeColumn { name: "response_ms".into(), unit: TimeUnit::MILLISECOND }),
//! };
//! let functions = FunctionNames::new(["resize", "thumbnail"]);
//! let trace = CsvTrace::new("run.csv", text.as_bytes(), &columns, functions)?;
//!
//! let noise = GeneratorConfig { count: Some(3), ..GeneratorConfig::new(Process::poisson(0.5)?) };
//! let noise = Generator::new(noise, &RandomStreams::new(42), "workload/1/resize")?;
//!
//! let mut both = Merge::new(vec![Box::new(trace), Box::new(noise)]);
//! let mut last = Time::ZERO;
//! while let Some(arrival) = both.next_arrival()? {
//!     assert!(arrival.at >= last);
//!     last = arrival.at;
//! }
//! # Ok::<(), isotherm_workload::WorkloadError>(())
//! ```

mod arrival;
mod compressed;
mod demand;
mod error;
pub mod generate;
mod list;
mod merge;
mod part;
mod size_unit;
mod time_unit;
pub mod trace;

pub use arrival::{Arrival, Arrivals, Next, Rest, Workload};
pub use compressed::{CompressionError, Decompressed};
pub use demand::{Demand, FunctionDemand, PartDemand};
pub use error::{LONGEST_LINE, TraceError, TraceProblem, ValueKind, WorkloadError};
pub use generate::{
    AzureFunction, AzureLike, AzureLikeArrivals, AzureLikeConfig, BurstState, Bursts, Client,
    ClosedLoop, ClosedLoopConfig, DayShape, Diurnal, Generator, GeneratorConfig, MemoryOfApp,
    Process, Request, Targets,
};
pub use list::ArrivalList;
pub use merge::Merge;
pub use part::{Part, PartOf};
pub use size_unit::{SizeUnit, UnknownSizeUnit};
pub use time_unit::{TimeUnit, UnknownTimeUnit};
pub use trace::{
    AppSample, Azure2019, Azure2019Files, Azure2019Function, Azure2019Replay, Azure2019Scan,
    Azure2021, Azure2021Scan, Azure2021Trace, Columns, CsvDialect, CsvTable, CsvTrace, DateColumn,
    DateFormat, FunctionColumn, FunctionColumns, FunctionNames, FunctionRow, FunctionRows,
    FunctionsOfTraces, ImageColumns, ImageRow, JsonlTable, JsonlTrace, MinuteArrivals, Origin,
    Quirks, ReplayConfig, RowsOf, SizeColumn, TableRows, TimeColumn, Trace, TraceCheck,
    WithinMinute, calendar_nanos, check_trace, count_marked, distinct_values, json_reason,
    read_functions, read_images, told_format,
};
pub use trace::{Huawei2023Files, RequestColumns, RequestFiles, one_file};
#[cfg(feature = "formats")]
pub use trace::{ParquetTable, ParquetTrace};
