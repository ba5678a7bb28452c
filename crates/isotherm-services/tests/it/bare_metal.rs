//! Bare-metal services: dates, limits, cores, failures, the ledger.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Duration, Limits, RunError, Time};
use isotherm_platform::Platform;
use isotherm_services::{
    Action, ActionReport, ActionRequest, ActionState, ActionStatus, Address, AtLimit,
    BareMetalConfig, BareMetalService, ExecutionController, FailureCause,
};

const MB: u64 = 1_000_000;

/// The ends of actions: the name, the date and the result.
type End = (&'static str, Time, ActionReport);

struct Bench {
    world: World,
    service: BareMetalService,
    me: Address,
    ends: Rc<RefCell<Vec<End>>>,
}

impl Bench {
    fn new(cores: Option<u32>) -> Self {
        let world = World::new();
        let config = BareMetalConfig { name: "compute".into(), host: world.node, cores };
        let service = BareMetalService::start(&world.site, config);
        let me = Address::new(&world.site, world.head, "test");
        Bench { world, service, me, ends: Rc::default() }
    }

    fn request(&self, name: &'static str, action: Action) -> ActionRequest {
        let (ends, kernel) = (Rc::clone(&self.ends), self.world.site.kernel().clone());
        ActionRequest::new(name, action, move |report| {
            ends.borrow_mut().push((name, kernel.now(), report));
        })
    }

    fn submit(&self, request: ActionRequest) -> isotherm_services::ActionId {
        let id = self.service.submit(&self.me, 0, request);
        self.service.check();
        id
    }

    /// Runs for 1000 s.
    fn run(&self) -> Vec<End> {
        let checked = self.service.clone();
        self.world.play(async move |me| {
            for _ in 0..1000 {
                checked.check();
                me.sleep(secs(1.0)).await;
            }
        });
        self.service.check();
        let ledger = self.service.ledger();
        assert_eq!((ledger.pending, ledger.running, ledger.cores_in_use), (0, 0, 0));
        self.ends.take()
    }

    /// The one report there is.
    fn only(&self) -> (Time, ActionReport) {
        let mut ends = self.run();
        assert_eq!(ends.len(), 1, "{ends:?}");
        let (_, date, report) = ends.remove(0);
        (date, report)
    }
}

fn sleep(seconds: f64) -> Action {
    Action::Sleep(secs(seconds))
}

/// The same in an actor.
fn nap(seconds: f64) -> Action {
    Action::custom(async move |context| {
        context.sleep(secs(seconds)).await;
        Ok(())
    })
}

fn at(seconds: f64) -> Option<Time> {
    Some(Time::from_secs_f64(seconds))
}

fn host_failed() -> FailureCause {
    FailureCause::HostFailed { host: "node".into() }
}

#[test]
fn the_overhead_comes_before_the_body_and_is_not_under_the_limit() {
    // 5 s of overhead and 3 s of body under a limit of 4 s.
    for action in [sleep(3.0), nap(3.0)] {
        let bench = Bench::new(None);
        bench.submit(ActionRequest {
            startup: secs(5.0),
            time_limit: Some(secs(4.0)),
            ..bench.request("a", action)
        });
        let (date, report) = bench.only();
        assert_eq!(Some(date), at(8.0));
        assert_eq!(report, ActionReport { started: at(5.0), ended: at(8.0), result: Ok(()) });
    }
}

#[test]
fn a_body_beyond_its_limit_is_killed_and_has_no_end() {
    for at_limit in [AtLimit::TimedOut, AtLimit::Completed] {
        for action in [sleep(30.0), nap(30.0), Action::Compute { flops: 30.0 * 50e9, cores: 1 }] {
            let bench = Bench::new(None);
            bench.submit(ActionRequest {
                time_limit: Some(secs(4.0)),
                at_limit,
                ..bench.request("a", action)
            });
            let (date, report) = bench.only();
            assert_eq!(Some(date), at(4.0));
            let result = Err(FailureCause::TimeLimit);
            assert_eq!(report, ActionReport { started: at(0.0), ended: None, result });
        }
    }
}

#[test]
fn a_body_that_ends_at_its_limit_counts_as_the_rule_says() {
    // All ways of working: a sleep, two sleeps, a computation, a read of a disk, a stream from a
    // disk.
    let bodies: [fn(&Bench) -> Action; 6] = [
        |_| sleep(4.0),
        |_| nap(4.0),
        |_| {
            Action::custom(async move |context| {
                context.sleep(secs(1.0)).await;
                context.sleep(secs(3.0)).await;
                Ok(())
            })
        },
        |_| Action::Compute { flops: 4.0 * 50e9, cores: 1 },
        |_| {
            Action::custom(async move |context| {
                let platform = context.site().platform();
                let disk = platform.disk_at(context.host(), "/").unwrap();
                platform.disk_read(disk, 4e8).await.unwrap();
                Ok(())
            })
        },
        |bench| {
            let end = bench.world.disk_end(bench.world.node, None);
            Action::custom(async move |context| {
                let site = context.site();
                let memory = isotherm_services::DataEnd::memory_for(context.host(), &end);
                isotherm_services::move_data(site, end, memory, 400 * MB).await
            })
        },
    ];
    for body in bodies {
        for (at_limit, result) in
            [(AtLimit::TimedOut, Err(FailureCause::TimeLimit)), (AtLimit::Completed, Ok(()))]
        {
            let bench = Bench::new(None);
            bench.submit(ActionRequest {
                time_limit: Some(secs(4.0)),
                at_limit,
                ..bench.request("a", body(&bench))
            });
            let (date, report) = bench.only();
            assert_eq!(Some(date), at(4.0));
            assert_eq!(report, ActionReport { started: at(0.0), ended: at(4.0), result });
        }
    }
}

#[test]
fn a_body_that_needs_more_turns_at_its_limit_is_killed_or_waited_for() {
    // The read ends at 4 s at the storage service; its acknowledgement reaches the body some steps
    // later.
    for (at_limit, ended, result) in [
        (AtLimit::TimedOut, None, Err(FailureCause::TimeLimit)),
        (AtLimit::Completed, at(4.0), Ok(())),
    ] {
        let bench = Bench::new(None);
        let storage = bench.world.storage("store", bench.world.node);
        storage.put("a", 400 * MB, 0).unwrap();
        let file = "a".into();
        bench.submit(ActionRequest {
            time_limit: Some(secs(4.0)),
            at_limit,
            ..bench.request("a", Action::Read { storage: storage.clone(), file })
        });
        let (_, report) = bench.only();
        assert_eq!(report, ActionReport { started: at(0.0), ended, result });
        assert_eq!(storage.transfers(), 0);
    }
}

#[test]
fn a_body_beyond_its_limit_leaves_the_books_of_a_storage_right() {
    let bench = Bench::new(None);
    let storage = bench.world.storage("store", bench.world.node);
    let (file, bytes) = ("a".into(), 1000 * MB);
    let action = Action::Write { storage: storage.clone(), file, bytes };
    let files = storage.file_system();
    let used = Rc::new(Cell::new(None));
    let seen = Rc::clone(&used);
    let request = ActionRequest::new("a", action, move |report| {
        assert_eq!(report.result, Err(FailureCause::TimeLimit));
        seen.set(Some(files.borrow().used()));
    });
    bench.submit(ActionRequest { time_limit: Some(secs(4.0)), ..request });
    bench.run();
    assert_eq!(used.get(), Some(0), "free again when the end is reported");
    assert_eq!(storage.transfers(), 0);
}

#[test]
fn a_body_that_fails_says_why_and_when() {
    for limit in [None, Some(secs(10.0))] {
        let bench = Bench::new(None);
        let message = || FailureCause::BodyFailed { message: "no input".into() };
        let action = Action::custom(async move |context| {
            context.sleep(secs(2.0)).await;
            Err(message())
        });
        bench.submit(ActionRequest { time_limit: limit, ..bench.request("a", action) });
        let (_, report) = bench.only();
        let result = Err(message());
        assert_eq!(report, ActionReport { started: at(0.0), ended: at(2.0), result });
        assert_eq!(bench.service.ledger().failed, 1);
    }
}

#[test]
fn every_kind_of_action_does_what_it_says() {
    let bench = Bench::new(None);
    let (here, there) = (
        bench.world.storage("here", bench.world.node),
        bench.world.storage("there", bench.world.head),
    );
    let file = || "a".into();
    let actions = [
        // 1 s each: 5e10 flop/s per core, 1e8 B/s for the disk. On two cores twice the work.
        Action::Compute { flops: 5e10, cores: 1 },
        Action::Compute { flops: 1e11, cores: 2 },
        Action::Write { storage: here.clone(), file: file(), bytes: 100 * MB },
        Action::Read { storage: here.clone(), file: file() },
        Action::Copy { from: here.clone(), to: there.clone(), file: file() },
        Action::Delete { storage: here.clone(), file: file() },
        Action::Delete { storage: here.clone(), file: file() },
    ];
    let count = actions.len();
    for action in actions {
        // One core: one after the other.
        bench.submit(ActionRequest { cores: 10, ..bench.request("a", action) });
    }
    let ends = bench.run();
    let dates: Vec<_> = ends.iter().map(|(_, date, _)| *date).collect();
    for (date, expected) in dates.iter().zip([1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0]) {
        assert!((date.as_secs_f64() - expected).abs() < 1e-6, "{dates:?}");
    }
    let (storage, file) = ("here".into(), "a".into());
    assert!(ends[..count - 1].iter().all(|(_, _, report)| report.result.is_ok()));
    assert_eq!(ends[count - 1].2.result, Err(FailureCause::FileNotFound { storage, file }));
    assert!(there.file_system().borrow().lookup("a").is_some());
}

#[test]
fn actions_wait_for_cores_in_the_order_of_submission() {
    // Four cores. `b` needs three and waits behind `a`; `c` would fit but waits behind `b`.
    let bench = Bench::new(Some(4));
    for (name, cores, seconds) in [("a", 2, 5.0), ("b", 3, 2.0), ("c", 1, 1.0), ("d", 2, 1.0)] {
        bench.submit(ActionRequest { cores, ..bench.request(name, sleep(seconds)) });
    }
    let ledger = bench.service.ledger();
    assert_eq!((ledger.cores, ledger.cores_in_use, ledger.running, ledger.pending), (4, 2, 1, 3));
    let ends: Vec<_> = bench.run().iter().map(|end| (end.0, end.1.as_secs_f64())).collect();
    // `b` and `c` start at 5 s; `d` when `b` has given its cores back.
    assert_eq!(ends, [("a", 5.0), ("c", 6.0), ("b", 7.0), ("d", 8.0)]);
}

#[test]
fn what_can_never_run_is_refused() {
    let bench = Bench::new(Some(4));
    bench.submit(ActionRequest { cores: 5, ..bench.request("a", sleep(1.0)) });
    let (date, report) = bench.only();
    assert_eq!(date, Time::ZERO);
    let reason = "the action needs 5 cores and the service has 4".into();
    assert_eq!(report.result, Err(FailureCause::NotAllowed { reason }));
}

#[test]
fn the_cores_of_the_host_are_the_default() {
    assert_eq!(Bench::new(None).service.ledger().cores, 10);
}

#[test]
fn a_cancelled_action_ends_once_wherever_it_is() {
    // Waiting, starting, running, with and without an actor; then the waiting actions take the
    // cores.
    for (action, date) in [(sleep(5.0), 0.5), (nap(5.0), 0.5), (sleep(5.0), 3.0), (nap(5.0), 3.0)] {
        let bench = Bench::new(Some(1));
        let request = ActionRequest { startup: secs(1.0), ..bench.request("a", action) };
        let first = bench.submit(request);
        let waiting = bench.submit(bench.request("b", sleep(1.0)));
        bench.submit(bench.request("c", sleep(2.0)));
        let service = bench.service.clone();
        bench.world.at(date, move |_| {
            assert!(service.cancel(first));
            assert!(service.cancel(waiting));
            assert!(!service.cancel(first));
            service.check();
        });
        let ends = bench.run();
        let names: Vec<_> = ends.iter().map(|end| (end.0, end.1.as_secs_f64())).collect();
        assert_eq!(names, [("a", date), ("b", date), ("c", date + 2.0)]);
        for (_, _, report) in &ends[..2] {
            assert_eq!(report.result, Err(FailureCause::Cancelled));
            assert_eq!(report.ended, None);
        }
        assert_eq!(ends[0].2.started, if date > 1.0 { at(1.0) } else { None });
        assert_eq!(ends[1].2.started, None);
        let ledger = bench.service.ledger();
        assert_eq!((ledger.submitted, ledger.completed, ledger.failed), (3, 1, 2));
    }
}

#[test]
fn a_body_may_cancel_itself() {
    let bench = Bench::new(None);
    let id = Rc::new(Cell::new(None));
    let (own, service) = (Rc::clone(&id), bench.service.clone());
    let action = Action::custom(async move |context| {
        context.sleep(secs(1.0)).await;
        service.cancel(own.get().unwrap());
        context.sleep(secs(1.0)).await;
        Ok(())
    });
    id.set(Some(bench.submit(bench.request("a", action))));
    let (date, report) = bench.only();
    assert_eq!(Some(date), at(1.0));
    assert_eq!(report.result, Err(FailureCause::Cancelled));
}

#[test]
fn the_host_fails_under_actions_of_all_kinds() {
    let bench = Bench::new(Some(5));
    bench.submit(bench.request("sleep", sleep(5.0)));
    bench.submit(bench.request("nap", nap(5.0)));
    bench.submit(bench.request("compute", Action::Compute { flops: 5.0 * 50e9, cores: 1 }));
    bench.submit(ActionRequest { startup: secs(9.0), ..bench.request("starting", sleep(1.0)) });
    bench.submit(ActionRequest {
        time_limit: Some(secs(9.0)),
        ..bench.request("limited", nap(5.0))
    });
    bench.submit(bench.request("waiting", sleep(5.0)));
    let (service, me) = (bench.service.clone(), bench.me.clone());
    let late = bench.request("late", sleep(1.0));
    bench.world.at(2.0, move |platform| {
        platform.turn_off(platform.host("node").unwrap());
        service.check();
        assert!(!service.is_up());
        service.submit(&me, 0, late);
    });
    let ends = bench.run();
    let mut names: Vec<_> = ends.iter().map(|end| end.0).collect();
    names.sort_unstable();
    assert_eq!(names, ["compute", "late", "limited", "nap", "sleep", "starting", "waiting"]);
    for (_, date, report) in &ends {
        assert_eq!(Some(*date), at(2.0));
        assert_eq!((&report.result, report.ended), (&Err(host_failed()), None));
    }
    assert_eq!(bench.service.ledger().failed, 7);
}

#[test]
fn the_service_may_be_started_again_with_its_host() {
    let bench = Bench::new(None);
    bench.submit(bench.request("before", sleep(5.0)));
    let (service, me) = (bench.service.clone(), bench.me.clone());
    let (after, again) = (bench.request("after", sleep(5.0)), bench.request("again", sleep(9.0)));
    bench.world.at(2.0, |platform| platform.turn_off(platform.host("node").unwrap()));
    bench.world.at(3.0, move |platform: &Platform| {
        platform.turn_on(platform.host("node").unwrap());
        assert!(!service.is_up());
        service.restart();
        service.restart();
        service.submit(&me, 0, after);
        service.submit(&me, 0, again);
    });
    bench.world.at(10.0, |platform| platform.turn_off(platform.host("node").unwrap()));
    let ends = bench.run();
    let dates: Vec<_> = ends.iter().map(|end| (end.0, end.1.as_secs_f64())).collect();
    assert_eq!(dates, [("before", 2.0), ("after", 8.0), ("again", 10.0)]);
}

#[test]
fn a_service_on_a_host_that_is_off_refuses() {
    let world = World::new();
    world.platform().turn_off(world.node);
    let config = BareMetalConfig { name: "compute".into(), host: world.node, cores: None };
    let service = BareMetalService::start(&world.site, config);
    let me = Address::new(&world.site, world.head, "test");
    let ended = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&ended);
    let request = ActionRequest::new("a", sleep(1.0), move |report| {
        slot.replace(Some(report.result));
    });
    service.submit(&me, 0, request);
    assert_eq!(*ended.borrow(), None, "never called from within a method");
    world.simulation.run().unwrap();
    assert_eq!(ended.take(), Some(Err(host_failed())));
}

