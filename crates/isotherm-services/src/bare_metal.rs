//! Bare-metal compute services: run actions on a host and account for its cores.
//!
//! # Life cycle of an action
//!
//! An action is *submitted* by a message ([`BareMetalService::submit`]), *waits* first come, first
//! served until its cores are free, *starts* for its start-up overhead, *runs* its body, and
//! *ends*. However it ends, its [`on_end`](ActionRequest::on_end) is called exactly once, unless
//! the simulation ends before. It is called when the cores have been given back and the actions
//! that waited for them have started, and never from inside a method of this service or the
//! platform, so cancelling an action or turning off a host causes no re-entrant call.
//!
//! # Time limit
//!
//! The body runs in an executor, an actor on the host that dies with it. The *time limit* covers
//! the body, not the start-up overhead. At the limit the body may first use a wake-up it has
//! already been given, and the executor goes to the end of the run queue once. A body that has
//! ended then has ended *exactly at its limit*, for which [`AtLimit`] is the rule. Any other body
//! is killed and has no end date. The report of an action with a limit comes one step of the run
//! queue after the end of the body, as if one actor joined another.
//!
//! # Sleeping without an actor
//!
//! Most actions of a large simulation only sleep ([`Action::Sleep`]). They are run by calls of the
//! kernel, without an actor, in the same steps of the run queue that an executor would take; dates
//! and the order among equals are the same.
//!
//! # Invariants
//!
//! The cores in use are those of the actions that start or run, and at most the cores of the
//! service; submitted = pending + running + completed + failed.

mod action;
mod action_table;
mod executor;
mod sleeper;

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, Teardown, Time};
use isotherm_platform::HostId;

pub use action::{
    Action, ActionContext, ActionOwner, ActionReport, ActionRequest, ActionState, ActionStatus,
    AtLimit, BodyFuture, CustomBody, OnEnd, SleepRequest,
};
pub use action_table::{ActionId, Ledger};

use crate::port::transmit;
use crate::{Address, FailureCause, Site};
use action_table::{ActionEntry, ActionStage, ActionTable, ActionWork};

/// The configuration of a bare-metal service.
#[derive(Clone, Debug)]
pub struct BareMetalConfig {
    /// Its name on its host.
    pub name: Arc<str>,
    /// The host on which it runs actions.
    pub host: HostId,
    /// The number of its cores; by default those of the host.
    pub cores: Option<u32>,
}

impl BareMetalConfig {
    /// A service with all cores of a host.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, host: HostId) -> Self {
        Self { name: name.into(), host, cores: None }
    }
}

/// A bare-metal service. A cheap handle; clones are the same service.
///
/// ```
/// use isotherm_services::{Action, BareMetalConfig, BareMetalService, ExecutionController, Site};
/// # use isotherm_kernel::Simulation;
/// # use isotherm_platform::{Platform, PlatformBuilder};
/// # let mut builder = PlatformBuilder::new();
/// # for host in ["user", "node"] {
/// #     builder.host(host, 1e9).cores(4).memory(16_000_000_000);
/// #     builder.disk(host, "disk", 1e8, 1e8);
/// # }
/// # builder.link("lan", 1e8, 0.0);
/// # builder.route("user", "node", ["lan"]);
/// # let simulation = Simulation::new();
/// # let platform = Platform::new(&simulation.kernel(), builder.build().unwrap()).unwrap();
/// # let [user, node] = ["user", "node"].map(|name| platform.host(name).unwrap());
/// # let site = Site::new(platform);
///
/// // A node of 4 cores of 1 Gf/s.
/// let service = BareMetalService::start(&site, BareMetalConfig::new("bare_metal", node));
/// ExecutionController::spawn(&site, user, "controller", async move |me| {
///     let compute = Action::Compute { flops: 8e9, cores: 4 };
///     let report = service.perform(&me.address(), compute).await;
///     assert_eq!(report.result, Ok(()));
///     assert_eq!(me.now().as_secs_f64(), 2.0);
///     assert_eq!(service.ledger().completed, 1);
/// });
/// simulation.run()?;
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
#[derive(Clone)]
pub struct BareMetalService {
    inner: Rc<Inner>,
}

