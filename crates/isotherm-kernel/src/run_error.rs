//! Why a simulation could not run to its end.

use std::fmt;

use crate::Time;

/// An actor that waits, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingActor {
    /// Name of the actor.
    pub actor: String,
    /// What it waits for.
    pub waits_for: String,
}

/// Why a simulation could not go on to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Actors wait, and nothing will ever happen.
    #[error("deadlock at {at} s: {}{}", Reasons(.reasons), Listing(.waiting))]
    Deadlock {
        /// The date from which on nothing happened any more. (What profiles still had to bring has
        /// been waited for.)
        at: Time,
        /// Who waits for what (daemons left out).
        waiting: Vec<WaitingActor>,
        /// What is missing, as the services say it that know.
        reasons: Vec<String>,
    },
    /// Actors wait, and what they wait for would come after the last date that there is. (What
    /// nobody waits for, such as a load in the background, may go on beyond it.)
    #[error(
        "at {at} s all that is still to come lies beyond the end of time (584 years): {}{}",
        Reasons(.reasons), Listing(.waiting)
    )]
    BeyondTime {
        /// The date from which on nothing happened any more.
        at: Time,
        /// Who waits for what (daemons left out).
        waiting: Vec<WaitingActor>,
        /// What goes on, as the services say it that know.
        reasons: Vec<String>,
    },
    /// The simulation was not over at the date that [`Limits::max_time`] names.
    #[error("the simulation was not over at the time limit of {limit} s")]
    TimeLimit {
        /// The limit.
        limit: Time,
    },
    /// More events than [`Limits::max_events`] would have happened.
    #[error("the limit of {limit} events was reached at {at} s")]
    EventLimit {
        /// The limit.
        limit: u64,
        /// When it was reached.
        at: Time,
    },
    /// Actors ran again and again without time moving: see [`Limits::max_steps_per_instant`].
    #[error("livelock at {at} s: actors ran {steps} times and time did not move")]
    Livelock {
        /// The date at which time stood still.
        at: Time,
        /// How many times actors had run at that date.
        steps: u64,
    },
    /// It has been run before.
    #[error(
        "the simulation has been run before, until {ended} s: a run ends all its actors, daemons too, so that another run needs \
         another simulation"
    )]
    AlreadyRun {
        /// The date at which that run ended.
        ended: Time,
    },
    /// The [watcher](Simulation::with_watcher) of the simulation said that it shall not go on.
    #[error("interrupted at {at} s")]
    Interrupted {
        /// How far it had come.
        at: Time,
    },
}

/// A deadlock may involve thousands of actors; the message names the first few.
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

/// What services say, a sentence each, before the list of actors.
struct Reasons<'a>(&'a [String]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|reason| write!(f, "{reason}; "))
    }
}
