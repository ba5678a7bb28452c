//! Many runs, and second looks at one.
//!
//! * [`statistics`]: means and confidence intervals of what was measured in several runs.
//! * [`compare`]: what differs between the results of runs, and how sure that is.
//! * [`explain`]: why an invocation of a run took as long as it did.

pub mod compare;
pub mod explain;
pub mod metric;
pub mod statistics;
