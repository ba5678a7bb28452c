//! Arrivals of a Poisson process.

use isotherm_kernel::{Distribution, Duration, Random, Time};

use crate::{Arrival, Workload, WorkloadError};

/// Parameters of a Poisson workload. It needs an end: `until`, `count` or both.
#[derive(Clone, Debug, PartialEq)]
pub struct PoissonConfig {
    /// The function that is invoked.
    pub function: u32,
    /// Arrivals per second in the mean.
    pub rate_per_s: f64,
    /// When the process begins; the first arrival is one gap later.
    pub from: Time,
    /// Nothing arrives at this date or later.
    pub until: Option<Time>,
    /// At most so many arrive.
    pub count: Option<u64>,
}

impl PoissonConfig {
    /// A process of this rate from the start of the simulation, as yet without an end.
    pub fn new(function: u32, rate_per_s: f64) -> Self {
        PoissonConfig { function, rate_per_s, from: Time::ZERO, until: None, count: None }
    }
}

/// A Poisson process: independent gaps, exponential with the mean `1 / rate`.
///
/// Each arrival takes one number from the random stream, which should be the workload's own, so that other workloads
/// do not disturb it. Gaps are rounded to the nanosecond.
#[derive(Clone, Debug)]
pub struct Poisson {
    function: u32,
    gap_s: Distribution,
    random: Random,
    /// The date of the last arrival, at first that of the beginning.
    last: Time,
    until: Time,
    left: u64,
}

impl Poisson {
    /// Checks the parameters and sets the process up.
    pub fn new(config: PoissonConfig, random: Random) -> Result<Self, WorkloadError> {
        let wrong = |parameter, expected, got: String| {
            Err(WorkloadError::Parameter { workload: "Poisson", parameter, expected, got })
        };
        let Ok(gap_s) = Distribution::exponential(config.rate_per_s) else {
            return wrong("rate", "a positive number", config.rate_per_s.to_string());
        };
        if config.until.is_none() && config.count.is_none() {
            return Err(WorkloadError::Endless);
        }
        if let Some(until) = config.until
            && until <= config.from
        {
            return wrong("end", "after its beginning", until.to_string());
        }
        if config.count == Some(0) {
            return wrong("count", "at least 1", 0.to_string());
        }
        Ok(Poisson {
            function: config.function,
            gap_s,
            random,
            last: config.from,
            until: config.until.unwrap_or(Time::NEVER),
            left: config.count.unwrap_or(u64::MAX),
        })
    }
}

impl Workload for Poisson {
    fn next_arrival(&mut self) -> Result<Option<Arrival>, WorkloadError> {
        if self.left == 0 {
            return Ok(None);
        }
        let at = self.last + Duration::from_secs_f64(self.gap_s.sample(&mut self.random));
        if at >= self.until {
            self.left = 0;
            return Ok(None);
        }
        self.last = at;
        self.left -= 1;
        Ok(Some(Arrival::new(at, self.function)))
    }
}
