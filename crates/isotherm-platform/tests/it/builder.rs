//! The builder: what it makes, and what it refuses.

use isotherm_platform::{PlatformBuilder, PlatformSpec, Profile, Via};

fn errors(describe: impl FnOnce(&mut PlatformBuilder)) -> Vec<String> {
    let mut builder = PlatformBuilder::new();
    describe(&mut builder);
    builder.build().unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_said_is_there() {
    let mut builder = PlatformBuilder::new();
    builder
        .host_with_pstates("a", [1e9, 5e8])
        .cores(4)
        .pstate(1)
        .memory(100)
        .property("rack", "7")
        .speed_profile(Profile::parse("0 1").unwrap());
    builder.disk("a", "d", 2.0, 3.0).size(9).mount("/scratch").property("kind", "ssd");
    builder.link("l", 5.0, 0.5).fatpipe();
    let spec = builder.build().unwrap();
    let host = spec.host(spec.host_id("a").unwrap());
    assert_eq!((host.speeds.as_slice(), host.pstate, host.cores), ([1e9, 5e8].as_slice(), 1, 4));
    assert_eq!((host.memory, host.properties["rack"].as_str()), (Some(100), "7"));
    assert!(host.speed_profile.is_some());
    let disk = spec.disk(host.disks[0]);
    assert_eq!(
        (disk.read_bandwidth, disk.write_bandwidth, disk.readwrite_bandwidth),
        (2.0, 3.0, 3.0)
    );
    assert_eq!(
        (disk.size, disk.mount.as_str(), disk.properties["kind"].as_str()),
        (9, "/scratch", "ssd")
    );
    let link = spec.link(spec.link_id("l").unwrap());
    assert_eq!((link.bandwidth, link.latency_s), (5.0, 0.5));
    assert_eq!(link.sharing, isotherm_platform::LinkSharing::Fatpipe);
    assert!(spec.warnings().is_empty());
}

#[test]
fn memory_may_be_a_property() {
    for (property, text, bytes) in
        [("ram", "16GB", 16_000_000_000), ("Memory", "1KiB", 1024), ("mem", "7", 7)]
    {
        let mut builder = PlatformBuilder::new();
        builder.host("a", 1.0).property(property, text);
        let spec = builder.build().unwrap();
        assert_eq!(spec.hosts().next().unwrap().1.memory, Some(bytes));
    }
    assert_eq!(
        errors(|builder| {
            builder.host("a", 1.0).property("ram", "1GB").property("mem", "1GB");
        }),
        ["host `a` gives its memory twice, by `mem` and by `ram`"]
    );
    assert_eq!(
        errors(|builder| {
            builder.host("a", 1.0).property("ram", "1GX");
        }),
        ["property `ram` of host `a`: `GX` in `1GX` is not a unit of size: did you mean `GB`?"]
    );
}

#[test]
fn names_are_unique() {
    assert_eq!(
        errors(|builder| {
            builder.host("a", 1.0);
            builder.host("a", 1.0);
            builder.disk("a", "d", 1.0, 1.0);
            builder.disk("a", "d", 1.0, 1.0).mount("/other");
            builder.disk("a", "e", 1.0, 1.0);
            builder.link("l", 1.0, 0.0);
            builder.link("l", 1.0, 0.0);
            builder.link("m", 1.0, 0.0).split_duplex();
            builder.link("m_UP", 1.0, 0.0);
        }),
        [
            "there are two of disk `d`",
            "there are two of mount point `/`",
            "there are two of host `a`",
            "there are two of link `l`",
            "there are two of link `m_UP`",
        ]
    );
}

#[test]
fn names_name_something() {
    assert_eq!(
        errors(|builder| {
            builder.host("head", 1.0);
            builder.disk("haed", "d", 1.0, 1.0).size(7);
            builder.link("lan", 1.0, 0.0);
            builder.route("head", "nowhere", ["lann"]);
        }),
        [
            "there is no host `haed`: did you mean `head`?",
            "there is no host, router or cluster `nowhere`",
            "there is no link `lann`: did you mean `lan`?",
        ]
    );
}

#[test]
fn values_are_in_range() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let found = errors(|builder| {
            builder.host("a", bad);
            builder.disk("a", "d", bad, bad).readwrite_bandwidth(bad);
            builder.link("l", bad, 0.0);
        });
        let value = if bad == 0.0 { "0".to_owned() } else { bad.to_string() };
        let expected = [
            "the speed of host `a`",
            "the read bandwidth of disk `d` on host `a`",
            "the write bandwidth of disk `d` on host `a`",
            "the read-write bandwidth of a disk",
            "the bandwidth of link `l`",
        ]
        .map(|what| format!("{what} is `{value}`, but it must be a positive, finite number"));
        assert_eq!(found, expected);
    }
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let found = errors(|builder| {
            builder.host("a", 1.0);
            builder.link("l", 1.0, bad);
        });
        let expected = format!(
            "the latency of link `l` is `{bad}`, but it must be a finite number, not negative"
        );
        assert_eq!(found, [expected]);
    }
    assert_eq!(
        errors(|builder| {
            builder.host("a", 1.0).cores(0).pstate(1);
            builder.host_with_pstates("b", []);
        }),
        [
            "the number of cores of host `a` is `0`, but a host has at least one core",
            "the processor state of host `a` is `1`, but it has 1 of them, counted from 0",
            "the speed of host `b` is ``, but a host has at least one speed",
        ]
    );
}

