//! Offered load: how many slots, and how much memory, invocations would need if none of them
//! waited (in Erlangs: rate × duration), over time.
//!
//! What is offered is compared with what there is over windows of at least half of the time in
//! which anything arrives, and of many bodies: in shorter ones more may be offered than there is,
//! and is worked off later. Where the workload is a list or a trace, load that varies is told in
//! parts of that time.

use isotherm_config::diagnostic::thousands;
use isotherm_config::source::Span;
use isotherm_kernel::{Distribution, Duration, Time};
use isotherm_serverless::Slots;
use isotherm_workload::{AzureLike, Demand, GeneratorConfig, Part, ReplayConfig, Targets};

use super::bodies::{Bodies, Cost};
use crate::check::known_traces::Traces;
use crate::plan::{AzureContent, AzurePlan, ClosedPlan, Plan, WorkloadPlan};

/// The part of the time in which anything arrives that a window has at least.
const LEAST_SHARE: f64 = 0.5;

/// As many bodies last as long as a window at least.
const LEAST_BODIES: f64 = 10.0;

/// More than there is, beyond what is rounded.
const MORE: f64 = 1.0 + 1e-6;

/// A window of a larger part is all of the time.
const ALL: f64 = 0.98;

/// In so many parts a period is cut whose rate varies, if there are few periods.
const PARTS_OF_PERIOD: u32 = 48;
const MOST_PERIODS: f64 = 32.0;

/// What is offered from one date to another, in the mean.
#[derive(Clone, Copy, Debug)]
struct Flow {
    from_s: f64,
    until_s: f64,
    slots: f64,
    bytes: f64,
    /// Whether it comes from clients that wait for their answers.
    is_closed: bool,
}

/// A window in which more is offered than there is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Excess {
    from_s: f64,
    until_s: f64,
    /// What is offered in it on average.
    offered: f64,
}

/// A warning about load.
pub struct Overload {
    pub place: Span,
    pub message: String,
    pub hint: &'static str,
}

/// Whether more is invoked than can run, or than fits into memory.
pub fn overload(
    plan: &Plan,
    bodies: &Bodies<'_>,
    traces: &Traces,
    places: &[Span],
) -> Option<Overload> {
    let mut offered = Offered { plan, bodies, flows: Vec::new(), work: 0.0, long: 0.0 };
    let mut heaviest = (0.0, None);
    for (workload, place) in plan.workloads.iter().zip(places) {
        let before = offered.work;
        offered.workload(workload, traces);
        if offered.work - before > heaviest.0 {
            heaviest = (offered.work - before, Some(*place));
        }
    }
    let (place, flows) = (heaviest.1?, &offered.flows);
    let begin = flows.iter().map(|flow| flow.from_s).fold(f64::INFINITY, f64::min);
    let end = flows.iter().map(|flow| flow.until_s).fold(0.0, f64::max);
    let least_s = (LEAST_SHARE * (end - begin)).max(LEAST_BODIES * offered.long / offered.work);
    let during = |excess: Excess| match excess.until_s - excess.from_s > ALL * (end - begin) {
        true => String::new(),
        false => {
            let [from, until] = [excess.from_s, excess.until_s].map(|at| rounded(at, end));
            format!("from {from:#} s to {until:#} s ")
        }
    };
    let hint = |capacity: f64, of: fn(&Flow) -> f64| {
        let open: Vec<Flow> = flows.iter().filter(|flow| !flow.is_closed).copied().collect();
        match excess(&open, of, capacity, least_s) {
            Some(_) => "the queue grows as long as this goes on: add nodes, or lower the rate",
            None => "clients wait longer than they run: add nodes, or take fewer clients",
        }
    };
    if let Some(slots) = slots(plan)
        && let Some(excess) = excess(flows, |flow| flow.slots, slots as f64, least_s)
    {
        let message = format!(
            "more is invoked than can run: {}bodies alone need {:.1} slots on average, and there \
             are {}",
            during(excess),
            excess.offered,
            thousands(slots)
        );
        let hint = hint(slots as f64, |flow| flow.slots);
        return Some(Overload { place, message, hint });
    }
    let memory: Option<u64> =
        plan.hosts.nodes.iter().map(|&node| plan.platform.host(node).memory).sum();
    let memory = memory? as f64;
    let excess = excess(flows, |flow| flow.bytes, memory, least_s)?;
    let message = format!(
        "more is invoked than fits into memory: {}running invocations alone need {:.1} GB on \
         average, and there are {:.1} GB",
        during(excess),
        excess.offered / 1e9,
        memory / 1e9
    );
    Some(Overload { place, message, hint: hint(memory, |flow| flow.bytes) })
}

