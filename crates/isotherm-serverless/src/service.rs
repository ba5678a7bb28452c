//! The serverless compute service: the messages and effects around [`PlatformState`](crate::state).
//!
//! The service handles one message at a time: it passes the event to the platform state, which
//! decides, and carries out the resulting effects (see [`effects`]): it starts transfers, submits
//! bodies to the bare-metal services of nodes, sets timers, answers and notifies. It decides
//! nothing itself. It is a kernel handler that is called when an actor with the same mailbox would
//! be resumed, which costs less than an actor.
//!
//! At its start it creates the head storage service and, on every compute host, a storage service,
//! a memory and a bare-metal service. Every invocation runs as an action of the latter.

mod attachment;
mod decisions;
mod effects;
#[cfg(any(test, feature = "audit"))]
mod live;
mod nodes;
mod prepull;
mod standstill;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, Handler, Kernel, ScheduledCall as Timer, Teardown, Time};
use isotherm_platform::HostId;
use isotherm_services::{
    ActionReport, Address, AtLimit, Delivery, FailureCause, Ledger, Port, Site, StorageConfig,
    StorageService,
};
use rustc_hash::{FxHashMap, FxHashSet};

use self::attachment::Attachments;
use self::decisions::AsksCaller;
use self::effects::Outgoing;
use self::nodes::Nodes;
pub use self::prepull::Prepull;
use crate::ask::{CallerDecides, Changing, Deciders};
use crate::call::PrivateStorage;
use crate::config::{Payloads, ServiceConfig, Slots};
use crate::function::{Body, Function, Image, RegisteredFunction};
use crate::id_map::IdMap;
use crate::invocation::Invocation;
use crate::keep_alive::Keep;
use crate::life::{Life, Names};
use crate::message::{ManagerMessage, Reply, Request, Ticket};
use crate::plan::Plan;
use crate::rules::OverheadRule;
use crate::state::{
    Invocation as Live, InvocationKey, Observer, PlatformState, Policies, Registration, Reuse,
    Round,
};
use crate::value::{Given, Sizes, Values};
use crate::{
    ContainerId, FunctionId, ImageId, InvocationId, InvocationRecord, InvocationState, Limits,
    NodeId, PlatformEvent, RecordSink,
};

/// Why a service cannot be started, or a compute host cannot join or leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum ServerlessError {
    /// No compute host was given.
    #[error("a serverless compute service needs at least one compute host")]
    NoComputeHost,
    /// A host was given twice.
    #[error("compute host '{host}' is listed twice")]
    DuplicateHost { host: Arc<str> },
    /// A host that is to join is one of the service's.
    #[error("host '{host}' is a compute host of the service already")]
    AlreadyJoined { host: Arc<str> },
    /// A host has no disk where one is needed.
    #[error("host '{host}' has no disk mounted at '{mount}'")]
    NoDisk { host: Arc<str>, mount: String },
    /// A host has no slot.
    #[error("compute host '{host}' has no slots")]
    NoSlots { host: Arc<str> },
    /// A host that has left is to join again with other slots.
    #[error(
        "compute host '{host}' had other slots before it left: add it with `Slots::{before:?}`"
    )]
    OtherSlots { host: Arc<str>, before: Slots },
    /// A host that is to leave is no compute host of the service.
    #[error("'{host}' is no compute host of the service")]
    NotAComputeHost { host: Arc<str> },
    /// A host is to join a service that has been stopped.
    #[error("service '{service}' has been stopped; start another one")]
    Stopped { service: Arc<str> },
    /// The images that are to be on a disk from the start do not fit there.
    #[error(
        "the images that are to be on the disk of host '{host}' from the start take {bytes} bytes, \
         and it holds {capacity}"
    )]
    PrepulledTooLarge { host: Arc<str>, bytes: u64, capacity: u64 },
}

/// A handle of a serverless compute service. Cheap to clone; clones are the same service. The
/// [crate](crate) documentation has a complete example.
#[derive(Clone)]
pub struct ServerlessComputeService {
    inner: Rc<Inner>,
}

type SharedSink = Rc<RefCell<dyn RecordSink>>;

struct Inner {
    site: Site,
    name: Arc<str>,
    port: Port<Request>,
    head: StorageService,
    nodes: Nodes,
    payloads: Payloads,
    processing_overhead: Duration,
    overhead: OverheadRule,
    at_limit: AtLimit,
    state: RefCell<PlatformState>,
    /// Borrowed while a policy decides.
    deciders: RefCell<Deciders>,
    /// The decision about every idle container, if it is the same and no function has a policy of
    /// its own. Then no policy is notified of invocations.
    constant_keep: Cell<Option<Keep>>,
    /// The plan of the last round, reused for its allocations.
    plan: Cell<Plan>,
    caller_decides: Cell<CallerDecides>,
    /// What the caller is asked, if it is asked.
    asks_caller: Cell<Option<AsksCaller>>,
    tables: RefCell<Tables>,
    /// The request whose processing overhead blocks the service.
    in_hand: RefCell<Option<Request>>,
    /// The timer of the end of this overhead.
    resumes: Cell<Option<Timer>>,
    /// Shared, so that a sink may add another one while it gets a record.
    sinks: RefCell<Rc<[SharedSink]>>,
    observers: RefCell<Vec<Observer>>,
    /// Whether they are being called.
    tells_observers: Cell<bool>,
    stopped: Cell<bool>,
    /// Whether any input or output has had a size.
    has_sizes: Cell<bool>,
    /// Whether the head host is off.
    is_head_off: Cell<bool>,
    /// The count of platform state changes at the last interruption of a copy or load that nothing
    /// else retries: see [`standstill`].
    interrupted: Cell<Option<u64>>,
    detached: Cell<u64>,
    /// Invocation requests that are on their way or wait to be processed.
    on_their_way: Cell<u64>,
    /// Invocation requests that were lost.
    lost: Cell<u64>,
    #[cfg(any(test, feature = "audit"))]
    checks: Cell<u64>,
}

