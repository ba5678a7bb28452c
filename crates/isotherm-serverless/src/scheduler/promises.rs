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
    /// Of functions whose containers serve several invocations at once: how many have been placed.
    placed: FxHashMap<(FunctionId, NodeId), usize>,
}

impl Promises {
    pub(super) fn clear(&mut self) {
        self.promised.clear();
        self.kept.clear();
        self.placed.clear();
    }

    /// Whether a container of the function has room on the node beside what was promised.
    pub(super) fn leave_room(&self, view: &View<'_>, function: FunctionId, node: NodeId) -> bool {
        if view.concurrency_of(function) > 1 && !self.needs_room(view, function, node) {
            return true;
        }
        let mut promised = self.promised.get(&node).copied().unwrap_or_default();
        if let Some(image) = view.image_of(function)
            && self.kept.contains(&(node, image))
        {
            promised = promised.without(view.image_need(image, node));
        }
        view.has_room(function, node, promised)
    }

    /// Whether the next invocation of a function whose containers serve several at once needs the
    /// room of a container: not if it finds a place in one that serves others, or whose room has
    /// been promised.
    fn needs_room(&self, view: &View<'_>, function: FunctionId, node: NodeId) -> bool {
        let placed = self.placed.get(&(function, node)).copied().unwrap_or_default();
        let there = view.idle_count(function, node);
        if placed >= there {
            return (placed - there).is_multiple_of(view.concurrency_of(function) as usize);
        }
        let Some(container) = view.idle(function, node).nth(placed) else { return false };
        // The room of an idle one counts as free until it is used.
        view.is_idle(container)
            && !view.idle(function, node).take(placed).any(|other| other == container)
    }

    /// Promises the room of a container of the function, new or idle, and of its image.
    pub(super) fn add(&mut self, view: &View<'_>, function: FunctionId, node: NodeId) {
        if view.concurrency_of(function) > 1 {
            let needs_room = self.needs_room(view, function, node);
            *self.placed.entry((function, node)).or_default() += 1;
            if !needs_room {
                return;
            }
        }
        let promised = self.promised.entry(node).or_default();
        promised.add(view.need_of(function));
        if let Some(image) = view.image_of(function)
            && self.kept.insert((node, image))
        {
            promised.add(view.image_need(image, node));
        }
    }
}
