//! Bodies: what a function can do, and what its time limit does to it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Distribution, RandomDuration, RandomStreams, RunError};
use isotherm_serverless::{
    Body, Function, Invocation, Limits, OnFailure, Outcome, Preset, Slots, StartKind, Step,
};
use isotherm_services::FailureCause;

/// Runs one body, of a function without an image on the only node, with a disk limit of 1 GB. It
/// begins at date 0.
fn run(body: Body, limits: Limits) -> (World, Invocation) {
    let (world, service, manager) = World::plain(1);
    world.repository.file_system().borrow_mut().create("data", 100 * MB, 0).unwrap();
    let invocation = world.play(async move |_| {
        let f =
            register(&manager, &service, &Function::new("f", None, body), limits.disk(GB)).await;
        served(&manager, &f).await
    });
    (world, invocation)
}

/// The body completes after so many seconds.
#[track_caller]
fn takes(body: impl IntoIterator<Item = Step>, seconds: f64) {
    let (_, invocation) = run(Body::steps(body), limit(1000.0));
    assert_completed(&invocation, 0.0, 0.0, seconds);
}

#[test]
fn the_steps_of_a_body() {
    takes([], 0.0);
    takes([Step::Sleep(secs(3.0))], 3.0);
    // 100 Gflop on one core of 50 Gflop/s.
    takes([Step::Compute(100e9)], 2.0);
    // 300 MB at 100 MB/s, there and back.
    takes([write("a", 300 * MB)], 3.0);
    takes([write("a", 300 * MB), read("a")], 6.0);
    // A file that is written again has its new size: 1 s, 2 s, and 2 s to read it.
    takes([write("a", 100 * MB), write("a", 200 * MB), read("a")], 5.0);
    takes(
        [Step::Sleep(secs(1.0)), Step::Compute(50e9), write("a", 50 * MB), Step::Sleep(secs(1.0))],
        3.5,
    );
}

/// Three invocations at once, each in a container of its own: each has the next start-up and the
/// next sleep of the function's streams, which can be drawn here as well. What follows the sleep
/// comes after it.
#[test]
fn what_is_drawn_comes_from_the_streams_of_the_function() {
    let distribution = Distribution::log_normal_with_mean(3.0, 2.0).unwrap();
    let drawn =
        |path: &str| RandomDuration::new(distribution.clone(), RandomStreams::new(42).stream(path));
    for (body, rest) in [
        (Body::sleep_random(drawn("sleep")), 0.0),
        (Body::steps([Step::SleepRandom(drawn("sleep")), Step::Sleep(secs(1.0))]), 1.0),
    ] {
        let (world, service, manager) = World::plain(1);
        let function = Function::new("f", None, body).with_startup(drawn("startup"));
        let invocations = world.play(async move |_| {
            let f = register(&manager, &service, &function, limit(1000.0)).await;
            let mut invocations = Vec::new();
            for _ in 0..3 {
                invocations.push(manager.invoke(&f).await.unwrap());
            }
            manager.wait_all(&invocations).await;
            invocations
        });
        let (sleeps, startups) = (drawn("sleep"), drawn("startup"));
        for invocation in &invocations {
            let startup = startups.draw().as_secs_f64();
            assert_completed(
                invocation,
                0.0,
                startup,
                startup + sleeps.draw().as_secs_f64() + rest,
            );
        }
    }
}

/// Between the node's memory and the user's disk the slow link is the bottleneck: 13.01 · (20 µs +
/// 1 ns) of latency, then 0.97 · 20 MB/s / 1.05. Messages have no size.
#[test]
fn fetching_and_putting() {
    let remote = WAN_LATENCY + LAN_LATENCY + 100e6 / WAN;
    let world = World::new(1);
    let service = world.service(Preset::Default, |_| {});
    let (manager, repository) = (world.manager.clone(), world.repository.clone());
    repository.file_system().borrow_mut().create("data", 100 * MB, 0).unwrap();
    let body = Body::steps([
        Step::Fetch { storage: repository.clone(), file: "data".into() },
        Step::Put { storage: repository.clone(), file: "result".into(), bytes: 100 * MB },
    ]);
    let invocation = world.play(async move |_| {
        serve_once(&manager, &service, &Function::new("f", None, body), limit(1000.0)).await
    });
    assert_completed(&invocation, 0.0, 0.0, 2.0 * remote);
    let files = world.repository.file_system();
    let files = files.borrow();
    assert_eq!(files.bytes(files.lookup("result").unwrap()), 100 * MB);
    assert_eq!(files.pins(files.lookup("data").unwrap()), 0);
}

