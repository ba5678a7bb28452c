//! `isotherm sweep` and `isotherm merge`, and `isotherm run` on a file with a sweep.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use isotherm_experiment::output::sha256_of;
use isotherm_experiment::{Overrides, Points};
use isotherm_study::compare::percent;
use isotherm_study::precision::{
    self, PreciseOutcome, PrecisePoint, Precision, PrecisionError, Reached,
};
use isotherm_study::{
    AGGREGATES, FailedRun, MergeError, POINTS, POINTS_PARQUET, Shard, Sweep, SweepError,
    SweepOptions, SweepOutcome, merge,
};
use serde_json::{Value, json};

use super::{elsewhere, interruptible};
use crate::Status;
use crate::arguments::{MergeArguments, SweepArguments};
use crate::progress::SweepBar;
use crate::summary;
use crate::terminal::Terminal;
use crate::text::count;

/// More runs than this are asked about.
const MANY: u64 = 10_000;

/// So many points are listed by `--dry-run`, and so many runs that failed are told.
const MOST_LISTED: u64 = 20;

/// What the commands have in common.
pub struct Session {
    /// The file of the experiment.
    pub file: PathBuf,
    /// Where the results go [default: results/NAME].
    pub out: Option<PathBuf>,
    /// How many runs there are at a time; 0 for one on each core.
    pub jobs: usize,
    /// Whether records are written.
    pub records: bool,
    /// Whether all runs are run again.
    pub fresh: bool,
    /// The part that is run, if not all of it is.
    pub shard: Option<Shard>,
    /// How narrow an interval is to be, if more runs are to make it that.
    pub precision: Option<Precision>,
    /// Whether many runs are meant.
    pub yes: bool,
    /// Whether only errors are printed.
    pub quiet: bool,
    /// Whether the summaries are printed as JSON.
    pub json: bool,
}

/// Runs all points of an experiment.
pub fn run(arguments: &SweepArguments) -> Result<(), Status> {
    let file = arguments.experiment.file.clone();
    let points = read(&file, &arguments.experiment.overrides())?;
    if !points.is_sweep() && arguments.precision.is_none() {
        let file = file.display();
        return Err(Terminal::refuse(&format!(
            "error: `{file}` has no `[sweep]`\nnote: `isotherm run {file}` runs it once"
        )));
    }
    let session = Session {
        file,
        out: arguments.out.clone(),
        jobs: arguments.jobs,
        records: !arguments.no_records,
        fresh: arguments.fresh,
        shard: arguments.shard,
        precision: arguments.precision.clone(),
        yes: arguments.yes,
        quiet: arguments.quiet,
        json: arguments.json,
    };
    match arguments.dry_run {
        true => session.list(points),
        false => session.run(points),
    }
}

/// Reads an experiment whose points are checked later.
pub fn read(file: &Path, overrides: &Overrides) -> Result<Points, Status> {
    Points::load(file, overrides).map_err(|diagnostics| Terminal::bad_input(&diagnostics))
}

impl Session {
    fn sweep(&self, points: Points) -> Result<Sweep, Status> {
        let all = points.count();
        let mut bar = SweepBar::new(self.quiet || !io::stderr().is_terminal());
        let sweep =
            Sweep::watched(points, &self.file, &mut |checked| bar.show_checked(checked, all));
        bar.clear();
        let sweep = sweep.map_err(|diagnostics| Terminal::bad_input(&diagnostics))?;
        if !self.quiet && !sweep.warnings().list().is_empty() {
            Terminal::show(sweep.warnings());
        }
        Ok(sweep)
    }

    /// How the runs are carried out.
    fn options(&self) -> SweepOptions {
        SweepOptions {
            jobs: self.jobs,
            records: self.records,
            fresh: self.fresh,
            shard: self.shard,
            build: build(),
            ..SweepOptions::default()
        }
    }

