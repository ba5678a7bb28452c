//! Decisions of the schedulers, worked out by hand.

use isotherm_kernel::RandomStreams;

use super::*;
use crate::scheduler::{Dispatch, Placement, Plan, RandomPlacement, WorkloadBalancing};
use crate::state::tier::InTier;
use crate::state::{Pending, View};

impl Stage {
    /// Puts an image on a node's disk, and into its memory.
    pub(super) fn put(&mut self, node: u32, image: ImageId, in_memory: bool) {
        for step in [Move::Copy, Move::Load].into_iter().take(1 + usize::from(in_memory)) {
            let entry = &mut self.state.images[image];
            let state = &mut self.state.nodes[NodeId(node)];
            let begun = state.tier(step).begin(image, entry, entry.bytes_of(step), self.state.now);
            let (mut at, _) = begun.expect("room for the image");
            state.tier(step).arrived(&mut at, self.state.now);
            *state.image_mut(image).at(step) = at;
            entry.places(step).0.insert(NodeId(node));
        }
    }

    fn is_being_copied(&mut self, node: u32, image: ImageId) {
        self.state.nodes[NodeId(node)].image_mut(image).disk = InTier::Refused;
        self.state.images[image].copying.insert(NodeId(node));
    }

    fn is_being_loaded(&mut self, node: u32, image: ImageId) {
        self.state.nodes[NodeId(node)].image_mut(image).memory = InTier::Refused;
        self.state.images[image].loading.insert(NodeId(node));
    }

    /// An idle container of a function.
    fn idle(&mut self, node: u32, function: FunctionId) -> ContainerId {
        let id =
            self.state.start_container(NodeId(node), function).expect("room for the container");
        self.container_is_idle(id);
        id
    }

    /// Invocations that are schedulable, and no round. Their images are taken to be on the head
    /// disk.
    fn pending(&mut self, functions: &[FunctionId]) -> Vec<InvocationId> {
        let submit = |function: &FunctionId| {
            let key = self.state.submit(*function).key();
            self.state.queues.new.retain(|&(new, _)| new != key);
            self.state.make_schedulable(key);
            key.id
        };
        functions.iter().map(submit).collect()
    }

    fn plan(&self, scheduler: &mut dyn Scheduler) -> Plan {
        let mut plan = Plan::default();
        scheduler.round(&View::new(&self.state), &mut plan);
        plan
    }
}

fn dispatch(invocation: InvocationId, node: u32, container: Option<ContainerId>) -> Dispatch {
    Dispatch { invocation, node: NodeId(node), container }
}

/// Six nodes with one slot each. For one image: nothing on node 0, then being copied, on disk,
/// being loaded, in memory, and with an idle container: the worst first.
fn six_rules() -> (Stage, ImageId, FunctionId, ContainerId) {
    let mut stage = Setup::new(Preset::Wrench, &[(1, 100, 100); 6]).stage();
    let (image, f) = stage.image_and_function("i", [10, 10], [5, 5]);
    stage.is_being_copied(1, image);
    stage.put(2, image, false);
    stage.put(3, image, false);
    stage.is_being_loaded(3, image);
    stage.put(4, image, true);
    stage.put(5, image, true);
    let idle = stage.idle(5, f);
    (stage, image, f, idle)
}

#[test]
fn fcfs_goes_through_its_six_rules() {
    let (mut stage, image, f, idle) = six_rules();
    let all = stage.pending(&[f; 7]);
    let plan = stage.plan(&mut FcfsFullScan::new());
    // Each takes the one slot of its node, so that the next comes to the next rule. For the third
    // and the fifth there is nothing to do but wait, and the seventh finds no node.
    assert_eq!(plan.dispatches, [dispatch(all[0], 5, Some(idle)), dispatch(all[1], 4, None)]);
    assert_eq!(plan.loads, [(NodeId(2), image)]);
    assert_eq!(plan.copies, [(NodeId(0), image)]);
}

#[test]
fn fcfs_prefers_an_earlier_rule_to_an_earlier_node_and_an_earlier_node_within_a_rule() {
    let mut stage = Setup::new(Preset::Wrench, &[(2, 100, 100); 3]).stage();
    let (image, f) = stage.image_and_function("i", [10, 10], [5, 5]);
    stage.put(0, image, false);
    stage.put(1, image, true);
    stage.put(2, image, true);
    let all = stage.pending(&[f; 5]);
    let plan = stage.plan(&mut FcfsFullScan::new());
    let expected =
        [(0, 1), (1, 1), (2, 2), (3, 2)].map(|(index, node)| dispatch(all[index], node, None));
    assert_eq!(plan.dispatches, expected);
    assert_eq!(plan.loads, [(NodeId(0), image)]);
}

