//! Many runs: sweeps, repetitions, comparison, search.
