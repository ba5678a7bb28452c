//! What the service keeps with an invocation that has not ended, and by which the platform's state
//! decides nothing.

use isotherm_kernel::Duration;
use isotherm_services::{ActionId, Port};

use crate::NodeId;
use crate::function::Body;
use crate::invocation::Invocation;
use crate::message::ManagerMessage;

/// What an invocation is to do, and for whom. Nothing and for nobody, until the service has said it
/// and after the end.
pub(crate) struct ServiceData {
    /// The handle that somebody has.
    pub(crate) handle: Option<Invocation>,
    /// Its user has no handle, so he is not told of its end, whoever else has one.
    pub(crate) is_detached: bool,
    pub(crate) body: Body,
    pub(crate) manager: Option<Port<ManagerMessage>>,
    /// What runs the body.
    pub(crate) action: Option<(NodeId, ActionId)>,
}

impl Default for ServiceData {
    fn default() -> Self {
        ServiceData {
            handle: None,
            is_detached: false,
            body: Body::sleep(Duration::ZERO),
            manager: None,
            action: None,
        }
    }
}