#[test]
fn fcfs_sees_its_own_decisions() {
    // One node, three slots: the first decides the copy, the others find the image being copied,
    // and wait with a slot each. Nothing is left for the fourth, of another image.
    let mut stage = Setup::new(Preset::Wrench, &[(3, 100, 100)]).stage();
    let (a, b) = (stage.image("a", 10, 10), stage.image("b", 10, 10));
    let (f, g) = (stage.function(Some(a), 5, 5), stage.function(Some(b), 5, 5));
    stage.pending(&[f, f, f, g]);
    let plan = stage.plan(&mut FcfsFullScan::new());
    assert_eq!(
        (plan.copies, plan.loads.len(), plan.dispatches.len()),
        (vec![(NodeId(0), a)], 0, 0)
    );
}

/// An arrival alone changes no earlier decision, so its round resumes where the last one ended,
/// unless a copy that was decided there would have changed a decision: then it starts over.
#[test]
fn fcfs_resumes_only_if_its_copies_change_no_decision() {
    // The image of f is being copied to node 1, which has one slot: the first f waits there. The
    // second finds only node 0, to which the image is copied then.
    for (slots, expected) in [([2, 1, 1], 1), ([1, 1, 1], 2)] {
        let mut stage = Setup::new(Preset::Wrench, &slots.map(|slots| (slots, 100, 100))).stage();
        let (i, j) = (stage.image("i", 10, 10), stage.image("j", 10, 10));
        let (f, g) = (stage.function(Some(i), 5, 5), stage.function(Some(j), 5, 5));
        stage.is_being_copied(1, i);
        stage.pending(&[f, f]);
        let mut fcfs = FcfsFullScan::new();
        assert_eq!(stage.plan(&mut fcfs).copies, [(NodeId(0), i)]);
        stage.is_being_copied(0, i);
        // Now that it is being copied to node 0 as well, both f wait there if it has two slots, and
        // node 1 is the first with a free one. With one slot the first waits there and the second
        // on node 1: only node 2 is left.
        stage.pending(&[g]);
        assert_eq!(stage.plan(&mut fcfs).copies, [(NodeId(expected), j)]);
    }
}

#[test]
fn fcfs_takes_each_idle_container_once() {
    let mut stage = Setup::new(Preset::Wrench, &[(3, 100, 100)]).stage();
    let f = stage.function(None, 5, 5);
    let idle = [stage.idle(0, f), stage.idle(0, f)];
    let all = stage.pending(&[f; 3]);
    let plan = stage.plan(&mut FcfsFullScan::new());
    let expected = [
        dispatch(all[0], 0, Some(idle[0])),
        dispatch(all[1], 0, Some(idle[1])),
        dispatch(all[2], 0, None),
    ];
    assert_eq!(plan.dispatches, expected);
}

#[test]
fn fcfs_skips_invocations_without_a_node() {
    let mut stage = Setup::new(Preset::Wrench, &[(1, 10, 100), (1, 100, 100)]).stage();
    let (big, small) = (stage.function(None, 50, 0), stage.function(None, 5, 0));
    let all = stage.pending(&[big, big, small]);
    let plan = stage.plan(&mut FcfsFullScan::new());
    assert_eq!(plan.dispatches, [dispatch(all[0], 1, None), dispatch(all[2], 0, None)]);
}

#[test]
fn fcfs_looks_at_room_only_where_it_is_told_to() {
    // The image is in memory on the first node, whose memory is full of a busy container; the
    // second node is empty.
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100), (2, 100, 100)]).stage();
    let image = stage.image("i", 10, 10);
    let (f, busy) = (stage.function(Some(image), 50, 0), stage.function(None, 60, 0));
    stage.put(0, image, true);
    stage.state.start_container(NodeId(0), busy);
    let all = stage.pending(&[f]);
    assert_eq!(stage.plan(&mut FcfsFullScan::new()).dispatches, [dispatch(all[0], 0, None)]);
    let plan = stage.plan(&mut ByNode::new(Fcfs, true));
    assert_eq!((plan.dispatches.len(), plan.copies), (0, vec![(NodeId(1), image)]));
}