    /// Says which points there are.
    fn list(&self, points: Points) -> Result<(), Status> {
        let sweep = self.sweep(points)?;
        if self.json {
            let mut terminal = Terminal::new();
            terminal.json(&planned(&sweep));
            return terminal.done();
        }
        let mut terminal = if self.quiet { Terminal::silent() } else { Terminal::new() };
        let all = sweep.points().count();
        let size = size(all, sweep.points().repetitions());
        terminal.line(&format!("{} can be run: {size}\n", sweep.name()));
        for point in 0..all.min(MOST_LISTED) {
            terminal.line(&format!("  {}", sweep.label(point)));
        }
        if all > MOST_LISTED {
            terminal.line(&format!("  and {} more", count(all - MOST_LISTED)));
        }
        if let Some(shard) = self.shard {
            let runs = runs(sweep.numbers(&self.options()).len() as u64);
            terminal.line(&format!("\nshard {shard} has {runs} of them"));
        }
        terminal.done()
    }

    /// Runs all points, prints their table, and says where the results are.
    pub fn run(&self, points: Points) -> Result<(), Status> {
        let runs = points.count() * points.repetitions();
        if runs > MANY && !self.yes {
            return Err(Terminal::refuse(&format!(
                "error: this sweep has {} runs\nnote: `isotherm sweep FILE --yes` runs them",
                count(runs)
            )));
        }
        let mut terminal = if self.quiet { Terminal::silent() } else { Terminal::new() };
        let mut sweep = self.sweep(points)?;
        let out = self.out.clone().unwrap_or_else(|| Path::new("results").join(sweep.name()));
        let interrupt = interruptible()?;
        let hidden = self.quiet || !io::stderr().is_terminal();
        let bar = Arc::new(Mutex::new(SweepBar::new(hidden)));
        let (watch, drawn) = (interrupt.clone(), Arc::clone(&bar));
        let options = SweepOptions {
            stop: Arc::new(move || watch.status().is_some()),
            // Whoever finds it taken need not draw as well.
            progress: Arc::new(move |progress| {
                if let Ok(mut bar) = drawn.try_lock() {
                    bar.show(progress);
                }
            }),
            ..self.options()
        };
        let result = match &self.precision {
            None => sweep.run(&out, &options).map_err(PrecisionError::Sweep).map(without_points),
            Some(wanted) => precision::run(&mut sweep, &out, &options, wanted),
        };
        bar.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let PreciseOutcome { sweep: outcome, points } = result.map_err(|error| match error {
            PrecisionError::Sweep(error) => failed(&error),
            error => Terminal::refuse(&format!("error: {error}")),
        })?;
        if outcome.is_stopped {
            let there = count(outcome.done + outcome.reused);
            let (all, out) = (count(outcome.runs - outcome.alike), out.display());
            Terminal::complain(&match self.fresh {
                _ if outcome.is_unverified => format!(
                    "interrupted while the runs in `{out}` were verified: all is as it was; the \
                     same command goes on from there"
                ),
                false => format!(
                    "interrupted: {there} of {all} runs are in `{out}`; the same command goes on \
                     from there"
                ),
                true => format!(
                    "interrupted: {there} of {all} runs were run again, and what was in `{out}` of \
                     the others is kept; the same command without `--fresh` goes on from there"
                ),
            });
            return Err(interrupt.status().unwrap_or(Status::Interrupted));
        }
        if self.json {
            terminal.json(&json(&sweep, &out, &options));
        } else {
            let mut text = shown(&outcome, self.shard, &out);
            if let Some(wanted) = &self.precision {
                text += &format!("\n{}", reached(wanted, &points));
            }
            terminal.tables(&text);
        }
        tell(&outcome.failed, "error", "failed");
        let missed = self.precision.as_ref().is_some_and(|wanted| tell_missed(wanted, &points));
        terminal.done()?;
        match outcome.failed.is_empty() && !missed {
            true => Ok(()),
            false => Err(Status::CouldNotGoOn),
        }
    }
}

fn without_points(sweep: SweepOutcome) -> PreciseOutcome {
    PreciseOutcome { sweep, points: Vec::new() }
}

