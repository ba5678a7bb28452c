//! Random outages of compute hosts, of the head host and of links, given by profiles, under every scheduler and both presets: nobody is served by
//! a host that is off, and if all that is needed is on for good in the end, everything ends.
//!
//! What is expected follows from the profiles alone: no body runs while its host, or the head host, is off; an invocation fails for a host only at
//! a date at which one has gone off. How many cases are played, the environment variable `PROPTEST_CASES` says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use isotherm_kernel::{Duration, Limits as KernelLimits, RandomStreams, RunError, Time};
use isotherm_platform::{Platform, PlatformBuilder, Profile};
use isotherm_serverless::keep_alive::Fixed;
use isotherm_serverless::scheduler::{
    ByNode, Fcfs, FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality, MostLoaded, PowerOfTwo, RandomPlacement,
    RoundRobin, Scheduler, WorkloadBalancing,
};
use isotherm_serverless::{
    Body, Function, FunctionManager, Image, InvocationRecord, Limits, NodeConfig, Outcome, Preset,
    ServerlessComputeService, ServiceConfig, Slots, Step,
};
use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const MB: u64 = 1_000_000;

/// How a part is on and off in turn: the dates in milliseconds at which it goes off and comes back, perhaps again and again with a period. The last
/// one may never come back.
#[derive(Clone, Debug, Default)]
struct Outages {
    list: Vec<(u64, Option<u64>)>,
    period: Option<u64>,
}

#[derive(Clone, Debug)]
struct Scenario {
    preset: Preset,
    scheduler: u8,
    keep_ms: Option<u64>,
    startup_ms: u64,
    payload: u64,
    head: Outages,
    wan: Outages,
    nodes: Vec<NodeSpec>,
    images: Vec<u64>,
    functions: Vec<FunctionSpec>,
    /// When, and of which function.
    arrivals: Vec<(u64, usize)>,
}

#[derive(Clone, Debug)]
struct NodeSpec {
    cores: u32,
    host: Outages,
    link: Outages,
    /// It stands still meanwhile.
    speed: Outages,
}

#[derive(Clone, Debug)]
struct FunctionSpec {
    image: Option<usize>,
    body: u8,
    length: u64,
    has_limit: bool,
}

/// Outages that are over in the end, one after the other, the first perhaps from the beginning on.
fn outages(weight: f64) -> impl Strategy<Value = Outages> {
    let gap = prop_oneof![1 => Just(0u64), 2 => Just(1000), 4 => 1u64..20_000];
    let lasts = prop_oneof![1 => Just(1000u64), 4 => 1u64..15_000, 1 => 50_000u64..400_000];
    prop::option::weighted(weight, prop::collection::vec((gap, lasts), 1..4)).prop_map(|pairs| {
        let mut at = 0;
        let mut outages = Vec::new();
        for (number, (gap, lasts)) in pairs.unwrap_or_default().into_iter().enumerate() {
            let off = at + if number == 0 { gap } else { gap.max(1) };
            at = off + lasts;
            outages.push((off, Some(at)));
        }
        Outages { list: outages, period: None }
    })
}

/// The same, some of them for ever.
fn repeated(weight: f64) -> impl Strategy<Value = Outages> {
    let repeat = |outages: Outages, on: u64| {
        let end = outages.list.last().and_then(|last| last.1);
        Outages { period: end.map(|end| end + on), ..outages }
    };
    (outages(weight), prop::option::weighted(0.6, 1u64..20_000))
        .prop_map(move |(outages, on)| on.map_or(outages.clone(), |on| repeat(outages, on)))
}

