//! Ctrl-C, and the request to end that a system sends (SIGTERM).
//!
//! The first one asks: a run notices it within some hundred steps, removes what it has written so far, and the command says
//! how far it had come. The second one ends the command at once, as if nobody listened; temporary files may then be left.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
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
        for number in [SIGINT, SIGTERM] {
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
            _ => None,
        }
    }
}
