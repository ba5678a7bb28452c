//! All nodes: which of them have a free slot, and what their hosts' failures and returns do.

use std::ops::{Index, IndexMut};
use std::rc::Rc;

use super::{Change, Membership, Need, Node, PlatformState, StopReason};
use crate::id_vec::IdVec;
use crate::node_set::NodeSet;
use crate::{ImageId, NodeId};

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
    pub(super) fn join(&mut self, node: NodeId) {
        if let Err(place) = self.members.binary_search(&node) {
            self.members.insert(place, node);
        }
        self.roster = Rc::default();
    }

    /// Makes it one no more.
    pub(super) fn leave(&mut self, node: NodeId) {
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
    pub(super) fn note_slots(&mut self, node: NodeId) {
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
        let state = &mut self.nodes[node];
        state.is_on = true;
        if state.membership == Membership::Joined {
            self.log.add(Change::Up { node });
            self.take_up(node);
        }
    }

    /// Uses a node that is on.
    pub(super) fn take_up(&mut self, node: NodeId) {
        // Copies and loads that its failure interrupted may be retried at once.
        self.nodes[node].forget_failures(self.now);
        self.note_slots(node);
    }
}
