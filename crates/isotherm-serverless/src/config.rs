//! How a serverless compute service is set up: its hosts, its policies, and the rules in which
//! presets differ.

use isotherm_kernel::{Duration, Marking, Random, RandomStreams, Simulation, TieOrder};
use isotherm_platform::HostId;
use isotherm_services::{AtLimit, Eviction};

use crate::eviction::{ContainerEviction, LeastRecentlyUsed};
use crate::keep_alive::{Fixed, KeepAlive};
use crate::scheduler::{ByNode, Fcfs, Scheduler, WarmFirst};

/// A set of rules and defaults to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preset {
    /// What a platform should do.
    #[default]
    Default,
    /// Reproduces the dates of the reference simulator (WRENCH).
    Wrench,
}

impl Preset {
    /// An empty simulation that shares resources and orders equals as the preset does: where a
    /// service of a preset belongs.
    ///
    /// ```
    /// use isotherm_kernel::{Limits, Time};
    /// use isotherm_serverless::Preset;
    ///
    /// let limits = Limits { max_time: Some(Time::from_secs_f64(60.0)), ..Limits::default() };
    /// let simulation = Preset::Default.simulation().with_limits(limits);
    /// assert_eq!(simulation.run(), Ok(Time::ZERO));
    /// ```
    pub fn simulation(self) -> Simulation {
        Simulation::new().with_marking(self.marking()).with_tie_order(self.tie_order())
    }

    /// What is solved anew when the latency of a flow ends.
    pub fn marking(self) -> Marking {
        match self {
            Preset::Default => Marking::Everything,
            Preset::Wrench => Marking::FirstResource,
        }
    }

    /// What comes first among things of one model that end at the same date.
    pub fn tie_order(self) -> TieOrder {
        match self {
            Preset::Default => TieOrder::NewestFirst,
            Preset::Wrench => TieOrder::Reference,
        }
    }
}

/// The rules in which presets differ; see the table in ARCHITECTURE.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What an image copy or load does that finds no room on a node.
    pub room: RoomRule,
    /// Whether the scheduler FCFS prefers nodes that have room for the container.
    pub fcfs_looks_at_room: bool,
    /// What becomes of a body that ends exactly at its time limit.
    pub at_limit: AtLimit,
    /// Whom the processing overhead of a request delays.
    pub overhead: OverheadRule,
    /// Whether the timer of an idle container that was reused meanwhile still causes a scheduling
    /// round.
    pub stale_timers_cause_rounds: bool,
    /// Whether the start of a container makes its image the most recently used, on the node's disk
    /// and in its memory. Otherwise only copies and loads do; policies that count uses count starts
    /// in any case.
    pub starts_renew_images: bool,
}

/// What an image copy or load does that finds no room on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomRule {
    /// It fails, and its failure causes no scheduling round; it is tried again in the next one.
    Fail,
    /// It evicts idle containers by the eviction policy; if that is not enough, it waits until room
    /// may have come.
    EvictIdleContainers,
}

/// Whom the processing overhead of a request delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverheadRule {
    /// The service: it does nothing else meanwhile.
    BlocksService,
    /// That request alone.
    DelaysRequest,
}

impl Preset {
    /// The rules of the preset.
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

    /// What becomes of the container of an invocation that has failed, if nothing else is said.
    pub fn on_failure(self) -> OnFailure {
        match self {
            Preset::Default => {
                OnFailure { timeout: AfterFailure::Discard, error: AfterFailure::Keep }
            }
            Preset::Wrench => OnFailure::KEEP,
        }
    }

    /// Who decides what goes where, if nothing else is said: [`WarmFirst`] in preset `default`,
    /// [`Fcfs`] in `wrench`.
    pub fn scheduler(self) -> Box<dyn Scheduler> {
        match self {
            Preset::Default => Box::new(ByNode::new(WarmFirst, true)),
            Preset::Wrench => Box::new(Fcfs::new(self.rules().fcfs_looks_at_room)),
        }
    }

