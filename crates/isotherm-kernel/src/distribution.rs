//! Distributions of random quantities: durations, sizes, gaps between arrivals.
//!
//! Constructors check the parameters, so sampling cannot fail.
//!
//! All distributions are sampled by **inverse transform**: a number `u` in (0, 1) is drawn with
//! [`Random::uniform_open`], and [`Distribution::quantile`]`(u)` is the sample. Each sample takes
//! exactly one word from the stream, also for a constant. Replacing a distribution therefore leaves
//! the rest of the stream unchanged, and the samples of two variants of an experiment correspond to
//! each other (common random numbers).
//!
//! Transcendental functions come from `libm`, so samples are bit-identical on every machine.
//!
//! ```
//! # use isotherm_kernel::{Distribution, RandomStreams};
//! let service_time_s = Distribution::log_normal_with_mean(0.250, 0.100)?;
//! let mut random = RandomStreams::new(42).stream("function/resize");
//! assert!(service_time_s.sample(&mut random) > 0.0);
//! assert_eq!(service_time_s.mean().map(|mean| (mean * 1e9).round()), Some(250_000_000.0));
//! # Ok::<(), isotherm_kernel::DistributionError>(())
//! ```
//!
//! Units are the caller's. Samples of a normal distribution may be negative, and those of a
//! log-normal or Pareto distribution larger than any date; as durations they are cut at zero and
//! saturate.

use std::sync::Arc;

use crate::{Duration, Random};

/// The range in which the shape of a Weibull distribution is searched for, given its mean and
/// deviation: deviations from 0.13 % of the mean to 370,000 times the mean.
const WEIBULL_SHAPES: (f64, f64) = (0.05, 1000.0);

/// The largest number of ranks of a Zipf distribution, whose table takes 8 bytes per rank.
const MAX_RANKS: u64 = 10_000_000;

/// Why parameters do not define a distribution.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DistributionError {
    /// A parameter outside its range.
    #[error("the {parameter} of the {distribution} distribution must be {expected}, not {got}")]
    Parameter {
        /// The distribution, for example `exponential`.
        distribution: &'static str,
        /// The parameter, for example `rate`.
        parameter: &'static str,
        /// The range in which it must lie.
        expected: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// Empirical quantiles that are not a distribution.
    #[error("quantile {index} of an empirical distribution {reason}")]
    Quantile {
        /// The index of the quantile, counted from 0.
        index: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Fewer than two quantiles.
    #[error("an empirical distribution needs at least two quantiles, those of 0 and of 1")]
    TooFewQuantiles,
}

/// A distribution of a random quantity. See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Constant {
        value: f64,
    },
    Uniform {
        low: f64,
        high: f64,
    },
    LogUniform {
        low: f64,
        high: f64,
    },
    Exponential {
        rate: f64,
    },
    Normal {
        mean: f64,
        sd: f64,
    },
    LogNormal {
        mu: f64,
        sigma: f64,
    },
    Weibull {
        shape: f64,
        scale: f64,
    },
    Pareto {
        shape: f64,
        minimum: f64,
    },
    /// `cumulative[k]` is the probability of a rank of at most `k + 1`; the last is 1.
    Zipf {
        cumulative: Arc<[f64]>,
        mean: f64,
    },
    /// Probabilities of at most each value, and the values in ascending order; the last is 1.
    Choice {
        cumulative: Arc<[(f64, f64)]>,
        mean: f64,
    },
    Empirical {
        quantiles: Arc<[(f64, f64)]>,
    },
}

impl Distribution {
    /// Always the same value.
    pub fn constant(value: f64) -> Result<Self, DistributionError> {
        finite("constant", "value", value)?;
        Ok(Form::Constant { value }.into())
    }

    /// Uniform between `low` and `high`, which may be equal.
    pub fn uniform(low: f64, high: f64) -> Result<Self, DistributionError> {
        finite("uniform", "low", low)?;
        finite("uniform", "high", high)?;
        check("uniform", "high", "at least its low", high, high >= low)?;
        Ok(Form::Uniform { low, high }.into())
    }

    /// Log-uniform between `low` and `high`, which may be equal: the logarithm is uniform, so that
    /// each power of ten between them is as likely.
    ///
    /// ```
    /// # use isotherm_kernel::Distribution;
    /// let image_mb = Distribution::log_uniform(10.0, 1000.0)?;
    /// assert!((image_mb.quantile(0.5) - 100.0).abs() < 1e-9);
    /// # Ok::<(), isotherm_kernel::DistributionError>(())
    /// ```
    pub fn log_uniform(low: f64, high: f64) -> Result<Self, DistributionError> {
        positive("log-uniform", "low", low)?;
        positive("log-uniform", "high", high)?;
        check("log-uniform", "high", "at least its low", high, high >= low)?;
        Ok(Form::LogUniform { low, high }.into())
    }

