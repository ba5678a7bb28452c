//! The static description of a platform: what there is and how fast it is.
//!
//! A [`PlatformSpec`] is made by [`PlatformBuilder`](crate::PlatformBuilder) or read from a SimGrid
//! platform file, is checked as a whole when it is made, and never changes. It is plain data that
//! can be shared between threads: one description serves any number of simulations.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use isotherm_kernel::RandomStreams;
use rustc_hash::FxBuildHasher;

use crate::error::{Kind, PlatformError, Problem};
use crate::id::{DiskId, HostId, LinkId, RouterId, ZoneId};
use crate::model::NetworkModel;
use crate::profile::Profile;
use crate::profile_events::ProfileTarget;
use crate::raw::check_rate;
use crate::resolve::UNLIMITED_DISK;
use crate::routing::{Cable, FatTreeNode, FatTreeShape, HostLinks, Links};
use crate::routing::{Point, Routing, Topology};

/// Properties by name.
pub type Properties = BTreeMap<String, String>;

/// A host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSpec {
    /// Its name, unique among hosts, routers and zones.
    pub name: String,
    /// The speed of one core in each processor state, in flop/s. Never empty.
    pub speeds: Vec<f64>,
    /// The processor state at the start.
    pub pstate: usize,
    /// The number of cores, at least 1.
    pub cores: u32,
    /// The size of the memory in bytes, if given.
    pub memory: Option<u64>,
    /// Its properties.
    pub properties: Properties,
    /// Its disks in order of declaration.
    pub disks: Vec<DiskId>,
    /// Disks of other hosts that are mounted here, as the property `remote_disk` says.
    pub remote_disks: Vec<RemoteDisk>,
    /// How its speed varies: factors of the speed of the processor state.
    pub speed_profile: Option<Profile>,
    /// When it is on (> 0) and off (0).
    pub state_profile: Option<Profile>,
}

/// A disk of another host, mounted on a host: its data cross the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDisk {
    /// Where it is mounted. Differs from the mount points of the disks of the host.
    pub mount: String,
    /// The disk.
    pub disk: DiskId,
}

/// A disk.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskSpec {
    /// Its name, unique on its host.
    pub name: String,
    /// The host it is part of.
    pub host: HostId,
    /// How fast it reads, in bytes per second.
    pub read_bandwidth: f64,
    /// How fast it writes, in bytes per second.
    pub write_bandwidth: f64,
    /// How fast it reads and writes at once, in bytes per second: by default the larger of the two.
    pub readwrite_bandwidth: f64,
    /// How much it holds, in bytes: 2^63 − 1 by default.
    pub size: u64,
    /// Where it is mounted: `/` by default. Unique on its host.
    pub mount: String,
    /// Its properties.
    pub properties: Properties,
}

/// How flows share a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSharing {
    /// All flows together get the bandwidth.
    Shared,
    /// Each flow by itself gets the bandwidth.
    Fatpipe,
}

/// A link in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSpec {
    /// Its name. The halves of a split-duplex link `x` are `x_UP` and `x_DOWN`.
    pub name: String,
    /// How many bytes pass in a second.
    pub bandwidth: f64,
    /// How long a byte is under way, in seconds.
    pub latency_s: f64,
    /// How flows share it.
    pub sharing: LinkSharing,
    /// The other direction of a split-duplex link.
    pub opposite: Option<LinkId>,
    /// Whether it is the implicit loopback of the hosts of a zone.
    pub implicit: bool,
    /// How its bandwidth varies, in bytes per second.
    pub bandwidth_profile: Option<Profile>,
    /// How its latency varies, in seconds.
    pub latency_profile: Option<Profile>,
    /// When it is on (> 0) and off (0).
    pub state_profile: Option<Profile>,
}

/// A zone: hosts, or zones, that belong together, and how the routes between them are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSpec {
    /// Its name, unique among hosts, routers and zones.
    pub name: String,
    /// The zone it is in.
    pub parent: Option<ZoneId>,
    /// How routes between its points are found.
    pub routing: Routing,
}

/// A router: a point that computes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterSpec {
    /// Its name, unique among hosts, routers and zones.
    pub name: String,
    /// The zone it is in.
    pub zone: ZoneId,
}

