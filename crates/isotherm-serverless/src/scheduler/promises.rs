//! Room that a scheduler has promised in a round.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::state::{Need, View};
use crate::{FunctionId, ImageId, NodeId};

/// What the decisions of this round will take on each node, so that no room is given out twice.
#[derive(Debug, Default)]
pub(super) struct Promises {
    promised: FxHashMap<NodeId, Need>,
    /// Images whose room is among what was promised.
    kept: FxHashSet<(NodeId, ImageId)>,
}

impl Promises {
    pub(super) fn clear(&mut self) {
        self.promised.clear();
        self.kept.clear();
    }

    /// Whether a container of the function has room on the node beside what was promised.
    pub(super) fn leave_room(&self, view: &View<'_>, function: FunctionId, node: NodeId) -> bool {
        let mut promised = self.promised.get(&node).copied().unwrap_or_default();
        if let Some(image) = view.image_of(function)
            && self.kept.contains(&(node, image))
        {
            promised = promised.without(view.image_need(image, node));
        }
        view.has_room(function, node, promised)
    }

    /// Promises the room of a container of the function, new or idle, and of its image.
    pub(super) fn add(&mut self, view: &View<'_>, function: FunctionId, node: NodeId) {
        let promised = self.promised.entry(node).or_default();
        promised.add(view.need_of(function));
        if let Some(image) = view.image_of(function)
            && self.kept.insert((node, image))
        {
            promised.add(view.image_need(image, node));
        }
    }
}
