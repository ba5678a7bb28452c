//! A platform described by a program.
//!
//! ```
//! use isotherm_platform::PlatformBuilder;
//!
//! let mut platform = PlatformBuilder::new();
//! platform.host("head", 10e9).cores(8).memory(16_000_000_000);
//! platform.disk("head", "disk", 1e8, 1e8).size(1_000_000_000_000);
//! platform.host("node", 50e9).cores(16);
//! platform.link("lan", 12.5e9, 1e-9);
//! platform.route("head", "node", ["lan"]);
//! let spec = platform.build().unwrap();
//! assert_eq!(spec.hosts().count(), 2);
//! ```
//!
//! Nothing fails before [`build`](PlatformBuilder::build), which reports all errors at once. All
//! hosts are in one zone whose routes are the declared ones; the implicit loopback connects each
//! host with itself. With [`routing`](PlatformBuilder::routing) routes are composed of declared
//! ones, for instance over [routers](PlatformBuilder::router). Many equal hosts are a
//! [cluster](PlatformBuilder::cluster): a zone of its own, without a table of routes, which may be
//! an end of a route like a host. A platform that was [read from a SimGrid
//! file](PlatformBuilder::from_simgrid_xml) is added to in the same way.

#![expect(clippy::must_use_candidate, reason = "the methods change the builder they borrow")]

mod cluster;
mod read;

pub use cluster::ClusterBuilder;

use crate::error::{Kind, PlatformError, Problem};
use crate::model::NetworkModel;
use crate::profile::Profile;
use crate::raw::{
    Direction, Ends, Finding, Name, RawDisk, RawHop, RawHost, RawLink, RawPlatform, RawRoute,
    RawRouter, RawSharing, RawZone, bad_value, check_latency, check_rate,
};
use crate::resolve::resolve;
use crate::routing::Routing;
use crate::spec::{LinkSharing, PlatformSpec, Properties};
use rustc_hash::FxHashMap;

/// Describes a platform step by step. See the [module](self).
///
/// ```
/// use isotherm_platform::{PlatformBuilder, Routing};
///
/// let mut platform = PlatformBuilder::new();
/// platform.routing(Routing::Floyd);
/// platform.host("head", 10e9).cores(8);
/// platform.router("switch");
/// platform.cluster("rack", 64, 10e9).cores(16).link(1.25e9, 25e-6).disk("ssd", 2e9, 1e9, 1_000_000_000_000);
/// platform.link("uplink", 5e9, 10e-6);
/// platform.link("head-link", 1.25e9, 10e-6);
/// platform.route("head", "switch", ["head-link"]).route("switch", "rack", ["uplink"]);
/// let spec = platform.build().unwrap();
/// let route = spec.route(spec.host_id("head").unwrap(), spec.host_id("rack-3").unwrap()).unwrap();
/// let names: Vec<&str> = route.iter().map(|&link| spec.link(link).name.as_str()).collect();
/// assert_eq!(names, ["head-link", "uplink", "rack_link_3_DOWN"]);
/// ```
pub struct PlatformBuilder {
    raw: RawPlatform,
    clusters: Vec<cluster::ClusterDescription>,
    hosts: FxHashMap<String, usize>,
    findings: Vec<Finding>,
    /// Of the text that it was read from.
    warnings: Vec<PlatformError>,
}

impl Default for PlatformBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PlatformBuilder {
    /// A platform with nothing on it.
    pub fn new() -> Self {
        let mut raw = RawPlatform::default();
        let world = world(&mut raw);
        raw.zones.push(world);
        Self::of(raw)
    }

