//! The public types of fluid sharing: ids, the description of an activity, and errors.

use smallvec::SmallVec;

use crate::{Duration, Rank};

/// What is solved again when an activity starts or stops using its resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marking {
    /// Everything connected to any of its resources.
    #[default]
    Everything,
    /// Everything connected to its first resource, unless that has been marked at this date
    /// already. The other resources may be over-allocated until they are next marked. SimGrid does
    /// this when the latency of a flow ends; choose it only to reproduce SimGrid's dates.
    FirstResource,
}

/// How the users of a resource share its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The weighted shares add up to at most the capacity.
    Shared,
    /// The capacity limits each user alone. As in SimGrid, a saturated fat pipe fixes all its users
    /// at the level that saturates it, so a user with a larger penalty gets less than the capacity.
    Fatpipe,
}

/// Identifies a resource of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub(super) u32);

/// Identifies an activity, also after it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActivityId {
    pub(crate) index: u32,
    pub(super) generation: u32,
}

/// Why an activity ended before its work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActivityError {
    /// A resource it used failed.
    #[error("a resource failed")]
    Failed {
        /// The resource that failed.
        resource: ResourceId,
    },
    /// It was cancelled.
    #[error("the activity was cancelled")]
    Cancelled,
}

/// The description of an activity: its work and the resources it uses.
#[derive(Clone, Debug)]
pub struct ActivitySpec {
    pub(crate) rank: Rank,
    pub(crate) work: f64,
    pub(crate) penalty: f64,
    pub(crate) bound: f64,
    pub(crate) rate_factor: f64,
    pub(crate) latency: Duration,
    pub(crate) oldest_first: bool,
    pub(crate) uses: SmallVec<[(ResourceId, f64); 6]>,
}

impl ActivitySpec {
    /// An activity of the model `rank` with an amount of `work` (flops or bytes; infinity never
    /// ends), penalty 1, no bound, rate factor 1, no latency and no resources. Disk activities are
    /// [oldest first](Self::oldest_first).
    ///
    /// # Panics
    /// If the work is negative or not a number.
    #[track_caller]
    #[must_use]
    pub fn new(rank: Rank, work: f64) -> Self {
        assert!(work >= 0.0, "the work of an activity must be zero or more, not {work}");
        ActivitySpec {
            rank,
            work,
            penalty: 1.0,
            bound: f64::INFINITY,
            rate_factor: 1.0,
            latency: Duration::ZERO,
            oldest_first: rank == Rank::Disk,
            uses: SmallVec::new(),
        }
    }

    /// Sets the penalty. On one resource, shares are inversely proportional to penalties.
    ///
    /// # Panics
    /// If it is not positive.
    #[track_caller]
    #[must_use]
    pub fn penalty(mut self, penalty: f64) -> Self {
        assert_penalty(penalty);
        self.penalty = penalty;
        self
    }

    /// Sets the bound on the share, before the rate factor. Zero or less removes it.
    ///
    /// # Panics
    /// If it is not a number.
    #[track_caller]
    #[must_use]
    pub fn bound(mut self, bound: f64) -> Self {
        assert_bound(bound);
        self.bound = if bound > 0.0 { bound } else { f64::INFINITY };
        self
    }

    /// Sets the factor between the share and the rate of progress.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    #[must_use]
    pub fn rate_factor(mut self, rate_factor: f64) -> Self {
        assert!(
            rate_factor >= 0.0,
            "the rate factor of an activity must be zero or more, not {rate_factor}"
        );
        self.rate_factor = rate_factor;
        self
    }

    /// Sets the latency during which the activity uses nothing.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// In the reference's order ([`TieOrder::Reference`](crate::TieOrder)), ends the activity in
    /// the order of creation among equals of its model, regardless of solves. It has no effect in
    /// the other order.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.oldest_first = true;
        self
    }

    /// Adds a use of a resource. For a resource that is used already, weights add up; on a fat pipe
    /// the larger one counts. A use with a weight of 0 is none.
    ///
    /// # Panics
    /// If the weight is negative or not a number.
    #[track_caller]
    #[must_use]
    pub fn uses(mut self, resource: ResourceId, weight: f64) -> Self {
        assert_weight(weight);
        if weight > 0.0 {
            self.uses.push((resource, weight));
        }
        self
    }
}

#[track_caller]
pub(crate) fn assert_penalty(penalty: f64) {
    assert!(penalty > 0.0, "the penalty of an activity must be positive, not {penalty}");
}

#[track_caller]
pub(crate) fn assert_weight(weight: f64) {
    assert!(weight >= 0.0, "the weight of a use must be zero or more, not {weight}");
}

#[track_caller]
pub(crate) fn assert_bound(bound: f64) {
    assert!(!bound.is_nan(), "the bound of an activity must be a number");
}

#[track_caller]
pub(crate) fn assert_capacity(capacity: f64) {
    assert!(capacity >= 0.0, "the capacity of a resource must be zero or more, not {capacity}");
}
