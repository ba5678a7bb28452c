//! The documented order of events at one date (kernel reference, §0.2), and the rules of time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::simulation;
use isotherm_kernel::{
    ActivitySpec, Change, Duration, Kernel, Limits, Rank, RunError, Sharing, Simulation, Time,
    select,
};

type Log = Rc<RefCell<Vec<String>>>;

fn note(log: &Log, kernel: &Kernel, what: impl Into<String>) {
    log.borrow_mut().push(format!("{} {}", kernel.now().as_nanos(), what.into()));
}

#[test]
fn sleepers_that_begin_together_wake_in_reverse() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    for number in 0..3 {
        let (kernel, log) = (kernel.clone(), log.clone());
        simulation.kernel().spawn("sleeper", async move {
            kernel.sleep(Duration::from_nanos(10)).await;
            note(&log, &kernel, number.to_string());
            kernel.sleep(Duration::from_nanos(10)).await;
            note(&log, &kernel, number.to_string());
        });
    }
    simulation.run().unwrap();
    // Reverse of the order of going to sleep, twice.
    assert_eq!(*log.borrow(), ["10 2", "10 1", "10 0", "20 0", "20 1", "20 2"]);
}

#[test]
fn sleeps_begun_at_different_dates_end_in_order_of_their_beginning() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    for (number, start) in [(0, 0), (1, 4), (2, 2)] {
        let (kernel, log) = (kernel.clone(), log.clone());
        simulation.kernel().spawn("sleeper", async move {
            kernel.sleep_until(Time::from_nanos(start)).await;
            kernel.sleep_until(Time::from_nanos(10)).await;
            note(&log, &kernel, number.to_string());
        });
    }
    simulation.run().unwrap();
    assert_eq!(*log.borrow(), ["10 0", "10 2", "10 1"]);
}

#[test]
fn activities_that_start_together_end_newest_first_and_latencies_oldest_first() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    let link = kernel.resource(100.0, Sharing::Shared);
    for number in 0..3 {
        let (flow_kernel, flow_log) = (kernel.clone(), log.clone());
        simulation.kernel().spawn("flow", async move {
            let flow = ActivitySpec::new(Rank::Network, 100.0).uses(link, 1.0);
            flow_kernel.start(flow).await.unwrap();
            note(&flow_log, &flow_kernel, format!("flow {number}"));
        });
        let (kernel, log) = (kernel.clone(), log.clone());
        simulation.kernel().spawn("ping", async move {
            let ping = ActivitySpec::new(Rank::Network, 0.0).latency(Duration::from_secs(1));
            kernel.start(ping).await.unwrap();
            note(&log, &kernel, format!("ping {number}"));
        });
    }
    simulation.run().unwrap();
    let (one, three) = ("1000000000", "3000000000");
    let expected = [
        format!("{one} ping 0"),
        format!("{one} ping 1"),
        format!("{one} ping 2"),
        format!("{three} flow 2"),
        format!("{three} flow 1"),
        format!("{three} flow 0"),
    ];
    assert_eq!(*log.borrow(), expected);
}

#[test]
fn plain_disk_activities_end_oldest_first() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    let disk = kernel.resource(100.0, Sharing::Shared);
    for number in 0..3 {
        let (kernel, log) = (kernel.clone(), log.clone());
        simulation.kernel().spawn("reader", async move {
            kernel.start(ActivitySpec::new(Rank::Disk, 100.0).uses(disk, 1.0)).await.unwrap();
            note(&log, &kernel, number.to_string());
        });
    }
    simulation.run().unwrap();
    assert_eq!(*log.borrow(), ["3000000000 0", "3000000000 1", "3000000000 2"]);
}

#[test]
fn one_date_goes_cpu_disk_network_timer() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    let second = Duration::from_secs(1);
    for rank in [Rank::Network, Rank::Disk, Rank::Cpu] {
        let resource = kernel.resource(1.0, Sharing::Shared);
        let (kernel, log) = (kernel.clone(), log.clone());
        simulation.kernel().spawn("worker", async move {
            kernel.start(ActivitySpec::new(rank, 1.0).uses(resource, 1.0)).await.unwrap();
            note(&log, &kernel, format!("{rank:?}"));
        });
    }
    let (timer, timer_log) = (kernel.clone(), log.clone());
    kernel.spawn("timer", async move {
        timer.timer_at(Time::ZERO + second).await;
        note(&timer_log, &timer, "timer");
    });
    let (sleeper, sleeper_log) = (kernel.clone(), log.clone());
    kernel.spawn("sleeper", async move {
        sleeper.sleep(second).await;
        note(&sleeper_log, &sleeper, "sleep");
    });
    simulation.run().unwrap();
    let order: Vec<String> =
        log.borrow().iter().map(|line| line.replace("1000000000 ", "")).collect();
    // Sleeps enter the queue of the CPU model before executions.
    assert_eq!(order, ["sleep", "Cpu", "Disk", "Network", "timer"]);
}

