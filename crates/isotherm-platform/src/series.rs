//! Expands a cluster or cabinet, a series of similar hosts, into hosts and links.

use crate::id::ZoneId;
use crate::raw::{
    Direction, Name, RawAttachment, RawDisk, RawFatTree, RawHop, RawHost, RawLink, RawPlatform,
    RawRouter, RawSharing, RawZone,
};
use crate::routing::{FatTreeShape, Routing};
use crate::spec::{LinkSharing, Properties};

/// The largest number of hosts of a platform.
pub(crate) const MOST_HOSTS: usize = 1_000_000;

/// What all hosts of a series have in common, and their numbers.
pub(crate) struct HostSeries {
    pub(crate) prefix: String,
    pub(crate) suffix: String,
    pub(crate) numbers: Vec<u32>,
    /// The position of the first host in the order of declaration; the others follow it.
    pub(crate) order: u32,
    pub(crate) speeds: Vec<f64>,
    pub(crate) cores: u32,
    pub(crate) memory: Option<u64>,
    pub(crate) properties: Properties,
    pub(crate) disks: Vec<RawDisk>,
    pub(crate) link: LinkShape,
}

/// How fast a link is, and how flows share it.
#[derive(Clone, Copy)]
pub(crate) struct LinkShape {
    pub(crate) bandwidth: f64,
    pub(crate) latency_s: f64,
    pub(crate) sharing: RawSharing,
}

impl LinkShape {
    fn named(self, name: Name) -> RawLink {
        RawLink {
            name,
            bandwidth: self.bandwidth,
            latency_s: self.latency_s,
            sharing: self.sharing,
            bandwidth_profile: None,
            latency_profile: None,
            state_profile: None,
        }
    }
}

/// A whole cluster: a zone of its own.
pub(crate) struct RawCluster {
    pub(crate) name: Name,
    pub(crate) parent: Option<usize>,
    /// The position of the zone in the order of declaration.
    pub(crate) order: u32,
    pub(crate) hosts: HostSeries,
    pub(crate) layout: Layout,
    /// The bandwidth of the link that everything from and to a host passes.
    pub(crate) limiter: Option<f64>,
    /// The link from a host to itself.
    pub(crate) loopback: Option<LinkShape>,
}

/// What is between the hosts of a cluster.
pub(crate) enum Layout {
    /// A router in the middle, perhaps behind a backbone.
    Flat { router: Name, router_order: u32, backbone: Option<LinkShape> },
    /// Levels of switches, as many hosts as fit them.
    FatTree(FatTreeShape),
}

impl RawCluster {
    /// Becomes a zone, its hosts, their links and what is between them. The names of the links are
    /// those that SimGrid gives them.
    pub(crate) fn expand(self, raw: &mut RawPlatform) {
        match &self.layout {
            Layout::Flat { .. } => self.expand_flat(raw),
            Layout::FatTree(shape) => {
                let shape = shape.clone();
                self.expand_fat_tree(shape, raw);
            }
        }
    }

    fn named(&self, text: String) -> Name {
        Name { text, origin: self.name.origin }
    }

    fn push_zone(
        &self,
        raw: &mut RawPlatform,
        routing: Routing,
        gateway: Option<Name>,
        backbone: Option<Name>,
    ) {
        raw.zones.push(RawZone {
            name: self.name.clone(),
            parent: self.parent,
            routing,
            order: self.order,
            gateway,
            backbone,
        });
    }

    fn expand_flat(self, raw: &mut RawPlatform) {
        let Layout::Flat { router, router_order, backbone } = &self.layout else { return };
        let zone = raw.zones.len();
        let cluster = &self.name.text;
        let backbone =
            backbone.map(|backbone| (self.named(format!("{cluster}_backbone")), backbone));
        let backbone_name = backbone.as_ref().map(|(name, _)| name.clone());
        self.push_zone(raw, Routing::Cluster, Some(router.clone()), backbone_name);
        for &number in &self.hosts.numbers {
            let base = format!("{cluster}_link_{number}");
            let limiter = self.limiter.map(|bandwidth| {
                let name = self.named(format!("{base}_limiter"));
                raw.links.push(limiter(bandwidth).named(name.clone()));
                name
            });
            let loopback = self.loopback.map(|loopback| {
                let name = self.named(format!("{base}_loopback"));
                raw.links.push(loopback.named(name.clone()));
                name
            });
            let host = self.named(self.hosts.host_name(number));
            attach(raw, zone, self.hosts.link, host, self.named(base), limiter, loopback);
        }
        raw.links.extend(backbone.map(|(name, backbone)| backbone.named(name)));
        raw.routers.push(RawRouter { name: router.clone(), zone, order: *router_order });
        self.hosts.expand(raw, zone, self.name.origin);
    }

