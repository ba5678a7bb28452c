//! Nodes that join and leave while the platform runs.
//!
//! A node that leaves takes nothing new, as if its host were off. Its idle containers stop at once, the
//! others with their last invocation; copies to its disk end, loads into its memory come to
//! nothing. When no container and no move is left, its images are removed and it has left. It keeps
//! its id, with which it may join again.

use super::{Change, Move, Node, PlatformState, StopReason};
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

impl PlatformState {
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
        let state = &mut self.nodes[node];
        state.is_on = is_on;
        match std::mem::replace(&mut state.membership, Membership::Joined) {
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
