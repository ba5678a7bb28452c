//! Platforms to look at: tables, routes and drawings.

use std::path::Path;

use isotherm_figures::platform::{PlatformView, RouteView, Table};
use isotherm_kernel::{Distribution, Simulation};
use isotherm_platform::{Platform, PlatformBuilder, PlatformSpec, Profile, ProfileTarget, Via};

fn view(xml: &str) -> PlatformView {
    let text = format!("<platform version=\"4.1\">{xml}</platform>");
    PlatformView::new("test", PlatformSpec::from_simgrid_xml(&text).unwrap())
}

fn cluster(name: &str, hosts: u32, more: &str) -> String {
    let last = hosts - 1;
    format!(
        "<cluster id=\"{name}\" prefix=\"{name}-\" suffix=\"\" radical=\"0-{last}\" speed=\"10Gf\" core=\"16\" bw=\"10Gbps\" \
         lat=\"25us\" {more}/>"
    )
}

fn row_of(table: &Table, first: &str) -> String {
    let row = table
        .rows
        .iter()
        .find(|row| row[0] == first)
        .unwrap_or_else(|| panic!("no {first}: {table:?}"));
    row[1..].join(" | ")
}

/// What is written in a drawing, in its order, without tooltips.
fn written(svg: &str) -> Vec<String> {
    let texts = svg.lines().filter(|line| line.starts_with("<text"));
    texts
        .map(|line| {
            let text = line.split_once('>').unwrap().1.trim_end_matches("</text>");
            text.split("<tspan").next().unwrap().to_owned()
        })
        .collect()
}

/// A fat tree of 16 hosts: in the table by its shape; in the drawing each switch is a point, and
/// the pairs of cables of a leaf to the tops are lines of their own.
#[test]
fn a_fat_tree() {
    let tree = |more| {
        let tree = "topology=\"FAT_TREE\" topo_parameters=\"2;4,4;1,2;1,2\"";
        view(&cluster("t", 16, &format!("{tree} {more}")))
    };
    let plain = tree("");
    let tables = plain.tables(false);
    let titles: Vec<&str> = tables.iter().map(|table| table.title.as_str()).collect();
    assert_eq!(titles, ["hosts (16)", "links (32)", "zones (1)"]);
    assert_eq!(row_of(&tables[2], "t"), "FatTree 2;4,4;1,2;1,2 | 16");
    assert!(plain.json().contains("\"shape\": \"2;4,4;1,2;1,2\""));
    let dot = plain.dot();
    assert_eq!(dot.matches("label=\"\", shape=point").count(), 6, "4 leaves and 2 tops: {dot}");
    // With limiters the switches are these.
    let dot = tree("limiter_link=\"1GBps\"").dot();
    assert_eq!(dot.matches("label=\"\", shape=point").count(), 0, "{dot}");
    // A large one is drawn in less detail.
    let large = "topology=\"FAT_TREE\" topo_parameters=\"3;16,16,16;1,16,16;1,1,1\"";
    let large = view(&cluster("t", 4096, large));
    assert!(large.svg().len() < 100_000);
}

#[test]
fn what_is_alike_is_one_row() {
    let two = format!(
        "{}{}",
        cluster("a", 1_500, "bb_bw=\"40Gbps\" bb_lat=\"1us\""),
        cluster("b", 2, "")
    );
    let view = view(&format!("<zone id=\"world\" routing=\"Full\">{two}</zone>"));
    let tables = view.tables(false);
    let titles: Vec<&str> = tables.iter().map(|table| table.title.as_str()).collect();
    assert_eq!(titles, ["hosts (1,502)", "links (1,503)", "zones (3)"]);
    // Both clusters have the same hosts, but they are in different zones.
    assert_eq!(row_of(&tables[0], "a-0 ... a-1499 (1,500)"), "a | 16 | 10 Gf/s");
    assert_eq!(row_of(&tables[0], "b-0, b-1"), "b | 16 | 10 Gf/s");
    // 10 Gb/s are 1.25 GB/s.
    assert_eq!(
        row_of(&tables[1], "a_link_0 ... b_link_1 (1,502)"),
        "1.25 GB/s | 25 us | split duplex"
    );
    assert_eq!(row_of(&tables[2], "a"), "world | Cluster | 1,500 | a-a_router | a_backbone");
    assert_eq!(view.tables(true)[0].rows.len(), 1_502);
}

