//! The run queue: actors and callbacks that run at the current date, first in, first out.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::fluid::ActivityError;
use crate::{ActorId, Kernel};

pub(crate) type BoxedCall = Box<dyn FnOnce(&Kernel)>;
pub(crate) type BoxedEnd = Box<dyn FnOnce(&Kernel, Result<(), ActivityError>)>;

/// A callback that can be scheduled many times without an allocation for each call: see
/// [`Kernel::signal_after`].
pub trait Handler {
    /// Called at the date of the call. `token` identifies the call to its handler; it is two words
    /// so that it stays in registers.
    fn handle(self: Rc<Self>, token: (u64, u64));
}

/// What runs at the current date, first in, first out.
#[derive(Default)]
pub(crate) struct RunQueue {
    /// The first entry, if it is a signal that was put into the empty queue: what the running step
    /// says is to run next. It costs less than half of one in the queue.
    next: Option<(Rc<dyn Handler>, (u64, u64))>,
    rest: VecDeque<Ready>,
}

impl RunQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_none() && self.rest.is_empty()
    }

    // Inlined it would make its callers large.
    #[inline(never)]
    pub(crate) fn push(&mut self, ready: Ready) {
        self.rest.push_back(ready);
    }

    #[inline]
    pub(crate) fn push_signal(&mut self, handler: Rc<dyn Handler>, token: (u64, u64)) {
        if self.is_empty() {
            let none = self.next.replace((handler, token));
            // Dropping it would cost a check that it is `None`.
            std::mem::forget(none);
        } else {
            self.push(Ready::Signal(handler, token));
        }
    }

    /// Takes what is in the slot, which comes before everything else.
    #[inline]
    pub(crate) fn take_next(&mut self) -> Option<(Rc<dyn Handler>, (u64, u64))> {
        self.next.take()
    }

    /// Takes the first of the other entries.
    pub(crate) fn pop(&mut self) -> Option<Ready> {
        self.rest.pop_front()
    }
}

/// An entry of the run queue.
pub(crate) enum Ready {
    Actor(ActorId),
    Call(BoxedCall),
    Signal(Rc<dyn Handler>, (u64, u64)),
    End(BoxedEnd, Result<(), ActivityError>),
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{Duration, Simulation};

    /// Records the calls, and makes further ones from within calls 1 and 3.
    struct Recorder {
        kernel: Kernel,
        calls: RefCell<Vec<(u64, bool)>>,
    }

    impl Handler for Recorder {
        fn handle(self: Rc<Self>, (number, _): (u64, u64)) {
            self.calls.borrow_mut().push((number, self.kernel.is_quiet()));
            if number == 1 || number == 3 {
                self.kernel.signal_now(Rc::clone(&self) as _, (number + 10, 0));
                let recorder = Rc::clone(&self);
                self.kernel.call_after(Duration::ZERO, move |_| recorder.handle((number + 20, 0)));
            }
        }
    }

    /// The calls of a recorder that is called with these numbers, and whether each was quiet.
    fn calls(numbers: &[u64]) -> Vec<(u64, bool)> {
        let simulation = Simulation::new();
        let kernel = simulation.kernel();
        let recorder = Rc::new(Recorder { kernel: kernel.clone(), calls: RefCell::default() });
        for &number in numbers {
            kernel.signal_now(Rc::clone(&recorder) as _, (number, 0));
        }
        simulation.run().unwrap();
        recorder.calls.take()
    }

    #[test]
    fn what_comes_first_runs_first_in_the_slot_and_in_the_queue() {
        assert_eq!(calls(&[3]), [(3, true), (13, false), (23, true)]);
        // The second is there before those that the first adds.
        assert_eq!(calls(&[1, 2]), [(1, false), (2, false), (11, false), (21, true)]);
    }
}
