//! What is wrong with a trace that the experiment names.

use isotherm_workload::{TraceError, TraceProblem, WorkloadError};

use crate::check::context::Context;
use crate::check::fields::suggestion;
use crate::source::Located;
use crate::trace;

/// Reports what is wrong with a trace. An error of the whole file is shown where the experiment names the file or one of
/// its columns, one of a row where the row is.
pub fn report(error: &WorkloadError, file: &Located<String>, wanted: &[&Located<String>], context: &Context<'_>) {
    if let WorkloadError::Trace(error) = error
        && let TraceError { line: None, problem, .. } = &**error
    {
        match problem {
            TraceProblem::Unreadable(error) => context.cannot_read(file, error),
            TraceProblem::MissingColumn { columns, .. } => {
                // The trace reports the first column that is missing; there may be more.
                for column in wanted {
                    no_column(columns, column, &file.value, context);
                }
            }
            TraceProblem::AmbiguousColumn => {
                let place = wanted.iter().find(|column| Some(&column.value) == error.column.as_ref());
                let place = place.map_or(file.span, |column| column.span);
                context.report.error(place, format!("`{}`: {}", file.value, error.message()), error.hint());
            }
            _ => context.report.error(file.span, format!("`{}`: {}", file.value, error.message()), error.hint()),
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
        TraceError { name: file.to_owned(), line: None, column, row: String::new(), problem }.hint()
    });
    let message = format!("`{file}` has no column `{}`", column.value);
    context.report.error(column.span, message, hint);
}
