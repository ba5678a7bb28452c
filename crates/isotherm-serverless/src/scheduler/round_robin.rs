//! Round robin: one node after the other.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Chooses the next node, in the order of the list and counted from the one chosen last, that has
/// room without evicting an idle container; otherwise the next that has room with evictions.
///
/// It spreads invocations evenly whatever they do, like load balancers that know nothing of their
/// servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin {
    next: u32,
}

impl RoundRobin {
    /// Begins with the first node.
    #[must_use]
    pub fn new() -> Self {
        RoundRobin::default()
    }
}

impl ChooseNode for RoundRobin {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let node = nodes.next_with_place(function, NodeId(self.next))?;
        self.next = node.0 + 1;
        Some(node)
    }
}
