//! Clusters: the flat `cluster`, `cabinet`, and the elements of a zone with `Cluster` routing.

use roxmltree::Node;

use super::attributes::Attributes;
use super::{Reader, offset};
use crate::error::{Kind, PlatformError, Problem};
use crate::id::ZoneId;
use crate::raw::{
    Direction, Finding, Name, RawAttachment, RawDisk, RawHop, RawLink, RawSharing, bad_value,
};
use crate::routing::{FatTreeShape, MOST_CABLES};
use crate::series::{HostSeries, Layout, LinkShape, MOST_HOSTS, RawCluster};
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

#[derive(Clone, Copy)]
enum Topology {
    Flat,
    FatTree,
}

const TOPOLOGIES: [(&str, Topology); 2] =
    [("FLAT", Topology::Flat), ("FAT_TREE", Topology::FatTree)];

const UNSUPPORTED_TOPOLOGIES: [&str; 2] = ["TORUS", "DRAGONFLY"];

const FAT_TREE_EXAMPLE: &str = "`2;4,4;1,2;1,2`: levels; children; parents; cables";

/// The most levels of a fat tree: 30 levels of two children are more hosts than there may be.
const MOST_LEVELS: usize = 30;

/// Reads the shape of a fat tree, or says what is wrong with it.
fn fat_tree_shape(text: &str) -> Result<FatTreeShape, String> {
    let parts: Vec<&str> = text.split(';').collect();
    let [levels, down, up, cables] = parts[..] else {
        return Err(format!("it has {} parts and not 4", parts.len()));
    };
    let number = |text: &str| match text.trim().parse::<u32>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{}` is not a whole number above 0", text.trim())),
    };
    let levels = number(levels)? as usize;
    if levels > MOST_LEVELS {
        return Err(format!("it has more than {MOST_LEVELS} levels"));
    }
    let numbers = |what: &str, list: &str| {
        let numbers = list.split(',').map(number).collect::<Result<Vec<u32>, String>>()?;
        match numbers.len() == levels {
            true => Ok(numbers),
            false => Err(format!("{what} are given for {} of {levels} levels", numbers.len())),
        }
    };
    Ok(FatTreeShape {
        down: numbers("children", down)?,
        up: numbers("parents", up)?,
        cables: numbers("cables", cables)?,
    })
}

impl Reader<'_, '_> {
    /// A cluster: a zone of its own.
    pub(super) fn cluster(&mut self, node: Node<'_, '_>, parent: Option<usize>) {
        let attributes = Attributes::new(self, node, &CLUSTER_ATTRIBUTES);
        let Some(topology) = self.cluster_topology(&attributes) else { return };
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
        let mut hosts = self.series(&attributes, node, sharing.unwrap_or(RawSharing::SplitDuplex));
        let limiter = attributes.optional("limiter_link");
        let limiter =
            limiter.and_then(|_| attributes.rate(self, "limiter_link", Dimension::Bandwidth));
        let loopback = self.link_shape(
            &attributes,
            "loopback_bw",
            "loopback_lat",
            RawSharing::One(LinkSharing::Fatpipe),
        );
        let layout = match topology {
            Topology::Flat => {
                let backbone = self.cluster_backbone(&attributes);
                let router_order = self.raw.next_order();
                let named = name.as_ref().zip(hosts.as_ref());
                let router = attributes.optional("router_id").or_else(|| {
                    let (name, hosts) = named?;
                    let text = format!("{}{}_router{}", hosts.prefix, name.text, hosts.suffix);
                    Some(Name { text, origin: name.origin })
                });
                router.map(|router| Layout::Flat { router, router_order, backbone })
            }
            Topology::FatTree => {
                self.without_effect(&attributes);
                if let Some(hosts) = &mut hosts
                    && hosts.link.sharing == RawSharing::One(LinkSharing::Fatpipe)
                {
                    hosts.link.sharing = RawSharing::One(LinkSharing::Shared);
                }
                let limited = limiter.is_some();
                let count = hosts.as_ref().map(|hosts| hosts.numbers.len());
                self.fat_tree(&attributes, count, limited).map(Layout::FatTree)
            }
        };
        if let (Some(name), Some(hosts), Some(layout)) = (name, hosts, layout) {
            let cluster = RawCluster { name, parent, order, hosts, layout, limiter, loopback };
            cluster.expand(&mut self.raw);
        }
    }

    fn cluster_topology(&mut self, attributes: &Attributes) -> Option<Topology> {
        const FLAT: &str =
            "a cluster without `topology` is flat: every host has a link to the middle";
        let Some(given) = attributes.optional("topology") else {
            return Some(Topology::Flat);
        };
        let is = |word: &str| given.text.eq_ignore_ascii_case(word);
        if UNSUPPORTED_TOPOLOGIES.into_iter().any(is) {
            let what = format!("cluster topology `{}`", given.text);
            let error = PlatformError::from(Problem::NotSupported { what }).with_hint(FLAT);
            self.report(given.origin, error);
            return None;
        }
        self.word("the topology of a cluster", &given, &TOPOLOGIES)
    }

    /// The attributes that SimGrid does not follow in a fat tree.
    fn without_effect(&mut self, attributes: &Attributes) {
        let counts = |attribute: &str, given: &Name| {
            attribute != "sharing_policy" || given.text.eq_ignore_ascii_case("FATPIPE")
        };
        let reasons = [
            ("bb_bw", "a fat tree has no backbone"),
            ("bb_lat", "a fat tree has no backbone"),
            ("bb_sharing_policy", "a fat tree has no backbone"),
            ("router_id", "a fat tree has no router: zone routes name one of its hosts"),
            ("sharing_policy", "flows share the links of a fat tree, as in SimGrid"),
        ];
        for (attribute, reason) in reasons {
            let given = attributes.optional(attribute).filter(|given| counts(attribute, given));
            let Some(given) = given else { continue };
            let (element, attribute) = ("cluster".to_owned(), attribute.to_owned());
            let error = Problem::WithoutEffect { element, attribute, reason }.into();
            self.warnings.push(Finding { error, origin: given.origin });
        }
    }

    /// The shape of a fat tree of so many hosts: `levels;children;parents;cables`, the last three
    /// with a number for each level, from the hosts upwards.
    fn fat_tree(
        &mut self,
        attributes: &Attributes,
        hosts: Option<usize>,
        limited: bool,
    ) -> Option<FatTreeShape> {
        let given = attributes.required(self, "topo_parameters")?;
        let shape = match fat_tree_shape(&given.text) {
            Ok(shape) => shape,
            Err(rule) => {
                let rule = format!("{rule} (a fat tree is written as {FAT_TREE_EXAMPLE})");
                let error = bad_value("`topo_parameters` of a fat tree", &given.text, &rule);
                self.report(given.origin, error);
                return None;
            }
        };
        match self.misfit(&shape, hosts?, limited) {
            None => Some(shape),
            Some(rule) => {
                let error = bad_value("`topo_parameters` of a fat tree", &given.text, &rule);
                self.report(given.origin, error);
                None
            }
        }
    }

    /// Why a fat tree cannot be that of so many hosts.
    fn misfit(&self, shape: &FatTreeShape, hosts: usize, limited: bool) -> Option<String> {
        let fits = shape.nodes(0);
        if fits != Some(hosts as u32) {
            let fits = fits.map_or("far more".to_owned(), |fits| fits.to_string());
            return Some(format!("that tree has {fits} hosts, and the radical names {hosts}"));
        }
        let mut levels = 0..shape.levels();
        let cables = levels.try_fold(self.raw.fat_tree_cables, |sum, level| {
            sum.checked_add(shape.cables_from(level)?)
        });
        if cables.is_none_or(|cables| cables > MOST_CABLES) {
            return Some(format!("a platform has at most {MOST_CABLES} cables of fat trees"));
        }
        // Their names would be those of the hosts.
        let rule = "a tree with a `limiter_link` has at most as many switches as hosts";
        let crowded = limited && shape.switches().is_none_or(|count| count as usize > hosts);
        crowded.then(|| rule.to_owned())
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
