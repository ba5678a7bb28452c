//! A simulation that is advanced from outside.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use isotherm_kernel::{
    ActivitySpec, Advanced, Change, Duration, Kernel, Limits, Rank, RunError, Sharing, Simulation,
    Time,
};
use proptest::prelude::*;

use super::simulation;

type Log = Rc<RefCell<Vec<(Time, usize, usize)>>>;

#[derive(Clone, Debug)]
enum Action {
    Sleep(u64),
    /// Work on one of two resources.
    Work(usize, u64),
    Send,
    /// With a time-out.
    Receive(u64),
    Pause,
}

fn actions() -> impl Strategy<Value = Vec<Vec<Action>>> {
    let action = prop_oneof![
        (0u64..5).prop_map(Action::Sleep),
        (0usize..2, 0u64..30).prop_map(|(resource, work)| Action::Work(resource, work)),
        Just(Action::Send),
        (1u64..9).prop_map(Action::Receive),
    ];
    prop::collection::vec(prop::collection::vec(action, 0..8), 1..6)
}

/// The same with pauses, one action in three.
fn actions_with_pauses() -> impl Strategy<Value = Vec<Vec<Action>>> {
    (actions(), prop::collection::vec(0usize..3, 48)).prop_map(|(mut actors, places)| {
        let mut places = places.into_iter().cycle();
        for action in actors.iter_mut().flatten() {
            if places.next() == Some(0) {
                *action = Action::Pause;
            }
        }
        actors
    })
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Actors that note when each of their actions has ended, and a resource that changes.
fn setting(simulation: &Simulation, actors: &[Vec<Action>]) -> Log {
    let log = Log::default();
    let kernel = simulation.kernel();
    let resources = [kernel.resource(3.0, Sharing::Shared), kernel.resource(7.0, Sharing::Shared)];
    let mailbox = kernel.mailbox::<usize>("letters");
    for (number, actions) in actors.iter().enumerate() {
        let (kernel, log, mailbox, actions) =
            (kernel.clone(), log.clone(), mailbox.clone(), actions.clone());
        simulation.kernel().spawn("actor", async move {
            for (index, action) in actions.into_iter().enumerate() {
                match action {
                    Action::Sleep(duration) => kernel.sleep(secs(duration)).await,
                    Action::Work(resource, work) => {
                        let spec = ActivitySpec::new(Rank::Cpu, work as f64);
                        let work = kernel.start(spec.uses(resources[resource], 1.0));
                        work.await.expect("the resource does not fail");
                    }
                    Action::Send => mailbox.send_detached(number),
                    Action::Receive(limit) => {
                        let _ = mailbox.receive_with_timeout(secs(limit)).await;
                    }
                    Action::Pause => kernel.pause(),
                }
                log.borrow_mut().push((kernel.now(), number, index));
            }
        });
    }
    for (at, capacity) in [(3, 0.0), (11, 5.0)] {
        kernel.background_at(Time::ZERO + secs(at), Change::Once, move |kernel: &Kernel| {
            kernel.set_capacity(resources[0], capacity);
        });
    }
    log
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    #[test]
    fn advanced_in_any_steps_it_is_the_same(
        actors in actions(),
        steps in prop::collection::vec(prop::option::of(0u64..4_000_000_000), 0..30),
    ) {
        let whole = Simulation::new();
        let expected = setting(&whole, &actors);
        let end = whole.run();
        let simulation = Simulation::new();
        let (kernel, log) = (simulation.kernel(), setting(&simulation, &actors));
        let mut result = Ok(Advanced::Paused);
        for step in steps {
            let before = kernel.now();
            result = match step {
                Some(nanos) => {
                    let date = before + Duration::from_nanos(nanos);
                    let result = simulation.run_until(date);
                    if result == Ok(Advanced::Paused) {
                        prop_assert_eq!(kernel.now(), date);
                    }
                    result
                }
                None => simulation.step(),
            };
            if result != Ok(Advanced::Paused) {
                break;
            }
            let now = kernel.now();
            let until_now: Vec<_> = expected.borrow().iter().copied().filter(|entry| entry.0 <= now).collect();
            prop_assert_eq!(&*log.borrow(), &until_now);
        }
        if result == Ok(Advanced::Paused) {
            result = simulation.run().map(Advanced::Ended);
        }
        prop_assert_eq!(result, end.map(Advanced::Ended));
        prop_assert_eq!(&*log.borrow(), &*expected.borrow());
    }

    /// Who only looks sees a simulation that cannot go on end when and as it would have ended.
    #[test]
    fn looked_at_in_any_steps_it_ends_as_it_would(
        actors in actions(),
        steps in prop::collection::vec(0u64..4_000_000_000, 0..30),
        waits in any::<bool>(),
    ) {
        let started = || {
            let simulation = Simulation::new();
            let log = setting(&simulation, &actors);
            if waits {
                let letters = simulation.kernel().mailbox::<()>("no letters");
                simulation.kernel().spawn("waiter", async move { letters.receive().await });
            }
            (simulation, log)
        };
        let (whole, expected) = started();
        let end = whole.run();
        prop_assert_eq!(end.is_err(), waits);
        let (simulation, log) = started();
        let mut result = Ok(Advanced::Paused);
        for step in steps {
            result = simulation.run_through(simulation.kernel().now() + Duration::from_nanos(step));
            if result != Ok(Advanced::Paused) {
                break;
            }
        }
        if result == Ok(Advanced::Paused) {
            result = simulation.run().map(Advanced::Ended);
        }
        prop_assert_eq!(result, end.map(Advanced::Ended));
        prop_assert_eq!(&*log.borrow(), &*expected.borrow());
    }

    /// A pause comes after the step that asks for it, and makes no difference to what happens.
    #[test]
    fn pauses_change_nothing(actors in actions_with_pauses()) {
        let whole = Simulation::new();
        let expected = setting(&whole, &actors);
        let end = whole.run();
        let simulation = Simulation::new();
        let log = setting(&simulation, &actors);
        let pauses = || {
            let is_pause = |&&(_, actor, index): &&(Time, usize, usize)| {
                matches!(actors[actor][index], Action::Pause)
            };
            log.borrow().iter().filter(is_pause).count()
        };
        let mut paused = 0;
        let result = loop {
            let result = simulation.run_until(Time::NEVER);
            if result != Ok(Advanced::Paused) {
                break result;
            }
            prop_assert!(pauses() > paused, "nothing else pauses it");
            paused = pauses();
            // The rest of the log is of one actor, which has asked for the pause in this step.
            let asks = *log.borrow().last().unwrap();
            prop_assert_eq!(asks.0, simulation.kernel().now());
            prop_assert_eq!(&log.borrow()[..], &expected.borrow()[..log.borrow().len()]);
        };
        prop_assert_eq!(result, end.map(Advanced::Ended));
        prop_assert_eq!(pauses(), paused, "every pause has been one");
        prop_assert_eq!(&*log.borrow(), &*expected.borrow());
    }
}

#[test]
fn a_step_is_one_date() {
    let (simulation, kernel) = simulation();
    let sleeper = kernel.clone();
    kernel.spawn("sleeper", async move {
        for _ in 0..2 {
            sleeper.sleep(secs(2)).await;
        }
    });
    assert_eq!(simulation.step(), Ok(Advanced::Paused));
    assert_eq!(kernel.now(), Time::ZERO + secs(2));
    assert_eq!(simulation.step(), Ok(Advanced::Ended(Time::ZERO + secs(4))));
    let again = RunError::AlreadyRun { ended: Time::ZERO + secs(4) };
    assert_eq!(simulation.step(), Err(again.clone()));
    assert_eq!(simulation.run(), Err(again));
}

#[test]
fn what_is_added_between_two_steps_happens() {
    let (simulation, kernel) = simulation();
    let sleeper = kernel.clone();
    kernel.spawn("sleeper", async move { sleeper.sleep(secs(5)).await });
    assert_eq!(simulation.run_until(Time::ZERO + secs(1)), Ok(Advanced::Paused));
    let later = kernel.clone();
    kernel.spawn("later", async move {
        later.sleep(secs(1)).await;
        assert_eq!(later.now(), Time::ZERO + secs(2));
        later.sleep(secs(8)).await;
    });
    // A date that has passed: what can happen now happens, and time does not go back.
    assert_eq!(simulation.run_until(Time::ZERO), Ok(Advanced::Paused));
    assert_eq!(kernel.now(), Time::ZERO + secs(1));
    assert_eq!(simulation.run(), Ok(Time::ZERO + secs(10)));
}

#[test]
fn a_simulation_that_waits_for_its_caller_is_paused() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox::<u32>("letters");
    let letters = mailbox.clone();
    kernel.spawn("receiver", async move { assert_eq!(letters.receive().await, 7) });
    let two = Time::ZERO + secs(2);
    assert_eq!(simulation.run_until(two), Ok(Advanced::Paused));
    assert_eq!(kernel.now(), two);
    mailbox.send_detached(7);
    assert_eq!(simulation.run(), Ok(two));
}

