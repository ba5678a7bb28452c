//! Many runs: sweeps, repetitions, comparison, search.

pub mod compare;
pub mod metric;
pub mod statistics;
