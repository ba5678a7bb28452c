//! Keep-alive policies: how long idle containers are kept, and whether containers are started
//! ahead.
//!
//! A policy decides each time a container becomes idle ([`KeepAlive::keep`]) and is notified of
//! each invocation ([`KeepAlive::invoked`]), from which it may learn. The functions of a service
//! share its policy, except those with [their own](crate::Function::with_keep_alive).
//!
//! # Pre-warming
//!
//! With [`Keep::Prewarm`] the container stops now, and a new one is started later on the same node,
//! before the next invocation is expected. The new container is idle from the beginning of its
//! start-up: it takes no slot, and it is evicted like any idle container when its room is needed.
//! An invocation that finds it ready starts warm; one that finds it starting waits for the rest of
//! the start-up and counts as a cold start.
//!
//! No container is started ahead
//! * if the function was invoked meanwhile: the policy decides again when that invocation ends;
//! * if the function has an idle container on any node;
//! * if there is no room beside the present containers, busy or idle, or the image is not in the
//!   node's memory, or the node is off. These cases are counted; nothing is evicted for them.

mod fixed;
mod forecast;
mod histogram;
mod hybrid;

pub use fixed::Fixed;
pub use hybrid::{HybridConfig, HybridHistogram};

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{Duration, Time};

use crate::{ContainerId, FunctionId, NodeId};

/// A container that has just become idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleNow {
    /// The date.
    pub at: Time,
    /// The container.
    pub container: ContainerId,
    /// Its function.
    pub function: FunctionId,
    /// Its node.
    pub node: NodeId,
    /// The invocations of the function in other containers.
    pub running: u32,
    /// The pending invocations of the function.
    pub waiting: usize,
    /// When the container was started.
    pub started_at: Time,
    /// The invocations that the container has served.
    pub uses: u32,
    /// The containers of the function, this one and busy ones included.
    pub containers: u32,
    /// How long the function was idle the last time; see [`Invoked::idle`]. `None` if it never was.
    pub last_idle: Option<Duration>,
}

impl IdleNow {
    /// How long ago the container was started.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.at.since(self.started_at)
    }
}

/// An invocation that the service has just accepted.
#[derive(Clone, Copy, Debug)]
pub struct Invoked {
    /// The date.
    pub at: Time,
    /// The function.
    pub function: FunctionId,
    /// The invocations of the function in containers.
    pub running: u32,
    /// The other pending invocations of the function.
    pub waiting: usize,
    /// The containers of the function, busy or idle.
    pub containers: u32,
    /// How long the function has been idle: since a container of it became idle while no other
    /// served an invocation and none was pending. `None` if another invocation has come since, or
    /// if nothing of the function has ended yet.
    pub idle: Option<Duration>,
}

/// What to do with an idle container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Stop it now.
    No,
    /// Stop it when it has been idle for this long.
    For(Duration),
    /// Keep it until its room is needed.
    Forever,
    /// Stop it now, and start a new one later unless the function is invoked before; see the
    /// [module](self).
    Prewarm {
        /// The time until the new one is started.
        after: Duration,
        /// How long the new one is kept after its start-up if it is not used.
        keep: Duration,
    },
}

/// A keep-alive policy.
///
/// ```
/// use isotherm_kernel::Duration;
/// use isotherm_serverless::FunctionId;
/// use isotherm_serverless::keep_alive::{IdleNow, Keep, KeepAlive};
///
/// /// Containers of one function are worth more than others.
/// struct Favourite(FunctionId);
///
/// impl KeepAlive for Favourite {
///     fn keep(&mut self, idle: &IdleNow) -> Keep {
///         if idle.function == self.0 { Keep::Forever } else { Keep::For(Duration::from_secs(60)) }
///     }
/// }
/// ```
pub trait KeepAlive {
    /// Called each time a container becomes idle.
    fn keep(&mut self, idle: &IdleNow) -> Keep;

    /// Called for each invocation, before anything else is done with it. Does nothing by default.
    fn invoked(&mut self, _: &Invoked) {}

    /// The decision, if it is the same for every container: then the policy is neither asked nor
    /// notified. Asked once, when the service starts. `None` by default.
    fn constant(&self) -> Option<Keep> {
        None
    }
}

/// A policy chosen at run time.
#[warn(clippy::missing_trait_methods)]
impl<K: KeepAlive + ?Sized> KeepAlive for Box<K> {
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        (**self).keep(idle)
    }

    fn invoked(&mut self, invoked: &Invoked) {
        (**self).invoked(invoked);
    }

    fn constant(&self) -> Option<Keep> {
        (**self).constant()
    }
}

/// A policy that functions may share.
pub(crate) type SharedKeepAlive = Rc<RefCell<dyn KeepAlive>>;
