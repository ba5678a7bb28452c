//! The state of the serverless platform and the consequences of events: plain, synchronous code
//! without actors.
//!
//! [`PlatformState`] holds nodes, containers, images and queues with their indexes. The service
//! passes events to it (a request, the end of a download, the end of an invocation); it changes the
//! state and queues [`Effect`]s, which the service carries out. Every change of what a node holds
//! is emitted to observers as a [`PlatformEvent`].
//!
//! # Invariants
//!
//! * An invocation is in exactly one [`Phase`]: waiting at a concurrency limit, waiting for its
//!   image, pending, or in a container. A container serves at most as many as its function allows.
//! * A container, busy or idle, pins its image on the disk and in the memory of its node, and holds
//!   its limits there.
//! * The image of a pending invocation is pinned on the head disk.
//! * On every node `slots used = invocations in containers ≤ slots`.
//!
//! Tests check them after every event ([`PlatformState::check`]).

mod backlog;
mod changes;
mod containers;
mod expiry;
mod head;
mod idle;
mod invocation_table;
mod invocations;
mod membership;
mod moves;
mod node;
mod prewarm;
mod reuse;
mod room;
mod round;
mod standstill;
mod throttle;
mod tier;
mod view;

#[cfg(any(test, feature = "audit"))]
mod check;
#[cfg(test)]
mod tests;

use backlog::Backlog;
pub use changes::{Change, ChangeKinds, Cursor, StopReason};
use changes::{ChangeLog, Logged};
pub(crate) use containers::Container;
use expiry::Expiries;
use idle::IdleContainers;
use invocation_table::InvocationTable;
pub(crate) use invocation_table::{InvocationKey, Row};
pub use membership::Membership;
pub(crate) use node::{Move, Node};
use prewarm::Prewarming;
pub(crate) use round::Asks;
use throttle::{CommonGate, Gate};
use tier::{InTier, SharedFileSystem, Tier};
pub use view::{ContainerInfo, Nearness, Need, Pending, View};

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::{Duration, Random, Time};
use isotherm_services::FailureCause;
use rustc_hash::FxHashMap;

use crate::eviction::{ContainerEviction, NeverEvict};
use crate::id_map::IdMap;
use crate::life::{Life, Records};
use crate::limits::Concurrency;
use crate::node_set::{IdSet, NodeSet};
use crate::rules::{ContainerReuse, OnFailure, RoomRule, Rules, Throttle};
use crate::{
    ContainerId, EventKind, FunctionId, ImageId, InvocationId, InvocationRecord, Limits, NodeId,
    Outcome, PlatformEvent, Startup,
};

/// What the service has to carry out.
///
/// Plain data, which is written and read in place in the queue; values that an effect owns wait in
/// queues of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// Download an image to the head disk, where its room is taken.
    Download { image: ImageId },
    /// Report at the end of the message queue that an image is on the head disk.
    DownloadAtOnce { image: ImageId },
    /// Copy or load an image to a node, where its room is taken.
    Move { step: Move, node: NodeId, image: ImageId },
    /// Report at the end of the message queue that a copy or a load found no room.
    MoveRefused { step: Move, node: NodeId, image: ImageId },
    /// Start an invocation on a node.
    Start {
        invocation: InvocationKey,
        node: NodeId,
        container: ContainerId,
        startup: Duration,
        limit: Duration,
    },
    /// Wake the service at this date, and not before, to look for containers whose keep-alive time
    /// has passed.
    Expire { at: Time },
    /// Wake the service when the keep-alive time of a container has passed.
    KeepAlive { container: ContainerId, idle_sequence: u64, idle: Duration },
    /// Wake the service to retry an interrupted copy or load.
    RetryMove { after: Duration },
    /// Wake the service at this date, and not before, to hold a round.
    HoldRound { at: Time },
    /// Wake the service to start a container of a function ahead.
    Prewarm { function: FunctionId, after: Duration },
    /// Cancel this.
    ForgetPrewarm { function: FunctionId },
    /// A container has stopped: drop what belongs to it.
    Stopped { container: ContainerId },
    /// Stop the body of an invocation.
    CancelBody { invocation: InvocationKey },
    /// An invocation has ended, the next one of those in [`PlatformState::finished`]: pass its
    /// record to the sinks, and notify its user.
    Ended { invocation: InvocationId, outcome: Outcome },
}

