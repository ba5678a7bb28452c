//! Compares the dates of a simulation with those of the reference.
//!
//! * Dates may differ by the tolerance: 1e-6 s, or 1e-4 s where a buffer size is set. Outcomes and
//!   registrations must be the same. A date that is missing on one side only is a difference.
//! * Invocations that cannot be distinguished are compared as a set: same function, same body,
//!   dispatched at the same date (within tolerance, on both sides). Which of them runs where
//!   depends only on the order among events of one date. Their submissions are compared one by one.
//! * A difference in the node alone is counted, but does not matter.
//! * Where nothing is expected (the reference aborts), every invocation must have ended and the
//!   auditor must have nothing to say. Elsewhere too what the auditor says is a difference: a run
//!   that exceeds a capacity is not right, whatever its dates.

use std::fmt;

use isotherm_kernel::Time;

use crate::scenario::{Expected, ExpectedInvocation, Scenario, StepSpec};
use crate::{Obtained, ObtainedInvocation};

/// Tolerance of dates, in seconds.
pub const TOLERANCE_S: f64 = 1e-6;
/// Tolerance of dates where a buffer size is set, in seconds.
pub const BUFFERED_TOLERANCE_S: f64 = 1e-4;

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// What differs, in the order of the (earlier) dates. Empty if the scenario conforms.
    pub differences: Vec<Difference>,
    /// The largest difference between two dates, in seconds, whether within tolerance or not.
    pub largest_error_s: f64,
    /// How many dates were compared.
    pub dates: usize,
    /// How many invocations ran on another node than expected.
    pub other_nodes: usize,
}

impl Comparison {
    /// Whether the scenario conforms.
    #[must_use]
    pub fn conforms(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Which date of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DateKind {
    /// When the service took it in.
    Submitted,
    /// When it was given to a container.
    Dispatched,
    /// When its body began.
    Started,
    /// When its body ended.
    Ended,
}

impl fmt::Display for DateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DateKind::Submitted => "submitted",
            DateKind::Dispatched => "dispatched",
            DateKind::Started => "started",
            DateKind::Ended => "ended",
        })
    }
}

/// Something that differs. Invocations are numbered from 0; dates are in seconds, `None` if there
/// is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// A registration was answered otherwise.
    Registration {
        /// The function.
        function: String,
        /// The expected answer: `accepted`, or the cause of the refusal.
        expected: String,
        /// The answer that was given.
        got: String,
    },
    /// A date of an invocation.
    Date {
        /// Which invocation.
        invocation: usize,
        /// Its function.
        function: String,
        /// Which date.
        kind: DateKind,
        /// The expected date.
        expected: Option<f64>,
        /// The date that came out.
        got: Option<f64>,
    },
    /// How an invocation ended.
    Outcome {
        /// Which invocation.
        invocation: usize,
        /// Its function.
        function: String,
        /// How it should have ended.
        expected: String,
        /// How it ended, and when (the last date known of it).
        got: Option<(String, f64)>,
    },
    /// An invocation that never ended, where nothing else is expected.
    NeverEnded {
        /// Which invocation.
        invocation: usize,
        /// Its function.
        function: String,
    },
    /// The end of the simulation.
    End {
        /// The expected date.
        expected: f64,
        /// The date that came out.
        got: f64,
    },
    /// The simulation has more or fewer entries than the scenario.
    Count {
        /// Of what: `registrations` or `invocations`.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// A rule of the platform was broken, says the auditor.
    Violation(String),
}

impl Difference {
    /// The earlier of the two dates: differences are listed in this order, since what comes first
    /// explains the rest.
    fn date(&self) -> f64 {
        let earlier = |expected: Option<f64>, got: Option<f64>| {
            expected.unwrap_or(f64::INFINITY).min(got.unwrap_or(f64::INFINITY))
        };
        match self {
            Difference::Count { .. } | Difference::Violation(_) => -1.0,
            Difference::Registration { .. } => 0.0,
            Difference::Date { expected, got, .. } => earlier(*expected, *got),
            Difference::Outcome { got, .. } => {
                got.as_ref().map_or(f64::INFINITY, |&(_, date)| date)
            }
            Difference::NeverEnded { .. } | Difference::End { .. } => f64::INFINITY,
        }
    }
}