/// Wants to go on with a dispatch that is infeasible, and counts how often it was asked.
struct Stubborn(std::rc::Rc<std::cell::Cell<u32>>);

impl Scheduler for Stubborn {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.0.set(self.0.get() + 1);
        let first = view.pending().next().expect("a round is for those that wait");
        plan.dispatches.push(dispatch(first.invocation, 7, None));
        plan.goes_on = true;
    }
}

#[test]
fn a_scheduler_that_goes_on_in_vain_is_asked_once_for_each_pending_invocation() {
    let asked = std::rc::Rc::default();
    let scheduler: Box<dyn Scheduler> = Box::new(Stubborn(std::rc::Rc::clone(&asked)));
    let setup = Setup::new(Preset::Default, &[(1, 100, 100)]);
    let mut stage = Setup { scheduler: Some(scheduler), ..setup }.stage();
    let f = stage.function(None, 5, 5);
    stage.invoke(f);
    assert_eq!(asked.take(), 1);
    stage.invoke(f);
    assert_eq!(asked.take(), 2);
}

#[test]
fn random_is_uniform_and_seeded_and_checks_free_slots() {
    let plan = |seed: u64, slots: u32| {
        let mut stage = Setup::new(Preset::Wrench, &[(slots, 100_000, 100_000); 4]).stage();
        let f = stage.function(None, 1, 1);
        stage.pending(&[f; 4000]);
        stage.plan(&mut RandomPlacement::new(RandomStreams::new(seed).stream("scheduler")))
    };
    let (one, same, other) = (plan(1, 4000), plan(1, 4000), plan(2, 4000));
    assert_eq!(one, same);
    assert_ne!(one, other);
    for node in 0..4 {
        // 1000 expected, with a standard deviation of sqrt(4000 × 1/4 × 3/4) = 27: five of these.
        let count = one.dispatches.iter().filter(|dispatch| dispatch.node == NodeId(node)).count();
        assert!((865..=1135).contains(&count), "{count} on node {node}");
    }
    let order: Vec<u64> = one.dispatches.iter().map(|dispatch| dispatch.invocation.0).collect();
    assert!(!order.is_sorted(), "the invocations are shuffled");
    for node in 0..4 {
        let full = plan(1, 3);
        assert_eq!(
            full.dispatches.iter().filter(|dispatch| dispatch.node == NodeId(node)).count(),
            3
        );
    }
}

#[test]
fn random_draws_only_nodes_that_can_run_the_function() {
    // One of forty nodes is large enough: sixteen draws will often not find it, and it must be
    // found all the same, for there may be no other round.
    let mut nodes = vec![(1, 10, 10); 40];
    nodes[33] = (1, 100, 100);
    let mut stage = Setup::new(Preset::Default, &nodes).stage();
    let f = stage.function(None, 50, 0);
    let all = stage.pending(&[f]);
    for seed in 0..50 {
        let mut scheduler = RandomPlacement::new(RandomStreams::new(seed).stream("scheduler"));
        assert_eq!(stage.plan(&mut scheduler).dispatches, [dispatch(all[0], 33, None)]);
    }
    stage.state.node_failed(NodeId(33));
    assert!(
        stage.plan(&mut RandomPlacement::new(RandomStreams::new(1).stream("scheduler"))).is_empty()
    );
}

#[test]
fn random_takes_the_next_step_on_its_node() {
    let mut stage = Setup::new(Preset::Wrench, &[(5, 1000, 1000)]).stage();
    let images = ["a", "b", "c"].map(|name| stage.image(name, 10, 10));
    let functions = images.map(|image| stage.function(Some(image), 1, 1));
    stage.put(0, images[0], true);
    stage.put(0, images[1], false);
    let idle = stage.idle(0, functions[0]);
    stage.pending(&[functions[0], functions[0], functions[1], functions[1], functions[2]]);
    let plan = stage.plan(&mut RandomPlacement::new(RandomStreams::new(1).stream("scheduler")));
    let containers: Vec<_> = plan.dispatches.iter().map(|dispatch| dispatch.container).collect();
    assert_eq!(containers, [Some(idle), None]);
    assert_eq!(
        (plan.loads, plan.copies),
        (vec![(NodeId(0), images[1])], vec![(NodeId(0), images[2])])
    );
}

