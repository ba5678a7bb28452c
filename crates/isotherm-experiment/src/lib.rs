//! Isotherm experiment.
pub mod units;
pub mod source;
pub mod tree;
pub mod diagnostic;
