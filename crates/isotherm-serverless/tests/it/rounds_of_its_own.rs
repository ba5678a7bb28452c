//! Schedulers that ask for rounds while nothing waits, and start and stop containers in them.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{Duration, RunError, Time};
use isotherm_serverless::scheduler::{ByNode, Dispatch, FirstFit, Plan, Scheduler, StartAhead};
use isotherm_serverless::{EventKind, FunctionId, NodeId, Preset, StartKind, StopReason, View};

use crate::common::{World, keep, limit, register, secs, served, sleeper};

fn at(seconds: f64) -> Time {
    Time::ZERO + secs(seconds)
}

type Dates = Rc<RefCell<Vec<f64>>>;

/// First fit; in rounds of its own it does what it is told.
struct Clockwork<F> {
    inner: ByNode<FirstFit>,
    first: Option<Time>,
    act: F,
    /// The dates of the rounds in which nothing was pending.
    idle_rounds: Dates,
}

impl<F: FnMut(&View<'_>, &mut Plan)> Clockwork<F> {
    fn new(first: Option<Time>, act: F) -> (Self, Dates) {
        let idle_rounds = Dates::default();
        let inner = ByNode::new(FirstFit, true);
        (Clockwork { inner, first, act, idle_rounds: Rc::clone(&idle_rounds) }, idle_rounds)
    }
}

impl<F: FnMut(&View<'_>, &mut Plan)> Scheduler for Clockwork<F> {
    fn first_round(&self) -> Option<Time> {
        self.first
    }

    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        if view.pending().next().is_some() {
            self.inner.round(view, plan);
        } else {
            self.idle_rounds.borrow_mut().push(view.now().as_secs_f64());
        }
        (self.act)(view, plan);
    }
}

#[test]
fn containers_are_started_ahead_and_stopped() {
    let world = World::new(2);
    let act = |view: &View<'_>, plan: &mut Plan| {
        let node = NodeId(1);
        if view.now() == at(5.0) {
            let start = StartAhead { function: FunctionId(0), node, keep: None };
            plan.starts.extend([start; 2]);
            // A function that does not exist.
            plan.starts.push(StartAhead { function: FunctionId(7), ..start });
            plan.next_round = Some(at(20.0));
        }
        if view.now() == at(20.0) {
            assert_eq!(view.containers_of(FunctionId(0)), 2);
            plan.stops.extend(view.idle(FunctionId(0), node).take(1));
        }
    };
    let (scheduler, idle_rounds) = Clockwork::new(Some(at(5.0)), act);
    let service = world.service(Preset::Default, |config| {
        config.scheduler = Box::new(scheduler);
        config.startup_overhead = secs(3.0);
        keep(config, 60.0);
    });
    let stopped = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&stopped);
    service.observe(Box::new(move |event| {
        if let EventKind::ContainerStopped { cause, .. } = event.kind {
            log.borrow_mut().push((event.at, cause == StopReason::Evicted));
        }
    }));
    let (manager, platform) = (world.manager.clone(), service.clone());
    let (first, second) = world.play(|me| async move {
        let function = register(&manager, &platform, &sleeper("f", None, 1.0), limit(9.0)).await;
        me.sleep_until(at(10.0)).await;
        let first = served(&manager, &function).await;
        me.sleep_until(at(25.0)).await;
        (first, served(&manager, &function).await)
    });
    for record in [first.record(), second.record()] {
        assert_eq!(record.start_kind, Some(StartKind::Warm));
        assert_eq!(record.node.as_deref(), Some("node1"));
    }
    assert_eq!(*idle_rounds.borrow(), [5.0, 20.0]);
    assert_eq!(*stopped.borrow(), [(at(20.0), false)]);
}

#[test]
fn a_busy_container_is_not_stopped() {
    let world = World::new(1);
    let act = |view: &View<'_>, plan: &mut Plan| {
        plan.stops.extend((0..9).map(isotherm_serverless::ContainerId));
        plan.next_round = Some(view.now() + secs(0.3));
    };
    let (scheduler, _) = Clockwork::new(None, act);
    let service = world.service(Preset::Default, |config| config.scheduler = Box::new(scheduler));
    let manager = world.manager.clone();
    let record = world.play(|_| async move {
        let function = register(&manager, &service, &sleeper("f", None, 1.0), limit(9.0)).await;
        served(&manager, &function).await.record()
    });
    assert_eq!(record.response(), secs(1.0));
}

#[test]
fn the_date_of_a_later_plan_replaces_that_of_an_earlier_one() {
    let world = World::new(1);
    let act = |view: &View<'_>, plan: &mut Plan| match view.now() {
        // A round for an invocation: sooner than the first round, which is not held any more.
        now if now == at(1.0) => plan.next_round = Some(at(2.0)),
        // A date that has passed: as soon as any time has passed.
        now if now == at(2.0) => plan.next_round = Some(at(1.0)),
        now if now == at(2.0) + Duration::from_nanos(1) => plan.next_round = Some(at(6.0)),
        _ => {}
    };
    let (scheduler, idle_rounds) = Clockwork::new(Some(at(4.0)), act);
    let service = world.service(Preset::Default, |config| config.scheduler = Box::new(scheduler));
    let manager = world.manager.clone();
    world.play(|me| async move {
        let function = register(&manager, &service, &sleeper("f", None, 0.1), limit(9.0)).await;
        me.sleep_until(at(1.0)).await;
        served(&manager, &function).await;
        me.sleep_until(at(9.0)).await;
    });
    assert_eq!(*idle_rounds.borrow(), [2.0, 2.000000001, 6.0]);
}

/// Places nothing before a date, and looks every second.
struct InBatches {
    inner: ByNode<FirstFit>,
    from: Time,
}

