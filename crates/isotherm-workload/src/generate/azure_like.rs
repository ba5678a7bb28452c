//! A workload like that of Azure Functions: as many apps as you like, drawn from what was published
//! of the real ones.
//!
//! `data/azure2019-marginals.csv` has quantiles over the whole Azure Functions 2019 trace (M.
//! Shahrad et al., "Serverless in the Wild", USENIX ATC 2020; the data set is under CC-BY). From
//! them come
//!
//! * how many functions an app has;
//! * how often it is invoked, in invocations per 14 days, which is far more skewed than any
//!   distribution with one parameter: the busiest 1 % of the apps make most invocations;
//! * how regularly: the coefficient of variation of the gaps between its invocations;
//! * its memory, which is split evenly among its functions, or had by each of them whole;
//!
//! and, for each of its functions, the average execution time. An invocation of the app is one of
//! any of its functions, all alike. It takes the average time of the function, or, with a `sigma`,
//! a log-normal time of this average.
//!
//! Rate and variation are not independent. A variation exists where there are two gaps, so the
//! quantiles are taken to be those of apps with three invocations or more, and n gaps vary at most
//! `sqrt(n - 1)`, so that a rare app cannot have a large one. [13 %](TIMER_ONLY) of the apps have
//! timers only; they are periodic, have three invocations in 14 days or more and at most one a
//! minute, and all others share the rest of the variations. The functions of such an app take
//! turns, so that each is periodic.
//!
//! What is not in it: that busy apps have other execution times than rare ones (the published
//! figures are marginals), timers of apps with other triggers as well, days and nights, and
//! functions that invoke each other. For these there are the traces themselves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;
use std::sync::Arc;

use isotherm_kernel::{Distribution, Duration, Random, RandomStreams, Time};

use super::limits::check_span;
use crate::{Arrival, Workload, WorkloadError};

mod dates;
mod marginals;

use dates::{Dates, FEW, Regularity};
use marginals::{Marginals, Point, Points, share_below};

/// The time over which invocations were counted.
const COUNTED_OVER_DAYS: f64 = 14.0;

const COUNTED_OVER_S: f64 = COUNTED_OVER_DAYS * 86_400.0;

/// Gaps that vary less than this do not vary.
const REGULAR: f64 = 0.02;

/// Fewer invocations have less than two gaps, which have no variation.
const VARIES_FROM: f64 = 3.0;

/// How much of the greatest variation that so few gaps can have is used.
const OF_GREATEST_VARIATION: f64 = 0.95;

/// The share of apps with timers only (Shahrad et al., "Triggers and applications", figure 3b).
const TIMER_ONLY: f64 = 0.13;

/// Once a minute, which 95 % of the timers do not exceed (Shahrad et al., "Triggers and
/// applications").
const MOST_OF_TIMERS: f64 = COUNTED_OVER_DAYS * 1440.0;

/// Up to this quantile invocations are as published, whatever the volume of a day: the next one is
/// that of the busiest app.
const KNOWN_UP_TO: f64 = 0.999;

/// Most invocations of an app in 14 days: one per microsecond.
const MOST_INVOCATIONS: f64 = COUNTED_OVER_S * 1e6;

/// Apps whose names and functions fit into memory with some room.
const MOST_APPS: u32 = 1_000_000;

/// The largest deviation of the logarithm that still means something.
const LARGEST_SIGMA: f64 = 10.0;

/// Which part of the memory of an app each of its functions has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOfApp {
    /// All functions have the same part, as is mostly done with the trace.
    Split,
    /// Each function has as much as the whole app.
    App,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct AzureLikeConfig {
    /// How many apps.
    pub apps: u32,
    /// By how much they are invoked more often than the real ones.
    pub scale: f64,
    /// Only apps that are invoked at least so often a day, before the scale; 0: all.
    pub at_least_per_day: f64,
    /// How many invocations all of them make in a day, in the mean. The apps beyond the 99.9 %
    /// quantile are invoked as often as it takes, all others as often as published. `None`: what
    /// comes of the quantiles.
    pub invocations_per_day: Option<f64>,
    /// What memory the functions have.
    pub memory: MemoryOfApp,
    /// The standard deviation of the logarithm of the execution times of a function; 0: always its
    /// average.
    pub sigma: f64,
    /// When it begins.
    pub from: Time,
    /// Nothing is invoked at this date or later.
    pub until: Time,
}

