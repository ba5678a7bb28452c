//! Eviction policies: which idle containers of a node are evicted when a container or an image
//! needs their room.
//!
//! The idle containers of each node are ordered by *rank*, ties by idle time, the longest first. A
//! policy ranks a container when it becomes idle, and the rank holds until the container is used
//! again. When room is missing, containers are evicted in this order. This costs O(log n) for each
//! container that becomes idle or is used again.
//!
//! A policy is notified when a container starts, is used or stops, and may base ranks on this. A
//! policy that needs more than an order may choose the victims itself
//! ([`ContainerEviction::choose`]), at its own cost. Both see the platform through a [`View`]: a
//! container's age and uses ([`View::container`]), the other containers of its function, how many
//! of its invocations run and wait, the node.
//!
//! A policy is called while the platform changes, and the view shows what has been changed by then.
//! When a container is ranked, the invocation that it served has left it and its node's slot; the
//! container is idle ([`ContainerInfo::idle_since`](crate::ContainerInfo::idle_since)), but not yet
//! among the idle ones that could serve or make room. When victims are chosen, the container or
//! image that needs their room has taken none. An image that has just been evicted from a disk may
//! still be in memory.

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

use crate::state::View;
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
    /// The expected start-up time of a new container of the function.
    pub startup: Duration,
    /// The memory that its eviction frees, in bytes: its limit and, when victims are chosen, its
    /// image if no other container pins that.
    pub memory_bytes: u64,
    /// The disk space that its eviction frees, in bytes, likewise.
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
    /// Its rank, if it was evicted.
    pub evicted: Option<Rank>,
}

/// The position of an idle container in the order of eviction: lower ranks are evicted first.
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
    /// The rank of a number. Ranks are ordered like the numbers; NaN is last.
    #[must_use]
    pub fn of(number: f64) -> Self {
        let number = if number.is_nan() { f64::INFINITY } else { number };
        // Negative zero is zero.
        let bits = (number + 0.0).to_bits();
        // As integers, the bits of positive floats are ordered like the floats, and those of
        // negative floats in reverse.
        Rank(if bits >> 63 == 0 { bits | 1 << 63 } else { !bits })
    }

    /// The number of a rank made by [`of`](Self::of).
    #[must_use]
    pub fn value(self) -> f64 {
        let bits = if self.0 >> 63 == 1 { self.0 & !(1 << 63) } else { !self.0 };
        f64::from_bits(bits)
    }

    /// The rank of an integer. These are ordered among themselves, but not relative to those of
    /// [`of`](Self::of).
    #[must_use]
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
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self == Missing::default()
    }

    /// What is still missing after the eviction of a container.
    #[must_use]
    pub fn without(self, container: &IdleContainer) -> Missing {
        Missing {
            memory_bytes: self.memory_bytes.saturating_sub(container.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_sub(container.disk_bytes),
        }
    }
}

/// A policy that chooses the idle containers to evict. It implements either [`rank`](Self::rank),
/// if it is an order, or [`choose`](Self::choose). By default the longest idle are evicted first.
///
/// ```
/// use isotherm_serverless::View;
/// use isotherm_serverless::eviction::{ContainerEviction, IdleContainer, Rank};
///
/// /// First those that are started again soonest, and of which the function has the most others.
/// struct Replaceable;
///
/// impl ContainerEviction for Replaceable {
///     fn rank(&mut self, view: &View<'_>, idle: &IdleContainer) -> Rank {
///         let containers = view.containers_of(idle.function);
///         Rank::of(idle.startup.as_secs_f64() / f64::from(containers))
///     }
/// }
/// ```
pub trait ContainerEviction {
    /// Whether containers are evicted at all. Asked once, when the service starts. If not, the room
    /// of idle containers is not available to others.
    fn evicts(&self) -> bool {
        true
    }

    /// The rank of a container that becomes idle now. The lowest ranks on a node are evicted first;
    /// ties go to the longest idle.
    fn rank(&mut self, _: &View<'_>, _: &IdleContainer) -> Rank {
        Rank::default()
    }

    /// A container of the function has been started on the node.
    fn started(&mut self, _: NodeId, _: FunctionId) {}

    /// An invocation has been dispatched to this container, cold or warm.
    fn used(&mut self, _: ContainerId, _: NodeId, _: FunctionId) {}

    /// A container has stopped, for whatever reason.
    fn stopped(&mut self, _: &StoppedContainer) {}

    /// The containers to evict so that nothing is missing any more, or `None` if all of them are
    /// not enough. `idle` yields the idle containers of the node in the order of ranks, ties by
    /// idle time, the longest first, then by creation.
    fn choose(
        &self,
        _: &View<'_>,
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

/// A policy chosen at run time.
#[warn(clippy::missing_trait_methods)]
impl<E: ContainerEviction + ?Sized> ContainerEviction for Box<E> {
    fn evicts(&self) -> bool {
        (**self).evicts()
    }

    fn rank(&mut self, view: &View<'_>, idle: &IdleContainer) -> Rank {
        (**self).rank(view, idle)
    }

    fn started(&mut self, node: NodeId, function: FunctionId) {
        (**self).started(node, function);
    }

    fn used(&mut self, container: ContainerId, node: NodeId, function: FunctionId) {
        (**self).used(container, node, function);
    }

    fn stopped(&mut self, container: &StoppedContainer) {
        (**self).stopped(container);
    }

    fn choose(
        &self,
        view: &View<'_>,
        idle: &mut dyn Iterator<Item = IdleContainer>,
        missing: Missing,
    ) -> Option<Vec<ContainerId>> {
        (**self).choose(view, idle, missing)
    }
}

/// A rank that does not depend on the platform.
#[cfg(test)]
fn rank(policy: &mut impl ContainerEviction, idle: &IdleContainer) -> Rank {
    crate::state::without_platform(|view| policy.rank(view, idle))
}

/// A choice that does not depend on the platform.
#[cfg(test)]
fn choose(
    policy: &impl ContainerEviction,
    mut idle: impl Iterator<Item = IdleContainer>,
    missing: Missing,
) -> Option<Vec<ContainerId>> {
    crate::state::without_platform(|view| policy.choose(view, &mut idle, missing))
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
