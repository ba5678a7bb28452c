//! Hosts that are off when the service starts: others serve, it serves when it comes up, and what
//! lacks it says so.

use crate::common::*;
use isotherm_kernel::{Kernel, RandomStreams, RunError};
use isotherm_platform::Platform;
use isotherm_serverless::scheduler::{
    ByNode, Fcfs, FcfsFullScan, FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality,
    MostLoaded, PowerOfTwo, RandomPlacement, RoundRobin, Scheduler, WorkloadBalancing,
};
use isotherm_serverless::{FunctionManager, Lack, NodeId, Outcome, Preset};
use isotherm_services::{
    Action, BareMetalConfig, BareMetalService, ExecutionController, StorageConfig, StorageService,
};

const IMAGE: u64 = 50 * MB;

/// Every scheduler that there is, with its name.
fn schedulers() -> Vec<(&'static str, Box<dyn Scheduler>)> {
    let random = || RandomStreams::new(7).stream("scheduler");
    vec![
        ("fcfs", Box::new(ByNode::new(Fcfs, true))),
        ("fcfs of the reference", Box::new(FcfsFullScan::new())),
        ("random", Box::new(RandomPlacement::new(random()))),
        ("workload-balancing", Box::new(WorkloadBalancing)),
        ("first-fit", Box::new(ByNode::new(FirstFit, false))),
        ("round-robin", Box::new(ByNode::new(RoundRobin::new(), false))),
        ("least-loaded", Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Memory), false))),
        ("warm-first", Box::new(ByNode::new(LeastLoaded::by(LoadMeasure::Running), true))),
        ("most-loaded", Box::new(ByNode::new(MostLoaded, false))),
        ("hash-affinity", Box::new(ByNode::new(HashAffinity::new(1.25), false))),
        ("locality", Box::new(ByNode::new(Locality, false))),
        ("power-of-two", Box::new(ByNode::new(PowerOfTwo::new(random()), false))),
    ]
}

/// Node 0 is off until 50 s. What comes meanwhile is served by node 1 alone, one after the other,
/// whatever the scheduler; afterwards both serve: of the ten that come together at 60 s one at
/// least runs there.
#[test]
fn others_serve_until_it_comes_up() {
    for preset in [Preset::Default, Preset::Wrench] {
        for with_image in [false, true] {
            for (name, scheduler) in schedulers() {
                let world = World::of(&[NodeSpec { cores: 5, ..NODE }; 2]);
                world.platform().turn_off(world.nodes[0]);
                let service = world.service(preset, |config| config.scheduler = scheduler);
                let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
                world.turn_on(50.0, world.nodes[0]);
                world.play(async move |me| {
                    let image = with_image.then_some(&image);
                    let f =
                        register(&manager, &service, &sleeper("f", image, 1.0), limit(10.0)).await;
                    let mut early = Vec::new();
                    for second in [1.0, 1.0, 1.0, 20.0, 22.0] {
                        until(&me, second).await;
                        early.push(manager.invoke(&f).await.unwrap());
                    }
                    manager.wait_all(&early).await;
                    assert!(me.now() < date(50.0), "{name}: nobody waited for the host");
                    for invocation in &early {
                        assert_eq!(invocation.outcome(), Some(Outcome::Completed), "{name}");
                        assert_eq!(invocation.record().node.as_deref(), Some("node1"), "{name}");
                    }
                    until(&me, 60.0).await;
                    let mut late = Vec::new();
                    for _ in 0..10 {
                        late.push(manager.invoke(&f).await.unwrap());
                    }
                    manager.wait_all(&late).await;
                    for invocation in &late {
                        assert_eq!(invocation.outcome(), Some(Outcome::Completed), "{name}");
                    }
                    // Without an image there are places for all ten at once; with one they may wait
                    // where it is.
                    let on_node0 = |invocation: &isotherm_serverless::Invocation| {
                        invocation.record().node.as_deref() == Some("node0")
                    };
                    assert!(with_image || late.iter().any(on_node0), "{name}");
                });
            }
        }
    }
}

