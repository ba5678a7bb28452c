//! Asking for decisions: what the platform asks, and the policies that answer.
//!
//! The platform state decides nothing that is a matter of policy. Where a decision is needed it
//! returns what it [asks](crate::state::Asks), and goes on when it is given the answer. The service
//! asks its policies and passes their answers on at once; or, if its caller [wants to
//! decide](crate::ServerlessComputeService::ask_caller), it pauses the simulation and handles no
//! message until it has the caller's [`Answer`]. Either way nothing is changed while the policy or
//! the caller looks at the state.
//!
//! Two kinds of policy are not asked in this way, because an answer is needed within a change of
//! the state: eviction policies, which rank an idle container once, and the order in which
//! containers serve.

use std::fmt;

use crate::FunctionId;
use crate::keep_alive::{IdleNow, Invoked, Keep, KeepAlive, SharedKeepAlive};
use crate::plan::{Placed, Plan};
use crate::scheduler::Scheduler;
use crate::state::View;

/// A decision that a service waits for: see
/// [`ask_caller`](crate::ServerlessComputeService::ask_caller).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The decisions of a [round](crate::scheduler): an invocation is schedulable, or an earlier
    /// answer has [asked for it](Plan::next_round). It is answered by [`Answer::Round`].
    Round,
    /// What to do with a container that has become idle. It is answered by [`Answer::Keep`].
    Keep(IdleNow),
}

/// The answer to a [`Decision`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The decisions of a round. It may be empty, then the next round follows the next message. A
    /// decision that is infeasible is dropped, and its invocation is offered again in the next
    /// round.
    Round(Plan),
    /// What to do with the idle container.
    Keep(Keep),
}

/// Which decisions the caller makes in place of the policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerDecides {
    /// Rounds, in place of the scheduler.
    pub rounds: bool,
    /// How long idle containers are kept, in place of the keep-alive policy of the service.
    /// Functions with a policy of their own keep it.
    pub keep: bool,
}

impl CallerDecides {
    /// The caller makes the decisions of rounds.
    pub const ROUNDS: Self = CallerDecides { rounds: true, keep: false };
}

/// Why an answer was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// Nothing was asked.
    #[error("the service waits for no decision; advance the simulation until it asks for one")]
    Nothing,
    /// Something else was asked.
    #[error("the answer decides {answered}, but {asked} is asked for")]
    #[expect(missing_docs, reason = "the message shows what the fields are")]
    Else { answered: &'static str, asked: &'static str },
}

/// The service changes its state at this moment, and cannot be looked at.
///
/// Schedulers and keep-alive policies are asked between changes and may look. Eviction policies and
/// observers that are [called at once](crate::ServerlessComputeService::observe_at_once) are called
/// within a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the service cannot be looked at within a change of its state, in which eviction policies and \
     observers that are called at once are called"
)]
pub struct Changing;

const ROUND: &str = "a scheduling round";
const KEEP: &str = "what to do with an idle container";

impl Decision {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Decision::Round => ROUND,
            Decision::Keep(_) => KEEP,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Plan> for Answer {
    fn from(plan: Plan) -> Self {
        Answer::Round(plan)
    }
}

impl From<Keep> for Answer {
    fn from(keep: Keep) -> Self {
        Answer::Keep(keep)
    }
}

impl Answer {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Answer::Round(_) => ROUND,
            Answer::Keep(_) => KEEP,
        }
    }
}

/// The policies that are asked.
pub(crate) struct Deciders {
    scheduler: Option<Box<dyn Scheduler>>,
    keep_alive: Option<Box<dyn KeepAlive>>,
    /// Those of functions with their own, by function.
    own: Vec<Option<SharedKeepAlive>>,
}

impl Deciders {
    pub(crate) fn new(scheduler: Box<dyn Scheduler>, keep_alive: Box<dyn KeepAlive>) -> Self {
        let (scheduler, keep_alive) = (Some(scheduler), Some(keep_alive));
        Deciders { scheduler, keep_alive, own: Vec::new() }
    }

    /// Gives a function a keep-alive policy of its own.
    pub(crate) fn set_own_keep_alive(&mut self, function: FunctionId, own: SharedKeepAlive) {
        let length = self.own.len().max(function.index() + 1);
        self.own.resize(length, None);
        self.own[function.index()] = Some(own);
    }

    /// The keep-alive policy of a function, if it has its own.
    #[inline]
    fn own_keep_alive(&self, function: FunctionId) -> Option<&SharedKeepAlive> {
        self.own.get(function.index())?.as_ref()
    }

    pub(crate) fn invoked(&mut self, invoked: &Invoked) {
        if let Some(own) = self.own_keep_alive(invoked.function) {
            own.borrow_mut().invoked(invoked);
        } else if let Some(policy) = &mut self.keep_alive {
            policy.invoked(invoked);
        }
    }

    /// Decides about an idle container; `None` if the caller of the service does so for functions
    /// without a policy of their own.
    #[inline]
    pub(crate) fn keep(&mut self, idle: &IdleNow, caller_decides: bool) -> Option<Keep> {
        if let Some(own) = self.own_keep_alive(idle.function) {
            return Some(own.borrow_mut().keep(idle));
        }
        if caller_decides { None } else { Some(self.keep_alive.as_mut()?.keep(idle)) }
    }

    #[inline]
    pub(crate) fn place_alone(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        self.scheduler.as_mut()?.place_alone(view, function)
    }

    #[inline]
    pub(crate) fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.round(view, plan);
        }
    }

    /// Gives up every policy, which may hold the service.
    pub(crate) fn tear_down(&mut self) -> impl Sized + use<> {
        (self.scheduler.take(), self.keep_alive.take(), std::mem::take(&mut self.own))
    }
}