/// At how many points an interval is as narrow as is wanted.
fn reached(wanted: &Precision, points: &[PrecisePoint]) -> String {
    let narrow = points.iter().filter(|point| point.reached == Reached::Yes).count();
    let of = match points.len() {
        1 if narrow == 1 => String::new(),
        all if all == narrow => format!(" at all {} points", count(all as u64)),
        all => format!(" at {} of {} points", count(narrow as u64), count(all as u64)),
    };
    let Precision { metric, part } = wanted;
    // 0.05 · 100 is a little more than 5.
    let percent = (part * 1e6).round() / 1e4;
    format!("the 95 % interval of {metric} is within {percent} % of the mean{of}")
}

/// Says at which points an interval is not as narrow as is wanted. Returns whether there are any.
fn tell_missed(wanted: &Precision, points: &[PrecisePoint]) -> bool {
    let missed: Vec<_> = points.iter().filter(|point| point.reached != Reached::Yes).collect();
    for point in missed.iter().take(MOST_LISTED as usize) {
        let part = point.part.map(percent).unwrap_or_default();
        let why = match point.reached {
            Reached::Zero => "its mean is 0, of which there are no parts".to_owned(),
            Reached::Absent => "not all runs have it".to_owned(),
            Reached::Failed => "a run has failed".to_owned(),
            Reached::Yes | Reached::TooWide => format!("the most there may be, ± {part}"),
        };
        let PrecisePoint { point, name, runs, .. } = point;
        let metric = &wanted.metric;
        Terminal::complain(&format!(
            "not precise: point {point} ({name}), {metric} of {runs} runs: {why}"
        ));
    }
    let all = missed.len() as u64;
    if all > MOST_LISTED {
        Terminal::complain(&format!("{MOST_LISTED} of {} such points shown", count(all)));
    }
    all > 0
}

/// What tells this program from others: its own content.
fn build() -> String {
    let hash = std::env::current_exe().and_then(|path| sha256_of(&path));
    hash.unwrap_or_else(|_| env!("CARGO_PKG_VERSION").to_owned())
}

/// Joins the shards of a sweep.
pub fn merged(arguments: &MergeArguments) -> Result<(), Status> {
    let mut terminal = if arguments.quiet { Terminal::silent() } else { Terminal::new() };
    let out = arguments.out.as_ref().unwrap_or(&arguments.folders[0]);
    let outcome = merge(&arguments.folders, out).map_err(|error| {
        let (status, note) = match &error {
            MergeError::Output { source, .. } => {
                let otherwise = elsewhere(source, "`--out DIR` puts them elsewhere");
                (Status::CouldNotGoOn, format!(": {source}\nnote: {otherwise}"))
            }
            _ => (Status::BadInput, String::new()),
        };
        Terminal::complain(&format!("error: {error}{note}"));
        status
    })?;
    if !outcome.missing.is_empty() {
        let (missing, runs) = (outcome.missing.len() as u64, outcome.runs);
        tell(&outcome.missing, "missing", "missing");
        let shards: Vec<_> = outcome.unfinished.iter().map(ToString::to_string).collect();
        Terminal::complain(&format!(
            "error: {} of {} runs are missing, so there are no tables\nnote: shards with runs left, \
             for `isotherm sweep FILE --shard I/N`: {}",
            count(missing),
            count(runs),
            shards.join(", ")
        ));
        return Err(Status::CouldNotGoOn);
    }
    terminal.tables(&shown(&outcome, None, out));
    tell(&outcome.failed, "error", "failed");
    terminal.done()?;
    if outcome.failed.is_empty() { Ok(()) } else { Err(Status::CouldNotGoOn) }
}

/// `6 points, each with 10 seeds: 60 runs`
fn size(points: u64, seeds: u64) -> String {
    let shown =
        if points == 1 { "1 point".to_owned() } else { format!("{} points", count(points)) };
    match seeds {
        1 => shown,
        _ => format!("{shown}, each with {} seeds: {} runs", count(seeds), count(points * seeds)),
    }
}

/// `1 run`, `60 runs`
fn runs(number: u64) -> String {
    if number == 1 { "1 run".to_owned() } else { format!("{} runs", count(number)) }
}

