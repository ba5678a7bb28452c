//! Which host of a platform plays which part: user, head, repository, compute hosts.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Fields, FromValue};
use isotherm_config::schema::{TableSpec, Takes, field};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Value};

pub const HOST_AND_MOUNT: TableSpec = TableSpec {
    name: "a host",
    title: "`{ host, mount }`",
    doc: "A host and one of its disks.",
    fields: &[
        field(
            "host",
            Takes::Value { what: "the name of a host", example: "\"node0\"" },
            "The host.",
        ),
        field(
            "mount",
            Takes::Value { what: "a path", example: "\"/scratch\"" },
            "Where the disk is mounted.",
        )
        .otherwise("the disk at `/`, or the memory of a host that has none"),
    ],
};

/// Which host plays which part, by name.
pub struct Parts {
    /// Where invocations come from.
    pub user: Option<HostAndMount>,
    /// Where the service runs.
    pub head: Option<HostAndMount>,
    /// Where images come from.
    pub repository: Option<HostAndMount>,
    /// The compute hosts; `None` means all that play no other part.
    pub nodes: Option<Vec<Located<String>>>,
}

/// The name of a host and perhaps the mount point of one of its disks.
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
    /// A host that was not named, but described.
    pub fn described(host: &str, place: Span) -> Self {
        let host = Located { value: host.to_owned(), span: place };
        HostAndMount { host, mount: None }
    }
}
