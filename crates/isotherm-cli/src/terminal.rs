//! Printing.

use std::io::{self, IsTerminal, Write};

use isotherm_config::diagnostic::{visible, visible_json};
use isotherm_experiment::Diagnostics;

use crate::{Status, text};

/// Standard output. A reader that closes the pipe has seen enough: nothing more is printed, and
/// that is no error.
pub struct Terminal {
    closed: bool,
    failed: bool,
}

impl Terminal {
    /// Standard output.
    pub fn new() -> Self {
        Terminal { closed: false, failed: false }
    }

    /// Standard output that prints nothing.
    pub fn silent() -> Self {
        Terminal { closed: true, failed: false }
    }

    /// Prints a text and a line break. Whatever cannot be seen is written as an escape.
    pub fn line(&mut self, text: &str) {
        self.put(&visible(text));
    }

    /// Prints a text with tables, and a line break: their heads in colour, where colours are
    /// wanted.
    pub fn tables(&mut self, text: &str) {
        let shown = visible(text);
        match Terminal::prints_colours() {
            true => self.put(&text::with_coloured_heads(&shown)),
            false => self.put(&shown),
        }
    }

    /// Prints JSON and a line break.
    pub fn json(&mut self, text: &str) {
        self.put(&visible_json(text));
    }

    fn put(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let mut out = io::stdout().lock();
        let written = out
            .write_all(text.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        if let Err(error) = written {
            self.closed = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.failed = true;
                Terminal::complain(&format!("error: cannot print: {error}"));
            }
        }
    }

    /// The end of a command: an error if printing failed for another reason than a closed pipe.
    pub fn done(&self) -> Result<(), Status> {
        if self.failed { Err(Status::CouldNotGoOn) } else { Ok(()) }
    }

    /// Prints a text and a line break on standard error. Whatever cannot be seen is written as an
    /// escape. A failure of that is ignored: there is no other place to report it.
    pub fn complain(text: &str) {
        Terminal::complain_as_is(&visible(text));
    }

    /// Prints what is wrong, on standard error and in colours where they are wanted.
    pub fn show(diagnostics: &Diagnostics) {
        Terminal::complain_as_is(&diagnostics.render(Terminal::colours()));
    }

    /// Says what is wrong with the usage of a command, which ends it.
    pub fn refuse(text: &str) -> Status {
        Terminal::complain(text);
        Status::BadInput
    }

    /// Shows what is wrong with the input of a command, which ends it.
    pub fn bad_input(diagnostics: &Diagnostics) -> Status {
        Terminal::show(diagnostics);
        Status::BadInput
    }

    fn complain_as_is(text: &str) {
        let mut out = io::stderr().lock();
        let _ = out.write_all(text.trim_end().as_bytes()).and_then(|()| out.write_all(b"\n"));
    }

    /// Whether errors may be shown in colours.
    pub fn colours() -> bool {
        io::stderr().is_terminal() && wants_colours()
    }

    /// Whether what is printed may be in colours.
    pub fn prints_colours() -> bool {
        io::stdout().is_terminal() && wants_colours()
    }
}

/// <https://no-color.org>
fn wants_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
