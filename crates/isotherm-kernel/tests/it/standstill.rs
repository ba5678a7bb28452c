//! Standstill: which pending changes waiting actors wait for, for how long, and what the error
//! says.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::simulation;
use isotherm_kernel::{
    ActivitySpec, Change, Duration, Kernel, Limits, Mailbox, Rank, ResourceId, RunError, Sharing,
    Simulation, StandstillHandler, Time,
};

fn date(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

/// Sets the capacity of a resource at dates that repeat for ever: to `on` at the beginning of each
/// period, to 0 after `busy`.
fn pulse(kernel: &Kernel, resource: ResourceId, on: f64, busy: Duration, period: Duration) {
    fn next(kernel: &Kernel, resource: ResourceId, values: [(Duration, f64); 2], period: Duration) {
        let [(after, value), other] = values;
        kernel.background_at(kernel.now() + after, Change::Repeated(period), move |kernel| {
            kernel.set_capacity(resource, value);
            next(kernel, resource, [other, (after, value)], period);
        });
    }
    let idle = Duration::from_nanos(period.as_nanos() - busy.as_nanos());
    next(kernel, resource, [(busy, 0.0), (idle, on)], period);
}

/// All activities stop at 2 s, and a change at 100 s lets them go on: 10 of 40 are done at 2 s, so
/// 30 are left at 10/s.
#[test]
fn what_is_still_to_come_is_waited_for() {
    let (simulation, kernel) = simulation();
    let resource = kernel.resource(5.0, Sharing::Shared);
    kernel.background_at(date(2.0), Change::Once, move |kernel| kernel.set_capacity(resource, 0.0));
    kernel.background_at(date(100.0), Change::Once, move |kernel| {
        kernel.set_capacity(resource, 10.0)
    });
    let activity = kernel.start(ActivitySpec::new(Rank::Cpu, 40.0).uses(resource, 1.0));
    kernel.spawn("works", async move { activity.await.unwrap() });
    assert_eq!(simulation.run(), Ok(date(103.0)));
}

/// The limit on time applies while actors wait for a change, and comes before a deadlock.
#[test]
fn a_limit_on_time_holds_while_a_change_is_waited_for() {
    let limit = date(50.0);
    let limits = Limits { max_time: Some(limit), ..Limits::default() };
    let simulation = Simulation::new().with_limits(limits);
    let kernel = simulation.kernel();
    let resource = kernel.resource(0.0, Sharing::Shared);
    kernel.background_at(date(100.0), Change::Once, move |kernel| {
        kernel.set_capacity(resource, 10.0)
    });
    let activity = kernel.start(ActivitySpec::new(Rank::Cpu, 40.0).uses(resource, 1.0));
    kernel.spawn("works", async move { activity.await.unwrap() });
    assert_eq!(simulation.run(), Err(RunError::TimeLimit { limit }));
}

/// The last change is at 7 s and has no effect.
#[test]
fn a_deadlock_is_dated_when_the_last_change_has_come() {
    let (simulation, kernel) = simulation();
    let seen = Rc::new(Cell::new(0));
    for second in [3.0, 7.0] {
        let seen = Rc::clone(&seen);
        kernel.background_at(date(second), Change::Once, move |_| seen.set(seen.get() + 1));
    }
    let mailbox = kernel.mailbox::<()>("nobody writes");
    kernel.spawn("waiter", async move { mailbox.receive().await });
    let Err(RunError::Deadlock { at, .. }) = simulation.run() else { panic!("it is a deadlock") };
    assert_eq!((at, seen.get()), (date(7.0), 2));
}

/// Changes that repeat do not prevent a deadlock: it comes after a thousand of the longest periods.
#[test]
fn what_repeats_for_ever_keeps_nothing_going_for_ever() {
    let (simulation, kernel) = simulation();
    let (short, long) =
        (kernel.resource(1.0, Sharing::Shared), kernel.resource(1.0, Sharing::Shared));
    pulse(&kernel, short, 1.0, Duration::from_secs(1), Duration::from_secs(2));
    pulse(&kernel, long, 1.0, Duration::from_secs(1), Duration::from_secs(10));
    let mailbox = kernel.mailbox::<()>("nobody writes");
    kernel.spawn("waiter", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(Duration::from_secs(5)).await;
            mailbox.receive().await;
        }
    });
    let Err(RunError::Deadlock { at, .. }) = simulation.run() else { panic!("it is a deadlock") };
    assert_eq!(at, date(5.0));
    let seconds = kernel.now().as_secs_f64();
    assert!((9_990.0..=10_010.0).contains(&seconds), "given up at {seconds}");
}

