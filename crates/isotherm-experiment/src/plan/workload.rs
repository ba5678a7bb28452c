//! Workloads of a plan.

use std::path::PathBuf;
use std::sync::Arc;

use isotherm_workload::{Arrival, AzureLike, ClosedLoop, Columns, GeneratorConfig};

use super::AzurePlan;

/// Invocations that come from one source.
#[derive(Clone, Debug)]
pub enum WorkloadPlan {
    /// Written out one by one, ordered by date. Never empty.
    List(Vec<Arrival>),
    /// Generated as the simulation goes on.
    Generated(GeneratedPlan),
    /// Clients that wait for what they have invoked.
    Closed(ClosedPlan),
    /// Apps like those of Azure Functions, with functions of their own.
    AzureLike(AzureLikePlan),
    /// A table in a file, read as the simulation goes on.
    Csv(CsvPlan),
    /// The trace that the functions come from.
    Azure(AzurePlan),
}

/// Arrivals that are generated.
#[derive(Clone, Debug)]
pub struct GeneratedPlan {
    /// The `kind` of the workload.
    pub kind: &'static str,
    /// What is generated.
    pub config: GeneratorConfig,
    /// The path of its random streams.
    pub stream: String,
}

/// A closed loop.
#[derive(Clone, Debug)]
pub struct ClosedPlan {
    /// The closed loop.
    pub closed: ClosedLoop,
    /// The path of its random streams.
    pub stream: String,
}

/// Apps like those of Azure Functions.
#[derive(Clone, Debug)]
pub struct AzureLikePlan {
    /// What was drawn.
    pub drawn: Arc<AzureLike>,
    /// The number of its first function.
    pub first_function: u32,
    /// The path of its random streams.
    pub stream: String,
}

/// A table in a file: CSV, or one of the other formats that are read in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvPlan {
    /// What the file is.
    pub format: TableFormat,
    /// Where the file is.
    pub path: PathBuf,
    /// How the file is called in messages.
    pub shown: String,
    /// Which column holds what.
    pub columns: Columns,
}

/// What a table is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Lines of fields, separated by commas.
    Csv,
    /// Lines of JSON.
    Jsonl,
    /// Parquet.
    Parquet,
}

impl TableFormat {
    /// That of a file of this name, which may be compressed: CSV unless the name says otherwise.
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
