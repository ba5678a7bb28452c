//! The compact form of `[platform]`: groups of equal compute hosts behind one switch.
//!
//! ```toml
//! [platform]
//! nodes = { count = 4, cores = 16, memory = "64GiB", disk = { read = "2GB/s", write = "1GB/s", size = "1TB" } }
//! head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s", size = "10TB" } }
//! network = { node = "10Gbps", latency = "50us", repository = "1Gbps" }
//! ```
//!
//! Every host is connected to the switch by a full-duplex link of its own. `latency` is that of a
//! route between two hosts, so each link has half of it. The hosts are named `user`, `head`,
//! `repository` and `node0`, `node1`, ...; `nodes` may be an array of tables, one for each group.
//! By default, head and repository have the bandwidth of a node, and the user has that of the
//! repository. The disks of user and repository are as fast as the link of the repository.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{AtMost, Bandwidth, Count, Fields, FromValue, Size, Speed, takes};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table};
use isotherm_config::source::Span;
use isotherm_config::tree::{Kind, Value};
use isotherm_kernel::Duration;
use isotherm_platform::{PlatformBuilder, PlatformSpec, Via};

use crate::check::parts::{HostAndMount, Parts, SomeNodes};

/// The maximum number of compute hosts in a group, a guard against typing errors.
const MAX_NODES: u32 = 1_000_000;

/// The default speed of a core in flop/s.
const DEFAULT_SPEED: f64 = 10e9;

/// The compact form of `[platform]`.
pub const COMPACT: TableSpec = table(
    "[platform]",
    "A platform in a few words: every host hangs on one switch by a full-duplex link of its own. The hosts are called `user`, \
          `head`, `repository`, `node0`, `node1`, and so on.",
)
.titled("`[platform]` in a few words").with(&[
    field(
        "nodes",
        Takes::Either(&[Takes::Table(&NODES), Takes::Tables(&NODES)]),
        "The compute hosts: one group of them that are alike, or an array of groups that differ.",
    ),
    field(
        "head",
        Takes::Table(&HEAD),
        "The host on which the service runs and images are cached.",
    ),
    field("network", Takes::Table(&NETWORK), "The links."),
]);

pub const DISK: TableSpec = table("disk", "A disk.").with(&[
    field("read", takes::<Bandwidth>(), "How fast it reads.").like("\"2GB/s\""),
    field("write", takes::<Bandwidth>(), "How fast it writes.").like("\"1GB/s\""),
    field("size", takes::<Size>(), "How much it holds.")
        .like("\"1TB\"")
        .otherwise("as much as is put there"),
]);

const CORES: Field = field("cores", takes::<Count>(), "Its cores.").like("16");
const SPEED: Field = field("speed", takes::<Speed>(), "The speed of a core.").default("\"10Gf/s\"");
const MEMORY: Field = field("memory", takes::<Size>(), "Its memory.")
    .like("\"64GiB\"")
    .otherwise("as much as is used");
const ITS_DISK: Field = field("disk", Takes::Table(&DISK), "Its disk, on which images are kept.");

const NODES: TableSpec = table("nodes", "Compute hosts that are alike.").with(&[
    field("count", takes::<AtMost<MAX_NODES>>(), "How many."),
    CORES,
    SPEED,
    MEMORY,
    ITS_DISK,
]);

const HEAD: TableSpec = table("head", "The head host.").with(&[CORES, SPEED, MEMORY, ITS_DISK]);

const NETWORK: TableSpec = table("network", "The links between the hosts and the switch.").with(&[
    field("node", takes::<Bandwidth>(), "The link of a compute host.").like("\"10Gbps\""),
    field("latency", takes::<Duration>(), "From one host to another, through two links.")
        .like("\"50us\""),
    field("head", takes::<Bandwidth>(), "The link of the head host.")
        .like("\"10Gbps\"")
        .otherwise("as that of a compute host"),
    field(
        "repository",
        takes::<Bandwidth>(),
        "The link of the repository, which reads and writes as fast.",
    )
    .otherwise("as that of a compute host"),
    field("user", takes::<Bandwidth>(), "The link of the user.")
        .otherwise("as that of the repository"),
]);

