//! What happens when hosts, disks and links are turned off. Numbers marked "SimGrid" are the
//! published outputs of its examples.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::common::{Log, Site, assert_close, hosts, secs};
use isotherm_kernel::{ActivityError, JoinError, RunError};
use isotherm_platform::{DiskId, Endpoint, Part, Platform, Profile};

/// SimGrid comm-failure: links of 1 bit/s; 5 B to Host2 and 2 B to Host3. linkto2 goes off at 10:
/// the first transfer fails then; the second arrives at 2 × 1.05 / (0.97 × 0.125) = 17.319588.
#[test]
fn a_transfer_fails_with_its_link() {
    let site = Site::build(|builder| {
        hosts(builder, &["Host1", "Host2", "Host3"]);
        for (link, to) in [("linkto2", "Host2"), ("linkto3", "Host3")] {
            builder.link(link, 0.125, 0.0);
            builder.route("Host1", to, [link]);
        }
    });
    let (log, kernel) = (Log::default(), site.kernel());
    let hosts = ["Host1", "Host2", "Host3"].map(|name| site.host(name));
    let link = site.platform.link("linkto2").unwrap();
    log.end_of(&kernel, "to 2", site.platform.transfer(hosts[0], hosts[1], 5.0).unwrap());
    log.end_of(&kernel, "to 3", site.platform.transfer(hosts[0], hosts[2], 2.0).unwrap());
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(10.0)).await;
        platform.link_off(link);
    });
    site.run();
    log.assert(&[("to 2 failed", 10.0), ("to 3", 17.319588)]);
}

/// A flow fails at once on a route that is broken, also if only the reverse route is, which carries
/// its acknowledgements. After the link is on again, transfers pass.
#[test]
fn a_transfer_over_a_broken_route_fails_at_once() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("forth", 1e6, 0.001);
        builder.link("back", 1e6, 0.001);
        builder.one_way_route("a", "b", ["forth"]);
        builder.one_way_route("b", "a", ["back"]);
    });
    let (a, b) = (site.host("a"), site.host("b"));
    let links = ["forth", "back"].map(|name| site.platform.link(name).unwrap());
    site.go(move |platform| async move {
        for link in links {
            platform.link_off(link);
            platform.link_off(link);
            assert!(!platform.link_is_on(link));
            let error = platform.transfer(a, b, 1.0).unwrap().await.unwrap_err();
            let ActivityError::Failed { resource } = error else { panic!("{error}") };
            let part = platform.part(resource).unwrap();
            assert_eq!(part, Part::Link(link));
            assert_eq!(platform.describe(part), format!("link `{}`", platform.link_name(link)));
            // Once on is on, however often it was turned off: what fails takes no time, what passes
            // 13.01 × 1 ms.
            platform.link_on(link);
            platform.transfer(a, b, 0.0).unwrap().await.unwrap();
        }
    });
    assert_close(site.run(), 2.0 * 0.01301);
}

/// Turning a link off in the middle fails flows that only acknowledge over it, and flows still in
/// their latency.
#[test]
fn flows_fail_through_their_acknowledgements_and_in_their_latency() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("forth", 1e6, 0.0);
        builder.link("back", 1e6, 0.0);
        builder.link("slow", 1e6, 10.0);
        builder.host("c", 1e9);
        builder.one_way_route("a", "b", ["forth"]);
        builder.one_way_route("b", "a", ["back"]);
        builder.route("a", "c", ["slow", "back"]);
    });
    let (log, kernel) = (Log::default(), site.kernel());
    let (a, b, c) = (site.host("a"), site.host("b"), site.host("c"));
    let link = site.platform.link("back").unwrap();
    log.end_of(&kernel, "acknowledged", site.platform.transfer(a, b, 1e9).unwrap());
    log.end_of(&kernel, "in latency", site.platform.transfer(a, c, 1e9).unwrap());
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(1.0)).await;
        platform.link_off(link);
    });
    site.run();
    log.assert(&[("acknowledged failed", 1.0), ("in latency failed", 1.0)]);
}

