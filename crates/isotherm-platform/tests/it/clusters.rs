//! Clusters: hosts with links of their own to the middle of their zone.

use crate::common::{Log, Site};
use isotherm_platform::{LinkSharing, PlatformBuilder, PlatformSpec, Point, Routing};

fn read(text: &str) -> PlatformSpec {
    PlatformSpec::from_simgrid_xml(text).unwrap()
}

/// A platform of one cluster with these attributes more, of hosts `n0` to `n9`.
fn cluster(more: &str) -> PlatformSpec {
    read(&format!(
        "<platform version='4.1'><cluster id='c' prefix='n' suffix='' radical='0-9' speed='1Gf' bw='125MBps' lat='50us' {more}/></platform>"
    ))
}

/// The names of the links from one host to another.
fn links(spec: &PlatformSpec, from: &str, to: &str) -> Vec<String> {
    let id = |name| spec.host_id(name).unwrap();
    let route = spec.route(id(from), id(to)).unwrap();
    route.iter().map(|&link| spec.link(link).name.clone()).collect()
}

/// Latency in microseconds, and least bandwidth in MB/s.
fn measures(spec: &PlatformSpec, from: &str, to: &str) -> (f64, f64) {
    let id = |name| spec.host_id(name).unwrap();
    let route = spec.route(id(from), id(to)).unwrap();
    let latency: f64 = route.iter().map(|&link| spec.link(link).latency_s).sum();
    let bandwidth =
        route.iter().map(|&link| spec.link(link).bandwidth).fold(f64::INFINITY, f64::min);
    ((latency * 1e6).round(), bandwidth / 1e6)
}

/// Up from one host and down to the other, 2 · 50 us.
#[test]
fn a_flat_cluster() {
    let spec = cluster("core='4'");
    assert_eq!(spec.hosts().count(), 10);
    assert!(spec.hosts().all(|(_, host)| host.cores == 4 && host.speeds == [1e9]));
    assert_eq!(links(&spec, "n3", "n7"), ["c_link_3_UP", "c_link_7_DOWN"]);
    assert_eq!(links(&spec, "n7", "n3"), ["c_link_7_UP", "c_link_3_DOWN"]);
    assert_eq!(measures(&spec, "n3", "n7"), (100.0, 125.0));
    // No implicit loopback: a host talks to itself over its own links.
    assert_eq!(links(&spec, "n3", "n3"), ["c_link_3_UP", "c_link_3_DOWN"]);
    assert!(spec.links().all(|(_, link)| !link.implicit));
    assert_eq!(spec.routers().next().unwrap().1.name, "nc_router");
    assert_eq!(spec.zones().next().unwrap().1.routing, Routing::Cluster);
}

/// The backbone lies between the links, 50 + 500 + 50 us, and is there once.
#[test]
fn a_cluster_with_a_backbone() {
    let spec = cluster("bb_bw='2.25GBps' bb_lat='500us'");
    assert_eq!(links(&spec, "n0", "n1"), ["c_link_0_UP", "c_backbone", "c_link_1_DOWN"]);
    assert_eq!(measures(&spec, "n0", "n1"), (600.0, 125.0));
    assert_eq!(links(&spec, "n0", "n0"), ["c_link_0_UP", "c_backbone", "c_link_0_DOWN"]);
    let backbone = |spec: &PlatformSpec| spec.link(spec.link_id("c_backbone").unwrap()).sharing;
    assert_eq!(backbone(&spec), LinkSharing::Shared);
    assert_eq!(
        backbone(&cluster("bb_bw='1GBps' bb_lat='0' bb_sharing_policy='FATPIPE'")),
        LinkSharing::Fatpipe
    );
}

