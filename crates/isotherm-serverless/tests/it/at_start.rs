//! Images and containers that are there from the start.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_serverless::keep_alive::{IdleNow, Keep, KeepAlive};
use isotherm_serverless::{
    ColdReason, Outcome, Prepull, Preset, ServerlessError, StartKind, StopReason,
};
use isotherm_services::FailureCause;

/// Start-ups take 2 s, and idle containers are kept for 60 s.
fn slow_starts(config: &mut isotherm_serverless::ServiceConfig) {
    config.startup_overhead = secs(2.0);
    keep(config, 60.0);
}

#[test]
fn as_many_arrivals_at_once_as_warm_containers_have_no_cold_start() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(3);
        let service = world.service(preset, slow_starts);
        let image = world.image("python", 500 * MB);
        let (manager, platform) = (world.manager.clone(), service.clone());
        let records = service.collect_records();
        world.play(async move |me| {
            let f = sleeper("f", Some(&image), 1.0).with_warm(7);
            let f = register(&manager, &platform, &f, limit(60.0).memory(GB)).await;
            for _ in 0..7 {
                manager.invoke_detached(&f, None);
            }
            manager.drain(&platform).await.unwrap();
            assert_eq!(me.now().as_secs_f64(), 1.0, "nobody waited for anything");
        });
        let records = records.borrow();
        assert_eq!(records.len(), 7);
        assert!(records.iter().all(|record| record.start_kind == Some(StartKind::Warm)));
        let counters = world.auditor(&service).borrow().counters().clone();
        assert_eq!((counters.containers, counters.containers_placed), (7, 7));
        // The image is on the head disk, and on the disk and in the memory of each node.
        assert_eq!((counters.images_placed, counters.downloads, counters.loads), (7, 0, 0));
    }
}

#[test]
fn an_image_on_disks_is_loaded_and_neither_downloaded_nor_copied() {
    for (to, expected) in [
        (None, all_the_way(100 * MB)),
        (Some(Prepull::Head), copy(100 * MB) + load(100 * MB)),
        (Some(Prepull::Nodes), load(100 * MB)),
    ] {
        let world = World::new(2);
        let service = world.service(Preset::Default, |_| {});
        let image = world.image("python", 100 * MB);
        if let Some(to) = to {
            service.prepull([&image], to).unwrap();
        }
        let (manager, platform) = (world.manager.clone(), service.clone());
        let waited = world.play(async move |_| {
            let f = sleeper("f", Some(&image), 1.0);
            let f = register(&manager, &platform, &f, limit(60.0).memory(GB)).await;
            let record = served(&manager, &f).await.record();
            record.started.unwrap().since(record.submitted).as_secs_f64()
        });
        assert!((waited - expected).abs() < 1e-6, "{to:?}: {waited} s, not {expected} s");
    }
}

#[test]
fn images_that_do_not_fit_are_refused_and_the_others_stay() {
    let small = NodeSpec { disk: 250 * MB, ..NODE };
    let world = World::with_head_disk(&[NODE, small], 500 * MB);
    let service = world.service(Preset::Default, |_| {});
    let [a, b, c] =
        [("a", 200), ("b", 100), ("c", 300)].map(|(name, size)| world.image(name, size * MB));
    assert_eq!(service.prepull([&a], Prepull::Nodes), Ok(()));
    let refused = |host: &str, bytes: u64, capacity: u64| {
        Err(ServerlessError::PrepulledTooLarge {
            host: host.into(),
            bytes: bytes * MB,
            capacity: capacity * MB,
        })
    };
    assert_eq!(service.prepull([&b], Prepull::Nodes), refused("node1", 300, 250));
    assert_eq!(service.prepull([&b, &c], Prepull::Head), refused("head", 600, 500));
    // What is there already takes no further room.
    assert_eq!(service.prepull([&a, &b], Prepull::Head), Ok(()));
    world.play(async |_| ());
    let counters = world.auditor(&service).borrow().counters().clone();
    assert_eq!(counters.images_placed, 4, "two on the head disk, one of them on two nodes");
}

