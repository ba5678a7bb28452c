//! Reads SimGrid platform files (DTD 4.1).
//!
//! Supported: `platform`, `config`, `zone` (old name `AS`) with the routings `Full`, `Floyd`,
//! `Dijkstra`, `DijkstraCache`, `Cluster` and `None`, `host`, `disk`, `link` (`SHARED`, `FATPIPE`,
//! `SPLITDUPLEX`), `router`, `route`, `zoneRoute`, `bypassRoute`, `bypassZoneRoute`, `link_ctn`,
//! flat `cluster`, `cabinet`, `backbone`, `host_link`, `trace`, `trace_connect` and `prop`. Other
//! features of SimGrid are refused by name as not supported yet. Anything that SimGrid does not
//! know is refused as unknown, with one exception: a `cluster` and a `cabinet` may have a `disk`,
//! which every host gets, as with `prop`. All errors are reported at once, each with its line and
//! column.
//!
//! No path is opened here: a profile file that is named in the text is asked of the caller.
//!
//! A hostile text cannot do harm: entities are refused before anything is expanded, and zones may
//! only be nested so deep.

mod attributes;
mod cluster;
mod config;
mod elements;
mod text;
mod trace;
mod write;

use indexmap::IndexMap;
use roxmltree::Node;
use rustc_hash::FxBuildHasher;

use crate::error::{PlatformError, Problem};
use crate::nearest::nearest;
use crate::profile::{Profile, ProfileError};
use crate::raw::{Ends, Finding, Name, Origin, RawPlatform, RawZone};
use crate::resolve::resolve;
use crate::routing::Routing;
use crate::spec::PlatformSpec;
use attributes::Attributes;
use text::LineIndex;
use trace::{Trace, TraceConnection};

/// How deep zones may be nested. Real platforms have three or four levels.
const DEEPEST_ZONE: u32 = 64;

/// Gives the text of a profile file, by the name that the platform file uses for it, or why it
/// cannot be had.
pub type ProfileFiles<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

impl PlatformSpec {
    /// Reads a SimGrid platform file. A file that names profile files is refused: see
    /// [`from_simgrid_xml_with`](Self::from_simgrid_xml_with).
    ///
    /// ```
    /// use isotherm_platform::PlatformSpec;
    /// let text = r#"<platform version="4.1">
    ///   <zone id="world" routing="Full">
    ///     <host id="a" speed="1Gf"/>
    ///     <host id="b" sped="1Gf"/>
    ///   </zone>
    /// </platform>"#;
    /// let errors = PlatformSpec::from_simgrid_xml(text).unwrap_err();
    /// let position = errors[0].position().unwrap();
    /// assert_eq!((position.line, position.column), (4, 18));
    /// assert_eq!(errors[0].problem().to_string(), "unknown attribute `sped` of `host`");
    /// assert_eq!(errors[0].hint(), Some("did you mean `speed`?"));
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_simgrid_xml(text: &str) -> Result<Self, Vec<PlatformError>> {
        Self::from_simgrid_xml_with(text, &mut no_files)
    }

    /// Reads a SimGrid platform file whose profile files the caller provides.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_simgrid_xml_with(
        text: &str,
        files: &mut ProfileFiles<'_>,
    ) -> Result<Self, Vec<PlatformError>> {
        let (mut spec, warnings) = read(text, files, resolve)?;
        spec.warnings = warnings;
        Ok(spec)
    }
}

/// Reads a platform. Returns what `finish` makes of it, and the warnings.
pub(crate) fn read<T>(
    text: &str,
    files: &mut ProfileFiles<'_>,
    finish: impl FnOnce(RawPlatform, &mut Vec<Finding>) -> Option<T>,
) -> Result<(T, Vec<PlatformError>), Vec<PlatformError>> {
    let lines = LineIndex::new(text);
    let positioned = |finding: Finding| {
        let position = finding.origin.map(|offset| lines.position(text, offset));
        finding.error.at(position)
    };
    let parsed = text::without_late_declaration(text);
    let document = text::parse(&parsed).map_err(|error| vec![error])?;
    let mut reader = Reader {
        raw: RawPlatform::default(),
        findings: Vec::new(),
        warnings: Vec::new(),
        traces: IndexMap::default(),
        connections: Vec::new(),
        series_hosts: 0,
        files,
    };
    reader.platform(document.root_element());
    reader.connect_traces();
    let mut findings = reader.findings;
    let warnings = reader.warnings.into_iter().map(positioned).collect();
    match finish(reader.raw, &mut findings) {
        Some(result) => Ok((result, warnings)),
        None => {
            // In the order of the text, so that the first mistake comes first.
            findings.sort_by_key(|finding| finding.origin.unwrap_or(usize::MAX));
            Err(findings.into_iter().map(positioned).collect())
        }
    }
}

/// Without profile files.
pub(crate) fn no_files(_: &str) -> Result<String, String> {
    Err("no profile files were given along with the platform".to_owned())
}

