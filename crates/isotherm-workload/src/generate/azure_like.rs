//! A workload like that of Azure Functions: as many apps as you like, drawn from what was published
//! of the real ones.
//!
//! `data/azure2019-marginals.csv` has quantiles over the whole Azure Functions 2019 trace (M.
//! Shahrad et al., "Serverless in the Wild", USENIX ATC 2020; the data set is under CC-BY). Each
//! app draws from them, independently of each other,
//!
//! * how many functions it has;
//! * how often it is invoked, in invocations per 14 days, which is far more skewed than any
//!   distribution with one parameter: the busiest 1 % of the apps make most invocations;
//! * how regularly: the coefficient of variation of the gaps between its invocations. A gap has the
//!   Weibull distribution with this mean and this variation, and is always the same if the
//!   variation is next to nothing, as for timers. The first invocation comes after a part of a gap
//!   that is drawn uniformly;
//! * its memory, which is split evenly among its functions, or had by each of them whole;
//!
//! and each of its functions draws its average execution time. An invocation of the app is one of
//! any of its functions, all alike. It takes the average time of the function, or, with a `sigma`,
//! a log-normal time of this average.
//!
//! What is not in it: that busy apps have other execution times than rare ones (the published
//! figures are marginals), days and nights, and functions that invoke each other. For these there
//! are the traces themselves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use isotherm_kernel::{Distribution, Duration, Random, RandomStreams, Time};

use super::limits::check_span;
use crate::{Arrival, Workload, WorkloadError};

const MARGINALS: &str = include_str!("../../data/azure2019-marginals.csv");

/// The time over which invocations were counted.
const COUNTED_OVER_S: f64 = 14.0 * 86_400.0;

/// Gaps that vary less than this do not vary.
const REGULAR: f64 = 0.02;

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
}

/// Apps and functions that were drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct AzureLike {
    config: AzureLikeConfig,
    apps: Vec<App>,
    functions: Vec<AzureFunction>,
}

#[derive(Clone, Debug, PartialEq)]
struct App {
    gap_s: Distribution,
    mean_gap_s: f64,
    /// The number of its first function.
    first: u32,
    functions: u32,
}

/// The published quantiles.
struct Marginals {
    execution_ms: Distribution,
    memory_mb: Distribution,
    invocations: Distribution,
    variation: Distribution,
    functions: Distribution,
}

impl Marginals {
    fn published() -> Option<Self> {
        let rows: Vec<Vec<f64>> = MARGINALS
            .lines()
            .skip(1)
            .map(|line| line.split(',').filter_map(|cell| cell.parse().ok()).collect())
            .collect();
        let column = |index: usize| {
            let mut quantiles: Vec<(f64, f64)> =
                rows.iter().filter_map(|row| Some((*row.first()?, *row.get(index)?))).collect();
            // The lowest one percent is not known; it counts as the lowest value that is.
            let lowest = quantiles.first()?.1;
            quantiles.insert(0, (0.0, lowest));
            Distribution::empirical(&quantiles).ok()
        };
        Some(Marginals {
            execution_ms: column(1)?,
            memory_mb: column(2)?,
            invocations: column(3)?,
            variation: column(4)?,
            functions: column(5)?,
        })
    }
}

