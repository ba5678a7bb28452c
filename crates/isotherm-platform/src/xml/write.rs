//! Writes a platform as a SimGrid platform file.
//!
//! Reading the file gives the same platform: the same hosts, disks, links and routes in the same
//! order, with bit-equal quantities. Three things are written in other words:
//!
//! * A host or router beside zones, which only a builder allows, gets a zone of its own, and its
//!   routes become zone routes.
//! * A cluster with limiters or loopbacks, and a fat tree, become one `cluster`, so their hosts
//!   must be alike. Other clusters become a zone with `host_link`s.
//! * Profiles become `trace`s.
//!
//! Links stand where they keep their order: those of a `cluster` are made by it, and others are
//! written before the first thing that uses them or follows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;
use isotherm_kernel::Duration;

use crate::error::{PlatformError, Problem};
use crate::id::{HostId, LinkId, ZoneId};
use crate::model::NetworkModel;
use crate::profile::Profile;
use crate::resolve::{MEMORY_PROPERTIES, UNLIMITED_DISK};
use crate::routing::{FatTreeNode, Point, RouteEntry, Routing};
use crate::spec::{HostSpec, LinkSharing, LinkSpec, PlatformSpec, Properties};

impl PlatformSpec {
    /// The platform as a SimGrid platform file (DTD 4.1). Profiles that were
    /// [added](Self::add_profile) are left out: SimGrid has one for each thing.
    ///
    /// ```
    /// use isotherm_platform::{PlatformBuilder, PlatformSpec};
    ///
    /// let mut platform = PlatformBuilder::new();
    /// platform.host("a", 1e9).cores(4).memory(16_000_000_000);
    /// platform.host("b", 2e9);
    /// platform.link("ab", 1.25e9, 50e-6);
    /// platform.route("a", "b", ["ab"]);
    /// let text = platform.build().unwrap().to_simgrid_xml().unwrap();
    /// let again = PlatformSpec::from_simgrid_xml(&text).unwrap();
    /// assert_eq!(again.host(again.host_id("a").unwrap()).memory, Some(16_000_000_000));
    /// assert!(text.contains("<link id=\"ab\" bandwidth=\"1250000000Bps\" latency=\"0.00005s\"/>"));
    /// ```
    ///
    /// # Errors
    /// If there is something in it that such a file cannot say: hosts of a cluster with limiters
    /// or loopbacks that differ, a disk whose bandwidth for reading and writing at once is not the
    /// larger of the two, a profile that a program draws.
    pub fn to_simgrid_xml(&self) -> Result<String, PlatformError> {
        let mut writer = Writer {
            spec: self,
            text: String::new(),
            indent: 1,
            ready: vec![false; self.links.len()],
            traces: IndexMap::new(),
            clusters: BTreeMap::new(),
        };
        for (zone, _) in self.zones() {
            if let Some(cluster) = writer.as_cluster(zone)? {
                writer.clusters.insert(zone, cluster);
            }
        }
        for cluster in writer.clusters.values() {
            cluster.links.iter().for_each(|link| writer.ready[link.index()] = true);
        }
        // The backbone of a zone is an element of its own.
        for link in self.zones().filter_map(|(zone, _)| self.backbone(zone)) {
            writer.ready[link.index()] = true;
        }
        let roots: Vec<ZoneId> =
            self.zones().filter(|(_, zone)| zone.parent.is_none()).map(|(id, _)| id).collect();
        for (index, &zone) in roots.iter().enumerate() {
            // What stands in no zone of its own goes into the last one that can hold it.
            let later = &roots[index + 1..];
            let is_last = !later.iter().any(|zone| !writer.clusters.contains_key(zone));
            writer.zone(zone, is_last)?;
        }
        let connections = writer.connections()?;
        let mut text = String::from(
            "<?xml version=\"1.0\"?>\n\
             <!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n\
             <platform version=\"4.1\">\n",
        );
        text.push_str(&config(&self.network_model)?);
        for (content, id) in &writer.traces {
            let _ = write!(text, "  <trace id=\"{id}\">\n{content}  </trace>\n");
        }
        text.push_str(&writer.text);
        text.push_str(&connections);
        text.push_str("</platform>\n");
        Ok(text)
    }
}