    fn of(raw: RawPlatform) -> Self {
        let hosts =
            raw.hosts.iter().enumerate().map(|(index, host)| (host.name.text.clone(), index));
        PlatformBuilder {
            hosts: hosts.collect(),
            // In what is added, hosts may stand beside clusters.
            raw: RawPlatform { mixed: true, ..raw },
            clusters: Vec::new(),
            findings: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds a host whose cores compute `speed` flop/s each. It has one core unless the result says
    /// otherwise.
    pub fn host(&mut self, name: impl Into<String>, speed: f64) -> HostBuilder<'_> {
        self.host_with_pstates(name, [speed])
    }

    /// Adds a host with several processor states, each with its speed in flop/s. It starts in the
    /// first one, unless [`pstate`](HostBuilder::pstate) says otherwise. That one has a speed above
    /// 0; others may have none, such as a state in which the host boots.
    pub fn host_with_pstates(
        &mut self,
        name: impl Into<String>,
        speeds: impl Into<Vec<f64>>,
    ) -> HostBuilder<'_> {
        let name = name.into();
        let speeds = speeds.into();
        let what = || format!("the speed of host `{name}`");
        if speeds.is_empty() {
            self.report(bad_value(&what(), "", "a host has at least one speed"));
        }
        // Which of several states is selected is known in the end.
        for &speed in speeds.iter().filter(|&&speed| speed != 0.0 || speeds.len() == 1) {
            self.rate(speed, what);
        }
        let index = self.raw.hosts.len();
        self.hosts.entry(name.clone()).or_insert(index);
        let order = self.raw.next_order();
        self.raw.hosts.push(RawHost {
            name: Name::new(name),
            zone: 0,
            order,
            series: None,
            speeds,
            pstate: 0,
            cores: 1,
            memory: None,
            properties: Properties::new(),
            disks: Vec::new(),
            speed_profile: None,
            state_profile: None,
        });
        HostBuilder { builder: self, index }
    }

