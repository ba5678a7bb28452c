//! A checked plan: everything a run needs, with every name resolved and every default written out.
//!
//! A plan is made by [`crate::Experiment::load`] alone, so whoever has one knows that its indexes are good: a function's image,
//! a step's storage and an arrival's function exist, hosts and disks are those of its own platform, and routes connect those
//! that must talk.

use std::path::PathBuf;
use std::rc::Rc;

use isotherm_kernel::{Duration, Limits, Time};
use isotherm_platform::{DiskId, HostId, PlatformSpec};
use isotherm_serverless::{ContainerReuse, Payloads, Preset, Slots};
use isotherm_workload::{AppSample, Arrival, Azure2019, Azure2021, Columns, PoissonConfig, ReplayConfig, WithinMinute};

use crate::law::DurationLaw;
pub use crate::policies::{EvictionKind, KeepAliveKind, SchedulerKind};
use crate::source::Span;

/// How long an idle container is kept if the experiment does not say, under preset `default`: roughly what the large
/// platforms are known to do. Under `wrench` none is kept, as in the reference.
///
/// This is a default of experiments. A library user who makes a [`ServiceConfig`](isotherm_serverless::ServiceConfig) begins
/// with containers that are not kept, and chooses.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(600);

/// One run, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the experiment: letters, digits, `-`, `_` and `.` only, so that it can name a folder.
    pub name: String,
    /// What all random numbers derive from.
    pub seed: u64,
    /// Which rules the platform follows, and how exactly networks are shared.
    ///
    /// When the latency of a flow ends, the reference shares out anew only what is connected to the first link of the flow
    /// ([`Marking::FirstResource`](isotherm_kernel::Marking)); its other links may carry more than they can until something
    /// else happens there. This is a defect, but it moves dates, so `wrench`, which is there for dates, reproduces it.
    /// `default` shares exactly.
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
    pub listed: Option<ListedPlan>,
    /// Who invokes what and when. Never empty.
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
pub type Body = Rc<[StepPlan]>;

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
    /// How long the start of a container takes, unless its function says otherwise.
    pub startup: DurationLaw,
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
        let keep_alive = match preset {
            Preset::Wrench => KeepAliveKind::None,
            Preset::Default => KeepAliveKind::Fixed(DEFAULT_KEEP_ALIVE),
        };
        ServicePlan {
            scheduler: SchedulerKind::Fcfs,
            keep_alive,
            reuse: preset.reuse(),
            eviction: EvictionKind::Lru,
            startup: Duration::ZERO.into(),
            processing_overhead: Duration::ZERO,
            slots: Slots::Cores,
            buffer_bytes: None,
            simulate_downloads: true,
            payloads: Payloads::default(),
        }
    }

    /// Whether invoking a function takes no time of its own: messages of 0 bytes and no processing overhead.
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
    pub limits: LimitsPlan,
    /// How long the start of its container takes.
    pub startup: DurationLaw,
    /// What it does when it is invoked, unless the invocation says otherwise. Empty if every invocation does.
    pub body: Body,
}

/// What a container may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsPlan {
    /// How long a body may run; [`Duration::MAX`]: as long as it likes.
    pub time: Duration,
    /// Memory of a container.
    pub memory_bytes: u64,
    /// Disk space of a container.
    pub disk_bytes: u64,
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum StepPlan {
    /// Lets time pass.
    Sleep(Duration),
    /// Lets a time pass that is drawn for each invocation.
    SleepRandom(DurationLaw),
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

/// Invocations that come from one source.
#[derive(Clone, Debug)]
pub enum WorkloadPlan {
    /// Written out one by one, ordered by date. Never empty.
    List(Vec<Arrival>),
    /// A Poisson process, with the name of its random stream.
    Poisson(PoissonConfig, String),
    /// A trace in a CSV file, read as the simulation goes on.
    Csv(CsvPlan),
    /// The trace that the functions come from.
    Azure(AzurePlan),
}

/// A trace in a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvPlan {
    /// Where the file is.
    pub path: PathBuf,
    /// How the file is called in messages.
    pub shown: String,
    /// Which column holds what.
    pub columns: Columns,
}

/// Functions that come from a trace, and what the experiment says of all of them.
#[derive(Clone, Debug)]
pub struct ListedPlan {
    /// The trace.
    pub trace: Rc<AzureTrace>,
    /// The number of the first of them; the others follow.
    pub first: usize,
    /// How long a body may run.
    pub time: Duration,
    /// Memory of a container, where the trace does not say it.
    pub memory_bytes: Option<u64>,
    /// Disk space of a container.
    pub disk_bytes: u64,
    /// How long the start of a container takes.
    pub startup: DurationLaw,
    /// Index of the image of all of them.
    pub image: Option<usize>,
    /// What they do where the trace does not say it.
    pub body: Option<Body>,
}

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
    Year2019(Rc<Azure2019>),
    /// The trace of 2021.
    Year2021(Rc<Azure2021>),
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
    pub trace: Rc<AzureTrace>,
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
                let kept = trace.functions.iter().zip(&self.trace.numbers).filter(|(_, number)| number.is_some());
                let all: u64 = kept.map(|(function, _)| function.invocations).sum();
                let exact = within_minute != WithinMinute::Poisson && scale == 1.0 && until.is_none();
                ((all as f64 * scale) as u64, exact)
            }
            AzureContent::Year2021(trace) => (trace.invocations, until.is_none()),
        }
    }

    /// When the last of them arrives at the latest.
    pub fn last(&self) -> Time {
        let last = match &self.trace.content {
            AzureContent::Year2019(trace) => {
                let kept = self.trace.numbers.iter().enumerate().filter(|(_, number)| number.is_some());
                trace.end(kept.map(|(function, _)| function))
            }
            AzureContent::Year2021(trace) => trace.last,
        };
        self.replay.until.map_or(last, |until| until.min(last))
    }
}
