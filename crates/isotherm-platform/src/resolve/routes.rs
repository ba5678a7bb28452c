//! Routes, the links of hosts in clusters, and the names in them.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{NamedLink, NamedPoint, Resolver, SUGGESTIONS};
use crate::error::{Kind, PlatformError, Problem};
use crate::id::{LinkId, ZoneId};
use crate::raw::{
    Direction, Ends, Finding, Name, RawAttachment, RawFatTree, RawHop, RawRoute, RawZone,
};
use crate::routing::{FatTree, Hop, HostLinks, LinkSeries, PointId, RouteEntry};
use crate::routing::{Point, Routing};

/// What the ends of a route were found to be.
struct FoundEnds {
    from: PointId,
    to: PointId,
    start: PointId,
    end: PointId,
}

impl Resolver {
    pub(super) fn route(&mut self, raw: &RawRoute, zones: &[RawZone]) {
        let before = self.findings.len();
        let ends = self.ends(raw, zones);
        let hops: SmallVec<[Option<Hop>; 8]> = raw.hops.iter().map(|hop| self.hop(hop)).collect();
        let pair = || (raw.from.text.clone(), raw.to.text.clone());
        let unnamed = Name { text: String::new(), origin: raw.origin };
        if raw.hops.is_empty() {
            let (from, to) = pair();
            self.report(&unnamed, Problem::EmptyRoute { from, to });
        }
        let zone = ZoneId(raw.zone as u32);
        let routing = zones[raw.zone].routing;
        if !raw.bypass && matches!(routing, Routing::Cluster | Routing::FatTree | Routing::None) {
            let element = if raw.ends == Ends::Zones { "zoneRoute" } else { "route" }.to_owned();
            let error =
                PlatformError::from(Problem::WrongRouting { element, routing: routing.name() });
            let error = match routing {
                Routing::Cluster => {
                    error.with_hint("`host_link` gives a host its links to the middle of the zone")
                }
                _ => error.with_hint("with `Full` routing every route is declared"),
            };
            self.findings.push(unnamed.finding(error));
        }
        let Some(FoundEnds { from, to, start, end }) = ends else {
            return;
        };
        if self.findings.len() > before {
            return;
        }
        let hops: SmallVec<[Hop; 8]> = hops.into_iter().flatten().collect();
        let route = RouteEntry {
            hops: self.topology.hop_list(&hops),
            length: hops.len() as u32,
            symmetrical: raw.symmetrical && from != to,
            start,
            end,
        };
        if !self.topology.declare(zone, from, to, route, raw.bypass) {
            let (from, to) = pair();
            let error = PlatformError::from(Problem::DuplicateRoute { from, to });
            let error = match raw.bypass {
                true => error,
                false => {
                    error.with_hint("routes are symmetrical unless they say `symmetrical=\"NO\"`")
                }
            };
            self.findings.push(unnamed.finding(error));
        }
    }

    fn ends(&mut self, raw: &RawRoute, zones: &[RawZone]) -> Option<FoundEnds> {
        let from = self.end(&raw.from, raw.ends);
        let to = self.end(&raw.to, raw.ends);
        let (from_gateway, to_gateway) = &raw.gateways;
        let start_given = from_gateway.as_ref().map(|name| self.end(name, Ends::Points));
        let end_given = to_gateway.as_ref().map(|name| self.end(name, Ends::Points));
        let (from, to) = (from?, to?);
        let zone = ZoneId(raw.zone as u32);
        for (name, point) in [(&raw.from, from), (&raw.to, to)] {
            let directly = self.topology.zone_of(point.id) == zone;
            let somewhere =
                raw.bypass && raw.ends == Ends::Zones && self.topology.is_inside(point.id, zone);
            if !(directly || somewhere) || point.zone() == Some(zone) {
                self.outside(name, point.kind(), &zones[raw.zone].name.text);
            }
        }
        let start = match start_given {
            Some(gateway) => self.given_gateway(from, &raw.from, gateway?, from_gateway.as_ref()),
            None => self.default_gateway(from, raw, "gw_src", zones),
        };
        let end = match end_given {
            Some(gateway) => self.given_gateway(to, &raw.to, gateway?, to_gateway.as_ref()),
            None => self.default_gateway(to, raw, "gw_dst", zones),
        };
        Some(FoundEnds { from: from.id, to: to.id, start: start?, end: end? })
    }