/// What differs, what is expected, what came out, on one line.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Registration { function, expected, got } => {
                write!(f, "registration of {function}: expected {expected}, got {got}")
            }
            Difference::Date { invocation, function, kind, expected, got } => {
                let (expected, got) = (Seconds(*expected), Seconds(*got));
                write!(
                    f,
                    "invocation {invocation} ({function}) {kind}: expected {expected}, got {got}"
                )
            }
            Difference::Outcome { invocation, function, expected, got } => {
                write!(
                    f,
                    "invocation {invocation} ({function}) outcome: expected {expected}, got "
                )?;
                match got {
                    Some((outcome, date)) => write!(f, "{outcome} at {}", Seconds(Some(*date))),
                    None => f.write_str("none"),
                }
            }
            Difference::NeverEnded { invocation, function } => {
                write!(f, "invocation {invocation} ({function}): expected an end, got none")
            }
            Difference::End { expected, got } => {
                write!(
                    f,
                    "end of the simulation: expected {}, got {}",
                    Seconds(Some(*expected)),
                    Seconds(Some(*got))
                )
            }
            Difference::Count { what, expected, got } => {
                write!(f, "number of {what}: expected {expected}, got {got}")
            }
            Difference::Violation(sentence) => write!(f, "rule broken: {sentence}"),
        }
    }
}

/// A date with nine decimals, as the scenarios have them.
struct Seconds(Option<f64>);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "{seconds:.9} s"),
            None => f.write_str("none"),
        }
    }
}

/// Compares what came out with what the scenario expects.
pub fn compare(scenario: &Scenario, obtained: &Obtained) -> Comparison {
    let tolerance = if scenario.is_buffered() { BUFFERED_TOLERANCE_S } else { TOLERANCE_S };
    let mut comparer = Comparer { scenario, tolerance, result: Comparison::default() };
    comparer.count("invocations", scenario.invocations.len(), obtained.invocations.len());
    match &scenario.expected {
        Some(expected) => {
            comparer.registrations(expected, obtained);
            comparer.invocations(expected, obtained);
            comparer.end(expected, obtained);
        }
        None => comparer.all_ended(obtained),
    }
    let differences = &mut comparer.result.differences;
    differences.extend(obtained.violations.iter().cloned().map(Difference::Violation));
    // Stable: what has the same date stays in the order of the invocations.
    differences.sort_by(|a, b| a.date().total_cmp(&b.date()));
    comparer.result
}

struct Comparer<'a> {
    scenario: &'a Scenario,
    tolerance: f64,
    result: Comparison,
}

