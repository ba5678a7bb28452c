//! The configuration of a serverless compute service: its hosts, its policies, and the rules in
//! which presets differ.

use isotherm_kernel::{Duration, Marking, Random, RandomStreams, Simulation, TieOrder};
use isotherm_platform::{DiskId, HostId};
use isotherm_services::{AtLimit, Eviction};

use crate::eviction::{ContainerEviction, LeastRecentlyUsed};
use crate::keep_alive::{Fixed, KeepAlive};
use crate::rules::{
    AfterFailure, ContainerReuse, OnFailure, OverheadRule, RoomRule, Rules, Throttle,
};
use crate::scheduler::{ByNode, Scheduler, WarmFirst};

/// A named set of rules and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preset {
    /// The rules of a well-behaved platform.
    #[default]
    Default,
    /// Reproduces the dates of the reference simulator (WRENCH).
    Wrench,
}

impl Preset {
    /// An empty simulation with the sharing and the tie order of the preset. A service of a preset
    /// should run in one.
    ///
    /// ```
    /// use isotherm_kernel::{Limits, Time};
    /// use isotherm_serverless::Preset;
    ///
    /// let limits = Limits { max_time: Some(Time::from_secs_f64(60.0)), ..Limits::default() };
    /// let simulation = Preset::Default.simulation().with_limits(limits);
    /// assert_eq!(simulation.run(), Ok(Time::ZERO));
    /// ```
    #[must_use]
    pub fn simulation(self) -> Simulation {
        Simulation::new().with_marking(self.marking()).with_tie_order(self.tie_order())
    }

    /// Which shares are computed anew when the latency of a flow ends.
    #[must_use]
    pub fn marking(self) -> Marking {
        match self {
            Preset::Default => Marking::Everything,
            Preset::Wrench => Marking::FirstResource,
        }
    }

    /// The order of activities of one model that end at the same date.
    #[must_use]
    pub fn tie_order(self) -> TieOrder {
        match self {
            Preset::Default => TieOrder::NewestFirst,
            Preset::Wrench => TieOrder::Reference,
        }
    }
}

impl Preset {
    /// The rules of the preset.
    #[must_use]
    pub fn rules(self) -> Rules {
        match self {
            Preset::Default => Rules {
                room: RoomRule::EvictIdleContainers,
                fcfs_looks_at_room: true,
                at_limit: AtLimit::Completed,
                overhead: OverheadRule::DelaysRequest,
                stale_timers_cause_rounds: false,
                starts_renew_images: true,
            },
            Preset::Wrench => Rules {
                room: RoomRule::Fail,
                fcfs_looks_at_room: false,
                at_limit: AtLimit::TimedOut,
                overhead: OverheadRule::BlocksService,
                stale_timers_cause_rounds: true,
                starts_renew_images: false,
            },
        }
    }

    /// The default for containers of failed invocations.
    #[must_use]
    pub fn on_failure(self) -> OnFailure {
        match self {
            Preset::Default => {
                OnFailure { timeout: AfterFailure::Discard, error: AfterFailure::Keep }
            }
            Preset::Wrench => OnFailure::KEEP,
        }
    }

    /// The default scheduler: [`WarmFirst`] in preset `default`,
    /// [`FcfsFullScan`](crate::scheduler::FcfsFullScan) in `wrench`.
    #[must_use]
    pub fn scheduler(self) -> Box<dyn Scheduler> {
        match self {
            Preset::Default => Box::new(ByNode::new(WarmFirst, true)),
            Preset::Wrench => self.rules().fcfs(),
        }
    }

    /// The default for which idle container serves.
    #[must_use]
    pub fn reuse(self) -> ContainerReuse {
        match self {
            Preset::Default => ContainerReuse::MostRecentlyUsed,
            Preset::Wrench => ContainerReuse::Oldest,
        }
    }
}

/// Which unused images are evicted when room is missing, at each level of the image cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageCaches {
    /// On the head disk. A copy to a node is a use.
    pub head: Eviction,
    /// On the disks of compute hosts. The start of a container counts as a use, whether or not the
    /// image was loaded for it. (A load makes the image the most recently used, but does not count
    /// as a further use.)
    pub disk: Eviction,
    /// In the memories of compute hosts. The start of a container counts as a use.
    pub memory: Eviction,
}

impl ImageCaches {
    /// The same at all levels.
    #[must_use]
    pub const fn all(eviction: Eviction) -> Self {
        ImageCaches { head: eviction, disk: eviction, memory: eviction }
    }
}

