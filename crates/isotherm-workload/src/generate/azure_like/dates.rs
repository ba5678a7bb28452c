//! When an app is invoked.
//!
//! Gaps are independent and have a Weibull distribution, in equilibrium at the beginning: the date
//! 0 falls into a gap with a probability in proportion to its length, and anywhere in it. So an app
//! is invoked as often in its first hour as in any other.
//!
//! The coefficient of variation that was measured of an app with few invocations is that of few
//! gaps, which is not that of the distribution they are drawn from: a sample of n gaps never varies
//! more than `sqrt(n - 1)`, and mostly less than its distribution. Apps with at most [`FEW`]
//! invocations in a period of 14 days are therefore conditioned on what is measured of them: in
//! each period they have as many invocations as they should, and the gaps between these have
//! exactly their coefficient of variation. A power of a Weibull variable is a Weibull variable, so
//! the gaps of a period are drawn ahead, the power is found that makes them vary as they should,
//! and only this power and the random stream are kept: memory does not grow with arrivals.

use isotherm_kernel::{Distribution, Duration, Random, Time};

/// From more invocations than this in a period, gaps are merely independent.
pub(super) const FEW: u32 = 128;

/// Powers between which one is looked for.
const POWERS: (f64, f64) = (0.005, 60.0);

/// By how much the variation of few gaps may be wrong, relatively.
const TOLERANCE: f64 = 1e-4;

const STEPS: u32 = 60;

/// How an app is invoked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Regularity {
    /// Always after the same time.
    Periodic,
    /// After gaps of the distribution, whose mean is 1.
    Irregular(Distribution),
    /// So often in each period, with gaps of this coefficient of variation.
    Few {
        count: u32,
        variation: f64,
        /// With the mean 1 and this variation; for the gap between two periods.
        gap: Distribution,
    },
}

/// The state of the dates of an app.
#[derive(Clone, Debug)]
pub(super) struct Dates {
    random: Random,
    gap_s: Distribution,
    /// How many gaps are left of this period. Apps with many invocations have one endless period.
    left: u64,
    /// When the next period begins, in seconds after `from`.
    period: u64,
}

impl Dates {
    /// The dates of an app that begins now, and the first of them.
    pub(super) fn new(
        app: &Regularity,
        mean_gap_s: f64,
        from: Time,
        random: Random,
    ) -> (Self, Time) {
        let constant = Distribution::from(Duration::from_secs_f64(mean_gap_s));
        let mut dates = Dates { random, gap_s: constant, left: u64::MAX, period: 0 };
        let first = match app {
            Regularity::Periodic => dates.random.uniform() * mean_gap_s,
            Regularity::Irregular(gap) => {
                let part = dates.random.uniform();
                let first = part * length_biased(gap, &mut dates.random);
                dates.gap_s = scaled(gap, mean_gap_s);
                first * mean_gap_s
            }
            Regularity::Few { .. } => dates.begin_period(app, mean_gap_s),
        };
        (dates, from + Duration::from_secs_f64(first))
    }

    /// The date after this one.
    #[inline]
    pub(super) fn after(
        &mut self,
        last: Time,
        app: &Regularity,
        mean_gap_s: f64,
        from: Time,
    ) -> Time {
        if self.left > 0 {
            self.left -= 1;
            return last + self.gap_s.sample_duration(&mut self.random);
        }
        let Regularity::Few { count, .. } = app else {
            return last + self.gap_s.sample_duration(&mut self.random);
        };
        self.period += 1;
        let begins_s = self.period as f64 * f64::from(*count) * mean_gap_s;
        let first_s = begins_s + self.begin_period(app, mean_gap_s);
        (from + Duration::from_secs_f64(first_s)).max(last)
    }

    /// Finds out which gaps this period has. Returns when its first invocation is, in seconds after
    /// its beginning.
    fn begin_period(&mut self, app: &Regularity, mean_gap_s: f64) -> f64 {
        let Regularity::Few { count, variation, gap } = app else { return 0.0 };
        let part = self.random.uniform();
        // The gap between the last invocation and, a period later, the first.
        let around = length_biased(gap, &mut self.random);
        let gaps = count.saturating_sub(1);
        let unit_s = f64::from(*count) * mean_gap_s / (f64::from(gaps) + around);
        self.left = u64::from(gaps);
        let mut ahead = self.random.clone();
        let logs: Vec<f64> = (0..gaps).map(|_| libm::log(exponential(&mut ahead))).collect();
        if let Some(largest) = logs.iter().copied().reduce(f64::max) {
            let power = power(&logs, largest, *variation);
            let (mean, _) = moments(&logs, largest, power);
            // Samples are powers of exponential ones from the same stream, in units of the largest.
            let scale = unit_s / mean * libm::exp(-power * largest);
            if let Ok(gap_s) = Distribution::weibull(1.0 / power, scale) {
                self.gap_s = gap_s;
            }
        }
        part * around * unit_s
    }
}

/// A sample of the exponential distribution, as a Weibull distribution draws it.
fn exponential(random: &mut Random) -> f64 {
    -libm::log1p(-random.uniform_open())
}

/// The mean of these powers in units of the largest, and their coefficient of variation.
fn moments(logs: &[f64], largest: f64, power: f64) -> (f64, f64) {
    let (mut sum, mut squares) = (0.0, 0.0);
    for log in logs {
        let value = libm::exp(power * (log - largest));
        sum += value;
        squares += value * value;
    }
    let count = logs.len() as f64;
    let mean = sum / count;
    (mean, libm::sqrt((squares / count / (mean * mean) - 1.0).max(0.0)))
}

