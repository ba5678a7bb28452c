//! Least frequently used.

use super::uses::Uses;
use super::{ContainerEviction, IdleContainer, Rank, StoppedContainer};
use crate::state::View;
use crate::{ContainerId, FunctionId, NodeId};

/// Evicts the containers of the functions with the fewest invocations on the node; ties go to the
/// longest idle. Invocations are counted while the function has a container on the node, and from
/// zero after that. A container keeps the count of the moment at which it became idle.
#[derive(Debug, Default)]
pub struct LeastFrequentlyUsed {
    uses: Uses,
}

impl ContainerEviction for LeastFrequentlyUsed {
    fn rank(&mut self, _: &View<'_>, idle: &IdleContainer) -> Rank {
        Rank::whole(self.uses.of(idle.node, idle.function))
    }

    fn started(&mut self, node: NodeId, function: FunctionId) {
        self.uses.started(node, function);
    }

    fn used(&mut self, _: ContainerId, node: NodeId, function: FunctionId) {
        self.uses.used(node, function);
    }

    fn stopped(&mut self, container: &StoppedContainer) {
        self.uses.stopped(container.node, container.function);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{idle_container, rank};
    use super::*;

    #[test]
    fn uses_are_counted_as_long_as_there_is_a_container() {
        let mut policy = LeastFrequentlyUsed::default();
        let (node, function) = (NodeId(0), FunctionId(0));
        for _ in 0..2 {
            policy.started(node, function);
        }
        for _ in 0..3 {
            policy.used(ContainerId(0), node, function);
        }
        assert_eq!(rank(&mut policy, &idle_container(0, 1, 1)), Rank::whole(3));
        let stop = |policy: &mut LeastFrequentlyUsed, id| {
            policy.stopped(&StoppedContainer {
                id: ContainerId(id),
                function,
                node,
                evicted: None,
            });
        };
        stop(&mut policy, 0);
        assert_eq!(
            rank(&mut policy, &idle_container(1, 1, 1)),
            Rank::whole(3),
            "the other one is there"
        );
        stop(&mut policy, 1);
        policy.started(node, function);
        policy.used(ContainerId(0), node, function);
        assert_eq!(rank(&mut policy, &idle_container(2, 1, 1)), Rank::whole(1), "it begins anew");
    }
}
