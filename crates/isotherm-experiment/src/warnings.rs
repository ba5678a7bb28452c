//! Warnings of runs: as lines in their results, and of all points of a sweep together.
//!
//! A warning changes no result but the list of warnings itself.

use isotherm_config::diagnostic::{Diagnostic, Severity, thousands};
use isotherm_results::{SummaryReport, TransientReport, Window};

use crate::plan::Plan;
use crate::run::Outcome;

/// A run lists so many warnings.
const MOST_LISTED: usize = 50;

/// How warnings begin about a part of the run that counts and has no invocation.
pub const NOTHING_MEASURED: &str = "nothing is measured";

/// The beginning of a run dominates if it has this part of what is waited for images and
/// containers, ...
const LARGE_SHARE: f64 = 0.5;

/// ...and this part of all response times.
const SEEN: f64 = 0.2;

/// So many different warnings of a sweep are told apart.
const MOST_DIFFERENT: usize = 200;

/// So many points that have a warning are named.
const MOST_NAMED: usize = 5;

/// Warnings as they are listed in results, a line each, in the order of their places.
pub fn lines(mut found: Vec<Diagnostic>) -> Vec<String> {
    found.sort_by_key(|warning| warning.place);
    let mut lines: Vec<String> = Vec::new();
    let mut more = 0;
    for warning in found {
        match lines.len() {
            _ if lines.contains(&warning.message) => {}
            MOST_LISTED => more += 1,
            _ => lines.push(warning.message),
        }
    }
    if more > 0 {
        lines.push(format!("there are {} more warnings", thousands(more)));
    }
    lines
}

/// What is to be warned of when a run is over.
pub fn of_outcome(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let SummaryReport { invocations, causes, response_of_completed, .. } = &outcome.summary;
    if invocations.total == 0 {
        return vec![match plan.measure == Window::default() {
            true => "nothing is invoked: the run has no invocation".to_owned(),
            false => format!(
                "{NOTHING_MEASURED}: no invocation was submitted in the part of the run that \
                 counts (`measure`)"
            ),
        }];
    }
    let mut found = Vec::new();
    if invocations.completed == 0 {
        let causes: Vec<String> = causes
            .iter()
            .map(|(cause, count)| format!("{} by `{cause}`", thousands(*count)))
            .collect();
        found.push(format!(
            "nothing completed: {} invocations ended otherwise ({})",
            thousands(invocations.total),
            causes.join(", ")
        ));
    }
    let responses_s =
        response_of_completed.all.as_ref().map(|times| times.mean_s * times.count as f64);
    found.extend(
        outcome
            .transient
            .zip(responses_s)
            .and_then(|(transient, all_s)| of_beginning(&transient, all_s)),
    );
    found
}

/// Whether most of what was waited for images and containers was so before the last first use of an
/// image, in the first half of the time in which anything arrives, and is a part of the response
/// times that can be seen.
fn of_beginning(transient: &TransientReport, responses_s: f64) -> Option<String> {
    let TransientReport { until, last, wait_s, share } = *transient;
    let is_early = until.as_nanos() <= last.as_nanos() / 2;
    if !is_early || share < LARGE_SHARE || wait_s < SEEN * responses_s {
        return None;
    }
    // The next whole second, or millisecond.
    let unit =
        if until.as_nanos() < 1_000_000_000 { (1_000_000, "ms") } else { (1_000_000_000, "s") };
    let from = until.as_nanos() / unit.0 + 1;
    Some(format!(
        "the beginning dominates: those submitted before the last image was used for the first \
         time, at {until:.3} s, waited {:.0} % of all that was waited for images and containers, \
         as much as {:.0} % of all response times; `measure.from = \"{from}{}\"` leaves them out, \
         and with `service.prepull` images need not be downloaded",
        share * 100.0,
        wait_s / responses_s * 100.0,
        unit.1
    ))
}

/// The warnings of points that are planned one after the other.
#[derive(Debug, Default)]
pub struct PointWarnings {
    different: Vec<OfPoints>,
    /// Those that are not told apart any more.
    further: u64,
}

/// A warning, and the points that have it.
#[derive(Debug)]
struct OfPoints {
    warning: Diagnostic,
    /// The first of them.
    named: Vec<u64>,
    count: u64,
    last: u64,
}

impl PointWarnings {
    /// Adds those of a point. A point may be added several times in a row.
    pub fn add(&mut self, point: u64, found: Vec<Diagnostic>) {
        for warning in found {
            let is_full = self.different.len() >= MOST_DIFFERENT;
            match self.different.iter_mut().find(|known| known.warning == warning) {
                Some(known) if known.last == point => {}
                Some(known) => {
                    known.count += 1;
                    known.last = point;
                    if known.named.len() < MOST_NAMED {
                        known.named.push(point);
                    }
                }
                None if !is_full => {
                    let named = vec![point];
                    self.different.push(OfPoints { warning, named, count: 1, last: point });
                }
                None => self.further += 1,
            }
        }
    }

    /// Each warning once, with the points that have it, if not all of them do.
    pub fn told(self, points: u64, label: impl Fn(u64) -> String) -> Vec<Diagnostic> {
        let mut told = Vec::new();
        for OfPoints { mut warning, named, count, .. } in self.different {
            if count < points {
                let labels: Vec<String> = named.iter().map(|point| label(*point)).collect();
                let more = match count - named.len() as u64 {
                    0 => String::new(),
                    more => format!(" and {} more", thousands(more)),
                };
                warning.message = format!(
                    "{} ({} of {} points: {}{more})",
                    warning.message,
                    thousands(count),
                    thousands(points),
                    labels.join(", ")
                );
            }
            told.push(warning);
        }
        if self.further > 0 {
            let more = thousands(self.further);
            let mut warning = Diagnostic::without_place(format!("there are {more} more warnings"));
            warning.severity = Severity::Warning;
            told.push(warning);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(text: &str) -> Diagnostic {
        Diagnostic::without_place(text)
    }

    #[test]
    fn each_is_told_once() {
        let mut all = PointWarnings::default();
        for point in 0..12 {
            all.add(point, vec![warning("everywhere")]);
            all.add(point, vec![warning("everywhere")]);
            let often = (point < 7).then(|| warning("often"));
            let once = (point == 3).then(|| warning("once"));
            all.add(point, often.into_iter().chain(once).collect());
        }
        let told = all.told(12, |point| format!("p{point}"));
        let told: Vec<_> = told.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "everywhere",
                "often (7 of 12 points: p0, p1, p2, p3, p4 and 2 more)",
                "once (1 of 12 points: p3)"
            ]
        );
    }

    #[test]
    fn many_are_counted() {
        let many = |count: u32| (0..count).map(|number| warning(&number.to_string())).collect();
        let listed = lines(many(53));
        assert_eq!(listed.len(), MOST_LISTED + 1);
        assert_eq!(listed[MOST_LISTED], "there are 3 more warnings");
        let mut all = PointWarnings::default();
        all.add(0, many(230));
        let told = all.told(1, |point| point.to_string());
        assert_eq!(told.len(), MOST_DIFFERENT + 1);
        assert_eq!(told[MOST_DIFFERENT].message, "there are 30 more warnings");
    }
}
