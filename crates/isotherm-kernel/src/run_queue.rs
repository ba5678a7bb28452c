//! The run queue: actors and callbacks that run at the current date, first in, first out.

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

/// An entry of the run queue.
pub(crate) enum Ready {
    Actor(ActorId),
    Call(BoxedCall),
    Signal(Rc<dyn Handler>, (u64, u64)),
    End(BoxedEnd, Result<(), ActivityError>),
}
