//! A platform in a few words: "4 nodes of 16 cores and 64 GiB behind a 10 Gb/s switch".
//!
//! ```toml
//! [platform]
//! nodes = { count = 4, cores = 16, memory = "64GiB", disk = { read = "2GB/s", write = "1GB/s", size = "1TB" } }
//! head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s", size = "10TB" } }
//! network = { node = "10Gbps", latency = "50us", repository = "1Gbps" }
//! ```
//!
//! Every host hangs on one switch by a full-duplex link of its own; `latency` is that of a route from one host to
//! another, through two such links. The hosts are called `user`, `head`, `repository` and `node0`, `node1`, ...; `nodes`
//! may be an array of such tables, for groups that differ. The head has the bandwidth of a node unless `network.head` says
//! otherwise, and the user that of the repository. The repository reads and writes as fast as its link.

use isotherm_kernel::Duration;
use isotherm_platform::{PlatformBuilder, PlatformSpec, Via};

use crate::check::fields::{AtMost, Bandwidth, Count, Fields, FromValue, Size, Speed};
use crate::check::platform::{HostAndMount, Parts};
use crate::diagnostic::Report;
use crate::source::{Located, Span};
use crate::tree::{Kind, Value};

/// More compute hosts than this in a group are not meant.
const MAX_NODES: u32 = 1_000_000;

/// The speed of a core that is not given, in flop/s.
const DEFAULT_SPEED: f64 = 10e9;

struct Disk {
    read: f64,
    write: f64,
    size: Option<u64>,
}

impl FromValue for Disk {
    const EXAMPLE: &'static str = "{ read = \"2GB/s\", write = \"1GB/s\", size = \"1TB\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, "disk", report)?;
        let read = fields.required::<Bandwidth>("read");
        let write = fields.required::<Bandwidth>("write");
        let size = fields.optional::<Size>("size");
        fields.finish();
        Some(Disk { read: read?.0, write: write?.0, size: size.map(|size| size.0) })
    }
}

struct Machine {
    cores: u32,
    speed: f64,
    memory: Option<u64>,
    disk: Disk,
}

/// Reads what head and nodes have in common.
fn machine(fields: &mut Fields<'_>) -> Option<Machine> {
    let cores = fields.required::<Count>("cores");
    let speed = fields.optional_or("speed", Speed(DEFAULT_SPEED));
    let memory = fields.optional::<Size>("memory");
    let disk = fields.required::<Disk>("disk");
    Some(Machine { cores: cores?.0, speed: speed.0, memory: memory.map(|memory| memory.0), disk: disk? })
}

/// Some nodes that are alike.
struct Group {
    count: u32,
    machine: Machine,
}

fn group(value: &Value, report: &Report) -> Option<Group> {
    let mut fields = Fields::of(value, "nodes", report)?;
    let count = fields.required::<AtMost<MAX_NODES>>("count");
    let machine = machine(&mut fields);
    fields.finish();
    Some(Group { count: count?.0, machine: machine? })
}

fn groups(fields: &mut Fields<'_>) -> Option<Vec<Group>> {
    let Some(entry) = fields.entry("nodes") else {
        fields.missing("nodes", "{ count = 4, cores = 16, ... }");
        return None;
    };
    match &entry.value.kind {
        Kind::Array(values) => {
            let groups: Vec<_> = values.iter().map(|value| group(value, fields.report())).collect();
            groups.into_iter().collect()
        }
        _ => group(&entry.value, fields.report()).map(|group| vec![group]),
    }
}

struct Network {
    node: f64,
    head: f64,
    repository: f64,
    user: f64,
    latency: Duration,
}

fn network(fields: &mut Fields<'_>) -> Option<Network> {
    let Some(entry) = fields.entry("network") else {
        fields.missing("network", "{ node = \"10Gbps\", latency = \"50us\" }");
        return None;
    };
    let mut fields = Fields::of(&entry.value, "network", fields.report())?;
    let node = fields.required::<Bandwidth>("node");
    let latency = fields.required::<Duration>("latency");
    let head = fields.optional::<Bandwidth>("head");
    let repository = fields.optional::<Bandwidth>("repository");
    let user = fields.optional::<Bandwidth>("user");
    fields.finish();
    let node = node?;
    let repository = repository.unwrap_or(node);
    Some(Network {
        node: node.0,
        head: head.unwrap_or(node).0,
        repository: repository.0,
        user: user.unwrap_or(repository).0,
        latency: latency?,
    })
}

/// Reads the compact form of `[platform]`.
pub fn platform(value: &Value, report: &Report) -> Option<(Option<PlatformSpec>, Parts)> {
    let mut fields = Fields::of(value, "[platform]", report)?;
    let nodes = groups(&mut fields);
    let head = match fields.entry("head") {
        Some(entry) => Fields::of(&entry.value, "head", report).and_then(|mut fields| {
            let head = machine(&mut fields);
            fields.finish();
            head
        }),
        None => {
            fields.missing("head", "{ cores = 8, disk = { ... } }");
            None
        }
    };
    let network = network(&mut fields);
    // The other form of the platform, so that a mistyped field of it gets a hint.
    fields.optional::<String>("xml");
    let place = fields.place();
    fields.finish();
    let (nodes, head, network) = (nodes?, head?, network?);
    let (spec, parts) = build(&nodes, &head, &network, place);
    match spec {
        Ok(spec) => Some((Some(spec), parts)),
        Err(errors) => {
            for error in errors {
                report.error(place, error.problem().to_string(), error.hint().unwrap_or_default());
            }
            None
        }
    }
}

type Built = Result<PlatformSpec, Vec<isotherm_platform::PlatformError>>;

fn build(groups: &[Group], head: &Machine, network: &Network, place: Span) -> (Built, Parts) {
    let mut builder = PlatformBuilder::new();
    let latency_s = network.latency.as_secs_f64() / 2.0;
    let repository = Machine {
        cores: 1,
        speed: DEFAULT_SPEED,
        memory: None,
        disk: Disk { read: network.repository, write: network.repository, size: None },
    };
    let mut add = |name: &str, machine: &Machine, bandwidth: f64| {
        let host = builder.host(name, machine.speed).cores(machine.cores);
        if let Some(memory) = machine.memory {
            host.memory(memory);
        }
        let disk = builder.disk(name, format!("{name}-disk"), machine.disk.read, machine.disk.write);
        if let Some(size) = machine.disk.size {
            disk.size(size);
        }
        builder.link(link(name), bandwidth, latency_s).split_duplex();
    };
    add("user", &repository, network.user);
    add("repository", &repository, network.repository);
    add("head", head, network.head);
    let mut nodes = Vec::new();
    for group in groups {
        for _ in 0..group.count {
            let name = format!("node{}", nodes.len());
            add(&name, &group.machine, network.node);
            nodes.push(Located { value: name, span: place });
        }
    }
    let mut connect = |from: &str, to: &str| {
        builder.route(from, to, [Via::up(link(from)), Via::down(link(to))]);
    };
    connect("user", "head");
    connect("user", "repository");
    connect("repository", "head");
    for node in &nodes {
        for other in ["user", "repository", "head"] {
            connect(other, &node.value);
        }
    }
    let parts = Parts {
        user: Some(HostAndMount::described("user", place)),
        head: Some(HostAndMount::described("head", place)),
        repository: Some(HostAndMount::described("repository", place)),
        nodes: Some(nodes),
    };
    (builder.build(), parts)
}

fn link(host: &str) -> String {
    format!("{host}-link")
}
