//! The progress of a run, and the state of the invocations that have not ended.

use isotherm_kernel::{RunError, Time};
use isotherm_serverless::{Lack, Unfinished};

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
    /// The progress at the beginning of a plan.
    pub(super) fn new(plan: &Plan, slots: Option<u64>) -> Self {
        Progress {
            last_arrival: last_arrival(plan),
            expected: expected(plan),
            slots,
            ..Progress::default()
        }
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
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The date of the last arrival, if the experiment states it. Traces in files do not.
    #[must_use]
    pub fn last_arrival(&self) -> Option<Time> {
        self.last_arrival
    }

    /// Invocations that were submitted so far.
    #[must_use]
    pub fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Invocations that have ended so far.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// The number of invocations, if the experiment states it. Random arrivals until a date, traces
    /// in files, and bodies that invoke functions leave it open.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Which part of the run is done, from 0 to 1, if its end is known: of the invocations, or else
    /// of the time in which they come.
    #[must_use]
    pub fn part(&self) -> Option<f64> {
        let part = match (self.expected, self.last_arrival) {
            (Some(expected), _) => self.ended as f64 / expected.max(1) as f64,
            (None, Some(last)) => self.now.as_secs_f64() / last.as_secs_f64().max(1e-9),
            (None, None) => return None,
        };
        Some(part.clamp(0.0, 1.0))
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
        WorkloadPlan::Generated(generated) if generated.config.until.is_none() => {
            generated.config.count
        }
        WorkloadPlan::Closed(closed) if closed.closed.config().until.is_none() => {
            closed.closed.config().count
        }
        WorkloadPlan::Generated(_)
        | WorkloadPlan::Closed(_)
        | WorkloadPlan::AzureLike(_)
        | WorkloadPlan::Csv(_) => None,
        WorkloadPlan::Azure(azure) => {
            Some(azure.arrivals()).filter(|(_, exact)| *exact).map(|(count, _)| count)
        }
    };
    plan.workloads.iter().try_fold(0u64, |sum, workload| sum.checked_add(count(workload)?))
}

/// A simulation that could not go on.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// Why.
    pub error: RunError,
    /// The progress when it stopped.
    pub progress: Progress,
    /// The invocations that had not ended.
    pub unfinished: Vec<Unfinished>,
}

/// The reason without the actors of the platform, which users of an experiment do not know.
impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the simulation could not go on: ")?;
        match &self.error {
            RunError::Deadlock { at, .. } => {
                write!(f, "deadlock at {at} s, everything waits and nothing will happen any more")
            }
            RunError::BeyondTime { at, .. } => {
                write!(
                    f,
                    "at {at} s all that is still to come lies beyond the end of time (584 years)"
                )
            }
            other => other.fmt(f),
        }
    }
}

impl Stopped {
    /// The progress, and which invocations wait for what, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.progress.to_string()];
        match &self.error {
            RunError::Deadlock { reasons, .. } | RunError::BeyondTime { reasons, .. } => {
                notes.extend_from_slice(reasons)
            }
            _ => notes.extend(Unfinished::sentences(&self.unfinished)),
        }
        let any = |lacks: fn(&Lack) -> bool| self.unfinished.iter().any(|group| lacks(&group.lack));
        let some_run = any(|lack| matches!(lack, Lack::Running));
        let some_wait =
            any(|lack| matches!(lack, Lack::Slot { .. } | Lack::Memory { .. } | Lack::Disk { .. }));
        if matches!(self.error, RunError::Deadlock { .. }) && some_run && some_wait {
            let advice = "a body that waits for another invocation keeps its own place: with more slots or memory there \
                          is room for both";
            notes.push(advice.to_owned());
        }
        notes
    }
}
