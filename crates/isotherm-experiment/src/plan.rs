//! A plan: the checked description of one run, with all names resolved to indexes and all defaults
//! filled in.
//!
//! [`crate::Experiment::load`] makes plans from files. Other code that makes one must establish the
//! same invariants: every index (image, storage, function) is valid, hosts and disks belong to the
//! plan's platform, and there are routes between all hosts that communicate.

use std::sync::Arc;

use isotherm_config::source::Span;
use isotherm_kernel::{Duration, Limits};
use isotherm_platform::{DiskId, HostId, PlatformSpec};
use isotherm_results::{Format, MOST_NODES, Names, Paper, Window};
use isotherm_serverless::{
    AfterFailure, ContainerReuse, ImageDisk, OnFailure, Payloads, Prepull, Preset, Slots, Throttle,
};

mod azure;
mod workload;

use crate::duration_distribution::DurationDistribution;
use crate::output;
pub use crate::policies::{EvictionKind, ImageEvictionKind, KeepAliveKind, SchedulerKind};

pub use azure::{AppMemory, AzureContent, AzurePlan, AzureSource, AzureTrace};
pub use workload::{AzureLikePlan, ClosedPlan, CsvPlan, GeneratedPlan, TableFormat, WorkloadPlan};

/// The default keep-alive time of experiments under preset `default`, close to that of the large
/// platforms. Under `wrench` idle containers are not kept, as in the reference.
///
/// It does not apply to programs that make a [`ServiceConfig`](isotherm_serverless::ServiceConfig):
/// there, idle containers are not kept by default.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(600);

/// One run, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of the experiment and of its results folder: only ASCII letters, digits, `-`, `_`
    /// and `.`.
    pub name: String,
    /// The seed of all random streams.
    pub seed: u64,
    /// Selects the rules of the platform, how exactly networks are shared, and the order of
    /// activities that end at the same date ([`Preset::simulation`]).
    ///
    /// When the latency of a flow ends, the reference recomputes only the shares of flows connected
    /// to its first link ([`Marking::FirstResource`](isotherm_kernel::Marking)). The other links of
    /// the flow may be overcommitted until their next event. This defect affects dates, so `wrench`
    /// reproduces it. `default` shares exactly.
    pub preset: Preset,
    /// The limits at which the run is stopped with an error.
    pub limits: Limits,
    /// The part of the run that counts in its statistics.
    pub measure: Window,
    /// Hosts, disks, links and routes.
    pub platform: PlatformSpec,
    /// The roles of hosts.
    pub hosts: HostsPlan,
    /// The serverless platform.
    pub service: ServicePlan,
    /// What the run writes.
    pub output: OutputPlan,
    /// Storages, except the disks and memories of the serverless platform.
    pub storages: Vec<StoragePlan>,
    /// Container images.
    pub images: Vec<ImagePlan>,
    /// Functions, registered in this order.
    pub functions: Vec<FunctionPlan>,
    /// The Azure trace that defines the last of the functions, if there is one.
    pub trace: Option<Arc<AzureTrace>>,
    /// The workloads. Not empty, except where a controller of the program drives the plan
    /// ([`Deployment`](crate::Deployment)).
    pub workloads: Vec<WorkloadPlan>,
    /// Bodies of single invocations; an arrival refers to one by its tag, an index.
    pub bodies: Vec<Body>,
}

/// What a run writes besides its summary and its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPlan {
    /// The format of the records; `None`: they are not written.
    pub records: Option<Format>,
    /// Whether time series are written, in Parquet if the records are, else in CSV.
    pub timeseries: bool,
    /// Whether the event log is written.
    pub events: bool,
    /// The name of the file with the timeline for Perfetto, one of
    /// [`TRACES`](crate::output::TRACES); `None`: it is not written.
    pub trace: Option<&'static str>,
    /// The papers whose metrics are computed.
    pub metrics: Vec<Paper>,
}

impl Default for OutputPlan {
    fn default() -> Self {
        OutputPlan {
            records: Some(Format::Csv),
            timeseries: false,
            events: false,
            trace: None,
            metrics: Vec::new(),
        }
    }
}

impl OutputPlan {
    /// The format of the time series and the names of their files: of the platform, the nodes,
    /// links and disks.
    pub(crate) fn time_series(&self) -> Option<(Format, [&'static str; 3])> {
        let names = output::TIME_SERIES;
        let of = match self.records {
            Some(Format::Parquet) => (Format::Parquet, [names[1], names[3], names[5]]),
            _ => (Format::Csv, [names[0], names[2], names[4]]),
        };
        self.timeseries.then_some(of)
    }
}

impl Plan {
    /// The names of the files that a run writes besides its summary and its manifest.
    #[must_use]
    pub fn files(&self) -> Vec<&'static str> {
        let output = &self.output;
        let mut files: Vec<_> = output.records.map(output::records_file).into_iter().collect();
        if let Some((_, [platform, nodes, links])) = output.time_series() {
            files.push(platform);
            files.extend((self.hosts.nodes.len() <= MOST_NODES).then_some(nodes));
            files.push(links);
        }
        files.extend(output.events.then_some(output::EVENTS));
        files.extend(output.trace);
        files.extend([output::FUNCTIONS, output::NODES]);
        files
    }

