//! Failures of hosts and links: what callers of storage services get, and the state of the file
//! systems.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::Time;
use isotherm_services::{ExecutionController, FailureCause, StorageConfig, StorageService};

const MB: u64 = 1_000_000;

fn host_failed(host: &str) -> FailureCause {
    FailureCause::HostFailed { host: host.into() }
}

/// Copies 1 GB from head to node, which takes 10 s; returns the result and its date.
fn copy_while(
    buffer: Option<u64>,
    what: impl FnOnce(&World),
) -> (Result<u64, FailureCause>, Time, World) {
    let world = World::new();
    let service = |name: &str, host| {
        let config = StorageConfig { buffer, ..world.storage_config(name, host) };
        StorageService::start(&world.site, config)
    };
    let (from, to) = (service("from", world.head), service("to", world.node));
    from.put("a", 1000 * MB, 0).unwrap();
    what(&world);
    let (source, destination) = (from.clone(), to.clone());
    let (result, date) = world.play(async move |me| {
        let result = source.copy_to(&me.address(), "a", &destination).await;
        (result, me.now())
    });
    for service in [from, to] {
        assert_eq!(service.transfers(), 0);
        let files = service.file_system();
        let files = files.borrow();
        files.check();
        assert!(files.files().all(|(_, id)| files.pins(id) == 0));
        assert_eq!(files.used(), if &**service.name() == "from" { 1000 * MB } else { 0 });
    }
    (result, date, world)
}

#[test]
fn a_link_that_fails_ends_a_copy_and_its_room_is_free_again() {
    for buffer in [None, Some(10 * MB)] {
        let (result, date, _) = copy_while(buffer, |world| {
            world.at(3.0, |platform| platform.link_off(platform.link("lan").unwrap()));
        });
        assert!(matches!(result, Err(FailureCause::NetworkFailed { .. })), "{result:?}");
        // In chunks, the failure hits the chunk that is being sent or the next one, at most 0.1 s
        // later.
        assert!((3.0..3.11).contains(&date.as_secs_f64()), "{date}");
    }
}

#[test]
fn the_host_of_the_destination_fails() {
    for buffer in [None, Some(10 * MB)] {
        let (result, date, _) = copy_while(buffer, |world| {
            world.at(3.0, |platform| platform.turn_off(platform.host("node").unwrap()));
        });
        assert_eq!(result, Err(host_failed("node")));
        assert_date(date, 3.0);
    }
}

#[test]
fn the_host_of_the_source_fails() {
    for buffer in [None, Some(10 * MB)] {
        let (result, date, _) = copy_while(buffer, |world| {
            world.at(3.0, |platform| platform.turn_off(platform.host("head").unwrap()));
        });
        assert_eq!(result, Err(host_failed("head")));
        assert_date(date, 3.0);
    }
}

#[test]
fn a_copy_between_hosts_that_are_off_is_refused() {
    for host in ["head", "node"] {
        let (result, date, _) = copy_while(None, |world| {
            world.platform().turn_off(world.platform().host(host).unwrap());
        });
        assert_eq!(result, Err(host_failed(host)));
        assert_eq!(date, Time::ZERO);
    }
}

#[test]
fn a_service_may_be_started_again_with_its_host() {
    let world = World::new();
    let storage = world.storage("store", world.head);
    storage.put("a", 10, 0).unwrap();
    let (service, head) = (storage.clone(), world.head);
    world.play(async move |me| {
        let platform = me.site().platform().clone();
        platform.turn_off(head);
        assert_eq!(service.lookup(&me.address(), "a").await, Err(host_failed("head")));
        platform.turn_on(head);
        service.restart();
        service.restart();
        assert_eq!(service.lookup(&me.address(), "a").await, Ok(true));
        assert_eq!(service.read(&me.address(), "a", None).await, Ok(10));
    });
}

#[test]
fn a_service_on_a_host_that_is_off_is_down() {
    let world = World::new();
    world.platform().turn_off(world.head);
    let storage = world.storage("store", world.head);
    world.play(async move |me| {
        assert_eq!(storage.free_space(&me.address()).await, Err(host_failed("head")));
    });
}

