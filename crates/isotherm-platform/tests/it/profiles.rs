//! Profiles: how speeds, states, bandwidths and latencies change in the course of a simulation.

use crate::common::{Log, Site, assert_close, hosts, secs};
use isotherm_kernel::RunError;
use isotherm_platform::{NetworkModel, Profile};

fn profile(text: &str) -> Profile {
    Profile::parse(text).unwrap()
}

/// A host of 25 Mf with the profile `0 0.5 / 2 1 / 4 0.7 / 6 0.1 / 8 4` has 12.5, 25, 17.5, 2.5 and
/// 100 Mf (SimGrid platform-profile, looked at in between). A factor may exceed 1.
#[test]
fn a_speed_profile_multiplies_the_speed() {
    let site = Site::build(|builder| {
        _ = builder
            .host("Jupiter", 25e6)
            .speed_profile(profile("0 0.5\n2 1.0\n4 0.7\n6 0.1\n8 4\n"))
    });
    let host = site.host("Jupiter");
    let log = site.logged(async move |platform, seen| {
        for date in [0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 50.0] {
            platform.kernel().sleep_until(isotherm_kernel::Time::from_secs_f64(date)).await;
            seen.value(format!("at {date}"), platform.speed(host) / 1e6);
        }
    });
    log.assert(&[
        ("at 0", 12.5),
        ("at 1", 12.5),
        ("at 2", 25.0),
        ("at 4", 17.5),
        ("at 6", 2.5),
        ("at 8", 100.0),
        ("at 50", 100.0),
    ]);
}

/// A computation follows the profile: 100 flop/s until 1, then half for 2 s, repeated with period
/// 3: 300 flops are 100 + 100 + 100: done at 1 + 2 + 1 = 4. A second thread has a core of its own
/// and ends with it.
#[test]
fn a_computation_follows_the_profile() {
    let site = Site::build(|builder| {
        _ = builder.host("a", 100.0).cores(2).speed_profile(profile("PERIODICITY 3\n0 1\n1 0.5\n"))
    });
    let (log, kernel, host) = (Log::default(), site.kernel(), site.host("a"));
    log.end_of(&kernel, "1", site.platform.compute(host, 300.0));
    log.end_of(&kernel, "2", site.platform.compute(host, 300.0));
    site.run();
    log.assert(&[("2", 4.0), ("1", 4.0)]);
}

/// Speed zero stalls a computation until the next event: 100 flops at 100, stopped from 0.5 to 2.5.
#[test]
fn a_stalled_computation_goes_on() {
    let site =
        Site::build(|builder| _ = builder.host("a", 100.0).speed_profile(profile("0.5 0\n2.5 1")));
    let (log, host) = (Log::default(), site.host("a"));
    log.end_of(&site.kernel(), "end", site.platform.compute(host, 100.0));
    // Profiles alone keep no simulation alive, and a stalled computation has no date: somebody
    // waits.
    site.go(|platform| async move { platform.kernel().sleep(secs(4.0)).await });
    site.run();
    log.assert(&[("end", 3.0)]);
}

/// SimGrid platform-profile: latency 10 ms, 3 ms from 1 s on, 15 ms from 3 s on; bandwidth 1, 2 (2
/// s), 3 MB/s (4 s).
#[test]
fn links_have_bandwidth_and_latency_profiles() {
    let site = Site::build(|builder| {
        builder
            .link("link1", 1e6, 0.01)
            .latency_profile(profile("1 0.003\n3 0.015\n"))
            .bandwidth_profile(profile("2 2e6\n4 3e6\n"));
        builder.host("a", 1.0);
    });
    let log = Log::default();
    let (link, seen) = (site.platform.link("link1").unwrap(), log.clone());
    site.go(move |platform| async move {
        for _ in 0..5 {
            seen.value("ms", platform.latency_s(link) * 1e3);
            seen.value("MB/s", platform.bandwidth(link) / 1e6);
            platform.kernel().sleep(secs(1.0)).await;
        }
    });
    site.run();
    log.assert(&[
        ("ms", 10.0),
        ("MB/s", 1.0),
        ("ms", 3.0),
        ("MB/s", 1.0),
        ("ms", 3.0),
        ("MB/s", 2.0),
        ("ms", 15.0),
        ("MB/s", 2.0),
        ("ms", 15.0),
        ("MB/s", 3.0),
    ]);
}