/// The power that gives gaps with these logarithms this coefficient of variation, which grows with
/// it: the secant method with a bracket (the Illinois rule), in the logarithm of the power.
fn power(logs: &[f64], largest: f64, variation: f64) -> f64 {
    if logs.len() < 2 {
        return 1.0;
    }
    let excess = |at: f64| moments(logs, largest, libm::exp(at)).1 - variation;
    let (mut low, mut high) = (libm::log(POWERS.0), libm::log(POWERS.1));
    let (mut below, mut above) = (excess(low), excess(high));
    if below >= 0.0 {
        return POWERS.0;
    }
    if above <= 0.0 {
        return POWERS.1;
    }
    let mut last_side = 0i8;
    for _ in 0..STEPS {
        let at = (low * above - high * below) / (above - below);
        let value = excess(at);
        if value.abs() <= TOLERANCE * variation {
            return libm::exp(at);
        }
        if value > 0.0 {
            (high, above) = (at, value);
            if last_side == 1 {
                below /= 2.0;
            }
            last_side = 1;
        } else {
            (low, below) = (at, value);
            if last_side == -1 {
                above /= 2.0;
            }
            last_side = -1;
        }
    }
    libm::exp((low + high) / 2.0)
}

/// The gap of a Weibull distribution that a date falls into: its k-th power has a gamma
/// distribution, where k is the shape.
fn length_biased(gap: &Distribution, random: &mut Random) -> f64 {
    let (inverse_shape, scale) = parameters(gap);
    scale * libm::pow(gamma(1.0 + inverse_shape, random), inverse_shape)
}

/// One over the shape, and the scale: the quantiles at which the exponential distribution is 1 and
/// e are `scale` and `scale e^(1/shape)`.
fn parameters(weibull: &Distribution) -> (f64, f64) {
    let at = |exponential: f64| weibull.quantile(-libm::expm1(-exponential));
    let scale = at(1.0);
    (libm::log(at(std::f64::consts::E) / scale), scale)
}

fn scaled(weibull: &Distribution, factor: f64) -> Distribution {
    let (inverse_shape, scale) = parameters(weibull);
    Distribution::weibull(1.0 / inverse_shape, scale * factor)
        .unwrap_or_else(|_| Distribution::from(Duration::from_secs_f64(factor)))
}

/// A gamma variable with a shape of at least 1 and the scale 1 (G. Marsaglia and W. W. Tsang, "A
/// simple method for generating gamma variables", ACM TOMS 26(3), 2000).
fn gamma(shape: f64, random: &mut Random) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    let Ok(normal) = Distribution::normal(0.0, 1.0) else { return shape };
    loop {
        let x = normal.sample(random);
        let v = libm::pow(1.0 + c * x, 3.0);
        let u = random.uniform_open();
        if v > 0.0 && libm::log(u) < x * x / 2.0 + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::RandomStreams;

    use super::*;

    fn stream(name: &str) -> Random {
        RandomStreams::new(1).stream(name)
    }

    /// A gamma variable has its shape as its mean and as its variance: of 100,000 with the shape 3,
    /// the mean has a standard deviation of 0.0055.
    #[test]
    fn gamma_variables_have_the_mean_and_variance_of_their_shape() {
        let mut random = stream("gamma");
        for shape in [1.0, 1.5, 3.0] {
            let samples: Vec<f64> = (0..100_000).map(|_| gamma(shape, &mut random)).collect();
            let mean = samples.iter().sum::<f64>() / 1e5;
            let variance = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e5;
            assert!((mean - shape).abs() < 0.03, "{shape}: {mean}");
            assert!((variance - shape).abs() < 0.06 * shape, "{shape}: {variance}");
        }
    }

    /// The mean of a length-biased gap is `(1 + cv²)` times the mean of a gap.
    #[test]
    fn a_date_falls_into_long_gaps() {
        let mut random = stream("biased");
        for variation in [0.3, 1.0, 2.0] {
            let gap = Distribution::weibull_with_mean(1.0, variation).unwrap();
            let mean =
                (0..100_000).map(|_| length_biased(&gap, &mut random)).sum::<f64>() / 100_000.0;
            let expected = 1.0 + variation * variation;
            assert!((mean / expected - 1.0).abs() < 0.05, "{variation}: {mean}");
        }
    }

    /// In each of several periods there are as many invocations as there should be, and the gaps
    /// between them vary as they should.
    #[test]
    fn few_gaps_vary_as_they_should() {
        for (count, variation) in [(3u32, 0.5), (3, 0.9), (5, 1.2), (20, 3.0), (128, 0.1)] {
            let gap = Distribution::weibull_with_mean(1.0, variation).unwrap();
            let app = Regularity::Few { count, variation, gap };
            let (mut dates, mut at) = Dates::new(&app, 100.0, Time::ZERO, stream("few"));
            for period in 0..3u32 {
                let mut gaps = Vec::new();
                for index in 0..count {
                    let length_s = f64::from(count) * 100.0;
                    let end_s = f64::from(period + 1) * length_s + 1e-3;
                    let at_s = at.as_secs_f64();
                    assert!(at_s <= end_s && at_s >= end_s - length_s - 2e-3, "{at_s} {end_s}");
                    let next = dates.after(at, &app, 100.0, Time::ZERO);
                    if index + 1 < count {
                        gaps.push(next.since(at).as_secs_f64());
                    }
                    at = next;
                }
                let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
                let squares = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum::<f64>();
                let found = libm::sqrt(squares / gaps.len() as f64) / mean;
                assert!((found / variation - 1.0).abs() < 1e-3, "{count} {variation}: {found}");
            }
        }
    }
}
