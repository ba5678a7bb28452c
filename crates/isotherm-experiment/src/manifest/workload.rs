//! Workloads and bodies as they stand in a manifest.

use isotherm_config::write::{date, duration, inline, key, list, number, rate, size, string, work};
use isotherm_kernel::Time;
use isotherm_workload::{
    Arrival, AzureLikeConfig, BurstState, Columns, DayShape, FunctionColumn, MemoryOfApp,
    ReplayConfig, Targets, WithinMinute,
};

use super::{Paths, Section};
use crate::plan::{
    AzureLikePlan, AzurePlan, AzureSource, ClosedPlan, CsvPlan, GeneratedPlan, Plan, ProcessPlan,
    StepPlan, WorkloadPlan,
};

/// The fields of a workload.
pub fn workload(
    workload: &WorkloadPlan,
    plan: &Plan,
    paths: &Paths<'_>,
    section: &mut Section<'_>,
) {
    match workload {
        WorkloadPlan::List(arrivals) => list_workload(arrivals, plan, section),
        WorkloadPlan::Generated(plan_of) => generated(plan_of, plan, section),
        WorkloadPlan::Closed(plan_of) => closed(plan_of, plan, section),
        WorkloadPlan::AzureLike(azure) => azure_like(azure, section),
        WorkloadPlan::Csv(csv) => trace(csv, plan, paths, section),
        WorkloadPlan::Azure(azure) => self::azure(azure, section),
    }
}

fn function(index: u32, plan: &Plan) -> String {
    string(plan.functions.get(index as usize).map_or("", |function| function.name.as_str()))
}

/// The names of the functions of a workload. One that is named alone has another random stream than
/// a list with this function alone.
fn targets(targets: &Targets, stream: &str, plan: &Plan, section: &mut Section<'_>) {
    match targets.functions() {
        [only] if stream.matches('/').count() > 1 => {
            section.field("function", function(*only, plan))
        }
        functions => {
            section.field("functions", list(functions.iter().map(|&index| function(index, plan))));
            section.field("popularity", number(targets.exponent()));
        }
    }
}

fn span(from: Time, until: Option<Time>, count: Option<u64>, section: &mut Section<'_>) {
    section.field("from", date(from));
    if let Some(until) = until {
        section.field("until", date(until));
    }
    if let Some(count) = count {
        section.field("count", count.to_string());
    }
}

fn azure(azure: &AzurePlan, section: &mut Section<'_>) {
    section.field("kind", string(azure.trace.source.kind()));
    let ReplayConfig { within_minute, scale, until } = azure.replay;
    if let AzureSource::Year2019 { .. } = azure.trace.source {
        let arrivals = match within_minute {
            WithinMinute::Uniform => "uniform",
            WithinMinute::Even => "even",
            WithinMinute::Poisson => "poisson",
        };
        section.field("arrivals", string(arrivals));
        section.field("scale", format!("{scale:?}"));
    }
    if let Some(until) = until {
        section.field("until", date(until));
    }
}

fn generated(generated: &GeneratedPlan, plan: &Plan, section: &mut Section<'_>) {
    section.field("kind", string(generated.process.kind()));
    let GeneratedPlan { config, stream, .. } = generated;
    targets(&config.targets, stream, plan, section);
    match &generated.process {
        ProcessPlan::Poisson { rate_per_s } => section.field("rate", rate(*rate_per_s)),
        ProcessPlan::Uniform { rate_per_s, is_even } => {
            section.field("rate", rate(*rate_per_s));
            section.field("gaps", string(if *is_even { "even" } else { "random" }));
        }
        ProcessPlan::Gaps(gap) => section.field("gap", gap.written()),
        ProcessPlan::Bursts(states) => {
            let state = |state: &BurstState| {
                let mut fields =
                    vec![("rate", rate(state.rate_per_s)), ("mean", duration(state.mean))];
                if !state.next.is_empty() {
                    fields.push(("next", list(state.next.iter().copied().map(number))));
                }
                inline(fields)
            };
            section.field("states", list(states.iter().map(state)));
        }
        ProcessPlan::Diurnal { rate_per_s, period, shape } => {
            section.field("rate", rate(*rate_per_s));
            section.field("period", duration(*period));
            match shape {
                DayShape::Wave { amplitude, peak } => {
                    section.field("amplitude", number(*amplitude));
                    section.field("peak", duration(*peak));
                }
                DayShape::Profile(weights) => {
                    section.field("profile", list(weights.iter().copied().map(number)))
                }
            }
        }
    }
    if let Some(duration) = &generated.duration {
        section.field("duration", duration.written());
    }
    span(config.from, config.until, config.count, section);
}

fn closed(closed: &ClosedPlan, plan: &Plan, section: &mut Section<'_>) {
    let (config, stream) = (closed.closed.config(), &closed.stream);
    section.field("kind", string("closed"));
    targets(&config.targets, stream, plan, section);
    section.field("clients", config.clients.to_string());
    section.field("think", closed.think.written());
    if let Some(duration) = &closed.duration {
        section.field("duration", duration.written());
    }
    span(config.from, config.until, config.count, section);
}

