//! `[service]`: the policies of the serverless platform and what its actions cost.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Count, Fields, FromValue, Size, choice, takes, word, words};
use isotherm_config::schema::{Absent, FamilySpec, Field, TableSpec, Takes, field, table};
use isotherm_config::tree::{Kind, Value};
use isotherm_kernel::Duration;
use isotherm_serverless::{ContainerReuse, Payloads, Preset, Slots};

use crate::check::at_start::{self, AtStart};
use crate::check::context::Context;
use crate::check::distribution::A_DURATION;
use crate::check::{concurrency, on_failure};
use crate::plan::ServicePlan;
use crate::policies::{
    self, EvictionKind, ImageEvictionKind, KeepAliveKind, Known, Policy, SchedulerKind,
};

/// `[service]`
pub const SERVICE: TableSpec = table(
    "[service]",
    "The policies of the serverless platform, and what its actions cost.",
)
.with(&[
    of_family(SchedulerKind::FAMILY)
        .otherwise("`warm-first`; `fcfs` under preset `wrench`"),
    of_family(KeepAliveKind::FAMILY)
        .otherwise("10 minutes; none is kept under preset `wrench`"),
    of_family(ContainerReuse::FAMILY)
        .otherwise("`most-recently-used`; `oldest` under preset `wrench`"),
    of_family(EvictionKind::FAMILY).default("\"lru\""),
    of_family(ImageEvictionKind::FAMILY).default("\"lru\""),
    concurrency::SERVICE_MAXIMUM,
    concurrency::SERVICE_THROTTLE,
    on_failure::OF_SERVICE,
    field("startup", A_DURATION, "How long the start of a container takes, unless its function says otherwise.")
        .default("\"0s\""),
    field("processing_overhead", takes::<Duration>(), "How long the service needs to take in an invocation. It delays that invocation alone; under preset `wrench`, all that come after it.").like("\"1ms\"")
        .default("\"0s\""),
    field("slots", Takes::Either(&[takes::<Count>(), Takes::Words(|| words(SLOTS))]), "How many invocations a compute host runs at once.")
        .default("\"cores\""),
    field("buffer", takes::<Size>(), "The size of the chunks in which files move between storages; \"0B\" moves a file as one stream.").like("\"1MiB\"")
        .default("\"0B\""),
    field("simulate_downloads", takes::<bool>(), "Whether images have to be downloaded to the head disk, or are there from the start.")
        .default("true"),
    at_start::PREPULL,
    at_start::WARM,
    field("payloads", Takes::Table(&PAYLOADS), "The sizes of the messages between user and service, which take their time on the network.")
        .default("{}"),
]);

/// The field of a family of policies.
pub const fn of_family(family: &'static FamilySpec) -> Field {
    field(family.name, Takes::OneOf(family), family.doc)
}

const fn message(key: &'static str, doc: &'static str) -> Field {
    field(key, takes::<Size>(), doc).like("\"1kB\"").default("\"0B\"")
}

const PAYLOADS: TableSpec =
    table("payloads", "Sizes of messages. A message of 0 bytes takes no time.").with(&[
        message("register_request", "The user registers a function."),
        message("register_answer", "The service has registered it, or not."),
        message("invoke_request", "The user invokes a function."),
        message("invoke_answer", "The service has taken the invocation in, or not."),
        message("completion", "The service tells that an invocation has ended."),
    ]);

/// What holds if no policy of the family is named.
#[must_use]
pub fn unless_named(family: &FamilySpec) -> Option<&'static str> {
    match SERVICE.field(family.name)?.absent {
        Absent::Default(value) | Absent::Otherwise(value) => Some(value),
        Absent::Error => None,
    }
}

/// What holds for fields whose defaults depend on the preset, in TOML.
#[must_use]
pub fn preset_defaults(preset: Preset) -> [(&'static str, &'static str); 4] {
    match preset {
        Preset::Default => [
            ("scheduler", "\"warm-first\""),
            ("keep_alive", "{ kind = \"fixed\", idle = \"10min\" }"),
            ("reuse", "\"most-recently-used\""),
            ("on_failure", "{ timeout = \"discard\", error = \"keep\" }"),
        ],
        Preset::Wrench => [
            ("scheduler", "\"fcfs\""),
            ("keep_alive", "\"none\""),
            ("reuse", "\"oldest\""),
            ("on_failure", "\"keep\""),
        ],
    }
}

