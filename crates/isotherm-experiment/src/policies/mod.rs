//! The built-in policies of experiment files: for each family a registry, keyed by `kind`.
//!
//! A family is a type that implements [`Policy`], such as [`SchedulerKind`]. A value of it is one
//! policy with its parameters; a [`ServicePlan`](crate::plan::ServicePlan) holds one per family. An
//! entry of the registry has the documentation of a policy, its parameters and the function that
//! reads them. The registry is the source of the checks of experiment files with their hints, of
//! the field reference, and of the output of `isotherm policies`. The `build` method of a family
//! makes the policy when a run begins.
//!
//! # Adding a policy
//!
//! Add a variant with its parameters to the type of the family, extend its `build` method, and add
//! an entry to its registry, which names each parameter once.

mod eviction;
mod image_eviction;
mod keep_alive;
mod reuse;
mod scheduler;

pub use eviction::EvictionKind;
pub use image_eviction::ImageEvictionKind;
pub use keep_alive::KeepAliveKind;
pub use scheduler::SchedulerKind;

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::Fields;
use isotherm_config::hint::{list, suggestion};
use isotherm_config::schema::{FamilySpec, Field, TableSpec, Takes, field, table};
use isotherm_config::tree::{Kind, Table, Value};
use isotherm_serverless::ContainerReuse;

/// A family of policies. A value is one policy with its parameters.
pub trait Policy: Sized + 'static {
    /// The description of the family.
    const FAMILY: &'static FamilySpec;

    /// The policies of the family, in the order of the reference.
    const REGISTRY: &'static [BuiltIn<Self>];
}

/// An entry of a registry: the description of a policy, and the function that reads its parameters.
pub struct BuiltIn<P: 'static> {
    table: TableSpec,
    read: fn(&mut Fields<'_>) -> Option<P>,
}

/// All families, each with the path of its field.
#[must_use]
pub fn families() -> Vec<(&'static str, &'static FamilySpec)> {
    vec![
        ("service.scheduler", SchedulerKind::FAMILY),
        ("service.reuse", ContainerReuse::FAMILY),
        ("service.keep_alive", KeepAliveKind::FAMILY),
        ("service.eviction", EvictionKind::FAMILY),
        ("service.image_eviction", ImageEvictionKind::FAMILY),
    ]
}

/// Makes an entry of a registry. `kind` is the word that selects the policy.
const fn built_in<P>(
    kind: &'static str,
    doc: &'static str,
    fields: &'static [Field],
    read: fn(&mut Fields<'_>) -> Option<P>,
) -> BuiltIn<P> {
    BuiltIn { table: table(kind, doc).titled(kind).with(fields), read }
}

/// The field `kind` of a family.
const fn which<P: Policy>() -> Field {
    field("kind", Takes::Words(|| P::FAMILY.words()), "Which one.")
}

/// The descriptions of all policies of a family.
fn kinds<P: Policy>() -> Vec<&'static TableSpec> {
    P::REGISTRY.iter().map(|one| &one.table).collect()
}

/// Reads a policy: a table with `kind` and parameters, or the kind alone as a string if no
/// parameter is required.
pub(crate) fn read<P: Policy>(value: &Value, report: &Report) -> Option<P> {
    let family = P::FAMILY;
    let nothing = Value { kind: Kind::Table(Table::default()), ..value.clone() };
    let (built_in, mut fields) = match &value.kind {
        Kind::String(kind) => {
            let built_in = find::<P>(kind, value, report)?;
            if let Some(parameter) = built_in.table.required().next() {
                let message = format!("`{kind}` needs its parameter `{}`", parameter.key);
                return report.refuse(
                    value.span,
                    message,
                    format!("write it like {}", report.example(&example(&built_in.table))),
                );
            }
            (built_in, Fields::of(&nothing, &family.head, report)?)
        }
        Kind::Table(_) => {
            let mut fields = Fields::of(value, &family.head, report)?;
            let built_in = match (fields.entry("kind"), family.default_kind()) {
                (Some(entry), _) => match &entry.value.kind {
                    Kind::String(kind) => find::<P>(kind.as_str(), &entry.value, report)?,
                    other => {
                        let message =
                            format!("`kind` must be a string, not {}", other.description());
                        return report.refuse(
                            entry.value.span,
                            message,
                            format!("one of {}", list(&names(family))),
                        );
                    }
                },
                (None, Some(kind)) => P::REGISTRY.iter().find(|one| one.table.title == kind)?,
                (None, None) => {
                    fields.missing("kind", family.example);
                    return None;
                }
            };
            (built_in, fields)
        }
        other => {
            let message = format!(
                "`{}` must be a string or a table, not {}",
                family.name,
                other.description()
            );
            return report.refuse(
                value.span,
                message,
                format!("write it like {}", report.example(family.example)),
            );
        }
    };
    fields.proceed_as_one_of(family, &built_in.table);
    let policy = (built_in.read)(&mut fields);
    fields.finish();
    policy
}

/// The entry of a kind; reports an unknown one.
fn find<P: Policy>(kind: &str, value: &Value, report: &Report) -> Option<&'static BuiltIn<P>> {
    let found = P::REGISTRY.iter().find(|one| one.table.title == kind);
    if found.is_none() {
        let family = P::FAMILY;
        let hint = suggestion(kind, names(family)).unwrap_or_else(|| {
            let like = match family.example.starts_with('{') {
                true => format!(", written like {}", report.example(family.example)),
                false => String::new(),
            };
            format!("one of {}{like}", list(&names(family)))
        });
        report.error(value.span, format!("unknown {} `{kind}`", family.name), hint);
    }
    found
}

fn names(family: &FamilySpec) -> Vec<&'static str> {
    family.words().iter().map(|word| word.name).collect()
}

/// An example of a policy in TOML, with its required parameters.
#[must_use]
pub fn example(kind: &TableSpec) -> String {
    let mut text = format!("{{ kind = \"{}\"", kind.title);
    for parameter in kind.required() {
        text += &format!(", {} = {}", parameter.key, parameter.takes.example());
    }
    text + " }"
}
