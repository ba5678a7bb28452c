//! An idle container wherever it is; a new one where that costs least.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Where a new container is started, if no idle one serves: the default of the preset `default`,
/// together with `prefer_warm` ([`ByNode::new(WarmFirst, true)`](super::ByNode::new)). In this
/// order:
///
/// 1. nodes that have room without any container being stopped, those first to which the image is
///    nearest: it is in their memory; is being loaded into it; is on their disk; is being copied to
///    it; is not there;
/// 2. nodes on which idle containers have to go for it, likewise.
///
/// Of several to which it is equally near, the one with most room: in 1 what nobody holds, in 2
/// what can be had; of equals the first in the order of the list. A function without an image is
/// equally near everywhere.
///
/// [`Locality`](super::Locality) goes by the image first, and stops idle containers on a node that
/// has it rather than bring it to one that has room. Where many functions share an image, all of
/// them stay on the nodes where it came first, and stop each other's containers there.
///
/// O(log n) in nodes, unless many that have the image are fuller than many that do not: at worst it
/// looks at all nodes that have the image.
#[derive(Clone, Copy, Debug, Default)]
pub struct WarmFirst;

impl ChooseNode for WarmFirst {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        nodes.nearest(function)
    }
}
