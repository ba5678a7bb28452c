//! What `isotherm conform` prints.
//!
//! ```text
//! random-041: invocation 12 (f1) dispatched: expected 33.104000000 s, got 33.204000000 s (and 5 more; largest error 1.0e-1 s)
//! 3 invocations of 1 scenarios ran on another node than on the reference (which alone makes no difference)
//! 122 of 123 conform, largest error 9.8e-10 s
//! ```
//!
//! One line per scenario that differs, with what differs first. With times, every scenario has a
//! line, which ends with its wall time. The last line counts; its largest error is that of the
//! scenarios that conform (the others give their own), so that a single outlier does not hide how
//! exact the rest is.

use std::time::Duration as WallTime;

use crate::RunFailed;
use crate::compare::Comparison;

/// A scenario that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseReport {
    /// Name of the scenario.
    pub name: String,
    /// The comparison, or why there was nothing to compare.
    pub result: Result<Comparison, RunFailed>,
    /// How long the simulation took, if it was asked for.
    pub wall_time: Option<WallTime>,
}

impl CaseReport {
    /// Whether the scenario conforms.
    pub fn conforms(&self) -> bool {
        self.result.as_ref().is_ok_and(Comparison::conforms)
    }

    /// The lines to print: none if the scenario conforms and no time was asked for; several if it
    /// failed with a message of several lines.
    pub fn lines(&self) -> Vec<String> {
        let text = match &self.result {
            Err(failed) => format!("failed: {failed}"),
            Ok(comparison) => match difference(comparison) {
                Some(text) => text,
                None if self.wall_time.is_some() => "conforms".to_owned(),
                None => return Vec::new(),
            },
        };
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if let Some(first) = lines.first_mut() {
            *first = format!("{}: {first}", self.name);
            if let Some(time) = self.wall_time {
                *first = format!("{first}, {:.6} s", time.as_secs_f64());
            }
        }
        lines
    }
}

/// The first difference, and how much more there is.
fn difference(comparison: &Comparison) -> Option<String> {
    let first = comparison.differences.first()?;
    let error = comparison.largest_error_s;
    Some(match comparison.differences.len() - 1 {
        0 => format!("{first} (largest error {error:.1e} s)"),
        more => format!("{first} (and {more} more; largest error {error:.1e} s)"),
    })
}

/// The count of all scenarios.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConformanceSummary {
    /// How many conform.
    pub conforming: usize,
    /// How many were tried.
    pub total: usize,
    /// The largest error in a date among those that conform, in seconds.
    pub largest_error_s: f64,
    /// How many dates were compared.
    pub dates: usize,
    /// How many invocations ran on another node than expected, in scenarios that conform.
    pub other_nodes: usize,
    /// In how many scenarios.
    pub other_node_scenarios: usize,
    /// Sum of the wall times, if they were asked for.
    pub wall_time: Option<WallTime>,
}

impl ConformanceSummary {
    /// Whether every scenario conforms: whether the command is a success.
    #[must_use]
    pub fn all_conform(&self) -> bool {
        self.conforming == self.total
    }

    /// Takes in a scenario.
    pub fn add(&mut self, report: &CaseReport) {
        self.total += 1;
        if let Some(time) = report.wall_time {
            *self.wall_time.get_or_insert_default() += time;
        }
        let Ok(comparison) = &report.result else { return };
        self.dates += comparison.dates;
        if comparison.conforms() {
            self.conforming += 1;
            self.largest_error_s = self.largest_error_s.max(comparison.largest_error_s);
            self.other_nodes += comparison.other_nodes;
            self.other_node_scenarios += usize::from(comparison.other_nodes > 0);
        }
    }

