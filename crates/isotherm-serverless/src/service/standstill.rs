//! The service at a standstill, when no event is left.
//!
//! Under the rules of the reference an interrupted copy or load is retried in the next scheduling
//! round. If nothing else is to happen there is no next round, and the invocation would wait for
//! ever although the link is back. So at a standstill, and only then, the service holds a round if
//! a host, a disk or a link has changed its state since the interruption.

use isotherm_kernel::StandstillHandler;

use super::{Inner, ServerlessComputeService};
use crate::ask::Changing;
use crate::message::Request;
use crate::unfinished::{Lack, Unfinished};

impl StandstillHandler for Inner {
    fn retry(&self) -> bool {
        let changes = self.site.platform().state_changes();
        let may_succeed = self.asks_caller.get().is_none()
            && self.interrupted.get().is_some_and(|then| then != changes);
        if may_succeed {
            self.interrupted.set(None);
            self.port.send(self.port.address(), 0, Request::Retry);
        }
        may_succeed
    }

    fn is_busy(&self) -> bool {
        let moves = |lack: &Lack| {
            matches!(
                lack,
                Lack::Running | Lack::Starting | Lack::Download { .. } | Lack::Image { .. }
            )
        };
        let unfinished = self.state.borrow().unfinished(self.site.now());
        unfinished.iter().any(|group| moves(&group.lack))
    }

    fn missing(&self) -> Vec<String> {
        let state = self.state.borrow();
        let question =
            self.asks_caller.get().map(|_| "the service waits for its caller to decide".to_owned());
        let unfinished = Unfinished::sentences(&state.unfinished(self.site.now()));
        question.into_iter().chain(unfinished).collect()
    }
}

impl ServerlessComputeService {
    /// What the invocations that have not ended wait for or do, grouped by function and reason. It
    /// looks at all invocations and compute hosts.
    ///
    /// # Errors
    /// It is [changing](Changing): see [`view`](Self::view).
    pub fn why_unfinished(&self) -> Result<Vec<Unfinished>, Changing> {
        Ok(self.unchanging()?.unfinished(self.kernel().now()))
    }
}
