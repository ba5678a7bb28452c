//! The network model LV08: single flows, several flows, windows, loopback, limits, setters.
//!
//! Numbers marked "SimGrid" are the published outputs of its examples.

use crate::common::{Log, Site, assert_close, hosts, secs};
use isotherm_platform::{NetworkModel, Profile, Via};

/// Tremblay and Jupiter as in SimGrid's examples: one shared link of 7.20975 MB/s and 1.461517 ms.
fn tremblay_and_jupiter() -> Site {
    Site::build(|builder| {
        builder.host("Tremblay", 98.095e6);
        builder.host("Jupiter", 76.296e6);
        builder.link("9", 7.20975e6, 1.461517e-3);
        builder.route("Tremblay", "Jupiter", ["9"]);
    })
}

/// SimGrid comm-pingpong. 1 B: 13.01 × 1.461517 ms = 0.019014 s. 1e9 B back: 0.019014 + 1e9 × 1.05
/// / (0.97 × 7.20975e6) = 150.159 s; the link carries the flow with weight 1 and its
/// acknowledgements with 0.05.
#[test]
fn ping_and_pong() {
    let site = tremblay_and_jupiter();
    let log = Log::default();
    let (tremblay, jupiter, seen) = (site.host("Tremblay"), site.host("Jupiter"), log.clone());
    site.go(move |platform| async move {
        platform.transfer(tremblay, jupiter, 1.0).unwrap().await.unwrap();
        seen.add(platform.kernel(), "ping");
        platform.transfer(jupiter, tremblay, 1e9).unwrap().await.unwrap();
        seen.add(platform.kernel(), "pong");
    });
    site.run();
    log.assert(&[("ping", 0.019014), ("pong", 150.178356)]);
}

/// SimGrid comm-suspend: 13194230 B started at 1 have 6660438 B left at 2 and arrive at 3;
/// suspended and resumed at once in between.
#[test]
fn a_suspended_transfer_goes_on() {
    let site = tremblay_and_jupiter();
    let log = Log::default();
    let (tremblay, jupiter, seen) = (site.host("Tremblay"), site.host("Jupiter"), log.clone());
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        kernel.sleep(secs(1.0)).await;
        let transfer = platform.transfer(tremblay, jupiter, 13_194_230.0).unwrap();
        kernel.sleep(secs(1.0)).await;
        transfer.suspend();
        assert!((transfer.remaining() - 6_660_438.0).abs() < 1.0, "{} left", transfer.remaining());
        transfer.resume();
        transfer.await.unwrap();
        seen.add(kernel, "received");
    });
    site.run();
    log.assert(&[("received", 3.0)]);
}

/// A cluster as in SimGrid's comm-throttling: each node has a split-duplex link of 125 MB/s and 50
/// us to a shared backbone of 2.25 GB/s and 500 us.
fn cluster() -> Site {
    Site::build(|builder| {
        builder.link("backbone", 2.25e9, 500e-6);
        for node in ["node-0", "node-1"] {
            builder.host(node, 1e9);
            builder.link(format!("{node}-link"), 125e6, 50e-6).split_duplex();
        }
        builder.route(
            "node-0",
            "node-1",
            [Via::up("node-0-link"), Via::from("backbone"), Via::down("node-1-link")],
        );
    })
}

/// SimGrid comm-throttling. Latency 13.01 × 600 us; nothing disturbs the flow on its split-duplex
/// links, so it moves 0.97 × 125 MB/s: 2.5e8 B take 2.069662 s. Limited to 62.5 MB/s: 0.007806 + 4
/// = 4.007806 s.
#[test]
fn a_rate_limit_counts_true_bytes() {
    let site = cluster();
    let log = Log::default();
    let (from, to, seen) = (site.host("node-0"), site.host("node-1"), log.clone());
    site.go(move |platform| async move {
        platform.transfer(from, to, 2.5e8).unwrap().await.unwrap();
        seen.add(platform.kernel(), "free");
        platform.transfer_limited(from, to, 2.5e8, 62.5e6).unwrap().await.unwrap();
        seen.add(platform.kernel(), "limited");
    });
    site.run();
    log.assert(&[("free", 2.069662), ("limited", 6.077468)]);
}

