//! The trace of 2019: three files for each day.
//!
//! | file | one row for each | what is read of it |
//! |---|---|---|
//! | `invocations_per_function_md.anon.dNN.csv` | function | how many invocations there are in each minute: columns `1` to `1440` |
//! | `function_durations_percentiles.anon.dNN.csv` | function | the percentiles of its durations, in ms |
//! | `app_memory_percentiles.anon.dNN.csv` | app | the mean of its memory, in MB of 10^6 bytes, and the number of samples |
//!
//! Excerpts of the trace, such as those of InVitro, have some minutes of a day, one after the
//! other,
//! and no others; and a row of memory for each function (`HashFunction`), which is its own.
//!
//! The functions of the trace are those that are invoked; they are numbered in the order in which
//! they are seen first. An invocation lasts as the percentiles of its day say, or those of the
//! nearest day that has any. The memory of an app is the mean over the days, by their samples.
//!
//! A file of a day on which nothing happens has a header and no row.
//!
//! The counts of minutes are kept, packed: memory grows with functions × minutes, and not with
//! invocations.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use isotherm_kernel::{Distribution, Duration, Time};

use super::super::columns::Located;
use super::super::csv::CsvTable;
use super::super::decimal;
use super::super::row_errors::{AfterError, RowErrors};
use super::super::table::{LONGEST_VALUE, TableRows, beginning};
use super::durations::PercentileColumns;
use super::keys::{Interner, SEPARATOR, app_names, names};
use super::minutes::{MINUTES, MinuteCounts, MinuteCursor};
use super::sample::AppSample;
use crate::error::{TraceError, TraceProblem, ValueKind};
use crate::{SizeUnit, WorkloadError};

/// The largest number of invocations per minute that is accepted.
const MOST_A_MINUTE: u32 = 100_000_000;

/// A function of the trace of 2019.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure2019Function {
    /// Its [name](super).
    pub name: String,
    /// The name of its app, cut like that of a function, with the owner if nothing else tells apps
    /// apart.
    pub app: String,
    /// How many invocations there are on all days.
    pub invocations: u64,
    /// Whether it is known how long they take.
    pub has_durations: bool,
    /// The memory of its app, if that is known; never 0.
    pub app_memory_bytes: Option<u64>,
    /// Its own memory, if the files say it; never 0.
    pub memory_bytes: Option<u64>,
    /// How many functions its app has.
    pub app_functions: u32,
}

/// What was tolerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Rows of functions or apps without invocations. They are ignored.
    pub not_invoked: u64,
    /// Rows of a function or an app that the file of this day had already. Invocations are added;
    /// otherwise the first row holds.
    pub repeated: u64,
    /// Rows with percentiles below zero, which are taken as zero, or below those before them, which
    /// are taken as those.
    pub mended: u64,
    /// Rows of functions or apps that say nothing, because a value is missing.
    pub unknown: u64,
    /// Files with a header and no row.
    pub empty: u64,
    /// Files of invocations that have some minutes of their day only.
    pub partial: u64,
}

impl Quirks {
    /// Whether there was nothing to be tolerated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Quirks::default()
    }
}

/// What is in the files of some days: the counts of minutes of a trace, this one or
/// [another](crate::Huawei2023Files).
#[derive(Clone, Debug)]
pub struct Azure2019 {
    /// The functions that are invoked.
    pub functions: Vec<Azure2019Function>,
    /// How many apps they belong to.
    pub apps: usize,
    /// How many days there are.
    pub days: u16,
    /// What was tolerated.
    pub quirks: Quirks,
    /// The names of the streams of random numbers of the functions, which do not depend on what
    /// else is in the files.
    pub(in crate::trace) keys: Vec<String>,
    /// The days of each function, in order.
    pub(in crate::trace) played: Vec<Vec<Day>>,
}

/// The invocations of one function on one day.
#[derive(Clone, Debug)]
pub(in crate::trace) struct Day {
    /// Which day, counted from 0.
    pub(super) number: u16,
    pub(super) counts: MinuteCounts,
    /// How long they take, in nanoseconds, if that is known.
    pub(super) durations: Option<Distribution>,
}

impl Day {
    /// When the day begins.
    pub(super) fn begin(&self) -> Time {
        Time::ZERO + Duration::from_secs(u64::from(self.number) * 86_400)
    }