    /// The names of the apps of the functions, in the order of these.
    pub(crate) fn apps(&self) -> Vec<Arc<str>> {
        self.functions.iter().map(|function| function.app().into()).collect()
    }

    /// The names that stand for the numbers in the event log of a run.
    pub(crate) fn names(&self) -> Names {
        // Images that are on disks at the start come first. Functions are registered in their
        // order, and an image with the first that has it.
        let mut images: Vec<usize> = Vec::new();
        let mut is_known = vec![false; self.images.len()];
        let prepulled = self.service.prepull.iter().map(|&(image, _)| image);
        let of_functions = self.functions.iter().filter_map(|function| function.image);
        for image in prepulled.chain(of_functions) {
            if !std::mem::replace(&mut is_known[image], true) {
                images.push(image);
            }
        }
        let host = |&node: &HostId| self.platform.host(node).name.as_str().into();
        Names {
            nodes: self.hosts.nodes.iter().map(host).collect(),
            functions: self
                .functions
                .iter()
                .map(|function| function.name.as_str().into())
                .collect(),
            images: images
                .into_iter()
                .map(|image| self.images[image].name.as_str().into())
                .collect(),
        }
    }
}

/// The roles of hosts.
#[derive(Clone, Debug)]
pub struct HostsPlan {
    /// The host that sends invocations.
    pub user: HostId,
    /// The head host: it runs the service and caches images on its disk.
    pub head: HostId,
    /// Where the head host keeps images.
    pub head_disk: ImageDisk,
    /// The compute hosts, in order. Not empty.
    pub nodes: Vec<HostId>,
    /// Where each compute host keeps images and what containers write, in the order of `nodes`.
    pub node_disks: Vec<ImageDisk>,
}

/// The body of a function or an invocation: its steps in order.
pub type Body = Arc<[StepPlan]>;

/// The configuration of the serverless platform.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePlan {
    /// The scheduler.
    pub scheduler: SchedulerKind,
    /// The keep-alive policy.
    pub keep_alive: KeepAliveKind,
    /// Which container serves an invocation if several can.
    pub reuse: ContainerReuse,
    /// Which idle containers are evicted when room is missing.
    pub eviction: EvictionKind,
    /// Which images are evicted when room is missing.
    pub image_eviction: ImageEvictionKind,
    /// The maximum number of concurrent invocations; `None`: no limit.
    pub max_concurrency: Option<u32>,
    /// What happens to invocations beyond a concurrency limit.
    pub throttle: Throttle,
    /// What happens to the container of a failed invocation.
    pub on_failure: OnFailure,
    /// The start-up time of containers, unless their function has its own.
    pub startup: DurationDistribution,
    /// The time the service needs to process an invocation request.
    pub processing_overhead: Duration,
    /// How many invocations a compute host may run at once.
    pub slots: Slots,
    /// Chunk size of transfers between storages in bytes; `None`: one fluid stream.
    pub buffer_bytes: Option<u64>,
    /// Whether downloads to the head disk take time; otherwise an image is there at once.
    pub simulate_downloads: bool,
    /// The sizes of the messages between the user and the service.
    pub payloads: Payloads,
    /// The indexes of images that are on disks at the start, those on compute hosts first.
    pub prepull: Vec<(usize, Prepull)>,
    /// The indexes of functions, in order, with how many of their containers are warm at the start.
    pub warm: Vec<(usize, u32)>,
}

impl ServicePlan {
    /// The defaults of a preset.
    #[must_use]
    pub fn of_preset(preset: Preset) -> Self {
        let (scheduler, keep_alive) = match preset {
            Preset::Wrench => (SchedulerKind::Fcfs, KeepAliveKind::None),
            Preset::Default => (SchedulerKind::WarmFirst, KeepAliveKind::Fixed(DEFAULT_KEEP_ALIVE)),
        };
        ServicePlan {
            scheduler,
            keep_alive,
            reuse: preset.reuse(),
            eviction: EvictionKind::Lru,
            image_eviction: ImageEvictionKind::Lru,
            max_concurrency: None,
            throttle: Throttle::Queue,
            on_failure: preset.on_failure(),
            startup: Duration::ZERO.into(),
            processing_overhead: Duration::ZERO,
            slots: Slots::Cores,
            buffer_bytes: None,
            simulate_downloads: true,
            payloads: Payloads::default(),
            prepull: Vec::new(),
            warm: Vec::new(),
        }
    }