/// The only host is off until 50 s: what comes at 0 and 49 s begins then.
#[test]
fn all_wait_for_the_only_host() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(1);
        world.platform().turn_off(world.nodes[0]);
        let service = world.service(preset, |config| config.startup_overhead = secs(2.0));
        let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
        world.turn_on(50.0, world.nodes[0]);
        world.play(async move |me| {
            let plain =
                register(&manager, &service, &sleeper("plain", None, 10.0), limit(100.0)).await;
            let packed =
                register(&manager, &service, &sleeper("packed", Some(&image), 10.0), limit(100.0))
                    .await;
            let first =
                [manager.invoke(&plain).await.unwrap(), manager.invoke(&packed).await.unwrap()];
            until(&me, 49.0).await;
            let second = manager.invoke(&plain).await.unwrap();
            manager.wait_all([&first[0], &first[1], &second]).await;
            assert_completed(&first[0], 50.0, 52.0, 62.0);
            assert_completed(&second, 50.0, 52.0, 62.0);
            // The image has been on the head disk for long.
            let dispatched = 50.0 + copy(IMAGE) + load(IMAGE);
            assert_completed(&first[1], dispatched, dispatched + 2.0, dispatched + 12.0);
        });
    }
}

/// A host that never comes up disturbs nobody, and the run ends when the others are done.
#[test]
fn a_host_that_never_comes_up_does_no_harm() {
    let world = World::new(2);
    world.platform().turn_off(world.nodes[0]);
    let service = world.service(Preset::Default, |_| {});
    let manager = world.manager.clone();
    let end = world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", None, 10.0), limit(100.0)).await;
        served(&manager, &f).await;
        assert_eq!(service.slots_used(NodeId(0)), Ok(Some(0)));
        me.now()
    });
    assert_date(end, 10.0);
}

/// The head host is off until 20 s: until then requests are refused with its name, and then the
/// service works.
#[test]
fn the_head_host_comes_up_later() {
    let world = World::new(1);
    world.platform().turn_off(world.head);
    let service = world.service(Preset::Default, |_| {});
    let (manager, image, head) = (world.manager.clone(), world.image("image", IMAGE), world.head);
    world.turn_on(20.0, head);
    world.play(async move |me| {
        let function = sleeper("f", Some(&image), 1.0);
        let refused = manager.register(&function, &service, limit(10.0)).await.unwrap_err();
        assert_eq!(refused.to_string(), "host `head` failed");
        me.site().platform().wait_until_on(head).await;
        assert_date(me.now(), 20.0);
        let f = register(&manager, &service, &function, limit(10.0)).await;
        let invocation = served(&manager, &f).await;
        let dispatched = 20.0 + all_the_way(IMAGE);
        assert_completed(&invocation, dispatched, dispatched, dispatched + 1.0);
    });
}

/// The head host goes and comes back. What ran ends with it, containers are gone, the image is
/// still on the node's disk, and in its memory.
#[test]
fn the_head_host_comes_back() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(1);
        let service = world.service(preset, |config| keep(config, 1000.0));
        let (manager, image, head) =
            (world.manager.clone(), world.image("image", IMAGE), world.head);
        world.turn_off(100.0, head);
        world.turn_on(200.0, head);
        world.play(async move |me| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 10.0), limit(100.0)).await;
            served(&manager, &f).await;
            until(&me, 95.0).await;
            let running = [manager.invoke(&f).await.unwrap(), manager.invoke(&f).await.unwrap()];
            manager.wait_all(&running).await;
            assert_date(me.now(), 100.0);
            assert!(running.iter().all(|lost| lost.outcome() == Some(Outcome::Failed)));
            until(&me, 150.0).await;
            assert!(manager.invoke(&f).await.is_err());
            until(&me, 250.0).await;
            let again = served(&manager, &f).await;
            assert_completed(&again, 250.0, 250.0, 260.0);
            assert_eq!(again.start_kind(), Some(isotherm_serverless::StartKind::Cold));
        });
    }
}