#[test]
fn everything_due_is_delivered_before_any_actor_of_that_date_runs() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<u32>("done");
    let link = kernel.resource(1.0, Sharing::Shared);
    let flow = kernel.start(ActivitySpec::new(Rank::Network, 1.0).uses(link, 1.0));
    let sleeper = kernel.clone();
    kernel.spawn("flow", {
        let mailbox = mailbox.clone();
        async move {
            flow.await.unwrap();
            mailbox.send_detached(1);
        }
    });
    let watcher = kernel.spawn("watcher", async move {
        sleeper.sleep(Duration::from_secs(1)).await;
        let before = mailbox.len();
        sleeper.yield_now().await;
        (before, mailbox.len())
    });
    let check = kernel.clone();
    kernel.spawn("check", async move {
        // The sleep (CPU) wakes the watcher first; the flow's actor is in the run queue already, so
        // one yield is enough.
        assert_eq!(watcher.join().await, Ok((0, 1)));
        assert_eq!(check.now(), Time::from_secs_f64(1.0));
    });
    simulation.run().unwrap();
}

#[test]
fn a_completion_wins_over_a_time_out_of_the_same_date() {
    let (simulation, kernel) = simulation();
    let link = kernel.resource(1.0, Sharing::Shared);
    let flow = kernel.start(ActivitySpec::new(Rank::Network, 1.0).uses(link, 1.0));
    kernel.clone().spawn("waiter", async move {
        let second = Time::from_secs_f64(1.0);
        let outcome = isotherm_kernel::with_deadline(&kernel, second, flow).await;
        assert_eq!(outcome, Ok(Ok(())));
        let outcome =
            isotherm_kernel::with_deadline(&kernel, second, kernel.sleep(Duration::from_nanos(1)))
                .await;
        assert!(outcome.is_err(), "a deadline that is now comes before the next nanosecond");
    });
    simulation.run().unwrap();
}

#[test]
fn a_deadlock_names_the_waiting_actors() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<()>("orders");
    kernel.spawn("waiter", {
        let mailbox = mailbox.clone();
        async move { mailbox.receive().await }
    });
    let stalled = kernel.resource(0.0, Sharing::Shared);
    let work = kernel.start(ActivitySpec::new(Rank::Cpu, 1.0).uses(stalled, 1.0));
    kernel.spawn("worker", async move { work.await.is_ok() });
    kernel.actor("server").daemon().spawn(async move { mailbox.receive().await });
    let error = simulation.run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "deadlock at 0.000000000 s: 'waiter' waits for a message in mailbox 'orders'; \
         'worker' waits for an activity that makes no progress"
    );
}

#[test]
fn limits_end_a_simulation_with_their_name() {
    let woken = Rc::new(Cell::new(0));
    let forever = |limits| {
        let simulation = Simulation::new().with_limits(limits);
        let kernel = simulation.kernel();
        let woken = Rc::clone(&woken);
        simulation.kernel().spawn("forever", async move {
            loop {
                kernel.sleep(Duration::from_secs(1)).await;
                woken.set(woken.get() + 1);
            }
        });
        simulation.run().unwrap_err()
    };
    let limit = Time::from_secs_f64(2.5);
    assert_eq!(
        forever(Limits { max_time: Some(limit), ..Limits::default() }),
        RunError::TimeLimit { limit }
    );
    assert_eq!(
        forever(Limits { max_events: Some(3), ..Limits::default() }),
        RunError::EventLimit { limit: 3, at: Time::from_secs_f64(4.0) }
    );
    assert_eq!(woken.replace(0), 2 + 3, "what is too much has no effect");
    let simulation =
        Simulation::new().with_limits(Limits { max_steps_per_instant: 10, ..Limits::default() });
    let kernel = simulation.kernel();
    simulation.kernel().spawn("busy", async move {
        loop {
            kernel.yield_now().await;
        }
    });
    assert_eq!(simulation.run(), Err(RunError::Livelock { at: Time::ZERO, steps: 10 }));
}