/// What a scheduler decides that offers each invocation to the node beside it, and whether there
/// was a place for it and a slot.
fn place(stage: &Stage, wishes: &[(InvocationId, FunctionId, u32)]) -> (Plan, Vec<(bool, bool)>) {
    let mut plan = Plan::default();
    let view = View::new(&stage.state);
    let mut placement = Placement::new(&view, &mut plan);
    let offer = |&(invocation, function, node): &(InvocationId, FunctionId, u32)| {
        let node = NodeId(node);
        (
            placement.has_place(function, node),
            placement.place(Pending { invocation, function }, node),
        )
    };
    let found = wishes.iter().map(offer).collect();
    (plan, found)
}

#[test]
fn placement_knows_the_next_step() {
    let (mut stage, image, f, idle) = six_rules();
    let all = stage.pending(&[f; 7]);
    // One invocation for each node, whose one slot is then taken, so that the seventh finds none.
    let wishes: Vec<_> =
        all.iter().zip([5, 4, 3, 2, 1, 0, 0]).map(|(&id, node)| (id, f, node)).collect();
    let (plan, found) = place(&stage, &wishes);
    assert_eq!(found, [[(true, true); 6].as_slice(), &[(false, false)]].concat());
    assert_eq!(plan.dispatches, [dispatch(all[0], 5, Some(idle)), dispatch(all[1], 4, None)]);
    assert_eq!(plan.loads, [(NodeId(2), image)]);
    assert_eq!(plan.copies, [(NodeId(0), image)]);
}

#[test]
fn placement_gives_nothing_out_twice() {
    // 40 bytes of memory: an image of 10 that one idle container of 10 holds, so that there is room
    // for two more of 10 and no third.
    let mut stage = Setup::new(Preset::Default, &[(9, 40, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 10], [10, 0]);
    stage.put(0, image, true);
    let idle = stage.idle(0, f);
    let all = stage.pending(&[f; 4]);
    let wishes: Vec<_> = all.iter().map(|&id| (id, f, 0)).collect();
    let (plan, found) = place(&stage, &wishes);
    assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [true, true, true, false]);
    // Placing it nevertheless is not prevented: the platform will refuse it.
    let expected = [Some(idle), None, None, None].into_iter().zip(&all);
    assert_eq!(
        plan.dispatches,
        expected.map(|(container, &id)| dispatch(id, 0, container)).collect::<Vec<_>>()
    );
}

/// Functions without image, with these time limits in seconds and numbers of pending invocations.
fn balancing(
    nodes: &[(u32, u64, u64)],
    waiting: &[(u64, usize)],
) -> (Stage, Vec<Vec<InvocationId>>) {
    let mut stage = Setup::new(Preset::Wrench, nodes).stage();
    let all = waiting
        .iter()
        .map(|&(time, count)| {
            let limits = Limits::time(Duration::from_secs(time));
            let f = stage.register(Registration::new("f".into(), None, limits));
            stage.pending(&vec![f; count])
        })
        .collect();
    (stage, all)
}

/// The node of each dispatched invocation.
fn placed(plan: &Plan) -> Vec<(u64, u32)> {
    plan.dispatches.iter().map(|dispatch| (dispatch.invocation.0, dispatch.node.0)).collect()
}

#[test]
fn balancing_shares_slots_by_the_work_that_waits() {
    // Work: 3 × 10 = 30 and 3 × 20 = 60 of 90; 4 free slots: ceil(1.33) = 2 and ceil(2.67) = 3, the
    // larger share first: it takes three slots of node 0 (which has most), then the other takes the
    // last one. Latest first.
    let (stage, _) = balancing(&[(3, 9, 9), (1, 9, 9)], &[(10, 3), (20, 3)]);
    let plan = stage.plan(&mut WorkloadBalancing);
    assert_eq!(placed(&plan), [(5, 0), (4, 0), (3, 0), (2, 1)]);
}

#[test]
fn balancing_never_gives_more_slots_than_wait() {
    // Work 100 and 10: of 10 slots ceil(9.1) = 10 would go to the first, but it has only one
    // invocation. The second gets ceil(0.9) = 1. Equal shares: in the order of registration.
    let (stage, _) = balancing(&[(10, 9, 9)], &[(100, 1), (10, 1)]);
    assert_eq!(placed(&stage.plan(&mut WorkloadBalancing)), [(0, 0), (1, 0)]);
}