/// Two services share a host that is off until 5 s, and one of them another that is on.
#[test]
fn a_host_that_two_services_share() {
    let world = World::new(2);
    let nodes = world.nodes.clone();
    world.platform().turn_off(nodes[0]);
    let both = world.service(Preset::Default, |_| {});
    let one = world.service(Preset::Default, |config| {
        config.name = "other".to_owned();
        config.nodes.truncate(1);
    });
    let manager = world.manager.clone();
    world.turn_on(5.0, nodes[0]);
    world.play(async move |_| {
        let f = register(&manager, &both, &sleeper("f", None, 1.0), limit(10.0)).await;
        let g = register(&manager, &one, &sleeper("g", None, 1.0), limit(10.0)).await;
        let (f, g) = (manager.invoke(&f).await.unwrap(), manager.invoke(&g).await.unwrap());
        manager.wait_all([&f, &g]).await;
        assert_completed(&f, 0.0, 0.0, 1.0);
        assert_completed(&g, 5.0, 5.0, 6.0);
    });
}

/// What is on a host that is off does not work, and says so; a controller begins when the host
/// comes up.
#[test]
fn what_is_started_on_a_host_that_is_off() {
    let world = World::new(1);
    let node = world.nodes[0];
    world.platform().turn_off(node);
    let bare_metal = BareMetalService::start(&world.site, BareMetalConfig::new("bare_metal", node));
    let disk = world.platform().disk_at(node, "/").unwrap();
    let storage = StorageService::start(&world.site, StorageConfig::on_disk("storage", node, disk));
    let manager = FunctionManager::start_named(&world.site, node, "late_manager");
    let service = world.service(Preset::Default, |_| {});
    let ghost = ExecutionController::spawn(&world.site, node, "ghost", async move |me| me.now());
    world.turn_on(30.0, node);
    world.play(async move |me| {
        assert!(!bare_metal.is_up() && !storage.is_up());
        let report = bare_metal.perform(&me.address(), Action::Sleep(secs(1.0))).await;
        assert_eq!(report.result.unwrap_err().to_string(), "host `node0` failed");
        assert!(storage.read(&me.address(), "file", None).await.is_err());
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
        served(&manager, &f).await;
        assert_date(me.now(), 31.0);
        assert_date(ghost.join().await.unwrap(), 30.0);
    });
}

/// A controller whose host never comes up is waited for, and the error says which host that is.
#[test]
fn a_controller_whose_host_never_comes_up() {
    let world = World::new(1);
    let node = world.nodes[0];
    world.platform().turn_off(node);
    drop(ExecutionController::spawn(&world.site, node, "ghost", async move |_| {
        panic!("runs on a host that is off")
    }));
    let error = world.try_play(async |me| me.sleep(secs(3.0)).await).unwrap_err();
    assert_eq!(
        error.to_string(),
        "deadlock at 3.000000000 s: host `node0` is off and does not come back; 'node0/ghost' waits for a message in \
         mailbox 'host 'node0' is on'"
    );
}

/// What a run says that cannot go on, and what the invocations of it lack.
fn lacks(
    preset: Preset,
    nodes: &[NodeSpec],
    prepare: impl FnOnce(&World, &mut isotherm_serverless::ServiceConfig),
    functions: Vec<(isotherm_serverless::Function, isotherm_serverless::Limits)>,
) -> (String, Vec<Lack>) {
    let world = World::of(nodes);
    let service = world.service(preset, |config| prepare(&world, config));
    let (manager, asked) = (world.manager.clone(), service.clone());
    let error = world.try_play(async move |_| {
        let mut all = Vec::new();
        for (function, limits) in &functions {
            let f = register(&manager, &service, function, *limits).await;
            all.push(manager.invoke(&f).await.unwrap());
        }
        manager.wait_all(&all).await;
    });
    let error = error.unwrap_err();
    assert!(matches!(error, RunError::Deadlock { .. }), "{error}");
    (
        error.to_string(),
        asked.why_unfinished().unwrap().into_iter().map(|unfinished| unfinished.lack).collect(),
    )
}

