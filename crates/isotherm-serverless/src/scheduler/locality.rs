//! Locality: the node to which the image is nearest.

use super::{ChooseNode, Nearness, Nodes};
use crate::{FunctionId, NodeId};

/// Chooses a node that has the image of the function in memory; else one where it is being loaded;
/// else one that has it on disk; else one to which it is being copied; else any. Among these it
/// prefers a node where no idle container must be evicted, then the one with the most spare memory,
/// then the first in the order of the list.
///
/// A function without an image goes to the node with the most spare memory.
///
/// On a slow network cold starts wait mostly for images. This is the simplest form of the
/// package-aware rule of G. Aumala et al., *Beyond Load Balancing: Package-Aware Scheduling for
/// Serverless Platforms* (CCGrid 2019); see also S. Kotni et al., *Faastlane* (USENIX ATC 2021).
#[derive(Clone, Copy, Debug, Default)]
pub struct Locality;

impl ChooseNode for Locality {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let near =
            Nearness::ALL.into_iter().find_map(|nearness| nodes.roomiest_near(function, nearness));
        near.or_else(|| nodes.roomiest(function))
    }
}
