//! The read-only view of the platform for policies.

use std::rc::Rc;

use isotherm_kernel::{Duration, Time};

use super::backlog::Backlog;
use super::changes::{Change, Cursor};
use super::idle::IdleContainers;
use super::reuse::Draws;
use super::{Function, Image, Membership, Node, PlatformState};
use crate::node_set::NodeSet;
use crate::rules::{ContainerReuse, Rules};
use crate::steps::{self, counted};
use crate::{AppId, ContainerId, FunctionId, ImageId, InvocationId, NodeId};

/// How near an image is to the memory of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// It is in memory.
    InMemory,
    /// It is being loaded from the disk.
    Loading,
    /// It is on the disk.
    OnDisk,
    /// It is being copied to the disk.
    Copying,
}

impl Nearness {
    /// All of them, the nearest first.
    pub const ALL: [Nearness; 4] =
        [Nearness::InMemory, Nearness::Loading, Nearness::OnDisk, Nearness::Copying];
}

static NO_NODES: NodeSet = NodeSet::empty();
static NO_INVOCATIONS: Backlog = Backlog::empty();

/// A pending invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The invocation.
    pub invocation: InvocationId,
    /// Its function.
    pub function: FunctionId,
}

/// A container as policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerInfo {
    /// Its function.
    pub function: FunctionId,
    /// Its node.
    pub node: NodeId,
    /// The invocations that it serves now; 0 if it is idle.
    pub serving: u32,
    /// The invocations given to it so far.
    pub uses: u32,
    /// When its start-up began.
    pub started_at: Time,
    /// Since when it has been idle; `None` if it is busy.
    pub idle_since: Option<Time>,
}

/// Room on a node, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// In memory.
    pub memory_bytes: u64,
    /// On disk.
    pub disk_bytes: u64,
}

impl Need {
    /// Adds another need, saturating.
    pub fn add(&mut self, other: Need) {
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
        self.disk_bytes = self.disk_bytes.saturating_add(other.disk_bytes);
    }

    /// Subtracts another need, saturating.
    #[must_use]
    pub fn without(self, other: Need) -> Need {
        Need {
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_sub(other.disk_bytes),
        }
    }

    /// What is left of this room if the need is subtracted; `None` if it does not fit.
    pub(crate) fn left_of(self, room: Need) -> Option<Need> {
        self.fits_into(room).then(|| room.without(self))
    }

    /// Whether it fits into this room.
    #[must_use]
    pub fn fits_into(self, room: Need) -> bool {
        self.memory_bytes <= room.memory_bytes && self.disk_bytes <= room.disk_bytes
    }
}

/// A read-only view of the platform for policies. Sets of nodes are in the order of the
/// service's list.
///
/// There is nothing of an id that the service does not know, such as one that a policy has made up:
/// no room, no slots, no containers, an empty name and empty sets. Containers that have stopped and
/// invocations that have ended are not known any more.
///
/// ```
/// use isotherm_serverless::{FunctionId, NodeId, View};
///
/// /// The first node with a free slot that has the image of a function in memory.
/// fn close(view: &View<'_>, function: FunctionId) -> Option<NodeId> {
///     match view.image_of(function) {
///         Some(image) => view.in_memory(image).first_in_both(view.with_free_slot()),
///         None => view.with_free_slot().iter().next(),
///     }
/// }
/// ```
#[derive(Clone, Copy)]
pub struct View<'a> {
    state: &'a PlatformState,
}

impl<'a> View<'a> {
    pub(crate) fn new(state: &'a PlatformState) -> Self {
        View { state }
    }

