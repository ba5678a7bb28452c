//! `[[failure]]`: hosts and links that fail or are slow, at a date or at random dates.
//!
//! A failure becomes a [profile](Profile) of each of its targets, beside the one that the platform
//! file may give it ([`PlatformSpec::add_profile`]): what fails for two reasons is on when neither
//! holds, and slow-downs multiply.
//!
//! What is drawn for a target comes from a stream of its own, `failure/host/NAME/N` or
//! `failure/link/NAME/N`, for the N-th failure of the target that is drawn, counted from 0. So a
//! further failure changes nothing for other targets, nor what was drawn for this one before, and
//! the points of a sweep meet the same failures.

use std::collections::{BTreeMap, BTreeSet};

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, FromValue, Positive, takes};
use isotherm_config::names::{is_pattern, matches, meant, tables};
use isotherm_config::schema::{TableSpec, Takes, field, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Table, Value};
use isotherm_kernel::{Distribution, Duration, Random, RandomStreams};
use isotherm_platform::{HostId, LinkId, PlatformSpec, Profile, ProfileTarget};

use super::distribution::A_DURATION;
use super::platform::Platform;
use crate::duration_distribution::DurationDistribution;

const NAMES: Takes = Takes::Either(&[
    value("a name or a pattern", "\"node*\""),
    value("names and patterns", "[\"node0\", \"node1\"]"),
]);

/// `[[failure]]`
pub const FAILURE: TableSpec = table(
    "[[failure]]",
    "Hosts or links that fail, or are slow for a time: at a date (`at`, `for`) or at random dates \
     (`mtbf`, `mttr`). What happens to invocations on a host that fails says \
     [concepts](../concepts.md#outcomes-and-failures).",
)
.with(&[
    field(
        "hosts",
        NAMES,
        "The hosts: names, patterns (`*` is any text, `?` any letter), zones and clusters of the \
         platform file, which mean all hosts in them, and the roles `nodes` (all compute hosts), \
         `head`, `repository` and `user`, if nothing else is called so.",
    )
    .otherwise("no hosts: `links` says what fails"),
    field(
        "links",
        NAMES,
        "The links: names and patterns. The name of a link that is two, one for each direction, \
         means both; with `_UP` or `_DOWN` after it, one of them.",
    )
    .otherwise("no links: `hosts` says what fails"),
    field("at", takes::<Duration>(), "The date at which it begins.")
        .like("\"5min\"")
        .otherwise("`mtbf` says when"),
    field("for", takes::<Duration>(), "How long it takes, with `at`.")
        .like("\"2min\"")
        .otherwise("until the end"),
    field(
        "mtbf",
        A_DURATION,
        "The mean time between failures: how long each target works, from the start or its last \
         repair, until it fails. It is drawn anew each time, exponentially unless a distribution \
         is given.",
    )
    .like("\"10h\"")
    .otherwise("`at` says when"),
    field(
        "mttr",
        A_DURATION,
        "The mean time to repair: how long it takes each time, with `mtbf`. Drawn as that is.",
    )
    .like("\"10min\"")
    .otherwise("`mtbf` needs it"),
    field(
        "speed",
        value("a factor of more than 0 and less than 1", "0.5"),
        "The hosts stay on, and compute at this part of their speed meanwhile.",
    )
    .otherwise("the hosts are off meanwhile"),
    field(
        "bandwidth",
        value("a factor of more than 0 and less than 1", "0.1"),
        "The links stay on, and have this part of their bandwidth meanwhile.",
    )
    .otherwise("the links are off meanwhile"),
]);

/// Reads all failures and adds them to the platform.
pub fn add(root: &Table, platform: &mut Platform, seed: u64, report: &Report) {
    let streams = RandomStreams::new(seed);
    let mut drawn = BTreeMap::new();
    for value in tables(root, "failure") {
        let Some(failure) = read(value, platform, report) else { continue };
        for target in failure.targets {
            let profile = match &failure.dates {
                Dates::Once(profile) => profile.clone(),
                Dates::Drawn { works, fails } => {
                    let name = stream(target, &platform.spec);
                    let number = drawn.entry(name.clone()).or_insert(0u32);
                    let random = streams.stream(&format!("{name}/{number}"));
                    *number += 1;
                    match at_random(works, fails, failure.factor, random) {
                        Some(profile) => profile,
                        None => {
                            let message = "it would fail again and again in no time";
                            report.error(failure.place, message, "`mtbf` must be longer");
                            break;
                        }
                    }
                }
            };
            platform.spec.add_profile(target, profile);
        }
    }
}

struct Failure {
    targets: Vec<ProfileTarget>,
    dates: Dates,
    /// What is left meanwhile: 0 is off.
    factor: f64,
    place: Span,
}

enum Dates {
    Once(Profile),
    Drawn { works: Distribution, fails: Distribution },
}

