//! What is on a platform: tables for people, data for machines.
//!
//! In a table, things that differ in their names alone share one row with their names and number,
//! and a long table is truncated; on request everything has a row of its own.

use indexmap::IndexMap;
use isotherm_platform::quantity;
use isotherm_platform::{
    HostSpec, LinkSharing, LinkSpec, PlatformSpec, Point, Profile, RemoteDisk, ZoneId,
};
use serde::Serialize;

use super::failures::{FailureRow, failures};
use super::view::PlatformView;

/// A longer table is truncated.
const MOST_ROWS: usize = 20;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it lists.
    pub title: String,
    /// The names of the columns.
    pub header: Vec<&'static str>,
    /// The rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
    /// The number of rows left out.
    pub left_out: usize,
}

/// A platform as data.
#[derive(Clone, Debug, Serialize)]
pub struct Description<'a> {
    /// Its title.
    pub name: &'a str,
    /// Its hosts.
    pub hosts: Vec<HostRow<'a>>,
    /// Its links: both halves of a split-duplex link as one, implicit loopbacks left out.
    pub links: Vec<LinkRow<'a>>,
    /// Its zones.
    pub zones: Vec<ZoneRow<'a>>,
    /// What an experiment has fail or be slow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureRow<'a>>,
}

/// A host.
#[derive(Clone, Debug, Serialize)]
pub struct HostRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name of its zone.
    pub zone: &'a str,
    /// Its part in an experiment, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'static str>,
    /// How many cores it has.
    pub cores: u32,
    /// The initial speed of a core.
    pub speed_flops: f64,
    /// The size of its memory, if it is known.
    pub memory_bytes: Option<u64>,
    /// Its disks.
    pub disks: Vec<DiskRow<'a>>,
    /// The disks of other hosts that are mounted on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remote_disks: Vec<RemoteDiskRow<'a>>,
    /// What of it follows a profile: `state`, `speed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<&'static str>,
}

/// A disk of another host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemoteDiskRow<'a> {
    /// Where it is mounted.
    pub mount: &'a str,
    /// The host that it is part of.
    pub host: &'a str,
    /// Its name.
    pub disk: &'a str,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiskRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is mounted.
    pub mount: &'a str,
    /// Its read bandwidth.
    pub read_bytes_per_s: f64,
    /// Its write bandwidth.
    pub write_bytes_per_s: f64,
    /// Its capacity; `None` if unlimited.
    pub size_bytes: Option<u64>,
}

/// A link.
#[derive(Clone, Debug, Serialize)]
pub struct LinkRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its bandwidth.
    pub bandwidth_bytes_per_s: f64,
    /// Its latency.
    pub latency_s: f64,
    /// How flows share it: `shared`, `fat pipe`, or `split duplex` (shared per direction).
    pub policy: &'static str,
    /// What of it follows a profile: `state`, `bandwidth`, `latency`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<&'static str>,
}

/// A zone.
#[derive(Clone, Debug, Serialize)]
pub struct ZoneRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// The zone that contains it.
    pub parent: Option<&'a str>,
    /// Its routing method.
    pub routing: &'static str,
    /// The shape of a fat tree, as SimGrid writes it: `levels;children;parents;cables`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// The number of hosts directly in it.
    pub hosts: usize,
    /// The routers that are directly in it.
    pub routers: Vec<&'a str>,
    /// The number of routes declared in it.
    pub routes: usize,
    /// Its backbone link, if it has one.
    pub backbone: Option<&'a str>,
}

/// The name of a link; of one half of a split-duplex link without `_UP` or `_DOWN`.
pub(super) fn link_name(spec: &LinkSpec) -> &str {
    match spec.opposite {
        Some(_) => spec
            .name
            .strip_suffix("_UP")
            .or_else(|| spec.name.strip_suffix("_DOWN"))
            .unwrap_or(&spec.name),
        None => &spec.name,
    }
}

/// The sharing policy of a link in words.
pub(super) fn policy(spec: &LinkSpec) -> &'static str {
    match (spec.opposite, spec.sharing) {
        (Some(_), _) => "split duplex",
        (None, LinkSharing::Shared) => "shared",
        (None, LinkSharing::Fatpipe) => "fat pipe",
    }
}

/// What of a host follows a profile.
pub(super) fn host_profiles(host: &HostSpec) -> Vec<&'static str> {
    let profiles = [("state", &host.state_profile), ("speed", &host.speed_profile)];
    given(&profiles)
}

/// What of a link follows a profile.
pub(super) fn link_profiles(link: &LinkSpec) -> Vec<&'static str> {
    let profiles = [
        ("state", &link.state_profile),
        ("bandwidth", &link.bandwidth_profile),
        ("latency", &link.latency_profile),
    ];
    given(&profiles)
}

