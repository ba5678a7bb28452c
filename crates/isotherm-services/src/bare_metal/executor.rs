//! Executors: actors that run the body of an action beside its time limit.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use isotherm_kernel::{Either, Kernel, select};

use super::*;

/// How a body ended, and when if it ended by itself.
type Outcome = (Result<(), FailureCause>, Option<Time>);

/// Reports the failure of the host when the executor dies with it.
struct Executor {
    service: BareMetalService,
    id: ActionId,
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Whoever kills an executor otherwise has taken the action out of the books, and at the end
        // of the simulation, when the host is on, nobody wants to hear any more.
        let inner = &self.service.inner;
        if !inner.host_is_on() {
            inner.down.set(true);
            self.service.end_later(self.id, inner.why_down());
        }
    }
}

impl BareMetalService {
    pub(super) fn begin_executor(&self, id: ActionId) {
        let inner = &self.inner;
        let mut actions = inner.actions.borrow_mut();
        let Some(entry) = actions.get(id) else { return };
        let Some((name, action)) = entry.work.take() else { return };
        let context = ActionContext::new(&inner.site, &inner.address, entry.cores);
        let (startup, limit, at_limit) = (entry.startup, entry.time_limit, entry.at_limit);
        let executor = Executor { service: self.clone(), id };
        let platform = inner.site.platform();
        let actor = platform.actor(inner.host(), name);
        let actor = actor.daemon().spawn(async move {
            let service = &executor.service;
            let kernel = service.inner.site.kernel();
            kernel.sleep(startup).await;
            service.body_begins(executor.id);
            let mut body = action.into_body(context);
            let (result, ended) = match limit {
                None => (body.as_mut().await, Some(kernel.now())),
                Some(limit) => run_limited(kernel, body.as_mut(), limit, at_limit).await,
            };
            // A body that was cut off gives back what it holds before anybody hears of its end.
            drop(body);
            service.end(executor.id, result, ended, Turn::GoesOn);
        });
        if let Some(entry) = actions.get(id) {
            entry.stage = ActionStage::Executor(Box::new(actor));
        }
    }
}

/// Runs a body no longer than its limit; what is not over then, the caller drops.
async fn run_limited(
    kernel: &Kernel,
    mut body: Pin<&mut dyn Future<Output = Result<(), FailureCause>>>,
    limit: Duration,
    at_limit: AtLimit,
) -> Outcome {
    // The body has its own place in the run queue, as if it were an actor that the executor has
    // just created.
    kernel.yield_now().await;
    let deadline = kernel.now() + limit;
    let first = run_until(kernel, body.as_mut(), deadline).await;
    if let Some((result, BodyTurn::First)) = first {
        return in_time(result, kernel.now(), deadline, at_limit);
    }
    // The executor, too: it hears of the end of the body, or looks after it, one turn later.
    kernel.yield_now().await;
    match (first, at_limit) {
        (Some((result, _)), _) => in_time(result, kernel.now(), deadline, at_limit),
        (None, AtLimit::TimedOut) => (Err(FailureCause::TimeLimit), None),
        (None, AtLimit::Completed) => match select(body, kernel.timer_at(deadline)).await {
            Either::First(result) => (result, Some(deadline)),
            Either::Second(()) => (Err(FailureCause::TimeLimit), None),
        },
    }
}

/// In which turn a body has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyTurn {
    /// Without ever waiting, so before the executor began to wait for it.
    First,
    Later,
}

/// Runs a body until it ends or the deadline comes; the body first, in every turn.
async fn run_until<T>(
    kernel: &Kernel,
    mut body: Pin<&mut dyn Future<Output = T>>,
    deadline: Time,
) -> Option<(T, BodyTurn)> {
    let mut limit = pin!(kernel.sleep_until(deadline));
    let mut turn = BodyTurn::First;
    poll_fn(|cx| {
        if let Poll::Ready(value) = body.as_mut().poll(cx) {
            return Poll::Ready(Some((value, turn)));
        }
        turn = BodyTurn::Later;
        limit.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// How a body counts that has ended by itself now.
fn in_time(
    result: Result<(), FailureCause>,
    now: Time,
    deadline: Time,
    at_limit: AtLimit,
) -> Outcome {
    if now == deadline && at_limit == AtLimit::TimedOut {
        (Err(FailureCause::TimeLimit), Some(now))
    } else {
        (result, Some(now))
    }
}
