//! Following quotation marks.

/// Where in a field a byte is, by the rules of the parser: a quotation mark opens a field only as
/// its first byte, and two of them within a quoted field are one that is meant as it is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
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
#[derive(Default)]
pub(super) struct Quotes {
    place: Place,
    lines: u64,
    opened: u64,
}

impl Quotes {
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.lines += u64::from(byte == b'\n');
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::Closing,
                (Place::Quoted, _) | (Place::Closing, b'"') => Place::Quoted,
                (_, b',' | b'\n' | b'\r') => Place::Beginning,
                (Place::Beginning, b'"') => {
                    self.opened = self.lines;
                    Place::Quoted
                }
                _ => Place::Plain,
            };
        }
    }

    /// Whether a quoted field has not been closed.
    pub(super) fn is_open(&self) -> bool {
        self.place == Place::Quoted
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
