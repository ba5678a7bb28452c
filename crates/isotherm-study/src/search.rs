//! The least value of a field with which an experiment fulfils its constraints: `[search]`.
//!
//! A **probe** is one value of the field: 10 runs with the seeds `seed`, `seed + 1`, …, which are
//! the same for all values. A constraint is met if the one-sided confidence bound of the mean of
//! its metric is on the right side, and violated if the other one is on the wrong side. As long as
//! neither is the case, the number of runs is doubled, up to 80; what is undecided then counts as
//! violated. The probability of error of a bound is 5 % divided by the number of probes that are
//! planned (Bonferroni), so that with 95 % confidence all of them are right.
//!
//! The largest value is probed first: if it violates a constraint, there is no answer. Then the
//! least value, and then the middle between the largest value known to violate and the least value
//! known to fulfil all, until these are neighbours. This presumes that a value fulfils the
//! constraints if a lower one does; [`Answer::is_monotone`] says if the probes contradict it.
//!
//! Invocations that did not complete count as an infinite response time, so that a platform is not
//! the faster for failing. A run that fails violates.

use std::ops::ControlFlow;
use std::path::Path;

use isotherm_config::diagnostic::Diagnostics;
use isotherm_experiment::check::search::{Constraint, Search};
use isotherm_experiment::{Experiment, ExperimentError, Overrides, RunOptions};
use isotherm_serverless::Outcome;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::each_record::each_record;
use crate::metric::{self, UnknownMetric};
use crate::statistics::{Moments, percentile, t_quantile};

/// Runs of a probe at first, and at most.
const RUNS: (u64, u64) = (10, 80);

/// The probability that a probe is wrong, over all of a search.
const ERROR: f64 = 0.05;

/// Where response times are in the summary.
const RESPONSE: &str = "response_of_completed.all.";

/// Why there is no search.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The experiment is wrong, as it is or with one of the values.
    #[error("{0}")]
    Experiment(Diagnostics),
    /// It does not say what is searched for.
    #[error("the experiment has no table `[search]`, which says what is searched for")]
    NoSearch,
    /// It has a sweep.
    #[error(
        "the experiment has a `[sweep]`, and a search is for one of its points: choose it with \
         `--set`"
    )]
    Sweep,
    /// A constraint is about a metric that is not known.
    #[error("in `{constraint}`: {source}")]
    Metric {
        /// The constraint.
        constraint: String,
        /// Why.
        source: UnknownMetric,
    },
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The path of the field.
    pub field: String,
    /// The constraints, as they are written.
    pub subject_to: Vec<String>,
    /// The least value that fulfils the constraints; `None` if the largest does not.
    pub value: Option<u64>,
    /// Whether the metrics never get worse from one probed value to the next, but by chance.
    pub is_monotone: bool,
    /// The probes, by value.
    pub probes: Vec<Probe>,
}

/// The runs with one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probe {
    /// The value.
    pub value: u64,
    /// How many runs there were.
    pub runs: u64,
    /// Whether it fulfils the constraints.
    pub verdict: Verdict,
    /// Why a run has failed, if one has.
    pub failed: Option<String>,
    /// The mean of the metric of each constraint; `None` if a run has no such value, or if it is
    /// infinite.
    pub means: Vec<Option<f64>>,
    #[serde(skip)]
    moments: Vec<Moments>,
}

/// Whether a probe fulfils the constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It violates one of them.
    Violated,
    /// It cannot be told, which counts as violated.
    Undecided,
    /// It fulfils them all.
    Met,
}

