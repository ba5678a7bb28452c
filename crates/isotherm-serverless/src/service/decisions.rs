//! Answers what the platform state asks: by the policies of the service, or by its caller.

use std::cell::Ref;
use std::ops::ControlFlow;

use super::{Inner, ServerlessComputeService};
use crate::ask::{Answer, CallerDecides, Changing, Decision, NotAsked};
use crate::keep_alive::{IdleNow, Keep};
use crate::state::{Asks, PlatformState, Round, View};
use crate::{ContainerId, FunctionId};

/// What the caller is asked.
#[derive(Clone, Copy)]
pub(super) enum AsksCaller {
    /// Whether to keep a container. Then the message in which it became idle is concluded.
    Keep(IdleNow, Round),
    Round,
}

impl ServerlessComputeService {
    /// Concludes a message after which a container may be idle: what the state asks is answered,
    /// and the effects are carried out.
    pub(super) fn conclude(&self, idle: Option<ContainerId>, round: Round) {
        let keep = match idle.map(|container| self.keep(container)) {
            None => None,
            Some(Ok(keep)) => idle.map(|container| (container, keep)),
            Some(Err(idle)) => return self.ask_the_caller(AsksCaller::Keep(idle, round)),
        };
        let asks = self.conclude_state(keep, round);
        self.answer_scheduling(asks);
    }

    // Inlined: every message runs it.
    #[inline(always)]
    fn conclude_state(&self, keep: Option<(ContainerId, Keep)>, round: Round) -> Asks {
        let mut state = self.inner.state.borrow_mut();
        if let Some((container, keep)) = keep {
            state.answer_keep(container, keep);
        }
        let asks = state.conclude(round);
        self.note_ends(&mut state);
        asks
    }

    /// The decision of a policy about an idle container, or what the caller has to be asked.
    #[inline(always)]
    pub(super) fn keep(&self, container: ContainerId) -> Result<Keep, IdleNow> {
        let by_caller = self.inner.caller_decides.get().keep;
        if let Some(keep) = self.inner.constant_keep.get()
            && !by_caller
        {
            return Ok(keep);
        }
        self.ask_to_keep(container, by_caller)
    }

    #[inline(never)]
    fn ask_to_keep(&self, container: ContainerId, by_caller: bool) -> Result<Keep, IdleNow> {
        let idle = {
            let mut state = self.inner.state.borrow_mut();
            // The policy may look at the handle of the invocation that has ended.
            self.note_ends(&mut state);
            state.idle_now(container)
        };
        let Some(idle) = idle else { return Ok(Keep::No) };
        self.inner.deciders.borrow_mut().keep(&idle, by_caller).ok_or(idle)
    }

    /// Answers what the state asks of the scheduler until it asks nothing more, then carries out
    /// the effects.
    #[inline(always)]
    fn answer_scheduling(&self, mut asks: Asks) {
        if let Asks::Alone { invocation, function } = asks {
            let Inner { state, deciders, caller_decides, .. } = &*self.inner;
            let placed = match caller_decides.get().rounds {
                true => None,
                false => {
                    let mut deciders = deciders.borrow_mut();
                    deciders.place_alone(&View::new(&state.borrow()), function)
                }
            };
            asks = state.borrow_mut().answer_alone(invocation, function, placed);
        }
        if matches!(asks, Asks::Round) && self.hold_rounds().is_break() {
            return;
        }
        self.carry_out();
        #[cfg(any(test, feature = "audit"))]
        self.check();
    }

