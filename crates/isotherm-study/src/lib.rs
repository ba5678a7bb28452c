//! Many runs, and second looks at one.
//!
//! * [`sweep`]: all points of an experiment, on as many cores as there are, into a folder in which
//!   they can be stopped and continued.
//! * [`statistics`]: means and confidence intervals of what was measured in several runs.
//! * [`compare`]: what differs between the results of runs, and how sure that is.
//! * [`explain`]: why an invocation of a run took as long as it did.

pub mod compare;
pub mod explain;
pub mod metric;
pub mod statistics;
pub mod sweep;
mod tables;

pub use sweep::{FailedRun, Sweep, SweepError, SweepOptions, SweepOutcome, SweepProgress};
pub use tables::{AGGREGATES, COLD_WAIT, POINTS, PointRow};