/// Two opposite flows on a split-duplex link: each half carries one flow (weight 1) and the
/// acknowledgements of the other (0.05), so each moves 0.97 × 125e6 / 1.05. On a shared link both
/// flows and both acknowledgements share one capacity: 0.97 × 125e6 / 2.1.
#[test]
fn directions_share_only_on_a_shared_link() {
    let bytes = 1e8;
    for (split, rate) in [(true, 0.97 * 125e6 / 1.05), (false, 0.97 * 125e6 / 2.1)] {
        let site = Site::build(|builder| {
            hosts(builder, &["a", "b"]);
            let link = builder.link("link", 125e6, 0.0);
            if split {
                link.split_duplex();
                builder.route("a", "b", [Via::up("link")]);
            } else {
                builder.route("a", "b", ["link"]);
            }
        });
        let (a, b) = (site.host("a"), site.host("b"));
        site.go(move |platform| async move {
            let forth = platform.transfer(a, b, bytes).unwrap();
            let back = platform.transfer(b, a, bytes).unwrap();
            isotherm_kernel::join_all([forth, back]).await;
        });
        assert_close(site.run(), bytes / rate);
    }
}

/// SimGrid: a link of 1 bit/s, 2 bytes: 2 × 1.05 / (0.97 × 0.125) = 17.319588 s.
#[test]
fn a_very_slow_link() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("link", 0.125, 0.0);
        builder.route("a", "b", ["link"]);
    });
    let (a, b) = (site.host("a"), site.host("b"));
    site.go(move |platform| async move { platform.transfer(a, b, 2.0).unwrap().await.unwrap() });
    assert_close(site.run(), 17.319588);
}

/// SimGrid cm02-tcpgamma: 1e10 B over a link of 1e10 B/s without factors or acknowledgements. The
/// window allows 4194304 / (2 · lat): with 1 ms 2097152000 B/s, with 0.1 s 20971520 B/s; without a
/// window 1.001 s.
#[test]
fn the_window_bounds_flows_of_long_routes() {
    let window = NetworkModel { gamma: 4_194_304.0, ..NetworkModel::RAW };
    let cases = [
        (window.clone(), 0.0, 1.0),
        (window.clone(), 1e-5, 1.00001),
        (window.clone(), 1e-3, 4.769372),
        (window, 0.1, 476.937158),
        (NetworkModel::RAW, 1e-3, 1.001),
    ];
    for (model, latency, expected) in cases {
        let site = Site::build(|builder| {
            hosts(builder, &["a", "b"]);
            builder.link("link", 1e10, latency);
            builder.route("a", "b", ["link"]);
            builder.network_model(model);
        });
        let (a, b) = (site.host("a"), site.host("b"));
        site.go(
            move |platform| async move { platform.transfer(a, b, 1e10).unwrap().await.unwrap() },
        );
        assert_close(site.run(), expected);
    }
}

/// Two downloads of 60 and 61 GB on a shared link of 20 MB/s get 0.97 × 20e6 / 2.1 = 9238095.238
/// B/s each; when the first is done, the rest of the second has 0.97 × 20e6 / 1.05.
#[test]
fn equal_flows_share_evenly() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("link", 20e6, 20e-6);
        builder.route("a", "b", ["link"]);
    });
    let (log, kernel, a, b) = (Log::default(), site.kernel(), site.host("a"), site.host("b"));
    let (latency, half, whole) = (13.01 * 20e-6, 9_238_095.238_095_238, 0.97 * 20e6 / 1.05);
    log.end_of(&kernel, "60 GB", site.platform.transfer(a, b, 60e9).unwrap());
    let second = site.platform.transfer(a, b, 61e9).unwrap();
    let (seen, id) = (log.clone(), second.id());
    log.end_of(&kernel, "61 GB", second);
    site.go(move |platform| async move {
        platform.kernel().sleep(secs(1.0)).await;
        seen.value("rate", platform.kernel().rate(id));
    });
    site.run();
    let first = latency + 60e9 / half;
    log.assert(&[("rate", half), ("60 GB", first), ("61 GB", first + 1e9 / whole)]);
}

