//! Several invocations in a container, and limits on how many run at once.

use super::*;
use crate::StartKind;
use crate::limits::Concurrency;

impl Stage {
    /// A function of 40 bytes without image that starts in 3 s.
    fn concurrent(&mut self, concurrency: Concurrency) -> FunctionId {
        self.function_with(40, |function| {
            function.startup = Some(Duration::from_secs(3).into());
            function.concurrency = concurrency;
        })
    }

    /// So many invocations of a function that come together.
    fn invoke_together(&mut self, function: FunctionId, count: usize) -> Vec<InvocationId> {
        let together = (0..count).map(|_| self.state.submit(function).id).collect();
        self.conclude(Round::Arrival);
        together
    }

    /// What was started since the last time: the container, how, and in how many seconds.
    fn starts(&mut self) -> Vec<(u64, StartKind, f64)> {
        let kinds: Vec<StartKind> = self
            .events()
            .iter()
            .filter_map(|event| match event {
                EventKind::Dispatched { start_kind, .. } => Some(*start_kind),
                _ => None,
            })
            .collect();
        let starts = self.effects();
        let starts = starts.iter().filter_map(|effect| match effect {
            Effect::Start { container, startup, .. } => Some((container.0, startup.as_secs_f64())),
            _ => None,
        });
        starts.zip(kinds).map(|((container, startup), kind)| (container, kind, startup)).collect()
    }

    fn used(&self) -> (u64, u32) {
        (self.memory_used(0), self.state.nodes[NodeId(0)].slots_used)
    }
}

/// The first container has become idle.
const IDLE: EventKind =
    EventKind::ContainerIdle { node: NodeId(0), container: ContainerId(0), memory_bytes: 40 };

fn in_one(per_container: u32) -> Concurrency {
    Concurrency { per_container, ..Concurrency::default() }
}

fn at_most(most: u32, reserved: bool) -> Concurrency {
    Concurrency { limit: Some(most), reserved, ..Concurrency::default() }
}

#[test]
fn a_container_serves_as_many_as_its_function_says() {
    use StartKind::{Cold, Warm};
    for preset in [Preset::Default, Preset::Wrench] {
        let mut stage = Setup::new(preset, &[(8, 100, 100)]).stage();
        let f = stage.concurrent(in_one(2));
        let ids = stage.invoke_together(f, 3);
        // The second joins the first, whose container it has to wait for; the third has one of its
        // own.
        assert_eq!(stage.starts(), [(0, Cold, 3.0), (0, Cold, 3.0), (1, Cold, 3.0)], "{preset:?}");
        assert_eq!(stage.used(), (80, 3), "memory by container, slots by invocation");
        stage.at(1);
        stage.invoke(f);
        assert_eq!(stage.starts(), [(1, Cold, 2.0)], "it waits for the rest of the start-up");
        stage.at(5);
        stage.body_ended(ids[0]);
        assert_eq!(stage.used(), (80, 3));
        assert!(!stage.events().contains(&IDLE));
        stage.invoke(f);
        assert_eq!(stage.starts(), [(0, Warm, 0.0)]);
    }
}

#[test]
fn a_container_is_idle_when_the_last_has_left() {
    let mut stage = Setup::new(Preset::Default, &[(8, 100, 100)]).keeping(7).stage();
    let f = stage.concurrent(in_one(4));
    let ids = stage.invoke_together(f, 3);
    stage.orders();
    stage.body_ended(ids[1]);
    stage.body_ended(ids[0]);
    assert_eq!(stage.orders(), ["ended 1 completed", "ended 0 completed"]);
    stage.body_ended(ids[2]);
    assert_eq!(stage.orders(), ["ended 2 completed", "expire at 7"]);
    assert!(stage.events().contains(&IDLE));
}

#[test]
fn invocations_in_one_container_need_its_room_once() {
    // 50 bytes hold one container of 40.
    for preset in [Preset::Default, Preset::Wrench] {
        let mut stage = Setup::new(preset, &[(8, 50, 50)]).stage();
        let f = stage.concurrent(in_one(4));
        let ids = stage.invoke_together(f, 6);
        let running = |stage: &Stage| ids.iter().filter(|&&id| stage.is_running(id)).count();
        assert_eq!(running(&stage), 4, "all four in the same round ({preset:?})");
        stage.body_ended(ids[0]);
        stage.body_ended(ids[2]);
        assert_eq!((running(&stage), stage.used()), (4, (40, 4)));
    }
}

#[test]
fn a_busy_container_is_not_evicted() {
    let mut stage = Setup::new(Preset::Default, &[(8, 100, 100)]).stage();
    let f = stage.concurrent(in_one(2));
    let ids = stage.invoke_together(f, 2);
    stage.body_ended(ids[0]);
    let other = stage.function(None, 70, 0);
    let waits = stage.invoke(other);
    assert!(!stage.is_running(waits));
    stage.body_ended(ids[1]);
    assert!(stage.is_running(waits), "the container has gone for it");
}