pub(crate) struct Image {
    pub(crate) name: Arc<str>,
    pub(crate) bytes: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) head: InTier,
    /// The invocations that wait for it to be on the head disk.
    pub(crate) waiting: BTreeSet<InvocationId>,
    /// The invocation since which it waits for room on the head disk.
    pub(crate) waits_since: Option<InvocationId>,
    /// Functions of this image that have pending invocations.
    pub(crate) functions_waiting: BTreeSet<FunctionId>,
    pub(crate) on_disk: NodeSet,
    pub(crate) in_memory: NodeSet,
    /// Copies and loads that have begun, or whose refusal was not processed yet.
    pub(crate) copying: NodeSet,
    pub(crate) loading: NodeSet,
}

impl Image {
    /// The bytes that are moved, and taken where the move leads.
    fn bytes_of(&self, step: Move) -> u64 {
        match step {
            Move::Copy => self.bytes,
            Move::Load => self.memory_bytes,
        }
    }

    /// The nodes where the move has led, and those where it is under way.
    fn places(&mut self, step: Move) -> (&mut NodeSet, &mut NodeSet) {
        match step {
            Move::Copy => (&mut self.on_disk, &mut self.copying),
            Move::Load => (&mut self.in_memory, &mut self.loading),
        }
    }
}

/// A function. What each invocation touches takes two cache lines; the rest is apart.
#[repr(align(64))]
pub(crate) struct Function {
    /// The containers that can take an invocation, idle or not, in the order in which they are to
    /// serve.
    pub(crate) idle: IdleContainers,
    pub(crate) pending: Backlog,
    pub(crate) image: Option<ImageId>,
    pub(crate) limits: Limits,
    pub(crate) startup: Startup,
    pub(crate) gate: Gate,
    /// How many invocations one container serves at once.
    pub(crate) concurrency: u32,
    /// The number of its invocations in containers.
    pub(crate) running: u32,
    /// Since when it has been idle: a container has become idle, no other served an invocation, and
    /// none was pending. [`Time::NEVER`] if it is not.
    idle_since: Time,
    /// Whether a container is to be started ahead.
    is_prewarming: bool,
    pub(crate) rest: Box<FunctionRest>,
}

const _: () = assert!(size_of::<Function>() == 128, "two cache lines");

/// What few invocations of a function touch.
pub(crate) struct FunctionRest {
    pub(crate) name: Arc<str>,
    /// What a container and its image take together.
    with_image: Need,
    /// When it was last logged that a container of it can serve.
    available: Logged,
    /// How many invocations the containers of [`Function::idle`] can take, by node. Maintained only
    /// if a container serves several at once.
    pub(crate) spare_on: FxHashMap<NodeId, usize>,
    /// The queue at its gate.
    line: VecDeque<InvocationId>,
    /// The number of its containers.
    pub(crate) containers: u32,
    /// How long it was idle before an invocation came, the last time.
    last_idle: Option<Duration>,
    /// What happens to the container of a failed invocation.
    on_failure: OnFailure,
    /// The container to be started ahead, if any.
    prewarming: Option<Prewarming>,
}

impl Function {
    /// Since when it has been idle, if it is.
    fn idle_since(&self) -> Option<Time> {
        (self.idle_since < Time::NEVER).then_some(self.idle_since)
    }
}

/// The description of a function to be registered.
pub(crate) struct Registration {
    pub(crate) name: Arc<str>,
    pub(crate) image: Option<ImageId>,
    pub(crate) limits: Limits,
    /// In place of the service's.
    pub(crate) startup: Option<Startup>,
    /// In place of the service's.
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) concurrency: Concurrency,
}

impl Registration {
    /// A registration with the service's defaults.
    pub(crate) fn new(name: Arc<str>, image: Option<ImageId>, limits: Limits) -> Self {
        Registration {
            name,
            image,
            limits,
            startup: None,
            on_failure: None,
            concurrency: Concurrency::default(),
        }
    }
}