/// Twenty-five hosts that all differ are too many rows; none is lost on demand.
#[test]
fn a_long_table_is_cut() {
    let hosts: String = (1..=25).map(|n| format!("<host id=\"h{n}\" speed=\"{n}Gf\"/>")).collect();
    let view = view(&format!("<zone id=\"world\" routing=\"None\">{hosts}</zone>"));
    let (cut, whole) = (&view.tables(false)[0], &view.tables(true)[0]);
    assert_eq!((cut.rows.len(), cut.left_out, whole.rows.len(), whole.left_out), (20, 5, 25, 0));
}

fn only(routes: Vec<RouteView>) -> RouteView {
    let [route] = <[RouteView; 1]>::try_from(routes).unwrap();
    route
}

/// SimGrid's comm-pingpong: 1 B takes 13.01 × 1.461517 ms = 0.019014 s, 1e9 B take 150.159 s, so
/// (1e9 / 150.140 s) = 0.97 × 7.20975 MB/s / 1.05.
#[test]
fn a_transfer_gets_what_simgrid_gives_it() {
    let mut builder = PlatformBuilder::new();
    builder.host("Tremblay", 98.095e6);
    builder.host("Jupiter", 76.296e6);
    builder.link("9", 7.20975e6, 1.461517e-3);
    builder.route("Tremblay", "Jupiter", ["9"]);
    let view = PlatformView::new("ping-pong", builder.build().unwrap());
    let route = only(view.routes("Tremblay", "Jupiter").unwrap());
    assert!((route.start_s - 0.019014).abs() < 1e-6, "{route:?}");
    assert!((1e9 / route.lone_transfer_bytes_per_s - 150.140).abs() < 1e-3, "{route:?}");
    assert_eq!((route.limited_by.as_deref(), route.same_back), (Some("9"), true));
    assert_eq!(route.links[0].way_back, "same");
}

/// What is told of a route is what a transfer takes in a simulation.
#[test]
fn what_is_told_is_what_is_simulated() {
    let mut builder = PlatformBuilder::new();
    for host in ["a", "b", "c", "d", "e"] {
        builder.host(host, 1e9);
    }
    builder.link("duplex", 125e6, 1e-4).split_duplex();
    builder.link("pipe", 100e6, 1e-4).fatpipe();
    builder.link("far", 1e9, 0.1);
    builder.link("once", 80e6, 1e-3);
    builder.link("back", 60e6, 2e-3);
    builder.route("a", "b", [Via::up("duplex")]);
    builder.route("a", "c", ["pipe"]);
    builder.route("a", "d", ["far"]);
    builder.one_way_route("a", "e", ["once"]).one_way_route("e", "a", ["back"]);
    let spec = builder.build().unwrap();
    let view = PlatformView::new("all kinds", spec.clone());
    let limits = [("b", Some("duplex_UP")), ("c", Some("pipe")), ("d", None), ("e", Some("once"))];
    for (to, limit) in limits {
        let route = view.routes("a", to).unwrap().remove(0);
        assert_eq!(route.limited_by.as_deref(), limit, "{to}");
        let simulation = Simulation::new();
        let platform = Platform::new(&simulation.kernel(), spec.clone()).unwrap();
        let (from, to) = (platform.require_host("a").unwrap(), platform.require_host(to).unwrap());
        simulation.kernel().spawn("sender", async move {
            platform.transfer(from, to, 1e9).unwrap().await.unwrap()
        });
        let took = simulation.run().unwrap().as_secs_f64();
        let told = route.start_s + 1e9 / route.lone_transfer_bytes_per_s;
        assert!((took - told).abs() < 1e-6 * took, "to {}: {took} s, told {told} s", route.to);
    }
    // There and back are two ways.
    let ways = view.routes("a", "e").unwrap();
    assert_eq!(
        ways.iter().map(|way| way.links[0].name.as_str()).collect::<Vec<_>>(),
        ["once", "back"]
    );
    assert_eq!(ways[0].links[0].way_back, "none");
}

