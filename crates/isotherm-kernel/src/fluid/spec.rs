//! What users of fluid sharing say and get: resources, activities, errors.

use smallvec::SmallVec;

use crate::{Duration, Rank};

/// What is solved anew when an activity begins to use its resources, or ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marking {
    /// Everything it touches.
    #[default]
    Everything,
    /// What is connected to its first resource, and nothing if that has been marked at this date
    /// already: the activity's other resources may then be over-allocated until they are next
    /// touched. SimGrid does this when the latency of a flow ends; choose it only to reproduce
    /// SimGrid's dates.
    FirstResource,
}

/// How the users of a resource share its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The weighted shares add up to at most the capacity.
    Shared,
    /// Each user alone is limited by the capacity. Like in SimGrid, a saturated fat pipe fixes all
    /// its users at the level that saturates it, so one with a larger penalty gets less than the
    /// capacity.
    Fatpipe,
}

/// Names a resource of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub(super) u32);

/// Names an activity, also after it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActivityId {
    pub(crate) index: u32,
    pub(super) generation: u32,
}

/// Why an activity ended without having done its work.
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

/// What an activity is to do, and what it needs for it.
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
    /// An activity of the model `rank` with `work` to do (flops or bytes; infinite for one that
    /// never ends), penalty 1, no bound, rate factor 1, no latency and no resource. Disk activities
    /// are [oldest first](Self::oldest_first).
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

    /// Sets the penalty: on one resource, shares are inversely proportional to penalties.
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

    /// Sets the largest share (before the rate factor). Zero or less means none.
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

    /// Sets how long the activity waits, using nothing, before it begins.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// In the reference's order ([`TieOrder::Reference`](crate::TieOrder)): among activities of its
    /// model that end at the same date it ends in the order of creation, whatever was solved in
    /// between. It makes no difference in the other order.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.oldest_first = true;
        self
    }

    /// Adds a use of a resource. Using a shared resource again adds to the weight; on a fat pipe
    /// the larger counts.
    ///
    /// # Panics
    /// If the weight is negative or not a number.
    #[track_caller]
    #[must_use]
    pub fn uses(mut self, resource: ResourceId, weight: f64) -> Self {
        assert!(weight >= 0.0, "the weight of a use must be zero or more, not {weight}");
        self.uses.push((resource, weight));
        self
    }
}

#[track_caller]
pub(crate) fn assert_penalty(penalty: f64) {
    assert!(penalty > 0.0, "the penalty of an activity must be positive, not {penalty}");
}

#[track_caller]
pub(crate) fn assert_bound(bound: f64) {
    assert!(!bound.is_nan(), "the bound of an activity must be a number");
}

#[track_caller]
pub(crate) fn assert_capacity(capacity: f64) {
    assert!(capacity >= 0.0, "the capacity of a resource must be zero or more, not {capacity}");
}