/// A zone that is written as a `cluster`.
struct Cluster {
    prefix: String,
    suffix: String,
    /// The number of each host.
    numbers: Vec<u32>,
    hosts: Vec<HostId>,
    /// All links that it makes.
    links: Vec<LinkId>,
    /// Its attributes but for those of the hosts.
    attributes: String,
}

struct Writer<'a> {
    spec: &'a PlatformSpec,
    text: String,
    indent: usize,
    /// Which links need not be written any more.
    ready: Vec<bool>,
    /// The names of the traces, by their content.
    traces: IndexMap<String, String>,
    clusters: BTreeMap<ZoneId, Cluster>,
}

impl Writer<'_> {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", 2 * self.indent);
    }

    /// Writes a zone. What belongs to no zone is written into the last one.
    fn zone(&mut self, zone: ZoneId, is_last: bool) -> Result<(), PlatformError> {
        let spec = self.spec;
        let what = spec.zone(zone);
        if self.clusters.contains_key(&zone) {
            return self.cluster(zone);
        }
        let routing = what.routing.name();
        self.line(&format!("<zone id=\"{}\" routing=\"{routing}\">", escaped(&what.name)));
        self.indent += 1;
        let points: Vec<Point> = spec.points(zone).collect();
        if let Some(backbone) = spec.backbone(zone) {
            self.links_up_to(backbone.0.checked_sub(1).map(LinkId));
        }
        let mixed = points.iter().any(|point| matches!(point, Point::Zone(_)));
        let mut wrappers = BTreeMap::new();
        for &point in &points {
            match point {
                Point::Zone(inner) => {
                    self.links_before(inner);
                    self.zone(inner, false)?;
                }
                _ if mixed => {
                    let wrapper = self.wrapper(zone, point)?;
                    wrappers.insert(point, wrapper);
                }
                _ => self.point(point)?,
            }
        }
        self.links_up_to(self.last_used(zone));
        if what.routing == Routing::Cluster {
            self.attachments(zone);
        }
        let topology = &spec.topology;
        let tables = topology.table(zone).map(|table| (table, false)).into_iter();
        for (table, bypass) in tables.chain([(topology.bypasses(zone), true)]) {
            for (from, to, entry) in table.iter() {
                let ends = [topology.what(from), topology.what(to)];
                if ends[0] == ends[1] && wrappers.contains_key(&ends[0]) {
                    // It is in the zone of its own.
                    continue;
                }
                self.route(ends, entry, bypass, &wrappers);
            }
        }
        if is_last {
            self.links_up_to((self.ready.len() as u32).checked_sub(1).map(LinkId));
        }
        self.indent -= 1;
        self.line("</zone>");
        Ok(())
    }

    /// The last link that the routes or the hosts of a zone use.
    fn last_used(&self, zone: ZoneId) -> Option<LinkId> {
        let topology = &self.spec.topology;
        let tables = topology.table(zone).into_iter().chain([topology.bypasses(zone)]);
        let routes = tables.flat_map(|table| table.iter());
        let hops = routes.flat_map(|(_, _, entry)| topology.hops(entry.hops));
        let attached = self.spec.attachments(zone).flat_map(|host| [host.up, host.down]);
        hops.map(|hop| hop.link).chain(attached).max()
    }

    /// Writes the links up to one that are not there yet.
    fn links_up_to(&mut self, last: Option<LinkId>) {
        let links = last.map_or(0, |last| last.0 + 1);
        (0..links).for_each(|link| self.link(LinkId(link)));
    }

    /// Writes a host or a router beside zones: a zone of its own, whose name is returned.
    fn wrapper(&mut self, zone: ZoneId, point: Point) -> Result<String, PlatformError> {
        let spec = self.spec;
        let mut name = format!("{}_zone", spec.name(point));
        let is_taken = |name: &str| {
            spec.host_id(name).is_some()
                || spec.routers.iter().any(|router| router.name == name)
                || spec.zones.iter().any(|zone| zone.name == name)
        };
        while is_taken(&name) {
            name.push('_');
        }
        let topology = &spec.topology;
        let table = topology.table(zone).into_iter().flat_map(|table| table.iter());
        let own = table.filter(|&(from, to, _)| from == to && topology.what(from) == point);
        let own: Vec<RouteEntry> = own.map(|(_, _, entry)| *entry).collect();
        self.line(&format!("<zone id=\"{}\" routing=\"Full\">", escaped(&name)));
        self.indent += 1;
        self.point(point)?;
        let hops = own.iter().flat_map(|entry| topology.hops(entry.hops));
        self.links_up_to(hops.map(|hop| hop.link).max());
        for entry in own {
            self.route([point, point], &entry, false, &BTreeMap::new());
        }
        self.indent -= 1;
        self.line("</zone>");
        Ok(name)
    }

    /// The links that come before those which a `cluster` in a zone makes.
    fn links_before(&mut self, zone: ZoneId) {
        let inside = |mut at: ZoneId| {
            while at != zone {
                match self.spec.zone(at).parent {
                    Some(parent) => at = parent,
                    None => return false,
                }
            }
            true
        };
        let clusters = self.clusters.iter().filter(|(id, _)| inside(**id));
        let first = clusters.filter_map(|(_, cluster)| cluster.links.iter().min()).min().copied();
        self.links_up_to(first.and_then(|first| first.0.checked_sub(1)).map(LinkId));
    }

    fn point(&mut self, point: Point) -> Result<(), PlatformError> {
        match point {
            Point::Host(host) => self.host(host),
            Point::Router(_) => {
                let name = escaped(self.spec.name(point));
                self.line(&format!("<router id=\"{name}\"/>"));
                Ok(())
            }
            Point::Zone(_) => Ok(()),
        }
    }

    fn host(&mut self, id: HostId) -> Result<(), PlatformError> {
        let host = self.spec.host(id);
        let mut element = format!("host id=\"{}\"", escaped(&host.name));
        element.push_str(&cores_and_speeds(host));
        if host.pstate > 0 {
            let _ = write!(element, " pstate=\"{}\"", host.pstate);
        }
        let content = self.contents(host)?;
        self.element(&element, &content, "host");
        Ok(())
    }

    fn element(&mut self, element: &str, content: &[String], name: &str) {
        if content.is_empty() {
            self.line(&format!("<{element}/>"));
            return;
        }
        self.line(&format!("<{element}>"));
        self.indent += 1;
        content.iter().for_each(|line| self.line(line));
        self.indent -= 1;
        self.line(&format!("</{name}>"));
    }

    /// The properties and disks of a host, a line each.
    fn contents(&self, host: &HostSpec) -> Result<Vec<String>, PlatformError> {
        let mut given = host.properties.clone();
        let named = MEMORY_PROPERTIES.iter().any(|name| given.contains_key(*name));
        if let Some(memory) = host.memory.filter(|_| !named) {
            given.insert("ram".to_owned(), format!("{memory}B"));
        }
        let mut lines = properties(&given);
        for &disk in &host.disks {
            let disk = self.spec.disk(disk);
            let (read, write) = (disk.read_bandwidth, disk.write_bandwidth);
            if disk.readwrite_bandwidth != read.max(write) {
                return Err(cannot_say(format!(
                    "the bandwidth of disk `{}` of host `{}` for reading and writing at once",
                    disk.name, host.name
                )));
            }
            let id = escaped(&disk.name);
            let element = format!("disk id=\"{id}\" read_bw=\"{read}Bps\" write_bw=\"{write}Bps\"");
            let mut given = disk.properties.clone();
            if disk.size != UNLIMITED_DISK {
                given.entry("size".to_owned()).or_insert_with(|| format!("{}B", disk.size));
            }
            if disk.mount != "/" {
                given.entry("mount".to_owned()).or_insert_with(|| disk.mount.clone());
            }
            let inside = properties(&given);
            lines.push(match inside.is_empty() {
                true => format!("<{element}/>"),
                false => format!("<{element}>{}</disk>", inside.concat()),
            });
        }
        Ok(lines)
    }

    /// Writes a link, or both halves of one, unless it is there already.
    fn link(&mut self, id: LinkId) {
        let link = self.spec.link(id);
        if link.implicit || self.ready[id.index()] {
            return;
        }
        self.ready[id.index()] = true;
        if let Some(opposite) = link.opposite {
            self.ready[opposite.index()] = true;
        }
        let policy = match (link.opposite, link.sharing) {
            (Some(_), _) => " sharing_policy=\"SPLITDUPLEX\"",
            (None, LinkSharing::Fatpipe) => " sharing_policy=\"FATPIPE\"",
            (None, LinkSharing::Shared) => "",
        };
        let name = escaped(whole_name(link));
        self.line(&format!("<link id=\"{name}\"{}{policy}/>", speeds_of("", link)));
    }

    /// Writes the links of the hosts of a zone with `Cluster` routing, and its backbone.
    fn attachments(&mut self, zone: ZoneId) {
        let spec = self.spec;
        let backbone = spec.backbone(zone);
        let attachments: Vec<_> = spec.attachments(zone).collect();
        if let Some(backbone) = backbone {
            let link = spec.link(backbone);
            let name = escaped(&link.name);
            self.line(&format!("<backbone id=\"{name}\"{}/>", speeds_of("", link)));
        }
        for attachment in attachments {
            let [point, up, down] = [
                spec.name(attachment.point),
                &spec.link(attachment.up).name,
                &spec.link(attachment.down).name,
            ]
            .map(escaped);
            self.line(&format!("<host_link id=\"{point}\" up=\"{up}\" down=\"{down}\"/>"));
        }
    }

    fn route(
        &mut self,
        ends: [Point; 2],
        entry: &RouteEntry,
        bypass: bool,
        wrappers: &BTreeMap<Point, String>,
    ) {
        let spec = self.spec;
        let hops = spec.topology.hops(entry.hops);
        let are_zones =
            ends.iter().all(|end| matches!(end, Point::Zone(_)) || wrappers.contains_key(end));
        let name = match (are_zones, bypass) {
            (true, false) => "zoneRoute",
            (true, true) => "bypassZoneRoute",
            (false, false) => "route",
            (false, true) => "bypassRoute",
        };
        let end = |point: Point| {
            escaped(wrappers.get(&point).map_or_else(|| spec.name(point), String::as_str))
        };
        let mut element = format!("{name} src=\"{}\" dst=\"{}\"", end(ends[0]), end(ends[1]));
        if are_zones {
            let [from, to] = [entry.start, entry.end].map(|point| spec.topology.what(point));
            let [from, to] = [from, to].map(|point| escaped(spec.name(point)));
            let _ = write!(element, " gw_src=\"{from}\" gw_dst=\"{to}\"");
        }
        if !bypass && !entry.symmetrical && ends[0] != ends[1] {
            element.push_str(" symmetrical=\"NO\"");
        }
        let links: String = hops
            .iter()
            .map(|hop| {
                let link = spec.link(hop.link);
                match (hop.turns, link.opposite) {
                    (true, Some(opposite)) => {
                        let direction = if hop.link < opposite { "UP" } else { "DOWN" };
                        let name = escaped(whole_name(link));
                        format!("<link_ctn id=\"{name}\" direction=\"{direction}\"/>")
                    }
                    _ => format!("<link_ctn id=\"{}\"/>", escaped(&link.name)),
                }
            })
            .collect();
        self.line(&format!("<{element}>{links}</{name}>"));
    }

    fn cluster(&mut self, zone: ZoneId) -> Result<(), PlatformError> {
        let Some(cluster) = self.clusters.get(&zone) else { return Ok(()) };
        let host = self.spec.host(cluster.hosts[0]);
        let content = self.contents(host)?;
        let element = format!(
            "cluster id=\"{}\" prefix=\"{}\" suffix=\"{}\" radical=\"{}\"{}{}",
            escaped(&self.spec.zone(zone).name),
            escaped(&cluster.prefix),
            escaped(&cluster.suffix),
            radical(&cluster.numbers),
            cores_and_speeds(host),
            cluster.attributes,
        );
        self.element(&element, &content, "cluster");
        Ok(())
    }

    /// How a zone is written as a `cluster`, if it must be.
    fn as_cluster(&self, zone: ZoneId) -> Result<Option<Cluster>, PlatformError> {
        let spec = self.spec;
        let name = &spec.zone(zone).name;
        let tree = spec.fat_tree(zone);
        let attachments: Vec<_> = spec.attachments(zone).collect();
        let fat_backbone =
            spec.backbone(zone).is_some_and(|link| spec.link(link).sharing == LinkSharing::Fatpipe);
        let special = attachments
            .iter()
            .any(|attachment| attachment.limiter.is_some() || attachment.loopback.is_some());
        if tree.is_none() && !special && !fat_backbone {
            return Ok(None);
        }
        let hosts: Vec<HostId> = spec
            .points(zone)
            .filter_map(|point| match point {
                Point::Host(host) => Some(host),
                _ => None,
            })
            .collect();
        let differ = || cannot_say(format!("hosts of cluster `{name}` that differ"));
        let alike = |host: &HostSpec| -> Result<_, PlatformError> {
            Ok((cores_and_speeds(host), self.contents(host)?, host.pstate))
        };
        let first = alike(spec.host(hosts[0]))?;
        for &host in &hosts {
            if alike(spec.host(host))? != first || first.2 > 0 {
                return Err(differ());
            }
        }
        let (links, attributes, known) = match tree {
            Some(shape) => self.tree_links(zone, hosts.len() as u32, &shape.to_string()),
            None => self.flat_links(zone),
        };
        let names: Vec<&str> = hosts.iter().map(|&host| spec.host(host).name.as_str()).collect();
        let (prefix, suffix, numbers) = numbered(&names, known.as_deref()).ok_or_else(differ)?;
        Ok(Some(Cluster { prefix, suffix, numbers, hosts, links, attributes }))
    }

    /// The links of a flat cluster, its attributes, and the numbers of its hosts.
    fn flat_links(&self, zone: ZoneId) -> (Vec<LinkId>, String, Option<Vec<u32>>) {
        let spec = self.spec;
        let mut links = Vec::new();
        let mut numbers = Some(Vec::new());
        let start = format!("{}_link_", spec.zone(zone).name);
        for attachment in spec.attachments(zone) {
            links.extend(attachment.limiter);
            links.extend(attachment.loopback);
            links.extend([attachment.up, attachment.down]);
            let number = whole_name(spec.link(attachment.up)).strip_prefix(&start);
            let number = number.and_then(|number| number.parse().ok());
            numbers = numbers.zip(number).map(|(mut numbers, number): (Vec<u32>, u32)| {
                numbers.push(number);
                numbers
            });
        }
        let mut attributes = String::new();
        if let Some(attachment) = spec.attachments(zone).next() {
            let extra = (attachment.limiter, attachment.loopback);
            attributes = self.host_links(attachment.up, extra);
        }
        if let Some(backbone) = spec.backbone(zone) {
            links.push(backbone);
            let link = spec.link(backbone);
            attributes.push_str(&speeds_of("bb_", link));
            if link.sharing == LinkSharing::Fatpipe {
                attributes.push_str(" bb_sharing_policy=\"FATPIPE\"");
            }
        }
        for (_, router) in spec.routers().filter(|(_, router)| router.zone == zone).take(1) {
            let _ = write!(attributes, " router_id=\"{}\"", escaped(&router.name));
        }
        (links, attributes, numbers)
    }

    /// The same of a fat tree.
    fn tree_links(
        &self,
        zone: ZoneId,
        hosts: u32,
        shape: &str,
    ) -> (Vec<LinkId>, String, Option<Vec<u32>>) {
        let spec = self.spec;
        let mut links: Vec<LinkId> =
            spec.cables(zone).flat_map(|cable| [cable.up, cable.down]).collect();
        let nodes = spec.cables(zone).flat_map(|cable| [cable.child, cable.parent]);
        links.extend(nodes.filter_map(|node| spec.limiter(zone, node)));
        let loopbacks = (0..hosts).map_while(|host| spec.tree_loopback(zone, host));
        let loopbacks: Vec<LinkId> = loopbacks.collect();
        links.extend(&loopbacks);
        let node = FatTreeNode { level: 0, position: 0 };
        let extra = (spec.limiter(zone, node), loopbacks.first().copied());
        let mut attributes =
            links.first().map_or_else(String::new, |&up| self.host_links(up, extra));
        let _ = write!(attributes, " topology=\"FAT_TREE\" topo_parameters=\"{shape}\"");
        let start = format!("{}_link_", spec.zone(zone).name);
        let number = |&link: &LinkId| {
            let name = spec.link(link).name.strip_prefix(&start)?;
            name.strip_suffix("_loopback")?.parse().ok()
        };
        let numbers =
            (!loopbacks.is_empty()).then(|| loopbacks.iter().filter_map(number).collect());
        (links, attributes, numbers)
    }

    /// The attributes of a cluster that say what links each host has.
    fn host_links(&self, up: LinkId, extra: (Option<LinkId>, Option<LinkId>)) -> String {
        let link = self.spec.link(up);
        let policy = match (link.opposite, link.sharing) {
            (Some(_), _) => "SPLITDUPLEX",
            (None, LinkSharing::Fatpipe) => "FATPIPE",
            (None, LinkSharing::Shared) => "SHARED",
        };
        let (bandwidth, latency) = (link.bandwidth, link.latency_s);
        let mut attributes =
            format!(" bw=\"{bandwidth}Bps\" lat=\"{latency}s\" sharing_policy=\"{policy}\"");
        let (limiter, loopback) = extra;
        if let Some(limiter) = limiter {
            let bandwidth = self.spec.link(limiter).bandwidth;
            let _ = write!(attributes, " limiter_link=\"{bandwidth}Bps\"");
        }
        if let Some(loopback) = loopback {
            let LinkSpec { bandwidth, latency_s, .. } = self.spec.link(loopback);
            let _ =
                write!(attributes, " loopback_bw=\"{bandwidth}Bps\" loopback_lat=\"{latency_s}s\"");
        }
        attributes
    }

    /// The elements that say what follows which trace; enters the traces.
    fn connections(&mut self) -> Result<String, PlatformError> {
        let spec = self.spec;
        let mut connections = String::new();
        let mut connect =
            |kind: &str, element: &str, profile: &Option<Profile>| -> Result<(), PlatformError> {
                let Some(profile) = profile else { return Ok(()) };
                let content = trace(profile).ok_or_else(|| {
                    cannot_say(format!("the profile of `{element}`, which a program draws"))
                })?;
                let next = format!("profile{}", self.traces.len());
                let id = self.traces.entry(content).or_insert(next);
                let element = escaped(element);
                let _ = writeln!(
                    connections,
                    "  <trace_connect kind=\"{kind}\" trace=\"{id}\" element=\"{element}\"/>"
                );
                Ok(())
            };
        for (_, host) in spec.hosts() {
            connect("SPEED", &host.name, &host.speed_profile)?;
            connect("HOST_AVAIL", &host.name, &host.state_profile)?;
        }
        for (id, link) in spec.links() {
            // Both halves of a link follow the same.
            if link.opposite.is_some_and(|opposite| opposite < id) {
                continue;
            }
            let name = whole_name(link);
            connect("BANDWIDTH", name, &link.bandwidth_profile)?;
            connect("LATENCY", name, &link.latency_profile)?;
            connect("LINK_AVAIL", name, &link.state_profile)?;
        }
        Ok(connections)
    }
}