#[test]
fn stopping_ends_everything_in_the_order_of_submission() {
    let bench = Bench::new(Some(2));
    bench.submit(bench.request("a", nap(5.0)));
    bench.submit(bench.request("b", sleep(5.0)));
    bench.submit(bench.request("c", sleep(5.0)));
    let (service, me) = (bench.service.clone(), bench.me.clone());
    let (ends, late) = (Rc::clone(&bench.ends), bench.request("d", sleep(1.0)));
    bench.world.at(2.0, move |_| {
        service.stop();
        service.check();
        service.submit(&me, 0, late);
        assert!(ends.borrow().is_empty(), "never called from within a method");
    });
    let ends = bench.run();
    assert_eq!(ends.iter().map(|end| end.0).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    let cause = FailureCause::ServiceStopped { service: "compute".into() };
    assert!(ends.iter().all(|end| end.2.result == Err(cause.clone()) && Some(end.1) == at(2.0)));
}

#[test]
fn a_submission_with_a_payload_arrives_when_its_transfer_ends() {
    let bench = Bench::new(None);
    bench.service.submit(&bench.me, MB, bench.request("a", sleep(1.0)));
    let (date, report) = bench.only();
    assert_date(report.started.unwrap(), LAN_LATENCY + 1e6 / LAN);
    assert_date(date, LAN_LATENCY + 1e6 / LAN + 1.0);
}

#[test]
fn a_submission_that_is_lost_or_cancelled_on_its_way_ends() {
    // 1 GB takes 0.087 s.
    let bench = Bench::new(None);
    bench.service.submit(&bench.me, 1000 * MB, bench.request("lost", sleep(1.0)));
    let id = bench.service.submit(&bench.me, 1000 * MB, bench.request("cancelled", sleep(1.0)));
    let service = bench.service.clone();
    bench.world.at(0.01, move |_| assert!(service.cancel(id)));
    bench.world.at(0.02, |platform| platform.link_off(platform.link("lan").unwrap()));
    let ends = bench.run();
    let ends: Vec<_> =
        ends.iter().map(|end| (end.0, end.1.as_secs_f64(), end.2.result.clone())).collect();
    let detail = "link `lan`".into();
    assert_eq!(
        ends,
        [
            ("cancelled", 0.01, Err(FailureCause::Cancelled)),
            ("lost", 0.02, Err(FailureCause::NetworkFailed { detail })),
        ]
    );
}

#[test]
fn the_status_tells_how_far_an_action_is() {
    let bench = Bench::new(Some(1));
    let status = Rc::new(ActionStatus::default());
    bench.submit(bench.request("before", sleep(1.0)));
    bench.submit(ActionRequest {
        startup: secs(1.0),
        status: Some(Rc::clone(&status)),
        ..bench.request("a", sleep(1.0))
    });
    let seen = Rc::new(RefCell::new(Vec::new()));
    for date in [0.5, 1.5, 2.5, 3.5] {
        let (status, seen) = (Rc::clone(&status), Rc::clone(&seen));
        bench.world.at(date, move |_| seen.borrow_mut().push((status.state(), status.started())));
    }
    bench.run();
    let seen = seen.take();
    assert_eq!(
        seen,
        [
            (ActionState::Pending, None),
            (ActionState::Starting, None),
            (ActionState::Running, at(2.0)),
            (ActionState::Ended, at(2.0)),
        ]
    );
}

#[test]
fn a_callback_may_submit_again() {
    // Ten thousand actions, each submitted by the end of the one before.
    fn next(service: &BareMetalService, me: &Address, left: u32) {
        let (service_then, me_then) = (service.clone(), me.clone());
        let request = ActionRequest::new("a", Action::Sleep(Duration::from_millis(1)), move |_| {
            if left > 1 {
                next(&service_then, &me_then, left - 1);
            }
        });
        service.submit(me, 0, request);
    }
    let bench = Bench::new(Some(1));
    next(&bench.service, &bench.me, 10_000);
    bench.run();
    assert_eq!(bench.service.ledger().completed, 10_000);
}

/// Who is told of an end sees that the cores have gone to what waited for them.
#[test]
fn what_waits_has_started_when_an_end_is_told() {
    let bench = Bench::new(Some(1));
    let (service, counts) = (bench.service.clone(), Rc::new(Cell::new((0, 0))));
    let noted = Rc::clone(&counts);
    let first = ActionRequest::new("first", sleep(1.0), move |_| {
        let ledger = service.ledger();
        noted.set((ledger.completed, ledger.running));
    });
    bench.submit(first);
    bench.submit(bench.request("second", nap(1.0)));
    bench.run();
    assert_eq!(counts.get(), (1, 1));
}

#[test]
fn the_end_of_the_simulation_calls_no_callbacks() {
    let world = World::new();
    let simulation = world
        .simulation
        .with_limits(Limits { max_time: Some(Time::from_secs_f64(2.0)), ..Limits::default() });
    let config = BareMetalConfig { name: "compute".into(), host: world.node, cores: None };
    let service = BareMetalService::start(&world.site, config);
    let me = Address::new(&world.site, world.head, "test");
    let called = Rc::new(Cell::new(false));
    for action in [sleep(5.0), nap(5.0)] {
        let called = Rc::clone(&called);
        service.submit(&me, 0, ActionRequest::new("a", action, move |_| called.set(true)));
    }
    ExecutionController::spawn(&world.site, world.user, "controller", async move |me| {
        me.sleep(secs(10.0)).await;
    });
    assert!(matches!(simulation.run(), Err(RunError::TimeLimit { .. })));
    drop(simulation);
    assert!(!called.get());
}

/// Work that is not valid fails the action, and nothing else.
#[test]
fn work_that_is_negative_or_not_a_number_is_not_allowed() {
    for flops in [-1.0, f64::NAN, f64::NEG_INFINITY] {
        let bench = Bench::new(Some(5));
        for cores in [0, 1, 3] {
            bench.submit(bench.request("wrong", Action::Compute { flops, cores }));
        }
        bench.submit(bench.request("none", Action::Compute { flops: -0.0, cores: 1 }));
        for (name, _, report) in bench.run() {
            match (name, report.result) {
                ("none", Ok(())) | ("wrong", Err(FailureCause::NotAllowed { .. })) => {}
                (name, result) => panic!("{name}, {flops} flop: {result:?}"),
            }
        }
    }
}
