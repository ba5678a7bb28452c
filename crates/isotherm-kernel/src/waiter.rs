//! Waiters: what is woken when something has happened, an actor or one of the futures it waits for.
//!
//! The kernel wakes whole actors. An actor in [`join_all`](crate::join_all) or
//! [`select_all`](crate::select_all) would have to poll all of its futures at each wake-up. So
//! these combinators poll each future with a waker of its own; the kernel's futures keep it beside
//! the actor's id and wake it first, which tells the combinator what to poll when the actor runs.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use crate::{ActorId, Kernel};

/// The waker with which an actor is polled as a whole. It does nothing, since the id of the actor
/// suffices to wake it.
///
/// It is a static because wakers are compared by the addresses of their vtables. Each crate and
/// each codegen unit may have a copy of the vtable of [`Waker::noop`], and a waker made in place
/// would then be taken for that of a part.
pub(crate) static WHOLE: &Waker = Waker::noop();

/// What is to be woken.
pub(crate) enum Waiter {
    Actor(ActorId),
    /// One of several futures that the actor waits for.
    Part(Box<(ActorId, Waker)>),
}

impl Waiter {
    /// The waiter for the task that polls a future of the kernel.
    #[inline]
    pub(crate) fn new(kernel: &Kernel, context: &Context<'_>) -> Self {
        let actor = kernel.current();
        if is_whole(context) { Waiter::Actor(actor) } else { Waiter::part(actor, context) }
    }

    #[inline(never)]
    fn part(actor: ActorId, context: &Context<'_>) -> Self {
        Waiter::Part(Box::new((actor, context.waker().clone())))
    }

    /// Whether it is the task that polls.
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

    /// Wakes the part, if it is one, and returns the actor that is to be woken.
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

/// Whether a future is polled by the actor itself, not by a combinator.
#[inline]
fn is_whole(context: &Context<'_>) -> bool {
    context.waker().will_wake(WHOLE)
}

/// The waiters for one thing, first in, first out. Each has a number, by which it is found in O(log
/// n).
///
/// The first one is stored inline, since mostly there is only one.
#[derive(Default)]
pub(crate) struct Waiters {
    next: u64,
    first: Option<(u64, Waiter)>,
    /// Empty if there is no first.
    others: VecDeque<(u64, Waiter)>,
}

impl Waiters {
    /// Makes the polling task wait, under its present number if it is still in the queue. Returns
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

    /// Removes a waiter from the queue, if it is still in it.
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

    /// Takes the waiter that has waited longest.
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

/// Finds a number by binary search: numbers are increasing.
fn place_of(number: u64, waiters: &VecDeque<(u64, Waiter)>) -> Option<usize> {
    waiters.binary_search_by_key(&number, |&(number, _)| number).ok()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::Waiter;
    use crate::{Simulation, join_all};

    /// A part would be allocated whenever an actor waits.
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