    /// One of some values, each with a probability in proportion to its weight.
    ///
    /// ```
    /// # use isotherm_kernel::Distribution;
    /// let memory_mb = Distribution::choice(&[(128.0, 3.0), (512.0, 1.0)])?;
    /// assert_eq!((memory_mb.quantile(0.7), memory_mb.quantile(0.8)), (128.0, 512.0));
    /// assert_eq!(memory_mb.mean(), Some(224.0));
    /// # Ok::<(), isotherm_kernel::DistributionError>(())
    /// ```
    pub fn choice(weighted: &[(f64, f64)]) -> Result<Self, DistributionError> {
        for &(value, weight) in weighted {
            finite("choice", "value", value)?;
            not_negative("choice", "weight", weight)?;
        }
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        check("choice", "sum of weights", "a positive number", total, total > 0.0)?;
        finite("choice", "sum of weights", total)?;
        let mut sorted: Vec<_> = weighted.iter().filter(|(_, weight)| *weight > 0.0).collect();
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mean = sorted.iter().map(|(value, weight)| value * (weight / total)).sum();
        let mut below = 0.0;
        let cumulative = sorted.iter().map(|(value, weight)| {
            below += weight;
            (below / total, *value)
        });
        Ok(Form::Choice { cumulative: cumulative.collect(), mean }.into())
    }

    /// Exponential with this rate, as the gaps of a Poisson process. The mean is `1 / rate`.
    pub fn exponential(rate: f64) -> Result<Self, DistributionError> {
        positive("exponential", "rate", rate)?;
        Ok(Form::Exponential { rate }.into())
    }

    /// Exponential with this mean.
    pub fn exponential_with_mean(mean: f64) -> Result<Self, DistributionError> {
        positive("exponential", "mean", mean)?;
        // A mean whose inverse overflows is rejected like zero.
        check("exponential", "mean", "a positive number", mean, (1.0 / mean).is_finite())?;
        Self::exponential(1.0 / mean)
    }

    /// Normal with this mean and standard deviation.
    pub fn normal(mean: f64, sd: f64) -> Result<Self, DistributionError> {
        finite("normal", "mean", mean)?;
        not_negative("normal", "standard deviation", sd)?;
        Ok(Form::Normal { mean, sd }.into())
    }

    /// Log-normal: the exponential of a normal variable with mean `mu` and standard deviation
    /// `sigma`.
    pub fn log_normal(mu: f64, sigma: f64) -> Result<Self, DistributionError> {
        finite("log-normal", "mu", mu)?;
        not_negative("log-normal", "sigma", sigma)?;
        Ok(Form::LogNormal { mu, sigma }.into())
    }

    /// The log-normal distribution with median `exp(mu)`.
    pub fn log_normal_with_median(median: f64, sigma: f64) -> Result<Self, DistributionError> {
        positive("log-normal", "median", median)?;
        Self::log_normal(libm::log(median), sigma)
    }

    /// The log-normal distribution with this mean and standard deviation: `sigma² = ln(1 + (sd /
    /// mean)²)`, `mu = ln(mean) - sigma² / 2`.
    pub fn log_normal_with_mean(mean: f64, sd: f64) -> Result<Self, DistributionError> {
        positive("log-normal", "mean", mean)?;
        not_negative("log-normal", "standard deviation", sd)?;
        let ratio = sd / mean;
        let variance = libm::log1p(ratio * ratio);
        check(
            "log-normal",
            "standard deviation",
            "in proportion to its mean",
            sd,
            variance.is_finite(),
        )?;
        Self::log_normal(libm::log(mean) - variance / 2.0, libm::sqrt(variance))
    }

    /// Weibull with `P(X > x) = exp(-(x / scale)^shape)`.
    pub fn weibull(shape: f64, scale: f64) -> Result<Self, DistributionError> {
        positive("Weibull", "shape", shape)?;
        positive("Weibull", "scale", scale)?;
        Ok(Form::Weibull { shape, scale }.into())
    }

