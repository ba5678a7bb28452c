//! Every state and date of an invocation, asked for at any moment of its life.

use crate::common::*;
use isotherm_kernel::Duration;
use isotherm_serverless::{
    Body, FunctionManager, Invocation, InvocationState, Outcome, Preset, RegisteredFunction,
    ServerlessComputeService, StartKind, Step,
};

const IMAGE: u64 = 50 * MB;

/// The dates of a cold invocation at date 0: an image of 50 MB, a start-up of 1 s, a body of 2 s.
struct Dates {
    downloaded: f64,
    copied: f64,
    loaded: f64,
    started: f64,
    ended: f64,
}

fn dates() -> Dates {
    let downloaded = download(IMAGE);
    let copied = downloaded + copy(IMAGE);
    let loaded = copied + load(IMAGE);
    Dates { downloaded, copied, loaded, started: loaded + 1.0, ended: loaded + 3.0 }
}

fn service(world: &World, preset: Preset) -> ServerlessComputeService {
    world.service(preset, |config| config.startup_overhead = secs(1.0))
}

async fn function(
    world_image: &isotherm_serverless::Image,
    manager: &FunctionManager,
    service: &ServerlessComputeService,
    time: f64,
) -> RegisteredFunction {
    register(manager, service, &sleeper("f", Some(world_image), 2.0), limit(time)).await
}

#[test]
fn states_and_dates_of_a_cold_invocation() {
    let world = World::new(1);
    let service = service(&world, Preset::Default);
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    let Dates { downloaded, copied, loaded, started, ended } = dates();
    world.play(async move |me| {
        let f = function(&image, &manager, &service, 10.0).await;
        let invocation = manager.invoke(&f).await.unwrap();
        assert!(!manager.is_done(&invocation));

        until(&me, 1.0).await; // in mid-download
        assert_eq!(invocation.state(), InvocationState::Submitted);
        let record = invocation.record();
        assert_date(record.submitted, 0.0);
        assert_eq!(
            (record.admitted, record.dispatched, record.started, record.ended),
            (None, None, None, None)
        );
        assert_eq!(
            (&*record.function, record.image.as_deref(), record.node),
            ("f", Some("image"), None)
        );
        assert_eq!(
            (invocation.outcome(), invocation.response_time(), invocation.start_kind()),
            (None, None, None)
        );

        until(&me, downloaded + 0.2).await; // in mid-copy
        assert_eq!(invocation.state(), InvocationState::Schedulable);
        let record = invocation.record();
        assert_date(record.admitted, downloaded);
        assert_duration(record.download_wait, downloaded);
        assert_eq!((record.dispatched, record.started), (None, None));

        until(&me, copied + 0.2).await; // in mid-load
        assert_eq!(invocation.state(), InvocationState::Schedulable);
        assert_eq!(invocation.record().dispatched, None);

        until(&me, loaded + 0.2).await; // while starting
        assert_eq!(invocation.state(), InvocationState::Starting);
        let record = invocation.record();
        assert_date(record.dispatched, loaded);
        assert_duration(record.copy_wait, copied - downloaded);
        assert_duration(record.load_wait, loaded - copied);
        assert_eq!(
            (record.node.as_deref(), record.start_kind),
            (Some("node0"), Some(StartKind::Cold))
        );
        assert_eq!((record.started, record.ended), (None, None));

        until(&me, started + 0.2).await; // while running
        assert_eq!(invocation.state(), InvocationState::Running);
        let record = invocation.record();
        assert_date(record.started, started);
        assert_eq!((record.ended, invocation.outcome()), (None, None));
        assert!(!invocation.is_done());

        manager.wait_one(&invocation).await;
        assert_date(me.now(), ended);
        assert!(invocation.is_done());
        assert_completed(&invocation, loaded, started, ended);
        let record = invocation.record();
        assert_date(record.finished, ended);
        // Everything between admission and dispatch was copy and load.
        assert!(record.queue() <= Duration::from_nanos(10), "{:?}", record.queue());
        assert_duration(record.startup().unwrap(), 1.0);
        assert_duration(record.execution().unwrap(), 2.0);
        assert_duration(invocation.response_time().unwrap(), ended);
    });
}

