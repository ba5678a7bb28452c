//! Opens traces on disk, and shows their errors.
//!
//! Reading is done by [`isotherm_workload`], which opens no files; this module does, and turns an
//! error of a trace into a diagnostic that shows the row.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics};
use isotherm_config::source::Sources;
use isotherm_kernel::RandomStreams;
use isotherm_workload::{
    Azure2019Replay, Azure2021, Azure2021Trace, CsvDialect, CsvTable, FunctionNames, JsonlTable,
    JsonlTrace, ParquetTable, ParquetTrace, Part, PartOf, RequestColumns, RequestFiles, TableRows,
    Trace, TraceCheck, TraceError, TraceProblem, Workload, WorkloadError, check_trace,
};

use crate::files;
use crate::plan::{AzureContent, AzurePlan, AzureSource, AzureTrace, CsvPlan, TableFormat};

/// Opens a trace and reads its first row, and what says which columns it has.
///
/// # Errors
///
/// What is wrong with the trace; a file that cannot be opened is unreadable.
pub fn open(
    plan: &CsvPlan,
    functions: FunctionNames,
) -> Result<Box<dyn Workload + Send>, WorkloadError> {
    let (name, columns) = (plan.shown.as_str(), &plan.columns);
    let file = open_file(&plan.path, name)?;
    let part = plan.part;
    Ok(match plan.format {
        TableFormat::Csv => {
            let table = CsvTable::of_dialect(name, file, plan.dialect)?;
            parted(Trace::of_table(table, columns, functions)?, part)
        }
        TableFormat::Jsonl => parted(JsonlTrace::new(name, file, columns, functions)?, part),
        TableFormat::Parquet => parted(ParquetTrace::new(name, file, columns, functions)?, part),
    })
}

/// A part of a workload; all of it costs nothing more.
fn parted(workload: impl Workload + Send + 'static, part: Part) -> Box<dyn Workload + Send> {
    match part == Part::default() {
        true => Box::new(workload),
        false => Box::new(PartOf::new(workload, part)),
    }
}

/// Reads the part of a trace that is played and checks it. The first `limit` errors of its rows are
/// returned in full.
///
/// # Errors
///
/// What is wrong with the trace as a whole; a file that cannot be opened is unreadable.
pub fn check(
    plan: &CsvPlan,
    functions: FunctionNames,
    limit: usize,
) -> Result<TraceCheck, WorkloadError> {
    check_trace(table_of(plan)?, &plan.columns, functions, &plan.part, limit)
}

/// Opens the table of a trace.
///
/// # Errors
///
/// What is wrong with the table as a whole; a file that cannot be opened is unreadable.
pub fn table_of(plan: &CsvPlan) -> Result<Box<dyn TableRows>, WorkloadError> {
    table_written(plan.format, &plan.path, &plan.shown, plan.dialect)
}

/// Opens a table in a file.
///
/// # Errors
///
/// What is wrong with the table as a whole; a file that cannot be opened is unreadable.
pub fn table(
    format: TableFormat,
    path: &Path,
    shown: &str,
) -> Result<Box<dyn TableRows>, WorkloadError> {
    table_written(format, path, shown, CsvDialect::default())
}

/// Opens a table in a file that is written in this way, if it is CSV.
///
/// # Errors
///
/// As for [`table`].
pub fn table_written(
    format: TableFormat,
    path: &Path,
    shown: &str,
    dialect: CsvDialect,
) -> Result<Box<dyn TableRows>, WorkloadError> {
    let file = open_file(path, shown)?;
    Ok(match format {
        TableFormat::Csv => Box::new(CsvTable::of_dialect(shown, file, dialect)?),
        TableFormat::Jsonl => Box::new(JsonlTable::new(shown, file)?),
        TableFormat::Parquet => Box::new(ParquetTable::new(shown, file)?),
    })
}

/// The invocations of a trace of Azure Functions.
///
/// # Errors
///
/// What is wrong with the trace; a file that cannot be opened is unreadable.
pub fn azure(
    plan: &AzurePlan,
    streams: RandomStreams,
) -> Result<Box<dyn Workload + Send>, WorkloadError> {
    let AzureTrace { source, content, numbers } = &*plan.trace;
    match content {
        AzureContent::Year2019(trace) => {
            let (trace, replay) = (Arc::clone(trace), plan.replay.clone());
            let (streams, from) = (&streams, plan.part.from);
            let replay =
                Azure2019Replay::new(trace, numbers, replay, from, *streams, &plan.streams)?;
            Ok(parted(replay, plan.part))
        }
        AzureContent::Year2021(trace) => {
            Ok(Box::new(azure_2021(source, Arc::clone(trace), numbers, &plan.part)?))
        }
    }
}

