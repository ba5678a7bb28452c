//! First come, first served: whatever has happened, each round decides what the six rules say.
//!
//! The rules are written down here again as a search through all pending invocations and all nodes,
//! which keeps nothing from round to round and knows nothing of the scheduler's own ways.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::limits::Concurrency;
use crate::scheduler::{Dispatch, Plan};
use crate::state::{Pending, View};

#[derive(Clone, Debug)]
struct Case {
    /// Slots, memory and disk of each node.
    nodes: Vec<(u32, u64, u64)>,
    /// Size of each image.
    images: Vec<u64>,
    /// Image, memory and disk limits and concurrency of each function. One image more than there
    /// are: none.
    functions: Vec<(usize, u64, u64, u32)>,
    keep: u64,
    simulate_downloads: bool,
    steps: Vec<(u8, usize, usize)>,
}

fn cases() -> impl Strategy<Value = Case> {
    // Rooms that hold everything, or hardly anything; nodes all alike, or not.
    let room = || prop_oneof![Just(1000u64), 30u64..120];
    let alike = (1usize..8, 0u32..6, room(), room())
        .prop_map(|(count, slots, memory, disk)| vec![(slots, memory, disk); count]);
    let mixed = prop::collection::vec((0u32..6, room(), room()), 1..8);
    let images = prop::collection::vec(5u64..40, 1..5);
    let functions = prop::collection::vec(
        (0usize..5, 0u64..20, 0u64..20, prop_oneof![4 => Just(1u32), 1 => 2u32..4]),
        1..6,
    );
    // Mostly arrivals and ends of moves, so that many wait.
    let action = prop_oneof![8 => 0u8..1, 8 => 1u8..2, 3 => 2u8..3, 3 => 3u8..9];
    let steps = prop::collection::vec((action, 0usize..100, 0usize..100), 1..200);
    let nodes = prop_oneof![alike, mixed];
    (nodes, images, functions, prop_oneof![Just(0u64), 1u64..1000], any::<bool>(), steps).prop_map(
        |(nodes, images, functions, keep, simulate_downloads, steps)| Case {
            nodes,
            images,
            functions,
            keep,
            simulate_downloads,
            steps,
        },
    )
}

/// The service: what it has been told to do and has not yet reported.
#[derive(Default)]
struct Service {
    under_way: Vec<Effect>,
    off: BTreeSet<NodeId>,
}

impl Service {
    /// Takes note of what is to be done.
    fn listen(&mut self, stage: &mut Stage) {
        self.under_way.extend(stage.effects().into_iter().filter(|effect| {
            !matches!(
                effect,
                Effect::Stopped { .. } | Effect::Ended { .. } | Effect::CancelBody { .. }
            )
        }));
    }

    /// Something that is under way ends, well or badly.
    fn report(&mut self, stage: &mut Stage, which: usize, well: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let effect = self.under_way.swap_remove(which % self.under_way.len());
        let result = if well { Ok(()) } else { Err(FailureCause::Cancelled) };
        let state = &mut stage.state;
        let round = if well { Round::Yes } else { Round::No };
        match effect {
            Effect::Download { image } => state.download_ended(image, result),
            Effect::DownloadAtOnce { image } => state.download_ended(image, Ok(())),
            Effect::Move { step, node, image } => state.move_ended(step, node, image, result),
            Effect::MoveRefused { step, node, image } => {
                state.move_ended(step, node, image, Err(FailureCause::Cancelled))
            }
            Effect::KeepAlive { container, idle_sequence, .. } => {
                state.idle_timer_ended(container, idle_sequence)
            }
            _ => {}
        }
        stage.conclude(round);
    }
}

/// How near a start on a node is, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    Idle,
    InMemory,
    Loading,
    OnDisk,
    Copying,
    Nothing,
}

