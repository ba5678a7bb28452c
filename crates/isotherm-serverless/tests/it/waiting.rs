//! Waiting for invocations: any number of waiters, each woken on its own.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{join_all, with_deadline};
use isotherm_serverless::{Body, Invocation, InvocationState, Outcome, Preset};
use isotherm_services::ExecutionController;

/// Starts invocations with bodies of so many seconds on a node of 10 cores, and gives their
/// handles.
async fn start(
    manager: &isotherm_serverless::FunctionManager,
    service: &isotherm_serverless::ServerlessComputeService,
    bodies: &[f64],
) -> Vec<Invocation> {
    let f = register(manager, service, &sleeper("f", None, 1.0), limit(1000.0)).await;
    let mut invocations = Vec::new();
    for &seconds in bodies {
        invocations
            .push(manager.request(&f).body(Body::sleep(secs(seconds))).send().await.unwrap());
    }
    invocations
}

#[test]
fn one_any_and_all() {
    let (world, service, manager) = World::plain(1);
    world.play(async move |me| {
        let all = start(&manager, &service, &[3.0, 1.0, 2.0, 4.0]).await;
        let any = manager.wait_any(&all).await.unwrap();
        assert_date(me.now(), 1.0);
        assert_eq!(any, all[1]);
        assert!(all.iter().map(Invocation::is_done).eq([false, true, false, false]));
        // It is still done: asked again the answer is the same, at once.
        assert_eq!(manager.wait_any(&all).await, Some(all[1].clone()));
        assert_date(me.now(), 1.0);
        // Of several that are done it is the first in the list.
        manager.wait_one(&all[0]).await;
        assert_date(me.now(), 3.0);
        assert_eq!(manager.wait_any([&all[3], &all[2], &all[0]]).await, Some(all[2].clone()));
        manager.wait_all(&all).await;
        assert_date(me.now(), 4.0);
        assert!(all.iter().all(|invocation| manager.is_done(invocation)));
    });
}

#[test]
fn something_finished_nothing_and_the_same_twice() {
    let (world, service, manager) = World::plain(1);
    world.play(async move |me| {
        let nothing: [&Invocation; 0] = [];
        manager.wait_all(nothing).await;
        assert_eq!(manager.wait_any(nothing).await, None);
        assert_date(me.now(), 0.0);
        let all = start(&manager, &service, &[1.0, 2.0]).await;
        let (first, second) = (&all[0], &all[1]);
        manager.wait_all([first, first]).await;
        assert_date(me.now(), 1.0);
        manager.wait_one(first).await;
        manager.wait_all([first, first, first]).await;
        assert_date(me.now(), 1.0);
        manager.wait_all([first, second, second, first]).await;
        assert_date(me.now(), 2.0);
        assert_eq!(manager.wait_any([second, second]).await.as_ref(), Some(second));
        assert_date(me.now(), 2.0);
    });
}

/// One user waits twice for the same handle at the same time, by two futures.
#[test]
fn twice_at_once() {
    let (world, service, manager) = World::plain(1);
    world.play(async move |me| {
        let all = start(&manager, &service, &[1.0]).await;
        isotherm_kernel::join(manager.wait_one(&all[0]), manager.wait_one(&all[0])).await;
        assert_date(me.now(), 1.0);
    });
}

/// Eight controllers wait for overlapping sets; each is woken when its own is done, not before and
/// not after.
#[test]
fn many_waiters() {
    let (world, service, manager) = World::plain(1);
    let site = world.site.clone();
    let woken = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&woken);
    world.play(async move |me| {
        let all = Rc::new(start(&manager, &service, &[1.0, 2.0, 3.0, 4.0]).await);
        let mut controllers = Vec::new();
        for number in 0..8usize {
            let (manager, all, woken) = (manager.clone(), Rc::clone(&all), Rc::clone(&woken));
            controllers.push(ExecutionController::spawn(
                &site,
                me.host(),
                "waiter",
                async move |me| {
                    match number {
                        0..4 => manager.wait_one(&all[number]).await,
                        4 => manager.wait_all(&all[..2]).await,
                        5 => drop(manager.wait_any(&all[1..]).await),
                        6 => manager.wait_all(&*all).await,
                        _ => manager.wait_one(&all[0]).await,
                    }
                    woken.borrow_mut().push((number, me.now().as_secs_f64()));
                },
            ));
        }
        for controller in controllers {
            controller.join().await.unwrap();
        }
    });
    let mut seen = seen.take();
    seen.sort_by_key(|&(number, _)| number);
    // Bodies of 1, 2, 3 and 4 s; the first two together after 2, any of the last three after 2, all
    // after 4.
    assert_eq!(
        seen,
        [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 2.0), (5, 2.0), (6, 4.0), (7, 1.0)]
    );
}

/// A thousand waiters on one invocation.
#[test]
fn a_thousand_waiters() {
    let (world, service, manager) = World::plain(1);
    world.play(async move |me| {
        let all = start(&manager, &service, &[1.0]).await;
        join_all((0..1000).map(|_| manager.wait_one(&all[0]))).await;
        assert_date(me.now(), 1.0);
    });
}

