//! `[functions] azure_2019`, `azure_2021` and [those of Huawei](huawei): a trace that defines
//! functions and their invocations.
//!
//! ```toml
//! [functions]
//! azure_2019 = { folder = "data/azurefunctions-dataset2019", days = [1, 2], apps = 500 }
//! limits = { memory = "170MB" }     # for apps of which the trace does not say it
//! startup = "1s"
//!
//! [[workload]]
//! kind = "azure-2019"
//! ```
//!
//! The files are named once, here; the workload replays them. They are read as a whole before
//! anything refers to a function, and once for all runs of a sweep that use the same part of them.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isotherm_config::diagnostic::Diagnostic;
use isotherm_config::fields::{Choice, Count, Fields, takes, word, words};
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::Value;
use isotherm_kernel::Time;
use isotherm_workload::{
    AppSample, Azure2019, Azure2019Files, Azure2019Function, Azure2021, Part, Quirks, TraceError,
    Workload, WorkloadError,
};

use crate::check::context::Context;
use crate::check::huawei::{self, Broken};
use crate::check::limits::DefaultLimits;
use crate::check::traces;
use crate::plan::{AppMemory, AzureContent, AzureSource, AzureTrace};
use crate::trace;

/// The number of errors in the rows of a trace that are reported in full.
pub const MOST: usize = 20;

/// The number of days for which the trace has memory sizes.
const DAYS_WITH_MEMORY: u16 = 12;

/// The files of invocations.
pub const INVOCATIONS: &str = "invocations_per_function_md.anon";
/// The files of durations.
pub const DURATIONS: &str = "function_durations_percentiles.anon";
const MEMORY: &str = "app_memory_percentiles.anon";

/// The prefixes of the files of each day, in the order in which they are read.
pub const FAMILIES: [&str; 3] = [INVOCATIONS, DURATIONS, MEMORY];

const MEMORIES: &[Choice<AppMemory>] = &[
    word(
        "split",
        "the memory of an app is shared out evenly among its functions",
        AppMemory::Split,
    ),
    word(
        "app",
        "a container of each function of an app takes as much as the whole app",
        AppMemory::App,
    ),
    word(
        "limits",
        "that of `limits.memory`, whatever the trace says; its files of memory are not read",
        AppMemory::Limits,
    ),
];

/// `azure_2019`
pub const AZURE_2019: TableSpec = table(
    "azure_2019",
    "The trace of Azure Functions of 2019: for each day the files `invocations_per_function_md.anon.dNN.csv`, \
          `function_durations_percentiles.anon.dNN.csv` and, for the days 1 to 12, `app_memory_percentiles.anon.dNN.csv`; each may be \
          compressed (`.csv.gz`, `.csv.zst`). Functions are called `app/function`, both cut to 8 characters, or to as many more as tell all of them apart, and \
          `owner/app/function` if nothing else does.",
)
.with(&[
    field("folder", path("a path", "\"data/azure2019\""), "Where the files are."),
    field(
        "days",
        value("a list of numbers from 1", "[1, 2]"),
        "Which days, in order. They are played one after the other, the first of them from the start of the simulation.",
    )
    .default("[1]"),
    field("apps", takes::<Count>(), "So many of the apps are drawn, with all of their functions.")
        .like("500")
        .otherwise("all of them"),
    field(
        "sample",
        takes::<u64>(),
        "Which apps are drawn: another number, other apps. The seed of the experiment does not matter to it, and a \
         larger sample of the same number has the apps of a smaller one.",
    )
    .like("1")
    .default("0"),
    field("memory", Takes::Words(|| words(MEMORIES)), "How much memory a container takes.").default("\"split\""),
]);

/// `azure_2021`
pub const AZURE_2021: TableSpec = table(
    "azure_2021",
    "The trace of Azure Functions of 2021: one CSV file with the columns `app`, `func`, `end_timestamp` and `duration`, a row for each \
          invocation, in any order. Functions are called `app/function`, both cut to 8 characters, or to as many more as tell all of them apart.",
)
.with(&[
    field(
        "file",
        path("a path", "\"data/azure2021.csv\""),
        "The file, which may be compressed (gzip, zstd).",
    ),
    field(
        "apps",
        takes::<Count>(),
        "So many of the apps are drawn, with all of their functions.",
    )
    .like("20")
    .otherwise("all of them"),
    field("sample", takes::<u64>(), "Which apps are drawn: another number, other apps.")
        .like("1")
        .default("0"),
]);