    /// Checks that the gateway that a route names is inside its end.
    fn given_gateway(
        &mut self,
        end: NamedPoint,
        name: &Name,
        gateway: NamedPoint,
        given: Option<&Name>,
    ) -> Option<PointId> {
        let inside = end.zone().is_some_and(|zone| self.topology.is_inside(gateway.id, zone));
        if !inside {
            self.outside(given.unwrap_or(name), gateway.kind(), &name.text);
        }
        inside.then_some(gateway.id)
    }

    /// The point at which a route starts or ends that names no gateway: its end itself, or the
    /// router of the cluster that is its end.
    fn default_gateway(
        &mut self,
        end: NamedPoint,
        raw: &RawRoute,
        attribute: &str,
        zones: &[RawZone],
    ) -> Option<PointId> {
        let Some(zone) = end.zone() else {
            return Some(end.id);
        };
        let Some(gateway) = &zones[zone.index()].gateway else {
            let (element, attribute) = ("zoneRoute".to_owned(), attribute.to_owned());
            let unnamed = Name { text: String::new(), origin: raw.origin };
            let error = PlatformError::from(Problem::MissingAttribute { element, attribute })
                .with_hint(match raw.ends {
                    Ends::Any => "`PlatformBuilder::gateway` gives a zone its gateway",
                    _ => "only a flat `cluster` has a gateway of its own, its router",
                });
            self.findings.push(unnamed.finding(error));
            return None;
        };
        // A router is missing only if its name was already taken, which has been reported.
        self.points.get(&gateway.text).map(|router| router.id)
    }

    fn outside(&mut self, name: &Name, kind: Kind, zone: &str) {
        let problem = Problem::OutsideZone { kind, name: name.text.clone(), zone: zone.to_owned() };
        self.report(name, problem);
    }

    /// An end of a route.
    fn end(&mut self, name: &Name, ends: Ends) -> Option<NamedPoint> {
        let fits = |point: &NamedPoint| match ends {
            Ends::Points => point.zone().is_none(),
            Ends::Zones => point.zone().is_some(),
            Ends::Any => true,
        };
        if let Some(&point) = self.points.get(&name.text).filter(|point| fits(point)) {
            return Some(point);
        }
        let kind = match ends {
            Ends::Points => Kind::EndOfRoute,
            Ends::Zones => Kind::Zone,
            Ends::Any => Kind::Point,
        };
        let fitting =
            self.points.iter().filter(|(_, point)| fits(point)).map(|(name, _)| name.as_str());
        let error = super::unknown(kind, &name.text, fitting, self.findings.len());
        self.findings.push(name.finding(error));
        None
    }

    fn hop(&mut self, raw: &RawHop) -> Option<Hop> {
        let name = || raw.link.text.clone();
        match (self.named_link(&raw.link)?, raw.direction) {
            (NamedLink::Pair { up, .. }, Direction::Up) => Some(Hop { link: up, turns: true }),
            (NamedLink::Pair { down, .. }, Direction::Down) => {
                Some(Hop { link: down, turns: true })
            }
            (NamedLink::One(link), Direction::None) => Some(Hop { link, turns: false }),
            (NamedLink::Pair { .. }, Direction::None) => {
                let error = PlatformError::from(Problem::DirectionNeeded { link: name() })
                    .with_hint("add `direction=\"UP\"` or `direction=\"DOWN\"`");
                self.findings.push(raw.link.finding(error));
                None
            }
            (NamedLink::One(_), _) => {
                let error = PlatformError::from(Problem::NoDirection { link: name() })
                    .with_hint("only a link with `sharing_policy=\"SPLITDUPLEX\"` has directions");
                self.findings.push(raw.link.finding(error));
                None
            }
        }
    }

    fn named_link(&mut self, name: &Name) -> Option<NamedLink> {
        if let Some(&link) = self.link_names.get(&name.text) {
            return Some(link);
        }
        let names = self.link_names.keys().map(String::as_str);
        let error = super::unknown(Kind::Link, &name.text, names, self.findings.len());
        self.findings.push(name.finding(error));
        None
    }