/// Ten bodies compute on ten cores, unhindered; twenty share them.
/// Each makes room for the next one where it begins, and none is nested in another.
#[test]
fn bodies_that_take_no_time_follow_each_other_however_many_they_are() {
    for (preset, limit) in
        [(Preset::Default, 100.0), (Preset::Wrench, 100.0), (Preset::Default, 0.0)]
    {
        let world = World::of(&[NodeSpec { cores: 1, ..NODE }]);
        let service = world.service(preset, |config| keep(config, 600.0));
        let (manager, duration) =
            (world.manager.clone(), secs(if limit > 0.0 { 0.0 } else { 1.0 }));
        let count = 5_000;
        world.play(async move |_| {
            let leaf = Function::new("leaf", None, Body::sleep(duration)).with_startup(secs(1.0));
            let leaf = manager
                .register(&leaf, &service, Limits::time(secs(limit)).memory(GB))
                .await
                .unwrap();
            for _ in 0..count {
                manager.invoke_detached(&leaf, None);
            }
            manager.drain(&service).await.unwrap();
            assert_eq!(service.detached(), count);
        });
    }
}

#[test]
fn bodies_share_the_cores_of_their_host() {
    for (bodies, seconds) in [(10, 1.0), (20, 2.0)] {
        let world = World::new(1);
        let service =
            world.service(Preset::Default, |config| config.nodes[0].slots = Slots::Count(20));
        let manager = world.manager.clone();
        world.play(async move |me| {
            let f = Function::new("f", None, Body::steps([Step::Compute(50e9)]));
            let f = register(&manager, &service, &f, limit(1000.0)).await;
            let mut invocations = Vec::new();
            for _ in 0..bodies {
                invocations.push(manager.invoke(&f).await.unwrap());
            }
            manager.wait_all(&invocations).await;
            assert_date(me.now(), seconds);
        });
    }
}

#[test]
fn bodies_that_fail() {
    let (_, own) = run(
        Body::custom(async |call| {
            call.sleep(secs(1.0)).await;
            Err(FailureCause::BodyFailed { message: "no such thumbnail".into() })
        }),
        limit(10.0),
    );
    assert_eq!(own.outcome(), Some(Outcome::Failed));
    assert_eq!(own.cause().unwrap().to_string(), "the body failed: no such thumbnail");
    assert_date(own.record().ended, 1.0);

    let (_, full) = run(Body::steps([write("a", 600 * MB), write("b", 500 * MB)]), limit(100.0));
    let storage = "serverless_storage of container 0".into();
    let cause = FailureCause::StorageFull { storage, needed_bytes: 500 * MB, free_bytes: 400 * MB };
    assert_eq!((full.outcome(), full.cause()), (Some(Outcome::Failed), Some(cause)));
    assert_date(full.record().ended, 6.0);

    let (_, missing) = run(Body::steps([read("a")]), limit(100.0));
    assert_eq!(code(&missing), "file_not_found");
    assert_date(missing.record().ended, 0.0);

    let (_, unknown) = run(Body::steps([invoke("g")]), limit(100.0));
    assert_eq!(unknown.cause(), Some(FailureCause::FunctionNotRegistered { function: "g".into() }));
}

#[test]
fn a_body_leaves_an_output() {
    let (_, invocation) = run(
        Body::custom(async |call| {
            call.storage().write("thumbnail", 100 * MB).await?;
            let bytes = call.storage().read("thumbnail").await?;
            call.set_output(format!(
                "{bytes} bytes on {}",
                call.site().platform().host_name(call.host())
            ));
            Ok(())
        }),
        limit(10.0),
    );
    assert_completed(&invocation, 0.0, 0.0, 2.0);
    assert_eq!(*invocation.output::<String>().unwrap(), "100000000 bytes on node0");
}