#[test]
fn a_controller_is_killed_while_it_waits() {
    let (world, service, manager) = World::plain(1);
    let site = world.site.clone();
    let log = world.log_messages();
    world.play(async move |me| {
        let all = Rc::new(start(&manager, &service, &[2.0, 3.0]).await);
        let unlucky = {
            let (manager, all) = (manager.clone(), Rc::clone(&all));
            ExecutionController::spawn(&site, me.host(), "unlucky", async move |me| {
                let manager = manager.called_from(me.address().clone());
                manager.wait_all(&*all).await;
            })
        };
        until(&me, 1.0).await;
        unlucky.kill();
        assert!(unlucky.join().await.is_err());
        manager.wait_all(&*all).await;
        assert_date(me.now(), 3.0);
        assert!(all.iter().all(|invocation| invocation.outcome() == Some(Outcome::Completed)));
    });
    let log = log.0.borrow();
    let to = |label: &str| {
        log.iter().filter(|event| event.kind == "wait_answer" && &*event.to == label).count()
    };
    assert_eq!(to("user/unlucky"), 0, "nobody is told who is gone");
    assert_eq!(to("user/function_manager"), 1);
}

/// Waiting with a timeout: a waiter that times out is removed, and may wait again.
#[test]
fn giving_up_and_waiting_again() {
    let (world, service, manager) = World::plain(1);
    let log = world.log_messages();
    world.play(async move |me| {
        let all = start(&manager, &service, &[2.5]).await;
        let mut patience = 0;
        while with_deadline(me.kernel(), me.now() + secs(1.0), manager.wait_one(&all[0]))
            .await
            .is_err()
        {
            patience += 1;
        }
        assert_eq!(patience, 2);
        assert_date(me.now(), 2.5);
    });
    assert_eq!(log.0.borrow().iter().filter(|event| event.kind == "wait_answer").count(), 1);
}

/// The manager hears of the end when the completion has crossed the slow link; the platform knows
/// before.
#[test]
fn done_is_what_the_manager_has_heard() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| config.payloads.completion = 10 * MB);
    let manager = world.manager.clone();
    world.play(async move |me| {
        let all = start(&manager, &service, &[1.0]).await;
        let invocation = &all[0];
        until(&me, 1.2).await;
        assert_eq!(invocation.state(), InvocationState::Ended(Outcome::Completed));
        assert!(!manager.is_done(invocation));
        manager.wait_one(invocation).await;
        assert_date(me.now(), 1.0 + wan(10 * MB));
        assert!(manager.is_done(invocation));
        assert_duration(invocation.response_time().unwrap(), 1.0);
    });
}

/// A user with another function manager on another host waits for an invocation of the first.
#[test]
fn through_another_manager() {
    let (world, service, manager) = World::plain(1);
    let other = isotherm_serverless::FunctionManager::start(&world.site, world.head);
    world.play(async move |me| {
        let all = start(&manager, &service, &[1.0]).await;
        other.wait_one(&all[0]).await;
        assert_date(me.now(), 1.0);
    });
}

/// Whoever asks the service, or is the body, has a handle on an invocation whose user has none. It
/// tells how it ended.
#[test]
fn handles_on_detached_invocations() {
    let (world, service, manager) = World::plain(1);
    let (of_body, invocations) = world.play(async move |me| {
        let of_body = Rc::new(RefCell::new(None));
        let keep = Rc::clone(&of_body);
        let body = Body::custom(async move |call| {
            keep.replace(Some(call.invocation().clone()));
            call.sleep(secs(2.0)).await;
            Ok(())
        });
        let custom = isotherm_serverless::Function::new("custom", None, body);
        let custom = register(&manager, &service, &custom, limit(1000.0)).await;
        let nap = register(&manager, &service, &sleeper("nap", None, 1.0), limit(1000.0)).await;
        manager.invoke_detached(&nap, None);
        manager.invoke_detached(&custom, None);
        me.sleep(secs(0.5)).await;
        let invocations = service.unfinished().unwrap();
        assert!(
            invocations.iter().all(|invocation| invocation.state() == InvocationState::Running)
        );
        assert_eq!(service.unfinished().unwrap(), invocations);
        assert_eq!(*of_body.borrow(), Some(invocations[1].clone()));
        manager.drain(&service).await.unwrap();
        (of_body.take().unwrap(), invocations)
    });
    assert_eq!(of_body.state(), InvocationState::Ended(Outcome::Completed));
    let responses: Vec<_> = invocations.iter().map(Invocation::response_time).collect();
    assert_eq!(responses, [Some(secs(1.0)), Some(secs(2.0))]);
    assert!(invocations.iter().all(|invocation| invocation.record().outcome == Outcome::Completed));
    assert!(invocations.iter().all(|invocation| !invocation.is_done()), "nobody was told");
}
