//! Ctrl-C, the request to end that a system sends (SIGTERM), and the end of the terminal (SIGHUP).
//!
//! The first one asks: a run notices it within some hundred steps, removes what it has written so far, and the command says
//! how far it had come. The second one ends the command at once, as if nobody listened; temporary
//! files may then be left, which the next run into the folder clears.
//!
//! A command that was started so that it outlives its terminal (`nohup`) goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Status;

/// Whether somebody has asked the command to end. A cheap handle; clones are the same.
#[derive(Clone)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(AtomicBool::new(false));
        let hung_up = listens_to_hangup().then_some(SIGHUP);
        for number in [SIGINT, SIGTERM].into_iter().chain(hung_up) {
            // What is registered first is called first: only the second signal finds that somebody has asked already.
            flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&asked))?;
            flag::register(number, Arc::clone(&asked))?;
            flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)?;
        }
        Ok(Interrupt { signal })
    }

    /// How the command ends, if somebody has asked it to.
    pub fn status(&self) -> Option<Status> {
        match i32::try_from(self.signal.load(Ordering::Relaxed)) {
            Ok(SIGINT) => Some(Status::Interrupted),
            Ok(SIGTERM) => Some(Status::Terminated),
            Ok(SIGHUP) => Some(Status::HungUp),
            _ => None,
        }
    }
}

/// Whether the end of the terminal ends the command: not if whoever has started it made it ignore
/// that. Where the system does not say it, the system decides as if nobody listened.
fn listens_to_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 0)
}