#[test]
fn a_container_whose_host_fails_goes_with_all_it_serves() {
    let mut stage = Setup::new(Preset::Default, &[(8, 100, 100)]).stage();
    let f = stage.concurrent(in_one(3));
    let ids = stage.invoke_together(f, 2);
    let failed = || Err(FailureCause::HostFailed { host: "node0".into() });
    stage.node_failed(0);
    stage.body_ended_with(ids[0], failed());
    // The host is back before the second has been heard of.
    stage.node_recovered(0);
    stage.orders();
    stage.invoke(f);
    assert_eq!(
        stage.orders(),
        ["start 2 on 0 in 1"],
        "nobody is given to a container that is lost"
    );
    // However the second ends: its container is not there any more.
    stage.body_ended_with(ids[1], Err(FailureCause::Cancelled));
    assert_eq!(stage.orders(), ["ended 1 cancelled", "stopped 0"]);
    assert_eq!(stage.used(), (40, 1));
}

#[test]
fn no_more_of_a_function_run_than_may() {
    let mut stage = Setup::new(Preset::Default, &[(8, 400, 100)]).stage();
    let (f, free) = (stage.concurrent(at_most(2, false)), stage.function(None, 10, 0));
    let ids = stage.invoke_together(f, 4);
    let running = |stage: &Stage| ids.iter().map(|&id| stage.is_running(id)).collect::<Vec<_>>();
    assert_eq!(running(&stage), [true, true, false, false]);
    let other = stage.invoke(free);
    assert!(stage.is_running(other), "others are not held up");
    stage.at(5);
    stage.body_ended(ids[1]);
    assert_eq!(running(&stage), [true, false, true, false], "first come, first served");
    let third = &stage.state.invocations[stage.state.key(ids[2])].life;
    assert_eq!(
        (third.throttle_wait, third.download_wait()),
        (Duration::from_secs(5), Duration::ZERO)
    );
    // One that does not want to wait any more leaves the line, and one that runs leaves its place
    // to the next.
    stage.message(|state| state.cancel_id(ids[2], FailureCause::Cancelled));
    stage.body_ended_with(ids[2], Err(FailureCause::Cancelled));
    assert_eq!(running(&stage), [true, false, false, true]);
    let waits = stage.invoke(f);
    stage.message(|state| state.cancel_id(waits, FailureCause::Cancelled));
    assert!(stage.state.invocations.at(stage.state.key(waits)).is_none());
}

#[test]
fn invocations_beyond_the_limit_may_be_rejected() {
    let setup = Setup {
        throttle: Throttle::Reject,
        max_concurrency: Some(2),
        ..Setup::new(Preset::Default, &[(8, 400, 100)])
    };
    let mut stage = setup.stage();
    let (f, g) = (stage.concurrent(at_most(1, false)), stage.function(None, 10, 0));
    let ids = [stage.invoke(f), stage.invoke(f), stage.invoke(g), stage.invoke(g)];
    let effects = stage.effects();
    let outcomes = ids.map(|id| outcome_of(&effects, id));
    // The second is one too many of its function, the fourth of the service.
    assert_eq!(outcomes, [None, Some(Outcome::Rejected), None, Some(Outcome::Rejected)]);
    assert_eq!(stage.causes(), ["throttled", "throttled"]);
    stage.body_ended(ids[0]);
    let next = stage.invoke(f);
    assert!(stage.is_running(next));
}

#[test]
fn reserved_concurrency_is_for_its_function_alone() {
    let setup = Setup { max_concurrency: Some(3), ..Setup::new(Preset::Default, &[(8, 400, 100)]) };
    let mut stage = setup.stage();
    let (f, g) = (stage.concurrent(at_most(1, true)), stage.function(None, 10, 0));
    let others = stage.invoke_together(g, 4);
    let running = |stage: &Stage| others.iter().filter(|&&id| stage.is_running(id)).count();
    assert_eq!(running(&stage), 2, "one place of three is reserved");
    let own = stage.invoke_together(f, 2);
    assert_eq!(
        own.iter().map(|&id| stage.is_running(id)).collect::<Vec<_>>(),
        [true, false],
        "it has no more than that"
    );
    stage.body_ended(others[0]);
    assert!(stage.is_running(others[2]) && !stage.is_running(own[1]));
    stage.body_ended(own[0]);
    assert!(stage.is_running(own[1]) && !stage.is_running(others[3]));
    let limits = Limits::time(Duration::from_secs(60));
    let too_many = Registration {
        concurrency: at_most(3, true),
        ..Registration::new("h".into(), None, limits)
    };
    let refused = stage.state.register(too_many).expect_err("only two places are left");
    assert_eq!(refused.code(), "not_allowed");
}

