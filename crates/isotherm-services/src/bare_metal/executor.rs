//! Executors: actors that run the body of an action and enforce its time limit.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use isotherm_kernel::{Either, Kernel, select};

use super::*;

/// The result of a body, and the date of its end if it ended by itself.
type Outcome = (Result<(), FailureCause>, Option<Time>);

/// Reports the failure of the host when it is dropped with the executor.
struct Executor {
    service: BareMetalService,
    id: ActionId,
}

impl Drop for Executor {
    fn drop(&mut self) {
        // If the executor was killed in another way, the action has been removed before. At the end
        // of the simulation, when the host is on, no report is needed.
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
        let (startup, limit, at_limit) = (entry.startup, entry.time_limit(), entry.at_limit);
        let executor = Executor { service: self.clone(), id };
        let platform = inner.site.platform();
        let actor = platform.actor(inner.host(), name);
        let actor = actor.daemon().spawn(async move {
            let service = &executor.service;
            let kernel = service.inner.site.kernel();
            kernel.sleep(startup).await;
            if let Action::CustomWithInput { .. } = &action
                && let Err(cause) =
                    action.bring_input(&service.inner.site, &service.inner.address).await
            {
                return service.end(executor.id, Err(cause), None);
            }
            service.body_begins(executor.id);
            let mut body = action.into_body(context);
            let (result, ended) = match limit {
                None => (body.as_mut().await, Some(kernel.now())),
                Some(limit) => run_limited(kernel, body.as_mut(), limit, at_limit).await,
            };
            // A body that was cut off gives back what it holds before its end is reported.
            drop(body);
            service.end(executor.id, result, ended);
        });
        if let Some(entry) = actions.get(id) {
            entry.stage = ActionStage::Executor(Box::new(actor));
        }
    }
}

/// Runs a body until its limit. The caller drops a body that has not ended.
async fn run_limited(
    kernel: &Kernel,
    mut body: Pin<&mut dyn Future<Output = Result<(), FailureCause>>>,
    limit: Duration,
    at_limit: AtLimit,
) -> Outcome {
    // The body goes to the end of the run queue, like an actor that the executor has just spawned.
    kernel.yield_now().await;
    let deadline = kernel.now() + limit;
    let first = run_until(kernel, body.as_mut(), deadline).await;
    if let Some((result, BodyTurn::First)) = first {
        return in_time(result, kernel.now(), deadline, at_limit);
    }
    // So does the executor: it joins the body, or looks at the limit, one step later.
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

/// Whether a body ended in its first step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyTurn {
    /// It never waited, so it ended before the executor began to join it.
    First,
    Later,
}

/// Runs a body until it ends or the deadline comes. The body is polled first.
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

/// The outcome of a body that has ended by itself now.
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
