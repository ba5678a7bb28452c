//! Nodes that join while the platform runs.

use super::*;
use crate::limits::Concurrency;
use crate::scheduler::{
    FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality, MostLoaded, PowerOfTwo,
    RandomPlacement, RoundRobin, WarmFirst, WorkloadBalancing,
};
use crate::{Change, ChangeKinds, Cursor, Membership};

/// A node takes what has waited for it, if it is large enough, whatever functions were registered
/// before.
#[test]
fn nodes_may_join() {
    let random = || RandomStreams::new(7).stream("scheduler");
    let schedulers: [Box<dyn Scheduler>; 12] = [
        Box::new(FcfsFullScan::new()),
        Box::new(RandomPlacement::new(random())),
        Box::new(WorkloadBalancing),
        Box::new(ByNode::new(Fcfs, true)),
        Box::new(ByNode::new(FirstFit, true)),
        Box::new(ByNode::new(RoundRobin::new(), true)),
        Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Running), true)),
        Box::new(ByNode::new(MostLoaded, true)),
        Box::new(ByNode::new(HashAffinity::new(1.25), true)),
        Box::new(ByNode::new(WarmFirst, true)),
        Box::new(ByNode::new(Locality, true)),
        Box::new(ByNode::new(PowerOfTwo::new(random()), true)),
    ];
    for scheduler in schedulers {
        nodes_join(scheduler);
    }
}

fn nodes_join(scheduler: Box<dyn Scheduler>) {
    let setup = Setup::new(Preset::Default, &[(1, 100, 100)]);
    let mut stage = Setup { scheduler: Some(scheduler), ..setup }.stage();
    let (small, large) = (stage.function(None, 10, 0), stage.function(None, 60, 0));
    let [first, second, third] = [small, large, small].map(|function| stage.invoke(function));
    assert!(stage.is_running(first));
    assert!(!stage.is_running(second) && !stage.is_running(third), "the only slot is taken");

    let joins =
        |stage: &mut Stage, index, size| stage.message(|state| state.add_node(node(index, size)));
    let too_small = joins(&mut stage, 1, (5, 50, 100));
    assert!(!stage.state.fits(large, too_small) && stage.state.fits(small, too_small));
    assert!(stage.is_running(third) && !stage.is_running(second));

    let enough = joins(&mut stage, 2, (5, 60, 100));
    assert!(stage.state.fits(large, enough));
    let effects = stage.effects();
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Start { invocation, node, .. } if (invocation.id, *node) == (second, enough)
    )));

    // 100 fit on the first node only, 101 on none.
    let registration = |memory| {
        let limits = Limits::time(Duration::from_secs(60)).memory(memory);
        Registration::new("f".into(), None, limits)
    };
    let most = stage.register(registration(100));
    assert!(stage.state.fits(most, NodeId(0)) && !stage.state.fits(most, enough));
    assert!(stage.state.register(registration(101)).is_err());
    stage.message(|state| state.add_node(node(3, (1, 101, 0))));
    assert!(stage.state.register(registration(101)).is_ok());
}

/// A node that leaves takes nothing new, and has left when its last body has ended and its last
/// move has come to an end; then nothing of it is used. It may join again, without what it had.
#[test]
fn nodes_may_leave_and_join_again() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100), (2, 100, 100)]).stage();
    let image = stage.image("i", 10, 10);
    let (f, g) = (stage.function(Some(image), 10, 10), stage.function(None, 10, 10));
    let mut cursor = Cursor::new(ChangeKinds::NODES | ChangeKinds::CONTAINERS);
    let view = |stage: &Stage, cursor: &mut Cursor| -> Vec<Change> {
        let changes = View::new(&stage.state).changes_since(cursor);
        let kept = |change: &Change| !matches!(change, Change::Node { .. } | Change::Idle { .. });
        changes.into_iter().flatten().filter(kept).collect()
    };
    assert!(View::new(&stage.state).changes_since(&mut cursor).is_none());

    // The first node has a busy container with the image, and an idle one without.
    let busy = stage.invoke(f);
    stage.arrives(0, image);
    assert!(stage.is_running(busy));
    let idle = stage.invoke(g);
    stage.body_ended(idle);
    let node = NodeId(0);
    view(&stage, &mut cursor);
    stage.events();
    stage.message(|state| state.node_leaves(node));
    let why = StopReason::NodeLeaves;
    let changes = view(&stage, &mut cursor);
    assert_eq!(changes[0], Change::Leaving { node });
    let [Change::Stopped { function, why: reason, .. }] = changes[1..] else {
        panic!("the idle container stops: {changes:?}")
    };
    assert_eq!((function, reason), (g, why));
    assert_eq!(View::new(&stage.state).members(), [NodeId(1)]);
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (20, 20));
    // It is on, but nothing new comes; an outage of its host does not bring it back.
    let elsewhere = stage.invoke(g);
    let is_there = |effect: &Effect| {
        let Effect::Start { invocation, node, .. } = effect else { return false };
        (invocation.id, *node) == (elsewhere, NodeId(1))
    };
    assert!(stage.effects().iter().any(is_there));
    stage.node_recovered(0);
    assert_eq!(View::new(&stage.state).free_slots(node), 0);

    stage.body_ended(busy);
    let changes = view(&stage, &mut cursor);
    let [Change::Stopped { why: reason, .. }, Change::NodeLeft { .. }] = changes[..] else {
        panic!("the busy container stops, then the node has left: {changes:?}")
    };
    assert_eq!(reason, why);
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (0, 0));
    let events = stage.events();
    let last = EventKind::NodeLeft { node, slots: Some(2), memory_bytes: 100 };
    assert_eq!(
        events.iter().rev().find(|event| matches!(event, EventKind::NodeLeft { .. })),
        Some(&last)
    );

    // Again, empty. While it is leaving it may stay: here a copy to it is on its way.
    stage.message(|state| state.node_rejoins(node, true));
    assert_eq!(view(&stage, &mut cursor), [Change::Joined { node }]);
    assert_eq!(View::new(&stage.state).members(), [node, NodeId(1)]);
    let again = stage.invoke(f);
    assert!(!stage.is_running(again));
    assert!(View::new(&stage.state).copying(image).contains(node), "the image is gone");
    stage.message(|state| state.node_leaves(node));
    assert_eq!(stage.state.nodes[NodeId(0)].membership, Membership::Leaving);
    stage.message(|state| state.node_rejoins(node, true));
    assert_eq!(view(&stage, &mut cursor), [Change::Leaving { node }, Change::Joined { node }]);
    stage.message(|state| state.node_leaves(node));
    stage.copied(0, image);
    assert_eq!(stage.state.nodes[NodeId(0)].membership, Membership::Left);
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (0, 0));
    assert!(View::new(&stage.state).copying(image).contains(NodeId(1)), "it goes elsewhere");
}

