//! The trace of 2021, and [others](RequestColumns) that are like it: a row for each invocation,
//! with a date and its duration.
//!
//! The rows are ordered by the start of invocations, more or less, or by their end; what is needed
//! here is the order of arrivals, and an invocation arrives when it starts, `end - duration`. So
//! the file is read twice. [`Azure2021::scan`] finds what functions there are, all that is wrong,
//! and how late rows are: how far the arrival of a row lies before that of any row above it. The
//! [trace](Azure2021Trace) then holds back rows for as long as an earlier arrival may follow, and
//! no longer: memory grows with how far the file is out of order, not with its length.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::Read;
use std::sync::Arc;

use isotherm_kernel::{Duration, Time};

use super::super::columns::Located;
use super::super::csv::CsvTable;
use super::super::decimal;
use super::super::row_errors::{AfterError, RowErrors};
use super::super::table::{LONGEST_VALUE, TableRows, beginning};
use super::keys::{Interner, SEPARATOR, app_names, names};
use super::sample::AppSample;
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{Arrival, Demand, SizeUnit, TimeUnit, Workload, WorkloadError};

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
    /// Invocations that began before the trace. They arrive at 0.
    pub early: u64,
    /// The memory of the containers of each of them, if the trace says it.
    pub memory_bytes_of_functions: Vec<Option<u64>>,
    /// When the last of them arrives.
    pub last: Time,
    /// What they ask for, by the numbers of the functions. Of a sample it is not known when: the
    /// invocations of all apps say that.
    pub demand: Demand,
    /// How far the arrival of a row lies before that of any row above it, at most.
    pub lateness: Duration,
    /// The date of the trace that is 0.
    begin: Option<Time>,
    numbers: Interner,
    /// The function of each number; `None` if it is not in the sample.
    kept: Vec<Option<u32>>,
}

/// Which columns the rows of a trace have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestColumns {
    /// That of the app.
    pub app: &'static str,
    /// That of the function, which is unique within its app.
    pub function: &'static str,
    /// That of the date, in seconds.
    pub date: &'static str,
    /// Whether it is that of the end of the invocation, or else that of its start.
    pub is_end: bool,
    /// That of the duration, in seconds.
    pub duration: &'static str,
    /// That of the pod, whose name has the memory: `pool22-300-128-0000618412` has 128 MB. Then
    /// functions of other pools are other functions.
    pub pod: Option<&'static str>,
    /// Whether dates count from the midnight before that of the first row, or else from 0.
    pub from_midnight: bool,
}

impl RequestColumns {
    /// The trace of Azure Functions of 2021.
    pub const AZURE_2021: RequestColumns = RequestColumns {
        app: "app",
        function: "func",
        date: "end_timestamp",
        is_end: true,
        duration: "duration",
        pod: None,
        from_midnight: false,
    };

    /// The request tables of Huawei Cloud of 2025, if their dates are those of ends.
    pub const HUAWEI_2025: RequestColumns = RequestColumns {
        app: "userID",
        function: "funcName",
        date: "time_worker",
        is_end: true,
        duration: "totalCost_worker",
        pod: Some("podID"),
        from_midnight: true,
    };
}

/// Files that are read one after the other, with their names for messages. They are opened when
/// they are needed.
pub type RequestFiles<R> = Box<dyn Iterator<Item = Result<(String, R), WorkloadError>> + Send>;

/// One file that is open.
#[must_use]
pub fn one_file<R: Send + 'static>(name: impl Into<String>, reader: R) -> RequestFiles<R> {
    Box::new(std::iter::once(Ok((name.into(), reader))))
}

/// The rows of some files, and what has to be remembered to read them.
struct InvocationReader<R> {
    files: RequestFiles<R>,
    columns: RequestColumns,
    file: OpenFile<R>,
    /// The date of the trace that is 0; `None` before the first row.
    begin: Option<Time>,
    key: Vec<u8>,
}

/// A file with its columns.
struct OpenFile<R> {
    rows: CsvTable<R>,
    app: Located<()>,
    function: Located<()>,
    date: Located<TimeUnit>,
    duration: Located<TimeUnit>,
    pod: Option<Located<()>>,
}

impl<R: Read> OpenFile<R> {
    fn new(name: String, reader: R, columns: &RequestColumns) -> Result<Self, Box<TraceError>> {
        let mut rows = CsvTable::new(name, reader)?;
        let app = Located::find(&mut rows, columns.app, ())?;
        let function = Located::find(&mut rows, columns.function, ())?;
        let date = Located::find(&mut rows, columns.date, TimeUnit::SECOND)?;
        let duration = Located::find(&mut rows, columns.duration, TimeUnit::SECOND)?;
        let pod = columns.pod.map(|pod| Located::find(&mut rows, pod, ())).transpose()?;
        Ok(OpenFile { rows, app, function, date, duration, pod })
    }

