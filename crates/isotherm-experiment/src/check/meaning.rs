//! Warnings about runs that can hardly mean what they seem to. They change no result.
//!
//! Each is a bound that holds whatever else happens: what a body takes at least, and what is
//! invoked on average.

use isotherm_config::diagnostic::{Diagnostic, Report, thousands};
use isotherm_config::source::Span;
use isotherm_kernel::{Duration, Time};
use isotherm_platform::{HostId, PlatformSpec};
use isotherm_serverless::Slots;

use crate::check::known_traces::Traces;
use crate::plan::{FunctionPlan, HostsPlan, KeepAliveKind, Plan, StepPlan, WorkloadPlan};

/// So many functions are told of in full.
const MOST: usize = 5;

/// A trace that begins later than this has dates of a calendar.
const LATE: Duration = Duration::from_secs(366 * 86_400);

/// The places of a file to which warnings belong.
pub struct Places<'a> {
    /// The workloads, in order.
    pub workloads: Vec<Span>,
    /// Whether `service.startup` is written.
    pub has_startup: bool,
    /// `service.keep_alive`, if it is written.
    pub keep_alive: Option<Span>,
    /// Where they are reported.
    pub report: &'a Report,
}

/// Warns of what a plan can hardly mean.
pub fn check(plan: &Plan, traces: &Traces, places: &Places<'_>) {
    let bodies = Bodies::of(plan);
    let warner = Warner { plan, places, bodies };
    warner.functions();
    warner.cold_starts();
    warner.load();
    warner.traces(traces);
    warner.keep_alive(traces);
}

/// How long bodies take if nothing has to be waited for, in seconds.
struct Bodies {
    least: Vec<f64>,
    mean: Vec<f64>,
}

impl Bodies {
    fn of(plan: &Plan) -> Self {
        let speed = fastest_core(&plan.platform, &plan.hosts);
        let mut bodies = Bodies { least: Vec::new(), mean: Vec::new() };
        // A function that invokes others is bounded by those before it; a longer chain is not
        // followed, which leaves a bound.
        for function in &plan.functions {
            let sum = |known: &[f64], of_random: &dyn Fn(&isotherm_kernel::Distribution) -> f64| {
                let step = |step: &StepPlan| match step {
                    StepPlan::Sleep(duration) => duration.as_secs_f64(),
                    StepPlan::SleepRandom(random) => of_random(random.seconds()),
                    StepPlan::Compute(flops) => flops / speed,
                    StepPlan::Invoke { function } => known.get(*function).copied().unwrap_or(0.0),
                    _ => 0.0,
                };
                function.body.iter().map(step).sum::<f64>()
            };
            let least = sum(&bodies.least, &|random| random.quantile(0.0).max(0.0));
            let mean = sum(&bodies.mean, &|random| random.mean().unwrap_or(0.0));
            bodies.least.push(least);
            bodies.mean.push(mean);
        }
        bodies
    }
}

fn fastest_core(spec: &PlatformSpec, hosts: &HostsPlan) -> f64 {
    let speed = |&node: &HostId| {
        let host = spec.host(node);
        host.speeds.get(host.pstate).copied().unwrap_or(f64::INFINITY)
    };
    hosts.nodes.iter().map(speed).fold(f64::MIN_POSITIVE, f64::max)
}

struct Warner<'a> {
    plan: &'a Plan,
    places: &'a Places<'a>,
    bodies: Bodies,
}

