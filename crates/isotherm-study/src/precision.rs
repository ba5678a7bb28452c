//! As many repetitions of each point of a sweep as its interval needs to be narrow: `--precision`.
//!
//! Each point has at first as many seeds as `repeat` says, 5 at least. As long as half of the 95 %
//! interval of a metric is more than the wanted part of its mean, the point gets 5 more, up to
//! [`MOST`]. Points that are narrow enough, or cannot become it, get no more. The runs are those
//! of the [sweep](crate::sweep): they are reused, can be continued, and are in its tables.
//!
//! How many runs a point has depends on their results alone, so the same files come of it at any
//! number of jobs. Stopping when an interval happens to be narrow makes it contain the mean a
//! little less often than in 95 % of cases (Chow and Robbins, *On the asymptotic theory of
//! fixed-width sequential confidence intervals*, Annals of Mathematical Statistics 36, 1965).

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

use crate::metric::{self, UnknownMetric};
use crate::statistics::{LEVEL, Moments};
use crate::sweep::{Sweep, SweepError, SweepOptions, SweepOutcome};
use crate::tables;

/// Runs of a point that are added at a time, and at least.
const BATCH: u64 = 5;

/// Runs of a point at most.
pub const MOST: u64 = 100;

/// How narrow the interval of a metric is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Precision {
    /// The name of the metric, as in a comparison.
    pub metric: String,
    /// Half of the interval at most, as a part of the mean.
    pub part: f64,
}

/// A text that is no precision.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("write it like \"p99 5%\": a metric, and half of its interval as a part of its mean")]
pub struct NoPrecision;

impl FromStr for Precision {
    type Err = NoPrecision;

    fn from_str(text: &str) -> Result<Self, NoPrecision> {
        let (metric, part) = text.trim().rsplit_once(' ').ok_or(NoPrecision)?;
        let percent: f64 =
            part.strip_suffix('%').and_then(|part| part.parse().ok()).ok_or(NoPrecision)?;
        match percent > 0.0 && percent.is_finite() {
            true => Ok(Precision { metric: metric.trim_end().to_owned(), part: percent / 100.0 }),
            false => Err(NoPrecision),
        }
    }
}

/// Why a precision cannot be sought.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrecisionError {
    /// The sweep cannot be carried out.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The metric is not known.
    #[error(transparent)]
    Metric(#[from] UnknownMetric),
    /// A shard does not have all runs of a point.
    #[error(
        "a shard does not have all runs of a point, so it cannot tell how precise they are: run \
         the whole sweep, or set `repeat` to as many runs as are needed"
    )]
    Shard,
    /// The seeds would be too large.
    #[error("there are not {MOST} seeds from {0} on: use a smaller one")]
    Seed(u64),
}

/// What a sweep with a precision has come to.
#[derive(Clone, Debug)]
pub struct PreciseOutcome {
    /// What the sweep has come to.
    pub sweep: SweepOutcome,
    /// Each point; none if it was stopped.
    pub points: Vec<PrecisePoint>,
}

/// How precise the metric of a point is.
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisePoint {
    /// The number of the point.
    pub point: u64,
    /// What it is called.
    pub name: String,
    /// How many runs it has.
    pub runs: u64,
    /// Half of its interval as a part of the mean, if that is not 0.
    pub part: Option<f64>,
    /// Whether that is narrow enough, or why not.
    pub reached: Reached,
}

/// Whether an interval is narrow enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It is.
    Yes,
    /// Not with as many runs as there may be.
    TooWide,
    /// The mean is 0, of which there are no parts.
    Zero,
    /// A run does not have the metric.
    Absent,
    /// A run has failed.
    Failed,
}

/// How many runs each point of a sweep has, if that is not the same for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats {
    /// How many there are.
    pub counts: Vec<u64>,
    /// How many of these this process has carried out, or found.
    pub done: Vec<u64>,
}

/// What is known of a point.
#[derive(Default)]
struct State {
    moments: Moments,
    is_absent: bool,
    has_failed: bool,
}

