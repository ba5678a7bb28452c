//! The fullest node that has room.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Takes the node on which least memory is held by nobody of those that have room without stopping
/// idle containers; if there is none, the one on which least can be had. Of equals the first in the
/// order of the list.
///
/// Packing (best fit): large gaps stay whole for large functions, and nodes that are empty stay so
/// and could be switched off. It is what container orchestrators offer to save nodes
/// (`MostAllocated` in Kubernetes).
#[derive(Clone, Copy, Debug, Default)]
pub struct MostLoaded;

impl ChooseNode for MostLoaded {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        nodes.tightest(function)
    }
}