/// A route as it was declared, between two points of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRoute {
    /// Where it starts.
    pub from: Point,
    /// Where it ends.
    pub to: Point,
    /// The point at which its links begin: the start itself, or a point inside it if it is a zone.
    pub first: Point,
    /// The point at which its links end: the end itself, or a point inside it if it is a zone.
    pub last: Point,
    /// The links in the order in which they are crossed.
    pub links: Links,
    /// Whether the way back is the same in reverse.
    pub symmetrical: bool,
    /// Whether it comes before all other routes between its ends.
    pub bypass: bool,
}

/// The links of one host (or router) of a zone with [`Routing::Cluster`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The host.
    pub point: Point,
    /// The link to the middle of the zone.
    pub up: LinkId,
    /// The link from the middle of the zone: the same one if it is not split in two.
    pub down: LinkId,
    /// The link that everything from and to the host passes, if there is one.
    pub limiter: Option<LinkId>,
    /// The link from the host to itself, if there is one.
    pub loopback: Option<LinkId>,
}

/// A whole platform. See the [module](self).
///
/// ```
/// use isotherm_platform::PlatformSpec;
///
/// let spec = PlatformSpec::from_simgrid_xml(
///     r#"<platform version="4.1">
///          <cluster id="rack" prefix="node" suffix="" radical="0-99" speed="10Gf" core="16" bw="10Gbps" lat="25us"/>
///        </platform>"#,
/// )
/// .unwrap();
/// assert_eq!(spec.hosts().count(), 100);
/// let (from, to) = (spec.host_id("node7").unwrap(), spec.host_id("node9").unwrap());
/// let route = spec.route(from, to).unwrap();
/// let names: Vec<&str> = route.iter().map(|&link| spec.link(link).name.as_str()).collect();
/// assert_eq!(names, ["rack_link_7_UP", "rack_link_9_DOWN"]);
/// let latency: f64 = route.iter().map(|&link| spec.link(link).latency_s).sum();
/// assert_eq!(latency, 50e-6);
/// ```
#[derive(Clone, Debug)]
pub struct PlatformSpec {
    pub(crate) hosts: IndexMap<String, HostSpec, FxBuildHasher>,
    pub(crate) disks: Vec<DiskSpec>,
    pub(crate) links: IndexMap<String, LinkSpec, FxBuildHasher>,
    pub(crate) routers: Vec<RouterSpec>,
    pub(crate) zones: Vec<ZoneSpec>,
    pub(crate) topology: Topology,
    pub(crate) network_model: NetworkModel,
    pub(crate) warnings: Vec<PlatformError>,
    pub(crate) further_profiles: Vec<(ProfileTarget, Profile)>,
}

impl PlatformSpec {
    /// The hosts in order of declaration.
    #[must_use]
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = (HostId, &HostSpec)> {
        self.hosts.values().enumerate().map(|(index, host)| (HostId(index as u32), host))
    }

    /// The disks in order of declaration.
    #[must_use]
    pub fn disks(&self) -> impl ExactSizeIterator<Item = (DiskId, &DiskSpec)> {
        self.disks.iter().enumerate().map(|(index, disk)| (DiskId(index as u32), disk))
    }

    /// The links in order of declaration; the implicit loopbacks come last.
    #[must_use]
    pub fn links(&self) -> impl ExactSizeIterator<Item = (LinkId, &LinkSpec)> {
        self.links.values().enumerate().map(|(index, link)| (LinkId(index as u32), link))
    }

    /// The host of a name.
    #[must_use]
    pub fn host_id(&self, name: &str) -> Option<HostId> {
        self.hosts.get_index_of(name).map(|index| HostId(index as u32))
    }

    /// The link of a name; for a split-duplex link `x` ask for `x_UP` or `x_DOWN`.
    #[must_use]
    pub fn link_id(&self, name: &str) -> Option<LinkId> {
        self.links.get_index_of(name).map(|index| LinkId(index as u32))
    }

    /// A host. The number must come from this description.
    #[must_use]
    pub fn host(&self, host: HostId) -> &HostSpec {
        &self.hosts[host.index()]
    }

