//! Greedy-Dual-Size-Frequency for containers: the least valuable first.
//!
//! The keep-alive policy of A. Fuerst and P. Sharma, *FaasCache: Keeping Serverless Computing Alive
//! with Greedy-Dual Caching* (ASPLOS 2021). Idle containers form a cache in which a warm start is a
//! hit. Each container has a priority,
//!
//! > priority = clock + frequency × cost / size
//!
//! * *frequency*: the number of invocations of its function on the node, in all containers, since
//!   the function first had one there (the count restarts when its last container stops);
//! * *cost*: the start-up time of the container in seconds;
//! * *size*: its memory limit in megabytes (10⁶ bytes);
//! * *clock*: one per node, initially zero. When containers are evicted, it is set to the highest
//!   of their priorities. So a use before an eviction is worth less than one after it.
//!
//! The priority is set when an invocation is dispatched to the container: it uses the clock and the
//! frequency of that moment, including this invocation, and keeps them while the container runs and
//! is idle. Other containers of the function keep theirs, as in the paper. (The simulator published
//! by its authors updates all of them.) A container that was started ahead and not used yet has the
//! clock and the frequency of the moment when it became idle.
//!
//! The container with the lowest priority is evicted first; ties go to the longest idle. Without
//! start-up times all priorities are zero, which is the same as least recently used. Since a
//! container keeps its priority while it runs, one that has run for long may be worth less than the
//! clock; if it is evicted, the clock falls back to its priority, as in the paper.
//!
//! FaasCache keeps containers until their room is needed: use this policy with a keep-alive of
//! `forever`.

use rustc_hash::FxHashMap;

use super::uses::Uses;
use super::{ContainerEviction, IdleContainer, Rank, StoppedContainer};
use crate::state::View;
use crate::{ContainerId, FunctionId, NodeId};

const MEGABYTE: f64 = 1e6;

/// Evicts containers that are cheap to start, large and seldom used. The clock of the node ages
/// containers that were not used for long.
#[derive(Debug, Default)]
pub struct GreedyDual {
    uses: Uses,
    /// By node.
    clocks: Vec<f64>,
    /// The clock and the frequency of the last use of each container that has been used.
    last_uses: FxHashMap<ContainerId, (f64, u64)>,
}

impl GreedyDual {
    fn clock(&self, node: NodeId) -> f64 {
        self.clocks.get(node.index()).copied().unwrap_or_default()
    }

    /// The clock and the frequency for a use now.
    fn now(&self, node: NodeId, function: FunctionId) -> (f64, u64) {
        (self.clock(node), self.uses.of(node, function))
    }
}

impl ContainerEviction for GreedyDual {
    fn rank(&mut self, _: &View<'_>, idle: &IdleContainer) -> Rank {
        let last_use = self.last_uses.get(&idle.id).copied();
        let (clock, frequency) = last_use.unwrap_or_else(|| self.now(idle.node, idle.function));
        // A container without memory counts as one byte.
        let size = idle.memory_bytes.max(1) as f64 / MEGABYTE;
        Rank::of(clock + frequency as f64 * idle.startup.as_secs_f64() / size)
    }

    fn started(&mut self, node: NodeId, function: FunctionId) {
        self.uses.started(node, function);
    }

    fn used(&mut self, container: ContainerId, node: NodeId, function: FunctionId) {
        self.uses.used(node, function);
        let now = self.now(node, function);
        self.last_uses.insert(container, now);
    }

    fn stopped(&mut self, container: &StoppedContainer) {
        self.uses.stopped(container.node, container.function);
        self.last_uses.remove(&container.id);
        if let Some(rank) = container.evicted {
            let node = container.node.index();
            if node >= self.clocks.len() {
                self.clocks.resize(node + 1, 0.0);
            }
            // Victims stop in the order of their ranks, so the last has the highest.
            self.clocks[node] = rank.value();
        }
    }
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::{Duration, Time};
    use proptest::prelude::*;

    use super::super::{Missing, choose, idle_container, rank};
    use super::*;

    const NODE: NodeId = NodeId(0);

    fn idle(id: u64, function: u32, megabytes: u64, startup: u64) -> IdleContainer {
        let startup = Duration::from_secs(startup);
        IdleContainer {
            function: FunctionId(function),
            startup,
            ..idle_container(id, megabytes * 1_000_000, 0)
        }
    }

    /// A container of the function with its number.
    fn priority(policy: &mut GreedyDual, function: u32, megabytes: u64, startup: u64) -> f64 {
        rank(policy, &idle(u64::from(function), function, megabytes, startup)).value()
    }