    /// The Weibull distribution with this mean and standard deviation: `shape` solves `Γ(1 +
    /// 2/shape) / Γ(1 + 1/shape)² = 1 + (sd / mean)²`, and `scale = mean / Γ(1 + 1/shape)`. The
    /// deviation must be between 0.2 % of the mean and 300,000 times the mean.
    ///
    /// ```
    /// # use isotherm_kernel::Distribution;
    /// // A deviation that is as large as the mean makes it exponential.
    /// let gap_s = Distribution::weibull_with_mean(2.0, 2.0)?;
    /// assert!((gap_s.quantile(0.5) - 2.0 * 2f64.ln()).abs() < 1e-12);
    /// # Ok::<(), isotherm_kernel::DistributionError>(())
    /// ```
    pub fn weibull_with_mean(mean: f64, sd: f64) -> Result<Self, DistributionError> {
        positive("Weibull", "mean", mean)?;
        positive("Weibull", "standard deviation", sd)?;
        let ratio = sd / mean;
        let in_range = (0.002..=300_000.0).contains(&ratio);
        check(
            "Weibull",
            "standard deviation",
            "from 0.002 to 300000 times its mean",
            sd,
            in_range,
        )?;
        let wanted = libm::log1p(ratio * ratio);
        let excess = |shape: f64| {
            libm::lgamma(1.0 + 2.0 / shape) - 2.0 * libm::lgamma(1.0 + 1.0 / shape) - wanted
        };
        // The excess falls as the shape grows; bisection of its logarithm to the last digit.
        let (mut low, mut high) = (libm::log(WEIBULL_SHAPES.0), libm::log(WEIBULL_SHAPES.1));
        for _ in 0..64 {
            let middle = (low + high) / 2.0;
            if excess(libm::exp(middle)) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let shape = libm::exp((low + high) / 2.0);
        Self::weibull(shape, mean / libm::tgamma(1.0 + 1.0 / shape))
    }

    /// Pareto with `P(X > x) = (minimum / x)^shape` from `minimum` on. Its mean is infinite if
    /// `shape` is at most 1.
    pub fn pareto(shape: f64, minimum: f64) -> Result<Self, DistributionError> {
        positive("Pareto", "shape", shape)?;
        positive("Pareto", "minimum", minimum)?;
        Ok(Form::Pareto { shape, minimum }.into())
    }

    /// Zipf over the ranks `1..=ranks`: the probability of rank `k` is proportional to
    /// `k^-exponent`. With exponent 0 all ranks are equally likely. At most 10 million ranks;
    /// clones share one table of 8 bytes per rank.
    pub fn zipf(ranks: u64, exponent: f64) -> Result<Self, DistributionError> {
        let in_range = (1..=MAX_RANKS).contains(&ranks);
        check("Zipf", "number of ranks", "from 1 to 10000000", ranks as f64, in_range)?;
        not_negative("Zipf", "exponent", exponent)?;
        let mut total = 0.0;
        let mut moment = 0.0;
        let mut cumulative: Vec<f64> = (1..=ranks)
            .map(|rank| {
                let weight = libm::pow(rank as f64, -exponent);
                total += weight;
                moment += weight * rank as f64;
                total
            })
            .collect();
        for sum in &mut cumulative {
            *sum /= total;
        }
        Ok(Form::Zipf { cumulative: cumulative.into(), mean: moment / total }.into())
    }

    /// The piecewise linear distribution through these quantiles, pairs of a probability and a
    /// value. The first probability is 0 (the minimum) and the last 1 (the maximum); probabilities
    /// increase and values do not decrease.
    ///
    /// ```
    /// # use isotherm_kernel::Distribution;
    /// // A trace that gives minimum, median, 99th percentile and maximum.
    /// let quantiles = [(0.0, 3.0), (0.5, 40.0), (0.99, 900.0), (1.0, 4200.0)];
    /// let duration_ms = Distribution::empirical(&quantiles)?;
    /// assert_eq!(duration_ms.quantile(0.25), 21.5);
    /// # Ok::<(), isotherm_kernel::DistributionError>(())
    /// ```
    pub fn empirical(quantiles: &[(f64, f64)]) -> Result<Self, DistributionError> {
        let [first, .., last] = quantiles else {
            return Err(DistributionError::TooFewQuantiles);
        };
        let wrong = |index, reason| Err(DistributionError::Quantile { index, reason });
        for (index, &(probability, value)) in quantiles.iter().enumerate() {
            if !value.is_finite() {
                return wrong(index, "has a value that is not a finite number");
            }
            if !(0.0..=1.0).contains(&probability) {
                return wrong(index, "has a probability outside 0 to 1");
            }
        }
        if first.0 != 0.0 {
            return wrong(0, "must have the probability 0 (its value is the minimum)");
        }
        if last.0 != 1.0 {
            return wrong(
                quantiles.len() - 1,
                "must have the probability 1 (its value is the maximum)",
            );
        }
        for (index, pair) in quantiles.windows(2).enumerate() {
            if pair[1].0 <= pair[0].0 {
                return wrong(index + 1, "has a probability that is not above the one before");
            }
            if pair[1].1 < pair[0].1 {
                return wrong(index + 1, "has a value below the one before");
            }
        }
        Ok(Form::Empirical { quantiles: quantiles.into() }.into())
    }

    /// Draws a sample. Takes exactly one word from the stream.
    pub fn sample(&self, random: &mut Random) -> f64 {
        self.quantile(random.uniform_open())
    }

    /// Draws a duration from a distribution in seconds, rounded to the nanosecond. Negative samples
    /// give zero, samples out of range [`Duration::MAX`].
    pub fn sample_duration(&self, random: &mut Random) -> Duration {
        Duration::from_secs_f64(self.sample(random))
    }

    /// The value that the variable does not exceed with this probability: the inverse distribution
    /// function. The probability is clamped to 0..=1, where some distributions are infinite.
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        let p = probability.clamp(0.0, 1.0);
        match &self.form {
            Form::Constant { value } => *value,
            Form::Uniform { low, high } => low + (high - low) * p,
            Form::LogUniform { low, high } => {
                let (ln_low, ln_high) = (libm::log(*low), libm::log(*high));
                libm::exp(ln_low + (ln_high - ln_low) * p).clamp(*low, *high)
            }
            Form::Exponential { rate } => -libm::log1p(-p) / rate,
            Form::Normal { mean, sd } => shifted(*mean, *sd, p),
            Form::LogNormal { mu, sigma } => libm::exp(shifted(*mu, *sigma, p)),
            Form::Weibull { shape, scale } => scale * libm::pow(-libm::log1p(-p), 1.0 / shape),
            Form::Pareto { shape, minimum } => minimum * libm::pow(1.0 - p, -1.0 / shape),
            Form::Zipf { cumulative, .. } => {
                let below = cumulative.partition_point(|&sum| sum <= p);
                (below.min(cumulative.len() - 1) + 1) as f64
            }
            Form::Choice { cumulative, .. } => {
                let below = cumulative.partition_point(|&(sum, _)| sum <= p);
                cumulative[below.min(cumulative.len() - 1)].1
            }
            Form::Empirical { quantiles } => interpolated(quantiles, p),
        }
    }

