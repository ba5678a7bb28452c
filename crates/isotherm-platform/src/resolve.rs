//! From a platform as written to one in which every name is a number and every rule holds.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::error::{Kind, PlatformError, Problem};
use crate::id::{DiskId, HostId, LinkId};
use crate::model::NetworkModel;
use crate::profile::Profile;
use crate::raw::{
    Direction, Finding, Name, RawDisk, RawHop, RawHost, RawLink, RawPlatform, RawRoute, RawSharing, RawZone,
};
use crate::routing::{Declared, Hop, PointId, Routing, Topology, ZoneId};
use crate::spec::{DiskSpec, HostSpec, LinkSharing, LinkSpec, PlatformSpec, Properties};
use crate::units;

/// The properties that may give the size of the memory of a host.
pub(crate) const MEMORY_PROPERTIES: [&str; 9] =
    ["mem", "Mem", "MEM", "ram", "Ram", "RAM", "memory_manager_service", "Memory", "MEMORY"];

/// The size of a disk that gives none: the largest signed number, as in the reference.
const UNLIMITED_DISK: u64 = i64::MAX as u64;

/// Looking for what a wrong name may have meant takes time in proportion to all names, so only the first errors
/// of a text are given this help.
const SUGGESTIONS: usize = 50;

#[derive(Clone, Copy)]
struct Point {
    kind: Kind,
    id: PointId,
    /// The zone itself, if the point is one.
    zone: Option<ZoneId>,
}

#[derive(Clone, Copy)]
enum NamedLink {
    One(LinkId),
    Pair { up: LinkId, down: LinkId },
}

struct Resolver {
    topology: Topology,
    points: IndexMap<String, Point, FxBuildHasher>,
    hosts: IndexMap<String, HostSpec, FxBuildHasher>,
    disks: Vec<DiskSpec>,
    links: IndexMap<String, LinkSpec, FxBuildHasher>,
    link_names: IndexMap<String, NamedLink, FxBuildHasher>,
    findings: Vec<Finding>,
}

/// Checks the platform as a whole. All that is wrong is added to `findings`; there is a result only
/// if there is no finding at all.
pub(crate) fn resolve(raw: RawPlatform, findings: &mut Vec<Finding>) -> Option<PlatformSpec> {
    let mut resolver = Resolver {
        topology: Topology::default(),
        points: IndexMap::default(),
        hosts: IndexMap::default(),
        disks: Vec::new(),
        links: IndexMap::default(),
        link_names: IndexMap::default(),
        findings: std::mem::take(findings),
    };
    resolver.zones(&raw.zones);
    let empty = raw.hosts.is_empty();
    resolver.check_zones(&raw);
    for host in raw.hosts {
        resolver.host(host);
    }
    for router in raw.routers {
        let zone = ZoneId(router.zone as u32);
        let id = resolver.topology.add_point(zone);
        resolver.point(&router.name, Kind::Router, id, None);
    }
    for link in raw.links {
        resolver.link(link);
    }
    for route in &raw.routes {
        resolver.route(route, &raw.zones);
    }
    if empty && resolver.findings.is_empty() {
        let error = PlatformError::from(Problem::NoHost);
        resolver.findings.push(Finding { error, origin: None });
    }
    if !resolver.findings.is_empty() {
        *findings = resolver.findings;
        return None;
    }
    Some(resolver.finish(raw.model))
}

impl Resolver {
    fn finish(mut self, model: NetworkModel) -> PlatformSpec {
        let mut zones: Vec<ZoneId> = Vec::new();
        let mut seen: FxHashMap<ZoneId, ()> = FxHashMap::default();
        for name in self.hosts.keys() {
            let zone = self.topology.zone_of(self.points[name].id);
            if seen.insert(zone, ()).is_none() {
                zones.push(zone);
            }
        }
        for (index, zone) in zones.into_iter().enumerate() {
            let id = LinkId(self.links.len() as u32);
            // The name cannot be taken: it would need a link of the file to be called so, which is refused.
            let name = format!("{LOOPBACK}{index}");
            self.links.insert(name.clone(), implicit_loopback(name, &model));
            self.topology.set_loopback(zone, id);
        }
        let opposite = self.links.values().map(|link| link.opposite).collect();
        self.topology.set_opposites(opposite);
        PlatformSpec {
            hosts: self.hosts,
            disks: self.disks,
            links: self.links,
            topology: self.topology,
            network_model: model,
            warnings: Vec::new(),
        }
    }