/// Searches for the least value of the field that `[search]` names.
///
/// # Errors
///
/// See [`SearchError`].
pub fn search(file: &Path, overrides: &Overrides) -> Result<Answer, SearchError> {
    let load =
        |overrides: &Overrides| Experiment::load(file, overrides).map_err(SearchError::Experiment);
    let experiment = load(overrides)?;
    let [run] = experiment.runs() else { return Err(SearchError::Sweep) };
    let search = run.search.as_ref().ok_or(SearchError::NoSearch)?;
    let seed = run.plan.seed;
    let measured = |value: u64, repetition: u64| {
        let overrides = overrides
            .clone()
            .with(search.minimize.as_str(), value.to_string())
            .with_seed(seed.wrapping_add(repetition));
        measured(&load(&overrides)?, &search.subject_to)
    };
    bisect(search, &measured)
}

/// The values of the metrics of a run, or why it has failed.
type Measured = Result<Vec<Option<f64>>, String>;

/// Runs an experiment and measures what its constraints are about.
fn measured(experiment: &Experiment, of: &[Constraint]) -> Result<Measured, SearchError> {
    let run = &experiment.runs()[0];
    let window = run.plan.measure;
    let mut responses = Vec::new();
    let mut played = || {
        let mut running = experiment.start(run, RunOptions::default().with_kept_records())?;
        each_record(&mut running, |record| {
            if window.contains(record.submitted) {
                responses.push(match record.outcome {
                    Outcome::Completed => record.response().as_secs_f64(),
                    _ => f64::INFINITY,
                });
            }
            ControlFlow::Continue(())
        })?;
        running.finish()
    };
    let report = match played() {
        Ok(report) => report,
        Err(ExperimentError::Input(diagnostics)) => {
            return Err(SearchError::Experiment(diagnostics));
        }
        Err(error) => return Ok(Err(error.to_string())),
    };
    let summary: Value = serde_json::from_str(&report.to_json()).unwrap_or_default();
    let paths = metric::paths(&summary);
    let value = |constraint: &Constraint| {
        let path = metric::path(&constraint.metric, &paths);
        // Without any that completed, there are no response times in the summary.
        let short = constraint.metric.strip_prefix("response.").map(|name| format!("{name}_s"));
        let field = match (&path, short) {
            (Ok(path), _) => path.strip_prefix(RESPONSE).map(str::to_owned),
            (Err(_), short) => short,
        };
        let of_responses = match field.as_deref() {
            Some("mean_s") => Some(responses.iter().copied().collect::<Moments>().mean()),
            Some("p50_s") => Some(percentile(&responses, 50)),
            Some("p95_s") => Some(percentile(&responses, 95)),
            Some("p99_s") => Some(percentile(&responses, 99)),
            Some("max_s") => Some(percentile(&responses, 100)),
            _ => None,
        };
        match (of_responses, path) {
            (Some(value), _) => Ok(value),
            (None, Ok(path)) => Ok(metric::value(&summary, &path)),
            (None, Err(source)) => {
                Err(SearchError::Metric { constraint: constraint.text.clone(), source })
            }
        }
    };
    Ok(Ok(of.iter().map(value).collect::<Result<_, _>>()?))
}

/// Finds the least value by halving the range.
fn bisect(
    search: &Search,
    measured: &(dyn Fn(u64, u64) -> Result<Measured, SearchError> + Sync),
) -> Result<Answer, SearchError> {
    let planned = 2 + (search.high - search.low).next_power_of_two().trailing_zeros();
    let mut probes = Vec::new();
    let mut meets = |value: u64| {
        let probe = probe(value, &search.subject_to, ERROR / f64::from(planned), measured)?;
        let verdict = probe.verdict;
        probes.push(probe);
        Ok(verdict == Verdict::Met)
    };
    let value = if !meets(search.high)? {
        None
    } else if search.low == search.high || meets(search.low)? {
        Some(search.low)
    } else {
        let (mut violates, mut fulfils) = (search.low, search.high);
        while fulfils - violates > 1 {
            let middle = violates + (fulfils - violates) / 2;
            match meets(middle)? {
                true => fulfils = middle,
                false => violates = middle,
            }
        }
        Some(fulfils)
    };
    probes.sort_by_key(|probe| probe.value);
    let is_monotone = search.subject_to.iter().enumerate().all(|(index, constraint)| {
        probes.windows(2).all(|pair| {
            let [before, after] = [0, 1].map(|of: usize| &pair[of].moments[index]);
            let change = crate::statistics::welch(before, after, crate::statistics::LEVEL);
            change.is_none_or(|change| match constraint.is_below {
                true => change.low <= 0.0,
                false => change.high >= 0.0,
            })
        })
    });
    let subject_to = search.subject_to.iter().map(|constraint| constraint.text.clone()).collect();
    Ok(Answer { field: search.minimize.clone(), subject_to, value, is_monotone, probes })
}

