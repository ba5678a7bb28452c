//! `isotherm conform`

use isotherm_conform::conform;

use super::now;
use crate::Status;
use crate::arguments::ConformArguments;
use crate::terminal::Terminal;

/// Runs every scenario of a folder and prints those whose dates differ from the reference's.
pub fn run(arguments: &ConformArguments) -> Result<(), Status> {
    let mut terminal = Terminal::new();
    let begin = now();
    let clock = || now() - begin;
    let clock: Option<&dyn Fn() -> std::time::Duration> = arguments.times.then_some(&clock);
    let result = conform(&arguments.folder, &mut isotherm_conform::run, clock, &mut |line| {
        terminal.line(line)
    });
    let summary = result.map_err(|error| Terminal::refuse(&format!("error: {error}")))?;
    if summary.all_conform() { terminal.done() } else { Err(Status::CouldNotGoOn) }
}
