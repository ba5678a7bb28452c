//! Schedulers that choose a node for each invocation: what each rule is for, in small cases worked
//! out by hand, and what they have in common.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use isotherm_kernel::RandomStreams;
use proptest::prelude::*;

use super::*;
use crate::eviction::{IdleContainer, Missing, NeverEvict, Rank};
use crate::limits::Concurrency;
use crate::scheduler::{
    ByNode, ChooseNode, Fcfs, FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality,
    MostLoaded, Nearness, Nodes, PowerOfTwo, RoundRobin, WarmFirst,
};
use crate::state::{Pending, Registration, View};

const ANY: u32 = 1000;

/// Nodes with this memory and enough slots.
fn nodes_of(memory: &[u64]) -> Vec<(u32, u64, u64)> {
    memory.iter().map(|&memory| (ANY, memory, 1000)).collect()
}

fn stage_of(nodes: &[(u32, u64, u64)], scheduler: impl Scheduler + 'static) -> Stage {
    Setup { scheduler: Some(Box::new(scheduler)), ..Setup::new(Preset::Default, nodes) }.stage()
}

impl Stage {
    /// A function without an image that needs so much memory.
    fn plain(&mut self, memory: u64) -> FunctionId {
        self.function(None, memory, 0)
    }

    /// Where an invocation runs.
    fn node_of(&self, invocation: InvocationId) -> Option<u32> {
        let phase = self.state.invocations.at(self.state.key(invocation))?.phase;
        match phase {
            super::super::Phase::Running(container) => {
                Some(self.state.containers.all[&container].node.0)
            }
            _ => None,
        }
    }

    /// Invokes functions one after the other, and says where each runs.
    fn spread(&mut self, functions: &[FunctionId]) -> Vec<Option<u32>> {
        let mut nodes = Vec::new();
        for &function in functions {
            let id = self.invoke(function);
            nodes.push(self.node_of(id));
        }
        nodes
    }
}

#[test]
fn first_fit_fills_the_first_nodes_and_the_gaps_that_are_left() {
    let mut stage = stage_of(&nodes_of(&[100, 100, 100]), ByNode::new(FirstFit, true));
    let (large, small) = (stage.plain(60), stage.plain(20));
    // 60 of 100 on each; then the gaps of 40, which take two of 20 each, from the first on.
    let nodes = stage.spread(&[large, large, small, small, small, large]);
    assert_eq!(nodes, [Some(0), Some(1), Some(0), Some(0), Some(1), Some(2)]);
}

#[test]
fn most_loaded_keeps_large_gaps_whole() {
    // What needs 40 goes where 40 are left. First fit takes it from the 70, so that what needs 70
    // has to go to the empty node.
    let place = |scheduler: Box<dyn Scheduler>| {
        let nodes = nodes_of(&[70, 40, 100]);
        let mut stage =
            Setup { scheduler: Some(scheduler), ..Setup::new(Preset::Default, &nodes) }.stage();
        let functions = [40, 70].map(|memory| stage.plain(memory));
        stage.spread(&functions)
    };
    assert_eq!(place(Box::new(ByNode::new(MostLoaded, true))), [Some(1), Some(0)]);
    assert_eq!(place(Box::new(ByNode::new(FirstFit, true))), [Some(0), Some(2)]);
}

#[test]
fn most_loaded_takes_the_tightest_of_the_nodes_with_room() {
    let mut stage = stage_of(&nodes_of(&[100, 40, 60]), ByNode::new(MostLoaded, true));
    let (small, middle) = (stage.plain(30), stage.plain(50));
    // 30: of 100, 40 and 60 the tightest is 40, then (100, 10, 60) it is 60, then (100, 10, 30)
    // again, then 100. 50 fits only into what is left: 70.
    let nodes = stage.spread(&[small, small, small, small, middle]);
    assert_eq!(nodes, [Some(1), Some(2), Some(2), Some(0), Some(0)]);
}

#[test]
fn least_loaded_by_memory_and_by_invocations() {
    for (by, expected) in [(LoadMeasure::Memory, 1), (LoadMeasure::Running, 0)] {
        let mut stage = stage_of(&nodes_of(&[100, 100]), ByNode::new(LeastLoaded::by(by), true));
        let (large, small) = (stage.plain(70), stage.plain(10));
        let first = stage.spread(&[large, small]);
        assert_eq!(first, [Some(0), Some(1)]);
        // By memory 30 can be had on node 0 and 90 on node 1. By invocations both run one: the
        // first.
        let third = if by == LoadMeasure::Memory { 1 } else { 0 };
        assert_eq!(stage.spread(&[small]), [Some(third)]);
        // By memory (30, 80): node 1. By invocations node 0 runs two and node 1 one: node 1, after
        // which both run two: node 0.
        assert_eq!(stage.spread(&[small, small]), [Some(1), Some(expected)]);
    }
}

#[test]
fn least_loaded_takes_another_node_where_room_is_missing() {
    let mut stage =
        stage_of(&nodes_of(&[100, 100]), ByNode::new(LeastLoaded::by(LoadMeasure::Running), true));
    let (large, small, middle) = (stage.plain(80), stage.plain(10), stage.plain(50));
    assert_eq!(stage.spread(&[large, small, small, small]), [Some(0), Some(1), Some(0), Some(1)]);
    // Both run two; node 0 comes first, but has 10 left. Node 1 has 80.
    assert_eq!(stage.spread(&[middle]), [Some(1)]);
}

#[test]
fn round_robin_goes_on_where_it_was_and_passes_full_nodes_over() {
    let mut stage = stage_of(
        &[(ANY, 100, 0), (1, 100, 0), (ANY, 100, 0)],
        ByNode::new(RoundRobin::new(), true),
    );
    let f = stage.plain(10);
    assert_eq!(stage.spread(&[f; 6]), [Some(0), Some(1), Some(2), Some(0), Some(2), Some(0)]);
}