/// The decisions of one round.
fn by_the_rules(view: &View<'_>) -> Plan {
    let mut plan = Plan::default();
    let nodes: Vec<NodeId> = (0..view.nodes() as u32).map(NodeId).collect();
    let mut slots: Vec<u32> = nodes.iter().map(|&node| view.free_slots(node)).collect();
    // Idle containers that this round has given away.
    let mut given: BTreeMap<(FunctionId, NodeId), usize> = BTreeMap::new();
    for Pending { invocation, function } in view.pending() {
        let idle = |node| {
            view.idle(function, node).nth(given.get(&(function, node)).copied().unwrap_or(0))
        };
        let image = view.image_of(function);
        let rule = |node: NodeId| match image {
            _ if idle(node).is_some() => Some(Rule::Idle),
            _ if !view.fits(function, node) => None,
            None => Some(Rule::InMemory),
            Some(image) => Some({
                let step = (node, image);
                if view.in_memory(image).contains(node) {
                    Rule::InMemory
                } else if view.loading(image).contains(node) || plan.loads.contains(&step) {
                    Rule::Loading
                } else if view.on_disk(image).contains(node) {
                    Rule::OnDisk
                } else if view.copying(image).contains(node) || plan.copies.contains(&step) {
                    Rule::Copying
                } else {
                    Rule::Nothing
                }
            }),
        };
        let free = nodes.iter().filter(|node| slots[node.index()] > 0);
        let Some((rule, node)) = free.filter_map(|&node| Some((rule(node)?, node))).min() else {
            continue;
        };
        let container = idle(node);
        slots[node.index()] -= 1;
        match (rule, image) {
            (Rule::OnDisk, Some(image)) => plan.loads.push((node, image)),
            (Rule::Nothing, Some(image)) => plan.copies.push((node, image)),
            (Rule::Loading | Rule::Copying, _) => {}
            _ => {
                *given.entry((function, node)).or_default() += usize::from(container.is_some());
                plan.dispatches.push(Dispatch { invocation, node, container });
            }
        }
    }
    plan
}

/// The scheduler, held to the rules in each round.
#[derive(Default)]
struct HeldToTheRules(FcfsFullScan);

impl Scheduler for HeldToTheRules {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let expected = by_the_rules(view);
        self.0.round(view, plan);
        assert_eq!(plan.dispatches, expected.dispatches);
        assert_eq!(plan.loads, expected.loads);
        assert_eq!(plan.copies, expected.copies);
    }
}

fn live(case: &Case) {
    let setup = Setup {
        scheduler: Some(Box::new(HeldToTheRules::default())),
        head: 10_000,
        keep: Duration::from_secs(case.keep),
        simulate_downloads: case.simulate_downloads,
        ..Setup::new(Preset::Wrench, &case.nodes)
    };
    let mut stage = setup.stage();
    let image = |(number, &bytes): (usize, &u64)| {
        stage.state.add_image(format!("i{number}").into(), bytes, bytes / 2)
    };
    let images: Vec<ImageId> = case.images.iter().enumerate().map(image).collect();
    let register = |&(image, memory, disk, per_container): &(usize, u64, u64, u32)| {
        let limits = Limits::time(Duration::from_secs(60)).memory(memory).disk(disk);
        let concurrency = Concurrency { per_container, ..Concurrency::default() };
        let image = images.get(image % (images.len() + 1)).copied();
        stage
            .state
            .register(Registration { concurrency, ..Registration::new("f".into(), image, limits) })
            .ok()
    };
    let functions: Vec<FunctionId> = case.functions.iter().filter_map(register).collect();
    if functions.is_empty() {
        return;
    }
    let mut service = Service::default();
    for (step, &(action, which, other)) in case.steps.iter().enumerate() {
        stage.at(step as u64);
        let node = NodeId((which % case.nodes.len()) as u32);
        let running = stage.state.running_ids();
        match action {
            0 => {
                stage.invoke(functions[which % functions.len()]);
            }
            1 => service.report(&mut stage, which, other % 12 != 0),
            2 if !running.is_empty() => stage.body_ended(running[which % running.len()]),
            3 => {
                // Several messages at once, so that one round sees much that has changed.
                for _ in 0..other % 8 {
                    stage.state.submit(functions[(which + other) % functions.len()]);
                }
                for &id in running.iter().take(which % 4) {
                    stage.body_ended_before_the_conclusion(id);
                }
                stage.conclude(Round::Yes);
            }
            4 => {
                let waits = stage.state.queues.pending.iter().nth(which);
                if let Some(Pending { invocation: id, .. }) = waits {
                    stage.message(|state| state.cancel_id(id, FailureCause::Cancelled));
                }
            }
            5 if service.off.remove(&node) => {
                stage.message(|state| state.node_recovered(node));
            }
            5 if other % 3 == 0 => {
                service.off.insert(node);
                stage.state.node_failed(node);
                for id in running {
                    let on = stage
                        .state
                        .invocations
                        .container_of(stage.state.key(id))
                        .map(|container| stage.state.containers.all[&container].node);
                    if on == Some(node) {
                        stage.abandon(id, FailureCause::Cancelled);
                    }
                }
                stage.conclude(Round::Yes);
            }
            _ => {}
        }
        service.listen(&mut stage);
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    #[test]
    fn every_round_decides_what_the_rules_say(case in cases()) {
        live(&case);
    }
}
