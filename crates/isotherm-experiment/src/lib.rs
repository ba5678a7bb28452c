//! Experiments: from a file to results on disk.
//!
//! ```no_run
//! use std::path::Path;
//! use isotherm_experiment::{Experiment, Overrides};
//!
//! let experiment = Experiment::load(Path::new("study.toml"), &Overrides::default())?;
//! let report = experiment.run(&experiment.runs()[0], Path::new("results/study"))?;
//! println!("{} cold starts", report.summary.starts.cold);
//! # Ok::<(), isotherm_experiment::ExperimentError>(())
//! ```
//!
//! # From text to plan
//!
//! An experiment is a TOML or JSON file. It is parsed into a [tree](isotherm_config::tree) in which
//! every key and every value knows its [place](isotherm_config::source). Values from outside
//! ([`Overrides`]), the values of a `[sweep]`, and [parameters](isotherm_config::tree::parameters)
//! are put into the tree. The readers of [`check`] read the tree, collect [all
//! errors](isotherm_config::diagnostic) and, if there are none, make a checked [`Plan`]: names
//! resolved, defaults filled in, the platform built. A file with a `[sweep]` gives several plans.
//! Fields are [described by data](isotherm_config::schema), from which
//! `docs/reference/experiment.md` is written.
//!
//! # From plan to results
//!
//! A plan is simulated by the crates below. Records stream into `invocations.csv` under a temporary
//! name. When the run has ended, all [files appear](output) together: the records, `summary.json`,
//! and `manifest.toml`, which is the experiment with everything filled in. The same plan and seed
//! give the same bytes, on any machine and from any folder: no wall clock and no path affects them,
//! except the paths of the files that a manifest names. [`RunOptions`] add a watcher, which may end
//! a run.
//!
//! # Invariants
//!
//! * Nothing is simulated before everything that can be checked has been checked. Only a broken row
//!   in the middle of a trace is found on the way, and ends the run without results;
//!   [`Experiment::load_whole`] finds that as well.
//! * Nothing below this crate opens a path, and it never prints.

mod arrivals;
pub mod check;
mod describe;
mod document;
pub mod duration_distribution;
mod error;
mod experiment;
mod export;
pub mod files;
mod hashes;
mod inputs;
mod inventory;
mod manifest;
pub mod output;
mod overrides;
pub mod plan;
mod planned_run;
mod platform_file;
mod points;
pub mod policies;
pub mod reference;
mod report;
pub mod results;
mod run;
pub mod running;
mod simgrid;
mod timeline;
pub mod trace;
mod warnings;

pub use check::{Depth, Measured, Setting};
pub use describe::{FunctionShare, RateOverTime, TraceColumns, WorkloadReport, describe_trace};
pub use error::ExperimentError;
pub use experiment::Experiment;
pub use export::{ExportFormat, ExportOptions, ExportReport, ExportWatch};
pub use hashes::Hashes;
pub use inputs::Inputs;
pub use inventory::{Arrivals, Inventory, WorkloadInventory};
pub use isotherm_config::diagnostic::Diagnostics;
pub use isotherm_serverless::{Lack, Unfinished};
pub use overrides::Overrides;
pub use plan::Plan;
pub use planned_run::PlannedRun;
pub use platform_file::PlatformFile;
pub use points::{Checked, Points};
pub use policies::{KindError, Kinds};
pub use report::RunReport;
pub use results::{Results, ResultsError};
pub use run::{DeployError, Deployment, Progress, RunOptions, Stopped, Watch};
pub use running::{Reached, Running};
