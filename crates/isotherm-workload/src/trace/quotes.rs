//! Following quotation marks.

/// The state of a quoted field, by the rules of the parser: a quotation mark opens a field only as
/// its first byte, and two of them within a quoted field are a literal one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum FieldState {
    /// At the beginning of a field.
    #[default]
    Beginning,
    /// Within a field without quotation marks, or behind its closing one.
    Plain,
    /// Within a quoted field.
    Quoted,
    /// Behind a quotation mark within a quoted field: its end, or the first of two.
    Closing,
}

/// Follows the quotation marks and line breaks of a record.
pub(super) struct Quotes {
    delimiter: u8,
    state: FieldState,
    lines: u64,
    opened: u64,
}

impl Quotes {
    /// At the beginning of a record whose fields are separated by this byte.
    pub(super) fn new(delimiter: u8) -> Self {
        Quotes { delimiter, state: FieldState::default(), lines: 0, opened: 0 }
    }

    pub(super) fn follow(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.lines += u64::from(byte == b'\n');
            self.state = match (self.state, byte) {
                (FieldState::Quoted, b'"') => FieldState::Closing,
                (FieldState::Quoted, _) | (FieldState::Closing, b'"') => FieldState::Quoted,
                (_, b'\n' | b'\r') => FieldState::Beginning,
                (_, byte) if byte == self.delimiter => FieldState::Beginning,
                (FieldState::Beginning, b'"') => {
                    self.opened = self.lines;
                    FieldState::Quoted
                }
                _ => FieldState::Plain,
            };
        }
    }

    /// Whether a quoted field has not been closed.
    pub(super) fn is_open(&self) -> bool {
        self.state == FieldState::Quoted
    }

    /// Line breaks so far.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Line breaks before the quotation mark that was opened last.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }
}