fn given(profiles: &[(&'static str, &Option<Profile>)]) -> Vec<&'static str> {
    profiles.iter().filter(|(_, profile)| profile.is_some()).map(|&(name, _)| name).collect()
}

/// The initial speed of a core of a host.
pub(super) fn speed(host: &HostSpec) -> f64 {
    host.speeds.get(host.pstate).copied().unwrap_or_default()
}

impl PlatformView {
    /// The platform as data.
    #[must_use]
    pub fn description(&self) -> Description<'_> {
        let spec = &self.spec;
        let hosts = spec.hosts().map(|(id, host)| HostRow {
            name: &host.name,
            zone: &spec.zone(spec.zone_of(id)).name,
            part: self.part(id),
            cores: host.cores,
            speed_flops: speed(host),
            memory_bytes: host.memory,
            disks: disks(spec, host),
            remote_disks: remote_disks(spec, host),
            profiles: host_profiles(host),
        });
        let is_first = |id: isotherm_platform::LinkId, link: &LinkSpec| {
            link.opposite.is_none_or(|other| id < other)
        };
        let links = spec.links().filter(|&(id, link)| !link.implicit && is_first(id, link)).map(
            |(_, link)| LinkRow {
                name: link_name(link),
                bandwidth_bytes_per_s: link.bandwidth,
                latency_s: link.latency_s,
                policy: policy(link),
                profiles: link_profiles(link),
            },
        );
        let zones = spec.zones().map(|(id, zone)| {
            let name = |zone: ZoneId| spec.zone(zone).name.as_str();
            let is_host = |point: &Point| matches!(point, Point::Host(_));
            let routers = spec.points(id).filter(|point| matches!(point, Point::Router(_)));
            ZoneRow {
                name: &zone.name,
                parent: zone.parent.map(name),
                routing: zone.routing.name(),
                shape: spec.fat_tree(id).map(ToString::to_string),
                hosts: spec.points(id).filter(is_host).count(),
                routers: routers.map(|router| spec.name(router)).collect(),
                routes: spec.declared_routes(id).count(),
                backbone: spec.backbone(id).map(|link| link_name(spec.link(link))),
            }
        });
        Description {
            name: &self.title,
            hosts: hosts.collect(),
            links: links.collect(),
            zones: zones.collect(),
            failures: failures(spec),
        }
    }

    /// The platform as JSON: its [description](Description).
    #[must_use]
    pub fn json(&self) -> String {
        json(&self.description())
    }

    /// The platform as tables of hosts, disks, links, zones and failures; with `all`, one row
    /// for each thing.
    #[must_use]
    pub fn tables(&self, all: bool) -> Vec<Table> {
        let description = self.description();
        let mut tables = vec![hosts_table(&description, all)];
        tables.extend(disks_table(&description, all));
        tables.extend(links_table(&description, all));
        tables.push(zones_table(&description, all));
        tables.extend(failures_table(&description, all));
        tables
    }
}

/// A value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> String {
    // Only a writer, or a map whose keys are not strings, could fail; there are neither.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn disks<'a>(spec: &'a PlatformSpec, host: &HostSpec) -> Vec<DiskRow<'a>> {
    let disks = host.disks.iter().map(|&disk| spec.disk(disk));
    disks
        .map(|disk| DiskRow {
            name: &disk.name,
            mount: &disk.mount,
            read_bytes_per_s: disk.read_bandwidth,
            write_bytes_per_s: disk.write_bandwidth,
            size_bytes: (disk.size < i64::MAX as u64).then_some(disk.size),
        })
        .collect()
}

fn remote_disks<'a>(spec: &'a PlatformSpec, host: &'a HostSpec) -> Vec<RemoteDiskRow<'a>> {
    let row = |remote: &'a RemoteDisk| {
        let disk = spec.disk(remote.disk);
        RemoteDiskRow { mount: &remote.mount, host: &spec.host(disk.host).name, disk: &disk.name }
    };
    host.remote_disks.iter().map(row).collect()
}