    /// Which idle container serves, if nothing else is said.
    pub fn reuse(self) -> ContainerReuse {
        match self {
            Preset::Default => ContainerReuse::MostRecentlyUsed,
            Preset::Wrench => ContainerReuse::Oldest,
        }
    }
}

/// What becomes of invocations that come when as many are running as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Throttle {
    /// They wait in line.
    #[default]
    Queue,
    /// They are refused: their outcome is [`Outcome::Rejected`](crate::Outcome::Rejected), with the
    /// cause [`Throttled`](isotherm_services::FailureCause::Throttled).
    Reject,
}

/// What becomes of a container when an invocation in it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It serves again.
    Keep,
    /// It takes no further invocation, and stops as soon as it serves nobody.
    Discard,
}

/// What becomes of the container of an invocation that has failed, by how it has.
///
/// Platforms that run one invocation at a time in a container throw it away when that has run into
/// its time limit, since what goes on in it is not known, but keep it when the function has only
/// reported an error. AWS Lambda resets the execution environment when a function crashes or times
/// out (*Lambda Developer Guide*, "Understanding the Lambda execution environment lifecycle",
/// failures during the invoke phase), and OpenWhisk removes the container after a time-out
/// (apache/openwhisk#1554) and keeps it after an application error (#3918). That is the rule of
/// [`Preset::Default`]. The reference simulator keeps all of them ([`Preset::Wrench`]).
///
/// A container whose host has failed is gone in any case; one whose invocation was cancelled is
/// kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnFailure {
    /// It ran into its time limit.
    pub timeout: AfterFailure,
    /// Its body failed: by its own account, or by what it read, wrote or invoked.
    pub error: AfterFailure,
}

impl OnFailure {
    /// Containers are kept.
    pub const KEEP: OnFailure =
        OnFailure { timeout: AfterFailure::Keep, error: AfterFailure::Keep };
    /// Containers are discarded.
    pub const DISCARD: OnFailure =
        OnFailure { timeout: AfterFailure::Discard, error: AfterFailure::Discard };
}

/// Which of several containers of a function on a node that can take an invocation serves the next
/// one: idle ones, and where containers serve [several at once](crate::Function::with_concurrency)
/// those that have a place left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerReuse {
    /// The one that was created last.
    Newest,
    /// The one that was created first.
    Oldest,
    /// The one that has been idle for longest; where containers serve several at once, the one
    /// whose last invocation was given to it first.
    LeastRecentlyUsed,
    /// The one that became idle last; where containers serve several at once, the one that was
    /// given an invocation last.
    MostRecentlyUsed,
    /// One drawn at random, each with the same probability, from [`ServiceConfig::reuse_random`].
    Random,
}

/// Which images that nobody uses go when room is missing, at each level of the caches of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageCaches {
    /// On the head disk. A copy to a node is a use.
    pub head: Eviction,
    /// On the disks of compute hosts. The start of a container is a use, whether the image has to
    /// be loaded for it or is in memory already. (A load makes it the most recently used, too, but
    /// does not count as a use of its own.)
    pub disk: Eviction,
    /// In the memories of compute hosts. The start of a container is a use.
    pub memory: Eviction,
}

impl ImageCaches {
    /// The same at all levels.
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

/// A compute host of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The host.
    pub host: HostId,
    /// Its slots.
    pub slots: Slots,
}

