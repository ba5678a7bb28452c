//! The platform: a SimGrid XML file with the roles of its hosts, or a short description.

use std::collections::BTreeSet;
use std::path::Path;

use isotherm_config::diagnostic::{Diagnostic, Report};
use isotherm_config::fields::{Fields, FromValue};
use isotherm_config::names::{is_pattern, matches, meant, tables};
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Table, Value};
use isotherm_kernel::RandomStreams;
use isotherm_platform::{DiskId, HostId, PlatformSpec};
use isotherm_serverless::ImageDisk;

use crate::check::compact::{self, Disk};
use crate::check::context::Context;
use crate::check::parts::{HOST_AND_MOUNT, HostAndMount, Parts, SOME_NODES, SomeNodes};
use crate::plan::{FunctionPlan, HostsPlan};
use crate::simgrid;

/// `[platform]` with a SimGrid file.
pub const XML: TableSpec = table(
    "[platform]",
    "A platform of a SimGrid file (XML), and the parts its hosts play. `platform = \"cluster.xml\"` is the same as `xml` alone.",
)
.titled("`[platform]` of a SimGrid file").with(&[
    field("xml", path("a path", "\"cluster.xml\""), "The file."),
    field("user", Takes::Either(HOST), "Where invocations come from.")
        .otherwise("the host called `user`"),
    field("head", Takes::Either(HOST), "Where the service runs and images are cached.")
        .otherwise("the host called `head`"),
    field("repository", Takes::Either(HOST), "Where images come from.")
        .otherwise("the host called `repository`, or the user's if there is none"),
    field(
        "nodes",
        Takes::Either(&[
            value("a list of names", "[\"node0\", \"node1\"]"),
            Takes::Table(&SOME_NODES),
            Takes::Tables(&SOME_NODES),
        ]),
        "The compute hosts, and where their disks are mounted. In a name `*` is any text, `?` \
         any letter.",
    )
    .otherwise("all hosts that play no other part and have no `[[storage]]`"),
    field(
        "disk",
        Takes::Table(&compact::DISK),
        "A disk for each compute host, the head and the repository, if the file gives it none.",
    )
    .otherwise("disks are needed where functions have images or disk limits"),
]);

const HOST: &[Takes] = &[value("the name of a host", "\"node0\""), Takes::Table(&HOST_AND_MOUNT)];

/// A platform that was read.
pub struct Platform {
    /// Hosts, disks, links, routes.
    pub spec: PlatformSpec,
    /// The roles of hosts.
    pub hosts: HostsPlan,
    /// The location of the repository.
    pub repository: Location,
    /// The place of the platform in the experiment file.
    pub place: Span,
}

/// A host and one of its disks, or its memory.
#[derive(Clone, Copy, Debug)]
pub struct Location {
    /// The host.
    pub host: HostId,
    /// The disk; `None` is the host's memory.
    pub disk: Option<DiskId>,
}

/// Reads `platform = "file.xml"` or `[platform]`.
pub fn platform(root: &Table, value: &Value, context: &Context<'_>) -> Option<Platform> {
    let report = context.report;
    let (spec, parts) = match &value.kind {
        Kind::String(_) => {
            let path = Located::read(value, report)?;
            let parts = Parts { user: None, head: None, repository: None, nodes: None, disk: None };
            (xml(&path, context), parts)
        }
        Kind::Table(table) if table.get("xml").is_some() => {
            let mut fields = Fields::of(value, &XML, report)?;
            let path = fields.required("xml");
            let parts = Parts {
                user: fields.optional("user"),
                head: fields.optional("head"),
                repository: fields.optional("repository"),
                nodes: fields.optional_with("nodes", SomeNodes::list),
                disk: fields.optional("disk"),
            };
            fields.finish();
            (xml(&path?, context), parts)
        }
        Kind::Table(_) => compact::platform(value, report)?,
        other => {
            let message =
                format!("`platform` must be a path or a table, not {}", other.description());
            return report.refuse(value.span, message, report.entry("platform", "\"cluster.xml\""));
        }
    };
    resolve(root, value.span, spec?, &parts, report)
}

