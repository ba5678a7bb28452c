//! The arrivals of a plan without a simulation, each with how long its body runs, where that is
//! known beforehand.
//!
//! The duration of a body that is one sleep is known beforehand: if it is random, it is drawn from
//! the same stream in the same order as in a run, that of the arrivals. (Functions that are invoked
//! by other functions, or by the clients of a closed loop, also draw from this stream in a run;
//! then the numbers differ, but not their distribution.)

use std::collections::BTreeSet;

use isotherm_kernel::{Duration, RandomDuration, RandomStreams, Time};
use isotherm_workload::{FunctionColumn, Merge, Next, Workload, WorkloadError};

use crate::plan::{AzureContent, Plan, StepPlan, WorkloadPlan};
use crate::run;

/// An arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) at: Time,
    pub(crate) function: u32,
    pub(crate) duration: Option<Duration>,
}

/// What comes next, as far as has been looked.
pub(crate) enum Upcoming {
    Arrival(Planned),
    /// Nothing arrives before this date.
    Silence(Time),
    End,
}

/// The arrivals of a plan.
pub(crate) struct Arrivals {
    merge: Merge,
    functions: Vec<BodyDuration>,
    own: Vec<BodyDuration>,
}

/// How long a body runs.
enum BodyDuration {
    Fixed(Duration),
    Random(RandomDuration),
    /// That depends on the platform.
    Unknown,
}

impl BodyDuration {
    fn of(steps: &[StepPlan], streams: &RandomStreams, stream: &str) -> Self {
        match steps {
            [StepPlan::Sleep(duration)] => BodyDuration::Fixed(*duration),
            [StepPlan::SleepRandom(distribution)] => {
                BodyDuration::Random(distribution.random(streams, &format!("{stream}/0")))
            }
            _ => BodyDuration::Unknown,
        }
    }

    fn draw(&self) -> Option<Duration> {
        match self {
            BodyDuration::Fixed(duration) => Some(*duration),
            BodyDuration::Random(duration) => Some(duration.draw()),
            BodyDuration::Unknown => None,
        }
    }
}

impl Arrivals {
    pub(crate) fn of(plan: &Plan) -> Result<Self, WorkloadError> {
        let streams = RandomStreams::new(plan.seed);
        let functions = plan.functions.iter();
        let functions = functions.map(|function| {
            BodyDuration::of(&function.body, &streams, &format!("function/{}/body", function.name))
        });
        let own = plan.bodies.iter().enumerate();
        let own =
            own.map(|(index, steps)| BodyDuration::of(steps, &streams, &format!("body/{index}")));
        Ok(Arrivals {
            merge: run::workloads(plan)?,
            functions: functions.collect(),
            own: own.collect(),
        })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Planned>, WorkloadError> {
        loop {
            match self.poll()? {
                Upcoming::Arrival(planned) => return Ok(Some(planned)),
                Upcoming::Silence(_) => {}
                Upcoming::End => return Ok(None),
            }
        }
    }

    /// The next arrival, if it is found in a moment.
    pub(crate) fn poll(&mut self) -> Result<Upcoming, WorkloadError> {
        let arrival = match self.merge.poll()? {
            Next::Arrival(arrival) => arrival,
            Next::Silence(until) => return Ok(Upcoming::Silence(until)),
            Next::End => return Ok(Upcoming::End),
        };
        let duration = match (arrival.duration, arrival.tag) {
            (Some(duration), _) => Some(duration),
            (None, Some(tag)) => self.own.get(tag as usize).and_then(BodyDuration::draw),
            (None, None) => {
                self.functions.get(arrival.function as usize).and_then(BodyDuration::draw)
            }
        };
        Ok(Upcoming::Arrival(Planned { at: arrival.at, function: arrival.function, duration }))
    }
}

/// Of which invocations it is known how long their bodies run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownDurations {
    All,
    None,
    /// Of the invocations of some workloads, or of some functions.
    Mixed,
}

/// Whether it is known, before anything arrives, how long the bodies run.
pub(crate) fn durations(plan: &Plan) -> KnownDurations {
    let is_known =
        |steps: &[StepPlan]| matches!(steps, [StepPlan::Sleep(_) | StepPlan::SleepRandom(_)]);
    let of_function = |&index: &u32| {
        plan.functions.get(index as usize).is_some_and(|function| is_known(&function.body))
    };
    let mut seen = BTreeSet::new();
    for workload in &plan.workloads {
        match workload {
            WorkloadPlan::List(arrivals) => {
                seen.extend(arrivals.iter().map(|arrival| match (arrival.duration, arrival.tag) {
                    (Some(_), _) => true,
                    (None, Some(tag)) => {
                        plan.bodies.get(tag as usize).is_some_and(|steps| is_known(steps))
                    }
                    (None, None) => of_function(&arrival.function),
                }))
            }
            WorkloadPlan::Generated(plan) if plan.config.duration_s.is_some() => {
                seen.extend([true])
            }
            WorkloadPlan::Generated(plan) => {
                seen.extend(plan.config.targets.functions().iter().map(of_function))
            }
            WorkloadPlan::Closed(_) => {}
            WorkloadPlan::AzureLike(_) => seen.extend([true]),
            WorkloadPlan::Azure(azure) => {
                match &azure.trace.content {
                    AzureContent::Year2019(trace) => {
                        // What it does not say of a function is what the body of the function says.
                        let functions = trace.functions.iter().zip(&azure.trace.numbers);
                        let kept = functions
                            .filter_map(|(function, number)| Some((function, number.as_ref()?)));
                        seen.extend(kept.map(|(function, number)| {
                            function.has_durations || of_function(number)
                        }));
                    }
                    AzureContent::Year2021(_) => seen.extend([true]),
                }
            }
            WorkloadPlan::Csv(csv) if csv.columns.duration.is_some() => seen.extend([true]),
            WorkloadPlan::Csv(csv) => match &csv.columns.function {
                FunctionColumn::Fixed(function) => seen.extend([of_function(function)]),
                // Any function may be in the file.
                FunctionColumn::Named(_) | FunctionColumn::Numbered(_) => {
                    seen.extend((0..plan.functions.len() as u32).map(|index| of_function(&index)));
                }
            },
        }
    }
    match (seen.contains(&true), seen.contains(&false)) {
        (_, false) => KnownDurations::All,
        (false, true) => KnownDurations::None,
        (true, true) => KnownDurations::Mixed,
    }
}