/// Why the kernel calls the service.
enum Signal {
    /// Messages have arrived.
    Messages,
    /// The processing overhead of the blocking request has passed.
    Resume,
    /// The keep-alive time of some container may have passed.
    Expire,
    /// The keep-alive timer of a container has ended.
    IdleTimeout { container: ContainerId, idle_sequence: u64 },
}

impl Signal {
    fn token(self) -> (u64, u64) {
        match self {
            Signal::Messages => (0, 0),
            Signal::Resume => (1, 0),
            Signal::Expire => (2, 0),
            Signal::IdleTimeout { container, idle_sequence } => (container.0 + 3, idle_sequence),
        }
    }

    fn of_token((first, second): (u64, u64)) -> Self {
        match first {
            0 => Signal::Messages,
            1 => Signal::Resume,
            2 => Signal::Expire,
            container => {
                Signal::IdleTimeout { container: ContainerId(container - 3), idle_sequence: second }
            }
        }
    }
}

impl Handler for Inner {
    fn handle(self: Rc<Self>, token: (u64, u64)) {
        let service = ServerlessComputeService { inner: self };
        match Signal::of_token(token) {
            Signal::Messages => service.receive(),
            Signal::Resume => service.resume(),
            Signal::Expire => service.look_for_expired(),
            Signal::IdleTimeout { container, idle_sequence } => {
                service.tell(service.address(), Request::IdleTimeout { container, idle_sequence });
            }
        }
    }
}

/// User values in the service (bodies, handles, policies, observers) may hold the service.
impl Teardown for Inner {
    fn tear_down(&self) {
        let of_state = self.state.borrow_mut().tear_down();
        let of_tables = self.tables.borrow_mut().tear_down();
        let of_deciders = self.deciders.borrow_mut().tear_down();
        drop((of_state, of_tables, of_deciders));
        drop((self.in_hand.take(), self.sinks.take(), self.observers.take()));
    }
}

/// What the service keeps by image, function, container and invocation and the platform state does
/// not need for decisions.
#[derive(Default)]
struct Tables {
    images: Vec<Image>,
    image_ids: FxHashMap<usize, ImageId>,
    /// Those that are on disks from the start.
    prepulled: Vec<(Image, Prepull)>,
    /// The file names of images, which are unique.
    file_names: FxHashSet<Arc<str>>,
    functions: Vec<(Function, Limits)>,
    /// The last function registered under each name.
    by_name: FxHashMap<Arc<str>, FunctionId>,
    /// The timer of the next look for containers whose keep-alive time has passed.
    expiry: Option<Timer>,
    /// The timers of containers to be started ahead, by function.
    prewarmings: FxHashMap<FunctionId, Timer>,
    private: IdMap<ContainerId, PrivateStorage>,
    attachments: Attachments,
    /// The outputs that are on their way to the service.
    outgoing: BTreeMap<InvocationId, Outgoing>,
    /// Requests to be answered when no invocation is left.
    draining: Vec<Reply<()>>,
    /// The request to be answered when the service has stopped.
    stopping: Option<Reply<()>>,
    /// The status of the action of each live invocation, for the check of the ledgers.
    #[cfg(any(test, feature = "audit"))]
    progress: BTreeMap<InvocationId, (NodeId, Rc<isotherm_services::ActionStatus>)>,
}

impl Tables {
    /// The id of an image, which the state learns of when it is asked for first.
    fn image_id(&mut self, state: &mut PlatformState, image: &Image) -> ImageId {
        let Tables { images, image_ids, file_names, .. } = self;
        *image_ids.entry(image.identity()).or_insert_with(|| {
            let file = unique_file_name(file_names, image);
            images.push(image.clone());
            state.add_image(file, image.bytes(), image.memory_bytes())
        })
    }

    /// The body of an invocation: its own or that of its function.
    #[inline]
    fn body_of(&self, function: FunctionId, body: Option<Body>) -> Body {
        body.unwrap_or_else(|| self.functions[function.index()].0.body().clone()).drawn()
    }

    /// Gives up every value that may hold the service.
    fn tear_down(&mut self) -> impl Sized + use<> {
        let bare = |function: &Function| {
            Function::new(
                Arc::clone(function.name()),
                function.image().cloned(),
                Body::sleep(Duration::ZERO),
            )
        };
        let functions =
            self.functions.iter().map(|(function, limits)| (bare(function), *limits)).collect();
        let functions = std::mem::replace(&mut self.functions, functions);
        let private = std::mem::take(&mut self.private);
        let replies = (std::mem::take(&mut self.draining), self.stopping.take());
        let outgoing = std::mem::take(&mut self.outgoing);
        (functions, private, self.attachments.tear_down(), outgoing, replies)
    }
}

impl fmt::Debug for ServerlessComputeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerlessComputeService({})", self.address())
    }
}

