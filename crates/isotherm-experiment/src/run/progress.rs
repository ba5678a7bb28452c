//! How far a run has come, and what the invocations that have not ended are doing.

use std::collections::BTreeMap;

use isotherm_kernel::{RunError, Time};
use isotherm_serverless::{InvocationState, ServerlessComputeService};

use crate::plan::{Plan, StepPlan, WorkloadPlan};

/// How far a run has come: the date, and how many invocations have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    now: Time,
    last_arrival: Option<Time>,
    expected: Option<u64>,
    slots: Option<u64>,
    submitted: u64,
    ended: u64,
}

impl Progress {
    /// The beginning of a plan.
    pub(super) fn new(plan: &Plan, slots: Option<u64>) -> Self {
        Progress { last_arrival: last_arrival(plan), expected: expected(plan), slots, ..Progress::default() }
    }

    pub(super) fn at(self, now: Time) -> Self {
        Progress { now, ..self }
    }

    pub(super) fn note_submission(&mut self) {
        self.submitted += 1;
    }

    pub(super) fn note_end(&mut self) {
        self.ended += 1;
    }

    /// The simulated date.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The date after which nothing is invoked any more, if the experiment says it: nothing is known of traces in files.
    pub fn last_arrival(&self) -> Option<Time> {
        self.last_arrival
    }

    /// Invocations that were submitted so far.
    pub fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Invocations that have ended so far.
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// How many invocations there will be, if the experiment says it: random arrivals until a date, traces in files and bodies that
    /// invoke others leave it open.
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }
}

/// `12 of 40 invocations had ended; the compute hosts have 16 slots`
impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} invocations had ended", self.ended, self.submitted)?;
        match self.slots {
            Some(1) => f.write_str("; the compute hosts have 1 slot"),
            Some(slots) => write!(f, "; the compute hosts have {slots} slots"),
            None => Ok(()),
        }
    }
}

/// The date of the last arrival, if every workload says when it ends.
fn last_arrival(plan: &Plan) -> Option<Time> {
    let last = |workload: &WorkloadPlan| match workload {
        WorkloadPlan::List(arrivals) => arrivals.last().map(|arrival| arrival.at),
        WorkloadPlan::Generated(generated) => generated.config.until,
        WorkloadPlan::Closed(closed) => closed.closed.config().until,
        WorkloadPlan::AzureLike(azure) => Some(azure.drawn.config().until),
        WorkloadPlan::Csv(_) => None,
        WorkloadPlan::Azure(azure) => Some(azure.last()),
    };
    plan.workloads.iter().map(last).try_fold(Time::ZERO, |latest, last| Some(latest.max(last?)))
}

/// The number of invocations, if every workload says it and no body invokes a function.
fn expected(plan: &Plan) -> Option<u64> {
    let invokes = |step: &StepPlan| matches!(step, StepPlan::Invoke { .. });
    let mut bodies = plan.functions.iter().map(|function| &function.body).chain(&plan.bodies);
    if bodies.any(|body| body.iter().any(invokes)) {
        return None;
    }
    let count = |workload: &WorkloadPlan| match workload {
        WorkloadPlan::List(arrivals) => Some(arrivals.len() as u64),
        WorkloadPlan::Generated(generated) if generated.config.until.is_none() => generated.config.count,
        WorkloadPlan::Closed(closed) if closed.closed.config().until.is_none() => closed.closed.config().count,
        WorkloadPlan::Generated(_) | WorkloadPlan::Closed(_) | WorkloadPlan::AzureLike(_) | WorkloadPlan::Csv(_) => {
            None
        }
        WorkloadPlan::Azure(azure) => Some(azure.arrivals()).filter(|(_, exact)| *exact).map(|(count, _)| count),
    };
    plan.workloads.iter().try_fold(0u64, |sum, workload| sum.checked_add(count(workload)?))
}

