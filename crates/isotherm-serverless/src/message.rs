//! The messages of the serverless platform.
//!
//! | message | from | to | payload |
//! |---|---|---|---|
//! | `register_request`, `register_answer` | function manager ↔ service | | configured |
//! | `invoke_request`, `invoke_answer` | function manager ↔ service | | configured |
//! | `completion` | service | function manager | configured; one at a time |
//! | `cancel_request`, `cancel_answer`, `stop_request`, `stop_answer` | function manager ↔ service | | 0 |
//! | `download_ended`, `copy_ended`, `load_ended`, `body_ended`, `idle_timeout`, `host_changed` | helpers of the service | service | 0 |
//! | `wait_request`, `wait_answer` | user ↔ function manager | | 0 |

use std::rc::Rc;

use isotherm_kernel::Duration;
use isotherm_services::{FailureCause, Message, Port};

use crate::function::{Body, Function};
use crate::invocation::{Invocation, Waiter};
use crate::state::BodyEnd;
use crate::{ContainerId, FunctionId, ImageId, InvocationId, Limits, NodeId};

/// What a service is asked and told.
pub(crate) enum Request {
    Register {
        function: Function,
        limits: Limits,
        reply: Port<Answer<FunctionId>>,
    },
    Invoke {
        function: FunctionId,
        body: Option<Body>,
        reply: Port<Answer<Invocation>>,
        manager: Port<ManagerMessage>,
        /// Whether the processing overhead of the request has already passed.
        processed: bool,
    },
    Cancel {
        invocation: InvocationId,
        reply: Port<Answer<bool>>,
    },
    Stop {
        reply: Port<Answer<()>>,
    },
    DownloadEnded {
        image: ImageId,
        result: Result<(), FailureCause>,
    },
    CopyEnded {
        node: NodeId,
        image: ImageId,
        result: Result<(), FailureCause>,
    },
    LoadEnded {
        node: NodeId,
        image: ImageId,
        result: Result<(), FailureCause>,
    },
    BodyEnded {
        invocation: InvocationId,
        end: BodyEnd,
    },
    IdleTimeout {
        container: ContainerId,
        idle_sequence: u64,
    },
    HostChanged {
        node: NodeId,
        on: bool,
    },
}

impl Message for Request {
    fn kind(&self) -> &'static str {
        match self {
            Request::Register { .. } => "register_request",
            Request::Invoke { .. } => "invoke_request",
            Request::Cancel { .. } => "cancel_request",
            Request::Stop { .. } => "stop_request",
            Request::DownloadEnded { .. } => "download_ended",
            Request::CopyEnded { .. } => "copy_ended",
            Request::LoadEnded { .. } => "load_ended",
            Request::BodyEnded { .. } => "body_ended",
            Request::IdleTimeout { .. } => "idle_timeout",
            Request::HostChanged { .. } => "host_changed",
        }
    }
}

/// An answer of the service.
pub(crate) struct Answer<T> {
    pub(crate) kind: &'static str,
    pub(crate) value: Result<T, FailureCause>,
}

impl<T> Message for Answer<T> {
    fn kind(&self) -> &'static str {
        self.kind
    }
}

/// What a function manager is asked and told.
pub(crate) enum ManagerMessage {
    /// An invocation has ended.
    Completed(Invocation),
    /// Somebody wants to be woken when invocations are done.
    Wait { targets: Vec<Invocation>, waiter: Rc<Waiter> },
}

impl Message for ManagerMessage {
    fn kind(&self) -> &'static str {
        match self {
            ManagerMessage::Completed(_) => "completion",
            ManagerMessage::Wait { .. } => "wait_request",
        }
    }
}

/// Tells a waiter that what it waited for is done.
pub(crate) struct Woken;

impl Message for Woken {
    fn kind(&self) -> &'static str {
        "wait_answer"
    }
}

/// A time limit as the bare-metal service wants it.
pub(crate) fn time_limit(limit: Duration) -> Option<Duration> {
    (limit != Duration::MAX).then_some(limit)
}
