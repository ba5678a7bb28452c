//! Clusters: the flat `cluster`, `cabinet`, and the elements of a zone with `Cluster` routing.

use roxmltree::Node;

use super::attributes::Attributes;
use super::{Reader, offset};
use crate::error::{Kind, PlatformError, Problem};
use crate::id::ZoneId;
use crate::raw::{Direction, Name, RawAttachment, RawDisk, RawHop, RawLink, RawSharing, bad_value};
use crate::series::{HostSeries, LinkShape, MOST_HOSTS, RawCluster};
use crate::spec::{LinkSharing, Properties};
use crate::units::Dimension;

const CLUSTER_ATTRIBUTES: [&str; 18] = [
    "id",
    "prefix",
    "suffix",
    "radical",
    "speed",
    "core",
    "bw",
    "lat",
    "sharing_policy",
    "topology",
    "topo_parameters",
    "bb_bw",
    "bb_lat",
    "bb_sharing_policy",
    "router_id",
    "limiter_link",
    "loopback_bw",
    "loopback_lat",
];

impl Reader<'_, '_> {
    /// A flat cluster: a zone of its own.
    pub(super) fn cluster(&mut self, node: Node<'_, '_>, parent: Option<usize>) {
        let attributes = Attributes::new(self, node, &CLUSTER_ATTRIBUTES);
        if let Some(topology) = attributes.optional("topology")
            && !topology.text.eq_ignore_ascii_case("FLAT")
        {
            let what = format!("cluster topology `{}`", topology.text);
            let error = PlatformError::from(Problem::NotSupported { what }).with_hint(
                "a cluster without `topology` is flat: every host has a link to the middle",
            );
            self.report(topology.origin, error);
            return;
        }
        let name = attributes.required(self, "id");
        let order = self.raw.next_order();
        let words = [
            ("SPLITDUPLEX", RawSharing::SplitDuplex),
            ("FULLDUPLEX", RawSharing::SplitDuplex),
            ("SHARED", RawSharing::One(LinkSharing::Shared)),
            ("FATPIPE", RawSharing::One(LinkSharing::Fatpipe)),
        ];
        let sharing = attributes.optional("sharing_policy");
        let sharing = sharing.and_then(|given| self.word("the sharing policy", &given, &words));
        let hosts = self.series(&attributes, node, sharing.unwrap_or(RawSharing::SplitDuplex));
        let backbone = self.cluster_backbone(&attributes);
        let limiter = attributes.optional("limiter_link");
        let limiter =
            limiter.and_then(|_| attributes.rate(self, "limiter_link", Dimension::Bandwidth));
        let loopback = self.link_shape(
            &attributes,
            "loopback_bw",
            "loopback_lat",
            RawSharing::One(LinkSharing::Fatpipe),
        );
        let router_order = self.raw.next_order();
        let (Some(name), Some(hosts)) = (name, hosts) else {
            return;
        };
        let router = attributes.optional("router_id").unwrap_or_else(|| Name {
            text: format!("{}{}_router{}", hosts.prefix, name.text, hosts.suffix),
            origin: name.origin,
        });
        let cluster = RawCluster {
            name,
            parent,
            order,
            router,
            router_order,
            hosts,
            backbone,
            limiter,
            loopback,
        };
        cluster.expand(&mut self.raw);
    }

    fn cluster_backbone(&mut self, attributes: &Attributes) -> Option<LinkShape> {
        let words = [("SHARED", LinkSharing::Shared), ("FATPIPE", LinkSharing::Fatpipe)];
        let sharing = attributes.optional("bb_sharing_policy");
        let sharing = sharing
            .and_then(|given| self.word("the sharing policy of the backbone", &given, &words));
        self.link_shape(
            attributes,
            "bb_bw",
            "bb_lat",
            RawSharing::One(sharing.unwrap_or(LinkSharing::Shared)),
        )
    }

    /// A link that two attributes give, unless neither is there.
    fn link_shape(
        &mut self,
        attributes: &Attributes,
        bandwidth: &str,
        latency: &str,
        sharing: RawSharing,
    ) -> Option<LinkShape> {
        if attributes.optional(bandwidth).is_none() {
            let latency_given = attributes.optional(latency)?;
            if attributes.latency(self, latency)? > 0.0 {
                let problem = Problem::MissingAttribute {
                    element: "cluster".to_owned(),
                    attribute: bandwidth.to_owned(),
                };
                let error = PlatformError::from(problem)
                    .with_hint(format!("`{latency}` alone gives no link"));
                self.report(latency_given.origin, error);
            }
            return None;
        }
        let bandwidth = attributes.rate(self, bandwidth, Dimension::Bandwidth);
        let latency = attributes.latency(self, latency);
        Some(LinkShape { bandwidth: bandwidth?, latency_s: latency?, sharing })
    }

