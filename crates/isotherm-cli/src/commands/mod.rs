//! The commands, one module each.

pub mod check;
pub mod conform;
pub mod platform;
pub mod policies;
pub mod run;
pub mod workload;

use std::time::Instant;

/// The wall clock, which only the command line looks at: it never reaches a result.
#[expect(clippy::disallowed_methods, reason = "the command line tells people how long something took")]
pub fn now() -> Instant {
    Instant::now()
}