/// A body that waits for ever.
fn endless(name: &str) -> isotherm_serverless::Function {
    let body = isotherm_serverless::Body::custom(async move |_| std::future::pending().await);
    isotherm_serverless::Function::new(name, None, body)
}

fn no_limit() -> isotherm_serverless::Limits {
    isotherm_serverless::Limits::time(isotherm_kernel::Duration::MAX)
}

fn off_for_good(world: &World) -> &Kernel {
    world.nodes.iter().for_each(|&node| world.platform().turn_off(node));
    world.site.kernel()
}

/// An invocation that runs longer than all time is named so, whether it sleeps or computes. What
/// goes on for ever besides is nothing that one waits for which lacks a host.
#[test]
fn running_beyond_the_end_of_time_is_no_deadlock() {
    let ages = sleeper("f", None, 1e12);
    let work = [isotherm_serverless::Step::Compute(1e30)];
    let work =
        isotherm_serverless::Function::new("f", None, isotherm_serverless::Body::steps(work));
    for (function, is_off) in [(ages, false), (work, false), (sleeper("f", None, 1.0), true)] {
        let world = World::of(&[NODE]);
        let service = world.service(Preset::Default, |_| {});
        let kernel = world.site.kernel();
        let load = kernel.resource(1.0, isotherm_kernel::Sharing::Shared);
        let load =
            isotherm_kernel::ActivitySpec::new(isotherm_kernel::Rank::Cpu, 1e30).uses(load, 1.0);
        kernel.start(load).detach();
        drop(kernel.actor("daemon").daemon().spawn(kernel.sleep(isotherm_kernel::Duration::MAX)));
        if is_off {
            off_for_good(&world);
        }
        let manager = world.manager.clone();
        let error = world.try_play(async move |_| {
            let f = register(&manager, &service, &function, no_limit()).await;
            manager.wait_all(&[manager.invoke(&f).await.unwrap()]).await;
        });
        let error = error.unwrap_err();
        assert_eq!(matches!(error, RunError::BeyondTime { .. }), !is_off, "{error}");
        assert_eq!(matches!(error, RunError::Deadlock { .. }), is_off, "{error}");
    }
}

#[test]
fn a_deadlock_names_what_is_missing() {
    let f = || sleeper("f", None, 1.0);
    let one_core = NodeSpec { cores: 1, ..NODE };
    // All hosts are off for good.
    let (told, lack) = lacks(
        Preset::Default,
        &[NODE; 2],
        |world, _| drop(off_for_good(world).clone()),
        vec![(f(), no_limit())],
    );
    assert_eq!(lack, [Lack::HostsOff { hosts: 2 }]);
    assert!(
        told.contains(
            "1 invocation of `f` waits for a compute host: all 2 that could ever hold it are off"
        ),
        "{told}"
    );
    // No slot is free.
    let (told, lack) = lacks(
        Preset::Default,
        &[one_core],
        |_, _| {},
        vec![(endless("e"), no_limit()), (f(), no_limit())],
    );
    assert_eq!(lack, [Lack::Slot { hosts: 1 }, Lack::Running]);
    assert!(told.contains("1 invocation of `f` waits for a slot"), "{told}");
    // No memory is left beside what runs: 64 GB - 60 GB.
    let (told, lack) = lacks(
        Preset::Default,
        &[NODE],
        |_, _| {},
        vec![(endless("e"), no_limit().memory(60 * GB)), (f(), no_limit().memory(5 * GB))],
    );
    assert_eq!(lack[0], Lack::Memory { bytes: 5 * GB, obtainable_bytes: 4 * GB });
    assert!(
        told.contains("`f` waits for memory on a compute host: it takes 5000000000 bytes"),
        "{told}"
    );
    // No disk space: 200 GB - 150 GB.
    let (_, lack) = lacks(
        Preset::Default,
        &[NODE],
        |_, _| {},
        vec![(endless("e"), no_limit().disk(150 * GB)), (f(), no_limit().disk(60 * GB))],
    );
    assert_eq!(lack[0], Lack::Disk { bytes: 60 * GB, obtainable_bytes: 50 * GB });
    // As many run as may, on the whole service.
    let (told, lack) = lacks(
        Preset::Default,
        &[NODE],
        |_, config| config.max_concurrency = Some(1),
        vec![(endless("e"), no_limit()), (f(), no_limit())],
    );
    assert_eq!(lack[0], Lack::ServiceConcurrency { limit: 1, reserved_by_others: 0 });
    assert!(
        told.contains("`f` waits because of the max_concurrency of the service: 1 may run at once"),
        "{told}"
    );
}

