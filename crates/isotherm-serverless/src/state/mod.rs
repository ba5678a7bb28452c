//! The state of the serverless platform and the consequences of events: plain, synchronous code
//! without actors.
//!
//! [`PlatformState`] holds nodes, containers, images and queues with their indexes, grouped by
//! concern. What touches one group is a method of the group; a method of the whole, in the file of
//! the concern that it serves, touches several. The service passes events to it (a request, the end
//! of a download, the end of an invocation); it changes the state and queues [`Effect`]s, which the
//! service carries out. Every change of what a node holds is emitted to observers as a
//! [`PlatformEvent`](crate::PlatformEvent).
//!
//! # Invariants
//!
//! * An invocation is in exactly one [`Phase`]: waiting at a concurrency limit, waiting for its
//!   image, pending, or in a container. A container serves at most as many as its function allows.
//! * A container, busy or idle, pins its image on the disk and in the memory of its node, and holds
//!   its limits there.
//! * The image of a pending invocation is pinned on the head disk.
//! * On every node `slots used = invocations in containers ≤ slots`.
//!
//! Tests check them after every event ([`PlatformState::check`]).

mod backlog;
mod changes;
mod containers;
mod effect;
mod expiry;
mod head;
mod idle;
mod invocation_table;
mod invocations;
mod moves;
mod node;
mod nodes;
mod observers;
mod placed;
mod prewarm;
mod reasons;
mod registry;
mod reuse;
mod room;
mod round;
mod standstill;
mod throttle;
mod tier;
mod view;

#[cfg(any(test, feature = "audit"))]
mod check;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::without_platform;

use backlog::Queues;
use changes::ChangeLog;
pub use changes::{Change, ChangeKinds, Cursor, StopReason};
pub(crate) use containers::Container;
use containers::Containers;
pub(crate) use effect::Effect;
use effect::Effects;
use head::Head;
use invocation_table::InvocationTable;
pub(crate) use invocation_table::{Invocation, InvocationKey, Phase, Row};
use moves::Retries;
pub(crate) use node::{Move, Node};
pub use nodes::Membership;
use nodes::Nodes;
pub(crate) use observers::Observer;
use observers::Observers;
pub(crate) use registry::{Apps, Function, Image, Registration};
pub(crate) use reuse::Reuse;
pub(crate) use round::Asks;
use round::Rounds;
use throttle::CommonGate;
use tier::SharedFileSystem;
pub use view::{ContainerInfo, Nearness, Need, Pending, View};

use std::cell::RefCell;

use isotherm_kernel::{Duration, Time};

use crate::eviction::{ContainerEviction, NeverEvict};
use crate::id_vec::IdVec;
use crate::life::Records;
use crate::rules::{OnFailure, RoomRule, Rules, Throttle};
use crate::{ContainerId, FunctionId, ImageId};

/// Whether a message is followed by a scheduling round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    Yes,
    /// Yes, and the only event is the arrival of an invocation.
    Arrival,
    No,
}

/// The rules of a platform, and the policies that are not [asked](crate::ask).
pub(crate) struct Policies {
    /// Borrowed while it looks at the state.
    pub(crate) eviction: RefCell<Box<dyn ContainerEviction>>,
    pub(crate) reuse: Reuse,
    pub(crate) on_failure: OnFailure,
    pub(crate) rules: Rules,
    pub(crate) max_concurrency: Option<u32>,
    pub(crate) throttle: Throttle,
    pub(crate) startup_overhead: Duration,
    pub(crate) simulate_downloads: bool,
}

impl Policies {
    pub(crate) fn evicts_for_images(&self) -> bool {
        self.rules.room == RoomRule::EvictIdleContainers
    }
}

/// The state; see the [module](self).
pub(crate) struct PlatformState {
    pub(crate) now: Time,
    pub(crate) policies: Policies,
    /// Whether idle containers are evicted.
    evicts: bool,
    head: Head,
    pub(crate) images: IdVec<ImageId, Image>,
    pub(crate) functions: IdVec<FunctionId, Function>,
    pub(crate) apps: Apps,
    pub(crate) nodes: Nodes,
    pub(crate) containers: Containers,
    pub(crate) invocations: InvocationTable,
    pub(crate) records: Records,
    common_gate: CommonGate,
    queues: Queues,
    rounds: Rounds,
    retries: Retries,
    /// What has happened, for schedulers that ask.
    log: ChangeLog,
    pub(crate) effects: Effects,
    pub(crate) observers: Observers,
    /// Set by tests with so much that checks take too long.
    #[cfg(test)]
    unchecked: bool,
}

impl PlatformState {
    pub(crate) fn new(policies: Policies, head: SharedFileSystem, nodes: Vec<Node>) -> Self {
        let evicts = policies.eviction.borrow().evicts();
        let mut state = PlatformState {
            now: Time::ZERO,
            evicts,
            common_gate: CommonGate::new(policies.max_concurrency, policies.throttle),
            policies,
            head: Head::new(head),
            images: IdVec::default(),
            functions: IdVec::default(),
            apps: Apps::default(),
            nodes: Nodes::default(),
            containers: Containers::default(),
            invocations: InvocationTable::default(),
            records: Records::default(),
            queues: Queues::default(),
            rounds: Rounds::default(),
            retries: Retries::default(),
            log: ChangeLog::default(),
            effects: Effects::default(),
            observers: Observers::default(),
            #[cfg(test)]
            unchecked: false,
        };
        for node in nodes {
            state.add_node(node);
        }
        state
    }

    /// Gives up every value that may hold the service, to be dropped while nothing is borrowed. The
    /// data stays.
    pub(crate) fn tear_down(&mut self) -> impl Sized + use<> {
        let eviction = self.policies.eviction.replace(Box::new(NeverEvict));
        self.effects.tear_down();
        (eviction, std::mem::take(&mut self.observers.at_once))
    }

    /// Follows every message: images without a file leave memory, new invocations are admitted, and
    /// a round is asked for.
    pub(crate) fn conclude(&mut self, round: Round) -> Asks {
        if round != Round::Arrival {
            self.log.add_event();
        }
        self.drop_images_without_file();
        if let Some((invocation, function)) = self.admit_new(round != Round::No) {
            return Asks::Alone { invocation, function };
        }
        #[cfg(any(test, feature = "audit"))]
        self.check();
        if round == Round::No { Asks::Nothing } else { self.ask_for_round() }
    }

    /// The head host has failed: every invocation ends with the cause, and every container stops,
    /// since the service has lost its data. Disks and images in memories stay.
    ///
    /// Those that are in containers must have been [abandoned](Self::abandon) before.
    pub(crate) fn head_failed(&mut self) {
        let mut left: Vec<ContainerId> = self.containers.all.iter().map(|(id, _)| id).collect();
        left.sort_unstable();
        for container in left {
            self.stop_container(container, StopReason::Lost);
        }
        for function in self.functions.ids() {
            self.forget_prewarming(function, None);
        }
    }
}
