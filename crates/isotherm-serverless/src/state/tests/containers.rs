//! Containers: reuse, keep-alive, eviction.

use super::*;
use crate::eviction::{IdleContainer, MemoryFit, Missing, Rank};

/// A node with four idle containers of one function without image, whose ids are 0 to 3 in the
/// order of creation and which became idle in the order 2, 0, 3, 1, at 1 s, 2 s, 3 s and 4 s.
fn four_idle(reuse: ContainerReuse) -> (Stage, FunctionId) {
    let mut stage = Setup { reuse, ..Setup::new(Preset::Default, &[(4, 100, 100)]) }.stage();
    let f = stage.function(None, 10, 10);
    let all: Vec<InvocationId> = (0..4).map(|_| stage.invoke(f)).collect();
    for (second, index) in [2, 0, 3, 1].into_iter().enumerate() {
        stage.at(second as u64 + 1);
        stage.body_ended(all[index]);
    }
    stage.effects();
    (stage, f)
}

#[test]
fn the_rule_of_reuse_says_which_idle_container_serves() {
    for (reuse, order) in [
        (ContainerReuse::Oldest, [0, 1, 2, 3]),
        (ContainerReuse::Newest, [3, 2, 1, 0]),
        (ContainerReuse::LeastRecentlyUsed, [2, 0, 3, 1]),
        (ContainerReuse::MostRecentlyUsed, [1, 3, 0, 2]),
    ] {
        let (mut stage, f) = four_idle(reuse);
        let served: Vec<u64> = (0..4)
            .map(|_| {
                let id = stage.invoke(f);
                container_of(&stage.effects(), id).expect("a warm start").0
            })
            .collect();
        assert_eq!(served, order, "{reuse:?}");
    }
}

#[test]
fn containers_are_of_one_registration_only() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).stage();
    let (f, again) = (stage.function(None, 10, 10), stage.function(None, 10, 10));
    stage.serve(f);
    stage.effects();
    let second = stage.invoke(again);
    assert_eq!(
        container_of(&stage.effects(), second),
        Some(ContainerId(1)),
        "a container of its own"
    );
}

#[test]
fn without_keep_alive_a_container_stops_at_once() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).keeping(0).stage();
    let f = stage.function(None, 10, 10);
    stage.serve(f);
    assert_eq!(stage.orders(), ["start 0 on 0 in 0", "ended 0 completed", "stopped 0"]);
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (0, 0));
}

#[test]
fn a_container_that_is_kept_for_ever_has_no_timer() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).stage();
    let f = stage.function(None, 10, 10);
    stage.serve(f);
    assert_eq!(stage.orders(), ["start 0 on 0 in 0", "ended 0 completed"]);
    assert_eq!(stage.memory_used(0), 10, "it keeps its room");
}

#[test]
fn stale_timers_do_nothing() {
    let keep = Duration::from_secs(10);
    let mut stage = Setup { keep, ..Setup::new(Preset::Wrench, &[(1, 100, 100)]) }.stage();
    let f = stage.function(None, 10, 10);
    stage.serve(f);
    stage.serve(f);
    let timers: Vec<(ContainerId, u64)> = stage
        .effects()
        .iter()
        .filter_map(|effect| match effect {
            Effect::KeepAlive { container, idle_sequence, idle } => {
                assert_eq!(*idle, keep);
                Some((*container, *idle_sequence))
            }
            _ => None,
        })
        .collect();
    let [(container, stale), (_, current)] = timers[..] else { panic!("two timers: {timers:?}") };
    stage.state.idle_timer_ended(container, stale);
    assert!(stage.state.effects.len() == 0, "it was used since");
    stage.message(|state| state.idle_timer_ended(container, current));
    assert_eq!(stage.orders(), ["stopped 0"]);
    stage.state.idle_timer_ended(container, current);
    assert!(stage.state.effects.len() == 0, "it is gone");
}

#[test]
fn a_container_that_is_used_again_is_looked_at_when_its_first_date_comes() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).keeping(10).stage();
    let f = stage.function(None, 10, 10);
    stage.serve(f);
    assert_eq!(stage.orders(), ["start 0 on 0 in 0", "ended 0 completed", "expire at 10"]);
    // Used from 4 to 6, so it is kept until 16; the service will look at 10 and need not be told
    // anything.
    stage.at(4);
    let second = stage.invoke(f);
    stage.at(6);
    stage.body_ended(second);
    assert_eq!(stage.orders(), ["start 1 on 0 in 0", "ended 1 completed"]);
    stage.at(10);
    assert!(!stage.state.has_expired(), "it was used since");
    stage.conclude(Round::No);
    assert_eq!(stage.orders(), ["expire at 16"]);
    stage.at(16);
    assert!(stage.state.has_expired());
    stage.message(|state| state.expire());
    assert_eq!(stage.orders(), ["stopped 0"]);
    assert_eq!(stage.memory_used(0), 0);
}

