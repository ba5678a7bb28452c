//! A segment tree of what nodes offer, in the order of nodes.

use super::search::{Offer, Range, Room};
use crate::NodeId;
use crate::scheduler::segment_tree::SegmentTree;

/// The segment tree over the nodes of a service.
#[derive(Debug, Default)]
pub(super) struct NodeTree {
    offers: SegmentTree<Offer>,
    /// The invocations on each node.
    running: Vec<u32>,
    total: u64,
}

impl NodeTree {
    /// A tree for `nodes` nodes without free slots.
    pub(super) fn new(nodes: usize) -> Self {
        NodeTree { offers: SegmentTree::new(nodes), running: vec![0; nodes], total: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// The sum of the invocations of all nodes.
    pub(super) fn total_running(&self) -> u64 {
        self.total
    }

    /// Sets what a node offers, and the invocations there.
    pub(super) fn set(&mut self, node: NodeId, offer: Offer, running: u32) {
        let before = std::mem::replace(&mut self.running[node.index()], running);
        self.total = self.total - u64::from(before) + u64::from(running);
        self.offers.set(node.index(), offer);
    }

    /// What a node offers.
    pub(super) fn get(&self, node: NodeId) -> &Offer {
        self.offers.get(node.index())
    }

    /// The maximum memory of a node.
    pub(super) fn most_room(&self, room: Room) -> Option<u64> {
        self.offers.total().room(room)
    }

    /// All nodes; `None` if there are none.
    pub(super) fn range(&self) -> Option<NodeRange<'_>> {
        let width = self.offers.width();
        (width > 0).then_some(NodeRange { tree: &self.offers, at: 1, first: 0, width })
    }
}

/// A range of nodes of a [`NodeTree`].
#[derive(Clone, Copy)]
pub(super) struct NodeRange<'a> {
    tree: &'a SegmentTree<Offer>,
    at: usize,
    first: usize,
    width: usize,
}

impl Range for NodeRange<'_> {
    fn offer(&self) -> &Offer {
        self.tree.entry(self.at)
    }

    fn low(&self) -> u128 {
        self.first as u128
    }

    fn high(&self) -> u128 {
        (self.first + self.width - 1) as u128
    }

    fn halves(&self) -> Option<[Self; 2]> {
        let width = self.width / 2;
        let half = |side| NodeRange {
            at: 2 * self.at + side,
            first: self.first + side * width,
            width,
            ..*self
        };
        (width > 0).then(|| [half(0), half(1)])
    }
}
