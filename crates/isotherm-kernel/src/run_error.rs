//! Why a simulation could not run to its end.

use std::fmt;

use crate::Time;

/// An actor that waits, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingActor {
    /// The name of the actor.
    pub actor: String,
    /// What it waits for.
    pub waits_for: String,
}

/// Why a simulation could not run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of a variant shows what its fields are")]
pub enum RunError {
    /// Actors wait and nothing will ever happen.
    #[error("deadlock at {at} s: {}{}", Reasons(.reasons), Listing(.waiting))]
    Deadlock {
        /// The date of the last [progress](crate::Kernel::note_progress).
        at: Time,
        /// The waiting actors, without daemons.
        waiting: Vec<WaitingActor>,
        /// What is missing, as [standstill handlers](crate::StandstillHandler) report it.
        reasons: Vec<String>,
    },
    /// Actors wait for something that would happen after the last date that can be represented.
    #[error(
        "at {at} s all that is still to come lies beyond the end of time (584 years): {}{}",
        Reasons(.reasons), Listing(.waiting)
    )]
    BeyondTime {
        /// The date of the last [progress](crate::Kernel::note_progress).
        at: Time,
        /// The waiting actors, without daemons.
        waiting: Vec<WaitingActor>,
        /// What is going on, as [standstill handlers](crate::StandstillHandler) report it.
        reasons: Vec<String>,
    },
    /// The simulation was not over at [`Limits::max_time`](crate::Limits::max_time).
    #[error("the simulation was not over at the time limit of {limit} s")]
    TimeLimit { limit: Time },
    /// More events than [`Limits::max_events`](crate::Limits::max_events) would have happened.
    #[error("the limit of {limit} events was reached at {at} s")]
    EventLimit { limit: u64, at: Time },
    /// Too many steps were taken at one date: see
    /// [`Limits::max_steps_per_instant`](crate::Limits::max_steps_per_instant).
    #[error("livelock at {at} s: actors ran {steps} times and time did not move")]
    Livelock { at: Time, steps: u64 },
    /// The simulation has been run before.
    #[error(
        "the simulation has been run before, until {ended} s: a run ends all its actors, daemons too, so that another run needs \
         another simulation"
    )]
    AlreadyRun { ended: Time },
    /// The [watcher](crate::Simulation::with_watcher) interrupted the run.
    #[error("interrupted at {at} s")]
    Interrupted { at: Time },
}

/// Formats the first few waiting actors: a deadlock may involve thousands.
struct Listing<'a>(&'a [WaitingActor]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (number, waiting) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}'{}' waits for {}", waiting.actor, waiting.waits_for)?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Formats the reasons, a sentence each, before the list of actors.
struct Reasons<'a>(&'a [String]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|reason| write!(f, "{reason}; "))
    }
}