    /// The mean, or `None` if it is infinite: for a Pareto distribution with a shape of at most 1.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        Some(match &self.form {
            Form::Constant { value } => *value,
            Form::Uniform { low, high } => low + (high - low) / 2.0,
            Form::LogUniform { low, high } if low == high => *low,
            Form::LogUniform { low, high } => (high - low) / libm::log(high / low),
            Form::Exponential { rate } => 1.0 / rate,
            Form::Normal { mean, .. } => *mean,
            Form::LogNormal { mu, sigma } => libm::exp(mu + sigma * sigma / 2.0),
            Form::Weibull { shape, scale } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Form::Pareto { shape, minimum } if *shape > 1.0 => minimum * (shape / (shape - 1.0)),
            Form::Pareto { .. } => return None,
            Form::Zipf { mean, .. } | Form::Choice { mean, .. } => *mean,
            Form::Empirical { quantiles } => quantiles
                .windows(2)
                .map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0)
                .sum(),
        })
    }
}

/// A constant, in seconds.
impl From<Duration> for Distribution {
    fn from(duration: Duration) -> Self {
        Form::Constant { value: duration.as_secs_f64() }.into()
    }
}

impl From<Form> for Distribution {
    fn from(form: Form) -> Self {
        Distribution { form }
    }
}

fn check(
    distribution: &'static str,
    parameter: &'static str,
    expected: &'static str,
    got: f64,
    holds: bool,
) -> Result<(), DistributionError> {
    if holds {
        Ok(())
    } else {
        Err(DistributionError::Parameter { distribution, parameter, expected, got })
    }
}

fn finite(
    distribution: &'static str,
    parameter: &'static str,
    got: f64,
) -> Result<(), DistributionError> {
    check(distribution, parameter, "a finite number", got, got.is_finite())
}

fn positive(
    distribution: &'static str,
    parameter: &'static str,
    got: f64,
) -> Result<(), DistributionError> {
    check(distribution, parameter, "a positive number", got, got.is_finite() && got > 0.0)
}

fn not_negative(
    distribution: &'static str,
    parameter: &'static str,
    got: f64,
) -> Result<(), DistributionError> {
    check(distribution, parameter, "zero or a positive number", got, got.is_finite() && got >= 0.0)
}