#[test]
fn waiting_at_the_functions_gate_keeps_the_order_at_the_services() {
    let setup = Setup { max_concurrency: Some(1), ..Setup::new(Preset::Default, &[(8, 400, 100)]) };
    let mut stage = setup.stage();
    let (f, g) = (stage.concurrent(at_most(1, false)), stage.function(None, 10, 0));
    let ids = [stage.invoke(f), stage.invoke(f), stage.invoke(g), stage.invoke(f)];
    for at in 0..ids.len() {
        let running = ids.map(|id| stage.is_running(id));
        assert_eq!(running.iter().position(|&runs| runs), Some(at), "{running:?}");
        stage.body_ended(ids[at]);
    }
}

#[test]
fn waiting_at_a_gate_ends_with_the_service() {
    let setup = Setup { max_concurrency: Some(2), ..Setup::new(Preset::Default, &[(8, 400, 100)]) };
    let mut stage = setup.stage();
    let f = stage.concurrent(at_most(1, false));
    let g = stage.function(None, 10, 0);
    let ids = [stage.invoke(f), stage.invoke(f), stage.invoke(g), stage.invoke(g), stage.invoke(f)];
    stage.effects();
    stage.state.fail_all_waiting(&FailureCause::Cancelled);
    stage.conclude(Round::No);
    let effects = stage.effects();
    let ended = ids.map(|id| outcome_of(&effects, id).is_some());
    assert_eq!(ended, [false, true, false, true, true]);
}

/// Two containers of three places, the first of which became idle last; how four invocations that
/// come together are given to them.
fn four_together(reuse: ContainerReuse) -> Vec<u64> {
    let mut stage = Setup { reuse, ..Setup::new(Preset::Default, &[(8, 100, 100)]) }.stage();
    let f = stage.concurrent(in_one(3));
    let ids = stage.invoke_together(f, 4);
    for &id in ids.iter().rev() {
        stage.body_ended(id);
    }
    stage.starts();
    stage.invoke_together(f, 4);
    stage.starts().into_iter().map(|(container, ..)| container).collect()
}

#[test]
fn places_are_given_out_by_the_last_dispatch() {
    // The second container was given an invocation last.
    assert_eq!(four_together(ContainerReuse::MostRecentlyUsed), [1, 1, 1, 0]);
    assert_eq!(four_together(ContainerReuse::LeastRecentlyUsed), [0, 1, 0, 1], "they take turns");
    assert_eq!(four_together(ContainerReuse::Oldest), [0, 0, 0, 1]);
    assert_eq!(four_together(ContainerReuse::Newest), [1, 1, 1, 0]);
}

#[test]
fn where_none_may_run_all_are_rejected() {
    for throttle in [Throttle::Queue, Throttle::Reject] {
        let stage = |max_concurrency| {
            Setup { throttle, max_concurrency, ..Setup::new(Preset::Default, &[(8, 400, 100)]) }
                .stage()
        };
        let rejected = |stage: &mut Stage, function: FunctionId| {
            let id = stage.invoke(function);
            let effects = stage.effects();
            outcome_of(&effects, id) == Some(Outcome::Rejected) && stage.causes() == ["throttled"]
        };
        for (of_service, reserved) in
            [(None, false), (None, true), (Some(2), false), (Some(2), true)]
        {
            let mut stage = stage(of_service);
            let (stopped, other) =
                (stage.concurrent(at_most(0, reserved)), stage.function(None, 10, 0));
            assert!(
                rejected(&mut stage, stopped) && rejected(&mut stage, stopped),
                "{of_service:?} {reserved}"
            );
            let runs = stage.invoke(other);
            assert!(stage.is_running(runs), "others are not held up");
        }
        let mut stage = stage(Some(0));
        for concurrency in [at_most(3, false), at_most(0, true), Concurrency::default()] {
            let function = stage.concurrent(concurrency);
            assert!(rejected(&mut stage, function), "there are no places at all");
        }
    }
}

#[test]
fn a_function_that_is_stopped_leaves_all_places_to_others() {
    let mut stage =
        Setup { max_concurrency: Some(2), ..Setup::new(Preset::Default, &[(8, 400, 100)]) }.stage();
    stage.concurrent(at_most(0, true));
    stage.concurrent(at_most(0, false));
    // They share nothing, so all may be reserved.
    let all = stage.concurrent(at_most(2, true));
    let ids = stage.invoke_together(all, 2);
    assert!(ids.iter().all(|&id| stage.is_running(id)));
}