fn read(value: &Value, platform: &Platform, report: &Report) -> Option<Failure> {
    let before = report.count();
    let mut fields = Fields::of(value, &FAILURE, report)?;
    let place = fields.place();
    let hosts = fields.optional::<Patterns>("hosts");
    let links = fields.optional::<Patterns>("links");
    if !fields.has("hosts") && !fields.has("links") {
        fields.missing_one_of("hosts", &[("hosts", "\"node0\""), ("links", "\"uplink\"")]);
    }
    let speed = factor(&mut fields, "speed");
    let bandwidth = factor(&mut fields, "bandwidth");
    let misplaced = |given: &Option<Located<f64>>, what, other, is_there: bool| {
        if let Some(given) = given
            && is_there
        {
            let message = format!("{other} have no `{what}`");
            report.error(given.span, message, "write a `[[failure]]` for hosts and one for links");
        }
    };
    misplaced(&speed, "speed", "links", fields.has("links"));
    misplaced(&bandwidth, "bandwidth", "hosts", fields.has("hosts"));
    let left = speed.as_ref().or(bandwidth.as_ref()).map_or(0.0, |factor| factor.value);
    let dates = dates(&mut fields, left);
    fields.finish();
    let mut targets = Vec::new();
    for pattern in hosts.iter().flat_map(|patterns| &patterns.0) {
        for host in self::hosts(pattern, platform, report).into_iter().flatten() {
            targets.push(match speed {
                Some(_) => ProfileTarget::Speed(host),
                None => ProfileTarget::HostState(host),
            });
        }
    }
    for pattern in links.iter().flat_map(|patterns| &patterns.0) {
        for link in self::links(pattern, &platform.spec, report).into_iter().flatten() {
            targets.push(match bandwidth {
                Some(_) => ProfileTarget::Bandwidth(link),
                None => ProfileTarget::LinkState(link),
            });
        }
    }
    // What two patterns mean fails once.
    let mut seen = BTreeSet::new();
    targets.retain(|&target| seen.insert(key(target)));
    (report.count() == before).then_some(())?;
    Some(Failure { targets, dates: dates?, factor: left, place })
}

/// Tells targets apart: their kind and number.
fn key(target: ProfileTarget) -> (u8, usize) {
    match target {
        ProfileTarget::Speed(host) => (0, host.index()),
        ProfileTarget::HostState(host) => (1, host.index()),
        ProfileTarget::Bandwidth(link) => (2, link.index()),
        ProfileTarget::Latency(link) => (3, link.index()),
        ProfileTarget::LinkState(link) => (4, link.index()),
    }
}

fn stream(target: ProfileTarget, spec: &PlatformSpec) -> String {
    match target {
        ProfileTarget::Speed(host) | ProfileTarget::HostState(host) => {
            format!("failure/host/{}", spec.host(host).name)
        }
        ProfileTarget::Bandwidth(link)
        | ProfileTarget::Latency(link)
        | ProfileTarget::LinkState(link) => format!("failure/link/{}", spec.link(link).name),
    }
}

/// The least factor: what is slower is off for all that matters.
const LEAST_FACTOR: f64 = 1e-6;

fn factor(fields: &mut Fields<'_>, key: &'static str) -> Option<Located<f64>> {
    let factor = fields.optional::<Located<Positive>>(key)?;
    let Located { value: Positive(value), span } = factor;
    if !(LEAST_FACTOR..1.0).contains(&value) {
        let message = format!("`{key}` must be a factor from 0.000001 to less than 1");
        let hint = match value >= 1.0 {
            true => "half of it is 0.5".to_owned(),
            false => format!("what has no `{key}` is off meanwhile"),
        };
        return fields.report().refuse(span, message, hint);
    }
    Some(Located { value, span })
}

fn dates(fields: &mut Fields<'_>, factor: f64) -> Option<Dates> {
    let report = fields.report();
    let at = fields.optional::<Located<Duration>>("at");
    let lasts = fields.optional::<Located<Duration>>("for");
    let works = fields.optional_with("mtbf", mean);
    let fails = fields.optional_with("mttr", mean);
    if fields.has("mtbf") || fields.has("mttr") {
        for (key, given) in [("at", &at), ("for", &lasts)] {
            if let Some(given) = given {
                let message = format!("`{key}` says a date, and `mtbf` and `mttr` draw them");
                report.error(given.span, message, "leave one of them out");
            }
        }
        if !fields.has("mtbf") {
            fields.missing("mtbf", "\"10h\"");
        }
        if !fields.has("mttr") {
            fields.missing("mttr", "\"10min\"");
        }
        return Some(Dates::Drawn { works: works?, fails: fails? });
    }
    let Some(at) = at else {
        if !fields.has("at") {
            fields.missing_one_of("at", &[("at", "\"5min\""), ("mtbf", "\"10h\"")]);
        }
        return None;
    };
    let mut events = vec![(at.value, factor)];
    if let Some(lasts) = lasts {
        if lasts.value.is_zero() {
            return report.refuse(
                lasts.span,
                "a failure that takes no time",
                "leave `for` out if it never ends",
            );
        }
        let end = at.value + lasts.value;
        if end > at.value {
            events.push((end, 1.0));
        }
    }
    Profile::new(events, None).ok().map(Dates::Once)
}

