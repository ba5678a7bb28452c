//! The hybrid histogram policy: learns from the idle times of each function when to stop and
//! restart containers.
//!
//! M. Shahrad et al., *Serverless in the Wild: Characterizing and Optimizing the Serverless
//! Workload at a Large Cloud Provider* (USENIX ATC 2020), section 4. Many functions are invoked by
//! timers: keeping their container for ten minutes is useless if the next invocation comes in an
//! hour, but the container can be ready shortly before it.
//!
//! Each function has a histogram of its *idle times*, from the end of its last running invocation
//! to the next invocation; by default with bins of one minute up to four hours. When a container
//! becomes idle,
//!
//! * the *head* is the start of the bin of the 5th percentile, less 10 %. If it is not zero the
//!   container stops, and another one is started after that time;
//! * the *tail* is the end of the bin of the 99th percentile, plus 10 %. The container is kept
//!   until then; a container started ahead is kept for the tail less the head, from when it is
//!   ready.
//!
//! If at least half of the idle times lie beyond the histogram, the next one is forecast from a
//! time series of the last 32 (see [`forecast`]); head and tail are 15 % before and after it. The
//! paper selects the model by `auto_arima`; here it is the best of a few ARIMA(p, d, 0).
//!
//! If the histogram is empty or not representative (the coefficient of variation of its bin counts
//! is below 2), the container is kept for a fixed time, by default the range of the histogram, as
//! in the paper.
//!
//! While other invocations of the function run or are pending, the function is not idle, so the
//! container is kept for the tail.
//!
//! The paper keeps histograms per *application*, whose functions share containers. Here each
//! function has its own containers and its own histogram, of about 1 kB.

use std::collections::VecDeque;

use isotherm_kernel::{Duration, Time};

use super::histogram::Histogram;
use super::{IdleNow, Invoked, Keep, KeepAlive, forecast};

/// The parameters of [`HybridHistogram`]. The default is the paper's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HybridConfig {
    /// The width of a bin, at least a nanosecond.
    pub bin: Duration,
    /// The range of all bins, rounded up to whole bins.
    pub range: Duration,
    /// The percentile of the head, from 0 to 1: a container is ready before its bin.
    pub head: f64,
    /// The percentile of the tail, from 0 to 1: a container is kept until the end of its bin.
    pub tail: f64,
    /// The relative margin by which the head is shortened and the tail is lengthened.
    pub margin: f64,
    /// The relative margin before and after a forecast idle time.
    pub forecast_margin: f64,
    /// The least coefficient of variation of the bin counts for a representative histogram.
    pub variation: f64,
    /// How long a container is kept if the histogram is not representative.
    pub fallback: Duration,
}

impl Default for HybridConfig {
    fn default() -> Self {
        let range = Duration::from_secs(4 * 3600);
        HybridConfig {
            bin: Duration::from_secs(60),
            range,
            head: 0.05,
            tail: 0.99,
            margin: 0.1,
            forecast_margin: 0.15,
            variation: 2.0,
            fallback: range,
        }
    }
}

/// The fewest idle times for a forecast.
const FORECAST_FROM: usize = 3;

/// The most idle times that a forecast uses.
const FORECAST_OF: usize = 32;

impl HybridConfig {
    /// The most bins of a histogram.
    pub const MOST_BINS: u64 = 100_000;

    /// The number of bins, at least 1 and at most [`MOST_BINS`](Self::MOST_BINS).
    fn bins(&self) -> usize {
        self.range.as_nanos().div_ceil(self.bin.as_nanos().max(1)).clamp(1, Self::MOST_BINS)
            as usize
    }
}

/// The hybrid histogram policy of M. Shahrad et al., *Serverless in the Wild* (USENIX ATC 2020),
/// section 4.
#[derive(Debug, Default)]
pub struct HybridHistogram {
    config: HybridConfig,
    /// By function.
    learned: Vec<Learned>,
}

#[derive(Clone, Debug, Default)]
struct Learned {
    /// When the function became idle; `None` if it is not.
    idle_since: Option<Time>,
    idle_times: Option<Histogram>,
    /// The latest idle times, oldest first.
    latest: VecDeque<Duration>,
}

impl HybridHistogram {
    /// With these parameters.
    #[must_use]
    pub fn new(config: HybridConfig) -> Self {
        HybridHistogram { config, learned: Vec::new() }
    }

