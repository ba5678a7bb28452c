//! An independent checker of a run: rebuilds from the event log what every node holds and checks
//! the rules of the platform after each event.
//!
//! The [`Auditor`] does not read the platform's state. It is given the [`Capacities`] once, listens
//! to the [`PlatformEvent`]s in order, and tracks disks, memories, slots, containers, pins and
//! invocations itself. A rule that is broken is a [`Violation`] with a date and a sentence; the
//! first ones are kept, all are counted, and the audit continues. It never panics, whatever the
//! events are.
//!
//! # The rules
//!
//! * [`Rule::Dates`]: no event is earlier than the one before.
//! * [`Rule::Capacity`]: head disk, node disks, node memories and slots never exceed their
//!   capacity.
//! * [`Rule::Download`]: one download per image at a time, and none of an image on the head disk.
//! * [`Rule::Copy`], [`Rule::Load`]: only of an image that is readable at the source and absent at
//!   the destination; what ends or fails had begun.
//! * [`Rule::Placed`]: an image that is placed was absent; on a node's disk it is placed only if it
//!   is on the head disk, in a memory only if it is on the node's disk; a placed container is new
//!   and serves nothing.
//! * [`Rule::Eviction`]: an evicted image was there, complete, with the size that is released; it
//!   was not being read, and no container of the node pinned it. An evicted container was idle.
//! * [`Rule::Container`]: started once, with its image on the node's disk and in its memory; idle
//!   only when it exists and serves nothing; stopped once, by its node, and not while it serves an
//!   invocation (when a host fails, its invocations end first).
//! * [`Rule::Dispatch`]: of a pending invocation, admitted if it has an image, once, to a container
//!   of that node and function that exists, has capacity left, and has its image on disk and in
//!   memory; a cold start precedes any body in the container.
//! * [`Rule::Invocation`]: submitted once, ended once, and completed or timed out only after its
//!   dispatch.
//! * [`Rule::Conservation`]: submitted = ended + pending.
//! * [`Rule::Unfinished`] (checked by [`Auditor::finish`]): every invocation has ended, and no slot
//!   is taken.
//! * [`Rule::UnknownNode`]: the nodes of events exist; copies, loads, containers and invocations
//!   begin only on those that have joined and do not leave, and one that has left holds nothing.
//!
//! # Cost
//!
//! O(log n) per event. Memory grows with live entities, not with past invocations.
//!
//! # Example
//!
//! ```ignore
//! let auditor = Auditor::shared(Capacities { head_disk_bytes, nodes });
//! service.observe(Auditor::observer(&auditor));
//! simulation.run()?;
//! let mut auditor = auditor.borrow_mut();
//! auditor.finish();
//! assert!(auditor.is_clean(), "{}", auditor.violations()[0]);
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use isotherm_kernel::Time;

use crate::event::{EventKind, PlatformEvent};
use crate::{
    ContainerId, FunctionId, ImageId, InvocationId, NodeId, Outcome, StartKind, StopReason,
};

use image_store::{ImageStore, StoreName};
use log::Log;
use seen::Seen;

mod image_store;
mod log;
mod seen;
#[cfg(test)]
mod tests;

pub use log::{Rule, Violation};

/// The capacities of a compute host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCapacity {
    /// Size of its disk.
    pub disk_bytes: u64,
    /// The size of its memory; `u64::MAX` if unlimited.
    pub memory_bytes: u64,
    /// How many invocations may run on it at a time; `None` if unlimited.
    pub slots: Option<u32>,
}

/// The capacities of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacities {
    /// Size of the head disk.
    pub head_disk_bytes: u64,
    /// The compute hosts, in the order of their [`NodeId`]s.
    pub nodes: Vec<NodeCapacity>,
}

/// The usage of a node: now ([`Auditor::node_use`]), or the maximum over time of each quantity
/// separately ([`Auditor::peak_use`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeUse {
    /// Bytes of the disk: images and disk limits of containers.
    pub disk_bytes: u64,
    /// Bytes of the memory: images and memory limits of containers.
    pub memory_bytes: u64,
    /// Invocations dispatched and not ended.
    pub slots: u32,
    /// Containers, busy and idle.
    pub containers: u32,
}

