//! Reading SimGrid platform files: what is understood, and every way in which a file may be wrong,
//! with place and hint.

use isotherm_kernel::Simulation;
use isotherm_platform::{LinkSharing, NetworkModel, Platform, PlatformSpec};

fn read(text: &str) -> PlatformSpec {
    PlatformSpec::from_simgrid_xml(text).unwrap()
}

/// Line, column, message and hint of every error of a text.
fn errors(text: &str) -> Vec<(u32, u32, String, Option<String>)> {
    let errors = PlatformSpec::from_simgrid_xml(text).map(|_| ()).unwrap_err();
    errors
        .into_iter()
        .map(|error| {
            let place = error.position().expect("an error of a text has a place");
            (place.line, place.column, error.problem().to_string(), error.hint().map(str::to_owned))
        })
        .collect()
}

#[track_caller]
fn assert_errors(text: &str, expected: &[(u32, u32, &str, Option<&str>)]) {
    let found = errors(text);
    let found: Vec<_> = found
        .iter()
        .map(|(line, column, what, hint)| (*line, *column, what.as_str(), hint.as_deref()))
        .collect();
    assert_eq!(found, expected);
}

/// A text with one zone; its content begins on line 3.
fn zone(content: &str) -> String {
    format!(
        "<platform version=\"4.1\">\n<zone id=\"w\" routing=\"Full\">\n{content}\n</zone>\n</platform>"
    )
}

#[track_caller]
fn assert_zone_errors(content: &str, expected: &[(u32, u32, &str, Option<&str>)]) {
    assert_errors(&zone(content), expected);
}

#[test]
fn everything_is_read() {
    let spec = read(
        r#"<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<!-- a comment -->
<platform version="4.1">
  <zone id="world" routing="FULL">
    <prop id="author" value="somebody"/>
    <host id="a" speed="100Mf,50Mf,20Mf" core="4" pstate="1" coordinates="1 2 3">
      <prop id="ram" value="16GB"/>
      <disk id="d" read_bw="100MBps" write_bw="40MBps"><prop id="size" value="500GiB"/><prop id="mount" value="/scratch"/></disk>
      <disk id="e" read_bw="1Bps" write_bw="1Bps"/>
    </host>
    <host id="b" speed="98.095Mf"/>
    <link id="plain" bandwidth="125MBps" latency="50us"/>
    <link id="fat" bandwidth="1Gbps" sharing_policy="FATPIPE"><prop id="color" value="red"/></link>
    <link id="split" bandwidth="1GBps" latency="1ms" sharing_policy="SPLITDUPLEX"/>
    <route src="a" dst="b" symmetrical="no"><link_ctn id="plain"/><link_ctn id="split" direction="UP"/></route>
    <route src="b" dst="a" symmetrical="NO"><link_ctn id="split_DOWN" direction="NONE"/></route>
  </zone>
</platform>"#,
    );
    assert!(spec.warnings().is_empty(), "{:?}", spec.warnings());
    let a = spec.host(spec.host_id("a").unwrap());
    assert_eq!(a.speeds, [1e8, 5e7, 2e7]);
    assert_eq!((a.pstate, a.cores, a.memory), (1, 4, Some(16_000_000_000)));
    let disks: Vec<_> = a.disks.iter().map(|&disk| spec.disk(disk)).collect();
    assert_eq!(
        (disks[0].read_bandwidth, disks[0].write_bandwidth, disks[0].readwrite_bandwidth),
        (1e8, 4e7, 1e8)
    );
    assert_eq!((disks[0].size, disks[0].mount.as_str()), (500 << 30, "/scratch"));
    assert_eq!((disks[1].size, disks[1].mount.as_str()), (i64::MAX as u64, "/"));
    let link = |name| spec.link(spec.link_id(name).unwrap());
    assert_eq!((link("plain").bandwidth, link("plain").latency_s), (125e6, 50e-6));
    assert_eq!((link("fat").bandwidth, link("fat").sharing), (125e6, LinkSharing::Fatpipe));
    assert_eq!(link("split_UP").opposite, spec.link_id("split_DOWN"));
    assert_eq!(link("split_DOWN").latency_s, 1e-3);
    assert_eq!(spec.link_id("split"), None);
    let host = |name| spec.host_id(name).unwrap();
    let names = |from, to| {
        let links = spec.route(host(from), host(to)).unwrap();
        links.iter().map(|&link| spec.link(link).name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names("a", "b"), ["plain", "split_UP"]);
    assert_eq!(names("b", "a"), ["split_DOWN"]);
    assert_eq!(spec.network_model(), &NetworkModel::LV08);
}

/// The platform files of the conformance scenarios: all hosts have disks, and all that talk have
/// routes.
#[test]
fn real_files_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/platforms");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let spec = PlatformSpec::from_simgrid_xml(&text)
            .unwrap_or_else(|errors| panic!("{path:?}: {errors:?}"));
        assert!(spec.warnings().is_empty(), "{path:?}: {:?}", spec.warnings());
        let platform = Platform::new(&Simulation::new().kernel(), spec).unwrap();
        let (user, head) = (platform.host("user").unwrap(), platform.host("head").unwrap());
        for host in platform.hosts() {
            assert!(platform.disk_at(host, "/").is_some(), "{path:?}");
            assert!(platform.route(user, host).is_ok(), "{path:?}");
            assert!(platform.route(host, head).is_ok(), "{path:?}");
        }
        count += 1;
    }
    assert_eq!(count, 13);
    // Spot checks of one of them against its text.
    let spec = read(&std::fs::read_to_string(format!("{folder}/timing.xml")).unwrap());
    let node = spec.host(spec.host_id("node1").unwrap());
    assert_eq!((node.speeds[0], node.cores, node.memory), (50e9, 10, Some(64_000_000_000)));
    assert_eq!(spec.disk(node.disks[0]).size, 200_000_000_000);
    let route = spec.route(spec.host_id("user").unwrap(), spec.host_id("node1").unwrap()).unwrap();
    assert_eq!(route.len(), 2);
    assert_eq!(route[0], route[1]);
}

