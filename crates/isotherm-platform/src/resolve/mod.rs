//! Resolves a platform description: names become ids, and the rules of the whole are checked.

mod remote_disks;
mod routes;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use isotherm_kernel::RandomStreams;
use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::error::{Kind, PlatformError, Problem};
use crate::id::{DiskId, HostId, LinkId, RouterId, ZoneId};
use crate::model::NetworkModel;
use crate::profile::Profile;
use crate::raw::{
    Finding, Name, RawDisk, RawHost, RawLink, RawPlatform, RawRouter, RawSharing, RawZone,
};
use crate::routing::{MOST_FLOYD_POINTS, PointId, Topology};
use crate::routing::{Point, Routing};
use crate::spec::{
    DiskSpec, HostSpec, LinkSharing, LinkSpec, PlatformSpec, Properties, RouterSpec, ZoneSpec,
};
use crate::units;

/// The properties that may give the size of the memory of a host.
pub(crate) const MEMORY_PROPERTIES: [&str; 9] =
    ["mem", "Mem", "MEM", "ram", "Ram", "RAM", "memory_manager_service", "Memory", "MEMORY"];

/// The size of a disk that gives none: the largest signed number, as in the reference.
pub(crate) const UNLIMITED_DISK: u64 = i64::MAX as u64;

/// Looking for what a wrong name may have meant takes time in proportion to all names, so only the
/// first errors of a text are given this help.
const SUGGESTIONS: usize = 50;

/// What a name names.
#[derive(Clone, Copy)]
struct NamedPoint {
    what: Point,
    id: PointId,
}

impl NamedPoint {
    fn kind(self) -> Kind {
        match self.what {
            Point::Host(_) => Kind::Host,
            Point::Router(_) => Kind::Router,
            Point::Zone(_) => Kind::Zone,
        }
    }

