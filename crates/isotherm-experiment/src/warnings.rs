//! Warnings of runs: as lines in their results, and of all points of a sweep together.
//!
//! A warning changes no result but the list of warnings itself.

use isotherm_config::diagnostic::{Diagnostic, Severity, thousands};

/// A run lists so many warnings.
const MOST_LISTED: usize = 50;

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