/// A function of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureFunction {
    /// Its name: `app0-f0`.
    pub name: String,
    /// The name of its app: `app0`.
    pub app: String,
    /// Its memory.
    pub memory_bytes: u64,
    /// How long it runs in the mean.
    pub average: Duration,
    /// Whether a timer triggers it, so that it is invoked periodically.
    pub is_timer: bool,
}

/// Apps and functions that were drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct AzureLike {
    config: AzureLikeConfig,
    apps: Arc<[App]>,
    functions: Vec<AzureFunction>,
}

#[derive(Clone, Debug, PartialEq)]
struct App {
    regularity: Regularity,
    mean_gap_s: f64,
    /// The number of its first function.
    first: u32,
    functions: u32,
    is_timer: bool,
}

impl AzureLike {
    /// What an error about [`AzureLikeConfig::at_least_per_day`] calls it.
    pub const SELECTED: &str = "number of invocations a day of the selected apps";

    /// What an error about [`AzureLikeConfig::invocations_per_day`] calls it.
    pub const VOLUME: &str = "number of invocations per day";

    /// Draws apps and functions, from the streams below this path.
    ///
    /// # Errors
    /// No app or more than a million, a scale of zero or less, a deviation below zero, an end that
    /// is not after the beginning, a selection that leaves no app, or a volume that the busiest
    /// apps cannot reach.
    pub fn new(
        config: AzureLikeConfig,
        streams: &RandomStreams,
        path: &str,
    ) -> Result<Self, WorkloadError> {
        let wrong = |parameter, expected, got| {
            WorkloadError::parameter("azure-like", parameter, expected, got)
        };
        check_span(config.from, Some(config.until), None)?;
        if !(1..=MOST_APPS).contains(&config.apps) {
            return wrong("number of apps", "from 1 to 1000000", config.apps.to_string());
        }
        if !(config.scale > 0.0 && config.scale <= 1e6) {
            return wrong("scale", "a positive number of at most 1e6", config.scale.to_string());
        }
        if !(0.0..=LARGEST_SIGMA).contains(&config.sigma) {
            return wrong("sigma", "from 0 to 10", config.sigma.to_string());
        }
        let Some(marginals) = Marginals::published() else {
            return wrong("table", "the published one", "another".to_owned());
        };
        let shares = Shares::new(&marginals, &config)?;
        let points = Points::new(streams, path);
        let mut apps = Vec::with_capacity(config.apps as usize);
        let mut functions = Vec::new();
        for number in 0..config.apps {
            let point = points.of_app(number);
            let first = functions.len() as u32;
            let app = App::draw(&marginals, &shares, &point, (first, config.scale));
            let memory_mb = marginals.memory_mb.quantile(point.memory);
            let parts = match config.memory {
                MemoryOfApp::Split => f64::from(app.functions),
                MemoryOfApp::App => 1.0,
            };
            functions.extend((0..app.functions).map(|index| AzureFunction {
                name: format!("app{number}-f{index}"),
                app: format!("app{number}"),
                memory_bytes: (memory_mb * 1e6 / parts).round().max(1.0) as u64,
                average: Duration::from_secs_f64(
                    marginals.execution_ms.quantile(points.of_function(first + index)) / 1000.0,
                ),
                is_timer: app.is_timer,
            }));
            apps.push(app);
        }
        if let Some(volume) = config.invocations_per_day {
            let known = marginals.invocations.quantile(KNOWN_UP_TO);
            reach(&mut apps, volume, known * config.scale)?;
        }
        Ok(AzureLike { config, apps: apps.into(), functions })
    }

    /// What was drawn for.
    #[must_use]
    pub fn config(&self) -> &AzureLikeConfig {
        &self.config
    }

    /// The functions of all apps.
    #[must_use]
    pub fn functions(&self) -> &[AzureFunction] {
        &self.functions
    }

    /// How many invocations there will be in the mean.
    #[must_use]
    pub fn expected_arrivals(&self) -> f64 {
        let span_s = self.config.until.since(self.config.from).as_secs_f64();
        self.apps.iter().map(|app| span_s / app.mean_gap_s).sum()
    }

    /// How often each of the functions is invoked, per second in the mean.
    pub fn rates_per_s(&self) -> impl Iterator<Item = f64> {
        self.apps.iter().flat_map(|app| {
            let rate_per_s = 1.0 / app.mean_gap_s / f64::from(app.functions);
            std::iter::repeat_n(rate_per_s, app.functions as usize)
        })
    }

    /// Their invocations. The first function has the number `first` there.
    #[must_use]
    pub fn arrivals(&self, first: u32, streams: &RandomStreams, path: &str) -> AzureLikeArrivals {
        self.arrivals_of(0..self.config.apps, first, streams, path)
    }