/// A limiter stands between a host and the world, in both directions, and counts once on the way to
/// oneself.
#[test]
fn a_cluster_with_limiters_and_loopbacks() {
    let spec = cluster("limiter_link='150MBps' bb_bw='1GBps' bb_lat='1us'");
    assert_eq!(
        links(&spec, "n0", "n1"),
        ["c_link_0_limiter", "c_link_0_UP", "c_backbone", "c_link_1_DOWN", "c_link_1_limiter"]
    );
    assert_eq!(
        links(&spec, "n0", "n0"),
        ["c_link_0_limiter", "c_link_0_UP", "c_backbone", "c_link_0_DOWN"]
    );
    assert_eq!(spec.link(spec.link_id("c_link_0_limiter").unwrap()).sharing, LinkSharing::Shared);

    let spec = cluster("limiter_link='150MBps' loopback_bw='6GBps' loopback_lat='2us'");
    assert_eq!(links(&spec, "n4", "n4"), ["c_link_4_loopback"]);
    assert_eq!(measures(&spec, "n4", "n4"), (2.0, 6000.0));
    assert_eq!(spec.link(spec.link_id("c_link_4_loopback").unwrap()).sharing, LinkSharing::Fatpipe);
}

/// A link that is not split is one and the same in both directions.
#[test]
fn the_sharing_policy_of_a_cluster() {
    let shared = cluster("sharing_policy='SHARED'");
    assert_eq!(links(&shared, "n0", "n1"), ["c_link_0", "c_link_1"]);
    assert_eq!(links(&shared, "n0", "n0"), ["c_link_0"]);
    let fat = cluster("sharing_policy='FATPIPE'");
    assert_eq!(fat.link(fat.link_id("c_link_0").unwrap()).sharing, LinkSharing::Fatpipe);
    // The name that SPLITDUPLEX had before.
    assert_eq!(
        links(&cluster("sharing_policy='FULLDUPLEX'"), "n0", "n1"),
        ["c_link_0_UP", "c_link_1_DOWN"]
    );
}

#[test]
fn a_radical_has_numbers_and_ranges() {
    let spec = read(
        "<platform version='4.1'><cluster id='c' prefix='node-' suffix='.me' radical='1,3, 5-7' speed='2Gf,1Gf' bw='1Bps' lat='0' router_id='r'>
           <prop id='ram' value='16GB'/><disk id='d' read_bw='1MBps' write_bw='2MBps'><prop id='size' value='5GB'/></disk>
         </cluster></platform>",
    );
    let names: Vec<&str> = spec.hosts().map(|(_, host)| host.name.as_str()).collect();
    assert_eq!(names, ["node-1.me", "node-3.me", "node-5.me", "node-6.me", "node-7.me"]);
    assert_eq!(spec.routers().next().unwrap().1.name, "r");
    for (id, host) in spec.hosts() {
        assert_eq!(
            (host.memory, host.speeds.as_slice()),
            (Some(16_000_000_000), [2e9, 1e9].as_slice())
        );
        let disk = spec.disk(host.disks[0]);
        assert_eq!((disk.host, disk.size, disk.write_bandwidth), (id, 5_000_000_000, 2e6));
    }
}

/// Two clusters and their routers: up to the router of one, over the links between them, down from
/// the other. The router has no links of its own, but lies behind the backbone. Gateways may be
/// left out, as clusters have their routers.
#[test]
fn clusters_are_left_by_their_routers() {
    let text = |gateways: &str| {
        format!(
            "<platform version='4.1'><zone id='w' routing='Full'>
               <cluster id='a' prefix='a' suffix='' radical='0-1' speed='1Gf' bw='1GBps' lat='1us' bb_bw='2GBps' bb_lat='10us'/>
               <cluster id='b' prefix='b' suffix='.org' radical='0-1' speed='1Gf' bw='3GBps' lat='100us'/>
               <zone id='z' routing='None'><host id='alone' speed='1f'/></zone>
               <link id='x' bandwidth='500MBps' latency='1ms'/>
               <zoneRoute src='a' dst='b' {gateways}><link_ctn id='x'/></zoneRoute>
               <zoneRoute src='z' dst='b' gw_src='alone'><link_ctn id='x'/></zoneRoute>
             </zone></platform>"
        )
    };
    for gateways in ["gw_src='aa_router' gw_dst='bb_router.org'", ""] {
        let spec = read(&text(gateways));
        assert_eq!(
            links(&spec, "a1", "b0.org"),
            ["a_link_1_UP", "a_backbone", "x", "b_link_0_DOWN"]
        );
        assert_eq!(measures(&spec, "a1", "b0.org"), (1111.0, 500.0));
        assert_eq!(
            links(&spec, "b0.org", "a1"),
            ["b_link_0_UP", "x", "a_backbone", "a_link_1_DOWN"]
        );
        assert_eq!(links(&spec, "alone", "b1.org"), ["x", "b_link_1_DOWN"]);
    }
}

