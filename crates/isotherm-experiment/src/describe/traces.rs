//! What traces in files look like: tables in CSV, JSONL and Parquet, and the traces of Azure
//! Functions.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics};
use isotherm_config::hint::suggestion;
use isotherm_config::source::Sources;
use isotherm_kernel::{RandomStreams, Time};
use isotherm_workload::{
    AppSample, Azure2019, Azure2019Files, Azure2019Replay, Azure2021, Columns, CsvDialect,
    DateColumn, DateFormat, FunctionColumn, FunctionNames, Part, PartOf, ReplayConfig,
    RequestColumns, TableRows, TimeColumn, TimeUnit, TraceError, TraceProblem, WorkloadError,
    distinct_values, told_format,
};

use super::{Gatherer, WorkloadReport};
use crate::check::azure::{self, FAMILIES, INVOCATIONS, MOST};
use crate::check::huawei::{self, Broken};
use crate::check::io_reason;
use crate::plan::{AppMemory, AzureSource, CsvPlan, TableFormat};
use crate::trace::{self, open_file};

/// The number of columns that are listed by name.
const MOST_COLUMNS: usize = 12;

/// The number of characters of the name of a column that are shown.
const LONGEST_NAME: usize = 40;

/// A column that all files of the trace of Azure Functions of 2019 have.
const COLUMN_2019: &str = "HashApp";

/// The columns of the trace of Azure Functions of 2021.
const COLUMNS_2021: [&str; 4] = ["app", "func", "end_timestamp", "duration"];

/// Columns that only the request tables of Huawei Cloud of 2025 have together.
const COLUMNS_2025: [&str; 5] = ["time_worker", "totalCost_worker", "funcName", "userID", "podID"];

/// Which column of a trace holds what; what is not said is looked for by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceColumns {
    /// The column of the dates of arrival, such as `arrival_s`.
    pub arrival: Option<String>,
    /// The column of the functions.
    pub function: Option<String>,
    /// The column of the durations.
    pub duration: Option<String>,
    /// The unit of times in columns whose names do not say it: `s` if it is not given.
    pub unit: Option<TimeUnit>,
}

/// What the names of columns begin with that hold arrivals, functions and durations, the likeliest
/// first.
const ARRIVALS: &[&str] =
    &["arrival", "submitted", "invoked", "timestamp", "start", "time", "date"];
const FUNCTIONS: &[&str] = &["function", "func", "name", "app"];
const DURATIONS: &[&str] = &["duration", "execution", "run", "service", "response"];

