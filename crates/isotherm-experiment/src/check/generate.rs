//! `[[workload]]` of the kinds that generate arrivals: `poisson`, `uniform`, `gaps`, `bursts`,
//! `diurnal`, `closed` and `azure-like`.

use std::collections::BTreeMap;
use std::sync::Arc;

use isotherm_config::diagnostic::{Diagnostic, Report};
use isotherm_config::fields::{
    AtMost, Choice, Count, Fields, FromValue, Positive, Rate, RateOrNone, takes, word, words,
};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Value};
use isotherm_kernel::{Duration, RandomStreams, Time};
use isotherm_serverless::Limits;
use isotherm_workload::{
    AzureLike, AzureLikeConfig, BurstState, Bursts, ClosedLoop, ClosedLoopConfig, DayShape,
    Diurnal, GeneratorConfig, MemoryOfApp, Process, Targets, WorkloadError,
};

use crate::check::context::Context;
use crate::check::distribution::A_DURATION;
use crate::check::invoked::{A_FUNCTION, date, function};
use crate::duration_distribution::DurationDistribution;
use crate::plan::{
    AzureLikePlan, ClosedPlan, ConcurrencyPlan, FunctionPlan, GeneratedPlan, OnFailurePlan,
    ValueSizes, WorkloadPlan,
};

/// Each client is an actor with random streams of its own: a kilobyte or two.
const MOST_CLIENTS: u32 = 1_000_000;

const fn kind(what: &'static str, example: &'static str) -> Field {
    field("kind", Takes::Value { what, example }, "What the workload is.")
}

const FUNCTION: Field = field("function", A_FUNCTION, "The function that is invoked.")
    .otherwise("`functions` is required");

const FUNCTIONS: Field = field(
    "functions",
    value("a list of names, or \"all\"", "[\"resize\", \"thumbnail\"]"),
    "The functions of which one is invoked each time, the most popular first.",
)
.otherwise("`function` is required");

const POPULARITY: Field = field(
    "popularity",
    takes::<f64>(),
    "How much the first of `functions` are preferred: the k-th is invoked with a probability in proportion to `k^-popularity` (Zipf).",
)
.like("1.1")
.otherwise("0: all are alike");

const DURATION: Field = field(
    "duration",
    A_DURATION,
    "How long each body runs, in place of what the function does; if it is random, drawn for each invocation.",
)
.otherwise("the body of the function");

const FROM: Field =
    field("from", takes::<Duration>(), "When it begins; the first invocation comes one gap later.")
        .default("\"0s\"");

const UNTIL: Field =
    field("until", takes::<Duration>(), "Nothing is invoked at this date or later.")
        .like("\"10min\"")
        .otherwise("`count` ends it");

const COUNT: Field = field("count", takes::<u64>(), "At most so many invocations.")
    .like("100")
    .otherwise("`until` ends it");

pub const POISSON: TableSpec = table(
    "[[workload]]",
    "Independent gaps between invocations, exponentially distributed. Every workload has random streams of its \
          own. It needs an end: `until`, `count` or both.",
)
.titled("`[[workload]]` of kind `poisson`").with(&[
    kind("`\"poisson\"`", "\"poisson\""),
    FUNCTION,
    FUNCTIONS,
    POPULARITY,
    field("rate", takes::<Rate>(), "Invocations in the mean, more than zero."),
    DURATION,
    FROM,
    UNTIL,
    COUNT,
]);

const GAPS: &[Choice<bool>] = &[
    word("even", "all the same, 1 / `rate`", true),
    word("random", "anything between 0 and 2 / `rate`, all alike", false),
];

pub const UNIFORM: TableSpec = table(
    "[[workload]]",
    "Invocations that are equally far apart, or whose gaps are uniformly distributed.",
)
.titled("`[[workload]]` of kind `uniform`")
.with(&[
    kind("`\"uniform\"`", "\"uniform\""),
    FUNCTION,
    FUNCTIONS,
    POPULARITY,
    field("rate", takes::<Rate>(), "Invocations in the mean, more than zero."),
    field("gaps", Takes::Words(|| words(GAPS)), "What the gaps between them are.")
        .default("\"even\""),
    DURATION,
    FROM,
    UNTIL,
    COUNT,
]);

pub const RENEWAL: TableSpec = table(
    "[[workload]]",
    "Independent gaps between invocations, of any distribution: a renewal process.",
)
.titled("`[[workload]]` of kind `gaps`")
.with(&[
    kind("`\"gaps\"`", "\"gaps\""),
    FUNCTION,
    FUNCTIONS,
    POPULARITY,
    field("gap", A_DURATION, "The time between two invocations."),
    DURATION,
    FROM,
    UNTIL,
    COUNT,
]);