    /// Hosts are numbered by their position in the names of limiters and cables, and by what the
    /// cluster calls them in those of loopbacks. Switches are numbered downwards.
    fn expand_fat_tree(self, shape: FatTreeShape, raw: &mut RawPlatform) {
        let zone = raw.zones.len();
        let cluster = &self.name.text;
        self.push_zone(raw, Routing::FatTree, None, None);
        let loopback_name = |number: u32| self.named(format!("{cluster}_link_{number}_loopback"));
        if let Some(loopback) = self.loopback {
            let numbers = self.hosts.numbers.iter();
            raw.links.extend(numbers.map(|&number| loopback.named(loopback_name(number))));
        }
        let hosts = self.hosts.numbers.len() as i64;
        let number = |node: i64| if node < hosts { node } else { 3 * hosts - 1 - node };
        let limiter_name =
            |node: i64| self.named(format!("{cluster}_link_{}_limiter", number(node)));
        if let Some(bandwidth) = self.limiter {
            let nodes = hosts + i64::from(shape.switches().unwrap_or_default());
            let limiter = limiter(bandwidth);
            raw.links.extend((0..nodes).map(|node| limiter.named(limiter_name(node))));
        }
        let mut first_cable = None;
        let mut below = 0;
        for level in 0..shape.levels() {
            let nodes = i64::from(shape.nodes(level).unwrap_or_default());
            for cable in shape.cables_above(level) {
                let child = number(below + i64::from(cable.child));
                let parent = number(below + nodes + i64::from(cable.parent));
                let unique = raw.fat_tree_cables;
                raw.fat_tree_cables += 1;
                let name = self.named(format!("link_from_{child}_{parent}_{unique}"));
                first_cable.get_or_insert_with(|| name.clone());
                raw.links.push(self.hosts.link.named(name));
            }
            below += nodes;
        }
        let Some(cables) = first_cable else { return };
        raw.fat_trees.push(RawFatTree {
            zone,
            shape,
            first_position: raw.fat_tree_hosts,
            cables,
            limiters: self.limiter.map(|_| limiter_name(0)),
            loopbacks: self.loopback.map(|_| loopback_name(self.hosts.numbers[0])),
        });
        raw.fat_tree_hosts += self.hosts.numbers.len() as u32;
        self.hosts.expand(raw, zone, self.name.origin);
    }
}

/// The link that everything from and to a host passes.
fn limiter(bandwidth: f64) -> LinkShape {
    LinkShape { bandwidth, latency_s: 0.0, sharing: RawSharing::One(LinkSharing::Shared) }
}

impl HostSeries {
    /// Becomes hosts in a zone and the links from them to its middle, called `link_HOST` as SimGrid
    /// does.
    pub(crate) fn expand_cabinet(self, raw: &mut RawPlatform, zone: ZoneId, origin: Option<usize>) {
        for &number in &self.numbers {
            let host = Name { text: self.host_name(number), origin };
            let link = Name { text: format!("link_{}", host.text), origin };
            attach(raw, zone.index(), self.link, host, link, None, None);
        }
        self.expand(raw, zone.index(), origin);
    }

    fn host_name(&self, number: u32) -> String {
        format!("{}{number}{}", self.prefix, self.suffix)
    }

    fn expand(self, raw: &mut RawPlatform, zone: usize, origin: Option<usize>) {
        let series = Some(raw.next_series());
        raw.hosts.reserve(self.numbers.len());
        for (index, &number) in self.numbers.iter().enumerate() {
            raw.hosts.push(RawHost {
                name: Name { text: self.host_name(number), origin },
                zone,
                order: self.order + index as u32,
                series,
                speeds: self.speeds.clone(),
                pstate: 0,
                cores: self.cores,
                memory: self.memory,
                properties: self.properties.clone(),
                disks: self.disks.clone(),
                speed_profile: None,
                state_profile: None,
            });
        }
    }
}

/// Connects a host with the middle of its zone.
fn attach(
    raw: &mut RawPlatform,
    zone: usize,
    shape: LinkShape,
    point: Name,
    link: Name,
    limiter: Option<Name>,
    loopback: Option<Name>,
) {
    raw.links.push(shape.named(link.clone()));
    let up = RawHop { link: link.clone(), direction: Direction::Up };
    let down = RawHop { link, direction: Direction::Down };
    raw.attachments.push(RawAttachment { zone, point, up, down, limiter, loopback });
}