    /// When the day ends.
    pub(super) fn end(&self) -> Time {
        self.begin() + Duration::from_secs(86_400)
    }
}

impl Azure2019 {
    /// The end of the last minute in which one of these functions is invoked.
    pub fn end(&self, functions: impl IntoIterator<Item = usize>) -> Time {
        let day = |day: &Day| {
            day.begin() + Duration::from_secs(60 * (u64::from(day.counts.last().unwrap_or(0)) + 1))
        };
        let last = |function: usize| self.played.get(function)?.last().map(day);
        functions.into_iter().filter_map(last).max().unwrap_or(Time::ZERO)
    }

    /// Shows all minutes in which one of these functions is invoked: the number of the function,
    /// the beginning of the minute, how many invocations there are, and how long they take in the
    /// mean, if that is known.
    pub fn minutes(
        &self,
        functions: impl IntoIterator<Item = usize>,
        mut visit: impl FnMut(usize, Time, u32, Option<Duration>),
    ) {
        for function in functions {
            for day in self.played.get(function).into_iter().flatten() {
                let nanos = day.durations.as_ref().and_then(Distribution::mean);
                let mean = nanos.map(|nanos| Duration::from_nanos(nanos.round() as u64));
                let mut cursor = MinuteCursor::default();
                while let Some((minute, count)) = day.counts.next(&mut cursor) {
                    let begin = day.begin() + Duration::from_secs(60 * u64::from(minute));
                    visit(function, begin, count, mean);
                }
            }
        }
    }

    /// How many invocations of these functions come between two dates. Of a minute that one of them
    /// cuts they are the share that is between them.
    #[must_use]
    pub fn arrivals_between(
        &self,
        functions: impl IntoIterator<Item = usize>,
        from: Time,
        until: Time,
    ) -> MinuteArrivals {
        let mut all = MinuteArrivals { whole: 0, cut: 0.0 };
        for day in functions.into_iter().filter_map(|function| self.played.get(function)).flatten()
        {
            let mut cursor = MinuteCursor::default();
            while let Some((minute, count)) = day.counts.next(&mut cursor) {
                let begin = day.begin() + Duration::from_secs(60 * u64::from(minute));
                let end = begin + Duration::from_secs(60);
                if begin >= until {
                    break;
                }
                if from <= begin && end <= until {
                    all.whole += u64::from(count);
                } else if from < end {
                    let between = end.min(until).since(begin.max(from));
                    all.cut += f64::from(count) * between.as_secs_f64() / 60.0;
                }
            }
        }
        all
    }
}

/// How many invocations of the trace of 2019 come between two dates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinuteArrivals {
    /// Those of minutes that lie between them.
    pub whole: u64,
    /// Those of minutes that one of them cuts, in the mean.
    pub cut: f64,
}

/// Reads the files of some days: of all days those of invocations first, then the others, in any
/// order.
///
/// ```
/// use isotherm_workload::{AppSample, Azure2019Files};
///
/// let mut files = Azure2019Files::new(AppSample::default(), 20);
/// let minutes: String = (1..=1440).map(|minute| format!(",{minute}")).collect();
/// let zeros = ",0".repeat(1439);
/// let header = format!("HashOwner,HashApp,HashFunction,Trigger{minutes}");
/// let invocations = format!("{header}\no,a,f,http,3{zeros}\n");
/// files.invocations(0, "i.csv", invocations.as_bytes())?;
/// let memory = "HashOwner,HashApp,SampleCount,AverageAllocatedMb\no,a,10,140\n";
/// files.memory(0, "m.csv", memory.as_bytes())?;
/// let scan = files.finish();
/// assert!(scan.errors.is_empty());
/// let function = &scan.trace.functions[0];
/// assert_eq!((function.name.as_str(), function.invocations), ("a/f", 3));
/// assert_eq!((function.app_memory_bytes, function.has_durations), (Some(140_000_000), false));
/// # Ok::<(), isotherm_workload::WorkloadError>(())
/// ```
#[derive(Debug)]
pub struct Azure2019Files {
    sample: AppSample,
    errors: RowErrors,
    days: u16,
    quirks: Quirks,
    app_numbers: Interner,
    apps: Vec<App>,
    function_numbers: Interner,
    functions: Vec<Function>,
    /// The keys of apps that are in no sample of this size.
    left_out: HashSet<Box<[u8]>>,
    /// That no file of invocations so far has a row, as the first of them says it.
    without_rows: Option<Box<TraceError>>,
    /// Whether a file of invocations has rows.
    has_rows: bool,
}

