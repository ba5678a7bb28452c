//! First fit: the first node that has room.

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// Chooses the first node, in the order of the list, that has room without evicting an idle
/// container; otherwise the first that has room with evictions. So the first nodes fill up and the
/// last ones stay empty and could be switched off.
///
/// One of the classical rules for dynamic storage allocation (D. E. Knuth, *The Art of Computer
/// Programming*, vol. 1, section 2.5), and the usual one in simulators of serverless platforms.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstFit;

impl ChooseNode for FirstFit {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        nodes.first_with_place(function, NodeId(0))
    }
}
