//! Bookkeeping within a round, for schedulers that only choose a node per invocation.

use rustc_hash::{FxHashMap, FxHashSet};

use super::round_reservations::RoundReservations;
use super::{Dispatch, Plan};
use crate::state::{Pending, View};
use crate::{FunctionId, ImageId, NodeId};

/// Writes a [`Plan`] for a scheduler that chooses a node for each invocation. It counts the slots,
/// idle containers and room given out in the round and derives the next step towards a start.
///
/// ```
/// use isotherm_serverless::scheduler::{Placement, Plan, Scheduler};
/// use isotherm_serverless::{NodeId, View};
///
/// /// Each invocation on the node with most free slots.
/// struct Spread;
///
/// impl Scheduler for Spread {
///     fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
///         let mut placement = Placement::new(view, plan);
///         for pending in view.pending() {
///             let can = view.with_free_slot().iter().filter(|&node| placement.has_place(pending.function, node));
///             let best = can.max_by_key(|&node| placement.free_slots(node));
///             if let Some(node) = best {
///                 placement.place(pending, node);
///             }
///         }
///     }
/// }
/// ```
pub struct Placement<'a> {
    view: View<'a>,
    plan: &'a mut Plan,
    slots_taken: FxHashMap<NodeId, u32>,
    idle_taken: FxHashMap<(FunctionId, NodeId), usize>,
    moved: FxHashSet<(NodeId, ImageId)>,
    reservations: RoundReservations,
}

impl<'a> Placement<'a> {
    /// A placement for a round that begins.
    pub fn new(view: &View<'a>, plan: &'a mut Plan) -> Self {
        Placement {
            view: *view,
            plan,
            slots_taken: FxHashMap::default(),
            idle_taken: FxHashMap::default(),
            moved: FxHashSet::default(),
            reservations: RoundReservations::default(),
        }
    }

    /// The free slots of a node that were not given out in this round.
    #[must_use]
    pub fn free_slots(&self, node: NodeId) -> u32 {
        let taken = self.slots_taken.get(&node).copied().unwrap_or_default();
        self.view.free_slots(node).saturating_sub(taken)
    }

    /// The idle containers of a function on a node that were not given out in this round.
    #[must_use]
    pub fn idle_count(&self, function: FunctionId, node: NodeId) -> usize {
        let taken = self.idle_taken.get(&(function, node)).copied().unwrap_or_default();
        self.view.idle_count(function, node).saturating_sub(taken)
    }

    /// Whether a node has a free slot and either an idle container of the function, or room for a
    /// new one beside everything given out in this round. Room of evictable containers and images
    /// counts.
    #[must_use]
    pub fn has_place(&self, function: FunctionId, node: NodeId) -> bool {
        self.free_slots(node) > 0
            && (self.idle_count(function, node) > 0
                || self.view.fits(function, node)
                    && self.reservations.leave_room(&self.view, function, node))
    }

    /// Takes a slot of the node for the invocation and decides its next step there. It is
    /// dispatched to an idle container, or to a new one if the image is in memory; otherwise the
    /// image is loaded or copied, unless it is in transit already. Returns false, and decides
    /// nothing, if there is no free slot.
    pub fn place(&mut self, pending: Pending, node: NodeId) -> bool {
        if self.free_slots(node) == 0 {
            return false;
        }
        let Pending { invocation, function } = pending;
        *self.slots_taken.entry(node).or_default() += 1;
        self.reservations.add(&self.view, function, node);
        let idle_taken = self.idle_taken.entry((function, node)).or_default();
        let container = self.view.idle(function, node).nth(*idle_taken);
        *idle_taken += usize::from(container.is_some());
        match self.view.image_of(function) {
            Some(image) if container.is_none() && !self.view.in_memory(image).contains(node) => {
                self.move_image(image, node);
            }
            _ => self.plan.dispatches.push(Dispatch { invocation, node, container }),
        }
        true
    }

    /// Decides the next move of an image towards the memory of a node.
    fn move_image(&mut self, image: ImageId, node: NodeId) {
        let view = &self.view;
        let on_disk = view.on_disk(image).contains(node);
        let on_its_way =
            if on_disk { view.loading(image) } else { view.copying(image) }.contains(node);
        if on_its_way || !self.moved.insert((node, image)) {
            return;
        }
        if on_disk {
            self.plan.loads.push((node, image));
        } else {
            self.plan.copies.push((node, image));
        }
    }
}
