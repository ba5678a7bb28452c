//! The messages between a serverless service, its function managers and its own helper actors.
//!
//! | message | from | to | payload |
//! |---|---|---|---|
//! | `register_request`, `register_answer` | function manager ↔ service | | configured |
//! | `invoke_request`, `invoke_answer` | function manager ↔ service | | configured; the request and its input |
//! | `completion` | service | function manager | configured, and the output; one at a time |
//! | `drain_request`, `drain_answer` | function manager ↔ service | | 0 |
//! | `cancel_request`, `cancel_answer`, `stop_request`, `stop_answer` | function manager ↔ service | | 0 |
//! | `download_ended`, `copy_ended`, `load_ended`, `body_ended`, `idle_timeout`, `prewarm`, `prepull`, `warm`, `host_changed`, `node_joins`, `node_leaves`, `retry`, `round_due` | helpers of the service | service | 0; `body_ended`: the output |
//! | `wait_request`, `wait_answer` | user ↔ function manager | | 0 |
//!
//! Every request is answered exactly once, also when the service is gone or a message is lost: see
//! [`Reply`].

use std::rc::Rc;

use isotherm_kernel::Duration;
use isotherm_services::{ActionReport, Address, FailureCause, Message, Port};

use crate::function::{Body, Function};
use crate::invocation::{Invocation, Waiter};
use crate::service::ServerlessComputeService;
use crate::state::{InvocationKey, Move};
use crate::value::Given;
use crate::{ContainerId, FunctionId, ImageId, Limits, NodeId};

/// A message to the service: a request of a user, or a notice of a helper.
pub(crate) enum Request {
    Register {
        function: Function,
        limits: Limits,
        reply: Reply<FunctionId>,
    },
    Invoke {
        function: FunctionId,
        body: Option<Body>,
        given: Option<Box<Given>>,
        /// `None` for a detached invocation, of which no handle exists.
        reply: Option<Reply<Invocation>>,
        manager: Port<ManagerMessage>,
        ticket: Ticket,
        /// Whether the processing overhead of the request has already passed.
        processed: bool,
    },
    Cancel {
        invocation: InvocationKey,
        reply: Reply<bool>,
    },
    /// Answered when the service has no invocation left.
    Drain {
        reply: Reply<()>,
    },
    Stop {
        reply: Reply<()>,
    },
    DownloadEnded {
        image: ImageId,
        result: Result<(), FailureCause>,
    },
    MoveEnded {
        step: Move,
        node: NodeId,
        image: ImageId,
        result: Result<(), FailureCause>,
    },
    BodyEnded {
        invocation: InvocationKey,
        report: ActionReport,
    },
    IdleTimeout {
        container: ContainerId,
        idle_sequence: u64,
    },
    /// The keep-alive time of some container may have passed.
    Expire,
    Prewarm {
        function: FunctionId,
    },
    HostChanged {
        node: NodeId,
        on: bool,
        /// Whether the platform state knows already: it is told at once when a host goes off.
        is_noted: bool,
    },
    /// A compute host joins the service.
    NodeJoins {
        node: NodeId,
    },
    NodeLeaves {
        node: NodeId,
    },
    /// The simulation has begun: images are where they are from the start.
    Prepull,
    /// A container is warm from the registration of its function on.
    Warm {
        function: FunctionId,
        node: NodeId,
    },
    /// An interrupted copy or load may be tried again.
    Retry,
    /// The date for which the scheduler has asked for a round has come.
    RoundDue,
}

/// Counts an invocation request from its sending until the service accepts it. A ticket that is
/// dropped before counts the request as lost.
pub(crate) struct Ticket(Option<ServerlessComputeService>);

impl Ticket {
    /// For a request that is sent to a service now.
    pub(crate) fn new(service: &ServerlessComputeService) -> Self {
        service.request_sent();
        Ticket(Some(service.clone()))
    }