    /// The last lines: remarks, if there are any, and the count.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.other_nodes > 0 {
            lines.push(format!(
                "{} invocations of {} scenarios ran on another node than on the reference (which alone makes no difference)",
                self.other_nodes, self.other_node_scenarios
            ));
        }
        if let Some(time) = self.wall_time {
            lines.push(format!("all scenarios together: {:.6} s", time.as_secs_f64()));
        }
        lines.push(format!(
            "{} of {} conform, largest error {:.1e} s",
            self.conforming, self.total, self.largest_error_s
        ));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{DateKind, Difference};

    fn late() -> Difference {
        Difference::Date {
            invocation: 12,
            function: "f1".to_owned(),
            kind: DateKind::Dispatched,
            expected: Some(33.104),
            got: Some(33.204),
        }
    }

    fn report(result: Result<Comparison, RunFailed>, wall_time: Option<WallTime>) -> CaseReport {
        CaseReport { name: "random-041".to_owned(), result, wall_time }
    }

    #[test]
    fn a_scenario_that_conforms_is_silent_unless_times_are_asked_for() {
        let good = Comparison { largest_error_s: 2e-9, dates: 5, ..Comparison::default() };
        assert!(report(Ok(good.clone()), None).lines().is_empty());
        let timed = report(Ok(good), Some(WallTime::from_micros(1500)));
        assert_eq!(timed.lines(), ["random-041: conforms, 0.001500 s"]);
    }

    #[test]
    fn a_scenario_that_differs_says_what_differs_first() {
        let one =
            Comparison { differences: vec![late()], largest_error_s: 0.1, ..Comparison::default() };
        let dates = "random-041: invocation 12 (f1) dispatched: expected 33.104000000 s, got 33.204000000 s";
        assert_eq!(
            report(Ok(one.clone()), None).lines(),
            [format!("{dates} (largest error 1.0e-1 s)")]
        );
        let more = Comparison { differences: vec![late(); 6], ..one };
        let timed = report(Ok(more), Some(WallTime::from_secs(2)));
        assert_eq!(
            timed.lines(),
            [format!("{dates} (and 5 more; largest error 1.0e-1 s), 2.000000 s")]
        );
    }

    #[test]
    fn a_run_that_failed_says_why() {
        let failed =
            report(Err(RunFailed { message: "deadlock at 3 s\n  user waits".to_owned() }), None);
        assert!(!failed.conforms());
        assert_eq!(failed.lines(), ["random-041: failed: deadlock at 3 s", "  user waits"]);
    }

    #[test]
    fn the_summary_counts() {
        let good = Comparison {
            largest_error_s: 9.8e-10,
            dates: 5,
            other_nodes: 3,
            ..Comparison::default()
        };
        let bad = Comparison {
            differences: vec![late()],
            largest_error_s: 0.1,
            dates: 7,
            other_nodes: 2,
        };
        let mut summary = ConformanceSummary::default();
        assert!(summary.all_conform(), "nothing tried, nothing wrong");
        summary.add(&report(Ok(good.clone()), None));
        summary.add(&report(Ok(Comparison { other_nodes: 0, ..good }), None));
        assert!(summary.all_conform());
        assert_eq!(summary.lines().last().unwrap(), "2 of 2 conform, largest error 9.8e-10 s");
        summary.add(&report(Ok(bad), None));
        summary.add(&report(Err(RunFailed { message: "no".to_owned() }), None));
        assert!(!summary.all_conform());
        assert_eq!(
            summary.lines(),
            [
                "3 invocations of 1 scenarios ran on another node than on the reference (which alone makes no difference)",
                "2 of 4 conform, largest error 9.8e-10 s",
            ]
        );
        assert_eq!(summary.dates, 17);
    }

    #[test]
    fn wall_times_are_summed() {
        let mut summary = ConformanceSummary::default();
        for _ in 0..2 {
            summary.add(&report(Ok(Comparison::default()), Some(WallTime::from_millis(250))));
        }
        assert_eq!(
            summary.lines(),
            ["all scenarios together: 0.500000 s", "2 of 2 conform, largest error 0.0e0 s"]
        );
    }
}
