//! The least valuable first: Greedy-Dual-Size-Frequency for containers.
//!
//! The keep-alive policy of Fuerst and Sharma, *FaasCache: Keeping Serverless Computing Alive with Greedy-Dual Caching*, ASPLOS 2021.
//! Idle containers are a cache: a warm start is a hit. Each container has a priority,
//!
//! > priority = clock + frequency × cost / size
//!
//! * *frequency*: how many invocations its function has had on the node since it has containers there (when the last one has
//!   stopped, counting begins anew);
//! * *cost*: the start-up time of the container, in seconds: what it costs to start it again;
//! * *size*: its memory limit, in megabytes (10⁶ bytes);
//! * *clock*: one for each node. It begins at zero, and rises to the priority of each container that is evicted. So what was used before others
//!   went is worth less than what has been used since.
//!
//! The priority is that of the end of the container's last use. The container with the lowest priority goes first, of equal ones the longest idle. Where
//! start-ups take no time, all priorities are zero, and this is the same as the least recently used.
//!
//! In FaasCache containers are kept until their room is needed: use it with a keep-alive of `forever`.

use super::uses::Uses;
use super::{ContainerEviction, IdleContainer, Rank, StoppedContainer};
use crate::{FunctionId, NodeId};

const MEGABYTE: f64 = 1e6;

/// Evicts the containers that are cheap to start again, large, and seldom used. Each node has a clock, which makes those that were not
/// used for long go in the end.
#[derive(Debug, Default)]
pub struct GreedyDual {
    uses: Uses,
    /// By node.
    clocks: Vec<f64>,
}

impl GreedyDual {
    fn clock(&mut self, node: NodeId) -> &mut f64 {
        if node.index() >= self.clocks.len() {
            self.clocks.resize(node.index() + 1, 0.0);
        }
        &mut self.clocks[node.index()]
    }
}

impl ContainerEviction for GreedyDual {
    fn rank(&mut self, idle: &IdleContainer) -> Rank {
        let frequency = self.uses.of(idle.node, idle.function) as f64;
        // A container without memory is as good as one byte.
        let size = idle.memory_bytes.max(1) as f64 / MEGABYTE;
        Rank::of(*self.clock(idle.node) + frequency * idle.startup.as_secs_f64() / size)
    }

    fn started(&mut self, node: NodeId, function: FunctionId) {
        self.uses.started(node, function);
    }

    fn used(&mut self, node: NodeId, function: FunctionId) {
        self.uses.used(node, function);
    }

    fn stopped(&mut self, container: &StoppedContainer) {
        self.uses.stopped(container.node, container.function);
        if let Some(rank) = container.evicted {
            let clock = self.clock(container.node);
            *clock = clock.max(rank.value());
        }
    }
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::Duration;

    use super::super::idle_container;
    use super::*;

    const NODE: NodeId = NodeId(0);

    fn priority(policy: &mut GreedyDual, function: u32, megabytes: u64, startup: u64) -> f64 {
        let idle = IdleContainer {
            function: FunctionId(function),
            startup: Duration::from_secs(startup),
            ..idle_container(u64::from(function), megabytes * 1_000_000, 0)
        };
        policy.rank(&idle).value()
    }

    fn uses(policy: &mut GreedyDual, function: u32, times: usize) {
        policy.started(NODE, FunctionId(function));
        for _ in 0..times {
            policy.used(NODE, FunctionId(function));
        }
    }

    #[test]
    fn what_is_costly_small_and_often_used_is_kept() {
        let mut policy = GreedyDual::default();
        uses(&mut policy, 0, 2);
        uses(&mut policy, 1, 3);
        // Frequency × seconds / megabytes.
        assert_eq!(priority(&mut policy, 0, 100, 5), 2.0 * 5.0 / 100.0);
        assert_eq!(priority(&mut policy, 1, 100, 5), 3.0 * 5.0 / 100.0);
        assert_eq!(priority(&mut policy, 1, 300, 5), 3.0 * 5.0 / 300.0);
        assert_eq!(priority(&mut policy, 1, 100, 1), 3.0 * 1.0 / 100.0);
    }

    #[test]
    fn the_clock_rises_to_the_priority_of_who_went() {
        let mut policy = GreedyDual::default();
        uses(&mut policy, 0, 10);
        uses(&mut policy, 1, 1);
        let mut gone = |rank| {
            let (id, function) = (crate::ContainerId(0), FunctionId(0));
            policy.stopped(&StoppedContainer { id, function, node: NODE, evicted: rank });
        };
        gone(Some(Rank::of(0.5)));
        gone(Some(Rank::of(0.25)));
        gone(None);
        // 0.5 + 1 × 5 / 100, and not lower than that for who went for less, or at the end of his time.
        assert_eq!(priority(&mut policy, 1, 100, 5), 0.55);
        uses(&mut policy, 0, 1);
        assert_eq!(priority(&mut policy, 0, 100, 5), 0.55, "a function without containers begins anew");
    }
}
