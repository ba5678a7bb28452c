//! Suspended actors: what stands still with them, what goes on, and when they run again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use isotherm_kernel::{
    Activity, ActivitySpec, Actor, DeadlinePassed, Duration, JoinError, Kernel, Rank, ResourceId,
    RunError, Sharing, Simulation, Time, join_all, with_deadline,
};
use proptest::prelude::*;

use crate::simulation;

fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn work(kernel: &Kernel, resource: ResourceId, amount: f64) -> Activity {
    kernel.start(ActivitySpec::new(Rank::Cpu, amount).uses(resource, 1.0))
}

/// What happened when.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<(&'static str, f64)>>>);

impl Log {
    fn add(&self, kernel: &Kernel, what: &'static str) {
        self.0.borrow_mut().push((what, kernel.now().as_secs_f64()));
    }
}

/// Suspends an actor at one date and resumes it at another.
fn pause<T: 'static>(kernel: &Kernel, actor: Actor<T>, from: f64, to: f64) {
    let timing = kernel.clone();
    kernel.spawn("master", async move {
        timing.sleep_until(at(from)).await;
        actor.suspend();
        assert!(actor.is_suspended());
        timing.sleep_until(at(to)).await;
        actor.resume();
        assert!(!actor.is_suspended());
    });
}

/// SimGrid actor-suspend, with its published dates: suspended by itself until 10; asleep from 10 to
/// 20, suspended from 15 to 25; asleep until 35, suspended from 30 to 32; 10 s of work, suspended
/// from 37 to 39.
#[test]
fn the_lazy_actor_of_simgrid() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(98.095e6, Sharing::Shared);
    let log = Log::default();
    let lazy = kernel.spawn("lazy", {
        let (kernel, log) = (kernel.clone(), log.clone());
        async move {
            kernel.suspend_self().await;
            log.add(&kernel, "called");
            kernel.sleep(secs(10.0)).await;
            log.add(&kernel, "waking up");
            kernel.sleep(secs(10.0)).await;
            log.add(&kernel, "waking up again");
            work(&kernel, core, 980.95e6).await.unwrap();
            log.add(&kernel, "done");
        }
    });
    kernel.spawn("dream master", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(secs(10.0)).await;
            assert!(lazy.is_suspended());
            lazy.resume();
            for (before, pause) in [(5.0, 10.0), (5.0, 2.0), (5.0, 2.0)] {
                kernel.sleep(secs(before)).await;
                lazy.suspend();
                kernel.sleep(secs(pause)).await;
                lazy.resume();
            }
        }
    });
    assert_eq!(simulation.run(), Ok(at(47.0)));
    assert_eq!(
        *log.0.borrow(),
        [("called", 10.0), ("waking up", 25.0), ("waking up again", 35.0), ("done", 47.0)]
    );
}

/// Two share a capacity of 10. While one is suspended, from 2 to 4, the other has all: it has 30
/// left at 2, 10 at 4, and ends at 6. The first has 30 left at 4, 20 at 6, and ends at 8.
#[test]
fn the_share_of_a_suspended_actor_goes_to_others() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(10.0, Sharing::Shared);
    let log = Log::default();
    let spawn = |name| {
        let (kernel, log) = (kernel.clone(), log.clone());
        kernel.clone().spawn(name, async move {
            work(&kernel, core, 40.0).await.unwrap();
            log.add(&kernel, name);
        })
    };
    pause(&kernel, spawn("first"), 2.0, 4.0);
    spawn("second");
    assert_eq!(simulation.run(), Ok(at(8.0)));
    assert_eq!(*log.0.borrow(), [("second", 6.0), ("first", 8.0)]);
}

