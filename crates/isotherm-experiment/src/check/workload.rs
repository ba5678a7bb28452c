//! `[[workload]]`: which function is invoked when.

use std::sync::Arc;

use isotherm_config::fields::{AtMost, Choice, Fields, Positive, choice, takes, word, words};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Value};
use isotherm_kernel::{Duration, Time};
use isotherm_workload::{Arrival, ReplayConfig, WithinMinute};

use crate::check::body::{self, STEPS};
use crate::check::context::Context;
use crate::check::generate::{
    self, AZURE_LIKE, BURSTS, CLOSED, DIURNAL, POISSON, RENEWAL, UNIFORM,
};
use crate::check::invoked::{A_FUNCTION, date, function};
use crate::check::part::{self, LIMIT, WINDOW};
use crate::check::tabular::{self, CSV, JSONL, PARQUET};
use crate::duration_distribution::DurationDistribution;
use crate::plan::{AzurePlan, Body, TableFormat, WorkloadPlan};

/// The longest list that is held in memory; longer workloads are traces or generated.
const MAX_LISTED: u32 = 10_000_000;

/// A unit of time.
pub const A_TIME_UNIT: Takes = value("`ns`, `us`, `ms`, `s`, `min`, `h` or `d`", "\"ms\"");

const KIND: Field = field("kind", Takes::Words(|| words(KINDS)), "What the workload is.");

const KINDS: &[Choice<&TableSpec>] = &[
    word("list", "invocations that are written out one by one", &LIST),
    word("poisson", "invocations that come at random, with a rate", &POISSON),
    word("uniform", "invocations that are equally far apart, or with uniform gaps", &UNIFORM),
    word("gaps", "invocations with gaps of any distribution", &RENEWAL),
    word("bursts", "invocations at random, with a rate that jumps", &BURSTS),
    word(
        "diurnal",
        "invocations at random, with a rate that follows the time of the day",
        &DIURNAL,
    ),
    word("closed", "clients that wait for what they have invoked", &CLOSED),
    word(
        "azure-like",
        "apps like those of Azure Functions, with functions of their own",
        &AZURE_LIKE,
    ),
    word(
        "csv",
        "the rows of a CSV file, which is read as the simulation goes on and may be of any length",
        &CSV,
    ),
    word("jsonl", "the lines of a JSONL file, an object each, read in the same way", &JSONL),
    word("parquet", "the rows of a Parquet file, read in the same way", &PARQUET),
    word(
        "azure-2019",
        "the invocations of the trace that `[functions] azure_2019` names",
        &AZURE_2019,
    ),
    word(
        "azure-2021",
        "the invocations of the trace that `[functions] azure_2021` names",
        &AZURE_2021,
    ),
    word(
        "huawei-2023",
        "the invocations of the trace that `[functions] huawei_2023` names",
        &HUAWEI_2023,
    ),
    word(
        "huawei-2025",
        "the invocations of the request tables that `[functions] huawei_2025` names",
        &HUAWEI_2025,
    ),
];

/// The kinds that replay the trace of `[functions]`.
const TRACES: [&str; 4] = ["azure-2019", "azure-2021", "huawei-2023", "huawei-2025"];

/// Those that have a row for each invocation.
const REQUESTS: [&str; 2] = ["azure-2021", "huawei-2025"];

/// The fields of a workload before its kind is known.
const WORKLOAD: TableSpec = table("[[workload]]", "Who invokes what and when.").with(&[KIND]);

/// The kinds of `[[workload]]`.
pub const WORKLOADS: &[&TableSpec] = &[
    &LIST,
    &POISSON,
    &UNIFORM,
    &RENEWAL,
    &BURSTS,
    &DIURNAL,
    &CLOSED,
    &AZURE_LIKE,
    &CSV,
    &JSONL,
    &PARQUET,
    &AZURE_2019,
    &AZURE_2021,
    &HUAWEI_2023,
    &HUAWEI_2025,
];