fn cannot_say(what: String) -> PlatformError {
    let what = format!("writing as a SimGrid file {what}");
    PlatformError::from(Problem::NotSupported { what })
}

/// The bandwidth and latency of a link as attributes of an element, or of a backbone of a cluster.
fn speeds_of(prefix: &str, link: &LinkSpec) -> String {
    let (bandwidth, latency) = match prefix {
        "" => ("bandwidth", "latency"),
        _ => ("bb_bw", "bb_lat"),
    };
    let mut attributes = format!(" {bandwidth}=\"{}Bps\"", link.bandwidth);
    if link.latency_s > 0.0 {
        let _ = write!(attributes, " {latency}=\"{}s\"", link.latency_s);
    }
    attributes
}

/// The name of a link; of a half of a split-duplex one that of both.
fn whole_name(link: &LinkSpec) -> &str {
    let half = link.name.strip_suffix("_UP").or_else(|| link.name.strip_suffix("_DOWN"));
    half.filter(|_| link.opposite.is_some()).unwrap_or(&link.name)
}

fn cores_and_speeds(host: &HostSpec) -> String {
    let speeds: Vec<String> = host.speeds.iter().map(|speed| format!("{speed}f")).collect();
    let mut attributes = format!(" speed=\"{}\"", speeds.join(","));
    if host.cores != 1 {
        let _ = write!(attributes, " core=\"{}\"", host.cores);
    }
    attributes
}