#[test]
fn limits_hold_whatever_the_steps() {
    let limit = Time::ZERO + secs(3);
    let limits = Limits { max_time: Some(limit), ..Limits::default() };
    for date in [secs(2), secs(4), secs(9)] {
        let simulation = Simulation::new().with_limits(limits);
        let kernel = simulation.kernel();
        let sleeper = kernel.clone();
        kernel.spawn("sleeper", async move { sleeper.sleep(secs(5)).await });
        let expected =
            if date > secs(3) { Err(RunError::TimeLimit { limit }) } else { Ok(Advanced::Paused) };
        assert_eq!(simulation.run_until(Time::ZERO + date), expected);
        assert!(kernel.now() <= limit);
        assert!(simulation.run().is_err());
    }
}

/// A background call for which no actor waits is made when time passes it.
#[test]
fn the_environment_changes_while_everything_waits() {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    let mailbox = kernel.mailbox::<()>("an answer");
    let waits = mailbox.clone();
    kernel.spawn("waits", async move { waits.receive().await });
    let far = Time::ZERO + secs(5_000_000);
    let called = Rc::new(Cell::new(None));
    let log = Rc::clone(&called);
    let change = Change::Repeated(secs(1));
    kernel.background_at(far, change, move |kernel| log.set(Some(kernel.now())));
    let later = far + secs(1);
    assert_eq!(simulation.run_until(later), Ok(Advanced::Paused));
    assert_eq!((kernel.now(), called.get()), (later, Some(far)));
    mailbox.send_detached(());
    assert_eq!(simulation.run_until(Time::NEVER), Ok(Advanced::Ended(later)));
}
