//! What can be wrong with a platform, its description, or a request made to it.
//!
//! An error says what is wrong ([`Problem`]), where it was written down ([`TextPosition`], when it
//! comes from a text) and, when there is something helpful to say, how it may be mended (the hint).

use std::fmt;

use thiserror::Error;

use crate::nearest::nearest;
use crate::units::UnitError;

/// A place in a text: both numbers count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextPosition {
    /// The line.
    pub line: u32,
    /// The character within the line.
    pub column: u32,
}

/// The kinds of named things on a platform, as errors call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "most kinds are called what they are")]
pub enum Kind {
    Host,
    Disk,
    Link,
    Zone,
    /// A router: a point of a zone that computes nothing.
    Router,
    /// A host or a router: an end of a route.
    EndOfRoute,
    Property,
    /// The mount point of a disk.
    MountPoint,
    /// What connects a host to the middle of its zone.
    HostLink,
    /// The link between the links of the hosts of a zone.
    Backbone,
    /// A profile that is written down in the description itself.
    Trace,
    /// A profile that something follows.
    Profile,
    /// A host, a router or a zone: an end of a route made by a program.
    Point,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Host => "host",
            Kind::Disk => "disk",
            Kind::Link => "link",
            Kind::Zone => "zone",
            Kind::Router => "router",
            Kind::EndOfRoute => "host or router",
            Kind::Property => "property",
            Kind::MountPoint => "mount point",
            Kind::HostLink => "host_link",
            Kind::Backbone => "backbone",
            Kind::Trace => "trace",
            Kind::Profile => "profile",
            Kind::Point => "host, router or cluster",
        })
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum Problem {
    /// The text is not well-formed XML.
    #[error("not well-formed XML: {detail}")]
    Syntax { detail: String },
    /// A part of the description that Isotherm does not understand yet.
    #[error("{what} is not supported yet")]
    NotSupported { what: String },
    /// An element that does not exist, or not there.
    #[error("unknown element `{element}` inside `{inside}`")]
    UnknownElement { element: String, inside: String },
    /// An attribute that does not exist, or not there.
    #[error("unknown attribute `{attribute}` of `{element}`")]
    UnknownAttribute { element: String, attribute: String },
    /// An attribute that must be there.
    #[error("`{element}` needs the attribute `{attribute}`")]
    MissingAttribute { element: String, attribute: String },
    /// Text where only elements may be.
    #[error("unexpected text inside `{inside}`")]
    UnexpectedText { inside: String },
    /// A quantity that cannot be read.
    #[error("{what}: {error}")]
    Unit { what: String, error: UnitError },
    /// A value that is out of range or not one of the words allowed.
    #[error("{what} is `{value}`, but {rule}")]
    BadValue { what: String, value: String, rule: String },
    /// A quantity without a unit: a warning only.
    #[error("{what} is `{value}`, without a unit: taken as {unit}")]
    MissingUnit { what: String, value: String, unit: &'static str },
    /// An option that is not known and hence not followed: a warning only.
    #[error("option `{option}` is ignored")]
    IgnoredOption { option: String },
    /// An attribute that changes nothing: a warning only.
    #[error("attribute `{attribute}` of `{element}` changes nothing: {reason}")]
    WithoutEffect { element: String, attribute: String, reason: &'static str },
    /// Two things of one name.
    #[error("there are two of {kind} `{name}`")]
    Duplicate { kind: Kind, name: String },
    /// A name that names nothing.
    #[error("there is no {kind} `{name}`")]
    Unknown { kind: Kind, name: String },
    /// An end of a route is not in the zone that declares the route.
    #[error("{kind} `{name}` is not in zone `{zone}`")]
    OutsideZone { kind: Kind, name: String, zone: String },
    /// A zone holds hosts and zones at once.
    #[error("zone `{zone}` holds both hosts and zones")]
    MixedZone { zone: String },
    /// An element in a zone whose routing has no use for it.
    #[error("`{element}` has no place in a zone with `{routing}` routing")]
    WrongRouting { element: String, routing: &'static str },
    /// A host in a zone with `Cluster` routing that has no links.
    #[error("host `{host}` has no links in zone `{zone}` with `Cluster` routing")]
    NoHostLink { host: String, zone: String },
    /// Two routes between the same ends.
    #[error("there are two routes from `{from}` to `{to}`")]
    DuplicateRoute { from: String, to: String },
    /// A route without links.
    #[error("the route from `{from}` to `{to}` has no link")]
    EmptyRoute { from: String, to: String },
    /// A split-duplex link in a route without saying in which direction.
    #[error("split-duplex link `{link}` needs a direction")]
    DirectionNeeded { link: String },
    /// A direction for a link that has none.
    #[error("link `{link}` has no direction")]
    NoDirection { link: String },
    /// A host whose memory is given by two properties.
    #[error("host `{host}` gives its memory twice, by `{first}` and by `{second}`")]
    MemoryTwice { host: String, first: String, second: String },
    /// A profile that cannot be read.
    #[error("profile `{profile}`: {error}")]
    Profile { profile: String, error: crate::profile::ProfileError },
    /// A profile that was not given.
    #[error("profile `{profile}` cannot be had: {reason}")]
    MissingProfile { profile: String, reason: String },
    /// Two hosts that no route connects.
    #[error("there is no route from host `{from}` to host `{to}`")]
    NoRoute { from: String, to: String },
    /// A disk used as an end of a stream by a host that does not have it.
    #[error("disk `{disk}` is not on host `{host}`")]
    DiskElsewhere { disk: String, host: String },
    /// The description is nested too deeply or too large.
    #[error("{what} (limit {limit})")]
    TooLarge { what: String, limit: u32 },
    /// The description describes nothing.
    #[error("the platform has no host")]
    NoHost,
}

/// A problem with a platform: what, where, and how it may be mended.
///
/// `Display` gives one line, `line 4, column 9: there is no link `wann`: did you mean `wan`?`.
/// Programs that show the text around the place use [`position`](Self::position),
/// [`problem`](Self::problem) and [`hint`](Self::hint).
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformError {
    /// Boxed, so that results stay small.
    problem: Box<Problem>,
    position: Option<TextPosition>,
    hint: Option<String>,
}

impl PlatformError {
    /// What is wrong. Its `Display` is the message without place and hint.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Where it was written, if it comes from a text.
    #[must_use]
    pub fn position(&self) -> Option<TextPosition> {
        self.position
    }

    /// How it may be mended, if there is something helpful to say.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_suggestion<'a>(
        self,
        wrong: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        match nearest(wrong, candidates) {
            Some(near) => self.with_hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    pub(crate) fn at(mut self, position: Option<TextPosition>) -> Self {
        self.position = position;
        self
    }
}

impl From<Problem> for PlatformError {
    fn from(problem: Problem) -> Self {
        let hint = match &problem {
            Problem::Unit { error, .. } => error.hint(),
            Problem::MissingUnit { value, unit, .. } => {
                Some(format!("write `{}{unit}`", value.trim()))
            }
            _ => None,
        };
        Self { problem: Box::new(problem), position: None, hint }
    }
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(TextPosition { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        write!(f, "{}", self.problem)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PlatformError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The message of the problem is already part of ours; only what lies below it is a source.
        std::error::Error::source(&*self.problem)
    }
}