#[test]
fn what_is_no_xml_is_refused() {
    for text in
        ["", "speed", "<platform", "<platform></zone>", "<platform/><platform/>", "\u{feff}<"]
    {
        assert_eq!(errors(text).len(), 1, "{text}");
    }
    // A file that was cut off says where it ends, wherever that is.
    let whole = zone("<host id='a' speed='1f'/>");
    let cut = |end: &str| &whole[..whole.find(end).unwrap()];
    for (text, line, column) in
        [(cut("</zone"), 3, 26), (cut("speed"), 3, 13), (cut("</platform>"), 4, 8)]
    {
        let error = PlatformSpec::from_simgrid_xml(text).unwrap_err().remove(0);
        assert_eq!(
            error.to_string(),
            format!(
                "line {line}, column {column}: not well-formed XML: the text ends before its elements do: is the file complete?"
            )
        );
    }
    let found = errors("<platform version=\"4.1\">\n  <zone id=\"w\"></zoen>\n</platform>");
    assert_eq!((found[0].0, found[0].1), (2, 16));
    assert!(found[0].2.starts_with("not well-formed XML: "), "{}", found[0].2);
    assert_errors(
        "<config/>",
        &[(
            1,
            1,
            "unknown element `config` inside `the text`",
            Some("a SimGrid platform file begins with `<platform version=\"4.1\">`"),
        )],
    );
    assert_errors(
        "<platform version=\"3\"/>",
        &[(
            1,
            20,
            "version 3 of the platform format is not supported yet",
            Some("`simgrid_update_xml` brings old files to version 4.1"),
        )],
    );
}

#[test]
fn unknown_words_are_refused_with_the_nearest_one() {
    assert_zone_errors(
        "<host id='a' speed='1f'/>\n<hots id='b' speed='1f'/>",
        &[(4, 1, "unknown element `hots` inside `zone`", Some("did you mean `host`?"))],
    );
    assert_zone_errors(
        "<host id='a' speed='1f' cores='4'/>",
        &[(3, 25, "unknown attribute `cores` of `host`", Some("did you mean `core`?"))],
    );
    let hint = "a `state_file` with the line `0 0` has it off from the beginning on";
    assert_zone_errors(
        "<host id='a' speed='1f' state='OFF'/>",
        &[(3, 25, "unknown attribute `state` of `host`", Some(hint))],
    );
    assert_zone_errors(
        "<host id='a' speed='1f'><disk id='d' read='1Bps' write_bw='1Bps'/></host>",
        &[
            (3, 25, "`disk` needs the attribute `read_bw`", None),
            (3, 38, "unknown attribute `read` of `disk`", None),
        ],
    );
    assert_zone_errors(
        "<host id='a' speed='1f'/><link id='l' bandwidth='1Bps' sharing_policy='SHRED'/>",
        &[(
            3,
            72,
            "the sharing policy is `SHRED`, but it must be one of `SHARED`, `FATPIPE`, `SPLITDUPLEX`",
            Some("did you mean `SHARED`?"),
        )],
    );
    assert_errors(
        "<platform version='4.1'><zone id='w' routing='Ful'/></platform>",
        &[(
            1,
            47,
            "the routing is `Ful`, but it must be one of `Full`, `Floyd`, `Dijkstra`, `DijkstraCache`, `Cluster`, `None`",
            Some("did you mean `Full`?"),
        )],
    );
    assert_zone_errors(
        "words<host id='a' speed='1f'/>",
        &[(3, 1, "unexpected text inside `zone`", None)],
    );
}