fn scenario<O: Strategy<Value = Outages>>(outages: fn(f64) -> O) -> impl Strategy<Value = Scenario> {
    let node = (1u32..4, outages(0.7), outages(0.3), outages(0.2)).prop_map(|(cores, host, link, speed)| NodeSpec {
        cores,
        host,
        link,
        speed,
    });
    let function = (prop::option::weighted(0.6, 0usize..3), 0u8..4, 1u64..80, prop::bool::weighted(0.8))
        .prop_map(|(image, body, length, has_limit)| FunctionSpec { image, body, length, has_limit });
    let arrival = (prop_oneof![1 => Just(0u64), 6 => 0u64..30_000], 0usize..4);
    let policies = (
        prop_oneof![Just(Preset::Default), Just(Preset::Wrench)],
        0u8..14,
        prop_oneof![Just(Some(0u64)), (1u64..10_000).prop_map(Some), Just(None)],
        prop_oneof![Just(0u64), 1u64..1500],
        prop_oneof![3 => Just(0u64), 1 => 1u64..20_000],
    );
    let parts = (
        outages(0.25),
        outages(0.3),
        prop::collection::vec(node, 1..5),
        prop::option::weighted(0.2, 0usize..4),
        prop::collection::vec(5u64..60, 3),
        prop::collection::vec(function, 1..4),
        prop::collection::vec(arrival, 1..15),
    );
    (policies, parts).prop_map(|(policies, (head, wan, mut nodes, lost, images, functions, arrivals))| {
        // One of several may go for good.
        if let Some(lost) = lost.filter(|&lost| lost + 1 < nodes.len())
            && nodes[lost].host.period.is_none()
            && let Some(last) = nodes[lost].host.list.last_mut()
        {
            last.1 = None;
        }
        let (preset, scheduler, keep_ms, startup_ms, payload) = policies;
        Scenario { preset, scheduler, keep_ms, startup_ms, payload, head, wan, nodes, images, functions, arrivals }
    })
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn profile(outages: &Outages) -> Option<Profile> {
    let events = outages.list.iter().flat_map(|&(off, on)| [Some((ms(off), 0.0)), on.map(|on| (ms(on), 1.0))]);
    let events: Vec<_> = events.flatten().collect();
    (!events.is_empty()).then(|| Profile::new(events, outages.period.map(ms)).expect("dates increase"))
}

fn platform(scenario: &Scenario) -> PlatformBuilder {
    let mut builder = PlatformBuilder::new();
    builder.host("user", 1e9);
    builder.disk("user", "disk", 1e8, 1e8);
    let head = builder.host("head", 1e9);
    if let Some(profile) = profile(&scenario.head) {
        head.state_profile(profile);
    }
    builder.disk("head", "disk", 1e8, 1e8).size(100_000 * MB);
    let wan = builder.link("wan", 5e7, 1e-3);
    if let Some(profile) = profile(&scenario.wan) {
        wan.state_profile(profile);
    }
    builder.route("user", "head", ["wan"]);
    for (index, node) in scenario.nodes.iter().enumerate() {
        let (name, link) = (format!("node{index}"), format!("lan{index}"));
        let mut host = builder.host(name.as_str(), 1e9).cores(node.cores).memory(100_000 * MB);
        if let Some(profile) = profile(&node.host) {
            host = host.state_profile(profile);
        }
        if let Some(profile) = profile(&node.speed) {
            host.speed_profile(profile);
        }
        builder.disk(&name, "disk", 1e8, 1e8).size(100_000 * MB);
        let lan = builder.link(link.as_str(), 1e8, 1e-4);
        if let Some(profile) = profile(&node.link) {
            lan.state_profile(profile);
        }
        builder.route("head", &name, [link.as_str()]);
        builder.route("user", &name, ["wan", link.as_str()]);
    }
    builder
}

fn scheduler(number: u8, config: &ServiceConfig) -> Box<dyn Scheduler> {
    let random = || RandomStreams::new(7).stream("scheduler");
    match number {
        0 | 1 => Box::new(Fcfs::new(config.rules.fcfs_looks_at_room)),
        2 => Box::new(RandomPlacement::new(random())),
        3 => Box::new(WorkloadBalancing),
        4 => Box::new(ByNode::new(FirstFit, false)),
        5 => Box::new(ByNode::new(FirstFit, true)),
        6 => Box::new(ByNode::new(RoundRobin::new(), false)),
        7 => Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Memory), true)),
        8 => Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Running), false)),
        9 => Box::new(ByNode::new(MostLoaded, true)),
        10 => Box::new(ByNode::new(HashAffinity::new(1.25), false)),
        11 => Box::new(ByNode::new(Locality, true)),
        12 => Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Running), true)),
        _ => Box::new(ByNode::new(PowerOfTwo::new(random()), false)),
    }
}

fn body(function: &FunctionSpec) -> Body {
    let length = function.length;
    match function.body {
        0 => Body::sleep(ms(length * 100)),
        1 => Body::steps([Step::Compute(length as f64 * 1e8)]),
        2 => Body::steps([Step::Write { file: "a".into(), bytes: length * 2 * MB }, Step::Sleep(ms(length * 10))]),
        _ => Body::custom(async move |call| {
            call.sleep(ms(length * 20)).await;
            call.compute(length as f64 * 1e7).await
        }),
    }
}

