//! All nodes: which of them have a free slot, what becomes of them when their hosts fail and
//! return, and how they join and leave while the platform runs.
//!
//! A node that leaves takes nothing new, as if its host were off. Its idle containers stop at once,
//! the others with their last invocation; copies to its disk end, loads into its memory come to
//! nothing. When no container and no move is left, its images are removed and it has left. It keeps
//! its id, with which it may join again.

use std::ops::{Index, IndexMut};
use std::rc::Rc;

use super::{Change, Move, Need, Node, PlatformState, StopReason};
use crate::id_vec::IdVec;
use crate::node_set::NodeSet;
use crate::{EventKind, ImageId, NodeId};

/// Whether a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It does.
    Joined,
    /// It takes nothing new, and leaves when nothing runs or moves there any more.
    Leaving,
    /// It has left. It may join again.
    Left,
}

/// The nodes.
#[derive(Default)]
pub(crate) struct Nodes {
    pub(crate) all: IdVec<NodeId, Node>,
    /// No node has a smaller memory or a smaller disk. A container that fits in here, as mostly,
    /// fits on every node.
    pub(super) smallest: Need,
    pub(super) with_free_slot: NodeSet,
    /// Those that have joined and do not leave, in order.
    pub(super) members: Vec<NodeId>,
    /// Another one whenever these have changed.
    pub(super) roster: Rc<()>,
    /// Those from whose disks images were evicted since the last message.
    with_dropped: Vec<NodeId>,
}

impl Nodes {
    fn add(&mut self, node: Node) -> NodeId {
        let Need { memory_bytes, disk_bytes } = node.capacity;
        let smallest = if self.all.is_empty() { node.capacity } else { self.smallest };
        self.smallest.memory_bytes = smallest.memory_bytes.min(memory_bytes);
        self.smallest.disk_bytes = smallest.disk_bytes.min(disk_bytes);
        let id = self.all.push(node);
        self.join(id);
        id
    }

    /// Makes a node a member.
    fn join(&mut self, node: NodeId) {
        if let Err(place) = self.members.binary_search(&node) {
            self.members.insert(place, node);
        }
        self.roster = Rc::default();
    }

    /// Makes it one no more.
    fn leave(&mut self, node: NodeId) {
        if let Ok(place) = self.members.binary_search(&node) {
            self.members.remove(place);
        }
        self.roster = Rc::default();
    }

    /// An image has left the disk of a node.
    pub(super) fn note_dropped(&mut self, node: NodeId, image: ImageId) {
        let dropped = &mut self.all[node].dropped;
        if dropped.is_empty() {
            self.with_dropped.push(node);
        }
        dropped.push(image);
    }

    /// Takes the images that have left the disk of one of the nodes.
    #[inline]
    pub(super) fn take_dropped(&mut self) -> Option<(NodeId, Vec<ImageId>)> {
        let node = self.with_dropped.pop()?;
        Some((node, std::mem::take(&mut self.all[node].dropped)))
    }
}

impl Index<NodeId> for Nodes {
    type Output = Node;

    #[inline]
    fn index(&self, node: NodeId) -> &Node {
        &self.all[node]
    }
}

impl IndexMut<NodeId> for Nodes {
    #[inline]
    fn index_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.all[node]
    }
}

impl PlatformState {
    /// Adds a node. It takes part from the next round on.
    pub(crate) fn add_node(&mut self, node: Node) -> NodeId {
        let id = self.nodes.add(node);
        self.log.grow(1);
        self.log.add(Change::Joined { node: id });
        self.note_slots(id);
        id
    }

    pub(super) fn change_slots_used(&mut self, node: NodeId, change: impl FnOnce(u32) -> u32) {
        let state = &mut self.nodes[node];
        state.slots_used = change(state.slots_used);
        self.log.renew(&mut state.logged_slots_used, Change::SlotsUsed { node });
        if state.slots.is_some() {
            self.note_slots(node);
        }
    }

    /// Updates the set of nodes with a free slot.
    fn note_slots(&mut self, node: NodeId) {
        self.touch(node);
        if self.nodes[node].free_slots() > 0 {
            self.nodes.with_free_slot.insert(node);
        } else {
            self.nodes.with_free_slot.remove(node);
        }
    }

