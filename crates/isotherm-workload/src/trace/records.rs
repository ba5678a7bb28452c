//! The records of a CSV file, and the lines on which they begin.
//!
//! A record without quotation marks, as nearly all are, is split where it lies in the buffer; any other is left to [`csv_core`].
//! Lines end in `\n`, `\r\n` or `\r`.

use std::io::{self, Read};
use std::ops::Range;

use csv_core::ReadRecordResult;

use super::quotes::Quotes;

/// How much is read at once, and how long a record may be before the buffer grows.
const PIECE: usize = 1 << 16;

/// Splits bytes into records and fields.
pub(super) struct Records<R> {
    source: R,
    buffer: Vec<u8>,
    /// What has been read and belongs to no record yet.
    rest: Range<usize>,
    /// Whether a mark at the beginning has been looked for.
    begun: bool,
    /// Whether the source has come to its end.
    over: bool,
    /// Where the fields of the current record are, in the buffer or in `unquoted`.
    fields: Vec<Range<usize>>,
    /// Whether the current record had quotation marks; then this is its text without them, with where each field ends.
    is_unquoted: bool,
    unquoted: Vec<u8>,
    ends: Vec<usize>,
    parser: csv_core::Reader,
    /// The line on which the current record begins, counted from 1, and the one behind it.
    line: u64,
    next_line: u64,
    /// The line with the quotation mark that is still open at the end of the file.
    left_open: Option<u64>,
}

/// What is found at the beginning of the rest.
enum Found {
    /// A record that takes so many bytes.
    Record(usize),
    /// One with quotation marks.
    Quoted,
    /// None that has an end.
    Incomplete,
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: R) -> Self {
        Records {
            source,
            buffer: vec![0; PIECE],
            rest: 0..0,
            begun: false,
            over: false,
            fields: Vec::new(),
            is_unquoted: false,
            unquoted: Vec::new(),
            ends: Vec::new(),
            parser: csv_core::Reader::new(),
            line: 1,
            next_line: 1,
            left_open: None,
        }
    }

    /// Reads the next record; `false` at the end. Blank lines, also those of spaces, are none; a field that may be empty anyway
    /// needs a second one beside it.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        loop {
            if !self.read_one()? {
                return Ok(false);
            }
            if self.fields.len() > 1 || self.iter().any(|field| !field.trim_ascii().is_empty()) {
                return Ok(true);
            }
        }
    }

    /// The number of fields of the current record.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field of the current record.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let text = if self.is_unquoted { &self.unquoted } else { &self.buffer };
        text.get(self.fields.get(index)?.clone())
    }

    /// The fields of the current record.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The line on which the current record begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The line behind the current record.
    pub(super) fn next_line(&self) -> u64 {
        self.next_line
    }

    /// The line with the quotation mark that is still open at the end of the file, if the current record has one: the parser closes it by
    /// itself, so that one mark too many would swallow all rows below it without a word.
    pub(super) fn left_open(&self) -> Option<u64> {
        self.left_open
    }

    fn read_one(&mut self) -> io::Result<bool> {
        self.line = self.next_line;
        self.is_unquoted = false;
        loop {
            match self.split() {
                Found::Record(length) => {
                    self.rest.start += length;
                    self.next_line += 1;
                    return Ok(true);
                }
                Found::Quoted => {
                    self.read_quoted()?;
                    return Ok(true);
                }
                Found::Incomplete if self.over => return Ok(false),
                Found::Incomplete => self.refill()?,
            }
        }
    }

    /// Splits the record at the beginning of the rest, if it is whole and has no quotation marks that mean something.
    fn split(&mut self) -> Found {
        self.fields.clear();
        if !self.begun {
            return Found::Incomplete;
        }
        let start = self.rest.start;
        let bytes = &self.buffer[self.rest.clone()];
        let mut begin = 0;
        for (index, &byte) in bytes.iter().enumerate() {
            // Nearly all bytes are digits, points and letters, which come after those that matter.
            if byte > b',' {
                continue;
            }
            match byte {
                b',' => {
                    self.fields.push(start + begin..start + index);
                    begin = index + 1;
                }
                b'\n' => {
                    self.fields.push(start + begin..start + index);
                    return Found::Record(index + 1);
                }
                b'\r' => {
                    let next = bytes.get(index + 1);
                    if next.is_none() && !self.over {
                        return Found::Incomplete;
                    }
                    self.fields.push(start + begin..start + index);
                    return Found::Record(index + 1 + usize::from(next == Some(&b'\n')));
                }
                b'"' if index == begin => return Found::Quoted,
                _ => {}
            }
        }
        if bytes.is_empty() || !self.over {
            return Found::Incomplete;
        }
        self.fields.push(start + begin..self.rest.end);
        Found::Record(bytes.len())
    }

    /// Reads the record at the beginning of the rest by the book.
    fn read_quoted(&mut self) -> io::Result<()> {
        self.unquoted.resize(self.unquoted.len().max(PIECE), 0);
        self.ends.resize(self.ends.len().max(64), 0);
        let (mut length, mut count) = (0, 0);
        let mut quotes = Quotes::default();
        let mut last = 0;
        self.parser.reset();
        loop {
            if self.rest.is_empty() && !self.over {
                self.refill()?;
            }
            let input = &self.buffer[self.rest.clone()];
            let (result, used, written, ended) =
                self.parser.read_record(input, &mut self.unquoted[length..], &mut self.ends[count..]);
            quotes.follow(&input[..used]);
            last = if used > 0 { input[used - 1] } else { last };
            self.rest.start += used;
            (length, count) = (length + written, count + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.unquoted.resize(2 * self.unquoted.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.left_open = (self.over && quotes.is_open()).then(|| self.line + quotes.opened());
        self.next_line += quotes.lines();
        if last == b'\r' {
            self.next_line += 1;
            self.skip_line_feed()?;
        }
        let ends = &self.ends[..count];
        let begins = std::iter::once(0).chain(ends.iter().copied());
        self.fields.clear();
        self.fields.extend(begins.zip(ends).map(|(begin, &end)| begin..end));
        self.is_unquoted = true;
        Ok(())
    }

    /// `\r\n` is one end of a line.
    fn skip_line_feed(&mut self) -> io::Result<()> {
        if self.rest.is_empty() && !self.over {
            self.refill()?;
        }
        if self.buffer[self.rest.clone()].first() == Some(&b'\n') {
            self.rest.start += 1;
        }
        Ok(())
    }

    /// Reads on, behind what has not been used.
    fn refill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.rest.clone(), 0);
        self.rest = 0..self.rest.len();
        if self.rest.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let count = loop {
            match self.source.read(&mut self.buffer[self.rest.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.rest.end += count;
        self.over = count == 0;
        if !self.begun && (self.over || self.rest.len() >= BYTE_ORDER_MARK.len()) {
            self.begun = true;
            if self.buffer[self.rest.clone()].starts_with(BYTE_ORDER_MARK) {
                self.rest.start += BYTE_ORDER_MARK.len();
            }
        }
        Ok(())
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
