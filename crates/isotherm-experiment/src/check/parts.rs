//! The roles of hosts as `[platform]` names them: user, head, repository, compute hosts.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, FromValue};
use isotherm_config::schema::{TableSpec, field, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Value};

use crate::check::compact::Disk;

/// `{ host, mount }`
pub const HOST_AND_MOUNT: TableSpec =
    table("a host", "A host and one of its disks.").titled("`{ host, mount }`").with(&[
        field("host", value("the name of a host", "\"node0\""), "The host."),
        field("mount", value("a path", "\"/scratch\""), "Where the disk is mounted.")
            .otherwise("the disk at `/`, or the memory of a host that has none"),
    ]);

/// `{ host, mount }` of compute hosts.
pub const SOME_NODES: TableSpec =
    table("compute hosts", "Compute hosts and where their disks are.")
        .titled("`{ host, mount }` of compute hosts")
        .with(&[
            field(
                "host",
                value(
                    "the name of a host, in which `*` is any text and `?` any letter",
                    "\"node*\"",
                ),
                "The hosts. A pattern leaves out those that play another part or are named before.",
            )
            .otherwise("all that play no other part and have no `[[storage]]`"),
            field("mount", value("a path", "\"/scratch\""), "Where the disk of each is mounted.")
                .otherwise("`/`"),
        ]);

/// The hosts of each role, by name. `None`: the default of the role.
pub struct Parts {
    /// The host that sends invocations.
    pub user: Option<HostAndMount>,
    /// The head host, which runs the service.
    pub head: Option<HostAndMount>,
    /// The host of the storage `repository`.
    pub repository: Option<HostAndMount>,
    /// The compute hosts; `None`: all hosts without another role.
    pub nodes: Option<Vec<SomeNodes>>,
    /// The disk of the head, of the repository and of each compute host that has none.
    pub disk: Option<Located<Disk>>,
}

/// Compute hosts, and where their disks are mounted.
pub struct SomeNodes {
    /// A name or a pattern; `None`: all hosts without another role.
    pub host: Option<Located<String>>,
    /// The mount point.
    pub mount: Option<Located<String>>,
    /// The place in the experiment file.
    pub place: Span,
}

impl FromValue for SomeNodes {
    const WHAT: &'static str = "compute hosts";
    const EXAMPLE: &'static str = "{ host = \"node*\", mount = \"/scratch\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let place = value.span;
        if matches!(value.kind, Kind::Table(_)) {
            let mut fields = Fields::of(value, &SOME_NODES, report)?;
            let (host, mount) = (fields.optional("host"), fields.optional("mount"));
            fields.finish();
            return Some(SomeNodes { host, mount, place });
        }
        Some(SomeNodes { host: Some(Located::read(value, report)?), mount: None, place })
    }
}

impl SomeNodes {
    /// A compute host that the compact form describes at `place`.
    pub fn described(host: &str, place: Span) -> Self {
        let host = Located { value: host.to_owned(), span: place };
        SomeNodes { host: Some(host), mount: None, place }
    }

    /// The value of `nodes`: one entry or a list of them.
    pub fn list(value: &Value, report: &Report) -> Option<Vec<Self>> {
        match value.kind {
            Kind::Array(_) => Vec::read(value, report),
            _ => Some(vec![Self::read(value, report)?]),
        }
    }
}

/// The name of a host, and optionally the mount point of one of its disks.
pub struct HostAndMount {
    /// The host.
    pub host: Located<String>,
    /// The mount point.
    pub mount: Option<Located<String>>,
}

impl FromValue for HostAndMount {
    const WHAT: &'static str = "a host";
    const EXAMPLE: &'static str = "\"host\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        if matches!(value.kind, Kind::Table(_)) {
            let mut fields = Fields::of(value, &HOST_AND_MOUNT, report)?;
            let host = fields.required("host");
            let mount = fields.optional("mount");
            fields.finish();
            return Some(HostAndMount { host: host?, mount });
        }
        let host = Located::read(value, report)?;
        Some(HostAndMount { host, mount: None })
    }
}

impl HostAndMount {
    /// A host that the compact form describes at `place`.
    pub fn described(host: &str, place: Span) -> Self {
        let host = Located { value: host.to_owned(), span: place };
        HostAndMount { host, mount: None }
    }
}