/// Describes a trace: a table in CSV, JSONL or Parquet (as the end of its name says) whose rows are
/// ordered by arrival, the trace of Azure Functions of 2021, or that of 2019 (its folder for all of
/// its days, or the invocations of one day; dates are uniform within their minute).
///
/// `limit` is the number of invocations that are looked at, the first ones.
///
/// # Errors
///
/// What is wrong with it, at its row.
pub fn describe_trace(
    path: &Path,
    columns: &TraceColumns,
    limit: Option<NonZeroU32>,
) -> Result<WorkloadReport, Diagnostics> {
    let most = limit.map_or(u64::MAX, |limit| u64::from(limit.get()));
    let part = Part { most, ..Part::default() };
    let shown = path.display().to_string();
    let are_columns_given = *columns != TraceColumns::default();
    if let Some((folder, days)) = azure::folder_and_days(path) {
        return match are_columns_given {
            true => Err(Diagnostics::single(
                "`--columns` is for tables; the trace of Azure Functions of 2019 has its own columns",
            )),
            false => describe_2019(&folder, shown, &days, part),
        };
    }
    if let Some((folder, days)) = huawei::folder_and_days(path) {
        let only_unit = TraceColumns { unit: columns.unit, ..TraceColumns::default() };
        return match &columns.unit {
            _ if *columns != only_unit => Err(Diagnostics::single(
                "the trace of Huawei Cloud of 2023 has its own columns; `--columns` takes the \
                 unit of its delays",
            )),
            unit if unit.is_none() && huawei::has_delays(&folder) => Err(Diagnostics::single(
                "the unit of the delays of this trace is not known: say it by `--columns \
                 unit=UNIT`",
            )),
            unit => describe_huawei_2023(&folder, shown, &days, *unit, part),
        };
    }
    let files = huawei::tables_of(path).unwrap_or_default();
    if let Some(first) = files.first().filter(|_| !are_columns_given)
        && Table::of(first, &first.display().to_string()).has_columns(&COLUMNS_2025)
    {
        let (columns, sample) = (RequestColumns::HUAWEI_2025, AppSample::default());
        return describe_requests(&AzureSource::Huawei2025 { files, shown, sample, columns }, part);
    }
    let table = Table::of(path, &shown);
    let rows = table.open().map_err(broken)?;
    let header = rows.columns();
    if !are_columns_given && table.is_azure_2021(header) {
        let (path, shown) = (path.to_owned(), shown.clone());
        let sample = AppSample::default();
        return describe_requests(&AzureSource::Year2021 { path, shown, sample }, part);
    }
    let mut found = columns.found(header, &shown)?;
    if columns.unit.is_none() {
        let arrival = &mut found.arrival;
        match told_format(&mut table.open().map_err(broken)?, &arrival.name).map_err(broken)? {
            Some(DateFormat::Iso8601) => *arrival = DateColumn::iso8601(&arrival.name),
            Some(format) => arrival.format = format,
            None => {}
        }
    }
    table.describe(&found, part).map_err(broken)
}

fn broken(error: WorkloadError) -> Diagnostics {
    match &error {
        WorkloadError::Trace(trace) => match &trace.problem {
            TraceProblem::Unreadable(reason) => {
                let what = format!("cannot read `{}`: {}", trace.name, io_reason(reason));
                Diagnostics::single(match reason.kind() {
                    ErrorKind::IsADirectory => {
                        format!(
                            "{what}; name a file in it, or a folder with `{INVOCATIONS}.d01.csv`"
                        )
                    }
                    _ => what,
                })
            }
            _ => trace::diagnostics(&error),
        },
        _ => trace::diagnostics(&error),
    }
}

/// A table in a file.
struct Table<'a> {
    path: &'a Path,
    shown: &'a str,
    format: TableFormat,
}

impl<'a> Table<'a> {
    fn of(path: &'a Path, shown: &'a str) -> Self {
        Table { path, shown, format: TableFormat::of_name(shown) }
    }

    /// Whether it can be read and has these columns.
    fn has_columns(&self, columns: &[&str]) -> bool {
        self.format == TableFormat::Csv
            && self.open().is_ok_and(|rows| {
                columns.iter().all(|column| rows.columns().iter().any(|name| name == column))
            })
    }

    fn open(&self) -> Result<Box<dyn TableRows>, WorkloadError> {
        trace::table(self.format, self.path, self.shown)
    }

    /// Whether it is the trace of Azure Functions of 2021, which is in CSV.
    fn is_azure_2021(&self, header: &[String]) -> bool {
        self.format == TableFormat::Csv
            && COLUMNS_2021.iter().all(|column| header.iter().any(|name| name == column))
    }

    fn describe(&self, columns: &Columns, part: Part) -> Result<WorkloadReport, WorkloadError> {
        let names = match &columns.function {
            FunctionColumn::Named(column) => distinct_values(self.open()?, column)?,
            FunctionColumn::Fixed(_) | FunctionColumn::Numbered(_) => {
                vec!["all of them".to_owned()]
            }
        };
        let (path, shown) = (self.path.to_owned(), self.shown.to_owned());
        let dialect = CsvDialect::default();
        let columns = columns.clone();
        let plan = CsvPlan { format: self.format, path, shown, dialect, columns, part };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut gatherer = Gatherer::default();
        gatherer.take(&mut *trace::open(&plan, FunctionNames::new(names.iter().copied()))?)?;
        Ok(gatherer.report(plan.shown, &names, None))
    }
}

