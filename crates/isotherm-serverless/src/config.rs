//! How a serverless compute service is set up: its hosts, its policies, and the rules in which presets differ.

use isotherm_kernel::Duration;
use isotherm_platform::HostId;
use isotherm_services::AtLimit;

use crate::eviction::{ContainerEviction, LeastRecentlyUsed};
use crate::keep_alive::{Fixed, KeepAlive};
use crate::scheduler::{Fcfs, Scheduler};

/// A set of rules and defaults to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preset {
    /// What a platform should do.
    #[default]
    Default,
    /// Reproduces the dates of the reference simulator (WRENCH).
    Wrench,
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
    /// Whether the timer of an idle container that was reused meanwhile still causes a scheduling round.
    pub stale_timers_cause_rounds: bool,
}

/// What an image copy or load does that finds no room on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomRule {
    /// It fails, and its failure causes no scheduling round; it is tried again in the next one.
    Fail,
    /// It evicts idle containers by the eviction policy; if that is not enough, it waits until room may have come.
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
            },
            Preset::Wrench => Rules {
                room: RoomRule::Fail,
                fcfs_looks_at_room: false,
                at_limit: AtLimit::TimedOut,
                overhead: OverheadRule::BlocksService,
                stale_timers_cause_rounds: true,
            },
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

/// Which of several idle containers of a function on a node serves the next invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerReuse {
    /// The one that was created last.
    Newest,
    /// The one that was created first.
    Oldest,
    /// The one that has been idle for longest.
    LeastRecentlyUsed,
    /// The one that became idle last.
    MostRecentlyUsed,
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

/// Sizes of the control messages of the service, in bytes. A message of 0 bytes costs no simulated time.
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
    /// Which idle container serves.
    pub reuse: ContainerReuse,
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
    /// A service with the rules of a preset, the scheduler FCFS, containers that stop at once when they are idle,
    /// eviction of the least recently used, no overheads and messages of no size.
    pub fn new(preset: Preset, head: HostId, nodes: Vec<NodeConfig>) -> Self {
        let rules = preset.rules();
        ServiceConfig {
            name: "serverless".to_owned(),
            head,
            head_mount: "/".to_owned(),
            node_mount: "/".to_owned(),
            nodes,
            scheduler: Box::new(Fcfs::new(rules.fcfs_looks_at_room)),
            keep_alive: Box::new(Fixed::new(Duration::ZERO)),
            eviction: Box::new(LeastRecentlyUsed),
            reuse: preset.reuse(),
            processing_overhead: Duration::ZERO,
            startup_overhead: Duration::ZERO,
            simulate_downloads: true,
            buffer_bytes: None,
            payloads: Payloads::default(),
            rules,
        }
    }
}