/// a and b are behind link l, c is elsewhere.
#[test]
fn who_shares_a_link_is_told() {
    let view = view(
        "<zone id=\"world\" routing=\"Floyd\">\
         <host id=\"a\" speed=\"1Gf\"/><host id=\"b\" speed=\"1Gf\"/><host id=\"c\" speed=\"1Gf\"/><router id=\"r\"/>\
         <link id=\"la\" bandwidth=\"1GBps\" latency=\"1us\"/><link id=\"lb\" bandwidth=\"1GBps\" latency=\"1us\"/>\
         <link id=\"lc\" bandwidth=\"1GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"/>\
         <route src=\"a\" dst=\"r\"><link_ctn id=\"la\"/></route><route src=\"b\" dst=\"r\"><link_ctn id=\"lb\"/></route>\
         <route src=\"r\" dst=\"c\"><link_ctn id=\"lc\" direction=\"UP\"/></route></zone>",
    );
    let table = only(view.routes("a", "c").unwrap()).table();
    assert_eq!(row_of(&table, "la"), "1 GB/s | 1 us | same | all traffic from and to a");
    assert_eq!(
        row_of(&table, "lc_UP"),
        "1 GB/s | 1 us | other direction | all traffic to c (in this direction)"
    );
}

#[test]
fn a_mistyped_host_gets_a_hint() {
    let error = view(&cluster("rack", 4, "")).routes("rack-0", "rack-33").unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hint()),
        ("there is no host `rack-33`", Some("did you mean `rack-3`?"))
    );
}

/// A thousand hosts are one box, and so are their links; the switch has two neighbours then.
#[test]
fn a_drawing_of_a_thousand_hosts_is_small() {
    let svg = view(&cluster("big", 1_024, "bb_bw=\"40Gbps\" bb_lat=\"1us\"")).svg();
    let expected = [
        "big",
        "1,024 hosts",
        "big-0 … big-1023",
        "16 cores, 10 Gf/s",
        "big-big_router",
        "1,024 links",
        "big_link_0 … big_link_1023",
        "each 1.25 GB/s, 25 us",
        "big_backbone",
        "5 GB/s, 1 us",
    ];
    let mut found = written(&svg);
    found.sort();
    let mut wanted = expected.map(str::to_owned).to_vec();
    wanted.sort();
    assert_eq!(found, wanted);
}

/// Two hundred clusters of different sizes, and a grid in which no two hosts are connected alike,
/// are told by their kind and number.
#[test]
fn a_drawing_of_what_is_too_various_is_small() {
    let clusters: String =
        (1..=200).map(|hosts| cluster(&format!("c{hosts}"), hosts, "")).collect();
    let svg = view(&format!("<zone id=\"w\" routing=\"None\">{clusters}</zone>")).svg();
    assert_eq!(
        written(&svg),
        ["w", "200 zones: c1 … c200", "Cluster routing", "each 1 to 200 hosts"]
    );
    let mut grid = String::new();
    for host in 0..400 {
        grid += &format!("<host id=\"h{host}\" speed=\"1Gf\"/>");
    }
    for (from, to) in (0..400).flat_map(|host| [(host, host + 1), (host, host + 20)]) {
        if to < 400 && (to == from + 20 || to % 20 != 0) {
            grid += &format!(
                "<link id=\"l{from}-{to}\" bandwidth=\"1GBps\" latency=\"1us\"/>\
                 <route src=\"h{from}\" dst=\"h{to}\"><link_ctn id=\"l{from}-{to}\"/></route>"
            );
        }
    }
    let found = written(&view(&format!("<zone id=\"w\" routing=\"Dijkstra\">{grid}</zone>")).svg());
    // 2 × 20 × 19 links.
    assert!(
        found.len() == 7
            && found.contains(&"400 hosts".to_owned())
            && found.contains(&"760 links".to_owned()),
        "{found:?}"
    );
}

