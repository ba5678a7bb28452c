//! Counts the invocations of functions on each node.

use rustc_hash::FxHashMap;

use crate::{FunctionId, NodeId};

/// The invocations of each function on each node. A count is dropped when the last container of the
/// function on the node stops, so memory grows only with live containers.
#[derive(Debug, Default)]
pub(super) struct Uses {
    counts: FxHashMap<(NodeId, FunctionId), Count>,
}

#[derive(Debug, Default)]
struct Count {
    containers: u32,
    invocations: u64,
}

impl Uses {
    pub(super) fn started(&mut self, node: NodeId, function: FunctionId) {
        self.counts.entry((node, function)).or_default().containers += 1;
    }

    pub(super) fn used(&mut self, node: NodeId, function: FunctionId) {
        if let Some(count) = self.counts.get_mut(&(node, function)) {
            count.invocations += 1;
        }
    }

    pub(super) fn stopped(&mut self, node: NodeId, function: FunctionId) {
        if let Some(count) = self.counts.get_mut(&(node, function)) {
            count.containers -= 1;
            if count.containers == 0 {
                self.counts.remove(&(node, function));
            }
        }
    }

    pub(super) fn of(&self, node: NodeId, function: FunctionId) -> u64 {
        self.counts.get(&(node, function)).map_or(0, |count| count.invocations)
    }
}
