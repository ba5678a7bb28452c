//! The builder: what it makes, and what it refuses.

use isotherm_platform::{PlatformBuilder, Profile, Via};

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
