//! Arrivals that are generated: when, what, and for how long.
//!
//! A [`Generator`] has three independent parts. A [`Process`] decides when something arrives,
//! [`Targets`] which function it invokes, and a distribution, if there is one, how long its body
//! runs. Each draws from a random stream of its own, named after the workload: other durations
//! leave the dates unchanged, and another rate leaves the durations unchanged, so variants of an
//! experiment can be compared invocation by invocation.
//!
//! A [`ClosedLoop`] is no [`Workload`], because when its clients invoke something depends on when
//! what they invoked before has ended; it says how long they think, and what they invoke.
//! [`AzureLike`] makes functions as well as arrivals.
//!
//! ```
//! use isotherm_kernel::{Distribution, RandomStreams, Time};
//! use isotherm_workload::{Generator, GeneratorConfig, Process, Targets, Workload};
//!
//! let config = GeneratorConfig {
//!     until: Some(Time::from_secs_f64(600.0)),
//!     targets: Targets::zipf(vec![0, 1, 2], 1.1)?,
//!     duration_s: Some(Distribution::log_normal_with_median(0.2, 0.8)?),
//!     ..GeneratorConfig::new(Process::poisson(3.0)?)
//! };
//! let mut arrivals = Generator::new(config, &RandomStreams::new(42), "workload/0")?;
//! let first = arrivals.next_arrival()?.unwrap();
//! assert!(first.function < 3 && first.duration.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use isotherm_kernel::{Distribution, Random, RandomStreams, Time};

use crate::arrival::find_arrival;
use crate::{Arrival, Next, Workload, WorkloadError};

mod azure_like;
mod bursts;
mod closed;
mod diurnal;
mod gaps;
mod limits;
mod process;
mod targets;

pub use azure_like::{AzureFunction, AzureLike, AzureLikeArrivals, AzureLikeConfig, MemoryOfApp};
pub use bursts::{BurstState, Bursts};
pub use closed::{Client, ClosedLoop, ClosedLoopConfig, Request};
pub use diurnal::{DayShape, Diurnal};
pub use process::Process;
pub use targets::Targets;

use limits::check_span;

/// The number of changes of state and rejected candidates after which a search returns without an
/// arrival: a fraction of a millisecond.
const STEP_BUDGET: u32 = 1 << 13;

/// What is generated. It needs an end: `until`, `count` or both.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorConfig {
    /// When something arrives.
    pub process: Process,
    /// Which function it invokes.
    pub targets: Targets,
    /// How long its body runs, in seconds, in place of what the function does.
    pub duration_s: Option<Distribution>,
    /// When the process begins; the first arrival is one gap later.
    pub from: Time,
    /// Nothing arrives at this date or later.
    pub until: Option<Time>,
    /// The maximum number of arrivals.
    pub count: Option<u64>,
}

impl GeneratorConfig {
    /// A process from the start of the simulation that invokes function 0, as yet without an end.
    #[must_use]
    pub fn new(process: Process) -> Self {
        let targets = Targets::one(0);
        GeneratorConfig {
            process,
            targets,
            duration_s: None,
            from: Time::ZERO,
            until: None,
            count: None,
        }
    }
}

/// Generated arrivals. See the [module](self).
#[derive(Clone, Debug)]
pub struct Generator {
    process: process::Dates,
    targets: Targets,
    duration_s: Option<Distribution>,
    targets_random: Random,
    duration_random: Random,
    /// The date of the last arrival, at first that of the beginning.
    last: Time,
    until: Time,
    left: u64,
    /// How many more changes of a state and candidates there may be.
    budget: u32,
}

impl Generator {
    /// Checks the configuration and sets the generator up. Its random streams are the one of this
    /// path and those below it.
    ///
    /// # Errors
    /// No end, or one that makes no sense.
    pub fn new(
        config: GeneratorConfig,
        streams: &RandomStreams,
        path: &str,
    ) -> Result<Self, WorkloadError> {
        check_span(config.from, config.until, config.count)?;
        Ok(Generator {
            process: process::Dates::new(config.process, config.from, streams, path),
            targets: config.targets,
            duration_s: config.duration_s,
            targets_random: streams.stream(&format!("{path}/function")),
            duration_random: streams.stream(&format!("{path}/duration")),
            last: config.from,
            until: config.until.unwrap_or(Time::NEVER),
            left: config.count.unwrap_or(u64::MAX),
            budget: STEP_BUDGET,
        })
    }
}

impl Workload for Generator {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        find_arrival(self)
    }

    fn poll(&mut self) -> Result<Next, WorkloadError> {
        if self.left == 0 {
            return Ok(Next::End);
        }
        let (at, is_arrival) = match self.process.next(self.last, self.until, &mut self.budget) {
            Ok(at) => (at, true),
            Err(at) => (at, false),
        };
        if at >= self.until {
            self.left = 0;
            return Ok(Next::End);
        }
        self.last = at;
        self.budget = STEP_BUDGET;
        if !is_arrival {
            return Ok(Next::Silence(at));
        }
        self.left -= 1;
        let function = self.targets.choose(&mut self.targets_random);
        let duration = self
            .duration_s
            .as_ref()
            .map(|distribution| distribution.sample_duration(&mut self.duration_random));
        Ok(Next::Arrival(Arrival { at, function, duration, tag: None }))
    }
}
