//! Keep-alive policies at work, from the invocation to the record.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_serverless::audit::AuditCounters;
use isotherm_serverless::keep_alive::{Fixed, HybridHistogram, IdleNow, Keep, KeepAlive};
use isotherm_serverless::{Invocation, InvocationState, Outcome, Preset, StartKind};

/// The starts of a function that is idle for so many minutes between its invocations. Its body
/// takes a second, the start of its container another.
fn starts(
    policy: impl KeepAlive + 'static,
    minutes: f64,
    times: usize,
) -> (Vec<StartKind>, AuditCounters) {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        config.keep_alive = Box::new(policy);
        config.startup_overhead = secs(1.0);
    });
    let (manager, platform) = (world.manager.clone(), service.clone());
    let kinds = world.play(async move |me| {
        let f =
            register(&manager, &platform, &sleeper("f", None, 1.0), limit(60.0).memory(GB)).await;
        let mut kinds = Vec::new();
        for _ in 0..times {
            let invocation = served(&manager, &f).await;
            kinds.extend(invocation.start_kind());
            me.sleep(secs(60.0 * minutes)).await;
        }
        kinds
    });
    let counters = world.auditor(&service).borrow().counters().clone();
    (kinds, counters)
}

#[test]
fn a_function_with_a_timer_is_always_cold_if_kept_for_less_and_never_if_it_is_expected() {
    use StartKind::{Cold, Warm};
    let (kinds, counters) = starts(Fixed::new(secs(600.0)), 30.0, 5);
    assert_eq!(kinds, [Cold; 5]);
    assert_eq!((counters.containers, counters.prewarmings), (5, 0));
    // The first idle time is not known yet, so the container is kept. Then it stops after each use
    // and another one is started after 27 minutes (30 less 10 %): four times, after the second use
    // and those that follow.
    let (kinds, counters) = starts(HybridHistogram::default(), 30.0, 5);
    assert_eq!(kinds, [Cold, Warm, Warm, Warm, Warm]);
    assert_eq!((counters.containers, counters.prewarmings), (5, 4));
}

#[test]
fn an_unused_container_ahead_is_stopped() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        config.keep_alive = Box::new(HybridHistogram::default())
    });
    let (manager, platform, auditor) =
        (world.manager.clone(), service.clone(), world.auditor(&service));
    world.play(async move |me| {
        let f =
            register(&manager, &platform, &sleeper("f", None, 1.0), limit(60.0).memory(GB)).await;
        for _ in 0..2 {
            served(&manager, &f).await;
            me.sleep(secs(600.0)).await;
        }
        // It was idle for 10 minutes before, so the next container is ready from 9 minutes on, and
        // is kept until 11 + 10 % = 12.1.
        assert_eq!(auditor.borrow().containers(), 1, "10 minutes later");
        me.sleep(secs(120.0)).await;
        assert_eq!(auditor.borrow().containers(), 1, "12 minutes later");
        me.sleep(secs(7.0)).await;
        assert_eq!(auditor.borrow().containers(), 0, "12 minutes and 7 seconds later");
    });
}

/// Asks the handles what has become of their invocations, and keeps nothing.
#[derive(Clone, Default)]
struct Asks {
    handles: Rc<RefCell<Vec<Invocation>>>,
    states: Rc<RefCell<Vec<InvocationState>>>,
}

impl KeepAlive for Asks {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        self.states.borrow_mut().extend(self.handles.borrow().iter().map(Invocation::state));
        Keep::No
    }
}

#[test]
fn handles_know_the_end_when_it_is_asked_what_becomes_of_the_container() {
    let world = World::new(1);
    let policy = Asks::default();
    let (handles, states) = (Rc::clone(&policy.handles), Rc::clone(&policy.states));
    let service = world.service(Preset::Default, |config| config.keep_alive = Box::new(policy));
    let manager = world.manager.clone();
    world.play(async move |_| {
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(60.0)).await;
        let invocation = manager.invoke(&f).await.unwrap();
        handles.borrow_mut().push(invocation.clone());
        manager.wait_one(&invocation).await;
    });
    assert_eq!(*states.borrow(), [InvocationState::Ended(Outcome::Completed)]);
}