/// Shares are inversely proportional to lat + Σ 20537/bw. Two flows on one link of 1e6 B/s, one of
/// which comes through another fast link with 20.537 ms: penalties 0.020537 and 0.020537 + 0.020537
/// (the fast link's weight is negligible at 1e15 B/s), so the shares are as 2 to 1. The
/// acknowledgements load the link with 0.05 of each.
#[test]
fn a_longer_latency_means_a_smaller_share() {
    let site = Site::build(|builder| {
        hosts(builder, &["near", "far", "to"]);
        builder.link("link", 1e6, 0.0);
        builder.link("start", 1e15, 1e-12);
        builder.link("long", 1e15, 0.020537);
        // The near flow has a tiny latency too: a flow without any has penalty 1.
        builder.route("near", "to", ["start", "link"]);
        builder.route("far", "to", ["long", "link"]);
    });
    let (near, far, to) = (site.host("near"), site.host("far"), site.host("to"));
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        let flows =
            [platform.transfer(near, to, 1e9).unwrap(), platform.transfer(far, to, 1e9).unwrap()];
        kernel.sleep(secs(1.0)).await;
        let both = 0.97 * 1e6 / 1.05;
        assert!((flows[0].rate() - both * 2.0 / 3.0).abs() < 1.0, "{}", flows[0].rate());
        assert!((flows[1].rate() - both / 3.0).abs() < 1.0, "{}", flows[1].rate());
    });
    site.run();
}

/// During its latency a flow uses nothing: a flow of 1 s that starts beside it is not slowed down
/// before.
#[test]
fn a_flow_that_waits_for_its_latency_disturbs_nobody() {
    let model = NetworkModel { gamma: 0.0, ..NetworkModel::RAW };
    let site = Site::build(|builder| {
        hosts(builder, &["near", "far", "to"]);
        builder.link("link", 100.0, 0.0);
        builder.link("long", 100.0, 2.0);
        builder.route("near", "to", ["link"]);
        builder.route("far", "to", ["long", "link"]);
        builder.network_model(model);
    });
    let (log, kernel) = (Log::default(), site.kernel());
    let (near, far, to) = (site.host("near"), site.host("far"), site.host("to"));
    log.end_of(&kernel, "far", site.platform.transfer(far, to, 100.0).unwrap());
    log.end_of(&kernel, "near", site.platform.transfer(near, to, 100.0).unwrap());
    site.run();
    log.assert(&[("near", 1.0), ("far", 3.0)]);
}

/// A fat pipe gives each flow 0.97 × bw, whatever else it carries, acknowledgements included.
#[test]
fn flows_do_not_share_a_fat_pipe() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("link", 1e6, 0.0).fatpipe();
        builder.route("a", "b", ["link"]);
    });
    let (log, kernel, a, b) = (Log::default(), site.kernel(), site.host("a"), site.host("b"));
    for (name, from, to) in [("1", a, b), ("2", a, b), ("3", b, a)] {
        log.end_of(&kernel, name, site.platform.transfer(from, to, 0.97e6).unwrap());
    }
    site.run();
    let mut names = log.names();
    names.sort();
    assert_eq!(names, ["1", "2", "3"]);
    assert_close(site.kernel().now().as_secs_f64(), 1.0);
}

/// A message of s bytes from a host to itself takes s / 0.97e10, however many there are.
#[test]
fn a_host_talks_to_itself_over_the_loopback() {
    let site = Site::build(|builder| _ = builder.host("a", 1e9));
    let (log, kernel, a) = (Log::default(), site.kernel(), site.host("a"));
    log.end_of(&kernel, "1", site.platform.transfer(a, a, 9.7e9).unwrap());
    log.end_of(&kernel, "2", site.platform.transfer(a, a, 9.7e9).unwrap());
    assert_close(site.run(), 1.0);
    assert_eq!(log.names().len(), 2);
}

