//! The trace of 2021: a row for each invocation, with the date of its end and its duration.
//!
//! The rows are ordered by the start of invocations, more or less, or by their end; what is needed
//! here is the order of arrivals, and an invocation arrives when it starts, `end - duration`. So
//! the file is read twice. [`Azure2021::scan`] finds what functions there are, all that is wrong,
//! and how late rows are: how far the arrival of a row lies before that of any row above it. The
//! [trace](Azure2021Trace) then holds back rows for as long as an earlier arrival may follow, and
//! no longer: memory grows with how far the file is out of order, not with its length.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::sync::Arc;

use isotherm_kernel::{Duration, Time};

use super::super::columns::Located;
use super::super::csv::CsvTable;
use super::super::decimal;
use super::super::row_errors::{AfterError, RowErrors};
use super::super::table::TableRows;
use super::keys::{Interner, SEPARATOR, app_names, names};
use super::sample::AppSample;
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{Arrival, Demand, TimeUnit, Workload, WorkloadError};

/// What is in a trace of 2021: its functions, and what has to be known to read it in order.
#[derive(Clone, Debug)]
pub struct Azure2021 {
    /// The [names](super) of its functions, in the order in which they are seen first.
    pub functions: Vec<String>,
    /// The name of the app of each of them, cut like those of functions.
    pub apps_of_functions: Vec<String>,
    /// How many apps they belong to.
    pub apps: usize,
    /// How many invocations there are.
    pub invocations: u64,
    /// Invocations that began before the trace, at 0. They arrive at 0.
    pub early: u64,
    /// When the last of them arrives.
    pub last: Time,
    /// What they ask for, by the numbers of the functions. Of a sample it is not known when: the
    /// invocations of all apps say that.
    pub demand: Demand,
    /// How far the arrival of a row lies before that of any row above it, at most.
    pub lateness: Duration,
    numbers: Interner,
    /// The function of each number; `None` if it is not in the sample.
    kept: Vec<Option<u32>>,
}

/// The columns of the rows, and what has to be remembered to read them.
struct InvocationReader<R> {
    rows: CsvTable<R>,
    app: Located<()>,
    function: Located<()>,
    end: Located<TimeUnit>,
    duration: Located<TimeUnit>,
    key: Vec<u8>,
}

/// What a row says.
struct Row {
    /// When the invocation arrives.
    at: Time,
    duration: Duration,
    is_early: bool,
}

impl<R: Read> InvocationReader<R> {
    fn new(name: String, reader: R) -> Result<Self, Box<TraceError>> {
        let mut rows = CsvTable::new(name, reader)?;
        let app = Located::find(&mut rows, "app", ())?;
        let function = Located::find(&mut rows, "func", ())?;
        let end = Located::find(&mut rows, "end_timestamp", TimeUnit::SECOND)?;
        let duration = Located::find(&mut rows, "duration", TimeUnit::SECOND)?;
        Ok(InvocationReader { rows, app, function, end, duration, key: Vec::new() })
    }

    /// The key of the function of the current row: a function is unique only within its app.
    fn key(&mut self) -> Result<&[u8], Box<TraceError>> {
        self.key.clear();
        for column in [&self.app, &self.function] {
            let field = self.rows.field(column.index);
            if field.is_empty() {
                return Err(self.rows.row_error(column.column(), TraceProblem::NoName));
            }
            if std::str::from_utf8(field).is_err() {
                return Err(self.rows.row_error(column.column(), TraceProblem::NotText));
            }
            if !self.key.is_empty() {
                self.key.push(SEPARATOR);
            }
            self.key.extend_from_slice(field);
        }
        Ok(&self.key)
    }

    fn row(&self) -> Result<Row, Box<TraceError>> {
        let [end, duration] = [(&self.end, ValueKind::Date), (&self.duration, ValueKind::Duration)]
            .map(|(column, kind)| {
                decimal::nanos(self.rows.field(column.index), column.value.nanos(), kind)
                    .map_err(|problem| self.rows.row_error(column.column(), problem))
            });
        let (end, duration) = (end?, duration?);
        let at = Time::from_nanos(end.saturating_sub(duration));
        Ok(Row { at, duration: Duration::from_nanos(duration), is_early: end < duration })
    }
}

