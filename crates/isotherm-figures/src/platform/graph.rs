//! The contents of a zone and their connections, as a graph to be drawn.
//!
//! Nodes are hosts, routers, zones and links. A node where links meet is added too, so that a
//! switch is one point rather than a line between every two of its links. Links meet if they
//! follow each other in a route. Three or more that meet, other than as a chain, meet in one
//! point.
//!
//! Nodes that are alike are merged if they are many: those that look alike and have the same
//! connections to nodes that are alike. The classes are computed by colour refinement; the
//! members of small classes are then distinguished and the classes refined again, so that the
//! hosts of one switch are not merged with those of another.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};
use isotherm_platform::{DeclaredRoute, FatTreeNode, HostId, LinkId, Point, RouterId, ZoneId};

use super::table::{host_profiles, link_profiles, policy, speed};
use super::view::PlatformView;

/// A class of more nodes than this is merged into one node.
const MOST_ALIKE: usize = 8;

/// A zone with more nodes than this is drawn in less detail.
const MOST_NODES: usize = 120;

/// Which properties are compared to find things that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Their kind, all their properties, and their connections.
    Everything,
    /// Their kind and their connections.
    Connections,
    /// Their kind alone.
    Kind,
}

/// What a node stands for: one thing, or many that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Hosts(Vec<HostId>),
    Routers(Vec<RouterId>),
    Zones(Vec<ZoneId>),
    /// Links; one half of each split-duplex link.
    Links(Vec<LinkId>),
    /// A point where links meet.
    Meeting,
}

/// The contents of a zone. Edges are pairs of indices of nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: BTreeSet<(usize, usize)>,
}

impl Node {
    /// The number of things it stands for.
    pub(super) fn len(&self) -> usize {
        match self {
            Node::Hosts(hosts) => hosts.len(),
            Node::Routers(routers) => routers.len(),
            Node::Zones(zones) => zones.len(),
            Node::Links(links) => links.len(),
            Node::Meeting => 1,
        }
    }

    /// Whether it stands for more than one thing.
    pub(super) fn is_many(&self) -> bool {
        self.len() > 1
    }
}

impl Graph {
    /// The number of things connected to each of those that a node stands for (an estimate if the
    /// node or a neighbour stands for several).
    pub(super) fn connected_to(&self, number: usize) -> usize {
        let ends = self.edges.iter().filter(|&&(a, b)| a == number || b == number);
        let others = ends.map(|&(a, b)| if a == number { b } else { a });
        others.map(|other| (self.nodes[other].len() / self.nodes[number].len()).max(1)).sum()
    }

    /// The degree of a node.
    pub(super) fn degree(&self, number: usize) -> usize {
        self.edges.iter().filter(|&&(a, b)| a == number || b == number).count()
    }

