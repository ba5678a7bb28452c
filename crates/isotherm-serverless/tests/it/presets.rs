//! What the two presets do: each row of their table, with the dates that follow. And what both do
//! alike: payloads, slots, nodes that differ, two services on the same hosts.

use crate::common::*;
use isotherm_kernel::Duration;
use isotherm_serverless::keep_alive::{IdleNow, Keep, KeepAlive};
use isotherm_serverless::scheduler::{Dispatch, Plan, Scheduler};
use isotherm_serverless::{
    ContainerReuse, FunctionId, Invocation, InvocationState, NodeConfig, NodeId, Outcome, Payloads,
    Preset, ServerlessComputeService, ServerlessError, ServiceConfig, Slots, StartKind, View,
};
use isotherm_services::ExecutionController;

const PRESETS: [Preset; 2] = [Preset::Default, Preset::Wrench];

/// An image of 50 MB, downloaded, copied and loaded from date 0 on.
fn loaded() -> f64 {
    all_the_way(50 * MB)
}

/// Row "head disk full": the second image waits until the first is no longer needed there, which is
/// when the invocation that wants it has been dispatched; then it takes its place.
#[test]
fn the_head_disk_is_full() {
    for preset in PRESETS {
        let world = World::with_head_disk(&[NODE], 80 * MB);
        let service = world.service(preset, |_| {});
        let (manager, a, b) =
            (world.manager.clone(), world.image("a", 50 * MB), world.image("b", 50 * MB));
        world.play({
            let service = service.clone();
            async move |_| {
                let f = register(&manager, &service, &sleeper("f", Some(&a), 100.0), limit(1000.0))
                    .await;
                let g =
                    register(&manager, &service, &sleeper("g", Some(&b), 1.0), limit(1000.0)).await;
                let f = manager.invoke(&f).await.unwrap();
                let g = manager.invoke(&g).await.unwrap();
                assert_eq!(g.state(), InvocationState::Submitted);
                manager.wait_all([&f, &g]).await;
                assert_completed(&f, loaded(), loaded(), loaded() + 100.0);
                assert_completed(&g, 2.0 * loaded(), 2.0 * loaded(), 2.0 * loaded() + 1.0);
            }
        });
        assert_eq!(world.auditor(&service).borrow().counters().head_evictions, 1);
    }
}

/// Row "loads and copies that find no room". After `a` an idle container holds 600 MB of the node's
/// 1,000; `b` needs 500 MB for its image. Gives the invocation of `b`, which comes at 10 s, and the
/// date at which the idle container times out.
fn room_held_by_an_idle_container(preset: Preset, in_memory: bool) -> (Invocation, f64) {
    let node =
        if in_memory { NodeSpec { memory: GB, ..NODE } } else { NodeSpec { disk: GB, ..NODE } };
    let world = World::of(&[node]);
    let service = world.service(preset, |config| keep(config, 1000.0));
    let (manager, a, b) =
        (world.manager.clone(), world.image("a", 50 * MB), world.image("b", 500 * MB));
    let held = if in_memory { limit(10.0).memory(600 * MB) } else { limit(10.0).disk(600 * MB) };
    let invocation = world.play(async move |me| {
        let f = register(&manager, &service, &sleeper("f", Some(&a), 1.0), held).await;
        let g = register(&manager, &service, &sleeper("g", Some(&b), 1.0), limit(10.0)).await;
        let f = manager.invoke(&f).await.unwrap();
        until(&me, 10.0).await;
        assert_completed(&f, loaded(), loaded(), loaded() + 1.0);
        served(&manager, &g).await
    });
    (invocation, loaded() + 1.0 + 1000.0)
}

#[test]
fn a_load_finds_no_room() {
    let (g, _) = room_held_by_an_idle_container(Preset::Default, true);
    let dispatched = 10.0 + all_the_way(500 * MB);
    assert_completed(&g, dispatched, dispatched, dispatched + 1.0);
    let (g, timed_out) = room_held_by_an_idle_container(Preset::Wrench, true);
    let dispatched = timed_out + load(500 * MB);
    assert_completed(&g, dispatched, dispatched, dispatched + 1.0);
}

#[test]
fn a_copy_finds_no_room() {
    let (g, _) = room_held_by_an_idle_container(Preset::Default, false);
    let dispatched = 10.0 + all_the_way(500 * MB);
    assert_completed(&g, dispatched, dispatched, dispatched + 1.0);
    let (g, timed_out) = room_held_by_an_idle_container(Preset::Wrench, false);
    let dispatched = timed_out + copy(500 * MB) + load(500 * MB);
    assert_completed(&g, dispatched, dispatched, dispatched + 1.0);
}