/// A function of a trace.
pub struct Row {
    /// Its name.
    pub name: String,
    /// The name of its app.
    pub app: String,
    /// The memory of a container.
    pub memory_bytes: u64,
}

/// The functions of a trace that are simulated.
pub struct Functions {
    /// The trace.
    pub trace: Arc<AzureTrace>,
    /// The functions.
    pub rows: Vec<Row>,
    /// Where the trace is named.
    pub place: Span,
    /// The limits that the experiment gives for all of them.
    pub limits: DefaultLimits,
}

/// Reads which part of a trace is meant.
type Naming = fn(&Value, &Context<'_>) -> Option<Named>;

/// The keys of `[functions]` that name a trace.
const NAMING: [(&str, Naming); 4] = [
    ("azure_2019", year_2019),
    ("azure_2021", year_2021),
    ("huawei_2023", huawei::year_2023),
    ("huawei_2025", huawei::year_2025),
];

/// Reads the trace that `[functions]` names: `None` if it names none, `Some(None)` if the trace
/// cannot be read, which is reported.
pub fn functions(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Option<Functions>> {
    let &(key, named) = NAMING.iter().find(|(key, _)| fields.has(key))?;
    let value = &fields.entry(key)?.value;
    let before = context.report.count();
    let limits = fields.optional_or("limits", DefaultLimits::default());
    let are_good = context.report.count() == before;
    let Some((source, named, apps)) = named(value, context) else { return Some(None) };
    let content = context.traces.azure(&source, || match &source {
        AzureSource::Year2019 { .. } => {
            read_2019(&source, &named, context).map(AzureContent::Year2019)
        }
        AzureSource::Year2021 { .. } | AzureSource::Huawei2025 { .. } => {
            read_2021(&source, &named, context).map(AzureContent::Year2021)
        }
        AzureSource::Huawei2023 { .. } => {
            read_huawei_2023(&source, &named, context).map(AzureContent::Year2019)
        }
    });
    let says_memory = match &source {
        AzureSource::Year2019 { memory, .. } => *memory != AppMemory::Limits,
        AzureSource::Huawei2025 { .. } => true,
        AzureSource::Year2021 { .. } | AzureSource::Huawei2023 { .. } => false,
    };
    if !says_memory && limits.memory_bytes.is_none() && are_good {
        fields.missing("limits.memory", "\"170MB\"");
        return Some(None);
    }
    let Some(content) = content else { return Some(None) };
    let what = match &source {
        AzureSource::Huawei2023 { .. } => "function",
        AzureSource::Huawei2025 { .. } => "user",
        AzureSource::Year2019 { .. } | AzureSource::Year2021 { .. } => "app",
    };
    tell_fewer_apps(&content, apps.as_ref(), &named, what, context);
    Some(Kept { has_body: fields.has("body"), limits, named, context }.functions(source, content))
}

/// How many invocations of a trace of 2021 a workload plays: they are counted if it plays a part of
/// them. 0 for the trace of 2019, which is counted by its minutes.
pub fn played(trace: &AzureTrace, part: &Part, place: Span, context: &Context<'_>) -> Option<u64> {
    let AzureContent::Year2021(content) = &trace.content else { return Some(0) };
    if part.from == Time::ZERO && part.until > content.last {
        return Some(content.invocations.min(part.most));
    }
    let count = || -> Result<u64, WorkloadError> {
        let mut rows = trace::azure_2021(&trace.source, Arc::clone(content), &trace.numbers, part)?;
        let mut count = 0;
        while rows.next_arrival()?.is_some() {
            count += 1;
        }
        Ok(count)
    };
    context.traces.played(&trace.source, part, || match count() {
        Ok(count) => Some(count),
        Err(error) => {
            let named = Located { value: trace.source.shown().to_owned(), span: place };
            traces::report(&error, &named, &[], context);
            None
        }
    })
}

/// Warns if a trace has fewer apps than are to be drawn.
fn tell_fewer_apps(
    content: &AzureContent,
    wanted: Option<&Located<Count>>,
    named: &Located<String>,
    what: &str,
    context: &Context<'_>,
) {
    let apps = match content {
        AzureContent::Year2019(trace) => trace.apps,
        AzureContent::Year2021(trace) => trace.apps,
    };
    let Some(wanted) = wanted.filter(|wanted| u64::from(wanted.value.0) > apps as u64) else {
        return;
    };
    let are = if apps == 1 { " is" } else { "s are" };
    let message =
        format!("only {apps} {what}{are} invoked in `{}`, and not {}", named.value, wanted.value.0);
    context.report.warn(Diagnostic::at(wanted.span, message, "all of them are taken"));
}

/// The functions of a trace that are simulated: those whose durations and memory are known.
struct Kept<'a> {
    has_body: bool,
    limits: DefaultLimits,
    named: Located<String>,
    context: &'a Context<'a>,
}

impl Kept<'_> {
    fn functions(self, source: AzureSource, content: AzureContent) -> Option<Functions> {
        let first = self.context.functions.iter().count();
        let default = self.limits.memory_bytes;
        let rows: Vec<(String, String, Option<u64>)> = match (&content, &source) {
            (AzureContent::Year2019(trace), AzureSource::Year2019 { memory, .. }) => {
                self.tell_left_out(trace, *memory);
                let memory =
                    |function: &Azure2019Function| memory_of(function, *memory).or(default);
                let row = |function: &Azure2019Function| {
                    let is_kept = function.has_durations || self.has_body;
                    let memory = memory(function).filter(|_| is_kept);
                    (function.name.clone(), function.app.clone(), memory)
                };
                trace.functions.iter().map(row).collect()
            }
            (AzureContent::Year2019(trace), _) => {
                self.tell_left_out(trace, AppMemory::Limits);
                let memory = |function: &Azure2019Function| {
                    default.filter(|_| function.has_durations || self.has_body)
                };
                let row = |function: &Azure2019Function| {
                    (function.name.clone(), function.app.clone(), memory(function))
                };
                trace.functions.iter().map(row).collect()
            }
            (AzureContent::Year2021(trace), _) => {
                let named = trace.functions.iter().zip(&trace.apps_of_functions);
                let memory = trace.memory_bytes_of_functions.iter();
                let row = |((name, app), memory): ((&String, &String), &Option<u64>)| {
                    (name.clone(), app.clone(), memory.or(default))
                };
                named.zip(memory).map(row).collect()
            }
        };
        let mut next = first;
        let number = |(_, _, memory): &(String, String, Option<u64>)| {
            memory.and_then(|_| {
                next += 1;
                u32::try_from(next - 1).ok()
            })
        };
        let numbers: Vec<_> = rows.iter().map(number).collect();
        let row = |(name, app, memory)| Some(Row { name, app, memory_bytes: memory? });
        let rows: Vec<_> = rows.into_iter().filter_map(row).collect();
        if rows.is_empty() {
            self.nothing_left(numbers.is_empty(), &source);
            return None;
        }
        let trace = Arc::new(AzureTrace { source, content, numbers });
        Some(Functions { trace, rows, place: self.named.span, limits: self.limits })
    }

    /// Reports a trace without functions: nothing is invoked, or all functions are left out.
    fn nothing_left(&self, is_never_invoked: bool, source: &AzureSource) {
        let (message, hint) = match source {
            AzureSource::Year2019 { days, .. } | AzureSource::Huawei2023 { days, .. }
                if is_never_invoked =>
            {
                let (days, minutes) = match &days[..] {
                    [day] => (format!("on day {day}"), "all counts of its minutes are zero"),
                    _ => (
                        format!("on these {} days", days.len()),
                        "all counts of their minutes are zero",
                    ),
                };
                (format!("nothing is invoked in `{}` {days}", self.named.value), minutes)
            }
            _ => (
                format!("no function of `{}` can be simulated", self.named.value),
                "the trace says both durations and memory of none of them: give `body` or `limits.memory`",
            ),
        };
        self.context.report.error(self.named.span, message, hint);
    }

    /// Warns of functions that are left out.
    fn tell_left_out(&self, trace: &Azure2019, memory: AppMemory) {
        let lacks_time = |function: &&Azure2019Function| !function.has_durations && !self.has_body;
        let lacks_memory = |function: &&Azure2019Function| {
            memory_of(function, memory).or(self.limits.memory_bytes).is_none()
        };
        let left_out = || {
            trace.functions.iter().filter(|function| lacks_time(function) || lacks_memory(function))
        };
        let count = left_out().count();
        if count == 0 {
            return;
        }
        let invocations: u64 = left_out().map(|function| function.invocations).sum();
        let all: u64 = trace.functions.iter().map(|function| function.invocations).sum();
        let reasons = [
            (left_out().filter(lacks_time).count(), "without durations", "`body`"),
            (left_out().filter(lacks_memory).count(), "without memory", "`limits.memory`"),
        ];
        let reasons = || reasons.iter().filter(|(count, ..)| *count > 0);
        let why: Vec<_> = reasons().map(|(count, what, _)| format!("{count} {what}")).collect();
        let keep: Vec<_> = reasons().map(|(.., key)| *key).collect();
        let message = format!(
            "{count} of {} functions are left out, with {invocations} of {all} invocations: {}",
            trace.functions.len(),
            why.join(", ")
        );
        let hint = format!("give {} to keep them", keep.join(" and "));
        self.context.report.warn(Diagnostic::at(self.named.span, message, hint));
    }
}