#[test]
fn of_two_nodes_both_are_drawn_and_the_less_busy_one_is_taken() {
    let random = RandomStreams::new(3).stream("scheduler");
    let mut stage = stage_of(&nodes_of(&[100, 100]), ByNode::new(PowerOfTwo::new(random), true));
    let f = stage.plain(10);
    let nodes = stage.spread(&[f; 8]);
    let on_first = nodes.iter().filter(|&&node| node == Some(0)).count();
    assert_eq!(on_first, 4, "{nodes:?}");
    assert!(
        nodes.chunks(2).all(|pair| pair[0] != pair[1]),
        "after each pair both run as many: {nodes:?}"
    );
}

#[test]
fn two_choices_are_far_more_even_than_one() {
    // 500 invocations on 500 nodes. With one choice a node would run four or more with probability
    // 0.019 (Poisson with mean 1), so that no node does with probability 0.981^500 = 0.00007. With
    // two choices the share of nodes that run i + 1 or more is about the square of the share that
    // run i or more: at most 1/2, 1/4, 1/16, … of them more than 1, 2, 3, …; four or more are not
    // to be expected at this size.
    let random = RandomStreams::new(3).stream("scheduler");
    let mut stage = stage_of(&nodes_of(&[100; 500]), ByNode::new(PowerOfTwo::new(random), true));
    let f = stage.plain(1);
    for _ in 0..500 {
        stage.state.submit(f);
        stage.state.admit_new(false);
    }
    stage.conclude(Round::Arrival);
    let most = stage.state.nodes.all.iter().map(|node| node.slots_used).max();
    assert!(most.is_some_and(|most| most <= 3), "{most:?}");
}

#[test]
fn hash_affinity_brings_a_function_home() {
    let keep_none =
        Setup { keep: Duration::ZERO, ..Setup::new(Preset::Default, &nodes_of(&[100; 16])) };
    let mut stage = Setup {
        scheduler: Some(Box::new(ByNode::new(HashAffinity::new(2.0), false))),
        ..keep_none
    }
    .stage();
    let functions: Vec<FunctionId> = (0..40).map(|_| stage.plain(10)).collect();
    let mut homes = Vec::new();
    for _ in 0..3 {
        // One at a time, so that nothing is too busy; nothing of the last time is left but the
        // hash.
        for &function in &functions {
            let id = stage.invoke(function);
            homes.push(stage.node_of(id));
            stage.body_ended(id);
        }
    }
    assert_eq!(homes[..40], homes[40..80]);
    assert_eq!(homes[..40], homes[80..]);
    let different: std::collections::BTreeSet<_> = homes.iter().collect();
    assert!(different.len() > 8, "40 functions are at home on many of 16 nodes: {different:?}");
}

#[test]
fn hash_affinity_moves_few_functions_when_a_node_comes() {
    let homes = |nodes: usize| {
        let keep_none = Setup {
            keep: Duration::ZERO,
            ..Setup::new(Preset::Default, &nodes_of(&vec![100; nodes]))
        };
        let scheduler = ByNode::new(HashAffinity::new(1.0), false);
        let mut stage = Setup { scheduler: Some(Box::new(scheduler)), ..keep_none }.stage();
        let functions: Vec<FunctionId> = (0..300).map(|_| stage.plain(10)).collect();
        let home = |function: FunctionId| {
            let id = stage.invoke(function);
            let node = stage.node_of(id);
            stage.body_ended(id);
            node
        };
        functions.into_iter().map(home).collect::<Vec<_>>()
    };
    let (before, after) = (homes(10), homes(11));
    let moved: Vec<_> =
        before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    // The share of the new node is 1/11, about 27 of 300; all that move go there. (Modulo hashing
    // would move ten in eleven.)
    assert!(moved.iter().all(|(_, after)| **after == Some(10)), "{moved:?}");
    assert!((8..60).contains(&moved.len()), "{}", moved.len());
}

#[test]
fn hash_affinity_bounds_the_load() {
    // With a factor of 1 no node may run more than the mean, rounded up: of eight invocations on
    // four nodes, two each.
    let mut stage = stage_of(&nodes_of(&[100; 4]), ByNode::new(HashAffinity::new(1.0), false));
    let f = stage.plain(10);
    let mut nodes = stage.spread(&[f; 8]);
    nodes.sort_unstable();
    assert_eq!(nodes, [0, 0, 1, 1, 2, 2, 3, 3].map(Some));
    // With a factor of 4 the home may run 4 · 2 / 4 = 2 of two, 4 · 3 / 4 = 3 of three, …: all
    // eight are at home.
    let mut stage = stage_of(&nodes_of(&[100; 4]), ByNode::new(HashAffinity::new(4.0), false));
    let f = stage.plain(10);
    let nodes = stage.spread(&[f; 8]);
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
}

/// Where an image is put on three nodes: nowhere on node 0, on the disk of node 1, in the memory of
/// node 2.
fn near_and_far(prefer_warm: bool) -> (Stage, ImageId, FunctionId) {
    let mut stage = stage_of(
        &[(2, 100, 100), (2, 100, 100), (1, 100, 100)],
        ByNode::new(Locality, prefer_warm),
    );
    let (image, f) = stage.image_and_function("i", [10, 10], [20, 5]);
    stage.put(1, image, false);
    stage.put(2, image, true);
    (stage, image, f)
}

