//! Actors and computations that move to other hosts. Numbers marked "SimGrid" are the published
//! outputs of its examples.

use crate::common::{Log, Site, assert_close, secs};
use isotherm_kernel::{ActivityError, JoinError, Time};
use isotherm_platform::{ComputeOptions, HostId, PlatformBuilder};

/// Hosts of SimGrid's `small_platform.xml` with their speeds.
fn small_platform() -> Site {
    Site::build(|builder| {
        for (name, speed) in [
            ("Boivin", 98.095e6),
            ("Fafard", 76.296e6),
            ("Ginette", 48.492e6),
            ("Jacquelin", 137.333e6),
        ] {
            builder.host(name, speed);
        }
    })
}

/// SimGrid exec-remote: 48.492 Mf on Ginette take 1 s; 73.2935 Mf are moved from there to Boivin
/// after half a second, and end half a second later; the last ones fail with Ginette at 2.5.
#[test]
fn a_computation_can_be_moved() {
    let site = small_platform();
    let [boivin, fafard, ginette] = ["Boivin", "Fafard", "Ginette"].map(|name| site.host(name));
    let log = site.logged(async move |platform, seen| {
        let kernel = platform.kernel();
        platform.compute(ginette, 48.492e6).await.unwrap();
        seen.add(kernel, "first");
        let second = platform.compute(ginette, 73_293_500.0);
        kernel.sleep(secs(0.5)).await;
        assert_close(platform.load(ginette), 48.492e6);
        platform.move_computation(second.id(), boivin);
        kernel.sleep(secs(0.1)).await;
        let loads = [boivin, fafard, ginette].map(|host| platform.load(host));
        assert_eq!(loads, [98.095e6, 0.0, 0.0]);
        second.await.unwrap();
        seen.add(kernel, "second");
        let third = platform.compute(ginette, 48.492e6);
        kernel.sleep(secs(0.5)).await;
        platform.turn_off(ginette);
        assert!(third.await.is_err());
        seen.add(kernel, "third failed");
    });
    log.assert(&[("first", 1.0), ("second", 2.0), ("third failed", 2.5)]);
}

/// SimGrid actor-migrate: work of 5 s on Boivin and 5 s on Jacquelin, moved at 5; then the actor
/// suspends itself, and is moved to Fafard and resumed at 15.
#[test]
fn the_worker_of_simgrid() {
    let site = small_platform();
    let [boivin, jacquelin, fafard] = ["Boivin", "Jacquelin", "Fafard"].map(|name| site.host(name));
    let log = Log::default();
    let platform = &site.platform;
    let worker = platform.spawn(fafard, "worker", {
        let (platform, log) = (platform.clone(), log.clone());
        async move {
            let kernel = platform.kernel();
            let me = kernel.current();
            let here = || platform.host_name(platform.host_of(me).unwrap()).to_string();
            platform.migrate(me, boivin);
            platform.compute(boivin, 5.0 * (98.095e6 + 137.333e6)).await.unwrap();
            log.add(kernel, here());
            kernel.suspend_self().await;
            log.add(kernel, here());
        }
    });
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(5.0)).await;
        platform.migrate(worker.id(), jacquelin);
        platform.kernel().sleep_until(Time::from_secs_f64(15.0)).await;
        platform.migrate(worker.id(), fafard);
        worker.resume();
    });
    site.run();
    log.assert(&[("Jacquelin", 10.0), ("Fafard", 15.0)]);
}

/// From 2 cores of 100 to 4 cores of 50, at 1:
///
/// * one thread with 100 of 200 left: 2 s at 50 a second;
/// * two threads at 100 each with 400 of 600 left: 4 s;
/// * limited to 20, with 40 of 60 left: 2 s.
#[test]
fn threads_and_limits_move_too() {
    for (options, flops, end) in [
        (ComputeOptions::default(), 200.0, 3.0),
        (ComputeOptions { threads: 2, ..ComputeOptions::default() }, 300.0, 5.0),
        (ComputeOptions { limit: Some(20.0), ..ComputeOptions::default() }, 60.0, 3.0),
    ] {
        let site = Site::build(|builder| {
            builder.host("from", 100.0).cores(2);
            builder.host("to", 50.0).cores(4);
        });
        let [from, to] = ["from", "to"].map(|name| site.host(name));
        let computation = site.platform.compute_with(from, flops, options);
        let id = computation.id();
        let log = Log::default();
        log.end_of(&site.kernel(), "end", computation);
        site.go(move |platform| async move {
            platform.kernel().sleep(secs(1.0)).await;
            platform.move_computation(id, to);
            platform.move_computation(id, to);
        });
        site.run();
        log.assert(&[("end", end)]);
    }
}

