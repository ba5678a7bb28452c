//! What the service attaches to an invocation that has not ended. The platform state stores it but
//! decides nothing by it.

use isotherm_kernel::Duration;
use isotherm_services::{ActionId, Port};

use crate::NodeId;
use crate::function::Body;
use crate::invocation::Invocation;
use crate::message::ManagerMessage;

/// The body of an invocation, its user's handle and the action that runs it. Empty before the
/// service has filled it in and after the end.
pub(crate) struct ServiceData {
    /// The handle, if there is one.
    pub(crate) handle: Option<Invocation>,
    /// Invoked without a handle: its user is not notified of the end, even if a handle was made
    /// later.
    pub(crate) is_detached: bool,
    pub(crate) body: Body,
    pub(crate) manager: Option<Port<ManagerMessage>>,
    /// The action that runs the body, and its node.
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