    /// Whether an invocation request takes no simulated time: all messages have 0 bytes and there
    /// is no processing overhead.
    #[must_use]
    pub fn invoking_is_free(&self) -> bool {
        self.payloads == Payloads::default() && self.processing_overhead.is_zero()
    }
}

/// A storage that exists from the start.
#[derive(Clone, Debug)]
pub struct StoragePlan {
    /// The name.
    pub name: String,
    /// The host.
    pub host: HostId,
    /// The disk; `None` keeps files in the memory of the host, where access takes no time.
    pub disk: Option<DiskId>,
    /// Chunk size of transfers in bytes; `None`: one fluid stream.
    pub buffer_bytes: Option<u64>,
    /// The files that exist at the start.
    pub files: Vec<FilePlan>,
}

/// A file that exists at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlan {
    /// The name, unique on its storage.
    pub name: String,
    /// The size.
    pub bytes: u64,
}

/// A container image.
#[derive(Clone, Debug)]
pub struct ImagePlan {
    /// The name.
    pub name: String,
    /// The size on disk.
    pub bytes: u64,
    /// The size in memory.
    pub memory_bytes: u64,
    /// The index of the storage that it is downloaded from.
    pub storage: usize,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionPlan {
    /// The name.
    pub name: String,
    /// The place of the name, for errors.
    pub place: Span,
    /// The app that it belongs to, if it is not one of its own.
    pub app: Option<String>,
    /// The index of its image, if it has one.
    pub image: Option<usize>,
    /// The limits of its containers.
    pub limits: isotherm_serverless::Limits,
    /// The start-up time of its containers.
    pub startup: DurationDistribution,
    /// Its keep-alive policy; `None`: that of the service.
    pub keep_alive: Option<KeepAliveKind>,
    /// What happens to the container of a failed invocation, where it differs from the service.
    pub on_failure: OnFailurePlan,
    /// Its concurrency limits.
    pub concurrency: ConcurrencyPlan,
    /// The sizes of input and output of its invocations.
    pub sizes: ValueSizes,
    /// The body of invocations that have none of their own. Empty if all have.
    pub body: Body,
    /// The index of the workload that generated it; `None` if the experiment defines it.
    pub workload: Option<usize>,
}

impl FunctionPlan {
    /// The name of its app.
    #[must_use]
    pub fn app(&self) -> &str {
        self.app.as_deref().unwrap_or(&self.name)
    }
}

/// What happens to the container of a failed invocation, by the kind of failure. `None`: that of
/// the service, or of the preset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnFailurePlan {
    /// The invocation exceeded its time limit.
    pub timeout: Option<AfterFailure>,
    /// The body failed.
    pub error: Option<AfterFailure>,
}

/// The sizes of the input and the output of an invocation in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueSizes {
    /// What its user sends to the body.
    pub input: u64,
    /// What the body sends to the user.
    pub output: u64,
}

/// The concurrency limits of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyPlan {
    /// How many invocations one container serves at once.
    pub per_container: u32,
    /// The maximum number of concurrent invocations; `None`: no limit.
    pub maximum: Option<u32>,
    /// Whether `maximum` is reserved for it out of the limit of the service.
    pub reserved: bool,
}

/// One invocation per container, and no limit in total.
impl Default for ConcurrencyPlan {
    fn default() -> Self {
        ConcurrencyPlan { per_container: 1, maximum: None, reserved: false }
    }
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum StepPlan {
    /// Sleeps for a fixed time.
    Sleep(Duration),
    /// Sleeps for a time that is drawn for each invocation.
    SleepRandom(DurationDistribution),
    /// Computes this many floating-point operations on one core.
    Compute(f64),
    /// Writes a file to the container's private storage.
    Write {
        /// The name of the file.
        file: String,
        /// The size of the file.
        bytes: u64,
    },
    /// Reads a file from the container's private storage.
    Read {
        /// The name of the file.
        file: String,
    },
    /// Reads a file from a storage into memory.
    Fetch {
        /// The index of the storage.
        storage: usize,
        /// The name of the file.
        file: String,
    },
    /// Writes a file from memory to a storage.
    Put {
        /// The index of the storage.
        storage: usize,
        /// The name of the file.
        file: String,
        /// The size of the file.
        bytes: u64,
    },
    /// Invokes another function and waits until it has ended.
    Invoke {
        /// The index of the function.
        function: usize,
    },
}
