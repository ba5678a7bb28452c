//! `[[workload]]` of the kinds `csv`, `jsonl` and `parquet`: the rows of a table in a file.
//!
//! ```toml
//! [[workload]]
//! kind = "csv"
//! file = "requests.csv"
//! columns = { arrival = "timestamp", function = "name", duration = "took_ms" }
//! origin = "2024-05-01"                           # the date at which the simulation starts
//! window = { from = "9h", until = "10h" }         # of the trace, counted from its origin
//! ```

use isotherm_config::fields::{Choice, Fields, word, words};
use isotherm_config::schema::{Field, TableSpec, Takes, field, path, table, value};
use isotherm_config::source::Located;
use isotherm_workload::{
    Columns, CsvDialect, DateColumn, DateFormat, FunctionColumn, Origin, TimeColumn, TimeUnit,
    UnknownTimeUnit, calendar_nanos, told_format,
};

use crate::check::context::Context;
use crate::check::functions::unit_of;
use crate::check::invoked::{A_FUNCTION, function};
use crate::check::part::{self, LIMIT, WINDOW};
use crate::check::traces;
use crate::check::workload::A_TIME_UNIT;
use crate::plan::{CsvPlan, TableFormat, WorkloadPlan};
use crate::trace;

const A_PATH: Takes = path("a path", "\"data/run.csv\"");

const A_COLUMN: Takes = value("the name of a column", "\"arrival_s\"");

const DECIMALS: &[Choice<u8>] =
    &[word(".", "a point", b'.'), word(",", "a comma; digits are not grouped", b',')];

const ORIGIN: Field = field(
    "origin",
    value("a date, or `\"first\"`", "\"2024-05-01T00:00:00Z\""),
    "The date of the trace at which the simulation starts: a date of the calendar, for columns \
     that hold such dates or count from 1970, or that of the first row. Nothing may arrive before it.",
)
.otherwise("`\"first\"` if the column holds dates of the calendar; else its zero");

const THE_COLUMNS: Field = field("columns", Takes::Table(&COLUMNS), "Which column holds what.");

const THE_UNITS: Field = field("units", Takes::Table(&UNITS), "The units of the columns.")
    .otherwise("the ends of their names say them");

const THE_FUNCTION: Field = field("function", A_FUNCTION, "The function that all rows invoke.")
    .otherwise("a column says it");

pub const CSV: TableSpec = table(
    "[[workload]]",
    "The rows of a CSV file whose first line names its columns. Rows are ordered by arrival; other \
     columns are ignored.",
)
.titled("`[[workload]]` of kind `csv`")
.with(&[
    field("kind", value("`\"csv\"`", "\"csv\""), "What the workload is."),
    field("file", A_PATH, "The file, which may be compressed (gzip, zstd)."),
    THE_COLUMNS,
    THE_UNITS,
    THE_FUNCTION,
    ORIGIN,
    WINDOW,
    LIMIT,
    field(
        "delimiter",
        value("one character of ASCII", "\";\""),
        "What separates the fields of the file.",
    )
    .otherwise(
        "a semicolon, tab or bar where the header has one of them, none of the others and no \
         comma; else a comma",
    ),
    field(
        "decimal",
        Takes::Words(|| words(DECIMALS)),
        "What separates a number from its decimals.",
    )
    .default("\".\""),
]);

pub const JSONL: TableSpec = table(
    "[[workload]]",
    "The lines of a file, each a JSON object by itself, whose keys are the columns; their values \
     are numbers or strings. Lines are ordered by arrival; other keys are ignored.",
)
.titled("`[[workload]]` of kind `jsonl`")
.with(&[
    field("kind", value("`\"jsonl\"`", "\"jsonl\""), "What the workload is."),
    field(
        "file",
        path("a path", "\"data/run.jsonl\""),
        "The file, which may be compressed (gzip, zstd).",
    ),
    THE_COLUMNS,
    THE_UNITS,
    THE_FUNCTION,
    ORIGIN,
    WINDOW,
    LIMIT,
]);

pub const PARQUET: TableSpec = table(
    "[[workload]]",
    "The rows of a Parquet file. Rows are ordered by arrival; other columns are ignored. Numbers \
     are taken as they are, in the units that `units` says. Pages may be compressed \
     by Snappy, gzip, zstd, LZ4 or Brotli.",
)
.titled("`[[workload]]` of kind `parquet`")
.with(&[
    field("kind", value("`\"parquet\"`", "\"parquet\""), "What the workload is."),
    field("file", path("a path", "\"data/run.parquet\""), "The file."),
    THE_COLUMNS,
    THE_UNITS,
    THE_FUNCTION,
    ORIGIN,
    WINDOW,
    LIMIT,
]);