/// As many run as may of the function itself.
#[test]
fn a_deadlock_names_the_limit_of_the_function() {
    for reserved in [false, true] {
        let world = World::new(1);
        let service = world.service(Preset::Default, |_| {});
        let (manager, asked) = (world.manager.clone(), service.clone());
        let error = world.try_play(async move |_| {
            let function = if reserved {
                endless("e").with_reserved_concurrency(2)
            } else {
                endless("e").with_max_concurrency(2)
            };
            let e = register(&manager, &service, &function, no_limit()).await;
            let mut all = Vec::new();
            for _ in 0..3 {
                all.push(manager.invoke(&e).await.unwrap());
            }
            manager.wait_all(&all).await;
        });
        let told = error.unwrap_err().to_string();
        let unfinished = asked.why_unfinished().unwrap();
        assert_eq!(unfinished[0].lack, Lack::FunctionConcurrency { limit: 2, reserved });
        assert_eq!((unfinished[0].count, unfinished[1].count), (1, 2));
        let limit = if reserved { "reserved concurrency" } else { "max_concurrency" };
        let expected = format!(
            "1 invocation of `e` waits because of the {limit} of its function: 2 may run at once"
        );
        assert!(told.contains(&expected), "{told}");
    }
}

/// The image never gets to the compute host, because the link is off for good; or to the head,
/// because another one fills its disk.
#[test]
fn a_deadlock_names_the_image() {
    for preset in [Preset::Default, Preset::Wrench] {
        let world = World::new(1);
        let service = world.service(preset, |_| {});
        let (manager, asked, image) =
            (world.manager.clone(), service.clone(), world.image("image", IMAGE));
        world
            .at(download(IMAGE) + 0.1, |platform| platform.link_off(platform.link("lan").unwrap()));
        let error = world.try_play(async move |_| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
            manager.wait_one(&manager.invoke(&f).await.unwrap()).await;
        });
        let error = error.unwrap_err();
        let RunError::Deadlock { at, .. } = &error else { panic!("{error}") };
        assert_date(*at, download(IMAGE) + 0.1);
        let told = "1 invocation of `f` waits for its image `image`, which does not get to compute host `node0`: the \
                    network failed: link `lan`";
        assert!(error.to_string().contains(told), "{error}");
        assert!(matches!(asked.why_unfinished().unwrap()[0].lack, Lack::BrokenImage { .. }));
    }
    let world = World::with_head_disk(&[NodeSpec { cores: 1, ..NODE }], IMAGE + 1);
    let service = world.service(Preset::Default, |_| {});
    let (manager, asked) = (world.manager.clone(), service.clone());
    let images = [world.image("first", IMAGE), world.image("second", 2 * MB)];
    let error = world.try_play(async move |me| {
        let e = register(&manager, &service, &endless("e"), no_limit()).await;
        let f =
            register(&manager, &service, &sleeper("f", Some(&images[0]), 1.0), limit(10.0)).await;
        let g =
            register(&manager, &service, &sleeper("g", Some(&images[1]), 1.0), limit(10.0)).await;
        let mut all = vec![manager.invoke(&e).await.unwrap(), manager.invoke(&f).await.unwrap()];
        me.sleep(secs(10.0)).await;
        all.push(manager.invoke(&g).await.unwrap());
        manager.wait_all(&all).await;
    });
    assert!(matches!(error, Err(RunError::Deadlock { .. })));
    // The first image is pinned by who waits for the slot.
    let lack = &asked.why_unfinished().unwrap()[0].lack;
    assert_eq!(
        *lack,
        Lack::HeadDisk { image: "second".to_owned(), bytes: 2 * MB, obtainable_bytes: 1 }
    );
}

