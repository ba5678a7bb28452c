//! Clusters described by a program.

use super::PlatformBuilder;
use crate::raw::{Name, RawDisk, RawPlatform, RawSharing, bad_value};
use crate::series::{HostSeries, Layout, LinkShape, MOST_HOSTS, RawCluster};
use crate::spec::{LinkSharing, Properties};

/// A cluster as far as it has been described.
pub(super) struct ClusterDescription {
    name: String,
    count: u32,
    order: u32,
    prefix: String,
    suffix: String,
    speed: f64,
    cores: u32,
    memory: Option<u64>,
    properties: Properties,
    disks: Vec<RawDisk>,
    link: Option<(f64, f64)>,
    sharing: RawSharing,
    backbone: Option<LinkShape>,
    limiter: Option<f64>,
    loopback: Option<LinkShape>,
}

impl ClusterDescription {
    /// Enters it into the platform.
    pub(super) fn expand(self, raw: &mut RawPlatform) {
        let (bandwidth, latency_s) = self.link.unwrap_or((1.0, 0.0));
        let layout = Layout::Flat {
            router: Name::new(format!("{}{}_router{}", self.prefix, self.name, self.suffix)),
            router_order: self.order + self.count + 1,
            backbone: self.backbone,
        };
        let cluster = RawCluster {
            name: Name::new(self.name),
            parent: Some(0),
            order: self.order,
            hosts: HostSeries {
                prefix: self.prefix,
                suffix: self.suffix,
                numbers: (0..self.count).collect(),
                order: self.order + 1,
                speeds: vec![self.speed],
                cores: self.cores,
                memory: self.memory,
                properties: self.properties,
                disks: self.disks,
                link: LinkShape { bandwidth, latency_s, sharing: self.sharing },
            },
            layout,
            limiter: self.limiter,
            loopback: self.loopback,
        };
        cluster.expand(raw);
    }

    /// What is missing, if something is.
    pub(super) fn missing(&self) -> Option<crate::PlatformError> {
        let what = format!("the bandwidth of the links of cluster `{}`", self.name);
        self.link.is_none().then(|| bad_value(&what, "", "it must be given with `link`"))
    }
}

/// Says more about a cluster that was just added; what it says holds for all of its hosts. Links
/// are full duplex unless it says otherwise.
pub struct ClusterBuilder<'a> {
    builder: &'a mut PlatformBuilder,
    index: usize,
}

impl<'a> ClusterBuilder<'a> {
    pub(super) fn new(
        builder: &'a mut PlatformBuilder,
        name: String,
        count: u32,
        speed: f64,
    ) -> Self {
        let what = format!("the number of hosts of cluster `{name}`");
        let most = MOST_HOSTS as u32;
        if count == 0 || count > most {
            builder.report(bad_value(&what, count, &format!("it must be between 1 and {most}")));
        }
        let count = count.min(most);
        builder.rate(speed, || format!("the speed of the hosts of cluster `{name}`"));
        let order = builder.raw.reserve_order(count + 2);
        builder.clusters.push(ClusterDescription {
            prefix: format!("{name}-"),
            suffix: String::new(),
            name,
            count,
            order,
            speed,
            cores: 1,
            memory: None,
            properties: Properties::new(),
            disks: Vec::new(),
            link: None,
            sharing: RawSharing::SplitDuplex,
            backbone: None,
            limiter: None,
            loopback: None,
        });
        let index = builder.clusters.len() - 1;
        Self { builder, index }
    }

    /// What comes before and behind the number in the name of a host.
    pub fn names(self, prefix: impl Into<String>, suffix: impl Into<String>) -> Self {
        let (prefix, suffix) = (prefix.into(), suffix.into());
        self.change(|cluster| (cluster.prefix, cluster.suffix) = (prefix, suffix))
    }

    /// How many cores each has.
    pub fn cores(self, cores: u32) -> Self {
        if cores == 0 {
            let what = format!("the number of cores of the hosts of cluster `{}`", self.name());
            self.builder.report(bad_value(&what, 0, "a host has at least one core"));
        }
        self.change(|cluster| cluster.cores = cores)
    }

    /// The size of the memory of each, in bytes.
    pub fn memory(self, bytes: u64) -> Self {
        self.change(|cluster| cluster.memory = Some(bytes))
    }

    /// A property of each.
    pub fn property(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.change(|cluster| drop(cluster.properties.insert(name, value)))
    }

    /// A disk of each, with its bandwidths in bytes per second and its size in bytes (2^63 − 1 if
    /// there is none). The first one is mounted at `/`, every other one at a place of its name.
    pub fn disk(
        self,
        name: impl Into<String>,
        read_bandwidth: f64,
        write_bandwidth: f64,
        size: impl Into<Option<u64>>,
    ) -> Self {
        let name = name.into();
        for (which, value) in [("read", read_bandwidth), ("write", write_bandwidth)] {
            let what =
                format!("the {which} bandwidth of disk `{name}` in cluster `{}`", self.name());
            self.builder.rate(value, || what);
        }
        let size = size.into();
        self.change(|cluster| {
            let mount = if cluster.disks.is_empty() { "/".to_owned() } else { format!("/{name}") };
            cluster.disks.push(RawDisk {
                name: Name::new(name),
                read_bandwidth,
                write_bandwidth,
                readwrite_bandwidth: None,
                size,
                mount: Some(mount),
                properties: Properties::new(),
            });
        })
    }

    /// The link of each: bandwidth in bytes per second, latency in seconds. There must be one.
    pub fn link(mut self, bandwidth: f64, latency_s: f64) -> Self {
        self.check_link("links", bandwidth, latency_s);
        self.change(|cluster| cluster.link = Some((bandwidth, latency_s)))
    }

    /// What a host sends and what it receives share its link, instead of having one each.
    pub fn half_duplex(self) -> Self {
        self.change(|cluster| cluster.sharing = RawSharing::One(LinkSharing::Shared))
    }

    /// A link between the links of the hosts that everything from and to every one of them passes:
    /// bandwidth in bytes per second, latency in seconds. All flows share it.
    pub fn backbone(mut self, bandwidth: f64, latency_s: f64) -> Self {
        self.check_link("backbone", bandwidth, latency_s);
        let sharing = RawSharing::One(LinkSharing::Shared);
        self.change(|cluster| cluster.backbone = Some(LinkShape { bandwidth, latency_s, sharing }))
    }

    /// How many bytes per second each may send and receive in all.
    pub fn limiter(mut self, bandwidth: f64) -> Self {
        self.check_link("limiters", bandwidth, 0.0);
        self.change(|cluster| cluster.limiter = Some(bandwidth))
    }

    /// The link of each to itself: bandwidth in bytes per second, latency in seconds. Flows do not
    /// share it.
    pub fn loopback(mut self, bandwidth: f64, latency_s: f64) -> Self {
        self.check_link("loopbacks", bandwidth, latency_s);
        let sharing = RawSharing::One(LinkSharing::Fatpipe);
        self.change(|cluster| cluster.loopback = Some(LinkShape { bandwidth, latency_s, sharing }))
    }

    fn check_link(&mut self, what: &str, bandwidth: f64, latency_s: f64) {
        let what = format!("the {what} of cluster `{}`", self.name());
        self.builder.rate(bandwidth, || format!("the bandwidth of {what}"));
        self.builder.latency(latency_s, || format!("the latency of {what}"));
    }

    fn name(&self) -> &str {
        &self.builder.clusters[self.index].name
    }

    fn change(self, change: impl FnOnce(&mut ClusterDescription)) -> Self {
        change(&mut self.builder.clusters[self.index]);
        self
    }
}
