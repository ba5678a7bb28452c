//! One run of an experiment, from its plan to files on disk.

use std::path::Path;

use isotherm_results::SinkError;
use isotherm_services::FailureCause;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::error::ExperimentError;
use crate::experiment::{Experiment, PlannedRun};
use crate::manifest::manifest;
use crate::output::{MANIFEST, Output, SUMMARY};
use crate::report::RunReport;
use crate::run::{self, Failure, RunOptions};
use crate::source::Sources;
use crate::trace;

/// Simulates one run and writes its results into a folder.
pub fn carry_out(
    experiment: &Experiment,
    run: &PlannedRun,
    folder: &Path,
    options: RunOptions,
    sources: &Sources,
) -> Result<RunReport, ExperimentError> {
    let RunOptions { records, watch } = options;
    let output_error = |source| ExperimentError::Output { path: folder.to_owned(), source };
    let output = Output::create(folder, records).map_err(output_error)?;
    let records = output.invocations().map_err(output_error)?;
    let outcome = run::run(&run.plan, records, watch).map_err(|failure| match failure {
        Failure::Records(SinkError::Write(source)) => output_error(source),
        Failure::Records(error) => output_error(std::io::Error::other(error)),
        Failure::Simulation(stopped) => ExperimentError::Simulation(stopped),
        Failure::Interrupted(progress) => ExperimentError::Interrupted { progress },
        Failure::UserGone { host, at } => ExperimentError::UserGone { host, at },
        Failure::Setup(message) => ExperimentError::Setup(message),
        Failure::Workload(error) => ExperimentError::Input(trace::diagnostics(&error)),
        Failure::Refused { place, function, cause } => {
            let message = format!("the platform refuses function `{function}`: {cause}");
            let hint = match cause {
                FailureCause::NotAllowed { .. } => "give the hosts more of it, or the function lower limits",
                _ => "",
            };
            let diagnostic = Diagnostic::at(place, message, hint);
            ExperimentError::Input(Diagnostics::new(sources.clone(), vec![diagnostic]))
        }
    })?;
    let report = RunReport::new(experiment, run, outcome);
    let manifest = manifest(&run.plan, &run.written, &run.settings, experiment.measured(), folder);
    output.commit(&[(SUMMARY, &report.to_json()), (MANIFEST, &manifest)]).map_err(output_error)?;
    Ok(report)
}
