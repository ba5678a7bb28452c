//! The reservations of a scheduler, which the platform does not know: slots and room on nodes to
//! which images are in transit.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::load_tree::{LoadTree, NodeLoad, Room};
use super::near_nodes::{NearNodes, SparseTree};
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

/// The reservations, and the load of all nodes including them.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    /// By spare room.
    spare: LoadTree,
    /// By obtainable room, idle containers included.
    all: LoadTree,
    /// The same by image. A question may add an image, hence the cell.
    near: RefCell<NearNodes>,
    /// The number of reservations for a function on a node to which its image is in transit. On
    /// arrival the longest pending invocation of the function takes one.
    counts: BTreeMap<(NodeId, FunctionId), u32>,
    /// The number of reservations for each function.
    of_function: BTreeMap<FunctionId, usize>,
    /// The nodes with reservations of each function.
    nodes_of: BTreeSet<(FunctionId, NodeId)>,
    by_node: BTreeMap<NodeId, NodeReservations>,
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
}

impl Reservations {
    pub(super) fn tree(&self, room: Room) -> &LoadTree {
        match room {
            Room::Spare => &self.spare,
            Room::All => &self.all,
        }
    }

    /// Updates the trees for the nodes that have changed.
    pub(super) fn refresh(&mut self, view: &View<'_>) {
        let counts_running = self.counts_wanted.get();
        if self.all.len() != view.nodes() || self.counts_running != counts_running {
            self.counts_running = counts_running;
            self.spare = LoadTree::new(view.nodes());
            self.all = LoadTree::new(view.nodes());
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
        steps::uncounted(|| self.near.borrow().check(view, [&self.spare, &self.all]));
    }

    /// What a node has to offer has changed: it and the reservations there are to be looked at.
    pub(super) fn touch(&mut self, node: NodeId) {
        self.change(node);
        if !self.is_empty() && self.by_node.contains_key(&node) {
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
        (self.spare, self.all, self.near) = Default::default();
        self.unsettled.extend(self.by_node.keys());
    }

    /// An image is nearer to a node, or less near, than before. The room of the node may have
    /// changed as well.
    pub(super) fn image_moved(&mut self, view: &View<'_>, node: NodeId, image: ImageId) {
        self.near.get_mut().update_image(view, [&self.spare, &self.all], image, node);
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
        let reserved = self.by_node.get(&node);
        let slots = reserved.map_or(0, |reserved| reserved.slots);
        let running =
            if self.counts_running { view.running(node).saturating_add(slots) } else { 0 };
        if view.free_slots(node) <= slots {
            self.spare.set(node, NodeLoad { room: None, running });
            self.all.set(node, NodeLoad { room: None, running });
        } else {
            let taken = self.taken(view, node);
            let room = |room: Need| Some(room.without(taken).memory_bytes);
            self.spare.set(node, NodeLoad { room: room(view.spare(node)), running });
            self.all.set(node, NodeLoad { room: room(view.obtainable(node)), running });
        }
        self.near.get_mut().update(view, [&self.spare, &self.all], node);
    }

    /// Searches the nodes with a nearness to an image by their room.
    pub(super) fn near<T>(
        &self,
        view: &View<'_>,
        image: ImageId,
        nearness: Nearness,
        search: impl FnOnce(&SparseTree) -> T,
    ) -> T {
        search(self.near.borrow_mut().of(view, [&self.spare, &self.all], image, nearness))
    }

    /// The memory that reservations or images in transit claim on a node. The two overlap, so the
    /// larger one counts.
    fn taken(&self, view: &View<'_>, node: NodeId) -> Need {
        let mut taken = view.claimed(node, None);
        if let Some(reserved) = self.by_node.get(&node) {
            taken.memory_bytes = taken.memory_bytes.max(reserved.need.memory_bytes);
        }
        taken
    }

    /// The invocations that run on a node or have a reservation there.
    pub(super) fn running(&self, view: &View<'_>, node: NodeId) -> u32 {
        view.running(node)
            .saturating_add(self.by_node.get(&node).map_or(0, |reserved| reserved.slots))
    }

    /// The sum over all nodes. The first call looks at all nodes.
    pub(super) fn total_running(&self, view: &View<'_>) -> u64 {
        if self.counts() {
            return self.all.total_running();
        }
        (0..view.nodes() as u32).map(|node| u64::from(self.running(view, NodeId(node)))).sum()
    }

    /// The node with the fewest invocations among those that have the room and meet a condition;
    /// ties go to the first. The first call looks at all nodes.
    pub(super) fn least_running(
        &self,
        view: &View<'_>,
        room: Room,
        need: u64,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let tree = self.tree(room);
        if self.counts() {
            return tree.least_running(need, meets);
        }
        let nodes = (0..view.nodes() as u32).map(NodeId);
        let with_room =
            nodes.filter(|&node| tree.room(node).is_some_and(|room| room >= need) && meets(node));
        with_room.min_by_key(|&node| (self.running(view, node), node))
    }

    /// Whether the trees count running invocations, or will from now on.
    pub(super) fn wants_counts(&self) -> bool {
        self.counts_wanted.get()
    }

    /// Whether the trees count running invocations. If not, they will from the next round on.
    fn counts(&self) -> bool {
        self.counts_wanted.set(true);
        self.counts_running
    }

    /// The spare memory of a node that is not reserved.
    pub(super) fn spare(&self, view: &View<'_>, node: NodeId) -> u64 {
        view.spare(node).without(self.taken(view, node)).memory_bytes
    }

    /// Whether nothing is reserved.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether a node has a slot that is neither in use nor reserved.
    pub(super) fn has_slot(&self, view: &View<'_>, node: NodeId) -> bool {
        let reserved = if self.is_empty() {
            0
        } else {
            self.by_node.get(&node).map_or(0, |reserved| reserved.slots)
        };
        view.free_slots(node) > reserved
    }

    /// Whether a new container of the function has room on a node beside the reservations there.
    pub(super) fn leave_room(
        &self,
        view: &View<'_>,
        function: FunctionId,
        node: NodeId,
        room: Room,
    ) -> bool {
        let image = view.image_of(function);
        let mut reserved = Need::default();
        if let Some(known) = self.by_node.get(&node) {
            // The platform itself claims the room of one container for each image in transit.
            reserved = known.need.without(view.claimed(node, image));
            for &other in known.images.keys().filter(|&&other| Some(other) != image) {
                reserved.add(view.image_need(other, node));
            }
        }
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
        let reserved = self.by_node.entry(node).or_default();
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
        if let Some(reserved) = self.by_node.get_mut(&node) {
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
                self.by_node.remove(&node);
            }
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
