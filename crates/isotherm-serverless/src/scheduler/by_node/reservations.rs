//! The reservations of a scheduler, which the platform does not know: slots and room on nodes to
//! which images are in transit.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::key_tree::KeyTree;
use super::near_nodes::{Near, NearImage, NearNodes, reorder};
use super::node_tree::NodeTree;
use super::search::{Offer, Room};
use crate::state::{Nearness, Need, View};
use crate::steps::{self, counted};
use crate::{FunctionId, ImageId, NodeId};

/// The reservations on one node.
#[derive(Debug, Default)]
struct NodeReservations {
    slots: u32,
    need: Need,
    /// The images in transit, with the number of reservations for each.
    images: BTreeMap<ImageId, u32>,
}

/// The reservations, and what all nodes offer beside them.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    /// What nodes offer to functions without an image, or whose image is not near.
    nodes: NodeTree,
    /// The same in the order of memory, by [`Room`]; only after a rule has asked for it.
    by_room: Option<[KeyTree; 2]>,
    /// What nodes offer to the images near them. A question may add an image, hence the cell.
    near: RefCell<NearNodes>,
    /// The number of reservations for a function on a node to which its image is in transit. On
    /// arrival the longest pending invocation of the function takes one.
    counts: BTreeMap<(NodeId, FunctionId), u32>,
    /// The number of reservations for each function.
    of_function: BTreeMap<FunctionId, usize>,
    /// The nodes with reservations of each function.
    nodes_of: BTreeSet<(FunctionId, NodeId)>,
    on_nodes: OnNodes,
    /// Nodes with reservations that have changed since these were looked at. All other reservations
    /// wait for an image in transit.
    unsettled: BTreeSet<NodeId>,
    /// Nodes whose room or reservations have changed since the trees were updated, and whether a
    /// node is among them.
    changed: Vec<NodeId>,
    is_changed: Vec<bool>,
    /// Whether the trees count running invocations: only after a rule has asked for them.
    counts_running: bool,
    counts_wanted: Cell<bool>,
    order_wanted: Cell<bool>,
}

/// The reservations on each node.
#[derive(Debug, Default)]
struct OnNodes(BTreeMap<NodeId, NodeReservations>);

impl OnNodes {
    fn slots(&self, node: NodeId) -> u32 {
        if self.0.is_empty() { 0 } else { self.0.get(&node).map_or(0, |reserved| reserved.slots) }
    }

    /// The memory that reservations or images in transit claim on a node. The two overlap, so the
    /// larger one counts.
    fn taken(&self, view: &View<'_>, node: NodeId) -> Need {
        let mut taken = view.claimed(node, None);
        if let Some(reserved) = self.0.get(&node) {
            taken.memory_bytes = taken.memory_bytes.max(reserved.need.memory_bytes);
        }
        taken
    }

    /// What reservations take on a node beside a container with this image.
    fn beside(&self, view: &View<'_>, image: Option<ImageId>, node: NodeId) -> Need {
        let reserved = self.0.get(&node);
        reserved.map_or_else(Need::default, |reserved| {
            reserved.beside(view, image, node, reserved.images_need(view, node))
        })
    }

    /// What a node offers, whatever the image; `counts` says whether running invocations count.
    fn on<'a>(&'a self, view: &'a View<'a>, node: NodeId, counts: bool) -> OnNode<'a> {
        let reserved = self.0.get(&node);
        let slots = reserved.map_or(0, |reserved| reserved.slots);
        let running = if counts { view.running(node).saturating_add(slots) } else { 0 };
        let free = (view.free_slots(node) > slots).then(|| {
            let (rooms, taken) = (view.rooms(node), self.taken(view, node));
            let [spare, all] = rooms;
            let images = reserved.map(|reserved| reserved.images_need(view, node));
            Free {
                rooms,
                memory: [spare.without(taken).memory_bytes, all.without(taken).memory_bytes],
                images: images.unwrap_or_default(),
            }
        });
        OnNode { view, node, reserved, running, free }
    }
}

