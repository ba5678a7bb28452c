//! One node after the other.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Takes the next node in the order of the list that has room without stopping an idle container,
/// counted from the one that was taken last; if there is none, the next where that makes room.
///
/// It spreads invocations evenly, whatever they do, as load balancers do that know nothing of their
/// servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin {
    next: u32,
}

impl RoundRobin {
    /// Begins at the first node.
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