/// Runs with a value until it is clear whether it fulfils the constraints.
fn probe(
    value: u64,
    constraints: &[Constraint],
    error: f64,
    measured: &(dyn Fn(u64, u64) -> Result<Measured, SearchError> + Sync),
) -> Result<Probe, SearchError> {
    let mut samples: Vec<Vec<Option<f64>>> = vec![Vec::new(); constraints.len()];
    let (mut runs, mut target, mut failed) = (0, RUNS.0, None);
    let verdict = loop {
        let several: Vec<_> =
            (runs..target).into_par_iter().map(|repetition| measured(value, repetition)).collect();
        runs = target;
        for run in several {
            match run? {
                Ok(values) => {
                    samples.iter_mut().zip(values).for_each(|(sample, value)| sample.push(value));
                }
                Err(reason) => {
                    failed.get_or_insert(reason);
                }
            }
        }
        if failed.is_some() {
            break Verdict::Violated;
        }
        let each = constraints.iter().zip(&samples);
        let worst = each.map(|(constraint, sample)| verdict(constraint, sample, error)).min();
        match worst.unwrap_or(Verdict::Met) {
            Verdict::Undecided if runs < RUNS.1 => target = 2 * runs,
            verdict => break verdict,
        }
    };
    let finite = |sample: &Vec<Option<f64>>| {
        let values = sample.iter().map(|value| value.filter(|value| value.is_finite()));
        values.collect::<Option<Moments>>()
    };
    let means = samples.iter().map(|sample| finite(sample)?.mean()).collect();
    let moments = samples.iter().map(|sample| finite(sample).unwrap_or_default()).collect();
    Ok(Probe { value, runs, verdict, failed, means, moments })
}

