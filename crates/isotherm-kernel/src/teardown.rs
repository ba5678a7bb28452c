//! Teardown: breaking reference cycles when a simulation is dropped.
//!
//! Objects in a simulation hold the kernel and each other through reference counts, and may form
//! cycles: a message that was never received, a body that captures a handle on its own service. An
//! object that may be part of a cycle registers with [`Kernel::tear_down_with`], and drops what it
//! holds when the [`Simulation`](crate::Simulation) is dropped. After that the kernel accepts
//! nothing: a message, a call or an actor given to it is dropped immediately.

use std::rc::Weak;

use slab::Slab;

use crate::Kernel;

/// An object that may be part of a reference cycle.
pub trait Teardown {
    /// Drops everything that may hold the simulation, which has been dropped. Nothing runs any
    /// more, but users may still call getters.
    fn tear_down(&self);
}

/// A registration, with which an object that is dropped earlier unregisters.
#[derive(Debug)]
pub(crate) struct Registration(usize);

pub(crate) type Registered = Slab<Weak<dyn Teardown>>;

impl Kernel {
    /// Calls [`Teardown::tear_down`] when the simulation is dropped, if the object still exists
    /// then.
    pub fn tear_down_with(&self, object: Weak<dyn Teardown>) {
        self.register(object);
    }

    pub(crate) fn register(&self, object: Weak<dyn Teardown>) -> Option<Registration> {
        (!self.is_over()).then(|| Registration(self.inner.registered.borrow_mut().insert(object)))
    }

    pub(crate) fn unregister(&self, registration: &Registration) {
        self.inner.registered.borrow_mut().try_remove(registration.0);
    }

    /// Whether the simulation has been dropped, so that the kernel accepts nothing.
    #[inline]
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.inner.over.get()
    }

    /// Tears down all registered objects, while nothing is borrowed.
    pub(crate) fn tear_down(&self) {
        let registered = self.inner.registered.take();
        for (_, object) in registered {
            if let Some(object) = object.upgrade() {
                object.tear_down();
            }
        }
    }
}
