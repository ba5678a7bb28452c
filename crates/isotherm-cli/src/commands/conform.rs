//! `isotherm conform`

use isotherm_conform::conform;

use super::now;
use crate::Status;
use crate::arguments::ConformArguments;
use crate::terminal::Terminal;

/// Runs every scenario of a folder and prints those whose dates differ from the reference's.
pub fn run(arguments: &ConformArguments) -> Status {
    let mut terminal = Terminal::new();
    let begin = now();
    let clock = || now() - begin;
    let clock: Option<&dyn Fn() -> std::time::Duration> = arguments.times.then_some(&clock);
    let result = conform(&arguments.folder, &mut isotherm_conform::run, clock, &mut |line| {
        terminal.line(line)
    });
    match result {
        Ok(summary) if summary.all_conform() && !terminal.failed() => Status::Done,
        Ok(_) => Status::CouldNotGoOn,
        Err(error) => {
            Terminal::complain(&format!("error: {error}"));
            Status::BadInput
        }
    }
}