pub const BURSTS: TableSpec = table(
    "[[workload]]",
    "Invocations at random with a rate that jumps between states: a Markov-modulated Poisson process (MMPP). It begins in the first state.",
)
.titled("`[[workload]]` of kind `bursts`").with(&[
    kind("`\"bursts\"`", "\"bursts\""),
    FUNCTION,
    FUNCTIONS,
    POPULARITY,
    field("states", Takes::Tables(&STATE), "The states, at least two."),
    DURATION,
    FROM,
    UNTIL,
    COUNT,
]);

const STATE: TableSpec = table("a state", "A state of a workload that comes in bursts.").with(&[
    field("rate", takes::<RateOrNone>(), "Invocations in the mean while it lasts, perhaps none.")
        .like("\"50/s\""),
    field(
        "mean",
        takes::<Duration>(),
        "How long it lasts in the mean (it is exponentially distributed).",
    ),
    field("next", value("a probability for each state", "[0, 0.5, 0.5]"), "Which state follows.")
        .otherwise("the next one of the list, and after the last one the first"),
]);

pub const DIURNAL: TableSpec = table(
    "[[workload]]",
    "Invocations at random with a rate that goes up and down with the time of the day, as a wave (`amplitude`) or as a profile. The \
          simulation begins at midnight.",
)
.titled("`[[workload]]` of kind `diurnal`").with(&[
    kind("`\"diurnal\"`", "\"diurnal\""),
    FUNCTION,
    FUNCTIONS,
    POPULARITY,
    field("rate", takes::<Rate>(), "Invocations in the mean over a period, more than zero."),
    field("period", takes::<Duration>(), "After which it begins anew.").default("\"1d\""),
    field("amplitude", takes::<f64>(), "How far the rate goes up and down: 0.8 is from a fifth of the mean to 1.8 times the mean.")
        .otherwise("`profile` is required"),
    field("peak", takes::<Duration>(), "When in the period the wave is highest.").like("\"14h\"").otherwise("`\"0s\"`"),
    field(
        "profile",
        value("a list of numbers", "[1, 1, 2, 5, 8, 3]"),
        "The rate in equal parts of the period, one for each hour of a day for instance; only their proportions matter.",
    )
    .otherwise("`amplitude` is required"),
    DURATION,
    FROM,
    UNTIL,
    COUNT,
]);

pub const CLOSED: TableSpec = table(
    "[[workload]]",
    "A closed loop: clients that think, invoke something, wait until it has ended, and think again. How many invocations there are \
          depends on how fast the platform is.",
)
.titled("`[[workload]]` of kind `closed`").with(&[
    kind("`\"closed\"`", "\"closed\""),
    FUNCTION,
    FUNCTIONS,
    POPULARITY,
    field(
        "clients",
        takes::<AtMost<MOST_CLIENTS>>(),
        "How many clients there are, at most a million.",
    ),
    field(
        "think",
        A_DURATION,
        "How long a client thinks before each of its invocations; if it is random, drawn for each.",
    ),
    DURATION,
    field("from", takes::<Duration>(), "When the clients begin to think.").default("\"0s\""),
    UNTIL,
    field("count", takes::<u64>(), "At most so many invocations of all clients together.")
        .like("100")
        .otherwise("`until` ends it"),
]);

const MEMORY: &[Choice<MemoryOfApp>] = &[
    word("split", "the memory of the app, split evenly among its functions", MemoryOfApp::Split),
    word("app", "as much as the whole app", MemoryOfApp::App),
];

const SELECT: TableSpec =
    table("select", "Which apps are drawn. There are `apps` of them, whatever is selected.").with(
        &[field(
            "at_least_per_day",
            takes::<Positive>(),
            "Only apps that are invoked at least so often a day in the mean, before `scale`.",
        )
        .like("1")
        .otherwise("all")],
    );

