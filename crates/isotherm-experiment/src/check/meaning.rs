//! Warnings about runs that can hardly mean what they seem to. They change no result.
//!
//! Each is a bound that holds whatever else happens: what a body takes at least, and what is
//! invoked on average. A warning that might be wrong is not given.

mod bodies;
mod load;
mod played;

use isotherm_config::diagnostic::{Diagnostic, Report, thousands};
use isotherm_config::source::Span;
use isotherm_kernel::{Duration, Time};
use isotherm_services::AtLimit;

use crate::check::known_traces::Traces;
use crate::plan::{FunctionPlan, KeepAliveKind, Plan, StepPlan, WorkloadPlan};
use crate::warnings::NOTHING_MEASURED;

use bodies::Bodies;
use load::overload;
use played::played;

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
    /// `measure`, if it is written.
    pub measure: Option<Span>,
    /// Where they are reported.
    pub report: &'a Report,
}

/// Warns of what a plan can hardly mean.
pub fn check(plan: &Plan, traces: &Traces, places: &Places<'_>) {
    let (bodies, warner) = (Bodies::of(plan), Warner { plan, places });
    warner.functions(&bodies, traces);
    warner.cold_starts();
    if let Some(overload) = overload(plan, &bodies, traces, &places.workloads) {
        warner.warn(overload.place, overload.message, overload.hint);
    }
    warner.traces(traces);
    let last = last_arrival(plan, traces);
    warner.keep_alive(last);
    warner.measure(last);
}

/// When the last invocation arrives at the latest, if that is known.
fn last_arrival(plan: &Plan, traces: &Traces) -> Option<Time> {
    let end = |workload: &WorkloadPlan| match workload {
        WorkloadPlan::List(arrivals) => arrivals.last().map(|arrival| arrival.at),
        WorkloadPlan::Generated(generated) => generated.config.until,
        WorkloadPlan::Closed(closed) => closed.closed.config().until,
        WorkloadPlan::AzureLike(azure) => Some(azure.drawn.config().until),
        WorkloadPlan::Azure(azure) => Some(azure.last()),
        WorkloadPlan::Csv(csv) => traces.size(csv).map(|size| size.last),
    };
    let ends: Option<Vec<Time>> = plan.workloads.iter().map(end).collect();
    ends?.into_iter().max()
}

struct Warner<'a> {
    plan: &'a Plan,
    places: &'a Places<'a>,
}

impl<'a> Warner<'a> {
    fn warn(&self, place: Span, message: String, hint: impl Into<String>) {
        self.places.report.warn(Diagnostic::at(place, message, hint));
    }

    /// Functions whose invocations cannot come to their end.
    fn functions(&self, bodies: &Bodies<'_>, traces: &Traces) {
        let at_limit = self.plan.preset.rules().at_limit;
        let (mut late, mut full) = (Vec::new(), Vec::new());
        let played = played(self.plan, bodies, traces);
        for (function, played) in self.plan.functions.iter().zip(played) {
            let (Some(played), limits) = (played, &function.limits) else { continue };
            let is_late = match at_limit {
                AtLimit::Completed => played.least > limits.time,
                AtLimit::TimedOut => played.least >= limits.time,
            };
            if is_late {
                late.push((function, played));
            } else if played.written.bytes > limits.disk_bytes {
                full.push((function, played));
            }
        }
        self.told(&late, "always time out", |function, played| {
            let message = format!(
                "function `{}` always times out: its body takes at least {:#} s, and its time \
                 limit is {:#} s",
                function.name, played.least, function.limits.time
            );
            let hint = match played.is_given {
                false => "raise `limits.time`, or shorten the body",
                true => "raise `limits.time`, or shorten what the workloads say of it",
            };
            (message, hint)
        });
        self.told(&full, "always fail", |function, played| {
            let files = if played.written.files == 1 { "a file" } else { "files" };
            let message = format!(
                "function `{}` always fails: its body writes {files} of {} bytes, and its \
                 containers have {} bytes on disk",
                function.name,
                thousands(played.written.bytes),
                thousands(function.limits.disk_bytes)
            );
            (message, "set `limits.disk`")
        });
    }