#[test]
fn locality_goes_where_the_image_is_nearest() {
    let (mut stage, image, f) = near_and_far(false);
    let first = stage.invoke(f);
    stage.downloaded(image);
    assert_eq!(stage.node_of(first), Some(2));
    // The slot of node 2 is taken. Node 1 has the image on disk: it is loaded, for the next two.
    stage.effects();
    let second = stage.invoke(f);
    stage.invoke(f);
    assert_eq!(stage.orders(), ["load 0 on 1"]);
    // Only node 0 is left.
    stage.invoke(f);
    assert_eq!(stage.orders(), ["copy 0 to 0"]);
    stage.loaded(1, image);
    assert_eq!(stage.node_of(second), Some(1));
}

#[test]
fn fcfs_takes_the_first_of_the_nearest_nodes_that_have_room() {
    // 100 bytes of memory; the image takes 10, a container 40. Nodes 2 and 3 have it in memory,
    // node 1 on disk, node 0 not at all.
    let mut stage = stage_of(&[(4, 100, 100); 4], ByNode::new(Fcfs, true));
    let (image, f) = stage.image_and_function("i", [10, 10], [40, 5]);
    stage.put(1, image, false);
    stage.put(2, image, true);
    stage.put(3, image, true);
    let first = stage.invoke(f);
    stage.downloaded(image);
    assert_eq!(stage.node_of(first), Some(2));
    // 10 + 40 + 40 fit on each, and no more.
    assert_eq!(stage.spread(&[f; 3]), [Some(2), Some(3), Some(3)]);
    stage.orders();
    // Two wait for a load on node 1, the third for a copy to node 0.
    assert_eq!(stage.spread(&[f; 2]), [None; 2]);
    assert_eq!(stage.orders(), ["load 0 on 1"]);
    assert_eq!(stage.spread(&[f]), [None]);
    assert_eq!(stage.orders(), ["copy 0 to 0"]);
}

#[test]
fn a_later_decision_of_a_round_sees_the_image_in_transit() {
    let mut stage = stage_of(&[(2, 100, 100); 3], ByNode::new(WarmFirst, true));
    let (image, f) = stage.image_and_function("i", [10, 10], [20, 5]);
    let all: Vec<InvocationId> = (0..3).map(|_| stage.invoke(f)).collect();
    assert_eq!(stage.orders(), ["download 0"]);
    // All three are admitted at once. Node 0 has slots for two of them, to which one copy goes; the
    // third one needs another node.
    stage.downloaded(image);
    assert_eq!(stage.orders(), ["copy 0 to 0", "copy 0 to 1"]);
    for node in [0, 1] {
        stage.copied(node, image);
        stage.loaded(node, image);
    }
    assert_eq!(
        all.iter().map(|&id| stage.node_of(id)).collect::<Vec<_>>(),
        [Some(0), Some(0), Some(1)]
    );
}

/// Three nodes of 100 bytes. Node 0 has nothing of the image, node 1 has it on disk, node 2 in
/// memory, together with an idle container of 80 bytes.
fn full_where_it_is_near(scheduler: impl Scheduler + 'static) -> (Stage, FunctionId, InvocationId) {
    let mut stage = stage_of(&[(2, 100, 100); 3], scheduler);
    let image = stage.image("i", 10, 10);
    let (f, other) = (stage.function(Some(image), 20, 5), stage.plain(80));
    stage.put(1, image, false);
    stage.put(2, image, true);
    let container = stage.state.start_container(NodeId(2), other).expect("room");
    stage.container_is_idle(container);
    let first = stage.invoke(f);
    stage.orders();
    (stage, f, first)
}

#[test]
fn warm_first_goes_where_the_image_is_nearest_of_what_has_room() {
    let (mut stage, ..) = full_where_it_is_near(ByNode::new(WarmFirst, true));
    // 10 bytes are free beside the image and the idle container of node 2: not enough for 20. Node
    // 1 is next.
    stage.downloaded(ImageId(0));
    assert_eq!(stage.orders(), ["load 0 on 1"]);
    // Locality stops the idle container on node 2.
    let (mut stage, ..) = full_where_it_is_near(ByNode::new(Locality, false));
    stage.downloaded(ImageId(0));
    let orders = stage.orders();
    assert!(
        orders.contains(&"stopped 0".to_owned())
            && orders.iter().any(|order| order.contains("on 2")),
        "{orders:?}"
    );
}

#[test]
fn warm_first_stops_idle_containers_where_the_image_is_nearest_if_there_is_no_room() {
    let (mut stage, f, first) = full_where_it_is_near(ByNode::new(WarmFirst, true));
    stage.downloaded(ImageId(0));
    stage.orders();
    // Nodes 0 and 1 are filled up with what runs. (On node 1 are 10 of the image and 20 that are
    // kept for the first.)
    let (eighty, seventy) = (stage.plain(100), stage.plain(70));
    assert_eq!(stage.spread(&[eighty, seventy]), [Some(0), Some(1)]);
    // Idle ones have to go, and are only on node 2, which has the image. Who has waited for longest
    // is started there.
    assert_eq!((stage.spread(&[f]), stage.node_of(first)), (vec![None], Some(2)));
}

#[test]
fn functions_that_share_an_image_do_not_stop_each_others_containers_while_there_is_room() {
    // Four functions of 40 bytes share an image of 10 in memory; each is used once, and kept. A
    // node has room for two of them.
    let kept = |scheduler: Box<dyn Scheduler>| {
        let nodes = [(2, 100, 100); 2];
        let mut stage =
            Setup { scheduler: Some(scheduler), ..Setup::new(Preset::Default, &nodes) }.stage();
        let image = stage.image("i", 10, 10);
        for second in 0..4 {
            stage.at(second);
            let f = stage.function(Some(image), 40, 5);
            let id = stage.invoke(f);
            loop {
                let orders = stage.effects();
                let Some(order) = orders
                    .into_iter()
                    .find(|order| matches!(order, Effect::Download { .. } | Effect::Move { .. }))
                else {
                    break;
                };
                match order {
                    Effect::Download { image } => stage.downloaded(image),
                    Effect::Move { step, node, image } => stage.moved(step, node.0, image),
                    _ => {}
                }
            }
            stage.body_ended(id);
        }
        stage.state.containers.all.len()
    };
    assert_eq!(kept(Box::new(ByNode::new(WarmFirst, true))), 4);
    assert_eq!(
        kept(Box::new(ByNode::new(Locality, false))),
        2,
        "all of them go where the image came first"
    );
}

