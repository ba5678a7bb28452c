//! Profiles that are written down in the platform file: `trace`, and `trace_connect` that says what
//! follows it.
//!
//! A trace has its events in it, or names a file with them; with `periodicity` it repeats. What
//! follows it may be declared anywhere in the file, so connections are made when everything has
//! been read.

use isotherm_kernel::Duration;
use roxmltree::Node;
use rustc_hash::FxHashMap;

use super::attributes::Attributes;
use super::{Reader, offset};
use crate::error::{Kind, PlatformError, Problem};
use crate::profile::{Profile, ProfileError};
use crate::raw::{Finding, Name, bad_value};

/// What of an element follows a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TraceTarget {
    HostState,
    Speed,
    LinkState,
    Bandwidth,
    Latency,
}

impl TraceTarget {
    fn is_host(self) -> bool {
        matches!(self, TraceTarget::HostState | TraceTarget::Speed)
    }

    fn is_state(self) -> bool {
        matches!(self, TraceTarget::HostState | TraceTarget::LinkState)
    }
}

/// What a trace says of whatever may follow it, which only a connection tells.
#[derive(Clone)]
pub(super) struct Trace {
    states: Profile,
    /// An error if a value is negative, which only a state may be.
    values: Result<Profile, ProfileError>,
}

/// A connection that is yet to be made.
pub(super) struct TraceConnection {
    trace: Name,
    element: Name,
    target: TraceTarget,
}

impl Reader<'_, '_> {
    pub(super) fn trace(&mut self, node: Node<'_, '_>) {
        let attributes = Attributes::new(self, node, &["id", "file", "periodicity"]);
        let name = attributes.required(self, "id");
        let period = attributes.optional("periodicity").and_then(|given| self.period(&given));
        for child in node.children().filter(Node::is_element) {
            let (element, inside) = (child.tag_name().name().to_owned(), "trace".to_owned());
            self.report(offset(child), Problem::UnknownElement { element, inside });
        }
        let Some(name) = name else { return };
        let text = match attributes.optional("file") {
            Some(file) => self.profile_text(&file),
            None => Some(node.children().filter_map(|child| child.text()).collect()),
        };
        let trace = text.and_then(|text| self.parsed(&name, &text, period));
        if self.traces.contains_key(&name.text) {
            let (kind, text) = (Kind::Trace, name.text);
            self.report(name.origin, Problem::Duplicate { kind, name: text });
        } else {
            self.traces.insert(name.text, trace);
        }
    }

    /// How long a repetition is; `None` if there is none, which is written as a number that is not
    /// positive.
    fn period(&mut self, given: &Name) -> Option<Duration> {
        match given.text.trim().parse::<f64>() {
            Ok(period) if period.is_finite() => {
                (period > 0.0).then(|| Duration::from_secs_f64(period))
            }
            _ => {
                let rule = "it must be a number of seconds";
                self.report(
                    given.origin,
                    bad_value("attribute `periodicity` of `trace`", &given.text, rule),
                );
                None
            }
        }
    }

    fn parsed(&mut self, name: &Name, text: &str, period: Option<Duration>) -> Option<Trace> {
        let repeated = |profile: Profile| match period {
            // A period in the text itself comes first.
            Some(period) if profile.period().is_none() => profile.with_period(period),
            _ => Ok(profile),
        };
        match Profile::parse_state(text).and_then(repeated) {
            Ok(states) => Some(Trace { states, values: Profile::parse(text).and_then(repeated) }),
            // What is no profile of states is none of anything else.
            Err(error) => {
                let profile = name.text.clone();
                self.report(name.origin, Problem::Profile { profile, error });
                None
            }
        }
    }

    pub(super) fn trace_connect(&mut self, node: Node<'_, '_>) {
        let attributes = Attributes::new(self, node, &["kind", "trace", "element"]);
        let words = [
            ("HOST_AVAIL", TraceTarget::HostState),
            ("SPEED", TraceTarget::Speed),
            ("LINK_AVAIL", TraceTarget::LinkState),
            ("BANDWIDTH", TraceTarget::Bandwidth),
            ("LATENCY", TraceTarget::Latency),
        ];
        let target = match attributes.get("kind") {
            Some(given) => self.word("the kind of a connection", &given, &words),
            None => Some(TraceTarget::HostState),
        };
        let trace = attributes.required(self, "trace");
        let element = attributes.required(self, "element");
        if let (Some(trace), Some(element), Some(target)) = (trace, element, target) {
            self.connections.push(TraceConnection { trace, element, target });
        }
    }

    /// Makes the connections.
    pub(super) fn connect_traces(&mut self) {
        let connections = std::mem::take(&mut self.connections);
        if connections.is_empty() {
            return;
        }
        let index = |(index, name): (usize, &Name)| (name.text.clone(), index);
        let hosts: FxHashMap<String, usize> =
            self.raw.hosts.iter().map(|host| &host.name).enumerate().map(index).collect();
        let links: FxHashMap<String, usize> =
            self.raw.links.iter().map(|link| &link.name).enumerate().map(index).collect();
        for TraceConnection { trace, element, target } in connections {
            let Some(followed) = self.traces.get(&trace.text).cloned() else {
                let (kind, name) = (Kind::Trace, trace.text.clone());
                let names = self.traces.keys().map(String::as_str);
                let error = PlatformError::from(Problem::Unknown { kind, name })
                    .with_suggestion(&trace.text, names);
                self.report(trace.origin, error);
                continue;
            };
            let found =
                if target.is_host() { hosts.get(&element.text) } else { links.get(&element.text) };
            let Some(&found) = found else {
                self.unknown_element(&element, target.is_host());
                continue;
            };
            let profile = match followed {
                Some(followed) if target.is_state() => Some(followed.states),
                Some(Trace { values: Ok(values), .. }) => Some(values),
                Some(Trace { values: Err(error), .. }) => {
                    let profile = trace.text.clone();
                    self.report(trace.origin, Problem::Profile { profile, error });
                    None
                }
                // It cannot be read, which has been reported.
                None => None,
            };
            let profile_of_target = match target {
                TraceTarget::HostState => &mut self.raw.hosts[found].state_profile,
                TraceTarget::Speed => &mut self.raw.hosts[found].speed_profile,
                TraceTarget::LinkState => &mut self.raw.links[found].state_profile,
                TraceTarget::Bandwidth => &mut self.raw.links[found].bandwidth_profile,
                TraceTarget::Latency => &mut self.raw.links[found].latency_profile,
            };
            let taken = profile_of_target.is_some();
            *profile_of_target = profile;
            if taken {
                let (kind, name) = (Kind::Profile, element.text.clone());
                self.findings.push(Finding {
                    error: PlatformError::from(Problem::Duplicate { kind, name })
                        .with_hint("it follows another one already"),
                    origin: element.origin,
                });
            }
        }
    }

    fn unknown_element(&mut self, element: &Name, is_host: bool) {
        let kind = if is_host { Kind::Host } else { Kind::Link };
        let error = PlatformError::from(Problem::Unknown { kind, name: element.text.clone() });
        let error = match is_host {
            true => error.with_suggestion(
                &element.text,
                self.raw.hosts.iter().map(|host| host.name.text.as_str()),
            ),
            false => error.with_suggestion(
                &element.text,
                self.raw.links.iter().map(|link| link.name.text.as_str()),
            ),
        };
        self.report(element.origin, error);
    }
}