/// Work that is done for a second of every ten counts as progress however long it takes: 5,000
/// units at 1/s take 5,000 periods.
#[test]
fn work_that_goes_on_now_and_then_is_waited_for() {
    let (simulation, kernel) = simulation();
    let resource = kernel.resource(1.0, Sharing::Shared);
    pulse(&kernel, resource, 1.0, Duration::from_secs(1), Duration::from_secs(10));
    let activity = kernel.start(ActivitySpec::new(Rank::Cpu, 5_000.0).uses(resource, 1.0));
    kernel.spawn("works", async move { activity.await.unwrap() });
    let end = simulation.run().unwrap().as_secs_f64();
    assert!((end - 49_991.0).abs() < 1e-3, "{end}");
}

/// One resource works for the first second of every 10 s, another for one of every 10.001 s, from
/// 5 s on: in period k the second one begins k ms later, and they first meet in period 4,001, for
/// 1 ms, until 5 + 4,001 · 10.001 + 1 s, and then for 2 ms from 40,030 s on. So 2 ms of work, for
/// which both are needed, are done at 40,030.001 s.
#[test]
fn two_that_meet_more_rarely_than_a_thousand_periods_are_waited_for() {
    let (simulation, kernel) = simulation();
    let (one, other) =
        (kernel.resource(1.0, Sharing::Shared), kernel.resource(0.0, Sharing::Shared));
    pulse(&kernel, one, 1.0, Duration::from_secs(1), Duration::from_secs(10));
    kernel.background_at(date(5.0), Change::Once, move |kernel| {
        kernel.set_capacity(other, 1.0);
        pulse(kernel, other, 1.0, Duration::from_secs(1), Duration::from_millis(10_001));
    });
    let activity =
        kernel.start(ActivitySpec::new(Rank::Cpu, 0.002).uses(one, 1.0).uses(other, 1.0));
    kernel.spawn("works", async move { activity.await.unwrap() });
    let end = simulation.run().unwrap().as_secs_f64();
    assert!((end - 40_030.001).abs() < 1e-6, "{end}");
}

/// Periods of 1 s and 1.000000001 s come round together after 31 years: too long to wait.
#[test]
fn periods_that_hardly_ever_come_round_together_are_given_up() {
    let (simulation, kernel) = simulation();
    let (one, other) =
        (kernel.resource(1.0, Sharing::Shared), kernel.resource(1.0, Sharing::Shared));
    pulse(&kernel, one, 1.0, Duration::from_millis(500), Duration::from_secs(1));
    pulse(&kernel, other, 1.0, Duration::from_millis(500), Duration::from_nanos(1_000_000_001));
    let mailbox = kernel.mailbox::<()>("nobody writes");
    kernel.spawn("waiter", async move { mailbox.receive().await });
    let Err(RunError::Deadlock { at, .. }) = simulation.run() else { panic!("it is a deadlock") };
    assert_eq!(at, Time::ZERO);
    // Four changes a second: 4,000 in a thousand periods, and 100,000 further ones.
    let changes = 4.0 * kernel.now().as_secs_f64();
    assert!((changes - 104_000.0).abs() <= 8.0, "given up after {changes} changes");
}

/// A completion in each period is progress, unless the activity is a part of a task that starts
/// again: then it is a deadlock, which otherwise only the limit on events would end.
#[test]
fn parts_of_what_begins_anew_are_no_progress() {
    for is_part in [false, true] {
        let limits = Limits { max_events: Some(20_000), ..Limits::default() };
        let simulation = Simulation::new().with_limits(limits);
        let kernel = simulation.kernel();
        let resource = kernel.resource(1.0, Sharing::Shared);
        pulse(&kernel, resource, 1.0, Duration::from_secs(2), Duration::from_secs(10));
        let begins = kernel.mailbox::<()>("begins");
        fn begin(kernel: &Kernel, begins: Mailbox<()>) {
            kernel.background_at(
                kernel.now() + Duration::from_secs(10),
                Change::Repeated(Duration::from_secs(10)),
                move |kernel| {
                    begins.send_detached(());
                    begin(kernel, begins);
                },
            );
        }
        begin(&kernel, begins.clone());
        kernel.actor("daemon").daemon().spawn({
            let kernel = kernel.clone();
            async move {
                loop {
                    begins.receive().await;
                    let part = kernel.start(ActivitySpec::new(Rank::Cpu, 1.0).uses(resource, 1.0));
                    let part = if is_part { part.as_part() } else { part };
                    part.await.unwrap();
                }
            }
        });
        let mailbox = kernel.mailbox::<()>("nobody writes");
        kernel.spawn("waiter", async move { mailbox.receive().await });
        match simulation.run() {
            Err(RunError::Deadlock { at, .. }) if is_part => assert_eq!(at, Time::ZERO),
            Err(RunError::EventLimit { .. }) if !is_part => {}
            other => panic!("{other:?}"),
        }
    }
}