    /// The state, for a question.
    #[inline]
    fn state(&self) -> &'a PlatformState {
        steps::count(1);
        self.state
    }

    // Policies may ask about ids that they have made up, or kept from another platform.

    fn node(&self, node: NodeId) -> Option<&'a Node> {
        self.state().nodes.all.get(node)
    }

    fn function(&self, function: FunctionId) -> Option<&'a Function> {
        self.state().functions.get(function)
    }

    fn image(&self, image: ImageId) -> Option<&'a Image> {
        self.state().images.get(image)
    }

    fn knows(&self, function: FunctionId, node: NodeId) -> bool {
        self.state.functions.get(function).is_some() && self.state.nodes.all.get(node).is_some()
    }

    /// The current date.
    #[must_use]
    pub fn now(&self) -> Time {
        self.state().now
    }

    /// The pending invocations, in the order in which they became schedulable.
    #[must_use]
    pub fn pending(&self) -> impl DoubleEndedIterator<Item = Pending> + 'a {
        self.state().queues.pending.iter()
    }

    /// What has happened since the cursor last read, oldest first, of the kinds that it wants; the
    /// cursor goes on to the present. `None` if it is not known, and then the reader must look at
    /// everything anew: the first time, if others read and this cursor has not for long, or once
    /// when another reader begins to want further kinds.
    ///
    /// ```
    /// use isotherm_serverless::{Change, Cursor, ChangeKinds, NodeId, View};
    ///
    /// /// The free slots of each node.
    /// struct FreeSlots {
    ///     of: Vec<u32>,
    ///     cursor: Cursor,
    /// }
    ///
    /// impl FreeSlots {
    ///     fn new() -> Self {
    ///         FreeSlots { of: Vec::new(), cursor: Cursor::new(ChangeKinds::NODES) }
    ///     }
    ///
    ///     fn update(&mut self, view: &View<'_>) {
    ///         let Some(changes) = view.changes_since(&mut self.cursor) else {
    ///             let nodes = (0..view.nodes() as u32).map(NodeId);
    ///             self.of = nodes.map(|node| view.free_slots(node)).collect();
    ///             return;
    ///         };
    ///         // Nodes may join.
    ///         self.of.resize(view.nodes(), 0);
    ///         for change in changes {
    ///             if let Change::Node { node } = change {
    ///                 self.of[node.index()] = view.free_slots(node);
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    pub fn changes_since(
        &self,
        cursor: &mut Cursor,
    ) -> Option<impl Iterator<Item = Change> + use<'a>> {
        self.state().log.since(cursor)
    }

    /// Whether a cursor has read nothing of this platform: what its owner knows is of another one.
    #[must_use]
    pub fn is_new_to(&self, cursor: &Cursor) -> bool {
        self.state().log.is_new_to(cursor)
    }

    /// The pending invocations from a position in the queue on, with their positions.
    #[must_use]
    pub fn pending_from(
        &self,
        position: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, Pending)> + use<'a> {
        self.state().queues.pending.positions_since(position)
    }

    /// The position in the queue that the next pending invocation gets. Positions count from 0.
    #[must_use]
    pub fn queue_end(&self) -> u64 {
        self.state().queues.pending.end()
    }

    fn backlog(&self, function: FunctionId) -> &'a Backlog {
        self.function(function).map_or(&NO_INVOCATIONS, |function| &function.pending)
    }

    /// The first pending invocation of a function, and its position in the queue.
    pub(crate) fn first_pending(&self, function: FunctionId) -> Option<(u64, InvocationId)> {
        let (position, pending) = self.function(function)?.pending.first()?;
        Some((position, pending.invocation))
    }

    /// The positions in the queue of the pending invocations of a function.
    pub fn positions_of(&self, function: FunctionId) -> impl Iterator<Item = u64> + use<'a> {
        self.backlog(function).positions_since(0).map(|(position, _)| position)
    }

    /// Whether this round continues the last one, as [`Plan::goes_on`](crate::scheduler::Plan)
    /// said: nothing has happened but what that one decided.
    #[must_use]
    pub fn repeats(&self) -> bool {
        self.state().rounds.repeats
    }

    /// The pending invocations of one function, in the order in which they became schedulable.
    #[must_use]
    pub fn pending_of(
        &self,
        function: FunctionId,
    ) -> impl DoubleEndedIterator<Item = InvocationId> + 'a {
        self.backlog(function).iter().map(|pending| pending.invocation)
    }

    /// The number of pending invocations of a function.
    #[must_use]
    pub fn pending_count(&self, function: FunctionId) -> usize {
        self.function(function).map_or(0, |function| function.pending.len())
    }

    /// The number of pending invocations of all functions.
    #[must_use]
    pub fn queue_len(&self) -> usize {
        self.state().queues.pending.len()
    }

    /// The number of invocations that wait for an image to be on the head disk; they become pending
    /// then.
    #[must_use]
    pub fn waiting_for(&self, image: ImageId) -> usize {
        self.image(image).map_or(0, |image| image.waiting.len())
    }

    /// When an invocation was submitted; `None` if it has ended.
    #[must_use]
    pub fn submitted_at(&self, invocation: InvocationId) -> Option<Time> {
        Some(self.state().invocations.get(invocation)?.life.submitted)
    }

    /// Which attempt of an invocation it is, counted from 1; `None` if it has ended.
    #[must_use]
    pub fn attempt_of(&self, invocation: InvocationId) -> Option<u32> {
        Some(self.state().invocations.get(invocation)?.life.attempt)
    }

    /// The number of invocations of a function in containers.
    #[must_use]
    pub fn running_of(&self, function: FunctionId) -> u32 {
        self.function(function).map_or(0, |function| function.running)
    }

    /// The number of containers of a function, busy or idle.
    #[must_use]
    pub fn containers_of(&self, function: FunctionId) -> u32 {
        self.function(function).map_or(0, |function| function.rest.containers)
    }

    /// What is known of a container; `None` if it has stopped.
    #[must_use]
    pub fn container(&self, id: ContainerId) -> Option<ContainerInfo> {
        let container = self.state().containers.all.get(&id)?;
        Some(ContainerInfo {
            function: container.function,
            node: container.node,
            serving: container.serving,
            uses: container.uses,
            started_at: container.started_at,
            idle_since: (container.serving == 0).then_some(container.idle_since),
        })
    }

    /// The number of registered functions.
    #[must_use]
    pub fn functions(&self) -> usize {
        self.state.functions.len()
    }

    /// The functions with pending invocations, in the order of registration.
    pub fn functions_waiting(&self) -> impl Iterator<Item = FunctionId> + 'a {
        self.state().queues.functions.iter()
    }

    /// The number of functions with pending invocations.
    #[must_use]
    pub fn functions_waiting_count(&self) -> usize {
        self.state().queues.functions.len()
    }

    /// The app of a function; `None` if there is no such function. A function that belongs to none
    /// is an app of its own.
    #[must_use]
    pub fn app_of(&self, function: FunctionId) -> Option<AppId> {
        Some(self.function(function)?.rest.app)
    }

    /// The name of an app; empty if there is no such app.
    #[must_use]
    pub fn app_name(&self, app: AppId) -> &'a str {
        self.state().apps.names.get(app).map_or("", |name| name)
    }

    /// The image of a function, if it has one.
    #[must_use]
    pub fn image_of(&self, function: FunctionId) -> Option<ImageId> {
        self.function(function)?.image
    }

    /// The time limit of a function.
    #[must_use]
    pub fn time_limit(&self, function: FunctionId) -> Duration {
        self.function(function).map_or(Duration::ZERO, |function| function.limits.time)
    }

    /// The room that a container of the function takes, excluding its image.
    #[must_use]
    pub fn need_of(&self, function: FunctionId) -> Need {
        self.function(function).map_or_else(Need::default, Function::need)
    }

    /// Number of compute hosts, those that have left included: the ids of nodes are below it.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.state().nodes.all.len()
    }

    /// The name of a node's host.
    #[must_use]
    pub fn host_name(&self, node: NodeId) -> &'a str {
        self.node(node).map_or("", |node| &node.name)
    }

    /// The number of cores of a node's host.
    #[must_use]
    pub fn cores(&self, node: NodeId) -> u32 {
        self.node(node).map_or(0, |node| node.cores)
    }

    /// The speed of one core of a node's host in flop/s, as it was when the node joined.
    #[must_use]
    pub fn speed(&self, node: NodeId) -> f64 {
        self.node(node).map_or(0.0, |node| node.speed)
    }

    /// The slots of a node, taken or free; `None` if they are unlimited.
    #[must_use]
    pub fn slots(&self, node: NodeId) -> Option<u32> {
        self.node(node).map_or(Some(0), |node| node.slots)
    }

    /// The memory and the disk space of a node in bytes, taken or free.
    #[must_use]
    pub fn capacity(&self, node: NodeId) -> Need {
        self.node(node).map_or_else(Need::default, |node| node.capacity)
    }

    /// The free slots of a node; `u32::MAX` if they are unlimited.
    #[must_use]
    pub fn free_slots(&self, node: NodeId) -> u32 {
        self.node(node).map_or(0, Node::free_slots)
    }

    /// The invocations that run or start on a node.
    #[must_use]
    pub fn running(&self, node: NodeId) -> u32 {
        self.node(node).map_or(0, |node| node.slots_used)
    }

    /// The obtainable room of a node: free, or held by unused images or idle containers.
    #[must_use]
    pub fn obtainable(&self, node: NodeId) -> Need {
        self.node(node).map_or_else(Need::default, |_| self.state.obtainable(node))
    }

    /// The spare room of a node, available without evicting containers: free, or held by unused
    /// images.
    #[must_use]
    pub fn spare(&self, node: NodeId) -> Need {
        self.node(node).map_or_else(Need::default, Node::spare)
    }

    /// Like [`has_room`](Self::has_room), without evicting containers.
    #[must_use]
    pub fn has_spare_room(&self, function: FunctionId, node: NodeId, reserved: Need) -> bool {
        self.knows(function, node) && self.state().has_spare_room(function, node, reserved)
    }

    /// The [spare](Self::spare) and the [obtainable](Self::obtainable) room of a node.
    pub(crate) fn rooms(&self, node: NodeId) -> [Need; 2] {
        self.node(node).map_or_else(Default::default, |_| self.state.rooms(node))
    }

    /// The most that a new container with this image may need on a node with these
    /// [rooms](Self::rooms) for [`has_spare_room`](Self::has_spare_room) and for
    /// [`has_room`](Self::has_room).
    pub(crate) fn left_beside(
        &self,
        image: Option<ImageId>,
        node: NodeId,
        reserved: Need,
        rooms: [Need; 2],
    ) -> [Option<Need>; 2] {
        self.state().left_beside(image, node, reserved, rooms)
    }

    /// Room that containers will need for which images are on their way to a node; that for one
    /// image, if it is given, left out.
    #[must_use]
    pub fn claimed(&self, node: NodeId, but: Option<ImageId>) -> Need {
        let Some(state) = self.node(node) else { return Need::default() };
        state.claimed.without(but.map_or_else(Need::default, |image| state.claim_of(image)))
    }

    /// The free memory of a node in bytes, excluding evictable images.
    #[must_use]
    pub fn free_memory(&self, node: NodeId) -> u64 {
        self.node(node).map_or(0, |node| node.memory.borrow().free())
    }

    /// The free disk space of a node in bytes, excluding evictable images.
    #[must_use]
    pub fn free_disk(&self, node: NodeId) -> u64 {
        self.node(node).map_or(0, |node| node.disk.borrow().free())
    }

    /// The nodes with a free slot.
    #[must_use]
    pub fn with_free_slot(&self) -> &'a NodeSet {
        &self.state().nodes.with_free_slot
    }

    /// How many invocations one container of the function serves at once.
    #[must_use]
    pub fn concurrency_of(&self, function: FunctionId) -> u32 {
        self.function(function).map_or(0, |function| function.concurrency)
    }

    /// The nodes with a container of the function that can take an invocation.
    #[must_use]
    pub fn with_idle(&self, function: FunctionId) -> &'a NodeSet {
        self.function(function).map_or(&NO_NODES, |function| function.idle.nodes())
    }

    /// Whether a container of the function can take an invocation.
    #[must_use]
    pub fn has_idle(&self, function: FunctionId) -> bool {
        self.function(function).is_some_and(|function| !function.idle.is_empty())
    }

    /// Whether a container of the function on the node can take an invocation.
    #[must_use]
    pub fn has_idle_on(&self, function: FunctionId, node: NodeId) -> bool {
        self.function(function).is_some_and(|function| function.idle.any_on(node))
    }

    /// The first container of the function, in the order of serving, that can take an invocation
    /// and is on a node that meets a condition.
    pub fn first_idle(
        &self,
        function: FunctionId,
        meets: impl Fn(NodeId) -> bool,
    ) -> Option<(ContainerId, NodeId)> {
        let idle = &self.function(function)?.idle;
        match self.state().policies.reuse.rule {
            // Mostly most nodes meet it, so a few draws are enough.
            ContainerReuse::Random => {
                self.drawn_anywhere(function, idle).find(|&(_, node)| meets(node))
            }
            _ => idle.find(meets),
        }
    }

    fn drawn_anywhere(
        &self,
        function: FunctionId,
        idle: &'a IdleContainers,
    ) -> impl Iterator<Item = (ContainerId, NodeId)> + 'a {
        let draws = Draws::new(self.state().policies.reuse.token, function.0, idle.len(), |_| 1);
        draws.filter_map(move |number| idle.numbered(number))
    }

    /// How many invocations the containers of the function on a node can take: the number of idle
    /// ones, if each serves one at a time.
    #[must_use]
    pub fn idle_count(&self, function: FunctionId, node: NodeId) -> usize {
        let Some(spec) = self.function(function) else { return 0 };
        match spec.concurrency {
            1 => spec.idle.on(node).count(),
            _ => spec.rest.spare_on.get(&node).copied().unwrap_or_default(),
        }
    }

    /// The containers of the function on a node that can take an invocation, in the order of
    /// serving if consecutive invocations are dispatched to them. A container that can take several
    /// occurs several times.
    pub fn idle(
        &self,
        function: FunctionId,
        node: NodeId,
    ) -> impl Iterator<Item = ContainerId> + 'a {
        let (mut in_order, mut in_rounds, mut drawn) = (None, None, None);
        let PlatformState { containers, policies, .. } = self.state;
        if let Some(spec) = self.function(function) {
            let capacity = move |id: ContainerId| match spec.concurrency {
                1 => 1,
                _ => containers.all.get(&id).map_or(0, |container| spec.spare_capacity(container)),
            };
            match policies.reuse.rule {
                ContainerReuse::Random => {
                    let capacity =
                        move |number| spec.idle.numbered_on(node, number).map_or(0, capacity);
                    let len = spec.idle.len_on(node);
                    let draws = Draws::new(policies.reuse.token, function.0, len, capacity);
                    drawn =
                        Some(draws.filter_map(move |number| spec.idle.numbered_on(node, number)));
                }
                ContainerReuse::LeastRecentlyUsed if spec.concurrency > 1 => {
                    let round =
                        move |round| spec.idle.on(node).filter(move |&id| capacity(id) > round);
                    let rounds = spec.idle.on(node).map(capacity).max().unwrap_or(0);
                    in_rounds = Some((0..rounds).flat_map(round));
                }
                _ => {
                    in_order = Some(
                        spec.idle
                            .on(node)
                            .flat_map(move |id| std::iter::repeat_n(id, capacity(id))),
                    )
                }
            }
        }
        let in_order = in_order.into_iter().flatten();
        in_order.chain(in_rounds.into_iter().flatten()).chain(drawn.into_iter().flatten())
    }

    /// Whether a container serves no invocation.
    #[must_use]
    pub(crate) fn is_idle(&self, container: ContainerId) -> bool {
        self.state().containers.served_by(container) == 0
    }

    /// The nodes that have the image on disk.
    #[must_use]
    pub fn on_disk(&self, image: ImageId) -> &'a NodeSet {
        self.image(image).map_or(&NO_NODES, |image| &image.on_disk)
    }

    /// The nodes that have the image in memory.
    #[must_use]
    pub fn in_memory(&self, image: ImageId) -> &'a NodeSet {
        self.image(image).map_or(&NO_NODES, |image| &image.in_memory)
    }

    /// The nodes to whose disk the image is being copied.
    #[must_use]
    pub fn copying(&self, image: ImageId) -> &'a NodeSet {
        self.image(image).map_or(&NO_NODES, |image| &image.copying)
    }

    /// The nodes into whose memory the image is being loaded.
    #[must_use]
    pub fn loading(&self, image: ImageId) -> &'a NodeSet {
        self.image(image).map_or(&NO_NODES, |image| &image.loading)
    }

    /// The nodes with a nearness to an image, or a better one.
    #[must_use]
    pub(crate) fn nodes_near(&self, image: ImageId, nearness: Nearness) -> &'a NodeSet {
        match nearness {
            Nearness::InMemory => self.in_memory(image),
            Nearness::Loading => self.loading(image),
            Nearness::OnDisk => self.on_disk(image),
            Nearness::Copying => self.copying(image),
        }
    }

    /// The images on a node or on their way there, in no order. Some that are no longer there may
    /// be among them.
    pub(crate) fn images_near(&self, node: NodeId) -> impl Iterator<Item = ImageId> + 'a {
        self.node(node).into_iter().flat_map(|node| node.images.keys().copied().map(counted))
    }

    /// Whether an image is among [`images_near`](Self::images_near).
    pub(crate) fn may_be_near(&self, image: ImageId, node: NodeId) -> bool {
        self.node(node).is_some_and(|node| node.images.contains_key(&image))
    }

    /// The size of the image in memory, in bytes.
    #[must_use]
    pub fn image_memory(&self, image: ImageId) -> u64 {
        self.image(image).map_or(0, |image| image.memory_bytes)
    }

    /// The room that an image takes on a node.
    pub(crate) fn image_size(&self, image: ImageId) -> Need {
        self.image(image).map_or_else(Need::default, Image::size)
    }

    /// Whether the node could hold the function's image and one container if it were empty.
    #[must_use]
    pub fn fits(&self, function: FunctionId, node: NodeId) -> bool {
        self.knows(function, node) && self.state().fits(function, node)
    }

    /// Whether a new container of the function, and its image if missing, has room on the node now,
    /// in addition to `reserved`. Busy containers, used images and the claims of copies and loads
    /// in progress keep their room; idle containers and unused images do not.
    #[must_use]
    pub fn has_room(&self, function: FunctionId, node: NodeId, reserved: Need) -> bool {
        self.knows(function, node) && self.state().has_room(function, node, reserved)
    }

    /// How much room the image of a function takes on the node in [`has_room`](Self::has_room):
    /// none if a busy container uses it already.
    #[must_use]
    pub fn image_need(&self, image: ImageId, node: NodeId) -> Need {
        match (self.image(image), self.node(node)) {
            (Some(_), Some(_)) => self.state.image_need(image, node),
            _ => Need::default(),
        }
    }

    /// The nodes that have joined and do not leave, in order, on or off. [`Change::Joined`] and
    /// [`Change::Leaving`] say when they change.
    #[must_use]
    pub fn members(&self) -> &'a [NodeId] {
        &self.state().nodes.members
    }

    /// Another one whenever the [members](Self::members) have changed.
    pub(crate) fn roster(&self) -> &'a Rc<()> {
        &self.state().nodes.roster
    }

    /// Whether a node takes part.
    #[must_use]
    pub fn membership(&self, node: NodeId) -> Membership {
        self.node(node).map_or(Membership::Left, |node| node.membership)
    }

    /// Whether the node's host is on and the node takes part.
    #[must_use]
    pub fn is_up(&self, node: NodeId) -> bool {
        self.node(node).is_some_and(|node| node.is_up())
    }

    /// The rules of the service.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.state().policies.rules
    }
}
