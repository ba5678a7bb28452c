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

use isotherm_kernel::Signalled;

use super::*;

/// What an action does next.
pub(super) type Turn = fn(&BareMetalService, ActionId);

impl Signalled for Inner {
    fn signalled(self: Rc<Self>, token: [u64; 2]) {
        let service = BareMetalService { inner: self };
        let id = ActionId::of_token(token);
        let next = service.inner.books.borrow_mut().get(id).map(|entry| entry.next);
        if let Some(next) = next {
            next(&service, id);
        }
    }
}

impl BareMetalService {
    /// Begins an action that only sleeps.
    pub(super) fn begin_sleeper(&self, id: ActionId) {
        self.call(id, Duration::ZERO, Self::start_up);
    }

    fn start_up(&self, id: ActionId) {
        let startup = match self.inner.books.borrow_mut().get(id) {
            Some(entry) => entry.startup,
            None => return,
        };
        self.after(id, startup, Self::start_body);
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
    fn after(&self, id: ActionId, duration: Duration, next: Turn) {
        if duration.is_zero() {
            return next(self, id);
        }
        self.call(id, duration, next);
    }

    /// Goes on after a duration, or at the end of the run queue if it is zero.
    fn call(&self, id: ActionId, duration: Duration, next: Turn) {
        if let Some(entry) = self.inner.books.borrow_mut().get(id) {
            entry.next = next;
            let call = self.inner.site.kernel().signal_after(duration, Rc::clone(&self.inner) as _, id.token());
            entry.stage = Stage::Call(call);
        }
    }

    /// Goes on at the end of the run queue if the action has a limit, at once otherwise.
    fn in_turn(&self, id: ActionId, next: Turn) {
        let limited = match self.inner.books.borrow_mut().get(id) {
            Some(entry) => entry.time_limit.is_some(),
            None => return,
        };
        if limited {
            self.call(id, Duration::ZERO, next);
        } else {
            next(self, id);
        }
    }
}