#[test]
fn a_request_that_is_lost_is_known_to_its_sender() {
    // The request of 10 MB takes 0.54 s, and the link fails at 0.2 s. The same for the answer, at
    // 0.8 s.
    for at in [0.2, 0.8] {
        let world = World::new();
        let config =
            StorageConfig { control_bytes: 10 * MB, ..world.storage_config("store", world.head) };
        let storage = StorageService::start(&world.site, config);
        storage.put("a", 1, 0).unwrap();
        world.at(at, |platform| platform.link_off(platform.link("wan").unwrap()));
        world.play(async move |me| {
            let cause = storage.read(&me.address(), "a", None).await.unwrap_err();
            let detail = "link `wan`".into();
            assert_eq!(cause, FailureCause::NetworkFailed { detail });
            assert_date(me.now(), at);
        });
    }
}

#[test]
fn an_answer_that_is_lost_is_known_to_whom_it_was_for() {
    // The request of 10 MB takes 0.54 s; its answer is on its way when the link fails at 0.8 s.
    for question in 0..4 {
        let world = World::new();
        let config =
            StorageConfig { control_bytes: 10 * MB, ..world.storage_config("store", world.head) };
        let storage = StorageService::start(&world.site, config);
        world.at(0.8, |platform| platform.link_off(platform.link("wan").unwrap()));
        world.play(async move |me| {
            let cause = match question {
                0 => storage.lookup(&me.address(), "a").await.unwrap_err(),
                1 => storage.free_space(&me.address()).await.unwrap_err(),
                2 => storage.delete(&me.address(), "a").await.unwrap_err(),
                _ => storage.stop(&me.address()).await.unwrap_err(),
            };
            assert_eq!(cause.code(), "network_failed");
            assert_date(me.now(), 0.8);
        });
    }
}

#[test]
fn a_request_to_a_host_that_fails_meanwhile_is_lost_with_it() {
    // On its way from 0 to 0.54 s; the host fails at 0.2 s.
    let world = World::new();
    let config =
        StorageConfig { control_bytes: 10 * MB, ..world.storage_config("store", world.head) };
    let storage = StorageService::start(&world.site, config);
    world.at(0.2, |platform| platform.turn_off(platform.host("head").unwrap()));
    let (result, date) = world.play(async move |me| {
        let result = storage.free_space(&me.address()).await;
        (result, me.now())
    });
    assert_eq!(result, Err(host_failed("head")));
    assert_date(date, 0.2);
}

#[test]
fn a_request_that_arrives_at_a_stopped_service_is_answered() {
    // The stop and the request share the route; the stop arrives first.
    let world = World::new();
    let config =
        StorageConfig { control_bytes: 10 * MB, ..world.storage_config("store", world.head) };
    let storage = StorageService::start(&world.site, config);
    let asker = storage.clone();
    ExecutionController::spawn(&world.site, world.user, "stopper", async move |me| {
        storage.stop(&me.address()).await.unwrap();
    });
    let (result, date) = world.play(async move |me| {
        me.sleep(secs(0.1)).await;
        let result = asker.free_space(&me.address()).await;
        (result, me.now())
    });
    assert_eq!(result, Err(FailureCause::ServiceStopped { service: "store".into() }));
    // The request has half of the link all the time (first beside the stop, then beside its
    // answer), except during the latency of that answer, when it has all of it: exactly the cost of
    // its own latency, twice.
    // latency costs, twice.
    assert_date(date, 0.1 + 2.0 * 1e7 / WAN);
}

#[test]
fn the_transfer_of_a_caller_dies_with_its_host() {
    // The head reads from the node for 10 s; it fails at 2 s. A later read has the disk alone: 1 s
    // for 100 MB.
    let world = World::new();
    let storage = world.storage("store", world.node);
    storage.put("a", 1000 * MB, 0).unwrap();
    let reader = storage.clone();
    let ended = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&ended);
    ExecutionController::spawn(&world.site, world.head, "reader", async move |me| {
        slot.replace(Some(reader.read(&me.address(), "a", None).await));
    });
    world.at(2.0, |platform| platform.turn_off(platform.host("head").unwrap()));
    let service = storage.clone();
    let node = world.node;
    let date = world.play(async move |me| {
        me.sleep(secs(2.0)).await;
        let platform = me.site().platform();
        platform.disk_read(platform.disk_at(node, "/").unwrap(), 1e8).await.unwrap();
        me.now()
    });
    assert_date(date, 3.0);
    assert_eq!(*ended.borrow(), None);
    assert_eq!(service.transfers(), 0);
    assert_eq!(service.file_system().borrow().pinned(), 1000 * MB);
    let files = service.file_system();
    let files = files.borrow();
    assert!(files.files().all(|(_, id)| files.pins(id) == 0));
}
