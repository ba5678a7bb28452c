//! Schedulers: which invocation goes where, and which images are moved for it.
//!
//! A scheduler is asked in *rounds*. It sees the platform as it is ([`View`], read-only) and writes its decisions into a
//! [`Plan`]; the service then carries them out in the order dispatches, loads, copies. A decision that turns out to
//! be infeasible is dropped; its invocation stays where it is in the queue and is offered again in the next round.

mod fcfs;
mod random;
mod workload_balancing;

pub use fcfs::Fcfs;
pub use random::RandomPlacement;
pub use workload_balancing::WorkloadBalancing;

use crate::state::View;
use crate::{ContainerId, ImageId, InvocationId, NodeId};

/// An invocation is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The invocation.
    pub invocation: InvocationId,
    /// The node that is to run it.
    pub node: NodeId,
    /// The idle container that is to serve it; `None`: a new one.
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
}

impl Plan {
    /// Forgets all decisions, keeping the memory.
    pub fn clear(&mut self) {
        self.dispatches.clear();
        self.loads.clear();
        self.copies.clear();
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
}
