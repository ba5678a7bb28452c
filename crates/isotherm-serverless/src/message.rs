//! The messages of the serverless platform.
//!
//! | message | from | to | payload |
//! |---|---|---|---|
//! | `register_request`, `register_answer` | function manager ↔ service | | configured |
//! | `invoke_request`, `invoke_answer` | function manager ↔ service | | configured |
//! | `completion` | service | function manager | configured; one at a time |
//! | `drain_request`, `drain_answer` | function manager ↔ service | | 0 |
//! | `cancel_request`, `cancel_answer`, `stop_request`, `stop_answer` | function manager ↔ service | | 0 |
//! | `download_ended`, `copy_ended`, `load_ended`, `body_ended`, `idle_timeout`, `prewarm`, `host_changed`, `retry` | helpers of the service | service | 0 |
//! | `wait_request`, `wait_answer` | user ↔ function manager | | 0 |
//!
//! Every request is answered exactly once, whatever happens: see [`Reply`].

use std::rc::Rc;

use isotherm_kernel::Duration;
use isotherm_services::{ActionReport, Address, FailureCause, Message, Port};

use crate::function::{Body, Function};
use crate::invocation::{Invocation, Waiter};
use crate::service::ServerlessComputeService;
use crate::{ContainerId, FunctionId, ImageId, InvocationId, Limits, NodeId};

/// What a service is asked and told.
pub(crate) enum Request {
    Register {
        function: Function,
        limits: Limits,
        reply: Reply<FunctionId>,
    },
    Invoke {
        function: FunctionId,
        body: Option<Body>,
        /// `None`: nobody wants to know what becomes of it.
        reply: Option<Reply<Invocation>>,
        manager: Port<ManagerMessage>,
        ticket: Ticket,
        /// Whether the processing overhead of the request has already passed.
        processed: bool,
    },
    Cancel {
        invocation: InvocationId,
        reply: Reply<bool>,
    },
    /// Answered when no invocation is left.
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
        report: ActionReport,
    },
    IdleTimeout {
        container: ContainerId,
        idle_sequence: u64,
    },
    /// Containers may have been idle for long enough.
    Expire,
    Prewarm {
        function: FunctionId,
    },
    HostChanged {
        node: NodeId,
        on: bool,
        /// Whether the state was told already: of one that has gone off it is at once.
        is_noted: bool,
    },
    /// A copy or a load that was interrupted may be tried again.
    Retry,
}

/// Counts a request to invoke a function while it is on its way, or waits to be processed. If the
/// service does not take it in, it is lost.
pub(crate) struct Ticket(Option<ServerlessComputeService>);

impl Ticket {
    /// A request is sent to a service.
    pub(crate) fn new(service: &ServerlessComputeService) -> Self {
        service.request_sent();
        Ticket(Some(service.clone()))
    }

    /// The service takes it in.
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
    /// The request was lost on its way from `from`: who asked gets the cause for an answer.
    pub(crate) fn lost(self, from: &Address, cause: FailureCause) {
        match self {
            Request::Register { reply, .. } => reply.fail(from, cause),
            Request::Invoke { reply: Some(reply), .. } => reply.fail(from, cause),
            Request::Cancel { reply, .. } => reply.fail(from, cause),
            Request::Drain { reply } | Request::Stop { reply } => reply.fail(from, cause),
            // The service's own helpers send messages of no size, which are not lost.
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
            Request::CopyEnded { .. } => "copy_ended",
            Request::LoadEnded { .. } => "load_ended",
            Request::BodyEnded { .. } => "body_ended",
            Request::IdleTimeout { .. } | Request::Expire => "idle_timeout",
            Request::Prewarm { .. } => "prewarm",
            Request::HostChanged { .. } => "host_changed",
            Request::Retry => "retry",
        }
    }
}

/// The way back to who asked. A request that is dropped without an answer, because its service is
/// gone, says so.
pub(crate) struct Reply<T: 'static> {
    port: Port<Answer<T>>,
    kind: &'static str,
    /// The service that is asked.
    service: Address,
    open: bool,
}

impl<T: 'static> Reply<T> {
    pub(crate) fn new(port: Port<Answer<T>>, kind: &'static str, service: &Address) -> Self {
        Reply { port, kind, service: service.clone(), open: true }
    }

    /// Answers. Should the answer be lost on its way, who asked gets the cause of that instead.
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

    /// What is said of a service that is gone.
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