/// The phase of an invocation: where it waits or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Submitted; not yet admitted or throttled.
    New,
    /// Waiting at a concurrency limit.
    Throttled,
    /// Waiting for its image to be on the head disk.
    AwaitsImage,
    /// Schedulable, with its position in the queue.
    Pending(u64),
    /// In a container.
    Running(ContainerId),
    /// It has ended; its row is not free yet, or vacant.
    Ended,
}

/// An invocation, in two cache lines.
#[repr(align(64))]
pub(crate) struct Invocation {
    pub(crate) id: InvocationId,
    pub(crate) row: Row,
    pub(crate) function: FunctionId,
    pub(crate) phase: Phase,
    /// The random word for the start-up of a container that is started for it.
    pub(crate) chance: u64,
    pub(crate) life: Life,
    /// Whether it is found by its id.
    is_listed: bool,
    /// Whether the service keeps something for it that is to be handled at its end. Set by the
    /// service.
    pub(crate) is_attended: Cell<bool>,
    /// Whether there is a handle, whose user may read the names in the record. Set by the service.
    pub(crate) has_handle: Cell<bool>,
}

const _: () = assert!(size_of::<Invocation>() == 128, "two cache lines");

impl Invocation {
    pub(crate) fn key(&self) -> InvocationKey {
        InvocationKey { id: self.id, row: self.row }
    }

    /// Whether it has this key and has not ended.
    fn is(&self, key: InvocationKey) -> bool {
        self.id == key.id && self.phase != Phase::Ended
    }
}

/// An invocation that has ended, until the service has handled that.
pub(crate) struct Finished {
    pub(crate) row: Row,
    /// Whether the service keeps something for it, and whether there is a handle.
    pub(crate) is_attended: bool,
    pub(crate) record: Rc<InvocationRecord>,
}

/// Whether a message is followed by a scheduling round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    Yes,
    /// Yes, and the only event is the arrival of an invocation.
    Arrival,
    No,
}

/// The rules of a platform, and the policies that are not [asked](crate::ask).
pub(crate) struct Policies {
    pub(crate) eviction: Box<dyn ContainerEviction>,
    pub(crate) reuse: ContainerReuse,
    pub(crate) reuse_random: Random,
    pub(crate) on_failure: OnFailure,
    pub(crate) rules: Rules,
    pub(crate) max_concurrency: Option<u32>,
    pub(crate) throttle: Throttle,
    pub(crate) startup_overhead: Duration,
    pub(crate) simulate_downloads: bool,
}

/// Called for every event on the platform.
pub(crate) type Observer = Box<dyn FnMut(&PlatformEvent)>;

