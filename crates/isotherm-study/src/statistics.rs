//! Means, intervals and differences of what was measured in several runs, or in the course of one.
//!
//! * Independent runs: [`Moments`] has the mean, the standard deviation and an interval of
//!   Student's t. Two sets of runs are compared by [`paired`] where runs of the same seed stand
//!   side by side, and by [`welch`] where they have nothing in common.
//! * One long run: its invocations depend on each other, so they are divided into consecutive
//!   batches that are nearly independent. [`batch_means`] makes the mean of each, which are then
//!   treated like runs; [`Blocks`] draws whole batches for the interval of a percentile.
//!
//! The same numbers give the same intervals: what is drawn at random comes from a named stream with
//! a fixed seed, and quantiles are rounded to ten digits, which is what all machines agree on.
//!
//! ```
//! use isotherm_study::statistics::{LEVEL, Moments};
//!
//! let p99: Moments = [1.9, 2.1, 2.0, 2.2, 1.8].into_iter().collect();
//! let interval = p99.interval(LEVEL).unwrap();
//! assert!(interval.contains(2.0) && !interval.contains(2.3));
//! ```

use isotherm_kernel::{Random, RandomStreams};
use serde::Serialize;
use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};

/// The level of confidence of all intervals unless another one is said.
pub const LEVEL: f64 = 0.95;

/// The number of batches that a run is divided into: more would be less independent, and fewer
/// than ten would make the interval wide (Schmeiser, *Batch size effects in the analysis of
/// simulation output*, Operations Research 30, 1982).
pub const BATCHES: usize = 20;

/// The number of blocks of a run for the interval of a percentile. A bootstrap of k blocks
/// understates the variance by a part of 1/k.
pub const BLOCKS: usize = 50;

/// How often blocks are drawn for an interval.
pub const DRAWS: usize = 1_000;

/// An interval, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// The interval of so much on both sides of a value.
    #[must_use]
    pub fn around(value: f64, half: f64) -> Self {
        Interval { low: value - half, high: value + half }
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Half of its width.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Both ends divided by a number of more than zero.
    #[must_use]
    pub fn divided_by(&self, number: f64) -> Self {
        Interval { low: self.low / number, high: self.high / number }
    }
}

/// Number, mean and variance of values, added one by one (Welford, Technometrics 4, 1962). Equal
/// values have exactly their value as mean and exactly no deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

impl Moments {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; `None` if there are none.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Their variance, Σ(xᵢ - x̄)²/(n - 1); `None` if there are fewer than two.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }

    /// Their standard deviation, √(Σ(xᵢ - x̄)²/(n - 1)); `None` if there are fewer than two.
    #[must_use]
    pub fn standard_deviation(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// The two-sided confidence interval of the expected value, x̄ ± t(1 - α/2; n - 1)·s/√n with
    /// α = 1 - `level`, for independent values that are about normal (Law, *Simulation Modeling and
    /// Analysis*, §4.5); `None` if there are fewer than two.
    #[must_use]
    pub fn interval(&self, level: f64) -> Option<Interval> {
        let error = (self.variance()? / self.count as f64).sqrt();
        Some(student(self.mean, error, (self.count - 1) as f64, level))
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Moments::default();
        values.into_iter().for_each(|value| moments.add(value));
        moments
    }
}

/// The value that a variable of Student's t distribution is at or below with this probability,
/// rounded to ten digits. `None` unless the probability lies between 0 and 1 and there is more than
/// nothing of degrees of freedom.
#[must_use]
pub fn t_quantile(probability: f64, degrees: f64) -> Option<f64> {
    if !(probability > 0.0 && probability < 1.0 && degrees.is_finite()) {
        return None;
    }
    let distribution = StudentsT::new(0.0, 1.0, degrees).ok()?;
    let mut quantile = distribution.inverse_cdf(probability);
    // The inverse is inexact for many degrees of freedom; the function itself is not (Newton).
    for _ in 0..3 {
        quantile -= (distribution.cdf(quantile) - probability) / distribution.pdf(quantile);
    }
    // Of logarithms and powers machines may give other last digits.
    format!("{quantile:.9e}").parse().ok()
}

/// The interval around a mean that has this standard error. Without an error there is none of the
/// t distribution either.
fn student(mean: f64, error: f64, degrees: f64, level: f64) -> Interval {
    let half = match t_quantile((1.0 + level) / 2.0, degrees) {
        _ if error == 0.0 => 0.0,
        Some(quantile) => quantile * error,
        None => f64::INFINITY,
    };
    Interval::around(mean, half)
}

