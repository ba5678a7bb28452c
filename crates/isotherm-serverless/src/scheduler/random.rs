//! A node at random.

use isotherm_kernel::Random;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Dispatch, Plan, Scheduler};
use crate::state::{Pending, View};
use crate::{FunctionId, ImageId, NodeId};

/// How often a node is drawn anew that can never run the function, before those that can are counted.
const DRAWS: u32 = 16;

/// Shuffles the invocations that wait and draws a node for each, uniformly among all that can run its function: whose host
/// is on, and that could hold image and container. If the node has a free slot, the next step towards the start there is
/// decided, and the slot is taken for this round.
///
/// A round looks at every invocation that waits.
#[derive(Debug)]
pub struct RandomPlacement {
    random: Random,
}

impl RandomPlacement {
    /// Draws from the given stream.
    pub fn new(random: Random) -> Self {
        RandomPlacement { random }
    }

    /// A node that can run the function.
    fn draw(&mut self, view: &View<'_>, function: FunctionId) -> Option<NodeId> {
        let can = |node: &NodeId| view.is_up(*node) && view.fits(function, *node);
        let nodes = view.nodes() as u32;
        // Nearly always all nodes can, and the first draw is good.
        for _ in 0..DRAWS {
            let node = NodeId(self.random.below(u64::from(nodes)) as u32);
            if can(&node) {
                return Some(node);
            }
        }
        let able: Vec<NodeId> = (0..nodes).map(NodeId).filter(can).collect();
        (!able.is_empty()).then(|| able[self.random.below(able.len() as u64) as usize])
    }
}

impl Scheduler for RandomPlacement {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut pending: Vec<Pending> = view.pending().collect();
        self.random.shuffle(&mut pending);
        let mut taken: FxHashMap<NodeId, u32> = FxHashMap::default();
        let mut idle_taken: FxHashMap<(FunctionId, NodeId), usize> = FxHashMap::default();
        let mut moved: FxHashSet<(NodeId, ImageId)> = FxHashSet::default();
        for Pending { invocation, function } in pending {
            let Some(node) = self.draw(view, function) else { continue };
            let taken = taken.entry(node).or_default();
            if *taken >= view.free_slots(node) {
                continue;
            }
            *taken += 1;
            let idle_taken = idle_taken.entry((function, node)).or_default();
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