/// The counts of events and of their kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditCounters {
    /// Events observed.
    pub events: u64,
    /// Invocations submitted.
    pub submitted: u64,
    /// Invocations ended, by outcome. Outcomes that did not occur are absent.
    pub ended: BTreeMap<Outcome, u64>,
    /// Dispatches to a container that was started for the invocation.
    pub cold_starts: u64,
    /// Dispatches to an idle container.
    pub warm_starts: u64,
    /// Invocations that were dispatched later than they were admitted.
    pub waited: u64,
    /// Downloads begun.
    pub downloads: u64,
    /// Downloads that failed.
    pub failed_downloads: u64,
    /// Copies begun.
    pub copies: u64,
    /// Copies that found no room on the node's disk.
    pub refused_copies: u64,
    /// Copies that were interrupted.
    pub interrupted_copies: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that found no room in the node's memory.
    pub refused_loads: u64,
    /// Loads that were interrupted.
    pub interrupted_loads: u64,
    /// Images placed on the head disk, on disks and in memories of nodes.
    pub images_placed: u64,
    /// Images evicted from the head disk.
    pub head_evictions: u64,
    /// Images evicted from a node's disk.
    pub disk_evictions: u64,
    /// Images that left a node's memory.
    pub memory_evictions: u64,
    /// Containers started.
    pub containers: u64,
    /// Containers started ahead; they are included in `containers`.
    pub prewarmings: u64,
    /// Containers that were placed warm; they are included in `containers`.
    pub containers_placed: u64,
    /// Containers that should have been started ahead or placed, but found no room.
    pub skipped_prewarmings: u64,
    /// Idle containers evicted.
    pub container_evictions: u64,
    /// Containers stopped for any other reason, such as the end of their keep-alive.
    pub container_stops: u64,
}

impl AuditCounters {
    /// Invocations ended, with any outcome.
    #[must_use]
    pub fn ended_total(&self) -> u64 {
        self.ended.values().sum()
    }
}

/// The checker. See the [module](self).
#[derive(Debug)]
pub struct Auditor {
    head: ImageStore,
    nodes: Vec<Node>,
    containers: BTreeMap<ContainerId, Container>,
    seen_containers: Seen,
    pending: BTreeMap<InvocationId, Pending>,
    seen_invocations: Seen,
    counters: AuditCounters,
    /// Set once the balance of invocations was wrong, since it stays wrong after that.
    unbalanced: bool,
    log: Log,
}

#[derive(Debug)]
struct Node {
    disk: ImageStore,
    memory: ImageStore,
    slots: u32,
    slot_capacity: Option<u32>,
    containers: u32,
    peak_slots: u32,
    peak_containers: u32,
    /// Whether it has joined and does not leave.
    is_member: bool,
}

impl Node {
    fn new(node: NodeId, capacity: &NodeCapacity) -> Self {
        Node {
            disk: ImageStore::new(StoreName::Disk(node), capacity.disk_bytes),
            memory: ImageStore::new(StoreName::Memory(node), capacity.memory_bytes),
            slots: 0,
            slot_capacity: capacity.slots,
            containers: 0,
            peak_slots: 0,
            peak_containers: 0,
            is_member: true,
        }
    }
}

#[derive(Debug)]
struct Container {
    node: NodeId,
    function: FunctionId,
    image: Option<ImageId>,
    disk_bytes: u64,
    memory_bytes: u64,
    /// How many invocations it may serve at once.
    capacity: u32,
    /// The invocations that it serves.
    serves: Vec<InvocationId>,
    /// Whether a body has run in it to its end.
    used: bool,
    /// Whether it is idle: it has become so, and has not been given anything since.
    idle: bool,
}

/// The facts that an event states about a container.
struct Said {
    memory_bytes: u64,
    was_idle: bool,
}

