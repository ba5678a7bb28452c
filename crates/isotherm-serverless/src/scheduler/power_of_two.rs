//! Power of two choices: the better of two random nodes.

use isotherm_kernel::Random;

use super::{ChooseNode, Nodes};
use crate::{FunctionId, NodeId};

/// How often two nodes are drawn of which none has a place, before the nodes are searched in order.
const DRAWS: u32 = 8;

/// Draws two nodes at random and chooses the one that runs fewer invocations, or the first drawn if
/// equal. A node without a place does not count; if neither has one, two others are drawn.
///
/// Nearly as even as [`LeastLoaded`](super::LeastLoaded) while looking at two nodes only: the
/// largest load exceeds the mean by O(log log n), compared with O(log n / log log n) for one random
/// node. M. Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing* (IEEE TPDS
/// 12(10), 2001).
#[derive(Debug)]
pub struct PowerOfTwo {
    random: Random,
}

impl PowerOfTwo {
    /// Draws from the given stream.
    #[must_use]
    pub fn new(random: Random) -> Self {
        PowerOfTwo { random }
    }
}

impl ChooseNode for PowerOfTwo {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let view = nodes.view();
        let members = view.members();
        let count = members.len() as u64;
        // If no node has a place, nothing is drawn: so the draws do not depend on how often the
        // rule is asked.
        let any = nodes.first_with_place(function, NodeId(0))?;
        if count == 1 {
            return Some(any);
        }
        // Nodes where containers must be evicted count only if no node has spare room.
        let spare = nodes.has_spare_room(function, any);
        for _ in 0..DRAWS {
            let first = self.random.below(count);
            // A different node, uniformly.
            let second = (first + 1 + self.random.below(count - 1)) % count;
            let drawn = [first, second].map(|drawn| members[drawn as usize]);
            let has_place = |node: &NodeId| match spare {
                true => nodes.has_spare_room(function, *node),
                false => nodes.has_place(function, *node),
            };
            let places = drawn.into_iter().filter(has_place);
            if let Some(node) = places.min_by_key(|&node| nodes.running(node)) {
                return Some(node);
            }
        }
        nodes.next_with_place(function, members[self.random.below(count) as usize])
    }
}
