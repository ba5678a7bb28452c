//! Which links lead from one host to another.
//!
//! A topology is a tree of zones. A zone holds *points*: hosts, routers, or zones. The routes between the points of
//! one zone come from its [`Routing`]; a route between hosts of different zones is put together from the routes
//! inside their zones up to gateways and the route between the two zones in their lowest common ancestor.
//!
//! A declared route is stored once: the way back of a symmetrical route is the stored one, read backwards. Equal
//! lists of links are stored once too, so that "a thousand nodes behind one switch" costs one list and a thousand
//! table entries.
//!
//! Other kinds of zones (shortest paths, clusters, coordinates) become further variants of [`Routing`].

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

use crate::id::{HostId, LinkId};

/// The links of a route in the order in which they are crossed. A link may occur twice.
pub type Links = SmallVec<[LinkId; 8]>;

/// A point of a zone: a host, a router or a zone, numbered across the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PointId(pub(crate) u32);

/// A zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ZoneId(pub(crate) u32);

/// One link of a declared route, and whether the way back takes its opposite direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hop {
    pub(crate) link: LinkId,
    pub(crate) turns: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HopListId(u32);

/// A route between two points of one zone, as found.
struct Found {
    hops: HopListId,
    backwards: bool,
    /// The points inside the two zones between which the links lead, if the points are zones.
    gateways: Option<(PointId, PointId)>,
}

/// A declared route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub(crate) hops: HopListId,
    pub(crate) symmetrical: bool,
    pub(crate) gateways: Option<(PointId, PointId)>,
}

/// How the routes between the points of one zone are found.
#[derive(Clone, Debug)]
pub(crate) enum Routing {
    /// Only declared routes.
    Full(FxHashMap<(PointId, PointId), Declared>),
    /// No routes at all.
    None,
}

impl Routing {
    fn find(&self, from: PointId, to: PointId) -> Option<Found> {
        match self {
            Routing::Full(table) => {
                if let Some(route) = table.get(&(from, to)) {
                    return Some(Found { hops: route.hops, backwards: false, gateways: route.gateways });
                }
                let route = table.get(&(to, from)).filter(|route| route.symmetrical)?;
                Some(Found {
                    hops: route.hops,
                    backwards: true,
                    gateways: route.gateways.map(|(source, target)| (target, source)),
                })
            }
            Routing::None => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Zone {
    parent: Option<ZoneId>,
    depth: u32,
    /// The zone as a point of its parent.
    point: PointId,
    routing: Routing,
    /// The implicit loopback of the hosts of this zone.
    loopback: Option<LinkId>,
}

/// The zones of a platform and all its routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    zones: Vec<Zone>,
    /// The zone that each point is in. A root zone is in itself.
    zone_of: Vec<ZoneId>,
    /// Points of the hosts, by number of the host.
    hosts: Vec<PointId>,
    lists: IndexSet<Box<[Hop]>, FxBuildHasher>,
    /// The other direction of each link that is half of a split-duplex link.
    opposite: Vec<Option<LinkId>>,
}

impl Topology {
    pub(crate) fn add_zone(&mut self, parent: Option<ZoneId>, routing: Routing) -> ZoneId {
        let zone = ZoneId(self.zones.len() as u32);
        let point = self.add_point(parent.unwrap_or(zone));
        let depth = parent.map_or(0, |parent| self.zones[parent.0 as usize].depth + 1);
        self.zones.push(Zone { parent, depth, point, routing, loopback: None });
        zone
    }

    pub(crate) fn add_host(&mut self, zone: ZoneId) -> PointId {
        let point = self.add_point(zone);
        self.hosts.push(point);
        point
    }

    pub(crate) fn add_point(&mut self, zone: ZoneId) -> PointId {
        self.zone_of.push(zone);
        PointId(self.zone_of.len() as u32 - 1)
    }

    pub(crate) fn zone_point(&self, zone: ZoneId) -> PointId {
        self.zones[zone.0 as usize].point
    }

    pub(crate) fn zone_of(&self, point: PointId) -> ZoneId {
        self.zone_of[point.0 as usize]
    }

    pub(crate) fn set_opposites(&mut self, opposite: Vec<Option<LinkId>>) {
        self.opposite = opposite;
    }

    pub(crate) fn set_loopback(&mut self, zone: ZoneId, link: LinkId) {
        self.zones[zone.0 as usize].loopback = Some(link);
    }

    pub(crate) fn hop_list(&mut self, hops: &[Hop]) -> HopListId {
        let index = match self.lists.get_index_of(hops) {
            Some(index) => index,
            None => self.lists.insert_full(hops.into()).0,
        };
        HopListId(index as u32)
    }

    /// Declares a route. Returns false, and does nothing, if there is one already.
    pub(crate) fn declare(&mut self, zone: ZoneId, from: PointId, to: PointId, route: Declared) -> bool {
        let Routing::Full(table) = &mut self.zones[zone.0 as usize].routing else {
            return false;
        };
        let forth = table.contains_key(&(from, to));
        let back = table.get(&(to, from));
        let overlaps = forth || back.is_some_and(|back| back.symmetrical || route.symmetrical);
        if !overlaps {
            table.insert((from, to), route);
        }
        !overlaps
    }

    /// Whether a point lies in a zone or in a zone of it.
    pub(crate) fn is_inside(&self, point: PointId, zone: ZoneId) -> bool {
        let mut at = self.zone_of(point);
        loop {
            if at == zone {
                return true;
            }
            match self.zones[at.0 as usize].parent {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }

    /// The route between two hosts: from a host to itself its declared route to itself or else the implicit loopback
    /// of its zone. `None` if nothing connects them.
    pub(crate) fn route(&self, from: HostId, to: HostId) -> Option<Links> {
        let (from, to) = (self.hosts[from.index()], self.hosts[to.index()]);
        let mut links = Links::new();
        if self.append(from, to, &mut links) {
            return Some(links);
        }
        if from == to {
            let loopback = self.zones[self.zone_of(from).0 as usize].loopback?;
            return Some(SmallVec::from_slice(&[loopback]));
        }
        None
    }

    fn append(&self, from: PointId, to: PointId, links: &mut Links) -> bool {
        let (zone, near, far) = self.meet(from, to);
        let Some(zone) = zone else { return false };
        let Some(found) = self.zones[zone.0 as usize].routing.find(near, far) else {
            return false;
        };
        let (first, last) = found.gateways.unwrap_or((near, far));
        // Nothing is added when an end is the gateway itself. Gateways lie strictly deeper than the
        // zone of the route, so this ends.
        if near != from && first != from && !self.append(from, first, links) {
            return false;
        }
        self.append_hops(found.hops, found.backwards, links);
        far == to || last == to || self.append(last, to, links)
    }

    /// The lowest zone that holds both points, and the points of that zone in which they lie.
    fn meet(&self, mut from: PointId, mut to: PointId) -> (Option<ZoneId>, PointId, PointId) {
        loop {
            let (a, b) = (self.zone_of(from), self.zone_of(to));
            if a == b {
                return (Some(a), from, to);
            }
            let (zone_a, zone_b) = (&self.zones[a.0 as usize], &self.zones[b.0 as usize]);
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
            links.extend(
                hops.iter()
                    .rev()
                    .map(|hop| if hop.turns { self.opposite[hop.link.index()].unwrap_or(hop.link) } else { hop.link }),
            );
        } else {
            links.extend(hops.iter().map(|hop| hop.link));
        }
    }
}