    /// The invocations of some of the apps, as they are among those of all.
    #[must_use]
    pub fn arrivals_of(
        &self,
        apps: Range<u32>,
        first: u32,
        streams: &RandomStreams,
        path: &str,
    ) -> AzureLikeArrivals {
        let apps = apps.start.min(self.config.apps)..apps.end.min(self.config.apps);
        let functions_of = |number: u32| self.apps.get(number as usize).map(|app| app.first);
        let first_of_them = functions_of(apps.start).unwrap_or(self.functions.len() as u32);
        let after_them = functions_of(apps.end).unwrap_or(self.functions.len() as u32);
        let averages_s = self.functions[first_of_them as usize..after_them as usize]
            .iter()
            .map(|function| function.average.as_secs_f64())
            .collect();
        let mut arrivals = AzureLikeArrivals {
            next: BinaryHeap::with_capacity(apps.len()),
            running: Vec::with_capacity(apps.len()),
            apps: Arc::clone(&self.apps),
            first_app: apps.start,
            averages_s,
            first_average: first_of_them,
            // Drawn as a factor of the average, it has the mean 1.
            spread: Distribution::log_normal(
                -self.config.sigma * self.config.sigma / 2.0,
                self.config.sigma,
            )
            .unwrap_or_else(|_| Distribution::from(Duration::from_secs(1))),
            varies: self.config.sigma > 0.0,
            from: self.config.from,
            until: self.config.until,
            first,
        };
        for number in apps {
            let app = &self.apps[number as usize];
            let dates = streams.stream(&format!("{path}/app/{number}/dates"));
            let bodies = streams.stream(&format!("{path}/app/{number}/bodies"));
            let from = self.config.from;
            let (dates, at) = Dates::new(&app.regularity, app.mean_gap_s, from, dates);
            arrivals.running.push(Running { dates, bodies, turn: 0 });
            if at < self.config.until {
                arrivals.next.push(Reverse((at, number)));
            }
        }
        arrivals
    }
}

/// Makes the apps beyond this number of invocations in 14 days invoked so often that all make this
/// many a day.
fn reach(apps: &mut [App], per_day: f64, known: f64) -> Result<(), WorkloadError> {
    let counts = || apps.iter().map(|app| COUNTED_OVER_S / app.mean_gap_s);
    let below: f64 = counts().map(|count| count.min(known)).sum();
    let beyond: f64 = counts().map(|count| (count - known).max(0.0)).sum();
    let most = counts().fold(0.0, f64::max);
    let factor = (per_day * COUNTED_OVER_DAYS - below) / beyond;
    let fits = factor >= 0.0 && known + (most - known).max(0.0) * factor <= MOST_INVOCATIONS;
    if !(beyond > 0.0 && fits) {
        let least = below / COUNTED_OVER_DAYS;
        let got = match beyond > 0.0 {
            true => format!("{per_day} (the apps up to the 99.9 % quantile make {least:.0})"),
            false => format!("{per_day}, and none of the apps is beyond the 99.9 % quantile"),
        };
        return WorkloadError::parameter(
            "azure-like",
            AzureLike::VOLUME,
            "what the busiest apps can make up for (`scale` changes the rates of all)",
            got,
        );
    }
    for app in apps {
        let count = COUNTED_OVER_S / app.mean_gap_s;
        if count > known {
            app.mean_gap_s = COUNTED_OVER_S / (known + (count - known) * factor);
        }
    }
    Ok(())
}

/// Which share of the apps is what.
struct Shares {
    /// Those that are not selected.
    left_out: f64,
    /// Timers among those that are invoked as often as timers are.
    timers: f64,
    /// Timers among those with a variation.
    timers_of_varying: f64,
    /// Those with two gaps among those with a variation.
    two_gaps: f64,
    /// The rank of the greatest variation of two gaps.
    most_of_two_gaps: f64,
}

