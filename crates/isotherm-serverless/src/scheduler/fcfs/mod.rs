//! First come, first served.
//!
//! There are two ways to the same decisions. [`FullScan`] looks at all that wait, one after the other,
//! as the rules say. [`Kept`] keeps where each waits and follows up only what has changed since the
//! last round; it does not know about room.

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
///    image on disk;
///    5. its image being copied; 6. nothing more.
///
/// On that node it takes a slot for this round, and the next step towards its start is decided:
/// dispatch, load or copy, or nothing where a load or copy is in progress. An invocation for which
/// there is no node is skipped.
///
/// With `looks_at_room` a node counts only if the container would have room there beside everything
/// that was decided for those before it. An invocation that has room nowhere takes no slot; but its
/// image is brought nearer, on the node of the first rule, if it fits into free room there.
#[derive(Debug, Default)]
pub struct Fcfs {
    looks_at_room: bool,
    full_scan: FullScan,
    kept: Kept,
}

impl Fcfs {
    /// With `looks_at_room`, only nodes that have room for the container are chosen.
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

/// Asserts that what was decided from what has changed is what the rules say from the beginning.
#[cfg(any(test, feature = "audit"))]
fn check(view: &View<'_>, mut expected: Plan, plan: &Plan) {
    FullScan::new(false).round(view, &mut expected);
    assert_eq!(*plan, expected, "decisions that were kept are those of a round from the beginning");
}