impl Comparer<'_> {
    fn count(&mut self, what: &'static str, expected: usize, got: usize) {
        if expected != got {
            self.result.differences.push(Difference::Count { what, expected, got });
        }
    }

    fn registrations(&mut self, expected: &Expected, obtained: &Obtained) {
        self.count("registrations", expected.registrations.len(), obtained.registrations.len());
        let answer = |accepted: bool, cause: Option<&str>| match (accepted, cause) {
            (true, _) => "accepted".to_owned(),
            (false, cause) => cause.unwrap_or("refused").to_owned(),
        };
        for (expected, got) in expected.registrations.iter().zip(&obtained.registrations) {
            // A scenario may leave the cause of a refusal open.
            let cause =
                if expected.cause.is_none() && !expected.accepted { None } else { got.cause };
            let (wanted, given) =
                (answer(expected.accepted, expected.cause.as_deref()), answer(got.accepted, cause));
            if wanted != given {
                self.result.differences.push(Difference::Registration {
                    function: expected.function.clone(),
                    expected: wanted,
                    got: given,
                });
            }
        }
    }

    fn invocations(&mut self, expected: &Expected, obtained: &Obtained) {
        let pairs = pairs(self.scenario, expected, obtained, self.tolerance);
        for (index, matched) in pairs.into_iter().enumerate() {
            let (wanted, own) = (&expected.invocations[index], &obtained.invocations[index]);
            let got = &obtained.invocations[matched];
            self.date(index, DateKind::Submitted, wanted.submitted_s, own.submitted);
            self.date(index, DateKind::Dispatched, wanted.dispatched_s, got.dispatched);
            self.date(index, DateKind::Started, wanted.started_s, got.started);
            self.date(index, DateKind::Ended, wanted.ended_s, got.ended);
            if got.outcome != Some(wanted.outcome.as_str()) {
                let last = got
                    .ended
                    .or(got.started)
                    .or(got.dispatched)
                    .or(got.submitted)
                    .unwrap_or(Time::ZERO);
                self.result.differences.push(Difference::Outcome {
                    invocation: index,
                    function: self.function(index),
                    expected: wanted.outcome.clone(),
                    got: got.outcome.map(|outcome| (outcome.to_owned(), last.as_secs_f64())),
                });
            }
            if got.node.as_deref() != wanted.node.as_deref() {
                self.result.other_nodes += 1;
            }
        }
    }

    fn date(
        &mut self,
        invocation: usize,
        kind: DateKind,
        expected: Option<f64>,
        got: Option<Time>,
    ) {
        let got = got.map(Time::as_secs_f64);
        self.result.dates += usize::from(expected.is_some());
        if let (Some(expected), Some(got)) = (expected, got) {
            self.result.largest_error_s = self.result.largest_error_s.max((expected - got).abs());
        }
        if !same(expected, got, self.tolerance) {
            let function = self.function(invocation);
            self.result.differences.push(Difference::Date {
                invocation,
                function,
                kind,
                expected,
                got,
            });
        }
    }

    fn end(&mut self, expected: &Expected, obtained: &Obtained) {
        let (expected, got) = (expected.end_s, obtained.end.as_secs_f64());
        let error = (expected - got).abs();
        self.result.dates += 1;
        self.result.largest_error_s = self.result.largest_error_s.max(error);
        if error > self.tolerance {
            self.result.differences.push(Difference::End { expected, got });
        }
    }

    fn all_ended(&mut self, obtained: &Obtained) {
        for (invocation, _) in
            obtained.invocations.iter().enumerate().filter(|(_, got)| got.outcome.is_none())
        {
            let function = self.function(invocation);
            self.result.differences.push(Difference::NeverEnded { invocation, function });
        }
    }

    fn function(&self, invocation: usize) -> String {
        self.scenario
            .invocations
            .get(invocation)
            .map_or_else(String::new, |invocation| invocation.function.clone())
    }
}

fn same(expected: Option<f64>, got: Option<f64>, tolerance: f64) -> bool {
    match (expected, got) {
        (Some(expected), Some(got)) => (expected - got).abs() <= tolerance,
        (None, None) => true,
        _ => false,
    }
}