impl Shares {
    fn new(marginals: &Marginals, config: &AzureLikeConfig) -> Result<Self, WorkloadError> {
        // Numbers of invocations are rounded to whole ones.
        let below = |count: f64| share_below(&marginals.invocations, count - 0.5);
        let least = config.at_least_per_day * COUNTED_OVER_DAYS;
        let most = marginals.invocations.quantile(1.0);
        if !(0.0..=most / 2.0).contains(&least) {
            return WorkloadError::parameter(
                "azure-like",
                AzureLike::SELECTED,
                "from 0 to half of that of the busiest app, 4.5e6",
                config.at_least_per_day.to_string(),
            );
        }
        let varying = 1.0 - below(VARIES_FROM);
        let left_out = if least > 1.0 { below(least.ceil()) } else { 0.0 };
        let two_gaps = (below(VARIES_FROM + 1.0) - below(VARIES_FROM).max(left_out)).max(0.0);
        Ok(Shares {
            left_out,
            two_gaps: two_gaps / (1.0 - below(VARIES_FROM).max(left_out)),
            most_of_two_gaps: share_below(&marginals.variation, OF_GREATEST_VARIATION),
            timers: TIMER_ONLY / (below(MOST_OF_TIMERS + 1.0) - below(VARIES_FROM)),
            timers_of_varying: TIMER_ONLY / varying,
        })
    }

    /// The rank of a variation among those of all apps, for an app without timers. Apps with two
    /// gaps have the lower ranks, and the others so much more often the higher ones.
    fn rank_of_variation(&self, point: f64, has_two_gaps: bool) -> f64 {
        let (least, most) = (self.timers_of_varying, self.most_of_two_gaps);
        let lower = (most - least) / (1.0 - least);
        let of_others = (lower - self.two_gaps) / (1.0 - self.two_gaps);
        if has_two_gaps {
            least + (most - least) * point
        } else if point < of_others {
            least + (most - least) * point / of_others
        } else {
            most + (1.0 - most) * (point - of_others) / (1.0 - of_others)
        }
    }
}

impl App {
    fn draw(
        marginals: &Marginals,
        shares: &Shares,
        point: &Point,
        (first, scale): (u32, f64),
    ) -> Self {
        let functions = marginals.functions.quantile(point.functions).round().max(1.0) as u32;
        let rank = shares.left_out + (1.0 - shares.left_out) * point.invocations;
        let count = marginals.invocations.quantile(rank).round().max(1.0);
        let is_timer =
            (VARIES_FROM..=MOST_OF_TIMERS).contains(&count) && point.timer < shares.timers;
        let rank = shares.rank_of_variation(point.variation, count <= VARIES_FROM);
        let most = OF_GREATEST_VARIATION * libm::sqrt((count - 2.0).max(1.0));
        let variation = marginals.variation.quantile(rank).min(most);
        let regularity = match Distribution::weibull_with_mean(1.0, variation) {
            Ok(gap) if !is_timer && variation >= REGULAR => {
                if count <= f64::from(FEW) {
                    Regularity::Few { count: count as u32, variation, gap }
                } else {
                    Regularity::Irregular(gap)
                }
            }
            _ => Regularity::Periodic,
        };
        let mean_gap_s = COUNTED_OVER_S / (count * scale);
        App { regularity, mean_gap_s, first, functions, is_timer }
    }
}

/// The invocations of all apps, by date. See [`AzureLike::arrivals`].
#[derive(Clone, Debug)]
pub struct AzureLikeArrivals {
    /// The next invocation of each app that has one before the end.
    next: BinaryHeap<Reverse<(Time, u32)>>,
    running: Vec<Running>,
    apps: Arc<[App]>,
    /// The app of the first of `running`.
    first_app: u32,
    averages_s: Vec<f64>,
    /// The function of the first of `averages_s`.
    first_average: u32,
    spread: Distribution,
    varies: bool,
    from: Time,
    until: Time,
    first: u32,
}

/// The state of an app.
#[derive(Clone, Debug)]
struct Running {
    dates: Dates,
    bodies: Random,
    /// Which function of timers is next.
    turn: u32,
}

impl Workload for AzureLikeArrivals {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        let Some(mut top) = self.next.peek_mut() else { return Ok(None) };
        let Reverse((at, number)) = *top;
        let app = &self.apps[number as usize];
        let running = &mut self.running[(number - self.first_app) as usize];
        let index = if app.is_timer {
            let turn = running.turn;
            running.turn = if turn + 1 == app.functions { 0 } else { turn + 1 };
            turn
        } else {
            running.bodies.below(u64::from(app.functions)) as u32
        };
        let function = app.first + index;
        let factor = if self.varies { self.spread.sample(&mut running.bodies) } else { 1.0 };
        let average_s = self.averages_s[(function - self.first_average) as usize];
        let next = running.dates.after(at, &app.regularity, app.mean_gap_s, self.from);
        if next < self.until {
            *top = Reverse((next, number));
        } else {
            PeekMut::pop(top);
        }
        Ok(Some(Arrival {
            at,
            function: self.first + function,
            duration: Some(Duration::from_secs_f64(average_s * factor)),
            tag: None,
        }))
    }
}