fn xml(path: &Located<String>, context: &Context<'_>) -> Option<PlatformSpec> {
    let file = context.read(path)?;
    let full = context.path(path);
    let folder = full.parent().unwrap_or(Path::new(""));
    let note = |profile: &Path| context.inputs.borrow_mut().add(profile);
    let read = simgrid::platform(&file.text, folder, note);
    let sources = context.sources.borrow();
    let diagnostic = |error| simgrid::diagnostic(error, file.source, path.span, &sources);
    match read {
        Ok(mut spec) => {
            spec.draw_profiles(&RandomStreams::new(context.seed));
            for warning in spec.warnings() {
                context.report.warn(diagnostic(warning));
            }
            Some(spec)
        }
        Err(errors) => {
            for error in &errors {
                context.report.push(diagnostic(error));
            }
            None
        }
    }
}

/// Finds the hosts with a role and their disks, and checks that they can have it.
fn resolve(
    root: &Table,
    place: Span,
    mut spec: PlatformSpec,
    parts: &Parts,
    report: &Report,
) -> Option<Platform> {
    let user = part(&spec, "user", parts.user.as_ref(), place, report);
    let head = part(&spec, "head", parts.head.as_ref(), place, report);
    let repository = match &parts.repository {
        Some(named) => host(&spec, &named.host, report),
        None => spec.host_id("repository").or(user),
    };
    let mut others: BTreeSet<_> = [user, head, repository].into_iter().flatten().collect();
    others.extend(storage_hosts(root, &spec));
    let nodes = match &parts.nodes {
        Some(some) => named_nodes(&spec, some, &others, report),
        None => {
            let rest = spec.hosts().map(|(id, _)| id).filter(|id| !others.contains(id));
            Some(rest.map(|host| NamedNode { host, mount: None, place }).collect())
        }
    };
    let [user_mount, head_mount, repository_mount] = [&parts.user, &parts.head, &parts.repository]
        .map(|named| named.as_ref().and_then(|named| named.mount.as_ref()));
    if let Some(given) = &parts.disk {
        let named = [(head, head_mount), (repository, repository_mount)];
        let named = named.into_iter().filter_map(|(host, mount)| Some((host?, mount)));
        let nodes = nodes.iter().flatten().map(|node| (node.host, node.mount));
        let hosts: Vec<_> = named.chain(nodes).collect();
        add_disks(&mut spec, &hosts, given, report)?;
    }
    let disk_of = |host: Option<HostId>, mount| disk(&spec, host?, mount, report);
    let user_disk = disk_of(user, user_mount);
    let head_disk = disk_of(head, head_mount);
    let repository_disk = disk_of(repository, repository_mount);
    let (user, head, repository) = (user?, head?, repository?);
    let nodes = nodes?;
    if nodes.is_empty() {
        return report.refuse(place, "there is no compute host", "name them: `nodes = [\"...\"]`");
    }
    let node_disks: Vec<_> =
        nodes.iter().map(|node| disk_of(Some(node.host), node.mount)).collect();
    let node_disks = node_disks.into_iter().collect::<Option<Vec<_>>>()?;
    user_disk?;
    let (head_disk, repository_disk) = (head_disk?, repository_disk?);
    let hosts: Vec<HostId> = nodes.iter().map(|node| node.host).collect();
    let (head_disk, node_disks) = shares(&spec, (head, head_disk), &hosts, &node_disks);
    let hosts = HostsPlan { user, head, head_disk, nodes: hosts, node_disks };
    let repository = Location { host: repository, disk: repository_disk };
    let platform = Platform { spec, hosts, repository, place };
    check_nodes(&platform, &nodes, report);
    platform.check_routes(report);
    Some(platform)
}

/// The host with a role: the named one, or the host of the name of the role.
fn part(
    spec: &PlatformSpec,
    part: &str,
    named: Option<&HostAndMount>,
    place: Span,
    report: &Report,
) -> Option<HostId> {
    if let Some(named) = named {
        return host(spec, &named.host, report);
    }
    let found = spec.host_id(part);
    if found.is_none() {
        let message = format!("which host is the {part}? The platform has none called `{part}`");
        let hint = format!("say which in `[platform]`: `{part} = \"...\"`");
        return report.refuse(place, message, hint);
    }
    found
}

/// A compute host, and the mount point that is named for it.
struct NamedNode<'a> {
    host: HostId,
    mount: Option<&'a Located<String>>,
    place: Span,
}

