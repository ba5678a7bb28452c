//! Many runs, and second looks at one.
//!
//! * [`sweep`]: all points of an experiment, on as many cores as there are, into a folder in which
//!   they can be stopped and continued.
//! * [`shard`] and [`merge`](merge()): parts of a sweep that are run apart, and joined.
//! * [`precision`]: as many repetitions of a point as its interval needs to be narrow.
//! * [`statistics`]: means and confidence intervals of what was measured in several runs.
//! * [`compare`]: what differs between the results of runs, and how sure that is.
//! * [`search`]: the least value of a field with which an experiment fulfils constraints.
//! * [`explain`]: why an invocation of a run took as long as it did.
//!
//! ```no_run
//! use std::path::Path;
//! use isotherm_experiment::Overrides;
//! use isotherm_study::{Sweep, SweepOptions};
//!
//! let sweep = Sweep::load(Path::new("study.toml"), &Overrides::default())?;
//! let outcome = sweep.run(Path::new("results/study"), &SweepOptions::default())?;
//! println!("{} runs, of which {} failed", outcome.runs, outcome.failed.len());
//! # Ok::<(), isotherm_study::SweepError>(())
//! ```

pub mod compare;
mod each_record;
pub mod explain;
mod listed;
mod merge;
pub mod metric;
pub mod precision;
pub mod search;
pub mod shard;
pub mod statistics;
mod stored;
pub mod sweep;
mod tables;
mod written;

pub use listed::{ListedError, ListedRun, listed};
pub use merge::{MergeError, merge};
pub use shard::Shard;
pub use sweep::{FailedRun, Sweep, SweepError, SweepOptions, SweepOutcome, SweepProgress};
pub use tables::{
    AGGREGATES, COLD_WAIT, POINTS, POINTS_PARQUET, PointRow, SUMS, TablesError, verify,
};
pub use written::Unreadable;
