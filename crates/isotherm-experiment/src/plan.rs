//! A checked plan: everything a run needs, with every name resolved and every default written out.
//!
//! A plan is made by [`crate::Experiment::load`], or by code that has checked as much. So its
//! indexes are good: a function's image, a step's storage and an arrival's function exist, hosts
//! and disks are those of its own platform, and routes connect those that must talk.

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

/// How long an idle container is kept if the experiment does not say, under preset `default`:
/// roughly what the large platforms are known to do. Under `wrench` none is kept, as in the
/// reference.
///
/// This is a default of experiments. A library user who makes a
/// [`ServiceConfig`](isotherm_serverless::ServiceConfig) begins with containers that are not kept,
/// and chooses.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(600);

/// One run, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the experiment: letters, digits, `-`, `_` and `.` only, so that it can name a
    /// folder.
    pub name: String,
    /// What all random numbers derive from.
    pub seed: u64,
    /// Which rules the platform follows, how exactly networks are shared, and what ends first of
    /// what ends at the same date ([`Preset::simulation`]).
    ///
    /// When the latency of a flow ends, the reference shares out anew only what is connected to the
    /// first link of the flow ([`Marking::FirstResource`](isotherm_kernel::Marking)); its other
    /// links may carry more than they can until something else happens there. This is a defect, but
    /// it moves dates, so `wrench`, which is there for dates, reproduces it. `default` shares
    /// exactly.
    pub preset: Preset,
    /// What the run may use before it is ended with an error.
    pub limits: Limits,
    /// Hosts, disks, links and routes.
    pub platform: PlatformSpec,
    /// Who is where.
    pub hosts: HostsPlan,
    /// The serverless platform.
    pub service: ServicePlan,
    /// Storages besides those of the serverless platform itself.
    pub storages: Vec<StoragePlan>,
    /// Container images.
    pub images: Vec<ImagePlan>,
    /// Functions, registered in this order.
    pub functions: Vec<FunctionPlan>,
    /// The trace that the last of the functions come from, if they do.
    pub trace: Option<Arc<AzureTrace>>,
    /// Who invokes what and when. Never empty, unless a controller of its own drives the plan
    /// ([`Deployment`](crate::Deployment)).
    pub workloads: Vec<WorkloadPlan>,
    /// Bodies of single invocations: the tag of an arrival is an index into this list.
    pub bodies: Vec<Body>,
}

/// Which host plays which part.
#[derive(Clone, Debug)]
pub struct HostsPlan {
    /// Where invocations come from.
    pub user: HostId,
    /// Where the service runs and images are cached.
    pub head: HostId,
    /// Where the head disk is mounted.
    pub head_mount: String,
    /// Where the disks of the compute hosts are mounted.
    pub node_mount: String,
    /// The compute hosts, in order. Never empty.
    pub nodes: Vec<HostId>,
}

/// What an invocation does, step by step.
pub type Body = Arc<[StepPlan]>;

/// The serverless platform.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePlan {
    /// Who decides where invocations run.
    pub scheduler: SchedulerKind,
    /// How long an idle container is kept.
    pub keep_alive: KeepAliveKind,
    /// Which idle container serves when there are several.
    pub reuse: ContainerReuse,
    /// Which idle containers go when room is needed.
    pub eviction: EvictionKind,
    /// Which images go when room is needed.
    pub image_eviction: ImageEvictionKind,
    /// How many invocations run at once; `None`: any number.
    pub max_concurrency: Option<u32>,
    /// What becomes of those that come beyond.
    pub throttle: Throttle,
    /// What becomes of the container of an invocation that has failed.
    pub on_failure: OnFailure,
    /// How long the start of a container takes, unless its function says otherwise.
    pub startup: DurationDistribution,
    /// How long the service needs to take in an invocation.
    pub processing_overhead: Duration,
    /// How many invocations a compute host runs at a time.
    pub slots: Slots,
    /// Chunk size of transfers between storages; `None` moves a file as one stream.
    pub buffer_bytes: Option<u64>,
    /// Whether images have to be downloaded to the head disk, or simply are there.
    pub simulate_downloads: bool,
    /// Sizes of the messages between user and service.
    pub payloads: Payloads,
}

impl ServicePlan {
    /// What holds for everything the file does not say.
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

    /// Whether invoking a function takes no time of its own: messages of 0 bytes and no processing
    /// overhead.
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
    /// What a container of it may use.
    pub limits: isotherm_serverless::Limits,
    /// How long the start of its container takes.
    pub startup: DurationDistribution,
    /// How long an idle container of it is kept, if not as the service says.
    pub keep_alive: Option<KeepAliveKind>,
    /// What becomes of the container of an invocation of it that has failed, if not as the service
    /// says.
    pub on_failure: OnFailurePlan,
    /// How many invocations of it run at once.
    pub concurrency: ConcurrencyPlan,
    /// What it does when it is invoked, unless the invocation says otherwise. Empty if every
    /// invocation does.
    pub body: Body,
    /// The workload that brought it; `None` if the experiment has it.
    pub workload: Option<usize>,
}

/// What becomes of the container of an invocation that has failed, as far as it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnFailurePlan {
    /// It ran into its time limit.
    pub timeout: Option<AfterFailure>,
    /// Its body failed.
    pub error: Option<AfterFailure>,
}

/// How many invocations of a function run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyPlan {
    /// In one container.
    pub per_container: u32,
    /// In all; `None`: any number.
    pub most: Option<u32>,
    /// Whether these places are kept free for it.
    pub reserved: bool,
}

/// One in each container, and any number in all.
impl Default for ConcurrencyPlan {
    fn default() -> Self {
        ConcurrencyPlan { per_container: 1, most: None, reserved: false }
    }
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum StepPlan {
    /// Lets time pass.
    Sleep(Duration),
    /// Lets a time pass that is drawn for each invocation.
    SleepRandom(DurationDistribution),
    /// Computes so many floating-point operations on one core.
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