/// The compute hosts that `nodes` names. A pattern adds those that play no other part and are not
/// listed before it.
fn named_nodes<'a>(
    spec: &PlatformSpec,
    some: &'a [SomeNodes],
    others: &BTreeSet<HostId>,
    report: &Report,
) -> Option<Vec<NamedNode<'a>>> {
    let (mut nodes, mut listed, mut complete) = (Vec::new(), BTreeSet::new(), true);
    for SomeNodes { host: name, mount, place } in some {
        let (mount, place) = (mount.as_ref(), *place);
        let pattern = match name {
            Some(name) if !is_pattern(&name.value) || spec.host_id(&name.value).is_some() => {
                match host(spec, name, report) {
                    Some(host) => {
                        listed.insert(host);
                        nodes.push(NamedNode { host, mount, place: name.span });
                    }
                    None => complete = false,
                }
                continue;
            }
            Some(name) => name.value.as_str(),
            None => "*",
        };
        let before = nodes.len();
        for (host, found) in spec.hosts() {
            if matches(pattern, &found.name) && !others.contains(&host) && listed.insert(host) {
                nodes.push(NamedNode { host, mount, place });
            }
        }
        if nodes.len() == before {
            let message = format!("`{pattern}` is the name of no host that may be a compute host");
            let names: Vec<&str> = spec.hosts().map(|(_, host)| host.name.as_str()).collect();
            let fits_none = !names.iter().any(|name| matches(pattern, name));
            let hint = meant(pattern, &names).filter(|_| fits_none).unwrap_or_else(|| {
                "hosts that play another part or are named before are left out".to_owned()
            });
            report.error(place, message, hint);
            complete = false;
        }
    }
    complete.then_some(nodes)
}

/// Gives a disk to each of some hosts that has none, at the mount point that is named for it.
fn add_disks(
    spec: &mut PlatformSpec,
    hosts: &[(HostId, Option<&Located<String>>)],
    disk: &Located<Disk>,
    report: &Report,
) -> Option<()> {
    let mut added = 0;
    for &(host, mount) in hosts {
        if spec.mounts(host).next().is_some() {
            continue;
        }
        let mount = mount.map_or("/", |mount| mount.value.as_str());
        let Disk { read, write, size } = disk.value;
        if let Err(error) = spec.add_disk(host, "disk", mount, [read, write], size) {
            return report.refuse(disk.span, error.problem().to_string(), "");
        }
        added += 1;
    }
    if added == 0 {
        report.warn(Diagnostic::at(
            disk.span,
            "no host gets this disk",
            "all have one of their own",
        ));
    }
    Some(())
}

/// What each host may use of its disk. A disk of another host is shared: every host whose images
/// are on it may use an equal part, its own host included.
fn shares(
    spec: &PlatformSpec,
    (head, head_disk): (HostId, Option<DiskId>),
    nodes: &[HostId],
    node_disks: &[Option<DiskId>],
) -> (ImageDisk, Vec<ImageDisk>) {
    let users = || std::iter::once((&head, &head_disk)).chain(nodes.iter().zip(node_disks));
    let mut count = vec![0u64; spec.disks().len()];
    let mut is_remote = vec![false; spec.disks().len()];
    for (&host, disk) in users() {
        if let Some(disk) = *disk {
            count[disk.index()] += 1;
            is_remote[disk.index()] |= spec.disk(disk).host != host;
        }
    }
    let share = |disk: Option<DiskId>| match disk {
        Some(disk) => {
            let parts = if is_remote[disk.index()] { count[disk.index()] } else { 1 };
            ImageDisk::On { disk, bytes: spec.disk(disk).size / parts }
        }
        None => ImageDisk::Nowhere,
    };
    (share(head_disk), node_disks.iter().copied().map(share).collect())
}

/// The host of a name. Reports an unknown name.
pub fn host(spec: &PlatformSpec, name: &Located<String>, report: &Report) -> Option<HostId> {
    let host = spec.host_id(&name.value);
    if host.is_none() {
        let error = spec.unknown_host(&name.value);
        let hint = error.hint().unwrap_or("the platform has no host of this name");
        report.error(name.span, error.problem().to_string(), hint);
    }
    host
}

/// The disk of a host at a mount point, which must exist if given. The default is the disk at `/`,
/// or the memory of a host that has none.
pub fn disk(
    spec: &PlatformSpec,
    host: HostId,
    mount: Option<&Located<String>>,
    report: &Report,
) -> Option<Option<DiskId>> {
    let Some(mount) = mount else { return Some(spec.disk_at(host, "/")) };
    let disk = spec.disk_at(host, &mount.value);
    if disk.is_none() {
        let name = &spec.host(host).name;
        let message = format!("host `{name}` has no disk at `{}`", mount.value);
        let mounts: Vec<_> = spec.mounts(host).map(|mount| format!("`{mount}`")).collect();
        let hint = match mounts.is_empty() {
            true => "it has no disk at all".to_owned(),
            false => format!("it has disks at {}", mounts.join(", ")),
        };
        return report.refuse(mount.span, message, hint);
    }
    Some(disk)
}

