//! A random node for each invocation.

use isotherm_kernel::Random;

use super::{Placement, Plan, Scheduler};
use crate::state::{Pending, View};
use crate::{FunctionId, NodeId};

/// How often a node is drawn that cannot run the function, before the able nodes are listed.
const DRAWS: u32 = 16;

/// Shuffles the pending invocations and draws a node for each, uniformly among all that can run its
/// function: those that are on and could hold its image and a container. If the node has a free
/// slot, the invocation takes it for this round and its next step there is decided.
///
/// A round looks at every pending invocation.
#[derive(Debug)]
pub struct RandomPlacement {
    random: Random,
}

impl RandomPlacement {
    /// Draws from the given stream.
    #[must_use]
    pub fn new(random: Random) -> Self {
        RandomPlacement { random }
    }

    /// A node that can run the function.
    fn draw(&mut self, view: &View<'_>, function: FunctionId) -> Option<NodeId> {
        let can = |node: &NodeId| view.is_up(*node) && view.fits(function, *node);
        let nodes = view.members();
        if nodes.is_empty() {
            return None;
        }
        // Nearly always all nodes are able, and the first draw succeeds.
        for _ in 0..DRAWS {
            let node = nodes[self.random.below(nodes.len() as u64) as usize];
            if can(&node) {
                return Some(node);
            }
        }
        let able: Vec<NodeId> = nodes.iter().copied().filter(can).collect();
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
