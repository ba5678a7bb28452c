//! What is left of an invocation when it has ended: one plain record, given to a [`RecordSink`].

use std::sync::Arc;

use isotherm_kernel::{Duration, Time};
use isotherm_services::FailureCause;

use crate::{ContainerId, InvocationId};

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
    /// The service refused it.
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

    /// The word used in files and tables: `completed`, `timed_out`, `failed`, `cancelled`,
    /// `rejected`.
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

/// Whether an invocation had to wait until its container had started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StartKind {
    /// A new container was started for the invocation, or one that was started before was still
    /// starting.
    Cold,
    /// An idle container served it, and was ready.
    Warm,
}

impl StartKind {
    /// The word used in files and tables: `cold` or `warm`.
    pub fn name(self) -> &'static str {
        match self {
            StartKind::Cold => "cold",
            StartKind::Warm => "warm",
        }
    }
}

/// The life of one invocation, complete. Dates that were never reached are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct InvocationRecord {
    /// Number of the invocation, counted from 0 in the order of submission.
    pub id: InvocationId,
    /// Name of the function.
    pub function: Arc<str>,
    /// Name of the function's image, if it has one.
    pub image: Option<Arc<str>>,
    /// When the service took the invocation in.
    pub submitted: Time,
    /// When its image was on the head disk, so that it could be scheduled.
    pub admitted: Option<Time>,
    /// When it was given to a container.
    pub dispatched: Option<Time>,
    /// When its body began.
    pub started: Option<Time>,
    /// When its body ended; `None` if the body never began or was killed by its time limit.
    pub ended: Option<Time>,
    /// When the platform was done with the invocation, however it ended. Never before any other
    /// date.
    pub finished: Time,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not complete, if it did not.
    pub cause: Option<FailureCause>,
    /// Name of the compute host that ran it, if it was dispatched.
    pub node: Option<Arc<str>>,
    /// The container that served it, if it was dispatched.
    pub container: Option<ContainerId>,
    /// Cold or warm, if it was dispatched.
    pub start_kind: Option<StartKind>,
    /// Time for which it waited in line, because as many invocations were running as may.
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
    /// Time until dispatch that was spent neither downloading, copying nor loading the image: in
    /// line for concurrency before admission, and waiting for a slot, for room or for its turn
    /// after it.
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
    pub fn startup(&self) -> Option<Duration> {
        Some(self.started?.since(self.dispatched?))
    }

    /// Time from the start of the body to its end; of one that was killed, until the service heard
    /// of it. That is at once, but under [`Preset::Wrench`](crate::Preset::Wrench) a service that
    /// processes a request hears of nothing, as in the reference.
    pub fn execution(&self) -> Option<Duration> {
        Some(self.ended.unwrap_or(self.finished).since(self.started?))
    }

    /// Time from submission until the platform was done with the invocation.
    pub fn response(&self) -> Duration {
        self.finished.since(self.submitted)
    }
}

/// Where finished invocations go, one after the other, in the order in which they end.
///
/// A sink cannot stop a simulation: one that writes to something that may fail keeps its first
/// error and reports it when it is closed.
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

    /// Whether it looks at the names in records: of function, image and node. If no sink of a
    /// service does when it is added, those of invocations that nobody has a handle on are left
    /// out: that of the function is empty then. Looking them up for millions of invocations takes
    /// time.
    fn wants_names(&self) -> bool {
        true
    }
}

impl RecordSink for Vec<InvocationRecord> {
    fn record(&mut self, record: &InvocationRecord) {
        self.push(record.clone());
    }
}