    /// Adds a disk to a host that was added before. Bandwidths are in bytes per second. Unless the
    /// result says otherwise it is mounted at `/`, holds 2^63 − 1 bytes, and reads and writes at
    /// once as fast as the larger of the two bandwidths.
    pub fn disk(
        &mut self,
        host: &str,
        name: impl Into<String>,
        read_bandwidth: f64,
        write_bandwidth: f64,
    ) -> DiskBuilder<'_> {
        let name = name.into();
        for (which, value) in [("read", read_bandwidth), ("write", write_bandwidth)] {
            self.rate(value, || format!("the {which} bandwidth of disk `{name}` on host `{host}`"));
        }
        let disk = RawDisk {
            name: Name::new(name),
            read_bandwidth,
            write_bandwidth,
            readwrite_bandwidth: None,
            size: None,
            mount: None,
            properties: Properties::new(),
        };
        let index = match self.hosts.get(host) {
            Some(&index) => {
                self.raw.hosts[index].disks.push(disk);
                Some((index, self.raw.hosts[index].disks.len() - 1))
            }
            None => {
                let name = host.to_owned();
                let kind = Kind::Host;
                let known = self.raw.hosts.iter().map(|known| known.name.text.as_str());
                let error = PlatformError::from(Problem::Unknown { kind, name })
                    .with_suggestion(host, known);
                self.report(error);
                None
            }
        };
        DiskBuilder { builder: self, index }
    }

    /// Adds a link: bandwidth in bytes per second, latency in seconds. Flows share it unless the
    /// result says otherwise.
    pub fn link(
        &mut self,
        name: impl Into<String>,
        bandwidth: f64,
        latency_s: f64,
    ) -> LinkBuilder<'_> {
        let name = name.into();
        self.rate(bandwidth, || format!("the bandwidth of link `{name}`"));
        self.latency(latency_s, || format!("the latency of link `{name}`"));
        let index = self.raw.links.len();
        self.raw.links.push(RawLink {
            name: Name::new(name),
            bandwidth,
            latency_s,
            sharing: RawSharing::One(LinkSharing::Shared),
            bandwidth_profile: None,
            latency_profile: None,
            state_profile: None,
        });
        LinkBuilder { builder: self, index }
    }

    /// How routes are found: [`Routing::Full`] (unless this is called), [`Routing::Floyd`] or
    /// [`Routing::Dijkstra`]. With the latter two a route between any two hosts is made of declared
    /// ones, so that the fewest links are crossed.
    pub fn routing(&mut self, routing: Routing) -> &mut Self {
        match routing {
            Routing::Full | Routing::Floyd | Routing::Dijkstra => {
                self.raw.zones[0].routing = routing
            }
            Routing::Cluster | Routing::FatTree | Routing::None => {
                let rule =
                    "it must be `Full`, `Floyd` or `Dijkstra`; a cluster is added by `cluster`";
                self.report(bad_value("the routing", routing.name(), rule));
            }
        }
        self
    }

    /// Adds a router: a point that routes begin, end or pass at, and that computes nothing.
    pub fn router(&mut self, name: impl Into<String>) -> &mut Self {
        let order = self.raw.next_order();
        self.raw.routers.push(RawRouter { name: Name::new(name), zone: 0, order });
        self
    }

    /// Adds `count` hosts that are alike, called `NAME-0`, `NAME-1`, ..., whose cores compute
    /// `speed` flop/s each. Every one has a link of its own, split in two directions, to a router
    /// in the middle. The name of the cluster may be an end of a route, which then begins or ends
    /// at that router.
    ///
    /// What a host of a cluster sends to itself takes its own links unless it has a
    /// [loopback](ClusterBuilder::loopback), as in SimGrid.
    pub fn cluster(
        &mut self,
        name: impl Into<String>,
        count: u32,
        speed: f64,
    ) -> ClusterBuilder<'_> {
        ClusterBuilder::new(self, name.into(), count, speed)
    }

    /// Declares the links from one host to another, and the same links in reverse order for the way
    /// back. An end may also be a router or a cluster. A link may occur twice. A split-duplex link
    /// needs a direction, [`Via::up`] or [`Via::down`]; the way back takes the other one.
    pub fn route<V: Into<Via>>(
        &mut self,
        from: &str,
        to: &str,
        links: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        self.add_route(from, to, links.into_iter().map(Into::into).collect(), true)
    }

    /// Declares the links from one host to another, and nothing for the way back.
    pub fn one_way_route<V: Into<Via>>(
        &mut self,
        from: &str,
        to: &str,
        links: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        self.add_route(from, to, links.into_iter().map(Into::into).collect(), false)
    }

    /// Replaces the constants of the network model.
    pub fn network_model(&mut self, model: NetworkModel) -> &mut Self {
        self.raw.model = model;
        self
    }

    /// Checks the whole.
    ///
    /// # Errors
    /// Everything that is wrong: names given twice or to nothing, values out of range, routes
    /// without links.
    pub fn build(mut self) -> Result<PlatformSpec, Vec<PlatformError>> {
        for description in std::mem::take(&mut self.clusters) {
            if let Some(error) = description.missing() {
                self.report(error);
            }
            description.expand(&mut self.raw);
        }
        for host in &self.raw.hosts {
            if host.speeds.len() > 1 && host.speeds.get(host.pstate) == Some(&0.0) {
                let what = format!("the speed of host `{}`", host.name.text);
                let rule = "it must be positive in the processor state in which the host starts";
                self.findings.push(Finding { error: bad_value(&what, 0, rule), origin: None });
            }
        }
        // Hosts count in the order in which they were added, those of a cluster at its place.
        self.raw.hosts.sort_by_key(|host| host.order);
        let mut findings = self.findings;
        match resolve(self.raw, &mut findings) {
            Some(mut spec) => {
                spec.warnings = self.warnings;
                Ok(spec)
            }
            None => Err(findings.into_iter().map(|finding| finding.error).collect()),
        }
    }

    fn add_route(&mut self, from: &str, to: &str, links: Vec<Via>, symmetrical: bool) -> &mut Self {
        self.raw.routes.push(RawRoute {
            origin: None,
            zone: 0,
            ends: Ends::Any,
            from: Name::new(from),
            to: Name::new(to),
            gateways: (None, None),
            hops: links.into_iter().map(|via| via.0).collect(),
            symmetrical,
            bypass: false,
        });
        self
    }

    /// Checks a speed or a bandwidth; what it is of is only put into words if it is wrong.
    fn rate(&mut self, value: f64, what: impl FnOnce() -> String) {
        if check_rate("", value).is_err()
            && let Err(error) = check_rate(&what(), value)
        {
            self.report(error);
        }
    }

    /// Checks a latency; what it is of is only put into words if it is wrong.
    fn latency(&mut self, value: f64, what: impl FnOnce() -> String) {
        if check_latency("", value).is_err()
            && let Err(error) = check_latency(&what(), value)
        {
            self.report(error);
        }
    }

    fn report(&mut self, error: PlatformError) {
        self.findings.push(Finding { error, origin: None });
    }
}

/// A zone around all others.
fn world(raw: &mut RawPlatform) -> RawZone {
    RawZone {
        name: Name::new("__world__"),
        parent: None,
        routing: Routing::Full,
        order: raw.next_order(),
        gateway: None,
        backbone: None,
    }
}

/// One link of a route and the direction in which it is crossed.
pub struct Via(RawHop);

impl Via {
    /// A split-duplex link, upwards.
    pub fn up(link: impl Into<String>) -> Self {
        Self::new(link, Direction::Up)
    }

    /// A split-duplex link, downwards.
    pub fn down(link: impl Into<String>) -> Self {
        Self::new(link, Direction::Down)
    }

    fn new(link: impl Into<String>, direction: Direction) -> Self {
        Self(RawHop { link: Name::new(link), direction })
    }
}