/// In each period an activity is started, makes no progress and is cancelled, so its remaining work
/// differs from date to date. This is no progress.
#[test]
fn what_is_begun_and_broken_off_again_and_again_is_no_progress() {
    fn toggle(kernel: &Kernel, resource: ResourceId, begins: bool) {
        let half = Duration::from_secs(5);
        kernel.background_at(kernel.now() + half, Change::Repeated(half + half), move |kernel| {
            if begins {
                kernel.start(ActivitySpec::new(Rank::Cpu, 1.0).uses(resource, 1.0)).detach();
            } else {
                kernel.fail_users(resource);
            }
            toggle(kernel, resource, !begins);
        });
    }
    let limits = Limits { max_events: Some(20_000), ..Limits::default() };
    let simulation = Simulation::new().with_limits(limits);
    let kernel = simulation.kernel();
    toggle(&kernel, kernel.resource(0.0, Sharing::Shared), false);
    let mailbox = kernel.mailbox::<()>("nobody writes");
    kernel.spawn("waiter", async move { mailbox.receive().await });
    let Err(RunError::Deadlock { at, .. }) = simulation.run() else { panic!("it is a deadlock") };
    assert_eq!(at, Time::ZERO);
}

/// Actors wait for a retry only if something has changed since it was scheduled.
#[test]
fn a_further_try_is_waited_for_if_something_has_changed() {
    for (asked, tried) in [(1.0, true), (3.0, false)] {
        let (simulation, kernel) = simulation();
        let mailbox = kernel.mailbox::<()>("answer");
        kernel.background_at(date(2.0), Change::Once, |_| {});
        // A call is no progress.
        let answer = mailbox.clone();
        kernel.call_after(Duration::from_secs_f64(asked), move |kernel| {
            kernel.background_at(date(60.0), Change::Retry, move |_| answer.send_detached(()));
        });
        kernel.spawn("waiter", async move { mailbox.receive().await });
        match simulation.run() {
            Ok(end) => assert_eq!((end, tried), (date(60.0), true)),
            Err(RunError::Deadlock { at, .. }) => assert_eq!((at, tried), (date(2.0), false)),
            Err(other) => panic!("{other}"),
        }
    }
}

/// What ends after the last date has an error of its own, for sleeps and for activities. A deadline
/// that never comes does not count.
#[test]
fn what_lies_beyond_the_end_of_time_is_no_deadlock() {
    let run = |begin: &dyn Fn(&Kernel)| {
        let simulation = Simulation::new();
        begin(&simulation.kernel());
        simulation.run().unwrap_err()
    };
    let sleeps = run(&|kernel| drop(kernel.spawn("sleeper", kernel.sleep(Duration::MAX))));
    assert!(matches!(sleeps, RunError::BeyondTime { at: Time::ZERO, .. }), "{sleeps}");
    assert!(sleeps.to_string().contains("beyond the end of time"), "{sleeps}");
    let works = run(&|kernel| {
        let resource = kernel.resource(1.0, Sharing::Shared);
        let activity = kernel.start(ActivitySpec::new(Rank::Cpu, 1e30).uses(resource, 1.0));
        drop(kernel.spawn("works", async move {
            let _ = activity.await;
        }));
    });
    assert!(matches!(works, RunError::BeyondTime { .. }), "{works}");
    let stands = run(&|kernel| {
        let resource = kernel.resource(0.0, Sharing::Shared);
        let activity = kernel.start(ActivitySpec::new(Rank::Cpu, 1.0).uses(resource, 1.0));
        drop(kernel.spawn("stands", async move {
            let _ = activity.await;
        }));
    });
    assert!(matches!(stands, RunError::Deadlock { .. }), "{stands}");
    let waits = run(&|kernel| {
        let (mailbox, kernel) = (kernel.mailbox::<()>("nobody writes"), kernel.clone());
        let actor = kernel.clone();
        drop(actor.spawn("waits", async move {
            let _ = isotherm_kernel::with_deadline(&kernel, Time::NEVER, mailbox.receive()).await;
        }));
    });
    assert!(matches!(waits, RunError::Deadlock { .. }), "{waits}");
}

