//! Durations of a plan that may be drawn at random.

use std::sync::Arc;

use isotherm_kernel::{Distribution, DistributionError, Duration, RandomDuration, RandomStreams};
use isotherm_serverless::Startup;

/// A duration: constant, or drawn anew each time. Its parameters are valid.
///
/// ```
/// use isotherm_experiment::duration_distribution::{DurationDistribution, DistributionForm};
/// use isotherm_kernel::Duration;
///
/// let distribution = DurationDistribution::new(DistributionForm::LogNormal { median: Duration::from_millis(200), sigma: 0.8 })?;
/// assert_eq!((distribution.fixed(), distribution.seconds().quantile(0.5)), (None, 0.2));
/// assert_eq!(DurationDistribution::from(Duration::from_secs(3)).fixed(), Some(Duration::from_secs(3)));
/// # Ok::<(), isotherm_kernel::DistributionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DurationDistribution {
    fixed: Option<Duration>,
    seconds: Distribution,
}

/// The parameters of a distribution of durations, in the forms of experiment files.
#[derive(Clone, Debug, PartialEq)]
pub enum DistributionForm {
    /// Always as long.
    Fixed(Duration),
    /// Anything between two durations, all alike.
    Uniform {
        /// The shortest.
        low: Duration,
        /// The longest.
        high: Duration,
    },
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: Duration,
    },
    /// Log-normal, by its median and the standard deviation of its logarithm.
    LogNormal {
        /// Its median.
        median: Duration,
        /// The standard deviation of its natural logarithm.
        sigma: f64,
    },
    /// Log-normal, by its own mean and standard deviation.
    LogNormalOfMean {
        /// Its mean.
        mean: Duration,
        /// Its standard deviation.
        sd: Duration,
    },
    /// Weibull, `P(X > x) = exp(-(x / scale)^shape)`.
    Weibull {
        /// Its shape.
        shape: f64,
        /// Its scale.
        scale: Duration,
    },
    /// Weibull, by its own mean and standard deviation.
    WeibullOfMean {
        /// Its mean.
        mean: Duration,
        /// Its standard deviation.
        sd: Duration,
    },
    /// Pareto, `P(X > x) = (minimum / x)^shape`.
    Pareto {
        /// Its shape.
        shape: f64,
        /// The shortest duration.
        minimum: Duration,
    },
    /// Quantiles, linear between them: probabilities and durations.
    Empirical(Arc<[(f64, Duration)]>),
}

impl DurationDistribution {
    /// A distribution of this form.
    ///
    /// # Errors
    /// The first parameter that makes no sense.
    pub fn new(form: DistributionForm) -> Result<Self, DistributionError> {
        let s = Duration::as_secs_f64;
        let seconds = match &form {
            DistributionForm::Fixed(value) => Ok(Distribution::from(*value)),
            DistributionForm::Uniform { low, high } => Distribution::uniform(s(*low), s(*high)),
            DistributionForm::Exponential { mean } => Distribution::exponential_with_mean(s(*mean)),
            DistributionForm::LogNormal { median, sigma } => {
                Distribution::log_normal_with_median(s(*median), *sigma)
            }
            DistributionForm::LogNormalOfMean { mean, sd } => {
                Distribution::log_normal_with_mean(s(*mean), s(*sd))
            }
            DistributionForm::Weibull { shape, scale } => Distribution::weibull(*shape, s(*scale)),
            DistributionForm::WeibullOfMean { mean, sd } => {
                Distribution::weibull_with_mean(s(*mean), s(*sd))
            }
            DistributionForm::Pareto { shape, minimum } => {
                Distribution::pareto(*shape, s(*minimum))
            }
            DistributionForm::Empirical(quantiles) => {
                let quantiles: Vec<_> = quantiles.iter().map(|&(p, value)| (p, s(value))).collect();
                Distribution::empirical(&quantiles)
            }
        }?;
        let fixed = match form {
            DistributionForm::Fixed(value) => Some(value),
            _ => None,
        };
        Ok(DurationDistribution { fixed, seconds })
    }

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
