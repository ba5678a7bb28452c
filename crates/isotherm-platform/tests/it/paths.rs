//! Routes that are put together: paths of fewest links (Floyd, Dijkstra), zones in zones, and
//! bypasses.

use isotherm_platform::{PlatformBuilder, PlatformSpec, Point, Routing};
use proptest::prelude::*;

fn read(text: &str) -> PlatformSpec {
    PlatformSpec::from_simgrid_xml(text).unwrap()
}

/// The names of the links from one host to another, in one string.
fn links(spec: &PlatformSpec, from: &str, to: &str) -> String {
    let id = |name| spec.host_id(name).unwrap();
    match spec.route(id(from), id(to)) {
        Ok(route) => {
            route.iter().map(|&link| spec.link(link).name.as_str()).collect::<Vec<_>>().join(" ")
        }
        Err(_) => "none".to_owned(),
    }
}

/// A zone of hosts and links of one letter or a few, and routes `from to links`.
fn zone(routing: &str, hosts: &str, names: &str, routes: &[&str]) -> PlatformSpec {
    let hosts: String =
        hosts.split(' ').map(|host| format!("<host id='{host}' speed='1f'/>")).collect();
    let links: String =
        names.split(' ').map(|link| format!("<link id='{link}' bandwidth='1Bps'/>")).collect();
    let routes: String = routes
        .iter()
        .map(|route| {
            let mut words = route.split(' ');
            let (from, to) = (words.next().unwrap(), words.next().unwrap());
            let links: String = words.map(|link| format!("<link_ctn id='{link}'/>")).collect();
            format!("<route src='{from}' dst='{to}'>{links}</route>")
        })
        .collect();
    read(&format!(
        "<platform version='4.1'><zone id='w' routing='{routing}'>{hosts}{links}{routes}</zone></platform>"
    ))
}

/// A square a-b-d-c-a with a long way from a to d: two paths of two links, one of three. Floyd
/// looks through the points between in the order of declaration: b comes before c. Dijkstra visits
/// those at the same distance in the order in which routes name them: c comes before b.
#[test]
fn of_equal_paths_the_first_one_wins() {
    let routes = ["a c ac", "c d cd", "a b ab", "b d bd", "a d x y z"];
    let floyd = zone("Floyd", "a b c d", "ab bd ac cd x y z", &routes);
    assert_eq!(links(&floyd, "a", "d"), "ab bd");
    assert_eq!(links(&floyd, "d", "a"), "bd ab");
    assert_eq!(links(&floyd, "b", "c"), "ab ac");
    let floyd = zone("Floyd", "a c b d", "ab bd ac cd x y z", &routes);
    assert_eq!(links(&floyd, "a", "d"), "ac cd");
    for name in ["Dijkstra", "DijkstraCache", "dijkstra"] {
        let dijkstra = zone(name, "a b c d", "ab bd ac cd x y z", &routes);
        assert_eq!(links(&dijkstra, "a", "d"), "ac cd");
        assert_eq!(links(&dijkstra, "d", "a"), "cd ac");
        assert_eq!(links(&dijkstra, "b", "c"), "ab ac");
    }
    let full = zone("Full", "a b c d", "ab bd ac cd x y z", &routes);
    assert_eq!(links(&full, "a", "d"), "x y z");
    assert_eq!(links(&full, "b", "c"), "none");
}

/// The cost of a step is how many links it has, not that it is one step, nor the latency.
#[test]
fn a_path_has_the_fewest_links() {
    let routes = ["a b l l l l", "a c p", "c d q", "d b r"];
    for routing in ["Floyd", "Dijkstra"] {
        let spec = zone(routing, "a b c d e", "l p q r", &routes);
        assert_eq!(links(&spec, "a", "b"), "p q r");
        assert_eq!(links(&spec, "b", "a"), "r q p");
        // Of two paths of three links the declared route comes first.
        let spec = zone(routing, "a b c d e", "l p q r", &["a b l l l", "a c p", "c d q", "d b r"]);
        assert_eq!(links(&spec, "a", "b"), "l l l");
        assert_eq!(links(&spec, "a", "e"), "none");
        // To itself: the implicit loopback, as in a zone of declared routes.
        assert_eq!(links(&spec, "a", "a"), "__loopback__0");
    }
}