/// A quantile of a normal distribution; without deviation it is the mean, even where the standard
/// quantile is infinite.
fn shifted(mean: f64, sd: f64, p: f64) -> f64 {
    if sd == 0.0 { mean } else { mean + sd * normal_quantile(p) }
}

/// Linear interpolation between the two quantiles around `p`. The table spans 0 to 1.
fn interpolated(quantiles: &[(f64, f64)], p: f64) -> f64 {
    let upper = quantiles
        .partition_point(|&(probability, _)| probability < p)
        .clamp(1, quantiles.len() - 1);
    let (low_p, low) = quantiles[upper - 1];
    let (high_p, high) = quantiles[upper];
    low + (high - low) * ((p - low_p) / (high_p - low_p))
}

/// The inverse of the standard normal distribution function: algorithm AS 241 (PPND16), M. J.
/// Wichura, "The percentage points of the normal distribution", Applied Statistics 37 (1988)
/// 477-484; relative error about 1e-16.
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&CENTRE.0, r) / polynomial(&CENTRE.1, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let r = libm::sqrt(-libm::log(tail));
    let distance = if r <= 5.0 {
        polynomial(&MIDDLE.0, r - 1.6) / polynomial(&MIDDLE.1, r - 1.6)
    } else {
        polynomial(&FAR.0, r - 5.0) / polynomial(&FAR.1, r - 5.0)
    };
    if q < 0.0 { -distance } else { distance }
}

/// Horner's scheme; coefficients from the highest power down.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, &coefficient| sum * x + coefficient)
}

type Ratio = ([f64; 8], [f64; 8]);

/// Numerator and denominator within 0.425 of the median.
const CENTRE: Ratio = (
    [
        2509.0809287301227,
        33430.57558358813,
        67265.7709270087,
        45921.95393154987,
        13731.69376550946,
        1971.5909503065513,
        133.14166789178438,
        3.3871328727963665,
    ],
    [
        5226.495278852854,
        28729.085735721943,
        39307.89580009271,
        21213.794301586597,
        5394.196021424751,
        687.1870074920579,
        42.31333070160091,
        1.0,
    ],
);

/// Numerator and denominator further out, as far as a tail of e^-25.
const MIDDLE: Ratio = (
    [
        0.0007745450142783414,
        0.022723844989269184,
        0.2417807251774506,
        1.2704582524523684,
        3.6478483247632045,
        5.769497221460691,
        4.630337846156546,
        1.4234371107496835,
    ],
    [
        1.0507500716444169e-09,
        0.0005475938084995345,
        0.015198666563616457,
        0.14810397642748008,
        0.6897673349851,
        1.6763848301838038,
        2.053191626637759,
        1.0,
    ],
);

/// Numerator and denominator in the tails beyond that.
const FAR: Ratio = (
    [
        2.0103343992922881e-07,
        2.7115555687434876e-05,
        0.0012426609473880784,
        0.026532189526576124,
        0.29656057182850487,
        1.7848265399172913,
        5.463784911164114,
        6.657904643501103,
    ],
    [
        2.0442631033899397e-15,
        1.421511758316446e-07,
        1.8463183175100548e-05,
        0.0007868691311456133,
        0.014875361290850615,
        0.1369298809227358,
        0.599832206555888,
        1.0,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantile_agrees_with_the_inverse_of_erfc() {
        // Computed in Python by bisection of 0.5 * math.erfc(-x / sqrt(2)) = p, independently of AS
        // 241.
        let expected = [
            (1e-300, -37.0470962993612),
            (1e-20, -9.262340089798407),
            (1e-10, -6.3613409024040575),
            (1e-4, -3.719016485455681),
            (0.02, -2.053748910631823),
            (0.075, -1.4395314709384563),
            (0.3, -0.5244005127080409),
        ];
        for (p, x) in expected {
            let got = normal_quantile(p);
            assert!(((got - x) / x).abs() < 1e-14, "{p}: {got} instead of {x}");
        }
        assert_eq!(normal_quantile(0.5), 0.0);
        assert_eq!(
            normal_quantile(0.75),
            -normal_quantile(0.25),
            "the two halves mirror each other"
        );
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn normal_quantile_never_decreases_across_the_seams_of_its_three_parts() {
        // The seams: p = 0.075 and 0.925, and tail = exp(-25).
        for seam in [0.075, 0.925, libm::exp(-25.0)] {
            let (below, above) = (seam * (1.0 - 1e-12), seam * (1.0 + 1e-12));
            assert!(normal_quantile(below) <= normal_quantile(seam));
            assert!(normal_quantile(seam) <= normal_quantile(above));
        }
    }
}