    /// The service has accepted the request.
    pub(crate) fn taken_in(mut self) {
        if let Some(service) = self.0.take() {
            service.request_arrived();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(service) = self.0.take() {
            service.request_lost();
        }
    }
}

impl Request {
    /// Answers a request that was lost on its way from `from` with the cause.
    pub(crate) fn lost(self, from: &Address, cause: FailureCause) {
        match self {
            Request::Register { reply, .. } => reply.fail(from, cause),
            Request::Invoke { reply: Some(reply), .. } => reply.fail(from, cause),
            Request::Cancel { reply, .. } => reply.fail(from, cause),
            Request::Drain { reply } | Request::Stop { reply } => reply.fail(from, cause),
            // The helpers of the service send messages of no size, which are never lost.
            _ => {}
        }
    }
}

impl Message for Request {
    fn kind(&self) -> &'static str {
        match self {
            Request::Register { .. } => "register_request",
            Request::Invoke { .. } => "invoke_request",
            Request::Cancel { .. } => "cancel_request",
            Request::Drain { .. } => "drain_request",
            Request::Stop { .. } => "stop_request",
            Request::DownloadEnded { .. } => "download_ended",
            Request::MoveEnded { step: Move::Copy, .. } => "copy_ended",
            Request::MoveEnded { step: Move::Load, .. } => "load_ended",
            Request::BodyEnded { .. } => "body_ended",
            Request::IdleTimeout { .. } | Request::Expire => "idle_timeout",
            Request::Prewarm { .. } => "prewarm",
            Request::HostChanged { .. } => "host_changed",
            Request::NodeJoins { .. } => "node_joins",
            Request::NodeLeaves { .. } => "node_leaves",
            Request::Prepull => "prepull",
            Request::Warm { .. } => "warm",
            Request::Retry => "retry",
            Request::RoundDue => "round_due",
        }
    }
}

/// The reply channel of a request. If it is dropped without an answer because the service is gone,
/// the requester gets [`FailureCause::ServiceStopped`].
pub(crate) struct Reply<T: 'static> {
    port: Port<Answer<T>>,
    kind: &'static str,
    /// The service that has to answer.
    service: Address,
    open: bool,
}

impl<T: 'static> Reply<T> {
    pub(crate) fn new(port: Port<Answer<T>>, kind: &'static str, service: &Address) -> Self {
        Reply { port, kind, service: service.clone(), open: true }
    }

    /// Answers. If the answer is lost on its way, the requester gets the cause of the loss instead.
    pub(crate) fn answer(mut self, bytes: u64, value: Result<T, FailureCause>) {
        self.open = false;
        let (back, service) = (self.port.clone(), self.service.clone());
        let answer = Answer { kind: self.kind, value };
        self.port.send_or(&self.service, bytes, answer, move |cause, lost| {
            back.send(&service, 0, Answer { kind: lost.kind, value: Err(cause) });
        });
    }

    fn fail(mut self, from: &Address, cause: FailureCause) {
        self.open = false;
        self.port.send(from, 0, Answer { kind: self.kind, value: Err(cause) });
    }

    /// The cause for requests to a service that is gone.
    pub(crate) fn gone(service: &Address) -> FailureCause {
        FailureCause::ServiceStopped { service: service.name().into() }
    }
}

impl<T: 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        if self.open {
            let answer = Answer { kind: self.kind, value: Err(Self::gone(&self.service)) };
            self.port.send(&self.service, 0, answer);
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

/// A message to a function manager.
pub(crate) enum ManagerMessage {
    /// An invocation has ended.
    Completed(Invocation),
    /// Wake the waiter when these invocations have ended.
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

/// The message that wakes a waiter.
pub(crate) struct Woken;

impl Message for Woken {
    fn kind(&self) -> &'static str {
        "wait_answer"
    }
}

/// Converts a time limit to that of the bare-metal service: `None` is unlimited.
pub(crate) fn time_limit(limit: Duration) -> Option<Duration> {
    (limit != Duration::MAX).then_some(limit)
}