/// What a body sees of its private storage: free at its beginning, free at its end.
fn storage_seen(limits: Limits, first: Body, second_after: f64) -> (Invocation, Vec<u64>) {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| {
        keep(config, 1000.0);
        config.on_failure = OnFailure::KEEP;
    });
    let manager = world.manager.clone();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let result = Rc::clone(&seen);
    let invocation = world.play(async move |me| {
        let f = register(&manager, &service, &Function::new("f", None, first), limits).await;
        let first = manager.invoke(&f).await.unwrap();
        until(&me, second_after).await;
        assert!(first.is_done());
        let second = Body::custom(async move |call| {
            seen.borrow_mut().push(call.storage().free());
            assert_eq!(call.storage().read("a").await.unwrap_err().code(), "file_not_found");
            call.storage().write("a", 30 * MB).await?;
            seen.borrow_mut().push(call.storage().free());
            Ok(())
        });
        let second = manager.request(&f).body(second).send().await.unwrap();
        manager.wait_one(&second).await;
        assert_eq!(second.start_kind(), Some(StartKind::Warm));
        assert_completed(&second, second_after, second_after, second_after + 0.3);
        first
    });
    (invocation, result.take())
}

/// A warm container's storage is as empty as a new one's, however the invocation before has ended.
#[test]
fn private_storage_is_wiped_between_invocations() {
    let limits = limit(5.0).disk(100 * MB);
    let body = Body::steps([write("a", 60 * MB)]);
    let (first, seen) = storage_seen(limits, body, 10.0);
    assert_eq!((first.outcome(), seen), (Some(Outcome::Completed), vec![100 * MB, 70 * MB]));

    let body = Body::steps([write("a", 60 * MB), write("b", 60 * MB)]);
    let (first, seen) = storage_seen(limits, body, 10.0);
    assert_eq!((first.outcome(), seen), (Some(Outcome::Failed), vec![100 * MB, 70 * MB]));

    // The limit of 0.3 s cuts the second write off after 20 of 40 MB (the second body needs 0.3 s
    // too, and ends in time).
    let body = Body::steps([write("a", 10 * MB), write("b", 40 * MB)]);
    let (first, seen) = storage_seen(limit(0.3).disk(100 * MB), body, 10.0);
    assert_eq!((first.outcome(), seen), (Some(Outcome::TimedOut), vec![100 * MB, 70 * MB]));
}

/// The time limit is for the body: not for start-up, download, copy and load.
#[test]
fn the_time_limit_covers_the_body_only() {
    let world = World::new(1);
    let service = world.service(Preset::Default, |config| config.startup_overhead = secs(30.0));
    let (manager, image) = (world.manager.clone(), world.image("image", 50 * MB));
    let invocation = world.play(async move |_| {
        serve_once(&manager, &service, &sleeper("f", Some(&image), 1.0), limit(1.5)).await
    });
    let dispatched = all_the_way(50 * MB);
    assert_completed(&invocation, dispatched, dispatched + 30.0, dispatched + 31.0);
}

/// A body of exactly 2 s under a limit of 2 s, whatever it does.
#[test]
fn ending_exactly_at_the_limit() {
    let bodies = [
        Body::sleep(secs(2.0)),
        Body::steps([Step::Sleep(secs(0.5)), Step::Sleep(secs(1.5))]),
        Body::steps([Step::Compute(100e9)]),
        Body::steps([write("a", 200 * MB)]),
        Body::custom(async |call| {
            call.sleep(secs(2.0)).await;
            call.kernel().yield_now().await;
            Ok(())
        }),
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        for preset in [Preset::Default, Preset::Wrench] {
            let world = World::new(1);
            let service = world.service(preset, |_| {});
            let (manager, body) = (world.manager.clone(), body.clone());
            let invocation = world.play(async move |_| {
                let f = Function::new("f", None, body);
                serve_once(&manager, &service, &f, limit(2.0).disk(GB)).await
            });
            let record = invocation.record();
            assert_date(record.finished, 2.0);
            match preset {
                Preset::Default => {
                    assert_eq!(invocation.outcome(), Some(Outcome::Completed), "body {number}")
                }
                Preset::Wrench => {
                    assert_eq!(invocation.outcome(), Some(Outcome::TimedOut), "body {number}");
                    assert_eq!(code(&invocation), "time_limit");
                }
            }
            // The last body needs another turn after its sleep, which only the default preset gives
            // it.
            if preset == Preset::Default || number < 4 {
                assert_date(record.ended, 2.0);
            } else {
                assert_eq!(record.ended, None);
            }
        }
    }
}

