//! What a workload looks like: how much, when, what, how long. Of an experiment, or of a trace in a
//! file.
//!
//! Arrivals are counted as they pass; only the counts of the functions and of at most 120 equal
//! parts of the time are stored.

use isotherm_kernel::{Duration, Time};
use isotherm_results::{Percentiles, TimesReport};
use isotherm_workload::{Workload, WorkloadError};
use serde::Serialize;

use crate::arrivals::{Arrivals, Planned};
use crate::plan::{Plan, WorkloadPlan};

pub use traces::{TraceColumns, describe_trace};

mod traces;

/// The number of functions that are listed by name.
const MOST_POPULAR: usize = 10;

/// Parts of the time whose arrivals are counted.
const MOST_PARTS: usize = 120;

/// What a workload looks like. Units are in the names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkloadReport {
    /// Name of the experiment, or the trace.
    pub name: String,
    /// How many invocations there are, without those of closed loops.
    pub arrivals: u64,
    /// When the first of them arrives; absent if there is none.
    pub first_s: Option<f64>,
    /// When the last of them arrives.
    pub last_s: Option<f64>,
    /// Average arrivals per second, from the first to the last.
    pub rate_per_s: Option<f64>,
    /// The coefficient of variation of the gaps between them: 0 if they are equally far apart, 1
    /// for a Poisson process, more for bursts.
    pub gap_variation: Option<f64>,
    /// How many arrive when.
    pub rate: RateOverTime,
    /// How many functions there are.
    pub functions: u64,
    /// How many of them are invoked.
    pub functions_invoked: u64,
    /// The part of the invocations that goes to the most popular hundredth of the functions that
    /// are invoked (at least one function).
    pub share_of_top_percent: Option<f64>,
    /// The most popular functions, the most popular first.
    pub popular: Vec<FunctionShare>,
    /// The durations of the bodies whose duration is known beforehand.
    pub durations: Option<TimesReport>,
    /// Invocations whose duration depends on the platform.
    pub durations_unknown: u64,
    /// The average number of concurrent bodies if nothing ever waits; absent if the durations are
    /// not known.
    pub mean_concurrency: Option<f64>,
    /// The average memory of their containers; absent if it is not known of all functions, as for
    /// most traces.
    pub mean_memory_bytes: Option<f64>,
    /// Clients of closed loops. What they invoke, and when, depends on the platform.
    pub closed_loop_clients: u64,
}

/// How many arrivals there are in equal parts of the time, from date 0 on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateOverTime {
    /// The length of a part.
    pub part_s: f64,
    /// Arrivals in each part, to that of the last arrival.
    pub arrivals: Vec<u64>,
    /// Arrivals per second in the part with most of them.
    pub peak_per_s: f64,
}

/// How often a function is invoked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionShare {
    /// The function.
    pub function: String,
    /// Its invocations.
    pub arrivals: u64,
    /// Their part of all.
    pub share: f64,
    /// The average duration of its bodies, if all are known.
    pub mean_duration_s: Option<f64>,
}

impl WorkloadReport {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists with fixed names always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Describes the workloads of a plan.
pub(crate) fn describe(plan: &Plan) -> Result<WorkloadReport, WorkloadError> {
    let mut gatherer = Gatherer::default();
    let mut arrivals = Arrivals::of(plan)?;
    while let Some(arrival) = arrivals.next()? {
        gatherer.add(&arrival);
    }
    let clients = |workload: &WorkloadPlan| match workload {
        WorkloadPlan::Closed(closed) => u64::from(closed.closed.config().clients),
        _ => 0,
    };
    let functions = plan.functions.iter();
    let names: Vec<&str> = functions.clone().map(|function| function.name.as_str()).collect();
    let memory: Vec<u64> = functions.map(|function| function.limits.memory_bytes).collect();
    let mut report = gatherer.report(plan.name.clone(), &names, Some(&memory));
    report.closed_loop_clients = plan.workloads.iter().map(clients).sum();
    Ok(report)
}

/// What is gathered from arrivals that pass.
#[derive(Default)]
struct Gatherer {
    arrivals: u64,
    first: Option<Time>,
    last: Time,
    /// Of the gaps in seconds: their mean, and the sum of the squares of what differs from it
    /// (Welford).
    gap_mean: f64,
    gap_squares: f64,
    parts: Parts,
    functions: Vec<FunctionTally>,
    durations: Percentiles,
    unknown: u64,
}

/// What is gathered of the arrivals of one function.
#[derive(Clone, Copy, Default)]
struct FunctionTally {
    arrivals: u64,
    known: u64,
    nanos: u128,
}

impl Gatherer {
    /// Takes all arrivals of a workload.
    fn take(&mut self, workload: &mut dyn Workload) -> Result<(), WorkloadError> {
        while let Some(arrival) = workload.next_arrival()? {
            self.add(&Planned {
                at: arrival.at,
                function: arrival.function,
                duration: arrival.duration,
            });
        }
        Ok(())
    }