#[test]
fn an_idle_container_serves_wherever_it_is_if_that_is_wanted() {
    // The containers are created on nodes 2, 1 and 0, in this order, and end in the order of nodes
    // 1, 2, 0.
    let play = |reuse: ContainerReuse, prefer_warm: bool| {
        let scheduler: Box<dyn Scheduler> = Box::new(ByNode::new(FirstFit, prefer_warm));
        let nodes = nodes_of(&[100, 100, 100]);
        let mut stage =
            Setup { scheduler: Some(scheduler), reuse, ..Setup::new(Preset::Default, &nodes) }
                .stage();
        let f = stage.plain(10);
        let containers =
            [2, 1, 0].map(|node| stage.state.start_container(NodeId(node), f).expect("room"));
        for (second, container) in
            [containers[1], containers[0], containers[2]].into_iter().enumerate()
        {
            stage.at(second as u64);
            stage.container_is_idle(container);
        }
        stage.spread(&[f])[0]
    };
    // Over all nodes: created first on node 2 and last on node 0; idle for longest on node 1 and
    // shortest on node 0.
    assert_eq!(play(ContainerReuse::Oldest, true), Some(2));
    assert_eq!(play(ContainerReuse::Newest, true), Some(0));
    assert_eq!(play(ContainerReuse::LeastRecentlyUsed, true), Some(1));
    assert_eq!(play(ContainerReuse::MostRecentlyUsed, true), Some(0));
    // Else the rule is asked first.
    assert_eq!(play(ContainerReuse::Oldest, false), Some(0));
}

/// A rule that does not look at containers sees the same obtainable room on both nodes, wherever
/// containers are idle. Affinity counts a container of its own as room.
#[test]
fn without_prefer_warm_idle_containers_make_no_difference() {
    type Build = fn() -> Box<dyn Scheduler>;
    let rules: [(Build, u32); 6] = [
        (|| Box::new(ByNode::new(FirstFit, false)), 0),
        (|| Box::new(ByNode::new(RoundRobin::new(), false)), 0),
        (|| Box::new(ByNode::new(MostLoaded, false)), 0),
        (|| Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Memory), false)), 0),
        (|| Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Running), false)), 0),
        (|| Box::new(ByNode::new(HashAffinity::new(10.0), false)), 1),
    ];
    for (rule, (build, expected)) in rules.into_iter().enumerate() {
        for other in [50, 70] {
            let nodes = nodes_of(&[100, 100]);
            let mut stage =
                Setup { scheduler: Some(build()), ..Setup::new(Preset::Default, &nodes) }.stage();
            let [wanted, other] = [60, other].map(|memory| stage.plain(memory));
            // Idle on node 0 is one of another function, on node 1 one that is wanted: there is no
            // memory for another of 60 on either.
            for (node, function) in [(0, other), (1, wanted)] {
                let container = stage.state.start_container(NodeId(node), function).expect("room");
                stage.container_is_idle(container);
            }
            assert_eq!(stage.spread(&[wanted]), [Some(expected)], "rule {rule}");
            // Either the other one had to go, or none was started.
            assert_eq!(stage.state.containers.all.len(), 2, "rule {rule}");
        }
    }
}

#[test]
fn an_idle_container_on_a_node_without_a_free_slot_does_not_serve() {
    let mut stage = stage_of(&[(1, 100, 0), (1, 100, 0)], ByNode::new(FirstFit, true));
    let (f, g) = (stage.plain(10), stage.plain(10));
    stage.serve(f);
    // g takes the slot of node 0, where the container of f is idle.
    assert_eq!(stage.spread(&[g, f]), [Some(0), Some(1)]);
}

#[test]
fn a_blocked_invocation_is_overtaken_and_comes_first_when_there_is_room() {
    let mut stage = stage_of(&nodes_of(&[100]), ByNode::new(FirstFit, true));
    let (large, small, middle) = (stage.plain(90), stage.plain(10), stage.plain(50));
    let first = stage.invoke(middle);
    let waiting = [stage.invoke(large), stage.invoke(large), stage.invoke(middle)];
    // 50 are left, so small ones start, and one of middle size.
    assert_eq!(waiting.map(|id| stage.node_of(id)), [None, None, Some(0)]);
    let (second, late) = (stage.invoke(middle), stage.invoke(small));
    assert_eq!((stage.node_of(second), stage.node_of(late)), (None, None));
    // The first middle one ends: its container serves the one that waits, though a large one has
    // waited for longer, for it does not fit. The 0 that are left are not enough for a small one.
    stage.body_ended(first);
    assert_eq!((stage.node_of(second), stage.node_of(late)), (Some(0), None));
    // Another one ends: 50 can be had, for the small one.
    stage.body_ended(waiting[2]);
    assert_eq!((stage.node_of(late), stage.node_of(waiting[0])), (Some(0), None));
    // When all but the small one have ended, 90 can be had in place of idle containers: the large
    // one that came first.
    stage.body_ended(second);
    assert_eq!((stage.node_of(waiting[0]), stage.node_of(waiting[1])), (Some(0), None));
}

