//! Actions that only sleep, without an actor: a chain of calls that takes the same turns in the run queue as an
//! executor would.
//!
//! | turn | executor | call |
//! |---|---|---|
//! | 1 | first runs, begins to sleep for the start-up overhead | [`begin`](BareMetalService::begin_sleeper) |
//! | 2 | the body begins; with a limit it gets a turn of its own | `start_body` |
//! | 3 | the body begins to sleep | `sleep` |
//! | 4 | the body ends, or the limit has come; with a limit the executor hears of it a turn later | `wake` |
//! | 5 | the executor reports | `report` |
//!
//! What takes no time takes no turn either. When the action has been ended by force meanwhile, the next call finds
//! it gone.

use super::*;

impl BareMetalService {
    /// Begins an action that only sleeps.
    pub(super) fn begin_sleeper(&self, id: ActionId) {
        let service = self.clone();
        let kernel = self.inner.site.kernel();
        kernel.call_after(Duration::ZERO, move |_| {
            let startup = match service.inner.books.borrow_mut().get(id) {
                Some(entry) => entry.startup,
                None => return,
            };
            service.after(id, startup, Self::start_body);
        });
    }

    fn start_body(&self, id: ActionId) {
        self.body_begins(id);
        self.in_turn(id, Self::sleep);
    }

    fn sleep(&self, id: ActionId) {
        let Some((duration, limit)) = self.durations(id) else {
            return;
        };
        if duration.is_zero() {
            // The body has ended in its first turn, before the executor looks after it.
            return self.report(id);
        }
        let duration = limit.map_or(duration, |limit| duration.min(limit));
        self.after(id, duration, Self::wake);
    }

    fn wake(&self, id: ActionId) {
        self.in_turn(id, Self::report);
    }

    fn report(&self, id: ActionId) {
        let Some((duration, limit)) = self.durations(id) else {
            return;
        };
        let at_limit = match self.inner.books.borrow_mut().get(id) {
            Some(entry) => entry.at_limit,
            None => return,
        };
        let now = Some(self.inner.site.now());
        let (result, ended) = match limit {
            Some(limit) if duration > limit => (Err(FailureCause::TimeLimit), None),
            Some(limit) if duration == limit && at_limit == AtLimit::TimedOut => (Err(FailureCause::TimeLimit), now),
            _ => (Ok(()), now),
        };
        self.end(id, result, ended);
    }

    /// How long an action sleeps and how long it may.
    fn durations(&self, id: ActionId) -> Option<(Duration, Option<Duration>)> {
        let mut books = self.inner.books.borrow_mut();
        let entry = books.get(id)?;
        match entry.action {
            Some(Action::Sleep(duration)) => Some((duration, entry.time_limit)),
            _ => None,
        }
    }

    /// Goes on after a duration, or at once if it is zero.
    fn after(&self, id: ActionId, duration: Duration, next: fn(&Self, ActionId)) {
        if duration.is_zero() {
            return next(self, id);
        }
        let service = self.clone();
        let call = self.inner.site.kernel().call_after(duration, move |_| next(&service, id));
        if let Some(entry) = self.inner.books.borrow_mut().get(id) {
            entry.stage = Stage::Call(call);
        }
    }

    /// Goes on at the end of the run queue if the action has a limit, at once otherwise.
    fn in_turn(&self, id: ActionId, next: fn(&Self, ActionId)) {
        let limited = match self.inner.books.borrow_mut().get(id) {
            Some(entry) => entry.time_limit.is_some(),
            None => return,
        };
        if limited {
            let service = self.clone();
            let kernel = self.inner.site.kernel();
            kernel.call_after(Duration::ZERO, move |_| next(&service, id));
        } else {
            next(self, id);
        }
    }
}
