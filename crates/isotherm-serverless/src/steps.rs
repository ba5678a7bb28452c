//! Counts steps, to show how the work for an event grows with the platform.
//!
//! A step is a look at one thing: a node, a function, a container, an invocation, an image, an
//! entry of the log of changes or of an index. Each question to a [`View`](crate::View) is one, and
//! so is each item that an iterator over such things gives. Steps are counted in tests and with the
//! feature `audit`, for each thread; otherwise this costs nothing.

#[cfg(any(test, feature = "audit"))]
use std::cell::Cell;

#[cfg(any(test, feature = "audit"))]
thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Counts steps.
#[inline(always)]
pub(crate) fn count(steps: u64) {
    #[cfg(any(test, feature = "audit"))]
    STEPS.set(STEPS.get() + steps);
    #[cfg(not(any(test, feature = "audit")))]
    let _ = steps;
}

/// Counts a step for each item.
#[inline(always)]
pub(crate) fn counted<T>(item: T) -> T {
    count(1);
    item
}

/// What a check looks at is not counted.
#[cfg(any(test, feature = "audit"))]
pub(crate) fn uncounted<T>(check: impl FnOnce() -> T) -> T {
    let before = STEPS.get();
    let checked = check();
    STEPS.set(before);
    checked
}

/// The steps of this thread so far.
#[cfg(test)]
pub(crate) fn so_far() -> u64 {
    STEPS.get()
}
