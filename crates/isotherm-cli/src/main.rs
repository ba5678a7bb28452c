//! The command `isotherm`: arguments, printing, exit codes. Everything else is in the library
//! crates.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the simulation could not go on, results could not be written or printed, or not all scenarios conform |
//! | 2 | bad input or usage |
//! | 129 | the terminal was closed (SIGHUP) |
//! | 130 | interrupted by Ctrl-C |
//! | 143 | asked to end by the system (SIGTERM) |
//!
//! A pipe that is closed by its reader (`isotherm run study.toml | head -1`) is not an error: the
//! command continues without printing.

mod arguments;
mod commands;
mod interrupt;
mod progress;
mod summary;
mod table;
mod terminal;
mod text;
mod workload;

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::sync::Mutex;

use clap::Parser;

use arguments::{Arguments, Command};
use terminal::Terminal;

/// How the command ends: its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Done = 0,
    CouldNotGoOn = 1,
    BadInput = 2,
    #[cfg(unix)]
    HungUp = 129,
    Interrupted = 130,
    Terminated = 143,
}

/// Where the last panic began, for the message where it is caught.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// A panic says nothing by itself: whether it is a defect of Isotherm or one of a file that a
/// library cannot read is known only where it is caught.
fn keep_silent(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
    if let Ok(mut last) = LAST_PANIC.lock() {
        *last = place;
    }
}

/// Reports an uncaught panic in one line, instead of a backtrace. What was half written was removed
/// on its way here.
fn tell_panic(payload: &(dyn Any + Send)) -> Status {
    let text = payload.downcast_ref::<&str>().copied();
    let message =
        text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    let place = LAST_PANIC.lock().ok().and_then(|mut last| last.take()).unwrap_or_default();
    Terminal::complain(&format!(
        "error: internal error: {message}{place}; this is a defect of Isotherm, please report it"
    ));
    Status::CouldNotGoOn
}

fn main() -> ExitCode {
    panic::set_hook(Box::new(keep_silent));
    let arguments = Arguments::parse();
    // Nothing is used again of what a panic has left as it was.
    let ended = panic::catch_unwind(AssertUnwindSafe(|| carry_out(&arguments.command)));
    let ended = ended.unwrap_or_else(|payload| Err(tell_panic(&*payload)));
    let status = ended.err().unwrap_or(Status::Done);
    ExitCode::from(status as u8)
}

fn carry_out(command: &Command) -> Result<(), Status> {
    match command {
        Command::Run(run) => commands::run::run(run),
        Command::Sweep(sweep) => commands::sweep::run(sweep),
        Command::Merge(merge) => commands::sweep::merged(merge),
        Command::Check(check) => commands::check::run(check),
        Command::Explain(explain) => commands::explain::run(explain),
        Command::Platform(platform) => commands::platform::run(platform),
        Command::Policies(policies) => commands::policies::run(policies),
        Command::Workload(workload) => commands::workload::run(&workload.command),
        Command::Compare(compare) => commands::compare::run(compare),
        Command::Search(search) => commands::search::run(search),
        Command::Conform(conform) => commands::conform::run(conform),
    }
}
