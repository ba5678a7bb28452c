//! Who waits for something: an actor, or the part of it that is to be asked again.
//!
//! The kernel wakes whole actors. An actor that waits for many things at once, by
//! [`join_all`](crate::join_all) or [`select_all`](crate::select_all), would have to ask all of
//! them at each wake-up; so each of them is polled with a waker of its own. A future of the kernel
//! that is polled with such a waker remembers it beside the actor and wakes it first, so that the
//! combinator knows whom to ask when the actor runs.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use crate::{ActorId, Kernel};

/// The waker with which an actor is polled as a whole. It does nothing, since the number of the
/// actor is all that is needed to wake it.
///
/// It is a static because wakers are compared by the addresses of their tables. Each crate and each
/// unit of code generation may have a copy of its own of the table of [`Waker::noop`], and one
/// that is made in place would then be taken for that of a part.
pub(crate) static WHOLE: &Waker = Waker::noop();

/// Who is to be woken.
pub(crate) enum Waiter {
    Actor(ActorId),
    /// One of many futures that the actor waits for.
    Part(Box<(ActorId, Waker)>),
}

impl Waiter {
    /// Who polls a future of the kernel.
    #[inline]
    pub(crate) fn new(kernel: &Kernel, context: &Context<'_>) -> Self {
        let actor = kernel.current();
        if is_whole(context) { Waiter::Actor(actor) } else { Waiter::part(actor, context) }
    }

    #[inline(never)]
    fn part(actor: ActorId, context: &Context<'_>) -> Self {
        Waiter::Part(Box::new((actor, context.waker().clone())))
    }

    /// Whether it is the one who polls.
    #[inline]
    pub(crate) fn polls(&self, kernel: &Kernel, context: &Context<'_>) -> bool {
        match self {
            Waiter::Actor(actor) => *actor == kernel.current() && is_whole(context),
            Waiter::Part(part) => part.0 == kernel.current() && context.waker().will_wake(&part.1),
        }
    }

    /// The actor that waits.
    pub(crate) fn actor(&self) -> ActorId {
        match self {
            Waiter::Actor(actor) => *actor,
            Waiter::Part(part) => part.0,
        }
    }

    /// Tells the part, if it is one, and gives the actor that is to be woken.
    #[inline]
    pub(crate) fn notify(self) -> ActorId {
        match self {
            Waiter::Actor(actor) => actor,
            Waiter::Part(part) => {
                part.1.wake();
                part.0
            }
        }
    }
}

/// Whether a future is polled as the actor itself.
#[inline]
fn is_whole(context: &Context<'_>) -> bool {
    context.waker().will_wake(WHOLE)
}

/// Those who wait for one thing, in the order in which they began to. Each has a number, by which
/// it is found again.
///
/// The one that has waited longest has a place of its own, since mostly there is nobody else.
#[derive(Default)]
pub(crate) struct Waiters {
    next: u64,
    first: Option<(u64, Waiter)>,
    /// Empty if there is no first.
    others: VecDeque<(u64, Waiter)>,
}

impl Waiters {
    /// Whoever polls waits, under the number that it has already if it is still in the queue. Gives
    /// the number.
    #[inline]
    pub(crate) fn wait(
        &mut self,
        number: Option<u64>,
        kernel: &Kernel,
        context: &Context<'_>,
    ) -> u64 {
        if self.first.is_some() {
            return self.wait_among_others(number, kernel, context);
        }
        let number = self.draw_number();
        self.first = Some((number, Waiter::new(kernel, context)));
        number
    }

    #[inline(never)]
    fn wait_among_others(
        &mut self,
        number: Option<u64>,
        kernel: &Kernel,
        context: &Context<'_>,
    ) -> u64 {
        if let Some(number) = number
            && let Some(waiter) = self.get(number)
        {
            if !waiter.polls(kernel, context) {
                *waiter = Waiter::new(kernel, context);
            }
            return number;
        }
        let number = self.draw_number();
        self.others.push_back((number, Waiter::new(kernel, context)));
        number
    }

    #[inline]
    fn draw_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Takes one off the queue, if it is still there.
    #[inline]
    pub(crate) fn leave(&mut self, number: u64) {
        if self.first.is_some() {
            self.leave_others(number);
        }
    }

    #[inline(never)]
    fn leave_others(&mut self, number: u64) {
        if self.first.as_ref().is_some_and(|(first, _)| *first == number) {
            drop(self.next());
        } else if let Some(place) = place_of(number, &self.others) {
            self.others.remove(place);
        }
    }

    /// Takes the one that has waited longest.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        let (_, waiter) = self.first.take()?;
        if !self.others.is_empty() {
            self.first = self.others.pop_front();
        }
        Some(waiter)
    }

    fn get(&mut self, number: u64) -> Option<&mut Waiter> {
        match &mut self.first {
            Some((first, waiter)) if *first == number => Some(waiter),
            _ => place_of(number, &self.others).map(|place| &mut self.others[place].1),
        }
    }
}

/// Where a number is. Numbers only rise.
fn place_of(number: u64, waiters: &VecDeque<(u64, Waiter)>) -> Option<usize> {
    waiters.binary_search_by_key(&number, |&(number, _)| number).ok()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::Waiter;
    use crate::{Simulation, join_all};

    /// Otherwise something is allocated whenever an actor waits.
    #[test]
    fn an_actor_is_known_as_a_whole() {
        let simulation = Simulation::new();
        let kernel = simulation.kernel();
        simulation.kernel().spawn("actor", async move {
            let is_whole = || {
                poll_fn(|context| {
                    Poll::Ready(matches!(Waiter::new(&kernel, context), Waiter::Actor(_)))
                })
            };
            assert!(is_whole().await);
            assert_eq!(join_all([is_whole(), is_whole()]).await, [false, false]);
        });
        simulation.run().unwrap();
    }
}
