//! The record of an ended invocation, and the sinks that records are given to.

use std::sync::Arc;

use isotherm_kernel::{Duration, Time};
use isotherm_services::FailureCause;

use crate::{ContainerId, FunctionId, InvocationId, NodeId, StopReason};

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The body ran to its end within its time limit.
    Completed,
    /// The time limit was reached while the body ran.
    TimedOut,
    /// Something failed: the image download, the body, its host. The cause says what.
    Failed,
    /// The user cancelled it before it ended.
    Cancelled,
    /// The service rejected it because of a concurrency limit.
    Rejected,
}

impl Outcome {
    /// All outcomes, in the order in which they are reported.
    pub const ALL: [Outcome; 5] = [
        Outcome::Completed,
        Outcome::TimedOut,
        Outcome::Failed,
        Outcome::Cancelled,
        Outcome::Rejected,
    ];

    /// The name in files and tables: `completed`, `timed_out`, `failed`, `cancelled`, `rejected`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::TimedOut => "timed_out",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::Rejected => "rejected",
        }
    }
}

/// Whether an invocation had to wait for its container to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StartKind {
    /// A new container was started for it, or the container was started ahead and was still
    /// starting.
    Cold,
    /// An idle container that was ready served it.
    Warm,
}

impl StartKind {
    /// The name in files and tables: `cold` or `warm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StartKind::Cold => "cold",
            StartKind::Warm => "warm",
        }
    }
}

/// Why an invocation had a cold start: the first of these that held when it was dispatched, before
/// a container was taken or started for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColdReason {
    /// It joined a container that was still starting.
    Starting,
    /// It joined a container that had been started ahead and was still starting; or an invocation
    /// of the function, since its last container ended, came before the start that was planned and
    /// so cancelled it.
    PrewarmLate,
    /// A container of the function on a running node had a free place.
    Elsewhere,
    /// There was a container of the function.
    Busy,
    /// A container was to be started ahead, since the last one of the function ended, but there was
    /// no room.
    PrewarmSkipped,
    /// The last container of the function was lost with its host or left with its node.
    Lost,
    /// It was evicted.
    Evicted,
    /// Its keep-alive time had passed.
    Expired,
    /// It was discarded after a failure.
    Discarded,
    /// The keep-alive policy did not keep it, or the scheduler stopped it.
    NotKept,
    /// The function had never had a container.
    First,
}

impl ColdReason {
    /// All reasons, in the order in which they are looked for; [`PrewarmLate`](Self::PrewarmLate)
    /// is looked for before [`Starting`](Self::Starting) and, its other case, after
    /// [`Busy`](Self::Busy).
    pub const ALL: [ColdReason; 11] = [
        ColdReason::Starting,
        ColdReason::PrewarmLate,
        ColdReason::Elsewhere,
        ColdReason::Busy,
        ColdReason::PrewarmSkipped,
        ColdReason::Lost,
        ColdReason::Evicted,
        ColdReason::Expired,
        ColdReason::Discarded,
        ColdReason::NotKept,
        ColdReason::First,
    ];

    /// The name in files and tables, such as `prewarm_late`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ColdReason::Starting => "starting",
            ColdReason::PrewarmLate => "prewarm_late",
            ColdReason::Elsewhere => "elsewhere",
            ColdReason::Busy => "busy",
            ColdReason::PrewarmSkipped => "prewarm_skipped",
            ColdReason::Lost => "lost",
            ColdReason::Evicted => "evicted",
            ColdReason::Expired => "expired",
            ColdReason::Discarded => "discarded",
            ColdReason::NotKept => "not_kept",
            ColdReason::First => "first",
        }
    }
}

/// Why an invocation had a cold start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColdStart {
    /// The reason.
    pub reason: ColdReason,
    /// The container of the function that had ended last; `None` if none had.
    pub last_gone: Option<LastGone>,
}

/// The end of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastGone {
    /// When it ended.
    pub at: Time,
    /// Why.
    pub cause: StopReason,
    /// Name of the function for whose container it was evicted, or for whose image; `None` if it
    /// was not evicted, or if no sink reads names.
    pub evicted_for: Option<Arc<str>>,
}

/// What an invocation may have waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WaitedFor {
    /// Its turn at a concurrency limit.
    Concurrency,
    /// The download of its image to the head disk.
    Download,
    /// The copy of its image to the disk of its node.
    Copy,
    /// The load of its image into the memory of its node.
    Load,
    /// A slot or room on a node, or invocations that are served before it.
    Place,
    /// The start-up of its container.
    StartUp,
}

impl WaitedFor {
    /// The name in files and tables: `concurrency`, `download`, `copy`, `load`, `place`,
    /// `start_up`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WaitedFor::Concurrency => "concurrency",
            WaitedFor::Download => "download",
            WaitedFor::Copy => "copy",
            WaitedFor::Load => "load",
            WaitedFor::Place => "place",
            WaitedFor::StartUp => "start_up",
        }
    }
}

