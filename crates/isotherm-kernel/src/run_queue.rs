//! The run queue: what is to run at the current date, first in, first out.

use std::rc::Rc;

use crate::fluid::ActivityError;
use crate::{ActorId, Kernel};

pub(crate) type BoxedCall = Box<dyn FnOnce(&Kernel)>;
pub(crate) type BoxedEnd = Box<dyn FnOnce(&Kernel, Result<(), ActivityError>)>;

/// Who is called at a date, again and again, without anything being allocated for each call: see
/// [`Kernel::signal_after`].
pub trait Handler {
    /// The date has come. `token` is what was given when the call was asked for: two words, which
    /// stay in registers.
    fn handle(self: Rc<Self>, token: (u64, u64));
}

/// An entry of the run queue.
pub(crate) enum Ready {
    Actor(ActorId),
    Call(BoxedCall),
    Signal(Rc<dyn Handler>, (u64, u64)),
    End(BoxedEnd, Result<(), ActivityError>),
}