/// Two bodies write 1 GB each to one disk of 100 MB/s. The one with a limit of 5 s is killed when
/// each has written 250 MB; the other goes on at full speed and needs 7.5 s more for its 750 MB.
#[test]
fn a_killed_body_gives_its_disk_back() {
    let (world, service, manager) = World::plain(1);
    world.play(async move |_| {
        let f = Function::new("f", None, Body::steps([write("a", GB)]));
        let killed = register(&manager, &service, &f, limit(5.0).disk(GB)).await;
        let other = register(&manager, &service, &f, limit(100.0).disk(GB)).await;
        let killed = manager.invoke(&killed).await.unwrap();
        let other = manager.invoke(&other).await.unwrap();
        manager.wait_all([&killed, &other]).await;
        assert_eq!(killed.outcome(), Some(Outcome::TimedOut));
        assert_completed(&other, 0.0, 0.0, 12.5);
    });
}

/// The same with the core of a host that has only one, and with the slow link.
#[test]
fn a_killed_body_gives_its_core_and_its_link_back() {
    let world = World::of(&[NodeSpec { cores: 1, ..NODE }]);
    let service = world.service(Preset::Default, |config| config.nodes[0].slots = Slots::Count(4));
    let (manager, repository) = (world.manager.clone(), world.repository.clone());
    let files = repository.file_system();
    let (data, _) = files.borrow_mut().create("data", 100 * MB, 0).unwrap();
    world.play(async move |_| {
        let compute = Function::new("compute", None, Body::steps([Step::Compute(500e9)]));
        let fetch = Step::Fetch { storage: repository.clone(), file: "data".into() };
        let fetch = Function::new("fetch", None, Body::steps([fetch]));
        let mut all = Vec::new();
        for function in [&compute, &fetch] {
            for seconds in [4.0, 100.0] {
                let f = register(&manager, &service, function, limit(seconds)).await;
                all.push(manager.invoke(&f).await.unwrap());
            }
        }
        manager.wait_all(&all).await;
        assert_eq!([all[0].outcome(), all[2].outcome()], [Some(Outcome::TimedOut); 2]);
        // 10 s of work: at half speed until 4 s, then alone for the 8 s that are left.
        assert_completed(&all[1], 0.0, 0.0, 12.0);
        // Until 4 s two transfers share the link; what is left is sent alone. Latency is paid once,
        // at the beginning.
        let latency = WAN_LATENCY + LAN_LATENCY;
        let sent = (4.0 - latency) * WAN / 2.0;
        assert_completed(&all[3], 0.0, 0.0, 4.0 + (100e6 - sent) / WAN);
    });
    assert_eq!(files.borrow().pins(data), 0, "nobody reads the file any more");
}

#[test]
fn a_body_invokes_another_function_and_waits() {
    let (world, service, manager) = World::plain(1);
    let image = world.image("image", 50 * MB);
    let log = world.log_messages();
    world.play(async move |me| {
        let child = sleeper("child", Some(&image), 3.0);
        register(&manager, &service, &child, limit(10.0)).await;
        let parent = Function::new(
            "parent",
            None,
            Body::steps([Step::Sleep(secs(1.0)), invoke("child"), Step::Sleep(secs(1.0))]),
        );
        let parent = register(&manager, &service, &parent, limit(100.0)).await;
        let parent = served(&manager, &parent).await;
        // 1 s, the child's download, copy, load and 3 s, and 1 s.
        assert_completed(&parent, 0.0, 0.0, 5.0 + all_the_way(50 * MB));
        assert_date(me.now(), 5.0 + all_the_way(50 * MB));
    });
    // The child is invoked from the node, and the node is told when it is done.
    let log = log.0.borrow();
    let node = "node0/serverless_bare_metal";
    let asked = log.iter().any(|event| event.kind == "invoke_request" && &*event.from == node);
    let told = log.iter().any(|event| event.kind == "wait_answer" && &*event.to == node);
    assert!(asked && told);
}