struct Played {
    end: Result<Time, RunError>,
    records: Vec<InvocationRecord>,
    taken: u64,
    lost: u64,
}

/// Plays a scenario. A user registers the functions as soon as the head is on, and waits for each invocation.
fn play(scenario: &Scenario) -> Played {
    let limits = KernelLimits { max_events: Some(1_000_000), ..KernelLimits::default() };
    let simulation = scenario.preset.simulation().with_limits(limits);
    let spec = platform(scenario).build().expect("a sound platform");
    let site = Site::new(Platform::new(&simulation.kernel(), spec).expect("a sound platform"));
    let host = |name: &str| site.platform().host(name).expect("a host of the scenario");
    let nodes =
        (0..scenario.nodes.len()).map(|index| NodeConfig { host: host(&format!("node{index}")), slots: Slots::Cores });
    let mut config = ServiceConfig::new(scenario.preset, host("head"), nodes.collect());
    config.scheduler = scheduler(scenario.scheduler, &config);
    config.keep_alive = Box::new(Fixed::new(scenario.keep_ms.map_or(Duration::MAX, ms)));
    config.startup_overhead = ms(scenario.startup_ms);
    config.payloads.invoke_request = scenario.payload;
    config.payloads.completion = scenario.payload;
    let service = ServerlessComputeService::start(&site, config).expect("sound hosts");
    let records = service.collect_records();
    let disk = site.platform().disk_at(host("user"), "/").expect("a disk");
    let repository = StorageService::start(&site, StorageConfig::on_disk("repository", host("user"), disk));
    let image = |(index, megabytes): (usize, &u64)| {
        let name = format!("image{index}");
        repository.put(name.as_str(), megabytes * MB, 0).expect("there is room");
        Image::new(name.as_str(), megabytes * MB, megabytes * MB, &repository)
    };
    let images: Vec<Image> = scenario.images.iter().enumerate().map(image).collect();
    let function = |(index, function): (usize, &FunctionSpec)| {
        let image = function.image.map(|image| images[image].clone());
        let time = if function.has_limit { Duration::from_secs(30) } else { Duration::MAX };
        let limits = Limits::time(time).memory(10 * MB).disk(200 * MB);
        (Function::new(format!("f{index}"), image, body(function)), limits)
    };
    let functions: Vec<_> = scenario.functions.iter().enumerate().map(function).collect();
    let mut arrivals = scenario.arrivals.clone();
    arrivals.sort_unstable();
    let (taken, lost) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let manager = FunctionManager::start(&site, host("user"));
    ExecutionController::spawn(&site, host("user"), "controller", {
        let (taken, lost) = (Rc::clone(&taken), Rc::clone(&lost));
        move |me| async move {
            me.site().platform().wait_until_on(service.address().host()).await;
            let mut registered = Vec::new();
            for (function, limits) in &functions {
                registered.push(manager.register(function, &service, *limits).await.expect("it fits"));
            }
            let begins = me.now();
            for (at, function) in arrivals {
                me.sleep_until(begins + ms(at)).await;
                let function = registered[function % registered.len()].clone();
                let (manager, taken, lost) = (manager.clone(), Rc::clone(&taken), Rc::clone(&lost));
                drop(me.kernel().spawn("user", async move {
                    match manager.invoke(&function).await {
                        Ok(invocation) => {
                            taken.set(taken.get() + 1);
                            manager.wait_one(&invocation).await;
                        }
                        Err(_) => lost.set(lost.get() + 1),
                    }
                }));
            }
        }
    });
    let end = simulation.run();
    let records = records.borrow().clone();
    Played { end, records, taken: taken.get(), lost: lost.get() }
}

/// A date in milliseconds, which profiles are in.
fn milliseconds(date: Time) -> f64 {
    date.as_nanos() as f64 / 1e6
}

impl Outages {
    /// All dates at which it goes off and comes back until a date.
    fn until(&self, end: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        let period = self.period.unwrap_or(u64::MAX);
        let repetitions =
            (0..).map(move |number| period.saturating_mul(number)).take_while(move |&from| from as f64 <= end);
        repetitions.flat_map(move |from| {
            let all = self.list.iter();
            all.map(move |&(off, on)| ((from + off) as f64, on.map_or(f64::INFINITY, |on| (from + on) as f64)))
        })
    }

