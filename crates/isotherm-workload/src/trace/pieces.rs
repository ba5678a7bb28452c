//! A source for tests that gives a few bytes at a time, as a pipe or a compressed file may.

use std::io::{self, Read};

/// Returns this number of bytes per read.
pub(super) struct Pieces<'a>(pub(super) &'a [u8], pub(super) usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.1);
        self.0.read(&mut buffer[..count])
    }
}