impl AzureLike {
    /// Draws apps and functions, from the streams below this path.
    ///
    /// # Errors
    /// No app or more than a million, a scale of zero or less, a deviation below zero, or an end
    /// that is not after the beginning.
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
        let mut apps = Vec::with_capacity(config.apps as usize);
        let mut functions = Vec::new();
        for number in 0..config.apps {
            let mut random = streams.stream(&format!("{path}/app/{number}"));
            let first = functions.len() as u32;
            let app = App::draw(&marginals, &config, first, &mut random);
            let memory_mb = marginals.memory_mb.sample(&mut random);
            let parts = match config.memory {
                MemoryOfApp::Split => f64::from(app.functions),
                MemoryOfApp::App => 1.0,
            };
            functions.extend((0..app.functions).map(|index| AzureFunction {
                name: format!("app{number}-f{index}"),
                app: format!("app{number}"),
                memory_bytes: (memory_mb * 1e6 / parts).round().max(1.0) as u64,
                average: Duration::from_secs_f64(
                    marginals.execution_ms.sample(&mut random) / 1000.0,
                ),
            }));
            apps.push(app);
        }
        Ok(AzureLike { config, apps, functions })
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
        let averages_s: Vec<f64> =
            self.functions.iter().map(|function| function.average.as_secs_f64()).collect();
        let mut arrivals = AzureLikeArrivals {
            next: BinaryHeap::new(),
            running: Vec::with_capacity(self.apps.len()),
            apps: self.apps.clone(),
            averages_s,
            // Drawn as a factor of the average, it has the mean 1.
            spread: Distribution::log_normal(
                -self.config.sigma * self.config.sigma / 2.0,
                self.config.sigma,
            )
            .unwrap_or_else(|_| Distribution::from(Duration::from_secs(1))),
            varies: self.config.sigma > 0.0,
            until: self.config.until,
            first,
        };
        for (number, app) in self.apps.iter().enumerate() {
            let mut dates = streams.stream(&format!("{path}/app/{number}/dates"));
            let bodies = streams.stream(&format!("{path}/app/{number}/bodies"));
            let part = dates.uniform();
            let first_gap = Duration::from_secs_f64(part * app.gap_s.sample(&mut dates));
            arrivals.running.push(Running { dates, bodies });
            arrivals.push(self.config.from + first_gap, number as u32);
        }
        arrivals
    }
}

impl App {
    fn draw(
        marginals: &Marginals,
        config: &AzureLikeConfig,
        first: u32,
        random: &mut Random,
    ) -> Self {
        let functions = marginals.functions.sample(random).round().max(1.0) as u32;
        let invocations = marginals.invocations.sample(random).max(1.0) * config.scale;
        let variation = marginals.variation.sample(random);
        let mean_gap_s = COUNTED_OVER_S / invocations;
        let varying = Distribution::weibull_with_mean(mean_gap_s, variation * mean_gap_s);
        let gap_s = match varying {
            Ok(distribution) if variation >= REGULAR => distribution,
            _ => Distribution::from(Duration::from_secs_f64(mean_gap_s)),
        };
        App { gap_s, mean_gap_s, first, functions }
    }
}

/// The invocations of all apps, by date. See [`AzureLike::arrivals`].
#[derive(Clone, Debug)]
pub struct AzureLikeArrivals {
    /// The next invocation of each app that has one before the end.
    next: BinaryHeap<Reverse<(Time, u32)>>,
    running: Vec<Running>,
    apps: Vec<App>,
    averages_s: Vec<f64>,
    spread: Distribution,
    varies: bool,
    until: Time,
    first: u32,
}

/// The random streams of an app.
#[derive(Clone, Debug)]
struct Running {
    dates: Random,
    bodies: Random,
}

impl AzureLikeArrivals {
    fn push(&mut self, at: Time, app: u32) {
        if at < self.until {
            self.next.push(Reverse((at, app)));
        }
    }
}

impl Workload for AzureLikeArrivals {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        let Some(Reverse((at, number))) = self.next.pop() else { return Ok(None) };
        let (app, running) = (&self.apps[number as usize], &mut self.running[number as usize]);
        let gap = app.gap_s.sample_duration(&mut running.dates);
        let function = app.first + running.bodies.below(u64::from(app.functions)) as u32;
        let factor = if self.varies { self.spread.sample(&mut running.bodies) } else { 1.0 };
        let duration = Duration::from_secs_f64(self.averages_s[function as usize] * factor);
        self.push(at + gap, number);
        Ok(Some(Arrival {
            at,
            function: self.first + function,
            duration: Some(duration),
            tag: None,
        }))
    }
}
