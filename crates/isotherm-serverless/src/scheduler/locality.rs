//! The node to which the image is nearest.

use super::{ChooseNode, Nodes};
use crate::node_set::NodeSet;
use crate::{FunctionId, NodeId};

/// Takes a node that has the image of the function in memory; else one into whose memory it is
/// being loaded; else one that has it on disk; else one to whose disk it is being copied; else any.
/// Of several, one where no idle container has to be stopped, and on which most memory is held by
/// nobody; of equals the first in the order of the list.
///
/// A function without an image is nowhere nearer, so it goes where most memory is held by nobody.
///
/// Moving images is what cold starts wait for longest on a slow network; their sharing of nodes is
/// the subject of, among others, S. Kotni et al., *Faastlane* (USENIX ATC 2021) and G. Aumala et
/// al., *Beyond Load Balancing: Package-Aware Scheduling for Serverless Platforms* (CCGrid 2019),
/// whose package-aware rule this is in its simplest form. Looks at every node that has the image.
#[derive(Clone, Copy, Debug, Default)]
pub struct Locality;

impl ChooseNode for Locality {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let view = nodes.view();
        let near = view.image_of(function).and_then(|image| {
            let best = |set: &NodeSet| {
                let places =
                    set.and(view.with_free_slot()).filter(|&node| nodes.has_place(function, node));
                places.max_by_key(|&node| {
                    (
                        nodes.has_spare_place(function, node),
                        nodes.spare_memory(node),
                        std::cmp::Reverse(node),
                    )
                })
            };
            let sets = [
                view.in_memory(image),
                view.loading(image),
                view.on_disk(image),
                view.copying(image),
            ];
            sets.into_iter().find_map(best)
        });
        near.or_else(|| nodes.roomiest(function))
    }
}
