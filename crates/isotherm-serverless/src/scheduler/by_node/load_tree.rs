//! A segment tree of the room and the load of nodes, in the order of nodes.
//!
//! An inner entry has the maximum room and the minimum number of invocations of the nodes below it.
//! Updates and searches for the first node take O(log n); searches with a condition on nodes prune
//! by these bounds (branch and bound) and at worst look at all nodes.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::NodeId;
use crate::scheduler::segment_tree::{SegmentTree, Summary};
use crate::steps::counted;

/// Which room counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Room available without evicting containers.
    Spare,
    /// Room of evictable idle containers as well.
    All,
}

impl Room {
    /// Both, in the order in which they are tried.
    pub(super) const BOTH: [Room; 2] = [Room::Spare, Room::All];
}

/// The load of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeLoad {
    /// Available memory in bytes; `None` if the node has no free slot.
    pub(super) room: Option<u64>,
    /// Running invocations and reservations.
    pub(super) running: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The most room plus one; 0 without a free slot, which is less than room for nothing.
    room: u64,
    /// The fewest invocations of nodes with a free slot.
    running: u32,
}

impl Summary for Entry {
    const EMPTY: Self = Entry { room: 0, running: u32::MAX };

    fn join(self, right: Self) -> Self {
        Entry { room: self.room.max(right.room), running: self.running.min(right.running) }
    }
}

/// The segment tree over the nodes of a service.
#[derive(Debug, Default)]
pub(super) struct LoadTree {
    entries: SegmentTree<Entry>,
    nodes: usize,
    /// The invocations on each node.
    running: Vec<u32>,
    total: u64,
    /// The nodes with a free slot by room; kept after the first request for it.
    by_room: Option<BTreeSet<(u64, NodeId)>>,
    asked_by_room: Cell<bool>,
}

impl LoadTree {
    /// A tree for `nodes` nodes without free slots.
    pub(super) fn new(nodes: usize) -> Self {
        let (entries, running) = (SegmentTree::new(nodes), vec![0; nodes]);
        LoadTree { entries, nodes, running, ..LoadTree::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes
    }

    /// The sum of the invocations of all nodes.
    pub(super) fn total_running(&self) -> u64 {
        self.total
    }

    pub(super) fn set(&mut self, node: NodeId, load: NodeLoad) {
        if self.asked_by_room.get() {
            self.set_by_room(node, load.room);
        }
        let running = &mut self.running[node.index()];
        self.total = self.total - u64::from(*running) + u64::from(load.running);
        *running = load.running;
        let entry = match load.room {
            Some(room) => Entry { room: room.saturating_add(1), running: load.running },
            None => Entry::EMPTY,
        };
        self.entries.set(node.index(), entry);
    }

    fn set_by_room(&mut self, node: NodeId, room: Option<u64>) {
        let before = self.room(node);
        let Some(by_room) = &mut self.by_room else {
            let mut all: BTreeSet<(u64, NodeId)> =
                self.nodes().filter_map(|(node, has)| Some((has?, node))).collect();
            before.map(|before| all.remove(&(before, node)));
            all.extend(room.map(|room| (room, node)));
            self.by_room = Some(all);
            return;
        };
        if before != room {
            before.map(|before| by_room.remove(&(before, node)));
            by_room.extend(room.map(|room| (room, node)));
        }
    }

    /// The nodes with at least this room, the least first. The first call looks at all nodes.
    pub(super) fn tightest(&self, room: u64) -> impl Iterator<Item = NodeId> + '_ {
        self.asked_by_room.set(true);
        let scanned: BTreeSet<(u64, NodeId)> = match self.by_room {
            Some(_) => BTreeSet::new(),
            None => self
                .nodes()
                .filter_map(|(node, has)| Some((has.filter(|&has| has >= room)?, node)))
                .collect(),
        };
        let ordered = self
            .by_room
            .as_ref()
            .map(|nodes| nodes.range((room, NodeId(0))..).map(|&(_, node)| counted(node)));
        ordered.into_iter().flatten().chain(scanned.into_iter().map(|(_, node)| node))
    }

    /// The room of a node.
    pub(super) fn room(&self, node: NodeId) -> Option<u64> {
        self.entries.get(node.index()).room.checked_sub(1)
    }

