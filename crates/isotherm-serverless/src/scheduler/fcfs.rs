//! First come, first served.

use super::{ByNode, ChooseNode, FcfsFullScan, Nodes, Scheduler};
use crate::rules::Rules;
use crate::{FunctionId, NodeId};

/// Chooses the first node, in the order of the list, among those that have room for a new container
/// without evictions and to which the image is nearest: in memory, being loaded, on disk, being
/// copied, absent. If no node has such room, likewise among those that have room with evictions.
///
/// With `prefer_warm` ([`ByNode::new(Fcfs, true)`](super::ByNode::new)) these are the rules of the
/// reference's first-come-first-served scheduler, but for its blindness to room; that is
/// [`FcfsFullScan`](super::FcfsFullScan).
#[derive(Clone, Copy, Debug, Default)]
pub struct Fcfs;

impl ChooseNode for Fcfs {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        nodes.first_nearest(function)
    }
}

impl Rules {
    /// The scheduler `fcfs` of these rules.
    #[must_use]
    pub fn fcfs(self) -> Box<dyn Scheduler> {
        match self.fcfs_looks_at_room {
            true => Box::new(ByNode::new(Fcfs, true)),
            false => Box::new(FcfsFullScan::new()),
        }
    }
}
