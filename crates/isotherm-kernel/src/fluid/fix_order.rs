//! The order in which progressive filling fixes shares and saturates resources as the level rises.
//!
//! Levels are numbers of finite precision, and what is computed later may come out lower by a
//! rounding. *When* something is fixed is therefore a [`FixOrder`]: the level at which it comes,
//! and among equal levels a step, higher than that of everything it depends on. Resources that come
//! out at the same place do not depend on each other: their users get the same level.

use super::{PRECISION, Resource, Sharing};

/// When, as the level rises, something is fixed: the bits of the level, which is not negative, so
/// that they are in the same order; then the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FixOrder(u128);

impl FixOrder {
    pub(super) const FIRST: FixOrder = FixOrder(0);
    pub(super) const NEVER: FixOrder = FixOrder(u128::MAX);

    pub(super) fn new(level: u64, step: u32) -> FixOrder {
        FixOrder(u128::from(level) << 32 | u128::from(step))
    }

    /// When a bound is reached. Where resources saturate at the same level, they come first.
    pub(super) fn of_bound(level: f64) -> FixOrder {
        FixOrder::new(level.to_bits(), 1 << 31)
    }

    /// The place of a level that was computed from what was fixed until this one.
    pub(super) fn then(self, level: f64) -> FixOrder {
        let same = (self.0 >> 32) as u64;
        if level.to_bits() > same {
            FixOrder::new(level.to_bits(), 0)
        } else {
            FixOrder(self.0 + 1)
        }
    }
}

/// When a resource is used up, and the level that it gives its users then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Saturation {
    pub(super) order: FixOrder,
    pub(super) level: f64,
}

impl Saturation {
    pub(super) const NEVER: Saturation =
        Saturation { order: FixOrder::NEVER, level: f64::INFINITY };
    /// Of a resource without capacity.
    pub(super) const AT_ONCE: Saturation = Saturation { order: FixOrder::FIRST, level: 0.0 };
}

/// When an activity is fixed, at which share, and by which resource; by `NONE` if it is by its
/// bound, or by nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fix {
    pub(super) order: FixOrder,
    pub(super) share: f64,
    pub(super) by: u32,
}

/// A user of a resource that is evaluated, as its other resources and its bound leave it.
#[derive(Clone, Copy)]
pub(super) struct ResourceUser {
    pub(super) order: FixOrder,
    /// What it takes of the resource if it is fixed before that is saturated.
    pub(super) amount: f64,
    /// What it weighs on the resource if not.
    pub(super) usage: f64,
}

/// What is found out about a resource.
pub(super) struct Evaluation {
    pub(super) saturation: Saturation,
    /// What is left over if it is never saturated, or `-∞`.
    pub(super) spare: f64,
    pub(super) overdrawn: bool,
}

impl Evaluation {
    pub(super) fn new(saturation: Saturation) -> Self {
        Evaluation { saturation, spare: f64::NEG_INFINITY, overdrawn: false }
    }
}

impl Resource {
    /// When a resource is saturated: the users are fixed that come before the level that the others
    /// would have, which raises that, until there are no more of them.
    ///
    /// Sums are in the order of the users, so that they depend on nothing but who is fixed before,
    /// and at which share.
    pub(super) fn saturation(&self, others: &[ResourceUser]) -> Evaluation {
        let mut own = FixOrder::FIRST;
        let mut known = usize::MAX;
        loop {
            let (mut left, mut usage, mut last, mut fixed) =
                (self.capacity, 0.0, FixOrder::FIRST, 0);
            for other in others {
                if other.order < own {
                    fixed += 1;
                    last = last.max(other.order);
                    left -= if self.sharing == Sharing::Shared { other.amount } else { 0.0 };
                } else {
                    usage = if self.sharing == Sharing::Shared {
                        usage + other.usage
                    } else {
                        f64::max(usage, other.usage)
                    };
                }
            }
            let used_up = left <= self.capacity * PRECISION;
            if fixed == others.len() {
                let most = others.iter().map(|other| other.amount).fold(0.0, f64::max);
                let spare =
                    if self.sharing == Sharing::Shared { left } else { self.capacity - most };
                let spare = if used_up { f64::NEG_INFINITY } else { spare };
                return Evaluation { spare, ..Evaluation::new(Saturation::NEVER) };
            }
            if used_up || usage <= PRECISION {
                return Evaluation { overdrawn: true, ..Evaluation::new(Saturation::NEVER) };
            }
            let level = left / usage;
            own = last.then(level);
            if fixed == known {
                return Evaluation::new(Saturation { order: own, level });
            }
            known = fixed;
        }
    }
}
