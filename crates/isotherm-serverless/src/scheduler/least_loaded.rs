//! Worst fit: the least loaded node.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Chooses the node with the least load among those that have a place; ties go to the first in the
/// order of the list.
///
/// Spreading keeps room on every node, so that containers of many functions survive side by side
/// and bodies that share the cores or the disk of a node disturb each other least. Container
/// orchestrators do this by default (`LeastAllocated` in Kubernetes).
#[derive(Clone, Copy, Debug)]
pub struct LeastLoaded {
    by: LoadMeasure,
}

/// The measure of load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadMeasure {
    /// Memory held by containers, idle ones included, and their images: the node with the most
    /// spare memory is chosen. If none has room without evicting idle containers, these do not
    /// count. If nodes differ in size, the largest are filled first.
    #[default]
    Memory,
    /// Running invocations.
    Running,
}

impl LeastLoaded {
    /// Chooses the node with the least load by this measure.
    #[must_use]
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