/// The least recently used everywhere.
impl Default for ImageCaches {
    fn default() -> Self {
        ImageCaches::all(Eviction::Lru)
    }
}

/// How many invocations a compute host may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Slots {
    /// As many as it has cores.
    #[default]
    Cores,
    /// This many.
    Count(u32),
    /// Any number: memory and disk alone limit it.
    Unlimited,
}

/// Where a host keeps images, and a compute host what its containers write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ImageDisk {
    /// On the disk at the mount point of the service: [`ServiceConfig::head_mount`] or
    /// [`ServiceConfig::node_mount`].
    #[default]
    Mounted,
    /// On this disk, of which it may use so many bytes. Data of a disk of another host cross the
    /// network.
    On {
        /// The disk.
        disk: DiskId,
        /// What it may use, in bytes.
        bytes: u64,
    },
    /// Nowhere: functions that need no room on a disk run there, and no others.
    Nowhere,
}

/// A compute host of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The host.
    pub host: HostId,
    /// Its slots.
    pub slots: Slots,
    /// Its disk.
    pub disk: ImageDisk,
}

/// One slot per core.
impl From<HostId> for NodeConfig {
    fn from(host: HostId) -> Self {
        NodeConfig { host, slots: Slots::Cores, disk: ImageDisk::Mounted }
    }
}

/// Sizes of the control messages of the service, in bytes. A message of 0 bytes costs no simulated
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Payloads {
    /// User to service: register a function.
    pub register_request: u64,
    /// Service to user: registered, or why not.
    pub register_answer: u64,
    /// User to service: invoke a function.
    pub invoke_request: u64,
    /// Service to user: accepted, or why not.
    pub invoke_answer: u64,
    /// Service to function manager: an invocation has ended.
    pub completion: u64,
}

/// The configuration of a serverless compute service.
///
/// All fields are public; the `with_*` methods allow to chain the differences from the
/// [defaults](Self::new).
///
/// ```
/// use isotherm_kernel::Duration;
/// use isotherm_platform::{Platform, PlatformBuilder};
/// use isotherm_serverless::keep_alive::Fixed;
/// use isotherm_serverless::{Preset, ServerlessComputeService, ServiceConfig, Slots};
/// use isotherm_services::Site;
///
/// let mut hosts = PlatformBuilder::new();
/// for name in ["head", "node0", "node1"] {
///     hosts.host(name, 1e9).cores(8).memory(16_000_000_000);
///     hosts.disk(name, "disk", 1e9, 1e9).size(1_000_000_000_000);
/// }
/// let simulation = Preset::Default.simulation();
/// let site = Site::new(Platform::new(&simulation.kernel(), hosts.build().unwrap())?);
/// let [head, node0, node1] = ["head", "node0", "node1"].map(|name| site.platform().host(name).unwrap());
///
/// let config = ServiceConfig::on_hosts(Preset::Default, head, [node0, node1])
///     .with_slots(Slots::Count(4))
///     .with_keep_alive(Fixed::new(Duration::from_secs(600)))
///     .with_startup(Duration::from_millis(300));
/// let service = ServerlessComputeService::start(&site, config)?;
/// assert_eq!(service.nodes(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ServiceConfig {
    /// The name of the service, for addresses, messages and reports.
    pub name: String,
    /// The head host.
    pub head: HostId,
    /// Where the head host's disk for images is mounted.
    pub head_mount: String,
    /// Which disk of the head host that is, if it is not the one mounted there.
    pub head_disk: ImageDisk,
    /// Where the compute hosts' disks are mounted.
    pub node_mount: String,
    /// The compute hosts, in the order in which schedulers see them.
    pub nodes: Vec<NodeConfig>,
    /// The scheduler.
    pub scheduler: Box<dyn Scheduler>,
    /// How long idle containers are kept.
    pub keep_alive: Box<dyn KeepAlive>,
    /// Which idle containers are evicted when their room is needed.
    pub eviction: Box<dyn ContainerEviction>,
    /// How many invocations may run at once, on all compute hosts together; `None`: any number.
    pub max_concurrency: Option<u32>,
    /// What happens to invocations beyond the limit of the service or of their function. With a
    /// limit of 0 they are always rejected.
    pub throttle: Throttle,
    /// What happens to the container of a failed invocation, unless its function has its own rule.
    pub on_failure: OnFailure,
    /// Which images are evicted when room is missing.
    pub image_caches: ImageCaches,
    /// Which idle container serves.
    pub reuse: ContainerReuse,
    /// The random stream of [`ContainerReuse::Random`]; by default the stream `reuse/random` of the
    /// seed 0.
    pub reuse_random: Random,
    /// The time the service needs to process an invocation request.
    pub processing_overhead: Duration,
    /// The start-up time of containers, unless their function has its own.
    pub startup_overhead: Duration,
    /// Whether downloads to the head disk take time; otherwise an image is there at once.
    pub simulate_downloads: bool,
    /// Chunk size of transfers between storages in bytes; `None`: one fluid stream.
    pub buffer_bytes: Option<u64>,
    /// Sizes of the control messages.
    pub payloads: Payloads,
    /// The rules in which presets differ.
    pub rules: Rules,
}

