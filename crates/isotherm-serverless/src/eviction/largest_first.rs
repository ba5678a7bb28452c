//! The largest container first.

use super::{ContainerEviction, IdleContainer, Rank};
use crate::state::View;

/// Evicts the containers with the largest memory limit first, so that few are evicted; ties go to
/// the longest idle.
#[derive(Clone, Copy, Debug, Default)]
pub struct LargestFirst;

impl ContainerEviction for LargestFirst {
    fn rank(&mut self, _: &View<'_>, idle: &IdleContainer) -> Rank {
        Rank::whole(u64::MAX - idle.memory_bytes)
    }
}
