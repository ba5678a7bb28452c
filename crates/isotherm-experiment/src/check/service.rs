//! `[service]`: the policies of the serverless platform and what its actions cost.

use isotherm_kernel::Duration;
use isotherm_serverless::{ContainerReuse, Payloads, Preset, Slots};

use crate::check::fields::{Choice, Count, Fields, FromValue, Size, choice, takes, word, words};
use crate::check::schema::{TableSpec, Takes, field};
use crate::diagnostic::Report;
use crate::plan::{EvictionKind, KeepAliveKind, SchedulerKind, ServicePlan};
use crate::tree::{Kind, Value};

/// `[service]`
pub const SERVICE: TableSpec = TableSpec {
    name: "[service]", title: "",
    doc: "The policies of the serverless platform, and what its actions cost.",
    fields: &[
        field("scheduler", Takes::Either(&[Takes::Words(|| words(SCHEDULERS)), Takes::Table(&SCHEDULER)]), "Who decides which invocation runs where.")
            .default("\"fcfs\""),
        field("keep_alive", Takes::Either(&[Takes::Words(|| words(&KEEP_ALIVE_WORDS[..1])), Takes::Table(&KEEP_ALIVE)]), "How long an idle container is kept.")
            .otherwise("10 minutes; none is kept under preset `wrench`"),
        field("reuse", Takes::Words(|| words(REUSE)), "Which idle container serves an invocation when there are several.")
            .otherwise("`most-recently-used`; `oldest` under preset `wrench`"),
        field("eviction", Takes::Words(|| words(EVICTION)), "Which idle containers go when their room is needed.").default("\"lru\""),
        field("startup", takes::<Duration>(), "How long the start of a container takes, unless its function says otherwise.").like("\"300ms\"")
            .default("\"0s\""),
        field("processing_overhead", takes::<Duration>(), "How long the service needs to take in an invocation. It delays that invocation alone; under preset `wrench`, all that come after it.").like("\"1ms\"")
            .default("\"0s\""),
        field("slots", Takes::Either(&[takes::<Count>(), Takes::Words(|| words(SLOTS))]), "How many invocations a compute host runs at once.")
            .default("\"cores\""),
        field("buffer", takes::<Size>(), "The size of the chunks in which files move between storages; \"0B\" moves a file as one stream.").like("\"1MiB\"")
            .default("\"0B\""),
        field("simulate_downloads", takes::<bool>(), "Whether images have to be downloaded to the head disk, or are there from the start.")
            .default("true"),
        field("payloads", Takes::Table(&PAYLOADS), "The sizes of the messages between user and service, which take their time on the network.")
            .default("{}"),
    ],
};

const SCHEDULER: TableSpec = TableSpec {
    name: "scheduler",
    title: "",
    doc: "A scheduler. One without parameters may be written as its kind alone: `scheduler = \"fcfs\"`.",
    fields: &[field("kind", Takes::Words(|| words(SCHEDULERS)), "Which one.")],
};

const KEEP_ALIVE: TableSpec = TableSpec {
    name: "keep_alive",
    title: "",
    doc: "A keep-alive policy.",
    fields: &[
        field("kind", Takes::Words(|| words(KEEP_ALIVE_WORDS)), "Which one.").default("\"fixed\""),
        field("idle", takes::<Duration>(), "How long a container is kept when it is idle (`fixed` only).")
            .like("\"10min\"")
            .otherwise("must be there for `fixed`"),
    ],
};

const PAYLOADS: TableSpec = TableSpec {
    name: "payloads",
    title: "",
    doc: "Sizes of messages. A message of 0 bytes takes no time.",
    fields: &[
        field("register_request", takes::<Size>(), "The user registers a function.").like("\"1kB\"").default("\"0B\""),
        field("register_answer", takes::<Size>(), "The service has registered it, or not.")
            .like("\"1kB\"")
            .default("\"0B\""),
        field("invoke_request", takes::<Size>(), "The user invokes a function.").like("\"1kB\"").default("\"0B\""),
        field("invoke_answer", takes::<Size>(), "The service has taken the invocation in, or not.")
            .like("\"1kB\"")
            .default("\"0B\""),
        field("completion", takes::<Size>(), "The service tells that an invocation has ended.")
            .like("\"1kB\"")
            .default("\"0B\""),
    ],
};

/// The presets.
pub const PRESETS: &[Choice<Preset>] = &[
    word("default", "what a platform should do; networks are shared exactly", Preset::Default),
    word(
        "wrench",
        "the rules and the dates of the reference simulator, with a defect in how it shares networks",
        Preset::Wrench,
    ),
];

const REUSE: &[Choice<ContainerReuse>] = &[
    word("newest", "the idle container that was created last serves", ContainerReuse::Newest),
    word("oldest", "the idle container that was created first serves", ContainerReuse::Oldest),
    word(
        "least-recently-used",
        "oldest first: the one that has been idle for the longest time serves",
        ContainerReuse::LeastRecentlyUsed,
    ),
    word(
        "most-recently-used",
        "newest first: the one that has been idle for the shortest time serves",
        ContainerReuse::MostRecentlyUsed,
    ),
];

/// What a value of a field means, in a few words, if it is one of the words that need some.
pub fn meaning(path: &str, word: &str) -> Option<&'static str> {
    if path != "service.reuse" {
        return None;
    }
    words(REUSE).iter().find(|known| known.name == word).map(|known| known.doc)
}