fn properties(properties: &Properties) -> Vec<String> {
    let property = |(name, value): (&String, &String)| {
        format!("<prop id=\"{}\" value=\"{}\"/>", escaped(name), escaped(value))
    };
    properties.iter().map(property).collect()
}

/// The prefix, the suffix and the numbers of names that differ in a number alone: one of theirs, or
/// the known ones.
fn numbered(names: &[&str], known: Option<&[u32]>) -> Option<(String, String, Vec<u32>)> {
    let first = names.first()?;
    let ends = || first.char_indices().map(|(at, _)| at).chain([first.len()]);
    let parts = ends().flat_map(|start| ends().map(move |end| (start, end)));
    let digits = parts.filter(|&(start, end)| {
        start < end && first[start..end].bytes().all(|byte| byte.is_ascii_digit())
    });
    let fits = |(start, end): (usize, usize)| -> Option<Vec<u32>> {
        let (prefix, suffix) = (&first[..start], &first[end..]);
        let number = |name: &&str| -> Option<u32> {
            let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let number: u32 = digits.parse().ok()?;
            (number.to_string() == digits).then_some(number)
        };
        let numbers: Vec<u32> = names.iter().map(number).collect::<Option<_>>()?;
        known.is_none_or(|known| known == numbers).then_some(numbers)
    };
    digits.filter_map(|part| Some((part, fits(part)?))).next().map(|((start, end), numbers)| {
        (first[..start].to_owned(), first[end..].to_owned(), numbers)
    })
}