    fn uses(policy: &mut GreedyDual, function: u32, times: usize) {
        policy.started(NODE, FunctionId(function));
        for _ in 0..times {
            policy.used(ContainerId(u64::from(function)), NODE, FunctionId(function));
        }
    }

    fn gone(policy: &mut GreedyDual, container: u64, function: u32, evicted: Option<Rank>) {
        let (id, function) = (ContainerId(container), FunctionId(function));
        policy.stopped(&StoppedContainer { id, function, node: NODE, evicted });
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
    fn a_container_has_the_clock_and_the_frequency_of_its_last_use() {
        let mut policy = GreedyDual::default();
        let f = FunctionId(0);
        for container in [0, 1] {
            policy.started(NODE, f);
            policy.used(ContainerId(container), NODE, f);
        }
        // The second use of the function was that of the second container.
        assert_eq!(rank(&mut policy, &idle(0, 0, 100, 5)).value(), 0.05);
        assert_eq!(rank(&mut policy, &idle(1, 0, 100, 5)).value(), 0.1);
        // A container is evicted at 0.5. Containers that were not used since keep their priority,
        // whether they have been idle or have run until now.
        gone(&mut policy, 9, 9, Some(Rank::of(0.5)));
        assert_eq!(rank(&mut policy, &idle(0, 0, 100, 5)).value(), 0.05);
        policy.used(ContainerId(0), NODE, f);
        assert_eq!(rank(&mut policy, &idle(0, 0, 100, 5)).value(), 0.5 + 3.0 * 5.0 / 100.0);
        assert_eq!(rank(&mut policy, &idle(1, 0, 100, 5)).value(), 0.1);
        // One that was started ahead: the clock and the frequency of now.
        policy.started(NODE, f);
        assert_eq!(rank(&mut policy, &idle(2, 0, 100, 5)).value(), 0.5 + 3.0 * 5.0 / 100.0);
    }

    #[test]
    fn a_function_without_containers_begins_anew() {
        let mut policy = GreedyDual::default();
        uses(&mut policy, 0, 10);
        gone(&mut policy, 0, 0, None);
        uses(&mut policy, 0, 1);
        // One use, and no clock: nothing has been evicted.
        assert_eq!(priority(&mut policy, 0, 100, 5), 0.05);
    }

    /// A container of the model, with what it was used last at.
    #[derive(Clone, Copy, Debug)]
    struct Modelled {
        id: u64,
        function: usize,
        clock: f64,
        frequency: u64,
        idle_since: Option<u64>,
    }

    /// FaasCache on one node, as its paper has it: no order is kept, but all priorities are
    /// computed at each eviction.
    #[derive(Default)]
    struct Model {
        clock: f64,
        frequencies: Vec<u64>,
        containers: Vec<Modelled>,
    }

    impl Model {
        fn used(&mut self, id: u64, function: usize) {
            self.frequencies[function] += 1;
            let (clock, frequency) = (self.clock, self.frequencies[function]);
            let container =
                self.containers.iter_mut().find(|container| container.id == id).unwrap();
            (container.clock, container.frequency, container.idle_since) = (clock, frequency, None);
        }

        /// The victims for so many megabytes; `None` if all idle ones together are not enough.
        fn evict(&mut self, kinds: &[(u64, u64)], megabytes: u64) -> Option<Vec<u64>> {
            let priority = |one: &Modelled| {
                let (size, cost) = kinds[one.function];
                one.clock + one.frequency as f64 * cost as f64 / size as f64
            };
            let mut all: Vec<_> =
                self.containers.iter().filter(|one| one.idle_since.is_some()).copied().collect();
            all.sort_by(|a, b| {
                priority(a)
                    .total_cmp(&priority(b))
                    .then(a.idle_since.cmp(&b.idle_since))
                    .then(a.id.cmp(&b.id))
            });
            let (mut freed, mut evicted) = (0, Vec::new());
            while freed < megabytes {
                let one = *all.get(evicted.len())?;
                freed += kinds[one.function].0;
                evicted.push(one);
            }
            self.clock = evicted.iter().map(priority).fold(f64::NEG_INFINITY, f64::max);
            for one in &evicted {
                self.containers.retain(|other| other.id != one.id);
                if self.containers.iter().all(|other| other.function != one.function) {
                    self.frequencies[one.function] = 0;
                }
            }
            Some(evicted.into_iter().map(|one| one.id).collect())
        }
    }

    /// The same node with the policy: ranks are given when containers become idle, and hold until
    /// they are used again.
    #[derive(Default)]
    struct Ranked {
        policy: GreedyDual,
        idle: std::collections::BTreeMap<(Rank, u64, u64), usize>,
        rank_of: FxHashMap<u64, (Rank, u64, u64)>,
    }

    impl Ranked {
        fn becomes_idle(
            &mut self,
            id: u64,
            function: usize,
            (megabytes, cost): (u64, u64),
            since: u64,
        ) {
            let idle = IdleContainer {
                idle_since: Time::from_nanos(since),
                ..idle(id, function as u32, megabytes, cost)
            };
            let key = (rank(&mut self.policy, &idle), since, id);
            self.idle.insert(key, function);
            self.rank_of.insert(id, key);
        }

        fn used(&mut self, id: u64, function: usize) {
            if let Some(key) = self.rank_of.remove(&id) {
                self.idle.remove(&key);
            }
            self.policy.used(ContainerId(id), NODE, FunctionId(function as u32));
        }

        fn evict(&mut self, kinds: &[(u64, u64)], megabytes: u64) -> Option<Vec<u64>> {
            let as_idle = |(&(_, _, id), &function): (&(Rank, u64, u64), &usize)| {
                idle(id, function as u32, kinds[function].0, kinds[function].1)
            };
            let missing = Missing { memory_bytes: megabytes * 1_000_000, disk_bytes: 0 };
            let victims = choose(&self.policy, self.idle.iter().map(as_idle), missing)?;
            for ContainerId(id) in &victims {
                let key = self.rank_of.remove(id).unwrap();
                let function = self.idle.remove(&key).unwrap();
                gone(&mut self.policy, *id, function as u32, Some(key.0));
            }
            Some(victims.into_iter().map(|ContainerId(id)| id).collect())
        }
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// The same hits, misses and evictions as the model has, at each step of random traces,
        /// with invocations that overlap.
        #[test]
        fn behaves_as_the_paper_has_it(
            // Megabytes and seconds of start-up of each function: powers of two, so that sums are
            // exact in whatever order.
            kinds in prop::collection::vec((0u32..4, 0u32..4).prop_map(|(size, cost)| (32 << size, 1 << cost)), 1..7),
            steps in prop::collection::vec((0usize..20, any::<bool>()), 1..200),
        ) {
            let mut model = Model { frequencies: vec![0; kinds.len()], ..Model::default() };
            let mut ranked = Ranked::default();
            let (mut free, mut running) = (600u64, std::collections::VecDeque::new());
            for (step, (which, ends)) in steps.into_iter().enumerate() {
                let date = step as u64;
                if ends && let Some((id, function)) = running.pop_front() {
                    model.containers.iter_mut().find(|one| one.id == id).unwrap().idle_since = Some(date);
                    ranked.becomes_idle(id, function, kinds[function], date);
                    continue;
                }
                // Half of the invocations are of the first function.
                let function = if which < 10 { 0 } else { which % kinds.len() };
                let of_function = |one: &&Modelled| one.function == function && one.idle_since.is_some();
                let warm = model.containers.iter().filter(of_function).max_by_key(|one| one.idle_since);
                let id = match warm.map(|one| one.id) {
                    Some(id) => {
                        prop_assert!(ranked.rank_of.contains_key(&id));
                        id
                    }
                    None => {
                        let missing = kinds[function].0.saturating_sub(free);
                        let (expected, evicted) = (model.evict_if(&kinds, missing), ranked.evict_if(&kinds, missing));
                        prop_assert_eq!(&expected, &evicted, "at step {}", step);
                        let Some(evicted) = evicted else { continue };
                        free = free + evicted.iter().map(|(_, size)| size).sum::<u64>() - kinds[function].0;
                        model.containers.push(Modelled { id: date, function, clock: 0.0, frequency: 0, idle_since: None });
                        ranked.policy.started(NODE, FunctionId(function as u32));
                        date
                    }
                };
                model.used(id, function);
                ranked.used(id, function);
                running.push_back((id, function));
            }
        }
    }

    impl Model {
        fn evict_if(&mut self, kinds: &[(u64, u64)], missing: u64) -> Option<Vec<(u64, u64)>> {
            let size_of: FxHashMap<u64, u64> =
                self.containers.iter().map(|one| (one.id, kinds[one.function].0)).collect();
            let evicted = if missing == 0 { Vec::new() } else { self.evict(kinds, missing)? };
            Some(evicted.into_iter().map(|id| (id, size_of[&id])).collect())
        }
    }

    impl Ranked {
        fn evict_if(&mut self, kinds: &[(u64, u64)], missing: u64) -> Option<Vec<(u64, u64)>> {
            let size_of: FxHashMap<u64, u64> =
                self.idle.iter().map(|(&(_, _, id), &function)| (id, kinds[function].0)).collect();
            let evicted = if missing == 0 { Vec::new() } else { self.evict(kinds, missing)? };
            Some(evicted.into_iter().map(|id| (id, size_of[&id])).collect())
        }
    }
}
