//! The platform: a SimGrid XML file with the roles of its hosts, or a short description.

use std::collections::BTreeSet;
use std::path::Path;

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, FromValue};
use isotherm_config::names::tables;
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Table, Value};
use isotherm_platform::{DiskId, HostId, PlatformSpec};

use crate::check::compact;
use crate::check::context::Context;
use crate::check::parts::{HOST_AND_MOUNT, HostAndMount, Parts};
use crate::plan::HostsPlan;
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
        value("a list of names", "[\"node0\", \"node1\"]"),
        "The compute hosts.",
    )
    .otherwise("all hosts that play no other part and have no `[[storage]]`"),
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
            let parts = Parts { user: None, head: None, repository: None, nodes: None };
            (xml(&path, context), parts)
        }
        Kind::Table(table) if table.get("xml").is_some() => {
            let mut fields = Fields::of(value, &XML, report)?;
            let path = fields.required("xml");
            let parts = Parts {
                user: fields.optional("user"),
                head: fields.optional("head"),
                repository: fields.optional("repository"),
                nodes: fields.optional("nodes"),
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
        Ok(spec) => {
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

/// Finds the hosts with a role, and checks that they can have it.
fn resolve(
    root: &Table,
    place: Span,
    spec: PlatformSpec,
    parts: &Parts,
    report: &Report,
) -> Option<Platform> {
    let user = part(&spec, "user", parts.user.as_ref(), place, report);
    let head = part(&spec, "head", parts.head.as_ref(), place, report);
    let repository = match &parts.repository {
        Some(named) => location(&spec, named, report),
        None => {
            let host = spec.host_id("repository").or(user.as_ref().map(|user| user.host));
            host.map(|host| Location { host, disk: disk_at(&spec, host, "/") })
        }
    };
    let named = parts.nodes.as_ref().map(|names| {
        let nodes: Vec<_> = names.iter().map(|name| host(&spec, name, report)).collect();
        nodes.into_iter().collect::<Option<Vec<_>>>()
    });
    let (user, head, repository) = (user?, head?, repository?);
    let nodes = match named {
        Some(nodes) => nodes?,
        None => {
            let mut others = BTreeSet::from([user.host, head.host, repository.host]);
            others.extend(storage_hosts(root, &spec));
            spec.hosts().map(|(id, _)| id).filter(|id| !others.contains(id)).collect()
        }
    };
    if nodes.is_empty() {
        return report.refuse(place, "there is no compute host", "name them: `nodes = [\"...\"]`");
    }
    let head_mount = match &parts.head {
        Some(HostAndMount { mount: Some(mount), .. }) => mount.value.clone(),
        _ => "/".to_owned(),
    };
    let node_mount = "/".to_owned();
    let hosts = HostsPlan { user: user.host, head: head.host, head_mount, node_mount, nodes };
    let platform = Platform { spec, hosts, repository, place };
    platform.check_nodes(parts, report);
    platform.check_disks(report);
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
) -> Option<Location> {
    if let Some(named) = named {
        return location(spec, named, report);
    }
    let Some(host) = spec.host_id(part) else {
        let message = format!("which host is the {part}? The platform has none called `{part}`");
        let hint = format!("say which in `[platform]`: `{part} = \"...\"`");
        return report.refuse(place, message, hint);
    };
    Some(Location { host, disk: disk_at(spec, host, "/") })
}

fn location(spec: &PlatformSpec, named: &HostAndMount, report: &Report) -> Option<Location> {
    let host = host(spec, &named.host, report)?;
    disk(spec, host, named.mount.as_ref(), report).map(|disk| Location { host, disk })
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
    let Some(mount) = mount else { return Some(disk_at(spec, host, "/")) };
    let disk = disk_at(spec, host, &mount.value);
    if disk.is_none() {
        let name = &spec.host(host).name;
        let message = format!("host `{name}` has no disk at `{}`", mount.value);
        let mounts: Vec<_> = mounts(spec, host).map(|mount| format!("`{mount}`")).collect();
        let hint = match mounts.is_empty() {
            true => "it has no disk at all".to_owned(),
            false => format!("it has disks at {}", mounts.join(", ")),
        };
        return report.refuse(mount.span, message, hint);
    }
    Some(disk)
}

fn disk_at(spec: &PlatformSpec, host: HostId, mount: &str) -> Option<DiskId> {
    spec.host(host).disks.iter().copied().find(|&disk| spec.disk(disk).mount == mount)
}

fn mounts(spec: &PlatformSpec, host: HostId) -> impl Iterator<Item = &str> {
    spec.host(host).disks.iter().map(|&disk| spec.disk(disk).mount.as_str())
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

impl Platform {
    /// Checks that no compute host is listed twice.
    fn check_nodes(&self, parts: &Parts, report: &Report) {
        let mut seen = BTreeSet::new();
        for (index, node) in self.hosts.nodes.iter().enumerate() {
            if !seen.insert(node) {
                let place = parts.nodes.as_ref().map_or(self.place, |names| names[index].span);
                let message = format!("compute host `{}` is listed twice", self.name(*node));
                report.error(place, message, "");
            }
        }
    }

    /// Checks that the head and every node has a disk for images.
    fn check_disks(&self, report: &Report) {
        let HostsPlan { head, head_mount, node_mount, nodes, .. } = &self.hosts;
        let nodes = nodes.iter().map(|&node| ("compute", node, node_mount));
        for (part, host, mount) in std::iter::once(("head", *head, head_mount)).chain(nodes) {
            if disk_at(&self.spec, host, mount).is_none() {
                let message = format!("{part} host `{}` has no disk at `{mount}`", self.name(host));
                report.error(self.place, message, "images are kept there: give it a disk");
            }
        }
    }

    /// Checks that there are routes between hosts that communicate or move images.
    fn check_routes(&self, report: &Report) {
        let HostsPlan { user, head, nodes, .. } = &self.hosts;
        let mut pairs = vec![(*user, *head), (*head, *user), (self.repository.host, *head)];
        pairs.extend(nodes.iter().map(|node| (*head, *node)));
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
