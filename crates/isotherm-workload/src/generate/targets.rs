//! Which function is invoked.

use std::sync::Arc;

use isotherm_kernel::{Distribution, DistributionError, Random};

/// Which function each arrival invokes: always the same, or one of several, drawn by popularity.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    functions: Arc<[u32]>,
    /// The rank of the function, from 1; nothing is drawn for a single function.
    rank: Option<Distribution>,
    exponent: f64,
}

impl Targets {
    /// Always this function.
    #[must_use]
    pub fn one(function: u32) -> Self {
        Targets { functions: Arc::new([function]), rank: None, exponent: 0.0 }
    }

    /// One of these functions: the k-th with a probability in proportion to `k^-exponent` (Zipf).
    /// With an exponent of 0 all are alike. Popularities of functions in the Azure trace are far
    /// more skewed than those of web pages, whose exponent is about 1.
    ///
    /// # Errors
    /// No function or more than 10 million, or an exponent below zero.
    pub fn zipf(functions: Vec<u32>, exponent: f64) -> Result<Self, DistributionError> {
        let rank = Distribution::zipf(functions.len() as u64, exponent)?;
        let rank = (functions.len() > 1).then_some(rank);
        Ok(Targets { functions: functions.into(), rank, exponent })
    }

    /// The functions, the most popular first.
    #[must_use]
    pub fn functions(&self) -> &[u32] {
        &self.functions
    }

    /// By which power popularity falls with rank.
    #[must_use]
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// With which probability each of them is invoked.
    pub fn shares(&self) -> impl Iterator<Item = f64> {
        let weight = |rank: usize| libm::pow((rank + 1) as f64, -self.exponent);
        let total: f64 = (0..self.functions.len()).map(weight).sum();
        (0..self.functions.len()).map(move |rank| weight(rank) / total)
    }

    /// The next one. Takes a word from the stream if there are several.
    pub fn choose(&self, random: &mut Random) -> u32 {
        let rank = self.rank.as_ref().map_or(1, |rank| rank.sample(random) as usize);
        self.functions.get(rank - 1).copied().unwrap_or_default()
    }
}
