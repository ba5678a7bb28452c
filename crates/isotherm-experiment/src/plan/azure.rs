//! Traces of Azure Functions in a plan.

use std::path::PathBuf;
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_workload::{AppSample, Azure2019, Azure2021, ReplayConfig, WithinMinute};

/// A trace of Azure Functions, which was read: its functions are those of the experiment.
#[derive(Clone, Debug)]
pub struct AzureTrace {
    /// Where it is, and what of it is wanted.
    pub source: AzureSource,
    /// What is in it.
    pub content: AzureContent,
    /// The numbers of its functions; `None` for those that are left out.
    pub numbers: Vec<Option<u32>>,
}

/// Where a trace of Azure Functions is, and what of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureSource {
    /// The trace of 2019.
    Year2019 {
        /// The folder of its files.
        folder: PathBuf,
        /// How the folder is called in messages.
        shown: String,
        /// The days, in order.
        days: Vec<u16>,
        /// Which apps.
        sample: AppSample,
        /// How much memory containers take.
        memory: AppMemory,
    },
    /// The trace of 2021.
    Year2021 {
        /// Its file.
        path: PathBuf,
        /// How the file is called in messages.
        shown: String,
        /// Which apps.
        sample: AppSample,
    },
}

/// What is in a trace of Azure Functions.
#[derive(Clone, Debug)]
pub enum AzureContent {
    /// The trace of 2019.
    Year2019(Arc<Azure2019>),
    /// The trace of 2021.
    Year2021(Arc<Azure2021>),
}

/// How much memory a container takes, of what its app has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppMemory {
    /// An even share for each function.
    Split,
    /// All of it.
    App,
    /// What the experiment says.
    Limits,
}

/// A trace of Azure Functions, as it is played.
#[derive(Clone, Debug)]
pub struct AzurePlan {
    /// The trace.
    pub trace: Arc<AzureTrace>,
    /// How it is played. That of 2021 says all but the end itself.
    pub replay: ReplayConfig,
    /// What the names of its random streams begin with.
    pub streams: String,
}

impl AzureSource {
    /// The kind of workload that plays it.
    pub fn kind(&self) -> &'static str {
        match self {
            AzureSource::Year2019 { .. } => "azure-2019",
            AzureSource::Year2021 { .. } => "azure-2021",
        }
    }

    /// How it is called in messages.
    pub fn shown(&self) -> &str {
        match self {
            AzureSource::Year2019 { shown, .. } | AzureSource::Year2021 { shown, .. } => shown,
        }
    }
}

impl AzurePlan {
    /// How many invocations there are, and whether that is known exactly.
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

    /// When the last of them arrives at the latest.
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
