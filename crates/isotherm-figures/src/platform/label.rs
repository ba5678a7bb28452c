//! The labels of the nodes of a drawing.

use isotherm_platform::quantity;
use isotherm_platform::{HostId, LinkId, Point, RouterId, ZoneId};

use super::graph::Node;
use super::table::{host_profiles, link_name, link_profiles, policy, speed};
use super::view::PlatformView;

/// The most characters of a name; the middle of a longer one is left out.
const LONGEST_NAME: usize = 28;

/// The most disks of a host that are listed; further ones are counted.
const MOST_DISKS: usize = 3;

/// The label of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Label {
    /// The name, or the number of things if the node stands for several.
    pub(super) heading: String,
    /// The lines below the heading.
    pub(super) lines: Vec<String>,
    /// All details, for the tooltip.
    pub(super) details: String,
}

/// A name, cut in the middle if it is too long.
fn shortened(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let half = LONGEST_NAME / 2 - 1;
    let (beginning, end) = (&characters[..half], &characters[characters.len() - half..]);
    format!("{}…{}", beginning.iter().collect::<String>(), end.iter().collect::<String>())
}

/// The first and the last of several names.
fn from_to(names: &[&str]) -> String {
    match names {
        [first, .., last] => format!("{} … {}", shortened(first), shortened(last)),
        [one] => shortened(one),
        [] => String::new(),
    }
}

/// The range of several values as text, or their value if they do not differ.
fn range<T: PartialOrd + Copy>(
    values: impl Iterator<Item = T>,
    text: impl Fn(T) -> String,
) -> String {
    let mut ends: Option<(T, T)> = None;
    for value in values {
        let (least, largest) = ends.get_or_insert((value, value));
        if value < *least {
            *least = value;
        }
        if value > *largest {
            *largest = value;
        }
    }
    match ends {
        Some((least, largest)) if text(least) == text(largest) => text(least),
        Some((least, largest)) => format!("{} to {}", text(least), text(largest)),
        None => String::new(),
    }
}

impl PlatformView {
    /// The label of a node.
    pub(super) fn label(&self, node: &Node) -> Label {
        match node {
            Node::Hosts(hosts) => self.label_of_hosts(hosts),
            Node::Routers(routers) => self.label_of_routers(routers),
            Node::Zones(zones) => self.label_of_zones(zones),
            Node::Links(links) => self.label_of_links(links),
            Node::Meeting => Label { details: "where links meet".to_owned(), ..Label::default() },
        }
    }

    fn label_of_hosts(&self, hosts: &[HostId]) -> Label {
        let spec = &self.spec;
        let names: Vec<&str> = hosts.iter().map(|&host| spec.host(host).name.as_str()).collect();
        let described = || hosts.iter().map(|&host| spec.host(host));
        let mut lines = Vec::new();
        if hosts.len() > 1 {
            lines.push(from_to(&names));
        }
        let part = hosts.first().and_then(|&host| self.part(host));
        if let Some(part) = part.filter(|&part| names != [part]) {
            lines.push(format!("{part} host"));
        }
        let cores =
            range(described().map(|host| host.cores), |cores| quantity::number(cores as usize));
        let unit = if cores == "1" { "core" } else { "cores" };
        lines.push(format!("{cores} {unit}, {}", range(described().map(speed), quantity::speed)));
        let memory = range(described().filter_map(|host| host.memory), quantity::size);
        if !memory.is_empty() {
            lines.push(format!("{memory} memory"));
        }
        let disks = described().next().map(|host| host.disks.as_slice()).unwrap_or_default();
        let alike = described().all(|host| host.disks.len() == disks.len());
        for &disk in disks.iter().take(if alike { MOST_DISKS } else { 0 }) {
            let disk = spec.disk(disk);
            let mount = if disk.mount == "/" {
                String::new()
            } else {
                format!(" {}", shortened(&disk.mount))
            };
            let size = match disk.size < i64::MAX as u64 {
                true => format!(" of {}", quantity::size(disk.size)),
                false => String::new(),
            };
            lines.push(format!("disk{mount}{size}"));
        }
        if alike && disks.len() > MOST_DISKS {
            lines.push(format!("and {} more disks", quantity::number(disks.len() - MOST_DISKS)));
        }
        for remote in described().next().into_iter().flat_map(|host| &host.remote_disks) {
            if described().all(|host| host.remote_disks.contains(remote)) {
                let owner = &spec.host(spec.disk(remote.disk).host).name;
                lines.push(format!("disk {} of {}", shortened(&remote.mount), shortened(owner)));
            }
        }
        lines.extend(profiles(&described().map(host_profiles).collect::<Vec<_>>()));
        let fails = hosts.iter().map(|host| self.fails("host", host.index()));
        lines.extend(fails_line(&fails.collect::<Vec<_>>()));
        let speeds = disks.iter().take(if alike { MOST_DISKS } else { 0 }).map(|&disk| {
            let disk = spec.disk(disk);
            let (read, write) = (
                quantity::bandwidth(disk.read_bandwidth),
                quantity::bandwidth(disk.write_bandwidth),
            );
            format!("; disk {} reads {read}, writes {write}", disk.mount)
        });
        let details = format!("{}{}", quantity::names(&names), speeds.collect::<String>());
        Label { heading: heading(&names, "hosts"), lines, details }
    }

