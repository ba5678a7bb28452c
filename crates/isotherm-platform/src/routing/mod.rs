//! Which links lead from one host to another.
//!
//! A topology is a tree of zones. A zone holds *points*: hosts, routers, or zones. How the routes
//! between the points of one zone are found is its [`RouteFinder`]; a route between hosts of
//! different zones is put together from the routes inside their zones up to gateways and the route
//! between the two zones in their lowest common ancestor.
//!
//! | routing | route | cost of a look-up |
//! |---|---|---|
//! | `Full` | the declared one | one look-up in a table |
//! | `Floyd` | of declared ones, with the fewest links | its length; all paths are found at the first look-up |
//! | `Dijkstra` | of declared ones, with the fewest links | its length; all paths from a point are found at the first look-up from there, and forgotten when they get too many |
//! | `Cluster` | up from one host and down to the other | constant, without a table of pairs |
//! | `FatTree` | up to a switch above both and down | its length, without a table of pairs |
//! | `None` | none | constant |
//!
//! # Invariants
//!
//! * A declared route is stored once: the way back of a symmetrical route is the stored one, read
//!   backwards. Equal lists of links are stored once too, so that "a thousand nodes behind one
//!   switch" costs one list and a thousand table entries.
//! * What is found depends on the description alone. The memory of what was found before (the only
//!   thing here that ever changes) makes looking up faster and nothing else.
//! * Gateways lie inside the zones that they are gateways of, so that putting a route together
//!   ends.

mod cluster;
mod dijkstra;
mod fat_tree;
mod floyd;
mod point;
mod table;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::id::{HostId, LinkId, ZoneId};
pub(crate) use cluster::{Cluster, HostLinks};
pub use fat_tree::{Cable, FatTreeNode, FatTreeShape};
pub(crate) use fat_tree::{FatTree, LinkSeries, MOST_CABLES};
pub use point::{Point, Routing};

use dijkstra::Dijkstra;
use floyd::Floyd;
pub(crate) use floyd::MOST_POINTS as MOST_FLOYD_POINTS;
pub(crate) use table::{RouteEntry, RouteTable};

/// The links of a route in the order in which they are crossed. A link may occur twice.
pub type Links = SmallVec<[LinkId; 8]>;

/// A point of a zone: a host, a router or a zone, numbered across the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PointId(pub(crate) u32);

/// One link of a declared route, and whether the way back takes its opposite direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hop {
    pub(crate) link: LinkId,
    pub(crate) turns: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HopListId(u32);

/// A declared route in the direction in which it is crossed.
#[derive(Clone, Copy, Debug)]
struct RouteStep {
    hops: HopListId,
    backwards: bool,
    /// Where the links begin and end: the two points themselves, or gateways inside them if they
    /// are zones.
    start: PointId,
    end: PointId,
}

/// Declared routes, one after the other.
type RouteSteps = SmallVec<[RouteStep; 2]>;

/// How the routes between the points of one zone are found.
#[derive(Clone, Debug)]
enum RouteFinder {
    Full(RouteTable),
    Floyd(RouteTable, Floyd),
    Dijkstra(RouteTable, Dijkstra),
    Cluster(Cluster),
    FatTree(FatTree),
    None,
}

impl RouteFinder {
    fn new(routing: Routing) -> Self {
        match routing {
            Routing::Full => RouteFinder::Full(RouteTable::default()),
            Routing::Floyd => RouteFinder::Floyd(RouteTable::default(), Floyd::default()),
            Routing::Dijkstra => RouteFinder::Dijkstra(RouteTable::default(), Dijkstra::default()),
            Routing::Cluster => RouteFinder::Cluster(Cluster::default()),
            Routing::FatTree => RouteFinder::FatTree(FatTree::default()),
            Routing::None => RouteFinder::None,
        }
    }