/// What was found, and what is wrong with it.
#[derive(Debug)]
pub struct Azure2019Scan {
    /// What is in the files.
    pub trace: Azure2019,
    /// The first things that are wrong.
    pub errors: Vec<TraceError>,
    /// How many more there are.
    pub further: u64,
}

#[derive(Debug)]
struct App {
    owner: String,
    name: String,
    memory: MeanMemory,
}

/// The mean of the memory of an app or a function over the days, by their samples.
#[derive(Clone, Copy, Debug, Default)]
struct MeanMemory {
    /// Bytes times samples.
    bytes: u128,
    samples: u64,
    /// The day of the last row.
    last_day: Option<u16>,
}

impl MeanMemory {
    /// Adds that of a day; `false` if the day had been added.
    fn add(&mut self, day: u16, bytes: u64, samples: u64) -> bool {
        if self.last_day == Some(day) {
            return false;
        }
        self.last_day = Some(day);
        self.bytes += u128::from(bytes) * u128::from(samples);
        self.samples = self.samples.saturating_add(samples);
        true
    }

    fn mean_bytes(&self) -> Option<u64> {
        let mean = self.bytes.checked_div(u128::from(self.samples))?;
        u64::try_from(mean).ok().filter(|&bytes| bytes > 0)
    }
}

#[derive(Debug)]
struct Function {
    app: u32,
    name: String,
    days: Vec<(u16, MinuteCounts)>,
    durations: Vec<(u16, Distribution)>,
    memory: MeanMemory,
}

/// The columns that say what a row is about.
struct Key {
    columns: Vec<Located<()>>,
    bytes: Vec<u8>,
    /// How many of the bytes are those of the app.
    app: usize,
}

impl Key {
    fn new<R: Read>(rows: &mut CsvTable<R>, names: &[&str]) -> Result<Self, Box<TraceError>> {
        let mut columns = Vec::new();
        for name in names {
            columns.push(Located::find(rows, name, ())?);
        }
        Ok(Key { columns, bytes: Vec::new(), app: 0 })
    }

    /// Reads the key of the current row.
    fn read<R: Read>(&mut self, rows: &CsvTable<R>) -> Result<(), Box<TraceError>> {
        self.bytes.clear();
        for (index, column) in self.columns.iter().enumerate() {
            let field = rows.field(column.index);
            if field.is_empty() {
                return Err(rows.row_error(column.column(), TraceProblem::NoName));
            }
            if std::str::from_utf8(field).is_err() {
                return Err(rows.row_error(column.column(), TraceProblem::NotText));
            }
            if index > 0 {
                self.bytes.push(SEPARATOR);
            }
            self.bytes.extend_from_slice(field);
            if index == 1 {
                self.app = self.bytes.len();
            }
        }
        Ok(())
    }

    fn text<R: Read>(&self, rows: &CsvTable<R>, column: usize) -> String {
        let field = self.columns.get(column).map_or(&[][..], |column| rows.field(column.index));
        String::from_utf8_lossy(field).into_owned()
    }
}

const FUNCTION_KEY: [&str; 3] = ["HashOwner", "HashApp", "HashFunction"];
const APP_KEY: [&str; 2] = ["HashOwner", "HashApp"];

impl Azure2019Files {
    /// A reader at the beginning. The first `in_full` errors are reported in full.
    #[must_use]
    pub fn new(sample: AppSample, in_full: usize) -> Self {
        Azure2019Files {
            sample,
            errors: RowErrors::new(in_full),
            days: 0,
            quirks: Quirks::default(),
            app_numbers: Interner::default(),
            apps: Vec::new(),
            function_numbers: Interner::default(),
            functions: Vec::new(),
            left_out: HashSet::new(),
            without_rows: None,
            has_rows: false,
        }
    }

