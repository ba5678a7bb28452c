//! What fails, and what becomes of the invocations it concerns: links, hosts, files, messages, the
//! service itself.

use crate::common::*;
use isotherm_kernel::with_deadline;
use isotherm_serverless::audit::NodeUse;
use isotherm_serverless::{
    Body, Function, Image, Invocation, InvocationState, NodeId, Outcome, Payloads, Planned, Preset,
    ServiceConfig, Slots, StartKind,
};
use isotherm_services::{ExecutionController, FailureCause};

const IMAGE: u64 = 50 * MB;
const NODE0: NodeId = NodeId(0);

/// Dates of a cold invocation at date 0 without start-up time.
fn downloaded() -> f64 {
    download(IMAGE)
}

fn copied() -> f64 {
    downloaded() + copy(IMAGE)
}

fn loaded() -> f64 {
    copied() + load(IMAGE)
}

#[track_caller]
fn assert_failed(invocation: &Invocation, code_of_cause: &str, finished: f64) {
    assert_eq!((invocation.outcome(), code(invocation)), (Some(Outcome::Failed), code_of_cause));
    assert_date(invocation.record().finished, finished);
    assert!(invocation.is_done());
}

fn host_failed(host: &str) -> Option<FailureCause> {
    Some(FailureCause::HostFailed { host: host.into() })
}

/// All invocations that wait for the image fail with it, the room on the head disk is free again,
/// and the next invocation starts a new download.
#[test]
fn a_link_fails_during_a_download() {
    let (world, service, manager) = World::plain(1);
    let image = world.image("image", IMAGE);
    let auditor = world.auditor(&service);
    world.cut_wan(2.0);
    world.mend_wan(5.0);
    world.play({
        let (auditor, service) = (auditor.clone(), service.clone());
        async move |me| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
            let mut waiting = Vec::new();
            for second in [0.0, 0.5, 1.0] {
                until(&me, second).await;
                waiting.push(manager.invoke(&f).await.unwrap());
            }
            assert_eq!(auditor.borrow().head_disk_bytes(), IMAGE);
            manager.wait_all(&waiting).await;
            for invocation in &waiting {
                assert_failed(invocation, "network_failed", 2.0);
                assert_eq!(invocation.record().admitted, None);
            }
            let files = service.head_storage().file_system();
            assert_eq!((auditor.borrow().head_disk_bytes(), files.borrow().used()), (0, 0));

            until(&me, 3.0).await; // the link is still off
            let early = served(&manager, &f).await;
            assert_failed(&early, "network_failed", 3.0);

            until(&me, 10.0).await;
            let late = served(&manager, &f).await;
            assert_completed(&late, 10.0 + loaded(), 10.0 + loaded(), 11.0 + loaded());
        }
    });
    assert_eq!(auditor.borrow().counters().failed_downloads, 2);
}

/// The user's host, where the images are, fails. A user elsewhere hears of it.
#[test]
fn the_repositorys_host_fails_during_a_download() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |_| {});
    let image = world.image("image", IMAGE);
    let manager = isotherm_serverless::FunctionManager::start(&world.site, world.head);
    let user = world.user;
    world.turn_off(1.0, user);
    world.turn_on(5.0, user);
    isotherm_services::ExecutionController::spawn(
        &world.site,
        world.head,
        "survivor",
        async move |me| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
            let invocation = served(&manager, &f).await;
            assert_eq!(invocation.outcome(), Some(Outcome::Failed));
            assert_date(me.now(), 1.0);
            until(&me, 10.0).await;
            let later = served(&manager, &f).await;
            assert_completed(&later, 10.0 + loaded(), 10.0 + loaded(), 11.0 + loaded());
        },
    );
    world.simulation.run().unwrap();
}

#[test]
fn an_image_that_its_repository_does_not_have() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |_| {});
    let (manager, repository) = (world.manager.clone(), world.repository.clone());
    world.play(async move |me| {
        let image = manager.image("image", IMAGE, IMAGE, &repository);
        let f = register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
        let invocation = served(&manager, &f).await;
        assert_failed(&invocation, "file_not_found", 0.0);
        let cause =
            FailureCause::FileNotFound { storage: "repository".into(), file: "image".into() };
        assert_eq!(invocation.cause(), Some(cause));
        assert_eq!(service.head_storage().file_system().borrow().used(), 0);

        repository.write(&me.address(), "image", IMAGE).await.unwrap();
        let start = me.now().as_secs_f64();
        let next = served(&manager, &f).await;
        let dispatched = start + loaded();
        assert_completed(&next, dispatched, dispatched, dispatched + 1.0);
    });
}

