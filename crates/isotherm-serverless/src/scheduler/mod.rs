//! Schedulers: which invocation goes where, and which images are moved for it.
//!
//! A scheduler is asked in *rounds*. It sees the platform as it is ([`View`], read-only) and writes
//! its decisions into a [`Plan`]; the service then carries them out in the order dispatches, loads,
//! copies. A decision that turns out to be infeasible is dropped; its invocation stays where it is
//! in the queue and is offered again in the next round.
//!
//! # When there is no next round
//!
//! A round follows a message. Under [`RoomRule::EvictIdleContainers`](crate::RoomRule) every
//! invocation of an accepted function ends sooner or later with the schedulers of this module,
//! unless bodies wait for each other or a host or link stays off for good: whether something has
//! room changes only with messages that are followed by a round, and an image is moved only if its
//! container has room, or into room that is free.
//!
//! Under [`RoomRule::Fail`](crate::RoomRule), where the reference's rules are kept, invocations may
//! wait for ever:
//!
//! * an idle container that is kept for ever does not go for an image, so that a copy or load fails
//!   in every round, and there are no more rounds;
//! * a new container evicts idle ones only if their limits alone, without the images that they
//!   hold, cover what is missing;
//! * the last message is the notice of a copy or load that failed, which causes no round: the round
//!   before it, in which room had come, took that copy or load to be in progress;
//! * [`WorkloadBalancing`] passes over an invocation whose limits free room does not cover, though
//!   images that nobody uses fill the node;
//! * a copy or load is interrupted (a link is off), and no message follows (it is tried again if
//!   the link comes back);
//! * images that are too large for each other push each other out before anything is started: this
//!   goes on without end.
//!
//! Then the run ends with an error that says who waits:
//! [`RunError::Deadlock`](isotherm_kernel::RunError), and in the last case one of the
//! [limits](isotherm_kernel::Limits) of the simulation.

mod by_node;
mod fcfs;
mod first_fit;
mod hash_affinity;
mod least_loaded;
mod locality;
mod most_loaded;
mod placement;
mod power_of_two;
mod random;
mod round_reservations;
mod round_robin;
mod warm_first;
mod workload_balancing;

pub use by_node::{ByNode, ChooseNode, Nodes};
pub use fcfs::Fcfs;
pub use first_fit::FirstFit;
pub use hash_affinity::HashAffinity;
pub use least_loaded::{LeastLoaded, LoadMeasure};
pub use locality::Locality;
pub use most_loaded::MostLoaded;
pub use placement::Placement;
pub use power_of_two::PowerOfTwo;
pub use random::RandomPlacement;
pub use round_robin::RoundRobin;
pub use warm_first::WarmFirst;
pub use workload_balancing::WorkloadBalancing;

use crate::state::View;
use crate::{ContainerId, FunctionId, ImageId, InvocationId, NodeId};

/// An invocation is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The invocation.
    pub invocation: InvocationId,
    /// The node that is to run it.
    pub node: NodeId,
    /// The container that is to serve it; `None`: a new one. Where containers serve several
    /// invocations at once, `None` is also any that has a place when the invocation is dispatched,
    /// such as one that was started in the same round.
    pub container: Option<ContainerId>,
}

/// The decisions of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Invocations to be started.
    pub dispatches: Vec<Dispatch>,
    /// Images to be loaded from a node's disk into its memory.
    pub loads: Vec<(NodeId, ImageId)>,
    /// Images to be copied from the head disk to a node's disk.
    pub copies: Vec<(NodeId, ImageId)>,
    /// The scheduler has more to decide, once these decisions have been carried out.
    pub(crate) goes_on: bool,
    /// The scheduler knows now how all nodes are.
    pub(crate) caught_up: bool,
}

impl Plan {
    /// Forgets all decisions, keeping the memory.
    pub fn clear(&mut self) {
        self.dispatches.clear();
        self.loads.clear();
        self.copies.clear();
        self.goes_on = false;
        self.caught_up = false;
    }

    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty() && self.loads.is_empty() && self.copies.is_empty()
    }
}

/// Decides what goes where.
pub trait Scheduler {
    /// Decides one round. Called only when at least one invocation is schedulable.
    fn round(&mut self, view: &View<'_>, plan: &mut Plan);

    /// Decides for an invocation of a function without image that has just come while no other
    /// waits: where does it go at once? `None`: only a round can tell. What is decided must be what
    /// a round would decide; it need not be able to, but it is called where a round would decide
    /// for one invocation, and costs less.
    fn place_alone(&mut self, _: &View<'_>, _: FunctionId) -> Option<Placed> {
        None
    }
}

/// Where one invocation goes: see [`Scheduler::place_alone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The node that is to run it.
    pub node: NodeId,
    /// The container that is to serve it; `None`: a new one.
    pub container: Option<ContainerId>,
    /// The scheduler knows now how all nodes are.
    pub(crate) caught_up: bool,
}

impl Placed {
    /// On a node, in a container that can serve or (`None`) in a new one.
    pub fn new(node: NodeId, container: Option<ContainerId>) -> Self {
        Placed { node, container, caught_up: false }
    }
}
