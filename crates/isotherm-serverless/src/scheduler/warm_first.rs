//! Warm first: an idle container on any node; a new one where it starts cheapest.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Chooses where a new container is started if no idle one serves. It is the default of the preset
/// `default`, together with `prefer_warm` ([`ByNode::new(WarmFirst, true)`](super::ByNode::new)).
/// In this order:
///
/// 1. nodes that have room without evictions, nearest image first: in memory, being loaded, on
///    disk, being copied, absent;
/// 2. nodes that have room with evictions of idle containers, in the same order.
///
/// Among nodes to which the image is equally near, the one with the most room (in 1 spare memory,
/// in 2 obtainable memory), then the first in the order of the list. A function without an image is
/// equally near everywhere.
///
/// [`Locality`](super::Locality) considers the image first, and evicts idle containers on a node
/// that has it rather than move it to a node with room. If many functions share an image, they all
/// stay on the nodes where it arrived first and evict each other's containers.
#[derive(Clone, Copy, Debug, Default)]
pub struct WarmFirst;

impl ChooseNode for WarmFirst {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        nodes.nearest(function)
    }
}
