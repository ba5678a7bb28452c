//! Hosts, disks, links, routers, routes and properties.

use roxmltree::Node;

use super::attributes::Attributes;
use super::{Reader, offset};
use crate::error::{Kind, PlatformError, Problem};
use crate::raw::{
    Direction, Ends, Name, RawDisk, RawHop, RawHost, RawLink, RawRoute, RawRouter, RawSharing,
};
use crate::spec::{LinkSharing, Properties};
use crate::units::Dimension;

impl Reader<'_, '_> {
    pub(super) fn host(&mut self, node: Node<'_, '_>, zone: usize) {
        let known = [
            "id",
            "speed",
            "core",
            "pstate",
            "speed_file",
            "availability_file",
            "state_file",
            "coordinates",
        ];
        let attributes = Attributes::new(self, node, &known);
        let order = self.raw.next_order();
        let name = attributes.required(self, "id");
        let pstate = attributes.whole(self, "pstate", 0, 0);
        let speeds = attributes.speeds(self, "speed", pstate.unwrap_or_default() as usize);
        let cores = attributes.whole(self, "core", 1, 1);
        if let (Some(speeds), Some(pstate)) = (&speeds, pstate)
            && pstate as usize >= speeds.len()
        {
            let rule = format!("the host has {} of them, counted from 0", speeds.len());
            let error = crate::raw::bad_value("the processor state", pstate, &rule);
            let origin = attributes.get("pstate").and_then(|given| given.origin);
            self.report(origin, error);
        }
        let speed_profile = self.profile(
            attributes.optional("speed_file").or_else(|| attributes.optional("availability_file")),
        );
        let state_profile = self.state_profile(attributes.optional("state_file"));
        let mut properties = Properties::new();
        let mut disks = Vec::new();
        for child in self.children(node, &["prop", "disk"]) {
            match child.tag_name().name() {
                "prop" => self.add_property(child, &mut properties),
                _ => disks.extend(self.disk(child)),
            }
        }
        // A host is entered even if its speed cannot be read, so that its name is known to the
        // routes.
        let Some(name) = name else { return };
        self.raw.hosts.push(RawHost {
            name,
            zone,
            order,
            series: None,
            speeds: speeds.unwrap_or_else(|| vec![1.0]),
            pstate: pstate.unwrap_or_default() as usize,
            cores: cores.unwrap_or(1),
            memory: None,
            properties,
            disks,
            speed_profile,
            state_profile,
        });
    }

    pub(super) fn disk(&mut self, node: Node<'_, '_>) -> Option<RawDisk> {
        let attributes = Attributes::new(self, node, &["id", "read_bw", "write_bw"]);
        let name = attributes.required(self, "id");
        let read = attributes.rate(self, "read_bw", Dimension::Bandwidth);
        let write = attributes.rate(self, "write_bw", Dimension::Bandwidth);
        let mut properties = Properties::new();
        for child in self.children(node, &["prop"]) {
            self.add_property(child, &mut properties);
        }
        Some(RawDisk {
            name: name?,
            read_bandwidth: read.unwrap_or(1.0),
            write_bandwidth: write.unwrap_or(1.0),
            readwrite_bandwidth: None,
            size: None,
            mount: None,
            properties,
        })
    }

    pub(super) fn link(&mut self, node: Node<'_, '_>) {
        let known = [
            "id",
            "bandwidth",
            "latency",
            "sharing_policy",
            "bandwidth_file",
            "latency_file",
            "state_file",
        ];
        let attributes = Attributes::new(self, node, &known);
        let name = attributes.required(self, "id");
        let bandwidth = attributes.rate(self, "bandwidth", Dimension::Bandwidth);
        let latency = attributes.latency(self, "latency");
        let sharing = attributes.get("sharing_policy");
        let sharing = sharing.and_then(|given| self.sharing(&given));
        let bandwidth_profile = self.profile(attributes.optional("bandwidth_file"));
        let latency_profile = self.profile(attributes.optional("latency_file"));
        let state_profile = self.state_profile(attributes.optional("state_file"));
        // Properties of links serve nothing in a simulation; they are only checked.
        for child in self.children(node, &["prop"]) {
            self.property(child);
        }
        let Some(name) = name else { return };
        self.raw.links.push(RawLink {
            name,
            bandwidth: bandwidth.unwrap_or(1.0),
            latency_s: latency.unwrap_or_default(),
            sharing: sharing.unwrap_or(RawSharing::One(LinkSharing::Shared)),
            bandwidth_profile,
            latency_profile,
            state_profile,
        });
    }