    fn zones(&mut self, zones: &[RawZone]) {
        for zone in zones {
            let parent = zone.parent.map(|parent| ZoneId(parent as u32));
            let routing = if zone.full { Routing::Full(FxHashMap::default()) } else { Routing::None };
            let id = self.topology.add_zone(parent, routing);
            let point = self.topology.zone_point(id);
            self.point(&zone.name, Kind::Zone, point, Some(id));
        }
    }

    fn check_zones(&mut self, raw: &RawPlatform) {
        let mut holds_zones = vec![false; raw.zones.len()];
        for zone in &raw.zones {
            if let Some(parent) = zone.parent {
                holds_zones[parent] = true;
            }
        }
        let mut told = vec![false; raw.zones.len()];
        for host in &raw.hosts {
            if holds_zones[host.zone] && !std::mem::replace(&mut told[host.zone], true) {
                let zone = raw.zones[host.zone].name.text.clone();
                self.tell(&host.name, Problem::MixedZone { zone });
            }
        }
    }

    fn point(&mut self, name: &Name, kind: Kind, id: PointId, zone: Option<ZoneId>) {
        if self.points.contains_key(&name.text) {
            let text = name.text.clone();
            self.tell(name, Problem::Duplicate { kind, name: text });
        } else {
            self.points.insert(name.text.clone(), Point { kind, id, zone });
        }
    }

    fn host(&mut self, raw: RawHost) {
        let point = self.topology.add_host(ZoneId(raw.zone as u32));
        self.point(&raw.name, Kind::Host, point, None);
        let id = HostId(self.hosts.len() as u32);
        let memory = raw.memory.or_else(|| self.memory(&raw));
        let mut host = HostSpec {
            name: raw.name.text.clone(),
            speeds: raw.speeds,
            pstate: raw.pstate,
            cores: raw.cores,
            memory,
            properties: raw.properties,
            disks: Vec::new(),
            speed_profile: raw.speed_profile,
            state_profile: raw.state_profile,
        };
        let mut names = BTreeMap::new();
        let mut mounts = BTreeMap::new();
        for raw_disk in raw.disks {
            let name = raw_disk.name.clone();
            let disk = self.disk(id, raw_disk);
            if names.insert(disk.name.clone(), ()).is_some() {
                let (kind, text) = (Kind::Disk, disk.name.clone());
                self.tell(&name, Problem::Duplicate { kind, name: text });
            }
            if mounts.insert(disk.mount.clone(), ()).is_some() {
                let (kind, text) = (Kind::MountPoint, disk.mount.clone());
                self.tell(&name, Problem::Duplicate { kind, name: text });
            }
            host.disks.push(DiskId(self.disks.len() as u32));
            self.disks.push(disk);
        }
        self.hosts.insert(raw.name.text, host);
    }

    fn memory(&mut self, host: &RawHost) -> Option<u64> {
        let given = |name: &&str| host.properties.contains_key(*name);
        let mut names = MEMORY_PROPERTIES.iter().copied().filter(|name| given(name));
        let first = names.next()?;
        if let Some(second) = names.next() {
            let problem = Problem::MemoryTwice {
                host: host.name.text.clone(),
                first: first.to_owned(),
                second: second.to_owned(),
            };
            self.tell(&host.name, problem);
        }
        let what = format!("property `{first}` of host `{}`", host.name.text);
        self.size(&host.name, &what, &host.properties, first)
    }

    fn disk(&mut self, host: HostId, raw: RawDisk) -> DiskSpec {
        let what = format!("property `size` of disk `{}`", raw.name.text);
        let size = raw.size.or_else(|| self.size(&raw.name, &what, &raw.properties, "size"));
        let mount = raw.mount.or_else(|| raw.properties.get("mount").cloned()).unwrap_or_else(|| "/".to_owned());
        DiskSpec {
            name: raw.name.text,
            host,
            read_bandwidth: raw.read_bandwidth,
            write_bandwidth: raw.write_bandwidth,
            readwrite_bandwidth: raw.readwrite_bandwidth.unwrap_or_else(|| raw.read_bandwidth.max(raw.write_bandwidth)),
            size: size.unwrap_or(UNLIMITED_DISK),
            mount,
            properties: raw.properties,
        }
    }