    /// The name of the pool of the current row, which is empty if pods have no column, and the
    /// memory of its containers.
    fn pool(&self) -> Result<(&[u8], Option<u64>), Box<TraceError>> {
        let Some(column) = &self.pod else { return Ok((&[], None)) };
        let field = self.rows.field(column.index);
        let (pool, bytes) = pool(field).ok_or_else(|| {
            let value = beginning(field, LONGEST_VALUE);
            self.rows.row_error(column.column(), TraceProblem::NotAPod { value })
        })?;
        Ok((pool, Some(bytes)))
    }
}

/// The name of the pool in that of a pod, `pool22-300-128` of `pool22-300-128-0000618412`, and the
/// memory of its containers.
fn pool(pod: &[u8]) -> Option<(&[u8], u64)> {
    let text = std::str::from_utf8(pod).ok()?;
    let (pool, _) = text.rsplit_once('-')?;
    let mut parts = pool.rsplit('-');
    let (memory, cpu) = (parts.next()?, parts.next()?);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.next().filter(|name| !name.is_empty())?;
    let megabytes: u64 = memory.parse().ok().filter(|_| is_number(memory) && is_number(cpu))?;
    let bytes = megabytes.checked_mul(SizeUnit::MEGABYTE.bytes()).filter(|&bytes| bytes > 0)?;
    Some((pool.as_bytes(), bytes))
}

/// What a row says.
struct Row {
    /// When the invocation arrives.
    at: Time,
    duration: Duration,
    is_early: bool,
}

impl<R: Read> InvocationReader<R> {
    fn new(mut files: RequestFiles<R>, columns: RequestColumns) -> Result<Self, WorkloadError> {
        let Some(first) = files.next() else {
            return Err(TraceError::of_file("", TraceProblem::Empty).into());
        };
        let (name, reader) = first?;
        let file = OpenFile::new(name, reader, &columns)?;
        let begin = (!columns.from_midnight).then_some(Time::ZERO);
        Ok(InvocationReader { files, columns, file, begin, key: Vec::new() })
    }

    /// Goes to the next row, perhaps of the next file; `false` at the end of the last.
    fn advance(&mut self) -> Result<bool, WorkloadError> {
        while !self.file.rows.advance()? {
            let Some(next) = self.files.next() else { return Ok(false) };
            let (name, reader) = next?;
            self.file = OpenFile::new(name, reader, &self.columns)?;
        }
        Ok(true)
    }

    /// The key of the function of the current row: a function is unique only within its app, and
    /// its pool.
    fn key(&mut self) -> Result<&[u8], Box<TraceError>> {
        self.key.clear();
        let file = &self.file;
        for column in [&file.app, &file.function] {
            let field = file.rows.field(column.index);
            if field.is_empty() {
                return Err(file.rows.row_error(column.column(), TraceProblem::NoName));
            }
            if std::str::from_utf8(field).is_err() {
                return Err(file.rows.row_error(column.column(), TraceProblem::NotText));
            }
            if !self.key.is_empty() {
                self.key.push(SEPARATOR);
            }
            self.key.extend_from_slice(field);
        }
        if file.pod.is_some() {
            self.key.push(SEPARATOR);
            self.key.extend_from_slice(file.pool()?.0);
        }
        Ok(&self.key)
    }

    fn row(&mut self) -> Result<Row, Box<TraceError>> {
        let file = &self.file;
        let [date, duration] =
            [(&file.date, ValueKind::Date), (&file.duration, ValueKind::Duration)].map(
                |(column, kind)| {
                    decimal::nanos(file.rows.field(column.index), column.value.nanos(), kind)
                        .map_err(|problem| file.rows.row_error(column.column(), problem))
                },
            );
        let (date, duration) = (date?, duration?);
        let begin = self.begin.get_or_insert(Time::from_nanos(date / DAY_NANOS * DAY_NANOS));
        let Some(date) = date.checked_sub(begin.as_nanos()) else {
            let by = Duration::from_nanos(begin.as_nanos() - date);
            let problem = TraceProblem::BeforeFirstDay { by };
            return Err(file.rows.row_error(file.date.column(), problem));
        };
        let before = if self.columns.is_end { duration } else { 0 };
        let at = Time::from_nanos(date.saturating_sub(before));
        Ok(Row { at, duration: Duration::from_nanos(duration), is_early: date < before })
    }
}

/// The nanoseconds of a day.
const DAY_NANOS: u64 = 86_400_000_000_000;

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
    pool: String,
    memory_bytes: Option<u64>,
    invocations: u64,
    early: u64,
    last: Time,
}