    /// The zone itself, if the point is one.
    fn zone(self) -> Option<ZoneId> {
        match self.what {
            Point::Zone(zone) => Some(zone),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
enum NamedLink {
    One(LinkId),
    Pair { up: LinkId, down: LinkId },
}

struct Resolver {
    topology: Topology,
    points: IndexMap<String, NamedPoint, FxBuildHasher>,
    /// All points with their positions in the order of declaration.
    order: Vec<(u32, PointId)>,
    zones: Vec<ZoneSpec>,
    routers: Vec<RouterSpec>,
    hosts: IndexMap<String, HostSpec, FxBuildHasher>,
    disks: Vec<DiskSpec>,
    links: IndexMap<String, LinkSpec, FxBuildHasher>,
    link_names: IndexMap<String, NamedLink, FxBuildHasher>,
    /// The clusters and cabinets for whose hosts an error was reported.
    broken_series: FxHashSet<u32>,
    findings: Vec<Finding>,
}

/// Checks the platform as a whole. All that is wrong is added to `findings`; there is a result only
/// if there is no finding at all.
pub(crate) fn resolve(raw: RawPlatform, findings: &mut Vec<Finding>) -> Option<PlatformSpec> {
    let mut resolver = Resolver {
        topology: Topology::default(),
        points: IndexMap::default(),
        order: Vec::new(),
        zones: Vec::new(),
        routers: Vec::new(),
        hosts: IndexMap::default(),
        disks: Vec::new(),
        links: IndexMap::default(),
        link_names: IndexMap::default(),
        broken_series: FxHashSet::default(),
        findings: std::mem::take(findings),
    };
    resolver.zones(&raw.zones);
    let empty = raw.hosts.is_empty();
    resolver.check_zones(&raw);
    resolver.reserve(&raw);
    let mut mounts = Vec::new();
    for host in raw.hosts {
        mounts.extend(remote_disks::Mount::of(&host));
        resolver.host(host);
    }
    resolver.remote_disks(mounts);
    for router in &raw.routers {
        resolver.router(router);
    }
    resolver.list_points(&raw.zones);
    for link in raw.links {
        resolver.link(link);
    }
    for attachment in &raw.attachments {
        resolver.attachment(attachment, &raw.zones);
    }
    resolver.clusters(&raw.zones);
    for tree in raw.fat_trees {
        resolver.fat_tree(tree);
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
        let mut seen: FxHashSet<ZoneId> = FxHashSet::default();
        for host in 0..self.hosts.len() {
            let zone = self.topology.zone_of(self.topology.host_point(HostId(host as u32)));
            // What a host in a cluster sends to itself takes its own links.
            let routing = self.zones[zone.index()].routing;
            if !matches!(routing, Routing::Cluster | Routing::FatTree) && seen.insert(zone) {
                zones.push(zone);
            }
        }
        for (index, zone) in zones.into_iter().enumerate() {
            let id = LinkId(self.links.len() as u32);
            // The name cannot be taken: it would need a link of the file to be called so, which is
            // refused.
            let name = format!("{LOOPBACK}{index}");
            self.links.insert(name.clone(), implicit_loopback(name, &model));
            self.topology.set_loopback(zone, id);
        }
        let opposite = self.links.values().map(|link| link.opposite).collect();
        self.topology.set_opposites(opposite);
        let mut spec = PlatformSpec {
            hosts: self.hosts,
            disks: self.disks,
            links: self.links,
            routers: self.routers,
            zones: self.zones,
            topology: self.topology,
            network_model: model,
            warnings: Vec::new(),
            further_profiles: Vec::new(),
        };
        spec.draw_profiles(&RandomStreams::new(0));
        spec
    }

    /// Makes room for all at once: large platforms are read twice as fast.
    fn reserve(&mut self, raw: &RawPlatform) {
        let points = raw.zones.len() + raw.hosts.len() + raw.routers.len();
        self.points.reserve(points);
        self.order.reserve(points);
        self.hosts.reserve(raw.hosts.len());
        let pairs = raw.links.iter().filter(|link| link.sharing == RawSharing::SplitDuplex).count();
        self.links.reserve(raw.links.len() + pairs);
        self.link_names.reserve(raw.links.len() + 2 * pairs);
        self.disks.reserve(raw.hosts.iter().map(|host| host.disks.len()).sum());
    }

    fn zones(&mut self, zones: &[RawZone]) {
        for zone in zones {
            let parent = zone.parent.map(|parent| ZoneId(parent as u32));
            let id = self.topology.add_zone(parent, zone.routing);
            let point = self.topology.zone_point(id);
            self.zones.push(ZoneSpec {
                name: zone.name.text.clone(),
                parent,
                routing: zone.routing,
            });
            self.point(&zone.name, zone.order, Point::Zone(id), point);
        }
    }

    fn router(&mut self, raw: &RawRouter) {
        let zone = ZoneId(raw.zone as u32);
        let what = Point::Router(RouterId(self.routers.len() as u32));
        self.routers.push(RouterSpec { name: raw.name.text.clone(), zone });
        let id = self.topology.add_point(zone, what);
        self.point(&raw.name, raw.order, what, id);
        // A router is in the middle of its cluster; a host_link may give it links all the same.
        if let Some(cluster) = self.topology.cluster_mut(zone) {
            cluster.attach(id, None);
        }
    }

    /// Adds the hosts, routers and zones to their zones.
    fn list_points(&mut self, zones: &[RawZone]) {
        self.order.sort_unstable();
        for &(_, point) in &self.order {
            self.topology.list_point(point);
        }
        for (index, zone) in zones.iter().enumerate() {
            let count = self.topology.members(ZoneId(index as u32)).len();
            if zone.routing == Routing::Floyd && count > MOST_FLOYD_POINTS {
                let what =
                    format!("zone `{}` with `Floyd` routing has {count} points", zone.name.text);
                let error = PlatformError::from(Problem::TooLarge { what, limit: MOST_FLOYD_POINTS as u32 })
                    .with_hint("`Dijkstra` routing also finds the routes with the fewest links, and has no limit");
                self.findings.push(zone.name.finding(error));
            }
        }
    }

    fn check_zones(&mut self, raw: &RawPlatform) {
        if raw.mixed {
            return;
        }
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
                self.report(&host.name, Problem::MixedZone { zone });
            }
        }
    }

    fn point(&mut self, name: &Name, order: u32, what: Point, id: PointId) {
        self.order.push((order, id));
        let named = NamedPoint { what, id };
        if self.points.contains_key(&name.text) {
            let text = name.text.clone();
            self.report(name, Problem::Duplicate { kind: named.kind(), name: text });
        } else {
            self.points.insert(name.text.clone(), named);
        }
    }

    fn host(&mut self, raw: RawHost) {
        let point = self.topology.add_host(ZoneId(raw.zone as u32));
        self.point(&raw.name, raw.order, self.topology.what(point), point);
        let (series, before) = (raw.series, self.findings.len());
        self.add_host(raw);
        if let Some(series) = series
            && self.findings.len() > before
            && !self.broken_series.insert(series)
        {
            // The same error was reported for an earlier host of the series.
            self.findings.truncate(before);
        }
    }

    fn add_host(&mut self, raw: RawHost) {
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
            remote_disks: Vec::new(),
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
                self.report(&name, Problem::Duplicate { kind, name: text });
            }
            if mounts.insert(disk.mount.clone(), ()).is_some() {
                let (kind, text) = (Kind::MountPoint, disk.mount.clone());
                self.report(&name, Problem::Duplicate { kind, name: text });
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
            self.report(&host.name, problem);
        }
        let what = || format!("property `{first}` of host `{}`", host.name.text);
        self.size(&host.name, what, &host.properties, first)
    }

    fn disk(&mut self, host: HostId, raw: RawDisk) -> DiskSpec {
        let what = || format!("property `size` of disk `{}`", raw.name.text);
        let size = raw.size.or_else(|| self.size(&raw.name, what, &raw.properties, "size"));
        let mount = raw
            .mount
            .or_else(|| raw.properties.get("mount").cloned())
            .unwrap_or_else(|| "/".to_owned());
        DiskSpec {
            name: raw.name.text,
            host,
            read_bandwidth: raw.read_bandwidth,
            write_bandwidth: raw.write_bandwidth,
            readwrite_bandwidth: raw
                .readwrite_bandwidth
                .unwrap_or_else(|| raw.read_bandwidth.max(raw.write_bandwidth)),
            size: size.unwrap_or(UNLIMITED_DISK),
            mount,
            properties: raw.properties,
        }
    }

    fn size(
        &mut self,
        name: &Name,
        what: impl FnOnce() -> String,
        properties: &Properties,
        key: &str,
    ) -> Option<u64> {
        let text = properties.get(key)?;
        match units::size(text) {
            Ok(size) => Some(size),
            Err(error) => {
                let what = what();
                self.report(name, Problem::Unit { what, error });
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
            self.report(&raw.name, Problem::Duplicate { kind, name });
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

    fn report(&mut self, name: &Name, problem: Problem) {
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

fn link_spec(
    raw: &RawLink,
    name: String,
    sharing: LinkSharing,
    opposite: Option<LinkId>,
) -> LinkSpec {
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
