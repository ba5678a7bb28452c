//! A segment tree of the room and the load of nodes, in the order of nodes.
//!
//! An inner entry has the maximum room and the minimum number of invocations of the nodes below it.
//! Updates and searches for the first node take O(log n); searches with a condition on nodes prune
//! by these bounds (branch and bound) and at worst look at all nodes.

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::NodeId;
use crate::node_set::NodeSet;

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

const NOTHING: Entry = Entry { room: 0, running: u32::MAX };

/// The segment tree over the nodes of a service.
#[derive(Debug, Default)]
pub(super) struct LoadTree {
    /// The root is entry 1, the children of `i` are `2 i` and `2 i + 1`, and the leaves are the
    /// second half.
    entries: Vec<Entry>,
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
        let size = nodes.next_power_of_two();
        LoadTree {
            entries: vec![NOTHING; 2 * size],
            nodes,
            running: vec![0; nodes],
            ..LoadTree::default()
        }
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
            None => NOTHING,
        };
        let mut at = self.entries.len() / 2 + node.index();
        self.entries[at] = entry;
        while at > 1 {
            at /= 2;
            let (left, right) = (self.entries[2 * at], self.entries[2 * at + 1]);
            let both =
                Entry { room: left.room.max(right.room), running: left.running.min(right.running) };
            if self.entries[at] == both {
                break;
            }
            self.entries[at] = both;
        }
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
            .map(|nodes| nodes.range((room, NodeId(0))..).map(|&(_, node)| node));
        ordered.into_iter().flatten().chain(scanned.into_iter().map(|(_, node)| node))
    }

    /// The room of a node.
    pub(super) fn room(&self, node: NodeId) -> Option<u64> {
        self.entries[self.entries.len() / 2 + node.index()].room.checked_sub(1)
    }

    /// All nodes and their room.
    fn nodes(&self) -> impl Iterator<Item = (NodeId, Option<u64>)> + '_ {
        (0..self.nodes as u32).map(|node| (NodeId(node), self.room(NodeId(node))))
    }

    /// The maximum room of a node.
    pub(super) fn most_room(&self) -> Option<u64> {
        self.entries.get(1).and_then(|root| root.room.checked_sub(1))
    }

    /// The first node with the maximum room.
    pub(super) fn roomiest(&self) -> Option<NodeId> {
        let most = self.most_room()?;
        self.first_with(most, NodeId(0))
    }

    /// The node with the most room among those that have at least `room`, are in the set, if given,
    /// and meet a condition; ties go to the first. It visits only subtrees that contain nodes of
    /// the set and may beat the best node so far: mostly O(log n), at worst the whole set.
    pub(super) fn roomiest_of(
        &self,
        set: Option<&NodeSet>,
        room: u64,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let mut best = None;
        self.search_roomiest((1, 0, self.entries.len() / 2), set, room, meets, &mut best);
        best.map(|(_, node)| NodeId(node))
    }

    fn search_roomiest(
        &self,
        (at, first, width): (usize, usize, usize),
        set: Option<&NodeSet>,
        room: u64,
        meets: &mut dyn FnMut(NodeId) -> bool,
        best: &mut Option<(u64, u32)>,
    ) {
        let Some(most) = self.entries.get(at).and_then(|entry| entry.room.checked_sub(1)) else {
            return;
        };
        let is_less = |(best, node): (u64, u32)| most < best || most == best && node < first as u32;
        if most < room || best.is_some_and(is_less) {
            return;
        }
        if set.is_some_and(|set| !set.any_of(NodeId(first as u32), width)) {
            return;
        }
        if width == 1 {
            if meets(NodeId(first as u32)) {
                *best = Some((most, first as u32));
            }
            return;
        }
        let half = width / 2;
        let children = [(2 * at, first, half), (2 * at + 1, first + half, half)];
        let right_first = self.entries[2 * at + 1].room > self.entries[2 * at].room;
        for index in if right_first { [1, 0] } else { [0, 1] } {
            self.search_roomiest(children[index], set, room, meets, best);
        }
    }

    /// The first node from `from` on that has at least `room`.
    pub(super) fn first_with(&self, room: u64, from: NodeId) -> Option<NodeId> {
        let size = self.entries.len() / 2;
        if from.index() >= self.nodes {
            return None;
        }
        let enough = |at: usize| self.entries[at].room > room;
        let mut at = size + from.index();
        // Go up to the first subtree not before `from` that has enough, then down in it.
        while !enough(at) {
            while at % 2 == 1 {
                at /= 2;
            }
            if at == 0 {
                return None;
            }
            at += 1;
        }
        while at < size {
            at *= 2;
            if !enough(at) {
                at += 1;
            }
        }
        Some(NodeId((at - size) as u32))
    }

    /// The node with the fewest invocations among those that have at least `room` and meet a
    /// condition; ties go to the first.
    pub(super) fn least_running(
        &self,
        room: u64,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let mut best = None;
        self.search(1, 0, self.entries.len() / 2, room, meets, &mut best);
        best.map(|(_, node)| NodeId(node))
    }

    fn search(
        &self,
        at: usize,
        first: usize,
        width: usize,
        room: u64,
        meets: &mut dyn FnMut(NodeId) -> bool,
        best: &mut Option<(u32, u32)>,
    ) {
        let Some(&Entry { room: most, running }) = self.entries.get(at) else { return };
        if most <= room || best.is_some_and(|best| best <= (running, first as u32)) {
            return;
        }
        if width == 1 {
            if meets(NodeId(first as u32)) {
                *best = Some((running, first as u32));
            }
            return;
        }
        let half = width / 2;
        let children = [(2 * at, first), (2 * at + 1, first + half)];
        let right_first = self.entries[2 * at + 1].running < self.entries[2 * at].running;
        for index in if right_first { [1, 0] } else { [0, 1] } {
            let (child, first) = children[index];
            self.search(child, first, half, room, meets, best);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
            let first = nodes().find(|&(node, has, _)| node >= from && enough(has)).map(|(node, ..)| NodeId(node));
            prop_assert_eq!(tree.first_with(room, NodeId(from)), first);
            prop_assert_eq!(tree.most_room(), loads.iter().filter_map(|load| load.0).max());
            let most = tree.most_room();
            let roomiest = nodes().find(|&(_, has, _)| has.is_some() && has == most).map(|(node, ..)| NodeId(node));
            prop_assert_eq!(tree.roomiest(), roomiest);
            let mut set = NodeSet::new();
            (0..loads.len() as u32).filter(|node| node / 3 % 2 == 0).for_each(|node| _ = set.insert(NodeId(node)));
            for set in [None, Some(&set)] {
                let is_in = |node| set.is_none_or(|set| set.contains(NodeId(node)));
                let meets = nodes().filter(|&(node, has, _)| enough(has) && is_in(node) && node % 3 != parity);
                let roomiest = meets.max_by_key(|&(node, has, _)| (has, std::cmp::Reverse(node)));
                let roomiest = roomiest.map(|(node, ..)| NodeId(node));
                prop_assert_eq!(tree.roomiest_of(set, room, &mut |node| node.0 % 3 != parity), roomiest);
            }
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
