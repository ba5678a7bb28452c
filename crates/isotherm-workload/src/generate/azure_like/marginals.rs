//! The published quantiles, and points at which they are read.
//!
//! The n-th app does not draw independently of the others: the five probabilities at which its
//! quantities are read are the n-th point of a low-discrepancy sequence in five dimensions, shifted
//! by a random amount in each (a Cranley-Patterson rotation, so that every probability is uniformly
//! distributed over the seeds). Any number of first apps covers every quantity, and every pair of
//! them, far more evenly than independent draws would. The sequence is the additive recurrence of
//! the generalised golden ratio: the n-th point is `shift + n (1/φ, 1/φ², …)` modulo 1, where φ
//! solves `x^(d + 1) = x + 1` (M. Roberts, "The Unreasonable Effectiveness of Quasirandom
//! Sequences", 2018).

use isotherm_kernel::{Distribution, RandomStreams};

const TABLE: &str = include_str!("../../../data/azure2019-marginals.csv");

/// Solves `x^6 = x + 1`.
const RATIO_OF_FIVE: f64 = 1.134_724_138_401_519_4;

/// Solves `x^2 = x + 1`.
const RATIO_OF_ONE: f64 = 1.618_033_988_749_895;

/// The quantiles of the table, linear in between.
pub(super) struct Marginals {
    pub(super) execution_ms: Distribution,
    pub(super) memory_mb: Distribution,
    /// Invocations per app in 14 days.
    pub(super) invocations: Distribution,
    /// The coefficient of variation of the gaps of an app.
    pub(super) variation: Distribution,
    pub(super) functions: Distribution,
}

impl Marginals {
    pub(super) fn published() -> Option<Self> {
        let rows: Vec<Vec<f64>> = TABLE
            .lines()
            .skip(1)
            .map(|line| line.split(',').filter_map(|cell| cell.parse().ok()).collect())
            .collect();
        let column = |index: usize| {
            let mut quantiles: Vec<(f64, f64)> =
                rows.iter().filter_map(|row| Some((*row.first()?, *row.get(index)?))).collect();
            // The lowest one percent is not known; it counts as the lowest value that is.
            let lowest = quantiles.first()?.1;
            quantiles.insert(0, (0.0, lowest));
            Distribution::empirical(&quantiles).ok()
        };
        Some(Marginals {
            execution_ms: column(1)?,
            memory_mb: column(2)?,
            invocations: column(3)?,
            variation: column(4)?,
            functions: column(5)?,
        })
    }
}

/// The share of the values of a distribution that are less than this.
pub(super) fn share_below(distribution: &Distribution, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if distribution.quantile(middle) < value {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The probabilities at which the quantities of an app are read.
pub(super) struct Point {
    pub(super) invocations: f64,
    pub(super) functions: f64,
    pub(super) memory: f64,
    pub(super) variation: f64,
    pub(super) timer: f64,
}

/// A sequence of points for apps, and one of numbers for their functions.
pub(super) struct Points {
    shifts: [f64; 5],
    of_functions: f64,
}

impl Points {
    pub(super) fn new(streams: &RandomStreams, path: &str) -> Self {
        let mut random = streams.stream(&format!("{path}/population"));
        Points { shifts: [(); 5].map(|()| random.uniform()), of_functions: random.uniform() }
    }

    pub(super) fn of_app(&self, number: u32) -> Point {
        let mut step = 1.0;
        let [invocations, functions, memory, variation, timer] = self.shifts.map(|shift| {
            step /= RATIO_OF_FIVE;
            fraction(f64::from(number).mul_add(step, shift))
        });
        Point { invocations, functions, memory, variation, timer }
    }

    pub(super) fn of_function(&self, number: u32) -> f64 {
        fraction(f64::from(number).mul_add(1.0 / RATIO_OF_ONE, self.of_functions))
    }
}

fn fraction(value: f64) -> f64 {
    value - value.floor()
}
