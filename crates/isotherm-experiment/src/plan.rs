//! A checked plan: everything a run needs, with names resolved to indexes and defaults filled in.
//!
//! A plan is made by [`crate::Experiment::load`], or by code that has checked as much. Its indexes
//! are valid: images, storages and functions exist, hosts and disks are those of its own platform,
//! and there are routes between hosts that communicate.

use std::sync::Arc;

use isotherm_config::source::Span;
use isotherm_kernel::{Duration, Limits};
use isotherm_platform::{DiskId, HostId, PlatformSpec};
use isotherm_serverless::{
    AfterFailure, ContainerReuse, OnFailure, Payloads, Preset, Slots, Throttle,
};

mod azure;
mod workload;

use crate::duration_distribution::DurationDistribution;
pub use crate::policies::{EvictionKind, ImageEvictionKind, KeepAliveKind, SchedulerKind};

pub use azure::{AppMemory, AzureContent, AzurePlan, AzureSource, AzureTrace};
pub use workload::{AzureLikePlan, ClosedPlan, CsvPlan, GeneratedPlan, TableFormat, WorkloadPlan};

/// The default keep-alive of an experiment under preset `default`: roughly what the large platforms
/// are known to do. Under `wrench` no container is kept, as in the reference.
///
/// A program that makes a [`ServiceConfig`](isotherm_serverless::ServiceConfig) has no such
/// default: its containers are not kept unless it says so.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(600);

/// One run, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the experiment: letters, digits, `-`, `_` and `.` only, so that it can name a
    /// folder.
    pub name: String,
    /// The seed of all random streams.
    pub seed: u64,
    /// The rules that the platform follows, how network links are shared, and the order of
    /// activities that end at the same date ([`Preset::simulation`]).
    ///
    /// When the latency of a flow ends, the reference solves again only what is connected to the
    /// first link of the flow ([`Marking::FirstResource`](isotherm_kernel::Marking)); its other
    /// links may be over-allocated for a while. This is a defect, but dates depend on it, so
    /// `wrench` reproduces it. `default` shares exactly.
    pub preset: Preset,
    /// Limits at which the run ends with an error.
    pub limits: Limits,
    /// Hosts, disks, links and routes.
    pub platform: PlatformSpec,
    /// The roles of hosts.
    pub hosts: HostsPlan,
    /// The serverless platform.
    pub service: ServicePlan,
    /// Storages besides those of the serverless platform itself.
    pub storages: Vec<StoragePlan>,
    /// Container images.
    pub images: Vec<ImagePlan>,
    /// Functions, registered in this order.
    pub functions: Vec<FunctionPlan>,
    /// The trace that the functions at the end of the list come from, if any.
    pub trace: Option<Arc<AzureTrace>>,
    /// What is invoked when. Never empty, unless a controller of its own drives the plan
    /// ([`Deployment`](crate::Deployment)).
    pub workloads: Vec<WorkloadPlan>,
    /// Bodies of single invocations: the tag of an arrival is an index into this list.
    pub bodies: Vec<Body>,
}

/// The roles of hosts.
#[derive(Clone, Debug)]
pub struct HostsPlan {
    /// The host that invokes.
    pub user: HostId,
    /// The host on which the service runs and images are cached.
    pub head: HostId,
    /// The mount point of the head disk.
    pub head_mount: String,
    /// The mount point of the disks of the compute hosts.
    pub node_mount: String,
    /// The compute hosts, in order. Never empty.
    pub nodes: Vec<HostId>,
}

/// The steps of an invocation.
pub type Body = Arc<[StepPlan]>;

/// The serverless platform.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePlan {
    /// The scheduler.
    pub scheduler: SchedulerKind,
    /// The keep-alive policy.
    pub keep_alive: KeepAliveKind,
    /// Which of several idle containers serves.
    pub reuse: ContainerReuse,
    /// Which idle containers are evicted when room is needed.
    pub eviction: EvictionKind,
    /// Which images are evicted when room is needed.
    pub image_eviction: ImageEvictionKind,
    /// The maximum number of concurrent invocations; `None`: unlimited.
    pub max_concurrency: Option<u32>,
    /// What happens to invocations above the maximum.
    pub throttle: Throttle,
    /// What happens to the container of a failed invocation.
    pub on_failure: OnFailure,
    /// The start-up time of a container, unless its function says otherwise.
    pub startup: DurationDistribution,
    /// The time that the service needs to process a request.
    pub processing_overhead: Duration,
    /// The number of slots of a compute host.
    pub slots: Slots,
    /// Chunk size of transfers between storages; `None` moves a file as one stream.
    pub buffer_bytes: Option<u64>,
    /// Whether images have to be downloaded to the head disk, or are there from the start.
    pub simulate_downloads: bool,
    /// Sizes of the messages between user and service.
    pub payloads: Payloads,
}

