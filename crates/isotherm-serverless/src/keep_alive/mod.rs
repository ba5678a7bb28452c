//! Keep-alive policies: how long a container that has become idle is kept, and whether another is
//! started before it is needed.
//!
//! A policy is asked each time a container becomes idle ([`KeepAlive::keep`]) and told each time an
//! invocation comes ([`KeepAlive::invoked`]), from which it may learn. All functions of a service
//! share its policy, unless one has [its own](crate::Function::with_keep_alive).
//!
//! # Pre-warming
//!
//! With [`Keep::Prewarm`] a policy has the container stopped now and a new one started after a
//! while, when it expects the next invocation. That one is started on the same node and takes its
//! start-up time; it is idle from its beginning, so it takes no slot, and like any idle container
//! it goes when another function needs its room. An invocation that finds it ready starts warm; one
//! that finds it starting waits for the rest of its start-up, and counts as a cold start.
//!
//! Nothing is pre-warmed
//! * if the function was invoked meanwhile: the policy is asked again when that invocation has
//!   ended;
//! * if the function has another idle container anywhere, which is as good;
//! * if there is no room for it beside the containers that are there, busy or idle, or its image is
//!   not in the memory of the node, or the node is off. A guess evicts nobody. Pre-warmings that
//!   are skipped for that are counted.

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
#[derive(Clone, Copy, Debug)]
pub struct IdleNow {
    /// The date.
    pub at: Time,
    /// The container.
    pub container: ContainerId,
    /// Its function.
    pub function: FunctionId,
    /// Its node.
    pub node: NodeId,
    /// How many invocations of the function are in other containers.
    pub running: u32,
    /// How many invocations of the function could run, but have not found a place.
    pub waiting: usize,
}

/// An invocation that has just come in.
#[derive(Clone, Copy, Debug)]
pub struct Invoked {
    /// The date.
    pub at: Time,
    /// The function.
    pub function: FunctionId,
    /// How many invocations of the function are in containers.
    pub running: u32,
    /// How many other invocations of the function could run, but have not found a place.
    pub waiting: usize,
}

/// How long to keep an idle container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Stop it now.
    No,
    /// Stop it when it has been idle for so long.
    For(Duration),
    /// Keep it until its room is needed.
    Forever,
    /// Stop it now, and start a new one when the function has not been invoked for a while; see the
    /// [module](self).
    Prewarm {
        /// Until the new one is started.
        after: Duration,
        /// How long that one is kept if nobody needs it, once it has started.
        keep: Duration,
    },
}

/// Decides how long idle containers are kept.
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

    /// Called each time an invocation comes in, before anything else is done with it. Does nothing
    /// unless a policy wants to learn from it.
    fn invoked(&mut self, _: &Invoked) {}
}

/// A policy that several functions share.
pub(crate) type SharedKeepAlive = Rc<RefCell<dyn KeepAlive>>;