impl Azure2021 {
    /// Reads a trace to its end. Returns its content, or the errors of its rows, the first
    /// `in_full` in full.
    ///
    /// # Errors
    ///
    /// What is wrong with a file as a whole: it cannot be read, is empty, or has not its columns;
    /// or that none of them has a row.
    pub fn scan(
        files: RequestFiles<impl Read>,
        columns: RequestColumns,
        sample: AppSample,
        in_full: usize,
    ) -> Result<Azure2021Scan, WorkloadError> {
        let mut errors = RowErrors::new(in_full);
        let mut reader = InvocationReader::new(files, columns)?;
        let (mut numbers, mut app_numbers) = (Interner::default(), Interner::default());
        let (mut apps, mut functions): (Vec<String>, Vec<Seen>) = Default::default();
        let (mut any, mut newest, mut lateness) = (false, Time::ZERO, Duration::ZERO);
        let mut demand = Demand::default();
        loop {
            match reader.advance() {
                Ok(true) => any = true,
                Ok(false) => break,
                Err(WorkloadError::Trace(error)) if error.line.is_some() => {
                    match errors.record(error)? {
                        AfterError::Continue => {
                            any = true;
                            continue;
                        }
                        AfterError::Stop => break,
                    }
                }
                Err(error) => return Err(error),
            }
            let row = reader.row().map_err(|error| errors.push(*error));
            let number =
                reader.key().map(|key| numbers.add(key)).map_err(|error| errors.push(*error));
            let (Ok(row), Ok((number, is_new))) = (row, number) else { continue };
            if is_new {
                let file = &reader.file;
                let text = |place: &Located<()>| {
                    String::from_utf8_lossy(file.rows.field(place.index)).into_owned()
                };
                let (app, is_new) = app_numbers.add(file.rows.field(file.app.index));
                if is_new {
                    apps.push(text(&file.app));
                }
                let (pool, memory_bytes) = file.pool()?;
                let pool = String::from_utf8_lossy(pool).into_owned();
                functions.push(Seen {
                    app,
                    name: text(&file.function),
                    pool,
                    memory_bytes,
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
            return Err(reader.file.rows.error(None, TraceProblem::NoRows).into());
        }
        let mut trace = Azure2021::sampled(numbers, &apps, &functions, (lateness, demand), sample);
        trace.begin = reader.begin;
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
        // Names have no pool unless a function has several.
        let mut pools: HashMap<(u32, &str), u32> = HashMap::new();
        for seen in kept() {
            *pools.entry((seen.app, &seen.name)).or_default() += 1;
        }
        let pooled = |seen: &Seen| match pools[&(seen.app, seen.name.as_str())] {
            1 => seen.name.clone(),
            _ => format!("{}@{}", seen.name, seen.pool),
        };
        let pooled: Vec<String> = kept().map(pooled).collect();
        let parts: Vec<_> = kept()
            .zip(&pooled)
            .map(|(seen, name)| [apps[seen.app as usize].as_str(), name.as_str()])
            .collect();
        // Numbers are short, and pools not told apart by their first characters.
        let names_of_parts = match functions.iter().any(|seen| !seen.pool.is_empty()) {
            true => parts.iter().map(|[app, name]| format!("{app}/{name}")).collect(),
            false => names(&parts),
        };
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
            functions: names_of_parts,
            apps_of_functions: kept().map(|seen| app_names[seen.app as usize].clone()).collect(),
            memory_bytes_of_functions: kept().map(|seen| seen.memory_bytes).collect(),
            begin: None,
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
    /// Reads the header of the first file. The first function of the trace has the number `first`.
    ///
    /// # Errors
    ///
    /// What is wrong with the file as a whole.
    pub fn new(
        files: RequestFiles<R>,
        columns: RequestColumns,
        trace: Arc<Azure2021>,
        first: u32,
    ) -> Result<Self, WorkloadError> {
        let mut reader = InvocationReader::new(files, columns)?;
        reader.begin = trace.begin;
        Ok(Azure2021Trace {
            reader,
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
    fn fill(&mut self) -> Result<(), WorkloadError> {
        let is_due = |held: &BinaryHeap<Reverse<(Time, u64, u32, Duration)>>,
                      newest: Time,
                      lateness: Duration| {
            held.peek().is_some_and(|Reverse((at, ..))| newest.since(*at) >= lateness)
        };
        while !self.is_read && !is_due(&self.held, self.newest, self.trace.lateness) {
            if !self.reader.advance()? {
                self.is_read = true;
                return Ok(());
            }
            let Some(function) = self.trace.function(self.reader.key()?) else { continue };
            let row = self.reader.row()?;
            if row.at < self.last {
                // It was not so when the file was read first.
                let problem = TraceProblem::Unsorted { at: row.at, previous: self.last };
                let file = &self.reader.file;
                return Err(file.rows.row_error(file.date.column(), problem).into());
            }
            self.newest = self.newest.max(row.at);
            self.held.push(Reverse((row.at, self.read, function, row.duration)));
            self.read += 1;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Arrival>, WorkloadError> {
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
        self.next().inspect_err(|_| self.is_over = true)
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
