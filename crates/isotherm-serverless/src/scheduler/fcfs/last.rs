//! For each node the last queue position from which an invocation can get a slot there.

use crate::NodeId;
use crate::scheduler::segment_tree::{SegmentTree, Summary};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Last(u64);

impl Summary for Last {
    const EMPTY: Self = Last(0);

    fn join(self, right: Self) -> Self {
        Last(self.0.max(right.0))
    }
}

/// The last positions of all nodes, in the order of nodes. Updates and searches take O(log n).
#[derive(Debug, Default)]
pub(super) struct LastPlaces(SegmentTree<Last>);

impl LastPlaces {
    /// For this many nodes, on which no invocation can get a slot.
    pub(super) fn new(nodes: usize) -> Self {
        LastPlaces(SegmentTree::new(nodes))
    }

    pub(super) fn of(&self, node: NodeId) -> u64 {
        self.0.get(node.index()).0
    }

    pub(super) fn set(&mut self, node: NodeId, last: u64) {
        self.0.set(node.index(), Last(last));
    }

    /// The first node from `from` on where an invocation at this position (not 0) can get a slot
    /// and that meets a condition.
    pub(super) fn first(
        &self,
        from: NodeId,
        place: u64,
        mut meets: impl FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let first =
            self.0.first(from.index(), |last| last.0 >= place, |node| meets(NodeId(node as u32)));
        first.map(|node| NodeId(node as u32))
    }
}