const EVICTION: &[Choice<EvictionKind>] = &[
    word("lru", "those idle for the longest time", EvictionKind::Lru),
    word("ram", "the smallest one that makes enough room", EvictionKind::Ram),
];

const SCHEDULERS: &[Choice<SchedulerKind>] = &[
    word("fcfs", "first come, first served", SchedulerKind::Fcfs),
    word("random", "a compute host drawn at random for each invocation", SchedulerKind::Random),
    word(
        "workload-balancing",
        "cores are shared out by the work that waits for each function",
        SchedulerKind::WorkloadBalancing,
    ),
];

/// Whether a container is kept for a fixed time.
const KEEP_ALIVE_WORDS: &[Choice<bool>] = &[
    word("none", "a container stops when its invocation has ended", false),
    word("fixed", "a container stops when it has been idle for this long", true),
];

const SLOTS: &[Choice<Slots>] = &[
    word("cores", "as many as it has cores", Slots::Cores),
    word("unlimited", "any number of them", Slots::Unlimited),
];

impl FromValue for Preset {
    const WHAT: &'static str = "a preset";
    const EXAMPLE: &'static str = "\"default\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        choice(value, "preset", PRESETS, report)
    }
}

impl FromValue for ContainerReuse {
    const WHAT: &'static str = "a rule of reuse";
    const EXAMPLE: &'static str = "\"newest\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        choice(value, "reuse", REUSE, report)
    }
}

impl FromValue for EvictionKind {
    const WHAT: &'static str = "an eviction policy";
    const EXAMPLE: &'static str = "\"lru\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        choice(value, "eviction", EVICTION, report)
    }
}

impl FromValue for SchedulerKind {
    const WHAT: &'static str = "a scheduler";
    const EXAMPLE: &'static str = "{ kind = \"fcfs\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        // A policy without parameters may be written as its kind alone.
        if !matches!(value.kind, Kind::Table(_)) {
            return choice(value, "scheduler", SCHEDULERS, report);
        }
        let mut fields = Fields::of(value, &SCHEDULER, report)?;
        let kind = match fields.entry("kind") {
            Some(entry) => choice(&entry.value, "scheduler", SCHEDULERS, report),
            None => {
                fields.missing("kind", "\"fcfs\"");
                None
            }
        };
        fields.finish();
        kind
    }
}

impl FromValue for KeepAliveKind {
    const WHAT: &'static str = "a keep-alive policy";
    const EXAMPLE: &'static str = "{ kind = \"fixed\", idle = \"10min\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        if let Kind::String(kind) = &value.kind
            && kind == "none"
        {
            return Some(KeepAliveKind::None);
        }
        if !matches!(value.kind, Kind::Table(_)) {
            report.error(
                value.span,
                format!("`keep_alive` must be a table, not {}", value.kind.description()),
                format!("write it like {}", report.example(Self::EXAMPLE)),
            );
            return None;
        }
        let mut fields = Fields::of(value, &KEEP_ALIVE, report)?;
        let is_fixed = match fields.entry("kind") {
            Some(entry) => choice(&entry.value, "keep_alive", KEEP_ALIVE_WORDS, report)?,
            // It is the only one that takes anything.
            None => true,
        };
        let kind = match is_fixed {
            false => Some(KeepAliveKind::None),
            true => fields.required::<Duration>("idle").map(|idle| match idle.is_zero() {
                true => KeepAliveKind::None,
                false => KeepAliveKind::Fixed(idle),
            }),
        };
        fields.finish();
        kind
    }
}

impl FromValue for Slots {
    const WHAT: &'static str = "a number of slots";
    const EXAMPLE: &'static str = "\"cores\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(_) => Count::read(value, report).map(|count| Slots::Count(count.0)),
            Kind::String(_) => choice(value, "slots", SLOTS, report),
            _ => {
                let message = format!("`slots` must be a number, not {}", value.kind.description());
                report.error(value.span, message, "a number, `\"cores\"` or `\"unlimited\"`");
                None
            }
        }
    }
}

impl FromValue for Payloads {
    const WHAT: &'static str = "sizes of messages";
    const EXAMPLE: &'static str = "{ invoke_request = \"1kB\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
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
}

/// A chunk size: zero means that files move as one stream.
pub fn buffer(fields: &mut Fields<'_>) -> Option<u64> {
    fields.optional::<Size>("buffer").map(|size| size.0).filter(|&bytes| bytes > 0)
}

/// Reads `[service]`, which may be absent.
pub fn service(value: Option<&Value>, preset: Preset, report: &Report) -> ServicePlan {
    let mut plan = ServicePlan::of_preset(preset);
    let Some(value) = value else { return plan };
    let Some(mut fields) = Fields::of(value, &SERVICE, report) else { return plan };
    plan.scheduler = fields.optional_or("scheduler", plan.scheduler);
    plan.keep_alive = fields.optional_or("keep_alive", plan.keep_alive);
    plan.reuse = fields.optional_or("reuse", plan.reuse);
    plan.eviction = fields.optional_or("eviction", plan.eviction);
    plan.startup = fields.optional_or("startup", plan.startup);
    plan.processing_overhead = fields.optional_or("processing_overhead", plan.processing_overhead);
    plan.slots = fields.optional_or("slots", plan.slots);
    plan.buffer_bytes = buffer(&mut fields);
    plan.simulate_downloads = fields.optional_or("simulate_downloads", plan.simulate_downloads);
    plan.payloads = fields.optional_or("payloads", plan.payloads);
    fields.finish();
    plan
}
