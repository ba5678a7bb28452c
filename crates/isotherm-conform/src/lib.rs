//! Conformance: are the dates those of the reference?
//!
//! A folder of scenarios ([`folder`]) is read and checked ([`scenario`]); each is simulated under
//! preset `wrench`; what came out ([`Obtained`]) is held against the dates measured on the
//! reference ([`compare()`]); and the result is printed ([`report`]). [`conform`] does all of it.
//!
//! A scenario conforms when every date is within 1e-6 s of the expected one (1e-4 s where a buffer
//! size is set: there the reference rounds the progress of plain disk I/O to whole bytes), with the
//! same outcomes and registrations. On a scenario on which the reference aborts, nothing is
//! expected but that it ends: every invocation with an outcome, and no rule of the
//! [auditor](isotherm_serverless::audit) broken.
//!
//! The wall clock belongs to the command line: a caller that wants times passes a clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration as WallTime;

use isotherm_experiment::check::io_reason;
use isotherm_kernel::Time;
use isotherm_platform::PlatformSpec;
use isotherm_serverless::{InvocationRecord, Outcome};

pub mod compare;
pub mod folder;
mod lower;
pub mod report;
mod run;
pub mod scenario;
mod validation;

pub use compare::{Comparison, Difference, compare};
pub use folder::{Case, read_folder};
pub use report::{CaseReport, ConformanceSummary};
pub use run::{run, run_under};
pub use scenario::{Scenario, ScenarioError};

/// Why a folder of scenarios cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum ConformError {
    /// The folder cannot be read.
    #[error("cannot read {}: {}", path.display(), io_reason(source))]
    Read {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no scenario in the folder.
    #[error("no scenario in {} (scenarios are the files that end in .json there, or in its folder `cases`)", path.display())]
    NoScenario {
        /// The folder.
        path: PathBuf,
    },
    /// Scenarios that are not well-formed, or do not fit their platform: all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Scenarios(Vec<ScenarioError>),
}

/// A scenario that could not be simulated to its end. Counts as a scenario that differs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RunFailed {
    /// What went wrong, lower case, without a final period; may have several lines.
    pub message: String,
}

/// The result of simulating a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Obtained {
    /// Date when the controller was done.
    pub end: Time,
    /// The answers to the registrations, in the order of the scenario's functions.
    pub registrations: Vec<ObtainedRegistration>,
    /// The invocations, in the order of the scenario. One that was refused or never taken in is
    /// [`ObtainedInvocation::default`].
    pub invocations: Vec<ObtainedInvocation>,
    /// What the auditor found to be wrong, as sentences.
    pub violations: Vec<String>,
}

/// The answer to a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObtainedRegistration {
    /// Whether the function was registered.
    pub accepted: bool,
    /// If not, the [code](isotherm_services::FailureCause::code) of the cause.
    pub cause: Option<&'static str>,
}

/// The dates of an invocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObtainedInvocation {
    /// When the service took it in.
    pub submitted: Option<Time>,
    /// When it was given to a container.
    pub dispatched: Option<Time>,
    /// When its body began.
    pub started: Option<Time>,
    /// When its body ended; `None` if it was killed by its time limit.
    pub ended: Option<Time>,
    /// The compute host.
    pub node: Option<Arc<str>>,
    /// The word of the scenario format for how it ended; `None` if it never did.
    pub outcome: Option<&'static str>,
}

impl ObtainedInvocation {
    /// What a record says, in the words of the scenario format: `completed`, `timeout`, the code of
    /// the cause of a failure (`storage_full`), `cancelled`, `rejected`.
    #[must_use]
    pub fn from_record(record: &InvocationRecord) -> Self {
        let outcome = match (record.outcome, &record.cause) {
            (Outcome::TimedOut, _) => "timeout",
            (Outcome::Failed, Some(cause)) => cause.code(),
            (outcome, _) => outcome.name(),
        };
        ObtainedInvocation {
            submitted: Some(record.submitted),
            dispatched: record.dispatched,
            started: record.started,
            ended: record.ended,
            node: record.node.clone(),
            outcome: Some(outcome),
        }
    }
}

/// Tries every scenario of a folder: simulates it with `run` (the scenario and its platform),
/// compares, and gives the lines to `print` as they come. With a `clock` (wall time since any fixed
/// moment) each scenario gets a line with its wall time; without, only those that differ get one.
///
/// All files are read and checked before anything is simulated.
///
/// # Errors
/// See [`ConformError`]. That a scenario differs, or that its simulation could not go on, is no
/// error but a result.
pub fn conform(
    folder: &Path,
    run: &mut dyn FnMut(&Scenario, &PlatformSpec) -> Result<Obtained, RunFailed>,
    clock: Option<&dyn Fn() -> WallTime>,
    print: &mut dyn FnMut(&str),
) -> Result<ConformanceSummary, ConformError> {
    let cases = read_folder(folder)?;
    let mut summary = ConformanceSummary::default();
    for case in &cases {
        let begin = clock.map(|clock| clock());
        let result =
            run(&case.scenario, &case.platform).map(|obtained| compare(&case.scenario, &obtained));
        let wall_time = clock.zip(begin).map(|(clock, begin)| clock().saturating_sub(begin));
        let report = CaseReport { name: case.scenario.name.clone(), result, wall_time };
        summary.add(&report);
        for line in report.lines() {
            print(&line);
        }
    }
    for line in summary.lines() {
        print(&line);
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