pub const AZURE_LIKE: TableSpec = table(
    "[[workload]]",
    "Apps that are drawn from what was published of Azure Functions 2019: how many functions they have, how often and how regularly they are \
          invoked, their memory and execution times. The workload brings its functions, which have no image, no time limit and no disk space; they \
          are numbered after all others, and named like `app0-f0`. See docs/workloads.md.",
)
.titled("`[[workload]]` of kind `azure-like`").with(&[
    kind("`\"azure-like\"`", "\"azure-like\""),
    field("apps", takes::<Count>(), "How many apps.").like("200"),
    field(
        "select",
        Takes::Table(&SELECT),
        "Which of the real apps they are like.",
    ).otherwise("all"),
    field("scale", takes::<Positive>(), "By how much they are invoked more often than the real ones.").like("0.1").default("1.0"),
    field(
        "invocations_per_day",
        takes::<Positive>(),
        "How many invocations all of them make in a day, in the mean. Only the apps beyond the \
         99.9 % quantile, of which nothing but the busiest is known, are invoked as often as that \
         takes.",
    )
    .like("890e6")
    .otherwise("what the rates of the apps add up to"),
    field("memory", Takes::Words(|| words(MEMORY)), "What memory a function has.").default("\"split\""),
    field(
        "sigma",
        takes::<f64>(),
        "The standard deviation of the logarithm of the execution times of a function around its average; 0: always the average.",
    )
    .like("0.5")
    .default("0.0"),
    field("startup", A_DURATION, "How long the start of a container takes; if it is random, drawn for each.")
        .otherwise("that of the service"),
    field("prefix", value("text", "\"azure-\""), "What the names of its functions begin with.")
        .default("\"\""),
    field("from", takes::<Duration>(), "When it begins.").default("\"0s\""),
    field("until", takes::<Duration>(), "Nothing is invoked at this date or later.").like("\"1d\""),
]);

/// Reads a workload of this kind, whose fields `fields` already describes.
pub fn generated(
    kind: &str,
    fields: &mut Fields<'_>,
    number: usize,
    startup: &DurationDistribution,
    context: &Context<'_>,
) -> Option<WorkloadPlan> {
    match kind {
        "closed" => closed(fields, number, context),
        "azure-like" => azure_like(fields, number, startup, context),
        _ => open(kind, fields, number, context),
    }
}

fn open(
    kind: &str,
    fields: &mut Fields<'_>,
    number: usize,
    context: &Context<'_>,
) -> Option<WorkloadPlan> {
    let targets = targets(fields, number, context);
    let (kind, process) = match kind {
        "poisson" => ("poisson", poisson(fields)),
        "uniform" => ("uniform", uniform(fields)),
        "gaps" => ("gaps", gaps(fields)),
        "bursts" => ("bursts", bursts(fields)),
        _ => ("diurnal", diurnal(fields)),
    };
    let duration = fields.optional::<DurationDistribution>("duration");
    let ends = ends(fields);
    let ((targets, stream), process, Ends { from, until, count }) = (targets?, process?, ends?);
    let duration_s = duration.map(|distribution| distribution.seconds().clone());
    let config = GeneratorConfig { process, targets, duration_s, from, until, count };
    Some(WorkloadPlan::Generated(GeneratedPlan { kind, config, stream }))
}

/// The functions that are invoked, and the path of the random streams.
fn targets(
    fields: &mut Fields<'_>,
    number: usize,
    context: &Context<'_>,
) -> Option<(Targets, String)> {
    let own_body = fields.has("duration");
    if !fields.has("function") && !fields.has("functions") {
        fields.missing_one_of("function", &[("function", "\"...\""), ("functions", "\"all\"")]);
        return None;
    }
    if fields.has("function") {
        let name = fields.required::<Located<String>>("function")?;
        let function = function(&name, own_body, context)?;
        return Some((Targets::one(function), format!("workload/{number}/{}", name.value)));
    }
    let entry = fields.entry("functions")?;
    let place = entry.value.span;
    let exponent = fields.optional::<Located<f64>>("popularity");
    let functions = many(&entry.value, own_body, context)?;
    if functions.is_empty() {
        return context.report.refuse(
            place,
            "this workload invokes no function",
            "name at least one",
        );
    }
    let (exponent, at) = exponent.map_or((0.0, place), |exponent| (exponent.value, exponent.span));
    let targets = Targets::zipf(functions, exponent);
    let targets = targets
        .map_err(|error| context.report.error(at, error.to_string(), "0 prefers none"))
        .ok()?;
    Some((targets, format!("workload/{number}")))
}