/// All parts of a `join_all` stand still, whatever was polled last; what was started and is not
/// awaited does not. It is suspended twice, so that what is awaited is found in both ways.
#[test]
fn all_that_is_awaited_stands_still_and_nothing_else() {
    let (simulation, kernel) = simulation();
    let cores = [(); 4].map(|()| kernel.resource(1.0, Sharing::Shared));
    let log = Log::default();
    let actor = kernel.spawn("worker", {
        let (kernel, log) = (kernel.clone(), log.clone());
        async move {
            let other = work(&kernel, cores[3], 12.0);
            let parts = [2.0, 5.0, 8.0];
            join_all(parts.iter().zip(cores).map(|(&amount, core)| {
                let (kernel, log) = (&kernel, &log);
                async move {
                    work(kernel, core, amount).await.unwrap();
                    log.add(kernel, "part");
                }
            }))
            .await;
            other.await.unwrap();
            log.add(&kernel, "other");
        }
    });
    kernel.spawn("master", {
        let kernel = kernel.clone();
        async move {
            for date in [1.0, 5.0] {
                kernel.sleep_until(at(date)).await;
                actor.suspend();
                assert_eq!(kernel.awaited_by(actor.id()).len(), 3 - usize::from(date > 1.0));
                kernel.sleep(secs(1.0)).await;
                actor.resume();
            }
        }
    });
    // The parts are ready at 2 + 1, 5 + 2 and 8 + 2; the other work at 12, as if alone.
    assert_eq!(simulation.run(), Ok(at(12.0)));
    assert_eq!(*log.0.borrow(), [("part", 3.0), ("part", 7.0), ("part", 10.0), ("other", 12.0)]);
}

/// A deadline is a timer, which goes on: work of 3 s with a deadline at 4 is suspended from 1 to 5
/// and given up when its actor is resumed.
#[test]
fn a_deadline_is_not_prolonged() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(1.0, Sharing::Shared);
    let actor = kernel.spawn("worker", {
        let kernel = kernel.clone();
        async move {
            let work = work(&kernel, core, 3.0);
            let result = with_deadline(&kernel, at(4.0), work).await;
            assert_eq!(result, Err(DeadlinePassed(at(4.0))));
            assert_eq!(kernel.now(), at(5.0));
        }
    });
    pause(&kernel, actor, 1.0, 5.0);
    assert_eq!(simulation.run(), Ok(at(5.0)));
}

#[test]
fn a_message_is_received_when_the_receiver_is_resumed() {
    let (simulation, kernel) = simulation();
    let mailbox = kernel.mailbox("letters");
    let receiver = kernel.spawn("receiver", {
        let (kernel, mailbox) = (kernel.clone(), mailbox.clone());
        async move {
            assert_eq!(mailbox.receive().await, "letter");
            assert_eq!(kernel.now(), at(5.0));
        }
    });
    pause(&kernel, receiver, 1.0, 5.0);
    kernel.spawn("sender", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(secs(2.0)).await;
            // A rendezvous, so it waits for the receiver too.
            mailbox.send("letter").await;
            assert_eq!(kernel.now(), at(5.0));
        }
    });
    simulation.run().unwrap();
}

/// It has been put into the run queue but does not begin.
#[test]
fn an_actor_can_be_suspended_before_it_begins() {
    let (simulation, kernel) = simulation();
    let begun = Rc::new(Cell::new(None));
    let actor = kernel.spawn("actor", {
        let (kernel, begun) = (kernel.clone(), begun.clone());
        async move { begun.set(Some(kernel.now())) }
    });
    actor.suspend();
    pause(&kernel, actor, 1.0, 5.0);
    simulation.run().unwrap();
    assert_eq!(begun.get(), Some(at(5.0)));
}

/// Resumed before the run queue comes to it, it runs once, at its turn.
#[test]
fn suspending_and_resuming_within_an_instant_changes_nothing() {
    let (simulation, kernel) = simulation();
    let log = Log::default();
    let actors = ["one", "two"].map(|name| {
        let (kernel, log) = (kernel.clone(), log.clone());
        kernel.clone().spawn(name, async move {
            log.add(&kernel, name);
            kernel.sleep(secs(1.0)).await;
        })
    });
    actors[0].suspend();
    actors[0].resume();
    simulation.run().unwrap();
    assert_eq!(*log.0.borrow(), [("one", 0.0), ("two", 0.0)]);
}

