//! The largest first.

use super::{ContainerEviction, IdleContainer, Rank};

/// Evicts the containers with the largest memory limit first, so that few have to go; of equal ones
/// the longest idle.
#[derive(Clone, Copy, Debug, Default)]
pub struct LargestFirst;

impl ContainerEviction for LargestFirst {
    fn rank(&mut self, idle: &IdleContainer) -> Rank {
        Rank::whole(u64::MAX - idle.memory_bytes)
    }
}