    /// Whether a node is a link that connects more than two things.
    pub(super) fn is_bar(&self, number: usize) -> bool {
        matches!(&self.nodes[number], Node::Links(links) if links.len() == 1)
            && self.connected_to(number) > 2
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Thing {
    Point(Point),
    Link(LinkId),
    /// A point where links meet, numbered.
    Meeting(usize),
}

#[derive(Default)]
struct Builder {
    things: IndexSet<Thing>,
    edges: BTreeSet<(usize, usize)>,
    /// The points at which routes begin or end with a link, by the index of the link.
    ends: BTreeMap<usize, BTreeSet<usize>>,
}

impl Builder {
    fn node(&mut self, thing: Thing) -> usize {
        self.things.insert_full(thing).0
    }

    fn connect(&mut self, a: Thing, b: Thing) {
        let (a, b) = (self.node(a), self.node(b));
        if a != b {
            self.edges.insert((a.min(b), a.max(b)));
        }
    }

    /// The point where these links meet: the host, router or zone at which all of them end if
    /// there is exactly one, else a new point.
    fn meeting(&mut self, links: &[LinkId]) -> Thing {
        let mut ending: IndexMap<usize, usize> = IndexMap::new();
        for &link in links {
            let Some(number) = self.things.get_index_of(&Thing::Link(link)) else { continue };
            for &point in self.ends.get(&number).into_iter().flatten() {
                *ending.entry(point).or_default() += 1;
            }
        }
        let mut everywhere = ending.iter().filter(|&(_, &count)| count == links.len());
        match (everywhere.next(), everywhere.next()) {
            (Some((&point, _)), None) => self.things[point],
            _ => Thing::Meeting(self.things.len()),
        }
    }

    /// Notes that a route begins or ends at a point with this link.
    fn end(&mut self, point: Point, link: LinkId) {
        self.connect(Thing::Point(point), Thing::Link(link));
        let (point, link) = (self.node(Thing::Point(point)), self.node(Thing::Link(link)));
        self.ends.entry(link).or_default().insert(point);
    }
}

impl PlatformView {
    /// The graph of what is directly in a zone.
    pub(super) fn graph(&self, zone: ZoneId) -> Graph {
        let mut builder = Builder::default();
        for point in self.spec.points(zone) {
            builder.node(Thing::Point(point));
        }
        if self.spec.attachments(zone).next().is_some() {
            self.add_cluster(zone, &mut builder);
        } else if self.spec.fat_tree(zone).is_some() {
            self.add_fat_tree(zone, &mut builder);
        } else {
            self.add_routes(zone, &mut builder);
        }
        for detail in [Detail::Everything, Detail::Connections] {
            let graph = self.simplified(&builder, detail);
            if graph.nodes.len() <= MOST_NODES {
                return graph;
            }
        }
        self.simplified(&builder, Detail::Kind)
    }

    /// The link that stands for both halves of a split-duplex link.
    pub(super) fn one_of_pair(&self, link: LinkId) -> LinkId {
        self.spec.link(link).opposite.map_or(link, |opposite| link.min(opposite))
    }

    fn add_cluster(&self, zone: ZoneId, builder: &mut Builder) {
        let routers: Vec<Point> =
            self.spec.points(zone).filter(|point| matches!(point, Point::Router(_))).collect();
        let middle = match (self.spec.backbone(zone), routers.as_slice()) {
            (Some(backbone), _) => Thing::Link(backbone),
            (None, [router]) => Thing::Point(*router),
            (None, _) => builder.meeting(&[]),
        };
        for attachment in self.spec.attachments(zone) {
            let mut at = Thing::Point(attachment.point);
            if let Some(limiter) = attachment.limiter {
                let limiter = Thing::Link(limiter);
                builder.connect(at, limiter);
                at = limiter;
            }
            for link in [attachment.up, attachment.down] {
                let link = Thing::Link(self.one_of_pair(link));
                builder.connect(at, link);
                builder.connect(link, middle);
            }
        }
        for router in routers {
            builder.connect(Thing::Point(router), middle);
        }
    }

    /// A switch of a fat tree is a point where its cables meet, or its limiter.
    fn add_fat_tree(&self, zone: ZoneId, builder: &mut Builder) {
        let hosts: Vec<Point> = self.spec.points(zone).collect();
        let mut switches: IndexMap<FatTreeNode, Thing> = IndexMap::new();
        for cable in self.spec.cables(zone) {
            for node in [cable.child, cable.parent] {
                let limiter = self.spec.limiter(zone, node).map(Thing::Link);
                let host = hosts.get(node.position as usize).filter(|_| node.level == 0);
                let end = match (host, limiter) {
                    (Some(&host), limiter) => {
                        let host = Thing::Point(host);
                        limiter.inspect(|&limiter| builder.connect(host, limiter)).unwrap_or(host)
                    }
                    (None, Some(limiter)) => limiter,
                    (None, None) => *switches
                        .entry(node)
                        .or_insert_with(|| Thing::Meeting(builder.things.len())),
                };
                builder.connect(end, Thing::Link(self.one_of_pair(cable.up)));
            }
        }
    }

    fn add_routes(&self, zone: ZoneId, builder: &mut Builder) {
        let members: BTreeSet<Point> = self.spec.points(zone).collect();
        let mut followers: IndexMap<LinkId, BTreeSet<LinkId>> = IndexMap::new();
        let ends_here =
            |route: &DeclaredRoute| members.contains(&route.from) && members.contains(&route.to);
        for route in self.spec.declared_routes(zone).filter(ends_here) {
            let links: Vec<LinkId> =
                route.links.iter().map(|&link| self.one_of_pair(link)).collect();
            let (Some(&first), Some(&last)) = (links.first(), links.last()) else { continue };
            builder.end(route.from, first);
            builder.end(route.to, last);
            for pair in links.windows(2).filter(|pair| pair[0] != pair[1]) {
                followers.entry(pair[0]).or_default().insert(pair[1]);
                followers.entry(pair[1]).or_default().insert(pair[0]);
            }
        }
        for component in components(&followers) {
            let neighbours = |link: &LinkId| followers.get(link).map_or(0, BTreeSet::len);
            let pairs: usize = component.iter().map(neighbours).sum::<usize>() / 2;
            let is_chain =
                pairs < component.len() && component.iter().all(|link| neighbours(link) <= 2);
            if is_chain {
                for &link in &component {
                    for &other in followers[&link].iter().filter(|&&other| link < other) {
                        let meeting = builder.meeting(&[link, other]);
                        builder.connect(Thing::Link(link), meeting);
                        builder.connect(Thing::Link(other), meeting);
                    }
                }
            } else {
                let meeting = middle(&component, &followers, builder);
                for &link in &component {
                    builder.connect(Thing::Link(link), meeting);
                }
            }
        }
    }

    /// Whether zones look alike, so that the contents of the first can stand for those of each.
    pub(super) fn are_alike(&self, zones: &[ZoneId]) -> bool {
        let mut looks = zones.iter().map(|&zone| self.zone_looks(zone));
        let first = looks.next();
        looks.all(|other| Some(other) == first)
    }

    /// The properties of a thing as text: things whose texts differ are never merged.
    fn looks(&self, thing: Thing, detail: Detail) -> String {
        let closely = detail == Detail::Everything;
        match thing {
            Thing::Point(Point::Host(host)) if closely => self.host_looks(host),
            Thing::Point(Point::Zone(zone)) if closely => self.zone_looks(zone),
            Thing::Link(link) if closely => self.link_looks(link),
            Thing::Point(Point::Host(host)) => format!("host {:?}", self.part(host)),
            Thing::Point(Point::Zone(zone)) => {
                format!("zone {}", self.spec.zone(zone).routing.name())
            }
            Thing::Link(_) => "link".to_owned(),
            Thing::Point(Point::Router(_)) => "router".to_owned(),
            Thing::Meeting(_) => "meeting".to_owned(),
        }
    }

    fn host_looks(&self, id: HostId) -> String {
        let host = self.spec.host(id);
        let disks: Vec<String> = host
            .disks
            .iter()
            .map(|&disk| {
                let disk = self.spec.disk(disk);
                format!(
                    "{} {} {} {}",
                    disk.mount, disk.read_bandwidth, disk.write_bandwidth, disk.size
                )
            })
            .collect();
        let (part, remote, profiles) = (self.part(id), &host.remote_disks, host_profiles(host));
        format!(
            "host {part:?} {} {} {:?} {disks:?} {remote:?} {profiles:?} {:?}",
            host.cores,
            speed(host),
            host.memory,
            self.fails("host", id.index())
        )
    }

    fn link_looks(&self, link: LinkId) -> String {
        let fails = self.fails("link", self.one_of_pair(link).index());
        let link = self.spec.link(link);
        let profiles = link_profiles(link);
        let (bandwidth, latency) = (link.bandwidth, link.latency_s);
        format!("link {bandwidth} {latency} {} {profiles:?} {fails:?}", policy(link))
    }

    /// Zones look alike if their contents do, in the same order.
    fn zone_looks(&self, zone: ZoneId) -> String {
        let mut looks: IndexMap<String, usize> = IndexMap::new();
        for point in self.spec.points(zone) {
            *looks.entry(self.looks(Thing::Point(point), Detail::Everything)).or_default() += 1;
        }
        for attachment in self.spec.attachments(zone) {
            let links = [Some(attachment.up), attachment.limiter];
            for link in links.into_iter().flatten() {
                *looks.entry(self.link_looks(link)).or_default() += 1;
            }
        }
        for cable in self.spec.cables(zone) {
            let links = [Some(cable.up), self.spec.limiter(zone, cable.child)];
            for link in links.into_iter().flatten() {
                *looks.entry(self.link_looks(link)).or_default() += 1;
            }
        }
        for link in self
            .spec
            .declared_routes(zone)
            .flat_map(|route| route.links.iter().copied().collect::<Vec<_>>())
        {
            *looks.entry(self.link_looks(link)).or_default() += 1;
        }
        let backbone = self.spec.backbone(zone).map(|link| self.link_looks(link));
        let routing = self.spec.zone(zone).routing.name();
        format!("zone {routing} {:?} {backbone:?} {looks:?}", self.spec.fat_tree(zone))
    }

    /// The graph with large classes of alike things merged.
    fn simplified(&self, builder: &Builder, detail: Detail) -> Graph {
        let count = builder.things.len();
        let mut neighbours = vec![Vec::new(); count];
        for &(a, b) in &builder.edges {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        let mut looks: IndexSet<String> = IndexSet::new();
        let colours: Vec<usize> = builder
            .things
            .iter()
            .map(|&thing| looks.insert_full(self.looks(thing, detail)).0)
            .collect();
        let colours = if detail == Detail::Kind { colours } else { classes(colours, &neighbours) };
        // Each class becomes a node, in the order of their first things.
        let mut numbers: IndexMap<usize, Vec<usize>> = IndexMap::new();
        for (thing, &colour) in colours.iter().enumerate() {
            numbers.entry(colour).or_default().push(thing);
        }
        let nodes = numbers
            .values()
            .filter_map(|members| node(members.iter().map(|&member| builder.things[member])));
        let number = |thing: usize| numbers.get_index_of(&colours[thing]).unwrap_or_default();
        let edges = builder.edges.iter().map(|&(a, b)| (number(a), number(b)));
        Graph {
            nodes: nodes.collect(),
            edges: edges.map(|(a, b)| (a.min(b), a.max(b))).filter(|(a, b)| a != b).collect(),
        }
    }
}

/// The point where the links of a component meet: the link that is adjacent to all others and
/// with which no route begins or ends, if the component is a star around it, else a meeting
/// point.
fn middle(
    component: &[LinkId],
    followers: &IndexMap<LinkId, BTreeSet<LinkId>>,
    builder: &mut Builder,
) -> Thing {
    let pairs = followers
        .iter()
        .filter(|(link, _)| component.binary_search(link).is_ok())
        .map(|(_, others)| others.len());
    let is_star = pairs.sum::<usize>() == 2 * (component.len() - 1);
    let is_middle = |link: &&LinkId| {
        let number = builder.things.get_index_of(&Thing::Link(**link));
        let begins_routes = number.is_some_and(|number| builder.ends.contains_key(&number));
        !begins_routes && followers[*link].len() == component.len() - 1
    };
    match component.iter().find(is_middle).filter(|_| is_star) {
        Some(&link) => Thing::Link(link),
        None => builder.meeting(component),
    }
}

/// The class of each thing, where alike things share a class; small classes are split into single
/// things.
fn classes(mut colours: Vec<usize>, neighbours: &[Vec<usize>]) -> Vec<usize> {
    loop {
        colours = refined(colours, neighbours);
        let mut sizes = vec![0_usize; colours.len()];
        for &colour in &colours {
            sizes[colour] += 1;
        }
        let small = |colour: usize| (2..=MOST_ALIKE).contains(&sizes[colour]);
        if !colours.iter().any(|&colour| small(colour)) {
            return colours;
        }
        let mut numbers: IndexSet<(usize, usize)> = IndexSet::new();
        let single =
            |(thing, &colour): (usize, &usize)| (colour, if small(colour) { thing + 1 } else { 0 });
        colours =
            colours.iter().enumerate().map(single).map(|key| numbers.insert_full(key).0).collect();
    }
}

/// Splits classes until the members of each have neighbours of the same classes.
fn refined(mut colours: Vec<usize>, neighbours: &[Vec<usize>]) -> Vec<usize> {
    let mut count = 0;
    loop {
        let mut numbers: IndexSet<(usize, Vec<usize>)> = IndexSet::new();
        let around = |thing: usize| {
            let mut around: Vec<usize> =
                neighbours[thing].iter().map(|&other| colours[other]).collect();
            around.sort_unstable();
            around
        };
        let next = (0..colours.len())
            .map(|thing| numbers.insert_full((colours[thing], around(thing))).0)
            .collect();
        if numbers.len() == count {
            return next;
        }
        count = numbers.len();
        colours = next;
    }
}

/// The node that stands for things of one kind.
fn node(things: impl Iterator<Item = Thing>) -> Option<Node> {
    let mut node = None;
    for thing in things {
        match (thing, &mut node) {
            (Thing::Point(Point::Host(host)), Some(Node::Hosts(hosts))) => hosts.push(host),
            (Thing::Point(Point::Router(router)), Some(Node::Routers(routers))) => {
                routers.push(router)
            }
            (Thing::Link(link), Some(Node::Links(links))) => links.push(link),
            (Thing::Point(Point::Zone(zone)), Some(Node::Zones(zones))) => zones.push(zone),
            (Thing::Point(Point::Host(host)), _) => node = Some(Node::Hosts(vec![host])),
            (Thing::Point(Point::Router(router)), _) => node = Some(Node::Routers(vec![router])),
            (Thing::Point(Point::Zone(zone)), _) => node = Some(Node::Zones(vec![zone])),
            (Thing::Link(link), _) => node = Some(Node::Links(vec![link])),
            (Thing::Meeting(_), _) => node = Some(Node::Meeting),
        }
    }
    // Links come in the order of the routes; they are shown in the order of declaration.
    if let Some(Node::Links(links)) = &mut node {
        links.sort_unstable();
    }
    node
}

/// The connected components of a graph of links.
fn components(followers: &IndexMap<LinkId, BTreeSet<LinkId>>) -> Vec<Vec<LinkId>> {
    let mut seen = BTreeSet::new();
    let mut components = Vec::new();
    for &start in followers.keys() {
        if !seen.insert(start) {
            continue;
        }
        let mut component = Vec::new();
        let mut next = vec![start];
        while let Some(link) = next.pop() {
            component.push(link);
            next.extend(followers[&link].iter().copied().filter(|&other| seen.insert(other)));
        }
        component.sort_unstable();
        components.push(component);
    }
    components
}
