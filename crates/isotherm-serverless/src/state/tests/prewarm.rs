//! Containers that are started before they are needed.

use super::*;
use crate::StartKind;
use crate::keep_alive::{IdleNow, Keep, KeepAlive};

/// After each use: stopped, and another one 10 s later, which is kept for 20 s.
struct Ahead;

impl KeepAlive for Ahead {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        Keep::Prewarm { after: Duration::from_secs(10), keep: Duration::from_secs(20) }
    }
}

/// A node of 100 bytes of memory and disk, and a function of 40 bytes whose container starts in 3
/// s; it was used once, until 0 s.
fn used_once(nodes: &[(u32, u64, u64)]) -> (Stage, FunctionId) {
    let mut stage =
        Setup { keep_alive: Some(Box::new(Ahead)), ..Setup::new(Preset::Default, nodes) }.stage();
    let startup = Some(Duration::from_secs(3).into());
    let f = stage.function_with(40, |function| function.startup = startup);
    stage.serve(f);
    assert_eq!(
        stage.orders(),
        ["start 0 on 0 in 0", "ended 0 completed", "stopped 0", "prewarm 0 after 10"]
    );
    assert_eq!(stage.memory_used(0), 0);
    stage.events();
    (stage, f)
}

/// The time has come.
fn due(stage: &mut Stage, f: FunctionId, second: u64) {
    stage.at(second);
    stage.message(|state| state.prewarm(f));
}

/// Start kind and start-up of what was started.
fn started(stage: &mut Stage) -> Option<(StartKind, Duration)> {
    let kind = stage.events().iter().find_map(|event| match event {
        EventKind::Dispatched { start_kind, .. } => Some(*start_kind),
        _ => None,
    });
    let startup = stage.effects().iter().find_map(|effect| match effect {
        Effect::Start { startup, .. } => Some(*startup),
        _ => None,
    });
    kind.zip(startup)
}

#[test]
fn a_container_that_was_started_ahead_serves_warm() {
    let (mut stage, f) = used_once(&[(1, 100, 100)]);
    due(&mut stage, f, 10);
    // Kept for 20 s after its start-up of 3 s.
    assert_eq!(stage.orders(), ["expire at 33"]);
    assert!(
        stage
            .events()
            .contains(&EventKind::Prewarmed { node: NodeId(0), container: ContainerId(1) })
    );
    assert_eq!(
        (stage.memory_used(0), stage.state.nodes[NodeId(0)].slots_used),
        (40, 0),
        "it takes room, and no slot"
    );
    stage.at(13);
    stage.invoke(f);
    assert_eq!(started(&mut stage), Some((StartKind::Warm, Duration::ZERO)));
}

#[test]
fn an_invocation_during_the_start_waits_for_the_rest() {
    let (mut stage, f) = used_once(&[(1, 100, 100)]);
    due(&mut stage, f, 10);
    stage.effects();
    stage.at(12);
    stage.invoke(f);
    // It began at 10 s and is ready at 13 s.
    assert_eq!(started(&mut stage), Some((StartKind::Cold, Duration::from_secs(1))));
}

#[test]
fn an_invocation_before_the_start_makes_it_needless() {
    let (mut stage, f) = used_once(&[(1, 100, 100)]);
    stage.at(5);
    stage.invoke(f);
    assert_eq!(stage.orders(), ["forget prewarming of 0", "start 1 on 0 in 1"]);
    // The timer may have been on its way already.
    due(&mut stage, f, 10);
    assert!(stage.effects().is_empty());
    assert_eq!(stage.memory_used(0), 40);
}

#[test]
fn a_container_ahead_evicts_no_other() {
    let (mut stage, f) = used_once(&[(2, 100, 100)]);
    let other = stage.function_keeping(70, Fixed::FOREVER);
    stage.serve(other);
    stage.events();
    due(&mut stage, f, 10);
    assert_eq!(stage.memory_used(0), 70, "the idle container of the other function stays");
    assert!(
        stage.events().contains(&EventKind::PrewarmingSkipped { node: NodeId(0), function: f })
    );
}

#[test]
fn a_container_ahead_is_evicted_for_an_invocation() {
    let (mut stage, f) = used_once(&[(2, 100, 100)]);
    due(&mut stage, f, 10);
    stage.effects();
    stage.at(11);
    let other = stage.function(None, 70, 0);
    let id = stage.invoke(other);
    assert!(stage.is_running(id), "though it is still starting");
    assert_eq!(stage.orders(), ["stopped 1", "start 1 on 0 in 2"]);
}

#[test]
fn nothing_is_started_on_a_node_that_is_off() {
    let (mut stage, f) = used_once(&[(1, 100, 100)]);
    stage.state.node_failed(NodeId(0));
    due(&mut stage, f, 10);
    assert!(
        stage.events().contains(&EventKind::PrewarmingSkipped { node: NodeId(0), function: f })
    );
    assert_eq!(stage.memory_used(0), 0);
}

#[test]
fn a_function_with_a_policy_of_its_own_follows_that() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).keeping(0).stage();
    let f = stage.function_keeping(40, Fixed::new(Duration::from_secs(7)));
    let g = stage.function(None, 40, 0);
    for function in [f, g] {
        let id = stage.invoke(function);
        stage.effects();
        stage.body_ended(id);
    }
    let orders = stage.orders();
    assert_eq!(orders, ["ended 1 completed", "stopped 1"]);
    assert_eq!(stage.memory_used(0), 40, "that of the other one is kept");
}