/// A table in which things with the same cells share a row that starts with their names.
fn grouped<'a>(
    title: &str,
    header: &[&'static str],
    things: impl Iterator<Item = (&'a str, Vec<String>)>,
    all: bool,
) -> Table {
    let mut total = 0;
    let mut rows: Vec<Vec<String>> = Vec::new();
    if all {
        rows.extend(things.map(|(name, cells)| [vec![name.to_owned()], cells].concat()));
        total = rows.len();
    } else {
        let mut groups: IndexMap<Vec<String>, Vec<&str>> = IndexMap::new();
        for (name, cells) in things {
            groups.entry(cells).or_default().push(name);
            total += 1;
        }
        rows.extend(groups.into_iter().map(|(cells, members)| {
            let names = match members.len() {
                0..=3 => quantity::names(&members),
                many => format!("{} ({})", quantity::names(&members), quantity::number(many)),
            };
            [vec![names], cells].concat()
        }));
    }
    let left_out = if all { 0 } else { rows.len().saturating_sub(MOST_ROWS) };
    rows.truncate(rows.len() - left_out);
    Table {
        title: format!("{title} ({})", quantity::number(total)),
        header: header.to_vec(),
        rows,
        left_out,
    }
}

/// A table without its empty columns, and without those of `only_to_tell_apart` in which all
/// cells are the same.
fn without_empty(mut table: Table, only_to_tell_apart: &[&str]) -> Table {
    let column = |table: &Table, index: usize| {
        table.rows.iter().map(|row| row[index].clone()).collect::<Vec<_>>()
    };
    for index in (0..table.header.len()).rev() {
        let cells = column(&table, index);
        let empty = cells.iter().all(String::is_empty);
        let same = cells.windows(2).all(|pair| pair[0] == pair[1]);
        if empty || same && only_to_tell_apart.contains(&table.header[index]) {
            table.header.remove(index);
            for row in &mut table.rows {
                row.remove(index);
            }
        }
    }
    table
}

fn hosts_table(description: &Description<'_>, all: bool) -> Table {
    let limited = description.hosts.iter().any(|host| host.memory_bytes.is_some());
    let unlimited = if limited { "unlimited" } else { "" };
    let hosts = description.hosts.iter().map(|host| {
        let own = host.disks.iter().map(|disk| disk.mount.to_owned());
        let remote =
            host.remote_disks.iter().map(|disk| format!("{} (of {})", disk.mount, disk.host));
        let disks: Vec<String> = own.chain(remote).collect();
        let cells = vec![
            host.part.unwrap_or_default().to_owned(),
            host.zone.to_owned(),
            host.cores.to_string(),
            quantity::speed(host.speed_flops),
            host.memory_bytes.map_or_else(|| unlimited.to_owned(), quantity::size),
            disks.join(", "),
            host.profiles.join(", "),
        ];
        (host.name, cells)
    });
    let header =
        ["host", "part", "zone", "cores", "speed of a core", "memory", "disks at", "profiles"];
    without_empty(grouped("hosts", &header, hosts, all), &["zone"])
}

fn disks_table(description: &Description<'_>, all: bool) -> Option<Table> {
    let disks = description.hosts.iter().flat_map(|host| {
        host.disks.iter().map(move |disk| {
            let cells = vec![
                if all { host.name.to_owned() } else { String::new() },
                disk.mount.to_owned(),
                quantity::bandwidth(disk.read_bytes_per_s),
                quantity::bandwidth(disk.write_bytes_per_s),
                disk.size_bytes.map_or_else(|| "unlimited".to_owned(), quantity::size),
            ];
            (if all { disk.name } else { host.name }, cells)
        })
    });
    let first = if all { "disk" } else { "disks of" };
    let header = [first, "host", "mounted at", "reads", "writes", "size"];
    let table = without_empty(grouped("disks", &header, disks, all), &[]);
    (!table.rows.is_empty()).then_some(table)
}

fn links_table(description: &Description<'_>, all: bool) -> Option<Table> {
    let links = description.links.iter().map(|link| {
        let cells = vec![
            quantity::bandwidth(link.bandwidth_bytes_per_s),
            quantity::time(link.latency_s),
            link.policy.to_owned(),
            link.profiles.join(", "),
        ];
        (link.name, cells)
    });
    let header = ["link", "bandwidth", "latency", "policy", "profiles"];
    let table = without_empty(grouped("links", &header, links, all), &[]);
    (!table.rows.is_empty()).then_some(table)
}

fn zones_table(description: &Description<'_>, all: bool) -> Table {
    let zones = description.zones.iter().map(|zone| {
        let some =
            |number: usize| if number == 0 { String::new() } else { quantity::number(number) };
        let cells = vec![
            zone.parent.unwrap_or_default().to_owned(),
            match &zone.shape {
                Some(shape) => format!("{} {shape}", zone.routing),
                None => zone.routing.to_owned(),
            },
            some(zone.hosts),
            quantity::names(&zone.routers),
            some(zone.routes),
            zone.backbone.unwrap_or_default().to_owned(),
        ];
        (zone.name, cells)
    });
    let header = ["zone", "in zone", "routing", "hosts", "routers", "routes declared", "backbone"];
    without_empty(grouped("zones", &header, zones, all), &[])
}

fn failures_table(description: &Description<'_>, all: bool) -> Option<Table> {
    let failures = description.failures.iter();
    let failures =
        failures.map(|row| (row.name, vec![row.of.to_owned(), row.happens(), row.when()]));
    let header = ["failures", "of a", "what", "when"];
    let table = without_empty(grouped("failures", &header, failures, all), &["of a"]);
    (!table.rows.is_empty()).then_some(table)
}