    /// A disk. The number must come from this description.
    #[must_use]
    pub fn disk(&self, disk: DiskId) -> &DiskSpec {
        &self.disks[disk.index()]
    }

    /// The disk that is mounted at a place of a host: one of its own or, if there is none, one of
    /// another host.
    #[must_use]
    pub fn disk_at(&self, host: HostId, mount: &str) -> Option<DiskId> {
        let host = self.host(host);
        let own = host.disks.iter().copied().find(|&disk| self.disk(disk).mount == mount);
        let remote = || host.remote_disks.iter().find(|remote| remote.mount == mount);
        own.or_else(|| remote().map(|remote| remote.disk))
    }

    /// Where disks are mounted on a host: its own in order of declaration, then those of others.
    pub fn mounts(&self, host: HostId) -> impl Iterator<Item = &str> {
        let host = self.host(host);
        let own = host.disks.iter().map(|&disk| self.disk(disk).mount.as_str());
        own.chain(host.remote_disks.iter().map(|remote| remote.mount.as_str()))
    }

    /// Gives a host a disk that its description lacks. Bandwidths are in bytes per second, the size
    /// in bytes; `None` is as large as a disk can be.
    ///
    /// # Errors
    /// If a bandwidth is not positive and finite, or the host has a disk of the same name or at the
    /// same mount point.
    pub fn add_disk(
        &mut self,
        host: HostId,
        name: impl Into<String>,
        mount: impl Into<String>,
        [read_bandwidth, write_bandwidth]: [f64; 2],
        size: Option<u64>,
    ) -> Result<DiskId, PlatformError> {
        let (name, mount) = (name.into(), mount.into());
        let duplicate = |kind, name| PlatformError::from(Problem::Duplicate { kind, name });
        if self.host(host).disks.iter().any(|&disk| self.disk(disk).name == name) {
            return Err(duplicate(Kind::Disk, name));
        }
        if self.disk_at(host, &mount).is_some() {
            return Err(duplicate(Kind::MountPoint, mount));
        }
        let read_bandwidth = check_rate("the read bandwidth of a disk", read_bandwidth)?;
        let write_bandwidth = check_rate("the write bandwidth of a disk", write_bandwidth)?;
        let id = DiskId(self.disks.len() as u32);
        self.disks.push(DiskSpec {
            name,
            host,
            read_bandwidth,
            write_bandwidth,
            readwrite_bandwidth: read_bandwidth.max(write_bandwidth),
            size: size.unwrap_or(UNLIMITED_DISK),
            mount,
            properties: Properties::new(),
        });
        self.hosts[host.index()].disks.push(id);
        Ok(id)
    }

    /// A link. The number must come from this description.
    #[must_use]
    pub fn link(&self, link: LinkId) -> &LinkSpec {
        &self.links[link.index()]
    }

    /// The routers in order of declaration.
    #[must_use]
    pub fn routers(&self) -> impl ExactSizeIterator<Item = (RouterId, &RouterSpec)> {
        self.routers.iter().enumerate().map(|(index, router)| (RouterId(index as u32), router))
    }

    /// The zones in order of declaration, a zone before those in it.
    #[must_use]
    pub fn zones(&self) -> impl ExactSizeIterator<Item = (ZoneId, &ZoneSpec)> {
        self.zones.iter().enumerate().map(|(index, zone)| (ZoneId(index as u32), zone))
    }

    /// A router. The number must come from this description.
    #[must_use]
    pub fn router(&self, router: RouterId) -> &RouterSpec {
        &self.routers[router.index()]
    }

    /// A zone. The number must come from this description.
    #[must_use]
    pub fn zone(&self, zone: ZoneId) -> &ZoneSpec {
        &self.zones[zone.index()]
    }

    /// The zone that a host is in.
    #[must_use]
    pub fn zone_of(&self, host: HostId) -> ZoneId {
        self.topology.zone_of(self.topology.host_point(host))
    }

    /// The name of a host, a router or a zone.
    #[must_use]
    pub fn name(&self, point: Point) -> &str {
        match point {
            Point::Host(host) => &self.host(host).name,
            Point::Router(router) => &self.router(router).name,
            Point::Zone(zone) => &self.zone(zone).name,
        }
    }