impl Said {
    /// Reports facts that differ from the tracked ones.
    fn check(&self, log: &mut Log, rule: Rule, id: ContainerId, container: &Container) {
        if self.memory_bytes != container.memory_bytes {
            let (said, held) = (self.memory_bytes, container.memory_bytes);
            log.report(
                rule,
                format_args!(
                    "container {id} is said to hold {said} bytes of memory, but holds {held}"
                ),
            );
        }
        match (self.was_idle, container.idle) {
            (true, false) => log.report(
                rule,
                format_args!("container {id} is said to have been idle, but it was not"),
            ),
            (false, true) => log.report(
                rule,
                format_args!("container {id} was idle, but is said not to have been"),
            ),
            _ => {}
        }
    }
}

#[derive(Debug)]
struct Pending {
    function: FunctionId,
    admitted: Option<Time>,
    dispatched: Option<(NodeId, ContainerId)>,
}

impl Auditor {
    /// An auditor for a platform with these capacities, before its first event. Keeps the first 20
    /// violations.
    #[must_use]
    pub fn new(capacities: Capacities) -> Self {
        let nodes = capacities.nodes.iter().zip(0..);
        let nodes = nodes.map(|(capacity, node)| Node::new(NodeId(node), capacity));
        Auditor {
            head: ImageStore::new(StoreName::Head, capacities.head_disk_bytes),
            nodes: nodes.collect(),
            containers: BTreeMap::new(),
            seen_containers: Seen::default(),
            pending: BTreeMap::new(),
            seen_invocations: Seen::default(),
            counters: AuditCounters::default(),
            unbalanced: false,
            log: Log::new(20),
        }
    }