/// Runs a sweep, and adds runs to each point until the interval of the metric is narrow enough, or
/// cannot become it.
///
/// # Errors
///
/// See [`PrecisionError`]. If the metric is not known, the first runs have been carried out.
pub fn run(
    sweep: &mut Sweep,
    out: &Path,
    options: &SweepOptions,
    precision: &Precision,
) -> Result<PreciseOutcome, PrecisionError> {
    if options.shard.is_some() {
        return Err(PrecisionError::Shard);
    }
    let points = sweep.points().count();
    let too_large = |seed: &u64| seed.checked_add(MOST).is_none();
    if let Some(seed) = (0..points).map(|point| sweep.seed(point)).find(too_large) {
        return Err(PrecisionError::Seed(seed));
    }
    let first = sweep.points().repetitions().max(BATCH);
    let mut repeats =
        Repeats { counts: vec![first; points as usize], done: vec![0; points as usize] };
    let mut states: Vec<State> = repeats.counts.iter().map(|_| State::default()).collect();
    let (mut done, mut failed, mut path) = (0, Vec::new(), None);
    loop {
        sweep.repeat(repeats.clone());
        let outcome = sweep.run(out, options)?;
        done += outcome.done;
        failed.extend(outcome.failed.iter().cloned());
        let is_over = outcome.is_stopped || {
            let fresh = summaries(sweep, out, options, &repeats);
            if path.is_none() {
                let known: BTreeSet<String> =
                    fresh.iter().flatten().flatten().flat_map(metric::paths).collect();
                let known: Vec<String> = known.into_iter().collect();
                path = match known.is_empty() {
                    true => None,
                    false => Some(metric::path(&precision.metric, &known)?),
                };
            }
            for (state, summaries) in states.iter_mut().zip(fresh) {
                summaries.iter().for_each(|summary| state.add(summary.as_ref(), path.as_deref()));
            }
            repeats.done.clone_from(&repeats.counts);
            let each = repeats.counts.iter_mut().zip(&states);
            let open = each.filter(|(count, state)| {
                state.reached(precision) == Reached::TooWide && **count < MOST
            });
            open.map(|(count, _)| *count = (*count + BATCH).min(MOST)).count() == 0
        };
        if is_over {
            failed.sort_by_key(|run| (run.point, run.seed));
            let others = done + failed.len() as u64;
            let reused = match outcome.is_stopped {
                // Those of this round that were there; of earlier ones all were.
                true => (outcome.reused + outcome.done).saturating_sub(others),
                false => outcome.runs - outcome.alike - others,
            };
            let point = |(point, state): (u64, &State)| PrecisePoint {
                point,
                name: sweep.label(point),
                runs: repeats.counts[point as usize],
                part: state.part(),
                reached: state.reached(precision),
            };
            let points = match outcome.is_stopped {
                true => Vec::new(),
                false => (0..).zip(&states).map(point).collect(),
            };
            let sweep = SweepOutcome { done, reused, failed, ..outcome };
            return Ok(PreciseOutcome { sweep, points });
        }
    }
}

/// The summaries of the runs that are new, of each point; nothing for those that have failed.
fn summaries(
    sweep: &Sweep,
    out: &Path,
    options: &SweepOptions,
    repeats: &Repeats,
) -> Vec<Vec<Option<Value>>> {
    let mut all: Vec<Vec<_>> = repeats.counts.iter().map(|_| Vec::new()).collect();
    for number in sweep.all() {
        let run = sweep.run_of(number, options);
        let point = run.point as usize;
        if run.repetition >= repeats.done[point] {
            all[point].push(tables::summary(&sweep.folder(out, &run)).ok());
        }
    }
    all
}

impl State {
    fn add(&mut self, summary: Option<&Value>, path: Option<&str>) {
        match (summary, summary.zip(path).and_then(|(summary, path)| metric::value(summary, path)))
        {
            (None, _) => self.has_failed = true,
            (_, Some(value)) => self.moments.add(value),
            _ => self.is_absent = true,
        }
    }

    /// Half of the interval as a part of the mean.
    fn part(&self) -> Option<f64> {
        let mean = self.moments.mean().filter(|mean| *mean != 0.0)?;
        Some(self.moments.interval(LEVEL)?.half_width() / mean.abs())
    }

    fn reached(&self, precision: &Precision) -> Reached {
        match self.part() {
            _ if self.has_failed => Reached::Failed,
            _ if self.is_absent => Reached::Absent,
            None => Reached::Zero,
            Some(part) if part <= precision.part => Reached::Yes,
            Some(_) => Reached::TooWide,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_precision_is_a_metric_and_a_percentage() {
        let of = |metric: &str, part| Ok(Precision { metric: metric.to_owned(), part });
        assert_eq!("p99 5%".parse(), of("p99", 0.05));
        assert_eq!(" starts.cold  0.5% ".parse(), of("starts.cold", 0.005));
        for wrong in ["", "p99", "5%", "p99 5", "p99 -1%", "p99 0%", "p99 nan%", "p99 5 %"] {
            assert_eq!(wrong.parse::<Precision>(), Err(NoPrecision), "{wrong}");
        }
    }

    /// 1 to 5 have a mean of 3 and the interval 3 ± 1.963.
    #[test]
    fn what_an_interval_has_reached() {
        let of = |values: &[Value], part: f64| {
            let mut state = State::default();
            for value in values {
                let summary = (!value.is_string()).then(|| json!({ "m": value }));
                state.add(summary.as_ref(), Some("m"));
            }
            state.reached(&Precision { metric: "m".to_owned(), part })
        };
        let values = [1, 2, 3, 4, 5].map(|value| json!(value));
        assert_eq!(of(&values, 0.6545), Reached::Yes);
        assert_eq!(of(&values, 0.6543), Reached::TooWide);
        assert_eq!(of(&values.map(|value| json!(-value.as_f64().unwrap())), 0.6545), Reached::Yes);
        assert_eq!(of(&[json!(7), json!(7)], 1e-9), Reached::Yes);
        assert_eq!(of(&[json!(0), json!(0)], 0.5), Reached::Zero);
        assert_eq!(of(&[json!(-1), json!(1)], 0.5), Reached::Zero);
        assert_eq!(of(&[json!(7), json!(null)], 0.5), Reached::Absent);
        assert_eq!(of(&[json!(7), json!("failed")], 0.5), Reached::Failed);
    }
}
