//! The command `isotherm`: arguments, printing, exit codes. Everything else is in the library crates.
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
//! A pipe that is closed by its reader (`isotherm run study.toml | head -1`) is not an error: the command goes on without
//! printing.

mod arguments;
mod commands;
mod interrupt;
mod progress;
mod summary;
mod terminal;
mod text;
mod workload;

use std::panic::{self, PanicHookInfo};
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use terminal::Terminal;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Done = 0,
    CouldNotGoOn = 1,
    BadInput = 2,
    HungUp = 129,
    Interrupted = 130,
    Terminated = 143,
}

/// A panic: one line for the person who met it, instead of a backtrace. It is a defect of Isotherm, unless a file that is being read is to blame.
/// Release builds do not unwind, so nothing comes after it: what is half written is removed here.
fn end_at_once(panic: &PanicHookInfo<'_>) -> ! {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    let status = match isotherm_experiment::parquet_being_read() {
        Some(file) => {
            Terminal::complain(&format!(
                "error: `{file}`: the file cannot be read as Parquet: {message}\nnote: is it a Parquet file, and was it copied to its end?"
            ));
            Status::BadInput
        }
        None => {
            let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
            Terminal::complain(&format!(
                "error: internal error: {message}{}; this is a defect of Isotherm, please report it",
                place.unwrap_or_default()
            ));
            Status::CouldNotGoOn
        }
    };
    isotherm_experiment::output::discard_unfinished();
    std::process::exit(status as i32)
}

fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| end_at_once(panic)));
    let arguments = Arguments::parse();
    let status = match &arguments.command {
        Command::Run(run) => commands::run::run(run),
        Command::Check(check) => commands::check::run(check),
        Command::Platform(platform) => commands::platform::run(platform),
        Command::Policies(policies) => commands::policies::run(policies),
        Command::Workload(workload) => commands::workload::run(&workload.command),
        Command::Conform(conform) => commands::conform::run(conform),
    };
    ExitCode::from(status as u8)
}