const TWO_ZONES: &str = "<platform version='4'>
  <AS id='world' routing='Full'>
    <AS id='west' routing='Cluster'>
      <router id='west-router'/>
      <host id='one' speed='1Gf'/>
      <link id='one-up' bandwidth='125MBps' latency='100us'/><link id='one-down' bandwidth='125MBps' latency='100us'/>
      <host_link id='one' up='one-up' down='one-down'/>
      <host id='two' speed='1Gf'/>
      <link id='two' bandwidth='125MBps' latency='100us' sharing_policy='SPLITDUPLEX'/>
      <host_link id='two' up='two_UP' down='two_DOWN'/>
      <host id='three' speed='1Gf'/>
      <link id='three' bandwidth='125MBps' latency='100us'/>
      <host_link id='three' up='three' down='three'/>
      <backbone id='west-backbone' bandwidth='2.25GBps' latency='500us'/>
    </AS>
    <AS id='east' routing='cluster'>
      <host id='four' speed='1Gf'/><host id='five' speed='1Gf'/>
      <link id='four' bandwidth='125MBps' latency='100us' sharing_policy='SPLITDUPLEX'/>
      <host_link id='four' up='four' down='four'/>
      <link id='five' bandwidth='125MBps' latency='100us' sharing_policy='SPLITDUPLEX'/>
      <host_link id='five' up='five_UP' down='five_DOWN'/>
      <backbone id='east-backbone' bandwidth='2.25GBps' latency='500us'/>
      <router id='east-router'/>
    </AS>
    <link id='between' bandwidth='2.25GBps' latency='500us'/>
    <ASroute src='west' dst='east' gw_src='west-router' gw_dst='east-router'><link_ctn id='between'/></ASroute>
  </AS>
</platform>";

#[test]
fn a_zone_with_cluster_routing() {
    let spec = read(TWO_ZONES);
    assert_eq!(links(&spec, "one", "two"), ["one-up", "west-backbone", "two_DOWN"]);
    assert_eq!(links(&spec, "three", "one"), ["three", "west-backbone", "one-down"]);
    // A split-duplex link that is named as a whole is its half in that direction.
    assert_eq!(links(&spec, "four", "five"), ["four_UP", "east-backbone", "five_DOWN"]);
    assert_eq!(
        links(&spec, "three", "five"),
        ["three", "west-backbone", "between", "east-backbone", "five_DOWN"]
    );
    assert_eq!(measures(&spec, "three", "five"), (1700.0, 125.0));
    assert_eq!(
        links(&spec, "five", "three"),
        ["five_UP", "east-backbone", "between", "west-backbone", "three"]
    );
}

/// SimGrid sends a token of 1 MB around such clusters: one → two after 0.017354 s, two → three at
/// 0.035121, three → four at 0.065898 (kernel behaviour, app-token-ring on a platform of these
/// links). By hand: 13.01 · 700 us + 1e6 / (0.97 · 125e6) for the first; 1.05 times the data for
/// the others, as `three` carries the acknowledgements too; 13.01 · 1700 us for the last.
#[test]
fn a_token_takes_the_time_it_takes_in_simgrid() {
    let site = Site::new(read(TWO_ZONES));
    let (log, hosts) =
        (Log::default(), ["one", "two", "three", "four"].map(|name| site.host(name)));
    let seen = log.clone();
    site.go(move |platform| async move {
        for pair in hosts.windows(2) {
            platform.transfer(pair[0], pair[1], 1e6).unwrap().await.unwrap();
            seen.add(platform.kernel(), platform.host_name(pair[1]).to_string());
        }
    });
    site.run();
    log.assert(&[("two", 0.017354), ("three", 0.035121), ("four", 0.065898)]);
}