/// SimGrid exec-failure: 20 flops on each of three hosts at 1 flop/s. Host1 is turned off at 10,
/// Host2 by its profile at 12; the third computation ends at 20.
#[test]
fn computations_fail_with_their_host() {
    let site = Site::build(|builder| {
        builder.host("Host1", 1.0);
        builder.host("Host2", 1.0).state_profile(Profile::parse("12 0\n20 1\n").unwrap());
        builder.host("Host3", 1.0);
    });
    let (log, kernel) = (Log::default(), site.kernel());
    for name in ["Host1", "Host2", "Host3"] {
        log.end_of(&kernel, name, site.platform.compute(site.host(name), 20.0));
    }
    let first = site.host("Host1");
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(10.0)).await;
        platform.turn_off(first);
        assert!(!platform.is_on(first));
        // What starts on a host that is off fails at once.
        let error = platform.compute(first, 1.0).await.unwrap_err();
        let ActivityError::Failed { resource } = error else { panic!("{error}") };
        assert_eq!(platform.describe(platform.part(resource).unwrap()), "host `Host1`");
    });
    site.run();
    log.assert(&[("Host1 failed", 10.0), ("Host2 failed", 12.0), ("Host3", 20.0)]);
}

/// SimGrid host-on-off-recv: the host of a receiver that waits for ever is turned off at 1, and the
/// simulation ends.
#[test]
fn actors_die_with_their_host() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
    });
    let a = site.host("a");
    let mailbox = site.kernel().mailbox::<()>("nobody writes");
    let actor = site.platform.spawn(a, "receiver", async move { mailbox.receive().await });
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(1.0)).await;
        platform.turn_off(a);
        assert_eq!(actor.join().await, Err(JoinError::Killed));
        // An actor that is started on a host that is off never runs.
        let late = platform.spawn(a, "late", async { panic!("ran on a host that is off") });
        assert_eq!(late.join().await, Err(JoinError::Killed));
        platform.turn_on(a);
        let fresh = platform.spawn(a, "fresh", async { 7 });
        assert_eq!(fresh.join().await, Ok(7));
    });
    assert_close(site.run(), 1.0);
}

/// A transfer that an actor of a dead host was waiting for is given up, even between hosts that
/// live: it frees its link for others.
#[test]
fn what_a_dead_actor_waited_for_is_cancelled() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b", "c"]);
        builder.link("link", 105.0 / 0.97, 0.0);
        builder.route("a", "b", ["link"]);
    });
    let (log, a, b, c) = (Log::default(), site.host("a"), site.host("b"), site.host("c"));
    let platform = site.platform.clone();
    site.platform
        .spawn(c, "sender", async move { platform.transfer(a, b, 1e9).unwrap().await.unwrap() });
    // Half of 100 B/s until 1, then 100: 150 B arrive at 2.
    log.end_of(&site.kernel(), "other", site.platform.transfer(b, a, 150.0).unwrap());
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(1.0)).await;
        platform.turn_off(c);
    });
    site.run();
    log.assert(&[("other", 2.0)]);
}