#[test]
fn without_eviction_idle_containers_hold_their_room() {
    let nodes = nodes_of(&[100]);
    let scheduler: Box<dyn Scheduler> = Box::new(ByNode::new(FirstFit, true));
    let setup = Setup {
        scheduler: Some(scheduler),
        eviction: Box::new(NeverEvict),
        ..Setup::new(Preset::Default, &nodes)
    };
    let mut stage = setup.stage();
    let (f, g) = (stage.plain(60), stage.plain(50));
    let first = stage.invoke(f);
    let waiting = [stage.invoke(g), stage.invoke(f)];
    stage.body_ended(first);
    // 60 of 100 are idle: not enough is left for g, which came first, but the container serves the
    // other one.
    assert_eq!(waiting.map(|id| stage.node_of(id)), [None, Some(0)]);
    stage.body_ended(waiting[1]);
    assert_eq!(stage.node_of(waiting[0]), None);
    // Its keep-alive ends.
    let container = stage.state.idle_on(NodeId(0)).first().copied().expect("an idle container");
    stage.message(|state| state.stop_container(container, StopReason::NotKept));
    assert_eq!(stage.node_of(waiting[0]), Some(0));
}

/// Chooses no node, and notes which ones it could.
#[derive(Clone, Default)]
struct Notes(Rc<RefCell<Vec<String>>>);

impl ChooseNode for Notes {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let places = (0..nodes.count() as u32).map(NodeId);
        let places: Vec<u32> =
            places.filter(|&node| nodes.has_place(function, node)).map(|node| node.0).collect();
        let found = [
            nodes.first_with_place(function, NodeId(0)),
            nodes.next_with_place(function, NodeId(0)),
            nodes.roomiest(function),
            nodes.tightest(function),
            nodes.least_running(function),
            nodes.all_with_place(function).next(),
            nodes.nearest(function),
            nodes.first_nearest(function),
        ];
        let found: BTreeSet<Option<u32>> =
            found.iter().map(|node| node.map(|node| node.0)).collect();
        self.0.borrow_mut().push(format!("{places:?} {} {found:?}", nodes.any_has_place(function)));
        None
    }
}

#[test]
fn a_node_whose_only_place_is_an_idle_container_is_left_out() {
    let notes = Notes::default();
    let scheduler: Box<dyn Scheduler> = Box::new(ByNode::new(notes.clone(), false));
    let setup = Setup {
        scheduler: Some(scheduler),
        eviction: Box::new(NeverEvict),
        ..Setup::new(Preset::Default, &nodes_of(&[70, 100]))
    };
    let mut stage = setup.stage();
    let (f, g) = (stage.plain(60), stage.plain(80));
    for (node, function) in [(0, f), (1, g)] {
        let container = stage.state.start_container(NodeId(node), function).unwrap();
        stage.container_is_idle(container);
    }
    // 10 and 20 bytes are free beside the idle containers.
    let both = [f, g].map(|function| stage.invoke(function));
    assert_eq!(both.map(|id| stage.node_of(id)), [Some(0), Some(1)], "they serve nevertheless");
    assert_eq!(*notes.0.borrow(), ["[0] true {None}", "[1] true {None}"]);
}

#[test]
fn a_place_is_reserved_while_the_image_is_in_transit() {
    // By invocations, both nodes are equal, so the first goes to node 0, to which the image is
    // copied; the second, which sees the first's place, to node 1.
    let mut stage = stage_of(
        &[(1, 100, 100), (2, 100, 100)],
        ByNode::new(LeastLoaded::by(LoadMeasure::Running), true),
    );
    let (image, f) = stage.image_and_function("i", [10, 10], [20, 5]);
    let g = stage.plain(20);
    let all = [stage.invoke(f), stage.invoke(f)];
    stage.downloaded(image);
    assert_eq!(stage.orders(), ["download 0", "copy 0 to 0", "copy 0 to 1"]);
    // The one slot of node 0 is reserved, and one of two on node 1: g goes there, and another one
    // waits.
    let g = [stage.invoke(g), stage.invoke(g)];
    assert_eq!(g.map(|id| stage.node_of(id)), [Some(1), None]);
    // Nothing is decided anew: the image arrives, is loaded, and the first that came starts where
    // it comes first.
    stage.copied(1, image);
    stage.orders();
    stage.loaded(1, image);
    assert_eq!(all.map(|id| stage.node_of(id)), [Some(1), None]);
    stage.copied(0, image);
    stage.loaded(0, image);
    assert_eq!(all.map(|id| stage.node_of(id)), [Some(1), Some(0)]);
}

#[test]
fn a_place_is_kept_while_an_interrupted_copy_waits_for_its_next_try() {
    let mut stage = stage_of(&[(3, 100, 100)], ByNode::new(FirstFit, true));
    let (image, f) = stage.image_and_function("i", [10, 10], [20, 5]);
    let (large, small) = (stage.plain(80), stage.plain(60));
    let first = stage.invoke(f);
    stage.downloaded(image);
    stage.copy_failed(0, image, FailureCause::Cancelled);
    assert_eq!(stage.orders(), ["download 0", "copy 0 to 0", "retry after 1"]);
    // Of 100, the container and its image keep 30.
    let others = [stage.invoke(large), stage.invoke(small)];
    assert_eq!(others.map(|id| stage.node_of(id)), [None, Some(0)]);
    stage.orders();
    stage.at(1);
    stage.state.retry_due();
    stage.conclude(Round::Yes);
    assert_eq!(stage.orders(), ["copy 0 to 0"]);
    stage.copied(0, image);
    stage.loaded(0, image);
    assert_eq!(stage.node_of(first), Some(0));
    // Then what waits for more room gets its turn.
    stage.body_ended(first);
    stage.body_ended(others[1]);
    assert_eq!(stage.node_of(others[0]), Some(0));
}