#[test]
fn a_simulation_ends_with_its_last_actor_that_is_no_daemon() {
    let (simulation, kernel) = simulation();
    let daemon = kernel.clone();
    kernel
        .actor("daemon")
        .daemon()
        .spawn(async move { daemon.sleep(Duration::from_secs(100)).await });
    let user = kernel.clone();
    kernel.spawn("user", async move { user.sleep(Duration::from_secs(3)).await });
    assert_eq!(simulation.run(), Ok(Time::from_secs_f64(3.0)));
}

#[test]
fn calls_are_sleeps_without_an_actor() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    let second = Duration::from_secs(1);
    let call_log = log.clone();
    kernel.call_after(second, move |kernel| note(&call_log, kernel, "call"));
    let (sleeper, sleeper_log) = (kernel.clone(), log.clone());
    kernel.spawn("sleeper", async move {
        sleeper.sleep(second).await;
        note(&sleeper_log, &sleeper, "sleep");
    });
    let cancelled = kernel.call_after(second, |_| panic!("cancelled"));
    assert!(kernel.cancel_call(cancelled));
    assert!(!kernel.cancel_call(cancelled));
    simulation.run().unwrap();
    // The sleep began after the call, so it comes first.
    assert_eq!(*log.borrow(), ["1000000000 sleep", "1000000000 call"]);
}

#[test]
fn select_prefers_its_first_future() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<u32>("box");
    mailbox.send_detached(7);
    kernel.clone().spawn("selector", async move {
        let first = select(mailbox.receive(), kernel.sleep(Duration::ZERO)).await;
        assert_eq!(first, isotherm_kernel::Either::First(7));
        let second = select(mailbox.receive(), kernel.sleep(Duration::from_secs(1))).await;
        assert_eq!(second, isotherm_kernel::Either::Second(()));
    });
    assert_eq!(simulation.run(), Ok(Time::from_secs_f64(1.0)));
}

#[test]
fn background_calls_come_before_what_ends_at_their_date_and_keep_nothing_alive() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    let link = kernel.resource(10.0, Sharing::Shared);
    let second = Time::from_secs_f64(1.0);
    let (call_log, call_kernel) = (log.clone(), kernel.clone());
    kernel.background_at(second, Change::Once, move |kernel| {
        note(&call_log, &call_kernel, "change");
        kernel.set_capacity(link, 5.0);
    });
    kernel.background_at(Time::from_secs_f64(100.0), Change::Once, |_| panic!("after the end"));
    let (flow_log, flow_kernel) = (log.clone(), kernel.clone());
    kernel.spawn("flows", async move {
        // 10 of 20 are done at 10/s in one second, the rest at 5/s in two more.
        let long = flow_kernel.start(ActivitySpec::new(Rank::Network, 20.0).uses(link, 1.0));
        flow_kernel.sleep_until(second).await;
        note(&flow_log, &flow_kernel, "sleep");
        long.await.unwrap();
        note(&flow_log, &flow_kernel, "flow");
    });
    assert_eq!(simulation.run(), Ok(Time::from_secs_f64(3.0)));
    assert_eq!(*log.borrow(), ["1000000000 change", "1000000000 sleep", "3000000000 flow"]);
}

type Start = Box<dyn Fn(&Kernel)>;

