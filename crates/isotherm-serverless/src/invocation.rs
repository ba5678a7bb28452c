//! The user's handle on an invocation.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::Duration;
use isotherm_services::{FailureCause, Port};

use crate::life::InvocationState;
use crate::message::Woken;
use crate::service::ServerlessComputeService;
use crate::{InvocationId, InvocationRecord, Outcome, StartKind};

/// An invocation, from its submission on. Cheap to clone; clones are the same invocation. Dropping
/// it changes nothing about the invocation.
///
/// It asks its service, so a policy of that service must not ask it anything while it decides: it
/// has its view. Observers and sinks may.
///
/// ```
/// # use isotherm_kernel::{Duration, Simulation};
/// # use isotherm_platform::{Platform, PlatformBuilder};
/// # use isotherm_serverless::*;
/// # use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
/// # let mut builder = PlatformBuilder::new();
/// # for host in ["user", "head", "node"] {
/// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
/// #     builder.disk(host, "disk", 1e9, 1e9).size(1_000_000_000_000);
/// # }
/// # builder.link("lan", 1e9, 0.0);
/// # for (from, to) in [("user", "head"), ("head", "node"), ("user", "node")] {
/// #     builder.route(from, to, ["lan"]);
/// # }
/// # let simulation = Simulation::new();
/// # let site = Site::new(Platform::new(&simulation.kernel(), builder.build().unwrap())?);
/// # let [user, head, node] = ["user", "head", "node"].map(|name| site.platform().host(name).unwrap());
/// # let config = ServiceConfig::on_hosts(Preset::Default, head, [node]);
/// # let service = ServerlessComputeService::start(&site, config)?;
/// # let functions = FunctionManager::start(&site, user);
/// # ExecutionController::spawn(&site, user, "controller", async move |me| {
/// let nap = Function::new("nap", None, Body::sleep(Duration::from_secs(10)));
/// let limits = Limits::time(Duration::from_secs(2)).memory(1_000_000_000);
/// let nap = functions.register(&nap, &service, limits).await?;
/// let invocation = functions.invoke(&nap).await?;
/// me.sleep(Duration::from_secs(1)).await;
/// assert_eq!(invocation.state(), InvocationState::Running);
/// functions.wait_one(&invocation).await;
/// // It needed longer than it may run.
/// assert_eq!(invocation.outcome(), Some(Outcome::TimedOut));
/// assert_eq!(invocation.response_time(), Some(Duration::from_secs(2)));
/// # Ok::<(), FailureCause>(())
/// # });
/// # simulation.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Invocation {
    inner: Rc<Inner>,
}

struct Inner {
    id: InvocationId,
    service: ServerlessComputeService,
    /// Its record, once it has ended.
    ended: OnceCell<Rc<InvocationRecord>>,
    /// Whether the function manager knows that it has ended.
    done: Cell<bool>,
    waiters: RefCell<Vec<Rc<Waiter>>>,
    output: RefCell<Option<Arc<str>>>,
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
    pub(crate) fn new(id: InvocationId, service: ServerlessComputeService) -> Self {
        let inner = Inner {
            id,
            service,
            ended: OnceCell::new(),
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
        match self.inner.ended.get() {
            Some(record) => InvocationState::Ended(record.outcome),
            None => self.inner.service.state_of(self.inner.id),
        }
    }

    /// Its dates and what else is known of it so far. Complete once it has ended.
    pub fn record(&self) -> InvocationRecord {
        match self.inner.ended.get() {
            Some(record) => InvocationRecord::clone(record),
            None => self.inner.service.record_of(self.inner.id),
        }
    }

    /// Whether its function manager has heard that it has ended.
    pub fn is_done(&self) -> bool {
        self.inner.done.get()
    }

    /// How it ended; `None` while it has not.
    pub fn outcome(&self) -> Option<Outcome> {
        self.inner.ended.get().map(|record| record.outcome)
    }

    /// Why it did not complete, if it has ended without completing.
    pub fn cause(&self) -> Option<FailureCause> {
        self.inner.ended.get()?.cause.clone()
    }

    /// Cold or warm, once it has been dispatched.
    pub fn start_kind(&self) -> Option<StartKind> {
        match self.inner.ended.get() {
            Some(record) => record.start_kind,
            None => self.record().start_kind,
        }
    }

    /// Time from submission to its end; `None` while it has not ended.
    pub fn response_time(&self) -> Option<Duration> {
        self.inner.ended.get().map(|record| record.response())
    }

    /// What the body has left as its output.
    pub fn output(&self) -> Option<Arc<str>> {
        self.inner.output.borrow().clone()
    }

    /// It has ended, and this is left of it.
    pub(crate) fn set_ended(&self, record: &Rc<InvocationRecord>) {
        self.inner.ended.get_or_init(|| Rc::clone(record));
    }

    pub(crate) fn set_output(&self, output: Arc<str>) {
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
        f.debug_struct("Invocation")
            .field("id", &self.inner.id)
            .field("state", &self.state())
            .finish()
    }
}