/// Under the rules of the reference a copy that was broken off waits for the next round. At a
/// standstill it is held when the link is back.
#[test]
fn a_broken_copy_is_tried_again_when_the_link_is_back() {
    let world = World::new(1);
    let service = world.service(Preset::Wrench, |_| {});
    let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
    world.at(download(IMAGE) + 0.2, |platform| platform.link_off(platform.link("lan").unwrap()));
    world.at(20.0, |platform| platform.link_on(platform.link("lan").unwrap()));
    world.play(async move |_| {
        let f = register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
        let invocation = served(&manager, &f).await;
        let dispatched = 20.0 + copy(IMAGE) + load(IMAGE);
        assert_completed(&invocation, dispatched, dispatched, dispatched + 1.0);
    });
}

/// Under the rules of the default preset what was broken off does not wait for its next try when a
/// part has come on: a copy that link or disk break off, and a load that the disk breaks off, begin
/// anew at that date, under every scheduler. Pauses that double would have them begin later.
#[test]
fn what_was_broken_off_begins_anew_when_the_part_is_back() {
    type Switch = fn(&Platform, bool);
    let link: Switch = |platform, on| {
        let link = platform.link("lan").unwrap();
        if on { platform.link_on(link) } else { platform.link_off(link) }
    };
    let disk: Switch = |platform, on| {
        let disk = platform.disk_at(platform.host("node0").unwrap(), "/").unwrap();
        if on { platform.disk_on(disk) } else { platform.disk_off(disk) }
    };
    let (in_copy, in_load) = (download(IMAGE) + 0.2, download(IMAGE) + copy(IMAGE) + 0.2);
    for (switch, off, left) in [
        (link, in_copy, copy(IMAGE) + load(IMAGE)),
        (disk, in_copy, copy(IMAGE) + load(IMAGE)),
        (disk, in_load, load(IMAGE)),
    ] {
        // Just after a try, after an hour, and at the very date.
        for on in [off + 1.1, off + 3600.0, off] {
            for (name, scheduler) in schedulers() {
                let world = World::new(1);
                let service = world.service(Preset::Default, |config| config.scheduler = scheduler);
                let (manager, image) = (world.manager.clone(), world.image("image", IMAGE));
                world.at(off, move |platform| {
                    switch(platform, false);
                    if on == off {
                        switch(platform, true);
                    }
                });
                world.at(on, move |platform| switch(platform, true));
                world.play(async move |_| {
                    let f =
                        register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0))
                            .await;
                    let invocation = served(&manager, &f).await;
                    let dispatched = invocation.record().dispatched.unwrap().as_secs_f64();
                    assert!(
                        (dispatched - (on + left)).abs() < 1e-6,
                        "{name}: {dispatched}, not {}",
                        on + left
                    );
                });
            }
        }
    }
}

/// A link that is on for 0.6 s in 16 s, at dates that pauses of 1 s, 2 s, 4 s, … miss, and off for
/// good in the end.
#[test]
fn a_link_that_is_seldom_on_is_on_often_enough() {
    let (world, service, manager) = World::plain(1);
    let image = world.image("image", IMAGE);
    let off = download(IMAGE) + 0.2;
    let switch_off = |platform: &Platform| platform.link_off(platform.link("lan").unwrap());
    world.at(off, switch_off);
    for window in 0..50 {
        let on = off + 10.0 + 16.0 * f64::from(window);
        world.at(on, |platform| platform.link_on(platform.link("lan").unwrap()));
        world.at(on + 0.6, switch_off);
    }
    world.play(async move |_| {
        let f = register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
        let invocation = served(&manager, &f).await;
        let dispatched = off + 10.0 + copy(IMAGE) + load(IMAGE);
        assert_completed(&invocation, dispatched, dispatched, dispatched + 1.0);
    });
}