/// Loops in which time stands still: in the run queue alone, and through the event queue.
fn standing_still() -> [(&'static str, Start); 4] {
    fn again(kernel: &Kernel) {
        kernel.call_after(Duration::ZERO, again);
    }
    [
        ("calls", Box::new(again)),
        (
            "yields",
            Box::new(|kernel| {
                let own = kernel.clone();
                drop(kernel.spawn("yields", async move {
                    loop {
                        own.yield_now().await;
                    }
                }));
            }),
        ),
        (
            "timers",
            Box::new(|kernel| {
                let own = kernel.clone();
                drop(kernel.spawn("timers", async move {
                    loop {
                        own.timer_at(own.now()).await;
                    }
                }));
            }),
        ),
        (
            "no work",
            Box::new(|kernel| {
                let own = kernel.clone();
                let resource = kernel.resource(1.0, Sharing::Shared);
                drop(kernel.spawn("works", async move {
                    loop {
                        own.start(ActivitySpec::new(Rank::Cpu, 0.0).uses(resource, 1.0))
                            .await
                            .unwrap();
                    }
                }));
            }),
        ),
    ]
}

#[test]
fn a_limit_of_events_holds_where_time_stands_still() {
    for (what, begin) in standing_still() {
        let limits = Limits { max_events: Some(1_000), ..Limits::default() };
        let simulation = Simulation::new().with_limits(limits);
        let kernel = simulation.kernel();
        let begin_kernel = kernel.clone();
        kernel.spawn("late", async move {
            begin_kernel.sleep(Duration::from_secs(2)).await;
            begin(&begin_kernel);
            begin_kernel.sleep(Duration::from_secs(1)).await;
        });
        let limit = RunError::EventLimit { limit: 1_000, at: Time::from_secs_f64(2.0) };
        assert_eq!(simulation.run(), Err(limit), "{what}");
    }
}

#[test]
fn a_limit_of_steps_holds_however_they_come_about() {
    for (what, begin) in standing_still() {
        let limits = Limits { max_steps_per_instant: 100, ..Limits::default() };
        let simulation = Simulation::new().with_limits(limits);
        let kernel = simulation.kernel();
        kernel.spawn("user", kernel.sleep(Duration::from_secs(1)));
        begin(&kernel);
        assert_eq!(
            simulation.run(),
            Err(RunError::Livelock { at: Time::ZERO, steps: 100 }),
            "{what}"
        );
    }
}

#[test]
fn a_watcher_is_heard_where_time_stands_still() {
    for (what, begin) in standing_still() {
        let mut looks = 0;
        let simulation = Simulation::new().with_watcher(10, move |_| {
            looks += 1;
            if looks < 7 {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        });
        let kernel = simulation.kernel();
        kernel.spawn("user", kernel.sleep(Duration::from_secs(1)));
        begin(&kernel);
        assert_eq!(simulation.run(), Err(RunError::Interrupted { at: Time::ZERO }), "{what}");
    }
}

#[test]
fn turns_of_one_date_are_no_events_unless_there_are_very_many() {
    // A thousand dates with a thousand steps each: as many steps as are free at one date, and twice
    // that.
    let run = |dates: u64, turns: u64, max_events| {
        let simulation = Simulation::new()
            .with_limits(Limits { max_events: Some(max_events), ..Limits::default() });
        let kernel = simulation.kernel();
        simulation.kernel().spawn("busy", async move {
            for _ in 0..dates {
                for _ in 0..turns {
                    kernel.yield_now().await;
                }
                kernel.sleep(Duration::from_secs(1)).await;
            }
        });
        simulation.run().is_ok()
    };
    assert!(run(1_000, 1_200, 1_000));
    assert!(!run(1_000, 1, 999));
    // The actor runs once more than it yields, and then there is the sleep.
    assert!(run(1, Limits::FREE_STEPS + 9, 11));
    assert!(!run(1, Limits::FREE_STEPS + 9, 10));
}

/// A caller that does the work of many steps in one counts them, and stops when it is told to.
#[test]
fn turns_within_a_turn_count_as_turns() {
    let run = |turns: u64, max_events: u64, looks: u64| {
        let limits = Limits { max_events: Some(max_events), ..Limits::default() };
        let mut left = looks;
        let simulation = Simulation::new().with_limits(limits).with_watcher(10, move |_| {
            left -= 1;
            if left > 0 {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        });
        let kernel = simulation.kernel();
        let done = Rc::new(Cell::new(0));
        let counter = Rc::clone(&done);
        simulation.kernel().spawn("busy", async move {
            for _ in 0..turns {
                if kernel.count_turn().is_break() {
                    break;
                }
                counter.set(counter.get() + 1);
            }
            kernel.sleep(Duration::from_secs(1)).await;
        });
        (simulation.run(), done.get())
    };
    let (at, free) = (Time::ZERO, Limits::FREE_STEPS);
    assert_eq!(run(free + 9, 10, u64::MAX), (Ok(at + Duration::from_secs(1)), free + 9));
    // The sleep is an event, too.
    assert_eq!(
        run(free + 10, 10, u64::MAX),
        (Err(RunError::EventLimit { limit: 10, at: at + Duration::from_secs(1) }), free + 10)
    );
    assert_eq!(
        run(10_000_000_000, 10, u64::MAX),
        (Err(RunError::EventLimit { limit: 10, at }), free + 10)
    );
    assert_eq!(run(10_000_000_000, 10, 7), (Err(RunError::Interrupted { at }), 69));
}