#[test]
fn what_simgrid_knows_and_isotherm_does_not_is_named() {
    for routing in ["ClusterFatTree", "ClusterDragonfly", "ClusterTorus", "Vivaldi", "Wifi"] {
        assert_errors(
            &format!(
                "<platform version='4.1'>\n<zone id='w' routing='{routing}'><peer/></zone></platform>"
            ),
            &[(
                2,
                23,
                &format!("`{routing}` routing is not supported yet"),
                Some("with `Full` routing every route is declared"),
            )],
        );
    }
    for (element, hint) in [
        (
            "peer",
            "only zones with `Vivaldi` routing have peers; a `host` with a `link` and a `route` says the same",
        ),
        ("include", "put the content of that file in its place"),
        ("storage", "a `disk` in a `host` is what it was replaced by"),
    ] {
        assert_zone_errors(
            &format!("<host id='a' speed='1f'/>\n  <{element} id='x'/>"),
            &[(4, 3, &format!("element `{element}` is not supported yet"), Some(hint))],
        );
    }
    for topology in ["TORUS", "DRAGONFLY"] {
        assert_zone_errors(
            &format!("<cluster id='c' topology='{topology}'/>"),
            &[(
                3,
                27,
                &format!("cluster topology `{topology}` is not supported yet"),
                Some("a cluster without `topology` is flat: every host has a link to the middle"),
            )],
        );
    }
    assert_zone_errors(
        "<link id='l' bandwidth='1Bps' sharing_policy='WIFI'/>",
        &[(3, 47, "sharing policy `WIFI` is not supported yet", None)],
    );
}

#[test]
fn attributes_that_are_needed_are_named() {
    assert_zone_errors(
        "<host/>\n<link/>\n<route><link_ctn/></route>\n<router/>\n<host id='' speed='1f'/>",
        &[
            (3, 1, "`host` needs the attribute `id`", None),
            (3, 1, "`host` needs the attribute `speed`", None),
            (4, 1, "`link` needs the attribute `id`", None),
            (4, 1, "`link` needs the attribute `bandwidth`", None),
            (5, 1, "`route` needs the attribute `src`", None),
            (5, 1, "`route` needs the attribute `dst`", None),
            (5, 8, "`link_ctn` needs the attribute `id`", None),
            (6, 1, "`router` needs the attribute `id`", None),
            (7, 11, "attribute `id` of `host` is ``, but it must not be empty", None),
        ],
    );
    assert_errors(
        "<platform version='4.1'><zone/></platform>",
        &[
            (1, 25, "`zone` needs the attribute `id`", None),
            (1, 25, "`zone` needs the attribute `routing`", None),
        ],
    );
}

