//! The records of a CSV file, and the lines on which they begin.
//!
//! A record without quotation marks, as nearly all are, is split where it lies in the buffer, which
//! is looked through eight bytes at a time; any other is left to [`csv_core`]. Lines end in `\n`,
//! `\r\n` or `\r`. With another delimiter than the comma all records are left to it.

use std::io::{self, Read};
use std::ops::Range;

use csv_core::ReadRecordResult;

use super::quotes::Quotes;
use crate::error::{LONGEST_LINE, LongRow};

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
    /// The end of each field of the current record in its text; entries beyond the number of fields
    /// are left over from longer records.
    ends: Vec<usize>,
    count: usize,
    /// Where the first field begins, in the buffer. Between the fields are the commas.
    begin: usize,
    /// Whether the current record had quotation marks; then this is its text, without them and
    /// without commas.
    is_unquoted: bool,
    unquoted: Vec<u8>,
    delimiter: u8,
    parser: csv_core::Reader,
    /// The line on which the current record begins, counted from 1, and the one behind it.
    line: u64,
    next_line: u64,
    /// The line with the quotation mark that is still open at the end of the file.
    left_open: Option<u64>,
}

/// What is found at the beginning of the rest.
enum Found {
    /// A record, and where in the buffer the next one begins.
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
            ends: Vec::new(),
            count: 0,
            begin: 0,
            is_unquoted: false,
            unquoted: Vec::new(),
            delimiter: b',',
            parser: csv_core::Reader::new(),
            line: 1,
            next_line: 1,
            left_open: None,
        }
    }

    /// Separates fields by another byte from here on.
    pub(super) fn separate_by(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
        self.parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    }

    /// What separates fields.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The first line that is not blank, if it is not longer than what is read at once.
    pub(super) fn first_line(&mut self) -> io::Result<&[u8]> {
        loop {
            let begin = self.ahead().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let end = self.ahead()[begin..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            match end {
                Some(length) => return Ok(&self.ahead()[begin..begin + length]),
                None if self.over || self.rest.len() >= PIECE => return Ok(&self.ahead()[begin..]),
                None => self.refill()?,
            }
        }
    }

    /// Reads the next record; `false` at the end. Blank lines, also those of spaces, are skipped;
    /// so a single field that may be empty needs a second one beside it.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        loop {
            if !self.read_one()? {
                return Ok(false);
            }
            if self.count > 1 || self.iter().any(|field| !field.trim_ascii().is_empty()) {
                return Ok(true);
            }
        }
    }

    /// What has been read and belongs to no record yet.
    pub(super) fn ahead(&self) -> &[u8] {
        if self.begun { &self.buffer[self.rest.clone()] } else { &[] }
    }

    /// Skips a record of this many bytes, one line, of what is buffered. After that there is no
    /// current record.
    pub(super) fn pass(&mut self, length: usize) {
        self.rest.start += length;
        self.count = 0;
        self.line = self.next_line;
        self.next_line += 1;
    }

    /// The number of fields of the current record.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A field of the current record.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let ends = self.ends.get(..self.count)?;
        let end = *ends.get(index)?;
        let (text, begin, comma) = match self.is_unquoted {
            true => (&self.unquoted, 0, 0),
            false => (&self.buffer, self.begin, 1),
        };
        let begin = if index > 0 { ends[index - 1] + comma } else { begin };
        text.get(begin..end)
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

    /// The line with the quotation mark that is still open at the end of the file, if the current
    /// record has one: the parser closes it by itself, so that one mark too many would swallow all
    /// rows below it without a word.
    pub(super) fn left_open(&self) -> Option<u64> {
        self.left_open
    }

    fn read_one(&mut self) -> io::Result<bool> {
        self.line = self.next_line;
        self.is_unquoted = false;
        loop {
            match self.split() {
                Found::Record(end) => {
                    // It may have lain in the buffer by chance.
                    check_length(end - self.begin)?;
                    self.rest.start = end;
                    self.next_line += 1;
                    return Ok(true);
                }
                Found::Quoted => {
                    self.read_quoted()?;
                    return Ok(true);
                }
                Found::Incomplete if self.over => return Ok(false),
                Found::Incomplete => {
                    check_length(self.rest.len())?;
                    self.refill()?;
                }
            }
        }
    }

    /// Splits the record at the beginning of the rest, if it is whole and has no quotation marks
    /// that mean something.
    #[inline]
    fn split(&mut self) -> Found {
        let begin = self.rest.start;
        (self.begin, self.count) = (begin, 0);
        if !self.begun {
            return Found::Incomplete;
        }
        let bytes = &self.buffer[..self.rest.end];
        if self.delimiter != b',' {
            // A blank line would be skipped together with the record below it.
            return match bytes.get(begin) {
                None | Some(b'\n' | b'\r') => self.split_slowly(begin),
                Some(_) => Found::Quoted,
            };
        }
        let (words, _) = bytes[begin..].as_chunks();
        let (mut place, mut count) = (begin, 0);
        for word in words {
            let mut marks = low_bytes(*word);
            while marks != 0 {
                let index = place + marks.trailing_zeros() as usize / 8;
                let byte = bytes[index];
                if byte != b',' && byte != b'\n' {
                    // From here on by the byte.
                    self.count = count;
                    return self.split_slowly(index);
                }
                match self.ends.get_mut(count) {
                    Some(end) => *end = index,
                    None => self.ends.push(index),
                }
                count += 1;
                if byte == b'\n' {
                    self.count = count;
                    return Found::Record(index + 1);
                }
                marks &= marks - 1;
            }
            place += word.len();
        }
        self.count = count;
        self.split_slowly(place)
    }

    /// Splits the rest of a record from this byte on; the fields before it are known.
    fn split_slowly(&mut self, mut index: usize) -> Found {
        let bytes = &self.buffer[..self.rest.end];
        self.ends.truncate(self.count);
        let mut begin = self.ends.last().map_or(self.begin, |end| end + 1);
        while index < bytes.len() {
            match bytes[index] {
                b',' => {
                    self.ends.push(index);
                    begin = index + 1;
                }
                b'\n' => {
                    self.ends.push(index);
                    return self.found(index + 1);
                }
                b'\r' => {
                    let next = bytes.get(index + 1);
                    if next.is_none() && !self.over {
                        return Found::Incomplete;
                    }
                    self.ends.push(index);
                    return self.found(index + 1 + usize::from(next == Some(&b'\n')));
                }
                b'"' if index == begin => return Found::Quoted,
                _ => {}
            }
            index += 1;
        }
        if self.rest.is_empty() || !self.over {
            return Found::Incomplete;
        }
        self.ends.push(bytes.len());
        self.found(self.rest.end)
    }

    fn found(&mut self, end: usize) -> Found {
        self.count = self.ends.len();
        Found::Record(end)
    }

    /// Reads the record at the beginning of the rest by the book.
    fn read_quoted(&mut self) -> io::Result<()> {
        self.unquoted.resize(self.unquoted.len().max(PIECE), 0);
        self.ends.resize(self.ends.len().max(64), 0);
        let (mut length, mut count) = (0, 0);
        let mut quotes = Quotes::new(self.delimiter);
        let mut last = 0;
        self.parser.reset();
        loop {
            if self.rest.is_empty() && !self.over {
                self.refill()?;
            }
            let input = &self.buffer[self.rest.clone()];
            let (result, used, written, ended) = self.parser.read_record(
                input,
                &mut self.unquoted[length..],
                &mut self.ends[count..],
            );
            quotes.follow(&input[..used]);
            last = if used > 0 { input[used - 1] } else { last };
            self.rest.start += used;
            (length, count) = (length + written, count + ended);
            check_length(length + count)?;
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
        self.count = count;
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

/// No row is longer than this, or the line break behind it.
fn check_length(length: usize) -> io::Result<()> {
    match length > LONGEST_LINE + 2 {
        true => Err(LongRow.into()),
        false => Ok(()),
    }
}

/// The highest bit of every byte that is a comma or lower, the first byte being the lowest: nearly
/// all bytes of a trace are digits, points and letters, which are higher, and no byte that matters
/// is.
#[inline]
pub(super) fn low_bytes(word: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(word);
    // Without its highest bit a byte carries into it, and no further, if it is higher than a comma.
    let higher = ((word & (ONES * 0x7f)) + ONES * (0x7f - b',' as u64)) | word;
    !higher & (ONES * 0x80)
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pieces::Pieces;
    use super::*;

    type Record = Vec<Vec<u8>>;

    fn read(text: &[u8], piece: usize) -> Vec<(u64, Record)> {
        let mut records = Records::new(Pieces(text, piece));
        let mut all = Vec::new();
        while records.read().unwrap() {
            all.push((records.line(), records.iter().map(<[u8]>::to_vec).collect()));
        }
        all
    }

    /// The records of a text that is all there, by the parser alone.
    fn by_the_book(mut text: &[u8]) -> Vec<Record> {
        let (mut parser, mut output, mut ends) = (csv_core::Reader::new(), [0; 4096], [0; 4096]);
        let (mut length, mut count) = (0, 0);
        let mut all = Vec::new();
        loop {
            let (result, used, written, ended) =
                parser.read_record(text, &mut output[length..], &mut ends[count..]);
            text = &text[used..];
            (length, count) = (length + written, count + ended);
            match result {
                // It is called again with no data, which tells it that there is no more.
                ReadRecordResult::InputEmpty => continue,
                ReadRecordResult::Record => {}
                ReadRecordResult::End => return all,
                full => unreachable!("{full:?}: texts are short here"),
            }
            let begins = std::iter::once(&0).chain(&ends[..count]);
            let fields: Record = begins
                .zip(&ends[..count])
                .map(|(&begin, &end)| output[begin..end].to_vec())
                .collect();
            if fields.len() > 1 || fields.iter().any(|field| !field.trim_ascii().is_empty()) {
                all.push(fields);
            }
            (length, count) = (0, 0);
        }
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        #[test]
        fn records_are_those_of_the_parser(text in "[a-z0-9.,,,\"\r\n\n +é-]{0,200}", piece in 1usize..40) {
            let read: Vec<Record> = read(text.as_bytes(), piece).into_iter().map(|(_, record)| record).collect();
            prop_assert_eq!(read, by_the_book(text.as_bytes()));
        }

        #[test]
        fn lines_are_counted(text in "[a-z0-9.,,,\r\n\n +é-]{0,200}", piece in 1usize..40, quoted: bool) {
            // A line that is quoted is read in the other way.
            let begin = if quoted { "\"x\"," } else { "x," };
            let lines = text.replace("\r\n", "\n").replace('\r', "\n");
            let expected: Vec<(u64, Record)> = lines.split_terminator('\n').zip(1..).map(|(line, number)| {
                let fields = ["x"].into_iter().chain(line.split(','));
                (number, fields.map(|field| field.as_bytes().to_vec()).collect())
            }).collect();
            let mut written = String::new();
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let length = rest.find(['\r', '\n']).unwrap_or(rest.len());
                let end = length + if rest[length..].starts_with("\r\n") { 2 } else { usize::from(length < rest.len()) };
                written = written + begin + &rest[..end];
                rest = &rest[end..];
            }
            prop_assert_eq!(read(written.as_bytes(), piece), expected);
        }
    }
}