#[test]
fn the_failure_of_an_invoked_function_is_the_bodys() {
    let (world, service, manager) = World::plain(1);
    world.play(async move |_| {
        register(&manager, &service, &sleeper("child", None, 30.0), limit(10.0)).await;
        let parent = Function::new("parent", None, Body::steps([invoke("child")]));
        let parent = register(&manager, &service, &parent, limit(100.0)).await;
        let parent = served(&manager, &parent).await;
        let message =
            "function 'child', which it invoked, failed: the time limit was reached".into();
        assert_eq!(parent.cause(), Some(FailureCause::BodyFailed { message }));
        assert_date(parent.record().ended, 10.0);
    });
}

/// Eight bodies at once invoke through the same manager and wait, each for another time: each is
/// woken on its own.
#[test]
fn many_bodies_wait_at_once() {
    let (world, service, manager) = World::plain(2);
    world.play(async move |me| {
        let child = register(&manager, &service, &sleeper("child", None, 1.0), limit(100.0)).await;
        let mut parents = Vec::new();
        for number in 0..8 {
            let child = child.clone();
            let seconds = f64::from(8 - number);
            let body = Body::custom(async move |call| {
                let body = Some(Body::sleep(secs(seconds)));
                let child = call.functions().request(&child).body(body).send().await?;
                call.functions().wait_one(&child).await;
                assert_eq!(child.outcome(), Some(Outcome::Completed));
                Ok(())
            });
            let parent =
                register(&manager, &service, &Function::new("parent", None, body), limit(100.0))
                    .await;
            parents.push(manager.invoke(&parent).await.unwrap());
        }
        manager.wait_all(&parents).await;
        assert_date(me.now(), 8.0);
        for (number, parent) in parents.iter().enumerate() {
            assert_completed(parent, 0.0, 0.0, (8 - number) as f64);
        }
    });
}

/// On one slot a body waits for a function that can only start when the body is over. Its time
/// limit ends that; without a limit nothing could ever happen, and the simulation says who waits.
#[test]
fn a_body_that_waits_for_its_own_slot() {
    let play = |time: Limits| {
        let world = World::new(1);
        let service =
            world.service(Preset::Default, |config| config.nodes[0].slots = Slots::Count(1));
        let manager = world.manager.clone();
        let handles = Rc::new(RefCell::new(Vec::new()));
        let children = Rc::clone(&handles);
        // A simulation that is not over is not judged: of a parent that never ends the auditor
        // would say so.
        world.try_play(async move |me| {
            let child =
                register(&manager, &service, &sleeper("child", None, 3.0), limit(100.0)).await;
            let body = Body::custom(async move |call| {
                let child = call.functions().invoke(&child).await?;
                children.borrow_mut().push(child.clone());
                call.functions().wait_one(&child).await;
                Ok(())
            });
            let parent =
                register(&manager, &service, &Function::new("parent", None, body), time).await;
            let parent = served(&manager, &parent).await;
            assert_eq!(parent.outcome(), Some(Outcome::TimedOut));
            assert_date(me.now(), 10.0);
            let child = handles.borrow()[0].clone();
            manager.wait_one(&child).await;
            assert_completed(&child, 10.0, 10.0, 13.0);
        })
    };
    play(limit(10.0)).unwrap();
    let endless = play(Limits::time(isotherm_kernel::Duration::MAX)).unwrap_err();
    let RunError::Deadlock { waiting, .. } = &endless else { panic!("{endless}") };
    assert!(waiting.iter().any(|waiting| waiting.actor.contains("user/controller")), "{endless}");
}

/// Work that there cannot be fails the invocation, as a step and in a body of one's own.
#[test]
fn work_that_is_negative_or_not_a_number_fails() {
    for flops in [-1.0, f64::NAN] {
        for body in [
            Body::steps([Step::Compute(flops)]),
            Body::custom(async move |call| call.compute(flops).await),
        ] {
            let (_, invocation) = run(body, limit(10.0));
            assert_eq!(invocation.outcome(), Some(Outcome::Failed));
            assert!(
                matches!(invocation.cause(), Some(FailureCause::NotAllowed { .. })),
                "{:?}",
                invocation.cause()
            );
        }
    }
}