/// What happens while a node leaves is forgotten if it stays: its container is kept.
#[test]
fn a_container_is_kept_if_its_node_stays() {
    let mut stage = Setup::new(Preset::Default, &[(4, 100, 100)]).stage();
    let f = stage.function_with(40, |function| {
        function.concurrency = Concurrency { per_container: 2, ..Concurrency::default() };
    });
    let (first, second) = (stage.invoke(f), stage.invoke(f));
    assert!(stage.is_running(first) && stage.is_running(second));
    let node = NodeId(0);
    stage.message(|state| state.node_leaves(node));
    stage.body_ended(first);
    assert_eq!(stage.state.nodes[node].membership, Membership::Leaving);
    stage.message(|state| state.node_rejoins(node, true));
    stage.events();
    stage.body_ended(second);
    let stopped = |event: &EventKind| matches!(event, EventKind::ContainerStopped { .. });
    assert!(!stage.events().iter().any(stopped), "it is idle");
    assert!(View::new(&stage.state).has_idle(f));
}

/// A host that goes off while it leaves loses its memory, also if it joins again before the ends of
/// its bodies have been handled.
#[test]
fn an_outage_while_a_node_leaves_is_an_outage() {
    let mut stage = Setup::new(Preset::Default, &[(4, 100, 100)]).stage();
    let (used, other) = (stage.image("i", 10, 10), stage.image("j", 10, 10));
    let [f, g] = [used, other].map(|image| stage.function(Some(image), 10, 0));
    let before = stage.invoke(g);
    stage.arrives(0, other);
    stage.body_ended(before);
    let busy = stage.invoke(f);
    stage.arrives(0, used);
    assert!(stage.is_running(busy));
    let node = NodeId(0);
    let mut cursor = Cursor::new(ChangeKinds::CONTAINERS);
    assert!(View::new(&stage.state).changes_since(&mut cursor).is_none());
    stage.message(|state| state.node_leaves(node));
    stage.node_failed(0);
    stage.message(|state| state.node_rejoins(node, true));
    assert!(!View::new(&stage.state).in_memory(other).contains(node), "memory was lost");
    stage.abandon(busy, FailureCause::HostFailed { host: "node0".into() });
    let changes: Vec<Change> =
        View::new(&stage.state).changes_since(&mut cursor).into_iter().flatten().collect();
    let of = |of: FunctionId| {
        changes.iter().find_map(|change| match change {
            Change::Stopped { function, why, .. } if *function == of => Some(*why),
            _ => None,
        })
    };
    assert_eq!((of(g), of(f)), (Some(StopReason::NodeLeaves), Some(StopReason::Lost)));
}

/// Who reads that an invocation has started may ask when it was submitted, however it was placed.
#[test]
fn what_has_started_can_be_asked_about() {
    let mut stage = Setup::new(Preset::Default, &[(4, 100, 100)]).stage();
    let f = stage.function(None, 10, 0);
    let mut cursor = Cursor::new(ChangeKinds::RUNS);
    assert!(View::new(&stage.state).changes_since(&mut cursor).is_none());
    stage.at(7);
    let started = stage.invoke(f);
    let view = View::new(&stage.state);
    assert!(view.changes_since(&mut cursor).is_some_and(|mut changes| changes.next().is_some()));
    assert_eq!(view.submitted_at(started), Some(Time::from_nanos(7_000_000_000)));
    assert_eq!(view.attempt_of(started), Some(1));
    stage.body_ended(started);
    assert_eq!(View::new(&stage.state).submitted_at(started), None);
}
