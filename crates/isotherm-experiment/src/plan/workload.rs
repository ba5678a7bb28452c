//! The workloads of a plan.

use std::path::PathBuf;
use std::sync::Arc;

use isotherm_workload::{
    Arrival, AzureLike, ClosedLoop, Columns, CsvDialect, GeneratorConfig, Part,
};

use super::AzurePlan;

/// A source of invocations.
#[derive(Clone, Debug)]
pub enum WorkloadPlan {
    /// A list of arrivals, ordered by date. Not empty.
    List(Vec<Arrival>),
    /// An open-loop generator, run during the simulation.
    Generated(GeneratedPlan),
    /// A closed loop of clients that wait for their invocations to end.
    Closed(ClosedPlan),
    /// Generated apps with the statistics of Azure Functions. They define their own functions.
    AzureLike(AzureLikePlan),
    /// A table in a file, read during the simulation.
    Csv(CsvPlan),
    /// A replay of the trace that defines the functions.
    Azure(AzurePlan),
}

/// An open-loop generator.
#[derive(Clone, Debug)]
pub struct GeneratedPlan {
    /// The `kind` of the workload.
    pub kind: &'static str,
    /// The configuration of the generator.
    pub config: GeneratorConfig,
    /// The common prefix of the names of its random streams.
    pub stream: String,
}

/// A closed loop.
#[derive(Clone, Debug)]
pub struct ClosedPlan {
    /// Its clients.
    pub closed: ClosedLoop,
    /// The common prefix of the names of its random streams.
    pub stream: String,
}

/// Generated apps with the statistics of Azure Functions.
#[derive(Clone, Debug)]
pub struct AzureLikePlan {
    /// The apps and functions that were drawn.
    pub drawn: Arc<AzureLike>,
    /// The index of its first function in the plan; the others follow it.
    pub first_function: u32,
    /// The common prefix of the names of its random streams.
    pub stream: String,
}

/// A table in a file, in any [`TableFormat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvPlan {
    /// The format of the file.
    pub format: TableFormat,
    /// The path.
    pub path: PathBuf,
    /// The path as shown in messages.
    pub shown: String,
    /// How a CSV file is written.
    pub dialect: CsvDialect,
    /// The columns that are read.
    pub columns: Columns,
    /// The part of it that is played.
    pub part: Part,
}

/// The format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

impl TableFormat {
    /// The format that the extension of a file name indicates, without `.gz` and `.zst`; CSV if it
    /// is unknown.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let name = name.to_lowercase();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        match plain.rsplit_once('.') {
            Some((_, "jsonl" | "ndjson")) => TableFormat::Jsonl,
            Some((_, "parquet")) => TableFormat::Parquet,
            _ => TableFormat::Csv,
        }
    }

    /// The `kind` of the workload that reads it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            TableFormat::Csv => "csv",
            TableFormat::Jsonl => "jsonl",
            TableFormat::Parquet => "parquet",
        }
    }
}
