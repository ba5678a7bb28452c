//! What happens to all that a simulation has left when it is dropped.
//!
//! Everything in a simulation holds the kernel, and much of it is held by what the kernel holds, or
//! by each other: a message that was never received, a body that captures a handle on its own
//! service. Reference counts alone would keep that for ever. So whatever may hold such a circle
//! registers with the kernel ([`Kernel::tear_down_with`]), and lets go of it when the
//! [`Simulation`](crate::Simulation) is dropped. From then on the kernel takes nothing in: a
//! message, a call or an actor that is given to it is dropped at once.

use std::rc::Weak;

use slab::Slab;

use crate::Kernel;

/// Holds things that may hold the simulation, and lets go of them.
pub trait Teardown {
    /// The simulation is dropped: drops what may hold it. Nothing will run any more, but users may
    /// still ask what they hold.
    fn tear_down(&self);
}

/// A registration among those who let go at the end, by which it is given up.
#[derive(Debug)]
pub(crate) struct Registration(usize);

pub(crate) type Registered = Slab<Weak<dyn Teardown>>;

impl Kernel {
    /// Has something told when the simulation is dropped, if it is still there then.
    pub fn tear_down_with(&self, object: Weak<dyn Teardown>) {
        self.register(object);
    }

    pub(crate) fn register(&self, object: Weak<dyn Teardown>) -> Option<Registration> {
        (!self.is_over()).then(|| Registration(self.inner.registered.borrow_mut().insert(object)))
    }

    pub(crate) fn unregister(&self, registration: &Registration) {
        self.inner.registered.borrow_mut().try_remove(registration.0);
    }

    /// Whether the simulation has been dropped: nothing is taken in any more.
    #[inline]
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.inner.over.get()
    }

    /// Tells all who are registered, while nothing is borrowed.
    pub(crate) fn tear_down(&self) {
        let registered = self.inner.registered.take();
        for (_, object) in registered {
            if let Some(object) = object.upgrade() {
                object.tear_down();
            }
        }
    }
}
