//! Which container serves, recomputed from the event log alone: at each dispatch, which containers
//! could have taken the invocation, and which of them the rule asks for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Distribution, RandomDuration, RandomStreams};
use isotherm_serverless::scheduler::{ByNode, Fcfs, FirstFit, Scheduler};
use isotherm_serverless::{
    Body, ContainerId, ContainerReuse, EventKind, Function, NodeId, Preset, Slots,
};

/// A container as the log shows it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    node: NodeId,
    serving: u32,
    /// Numbers of the events with which it was given an invocation last, and became idle last.
    dispatched: usize,
    idle: usize,
}

/// A choice among containers that could take an invocation: their ids in order, and which was
/// taken.
type Choice = (Vec<ContainerId>, ContainerId);

/// Reads a log of one function, whose containers have so many places, on nodes with so many slots,
/// and compares all choices with the rule. Gives them.
fn choices(log: &[EventKind], reuse: ContainerReuse, places: u32, slots: u32) -> Vec<Choice> {
    let mut containers: BTreeMap<ContainerId, Seen> = BTreeMap::new();
    let mut used: BTreeMap<NodeId, u32> = BTreeMap::new();
    let mut started = None;
    let mut choices = Vec::new();
    for (number, event) in log.iter().enumerate() {
        match *event {
            EventKind::ContainerStarted { node, container, .. } => {
                started = Some(container);
                containers
                    .insert(container, Seen { node, serving: 0, dispatched: number, idle: number });
            }
            EventKind::Dispatched { container, .. } => {
                if started.take() != Some(container) {
                    let open = containers.iter().filter(|(_, seen)| {
                        seen.serving < places && used.get(&seen.node).copied().unwrap_or(0) < slots
                    });
                    let key = |seen: &Seen| if places > 1 { seen.dispatched } else { seen.idle };
                    let wanted = match reuse {
                        ContainerReuse::Oldest => open.clone().map(|(id, _)| *id).min(),
                        ContainerReuse::Newest => open.clone().map(|(id, _)| *id).max(),
                        ContainerReuse::LeastRecentlyUsed => {
                            open.clone().min_by_key(|(_, seen)| key(seen)).map(|(id, _)| *id)
                        }
                        ContainerReuse::MostRecentlyUsed => {
                            open.clone().max_by_key(|(_, seen)| key(seen)).map(|(id, _)| *id)
                        }
                        ContainerReuse::Random => Some(container),
                    };
                    assert_eq!(
                        Some(container),
                        wanted,
                        "event {number}, {reuse:?}, of {:?}",
                        open.collect::<Vec<_>>()
                    );
                    choices.push((open.map(|(id, _)| *id).collect(), container));
                }
                let seen = containers.get_mut(&container).unwrap();
                (seen.serving, seen.dispatched) = (seen.serving + 1, number);
                *used.entry(seen.node).or_default() += 1;
            }
            EventKind::Ended { container: Some(container), .. } => {
                let seen = containers.get_mut(&container).unwrap();
                seen.serving -= 1;
                *used.get_mut(&seen.node).unwrap() -= 1;
            }
            EventKind::ContainerIdle { container, .. } => {
                containers.get_mut(&container).unwrap().idle = number
            }
            EventKind::ContainerStopped { container, .. } => {
                containers.remove(&container);
            }
            _ => {}
        }
    }
    choices
}

struct Play {
    nodes: usize,
    slots: u32,
    places: u32,
    seed: u64,
}

/// So many Poisson arrivals of a function whose bodies take 1 s in the mean; idle containers are
/// kept for 5 s.
fn play(
    reuse: ContainerReuse,
    scheduler: Box<dyn Scheduler>,
    play: &Play,
    arrivals: usize,
) -> Vec<EventKind> {
    let &Play { nodes, slots, places, seed } = play;
    let world = World::new(nodes);
    let streams = RandomStreams::new(seed);
    let service = world.service(Preset::Default, |config| {
        keep(config, 5.0);
        config.scheduler = scheduler;
        config.startup_overhead = secs(0.5);
        (config.reuse, config.reuse_random) = (reuse, streams.stream("reuse/random"));
        config.nodes.iter_mut().for_each(|node| node.slots = Slots::Count(slots));
    });
    let log: Rc<RefCell<Vec<EventKind>>> = Rc::default();
    let writer = Rc::clone(&log);
    service.observe(Box::new(move |event| writer.borrow_mut().push(event.kind.clone())));
    let manager = world.manager.clone();
    let mut gaps = streams.stream("gaps");
    let duration = RandomDuration::new(
        Distribution::exponential_with_mean(1.0).unwrap(),
        streams.stream("durations"),
    );
    world.play(async move |me| {
        let function =
            Function::new("f", None, Body::sleep_random(duration)).with_concurrency(places);
        let function = register(&manager, &service, &function, limit(1000.0)).await;
        for _ in 0..arrivals {
            me.sleep(secs(-gaps.uniform_open().ln() / 12.0)).await;
            manager.invoke_detached(&function, None);
        }
        manager.drain(&service).await.unwrap();
    });
    log.take()
}