impl PartialEq for ServerlessComputeService {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for ServerlessComputeService {}

impl ServerlessComputeService {
    /// Starts a service on its hosts.
    ///
    /// # Errors
    /// A [`ServerlessError`] if the hosts are unsuitable.
    pub fn start(site: &Site, config: ServiceConfig) -> Result<Self, ServerlessError> {
        let nodes = Nodes::start(site, &config)?;
        let head = start_head_storage(site, &config)?;
        let state = PlatformState::new(
            Policies {
                eviction: RefCell::new(config.eviction),
                reuse: Reuse::new(config.reuse, config.reuse_random),
                on_failure: config.on_failure,
                rules: config.rules,
                max_concurrency: config.max_concurrency,
                throttle: config.throttle,
                startup_overhead: config.startup_overhead,
                simulate_downloads: config.simulate_downloads,
            },
            head.file_system(),
            nodes.iter().map(|node| node.state(site)).collect(),
        );
        let first_round = config.scheduler.first_round();
        let inner = Inner {
            site: site.clone(),
            port: Port::at(
                site,
                Address::new(site, config.head, &config.name),
                Delivery::Concurrent,
            ),
            name: config.name.into(),
            head,
            nodes,
            payloads: config.payloads,
            processing_overhead: config.processing_overhead,
            overhead: config.rules.overhead,
            at_limit: config.rules.at_limit,
            state: RefCell::new(state),
            constant_keep: Cell::new(config.keep_alive.constant()),
            deciders: RefCell::new(Deciders::new(config.scheduler, config.keep_alive)),
            plan: Cell::default(),
            caller_decides: Cell::default(),
            asks_caller: Cell::default(),
            tables: RefCell::default(),
            in_hand: RefCell::default(),
            resumes: Cell::new(None),
            sinks: RefCell::default(),
            observers: RefCell::default(),
            tells_observers: Cell::new(false),
            stopped: Cell::new(false),
            has_sizes: Cell::new(false),
            is_head_off: Cell::new(!site.platform().is_on(config.head)),
            interrupted: Cell::new(None),
            detached: Cell::new(0),
            on_their_way: Cell::new(0),
            lost: Cell::new(0),
            #[cfg(any(test, feature = "audit"))]
            checks: Cell::new(0),
        };
        let service = ServerlessComputeService { inner: Rc::new(inner) };
        let listener = Rc::downgrade(&service.inner);
        service.inner.port.listen(listener);
        let weak = Rc::downgrade(&service.inner);
        site.kernel().tear_down_with(weak);
        service.watch_hosts();
        if let Some(at) = first_round {
            service.state_now();
            service.inner.state.borrow_mut().hold_round_at(at);
            service.carry_out();
        }
        let witness = Rc::downgrade(&service.inner);
        site.kernel().add_standstill_handler(witness);
        Ok(service)
    }

    /// Has the service called when one of its hosts goes off or comes on.
    fn watch_hosts(&self) {
        let service = Rc::downgrade(&self.inner);
        self.inner.site.platform().observe_hosts(move |host, on| {
            let Some(inner) = service.upgrade() else { return };
            let service = ServerlessComputeService { inner };
            if host == service.address().host() {
                service.head_changed(on);
            }
            if let Some(node) = service.node_on(host) {
                // Several hosts may go off at one date, and the service handles a message for each.
                // The state must know of all of them before the round that follows the first
                // message.
                let mut is_noted = false;
                if !on
                    && !matches!(service.inner.asks_caller.get(), Some(AsksCaller::Keep(..)))
                    && let Ok(mut state) = service.inner.state.try_borrow_mut()
                    && state.nodes.all.get(node).is_some()
                {
                    state.now = service.kernel().now();
                    state.node_failed(node);
                    is_noted = true;
                }
                service.tell(
                    &service.inner.nodes[node].address,
                    Request::HostChanged { node, on, is_noted },
                );
            }
        });
        let service = Rc::downgrade(&self.inner);
        self.inner.site.platform().observe_recoveries(move || {
            if let Some(inner) = service.upgrade() {
                ServerlessComputeService { inner }.part_recovered();
            }
        });
    }

    /// The head host has gone off or come on.
    fn head_changed(&self, on: bool) {
        let Inner { deciders, state, .. } = &*self.inner;
        if deciders.try_borrow_mut().is_err() || state.try_borrow_mut().is_err() {
            // A policy has switched it while deciding, or a caller while looking at the state.
            let service = self.clone();
            self.kernel().call_after(Duration::ZERO, move |_| service.head_changed(on));
        } else if on {
            self.head_recovered();
        } else {
            self.head_failed();
        }
    }

    /// A host, a disk or a link has come on: interrupted copies and loads are retried at once.
    fn part_recovered(&self) {
        let Ok(mut state) = self.inner.state.try_borrow_mut() else {
            // A policy has turned it on while deciding.
            let service = self.clone();
            self.kernel().call_after(Duration::ZERO, move |_| service.part_recovered());
            return;
        };
        state.now = self.kernel().now();
        let is_any_due = state.part_recovered();
        drop(state);
        if is_any_due {
            self.tell(self.address(), Request::Retry);
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.inner.name
    }

    /// Its address, on the head host.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.inner.port.address()
    }

    /// The sizes of its control messages.
    #[must_use]
    pub fn payloads(&self) -> Payloads {
        self.inner.payloads
    }

    /// The storage service of the head disk, which holds the images.
    #[must_use]
    pub fn head_storage(&self) -> &StorageService {
        &self.inner.head
    }

    /// The host of a node; `None` if there is no such node.
    #[must_use]
    pub fn node_host(&self, node: NodeId) -> Option<HostId> {
        self.inner.nodes.get(node).map(|node| node.host)
    }

    /// The name of a node, which is that of its host; `None` if there is no such node.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> Option<Arc<str>> {
        Some(self.inner.site.platform().host_name(self.node_host(node)?))
    }

    /// The node on a host; `None` if it is not a compute host of the service.
    #[must_use]
    pub fn node_on(&self, host: HostId) -> Option<NodeId> {
        self.inner.nodes.on(host)
    }

    /// The storage service of a compute host; `None` if there is no such host.
    #[must_use]
    pub fn node_storage(&self, node: NodeId) -> Option<&StorageService> {
        self.inner.nodes.get(node).map(|node| &node.storage)
    }