    /// Holds rounds until the state asks for no more. Breaks off if the caller is asked, or a limit
    /// of the simulation is reached.
    #[inline(never)]
    fn hold_rounds(&self) -> ControlFlow<()> {
        let Inner { state, deciders, caller_decides, .. } = &*self.inner;
        loop {
            if caller_decides.get().rounds {
                self.ask_the_caller(AsksCaller::Round);
                return ControlFlow::Break(());
            }
            let mut plan = self.inner.plan.take();
            plan.clear();
            deciders.borrow_mut().round(&View::new(&state.borrow()), &mut plan);
            let asks = state.borrow_mut().answer_round(&plan);
            self.inner.plan.set(plan);
            if matches!(asks, Asks::Nothing) {
                return ControlFlow::Continue(());
            }
            // Each round after the first counts as a step, so that limits hold.
            self.kernel().count_turn()?;
        }
    }

    /// Has the caller decide: the simulation is paused, and no message is handled until it has.
    pub(super) fn ask_the_caller(&self, asks: AsksCaller) {
        self.inner.asks_caller.set(Some(asks));
        self.kernel().pause();
    }

    /// Lets the caller of the simulation make decisions in place of policies.
    ///
    /// Whenever one is needed, the service asks: it [pauses](isotherm_kernel::Kernel::pause) the
    /// simulation and handles no message until it is [answered](Self::answer). A caller that
    /// answers like a policy gets the results of the policy.
    pub fn ask_caller(&self, what: CallerDecides) {
        self.inner.caller_decides.set(what);
    }

    /// The decision that the service waits for, if it waits for its
    /// [caller](Self::ask_caller).
    #[must_use]
    pub fn asked(&self) -> Option<Decision> {
        Some(match self.inner.asks_caller.get()? {
            AsksCaller::Keep(idle, _) => Decision::Keep(idle),
            AsksCaller::Round => Decision::Round,
        })
    }

    /// Looks at the platform as a scheduler sees it.
    ///
    /// # Errors
    /// It is [changing](Changing): it is asked by an eviction policy, or by an observer that is
    /// called at once.
    pub fn view<R>(&self, look: impl FnOnce(&View<'_>) -> R) -> Result<R, Changing> {
        // While a policy decides it is the present date.
        if let Ok(mut state) = self.inner.state.try_borrow_mut() {
            state.now = self.kernel().now();
        }
        Ok(look(&View::new(&*self.unchanging()?)))
    }

    /// The state, unless it is being changed.
    pub(super) fn unchanging(&self) -> Result<Ref<'_, PlatformState>, Changing> {
        self.inner.state.try_borrow().map_err(|_| Changing)
    }

    /// Answers what the service has [asked its caller](Self::ask_caller), and goes on until it asks
    /// again or has handled the messages that have arrived.
    ///
    /// # Errors
    /// The service has not asked for that; nothing has changed.
    pub fn answer(&self, answer: Answer) -> Result<(), NotAsked> {
        let asked = self.asked().ok_or(NotAsked::Nothing)?;
        let Inner { state, asks_caller, .. } = &*self.inner;
        // Within an answer an eviction policy may be called, which has nothing to answer.
        let Ok(mut now) = state.try_borrow_mut() else { return Err(NotAsked::Nothing) };
        // The simulation may have gone on since it was asked.
        now.now = self.kernel().now();
        drop(now);
        let asks = match (asks_caller.get(), &answer) {
            (Some(AsksCaller::Keep(idle, round)), Answer::Keep(keep)) => {
                self.conclude_state(Some((idle.container, *keep)), round)
            }
            (Some(AsksCaller::Round), Answer::Round(plan)) => state.borrow_mut().answer_round(plan),
            _ => return Err(NotAsked::Else { answered: answer.name(), asked: asked.name() }),
        };
        asks_caller.set(None);
        self.answer_scheduling(asks);
        self.receive();
        Ok(())
    }

    /// Notifies the keep-alive policy of an invocation.
    #[inline]
    pub(super) fn note_invoked(&self, function: FunctionId) {
        if self.inner.constant_keep.get().is_none() {
            let mut deciders = self.inner.deciders.borrow_mut();
            let invoked = self.inner.state.borrow().invoked_now(function);
            deciders.invoked(&invoked);
        }
    }
}
