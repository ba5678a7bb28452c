//! One run of an experiment, from its plan to files on disk.

use std::io;
use std::path::Path;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics};
use isotherm_config::source::Sources;
use isotherm_results::SinkError;
use isotherm_services::FailureCause;

use crate::error::ExperimentError;
use crate::files::LARGEST_EXPERIMENT;
use crate::inputs::Inputs;
use crate::manifest::manifest;
use crate::output::{Output, Rules, SUMMARY};
use crate::planned_run::PlannedRun;
use crate::report::RunReport;
use crate::run::{self, Failure, RunOptions};
use crate::trace;

/// The table of hashes at the end of a manifest is smaller.
const ROOM_FOR_HASHES: u64 = 4096;

/// Simulates one run and writes its results into a folder.
pub fn carry_out(
    run: &PlannedRun,
    inputs: &Inputs,
    sources: &Sources,
    folder: &Path,
    options: RunOptions,
) -> Result<RunReport, ExperimentError> {
    let RunOptions { records, force, watch } = options;
    let output_error = |source| ExperimentError::Output { path: folder.to_owned(), source };
    let rules = Rules { inputs, force };
    let output = Output::create(folder, records, rules).map_err(output_error)?;
    // A manifest that could not be written or read again is an error before anything is simulated.
    let manifest = manifest(run, sources, folder);
    let manifest = manifest.map_err(|path| output_error(no_text(&path)))?;
    if manifest.len() as u64 > LARGEST_EXPERIMENT - ROOM_FOR_HASHES {
        return Err(output_error(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "the manifest would be larger than 256 MiB",
        )));
    }
    let records = output.invocations().map_err(output_error)?;
    let outcome = run::run(&run.plan, records, watch).map_err(|failure| match failure {
        Failure::Records(SinkError::Write(source)) => output_error(source),
        Failure::Records(error) => output_error(std::io::Error::other(error)),
        Failure::Simulation(stopped) => ExperimentError::Simulation(stopped),
        Failure::Interrupted(progress) => ExperimentError::Interrupted { progress },
        Failure::UserGone { host, at } => ExperimentError::UserGone { host, at },
        Failure::Setup(message) => ExperimentError::Setup(message),
        Failure::Workload(error) => ExperimentError::Input(trace::diagnostics(&error)),
        Failure::Refused { function, cause } => {
            let function = &run.plan.functions[function];
            let message = format!("the platform refuses function `{}`: {cause}", function.name);
            let hint = match cause {
                FailureCause::NotAllowed { .. } => {
                    "give the hosts more of it, or the function lower limits"
                }
                _ => "",
            };
            let diagnostic = Diagnostic::at(function.place, message, hint);
            ExperimentError::Input(Diagnostics::new(sources.clone(), vec![diagnostic]))
        }
    })?;
    let report = RunReport::new(run, outcome);
    output.commit(&[(SUMMARY, &report.to_json())], &manifest).map_err(output_error)?;
    Ok(report)
}

/// Why there cannot be a manifest that names a file.
fn no_text(path: &Path) -> io::Error {
    let message = format!(
        "the way from there to `{}`, which the experiment names, is not UTF-8 text",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidFilename, message)
}