/// 13.01 · 600 us + 2.5e8 / (0.97 · 125e6) = 2.069662 s: SimGrid's comm-throttling on a flat
/// cluster with a backbone.
#[test]
fn a_flat_cluster_takes_the_time_it_takes_in_simgrid() {
    let site = Site::new(cluster("bb_bw='2.25GBps' bb_lat='500us'"));
    let log = Log::default();
    let transfer = site.platform.transfer(site.host("n0"), site.host("n1"), 2.5e8).unwrap();
    log.end_of(&site.kernel(), "received", transfer);
    site.run();
    log.assert(&[("received", 2.069662)]);
}

#[test]
fn cabinets_fill_a_zone() {
    let spec = read(
        "<platform version='4.1'><zone id='w' routing='Cluster'>
           <cabinet id='c1' prefix='a-' suffix='.me' radical='0-3' speed='1Gf' bw='1GBps' lat='1us'/>
           <cabinet id='c2' prefix='b-' suffix='.me' radical='0-3' speed='2Gf' bw='2GBps' lat='2us'/>
           <backbone id='bb' bandwidth='5GBps' latency='10us'/>
         </zone></platform>",
    );
    assert_eq!(spec.hosts().count(), 8);
    assert_eq!(links(&spec, "a-1.me", "b-2.me"), ["link_a-1.me_UP", "bb", "link_b-2.me_DOWN"]);
    assert_eq!(measures(&spec, "a-1.me", "b-2.me"), (13.0, 1000.0));
}

/// Neither reading nor asking depends on pairs of hosts: there are 10^10 of them here.
#[test]
fn a_large_cluster_has_no_table_of_routes() {
    let spec = read(
        "<platform version='4.1'><cluster id='c' prefix='n' suffix='' radical='0-99999' speed='1Gf' bw='1GBps' lat='1us'/></platform>",
    );
    assert_eq!(spec.hosts().count(), 100_000);
    assert_eq!(links(&spec, "n0", "n99999"), ["c_link_0_UP", "c_link_99999_DOWN"]);
}

#[test]
fn a_builder_makes_clusters() {
    let mut builder = PlatformBuilder::new();
    builder.routing(Routing::Dijkstra);
    builder.host("head", 1e9);
    builder
        .cluster("rack", 3, 2e9)
        .cores(4)
        .memory(1 << 30)
        .property("color", "red")
        .disk("a", 1e8, 2e8, 1 << 40)
        .disk("b", 1e8, 2e8, None)
        .link(1e9, 1e-6)
        .backbone(4e9, 2e-6)
        .limiter(1.5e9)
        .loopback(6e9, 0.0);
    builder.host("tail", 1e9);
    builder.router("switch");
    builder.cluster("plain", 2, 1e9).names("p", ".me").link(1e9, 1e-6).half_duplex();
    builder.link("x", 1e9, 5e-6);
    builder.link("y", 1e9, 7e-6);
    builder.route("head", "switch", ["x"]).route("switch", "rack", ["y"]).route(
        "plain",
        "switch",
        ["x", "y"],
    );
    let spec = builder.build().unwrap();
    let names: Vec<&str> = spec.hosts().map(|(_, host)| host.name.as_str()).collect();
    assert_eq!(names, ["head", "rack-0", "rack-1", "rack-2", "tail", "p0.me", "p1.me"]);
    let host = spec.host(spec.host_id("rack-2").unwrap());
    assert_eq!(
        (host.cores, host.memory, host.properties["color"].as_str()),
        (4, Some(1 << 30), "red")
    );
    let disks: Vec<_> = host
        .disks
        .iter()
        .map(|&disk| (spec.disk(disk).mount.as_str(), spec.disk(disk).size))
        .collect();
    assert_eq!(disks, [("/", 1 << 40), ("/b", i64::MAX as u64)]);
    assert_eq!(
        links(&spec, "head", "rack-2"),
        ["x", "y", "rack_backbone", "rack_link_2_DOWN", "rack_link_2_limiter"]
    );
    assert_eq!(links(&spec, "rack-1", "rack-1"), ["rack_link_1_loopback"]);
    assert_eq!(links(&spec, "p1.me", "head"), ["plain_link_1", "x", "y", "x"]);
    // The way back of the route that begins at the cluster ends at its router.
    assert_eq!(
        links(&spec, "rack-0", "p0.me"),
        ["rack_link_0_limiter", "rack_link_0_UP", "rack_backbone", "y", "y", "x", "plain_link_0"]
    );
    assert_eq!(links(&spec, "head", "head").len(), 1);
    assert!(spec.route(spec.host_id("head").unwrap(), spec.host_id("tail").unwrap()).is_err());
    let zone = spec.zones().next().unwrap().0;
    let points: Vec<&str> = spec.points(zone).map(|point| spec.name(point)).collect();
    assert_eq!(points, ["head", "rack", "tail", "switch", "plain"]);
}

