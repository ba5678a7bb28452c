//! `isotherm check`

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use isotherm_experiment::output::{FILES, MANIFEST};
use isotherm_experiment::{Arrivals, Depth, Experiment, Inventory, Points, Results};
use isotherm_study::{POINTS, listed, verify};

use super::{loaded, sweep};
use crate::Status;
use crate::arguments::CheckArguments;
use crate::progress::SweepBar;
use crate::terminal::Terminal;
use crate::text::{count, seconds};

/// More workloads than this are only counted.
const MOST_WORKLOADS: usize = 10;

/// So many missing runs of a sweep are named.
const MOST_GONE: usize = 20;

/// Says what is wrong with an experiment, or what is in it.
pub fn run(arguments: &CheckArguments) -> Result<(), Status> {
    if arguments.experiment.file.is_dir() {
        return results(&arguments.experiment.file);
    }
    let (file, overrides) = (&arguments.experiment.file, arguments.experiment.overrides());
    let points = sweep::read(file, &overrides)?;
    let all = points.count();
    let mut bar = SweepBar::new(!io::stderr().is_terminal());
    let checked = points.check(Depth::Whole, &mut |point| bar.show_checked(point.point + 1, all));
    bar.clear();
    let experiment = loaded(checked, false)?;
    let mut terminal = Terminal::new();
    terminal.line(&shown(&points, &experiment));
    terminal.done()
}

/// Says whether the files of a run, or of the runs of a sweep, belong together.
fn results(folder: &Path) -> Result<(), Status> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if !folder.join(MANIFEST).exists() {
        let points = folder.join("points");
        let folder = if points.is_dir() { &points } else { folder };
        let entries =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        folders.extend(entries.filter(|path| FILES.iter().any(|name| path.join(name).exists())));
        folders.sort();
    }
    let table = folder.join(POINTS);
    let listed = listed(folder).map_err(|error| Terminal::refuse(&format!("error: {error}")))?;
    if folders.is_empty() && listed.is_none() {
        folders.push(folder.to_owned());
    }
    let mut terminal = Terminal::new();
    let (mut checked, mut intact) = (Ok(()), 0);
    let tables = verify(folder).unwrap_or_else(|wrong| {
        for error in wrong {
            checked = Err(Terminal::refuse(&format!("error: {error}")));
        }
        0
    });
    let mut gone: Vec<_> = listed.into_iter().flatten().collect();
    gone.retain(|run| !run.has_failed && !run.is_there());
    for run in gone.iter().take(MOST_GONE) {
        checked = Err(Terminal::refuse(&format!(
            "error: the results of point {} with seed {} are missing: `{}` says that they are in \
             `{}`",
            run.point,
            run.seed,
            table.display(),
            run.folder.display()
        )));
    }
    if !gone.is_empty() {
        let gone = count(gone.len() as u64);
        Terminal::complain(&format!(
            "note: of the runs of this sweep, {gone} are missing; the same command with which it \
             was run runs them"
        ));
    }
    let is_one = folders.len() == 1;
    for folder in folders {
        match Results::open(&folder) {
            Ok(results) if is_one => {
                let without = if results.invocations().is_some() { "" } else { " (no records)" };
                let files = format!("{} beside the manifest{without}", results.files().len());
                terminal.line(&format!("{}: {files}, as written by their run", folder.display()));
            }
            Ok(_) => intact += 1,
            Err(error) => checked = Err(Terminal::refuse(&format!("error: {error}"))),
        }
    }
    if !is_one {
        let (folder, intact) = (folder.display(), count(intact));
        terminal.line(&format!("{folder}: {intact} runs whose files are as written by them"));
    }
    if tables > 0 {
        let folder = folder.display();
        terminal.line(&format!("{folder}: {tables} tables as written by the sweep"));
    }
    terminal.done().and(checked)
}

fn shown(points: &Points, experiment: &Experiment) -> String {
    let runs = points.count() * points.repetitions();
    let inventory = experiment.inventory(&experiment.runs()[0]);
    let sweep = match (runs, points.repetitions()) {
        (1, _) => String::new(),
        (_, 1) => format!(": a sweep of {}; the first of them has", points.axes().join(", ")),
        (_, seeds) => {
            let axes = [points.axes(), vec![format!("{seeds} seeds")]].concat();
            format!(": a sweep of {}; the first of them has", axes.join(", "))
        }
    };
    let mut lines = vec![format!("{} can be run", experiment.name()), String::new()];
    let mut line = |label: &str, text: String| lines.push(format!("{label:<13}{text}"));
    line("runs", format!("{}{sweep}", count(runs)));
    line("hosts", hosts(&inventory));
    line("images", count(inventory.images as u64));
    line("functions", count(inventory.functions as u64));
    line("invocations", invocations(&inventory));
    if inventory.workloads.len() > 1 {
        for workload in inventory.workloads.iter().take(MOST_WORKLOADS) {
            lines.push(format!(
                "  {:<11}{}, {}",
                workload.kind,
                workload.of,
                arrivals(workload.arrivals)
            ));
        }
        if let Some(more) =
            inventory.workloads.len().checked_sub(MOST_WORKLOADS).filter(|&more| more > 0)
        {
            lines.push(format!("  and {} more workloads", count(more as u64)));
        }
    }
    let mut label = "tolerated";
    for tolerated in &inventory.tolerated {
        lines.push(format!("{label:<13}{tolerated}"));
        label = "";
    }
    lines.join("\n")
}

fn hosts(inventory: &Inventory) -> String {
    let cores = count(inventory.cores);
    let nodes = match inventory.nodes {
        1 => format!("1 is a compute host, with {cores} cores"),
        nodes => format!("{} are compute hosts, with {cores} cores in all", count(nodes as u64)),
    };
    format!("{}, of which {nodes}", count(inventory.hosts as u64))
}

fn invocations(inventory: &Inventory) -> String {
    let total = arrivals(inventory.arrivals());
    match inventory.last() {
        Some(last) => format!("{total}, until {} s", seconds(last.as_secs_f64())),
        None => total,
    }
}

fn arrivals(arrivals: Arrivals) -> String {
    match arrivals {
        Arrivals::Exactly(number) => count(number),
        Arrivals::About(number) => format!("about {}", count(number)),
    }
}