/// The memory of a container of a function, if the trace has it.
#[must_use]
pub fn memory_of(function: &Azure2019Function, choice: AppMemory) -> Option<u64> {
    let app = function.app_memory_bytes;
    match choice {
        AppMemory::Split => function
            .memory_bytes
            .or_else(|| app.map(|app| app.div_ceil(u64::from(function.app_functions.max(1))))),
        AppMemory::App => app.or(function.memory_bytes),
        AppMemory::Limits => None,
    }
}

/// Which apps are drawn, with the number as it is written.
fn sample(fields: &mut Fields<'_>) -> (AppSample, Option<Located<Count>>) {
    let apps = fields.optional::<Located<Count>>("apps");
    let count = apps.as_ref().map(|count| u64::from(count.value.0));
    (AppSample { apps: count, number: fields.optional_or("sample", 0) }, apps)
}

/// A trace, the place where it is named, and the number of its apps that are drawn.
pub type Named = (AzureSource, Located<String>, Option<Located<Count>>);

fn year_2019(value: &Value, context: &Context<'_>) -> Option<Named> {
    let mut fields = Fields::of(value, &AZURE_2019, context.report)?;
    let folder = fields.required::<Located<String>>("folder");
    let before = context.report.count();
    let days = fields.optional::<Vec<Located<u64>>>("days");
    let (sample, apps) = sample(&mut fields);
    let memory = fields.choice_or("memory", MEMORIES, AppMemory::Split);
    fields.finish();
    let days = match days {
        Some(days) => numbers(&days, value.span, 1..=99, context),
        None => Some(vec![1]),
    };
    let folder = folder?;
    if context.report.count() > before {
        return None;
    }
    let path = context.path(&folder);
    let source = AzureSource::Year2019 {
        shown: path.display().to_string(),
        folder: path,
        days: days?,
        sample,
        memory: memory?,
    };
    Some((source, folder, apps))
}