#[test]
fn quantities_are_checked() {
    assert_zone_errors(
        "<host id='a' speed='fast'/>\n<host id='b' speed='1Bps'/>\n<host id='c' speed='0f'/>\n<host id='d' speed='1f,-2f'/>",
        &[
            (3, 21, "attribute `speed` of `host`: `fast` is not a number with a unit", None),
            (4, 21, "attribute `speed` of `host`: `Bps` in `1Bps` is not a unit of speed", None),
            (
                5,
                21,
                "attribute `speed` of `host` is `0`, but it must be a positive, finite number",
                None,
            ),
            (6, 21, "attribute `speed` of `host`: `-2f` is negative", None),
        ],
    );
    assert_zone_errors(
        "<link id='l' bandwidth='10KBps' latency='5min'/>\n<host id='a' speed='1f' core='0'/>\n<host id='b' speed='1f' pstate='2'/>",
        &[
            (
                3,
                25,
                "attribute `bandwidth` of `link`: `KBps` in `10KBps` is not a unit of bandwidth",
                Some("did you mean `kBps`?"),
            ),
            (3, 42, "attribute `latency` of `link`: `min` in `5min` is not a unit of time", None),
            (
                4,
                31,
                "attribute `core` of `host` is `0`, but it must be a whole number, at least 1",
                None,
            ),
            (5, 33, "the processor state is `2`, but the host has 1 of them, counted from 0", None),
        ],
    );
    assert_zone_errors(
        "<host id='a' speed='1f'>\n<prop id='ram' value='1Gb'/><prop id='ram' value='2GB'/>\n<disk id='d' read_bw='1Bps' write_bw='1Bps'><prop id='size' value='much'/></disk></host>",
        &[
            (
                3,
                11,
                "property `ram` of host `a`: `Gb` in `1Gb` is not a unit of size",
                Some("did you mean `GB`?"),
            ),
            (4, 39, "there are two of property `ram`", None),
            (5, 11, "property `size` of disk `d`: `much` is not a number with a unit", None),
        ],
    );
}

/// A number without a unit is taken as flop/s, bytes per second or seconds, with a warning unless
/// it is zero.
#[test]
fn a_missing_unit_is_a_warning() {
    let spec = read(&zone("<host id='a' speed='7'/>\n<link id='l' bandwidth='8' latency='0'/>"));
    assert_eq!(spec.hosts().next().unwrap().1.speeds, [7.0]);
    let warnings: Vec<String> = spec.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 3, column 21: attribute `speed` of `host` is `7`, without a unit: taken as f: write `7f`",
            "line 4, column 25: attribute `bandwidth` of `link` is `8`, without a unit: taken as Bps: write `8Bps`",
        ]
    );
}

#[test]
fn names_are_unique_and_name_something() {
    assert_zone_errors(
        "<host id='a' speed='1f'/>\n<host id='a' speed='1f'/>\n<router id='w'/>\n<link id='l' bandwidth='1Bps'/>\n<link id='l' bandwidth='1Bps'/>",
        &[
            (4, 11, "there are two of host `a`", None),
            (5, 13, "there are two of router `w`", None),
            (7, 11, "there are two of link `l`", None),
        ],
    );
    assert_zone_errors(
        "<host id='head' speed='1f'/>\n<link id='wan' bandwidth='1Bps'/>\n<route src='haed' dst='w'><link_ctn id='wann'/></route>",
        &[
            (5, 13, "there is no host or router `haed`", Some("did you mean `head`?")),
            (5, 24, "there is no host or router `w`", None),
            (5, 41, "there is no link `wann`", Some("did you mean `wan`?")),
        ],
    );
}

#[test]
fn routes_are_checked() {
    let hosts = "<host id='a' speed='1f'/><host id='b' speed='1f'/>\n<link id='l' bandwidth='1Bps'/>\n<link id='s' bandwidth='1Bps' sharing_policy='SPLITDUPLEX'/>\n";
    assert_zone_errors(
        &format!(
            "{hosts}<route src='a' dst='b'/>\n<route src='a' dst='b'><link_ctn id='s'/></route>\n<route src='a' dst='b'><link_ctn id='l' direction='UP'/></route>"
        ),
        &[
            (6, 1, "the route from `a` to `b` has no link", None),
            (
                7,
                38,
                "split-duplex link `s` needs a direction",
                Some("add `direction=\"UP\"` or `direction=\"DOWN\"`"),
            ),
            (
                8,
                38,
                "link `l` has no direction",
                Some("only a link with `sharing_policy=\"SPLITDUPLEX\"` has directions"),
            ),
        ],
    );
    let again = Some("routes are symmetrical unless they say `symmetrical=\"NO\"`");
    assert_zone_errors(
        &format!(
            "{hosts}<route src='a' dst='b'><link_ctn id='l'/></route>\n  <route src='b' dst='a'><link_ctn id='l'/></route>"
        ),
        &[(7, 3, "there are two routes from `b` to `a`", again)],
    );
    assert_zone_errors(
        &format!(
            "{hosts}<route src='a' dst='b' symmetrical='maybe'><link_ctn id='l' direction='SIDEWAYS'/></route>"
        ),
        &[
            (
                6,
                37,
                "`symmetrical` is `maybe`, but it must be one of `YES`, `NO`, `true`, `false`",
                None,
            ),
            (
                6,
                72,
                "the direction is `SIDEWAYS`, but it must be one of `NONE`, `UP`, `DOWN`",
                None,
            ),
        ],
    );
}

