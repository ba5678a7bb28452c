//! The start-up times of containers.

use isotherm_kernel::{Duration, RandomDuration};

/// The start-up time of containers.
///
/// A random time is drawn for each invocation when the service accepts it, whether a container is
/// started for it or not: so the n-th invocation of a function has the same start-up time under
/// every policy. Containers that are started ahead draw from a separate stream.
///
/// ```
/// use isotherm_kernel::{Distribution, Duration, RandomDuration, RandomStreams};
/// use isotherm_serverless::{Body, Function, Startup};
///
/// let fixed = Startup::from(Duration::from_millis(300));
/// // The fit of Huawei's cold starts: log-normal with a mean of 3.24 s and a standard deviation of 7.10 s.
/// let distribution = Distribution::log_normal_with_mean(3.24, 7.10)?;
/// let random = RandomDuration::new(distribution, RandomStreams::new(42).stream("function/resize/startup"));
/// let resize = Function::new("resize", None, Body::sleep(Duration::from_secs(1))).with_startup(random);
/// assert!(matches!(resize.startup(), Some(Startup::Random(_))));
/// # Ok::<(), isotherm_kernel::DistributionError>(())
/// ```
#[derive(Clone, Debug)]
pub enum Startup {
    /// Always the same time.
    Fixed(Duration),
    /// Drawn for each invocation. Functions should not share one: the invocations of one would
    /// change the draws of the other.
    Random(RandomDuration),
}

impl Startup {
    /// The random word of an invocation, from which [`of`](Self::of) makes its start-up time.
    pub(crate) fn chance(&self) -> u64 {
        match self {
            Startup::Fixed(_) => 0,
            Startup::Random(duration) => duration.next_word(),
        }
    }

    /// The start-up time for the invocation of this word.
    pub(crate) fn of(&self, chance: u64) -> Duration {
        match self {
            Startup::Fixed(duration) => *duration,
            Startup::Random(duration) => duration.of_word(chance),
        }
    }

    /// The start-up time of the next container that is started ahead.
    pub(crate) fn ahead(&self) -> Duration {
        match self {
            Startup::Fixed(duration) => *duration,
            Startup::Random(duration) => duration.apart().draw(),
        }
    }

    /// The mean start-up time, or the median if the distribution has no mean.
    pub(crate) fn expected(&self) -> Duration {
        match self {
            Startup::Fixed(duration) => *duration,
            Startup::Random(duration) => {
                let distribution = duration.distribution();
                Duration::from_secs_f64(
                    distribution.mean().unwrap_or_else(|| distribution.quantile(0.5)),
                )
            }
        }
    }
}

impl From<Duration> for Startup {
    fn from(duration: Duration) -> Self {
        Startup::Fixed(duration)
    }
}

impl From<RandomDuration> for Startup {
    fn from(duration: RandomDuration) -> Self {
        Startup::Random(duration)
    }
}