/// The boxes of a drawing are inside of that around them, and those of one zone do not touch: no
/// label is upon another.
#[test]
fn nothing_is_drawn_upon_another() {
    let hosts: String = (0..7)
        .map(|n| {
            format!(
                "<host id=\"edge-host-{n}\" speed=\"{}Gf\"/><link id=\"access-{n}\" bandwidth=\"1Gbps\" latency=\"{n}ms\"/>\
                 <route src=\"edge-host-{n}\" dst=\"gateway\"><link_ctn id=\"access-{n}\"/></route>",
                n + 1
            )
        })
        .collect();
    let sites = format!(
        "{}{}",
        cluster("a", 64, "bb_bw=\"40Gbps\" bb_lat=\"1us\""),
        cluster("b", 3, "router_id=\"rb\"")
    );
    let view = view(&format!(
        "<zone id=\"world\" routing=\"Full\"><zone id=\"site\" routing=\"Full\">{sites}\
         <link id=\"up\" bandwidth=\"1GBps\" latency=\"1us\"/>\
         <zoneRoute src=\"a\" dst=\"b\" gw_src=\"a-a_router\" gw_dst=\"rb\"><link_ctn id=\"up\"/></zoneRoute></zone>\
         <zone id=\"edge\" routing=\"Floyd\"><router id=\"gateway\"/>{hosts}</zone>\
         <link id=\"wan\" bandwidth=\"1GBps\" latency=\"1ms\"/>\
         <zoneRoute src=\"site\" dst=\"edge\" gw_src=\"rb\" gw_dst=\"gateway\"><link_ctn id=\"wan\"/></zoneRoute></zone>"
    ));
    let svg = view.svg();
    assert_eq!(svg, view.svg());
    let boxes: Vec<[f64; 4]> = svg
        .lines()
        .filter_map(|line| {
            let (before, tag) = line.split_once("<rect class=\"")?;
            // Of things that are many the boxes behind the first are drawn first, and are covered
            // by it.
            let number = |name: &str| {
                tag.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap()
            };
            let [x, y, width, height] =
                ["x", "y", "width", "height"].map(|name| number(name).parse::<f64>().unwrap());
            (before.is_empty() || before.starts_with("<g>")).then_some([
                x,
                y,
                x + width,
                y + height,
            ])
        })
        .collect();
    assert!(boxes.len() > 25, "{}", boxes.len());
    let inside =
        |a: &[f64; 4], b: &[f64; 4]| a[0] >= b[0] && a[1] >= b[1] && a[2] <= b[2] && a[3] <= b[3];
    let apart =
        |a: &[f64; 4], b: &[f64; 4]| a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
    let behind = |a: &[f64; 4], b: &[f64; 4]| {
        let (dx, dy) = ((a[0] - b[0]).abs(), (a[1] - b[1]).abs());
        dx < 8.5 && (dx - dy).abs() < 0.2 && (a[2] - a[0] - (b[2] - b[0])).abs() < 0.2
    };
    for (index, a) in boxes.iter().enumerate() {
        for b in &boxes[index + 1..] {
            assert!(
                inside(a, b) || inside(b, a) || apart(a, b) || behind(a, b),
                "{a:?} {b:?}\n{svg}"
            );
        }
    }
}

/// A host at which all links end is where they meet; else there is a point.
#[test]
fn links_meet_at_a_host_or_in_a_point() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let svg = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        PlatformView::new("test", PlatformSpec::from_simgrid_xml(&text).unwrap()).svg()
    };
    assert!(!svg("platforms/reference-example.xml").contains("<circle"));
    assert_eq!(svg("platforms/quickstart.xml").matches("<circle").count(), 1);
}

