//! The commands, one module each. The error of a command is its exit code; what there is to say
//! has then been said.

pub mod check;
pub mod compare;
pub mod conform;
pub mod explain;
pub mod platform;
pub mod policies;
pub mod run;
pub mod search;
pub mod sweep;
pub mod workload;

use std::time::Instant;

use isotherm_experiment::output::NotReplaced;
use isotherm_experiment::{Diagnostics, Experiment};

use crate::Status;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;

/// The wall clock, which only the command line looks at: it never reaches a result.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line tells people how long something took"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// An experiment that was loaded, whose warnings are shown unless `quiet`.
fn loaded(experiment: Result<Experiment, Diagnostics>, quiet: bool) -> Result<Experiment, Status> {
    let experiment = experiment.map_err(|diagnostics| Terminal::bad_input(&diagnostics))?;
    if !quiet && !experiment.warnings().list().is_empty() {
        Terminal::show(experiment.warnings());
    }
    Ok(experiment)
}

/// Listens to Ctrl-C from now on.
fn interruptible() -> Result<Interrupt, Status> {
    Interrupt::listen().map_err(|error| {
        Terminal::complain(&format!("error: cannot listen to Ctrl-C: {error}"));
        Status::CouldNotGoOn
    })
}

/// What may be done about an output that could not be written.
fn elsewhere(error: &std::io::Error, otherwise: &str) -> String {
    match NotReplaced::of(error) {
        Some(reason) if reason.yields() => "`--force` writes to it".to_owned(),
        _ => otherwise.to_owned(),
    }
}
