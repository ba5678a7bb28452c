//! Reads SimGrid platform files (DTD 4.1).
//!
//! What is understood: `platform`, `config`, `zone` (old name `AS`) with the routings `Full` and `None`, `host`,
//! `disk`, `link` (`SHARED`, `FATPIPE`, `SPLITDUPLEX`), `router`, `route`, `zoneRoute`, `link_ctn` and `prop`. What
//! SimGrid knows beyond that is refused by name as not supported yet; what SimGrid does not know is refused as
//! unknown. All that is wrong is told at once, each with its line and column.
//!
//! No path is opened here: a profile file that is named in the text is asked of the caller.
//!
//! A hostile text cannot do harm: entities are refused before anything is expanded, and zones may only be nested
//! so deep.

mod attributes;
mod config;
mod elements;

use roxmltree::{Document, Node, ParsingOptions};

use crate::error::{Place, PlatformError, Problem, nearest};
use crate::profile::Profile;
use crate::raw::{Finding, Name, Origin, RawPlatform, RawZone};
use crate::resolve::resolve;
use crate::spec::PlatformSpec;
use attributes::Attributes;

/// How deep zones may be nested. Real platforms have three or four levels.
const DEEPEST_ZONE: u32 = 64;

/// Gives the text of a profile file, by the name that the platform file uses for it, or why it cannot be had.
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
    /// let place = errors[0].place().unwrap();
    /// assert_eq!((place.line, place.column), (4, 18));
    /// assert_eq!(errors[0].problem().to_string(), "unknown attribute `sped` of `host`");
    /// assert_eq!(errors[0].hint(), Some("did you mean `speed`?"));
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_simgrid_xml(text: &str) -> Result<Self, Vec<PlatformError>> {
        Self::from_simgrid_xml_with(
            text,
            &mut |_| Err("no profile files were given along with the platform".to_owned()),
        )
    }

    /// Reads a SimGrid platform file whose profile files the caller provides.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_simgrid_xml_with(text: &str, files: &mut ProfileFiles<'_>) -> Result<Self, Vec<PlatformError>> {
        let mut findings = Vec::new();
        let lines = Lines::new(text);
        let place = |finding: Finding| {
            let place = finding.origin.map(|offset| lines.place(text, offset));
            finding.error.at(place)
        };
        let document = match parse(text) {
            Ok(document) => document,
            Err(error) => return Err(vec![error]),
        };
        let mut reader = Reader { raw: RawPlatform::default(), findings: Vec::new(), warnings: Vec::new(), files };
        reader.platform(document.root_element());
        findings.append(&mut reader.findings);
        let warnings: Vec<PlatformError> = reader.warnings.into_iter().map(place).collect();
        match resolve(reader.raw, &mut findings) {
            Some(mut spec) => {
                spec.warnings = warnings;
                Ok(spec)
            }
            None => {
                // In the order of the text, so that the first mistake comes first.
                findings.sort_by_key(|finding| finding.origin.unwrap_or(usize::MAX));
                Err(findings.into_iter().map(place).collect())
            }
        }
    }
}

fn parse(text: &str) -> Result<Document<'_>, PlatformError> {
    if let Some(offset) = entity_declaration(text) {
        let what = "declaring entities".to_owned();
        let place = Lines::new(text).place(text, offset);
        return Err(PlatformError::from(Problem::NotSupported { what }).at(Some(place)));
    }
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        // The reader's message ends with its position, which we give in our own way.
        let message = error.to_string();
        let detail = match message.rfind(" at ") {
            Some(end) if message[end + 4..].starts_with(|c: char| c.is_ascii_digit()) => message[..end].to_owned(),
            _ => message,
        };
        let place = Place { line: at.row, column: at.col };
        PlatformError::from(Problem::Syntax { detail }).at(Some(place))
    })
}

/// Where the text declares an entity, if it does. Platforms have no use for entities, and a few of them, each
/// made of the one before, can be expanded to more than any memory holds.
fn entity_declaration(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('<') {
        at += next;
        let rest = &text[at..];
        if rest.starts_with("<!ENTITY") {
            return Some(at);
        } else if rest.starts_with("<!--") {
            at += rest.find("-->")?;
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            at += 2;
        } else {
            // The root element: declarations come before it.
            return None;
        }
    }
    None
}

/// Where the lines of a text begin.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Self { starts }
    }

    fn place(&self, text: &str, offset: usize) -> Place {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts[line - 1];
        let column = text[start..offset.min(text.len())].chars().count() + 1;
        Place { line: line as u32, column: column as u32 }
    }
}

struct Reader<'f, 'g> {
    raw: RawPlatform,
    findings: Vec<Finding>,
    warnings: Vec<Finding>,
    files: &'f mut ProfileFiles<'g>,
}

/// The elements of SimGrid that Isotherm does not understand yet.
const UNSUPPORTED: [&str; 14] = [
    "cluster",
    "cabinet",
    "backbone",
    "host_link",
    "peer",
    "bypassRoute",
    "bypassZoneRoute",
    "bypassASroute",
    "trace",
    "trace_connect",
    "actor",
    "include",
    "storage",
    "mount",
];

