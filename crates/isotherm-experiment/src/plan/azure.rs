//! Traces of Azure Functions in a plan.

use std::path::PathBuf;
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_workload::{AppSample, Azure2019, Azure2021, ReplayConfig, WithinMinute};

/// A trace of Azure Functions that was read. Its functions are functions of the experiment.
#[derive(Clone, Debug)]
pub struct AzureTrace {
    /// The files, and which part of them is used.
    pub source: AzureSource,
    /// The content.
    pub content: AzureContent,
    /// The number that each of its functions has in the experiment; `None` if it is left out.
    pub numbers: Vec<Option<u32>>,
}

/// The files of a trace of Azure Functions, and which part of them is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureSource {
    /// The trace of 2019.
    Year2019 {
        /// The folder of its files.
        folder: PathBuf,
        /// The folder as messages show it.
        shown: String,
        /// The days, in order.
        days: Vec<u16>,
        /// Which apps are used.
        sample: AppSample,
        /// How the memory of an app is divided among containers.
        memory: AppMemory,
    },
    /// The trace of 2021.
    Year2021 {
        /// Its file.
        path: PathBuf,
        /// The file as messages show it.
        shown: String,
        /// Which apps are used.
        sample: AppSample,
    },
}

/// The content of a trace of Azure Functions.
#[derive(Clone, Debug)]
pub enum AzureContent {
    /// The trace of 2019.
    Year2019(Arc<Azure2019>),
    /// The trace of 2021.
    Year2021(Arc<Azure2021>),
}

/// The memory of a container, given that of its app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppMemory {
    /// Divided equally among the functions of the app.
    Split,
    /// That of the whole app.
    App,
    /// The limit that the experiment gives.
    Limits,
}

/// The replay of a trace of Azure Functions.
#[derive(Clone, Debug)]
pub struct AzurePlan {
    /// The trace.
    pub trace: Arc<AzureTrace>,
    /// How it is replayed. Only its end applies to the trace of 2021, which has exact dates.
    pub replay: ReplayConfig,
    /// The prefix of the names of its random streams.
    pub streams: String,
}

impl AzureSource {
    /// The `kind` of the workload that replays it.
    pub fn kind(&self) -> &'static str {
        match self {
            AzureSource::Year2019 { .. } => "azure-2019",
            AzureSource::Year2021 { .. } => "azure-2021",
        }
    }

    /// The folder or file as messages show it.
    pub fn shown(&self) -> &str {
        match self {
            AzureSource::Year2019 { shown, .. } | AzureSource::Year2021 { shown, .. } => shown,
        }
    }
}

impl AzurePlan {
    /// The number of invocations, and whether it is exact.
    pub fn arrivals(&self) -> (u64, bool) {
        let ReplayConfig { within_minute, scale, until } = self.replay;
        match &self.trace.content {
            AzureContent::Year2019(trace) => {
                let kept = trace
                    .functions
                    .iter()
                    .zip(&self.trace.numbers)
                    .filter(|(_, number)| number.is_some());
                let all: u64 = kept.map(|(function, _)| function.invocations).sum();
                let exact =
                    within_minute != WithinMinute::Poisson && scale == 1.0 && until.is_none();
                ((all as f64 * scale) as u64, exact)
            }
            AzureContent::Year2021(trace) => (trace.invocations, until.is_none()),
        }
    }

    /// An upper bound on the date of the last invocation.
    pub fn last(&self) -> Time {
        let last = match &self.trace.content {
            AzureContent::Year2019(trace) => {
                let kept =
                    self.trace.numbers.iter().enumerate().filter(|(_, number)| number.is_some());
                trace.end(kept.map(|(function, _)| function))
            }
            AzureContent::Year2021(trace) => trace.last,
        };
        self.replay.until.map_or(last, |until| until.min(last))
    }
}