/// With a slot for each core.
impl From<HostId> for NodeConfig {
    fn from(host: HostId) -> Self {
        NodeConfig { host, slots: Slots::Cores }
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
    /// Service to user: taken in, or why not.
    pub invoke_answer: u64,
    /// Service to function manager: an invocation has ended.
    pub completion: u64,
}

/// Everything a serverless compute service is told at its start.
///
/// All fields are public; the methods are for writing down in one go what differs from the
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
    /// Name of the service, for messages and reports.
    pub name: String,
    /// The head host.
    pub head: HostId,
    /// Where the head host's disk for images is mounted.
    pub head_mount: String,
    /// Where the compute hosts' disks are mounted.
    pub node_mount: String,
    /// The compute hosts, in the order in which schedulers see them.
    pub nodes: Vec<NodeConfig>,
    /// Decides what goes where.
    pub scheduler: Box<dyn Scheduler>,
    /// Decides how long an idle container is kept.
    pub keep_alive: Box<dyn KeepAlive>,
    /// Decides which idle containers go when their room is needed.
    pub eviction: Box<dyn ContainerEviction>,
    /// How many invocations may run at once, on all compute hosts together; `None`: any number.
    pub max_concurrency: Option<u32>,
    /// What becomes of invocations for which there is no more concurrency, of the service or of
    /// their function. Where none is ever given (a limit of 0) they are rejected in any case.
    pub throttle: Throttle,
    /// What becomes of the container of an invocation that has failed, unless its function says
    /// otherwise.
    pub on_failure: OnFailure,
    /// Which images go when room is missing.
    pub image_caches: ImageCaches,
    /// Which idle container serves.
    pub reuse: ContainerReuse,
    /// What [`ContainerReuse::Random`] draws from; unless it is said, the stream `reuse/random` of
    /// the seed 0.
    pub reuse_random: Random,
    /// Time the service needs for each invocation request.
    pub processing_overhead: Duration,
    /// Time a container needs to start, unless its function says otherwise.
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
    /// A service with the rules and the scheduler of a preset, containers that stop at once when
    /// they are idle, eviction of the least recently used, no overheads and messages of no size.
    pub fn new(preset: Preset, head: HostId, nodes: Vec<NodeConfig>) -> Self {
        let rules = preset.rules();
        ServiceConfig {
            name: "serverless".to_owned(),
            head,
            head_mount: "/".to_owned(),
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

    /// A service as [`new`](Self::new) makes it, with a slot for each core of its compute hosts.
    pub fn on_hosts(preset: Preset, head: HostId, nodes: impl IntoIterator<Item = HostId>) -> Self {
        Self::new(preset, head, nodes.into_iter().map(NodeConfig::from).collect())
    }

    /// Another name.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same slots on all compute hosts.
    pub fn with_slots(mut self, slots: Slots) -> Self {
        for node in &mut self.nodes {
            node.slots = slots;
        }
        self
    }

    /// Another scheduler.
    pub fn with_scheduler(mut self, scheduler: impl Scheduler + 'static) -> Self {
        self.scheduler = Box::new(scheduler);
        self
    }

    /// Another keep-alive policy.
    pub fn with_keep_alive(mut self, keep_alive: impl KeepAlive + 'static) -> Self {
        self.keep_alive = Box::new(keep_alive);
        self
    }

    /// Another eviction policy.
    pub fn with_eviction(mut self, eviction: impl ContainerEviction + 'static) -> Self {
        self.eviction = Box::new(eviction);
        self
    }

    /// At most so many invocations at once, and what becomes of those that come beyond.
    pub fn with_max_concurrency(mut self, most: u32, throttle: Throttle) -> Self {
        (self.max_concurrency, self.throttle) = (Some(most), throttle);
        self
    }

    /// Another rule for which images go when room is missing.
    pub fn with_image_caches(mut self, image_caches: ImageCaches) -> Self {
        self.image_caches = image_caches;
        self
    }

    /// Another rule for which idle container serves.
    pub fn with_reuse(mut self, reuse: ContainerReuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// One container drawn at random serves.
    pub fn with_random_reuse(mut self, random: Random) -> Self {
        (self.reuse, self.reuse_random) = (ContainerReuse::Random, random);
        self
    }

    /// Another rule for what becomes of the container of an invocation that has failed.
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Another time that a container needs to start.
    pub fn with_startup(mut self, startup: Duration) -> Self {
        self.startup_overhead = startup;
        self
    }

    /// Other sizes of the control messages.
    pub fn with_payloads(mut self, payloads: Payloads) -> Self {
        self.payloads = payloads;
        self
    }
}
