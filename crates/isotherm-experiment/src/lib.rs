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
//! An experiment is a TOML or a JSON file. It is read into a [tree](isotherm_config::tree) in which every key and every
//! value knows its [place](isotherm_config::source). What is said outside of the file ([`Overrides`]) and the values
//! of a `[sweep]` are put into the tree, then its [parameters](isotherm_config::tree::parameters). The readers of
//! [`check`] go over the tree, collect [everything that is wrong](isotherm_config::diagnostic) and, if that is
//! nothing, make a checked [`Plan`]: names resolved, defaults written out, the platform built. A
//! file with a `[sweep]` gives several plans. What fields there are is [described by
//! data](isotherm_config::schema), from which `docs/reference/experiment.md` is written.
//!
//! # From plan to results
//!
//! A plan is simulated by actors of the crates below; records stream into `invocations.csv` under a
//! temporary name, and when the run has ended the [files appear](output) together: the records,
//! `summary.json`, and `manifest.toml`, which is the plan as an experiment file again. The same
//! plan and seed give the same bytes, on any machine and from any folder: no wall clock and no path
//! gets into them, except the way to the files that a manifest names. [`RunOptions`] say who
//! watches a run, and may end it.
//!
//! # Invariants
//!
//! * Nothing is simulated before everything that can be checked has been checked. Only a broken row
//!   in the middle of a trace is found on the way, and ends the run without results;
//!   [`Experiment::load_whole`] finds that as well.
//! * Nothing below this crate opens a path, and it never prints.

mod arrivals;
mod carry_out;
pub mod check;
mod describe;
mod document;
pub mod duration_distribution;
mod error;
mod experiment;
mod export;
pub mod files;
mod inputs;
mod inventory;
mod label;
mod manifest;
pub mod output;
mod overrides;
pub mod plan;
mod planned_run;
mod platform_file;
pub mod policies;
pub mod reference;
mod report;
pub mod results;
mod run;
mod simgrid;
pub mod trace;

pub use check::{Measured, Setting};
pub use describe::{FunctionShare, RateOverTime, TraceColumns, WorkloadReport, describe_trace};
pub use error::ExperimentError;
pub use experiment::Experiment;
pub use export::{ExportFormat, ExportOptions, ExportReport, ExportWatch};
pub use inputs::Inputs;
pub use inventory::{Arrivals, Inventory, WorkloadInventory};
pub use isotherm_config::diagnostic::Diagnostics;
pub use isotherm_serverless::{Lack, Unfinished};
pub use overrides::Overrides;
pub use plan::Plan;
pub use planned_run::PlannedRun;
pub use platform_file::PlatformFile;
pub use report::RunReport;
pub use results::{Results, ResultsError};
pub use run::{DeployError, Deployment, Progress, RunOptions, Stopped, Watch};