/// The existing hosts that `[[storage]]` tables name.
fn storage_hosts(root: &Table, spec: &PlatformSpec) -> Vec<HostId> {
    let name = |storage: &Value| match &storage.kind {
        Kind::Table(table) => match table.get("host").map(|host| &host.kind) {
            Some(Kind::String(name)) => spec.host_id(name),
            _ => None,
        },
        _ => None,
    };
    tables(root, "storage").iter().filter_map(name).collect()
}

/// Checks that no compute host is listed twice.
fn check_nodes(platform: &Platform, nodes: &[NamedNode<'_>], report: &Report) {
    let mut seen = BTreeSet::new();
    for node in nodes {
        if !seen.insert(node.host) {
            let message = format!("compute host `{}` is listed twice", platform.name(node.host));
            report.error(node.place, message, "");
        }
    }
}

/// So many hosts without a disk are told one by one.
const MOST_WITHOUT_DISK: usize = 5;

impl Platform {
    /// Checks that the head and every node has a disk, if functions have images or write files.
    pub fn check_disks(&self, functions: &[FunctionPlan], report: &Report) {
        let images = functions.iter().any(|function| function.image.is_some());
        let disks = images || functions.iter().any(|function| function.limits.disk_bytes > 0);
        let HostsPlan { head, head_disk, nodes, node_disks, .. } = &self.hosts;
        let use_of_disk = if images { "images are kept there" } else { "containers write there" };
        let error = |part: &str, host: HostId| {
            let name = self.name(host);
            let mounts: Vec<_> = self.spec.mounts(host).map(|mount| format!("`{mount}`")).collect();
            let hint = match mounts.first() {
                None => format!(
                    "{use_of_disk}: `disk = {{ read = \"2GB/s\", write = \"1GB/s\" }}` in \
                     `[platform]` gives one to each host that has none"
                ),
                Some(mount) => format!(
                    "it has disks at {}: `{{ host = \"{name}\", mount = \"{}\" }}` names one",
                    mounts.join(", "),
                    mount.trim_matches('`'),
                ),
            };
            report.error(self.place, format!("{part} host `{name}` has no disk at `/`"), hint);
        };
        if images && *head_disk == ImageDisk::Nowhere {
            error("head", *head);
        }
        if !disks {
            return;
        }
        let without = || {
            let nodes = nodes.iter().zip(node_disks);
            nodes.filter(|(_, disk)| **disk == ImageDisk::Nowhere).map(|(&node, _)| node)
        };
        without().take(MOST_WITHOUT_DISK).for_each(|node| error("compute", node));
        let more = without().skip(MOST_WITHOUT_DISK).count();
        if more > 0 {
            report.error(self.place, format!("{more} more compute hosts have no disk at `/`"), "");
        }
    }

    /// Checks that there are routes between hosts that communicate or move images.
    fn check_routes(&self, report: &Report) {
        let HostsPlan { user, head, nodes, .. } = &self.hosts;
        let mut pairs = vec![(*user, *head), (*head, *user), (self.repository.host, *head)];
        pairs.extend(nodes.iter().map(|node| (*head, *node)));
        let disks = std::iter::once((head, &self.hosts.head_disk));
        for (host, disk) in disks.chain(nodes.iter().zip(&self.hosts.node_disks)) {
            if let ImageDisk::On { disk, .. } = *disk {
                let owner = self.spec.disk(disk).host;
                if owner != *host {
                    pairs.extend([(*head, owner), (owner, *host), (*host, owner)]);
                }
            }
        }
        let mut reported = BTreeSet::new();
        for (from, to) in pairs {
            if let Err(error) = self.spec.route(from, to)
                && reported.insert((from, to))
            {
                let hint = error
                    .hint()
                    .unwrap_or("the head must reach the user, the repository and all nodes");
                report.error(self.place, error.problem().to_string(), hint);
            }
        }
    }

    fn name(&self, host: HostId) -> &str {
        &self.spec.host(host).name
    }
}
