//! Schedulers: which invocation runs on which node, and which images are moved for it.
//!
//! A scheduler decides in *rounds*. It gets a read-only [`View`] of the platform and writes its
//! decisions into a [`Plan`], which the service carries out in the order dispatches, loads, copies,
//! stops, starts. An infeasible decision is dropped; its invocation keeps its position in the queue
//! and is offered again in the next round.
//!
//! # What has changed
//!
//! A round may come after every message, so a scheduler that looks at all nodes or all pending
//! invocations in each is slow where there are many. One that keeps an index of its own updates it
//! by [`View::changes_since`], which tells what has happened since a [`Cursor`] last read. Each
//! reader has its own, so schedulers may consist of others. [`ByNode`] is built on this and on
//! [`View::pending_from`], the part of the queue that has come since.
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! use isotherm_serverless::scheduler::{Dispatch, Plan, Scheduler};
//! use isotherm_serverless::{Change, Cursor, ChangeKinds, NodeId, View};
//!
//! /// Functions without images, each invocation on the node with the most free slots, in O(log n).
//! struct Emptiest {
//!     cursor: Cursor,
//!     free: Vec<u32>,
//!     nodes: BTreeSet<(u32, NodeId)>,
//! }
//!
//! impl Emptiest {
//!     fn new() -> Self {
//!         let cursor = Cursor::new(ChangeKinds::NODES);
//!         Emptiest { cursor, free: Vec::new(), nodes: BTreeSet::new() }
//!     }
//!
//!     fn update(&mut self, view: &View<'_>, node: NodeId) {
//!         let free = view.free_slots(node);
//!         let before = std::mem::replace(&mut self.free[node.index()], free);
//!         self.nodes.remove(&(before, node));
//!         self.nodes.insert((free, node));
//!     }
//!
//!     fn learn(&mut self, view: &View<'_>) {
//!         match view.changes_since(&mut self.cursor) {
//!             Some(changes) => {
//!                 // Nodes may join.
//!                 self.free.resize(view.nodes(), 0);
//!                 for change in changes {
//!                     if let Change::Node { node } = change {
//!                         self.update(view, node);
//!                     }
//!                 }
//!             }
//!             None => {
//!                 (self.free, self.nodes) = (vec![0; view.nodes()], BTreeSet::new());
//!                 (0..view.nodes() as u32).for_each(|node| self.update(view, NodeId(node)));
//!             }
//!         }
//!     }
//! }
//!
//! impl Scheduler for Emptiest {
//!     fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
//!         self.learn(view);
//!         let (Some(next), Some(&(free, node))) = (view.pending().next(), self.nodes.last()) else {
//!             return;
//!         };
//!         if free > 0 {
//!             let container = view.idle(next.function, node).next();
//!             plan.dispatches.push(Dispatch { invocation: next.invocation, node, container });
//!             // The next one is decided for when this has been carried out.
//!             plan.goes_on = true;
//!         }
//!     }
//! }
//! ```
//!
//! # When there is no next round
//!
//! A round is held only after a message. Under [`RoomRule::EvictIdleContainers`](crate::RoomRule)
//! every invocation of an accepted function ends sooner or later with the schedulers of this
//! module, unless bodies wait for each other or a host or link stays off for good: available room
//! changes only with messages that are followed by a round, and an image is moved only if its
//! container has room, or into free room.
//!
//! Under [`RoomRule::Fail`](crate::RoomRule), which reproduces the reference, invocations may wait
//! for ever:
//!
//! * an idle container that is kept for ever is not evicted for an image, so a copy or load fails
//!   in every round, until there are no more rounds;
//! * a new container evicts idle ones only if their limits alone, without the images that they pin,
//!   cover what is missing;
//! * the last message is the notice of a failed copy or load, which causes no round; in the round
//!   before it, in which room had become available, that copy or load was still in progress;
//! * [`WorkloadBalancing`] passes over an invocation whose limits free room does not cover, though
//!   unused images fill the node;
//! * a copy or load is interrupted (a link is off) and no message follows (it is retried if the
//!   link comes back);
//! * images that are too large for each other evict each other before a container starts, without
//!   end.
//!
//! Then the run ends with an error that names what waits:
//! [`RunError::Deadlock`](isotherm_kernel::RunError), or in the last case one of the
//! [limits](isotherm_kernel::Limits) of the simulation.

mod by_node;
mod fcfs;
mod first_fit;
mod full_scan;
mod hash_affinity;
mod least_loaded;
mod locality;
mod most_loaded;
mod placement;
mod power_of_two;
mod random;
mod round_reservations;
mod round_robin;
mod segment_tree;
mod warm_first;
mod workload_balancing;

pub use by_node::{ByNode, ChooseNode, Nodes};
pub use fcfs::Fcfs;
pub use first_fit::FirstFit;
pub use full_scan::FcfsFullScan;
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

use isotherm_kernel::Time;

#[cfg(doc)]
use crate::Cursor;
use crate::FunctionId;
pub use crate::plan::{Dispatch, Placed, Plan, StartAhead};
pub use crate::state::Nearness;
use crate::state::View;

/// A scheduling policy.
pub trait Scheduler {
    /// Decides one round. Called only if at least one invocation is schedulable, or at a date for
    /// which the scheduler itself has asked ([`Plan::next_round`]).
    fn round(&mut self, view: &View<'_>, plan: &mut Plan);

    /// A date at which to hold a round whether or not an invocation is pending. Asked once, when
    /// the service starts; further rounds of this kind are asked for by plans.
    fn first_round(&self) -> Option<Time> {
        None
    }

    /// Places an invocation of a function without image that arrives while no other is pending;
    /// `None` if only a round can decide. The result must be that of a round. Optional: it is a
    /// cheaper path where a round would decide for one invocation only.
    fn place_alone(&mut self, _: &View<'_>, _: FunctionId) -> Option<Placed> {
        None
    }
}

/// A scheduler chosen at run time.
#[warn(clippy::missing_trait_methods)]
impl<S: Scheduler + ?Sized> Scheduler for Box<S> {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        (**self).round(view, plan);
    }

    fn first_round(&self) -> Option<Time> {
        (**self).first_round()
    }

    fn place_alone(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        (**self).place_alone(view, function)
    }
}