/// A date in seconds to about a thousandth of another one.
fn rounded(at_s: f64, end_s: f64) -> Duration {
    let [at, end] = [at_s, end_s].map(|seconds| Duration::from_secs_f64(seconds).as_nanos());
    let step = 10u64.pow((end / 1000).max(1).ilog10());
    Duration::from_nanos(at.saturating_add(step / 2) / step * step)
}

/// How many invocations the nodes can run at once; `None`: as many as come.
fn slots(plan: &Plan) -> Option<u64> {
    let nodes = &plan.hosts.nodes;
    match plan.service.slots {
        Slots::Cores => {
            Some(nodes.iter().map(|&node| u64::from(plan.platform.host(node).cores)).sum())
        }
        Slots::Count(slots) => Some(u64::from(slots) * nodes.len() as u64),
        Slots::Unlimited => None,
    }
}

/// What the workloads of a plan offer.
struct Offered<'a> {
    plan: &'a Plan,
    bodies: &'a Bodies<'a>,
    flows: Vec<Flow>,
    /// Slots × seconds of all invocations.
    work: f64,
    /// The same times the duration of the body: what takes most slots counts most.
    long: f64,
}

impl Offered<'_> {
    fn workload(&mut self, workload: &WorkloadPlan, traces: &Traces) {
        match workload {
            WorkloadPlan::List(arrivals) => {
                let mut demand = Demand::default();
                for arrival in arrivals {
                    let function = arrival.function as usize;
                    let own = arrival.tag.and_then(|tag| self.plan.bodies.get(tag as usize));
                    let own = own.map(|steps| self.bodies.body(function, steps).cost.body_s);
                    let duration = arrival.duration.or(own.map(Duration::from_secs_f64));
                    demand.add(arrival.at, arrival.function, duration, 1.0);
                }
                self.demand(&demand, 0);
            }
            WorkloadPlan::Generated(generated) => {
                self.generated(&generated.config);
            }
            WorkloadPlan::Closed(closed) => {
                self.closed(closed);
            }
            WorkloadPlan::AzureLike(azure) => self.azure_like(&azure.drawn, azure.first_function),
            WorkloadPlan::Azure(azure) => self.azure(azure),
            WorkloadPlan::Csv(csv) => {
                if let Some(demand) = traces.demand(csv, &self.plan.functions) {
                    self.demand(&demand, 0);
                }
            }
        }
    }

    /// Takes note of invocations of this rate.
    fn flow(&mut self, (from_s, until_s): (f64, f64), rate_per_s: f64, mean: Mean) {
        let length_s = until_s - from_s;
        if length_s.is_finite() && length_s > 0.0 && rate_per_s.is_finite() {
            let (slots, bytes) = (rate_per_s * mean.slot_s, rate_per_s * mean.byte_s);
            self.flows.push(Flow { from_s, until_s, slots, bytes, is_closed: mean.is_closed });
            self.work += slots * length_s;
            self.long += rate_per_s * mean.long * length_s;
        }
    }

    /// What an invocation of one of these functions asks for, by how popular they are.
    fn targets(&self, targets: &Targets, given: Option<&Distribution>) -> Mean {
        let mut mean = Mean::default();
        for (&function, share) in targets.functions().iter().zip(targets.shares()) {
            mean.add(self.cost(function as usize, given), share);
        }
        mean
    }

    fn cost(&self, function: usize, given: Option<&Distribution>) -> Cost {
        match given {
            Some(durations) => self.bodies.cost_of(function, durations),
            None => self.bodies.functions.get(function).map(|body| body.cost).unwrap_or_default(),
        }
    }

    fn generated(&mut self, config: &GeneratorConfig) -> Option<()> {
        let rate_per_s = config.process.mean_rate_per_s()?;
        let mean = self.targets(&config.targets, config.duration_s.as_ref());
        let from_s = config.from.as_secs_f64();
        let counted = config.count.map(|count| from_s + count as f64 / rate_per_s);
        let until = config.until.map(Time::as_secs_f64);
        let until_s = counted.into_iter().chain(until).reduce(f64::min)?;
        let period_s = config.process.period().map(Duration::as_secs_f64);
        match period_s.filter(|period_s| until_s - from_s < MOST_PERIODS * period_s) {
            Some(period_s) => {
                let part_s = period_s / f64::from(PARTS_OF_PERIOD);
                for part in 0..((until_s - from_s) / part_s).ceil() as u64 {
                    let begin_s = from_s + part as f64 * part_s;
                    let end_s = (begin_s + part_s).min(until_s);
                    let middle = Time::from_secs_f64((begin_s + end_s) / 2.0);
                    let rate_per_s = config.process.rate_per_s_at(middle)?;
                    self.flow((begin_s, end_s), rate_per_s, mean);
                }
            }
            None => self.flow((from_s, until_s), rate_per_s, mean),
        }
        Some(())
    }

    /// No more of a closed loop can run at once than it has clients.
    fn closed(&mut self, plan: &ClosedPlan) -> Option<()> {
        let config = plan.closed.config();
        let mean = self.targets(&config.targets, config.duration_s.as_ref());
        let turn_s = config.think_s.mean()?.max(0.0) + mean.body_s;
        let rate_per_s = f64::from(config.clients) / turn_s;
        let from_s = config.from.as_secs_f64();
        let counted = config.count.map(|count| from_s + count as f64 / rate_per_s);
        let until = config.until.map(Time::as_secs_f64);
        let until_s = counted.into_iter().chain(until).reduce(f64::min)?;
        self.flow((from_s, until_s), rate_per_s, Mean { is_closed: true, ..mean });
        Some(())
    }

    fn azure_like(&mut self, drawn: &AzureLike, first: u32) {
        let config = drawn.config();
        let (mut sum, mut rates) = (Mean::default(), 0.0);
        for ((index, function), rate_per_s) in
            drawn.functions().iter().enumerate().zip(drawn.rates_per_s())
        {
            let mean_s = function.average.as_secs_f64();
            sum.add(self.bodies.cost(first as usize + index, mean_s), rate_per_s);
            rates += rate_per_s;
        }
        let span = (config.from.as_secs_f64(), config.until.as_secs_f64());
        if rates > 0.0 {
            self.flow(span, rates, sum.over(rates));
        }
    }

    /// A trace of Azure Functions. Where only a number of its invocations is played, or a part of
    /// that of 2021, it is not known which these are.
    fn azure(&mut self, azure: &AzurePlan) {
        let Part { from, until, most } = azure.part;
        let numbers = &azure.trace.numbers;
        match &azure.trace.content {
            AzureContent::Year2019(trace) if most == u64::MAX => {
                let ReplayConfig { scale, .. } = azure.replay;
                let mut demand = Demand::default();
                let played = (0..numbers.len()).filter(|&index| numbers[index].is_some());
                trace.minutes(played, |index, minute, count, mean| {
                    if let Some(number) = numbers[index]
                        && (from..until).contains(&minute)
                    {
                        let at = Time::ZERO + minute.since(from);
                        demand.add(at, number, mean, f64::from(count) * scale);
                    }
                });
                self.demand(&demand, 0);
            }
            AzureContent::Year2021(trace) if azure.part == Part::default() => {
                // None of its functions is left out, so that they follow each other.
                let first = numbers.first().copied().flatten().unwrap_or(0);
                self.demand(&trace.demand, first as usize);
            }
            _ => {}
        }
    }

    /// What was gathered of single invocations, whose functions have the numbers from `first` on.
    fn demand(&mut self, demand: &Demand, first: usize) {
        let (mut of_bodies, mut bodies) = (Mean::default(), 0.0);
        let (mut of_given, mut given_s) = (Mean::default(), 0.0);
        for (index, function) in demand.functions().iter().enumerate() {
            if function.bodies > 0.0 {
                of_bodies.add(self.cost(first + index, None), function.bodies);
                bodies += function.bodies;
            }
            if function.given > 0.0 {
                let mean_s = function.given_s / function.given;
                of_given.add(self.bodies.cost(first + index, mean_s), function.given);
                given_s += function.given_s;
            }
        }
        for part in demand.parts() {
            let span = (part.from.as_secs_f64(), part.until.as_secs_f64());
            let length_s = span.1 - span.0;
            if part.bodies > 0.0 {
                self.flow(span, part.bodies / length_s, of_bodies.over(bodies));
            }
            // What is said of each second that they run.
            if part.given_s > 0.0 {
                self.flow(span, part.given_s / length_s, of_given.over(given_s));
            }
        }
    }
}