#[test]
fn one_way_steps_and_split_duplex_links() {
    for routing in ["Floyd", "Dijkstra"] {
        let spec = read(&format!(
            "<platform version='4.1'><zone id='w' routing='{routing}'>
               <host id='a' speed='1f'/><router id='r'/><host id='b' speed='1f'/>
               <link id='s' bandwidth='1Bps' sharing_policy='SPLITDUPLEX'/><link id='t' bandwidth='1Bps'/>
               <link id='o' bandwidth='1Bps'/><link id='me' bandwidth='1Bps'/>
               <route src='a' dst='r'><link_ctn id='s' direction='UP'/></route>
               <route src='r' dst='b'><link_ctn id='t'/></route>
               <route src='b' dst='a' symmetrical='NO'><link_ctn id='o'/></route>
               <route src='b' dst='b'><link_ctn id='me'/></route>
             </zone></platform>"
        ));
        assert_eq!(links(&spec, "a", "b"), "s_UP t");
        assert_eq!(links(&spec, "b", "a"), "o");
        assert_eq!(links(&spec, "b", "b"), "me");
    }
}

/// Zones as points of a path: what lies between is crossed from the gateway where one step ends to
/// that where the next begins.
#[test]
fn a_path_crosses_the_zones_between() {
    for routing in ["Floyd", "Dijkstra"] {
        let spec = read(&format!(
            "<platform version='4.1'><zone id='world' routing='{routing}'>
               <zone id='A' routing='Full'><host id='a' speed='1f'/><router id='ar'/>
                 <link id='a-ar' bandwidth='1Bps' sharing_policy='SPLITDUPLEX'/>
                 <route src='a' dst='ar'><link_ctn id='a-ar' direction='UP'/></route></zone>
               <zone id='B' routing='Full'><host id='b' speed='1f'/><router id='in'/><router id='out'/>
                 <link id='in-out' bandwidth='1Bps'/><link id='b-in' bandwidth='1Bps'/><link id='b-out' bandwidth='1Bps'/>
                 <route src='in' dst='out'><link_ctn id='in-out'/></route>
                 <route src='b' dst='in'><link_ctn id='b-in'/></route>
                 <route src='b' dst='out'><link_ctn id='b-out'/></route></zone>
               <cluster id='C' prefix='c' suffix='' radical='0-1' speed='1f' bw='1Bps' lat='0'/>
               <zone id='D' routing='None'><host id='d' speed='1f'/></zone>
               <link id='ab' bandwidth='1Bps'/><link id='bc' bandwidth='1Bps'/><link id='cd' bandwidth='1Bps'/>
               <zoneRoute src='A' dst='B' gw_src='ar' gw_dst='in'><link_ctn id='ab'/></zoneRoute>
               <zoneRoute src='B' dst='C' gw_src='out' gw_dst='cC_router'><link_ctn id='bc'/></zoneRoute>
               <zoneRoute src='C' dst='D' gw_src='cC_router' gw_dst='d'><link_ctn id='cd'/></zoneRoute>
             </zone></platform>"
        ));
        assert_eq!(links(&spec, "a", "b"), "a-ar_UP ab b-in");
        assert_eq!(links(&spec, "a", "c1"), "a-ar_UP ab in-out bc C_link_1_DOWN");
        assert_eq!(links(&spec, "c1", "a"), "C_link_1_UP bc in-out ab a-ar_DOWN");
        // In the cluster the two gateways are the same router, so nothing is crossed there.
        assert_eq!(links(&spec, "a", "d"), "a-ar_UP ab in-out bc cd");
        assert_eq!(links(&spec, "d", "b"), "cd bc b-out");
    }
}

