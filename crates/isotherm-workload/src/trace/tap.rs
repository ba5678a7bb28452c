//! A look at the bytes that have passed.

use std::io::{self, Read};

/// Passes bytes on and keeps a copy of the piece that was read last, so that the byte at which a CSV reader has stopped
/// can be looked at: whether that is the end of a line is something the reader does not tell.
///
/// It also follows quotation marks. At the end of a file the reader closes a quoted field by itself, so that one mark too
/// many would swallow all rows below it without a word.
pub(super) struct Tap<R> {
    inner: R,
    piece: Vec<u8>,
    /// How many bytes have been read, the piece included.
    end: u64,
    over: bool,
    quotes: Quotes,
}

impl<R> Tap<R> {
    pub(super) fn new(inner: R) -> Self {
        Tap { inner, piece: Vec::new(), end: 0, over: false, quotes: Quotes::default() }
    }

    /// The byte before this offset, if it is in the last piece.
    pub(super) fn byte_before(&self, offset: u64) -> Option<u8> {
        let back = usize::try_from(self.end.checked_sub(offset)?).ok()?;
        let index = self.piece.len().checked_sub(back + 1)?;
        self.piece.get(index).copied()
    }

    /// The line, counted from 1, with the quotation mark that is still open at the end of the file, once that is reached.
    pub(super) fn left_open(&self) -> Option<u64> {
        (self.over && self.quotes.place == Place::Quoted).then_some(self.quotes.opened + 1)
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.over = true;
        }
        // At the end nothing is read, and the last piece stays what it was.
        if let Some(bytes) = buffer.get(..count)
            && count > 0
        {
            let mark = b"\xef\xbb\xbf";
            let skipped = if self.end == 0 && bytes.starts_with(mark) { mark.len() } else { 0 };
            self.quotes.follow(&bytes[skipped..]);
            self.piece.clear();
            self.piece.extend_from_slice(bytes);
            self.end += count as u64;
        }
        Ok(count)
    }
}

/// Where in a field a byte is, by the rules of the reader: a quotation mark opens a field only as its first byte, and two of
/// them within a quoted field are one that is meant as it is.
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

#[derive(Default)]
struct Quotes {
    place: Place,
    /// Line breaks so far.
    lines: u64,
    /// Line breaks before the quotation mark that was opened last.
    opened: u64,
}

impl Quotes {
    fn follow(&mut self, bytes: &[u8]) {
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
}
