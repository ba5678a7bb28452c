//! Random outages of compute hosts, of the head host, of the host that keeps the images and of
//! links, in either direction, given by profiles, under every scheduler and both presets: no
//! invocation runs on a host that is off, and if all that is needed is on for good in the end,
//! everything ends.
//!
//! What is expected follows from the profiles alone: no body runs while its host, or the head host,
//! is off; an invocation fails for a host only at a date at which one has gone off.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use isotherm_kernel::{Duration, Limits as KernelLimits, RandomStreams, RunError, Time};
use isotherm_platform::{Platform, PlatformBuilder, Profile};
use isotherm_serverless::keep_alive::{Fixed, IdleNow, Keep, KeepAlive};
use isotherm_serverless::scheduler::{
    ByNode, FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality, MostLoaded, PowerOfTwo,
    RandomPlacement, RoundRobin, Scheduler, WarmFirst, WorkloadBalancing,
};
use isotherm_serverless::{
    Body, Function, FunctionManager, Image, InvocationRecord, Limits, NodeConfig, Outcome, Preset,
    RegisteredFunction, ServerlessComputeService, ServiceConfig, Slots, Step,
};
use isotherm_services::{ExecutionController, FailureCause, Site, StorageConfig, StorageService};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const MB: u64 = 1_000_000;

/// How a part is on and off in turn: the dates in milliseconds at which it goes off and comes back,
/// perhaps again and again with a period. The last one may never come back.
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
    more: More,
    head: Outages,
    wan: Outages,
    nodes: Vec<NodeSpec>,
    images: Vec<u64>,
    functions: Vec<FunctionSpec>,
    /// When, and of which function.
    arrivals: Vec<(u64, usize)>,
}

/// What a scenario may have beside.
#[derive(Clone, Debug, Default)]
struct More {
    /// The chunks in which images move.
    buffer: Option<u64>,
    max_concurrency: Option<u32>,
    processing_ms: u64,
    /// Containers are started again so long after they have become idle, and kept for the other.
    prewarm_ms: Option<(u64, u64)>,
    downloads_at_once: bool,
    /// The host that keeps the images.
    store: Outages,
    /// Its link, on the way to the head host and on the way back.
    store_ways: [Outages; 2],
    /// The link of users has little bandwidth meanwhile.
    wan_bandwidth: Outages,
}

#[derive(Clone, Debug)]
struct NodeSpec {
    cores: u32,
    host: Outages,
    /// The link from the head host.
    link: Outages,
    /// The link back.
    back: Outages,
    /// The link from the head host has little bandwidth meanwhile.
    bandwidth: Outages,
    /// It stands still meanwhile.
    speed: Outages,
}