/// By its own handle it goes on until it next waits; then what it waits for stands still.
#[test]
fn an_actor_that_suspends_itself_goes_on_until_it_waits() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(1.0, Sharing::Shared);
    let passed = Rc::new(Cell::new(false));
    let actor = kernel.spawn("actor", {
        let (kernel, passed) = (kernel.clone(), passed.clone());
        async move {
            let me = kernel.current();
            kernel.suspend_actor(me);
            assert!(kernel.is_actor_suspended(me));
            kernel.resume_actor(me);
            kernel.sleep(secs(1.0)).await;
            assert_eq!(kernel.now(), at(1.0));
            kernel.suspend_actor(me);
            passed.set(true);
            work(&kernel, core, 1.0).await.unwrap();
            assert_eq!(kernel.now(), at(4.0));
        }
    });
    kernel.spawn("master", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(secs(3.0)).await;
            assert!(passed.get() && actor.is_suspended());
            actor.resume();
        }
    });
    assert_eq!(simulation.run(), Ok(at(4.0)));
}

#[test]
fn what_makes_no_sense_does_nothing() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(1.0, Sharing::Shared);
    let ended = kernel.spawn("ended", async {});
    let worker = kernel.spawn("worker", work(&kernel, core, 10.0));
    kernel.spawn("master", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(secs(1.0)).await;
            ended.suspend();
            assert!(!ended.is_suspended());
            ended.resume();
            worker.resume();
            worker.suspend();
            kernel.sleep(secs(1.0)).await;
            worker.suspend();
            kernel.sleep(secs(1.0)).await;
            // Once is enough.
            worker.resume();
            worker.resume();
        }
    });
    assert_eq!(simulation.run(), Ok(at(12.0)));
}

/// Work of 4 s from 0, suspended by hand from 1 to 6, and with its actor from 2 to 3.
#[test]
fn what_was_suspended_by_hand_stays_suspended() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(1.0, Sharing::Shared);
    let work = work(&kernel, core, 4.0);
    let id = work.id();
    let actor = kernel.spawn("worker", work);
    pause(&kernel, actor, 2.0, 3.0);
    kernel.spawn("hand", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(secs(1.0)).await;
            kernel.suspend(id);
            kernel.sleep(secs(5.0)).await;
            kernel.resume(id);
        }
    });
    assert_eq!(simulation.run(), Ok(at(9.0)));
}

struct OnDrop(Rc<Cell<u32>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Its future is dropped at once; work that another actor owns too goes on.
#[test]
fn a_suspended_actor_can_be_killed() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(1.0, Sharing::Shared);
    let (dropped, group) = (Rc::new(Cell::new(0)), kernel.group());
    let shared = Rc::new(RefCell::new(Some(work(&kernel, core, 4.0))));
    let victim = kernel.actor("victim").group(group).spawn({
        let (guard, shared) = (OnDrop(dropped.clone()), shared.clone());
        async move {
            let _guard = guard;
            std::future::poll_fn(|context| {
                let mut shared = shared.borrow_mut();
                std::pin::Pin::new(shared.as_mut().unwrap()).poll(context)
            })
            .await
            .unwrap();
        }
    });
    kernel.spawn("killer", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(secs(1.0)).await;
            victim.suspend();
            kernel.sleep(secs(10.0)).await;
            kernel.kill_group(group);
            assert_eq!(dropped.get(), 1);
            assert!(!victim.is_suspended() && victim.is_finished());
            victim.resume();
            assert_eq!(victim.join().await, Err(JoinError::Killed));
            let work = shared.take().unwrap();
            work.await.unwrap();
            assert_eq!(kernel.now(), at(14.0));
        }
    });
    simulation.run().unwrap();
}

/// An actor that has suspended and killed itself ends when it waits, in either order.
#[test]
fn killing_outdoes_suspending() {
    let (simulation, kernel) = simulation();
    for suspend_first in [true, false] {
        let this = kernel.clone();
        kernel.spawn("actor", async move {
            let me = this.current();
            if suspend_first {
                this.suspend_actor(me);
            }
            this.kill(me);
            this.suspend_actor(me);
            assert!(!this.is_actor_suspended(me));
            this.sleep(secs(1.0)).await;
            unreachable!("it has been killed");
        });
    }
    assert_eq!(simulation.run(), Ok(at(0.0)));
}