impl Warner<'_> {
    fn warn(&self, place: Span, message: String, hint: impl Into<String>) {
        self.places.report.warn(Diagnostic::at(place, message, hint));
    }

    /// Functions whose bodies cannot come to their end.
    fn functions(&self) {
        let mut told = 0;
        for (function, &least) in self.plan.functions.iter().zip(&self.bodies.least) {
            let limits = &function.limits;
            let written = largest_file(function);
            let (message, hint) = if least > limits.time.as_secs_f64() {
                (
                    format!(
                        "function `{}` always times out: its body takes at least {least} s, and \
                         its time limit is {} s",
                        function.name,
                        limits.time.as_secs_f64()
                    ),
                    "raise `limits.time`, or shorten the body",
                )
            } else if written > limits.disk_bytes {
                (
                    format!(
                        "function `{}` always fails: its body writes a file of {} bytes, and its \
                         containers have {} bytes on disk",
                        function.name,
                        thousands(written),
                        thousands(limits.disk_bytes)
                    ),
                    "set `limits.disk`",
                )
            } else {
                continue;
            };
            told += 1;
            if told <= MOST {
                self.warn(function.place, message, hint);
            }
        }
        if told > MOST
            && let Some(last) = self.plan.functions.last()
        {
            let message = format!("so do {} more functions", thousands((told - MOST) as u64));
            self.warn(last.place, message, "");
        }
    }

    /// Cold starts that cost nothing, so that no policy matters, unless the file says so.
    fn cold_starts(&self) {
        let Plan { functions, images, .. } = self.plan;
        let is_free = |function: &FunctionPlan| {
            let image = function.image.and_then(|image| images.get(image));
            function.startup.fixed() == Some(Duration::ZERO)
                && image.is_none_or(|image| image.bytes == 0)
        };
        if let Some(first) = functions.first()
            && !self.places.has_startup
            && functions.iter().all(is_free)
        {
            let message = "cold starts cost nothing: containers start in no time, and no image \
                           has to be fetched"
                .to_owned();
            let hint =
                "set a start-up time: `service.startup = \"500ms\"`, or `\"0s\"` if it is meant";
            self.warn(first.place, message, hint);
        }
    }

    /// More invocations than can run.
    fn load(&self) {
        let (mut running, mut memory, mut most) = (0.0, 0.0, (0.0, None));
        for (workload, place) in self.plan.workloads.iter().zip(&self.places.workloads) {
            let (of_workload, of_memory) = self.offered(workload).unwrap_or_default();
            running += of_workload;
            memory += of_memory;
            if of_workload > most.0 {
                most = (of_workload, Some(*place));
            }
        }
        let Some(place) = most.1 else { return };
        let hint = "the queue grows as long as this goes on: add nodes, or lower the rate";
        if let Some(slots) = self.slots()
            && running > slots as f64
        {
            let message = format!(
                "more is invoked than can run: bodies alone need {running:.1} slots on average, \
                 and there are {}",
                thousands(slots)
            );
            return self.warn(place, message, hint);
        }
        let of_nodes: Option<u64> =
            self.nodes().map(|node| self.plan.platform.host(node).memory).sum();
        if let Some(bytes) = of_nodes
            && memory > bytes as f64
        {
            let message = format!(
                "more is invoked than fits into memory: running invocations alone need {:.1} GB \
                 on average, and there are {:.1} GB",
                memory / 1e9,
                bytes as f64 / 1e9
            );
            self.warn(place, message, hint);
        }
    }

    /// How many invocations of a workload run at a time on average if none waits, and how much
    /// memory they need in bytes; `None` if it is not known.
    fn offered(&self, workload: &WorkloadPlan) -> Option<(f64, f64)> {
        let WorkloadPlan::Generated(generated) = workload else { return None };
        let config = &generated.config;
        let rate_per_s = config.process.mean_rate_per_s()?;
        let functions = config.targets.functions();
        let weight = |rank: usize| ((rank + 1) as f64).powf(-config.targets.exponent());
        let total: f64 = (0..functions.len()).map(weight).sum();
        let of_workload = config.duration_s.as_ref().map(|duration| duration.mean());
        let (mut running, mut memory) = (0.0, 0.0);
        for (rank, &index) in functions.iter().enumerate() {
            let function = self.plan.functions.get(index as usize)?;
            let body_s = match of_workload {
                Some(mean) => mean?,
                None => *self.bodies.mean.get(index as usize)?,
            };
            // An invocation ends at its time limit.
            let body_s = body_s.min(function.limits.time.as_secs_f64());
            let of_function = rate_per_s * weight(rank) / total * body_s;
            running += of_function;
            memory += of_function * function.limits.memory_bytes as f64
                / f64::from(function.concurrency.per_container);
        }
        Some((running, memory))
    }

    fn nodes(&self) -> impl Iterator<Item = HostId> {
        self.plan.hosts.nodes.iter().copied()
    }

    fn slots(&self) -> Option<u64> {
        match self.plan.service.slots {
            Slots::Cores => {
                Some(self.nodes().map(|node| u64::from(self.plan.platform.host(node).cores)).sum())
            }
            Slots::Count(slots) => Some(u64::from(slots) * self.nodes().count() as u64),
            Slots::Unlimited => None,
        }
    }

    /// Traces that begin long after the simulation does.
    fn traces(&self, traces: &Traces) {
        for (workload, place) in self.plan.workloads.iter().zip(&self.places.workloads) {
            let WorkloadPlan::Csv(csv) = workload else { continue };
            let Some(first) = traces.first(csv) else { continue };
            if first.since(Time::ZERO) > LATE {
                let years = first.as_secs_f64() / (365.25 * 86_400.0);
                let message = format!(
                    "`{}` begins {years:.0} years after the start of the simulation",
                    csv.shown
                );
                let hint = "its arrivals are dates of a calendar: add `origin = \"first\"`, or its \
                            first date";
                self.warn(*place, message, hint);
            }
        }
    }

    /// Containers that are never stopped for being idle.
    fn keep_alive(&self, traces: &Traces) {
        let (Some(place), KeepAliveKind::Fixed(idle)) =
            (self.places.keep_alive, &self.plan.service.keep_alive)
        else {
            return;
        };
        let end = |workload: &WorkloadPlan| match workload {
            WorkloadPlan::List(arrivals) => arrivals.last().map(|arrival| arrival.at),
            WorkloadPlan::Generated(generated) => generated.config.until,
            WorkloadPlan::Closed(closed) => closed.closed.config().until,
            WorkloadPlan::AzureLike(azure) => Some(azure.drawn.config().until),
            WorkloadPlan::Azure(azure) => Some(azure.last()),
            WorkloadPlan::Csv(csv) => traces.size(csv).map(|size| size.last),
        };
        let ends: Option<Vec<Time>> = self.plan.workloads.iter().map(end).collect();
        let Some(last) = ends.and_then(|ends| ends.into_iter().max()) else { return };
        if *idle >= last.since(Time::ZERO) && !last.since(Time::ZERO).is_zero() {
            let message = format!(
                "containers are never stopped for being idle: they are kept for {} s, and the \
                 last invocation arrives at {} s",
                idle.as_secs_f64(),
                last.as_secs_f64()
            );
            self.warn(place, message, "run longer, or say `\"forever\"` if it is meant");
        }
    }
}

/// The size of the largest file that a body writes into its container.
fn largest_file(function: &FunctionPlan) -> u64 {
    let written = function.body.iter().map(|step| match step {
        StepPlan::Write { bytes, .. } => *bytes,
        _ => 0,
    });
    written.max().unwrap_or(0)
}
