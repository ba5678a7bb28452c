//! The commands, one module each.

pub mod check;
pub mod conform;
pub mod platform;
pub mod policies;
pub mod run;
pub mod workload;

use std::time::Instant;

use isotherm_experiment::output::NotReplaced;

/// The wall clock, which only the command line looks at: it never reaches a result.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line tells people how long something took"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// What may be done about an output that could not be written.
fn elsewhere(error: &std::io::Error, otherwise: &str) -> String {
    match NotReplaced::of(error) {
        Some(reason) if reason.yields() => "`--force` writes to it".to_owned(),
        _ => otherwise.to_owned(),
    }
}