    fn sharing(&mut self, given: &Name) -> Option<RawSharing> {
        if given.text.eq_ignore_ascii_case("WIFI") {
            let what = "sharing policy `WIFI`".to_owned();
            self.report(given.origin, PlatformError::from(Problem::NotSupported { what }));
            return None;
        }
        if given.text.eq_ignore_ascii_case("FULLDUPLEX") {
            // What `SPLITDUPLEX` was called before SimGrid 3.19.
            return Some(RawSharing::SplitDuplex);
        }
        let words = [
            ("SHARED", RawSharing::One(LinkSharing::Shared)),
            ("FATPIPE", RawSharing::One(LinkSharing::Fatpipe)),
            ("SPLITDUPLEX", RawSharing::SplitDuplex),
        ];
        self.word("the sharing policy", given, &words)
    }

    pub(super) fn router(&mut self, node: Node<'_, '_>, zone: usize) {
        let attributes = Attributes::new(self, node, &["id", "coordinates"]);
        let order = self.raw.next_order();
        self.children(node, &["prop"]);
        if let Some(name) = attributes.required(self, "id") {
            self.raw.routers.push(RawRouter { name, zone, order });
        }
    }

    pub(super) fn route(&mut self, node: Node<'_, '_>, zone: usize, ends: Ends, bypass: bool) {
        let known: &[&str] = match (ends == Ends::Zones, bypass) {
            (true, false) => &["src", "dst", "gw_src", "gw_dst", "symmetrical"],
            (true, true) => &["src", "dst", "gw_src", "gw_dst"],
            (false, false) => &["src", "dst", "symmetrical"],
            (false, true) => &["src", "dst"],
        };
        let attributes = Attributes::new(self, node, known);
        let from = attributes.required(self, "src");
        let to = attributes.required(self, "dst");
        let gateways = (attributes.optional("gw_src"), attributes.optional("gw_dst"));
        let words = [("YES", true), ("NO", false), ("true", true), ("false", false)];
        let symmetrical = attributes
            .get("symmetrical")
            .and_then(|given| self.word("`symmetrical`", &given, &words));
        let mut hops = Vec::new();
        let mut all_hops = true;
        for child in self.children(node, &["link_ctn"]) {
            match self.hop(child) {
                Some(hop) => hops.push(hop),
                None => all_hops = false,
            }
        }
        let (Some(from), Some(to), true) = (from, to, all_hops) else {
            return;
        };
        self.raw.routes.push(RawRoute {
            origin: offset(node),
            zone,
            ends,
            from,
            to,
            gateways,
            hops,
            symmetrical: !bypass && symmetrical.unwrap_or(true),
            bypass,
        });
    }

    fn hop(&mut self, node: Node<'_, '_>) -> Option<RawHop> {
        let attributes = Attributes::new(self, node, &["id", "direction"]);
        let link = attributes.required(self, "id");
        let words = [("NONE", Direction::None), ("UP", Direction::Up), ("DOWN", Direction::Down)];
        let direction = match attributes.get("direction") {
            Some(given) => self.word("the direction", &given, &words),
            None => Some(Direction::None),
        };
        Some(RawHop { link: link?, direction: direction? })
    }

    pub(super) fn add_property(&mut self, node: Node<'_, '_>, properties: &mut Properties) {
        let Some((name, value)) = self.property(node) else {
            return;
        };
        if properties.contains_key(&name.text) {
            let kind = Kind::Property;
            let problem = Problem::Duplicate { kind, name: name.text };
            self.report(name.origin, problem);
            return;
        }
        properties.insert(name.text, value.text);
    }

    pub(super) fn property(&mut self, node: Node<'_, '_>) -> Option<(Name, Name)> {
        let attributes = Attributes::new(self, node, &["id", "value"]);
        let name = attributes.required(self, "id");
        let value = attributes.get("value").or_else(|| attributes.required(self, "value"));
        name.zip(value)
    }
}
