//! `[functions]`: functions from a CSV file, one per row, for experiments with thousands of them.
//!
//! ```toml
//! [functions]
//! csv = "data/functions.csv"
//! columns = { name = "function", memory = "memory_mb", startup = "cold_start_s" }
//! limits = { time = "15min" }       # for functions of which the file does not say it
//! image = "python"
//! ```
//!
//! Or the functions of a trace that defines them itself (`azure_2019`, `azure_2021`, `huawei_2023`,
//! ...: see [`azure`]), or those that the tables of the workloads name (`from = "trace"`: see
//! [`trace_functions`]).
//!
//! They are numbered after the `[[function]]` tables. The file is read before anything refers to a
//! function.

use std::sync::Arc;

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Fields, FromValue, Seed, word};
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Table, Value};
use isotherm_kernel::Duration;
use isotherm_serverless::Limits;
use isotherm_workload::{
    FunctionColumns, FunctionRow, SizeColumn, SizeUnit, TimeColumn, TraceProblem, WorkloadError,
    read_functions,
};

use crate::check::azure::{self, AZURE_2019, AZURE_2021};
use crate::check::body::{self, STEPS};
use crate::check::context::Context;
use crate::check::distribution::A_DURATION;
use crate::check::draws::{self, Draws};
use crate::check::huawei::{HUAWEI_2023, HUAWEI_2025};
use crate::check::limits::{DEFAULT_LIMITS, DefaultLimits};
use crate::check::lines::Lines;
use crate::check::population::{self, IMAGE_OF_EACH, Population};
use crate::check::{concurrency, on_failure, service, trace_functions, traces, values, workload};
use crate::duration_distribution::DurationDistribution;
use crate::plan::{
    AzureTrace, Body, ConcurrencyPlan, FunctionPlan, ImagePlan, OnFailurePlan, ValueSizes,
};
use crate::policies::{KeepAliveKind, Policy};

/// The number of errors in the rows of the file that are reported in full.
pub const MOST_OF_A_FILE: usize = 20;

const FROM: &[Choice<()>] = &[word("trace", "the tables of the workloads", ())];

const A_COLUMN: Takes = value("the name of a column", "\"memory_mb\"");

pub const A_SIZE_UNIT: Takes =
    value("`B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB` or `TiB`", "\"MB\"");

/// `[functions]`
pub const FUNCTIONS: TableSpec = table(
    "[functions]",
    "Functions from a CSV file whose first line names its columns, a row for each, or from a trace that says which there are. Other \
          columns are ignored. Where a row has no value, or the file no column, what stands here holds.",
)
.with(&[
    field(
        "csv",
        path("a path", "\"data/functions.csv\""),
        "The file, which may be compressed (gzip, zstd).",
    )
    .otherwise("`count`, `from` or one of the traces below is required"),
    population::COUNT,
    population::PREFIX,
    population::SEED,
    field(
        "from",
        value("`\"trace\"`", "\"trace\""),
        "The tables of the workloads, instead of `csv`: each name of a function that occurs in \
         those of the kinds `csv`, `jsonl` and `parquet` is one.",
    )
    .otherwise("`csv` or one of the traces below is required"),
    field("azure_2019", Takes::Table(&AZURE_2019), "The functions of the trace of Azure Functions of 2019, instead of `csv`.")
        .otherwise("`csv`, `from` or another trace is required"),
    field("azure_2021", Takes::Table(&AZURE_2021), "The functions of the trace of Azure Functions of 2021, instead of `csv`.")
        .otherwise("`csv`, `from` or another trace is required"),
    field(
        "huawei_2023",
        Takes::Table(&HUAWEI_2023),
        "The functions of the trace of Huawei Cloud of 2023, instead of `csv`.",
    )
        .otherwise("`csv`, `from` or another trace is required"),
    field(
        "huawei_2025",
        Takes::Table(&HUAWEI_2025),
        "The functions of the request tables of Huawei Cloud of 2025, instead of `csv`.",
    )
        .otherwise("`csv`, `from` or another trace is required"),
    field(
        "columns",
        Takes::Table(&COLUMNS),
        "Which column of the CSV file, or of the traces, holds what.",
    )
    .otherwise("required with `csv`; traces say nothing but the names"),
    field("units", Takes::Table(&UNITS), "The units of the columns.").otherwise("the ends of their names say them"),
    field("limits", Takes::Table(&DEFAULT_LIMITS), "The limits of functions of which the file or the trace does not say them.")
        .otherwise("the file must say them"),
    field("startup", A_DURATION, "How long the start of a container takes; if it is random, drawn for each.")
        .otherwise("that of the service"),
    service::of_family(KeepAliveKind::FAMILY)
        .otherwise("that of the service"),
    on_failure::OF_FUNCTION,
    concurrency::PER_CONTAINER,
    concurrency::FUNCTION_MAXIMUM,
    concurrency::RESERVED,
    values::INPUT,
    values::OUTPUT,
    field(
        "image",
        Takes::Either(&[
            value("the name of an image", "\"python\""),
            Takes::Table(&IMAGE_OF_EACH),
        ]),
        "What containers are made from. With `count`, a table is an image of its own for each.",
    )
    .otherwise("nothing has to be downloaded, copied or loaded"),
    field("body", Takes::Kinds(STEPS), "What each of them does when it is invoked. Invocations of a trace take as long as it says; only functions of which it says nothing do this.")
        .otherwise("every invocation must bring its own"),
]);