/// An event cuts the step of a running flow: 100 B at 50 B/s, from 1 s on at 10 B/s: 1 + 50/10 = 6
/// s.
#[test]
fn a_running_flow_follows_the_bandwidth() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("link", 50.0, 0.0).bandwidth_profile(profile("1 10"));
        builder.route("a", "b", ["link"]);
        builder.network_model(NetworkModel::RAW);
    });
    let (log, a, b) = (Log::default(), site.host("a"), site.host("b"));
    log.end_of(&site.kernel(), "flow", site.platform.transfer(a, b, 100.0).unwrap());
    site.run();
    log.assert(&[("flow", 6.0)]);
}

/// A link goes off and on; in between every transfer fails. The profile applies to both halves of a
/// split-duplex link.
#[test]
fn a_link_has_a_state_profile() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder
            .link("link", 1e6, 0.0)
            .split_duplex()
            .state_profile(profile("PERIODICITY 4\n0 1\n2 0\n"));
        builder.route("a", "b", [isotherm_platform::Via::up("link")]);
    });
    let log = Log::default();
    let (a, b, seen) = (site.host("a"), site.host("b"), log.clone());
    let halves = ["link_UP", "link_DOWN"].map(|name| site.platform.link(name).unwrap());
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        for date in ["0", "1", "2", "3", "4"] {
            assert_eq!(platform.link_is_on(halves[0]), platform.link_is_on(halves[1]));
            seen.end_of(kernel, date, platform.transfer(a, b, 0.0).unwrap());
            kernel.sleep(secs(1.0)).await;
        }
    });
    site.run();
    log.assert(&[("0", 0.0), ("1", 1.0), ("2 failed", 2.0), ("3 failed", 3.0), ("4", 4.0)]);
}

/// Events come before anything that ends at their date: what would end just when its host goes off
/// fails.
#[test]
fn an_event_comes_before_what_ends_at_its_date() {
    let site = Site::build(|builder| _ = builder.host("a", 100.0).state_profile(profile("1 0")));
    let (log, host) = (Log::default(), site.host("a"));
    log.end_of(&site.kernel(), "computation", site.platform.compute(host, 100.0));
    site.run();
    log.assert(&[("computation failed", 1.0)]);
}

/// Events dated 0 apply when the platform is made.
#[test]
fn events_dated_zero_apply_at_once() {
    let site =
        Site::build(|builder| _ = builder.host("a", 100.0).state_profile(profile("0 0\n5 1")));
    let host = site.host("a");
    assert!(!site.platform.is_on(host));
    let actor = site.platform.spawn(host, "never", async {});
    assert!(actor.is_finished());
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(5.0)).await;
        assert!(platform.is_on(host));
    });
    assert_close(site.run(), 5.0);
}

/// A profile that repeats for ever keeps no simulation alive: it ends with its last actor, and a
/// deadlock is seen as one.
#[test]
fn a_profile_keeps_nothing_alive() {
    let describe = |builder: &mut isotherm_platform::PlatformBuilder| {
        builder.host("a", 100.0).speed_profile(profile("PERIODICITY 1\n0 1\n0.5 0.5\n"));
    };
    let site = Site::build(describe);
    site.go(|platform| async move { platform.kernel().sleep(secs(1.25)).await });
    assert_close(site.run(), 1.25);

    let site = Site::build(describe);
    let mailbox = site.kernel().mailbox::<()>("nobody writes");
    site.kernel().spawn("waiter", async move { mailbox.receive().await });
    match site.try_run() {
        Err(RunError::Deadlock { waiting, .. }) => assert_eq!(waiting[0].actor, "waiter"),
        other => panic!("expected a deadlock, found {other:?}"),
    }
}