/// `"all"`, or a list of names.
fn many(value: &Value, own_body: bool, context: &Context<'_>) -> Option<Vec<u32>> {
    if matches!(&value.kind, Kind::String(word) if word == "all") {
        let all = 0..context.functions.iter().count();
        if !own_body {
            let located = all.clone().map(|index| Located { value: index, span: value.span });
            context.needs.borrow_mut().invoked.extend(located);
        }
        return (!context.functions.is_incomplete())
            .then(|| all.filter_map(|index| u32::try_from(index).ok()).collect());
    }
    if !matches!(value.kind, Kind::Array(_)) {
        let hint = format!(
            "write it like {} or \"all\"",
            context.report.example("[\"resize\", \"thumbnail\"]")
        );
        return context.report.refuse(
            value.span,
            format!("expected a list of names, found {}", value.kind.description()),
            hint,
        );
    }
    let names = Vec::<Located<String>>::read(value, context.report)?;
    let mut seen = BTreeMap::new();
    for name in &names {
        if let Some(first) = seen.insert(&name.value, name.span) {
            let message = format!("`{}` is named twice", name.value);
            context
                .report
                .push(Diagnostic::at(name.span, message, "").with_related(first, "the first time"));
        }
    }
    let functions: Vec<_> = names.iter().map(|name| function(name, own_body, context)).collect();
    functions.into_iter().collect()
}

/// When a workload begins and ends.
struct Ends {
    from: Time,
    until: Option<Time>,
    count: Option<u64>,
}

fn ends(fields: &mut Fields<'_>) -> Option<Ends> {
    let report = fields.report();
    let before = report.count();
    let from = fields.optional_or("from", Duration::ZERO);
    let until = fields.optional::<Located<Duration>>("until");
    let count = fields.optional::<Located<u64>>("count");
    if !fields.has("until") && !fields.has("count") {
        fields.missing_one_of("until", &[("until", "\"10min\""), ("count", "100")]);
    }
    let empty = match (&until, &count) {
        (Some(until), _) if until.value <= from => Some(until.span),
        (_, Some(count)) if count.value == 0 => Some(count.span),
        _ => None,
    };
    if let Some(place) = empty {
        report.error(place, "this workload is empty", "nothing would be invoked");
    }
    let until = until.map(|until| date(until.value));
    let ends = Ends { from: date(from), until, count: count.map(|count| count.value) };
    (report.count() == before).then_some(ends)
}

/// Reports what the library refuses.
fn checked<T>(made: Result<T, WorkloadError>, place: Span, report: &Report) -> Option<T> {
    made.map_err(|error| report.error(place, error.to_string(), "")).ok()
}

fn poisson(fields: &mut Fields<'_>) -> Option<Process> {
    let rate = fields.required::<Located<Rate>>("rate")?;
    let rate_per_s = rate.value.0;
    checked(Process::poisson(rate_per_s), rate.span, fields.report())
}

fn uniform(fields: &mut Fields<'_>) -> Option<Process> {
    let rate = fields.required::<Located<Rate>>("rate");
    let is_even = fields.choice_or("gaps", GAPS, true);
    let (rate, is_even) = (rate?, is_even?);
    let rate_per_s = rate.value.0;
    let process = if is_even { Process::even(rate_per_s) } else { Process::uniform(rate_per_s) };
    checked(process, rate.span, fields.report())
}

fn gaps(fields: &mut Fields<'_>) -> Option<Process> {
    let gap = fields.required::<Located<DurationDistribution>>("gap")?;
    checked(Process::gaps(gap.value.seconds().clone()), gap.span, fields.report())
}

fn bursts(fields: &mut Fields<'_>) -> Option<Process> {
    let states = fields.required::<Located<Vec<Located<State>>>>("states")?;
    let report = fields.report();
    let before = report.count();
    let count = states.value.len();
    if count < 2 {
        report.error(
            states.span,
            "bursts need at least two states",
            "one state alone is a Poisson process",
        );
    }
    for state in &states.value {
        state.value.check(count, report);
    }
    if states.value.iter().all(|state| state.value.rate_per_s == 0.0) {
        report.error(
            states.span,
            "nothing would ever be invoked",
            "at least one state needs a rate of more than zero",
        );
    }
    if report.count() > before {
        return None;
    }
    let written = states.value.into_iter().map(|state| state.value.into()).collect();
    checked(Bursts::new(written), states.span, report).map(Process::Bursts)
}

/// A state of `bursts` as it is written.
struct State {
    rate_per_s: f64,
    mean: Located<Duration>,
    next: Option<Located<Vec<f64>>>,
}