const COLUMNS: TableSpec = table("columns", "Which column of a file of functions holds what.")
    .with(&[
        field("name", value("the name of a column", "\"function\""), "The name of the function.")
            .otherwise("required with `csv`; traces have `columns.function` of their workload"),
        field("app", value("the name of a column", "\"app\""), "The name of its app.")
            .otherwise("each function is an app of its own"),
        field("image", value("the name of a column", "\"image\""), "The name of its image.")
            .otherwise("`image`"),
        field("memory", A_COLUMN, "Memory of a container.").otherwise("`limits.memory`"),
        field("disk", value("the name of a column", "\"disk_mb\""), "Disk space of a container.")
            .otherwise("`limits.disk`"),
        field("time", value("the name of a column", "\"timeout_s\""), "How long a body may run.")
            .otherwise("`limits.time`"),
        field(
            "startup",
            value("the name of a column", "\"cold_start_s\""),
            "How long the start of a container takes.",
        )
        .otherwise("`startup`"),
    ]);

const UNITS: TableSpec = table("units", "Units of the numbers in a file of functions.").with(&[
    field("memory", A_SIZE_UNIT, "That of the column of memory.")
        .otherwise("the end of its name, as in `memory_mb`"),
    field("disk", A_SIZE_UNIT, "That of the column of disk space.")
        .otherwise("the end of its name, as in `disk_gib`"),
    field("time", workload::A_TIME_UNIT, "That of the column of time limits.")
        .otherwise("the end of its name, as in `timeout_s`"),
    field("startup", workload::A_TIME_UNIT, "That of the column of start-ups.")
        .otherwise("the end of its name, as in `cold_start_ms`"),
]);

/// The functions of a file, a trace or a population, and the table `[functions]` itself.
pub struct Listed<'a> {
    fields: Fields<'a>,
    from: From<'a>,
}

/// Where functions come from, and what could be read of it.
enum From<'a> {
    File(Option<Box<File>>),
    Trace(Option<azure::Functions>),
    Population(Option<Population<'a>>),
}

/// The functions of `[functions]` for the plan.
pub struct Planned {
    /// The functions.
    pub functions: Vec<FunctionPlan>,
    /// The images that they have of their own.
    pub images: Vec<ImagePlan>,
    /// The place of the table.
    pub place: Span,
    /// Whether it says what they do.
    pub has_body: bool,
    /// The trace that they come from, if any.
    pub trace: Option<Arc<AzureTrace>>,
}

/// A file of functions.
struct File {
    /// Whether there were errors in its rows.
    is_broken: bool,
    rows: Vec<FunctionRow>,
    columns: FunctionColumns,
    /// The lines of the file; `None` if the functions are those of traces.
    lines: Option<Lines>,
    /// The place of the name of each function.
    places: Vec<Span>,
}