    fn table(&self) -> Option<&RouteTable> {
        match self {
            RouteFinder::Full(table)
            | RouteFinder::Floyd(table, _)
            | RouteFinder::Dijkstra(table, _) => Some(table),
            RouteFinder::Cluster(_) | RouteFinder::FatTree(_) | RouteFinder::None => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Zone {
    parent: Option<ZoneId>,
    depth: u32,
    /// The zone as a point of its parent.
    point: PointId,
    /// What is in it, in the order of declaration.
    members: Vec<PointId>,
    finder: RouteFinder,
    /// Routes that come before all others.
    bypasses: RouteTable,
    /// The implicit loopback of the hosts of this zone.
    loopback: Option<LinkId>,
}

/// The zones of a platform and all its routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    zones: Vec<Zone>,
    /// The zone that each point is in. A root zone is in itself.
    zone_of: Vec<ZoneId>,
    /// What each point is.
    points: Vec<Point>,
    /// Points of the hosts, by number of the host.
    hosts: Vec<PointId>,
    lists: IndexSet<Box<[Hop]>, FxBuildHasher>,
    /// The other direction of each link that is half of a split-duplex link.
    opposite: Vec<Option<LinkId>>,
}

impl Topology {
    pub(crate) fn add_zone(&mut self, parent: Option<ZoneId>, routing: Routing) -> ZoneId {
        let zone = ZoneId(self.zones.len() as u32);
        let point = self.add_point(parent.unwrap_or(zone), Point::Zone(zone));
        let depth = parent.map_or(0, |parent| self.zones[parent.index()].depth + 1);
        self.zones.push(Zone {
            parent,
            depth,
            point,
            members: Vec::new(),
            finder: RouteFinder::new(routing),
            bypasses: RouteTable::default(),
            loopback: None,
        });
        zone
    }

    pub(crate) fn add_host(&mut self, zone: ZoneId) -> PointId {
        let host = HostId(self.hosts.len() as u32);
        let point = self.add_point(zone, Point::Host(host));
        self.hosts.push(point);
        point
    }

    pub(crate) fn add_point(&mut self, zone: ZoneId, what: Point) -> PointId {
        self.zone_of.push(zone);
        self.points.push(what);
        PointId(self.zone_of.len() as u32 - 1)
    }

    /// Enters a point into the list of its zone. To be called once for each point, in the order of
    /// declaration.
    pub(crate) fn list_point(&mut self, point: PointId) {
        let zone = self.zone_of(point);
        let zone = &mut self.zones[zone.index()];
        if zone.point != point {
            zone.members.push(point);
        }
    }

    pub(crate) fn zone_point(&self, zone: ZoneId) -> PointId {
        self.zones[zone.index()].point
    }

    pub(crate) fn zone_of(&self, point: PointId) -> ZoneId {
        self.zone_of[point.0 as usize]
    }

    pub(crate) fn host_point(&self, host: HostId) -> PointId {
        self.hosts[host.index()]
    }

    pub(crate) fn what(&self, point: PointId) -> Point {
        self.points[point.0 as usize]
    }

    pub(crate) fn members(&self, zone: ZoneId) -> &[PointId] {
        &self.zones[zone.index()].members
    }

    /// The declared routes between the points of a zone.
    pub(crate) fn table(&self, zone: ZoneId) -> Option<&RouteTable> {
        self.zones[zone.index()].finder.table()
    }

    /// The routes of a zone that come before all others.
    pub(crate) fn bypasses(&self, zone: ZoneId) -> &RouteTable {
        &self.zones[zone.index()].bypasses
    }

    /// What hangs on the middle of a zone with `Cluster` routing.
    pub(crate) fn cluster(&self, zone: ZoneId) -> Option<&Cluster> {
        match &self.zones[zone.index()].finder {
            RouteFinder::Cluster(cluster) => Some(cluster),
            _ => None,
        }
    }

    pub(crate) fn cluster_mut(&mut self, zone: ZoneId) -> Option<&mut Cluster> {
        match &mut self.zones[zone.index()].finder {
            RouteFinder::Cluster(cluster) => Some(cluster),
            _ => None,
        }
    }

    /// The tree that a zone is.
    pub(crate) fn fat_tree(&self, zone: ZoneId) -> Option<&FatTree> {
        match &self.zones[zone.index()].finder {
            RouteFinder::FatTree(tree) => Some(tree),
            _ => None,
        }
    }

    /// Makes a zone with `FatTree` routing the tree that it is. Its hosts are those of the zone.
    pub(crate) fn set_fat_tree(&mut self, zone: ZoneId, mut tree: FatTree) {
        let members = self.members(zone).iter().copied();
        tree.hosts = members.zip(0..).collect();
        self.zones[zone.index()].finder = RouteFinder::FatTree(tree);
    }

    /// The links of a list in the order in which they are crossed forwards.
    pub(crate) fn links(&self, list: HopListId) -> Links {
        let mut links = Links::new();
        self.append_hops(list, false, &mut links);
        links
    }

    /// The hops of a list in the order in which they are crossed forwards.
    pub(crate) fn hops(&self, list: HopListId) -> &[Hop] {
        self.lists.get_index(list.0 as usize).map_or(&[], |hops| hops)
    }

    pub(crate) fn set_opposites(&mut self, opposite: Vec<Option<LinkId>>) {
        self.opposite = opposite;
    }

    pub(crate) fn set_loopback(&mut self, zone: ZoneId, link: LinkId) {
        self.zones[zone.index()].loopback = Some(link);
    }

    pub(crate) fn hop_list(&mut self, hops: &[Hop]) -> HopListId {
        let index = match self.lists.get_index_of(hops) {
            Some(index) => index,
            None => self.lists.insert_full(hops.into()).0,
        };
        HopListId(index as u32)
    }

    /// Declares a route, or a bypass route, which takes precedence over all others. Returns false,
    /// and does nothing, if there is one already or the zone has no declared routes.
    pub(crate) fn declare(
        &mut self,
        zone: ZoneId,
        from: PointId,
        to: PointId,
        route: RouteEntry,
        bypass: bool,
    ) -> bool {
        let zone = &mut self.zones[zone.index()];
        match &mut zone.finder {
            _ if bypass => zone.bypasses.declare(from, to, route),
            RouteFinder::Full(table)
            | RouteFinder::Floyd(table, _)
            | RouteFinder::Dijkstra(table, _) => table.declare(from, to, route),
            RouteFinder::Cluster(_) | RouteFinder::FatTree(_) | RouteFinder::None => false,
        }
    }

    /// Whether a point lies in a zone or in a zone of it.
    pub(crate) fn is_inside(&self, point: PointId, zone: ZoneId) -> bool {
        let mut at = self.zone_of(point);
        loop {
            if at == zone {
                return true;
            }
            match self.zones[at.index()].parent {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }

    /// The route between two hosts: from a host to itself its declared route to itself or else the
    /// implicit loopback of its zone. `None` if nothing connects them.
    pub(crate) fn route(&self, from: HostId, to: HostId) -> Option<Links> {
        let (from, to) = (self.hosts[from.index()], self.hosts[to.index()]);
        let mut links = Links::new();
        if self.append(from, to, &mut links) {
            return Some(links);
        }
        if from == to {
            let loopback = self.zones[self.zone_of(from).index()].loopback?;
            return Some(SmallVec::from_slice(&[loopback]));
        }
        None
    }

    fn append(&self, from: PointId, to: PointId, links: &mut Links) -> bool {
        let (zone, near, far) = self.meet(from, to);
        let Some(zone_id) = zone else { return false };
        let zone = &self.zones[zone_id.index()];
        if let Some(step) = self.bypass(zone_id, from, to) {
            return self.append_steps(from, &[step], to, links);
        }
        let steps = match &zone.finder {
            RouteFinder::Full(table) => {
                table.find(near, far).map(|step| RouteSteps::from_slice(&[step]))
            }
            RouteFinder::Floyd(table, floyd) => floyd.find(table, &zone.members, near, far),
            RouteFinder::Dijkstra(table, dijkstra) => dijkstra.find(table, near, far),
            RouteFinder::Cluster(cluster) => {
                return near == from && far == to && cluster.append(from, to, links);
            }
            RouteFinder::FatTree(tree) => {
                return near == from && far == to && tree.append(from, to, links);
            }
            RouteFinder::None => None,
        };
        steps.is_some_and(|steps| self.append_steps(from, &steps, to, links))
    }

    /// Appends the links of declared routes that follow each other, with the ways up to the first,
    /// between them and from the last: nothing where one ends at the gateway at which the next
    /// begins.
    fn append_steps(
        &self,
        from: PointId,
        steps: &[RouteStep],
        to: PointId,
        links: &mut Links,
    ) -> bool {
        let mut at = from;
        for step in steps {
            // Gateways lie strictly deeper than the zone of the route, so this ends.
            if at != step.start && !self.append(at, step.start, links) {
                return false;
            }
            self.append_hops(step.hops, step.backwards, links);
            at = step.end;
        }
        at == to || self.append(at, to, links)
    }

    /// The bypass route for two points whose lowest common zone is this one: of hosts and routers
    /// of the zone itself their own; or else one between zones around them, the nearest ones first.
    fn bypass(&self, zone: ZoneId, from: PointId, to: PointId) -> Option<RouteStep> {
        let bypasses = &self.zones[zone.index()].bypasses;
        if bypasses.is_empty() {
            return None;
        }
        if self.zone_of(from) == zone && self.zone_of(to) == zone {
            return bypasses.find(from, to);
        }
        let (sources, targets) = (self.zones_around(from, zone), self.zones_around(to, zone));
        let find = |source: usize, target: usize| {
            let (source, target) = (*sources.get(source)?, *targets.get(target)?);
            bypasses.find(source, target)
        };
        (0..sources.len().max(targets.len())).find_map(|far| {
            let nearer = (0..far).find_map(|near| find(near, far).or_else(|| find(far, near)));
            nearer.or_else(|| find(far, far))
        })
    }

    /// The zones around a point, as points, from its own up to below a zone.
    fn zones_around(&self, point: PointId, below: ZoneId) -> SmallVec<[PointId; 4]> {
        let mut around = SmallVec::new();
        let mut at = self.zone_of(point);
        while at != below {
            let zone = &self.zones[at.index()];
            around.push(zone.point);
            let Some(parent) = zone.parent else { break };
            at = parent;
        }
        around
    }

    /// The lowest zone that holds both points, and the points of that zone in which they lie.
    fn meet(&self, mut from: PointId, mut to: PointId) -> (Option<ZoneId>, PointId, PointId) {
        loop {
            let (a, b) = (self.zone_of(from), self.zone_of(to));
            if a == b {
                return (Some(a), from, to);
            }
            let (zone_a, zone_b) = (&self.zones[a.index()], &self.zones[b.index()]);
            if zone_a.depth == 0 && zone_b.depth == 0 {
                return (None, from, to);
            }
            if zone_a.depth >= zone_b.depth {
                from = zone_a.point;
            }
            if zone_b.depth >= zone_a.depth {
                to = zone_b.point;
            }
        }
    }

    fn append_hops(&self, list: HopListId, backwards: bool, links: &mut Links) {
        let Some(hops) = self.lists.get_index(list.0 as usize) else {
            return;
        };
        if backwards {
            links.extend(hops.iter().rev().map(|hop| {
                if hop.turns {
                    self.opposite[hop.link.index()].unwrap_or(hop.link)
                } else {
                    hop.link
                }
            }));
        } else {
            links.extend(hops.iter().map(|hop| hop.link));
        }
    }
}
