//! Ctrl-C, the request to end that a system sends (SIGTERM), and the end of the terminal (SIGHUP).
//!
//! The first one asks: a run notices it within some hundred steps, removes what it has written so
//! far, and the command says how far it had come. The second one ends the command at once, as
//! without a handler; temporary files may then be left, which the next run into the folder clears.
//!
//! A command that was started so that it outlives its terminal (`nohup`) continues.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Status;

/// Whether the command was asked to end. A cheap handle; clones share the state.
#[derive(Clone)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM].into_iter().chain(hangup()) {
            // Handlers are called in the order of registration: only at the second signal is the
            // flag set already.
            flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&asked))?;
            flag::register(number, Arc::clone(&asked))?;
            flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)?;
        }
        Ok(Interrupt { signal })
    }

    /// The exit code, if the command was asked to end.
    pub fn status(&self) -> Option<Status> {
        match i32::try_from(self.signal.load(Ordering::Relaxed)) {
            Ok(SIGINT) => Some(Status::Interrupted),
            Ok(SIGTERM) => Some(Status::Terminated),
            #[cfg(unix)]
            Ok(SIGHUP) => Some(Status::HungUp),
            _ => None,
        }
    }
}

/// The end of the terminal, if that ends the command: not if it was started with SIGHUP ignored.
#[cfg(unix)]
fn hangup() -> Option<i32> {
    let status = std::fs::read_to_string("/proc/self/status").ok();
    (!status.is_some_and(|status| ignores(&status, SIGHUP))).then_some(SIGHUP)
}

/// Elsewhere it is no signal.
#[cfg(not(unix))]
fn hangup() -> Option<i32> {
    None
}

/// Whether a process ignores a signal, as the system reports. If the system does not report it, it
/// is not ignored.
#[cfg(unix)]
fn ignores(status: &str, signal: i32) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_what_the_system_says_is() {
        // Bit n - 1 is signal n: 1 is SIGHUP, 2 SIGINT, 15 SIGTERM.
        let status =
            |mask: &str| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0\n");
        for (mask, ignored) in
            [("0000000000000001", vec![SIGHUP]), ("0000000000004002", vec![SIGINT, SIGTERM])]
        {
            let all = [SIGHUP, SIGINT, SIGTERM];
            let found = all.into_iter().filter(|&signal| ignores(&status(mask), signal));
            assert_eq!(found.collect::<Vec<_>>(), ignored, "{mask}");
        }
        for unknown in ["", "Name:\tisotherm\n", "SigIgn:\tnone\n"] {
            assert!(!ignores(unknown, SIGHUP), "{unknown}");
        }
    }
}
