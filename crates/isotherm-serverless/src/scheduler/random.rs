//! A node at random.

use isotherm_kernel::Random;

use super::{Dispatch, Plan, Scheduler};
use crate::state::{Pending, View};
use crate::{ImageId, NodeId};
use rustc_hash::{FxHashMap, FxHashSet};

/// Shuffles the invocations that wait and draws a node for each, uniformly among all. If the node has a free slot, the
/// next step towards the start there is decided, and the slot is taken for this round.
#[derive(Debug)]
pub struct RandomPlacement {
    random: Random,
}

impl RandomPlacement {
    /// Draws from the given stream.
    pub fn new(random: Random) -> Self {
        RandomPlacement { random }
    }
}

impl Scheduler for RandomPlacement {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut pending: Vec<Pending> = view.pending().collect();
        self.random.shuffle(&mut pending);
        let mut taken: FxHashMap<NodeId, u32> = FxHashMap::default();
        let mut idle_taken = FxHashMap::default();
        let mut moved: FxHashSet<(NodeId, ImageId)> = FxHashSet::default();
        for Pending { invocation, function } in pending {
            let node = NodeId(self.random.below(view.nodes() as u64) as u32);
            let taken = taken.entry(node).or_default();
            if *taken >= view.free_slots(node) || !view.fits(function, node) {
                continue;
            }
            *taken += 1;
            let idle_taken: &mut usize = idle_taken.entry((function, node)).or_default();
            if let Some(container) = view.idle(function, node).nth(*idle_taken) {
                *idle_taken += 1;
                plan.dispatches.push(Dispatch { invocation, node, container: Some(container) });
                continue;
            }
            match view.image_of(function) {
                None => plan.dispatches.push(Dispatch { invocation, node, container: None }),
                Some(image) if view.in_memory(image).contains(node) => {
                    plan.dispatches.push(Dispatch { invocation, node, container: None });
                }
                Some(image) if view.on_disk(image).contains(node) => {
                    if !view.loading(image).contains(node) && moved.insert((node, image)) {
                        plan.loads.push((node, image));
                    }
                }
                Some(image) => {
                    if !view.copying(image).contains(node) && moved.insert((node, image)) {
                        plan.copies.push((node, image));
                    }
                }
            }
        }
    }
}