/// The sleeper would have woken at 3, which is no progress, and the other one waits for it.
#[test]
fn a_simulation_of_suspended_actors_is_a_deadlock_that_names_them() {
    let (simulation, kernel) = simulation();
    let dropped = Rc::new(Cell::new(0));
    let sleeper = kernel.spawn("sleeper", {
        let (kernel, guard) = (kernel.clone(), OnDrop(dropped.clone()));
        async move {
            let _guard = guard;
            kernel.sleep(secs(3.0)).await;
        }
    });
    kernel.spawn("master", {
        let kernel = kernel.clone();
        async move {
            kernel.sleep(secs(1.0)).await;
            sleeper.suspend();
            sleeper.join().await.unwrap();
        }
    });
    let error = simulation.run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "deadlock at 1.000000000 s: 'sleeper' waits for its resumption, because it is suspended; \
         'master' waits for the end of actor 'sleeper'"
    );
    assert!(matches!(error, RunError::Deadlock { .. }));
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_suspended_daemon_keeps_nothing_going() {
    let (simulation, kernel) = simulation();
    let daemon = kernel.actor("daemon").daemon().spawn(kernel.sleep(Duration::MAX));
    pause(&kernel, daemon, 1.0, 2.0);
    assert_eq!(simulation.run(), Ok(at(2.0)));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Work(f64),
    Sleep(f64),
}

/// Actors with their steps, and the dates at which an actor is suspended or, if it is, resumed.
#[derive(Clone, Debug)]
struct Scenario {
    cores: f64,
    actors: Vec<Vec<Step>>,
    changes: Vec<(f64, usize)>,
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let step = prop_oneof![(0.1..9.0).prop_map(Step::Work), (0.1..9.0).prop_map(Step::Sleep)];
    let actors = prop::collection::vec(prop::collection::vec(step, 1..6), 1..14);
    let changes = prop::collection::vec((0.0..40.0f64, any::<prop::sample::Index>()), 0..40);
    (1u32..5, actors, changes).prop_map(|(cores, actors, changes)| {
        let of = |index: prop::sample::Index| index.index(actors.len());
        let mut changes: Vec<_> =
            changes.into_iter().map(|(date, index)| (date, of(index))).collect();
        changes.sort_by(|one, other| one.0.total_cmp(&other.0));
        Scenario { cores: f64::from(cores), actors, changes }
    })
}

/// An actor as the schedule below sees it.
struct Expected {
    steps: VecDeque<Step>,
    suspended: bool,
    /// When the sleep ends that it is in.
    wakes: f64,
}

/// When all that are still suspended are resumed.
const LAST_RESUMPTION: f64 = 100.0;