impl Scheduler for InBatches {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        if view.now() >= self.from {
            self.inner.round(view, plan);
        }
        plan.next_round = Some(view.now() + secs(1.0));
    }
}

#[test]
fn invocations_wait_for_a_round_of_the_schedulers_own() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        config.scheduler =
            Box::new(InBatches { inner: ByNode::new(FirstFit, true), from: at(0.5) });
    });
    let manager = world.manager.clone();
    let record = world.play(|_| async move {
        let function = register(&manager, &service, &sleeper("f", None, 2.0), limit(9.0)).await;
        served(&manager, &function).await.record()
    });
    assert_eq!((record.dispatched, record.finished), (Some(at(1.0)), at(3.0)));
}

#[test]
fn a_scheduler_that_looks_for_ever_and_places_nothing_is_a_named_deadlock() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        config.scheduler =
            Box::new(InBatches { inner: ByNode::new(FirstFit, true), from: Time::NEVER });
    });
    let manager = world.manager.clone();
    let ended = world.try_play(|_| async move {
        let function = register(&manager, &service, &sleeper("f", None, 2.0), limit(9.0)).await;
        served(&manager, &function).await;
    });
    let Err(RunError::Deadlock { reasons, .. }) = ended else { panic!("{ended:?}") };
    assert!(reasons[0].contains("the scheduler, which places it nowhere"), "{reasons:?}");
}

/// Decides what is infeasible, for ever at one date if it is let.
struct Stubborn;

impl Scheduler for Stubborn {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let Some(next) = view.pending().next() else { return };
        let (invocation, node) = (next.invocation, NodeId(99));
        plan.dispatches.push(Dispatch { invocation, node, container: None });
        plan.next_round = Some(view.now() + secs(1.0));
        plan.goes_on = true;
    }
}

#[test]
fn rounds_in_vain_are_not_held_for_ever() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| config.scheduler = Box::new(Stubborn));
    let manager = world.manager.clone();
    let ended = world.try_play(|_| async move {
        let function = register(&manager, &service, &sleeper("f", None, 2.0), limit(9.0)).await;
        served(&manager, &function).await;
    });
    assert!(matches!(ended, Err(RunError::Deadlock { .. })), "{ended:?}");
}

/// Starts and stops a container, for ever at one date if it is let.
struct Restless;

impl Scheduler for Restless {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let (function, node) = (FunctionId(0), NodeId(0));
        plan.stops.extend(view.idle(function, node));
        plan.starts.push(StartAhead { function, node, keep: None });
        plan.goes_on = true;
    }
}

#[test]
fn limits_hold_for_rounds_at_one_date() {
    let mut world = World::new(1);
    let limits = isotherm_kernel::Limits { max_steps_per_instant: 5_000, ..Default::default() };
    world.simulation = std::mem::take(&mut world.simulation).with_limits(limits);
    let service = world.service(Preset::Default, |config| config.scheduler = Box::new(Restless));
    let manager = world.manager.clone();
    let ended = world.try_play(|_| async move {
        let function = register(&manager, &service, &sleeper("f", None, 2.0), limit(9.0)).await;
        served(&manager, &function).await;
    });
    assert!(matches!(ended, Err(RunError::Livelock { .. })), "{ended:?}");
}

/// Wants a round in an hour, in every round, and places nothing in rounds of its own.
struct Later(ByNode<FirstFit>);

impl Scheduler for Later {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.0.round(view, plan);
        plan.next_round = Some(view.now() + secs(3600.0));
    }
}

#[test]
fn dates_that_are_replaced_leave_nothing_behind() {
    let rounds_due = |invocations: u32| {
        let world = World::new(1);
        let later = Later(ByNode::new(FirstFit, true));
        let service = world.service(Preset::Default, |config| config.scheduler = Box::new(later));
        let log = world.log_messages();
        let manager = world.manager.clone();
        world.play(|me| async move {
            let function = sleeper("f", None, 0.1);
            let function = register(&manager, &service, &function, limit(9.0)).await;
            for _ in 0..invocations {
                served(&manager, &function).await;
            }
            me.sleep(secs(2.0 * 3600.0)).await;
        });
        log.0.borrow().iter().filter(|message| message.kind == "round_due").count()
    };
    // That of the first round, one for what was asked for until then, and one an hour later.
    assert_eq!((rounds_due(2), rounds_due(500)), (3, 3));
}

#[test]
fn rounds_are_held_when_the_head_host_is_back() {
    let world = World::new(1);
    let act = |view: &View<'_>, plan: &mut Plan| {
        let start = StartAhead { function: FunctionId(0), node: NodeId(0), keep: None };
        plan.starts.push(start);
        plan.next_round = Some(view.now() + secs(5.0));
    };
    let (scheduler, idle_rounds) = Clockwork::new(Some(at(5.0)), act);
    let service = world.service(Preset::Default, |config| config.scheduler = Box::new(scheduler));
    world.turn_off(7.0, world.head);
    world.turn_on(22.0, world.head);
    let (manager, platform) = (world.manager.clone(), service.clone());
    let containers = world.play(|me| async move {
        register(&manager, &platform, &sleeper("f", None, 0.1), limit(9.0)).await;
        me.sleep_until(at(21.0)).await;
        let lost = platform.view(|view| view.containers_of(FunctionId(0))).unwrap();
        me.sleep_until(at(30.0)).await;
        (lost, platform.view(|view| view.containers_of(FunctionId(0))).unwrap())
    });
    assert_eq!(*idle_rounds.borrow(), [5.0, 22.0, 27.0]);
    assert_eq!(containers, (0, 2));
}