struct Reader<'f, 'g> {
    raw: RawPlatform,
    findings: Vec<Finding>,
    warnings: Vec<Finding>,
    /// The traces in the text; `None` for one that cannot be read.
    traces: IndexMap<String, Option<Trace>, FxBuildHasher>,
    connections: Vec<TraceConnection>,
    /// How many hosts the clusters so far have.
    series_hosts: usize,
    files: &'f mut ProfileFiles<'g>,
}

/// The elements of SimGrid that Isotherm does not understand, with what to do about them.
const UNSUPPORTED: [(&str, &str); 9] = [
    (
        "peer",
        "only zones with `Vivaldi` routing have peers; a `host` with a `link` and a `route` says the same",
    ),
    ("include", "put the content of that file in its place"),
    ("actor", "a platform says what there is; what happens there stands in the experiment"),
    ("process", "a platform says what there is; what happens there stands in the experiment"),
    ("random", "SimGrid has not followed it for a long time"),
    ("storage_type", "a `disk` in a `host` is what it was replaced by"),
    ("storage", "a `disk` in a `host` is what it was replaced by"),
    ("mount", "a `disk` in a `host` is what it was replaced by"),
    ("model_prop", "SimGrid has not followed it for a long time"),
];

/// The routings of SimGrid that Isotherm does not understand.
const UNSUPPORTED_ROUTINGS: [&str; 8] = [
    "ClusterFatTree",
    "ClusterDragonfly",
    "ClusterTorus",
    "FatTree",
    "Dragonfly",
    "Torus",
    "Vivaldi",
    "Wifi",
];

/// The routings that Isotherm understands.
const ROUTINGS: [(&str, Routing); 6] = [
    ("Full", Routing::Full),
    ("Floyd", Routing::Floyd),
    ("Dijkstra", Routing::Dijkstra),
    ("DijkstraCache", Routing::Dijkstra),
    ("Cluster", Routing::Cluster),
    ("None", Routing::None),
];

/// What may be in a zone.
const ZONE_ELEMENTS: [&str; 18] = [
    "zone",
    "AS",
    "host",
    "router",
    "link",
    "cluster",
    "route",
    "zoneRoute",
    "ASroute",
    "bypassRoute",
    "bypassZoneRoute",
    "bypassASroute",
    "cabinet",
    "backbone",
    "host_link",
    "trace",
    "trace_connect",
    "prop",
];

fn offset(node: Node<'_, '_>) -> Origin {
    Some(node.range().start)
}

impl Reader<'_, '_> {
    fn report(&mut self, origin: Origin, error: impl Into<PlatformError>) {
        let error = error.into();
        self.findings.push(Finding { error, origin });
    }

    fn platform(&mut self, node: Node<'_, '_>) {
        if node.tag_name().name() != "platform" {
            let element = node.tag_name().name().to_owned();
            let inside = "the text".to_owned();
            let error = PlatformError::from(Problem::UnknownElement { element, inside })
                .with_hint("a SimGrid platform file begins with `<platform version=\"4.1\">`");
            self.report(offset(node), error);
            return;
        }
        let attributes = Attributes::new(self, node, &["version"]);
        if let Some(version) = attributes.get("version")
            && !["4", "4.0", "4.1"].contains(&version.text.as_str())
        {
            let what = format!("version {} of the platform format", version.text);
            let error = PlatformError::from(Problem::NotSupported { what })
                .with_hint("`simgrid_update_xml` brings old files to version 4.1");
            self.report(version.origin, error);
        }
        for child in
            self.children(node, &["config", "zone", "AS", "cluster", "trace", "trace_connect"])
        {
            match child.tag_name().name() {
                "config" => self.config(child),
                "cluster" => self.cluster(child, None),
                "trace" => self.trace(child),
                "trace_connect" => self.trace_connect(child),
                _ => self.zone(child, None, 0),
            }
        }
    }

    fn zone(&mut self, node: Node<'_, '_>, parent: Option<usize>, depth: u32) {
        let attributes = Attributes::new(self, node, &["id", "routing"]);
        let name = attributes.required(self, "id");
        let routing = attributes.required(self, "routing");
        if depth == DEEPEST_ZONE {
            let what = "zones are nested too deep".to_owned();
            let limit = DEEPEST_ZONE;
            self.report(offset(node), Problem::TooLarge { what, limit });
            return;
        }
        let routing = match &routing {
            Some(routing) => self.routing(routing),
            None => Some(Routing::Full),
        };
        // A zone whose routing we do not know may hold what only makes sense there.
        let Some(routing) = routing else { return };
        let zone = self.raw.zones.len();
        let order = self.raw.next_order();
        let unnamed = || Name { text: String::new(), origin: offset(node) };
        let name = name.unwrap_or_else(unnamed);
        self.raw.zones.push(RawZone {
            name,
            parent,
            routing,
            order,
            gateway: None,
            backbone: None,
        });
        for child in self.children(node, &ZONE_ELEMENTS) {
            let element = child.tag_name().name();
            let only_in_cluster = matches!(element, "cabinet" | "backbone" | "host_link");
            if only_in_cluster && routing != Routing::Cluster {
                let problem =
                    Problem::WrongRouting { element: element.to_owned(), routing: routing.name() };
                let hint = "it is for zones with `routing=\"Cluster\"`";
                self.report(offset(child), PlatformError::from(problem).with_hint(hint));
                continue;
            }
            match element {
                "host" => self.host(child, zone),
                "link" => self.link(child),
                "router" => self.router(child, zone),
                "route" => self.route(child, zone, Ends::Points, false),
                "zoneRoute" | "ASroute" => self.route(child, zone, Ends::Zones, false),
                "bypassRoute" => self.route(child, zone, Ends::Points, true),
                "bypassZoneRoute" | "bypassASroute" => self.route(child, zone, Ends::Zones, true),
                "cluster" => self.cluster(child, Some(zone)),
                "cabinet" => self.cabinet(child, zone),
                "backbone" => self.backbone(child, zone),
                "host_link" => self.host_link(child, zone),
                "trace" => self.trace(child),
                "trace_connect" => self.trace_connect(child),
                // Properties of zones serve nothing in a simulation; they are only checked.
                "prop" => drop(self.property(child)),
                _ => self.zone(child, Some(zone), depth + 1),
            }
        }
    }

