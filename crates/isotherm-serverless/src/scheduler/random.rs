//! A node at random.

use isotherm_kernel::Random;

use super::{Placement, Plan, Scheduler};
use crate::state::{Pending, View};
use crate::{FunctionId, NodeId};

/// How often a node is drawn anew that can never run the function, before those that can are
/// counted.
const DRAWS: u32 = 16;

/// Shuffles the invocations that wait and draws a node for each, uniformly among all that can run
/// its function: whose host is on, and that could hold image and container. If the node has a free
/// slot, the next step towards the start there is decided, and the slot is taken for this round.
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
        let mut placement = Placement::new(view, plan);
        for pending in pending {
            if let Some(node) = self.draw(view, pending.function) {
                placement.place(pending, node);
            }
        }
    }
}
