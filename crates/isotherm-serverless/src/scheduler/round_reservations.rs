//! Room that a scheduler has reserved within a round.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::state::{Need, View};
use crate::{FunctionId, ImageId, NodeId};

/// What the decisions of this round will take on each node, so that no room is given out twice.
#[derive(Debug, Default)]
pub(super) struct RoundReservations {
    reserved: FxHashMap<NodeId, Need>,
    /// Images whose room is included in `reserved`.
    counted_images: FxHashSet<(NodeId, ImageId)>,
    /// For functions whose containers serve several invocations at once: the invocations placed.
    placed: FxHashMap<(FunctionId, NodeId), usize>,
}

impl RoundReservations {
    /// Whether a container of the function has room on the node beside the reservations.
    pub(super) fn leave_room(&self, view: &View<'_>, function: FunctionId, node: NodeId) -> bool {
        if view.concurrency_of(function) > 1 && !self.needs_room(view, function, node) {
            return true;
        }
        let mut reserved = self.reserved.get(&node).copied().unwrap_or_default();
        if let Some(image) = view.image_of(function)
            && self.counted_images.contains(&(node, image))
        {
            reserved = reserved.without(view.image_need(image, node));
        }
        view.has_room(function, node, reserved)
    }

    /// Whether the next invocation of a function whose containers serve several at once needs the
    /// room of a container. It does not if a container that is busy, or whose room is reserved, has
    /// capacity left.
    fn needs_room(&self, view: &View<'_>, function: FunctionId, node: NodeId) -> bool {
        let placed = self.placed.get(&(function, node)).copied().unwrap_or_default();
        let there = view.idle_count(function, node);
        if placed >= there {
            return (placed - there).is_multiple_of(view.concurrency_of(function) as usize);
        }
        let Some(container) = view.idle(function, node).nth(placed) else { return false };
        // The room of an idle container counts as available until it is used.
        view.is_idle(container)
            && !view.idle(function, node).take(placed).any(|other| other == container)
    }

    /// Reserves the room of a container of the function, new or idle, and of its image.
    pub(super) fn add(&mut self, view: &View<'_>, function: FunctionId, node: NodeId) {
        if view.concurrency_of(function) > 1 {
            let needs_room = self.needs_room(view, function, node);
            *self.placed.entry((function, node)).or_default() += 1;
            if !needs_room {
                return;
            }
        }
        let reserved = self.reserved.entry(node).or_default();
        reserved.add(view.need_of(function));
        if let Some(image) = view.image_of(function)
            && self.counted_images.insert((node, image))
        {
            reserved.add(view.image_need(image, node));
        }
    }
}
