//! Traces of Azure Functions, and of Huawei Cloud, in a plan: the trace that was read, and how a
//! workload replays it.

use std::path::PathBuf;
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_workload::{
    AppSample, Azure2019, Azure2021, Part, ReplayConfig, RequestColumns, TimeUnit, WithinMinute,
};

/// A trace of Azure Functions that was read and defines functions of the experiment.
#[derive(Clone, Debug)]
pub struct AzureTrace {
    /// The files of the trace, and the selection from it.
    pub source: AzureSource,
    /// The content.
    pub content: AzureContent,
    /// The index in the plan of each function of the trace; `None` if it is left out.
    pub numbers: Vec<Option<u32>>,
}

/// The files of a trace of Azure Functions, and the selection from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureSource {
    /// The trace of 2019.
    Year2019 {
        /// The folder of its files.
        folder: PathBuf,
        /// The folder as shown in messages.
        shown: String,
        /// The days, numbered from 1, in increasing order.
        days: Vec<u16>,
        /// The selection of apps.
        sample: AppSample,
        /// The memory of containers.
        memory: AppMemory,
    },
    /// The trace of 2021.
    Year2021 {
        /// The file.
        path: PathBuf,
        /// The file as shown in messages.
        shown: String,
        /// The selection of apps.
        sample: AppSample,
    },
    /// The trace of Huawei Cloud of 2023.
    Huawei2023 {
        /// The folder of its files.
        folder: PathBuf,
        /// The folder as shown in messages.
        shown: String,
        /// The days, numbered from 0, in increasing order.
        days: Vec<u16>,
        /// The selection of functions.
        sample: AppSample,
        /// The unit of the durations, if the files have any.
        delay_unit: Option<TimeUnit>,
    },
    /// The request tables of Huawei Cloud of 2025.
    Huawei2025 {
        /// The files, in order.
        files: Vec<PathBuf>,
        /// Their folder as shown in messages.
        shown: String,
        /// The selection of users.
        sample: AppSample,
        /// What is read of them.
        columns: RequestColumns,
    },
}

/// The content of a trace.
#[derive(Clone, Debug)]
pub enum AzureContent {
    /// Counts of minutes, as in that of 2019.
    Year2019(Arc<Azure2019>),
    /// A row for each invocation, as in that of 2021.
    Year2021(Arc<Azure2021>),
}

/// The memory of a container: the trace knows only that of a whole app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppMemory {
    /// The memory of the app divided by its number of functions, rounded up.
    Split,
    /// The memory of the whole app.
    App,
    /// The `limits.memory` of the experiment.
    Limits,
}

/// A workload that replays a trace of Azure Functions.
#[derive(Clone, Debug)]
pub struct AzurePlan {
    /// The trace.
    pub trace: Arc<AzureTrace>,
    /// How the trace of 2019 is replayed.
    pub replay: ReplayConfig,
    /// The part of it that is played.
    pub part: Part,
    /// How many rows of the trace of 2021 are played; 0 for that of 2019.
    pub played: u64,
    /// The common prefix of the names of its random streams.
    pub streams: String,
}

impl AzureSource {
    /// The `kind` of the workload that replays it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            AzureSource::Year2019 { .. } => "azure-2019",
            AzureSource::Year2021 { .. } => "azure-2021",
            AzureSource::Huawei2023 { .. } => "huawei-2023",
            AzureSource::Huawei2025 { .. } => "huawei-2025",
        }
    }

    /// What is read of a trace with a row for each invocation, and the selection from it; `None`
    /// for counts of minutes.
    #[must_use]
    pub fn requests(&self) -> Option<(RequestColumns, AppSample)> {
        match self {
            AzureSource::Year2021 { sample, .. } => Some((RequestColumns::AZURE_2021, *sample)),
            AzureSource::Huawei2025 { columns, sample, .. } => Some((*columns, *sample)),
            AzureSource::Year2019 { .. } | AzureSource::Huawei2023 { .. } => None,
        }
    }

    /// The file or folder as shown in messages.
    #[must_use]
    pub fn shown(&self) -> &str {
        match self {
            AzureSource::Year2019 { shown, .. }
            | AzureSource::Year2021 { shown, .. }
            | AzureSource::Huawei2023 { shown, .. }
            | AzureSource::Huawei2025 { shown, .. } => shown,
        }
    }
}

impl AzurePlan {
    /// The number of invocations that are played, and whether it is exact.
    #[must_use]
    pub fn arrivals(&self) -> (u64, bool) {
        match &self.trace.content {
            AzureContent::Year2019(trace) => {
                let ReplayConfig { within_minute, scale } = self.replay;
                let Part { from, until, most } = self.part;
                let arrivals = trace.arrivals_between(self.functions(), from, until);
                let exact =
                    within_minute != WithinMinute::Poisson && scale == 1.0 && arrivals.cut == 0.0;
                let mean = (arrivals.whole as f64 + arrivals.cut) * scale;
                ((mean.round() as u64).min(most), exact)
            }
            AzureContent::Year2021(_) => (self.played, true),
        }
    }

    /// The functions of the trace that are not left out.
    fn functions(&self) -> impl Iterator<Item = usize> {
        let numbers = self.trace.numbers.iter().enumerate();
        numbers.filter(|(_, number)| number.is_some()).map(|(function, _)| function)
    }

    /// An upper bound of the date of the last arrival.
    #[must_use]
    pub fn last(&self) -> Time {
        let last = match &self.trace.content {
            AzureContent::Year2019(trace) => trace.end(self.functions()),
            AzureContent::Year2021(trace) => trace.last,
        };
        let last = last.min(self.part.until);
        if last > self.part.from { Time::ZERO + last.since(self.part.from) } else { Time::ZERO }
    }
}
