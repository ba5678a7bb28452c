//! Kinds of policies that a program has of its own, beside the built-in ones.

use std::fmt;
use std::sync::Arc;

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::Fields;
use isotherm_config::resolve::constant;
use isotherm_config::schema::{Absent, FamilySpec, TableSpec, Takes};
use isotherm_config::source::Sources;
use isotherm_config::tree::parse_toml_value;
use isotherm_config::write;
use isotherm_kernel::RandomStreams;
use isotherm_serverless::eviction::ContainerEviction;
use isotherm_serverless::keep_alive::KeepAlive;
use isotherm_serverless::scheduler::Scheduler;
use thiserror::Error;

use super::{
    Entry, EvictionKind, KeepAliveKind, Policy, Read, SchedulerKind, example, read_member,
};

/// The kinds of policies that experiment files may name: the built-in ones, and those of a program.
/// A file is read with them by [`Overrides::with_kinds`](crate::Overrides::with_kinds).
///
/// A kind of a program's own is described as built-in ones are, by a [`TableSpec`]: its name, what
/// it does, and its parameters with their defaults. From that come the messages for wrong files and
/// the defaults in a manifest. A function reads the parameters and returns another one, which makes
/// the policy, once for each run; it gets the named random streams of the run. So a kind may occur
/// wherever one of the family may, in a sweep too.
///
/// ```
/// use std::path::Path;
/// use isotherm_config::fields::takes;
/// use isotherm_config::schema::{Field, field, table};
/// use isotherm_experiment::policies::Kinds;
/// use isotherm_experiment::{Experiment, Overrides};
/// use isotherm_kernel::Duration;
/// use isotherm_serverless::keep_alive::{IdleNow, Keep, KeepAlive};
///
/// /// Keeps a container longer the more often it was used.
/// struct ByUses {
///     each: Duration,
/// }
///
/// impl KeepAlive for ByUses {
///     fn keep(&mut self, idle: &IdleNow) -> Keep {
///         Keep::For(self.each * idle.uses)
///     }
/// }
///
/// const PARAMETERS: &[Field] =
///     &[field("each", takes::<Duration>(), "How long for each use.").default("\"1min\"")];
///
/// let by_uses = table("by-uses", "as long as it was used often").with(PARAMETERS);
/// let kinds = Kinds::of("uses-study").with_keep_alive(by_uses, |fields| {
///     let each = fields.get("each")?;
///     Some(move |_: &_| ByUses { each })
/// })?;
///
/// let text = "name = \"study\"\nservice.keep_alive = { kind = \"by-uses\", eac = \"30s\" }\n";
/// let overrides = Overrides::default().with_kinds(kinds);
/// let errors = Experiment::parse("study.toml", text, Path::new("."), &overrides).unwrap_err();
/// assert!(errors.render(false).contains("did you mean `each`?"));
/// # Ok::<(), isotherm_experiment::policies::KindError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    program: Arc<str>,
    pub(super) schedulers: Vec<Arc<Entry<SchedulerKind>>>,
    pub(super) keep_alives: Vec<Arc<Entry<KeepAliveKind>>>,
    pub(super) evictions: Vec<Arc<Entry<EvictionKind>>>,
}

/// Why a kind of policy cannot be added to those that experiment files may name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KindError {
    /// The kinds are those of no program.
    #[error("manifests name the program that has {family} `{kind}`: begin with `Kinds::of(...)`")]
    NoProgram {
        /// The family.
        family: &'static str,
        /// The kind.
        kind: &'static str,
    },
    /// It cannot be written in a file like others.
    #[error(
        "`{kind}` cannot be the name of a kind of {family}: names are lower-case letters, digits \
         and single hyphens between them, and begin with a letter"
    )]
    Name {
        /// The family.
        family: &'static str,
        /// The name.
        kind: &'static str,
    },
    /// There is one of this name.
    #[error("there is already a {family} `{kind}`{}: choose another name", built_in(*.is_built_in))]
    Taken {
        /// The family.
        family: &'static str,
        /// The kind.
        kind: &'static str,
        /// Whether that is a built-in one.
        is_built_in: bool,
    },
    /// A parameter cannot be as it is described.
    #[error("parameter `{parameter}` of {family} `{kind}` {reason}")]
    Parameter {
        /// The family.
        family: &'static str,
        /// The kind.
        kind: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// What its description gives as an example is refused.
    #[error("{family} `{kind}` cannot be read from its own description, {example}: {message}")]
    Example {
        /// The family.
        family: &'static str,
        /// The kind.
        kind: &'static str,
        /// The policy with its required parameters as in their examples, in TOML.
        example: String,
        /// The first message.
        message: String,
    },
}

fn built_in(is_built_in: bool) -> &'static str {
    if is_built_in { ", which is built in" } else { "" }
}

impl Kinds {
    /// The built-in kinds, to which a program adds some of its own. Manifests of runs that use
    /// these name the program, which should be its name and version.
    #[must_use]
    pub fn of(program: impl Into<Arc<str>>) -> Self {
        Kinds { program: program.into(), ..Kinds::default() }
    }