    /// What is in a zone, in order of declaration.
    #[must_use]
    pub fn points(&self, zone: ZoneId) -> impl ExactSizeIterator<Item = Point> {
        self.topology.members(zone).iter().map(|&point| self.topology.what(point))
    }

    /// The routes that are declared in a zone, in order of declaration; those that come before
    /// others last.
    pub fn declared_routes(&self, zone: ZoneId) -> impl Iterator<Item = DeclaredRoute> {
        let topology = &self.topology;
        let tables = topology.table(zone).map(|table| (table, false)).into_iter();
        tables.chain([(topology.bypasses(zone), true)]).flat_map(move |(table, bypass)| {
            table.iter().map(move |(from, to, route)| DeclaredRoute {
                from: topology.what(from),
                to: topology.what(to),
                first: topology.what(route.start),
                last: topology.what(route.end),
                links: topology.links(route.hops),
                symmetrical: route.symmetrical,
                bypass,
            })
        })
    }

    /// The links of the hosts of a zone with [`Routing::Cluster`], in order of declaration of the
    /// hosts; none in any other zone.
    pub fn attachments(&self, zone: ZoneId) -> impl Iterator<Item = Attachment> {
        let topology = &self.topology;
        let members = topology.members(zone).iter();
        topology.cluster(zone).into_iter().flat_map(move |cluster| {
            members.clone().filter_map(move |&member| {
                let HostLinks { up, down, limiter, loopback } = cluster.attached(member)?;
                Some(Attachment { point: topology.what(member), up, down, limiter, loopback })
            })
        })
    }

    /// The link that everything that leaves or reaches a host of a zone with [`Routing::Cluster`]
    /// passes, if there is one.
    #[must_use]
    pub fn backbone(&self, zone: ZoneId) -> Option<LinkId> {
        self.topology.cluster(zone)?.backbone()
    }

    /// The shape of a zone that is a fat tree.
    #[must_use]
    pub fn fat_tree(&self, zone: ZoneId) -> Option<&FatTreeShape> {
        Some(&self.topology.fat_tree(zone)?.shape)
    }

    /// The cables of a zone that is a fat tree, in order of their lower ends; none in any other
    /// zone. The hosts of the tree are the [points](Self::points) of the zone in their order.
    pub fn cables(&self, zone: ZoneId) -> impl Iterator<Item = Cable> {
        self.topology.fat_tree(zone).into_iter().flat_map(|tree| tree.all_cables())
    }

    /// The link that everything passes that goes through a node of a fat tree, if there is one.
    #[must_use]
    pub fn limiter(&self, zone: ZoneId, node: FatTreeNode) -> Option<LinkId> {
        self.topology.fat_tree(zone)?.limiter(node)
    }

    /// The link from a host of a fat tree, by its position, to itself, if there is one.
    #[must_use]
    pub fn tree_loopback(&self, zone: ZoneId, host: u32) -> Option<LinkId> {
        self.topology.fat_tree(zone)?.loopback(host)
    }

    /// The links from one host to another, a link that is crossed twice listed twice. From a host
    /// to itself it is the declared route to itself, if any, or else the implicit loopback of its
    /// zone; in a zone with [`Routing::Cluster`] or [`Routing::FatTree`] it is the loopback of the
    /// host, if it has one, or else the way up and down its own links.
    ///
    /// ```
    /// use isotherm_platform::{PlatformBuilder, Routing};
    ///
    /// let mut platform = PlatformBuilder::new();
    /// platform.routing(Routing::Dijkstra);
    /// for host in ["a", "b", "c"] {
    ///     platform.host(host, 1e9);
    /// }
    /// platform.link("ab", 1e9, 1e-3);
    /// platform.link("bc", 1e9, 2e-3);
    /// platform.route("a", "b", ["ab"]).route("b", "c", ["bc"]);
    /// let spec = platform.build().unwrap();
    /// let route = spec.route(spec.host_id("a").unwrap(), spec.host_id("c").unwrap()).unwrap();
    /// let names: Vec<&str> = route.iter().map(|&link| spec.link(link).name.as_str()).collect();
    /// assert_eq!(names, ["ab", "bc"]);
    /// ```
    ///
    /// # Errors
    /// If no route connects the hosts.
    pub fn route(&self, from: HostId, to: HostId) -> Result<Links, PlatformError> {
        self.topology.route(from, to).ok_or_else(|| {
            PlatformError::from(Problem::NoRoute {
                from: self.host(from).name.clone(),
                to: self.host(to).name.clone(),
            })
        })
    }