/// No preset takes room from a container that is busy: the load waits for its end. Under `wrench`
/// the image is copied meanwhile; under `default` it is not moved before there is a place.
#[test]
fn a_load_waits_for_a_busy_container() {
    for preset in PRESETS {
        let world = World::of(&[NodeSpec { memory: GB, ..NODE }]);
        let service = world.service(preset, |config| config.scheduler = preset.rules().fcfs());
        let (manager, a, b) =
            (world.manager.clone(), world.image("a", 50 * MB), world.image("b", 500 * MB));
        world.play(async move |me| {
            let limits = limit(1000.0).memory(600 * MB);
            let f = register(&manager, &service, &sleeper("f", Some(&a), 100.0), limits).await;
            let g = register(&manager, &service, &sleeper("g", Some(&b), 1.0), limit(10.0)).await;
            let f = manager.invoke(&f).await.unwrap();
            until(&me, 10.0).await;
            let g = manager.invoke(&g).await.unwrap();
            manager.wait_all([&f, &g]).await;
            assert_completed(&f, loaded(), loaded(), loaded() + 100.0);
            let copied = if preset == Preset::Wrench { 0.0 } else { copy(500 * MB) };
            let dispatched = loaded() + 100.0 + copied + load(500 * MB);
            assert_completed(&g, dispatched, dispatched, dispatched + 1.0);
        });
    }
}

/// Row "scheduler FCFS chooses a node": the first node has the image in memory and a free core, but
/// no room for a second container of 600 MB.
#[test]
fn fcfs_chooses_a_node() {
    for preset in PRESETS {
        let world = World::of(&[NodeSpec { memory: GB, ..NODE }; 2]);
        let service = world.service(preset, |_| {});
        let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
        world.play(async move |me| {
            let limits = limit(1000.0).memory(600 * MB);
            let f = register(&manager, &service, &sleeper("f", Some(&image), 100.0), limits).await;
            let first = manager.invoke(&f).await.unwrap();
            until(&me, 10.0).await;
            let second = manager.invoke(&f).await.unwrap();
            manager.wait_all([&first, &second]).await;
            let (dispatched, node) = match preset {
                Preset::Default => (10.0 + copy(50 * MB) + load(50 * MB), "node1"),
                Preset::Wrench => (loaded() + 100.0, "node0"),
            };
            assert_completed(&second, dispatched, dispatched, dispatched + 100.0);
            assert_eq!(second.record().node.as_deref(), Some(node));
        });
    }
}

/// Row "idle container that serves". Container 0 is idle from 2 s on, container 1 from 1 s on.
#[test]
fn which_idle_container_serves() {
    let serves = |preset: Preset, reuse: Option<ContainerReuse>| {
        let world = World::new(1);
        let service = world.service(preset, |config| {
            keep(config, 1000.0);
            config.reuse = reuse.unwrap_or(config.reuse);
        });
        let manager = world.manager.clone();
        world.play(async move |me| {
            let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
            let slow = isotherm_serverless::Body::sleep(secs(2.0));
            let zero = manager.request(&f).body(slow).send().await.unwrap();
            let one = manager.invoke(&f).await.unwrap();
            assert_eq!(
                [&zero, &one].map(|invocation| invocation.record().container.unwrap().0),
                [0, 1]
            );
            until(&me, 5.0).await;
            let next = served(&manager, &f).await;
            assert_eq!(next.start_kind(), Some(StartKind::Warm));
            next.record().container.unwrap().0
        })
    };
    assert_eq!(serves(Preset::Default, None), 0, "the newest used");
    assert_eq!(serves(Preset::Wrench, None), 0, "the oldest created");
    for preset in PRESETS {
        assert_eq!(serves(preset, Some(ContainerReuse::Newest)), 1);
        assert_eq!(serves(preset, Some(ContainerReuse::Oldest)), 0);
        assert_eq!(serves(preset, Some(ContainerReuse::MostRecentlyUsed)), 0);
        assert_eq!(serves(preset, Some(ContainerReuse::LeastRecentlyUsed)), 1);
    }
    assert_eq!(Preset::Default.reuse(), ContainerReuse::MostRecentlyUsed);
    assert_eq!(Preset::Wrench.reuse(), ContainerReuse::Oldest);
}

