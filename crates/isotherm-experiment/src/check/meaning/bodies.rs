//! What bodies take, and what they ask of the platform, if nothing has to be waited for.

use isotherm_kernel::{Distribution, Duration};
use isotherm_platform::{HostId, HostSpec};

use crate::duration_distribution::DurationDistribution;
use crate::plan::{Plan, StepPlan};

/// As many quantiles as the mean of a distribution that is cut is computed from.
const QUANTILES: u32 = 512;

/// What a body takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Body {
    /// How long it runs at least.
    pub least: Duration,
    /// What it writes into its container.
    pub written: Written,
    /// What an invocation with it asks of the platform.
    pub cost: Cost,
}

/// Files that are in a container at the same time, where they take most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// Their sizes.
    pub bytes: u64,
    /// Their number.
    pub files: usize,
}

/// What an invocation asks of the platform in the mean, with those that it makes itself. A lower
/// bound: transfers and start-ups are not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// How long its own body runs, in seconds.
    pub body_s: f64,
    /// Slots × seconds.
    pub slot_s: f64,
    /// Bytes of memory × seconds.
    pub byte_s: f64,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.slot_s += other.slot_s;
        self.byte_s += other.byte_s;
    }
}

/// What the bodies of a plan take.
pub struct Bodies<'a> {
    plan: &'a Plan,
    /// The speed of the fastest core, in flop/s.
    speed: f64,
    /// Those of the functions.
    pub functions: Vec<Body>,
}

impl<'a> Bodies<'a> {
    pub fn of(plan: &'a Plan) -> Self {
        let speed = plan.hosts.nodes.iter().map(|&node: &HostId| fastest(plan.platform.host(node)));
        let speed = speed.fold(f64::MIN_POSITIVE, f64::max);
        let functions = vec![Body::default(); plan.functions.len()];
        let mut bodies = Bodies { plan, speed, functions };
        for index in callees_first(plan) {
            bodies.functions[index] = bodies.body(index, &plan.functions[index].body);
        }
        bodies
    }

    /// What a body of a function takes.
    pub fn body(&self, function: usize, steps: &[StepPlan]) -> Body {
        let limit = self.plan.functions.get(function).map_or(Duration::MAX, |one| one.limits.time);
        let (mut least, mut mean_s, mut nested) = (Duration::ZERO, 0.0, Cost::default());
        for step in steps {
            let (step_least, step_mean_s) = match step {
                StepPlan::Sleep(duration) => (*duration, duration.as_secs_f64()),
                StepPlan::SleepRandom(random) => {
                    (least_of(random), mean_within(random.seconds(), limit))
                }
                StepPlan::Compute(flops) => {
                    let duration = Duration::to_do(*flops, self.speed);
                    (duration, duration.as_secs_f64())
                }
                StepPlan::Invoke { function } => {
                    let called = self.functions.get(*function).copied().unwrap_or_default();
                    let limit = self.plan.functions.get(*function).map(|one| one.limits.time);
                    nested.add(called.cost);
                    (called.least.min(limit.unwrap_or(Duration::MAX)), called.cost.body_s)
                }
                _ => (Duration::ZERO, 0.0),
            };
            least = Duration::from_nanos(least.as_nanos().saturating_add(step_least.as_nanos()));
            mean_s += step_mean_s;
        }
        let mut cost = self.cost(function, mean_s);
        // Of a body that is ended at its limit it is not known what it has invoked by then.
        if mean_s <= limit.as_secs_f64() {
            cost.add(nested);
        }
        Body { least, written: written(steps), cost }
    }

    /// What an invocation of a function asks of the platform whose body runs so long in the mean.
    /// It ends at its time limit.
    pub fn cost(&self, function: usize, mean_s: f64) -> Cost {
        let Some(function) = self.plan.functions.get(function) else { return Cost::default() };
        let body_s = mean_s.min(function.limits.time.as_secs_f64());
        // Containers may be shared.
        let bytes =
            function.limits.memory_bytes as f64 / f64::from(function.concurrency.per_container);
        Cost { body_s, slot_s: body_s, byte_s: body_s * bytes }
    }

    /// The same for a distribution of durations, in seconds.
    pub fn cost_of(&self, function: usize, durations: &Distribution) -> Cost {
        let limit = self.plan.functions.get(function).map_or(Duration::MAX, |one| one.limits.time);
        self.cost(function, mean_within(durations, limit))
    }
}

/// The least duration that is drawn.
pub fn least_of(random: &DurationDistribution) -> Duration {
    random.fixed().unwrap_or_else(|| least_of_seconds(random.seconds()))
}