const LIST: TableSpec = table(
    "[[workload]]",
    "Invocations that are written out, either in `arrivals`, or those of one function by their \
     dates (`at`, or `every` with `from` and `count`).",
)
.titled("`[[workload]]` of kind `list`")
.with(&[
    field("kind", value("`\"list\"`", "\"list\""), "What the workload is."),
    field("arrivals", Takes::Tables(&ARRIVAL), "The invocations, in any order.")
        .otherwise("`function` is required"),
    field("function", A_FUNCTION, "The function that is invoked.")
        .otherwise("`arrivals` is required"),
    field("at", value("a list of durations", "[\"0s\", \"1.5s\"]"), "When it is invoked.")
        .otherwise("`every` is required"),
    field("every", takes::<Duration>(), "It is invoked again and again after this time.")
        .like("\"1s\"")
        .otherwise("`at` is required"),
    field("from", takes::<Duration>(), "When it is invoked first (with `every`).")
        .like("\"0s\"")
        .otherwise("`\"0s\"`"),
    field("count", takes::<AtMost<MAX_LISTED>>(), "How many times it is invoked (with `every`).")
        .like("100")
        .otherwise("as many times as there are `durations`"),
    field(
        "durations",
        value("a list of durations", "[\"3s\", \"4s\"]"),
        "How long each body runs, instead of what the function does.",
    )
    .otherwise("the body of the function"),
    field(
        "body",
        Takes::Kinds(STEPS),
        "What each invocation does, instead of what the function does.",
    )
    .otherwise("the body of the function"),
]);

const ARRIVAL: TableSpec = table("an arrival", "One invocation.").with(&[
    field("at", takes::<Duration>(), "When."),
    field("function", A_FUNCTION, "Which function."),
    field("body", Takes::Kinds(STEPS), "What it does, instead of what the function does.")
        .otherwise("the body of the function"),
]);

const UNTIL: Field =
    field("until", takes::<Duration>(), "Nothing is invoked at this date or later.")
        .like("\"1h\"")
        .otherwise("the trace is played to its end");

const WITHIN_MINUTE: &[Choice<WithinMinute>] = &[
    word("uniform", "anywhere in the minute, independent of each other", WithinMinute::Uniform),
    word(
        "even",
        "at equal distances; where the first of them comes is drawn once for each function",
        WithinMinute::Even,
    ),
    word(
        "poisson",
        "as a Poisson process: how many there are is random as well, and right in the mean",
        WithinMinute::Poisson,
    ),
];

const WITHIN: Field = field(
    "arrivals",
    Takes::Words(|| words(WITHIN_MINUTE)),
    "When the invocations of a minute come.",
)
.default("\"uniform\"");

const SCALE: Field = field(
    "scale",
    takes::<Positive>(),
    "What the numbers of invocations are multiplied by. They stay whole: what is left over is one \
     more with this probability.",
)
.like("0.1")
.default("1");

const AZURE_2019: TableSpec = table(
    "[[workload]]",
    "The invocations of the trace of Azure Functions of 2019, which `[functions]` names, minute \
     by minute. How long they take is drawn between the percentiles of their function on that \
     day. Each function has random streams of its own.",
)
.titled("`[[workload]]` of kind `azure-2019`")
.with(&[
    field("kind", value("`\"azure-2019\"`", "\"azure-2019\""), "What the workload is."),
    WITHIN,
    SCALE,
    UNTIL,
    WINDOW,
    LIMIT,
]);

const AZURE_2021: TableSpec = table(
    "[[workload]]",
    "The invocations of the trace of Azure Functions of 2021, which `[functions]` names. Each \
     arrives when it started, at its end less its duration, and takes as long as it did.",
)
.titled("`[[workload]]` of kind `azure-2021`")
.with(&[
    field("kind", value("`\"azure-2021\"`", "\"azure-2021\""), "What the workload is."),
    UNTIL,
    WINDOW,
    LIMIT,
]);