    /// Like [`new`](Self::new), shared so that it can observe events while it is queried: see
    /// [`Auditor::observer`].
    #[must_use]
    pub fn shared(capacities: Capacities) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Auditor::new(capacities)))
    }

    /// An observer that passes every event to a shared auditor.
    pub fn observer(auditor: &Rc<RefCell<Self>>) -> Box<dyn FnMut(&PlatformEvent)> {
        let auditor = Rc::clone(auditor);
        Box::new(move |event| auditor.borrow_mut().observe(event))
    }

    /// Keeps the first `count` violations instead of 20.
    #[must_use]
    pub fn keep_violations(mut self, count: usize) -> Self {
        self.log.keep(count);
        self
    }

    /// Processes an event and checks the rules.
    pub fn observe(&mut self, event: &PlatformEvent) {
        self.counters.events += 1;
        self.log.now(event.at);
        match event.kind {
            EventKind::CopyStarted { node, .. }
            | EventKind::LoadStarted { node, .. }
            | EventKind::DiskPlaced { node, .. }
            | EventKind::MemoryPlaced { node, .. }
            | EventKind::ContainerStarted { node, .. }
            | EventKind::Dispatched { node, .. } => self.check_member(node),
            _ => {}
        }
        match event.kind {
            EventKind::NodeJoined { node, slots, memory_bytes, disk_bytes } => {
                self.joined(node, NodeCapacity { disk_bytes, memory_bytes, slots });
            }
            EventKind::NodeLeaving { node } => self.set_member(node, false),
            EventKind::NodeStays { node } => self.set_member(node, true),
            EventKind::NodeLeft { node, .. } => self.left(node),
            EventKind::Submitted { invocation, function } => self.submitted(invocation, function),
            EventKind::Admitted { invocation } => self.admitted(invocation),
            EventKind::DownloadStarted { image, bytes } => {
                self.counters.downloads += 1;
                self.head.begin(&mut self.log, Rule::Download, image, bytes);
            }
            EventKind::DownloadEnded { image } => {
                self.head.complete(&mut self.log, Rule::Download, image)
            }
            EventKind::DownloadFailed { image } => {
                self.counters.failed_downloads += 1;
                self.head.abort(&mut self.log, Rule::Download, image);
            }
            EventKind::HeadPlaced { image, bytes } => {
                self.counters.images_placed += 1;
                self.head.place(&mut self.log, image, bytes);
            }
            EventKind::DiskPlaced { node, image, bytes } => self.disk_placed(node, image, bytes),
            EventKind::MemoryPlaced { node, image, bytes } => {
                self.memory_placed(node, image, bytes);
            }
            EventKind::HeadEvicted { image, bytes } => {
                self.counters.head_evictions += 1;
                self.head.evict(&mut self.log, image, bytes);
            }
            EventKind::CopyStarted { node, image, bytes } => self.copy_started(node, image, bytes),
            EventKind::CopyEnded { node, image } => self.copy_ended(node, image),
            EventKind::CopyFailed { node, image, started } => {
                self.copy_failed(node, image, started)
            }
            EventKind::LoadStarted { node, image, bytes } => self.load_started(node, image, bytes),
            EventKind::LoadEnded { node, image } => self.load_ended(node, image),
            EventKind::LoadFailed { node, image, started } => {
                self.load_failed(node, image, started)
            }
            EventKind::DiskEvicted { node, image, bytes } => {
                self.counters.disk_evictions += 1;
                if let Some(node) = find(&mut self.nodes, &mut self.log, node) {
                    node.disk.evict(&mut self.log, image, bytes);
                }
            }
            EventKind::MemoryEvicted { node, image, bytes } => {
                self.counters.memory_evictions += 1;
                if let Some(node) = find(&mut self.nodes, &mut self.log, node) {
                    node.memory.evict(&mut self.log, image, bytes);
                }
            }
            EventKind::ContainerStarted {
                node,
                container,
                function,
                image,
                disk_bytes,
                memory_bytes,
                capacity,
                ..
            } => {
                let (serves, used, idle) = (Vec::new(), false, false);
                let new = Container {
                    node,
                    function,
                    image,
                    disk_bytes,
                    memory_bytes,
                    capacity,
                    serves,
                    used,
                    idle,
                };
                self.container_started(container, new);
            }
            EventKind::ContainerIdle { node, container, memory_bytes } => {
                self.container_idle(node, container, memory_bytes);
            }
            EventKind::Prewarmed { node, container } => {
                self.counters.prewarmings += 1;
                self.check_new(node, container, Rule::Container, "pre-warmed");
            }
            EventKind::ContainerPlaced { node, container } => {
                self.counters.containers_placed += 1;
                self.check_new(node, container, Rule::Placed, "placed");
            }
            EventKind::NodeDown { .. }
            | EventKind::NodeUp { .. }
            | EventKind::ContainerClosed { .. }
            | EventKind::PrewarmPlanned { .. }
            | EventKind::PrewarmCancelled { .. } => {}
            EventKind::PrewarmingSkipped { .. } => self.counters.skipped_prewarmings += 1,
            EventKind::ContainerStopped {
                node, container, memory_bytes, was_idle, cause, ..
            } => {
                let evicted = cause == StopReason::Evicted;
                self.container_stopped(node, (container, Said { memory_bytes, was_idle }), evicted);
            }
            EventKind::Dispatched {
                invocation,
                node,
                container,
                memory_bytes,
                was_idle,
                start_kind,
            } => {
                self.dispatched(
                    invocation,
                    node,
                    (container, Said { memory_bytes, was_idle }),
                    start_kind,
                );
            }
            EventKind::Ended { invocation, outcome, container } => {
                self.ended(invocation, outcome, container)
            }
        }
        self.check_balance();
    }

    /// Checks that the run is complete: every invocation has ended, and no slot is taken. May be
    /// called again after further events.
    pub fn finish(&mut self) {
        if let Some((first, _)) = self.pending.first_key_value() {
            let count = self.pending.len();
            self.log.report(
                Rule::Unfinished,
                format_args!("{count} invocations never ended, the first is {first}"),
            );
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if node.slots > 0 {
                let slots = node.slots;
                self.log.report(
                    Rule::Unfinished,
                    format_args!("{slots} slots of node {index} are still taken"),
                );
            }
        }
    }

    /// Whether no rule was broken so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.log.count() == 0
    }

    /// The first violations, in the order in which they happened.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.log.kept()
    }

    /// The number of violations, kept or not.
    #[must_use]
    pub fn violation_count(&self) -> u64 {
        self.log.count()
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> &AuditCounters {
        &self.counters
    }

    /// Invocations submitted and not ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Containers, busy and idle, of all nodes.
    #[must_use]
    pub fn containers(&self) -> usize {
        self.containers.len()
    }

    /// The used bytes of the head disk.
    #[must_use]
    pub fn head_disk_bytes(&self) -> u64 {
        self.head.used()
    }

    /// The maximum of the used bytes of the head disk over time.
    #[must_use]
    pub fn peak_head_disk_bytes(&self) -> u64 {
        self.head.peak()
    }

    /// The usage of a node now; zero for an unknown node.
    pub fn node_use(&self, node: NodeId) -> NodeUse {
        self.nodes.get(node.index()).map_or_else(NodeUse::default, |node| NodeUse {
            disk_bytes: node.disk.used(),
            memory_bytes: node.memory.used(),
            slots: node.slots,
            containers: node.containers,
        })
    }

    /// The maximum usage of a node over time, each quantity separately.
    pub fn peak_use(&self, node: NodeId) -> NodeUse {
        self.nodes.get(node.index()).map_or_else(NodeUse::default, |node| NodeUse {
            disk_bytes: node.disk.peak(),
            memory_bytes: node.memory.peak(),
            slots: node.peak_slots,
            containers: node.peak_containers,
        })
    }

    /// How many containers of a node pin this image.
    #[must_use]
    pub fn pins(&self, node: NodeId, image: ImageId) -> u32 {
        self.nodes.get(node.index()).map_or(0, |node| node.disk.pins(image))
    }

    /// The images on a node's disk whose copy has ended, in order.
    pub fn images_on_disk(&self, node: NodeId) -> Vec<ImageId> {
        self.nodes.get(node.index()).map_or_else(Vec::new, |node| node.disk.complete_images())
    }

    fn submitted(&mut self, invocation: InvocationId, function: FunctionId) {
        self.counters.submitted += 1;
        if !self.seen_invocations.insert(invocation.0) {
            self.log.report(
                Rule::Invocation,
                format_args!("invocation {invocation} was submitted a second time"),
            );
            return;
        }
        self.pending.insert(invocation, Pending { function, admitted: None, dispatched: None });
    }

    fn admitted(&mut self, invocation: InvocationId) {
        let log = &mut self.log;
        let Some(pending) = self.pending.get_mut(&invocation) else {
            log.report(
                Rule::Invocation,
                format_args!("invocation {invocation} was admitted, but is not pending"),
            );
            return;
        };
        if pending.admitted.replace(log.date()).is_some() {
            log.report(
                Rule::Invocation,
                format_args!("invocation {invocation} was admitted a second time"),
            );
        }
    }

    fn check_member(&mut self, node: NodeId) {
        if self.nodes.get(node.index()).is_some_and(|found| !found.is_member) {
            self.log.report(
                Rule::UnknownNode,
                format_args!("something begins on node {node}, which leaves or has left"),
            );
        }
    }

    fn set_member(&mut self, node: NodeId, is_member: bool) {
        if let Some(found) = find(&mut self.nodes, &mut self.log, node) {
            found.is_member = is_member;
        }
    }

    fn joined(&mut self, node: NodeId, capacity: NodeCapacity) {
        // One that has left keeps its peaks.
        if node.index() == self.nodes.len() {
            self.nodes.push(Node::new(node, &capacity));
        } else {
            self.set_member(node, true);
        }
    }

    fn left(&mut self, node: NodeId) {
        let Some(found) = find(&mut self.nodes, &mut self.log, node) else { return };
        let held = (found.disk.used(), found.memory.used(), found.slots, found.containers);
        if held != (0, 0, 0, 0) {
            let (disk, memory, slots, containers) = held;
            self.log.report(
                Rule::UnknownNode,
                format_args!(
                    "node {node} has left with {disk} bytes on disk, {memory} in memory, {slots} \
                     slots and {containers} containers in use"
                ),
            );
        }
    }

    fn copy_started(&mut self, node: NodeId, image: ImageId, bytes: u64) {
        self.counters.copies += 1;
        if let Some(found) = find(&mut self.nodes, &mut self.log, node) {
            self.head.begin_read(&mut self.log, Rule::Copy, image);
            found.disk.begin(&mut self.log, Rule::Copy, image, bytes);
        }
    }

    fn copy_ended(&mut self, node: NodeId, image: ImageId) {
        if let Some(found) = find(&mut self.nodes, &mut self.log, node) {
            self.head.end_read(image);
            found.disk.complete(&mut self.log, Rule::Copy, image);
        }
    }

    fn copy_failed(&mut self, node: NodeId, image: ImageId, started: bool) {
        if !started {
            self.counters.refused_copies += 1;
            return;
        }
        self.counters.interrupted_copies += 1;
        if let Some(found) = find(&mut self.nodes, &mut self.log, node) {
            self.head.end_read(image);
            found.disk.abort(&mut self.log, Rule::Copy, image);
        }
    }

    fn disk_placed(&mut self, node: NodeId, image: ImageId, bytes: u64) {
        self.counters.images_placed += 1;
        let Some(found) = find(&mut self.nodes, &mut self.log, node) else { return };
        if !self.head.expects(image) {
            self.log.report(
                Rule::Placed,
                format_args!(
                    "image {image} was placed on node {node}, but is not on the head disk"
                ),
            );
        }
        found.disk.place(&mut self.log, image, bytes);
    }

    fn memory_placed(&mut self, node: NodeId, image: ImageId, bytes: u64) {
        self.counters.images_placed += 1;
        let Some(found) = find(&mut self.nodes, &mut self.log, node) else { return };
        if !found.disk.holds(image) {
            self.log.report(
                Rule::Placed,
                format_args!(
                    "image {image} was placed in the memory of node {node}, but is not on its disk"
                ),
            );
        }
        found.memory.place(&mut self.log, image, bytes);
    }

    fn load_started(&mut self, node: NodeId, image: ImageId, bytes: u64) {
        self.counters.loads += 1;
        if let Some(found) = find(&mut self.nodes, &mut self.log, node) {
            found.disk.begin_read(&mut self.log, Rule::Load, image);
            found.memory.begin(&mut self.log, Rule::Load, image, bytes);
        }
    }

    fn load_ended(&mut self, node: NodeId, image: ImageId) {
        if let Some(found) = find(&mut self.nodes, &mut self.log, node) {
            found.disk.end_read(image);
            found.memory.complete(&mut self.log, Rule::Load, image);
        }
    }

    fn load_failed(&mut self, node: NodeId, image: ImageId, started: bool) {
        if !started {
            self.counters.refused_loads += 1;
            return;
        }
        self.counters.interrupted_loads += 1;
        if let Some(found) = find(&mut self.nodes, &mut self.log, node) {
            found.disk.end_read(image);
            found.memory.abort(&mut self.log, Rule::Load, image);
        }
    }

    fn container_started(&mut self, id: ContainerId, new: Container) {
        self.counters.containers += 1;
        let log = &mut self.log;
        if !self.seen_containers.insert(id.0) {
            log.report(Rule::Container, format_args!("container {id} was started a second time"));
            return;
        }
        let Some(node) = find(&mut self.nodes, log, new.node) else { return };
        if let Some(image) = new.image {
            node.disk.pin(log, Rule::Container, image);
            node.memory.pin(log, Rule::Container, image);
        }
        node.disk.take(log, new.disk_bytes);
        node.memory.take(log, new.memory_bytes);
        node.containers += 1;
        node.peak_containers = node.peak_containers.max(node.containers);
        self.containers.insert(id, new);
    }

    fn container_idle(&mut self, node: NodeId, id: ContainerId, memory_bytes: u64) {
        let log = &mut self.log;
        match self.containers.get_mut(&id) {
            None => log.report(
                Rule::Container,
                format_args!("container {id} became idle, but it does not exist"),
            ),
            Some(container) if container.node != node => {
                let owner = container.node;
                log.report(
                    Rule::Container,
                    format_args!("container {id} of node {owner} became idle on node {node}"),
                );
            }
            Some(container) => {
                if let Some(invocation) = container.serves.first() {
                    log.report(
                        Rule::Container,
                        format_args!(
                            "container {id} became idle while it served invocation {invocation}"
                        ),
                    );
                }
                Said { memory_bytes, was_idle: false }.check(log, Rule::Container, id, container);
                container.idle = true;
            }
        }
    }

    /// A container of which this is said must have been started just before.
    fn check_new(&mut self, node: NodeId, id: ContainerId, rule: Rule, said: &str) {
        let as_it_should = self
            .containers
            .get(&id)
            .is_some_and(|it| it.node == node && !it.used && it.serves.is_empty());
        if !as_it_should {
            let detail =
                format_args!("container {id} was {said} on node {node}, but is not new there");
            self.log.report(rule, detail);
        }
    }

    fn container_stopped(&mut self, node: NodeId, (id, said): (ContainerId, Said), evicted: bool) {
        let (log, counters) = (&mut self.log, &mut self.counters);
        if evicted {
            counters.container_evictions += 1;
        } else {
            counters.container_stops += 1;
        }
        let Some(container) = self.containers.remove(&id) else {
            log.report(
                Rule::Container,
                format_args!("container {id} was stopped, but it does not exist"),
            );
            return;
        };
        if container.node != node {
            let owner = container.node;
            log.report(
                Rule::Container,
                format_args!("container {id} of node {owner} was stopped on node {node}"),
            );
        }
        if let Some(invocation) = container.serves.first() {
            let (rule, what) =
                if evicted { (Rule::Eviction, "evicted") } else { (Rule::Container, "stopped") };
            log.report(
                rule,
                format_args!("container {id} was {what} while it served invocation {invocation}"),
            );
        } else {
            said.check(log, Rule::Container, id, &container);
        }
        // What it held is given back where it was taken, whatever the event says.
        let Some(node) = find(&mut self.nodes, log, container.node) else { return };
        if let Some(image) = container.image {
            node.disk.unpin(image);
            node.memory.unpin(image);
        }
        node.disk.give_back(container.disk_bytes);
        node.memory.give_back(container.memory_bytes);
        node.containers -= 1;
    }

    fn dispatched(
        &mut self,
        id: InvocationId,
        node: NodeId,
        (container, said): (ContainerId, Said),
        start_kind: StartKind,
    ) {
        match start_kind {
            StartKind::Cold => self.counters.cold_starts += 1,
            StartKind::Warm => self.counters.warm_starts += 1,
        }
        let log = &mut self.log;
        let Some(found) = find(&mut self.nodes, log, node) else { return };
        let Some(invocation) = self.pending.get_mut(&id) else {
            log.report(
                Rule::Dispatch,
                format_args!("invocation {id} was dispatched, but is not pending"),
            );
            return;
        };
        if invocation.dispatched.is_some() {
            log.report(
                Rule::Dispatch,
                format_args!("invocation {id} was dispatched a second time"),
            );
            return;
        }
        invocation.dispatched = Some((node, container));
        if invocation.admitted.is_some_and(|admitted| admitted < log.date()) {
            self.counters.waited += 1;
        }
        match self.containers.get_mut(&container) {
            None => log.report(
                Rule::Dispatch,
                format_args!("invocation {id} was dispatched onto container {container}, which does not exist"),
            ),
            Some(target) => {
                check_container(log, id, invocation, node, found, (container, target), start_kind);
                said.check(log, Rule::Dispatch, container, target);
                target.idle = false;
                // One that was given too many goes on serving those that it may: their ends will
                // make it idle.
                if target.serves.len() < target.capacity as usize {
                    target.serves.push(id);
                }
            }
        }
        found.take_slot(log, node);
    }

    fn ended(&mut self, id: InvocationId, outcome: Outcome, container: Option<ContainerId>) {
        *self.counters.ended.entry(outcome).or_default() += 1;
        let log = &mut self.log;
        let Some(invocation) = self.pending.remove(&id) else {
            let what = if self.seen_invocations.contains(id.0) {
                "a second time"
            } else {
                "without being submitted"
            };
            log.report(Rule::Invocation, format_args!("invocation {id} ended {what}"));
            return;
        };
        if container.is_some() && container != invocation.dispatched.map(|(_, container)| container)
        {
            log.report(
                Rule::Invocation,
                format_args!("invocation {id} ended in a container that did not serve it"),
            );
        }
        let Some((node, container)) = invocation.dispatched else {
            if matches!(outcome, Outcome::Completed | Outcome::TimedOut) {
                let word = outcome.name();
                log.report(
                    Rule::Invocation,
                    format_args!("invocation {id} ended as {word}, but was never dispatched"),
                );
            }
            return;
        };
        if outcome == Outcome::Rejected {
            log.report(
                Rule::Invocation,
                format_args!("invocation {id} was rejected after it had been dispatched"),
            );
        }
        if let Some(container) = self.containers.get_mut(&container)
            && let Some(place) = container.serves.iter().position(|&other| other == id)
        {
            container.serves.remove(place);
            // One that was cancelled may not have waited for the end of the start-up.
            container.used |= matches!(outcome, Outcome::Completed | Outcome::TimedOut);
        }
        if let Some(found) = self.nodes.get_mut(node.index()) {
            found.slots = found.slots.saturating_sub(1);
        }
    }

    fn check_balance(&mut self) {
        let (submitted, ended, pending) =
            (self.counters.submitted, self.counters.ended_total(), self.pending.len());
        if !self.unbalanced && submitted != ended + pending as u64 {
            self.unbalanced = true;
            self.log.report(
                Rule::Conservation,
                format_args!(
                    "{submitted} invocations were submitted, but {ended} have ended and {pending} are pending"
                ),
            );
        }
    }
}