/// Reads the file or the traces of `[functions]` of an experiment, and reports errors.
pub fn listed<'a>(value: &'a Value, root: &Table, context: &Context<'a>) -> Option<Listed<'a>> {
    let mut fields = Fields::of(value, &FUNCTIONS, context.report)?;
    let from = match azure::functions(&mut fields, context) {
        Some(functions) => From::Trace(functions),
        None if fields.has("count") => From::Population(Population::read(&mut fields)),
        None if fields.has("from") => {
            From::File(of_traces(&mut fields, root, context).map(Box::new))
        }
        None => From::File(file(&mut fields, context).map(Box::new)),
    };
    Some(Listed { fields, from })
}

fn file(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<File> {
    if !fields.has("csv") {
        let examples = [
            ("csv", "\"functions.csv\""),
            ("count", "50"),
            ("azure_2019", "{ folder = \"azure2019\" }"),
        ];
        fields.missing_one_of("csv", &examples);
        return None;
    }
    let path = fields.required::<Located<String>>("csv");
    let columns = columns(fields, true, context);
    let (path, (columns, wanted)) = (path?, columns?);
    let lines = Lines::of(context.read(&path)?);
    let shown = context.path(&path).display().to_string();
    let found = match read_functions(shown, lines.file.text.as_bytes(), &columns, MOST_OF_A_FILE) {
        Ok(found) => found,
        Err(WorkloadError::Trace(error))
            if matches!(error.problem, TraceProblem::Empty | TraceProblem::NoRows) =>
        {
            let message = format!("there are no functions in `{}`", path.value);
            return context.report.refuse(
                path.span,
                message,
                "the file has no row below its header",
            );
        }
        Err(error) => {
            let wanted: Vec<_> = wanted.iter().collect();
            traces::report(&error, &path, &wanted, context);
            return None;
        }
    };
    lines.report(&found.errors, found.further, &path, context.report);
    let places = found.rows.iter().map(|row| lines.word(row.line, &row.name)).collect();
    let is_broken = !found.errors.is_empty();
    Some(File { is_broken, rows: found.rows, columns, lines: Some(lines), places })
}

/// The functions that the tables of the workloads name.
fn of_traces(fields: &mut Fields<'_>, root: &Table, context: &Context<'_>) -> Option<File> {
    let place = fields.entry("from")?.value.span;
    fields.choice_or("from", FROM, ())?;
    if fields.has("csv") {
        let hint = "remove this, or `csv`";
        return context.report.refuse(place, "functions are given twice", hint);
    }
    let (columns, wanted) = match fields.has("columns") {
        true => columns(fields, false, context)?,
        false => Default::default(),
    };
    let found = trace_functions::read(root, &columns, &wanted, place, context)?;
    let places = vec![place; found.rows.len()];
    Some(File { is_broken: found.is_broken, rows: found.rows, columns, lines: None, places })
}

/// The columns, and their names with their places.
fn columns(
    fields: &mut Fields<'_>,
    has_name: bool,
    context: &Context<'_>,
) -> Option<(FunctionColumns, Vec<Located<String>>)> {
    let report = context.report;
    let units = fields.entry("units").map(|entry| &entry.value);
    let example = "{ name = \"function\", memory = \"memory_mb\" }";
    let value = fields.required_value("columns", example)?;
    let mut units = units.and_then(|value| Fields::of(value, &UNITS, report));
    let mut names = Fields::of(value, &COLUMNS, report)?;
    let before = report.count();
    let name = match has_name {
        true => names.required::<Located<String>>("name"),
        false => None,
    };
    let app = names.optional::<Located<String>>("app");
    let image = names.optional::<Located<String>>("image");
    let mut wanted: Vec<Located<String>> =
        [&name, &app, &image].into_iter().flatten().cloned().collect();
    let mut column = |key: &'static str| {
        let name = names.optional::<Located<String>>(key)?;
        let unit = units.as_mut().and_then(|units| units.optional::<Located<String>>(key));
        wanted.push(name.clone());
        Some((name, unit))
    };
    let memory = size_column(column("memory"), "memory", report);
    let disk = size_column(column("disk"), "disk", report);
    let time = |found: Option<(Located<String>, Option<Located<String>>)>, key: &str| {
        let (name, unit) = found?;
        super::tabular::time_column(&name, unit, key, context)
    };
    let limit: Option<TimeColumn> = time(column("time"), "time");
    let startup = time(column("startup"), "startup");
    if !has_name && let Some(entry) = names.entry("name") {
        let hint = "remove it: `columns.function` of the workload says which column it is";
        report.error(entry.value.span, "the traces of the workloads name the functions", hint);
    }
    names.finish();
    if let Some(units) = units {
        units.finish();
    }
    let columns = FunctionColumns {
        name: match has_name {
            true => name?.value,
            false => String::new(),
        },
        image: image.map(|image| image.value),
        app: app.map(|app| app.value),
        memory,
        disk,
        time: limit,
        startup,
    };
    (report.count() == before).then_some((columns, wanted))
}

