//! The longest idle first.

use super::{ContainerEviction, IdleContainer, Missing};
use crate::ContainerId;

/// Evicts the containers that have been idle for longest, until there is room enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastRecentlyUsed;

impl ContainerEviction for LeastRecentlyUsed {
    fn choose(&self, idle: &mut dyn Iterator<Item = IdleContainer>, missing: Missing) -> Option<Vec<ContainerId>> {
        let mut missing = missing;
        let mut victims = Vec::new();
        while !missing.is_nothing() {
            let victim = idle.next()?;
            missing = missing.without(&victim);
            victims.push(victim.id);
        }
        Some(victims)
    }
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::Time;

    use super::*;

    fn idle() -> impl Iterator<Item = IdleContainer> {
        [(1, 10, 5), (2, 30, 1), (3, 20, 9)].into_iter().map(|(id, memory_bytes, disk_bytes)| IdleContainer {
            id: ContainerId(id),
            idle_since: Time::ZERO,
            memory_bytes,
            disk_bytes,
        })
    }

    #[test]
    fn takes_the_longest_idle_until_both_needs_are_met() {
        let missing = |memory_bytes, disk_bytes| Missing { memory_bytes, disk_bytes };
        let choose = |missing| LeastRecentlyUsed.choose(&mut idle(), missing);
        assert_eq!(choose(missing(10, 0)), Some(vec![ContainerId(1)]));
        // Memory is met by the first; the disk (5 + 1 < 7) needs all three.
        assert_eq!(choose(missing(10, 7)), Some(vec![ContainerId(1), ContainerId(2), ContainerId(3)]));
        assert_eq!(choose(missing(61, 0)), None);
        assert_eq!(choose(missing(0, 0)), Some(vec![]));
    }
}