/// The numbers of days, which must increase and be of these.
pub fn numbers(
    days: &[Located<u64>],
    place: Span,
    known: RangeInclusive<u16>,
    context: &Context<'_>,
) -> Option<Vec<u16>> {
    let first = known.start();
    if days.is_empty() {
        let hint = format!("write `days = [{first}]`");
        return context.report.refuse(place, "there are no days", hint);
    }
    let mut numbers: Vec<u16> = Vec::new();
    for day in days {
        match u16::try_from(day.value).ok().filter(|day| known.contains(day)) {
            None => context.report.error(
                day.span,
                format!("there is no day {}", day.value),
                format!("days are numbered from {first}"),
            ),
            Some(number) if numbers.last().is_some_and(|last| *last >= number) => {
                context.report.error(
                    day.span,
                    format!("day {number} does not come after the one before"),
                    "days go on in order",
                );
            }
            Some(number) => numbers.push(number),
        }
    }
    (numbers.len() == days.len()).then_some(numbers)
}

fn year_2021(value: &Value, context: &Context<'_>) -> Option<Named> {
    let mut fields = Fields::of(value, &AZURE_2021, context.report)?;
    let file = fields.required::<Located<String>>("file");
    let (sample, apps) = sample(&mut fields);
    fields.finish();
    let file = file?;
    let path = context.path(&file);
    Some((AzureSource::Year2021 { shown: path.display().to_string(), path, sample }, file, apps))
}

