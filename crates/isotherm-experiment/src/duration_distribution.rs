//! Durations of a plan that may be drawn at random.

use isotherm_kernel::{Distribution, Duration, RandomDuration, RandomStreams};
use isotherm_serverless::Startup;

/// A duration: constant, or drawn anew each time. Its parameters are valid.
///
/// ```
/// use isotherm_experiment::duration_distribution::DurationDistribution;
/// use isotherm_kernel::{Distribution, Duration};
///
/// let random = DurationDistribution::from(Distribution::log_normal_with_median(0.2, 0.8)?);
/// assert_eq!((random.fixed(), random.seconds().quantile(0.5)), (None, 0.2));
/// let fixed = DurationDistribution::from(Duration::from_secs(3));
/// assert_eq!(fixed.fixed(), Some(Duration::from_secs(3)));
/// # Ok::<(), isotherm_kernel::DistributionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DurationDistribution {
    fixed: Option<Duration>,
    seconds: Distribution,
}

impl DurationDistribution {
    /// The distribution, in seconds.
    #[must_use]
    pub fn seconds(&self) -> &Distribution {
        &self.seconds
    }

    /// How long it always takes, if it always takes as long.
    #[must_use]
    pub fn fixed(&self) -> Option<Duration> {
        self.fixed
    }

    /// The duration, drawn from the stream of this path.
    #[must_use]
    pub fn random(&self, streams: &RandomStreams, path: &str) -> RandomDuration {
        RandomDuration::new(self.seconds.clone(), streams.stream(path))
    }

    /// A start-up time of this distribution. Random ones are drawn from the stream of this path.
    #[must_use]
    pub fn startup(&self, streams: &RandomStreams, path: &str) -> Startup {
        match self.fixed() {
            Some(duration) => duration.into(),
            None => self.random(streams, path).into(),
        }
    }
}

impl From<Duration> for DurationDistribution {
    fn from(duration: Duration) -> Self {
        DurationDistribution { fixed: Some(duration), seconds: duration.into() }
    }
}

/// A distribution in seconds, whose durations are drawn.
impl From<Distribution> for DurationDistribution {
    fn from(seconds: Distribution) -> Self {
        DurationDistribution { fixed: None, seconds }
    }
}
