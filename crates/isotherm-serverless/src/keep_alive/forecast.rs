//! Forecasts the next value of a time series by small ARIMA models.
//!
//! [`next`] fits ARIMA(p, d, 0) models, with p up to [`MOST_LAGS`] and d up to 1, and returns the
//! expectation of the best one. With `z` the values (d = 0) or their differences (d = 1), a model
//! is
//!
//! > z(t) = c + φ₁ z(t−1) + … + φₚ z(t−p) + noise
//!
//! fitted by conditional least squares. The best model is selected by the corrected Akaike
//! information criterion (AICc; C. Hurvich and C. Tsai, *Regression and time series model selection
//! in small samples*, Biometrika 76, 1989):
//!
//! > n ln(RSS / n) + 2 k + 2 k (k + 1) / (n − k − 1)
//!
//! with `RSS` the sum of squares of the n residuals and k = p + 2 parameters. All models are
//! compared on one-step forecasts of the same values; ties go to the simplest.

/// The most preceding values that a model uses.
pub(super) const MOST_LAGS: usize = 2;

/// The leading values that are not forecast: as many as the largest model needs before them.
const SKIPPED: usize = MOST_LAGS + 1;

/// The unknowns of the largest model.
const MOST_UNKNOWNS: usize = MOST_LAGS + 1;

/// A forecast of the next value of a non-negative series; the mean if there are few values, and
/// `None` if there are none.
pub(super) fn next(values: &[f64]) -> Option<f64> {
    let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)?;
    // The mean is subtracted so that it does not hide the rest by rounding.
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let differences: Vec<f64> = centred.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let last = centred[centred.len() - 1];
    // Tiny residuals are rounding: no model is better for having smaller ones.
    let least = 1e-9 * mean;
    let mut best: Option<(f64, f64)> = None;
    for (series, skipped, from) in [(centred, SKIPPED, 0.0), (differences, SKIPPED - 1, last)] {
        for lags in 0..=MOST_LAGS {
            let Some(model) = Model::fit(&series, lags, skipped) else { continue };
            let Some(criterion) = model.criterion(least * least) else { continue };
            if best.is_none_or(|(other, _)| criterion < other) {
                best = Some((criterion, from + model.next(&series)));
            }
        }
    }
    let value = mean + best.map_or(0.0, |(_, value)| value);
    Some(if value.is_finite() { value.max(0.0) } else { mean })
}

/// An autoregressive model of a series.
struct Model {
    lags: usize,
    /// The constant, then the factors of the last value, the one before, and so on.
    coefficients: [f64; MOST_UNKNOWNS],
    /// The sum of squares of its residuals, and their number.
    squares: f64,
    told: usize,
}

impl Model {
    /// Fits a model to the values after the first `skipped`; `None` if they do not determine it.
    fn fit(series: &[f64], lags: usize, skipped: usize) -> Option<Model> {
        let unknowns = lags + 1;
        // The normal equations: the right side is the last column.
        let mut rows = [[0.0; MOST_UNKNOWNS + 1]; MOST_UNKNOWNS];
        for at in skipped..series.len() {
            let known = known(series, at, lags);
            for row in 0..unknowns {
                for column in 0..unknowns {
                    rows[row][column] += known[row] * known[column];
                }
                rows[row][MOST_UNKNOWNS] += known[row] * series[at];
            }
        }
        let coefficients = solve(rows, unknowns)?;
        let mut model = Model { lags, coefficients, squares: 0.0, told: 0 };
        for at in skipped..series.len() {
            let error = series[at] - model.value(series, at);
            model.squares += error * error;
            model.told += 1;
        }
        Some(model)
    }

    fn value(&self, series: &[f64], at: usize) -> f64 {
        known(series, at, self.lags)
            .iter()
            .zip(&self.coefficients)
            .map(|(known, factor)| known * factor)
            .sum()
    }

    fn next(&self, series: &[f64]) -> f64 {
        self.value(series, series.len())
    }

    /// AICc, the smaller the better, with a mean square of at least `least`; `None` if there are
    /// too few values.
    fn criterion(&self, least: f64) -> Option<f64> {
        let (n, k) = (self.told as f64, (self.lags + 2) as f64);
        let left = n - k - 1.0;
        (left > 0.0).then(|| {
            n * libm::log((self.squares / n).max(least)) + 2.0 * k + 2.0 * k * (k + 1.0) / left
        })
    }
}

