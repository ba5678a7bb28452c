//! Concurrency limits: the fields of functions and of the service, and whether they are compatible.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Count, Fields, FromValue, choice, takes, word, words};
use isotherm_config::schema::{Field, Takes, field};
use isotherm_config::tree::{Kind, Value};
use isotherm_serverless::Throttle;

use crate::plan::{ConcurrencyPlan, FunctionPlan, ServicePlan};

/// A number of invocations, or `"unlimited"`.
const A_MAXIMUM: Takes =
    Takes::Either(&[takes::<WholeNumber>(), Takes::Words(|| words(UNLIMITED))]);

const UNLIMITED: &[Choice<Maximum>] = &[word("unlimited", "any number of them", Maximum(None))];

/// What becomes of invocations that come when as many run as may.
pub const THROTTLE: &[Choice<Throttle>] = &[
    word("queue", "they wait in line, first come, first served", Throttle::Queue),
    word("reject", "they are rejected, with the cause `throttled`", Throttle::Reject),
];

/// `service.max_concurrency`
pub const SERVICE_MAXIMUM: Field = field(
    "max_concurrency",
    A_MAXIMUM,
    "How many invocations run at once, on all compute hosts together. With 0 all are rejected.",
)
.default("\"unlimited\"");

/// `service.throttle`
pub const SERVICE_THROTTLE: Field = field(
    "throttle",
    Takes::Words(|| words(THROTTLE)),
    "What becomes of invocations that come when as many run as may, of their function or of the service. Where none may ever run (0) they are rejected in any case.",
)
.default("\"queue\"");

/// `concurrency` of a function.
pub const PER_CONTAINER: Field = field(
    "concurrency",
    takes::<Count>(),
    "How many invocations a container serves at once. Each takes a slot; they share the limits of the container.",
)
.default("1");

/// `max_concurrency` of a function.
pub const FUNCTION_MAXIMUM: Field = field(
    "max_concurrency",
    A_MAXIMUM,
    "How many invocations of it run at once. With 0 all are rejected.",
)
.default("\"unlimited\"");

/// `reserved_concurrency` of a function.
pub const RESERVED: Field = field(
    "reserved_concurrency",
    takes::<WholeNumber>(),
    "So many places of the service's `max_concurrency`, if it has one, are kept free for it, and no more invocations of it run at once. With 0 it is stopped: all are rejected, with the cause `throttled`.",
)
.otherwise("it shares what nobody has reserved");

/// A whole number, including 0.
#[derive(Clone, Copy, Debug)]
struct WholeNumber(u32);

impl FromValue for WholeNumber {
    const WHAT: &'static str = "a whole number from 0";
    const EXAMPLE: &'static str = "10";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::Integer(0) => Some(WholeNumber(0)),
            Kind::Integer(number) if u32::try_from(number).is_err() => {
                let hint = format!("use a number from 0 to {}", u32::MAX);
                report.refuse(value.span, "this number is out of range", hint)
            }
            _ => Count::read(value, report).map(|count| WholeNumber(count.0)),
        }
    }
}

/// A maximum number of concurrent invocations; `None`: no limit.
#[derive(Clone, Copy, Debug)]
pub struct Maximum(pub Option<u32>);

impl FromValue for Maximum {
    const WHAT: &'static str = "a number of invocations, or \"unlimited\"";
    const EXAMPLE: &'static str = "10";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match value.kind {
            Kind::String(_) => choice(value, "max_concurrency", UNLIMITED, report),
            _ => WholeNumber::read(value, report).map(|number| Maximum(Some(number.0))),
        }
    }
}

/// Reads the fields of a function.
pub fn of_function(fields: &mut Fields<'_>) -> ConcurrencyPlan {
    let per_container = fields.optional::<Count>("concurrency").map_or(1, |count| count.0);
    let maximum = fields.optional_or("max_concurrency", Maximum(None)).0;
    let Some(reserved) = fields.entry("reserved_concurrency") else {
        return ConcurrencyPlan { per_container, maximum, reserved: false };
    };
    let report = fields.report();
    if maximum.is_some() {
        let message = "`reserved_concurrency` does not go with `max_concurrency`";
        report.error(
            reserved.key_span,
            message,
            "what is reserved is the maximum too: remove one of them",
        );
    }
    let maximum = WholeNumber::read(&reserved.value, report).map(|number| number.0);
    ConcurrencyPlan { per_container, maximum, reserved: true }
}

/// Reports reservations that exceed the limit of the service, or leave nothing to other functions.
pub fn check(functions: &[FunctionPlan], service: &ServicePlan, report: &Report) {
    let reserving = || functions.iter().filter(|function| function.concurrency.reserved);
    // Without a limit of the service, reservations cannot conflict.
    let (Some(first), Some(maximum)) = (reserving().next(), service.max_concurrency) else {
        return;
    };
    // A function with a maximum of 0 is meant never to run.
    let needs_capacity = |function: &&FunctionPlan| {
        !function.concurrency.reserved && function.concurrency.maximum != Some(0)
    };
    let reserved: u64 =
        reserving().filter_map(|function| function.concurrency.maximum).map(u64::from).sum();
    let other = functions.iter().find(needs_capacity);
    if reserved > u64::from(maximum) {
        let message = format!(
            "functions reserve a concurrency of {reserved} together, and the service has {maximum}"
        );
        report.error(first.place, message, "reserve less, or raise `service.max_concurrency`");
        // A service limit of 0 is meant to reject everything.
    } else if let Some(other) = other.filter(|_| reserved == u64::from(maximum) && maximum > 0) {
        let message = format!(
            "function `{}` could never run: others reserve all of the concurrency",
            other.name
        );
        report.error(other.place, message, "reserve less, or raise `service.max_concurrency`");
    }
}
