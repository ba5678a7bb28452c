//! What a Parquet file says of sizes, before the library believes it.
//!
//! The library reserves as much room as the descriptions in a file say: for the elements of a list, the children of a column, a page that is
//! unpacked, the values of a dictionary. In a file of a few bytes they may say anything, and room that cannot be had is the end of the program. So
//! whatever the library reads goes through a [`Guarded`] reader, which looks at the descriptions first. They are written in the compact
//! protocol of Thrift: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>, with the fields of
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::fmt;
use std::io::Read;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// The largest page that is unpacked, in bytes. Pages have one megabyte as a rule.
const LARGEST_PAGE: i64 = 256 << 20;

/// The mark and the length at the end of a file.
const TAIL: u64 = 8;

/// So many bytes at the beginning of a page have its sizes.
const HEAD: u64 = 256;

/// The deepest description that is looked at.
const DEEPEST: usize = 32;

/// A reader whose descriptions are looked at.
pub(super) struct Guarded<R>(pub(super) R);

/// Why a description was refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// A page would be larger than is read.
    LargePage(i64),
    /// It says that there is more than there can be.
    Impossible,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::LargePage(bytes) => {
                let most = LARGEST_PAGE >> 20;
                write!(f, "it has a page of {bytes} bytes, and the largest that is read has {most} MiB")
            }
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
        // But for the tail of the file this is how the head of a page is read, or what is behind a head that was read before.
        if start.saturating_add(TAIL) < self.len() {
            let mut head = Vec::new();
            self.0.get_read(start)?.take(HEAD).read_to_end(&mut head)?;
            check_page(&head)?;
        }
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len()).ok_or(Refused::Impossible)?;
        let bytes = self.0.get_bytes(start, length)?;
        if end.saturating_add(TAIL) == self.len() {
            check_columns(&bytes)?;
        }
        Ok(bytes)
    }
}

/// Checks the beginning of a page: `PageHeader`.
fn check_page(head: &[u8]) -> Result<(), Refused> {
    let mut size = 0;
    let mut values = 0;
    let mut fields = Fields { rest: head, depth: 0 };
    // It may be cut off, and may be no head at all. What says how large it is comes first.
    let walked = fields.walk(&mut Vec::new(), &mut |path, value| match path {
        [2] => size = value,
        // The values of a dictionary.
        [7, 1] => values = value,
        _ => {}
    });
    match walked {
        // A value takes a byte at least.
        _ if size > LARGEST_PAGE && is_page(head) => Err(Refused::LargePage(size)),
        Some(()) if values > size && is_page(head) => Err(Refused::Impossible),
        _ => Ok(()),
    }
}

/// Whether this begins like a page: with its kind and its size, both of which are whole numbers of 32 bits.
fn is_page(head: &[u8]) -> bool {
    matches!(head, [0x15, 0 | 2 | 4 | 6, 0x15, ..])
}

/// Checks the description of all columns at the end of a file: `FileMetaData`.
fn check_columns(bytes: &[u8]) -> Result<(), Refused> {
    let mut is_possible = true;
    let mut fields = Fields { rest: bytes, depth: 0 };
    let walked = fields.walk(&mut Vec::new(), &mut |path, value| {
        // The children of a column: each of them is described by a few bytes at least.
        is_possible &= path != [2, 5] || usize::try_from(value).is_ok_and(|count| count <= bytes.len());
    });
    if walked.is_some() && is_possible { Ok(()) } else { Err(Refused::Impossible) }
}

/// Fields of a struct, of which some are structs themselves.
struct Fields<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl Fields<'_> {
    /// Goes over the fields of a struct, and tells the whole numbers in them with the numbers of the fields that lead there. `None` if this is
    /// no struct, or if it is cut off.
    fn walk(&mut self, path: &mut Vec<i64>, tell: &mut impl FnMut(&[i64], i64)) -> Option<()> {
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
                1 | 2 => {}
                kind => self.value(kind, path, tell)?,
            }
            path.pop();
        }
    }

    fn value(&mut self, kind: u8, path: &mut Vec<i64>, tell: &mut impl FnMut(&[i64], i64)) -> Option<()> {
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
    fn length(&mut self) -> Option<u64> {
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
    fn number(&mut self) -> Option<i64> {
        let folded = self.length()?;
        Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number of 32 bits behind a head that goes on by one.
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

    /// The head of a page of a kind, with its size, and of a dictionary with so many values.
    fn page(kind: i32, size: i32, values: i32) -> Vec<u8> {
        let dictionary = [&[0x4c][..], &number(values), &number(0), &[0, 0]].concat();
        [number(kind), number(size), number(10), dictionary].concat()
    }

    #[test]
    fn pages_that_are_too_large_are_refused() {
        let most = i32::try_from(LARGEST_PAGE).unwrap();
        assert!(check_page(&page(2, most, 5)).is_ok());
        assert!(matches!(check_page(&page(0, most + 1, 5)), Err(Refused::LargePage(_))));
        assert!(matches!(check_page(&page(2, 100, i32::MAX)), Err(Refused::Impossible)));
        // What is no head of a page is somebody else's to refuse.
        assert!(check_page(&page(9, i32::MAX, 5)).is_ok());
        assert!(check_page(&[]).is_ok());
    }

    #[test]
    fn lists_that_cannot_be_are_refused() {
        let list = |length: u8| [&number(1)[..], &[0x19, 0xfc, length, 0]].concat();
        // Two structs without fields; and 127 that are not there.
        assert!(check_columns(&[list(2), vec![0, 0]].concat()).is_ok());
        assert!(check_columns(&[list(127), vec![0, 0]].concat()).is_err());
        // A column of so many children.
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
