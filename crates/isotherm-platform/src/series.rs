//! Expands a cluster or cabinet, a series of similar hosts, into hosts and links.

use crate::id::ZoneId;
use crate::raw::{
    Direction, Name, RawAttachment, RawDisk, RawHop, RawHost, RawLink, RawPlatform, RawRouter,
    RawSharing, RawZone,
};
use crate::routing::Routing;
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

/// A whole cluster: a zone of its own with a router in the middle.
pub(crate) struct RawCluster {
    pub(crate) name: Name,
    pub(crate) parent: Option<usize>,
    /// The position of the zone in the order of declaration.
    pub(crate) order: u32,
    pub(crate) router: Name,
    pub(crate) router_order: u32,
    pub(crate) hosts: HostSeries,
    pub(crate) backbone: Option<LinkShape>,
    /// The bandwidth of the link that everything from and to a host passes.
    pub(crate) limiter: Option<f64>,
    /// The link from a host to itself.
    pub(crate) loopback: Option<LinkShape>,
}

impl RawCluster {
    /// Becomes a zone, its hosts, their links, a backbone and a router. The names of the links are
    /// those that SimGrid gives them.
    pub(crate) fn expand(self, raw: &mut RawPlatform) {
        let zone = raw.zones.len();
        let cluster = self.name.text.clone();
        let named = |text: String| Name { text, origin: self.name.origin };
        let backbone =
            self.backbone.map(|backbone| (named(format!("{cluster}_backbone")), backbone));
        raw.zones.push(RawZone {
            name: self.name.clone(),
            parent: self.parent,
            routing: Routing::Cluster,
            order: self.order,
            gateway: Some(self.router.clone()),
            backbone: backbone.as_ref().map(|(name, _)| name.clone()),
        });
        for &number in &self.hosts.numbers {
            let base = format!("{cluster}_link_{number}");
            let limiter = self.limiter.map(|bandwidth| {
                let name = named(format!("{base}_limiter"));
                let sharing = RawSharing::One(LinkSharing::Shared);
                raw.links
                    .push(LinkShape { bandwidth, latency_s: 0.0, sharing }.named(name.clone()));
                name
            });
            let loopback = self.loopback.map(|loopback| {
                let name = named(format!("{base}_loopback"));
                raw.links.push(loopback.named(name.clone()));
                name
            });
            let host = named(self.hosts.host_name(number));
            attach(raw, zone, self.hosts.link, host, named(base), limiter, loopback);
        }
        raw.links.extend(backbone.map(|(name, backbone)| backbone.named(name)));
        raw.routers.push(RawRouter { name: self.router.clone(), zone, order: self.router_order });
        self.hosts.expand(raw, zone, self.name.origin);
    }
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