#[test]
fn zones_are_checked() {
    assert_errors(
        "<platform version='4.1'><zone id='w' routing='Full'>\n<host id='a' speed='1f'/>\n<zone id='i' routing='Full'><host id='b' speed='1f'/></zone></zone></platform>",
        &[(2, 11, "zone `w` holds both hosts and zones", None)],
    );
    let text = "<platform version='4.1'><zone id='w' routing='Full'>
<zone id='i' routing='Full'><host id='a' speed='1f'/><host id='b' speed='1f'/></zone>
<zone id='j' routing='Full'><host id='c' speed='1f'/><link id='l' bandwidth='1Bps'/>
<route src='a' dst='c'><link_ctn id='l'/></route></zone>
<zoneRoute src='i' dst='j' gw_src='c' gw_dst='c'><link_ctn id='l'/></zoneRoute>
<zoneRoute src='i' dst='jj' gw_src='a' gw_dst='c'><link_ctn id='l'/></zoneRoute></zone></platform>";
    assert_errors(
        text,
        &[
            (4, 13, "host `a` is not in zone `j`", None),
            (5, 36, "host `c` is not in zone `i`", None),
            (6, 25, "there is no zone `jj`", Some("did you mean `j`?")),
        ],
    );
    // A file without a host describes nothing; the error concerns the whole text.
    let error = &PlatformSpec::from_simgrid_xml("<platform version='4.1'/>").unwrap_err()[0];
    assert_eq!(error.to_string(), "the platform has no host");
}

#[test]
fn options_are_followed_or_told() {
    let with = |options: &str| {
        format!(
            "<platform version='4.1'>\n<config>{options}</config>\n<zone id='w' routing='Full'><host id='a' speed='1f'/></zone></platform>"
        )
    };
    let spec = read(&with(
        "<prop id='network/model' value='LV08'/><prop id='network/crosstraffic' value='no'/>
         <prop id='network/TCP-gamma' value='0'/><prop id='network/latency-factor' value='1.5'/>
         <prop id='network/bandwidth-factor' value='0.9'/><prop id='network/weight-S' value='7'/>
         <prop id='precision/timing' value='1e-9'/><prop id='tracing/filename' value='x'/>",
    ));
    assert!(spec.warnings().is_empty(), "{:?}", spec.warnings());
    let expected = NetworkModel {
        cross_traffic: 0.0,
        gamma: 0.0,
        latency_factor: 1.5,
        bandwidth_factor: 0.9,
        weight_s: 7.0,
        ..NetworkModel::LV08
    };
    assert_eq!(spec.network_model(), &expected);

    let spec = read(&with(
        "<prop id='network/crostraffic' value='no'/><prop id='precision/timing' value='1e-6'/>",
    ));
    let warnings: Vec<String> = spec.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "line 2, column 19: option `network/crostraffic` is ignored: did you mean `network/crosstraffic`?",
            "line 2, column 62: option `precision/timing` is ignored: the value is always 1e-9",
        ]
    );
    assert_errors(
        &with("<prop id='network/model' value='CM02'/>"),
        &[(
            2,
            41,
            "the value `CM02` of option `network/model` is not supported yet",
            Some("the model is `LV08`"),
        )],
    );
    assert_errors(
        &with(
            "<prop id='network/bandwidth-factor' value='0'/><prop id='network/TCP-gamma' value='big'/>",
        ),
        &[
            (2, 52, "option `network/bandwidth-factor` is `0`, but it must be positive", None),
            (2, 92, "option `network/TCP-gamma`: `big` is not a number with a unit", None),
        ],
    );
}