/// What a scan finds.
#[derive(Debug)]
pub struct Azure2021Scan {
    /// What is in the trace.
    pub trace: Azure2021,
    /// The first things that are wrong, in the order of the rows.
    pub errors: Vec<TraceError>,
    /// How many more there are.
    pub further: u64,
}

/// A function, as far as rows say.
struct Seen {
    app: u32,
    name: String,
    invocations: u64,
    early: u64,
    last: Time,
}

impl Azure2021 {
    /// Reads a trace to its end. Returns its content, or the errors of its rows, the first
    /// `in_full` in full. The name is for messages.
    ///
    /// # Errors
    ///
    /// What is wrong with the trace as a whole: it cannot be read, is empty, or has not its
    /// columns.
    pub fn scan(
        name: &str,
        reader: impl Read,
        sample: AppSample,
        in_full: usize,
    ) -> Result<Azure2021Scan, WorkloadError> {
        let mut errors = RowErrors::new(in_full);
        let mut reader = InvocationReader::new(name.to_owned(), reader)?;
        let (mut numbers, mut app_numbers) = (Interner::default(), Interner::default());
        let (mut apps, mut functions): (Vec<String>, Vec<Seen>) = Default::default();
        let (mut any, mut newest, mut lateness) = (false, Time::ZERO, Duration::ZERO);
        let mut demand = Demand::default();
        loop {
            match reader.rows.advance() {
                Ok(true) => any = true,
                Ok(false) => break,
                Err(error) => match errors.record(error)? {
                    AfterError::Continue => {
                        any = true;
                        continue;
                    }
                    AfterError::Stop => break,
                },
            }
            let row = reader.row().map_err(|error| errors.push(*error));
            let number =
                reader.key().map(|key| numbers.add(key)).map_err(|error| errors.push(*error));
            let (Ok(row), Ok((number, is_new))) = (row, number) else { continue };
            if is_new {
                let text = |place: &Located<()>| {
                    String::from_utf8_lossy(reader.rows.field(place.index)).into_owned()
                };
                let (app, is_new) = app_numbers.add(reader.rows.field(reader.app.index));
                if is_new {
                    apps.push(text(&reader.app));
                }
                functions.push(Seen {
                    app,
                    name: text(&reader.function),
                    invocations: 0,
                    early: 0,
                    last: Time::ZERO,
                });
            }
            // The lateness of rows that are left out matters as little as it does harm.
            lateness = lateness.max(newest.since(row.at.min(newest)));
            newest = newest.max(row.at);
            if let Some(seen) = functions.get_mut(number as usize) {
                seen.invocations += 1;
                seen.early += u64::from(row.is_early);
                seen.last = seen.last.max(row.at);
            }
            demand.add(row.at, number, Some(row.duration), 1.0);
        }
        if !any && errors.errors.is_empty() {
            return Err(reader.rows.error(None, TraceProblem::NoRows).into());
        }
        let trace = Azure2021::sampled(numbers, &apps, &functions, (lateness, demand), sample);
        Ok(Azure2021Scan { trace, errors: errors.errors, further: errors.further })
    }

