//! What can keep an experiment from giving a result.

use std::path::PathBuf;

use isotherm_config::diagnostic::Diagnostics;
use isotherm_serverless::Decision;
use thiserror::Error;

use crate::run::{Progress, Stopped};

/// Why an experiment has no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The input is wrong: the file, a file it names, or a row of a trace.
    #[error("{0}")]
    Input(Diagnostics),
    /// The simulation could not go on.
    #[error("{0}")]
    Simulation(Box<Stopped>),
    /// The [watcher](crate::RunOptions::watch) of the run has ended it.
    #[error("interrupted at {} s", progress.now())]
    Interrupted {
        /// The progress at that moment.
        progress: Progress,
    },
    /// The host of the user went off before all invocations were made and had ended.
    #[error(
        "host `{host}`, from which the experiment invokes, went off at {at} s, and nobody is left to go on"
    )]
    UserGone {
        /// The host.
        host: String,
        /// When it went off.
        at: isotherm_kernel::Time,
    },
    /// The platform could not be set up.
    #[error("the platform cannot be set up: {0}")]
    Setup(String),
    /// The results could not be written.
    #[error("cannot write the results in `{}`", path.display())]
    Output {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The run waits for a decision of its caller.
    #[error("the run waits for its caller to decide {decision}")]
    Undecided {
        /// What it asks.
        decision: Decision,
    },
    /// A copy of a run does not ask what the run has answered: its options are not those of the
    /// run.
    #[error(
        "at {at} s the copy of the run asks for another decision than the run: it has other options"
    )]
    OtherRun {
        /// When.
        at: isotherm_kernel::Time,
    },
    /// Arrivals could not be written.
    #[error("cannot write `{}`", path.display())]
    Export {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

impl From<Diagnostics> for ExperimentError {
    fn from(diagnostics: Diagnostics) -> Self {
        ExperimentError::Input(diagnostics)
    }
}

impl ExperimentError {
    /// Further information, a sentence each: the progress of a simulation that could not go on, and
    /// which invocations wait for what.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        match self {
            ExperimentError::Simulation(stopped) => stopped.notes(),
            _ => Vec::new(),
        }
    }
}
