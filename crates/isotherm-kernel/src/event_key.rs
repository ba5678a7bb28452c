//! The order of events.

use std::cmp::Ordering;

/// Date, rank and place, compared as one 128-bit number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventKey {
    time: u64,
    /// Rank and place among equals.
    order: u64,
}

impl EventKey {
    /// A key of a date in nanoseconds, and of the rank and the place in one number.
    #[inline]
    pub(crate) fn new(time: u64, order: u64) -> Self {
        EventKey { time, order }
    }

    /// After all events.
    pub(crate) const MAX: EventKey = EventKey { time: u64::MAX, order: u64::MAX };

    /// The date in nanoseconds.
    #[inline]
    pub(crate) fn time(self) -> u64 {
        self.time
    }

    #[inline]
    fn number(self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.order)
    }
}

impl Ord for EventKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.number().cmp(&other.number())
    }
}

impl PartialOrd for EventKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn lt(&self, other: &Self) -> bool {
        self.number() < other.number()
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        !other.lt(self)
    }
}