    /// Whether it is off at a date. What goes off does so before anything else of the date; what comes back, too.
    fn is_off(&self, at: f64) -> bool {
        self.until(at).any(|(off, on)| off <= at && at < on)
    }

    /// Whether it goes off after `from`, and no later than `to`.
    fn goes_off(&self, from: f64, to: f64) -> bool {
        self.until(to).any(|(off, _)| from < off && off <= to)
    }
}

fn judge(scenario: &Scenario, played: &Played) -> Result<(), TestCaseError> {
    // An answer with a payload may be lost, so that there are records of which nobody knew.
    if played.end.is_ok() {
        prop_assert!(played.records.len() as u64 >= played.taken, "each has a record");
        prop_assert_eq!(played.taken + played.lost, scenario.arrivals.len() as u64);
    }
    for record in &played.records {
        let finished = milliseconds(record.finished);
        let Some((node, dispatched)) = record.node.as_ref().zip(record.dispatched) else { continue };
        let index: usize = node.trim_start_matches("node").parse().expect("a number");
        for outages in [&scenario.nodes[index].host, &scenario.head] {
            let from = milliseconds(dispatched);
            prop_assert!(!outages.is_off(from), "dispatched to, or by, the dead: {record:?}");
            if record.outcome == Outcome::Completed {
                let ended = milliseconds(record.ended.expect("a body that completed has ended"));
                prop_assert!(!outages.goes_off(from, ended), "ran on: {record:?}");
            } else {
                // Whoever dies does so at once.
                let until = finished - 1e-6;
                prop_assert!(!outages.goes_off(from, until), "ran on: {record:?}");
            }
        }
        if let Some(FailureCause::HostFailed { host }) = &record.cause {
            let outages = if **host == *"head" { &scenario.head } else { &scenario.nodes[index].host };
            prop_assert!(outages.until(finished).any(|(off, _)| off == finished), "nothing failed then: {record:?}");
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Totals {
    scenarios: usize,
    deadlocks: usize,
    records: usize,
    completed: usize,
    failed: usize,
    lost: u64,
    off_at_start: usize,
}

/// Plays as many scenarios as are asked for.
fn play_many(
    few: u32,
    scenarios: impl Strategy<Value = Scenario>,
    judge: impl Fn(&Scenario, &Played) -> Result<(), TestCaseError>,
) -> Totals {
    #[expect(clippy::disallowed_methods, reason = "it says how many cases are played, not what comes of one")]
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(few);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 3000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let totals = RefCell::new(Totals::default());
    let result = runner.run(&scenarios, |scenario| {
        let played = play(&scenario);
        judge(&scenario, &played)?;
        let mut totals = totals.borrow_mut();
        let of = |outcome| played.records.iter().filter(|record| record.outcome == outcome).count();
        totals.scenarios += 1;
        totals.records += played.records.len();
        totals.completed += of(Outcome::Completed);
        totals.failed += of(Outcome::Failed);
        totals.lost += played.lost;
        totals.off_at_start += usize::from(scenario.nodes.iter().any(|node| node.host.is_off(0.0)));
        totals.deadlocks += usize::from(played.end.is_err());
        Ok(())
    });
    let totals = totals.into_inner();
    println!("{totals:#?}");
    if let Err(error) = result {
        panic!("{error}");
    }
    // The scenarios are what they are meant to be.
    assert!(totals.completed * 3 > totals.records && totals.failed * 50 > totals.records, "{totals:?}");
    assert!(totals.lost > 0 && totals.off_at_start > 0, "{totals:?}");
    totals
}

#[test]
fn outages_that_are_over_in_the_end_let_everything_end() {
    play_many(1500, scenario(outages), |scenario, played| {
        prop_assert!(played.end.is_ok(), "{}", played.end.as_ref().unwrap_err());
        judge(scenario, played)
    });
}

/// With outages that repeat for ever an invocation may never have the time that it needs: then the run ends all the same.
#[test]
fn outages_that_repeat_for_ever_come_to_an_end_too() {
    let totals = play_many(500, scenario(repeated), |scenario, played| {
        prop_assert!(matches!(played.end, Ok(_) | Err(RunError::Deadlock { .. })), "{:?}", played.end);
        judge(scenario, played)
    });
    assert!(totals.deadlocks * 20 < totals.scenarios, "{totals:?}");
}