#[test]
fn balancing_takes_slots_from_the_node_with_most_left() {
    // One function, 6 invocations, 7 slots: node 1 has most (4), then 2 of node 0; node 2 keeps its
    // one. By node, the latest first: invocations 5 and 4 on node 0, 3 to 0 on node 1.
    let (stage, _) = balancing(&[(2, 9, 9), (4, 9, 9), (1, 9, 9)], &[(10, 6)]);
    assert_eq!(
        placed(&stage.plan(&mut WorkloadBalancing)),
        [(5, 0), (4, 0), (3, 1), (2, 1), (1, 1), (0, 1)]
    );
    // Equal nodes: the first in the list.
    let (stage, _) = balancing(&[(2, 9, 9), (2, 9, 9)], &[(10, 2)]);
    assert_eq!(placed(&stage.plan(&mut WorkloadBalancing)), [(1, 0), (0, 0)]);
}

#[test]
fn balancing_without_any_work_favours_no_function() {
    let (stage, _) = balancing(&[(3, 9, 9)], &[(0, 2), (0, 2)]);
    assert_eq!(placed(&stage.plan(&mut WorkloadBalancing)), [(1, 0), (0, 0), (3, 0)]);
}

#[test]
fn balancing_moves_images_and_skips_invocations_that_wait_for_them() {
    // Two nodes with two slots each, one function with three invocations, its image on the disk of
    // node 0 and nowhere on node 1: a load and a copy; no invocation can start.
    let mut stage = Setup::new(Preset::Wrench, &[(2, 100, 100), (2, 100, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 10], [5, 5]);
    stage.put(0, image, false);
    let all = stage.pending(&[f; 3]);
    let plan = stage.plan(&mut WorkloadBalancing);
    assert_eq!((plan.loads, plan.copies), (vec![(NodeId(0), image)], vec![(NodeId(1), image)]));
    assert!(plan.dispatches.is_empty());
    // In memory on node 1 only: the two latest are passed over on node 0, the first is started on
    // node 1.
    stage.put(1, image, true);
    let plan = stage.plan(&mut WorkloadBalancing);
    assert_eq!(plan.dispatches, [dispatch(all[0], 1, None)]);
    assert_eq!((plan.loads, plan.copies), (vec![(NodeId(0), image)], vec![]));
}

#[test]
fn balancing_uses_idle_containers_then_new_ones_as_far_as_there_is_room() {
    // Memory 100: image 10, an idle container of 40: 50 free, so one more of 40, and the third is
    // passed over.
    let mut stage = Setup::new(Preset::Wrench, &[(3, 100, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 10], [40, 0]);
    stage.put(0, image, true);
    let idle = stage.idle(0, f);
    let all = stage.pending(&[f; 3]);
    let plan = stage.plan(&mut WorkloadBalancing);
    assert_eq!(plan.dispatches, [dispatch(all[2], 0, Some(idle)), dispatch(all[1], 0, None)]);
}

#[test]
fn balancing_counts_idle_images_as_room_in_preset_default_only() {
    // Memory 100: an image of 30 and another of 50 that is not in use; the container needs 40, but
    // only 20 are free.
    for (preset, starts) in [(Preset::Default, 1), (Preset::Wrench, 0)] {
        let mut stage = Setup::new(preset, &[(1, 100, 100)]).stage();
        let (a, b) = (stage.image("a", 10, 30), stage.image("b", 10, 50));
        let f = stage.function(Some(a), 40, 0);
        stage.put(0, a, true);
        stage.put(0, b, true);
        stage.pending(&[f]);
        assert_eq!(stage.plan(&mut WorkloadBalancing).dispatches.len(), starts, "{preset:?}");
    }
}

#[test]
fn balancing_gives_slots_only_where_the_function_could_ever_run() {
    // Node 0 has most slots but is too small. The second function can use it.
    let mut stage = Setup::new(Preset::Wrench, &[(4, 10, 10), (1, 100, 100)]).stage();
    let (big, small) = (stage.function(None, 50, 0), stage.function(None, 5, 0));
    let all = stage.pending(&[big, small]);
    let plan = stage.plan(&mut WorkloadBalancing);
    assert_eq!(plan.dispatches, [dispatch(all[1], 0, None), dispatch(all[0], 1, None)]);
}
