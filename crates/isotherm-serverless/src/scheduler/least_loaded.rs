//! The node that has least to do.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Takes the node with least load of those that have a place; of equals the first in the order of
/// the list.
///
/// Spreading load keeps room on every node, so that the containers of many functions survive side
/// by side, and bodies that share the cores or the disk of a node disturb each other least. It is
/// what container orchestrators do by default (`LeastAllocated` in Kubernetes).
#[derive(Clone, Copy, Debug)]
pub struct LeastLoaded {
    by: LoadMeasure,
}

/// What counts as load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadMeasure {
    /// Memory that containers and their images hold, idle ones included: the node is taken on which
    /// most is held by nobody. If none has room without stopping idle containers, these do not
    /// count. Where nodes differ, the largest ones are filled first.
    #[default]
    Memory,
    /// Invocations that run.
    Running,
}

impl LeastLoaded {
    /// Least by this measure.
    pub fn by(by: LoadMeasure) -> Self {
        LeastLoaded { by }
    }
}

impl ChooseNode for LeastLoaded {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        match self.by {
            LoadMeasure::Memory => nodes.roomiest(function),
            LoadMeasure::Running => nodes.least_running(function),
        }
    }
}
