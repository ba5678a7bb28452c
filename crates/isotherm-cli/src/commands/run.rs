//! `isotherm run`

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use isotherm_experiment::output::{
    EVENTS, FUNCTIONS, MANIFEST, NODES, RECORDS, SUMMARY, TIME_SERIES, TRACES,
};
use isotherm_experiment::{
    Depth, Experiment, ExperimentError, PlannedRun, Progress, RunOptions, RunReport,
};

use super::{elsewhere, interruptible, loaded, now, sweep};
use crate::Status;
use crate::arguments::RunArguments;
use crate::interrupt::Interrupt;
use crate::progress::{self, Bar};
use crate::summary;
use crate::terminal::Terminal;
use crate::text;

/// Runs an experiment, prints what happened, and says where the results are. A sweep is run as by
/// `isotherm sweep`.
pub fn run(arguments: &RunArguments) -> Result<(), Status> {
    let (file, overrides) = (&arguments.experiment.file, arguments.overrides());
    let points = sweep::read(file, &overrides)?;
    if points.is_sweep() {
        return sweep::Session {
            file: file.clone(),
            out: arguments.out.clone(),
            jobs: 0,
            records: !arguments.no_records,
            fresh: false,
            shard: None,
            precision: None,
            yes: false,
            quiet: arguments.quiet,
            json: arguments.json,
        }
        .run(points);
    }
    let mut terminal = if arguments.quiet { Terminal::silent() } else { Terminal::new() };
    let experiment = loaded(points.check(Depth::Beginning, &mut |_| {}), arguments.quiet)?;
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("results").join(experiment.name()));
    let session = Session {
        experiment: &experiment,
        out: &out,
        records: !arguments.no_records,
        force: arguments.force,
        no_bar: arguments.quiet || !io::stderr().is_terminal(),
        interrupt: interruptible()?,
    };
    let done = session.run(&experiment.runs()[0])?;
    if arguments.json {
        terminal.json(done.report.to_json().trim_end());
    } else {
        terminal.tables(&session.shown(&done));
    }
    if !arguments.quiet {
        tell_later(&experiment, &done.report);
    }
    terminal.done()
}

/// Tells the warnings that were not told before the run.
fn tell_later(experiment: &Experiment, report: &RunReport) {
    let told: Vec<&str> =
        experiment.warnings().list().iter().map(|warning| warning.message.as_str()).collect();
    for warning in report.warnings.iter().filter(|warning| !told.contains(&warning.as_str())) {
        Terminal::complain(&format!("warning: {warning}"));
    }
}

/// A run that is going on.
struct Session<'a> {
    experiment: &'a Experiment,
    out: &'a Path,
    records: bool,
    force: bool,
    /// Whether to show no progress bar: it is not wanted, or standard error is no terminal.
    no_bar: bool,
    interrupt: Interrupt,
}

/// A run that is done.
struct FinishedRun {
    report: RunReport,
    wall_time: Duration,
}

impl Session<'_> {
    fn run(&self, run: &PlannedRun) -> Result<FinishedRun, Status> {
        let bar = Rc::new(RefCell::new(Bar::new(self.no_bar)));
        let begin = now();
        let result = self.experiment.run_with(run, self.out, self.options(&bar));
        bar.borrow_mut().clear();
        match result {
            Ok(report) => Ok(FinishedRun { report, wall_time: now() - begin }),
            Err(ExperimentError::Interrupted { progress }) => {
                tell_interrupted(&progress);
                Err(self.interrupt.status().unwrap_or(Status::Interrupted))
            }
            Err(error) => Err(failed(&error)),
        }
    }

    fn options(&self, bar: &Rc<RefCell<Bar>>) -> RunOptions {
        let (bar, interrupt) = (Rc::clone(bar), self.interrupt.clone());
        let mut options = RunOptions::default();
        options.records = self.records;
        options.force = self.force;
        options.watch = Some(Box::new(move |progress| {
            if interrupt.status().is_some() {
                return ControlFlow::Break(());
            }
            bar.borrow_mut().show(progress);
            ControlFlow::Continue(())
        }));
        options
    }

    fn shown(&self, done: &FinishedRun) -> String {
        let report = &done.report;
        let mut shown = format!(
            "{} (seed {}, preset {})\n\n",
            self.experiment.name(),
            report.seed,
            report.preset
        );
        shown += &summary::one_run(report);
        shown.push('\n');
        shown += &times(done);
        shown += &format!("results in {}:", self.out.display());
        let files = self.files();
        let width = files.iter().map(|(name, _)| name.len() + 1).max().unwrap_or(0).max(16);
        for (name, meaning) in files {
            shown += &format!("\n  {name:<width$} {meaning}");
        }
        shown
    }

    /// The files of a run, the first of a sweep, and what they hold.
    fn files(&self) -> Vec<(&'static str, &'static str)> {
        let written = self.experiment.runs()[0].plan.files();
        let is_kept = |name: &&str| self.records || !RECORDS.contains(name);
        let mut files: Vec<_> =
            written.into_iter().filter(is_kept).map(|name| (name, meaning(name))).collect();
        files.push((SUMMARY, "the numbers above, and more"));
        files.push((MANIFEST, "what was run; can be run again"));
        files
    }
}

/// What one of the files of a run holds that are not always there.
fn meaning(name: &str) -> &'static str {
    match name {
        EVENTS => "one line per event on the platform",
        name if TRACES.contains(&name) => "a timeline for ui.perfetto.dev",
        FUNCTIONS => "one line per function",
        NODES => "one line per compute host",
        name if TIME_SERIES.contains(&name) => "what happened over time",
        _ => "one line per invocation",
    }
}

/// Prints why a run has no results.
fn failed(error: &ExperimentError) -> Status {
    match error {
        ExperimentError::Input(diagnostics) => return Terminal::bad_input(diagnostics),
        ExperimentError::Output { source, .. } => {
            Terminal::complain(&format!(
                "error: {error}: {source}\nnote: {}",
                elsewhere(source, "`--out DIR` puts them elsewhere")
            ));
        }
        _ => {
            let notes: String =
                error.notes().iter().map(|note| format!("\nnote: {note}")).collect();
            Terminal::complain(&format!("error: {error}{notes}"));
        }
    }
    match error {
        ExperimentError::Setup(_) => Status::BadInput,
        _ => Status::CouldNotGoOn,
    }
}

/// Says how far a run that was interrupted had come.
fn tell_interrupted(progress: &Progress) {
    let so_far = progress::so_far(progress);
    Terminal::complain(&format!("interrupted: {so_far}; this run leaves no results"));
}

fn times(done: &FinishedRun) -> String {
    let simulated = done.report.summary.simulated_end_s;
    let invocations = done.report.summary.invocations.total;
    let wall_time = done.wall_time.as_secs_f64();
    // A clock that has not moved would make the rate infinite.
    let rate = (invocations as f64 / wall_time.max(1e-6)).round() as u64;
    format!(
        "simulated {} s in {} s of wall time: {} invocations per second of wall time\n",
        text::seconds(simulated),
        text::seconds(wall_time),
        text::count(rate)
    )
}
