//! A look at the bytes that have passed.

use std::io::{self, Read};

/// Passes bytes on and keeps a copy of the piece that was read last, so that the byte at which a CSV reader has stopped
/// can be looked at: whether that is the end of a line is something the reader does not tell.
pub(super) struct Tap<R> {
    inner: R,
    piece: Vec<u8>,
    /// How many bytes have been read, the piece included.
    end: u64,
}

impl<R> Tap<R> {
    pub(super) fn new(inner: R) -> Self {
        Tap { inner, piece: Vec::new(), end: 0 }
    }

    /// The byte before this offset, if it is in the last piece.
    pub(super) fn byte_before(&self, offset: u64) -> Option<u8> {
        let back = usize::try_from(self.end.checked_sub(offset)?).ok()?;
        let index = self.piece.len().checked_sub(back + 1)?;
        self.piece.get(index).copied()
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        // At the end nothing is read, and the last piece stays what it was.
        if let Some(bytes) = buffer.get(..count)
            && count > 0
        {
            self.piece.clear();
            self.piece.extend_from_slice(bytes);
            self.end += count as u64;
        }
        Ok(count)
    }
}
