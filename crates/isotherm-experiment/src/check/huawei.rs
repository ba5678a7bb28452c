//! `[functions] huawei_2023` and `huawei_2025`: traces of Huawei Cloud that define functions and
//! their invocations.
//!
//! ```toml
//! [functions]
//! huawei_2023 = { folder = "datasets/private_dataset", days = [0, 1], delay_unit = "s" }
//! limits = { memory = "256MB" }
//!
//! [[workload]]
//! kind = "huawei-2023"
//! ```

use std::path::{Path, PathBuf};

use isotherm_config::fields::{Choice, Count, Fields, takes, word, words};
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::Located;
use isotherm_config::tree::Value;
use isotherm_workload::{
    AppSample, Azure2019Scan, Huawei2023Files, RequestColumns, TimeUnit, UnknownTimeUnit,
    WorkloadError,
};

use crate::check::azure::{self, ENDS, MOST, Named};
use crate::check::context::Context;
use crate::check::workload::A_TIME_UNIT;
use crate::plan::AzureSource;
use crate::trace;

/// The folder of the files of requests.
const REQUESTS: &str = "requests_minute";
/// The folder of the files of delays, which the public cloud has not.
const DELAYS: &str = "function_delay_minute";

/// The days that are looked for.
const DAYS: std::ops::RangeInclusive<u16> = 0..=999;

/// `huawei_2023`
pub const HUAWEI_2023: TableSpec = table(
    "huawei_2023",
    "The trace of Huawei Cloud of 2023, private or public: for each day the file \
     `requests_minute/day_NNN.csv` and, of the private cloud, `function_delay_minute/day_NNN.csv`; \
     each may be compressed (`.csv.gz`, `.csv.zst`). Functions are called by their numbers.",
)
.with(&[
    field(
        "folder",
        path("a path", "\"datasets/private_dataset\""),
        "The folder with `requests_minute`.",
    ),
    field(
        "days",
        value("a list of numbers from 0", "[0, 1]"),
        "Which days, in order. They are played one after the other, the first of them from the \
         start of the simulation.",
    )
    .default("[0]"),
    field("functions", takes::<Count>(), "So many of the functions are drawn.")
        .like("50")
        .otherwise("all of them"),
    field("sample", takes::<u64>(), "Which functions are drawn: another number, other functions.")
        .like("1")
        .default("0"),
    field(
        "delay_unit",
        A_TIME_UNIT,
        "The unit of the delays, which the description of the trace does not say.",
    )
    .otherwise("required where there is a folder `function_delay_minute`"),
]);

const TIMESTAMPS: &[Choice<bool>] = &[
    word("end", "when an invocation ended: it arrived by its duration earlier", true),
    word("start", "when it arrived", false),
];

/// `huawei_2025`
pub const HUAWEI_2025: TableSpec = table(
    "huawei_2025",
    "The request tables of Huawei Cloud of 2025: CSV files with a row for each invocation, of \
     which `time_worker`, `totalCost_worker`, `funcName`, `userID` and `podID` are read. \
     Functions are called `user/function`, and `user/function@pool` where a function has several \
     pools; memory is that of the pool.",
)
.with(&[
    field(
        "folder",
        path("a path", "\"datasets/R1\""),
        "The folder of the files of a region, or one of them. All files `*.csv` of a folder are \
         read, in the order of their names; they may be compressed (`.csv.gz`, `.csv.zst`).",
    ),
    field(
        "users",
        takes::<Count>(),
        "So many of the users are drawn, with all of their functions.",
    )
    .like("50")
    .otherwise("all of them"),
    field("sample", takes::<u64>(), "Which users are drawn: another number, other users.")
        .like("1")
        .default("0"),
    field(
        "timestamps",
        Takes::Words(|| words(TIMESTAMPS)),
        "What `time_worker` is, which the description of the trace does not say.",
    )
    .default("\"end\""),
]);

/// Reads which part of the request tables is meant.
pub fn year_2025(value: &Value, context: &Context<'_>) -> Option<Named> {
    let mut fields = Fields::of(value, &HUAWEI_2025, context.report)?;
    let folder = fields.required::<Located<String>>("folder");
    let users = fields.optional::<Located<Count>>("users");
    let apps = users.as_ref().map(|count| u64::from(count.value.0));
    let sample = AppSample { apps, number: fields.optional_or("sample", 0) };
    let is_end = fields.choice_or("timestamps", TIMESTAMPS, true);
    fields.finish();
    let (folder, is_end) = (folder?, is_end?);
    let path = context.path(&folder);
    let files = match tables_of(&path) {
        Ok(files) if files.is_empty() => {
            let message = format!("there is no file `*.csv` in `{}`", folder.value);
            let hint = "nor a compressed one (`.csv.gz`, `.csv.zst`)";
            return context.report.refuse(folder.span, message, hint);
        }
        Ok(files) => files,
        Err(error) => {
            context.cannot_read(&folder, &error);
            return None;
        }
    };
    let shown = path.display().to_string();
    let columns = RequestColumns { is_end, ..RequestColumns::HUAWEI_2025 };
    Some((AzureSource::Huawei2025 { files, shown, sample, columns }, folder, users))
}