fn describe_requests(source: &AzureSource, part: Part) -> Result<WorkloadReport, Diagnostics> {
    let shown = source.shown();
    let (columns, sample) =
        source.requests().unwrap_or((RequestColumns::AZURE_2021, AppSample::default()));
    let scan = Azure2021::scan(trace::request_files(source), columns, sample, MOST);
    let scan = scan.map_err(broken)?;
    let mut wrong = Wrong::default();
    wrong.rows(shown, scan.errors, scan.further);
    wrong.into_result()?;
    let trace = Arc::new(scan.trace);
    let gathered = || {
        let mut gatherer = Gatherer::default();
        gatherer.take(&mut trace::azure_2021(source, Arc::clone(&trace), &[], &part)?)?;
        Ok(gatherer)
    };
    let names: Vec<&str> = trace.functions.iter().map(String::as_str).collect();
    let memory: Option<Vec<u64>> = trace.memory_bytes_of_functions.iter().copied().collect();
    Ok(gathered().map_err(broken)?.report(shown.to_owned(), &names, memory.as_deref()))
}

fn describe_2019(
    folder: &Path,
    shown: String,
    days: &[u16],
    part: Part,
) -> Result<WorkloadReport, Diagnostics> {
    let mut files = Azure2019Files::new(AppSample::default(), MOST);
    let mut wrong = Wrong::default();
    for family in FAMILIES {
        for (number, &day) in (0u16..).zip(days) {
            if let Some(path) = azure::file_of_day(folder, family, day) {
                let name = path.display().to_string();
                let read = open_file(&path, &name)
                    .and_then(|file| azure::read_family(&mut files, family, number, &name, file));
                if let Err(error) = read {
                    wrong.trace(&error);
                }
            } else if family == azure::DURATIONS {
                // The data set has no memory sizes for the later days, but durations for all.
                let message =
                    format!("there is no file `{family}.d{day:02}.csv`, nor a compressed one");
                let hint = format!(
                    "how long what is in `{INVOCATIONS}.d{day:02}.csv` takes would not be known"
                );
                wrong.file(&folder.display().to_string(), message, hint);
            }
        }
    }
    let scan = files.finish();
    wrong.rows(&shown, scan.errors, scan.further);
    wrong.into_result()?;
    described_minutes(scan.trace, shown, part)
}

fn describe_huawei_2023(
    folder: &Path,
    shown: String,
    days: &[u16],
    delay_unit: Option<TimeUnit>,
    part: Part,
) -> Result<WorkloadReport, Diagnostics> {
    let mut wrong = Wrong::default();
    let (scan, broken) = huawei::scan(folder, days, AppSample::default(), delay_unit, |_| {});
    for broken in broken {
        match broken {
            Broken::Unreadable(_, error) => wrong.trace(&error),
            Broken::Missing(family, day) => {
                let message = format!("there is no file `{family}/day_{day:03}.csv`");
                let hint = "how long what is requested on this day takes would not be known";
                wrong.file(&folder.display().to_string(), message, hint.to_owned());
            }
        }
    }
    wrong.rows(&shown, scan.errors, scan.further);
    wrong.into_result()?;
    described_minutes(scan.trace, shown, part)
}

/// What counts of minutes look like.
fn described_minutes(
    trace: Azure2019,
    shown: String,
    part: Part,
) -> Result<WorkloadReport, Diagnostics> {
    let trace = Arc::new(trace);
    let numbers: Vec<Option<u32>> = (0u32..).take(trace.functions.len()).map(Some).collect();
    let streams = RandomStreams::new(0);
    let gathered = || {
        let mut gatherer = Gatherer::default();
        let replay = Azure2019Replay::new(
            Arc::clone(&trace),
            &numbers,
            ReplayConfig::default(),
            Time::ZERO,
            streams,
            "workload/1",
        );
        gatherer.take(&mut PartOf::new(replay?, part))?;
        Ok(gatherer)
    };
    let names: Vec<&str> = trace.functions.iter().map(|function| function.name.as_str()).collect();
    let memory: Option<Vec<u64>> = trace
        .functions
        .iter()
        .map(|function| azure::memory_of(function, AppMemory::Split))
        .collect();
    Ok(gathered().map_err(broken)?.report(shown, &names, memory.as_deref()))
}