impl Node {
    fn take_slot(&mut self, log: &mut Log, id: NodeId) {
        self.slots += 1;
        self.peak_slots = self.peak_slots.max(self.slots);
        if let Some(capacity) = self.slot_capacity
            && self.slots > capacity
        {
            let slots = self.slots;
            log.report(
                Rule::Capacity,
                format_args!("{slots} slots of node {id} are taken, but it has {capacity}"),
            );
        }
    }
}

fn find<'a>(nodes: &'a mut [Node], log: &mut Log, node: NodeId) -> Option<&'a mut Node> {
    let found = nodes.get_mut(node.index());
    if found.is_none() {
        log.report(Rule::UnknownNode, format_args!("there is no node {node}"));
    }
    found
}

/// Checks that an invocation may be dispatched to this container.
fn check_container(
    log: &mut Log,
    id: InvocationId,
    invocation: &Pending,
    node: NodeId,
    found: &Node,
    (container, target): (ContainerId, &Container),
    start_kind: StartKind,
) {
    let mut wrong = |detail: fmt::Arguments<'_>| {
        log.report(
            Rule::Dispatch,
            format_args!("invocation {id} was dispatched onto container {container}, {detail}"),
        );
    };
    if target.node != node {
        wrong(format_args!("which is on node {}, not on node {node}", target.node));
    }
    if target.function != invocation.function {
        wrong(format_args!(
            "which is of function {}, not of function {}",
            target.function, invocation.function
        ));
    }
    if target.serves.len() >= target.capacity as usize
        && let Some(other) = target.serves.first()
    {
        wrong(format_args!("which serves invocation {other}"));
    }
    if start_kind == StartKind::Cold && target.used {
        wrong(format_args!("cold, but the container has served before"));
    }
    if let Some(image) = target.image {
        if invocation.admitted.is_none() {
            wrong(format_args!("but it was never admitted"));
        }
        if !found.disk.holds(image) {
            wrong(format_args!("but image {image} is not on the disk of node {node}"));
        }
        if !found.memory.holds(image) {
            wrong(format_args!("but image {image} is not in the memory of node {node}"));
        }
    }
}