/// Numbers as ranges: `0-9,12`.
fn radical(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |&(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

/// The lines of a profile; `None` if it is drawn and no text says how.
fn trace(profile: &Profile) -> Option<String> {
    let mut text = String::new();
    if profile.is_drawn() {
        for line in profile.laws()? {
            let _ = writeln!(text, "{}", escaped(line));
        }
        return Some(text);
    }
    if let Some(period) = profile.period() {
        let _ = writeln!(text, "PERIODICITY {}", seconds(period));
    }
    for &(date, value) in profile.events() {
        let _ = writeln!(text, "{} {value}", seconds(date));
    }
    Some(text)
}

/// A duration in seconds, to the nanosecond.
fn seconds(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos();
    let (whole, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let text = format!("{whole}.{rest:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The constants of a network model that is not that of SimGrid.
fn config(model: &NetworkModel) -> Result<String, PlatformError> {
    let usual = NetworkModel::LV08;
    let constants = [
        ("latency-factor", model.latency_factor, usual.latency_factor, ""),
        ("bandwidth-factor", model.bandwidth_factor, usual.bandwidth_factor, ""),
        ("weight-S", model.weight_s, usual.weight_s, ""),
        ("TCP-gamma", model.gamma, usual.gamma, ""),
        ("loopback-bw", model.loopback_bandwidth, usual.loopback_bandwidth, "Bps"),
        ("loopback-lat", model.loopback_latency_s, usual.loopback_latency_s, "s"),
    ];
    let mut text = String::new();
    for (name, value, usual, unit) in constants {
        if value != usual {
            let _ = writeln!(text, "    <prop id=\"network/{name}\" value=\"{value}{unit}\"/>");
        }
    }
    if model.cross_traffic == 0.0 {
        text.push_str("    <prop id=\"network/crosstraffic\" value=\"no\"/>\n");
    } else if model.cross_traffic != usual.cross_traffic {
        return Err(cannot_say(format!("cross-traffic of {}", model.cross_traffic)));
    }
    Ok(if text.is_empty() { text } else { format!("  <config>\n{text}  </config>\n") })
}

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", letter as u32);
            }
            other => escaped.push(other),
        }
    }
    escaped
}