/// Line, column, message and hint of every error of a text.
#[track_caller]
fn assert_errors(text: &str, expected: &[(u32, u32, &str, Option<&str>)]) {
    let found = PlatformSpec::from_simgrid_xml(text).map(|_| ()).unwrap_err();
    let found: Vec<_> = found
        .iter()
        .map(|error| {
            let place = error.position().unwrap();
            (place.line, place.column, error.problem().to_string(), error.hint())
        })
        .collect();
    let found: Vec<_> = found
        .iter()
        .map(|(line, column, what, hint)| (*line, *column, what.as_str(), *hint))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_wrong_with_a_cluster_is_told() {
    let start = "<platform version='4.1'><zone id='w' routing='Full'>\n";
    let end = "</zone></platform>";
    let of = |attributes: &str| {
        format!(
            "{start}<cluster id='c' prefix='n' suffix='' speed='1f' bw='1Bps' lat='0' {attributes}/>{end}"
        )
    };
    assert_errors(
        &format!("{start}<cluster/>{end}"),
        &[
            (2, 1, "`cluster` needs the attribute `id`", None),
            (2, 1, "`cluster` needs the attribute `radical`", None),
            (2, 1, "`cluster` needs the attribute `speed`", None),
            (2, 1, "`cluster` needs the attribute `bw`", None),
            (2, 1, "`cluster` needs the attribute `lat`", None),
        ],
    );
    for (radical, rule) in [
        ("0-", "`0-` is neither a number nor a range such as `0-9`"),
        ("1,,2", "`` is neither a number nor a range such as `0-9`"),
        ("9-0", "`9-0` is neither a number nor a range such as `0-9`"),
        ("0-3,2", "it has the number 2 twice"),
    ] {
        let message = format!("the radical is `{radical}`, but {rule}");
        assert_errors(&of(&format!("radical='{radical}'")), &[(2, 76, &message, None)]);
    }
    assert_errors(
        &of("radical='0-4294967295'"),
        &[(2, 76, "too many hosts (limit 1000000)", None)],
    );
    assert_errors(
        &of("radical='0' bb_lat='1s' bb_sharing_policy='SPLITDUPLEX'"),
        &[
            (2, 87, "`cluster` needs the attribute `bb_bw`", Some("`bb_lat` alone gives no link")),
            (
                2,
                110,
                "the sharing policy of the backbone is `SPLITDUPLEX`, but it must be one of `SHARED`, `FATPIPE`",
                None,
            ),
        ],
    );
    // What is wrong with all hosts is told once.
    assert_errors(
        &format!(
            "{start}<cluster id='c' prefix='n' suffix='' speed='1f' bw='1Bps' lat='0' radical='0-9'><prop id='ram' value='much'/></cluster>{end}"
        ),
        &[(2, 14, "property `ram` of host `n0`: `much` is not a number with a unit", None)],
    );
    // A zone with another routing has no use for host_link, nor one with Cluster routing for route.
    assert_errors(
        &format!(
            "{start}<host id='a' speed='1f'/><link id='l' bandwidth='1Bps'/>\n<host_link id='a' up='l' down='l'/>\n<backbone id='b' bandwidth='1Bps'/><cabinet/>{end}"
        ),
        &[
            (
                3,
                1,
                "`host_link` has no place in a zone with `Full` routing",
                Some("it is for zones with `routing=\"Cluster\"`"),
            ),
            (
                4,
                1,
                "`backbone` has no place in a zone with `Full` routing",
                Some("it is for zones with `routing=\"Cluster\"`"),
            ),
            (
                4,
                36,
                "`cabinet` has no place in a zone with `Full` routing",
                Some("it is for zones with `routing=\"Cluster\"`"),
            ),
        ],
    );
    assert_errors(
        "<platform version='4.1'><zone id='w' routing='Cluster'>
<host id='a' speed='1f'/><host id='b' speed='1f'/><link id='l' bandwidth='1Bps'/>
<host_link id='a' up='l' down='k'/><host_link id='c' up='l' down='l'/>
<host_link id='b' up='l' down='l'/><host_link id='b' up='l' down='l'/>
<backbone id='x' bandwidth='1Bps'/><backbone id='y' bandwidth='1Bps'/>
<route src='a' dst='b'><link_ctn id='l'/></route></zone></platform>",
        &[
            (3, 32, "there is no link `k`", None),
            (3, 51, "there is no host or router `c`", None),
            (4, 51, "there are two of host_link `b`", None),
            (5, 50, "there are two of backbone `y`", Some("a zone has at most one backbone")),
            (
                6,
                1,
                "`route` has no place in a zone with `Cluster` routing",
                Some("`host_link` gives a host its links to the middle of the zone"),
            ),
        ],
    );
    assert_errors(
        "<platform version='4.1'><zone id='w' routing='Cluster'><host id='a' speed='1f'/></zone></platform>",
        &[(
            1,
            35,
            "host `a` has no links in zone `w` with `Cluster` routing",
            Some("add `<host_link id=\"a\" up=\"...\" down=\"...\"/>`"),
        )],
    );
    let mut builder = PlatformBuilder::new();
    builder.cluster("rack", 0, -1.0).cores(0);
    let errors: Vec<String> =
        builder.build().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "the number of hosts of cluster `rack` is `0`, but it must be between 1 and 1000000",
            "the speed of the hosts of cluster `rack` is `-1`, but it must be a positive, finite number",
            "the number of cores of the hosts of cluster `rack` is `0`, but a host has at least one core",
            "the bandwidth of the links of cluster `rack` is ``, but it must be given with `link`",
        ]
    );
}

/// What a drawing needs: who is where, and by which links.
#[test]
fn a_cluster_can_be_looked_into() {
    let spec = cluster("limiter_link='150MBps' loopback_bw='6GBps' bb_bw='1GBps' bb_lat='0'");
    let zone = spec.zones().next().unwrap().0;
    let link = |name: &str| spec.link_id(name);
    let all: Vec<_> = spec.attachments(zone).collect();
    assert_eq!(all.len(), 10);
    let third = all[3];
    assert_eq!(third.point, Point::Host(spec.host_id("n3").unwrap()));
    assert_eq!((Some(third.up), Some(third.down)), (link("c_link_3_UP"), link("c_link_3_DOWN")));
    assert_eq!(
        (third.limiter, third.loopback),
        (link("c_link_3_limiter"), link("c_link_3_loopback"))
    );
    assert_eq!(spec.backbone(zone), link("c_backbone"));
    assert_eq!(spec.declared_routes(zone).count(), 0);
    assert_eq!(spec.zone_of(spec.host_id("n3").unwrap()), zone);
}