/// What is tried on a platform of one node that is off from `off` to 20 s.
struct Outage {
    preset: Preset,
    off: f64,
}

impl Outage {
    /// The first invocation comes at date 0 (start-up 1 s, body 2 s), the second at 10 s. What the
    /// node holds is looked at 1 ms after it has gone off. Gives both invocations.
    fn play(self, look: impl Fn(NodeUse) + 'static) -> [Invocation; 2] {
        let world = World::new(1);
        let service = world.service(self.preset, |config| {
            config.startup_overhead = secs(1.0);
            keep(config, 1000.0);
        });
        let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
        world.turn_off(self.off, world.nodes[0]);
        world.turn_on(20.0, world.nodes[0]);
        let auditor = world.auditor(&service);
        world.play(async move |me| {
            let limits = limit(10.0).memory(GB).disk(GB);
            let f = register(&manager, &service, &sleeper("f", Some(&image), 2.0), limits).await;
            let first = manager.invoke(&f).await.unwrap();
            until(&me, self.off + 1e-3).await;
            look(auditor.borrow().node_use(NODE0));
            assert_eq!(service.ledger(NODE0).unwrap().cores_in_use, 0);
            until(&me, 10.0).await;
            let second = manager.invoke(&f).await.unwrap();
            assert_eq!(second.state(), InvocationState::Schedulable, "the node is not used");
            manager.wait_all([&first, &second]).await;
            assert_eq!(second.start_kind(), Some(StartKind::Cold));
            let third = served(&manager, &f).await;
            assert_eq!(third.start_kind(), Some(StartKind::Warm), "the node works again");
            [first, second]
        })
    }
}

#[test]
fn a_node_fails_in_mid_copy() {
    for preset in [Preset::Default, Preset::Wrench] {
        let [first, second] = Outage { preset, off: downloaded() + 0.2 }
            .play(|node| assert_eq!(node, NodeUse::default()));
        // Nothing is lost but time: the copy begins anew when the node is back.
        let dispatched = 20.0 + copy(IMAGE) + load(IMAGE);
        assert_completed(&first, dispatched, dispatched + 1.0, dispatched + 3.0);
        assert_completed(&second, dispatched, dispatched + 1.0, dispatched + 3.0);
    }
}

#[test]
fn a_node_fails_in_mid_load() {
    for preset in [Preset::Default, Preset::Wrench] {
        // The disk keeps the image.
        let disk_only = NodeUse { disk_bytes: IMAGE, ..NodeUse::default() };
        let [first, second] =
            Outage { preset, off: copied() + 0.2 }.play(move |node| assert_eq!(node, disk_only));
        let dispatched = 20.0 + load(IMAGE);
        assert_completed(&first, dispatched, dispatched + 1.0, dispatched + 3.0);
        assert_completed(&second, dispatched, dispatched + 1.0, dispatched + 3.0);
    }
}

#[test]
fn a_node_fails_while_a_container_starts_or_runs_or_is_idle() {
    for preset in [Preset::Default, Preset::Wrench] {
        for (off, started, ends) in [
            (loaded() + 0.5, None, false),
            (loaded() + 2.0, Some(loaded() + 1.0), false),
            (loaded() + 5.0, Some(loaded() + 1.0), true),
        ] {
            // Memory and containers are gone, the image on disk is not.
            let disk_only = NodeUse { disk_bytes: IMAGE, ..NodeUse::default() };
            let [first, second] =
                Outage { preset, off }.play(move |node| assert_eq!(node, disk_only));
            let record = first.record();
            assert_eq!(
                record.started.map(|date| date.as_secs_f64().round()),
                started.map(f64::round)
            );
            if ends {
                assert_completed(&first, loaded(), loaded() + 1.0, loaded() + 3.0);
            } else {
                assert_failed(&first, "host_failed", off);
                assert_eq!(first.cause(), host_failed("node0"));
                assert_eq!(record.ended, None);
            }
            // Its memory is empty when it comes back.
            let dispatched = 20.0 + load(IMAGE);
            assert_completed(&second, dispatched, dispatched + 1.0, dispatched + 3.0);
        }
    }
}