pub(crate) struct PlatformState {
    pub(crate) now: Time,
    policies: Policies,
    /// The head disk.
    head: Tier,
    pub(crate) images: Vec<Image>,
    pub(crate) functions: Vec<Function>,
    functions_waiting: IdSet<FunctionId>,
    pub(crate) nodes: Vec<Node>,
    /// No node has a smaller memory or a smaller disk. A container that fits in here, as mostly,
    /// fits on every node.
    smallest: Need,
    /// Whether idle containers are evicted.
    evicts: bool,
    free_nodes: NodeSet,
    /// The nodes that have joined and do not leave, in order.
    members: Vec<NodeId>,
    /// Another one whenever these have changed.
    roster: Rc<()>,
    /// The nodes from whose disks images were evicted since the last message.
    nodes_with_dropped: Vec<NodeId>,
    pub(crate) containers: IdMap<ContainerId, Container>,
    expiries: Expiries,
    next_container: u64,
    next_idle_sequence: u64,
    next_use_sequence: u64,
    /// The random word for draws of containers, until the next dispatch.
    reuse_token: u64,
    pub(crate) invocations: InvocationTable,
    next_invocation: u64,
    records: Records,
    /// Whether a sink reads the names in records.
    pub(crate) names_wanted: bool,
    no_name: Arc<str>,
    /// Submitted invocations that were not processed yet.
    new: VecDeque<(InvocationKey, FunctionId)>,
    common_gate: CommonGate,
    /// Awaited images without room on the head disk, the longest waiting first.
    awaiting_room: BTreeSet<(InvocationId, ImageId)>,
    /// Whether a pin or a file on the head disk has gone since these were last tried.
    head_room_may_have_come: bool,
    /// The queue of schedulable invocations.
    pending: Backlog,
    /// Set by tests with so much that checks take too long.
    #[cfg(test)]
    unchecked: bool,
    /// What has happened, for schedulers that ask.
    log: ChangeLog,
    /// Whether the current round continues the last one, for the same message.
    repeats: bool,
    /// The rounds since the last one, for the same message, in which anything was feasible.
    in_vain: usize,
    /// The date at which to hold a round whether or not an invocation is pending.
    next_round: Option<Time>,
    /// The first date at which the service will be woken for a round.
    round_timer: Option<Time>,
    /// That date has come.
    round_is_due: bool,
    /// The number of dispatches so far.
    pub(crate) dispatches: u64,
    pub(crate) effects: VecDeque<Effect>,
    /// What goes with the effects [`Effect::Ended`].
    pub(crate) finished: VecDeque<Finished>,
    /// Whether there are handles that do not know yet that their invocations are among these.
    pub(crate) has_ended_handles: bool,
    /// The date and the cause of the last interruption of a copy or load, until one succeeds.
    broken_moves: BTreeMap<(ImageId, NodeId), (Time, FailureCause)>,
    /// Interrupted copies and loads by the date of their retry. Emptied whenever a part of the
    /// platform comes on.
    backing_off: BTreeSet<(Time, NodeId, ImageId)>,
    /// The dates at which the service will be woken for them.
    retry_timers: BTreeSet<Time>,
    /// When a part of the platform last came on.
    recovered_at: Time,
    /// The events that observers have not got yet; `None` if there are no observers. They are
    /// called when nothing is borrowed, because they may query the service.
    pub(crate) news: Option<Vec<PlatformEvent>>,
    /// Observers that are called at once and query nothing.
    observers: Vec<Observer>,
}

impl PlatformState {
    pub(crate) fn new(mut policies: Policies, head: SharedFileSystem, nodes: Vec<Node>) -> Self {
        let common_gate = CommonGate::new(policies.max_concurrency, policies.throttle);
        let evicts = policies.eviction.evicts();
        let reuse_token = policies.reuse_random.next_word();
        let mut state = PlatformState {
            now: Time::ZERO,
            smallest: Need { memory_bytes: u64::MAX, disk_bytes: u64::MAX },
            evicts,
            common_gate,
            policies,
            head: Tier::new(head),
            images: Vec::new(),
            functions: Vec::new(),
            functions_waiting: IdSet::new(),
            free_nodes: NodeSet::new(),
            members: Vec::with_capacity(nodes.len()),
            roster: Rc::default(),
            nodes: Vec::with_capacity(nodes.len()),
            nodes_with_dropped: Vec::new(),
            containers: IdMap::default(),
            expiries: Expiries::default(),
            next_container: 0,
            next_idle_sequence: 0,
            next_use_sequence: 0,
            reuse_token,
            invocations: InvocationTable::default(),
            next_invocation: 0,
            records: Records::default(),
            names_wanted: false,
            no_name: "".into(),
            new: VecDeque::new(),
            awaiting_room: BTreeSet::new(),
            head_room_may_have_come: false,
            pending: Backlog::default(),
            #[cfg(test)]
            unchecked: false,
            log: ChangeLog::default(),
            repeats: false,
            in_vain: 0,
            next_round: None,
            round_timer: None,
            round_is_due: false,
            dispatches: 0,
            effects: VecDeque::new(),
            finished: VecDeque::new(),
            has_ended_handles: false,
            broken_moves: BTreeMap::new(),
            backing_off: BTreeSet::new(),
            retry_timers: BTreeSet::new(),
            recovered_at: Time::ZERO,
            news: None,
            observers: Vec::new(),
        };
        for node in nodes {
            state.add_node(node);
        }
        state
    }