/// The least duration that is drawn of a distribution in seconds.
pub fn least_of_seconds(seconds: &Distribution) -> Duration {
    Duration::from_secs_f64(seconds.quantile(0.0))
}

/// The mean of a duration in seconds that is neither below zero nor above a limit: the mean of its
/// quantiles, cut there, where it can be so.
fn mean_within(seconds: &Distribution, limit: Duration) -> f64 {
    let limit_s = limit.as_secs_f64();
    if seconds.quantile(0.0) >= 0.0
        && seconds.quantile(1.0) <= limit_s
        && let Some(mean) = seconds.mean()
    {
        return mean;
    }
    let middle = |number: u32| (f64::from(number) + 0.5) / f64::from(QUANTILES);
    let cut = |number| seconds.quantile(middle(number)).clamp(0.0, limit_s);
    (0..QUANTILES).map(cut).sum::<f64>() / f64::from(QUANTILES)
}

/// The highest speed of a core of a host. A profile may raise it.
fn fastest(host: &HostSpec) -> f64 {
    let speed = host.speeds.get(host.pstate).copied().unwrap_or(f64::INFINITY);
    let raised = host.speed_profile.iter().flat_map(|profile| profile.events());
    speed * raised.map(|(_, factor)| *factor).fold(1.0, f64::max)
}

/// The files of a body: one of the same name is replaced, and nothing else goes before the end.
fn written(steps: &[StepPlan]) -> Written {
    let mut files: Vec<(&str, u64)> = Vec::new();
    let mut most = Written::default();
    for step in steps {
        let StepPlan::Write { file, bytes } = step else { continue };
        files.retain(|(name, _)| name != file);
        files.push((file, *bytes));
        let bytes = files.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        most = most.max(Written { bytes, files: files.len() });
    }
    most
}

/// The numbers of all functions, each behind those that it invokes. There is no cycle.
fn callees_first(plan: &Plan) -> Vec<usize> {
    let mut order = Vec::with_capacity(plan.functions.len());
    let mut is_seen = vec![false; plan.functions.len()];
    for start in 0..plan.functions.len() {
        // Functions whose callees are being looked at, each with its next step.
        let mut path = vec![(start, 0)];
        if std::mem::replace(&mut is_seen[start], true) {
            continue;
        }
        while let Some((function, step)) = path.last_mut() {
            let Some(next) = plan.functions[*function].body.get(*step) else {
                order.push(*function);
                path.pop();
                continue;
            };
            *step += 1;
            if let StepPlan::Invoke { function: next } = *next
                && is_seen.get(next) == Some(&false)
            {
                is_seen[next] = true;
                path.push((next, 0));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &str, bytes: u64) -> StepPlan {
        StepPlan::Write { file: file.to_owned(), bytes }
    }

    #[test]
    fn files_are_replaced_and_add_up() {
        let most = |steps: &[StepPlan]| (written(steps).bytes, written(steps).files);
        assert_eq!(most(&[write("a", 5), write("b", 3), write("a", 1)]), (8, 2));
        assert_eq!(most(&[write("a", 5), write("a", 6)]), (6, 1));
        assert_eq!(most(&[write("a", u64::MAX), write("b", 6)]), (u64::MAX, 2));
        assert_eq!(most(&[]), (0, 0));
    }

    #[test]
    fn means_are_cut_at_the_limit() {
        let close = |mean: f64, expected: f64| (mean - expected).abs() < 0.01 * expected;
        let limit = Duration::from_secs(1);
        // The mean of an exponential distribution of mean m that is cut at l is m (1 - exp(-l/m)).
        let exponential = Distribution::exponential_with_mean(2.0).unwrap();
        assert!(close(mean_within(&exponential, limit), 2.0 * (1.0 - (-0.5f64).exp())));
        // A Pareto distribution of shape 1 has no mean; cut at l it is minimum (1 + ln(l/minimum)).
        let pareto = Distribution::pareto(1.0, 0.1).unwrap();
        assert!(close(mean_within(&pareto, limit), 0.1 * (1.0 + 10f64.ln())));
        let uniform = Distribution::uniform(0.2, 0.6).unwrap();
        assert_eq!(mean_within(&uniform, limit), 0.4);
        // What is drawn below zero takes no time: 1/√(2π).
        let normal = Distribution::normal(0.0, 1.0).unwrap();
        assert!(close(mean_within(&normal, Duration::MAX), 0.3989));
    }
}