#[test]
fn profile_files_are_asked_of_the_caller() {
    let text = zone(
        "<host id='a' speed='1f' speed_file='speed.txt' state_file='state.txt'/>\n<link id='l' bandwidth='1Bps' bandwidth_file='bw.txt' latency_file='none.txt'/>",
    );
    let asked = std::cell::RefCell::new(Vec::new());
    let mut files = |name: &str| {
        asked.borrow_mut().push(name.to_owned());
        match name {
            "speed.txt" => Ok("0 0.5\n".to_owned()),
            "state.txt" => Ok("PERIODICITY 5\n1 0\n2 1\n".to_owned()),
            "bw.txt" => Ok("0 100\nnever 7\n".to_owned()),
            _ => Err("no such file".to_owned()),
        }
    };
    let errors = PlatformSpec::from_simgrid_xml_with(&text, &mut files).unwrap_err();
    assert_eq!(asked.take(), ["speed.txt", "state.txt", "bw.txt", "none.txt"]);
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "line 4, column 47: profile `bw.txt`: line 2: `never 7` is not a date and a value",
            "line 4, column 69: profile `none.txt` cannot be had: no such file",
        ]
    );
    let good = text.replace(" bandwidth_file='bw.txt' latency_file='none.txt'", "");
    let spec = PlatformSpec::from_simgrid_xml_with(&good, &mut files).unwrap();
    let host = spec.hosts().next().unwrap().1;
    assert_eq!(host.speed_profile.as_ref().unwrap().events().len(), 1);
    assert!(host.state_profile.as_ref().unwrap().period().is_some());
    assert_errors(
        &good,
        &[
            (
                3,
                37,
                "profile `speed.txt` cannot be had: no profile files were given along with the platform",
                None,
            ),
            (
                3,
                60,
                "profile `state.txt` cannot be had: no profile files were given along with the platform",
                None,
            ),
        ],
    );
}

/// Columns count characters, not bytes.
#[test]
fn places_count_characters() {
    assert_zone_errors(
        "<host id='ää' speed='1f'/><host id='ää' speed='1f'/>",
        &[(3, 37, "there are two of host `ää`", None)],
    );
}

/// Texts made to do harm: entities that multiply, and elements nested without end.
#[test]
fn hostile_texts_are_refused() {
    let laughs = "<!-- <!ENTITY is harmless here -->\n<!DOCTYPE platform [\n <!ENTITY a 'ha'>\n <!ENTITY b '&a;&a;&a;&a;'>\n]><platform>&b;</platform>";
    assert_errors(laughs, &[(3, 2, "declaring entities is not supported yet", None)]);
    let harmless = zone("<!-- <!ENTITY --><host id='a' speed='1f'/>");
    assert!(PlatformSpec::from_simgrid_xml(&harmless).is_ok());

    let deep = |levels: usize| {
        let open = |level| format!("<zone id='z{level}' routing='Full'>");
        let zones: String = (0..levels).map(open).collect();
        let ends = "</zone>".repeat(levels);
        format!("<platform version='4.1'>{zones}<host id='a' speed='1f'/>{ends}</platform>")
    };
    assert!(PlatformSpec::from_simgrid_xml(&deep(64)).is_ok());
    let found = errors(&deep(100_000));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].2, "zones are nested too deep (limit 64)");

    let unknown = format!(
        "<platform version='4.1'>{}{}</platform>",
        "<x>".repeat(100_000),
        "</x>".repeat(100_000)
    );
    assert_eq!(errors(&unknown).len(), 1);
}