#[test]
fn a_container_that_is_busy_when_its_date_comes_is_noted_when_it_is_idle() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).keeping(10).stage();
    let f = stage.function(None, 10, 10);
    stage.serve(f);
    stage.at(4);
    let second = stage.invoke(f);
    stage.orders();
    stage.at(10);
    assert!(!stage.state.has_expired());
    stage.conclude(Round::No);
    assert_eq!(stage.orders(), [""; 0], "there is no date to look at");
    stage.at(12);
    stage.body_ended(second);
    assert_eq!(stage.orders(), ["ended 1 completed", "expire at 22"]);
}

#[test]
fn the_first_to_expire_is_looked_at_first() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).keeping(100).stage();
    let f = stage.function(None, 10, 10);
    let (first, second) = (stage.invoke(f), stage.invoke(f));
    stage.body_ended(first);
    stage.orders();
    // The second is kept for 50 s only, as a policy may say of each period.
    let Some(container) = stage.state.invocations.container_of(stage.state.key(second)) else {
        panic!("the second is not running");
    };
    stage.body_ended(second);
    stage.orders();
    let mut kept = stage.state.containers.all[&container];
    kept.expires = Time::ZERO + Duration::from_secs(50);
    stage.state.containers.all.insert(container, kept);
    stage.state.note_expiry(container, &kept);
    stage.conclude(Round::No);
    assert_eq!(stage.orders(), ["expire at 50"]);
    stage.at(50);
    assert!(stage.state.has_expired());
    stage.message(|state| state.expire());
    assert_eq!(stage.orders(), ["stopped 1", "expire at 100"]);
}

#[test]
fn containers_that_had_to_go_leave_no_dates() {
    // Room for one container, which is kept for a day; two functions in turn push each other's out.
    let keep = Duration::from_secs(86_400);
    let mut stage = Setup { keep, ..Setup::new(Preset::Default, &[(1, 100, 100)]) }.stage();
    let functions = [stage.function(None, 60, 10), stage.function(None, 60, 10)];
    for second in 0..1_000 {
        stage.at(second);
        stage.serve(functions[second as usize % 2]);
        stage.effects();
    }
    assert_eq!(stage.state.containers.all.len(), 1);
    let dates = stage.state.containers.expiries.len();
    assert!(dates < 50, "{dates} dates");
    // The date of the last one is among them.
    stage.at(999 + 86_400);
    assert!(stage.state.has_expired());
}

/// A node of 100 bytes of memory with idle containers of these memory limits, idle in this order,
/// and a function that needs `memory`.
fn crowded(
    preset: Preset,
    eviction: Box<dyn ContainerEviction>,
    idle: &[u64],
    memory: u64,
) -> (Stage, FunctionId) {
    let mut stage = Setup { eviction, ..Setup::new(preset, &[(8, 100, 100)]) }.stage();
    for (second, &limit) in idle.iter().enumerate() {
        let f = stage.function(None, limit, 1);
        let id = stage.invoke(f);
        stage.at(second as u64);
        stage.body_ended(id);
    }
    let f = stage.function(None, memory, 1);
    stage.effects();
    (stage, f)
}

#[test]
fn a_new_container_evicts_the_longest_idle() {
    // 10 bytes are free and 45 are missing to 55: 30, then 20.
    let (mut stage, f) = crowded(Preset::Default, Box::new(LeastRecentlyUsed), &[30, 20, 40], 55);
    let id = stage.invoke(f);
    assert_eq!(stage.orders(), ["stopped 0", "stopped 1", "start 3 on 0 in 3"]);
    assert!(stage.is_running(id));
    assert_eq!(stage.memory_used(0), 40 + 55);
}

#[test]
fn a_new_container_evicts_the_best_fit() {
    // 10 bytes are free and 15 are missing to 25: the smallest that is enough is the one of 20.
    let (mut stage, f) = crowded(Preset::Default, Box::new(MemoryFit), &[30, 20, 40], 25);
    stage.invoke(f);
    assert_eq!(stage.orders(), ["stopped 1", "start 3 on 0 in 3"]);
}

