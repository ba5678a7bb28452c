//! Very many arrivals at one date: limits and watchers are heard while they are made, and while the
//! service takes them.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Limits as KernelLimits, RunError, Simulation, Time};
use isotherm_serverless::{Planned, Preset, Throttle};
use isotherm_services::ExecutionController;

/// Replays so many arrivals at date zero, each made when it is asked for and rejected by the
/// service. Gives how it ends, and how many the service took in; `made` counts.
fn replay(
    arrivals: u64,
    made: &Rc<Cell<u64>>,
    change: impl FnOnce(Simulation) -> Simulation,
) -> (Result<Time, RunError>, u64) {
    let mut world = World::new(1);
    world.simulation = change(world.simulation);
    let service = world.service(Preset::Default, |config| {
        config.max_concurrency = Some(0);
        config.throttle = Throttle::Reject;
    });
    let (manager, asked, counter) = (world.manager.clone(), service.clone(), Rc::clone(made));
    ExecutionController::spawn(&world.site, world.user, "controller", async move |_| {
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(60.0)).await;
        let source = (0..arrivals).map(move |_| {
            counter.set(counter.get() + 1);
            Planned { at: Time::ZERO, function: 0, body: None }
        });
        manager.replay(&service, &[f], source).await.unwrap();
        manager.drain(&service).await.unwrap();
    });
    (world.simulation.run(), asked.detached())
}

#[test]
fn a_limit_of_events_holds_within_a_replay() {
    let limits = KernelLimits { max_events: Some(1000), ..KernelLimits::default() };
    let made = Rc::default();
    let (end, taken) = replay(10_000_000, &made, |simulation| simulation.with_limits(limits));
    assert_eq!(end, Err(RunError::EventLimit { limit: 1000, at: Time::ZERO }));
    // So many turns are free at one date.
    assert!(made.get() < KernelLimits::FREE_STEPS + 1000 && taken == 0, "{made:?}");
    // Fewer are no matter for the limit.
    let made = Rc::default();
    assert_eq!(
        replay(5_000, &made, |simulation| simulation.with_limits(limits)),
        (Ok(Time::ZERO), 5_000)
    );
}

#[test]
fn a_watcher_is_heard_within_a_replay_and_within_a_turn_of_the_service() {
    for (after, least) in [(2_000, 0), (5_000, 1)] {
        let made = Rc::new(Cell::new(0));
        let seen = Rc::clone(&made);
        let mut looks = 0;
        let watcher = move |_| {
            looks += u32::from(seen.get() >= after);
            if looks < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let (end, taken) = replay(5_000, &made, |simulation| simulation.with_watcher(10, watcher));
        assert_eq!(end, Err(RunError::Interrupted { at: Time::ZERO }));
        // A hundred turns later it has ended: in the midst of the replay, or when all were made and
        // few taken.
        assert!(made.get() <= after + 101 && (least..=101).contains(&taken), "{made:?} {taken}");
        assert_eq!(taken == 0, after < 5_000);
    }
}
