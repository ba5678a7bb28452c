//! Eviction policies: which idle containers of a node go when a new container or an image needs their room.

mod least_recently_used;
mod memory_fit;

pub use least_recently_used::LeastRecentlyUsed;
pub use memory_fit::MemoryFit;

use isotherm_kernel::Time;

use crate::ContainerId;

/// An idle container of the node where room is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleContainer {
    /// The container.
    pub id: ContainerId,
    /// Since when it has been idle.
    pub idle_since: Time,
    /// Memory it would give back, in bytes.
    pub memory_bytes: u64,
    /// Disk space it would give back, in bytes.
    pub disk_bytes: u64,
}

/// What is missing on a node, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Memory.
    pub memory_bytes: u64,
    /// Disk space.
    pub disk_bytes: u64,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_nothing(self) -> bool {
        self == Missing::default()
    }

    /// What is still missing once a container has gone.
    pub fn without(self, container: &IdleContainer) -> Missing {
        Missing {
            memory_bytes: self.memory_bytes.saturating_sub(container.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_sub(container.disk_bytes),
        }
    }
}

/// Chooses idle containers to be evicted.
///
/// ```
/// use isotherm_serverless::ContainerId;
/// use isotherm_serverless::eviction::{ContainerEviction, IdleContainer, Missing};
///
/// /// As few containers as possible: the largest first.
/// struct LargestFirst;
///
/// impl ContainerEviction for LargestFirst {
///     fn choose(&self, idle: &mut dyn Iterator<Item = IdleContainer>, missing: Missing) -> Option<Vec<ContainerId>> {
///         let mut idle: Vec<IdleContainer> = idle.collect();
///         idle.sort_by_key(|container| std::cmp::Reverse(container.memory_bytes));
///         let (mut missing, mut victims) = (missing, Vec::new());
///         for container in idle {
///             if missing.is_nothing() {
///                 break;
///             }
///             missing = missing.without(&container);
///             victims.push(container.id);
///         }
///         missing.is_nothing().then_some(victims)
///     }
/// }
/// ```
pub trait ContainerEviction {
    /// The containers that are to go so that nothing is missing any more, or `None` if all of them together would not
    /// do. `idle` gives the idle containers of the node, the longest idle first, ties in the order of creation.
    fn choose(&self, idle: &mut dyn Iterator<Item = IdleContainer>, missing: Missing) -> Option<Vec<ContainerId>>;
}