/// What an invocation asks for in the mean.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    body_s: f64,
    slot_s: f64,
    byte_s: f64,
    /// Slots × seconds × the duration of the body.
    long: f64,
    is_closed: bool,
}

impl Mean {
    fn add(&mut self, cost: Cost, weight: f64) {
        self.body_s += weight * cost.body_s;
        self.slot_s += weight * cost.slot_s;
        self.byte_s += weight * cost.byte_s;
        self.long += weight * cost.slot_s * cost.body_s;
    }

    fn over(self, number: f64) -> Self {
        Mean {
            body_s: self.body_s / number,
            slot_s: self.slot_s / number,
            byte_s: self.byte_s / number,
            long: self.long / number,
            is_closed: self.is_closed,
        }
    }
}

/// The window of at least `least_s` seconds in which most more is offered than there is, if there
/// is one.
///
/// With F(t) as what was offered until t beyond what there was, it is the window from s to t with
/// the largest F(t) - F(s). F is linear between the dates at which flows begin and end, so t or s
/// is one of them.
fn excess(
    flows: &[Flow],
    of: impl Fn(&Flow) -> f64,
    capacity: f64,
    least_s: f64,
) -> Option<Excess> {
    let mut changes: Vec<(f64, f64)> = Vec::with_capacity(2 * flows.len());
    for flow in flows.iter().filter(|flow| of(flow) > 0.0) {
        changes.extend([(flow.from_s, of(flow)), (flow.until_s, -of(flow))]);
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Each date at which something changes, with F there.
    let mut beyond: Vec<(f64, f64)> = Vec::with_capacity(changes.len());
    let (mut offered, mut sum) = (0.0, 0.0);
    for &(at, change) in &changes {
        let before = beyond.last().map_or(at, |(at, _)| *at);
        sum += (offered - capacity) * (at - before);
        if at > before || beyond.is_empty() {
            beyond.push((at, sum));
        }
        offered += change;
    }
    let (begin, end) = (beyond.first()?.0, beyond.last()?.0);
    let mut ends: Vec<f64> =
        beyond.iter().flat_map(|(at, _)| [*at, at + least_s]).filter(|at| *at <= end).collect();
    ends.sort_by(f64::total_cmp);
    let (mut lowest, mut passed, mut best): (_, _, Option<(f64, Excess)>) = (None, 0, None);
    for until_s in ends {
        let latest = until_s - least_s;
        if latest < begin {
            continue;
        }
        while let Some(&(at, sum)) = beyond.get(passed).filter(|(at, _)| *at <= latest) {
            if lowest.is_none_or(|(_, least)| sum < least) {
                lowest = Some((at, sum));
            }
            passed += 1;
        }
        let here = (latest, at_date(&beyond, latest));
        let from = lowest.filter(|lowest| lowest.1 <= here.1).unwrap_or(here);
        let (length_s, more) = (until_s - from.0, at_date(&beyond, until_s) - from.1);
        let offered = capacity + more / length_s;
        if length_s > 0.0
            && offered > capacity * MORE
            && best.as_ref().is_none_or(|(most, _)| more > *most)
        {
            best = Some((more, Excess { from_s: from.0, until_s, offered }));
        }
    }
    best.map(|(_, excess)| excess)
}

/// The value at a date of what is linear between these.
fn at_date(points: &[(f64, f64)], at: f64) -> f64 {
    let next = points.partition_point(|(date, _)| *date < at).clamp(1, points.len() - 1);
    let (from, to) = (points[next - 1], points[next]);
    from.1 + (to.1 - from.1) * ((at - from.0) / (to.0 - from.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flows(of: &[(f64, f64, f64)]) -> Vec<Flow> {
        let flow = |&(from_s, until_s, slots)| Flow {
            from_s,
            until_s,
            slots,
            bytes: 0.0,
            is_closed: false,
        };
        of.iter().map(flow).collect()
    }

    fn excess_of(of: &[(f64, f64, f64)], least_s: f64) -> Option<(f64, f64, f64)> {
        let excess = excess(&flows(of), |flow| flow.slots, 4.0, least_s)?;
        Some((excess.from_s, excess.until_s, excess.offered))
    }

    #[test]
    fn load_is_compared_where_it_overlaps() {
        assert_eq!(excess_of(&[(0.0, 100.0, 5.0)], 50.0), Some((0.0, 100.0, 5.0)));
        assert_eq!(excess_of(&[(0.0, 100.0, 4.0)], 50.0), None);
        // One after the other they do not add up.
        assert_eq!(excess_of(&[(0.0, 50.0, 3.0), (50.0, 100.0, 3.0)], 50.0), None);
        assert_eq!(
            excess_of(&[(0.0, 60.0, 3.0), (0.0, 50.0, 3.0), (60.0, 100.0, 1.0)], 50.0),
            Some((0.0, 50.0, 6.0))
        );
        // Two minutes at three times what can run need four more to be worked off: in the worst
        // three minutes, 12 slots are needed for two of them, and 1 for the other.
        let peak = [(0.0, 600.0, 1.0), (240.0, 360.0, 11.0)];
        let (from_s, until_s, offered) = excess_of(&peak, 180.0).unwrap();
        assert_eq!(until_s - from_s, 180.0);
        assert!((offered - (12.0 * 2.0 + 1.0) / 3.0).abs() < 1e-9);
        // In five and a half minutes there is time enough for them.
        assert_eq!(excess_of(&peak, 440.0), None);
    }

    proptest! {
        /// The window is at least as bad as any of those that begin and end with a flow.
        #[test]
        fn no_window_is_worse(
            of in prop::collection::vec((0u32..50, 1u32..50, 0u32..8), 1..8), least in 1u32..40
        ) {
            let of: Vec<_> = of
                .into_iter()
                .map(|(from, length, slots)| {
                    (f64::from(from), f64::from(from + length), f64::from(slots))
                })
                .collect();
            let beyond = |from: f64, until: f64| -> f64 {
                let work = of.iter().map(|flow| {
                    (flow.1.min(until) - flow.0.max(from)).max(0.0) * flow.2
                });
                work.sum::<f64>() - 4.0 * (until - from)
            };
            let found = excess_of(&of, f64::from(least));
            if let Some((from, until, offered)) = found {
                prop_assert!(until - from >= f64::from(least) - 1e-9);
                let more = beyond(from, until);
                prop_assert!((4.0 + more / (until - from) - offered).abs() < 1e-6);
            }
            let most = found.map_or(0.0, |(from, until, _)| beyond(from, until));
            let used = of.iter().filter(|flow| flow.2 > 0.0);
            let (begin, end) = used.fold((f64::INFINITY, 0.0f64), |(begin, end), flow| {
                (begin.min(flow.0), end.max(flow.1))
            });
            for from in (0..100).map(f64::from).filter(|from| *from >= begin) {
                let mut until = from + f64::from(least);
                while until <= end {
                    prop_assert!(beyond(from, until) <= most + 1e-3);
                    until += 1.0;
                }
            }
        }
    }
}