/// A declared route from a host to itself replaces the loopback: on a shared link forth and back
/// are the same, 1.05.
#[test]
fn a_declared_route_replaces_the_loopback() {
    let site = Site::build(|builder| {
        builder.host("a", 1e9);
        builder.link("self", 1e6, 0.0);
        builder.route("a", "a", ["self"]);
    });
    let a = site.host("a");
    site.go(move |platform| async move { platform.transfer(a, a, 1e6).unwrap().await.unwrap() });
    assert_close(site.run(), 1.05 / 0.97);
}

/// A link crossed twice counts twice: latency 2 × 13.01 × 20 us, weights 2 + 2 × 0.05 in all.
#[test]
fn a_link_crossed_twice_counts_twice() {
    let site = crate::common::serverless_site();
    let (user, node) = (site.host("user"), site.host("node1"));
    let route = site.platform.route(user, node).unwrap();
    assert_eq!(route.links.len(), 2);
    assert_close(route.latency_s * 1e6, 40.0);
    site.go(
        move |platform| async move { platform.transfer(user, node, 1e8).unwrap().await.unwrap() },
    );
    assert_close(site.run(), 13.01 * 40e-6 + 1e8 * 2.1 / (0.97 * 20e6));
}

/// Without a way back there are no acknowledgements: the flow gets 0.97 × bw.
#[test]
fn a_one_way_route_carries_no_acknowledgements() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("link", 0.97e6, 0.0);
        builder.one_way_route("a", "b", ["link"]);
    });
    let (a, b) = (site.host("a"), site.host("b"));
    site.go(move |platform| async move {
        let error = platform.transfer(b, a, 1.0).err().unwrap();
        assert_eq!(error.to_string(), "there is no route from host `b` to host `a`");
        platform.transfer(a, b, 0.97e6).unwrap().await.unwrap();
    });
    assert_close(site.run(), 1.0 / 0.97);
}

/// SimGrid cm02-set-lat-bw, a dog bone: S1→C1 by L1, L0, L2 and S2→C2 by L3, L0, L4; L0 carries 1e3
/// B/s, the others 1e9 B/s with 1 ns. Two flows of 1e3 B at a time.
/// 1. Both share L0: 2 s.
/// 2. From 10; at 11 L4 gets a latency of 20 s: penalties 20.537 and 40.537, so A moves 663.74 B/s:
///    11 + 500/663.74 = 11.753312; B uses what is left, so both together need 2 s as before: 12.
/// 3. From 20 with the latency back at 1 ns; at 21 L4 slows down to 1e3 B/s: penalties 20.537 and
///    41.074: A moves 666.67 B/s, 21.75; B 22.
#[test]
fn running_flows_notice_new_latencies_and_bandwidths() {
    let model = NetworkModel { weight_s: 20_537.0, gamma: 4_194_304.0, ..NetworkModel::RAW };
    let site = Site::build(|builder| {
        hosts(builder, &["S1", "S2", "C1", "C2"]);
        builder.link("L0", 1e3, 0.0);
        for link in ["L1", "L2", "L3", "L4"] {
            builder.link(link, 1e9, 1e-9);
        }
        builder.route("S1", "C1", ["L1", "L0", "L2"]);
        builder.route("S2", "C2", ["L3", "L0", "L4"]);
        builder.network_model(model);
    });
    let log = Log::default();
    let hosts = ["S1", "C1", "S2", "C2"].map(|name| site.host(name));
    let link = site.platform.link("L4").unwrap();
    let seen = log.clone();
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        let start = || {
            seen.end_of(kernel, "A", platform.transfer(hosts[0], hosts[1], 1e3).unwrap());
            seen.end_of(kernel, "B", platform.transfer(hosts[2], hosts[3], 1e3).unwrap());
        };
        start();
        kernel.sleep(secs(10.0)).await;
        start();
        kernel.sleep(secs(1.0)).await;
        platform.set_latency(link, 20.0).unwrap();
        kernel.sleep(secs(9.0)).await;
        platform.set_latency(link, 1e-9).unwrap();
        start();
        kernel.sleep(secs(1.0)).await;
        platform.set_bandwidth(link, 1e3).unwrap();
    });
    site.run();
    // At 2 both end; the latency of A was over first, and each has a first link of its own, so A is
    // dated first.
    log.assert(&[("A", 2.0), ("B", 2.0), ("A", 11.753312), ("B", 12.0), ("A", 21.75), ("B", 22.0)]);
}