const COLUMNS: TableSpec = table("columns", "Which column of a trace holds what.").with(&[
    field("arrival", A_COLUMN, "When the function is invoked, counted from `origin`."),
    field("function", value("the name of a column", "\"function\""), "The name of the function.")
        .otherwise("`function_number`, or `function` of the workload"),
    field(
        "function_number",
        value("the name of a column", "\"index\""),
        "The number of the function, counted from 0: `[[function]]` in the order of the \
         experiment, then those of `[functions]`.",
    )
    .otherwise("`function`"),
    field("duration", value("the name of a column", "\"duration_s\""), "How long the body runs.")
        .otherwise("the body of the function"),
]);

const UNITS: TableSpec = table("units", "Units of the numbers in a trace.").with(&[
    field(
        "arrival",
        value("`ns`, `us`, `ms`, `s`, `min`, `h`, `d` or `iso`", "\"ms\""),
        "That of the column of arrivals; `iso` if it holds dates of the calendar, such as \
         `2024-05-01T12:00:00.250Z` (ISO 8601; without a zone they are taken as UTC).",
    )
    .otherwise(
        "that of its type in Parquet, `iso` if its first value is such a date, or the end of its \
         name, as in `arrival_s`",
    ),
    field("duration", A_TIME_UNIT, "That of the column of durations.")
        .otherwise("the end of its name, as in `run_ms`"),
]);

/// Reads a workload from a table in a file.
pub fn read(
    fields: &mut Fields<'_>,
    format: TableFormat,
    context: &Context<'_>,
) -> Option<WorkloadPlan> {
    let before = context.report.count();
    let file = fields.required::<Located<String>>("file");
    let fixed_given = fields.has("function");
    let fixed = fields.optional::<Located<String>>("function");
    let columns = columns(fields);
    let units = unit_table(fields);
    let origin = origin(fields);
    let part = part::read(fields, None);
    let dialect = match format {
        TableFormat::Csv => dialect(fields),
        TableFormat::Jsonl | TableFormat::Parquet => CsvDialect::default(),
    };
    let columns = columns?;
    let function = table_function(fields, fixed_given, fixed.as_ref(), &columns, context);
    let duration = match &columns.duration {
        Some(column) => time_column(column, units.duration, "duration", context).map(Some),
        None => Some(None),
    };
    let given = units.arrival.map(|unit| given_format(&unit, context));
    let (file, function) = (file?, function?);
    let path = context.path(&file);
    let mut plan = CsvPlan {
        format,
        shown: path.display().to_string(),
        path,
        dialect,
        columns: Columns {
            arrival: DateColumn::new(&columns.arrival.value, TimeUnit::SECOND),
            function,
            duration: None,
        },
        part,
    };
    let arrival = given.unwrap_or_else(|| told_or_named(&plan, &columns.arrival, context));
    // The header is checked even if a unit is missing.
    let any_unit =
        |name: &Located<String>| TimeColumn { name: name.value.clone(), unit: TimeUnit::SECOND };
    plan.columns.duration =
        duration.clone().unwrap_or_else(|| columns.duration.as_ref().map(any_unit));
    plan.columns.arrival = match arrival {
        Some(DateFormat::Number(unit)) => DateColumn::new(&columns.arrival.value, unit),
        Some(DateFormat::Iso8601) => DateColumn::iso8601(&columns.arrival.value),
        None => DateColumn::new(&columns.arrival.value, TimeUnit::SECOND),
    };
    if let Some(origin) = origin {
        plan.columns.arrival.origin = origin;
    }
    let wanted = [
        Some(&columns.arrival),
        columns.function.as_ref(),
        columns.number.as_ref(),
        columns.duration.as_ref(),
    ];
    let wanted: Vec<_> = wanted.into_iter().flatten().collect();
    traces::check(&plan, &file, &wanted, context);
    let is_good = context.report.count() == before && arrival.is_some() && duration.is_some();
    is_good.then_some(WorkloadPlan::Csv(plan))
}

/// Which date is the start of the simulation, if it is given.
fn origin(fields: &mut Fields<'_>) -> Option<Origin> {
    let given = fields.optional::<Located<String>>("origin")?;
    if given.value == "first" {
        return Some(Origin::First);
    }
    let origin = calendar_nanos(&given.value).map(Origin::At);
    if origin.is_none() {
        let message = format!("`{}` is not a date", given.value);
        let example = fields.report().example("\"2024-05-01T00:00:00Z\"");
        let hint = format!("write it like {example}, or `first` for the first row");
        fields.report().error(given.span, message, hint);
    }
    origin
}

