//! What the platform does where the presets differ, or a configuration says so.

use isotherm_services::AtLimit;

/// The rules in which presets differ; `docs/concepts.md` has a table of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What happens to an image copy or load if the node has no room for it.
    pub room: RoomRule,
    /// Whether `fcfs` chooses only nodes that have room for the container: see
    /// [`fcfs`](Self::fcfs).
    pub fcfs_looks_at_room: bool,
    /// What becomes of a body that ends exactly at its time limit.
    pub at_limit: AtLimit,
    /// What the processing overhead of a request delays.
    pub overhead: OverheadRule,
    /// Whether the keep-alive timer of a container that was reused meanwhile causes a scheduling
    /// round.
    pub stale_timers_cause_rounds: bool,
    /// Whether the start of a container makes its image the most recently used, on the node's disk
    /// and in its memory. Otherwise only copies and loads do; policies that count uses always count
    /// starts.
    pub starts_renew_images: bool,
}

/// What happens to an image copy or load if the node has no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomRule {
    /// It fails, which causes no scheduling round; the next round tries again.
    Fail,
    /// It evicts idle containers by the eviction policy. If that is not enough, it waits until room
    /// may be available.
    EvictIdleContainers,
}

/// What the processing overhead of a request delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverheadRule {
    /// The service, which handles nothing else meanwhile.
    BlocksService,
    /// Only that request.
    DelaysRequest,
}

/// What happens to invocations beyond a concurrency limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Throttle {
    /// They wait.
    #[default]
    Queue,
    /// They end with the outcome [`Outcome::Rejected`](crate::Outcome::Rejected) and the cause
    /// [`Throttled`](isotherm_services::FailureCause::Throttled).
    Reject,
}

/// What happens to the container of a failed invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It stays in use.
    Keep,
    /// It gets no further invocation, and stops when it serves none.
    Discard,
}

/// What happens to the container of a failed invocation, by the kind of failure.
///
/// Platforms that run one invocation at a time in a container discard it after a time-out, since
/// its processes are in an unknown state, but keep it after an error that the function reports. AWS
/// Lambda resets the execution environment when a function crashes or times out (*Lambda Developer
/// Guide*, "Understanding the Lambda execution environment lifecycle", failures during the invoke
/// phase), and OpenWhisk removes the container after a time-out (apache/openwhisk#1554) and keeps
/// it after an application error (#3918). [`Preset::Default`](crate::Preset::Default) does this;
/// the reference simulator keeps all containers ([`Preset::Wrench`](crate::Preset::Wrench)).
///
/// A container whose host has failed is always gone; that of a cancelled invocation is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnFailure {
    /// The invocation exceeded its time limit.
    pub timeout: AfterFailure,
    /// The body failed: it returned an error, or a read, a write or an invocation in it failed.
    pub error: AfterFailure,
}

impl OnFailure {
    /// All containers are kept.
    pub const KEEP: OnFailure =
        OnFailure { timeout: AfterFailure::Keep, error: AfterFailure::Keep };
    /// All containers are discarded.
    pub const DISCARD: OnFailure =
        OnFailure { timeout: AfterFailure::Discard, error: AfterFailure::Discard };
}

/// Which container of a function serves the next invocation, if several can: idle ones, and those
/// that serve [several at once](crate::Function::with_concurrency) and have capacity left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerReuse {
    /// The one that was created last.
    Newest,
    /// The one that was created first.
    Oldest,
    /// The one that has been idle for longest. If containers serve several invocations at once, the
    /// one whose last dispatch is the earliest.
    LeastRecentlyUsed,
    /// The one that became idle last. If containers serve several invocations at once, the one
    /// whose last dispatch is the latest.
    MostRecentlyUsed,
    /// One drawn uniformly at random from [`reuse_random`](crate::ServiceConfig::reuse_random).
    Random,
}