impl From<&str> for Via {
    fn from(link: &str) -> Self {
        Self::new(link, Direction::None)
    }
}

impl From<String> for Via {
    fn from(link: String) -> Self {
        Self::new(link, Direction::None)
    }
}

/// Says more about a host that was just added.
pub struct HostBuilder<'a> {
    builder: &'a mut PlatformBuilder,
    index: usize,
}

impl HostBuilder<'_> {
    /// How many cores it has.
    pub fn cores(self, cores: u32) -> Self {
        if cores == 0 {
            let what = format!("the number of cores of host `{}`", self.raw().name.text);
            self.builder.report(bad_value(&what, 0, "a host has at least one core"));
        }
        self.builder.raw.hosts[self.index].cores = cores;
        self
    }

    /// The size of its memory in bytes.
    pub fn memory(self, bytes: u64) -> Self {
        self.builder.raw.hosts[self.index].memory = Some(bytes);
        self
    }

    /// The processor state in which it starts.
    pub fn pstate(self, pstate: usize) -> Self {
        let states = self.raw().speeds.len();
        if pstate >= states {
            let what = format!("the processor state of host `{}`", self.raw().name.text);
            let rule = format!("it has {states} of them, counted from 0");
            self.builder.report(bad_value(&what, pstate, &rule));
        }
        self.builder.raw.hosts[self.index].pstate = pstate;
        self
    }

    /// A property.
    pub fn property(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.builder.raw.hosts[self.index].properties.insert(name.into(), value.into());
        self
    }

    /// How its speed varies: factors of the speed of the processor state.
    pub fn speed_profile(self, profile: Profile) -> Self {
        self.builder.raw.hosts[self.index].speed_profile = Some(profile);
        self
    }

    /// When it is on (> 0) and off (0).
    pub fn state_profile(self, profile: Profile) -> Self {
        self.builder.raw.hosts[self.index].state_profile = Some(profile);
        self
    }

    fn raw(&self) -> &RawHost {
        &self.builder.raw.hosts[self.index]
    }
}

/// Says more about a disk that was just added.
pub struct DiskBuilder<'a> {
    builder: &'a mut PlatformBuilder,
    /// Its host and its index there, unless there is no such host.
    index: Option<(usize, usize)>,
}

impl DiskBuilder<'_> {
    /// How much it holds, in bytes.
    pub fn size(self, bytes: u64) -> Self {
        self.change(|disk| disk.size = Some(bytes))
    }

    /// Where it is mounted.
    pub fn mount(self, mount: impl Into<String>) -> Self {
        self.change(|disk| disk.mount = Some(mount.into()))
    }

    /// How fast it reads and writes at once, in bytes per second.
    pub fn readwrite_bandwidth(self, bandwidth: f64) -> Self {
        self.builder.rate(bandwidth, || "the read-write bandwidth of a disk".to_owned());
        self.change(|disk| disk.readwrite_bandwidth = Some(bandwidth))
    }

    /// A property.
    pub fn property(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.change(|disk| {
            disk.properties.insert(name.into(), value.into());
        })
    }

    fn change(self, change: impl FnOnce(&mut RawDisk)) -> Self {
        if let Some((host, disk)) = self.index {
            change(&mut self.builder.raw.hosts[host].disks[disk]);
        }
        self
    }
}

/// Says more about a link that was just added.
pub struct LinkBuilder<'a> {
    builder: &'a mut PlatformBuilder,
    index: usize,
}

impl LinkBuilder<'_> {
    /// Each flow by itself gets the bandwidth.
    pub fn fatpipe(self) -> Self {
        self.change(|link| link.sharing = RawSharing::One(LinkSharing::Fatpipe))
    }

    /// It is two links, one in each direction, that do not disturb each other.
    pub fn split_duplex(self) -> Self {
        self.change(|link| link.sharing = RawSharing::SplitDuplex)
    }

    /// How its bandwidth varies, in bytes per second.
    pub fn bandwidth_profile(self, profile: Profile) -> Self {
        self.change(|link| link.bandwidth_profile = Some(profile))
    }

    /// How its latency varies, in seconds.
    pub fn latency_profile(self, profile: Profile) -> Self {
        self.change(|link| link.latency_profile = Some(profile))
    }

    /// When it is on (> 0) and off (0).
    pub fn state_profile(self, profile: Profile) -> Self {
        self.change(|link| link.state_profile = Some(profile))
    }

    fn change(self, change: impl FnOnce(&mut RawLink)) -> Self {
        change(&mut self.builder.raw.links[self.index]);
        self
    }
}
