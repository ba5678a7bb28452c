//! `[service]`: the policies of the serverless platform and what its actions cost.

use isotherm_kernel::Duration;
use isotherm_serverless::{ContainerReuse, Payloads, Preset, Slots};

use crate::check::fields::{Count, Fields, FromValue, Size, choice, list, suggestion};
use crate::diagnostic::Report;
use crate::plan::{EvictionKind, KeepAliveKind, SchedulerKind, ServicePlan};
use crate::tree::{Kind, Value};

const PRESETS: &[(&str, Preset)] = &[("default", Preset::Default), ("wrench", Preset::Wrench)];

const REUSE: &[(&str, ContainerReuse)] = &[
    ("newest", ContainerReuse::Newest),
    ("oldest", ContainerReuse::Oldest),
    ("least-recently-used", ContainerReuse::LeastRecentlyUsed),
    ("most-recently-used", ContainerReuse::MostRecentlyUsed),
];

/// What the rules of reuse mean, for tables in which they stand side by side.
const REUSE_MEANING: &[(ContainerReuse, &str)] = &[
    (ContainerReuse::Newest, "the idle container that was created last serves"),
    (ContainerReuse::Oldest, "the idle container that was created first serves"),
    (ContainerReuse::LeastRecentlyUsed, "oldest first: the one that has been idle for the longest time serves"),
    (ContainerReuse::MostRecentlyUsed, "newest first: the one that has been idle for the shortest time serves"),
];

/// What a value of a field means, in a few words, if it is one of the words that need some.
pub fn meaning(path: &str, word: &str) -> Option<&'static str> {
    if path != "service.reuse" {
        return None;
    }
    let (_, reuse) = REUSE.iter().find(|(name, _)| *name == word)?;
    REUSE_MEANING.iter().find(|(rule, _)| rule == reuse).map(|(_, meaning)| *meaning)
}

const EVICTION: &[(&str, EvictionKind)] = &[("lru", EvictionKind::Lru), ("ram", EvictionKind::Ram)];

const SCHEDULERS: &[(&str, SchedulerKind)] = &[
    ("fcfs", SchedulerKind::Fcfs),
    ("random", SchedulerKind::Random),
    ("workload-balancing", SchedulerKind::WorkloadBalancing),
];

const KEEP_ALIVE: [&str; 2] = ["none", "fixed"];

impl FromValue for Preset {
    const EXAMPLE: &'static str = "\"default\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        choice(value, "preset", PRESETS, report)
    }
}

impl FromValue for ContainerReuse {
    const EXAMPLE: &'static str = "\"newest\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        choice(value, "reuse", REUSE, report)
    }
}

impl FromValue for EvictionKind {
    const EXAMPLE: &'static str = "\"lru\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        choice(value, "eviction", EVICTION, report)
    }
}

impl FromValue for SchedulerKind {
    const EXAMPLE: &'static str = "{ kind = \"fcfs\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        // A policy without parameters may be written as its kind alone.
        if !matches!(value.kind, Kind::Table(_)) {
            return choice(value, "scheduler", SCHEDULERS, report);
        }
        let mut fields = Fields::of(value, "scheduler", report)?;
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
                format!("write it like {}", Self::EXAMPLE),
            );
            return None;
        }
        let mut fields = Fields::of(value, "keep_alive", report)?;
        let Some(entry) = fields.entry("kind") else {
            fields.missing("kind", "\"fixed\"");
            return None;
        };
        let kind = match &entry.value.kind {
            Kind::String(kind) if kind == "none" => Some(KeepAliveKind::None),
            Kind::String(kind) if kind == "fixed" => {
                fields.required::<Duration>("idle").map(|idle| match idle.is_zero() {
                    true => KeepAliveKind::None,
                    false => KeepAliveKind::Fixed(idle),
                })
            }
            Kind::String(kind) => {
                let hint = suggestion(kind, KEEP_ALIVE).unwrap_or_else(|| format!("one of {}", list(&KEEP_ALIVE)));
                report.error(entry.value.span, format!("unknown keep_alive `{kind}`"), hint);
                return None;
            }
            other => {
                let message = format!("`kind` must be a string, not {}", other.description());
                report.error(entry.value.span, message, format!("one of {}", list(&KEEP_ALIVE)));
                return None;
            }
        };
        fields.finish();
        kind
    }
}

impl FromValue for Slots {
    const EXAMPLE: &'static str = "\"cores\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(_) => Count::read(value, report).map(|count| Slots::Count(count.0)),
            Kind::String(_) => {
                let choices = [("cores", Slots::Cores), ("unlimited", Slots::Unlimited)];
                choice(value, "slots", &choices, report)
            }
            _ => {
                let message = format!("`slots` must be a number, not {}", value.kind.description());
                report.error(value.span, message, "a number, `\"cores\"` or `\"unlimited\"`");
                None
            }
        }
    }
}

impl FromValue for Payloads {
    const EXAMPLE: &'static str = "{ invoke_request = \"1kB\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, "payloads", report)?;
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
    let Some(mut fields) = Fields::of(value, "[service]", report) else { return plan };
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