#[test]
fn routes_make_sense() {
    let two_hosts = |builder: &mut PlatformBuilder| {
        builder.host("a", 1.0);
        builder.host("b", 1.0);
        builder.link("l", 1.0, 0.0);
        builder.link("s", 1.0, 0.0).split_duplex();
    };
    assert_eq!(
        errors(|builder| {
            two_hosts(builder);
            builder.route("a", "b", Vec::<&str>::new());
            builder.route("a", "b", ["s"]);
            builder.route("a", "b", [Via::up("l")]);
        }),
        [
            "the route from `a` to `b` has no link",
            "split-duplex link `s` needs a direction: add `direction=\"UP\"` or `direction=\"DOWN\"`",
            "link `l` has no direction: only a link with `sharing_policy=\"SPLITDUPLEX\"` has directions",
        ]
    );
    for second in [("a", "b"), ("b", "a")] {
        assert_eq!(
            errors(|builder| {
                two_hosts(builder);
                builder.route("a", "b", ["l"]);
                builder.one_way_route(second.0, second.1, ["l"]);
            }),
            [format!(
                "there are two routes from `{}` to `{}`: routes are symmetrical unless they say `symmetrical=\"NO\"`",
                second.0, second.1
            )]
        );
    }
}

#[test]
fn a_platform_has_a_host() {
    assert_eq!(errors(|_| {}), ["the platform has no host"]);
}

/// Two zones, one in the other, joined by the router of the inner one.
const NESTED: &str = r#"<platform version="4.1">
  <zone id="site" routing="Full">
    <zone id="front" routing="Full">
      <host id="user" speed="1Gf"><disk id="d" read_bw="1" write_bw="1"/></host>
      <router id="door"/>
      <link id="inner" bandwidth="1GBps" latency="1ms"/>
      <route src="user" dst="door"><link_ctn id="inner"/></route>
    </zone>
    <cluster id="rack" prefix="n" suffix="" radical="0-1" speed="1Gf" bw="1GBps" lat="1ms"/>
    <link id="outer" bandwidth="1GBps" latency="1ms"/>
    <zoneRoute src="front" dst="rack" gw_src="door" gw_dst="nrack_router"><link_ctn id="outer"/></zoneRoute>
  </zone>
</platform>"#;

fn route(spec: &PlatformSpec, from: &str, to: &str) -> Vec<String> {
    let links = spec.route(spec.host_id(from).unwrap(), spec.host_id(to).unwrap()).unwrap();
    links.iter().map(|&link| spec.link(link).name.clone()).collect()
}