/// Waiting for a slot is the queue; an image that was there before the invocation costs it nothing.
#[test]
fn what_an_invocation_waited_for() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        config.nodes[0].slots = isotherm_serverless::Slots::Count(1);
        keep(config, 1000.0);
    });
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    let loaded = dates().loaded;
    world.play(async move |me| {
        let f = function(&image, &manager, &service, 10.0).await;
        let _first = manager.invoke(&f).await.unwrap();
        until(&me, loaded + 0.5).await;
        let second = manager.invoke(&f).await.unwrap();
        assert_eq!(second.state(), InvocationState::Schedulable);
        manager.wait_one(&second).await;
        // The first body ends 2 s after its dispatch, and the second takes over its container.
        assert_completed(&second, loaded + 2.0, loaded + 2.0, loaded + 4.0);
        let record = second.record();
        assert_duration(record.queue(), 1.5);
        assert_eq!((record.download_wait, record.copy_wait, record.load_wait), Default::default());
        assert_eq!(record.start_kind, Some(StartKind::Warm));
    });
}

#[test]
fn after_a_time_out() {
    let world = World::new(1);
    let service = service(&world, Preset::Default);
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    let Dates { started, .. } = dates();
    world.play(async move |me| {
        let f = function(&image, &manager, &service, 1.5).await;
        let invocation = served(&manager, &f).await;
        assert_date(me.now(), started + 1.5);
        assert_eq!(invocation.state(), InvocationState::Ended(Outcome::TimedOut));
        assert_eq!(code(&invocation), "time_limit");
        let record = invocation.record();
        assert_date(record.started, started);
        assert_eq!(record.ended, None, "a body that is killed has no end");
        assert_date(record.finished, started + 1.5);
        assert_duration(record.execution().unwrap(), 1.5);
    });
}

#[test]
fn after_a_failure() {
    let world = World::new(1);
    let service = service(&world, Preset::Default);
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    let Dates { loaded, started, .. } = dates();
    world.play(async move |me| {
        let f = function(&image, &manager, &service, 10.0).await;
        let body = Body::steps([Step::Sleep(secs(0.5)), read("nothing")]);
        let invocation = manager.request(&f).body(body).send().await.unwrap();
        manager.wait_one(&invocation).await;
        assert_date(me.now(), started + 0.5);
        assert_eq!(invocation.state(), InvocationState::Ended(Outcome::Failed));
        assert_eq!(code(&invocation), "file_not_found");
        let record = invocation.record();
        assert_date(record.dispatched, loaded);
        assert_date(record.started, started);
        assert_date(record.ended, started + 0.5);
        assert_date(record.finished, started + 0.5);
    });
}

/// What is known of an invocation that was cancelled at a date of its life.
fn cancelled_at(preset: Preset, at: f64) -> Invocation {
    let world = World::new(1);
    let service = service(&world, preset);
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    let auditor = world.auditor(&service);
    world.play(async move |me| {
        let f = function(&image, &manager, &service, 10.0).await;
        let invocation = manager.invoke(&f).await.unwrap();
        until(&me, at).await;
        assert_eq!(manager.cancel(&invocation).await, Ok(true));
        manager.wait_one(&invocation).await;
        assert_date(me.now(), at);
        assert_eq!(invocation.state(), InvocationState::Ended(Outcome::Cancelled));
        assert_eq!(code(&invocation), "cancelled");
        assert_date(invocation.record().finished, at);
        assert_eq!(invocation.record().ended, None);
        assert_eq!(
            auditor.borrow().node_use(isotherm_serverless::NodeId(0)).slots,
            0,
            "its slot is free"
        );
        assert_eq!(manager.cancel(&invocation).await, Ok(false), "it is over");
        // Images go on their way: the next invocation starts as if it had been the first, or at
        // once.
        let next = served(&manager, &f).await;
        let dispatched = dates().loaded.max(at);
        assert_completed(&next, dispatched, dispatched + 1.0, dispatched + 3.0);
        invocation
    })
}