#[derive(Clone, Debug)]
struct FunctionSpec {
    image: Option<usize>,
    body: u8,
    length: u64,
    has_limit: bool,
    concurrency: u32,
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

fn scenario<O: Strategy<Value = Outages>>(
    outages: fn(f64) -> O,
) -> impl Strategy<Value = Scenario> {
    let node = (1u32..4, outages(0.7), outages(0.3), outages(0.15), outages(0.2), outages(0.2))
        .prop_map(|(cores, host, link, back, bandwidth, speed)| NodeSpec {
            cores,
            host,
            link,
            back,
            bandwidth,
            speed,
        });
    let function = (
        prop::option::weighted(0.6, 0usize..3),
        0u8..5,
        1u64..80,
        prop::bool::weighted(0.8),
        1u32..4,
    )
        .prop_map(|(image, body, length, has_limit, concurrency)| FunctionSpec {
            image,
            body,
            length,
            has_limit,
            concurrency: concurrency.saturating_sub(1).max(1),
        });
    let more = (
        prop::option::weighted(0.3, 1u64..20),
        prop::option::weighted(0.2, 1u32..4),
        prop_oneof![4 => Just(0u64), 1 => 1u64..500],
        prop::option::weighted(0.3, (1u64..5000, 0u64..5000)),
        prop::bool::weighted(0.1),
        outages(0.2),
        [outages(0.1), outages(0.1)],
        outages(0.1),
    )
        .prop_map(
            |(
                buffer,
                max_concurrency,
                processing_ms,
                prewarm_ms,
                downloads_at_once,
                store,
                store_ways,
                wan,
            )| More {
                buffer: buffer.map(|megabytes| megabytes * MB),
                max_concurrency,
                processing_ms,
                prewarm_ms,
                downloads_at_once,
                store,
                store_ways,
                wan_bandwidth: wan,
            },
        );
    let arrival = (prop_oneof![1 => Just(0u64), 6 => 0u64..30_000], 0usize..4);
    let policies = (
        prop_oneof![Just(Preset::Default), Just(Preset::Wrench)],
        0u8..15,
        prop_oneof![Just(Some(0u64)), (1u64..10_000).prop_map(Some), Just(None)],
        prop_oneof![Just(0u64), 1u64..1500],
        prop_oneof![3 => Just(0u64), 1 => 1u64..20_000],
        more,
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
    (policies, parts).prop_map(
        |(policies, (head, wan, mut nodes, lost, images, functions, arrivals))| {
            // One of several may go for good.
            if let Some(lost) = lost.filter(|&lost| lost + 1 < nodes.len())
                && nodes[lost].host.period.is_none()
                && let Some(last) = nodes[lost].host.list.last_mut()
            {
                last.1 = None;
            }
            let (preset, scheduler, keep_ms, startup_ms, payload, more) = policies;
            Scenario {
                preset,
                scheduler,
                keep_ms,
                startup_ms,
                payload,
                more,
                head,
                wan,
                nodes,
                images,
                functions,
                arrivals,
            }
        },
    )
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Off and on.
const STATES: [f64; 2] = [0.0, 1.0];

/// The profile of what is `on` but for the outages.
fn profile(outages: &Outages, [off, on]: [f64; 2]) -> Option<Profile> {
    let events = outages
        .list
        .iter()
        .flat_map(|&(from, to)| [Some((ms(from), off)), to.map(|to| (ms(to), on))]);
    let events: Vec<_> = events.flatten().collect();
    (!events.is_empty())
        .then(|| Profile::new(events, outages.period.map(ms)).expect("dates increase"))
}

/// Adds a link that is off, and that has little bandwidth, at times.
fn link(
    builder: &mut PlatformBuilder,
    name: &str,
    wire: (f64, f64),
    state: &Outages,
    bandwidth: &Outages,
) {
    let (width, latency) = wire;
    let mut link = builder.link(name, width, latency);
    if let Some(profile) = profile(state, STATES) {
        link = link.state_profile(profile);
    }
    if let Some(profile) = profile(bandwidth, [width / 100.0, width]) {
        link.bandwidth_profile(profile);
    }
}

fn platform(scenario: &Scenario) -> PlatformBuilder {
    let (more, always) = (&scenario.more, &Outages::default());
    let mut builder = PlatformBuilder::new();
    builder.host("user", 1e9);
    for (name, outages) in [("store", &more.store), ("head", &scenario.head)] {
        let host = builder.host(name, 1e9);
        if let Some(profile) = profile(outages, STATES) {
            host.state_profile(profile);
        }
        builder.disk(name, "disk", 1e8, 1e8).size(100_000 * MB);
    }
    link(&mut builder, "wan", (5e7, 1e-3), &scenario.wan, &more.wan_bandwidth);
    builder.route("user", "head", ["wan"]);
    link(&mut builder, "there", (5e7, 1e-3), &more.store_ways[0], always);
    link(&mut builder, "back", (5e7, 1e-3), &more.store_ways[1], always);
    builder.one_way_route("store", "head", ["there"]).one_way_route("head", "store", ["back"]);
    for (index, node) in scenario.nodes.iter().enumerate() {
        let (name, down, up) =
            (format!("node{index}"), format!("down{index}"), format!("up{index}"));
        let mut host = builder.host(name.as_str(), 1e9).cores(node.cores).memory(100_000 * MB);
        if let Some(profile) = profile(&node.host, STATES) {
            host = host.state_profile(profile);
        }
        if let Some(profile) = profile(&node.speed, STATES) {
            host.speed_profile(profile);
        }
        builder.disk(&name, "disk", 1e8, 1e8).size(100_000 * MB);
        link(&mut builder, &down, (1e8, 1e-4), &node.link, &node.bandwidth);
        link(&mut builder, &up, (1e8, 1e-4), &node.back, always);
        builder.one_way_route("head", &name, [down.as_str()]).one_way_route(
            &name,
            "head",
            [up.as_str()],
        );
        builder.one_way_route("user", &name, ["wan", down.as_str()]);
        builder.one_way_route(&name, "user", [up.as_str(), "wan"]);
    }
    builder
}

fn scheduler(number: u8, config: &ServiceConfig) -> Box<dyn Scheduler> {
    let random = || RandomStreams::new(7).stream("scheduler");
    match number {
        0 | 1 => config.rules.fcfs(),
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
        14 => Box::new(ByNode::new(WarmFirst, true)),
        12 => Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Running), true)),
        _ => Box::new(ByNode::new(PowerOfTwo::new(random()), false)),
    }
}