#[test]
fn an_idle_container_serves_an_invocation_with_a_reservation_elsewhere() {
    let mut stage = stage_of(&[(1, 100, 100); 2], ByNode::new(FirstFit, true));
    let (image, f) = stage.image_and_function("i", [10, 10], [20, 5]);
    let first = stage.invoke(f);
    stage.arrives(0, image);
    assert_eq!(stage.node_of(first), Some(0));
    let second = stage.invoke(f);
    assert!(stage.orders().contains(&"copy 0 to 1".to_owned()));
    // The container of the first is idle before the image has come to node 1.
    stage.body_ended(first);
    assert_eq!(stage.node_of(second), Some(0));
    // No invocation waits for the image any more, so nothing follows its arrival.
    stage.orders();
    stage.copied(1, image);
    assert_eq!(stage.orders(), Vec::<String>::new());
}

#[test]
fn a_reservation_on_a_node_that_fails_is_given_up() {
    let mut stage = stage_of(&[(1, 100, 100); 2], ByNode::new(FirstFit, true));
    let (image, f) = stage.image_and_function("i", [10, 10], [20, 5]);
    stage.invoke(f);
    stage.downloaded(image);
    assert_eq!(stage.orders(), ["download 0", "copy 0 to 0"]);
    stage.node_failed(0);
    assert_eq!(stage.orders(), ["copy 0 to 1"]);
}

#[test]
fn a_cancelled_invocation_gives_its_reservation_up() {
    let mut stage = stage_of(&[(1, 100, 100)], ByNode::new(FirstFit, true));
    let image = stage.image("i", 10, 10);
    let (f, g) = (stage.function(Some(image), 20, 5), stage.plain(20));
    let first = stage.invoke(f);
    stage.downloaded(image);
    let second = stage.invoke(g);
    assert_eq!(stage.node_of(second), None, "the slot is reserved");
    stage.message(|state| state.cancel_id(first, FailureCause::Cancelled));
    assert_eq!(stage.node_of(second), Some(0));
}

/// A rule that names nodes that are not there or have no place.
struct Nonsense(u32);

impl ChooseNode for Nonsense {
    fn choose(&mut self, _: &crate::scheduler::Nodes<'_>, _: FunctionId) -> Option<NodeId> {
        self.0 += 1;
        Some(NodeId(self.0 % 4))
    }
}

#[test]
fn a_rule_may_be_wrong() {
    let mut stage = stage_of(&nodes_of(&[100, 15]), ByNode::new(Nonsense(0), true));
    let f = stage.plain(20);
    // Node 1 is too small, nodes 2 and 3 do not exist. It is asked again when something comes or
    // ends.
    assert_eq!(stage.spread(&[f; 4]), [None, None, None, None]);
    assert_eq!(stage.state.queues.pending.len(), 4);
    stage.conclude(Round::Yes);
    assert_eq!(stage.state.queues.pending.len(), 4, "the rule names node 2");
    for _ in 0..4 {
        stage.conclude(Round::Yes);
    }
    assert!(stage.state.queues.pending.len() < 4, "the rule has named node 0");
}

/// Two schedulers that take turns, so that each misses most rounds.
struct InTurn {
    schedulers: [Box<dyn Scheduler>; 2],
    rounds: usize,
}

impl Scheduler for InTurn {
    fn round(&mut self, view: &View<'_>, plan: &mut crate::scheduler::Plan) {
        self.rounds += 1;
        self.schedulers[self.rounds / 3 % 2].round(view, plan);
    }
}

fn rule(number: u8) -> Box<dyn Scheduler> {
    let random = || RandomStreams::new(5).stream("scheduler");
    match number {
        0 => Box::new(ByNode::new(FirstFit, true)),
        1 => Box::new(ByNode::new(FirstFit, false)),
        2 => Box::new(ByNode::new(RoundRobin::new(), true)),
        3 => Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Memory), true)),
        4 => Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Running), false)),
        5 => Box::new(ByNode::new(MostLoaded, true)),
        6 => Box::new(ByNode::new(HashAffinity::new(1.25), false)),
        7 => Box::new(ByNode::new(WarmFirst, true)),
        8 => Box::new(ByNode::new(Fcfs, true)),
        9 => Box::new(ByNode::new(Locality, false)),
        10 => Box::new(InTurn { schedulers: [rule(0), rule(7)], rounds: 0 }),
        _ => Box::new(ByNode::new(PowerOfTwo::new(random()), true)),
    }
}

/// Evicts the longest idle, and looks at everything when it is called: indexes that are made when
/// they are first asked for are made within changes then.
struct LooksAtAll;

impl LooksAtAll {
    fn look(view: &View<'_>, idle: Option<ContainerId>) {
        let (functions, nodes) = (view.functions() as u32, view.nodes() as u32);
        for function in (0..functions).map(FunctionId) {
            let listed = (0..nodes).map(NodeId).map(|node| {
                let containers: Vec<ContainerId> = view.idle(function, node).collect();
                assert_eq!(containers.len(), view.idle_count(function, node));
                assert_eq!(containers.is_empty(), !view.with_idle(function).contains(node));
                assert!(containers.iter().all(|id| view.is_idle(*id) && Some(*id) != idle));
                containers.len()
            });
            let idle = view.container(idle.unwrap_or(ContainerId(u64::MAX)));
            let more = u32::from(idle.is_some_and(|idle| idle.function == function));
            let all = listed.sum::<usize>() as u32 + view.running_of(function) + more;
            assert!(view.containers_of(function) >= all, "containers serve one at a time");
            assert_eq!(view.pending_of(function).count(), view.pending_count(function));
        }
        for node in (0..nodes).map(NodeId) {
            assert!(view.spare(node).fits_into(view.obtainable(node)));
            assert!(view.obtainable(node).fits_into(view.capacity(node)));
        }
    }
}