/// A body that is an actor, with a file half written, instead of one that sleeps.
#[test]
fn a_node_fails_while_a_body_writes() {
    let (world, service, manager) = World::plain(1);
    world.turn_off(2.0, world.nodes[0]);
    world.turn_on(4.0, world.nodes[0]);
    world.play(async move |_| {
        let f = Function::new("f", None, Body::steps([write("a", 300 * MB)]));
        let f = register(&manager, &service, &f, limit(100.0).disk(GB)).await;
        let first = served(&manager, &f).await;
        assert_failed(&first, "host_failed", 2.0);
        assert_date(first.record().started, 0.0);
        let second = served(&manager, &f).await;
        assert_completed(&second, 4.0, 4.0, 7.0);
    });
}

/// Off and on within one instant: what ran is lost, what comes works, and the books agree at every
/// message between.
#[test]
fn a_node_that_is_off_for_no_time() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| keep(config, 1000.0));
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    let node = world.nodes[0];
    let off = loaded() + 1.0;
    world.at(off, move |platform| {
        platform.turn_off(node);
        platform.turn_on(node);
    });
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", Some(&image), 2.0), limit(10.0)).await;
        let lost = [manager.invoke(&f).await.unwrap(), manager.invoke(&f).await.unwrap()];
        manager.wait_all(&lost).await;
        for invocation in &lost {
            assert_failed(invocation, "host_failed", off);
        }
        until(&me, 10.0).await;
        let next = served(&manager, &f).await;
        assert_completed(&next, 10.0 + load(IMAGE), 10.0 + load(IMAGE), 12.0 + load(IMAGE));
    });
}

/// With another node the work goes on there at once.
#[test]
fn another_node_takes_over() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(2);
        let service = world.service(preset, |_| {});
        let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
        let off = downloaded() + 0.2;
        world.turn_off(off, world.nodes[0]);
        world.play(async move |_| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 2.0), limit(10.0)).await;
            let invocation = served(&manager, &f).await;
            let dispatched = off + copy(IMAGE) + load(IMAGE);
            assert_completed(&invocation, dispatched, dispatched, dispatched + 2.0);
            assert_eq!(invocation.record().node.as_deref(), Some("node1"));
        });
    }
}

/// An interrupted copy frees the room that another invocation waits for: that one must not be sent
/// to the node that has just gone.
#[test]
fn nothing_is_dispatched_to_a_node_that_has_just_failed() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::of(&[NodeSpec { disk: 10 * GB, ..NODE }]);
        let service = world.service(preset, |config| config.simulate_downloads = false);
        let (manager, image) = (world.manager.clone(), world.image("image", 5 * GB));
        world.turn_off(10.0, world.nodes[0]);
        world.turn_on(20.0, world.nodes[0]);
        world.play(async move |me| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
            let g =
                register(&manager, &service, &sleeper("g", None, 1.0), limit(10.0).disk(6 * GB))
                    .await;
            // The copy takes 50 s and half of the disk; the container of g does not fit beside it.
            let f = manager.invoke(&f).await.unwrap();
            until(&me, 1.0).await;
            let g = manager.invoke(&g).await.unwrap();
            assert_eq!(g.state(), InvocationState::Schedulable);
            manager.wait_all([&f, &g]).await;
            assert_eq!(g.outcome(), Some(Outcome::Completed), "{:?}", g.cause());
            assert_eq!(f.outcome(), Some(Outcome::Completed), "{:?}", f.cause());
        });
    }
}

