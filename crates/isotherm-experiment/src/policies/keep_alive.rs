//! `service.keep_alive`: how long an idle container is kept.

use isotherm_kernel::Duration;
use isotherm_serverless::keep_alive::{Fixed, KeepAlive};

use super::{BuiltIn, Policy, built_in, kinds};
use crate::check::fields::takes;
use crate::check::schema::{FamilySpec, TableSpec, Takes, field};
use crate::manifest::text::{duration, string};

/// The built-in keep-alive policies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeepAliveKind {
    /// A container stops when its invocation has ended.
    None,
    /// A container stops when it has been idle for this long.
    Fixed(Duration),
}

impl Policy for KeepAliveKind {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "keep_alive",
        doc: "How long an idle container is kept.",
        example: "{ kind = \"fixed\", idle = \"10min\" }",
        head: TableSpec {
            name: "keep_alive",
            title: "",
            doc: "",
            fields: &[field("kind", Takes::Words(|| KeepAliveKind::FAMILY.words()), "Which one.").default("\"fixed\"")],
        },
        kinds: kinds::<KeepAliveKind>,
    };

    const REGISTRY: &'static [BuiltIn<Self>] = &[
        built_in("none", "a container stops when its invocation has ended", &[], |_| Some(KeepAliveKind::None)),
        built_in(
            "fixed",
            "a container stops when it has been idle for so long",
            &[field("idle", takes::<Duration>(), "How long a container is kept when it is idle.").like("\"10min\"")],
            |fields| {
                fields.required::<Duration>("idle").map(|idle| match idle.is_zero() {
                    true => KeepAliveKind::None,
                    false => KeepAliveKind::Fixed(idle),
                })
            },
        ),
    ];

    fn written(&self) -> Vec<(&'static str, String)> {
        match self {
            KeepAliveKind::None => vec![("kind", string("none"))],
            KeepAliveKind::Fixed(idle) => vec![("kind", string("fixed")), ("idle", duration(*idle))],
        }
    }
}

impl KeepAliveKind {
    /// Makes it.
    pub(crate) fn build(self) -> Box<dyn KeepAlive> {
        Box::new(Fixed::new(match self {
            KeepAliveKind::None => Duration::ZERO,
            KeepAliveKind::Fixed(idle) => idle,
        }))
    }
}
