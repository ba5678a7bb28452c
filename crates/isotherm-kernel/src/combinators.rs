//! Combinators over futures: waiting for several things at once.
//!
//! [`select`] and [`join`] poll both futures, in order, whenever the actor runs. [`select_all`] and
//! [`join_all`] poll only the futures that have been woken, in the order of the list, so a wake-up
//! costs O(log n) whatever the length of the list. If several futures are ready at once the first
//! one wins; the others lose nothing that they have not delivered. Combinators can be nested.
//!
//! # Wakers
//!
//! Each future of a list is polled with a waker of its own, which the kernel's futures wake. A
//! future that does not keep its waker waits for something outside the kernel, such as a variable
//! that another actor sets; it is polled whenever the actor runs.
//!
//! A future that wakes a later one of the list has it polled in the same pass; one that wakes
//! itself or an earlier one, in the next pass.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

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

/// Waits until one of many futures is ready and returns its index and output; the first of the list
/// wins a tie. The others are dropped. An empty list is never ready.
pub async fn select_all<F: Future>(futures: impl IntoIterator<Item = F>) -> (usize, F::Output) {
    let mut parts = Parts::new(futures);
    poll_fn(|context| match parts.poll_woken(context) {
        Some(first) => Poll::Ready(first),
        None => Poll::Pending,
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

/// Waits for all futures and returns their outputs in the order of the list. An empty list is ready
/// immediately.
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
    let mut parts = Parts::new(futures);
    let mut values: Vec<Option<F::Output>> = parts.futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        while let Some((index, value)) = parts.poll_woken(context) {
            values[index] = Some(value);
        }
        if parts.left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    values.into_iter().flatten().collect()
}

/// The deadline came before the end of the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline at {0} s has passed")]
pub struct DeadlinePassed(
    /// The deadline.
    pub Time,
);

/// Waits for a future until `deadline` at the latest. A future that is ready exactly then is in
/// time.
pub async fn with_deadline<F: Future>(
    kernel: &Kernel,
    deadline: Time,
    future: F,
) -> Result<F::Output, DeadlinePassed> {
    match select(future, kernel.timer_at(deadline)).await {
        Either::First(value) => Ok(value),
        Either::Second(()) => Err(DeadlinePassed(deadline)),
    }
}

/// The futures of a list, of which only the woken ones are polled.
struct Parts<F> {
    /// `None` once they are ready.
    futures: Vec<Option<Pin<Box<F>>>>,
    wakers: Vec<(Arc<PartWaker>, Waker)>,
    shared: Arc<WokenParts>,
    /// Futures that did not keep their waker.
    unwakeable: BTreeSet<usize>,
    /// Futures still to be polled in this pass, and those woken too late for it.
    turn: BinaryHeap<Reverse<usize>>,
    late: Vec<usize>,
    /// Whether a pass is in progress, and whether a future polled in it is pending.
    begun: bool,
    waits: bool,
    left: usize,
    /// All futures before this one are ready.
    first: usize,
}

/// References to a [`PartWaker`] that [`Parts`] itself holds.
const OWN_REFERENCES: usize = 2;

impl<F: Future> Parts<F> {
    fn new(futures: impl IntoIterator<Item = F>) -> Self {
        let futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
        let shared = Arc::new(WokenParts {
            woken: Mutex::new((0..futures.len()).collect()),
            parent: Mutex::new(None),
        });
        let part = |index| {
            let part = Arc::new(PartWaker {
                index,
                is_woken: AtomicBool::new(true),
                shared: Arc::clone(&shared),
            });
            (Arc::clone(&part), Waker::from(part))
        };
        Parts {
            wakers: (0..futures.len()).map(part).collect(),
            shared,
            unwakeable: BTreeSet::new(),
            turn: BinaryHeap::new(),
            late: Vec::new(),
            begun: false,
            waits: false,
            left: futures.len(),
            first: 0,
            futures,
        }
    }

    /// Polls the woken futures in the order of the list until one is ready. `None` ends the pass.
    /// At least one pending future has then been polled, if there is one, so that the kernel knows
    /// what the actor waits for.
    fn poll_woken(&mut self, context: &Context<'_>) -> Option<(usize, F::Output)> {
        if !self.begun {
            self.begun = true;
            self.waits = false;
            self.shared.set_parent(context.waker());
            let woken = &mut *self.shared.woken();
            self.turn.extend(woken.drain(..).chain(self.unwakeable.iter().copied()).map(Reverse));
        }
        while let Some(Reverse(index)) = self.turn.pop() {
            let ready = self.poll(index);
            for woken in self.shared.woken().drain(..) {
                if woken > index { self.turn.push(Reverse(woken)) } else { self.late.push(woken) }
            }
            if let Some(value) = ready {
                return Some((index, value));
            }
        }
        if !self.waits && self.left > 0 && self.late.is_empty() {
            while self.futures[self.first].is_none() {
                self.first += 1;
            }
            if let Some(value) = self.poll(self.first) {
                return Some((self.first, value));
            }
        }
        self.begun = false;
        self.shared.woken().append(&mut self.late);
        None
    }

    fn poll(&mut self, index: usize) -> Option<F::Output> {
        let future = self.futures[index].as_mut()?;
        let (part, waker) = &self.wakers[index];
        part.is_woken.store(false, Ordering::Relaxed);
        let poll = future.as_mut().poll(&mut Context::from_waker(waker));
        let kept =
            Arc::strong_count(part) > OWN_REFERENCES || part.is_woken.load(Ordering::Relaxed);
        if poll.is_pending() && !kept {
            self.unwakeable.insert(index);
        } else {
            self.unwakeable.remove(&index);
        }
        match poll {
            Poll::Ready(value) => {
                self.futures[index] = None;
                self.left -= 1;
                Some(value)
            }
            Poll::Pending => {
                self.waits = true;
                None
            }
        }
    }
}

/// The futures that have been woken. It is behind mutexes because a [`Waker`] must be `Send`,
/// though no waker here leaves the thread.
struct WokenParts {
    /// Indices of the futures woken since they were last polled, each once.
    woken: Mutex<Vec<usize>>,
    /// The waker of the combinator itself.
    parent: Mutex<Option<Waker>>,
}

impl WokenParts {
    fn woken(&self) -> MutexGuard<'_, Vec<usize>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parent(&self) -> MutexGuard<'_, Option<Waker>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_parent(&self, waker: &Waker) {
        match &mut *self.parent() {
            Some(parent) => parent.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

/// The waker of one future of a list.
struct PartWaker {
    index: usize,
    /// Whether its index is in `woken`.
    is_woken: AtomicBool,
    shared: Arc<WokenParts>,
}

impl Wake for PartWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::Relaxed) {
            self.shared.woken().push(self.index);
            if let Some(parent) = &*self.shared.parent() {
                parent.wake_by_ref();
            }
        }
    }
}