/// Profiles in the text itself, and what follows them: the hosts of a cluster too, wherever they
/// are declared.
#[test]
fn traces_are_followed() {
    let text = "<platform version='4'>
<trace id='slow' periodicity='1.5'>
0.0 1.0
1.0 0.5
</trace>
<trace id='off' periodicity='-1'>1 0</trace>
<trace id='file' file='bw.txt' periodicity='10'/>
<zone id='w' routing='Full'><cluster id='c' prefix='n' suffix='' radical='0-1' speed='1f' bw='1Bps' lat='0'/>
<zone id='i' routing='None'><host id='a' speed='1f'/><link id='l' bandwidth='1Bps' sharing_policy='SPLITDUPLEX'/></zone></zone>
<trace_connect kind='SPEED' trace='slow' element='a'/>
<trace_connect trace='off' element='n1'/>
<trace_connect kind='LINK_AVAIL' trace='off' element='l'/>
<trace_connect kind='BANDWIDTH' trace='file' element='l'/>
<trace_connect kind='LATENCY' trace='file' element='c_link_0'/>
</platform>";
    let mut files =
        |name: &str| if name == "bw.txt" { Ok("0 7\n".to_owned()) } else { Err("no".to_owned()) };
    let spec = PlatformSpec::from_simgrid_xml_with(text, &mut files).unwrap();
    let host = |name| spec.host(spec.host_id(name).unwrap());
    let speed = host("a").speed_profile.as_ref().unwrap();
    let dates: Vec<_> =
        speed.occurrences().take(4).map(|(date, value)| (date.as_secs_f64(), value)).collect();
    assert_eq!(dates, [(0.0, 1.0), (1.0, 0.5), (1.5, 1.0), (2.5, 0.5)]);
    assert_eq!(host("n1").state_profile.as_ref().unwrap().occurrences().count(), 1);
    assert!(host("n0").state_profile.is_none());
    for half in ["l_UP", "l_DOWN"] {
        let link = spec.link(spec.link_id(half).unwrap());
        assert!(link.state_profile.is_some() && link.latency_profile.is_none());
        assert!(link.bandwidth_profile.as_ref().unwrap().period().is_some());
    }
    assert!(spec.link(spec.link_id("c_link_0_UP").unwrap()).latency_profile.is_some());

    assert_errors(
        "<platform version='4.1'>
<trace id='a' periodicity='often'>0 1</trace><trace id='a'>1 1</trace>
<trace id='b'>never 1</trace><trace id='c' periodicity='1'>0 1
2 1</trace>
<zone id='w' routing='Full'><host id='h' speed='1f'/>
<trace_connect trace='a' element='g'/><trace_connect trace='x' element='h'/>
<trace_connect kind='POWER' trace='a' element='h'/><trace_connect kind='SPEED' trace='a' element='h'/>
<trace_connect kind='SPEED' trace='a' element='h'/></zone></platform>",
        &[
            (2, 28, "attribute `periodicity` of `trace` is `often`, but it must be a number of seconds", None),
            (2, 57, "there are two of trace `a`", None),
            (3, 12, "profile `b`: line 1: `never 1` is not a date and a value", None),
            (3, 41, "profile `c`: the period must be longer than the date of the last event", None),
            (6, 35, "there is no host `g`", None),
            (6, 61, "there is no trace `x`", None),
            (
                7,
                22,
                "the kind of a connection is `POWER`, but it must be one of `HOST_AVAIL`, `SPEED`, `LINK_AVAIL`, `BANDWIDTH`, `LATENCY`",
                None,
            ),
            (8, 48, "there are two of profile `h`", Some("it follows another one already")),
        ],
    );
}

/// SimGrid turns a host or link on for a state above 0 and off for any other, -1 included. Speeds,
/// bandwidths and latencies are never negative.
#[test]
fn states_of_minus_one_are_off() {
    let text = "<platform version='4.1'><trace id='t'>0 -1.0
1 1.0
2 0.5
3 0</trace>
<zone id='w' routing='None'><host id='a' speed='1f' state_file='s'/><host id='b' speed='1f'/>
<link id='l' bandwidth='1Bps' state_file='s'/></zone>
<trace_connect kind='HOST_AVAIL' trace='t' element='b'/></platform>";
    let mut files = |_: &str| Ok("0 -1.0\n1 1.0\n2 0.5\n3 0\n".to_owned());
    let spec = PlatformSpec::from_simgrid_xml_with(text, &mut files).unwrap();
    let host = |name| spec.host(spec.host_id(name).unwrap()).state_profile.as_ref();
    let link = spec.link(spec.link_id("l").unwrap()).state_profile.as_ref();
    for profile in [host("a"), host("b"), link] {
        let states: Vec<f64> = profile.unwrap().events().iter().map(|event| event.1).collect();
        assert_eq!(states, [0.0, 1.0, 1.0, 0.0]);
    }
    assert_errors(
        "<platform version='4.1'><trace id='t'>0 -1.0</trace>
<zone id='w' routing='None'><host id='a' speed='1f'/></zone>
<trace_connect kind='SPEED' trace='t' element='a'/></platform>",
        &[(3, 36, "profile `t`: line 1: `0 -1.0` is out of range", None)],
    );
}