    /// The same with a further kind of scheduler, for `scheduler` of `[service]`.
    ///
    /// # Errors
    /// See [`KindError`].
    pub fn with_scheduler<M, S>(
        mut self,
        kind: TableSpec,
        read: impl Fn(&mut Fields<'_>) -> Option<M> + Send + Sync + 'static,
    ) -> Result<Self, KindError>
    where
        M: Fn(&RandomStreams) -> S + Send + Sync + 'static,
        S: Scheduler + 'static,
    {
        let entry = entry(&self, kind, read, SchedulerKind::Own, |policy| Box::new(policy))?;
        self.schedulers.push(entry);
        Ok(self)
    }

    /// The same with a further kind of keep-alive policy, for `keep_alive` of `[service]` and of
    /// functions.
    ///
    /// # Errors
    /// See [`KindError`].
    pub fn with_keep_alive<M, K>(
        mut self,
        kind: TableSpec,
        read: impl Fn(&mut Fields<'_>) -> Option<M> + Send + Sync + 'static,
    ) -> Result<Self, KindError>
    where
        M: Fn(&RandomStreams) -> K + Send + Sync + 'static,
        K: KeepAlive + 'static,
    {
        let entry = entry(&self, kind, read, KeepAliveKind::Own, |policy| Box::new(policy))?;
        self.keep_alives.push(entry);
        Ok(self)
    }

    /// The same with a further kind of eviction policy of containers, for `eviction` of
    /// `[service]`.
    ///
    /// # Errors
    /// See [`KindError`].
    pub fn with_eviction<M, E>(
        mut self,
        kind: TableSpec,
        read: impl Fn(&mut Fields<'_>) -> Option<M> + Send + Sync + 'static,
    ) -> Result<Self, KindError>
    where
        M: Fn(&RandomStreams) -> E + Send + Sync + 'static,
        E: ContainerEviction + 'static,
    {
        let entry = entry(&self, kind, read, EvictionKind::Own, |policy| Box::new(policy))?;
        self.evictions.push(entry);
        Ok(self)
    }

    /// All kinds of a family: the built-in ones first.
    pub(super) fn entries<P: Policy>(&self) -> impl Iterator<Item = &Entry<P>> {
        let own = P::own(self).unwrap_or_default().iter().map(Arc::as_ref);
        P::REGISTRY.iter().chain(own)
    }

    /// The descriptions of the program's own kinds, each with the name of its family.
    fn own(&self) -> impl Iterator<Item = (&'static str, &TableSpec)> {
        fn tables<P: Policy>(kinds: &Kinds) -> impl Iterator<Item = (&'static str, &TableSpec)> {
            let own = P::own(kinds).unwrap_or_default();
            own.iter().map(|entry| (P::FAMILY.name, &entry.table))
        }
        tables::<SchedulerKind>(self)
            .chain(tables::<KeepAliveKind>(self))
            .chain(tables::<EvictionKind>(self))
    }

    /// The description of a kind of the program's own.
    pub(crate) fn own_table(&self, family: &FamilySpec, kind: &str) -> Option<&TableSpec> {
        self.own().find(|(of, table)| *of == family.name && table.title == kind).map(|own| own.1)
    }

    /// Whether a policy that a manifest [names](OwnKind::of_family) is one of these.
    pub(crate) fn has(&self, policy: &str) -> bool {
        self.own().any(|(family, table)| policy == named(family, table.title, &self.program))
    }
}

/// How manifests and summaries name a kind of a program's own.
fn named(family: &str, kind: &str, program: &str) -> String {
    format!("{family} {kind} of {program}")
}

/// The program from which a kind is, if a manifest names that kind by these words.
pub(super) fn program_of<'a>(policy: &'a str, family: &str, kind: &str) -> Option<&'a str> {
    policy.strip_prefix(&named(family, kind, ""))
}

/// A policy of a kind of a program's own, with its parameters. Two are equal if they are of one
/// kind and have the same parameters.
pub struct OwnKind<D: ?Sized> {
    kind: &'static str,
    program: Arc<str>,
    /// As they are in a manifest.
    parameters: Arc<str>,
    make: Arc<Make<D>>,
}

/// Makes a policy for a run.
type Make<D> = dyn Fn(&RandomStreams) -> Box<D> + Send + Sync;

impl<D: ?Sized> OwnKind<D> {
    /// Makes the policy for a run with these streams.
    pub(super) fn make(&self, streams: &RandomStreams) -> Box<D> {
        (self.make)(streams)
    }

