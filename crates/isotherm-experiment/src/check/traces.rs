//! Looking at the traces that the experiment names, and telling what is wrong with them.

use isotherm_config::diagnostic::{Diagnostic, thousands};
use isotherm_config::hint::suggestion;
use isotherm_config::source::Located;
use isotherm_kernel::Time;
use isotherm_workload::{FunctionNames, TraceError, TraceProblem, Workload, WorkloadError};

use crate::check::context::Context;
use crate::check::known_traces::{Depth, TraceSize};
use crate::plan::{CsvPlan, TableFormat};
use crate::trace;

/// So many things that are wrong with the rows of a trace are told in full.
const MOST_OF_A_TRACE: usize = 20;

/// Looks at a trace, and reports what is wrong with it. `wanted` are its columns as the
/// experiment names them.
pub fn check(
    plan: &CsvPlan,
    file: &Located<String>,
    wanted: &[&Located<String>],
    context: &Context<'_>,
) {
    if context.functions.is_incomplete() {
        return;
    }
    let functions: Vec<String> = context.functions.iter().map(str::to_owned).collect();
    if context.traces.is_known(plan, &functions) {
        return;
    }
    let names = FunctionNames::new(functions.iter().map(String::as_str));
    let looked_at = match context.traces.depth() {
        Depth::Beginning => trace::open(plan, names).map(|mut trace| {
            // A row that cannot be read is told of when the run comes to it.
            match trace.next_arrival() {
                Ok(Some(arrival)) => context.traces.add_first(plan, arrival.at),
                Ok(None) => no_row_is_played(file, context),
                Err(_) => {}
            }
        }),
        Depth::Whole => trace::check(plan, names, MOST_OF_A_TRACE).map(|check| {
            let shown = check.errors.len() as u64;
            for error in check.errors {
                report(&Box::new(error).into(), file, wanted, context);
            }
            if check.further > 0 {
                let message = further(&file.value, shown, check.further);
                context.report.push(Diagnostic::at(file.span, message, ""));
            }
            if check.played == 0 && shown == 0 {
                no_row_is_played(file, context);
            }
            if let Some(first) = check.first {
                context.traces.add_first(plan, first);
            }
            let size = TraceSize { arrivals: check.played, last: check.last.unwrap_or(Time::ZERO) };
            context.traces.add(plan.clone(), functions, size, check.demand);
        }),
    };
    let Err(error) = looked_at else { return };
    if let WorkloadError::Trace(trace) = &error
        && matches!(trace.problem, TraceProblem::Empty | TraceProblem::NoRows)
    {
        let hint = match plan.format {
            TableFormat::Csv => "the file has no row below its header",
            TableFormat::Jsonl => "the file has no line",
            TableFormat::Parquet => "the file has no row",
        };
        context.report.error(file.span, "this workload is empty", hint);
        return;
    }
    report(&error, file, wanted, context);
}

/// Reports a trace that has rows, but none in its window.
fn no_row_is_played(file: &Located<String>, context: &Context<'_>) {
    context.report.error(
        file.span,
        "this workload is empty",
        "no row of the file is in its window",
    );
}

/// That only some of the errors of a file are told.
#[must_use]
pub fn further(file: &str, shown: u64, further: u64) -> String {
    let all = thousands(shown.saturating_add(further));
    format!("`{file}`: {shown} of {all} errors in its rows shown")
}

/// Reports what is wrong with a trace. An error of the whole file is shown where the experiment
/// names the file or one of its columns, one of a row where the row is.
pub fn report(
    error: &WorkloadError,
    file: &Located<String>,
    wanted: &[&Located<String>],
    context: &Context<'_>,
) {
    if let WorkloadError::Trace(error) = error
        && let TraceError { line: None, problem, .. } = &**error
    {
        match problem {
            TraceProblem::Unreadable(error) => context.cannot_read(file, error),
            TraceProblem::MissingColumn { columns, .. } if !wanted.is_empty() => {
                // The trace reports the first column that is missing; there may be more.
                for column in wanted {
                    no_column(columns, column, &file.value, context);
                }
            }
            TraceProblem::AmbiguousColumn => {
                let place =
                    wanted.iter().find(|column| Some(&column.value) == error.column.as_ref());
                let place = place.map_or(file.span, |column| column.span);
                context.report.error(
                    place,
                    format!("`{}`: {}", file.value, error.message()),
                    error.hint(),
                );
            }
            _ => context.report.error(
                file.span,
                format!("`{}`: {}", file.value, error.message()),
                error.hint(),
            ),
        }
        return;
    }
    let diagnostic = trace::diagnostic(error, &mut context.sources.borrow_mut());
    context.report.push(diagnostic);
}

/// Reports a column that a file does not have, unless it has it.
fn no_column(columns: &[String], column: &Located<String>, file: &str, context: &Context<'_>) {
    if columns.contains(&column.value) {
        return;
    }
    let hint = suggestion(&column.value, columns.iter().map(String::as_str)).unwrap_or_else(|| {
        let problem = TraceProblem::MissingColumn { columns: columns.to_vec(), similar: None };
        let column = Some(column.value.clone());
        TraceError {
            name: file.to_owned(),
            line: None,
            column,
            row: String::new(),
            field: None,
            problem,
        }
        .hint()
    });
    let message = format!("`{file}` has no column `{}`", column.value);
    context.report.error(column.span, message, hint);
}