/// The interval of the expected difference `after` - `before` of pairs, such as runs with the same
/// seed: that of Student's t for the differences (paired t; Law, §10.2.1). Pairs that do not differ
/// have exactly `[0, 0]`. `None` if there are fewer than two pairs.
#[must_use]
pub fn paired(pairs: impl IntoIterator<Item = (f64, f64)>, level: f64) -> Option<Interval> {
    let differences: Moments = pairs.into_iter().map(|(before, after)| after - before).collect();
    differences.interval(level)
}

/// The interval of the expected difference `after` - `before` of two independent sets of values,
/// whose variances may differ (Welch, Biometrika 34, 1947; Law, §10.2.2): d ± t(1 - α/2; f)·√(u +
/// v) with u = s₁²/n₁, v = s₂²/n₂ and f = (u + v)²/(u²/(n₁ - 1) + v²/(n₂ - 1)). `None` if one has
/// fewer than two.
#[must_use]
pub fn welch(before: &Moments, after: &Moments, level: f64) -> Option<Interval> {
    let (error, degrees) = welch_error(before, after)?;
    Some(student(after.mean - before.mean, error, degrees, level))
}

/// The standard error of the difference of two means, and its degrees of freedom.
fn welch_error(before: &Moments, after: &Moments) -> Option<(f64, f64)> {
    let of_mean = |of: &Moments| Some(of.variance()? / of.count as f64);
    let (u, v) = (of_mean(before)?, of_mean(after)?);
    let freedom = |of: &Moments| (of.count - 1) as f64;
    let degrees = (u + v) * (u + v) / (u * u / freedom(before) + v * v / freedom(after));
    Some(((u + v).sqrt(), degrees))
}

/// The interval of the expected difference of pairs as a part of the expected value of `before`:
/// all ρ for which the paired t test does not tell `after` from (1 + ρ)·`before` (Fieller, Journal
/// of the Royal Statistical Society B 16, 1954). So it has 0 in it if [`paired`] has. `None` if
/// there are fewer than two pairs, if it cannot be told that the expected value of `before` is
/// above 0, or if the interval goes below -1: values are presumed not to be negative.
#[must_use]
pub fn paired_relative(pairs: &[(f64, f64)], level: f64) -> Option<Interval> {
    let before: Moments = pairs.iter().map(|pair| pair.0).collect();
    let difference: Moments = pairs.iter().map(|(before, after)| after - before).collect();
    let relative = difference.mean()? / before.mean;
    let left = |(before, after): &(f64, f64)| after - before - relative * before;
    let rest: Moments = pairs.iter().map(left).collect();
    let products = pairs.iter().map(|pair| left(pair) * (pair.0 - before.mean)).sum::<f64>();
    let (count, degrees) = (before.count as f64, before.count as f64 - 1.0);
    let [of_rest, of_both, of_before] =
        [rest.variance()?, products / degrees, before.variance()?].map(|variance| variance / count);
    fieller(relative, before.mean, [of_rest, of_both, of_before], degrees, level)
}

/// The interval of the expected difference of two independent sets as a part of the expected value
/// of `before`, which belongs to [`welch`] as [`paired_relative`] does to [`paired`]. `None` as
/// there.
#[must_use]
pub fn welch_relative(before: &Moments, after: &Moments, level: f64) -> Option<Interval> {
    let (error, degrees) = welch_error(before, after)?;
    let of_before = before.variance()? / before.count as f64;
    let relative = (after.mean - before.mean) / before.mean;
    let ratio = 1.0 + relative;
    let of_after = error * error - of_before;
    let variances = [of_after + ratio * ratio * of_before, -ratio * of_before, of_before];
    fieller(relative, before.mean, variances, degrees, level)
}

