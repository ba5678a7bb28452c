//! The ranges of parameters that several generators have in common.

use isotherm_kernel::Time;

use crate::WorkloadError;

/// The highest rate per second: at more, arrivals would fall onto the same nanosecond.
pub(super) const HIGHEST_RATE: f64 = 1e9;

/// Checks that a generator has an end, and that it is not before its beginning.
pub(super) fn check_span(
    from: Time,
    until: Option<Time>,
    count: Option<u64>,
) -> Result<(), WorkloadError> {
    let wrong =
        |parameter, expected, got| WorkloadError::parameter("generated", parameter, expected, got);
    match (until, count) {
        (None, None) => Err(WorkloadError::Endless),
        (Some(until), _) if until <= from => wrong("end", "after its beginning", until.to_string()),
        (_, Some(0)) => wrong("count", "at least 1", 0.to_string()),
        _ => Ok(()),
    }
}

/// Checks a rate that must not be zero.
pub(super) fn check_rate(workload: &'static str, rate_per_s: f64) -> Result<(), WorkloadError> {
    let expected = match rate_per_s {
        rate if !(rate.is_finite() && rate > 0.0) => "a positive number",
        rate if rate > HIGHEST_RATE => "at most 1e9 per second, since dates are whole nanoseconds",
        _ => return Ok(()),
    };
    WorkloadError::parameter(workload, "rate", expected, rate_per_s.to_string())
}