    /// A host has failed: its containers and the contents of its memory are lost; its disk keeps
    /// its contents. Bodies that ran there report their failure themselves.
    pub(crate) fn node_failed(&mut self, node: NodeId) {
        let state = &mut self.nodes[node];
        let was_up = state.is_up();
        if !std::mem::replace(&mut state.is_on, false) {
            return;
        }
        state.room_may_have_come();
        self.emit(|| EventKind::NodeDown { node });
        if was_up {
            self.log.add(Change::Down { node });
        }
        for container in self.idle_on(node) {
            self.stop_container(container, StopReason::Lost);
        }
        let in_memory: Vec<ImageId> = self.nodes[node].images_in_memory();
        for image in in_memory {
            self.drop_from_memory(node, image);
        }
        self.note_slots(node);
    }

    /// The host is back.
    pub(crate) fn node_recovered(&mut self, node: NodeId) {
        self.set_on(node, true);
        if self.nodes[node].membership == Membership::Joined {
            self.log.add(Change::Up { node });
            self.take_up(node);
        }
    }

    /// Notes whether the host of a node is on.
    fn set_on(&mut self, node: NodeId, is_on: bool) {
        if std::mem::replace(&mut self.nodes[node].is_on, is_on) != is_on {
            self.emit(|| match is_on {
                true => EventKind::NodeUp { node },
                false => EventKind::NodeDown { node },
            });
        }
    }

    /// Uses a node that is on.
    fn take_up(&mut self, node: NodeId) {
        // Copies and loads that its failure interrupted may be retried at once.
        self.nodes[node].forget_failures(self.now);
        self.note_slots(node);
    }

    /// A node joins that has not been one before. It takes part from the next round on.
    pub(crate) fn node_joins(&mut self, node: Node) -> NodeId {
        let id = self.add_node(node);
        self.emit_joined(id);
        id
    }

    fn emit_joined(&mut self, node: NodeId) {
        let Node { slots, capacity, .. } = self.nodes[node];
        self.emit(|| EventKind::NodeJoined {
            node,
            slots,
            memory_bytes: capacity.memory_bytes,
            disk_bytes: capacity.disk_bytes,
        });
    }

    /// A node that has left, or is leaving, joins again; `is_on` says whether its host is on.
    pub(crate) fn node_rejoins(&mut self, node: NodeId, is_on: bool) {
        self.set_on(node, is_on);
        match std::mem::replace(&mut self.nodes[node].membership, Membership::Joined) {
            Membership::Joined => return,
            Membership::Leaving => self.emit(|| EventKind::NodeStays { node }),
            Membership::Left => self.emit_joined(node),
        }
        self.nodes.join(node);
        self.log.add(Change::Joined { node });
        if is_on {
            self.take_up(node);
        }
    }

    /// A node is to leave.
    pub(crate) fn node_leaves(&mut self, node: NodeId) {
        let state = &mut self.nodes[node];
        if state.membership != Membership::Joined {
            return;
        }
        state.membership = Membership::Leaving;
        state.room_may_have_come();
        self.nodes.leave(node);
        self.log.add(Change::Leaving { node });
        self.emit(|| EventKind::NodeLeaving { node });
        for container in self.idle_on(node) {
            self.stop_container(container, StopReason::NodeLeaves);
        }
        self.note_slots(node);
        self.let_go(node);
    }

    /// Something on a node has ended: if it is leaving and nothing else is there, it has left.
    pub(super) fn let_go(&mut self, node: NodeId) {
        let state = &self.nodes[node];
        let is_empty = state.slots_used == 0 && state.claims.is_empty();
        if state.membership != Membership::Leaving || !is_empty {
            return;
        }
        let mut images: Vec<ImageId> = state.images.keys().copied().collect();
        images.sort_unstable();
        for image in images {
            self.remove_image(Move::Load, node, image);
            self.remove_image(Move::Copy, node, image);
        }
        // What has failed there before is of no account when it joins again.
        self.retries.forget(node);
        let state = &mut self.nodes[node];
        state.forget_failures(self.now);
        state.membership = Membership::Left;
        let (slots, memory_bytes) = (state.slots, state.capacity.memory_bytes);
        self.log.add(Change::NodeLeft { node });
        self.emit(|| EventKind::NodeLeft { node, slots, memory_bytes });
    }
}