fn body(function: &FunctionSpec, other: Rc<OnceCell<RegisteredFunction>>) -> Body {
    let length = function.length;
    match function.body {
        0 => Body::sleep(ms(length * 100)),
        1 => Body::steps([Step::Compute(length as f64 * 1e8)]),
        // It has another function run, and waits for it.
        4 => Body::custom(async move |call| {
            call.sleep(ms(length)).await;
            let Some(other) = other.get().cloned() else { return Ok(()) };
            let invocation = call.functions().invoke(&other).await?;
            call.functions().wait_one(&invocation).await;
            Ok(())
        }),
        2 => Body::steps([
            Step::Write { file: "a".into(), bytes: length * 2 * MB },
            Step::Sleep(ms(length * 10)),
        ]),
        _ => Body::custom(async move |call| {
            call.sleep(ms(length * 20)).await;
            call.compute(length as f64 * 1e7).await
        }),
    }
}

/// Containers stop at once and are started again a while later.
struct Prewarming {
    after: Duration,
    keep: Duration,
}

impl KeepAlive for Prewarming {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        Keep::Prewarm { after: self.after, keep: self.keep }
    }
}

struct Played {
    end: Result<Time, RunError>,
    records: Vec<InvocationRecord>,
    taken: u64,
    lost: u64,
}

