//! Many runs: sweeps, repetitions, comparison, search.

pub mod statistics;