impl FromValue for State {
    const WHAT: &'static str = "a state";
    const EXAMPLE: &'static str = "{ rate = \"50/s\", mean = \"5s\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, &STATE, report)?;
        let rate = fields.required::<RateOrNone>("rate");
        let mean = fields.required::<Located<Duration>>("mean");
        let next = fields.optional::<Located<Vec<f64>>>("next");
        fields.finish();
        Some(State { rate_per_s: rate?.0, mean: mean?, next })
    }
}

impl State {
    fn check(&self, states: usize, report: &Report) {
        if self.mean.value.is_zero() {
            report.error(self.mean.span, "the mean time of a state must be more than zero", "");
        }
        let Some(next) = &self.next else { return };
        let sum: f64 = next.value.iter().sum();
        if next.value.len() != states {
            let message = format!("{} probabilities for {states} states", next.value.len());
            report.error(next.span, message, "give one for each state, in their order");
        } else if next.value.iter().any(|probability| !(0.0..=1.0).contains(probability)) {
            report.error(next.span, "a probability is a number from 0 to 1", "");
        } else if (sum - 1.0).abs() > 1e-6 {
            report.error(
                next.span,
                format!("these probabilities sum up to {sum}"),
                "one of the states must follow: make it 1",
            );
        }
    }
}

impl From<State> for BurstState {
    fn from(state: State) -> Self {
        let next = state.next.map(|next| next.value).unwrap_or_default();
        BurstState { rate_per_s: state.rate_per_s, mean: state.mean.value, next }
    }
}

fn diurnal(fields: &mut Fields<'_>) -> Option<Process> {
    let report = fields.report();
    let rate = fields.required::<Located<Rate>>("rate");
    let day = Duration::from_secs(86_400);
    let period = fields.optional::<Located<Duration>>("period");
    if let Some(period) = &period
        && period.value.is_zero()
    {
        return report.refuse(period.span, "a period of zero", "the length of a day, for instance");
    }
    let shape = day_shape(fields);
    let (rate, (shape, place)) = (rate?, shape?);
    let (rate_per_s, period) = (rate.value.0, period.map_or(day, |period| period.value));
    checked(Diurnal::new(rate_per_s, period, shape), place, report).map(Process::Diurnal)
}

/// The shape of a day, and its place.
fn day_shape(fields: &mut Fields<'_>) -> Option<(DayShape, Span)> {
    let report = fields.report();
    if fields.has("profile") {
        let profile = fields.required::<Located<Vec<f64>>>("profile")?;
        if profile.value.iter().any(|&weight| weight < 0.0) {
            return report.refuse(profile.span, "a rate cannot be negative", "use zero or more");
        }
        if profile.value.iter().all(|&weight| weight == 0.0) {
            return report.refuse(
                profile.span,
                "nothing would ever be invoked",
                "at least one part needs more than zero",
            );
        }
        return Some((DayShape::Profile(profile.value), profile.span));
    }
    if !fields.has("amplitude") {
        fields.missing_one_of(
            "amplitude",
            &[("amplitude", "0.8"), ("profile", "[1, 1, 2, 5, 8, 3]")],
        );
        return None;
    }
    let amplitude = fields.required::<Located<f64>>("amplitude");
    let peak = fields.optional_or("peak", Duration::ZERO);
    let amplitude = amplitude?;
    if !(0.0..=1.0).contains(&amplitude.value) {
        return report.refuse(
            amplitude.span,
            "an amplitude is a number from 0 to 1",
            "at 1 the rate goes down to nothing",
        );
    }
    Some((DayShape::Wave { amplitude: amplitude.value, peak }, amplitude.span))
}

fn closed(fields: &mut Fields<'_>, number: usize, context: &Context<'_>) -> Option<WorkloadPlan> {
    let targets = targets(fields, number, context);
    let clients = fields.required::<AtMost<MOST_CLIENTS>>("clients");
    let think = fields.required::<DurationDistribution>("think");
    let duration = fields.optional::<DurationDistribution>("duration");
    let ends = ends(fields);
    let ((targets, stream), think, Ends { from, until, count }) = (targets?, think?, ends?);
    let config = ClosedLoopConfig {
        clients: clients?.0,
        think_s: think.seconds().clone(),
        targets,
        duration_s: duration.map(|distribution| distribution.seconds().clone()),
        from,
        until,
        count,
    };
    let closed = checked(ClosedLoop::new(config), fields.place(), context.report)?;
    Some(WorkloadPlan::Closed(ClosedPlan { closed, stream }))
}