    /// Reads the invocations of a day, counted from 0. The name is for messages. A day may have no
    /// row, but not all of them: that is an error of the [scan](Azure2019Files::finish).
    ///
    /// # Errors
    ///
    /// What is wrong with the file as a whole: it cannot be read, is empty, or lacks its columns.
    pub fn invocations(
        &mut self,
        day: u16,
        name: &str,
        reader: impl Read,
    ) -> Result<(), WorkloadError> {
        let mut rows = CsvTable::new(name, reader)?;
        let key = Key::new(&mut rows, &FUNCTION_KEY)?;
        let minutes = minutes(&rows)?;
        self.days = self.days.max(day + 1);
        self.quirks.partial += u64::from(minutes.columns.len() < usize::from(MINUTES));
        let mut counts = vec![0; minutes.before + minutes.columns.len()];
        let empty = rows.error(None, TraceProblem::NoRows);
        let any = self.rows(rows, key, |files, rows, key| {
            for (column, count) in minutes.columns.iter().zip(&mut counts[minutes.before..]) {
                *count = self::count(rows.field(column.index))
                    .map_err(|problem| rows.row_error(column.column(), problem))?;
            }
            if let Some(counts) = MinuteCounts::pack(&counts) {
                files.add_counts(day, counts, rows, key);
            }
            Ok(())
        })?;
        self.has_rows |= any;
        if !any {
            self.without_rows.get_or_insert(empty);
        }
        self.leave_out();
        Ok(())
    }

    fn add_counts<R: Read>(
        &mut self,
        day: u16,
        counts: MinuteCounts,
        rows: &CsvTable<R>,
        key: &Key,
    ) {
        let (number, is_new) = self.function_numbers.add(&key.bytes);
        if is_new {
            let (app, is_new) = self.app_numbers.add(&key.bytes[..key.app]);
            if is_new {
                let (owner, name) = (key.text(rows, 0), key.text(rows, 1));
                self.apps.push(App { owner, name, memory: MeanMemory::default() });
            }
            self.functions.push(Function {
                app,
                name: key.text(rows, 2),
                days: Vec::new(),
                durations: Vec::new(),
                memory: MeanMemory::default(),
            });
        }
        let Some(function) = self.functions.get_mut(number as usize) else { return };
        match function.days.iter_mut().find(|(known, _)| *known == day) {
            Some((_, known)) => {
                self.quirks.repeated += 1;
                known.add(&counts);
            }
            None => function.days.push((day, counts)),
        }
    }

