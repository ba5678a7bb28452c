//! Actions that only sleep, run without an actor.
//!
//! Other actions run in an actor of their own, the executor, which is costly for the commonest body
//! of all. A sleeping action is a state machine instead. So that the order of events is the same,
//! its steps are taken where the run queue would run the executor:
//!
//! | run queue | executor | step |
//! |---|---|---|
//! | 1 | first runs, begins to sleep for the start-up overhead | `StartUp` |
//! | 2 | the body begins; with a limit it gets a step of its own | `Begin` |
//! | 3 | the body begins to sleep | `Sleep` |
//! | 4 | the body ends or reaches its limit; with a limit the executor is woken for that | `Wake` |
//! | 5 | the executor reports | `Report` |
//!
//! A step that takes no time, or that would run next in any case, is taken at once. If the action
//! has been ended by force meanwhile, its next step does not find it.

use isotherm_kernel::Handler;

use super::action_table::Step;
use super::*;

/// What follows a step.
enum Then {
    /// The next step, after a duration.
    After(Duration, Step),
    /// The next step, in an entry of its own in the run queue.
    Requeued(Step),
    /// The report: whether the limit was reached, and whether the body ended by itself.
    Report { timed_out: bool, has_ended: bool },
}

impl Then {
    const COMPLETED: Then = Then::Report { timed_out: false, has_ended: true };
}

impl Handler for Inner {
    fn handle(self: Rc<Self>, token: (u64, u64)) {
        let service = BareMetalService { inner: self };
        service.go_on(service.inner.actions.borrow_mut(), ActionId::of_token(token));
    }
}

impl BareMetalService {
    /// Begins an action that only sleeps, in the next step of the run queue.
    #[inline]
    pub(super) fn begin_sleeper(&self, id: ActionId, entry: &mut ActionEntry) {
        self.go_on_next(id, entry, Step::StartUp);
    }

    /// Takes the steps of an action that are due now.
    fn go_on(&self, mut actions: RefMut<'_, ActionTable>, id: ActionId) {
        let kernel = self.inner.site.kernel();
        let Some(entry) = actions.get(id) else { return };
        let mut step = entry.next;
        loop {
            match entry.sleeper_step(step, kernel.now()) {
                Then::After(duration, next) if !duration.is_zero() => {
                    return self.go_on_after(id, entry, duration, next);
                }
                // Only an action with a limit has an executor beside its body, with steps of its
                // own.
                Then::Requeued(next) if entry.time_limit().is_some() && !kernel.is_quiet() => {
                    return self.go_on_next(id, entry, next);
                }
                Then::After(_, next) | Then::Requeued(next) => step = next,
                Then::Report { timed_out, has_ended } => {
                    let ended = has_ended.then_some(kernel.now());
                    if timed_out {
                        drop(actions);
                        return self.end(id, Err(FailureCause::TimeLimit), ended);
                    }
                    return self.end_in(actions, id, Ok(()), ended);
                }
            }
        }
    }

    /// Puts the next step at the end of the run queue.
    #[inline]
    fn go_on_next(&self, id: ActionId, entry: &mut ActionEntry, next: Step) {
        entry.next = next;
        entry.stage = ActionStage::Queued;
        self.inner.site.kernel().signal_now(Rc::clone(&self.inner) as _, id.token());
    }

    /// Schedules the next step after a duration.
    #[inline]
    fn go_on_after(&self, id: ActionId, entry: &mut ActionEntry, duration: Duration, next: Step) {
        entry.next = next;
        let call = self.inner.site.kernel().signal_after(
            duration,
            Rc::clone(&self.inner) as _,
            id.token(),
        );
        entry.stage = ActionStage::Call(call);
    }
}

impl ActionEntry {
    #[inline]
    fn sleeper_step(&mut self, step: Step, now: Time) -> Then {
        let ActionWork::Sleep(duration) = self.work else { return Then::COMPLETED };
        match step {
            Step::StartUp => Then::After(self.startup, Step::Begin),
            Step::Begin => {
                self.begins(now);
                Then::Requeued(Step::Sleep)
            }
            // Without a duration the body ends in its first step, before the executor waits for it.
            Step::Sleep if duration.is_zero() => Then::After(Duration::ZERO, Step::Report),
            Step::Sleep => Then::After(
                self.time_limit().map_or(duration, |limit| duration.min(limit)),
                Step::Wake,
            ),
            Step::Wake => Then::Requeued(Step::Report),
            Step::Report => match self.time_limit() {
                Some(limit) if duration > limit => {
                    Then::Report { timed_out: true, has_ended: false }
                }
                Some(limit) if duration == limit && self.at_limit == AtLimit::TimedOut => {
                    Then::Report { timed_out: true, has_ended: true }
                }
                _ => Then::COMPLETED,
            },
        }
    }
}
