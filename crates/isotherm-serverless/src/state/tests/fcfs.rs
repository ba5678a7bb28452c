//! First come, first served: what is decided from changes alone is what the rules say from the
//! beginning of the queue.
//!
//! In tests every round is decided in both ways, and they are compared; here the histories are made
//! up for it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::function::Concurrency;

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
            Effect::Copy { node, image } => state.copy_ended(node, image, result),
            Effect::Load { node, image } => state.load_ended(node, image, result),
            Effect::CopyRefused { node, image } => {
                state.copy_ended(node, image, Err(FailureCause::Cancelled))
            }
            Effect::LoadRefused { node, image } => {
                state.load_ended(node, image, Err(FailureCause::Cancelled))
            }
            Effect::KeepAlive { container, idle_sequence, .. } => {
                state.idle_timer_ended(container, idle_sequence)
            }
            _ => {}
        }
        stage.conclude(round);
    }
}

fn live(case: &Case) {
    let setup = Setup {
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
        let running = stage.state.running();
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
                    let end = ActionReport { started: None, ended: None, result: Ok(()) };
                    stage.state.body_ended(id, end);
                }
                stage.conclude(Round::Yes);
            }
            4 => {
                let waits = stage.state.pending.iter().nth(which).map(|pending| pending.invocation);
                if let Some(id) = waits {
                    stage.state.cancel(id, FailureCause::Cancelled);
                    stage.conclude(Round::Yes);
                }
            }
            5 if service.off.remove(&node) => {
                stage.state.node_recovered(node);
                stage.conclude(Round::Yes);
            }
            5 if other % 3 == 0 => {
                service.off.insert(node);
                stage.state.node_failed(node);
                for id in running {
                    let on = stage
                        .state
                        .container_of(id)
                        .map(|container| stage.state.containers[&container].node);
                    if on == Some(node) {
                        stage.state.abandon(id, FailureCause::Cancelled);
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
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_kept_is_what_would_be_decided_anew(case in cases()) {
        live(&case);
    }
}