/// The regressors of the value at `at`: 1 and the preceding values.
fn known(series: &[f64], at: usize, lags: usize) -> [f64; MOST_UNKNOWNS] {
    let mut known = [0.0; MOST_UNKNOWNS];
    known[0] = 1.0;
    for lag in 1..=lags {
        known[lag] = series[at - lag];
    }
    known
}

/// Solves linear equations, whose right side is the last column, by Gaussian elimination; `None` if
/// they are singular, or next to it.
fn solve(
    mut rows: [[f64; MOST_UNKNOWNS + 1]; MOST_UNKNOWNS],
    unknowns: usize,
) -> Option<[f64; MOST_UNKNOWNS]> {
    const RIGHT: usize = MOST_UNKNOWNS;
    let size = |row: &[f64; MOST_UNKNOWNS + 1]| {
        row[..unknowns].iter().fold(0.0, |most: f64, entry| most.max(entry.abs()))
    };
    let mut sizes = rows.each_ref().map(size);
    for at in 0..unknowns {
        let pivot = (at..unknowns)
            .max_by(|&one, &other| rows[one][at].abs().total_cmp(&rows[other][at].abs()))?;
        rows.swap(at, pivot);
        sizes.swap(at, pivot);
        if rows[at][at].abs() <= 1e-12 * sizes[at] {
            return None;
        }
        let above = rows[at];
        for row in &mut rows[at + 1..unknowns] {
            let factor = row[at] / above[at];
            for (entry, above) in row.iter_mut().zip(above).skip(at) {
                *entry -= factor * above;
            }
        }
    }
    let mut solution = [0.0; MOST_UNKNOWNS];
    for at in (0..unknowns).rev() {
        let known: f64 = (at + 1..unknowns).map(|column| rows[at][column] * solution[column]).sum();
        solution[at] = (rows[at][RIGHT] - known) / rows[at][at];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(values: &[f64], expected: f64) {
        let value = next(values).unwrap();
        assert!(
            (value - expected).abs() < 1e-6 * expected,
            "{value}, not {expected}, after {values:?}"
        );
    }

    #[test]
    fn few_values_give_their_mean() {
        assert_eq!(next(&[]), None);
        close(&[5.0], 5.0);
        close(&[4.0, 6.0, 11.0], 7.0);
    }

    #[test]
    fn what_is_always_the_same_stays_so() {
        close(&[18_000.0; 3], 18_000.0);
        close(&[18_000.0; 30], 18_000.0);
    }

    #[test]
    fn what_grows_goes_on_growing() {
        // z(t) - z(t-1) = 100: d = 1, no lag, c = 100.
        let line: Vec<f64> = (0..12).map(|step| 5_000.0 + 100.0 * f64::from(step)).collect();
        close(&line, 6_200.0);
    }

    #[test]
    fn what_takes_turns_goes_on_taking_turns() {
        // z(t) = 30 - z(t-1): one lag.
        let turns: Vec<f64> = (0..13).map(|step| if step % 2 == 0 { 10.0 } else { 20.0 }).collect();
        close(&turns, 20.0);
        close(&turns[..12], 10.0);
        // A weekend after two nights, in hours, again and again: z(t) = 88 - z(t-1) - z(t-2).
        let week: Vec<f64> = (0..15).map(|step| if step % 3 == 2 { 64.0 } else { 12.0 }).collect();
        close(&week, 12.0);
        close(&week[..14], 64.0);
    }

    #[test]
    fn noise_is_not_taken_for_a_pattern() {
        // Of numbers drawn on their own the mean is the best forecast; a model with lags comes near
        // it at most.
        let mut state = 1u32;
        let noise: Vec<f64> = (0..32)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                10_000.0 + f64::from(state >> 16) / 65_536.0 * 1_000.0
            })
            .collect();
        let mean = noise.iter().sum::<f64>() / 32.0;
        assert!((next(&noise).unwrap() - mean).abs() < 300.0);
    }

    #[test]
    fn a_forecast_is_a_number_that_is_not_negative() {
        let falling: Vec<f64> = (0..10).map(|step| 900.0 - 100.0 * f64::from(step)).collect();
        assert_eq!(next(&falling), Some(0.0));
        let wild: Vec<f64> = (0..32).map(|step| 10f64.powi(step % 17)).collect();
        assert!(next(&wild).unwrap().is_finite());
    }
}