/// For each expected invocation the simulated one to compare it with: its own, or another that
/// cannot be distinguished from it and fits.
fn pairs(
    scenario: &Scenario,
    expected: &Expected,
    obtained: &Obtained,
    tolerance: f64,
) -> Vec<usize> {
    let count =
        expected.invocations.len().min(obtained.invocations.len()).min(scenario.invocations.len());
    let mut pairs: Vec<usize> = (0..count).collect();
    let fits = |index: usize, other: usize| {
        let (wanted, got) = (&expected.invocations[index], &obtained.invocations[other]);
        all_same(wanted, got, tolerance)
    };
    // Those that fit as they are and are on the right node stay as they are; the others may change
    // places.
    let mut free: Vec<usize> = (0..count)
        .filter(|&index| {
            let (wanted, got) = (&expected.invocations[index], &obtained.invocations[index]);
            !fits(index, index) || got.node.as_deref() != wanted.node.as_deref()
        })
        .collect();
    let key = |index: usize| InvocationKey::of(scenario, expected, index);
    free.sort_by(|&a, &b| key(a).order(&key(b)).then(a.cmp(&b)));
    for group in free.chunk_by(|&a, &b| key(a).is_like(&key(b), tolerance)) {
        let dispatched =
            |index: usize| obtained.invocations[index].dispatched.map(Time::as_secs_f64);
        // Only those that were dispatched at the expected date here too are interchangeable.
        let members: Vec<usize> = group
            .iter()
            .copied()
            .filter(|&index| {
                same(expected.invocations[index].dispatched_s, dispatched(index), tolerance)
            })
            .collect();
        exchange(&members, &mut pairs, &fits, |index, other| {
            expected.invocations[index].node.as_deref()
                == obtained.invocations[other].node.as_deref()
        });
    }
    pairs
}

/// Pairs the members of a group: first with those that fit on the same node, then with those that
/// fit, the rest with what is left, itself if possible.
fn exchange(
    members: &[usize],
    pairs: &mut [usize],
    fits: &dyn Fn(usize, usize) -> bool,
    same_node: impl Fn(usize, usize) -> bool,
) {
    let mut open: Vec<usize> = members.to_vec();
    let mut left: Vec<usize> = members.to_vec();
    let rules: [&dyn Fn(usize, usize) -> bool; 4] = [
        &|index, other| fits(index, other) && same_node(index, other),
        &|index, other| fits(index, other),
        &|index, other| index == other,
        &|_, _| true,
    ];
    for rule in rules {
        open.retain(|&index| match left.iter().position(|&other| rule(index, other)) {
            Some(position) => {
                pairs[index] = left.remove(position);
                false
            }
            None => true,
        });
    }
}

/// Whether the dates from dispatch on and the outcome agree.
fn all_same(expected: &ExpectedInvocation, got: &ObtainedInvocation, tolerance: f64) -> bool {
    got.outcome == Some(expected.outcome.as_str())
        && same(expected.dispatched_s, got.dispatched.map(Time::as_secs_f64), tolerance)
        && same(expected.started_s, got.started.map(Time::as_secs_f64), tolerance)
        && same(expected.ended_s, got.ended.map(Time::as_secs_f64), tolerance)
}

/// What distinguishes invocations.
struct InvocationKey<'a> {
    function: &'a str,
    body: &'a [StepSpec],
    dispatched: f64,
}

impl<'a> InvocationKey<'a> {
    fn of(scenario: &'a Scenario, expected: &Expected, index: usize) -> Self {
        let invocation = &scenario.invocations[index];
        InvocationKey {
            function: &invocation.function,
            body: scenario.body(invocation),
            // Those that are never dispatched come last, together.
            dispatched: expected.invocations[index].dispatched_s.unwrap_or(f64::MAX),
        }
    }

    /// An order in which invocations that cannot be distinguished are adjacent.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let steps = self.body.iter().map(step_key).cmp(other.body.iter().map(step_key));
        self.function
            .cmp(other.function)
            .then(steps)
            .then(self.dispatched.total_cmp(&other.dispatched))
    }

    fn is_like(&self, other: &Self, tolerance: f64) -> bool {
        self.function == other.function
            && self.body == other.body
            && (self.dispatched - other.dispatched).abs() <= tolerance
    }
}

fn step_key(step: &StepSpec) -> (u8, u64, &str) {
    match step {
        StepSpec::Sleep(amount) => (0, amount.to_bits(), ""),
        StepSpec::Compute(amount) => (1, amount.to_bits(), ""),
        StepSpec::Write { file, bytes } => (2, *bytes, file),
        StepSpec::Read(file) => (3, 0, file),
    }
}

#[cfg(test)]
mod tests;
