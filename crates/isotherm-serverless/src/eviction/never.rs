//! No eviction.

use super::{ContainerEviction, IdleContainer, Missing};
use crate::ContainerId;
use crate::state::View;

/// Evicts no container: what needs the room of an idle container waits until keep-alive stops it.
/// Many simulators of serverless platforms do this.
///
/// If containers are kept for ever, invocations may wait for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeverEvict;

impl ContainerEviction for NeverEvict {
    fn evicts(&self) -> bool {
        false
    }

    fn choose(
        &self,
        _: &View<'_>,
        _: &mut dyn Iterator<Item = IdleContainer>,
        _: Missing,
    ) -> Option<Vec<ContainerId>> {
        None
    }
}