/// When each actor ends: processor sharing, from change to change.
fn expected_ends(scenario: &Scenario) -> Vec<f64> {
    let mut now: f64 = 0.0;
    let mut ends = vec![f64::NAN; scenario.actors.len()];
    let mut changes: VecDeque<_> = scenario.changes.iter().copied().collect();
    let mut actors: Vec<Expected> = scenario
        .actors
        .iter()
        .map(|steps| Expected {
            steps: steps.iter().copied().collect(),
            suspended: false,
            wakes: f64::INFINITY,
        })
        .collect();
    for actor in &mut actors {
        if let Some(Step::Sleep(time)) = actor.steps[0].into() {
            actor.wakes = time;
        }
    }
    loop {
        let works = |actor: &Expected| {
            !actor.suspended && matches!(actor.steps.front(), Some(Step::Work(_)))
        };
        let working = actors.iter().filter(|actor| works(actor)).count();
        let rate = (scenario.cores / working as f64).min(1.0);
        let mut next = changes.front().map_or(f64::INFINITY, |change| change.0);
        if now < LAST_RESUMPTION {
            next = next.min(LAST_RESUMPTION);
        }
        for actor in &actors {
            match actor.steps.front() {
                Some(&Step::Work(left)) if !actor.suspended => next = next.min(now + left / rate),
                Some(Step::Sleep(_)) if actor.wakes > now => next = next.min(actor.wakes),
                _ => {}
            }
        }
        if next.is_infinite() {
            return ends;
        }
        for actor in &mut actors {
            let is_working = works(actor);
            if let (true, Some(Step::Work(left))) = (is_working, actor.steps.front_mut()) {
                *left -= rate * (next - now);
            }
        }
        now = next;
        if changes.front().is_some_and(|change| change.0 == now)
            && let Some((_, index)) = changes.pop_front()
        {
            actors[index].suspended = !actors[index].suspended && !actors[index].steps.is_empty();
        }
        for (actor, end) in actors.iter_mut().zip(&mut ends) {
            actor.suspended &= now != LAST_RESUMPTION;
            while !actor.suspended {
                let is_over = match actor.steps.front() {
                    Some(&Step::Work(left)) => left < 1e-9,
                    Some(Step::Sleep(_)) => actor.wakes <= now,
                    None => break,
                };
                if !is_over {
                    break;
                }
                actor.steps.pop_front();
                actor.wakes = f64::INFINITY;
                match actor.steps.front() {
                    Some(&Step::Sleep(time)) => actor.wakes = now + time,
                    Some(Step::Work(_)) => {}
                    None => *end = now,
                }
            }
        }
    }
}

/// When each actor ends, and the work done by all.
fn simulated_ends(scenario: &Scenario, virtual_time_from: u32) -> (Vec<f64>, f64) {
    let simulation = Simulation::new().with_virtual_time_from(virtual_time_from);
    let kernel = simulation.kernel();
    let cores = kernel.resource(scenario.cores, Sharing::Shared);
    kernel.meter(cores);
    let ends = Rc::new(RefCell::new(vec![f64::NAN; scenario.actors.len()]));
    let mut actors = Vec::new();
    for (number, steps) in scenario.actors.iter().enumerate() {
        let (kernel, ends, steps) = (kernel.clone(), ends.clone(), steps.clone());
        actors.push(kernel.clone().spawn("actor", async move {
            for step in steps {
                match step {
                    Step::Work(amount) => {
                        let spec = ActivitySpec::new(Rank::Cpu, amount).bound(1.0);
                        kernel.start(spec.uses(cores, 1.0)).await.unwrap();
                    }
                    Step::Sleep(time) => kernel.sleep(secs(time)).await,
                }
            }
            ends.borrow_mut()[number] = kernel.now().as_secs_f64();
        }));
    }
    let (changes, clock) = (scenario.changes.clone(), kernel.clone());
    kernel.spawn("master", async move {
        for (date, index) in changes {
            clock.sleep_until(at(date)).await;
            let actor = &actors[index];
            if actor.is_suspended() { actor.resume() } else { actor.suspend() }
        }
        clock.sleep_until(at(LAST_RESUMPTION)).await;
        actors.iter().for_each(Actor::resume);
    });
    simulation.run().unwrap();
    (ends.take(), kernel.usage(cores).unwrap().work)
}

proptest! {
    #![proptest_config(isotherm_testing::cases(2_000))]

    /// Whatever is suspended and resumed when, everybody does all its work, at the rates of
    /// processor sharing among those that are not suspended.
    #[test]
    fn actors_end_when_processor_sharing_says(scenario in scenarios()) {
        let expected = expected_ends(&scenario);
        for virtual_time_from in [2, 8, 1000] {
            let (simulated, done) = simulated_ends(&scenario, virtual_time_from);
            let work = |step: &Step| if let Step::Work(amount) = step { *amount } else { 0.0 };
            let all: f64 = scenario.actors.iter().flatten().map(work).sum();
            prop_assert!((done - all).abs() < 1e-9, "{done} done of {all}");
            for (end, expected) in simulated.iter().zip(&expected) {
                prop_assert!((end - expected).abs() < 1e-6, "{simulated:?}, not {expected:?}");
            }
        }
    }
}
