//! Starts containers ahead of invocations for keep-alive policies.

use isotherm_kernel::Duration;

use super::containers::StartedFor;
use super::{Effect, PlatformState};
use crate::{EventKind, FunctionId, InvocationId, NodeId};

/// A plan to start a container unless its function is invoked before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prewarming {
    /// Where.
    node: NodeId,
    /// How long it is kept after its start-up.
    keep: Duration,
}

impl super::Function {
    /// Forgets the container to be started ahead, if any.
    pub(super) fn take_prewarming(&mut self) -> Option<Prewarming> {
        if std::mem::take(&mut self.is_prewarming) { self.rest.prewarming.take() } else { None }
    }
}

impl PlatformState {
    /// Plans to start a container of the function on the node. It replaces an earlier plan for the
    /// function.
    pub(super) fn plan_prewarming(
        &mut self,
        function: FunctionId,
        node: NodeId,
        after: Duration,
        keep: Duration,
    ) {
        self.forget_prewarming(function, None);
        let spec = &mut self.functions[function];
        spec.is_prewarming = true;
        spec.rest.prewarming = Some(Prewarming { node, keep });
        self.effects.push(Effect::Prewarm { function, after });
        let due = self.now + after;
        self.emit(|| EventKind::PrewarmPlanned { node, function, due });
    }

    /// Gives up the plan for a function, if there is one; `by` says for which invocation.
    #[inline(never)]
    pub(super) fn forget_prewarming(&mut self, function: FunctionId, by: Option<InvocationId>) {
        if self.functions[function].take_prewarming().is_some() {
            self.effects.push(Effect::ForgetPrewarm { function });
            self.functions[function].rest.past.prewarming_cancelled |= by.is_some();
            self.emit(|| EventKind::PrewarmCancelled { function, by });
        }
    }

    /// Starts the planned container, if it is still of use and there is room.
    pub(crate) fn prewarm(&mut self, function: FunctionId) {
        let spec = &mut self.functions[function];
        let Some(Prewarming { node, keep }) = spec.take_prewarming() else { return };
        if spec.idle.is_empty() {
            self.start_idle(function, node, Some(keep));
        } else {
            self.emit(|| EventKind::PrewarmCancelled { function, by: None });
        }
    }

    /// Starts a container ahead, if there is room. It is kept for a time after its start-up, or
    /// until its room is needed.
    pub(super) fn start_idle(
        &mut self,
        function: FunctionId,
        node: NodeId,
        keep: Option<Duration>,
    ) {
        let has_room = self.has_free_room(function, node);
        let start = || self.start_new(node, function, StartedFor::LaterUse);
        let Some(container) = has_room.then(start).flatten() else {
            return self.skip_start(node, function);
        };
        self.emit(|| EventKind::Prewarmed { node, container });
        let startup = self.containers.all[&container].ready_at.since(self.now);
        self.make_idle(container, keep.map(|keep| startup + keep));
    }

    /// A container was to be there ahead of invocations, and cannot be.
    pub(super) fn skip_start(&mut self, node: NodeId, function: FunctionId) {
        self.functions[function].rest.past.prewarming_skipped = true;
        self.emit(|| EventKind::PrewarmingSkipped { node, function });
    }

    /// Whether there is room for a container of the function without evicting another one.
    fn has_free_room(&self, function: FunctionId, node: NodeId) -> bool {
        let image = self.functions[function].image;
        self.nodes[node].is_up()
            && self.missing(node, self.functions[function].need(), image).is_nothing()
    }
}
