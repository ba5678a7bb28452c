//! Who waits for something: an actor, or the part of it that is to be asked again.
//!
//! The kernel wakes whole actors. An actor that waits for many things at once, by [`join_all`](crate::join_all) or
//! [`select_all`](crate::select_all), would have to ask all of them at each wake-up; so each of them is polled with a waker of
//! its own. A future of the kernel that is polled with such a waker remembers it beside the actor and wakes it first, so
//! that the combinator knows whom to ask when the actor runs.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use crate::{ActorId, Kernel};

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
        if is_whole(context) { Waiter::Actor(actor) } else { Waiter::Part(Box::new((actor, context.waker().clone()))) }
    }

    /// Whether it is the one who polls.
    #[inline]
    pub(crate) fn polls(&self, kernel: &Kernel, context: &Context<'_>) -> bool {
        match self {
            Waiter::Actor(actor) => *actor == kernel.current() && is_whole(context),
            Waiter::Part(part) => part.0 == kernel.current() && context.waker().will_wake(&part.1),
        }
    }

    /// Tells the part, if it is one, and gives the actor that is to be woken.
    #[inline]
    pub(crate) fn rouse(self) -> ActorId {
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
    context.waker().will_wake(Waker::noop())
}

/// Those who wait for one thing, in the order in which they began to. Each has a number, by which it is found again.
#[derive(Default)]
pub(crate) struct Waiters {
    next: u64,
    queue: VecDeque<(u64, Waiter)>,
}

impl Waiters {
    /// Whoever polls waits, under the number that it has already if it is still in the queue. Gives the number.
    #[inline]
    pub(crate) fn wait(&mut self, number: Option<u64>, kernel: &Kernel, context: &Context<'_>) -> u64 {
        if let Some(number) = number
            && let Some(place) = self.place_of(number)
        {
            let waiter = &mut self.queue[place].1;
            if !waiter.polls(kernel, context) {
                *waiter = Waiter::new(kernel, context);
            }
            return number;
        }
        let number = self.next;
        self.next += 1;
        self.queue.push_back((number, Waiter::new(kernel, context)));
        number
    }

    /// Takes one off the queue, if it is still there.
    #[inline]
    pub(crate) fn leave(&mut self, number: u64) {
        if let Some(place) = self.place_of(number) {
            self.queue.remove(place);
        }
    }

    /// Takes the one that has waited longest.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        self.queue.pop_front().map(|(_, waiter)| waiter)
    }

    /// Numbers only rise.
    #[inline]
    fn place_of(&self, number: u64) -> Option<usize> {
        // Mostly there is nobody else.
        if self.queue.is_empty() {
            return None;
        }
        self.queue.binary_search_by_key(&number, |&(number, _)| number).ok()
    }
}
