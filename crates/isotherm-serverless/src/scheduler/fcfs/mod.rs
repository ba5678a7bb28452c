//! First come, first served.
//!
//! Two implementations make the same decisions. [`FullScan`] applies the rules to all pending
//! invocations in order. [`Kept`] stores the tentative slot of each pending invocation and follows
//! up only changes since the last round; it does not support `looks_at_room`.

mod choice;
mod full_scan;
mod kept;
mod last;
mod node_state;
mod sorted;

use super::{Plan, Scheduler};
use crate::state::View;

use full_scan::FullScan;
use kept::Kept;

/// Serves invocations in the order in which they became schedulable, each on the first node, in the
/// order of the list, of the first rule that has one with a free slot:
///
/// 1. an idle container of the function; 2. its image in memory; 3. its image being loaded; 4. its
///    image on disk; 5. its image being copied; 6. none of these.
///
/// There it takes a slot for this round, and its next step is decided: dispatch, load or copy, or
/// nothing while a load or copy is in progress. An invocation for which there is no node is
/// skipped.
///
/// With `looks_at_room` a node counts only if the container has room there beside everything
/// decided for earlier invocations. An invocation that no node has room for takes no slot; but its
/// image is moved on the node of the first rule, if it fits into free room there.
#[derive(Debug, Default)]
pub struct Fcfs {
    looks_at_room: bool,
    full_scan: FullScan,
    kept: Kept,
}

impl Fcfs {
    /// With `looks_at_room`, only nodes that have room for the container are chosen.
    #[must_use]
    pub fn new(looks_at_room: bool) -> Self {
        Fcfs { looks_at_room, full_scan: FullScan::new(looks_at_room), kept: Kept::default() }
    }
}

impl Scheduler for Fcfs {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        #[cfg(any(test, feature = "audit"))]
        let before = plan.clone();
        let is_kept = !self.looks_at_room && self.kept.round(view, plan);
        if !is_kept {
            self.full_scan.round(view, plan);
        }
        #[cfg(any(test, feature = "audit"))]
        if is_kept {
            check(view, before, plan);
        }
    }
}

/// Asserts that the incremental decisions are those of a full scan.
#[cfg(any(test, feature = "audit"))]
fn check(view: &View<'_>, mut expected: Plan, plan: &Plan) {
    FullScan::new(false).round(view, &mut expected);
    assert_eq!(*plan, expected, "decisions that were kept are those of a round from the beginning");
}