/// The record of one invocation. Dates that it never reached are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct InvocationRecord {
    /// The id of the invocation, counted from 0 in the order of submission.
    pub id: InvocationId,
    /// Which attempt of the invocation this is, counted from 1. All attempts have the id of the
    /// invocation. So far nothing is tried again, and every record is that of the first attempt.
    pub attempt: u32,
    /// Name of the function.
    pub function: Arc<str>,
    /// Its number.
    pub function_id: FunctionId,
    /// Name of its app, which is its own if it belongs to none.
    pub app: Arc<str>,
    /// Name of the function's image, if it has one.
    pub image: Option<Arc<str>>,
    /// When the service accepted the invocation.
    pub submitted: Time,
    /// When its image was on the head disk, so that the invocation was schedulable.
    pub admitted: Option<Time>,
    /// When it was dispatched to a container.
    pub dispatched: Option<Time>,
    /// When its body began.
    pub started: Option<Time>,
    /// When its body ended; `None` if the body never began or was killed by its time limit.
    pub ended: Option<Time>,
    /// When the invocation ended, in whichever way. Not before any other date.
    pub finished: Time,
    /// How it ended.
    pub outcome: Outcome,
    /// The cause, if it did not complete.
    pub cause: Option<FailureCause>,
    /// Name of the compute host that ran it, if it was dispatched.
    pub node: Option<Arc<str>>,
    /// Its number.
    pub node_id: Option<NodeId>,
    /// The container that served it, if it was dispatched.
    pub container: Option<ContainerId>,
    /// Cold or warm, if it was dispatched.
    pub start_kind: Option<StartKind>,
    /// Why it had a cold start, if it had one.
    pub cold_start: Option<ColdStart>,
    /// Time spent waiting at a concurrency limit.
    pub throttle_wait: Duration,
    /// Time spent waiting for the download of the image to the head disk (submitted to admitted).
    pub download_wait: Duration,
    /// Time, after admission, during which the image was being copied to the node that ran the
    /// invocation.
    pub copy_wait: Duration,
    /// Time, after admission, during which the image was being loaded into the memory of the node
    /// that ran it.
    pub load_wait: Duration,
}

impl InvocationRecord {
    /// The queueing time: the time until dispatch that was not spent downloading, copying or
    /// loading the image. It consists of the wait at concurrency limits before admission and the
    /// wait for a slot, for room or for earlier invocations after it.
    #[must_use]
    pub fn queue(&self) -> Duration {
        match (self.admitted, self.dispatched) {
            (Some(admitted), Some(dispatched)) => {
                let waited = dispatched.since(admitted);
                waited.saturating_sub(self.copy_wait).saturating_sub(self.load_wait)
                    + self.throttle_wait
            }
            _ => Duration::ZERO,
        }
    }

    /// Time from dispatch to the start of the body.
    #[must_use]
    pub fn startup(&self) -> Option<Duration> {
        Some(self.started?.since(self.dispatched?))
    }

    /// What it has waited for the longest until its body began; of waits that are equally long, the
    /// first in the order of [`WaitedFor`]. `None` if it has not waited, or was never dispatched.
    #[must_use]
    pub fn waited_for(&self) -> Option<WaitedFor> {
        self.dispatched?;
        let mut longest = (None, Duration::ZERO);
        for (what, wait) in self.waits() {
            if wait > longest.1 {
                longest = (Some(what), wait);
            }
        }
        longest.0
    }

    /// How long it has waited for each thing until its body began, in the order of [`WaitedFor`].
    #[must_use]
    pub fn waits(&self) -> [(WaitedFor, Duration); 6] {
        [
            (WaitedFor::Concurrency, self.throttle_wait),
            (WaitedFor::Download, self.download_wait),
            (WaitedFor::Copy, self.copy_wait),
            (WaitedFor::Load, self.load_wait),
            (WaitedFor::Place, self.queue().saturating_sub(self.throttle_wait)),
            (WaitedFor::StartUp, self.startup().unwrap_or_default()),
        ]
    }

    /// Time from the start of the body to its end; for a killed body, until the service was
    /// notified. This is immediate, except under [`Preset::Wrench`](crate::Preset::Wrench) while
    /// the service is blocked by the processing overhead of a request, as in the reference.
    #[must_use]
    pub fn execution(&self) -> Option<Duration> {
        Some(self.ended.unwrap_or(self.finished).since(self.started?))
    }

    /// Time from submission to the end of the invocation.
    #[must_use]
    pub fn response(&self) -> Duration {
        self.finished.since(self.submitted)
    }
}

/// A consumer of records. It gets the record of each invocation when this ends.
///
/// A sink cannot stop a simulation: if writing may fail, it must keep its first error and report it
/// when it is closed.
///
/// ```
/// use isotherm_kernel::Duration;
/// use isotherm_serverless::{InvocationRecord, RecordSink};
///
/// /// The slowest response so far. Give it to a service with `records_to(Rc::new(RefCell::new(slowest)))`.
/// #[derive(Default)]
/// struct Slowest(Duration);
///
/// impl RecordSink for Slowest {
///     fn record(&mut self, record: &InvocationRecord) {
///         self.0 = self.0.max(record.response());
///     }
/// }
/// ```
pub trait RecordSink {
    /// Takes the record of an invocation that has just ended.
    fn record(&mut self, record: &InvocationRecord);

    /// Whether it reads the names in records: function, image and node. If no sink of a service
    /// does when it is added, records of detached invocations leave them out (the name of the
    /// function is then empty), which saves a look-up per invocation.
    fn wants_names(&self) -> bool {
        true
    }
}

/// A sink chosen at run time.
#[warn(clippy::missing_trait_methods)]
impl<S: RecordSink + ?Sized> RecordSink for Box<S> {
    fn record(&mut self, record: &InvocationRecord) {
        (**self).record(record);
    }

    fn wants_names(&self) -> bool {
        (**self).wants_names()
    }
}

impl RecordSink for Vec<InvocationRecord> {
    fn record(&mut self, record: &InvocationRecord) {
        self.push(record.clone());
    }
}
