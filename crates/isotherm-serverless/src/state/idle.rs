//! Idle containers: of one function, in the order in which they are to serve, and of one node, in the order in which they are to go.

use std::collections::{BTreeMap, BTreeSet};

use isotherm_kernel::Time;

use crate::eviction::Rank;
use crate::id_map::IdMap;
use crate::node_set::NodeSet;
use crate::{ContainerId, NodeId};

/// Idle containers of a function. Each has a key of its own, by which they are ordered.
///
/// A scheduler asks for the first one of all, which takes O(log n), or for those on a node, of which there are as many at most as a
/// node can hold.
#[derive(Debug, Default)]
pub(crate) struct IdleContainers {
    all: BTreeMap<u64, (ContainerId, NodeId)>,
    /// Those on each node that has any, by their keys.
    by_node: IdMap<NodeId, Vec<(u64, ContainerId)>>,
    nodes: NodeSet,
    /// Lists of nodes that have none any more, to be used again.
    spare: Vec<Vec<(u64, ContainerId)>>,
}

impl IdleContainers {
    /// Nodes with an idle container.
    pub(crate) fn nodes(&self) -> &NodeSet {
        &self.nodes
    }

    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn insert(&mut self, key: u64, container: ContainerId, node: NodeId) {
        self.all.insert(key, (container, node));
        let spare = &mut self.spare;
        let there = self.by_node.get_or_insert_with(node, || spare.pop().unwrap_or_default());
        if there.is_empty() {
            self.nodes.insert(node);
        }
        let place = there.partition_point(|&(other, _)| other < key);
        there.insert(place, (key, container));
    }

    pub(crate) fn remove(&mut self, key: u64, node: NodeId) {
        self.all.remove(&key);
        let Some(there) = self.by_node.get_mut(&node) else { return };
        if let Ok(place) = there.binary_search_by_key(&key, |&(other, _)| other) {
            there.remove(place);
        }
        if there.is_empty() {
            self.nodes.remove(node);
            self.spare.extend(self.by_node.remove(&node));
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ContainerId, NodeId)> + '_ {
        self.all.values().copied()
    }

    /// Those on a node.
    pub(crate) fn on(&self, node: NodeId) -> impl Iterator<Item = ContainerId> + '_ {
        self.by_node.get(&node).into_iter().flatten().map(|&(_, container)| container)
    }

    /// Asserts that the two orders hold the same.
    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn check(&self) {
        let by_node: usize = self.by_node.values().map(Vec::len).sum();
        assert_eq!(self.all.len(), by_node, "idle containers by order and by node");
        assert_eq!(self.nodes.len(), self.by_node.len(), "nodes with an idle container");
        for (&key, &(container, node)) in &self.all {
            assert!(self.by_node[&node].contains(&(key, container)), "an idle container in both orders");
            assert!(self.nodes.contains(node), "nodes with an idle container");
        }
    }
}

/// The place of an idle container among those of its node: by rank, then the longest idle first, ties in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdleKey {
    pub(crate) rank: Rank,
    pub(crate) since: Time,
    pub(crate) id: ContainerId,
}

/// Idle containers of a node.
#[derive(Debug)]
pub(crate) enum IdleOnNode {
    /// In the order in which they go when their room is needed.
    InOrder(BTreeSet<IdleKey>),
    /// Where nobody goes, it is only known who they are.
    Known(IdMap<ContainerId, ()>),
}

impl IdleOnNode {
    pub(crate) fn new(evicts: bool) -> Self {
        if evicts { IdleOnNode::InOrder(BTreeSet::new()) } else { IdleOnNode::Known(IdMap::default()) }
    }

    pub(crate) fn insert(&mut self, key: IdleKey) {
        match self {
            IdleOnNode::InOrder(keys) => {
                keys.insert(key);
            }
            IdleOnNode::Known(ids) => {
                ids.insert(key.id, ());
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &IdleKey) {
        match self {
            IdleOnNode::InOrder(keys) => {
                keys.remove(key);
            }
            IdleOnNode::Known(ids) => {
                ids.remove(&key.id);
            }
        }
    }

    /// Those that may go when their room is needed, the first to go first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = ContainerId> + '_ {
        let keys = match self {
            IdleOnNode::InOrder(keys) => Some(keys),
            IdleOnNode::Known(_) => None,
        };
        keys.into_iter().flatten().map(|key| key.id)
    }

    /// All of them: in their order, or in that of creation.
    pub(crate) fn all(&self) -> Vec<ContainerId> {
        match self {
            IdleOnNode::InOrder(keys) => keys.iter().map(|key| key.id).collect(),
            IdleOnNode::Known(ids) => {
                let mut ids: Vec<ContainerId> = ids.iter().map(|(id, ())| id).collect();
                ids.sort_unstable();
                ids
            }
        }
    }

    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn len(&self) -> usize {
        match self {
            IdleOnNode::InOrder(keys) => keys.len(),
            IdleOnNode::Known(ids) => ids.len(),
        }
    }
}