/// A disk; bandwidths are in bytes per second, the size in bytes.
pub struct Disk {
    pub read: f64,
    pub write: f64,
    pub size: Option<u64>,
}

impl FromValue for Disk {
    const WHAT: &'static str = "a disk";
    const EXAMPLE: &'static str = "{ read = \"2GB/s\", write = \"1GB/s\", size = \"1TB\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, &DISK, report)?;
        let read = fields.required::<Bandwidth>("read");
        let write = fields.required::<Bandwidth>("write");
        let size = fields.optional::<Size>("size");
        fields.finish();
        Some(Disk { read: read?.0, write: write?.0, size: size.map(|size| size.0) })
    }
}

/// The hardware of a host.
struct Machine {
    cores: u32,
    speed: f64,
    memory: Option<u64>,
    disk: Disk,
}

/// Reads the fields that `head` and `nodes` have in common.
fn machine(fields: &mut Fields<'_>) -> Option<Machine> {
    let cores = fields.required::<Count>("cores");
    let speed = fields.optional_or("speed", Speed(DEFAULT_SPEED));
    let memory = fields.optional::<Size>("memory");
    let disk = fields.required::<Disk>("disk");
    Some(Machine {
        cores: cores?.0,
        speed: speed.0,
        memory: memory.map(|memory| memory.0),
        disk: disk?,
    })
}

/// A group of equal compute hosts.
struct Group {
    count: u32,
    machine: Machine,
}

fn group(value: &Value, report: &Report) -> Option<Group> {
    let mut fields = Fields::of(value, &NODES, report)?;
    let count = fields.required::<AtMost<MAX_NODES>>("count");
    let machine = machine(&mut fields);
    fields.finish();
    Some(Group { count: count?.0, machine: machine? })
}

fn groups(fields: &mut Fields<'_>) -> Option<Vec<Group>> {
    let example = "{ count = 4, cores = 16, disk = { read = \"2GB/s\", write = \"1GB/s\" } }";
    let value = fields.required_value("nodes", example)?;
    match &value.kind {
        Kind::Array(values) => {
            let groups: Vec<_> = values.iter().map(|value| group(value, fields.report())).collect();
            groups.into_iter().collect()
        }
        _ => group(value, fields.report()).map(|group| vec![group]),
    }
}

/// Bandwidths of links in bytes per second, and the latency of a route.
struct Network {
    node: f64,
    head: f64,
    repository: f64,
    user: f64,
    latency: Duration,
}

fn network(fields: &mut Fields<'_>) -> Option<Network> {
    let value = fields.required_value("network", "{ node = \"10Gbps\", latency = \"50us\" }")?;
    let mut fields = Fields::of(value, &NETWORK, fields.report())?;
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
    let mut fields = Fields::of(value, &COMPACT, report)?;
    let nodes = groups(&mut fields);
    let example = "{ cores = 8, disk = { read = \"2GB/s\", write = \"1GB/s\" } }";
    let head = fields.required_with("head", example, |value, report| {
        let mut fields = Fields::of(value, &HEAD, report)?;
        let head = machine(&mut fields);
        fields.finish();
        head
    });
    let network = network(&mut fields);
    // So that a mistyped `xml` gets a hint.
    fields.also(&["xml"]);
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
        let disk =
            builder.disk(name, format!("{name}-disk"), machine.disk.read, machine.disk.write);
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
            nodes.push(name);
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
            connect(other, node);
        }
    }
    let parts = Parts {
        user: Some(HostAndMount::described("user", place)),
        head: Some(HostAndMount::described("head", place)),
        repository: Some(HostAndMount::described("repository", place)),
        nodes: Some(nodes.iter().map(|node| SomeNodes::described(node, place)).collect()),
        disk: None,
    };
    (builder.build(), parts)
}

fn link(host: &str) -> String {
    format!("{host}-link")
}
