//! The user's handle on an invocation.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use isotherm_kernel::{Duration, Kernel};
use isotherm_services::{FailureCause, Port};

use crate::message::Woken;
use crate::service::ServerlessComputeService;
use crate::status::{InvocationState, Status};
use crate::{InvocationId, InvocationRecord, Outcome, StartKind};

/// An invocation, from its submission on. Cheap to clone; clones are the same invocation. Dropping it changes nothing
/// about the invocation.
#[derive(Clone)]
pub struct Invocation {
    inner: Rc<Inner>,
}

struct Inner {
    id: InvocationId,
    kernel: Kernel,
    service: ServerlessComputeService,
    status: Rc<Status>,
    /// Whether the function manager knows that it has ended.
    done: Cell<bool>,
    waiters: RefCell<Vec<Rc<Waiter>>>,
    output: RefCell<Option<Rc<str>>>,
}

/// Somebody who waits for invocations.
pub(crate) struct Waiter {
    /// How many of them are still to end before the waiter is woken.
    left: Cell<usize>,
    reply: Port<Woken>,
}

impl Waiter {
    pub(crate) fn new(left: usize, reply: Port<Woken>) -> Rc<Self> {
        Rc::new(Waiter { left: Cell::new(left), reply })
    }

    pub(crate) fn reply(&self) -> &Port<Woken> {
        &self.reply
    }

    /// One of the invocations is done. Says whether the waiter is to be woken now.
    pub(crate) fn one_less(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 1
    }

    /// Whether it need not be told of anything any more.
    fn is_over(&self) -> bool {
        self.left.get() == 0
    }

    /// Whoever holds this waits; the waiter is over when it is dropped.
    pub(crate) fn while_waiting(self: &Rc<Self>) -> Waiting {
        Waiting(Rc::clone(self))
    }
}

/// Somebody waits as long as this lives.
pub(crate) struct Waiting(Rc<Waiter>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.left.set(0);
    }
}

impl Invocation {
    pub(crate) fn new(id: InvocationId, kernel: Kernel, service: ServerlessComputeService, status: Rc<Status>) -> Self {
        let inner = Inner {
            id,
            kernel,
            service,
            status,
            done: Cell::new(false),
            waiters: RefCell::default(),
            output: RefCell::default(),
        };
        Invocation { inner: Rc::new(inner) }
    }

    /// Its number at its service.
    pub fn id(&self) -> InvocationId {
        self.inner.id
    }

    /// The service that runs it.
    pub fn service(&self) -> &ServerlessComputeService {
        &self.inner.service
    }

    /// Where it is in its life, now, as the platform knows it.
    pub fn state(&self) -> InvocationState {
        self.inner.status.state(self.inner.kernel.now())
    }

    /// Its dates and what else is known of it so far. Complete once it has ended.
    pub fn record(&self) -> InvocationRecord {
        self.inner.status.snapshot(self.inner.kernel.now())
    }

    /// Whether its function manager has heard that it has ended.
    pub fn is_done(&self) -> bool {
        self.inner.done.get()
    }

    /// How it ended; `None` while it has not.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state() {
            InvocationState::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Why it did not complete, if it has ended without completing.
    pub fn cause(&self) -> Option<FailureCause> {
        self.inner.status.record().cause.clone()
    }

    /// Cold or warm, once it has been dispatched.
    pub fn start_kind(&self) -> Option<StartKind> {
        self.inner.status.record().start_kind
    }

    /// Time from submission to its end; `None` while it has not ended.
    pub fn response_time(&self) -> Option<Duration> {
        self.outcome().map(|_| self.inner.status.record().response())
    }

    /// What the body has left as its output.
    pub fn output(&self) -> Option<Rc<str>> {
        self.inner.output.borrow().clone()
    }

    pub(crate) fn set_output(&self, output: Rc<str>) {
        *self.inner.output.borrow_mut() = Some(output);
    }

    /// The manager has heard of its end: who waits for it?
    pub(crate) fn set_done(&self) -> Vec<Rc<Waiter>> {
        self.inner.done.set(true);
        self.inner.waiters.take()
    }

    pub(crate) fn add_waiter(&self, waiter: Rc<Waiter>) {
        let mut waiters = self.inner.waiters.borrow_mut();
        // Who has been woken by another invocation, or has gone away, need not be kept.
        waiters.retain(|waiter| !waiter.is_over());
        waiters.push(waiter);
    }
}

impl PartialEq for Invocation {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("id", &self.inner.id).field("state", &self.state()).finish()
    }
}
