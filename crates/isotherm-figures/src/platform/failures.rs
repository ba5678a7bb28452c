//! What of a platform fails, or is slow for a time, beside the profiles of its description: the
//! `[[failure]]` tables of an experiment.

use std::collections::BTreeSet;

use isotherm_platform::{LinkId, PlatformSpec, Profile, ProfileTarget, quantity};
use serde::Serialize;

use super::table::link_name;
use super::view::PlatformView;

/// A failure or slow-down of one host or link. It has a date (`from_s`) or is drawn at random
/// (`mtbf_s`, `mttr_s`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureRow<'a> {
    /// `host` or `link`.
    pub of: &'static str,
    /// Its name; of a split-duplex link of which both directions fail without `_UP` or `_DOWN`.
    pub name: &'a str,
    /// What it changes: `state`, `speed`, `bandwidth` or `latency`.
    pub what: &'static str,
    /// What is left meanwhile: 0 is off.
    pub factor: f64,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_s: Option<f64>,
    /// How long it takes; nothing if it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// How long it works on average, if that is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtbf_s: Option<f64>,
    /// How long it fails on average, if that is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mttr_s: Option<f64>,
}

impl FailureRow<'_> {
    /// What happens, in words.
    pub(super) fn happens(&self) -> String {
        match self.factor {
            0.0 => "off".to_owned(),
            factor => format!("{} x {factor}", self.what),
        }
    }

    /// When it happens, in words.
    pub(super) fn when(&self) -> String {
        let lasts = self.for_s.or(self.mttr_s).map(quantity::time);
        let begins = self.from_s.map(|date| format!("at {}", quantity::time(date)));
        let every = self.mtbf_s.map(|mean| format!("after {} on average", quantity::time(mean)));
        let begins = begins.or(every).unwrap_or_else(|| "at random".to_owned());
        match lasts {
            Some(lasts) => format!("{begins}, for {lasts}"),
            None => format!("{begins}, to the end"),
        }
    }
}

/// The failures of a platform in order.
pub(super) fn failures(spec: &PlatformSpec) -> Vec<FailureRow<'_>> {
    let halves: BTreeSet<(&str, LinkId)> = spec
        .further_profiles()
        .filter_map(|(target, _)| link_of(target).map(|link| (what(target), link)))
        .collect();
    let mut rows: Vec<FailureRow<'_>> = Vec::new();
    for (target, profile) in spec.further_profiles() {
        let what = what(target);
        let (of, name, other) = match target {
            ProfileTarget::HostState(host) | ProfileTarget::Speed(host) => {
                ("host", spec.host(host).name.as_str(), None)
            }
            ProfileTarget::LinkState(link)
            | ProfileTarget::Bandwidth(link)
            | ProfileTarget::Latency(link) => {
                let spec = spec.link(link);
                let other = spec.opposite.filter(|&other| halves.contains(&(what, other)));
                ("link", other.map_or(spec.name.as_str(), |_| link_name(spec)), other)
            }
        };
        let row = row(
            profile,
            FailureRow {
                of,
                name,
                what,
                factor: 0.0,
                from_s: None,
                for_s: None,
                mtbf_s: None,
                mttr_s: None,
            },
        );
        // The two directions of a link follow each other, so only few rows need be looked at.
        let is_known = other.is_some() && rows.iter().rev().take(4).any(|known| *known == row);
        if !is_known {
            rows.push(row);
        }
    }
    rows
}

fn row<'a>(profile: &Profile, row: FailureRow<'a>) -> FailureRow<'a> {
    if let Some(steps) = profile.step_means() {
        let time = |index: usize| steps.get(index).and_then(|&(wait, _)| wait);
        let factor = steps.first().and_then(|&(_, value)| value).unwrap_or_default();
        return FailureRow { factor, mtbf_s: time(0), mttr_s: time(1), ..row };
    }
    let dates: Vec<f64> = profile.events().iter().map(|(date, _)| date.as_secs_f64()).collect();
    let factor = profile.events().first().map_or(1.0, |&(_, value)| value);
    let from_s = dates.first().copied();
    let for_s = dates.get(1).zip(from_s).map(|(end, begin)| end - begin);
    FailureRow { factor, from_s, for_s, ..row }
}

fn link_of(target: ProfileTarget) -> Option<LinkId> {
    match target {
        ProfileTarget::LinkState(link)
        | ProfileTarget::Bandwidth(link)
        | ProfileTarget::Latency(link) => Some(link),
        ProfileTarget::HostState(_) | ProfileTarget::Speed(_) => None,
    }
}

fn what(target: ProfileTarget) -> &'static str {
    match target {
        ProfileTarget::HostState(_) | ProfileTarget::LinkState(_) => "state",
        ProfileTarget::Speed(_) => "speed",
        ProfileTarget::Bandwidth(_) => "bandwidth",
        ProfileTarget::Latency(_) => "latency",
    }
}

/// How a host or a link that fails is called in a drawing.
fn word(target: ProfileTarget) -> &'static str {
    match what(target) {
        "state" => "fails",
        _ => "is slow at times",
    }
}

/// What is said in a drawing of hosts and links that fail, by number.
pub(super) type Failing = std::collections::BTreeMap<(&'static str, usize), BTreeSet<&'static str>>;

pub(super) fn failing(spec: &PlatformSpec) -> Failing {
    let mut failing = Failing::new();
    for (target, _) in spec.further_profiles() {
        let of = match target {
            ProfileTarget::HostState(host) | ProfileTarget::Speed(host) => ("host", host.index()),
            ProfileTarget::LinkState(link)
            | ProfileTarget::Bandwidth(link)
            | ProfileTarget::Latency(link) => {
                let other = spec.link(link).opposite.unwrap_or(link);
                ("link", link.min(other).index())
            }
        };
        failing.entry(of).or_default().insert(word(target));
    }
    failing
}

impl PlatformView {
    /// What is said of a host or of a link (by the number of its first half) that fails.
    pub(super) fn fails(&self, of: &'static str, number: usize) -> Vec<&'static str> {
        self.failing.get(&(of, number)).into_iter().flatten().copied().collect()
    }
}
