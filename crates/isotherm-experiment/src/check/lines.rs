//! The lines of a text file that is read into memory, so that errors in them are shown in their
//! places.

use isotherm_config::diagnostic::{Diagnostic, Report};
use isotherm_config::source::{Located, Span};
use isotherm_workload::TraceError;

use crate::check::context::ReadFile;
use crate::check::traces;

/// The lines of a file, with their offsets.
pub struct Lines {
    pub file: ReadFile,
    starts: Vec<usize>,
}

impl Lines {
    /// The lines of a file.
    pub fn of(file: ReadFile) -> Self {
        let after =
            file.text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Lines { starts: std::iter::once(0).chain(after).collect(), file }
    }

    fn line(&self, line: u64) -> (usize, &str) {
        let text = &self.file.text;
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = self.starts.get(index).copied().unwrap_or(text.len());
        let end = self.starts.get(index.saturating_add(1)).copied().unwrap_or(text.len());
        (start, text[start..end].trim_end())
    }

    /// The place of a word in a line; the whole line if the word is not written there literally.
    pub fn word(&self, line: u64, word: &str) -> Span {
        let (start, text) = self.line(line);
        let (from, length) = text.find(word).map_or((0, text.len()), |at| (at, word.len()));
        Span { source: self.file.source, start: start + from, end: start + from + length }
    }

    /// Reports errors in rows, and how many more there are.
    pub fn report(
        &self,
        errors: &[TraceError],
        further: u64,
        path: &Located<String>,
        report: &Report,
    ) {
        for error in errors {
            let message = match &error.column {
                Some(column) => format!("column `{column}`: {}", error.message()),
                None => error.message(),
            };
            report.push(Diagnostic::at(self.place(error), message, error.hint()));
        }
        if further > 0 {
            let message = traces::further(&path.value, errors.len() as u64, further);
            report.error(path.span, message, "");
        }
    }

    /// The place of an error.
    fn place(&self, error: &TraceError) -> Span {
        let (start, text) = self.line(error.line.unwrap_or(1));
        let whole = Span { source: self.file.source, start, end: start + text.len() };
        // The row as read equals the line as written, unless there are quotation marks in it.
        let Some(field) = error.field.filter(|&field| error.row == text && field <= text.len())
        else {
            return whole;
        };
        let length = text[field..].find(',').unwrap_or(text.len() - field);
        Span { start: start + field, end: start + field + length, ..whole }
    }
}