    /// Tells of the first of some functions, and how many more there are.
    fn told<T>(
        &self,
        functions: &[(&FunctionPlan, T)],
        what: &str,
        tell: impl Fn(&FunctionPlan, &T) -> (String, &'static str),
    ) {
        for (function, about) in functions.iter().take(MOST) {
            let (message, hint) = tell(function, about);
            self.warn(function.place, message, hint);
        }
        if let Some((next, _)) = functions.get(MOST) {
            let more = thousands((functions.len() - MOST) as u64);
            let message = format!("more functions {what}: {more} beside these {MOST}");
            self.warn(next.place, message, "");
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

    /// Traces that begin long after the simulation does.
    fn traces(&self, traces: &Traces) {
        for (workload, place) in self.plan.workloads.iter().zip(&self.places.workloads) {
            let WorkloadPlan::Csv(csv) = workload else { continue };
            let Some(first) = traces.first(csv) else { continue };
            if first.since(Time::ZERO) > LATE {
                let years = first.as_secs_f64() / (365.25 * 86_400.0);
                // Results do not depend on the folder from which they are made.
                let name = csv.path.file_name().unwrap_or_default().to_string_lossy();
                let message =
                    format!("`{name}` begins {years:.0} years after the start of the simulation");
                let hint = "its arrivals are dates of a calendar: add `origin = \"first\"`, or its \
                            first date";
                self.warn(*place, message, hint);
            }
        }
    }

    /// Containers that are never stopped for being idle: those of all functions, or of functions
    /// with a keep-alive policy of their own.
    fn keep_alive(&self, last: Option<Time>) {
        let Some(last) = last.filter(|last| *last > Time::ZERO) else { return };
        let hint = "run longer, or say `\"forever\"` if it is meant";
        let outlives = |kind: &KeepAliveKind| match kind {
            KeepAliveKind::Fixed(idle) if *idle >= last.since(Time::ZERO) => Some(*idle),
            _ => None,
        };
        if let Some(place) = self.places.keep_alive
            && let Some(idle) = outlives(&self.plan.service.keep_alive)
        {
            let message = format!(
                "containers are never stopped for being idle: they are kept for {idle:#} s, and \
                 the last invocation arrives at {last:#} s"
            );
            self.warn(place, message, hint);
        }
        let of_function = |function: &'a FunctionPlan| {
            let idle = function.keep_alive.as_ref().and_then(outlives)?;
            let message = format!(
                "containers of function `{}` are never stopped for being idle: they are kept for \
                 {idle:#} s, and the last invocation arrives at {last:#} s",
                function.name
            );
            Some((function, message))
        };
        let kept: Vec<_> = self.plan.functions.iter().filter_map(of_function).collect();
        self.told(&kept, "are kept for longer than the run", |_, message| (message.clone(), hint));
    }

    /// A part of the run that counts in which nothing arrives.
    fn measure(&self, last: Option<Time>) {
        let (Some(place), from) = (self.places.measure, self.plan.measure.from) else { return };
        // Invocations that others make come later.
        let invokes = |function: &FunctionPlan| {
            function.body.iter().any(|step| matches!(step, StepPlan::Invoke { .. }))
        };
        if let Some(last) = last.filter(|last| *last < from)
            && !self.plan.functions.iter().any(invokes)
            && self.plan.bodies.is_empty()
            && self.plan.service.invoking_is_free()
        {
            let message = format!(
                "{NOTHING_MEASURED}: the last invocation arrives at {last:#} s at the latest, and \
                 what counts begins at {from:#} s"
            );
            self.warn(place, message, "begin earlier, or run longer");
        }
    }
}