    /// The link that a host_link names: of a split-duplex link the half in its direction.
    fn one_link(&mut self, hop: &RawHop) -> Option<LinkId> {
        match (self.named_link(&hop.link)?, hop.direction) {
            (NamedLink::One(link), _) => Some(link),
            (NamedLink::Pair { down, .. }, Direction::Down) => Some(down),
            (NamedLink::Pair { up, .. }, _) => Some(up),
        }
    }

    /// Gives a host in a cluster its links.
    pub(super) fn attachment(&mut self, raw: &RawAttachment, zones: &[RawZone]) {
        let zone = ZoneId(raw.zone as u32);
        let before = self.findings.len();
        let up = self.one_link(&raw.up);
        let down = self.one_link(&raw.down);
        let mut extra = |name: &Option<Name>| match name {
            Some(name) => {
                let hop = RawHop { link: name.clone(), direction: Direction::None };
                self.one_link(&hop)
            }
            None => None,
        };
        let (limiter, loopback) = (extra(&raw.limiter), extra(&raw.loopback));
        let Some(point) = self.end(&raw.point, Ends::Points) else {
            return;
        };
        if self.topology.zone_of(point.id) != zone {
            self.outside(&raw.point, point.kind(), &zones[raw.zone].name.text);
        }
        let (Some(up), Some(down)) = (up, down) else {
            return;
        };
        if self.findings.len() > before {
            return;
        }
        let attached = HostLinks { up, down, limiter, loopback };
        let cluster = self.topology.cluster_mut(zone);
        if cluster.is_some_and(|cluster| !cluster.attach(point.id, Some(attached))) {
            let (kind, name) = (Kind::HostLink, raw.point.text.clone());
            self.report(&raw.point, Problem::Duplicate { kind, name });
        }
    }

    /// Gives a fat tree its links.
    pub(super) fn fat_tree(&mut self, raw: RawFatTree) {
        let are_split = matches!(self.named_link(&raw.cables), Some(NamedLink::Pair { .. }));
        let mut series = |first: &Name| {
            let hop = RawHop { link: first.clone(), direction: Direction::Up };
            self.one_link(&hop).map(LinkSeries)
        };
        let tree = FatTree {
            first_position: raw.first_position,
            cables: series(&raw.cables),
            are_split,
            limiters: raw.limiters.as_ref().and_then(&mut series),
            loopbacks: raw.loopbacks.as_ref().and_then(&mut series),
            hosts: FxHashMap::default(),
            shape: raw.shape,
        };
        self.topology.set_fat_tree(ZoneId(raw.zone as u32), tree);
    }

    /// Sets the backbones of clusters, and reports hosts in clusters that have no links.
    pub(super) fn clusters(&mut self, zones: &[RawZone]) {
        for (index, zone) in zones.iter().enumerate() {
            if zone.routing != Routing::Cluster {
                continue;
            }
            let id = ZoneId(index as u32);
            if let Some(backbone) = &zone.backbone
                && let Some(NamedLink::One(link)) = self.named_link(backbone)
                && let Some(cluster) = self.topology.cluster_mut(id)
            {
                cluster.set_backbone(link);
            }
            if self.findings.is_empty() {
                self.check_attached(id, zone);
            }
        }
    }

    /// A host of a cluster without links reaches no host, not even itself: that is an error.
    fn check_attached(&mut self, id: ZoneId, zone: &RawZone) {
        let Some(cluster) = self.topology.cluster(id) else {
            return;
        };
        let members = self.topology.members(id).iter();
        let unattached = members.filter(|&&point| {
            matches!(self.topology.what(point), Point::Host(_)) && cluster.attached(point).is_none()
        });
        let findings: Vec<Finding> = unattached
            .take(SUGGESTIONS)
            .filter_map(|&point| match self.topology.what(point) {
                Point::Host(host) => self.hosts.get_index(host.index()),
                _ => None,
            })
            .map(|(name, _)| {
                let problem =
                    Problem::NoHostLink { host: name.clone(), zone: zone.name.text.clone() };
                let hint = format!("add `<host_link id=\"{name}\" up=\"...\" down=\"...\"/>`");
                zone.name.finding(PlatformError::from(problem).with_hint(hint))
            })
            .collect();
        self.findings.extend(findings);
    }
}
