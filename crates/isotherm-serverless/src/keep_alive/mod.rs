//! Keep-alive policies: how long a container that has become idle is kept.

mod fixed;

pub use fixed::Fixed;

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
}