impl ContainerEviction for LooksAtAll {
    fn rank(&mut self, view: &View<'_>, idle: &IdleContainer) -> Rank {
        LooksAtAll::look(view, Some(idle.id));
        Rank::default()
    }

    fn choose(
        &self,
        view: &View<'_>,
        idle: &mut dyn Iterator<Item = IdleContainer>,
        missing: Missing,
    ) -> Option<Vec<ContainerId>> {
        LooksAtAll::look(view, None);
        LeastRecentlyUsed.choose(view, idle, missing)
    }
}

/// A platform with images, to which things happen that are drawn.
struct Played {
    stage: Stage,
    functions: Vec<FunctionId>,
    /// Copies, loads and downloads that are going on.
    moving: Vec<Effect>,
    off: std::collections::BTreeSet<NodeId>,
}

impl Played {
    fn new(
        scheduler: Box<dyn Scheduler>,
        nodes: &[(u32, u64, u64)],
        functions: &[(u64, u64, usize)],
    ) -> Self {
        let (scheduler, eviction) = (Some(scheduler), Box::new(LooksAtAll));
        let mut stage = Setup { scheduler, eviction, ..Setup::new(Preset::Default, nodes) }.stage();
        let images = [("a", 10, 10), ("b", 20, 15), ("c", 5, 30)]
            .map(|(name, disk, memory)| stage.image(name, disk, memory));
        let register = |&(memory, disk, image): &(u64, u64, usize)| {
            let limits = Limits::time(Duration::from_secs(60)).memory(memory).disk(disk);
            stage
                .state
                .register(Registration::new("f".into(), images.get(image).copied(), limits))
                .ok()
        };
        let functions = functions.iter().filter_map(register).collect();
        Played { stage, functions, moving: Vec::new(), off: std::collections::BTreeSet::new() }
    }

    /// One thing happens; gives what the service is told to do.
    fn step(&mut self, second: u64, action: u8, which: usize) -> Vec<String> {
        let stage = &mut self.stage;
        stage.at(second);
        // What was broken off is due at a full second, and the service is told so.
        stage.state.retry_due();
        let node = NodeId((which % stage.state.nodes.all.len()) as u32);
        match action {
            0..=3 if !self.functions.is_empty() => {
                _ = stage.invoke(self.functions[which % self.functions.len()])
            }
            4 | 5 => {
                let running = stage.state.running_ids();
                if !running.is_empty() {
                    stage.body_ended(running[which % running.len()]);
                }
            }
            6 => {
                let pending = stage.state.queues.pending.iter().nth(which % 4);
                let waiting = pending.map(|pending| pending.invocation);
                if let Some(waiting) = waiting {
                    stage.message(|state| state.cancel_id(waiting, FailureCause::Cancelled));
                }
            }
            7..=12 if !self.moving.is_empty() => {
                let result =
                    if which.is_multiple_of(7) { Err(FailureCause::Cancelled) } else { Ok(()) };
                match self.moving.swap_remove(which % self.moving.len()) {
                    Effect::Download { image } => stage.state.download_ended(image, Ok(())),
                    Effect::Move { step, node, image } => {
                        stage.state.move_ended(step, node, image, result);
                    }
                    _ => {}
                }
                stage.conclude(Round::Yes);
            }
            13 if self.off.remove(&node) => {
                stage.message(|state| state.node_recovered(node));
            }
            13 if which.is_multiple_of(3) => {
                self.off.insert(node);
                stage.state.node_failed(node);
                for id in stage.state.running_ids() {
                    if stage.node_of(id) == Some(node.0) {
                        stage.abandon(id, FailureCause::Cancelled);
                    }
                }
                stage.conclude(Round::Yes);
            }
            14 => stage.conclude(Round::Yes),
            _ => {}
        }
        let is_move =
            |effect: &&Effect| matches!(effect, Effect::Download { .. } | Effect::Move { .. });
        self.moving.extend(stage.effects.iter().filter(is_move).cloned());
        stage.orders()
    }
}

fn looking_everywhere(number: u8) -> Box<dyn Scheduler> {
    match number {
        0 => Box::new(ByNode::new(FirstFit, true).looking_everywhere()),
        1 => Box::new(ByNode::new(FirstFit, false).looking_everywhere()),
        _ => Box::new(ByNode::new(WarmFirst, true).looking_everywhere()),
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(2_500))]

    /// Places that wait for images are looked at only when something has happened on their nodes.
    /// That is as good as to look at all of them whenever anything has happened.
    #[test]
    fn places_are_kept_as_if_all_of_them_were_looked_at(
        number in 0u8..3,
        nodes in prop::collection::vec((1u32..4, 40u64..120, 30u64..80), 1..5),
        functions in prop::collection::vec((5u64..60, 0u64..20, 0usize..4), 1..6),
        steps in prop::collection::vec((0u8..15, 0usize..50), 1..150),
    ) {
        let plain = rule(if number == 2 { 7 } else { number });
        let mut played = Played::new(plain, &nodes, &functions);
        let mut expected = Played::new(looking_everywhere(number), &nodes, &functions);
        for (step, (action, which)) in steps.into_iter().enumerate() {
            let (orders, all) = (played.step(step as u64, action, which), expected.step(step as u64, action, which));
            prop_assert_eq!(orders, all, "at step {}", step);
        }
    }
}

/// A rule that holds the searches by nearness to what a search through all nodes finds.
struct HeldToAScan(usize);

