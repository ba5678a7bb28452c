//! `isotherm workload describe` and `isotherm workload generate`

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use isotherm_experiment::{
    Experiment, ExperimentError, ExportFormat, ExportOptions, Overrides, PlannedRun, describe_trace,
};

use super::elsewhere;
use crate::Status;
use crate::arguments::{DescribeArguments, GenerateArguments, GenerateFormat, WorkloadCommand};
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::text::count;
use crate::workload;

/// Describes or writes a workload.
pub fn run(command: &WorkloadCommand) -> Status {
    match command {
        WorkloadCommand::Describe(arguments) => describe(arguments),
        WorkloadCommand::Generate(arguments) => generate(arguments),
    }
}

fn is_experiment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml" || extension == "json")
}

fn load(file: &Path, overrides: &Overrides, quiet: bool) -> Result<Experiment, Status> {
    let experiment = Experiment::load(file, overrides).map_err(|diagnostics| {
        Terminal::show(&diagnostics);
        Status::BadInput
    })?;
    if !quiet && !experiment.warnings().list().is_empty() {
        Terminal::show(experiment.warnings());
    }
    Ok(experiment)
}

/// The run whose workload is used: the first of a sweep, which is printed.
fn first(experiment: &Experiment, quiet: bool) -> &PlannedRun {
    let run = &experiment.runs()[0];
    if let Some(label) = run.label().filter(|_| !quiet) {
        let all = experiment.runs().len();
        Terminal::complain(&format!(
            "note: the experiment has {all} runs; this is the workload of the first, {label}"
        ));
    }
    run
}

fn failed(error: &ExperimentError) -> Status {
    match error {
        ExperimentError::Input(diagnostics) => {
            Terminal::show(diagnostics);
            Status::BadInput
        }
        ExperimentError::Export { source, .. } => {
            Terminal::complain(&format!(
                "error: {error}: {source}\nnote: {}",
                elsewhere(source, "`--out` and `--functions` write elsewhere")
            ));
            Status::CouldNotGoOn
        }
        _ => {
            Terminal::complain(&format!("error: {error}"));
            Status::CouldNotGoOn
        }
    }
}

fn describe(arguments: &DescribeArguments) -> Status {
    let report = if is_experiment(&arguments.file) {
        if arguments.columns.is_some() {
            Terminal::complain(
                "error: `--columns` is for traces; an experiment says itself which columns hold what",
            );
            return Status::BadInput;
        }
        let experiment = match load(&arguments.file, &arguments.overrides(), arguments.json) {
            Ok(experiment) => experiment,
            Err(status) => return status,
        };
        match experiment.describe(first(&experiment, arguments.json)) {
            Ok(report) => report,
            Err(error) => return failed(&error),
        }
    } else {
        if arguments.seed.is_some() || !arguments.set.is_empty() {
            Terminal::complain(
                "error: `--seed` and `--set` are for experiments (files in .toml or .json)",
            );
            return Status::BadInput;
        }
        let columns = arguments.columns.clone().unwrap_or_default();
        match describe_trace(&arguments.file, &columns) {
            Ok(report) => report,
            Err(diagnostics) => {
                Terminal::show(&diagnostics);
                return Status::BadInput;
            }
        }
    };
    let mut terminal = Terminal::new();
    if arguments.json {
        terminal.json(&report.to_json());
    } else {
        let shown = workload::shown(&report);
        terminal.tables(&shown);
    }
    if terminal.failed() { Status::CouldNotGoOn } else { Status::Done }
}

fn generate(arguments: &GenerateArguments) -> Status {
    let silent = arguments.quiet || arguments.json;
    if let Some(status) = contradiction(arguments) {
        return status;
    }
    let experiment =
        match load(&arguments.experiment.file, &arguments.experiment.overrides(), silent) {
            Ok(experiment) => experiment,
            Err(status) => return status,
        };
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            Terminal::complain(&format!("error: cannot listen to Ctrl-C: {error}"));
            return Status::CouldNotGoOn;
        }
    };
    let functions = arguments.functions.clone().unwrap_or_else(|| beside(&arguments.out));
    let durations = !arguments.no_durations;
    let format = match arguments.format {
        GenerateFormat::Csv => ExportFormat::Csv { functions, durations },
        GenerateFormat::Parquet => ExportFormat::Parquet { functions, durations },
        GenerateFormat::Azure2019 => ExportFormat::Azure2019,
    };
    let asked = interrupt.clone();
    let watch = move |_, _| match asked.status() {
        Some(_) => ControlFlow::Break(()),
        None => ControlFlow::Continue(()),
    };
    let (out, force) = (arguments.out.clone(), arguments.force);
    let options = ExportOptions { format, out, force, watch: Some(Box::new(watch)) };
    let report = match experiment.export(first(&experiment, silent), options) {
        Ok(Some(report)) => report,
        Ok(None) => {
            Terminal::complain("interrupted: nothing was written");
            return interrupt.status().unwrap_or(Status::Interrupted);
        }
        Err(error) => return failed(&error),
    };
    let mut terminal = if arguments.quiet { Terminal::silent() } else { Terminal::new() };
    if arguments.json {
        terminal.json(&report.to_json());
    } else {
        let (arrivals, functions) = (count(report.arrivals), count(report.functions));
        let mut shown = format!("{arrivals} invocations of {functions} functions in:");
        for file in &report.files {
            shown += &format!("\n  {}", file.display());
        }
        terminal.line(&shown);
    }
    if terminal.failed() { Status::CouldNotGoOn } else { Status::Done }
}

/// Arguments that do not go together, and a file that is no experiment.
fn contradiction(arguments: &GenerateArguments) -> Option<Status> {
    let message = match arguments.format {
        _ if !is_experiment(&arguments.experiment.file) => {
            "error: arrivals are generated from an experiment, a file in .toml or .json"
        }
        GenerateFormat::Azure2019 if arguments.functions.is_some() => {
            "error: `--functions` is for `--format csv`; the Azure format has files of its own for functions"
        }
        GenerateFormat::Azure2019 if arguments.no_durations => {
            "error: `--no-durations` is for `--format csv`; the Azure format has the durations that are known"
        }
        // Beside a device is no place for a file.
        _ if arguments.force && arguments.functions.is_none() && is_special(&arguments.out) => {
            "error: `--out` is no file: say by `--functions` where the functions go"
        }
        _ => return None,
    };
    Terminal::complain(message);
    Some(Status::BadInput)
}

/// Whether a path leads to a device, a pipe or the like.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|known| !known.is_file() && !known.is_dir())
}

/// `day.csv` → `day-functions.csv`, whatever the arrivals are written in.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_stem().map(OsString::from).unwrap_or_default();
    name.push("-functions.csv");
    out.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_stand_beside_arrivals() {
        assert_eq!(beside(Path::new("a/day.csv")), Path::new("a/day-functions.csv"));
        assert_eq!(beside(Path::new("day.parquet")), Path::new("day-functions.csv"));
    }
}