#[test]
fn nothing_is_evicted_in_vain() {
    for preset in [Preset::Default, Preset::Wrench] {
        let (mut stage, f) = crowded(preset, Box::new(LeastRecentlyUsed), &[30, 20], 61);
        // One container of 40 is busy: even without the idle ones only 60 bytes can be had.
        let busy = stage.function(None, 40, 1);
        let busy = stage.invoke(busy);
        stage.effects();
        let id = stage.invoke(f);
        assert_eq!(stage.orders(), [""; 0], "{preset:?}");
        assert!(!stage.is_running(id));
        stage.body_ended(busy);
        assert!(stage.is_running(id), "{preset:?}: tried again when something was given back");
    }
}

#[test]
fn two_needs_are_met_together() {
    // The disk is the problem: idle containers take 40 of 100 bytes each, the new one needs 50.
    let mut stage = Setup::new(Preset::Default, &[(8, 100, 100)]).stage();
    for second in 0..2 {
        let f = stage.function(None, 5, 40);
        let id = stage.invoke(f);
        stage.at(second);
        stage.body_ended(id);
    }
    let f = stage.function(None, 5, 50);
    stage.effects();
    stage.invoke(f);
    assert_eq!(stage.orders(), ["stopped 0", "start 2 on 0 in 2"]);
}

#[test]
fn a_dispatch_onto_a_container_evicted_in_the_same_round_stays_in_the_queue() {
    // Preset wrench, one free slot more than the blocked one: f waits for its container, g's takes
    // the room of it. Both are decided in the round of one message: the big one first, then the
    // warm one.
    let mut stage = Setup::new(Preset::Wrench, &[(2, 100, 100)]).stage();
    let (small, big) = (stage.function(None, 60, 1), stage.function(None, 70, 1));
    stage.serve(small);
    stage.effects();
    let (first, second) = stage.message(|state| (state.submit(big).id, state.submit(small).id));
    assert_eq!(stage.orders(), ["stopped 0", "start 1 on 0 in 1"]);
    assert!(stage.is_running(first) && !stage.is_running(second));
    stage.body_ended(first);
    assert!(
        stage.is_running(second),
        "it was still in the queue; the idle container of the first made room"
    );
}

/// The victims among four idle containers of 20 bytes each, numbered in the order in which they
/// were started, on a node of 100 bytes, when 30 are needed and 20 are free. Their functions start
/// in 1, 2, 3 and 4 s; they were used four times, three times, twice and once, and are idle in the
/// order 1, 0, 3, 2.
fn goes(eviction: Box<dyn ContainerEviction>, memory: [u64; 4]) -> Vec<String> {
    let mut stage = Setup { eviction, ..Setup::new(Preset::Default, &[(8, 100, 100)]) }.stage();
    let functions: Vec<FunctionId> = (0..4)
        .map(|index| {
            let startup = Some(Duration::from_secs(index + 1).into());
            stage.function_with(memory[index as usize], |function| function.startup = startup)
        })
        .collect();
    let first: Vec<InvocationId> = functions.iter().map(|&f| stage.invoke(f)).collect();
    for (second, index) in [0, 1, 2, 0, 1, 0].into_iter().enumerate() {
        stage.at(second as u64 + 1);
        if second == 0 {
            first.iter().for_each(|&id| stage.body_ended(id));
        }
        stage.serve(functions[index]);
    }
    for (second, index) in [1, 0, 3, 2].into_iter().enumerate() {
        stage.at(second as u64 + 10);
        stage.serve(functions[index]);
    }
    let needy = stage.function(None, 30, 0);
    stage.effects();
    stage.invoke(needy);
    stage.orders().into_iter().filter(|order| order.starts_with("stopped")).collect()
}

#[test]
fn each_policy_evicts_by_its_own_order() {
    use crate::eviction::{FirstInFirstOut, GreedyDual, LargestFirst, LeastFrequentlyUsed};
    let alike = [20; 4];
    assert_eq!(goes(Box::new(LeastRecentlyUsed), alike), ["stopped 1"], "idle for longest");
    assert_eq!(goes(Box::new(FirstInFirstOut), alike), ["stopped 0"], "started first");
    assert_eq!(
        goes(Box::new(LeastFrequentlyUsed::default()), alike),
        ["stopped 3"],
        "used twice, the others more often"
    );
    // Uses × start-up: 5 × 1, 4 × 2, 3 × 3, 2 × 4.
    assert_eq!(goes(Box::new(GreedyDual::default()), alike), ["stopped 0"], "quick to start again");
    // Of 18 free bytes 12 are missing. Halved and doubled: 5 / 10, 8 / 20, 9 / 40, 8 / 12.
    assert_eq!(
        goes(Box::new(GreedyDual::default()), [10, 20, 40, 12]),
        ["stopped 2"],
        "large for what it is worth"
    );
    assert_eq!(
        goes(Box::new(LargestFirst), [10, 20, 40, 12]),
        ["stopped 2"],
        "gives all that is missing at once"
    );
    assert_eq!(
        goes(Box::new(LeastRecentlyUsed), [10, 20, 40, 12]),
        ["stopped 1"],
        "20 bytes are enough"
    );
}

