//! Routes: forth and back, halves of split-duplex links, zones in zones, the implicit loopback.

use isotherm_platform::{LinkSharing, PlatformBuilder, PlatformSpec, Via};

/// The names of the links from one host to another.
fn links(spec: &PlatformSpec, from: &str, to: &str) -> Vec<String> {
    let id = |name| spec.host_id(name).unwrap();
    let route = spec.route(id(from), id(to)).unwrap();
    route.iter().map(|&link| spec.link(link).name.clone()).collect()
}

#[test]
fn the_way_back_is_reversed_and_turns_split_duplex_links() {
    let mut builder = PlatformBuilder::new();
    for host in ["a", "b"] {
        builder.host(host, 1.0);
    }
    builder.link("x", 1.0, 0.0).split_duplex();
    builder.link("y", 1.0, 0.0).split_duplex();
    builder.link("plain", 1.0, 0.0);
    builder.route(
        "a",
        "b",
        [Via::up("x"), "plain".into(), "plain".into(), Via::down("y"), "x_DOWN".into()],
    );
    let spec = builder.build().unwrap();
    assert_eq!(links(&spec, "a", "b"), ["x_UP", "plain", "plain", "y_DOWN", "x_DOWN"]);
    // A half that is named itself, as `x_DOWN` here, is not turned.
    assert_eq!(links(&spec, "b", "a"), ["x_DOWN", "y_UP", "plain", "plain", "x_DOWN"]);
}

#[test]
fn both_ways_may_be_declared_one_by_one() {
    let mut builder = PlatformBuilder::new();
    for host in ["a", "b"] {
        builder.host(host, 1.0);
    }
    builder.link("x", 1.0, 0.0);
    builder.link("y", 1.0, 0.0);
    builder.one_way_route("a", "b", ["x"]);
    builder.one_way_route("b", "a", ["y", "y"]);
    let spec = builder.build().unwrap();
    assert_eq!(links(&spec, "a", "b"), ["x"]);
    assert_eq!(links(&spec, "b", "a"), ["y", "y"]);
}

#[test]
fn the_loopback_is_implicit() {
    let spec = PlatformSpec::from_simgrid_xml(
        r#"<platform version="4.1">
             <config><prop id="network/loopback-bw" value="2GBps"/><prop id="network/loopback-lat" value="1us"/></config>
             <zone id="w" routing="Full"><host id="a" speed="1f"/></zone>
           </platform>"#,
    )
    .unwrap();
    let (_, loopback) = spec.links().last().unwrap();
    assert_eq!(links(&spec, "a", "a"), [loopback.name.as_str()]);
    assert!(loopback.implicit);
    assert_eq!(loopback.sharing, LinkSharing::Fatpipe);
    assert_eq!((loopback.bandwidth, loopback.latency_s), (2e9, 1e-6));
}

#[test]
fn hosts_without_a_route_are_told() {
    let mut builder = PlatformBuilder::new();
    builder.host("a", 1.0);
    builder.host("b", 1.0);
    let spec = builder.build().unwrap();
    let error = spec.route(spec.host_id("a").unwrap(), spec.host_id("b").unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "there is no route from host `a` to host `b`");
}

/// Two zones in a zone: the route is that to the gateway, that between the zones, and that from the
/// other gateway; nothing is added where an end is the gateway itself.
#[test]
fn zones_are_crossed_by_their_gateways() {
    let spec = PlatformSpec::from_simgrid_xml(
        r#"<platform version="4.1">
             <zone id="world" routing="Full">
               <zone id="left" routing="Full">
                 <host id="l1" speed="1f"/><host id="l2" speed="1f"/>
                 <router id="lr"/>
                 <link id="a" bandwidth="1Bps"/>
                 <route src="l1" dst="lr"><link_ctn id="a"/></route>
               </zone>
               <AS id="right" routing="full">
                 <zone id="inner" routing="Full">
                   <host id="r1" speed="1f"/><host id="r2" speed="1f"/>
                   <link id="b" bandwidth="1Bps" sharing_policy="SPLITDUPLEX"/>
                   <route src="r1" dst="r2"><link_ctn id="b" direction="UP"/></route>
                 </zone>
               </AS>
               <link id="c" bandwidth="1Bps"/><link id="d" bandwidth="1Bps"/>
               <zoneRoute src="left" dst="right" gw_src="lr" gw_dst="r1">
                 <link_ctn id="c"/><link_ctn id="d"/>
               </zoneRoute>
             </zone>
           </platform>"#,
    )
    .unwrap();
    assert_eq!(links(&spec, "l1", "r1"), ["a", "c", "d"]);
    assert_eq!(links(&spec, "l1", "r2"), ["a", "c", "d", "b_UP"]);
    assert_eq!(links(&spec, "r2", "l1"), ["b_DOWN", "d", "c", "a"]);
    assert_eq!(links(&spec, "r1", "r1").len(), 1);
    let id = |name| spec.host_id(name).unwrap();
    // No route from l2 to the gateway, and none between hosts of one zone that declares none.
    assert!(spec.route(id("l2"), id("r1")).is_err());
    assert!(spec.route(id("l1"), id("l2")).is_err());
    // Each zone with hosts has a loopback of its own.
    assert_ne!(links(&spec, "l1", "l1"), links(&spec, "r1", "r1"));
    assert_eq!(links(&spec, "l1", "l1"), links(&spec, "l2", "l2"));
}

/// Top-level zones beside each other are allowed, but nothing connects them.
#[test]
fn separate_zones_are_not_connected() {
    let spec = PlatformSpec::from_simgrid_xml(
        r#"<platform version="4.1">
             <zone id="one" routing="Full"><host id="a" speed="1f"/></zone>
             <zone id="two" routing="None"><host id="b" speed="1f"/></zone>
           </platform>"#,
    )
    .unwrap();
    let id = |name| spec.host_id(name).unwrap();
    assert!(spec.route(id("a"), id("b")).is_err());
    assert!(spec.route(id("b"), id("b")).is_ok());
}

/// A platform of many hosts stores each route once: looking up all 90,000 pairs finds each way
/// back.
#[test]
fn many_routes() {
    const HOSTS: usize = 300;
    let mut builder = PlatformBuilder::new();
    builder.link("backbone", 1.0, 0.0);
    for host in 0..HOSTS {
        builder.host(format!("h{host}"), 1.0);
        builder.link(format!("l{host}"), 1.0, 0.0);
    }
    for from in 0..HOSTS {
        for to in from + 1..HOSTS {
            builder.route(
                &format!("h{from}"),
                &format!("h{to}"),
                [format!("l{from}"), "backbone".to_owned(), format!("l{to}")],
            );
        }
    }
    let spec = builder.build().unwrap();
    for (from, a) in spec.hosts() {
        for (to, b) in spec.hosts() {
            if from != to {
                let route = spec.route(from, to).unwrap();
                let ends = [route[0], route[2]].map(|link| spec.link(link).name[1..].to_owned());
                assert_eq!(ends, [a.name[1..].to_owned(), b.name[1..].to_owned()]);
            }
        }
    }
}
