//! A segment tree that finds the first node on which an invocation can get a slot.

use crate::NodeId;

/// For each node the last position of the queue from which an invocation can get a slot there, as a
/// segment tree for maxima in the order of nodes. Updates and searches take O(log n).
#[derive(Debug, Default)]
pub(super) struct LastPlaces {
    /// The root is entry 1, the children of `i` are `2 i` and `2 i + 1`, and the leaves are the
    /// second half.
    entries: Vec<u64>,
}

impl LastPlaces {
    /// For this many nodes, on which no invocation can get a slot.
    pub(super) fn new(nodes: usize) -> Self {
        LastPlaces { entries: vec![0; 2 * nodes.next_power_of_two()] }
    }

    pub(super) fn of(&self, node: NodeId) -> u64 {
        self.entries[self.entries.len() / 2 + node.index()]
    }

    pub(super) fn set(&mut self, node: NodeId, last: u64) {
        let mut at = self.entries.len() / 2 + node.index();
        if std::mem::replace(&mut self.entries[at], last) == last {
            return;
        }
        while at > 1 {
            at /= 2;
            let larger = self.entries[2 * at].max(self.entries[2 * at + 1]);
            if self.entries[at] == larger {
                break;
            }
            self.entries[at] = larger;
        }
    }

    /// The first node from `from` on where an invocation at this position (not 0) can get a slot
    /// and that meets a condition.
    pub(super) fn first(
        &self,
        from: NodeId,
        place: u64,
        mut meets: impl FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let leaves = self.entries.len() / 2;
        let mut at = leaves + from.index();
        if from.index() >= leaves {
            return None;
        }
        loop {
            if self.entries[at] >= place {
                while at < leaves {
                    at *= 2;
                    at += usize::from(self.entries[at] < place);
                }
                let node = NodeId((at - leaves) as u32);
                if meets(node) {
                    return Some(node);
                }
            }
            // On to the next entry to the right, as high up as it goes.
            while at % 2 == 1 {
                at /= 2;
            }
            if at == 0 {
                return None;
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_found(
            nodes in 1usize..20,
            sets in prop::collection::vec((0usize..20, 0u64..5), 0..40),
            from in 0u32..20,
            place in 1u64..6,
        ) {
            let mut tree = LastPlaces::new(nodes);
            let mut model = vec![0; nodes];
            for (node, last) in sets {
                tree.set(NodeId((node % nodes) as u32), last);
                model[node % nodes] = last;
            }
            let from = NodeId(from % nodes as u32);
            for odd in [false, true] {
                let meets = |node: NodeId| !odd || node.0 % 2 == 1;
                let can = |node: &NodeId| model[node.index()] >= place && meets(*node);
                let expected = (from.0..nodes as u32).map(NodeId).find(can);
                prop_assert_eq!(tree.first(from, place, meets), expected);
            }
        }
    }
}