    /// All nodes and their room.
    fn nodes(&self) -> impl Iterator<Item = (NodeId, Option<u64>)> + '_ {
        (0..self.nodes as u32).map(|node| counted((NodeId(node), self.room(NodeId(node)))))
    }

    /// The maximum room of a node.
    pub(super) fn most_room(&self) -> Option<u64> {
        self.entries.total().room.checked_sub(1)
    }

    /// The first node with the maximum room.
    pub(super) fn roomiest(&self) -> Option<NodeId> {
        let most = self.most_room()?;
        self.first_that(most, NodeId(0), &mut |_| true)
    }

    /// The node with the most room among those that have at least `room` and meet a condition; ties
    /// go to the first. It visits only subtrees that may beat the best node so far.
    pub(super) fn roomiest_that(
        &self,
        room: u64,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        // Nothing is best yet: only nodes with more than `room` come before this.
        let mut best = (room, Reverse(0));
        let roomier = |right: Entry, left: Entry| right.room > left.room;
        self.entries.visit(&roomier, &mut |entry, first, width| {
            let key = (entry.room, Reverse(first as u32));
            let may_be_best = key > best;
            if may_be_best && width == 1 && meets(NodeId(first as u32)) {
                best = key;
            }
            may_be_best
        });
        let (most, Reverse(node)) = best;
        (most > room).then_some(NodeId(node))
    }

    /// The first node from `from` on that has at least `room` and meets a condition.
    pub(super) fn first_that(
        &self,
        room: u64,
        from: NodeId,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let enough = |entry: Entry| entry.room > room;
        let first = self.entries.first(from.index(), enough, |node| meets(NodeId(node as u32)));
        first.map(|node| NodeId(node as u32))
    }

    /// The node with the fewest invocations among those that have at least `room` and meet a
    /// condition; ties go to the first.
    pub(super) fn least_running(
        &self,
        room: u64,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let mut best = (u32::MAX, u32::MAX);
        let idler = |right: Entry, left: Entry| right.running < left.running;
        self.entries.visit(&idler, &mut |entry, first, width| {
            let key = (entry.running, first as u32);
            let may_be_best = entry.room > room && key < best;
            if may_be_best && width == 1 && meets(NodeId(key.1)) {
                best = key;
            }
            may_be_best
        });
        (best.1 < u32::MAX).then_some(NodeId(best.1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Finds what a linear search finds.
        #[test]
        fn finds_what_a_scan_finds(
            loads in prop::collection::vec((prop::option::of(0u64..20), 0u32..5), 1..40),
            (room, from, parity) in (0u64..22, 0u32..45, 0u32..3),
        ) {
            let mut tree = LoadTree::new(loads.len());
            for (node, &(room, running)) in loads.iter().enumerate() {
                // Set twice, so that the first value must be replaced.
                tree.set(NodeId(node as u32), NodeLoad { room: Some(21), running: 9 });
                tree.set(NodeId(node as u32), NodeLoad { room, running });
            }
            let nodes = || loads.iter().enumerate().map(|(node, &(room, running))| (node as u32, room, running));
            let enough = |has: Option<u64>| has.is_some_and(|has| has >= room);
            let first = nodes().find(|&(node, has, _)| node >= from && enough(has) && node % 3 != parity);
            let meets = &mut |node: NodeId| node.0 % 3 != parity;
            prop_assert_eq!(tree.first_that(room, NodeId(from), meets), first.map(|(node, ..)| NodeId(node)));
            prop_assert_eq!(tree.most_room(), loads.iter().filter_map(|load| load.0).max());
            let most = tree.most_room();
            let roomiest = nodes().find(|&(_, has, _)| has.is_some() && has == most).map(|(node, ..)| NodeId(node));
            prop_assert_eq!(tree.roomiest(), roomiest);
            let roomiest = nodes().filter(|&(node, has, _)| enough(has) && node % 3 != parity);
            let roomiest = roomiest.max_by_key(|&(node, has, _)| (has, std::cmp::Reverse(node)));
            prop_assert_eq!(tree.roomiest_that(room, meets), roomiest.map(|(node, ..)| NodeId(node)));
            let least = nodes().filter(|&(node, has, _)| enough(has) && node % 3 != parity);
            let least = least.min_by_key(|&(node, _, running)| (running, node)).map(|(node, ..)| NodeId(node));
            prop_assert_eq!(tree.least_running(room, &mut |node| node.0 % 3 != parity), least);
            let mut tightest: Vec<_> =
                nodes().filter(|&(_, has, _)| enough(has)).map(|(node, has, _)| (has, NodeId(node))).collect();
            tightest.sort_unstable();
            let tightest: Vec<_> = tightest.into_iter().map(|(_, node)| node).collect();
            prop_assert_eq!(tree.tightest(room).collect::<Vec<_>>(), tightest.clone());
            // From now on the order is maintained.
            tree.set(NodeId(0), NodeLoad { room: Some(room), running: 0 });
            tree.set(NodeId(0), NodeLoad { room: loads[0].0, running: loads[0].1 });
            prop_assert_eq!(tree.tightest(room).collect::<Vec<_>>(), tightest);
            prop_assert_eq!(tree.total_running(), loads.iter().map(|load| u64::from(load.1)).sum::<u64>());
        }
    }
}