    /// The routing of a zone; `None` if it is not one that we know.
    fn routing(&mut self, given: &Name) -> Option<Routing> {
        let is = |word: &str| given.text.eq_ignore_ascii_case(word);
        if let Some(&(_, routing)) = ROUTINGS.iter().find(|(word, _)| is(word)) {
            return Some(routing);
        }
        let error = if let Some(word) = UNSUPPORTED_ROUTINGS.into_iter().find(|word| is(word)) {
            let what = format!("`{word}` routing");
            PlatformError::from(Problem::NotSupported { what })
                .with_hint("with `Full` routing every route is declared")
        } else {
            let known: Vec<&str> = ROUTINGS.iter().map(|&(word, _)| word).collect();
            let list: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            let rule = format!("it must be one of {}", list.join(", "));
            let known = known.into_iter().chain(UNSUPPORTED_ROUTINGS);
            crate::raw::bad_value("the routing", &given.text, &rule)
                .with_suggestion(&given.text, known)
        };
        self.report(given.origin, error);
        None
    }

    /// Checks the child elements: all but the given ones are reported as errors.
    fn children<'a, 'i>(&mut self, node: Node<'a, 'i>, known: &[&str]) -> Vec<Node<'a, 'i>> {
        let mut children = Vec::new();
        let inside = node.tag_name().name();
        for child in node.children() {
            if let Some(text) = child.text().filter(|_| child.is_text()) {
                let words = text.trim_start();
                if !words.is_empty() {
                    let inside = inside.to_owned();
                    let start = child.range().start + text.len() - words.len();
                    self.report(Some(start), Problem::UnexpectedText { inside });
                }
                continue;
            }
            if !child.is_element() {
                continue;
            }
            let element = child.tag_name().name();
            if known.contains(&element) {
                children.push(child);
            } else if let Some((_, hint)) = UNSUPPORTED.iter().find(|(known, _)| *known == element)
            {
                let what = format!("element `{element}`");
                let error = PlatformError::from(Problem::NotSupported { what }).with_hint(*hint);
                self.report(offset(child), error);
            } else {
                let problem = Problem::UnknownElement {
                    element: element.to_owned(),
                    inside: inside.to_owned(),
                };
                let error =
                    PlatformError::from(problem).with_suggestion(element, known.iter().copied());
                self.report(offset(child), error);
            }
        }
        children
    }

    /// The profile of a file that an attribute names.
    fn profile(&mut self, file: Option<Name>) -> Option<Profile> {
        self.profile_read_by(file, Profile::parse)
    }

    /// The profile of states of a file that an attribute names.
    fn state_profile(&mut self, file: Option<Name>) -> Option<Profile> {
        self.profile_read_by(file, Profile::parse_state)
    }

    fn profile_read_by(
        &mut self,
        file: Option<Name>,
        parse: fn(&str) -> Result<Profile, ProfileError>,
    ) -> Option<Profile> {
        let file = file?;
        let content = self.profile_text(&file)?;
        match parse(&content) {
            Ok(profile) => Some(profile),
            Err(error) => {
                let profile = file.text;
                self.report(file.origin, Problem::Profile { profile, error });
                None
            }
        }
    }

    /// The text of a profile file.
    fn profile_text(&mut self, file: &Name) -> Option<String> {
        match (self.files)(&file.text) {
            Ok(content) => Some(content),
            Err(reason) => {
                let profile = file.text.clone();
                self.report(file.origin, Problem::MissingProfile { profile, reason });
                None
            }
        }
    }

    /// One of some words, in any case.
    fn word<T: Copy>(&mut self, what: &str, given: &Name, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given.text));
        if let Some(&(_, value)) = found {
            return Some(value);
        }
        let list: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let rule = format!("it must be one of {}", list.join(", "));
        let error = crate::raw::bad_value(what, &given.text, &rule);
        let error = match nearest(&given.text, words.iter().map(|&(word, _)| word)) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error,
        };
        self.report(given.origin, error);
        None
    }
}
