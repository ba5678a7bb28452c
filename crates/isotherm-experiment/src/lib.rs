//! Experiments: from a file to results on disk.
//!
//! ```no_run
//! use std::path::Path;
//! use isotherm_experiment::{Experiment, Overrides};
//!
//! let experiment = Experiment::load(Path::new("study.toml"), &Overrides::default())?;
//! for run in experiment.runs() {
//!     let folder = experiment.folder(run, Path::new("results/study"));
//!     let report = experiment.run(run, &folder)?;
//!     println!("{} cold starts", report.summary.starts.cold);
//! }
//! # Ok::<(), isotherm_experiment::ExperimentError>(())
//! ```
//!
//! # From text to plan
//!
//! An experiment is a TOML file. It is read into a [tree] in which every key and every value knows its [place](source). The
//! readers of [`check`] go over the tree, collect [everything that is wrong](diagnostic) and, if that is nothing, make a checked
//! [`Plan`]: names resolved, defaults written out, the platform built. A file with a `[sweep]` gives several plans.
//!
//! # From plan to results
//!
//! A plan is simulated by actors of the crates below; records stream into `invocations.csv` under a temporary name, and when the
//! run has ended the [files appear](output) with `summary.json` beside them. The same plan and seed give the same bytes, on any machine
//! and from any folder: no wall clock and no path gets into them.
//!
//! # Invariants
//!
//! * Nothing is simulated before everything that can be checked has been checked. What can only be found on the way (a broken row
//!   in the middle of a trace) ends the run without results.
//! * This crate is the only one that opens paths, and it never prints.

pub mod check;
pub mod conform;
pub mod diagnostic;
mod error;
mod experiment;
pub mod output;
pub mod plan;
mod report;
mod run;
pub mod source;
pub mod trace;
pub mod tree;
pub mod units;

pub use check::{Measured, Setting};
pub use diagnostic::Diagnostics;
pub use error::ExperimentError;
pub use experiment::{Experiment, Overrides, PlannedRun};
pub use plan::Plan;
pub use report::RunReport;
pub use run::Progress;