    /// A cabinet: hosts of the zone around it, each with a full-duplex link of its own to the
    /// middle.
    pub(super) fn cabinet(&mut self, node: Node<'_, '_>, zone: usize) {
        let known = ["id", "prefix", "suffix", "radical", "speed", "bw", "lat"];
        let attributes = Attributes::new(self, node, &known);
        attributes.required(self, "id");
        if let Some(series) = self.series(&attributes, node, RawSharing::SplitDuplex) {
            series.expand_cabinet(&mut self.raw, ZoneId(zone as u32), offset(node));
        }
    }

    /// What cluster and cabinet have in common: hosts that are alike.
    fn series(
        &mut self,
        attributes: &Attributes,
        node: Node<'_, '_>,
        sharing: RawSharing,
    ) -> Option<HostSeries> {
        let affix = |name: &str| attributes.get(name).map(|given| given.text).unwrap_or_default();
        let radical = attributes.required(self, "radical");
        let speeds = attributes.speeds(self, "speed", 0);
        let cores = attributes.whole(self, "core", 1, 1);
        let bandwidth = attributes.rate(self, "bw", Dimension::Bandwidth);
        attributes.required(self, "lat");
        let latency = attributes.latency(self, "lat");
        let mut properties = Properties::new();
        let mut disks: Vec<RawDisk> = Vec::new();
        for child in self.children(node, &["prop", "disk"]) {
            match child.tag_name().name() {
                "prop" => self.add_property(child, &mut properties),
                _ => disks.extend(self.disk(child)),
            }
        }
        let numbers = self.radical(&radical?)?;
        let order = self.raw.reserve_order(numbers.len() as u32);
        Some(HostSeries {
            prefix: affix("prefix"),
            suffix: affix("suffix"),
            numbers,
            order,
            // Hosts are entered even if something cannot be read, so that their names are known to
            // routes.
            speeds: speeds.unwrap_or_else(|| vec![1.0]),
            cores: cores.unwrap_or(1),
            memory: None,
            properties,
            disks,
            link: LinkShape {
                bandwidth: bandwidth.unwrap_or(1.0),
                latency_s: latency.unwrap_or_default(),
                sharing,
            },
        })
    }

    /// The numbers that `0-9,12,20-29` stands for.
    fn radical(&mut self, given: &Name) -> Option<Vec<u32>> {
        let mut numbers: Vec<u32> = Vec::new();
        for part in given.text.split(',') {
            let range = match part.split_once('-') {
                Some((first, last)) => {
                    first.trim().parse::<u32>().ok().zip(last.trim().parse().ok())
                }
                None => part.trim().parse().ok().map(|number| (number, number)),
            };
            let Some((first, last)) = range.filter(|(first, last)| first <= last) else {
                let rule = format!("`{part}` is neither a number nor a range such as `0-9`");
                self.report(given.origin, bad_value("the radical", &given.text, &rule));
                return None;
            };
            let more = (last - first) as usize + 1;
            if self.series_hosts + numbers.len() + more > MOST_HOSTS {
                let what = "too many hosts".to_owned();
                self.report(given.origin, Problem::TooLarge { what, limit: MOST_HOSTS as u32 });
                return None;
            }
            numbers.extend(first..=last);
        }
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let rule = format!("it has the number {} twice", pair[0]);
            self.report(given.origin, bad_value("the radical", &given.text, &rule));
            return None;
        }
        self.series_hosts += numbers.len();
        Some(numbers)
    }

    /// The links between a host and the middle of its zone.
    pub(super) fn host_link(&mut self, node: Node<'_, '_>, zone: usize) {
        let attributes = Attributes::new(self, node, &["id", "up", "down"]);
        let point = attributes.required(self, "id");
        let up = attributes.required(self, "up");
        let down = attributes.required(self, "down");
        let (Some(point), Some(up), Some(down)) = (point, up, down) else {
            return;
        };
        let up = RawHop { link: up, direction: Direction::Up };
        let down = RawHop { link: down, direction: Direction::Down };
        self.raw.attachments.push(RawAttachment {
            zone,
            point,
            up,
            down,
            limiter: None,
            loopback: None,
        });
    }

    /// The link that everything passes that leaves or reaches a host of the zone.
    pub(super) fn backbone(&mut self, node: Node<'_, '_>, zone: usize) {
        let attributes = Attributes::new(self, node, &["id", "bandwidth", "latency"]);
        let name = attributes.required(self, "id");
        let bandwidth = attributes.rate(self, "bandwidth", Dimension::Bandwidth);
        let latency = attributes.latency(self, "latency");
        let Some(name) = name else { return };
        if self.raw.zones[zone].backbone.is_some() {
            let (kind, text) = (Kind::Backbone, name.text.clone());
            let hint = "a zone has at most one backbone";
            let error =
                PlatformError::from(Problem::Duplicate { kind, name: text }).with_hint(hint);
            self.report(name.origin, error);
            return;
        }
        self.raw.zones[zone].backbone = Some(name.clone());
        self.raw.links.push(RawLink {
            name,
            bandwidth: bandwidth.unwrap_or(1.0),
            latency_s: latency.unwrap_or_default(),
            sharing: RawSharing::One(LinkSharing::Shared),
            bandwidth_profile: None,
            latency_profile: None,
            state_profile: None,
        });
    }
}