impl ServiceConfig {
    /// The defaults of a preset: its rules and scheduler, no keep-alive, least-recently-used
    /// eviction, no overheads, and messages of no size.
    #[must_use]
    pub fn new(preset: Preset, head: HostId, nodes: Vec<NodeConfig>) -> Self {
        let rules = preset.rules();
        ServiceConfig {
            name: "serverless".to_owned(),
            head,
            head_mount: "/".to_owned(),
            head_disk: ImageDisk::Mounted,
            node_mount: "/".to_owned(),
            nodes,
            scheduler: preset.scheduler(),
            keep_alive: Box::new(Fixed::new(Duration::ZERO)),
            eviction: Box::new(LeastRecentlyUsed),
            max_concurrency: None,
            throttle: Throttle::default(),
            image_caches: ImageCaches::default(),
            on_failure: preset.on_failure(),
            reuse: preset.reuse(),
            reuse_random: RandomStreams::new(0).stream("reuse/random"),
            processing_overhead: Duration::ZERO,
            startup_overhead: Duration::ZERO,
            simulate_downloads: true,
            buffer_bytes: None,
            payloads: Payloads::default(),
            rules,
        }
    }

    /// Like [`new`](Self::new), with a slot for each core of the compute hosts.
    pub fn on_hosts(preset: Preset, head: HostId, nodes: impl IntoIterator<Item = HostId>) -> Self {
        Self::new(preset, head, nodes.into_iter().map(NodeConfig::from).collect())
    }

    /// Sets the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the slots of all compute hosts.
    #[must_use]
    pub fn with_slots(mut self, slots: Slots) -> Self {
        for node in &mut self.nodes {
            node.slots = slots;
        }
        self
    }

    /// Sets the scheduler.
    #[must_use]
    pub fn with_scheduler(mut self, scheduler: impl Scheduler + 'static) -> Self {
        self.scheduler = Box::new(scheduler);
        self
    }

    /// Sets the keep-alive policy.
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: impl KeepAlive + 'static) -> Self {
        self.keep_alive = Box::new(keep_alive);
        self
    }

    /// Sets the eviction policy of containers.
    #[must_use]
    pub fn with_eviction(mut self, eviction: impl ContainerEviction + 'static) -> Self {
        self.eviction = Box::new(eviction);
        self
    }

    /// Limits how many invocations run at once, and sets what happens to further ones.
    #[must_use]
    pub fn with_max_concurrency(mut self, limit: u32, throttle: Throttle) -> Self {
        (self.max_concurrency, self.throttle) = (Some(limit), throttle);
        self
    }

    /// Sets which images are evicted when room is missing.
    #[must_use]
    pub fn with_image_caches(mut self, image_caches: ImageCaches) -> Self {
        self.image_caches = image_caches;
        self
    }

    /// Sets which idle container serves.
    #[must_use]
    pub fn with_reuse(mut self, reuse: ContainerReuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// Lets a container drawn at random serve.
    #[must_use]
    pub fn with_random_reuse(mut self, random: Random) -> Self {
        (self.reuse, self.reuse_random) = (ContainerReuse::Random, random);
        self
    }

    /// Sets what happens to the container of a failed invocation.
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets the start-up time of containers.
    #[must_use]
    pub fn with_startup(mut self, startup: Duration) -> Self {
        self.startup_overhead = startup;
        self
    }

    /// Sets the sizes of the control messages.
    #[must_use]
    pub fn with_payloads(mut self, payloads: Payloads) -> Self {
        self.payloads = payloads;
        self
    }
}
