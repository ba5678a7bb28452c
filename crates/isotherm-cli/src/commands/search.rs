//! `isotherm search`

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use isotherm_study::compare::number;
use isotherm_study::search::{
    Answer, Curve, Measurement, Probe, SearchError, SearchOptions, Verdict, curve, search, shown,
};

use super::interruptible;
use crate::Status;
use crate::arguments::SearchArguments;
use crate::progress::SweepBar;
use crate::table::{lines, row, table};
use crate::terminal::Terminal;

/// Finds the least value of a field, and shows the probes; or shows a curve.
pub fn run(arguments: &SearchArguments) -> Result<(), Status> {
    match &arguments.curve {
        None => {
            let found = with_bar(arguments, |options| {
                search(&arguments.experiment.file, &arguments.experiment.overrides(), options)
            })?;
            let json = serde_json::to_string_pretty(&found);
            print(arguments, &json.unwrap_or_default(), || answered(&found))?;
            if found.value.is_some() { Ok(()) } else { Err(Status::CouldNotGoOn) }
        }
        Some(values) => {
            let values = Some(values.as_str()).filter(|values| !values.is_empty());
            let drawn = with_bar(arguments, |options| {
                let overrides = arguments.experiment.overrides();
                curve(&arguments.experiment.file, &overrides, values, options)
            })?;
            let json = serde_json::to_string_pretty(&drawn);
            print(arguments, &json.unwrap_or_default(), || drawn_curve(&drawn))
        }
    }
}

/// Does something that shows its progress and can be interrupted.
fn with_bar<T>(
    arguments: &SearchArguments,
    work: impl FnOnce(&SearchOptions) -> Result<T, SearchError>,
) -> Result<T, Status> {
    let interrupt = interruptible()?;
    let bar = Arc::new(Mutex::new(SweepBar::new(!io::stderr().is_terminal())));
    let (watch, drawn) = (interrupt.clone(), Arc::clone(&bar));
    let options = SearchOptions {
        jobs: arguments.jobs,
        stop: Arc::new(move || watch.status().is_some()),
        // Whoever finds it taken need not draw as well.
        progress: Arc::new(move |progress| {
            if let Ok(mut bar) = drawn.try_lock() {
                bar.show_search(progress);
            }
        }),
    };
    let done = work(&options);
    bar.lock().unwrap_or_else(PoisonError::into_inner).clear();
    done.map_err(|error| match error {
        SearchError::Experiment(diagnostics) => Terminal::bad_input(&diagnostics),
        SearchError::Stopped => {
            Terminal::complain("interrupted: there is no answer yet");
            interrupt.status().unwrap_or(Status::Interrupted)
        }
        error => Terminal::refuse(&format!("error: {error}")),
    })
}

fn print(
    arguments: &SearchArguments,
    json: &str,
    text: impl FnOnce() -> String,
) -> Result<(), Status> {
    let mut terminal = Terminal::new();
    match arguments.json {
        true => terminal.json(json),
        false => terminal.tables(&text()),
    }
    terminal.done()
}

fn answered(answer: &Answer) -> String {
    let field = &answer.field;
    let mut text = match &answer.value {
        Some(value) => {
            let value = shown(value);
            format!("{field} = {value} is the least value that fulfils the constraints\n")
        }
        None => none_found(answer),
    };
    if let Some(neighbour) = answer.neighbour().filter(|one| one.verdict == Verdict::Undecided) {
        text += &format!(
            "{} is undecided after {} runs: it may fulfil them as well\n",
            shown(&neighbour.value),
            neighbour.runs
        );
    }
    if !answer.is_monotone {
        text +=
            "the probes are not monotone: a larger value is worse, so there may be other answers\n";
    }
    let mut probes = table();
    let mut header = vec!["runs".to_owned(), "constraints".to_owned()];
    header.extend(answer.subject_to.iter().cloned());
    row(&mut probes, field, &header);
    for probe in &answer.probes {
        let mut cells = vec![probe.runs.to_string(), verdict(probe).to_owned()];
        cells.extend(probe.measured.iter().map(mean));
        row(&mut probes, &format!("  {}", shown(&probe.value)), &cells);
    }
    text += &failures(&answer.probes);
    format!("{text}\n{}", lines(&probes)).trim_end().to_owned()
}

/// What was probed, if that has no answer: the values between are only presumed to fulfil nothing.
fn none_found(answer: &Answer) -> String {
    let each = answer.probes.iter().map(|probe| {
        let said = match probe.verdict {
            Verdict::Undecided => "is undecided",
            _ => "does not",
        };
        format!("{} {said}", shown(&probe.value))
    });
    let each = each.collect::<Vec<_>>().join(", ");
    format!(
        "no value of {} is known to fulfil the constraints; of those probed: {each}\n",
        answer.field
    )
}

fn drawn_curve(curve: &Curve) -> String {
    let mut points = table();
    let mut header = vec!["runs".to_owned(), "constraints".to_owned()];
    for metric in &curve.metrics {
        header.extend([metric.clone(), "95 % interval".to_owned()]);
    }
    row(&mut points, &curve.field, &header);
    for point in &curve.points {
        let mut cells = vec![point.runs.to_string(), verdict(point).to_owned()];
        for metric in &curve.metrics {
            let measured = point.measured.iter().find(|measured| measured.metric == *metric);
            let interval = measured.and_then(|measured| measured.interval);
            let interval =
                interval.map(|known| format!("{} to {}", number(known.low), number(known.high)));
            cells.extend([measured.map(mean).unwrap_or_default(), interval.unwrap_or_default()]);
        }
        row(&mut points, &format!("  {}", shown(&point.value)), &cells);
    }
    format!("{}{}", failures(&curve.points), lines(&points)).trim_end().to_owned()
}

fn verdict(probe: &Probe) -> &'static str {
    match probe.verdict {
        Verdict::Met => "met",
        Verdict::Violated if probe.failed.is_some() => "violated: a run failed",
        Verdict::Violated => "violated",
        Verdict::Undecided => "undecided, counts as violated",
    }
}

fn mean(measured: &Measurement) -> String {
    match measured.mean {
        _ if measured.is_infinite => "infinite".to_owned(),
        // What it tells of has not occurred.
        mean => mean.map_or_else(|| "not in all runs".to_owned(), number),
    }
}

/// Why runs have failed.
fn failures(probes: &[Probe]) -> String {
    let failed = probes.iter().filter_map(|probe| {
        let reason = probe.failed.as_ref()?;
        Some(format!("with {} a run failed: {reason}\n", shown(&probe.value)))
    });
    failed.collect()
}
