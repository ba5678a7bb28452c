//! A closed loop: clients that invoke something, wait until it has ended, think, and invoke
//! something again.
//!
//! The number of invocations of a closed loop depends on the platform: a slow platform slows its
//! clients down, whereas an open loop is not affected. With N clients that think for Z on average
//! and responses that take R, there are `N / (R + Z)` invocations per second (the response time law
//! of interactive systems, Denning and Buzen 1978).

use isotherm_kernel::{Distribution, Duration, Random, RandomStreams, Time};

use super::limits::check_span;
use super::targets::Targets;
use crate::WorkloadError;

/// A closed loop. It needs an end: `until`, `count` or both.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedLoopConfig {
    /// How many clients there are.
    pub clients: u32,
    /// How long each of them thinks before each of its invocations, in seconds.
    pub think_s: Distribution,
    /// What they invoke.
    pub targets: Targets,
    /// How long the bodies run, in seconds, in place of what the functions do.
    pub duration_s: Option<Distribution>,
    /// When the clients begin to think for the first time.
    pub from: Time,
    /// They invoke nothing at this date or later.
    pub until: Option<Time>,
    /// They invoke at most so much, all together.
    pub count: Option<u64>,
}

/// A closed loop whose configuration makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedLoop {
    config: ClosedLoopConfig,
}

/// What a client invokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number of the function.
    pub function: u32,
    /// How long its body runs, if the workload says so.
    pub duration: Option<Duration>,
}

impl ClosedLoop {
    /// Checks the configuration.
    ///
    /// # Errors
    /// No clients, no end, or one that makes no sense.
    pub fn new(config: ClosedLoopConfig) -> Result<Self, WorkloadError> {
        check_span(config.from, config.until, config.count)?;
        if config.clients == 0 {
            let parameter = "number of clients";
            return WorkloadError::parameter("closed", parameter, "at least 1", 0.to_string());
        }
        Ok(ClosedLoop { config })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &ClosedLoopConfig {
        &self.config
    }

    /// Its clients. Each has random streams of its own, below this path, so that the order in which
    /// invocations end has no influence on what a client does next.
    pub fn clients(&self, streams: &RandomStreams, path: &str) -> impl Iterator<Item = Client> {
        (0..self.config.clients).map(move |number| {
            let stream = |part: &str| streams.stream(&format!("{path}/client/{number}{part}"));
            Client {
                think_s: self.config.think_s.clone(),
                targets: self.config.targets.clone(),
                duration_s: self.config.duration_s.clone(),
                think_random: stream(""),
                targets_random: stream("/function"),
                duration_random: stream("/duration"),
            }
        })
    }
}

/// A client of a closed loop.
#[derive(Clone, Debug)]
pub struct Client {
    think_s: Distribution,
    targets: Targets,
    duration_s: Option<Distribution>,
    think_random: Random,
    targets_random: Random,
    duration_random: Random,
}

impl Client {
    /// How long it thinks now.
    pub fn think(&mut self) -> Duration {
        self.think_s.sample_duration(&mut self.think_random)
    }

    /// What it invokes then.
    pub fn request(&mut self) -> Request {
        Request {
            function: self.targets.choose(&mut self.targets_random),
            duration: self
                .duration_s
                .as_ref()
                .map(|distribution| distribution.sample_duration(&mut self.duration_random)),
        }
    }
}