/// Reports errors in the rows of a trace. Returns whether there were none.
fn report(
    errors: Vec<TraceError>,
    further: u64,
    named: &Located<String>,
    context: &Context<'_>,
) -> bool {
    let is_good = errors.is_empty();
    let shown = errors.len() as u64;
    for error in errors {
        traces::report(&Box::new(error).into(), named, &[], context);
    }
    if further > 0 {
        let message = traces::further(&named.value, shown, further);
        context.report.push(Diagnostic::at(named.span, message, ""));
    }
    is_good
}

fn read_2021(
    source: &AzureSource,
    named: &Located<String>,
    context: &Context<'_>,
) -> Option<Arc<Azure2021>> {
    let (columns, sample) = source.requests()?;
    if let AzureSource::Huawei2025 { files, .. } = source {
        let mut inputs = context.inputs.borrow_mut();
        files.iter().for_each(|file| inputs.add(file));
    }
    match Azure2021::scan(trace::request_files(source), columns, sample, MOST) {
        Ok(scan) => report(scan.errors, scan.further, named, context).then(|| Arc::new(scan.trace)),
        Err(error) => {
            // It is about one of several files.
            let file = match (&error, source) {
                (WorkloadError::Trace(error), AzureSource::Huawei2025 { .. }) => error.name.clone(),
                _ => named.value.clone(),
            };
            let file = Located { value: file, span: named.span };
            traces::report(&error, &file, &[], context);
            None
        }
    }
}

fn read_2019(
    source: &AzureSource,
    named: &Located<String>,
    context: &Context<'_>,
) -> Option<Arc<Azure2019>> {
    let AzureSource::Year2019 { folder, days, sample, memory, .. } = source else { return None };
    if let Err(error) = std::fs::read_dir(folder) {
        context.cannot_read(named, &error);
        return None;
    }
    let mut files = Azure2019Files::new(*sample, MOST);
    let mut is_whole = true;
    for family in FAMILIES {
        for (number, &day) in (0u16..).zip(days) {
            if family == MEMORY && (*memory == AppMemory::Limits || day > DAYS_WITH_MEMORY) {
                continue;
            }
            let Some(path) = file_of_day(folder, family, day) else {
                let there = (1..=99).filter(|&day| file_of_day(folder, family, day).is_some());
                no_file(&format!("{family}.d{day:02}.csv"), there, named, context);
                is_whole = false;
                continue;
            };
            context.inputs.borrow_mut().add(&path);
            let shown = path.display().to_string();
            let read = trace::open_file(&path, &shown)
                .and_then(|file| read_family(&mut files, family, number, &shown, file));
            if let Err(error) = read {
                broken_file(&path, folder, &error, named, context);
                is_whole = false;
            }
        }
    }
    let scan = files.finish();
    (report(scan.errors, scan.further, named, context) && is_whole).then(|| Arc::new(scan.trace))
}

fn read_huawei_2023(
    source: &AzureSource,
    named: &Located<String>,
    context: &Context<'_>,
) -> Option<Arc<Azure2019>> {
    let AzureSource::Huawei2023 { folder, days, sample, delay_unit, .. } = source else {
        return None;
    };
    if let Err(error) = std::fs::read_dir(folder) {
        context.cannot_read(named, &error);
        return None;
    }
    let opened = |path: &Path| context.inputs.borrow_mut().add(path);
    let (scan, broken) = huawei::scan(folder, days, *sample, *delay_unit, opened);
    let is_whole = broken.is_empty();
    for broken in broken {
        match broken {
            Broken::Missing(family, day) => {
                let there = huawei::days_of(folder, family).into_iter();
                no_file(&format!("{family}/day_{day:03}.csv"), there, named, context);
            }
            Broken::Unreadable(path, error) => {
                broken_file(&path, folder, &error, named, context);
            }
        }
    }
    if !is_whole && scan.trace.functions.is_empty() && scan.errors.iter().all(of_whole_file) {
        // That nothing is invoked follows from what has been reported.
        return None;
    }
    (report(scan.errors, scan.further, named, context) && is_whole).then(|| Arc::new(scan.trace))
}

/// Whether an error is about no row.
fn of_whole_file(error: &TraceError) -> bool {
    error.line.is_none()
}