    /// Adds a node. It takes part from the next round on.
    pub(crate) fn add_node(&mut self, node: Node) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        let Need { memory_bytes, disk_bytes } = node.capacity;
        self.smallest.memory_bytes = self.smallest.memory_bytes.min(memory_bytes);
        self.smallest.disk_bytes = self.smallest.disk_bytes.min(disk_bytes);
        self.nodes.push(node);
        self.log.grow(1);
        self.members.push(id);
        self.roster = Rc::default();
        self.log.add(Change::Joined { node: id });
        self.note_slots(id);
        id
    }

    /// Adds an observer that is called at once, within decisions.
    pub(crate) fn observe(&mut self, observer: Observer) {
        self.observers.push(observer);
    }

    /// Gives up every value that may hold the service, to be dropped while nothing is borrowed. The
    /// data stays.
    pub(crate) fn tear_down(&mut self) -> impl Sized + use<> {
        let eviction = std::mem::replace(&mut self.policies.eviction, Box::new(NeverEvict));
        self.effects.clear();
        self.finished.clear();
        (eviction, std::mem::take(&mut self.observers))
    }

    /// Takes the events that observers have not got yet.
    #[inline]
    pub(crate) fn take_news(&mut self) -> Option<Vec<PlatformEvent>> {
        self.news.as_mut().filter(|news| !news.is_empty()).map(std::mem::take)
    }

    fn emit(&mut self, kind: impl FnOnce() -> EventKind) {
        if self.observers.is_empty() && self.news.is_none() {
            return;
        }
        let event = PlatformEvent { at: self.now, kind: kind() };
        for observer in &mut self.observers {
            observer(&event);
        }
        if let Some(news) = &mut self.news {
            news.push(event);
        }
    }

    /// Adds an image.
    pub(crate) fn add_image(&mut self, name: Arc<str>, bytes: u64, memory_bytes: u64) -> ImageId {
        self.images.push(Image {
            name,
            bytes,
            memory_bytes,
            head: InTier::Absent,
            waiting: BTreeSet::new(),
            waits_since: None,
            functions_waiting: BTreeSet::new(),
            on_disk: NodeSet::new(),
            in_memory: NodeSet::new(),
            copying: NodeSet::new(),
            loading: NodeSet::new(),
        });
        ImageId((self.images.len() - 1) as u32)
    }

    /// What a container and its image take together. Fails if no node could hold them, or the head
    /// disk not the image.
    fn admissible(&self, image: Option<ImageId>, limits: &Limits) -> Result<Need, FailureCause> {
        let refused = |reason: String| Err(FailureCause::NotAllowed { reason: reason.into() });
        let (bytes, memory_bytes) = image.map_or((0, 0), |image| {
            let image = &self.images[image.index()];
            (image.bytes, image.memory_bytes)
        });
        if bytes > self.head.borrow().capacity() {
            return refused(format!("the head disk can never hold an image of {bytes} bytes"));
        }
        let need = Need {
            memory_bytes: memory_bytes.saturating_add(limits.memory_bytes),
            disk_bytes: bytes.saturating_add(limits.disk_bytes),
        };
        // There may be tens of thousands of functions.
        let fits = |node: &Node| need.fits_into(node.capacity);
        if need.fits_into(self.smallest) || self.nodes.iter().any(fits) {
            return Ok(need);
        }
        if !self.nodes.iter().any(|node| need.disk_bytes <= node.capacity.disk_bytes) {
            return refused(format!(
                "no compute host's disk can ever hold the image ({bytes} bytes) and the disk limit ({} bytes)",
                limits.disk_bytes
            ));
        }
        refused(format!(
            "no compute host can ever hold the image ({memory_bytes} bytes) and the memory limit ({} bytes) \
             in memory",
            limits.memory_bytes
        ))
    }

    /// Registers a function. Fails if it can never run.
    pub(crate) fn register(
        &mut self,
        registration: Registration,
    ) -> Result<FunctionId, FailureCause> {
        let Registration { name, image, limits, startup, on_failure, concurrency } = registration;
        let with_image = self.admissible(image, &limits)?;
        let Concurrency { per_container, limit, reserved } = concurrency;
        if !self.common_gate.admit(limit, reserved) {
            let reason = "the service has not so much concurrency that nobody has reserved".into();
            return Err(FailureCause::NotAllowed { reason });
        }
        self.log.grow(1);
        self.functions.push(Function {
            idle: IdleContainers::default(),
            pending: Backlog::default(),
            image,
            limits,
            startup: startup.unwrap_or(self.policies.startup_overhead.into()),
            gate: Gate::new(limit, reserved),
            concurrency: per_container,
            running: 0,
            idle_since: Time::NEVER,
            is_prewarming: false,
            rest: Box::new(FunctionRest {
                name,
                with_image,
                available: 0,
                spare_on: FxHashMap::default(),
                line: VecDeque::new(),
                containers: 0,
                last_idle: None,
                on_failure: on_failure.unwrap_or(self.policies.on_failure),
                prewarming: None,
            }),
        });
        Ok(FunctionId((self.functions.len() - 1) as u32))
    }

    /// Follows every message: images without a file leave memory, new invocations are admitted, and
    /// a round is asked for.
    pub(crate) fn conclude(&mut self, round: Round) -> Asks {
        if round != Round::Arrival {
            self.log.add_event();
        }
        self.drop_images_without_file();
        if let Some((invocation, function)) = self.admit_new(round != Round::No) {
            return Asks::Alone { invocation, function };
        }
        #[cfg(any(test, feature = "audit"))]
        self.check();
        if round == Round::No { Asks::Nothing } else { self.ask_for_round() }
    }

    fn change_slots_used(&mut self, node: NodeId, change: impl FnOnce(u32) -> u32) {
        let state = &mut self.nodes[node.index()];
        state.slots_used = change(state.slots_used);
        self.log.renew(&mut state.logged_load, Change::Load { node });
        if state.slots.is_some() {
            self.note_slots(node);
        }
    }

    /// Updates the set of nodes with a free slot.
    fn note_slots(&mut self, node: NodeId) {
        self.touch(node);
        if self.nodes[node.index()].free_slots() > 0 {
            self.free_nodes.insert(node);
        } else {
            self.free_nodes.remove(node);
        }
    }

    /// A host has failed: its containers and the contents of its memory are lost; its disk keeps
    /// its contents. Bodies that ran there report their failure themselves.
    pub(crate) fn node_failed(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if !state.up {
            return;
        }
        state.up = false;
        state.room_may_have_come();
        self.log.add(Change::Down { node });
        for container in self.idle_on(node) {
            self.stop_container(container, StopReason::Lost);
        }
        let in_memory: Vec<ImageId> = self.images_in_memory(node);
        for image in in_memory {
            self.drop_from_memory(node, image);
        }
        self.note_slots(node);
    }

    /// The host is back.
    pub(crate) fn node_recovered(&mut self, node: NodeId) {
        if self.nodes[node.index()].membership == Membership::Joined {
            self.log.add(Change::Up { node });
            self.take_up(node);
        }
    }

    /// Uses a node that is on.
    fn take_up(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        state.up = true;
        // Copies and loads that its failure interrupted may be retried at once.
        let Node { images, .. } = state;
        #[expect(
            clippy::iter_over_hash_type,
            reason = "every image gets the same, in whatever order"
        )]
        for known in images.values_mut() {
            known.failures = 0;
            known.retry_at = Time::ZERO;
        }
        images.retain(|_, known| !known.is_gone(self.now));
        self.note_slots(node);
    }

    /// The head host has failed: every invocation ends with the cause, and every container stops,
    /// since the service has lost its data. Disks and images in memories stay.
    ///
    /// Those that are in containers must have been [abandoned](Self::abandon) before.
    pub(crate) fn head_failed(&mut self) {
        let mut left: Vec<ContainerId> = self.containers.iter().map(|(id, _)| id).collect();
        left.sort_unstable();
        for container in left {
            self.stop_container(container, StopReason::Lost);
        }
        for index in 0..self.functions.len() {
            if self.functions[index].take_prewarming().is_some() {
                self.effects
                    .push_back(Effect::ForgetPrewarm { function: FunctionId(index as u32) });
            }
        }
    }

    pub(crate) fn evicts_for_images(&self) -> bool {
        self.policies.rules.room == RoomRule::EvictIdleContainers
    }
}