/// Three levels: from l1 up to the gateways of each level, and down again.
#[test]
fn zones_in_zones_in_zones() {
    let spec = read(
        "<platform version='4.1'><zone id='world' routing='Floyd'>
           <zone id='L' routing='Dijkstra'>
             <zone id='L1' routing='Floyd'><host id='l1' speed='1f'/><router id='l1r'/>
               <link id='p' bandwidth='1Bps'/><route src='l1' dst='l1r'><link_ctn id='p'/></route></zone>
             <zone id='L2' routing='Full'><host id='l2' speed='1f'/><router id='l2r'/>
               <link id='q' bandwidth='1Bps'/><route src='l2' dst='l2r'><link_ctn id='q'/></route></zone>
             <link id='m' bandwidth='1Bps'/>
             <zoneRoute src='L1' dst='L2' gw_src='l1r' gw_dst='l2'><link_ctn id='m'/></zoneRoute>
           </zone>
           <cluster id='R' prefix='r' suffix='' radical='0-9' speed='1f' bw='1Bps' lat='0' bb_bw='1Bps'/>
           <link id='w' bandwidth='1Bps'/>
           <zoneRoute src='L' dst='R' gw_src='l2r' gw_dst='rR_router'><link_ctn id='w'/></zoneRoute>
         </zone></platform>",
    );
    assert_eq!(links(&spec, "l1", "r5"), "p m q w R_backbone R_link_5_DOWN");
    assert_eq!(links(&spec, "r5", "l1"), "R_link_5_UP R_backbone w q m p");
    assert_eq!(links(&spec, "l2", "r5"), "q w R_backbone R_link_5_DOWN");
    assert_eq!(links(&spec, "l2", "l1"), "m p");
    let names: Vec<_> =
        spec.zones().map(|(_, zone)| (zone.name.as_str(), zone.routing.name())).collect();
    assert_eq!(
        names,
        [("world", "Floyd"), ("L", "Dijkstra"), ("L1", "Floyd"), ("L2", "Full"), ("R", "Cluster")]
    );
}

/// A bypass comes before whatever else connects its ends, in its own direction only.
#[test]
fn a_bypass_between_hosts() {
    for routing in ["Full", "Floyd", "Dijkstra"] {
        let spec = read(&format!(
            "<platform version='4.1'><zone id='w' routing='{routing}'>
               <host id='a' speed='1f'/><host id='b' speed='1f'/>
               <link id='x' bandwidth='1Bps'/><link id='y' bandwidth='1Bps'/>
               <route src='a' dst='b'><link_ctn id='x'/></route>
               <bypassRoute src='a' dst='b'><link_ctn id='y'/><link_ctn id='y'/></bypassRoute>
             </zone></platform>"
        ));
        assert_eq!(links(&spec, "a", "b"), "y y");
        assert_eq!(links(&spec, "b", "a"), "x");
        let zone = spec.zones().next().unwrap().0;
        let declared: Vec<_> =
            spec.declared_routes(zone).map(|route| (route.links.len(), route.bypass)).collect();
        assert_eq!(declared, [(1, false), (2, true)]);
    }
}

/// Between zones the ends may lie deeper than the zone that declares it; the ones nearest to the
/// hosts are looked at first.
#[test]
fn a_bypass_between_zones() {
    let text = |bypasses: &str| {
        format!(
            "<platform version='4.1'><zone id='world' routing='Full'>
               <zone id='A' routing='Full'>
                 <zone id='A1' routing='Full'><host id='a1' speed='1f'/></zone>
                 <zone id='A2' routing='Full'><host id='a2' speed='1f'/></zone>
                 <link id='a12' bandwidth='1Bps'/>
                 <zoneRoute src='A1' dst='A2' gw_src='a1' gw_dst='a2'><link_ctn id='a12'/></zoneRoute>
               </zone>
               <cluster id='B' prefix='b' suffix='' radical='0-1' speed='1f' bw='1Bps' lat='0'/>
               <link id='ab' bandwidth='1Bps'/><link id='far' bandwidth='1Bps'/><link id='near' bandwidth='1Bps'/>
               <zoneRoute src='A' dst='B' gw_src='a1' gw_dst='bB_router'><link_ctn id='ab'/></zoneRoute>
               {bypasses}
             </zone></platform>"
        )
    };
    let far = "<bypassZoneRoute src='A' dst='B' gw_src='a1' gw_dst='bB_router'><link_ctn id='far'/></bypassZoneRoute>";
    let near = "<bypassASroute src='A2' dst='B' gw_src='a2' gw_dst='b1'><link_ctn id='near'/></bypassASroute>";
    let spec = read(&text(""));
    assert_eq!(links(&spec, "a2", "b0"), "a12 ab B_link_0_DOWN");
    let spec = read(&text(far));
    assert_eq!(links(&spec, "a2", "b0"), "a12 far B_link_0_DOWN");
    assert_eq!(links(&spec, "b0", "a2"), "B_link_0_UP ab a12");
    let spec = read(&text(&format!("{far}{near}")));
    assert_eq!(links(&spec, "a1", "b0"), "far B_link_0_DOWN");
    assert_eq!(links(&spec, "a2", "b1"), "near");
    assert_eq!(links(&spec, "a2", "b0"), "near B_link_1_UP B_link_0_DOWN");
}