impl ChooseNode for HeldToAScan {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        let view = nodes.view();
        let image = view.image_of(function)?;
        let sets =
            [view.in_memory(image), view.loading(image), view.on_disk(image), view.copying(image)];
        let rank = |node: NodeId| sets.iter().position(|set| set.contains(node)).unwrap_or(4);
        let spare = |node: &NodeId| (nodes.spare_memory(*node), Reverse(*node));
        let all = || (0..nodes.count() as u32).map(NodeId);
        // Room that is claimed for an image on its way counts as taken for all.
        let need = |node| {
            let image = if rank(node) < 2 { 0 } else { view.image_memory(image) };
            view.need_of(function).memory_bytes + image
        };
        let with_room = || {
            all().filter(|&node| {
                nodes.has_spare_room(function, node) && nodes.spare_memory(node) >= need(node)
            })
        };
        let mut chosen = vec![nodes.nearest(function), nodes.first_nearest(function)];
        if let Some(best) = with_room().map(rank).min() {
            let nearest = || with_room().filter(|&node| rank(node) == best);
            assert_eq!(chosen, [nearest().max_by_key(spare), nearest().next()]);
        }
        for nearness in Nearness::ALL {
            let has_idle = |&node: &NodeId| {
                view.has_idle_on(function, node) && nodes.has_place(function, node)
            };
            let spares = all().filter(has_idle).chain(with_room());
            let expected = spares.filter(|&node| rank(node) == nearness as usize).max_by_key(spare);
            let roomiest = nodes.roomiest_near(function, nearness);
            if expected.is_some() {
                assert_eq!(roomiest, expected, "{nearness:?}");
            }
            chosen.push(roomiest);
        }
        for node in chosen.iter().flatten() {
            assert!(nodes.has_place(function, *node));
        }
        self.0 += 1;
        let mut chosen = chosen.into_iter().flatten();
        chosen.clone().nth(self.0 % 6).or_else(|| chosen.next())
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    /// Whatever has happened, and wherever images are.
    #[test]
    fn what_is_nearest_is_found_without_looking_at_all_nodes(
        prefer_warm: bool,
        nodes in prop::collection::vec((1u32..4, 20u64..130, 20u64..100), 1..8),
        functions in prop::collection::vec((5u64..60, 0u64..30, 0usize..4), 1..6),
        steps in prop::collection::vec((0u8..15, 0usize..50), 1..150),
    ) {
        let scheduler = Box::new(ByNode::new(HeldToAScan(0), prefer_warm));
        let mut played = Played::new(scheduler, &nodes, &functions);
        for (step, (action, which)) in steps.into_iter().enumerate() {
            played.step(step as u64, action, which);
        }
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(5_000))]

    /// After every message no invocation is pending that any node has a place for. The rounds use
    /// the index of blocked functions, the trees and the nodes that have changed; here everything
    /// is looked at.
    #[test]
    fn no_invocation_waits_if_a_node_has_a_place_for_it(
        number in 0u8..12,
        evicts: bool,
        nodes in prop::collection::vec((1u32..4, 20u64..100, 10u64..60), 1..6),
        functions in prop::collection::vec((5u64..60, 0u64..30, 1u32..4), 1..6),
        steps in prop::collection::vec((0u8..8, 0usize..50), 1..150),
    ) {
        let eviction: Box<dyn ContainerEviction> =
            if evicts { Box::new(LeastRecentlyUsed) } else { Box::new(NeverEvict) };
        let setup = Setup { scheduler: Some(rule(number)), eviction, ..Setup::new(Preset::Default, &nodes) };
        let mut stage = setup.stage();
        let register = |&(memory, disk, per_container): &(u64, u64, u32)| {
            let limits = Limits::time(Duration::from_secs(60)).memory(memory).disk(disk);
            let concurrency = Concurrency { per_container, ..Concurrency::default() };
            stage.state.register(Registration { concurrency, ..Registration::new("f".into(), None, limits) }).ok()
        };
        let functions: Vec<FunctionId> = functions.iter().filter_map(register).collect();
        prop_assume!(!functions.is_empty());
        let mut off = std::collections::BTreeSet::new();
        for (step, (action, which)) in steps.into_iter().enumerate() {
            stage.at(step as u64);
            let node = NodeId((which % nodes.len()) as u32);
            match action {
                0..=3 => {
                    stage.invoke(functions[which % functions.len()]);
                }
                4 | 5 => {
                    let running = stage.state.running_ids();
                    if !running.is_empty() {
                        stage.body_ended(running[which % running.len()]);
                    }
                }
                6 => {
                    let first = stage.state.queues.pending.iter().nth(which);
                    if let Some(Pending { invocation: first, .. }) = first {
                        stage.message(|state| state.cancel_id(first, FailureCause::Cancelled));
                    }
                }
                _ if off.remove(&node) => {
                    stage.message(|state| state.node_recovered(node));
                }
                _ if which % 4 == 0 => {
                    off.insert(node);
                    stage.state.node_failed(node);
                    for id in stage.state.running_ids() {
                        if stage.node_of(id) == Some(node.0) {
                            stage.abandon(id, FailureCause::Cancelled);
                        }
                    }
                    stage.conclude(Round::Yes);
                }
                _ => {}
            }
            let view = View::new(&stage.state);
            for pending in view.pending() {
                let free = |node: &NodeId| view.free_slots(*node) > 0;
                let function = pending.function;
                let place = (0..nodes.len() as u32).map(NodeId).filter(free).find(|&node| {
                    view.idle_count(function, node) > 0
                        || view.fits(function, node) && view.has_room(function, node, Default::default())
                });
                prop_assert_eq!(place, None, "{} could run after step {}", function, step);
            }
        }
    }
}
