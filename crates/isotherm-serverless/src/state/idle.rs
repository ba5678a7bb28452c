//! The idle containers of one function, in the order in which they are to serve.
//!
//! A scheduler asks for the first one of all, or for the first ones on a node. Both take O(log n).

use std::collections::BTreeMap;

use crate::node_set::NodeSet;
use crate::{ContainerId, NodeId};

/// Idle containers of a function. Each has a key of its own, by which they are ordered.
#[derive(Debug, Default)]
pub(crate) struct IdleContainers {
    all: BTreeMap<u64, (ContainerId, NodeId)>,
    by_node: BTreeMap<(NodeId, u64), ContainerId>,
    nodes: NodeSet,
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
        self.by_node.insert((node, key), container);
        self.nodes.insert(node);
    }

    pub(crate) fn remove(&mut self, key: u64, node: NodeId) {
        self.all.remove(&key);
        self.by_node.remove(&(node, key));
        if self.on(node).next().is_none() {
            self.nodes.remove(node);
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ContainerId, NodeId)> + '_ {
        self.all.values().copied()
    }

    /// Those on a node.
    pub(crate) fn on(&self, node: NodeId) -> impl Iterator<Item = ContainerId> + '_ {
        self.by_node.range((node, 0)..=(node, u64::MAX)).map(|(_, &container)| container)
    }

    /// Asserts that the two orders hold the same.
    #[cfg(any(test, feature = "audit"))]
    pub(crate) fn check(&self) {
        assert_eq!(self.all.len(), self.by_node.len(), "idle containers by order and by node");
        for (&(node, key), container) in &self.by_node {
            assert_eq!(self.all.get(&key), Some(&(*container, node)), "an idle container in both orders");
            assert!(self.nodes.contains(node), "nodes with an idle container");
        }
    }
}