    fn of(&mut self, function: crate::FunctionId) -> &mut Learned {
        if function.index() >= self.learned.len() {
            self.learned.resize(function.index() + 1, Learned::default());
        }
        &mut self.learned[function.index()]
    }

    /// The head and the tail; `None` if the histogram is not representative.
    fn windows(&self, learned: &Learned) -> Option<(Duration, Duration)> {
        let config = &self.config;
        let histogram = learned.idle_times.as_ref()?;
        let (within, beyond) = histogram.counts();
        let (head, tail) = if within <= beyond {
            let next = learned.forecast()?;
            (next * (1.0 - config.forecast_margin), next * (1.0 + config.forecast_margin))
        } else if histogram.variation() < config.variation {
            return None;
        } else {
            let at = |bin: usize| config.bin.as_secs_f64() * bin as f64;
            let (head, tail) = (histogram.bin_of(config.head)?, histogram.bin_of(config.tail)?);
            (at(head) * (1.0 - config.margin), at(tail + 1) * (1.0 + config.margin))
        };
        Some((Duration::from_secs_f64(head.max(0.0)), Duration::from_secs_f64(tail.max(0.0))))
    }
}

impl Learned {
    fn note(&mut self, idle_time: Duration, config: &HybridConfig) {
        self.idle_times
            .get_or_insert_with(|| Histogram::new(config.bins()))
            .add(idle_time, config.bin);
        if self.latest.len() == FORECAST_OF {
            self.latest.pop_front();
        }
        self.latest.push_back(idle_time);
    }

    /// A forecast of the next idle time in seconds; `None` if there are too few.
    fn forecast(&self) -> Option<f64> {
        let latest: Vec<f64> = self.latest.iter().map(|time| time.as_secs_f64()).collect();
        if latest.len() < FORECAST_FROM { None } else { forecast::next(&latest) }
    }
}

impl KeepAlive for HybridHistogram {
    fn keep(&mut self, idle: &IdleNow) -> Keep {
        let is_idle = idle.running == 0 && idle.waiting == 0;
        self.of(idle.function).idle_since = is_idle.then_some(idle.at);
        match self.windows(&self.learned[idle.function.index()]) {
            None => Keep::For(self.config.fallback),
            Some((head, tail)) if head.is_zero() || !is_idle => Keep::For(tail),
            Some((head, tail)) => Keep::Prewarm { after: head, keep: tail.saturating_sub(head) },
        }
    }