/// Row "body that ends exactly at its limit".
#[test]
fn a_body_ends_exactly_at_its_limit() {
    for (preset, outcome) in
        [(Preset::Default, Outcome::Completed), (Preset::Wrench, Outcome::TimedOut)]
    {
        let world = World::new(1);
        let service = world.service(preset, |config| {
            keep(config, 1000.0);
            config.startup_overhead = secs(1.0);
        });
        let manager = world.manager.clone();
        world.play(async move |_| {
            let f = register(&manager, &service, &sleeper("f", None, 60.0), limit(60.0)).await;
            for (start_kind, started) in [(StartKind::Cold, 1.0), (StartKind::Warm, 61.0)] {
                let invocation = served(&manager, &f).await;
                assert_eq!(
                    (invocation.outcome(), invocation.start_kind()),
                    (Some(outcome), Some(start_kind))
                );
                let record = invocation.record();
                assert_date(record.started, started);
                assert_date(record.ended, started + 60.0);
            }
        });
    }
}

/// Keeps the containers of the first function for ever and stops all others at once.
struct KeepFirst;

impl KeepAlive for KeepFirst {
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        if idle.function == FunctionId(0) { Keep::Forever } else { Keep::No }
    }
}

/// Dispatches everything to the first node, onto an idle container if there is one; but it lets an
/// invocation of the second function wait until there is one of the first to go with it.
struct Together;

impl Scheduler for Together {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        if view.pending().all(|pending| pending.function == FunctionId(1)) {
            return;
        }
        for pending in view.pending() {
            let (node, invocation) = (NodeId(0), pending.invocation);
            let container = view.idle(pending.function, node).next();
            plan.dispatches.push(Dispatch { invocation, node, container });
        }
    }
}

/// Row "dispatch onto a container evicted in the same round": the first dispatch of the round needs
/// the room of the idle container that the second one is to use. The second is infeasible and stays
/// schedulable, until the first has ended.
#[test]
fn a_dispatch_onto_a_container_that_has_just_been_evicted() {
    for preset in PRESETS {
        let world = World::of(&[NodeSpec { memory: GB, ..NODE }]);
        let service = world.service(preset, |config| {
            config.scheduler = Box::new(Together);
            config.keep_alive = Box::new(KeepFirst);
        });
        let manager = world.manager.clone();
        world.play({
            let service = service.clone();
            async move |me| {
                let small = limit(10.0).memory(300 * MB);
                let a = register(&manager, &service, &sleeper("a", None, 1.0), small).await;
                let b = register(
                    &manager,
                    &service,
                    &sleeper("b", None, 5.0),
                    limit(10.0).memory(800 * MB),
                )
                .await;
                let first = manager.invoke(&a).await.unwrap();
                until(&me, 2.0).await;
                assert_completed(&first, 0.0, 0.0, 1.0);
                let large = manager.invoke(&b).await.unwrap();
                until(&me, 3.0).await;
                let second = manager.invoke(&a).await.unwrap();
                manager.wait_all([&large, &second]).await;
                assert_completed(&large, 3.0, 3.0, 8.0);
                assert_completed(&second, 8.0, 8.0, 9.0);
                assert_eq!(second.start_kind(), Some(StartKind::Cold));
            }
        });
        assert_eq!(world.auditor(&service).borrow().counters().container_evictions, 1);
    }
}

/// The same with the reference's scheduler. 500 MB of the node's 1,000 are busy until 12 s, 300
/// idle; `b` needs 800. In each round it takes the free slot, though it cannot be started; at 12 s
/// both slots are free, and both are dispatched.
#[test]
fn the_reference_aborts_on_that_dispatch() {
    let world = World::of(&[NodeSpec { memory: GB, ..NODE }]);
    let service = world.service(Preset::Wrench, |config| {
        config.nodes[0].slots = Slots::Count(2);
        config.keep_alive = Box::new(KeepFirst);
    });
    let manager = world.manager.clone();
    world.play(async move |me| {
        let with = |memory| limit(100.0).memory(memory);
        let a = register(&manager, &service, &sleeper("a", None, 1.0), with(300 * MB)).await;
        let b = register(&manager, &service, &sleeper("b", None, 5.0), with(800 * MB)).await;
        let d = register(&manager, &service, &sleeper("d", None, 10.0), with(500 * MB)).await;
        let mut all = Vec::new();
        for (at, function) in [(0.0, &a), (2.0, &d), (3.0, &b), (4.0, &a)] {
            until(&me, at).await;
            all.push(manager.invoke(function).await.unwrap());
        }
        manager.wait_all(&all).await;
        assert_completed(&all[1], 2.0, 2.0, 12.0);
        assert_completed(&all[2], 12.0, 12.0, 17.0);
        assert_completed(&all[3], 17.0, 17.0, 18.0);
    });
}

