//! The oldest first.

use super::{ContainerEviction, IdleContainer, Rank};

/// Evicts the containers that were started first, however recently they were used.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstInFirstOut;

impl ContainerEviction for FirstInFirstOut {
    fn rank(&mut self, idle: &IdleContainer) -> Rank {
        // Containers are numbered in the order in which they are started.
        Rank::whole(idle.id.0)
    }
}
