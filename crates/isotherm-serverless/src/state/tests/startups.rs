//! Start-ups that are drawn: each invocation has its own, whatever becomes of the others.

use std::collections::BTreeMap;

use isotherm_kernel::{Distribution, RandomDuration, RandomStreams};

use super::*;
use crate::scheduler::{ByNode, FirstFit, WarmFirst, WorkloadBalancing};

fn random(path: &str) -> RandomDuration {
    let distribution = Distribution::exponential(0.2).expect("a rate");
    RandomDuration::new(distribution, RandomStreams::new(11).stream(path))
}

/// Plays the same 60 invocations of two functions under policies; gives how long the container took
/// to start for each that was started cold, by its function and its number, and how many were
/// served warm.
fn play(setup: Setup) -> (BTreeMap<(usize, usize), Duration>, usize) {
    let mut stage = setup.stage();
    let functions = ["f", "g"].map(|name| {
        stage.function_with(30, |function| function.startup = Some(random(name).into()))
    });
    let mut numbers: BTreeMap<InvocationId, (usize, usize)> = BTreeMap::new();
    let (mut counts, mut running) = ([0; 2], std::collections::VecDeque::new());
    let (mut cold, mut warm) = (BTreeMap::new(), 0);
    for step in 0..60 {
        stage.at(10 * step);
        let which = usize::from(step % 7 < 3);
        let id = stage.invoke(functions[which]);
        numbers.insert(id, (which, counts[which]));
        counts[which] += 1;
        // Two or three are there at once.
        running.push_back(id);
        while running.len() > 2 - (step % 5 == 0) as usize {
            let Some(first) = running.pop_front() else { break };
            if stage.is_running(first) {
                stage.body_ended(first);
            } else {
                running.push_back(first);
            }
        }
        for effect in stage.effects() {
            let Effect::Start { invocation, startup, .. } = effect else { continue };
            match startup {
                Duration::ZERO => warm += 1,
                startup => _ = cold.insert(numbers[&invocation.id], startup),
            }
        }
    }
    (cold, warm)
}

#[test]
fn the_nth_invocation_of_a_function_meets_the_same_startup_under_every_policy() {
    let nodes = [(2, 70, 10), (2, 70, 10)];
    let setup = |scheduler: Box<dyn Scheduler>, seconds| Setup {
        scheduler: Some(scheduler),
        keep: Duration::from_secs(seconds),
        ..Setup::new(Preset::Default, &nodes)
    };
    // What the streams of the two functions give, one after the other.
    let expected = ["f", "g"].map(|name| {
        let stream = random(name);
        (0..60).map(|_| stream.draw()).collect::<Vec<_>>()
    });
    let runs = [
        play(setup(Box::new(ByNode::new(Fcfs, true)), 0)),
        play(setup(Box::new(ByNode::new(Fcfs, true)), 1000)),
        play(setup(Box::new(ByNode::new(WarmFirst, true)), 1000)),
        play(setup(Box::new(ByNode::new(FirstFit, false)), 1000)),
        play(setup(Box::new(WorkloadBalancing), 1000)),
    ];
    for (number, (cold, warm)) in runs.iter().enumerate() {
        for (&(function, nth), &startup) in cold {
            assert_eq!(
                startup, expected[function][nth],
                "run {number}: invocation {nth} of function {function}"
            );
        }
        assert_eq!(*warm == 0, number == 0, "run {number}");
        assert!(cold.len() > 3, "run {number}");
    }
    assert_ne!(runs[1].0.len(), runs[3].0.len(), "policies make a difference");
}

#[test]
fn containers_that_are_started_ahead_draw_apart() {
    let mut stage = Setup::new(Preset::Default, &[(9, 1000, 1000)]).stage();
    let f = stage.function_with(30, |function| function.startup = Some(random("f").into()));
    let ready = |stage: &Stage, id| stage.state.containers.all[&id].ready_at.since(Time::ZERO);
    let ahead: Vec<Duration> = (0..3)
        .map(|_| {
            let id = stage.state.start_container(NodeId(0), f).expect("room");
            stage.container_is_idle(id);
            ready(&stage, id)
        })
        .collect();
    let (stream, apart) = (random("f"), random("f").apart());
    assert_eq!(ahead, [apart.draw(), apart.draw(), apart.draw()]);
    // Three invocations wait for those that were started ahead, the last one first. For the fourth
    // one another is started, which has the fourth of the stream of invocations.
    (0..4).for_each(|_| _ = stage.invoke(f));
    let startups: Vec<Duration> = stage
        .effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Start { startup, .. } => Some(*startup),
            _ => None,
        })
        .collect();
    (0..3).for_each(|_| _ = stream.draw());
    assert_eq!(startups, [ahead[2], ahead[1], ahead[0], stream.draw()]);
}

/// However many invocations of the function came before, the n-th that is started ahead has the
/// n-th start-up of those.
#[test]
fn containers_that_are_started_ahead_draw_by_a_count_of_their_own() {
    let startups_ahead = |invocations_before: usize| -> Vec<Duration> {
        let mut stage = Setup::new(Preset::Default, &[(99, 10_000, 10_000)]).stage();
        let f = stage.function_with(30, |function| function.startup = Some(random("f").into()));
        let ahead = |stage: &mut Stage| {
            let id = stage.state.start_container(NodeId(0), f).expect("room");
            stage.container_is_idle(id);
            stage.state.containers.all[&id].ready_at.since(Time::ZERO)
        };
        (0..invocations_before).for_each(|_| _ = stage.invoke(f));
        let first = ahead(&mut stage);
        (0..invocations_before).for_each(|_| _ = stage.invoke(f));
        vec![first, ahead(&mut stage)]
    };
    let apart = random("f").apart();
    let expected = [apart.draw(), apart.draw()];
    for invocations_before in [0, 1, 7] {
        assert_eq!(startups_ahead(invocations_before), expected, "{invocations_before}");
    }
}