impl NodeReservations {
    /// What the images in transit need.
    fn images_need(&self, view: &View<'_>, node: NodeId) -> Need {
        let mut need = Need::default();
        self.images.keys().for_each(|&image| need.add(view.image_need(image, node)));
        need
    }

    /// What they take beside a container with this image, if all images in transit need `images`.
    fn beside(&self, view: &View<'_>, image: Option<ImageId>, node: NodeId, images: Need) -> Need {
        // The platform itself claims the room of one container for each image in transit.
        let mut reserved = self.need.without(view.claimed(node, image));
        let own = image.filter(|image| self.images.contains_key(image));
        let own = own.map_or_else(Need::default, |own| view.image_need(own, node));
        reserved.add(images.without(own));
        reserved
    }
}

/// What a node offers, whatever the image.
struct OnNode<'a> {
    view: &'a View<'a>,
    node: NodeId,
    reserved: Option<&'a NodeReservations>,
    /// The invocations as the trees count them.
    running: u32,
    /// `None` without a free slot.
    free: Option<Free>,
}

/// Room on a node with a free slot.
struct Free {
    /// By [`Room`].
    rooms: [Need; 2],
    /// Likewise, the memory that is not taken.
    memory: [u64; 2],
    /// What the images in transit with a reservation need.
    images: Need,
}

impl OnNode<'_> {
    /// What the node offers to functions with this image, or without one.
    fn offer(&self, image: Option<ImageId>) -> Offer {
        let &OnNode { view, node, reserved, running, ref free } = self;
        let Some(free) = free else { return Offer::default() };
        let reserved = reserved
            .map_or_else(Need::default, |reserved| reserved.beside(view, image, node, free.images));
        Offer::new(free.memory, view.left_beside(image, node, reserved, free.rooms), running)
    }

    /// Where an image is on the node, and what the node offers to it.
    fn near(&self, image: ImageId) -> Near {
        let place = Nearness::of(self.view, image, self.node);
        let has_reservation =
            || self.reserved.is_some_and(|reserved| reserved.images.contains_key(&image));
        (place.is_some() || has_reservation()).then(|| (place, self.offer(Some(image))))
    }
}

impl Reservations {
    /// Updates the trees for the nodes that have changed.
    pub(super) fn refresh(&mut self, view: &View<'_>) {
        let (counts_running, ordered) = (self.counts_wanted.get(), self.order_wanted.get());
        if self.nodes.len() != view.nodes()
            || self.counts_running != counts_running
            || self.by_room.is_some() != ordered
        {
            self.counts_running = counts_running;
            self.by_room = ordered.then(Default::default);
            self.nodes = NodeTree::new(view.nodes());
            self.near = RefCell::default();
            self.changed.clear();
            self.is_changed.clear();
            (0..view.nodes() as u32).for_each(|node| self.update(view, NodeId(node)));
        }
        while let Some(node) = self.changed.pop() {
            self.is_changed[node.index()] = false;
            self.update(view, node);
        }
        #[cfg(any(test, feature = "audit"))]
        steps::uncounted(|| self.check_near(view));
    }

    /// What a node has to offer has changed: it and the reservations there are to be looked at.
    pub(super) fn touch(&mut self, node: NodeId) {
        self.change(node);
        if !self.is_empty() && self.on_nodes.0.contains_key(&node) {
            self.unsettled.insert(node);
        }
    }

    /// What the trees say of a node may have changed.
    pub(super) fn change(&mut self, node: NodeId) {
        if node.index() >= self.is_changed.len() {
            self.is_changed.resize(node.index() + 1, false);
        }
        if !std::mem::replace(&mut self.is_changed[node.index()], true) {
            self.changed.push(node);
        }
    }

    /// It is not known what has changed: all nodes and reservations are to be looked at.
    pub(super) fn forget_nodes(&mut self) {
        (self.nodes, self.near) = Default::default();
        self.unsettled.extend(self.on_nodes.0.keys());
    }