/// Whether a constraint is met, by the bounds of a mean at this probability of error.
fn verdict(constraint: &Constraint, sample: &[Option<f64>], error: f64) -> Verdict {
    let sign = if constraint.is_below { 1.0 } else { -1.0 };
    // Of what does not occur, such as the wait of cold starts, nothing is too much; but of what
    // must be above a bound there is not enough.
    let mut excess = Moments::default();
    for value in sample {
        match value {
            Some(value) if value.is_finite() => excess.add(sign * (value - constraint.bound)),
            None if constraint.is_below => {}
            _ => return Verdict::Violated,
        }
    }
    let Some(mean) = excess.mean() else { return Verdict::Met };
    let bound = excess.variance().zip(t_quantile(1.0 - error, excess.count() as f64 - 1.0));
    let Some((variance, quantile)) = bound else { return Verdict::Undecided };
    let half = quantile * (variance / excess.count() as f64).sqrt();
    match (mean + half < 0.0, mean - half >= 0.0) {
        (true, _) => Verdict::Met,
        (_, true) => Verdict::Violated,
        _ => Verdict::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::RandomStreams;

    use super::*;

    fn below(bound: f64) -> Constraint {
        let text = format!("m < {bound}");
        Constraint { text, metric: "m".to_owned(), is_below: true, bound }
    }

    /// A search in which the metric is `mean`, give or take some.
    fn found(high: u64, bound: f64, spread: f64, mean: fn(u64) -> f64) -> Answer {
        let subject_to = vec![below(bound)];
        let search = Search { minimize: "n".to_owned(), low: 1, high, subject_to };
        let measured = move |value: u64, repetition: u64| {
            let stream = format!("{value}/{repetition}");
            let noise = RandomStreams::new(1).stream(&stream).uniform() - 0.5;
            Ok(Ok(vec![Some(mean(value) + spread * noise)]))
        };
        bisect(&search, &measured).unwrap()
    }

    #[test]
    fn the_least_value_is_found_with_few_probes() {
        for bound in [1.5, 17.5, 255.5] {
            // The least whole number n with 1000/n < bound.
            let expected = (1_000.0 / bound) as u64 + 1;
            let answer = found(1 << 20, bound, 1e-3, |value| 1_000.0 / value as f64);
            assert_eq!((answer.value, answer.is_monotone), (Some(expected), true));
            assert!(answer.probes.len() <= 22, "{}", answer.probes.len());
            // It and its neighbour are decided.
            let of = |value| answer.probes.iter().find(|probe| probe.value == value).unwrap();
            assert_eq!(of(expected).verdict, Verdict::Met);
            assert_eq!(of(expected - 1).verdict, Verdict::Violated);
            assert_eq!(of(expected).runs, 10);
        }
    }

    #[test]
    fn ends_of_the_range_are_answers_too() {
        assert_eq!(found(9, 0.5, 0.1, |_| 1.0).value, None);
        assert_eq!(found(9, 0.5, 0.1, |_| 1.0).probes.len(), 1);
        assert_eq!(found(9, 0.5, 0.1, |_| 0.1).value, Some(1));
        assert_eq!(found(1, 0.5, 0.1, |_| 0.1).value, Some(1));
    }

    #[test]
    fn what_is_close_takes_more_runs_and_may_stay_undecided() {
        // The mean of so many is within 0.02 of 1 at best.
        let answer = found(1, 1.0, 1.0, |_| 1.0);
        assert_eq!((answer.value, answer.probes[0].runs), (None, 80));
        assert_eq!(answer.probes[0].verdict, Verdict::Undecided);
        let answer = found(1, 1.2, 1.0, |_| 1.0);
        let probe = &answer.probes[0];
        assert_eq!((answer.value, probe.verdict), (Some(1), Verdict::Met));
        assert!(probe.runs > 10 && probe.runs < 80, "{}", probe.runs);
    }

    #[test]
    fn probes_that_get_worse_are_told() {
        let bowl = |value| (value as f64 - 30.0).abs();
        let answer = found(64, 40.0, 0.1, bowl);
        assert_eq!((answer.value, answer.is_monotone), (Some(1), false));
    }

    #[test]
    fn a_run_that_fails_violates() {
        let (constraints, fails) = ([below(1.0)], |_, repetition| match repetition {
            3 => Ok(Err("it stands still".to_owned())),
            _ => Ok(Ok(vec![Some(0.0)])),
        });
        let probe = probe(5, &constraints, 0.01, &fails).unwrap();
        assert_eq!((probe.verdict, probe.runs), (Verdict::Violated, 10));
        assert_eq!(probe.failed.as_deref(), Some("it stands still"));
    }

    #[test]
    fn what_is_infinite_or_missing() {
        let above = Constraint { is_below: false, ..below(1.0) };
        let of =
            |constraint: &Constraint, sample: &[Option<f64>]| verdict(constraint, sample, 0.01);
        assert_eq!(of(&below(1.0), &[Some(f64::INFINITY), Some(0.0)]), Verdict::Violated);
        assert_eq!(of(&below(1.0), &[None, None]), Verdict::Met);
        assert_eq!(of(&above, &[None, Some(2.0)]), Verdict::Violated);
        assert_eq!(of(&above, &[Some(2.0), Some(2.0)]), Verdict::Met);
        // At the bound is not below it.
        assert_eq!(of(&below(1.0), &[Some(1.0), Some(1.0)]), Verdict::Violated);
    }
}
