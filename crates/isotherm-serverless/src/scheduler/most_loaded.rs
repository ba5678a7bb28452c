//! Best fit: the fullest node that has room.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Chooses the node with the least spare memory among those that have room without evicting idle
/// containers; otherwise the node with the least obtainable memory. Ties go to the first in the
/// order of the list.
///
/// Large gaps stay whole for large functions, and empty nodes stay empty and could be switched off.
/// Container orchestrators offer this to save nodes (`MostAllocated` in Kubernetes).
#[derive(Clone, Copy, Debug, Default)]
pub struct MostLoaded;

impl ChooseNode for MostLoaded {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        nodes.tightest(function)
    }
}