/// The head host fails: whatever is in progress ends, all waiters are woken, and requests are
/// refused until it is back.
#[test]
fn the_head_host_fails() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        config.nodes[0].slots = Slots::Count(1);
        config.payloads.invoke_request = 10 * MB;
    });
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    let head = world.head;
    world.turn_off(3.0, head);
    world.turn_on(5.0, head);
    let site = world.site.clone();
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 50.0), limit(100.0)).await;
        let g = register(&manager, &service, &sleeper("g", Some(&image), 2.0), limit(100.0)).await;
        let running = manager.invoke(&f).await.unwrap();
        let pending = manager.invoke(&f).await.unwrap();
        let downloading = manager.invoke(&g).await.unwrap();
        assert_eq!(
            [running.state(), pending.state(), downloading.state()],
            [InvocationState::Running, InvocationState::Schedulable, InvocationState::Submitted]
        );
        // A request of 10 MB takes more than half a second, and the download slows it down: it is
        // on its way at 3 s.
        let on_its_way = {
            let (manager, f) = (manager.clone(), f.clone());
            isotherm_services::ExecutionController::spawn(
                &site,
                me.host(),
                "other",
                async move |me| {
                    until(&me, 2.8).await;
                    let cause = manager.invoke(&f).await.unwrap_err();
                    assert_date(me.now(), 3.0);
                    cause
                },
            )
        };
        manager.wait_all([&running, &pending, &downloading]).await;
        for invocation in [&running, &pending, &downloading] {
            assert_failed(invocation, "host_failed", 3.0);
            assert_eq!(invocation.cause(), host_failed("head"));
        }
        assert_date(running.record().started, 0.0 + wan(10 * MB));
        assert!(on_its_way.join().await.is_ok());
        // While it is off a request cannot even be sent, and one of no size is refused.
        until(&me, 4.0).await;
        assert!(manager.invoke(&f).await.is_err());
        let gone = host_failed("head").unwrap();
        assert_eq!(manager.register(f.function(), &service, f.limits()).await.unwrap_err(), gone);
        assert_eq!(manager.cancel(&running).await.unwrap_err(), gone);
        assert_eq!(manager.drain(&service).await.unwrap_err(), gone);
        assert_eq!(manager.stop(&service).await.unwrap_err(), gone);
        // When it is back it knows its functions. The image, whose download was broken off, comes
        // anew.
        until(&me, 6.0).await;
        let begins = 6.0 + wan(10 * MB);
        let again = manager.invoke(&g).await.unwrap();
        assert_date(me.now(), begins);
        manager.wait_one(&again).await;
        let dispatched = begins + loaded();
        assert_completed(&again, dispatched, dispatched, dispatched + 2.0);
        service.check();
    });
}

/// The link to the nodes is off from the middle of the copy until 20 s. The default preset tries
/// again now and then until it is back; under the rules of the reference a failed copy starts no
/// round, and the next request does.
#[test]
fn a_link_fails_during_a_copy() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(1);
        let service = world.service(preset, |_| {});
        let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
        world.at(downloaded() + 0.2, |platform| platform.link_off(platform.link("lan").unwrap()));
        world.at(20.0, |platform| platform.link_on(platform.link("lan").unwrap()));
        let auditor = world.auditor(&service);
        world.play({
            let service = service.clone();
            async move |me| {
                let f = register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0))
                    .await;
                let first = manager.invoke(&f).await.unwrap();
                until(&me, downloaded() + 0.3).await;
                assert_eq!(first.state(), InvocationState::Schedulable);
                assert_eq!(
                    auditor.borrow().node_use(NODE0).disk_bytes,
                    0,
                    "the room for the copy is free again"
                );
                until(&me, 100.0).await;
                let second = manager.invoke(&f).await.unwrap();
                manager.wait_all([&first, &second]).await;
                let dispatched = first.record().dispatched.unwrap().as_secs_f64();
                match preset {
                    Preset::Default => {
                        assert!(dispatched > 20.0 && dispatched < 100.0, "{dispatched}");
                        assert_completed(&second, 100.0, 100.0, 101.0);
                    }
                    Preset::Wrench => {
                        let dispatched = 100.0 + copy(IMAGE) + load(IMAGE);
                        assert_completed(&first, dispatched, dispatched, dispatched + 1.0);
                        assert_completed(&second, dispatched, dispatched, dispatched + 1.0);
                    }
                }
            }
        });
        assert!(world.auditor(&service).borrow().counters().interrupted_copies >= 1);
    }
}