struct Inner {
    site: Site,
    name: Arc<str>,
    address: Address,
    actions: RefCell<ActionTable>,
    stopped: Cell<bool>,
    /// Whether its host has failed since it was started.
    down: Cell<bool>,
}

impl fmt::Debug for BareMetalService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BareMetalService({})", self.inner.address)
    }
}

/// An action that has not ended may hold the service.
impl Teardown for Inner {
    fn tear_down(&self) {
        let cores = self.actions.borrow().ledger.cores;
        let actions = self.actions.replace(ActionTable::new(cores));
        self.actions.borrow_mut().ledger = actions.ledger;
        drop(actions);
    }
}

/// Detects the failure of the host, by being dropped with an actor on it.
struct Sentinel(BareMetalService);

impl Drop for Sentinel {
    fn drop(&mut self) {
        // It is also dropped at the end of the simulation, but then the host is on.
        if !self.0.inner.host_is_on() {
            self.0.inner.down.set(true);
            self.0.end_all();
        }
    }
}

impl Inner {
    fn host(&self) -> HostId {
        self.address.host()
    }

    fn host_is_on(&self) -> bool {
        self.site.platform().is_on(self.host())
    }

    fn is_up(&self) -> bool {
        !self.stopped.get() && !self.down.get()
    }

    fn why_down(&self) -> FailureCause {
        if self.stopped.get() {
            FailureCause::ServiceStopped { service: Arc::clone(&self.name) }
        } else {
            FailureCause::HostFailed { host: self.site.platform().host_name(self.host()) }
        }
    }
}

impl BareMetalService {
    /// Starts a bare-metal service. On a host that is off it stays down until it is
    /// [restarted](Self::restart).
    #[must_use]
    pub fn start(site: &Site, config: BareMetalConfig) -> Self {
        let cores = config.cores.unwrap_or_else(|| site.platform().cores(config.host));
        let inner = Inner {
            site: site.clone(),
            address: Address::new(site, config.host, &config.name),
            name: config.name,
            actions: RefCell::new(ActionTable::new(cores)),
            stopped: Cell::new(false),
            down: Cell::new(false),
        };
        let service = Self { inner: Rc::new(inner) };
        let weak = Rc::downgrade(&service.inner);
        site.kernel().tear_down_with(weak);
        service.spawn_sentinel();
        service
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    /// The host on which it runs actions.
    #[must_use]
    pub fn host(&self) -> HostId {
        self.inner.host()
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// Whether it accepts actions: it has not been stopped and its host has not failed.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.is_up()
    }

    /// The counts of its cores and actions.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.inner.actions.borrow().ledger
    }

    /// Checks the ledger against a recount.
    ///
    /// # Panics
    /// If they disagree.
    #[cfg(any(test, feature = "audit"))]
    pub fn check(&self) {
        self.inner.actions.borrow().check();
    }

