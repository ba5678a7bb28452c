//! First in, first out.

use super::{ContainerEviction, IdleContainer, Rank};
use crate::state::View;

/// Evicts the containers that were started first, regardless of their uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstInFirstOut;

impl ContainerEviction for FirstInFirstOut {
    fn rank(&mut self, _: &View<'_>, idle: &IdleContainer) -> Rank {
        // Containers are numbered in the order in which they are started.
        Rank::whole(idle.id.0)
    }
}