    fn size(&mut self, name: &Name, what: &str, properties: &Properties, key: &str) -> Option<u64> {
        let text = properties.get(key)?;
        match units::size(text) {
            Ok(size) => Some(size),
            Err(error) => {
                let what = what.to_owned();
                self.tell(name, Problem::Unit { what, error });
                None
            }
        }
    }

    fn link(&mut self, raw: RawLink) {
        if raw.name.text.starts_with(LOOPBACK) {
            let rule = format!("names that begin with `{LOOPBACK}` belong to implicit links");
            let error = crate::raw::bad_value("the name of a link", &raw.name.text, &rule);
            self.findings.push(raw.name.finding(error));
            return;
        }
        let zero = |profile: &Profile| profile.events().iter().any(|&(_, value)| value == 0.0);
        if raw.bandwidth_profile.as_ref().is_some_and(zero) {
            let what = format!("a value in the bandwidth profile of link `{}`", raw.name.text);
            let error = crate::raw::bad_value(&what, 0, "a bandwidth must be positive")
                .with_hint("a state profile turns a link off");
            self.findings.push(raw.name.finding(error));
        }
        let taken = |name: &str| self.link_names.contains_key(name);
        let name = raw.name.text.as_str();
        let halves = [format!("{name}_UP"), format!("{name}_DOWN")];
        let is_pair = raw.sharing == RawSharing::SplitDuplex;
        if taken(name) || is_pair && halves.iter().any(|half| taken(half)) {
            let (kind, name) = (Kind::Link, raw.name.text.clone());
            self.tell(&raw.name, Problem::Duplicate { kind, name });
            return;
        }
        let first = LinkId(self.links.len() as u32);
        match raw.sharing {
            RawSharing::One(sharing) => {
                let spec = link_spec(&raw, raw.name.text.clone(), sharing, None);
                self.links.insert(raw.name.text.clone(), spec);
                self.link_names.insert(raw.name.text, NamedLink::One(first));
            }
            RawSharing::SplitDuplex => {
                let second = LinkId(first.0 + 1);
                let ids = [first, second];
                for (half, name) in halves.into_iter().enumerate() {
                    let opposite = Some(ids[1 - half]);
                    let spec = link_spec(&raw, name.clone(), LinkSharing::Shared, opposite);
                    self.links.insert(name.clone(), spec);
                    self.link_names.insert(name, NamedLink::One(ids[half]));
                }
                let (up, down) = (first, second);
                self.link_names.insert(raw.name.text, NamedLink::Pair { up, down });
            }
        }
    }

    fn route(&mut self, raw: &RawRoute, zones: &[RawZone]) {
        let before = self.findings.len();
        let ends = self.ends(raw, zones);
        let hops: Vec<Option<Hop>> = raw.hops.iter().map(|hop| self.hop(hop)).collect();
        let pair = || (raw.from.text.clone(), raw.to.text.clone());
        let place = Name { text: String::new(), origin: raw.origin };
        if raw.hops.is_empty() {
            let (from, to) = pair();
            self.tell(&place, Problem::EmptyRoute { from, to });
        }
        let Some((from, to, gateways)) = ends else {
            return;
        };
        if self.findings.len() > before {
            return;
        }
        let hops: Vec<Hop> = hops.into_iter().flatten().collect();
        let route =
            Declared { hops: self.topology.hop_list(&hops), symmetrical: raw.symmetrical && from != to, gateways };
        let zone = ZoneId(raw.zone as u32);
        if !self.topology.declare(zone, from, to, route) {
            let (from, to) = pair();
            let error = PlatformError::from(Problem::DuplicateRoute { from, to })
                .with_hint("routes are symmetrical unless they say `symmetrical=\"NO\"`");
            self.findings.push(place.finding(error));
        }
    }