#[test]
fn a_function_whose_warm_containers_have_no_room_is_refused() {
    let world = World::new(1);
    let service = world.service(Preset::Default, slow_starts);
    let (manager, platform) = (world.manager.clone(), service.clone());
    let answer = world.play(async move |_| {
        let f = sleeper("f", None, 1.0).with_warm(5);
        manager.register(&f, &platform, limit(60.0).memory(16 * GB)).await.map(drop)
    });
    let Err(FailureCause::NotAllowed { reason }) = answer else { panic!("{answer:?}") };
    let expected = "5 containers are to be warm, and the compute hosts have free room for 4";
    assert_eq!(&*reason, expected);
    assert_eq!(world.auditor(&service).borrow().containers(), 0);
}

#[test]
fn the_keep_alive_time_begins_at_the_registration() {
    let world = World::new(1);
    let service = world.service(Preset::Default, slow_starts);
    let (manager, platform) = (world.manager.clone(), service.clone());
    let (before, after) = world.play(async move |me| {
        let f = sleeper("f", None, 1.0).with_warm(2);
        let f = register(&manager, &platform, &f, limit(60.0)).await;
        me.sleep(secs(58.0)).await;
        let before = served(&manager, &f).await.record();
        // The other one has stopped, and the one that served goes on until 119.
        me.sleep(secs(59.5)).await;
        let served_last = manager.invoke(&f).await.unwrap();
        let cold = served(&manager, &f).await.record();
        manager.wait_one(&served_last).await;
        me.sleep(secs(61.0)).await;
        assert_eq!(served_last.start_kind(), Some(StartKind::Warm));
        (before, [cold, served(&manager, &f).await.record()])
    });
    assert_eq!((before.start_kind, before.outcome), (Some(StartKind::Warm), Outcome::Completed));
    let reasons = after.map(|record| {
        let cold = record.cold_start.expect("it is cold");
        (cold.reason, cold.last_gone.map(|gone| (gone.at.as_secs_f64(), gone.cause)))
    });
    assert_eq!(reasons[0], (ColdReason::Busy, Some((60.0, StopReason::Expired))));
    assert_eq!(reasons[1].0, ColdReason::Expired);
}

/// Writes down what it is asked.
struct Asked(Rc<RefCell<Vec<IdleNow>>>);

impl KeepAlive for Asked {
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        self.0.borrow_mut().push(*idle);
        Keep::Forever
    }
}

#[test]
fn the_policy_is_asked_about_each() {
    let world = World::new(2);
    let asked = Rc::new(RefCell::default());
    let policy = Asked(Rc::clone(&asked));
    let service = world.service(Preset::Default, |config| config.keep_alive = Box::new(policy));
    let manager = world.manager.clone();
    world.play(async move |_| {
        register(&manager, &service, &sleeper("f", None, 1.0).with_warm(2), limit(60.0)).await;
    });
    let seen: Vec<_> = asked
        .borrow()
        .iter()
        .map(|idle| (idle.container.0, idle.node.0, idle.uses, idle.containers, idle.running))
        .collect();
    assert_eq!(seen, [(0, 0, 0, 1, 0), (1, 1, 0, 2, 0)]);
}

#[test]
fn nothing_is_placed_on_hosts_that_are_off() {
    let world = World::new(2);
    let service = world.service(Preset::Default, slow_starts);
    let image = world.image("python", 100 * MB);
    service.prepull([&image], Prepull::Nodes).unwrap();
    let node = world.nodes[0];
    world.turn_off(0.0, node);
    world.turn_on(10.0, node);
    let (manager, platform) = (world.manager.clone(), service.clone());
    let auditor = world.auditor(&service);
    world.play(async move |me| {
        me.sleep(secs(1.0)).await;
        let f = sleeper("f", Some(&image), 1.0).with_warm(3);
        let f = register(&manager, &platform, &f, limit(60.0).memory(GB)).await;
        // Sent after the messages that place containers.
        served(&manager, &f).await;
        let on = |node| auditor.borrow().node_use(isotherm_serverless::NodeId(node));
        assert_eq!((on(0).containers, on(1).containers), (0, 3));
        assert_eq!((on(0).disk_bytes, on(1).disk_bytes), (100 * MB, 100 * MB), "disks last");
    });
}