/// Row "processing overhead of a request": 1 s for each of three requests that come at once. Bodies
/// of half a second.
#[test]
fn processing_overhead() {
    for preset in PRESETS {
        let world = World::new(1);
        let service = world.service(preset, |config| config.processing_overhead = secs(1.0));
        let (manager, site) = (world.manager.clone(), world.site.clone());
        world.play({
            let service = service.clone();
            async move |me| {
                let f = register(&manager, &service, &sleeper("f", None, 0.5), limit(10.0)).await;
                let mut users = Vec::new();
                for _ in 0..3 {
                    let (manager, f) = (manager.clone(), f.clone());
                    users.push(ExecutionController::spawn(
                        &site,
                        me.host(),
                        "user",
                        async move |_| served(&manager, &f).await,
                    ));
                }
                let mut dates = Vec::new();
                for user in users {
                    let record = user.join().await.unwrap().record();
                    dates.push(
                        [record.submitted, record.ended.unwrap(), record.finished]
                            .map(|at| at.as_secs_f64()),
                    );
                }
                let expected = match preset {
                    // Each waits for itself alone.
                    Preset::Default => [[1.0, 1.5, 1.5]; 3],
                    // One request after the other, and only then the ends of the bodies that lie
                    // behind them.
                    Preset::Wrench => [[1.0, 1.5, 3.0], [2.0, 2.5, 3.0], [3.0, 3.5, 3.5]],
                };
                assert_eq!(dates, expected);
            }
        });
        // A request that is put off is a message twice, and is processed once.
        let twice = if preset == Preset::Default { 3 } else { 0 };
        assert_eq!(service.checks() + twice, world.messages_to(&service));
    }
}

/// Row "waiters on invocations".
#[test]
fn each_waiter_is_woken_on_its_own() {
    for preset in PRESETS {
        let world = World::new(1);
        let service = world.service(preset, |_| {});
        let manager = world.manager.clone();
        world.play(async move |me| {
            let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
            let slow = isotherm_serverless::Body::sleep(secs(2.0));
            let slow = manager.request(&f).body(slow).send().await.unwrap();
            let fast = manager.invoke(&f).await.unwrap();
            let woken = async |invocation| {
                manager.wait_one(invocation).await;
                me.now().as_secs_f64()
            };
            assert_eq!(isotherm_kernel::join(woken(&slow), woken(&fast)).await, (2.0, 1.0));
        });
    }
}

/// The scenario `message-payloads`, whose dates were measured on the reference (rounded to 1 ns);
/// the presets do not differ in it.
#[test]
fn payloads_cost_what_they_cost_the_reference() {
    for preset in PRESETS {
        let world = World::new(2);
        let service = world.service(preset, |config| {
            keep(config, 1000.0);
            config.payloads = Payloads {
                register_request: 10_000,
                register_answer: 2_000,
                invoke_request: 1_000_000,
                invoke_answer: 4_096,
                completion: 250_000,
            };
        });
        let (manager, image) = (world.manager.clone(), world.image("i", 50 * MB));
        world.play(async move |me| {
            let limits = limit(1000.0).disk(500 * MB).memory(200 * MB);
            let f = register(&manager, &service, &sleeper("f", Some(&image), 2.0), limits).await;
            let mut invocations = Vec::new();
            for at in [0.0, 0.1, 30.0] {
                until(&me, at).await;
                invocations.push(manager.invoke(&f).await.unwrap());
            }
            manager.wait_all(&invocations).await;
            let expected = [
                [0.055553796, 3.816566669, 5.816566669],
                [0.208507623, 3.816566669, 5.816566669],
                [30.054383911, 30.054383911, 32.054383911],
            ];
            for (invocation, [submitted, dispatched, ended]) in invocations.iter().zip(expected) {
                assert_date(invocation.record().submitted, submitted);
                assert_completed(invocation, dispatched, dispatched, ended);
                assert_eq!(invocation.record().node.as_deref(), Some("node0"));
            }
            assert_date(me.now(), 32.068175039);
        });
    }
}