/// Opens a part of a trace of 2021.
pub fn azure_2021(
    source: &AzureSource,
    trace: Arc<Azure2021>,
    numbers: &[Option<u32>],
    part: &Part,
) -> Result<PartOf<Azure2021Trace<File>>, WorkloadError> {
    // None of its functions is left out, so that they follow each other.
    let first = numbers.first().copied().flatten().unwrap_or(0);
    let columns = source.requests().map_or(RequestColumns::AZURE_2021, |(columns, _)| columns);
    let rows = Azure2021Trace::new(request_files(source), columns, trace, first)?;
    Ok(PartOf::new(rows, *part))
}

/// The files of a trace with a row for each invocation.
#[must_use]
pub fn request_files(source: &AzureSource) -> RequestFiles<File> {
    let files = match source {
        AzureSource::Year2021 { path, shown, .. } => vec![(path.clone(), shown.clone())],
        AzureSource::Huawei2025 { files, .. } => {
            files.iter().map(|file| (file.clone(), file.display().to_string())).collect()
        }
        AzureSource::Year2019 { .. } | AzureSource::Huawei2023 { .. } => Vec::new(),
    };
    Box::new(files.into_iter().map(|(path, shown)| {
        let file = open_file(&path, &shown)?;
        Ok((shown, file))
    }))
}

/// The diagnostic of an error of a workload: for a trace, the row with the value marked.
pub fn diagnostic(error: &WorkloadError, sources: &mut Sources) -> Diagnostic {
    let WorkloadError::Trace(error) = error else {
        return Diagnostic::without_place(error.to_string());
    };
    let text = error.to_string();
    let place = match error.line {
        Some(line) => format!("{}:{line}: ", error.name),
        None => format!("{}: ", error.name),
    };
    // The place is shown by itself.
    let message = text.strip_prefix(&place).unwrap_or(&text).to_owned();
    let Some(line) = error.line.filter(|_| !error.row.is_empty()) else {
        // There is no row to show.
        let message =
            error.line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"));
        let source = sources.add(&error.name, "");
        return Diagnostic::at(sources.line(source, 1), message, error.hint());
    };
    let source = sources.add_lines(&error.name, &error.row, line as usize);
    let mut place = sources.line(source, 1);
    if let Some(start) = error.field
        && start <= place.end
    {
        // The field with the error, up to the next comma or as far as it is known to be wrong.
        let rest = error.row.get(start..place.end).unwrap_or_default();
        let length = error.value().map_or_else(|| rest.find(',').unwrap_or(rest.len()), str::len);
        place.start = start;
        place.end = place.end.min(start + length);
        // A long value was cut, perhaps within a character.
        while !error.row.is_char_boundary(place.end) {
            place.end -= 1;
        }
    }
    Diagnostic::at(place, message, error.hint())
}

/// The diagnostics of an error that a workload has in the middle of a run.
#[must_use]
pub fn diagnostics(error: &WorkloadError) -> Diagnostics {
    let mut sources = Sources::default();
    let diagnostic = diagnostic(error, &mut sources);
    Diagnostics::new(sources, vec![diagnostic])
}

/// How many rows of a trace are [marked](isotherm_workload::count_marked) in a column.
///
/// # Errors
///
/// What is wrong with the trace; a file that cannot be opened is unreadable.
pub fn count_marked(path: &Path, column: &str) -> Result<u64, WorkloadError> {
    let shown = path.display().to_string();
    isotherm_workload::count_marked(table(TableFormat::Csv, path, &shown)?, column)
}

/// Opens a file of a trace.
///
/// # Errors
///
/// A file that cannot be opened is unreadable.
pub fn open_file(path: &Path, shown: &str) -> Result<File, WorkloadError> {
    Ok(files::open(path).map_err(|error| {
        Box::new(TraceError {
            name: shown.to_owned(),
            line: None,
            column: None,
            row: String::new(),
            field: None,
            problem: TraceProblem::Unreadable(error),
        })
    })?)
}