    /// The counters of the bare-metal service of a compute host; `None` if there is no such host.
    #[must_use]
    pub fn ledger(&self, node: NodeId) -> Option<Ledger> {
        self.inner.nodes.get(node).map(|node| node.bare_metal.ledger())
    }

    /// The slots in use on a compute host; `None` if there is no such host.
    ///
    /// # Errors
    /// It is [changing](Changing): see [`view`](Self::view).
    pub fn slots_used(&self, node: NodeId) -> Result<Option<u32>, Changing> {
        Ok(self.unchanging()?.nodes.all.get(node).map(|node| node.slots_used))
    }

    /// Number of compute hosts; the ids of nodes are below it. Those that have left count.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.inner.nodes.len()
    }

    /// How many detached invocations it has accepted: see
    /// [`FunctionManager::invoke_detached`](crate::FunctionManager::invoke_detached).
    #[must_use]
    pub fn detached(&self) -> u64 {
        self.inner.detached.get()
    }

    /// How many invocation requests were lost, on the network or because the service was gone. They
    /// have no record. Every other request became an invocation, even if its sender has gone since
    /// or did not get the answer.
    #[must_use]
    pub fn requests_lost(&self) -> u64 {
        self.inner.lost.get()
    }

    pub(crate) fn request_sent(&self) {
        self.inner.on_their_way.set(self.inner.on_their_way.get() + 1);
    }

    pub(crate) fn request_arrived(&self) {
        self.inner.on_their_way.set(self.inner.on_their_way.get() - 1);
    }

    pub(crate) fn request_lost(&self) {
        self.request_arrived();
        self.inner.lost.set(self.inner.lost.get() + 1);
        // A drain may have waited for this request only.
        let is_last = !self.kernel().is_over() && self.inner.on_their_way.get() == 0;
        if is_last && self.inner.state.try_borrow().is_ok_and(|state| state.invocations.is_empty())
        {
            self.answer_drained();
        }
    }

    /// Calls an observer for every event on the platform from now on.
    ///
    /// It is called after the service has decided about a message and before the effects are
    /// carried out, once for each event, in order. It may query the service and its invocations,
    /// and send messages to the service, which are handled later. What it causes at once, as by
    /// turning a host off, takes place at once; all observers, it among them, are told of it after
    /// the events that came before.
    pub fn observe(&self, observer: Box<dyn FnMut(&PlatformEvent)>) {
        self.change(move |service, state| {
            state.observers.news.get_or_insert_default();
            service.inner.observers.borrow_mut().push(observer);
        });
    }

    /// Like [`observe`](Self::observe), for an observer that only counts: it is called within the
    /// decision that causes the event, which costs less, and can query neither the service nor its
    /// invocations, because they are [changing](crate::Changing).
    pub fn observe_at_once(&self, observer: Box<dyn FnMut(&PlatformEvent)>) {
        self.change(move |_, state| state.observers.add_at_once(observer));
    }

    /// Changes the state now or, if somebody looks at it or is called within a change, as soon as
    /// that is over, at the same date.
    fn change(&self, change: impl FnOnce(&Self, &mut PlatformState) + 'static) {
        if let Ok(mut state) = self.inner.state.try_borrow_mut() {
            return change(self, &mut state);
        }
        let service = self.clone();
        self.kernel().call_after(Duration::ZERO, move |_| service.change(change));
    }

    /// Calls the observers for the events since the last call. Nothing may be borrowed. Events that
    /// an observer causes meanwhile are left for after those that it is being told.
    #[cold]
    fn tell_observers(&self, mut news: Vec<PlatformEvent>) {
        if self.inner.tells_observers.replace(true) {
            if let Some(later) = &mut self.inner.state.borrow_mut().observers.news {
                news.append(later);
                *later = news;
            }
            return;
        }
        let mut observers = self.inner.observers.take();
        while !news.is_empty() {
            for event in news.drain(..) {
                observers.iter_mut().for_each(|observer| observer(&event));
            }
            // Observers that were added meanwhile come after them.
            observers.append(&mut self.inner.observers.borrow_mut());
            if let Some(later) = &mut self.inner.state.borrow_mut().observers.news {
                std::mem::swap(later, &mut news);
            }
        }
        self.inner.observers.replace(observers);
        self.inner.tells_observers.set(false);
    }

    /// Passes the record of every invocation that ends from now on to a sink.
    pub fn records_to(&self, sink: Rc<RefCell<dyn RecordSink>>) {
        self.change(move |service, state| {
            state.records.names_wanted |= sink.borrow().wants_names();
            let mut sinks = service.inner.sinks.borrow_mut();
            *sinks = sinks.iter().cloned().chain([sink]).collect();
        });
    }

    /// Collects the record of every invocation that ends from now on. A record takes a few hundred
    /// bytes, so this is for small simulations.
    #[must_use]
    pub fn collect_records(&self) -> Rc<RefCell<Vec<InvocationRecord>>> {
        let records = Rc::new(RefCell::default());
        self.records_to(Rc::<RefCell<Vec<InvocationRecord>>>::clone(&records));
        records
    }

    /// The accepted invocations that have not ended, in the order of submission. The handles of
    /// detached invocations tell their outcome, but waiting for them never ends, because no
    /// completion is sent.
    ///
    /// # Errors
    /// It is [changing](Changing): see [`view`](Self::view).
    pub fn unfinished(&self) -> Result<Vec<Invocation>, Changing> {
        let state = self.unchanging()?;
        let unfinished = state.invocations.all_that(|_| true);
        Ok(unfinished.into_iter().map(|key| self.handle(&state.invocations[key])).collect())
    }

    /// The handle of an invocation that has not ended; made if there is none.
    fn handle(&self, live: &Live) -> Invocation {
        if self.kernel().is_over() {
            // It is not stored: a stored handle would keep the service alive.
            return self.new_handle(live);
        }
        live.has_handle.set(true);
        live.is_attended.set(true);
        let mut tables = self.inner.tables.borrow_mut();
        let attachment = tables.attachments.get_mut(live.row);
        let new = || self.new_handle(live);
        attachment.map_or_else(new, |found| found.handle.get_or_insert_with(new).clone())
    }

    fn new_handle(&self, live: &Live) -> Invocation {
        Invocation::new(live.key(), live.function, live.life.submitted(), self.clone())
    }

    /// The state of an invocation that has not ended.
    pub(crate) fn state_of(&self, key: InvocationKey) -> InvocationState {
        let Ok(state) = self.unchanging() else { return InvocationState::Changing };
        state.invocations[key].life.state(self.kernel().now())
    }

    /// The record so far of an invocation that has not ended.
    pub(crate) fn record_of(
        &self,
        key: InvocationKey,
        function: FunctionId,
        submitted: Time,
    ) -> InvocationRecord {
        match self.unchanging() {
            Ok(state) => state.record(key, self.kernel().now()),
            Err(Changing) => {
                let ids = (key.id, function);
                let function = self.function(function);
                let (name, app) = (function.name(), function.app());
                let names = Names { function: name, app, image: None, node: None };
                Life::new(submitted).record(ids, &names)
            }
        }
    }

    /// The function that was last registered under a name.
    #[must_use]
    pub fn registered(&self, name: &str) -> Option<RegisteredFunction> {
        let tables = self.inner.tables.borrow();
        let id = *tables.by_name.get(name)?;
        drop(tables);
        Some(self.registered_as(id))
    }

    /// The registered function of an id.
    pub(crate) fn registered_as(&self, id: FunctionId) -> RegisteredFunction {
        let (function, limits) = &self.inner.tables.borrow().functions[id.index()];
        RegisteredFunction::new(self, id, function, *limits)
    }

    /// The function of an id.
    pub(crate) fn function(&self, id: FunctionId) -> Function {
        self.inner.tables.borrow().functions[id.index()].0.clone()
    }

    /// Checks the invariants of the platform state and that the ledgers of the bare-metal services
    /// agree with it.
    ///
    /// # Panics
    /// If an invariant does not hold.
    #[cfg(any(test, feature = "audit"))]
    pub fn check(&self) {
        let state = self.inner.state.borrow();
        state.check();
        let dispatched: u64 =
            self.inner.nodes.iter().map(|node| node.bare_metal.ledger().submitted).sum();
        assert_eq!(dispatched, state.containers.dispatches, "actions submitted = dispatches");
        // An action releases its core when it ends, but the slot is free only when the service has
        // handled the message of the end.
        let mut unheard = vec![0u32; self.inner.nodes.len()];
        for (node, status) in self.inner.tables.borrow().progress.values() {
            unheard[node.index()] +=
                u32::from(status.state() == isotherm_services::ActionState::Ended);
        }
        for ((node, services), unheard) in
            state.nodes.all.iter().zip(self.inner.nodes.iter()).zip(unheard)
        {
            let cores_in_use = services.bare_metal.ledger().cores_in_use;
            assert_eq!(
                cores_in_use + unheard,
                node.slots_used,
                "core ledger = slots in use on '{}'",
                node.name
            );
            services.bare_metal.check();
        }
        self.inner.checks.set(self.inner.checks.get() + 1);
    }

    /// How often the invariants have been checked: once per message.
    #[cfg(any(test, feature = "audit"))]
    #[must_use]
    pub fn checks(&self) -> u64 {
        self.inner.checks.get()
    }

    pub(crate) fn kernel(&self) -> &Kernel {
        self.inner.site.kernel()
    }

    /// Sends a message of no size to the service.
    fn tell(&self, from: &Address, request: Request) {
        self.inner.port.send(from, 0, request);
    }

    /// Sends a request of a user; if it is lost, the user gets the cause as answer.
    pub(crate) fn ask(&self, from: &Address, bytes: u64, request: Request) {
        let back = from.clone();
        self.inner
            .port
            .send_or(from, bytes, request, move |cause, request| request.lost(&back, cause));
    }

    /// Sends a request to invoke a function without a notification of the end.
    pub(crate) fn invoke_detached(
        &self,
        from: &Address,
        function: FunctionId,
        body: Option<Body>,
        given: Option<Box<Given>>,
        manager: &Port<ManagerMessage>,
    ) {
        let (ticket, manager) = (Ticket::new(self), manager.clone());
        let bytes = self.request_bytes(function, given.as_deref());
        let (reply, processed) = (None, false);
        let request = Request::Invoke { function, body, given, reply, manager, ticket, processed };
        self.ask(from, bytes, request);
    }

    /// The size of a request to invoke a function.
    #[inline]
    pub(crate) fn request_bytes(&self, function: FunctionId, given: Option<&Given>) -> u64 {
        let bytes = self.inner.payloads.invoke_request;
        match given {
            None if !self.inner.has_sizes.get() => bytes,
            given => bytes.saturating_add(self.sizes_of(function, given).input),
        }
    }

    #[cold]
    fn sizes_of(&self, function: FunctionId, given: Option<&Given>) -> Sizes {
        let sizes = self.inner.tables.borrow().functions[function.index()].0.sizes();
        given.map_or(sizes, |given| given.sizes(sizes))
    }

    /// An input or an output has a size.
    pub(crate) fn note_sizes(&self) {
        self.inner.has_sizes.set(true);
    }

    /// Input and output of an invocation that is accepted, if there are any.
    #[inline]
    fn values_of(&self, function: FunctionId, given: Option<Box<Given>>) -> Option<Box<Values>> {
        if given.is_none() && !self.inner.has_sizes.get() {
            return None;
        }
        self.values_with(function, given)
    }

    #[cold]
    fn values_with(&self, function: FunctionId, given: Option<Box<Given>>) -> Option<Box<Values>> {
        let sizes = self.sizes_of(function, given.as_deref());
        let input = given.and_then(|given| given.input);
        if sizes != Sizes::default() {
            self.note_sizes();
        } else if input.is_none() {
            return None;
        }
        Some(Box::new(Values { input, sizes, ..Values::default() }))
    }

    /// Like [`invoke_detached`](Self::invoke_detached), as the last thing of a step.
    pub(crate) fn invoke_last(
        &self,
        from: &Address,
        function: FunctionId,
        body: Option<Body>,
        manager: &Port<ManagerMessage>,
    ) {
        let inner = &*self.inner;
        let is_free = inner.payloads.invoke_request == 0
            && inner.processing_overhead.is_zero()
            && !inner.has_sizes.get();
        if !(is_free && self.takes_at_once(from, "invoke_request")) {
            return self.invoke_detached(from, function, body, None, manager);
        }
        self.state_now();
        if self.is_gone() {
            inner.lost.set(inner.lost.get() + 1);
        } else {
            self.take_in_detached(function, body, manager);
        }
        self.conclude(None, Round::Arrival);
    }

    /// Whether a message of no size that is sent now, as the last thing of a step, is handled in
    /// this step, because it would be handled next: then the caller does so. A service that asks
    /// its caller handles each message in a step of its own, which can be left.
    fn takes_at_once(&self, from: &Address, kind: &'static str) -> bool {
        let is_next = self.kernel().is_quiet()
            && !self.is_blocked()
            && self.inner.caller_decides.get() == CallerDecides::default();
        if is_next {
            self.inner.port.taken_at_once(from, kind);
        }
        is_next
    }

    /// Whether messages that arrive wait, because a request blocks the service or it waits for an
    /// answer.
    fn is_blocked(&self) -> bool {
        self.inner.in_hand.borrow().is_some() || self.inner.asks_caller.get().is_some()
    }

    /// Whether it accepts nothing: it has been stopped, or its host is off.
    fn is_gone(&self) -> bool {
        self.inner.stopped.get() || self.inner.is_head_off.get()
    }

    /// The cause for requests while it accepts nothing.
    fn gone(&self) -> FailureCause {
        if self.inner.is_head_off.get() && !self.inner.stopped.get() {
            return FailureCause::HostFailed {
                host: self.inner.site.platform().host_name(self.address().host()),
            };
        }
        Reply::<()>::gone(self.address())
    }

    /// Handles the messages that have arrived, unless they wait. There may be millions of messages
    /// at one date, so each counts as a turn for limits and watchers.
    fn receive(&self) {
        let mut is_first = true;
        while !self.is_blocked() {
            let Some(request) = self.inner.port.try_receive() else { return };
            if !std::mem::replace(&mut is_first, false) && self.kernel().count_turn().is_break() {
                return;
            }
            self.process(request);
        }
    }

    /// Handles the request that has blocked the service, then the messages that have arrived
    /// meanwhile.
    fn resume(&self) {
        let request = self.inner.in_hand.take();
        if let Some(request) = request {
            self.process(request);
        }
        self.receive();
    }

    /// Looks whether the keep-alive time of a container has passed. If so, it sends itself a
    /// message, as a timer would.
    fn look_for_expired(&self) {
        self.state_now();
        if self.inner.state.borrow_mut().has_expired() {
            self.tell(self.address(), Request::Expire);
        } else {
            self.carry_out();
        }
    }

    /// Delays a request by the processing overhead.
    fn delay(&self, request: Request) {
        let overhead = self.inner.processing_overhead;
        match self.inner.overhead {
            OverheadRule::BlocksService => {
                self.inner.in_hand.replace(Some(request));
                let timer = self.kernel().signal_after(
                    overhead,
                    Rc::clone(&self.inner) as _,
                    Signal::Resume.token(),
                );
                self.inner.resumes.set(Some(timer));
            }
            OverheadRule::DelaysRequest => {
                let port = self.inner.port.clone();
                self.kernel().call_after(overhead, move |_| {
                    let from = port.address().clone();
                    port.send(&from, 0, request);
                });
            }
        }
    }

    /// Handles one message.
    fn process(&self, request: Request) {
        let (idle, round) = match request {
            Request::Invoke { function, body, given, reply, manager, ticket, processed } => {
                let is_processed = processed || self.inner.processing_overhead.is_zero();
                if !is_processed && !self.inner.is_head_off.get() {
                    return self.delay(Request::Invoke {
                        function,
                        body,
                        given,
                        reply,
                        manager,
                        ticket,
                        processed: true,
                    });
                }
                self.state_now();
                self.take_in((function, body, given), reply, manager, ticket);
                (None, Round::Arrival)
            }
            Request::BodyEnded { invocation, report } => {
                self.state_now();
                if self.inner.has_sizes.get() {
                    self.inner.tables.borrow_mut().outgoing.remove(&invocation.id);
                }
                (self.body_ended(invocation, &report), Round::Yes)
            }
            Request::Warm { function, node } => {
                self.state_now();
                (self.place_warm(function, node), Round::Yes)
            }
            other => {
                self.state_now();
                (None, self.process_at_once(other))
            }
        };
        self.conclude(idle, round);
    }

    /// Sets the date of the state.
    fn state_now(&self) {
        self.inner.state.borrow_mut().now = self.kernel().now();
    }

    /// Handles one of the other messages.
    fn process_at_once(&self, request: Request) -> Round {
        let state = &self.inner.state;
        match request {
            Request::Invoke { .. } | Request::BodyEnded { .. } | Request::Warm { .. } => {}
            Request::Prepull => self.place_prepulled(),
            Request::NodeJoins { node } => self.node_joins(node),
            Request::NodeLeaves { node } => state.borrow_mut().node_leaves(node),
            Request::Retry => state.borrow_mut().retry_due(),
            // It is held when the head host is back.
            Request::RoundDue if self.is_gone() => return Round::No,
            Request::RoundDue if !state.borrow_mut().note_round_due() => return Round::No,
            Request::RoundDue => {}
            Request::Cancel { reply, .. } if self.is_gone() => reply.answer(0, Err(self.gone())),
            Request::Drain { reply } | Request::Stop { reply } if self.is_gone() => {
                reply.answer(0, Err(self.gone()))
            }
            Request::Register { function, limits, reply } => {
                reply.answer(self.inner.payloads.register_answer, self.register(function, limits));
            }
            Request::Cancel { invocation, reply } => {
                let cancelled = state.borrow_mut().cancel(invocation, FailureCause::Cancelled);
                reply.answer(0, Ok(cancelled));
            }
            Request::Drain { reply } => self.inner.tables.borrow_mut().draining.push(reply),
            Request::Stop { reply } => self.stop(reply),
            Request::DownloadEnded { image, result } => {
                state.borrow_mut().download_ended(image, result)
            }
            Request::MoveEnded { step, node, image, result } => {
                let failure = result.as_ref().err().cloned();
                state.borrow_mut().move_ended(step, node, image, result);
                return self.round_after_move(failure.as_ref());
            }
            Request::IdleTimeout { container, idle_sequence } => {
                state.borrow_mut().idle_timer_ended(container, idle_sequence);
            }
            Request::Expire => state.borrow_mut().expire(),
            Request::Prewarm { function } => state.borrow_mut().prewarm(function),
            Request::HostChanged { node, on: true, .. } => self.host_recovered(node),
            Request::HostChanged { is_noted: true, .. } => {}
            Request::HostChanged { node, .. } => state.borrow_mut().node_failed(node),
        }
        Round::Yes
    }

    fn body_ended(&self, invocation: InvocationKey, report: &ActionReport) -> Option<ContainerId> {
        self.wipe_private_storage(invocation);
        let mut state = self.inner.state.borrow_mut();
        let idle = state.body_ended(invocation, report);
        // A policy may query the handle.
        self.note_ends(&mut state);
        idle
    }

    /// Under the reference's rules a failed copy or load causes no round: it would fail again.
    fn round_after_move(&self, failure: Option<&FailureCause>) -> Round {
        let Some(cause) =
            failure.filter(|_| !self.inner.state.borrow().policies.evicts_for_images())
        else {
            return Round::Yes;
        };
        if !matches!(cause, FailureCause::StorageFull { .. }) {
            self.inner.interrupted.set(Some(self.inner.site.platform().state_changes()));
        }
        Round::No
    }

    fn register(&self, function: Function, limits: Limits) -> Result<FunctionId, FailureCause> {
        if self.is_gone() {
            return Err(self.gone());
        }
        let mut tables = self.inner.tables.borrow_mut();
        let mut state = self.inner.state.borrow_mut();
        let image = function.image().map(|image| tables.image_id(&mut state, image));
        let id = state.register(Registration {
            startup: function.startup().cloned(),
            on_failure: function.on_failure(),
            concurrency: function.concurrency(),
            app: Some(Arc::clone(function.app())),
            warm: function.warm(),
            ..Registration::new(Arc::clone(function.name()), image, limits)
        })?;
        if let Some(own) = function.keep_alive() {
            self.inner.constant_keep.set(None);
            self.inner.deciders.borrow_mut().set_own_keep_alive(id, Rc::clone(own));
        }
        if function.sizes() != Sizes::default() {
            self.note_sizes();
        }
        tables.by_name.insert(Arc::clone(function.name()), id);
        tables.functions.push((function, limits));
        // Each in a message of its own, since the caller may be asked whether to keep it. They come
        // before what follows the answer to the registration.
        for node in state.take_planned_warm(id) {
            self.tell(self.address(), Request::Warm { function: id, node });
        }
        Ok(id)
    }

    /// Places a container that is warm from the registration of its function on.
    fn place_warm(&self, function: FunctionId, node: NodeId) -> Option<ContainerId> {
        if self.is_gone() {
            return None;
        }
        self.inner.state.borrow_mut().place_warm(function, node)
    }

    /// Accepts an invocation and answers.
    fn take_in(
        &self,
        (function, body, given): (FunctionId, Option<Body>, Option<Box<Given>>),
        reply: Option<Reply<Invocation>>,
        manager: Port<ManagerMessage>,
        ticket: Ticket,
    ) {
        if self.is_gone() {
            // Dropping the ticket counts the request as lost.
            if let Some(reply) = reply {
                reply.answer(self.inner.payloads.invoke_answer, Err(self.gone()));
            }
            return;
        }
        ticket.taken_in();
        let values = self.values_of(function, given);
        match reply {
            Some(reply) => {
                let handle = self.take_in_with_handle((function, body, values), &manager, false);
                reply.answer(self.inner.payloads.invoke_answer, Ok(handle));
            }
            None if values.is_some() => {
                self.inner.detached.set(self.inner.detached.get() + 1);
                self.take_in_with_handle((function, body, values), &manager, true);
            }
            None => self.take_in_detached(function, body, &manager),
        }
    }

    fn take_in_with_handle(
        &self,
        (function, body, values): (FunctionId, Option<Body>, Option<Box<Values>>),
        manager: &Port<ManagerMessage>,
        is_detached: bool,
    ) -> Invocation {
        let key = self.submit(function, true, true);
        let mut tables = self.inner.tables.borrow_mut();
        let mut body = tables.body_of(function, body);
        let handle = Invocation::new(key, function, self.kernel().now(), self.clone());
        if let Some(values) = values {
            if values.sizes != Sizes::default() {
                body = body.by_actor();
            }
            handle.set_values(values);
        }
        let attachment = tables.attachments.insert(key.row, body);
        (attachment.handle, attachment.manager) = (Some(handle.clone()), Some(manager.clone()));
        attachment.is_detached = is_detached;
        handle
    }

    /// Accepts a detached invocation without input and output.
    #[inline]
    fn take_in_detached(
        &self,
        function: FunctionId,
        body: Option<Body>,
        manager: &Port<ManagerMessage>,
    ) {
        self.inner.detached.set(self.inner.detached.get() + 1);
        let body = self.inner.tables.borrow_mut().body_of(function, body);
        let is_sleep = matches!(body, Body::Sleep(_));
        let key = self.submit(function, !is_sleep, false);
        let mut tables = self.inner.tables.borrow_mut();
        let attachment = tables.attachments.insert(key.row, body);
        attachment.is_detached = true;
        if !is_sleep {
            attachment.manager = Some(manager.clone());
        }
    }

    #[inline]
    fn submit(&self, function: FunctionId, is_attended: bool, has_handle: bool) -> InvocationKey {
        self.note_invoked(function);
        let mut state = self.inner.state.borrow_mut();
        let live = state.submit(function);
        live.is_attended.set(is_attended);
        live.has_handle.set(has_handle);
        live.key()
    }

    #[inline]
    fn wipe_private_storage(&self, invocation: InvocationKey) {
        let tables = self.inner.tables.borrow();
        if !tables.private.is_empty() {
            self.wipe_private_storage_of(&tables, invocation);
        }
    }

    fn wipe_private_storage_of(&self, tables: &Tables, invocation: InvocationKey) {
        let state = self.inner.state.borrow();
        // Other invocations in the container still use the storage.
        let serves_one = |id: &ContainerId| state.containers.served_by(*id) == 1;
        let container = state.invocations.container_of(invocation).filter(serves_one);
        if let Some(storage) = container.and_then(|container| tables.private.get(&container)) {
            storage.wipe();
        }
    }

    fn host_recovered(&self, node: NodeId) {
        let services = &self.inner.nodes[node];
        // The host may have gone off again since the message was sent.
        if !self.inner.site.platform().is_on(services.host) {
            return;
        }
        services.restart(self.is_gone());
        self.inner.state.borrow_mut().node_recovered(node);
    }

    /// Ends all pending and running invocations, refuses further requests, and answers when nothing
    /// runs any more.
    fn stop(&self, reply: Reply<()>) {
        self.inner.stopped.set(true);
        let mut state = self.inner.state.borrow_mut();
        state.fail_all_waiting(&self.gone());
        self.note_ends(&mut state);
        drop(state);
        for node in self.inner.nodes.iter() {
            node.bare_metal.stop();
        }
        self.cut_off_outputs(&self.gone());
        self.inner.tables.borrow_mut().stopping = Some(reply);
    }

    /// The head host has failed: every invocation ends and every container stops. Until the host is
    /// back, requests are refused, but events on compute hosts are still noted.
    fn head_failed(&self) {
        self.inner.is_head_off.set(true);
        for node in self.inner.nodes.iter() {
            node.bare_metal.stop();
        }
        self.state_now();
        let host = self.inner.site.platform().host_name(self.address().host());
        let cause = FailureCause::HostFailed { host };
        // Every container stops, whatever would be answered: it is lost like those that are idle,
        // and no timer is set for it.
        let idle = |container| self.inner.state.borrow_mut().answer_keep(container, Keep::Forever);
        if let Some(AsksCaller::Keep(asked, _)) = self.inner.asks_caller.take() {
            idle(asked.container);
        }
        let mut state = self.inner.state.borrow_mut();
        state.fail_all_waiting(&cause);
        let running = state.invocations.running();
        drop(state);
        for id in running {
            let mut state = self.inner.state.borrow_mut();
            let left = state.abandon(id, cause.clone());
            self.note_ends(&mut state);
            drop(state);
            if let Some(container) = left {
                // Policies may learn from being asked.
                let _ = self.keep(container);
                idle(container);
            }
        }
        self.inner.state.borrow_mut().head_failed();
        // They fail by themselves, for invocations that have ended.
        self.inner.tables.borrow_mut().outgoing.clear();
        self.carry_out();
        // Requests that wait to be processed are refused now.
        if let Some(timer) = self.inner.resumes.take() {
            self.kernel().cancel_call(timer);
        }
        self.resume();
    }

    /// The head host is back, and so is the service. It still knows its functions and the contents
    /// of the head disk and the nodes' disks.
    fn head_recovered(&self) {
        self.inner.is_head_off.set(false);
        self.inner.head.restart();
        self.tell(self.address(), Request::RoundDue);
        if !self.inner.stopped.get() {
            for node in self.inner.nodes.iter() {
                node.bare_metal.restart();
            }
        }
    }
}

/// Images of one name get different file names.
fn unique_file_name(taken: &mut FxHashSet<Arc<str>>, image: &Image) -> Arc<str> {
    let name = image.name();
    let mut file = Arc::clone(name);
    let mut twins = 1;
    while !taken.insert(Arc::clone(&file)) {
        twins += 1;
        file = format!("{name}#{twins}").into();
    }
    file
}

fn start_head_storage(
    site: &Site,
    config: &ServiceConfig,
) -> Result<StorageService, ServerlessError> {
    let name = format!("{}_head_storage", config.name);
    let storage = StorageConfig {
        buffer: config.buffer_bytes,
        eviction: config.image_caches.head,
        ..nodes::image_storage(site, name, config.head, config.head_disk, &config.head_mount)?
    };
    Ok(StorageService::start(site, storage))
}