#[test]
fn cancelled_anywhere() {
    for preset in [Preset::Default, Preset::Wrench] {
        let Dates { downloaded, copied, loaded, started, .. } = dates();
        let record = cancelled_at(preset, 1.0).record(); // in mid-download
        assert_eq!((record.admitted, record.dispatched, record.started), (None, None, None));
        for at in [downloaded + 0.2, copied + 0.2] {
            let record = cancelled_at(preset, at).record(); // in mid-copy, in mid-load
            assert_date(record.admitted, downloaded);
            assert_eq!((record.dispatched, record.started), (None, None));
        }
        let record = cancelled_at(preset, loaded + 0.2).record(); // while starting
        assert_date(record.dispatched, loaded);
        assert_eq!(record.started, None);
        let record = cancelled_at(preset, started + 0.2).record(); // while running
        assert_date(record.dispatched, loaded);
        assert_date(record.started, started);
    }
}

#[test]
fn cancelled_while_waiting_for_a_slot_or_for_the_head_disk() {
    let world = World::with_head_disk(&[NODE], 80 * MB);
    let service = world.service(Preset::Default, |config| {
        config.nodes[0].slots = isotherm_serverless::Slots::Count(1);
    });
    let manager = world.manager.clone();
    let (a, b) = (world.image("a", IMAGE), world.image("b", IMAGE));
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", Some(&a), 20.0), limit(100.0)).await;
        let g = register(&manager, &service, &sleeper("g", Some(&b), 20.0), limit(100.0)).await;
        let running = manager.invoke(&f).await.unwrap();
        // 50 + 50 MB are more than the head disk has, and image a is on its way.
        let without_room = manager.invoke(&g).await.unwrap();
        until(&me, 1.0).await;
        assert_eq!(without_room.state(), InvocationState::Submitted);
        assert_eq!(manager.cancel(&without_room).await, Ok(true));
        assert_eq!(without_room.state(), InvocationState::Ended(Outcome::Cancelled));
        until(&me, 10.0).await;
        let without_slot = manager.invoke(&f).await.unwrap();
        assert_eq!(without_slot.state(), InvocationState::Schedulable);
        assert_eq!(manager.cancel(&without_slot).await, Ok(true));
        assert_eq!(without_slot.state(), InvocationState::Ended(Outcome::Cancelled));
        manager.wait_all([&without_slot, &without_room, &running]).await;
        let loaded = dates().loaded;
        assert_completed(&running, loaded, loaded, loaded + 20.0);
        assert_eq!(without_room.record().admitted, None);
        assert_date(without_slot.record().admitted, 10.0);
        assert_eq!(without_slot.record().dispatched, None);
    });
}

/// A completed invocation's record is what the sink gets, and it does not change any more.
#[test]
fn records_go_to_the_sink_as_invocations_end() {
    let world = World::new(1);
    let service = service(&world, Preset::Default);
    let records = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    service.records_to(records.clone());
    let manager = world.manager.clone();
    let handles = world.play(async move |_| {
        let slow = register(&manager, &service, &sleeper("slow", None, 5.0), limit(10.0)).await;
        let fast = register(&manager, &service, &sleeper("fast", None, 1.0), limit(10.0)).await;
        let slow = manager.invoke(&slow).await.unwrap();
        let fast = manager.invoke(&fast).await.unwrap();
        manager.wait_all([&slow, &fast]).await;
        [fast, slow]
    });
    let records = records.borrow();
    assert_eq!(records.len(), 2);
    for (record, handle) in records.iter().zip(&handles) {
        assert_eq!(record, &handle.record(), "in the order in which they end");
    }
}