/// The interval of ρ around `relative` = ȳ/x̄ - 1: with e = y - (ȳ/x̄)·x, all ρ = `relative` + ε
/// for which (ε·x̄)² is at most t²·Var(ē - ε·x̄). The variances are those of ē, of ē with x̄, and
/// of x̄.
fn fieller(
    relative: f64,
    mean: f64,
    [of_rest, of_both, of_before]: [f64; 3],
    degrees: f64,
    level: f64,
) -> Option<Interval> {
    if of_rest == 0.0 && mean > 0.0 {
        return Some(Interval::around(relative, 0.0));
    }
    let quantile = t_quantile((1.0 + level) / 2.0, degrees)?;
    let [rest, both, before] =
        [of_rest, of_both, of_before].map(|variance| quantile * quantile * variance);
    let above = mean * mean - before;
    if mean <= 0.0 || above <= 0.0 {
        return None;
    }
    let root = (both * both + above * rest).sqrt();
    let end = |distance: f64| relative + distance / above;
    let interval = Interval { low: end(-both - root), high: end(-both + root) };
    (interval.low >= -1.0).then_some(interval)
}

/// The number of a batch among `batches` consecutive ones that are as equally long as can be, for
/// the element `index` of `count`.
#[must_use]
pub fn batch_of(index: usize, count: usize, batches: usize) -> usize {
    (index as u128 * batches as u128 / count.max(1) as u128) as usize
}

/// The means of consecutive batches of the values of one run, in their order. `None` if there are
/// fewer than two values for each.
///
/// Batches that are much longer than what happens in the run (queues, keep-alive) are nearly
/// independent, so their means can be treated like those of runs: [`Moments::interval`]. That holds
/// for a run in its steady state; leave the beginning out with `measure`.
#[must_use]
pub fn batch_means(values: &[f64], batches: usize) -> Option<Vec<f64>> {
    if batches == 0 || values.len() < 2 * batches {
        return None;
    }
    let mut means = vec![Moments::default(); batches];
    for (index, &value) in values.iter().enumerate() {
        means[batch_of(index, values.len(), batches)].add(value);
    }
    means.iter().map(Moments::mean).collect()
}

/// The value of the nearest rank: the smallest one with at least `percent` of all at or below it,
/// as in `summary.json`. `None` if there are no values.
#[must_use]
pub fn percentile(values: &[f64], percent: u32) -> Option<f64> {
    Blocks::single(values).percentile(&vec![1; values.len()], percent)
}

/// Values in blocks, of which whole ones are drawn for the interval of a percentile.
///
/// The *bootstrap* draws as many blocks as there are, with replacement, and takes the percentile of
/// the values that are in them, [`DRAWS`] times. The interval reaches from the α/2 to the 1 - α/2
/// quantile of these (percentile method; Efron and Tibshirani, *An Introduction to the Bootstrap*,
/// §13.3). Values that depend on those near them are in one block with these (Carlstein, Annals of
/// Statistics 14, 1986); independent ones have a block each.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Each value with its block, in ascending order.
    sorted: Vec<(f64, u32)>,
    /// How many values each block has.
    sizes: Vec<u64>,
}

impl Blocks {
    /// Values, each with the number of its block below `count`. Numbers that are higher are taken
    /// for the last.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = (f64, usize)>, count: usize) -> Self {
        let count = count.max(1);
        let mut sizes = vec![0; count];
        let mut sorted = Vec::new();
        for (value, block) in values {
            let block = block.min(count - 1);
            sizes[block] += 1;
            sorted.push((value, block as u32));
        }
        sorted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Blocks { sorted, sizes }
    }

    /// Independent values: a block for each.
    #[must_use]
    pub fn single(values: &[f64]) -> Self {
        Blocks::new(values.iter().enumerate().map(|(index, &value)| (value, index)), values.len())
    }

    /// The percentile of nearest rank of all values.
    #[must_use]
    pub fn of_all(&self, percent: u32) -> Option<f64> {
        self.percentile(&vec![1; self.sizes.len()], percent)
    }

    /// The percentile of nearest rank, each value counted as often as its block.
    fn percentile(&self, times: &[u64], percent: u32) -> Option<f64> {
        let total: u64 = self.sizes.iter().zip(times).map(|(size, times)| size * times).sum();
        if total == 0 {
            return None;
        }
        let rank = (total * u64::from(percent)).div_ceil(100).clamp(1, total);
        // From the nearer end.
        let from_top = total - rank + 1;
        match rank <= from_top {
            true => reached(self.sorted.iter(), times, rank),
            false => reached(self.sorted.iter().rev(), times, from_top),
        }
    }

    /// The interval of a percentile; `None` if there are fewer than two values.
    #[must_use]
    pub fn interval(&self, percent: u32, level: f64) -> Option<Interval> {
        if self.sorted.len() < 2 {
            return None;
        }
        let mut drawn = Drawn::new(self.sizes.len());
        ends((0..DRAWS).filter_map(|_| self.percentile(drawn.next(), percent)).collect(), level)
    }

    /// The interval of the difference of a percentile, `after` - `before`. If they are paired,
    /// block by block, the same blocks are drawn of both, so that what is equal in both has exactly
    /// `[0, 0]`. `None` if one has fewer than two values, or paired ones not as many blocks.
    #[must_use]
    pub fn difference(
        before: &Blocks,
        after: &Blocks,
        are_paired: bool,
        percent: u32,
        level: f64,
    ) -> Option<Interval> {
        let differ = before.sizes.len() != after.sizes.len();
        if before.sorted.len().min(after.sorted.len()) < 2 || (are_paired && differ) {
            return None;
        }
        let mut drawn = Drawn::new(before.sizes.len());
        // It goes on where the first stream would, far from it.
        let mut others =
            Drawn { random: drawn.random.branch("other"), ..Drawn::new(after.sizes.len()) };
        let draw = |_| {
            let times = drawn.next();
            let earlier = before.percentile(times, percent);
            let later = match are_paired {
                true => after.percentile(times, percent),
                false => after.percentile(others.next(), percent),
            };
            Some(later? - earlier?)
        };
        ends((0..DRAWS).filter_map(draw).collect(), level)
    }
}