/// Two services on the same hosts share disks and links, but each has its own books: both take all
/// slots and all memory.
#[test]
fn two_services_on_the_same_hosts() {
    for preset in PRESETS {
        let world = World::new(1);
        let start = |name: &str| world.service(preset, |config| config.name = name.to_owned());
        let services = [start("a"), start("b")];
        let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
        world.play({
            let services = services.clone();
            async move |_| {
                let mut all = Vec::new();
                for service in &services {
                    let limits = limit(10.0).memory(6 * GB);
                    let f =
                        register(&manager, service, &sleeper("f", Some(&image), 1.0), limits).await;
                    for _ in 0..10 {
                        all.push(manager.invoke(&f).await.unwrap());
                    }
                }
                manager.wait_all(&all).await;
                // Each moves the image on its own, at half of the speed.
                let dispatched = WAN_LATENCY + 100e6 / WAN + LAN_LATENCY + 1.0 + 1.0;
                for invocation in &all {
                    assert_completed(invocation, dispatched, dispatched, dispatched + 1.0);
                }
            }
        });
        for service in &services {
            assert_eq!(world.auditor(service).borrow().peak_use(NodeId(0)).slots, 10);
        }
    }
}

/// Dispatch dates of 30 invocations that come at once, of bodies of 1 s, on a node of 10 cores.
fn thirty(preset: Preset, slots: Slots) -> Vec<f64> {
    let world = World::new(1);
    let service = world.service(preset, |config| config.nodes[0].slots = slots);
    let manager = world.manager.clone();
    world.play(async move |_| {
        let f = register(&manager, &service, &sleeper("f", None, 1.0), limit(10.0)).await;
        let mut all = Vec::new();
        for _ in 0..30 {
            all.push(manager.invoke(&f).await.unwrap());
        }
        manager.wait_all(&all).await;
        all.iter().map(|invocation| invocation.record().dispatched.unwrap().as_secs_f64()).collect()
    })
}

#[test]
fn slots_need_not_be_cores() {
    let batches = |size: usize| (0..30).map(|number| (number / size) as f64).collect::<Vec<_>>();
    for preset in PRESETS {
        assert_eq!(thirty(preset, Slots::Cores), batches(10));
        assert_eq!(thirty(preset, Slots::Count(3)), batches(3));
        assert_eq!(thirty(preset, Slots::Count(15)), batches(15));
        assert_eq!(thirty(preset, Slots::Unlimited), batches(30));
    }
}

/// Without an image nothing is moved, but limits count: 600 of 1,000 MB leave no room for a second
/// container.
#[test]
fn functions_without_an_image() {
    for preset in PRESETS {
        let world = World::of(&[NodeSpec { memory: GB, ..NODE }]);
        let service = world.service(preset, |config| {
            config.startup_overhead = secs(3.0);
            keep(config, 10.0);
        });
        let manager = world.manager.clone();
        world.play(async move |_| {
            let function = sleeper("f", None, 1.0).with_startup(secs(0.5));
            let f = register(&manager, &service, &function, limit(10.0).memory(600 * MB)).await;
            let first = manager.invoke(&f).await.unwrap();
            let second = manager.invoke(&f).await.unwrap();
            assert_eq!(second.state(), InvocationState::Schedulable);
            manager.wait_all([&first, &second]).await;
            // Its own start-up time, not the service's; the second finds the container idle.
            assert_completed(&first, 0.0, 0.5, 1.5);
            assert_completed(&second, 1.5, 1.5, 2.5);
            let record = first.record();
            assert_eq!((record.image, record.download_wait), (None, Duration::ZERO));
        });
    }
}

/// The same function registered a second time uses the image that is there, but not the other's
/// containers; under its name it is the one that bodies invoke from now on.
#[test]
fn the_same_function_registered_twice() {
    for preset in PRESETS {
        let world = World::new(1);
        let service = world.service(preset, |config| {
            config.startup_overhead = secs(10.0);
            keep(config, 1000.0);
        });
        let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
        world.play(async move |me| {
            let function = sleeper("f", Some(&image), 5.0);
            let once = register(&manager, &service, &function, limit(10.0)).await;
            let cold = served(&manager, &once).await;
            assert_completed(&cold, loaded(), loaded() + 10.0, loaded() + 15.0);
            until(&me, 100.0).await;
            let warm = served(&manager, &once).await;
            assert_completed(&warm, 100.0, 100.0, 105.0);
            let twice = register(&manager, &service, &function, limit(3.0)).await;
            assert_ne!(once.id(), twice.id());
            assert_eq!(
                service.registered("f").map(|f| (f.id(), f.limits())),
                Some((twice.id(), limit(3.0)))
            );
            let other = served(&manager, &twice).await;
            let record = other.record();
            assert_eq!(
                (record.outcome, record.start_kind),
                (Outcome::TimedOut, Some(StartKind::Cold))
            );
            assert_date(record.dispatched, 105.0);
            assert_date(record.started, 115.0);
            assert_date(record.finished, 118.0);
        });
    }
}