const HUAWEI_2023: TableSpec = table(
    "[[workload]]",
    "The invocations of the trace of Huawei Cloud of 2023, which `[functions]` names, minute by \
     minute. How long they take is drawn between the percentiles of the means of the minutes of \
     their function on that day. Each function has random streams of its own.",
)
.titled("`[[workload]]` of kind `huawei-2023`")
.with(&[
    field("kind", value("`\"huawei-2023\"`", "\"huawei-2023\""), "What the workload is."),
    WITHIN,
    SCALE,
    UNTIL,
    WINDOW,
    LIMIT,
]);

const HUAWEI_2025: TableSpec = table(
    "[[workload]]",
    "The invocations of the request tables of Huawei Cloud of 2025, which `[functions]` names, \
     from the midnight before the first of them on. Each takes as long as it did in its pod.",
)
.titled("`[[workload]]` of kind `huawei-2025`")
.with(&[
    field("kind", value("`\"huawei-2025\"`", "\"huawei-2025\""), "What the workload is."),
    UNTIL,
    WINDOW,
    LIMIT,
]);

/// Reads one `[[workload]]`. `number` is its position; `startup` is that of the service.
pub fn workload(
    value: &Value,
    number: usize,
    startup: &DurationDistribution,
    context: &Context<'_>,
) -> Option<WorkloadPlan> {
    let report = context.report;
    let mut fields = Fields::of(value, &WORKLOAD, report)?;
    let value = fields.required_value("kind", "\"poisson\"")?;
    let spec = choice(value, "workload", KINDS, report)?;
    fields.proceed_as(spec);
    let plan = match &value.kind {
        Kind::String(kind) if kind == "list" => list_workload(&mut fields, context),
        Kind::String(kind) if TRACES.contains(&kind.as_str()) => {
            azure(&mut fields, value.span, kind, number, context)
        }
        Kind::String(kind) if kind == "jsonl" => {
            tabular::read(&mut fields, TableFormat::Jsonl, context)
        }
        Kind::String(kind) if kind == "parquet" => {
            tabular::read(&mut fields, TableFormat::Parquet, context)
        }
        Kind::String(kind) if kind != "csv" => {
            generate::generated(kind, &mut fields, number, startup, context)
        }
        _ => tabular::read(&mut fields, TableFormat::Csv, context),
    };
    fields.finish();
    plan
}

/// Stores the body of a single invocation. Returns its tag.
fn add_body(body: Body, context: &Context<'_>) -> u32 {
    let mut bodies = context.bodies.borrow_mut();
    bodies.push(body);
    (bodies.len() - 1) as u32
}