/// The presets.
pub const PRESETS: &[Choice<Preset>] = &[
    word("default", "what a platform should do; networks are shared exactly", Preset::Default),
    word(
        "wrench",
        "the rules and the dates of the reference simulator, with a defect in how it shares networks",
        Preset::Wrench,
    ),
];

/// What a value of a field means, in a few words, if it is one of the words that need some.
pub fn meaning(path: &str, word: &str) -> Option<&'static str> {
    if path != "service.reuse" {
        return None;
    }
    ContainerReuse::FAMILY.words().iter().find(|known| known.name == word).map(|known| known.doc)
}

const SLOTS: &[Choice<Slots>] = &[
    word("cores", "as many as it has cores", Slots::Cores),
    word("unlimited", "any number of them", Slots::Unlimited),
];

fn slots(value: &Value, report: &Report) -> Option<Slots> {
    match value.kind {
        Kind::Integer(_) => Count::read(value, report).map(|count| Slots::Count(count.0)),
        Kind::String(_) => choice(value, "slots", SLOTS, report),
        _ => {
            let message = format!("`slots` must be a number, not {}", value.kind.description());
            report.refuse(value.span, message, "a number, `\"cores\"` or `\"unlimited\"`")
        }
    }
}

fn payloads(value: &Value, report: &Report) -> Option<Payloads> {
    let mut fields = Fields::of(value, &PAYLOADS, report)?;
    let mut bytes = |key| fields.optional_or(key, Size(0)).0;
    let payloads = Payloads {
        register_request: bytes("register_request"),
        register_answer: bytes("register_answer"),
        invoke_request: bytes("invoke_request"),
        invoke_answer: bytes("invoke_answer"),
        completion: bytes("completion"),
    };
    fields.finish();
    Some(payloads)
}

/// A chunk size: zero means that files move as one stream.
pub fn buffer(fields: &mut Fields<'_>) -> Option<u64> {
    fields.optional::<Size>("buffer").map(|size| size.0).filter(|&bytes| bytes > 0)
}

/// A policy, unless the field is absent.
fn policy<P: Policy>(
    fields: &mut Fields<'_>,
    key: &'static str,
    policy: &mut P,
    known: &Known<'_>,
) {
    if let Some(read) = optional_policy(fields, key, known) {
        *policy = read;
    }
}

/// A policy that may be absent.
pub fn optional_policy<P: Policy>(
    fields: &mut Fields<'_>,
    key: &'static str,
    known: &Known<'_>,
) -> Option<P> {
    let report = fields.report();
    fields.entry(key).and_then(|entry| policies::read(&entry.value, known, report))
}

/// Reads `[service]`, which may be absent. What is there from the start is told apart: it is put
/// into the plan when the functions are known.
pub fn service(
    value: Option<&Value>,
    preset: Preset,
    context: &Context<'_>,
) -> (ServicePlan, AtStart) {
    let (known, report) = (&context.policies, context.report);
    let mut plan = ServicePlan::of_preset(preset);
    let fields = value.and_then(|value| Fields::of(value, &SERVICE, report));
    let Some(mut fields) = fields else { return (plan, AtStart::default()) };
    policy(&mut fields, "scheduler", &mut plan.scheduler, known);
    policy(&mut fields, "keep_alive", &mut plan.keep_alive, known);
    policy(&mut fields, "reuse", &mut plan.reuse, known);
    policy(&mut fields, "eviction", &mut plan.eviction, known);
    policy(&mut fields, "image_eviction", &mut plan.image_eviction, known);
    plan.max_concurrency =
        fields.optional_or("max_concurrency", concurrency::Maximum(plan.max_concurrency)).0;
    plan.throttle =
        fields.choice_or("throttle", concurrency::THROTTLE, plan.throttle).unwrap_or(plan.throttle);
    plan.on_failure = on_failure::read(&mut fields).or(plan.on_failure);
    plan.startup = fields.optional_or("startup", plan.startup);
    plan.processing_overhead = fields.optional_or("processing_overhead", plan.processing_overhead);
    plan.slots = fields.optional_with("slots", slots).unwrap_or(plan.slots);
    plan.buffer_bytes = buffer(&mut fields);
    plan.simulate_downloads = fields.optional_or("simulate_downloads", plan.simulate_downloads);
    plan.payloads = fields.optional_with("payloads", payloads).unwrap_or(plan.payloads);
    let at_start = at_start::read(&mut fields, &context.images);
    fields.finish();
    (plan, at_start)
}