fn azure_like(azure: &AzureLikePlan, section: &mut Section<'_>) {
    let AzureLikeConfig { apps, scale, memory, sigma, from, until } = azure.drawn.config();
    section.field("kind", string("azure-like"));
    section.field("apps", apps.to_string());
    section.field("scale", number(*scale));
    let memory = match memory {
        MemoryOfApp::Split => "split",
        MemoryOfApp::App => "app",
    };
    section.field("memory", string(memory));
    section.field("sigma", number(*sigma));
    section.field("startup", azure.startup.written());
    section.field("prefix", string(&azure.prefix));
    section.field("from", date(*from));
    section.field("until", date(*until));
}

fn trace(csv: &CsvPlan, plan: &Plan, paths: &Paths<'_>, section: &mut Section<'_>) {
    section.field("kind", string(csv.format.kind()));
    section.field("file", string(&paths.to(&csv.path)));
    let Columns { arrival, function, duration } = &csv.columns;
    let mut columns = vec![("arrival", string(&arrival.name))];
    let mut units = vec![("arrival", string(&arrival.unit.to_string()))];
    match function {
        FunctionColumn::Fixed(index) => section.field("function", self::function(*index, plan)),
        FunctionColumn::Named(name) => columns.push(("function", string(name))),
        FunctionColumn::Numbered(name) => columns.push(("function_number", string(name))),
    }
    if let Some(duration) = duration {
        columns.push(("duration", string(&duration.name)));
        units.push(("duration", string(&duration.unit.to_string())));
    }
    section.field("columns", inline(columns));
    section.field("units", inline(units));
}

fn list_workload(arrivals: &[Arrival], plan: &Plan, section: &mut Section<'_>) {
    section.field("kind", string("list"));
    match arrivals {
        [first, ..] if arrivals.iter().all(|arrival| alike(first, arrival)) => {
            section.field("function", function(first.function, plan));
            dates(arrivals, section);
            if first.duration.is_some() {
                let durations =
                    arrivals.iter().filter_map(|arrival| arrival.duration).map(duration);
                section.field("durations", list(durations));
            }
            if let Some(body) = own_body(first, plan) {
                section.field("body", body);
            }
        }
        _ => {
            let arrival = |arrival: &Arrival| {
                let mut fields =
                    vec![("at", date(arrival.at)), ("function", function(arrival.function, plan))];
                let sleep =
                    arrival.duration.map(|time| list([inline([("sleep", duration(time))])]));
                fields.extend(sleep.or_else(|| own_body(arrival, plan)).map(|body| ("body", body)));
                format!("\n    {},", inline(fields))
            };
            let arrivals: String = arrivals.iter().map(arrival).collect();
            section.field("arrivals", format!("[{arrivals}\n]"));
        }
    }
}

/// Whether two arrivals differ in date and duration at most.
fn alike(first: &Arrival, other: &Arrival) -> bool {
    let same_kind = first.duration.is_some() == other.duration.is_some();
    first.function == other.function && first.tag == other.tag && same_kind
}

/// Dates that are equally far apart, or one by one.
fn dates(arrivals: &[Arrival], section: &mut Section<'_>) {
    let gaps = || arrivals.windows(2).map(|pair| pair[1].at.since(pair[0].at));
    match gaps().next() {
        Some(every) if !every.is_zero() && gaps().all(|gap| gap == every) => {
            section.field("every", duration(every));
            section.field("from", date(arrivals.first().map_or(Time::ZERO, |arrival| arrival.at)));
            section.field("count", arrivals.len().to_string());
        }
        _ => section.field("at", list(arrivals.iter().map(|arrival| date(arrival.at)))),
    }
}

fn own_body(arrival: &Arrival, plan: &Plan) -> Option<String> {
    plan.bodies.get(arrival.tag? as usize).map(|steps| body(steps, plan))
}

/// A list of steps.
pub fn body(steps: &[StepPlan], plan: &Plan) -> String {
    list(steps.iter().map(|step| self::step(step, plan)))
}

fn step(step: &StepPlan, plan: &Plan) -> String {
    let storage =
        |index: usize| string(plan.storages.get(index).map_or("", |storage| storage.name.as_str()));
    inline(match step {
        StepPlan::Sleep(time) => vec![("sleep", duration(*time))],
        StepPlan::SleepRandom(time) => vec![("sleep", time.written())],
        StepPlan::Compute(flops) => vec![("compute", work(*flops))],
        StepPlan::Write { file, bytes } => vec![("write", size(*bytes)), ("file", string(file))],
        StepPlan::Read { file } => vec![("read", string(file))],
        StepPlan::Fetch { storage: from, file } => {
            vec![("fetch", string(file)), ("from", storage(*from))]
        }
        StepPlan::Put { storage: to, file, bytes } => {
            vec![("put", size(*bytes)), ("file", string(file)), ("to", storage(*to))]
        }
        StepPlan::Invoke { function } => {
            vec![("invoke", self::function(u32::try_from(*function).unwrap_or(u32::MAX), plan))]
        }
    })
}

/// A table whose keys were given, not chosen here.
pub fn named(entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries: Vec<_> =
        entries.into_iter().map(|(name, value)| format!("{} = {value}", key(&name))).collect();
    format!("{{ {} }}", entries.join(", "))
}