/// `arrivals = [{ at, function, body }]`, or one function with dates (`at`, or `every`) and perhaps
/// `durations`.
fn list_workload(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<WorkloadPlan> {
    let arrivals = match fields.entry("arrivals") {
        Some(entry) => {
            let place = entry.value.span;
            let arrivals = explicit(&entry.value, context)?;
            (arrivals, place)
        }
        None => (of_one_function(fields, context)?, fields.place()),
    };
    let (mut arrivals, place) = arrivals;
    if arrivals.is_empty() {
        return context.report.refuse(place, "this workload is empty", "nothing would be invoked");
    }
    // Stable: arrivals of one date keep the order of the file.
    arrivals.sort_by_key(|arrival| arrival.at);
    Some(WorkloadPlan::List(arrivals))
}

fn explicit(value: &Value, context: &Context<'_>) -> Option<Vec<Arrival>> {
    let report = context.report;
    let Kind::Array(values) = &value.kind else {
        let message = format!("`arrivals` must be a list, not {}", value.kind.description());
        let example = report.example("[{ at = \"0s\", function = \"f\" }]");
        return report.refuse(value.span, message, format!("write it like {example}"));
    };
    let arrival = |value: &Value| {
        let mut fields = Fields::of(value, &ARRIVAL, report)?;
        let at = fields.required::<Duration>("at");
        let own_body = fields.has("body");
        let name = fields.required::<Located<String>>("function");
        let body = body::optional_body(&mut fields, context);
        fields.finish();
        let function = function(&name?, own_body, context)?;
        let tag = body.map(|body| add_body(body, context));
        Some(Arrival { at: date(at?), function, duration: None, tag })
    };
    let arrivals: Vec<_> = values.iter().map(arrival).collect();
    arrivals.into_iter().collect()
}

fn of_one_function(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<Vec<Arrival>> {
    let report = context.report;
    if !fields.has("function") && !fields.has("at") && !fields.has("every") {
        fields.missing("arrivals", "[{ at = \"0s\", function = \"...\" }]");
        return None;
    }
    let name = fields.required::<Located<String>>("function");
    let durations = fields.optional::<Located<Vec<Duration>>>("durations");
    let own_body = fields.has("body") || fields.has("durations");
    let body = body::optional_body(fields, context);
    let dates = dates(fields, durations.as_ref().map(|durations| durations.value.len()))?;
    let function = function(&name?, own_body, context)?;
    if let Some(durations) = &durations
        && durations.value.len() != dates.len()
    {
        let message = format!("{} durations for {} dates", durations.value.len(), dates.len());
        return report.refuse(durations.span, message, "give one for each date");
    }
    let tag = body.map(|body| add_body(body, context));
    let arrival = |(index, at): (usize, Time)| Arrival {
        at,
        function,
        duration: durations.as_ref().map(|durations| durations.value[index]),
        tag,
    };
    Some(dates.into_iter().enumerate().map(arrival).collect())
}

/// `at = [...]`, or `every = "1s"` with `from` and `count`, which defaults to the number of
/// durations.
fn dates(fields: &mut Fields<'_>, durations: Option<usize>) -> Option<Vec<Time>> {
    if fields.has("at") || !fields.has("every") {
        let dates = fields.required::<Vec<Duration>>("at")?;
        return Some(dates.into_iter().map(date).collect());
    }
    let every = fields.required::<Located<Duration>>("every");
    let from = fields.optional_or("from", Duration::ZERO);
    let count = match durations {
        Some(durations) if !fields.has("count") => durations,
        _ => fields.required::<AtMost<MAX_LISTED>>("count")?.0 as usize,
    };
    let every = every?;
    let at = |index: usize| {
        let nanos =
            every.value.as_nanos().checked_mul(index as u64)?.checked_add(from.as_nanos())?;
        Some(Time::from_nanos(nanos))
    };
    let dates: Option<Vec<_>> = (0..count).map(at).collect();
    if dates.is_none() {
        fields.report().error(
            every.span,
            "the last date is out of range",
            "584 years is the limit",
        );
    }
    dates
}

/// The trace that `[functions]` names.
fn azure(
    fields: &mut Fields<'_>,
    place: Span,
    kind: &str,
    number: usize,
    context: &Context<'_>,
) -> Option<WorkloadPlan> {
    let mut replay = ReplayConfig::default();
    let mut end = None;
    if !REQUESTS.contains(&kind) {
        let within = fields.choice_or("arrivals", WITHIN_MINUTE, replay.within_minute);
        replay.within_minute = within.unwrap_or(replay.within_minute);
        replay.scale = fields.optional_or("scale", Positive(1.0)).0;
    }
    if let Some(until) = fields.optional::<Located<Duration>>("until") {
        if until.value.is_zero() {
            context.report.error(until.span, "this workload is empty", "nothing would be invoked");
        }
        end = Some(until.value);
    }
    let part = part::read(fields, end);
    let Some(trace) = context.azure.as_ref().filter(|trace| trace.source.kind() == kind) else {
        // What could not be read has been reported.
        if !context.functions.is_incomplete() {
            let key = kind.replace('-', "_");
            let what = if kind == "azure-2021" { "file" } else { "folder" };
            let message = format!("`[functions]` names no trace `{key}`");
            let example = context.report.example(&format!("{{ {what} = \"...\" }}"));
            context.report.error(
                place,
                message,
                format!("add `{key} = {example}` to `[functions]`"),
            );
        }
        return None;
    };
    let played = super::azure::played(trace, &part, place, context)?;
    Some(WorkloadPlan::Azure(AzurePlan {
        trace: Arc::clone(trace),
        replay,
        part,
        played,
        streams: format!("workload/{number}"),
    }))
}
