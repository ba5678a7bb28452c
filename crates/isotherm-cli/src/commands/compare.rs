//! `isotherm compare`

use comfy_table::{Cell, CellAlignment};
use isotherm_study::compare::{
    CompareOptions, Comparison, Difference, Method, Pair, compare, number, percent,
};

use crate::Status;
use crate::arguments::{CompareArguments, CompareBy};
use crate::table::{lines, table};
use crate::terminal::Terminal;

/// Says in what the results in folders differ.
pub fn run(arguments: &CompareArguments) -> Result<(), Status> {
    let options = CompareOptions {
        metrics: arguments.metric.clone(),
        by_function: arguments.by == Some(CompareBy::Function),
    };
    let comparison = compare(&arguments.folders, &options)
        .map_err(|error| Terminal::refuse(&format!("error: {error}")))?;
    let mut terminal = Terminal::new();
    match arguments.json {
        true => terminal.json(&serde_json::to_string_pretty(&comparison).unwrap_or_default()),
        false => terminal.tables(&shown(&comparison, !options.metrics.is_empty())),
    }
    terminal.done()
}

/// Each set beside the first: sentences, then the numbers.
fn shown(comparison: &Comparison, shows_all: bool) -> String {
    let pairs = comparison.against_first.iter().map(|pair| {
        let metrics = || pair.metrics.iter().filter(|one| shows_all || one.is_principal());
        let sentences: String = metrics().map(|one| format!("  {}\n", one.says)).collect();
        format!("{}\n\n{sentences}\n{}", heading(pair), numbers(pair, metrics()))
    });
    let without = comparison.without_results.iter();
    let without = without.map(|point| format!("{point}: no results, since all of its runs failed"));
    pairs.chain(without).collect::<Vec<_>>().join("\n\n").trim_end().to_owned()
}

fn heading(pair: &Pair) -> String {
    let Pair { base, other, .. } = pair;
    let what = match pair.method {
        Method::PairedRuns => format!("{} pairs of runs with the same seed", pair.base_runs),
        Method::IndependentRuns => {
            format!("{} and {} runs that are not paired", pair.other_runs, pair.base_runs)
        }
        Method::PairedBatches => "one run each, with the same seed".to_owned(),
        Method::IndependentBatches => "one run each, with different seeds".to_owned(),
    };
    format!("{other} compared with {base}: {what}")
}

fn numbers<'a>(pair: &Pair, metrics: impl Iterator<Item = &'a Difference>) -> String {
    let mut table = table();
    let mut row = |label: String, numbers: [String; 4]| {
        let number = |number| Cell::new(number).set_alignment(CellAlignment::Right);
        let mut cells = vec![Cell::new(label)];
        cells.extend(numbers.map(number));
        table.add_row(cells);
    };
    let header = [&*pair.base, &*pair.other, "difference", "95 % interval"].map(str::to_owned);
    row("metric".to_owned(), header);
    for one in metrics {
        let label = match &one.function {
            Some(function) => format!("  {function} {}", one.metric),
            None => format!("  {}", one.metric),
        };
        let difference = one.relative.map_or_else(|| number(one.difference), percent);
        let interval = one.relative_interval.map(|known| [known.low, known.high].map(percent));
        let interval = interval.or(one.interval.map(|known| [known.low, known.high].map(number)));
        let interval = interval.map(|[low, high]| format!("{low} to {high}"));
        row(label, [number(one.base), number(one.other), difference, interval.unwrap_or_default()]);
    }
    lines(&table)
}