/// The speed of its new host matters from then on, that of the old one no more: 100 of 300 at 100,
/// 100 at 50, 100 at 25.
#[test]
fn a_moved_computation_follows_the_speed_of_its_host() {
    let site = Site::build(|builder| {
        builder.host_with_pstates("from", [100.0, 1.0]);
        builder.host_with_pstates("to", [50.0, 25.0]);
    });
    let [from, to] = ["from", "to"].map(|name| site.host(name));
    let log = site.logged(async move |platform, seen| {
        let computation = platform.compute(from, 300.0);
        platform.kernel().sleep(secs(1.0)).await;
        platform.move_computation(computation.id(), to);
        platform.set_pstate(from, 1).unwrap();
        platform.kernel().sleep(secs(2.0)).await;
        platform.set_pstate(to, 1).unwrap();
        computation.await.unwrap();
        seen.add(platform.kernel(), "end");
    });
    log.assert(&[("end", 7.0)]);
}

fn two_hosts(builder: &mut PlatformBuilder) {
    for name in ["one", "two"] {
        builder.host(name, 100.0);
        builder.disk(name, "disk", 100.0, 100.0);
    }
}

/// Only what it awaits on the host that it leaves moves with an actor: not a disk access, not what
/// it computes elsewhere, not what it does not await.
#[test]
fn everything_else_stays_where_it_is() {
    let site = Site::build(|builder| {
        two_hosts(builder);
        builder.host("three", 100.0);
    });
    let hosts @ [one, two, three] = ["one", "two", "three"].map(|name| site.host(name));
    let worker = site.platform.spawn(one, "worker", {
        let platform = site.platform.clone();
        async move {
            let aside = platform.compute(one, 400.0);
            let disk = platform.disk_at(one, "/").unwrap();
            let parts = [
                platform.compute(one, 400.0),
                platform.compute(two, 400.0),
                platform.disk_read(disk, 400.0),
            ];
            isotherm_kernel::join_all(parts).await;
            aside.await.unwrap();
        }
    });
    site.go(move |platform| async move {
        let loads = |hosts: [HostId; 3]| hosts.map(|host| platform.load(host));
        platform.kernel().sleep(secs(1.0)).await;
        assert_eq!(loads(hosts), [100.0, 100.0, 0.0]);
        platform.migrate(worker.id(), three);
        platform.kernel().sleep(secs(1.0)).await;
        assert_eq!(loads(hosts), [100.0, 100.0, 100.0]);
        worker.join().await.unwrap();
        // 50 at 0.5 for 1 s, then 350 alone.
        assert_close(platform.kernel().now().as_secs_f64(), 4.5);
    });
    site.run();
}

/// It dies with the host on which it is, not with the one that it has left; suspended or not.
#[test]
fn an_actor_dies_with_its_present_host() {
    for suspended in [false, true] {
        let site = Site::build(two_hosts);
        let [one, two] = ["one", "two"].map(|name| site.host(name));
        let worker = site.platform.spawn(one, "worker", {
            let platform = site.platform.clone();
            async move { platform.compute(one, 1000.0).await.unwrap() }
        });
        site.go(move |platform| async move {
            let kernel = platform.kernel();
            kernel.sleep(secs(1.0)).await;
            if suspended {
                worker.suspend();
            }
            platform.migrate(worker.id(), two);
            assert_eq!(worker.is_suspended(), suspended);
            platform.turn_off(one);
            assert!(!worker.is_finished());
            platform.turn_off(two);
            assert_eq!(worker.join().await, Err(JoinError::Killed));
            assert_eq!(platform.host_of(worker.id()), None);
            platform.migrate(worker.id(), one);
            assert_eq!(kernel.now(), Time::from_secs_f64(1.0));
        });
        site.run();
    }
}

/// As if started there: what is computed fails, and an actor is killed.
#[test]
fn a_host_that_is_off_takes_nothing_in() {
    let site = Site::build(two_hosts);
    let [one, two] = ["one", "two"].map(|name| site.host(name));
    site.platform.turn_off(two);
    let computation = site.platform.compute(one, 100.0);
    let worker = site.platform.spawn(one, "worker", site.kernel().sleep(secs(1.0)));
    site.go(move |platform| async move {
        platform.move_computation(computation.id(), two);
        assert!(matches!(computation.await, Err(ActivityError::Failed { .. })));
        platform.migrate(worker.id(), two);
        assert_eq!(worker.join().await, Err(JoinError::Killed));
    });
    assert_close(site.run(), 0.0);
}

/// An actor that belongs to no host gets one.
#[test]
fn an_actor_without_a_host_can_be_moved_to_one() {
    let site = Site::build(two_hosts);
    let two = site.host("two");
    let worker = site.kernel().spawn("worker", site.kernel().sleep(secs(1.0)));
    assert_eq!(site.platform.host_of(worker.id()), None);
    site.platform.migrate(worker.id(), two);
    assert_eq!(site.platform.host_of(worker.id()), Some(two));
    site.run();
}