/// A request whose processing overhead has not passed when the service stops is refused when it
/// has.
#[test]
fn a_service_is_stopped_while_a_request_is_put_off() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| config.processing_overhead = secs(1.0));
    let (manager, site) = (world.manager.clone(), world.site.clone());
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
        let other = {
            let manager = manager.clone();
            isotherm_services::ExecutionController::spawn(
                &site,
                me.host(),
                "other",
                async move |me| {
                    let cause = manager.invoke(&f).await.unwrap_err();
                    (cause.code(), me.now().as_secs_f64())
                },
            )
        };
        until(&me, 0.5).await;
        assert_eq!(manager.stop(&service).await, Ok(()));
        assert_date(me.now(), 0.5);
        assert_eq!(other.join().await.unwrap(), ("service_stopped", 1.0));
    });
}

/// A request that the service has taken but not yet processed is answered too, and one that waits
/// behind it.
#[test]
fn the_head_host_fails_while_it_processes_requests() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(1);
        let service = world.service(preset, |config| config.processing_overhead = secs(10.0));
        let manager = world.manager.clone();
        let site = world.site.clone();
        world.turn_off(3.0, world.head);
        world.play(async move |me| {
            let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
            let ask = || {
                let (manager, f) = (manager.clone(), f.clone());
                isotherm_services::ExecutionController::spawn(
                    &site,
                    me.host(),
                    "other",
                    async move |_| manager.invoke(&f).await.unwrap_err(),
                )
            };
            for other in [ask(), ask()] {
                assert_eq!(Some(other.join().await.unwrap()), host_failed("head"));
            }
        });
    }
}

fn with_payloads(change: impl FnOnce(&mut Payloads)) -> impl FnOnce(&mut ServiceConfig) {
    move |config| change(&mut config.payloads)
}

#[test]
fn a_request_is_lost() {
    let world = World::new(1);
    let service =
        world.service(Preset::Default, with_payloads(|bytes| bytes.invoke_request = 100 * MB));
    let (manager, auditor) = (world.manager.clone(), world.auditor(&service));
    world.cut_wan(1.0);
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
        let cause = manager.invoke(&f).await.unwrap_err();
        assert_eq!(cause.code(), "network_failed");
        assert_date(me.now(), 1.0);
        // Nor can one be sent now; messages of no size need no network.
        assert_eq!(manager.invoke(&f).await.unwrap_err().code(), "network_failed");
        register(&manager, &service, f.function(), limit(10.0)).await;
        assert_date(me.now(), 1.0);
    });
    assert_eq!(auditor.borrow().counters().submitted, 0);
}

/// The answer to a request to invoke is lost; the invocation runs all the same.
#[test]
fn an_answer_is_lost() {
    let world = World::new(1);
    let service =
        world.service(Preset::Default, with_payloads(|bytes| bytes.invoke_answer = 100 * MB));
    let manager = world.manager.clone();
    let records = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    service.records_to(records.clone());
    world.cut_wan(1.0);
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 2.0), limit(10.0)).await;
        assert_eq!(manager.invoke(&f).await.unwrap_err().code(), "network_failed");
        assert_date(me.now(), 1.0);
        until(&me, 5.0).await;
    });
    let records = records.borrow();
    assert_eq!((records.len(), records[0].outcome), (1, Outcome::Completed));
    assert_date(records[0].ended, 2.0);
}

/// The manager hears of the end all the same: at once when the message is lost, and so of those
/// behind it.
#[test]
fn a_completion_is_lost() {
    let world = World::new(1);
    let service =
        world.service(Preset::Default, with_payloads(|bytes| bytes.completion = 100 * MB));
    let manager = world.manager.clone();
    world.cut_wan(3.0);
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 2.0), limit(10.0)).await;
        let invocations = [manager.invoke(&f).await.unwrap(), manager.invoke(&f).await.unwrap()];
        manager.wait_all(&invocations).await;
        assert_date(me.now(), 3.0);
        for invocation in &invocations {
            assert_completed(invocation, 0.0, 0.0, 2.0);
        }
    });
}

#[test]
fn a_service_is_stopped_twice_and_used_afterwards() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(1);
        let service = world.service(preset, |config| keep(config, 1000.0));
        let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
        world.play(async move |me| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 50.0), limit(100.0)).await;
            let running = manager.invoke(&f).await.unwrap();
            until(&me, 10.0).await;
            assert_eq!(manager.stop(&service).await, Ok(()));
            assert_failed(&running, "service_stopped", 10.0);
            let gone = FailureCause::ServiceStopped { service: "serverless".into() };
            assert_eq!(manager.stop(&service).await, Err(gone.clone()));
            assert_eq!(manager.invoke(&f).await.unwrap_err(), gone);
            assert_eq!(
                manager.register(f.function(), &service, limit(1.0)).await.unwrap_err(),
                gone
            );
            assert_eq!(manager.cancel(&running).await, Err(gone.clone()));
            assert_eq!(manager.drain(&service).await, Err(gone));
            manager.wait_one(&running).await;
            assert_date(me.now(), 10.0);
        });
    }
}

