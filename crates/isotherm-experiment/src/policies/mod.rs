//! The policies of experiment files: for each family a registry, keyed by `kind`.
//!
//! A family is a type that implements [`Policy`], such as [`SchedulerKind`]. A value of it is one
//! policy with its parameters; a [`ServicePlan`](crate::plan::ServicePlan) holds one per family. An
//! entry of the registry has the documentation of a policy, its parameters and the function that
//! reads them. The registry is the source of the checks of experiment files with their hints, of
//! the field reference, and of the output of `isotherm policies`. The `build` method of a family
//! makes the policy when a run begins.
//!
//! A program may add kinds of its own ([`Kinds`]), which are entries of the same registry; the
//! reference and `isotherm policies` list the built-in ones.
//!
//! # Adding a built-in policy
//!
//! Add a variant with its parameters to the type of the family, extend its `build` method, and add
//! an entry to its registry, which names each parameter once.

mod eviction;
mod image_eviction;
mod keep_alive;
mod own;
mod reuse;
mod scheduler;

pub use eviction::EvictionKind;
pub use image_eviction::ImageEvictionKind;
pub use keep_alive::KeepAliveKind;
pub use own::{KindError, Kinds, OwnKind};
pub use scheduler::SchedulerKind;

use std::fmt;
use std::sync::Arc;

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

    /// The built-in policies of the family, in the order of the reference.
    const REGISTRY: &'static [Entry<Self>];

    /// Those of a program; `None` if programs have no kinds of this family.
    #[must_use]
    fn own(_kinds: &Kinds) -> Option<&[Arc<Entry<Self>>]> {
        None
    }
}

/// An entry of a registry: the description of a policy, and the function that reads its parameters.
pub struct Entry<P: 'static> {
    table: TableSpec,
    read: Read<P>,
}

enum Read<P> {
    BuiltIn(fn(&mut Fields<'_>) -> Option<P>),
    Own(Box<ReadOwn<P>>),
}

type ReadOwn<P> = dyn Fn(&mut Fields<'_>) -> Option<P> + Send + Sync;

impl<P> fmt::Debug for Entry<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table.title)
    }
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
) -> Entry<P> {
    Entry { table: table(kind, doc).titled(kind).with(fields), read: Read::BuiltIn(read) }
}

/// The field `kind` of a family.
const fn which<P: Policy>() -> Field {
    field("kind", Takes::Words(|| P::FAMILY.words()), "Which one.")
}

/// The descriptions of all policies of a family.
fn kinds<P: Policy>() -> Vec<&'static TableSpec> {
    P::REGISTRY.iter().map(|one| &one.table).collect()
}

/// What is known when a file is read: the kinds of the program that reads it, and what the file,
/// if it is the manifest of a run, says of the policies that were not built in.
pub(crate) struct Known<'a> {
    pub(crate) kinds: &'a Kinds,
    pub(crate) of_manifest: Vec<&'a str>,
}

/// Reads a policy: a table with `kind` and parameters, or the kind alone as a string if no
/// parameter is required.
pub(crate) fn read<P: Policy>(value: &Value, known: &Known<'_>, report: &Report) -> Option<P> {
    let family = P::FAMILY;
    let nothing = Value { kind: Kind::Table(Table::default()), ..value.clone() };
    let (entry, fields) = match &value.kind {
        Kind::String(kind) => {
            let entry = find::<P>(kind, value, known, report)?;
            if let Some(parameter) = entry.table.required().next() {
                let message = format!("`{kind}` needs its parameter `{}`", parameter.key);
                return report.refuse(
                    value.span,
                    message,
                    format!("write it like {}", report.example(&example(&entry.table))),
                );
            }
            (entry, Fields::of(&nothing, &family.head, report)?)
        }
        Kind::Table(_) => {
            let mut fields = Fields::of(value, &family.head, report)?;
            let entry = match (fields.entry("kind"), family.default_kind()) {
                (Some(entry), _) => match &entry.value.kind {
                    Kind::String(kind) => find::<P>(kind, &entry.value, known, report)?,
                    other => {
                        let message =
                            format!("`kind` must be a string, not {}", other.description());
                        return report.refuse(
                            entry.value.span,
                            message,
                            format!("one of {}", list(&names::<P>(known.kinds))),
                        );
                    }
                },
                (None, Some(kind)) => P::REGISTRY.iter().find(|one| one.table.title == kind)?,
                (None, None) => {
                    fields.missing("kind", family.example);
                    return None;
                }
            };
            (entry, fields)
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
    let kinds = known.kinds.entries::<P>().map(|entry| &entry.table).collect();
    read_member(entry, kinds, fields)
}

/// Reads the parameters of a policy of this kind, which is one of these.
fn read_member<'a, P: Policy>(
    entry: &'a Entry<P>,
    kinds: Vec<&'a TableSpec>,
    mut fields: Fields<'a>,
) -> Option<P> {
    fields.proceed_as_one_of(kinds, &entry.table);
    let policy = match &entry.read {
        Read::BuiltIn(read) => read(&mut fields),
        Read::Own(read) => read(&mut fields),
    };
    fields.finish();
    policy
}

/// The entry of a kind; reports an unknown one.
fn find<'a, P: Policy>(
    kind: &str,
    value: &Value,
    known: &Known<'a>,
    report: &Report,
) -> Option<&'a Entry<P>> {
    let family = P::FAMILY;
    let found = known.kinds.entries::<P>().find(|one| one.table.title == kind);
    if found.is_some() {
        return found;
    }
    let names = names::<P>(known.kinds);
    let mut hint = suggestion(kind, names.iter().copied()).unwrap_or_else(|| {
        let like = match family.example.starts_with('{') {
            true => format!(", written like {}", report.example(family.example)),
            false => String::new(),
        };
        format!("one of {}{like}", list(&names))
    });
    let message = match P::own(known.kinds) {
        Some([]) => {
            let then = if hint.ends_with('?') { " If" } else { "; if" };
            hint += &format!("{then} it is a program's own, run the file by that program");
            format!("{} `{kind}` is not built in", family.name)
        }
        _ => format!("unknown {} `{kind}`", family.name),
    };
    let program = |policy: &&'a str| own::program_of(policy, family.name, kind);
    if let Some(program) = known.of_manifest.iter().find_map(program) {
        hint =
            format!("the run of this manifest had it from the program `{program}`: run it there");
    }
    report.refuse(value.span, message, hint)
}

fn names<P: Policy>(kinds: &Kinds) -> Vec<&'static str> {
    kinds.entries::<P>().map(|entry| entry.table.title).collect()
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