    fn add(&mut self, arrival: &Planned) {
        if self.first.is_some() {
            let gap = arrival.at.since(self.last).as_secs_f64();
            let before = gap - self.gap_mean;
            // The gaps so far, with this one, are as many as the arrivals before it.
            self.gap_mean += before / self.arrivals as f64;
            self.gap_squares += before * (gap - self.gap_mean);
        }
        self.first.get_or_insert(arrival.at);
        self.last = arrival.at;
        self.arrivals += 1;
        self.parts.add(arrival.at);
        let index = arrival.function as usize;
        if index >= self.functions.len() {
            self.functions.resize(index + 1, FunctionTally::default());
        }
        let function = &mut self.functions[index];
        function.arrivals += 1;
        match arrival.duration {
            Some(duration) => {
                function.known += 1;
                function.nanos += u128::from(duration.as_nanos());
                self.durations.add(duration);
            }
            None => self.unknown += 1,
        }
    }

    fn report(self, name: String, names: &[&str], memory: Option<&[u64]>) -> WorkloadReport {
        let span_s = self.first.map_or(0.0, |first| self.last.since(first).as_secs_f64());
        let over = |sum: f64| (span_s > 0.0).then(|| sum / span_s);
        let gaps = self.arrivals.saturating_sub(1) as f64;
        let variation =
            (self.gap_mean > 0.0).then(|| (self.gap_squares / gaps).sqrt() / self.gap_mean);
        let all_known = self.unknown == 0 && self.arrivals > 0;
        let seconds = |function: &FunctionTally| function.nanos as f64 / 1e9;
        let busy: f64 = self.functions.iter().map(seconds).sum();
        let memory_time = memory.map(|memory| -> f64 {
            self.functions
                .iter()
                .zip(memory)
                .map(|(function, &bytes)| seconds(function) * bytes as f64)
                .sum()
        });
        let mut ranked: Vec<(usize, &FunctionTally)> = self
            .functions
            .iter()
            .enumerate()
            .filter(|(_, function)| function.arrivals > 0)
            .collect();
        // Those invoked equally often stay in their order.
        ranked.sort_by_key(|(_, function)| std::cmp::Reverse(function.arrivals));
        let share = |arrivals: u64| arrivals as f64 / self.arrivals.max(1) as f64;
        let top: u64 = ranked
            .iter()
            .take(ranked.len().div_ceil(100))
            .map(|(_, function)| function.arrivals)
            .sum();
        let popular = ranked.iter().take(MOST_POPULAR).map(|&(index, function)| FunctionShare {
            function: names.get(index).copied().unwrap_or_default().to_owned(),
            arrivals: function.arrivals,
            share: share(function.arrivals),
            mean_duration_s: (function.known == function.arrivals)
                .then(|| seconds(function) / function.arrivals as f64),
        });
        WorkloadReport {
            name,
            arrivals: self.arrivals,
            first_s: self.first.map(Time::as_secs_f64),
            last_s: self.first.map(|_| self.last.as_secs_f64()),
            rate_per_s: over(gaps),
            gap_variation: variation.filter(|_| gaps > 1.0),
            functions: names.len() as u64,
            functions_invoked: ranked.len() as u64,
            share_of_top_percent: (self.arrivals > 0).then(|| share(top)),
            popular: popular.collect(),
            durations: self.durations.report(),
            durations_unknown: self.unknown,
            mean_concurrency: over(busy).filter(|_| all_known),
            mean_memory_bytes: memory_time.and_then(over).filter(|_| all_known),
            closed_loop_clients: 0,
            rate: self.parts.report(),
        }
    }
}

/// Counts of arrivals in equal parts of the time. The parts grow with the time that has passed.
struct Parts {
    length: u64,
    /// The place of the length among the round ones.
    step: usize,
    counts: Vec<u64>,
}

/// By what the length of a part grows, so that it is always a round one: 1 ms, 2 ms, 10 ms, ..., 20
/// s, 1 min, 2 min, 10 min, 30 min, 1 h, 6 h, 1 d, and then tens of days.
const GROWTH: &[u64] = &[2, 5, 2, 5, 2, 5, 2, 5, 2, 3, 2, 5, 3, 2, 6, 4];

/// The first length.
const SHORTEST: u64 = 1_000_000;

impl Default for Parts {
    fn default() -> Self {
        Parts { length: SHORTEST, step: 0, counts: Vec::new() }
    }
}

impl Parts {
    fn add(&mut self, at: Time) {
        let mut part = at.as_nanos() / self.length;
        while part >= MOST_PARTS as u64 {
            let factor = GROWTH.get(self.step).copied().unwrap_or(10);
            self.step += 1;
            self.length = self.length.saturating_mul(factor);
            self.counts =
                self.counts.chunks(factor as usize).map(|counts| counts.iter().sum()).collect();
            part = at.as_nanos() / self.length;
        }
        let part = part as usize;
        if part >= self.counts.len() {
            self.counts.resize(part + 1, 0);
        }
        self.counts[part] += 1;
    }