    /// An image is nearer to a node, or less near, than before, or has a reservation more or less.
    pub(super) fn image_moved(&mut self, view: &View<'_>, node: NodeId, image: ImageId) {
        let near = || self.on_nodes.on(view, node, self.counts_running).near(image);
        self.near.borrow_mut().update(image, node, near);
    }

    /// Marks the reservations on a node for being looked at.
    pub(super) fn unsettle(&mut self, node: NodeId) {
        self.unsettled.insert(node);
    }

    /// Takes the reservations to be looked at, in the order of nodes and functions.
    pub(super) fn take_unsettled(&mut self, count: &mut Vec<(NodeId, FunctionId, u32)>) {
        count.clear();
        for node in std::mem::take(&mut self.unsettled) {
            let of_node = self.counts.range((node, FunctionId(0))..=(node, FunctionId(u32::MAX)));
            count.extend(
                of_node.map(|(&(node, function), &count)| counted((node, function, count))),
            );
        }
    }

    fn update(&mut self, view: &View<'_>, node: NodeId) {
        let on = self.on_nodes.on(view, node, self.counts_running);
        let offer = on.offer(None);
        if let Some(by_room) = &mut self.by_room {
            reorder(by_room, node, *self.nodes.get(node), offer);
        }
        self.nodes.set(node, offer, on.running);
        let near = self.near.get_mut();
        if near.is_empty() {
            return;
        }
        let reserved = on.reserved.into_iter();
        let reserved = reserved.flat_map(|reserved| reserved.images.keys().copied());
        let far = reserved.filter(|&image| !view.may_be_near(image, node));
        for image in view.images_near(node).chain(far) {
            near.update(image, node, || on.near(image));
        }
    }

    /// What all nodes offer to functions without an image.
    pub(super) fn nodes(&self) -> &NodeTree {
        &self.nodes
    }

    /// Searches the nodes near an image.
    pub(super) fn near<T>(
        &self,
        view: &View<'_>,
        image: ImageId,
        search: impl FnOnce(&NearImage) -> T,
    ) -> T {
        let nodes = || {
            let near =
                Nearness::ALL.into_iter().flat_map(|near| view.nodes_near(image, near).iter());
            near.chain(self.on_nodes.0.keys().copied().map(counted)).collect()
        };
        let near = |node| self.on_nodes.on(view, node, self.counts_running).near(image);
        search(self.near.borrow_mut().of(image, self.by_room.is_some(), nodes, near))
    }

    #[cfg(any(test, feature = "audit"))]
    fn check_near(&self, view: &View<'_>) {
        if view.nodes() <= 16 {
            let near =
                |image, node: NodeId| self.on_nodes.on(view, node, self.counts_running).near(image);
            self.near.borrow().check(view.nodes(), near);
        }
    }

    /// The invocations that run on a node or have a reservation there.
    pub(super) fn running(&self, view: &View<'_>, node: NodeId) -> u32 {
        view.running(node).saturating_add(self.on_nodes.slots(node))
    }

    /// The sum over all nodes. The first call looks at all nodes.
    pub(super) fn total_running(&self, view: &View<'_>) -> u64 {
        if self.counts() {
            return self.nodes.total_running();
        }
        (0..view.nodes() as u32).map(|node| u64::from(self.running(view, NodeId(node)))).sum()
    }

    /// Whether the trees count running invocations, or will from now on.
    pub(super) fn wants_counts(&self) -> bool {
        self.counts_wanted.get()
    }

    /// Whether the trees count running invocations. If not, they will from the next round on.
    pub(super) fn counts(&self) -> bool {
        self.counts_wanted.set(true);
        self.counts_running
    }

    /// All nodes in the order of their memory. If there is no such order, it will be kept from the
    /// next round on.
    pub(super) fn ordered(&self, room: Room) -> Option<&KeyTree> {
        self.order_wanted.set(true);
        self.by_room.as_ref().map(|trees| &trees[room as usize])
    }