/// Reports what is wrong with a file of a folder.
fn broken_file(
    path: &Path,
    folder: &Path,
    error: &WorkloadError,
    named: &Located<String>,
    context: &Context<'_>,
) {
    let file = path.strip_prefix(folder).unwrap_or(path).display();
    let file = Located { value: format!("{}/{file}", named.value), span: named.span };
    traces::report(error, &file, &[], context);
}

/// Reads the file of a family and a day, counted from 0.
pub fn read_family(
    files: &mut Azure2019Files,
    family: &str,
    day: u16,
    shown: &str,
    file: File,
) -> Result<(), WorkloadError> {
    match family {
        INVOCATIONS => files.invocations(day, shown, file),
        DURATIONS => files.durations(day, shown, file),
        _ => files.memory(day, shown, file),
    }
}

/// What the names of files end with: plain, or compressed.
pub const ENDS: [&str; 3] = ["", ".gz", ".zst"];

/// The file of a family and a day, plain or compressed. That of the first day may have the short
/// name that excerpts have.
#[must_use]
pub fn file_of_day(folder: &Path, family: &str, day: u16) -> Option<PathBuf> {
    let short = match family {
        INVOCATIONS => "invocations",
        DURATIONS => "durations",
        _ => "memory",
    };
    let names = [format!("{family}.d{day:02}.csv"), format!("{short}.csv")];
    let names = names.into_iter().take(if day == 1 { 2 } else { 1 });
    let paths = names.flat_map(|name| ENDS.map(|end| format!("{name}{end}")));
    paths.map(|name| folder.join(name)).find(|path| path.exists())
}

/// The folder and the days that a path stands for: all days with invocations if it is a folder, the
/// day of the file if it is a file of invocations.
#[must_use]
pub fn folder_and_days(path: &Path) -> Option<(PathBuf, Vec<u16>)> {
    let is_there = |folder: &Path, day: u16| file_of_day(folder, INVOCATIONS, day);
    if path.is_dir() {
        let days: Vec<u16> = (1..=99).filter(|&day| is_there(path, day).is_some()).collect();
        return (!days.is_empty()).then(|| (path.to_owned(), days));
    }
    let folder = path.parent()?;
    let day = (1..=99).find(|&day| {
        is_there(folder, day).is_some_and(|file| file.file_name() == path.file_name())
    })?;
    Some((folder.to_owned(), vec![day]))
}

/// Reports that there is no such file, but those of other days.
fn no_file(
    file: &str,
    there: impl Iterator<Item = u16>,
    named: &Located<String>,
    context: &Context<'_>,
) {
    let there: Vec<String> = there.map(|day: u16| day.to_string()).collect();
    let hint = match &there[..] {
        [] => "there is none of any day, nor a compressed one (`.csv.gz`, `.csv.zst`)".to_owned(),
        [only] => format!("there is only that of day {only}"),
        [first @ .., last] => {
            format!("there are those of the days {} and {last}", first.join(", "))
        }
    };
    let message = format!("there is no file `{file}` in `{}`", named.value);
    context.report.error(named.span, message, hint);
}

/// What was tolerated in a trace, a sentence each.
#[must_use]
pub fn tolerated(content: &AzureContent) -> Vec<String> {
    let counted = |count: u64, one: &str, several: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {several}")),
    };
    let told = match content {
        AzureContent::Year2021(trace) => vec![counted(
            trace.early,
            "invocation began before the trace, and arrives at 0",
            "invocations began before the trace, and arrive at 0",
        )],
        AzureContent::Year2019(trace) => {
            let Quirks { not_invoked, repeated, mended, unknown, empty, partial } = trace.quirks;
            vec![
                counted(
                    not_invoked,
                    "row is about what is never invoked",
                    "rows are about what is never invoked",
                ),
                counted(
                    repeated,
                    "row repeats another of its day",
                    "rows repeat others of their day",
                ),
                counted(
                    mended,
                    "row has percentiles that fall or are below zero, which are raised",
                    "rows have percentiles that fall or are below zero, which are raised",
                ),
                counted(unknown, "row has no value", "rows have no value"),
                counted(empty, "file has a header, but no row", "files have a header, but no row"),
                counted(
                    partial,
                    "file has a part of the minutes of its day",
                    "files have a part of the minutes of their day",
                ),
            ]
        }
    };
    told.into_iter().flatten().collect()
}