    /// Reads the durations of a day.
    ///
    /// # Errors
    ///
    /// As for [`invocations`](Azure2019Files::invocations).
    pub fn durations(
        &mut self,
        day: u16,
        name: &str,
        reader: impl Read,
    ) -> Result<(), WorkloadError> {
        let mut rows = CsvTable::new(name, reader)?;
        let key = Key::new(&mut rows, &FUNCTION_KEY)?;
        let percentiles = PercentileColumns::new(&mut rows)?;
        self.rows(rows, key, |files, rows, key| {
            let row = percentiles.row(rows)?;
            let number = files.function_numbers.get(&key.bytes);
            let Some(function) = number.and_then(|number| files.functions.get_mut(number as usize))
            else {
                files.quirks.not_invoked += 1;
                return Ok(());
            };
            files.quirks.mended += u64::from(row.is_mended);
            match row.durations {
                None => files.quirks.unknown += 1,
                Some(_) if function.durations.iter().any(|(known, _)| *known == day) => {
                    files.quirks.repeated += 1
                }
                Some(durations) => function.durations.push((day, durations)),
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Reads the memory of the apps of a day, or of its functions if the file has a column
    /// `HashFunction`.
    ///
    /// # Errors
    ///
    /// As for [`invocations`](Azure2019Files::invocations).
    pub fn memory(&mut self, day: u16, name: &str, reader: impl Read) -> Result<(), WorkloadError> {
        let mut rows = CsvTable::new(name, reader)?;
        let of_functions = rows.columns().iter().any(|column| column == FUNCTION_KEY[2]);
        let key: &[&str] = if of_functions { &FUNCTION_KEY } else { &APP_KEY };
        let key = Key::new(&mut rows, key)?;
        let samples = Located::find(&mut rows, "SampleCount", ())?;
        let mean = Located::find(&mut rows, "AverageAllocatedMb", ())?;
        self.rows(rows, key, |files, rows, key| {
            let number = |column: &Located<()>, unit, kind| match decimal::nanos(
                rows.field(column.index),
                unit,
                kind,
            ) {
                Ok(number) => Ok(Some(number)),
                Err(TraceProblem::NoValue) => Ok(None),
                Err(problem) => Err(rows.row_error(column.column(), problem)),
            };
            let samples = number(&samples, 1, ValueKind::Size)?.unwrap_or(1).max(1);
            let bytes = number(&mean, SizeUnit::MEGABYTE.bytes(), ValueKind::Size)?;
            let memory = if of_functions {
                let number = files.function_numbers.get(&key.bytes);
                let function = number.and_then(|number| files.functions.get_mut(number as usize));
                function.map(|function| &mut function.memory)
            } else {
                let number = files.app_numbers.get(&key.bytes);
                let app = number.and_then(|number| files.apps.get_mut(number as usize));
                app.map(|app| &mut app.memory)
            };
            match (memory, bytes.filter(|&bytes| bytes > 0)) {
                (None, _) => files.quirks.not_invoked += 1,
                (Some(_), None) => files.quirks.unknown += 1,
                (Some(memory), Some(bytes)) => {
                    files.quirks.repeated += u64::from(!memory.add(day, bytes, samples));
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Goes over the rows of a file, except those of apps that are left out. Whether there is any,
    /// of whatever app.
    fn rows<R: Read>(
        &mut self,
        mut rows: CsvTable<R>,
        mut key: Key,
        mut take: impl FnMut(&mut Self, &CsvTable<R>, &Key) -> Result<(), Box<TraceError>>,
    ) -> Result<bool, WorkloadError> {
        let mut any = false;
        loop {
            match rows.advance() {
                Ok(true) => any = true,
                Ok(false) => {
                    self.quirks.empty += u64::from(!any);
                    return Ok(any);
                }
                Err(error) => {
                    any = true;
                    match self.errors.record(error)? {
                        AfterError::Continue => continue,
                        AfterError::Stop => return Ok(any),
                    }
                }
            }
            if let Err(error) = key.read(&rows) {
                self.errors.push(*error);
                continue;
            }
            if !self.left_out.is_empty() && self.left_out.contains(&key.bytes[..key.app]) {
                continue;
            }
            if let Err(error) = take(self, &rows, &key) {
                self.errors.push(*error);
            }
        }
    }

    /// Forgets the apps that are not in the sample. Apps of later files can only push others out of
    /// it, so this may be done early.
    fn leave_out(&mut self) {
        let names: Vec<String> =
            self.apps.iter().map(|app| format!("{}/{}", app.owner, app.name)).collect();
        let kept = self.sample.kept(&names);
        if kept.iter().all(|kept| *kept) {
            return;
        }
        let apps = std::mem::take(&mut self.apps);
        let functions = std::mem::take(&mut self.functions);
        (self.app_numbers, self.function_numbers) = Default::default();
        let key = |app: &App| [app.owner.as_bytes(), app.name.as_bytes()].join(&SEPARATOR);
        for function in functions {
            let Some(app) = apps.get(function.app as usize) else { continue };
            let app_key = key(app);
            if !kept.get(function.app as usize).is_some_and(|kept| *kept) {
                self.left_out.insert(app_key.into());
                continue;
            }
            let (app, is_new) = self.app_numbers.add(&app_key);
            if is_new {
                let old = &apps[function.app as usize];
                self.apps.push(App { owner: old.owner.clone(), name: old.name.clone(), ..*old });
            }
            self.function_numbers.add(&[&app_key, function.name.as_bytes()].join(&SEPARATOR));
            self.functions.push(Function { app, ..function });
        }
    }

    /// What is in the files.
    #[must_use]
    pub fn finish(mut self) -> Azure2019Scan {
        if let Some(error) = self.without_rows.take().filter(|_| !self.has_rows) {
            self.errors.push(*error);
        }
        let parts = self.functions.iter().map(|function| {
            let app = &self.apps[function.app as usize];
            [app.owner.as_str(), app.name.as_str(), function.name.as_str()]
        });
        let parts: Vec<_> = parts.collect();
        let mut sizes = vec![0u32; self.apps.len()];
        for function in &self.functions {
            sizes[function.app as usize] += 1;
        }
        let of_apps: Vec<_> =
            self.apps.iter().map(|app| [app.owner.as_str(), app.name.as_str()]).collect();
        let apps = app_names(&of_apps);
        let (mut functions, mut keys, mut played) = (Vec::new(), Vec::new(), Vec::new());
        for (name, function) in names(&parts).into_iter().zip(&self.functions) {
            let app = &self.apps[function.app as usize];
            keys.push(format!("{}/{}/{}", app.owner, app.name, function.name));
            functions.push(Azure2019Function {
                name,
                app: apps[function.app as usize].clone(),
                invocations: function.days.iter().map(|(_, counts)| counts.total()).sum(),
                has_durations: !function.durations.is_empty(),
                app_memory_bytes: app.memory.mean_bytes(),
                memory_bytes: function.memory.mean_bytes(),
                app_functions: sizes[function.app as usize],
            });
        }
        for Function { days, durations, .. } in self.functions {
            played.push(with_durations(days, &durations));
        }
        let trace = Azure2019 {
            functions,
            apps: self.apps.len(),
            days: self.days,
            quirks: self.quirks,
            keys,
            played,
        };
        Azure2019Scan { trace, errors: self.errors.errors, further: self.errors.further }
    }
}

/// The days of a function in order, each with the durations of the nearest day that has any.
pub(in crate::trace) fn with_durations(
    days: Vec<(u16, MinuteCounts)>,
    durations: &[(u16, Distribution)],
) -> Vec<Day> {
    let nearest =
        |day: u16| durations.iter().min_by_key(|(known, _)| (known.abs_diff(day), *known));
    let day = |(number, counts): (u16, MinuteCounts)| {
        let durations = nearest(number).map(|(_, durations)| durations.clone());
        Day { number, counts, durations }
    };
    let mut days: Vec<Day> = days.into_iter().map(day).collect();
    days.sort_by_key(|day| day.number);
    days
}

/// The columns of minutes of a file, and how many minutes of the day lie before them.
struct Minutes {
    before: usize,
    columns: Vec<Located<()>>,
}

/// The columns of minutes: those of a day, `1` to `1440`, or some of them without a gap.
fn minutes<R: Read>(rows: &CsvTable<R>) -> Result<Minutes, Box<TraceError>> {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(rows.columns().len());
    let (mut first, mut last) = (MINUTES, 1);
    for (index, name) in rows.columns().iter().enumerate() {
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            continue;
        }
        let minute = name.parse().ok().filter(|minute| (1..=MINUTES).contains(minute));
        let Some(minute) = minute else {
            return Err(rows.error(Some(name), TraceProblem::NoSuchMinute));
        };
        (first, last) = (first.min(minute), last.max(minute));
        if places.insert(name, index).is_some() {
            return Err(rows.error(Some(name), TraceProblem::AmbiguousColumn));
        }
    }
    let column = |minute: u16| {
        let name = minute.to_string();
        match places.get(name.as_str()) {
            Some(&index) => Ok(Located::at(index, name, ())),
            None => Err(rows.error(Some(&name), TraceProblem::MissingMinute)),
        }
    };
    if places.is_empty() {
        return Err(rows.error(Some("1"), TraceProblem::MissingMinute));
    }
    let columns = (first..=last).map(column).collect::<Result<_, _>>()?;
    Ok(Minutes { before: usize::from(first) - 1, columns })
}

/// A number of invocations. Nothing is none.
pub(in crate::trace) fn count(field: &[u8]) -> Result<u32, TraceProblem> {
    let digits = |number: u32, byte: &u8| {
        byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
    };
    if field.len() < 9
        && let Some(number) = field.iter().try_fold(0, digits)
    {
        return Ok(number);
    }
    let value = || beginning(field, LONGEST_VALUE);
    // Tables that went through other tools have `3.0` where `3` was.
    let number = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok());
    match number.filter(|number| number.is_finite() && *number >= 0.0 && number.fract() == 0.0) {
        Some(number) if number <= f64::from(MOST_A_MINUTE) => Ok(number as u32),
        Some(_) => Err(TraceProblem::TooMany { value: value(), limit: MOST_A_MINUTE }),
        None => Err(TraceProblem::NotACount { value: value() }),
    }
}