/// The value at which so many are passed, each counted as often as its block.
fn reached<'a>(
    sorted: impl Iterator<Item = &'a (f64, u32)>,
    times: &[u64],
    rank: u64,
) -> Option<f64> {
    let mut passed = 0;
    for (value, block) in sorted {
        passed += times[*block as usize];
        if passed >= rank {
            return Some(*value);
        }
    }
    None
}

/// What lies between the outer parts of what was drawn.
fn ends(mut drawn: Vec<f64>, level: f64) -> Option<Interval> {
    drawn.sort_by(f64::total_cmp);
    let outside = ((1.0 - level) / 2.0 * drawn.len() as f64) as usize;
    let (low, high) = (drawn.get(outside)?, drawn.get(drawn.len() - 1 - outside)?);
    Some(Interval { low: *low, high: *high })
}

/// How often each block is drawn.
struct Drawn {
    random: Random,
    times: Vec<u64>,
}

impl Drawn {
    fn new(blocks: usize) -> Self {
        let random = RandomStreams::new(0).stream("study/bootstrap");
        Drawn { random, times: vec![0; blocks] }
    }

    /// Draws anew.
    fn next(&mut self) -> &[u64] {
        self.times.fill(0);
        let blocks = self.times.len() as u64;
        for _ in 0..blocks {
            self.times[self.random.below(blocks) as usize] += 1;
        }
        &self.times
    }
}

#[cfg(test)]
mod tests {
    use isotherm_kernel::Distribution;

    use super::*;

    /// How many of a thousand trials hold, each with a stream of its own.
    fn of_thousand(holds: impl Fn(&mut Random) -> bool) -> usize {
        let streams = RandomStreams::new(7);
        (0..1_000).filter(|trial| holds(&mut streams.stream(&format!("trial/{trial}")))).count()
    }

    fn sample(distribution: &Distribution, count: usize, random: &mut Random) -> Vec<f64> {
        (0..count).map(|_| distribution.sample(random)).collect()
    }

    fn moments(values: &[f64]) -> Moments {
        values.iter().copied().collect()
    }