/// Stopped in the middle of a download, a copy and a load: these go on, nothing is started.
#[test]
fn a_service_is_stopped_while_images_move() {
    for at in [1.0, downloaded() + 0.2, copied() + 0.2] {
        let (world, service, manager) = World::plain(1);
        let image = world.image("image", IMAGE);
        world.play(async move |me| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
            let waiting = manager.invoke(&f).await.unwrap();
            until(&me, at).await;
            assert_eq!(manager.stop(&service).await, Ok(()));
            assert_failed(&waiting, "service_stopped", at);
            until(&me, 10.0).await;
            assert_eq!(service.ledger(NODE0).unwrap().submitted, 0);
        });
    }
}

#[test]
fn a_function_of_another_service() {
    let world = World::new(1);
    let a = world.service(Preset::Default, |config| config.name = "a".to_owned());
    let b = world.service(Preset::Default, |config| config.name = "b".to_owned());
    let manager = world.manager.clone();
    world.play(async move |_| {
        let f = register(&manager, &a, &sleeper("f", None, 1.0), limit(10.0)).await;
        let cause = manager.invoke_at(&f, &b, None).await.unwrap_err();
        assert_eq!(cause, FailureCause::FunctionNotRegistered { function: "f".into() });
        let invocation = manager.invoke_at(&f, &a, None).await.unwrap();
        manager.wait_one(&invocation).await;
    });
}

/// Images of one name are different images, whatever their names.
#[test]
fn images_of_one_name() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| config.simulate_downloads = false);
    let (manager, repository) = (world.manager.clone(), world.repository.clone());
    world.play(async move |_| {
        let mut invocations = Vec::new();
        for (name, bytes) in [("a", 100 * MB), ("a", 200 * MB), ("a#2", 300 * MB), ("a", 400 * MB)]
        {
            let image: Image = manager.image(name, bytes, 0, &repository);
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
            invocations.push(manager.invoke(&f).await.unwrap());
            manager.wait_one(invocations.last().unwrap()).await;
        }
        for (invocation, bytes) in invocations.iter().zip([1, 2, 3, 4]) {
            assert_eq!(invocation.outcome(), Some(Outcome::Completed));
            assert_duration(invocation.record().copy_wait, copy(bytes * 100 * MB));
        }
    });
}

/// A replay ends with the actor that waits for it: when the host of its user fails, even if it is
/// back before the next arrival, and when it is dropped.
#[test]
fn a_replay_ends_with_its_caller() {
    let arrivals =
        || (1..=4).map(|second| Planned { at: date(f64::from(second)), function: 0, body: None });
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(1);
        let service = world.service(preset, |_| {});
        world.turn_off(2.5, world.user);
        world.turn_on(2.6, world.user);
        let (manager, records, asked) =
            (world.manager.clone(), service.collect_records(), service.clone());
        ExecutionController::spawn(&world.site, world.user, "controller", async move |_| {
            let f = register(&manager, &service, &sleeper("f", None, 0.1), limit(60.0)).await;
            manager.replay(&service, &[f], arrivals()).await.unwrap();
        });
        let kernel = world.simulation.kernel();
        kernel.spawn("clock", kernel.sleep(secs(10.0)));
        world.simulation.run().unwrap();
        assert_eq!((records.borrow().len(), asked.requests_lost()), (2, 0), "{preset:?}");
    }
    let world = World::new(1);
    let service = world.service(Preset::Default, |_| {});
    let (manager, records) = (world.manager.clone(), service.collect_records());
    world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 0.1), limit(60.0)).await;
        let functions = [f];
        let replay = manager.replay(&service, &functions, arrivals());
        assert!(
            with_deadline(me.kernel(), date(2.5), replay).await.is_err(),
            "it would last for 4 s"
        );
        until(&me, 10.0).await;
    });
    assert_eq!(records.borrow().len(), 2);
}