    fn label_of_routers(&self, routers: &[RouterId]) -> Label {
        let names: Vec<&str> =
            routers.iter().map(|&router| self.spec.router(router).name.as_str()).collect();
        let lines = if names.len() > 1 { vec![from_to(&names)] } else { Vec::new() };
        Label {
            heading: heading(&names, "routers"),
            lines,
            details: format!("router {}", quantity::names(&names)),
        }
    }

    fn label_of_zones(&self, zones: &[ZoneId]) -> Label {
        let names: Vec<&str> =
            zones.iter().map(|&zone| self.spec.zone(zone).name.as_str()).collect();
        let routing = zones.first().map_or("", |&zone| self.spec.zone(zone).routing.name());
        let heading = match names.len() {
            1 => from_to(&names),
            many => format!("{} zones: {}", quantity::number(many), from_to(&names)),
        };
        let details = format!("zone {}, {routing} routing", quantity::names(&names));
        let mut lines = vec![format!("{routing} routing")];
        if !self.are_alike(zones) {
            let hosts = |zone: ZoneId| {
                self.spec.points(zone).filter(|point| matches!(point, Point::Host(_))).count()
            };
            let each = range(zones.iter().map(|&zone| hosts(zone)), quantity::number);
            lines.push(format!("each {each} hosts"));
        }
        Label { heading, lines, details }
    }

    fn label_of_links(&self, links: &[LinkId]) -> Label {
        let described = || links.iter().map(|&link| self.spec.link(link));
        let names: Vec<&str> = described().map(link_name).collect();
        let mut lines = Vec::new();
        if links.len() > 1 {
            lines.push(from_to(&names));
        }
        let policies: Vec<&str> = described().map(policy).collect();
        let shared =
            policies.first().copied().filter(|first| policies.iter().all(|policy| policy == first));
        let each = if links.len() > 1 { "each " } else { "" };
        let bandwidth = range(described().map(|link| link.bandwidth), quantity::bandwidth);
        let latency = range(described().map(|link| link.latency_s), quantity::time);
        lines.push(match latency.as_str() {
            "0" => format!("{each}{bandwidth}"),
            latency => format!("{each}{bandwidth}, {latency}"),
        });
        if let Some(special @ "fat pipe") = shared {
            lines.push(special.to_owned());
        }
        lines.extend(profiles(&described().map(link_profiles).collect::<Vec<_>>()));
        let whole = links.iter().map(|&link| self.one_of_pair(link));
        let fails = whole.map(|link| self.fails("link", link.index()));
        lines.extend(fails_line(&fails.collect::<Vec<_>>()));
        let how = shared.unwrap_or("of several policies");
        let details =
            format!("link {}: {bandwidth}, latency {latency}, {how}", quantity::names(&names));
        Label { heading: heading(&names, "links"), lines, details }
    }
}

/// The line of a label that says what of the things follows a profile, if anything does.
fn profiles(of_things: &[Vec<&'static str>]) -> Option<String> {
    let first = of_things.first()?;
    let with = of_things.iter().filter(|profiles| !profiles.is_empty()).count();
    match of_things.iter().all(|profiles| profiles == first) {
        true => (with > 0).then(|| format!("follows a profile: {}", first.join(", "))),
        false => Some(format!("{} follow profiles", quantity::number(with))),
    }
}

/// The line of a label that says whether the things fail, if any does.
fn fails_line(of_things: &[Vec<&'static str>]) -> Option<String> {
    let first = of_things.first()?;
    let with = of_things.iter().filter(|fails| !fails.is_empty()).count();
    match of_things.iter().all(|fails| fails == first) {
        true => (with > 0).then(|| first.join(", ")),
        false => Some(format!("{} fail or are slow", quantity::number(with))),
    }
}

/// The name of a single thing, or the number of several.
fn heading(names: &[&str], things: &str) -> String {
    match names {
        [one] => shortened(one),
        many => format!("{} {things}", quantity::number(many.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_beginning_and_their_end() {
        assert_eq!(shortened("node-0.example.org"), "node-0.example.org");
        assert_eq!(
            shortened("a-very-long-name-of-a-host-in-a-zone-17"),
            "a-very-long-n…-in-a-zone-17"
        );
    }

    #[test]
    fn what_differs_is_a_range() {
        assert_eq!(range([3_u32, 1, 2].into_iter(), |n| n.to_string()), "1 to 3");
        assert_eq!(range([2_u32, 2].into_iter(), |n| n.to_string()), "2");
    }
}