/// The routings of SimGrid that Isotherm does not understand yet.
const UNSUPPORTED_ROUTINGS: [&str; 9] = [
    "Floyd",
    "Dijkstra",
    "DijkstraCache",
    "Cluster",
    "ClusterFatTree",
    "ClusterDragonfly",
    "ClusterTorus",
    "Vivaldi",
    "Wifi",
];

fn offset(node: Node<'_, '_>) -> Origin {
    Some(node.range().start)
}

impl Reader<'_, '_> {
    fn tell(&mut self, origin: Origin, error: impl Into<PlatformError>) {
        let error = error.into();
        self.findings.push(Finding { error, origin });
    }

    fn platform(&mut self, node: Node<'_, '_>) {
        if node.tag_name().name() != "platform" {
            let element = node.tag_name().name().to_owned();
            let inside = "the text".to_owned();
            let error = PlatformError::from(Problem::UnknownElement { element, inside })
                .with_hint("a SimGrid platform file begins with `<platform version=\"4.1\">`");
            self.tell(offset(node), error);
            return;
        }
        let attributes = Attributes::new(self, node, &["version"]);
        if let Some(version) = attributes.get("version")
            && !["4", "4.0", "4.1"].contains(&version.text.as_str())
        {
            let what = format!("version {} of the platform format", version.text);
            let error = PlatformError::from(Problem::NotSupported { what })
                .with_hint("`simgrid_update_xml` brings old files to version 4.1");
            self.tell(version.origin, error);
        }
        for child in self.children(node, &["config", "zone", "AS"]) {
            match child.tag_name().name() {
                "config" => self.config(child),
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
            self.tell(offset(node), Problem::TooLarge { what, limit });
            return;
        }
        let full = match &routing {
            Some(routing) => self.routing(routing),
            None => Some(true),
        };
        // A zone whose routing we do not know may hold what only makes sense there.
        let Some(full) = full else { return };
        let zone = self.raw.zones.len();
        let unnamed = || Name { text: String::new(), origin: offset(node) };
        self.raw.zones.push(RawZone { name: name.unwrap_or_else(unnamed), parent, full });
        let known = ["zone", "AS", "host", "router", "link", "route", "zoneRoute", "ASroute", "prop"];
        for child in self.children(node, &known) {
            match child.tag_name().name() {
                "host" => self.host(child, zone),
                "link" => self.link(child),
                "router" => self.router(child, zone),
                "route" => self.route(child, zone, false),
                "zoneRoute" | "ASroute" => self.route(child, zone, true),
                // Properties of zones serve nothing in a simulation; they are only checked.
                "prop" => drop(self.property(child)),
                _ => self.zone(child, Some(zone), depth + 1),
            }
        }
    }

    /// Whether the routing is that of declared routes (or of no routes at all); `None` if it is neither.
    fn routing(&mut self, routing: &Name) -> Option<bool> {
        let is = |word: &str| routing.text.eq_ignore_ascii_case(word);
        if is("Full") {
            return Some(true);
        }
        if is("None") {
            return Some(false);
        }
        let error = if let Some(word) = UNSUPPORTED_ROUTINGS.into_iter().find(|word| is(word)) {
            let what = format!("`{word}` routing");
            PlatformError::from(Problem::NotSupported { what }).with_hint("with `Full` routing every route is declared")
        } else {
            let known = ["Full", "None"].into_iter().chain(UNSUPPORTED_ROUTINGS);
            crate::raw::bad_value("the routing", &routing.text, "it must be `Full` or `None`")
                .with_suggestion(&routing.text, known)
        };
        self.tell(routing.origin, error);
        None
    }

    /// The child elements that may be here; all others are told as errors.
    fn children<'a, 'i>(&mut self, node: Node<'a, 'i>, known: &[&str]) -> Vec<Node<'a, 'i>> {
        let mut children = Vec::new();
        let inside = node.tag_name().name();
        for child in node.children() {
            if let Some(text) = child.text().filter(|_| child.is_text()) {
                let words = text.trim_start();
                if !words.is_empty() {
                    let inside = inside.to_owned();
                    let start = child.range().start + text.len() - words.len();
                    self.tell(Some(start), Problem::UnexpectedText { inside });
                }
                continue;
            }
            if !child.is_element() {
                continue;
            }
            let element = child.tag_name().name();
            if known.contains(&element) {
                children.push(child);
            } else if UNSUPPORTED.contains(&element) {
                let what = format!("element `{element}`");
                self.tell(offset(child), Problem::NotSupported { what });
            } else {
                let problem = Problem::UnknownElement { element: element.to_owned(), inside: inside.to_owned() };
                let error = PlatformError::from(problem).with_suggestion(element, known.iter().copied());
                self.tell(offset(child), error);
            }
        }
        children
    }

    /// The profile of a file that an attribute names.
    fn profile(&mut self, file: Option<Name>) -> Option<Profile> {
        let Name { text, origin } = file?;
        let profile = text.clone();
        let content = match (self.files)(&text) {
            Ok(content) => content,
            Err(reason) => {
                self.tell(origin, Problem::MissingProfile { profile, reason });
                return None;
            }
        };
        match Profile::parse(&content) {
            Ok(profile) => Some(profile),
            Err(error) => {
                self.tell(origin, Problem::Profile { profile, error });
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
        self.tell(given.origin, error);
        None
    }
}
