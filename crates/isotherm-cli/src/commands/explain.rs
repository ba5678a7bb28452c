//! `isotherm explain`

use isotherm_study::explain::{ExplainError, explain};

use crate::Status;
use crate::arguments::ExplainArguments;
use crate::terminal::Terminal;

/// Explains an invocation of a run.
pub fn run(arguments: &ExplainArguments) -> Result<(), Status> {
    let explained = match explain(&arguments.results, arguments.invocation) {
        Ok(explained) => explained,
        Err(ExplainError::Input(diagnostics)) => return Err(Terminal::bad_input(&diagnostics)),
        Err(error @ ExplainError::Run(_)) => {
            Terminal::complain(&format!("error: {error}"));
            return Err(Status::CouldNotGoOn);
        }
        Err(error) => return Err(Terminal::refuse(&format!("error: {error}"))),
    };
    let mut terminal = Terminal::new();
    terminal.line(explained.to_string().trim_end());
    terminal.done()
}