/// A column of sizes with its unit, which may be given.
pub fn size_column(
    found: Option<(Located<String>, Option<Located<String>>)>,
    key: &str,
    report: &Report,
) -> Option<SizeColumn> {
    let (name, unit) = found?;
    let unit = unit_of(&name, unit, SizeUnit::of_column, ("MB", key), report)?;
    Some(SizeColumn { name: name.value, unit })
}

/// The unit of a column: the given one, or the one that the end of its name states.
pub fn unit_of<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &Located<String>,
    unit: Option<Located<String>>,
    of_column: impl Fn(&str) -> Option<T>,
    (example, key): (&str, &str),
    report: &Report,
) -> Option<T> {
    match unit {
        Some(unit) => match unit.value.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => report.refuse(unit.span, T::Err::to_string(&error), ""),
        },
        None => {
            let known = of_column(&name.value);
            if known.is_none() {
                let message = format!("no unit for the column `{}`", name.value);
                report.error(
                    name.span,
                    message,
                    format!("add `units = {{ {key} = \"{example}\" }}`"),
                );
            }
            known
        }
    }
}

impl Listed<'_> {
    /// Whether there are functions of unknown names, because the file or a row of it could not be
    /// read.
    pub fn is_incomplete(&self) -> bool {
        match &self.from {
            From::File(file) => file.as_ref().is_none_or(|file| file.is_broken),
            From::Trace(trace) => trace.is_none(),
            From::Population(population) => population.is_none(),
        }
    }

    /// The names of the functions and their places, in the order of the file.
    pub fn names(&self) -> Vec<(&str, Span)> {
        match &self.from {
            From::File(Some(file)) => file
                .rows
                .iter()
                .map(|row| row.name.as_str())
                .zip(file.places.iter().copied())
                .collect(),
            From::Trace(Some(trace)) => {
                trace.rows.iter().map(|row| (row.name.as_str(), trace.place)).collect()
            }
            From::Population(Some(population)) => {
                population.names().map(|name| (name, self.fields.place())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The names of the images that the functions have of their own, and their places.
    pub fn images(&self) -> Vec<(&str, Span)> {
        match &self.from {
            From::Population(Some(population)) => {
                population.image_names().map(|name| (name, self.fields.place())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The trace that they come from.
    pub fn trace(&self) -> Option<Arc<AzureTrace>> {
        match &self.from {
            From::Trace(functions) => {
                functions.as_ref().map(|functions| Arc::clone(&functions.trace))
            }
            From::File(_) | From::Population(_) => None,
        }
    }

    /// The functions with the fields that the table gives for all of them. `startup` is that of the
    /// service.
    pub fn plans(
        mut self,
        startup: &DurationDistribution,
        context: &Context<'_>,
    ) -> Option<Planned> {
        let before = context.report.count();
        let fields = &mut self.fields;
        let (place, has_body) = (fields.place(), fields.has("body"));
        let seed = match self.from {
            // Nothing is drawn.
            From::Trace(_) => None,
            _ => fields.optional::<Seed>("seed"),
        };
        let draws = Draws::new(seed.map_or(context.seed, |seed| seed.0), context.report);
        let mut images = Vec::new();
        let mut trace = None;
        let functions = match self.from {
            From::Population(population) => population.and_then(|population| {
                images = population.images(&draws, context)?;
                population.functions(fields, startup, &draws, context)
            }),
            From::File(file) => {
                let common = Common::read(fields, startup, Some(&draws), context);
                file.map(|file| file.plans(common, fields, context))
            }
            From::Trace(functions) => {
                let common = Common::read(fields, startup, None, context);
                functions.and_then(|functions| {
                    trace = Some(Arc::clone(&functions.trace));
                    functions.plans(common, context.report)
                })
            }
        };
        self.fields.finish();
        let functions = functions.filter(|_| context.report.count() == before)?;
        Some(Planned { functions, images, place, has_body, trace })
    }
}

/// The common fields of all functions of a file or a trace.
struct Common<'d> {
    limits: Each<'d, DefaultLimits>,
    startup: Each<'d, DurationDistribution>,
    image: Option<usize>,
    keep_alive: Option<KeepAliveKind>,
    on_failure: OnFailurePlan,
    concurrency: ConcurrencyPlan,
    sizes: ValueSizes,
    body: Body,
}

/// What holds for all functions, or is drawn for each.
enum Each<'d, T> {
    Same(T),
    Drawn { key: &'static str, takes: Takes, value: &'d Value, draws: &'d Draws<'d> },
}

impl<'d, T: FromValue + Clone> Each<'d, T> {
    /// Reads a field; `None` if it is not there, or wrong.
    fn read<'a: 'd>(
        fields: &mut Fields<'a>,
        key: &'static str,
        takes: Takes,
        draws: Option<&'d Draws<'d>>,
    ) -> Option<Self> {
        let value = &fields.entry(key)?.value;
        match draws {
            Some(draws) if draws::is_drawn(value, &takes) => {
                Some(Each::Drawn { key, takes, value, draws })
            }
            _ => T::read(value, fields.report()).map(Each::Same),
        }
    }

    /// That of a function; `None` after an error.
    fn of(&self, name: &str, report: &Report) -> Option<T> {
        match self {
            Each::Same(value) => Some(value.clone()),
            Each::Drawn { key, takes, value, draws } => {
                T::read(&draws.value(name, key, takes, value)?, report)
            }
        }
    }
}

impl<'d> Common<'d> {
    /// Reads the fields. Without `draws` these are functions of a trace, whose limits were read
    /// with it.
    fn read<'a: 'd>(
        fields: &mut Fields<'a>,
        startup: &DurationDistribution,
        draws: Option<&'d Draws<'d>>,
        context: &Context<'_>,
    ) -> Self {
        let limits = match draws {
            Some(_) => Each::read(fields, "limits", Takes::Table(&DEFAULT_LIMITS), draws),
            None => None,
        };
        let of_each = Each::read(fields, "startup", A_DURATION, draws);
        let keep_alive = service::optional_policy(fields, "keep_alive", &context.policies);
        let on_failure = on_failure::read(fields);
        let concurrency = concurrency::of_function(fields);
        let sizes = values::read(fields);
        let image = fields.optional::<Located<String>>("image");
        let image = image.and_then(|image| context.images.resolve(&image, context.report));
        Common {
            limits: limits.unwrap_or(Each::Same(DefaultLimits::default())),
            startup: of_each.unwrap_or_else(|| Each::Same(startup.clone())),
            image,
            keep_alive,
            on_failure,
            concurrency,
            sizes,
            body: body::optional_body(fields, context).unwrap_or_default(),
        }
    }

    /// A function with the common fields.
    fn plan(
        &self,
        (name, app): (String, Option<String>),
        place: Span,
        image: Option<usize>,
        limits: Limits,
        startup: DurationDistribution,
    ) -> FunctionPlan {
        FunctionPlan {
            name,
            place,
            app,
            image,
            limits,
            startup,
            keep_alive: self.keep_alive.clone(),
            on_failure: self.on_failure,
            concurrency: self.concurrency,
            sizes: self.sizes,
            body: Body::clone(&self.body),
            workload: None,
        }
    }
}

impl azure::Functions {
    /// The functions of a trace.
    fn plans(self, common: Common<'_>, report: &Report) -> Option<Vec<FunctionPlan>> {
        let DefaultLimits { time, disk_bytes, .. } = self.limits;
        let time = time.unwrap_or(Duration::MAX);
        let place = self.place;
        let function = |azure::Row { name, app, memory_bytes }| {
            let startup = common.startup.of(&name, report)?;
            let limits = Limits { time, memory_bytes, disk_bytes };
            Some(common.plan((name, Some(app)), place, common.image, limits, startup))
        };
        self.rows.into_iter().map(function).collect()
    }
}

impl File {
    /// The functions of a file whose rows are valid.
    fn plans(
        &self,
        common: Common<'_>,
        fields: &Fields<'_>,
        context: &Context<'_>,
    ) -> Vec<FunctionPlan> {
        let report = context.report;
        let first = self.rows.first().map_or("", |row| &row.name);
        let Some(limits) = common.limits.of(first, report) else { return Vec::new() };
        self.check_limits(&limits, fields);
        let mut unknown = 0;
        let plan = |(row, &place): (&FunctionRow, &Span)| {
            let limits = common.limits.of(&row.name, report)?;
            let limits = self.limits(row, place, &limits, report)?;
            let image = match &row.image {
                None => common.image,
                Some(name) => Some(self.image(row, name, &mut unknown, context)?),
            };
            let startup = match row.startup {
                Some(startup) => startup.into(),
                None => common.startup.of(&row.name, report)?,
            };
            Some(common.plan((row.name.clone(), row.app.clone()), place, image, limits, startup))
        };
        let plans: Vec<_> = self.rows.iter().zip(&self.places).filter_map(plan).collect();
        if let Some(more) = unknown.checked_sub(MOST_OF_A_FILE).filter(|&more| more > 0) {
            let message = format!("{more} more functions have images that are not there");
            report.error(fields.place(), message, "");
        }
        plans
    }

    /// Reports limits that neither the file nor the table gives.
    fn check_limits(&self, limits: &DefaultLimits, fields: &Fields<'_>) {
        let is_file = self.lines.is_some();
        if is_file && self.columns.time.is_none() && limits.time.is_none() {
            let examples = [("limits.time", "\"60s\""), ("columns.time", "\"timeout_s\"")];
            fields.missing_one_of("limits.time", &examples);
        }
        if self.columns.memory.is_none() && limits.memory_bytes.is_none() {
            let examples = [("limits.memory", "\"512MB\""), ("columns.memory", "\"memory_mb\"")];
            fields.missing_one_of("limits.memory", &examples);
        }
    }

    /// The limits of a function. Reports one without limits if there is no default.
    fn limits(
        &self,
        row: &FunctionRow,
        place: Span,
        limits: &DefaultLimits,
        report: &Report,
    ) -> Option<Limits> {
        // Bodies of a trace run as long as it says.
        let unlimited = self.lines.is_none().then_some(Duration::MAX);
        let time = row.time.or(limits.time).or(unlimited);
        let memory_bytes = row.memory_bytes.or(limits.memory_bytes);
        let missing = [
            (self.columns.time.is_some() && time.is_none(), "time limit", "time"),
            (self.columns.memory.is_some() && memory_bytes.is_none(), "memory limit", "memory"),
        ];
        for (_, what, key) in missing.iter().filter(|(is_missing, ..)| *is_missing) {
            let message = format!("function `{}` has no {what}", row.name);
            report.error(place, message, format!("give it one, or all of them by `limits.{key}`"));
        }
        let disk_bytes = row.disk_bytes.unwrap_or(limits.disk_bytes);
        Some(Limits { time: time?, memory_bytes: memory_bytes?, disk_bytes })
    }

    /// The image of a function. Reports the first unknown images and counts the others.
    fn image(
        &self,
        row: &FunctionRow,
        name: &str,
        unknown: &mut usize,
        context: &Context<'_>,
    ) -> Option<usize> {
        let known = context.images.index_of(name);
        if known.is_none() {
            *unknown += 1;
            if *unknown <= MOST_OF_A_FILE {
                let span = match (&self.lines, self.places.first()) {
                    (Some(lines), _) => lines.word(row.line, name),
                    (None, first) => *first?,
                };
                let named = Located { value: name.to_owned(), span };
                context.images.resolve(&named, context.report);
            }
        }
        known
    }
}
