//! Nobody goes.

use super::{ContainerEviction, IdleContainer, Missing};
use crate::ContainerId;

/// Evicts no container: whoever needs the room of an idle one waits until it is given back, by
/// keep-alive for instance. So do many simulators of serverless platforms.
///
/// Invocations wait for ever where containers are kept for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverEvict;

impl ContainerEviction for NeverEvict {
    fn evicts(&self) -> bool {
        false
    }

    fn choose(
        &self,
        _: &mut dyn Iterator<Item = IdleContainer>,
        _: Missing,
    ) -> Option<Vec<ContainerId>> {
        None
    }
}
