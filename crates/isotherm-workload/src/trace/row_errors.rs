//! The errors in the rows of a file that is read to its end.

use crate::error::{TraceError, TraceProblem};

/// The errors found so far: the first `in_full` in full, the others counted.
#[derive(Debug, Default)]
pub(super) struct RowErrors {
    in_full: usize,
    pub(super) errors: Vec<TraceError>,
    pub(super) further: u64,
}

/// Whether the rows behind an error can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterError {
    Continue,
    Stop,
}

impl RowErrors {
    pub(super) fn new(in_full: usize) -> Self {
        RowErrors { in_full, ..RowErrors::default() }
    }

    /// Whether further errors are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.errors.len() >= self.in_full
    }

    pub(super) fn push(&mut self, error: TraceError) {
        if self.is_full() { self.further += 1 } else { self.errors.push(error) }
    }

    /// Records an error in reading a row, and says whether to read on.
    ///
    /// # Errors
    ///
    /// The error itself, if the file cannot be read at all.
    pub(super) fn record(&mut self, error: Box<TraceError>) -> Result<AfterError, Box<TraceError>> {
        let after = match error.problem {
            TraceProblem::Unreadable(_) => return Err(error),
            // All that follows is one field, or cannot be decoded.
            TraceProblem::OpenQuote
            | TraceProblem::Compressed(_)
            | TraceProblem::NotParquet { .. }
            | TraceProblem::ParquetPage { .. } => AfterError::Stop,
            _ => AfterError::Continue,
        };
        self.push(*error);
        Ok(after)
    }
}
