//! The decisions of schedulers, as the platform state takes them.

use isotherm_kernel::{Duration, Time};

use crate::{ContainerId, FunctionId, ImageId, InvocationId, NodeId};

/// The decision to start an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The invocation.
    pub invocation: InvocationId,
    /// The node that is to run it.
    pub node: NodeId,
    /// The container that is to serve it; `None` for a new one. If containers serve several
    /// invocations at once, `None` also allows any container with capacity left at the time of the
    /// dispatch, such as one started in the same round.
    pub container: Option<ContainerId>,
}

/// The decision to start a container ahead of invocations.
///
/// It is idle from the beginning of its start-up, so it takes no slot, and it is evicted like any
/// idle container when its room is needed. It is not started, and the event
/// [`PrewarmingSkipped`](crate::EventKind::PrewarmingSkipped) says so, if there is no free room
/// beside the containers that are there, or the function's image is not in the node's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartAhead {
    /// The function.
    pub function: FunctionId,
    /// The node.
    pub node: NodeId,
    /// How long it is kept after its start-up if it is not used; `None`: until its room is needed.
    /// After a use the keep-alive policy decides.
    pub keep: Option<Duration>,
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
    /// Idle containers to be stopped. One that serves an invocation goes on.
    pub stops: Vec<ContainerId>,
    /// Containers to be started ahead.
    pub starts: Vec<StartAhead>,
    /// A date, later than now, at which to hold a round even if no invocation is pending. It
    /// replaces the one of an earlier plan; `None` leaves that as it is.
    pub next_round: Option<Time>,
    /// The scheduler has more to decide after these decisions have been carried out: if invocations
    /// are pending then, it is asked again at once ([`View::repeats`](crate::View::repeats)). In a
    /// row of rounds in which nothing was feasible there are no more than pending invocations.
    pub goes_on: bool,
}

impl Plan {
    /// Removes all decisions, keeping the allocations.
    pub fn clear(&mut self) {
        self.dispatches.clear();
        self.loads.clear();
        self.copies.clear();
        self.stops.clear();
        self.starts.clear();
        self.next_round = None;
        self.goes_on = false;
    }

    /// Whether nothing was decided.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Plan { dispatches, loads, copies, stops, starts, next_round, goes_on: _ } = self;
        dispatches.is_empty()
            && loads.is_empty()
            && copies.is_empty()
            && stops.is_empty()
            && starts.is_empty()
            && next_round.is_none()
    }
}

/// The placement of one invocation: see
/// [`Scheduler::place_alone`](crate::scheduler::Scheduler::place_alone).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The node that is to run it.
    pub node: NodeId,
    /// The container that is to serve it; `None` for a new one.
    pub container: Option<ContainerId>,
}

impl Placed {
    /// On a node, in the given container or (`None`) in a new one.
    #[must_use]
    pub fn new(node: NodeId, container: Option<ContainerId>) -> Self {
        Placed { node, container }
    }
}