    /// The constants of the network model.
    #[must_use]
    pub fn network_model(&self) -> &NetworkModel {
        &self.network_model
    }

    /// Replaces the constants of the network model, those of the implicit loopbacks included.
    #[must_use]
    pub fn with_network_model(mut self, model: NetworkModel) -> Self {
        for link in self.links.values_mut().filter(|link| link.implicit) {
            link.bandwidth = model.loopback_bandwidth;
            link.latency_s = model.loopback_latency_s;
        }
        self.network_model = model;
        self
    }

    /// Has the stochastic profiles of the description drawn from these streams, each from one of
    /// its own: `profile/host/NAME/state`, `profile/link/NAME/bandwidth`, and so on. The two
    /// directions of a split-duplex link follow the same one. A platform that was read draws from
    /// the streams of the seed 0 until then.
    ///
    /// ```
    /// use isotherm_kernel::RandomStreams;
    /// use isotherm_platform::PlatformSpec;
    ///
    /// let text = "<platform version='4.1'><trace id='t'>STOCHASTIC LOOP
    ///     EXP 0.01 DET 0
    ///     DET 5 DET 1</trace>
    ///   <zone id='z' routing='None'><host id='a' speed='1Gf'/></zone>
    ///   <trace_connect trace='t' element='a'/></platform>";
    /// let mut spec = PlatformSpec::from_simgrid_xml(text).unwrap();
    /// let first = |spec: &PlatformSpec| {
    ///     let host = spec.host(spec.host_id("a").unwrap());
    ///     host.state_profile.as_ref().unwrap().occurrences().next().unwrap()
    /// };
    /// let before = first(&spec);
    /// spec.draw_profiles(&RandomStreams::new(42));
    /// assert_ne!(first(&spec), before);
    /// ```
    pub fn draw_profiles(&mut self, streams: &RandomStreams) {
        let bind = |profile: &mut Option<Profile>, kind: &str, name: &str, what: &str| {
            if let Some(drawn) = profile.take_if(|profile| profile.is_drawn()) {
                let random = streams.stream(&format!("profile/{kind}/{name}/{what}"));
                *profile = Some(drawn.drawn_from(random));
            }
        };
        for host in self.hosts.values_mut() {
            bind(&mut host.speed_profile, "host", &host.name, "speed");
            bind(&mut host.state_profile, "host", &host.name, "state");
        }
        for link in self.links.values_mut() {
            let half = link.name.strip_suffix("_UP").or_else(|| link.name.strip_suffix("_DOWN"));
            let name = half.filter(|_| link.opposite.is_some()).unwrap_or(&link.name);
            bind(&mut link.bandwidth_profile, "link", name, "bandwidth");
            bind(&mut link.latency_profile, "link", name, "latency");
            bind(&mut link.state_profile, "link", name, "state");
        }
    }

    /// Has a further profile change a part of the platform: its values are factors of what holds
    /// otherwise, by the profile of the description or without one. For a state, 0 is off, and
    /// anything else leaves it as it is.
    pub fn add_profile(&mut self, target: ProfileTarget, factors: Profile) {
        self.further_profiles.push((target, factors));
    }

    /// The profiles that were [added](Self::add_profile), in order.
    pub fn further_profiles(&self) -> impl Iterator<Item = (ProfileTarget, &Profile)> {
        self.further_profiles.iter().map(|(target, profile)| (*target, profile))
    }

    /// What was accepted but is probably not what was meant, such as a quantity without a unit.
    #[must_use]
    pub fn warnings(&self) -> &[PlatformError] {
        &self.warnings
    }

    /// An error that says that there is no host of this name, with the nearest name as a hint.
    pub fn unknown_host(&self, name: &str) -> PlatformError {
        let kind = Kind::Host;
        PlatformError::from(Problem::Unknown { kind, name: name.to_owned() })
            .with_suggestion(name, self.hosts.keys().map(String::as_str))
    }
}