/// How fields and numbers of a CSV file are written.
fn dialect(fields: &mut Fields<'_>) -> CsvDialect {
    let decimal_mark = fields.choice_or("decimal", DECIMALS, b'.').unwrap_or(b'.');
    let given = fields.optional::<Located<String>>("delimiter");
    let delimiter = given.as_ref().and_then(|given| {
        let delimiter = delimiter(&given.value);
        if delimiter.is_none() {
            let message = format!("`{}` cannot separate fields", given.value.escape_default());
            let hint = "one character of ASCII that is no quotation mark, line break or point";
            fields.report().error(given.span, message, hint);
        }
        delimiter
    });
    if let (Some(given), Some(b','), b',') = (&given, delimiter, decimal_mark) {
        let hint = "numbers would have to be quoted: use a file with another delimiter";
        fields.report().error(given.span, "commas separate both fields and decimals", hint);
    }
    CsvDialect { delimiter, decimal_mark }
}

/// What separates fields, if the text can.
pub fn delimiter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | b'.') => Some(*byte),
        _ => None,
    }
}

/// How dates are written that have a unit of the experiment.
fn given_format(unit: &Located<String>, context: &Context<'_>) -> Option<DateFormat> {
    if unit.value == "iso" {
        return Some(DateFormat::Iso8601);
    }
    match unit.value.parse() {
        Ok(unit) => Some(DateFormat::Number(unit)),
        Err(error) => {
            let message = UnknownTimeUnit::to_string(&error);
            context.report.refuse(unit.span, message, "or `iso` for dates of the calendar")
        }
    }
}

/// How the dates of a column without a unit are written: as its type says, or its first value, or
/// the end of its name.
fn told_or_named(
    plan: &CsvPlan,
    column: &Located<String>,
    context: &Context<'_>,
) -> Option<DateFormat> {
    // What is wrong with the file is told when it is looked at.
    let told = trace::table_of(plan).and_then(|mut table| told_format(&mut table, &column.value));
    if let Ok(Some(format)) = told {
        return Some(format);
    }
    let unit = unit_of(column, None, TimeUnit::of_column, ("s", "arrival"), context.report);
    unit.map(DateFormat::Number)
}

/// The function of a table: a fixed one, or a column with its name or number.
fn table_function(
    fields: &Fields<'_>,
    fixed_given: bool,
    fixed: Option<&Located<String>>,
    columns: &ColumnNames,
    context: &Context<'_>,
) -> Option<FunctionColumn> {
    let own_body = columns.duration.is_some();
    let column = match (&columns.function, &columns.number) {
        (None, None) if fixed_given => {
            return Some(FunctionColumn::Fixed(function(fixed?, own_body, context)?));
        }
        (None, None) => {
            fields.missing_one_of(
                "function",
                &[("function", "\"...\""), ("columns.function", "\"...\"")],
            );
            return None;
        }
        (Some(_), Some(second)) => {
            return context.report.refuse(
                second.span,
                "the function is given twice",
                "remove this column, or the other",
            );
        }
        (Some(column), None) | (None, Some(column)) if fixed_given => {
            let hint = "remove this, or `function` of the workload";
            return context.report.refuse(column.span, "the function is given twice", hint);
        }
        (Some(column), None) => FunctionColumn::Named(column.value.clone()),
        (None, Some(column)) => FunctionColumn::Numbered(column.value.clone()),
    };
    if !own_body {
        // The file may name any function.
        let span = fields.place();
        let all = (0..context.functions.iter().count()).map(|value| Located { value, span });
        context.needs.borrow_mut().invoked.extend(all);
    }
    Some(column)
}

struct ColumnNames {
    arrival: Located<String>,
    function: Option<Located<String>>,
    number: Option<Located<String>>,
    duration: Option<Located<String>>,
}

fn columns(fields: &mut Fields<'_>) -> Option<ColumnNames> {
    let value = fields.required_value("columns", "{ arrival = \"arrival_s\" }")?;
    let mut fields = Fields::of(value, &COLUMNS, fields.report())?;
    let arrival = fields.required("arrival");
    let function = fields.optional("function");
    let number = fields.optional("function_number");
    let duration = fields.optional("duration");
    fields.finish();
    Some(ColumnNames { arrival: arrival?, function, number, duration })
}

#[derive(Default)]
struct UnitTable {
    arrival: Option<Located<String>>,
    duration: Option<Located<String>>,
}

fn unit_table(fields: &mut Fields<'_>) -> UnitTable {
    let Some(entry) = fields.entry("units") else { return UnitTable::default() };
    let Some(mut fields) = Fields::of(&entry.value, &UNITS, fields.report()) else {
        return UnitTable::default();
    };
    let table =
        UnitTable { arrival: fields.optional("arrival"), duration: fields.optional("duration") };
    fields.finish();
    table
}

/// A column of times. Its unit is given, or stated by the end of its name (`arrival_s`,
/// `response_ms`).
pub fn time_column(
    column: &Located<String>,
    unit: Option<Located<String>>,
    key: &str,
    context: &Context<'_>,
) -> Option<TimeColumn> {
    let unit = unit_of(column, unit, TimeUnit::of_column, ("s", key), context.report)?;
    Some(TimeColumn { name: column.value.clone(), unit })
}
