//! Least recently used.

use super::ContainerEviction;

/// Evicts the containers that have been idle for longest.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastRecentlyUsed;

/// All ranks are equal, so the time since the last use decides.
impl ContainerEviction for LeastRecentlyUsed {}

#[cfg(test)]
mod tests {
    use super::super::{Missing, choose, idle_container};
    use super::*;
    use crate::ContainerId;

    #[test]
    fn takes_the_longest_idle_until_both_needs_are_met() {
        let idle = || {
            [idle_container(1, 10, 5), idle_container(2, 30, 1), idle_container(3, 20, 9)]
                .into_iter()
        };
        let missing = |memory_bytes, disk_bytes| Missing { memory_bytes, disk_bytes };
        let choose = |missing| choose(&LeastRecentlyUsed, idle(), missing);
        assert_eq!(choose(missing(10, 0)), Some(vec![ContainerId(1)]));
        // Memory is met by the first; the disk (5 + 1 < 7) needs all three.
        assert_eq!(
            choose(missing(10, 7)),
            Some(vec![ContainerId(1), ContainerId(2), ContainerId(3)])
        );
        assert_eq!(choose(missing(61, 0)), None);
        assert_eq!(choose(missing(0, 0)), Some(vec![]));
    }
}