fn shown(outcome: &SweepOutcome, shard: Option<Shard>, out: &Path) -> String {
    let mut size = size(outcome.points, outcome.repetitions);
    if shard.is_none() && outcome.runs != outcome.points * outcome.repetitions {
        let (points, seeds) = (count(outcome.points), count(outcome.repetitions));
        size =
            format!("{points} points, with up to {seeds} seeds each: {} runs", count(outcome.runs));
    }
    let mut text = format!("{}: {size}\n\n", outcome.name);
    if shard.is_none() {
        text += &summary::sweep(&outcome.rows);
        let more = outcome.points - outcome.rows.len() as u64;
        if more > 0 {
            text += &format!(" and {} more points\n", count(more));
        }
        text.push('\n');
    }
    text += &runs(outcome.runs);
    if let Some(shard) = shard {
        text += &format!(" in shard {shard}");
    }
    let parts = [
        (outcome.failed.len() as u64, "has failed", "have failed"),
        (outcome.alike, "is the same as another", "are the same as others"),
        (outcome.reused, "was there already", "were there already"),
    ];
    let told =
        parts.into_iter().filter(|&(number, ..)| number > 0).map(|(number, one, several)| {
            format!("{} {}", count(number), if number == 1 { one } else { several })
        });
    let mut told: Vec<String> = told.collect();
    if let Some(last) = told.pop() {
        let and = if told.is_empty() { "" } else { " and " };
        text += &format!(", of which {}{and}{last}", told.join(", "));
    }
    let tables = [
        (POINTS, "one line per run"),
        (POINTS_PARQUET, "the same for data frames"),
        (AGGREGATES, "means over the seeds of each point, with intervals"),
    ];
    let files = [("points/", "the results of each run")];
    let tables = if shard.is_some() { &[] } else { &tables[..] };
    text += &format!("\nresults in {}:", out.display());
    for (name, meaning) in tables.iter().chain(&files) {
        text += &format!("\n  {name:<16} {meaning}");
    }
    if shard.is_some() {
        let out = out.display();
        text += &format!("\n`isotherm merge {out}` makes the tables when all shards are there");
    }
    text
}

/// Says which runs have no results.
fn tell(runs: &[FailedRun], how: &str, what: &str) {
    for run in runs.iter().take(MOST_LISTED as usize) {
        Terminal::complain(&format!(
            "{how}: point {} ({}), seed {}: {}",
            run.point, run.name, run.seed, run.reason
        ));
    }
    let all = runs.len() as u64;
    if all > MOST_LISTED {
        Terminal::complain(&format!("{MOST_LISTED} of {} {what} runs shown", count(all)));
    }
}

/// The summaries of all runs that have one, with what they are called in this sweep.
fn json(sweep: &Sweep, out: &Path, options: &SweepOptions) -> String {
    let summaries: Vec<String> = sweep.summaries(out, options).collect();
    format!("[{}]", summaries.join(",\n"))
}

/// The points and their seeds, of which none was run.
fn planned(sweep: &Sweep) -> String {
    let points = (0..sweep.points().count()).map(|point| {
        let settings = sweep.points().settings(point).into_iter();
        let settings = settings.map(|setting| (setting.path, Value::from(setting.shown)));
        json!({ "name": sweep.label(point), "sweep": Value::Object(settings.collect()) })
    });
    let points: Vec<_> = points.collect();
    let repetitions = sweep.points().repetitions();
    let planned = json!({ "name": sweep.name(), "repetitions": repetitions, "points": points });
    serde_json::to_string_pretty(&planned).unwrap_or_default()
}

/// Prints why a sweep cannot be carried out.
fn failed(error: &SweepError) -> Status {
    match error {
        SweepError::Input(diagnostics) => return Terminal::bad_input(diagnostics),
        SweepError::Output { source, .. } => Terminal::complain(&format!(
            "error: {error}: {source}\nnote: {}",
            elsewhere(source, "`--out DIR` puts them elsewhere")
        )),
        error => Terminal::complain(&format!("error: {error}")),
    }
    Status::CouldNotGoOn
}
