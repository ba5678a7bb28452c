//! `isotherm search`

use isotherm_study::compare::number;
use isotherm_study::search::{Answer, SearchError, Verdict, search};

use crate::Status;
use crate::arguments::SearchArguments;
use crate::table::{lines, row, table};
use crate::terminal::Terminal;

/// Finds the least value of a field, and shows the probes.
pub fn run(arguments: &SearchArguments) -> Result<(), Status> {
    let overrides = arguments.experiment.overrides();
    let answer = search(&arguments.experiment.file, &overrides).map_err(|error| match error {
        SearchError::Experiment(diagnostics) => Terminal::bad_input(&diagnostics),
        error => Terminal::refuse(&format!("error: {error}")),
    })?;
    let mut terminal = Terminal::new();
    match arguments.json {
        true => terminal.json(&serde_json::to_string_pretty(&answer).unwrap_or_default()),
        false => terminal.tables(&shown(&answer)),
    }
    terminal.done()?;
    if answer.value.is_some() { Ok(()) } else { Err(Status::CouldNotGoOn) }
}

fn shown(answer: &Answer) -> String {
    let field = &answer.field;
    let mut text = match answer.value {
        Some(value) => {
            format!("{field} = {value} is the least value that fulfils the constraints\n")
        }
        None => format!("no value of {field} in the range fulfils the constraints\n"),
    };
    if !answer.is_monotone {
        text +=
            "the probes are not monotone: a larger value is worse, so there may be other answers\n";
    }
    let mut probes = table();
    let mut header = vec!["runs".to_owned(), "constraints".to_owned()];
    header.extend(answer.subject_to.iter().cloned());
    row(&mut probes, field, &header);
    for probe in &answer.probes {
        let verdict = match probe.verdict {
            Verdict::Met => "met",
            Verdict::Violated if probe.failed.is_some() => "violated: a run failed",
            Verdict::Violated => "violated",
            Verdict::Undecided => "undecided, counts as violated",
        };
        let mut cells = vec![probe.runs.to_string(), verdict.to_owned()];
        cells.extend(probe.means.iter().map(|mean| mean.map(number).unwrap_or_default()));
        row(&mut probes, &format!("  {}", probe.value), &cells);
    }
    for probe in &answer.probes {
        if let Some(reason) = &probe.failed {
            text += &format!("with {} a run failed: {reason}\n", probe.value);
        }
    }
    format!("{text}\n{}", lines(&probes)).trim_end().to_owned()
}
