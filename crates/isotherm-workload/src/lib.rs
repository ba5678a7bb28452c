//! Isotherm workload.
