//! Isotherm serverless.