#[test]
fn what_is_wrong_with_routes_is_told() {
    let errors = |text: &str| -> Vec<String> {
        PlatformSpec::from_simgrid_xml(text)
            .map(drop)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(
        errors(
            "<platform version='4.1'><zone id='w' routing='Full'>
<zone id='A' routing='None'><host id='a' speed='1f'/></zone>
<zone id='B' routing='None'><host id='b' speed='1f'/><link id='l' bandwidth='1Bps'/>
<route src='b' dst='b'><link_ctn id='l'/></route></zone>
<zoneRoute src='A' dst='B' gw_src='a'><link_ctn id='l'/></zoneRoute>
<bypassZoneRoute src='A' dst='B' gw_src='b' gw_dst='b'><link_ctn id='l'/></bypassZoneRoute>
<bypassZoneRoute src='A' dst='w' gw_src='a' gw_dst='b'><link_ctn id='l'/></bypassZoneRoute>
<bypassZoneRoute src='B' dst='A' gw_src='b' gw_dst='a'><link_ctn id='l'/></bypassZoneRoute>
<bypassZoneRoute src='B' dst='A' gw_src='b' gw_dst='a' symmetrical='YES'><link_ctn id='l'/></bypassZoneRoute>
</zone></platform>"
        ),
        [
            "line 4, column 1: `route` has no place in a zone with `None` routing: with `Full` routing every route is declared",
            "line 5, column 1: `zoneRoute` needs the attribute `gw_dst`: only a flat `cluster` \
             has a gateway of its own, its router",
            "line 6, column 42: host `b` is not in zone `A`",
            "line 7, column 31: zone `w` is not in zone `w`",
            "line 9, column 1: there are two routes from `B` to `A`",
            "line 9, column 56: unknown attribute `symmetrical` of `bypassZoneRoute`",
        ]
    );
    let many: String = (0..4001).map(|host| format!("<host id='h{host}' speed='1f'/>")).collect();
    assert_eq!(
        errors(&format!(
            "<platform version='4.1'><zone id='w' routing='Floyd'>{many}</zone></platform>"
        )),
        [
            "line 1, column 35: zone `w` with `Floyd` routing has 4001 points (limit 4000): `Dijkstra` routing also finds the routes with the fewest links, and has no limit"
        ]
    );
}

/// A route in a zone of a description is told with its ends and gateways.
#[test]
fn declared_routes_can_be_looked_at() {
    let spec = read(
        "<platform version='4.1'><zone id='w' routing='Full'>
           <zone id='A' routing='None'><host id='a' speed='1f'/></zone>
           <zone id='B' routing='None'><host id='b' speed='1f'/></zone>
           <link id='l' bandwidth='1Bps'/><link id='m' bandwidth='1Bps'/>
           <zoneRoute src='A' dst='B' gw_src='a' gw_dst='b' symmetrical='NO'><link_ctn id='l'/><link_ctn id='m'/></zoneRoute>
         </zone></platform>",
    );
    let world = spec.zones().next().unwrap().0;
    let routes: Vec<_> = spec.declared_routes(world).collect();
    assert_eq!(routes.len(), 1);
    let names = [routes[0].from, routes[0].to, routes[0].first, routes[0].last]
        .map(|point| spec.name(point));
    assert_eq!(names, ["A", "B", "a", "b"]);
    assert!(!routes[0].symmetrical && matches!(routes[0].from, Point::Zone(_)));
    assert_eq!(routes[0].links.len(), 2);
}

/// The fewest links from a host to every other one, by relaxing all steps until nothing changes.
fn fewest(hosts: usize, steps: &[(usize, usize, usize, bool)], from: usize) -> Vec<Option<usize>> {
    let mut cost = vec![None; hosts];
    cost[from] = Some(0);
    for _ in 0..hosts {
        for &(a, b, length, both) in steps {
            for (a, b) in [(a, b), (b, a)].into_iter().take(1 + usize::from(both)) {
                let through = cost[a].map(|cost: usize| cost + length);
                if through.is_some() && (cost[b].is_none() || through < cost[b]) {
                    cost[b] = through;
                }
            }
        }
    }
    cost
}

proptest! {
    #![proptest_config(isotherm_testing::cases(1_000))]

    /// On random platforms Floyd and Dijkstra find routes as short as there are, exactly where
    /// there are some, made of declared steps; asking again, or in another order, changes nothing.
    #[test]
    fn paths_are_shortest(
        hosts in 2usize..12,
        wanted in prop::collection::vec((0usize..12, 0usize..12, 1usize..4, any::<bool>()), 0..30),
    ) {
        let mut steps: Vec<(usize, usize, usize, bool)> = Vec::new();
        for (from, to, length, both) in wanted {
            let (from, to) = (from % hosts, to % hosts);
            let overlaps = |&(a, b, _, known): &(usize, usize, usize, bool)| {
                (a, b) == (from, to) || ((a, b) == (to, from) && (known || both))
            };
            if from != to && !steps.iter().any(overlaps) {
                steps.push((from, to, length, both));
            }
        }
        for routing in [Routing::Floyd, Routing::Dijkstra] {
            let mut builder = PlatformBuilder::new();
            builder.routing(routing);
            for host in 0..hosts {
                builder.host(format!("h{host}"), 1.0);
            }
            for (index, &(from, to, length, both)) in steps.iter().enumerate() {
                let names: Vec<String> = (0..length).map(|part| format!("{index}.{part}")).collect();
                for name in &names {
                    builder.link(name.clone(), 1.0, 0.0);
                }
                let (from, to) = (format!("h{from}"), format!("h{to}"));
                if both { builder.route(&from, &to, names) } else { builder.one_way_route(&from, &to, names) };
            }
            let spec = builder.build().unwrap();
            let again = spec.clone();
            for (from, _) in spec.hosts() {
                let expected = fewest(hosts, &steps, from.index());
                for (to, _) in spec.hosts() {
                    if from == to {
                        continue;
                    }
                    let route = spec.route(from, to);
                    prop_assert_eq!(route.as_ref().ok().map(|route| route.len()), expected[to.index()]);
                    let Ok(route) = route else { continue };
                    // Follow the links: each step begins where the one before it ended.
                    let mut at = from.index();
                    let mut rest = route.iter().map(|&link| spec.link(link).name.clone()).collect::<Vec<_>>();
                    while !rest.is_empty() {
                        let step: usize = rest[0].split('.').next().unwrap().parse().unwrap();
                        let (a, b, length, both) = steps[step];
                        let mut names: Vec<String> = (0..length).map(|part| format!("{step}.{part}")).collect();
                        let backwards = at == b;
                        prop_assert!(at == a || (backwards && both));
                        if backwards { names.reverse(); }
                        at = if backwards { a } else { b };
                        prop_assert_eq!(&rest[..length], &names[..]);
                        rest.drain(..length);
                    }
                    prop_assert_eq!(at, to.index());
                }
            }
            for (to, _) in again.hosts().collect::<Vec<_>>().into_iter().rev() {
                for (from, _) in again.hosts() {
                    prop_assert_eq!(again.route(from, to).ok(), spec.route(from, to).ok());
                }
            }
        }
    }
}