impl ServicePlan {
    /// The defaults under a preset.
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
        }
    }

    /// Whether invoking takes no time: messages of 0 bytes and no processing overhead.
    pub fn invoking_is_free(&self) -> bool {
        self.payloads == Payloads::default() && self.processing_overhead.is_zero()
    }
}

/// A storage that exists from the start.
#[derive(Clone, Debug)]
pub struct StoragePlan {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: HostId,
    /// Its disk; `None` keeps files in the memory of the host, where access takes no time.
    pub disk: Option<DiskId>,
    /// Chunk size of transfers; `None` moves a file as one stream.
    pub buffer_bytes: Option<u64>,
    /// The files that are there at the start.
    pub files: Vec<FilePlan>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlan {
    /// Its name, unique on its storage.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// A container image.
#[derive(Clone, Debug)]
pub struct ImagePlan {
    /// Its name.
    pub name: String,
    /// Its size on disk.
    pub bytes: u64,
    /// Its size in memory.
    pub memory_bytes: u64,
    /// Index of the storage it is downloaded from.
    pub storage: usize,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionPlan {
    /// Its name.
    pub name: String,
    /// Where the name is written.
    pub place: Span,
    /// Index of its image, if it has one.
    pub image: Option<usize>,
    /// The limits of its containers.
    pub limits: isotherm_serverless::Limits,
    /// The start-up time of its containers.
    pub startup: DurationDistribution,
    /// The keep-alive policy of its containers, if not that of the service.
    pub keep_alive: Option<KeepAliveKind>,
    /// What happens to the container of a failed invocation, if not what the service says.
    pub on_failure: OnFailurePlan,
    /// Its limits on concurrency.
    pub concurrency: ConcurrencyPlan,
    /// The body of its invocations. Empty if every invocation has a body of its own.
    pub body: Body,
    /// The index of the workload that created it; `None` if it stands in the experiment.
    pub workload: Option<usize>,
}

/// What happens to the container of a failed invocation, by cause; `None`: as the service says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnFailurePlan {
    /// After a timeout.
    pub timeout: Option<AfterFailure>,
    /// After a failure of the body.
    pub error: Option<AfterFailure>,
}

/// Limits on the concurrency of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyPlan {
    /// Concurrent invocations per container.
    pub per_container: u32,
    /// Concurrent invocations in all; `None`: unlimited.
    pub most: Option<u32>,
    /// Whether that many are reserved for the function.
    pub reserved: bool,
}

/// One per container, and no limit in all.
impl Default for ConcurrencyPlan {
    fn default() -> Self {
        ConcurrencyPlan { per_container: 1, most: None, reserved: false }
    }
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum StepPlan {
    /// Waits.
    Sleep(Duration),
    /// Waits for a time that is drawn for each invocation.
    SleepRandom(DurationDistribution),
    /// Executes so many floating-point operations on one core.
    Compute(f64),
    /// Writes a file to the container's private storage.
    Write {
        /// Its name.
        file: String,
        /// Its size.
        bytes: u64,
    },
    /// Reads a file from the container's private storage.
    Read {
        /// Its name.
        file: String,
    },
    /// Reads a file of a storage into memory.
    Fetch {
        /// Index of the storage.
        storage: usize,
        /// The name of the file.
        file: String,
    },
    /// Writes a file from memory to a storage.
    Put {
        /// Index of the storage.
        storage: usize,
        /// The name of the file.
        file: String,
        /// Its size.
        bytes: u64,
    },
    /// Invokes another function and waits for it.
    Invoke {
        /// Index of the function.
        function: usize,
    },
}
