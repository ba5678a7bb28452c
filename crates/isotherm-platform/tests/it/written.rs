//! Platforms as SimGrid files: what is written and read again is the same platform.

use std::collections::BTreeSet;

use isotherm_platform::{
    HostSpec, LinkSpec, NetworkModel, PlatformBuilder, PlatformSpec, Profile, Routing, Via,
};
use proptest::prelude::*;

use crate::robust;

fn read(text: &str) -> PlatformSpec {
    let mut files = |_: &str| Ok("0 1\n5 0\n".to_owned());
    PlatformSpec::from_simgrid_xml_with(text, &mut files)
        .unwrap_or_else(|errors| panic!("{errors:?}\n{text}"))
}

fn explicit(spec: &PlatformSpec) -> Vec<LinkSpec> {
    spec.links().map(|(_, link)| link.clone()).filter(|link| !link.implicit).collect()
}

/// A host but for its properties, which also say what the fields say, and its disks.
fn host(spec: &PlatformSpec, host: &HostSpec) -> (HostSpec, Vec<String>) {
    let disks = host.disks.iter().map(|&disk| {
        let disk = spec.disk(disk);
        let (read, write) = (disk.read_bandwidth, disk.write_bandwidth);
        format!("{} {read} {write} {} {}", disk.name, disk.size, disk.mount)
    });
    (HostSpec { properties: [].into(), ..host.clone() }, disks.collect())
}

/// The links from each host to each other one; all implicit loopbacks are alike.
fn routes(spec: &PlatformSpec) -> Vec<Option<Vec<String>>> {
    let name = |link: &LinkSpec| if link.implicit { String::new() } else { link.name.clone() };
    let ids: Vec<_> = spec.hosts().map(|(id, _)| id).collect();
    let pairs = ids.iter().flat_map(|&from| ids.iter().map(move |&to| (from, to)));
    pairs
        .map(|(from, to)| {
            let route = spec.route(from, to).ok()?;
            Some(route.iter().map(|&link| name(spec.link(link))).collect())
        })
        .collect()
}

/// Writes a platform and reads it again. What is written then is the same text.
#[track_caller]
fn assert_same(spec: &PlatformSpec) -> String {
    let text = spec.to_simgrid_xml().unwrap_or_else(|error| panic!("{error}"));
    let again = read(&text);
    let hosts = |spec: &PlatformSpec| -> Vec<_> {
        spec.hosts().map(|(_, what)| host(spec, what)).collect()
    };
    assert_eq!(hosts(&again), hosts(spec), "{text}");
    assert_eq!(explicit(&again), explicit(spec), "{text}");
    assert_eq!(routes(&again), routes(spec), "{text}");
    let routers = |spec: &PlatformSpec| -> BTreeSet<String> {
        spec.routers().map(|(_, router)| router.name.clone()).collect()
    };
    assert_eq!(routers(&again), routers(spec), "{text}");
    assert_eq!(again.network_model(), spec.network_model(), "{text}");
    assert_eq!(again.warnings(), [], "{text}");
    assert_eq!(again.to_simgrid_xml().unwrap(), text);
    text
}

#[test]
fn files_are_the_same_again() {
    for text in [robust::CLUSTERS, robust::TEXT] {
        assert_same(&read(text));
    }
    // A profile of every kind, names with what XML escapes, links in an order of their own.
    let text = assert_same(&read(
        "<platform version='4.1'>
           <config><prop id='network/TCP-gamma' value='0'/>
             <prop id='network/crosstraffic' value='no'/>
             <prop id='network/loopback-lat' value='1us'/></config>
           <trace id='t' periodicity='60.5'>0.000000001 0.5
             7 1</trace>
           <trace id='u'>STOCHASTIC
             WEIB 0.8 100 DET 0
             UNIF 1 2  DET 1
             LOOPAFTER 3</trace>
           <zone id='w &amp; x' routing='Floyd'>
             <link id='z' bandwidth='0.1Bps' latency='100ns'/>
             <host id='a &quot;1&quot;' speed='0.3f'/><router id='r'/><host id='b' speed='1f'/>
             <link id='y' bandwidth='1e9Bps' sharing_policy='SPLITDUPLEX'/>
             <route src='a &quot;1&quot;' dst='r'><link_ctn id='y' direction='DOWN'/></route>
             <route src='r' dst='b' symmetrical='NO'><link_ctn id='y_UP'/><link_ctn id='z'/></route>
           </zone>
           <trace_connect kind='SPEED' trace='t' element='b'/>
           <trace_connect kind='BANDWIDTH' trace='t' element='y'/>
           <trace_connect kind='LINK_AVAIL' trace='u' element='y'/>
           <trace_connect kind='HOST_AVAIL' trace='u' element='b'/>
         </platform>",
    ));
    assert_eq!(text.matches("<trace id=").count(), 2, "equal ones are written once: {text}");
    assert!(text.contains("0.000000001 0.5\n") && text.contains("LOOPAFTER 3\n"), "{text}");
}