/// The errors of a trace, perhaps in several of its files.
#[derive(Default)]
struct Wrong {
    sources: Sources,
    list: Vec<Diagnostic>,
}

impl Wrong {
    fn trace(&mut self, error: &WorkloadError) {
        self.list.push(trace::diagnostic(error, &mut self.sources));
    }

    fn file(&mut self, name: &str, message: String, hint: String) {
        let source = self.sources.add(name, "");
        self.list.push(Diagnostic::at(self.sources.line(source, 1), message, hint));
    }

    fn rows(&mut self, shown: &str, errors: Vec<TraceError>, further: u64) {
        let told = errors.len() as u64;
        for error in errors {
            self.trace(&Box::new(error).into());
        }
        if further > 0 {
            let message = crate::check::further(shown, told, further);
            self.list.push(Diagnostic::without_place(message));
        }
    }

    /// Good if nothing is.
    fn into_result(self) -> Result<(), Diagnostics> {
        match self.list.is_empty() {
            true => Ok(()),
            false => Err(Diagnostics::new(self.sources, self.list)),
        }
    }
}

impl TraceColumns {
    /// The columns of a trace with this header.
    fn found(&self, header: &[String], shown: &str) -> Result<Columns, Diagnostics> {
        let mut missing = None;
        let mut column = |given: &Option<String>, beginnings: &[&str]| match given {
            Some(name) if header.contains(name) => Some(name.clone()),
            Some(name) => {
                let hint = suggestion(name, header.iter().map(String::as_str));
                let hint = hint.unwrap_or_else(|| format!("its columns are {}", listed(header)));
                missing =
                    Some(Diagnostics::single(format!("`{shown}` has no column `{name}`: {hint}")));
                None
            }
            None => beginnings.iter().find_map(|beginning| {
                header.iter().find(|name| name.to_lowercase().starts_with(beginning)).cloned()
            }),
        };
        let arrival = column(&self.arrival, ARRIVALS);
        let function = column(&self.function, FUNCTIONS);
        let duration = column(&self.duration, DURATIONS);
        if let Some(missing) = missing {
            return Err(missing);
        }
        let Some(arrival) = arrival else {
            if header.iter().any(|name| name == COLUMN_2019) {
                let message =
                    format!("`{shown}` is a part of the trace of Azure Functions of 2019");
                return Err(Diagnostics::single(format!(
                    "{message}: describe its folder, or `{INVOCATIONS}.d01.csv`"
                )));
            }
            let columns = listed(header);
            let message = format!(
                "no column of `{shown}` looks like dates of arrival: say which by `--columns arrival=NAME` (its columns are {columns})"
            );
            return Err(Diagnostics::single(message));
        };
        let unit = |name: &str| TimeUnit::of_column(name).or(self.unit).unwrap_or(TimeUnit::SECOND);
        let time = |name: String| TimeColumn { unit: unit(&name), name };
        Ok(Columns {
            arrival: DateColumn::new(&arrival, unit(&arrival)),
            function: function.map_or(FunctionColumn::Fixed(0), FunctionColumn::Named),
            duration: duration.map(time),
        })
    }
}

/// The names of columns for a message: not all of very many, and readable whatever the file is.
fn listed(header: &[String]) -> String {
    let shown = |name: &String| {
        let plain =
            |c: char| if c.is_control() || c == char::REPLACEMENT_CHARACTER { '?' } else { c };
        format!("`{}`", name.chars().take(LONGEST_NAME).map(plain).collect::<String>())
    };
    let names: Vec<_> = header.iter().take(MOST_COLUMNS).map(shown).collect();
    let more = if header.len() > MOST_COLUMNS { " and more" } else { "" };
    names.join(", ") + more
}