/// A new bandwidth shows in the capacity at once, but the bound of a running flow stays: 100 B at
/// 50 B/s, after 1 s the link gets 200 B/s: the flow stays at its bound of 50, a flow that starts
/// then has its own bound of 200 and gets 150.
#[test]
fn the_bound_of_a_running_flow_stays() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("link", 50.0, 0.0);
        builder.route("a", "b", ["link"]);
        builder.network_model(NetworkModel::RAW);
    });
    let log = Log::default();
    let (a, b, link, seen) =
        (site.host("a"), site.host("b"), site.platform.link("link").unwrap(), log.clone());
    site.go(move |platform| async move {
        let kernel = platform.kernel();
        seen.end_of(kernel, "old", platform.transfer(a, b, 100.0).unwrap());
        kernel.sleep(secs(1.0)).await;
        platform.set_bandwidth(link, 200.0).unwrap();
        assert_eq!(platform.bandwidth(link), 200.0);
        seen.end_of(kernel, "new", platform.transfer(a, b, 75.0).unwrap());
    });
    site.run();
    log.assert(&[("new", 1.5), ("old", 2.0)]);
}

/// A flow in its latency goes on waiting for the old one when the latency of a link changes.
#[test]
fn a_latency_in_progress_stays() {
    let site = Site::build(|builder| {
        hosts(builder, &["a", "b"]);
        builder.link("link", 100.0, 2.0);
        builder.route("a", "b", ["link"]);
        builder.network_model(NetworkModel::RAW);
    });
    let (a, b, link) = (site.host("a"), site.host("b"), site.platform.link("link").unwrap());
    site.go(move |platform| async move {
        let flow = platform.transfer(a, b, 100.0).unwrap();
        platform.kernel().sleep(secs(1.0)).await;
        platform.set_latency(link, 50.0).unwrap();
        assert_eq!(platform.latency_s(link), 50.0);
        flow.await.unwrap();
        assert_close(platform.kernel().now().as_secs_f64(), 3.0);
        platform.transfer(a, b, 100.0).unwrap().await.unwrap();
    });
    assert_close(site.run(), 3.0 + 51.0);
}

#[test]
fn values_out_of_range_are_refused() {
    let site = tremblay_and_jupiter();
    let (a, b, link) =
        (site.host("Tremblay"), site.host("Jupiter"), site.platform.link("9").unwrap());
    for bandwidth in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = site.platform.set_bandwidth(link, bandwidth).unwrap_err().to_string();
        assert!(error.starts_with("the bandwidth of link `9` is"), "{error}");
        assert!(site.platform.transfer_limited(a, b, 1.0, bandwidth).is_err());
    }
    assert!(site.platform.set_latency(link, -1.0).is_err());
    let broken = NetworkModel { bandwidth_factor: 0.0, ..NetworkModel::LV08 };
    let spec = site.platform.spec().clone().with_network_model(broken);
    assert!(isotherm_platform::Platform::new(&site.kernel(), spec).is_err());
    // A bandwidth of zero in a profile would stall for ever what a state profile would fail.
    let mut builder = isotherm_platform::PlatformBuilder::new();
    builder.host("a", 1.0);
    builder.link("link", 1.0, 0.0).bandwidth_profile(Profile::parse("1 0").unwrap());
    assert_eq!(builder.build().unwrap_err()[0].hint(), Some("a state profile turns a link off"));
}

#[test]
fn a_transfer_of_less_than_nothing_is_an_error() {
    let site = tremblay_and_jupiter();
    let (tremblay, jupiter) = (site.host("Tremblay"), site.host("Jupiter"));
    site.go(move |platform| async move {
        for bytes in [-1.0, f64::NAN] {
            let error = platform
                .transfer(tremblay, jupiter, bytes)
                .err()
                .expect("it is refused")
                .to_string();
            assert!(error.contains("the size of a transfer"), "{error}");
            assert!(platform.transfer_limited(tremblay, jupiter, bytes, 1e6).is_err());
        }
        platform.transfer(tremblay, jupiter, 0.0).unwrap().await.unwrap();
    });
    site.run();
}