/// Plays a scenario. A user registers the functions as soon as the head is on, and waits for each
/// invocation.
fn play(scenario: &Scenario) -> Played {
    // A copy in chunks may be broken off every second for 1,000 periods of some minutes.
    let limits = KernelLimits { max_events: Some(30_000_000), ..KernelLimits::default() };
    let simulation = scenario.preset.simulation().with_limits(limits);
    let spec = platform(scenario).build().expect("a sound platform");
    let site = Site::new(Platform::new(&simulation.kernel(), spec).expect("a sound platform"));
    let host = |name: &str| site.platform().host(name).expect("a host of the scenario");
    let nodes = (0..scenario.nodes.len())
        .map(|index| NodeConfig { slots: Slots::Cores, ..host(&format!("node{index}")).into() });
    let mut config = ServiceConfig::new(scenario.preset, host("head"), nodes.collect());
    config.scheduler = scheduler(scenario.scheduler, &config);
    config.keep_alive = Box::new(Fixed::new(scenario.keep_ms.map_or(Duration::MAX, ms)));
    if let Some((after, keep)) = scenario.more.prewarm_ms {
        config.keep_alive = Box::new(Prewarming { after: ms(after), keep: ms(keep) });
    }
    config.startup_overhead = ms(scenario.startup_ms);
    config.max_concurrency = scenario.more.max_concurrency;
    config.processing_overhead = ms(scenario.more.processing_ms);
    config.simulate_downloads = !scenario.more.downloads_at_once;
    config.buffer_bytes = scenario.more.buffer;
    config.payloads.invoke_request = scenario.payload;
    config.payloads.completion = scenario.payload;
    let service = ServerlessComputeService::start(&site, config).expect("sound hosts");
    let records = service.collect_records();
    let disk = site.platform().disk_at(host("store"), "/").expect("a disk");
    let storage = StorageConfig {
        buffer: scenario.more.buffer,
        ..StorageConfig::on_disk("repository", host("store"), disk)
    };
    let repository = StorageService::start(&site, storage);
    let image = |(index, megabytes): (usize, &u64)| {
        let name = format!("image{index}");
        repository.put(name.as_str(), megabytes * MB, 0).expect("there is room");
        Image::new(name.as_str(), megabytes * MB, megabytes * MB, &repository)
    };
    let images: Vec<Image> = scenario.images.iter().enumerate().map(image).collect();
    let first = Rc::new(OnceCell::new());
    let function = |(index, function): (usize, &FunctionSpec)| {
        let image = function.image.map(|image| images[image].clone());
        // Who waits for another in its own slot may wait for ever.
        let time = if function.has_limit || function.body == 4 {
            Duration::from_secs(30)
        } else {
            Duration::MAX
        };
        let limits = Limits::time(time).memory(10 * MB).disk(200 * MB);
        let body = body(function, Rc::clone(&first));
        (
            Function::new(format!("f{index}"), image, body).with_concurrency(function.concurrency),
            limits,
        )
    };
    let functions: Vec<_> = scenario.functions.iter().enumerate().map(function).collect();
    // The first function that invokes no other.
    let leaf_index = scenario.functions.iter().position(|function| function.body != 4);
    let mut arrivals = scenario.arrivals.clone();
    arrivals.sort_unstable();
    let (taken, lost) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let manager = FunctionManager::start(&site, host("user"));
    ExecutionController::spawn(&site, host("user"), "controller", {
        let (taken, lost, first) = (Rc::clone(&taken), Rc::clone(&lost), Rc::clone(&first));
        move |me| async move {
            me.site().platform().wait_until_on(service.address().host()).await;
            let mut registered = Vec::new();
            for (function, limits) in &functions {
                registered
                    .push(manager.register(function, &service, *limits).await.expect("it fits"));
            }
            let leaf = leaf_index.map(|index: usize| registered[index].clone());
            leaf.into_iter().for_each(|leaf| first.set(leaf).expect("it is set once"));
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
        let repetitions = (0..)
            .map(move |number| period.saturating_mul(number))
            .take_while(move |&from| from as f64 <= end);
        repetitions.flat_map(move |from| {
            let all = self.list.iter();
            all.map(move |&(off, on)| {
                ((from + off) as f64, on.map_or(f64::INFINITY, |on| (from + on) as f64))
            })
        })
    }

    /// Whether it is off at a date. What goes off does so before anything else of the date; what
    /// comes back, too.
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
        let Some((node, dispatched)) = record.node.as_ref().zip(record.dispatched) else {
            continue;
        };
        // What happens is noted at once, unless the service is busy with a request.
        let is_busy = scenario.preset == Preset::Wrench && scenario.more.processing_ms > 0;
        let index: usize = node.trim_start_matches("node").parse().expect("a number");
        let from = milliseconds(dispatched);
        for outages in [&scenario.nodes[index].host, &scenario.head] {
            prop_assert!(!outages.is_off(from), "dispatched to, or by, the dead: {record:?}");
            if record.outcome == Outcome::Completed {
                let ended = milliseconds(record.ended.expect("a body that completed has ended"));
                prop_assert!(!outages.goes_off(from, ended), "ran on: {record:?}");
            } else {
                // Whoever dies does so at once.
                let until =
                    if is_busy { record.ended.map_or(from, milliseconds) } else { finished };
                prop_assert!(!outages.goes_off(from, until - 1e-6), "ran on: {record:?}");
            }
        }
        if let Some(FailureCause::HostFailed { host }) = &record.cause {
            let outages =
                if **host == *"head" { &scenario.head } else { &scenario.nodes[index].host };
            let failed = |off| off == finished || is_busy && from < off && off < finished;
            prop_assert!(
                outages.until(finished).any(|(off, _)| failed(off)),
                "nothing failed then: {record:?}"
            );
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
    full: u32,
    scenarios: impl Strategy<Value = Scenario>,
    judge: impl Fn(&Scenario, &Played) -> Result<(), TestCaseError>,
) -> Totals {
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..isotherm_testing::cases(full)
    };
    let mut runner = TestRunner::new(config);
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
    assert!(
        totals.completed * 3 > totals.records && totals.failed * 50 > totals.records,
        "{totals:?}"
    );
    assert!(totals.lost > 0 && totals.off_at_start > 0, "{totals:?}");
    totals
}

#[test]
fn outages_that_are_over_in_the_end_let_everything_end() {
    play_many(7_500, scenario(outages), |scenario, played| {
        prop_assert!(played.end.is_ok(), "{}", played.end.as_ref().unwrap_err());
        judge(scenario, played)
    });
}

/// With outages that repeat for ever an invocation may never have the time that it needs: then the
/// run ends all the same.
#[test]
fn outages_that_repeat_for_ever_come_to_an_end_too() {
    let totals = play_many(2_500, scenario(repeated), |scenario, played| {
        prop_assert!(
            matches!(played.end, Ok(_) | Err(RunError::Deadlock { .. })),
            "{:?}",
            played.end
        );
        judge(scenario, played)
    });
    assert!(totals.deadlocks * 20 < totals.scenarios, "{totals:?}");
}

/// One node with a core, one function with an image of 5 MB that sleeps for 0.1 s, and one
/// invocation. The image is on the head disk after 0.179 s, and moves on to the node in 0.1 s.
fn small(preset: Preset) -> Scenario {
    let node = NodeSpec {
        cores: 1,
        host: Outages::default(),
        link: Outages::default(),
        back: Outages::default(),
        bandwidth: Outages::default(),
        speed: Outages::default(),
    };
    let function =
        FunctionSpec { image: Some(0), body: 0, length: 1, has_limit: false, concurrency: 1 };
    Scenario {
        preset,
        scheduler: 0,
        keep_ms: Some(0),
        startup_ms: 0,
        payload: 0,
        more: More::default(),
        head: Outages::default(),
        wan: Outages::default(),
        nodes: vec![node],
        images: vec![5],
        functions: vec![function],
        arrivals: vec![(0, 0)],
    }
}

fn off(list: &[(u64, u64)], period: Option<u64>) -> Outages {
    Outages { list: list.iter().map(|&(off, on)| (off, Some(on))).collect(), period }
}

/// The node is back at 2 s, of which the service, busy with a request from 1.980 to 2.010 s, has
/// not heard when it is off again at 2.005 s. At 2.010 s it takes the request, and then hears that
/// the node is back, and then that it is off: it must not believe the first.
#[test]
fn a_service_that_is_busy_takes_no_host_for_on_that_is_off_again() {
    for preset in [Preset::Default, Preset::Wrench] {
        let mut scenario = small(preset);
        scenario.functions[0].image = None;
        scenario.more.processing_ms = 30;
        scenario.nodes[0].host = off(&[(1000, 2000), (2005, 3000)], None);
        scenario.arrivals = vec![(1980, 0)];
        let played = play(&scenario);
        assert_eq!(played.end, Ok(Time::from_nanos(3_100_000_000)));
        let record = &played.records[0];
        assert_eq!(record.dispatched, Some(Time::from_nanos(3_000_000_000)), "{record:?}");
        assert_eq!(record.outcome, Outcome::Completed);
    }
}

/// The node is on for 31 ms of every 1.031 s: time for a chunk of 1 MB to be read and sent, again
/// and again, but never for the image. That is no progress, and the node is not what is missing: it
/// comes back.
#[test]
fn chunks_that_are_moved_again_and_again_keep_nothing_going_for_ever() {
    for preset in [Preset::Default, Preset::Wrench] {
        for buffer in [None, Some(MB), Some(3 * MB)] {
            let mut scenario = small(preset);
            scenario.more.buffer = buffer;
            scenario.nodes[0].host = off(&[(0, 1000)], Some(1031));
            let Err(RunError::Deadlock { reasons, .. }) = play(&scenario).end else {
                panic!("it is stuck: {:?}", play(&scenario).end)
            };
            let [reason] = &reasons[..] else { panic!("{reasons:?}") };
            let told = "waits for its image `image0`, which does not get to compute host `node0`: host `node0` failed";
            assert!(reason.contains(told), "{reason}");
        }
    }
}

/// A node is on for a second of every 10 s, from 0 s on, and its link for one of every 10.001 s,
/// from 5 s on: they meet when the link is 4 s late, after 4,000 periods, by a millisecond more
/// each time. The copy of an image of 40 MB takes 0.41 to 0.42 s, for which they are together after
/// 4,410 to 4,420. Nothing gets any further until then, and yet it is to be waited for.
#[test]
fn what_is_on_together_very_rarely_is_waited_for() {
    for preset in [Preset::Default, Preset::Wrench] {
        let mut scenario = small(preset);
        scenario.images = vec![40];
        scenario.nodes[0].host = off(&[(1000, 9999)], Some(10_000));
        scenario.nodes[0].link = off(&[(0, 5000), (6000, 10_000)], Some(10_001));
        let played = play(&scenario);
        let end = played.end.as_ref().map(|end| end.as_secs_f64());
        assert!(end.as_ref().is_ok_and(|end| (44_100.0..44_220.0).contains(end)), "{end:?}");
        assert_eq!(played.records[0].outcome, Outcome::Completed);
    }
}

/// Node 0 was off while the image was loaded there, at 2 s. Since then all goes to node 1, which
/// has more slots, and whose link is on for 50 ms of every second: that is what is named.
#[test]
fn a_deadlock_names_the_copy_that_was_broken_off_last() {
    let mut scenario = small(Preset::Wrench);
    scenario.scheduler = 3;
    scenario.images = vec![100];
    let other =
        NodeSpec { cores: 3, link: off(&[(0, 950)], Some(1000)), ..scenario.nodes[0].clone() };
    scenario.nodes[0].host = off(&[(4000, 5000)], None);
    scenario.nodes.push(NodeSpec { host: off(&[(0, 5000)], None), ..other });
    let Err(RunError::Deadlock { reasons, .. }) = play(&scenario).end else {
        panic!("it is stuck: {:?}", play(&scenario).end)
    };
    assert!(
        reasons[0].contains("does not get to compute host `node1`: the network failed"),
        "{reasons:?}"
    );
}