/// A distribution in seconds: exponential if a duration, its mean, is given alone.
fn mean(value: &Value, report: &Report) -> Option<Distribution> {
    let read = DurationDistribution::read(value, report)?;
    if matches!(value.kind, Kind::Table(_)) {
        return Some(read.seconds().clone());
    }
    let seconds = read.fixed()?.as_secs_f64();
    let refused = |_| report.error(value.span, "a mean of zero", "write it like \"10min\"");
    Distribution::exponential_with_mean(seconds).map_err(refused).ok()
}

fn at_random(
    works: &Distribution,
    fails: &Distribution,
    left: f64,
    random: Random,
) -> Option<Profile> {
    let (left, all) = (Distribution::constant(left).ok()?, Distribution::constant(1.0).ok()?);
    Profile::drawn(vec![(works.clone(), left), (fails.clone(), all)], true, random).ok()
}

/// One name or pattern, or several.
struct Patterns(Vec<Located<String>>);

impl FromValue for Patterns {
    const WHAT: &'static str = "a name or a list of names";
    const EXAMPLE: &'static str = "\"node*\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::Array(names) if names.is_empty() => {
                report.refuse(value.span, "nothing would fail", "write it like \"node*\"")
            }
            Kind::Array(_) => Vec::read(value, report).map(Patterns),
            _ => Located::read(value, report).map(|name| Patterns(vec![name])),
        }
    }
}

fn hosts(name: &Located<String>, platform: &Platform, report: &Report) -> Option<Vec<HostId>> {
    let (spec, roles) = (&platform.spec, &platform.hosts);
    let text = name.value.as_str();
    if let Some(host) = spec.host_id(text) {
        return Some(vec![host]);
    }
    let zone = spec.zones().find(|(_, zone)| zone.name == text).map(|(id, _)| id);
    let found: Vec<HostId> = match (zone, text) {
        (Some(zone), _) => {
            let inside = |host: HostId| {
                let mut at = Some(spec.zone_of(host));
                while at.is_some_and(|at| at != zone) {
                    at = at.and_then(|at| spec.zone(at).parent);
                }
                at.is_some()
            };
            spec.hosts().map(|(id, _)| id).filter(|&host| inside(host)).collect()
        }
        (None, "nodes") => roles.nodes.clone(),
        (None, "head") => vec![roles.head],
        (None, "user") => vec![roles.user],
        (None, "repository") => vec![platform.repository.host],
        _ if is_pattern(text) => {
            let hosts = spec.hosts().filter(|(_, host)| matches(text, &host.name));
            hosts.map(|(id, _)| id).collect()
        }
        _ => Vec::new(),
    };
    let names = || spec.hosts().map(|(_, host)| host.name.clone()).collect();
    found_any(found, name, "host", names, report)
}

fn links(name: &Located<String>, spec: &PlatformSpec, report: &Report) -> Option<Vec<LinkId>> {
    let explicit = || spec.links().filter(|(_, link)| !link.implicit);
    let whole = |name: &str, is_half: bool| -> String {
        let half = name.strip_suffix("_UP").or_else(|| name.strip_suffix("_DOWN"));
        half.filter(|_| is_half).unwrap_or(name).to_owned()
    };
    let is_meant = |text: &str| match is_pattern(&name.value) {
        true => matches(&name.value, text),
        false => name.value == text,
    };
    let found = explicit().filter(|(_, link)| {
        is_meant(&link.name) || is_meant(&whole(&link.name, link.opposite.is_some()))
    });
    let found: Vec<LinkId> = found.map(|(id, _)| id).collect();
    let names = || explicit().map(|(_, link)| whole(&link.name, link.opposite.is_some())).collect();
    found_any(found, name, "link", names, report)
}

/// What was found, if anything: a failure of nothing is a slip.
fn found_any<T>(
    found: Vec<T>,
    name: &Located<String>,
    kind: &str,
    known: impl FnOnce() -> Vec<String>,
    report: &Report,
) -> Option<Vec<T>> {
    if !found.is_empty() {
        return Some(found);
    }
    let text = &name.value;
    let message = match is_pattern(text) {
        true => format!("no {kind} has a name like `{text}`"),
        false => format!("there is no {kind} `{text}`"),
    };
    let known = known();
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let hint = meant(text, &names).unwrap_or_else(|| {
        let some: Vec<String> = names.iter().take(4).map(|name| format!("`{name}`")).collect();
        format!("{kind}s are called {}, …", some.join(", "))
    });
    report.refuse(name.span, message, hint)
}