    fn report(self) -> RateOverTime {
        let part_s = Duration::from_nanos(self.length).as_secs_f64();
        let peak = self.counts.iter().copied().max().unwrap_or(0);
        RateOverTime { part_s, arrivals: self.counts, peak_per_s: peak as f64 / part_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    #[test]
    fn parts_grow_and_keep_what_they_have_counted() {
        let mut parts = Parts::default();
        for second in 0..10_000 {
            parts.add(at(f64::from(second)));
        }
        let report = parts.report();
        // 10,000 s are 84 parts of two minutes; one minute would take 167.
        assert_eq!(
            (report.part_s, report.arrivals.len(), report.arrivals.iter().sum::<u64>()),
            (120.0, 84, 10_000)
        );
        assert!(report.arrivals[..83].iter().all(|&count| count == 120));
        assert_eq!(report.peak_per_s, 1.0);
        let mut parts = Parts::default();
        parts.add(Time::NEVER);
        assert_eq!(parts.report().arrivals.iter().sum::<u64>(), 1);
    }

    #[test]
    fn gaps_and_functions() {
        let mut gatherer = Gatherer::default();
        // Gaps of 1, 3, 1 and 3 s: mean 2, deviation 1.
        for (date, function) in [(1.0, 0), (2.0, 2), (5.0, 2), (6.0, 2), (9.0, 0)] {
            let duration = Some(Duration::from_secs(u64::from(function) + 1));
            gatherer.add(&Planned { at: at(date), function, duration });
        }
        let report = gatherer.report("x".to_owned(), &["a", "b", "c"], Some(&[10, 20, 30]));
        assert_eq!((report.gap_variation, report.rate_per_s), (Some(0.5), Some(0.5)));
        assert_eq!(
            (report.functions, report.functions_invoked, report.popular[0].function.as_str()),
            (3, 2, "c")
        );
        // Bodies of 1 + 3 · 3 + 1 s in 8 s, in containers of 10, 30 and 10 bytes.
        assert_eq!(
            (report.mean_concurrency, report.mean_memory_bytes),
            (Some(11.0 / 8.0), Some((20.0 + 270.0) / 8.0))
        );
        assert_eq!(report.share_of_top_percent, Some(0.6));
    }

    #[test]
    fn nothing_is_no_number() {
        let report = Gatherer::default().report("x".to_owned(), &[], None);
        assert_eq!(
            (report.arrivals, report.rate_per_s, report.gap_variation, report.durations),
            (0, None, None, None)
        );
        assert!(!report.to_json().contains("NaN"));
    }
}
