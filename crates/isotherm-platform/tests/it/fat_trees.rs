//! Fat trees: their cables, the routes through them, and what shares them.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Log, Site};
use isotherm_platform::{
    FatTreeNode, LinkId, LinkSharing, PlatformSpec, Point, Problem, Routing, ZoneId,
};
use proptest::prelude::*;

fn read(text: &str) -> PlatformSpec {
    PlatformSpec::from_simgrid_xml(text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A fat tree of hosts `n0`, `n1`, ... with links of 125 MB/s and 50 us.
fn tree_text(shape: &str, hosts: usize, more: &str) -> String {
    let last = hosts - 1;
    format!(
        "<platform version='4.1'><cluster id='c' prefix='n' suffix='' radical='0-{last}' speed='1Gf' \
         bw='125MBps' lat='50us' topology='FAT_TREE' topo_parameters='{shape}' {more}/></platform>"
    )
}

fn tree(shape: &str, hosts: usize, more: &str) -> PlatformSpec {
    read(&tree_text(shape, hosts, more))
}

/// The names of the links from one host to another, without `link_from_` and with `+` for upwards,
/// `-` for downwards.
fn links(spec: &PlatformSpec, from: &str, to: &str) -> String {
    let id = |name| spec.host_id(name).unwrap();
    let route = spec.route(id(from), id(to)).unwrap();
    let names = route.iter().map(|&link| {
        let name = spec.link(link).name.as_str().replace("_UP", "+").replace("_DOWN", "-");
        name.replace("link_from_", "").replace("_limiter", "!")
    });
    names.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_routes(spec: &PlatformSpec, expected: &[(&str, &str, &str)]) {
    for &(from, to, route) in expected {
        assert_eq!(links(spec, from, to), route, "from {from} to {to}");
    }
}

/// Figure 1 b of Zahavi's paper: 4 leaf switches of 4 hosts each (31 to 28), 2 at the top (27, 26),
/// with two cables from each leaf to each top. Cables of hosts are numbered 0 to 15, cable k from
/// leaf p to top w has number 16 + 4 p + 2 w + k. Upwards from a leaf, host j is reached by port
/// j mod 4: top j mod 2, cable j / 2 mod 2. Downwards from the top, cable i mod 2 is taken for what
/// host i sends.
#[test]
fn routes_of_two_levels_with_two_cables() {
    let spec = tree("2;4,4;1,2;1,2", 16, "");
    assert_routes(
        &spec,
        &[
            ("n0", "n13", "0_31_0+ 31_26_18+ 28_26_30- 13_28_13-"),
            ("n5", "n2", "5_30_5+ 30_27_21+ 31_27_17- 2_31_2-"),
            ("n15", "n8", "15_28_15+ 28_27_28+ 29_27_25- 8_29_8-"),
            ("n10", "n7", "10_29_10+ 29_26_27+ 30_26_22- 7_30_7-"),
            // Under one leaf.
            ("n4", "n7", "4_30_4+ 7_30_7-"),
            // To itself, without a loopback: to the leaf and back.
            ("n3", "n3", "3_31_3+ 3_31_3-"),
        ],
    );
    // 16 cables of hosts and 4 · 2 · 2 between the levels, each in two directions; no loopback.
    assert_eq!(spec.links().count(), 64);
    let (zone, what) = spec.zones().next().unwrap();
    assert_eq!((what.routing, spec.routers().count()), (Routing::FatTree, 0));
    let shape = spec.fat_tree(zone).unwrap();
    assert_eq!([shape.nodes(0), shape.nodes(1), shape.nodes(2)], [Some(16), Some(4), Some(2)]);
}

/// All routes of SimGrid's test of a fat tree with a radical with gaps, limiters and loopbacks, as
/// its tool `flatifier` prints them.
#[test]
fn the_routes_are_those_of_simgrid() {
    let spec = read(
        "<platform version='4.1'><cluster id='c' prefix='n' suffix='' radical='100-101,119-120' \
         speed='1Gf' bw='125MBps' lat='50us' topology='FAT_TREE' topo_parameters='2;2,2;1,2;1,2' \
         loopback_bw='100MBps' loopback_lat='0' limiter_link='50MBps'/></platform>",
    );
    let limited = |route: &str| route.replace('L', "c_link_");
    for (from, to, route) in [
        ("n100", "n101", "L0! 0_7_0+ 1_7_1- L7! L1!"),
        ("n100", "n119", "L0! 0_7_0+ L7! 7_5_5+ 6_5_8- L5! 2_6_2- L6! L2!"),
        ("n100", "n120", "L0! 0_7_0+ L7! 7_4_7+ 6_4_10- L4! 3_6_3- L6! L3!"),
        ("n101", "n100", "L1! 1_7_1+ 0_7_0- L7! L0!"),
        ("n101", "n119", "L1! 1_7_1+ L7! 7_5_5+ 6_5_9- L5! 2_6_2- L6! L2!"),
        ("n101", "n120", "L1! 1_7_1+ L7! 7_4_7+ 6_4_11- L4! 3_6_3- L6! L3!"),
        ("n119", "n100", "L2! 2_6_2+ L6! 6_5_8+ 7_5_4- L5! 0_7_0- L7! L0!"),
        ("n119", "n101", "L2! 2_6_2+ L6! 6_4_10+ 7_4_6- L4! 1_7_1- L7! L1!"),
        ("n119", "n120", "L2! 2_6_2+ 3_6_3- L6! L3!"),
        ("n120", "n100", "L3! 3_6_3+ L6! 6_5_8+ 7_5_5- L5! 0_7_0- L7! L0!"),
        ("n120", "n101", "L3! 3_6_3+ L6! 6_4_10+ 7_4_7- L4! 1_7_1- L7! L1!"),
        ("n120", "n119", "L3! 3_6_3+ 2_6_2- L6! L2!"),
        ("n119", "n119", "L119_loopback"),
    ] {
        assert_eq!(links(&spec, from, to), limited(route), "from {from} to {to}");
    }
    let sharing = |name: &str| spec.link(spec.link_id(name).unwrap()).sharing;
    assert_eq!(sharing("c_link_101_loopback"), LinkSharing::Fatpipe);
    assert_eq!(sharing("c_link_7_limiter"), LinkSharing::Shared);
}

/// Three levels of two children each. Switches of level 1 are 15 to 12, by their pair of hosts;
/// those of level 2 are 11 to 8, two for each half of the hosts; those of level 3 are 7 to 4.
/// Cables are numbered 0 to 7, then 8 + 2 p + w and 16 + 2 p + w from the p-th switch to its w-th
/// parent. To host j, level 1 takes parent j mod 2, and level 2 parent j / 2 mod 2.
#[test]
fn routes_of_three_levels() {
    let spec = tree("3;2,2,2;1,2,2;1,1,1", 8, "");
    assert_routes(
        &spec,
        &[
            ("n1", "n6", "1_15_1+ 15_11_8+ 11_5_17+ 9_5_21- 12_9_14- 6_12_6-"),
            ("n7", "n1", "7_12_7+ 12_8_15+ 8_6_22+ 10_6_18- 15_10_9- 1_15_1-"),
            ("n1", "n2", "1_15_1+ 15_11_8+ 14_11_10- 2_14_2-"),
            ("n4", "n5", "4_13_4+ 5_13_5-"),
        ],
    );
}

/// Two parents of each host by two cables each, and one parent of each switch by three. Upwards
/// from a host, host j is reached by port j mod 4: parent j mod 2, cable j / 2 mod 2; from the
/// switch by cable j / 2 mod 3. Downwards, the ports of a switch are those of its first cables to
/// both children, then of the second, and so on. From the top, cable i mod 3 is taken for what host
/// i sends: for n0 port 1 to the second child, and at the next switch the search goes on at port 2
/// and finds n3 at port 3, its second cable. For n2 it is port 4; the next switch has 4 ports, so
/// the search starts anew, with cable i mod 2.
#[test]
fn routes_with_several_parents_and_cables_of_hosts() {
    let spec = tree("2;2,2;2,1;2,3", 4, "");
    assert_routes(
        &spec,
        &[
            ("n0", "n3", "0_6_3+ 6_2_20+ 4_2_25- 3_4_15-"),
            ("n2", "n0", "2_5_8+ 5_3_22+ 7_3_18- 0_7_0-"),
            // Port 1: the other parent of n0, and its first cable; back by cable 0 mod 2.
            ("n0", "n1", "0_6_2+ 1_6_6-"),
        ],
    );
}

/// SimGrid counts the hosts and cables of all fat trees of a file: the hosts of the second are 3
/// and 4 in the formulas, so the way to `b1` takes parent 4 mod 2 = 0.
#[test]
fn positions_go_on_over_the_trees_of_a_file() {
    let spec = read(
        "<platform version='4.1'><zone id='w' routing='Full'>
           <cluster id='a' prefix='a' suffix='' radical='0-2' speed='1Gf' bw='1GBps' lat='1us' \
             topology='FAT_TREE' topo_parameters='1;3;1;1'/>
           <cluster id='b' prefix='b' suffix='' radical='0-1' speed='1Gf' bw='1GBps' lat='1us' \
             topology='fat_tree' topo_parameters=' 1 ; 2 ; 2 ; 1 '/>
           <link id='x' bandwidth='1GBps' latency='1ms'/>
           <zoneRoute src='a' dst='b' gw_src='a1' gw_dst='b0'><link_ctn id='x'/></zoneRoute>
         </zone></platform>",
    );
    assert_routes(
        &spec,
        &[
            ("a0", "a2", "0_5_0+ 2_5_2-"),
            ("b0", "b1", "0_3_3+ 1_3_5-"),
            // By the hosts that the zone route names.
            ("a2", "b0", "2_5_2+ 1_5_1- x"),
            ("b1", "a1", "1_2_6+ 0_2_4- x"),
        ],
    );
}

/// One link both ways with `SHARED`; `FATPIPE` is followed as SimGrid follows it, with a warning.
#[test]
fn sharing_of_the_cables() {
    let route = |spec: &PlatformSpec| links(spec, "n0", "n1");
    assert_eq!(route(&tree("1;2;1;1", 2, "sharing_policy='SHARED'")), "0_3_0 1_3_1");
    assert_eq!(route(&tree("1;2;1;1", 2, "sharing_policy='FULLDUPLEX'")), "0_3_0+ 1_3_1-");
    let spec = tree("1;2;1;1", 2, "sharing_policy='FATPIPE' bb_bw='1Bps' router_id='r'");
    assert!(spec.links().all(|(_, link)| link.sharing == LinkSharing::Shared));
    let attributes: Vec<String> = spec
        .warnings()
        .iter()
        .map(|warning| match warning.problem() {
            Problem::WithoutEffect { attribute, .. } => attribute.clone(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(attributes, ["bb_bw", "router_id", "sharing_policy"]);
}

/// When transfers that start at once from these hosts to these end. 121.25 MB at 0.97 · 125 MB/s
/// take a second.
fn ends(spec: PlatformSpec, flows: &[(&str, &str)]) -> Log {
    let site = Site::new(spec);
    let log = Log::default();
    for &(from, to) in flows {
        let transfer = site.platform.transfer(site.host(from), site.host(to), 121.25e6).unwrap();
        log.end_of(&site.kernel(), to, transfer);
    }
    site.run();
    log
}

/// Four links of 50 us, and each latency counts 13.01 times. Hosts 8 and 9 are reached from leaf 0
/// by different cables, 8 and 12 by the same one.
#[test]
fn transfers_share_a_cable_if_their_ends_are_equal_modulo_the_ports() {
    const LATENCY: f64 = 13.01 * 4.0 * 50e-6;
    let tree = || tree("2;4,4;1,2;1,2", 16, "");
    ends(tree(), &[("n0", "n8")]).assert(&[("n8", 1.0 + LATENCY)]);
    ends(tree(), &[("n0", "n8"), ("n1", "n9")])
        .assert(&[("n8", 1.0 + LATENCY), ("n9", 1.0 + LATENCY)]);
    ends(tree(), &[("n0", "n8"), ("n1", "n12")])
        .assert(&[("n8", 2.0 + LATENCY), ("n12", 2.0 + LATENCY)]);
}

/// A link both ways also carries acknowledgements, 0.05 of the flow. Limiters of 50 MB/s are those
/// of the hosts and of the switch, both ways too.
#[test]
fn transfers_over_shared_cables_and_limiters() {
    let latency = 13.01 * 2.0 * 50e-6;
    let shared = tree("1;2;1;1", 2, "sharing_policy='SHARED'");
    ends(shared, &[("n0", "n1")]).assert(&[("n1", 1.05 + latency)]);
    let limited = || tree("1;4;1;1", 4, "limiter_link='50MBps'");
    ends(limited(), &[("n0", "n1")]).assert(&[("n1", 1.05 * 2.5 + latency)]);
    // Both pass the limiter of the switch.
    ends(limited(), &[("n0", "n1"), ("n2", "n3")])
        .assert(&[("n1", 2.1 * 2.5 + latency), ("n3", 2.1 * 2.5 + latency)]);
}

#[test]
fn mistakes_in_fat_trees() {
    let example = "(a fat tree is written as `2;4,4;1,2;1,2`: levels; children; parents; cables)";
    for (shape, hosts, more, rule) in [
        ("2;4,4;1,2", 16, "", format!("it has 3 parts and not 4 {example}")),
        ("two;4,4;1,2;1,2", 16, "", format!("`two` is not a whole number above 0 {example}")),
        ("2;4;1,2;1,2", 4, "", format!("children are given for 1 of 2 levels {example}")),
        ("2;4,4;1,2,3;1,2", 16, "", format!("parents are given for 3 of 2 levels {example}")),
        ("2;4,4;1,2;1,0", 16, "", format!("`0` is not a whole number above 0 {example}")),
        ("99;1;1;1", 1, "", format!("it has more than 30 levels {example}")),
        ("2;4,4;1,2;1,2", 15, "", "that tree has 16 hosts, and the radical names 15".to_owned()),
        (
            "2;99999,99999;1,2;1,2",
            2,
            "",
            "that tree has far more hosts, and the radical names 2".to_owned(),
        ),
        ("1;2;4000000;1", 2, "", "a platform has at most 4000000 cables of fat trees".to_owned()),
        (
            "1;1;4294967295;4294967295",
            1,
            "",
            "a platform has at most 4000000 cables of fat trees".to_owned(),
        ),
        (
            "1;2;3;1",
            2,
            "limiter_link='1GBps'",
            "a tree with a `limiter_link` has at most as many switches as hosts".to_owned(),
        ),
    ] {
        let errors = PlatformSpec::from_simgrid_xml(&tree_text(shape, hosts, more)).unwrap_err();
        let expected = format!("`topo_parameters` of a fat tree is `{shape}`, but {rule}");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].problem().to_string(), expected);
        assert_eq!(errors[0].position().unwrap().line, 1);
    }
    let without = "<platform version='4.1'><cluster id='c' prefix='n' suffix='' radical='0' \
                   speed='1Gf' bw='1Bps' lat='0' topology='FAT_TREE'/></platform>";
    let errors = PlatformSpec::from_simgrid_xml(without).unwrap_err();
    assert_eq!(errors[0].problem().to_string(), "`cluster` needs the attribute `topo_parameters`");
    let misspelt = without.replace("FAT_TREE", "FATTREE");
    let errors = PlatformSpec::from_simgrid_xml(&misspelt).unwrap_err();
    assert_eq!(errors[0].hint(), Some("did you mean `FAT_TREE`?"));
}

/// Follows a route along the cables: the nodes that it passes.
fn walk(spec: &PlatformSpec, zone: ZoneId, from: u32, links: &[LinkId]) -> Vec<FatTreeNode> {
    let mut ends: BTreeMap<LinkId, BTreeSet<(FatTreeNode, FatTreeNode)>> = BTreeMap::new();
    for cable in spec.cables(zone) {
        ends.entry(cable.up).or_default().insert((cable.child, cable.parent));
        ends.entry(cable.down).or_default().insert((cable.parent, cable.child));
    }
    let mut at = FatTreeNode { level: 0, position: from };
    let mut nodes = vec![at];
    for link in links {
        let next = ends[link].iter().find(|(begin, _)| *begin == at);
        at = next.unwrap_or_else(|| panic!("{link:?} does not begin at {at:?}")).1;
        nodes.push(at);
    }
    nodes
}

fn shapes() -> impl Strategy<Value = (String, usize)> {
    let level = (1_usize..4, 1_u32..4, 1_u32..4);
    proptest::collection::vec(level, 1..4).prop_map(|levels| {
        let list = |numbers: Vec<String>| numbers.join(",");
        let shape = format!(
            "{};{};{};{}",
            levels.len(),
            list(levels.iter().map(|level| level.0.to_string()).collect()),
            list(levels.iter().map(|level| level.1.to_string()).collect()),
            list(levels.iter().map(|level| level.2.to_string()).collect()),
        );
        (shape, levels.iter().map(|level| level.0).product())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the shape: a route follows the cables, goes up and then down, and is as short as
    /// can be: up to the first switch that is above both ends.
    #[test]
    fn routes_follow_the_cables((shape, hosts) in shapes(), shared in any::<bool>()) {
        let more = if shared { "sharing_policy='SHARED'" } else { "" };
        let spec = tree(&shape, hosts, more);
        let zone = spec.zones().next().unwrap().0;
        let down = spec.fat_tree(zone).unwrap().down.clone();
        let points: Vec<Point> = spec.points(zone).collect();
        prop_assert_eq!(points.len(), hosts);
        for (from, _) in spec.hosts() {
            for (to, _) in spec.hosts() {
                let route = spec.route(from, to).unwrap();
                let (a, b) = (from.index() as u32, to.index() as u32);
                let nodes = walk(&spec, zone, a, &route);
                let end = *nodes.last().unwrap();
                prop_assert_eq!(end, FatTreeNode { level: 0, position: b });
                let groups = down.iter().scan((a, b), |(a, b), &children| {
                    (*a, *b) = (*a / children, *b / children);
                    Some(a == b)
                });
                let height = 1 + groups.take_while(|together| !together).count();
                let levels: Vec<usize> = nodes.iter().map(|node| node.level).collect();
                let expected: Vec<usize> = (0..=height).chain((0..height).rev()).collect();
                prop_assert_eq!(levels, expected);
            }
        }
    }

    /// What D-mod-k is for: in a tree that gets no thinner towards the top, every host may send to
    /// the one k places further without sharing any link with another (Zahavi 2010, theorem 1).
    #[test]
    fn shifts_share_no_link(
        levels in proptest::collection::vec(2_u32..4, 2..4),
        shift in 0_u32..30,
    ) {
        let list = |numbers: &mut dyn Iterator<Item = u32>| {
            numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
        };
        let down = list(&mut levels.iter().copied());
        let up = list(&mut std::iter::once(1).chain(levels.iter().copied()).take(levels.len()));
        let cables = list(&mut levels.iter().map(|_| 1));
        let hosts = levels.iter().product::<u32>();
        let spec = tree(&format!("{};{down};{up};{cables}", levels.len()), hosts as usize, "");
        let mut used = BTreeSet::new();
        let ids: Vec<_> = spec.hosts().map(|(id, _)| id).collect();
        for (index, &from) in ids.iter().enumerate() {
            let to = ids[(index + shift as usize) % ids.len()];
            for &link in &spec.route(from, to).unwrap() {
                prop_assert!(used.insert(link), "{} is used twice", spec.link(link).name);
            }
        }
    }
}
