//! The records of a run, of which few are in memory at a time.

use std::ops::ControlFlow;

use isotherm_experiment::{ExperimentError, Reached, Running};
use isotherm_kernel::Duration;
use isotherm_serverless::InvocationRecord;

/// The first piece of simulated time after which records are taken.
const FIRST_STEP: Duration = Duration::from_secs(1);
/// More records in a piece than this make the next one shorter, and fewer make it longer.
const MOST_RECORDS: usize = 50_000;

/// Advances a run that keeps its records, piece by piece, and passes each record on, until it is to
/// break off or the run ends.
pub(crate) fn each_record(
    run: &mut Running,
    mut take: impl FnMut(InvocationRecord) -> ControlFlow<()>,
) -> Result<(), ExperimentError> {
    let mut step = FIRST_STEP;
    loop {
        let reached = run.advance_until(run.now() + step)?;
        let records = run.records();
        step = next_step(step, records.len());
        let is_enough = records.into_iter().try_for_each(&mut take).is_break();
        if is_enough || !matches!(reached, Reached::Date) {
            return Ok(());
        }
    }
}

/// The length of the next piece. However many end at one date, time goes on.
fn next_step(step: Duration, records: usize) -> Duration {
    if records > MOST_RECORDS { (step / 2).max(Duration::from_nanos(1)) } else { step * 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_never_become_empty() {
        let mut step = FIRST_STEP;
        for _ in 0..100 {
            step = next_step(step, MOST_RECORDS + 1);
        }
        assert_eq!(step, Duration::from_nanos(1));
        for _ in 0..100 {
            step = next_step(step, 0);
        }
        assert_eq!(step, Duration::MAX);
    }
}