const RULES: [ContainerReuse; 4] = [
    ContainerReuse::Oldest,
    ContainerReuse::Newest,
    ContainerReuse::LeastRecentlyUsed,
    ContainerReuse::MostRecentlyUsed,
];

fn by_node() -> Box<dyn Scheduler> {
    Box::new(ByNode::new(FirstFit, true))
}

#[test]
fn the_container_that_the_rule_asks_for_serves() {
    for reuse in RULES {
        for places in [1, 3] {
            // Slots are short on two of three nodes' worth of load, so that some have to wait.
            let wide = Play { nodes: 3, slots: 5, places, seed: 1 };
            let log = play(reuse, by_node(), &wide, 1500);
            let several = choices(&log, reuse, places, wide.slots)
                .iter()
                .filter(|(open, _)| open.len() > 1)
                .count();
            assert!(several > 400, "{several} choices among several");
            let one = Play { nodes: 1, slots: 40, ..wide };
            let log = play(reuse, Box::new(ByNode::new(Fcfs, true)), &one, 1500);
            let several = choices(&log, reuse, places, one.slots)
                .iter()
                .filter(|(open, _)| open.len() > 1)
                .count();
            assert!(several > 400, "{several} choices among several");
        }
    }
}

/// How often the first, second, … of those that could serve was drawn, by how many there were.
fn drawn(choices: &[Choice]) -> BTreeMap<usize, Vec<u32>> {
    let mut drawn: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (open, taken) in choices {
        let counts = drawn.entry(open.len()).or_insert_with(|| vec![0; open.len()]);
        counts[open.iter().position(|id| id == taken).unwrap()] += 1;
    }
    drawn
}

#[test]
fn random_reuse_is_uniform_among_those_that_can_serve() {
    for places in [1, 3] {
        // More than 32 containers in the second case.
        for (nodes, slots, scheduler) in
            [(3, 6, by_node()), (1, 100, Box::new(ByNode::new(Fcfs, true)) as Box<dyn Scheduler>)]
        {
            let setting = Play { nodes, slots, places, seed: 2 };
            let log = play(ContainerReuse::Random, scheduler, &setting, 6000);
            let choices = choices(&log, ContainerReuse::Random, places, slots);
            let mut compared = 0;
            for counts in drawn(&choices).values().filter(|counts| counts.len() > 1) {
                let all = f64::from(counts.iter().sum::<u32>());
                let share = 1.0 / counts.len() as f64;
                let five_deviations = 5.0 * (all * share * (1.0 - share)).sqrt();
                for &count in counts {
                    assert!(
                        (f64::from(count) - all * share).abs() <= five_deviations,
                        "{counts:?}"
                    );
                }
                compared += usize::from(all * share > 20.0);
            }
            assert!(compared >= 3, "enough choices among as many containers");
        }
    }
}

#[test]
fn random_reuse_draws_from_its_own_stream() {
    let taken = |seed: u64| {
        let setting = Play { nodes: 2, slots: 8, places: 1, seed: 3 };
        let world = World::new(setting.nodes);
        let random = RandomStreams::new(seed).stream("reuse/random");
        let service = world.service(Preset::Default, |config| {
            keep(config, 1000.0);
            (config.reuse, config.reuse_random) = (ContainerReuse::Random, random);
        });
        let manager = world.manager.clone();
        world.play(async move |me| {
            let function =
                register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
            let mut taken = Vec::new();
            for round in 0..20 {
                until(&me, 10.0 * f64::from(round)).await;
                let mut invocations = Vec::new();
                for _ in 0..if round == 0 { 8 } else { 1 } {
                    invocations.push(manager.invoke(&function).await.unwrap());
                }
                taken.push(invocations[0].record().container);
                manager.wait_all(&invocations).await;
            }
            taken
        })
    };
    assert_eq!(taken(1), taken(1));
    assert_ne!(taken(1), taken(2));
}