/// Actors do not wait for a background load that never ends, a daemon that sleeps for ever, or a
/// call that never comes: it is a deadlock, unless a service is busy.
#[test]
fn what_goes_on_for_ever_in_the_background_hides_no_deadlock() {
    struct Service(bool);
    impl StandstillHandler for Service {
        fn is_busy(&self) -> bool {
            self.0
        }
        fn missing(&self) -> Vec<String> {
            Vec::new()
        }
    }
    type Begin = fn(&Kernel);
    let start = |kernel: &Kernel| {
        let resource = kernel.resource(1.0, Sharing::Shared);
        kernel.start(ActivitySpec::new(Rank::Cpu, 1e30).uses(resource, 1.0))
    };
    let nothing: Begin = |_| {};
    let load: Begin = |kernel| {
        let resource = kernel.resource(1.0, Sharing::Shared);
        kernel.start(ActivitySpec::new(Rank::Cpu, 1e30).uses(resource, 1.0)).detach();
    };
    let call: Begin = |kernel| _ = kernel.call_after(Duration::MAX, |_| {});
    let sleeping_daemon: Begin =
        |kernel| drop(kernel.actor("daemon").daemon().spawn(kernel.sleep(Duration::MAX)));
    // The last column: whether it counts if a service is busy.
    let all = [
        ("nothing", nothing, false),
        ("load", load, false),
        ("call", call, true),
        ("daemon", sleeping_daemon, true),
    ];
    for (name, begin, may_serve) in all {
        for is_busy in [false, true] {
            let (simulation, kernel) = simulation();
            let service: Rc<dyn StandstillHandler> = Rc::new(Service(is_busy));
            kernel.add_standstill_handler(Rc::downgrade(&service));
            begin(&kernel);
            let mailbox = kernel.mailbox::<()>("nobody writes");
            drop(kernel.spawn("waiter", async move { mailbox.receive().await }));
            let error = simulation.run().unwrap_err();
            let is_beyond = matches!(error, RunError::BeyondTime { .. });
            assert_eq!(is_beyond, may_serve && is_busy, "{name}, {is_busy}: {error}");
            assert!(is_beyond || matches!(error, RunError::Deadlock { .. }), "{name}: {error}");
        }
    }
    // An actor that holds an activity and waits for something else does not wait for the activity.
    let (simulation, kernel) = simulation();
    let (load, mailbox) = (start(&kernel), kernel.mailbox::<()>("nobody writes"));
    kernel.spawn("holder", async move {
        mailbox.receive().await;
        drop(load);
    });
    let error = simulation.run().unwrap_err();
    assert!(matches!(error, RunError::Deadlock { .. }), "{error}");
}

/// Two changes per millisecond while all actors wait for a change after an hour: the limit on
/// events ends the run, and so does a watcher.
#[test]
fn limits_apply_to_repeating_changes_while_all_actors_wait() {
    let begin = |simulation: &Simulation| {
        let kernel = simulation.kernel();
        let resource = kernel.resource(1.0, Sharing::Shared);
        pulse(&kernel, resource, 1.0, Duration::from_micros(500), Duration::from_millis(1));
        let mailbox = kernel.mailbox::<()>("letters");
        let letters = mailbox.clone();
        kernel.background_at(date(3600.0), Change::Once, move |_| letters.send_detached(()));
        drop(kernel.spawn("waiter", async move { mailbox.receive().await }));
    };
    let simulation =
        Simulation::new().with_limits(Limits { max_events: Some(1000), ..Limits::default() });
    begin(&simulation);
    // The thousandth change is at 500 ms; the one after it would be too many.
    assert_eq!(simulation.run(), Err(RunError::EventLimit { limit: 1000, at: date(0.5005) }));
    let looks = Rc::new(Cell::new(0));
    let seen = Rc::clone(&looks);
    let simulation = Simulation::new().with_watcher(100, move |_| {
        seen.set(seen.get() + 1);
        if seen.get() < 10 {
            std::ops::ControlFlow::Continue(())
        } else {
            std::ops::ControlFlow::Break(())
        }
    });
    begin(&simulation);
    assert!(matches!(simulation.run(), Err(RunError::Interrupted { .. })));
    assert_eq!(looks.get(), 10);
}