    fn assert_close(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 1e-8 * expected.abs().max(1.0), "{got}, not {expected}");
    }

    /// The sum of the squared distances from the mean 5 is 32.
    #[test]
    fn moments_are_those_of_the_textbook() {
        let moments = moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((moments.count(), moments.mean()), (8, Some(5.0)));
        assert_close(moments.variance().unwrap(), 32.0 / 7.0);
        assert_close(moments.standard_deviation().unwrap(), 2.138_089_935_299_395);
    }

    #[test]
    fn too_few_values_say_nothing() {
        assert_eq!((moments(&[]).mean(), moments(&[]).interval(LEVEL)), (None, None));
        assert_eq!((moments(&[3.0]).mean(), moments(&[3.0]).interval(LEVEL)), (Some(3.0), None));
        assert_eq!(welch(&moments(&[1.0]), &moments(&[1.0, 2.0]), LEVEL), None);
        assert_eq!(paired([(1.0, 2.0)], LEVEL), None);
        assert_eq!(batch_means(&[1.0; 39], BATCHES), None);
        assert_eq!((percentile(&[], 50), Blocks::single(&[1.0]).interval(50, LEVEL)), (None, None));
    }

    #[test]
    fn equal_values_have_no_deviation_at_all() {
        let tenths = moments(&[0.1; 10]);
        assert_eq!((tenths.mean(), tenths.standard_deviation()), (Some(0.1), Some(0.0)));
        assert_eq!(tenths.interval(LEVEL), Some(Interval { low: 0.1, high: 0.1 }));
        assert_eq!(welch(&tenths, &tenths, LEVEL), Some(Interval { low: 0.0, high: 0.0 }));
    }

    /// From the tables of statistics.
    #[test]
    fn quantiles_of_t_are_those_of_tables() {
        for (probability, degrees, expected) in [
            (0.975, 1.0, 12.706_204_736),
            (0.975, 2.0, 4.302_652_730),
            (0.995, 4.0, 4.604_094_871),
            (0.975, 5.0, 2.570_581_836),
            (0.95, 7.0, 1.894_578_605),
            (0.975, 9.0, 2.262_157_163),
            (0.975, 30.0, 2.042_272_456),
            (0.025, 10.0, -2.228_138_852),
            (0.975, 120.0, 1.979_930_405),
            (0.975, 1_000.0, 1.962_339_081),
        ] {
            let quantile = t_quantile(probability, degrees).unwrap();
            assert!((quantile - expected).abs() < 1e-8, "{probability}, {degrees}: {quantile}");
        }
        // With so many degrees it is the normal distribution, whose quantile is 1.959963985.
        let many = t_quantile(0.975, 1e6).unwrap();
        assert!((many - 1.959_966).abs() < 1e-5, "{many}");
        assert_eq!(t_quantile(0.5, 0.0), None);
        assert_eq!(t_quantile(1.0, 3.0), None);
    }

    /// One degree has the quantile tan(π(p - 1/2)), two have (2p - 1)/√(2p(1 - p)).
    #[test]
    fn quantiles_of_few_degrees_have_a_closed_form() {
        for percent in [60, 75, 90, 95, 99] {
            let p = f64::from(percent) / 100.0;
            assert_close(t_quantile(p, 1.0).unwrap(), (std::f64::consts::PI * (p - 0.5)).tan());
            let two = (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt();
            assert_close(t_quantile(p, 2.0).unwrap(), two);
        }
    }

    /// s = √2.5, t(0.975; 4) = 2.776445105: 3 ± 1.963243161.
    #[test]
    fn an_interval_by_hand() {
        let interval = moments(&[1.0, 2.0, 3.0, 4.0, 5.0]).interval(LEVEL).unwrap();
        assert_close(interval.low, 1.036_756_838_5);
        assert_close(interval.half_width(), 1.963_243_161_5);
    }

    /// Variances of the means: 1/3 and 4/3; degrees of freedom: (5/3)²/((1/9 + 16/9)/2) = 50/17.
    #[test]
    fn an_interval_of_welch_by_hand() {
        let (one, two) = (moments(&[1.0, 2.0, 3.0]), moments(&[8.0, 10.0, 12.0]));
        let interval = welch(&one, &two, LEVEL).unwrap();
        let half = t_quantile(0.975, 50.0 / 17.0).unwrap() * (5.0f64 / 3.0).sqrt();
        assert_close(interval.low, 8.0 - half);
        assert_close(interval.high, 8.0 + half);
    }

    #[test]
    fn pairs_show_what_their_spread_would_hide() {
        let pairs = [(1.0, 1.5), (10.0, 10.4), (100.0, 100.6)];
        assert!(paired(pairs, LEVEL).unwrap().low > 0.0);
        let of = |pick: fn(&(f64, f64)) -> f64| pairs.iter().map(pick).collect();
        assert!(welch(&of(|pair| pair.0), &of(|pair| pair.1), LEVEL).unwrap().contains(0.0));
        assert_eq!(paired([(0.1, 0.1), (0.7, 0.7)], LEVEL).unwrap(), Interval::around(0.0, 0.0));
    }

    /// A tenth less of everything, in seeds that bring from 50 to 100.
    #[test]
    fn differences_that_grow_with_the_value_are_parts_of_it() {
        let pairs = [(50.0, 45.0), (60.0, 54.0), (100.0, 90.0)];
        let part = paired_relative(&pairs, LEVEL).unwrap();
        assert_close(part.low, -0.1);
        assert_close(part.high, -0.1);
        let same = [(0.1, 0.1), (0.7, 0.7)];
        assert_eq!(paired_relative(&same, LEVEL).unwrap(), Interval::around(0.0, 0.0));
        // Nothing is a part of what may be nothing.
        for pairs in [&[(0.0, 1.0), (0.0, 2.0)][..], &[(1.0, 1.0)], &[(-1.0, 2.0), (2.0, 7.0)]] {
            assert_eq!(paired_relative(pairs, LEVEL), None, "{pairs:?}");
        }
    }

    /// At its ends, the other test just tells a difference.
    #[test]
    fn parts_end_where_the_test_of_the_difference_does() {
        let pairs = [(9.0, 4.0), (11.0, 7.0), (12.0, 5.0), (10.0, 6.0), (8.0, 5.0)];
        let part = paired_relative(&pairs, LEVEL).unwrap();
        assert!(part.low > -1.0 && part.high < 0.0, "{part:?}");
        let left = |end: f64| pairs.map(|(before, after)| ((1.0 + end) * before, after));
        assert_close(paired(left(part.low), LEVEL).unwrap().low, 0.0);
        assert_close(paired(left(part.high), LEVEL).unwrap().high, 0.0);
        let of = |pick: fn(&(f64, f64)) -> f64| pairs.iter().map(pick).collect::<Moments>();
        let (before, after) = (of(|pair| pair.0), of(|pair| pair.1));
        let part = welch_relative(&before, &after, LEVEL).unwrap();
        // Var(ȳ) = 1.3/5, Var(x̄) = 2.5/5, by hand; the degrees are those of the difference.
        let degrees = 0.76f64.powi(2) / (0.26f64.powi(2) / 4.0 + 0.25 / 4.0);
        let quantile = t_quantile(0.975, degrees).unwrap();
        for end in [part.low, part.high] {
            let error = (0.26 + (1.0 + end).powi(2) * 0.5).sqrt();
            assert_close((5.4 - (1.0 + end) * 10.0).abs(), quantile * error);
        }
    }

    #[test]
    fn intervals_of_parts_cover_the_part() {
        let of_seed = Distribution::normal(100.0, 15.0).unwrap();
        let part = Distribution::normal(0.8, 0.1).unwrap();
        let noise = Distribution::normal(0.0, 5.0).unwrap();
        let covered = of_thousand(|random: &mut Random| {
            let seeds = sample(&of_seed, 20, random);
            let pair = |before| (before, before * part.sample(random) + noise.sample(random));
            let pairs: Vec<(f64, f64)> = seeds.into_iter().map(pair).collect();
            paired_relative(&pairs, LEVEL).unwrap().contains(-0.2)
        });
        assert!((930..=970).contains(&covered), "{covered}");
        let covered = of_thousand(|random: &mut Random| {
            let one = moments(&sample(&of_seed, 20, random));
            let other: Moments =
                sample(&of_seed, 20, random).into_iter().map(|value| 0.8 * value).collect();
            welch_relative(&one, &other, LEVEL).unwrap().contains(-0.2)
        });
        assert!((930..=970).contains(&covered), "{covered}");
    }

    #[test]
    fn intervals_of_normal_values_cover_the_mean() {
        let normal = Distribution::normal(100.0, 15.0).unwrap();
        let covers = |random: &mut Random| {
            moments(&sample(&normal, 10, random)).interval(LEVEL).unwrap().contains(100.0)
        };
        let covered = of_thousand(covers);
        assert!((930..=970).contains(&covered), "{covered}");
    }

    #[test]
    fn sets_with_nothing_in_common_differ_by_chance_only() {
        let normal = Distribution::normal(3.0, 0.5).unwrap();
        let same = |random: &mut Random| {
            let sets = [0, 1].map(|_| moments(&sample(&normal, 10, random)));
            welch(&sets[0], &sets[1], LEVEL).unwrap().contains(0.0)
        };
        let told = of_thousand(same);
        assert!((930..=970).contains(&told), "{told}");
    }

    #[test]
    fn batches_are_consecutive_and_as_long_as_can_be() {
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        assert_eq!(batch_means(&values, 5), Some(vec![0.5, 2.5, 4.5, 6.5, 8.5]));
        // Of three, one has a value more.
        assert_eq!(batch_means(&values, 3), Some(vec![1.5, 5.0, 8.0]));
        assert_eq!(batch_of(9, 10, 3), 2);
    }

    /// xₙ = 0.8 xₙ₋₁ + εₙ, in batches of 400. As if they were independent, the values would give an
    /// interval that is √((1 + 0.8)/(1 - 0.8)) = 3 times too narrow.
    #[test]
    fn batches_cover_the_mean_of_values_that_depend_on_each_other() {
        let normal = Distribution::normal(0.0, 1.0).unwrap();
        let covers = |random: &mut Random| {
            let mut last = 0.0;
            let mut next = || {
                last = 0.8 * last + normal.sample(random);
                last
            };
            let values: Vec<f64> = (0..8_000).map(|_| next()).collect();
            let means = batch_means(&values, BATCHES).unwrap();
            moments(&means).interval(LEVEL).unwrap().contains(0.0)
        };
        let covered = of_thousand(covers);
        assert!((930..=970).contains(&covered), "{covered}");
    }

    #[test]
    fn percentiles_use_the_nearest_rank() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(
            [50, 95, 99, 100].map(|percent| percentile(&values, percent).unwrap()),
            [100.0, 190.0, 198.0, 200.0]
        );
        assert_eq!([0, 1, 50].map(|percent| percentile(&[7.0], percent)), [Some(7.0); 3]);
    }

    /// A block that is drawn twice has its values twice: 1 1 2 2 9 9 9 9.
    #[test]
    fn a_block_counts_as_often_as_it_is_drawn() {
        let blocks = Blocks::new([(9.0, 1), (1.0, 0), (5.0, 2), (2.0, 0), (9.0, 1)], 3);
        let of = |percent| blocks.percentile(&[2, 2, 0], percent);
        assert_eq!([25, 50, 51, 100].map(of), [Some(1.0), Some(2.0), Some(9.0), Some(9.0)]);
        assert_eq!(blocks.percentile(&[0, 0, 0], 50), None);
        assert_eq!(blocks.of_all(60), Some(5.0));
    }

    /// The median of an exponential distribution is ln 2 times its mean.
    #[test]
    fn a_bootstrap_covers_the_percentile() {
        let exponential = Distribution::exponential_with_mean(1.0).unwrap();
        let median = std::f64::consts::LN_2;
        let covers = |random: &mut Random| {
            let values = sample(&exponential, 100, random);
            Blocks::single(&values).interval(50, LEVEL).unwrap().contains(median)
        };
        let covered = of_thousand(covers);
        assert!((930..=970).contains(&covered), "{covered}");
    }

    #[test]
    fn paired_blocks_that_are_equal_differ_by_nothing() {
        let exponential = Distribution::exponential_with_mean(1.0).unwrap();
        let values = sample(&exponential, 500, &mut RandomStreams::new(1).stream("values"));
        let blocks = |factor: f64| {
            let valued = |(index, value): (usize, &f64)| {
                (factor * value, batch_of(index, values.len(), BLOCKS))
            };
            Blocks::new(values.iter().enumerate().map(valued), BLOCKS)
        };
        let difference = |factor, are_paired| {
            Blocks::difference(&blocks(1.0), &blocks(factor), are_paired, 95, LEVEL).unwrap()
        };
        assert_eq!(difference(1.0, true), Interval { low: 0.0, high: 0.0 });
        assert!(difference(1.0, false).low < 0.0 && difference(1.0, false).high > 0.0);
        // A tenth more is certain of pairs, and lost in the spread otherwise.
        assert!(difference(1.1, true).low > 0.0);
        assert!(difference(1.1, false).contains(0.0));
        assert_eq!(difference(1.1, false), difference(1.1, false));
    }

    #[test]
    fn percentiles_of_disjoint_runs_differ_by_chance_only() {
        let exponential = Distribution::exponential_with_mean(1.0).unwrap();
        let same = |random: &mut Random| {
            let [one, other] = [0, 1].map(|_| {
                let values = sample(&exponential, 500, random);
                let valued = |(index, value)| (value, batch_of(index, 500, BLOCKS));
                Blocks::new(values.into_iter().enumerate().map(valued), BLOCKS)
            });
            Blocks::difference(&one, &other, false, 95, LEVEL).unwrap().contains(0.0)
        };
        let told = of_thousand(same);
        assert!((930..=970).contains(&told), "{told}");
    }
}