/// What an invocation that has not ended is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It waits until its image is on the head disk.
    AwaitsImage,
    /// Its image is there; it waits until a compute host has room for it, and the image.
    AwaitsPlace,
    /// It is in a container that is starting.
    Starting,
    /// Its body runs, or waits for something.
    Running,
}

/// Invocations of one function that had not ended when a run came to a stop, all at the same stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The function.
    pub function: String,
    /// What they were doing.
    pub stage: Stage,
    /// How many they were.
    pub count: u64,
    /// When the first of them had got there.
    pub since: Time,
}

impl Unfinished {
    /// Everything that has not ended, by stage and function.
    pub(super) fn of(service: &ServerlessComputeService) -> Vec<Self> {
        let mut groups: BTreeMap<(Stage, String), Unfinished> = BTreeMap::new();
        for invocation in service.unfinished() {
            let record = invocation.record();
            let (stage, since) = match invocation.state() {
                InvocationState::Submitted => (Stage::AwaitsImage, Some(record.submitted)),
                InvocationState::Schedulable => (Stage::AwaitsPlace, record.admitted),
                InvocationState::Starting => (Stage::Starting, record.dispatched),
                InvocationState::Running => (Stage::Running, record.started),
                InvocationState::Ended(_) => continue,
            };
            let since = since.unwrap_or(record.submitted);
            let function = record.function.to_string();
            let group =
                groups.entry((stage, function.clone())).or_insert(Unfinished { function, stage, count: 0, since });
            group.count += 1;
            group.since = group.since.min(since);
        }
        groups.into_values().collect()
    }
}

/// `3 invocations of `resize` wait for a place on a compute host, the first since 12.500000000 s`
impl std::fmt::Display for Unfinished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = self.count == 1;
        let doing = match (self.stage, one) {
            (Stage::AwaitsImage, true) => "waits for its image to be on the head disk",
            (Stage::AwaitsImage, false) => "wait for their image to be on the head disk",
            (Stage::AwaitsPlace, true) => "waits for a place on a compute host",
            (Stage::AwaitsPlace, false) => "wait for a place on a compute host",
            (Stage::Starting, true) => "is in a container that is starting",
            (Stage::Starting, false) => "are in containers that are starting",
            (Stage::Running, true) => "is running",
            (Stage::Running, false) => "are running",
        };
        let (plural, first) = if one { ("", "") } else { ("s", " the first") };
        write!(f, "{} invocation{plural} of `{}` {doing},{first} since {} s", self.count, self.function, self.since)
    }
}

/// A simulation that could not go on.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// Why.
    pub error: RunError,
    /// How far it had come.
    pub progress: Progress,
    /// The invocations that had not ended.
    pub unfinished: Vec<Unfinished>,
}

/// Why, without the actors of the platform, of which users of an experiment know nothing.
impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the simulation could not go on: ")?;
        match &self.error {
            RunError::Deadlock { at, .. } => {
                write!(f, "deadlock at {at} s, everything waits and nothing will happen any more")
            }
            other => other.fmt(f),
        }
    }
}

/// Groups of invocations that are told one by one.
const MOST_GROUPS: usize = 6;

impl Stopped {
    /// How far it had come and which invocations wait for what, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.progress.to_string()];
        notes.extend(self.unfinished.iter().take(MOST_GROUPS).map(ToString::to_string));
        let more: u64 = self.unfinished.iter().skip(MOST_GROUPS).map(|group| group.count).sum();
        if more > 0 {
            notes.push(format!("and so on: {more} more invocations"));
        }
        let any = |stage| self.unfinished.iter().any(|group| group.stage == stage);
        if matches!(self.error, RunError::Deadlock { .. }) && any(Stage::Running) && any(Stage::AwaitsPlace) {
            let advice = "a body that waits for another invocation keeps its own place: with more slots or memory there \
                          is room for both";
            notes.push(advice.to_owned());
        }
        notes
    }
}
