//! `isotherm run`

use std::path::{Path, PathBuf};
use std::time::Duration;

use isotherm_experiment::{Diagnostics, Experiment, ExperimentError, Overrides, RunReport};

use super::now;
use crate::Status;
use crate::arguments::RunArguments;
use crate::summary;
use crate::terminal::Terminal;
use crate::text;

/// Runs an experiment, prints what happened, and says where the results are.
pub fn run(arguments: &RunArguments) -> Status {
    let mut terminal = if arguments.quiet { Terminal::silent() } else { Terminal::new() };
    let overrides = Overrides { seed: arguments.seed };
    let experiment = match Experiment::load(&arguments.file, &overrides) {
        Ok(experiment) => experiment,
        Err(diagnostics) => return bad_input(&diagnostics),
    };
    if !arguments.quiet && !experiment.warnings().list().is_empty() {
        Terminal::complain(&experiment.warnings().render(Terminal::colours()));
    }
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("results").join(experiment.name()));
    let mut done = Vec::new();
    for run in experiment.runs() {
        let folder = experiment.folder(run, &out);
        let begin = now();
        let report = match experiment.run(run, &folder) {
            Ok(report) => report,
            Err(error) => return failed(&error),
        };
        done.push(Done { label: run.label(), report, folder, wall_time: now() - begin });
    }
    if arguments.json {
        terminal.line(&json(&done));
    } else {
        terminal.line(&shown(&experiment, &done, &out));
    }
    if terminal.failed() { Status::CouldNotGoOn } else { Status::Done }
}

/// A run that is done.
struct Done {
    label: Option<String>,
    report: RunReport,
    folder: PathBuf,
    wall_time: Duration,
}

fn bad_input(diagnostics: &Diagnostics) -> Status {
    Terminal::complain(&diagnostics.render(Terminal::colours()));
    Status::BadInput
}

fn failed(error: &ExperimentError) -> Status {
    match error {
        ExperimentError::Input(diagnostics) => return bad_input(diagnostics),
        ExperimentError::Output { source, .. } => {
            Terminal::complain(&format!("error: {error}: {source}\nnote: `--out DIR` puts them elsewhere"));
        }
        ExperimentError::Simulation { progress, .. } => {
            Terminal::complain(&format!("error: {error}\nnote: {progress}"));
        }
        _ => Terminal::complain(&format!("error: {error}")),
    }
    match error {
        ExperimentError::Setup(_) => Status::BadInput,
        _ => Status::CouldNotGoOn,
    }
}

/// The summary of the run, or a list of those of the runs of a sweep.
fn json(done: &[Done]) -> String {
    match done {
        [Done { label: None, report, .. }] => report.to_json().trim_end().to_owned(),
        _ => {
            let reports: Vec<_> = done.iter().map(|done| done.report.to_json()).collect();
            format!("[{}]", reports.iter().map(|report| report.trim_end()).collect::<Vec<_>>().join(",\n"))
        }
    }
}

fn shown(experiment: &Experiment, done: &[Done], out: &Path) -> String {
    let mut shown = String::new();
    if let Some(first) = done.first() {
        let report = &first.report;
        shown += &format!("{} (seed {}, preset {})\n\n", experiment.name(), report.seed, report.preset);
    }
    match done {
        [Done { label: None, report, .. }] => shown += &summary::one_run(report),
        _ => {
            let runs: Vec<_> =
                done.iter().map(|done| (done.label.clone().unwrap_or_default(), done.report.clone())).collect();
            shown += &summary::sweep(&runs);
        }
    }
    shown.push('\n');
    shown += &times(done);
    let folder = match done {
        [only] => only.folder.clone(),
        _ => out.join("*"),
    };
    let path = |name: &str| folder.join(name).display().to_string();
    shown += &format!("one line per invocation: {}\n", path(isotherm_experiment::output::INVOCATIONS));
    shown += &format!("the numbers above:       {}", path(isotherm_experiment::output::SUMMARY));
    shown
}

fn times(done: &[Done]) -> String {
    let simulated: f64 = done.iter().map(|done| done.report.summary.simulated_end_s).sum();
    let invocations: u64 = done.iter().map(|done| done.report.summary.invocations.total).sum();
    let wall_time: f64 = done.iter().map(|done| done.wall_time.as_secs_f64()).sum();
    // A clock that has not moved would make the rate infinite.
    let rate = (invocations as f64 / wall_time.max(1e-6)).round() as u64;
    format!(
        "simulated {} s in {} s, {} invocations/s\n",
        text::seconds(simulated),
        text::seconds(wall_time),
        text::count(rate)
    )
}