    /// What manifests and summaries call it.
    pub(crate) fn of_family(&self, family: &FamilySpec) -> String {
        named(family.name, self.kind, &self.program)
    }
}

impl<D: ?Sized> Clone for OwnKind<D> {
    fn clone(&self) -> Self {
        OwnKind {
            kind: self.kind,
            program: Arc::clone(&self.program),
            parameters: Arc::clone(&self.parameters),
            make: Arc::clone(&self.make),
        }
    }
}

impl<D: ?Sized> PartialEq for OwnKind<D> {
    fn eq(&self, other: &Self) -> bool {
        let key = |own: &Self| (own.kind, Arc::clone(&own.program), Arc::clone(&own.parameters));
        key(self) == key(other)
    }
}

impl<D: ?Sized> fmt::Debug for OwnKind<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} {}", self.kind, self.program, self.parameters)
    }
}

const NO_REASON: &str =
    "its reader returned `None` without an error: report one by `fields.report()`";

/// Makes an entry of the registry of a family, if it can stand beside those that are there. `read`
/// reads the parameters and returns what makes a policy.
fn entry<P: Policy, M, S: 'static, D: ?Sized + 'static>(
    kinds: &Kinds,
    table: TableSpec,
    read: impl Fn(&mut Fields<'_>) -> Option<M> + Send + Sync + 'static,
    own: fn(OwnKind<D>) -> P,
    boxed: fn(S) -> Box<D>,
) -> Result<Arc<Entry<P>>, KindError>
where
    M: Fn(&RandomStreams) -> S + Send + Sync + 'static,
{
    let (family, kind, program) = (P::FAMILY.name, table.name, Arc::clone(&kinds.program));
    if program.is_empty() {
        return Err(KindError::NoProgram { family, kind });
    }
    if !is_name(kind, '-') {
        return Err(KindError::Name { family, kind });
    }
    if kinds.entries::<P>().any(|known| known.table.title == kind) {
        let is_built_in = P::REGISTRY.iter().any(|known| known.table.title == kind);
        return Err(KindError::Taken { family, kind, is_built_in });
    }
    for (number, field) in table.fields.iter().enumerate() {
        let is_twice = table.fields[..number].iter().any(|before| before.key == field.key);
        let reason = match field.absent {
            _ if !is_name(field.key, '_') => {
                "has a name that is not of lower-case letters, digits and underscores"
            }
            _ if field.key == "kind" => "has the name of the field that names the kind",
            _ if is_twice => "is described twice",
            _ if has_path(&field.takes) => "is a path, which only built-in kinds have",
            Absent::Error if constant(&field.takes.example()).is_none() => {
                "has no example that is TOML: give it one by `like`"
            }
            Absent::Default(toml) if constant(toml).is_none() => "has a default that is not TOML",
            _ => continue,
        };
        return Err(KindError::Parameter { family, kind, parameter: field.key, reason });
    }
    let read = move |fields: &mut Fields<'_>| {
        let parameters = write::table(&fields.resolved()).into();
        let (report, before) = (fields.report(), fields.report().count());
        let made = read(fields);
        if made.is_none() && report.count() == before {
            let message = format!("{family} `{kind}` does not take these parameters");
            report.error(fields.place(), message, NO_REASON);
        }
        let made = made?;
        let make: Arc<Make<D>> = Arc::new(move |streams| boxed(made(streams)));
        Some(own(OwnKind { kind, program: Arc::clone(&program), parameters, make }))
    };
    let entry = Entry { table: table.titled(kind), read: Read::Own(Box::new(read)) };
    match refused(&entry) {
        None => Ok(Arc::new(entry)),
        Some(message) => {
            let example = example(&entry.table);
            Err(KindError::Example { family, kind, example, message })
        }
    }
}

/// Why an entry does not read its own example, if it does not.
fn refused<P: Policy>(entry: &Entry<P>) -> Option<String> {
    let (text, report, mut sources) =
        (example(&entry.table), Report::default(), Sources::default());
    let source = sources.add("", text.as_str());
    let value = parse_toml_value(source, &text, 0, &report);
    let fields = value.as_ref().and_then(|value| Fields::of(value, &P::FAMILY.head, &report));
    if let Some(mut fields) = fields {
        fields.entry("kind");
        read_member(entry, vec![&entry.table], fields);
    }
    let diagnostics = report.into_diagnostics(sources);
    diagnostics.list().first().map(|first| first.message.clone())
}

/// Whether it consists of lower-case words, joined by single characters of this sort.
fn is_name(text: &str, joint: char) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split(joint).all(is_word)
}

/// Whether a path can be in it. Paths of a file are relative to its folder, which a kind of a
/// program's own does not know.
fn has_path(takes: &Takes) -> bool {
    let of_table = |table: &TableSpec| table.fields.iter().any(|field| has_path(&field.takes));
    match takes {
        Takes::Path { .. } => true,
        Takes::Value { .. } | Takes::Words(_) => false,
        Takes::Table(table) | Takes::Tables(table) => of_table(table),
        Takes::Kinds(tables) => tables.iter().any(|table| of_table(table)),
        Takes::OneOf(family) => (family.kinds)().into_iter().any(of_table),
        Takes::Either(forms) => forms.iter().any(has_path),
    }
}