    /// Submits an action by a message. A message of 0 bytes arrives immediately.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn submit(
        &self,
        from: &Address,
        payload_bytes: u64,
        mut request: ActionRequest,
    ) -> ActionId {
        let inner = &self.inner;
        inner.site.message_sent(from, &inner.address, "action_request", payload_bytes);
        if payload_bytes == 0 {
            self.receive(&mut request)
        } else {
            self.transmit_request(from, payload_bytes, request)
        }
    }

    /// Submits a sleep without payload for an owner of many actions, like
    /// [`submit`](Self::submit). It is the most frequent action of all, and its request need not
    /// be put together first.
    #[inline]
    pub fn submit_sleep(
        &self,
        from: &Address,
        sleep: SleepRequest,
        owner: Rc<dyn ActionOwner>,
        token: (u64, u64),
        status: Option<Rc<ActionStatus>>,
    ) -> ActionId {
        let inner = &self.inner;
        inner.site.message_sent(from, &inner.address, "action_request", 0);
        let mut actions = inner.actions.borrow_mut();
        if !(inner.is_up() && actions.may_start(1)) {
            drop(actions);
            let mut request =
                ActionRequest::owned("sleep", Action::Sleep(sleep.duration), owner, token);
            (request.startup, request.time_limit) = (sleep.startup, sleep.time_limit);
            (request.at_limit, request.status) = (sleep.at_limit, status);
            return self.receive(&mut request);
        }
        let id = actions.receive_sleep(sleep, OnEnd::Owner(owner, token), status);
        self.begin(actions, id);
        id
    }

    fn transmit_request(
        &self,
        from: &Address,
        payload_bytes: u64,
        mut request: ActionRequest,
    ) -> ActionId {
        let inner = &self.inner;
        let id = inner.actions.borrow_mut().send(&mut request);
        let service = self.clone();
        transmit(
            &inner.site,
            from.host(),
            inner.host(),
            payload_bytes,
            move |result| match result {
                Ok(()) => service.arrive(id),
                Err(cause) => service.end(id, Err(cause), None),
            },
        );
        id
    }

    /// Submits an action by a message of 0 bytes and waits for its report. Dropping the future does
    /// not cancel the action.
    pub async fn perform(&self, from: &Address, request: impl Into<ActionRequest>) -> ActionReport {
        let mut request = request.into();
        let reports =
            self.inner.site.kernel().mailbox(format!("the end of action '{}'", request.name));
        let told = reports.clone();
        let on_end = request.on_end;
        request.on_end = OnEnd::Call(Box::new(move |report| {
            told.send_detached(report.clone());
            on_end.tell(report.started, report.ended, report.result);
        }));
        self.submit(from, 0, request);
        reports.receive().await
    }

    /// Cancels an action in any state: it ends with [`FailureCause::Cancelled`]. Returns whether it
    /// had not ended yet.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn cancel(&self, id: ActionId) -> bool {
        self.end_later(id, FailureCause::Cancelled)
    }

    /// Stops the service: all actions, and those submitted later, end with
    /// [`FailureCause::ServiceStopped`].
    pub fn stop(&self) {
        self.inner.stopped.set(true);
        self.end_all();
    }

    /// Starts the service again after its host has been off, or after it was stopped. Does nothing
    /// while it is up.
    pub fn restart(&self) {
        let inner = &self.inner;
        if self.is_up() || !inner.host_is_on() {
            return;
        }
        inner.stopped.set(false);
        if inner.down.replace(false) {
            self.spawn_sentinel();
        }
    }

    fn spawn_sentinel(&self) {
        let inner = &self.inner;
        if !inner.host_is_on() {
            inner.down.set(true);
            return;
        }
        let sentinel = Sentinel(self.clone());
        let actor = inner.site.platform().actor(inner.host(), Arc::clone(inner.address.label()));
        actor.daemon().spawn(async move {
            let _sentinel = sentinel;
            std::future::pending::<()>().await;
        });
    }

    /// Accepts an action that arrives when it is sent. The request is emptied in place, because
    /// moving freshly written fields would stall on store forwarding.
    fn receive(&self, request: &mut ActionRequest) -> ActionId {
        let mut actions = self.inner.actions.borrow_mut();
        if !self.inner.is_up() {
            let id = actions.send(request);
            self.refuse_or_queue(actions, id);
            return id;
        }
        let (id, starts) = actions.receive(request);
        if starts {
            self.begin(actions, id);
        } else {
            self.refuse_or_queue(actions, id);
        }
        id
    }

    /// Accepts an action whose message has arrived.
    fn arrive(&self, id: ActionId) {
        let mut actions = self.inner.actions.borrow_mut();
        if self.inner.is_up() && actions.take_cores_if_free(id) {
            self.begin(actions, id);
        } else {
            self.refuse_or_queue(actions, id);
        }
    }

    /// Queues an action that cannot start at once, or refuses it.
    fn refuse_or_queue(&self, mut actions: RefMut<'_, ActionTable>, id: ActionId) {
        let Some(cores) = actions.get(id).map(|entry| entry.cores) else { return };
        if !self.inner.is_up() {
            drop(actions);
            self.end_later(id, self.inner.why_down());
        } else if cores > actions.ledger.cores {
            let reason = format!(
                "the action needs {cores} cores and the service has {}",
                actions.ledger.cores
            );
            drop(actions);
            let reason = reason.into();
            self.end_later(id, FailureCause::NotAllowed { reason });
        } else {
            actions.queue(id);
            drop(actions);
            self.start_waiting();
        }
    }

    /// Starts actions from the head of the queue while there are cores for them.
    fn start_waiting(&self) {
        if self.inner.actions.borrow().none_waiting() {
            return;
        }
        while self.inner.is_up() {
            let mut actions = self.inner.actions.borrow_mut();
            match actions.next_to_start() {
                Some(id) => self.begin(actions, id),
                None => return,
            }
        }
    }

    /// Begins an action that holds its cores.
    #[inline]
    fn begin(&self, mut actions: RefMut<'_, ActionTable>, id: ActionId) {
        let Some(entry) = actions.get(id) else { return };
        if entry.sleeps() {
            self.begin_sleeper(id, entry);
        } else {
            drop(actions);
            self.begin_executor(id);
        }
    }

    /// Records that the body of an action begins now.
    fn body_begins(&self, id: ActionId) {
        if let Some(entry) = self.inner.actions.borrow_mut().get(id) {
            entry.begins(self.inner.site.now());
        }
    }

    /// Ends an action: gives its cores back, starts waiting actions and calls its `on_end`.
    fn end(&self, id: ActionId, result: Result<(), FailureCause>, ended: Option<Time>) {
        self.end_in(self.inner.actions.borrow_mut(), id, result, ended);
    }

    /// The same with the table borrowed. Inlined so that the report is written where its owner
    /// reads it: a copy of freshly written fields would stall on store forwarding.
    #[inline(always)]
    fn end_in(
        &self,
        mut actions: RefMut<'_, ActionTable>,
        id: ActionId,
        result: Result<(), FailureCause>,
        ended: Option<Time>,
    ) {
        let Some(entry) = actions.remove(id, result.is_ok()) else { return };
        let others_wait = !actions.none_waiting();
        drop(actions);
        if others_wait {
            self.start_waiting();
        }
        // It is told last: an owner may go on in this step.
        entry.on_end.tell(entry.started, ended, result);
    }

    /// Ends an action by force; its `on_end` is called in a step of its own. Returns whether it had
    /// not ended yet.
    fn end_later(&self, id: ActionId, cause: FailureCause) -> bool {
        let entry = self.inner.actions.borrow_mut().remove(id, false);
        let Some(entry) = entry else { return false };
        let kernel = self.inner.site.kernel();
        match entry.stage {
            ActionStage::Executor(actor) => actor.kill(),
            ActionStage::Call(call) => {
                kernel.cancel_call(call);
            }
            ActionStage::Sent | ActionStage::Waiting | ActionStage::Queued | ActionStage::Ended => {
            }
        }
        let (started, on_end) = (entry.started, entry.on_end);
        kernel.call_after(Duration::ZERO, move |_| on_end.tell(started, None, Err(cause)));
        self.start_waiting();
        true
    }

    /// Ends all actions by force, in the order of submission, because the service is down.
    fn end_all(&self) {
        let ids = self.inner.actions.borrow().all();
        for id in ids {
            self.end_later(id, self.inner.why_down());
        }
    }
}