    /// The spare memory of a node that is not reserved.
    pub(super) fn spare(&self, view: &View<'_>, node: NodeId) -> u64 {
        view.spare(node).without(self.on_nodes.taken(view, node)).memory_bytes
    }

    /// Whether nothing is reserved.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether a node has a slot that is neither in use nor reserved.
    pub(super) fn has_slot(&self, view: &View<'_>, node: NodeId) -> bool {
        view.free_slots(node) > self.on_nodes.slots(node)
    }

    /// Whether a new container of the function has room on a node beside the reservations there.
    pub(super) fn leave_room(
        &self,
        view: &View<'_>,
        function: FunctionId,
        node: NodeId,
        room: Room,
    ) -> bool {
        let reserved = self.on_nodes.beside(view, view.image_of(function), node);
        match room {
            Room::Spare => view.has_spare_room(function, node, reserved),
            Room::All => view.has_room(function, node, reserved),
        }
    }

    /// Reserves a slot and room.
    pub(super) fn reserve(&mut self, view: &View<'_>, function: FunctionId, node: NodeId) {
        *self.counts.entry((node, function)).or_default() += 1;
        *self.of_function.entry(function).or_default() += 1;
        self.nodes_of.insert((function, node));
        self.unsettled.insert(node);
        let reserved = self.on_nodes.0.entry(node).or_default();
        reserved.slots += 1;
        reserved.need.add(view.need_of(function));
        if let Some(image) = view.image_of(function) {
            *reserved.images.entry(image).or_default() += 1;
        }
        self.change(node);
    }

    /// Removes a reservation that is given up or fulfilled.
    pub(super) fn release(&mut self, view: &View<'_>, function: FunctionId, node: NodeId) {
        let Some(count) = self.counts.get_mut(&(node, function)) else { return };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&(node, function));
            self.nodes_of.remove(&(function, node));
        }
        if let Some(count) = self.of_function.get_mut(&function) {
            *count -= 1;
            if *count == 0 {
                self.of_function.remove(&function);
            }
        }
        if let Some(reserved) = self.on_nodes.0.get_mut(&node) {
            reserved.slots -= 1;
            reserved.need = reserved.need.without(view.need_of(function));
            if let Some(image) = view.image_of(function)
                && let Some(count) = reserved.images.get_mut(&image)
            {
                *count -= 1;
                if *count == 0 {
                    reserved.images.remove(&image);
                }
            }
            if reserved.slots == 0 {
                self.on_nodes.0.remove(&node);
            }
        }
        if let Some(image) = view.image_of(function) {
            self.image_moved(view, node, image);
        }
        self.change(node);
    }

    /// Asserts that each reservation is for a pending invocation: a surplus one would never be
    /// given up.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check(&self, view: &View<'_>) {
        for (&function, &count) in &self.of_function {
            assert!(
                count <= view.pending_count(function),
                "each reservation is for an invocation that waits"
            );
        }
    }

    /// The functions with reservations.
    pub(super) fn functions(&self) -> impl Iterator<Item = FunctionId> + '_ {
        self.of_function.keys().copied()
    }

    /// The number of reservations for a function.
    pub(super) fn of(&self, function: FunctionId) -> usize {
        steps::count(1);
        self.of_function.get(&function).copied().unwrap_or_default()
    }

    fn nodes_of(&self, function: FunctionId) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        self.nodes_of
            .range((function, NodeId(0))..=(function, NodeId(u32::MAX)))
            .map(|&(_, node)| node)
    }

    /// The first node with a reservation for a function.
    pub(super) fn first_of(&self, function: FunctionId) -> Option<NodeId> {
        self.nodes_of(function).next()
    }

    /// The last node with a reservation for a function.
    pub(super) fn last_of(&self, function: FunctionId) -> Option<NodeId> {
        self.nodes_of(function).next_back()
    }
}
