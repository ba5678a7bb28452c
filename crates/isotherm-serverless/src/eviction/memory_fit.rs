//! Best fit: the smallest container that is large enough.

use super::{ContainerEviction, IdleContainer, Missing};
use crate::ContainerId;
use crate::state::View;

/// Evicts the smallest container that covers all that is missing; if there is none, the largest,
/// and then repeats for the rest. Containers are compared by memory limit, or by disk limit if no
/// memory is missing. This is the policy `RAM` of the reference.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryFit;

impl ContainerEviction for MemoryFit {
    fn choose(
        &self,
        _: &View<'_>,
        idle: &mut dyn Iterator<Item = IdleContainer>,
        missing: Missing,
    ) -> Option<Vec<ContainerId>> {
        let mut missing = missing;
        let mut victims = Vec::new();
        let mut left: Vec<IdleContainer> = idle.collect();
        while !missing.is_nothing() {
            if missing.memory_bytes > 0 {
                left.sort_by_key(|container| container.memory_bytes);
            } else {
                left.sort_by_key(|container| container.disk_bytes);
            }
            let fits = left.iter().position(|container| missing.without(container).is_nothing());
            let victim = match fits {
                Some(place) => left.remove(place),
                None => left.pop()?,
            };
            missing = missing.without(&victim);
            victims.push(victim.id);
        }
        Some(victims)
    }
}

#[cfg(test)]
mod tests {
    use super::super::idle_container;
    use super::*;

    fn choose(sizes: &[(u64, u64)], memory_bytes: u64, disk_bytes: u64) -> Option<Vec<u64>> {
        let idle =
            sizes.iter().zip(0..).map(|(&(memory, disk), id)| idle_container(id, memory, disk));
        let victims = super::super::choose(&MemoryFit, idle, Missing { memory_bytes, disk_bytes })?;
        Some(victims.into_iter().map(|id| id.0).collect())
    }

    #[test]
    fn takes_the_smallest_that_is_enough() {
        assert_eq!(choose(&[(7, 1), (4, 1), (5, 1)], 4, 0), Some(vec![1]));
        assert_eq!(choose(&[(7, 1), (4, 1), (5, 1)], 6, 0), Some(vec![0]));
        // The disk decides between containers that all have memory enough.
        assert_eq!(choose(&[(7, 9), (4, 1), (5, 2)], 4, 2), Some(vec![2]));
    }

    #[test]
    fn takes_the_largest_first_when_one_is_not_enough() {
        // Reference timing test: limits 1, 1, 1, 1, 2, 3, 4, 5, 6, 7 GB, an 11 GB container comes:
        // 7 GB, then 4 GB.
        let sizes = [1, 1, 1, 1, 2, 3, 4, 5, 6, 7].map(|memory| (memory, 1));
        assert_eq!(choose(&sizes, 11, 0), Some(vec![9, 6]));
        assert_eq!(choose(&[(1, 1), (2, 1)], 4, 0), None);
    }

    #[test]
    fn measures_by_disk_when_no_memory_is_missing() {
        assert_eq!(choose(&[(1, 9), (9, 3), (5, 4)], 0, 4), Some(vec![2]));
    }
}