/// `remote_disk` mounts a disk of another host, wherever in the file that is.
#[test]
fn disks_of_other_hosts_are_mounted() {
    let disk =
        "<disk id='nas' read_bw='1Bps' write_bw='1Bps'><prop id='mount' value='/export'/></disk>";
    let spec = read(&zone(&format!(
        "<host id='a' speed='1f'><prop id='remote_disk' value='/scratch:nas:server'/></host>
<host id='server' speed='1f'>{disk}</host>"
    )));
    let [a, server] = ["a", "server"].map(|name| spec.host_id(name).unwrap());
    let nas = spec.disk_at(server, "/export").unwrap();
    assert_eq!(spec.disk_at(a, "/scratch"), Some(nas));
    assert_eq!((spec.disk(nas).host, spec.disk_at(a, "/export")), (server, None));
    assert!(spec.host(a).disks.is_empty());
    assert_eq!(spec.mounts(a).collect::<Vec<_>>(), ["/scratch"]);

    let format =
        "it must be the mount point, the name of the disk and its host: `/scratch:Disk1:server`";
    let value = |value: &str| format!("property `remote_disk` of host `a` is `{value}`, but ");
    for (given, what, hint) in [
        ("/scratch", value("/scratch") + format, None),
        ("/s:nas:server:x", value("/s:nas:server:x") + format, None),
        (":nas:server", value(":nas:server") + "the mount point must not be empty", None),
        ("/s:nas:servr", "there is no host `servr`".to_owned(), Some("did you mean `server`?")),
        ("/s:nsa:server", "there is no disk `nsa`".to_owned(), Some("did you mean `nas`?")),
        (
            "/:nas:server",
            "there are two of mount point `/`".to_owned(),
            Some("a disk of the host itself is mounted there"),
        ),
    ] {
        let own = "<disk id='d' read_bw='1Bps' write_bw='1Bps'/>";
        let content = format!(
            "<host id='a' speed='1f'><prop id='remote_disk' value='{given}'/>{own}</host>
<host id='server' speed='1f'>{disk}</host>"
        );
        assert_zone_errors(&content, &[(3, 11, what.as_str(), hint)]);
    }
}

/// The reader of XML compares each attribute of an element with all others: so many are refused
/// before it sees them.
#[test]
fn elements_with_too_many_attributes() {
    let host = |count: usize| {
        let attributes: String = (0..count).map(|number| format!(" a{number}='>'")).collect();
        format!(
            "<platform version=\"4.1\">\n<!-- ' --><zone id=\"w\" routing=\"Full\">\n <host{attributes}/></zone></platform>"
        )
    };
    let errors = PlatformSpec::from_simgrid_xml(&host(200_000)).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(
        errors[0].to_string(),
        "line 3, column 2: too many attributes of one element (limit 100)"
    );
    let errors = PlatformSpec::from_simgrid_xml(&host(100)).unwrap_err();
    assert!(
        errors.iter().any(|error| error.to_string().contains("unknown attribute `a99`")),
        "{errors:?}"
    );
}

/// As SimGrid reads it: files in repositories begin with an empty line or a licence.
#[test]
fn white_space_and_comments_may_come_before_the_declaration() {
    let rest = "<?xml version='1.0'?>\n<platform version='4.1'>\n<zone id='w' routing='Full'><host id='a' speed='1f'/></zone></platform>";
    for before in ["\n", "  \r\n", "<!-- a licence -->\n", "\u{feff}\n<!-- one --> <!-- two -->"] {
        let spec = read(&format!("{before}{rest}"));
        assert_eq!(spec.hosts().next().unwrap().1.name, "a");
    }
    // Places stay what they are.
    let broken = format!("\n\n{}", rest.replace("speed", "sped"));
    let errors = PlatformSpec::from_simgrid_xml(&broken).unwrap_err();
    let position = errors[0].position().unwrap();
    assert_eq!((position.line, position.column), (5, 42));
    // A second declaration is none, nor one behind the beginning.
    for text in [format!("<?xml version='1.0'?>{rest}"), format!("x{rest}"), "\n<?xml".to_owned()] {
        assert!(PlatformSpec::from_simgrid_xml(&text).is_err(), "{text}");
    }
}

#[test]
fn a_state_that_is_not_selected_may_have_no_speed() {
    let hosts = "<host id='a' speed='100Mf,50Mf,0f'/>\n<host id='b' speed='0f,5f' pstate='1'/>";
    let spec = read(&zone(hosts));
    let speeds: Vec<_> = spec.hosts().map(|(_, host)| host.speeds[host.pstate]).collect();
    assert_eq!(speeds, [100e6, 5.0]);
    let errors = PlatformSpec::from_simgrid_xml(&zone("<host id='a' speed='1f,0f' pstate='1'/>"));
    assert!(errors.unwrap_err()[0].to_string().contains("is `0`, but it must be a positive"));
    let mut builder = isotherm_platform::PlatformBuilder::new();
    builder.host_with_pstates("a", [0.0, 2.0]).pstate(1);
    builder.host_with_pstates("b", [2.0, 0.0]).pstate(1);
    let errors = builder.build().unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("the speed of host `b` is `0`"), "{}", errors[0]);
}