/// Evicts containers of the functions that have the most first, and notes what it sees.
#[derive(Clone, Default)]
struct Sees(Rc<RefCell<Vec<String>>>);

impl ContainerEviction for Sees {
    fn rank(&mut self, view: &View<'_>, idle: &IdleContainer) -> Rank {
        let (function, node) = (idle.function, idle.node);
        let container = view.container(idle.id).unwrap();
        self.0.borrow_mut().push(format!(
            "{}: {:.0} old, {} uses, idle at {:.0}; {} all, {} run, {} wait, {} idle; {} slots",
            idle.id,
            view.now().since(container.started_at).as_secs_f64(),
            container.uses,
            container.idle_since.unwrap(),
            view.containers_of(function),
            view.running_of(function),
            view.pending_count(function),
            view.idle_count(function, node),
            view.free_slots(node),
        ));
        Rank::of(-f64::from(view.containers_of(function)))
    }

    fn choose(
        &self,
        view: &View<'_>,
        idle: &mut dyn Iterator<Item = IdleContainer>,
        missing: Missing,
    ) -> Option<Vec<ContainerId>> {
        let (waiting, free) = (view.queue_len(), view.free_memory(NodeId(0)));
        let note = format!("{waiting} wait, {free} free, {} missing", missing.memory_bytes);
        self.0.borrow_mut().push(note);
        LeastRecentlyUsed.choose(view, idle, missing)
    }
}

#[test]
fn an_eviction_policy_sees_the_platform() {
    let sees = Sees::default();
    let eviction = Box::new(sees.clone());
    let mut stage = Setup { eviction, ..Setup::new(Preset::Default, &[(2, 100, 100)]) }.stage();
    let [alone, several] = [20, 30].map(|memory| stage.function(None, memory, 0));
    stage.serve(alone);
    stage.at(2);
    // Two in new containers, and one that waits for a slot.
    let [first, second, third] = [(); 3].map(|()| stage.invoke(several));
    stage.at(5);
    stage.body_ended(first);
    stage.at(6);
    stage.body_ended(third);
    stage.at(7);
    let large = stage.function(None, 40, 0);
    stage.effects();
    stage.invoke(large);
    // The other one has been idle for longer, but is the only one of its function.
    assert_eq!(stage.orders(), ["stopped 1", "start 4 on 0 in 3"]);
    stage.at(9);
    stage.body_ended(second);
    let expected = [
        "0: 0 old, 1 uses, idle at 0; 1 all, 0 run, 0 wait, 0 idle; 2 slots",
        "1: 3 old, 1 uses, idle at 5; 2 all, 1 run, 1 wait, 0 idle; 1 slots",
        "1: 4 old, 2 uses, idle at 6; 2 all, 1 run, 0 wait, 0 idle; 1 slots",
        "1 wait, 20 free, 20 missing",
        "2: 7 old, 1 uses, idle at 9; 1 all, 0 run, 0 wait, 0 idle; 1 slots",
    ];
    assert_eq!(*sees.0.borrow(), expected);
}

#[test]
fn what_was_used_long_ago_goes_in_the_end_under_greedy_dual() {
    use crate::eviction::GreedyDual;
    let eviction: Box<dyn ContainerEviction> = Box::new(GreedyDual::default());
    let mut stage = Setup { eviction, ..Setup::new(Preset::Default, &[(8, 100, 100)]) }.stage();
    let function = |stage: &mut Stage| {
        let startup = Some(Duration::from_secs(1).into());
        stage.function_with(50, |function| function.startup = startup)
    };
    // One that was used three times is worth 3 × 1 / 50.
    let famous = function(&mut stage);
    for _ in 0..3 {
        stage.serve(famous);
    }
    // Others come, each once, worth 1 / 50 more than the clock. The first three push each other
    // out: the clock rises to 1 / 50, then to 2 / 50. The one that comes then is worth 3 / 50 like
    // the famous one, but that has been idle for longer.
    let mut gone = Vec::new();
    for second in 1..=4 {
        stage.at(second);
        let newcomer = function(&mut stage);
        stage.serve(newcomer);
        let orders = stage.orders();
        gone.extend(orders.into_iter().filter(|order| order.starts_with("stopped")));
    }
    assert_eq!(gone, ["stopped 1", "stopped 2", "stopped 0"]);
}