    /// What is left of these functions in a sample.
    fn sampled(
        numbers: Interner,
        apps: &[String],
        functions: &[Seen],
        (lateness, demand): (Duration, Demand),
        sample: AppSample,
    ) -> Self {
        let apps_kept = sample.kept(apps);
        let is_kept = |seen: &Seen| apps_kept[seen.app as usize];
        let kept = || functions.iter().filter(|seen| is_kept(seen));
        let parts: Vec<_> =
            kept().map(|seen| [apps[seen.app as usize].as_str(), seen.name.as_str()]).collect();
        let of_apps: Vec<_> = apps.iter().map(|app| [app.as_str()]).collect();
        let app_names = app_names(&of_apps);
        let mut next = 0;
        let number = |seen: &Seen| {
            is_kept(seen).then(|| {
                next += 1;
                next - 1
            })
        };
        let kept_as: Vec<Option<u32>> = functions.iter().map(number).collect();
        Azure2021 {
            demand: demand.of_some(&kept_as),
            kept: kept_as,
            functions: names(&parts),
            apps_of_functions: kept().map(|seen| app_names[seen.app as usize].clone()).collect(),
            apps: apps_kept.iter().filter(|kept| **kept).count(),
            invocations: kept().map(|seen| seen.invocations).sum(),
            early: kept().map(|seen| seen.early).sum(),
            last: kept().map(|seen| seen.last).max().unwrap_or(Time::ZERO),
            lateness,
            numbers,
        }
    }

    /// The function of a key; `None` if it is not in the sample.
    fn function(&self, key: &[u8]) -> Option<u32> {
        self.kept.get(self.numbers.get(key)? as usize).copied().flatten()
    }
}

/// The invocations of a trace of 2021, in the order of their arrivals; those that arrive at the
/// same date in the order of the file.
pub struct Azure2021Trace<R> {
    reader: InvocationReader<R>,
    trace: Arc<Azure2021>,
    first: u32,
    /// Rows that were read and not given: arrival, number of the row, function, duration.
    held: BinaryHeap<Reverse<(Time, u64, u32, Duration)>>,
    read: u64,
    newest: Time,
    last: Time,
    is_read: bool,
    is_over: bool,
}

impl<R: Read> Azure2021Trace<R> {
    /// Reads the header. The first function of the trace has the number `first`.
    pub fn new(
        name: impl Into<String>,
        reader: R,
        trace: Arc<Azure2021>,
        first: u32,
    ) -> Result<Self, WorkloadError> {
        Ok(Azure2021Trace {
            reader: InvocationReader::new(name.into(), reader)?,
            trace,
            first,
            held: BinaryHeap::new(),
            read: 0,
            newest: Time::ZERO,
            last: Time::ZERO,
            is_read: false,
            is_over: false,
        })
    }

    /// Reads rows until none that follows can arrive before the first of those that are held.
    fn fill(&mut self) -> Result<(), Box<TraceError>> {
        let is_due = |held: &BinaryHeap<Reverse<(Time, u64, u32, Duration)>>,
                      newest: Time,
                      lateness: Duration| {
            held.peek().is_some_and(|Reverse((at, ..))| newest.since(*at) >= lateness)
        };
        while !self.is_read && !is_due(&self.held, self.newest, self.trace.lateness) {
            if !self.reader.rows.advance()? {
                self.is_read = true;
                return Ok(());
            }
            let Some(function) = self.trace.function(self.reader.key()?) else { continue };
            let row = self.reader.row()?;
            if row.at < self.last {
                // It was not so when the file was read first.
                let problem = TraceProblem::Unsorted { at: row.at, previous: self.last };
                return Err(self.reader.rows.row_error(self.reader.end.column(), problem));
            }
            self.newest = self.newest.max(row.at);
            self.held.push(Reverse((row.at, self.read, function, row.duration)));
            self.read += 1;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Arrival>, Box<TraceError>> {
        if self.is_over {
            return Ok(None);
        }
        self.fill()?;
        let Some(Reverse((at, _, function, duration))) = self.held.pop() else {
            self.is_over = true;
            return Ok(None);
        };
        self.last = at;
        Ok(Some(Arrival {
            at,
            function: self.first + function,
            duration: Some(duration),
            tag: None,
        }))
    }
}

impl<R: Read> Workload for Azure2021Trace<R> {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        self.next().map_err(|error| {
            self.is_over = true;
            error.into()
        })
    }
}

impl<R> std::fmt::Debug for Azure2021Trace<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Azure2021Trace")
            .field("held", &self.held.len())
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
