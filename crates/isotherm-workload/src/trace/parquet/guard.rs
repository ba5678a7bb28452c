//! What a Parquet file says of sizes, before the library believes it.
//!
//! The library reserves as much room as the descriptions in a file say: for the elements of a list,
//! the children of a column, a page that is unpacked, the values of a dictionary. In a file of a
//! few bytes they may say anything, and room that cannot be had is the end of the program. So
//! whatever the library reads goes through a reader that looks at the descriptions first: a
//! [`Guarded`] one for the columns, and [one for the pages](super::pages) of a column. They are
//! written in the compact protocol of Thrift:
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>, with the
//! fields of
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// The largest page that is unpacked, in bytes. Pages have one megabyte as a rule.
pub(super) const LARGEST_PAGE: u64 = 256 << 20;

/// The mark and the length at the end of a file.
const TAIL: u64 = 8;

/// The deepest description that is looked at.
const DEEPEST: usize = 32;

/// A reader whose column descriptions were checked. Pages are read through
/// [`Pages`](super::pages::Pages).
pub(super) struct Guarded<R>(pub(super) Arc<R>);

/// Why a description, or what it describes, was refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// A page would be larger than is read.
    LargePage(u64),
    /// A page unpacks to more than it says, in bytes.
    Unpacks(u64),
    /// A page needs a larger window to be unpacked than Brotli has.
    Window,
    /// The values of a page are larger than is read, as soon as they are written out.
    LargeValues,
    /// A page has a value that is longer than is read.
    LongValue,
    /// It says that there is more than there can be.
    Impossible,
}

impl Refused {
    /// What may be done about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Refused::LargePage(_) | Refused::LargeValues => {
                "write the file again with smaller pages: 1 MiB is usual"
            }
            Refused::Unpacks(_) | Refused::Impossible => {
                "the file is damaged, or made to fill memory: write it again from its source"
            }
            Refused::Window => "write the file again with a window of at most 16 MiB, or with zstd",
            Refused::LongValue => "no longer one is read: is the file what it should be?",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = LARGEST_PAGE >> 20;
        match self {
            Refused::LargePage(bytes) => {
                write!(f, "it has {bytes} bytes, and the largest that is read has {most} MiB")
            }
            Refused::Unpacks(bytes) => {
                write!(f, "it says that it unpacks to {bytes} bytes, and unpacks to more")
            }
            Refused::Window => f.write_str("its Brotli data need a window of more than 16 MiB"),
            Refused::LargeValues => {
                write!(f, "its values have more than {most} MiB when they are written out")
            }
            Refused::LongValue => f.write_str("it has a value that is longer than 1 MiB"),
            Refused::Impossible => f.write_str("what it says of its sizes cannot be"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for ParquetError {
    fn from(refused: Refused) -> Self {
        ParquetError::External(Box::new(refused))
    }
}

impl<R: Length> Length for Guarded<R> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<R: ChunkReader> ChunkReader for Guarded<R> {
    type T = R::T;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start
            .checked_add(length as u64)
            .filter(|end| *end <= self.len())
            .ok_or(Refused::Impossible)?;
        let bytes = self.0.get_bytes(start, length)?;
        if end.saturating_add(TAIL) == self.len() {
            check_columns(&bytes)?;
        }
        Ok(bytes)
    }
}

/// Checks the description of all columns at the end of a file: `FileMetaData`.
fn check_columns(bytes: &[u8]) -> Result<(), Refused> {
    let mut is_possible = true;
    let mut fields = ThriftFields { rest: bytes, depth: 0 };
    let walked = fields.walk(&mut Vec::new(), &mut |path, value| {
        // The children of a column: each of them is described by a few bytes at least.
        is_possible &=
            path != [2, 5] || usize::try_from(value).is_ok_and(|count| count <= bytes.len());
    });
    if walked.is_some() && is_possible { Ok(()) } else { Err(Refused::Impossible) }
}

/// A struct of fields, some of which are structs.
pub(super) struct ThriftFields<'a> {
    pub(super) rest: &'a [u8],
    pub(super) depth: usize,
}

impl ThriftFields<'_> {
    /// Visits the fields of a struct. Reports integers, and booleans as 0 or 1, with the field
    /// numbers that lead to them. `None` if this is no struct, or if it is truncated.
    pub(super) fn walk(
        &mut self,
        path: &mut Vec<i64>,
        tell: &mut impl FnMut(&[i64], i64),
    ) -> Option<()> {
        self.depth += 1;
        let mut field = 0i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                self.depth -= 1;
                return Some(());
            }
            field = match i64::from(head >> 4) {
                0 => self.number()?,
                step => field.checked_add(step)?,
            };
            path.push(field);
            match head & 0xf {
                // A truth is in its head.
                truth @ (1 | 2) => tell(path, i64::from(truth == 1)),
                kind => self.value(kind, path, tell)?,
            }
            path.pop();
        }
    }

    fn value(
        &mut self,
        kind: u8,
        path: &mut Vec<i64>,
        tell: &mut impl FnMut(&[i64], i64),
    ) -> Option<()> {
        if self.depth > DEEPEST {
            return None;
        }
        match kind {
            1..=3 => drop(self.byte()?),
            4..=6 => {
                let number = self.number()?;
                tell(path, number);
            }
            7 => self.skip(8)?,
            8 => {
                let length = self.length()?;
                self.skip(length)?;
            }
            9 | 10 => {
                let head = self.byte()?;
                let length = match head >> 4 {
                    15 => self.length()?,
                    length => u64::from(length),
                };
                // Every element takes a byte at least.
                if length > self.rest.len() as u64 {
                    return None;
                }
                self.depth += 1;
                for _ in 0..length {
                    self.value(head & 0xf, path, tell)?;
                }
                self.depth -= 1;
            }
            12 => self.walk(path, tell)?,
            _ => return None,
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, length: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(length).ok()?..)?;
        Some(())
    }

    /// A length: seven bits in each byte, the lowest first.
    pub(super) fn length(&mut self) -> Option<u64> {
        let mut length = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            length |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(length);
            }
        }
        None
    }

    /// A whole number, in which signs are folded: 0, -1, 1, -2, ...
    pub(super) fn number(&mut self) -> Option<i64> {
        let folded = self.length()?;
        Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 32-bit integer in a field whose number is one more than the last.
    fn number(value: i32) -> Vec<u8> {
        let mut folded = ((value << 1) ^ (value >> 31)) as u32;
        let mut bytes = vec![0x15];
        while folded >= 0x80 {
            bytes.push(folded as u8 | 0x80);
            folded >>= 7;
        }
        bytes.push(folded as u8);
        bytes
    }

    #[test]
    fn lists_that_cannot_be_are_refused() {
        let list = |length: u8| [&number(1)[..], &[0x19, 0xfc, length, 0]].concat();
        // Two structs without fields; and 127 that are not there.
        assert!(check_columns(&[list(2), vec![0, 0]].concat()).is_ok());
        assert!(check_columns(&[list(127), vec![0, 0]].concat()).is_err());
        // A column with this number of children.
        let children = |count: i32| {
            let element = [&[0x55][..], &number(count)[1..], &[0]].concat();
            [&number(1)[..], &[0x19, 0x1c], &element, &[0]].concat()
        };
        assert!(check_columns(&children(3)).is_ok());
        assert!(check_columns(&children(i32::MAX)).is_err());
        assert!(check_columns(&children(-1)).is_err());
        assert!(check_columns(&[0x1c; 1000]).is_err(), "structs in structs");
    }
}
