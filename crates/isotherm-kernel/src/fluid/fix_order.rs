//! The total order in which resources saturate and activities get their final share.
//!
//! In max-min progressive filling a common level rises until a resource is saturated, which fixes
//! the shares of its users. Levels have finite precision, so a level that is computed later, which
//! mathematically is not lower, may be lower by a rounding error. The order therefore has a second
//! component: a [`FixOrder`] is a level and, among equal levels, a step higher than the steps of
//! everything it depends on. Resources with equal orders do not depend on each other; their users
//! get the same level.

use super::{PRECISION, Resource, Sharing};

/// The position in the fix order: the bits of the level, which order like the level because it is
/// not negative, then the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FixOrder(u128);

impl FixOrder {
    pub(super) const FIRST: FixOrder = FixOrder(0);
    pub(super) const NEVER: FixOrder = FixOrder(u128::MAX);

    pub(super) fn new(level: u64, step: u32) -> FixOrder {
        FixOrder(u128::from(level) << 32 | u128::from(step))
    }

    /// The position at which a bound is reached. Resources that saturate at the same level come
    /// first: their steps stay below 2^31.
    pub(super) fn of_bound(level: f64) -> FixOrder {
        FixOrder::new(level.to_bits(), 1 << 31)
    }

    /// The position of a level that was computed from what is fixed up to this position.
    pub(super) fn then(self, level: f64) -> FixOrder {
        let current = (self.0 >> 32) as u64;
        if level.to_bits() > current {
            FixOrder::new(level.to_bits(), 0)
        } else {
            FixOrder(self.0 + 1)
        }
    }
}

/// When a resource is saturated, and the level at which its users are fixed then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Saturation {
    pub(super) order: FixOrder,
    pub(super) level: f64,
}

impl Saturation {
    pub(super) const NEVER: Saturation =
        Saturation { order: FixOrder::NEVER, level: f64::INFINITY };
    /// The saturation of a resource with capacity zero.
    pub(super) const AT_ONCE: Saturation = Saturation { order: FixOrder::FIRST, level: 0.0 };
}

/// When an activity is fixed, at which share, and by which resource: `NONE` if its bound fixes it,
/// or if nothing does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fix {
    pub(super) order: FixOrder,
    pub(super) share: f64,
    pub(super) by: u32,
}

/// A user of a resource, as its other resources and its bound would fix it.
#[derive(Clone, Copy)]
pub(super) struct ResourceUser {
    pub(super) fix: Fix,
    /// What it takes of the resource if it is fixed before the resource is saturated.
    pub(super) amount: f64,
    /// Its `weight / penalty` otherwise.
    pub(super) usage: f64,
}

/// The result of evaluating a resource.
pub(super) struct Evaluation {
    pub(super) saturation: Saturation,
    /// The `weight / penalty` of the users that it limits; zero for a fat pipe.
    pub(super) usage: f64,
    /// The capacity left over if it is never saturated and not used up, otherwise `-∞`.
    pub(super) spare: f64,
    /// Whether users that are fixed earlier use all of it, so that nothing is left for the others.
    pub(super) overdrawn: bool,
}

impl Evaluation {
    pub(super) fn new(saturation: Saturation) -> Self {
        Evaluation { saturation, usage: 0.0, spare: f64::NEG_INFINITY, overdrawn: false }
    }
}

impl Resource {
    /// When a resource is saturated, given its users. Repeatedly removes the users that are fixed
    /// earlier than the level of the rest; each removal raises that level, until none is removed.
    ///
    /// Sums are computed in the order of the users, so they depend only on which users are fixed
    /// earlier, and at which shares.
    pub(super) fn saturation(&self, users: &[ResourceUser]) -> Evaluation {
        let mut order = FixOrder::FIRST;
        let mut fixed_before = usize::MAX;
        loop {
            let (mut left, mut usage, mut last, mut fixed) =
                (self.capacity, 0.0, FixOrder::FIRST, 0);
            for user in users {
                if user.fix.order < order {
                    fixed += 1;
                    last = last.max(user.fix.order);
                    left -= if self.sharing == Sharing::Shared { user.amount } else { 0.0 };
                } else {
                    usage = if self.sharing == Sharing::Shared {
                        usage + user.usage
                    } else {
                        f64::max(usage, user.usage)
                    };
                }
            }
            let used_up = left <= self.capacity * PRECISION;
            if fixed == users.len() {
                let largest = users.iter().map(|user| user.amount).fold(0.0, f64::max);
                let spare =
                    if self.sharing == Sharing::Shared { left } else { self.capacity - largest };
                let spare = if used_up { f64::NEG_INFINITY } else { spare };
                return Evaluation { spare, ..Evaluation::new(Saturation::NEVER) };
            }
            if used_up || usage <= PRECISION {
                return Evaluation { overdrawn: true, ..Evaluation::new(Saturation::NEVER) };
            }
            let level = left / usage;
            order = last.then(level);
            if fixed == fixed_before {
                let usage = if self.sharing == Sharing::Shared { usage } else { 0.0 };
                return Evaluation { usage, ..Evaluation::new(Saturation { order, level }) };
            }
            fixed_before = fixed;
        }
    }
}