#[test]
fn a_platform_that_was_read_and_not_changed_is_the_same() {
    let single = r#"<platform version="4.1"><cluster id="c" prefix="" suffix="" radical="0-2"
        speed="1Gf" bw="1GBps" lat="1ms"/></platform>"#;
    for text in [NESTED, single] {
        let read = PlatformSpec::from_simgrid_xml(text).unwrap();
        let built = PlatformBuilder::from_simgrid_xml(text).unwrap().build().unwrap();
        let hosts = |spec: &PlatformSpec| format!("{:?}", spec.hosts().collect::<Vec<_>>());
        let links = |spec: &PlatformSpec| format!("{:?}", spec.links().collect::<Vec<_>>());
        assert_eq!((hosts(&built), links(&built)), (hosts(&read), links(&read)));
        for (from, _) in read.hosts() {
            for (to, _) in read.hosts() {
                assert_eq!(built.route(from, to), read.route(from, to));
            }
        }
    }
}

#[test]
fn a_platform_that_was_read_is_added_to() {
    let mut builder = PlatformBuilder::from_simgrid_xml(NESTED).unwrap();
    builder.host("store", 1e9);
    builder.disk("n1", "ssd", 2.0, 3.0).mount("/ssd");
    builder.disk("user", "e", 2.0, 3.0).mount("/e");
    builder.cluster("gpu", 2, 1e9).link(1e9, 1e-3);
    builder.link("wire", 1e9, 1e-3);
    builder.gateway("front", "door").route("store", "front", ["wire"]);
    builder.route("store", "gpu", ["wire"]);
    let spec = builder.build().unwrap();
    let names: Vec<&str> = spec.hosts().map(|(_, host)| host.name.as_str()).collect();
    assert_eq!(names, ["user", "n0", "n1", "store", "gpu-0", "gpu-1"]);
    let disks = |host| spec.host(spec.host_id(host).unwrap()).disks.len();
    assert_eq!(["user", "n0", "n1"].map(disks), [2, 0, 1]);
    // The routes of the file are as before, whatever the gateway of those that were added.
    assert_eq!(route(&spec, "user", "n1"), ["inner", "outer", "rack_link_1_DOWN"]);
    assert_eq!(route(&spec, "store", "user"), ["wire", "inner"]);
    assert_eq!(route(&spec, "gpu-0", "store"), ["gpu_link_0_UP", "wire"]);
}

#[test]
fn what_is_added_stands_beside_a_single_cluster() {
    let text = r#"<platform version="4.1"><cluster id="c" prefix="n" suffix="" radical="0-2"
        speed="1Gf" bw="1GBps" lat="1ms"/></platform>"#;
    let mut builder = PlatformBuilder::from_simgrid_xml(text).unwrap();
    builder.host("head", 1e9);
    builder.link("up", 1e9, 1e-3);
    builder.route("c", "head", ["up"]);
    let spec = builder.build().unwrap();
    assert_eq!(route(&spec, "n2", "head"), ["c_link_2_UP", "up"]);
    assert_eq!(route(&spec, "n2", "n0"), ["c_link_2_UP", "c_link_0_DOWN"]);
}

#[test]
fn what_is_wrong_in_a_text_has_its_place_and_what_is_added_has_none() {
    let wrong = NESTED.replace("dst=\"door\"", "dst=\"dor\"");
    let errors = PlatformBuilder::from_simgrid_xml(&wrong).err().unwrap();
    assert_eq!(errors, PlatformSpec::from_simgrid_xml(&wrong).unwrap_err());
    assert_eq!(errors[0].position().unwrap().line, 7);

    let mut builder = PlatformBuilder::from_simgrid_xml(NESTED).unwrap();
    builder.host("n0", 1e9);
    builder.link("w", 1.0, 0.0);
    builder.route("n0", "front", ["w"]);
    builder.gateway("frond", "door").gateway("front", "n1").gateway("front", "dor");
    let errors = builder.build().unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "there is no zone `frond`: did you mean `front`?",
            "host `n1` is not in zone `front`",
            "there is no host or router `dor`: did you mean `door`?",
            "there are two of host `n0`",
            "host `n0` is not in zone `site`",
            "`zoneRoute` needs the attribute `gw_dst`: `PlatformBuilder::gateway` gives a zone its gateway",
        ]
    );
    assert!(errors.iter().all(|error| error.position().is_none()));
}