    fn invoked(&mut self, invoked: &Invoked) {
        let config = self.config;
        let learned = self.of(invoked.function);
        if let Some(since) = learned.idle_since.take() {
            learned.note(invoked.at.since(since), &config);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerId, FunctionId, NodeId};

    /// What the policy says after a function was idle for these times, in minutes, one after the
    /// other.
    fn after(minutes: &[f64], config: HybridConfig) -> Keep {
        let mut policy = HybridHistogram::new(config);
        let mut now = Time::ZERO;
        let mut says = end(&mut policy, now);
        for &idle in minutes {
            now += Duration::from_secs_f64(60.0 * idle);
            policy.invoked(&invoked(now, 0));
            says = end(&mut policy, now);
        }
        says
    }

    fn end(policy: &mut HybridHistogram, at: Time) -> Keep {
        idle(policy, at, 0)
    }

    fn idle(policy: &mut HybridHistogram, at: Time, running: u32) -> Keep {
        let (container, function, node) = (ContainerId(0), FunctionId(3), NodeId(0));
        policy.keep(&IdleNow {
            at,
            container,
            function,
            node,
            running,
            waiting: 0,
            started_at: Time::ZERO,
            uses: 1,
            containers: 1 + running,
            last_idle: None,
        })
    }

    fn invoked(at: Time, running: u32) -> Invoked {
        let (function, containers) = (FunctionId(3), 1 + running);
        Invoked { at, function, running, waiting: 0, containers, idle: None }
    }

    fn minutes(minutes: f64) -> Duration {
        Duration::from_secs_f64(60.0 * minutes)
    }

    #[test]
    fn a_timer_is_prepared_for() {
        // Every idle time lies in the bin from 50 to 51 minutes: ready after 50 less 10 %, kept
        // until 51 plus 10 % = 56.1.
        let says = after(&[50.5; 20], HybridConfig::default());
        assert_eq!(
            says,
            Keep::Prewarm { after: minutes(45.0), keep: minutes(56.1) - minutes(45.0) }
        );
    }

    #[test]
    fn a_soon_expected_invocation_is_waited_for() {
        // The head lies in the first bin, so nothing stops. Of a hundred idle times the 99th is
        // below 3 minutes, and 3.3 with the margin.
        let mut idle = vec![0.5; 50];
        idle.extend([2.5; 49]);
        idle.push(100.0);
        assert_eq!(after(&idle, HybridConfig::default()), Keep::For(minutes(3.3)));
    }

    #[test]
    fn without_a_pattern_a_container_is_kept_for_a_fixed_time() {
        let config = HybridConfig { fallback: minutes(20.0), ..HybridConfig::default() };
        assert_eq!(after(&[], config), Keep::For(minutes(20.0)), "nothing is known yet");
        // One idle time in each bin: all alike, and the coefficient of variation is zero.
        let alike: Vec<f64> = (0..240).map(|minute| f64::from(minute) + 0.5).collect();
        assert_eq!(
            after(&alike, config),
            Keep::For(minutes(20.0)),
            "every idle time is as likely as any other"
        );
        assert_eq!(
            after(&[300.0, 300.0], config),
            Keep::For(minutes(20.0)),
            "two idle times are no series"
        );
    }

    #[test]
    fn what_lies_beyond_the_histogram_is_forecast() {
        let config = HybridConfig { range: minutes(60.0), ..HybridConfig::default() };
        let around = |next: f64| {
            let (after, until) = (minutes(next * 0.85), minutes(next * 1.15));
            Keep::Prewarm { after, keep: until - after }
        };
        let near = |says: Keep, expected: Keep| {
            let (Keep::Prewarm { after, keep }, Keep::Prewarm { after: from, keep: for_ }) =
                (says, expected)
            else {
                panic!("{says:?}, not {expected:?}");
            };
            let differ = |one: Duration, other: Duration| {
                (one.as_secs_f64() - other.as_secs_f64()).abs() > 1e-3
            };
            assert!(!differ(after, from) && !differ(keep, for_), "{says:?}, not {expected:?}");
        };
        // Every five hours.
        near(after(&[300.0; 3], config), around(300.0));
        near(after(&[300.0; 40], config), around(300.0));
        // After 8 and after 16 hours by turns.
        let turns: Vec<f64> =
            (0..13).map(|turn| if turn % 2 == 0 { 480.0 } else { 960.0 }).collect();
        near(after(&turns, config), around(960.0));
        near(after(&turns[..12], config), around(480.0));
        // Of three, two lie beyond the histogram: their mean. Of four, two: as many as not. Of
        // five, two: the histogram tells.
        near(after(&[300.0, 10.5, 290.0], config), around(200.166_666_666_7));
        near(after(&[10.5, 300.0, 300.0, 10.5], config), around(155.25));
        let says = after(&[10.5, 300.0, 300.0, 10.5, 10.5], config);
        assert_eq!(says, Keep::Prewarm { after: minutes(9.0), keep: minutes(12.1) - minutes(9.0) });
    }

    #[test]
    fn a_function_is_idle_when_nothing_of_it_runs() {
        let mut policy = HybridHistogram::default();
        let at = |minute| Time::ZERO + minutes(minute);
        let invoked = |policy: &mut HybridHistogram, minute, running| {
            policy.invoked(&invoked(at(minute), running));
        };
        // Two invocations run from 0 on; they end after 10 and 20 minutes. The next comes after 50:
        // idle for 30, not for 40.
        invoked(&mut policy, 0.0, 0);
        invoked(&mut policy, 0.0, 1);
        idle(&mut policy, at(10.0), 1);
        end(&mut policy, at(20.0));
        invoked(&mut policy, 50.0, 0);
        let windows = Keep::Prewarm { after: minutes(27.0), keep: minutes(34.1) - minutes(27.0) };
        assert_eq!(end(&mut policy, at(51.0)), windows);
        // While another one runs its container is kept, and the next does not end an idle time.
        invoked(&mut policy, 60.0, 0);
        invoked(&mut policy, 60.0, 1);
        assert!(matches!(idle(&mut policy, at(61.0), 1), Keep::For(_)));
    }
}
