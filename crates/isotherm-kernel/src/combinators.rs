//! Combinators over the kernel's futures: waiting for several things at once.
//!
//! The kernel wakes a whole actor, never a single future, so these simply ask each of their parts again, in order.
//! Where several parts are ready at once the first one wins; what the others have not delivered stays undelivered.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::{Kernel, Time};

/// The result of [`select`]: which of the two was ready first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first future was ready.
    First(A),
    /// The second future was ready, and the first was not.
    Second(B),
}

/// Waits until one of two futures is ready; the first wins a tie. The other one is dropped.
///
/// ```
/// use isotherm_kernel::{Duration, Either, Simulation, select};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel();
/// kernel.spawn("impatient", {
///     let kernel = kernel.clone();
///     async move {
///         let long = kernel.sleep(Duration::from_secs(60));
///         let short = kernel.sleep(Duration::from_secs(1));
///         assert_eq!(select(long, short).await, Either::Second(()));
///     }
/// });
/// assert_eq!(simulation.run()?.as_secs_f64(), 1.0);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
pub async fn select<A: Future, B: Future>(first: A, second: B) -> Either<A::Output, B::Output> {
    let mut first = pin!(first);
    let mut second = pin!(second);
    poll_fn(|cx| {
        if let Poll::Ready(value) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(value));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

/// Waits until one of many futures is ready and gives its index and value; the first in the list wins a tie. The
/// others are dropped. With an empty list it never returns.
pub async fn select_all<F: Future>(futures: impl IntoIterator<Item = F>) -> (usize, F::Output) {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    poll_fn(|cx| {
        for (index, future) in futures.iter_mut().enumerate() {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready((index, value));
            }
        }
        Poll::Pending
    })
    .await
}

/// Waits for two futures.
pub async fn join<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let mut first = pin!(first);
    let mut second = pin!(second);
    let (mut one, mut two) = (None, None);
    poll_fn(|cx| {
        if one.is_none()
            && let Poll::Ready(value) = first.as_mut().poll(cx)
        {
            one = Some(value);
        }
        if two.is_none()
            && let Poll::Ready(value) = second.as_mut().poll(cx)
        {
            two = Some(value);
        }
        match (one.take(), two.take()) {
            (Some(one), Some(two)) => Poll::Ready((one, two)),
            (left, right) => {
                (one, two) = (left, right);
                Poll::Pending
            }
        }
    })
    .await
}

/// Waits for all futures and gives their values in the order of the list. An empty list is ready at once.
///
/// ```
/// use isotherm_kernel::{Duration, Simulation, join_all};
///
/// let simulation = Simulation::new();
/// let kernel = simulation.kernel();
/// kernel.spawn("parent", {
///     let kernel = kernel.clone();
///     async move {
///         let nap = async |seconds| {
///             kernel.sleep(Duration::from_secs(seconds)).await;
///             seconds
///         };
///         assert_eq!(join_all([3, 1, 2].map(nap)).await, [3, 1, 2]);
///     }
/// });
/// assert_eq!(simulation.run()?.as_secs_f64(), 3.0);
/// # Ok::<(), isotherm_kernel::RunError>(())
/// ```
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut values: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut all = true;
        for (future, value) in futures.iter_mut().zip(&mut values) {
            if value.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(ready) => *value = Some(ready),
                    Poll::Pending => all = false,
                }
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    values.into_iter().flatten().collect()
}

/// A deadline came before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline at {0} s has passed")]
pub struct DeadlinePassed(
    /// The deadline.
    pub Time,
);

/// Waits for a future, but no longer than until `deadline`. What is ready exactly then is in time.
pub async fn with_deadline<F: Future>(kernel: &Kernel, deadline: Time, future: F) -> Result<F::Output, DeadlinePassed> {
    match select(future, kernel.timer_at(deadline)).await {
        Either::First(value) => Ok(value),
        Either::Second(()) => Err(DeadlinePassed(deadline)),
    }
}