#[test]
fn what_a_file_cannot_say_is_told() {
    let text = "<platform version='4.1'><cluster id='c' prefix='n' suffix='' radical='0-2' \
                speed='1f' bw='1Bps' lat='0' limiter_link='1Bps'/></platform>";
    let mut spec = read(text);
    assert_same(&spec);
    let first = spec.host_id("n0").unwrap();
    spec.add_disk(first, "disk", "/", [1e9, 1e9], None).unwrap();
    let error = spec.to_simgrid_xml().unwrap_err().to_string();
    let expected =
        "writing as a SimGrid file hosts of cluster `c` that differ is not supported yet";
    assert_eq!(error, expected);
    // Without limiters each host may have what it has.
    let mut spec = read(&text.replace("limiter_link='1Bps'", ""));
    spec.add_disk(first, "disk", "/data", [1e9, 2e9], Some(7)).unwrap();
    assert_same(&spec);
}

#[derive(Clone, Debug)]
enum Piece {
    Host(u32, bool),
    Cluster(u32, [bool; 4]),
    Router,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = prop_oneof![
        (1_u32..9, any::<bool>()).prop_map(|(cores, disk)| Piece::Host(cores, disk)),
        (1_u32..4, any::<[bool; 4]>()).prop_map(|(hosts, with)| Piece::Cluster(hosts, with)),
        Just(Piece::Router),
    ];
    proptest::collection::vec(piece, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever a program builds: hosts and clusters of every kind beside each other, links of
    /// every kind, routes between some of them, of one way or of two.
    #[test]
    fn what_a_program_builds_is_the_same_again(
        pieces in pieces(),
        routing in prop_oneof![Just(Routing::Full), Just(Routing::Floyd), Just(Routing::Dijkstra)],
        links in proptest::collection::vec((1e-3_f64..1e12, 0.0_f64..1.0, 0_u8..4), 1..5),
        pairs in proptest::collection::vec(
            (0_usize..6, 0_usize..6, 0_usize..5, any::<bool>()),
            0..9,
        ),
        raw in any::<bool>(),
    ) {
        let mut builder = PlatformBuilder::new();
        builder.routing(routing);
        if raw {
            builder.network_model(NetworkModel { gamma: 1e6 / 3.0, ..NetworkModel::RAW });
        }
        let name = |index: usize| format!("p{index}");
        builder.host("first", 1e9 / 7.0);
        for (index, piece) in pieces.iter().enumerate() {
            match *piece {
                Piece::Host(cores, disk) => {
                    let host = builder.host(name(index), 1e9).cores(cores).memory(1 << cores);
                    if disk {
                        let profile = Profile::parse_state("PERIODICITY 9\n1 0\n2 1");
                        host.state_profile(profile.unwrap());
                        builder.disk(&name(index), "d & e", 1e9 / 3.0, 1e8).size(1 << 40);
                        builder.disk(&name(index), "f", 1e9, 1e8).mount("/f");
                    }
                }
                Piece::Router => _ = builder.router(name(index)),
                Piece::Cluster(hosts, [half, backbone, limiter, loopback]) => {
                    let mut cluster = builder.cluster(name(index), hosts, 1e9);
                    cluster = cluster.link(1e9, 1e-5 / 3.0);
                    if half {
                        cluster = cluster.half_duplex().memory(123).disk("c", 5.0, 6.0, 7);
                    }
                    if backbone {
                        cluster = cluster.backbone(4e9, 1e-6).property("a<b", "\"c\"\n");
                    }
                    if limiter {
                        cluster = cluster.limiter(2e9);
                    }
                    if loopback {
                        cluster.loopback(3e9, 0.0);
                    }
                }
            }
        }
        for (index, &(bandwidth, latency, kind)) in links.iter().enumerate() {
            let link = builder.link(format!("l{index}"), bandwidth, latency);
            match kind {
                0 => _ = link.split_duplex(),
                1 => _ = link.fatpipe(),
                2 => _ = link.latency_profile(Profile::parse("3 0.5\nLOOPAFTER 1").unwrap()),
                _ => {}
            }
        }
        for &(from, to, link, one_way) in &pairs {
            let end = |index: usize| match index < pieces.len() {
                true => name(index),
                false => "first".to_owned(),
            };
            let link = link % links.len();
            let via = match links[link].2 {
                0 => Via::up(format!("l{link}")),
                _ => Via::from(format!("l{link}")),
            };
            match one_way {
                true => _ = builder.one_way_route(&end(from), &end(to), [via]),
                false => _ = builder.route(&end(from), &end(to), [via]),
            }
        }
        // Routes that are there twice are refused, which is another matter.
        if let Ok(spec) = builder.build() {
            assert_same(&spec);
        }
    }
}