/// While other events are pending changes are no events, unless there are very many between two
/// events.
#[test]
fn changes_count_as_events_only_where_nothing_else_happens() {
    let run = |sleep: f64, max_events| {
        let limits = Limits { max_events: Some(max_events), ..Limits::default() };
        let simulation = Simulation::new().with_limits(limits);
        let kernel = simulation.kernel();
        let resource = kernel.resource(1.0, Sharing::Shared);
        pulse(&kernel, resource, 1.0, Duration::from_micros(500), Duration::from_millis(1));
        drop(kernel.spawn("sleeper", kernel.sleep(Duration::from_secs_f64(sleep))));
        simulation.run()
    };
    assert_eq!(run(10.0, 1), Ok(date(10.0)), "one event and 20,000 changes");
    // A million changes take 500 s.
    assert_eq!(run(501.0, 10), Err(RunError::EventLimit { limit: 10, at: date(500.0055) }));
}

/// Retries scheduled at one date or several are each waited for if something has changed since, and
/// forgotten when they have been made.
#[test]
fn each_of_many_tries_is_known_by_when_it_was_asked_for() {
    let (simulation, kernel) = simulation();
    let made = Rc::new(RefCell::new(Vec::new()));
    // By the date at which they are scheduled; a change happens at 2 s.
    for (asked, due) in [(1.0, 30.0), (1.0, 10.0), (1.5, 20.0), (3.0, 15.0), (3.0, 40.0)] {
        let made = Rc::clone(&made);
        kernel.call_after(Duration::from_secs_f64(asked), move |kernel| {
            kernel.background_at(date(due), Change::Retry, move |kernel| {
                made.borrow_mut().push(kernel.now().as_secs_f64());
            });
        });
    }
    kernel.background_at(date(2.0), Change::Once, |_| {});
    let mailbox = kernel.mailbox::<()>("nobody writes");
    drop(kernel.spawn("waiter", async move { mailbox.receive().await }));
    let error = simulation.run().unwrap_err();
    assert!(matches!(error, RunError::Deadlock { .. }), "{error}");
    // After the last earlier retry, actors do not wait for the one at 40 s.
    assert_eq!(*made.borrow(), [10.0, 15.0, 20.0, 30.0]);
}

struct Adviser {
    kernel: Kernel,
    tries: Cell<u32>,
    answer: RefCell<Option<isotherm_kernel::Mailbox<()>>>,
}

impl StandstillHandler for Adviser {
    fn retry(&self) -> bool {
        let Some(answer) = self.answer.take() else { return false };
        self.tries.set(self.tries.get() + 1);
        self.kernel.call_after(Duration::from_secs(3), move |_| answer.send_detached(()));
        true
    }

    fn missing(&self) -> Vec<String> {
        vec!["two screws are missing".to_owned()]
    }
}

/// A standstill handler may retry, and is asked what is missing.
#[test]
fn witnesses_try_first_and_are_asked_then() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<()>("answer");
    let adviser = Rc::new(Adviser {
        kernel: kernel.clone(),
        tries: Cell::new(0),
        answer: RefCell::new(Some(mailbox.clone())),
    });
    let handler: Rc<dyn StandstillHandler> = adviser.clone();
    kernel.add_standstill_handler(Rc::downgrade(&handler));
    let gone: Weak<dyn StandstillHandler> = Weak::<Adviser>::new();
    kernel.add_standstill_handler(gone);
    kernel.spawn("waiter", async move {
        mailbox.receive().await;
        mailbox.receive().await;
    });
    let error = simulation.run().unwrap_err();
    assert_eq!(adviser.tries.get(), 1);
    assert_eq!(
        error.to_string(),
        "deadlock at 3.000000000 s: two screws are missing; 'waiter' waits for a message in mailbox 'answer'"
    );
}