    #[expect(clippy::type_complexity, reason = "two ends and two gateways, used once")]
    fn ends(&mut self, raw: &RawRoute, zones: &[RawZone]) -> Option<(PointId, PointId, Option<(PointId, PointId)>)> {
        let between_zones = raw.gateways.is_some();
        let from = self.end(&raw.from, between_zones);
        let to = self.end(&raw.to, between_zones);
        let gateways = raw.gateways.as_ref().map(|(source, target)| {
            let source = self.end(source, false);
            let target = self.end(target, false);
            (source, target)
        });
        let zone = ZoneId(raw.zone as u32);
        let zone_name = &zones[raw.zone].name.text;
        let (from, to) = (from?, to?);
        for (name, point) in [(&raw.from, from), (&raw.to, to)] {
            if self.topology.zone_of(point.id) != zone || point.zone == Some(zone) {
                self.outside(name, point.kind, zone_name);
            }
        }
        let Some((source, target)) = gateways else {
            return Some((from.id, to.id, None));
        };
        let (source, target) = (source?, target?);
        if let Some((source_name, target_name)) = &raw.gateways {
            for (name, gateway, end, end_name) in
                [(source_name, source, from, &raw.from), (target_name, target, to, &raw.to)]
            {
                let inside = end.zone.is_some_and(|zone| self.topology.is_inside(gateway.id, zone));
                if !inside {
                    self.outside(name, gateway.kind, &end_name.text);
                }
            }
        }
        Some((from.id, to.id, Some((source.id, target.id))))
    }

    fn outside(&mut self, name: &Name, kind: Kind, zone: &str) {
        let problem = Problem::OutsideZone { kind, name: name.text.clone(), zone: zone.to_owned() };
        self.tell(name, problem);
    }

    /// An end of a route: a zone, or else a host or a router.
    fn end(&mut self, name: &Name, zone: bool) -> Option<Point> {
        let point = self.points.get(&name.text).copied();
        if let Some(point) = point.filter(|point| point.zone.is_some() == zone) {
            return Some(point);
        }
        let kind = if zone { Kind::Zone } else { Kind::EndOfRoute };
        let fitting =
            self.points.iter().filter(|(_, point)| point.zone.is_some() == zone).map(|(name, _)| name.as_str());
        let error = unknown(kind, &name.text, fitting, self.findings.len());
        self.findings.push(name.finding(error));
        None
    }

    fn hop(&mut self, raw: &RawHop) -> Option<Hop> {
        let name = raw.link.text.clone();
        let Some(&link) = self.link_names.get(&name) else {
            let names = self.link_names.keys().map(String::as_str);
            let error = unknown(Kind::Link, &name, names, self.findings.len());
            self.findings.push(raw.link.finding(error));
            return None;
        };
        match (link, raw.direction) {
            (NamedLink::Pair { up, .. }, Direction::Up) => Some(Hop { link: up, turns: true }),
            (NamedLink::Pair { down, .. }, Direction::Down) => Some(Hop { link: down, turns: true }),
            (NamedLink::One(link), Direction::None) => Some(Hop { link, turns: false }),
            (NamedLink::Pair { .. }, Direction::None) => {
                let error = PlatformError::from(Problem::DirectionNeeded { link: name })
                    .with_hint("add `direction=\"UP\"` or `direction=\"DOWN\"`");
                self.findings.push(raw.link.finding(error));
                None
            }
            (NamedLink::One(_), _) => {
                let error = PlatformError::from(Problem::NoDirection { link: name })
                    .with_hint("only a link with `sharing_policy=\"SPLITDUPLEX\"` has directions");
                self.findings.push(raw.link.finding(error));
                None
            }
        }
    }

    fn tell(&mut self, name: &Name, problem: Problem) {
        self.findings.push(name.finding(problem));
    }
}

/// How the names of implicit loopback links begin.
const LOOPBACK: &str = "__loopback__";

fn unknown<'a>(
    kind: Kind,
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    findings: usize,
) -> PlatformError {
    let text = name.to_owned();
    let error = PlatformError::from(Problem::Unknown { kind, name: text });
    if findings < SUGGESTIONS { error.with_suggestion(name, candidates) } else { error }
}

fn link_spec(raw: &RawLink, name: String, sharing: LinkSharing, opposite: Option<LinkId>) -> LinkSpec {
    LinkSpec {
        name,
        bandwidth: raw.bandwidth,
        latency_s: raw.latency_s,
        sharing,
        opposite,
        implicit: false,
        bandwidth_profile: raw.bandwidth_profile.clone(),
        latency_profile: raw.latency_profile.clone(),
        state_profile: raw.state_profile.clone(),
    }
}

fn implicit_loopback(name: String, model: &NetworkModel) -> LinkSpec {
    LinkSpec {
        name,
        bandwidth: model.loopback_bandwidth,
        latency_s: model.loopback_latency_s,
        sharing: LinkSharing::Fatpipe,
        opposite: None,
        implicit: true,
        bandwidth_profile: None,
        latency_profile: None,
        state_profile: None,
    }
}