/// The tables of a folder in the order of their names; a file is the only one.
pub fn tables_of(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_table = |name: String| ENDS.iter().any(|end| name.ends_with(&format!(".csv{end}")));
        if name.is_some_and(is_table) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads which part of the trace is meant.
pub fn year_2023(value: &Value, context: &Context<'_>) -> Option<Named> {
    let mut fields = Fields::of(value, &HUAWEI_2023, context.report)?;
    let folder = fields.required::<Located<String>>("folder");
    let before = context.report.count();
    let days = fields.optional::<Vec<Located<u64>>>("days");
    let functions = fields.optional::<Located<Count>>("functions");
    let apps = functions.as_ref().map(|count| u64::from(count.value.0));
    let sample = AppSample { apps, number: fields.optional_or("sample", 0) };
    let unit = fields.optional::<Located<String>>("delay_unit");
    let days = match days {
        Some(days) => azure::numbers(&days, value.span, DAYS, context),
        None => Some(vec![0]),
    };
    let shown = folder.as_ref().map(|folder| context.path(folder));
    let has_delays = shown.as_ref().is_some_and(|folder| folder.join(DELAYS).is_dir());
    let delay_unit = match &unit {
        Some(unit) if !has_delays && shown.as_ref().is_some_and(|folder| folder.is_dir()) => {
            let message = format!("there is no folder `{DELAYS}`, whose unit this would be");
            context.report.refuse(unit.span, message, "remove this")
        }
        Some(unit) => match unit.value.parse::<TimeUnit>() {
            Ok(parsed) => Some(parsed),
            Err(error) => context.report.refuse(unit.span, UnknownTimeUnit::to_string(&error), ""),
        },
        None => {
            if has_delays {
                fields.missing("delay_unit", "\"ms\"");
            }
            None
        }
    };
    fields.finish();
    let (folder, path) = (folder?, shown?);
    if context.report.count() > before {
        return None;
    }
    let shown = path.display().to_string();
    let source = AzureSource::Huawei2023 { folder: path, shown, days: days?, sample, delay_unit };
    Some((source, folder, functions))
}

/// A file that should be there, or cannot be read.
pub enum Broken {
    /// There is none of this folder and day.
    Missing(&'static str, u16),
    /// It cannot be read.
    Unreadable(PathBuf, WorkloadError),
}

/// Reads the files of some days. `opened` is told of each.
pub fn scan(
    folder: &Path,
    days: &[u16],
    sample: AppSample,
    delay_unit: Option<TimeUnit>,
    mut opened: impl FnMut(&Path),
) -> (Azure2019Scan, Vec<Broken>) {
    let mut files = Huawei2023Files::new(sample, MOST);
    let mut broken = Vec::new();
    for (number, &day) in (0u16..).zip(days) {
        for (family, unit) in [(REQUESTS, None), (DELAYS, delay_unit)] {
            if family == DELAYS && unit.is_none() {
                continue;
            }
            let Some(path) = file_of_day(folder, family, day) else {
                broken.push(Broken::Missing(family, day));
                continue;
            };
            opened(&path);
            let shown = path.display().to_string();
            let read = trace::open_file(&path, &shown).and_then(|file| match unit {
                None => files.requests(number, day, &shown, file),
                Some(unit) => files.delays(number, day, unit, &shown, file),
            });
            if let Err(error) = read {
                broken.push(Broken::Unreadable(path, error));
            }
        }
    }
    (files.finish(), broken)
}

/// The file of a family and a day, plain or compressed. The private cloud numbers days by three
/// digits, the public one by two.
#[must_use]
pub fn file_of_day(folder: &Path, family: &str, day: u16) -> Option<PathBuf> {
    let names = [format!("day_{day:03}.csv"), format!("day_{day:02}.csv")];
    let paths = names.into_iter().flat_map(|name| ENDS.map(|end| format!("{name}{end}")));
    paths.map(|name| folder.join(family).join(name)).find(|path| path.exists())
}

/// The folder and the days that a path stands for: all days with requests if it is a folder.
#[must_use]
pub fn folder_and_days(path: &Path) -> Option<(PathBuf, Vec<u16>)> {
    let days: Vec<u16> = days_of(path, REQUESTS);
    (!days.is_empty()).then(|| (path.to_owned(), days))
}

/// The days of which there is a file.
#[must_use]
pub fn days_of(folder: &Path, family: &str) -> Vec<u16> {
    match folder.join(family).is_dir() {
        true => DAYS.filter(|&day| file_of_day(folder, family, day).is_some()).collect(),
        false => Vec::new(),
    }
}

/// Whether a folder has files of delays.
#[must_use]
pub fn has_delays(folder: &Path) -> bool {
    folder.join(DELAYS).is_dir()
}
