//! `isotherm run`

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use isotherm_experiment::output::{FolderLock, INVOCATIONS, MANIFEST, SUMMARY};
use isotherm_experiment::{Experiment, ExperimentError, Progress, RunOptions, RunReport};

use super::{elsewhere, interruptible, loaded, now};
use crate::Status;
use crate::arguments::RunArguments;
use crate::interrupt::Interrupt;
use crate::progress::{self, Bar};
use crate::summary;
use crate::terminal::Terminal;
use crate::text;

/// Runs an experiment, prints what happened, and says where the results are.
pub fn run(arguments: &RunArguments) -> Result<(), Status> {
    let mut terminal = if arguments.quiet { Terminal::silent() } else { Terminal::new() };
    let (file, overrides) = (&arguments.experiment.file, arguments.experiment.overrides());
    let experiment = loaded(Experiment::load(file, &overrides), arguments.quiet)?;
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("results").join(experiment.name()));
    let session = Session {
        experiment: &experiment,
        out: &out,
        records: !arguments.no_records,
        force: arguments.force,
        no_bar: arguments.quiet || !io::stderr().is_terminal(),
        interrupt: interruptible()?,
    };
    let _lock = session.lock()?;
    if !arguments.quiet {
        session.tell_left_over();
    }
    let done = session.run_all()?;
    if arguments.json {
        terminal.json(&json(&done));
    } else {
        let shown = session.shown(&done);
        terminal.tables(&shown);
    }
    terminal.done()
}

/// The number of folders of an earlier sweep that are named.
const MOST_LEFT_OVER: usize = 10;

/// What all runs of an experiment have in common.
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
    label: Option<String>,
    report: RunReport,
    folder: PathBuf,
    wall_time: Duration,
}

impl Session<'_> {
    /// Keeps other sweeps out of the folder of this one. Each run keeps others out of its own.
    fn lock(&self) -> Result<Option<FolderLock>, Status> {
        if self.experiment.runs().iter().all(|run| run.label().is_none()) {
            return Ok(None);
        }
        FolderLock::of(self.out).map(Some).map_err(|source| {
            let path = self.out.to_owned();
            failed(&ExperimentError::Output { path, source })
        })
    }

    /// Says which folders are there that an earlier sweep has left.
    fn tell_left_over(&self) {
        let left = self.experiment.left_over(self.out);
        if left.is_empty() {
            return;
        }
        let shown: Vec<String> =
            left.iter().take(MOST_LEFT_OVER).map(|name| format!("`{name}`")).collect();
        let more = match left.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {} more", text::count(more as u64)),
        };
        let out = self.out.display();
        Terminal::complain(&format!(
            "warning: folders of an earlier sweep stay in `{out}`, and are not of this run: {}{more}",
            shown.join(", ")
        ));
    }

    /// All runs, one after the other, up to the first that fails.
    fn run_all(&self) -> Result<Vec<FinishedRun>, Status> {
        let runs = self.experiment.runs();
        let mut done = Vec::with_capacity(runs.len());
        for run in runs {
            if let Some(status) = self.interrupt.status() {
                self.tell_interrupted(None, done.len());
                return Err(status);
            }
            let folder = self.experiment.folder(run, self.out);
            let label = match runs.len() {
                1 => String::new(),
                all => format!("{}/{all}: ", done.len() + 1),
            };
            let bar = Rc::new(RefCell::new(Bar::new(label, self.no_bar)));
            let begin = now();
            let result = self.experiment.run_with(run, &folder, self.options(&bar));
            bar.borrow_mut().clear();
            let report = match result {
                Ok(report) => report,
                Err(ExperimentError::Interrupted { progress }) => {
                    self.tell_interrupted(Some(&progress), done.len());
                    return Err(self.interrupt.status().unwrap_or(Status::Interrupted));
                }
                Err(error) => return Err(failed(&error)),
            };
            done.push(FinishedRun { label: run.label(), report, folder, wall_time: now() - begin });
        }
        Ok(done)
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

    /// Says how far the run that was interrupted had come, and what is left of the others.
    fn tell_interrupted(&self, progress: Option<&Progress>, done: usize) {
        let mut text = "interrupted".to_owned();
        if let Some(progress) = progress {
            text += &format!(": {}; this run leaves no results", progress::so_far(progress));
        }
        if self.experiment.runs().len() > 1 {
            let all = self.experiment.runs().len();
            text += &format!(
                "\nnote: {done} of {all} runs were done, their results are in `{}`",
                self.out.display()
            );
        }
        Terminal::complain(&text);
    }

    fn shown(&self, done: &[FinishedRun]) -> String {
        let mut shown = String::new();
        if let Some(first) = done.first() {
            let report = &first.report;
            shown += &format!(
                "{} (seed {}, preset {})\n\n",
                self.experiment.name(),
                report.seed,
                report.preset
            );
        }
        match done {
            [FinishedRun { label: None, report, .. }] => shown += &summary::one_run(report),
            _ => {
                let runs: Vec<_> = done
                    .iter()
                    .map(|done| (done.label.clone().unwrap_or_default(), done.report.clone()))
                    .collect();
                shown += &summary::sweep(&runs);
                shown += &summary::names(&runs);
            }
        }
        shown.push('\n');
        shown += &times(done);
        let folder = match done {
            [only] => only.folder.clone(),
            _ => self.out.join("*"),
        };
        let mut files = vec![
            (SUMMARY, "the numbers above, and more"),
            (MANIFEST, "what was run; can be run again"),
        ];
        if self.records {
            files.insert(0, (INVOCATIONS, "one line per invocation"));
        }
        shown += &format!("results in {}:", folder.display());
        for (name, meaning) in files {
            shown += &format!("\n  {name:<16} {meaning}");
        }
        shown
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

/// The summary of the run, or a list of those of the runs of a sweep.
fn json(done: &[FinishedRun]) -> String {
    match done {
        [FinishedRun { label: None, report, .. }] => report.to_json().trim_end().to_owned(),
        _ => {
            let reports: Vec<_> = done.iter().map(|done| done.report.to_json()).collect();
            format!(
                "[{}]",
                reports.iter().map(|report| report.trim_end()).collect::<Vec<_>>().join(",\n")
            )
        }
    }
}

fn times(done: &[FinishedRun]) -> String {
    let simulated: f64 = done.iter().map(|done| done.report.summary.simulated_end_s).sum();
    let invocations: u64 = done.iter().map(|done| done.report.summary.invocations.total).sum();
    let wall_time: f64 = done.iter().map(|done| done.wall_time.as_secs_f64()).sum();
    // A clock that has not moved would make the rate infinite.
    let rate = (invocations as f64 / wall_time.max(1e-6)).round() as u64;
    format!(
        "simulated {} s in {} s of wall time: {} invocations per second of wall time\n",
        text::seconds(simulated),
        text::seconds(wall_time),
        text::count(rate)
    )
}