fn azure_like(
    fields: &mut Fields<'_>,
    number: usize,
    startup: &DurationDistribution,
    context: &Context<'_>,
) -> Option<WorkloadPlan> {
    let report = context.report;
    let apps = fields.required::<Located<Count>>("apps");
    let at_least_per_day = at_least_per_day(fields);
    let scale = fields.optional_or("scale", Positive(1.0)).0;
    let invocations_per_day = fields.optional::<Located<Positive>>("invocations_per_day");
    let memory = fields.choice_or("memory", MEMORY, MemoryOfApp::Split);
    let sigma = fields.optional::<Located<f64>>("sigma");
    let startup =
        fields.optional::<DurationDistribution>("startup").unwrap_or_else(|| startup.clone());
    let prefix = fields.optional_or("prefix", String::new());
    let from = fields.optional_or("from", Duration::ZERO);
    let until = fields.required::<Located<Duration>>("until");
    let (apps, memory, until) = (apps?, memory?, until?);
    if until.value <= from {
        return report.refuse(until.span, "this workload is empty", "nothing would be invoked");
    }
    if let Some(sigma) = &sigma
        && !(0.0..=10.0).contains(&sigma.value)
    {
        return report.refuse(
            sigma.span,
            "`sigma` is a number from 0 to 10",
            "0 is always the average",
        );
    }
    let sigma = sigma.map_or(0.0, |sigma| sigma.value);
    let config = AzureLikeConfig {
        apps: apps.value.0,
        scale,
        at_least_per_day: at_least_per_day.map_or(0.0, |(least, _)| least),
        invocations_per_day: invocations_per_day.as_ref().map(|volume| volume.value.0),
        memory,
        sigma,
        from: date(from),
        until: date(until.value),
    };
    let stream = format!("workload/{number}");
    let drawn = AzureLike::new(config, &RandomStreams::new(context.seed), &stream);
    let wrong = match &drawn {
        Err(WorkloadError::Parameter { parameter, .. }) => *parameter,
        _ => "",
    };
    let place = match (at_least_per_day, invocations_per_day) {
        (Some((_, at)), _) if wrong == AzureLike::SELECTED => at,
        (_, Some(volume)) if wrong == AzureLike::VOLUME => volume.span,
        _ => apps.span,
    };
    let drawn = checked(drawn, place, report)?;
    let first_function = create(&drawn, &prefix, &startup, (number, fields.place()), context)?;
    Some(WorkloadPlan::AzureLike(AzureLikePlan { drawn: Arc::new(drawn), first_function, stream }))
}

/// How often selected apps are invoked at least, and where that is said.
fn at_least_per_day(fields: &mut Fields<'_>) -> Option<(f64, Span)> {
    let entry = fields.entry("select")?;
    let mut select = Fields::of(&entry.value, &SELECT, fields.report())?;
    let least = select.optional::<Located<Positive>>("at_least_per_day");
    select.finish();
    least.map(|least| (least.value.0, least.span))
}

/// Adds the functions of a workload to the experiment. Returns the number of the first.
fn create(
    drawn: &AzureLike,
    prefix: &str,
    startup: &DurationDistribution,
    (workload, place): (usize, Span),
    context: &Context<'_>,
) -> Option<u32> {
    let mut created = context.created.borrow_mut();
    let first = context.functions.iter().count() + created.len();
    let taken = |name: &str| {
        context.functions.index_of(name).is_some() || created.iter().any(|known| known.name == name)
    };
    // All names have the same form, so the first one is taken if any is, unless such names are
    // written by hand.
    let names: Vec<String> =
        drawn.functions().iter().map(|function| format!("{prefix}{}", function.name)).collect();
    let collision = match created.is_empty() {
        true => names.iter().find(|name| context.functions.index_of(name).is_some()),
        false => names.first().filter(|name| taken(name)),
    };
    if let Some(name) = collision {
        let message = format!("there are two of function `{name}`");
        return context.report.refuse(
            place,
            message,
            "give the functions of this workload a `prefix`",
        );
    }
    created.extend(drawn.functions().iter().zip(names).map(|(function, name)| FunctionPlan {
        name,
        place,
        app: Some(format!("{prefix}{}", function.app)),
        image: None,
        limits: Limits { time: Duration::MAX, memory_bytes: function.memory_bytes, disk_bytes: 0 },
        startup: startup.clone(),
        keep_alive: None,
        on_failure: OnFailurePlan::default(),
        concurrency: ConcurrencyPlan::default(),
        sizes: ValueSizes::default(),
        body: Arc::new([]),
        workload: Some(workload),
    }));
    u32::try_from(first).ok()
}