/// Names come from files; they may hold what means something in XML, or in the language of
/// Graphviz.
#[test]
fn names_are_quoted() {
    let view = view(
        "<zone id=\"a &lt;b&gt; &amp; &quot;c&quot; \\d\" routing=\"None\"><host id=\"h\" speed=\"1Gf\"/></zone>",
    );
    assert!(view.svg().contains(">a &lt;b&gt; &amp; \"c\" \\d<"), "{}", view.svg());
    assert!(view.dot().contains(r#"label="a <b> & \"c\" \\d";"#), "{}", view.dot());
}

#[test]
fn what_graphviz_gets() {
    let view = view(&format!(
        "<zone id=\"w\" routing=\"Full\">{}<zone id=\"z\" routing=\"Full\"><host id=\"h\" speed=\"1Gf\"/></zone>\
         <link id=\"l\" bandwidth=\"1GBps\" latency=\"1us\"/>\
         <zoneRoute src=\"c\" dst=\"z\" gw_src=\"c-c_router\" gw_dst=\"h\"><link_ctn id=\"l\"/></zoneRoute></zone>",
        cluster("c", 20, "")
    ));
    let dot = view.dot();
    assert_eq!(dot.matches("subgraph cluster_").count(), 3, "{dot}");
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    assert!(dot.contains("[label=\"20 hosts\\nc-0 … c-19\\n16 cores, 10 Gf/s\"];"), "{dot}");
    // The link, third in the outermost zone, goes to both of the zones in it.
    assert!(dot.contains("zone_1 -- node_0_2 [ltail=cluster_1];"), "{dot}");
    assert!(dot.contains("zone_2 -- node_0_2 [ltail=cluster_2];"), "{dot}");
}

/// A host has the first part that it is given, and is drawn in the colour of that part.
#[test]
fn the_first_part_of_a_host_holds() {
    let mut builder = PlatformBuilder::new();
    for host in ["a", "b", "c"] {
        builder.host(host, 1e9);
    }
    let spec = builder.build().unwrap();
    let [a, b] = ["a", "b"].map(|name| spec.host_id(name).unwrap());
    let parts = [(a, "head"), (b, "compute"), (a, "user")];
    let view = PlatformView::new("parts", spec).with_parts(parts);
    let table = &view.tables(true)[0];
    assert_eq!(table.header[..2], ["host", "part"]);
    let parts = table.rows.iter().map(|row| (row[0].as_str(), row[1].as_str()));
    assert_eq!(parts.collect::<Vec<_>>(), [("a", "head"), ("b", "compute"), ("c", "")]);
    let svg = view.svg();
    let drawn =
        ["head", "compute", "user"].map(|part| svg.matches(&format!("\"host {part}\"")).count());
    assert_eq!(drawn, [1, 1, 0]);
}

/// What an experiment has fail is a table of its own, with equal ones in a row, data, and a line in
/// drawings, where a host that fails is not merged with those that do not.
#[test]
fn what_fails_is_told() {
    let hosts: String = (0..20).map(|index| format!("<host id='n{index}' speed='1Gf'/>")).collect();
    let link = "<link id='l' bandwidth='1GBps' sharing_policy='SPLITDUPLEX'/>\
                <route src='n0' dst='n1'><link_ctn id='l' direction='UP'/></route>";
    let text = format!(
        "<platform version='4.1'><zone id='z' routing='Full'>{hosts}{link}</zone></platform>"
    );
    let mut spec = PlatformSpec::from_simgrid_xml(&text).unwrap();
    let host = |index: usize| spec.hosts().nth(index).unwrap().0;
    let (n2, n3, n4) = (host(2), host(3), host(4));
    let (up, down) = (spec.link_id("l_UP").unwrap(), spec.link_id("l_DOWN").unwrap());
    let once = Profile::parse("300 0\n420 1\n").unwrap();
    let slow = Profile::parse("60 0.1\n").unwrap();
    spec.add_profile(ProfileTarget::HostState(n2), once.clone());
    spec.add_profile(ProfileTarget::HostState(n3), once);
    let works = Distribution::exponential_with_mean(36_000.0).unwrap();
    let constant = |value| Distribution::constant(value).unwrap();
    let steps = vec![(works, constant(0.5)), (constant(600.0), constant(1.0))];
    let random = isotherm_kernel::RandomStreams::new(1).stream("x");
    let drawn = Profile::drawn(steps, true, random).unwrap();
    spec.add_profile(ProfileTarget::Speed(n4), drawn);
    spec.add_profile(ProfileTarget::Bandwidth(up), slow.clone());
    spec.add_profile(ProfileTarget::Bandwidth(down), slow);
    let view = PlatformView::new("test", spec);
    let tables = view.tables(false);
    let table = tables.last().unwrap();
    assert_eq!(table.title, "failures (4)");
    assert_eq!(row_of(table, "n2, n3"), "host | off | at 300 s, for 120 s");
    assert_eq!(row_of(table, "n4"), "host | speed x 0.5 | after 36000 s on average, for 600 s");
    assert_eq!(row_of(table, "l"), "link | bandwidth x 0.1 | at 60 s, to the end");
    let data: serde_json::Value = serde_json::from_str(&view.json()).unwrap();
    let expected = serde_json::json!([
        { "of": "host", "name": "n2", "what": "state", "factor": 0.0,
          "from_s": 300.0, "for_s": 120.0 },
        { "of": "host", "name": "n3", "what": "state", "factor": 0.0,
          "from_s": 300.0, "for_s": 120.0 },
        { "of": "host", "name": "n4", "what": "speed", "factor": 0.5,
          "mtbf_s": 36000.0, "mttr_s": 600.0 },
        { "of": "link", "name": "l", "what": "bandwidth", "factor": 0.1, "from_s": 60.0 },
    ]);
    assert_eq!(data["failures"], expected);
    let svg = written(&view.svg());
    let told = |line: &str| svg.iter().filter(|text| *text == line).count();
    assert_eq!((told("fails"), told("is slow at times")), (2, 2), "{svg:?}");
}

/// Hosts and links that follow profiles, and disks of other hosts, are told in tables, as data and
/// in drawings; alike hosts of which one follows a profile are not one row.
#[test]
fn what_follows_a_profile_is_told() {
    let content = "<host id='a' speed='1Gf' state_file='s' speed_file='s'/>\
                   <host id='b' speed='1Gf'/>\
                   <host id='c' speed='1Gf'><prop id='remote_disk' value='/data:nas:d'/></host>\
                   <host id='d' speed='1Gf'>\
                   <disk id='nas' read_bw='1GBps' write_bw='1GBps'/></host>\
                   <link id='l' bandwidth='1GBps' latency_file='s' bandwidth_file='s'/>\
                   <link id='m' bandwidth='1GBps'/>\
                   <route src='a' dst='b'><link_ctn id='l'/></route>\
                   <route src='a' dst='c'><link_ctn id='m'/></route>";
    let text =
        format!("<platform version='4.1'><zone id='z' routing='Full'>{content}</zone></platform>");
    let mut files = |_: &str| Ok("0 1\n".to_owned());
    let spec = PlatformSpec::from_simgrid_xml_with(&text, &mut files).unwrap();
    let view = PlatformView::new("test", spec);
    let tables = view.tables(false);
    assert_eq!(row_of(&tables[0], "a"), "1 | 1 Gf/s |  | state, speed");
    assert_eq!(row_of(&tables[0], "b"), "1 | 1 Gf/s |  | ");
    assert_eq!(row_of(&tables[0], "c"), "1 | 1 Gf/s | /data (of d) | ");
    assert_eq!(row_of(&tables[2], "l"), "1 GB/s | 0 | shared | bandwidth, latency");
    let data: serde_json::Value = serde_json::from_str(&view.json()).unwrap();
    assert_eq!(data["hosts"][0]["profiles"], serde_json::json!(["state", "speed"]));
    assert!(data["hosts"][1].get("profiles").is_none());
    let remote = serde_json::json!([{ "mount": "/data", "host": "d", "disk": "nas" }]);
    assert_eq!(data["hosts"][2]["remote_disks"], remote);
    assert_eq!(data["links"][0]["profiles"], serde_json::json!(["bandwidth", "latency"]));
    let svg = written(&view.svg());
    for line in ["follows a profile: state, speed", "follows a profile: bandwidth, latency"] {
        assert!(svg.iter().any(|text| text == line), "{svg:?}");
    }
    assert!(svg.iter().any(|text| text == "disk /data of d"), "{svg:?}");
    assert!(view.dot().contains("follows a profile: state, speed"), "{}", view.dot());
}