/// A host takes its disks with it: plain accesses and streams fail, at both ends. Disks come back
/// with their host.
#[test]
fn disks_fail_with_their_host() {
    let site = Site::build(|builder| {
        for host in ["a", "b"] {
            builder.host(host, 1e9);
            builder.disk(host, "disk", 100.0, 100.0);
        }
        builder.link("link", 1e9, 0.0);
        builder.route("a", "b", ["link"]);
    });
    let (log, kernel) = (Log::default(), site.kernel());
    let (a, b) = (site.host("a"), site.host("b"));
    let ends = [a, b].map(|host| Endpoint { host, disk: site.platform.disk_at(host, "/") });
    let disk: DiskId = ends[1].disk.unwrap();
    log.end_of(&kernel, "write", site.platform.disk_write(disk, 1e6));
    log.end_of(&kernel, "to b", site.platform.stream(ends[0], ends[1], 1e6).unwrap());
    log.end_of(&kernel, "from b", site.platform.stream(ends[1], ends[0], 1e6).unwrap());
    let seen = log.clone();
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        kernel.sleep(secs(1.0)).await;
        platform.turn_off(b);
        assert!(!platform.disk_is_on(disk));
        kernel.sleep(secs(1.0)).await;
        let error = platform.disk_write(disk, 1.0).await.unwrap_err();
        let ActivityError::Failed { resource } = error else { panic!("{error}") };
        assert_eq!(platform.describe(platform.part(resource).unwrap()), "disk `disk` on host `b`");
        seen.end_of(kernel, "late", platform.stream(ends[0], ends[1], 1.0).unwrap());
        kernel.yield_now().await;
        platform.turn_on(b);
        assert!(platform.disk_is_on(disk));
        platform.disk_write(disk, 100.0).await.unwrap();
        seen.add(kernel, "again");
    });
    site.run();
    log.assert(&[
        ("write failed", 1.0),
        ("to b failed", 1.0),
        ("from b failed", 1.0),
        ("late failed", 2.0),
        ("again", 3.0),
    ]);
}

/// Transfers between memories fail when either host is turned off, and at once when one is off
/// already.
#[test]
fn transfers_fail_with_their_hosts() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b", "c"]);
        builder.disk("a", "disk", 100.0, 100.0);
        builder.link("link", 1e9, 0.0);
        builder.route("a", "b", ["link"]);
        builder.route("a", "c", ["link"]);
    });
    let (log, kernel) = (Log::default(), site.kernel());
    let (a, b, c) = (site.host("a"), site.host("b"), site.host("c"));
    let disk = Endpoint { host: a, disk: site.platform.disk_at(a, "/") };
    log.end_of(&kernel, "to b", site.platform.transfer(a, b, 1e11).unwrap());
    log.end_of(&kernel, "from b", site.platform.transfer(b, a, 1e11).unwrap());
    log.end_of(
        &kernel,
        "disk to b",
        site.platform.stream(disk, Endpoint::memory(b), 1e11).unwrap(),
    );
    log.end_of(
        &kernel,
        "b to disk",
        site.platform.stream(Endpoint::memory(b), disk, 1e11).unwrap(),
    );
    log.end_of(&kernel, "within b", site.platform.transfer(b, b, 1e11).unwrap());
    log.end_of(&kernel, "to c", site.platform.transfer(a, c, 1.0).unwrap());
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(1.0)).await;
        platform.turn_off(b);
        let error = platform.transfer(a, b, 0.0).unwrap().await.unwrap_err();
        let ActivityError::Failed { resource } = error else { panic!("{error}") };
        assert_eq!(platform.part(resource), Some(Part::Host(b)));
        platform.turn_on(b);
        platform.transfer(a, b, 0.0).unwrap().await.unwrap();
    });
    site.run();
    let mut names = log.names();
    names.sort();
    assert_eq!(
        names,
        [
            "b to disk failed",
            "disk to b failed",
            "from b failed",
            "to b failed",
            "to c",
            "within b failed"
        ]
    );
}

/// A disk stays off while its host is off, whatever is asked.
#[test]
fn a_disk_comes_back_with_its_host() {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        builder.disk("a", "disk", 100.0, 100.0);
    });
    let a = site.host("a");
    let disk = site.platform.disk_at(a, "/").unwrap();
    site.platform.turn_off(a);
    site.platform.disk_on(disk);
    assert!(!site.platform.disk_is_on(disk));
    site.platform.turn_on(a);
    assert!(site.platform.disk_is_on(disk));
}

#[test]
fn a_disk_can_fail_alone() {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        builder.disk("a", "disk", 100.0, 100.0);
    });
    let (log, kernel, a) = (Log::default(), site.kernel(), site.host("a"));
    let disk = site.platform.disk_at(a, "/").unwrap();
    log.end_of(&kernel, "read", site.platform.disk_read(disk, 1e6));
    log.end_of(&kernel, "computation", site.platform.compute(a, 2e9));
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(1.0)).await;
        platform.disk_off(disk);
    });
    site.run();
    log.assert(&[("read failed", 1.0), ("computation", 2.0)]);
}

