//! Workloads of a plan.

use std::path::PathBuf;
use std::sync::Arc;

use isotherm_workload::{Arrival, AzureLike, ClosedLoop, Columns, GeneratorConfig};

use super::AzurePlan;

/// A source of invocations.
#[derive(Clone, Debug)]
pub enum WorkloadPlan {
    /// A list, ordered by date. Never empty.
    List(Vec<Arrival>),
    /// Generated during the simulation.
    Generated(GeneratedPlan),
    /// A closed loop of clients that wait for their invocations.
    Closed(ClosedPlan),
    /// Apps like those of Azure Functions. They create their own functions.
    AzureLike(AzureLikePlan),
    /// A table in a file, read during the simulation.
    Csv(CsvPlan),
    /// The trace that the functions come from.
    Azure(AzurePlan),
}

/// Generated arrivals.
#[derive(Clone, Debug)]
pub struct GeneratedPlan {
    /// The `kind` of the workload.
    pub kind: &'static str,
    /// The generator.
    pub config: GeneratorConfig,
    /// The path of its random streams.
    pub stream: String,
}

/// A closed loop.
#[derive(Clone, Debug)]
pub struct ClosedPlan {
    /// Its clients.
    pub closed: ClosedLoop,
    /// The path of its random streams.
    pub stream: String,
}

/// Apps like those of Azure Functions.
#[derive(Clone, Debug)]
pub struct AzureLikePlan {
    /// The apps that were drawn.
    pub drawn: Arc<AzureLike>,
    /// The number of its first function.
    pub first_function: u32,
    /// The path of its random streams.
    pub stream: String,
}

/// A table in a file: CSV, JSONL or Parquet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvPlan {
    /// The format of the file.
    pub format: TableFormat,
    /// The path of the file.
    pub path: PathBuf,
    /// The file as messages show it.
    pub shown: String,
    /// Which column holds what.
    pub columns: Columns,
}

/// The format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Lines of comma-separated fields.
    Csv,
    /// A JSON object per line.
    Jsonl,
    /// Parquet.
    Parquet,
}

impl TableFormat {
    /// The format of a file of this name, which may be compressed: CSV unless its extension says
    /// otherwise.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_lowercase();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        match plain.rsplit_once('.') {
            Some((_, "jsonl" | "ndjson")) => TableFormat::Jsonl,
            Some((_, "parquet")) => TableFormat::Parquet,
            _ => TableFormat::Csv,
        }
    }

    /// The kind of workload that reads it.
    pub fn kind(self) -> &'static str {
        match self {
            TableFormat::Csv => "csv",
            TableFormat::Jsonl => "jsonl",
            TableFormat::Parquet => "parquet",
        }
    }
}
