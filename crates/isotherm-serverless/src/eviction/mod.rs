//! Eviction policies: which idle containers of a node go when a new container or an image needs
//! their room.
//!
//! The idle containers of each node lie in the order of their *rank*, those that have been idle for
//! longest first among equals. A policy gives a container its rank when it becomes idle, and the
//! rank holds until the container is used again. When room is missing, the first in the order go.
//! So a victim is found at once, however many containers are idle: O(log n) for each container that
//! becomes idle or is used again.
//!
//! What a rank depends on, the policy learns from what it is told: a container has been started, an
//! invocation was given to one, one has stopped. A policy that needs more than an order may choose
//! the victims itself ([`ContainerEviction::choose`]); that takes the time that it takes.

mod fifo;
mod greedy_dual;
mod largest_first;
mod least_frequently_used;
mod least_recently_used;
mod memory_fit;
mod never;
mod uses;

pub use fifo::FirstInFirstOut;
pub use greedy_dual::GreedyDual;
pub use largest_first::LargestFirst;
pub use least_frequently_used::LeastFrequentlyUsed;
pub use least_recently_used::LeastRecentlyUsed;
pub use memory_fit::MemoryFit;
pub use never::NeverEvict;

use isotherm_kernel::{Duration, Time};

use crate::{ContainerId, FunctionId, NodeId};

/// An idle container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleContainer {
    /// The container.
    pub id: ContainerId,
    /// Its function.
    pub function: FunctionId,
    /// Its node.
    pub node: NodeId,
    /// Since when it has been idle.
    pub idle_since: Time,
    /// How long it would take to start another one.
    pub startup: Duration,
    /// Memory it would give back, in bytes: its limit and, where room is missing, its image if no
    /// other container needs that.
    pub memory_bytes: u64,
    /// Disk space it would give back, in bytes, likewise.
    pub disk_bytes: u64,
}

/// A container that has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedContainer {
    /// The container.
    pub id: ContainerId,
    /// Its function.
    pub function: FunctionId,
    /// Its node.
    pub node: NodeId,
    /// Its rank, if it had to go because its room was needed.
    pub evicted: Option<Rank>,
}

/// A place in the order in which idle containers go: lower ranks go first.
///
/// ```
/// use isotherm_serverless::eviction::Rank;
///
/// assert!(Rank::of(-1.5) < Rank::of(0.0) && Rank::of(0.0) < Rank::of(1e9));
/// assert_eq!(Rank::of(0.25).value(), 0.25);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u64);

impl Rank {
    /// Ranks are in the order of these numbers. One that is not a number goes last.
    pub fn of(number: f64) -> Self {
        let number = if number.is_nan() { f64::INFINITY } else { number };
        // Negative zero is zero.
        let bits = (number + 0.0).to_bits();
        // As integers, the bits of positive numbers are in their order, and those of negative ones
        // in the opposite order.
        Rank(if bits >> 63 == 0 { bits | 1 << 63 } else { !bits })
    }

    /// The number.
    pub fn value(self) -> f64 {
        let bits = if self.0 >> 63 == 1 { self.0 & !(1 << 63) } else { !self.0 };
        f64::from_bits(bits)
    }

    /// The rank of a whole number. These are in the order of the numbers among themselves, but not
    /// among those of [`of`](Self::of).
    pub const fn whole(number: u64) -> Self {
        Rank(number)
    }
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

/// Chooses idle containers to be evicted. A policy needs only one of these methods:
/// [`rank`](Self::rank) if it is an order, [`choose`](Self::choose) if it is not. Without either,
/// the longest idle go first.
///
/// ```
/// use isotherm_serverless::eviction::{ContainerEviction, IdleContainer, Rank};
///
/// /// First those that are started again soonest.
/// struct QuickestStart;
///
/// impl ContainerEviction for QuickestStart {
///     fn rank(&mut self, idle: &IdleContainer) -> Rank {
///         Rank::of(idle.startup.as_secs_f64())
///     }
/// }
/// ```
pub trait ContainerEviction {
    /// Whether containers are evicted at all. Asked once, when the service starts; if not, what
    /// idle containers hold is no room for others.
    fn evicts(&self) -> bool {
        true
    }

    /// The rank of a container that becomes idle now: of the idle containers of its node those with
    /// the lowest rank go first, and of equal ones the longest idle.
    fn rank(&mut self, _: &IdleContainer) -> Rank {
        Rank::default()
    }

    /// A container of the function has been started on the node.
    fn started(&mut self, _: NodeId, _: FunctionId) {}

    /// An invocation was given to this container of the function on the node, cold or warm.
    fn used(&mut self, _: ContainerId, _: NodeId, _: FunctionId) {}

    /// A container has stopped, for whatever reason.
    fn stopped(&mut self, _: &StoppedContainer) {}

    /// The containers that are to go so that nothing is missing any more, or `None` if all of them
    /// together would not do. `idle` gives the idle containers of the node in the order of their
    /// ranks, and among equals the longest idle first, ties in the order of creation.
    fn choose(
        &self,
        idle: &mut dyn Iterator<Item = IdleContainer>,
        missing: Missing,
    ) -> Option<Vec<ContainerId>> {
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

/// An idle container as a test needs it.
#[cfg(test)]
fn idle_container(id: u64, memory_bytes: u64, disk_bytes: u64) -> IdleContainer {
    IdleContainer {
        id: ContainerId(id),
        function: FunctionId(0),
        node: NodeId(0),
        idle_since: Time::ZERO,
        startup: Duration::ZERO,
        memory_bytes,
        disk_bytes,
    }
}
