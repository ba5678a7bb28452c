//! `isotherm workload describe` and `isotherm workload generate`

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use isotherm_experiment::{
    Experiment, ExperimentError, ExportFormat, ExportOptions, PlannedRun, describe_trace,
};

use super::{elsewhere, interruptible, loaded};
use crate::Status;
use crate::arguments::{DescribeArguments, GenerateArguments, GenerateFormat, WorkloadCommand};
use crate::terminal::Terminal;
use crate::text::count;
use crate::workload;

/// Describes or writes a workload.
pub fn run(command: &WorkloadCommand) -> Result<(), Status> {
    match command {
        WorkloadCommand::Describe(arguments) => describe(arguments),
        WorkloadCommand::Generate(arguments) => generate(arguments),
    }
}

fn is_experiment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml" || extension == "json")
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
        ExperimentError::Input(diagnostics) => Terminal::bad_input(diagnostics),
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

fn describe(arguments: &DescribeArguments) -> Result<(), Status> {
    let report = if is_experiment(&arguments.file) {
        if arguments.columns.is_some() {
            return Err(Terminal::refuse(
                "error: `--columns` is for traces; an experiment says itself which columns hold what",
            ));
        }
        let experiment = Experiment::load(&arguments.file, &arguments.overrides());
        let experiment = loaded(experiment, arguments.json)?;
        let run = first(&experiment, arguments.json);
        experiment.describe(run).map_err(|error| failed(&error))?
    } else {
        if arguments.seed.is_some() || !arguments.set.is_empty() {
            return Err(Terminal::refuse(
                "error: `--seed` and `--set` are for experiments (files in .toml or .json)",
            ));
        }
        let columns = arguments.columns.clone().unwrap_or_default();
        describe_trace(&arguments.file, &columns, arguments.limit)
            .map_err(|diagnostics| Terminal::bad_input(&diagnostics))?
    };
    let mut terminal = Terminal::new();
    if arguments.json {
        terminal.json(&report.to_json());
    } else {
        let shown = workload::shown(&report);
        terminal.tables(&shown);
    }
    terminal.done()
}

fn generate(arguments: &GenerateArguments) -> Result<(), Status> {
    let silent = arguments.quiet || arguments.json;
    check(arguments)?;
    let (file, overrides) = (&arguments.experiment.file, arguments.experiment.overrides());
    let experiment = loaded(Experiment::load(file, &overrides), silent)?;
    let interrupt = interruptible()?;
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
            return Err(interrupt.status().unwrap_or(Status::Interrupted));
        }
        Err(error) => return Err(failed(&error)),
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
    terminal.done()
}

/// Refuses arguments that contradict each other, and a file that is no experiment.
fn check(arguments: &GenerateArguments) -> Result<(), Status> {
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
        _ => return Ok(()),
    };
    Err(Terminal::refuse(message))
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