/// Observers hear of every change once, also of those that other observers make.
#[test]
fn observers_hear_of_hosts() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
    });
    let (a, b) = (site.host("a"), site.host("b"));
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (seen, platform) = (Rc::clone(&heard), site.platform.clone());
    site.platform.observe_hosts(move |host, on| {
        seen.borrow_mut().push((host, on));
        if host == a && !on {
            platform.turn_off(b);
        }
    });
    site.platform.turn_off(a);
    site.platform.turn_off(a);
    site.platform.turn_on(a);
    assert_eq!(*heard.borrow(), [(a, false), (b, false), (a, true)]);
}

/// An observer of recoveries is called once for each part that comes on, and not for parts that
/// were on before or go off.
#[test]
fn observers_are_called_for_each_recovery() {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        for disk in ["x", "y"] {
            builder.disk("a", disk, 1e8, 1e8).mount(format!("/{disk}"));
        }
        builder.link("l", 1e8, 0.0);
    });
    let (a, link) = (site.host("a"), site.platform.link("l").unwrap());
    let disk = site.platform.disk_at(a, "/x").unwrap();
    let heard = Rc::new(Cell::new(0));
    let (counter, hosts) = (Rc::clone(&heard), Rc::new(Cell::new(false)));
    let host_is_known = Rc::clone(&hosts);
    site.platform.observe_hosts(move |_, on| host_is_known.set(on));
    site.platform.observe_recoveries(move || counter.set(counter.get() + 1));
    let heard_of = |what: &dyn Fn(&Platform)| {
        let before = heard.get();
        what(&site.platform);
        heard.get() - before
    };
    assert_eq!(heard_of(&|platform| platform.turn_off(a)), 0);
    assert_eq!(heard_of(&|platform| platform.disk_on(disk)), 0, "its host is off");
    assert_eq!(heard_of(&|platform| platform.turn_on(a)), 1, "the host with its disks");
    assert!(hosts.get());
    assert_eq!(heard_of(&|platform| platform.turn_on(a)), 0);
    assert_eq!(heard_of(&|platform| platform.disk_off(disk)), 0);
    assert_eq!(heard_of(&|platform| platform.disk_on(disk)), 1);
    assert_eq!(heard_of(&|platform| platform.link_on(link)), 0);
    assert_eq!(heard_of(&|platform| platform.link_off(link)), 0);
    assert_eq!(heard_of(&|platform| platform.link_on(link)), 1);
}

/// An actor that is killed while it waits for a host is removed from the list: the other actors
/// wait for something else. If two wait, the other one is woken when the host is on again.
#[test]
fn a_killed_actor_waits_for_no_host() {
    for is_another_left in [false, true] {
        let site = Site::build(|builder| {
            ["a", "b"].into_iter().for_each(|name| _ = builder.host(name, 1e9))
        });
        let [a, b] = ["a", "b"].map(|name| site.host(name));
        let kernel = site.kernel();
        let waits = |name: &'static str| {
            let platform = site.platform.clone();
            kernel.spawn(name, async move { platform.wait_until_on(a).await })
        };
        site.platform.turn_off(a);
        let killed = waits("killed");
        let other = is_another_left.then(|| waits("other"));
        let nobody = kernel.mailbox::<()>("nobody writes");
        site.platform.spawn(b, "waiter", async move { nobody.receive().await });
        site.go(move |platform| async move {
            platform.kernel().sleep(secs(1.0)).await;
            killed.kill();
        });
        let Err(RunError::Deadlock { reasons, .. }) = site.try_run() else {
            panic!("it is a deadlock")
        };
        assert_eq!(reasons.len(), usize::from(is_another_left), "{reasons:?}");
        drop(other);
    }
}