/// The head host may be a compute host too: one disk, on which each of the two storages has its own
/// books.
#[test]
fn the_head_host_runs_functions() {
    for preset in PRESETS {
        let world = World::new(0);
        let head = world.head;
        let service = world.service(preset, |config| {
            config.nodes = vec![NodeConfig { slots: Slots::Count(4), ..head.into() }];
        });
        let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
        world.play(async move |_| {
            let f =
                register(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(10.0)).await;
            let invocation = served(&manager, &f).await;
            // The copy reads and writes one disk, which does 100 MB/s of both together, and uses no
            // network.
            let dispatched = download(50 * MB) + 100e6 / DISK + load(50 * MB);
            assert_completed(&invocation, dispatched, dispatched, dispatched + 1.0);
        });
    }
}

/// A function that fits only one of the nodes goes there, though the other comes first.
#[test]
fn nodes_that_differ() {
    for preset in PRESETS {
        let (small, large) = (NodeSpec { cores: 2, memory: GB, disk: 10 * GB }, NODE);
        let world = World::of(&[small, large]);
        let service = world.service(preset, |_| {});
        let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
        world.play(async move |_| {
            let mut all = Vec::new();
            for limits in [limit(10.0).memory(4 * GB), limit(10.0).disk(40 * GB), limit(10.0)] {
                let f =
                    register(&manager, &service, &sleeper("f", Some(&image), 1.0), limits).await;
                all.push(manager.invoke(&f).await.unwrap());
            }
            manager.wait_all(&all).await;
            let nodes =
                all.iter().map(|invocation| invocation.record().node.unwrap()).collect::<Vec<_>>();
            assert_eq!(&nodes[..2], &["node1".into(), "node1".into()] as &[std::sync::Arc<str>]);
            // Its copies and loads share the head disk at most; nobody waits for a node that can
            // never do.
            assert!(all.iter().all(|invocation| invocation.outcome() == Some(Outcome::Completed)));
            assert_completed(&all[0], loaded(), loaded(), loaded() + 1.0);
        });
        // Disk enough on one node and memory enough on the other is not enough.
        let split = [
            NodeSpec { memory: 8 * GB, disk: GB, ..NODE },
            NodeSpec { memory: GB, disk: 10 * GB, ..NODE },
        ];
        let world = World::of(&split);
        let service = world.service(preset, |_| {});
        let manager = world.manager.clone();
        world.play(async move |_| {
            let limits = limit(10.0).memory(4 * GB).disk(5 * GB);
            let cause =
                manager.register(&sleeper("f", None, 1.0), &service, limits).await.unwrap_err();
            assert_eq!(cause.code(), "not_allowed");
        });
    }
}

#[test]
fn hosts_that_cannot_carry_a_service() {
    let world = World::new(2);
    let start = |change: &dyn Fn(&mut ServiceConfig)| {
        let mut config = world.config(Preset::Default);
        change(&mut config);
        ServerlessComputeService::start(&world.site, config).unwrap_err()
    };
    assert_eq!(start(&|config| config.nodes.clear()), ServerlessError::NoComputeHost);
    let twice = NodeConfig { slots: Slots::Cores, ..world.nodes[0].into() };
    assert_eq!(
        start(&|config| config.nodes.push(twice)),
        ServerlessError::DuplicateHost { host: "node0".into() }
    );
    assert_eq!(
        start(&|config| config.node_mount = "/data".to_owned()),
        ServerlessError::NoDisk { host: "node0".into(), mount: "/data".to_owned() }
    );
    assert_eq!(
        start(&|config| config.head_mount = "/images".to_owned()),
        ServerlessError::NoDisk { host: "head".into(), mount: "/images".to_owned() }
    );
    assert_eq!(
        start(&|config| config.nodes[1].slots = Slots::Count(0)),
        ServerlessError::NoSlots { host: "node1".into() }
    );
}
