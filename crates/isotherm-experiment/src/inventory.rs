//! Counts what is in an experiment, without running it.

use isotherm_kernel::{Distribution, Time};
use isotherm_workload::Targets;

use crate::check::{KnownTraces, tolerated};
use crate::plan::{ClosedPlan, Plan, StepPlan, WorkloadPlan};

/// The contents of one run of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Hosts of the platform.
    pub hosts: usize,
    /// Those of them that are compute hosts.
    pub nodes: usize,
    /// Cores of all compute hosts.
    pub cores: u64,
    /// Images.
    pub images: usize,
    /// Functions.
    pub functions: usize,
    /// Workloads, in the order of the experiment.
    pub workloads: Vec<WorkloadInventory>,
    /// What was tolerated in the trace that functions come from, if anything was.
    pub tolerated: Vec<String>,
}

/// The contents of one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadInventory {
    /// The `kind` of the workload in the experiment.
    pub kind: &'static str,
    /// The function that is invoked, the number of them, or the file.
    pub of: String,
    /// How many invocations are in it.
    pub arrivals: Arrivals,
    /// When the last of them arrives at the latest, if that is known.
    pub last: Option<Time>,
}

/// A number of invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// An exact number.
    Exactly(u64),
    /// An expected number, or a lower bound.
    About(u64),
}

impl Inventory {
    pub(crate) fn new(plan: &Plan, traces: &KnownTraces) -> Self {
        let cores =
            plan.hosts.nodes.iter().map(|&node| u64::from(plan.platform.host(node).cores)).sum();
        Inventory {
            hosts: plan.platform.hosts().count(),
            nodes: plan.hosts.nodes.len(),
            cores,
            images: plan.images.len(),
            functions: plan.functions.len(),
            workloads: plan
                .workloads
                .iter()
                .map(|workload| self::workload(workload, plan, traces))
                .collect(),
            tolerated: plan
                .trace
                .as_ref()
                .map(|trace| tolerated(&trace.content))
                .unwrap_or_default(),
        }
    }

    /// Invocations of all workloads.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        let (mut total, mut exact) = (0u64, true);
        for workload in &self.workloads {
            let (number, is_exact) = match workload.arrivals {
                Arrivals::Exactly(number) => (number, true),
                Arrivals::About(number) => (number, false),
            };
            total = total.saturating_add(number);
            exact &= is_exact;
        }
        if exact { Arrivals::Exactly(total) } else { Arrivals::About(total) }
    }

    /// When the last invocation arrives at the latest, if that is known.
    #[must_use]
    pub fn last(&self) -> Option<Time> {
        let dates: Option<Vec<Time>> =
            self.workloads.iter().map(|workload| workload.last).collect();
        dates?.into_iter().max()
    }
}

fn workload(workload: &WorkloadPlan, plan: &Plan, traces: &KnownTraces) -> WorkloadInventory {
    let name =
        |function: u32| plan.functions.get(function as usize).map_or("", |function| &function.name);
    match workload {
        WorkloadPlan::List(arrivals) => {
            let mut functions: Vec<u32> = arrivals.iter().map(|arrival| arrival.function).collect();
            functions.sort_unstable();
            functions.dedup();
            let of = match functions[..] {
                [only] => name(only).to_owned(),
                _ => format!("{} functions", functions.len()),
            };
            let last = arrivals.last().map(|arrival| arrival.at);
            WorkloadInventory {
                kind: "list",
                of,
                arrivals: Arrivals::Exactly(arrivals.len() as u64),
                last,
            }
        }
        WorkloadPlan::Generated(generated) => {
            let config = &generated.config;
            let of = targets(&config.targets, plan);
            let kind = generated.kind;
            let mean =
                config.until.zip(config.process.mean_rate_per_s()).map(|(until, rate_per_s)| {
                    (until.since(config.from).as_secs_f64() * rate_per_s) as u64
                });
            let arrivals = match (mean, config.count) {
                (None, count) if config.until.is_none() => Arrivals::Exactly(count.unwrap_or(0)),
                (mean, count) => Arrivals::About(mean.unwrap_or(1).min(count.unwrap_or(u64::MAX))),
            };
            WorkloadInventory { kind, of, arrivals, last: config.until }
        }
        WorkloadPlan::Closed(closed) => {
            let config = closed.closed.config();
            let of = format!("{} clients of {}", config.clients, targets(&config.targets, plan));
            let arrivals = match (config.until, config.count) {
                (Some(until), count) => {
                    let span_s = until.since(config.from).as_secs_f64();
                    let mean = f64::from(config.clients) * span_s / turn_s(closed, plan).max(1e-9);
                    Arrivals::About((mean as u64).min(count.unwrap_or(u64::MAX)))
                }
                (None, count) => Arrivals::Exactly(count.unwrap_or(0)),
            };
            WorkloadInventory { kind: "closed", of, arrivals, last: config.until }
        }
        WorkloadPlan::AzureLike(azure) => {
            let of = format!(
                "{} functions of {} apps",
                azure.drawn.functions().len(),
                azure.drawn.config().apps
            );
            let arrivals = Arrivals::About(azure.drawn.expected_arrivals() as u64);
            WorkloadInventory {
                kind: "azure-like",
                of,
                arrivals,
                last: Some(azure.drawn.config().until),
            }
        }
        WorkloadPlan::Azure(azure) => {
            let arrivals = match azure.arrivals() {
                (number, true) => Arrivals::Exactly(number),
                (number, false) => Arrivals::About(number),
            };
            let source = &azure.trace.source;
            WorkloadInventory {
                kind: source.kind(),
                of: source.shown().to_owned(),
                arrivals,
                last: Some(azure.last()),
            }
        }
        WorkloadPlan::Csv(csv) => {
            let size = traces.size(csv);
            let arrivals = size.map_or(Arrivals::About(1), |size| Arrivals::Exactly(size.arrivals));
            WorkloadInventory {
                kind: csv.format.kind(),
                of: csv.shown.clone(),
                arrivals,
                last: size.map(|size| size.last),
            }
        }
    }
}

/// How long it takes a client of a closed loop to think and to get an answer, if it waits for
/// nothing but the sleeps of bodies.
fn turn_s(closed: &ClosedPlan, plan: &Plan) -> f64 {
    let mean_s = |seconds: &Distribution| seconds.mean().unwrap_or(0.0);
    let step_s = |step: &StepPlan| match step {
        StepPlan::Sleep(duration) => duration.as_secs_f64(),
        StepPlan::SleepRandom(distribution) => mean_s(distribution.seconds()),
        _ => 0.0,
    };
    let body_s = |&index: &u32| -> f64 {
        plan.functions
            .get(index as usize)
            .map_or(0.0, |function| function.body.iter().map(step_s).sum())
    };
    let config = closed.closed.config();
    let functions = config.targets.functions();
    // Popular functions count as much as others here.
    let of_bodies = || functions.iter().map(body_s).sum::<f64>() / functions.len().max(1) as f64;
    mean_s(&config.think_s) + config.duration_s.as_ref().map_or_else(of_bodies, mean_s)
}

/// The function that is invoked, or how many there are.
fn targets(targets: &Targets, plan: &Plan) -> String {
    match targets.functions() {
        [only] => plan
            .functions
            .get(*only as usize)
            .map_or(String::new(), |function| function.name.clone()),
        functions => format!("{} functions", functions.len()),
    }
}
