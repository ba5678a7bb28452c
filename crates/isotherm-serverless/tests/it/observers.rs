//! Observers that change the platform while they are told of an event.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_platform::HostId;
use isotherm_serverless::{Body, EventKind, Function, Preset};

use crate::common::{World, date, keep, limit, register, secs};

/// Two invocations of 2 s on one node, with a body of each sort: one that needs no actor, and one
/// that does. As soon as the second is dispatched, an observer between two
/// others turns a host off. Gives what those two are told.
fn told(off: fn(&World) -> HostId) -> [Vec<&'static str>; 4] {
    let [a, b] = told_with(off, Body::sleep(secs(2.0)));
    let by_actor = Body::custom(async |call| {
        call.sleep(secs(2.0)).await;
        Ok(())
    });
    let [c, d] = told_with(off, by_actor);
    [a, b, c, d]
}

fn told_with(off: fn(&World) -> HostId, body: Body) -> [Vec<&'static str>; 2] {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| keep(config, 60.0));
    let auditor = world.auditor(&service);
    let [first, last] = [(); 2].map(|()| Rc::<RefCell<Vec<&'static str>>>::default());
    let log = |log: &Rc<RefCell<Vec<&'static str>>>| {
        let log = Rc::clone(log);
        service.observe(Box::new(move |event| {
            log.borrow_mut().push(match event.kind {
                EventKind::Dispatched { .. } => "dispatched",
                EventKind::Ended { .. } => "ended",
                EventKind::ContainerStarted { .. } => "started",
                EventKind::ContainerStopped { .. } => "stopped",
                _ => return,
            });
        }));
    };
    log(&first);
    let (platform, host, seen) = (world.platform().clone(), off(&world), Rc::clone(&first));
    service.observe(Box::new(move |_| {
        if seen.borrow().iter().filter(|&&kind| kind == "dispatched").count() == 2 {
            platform.turn_off(host);
        }
    }));
    log(&last);
    let (manager, platform) = (world.manager.clone(), service.clone());
    world.play(|me| async move {
        let function = Function::new("f", None, body);
        let function = register(&manager, &platform, &function, limit(9.0)).await;
        for _ in 0..2 {
            _ = manager.invoke(&function).await;
        }
        me.sleep_until(date(5.0)).await;
    });
    assert!(auditor.borrow().is_clean());
    assert_eq!(auditor.borrow().containers(), 0);
    [first.take(), last.take()]
}

#[test]
fn all_are_told_in_order_what_one_causes_by_turning_the_head_off() {
    // The service ends all invocations, then stops what it had started.
    let caused = ["ended", "ended", "stopped", "stopped"];
    for told in told(|world| world.head) {
        assert_eq!(told, [&["started", "dispatched"].repeat(2)[..], &caused].concat());
    }
}

#[test]
fn all_are_told_in_order_what_one_causes_by_turning_a_node_off() {
    // Each invocation ends with its container.
    let caused = ["ended", "stopped", "ended", "stopped"];
    for told in told(|world| world.nodes[0]) {
        assert_eq!(told, [&["started", "dispatched"].repeat(2)[..], &caused].concat());
    }
}
