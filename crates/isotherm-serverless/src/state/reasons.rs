//! Why invocations have cold starts, as the books of the platform tell at their dispatch.
//!
//! A warm start costs nothing: only the end of a container and a cold start are noted.

use std::sync::Arc;

use isotherm_kernel::Time;

use super::{Function, InvocationKey, PlatformState};
use crate::id_vec::IdVec;
use crate::{ColdReason, ColdStart, ContainerId, FunctionId, LastGone, StopReason};

/// The end of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    pub(super) at: Time,
    pub(super) cause: StopReason,
    pub(super) evicted_for: Option<FunctionId>,
}

/// What became of the containers of a function.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The one that has ended last.
    gone: Option<Gone>,
    /// Since then, an invocation has cancelled the start of a container ahead.
    pub(super) prewarming_cancelled: bool,
    /// Since then, a container that was to be started ahead was not.
    pub(super) prewarming_skipped: bool,
}

impl Past {
    /// A container has ended.
    pub(super) fn note(&mut self, gone: Gone) {
        self.gone = Some(gone);
        (self.prewarming_cancelled, self.prewarming_skipped) = (false, false);
    }

    /// Why there is no container.
    fn reason(&self) -> ColdReason {
        if self.prewarming_cancelled {
            return ColdReason::PrewarmLate;
        }
        if self.prewarming_skipped {
            return ColdReason::PrewarmSkipped;
        }
        match self.gone.map(|gone| gone.cause) {
            None => ColdReason::First,
            Some(StopReason::Lost | StopReason::NodeLeaves) => ColdReason::Lost,
            Some(StopReason::Evicted) => ColdReason::Evicted,
            Some(StopReason::Expired) => ColdReason::Expired,
            Some(StopReason::Discarded) => ColdReason::Discarded,
            Some(StopReason::NotKept | StopReason::Planned) => ColdReason::NotKept,
        }
    }
}

/// Why an invocation has a cold start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cold {
    reason: ColdReason,
    last_gone: Option<Gone>,
}

impl Cold {
    /// Of an invocation that has none.
    pub(super) const NONE: Cold = Cold { reason: ColdReason::First, last_gone: None };

    /// As records say it, with the name of a function if names are wanted.
    pub(super) fn told(
        &self,
        functions: &IdVec<FunctionId, Function>,
        with_names: bool,
    ) -> ColdStart {
        let name = |function| Arc::clone(&functions[function].rest.name);
        let last_gone = self.last_gone.map(|Gone { at, cause, evicted_for }| LastGone {
            at,
            cause,
            evicted_for: evicted_for.filter(|_| with_names).map(name),
        });
        ColdStart { reason: self.reason, last_gone }
    }
}

impl PlatformState {
    /// Why a container has to be started for an invocation, asked before it is.
    #[cold]
    pub(super) fn why_new(&self, function: FunctionId) -> Cold {
        let spec = &self.functions[function];
        let past = &spec.rest.past;
        let reason = if spec.idle.find(|node| self.nodes[node].is_up()).is_some() {
            ColdReason::Elsewhere
        } else if spec.rest.containers > 0 {
            ColdReason::Busy
        } else {
            past.reason()
        };
        Cold { reason, last_gone: past.gone }
    }

    /// Notes why an invocation has to wait for a container that is starting already.
    #[cold]
    pub(super) fn note_joined(
        &mut self,
        key: InvocationKey,
        function: FunctionId,
        container: ContainerId,
    ) {
        let container = self.containers.all.get(&container);
        let is_ahead = container.is_some_and(|container| container.is_ahead);
        let reason = if is_ahead { ColdReason::PrewarmLate } else { ColdReason::Starting };
        let last_gone = self.functions[function].rest.past.gone;
        self.invocations.note_cold(key, Cold { reason, last_gone });
    }
}
