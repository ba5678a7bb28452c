//! The pages of a column, which are looked at before the library unpacks them, and again before it
//! takes values out of them.
//!
//! A page states its size when decompressed, and the library allocates that much. Some decoders
//! continue beyond it: those of gzip, of Brotli, and of the LZ4 frames of old files. Their output
//! is counted first, and a page that produces more than it states is refused. The decoders of
//! Snappy, zstd and LZ4 blocks write into a buffer of fixed size and fail at its end.
//!
//! In the encoding `DELTA_BYTE_ARRAY` a value says how much of the value before it is its
//! beginning, so that a page of a few bytes may hold many long values. Their lengths are added up
//! first.

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};

use super::guard::{LARGEST_PAGE, Refused, ThriftFields};
use super::lengths::Lengths;
use crate::error::LONGEST_LINE;

/// The number of bytes at the beginning of a page that contain its sizes, unless there are long
/// statistics.
const HEAD: u64 = 256;

/// The longest head of a page.
const LONGEST_HEAD: u64 = 16 << 20;

/// The size of the length of a text, in bytes.
const LENGTH: u64 = 4;

/// What was refused, and where it is.
#[derive(Debug)]
pub(super) struct RefusedPage {
    page: u64,
    group: usize,
    column: String,
    pub(super) refused: Refused,
}

impl fmt::Display for RefusedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RefusedPage { page, group, column, refused } = self;
        write!(f, "page {page} of its column `{column}` in row group {group}: {refused}")
    }
}

impl std::error::Error for RefusedPage {}

/// The pages of a column in a group of rows.
pub(super) struct Pages<R: ChunkReader> {
    pages: SerializedPageReader<PageSource<R>>,
    /// Its name and the number of the group, counted from 1.
    column: String,
    group: usize,
    /// How many pages have been given.
    given: u64,
    kind: Type,
    /// Whether values may be missing.
    has_levels: bool,
}

impl<R: ChunkReader> Pages<R> {
    /// Those of a flat column.
    pub(super) fn new(
        file: &Arc<R>,
        column: &ColumnChunkMetaData,
        group: usize,
        rows: usize,
    ) -> Result<Self, ParquetError> {
        let source = PageSource {
            file: Arc::clone(file),
            codec: column.compression(),
            head: Mutex::new(None),
        };
        Ok(Pages {
            pages: SerializedPageReader::new(Arc::new(source), column, rows, None)?,
            column: column.column_path().string(),
            group,
            given: 0,
            kind: column.column_type(),
            has_levels: column.column_descr().max_def_level() > 0,
        })
    }

    fn read(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            check_values(page, self.kind, self.has_levels)?;
        }
        Ok(page)
    }
}

impl<R: ChunkReader> PageReader for Pages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        self.given += 1;
        self.read().map_err(|error| match error {
            ParquetError::External(error) => match error.downcast::<Refused>() {
                Ok(refused) => ParquetError::External(Box::new(RefusedPage {
                    page: self.given,
                    group: self.group,
                    column: self.column.clone(),
                    refused: *refused,
                })),
                Err(error) => ParquetError::External(error),
            },
            error => error,
        })
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        Err(in_order())
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        Err(in_order())
    }
}

impl<R: ChunkReader> Iterator for Pages<R> {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Rows are not skipped, and flat columns need not look ahead.
fn in_order() -> ParquetError {
    ParquetError::NYI("pages are read one after the other".to_owned())
}

fn damaged() -> ParquetError {
    ParquetError::General("the page is damaged".to_owned())
}

/// What the library reads the pages from: in turn the head of a page, and its data.
struct PageSource<R> {
    file: Arc<R>,
    codec: Compression,
    /// The head whose data have not been read, and where they are.
    head: Mutex<Option<(u64, PageHeader)>>,
}

impl<R: Length> Length for PageSource<R> {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl<R: ChunkReader> ChunkReader for PageSource<R> {
    type T = R::T;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut most = HEAD;
        let (length, head) = loop {
            let mut bytes = Vec::new();
            self.file.get_read(start)?.take(most).read_to_end(&mut bytes)?;
            match PageHeader::read(&bytes) {
                Some(found) => break found,
                None if (bytes.len() as u64) < most || most >= LONGEST_HEAD => {
                    return Err(damaged());
                }
                None => most *= 4,
            }
        };
        head.check()?;
        let mut last = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((start + length, head));
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let last = self.head.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The library has understood the head as it was understood here, or nothing is known.
        let head = match last {
            Some((data, head)) if data == start && head.packed == length as u64 => head,
            _ => return Err(damaged()),
        };
        if start.checked_add(head.packed).is_none_or(|end| end > self.len()) {
            return Err(Refused::Impossible.into());
        }
        let bytes = self.file.get_bytes(start, length)?;
        if head.is_packed && head.unpacked > head.levels {
            let packed = usize::try_from(head.levels).ok().and_then(|levels| bytes.get(levels..));
            let most = head.unpacked - head.levels;
            check_unpacked(self.codec, packed.ok_or(Refused::Impossible)?, most).map_err(
                |refused| match refused {
                    Refused::Unpacks(_) => Refused::Unpacks(head.unpacked),
                    other => other,
                },
            )?;
        }
        Ok(bytes)
    }
}

/// What the head of a page says: `PageHeader`.
#[derive(Debug)]
struct PageHeader {
    /// The sizes of the page, packed and unpacked.
    packed: u64,
    unpacked: u64,
    /// So much of both are levels, which are not packed.
    levels: u64,
    is_packed: bool,
    /// The values, if it is a dictionary.
    values: u64,
}

impl PageHeader {
    /// Reads the header, and its length. `None` if it is invalid or truncated.
    fn read(bytes: &[u8]) -> Option<(u64, PageHeader)> {
        let mut found = [None; 6];
        let mut is_once = true;
        let mut fields = ThriftFields { rest: bytes, depth: 0 };
        fields.walk(&mut Vec::new(), &mut |path, value| {
            let place = match path {
                [2] => &mut found[0],
                [3] => &mut found[1],
                [7, 1] => &mut found[2],
                // Of a page of the second version: the lengths of its levels, and whether the rest
                // is packed.
                [8, 5] => &mut found[3],
                [8, 6] => &mut found[4],
                [8, 7] => &mut found[5],
                _ => return,
            };
            is_once &= place.replace(value).is_none();
        })?;
        let length = (bytes.len() - fields.rest.len()) as u64;
        // All of them are numbers of 32 bits, and none is negative.
        let is_number = |value: &i64| i32::try_from(*value).is_ok_and(|value| value >= 0);
        if !is_once || !found.iter().flatten().all(is_number) {
            return None;
        }
        let [unpacked, packed, values, definition, repetition, is_packed] =
            found.map(|value| value.map(i64::unsigned_abs));
        let head = PageHeader {
            packed: packed?,
            unpacked: unpacked?,
            levels: definition.unwrap_or(0) + repetition.unwrap_or(0),
            is_packed: is_packed != Some(0),
            values: values.unwrap_or(0),
        };
        Some((length, head))
    }

    fn check(&self) -> Result<(), Refused> {
        if self.unpacked > LARGEST_PAGE {
            return Err(Refused::LargePage(self.unpacked));
        }
        // A value of a dictionary takes a byte at least.
        if self.values > self.unpacked || self.levels > self.unpacked || self.levels > self.packed {
            return Err(Refused::Impossible);
        }
        Ok(())
    }
}

/// Whether data unpack to no more than this many bytes, if the library does not look itself. What
/// cannot be unpacked is left to it.
fn check_unpacked(codec: Compression, packed: &[u8], most: u64) -> Result<(), Refused> {
    let is_more = match codec {
        Compression::GZIP(_) => gives_more(MultiGzDecoder::new(packed), most),
        // This is how "large windows" begin, of up to 1 GiB, which are no part of the standard.
        Compression::BROTLI(_) if packed.first().is_some_and(|first| first & 0x7f == 0x11) => {
            return Err(Refused::Window);
        }
        Compression::BROTLI(_) => gives_more(brotli::Decompressor::new(packed, 1 << 12), most),
        Compression::LZ4 => gives_more(FrameDecoder::new(packed), most),
        _ => false,
    };
    if is_more { Err(Refused::Unpacks(most)) } else { Ok(()) }
}

/// Whether a reader gives more than this many bytes. Nothing behind them is read.
fn gives_more(mut reader: impl Read, most: u64) -> bool {
    let (mut buffer, mut given) = ([0; 1 << 14], 0);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(count) => given += count as u64,
        }
        if given > most {
            return true;
        }
    }
}

/// Looks at the lengths of the values of a page.
fn check_values(page: &Page, kind: Type, has_levels: bool) -> Result<(), ParquetError> {
    if !matches!(kind, Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY) {
        return Ok(());
    }
    let (bytes, count, encoding, levels) = match page {
        Page::DictionaryPage { .. } => return Ok(()),
        Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
            let levels = match def_level_encoding {
                _ if !has_levels => 0,
                Encoding::RLE => {
                    let length = buf.first_chunk().ok_or_else(damaged)?;
                    LENGTH + u64::from(u32::from_le_bytes(*length))
                }
                _ => u64::from(num_values.div_ceil(8)),
            };
            (buf, *num_values, *encoding, levels)
        }
        Page::DataPageV2 {
            buf,
            num_values,
            encoding,
            def_levels_byte_len: definition,
            rep_levels_byte_len: repetition,
            ..
        } => (buf, *num_values, *encoding, u64::from(*definition) + u64::from(*repetition)),
    };
    let values = usize::try_from(levels).ok().and_then(|levels| bytes.get(levels..));
    let values = values.ok_or_else(damaged)?;
    // A page in which all values are missing may have no data.
    if values.is_empty() {
        return Ok(());
    }
    let count = u64::from(count);
    let size = match encoding {
        Encoding::PLAIN => values.len() as u64,
        Encoding::DELTA_LENGTH_BYTE_ARRAY => written_out(values, count)?.0,
        Encoding::DELTA_BYTE_ARRAY => {
            // Of each value, how much of the one before it it begins with; then what follows.
            let (begins, end) = written_out(values, count)?;
            let rest = values.get(end..).ok_or_else(damaged)?;
            begins.saturating_add(written_out(rest, count)?.0)
        }
        _ => return Ok(()),
    };
    if size > LARGEST_PAGE {
        return Err(Refused::LargeValues.into());
    }
    // The library takes the values of many rows at once, and the row is looked at afterwards.
    let is_text = matches!(kind, Type::BYTE_ARRAY);
    if is_text && size > count.saturating_mul(2 * LENGTH + LONGEST_LINE as u64) {
        return Err(Refused::LongValue.into());
    }
    Ok(())
}

/// The space that values of these lengths take, with the lengths, and where the lengths end.
fn written_out(bytes: &[u8], count: u64) -> Result<(u64, usize), ParquetError> {
    let lengths = Lengths::new(bytes).filter(|lengths| lengths.count() <= count);
    let lengths = lengths.ok_or_else(damaged)?;
    let heads = LENGTH * lengths.count();
    if heads > LARGEST_PAGE {
        return Err(Refused::LargeValues.into());
    }
    let (sum, end) = lengths.add_up().ok_or_else(damaged)?;
    Ok((sum.saturating_add(heads), end))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use lz4_flex::frame::FrameEncoder;

    use super::super::lengths::tests::{packed, varint};
    use super::*;

    /// A 32-bit integer in a field whose number is one more than the last.
    fn number(value: i32) -> Vec<u8> {
        [vec![0x15], varint(u64::from(((value << 1) ^ (value >> 31)) as u32))].concat()
    }

    /// The header of a page of a kind, with its sizes; for a dictionary, with this number of
    /// values.
    fn head(kind: i32, unpacked: i32, packed: i32, values: i32) -> Vec<u8> {
        let dictionary = [&[0x4c][..], &number(values), &number(0), &[0, 0]].concat();
        [number(kind), number(unpacked), number(packed), dictionary].concat()
    }

    fn check(head: &[u8]) -> Option<Result<(), Refused>> {
        PageHeader::read(head).map(|(length, head_read)| {
            assert_eq!(length, head.len() as u64);
            head_read.check()
        })
    }

    #[test]
    fn pages_that_are_too_large_are_refused() {
        let most = i32::try_from(LARGEST_PAGE).unwrap();
        assert!(matches!(check(&head(2, most, 10, 5)), Some(Ok(()))));
        assert!(matches!(check(&head(0, most + 1, 10, 5)), Some(Err(Refused::LargePage(_)))));
        assert!(matches!(check(&head(2, 100, 10, i32::MAX)), Some(Err(Refused::Impossible))));
        // What is no head, what is cut off, and what says a thing twice.
        assert!(check(&[]).is_none());
        assert!(check(&head(2, -1, 10, 5)).is_none());
        let whole = head(2, 100, 10, 5);
        assert!(check(&whole[..whole.len() - 1]).is_none());
        let again = [&[0x05, 4][..], &number(50)[1..]].concat();
        assert!(check(&[&whole[..whole.len() - 1], &again, &[0]].concat()).is_none());
    }

    /// What packs these bytes, by every decoder that does not stop by itself.
    fn all_packed(bytes: &[u8]) -> [(Compression, Vec<u8>); 3] {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4096, 1, 22);
        brotli.write_all(bytes).unwrap();
        let mut lz4 = FrameEncoder::new(Vec::new());
        lz4.write_all(bytes).unwrap();
        [
            (Compression::GZIP(Default::default()), gzip.finish().unwrap()),
            (Compression::BROTLI(Default::default()), brotli.into_inner()),
            (Compression::LZ4, lz4.finish().unwrap()),
        ]
    }

    #[test]
    fn a_page_unpacks_to_no_more_than_it_says() {
        const SIZE: u64 = 1 << 20;
        for (codec, packed) in all_packed(&vec![7; SIZE as usize]) {
            assert!(packed.len() < 1 << 15, "{codec}: {}", packed.len());
            assert!(check_unpacked(codec, &packed, SIZE).is_ok(), "{codec}");
            let refused = check_unpacked(codec, &packed, SIZE - 1);
            assert!(matches!(refused, Err(Refused::Unpacks(most)) if most == SIZE - 1), "{codec}");
            // The library says what is wrong with what is damaged.
            assert!(check_unpacked(codec, &packed[..packed.len() / 2], SIZE).is_ok(), "{codec}");
        }
        // Members of gzip one after the other are one.
        let [(gzip, once), ..] = all_packed(&[1; 100]);
        let twice = [once.clone(), once].concat();
        assert!(check_unpacked(gzip, &twice, 200).is_ok());
        assert!(check_unpacked(gzip, &twice, 199).is_err());
        let large = check_unpacked(Compression::BROTLI(Default::default()), &[0x11, 0x1e], 10);
        assert!(matches!(large, Err(Refused::Window)));
    }

    /// The file is `head` and `data`, of one page.
    fn read(codec: Compression, head: &[u8], data: &[u8]) -> Result<(), ParquetError> {
        let file = Arc::new(Bytes::from([head, data, &[0; 9]].concat()));
        let source = PageSource { file, codec, head: Mutex::new(None) };
        source.get_read(0)?;
        let bytes = source.get_bytes(head.len() as u64, data.len())?;
        assert_eq!(bytes, data);
        assert!(source.get_bytes(head.len() as u64, data.len()).is_err(), "its head was read once");
        Ok(())
    }

    fn is_refused(result: Result<(), ParquetError>) -> bool {
        match result {
            Ok(()) => false,
            Err(ParquetError::External(error)) => error.is::<Refused>(),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_data_of_a_page_are_unpacked_as_its_head_says() {
        for (codec, data) in all_packed(&[b'x'; 5000]) {
            let length = i32::try_from(data.len()).unwrap();
            assert!(!is_refused(read(codec, &head(2, 5000, length, 5), &data)));
            assert!(is_refused(read(codec, &head(2, 4999, length, 5), &data)));
            // The second version: the first bytes are levels, and the rest is packed or not.
            let page = |size: i32, ends: &[u8]| {
                let second = [&[0x5c][..], &[0x55], &number(3)[1..], &number(1), ends, &[0]];
                let sizes = [number(3), number(size), number(length + 4)];
                [&sizes.concat()[..], &second.concat(), &[0]].concat()
            };
            let data = [&[9; 4][..], &data].concat();
            for packed in [&[][..], &[0x11]] {
                assert!(!is_refused(read(codec, &page(5004, packed), &data)));
                assert!(is_refused(read(codec, &page(5003, packed), &data)));
            }
            assert!(!is_refused(read(codec, &page(5003, &[0x12]), &data)), "not packed");
        }
        // Other data than those of the head.
        assert!(read(Compression::SNAPPY, &head(2, 100, 3, 5), &[1, 2]).is_err());
        // Long statistics.
        let mut long = [number(0), number(100), number(3), vec![0x58]].concat();
        long.extend([varint(5000), vec![b'a'; 5000], vec![0]].concat());
        assert!(read(Compression::SNAPPY, &long, &[1, 2, 3]).is_ok());
    }

    fn values(encoding: Encoding, lists: &[&[i32]], text: &[u8]) -> Result<(), ParquetError> {
        let mut bytes: Vec<u8> = lists.iter().flat_map(|lengths| packed(lengths)).collect();
        bytes.extend(text);
        let count = u32::try_from(lists.first().map_or(1, |lengths| lengths.len())).unwrap();
        let mut results = Vec::new();
        for has_levels in [false, true] {
            let levels: &[u8] = if has_levels { &[2, 0, 0, 0, 8, 1] } else { &[] };
            let first = Page::DataPage {
                buf: [levels, &bytes].concat().into(),
                num_values: count,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let levels = levels.get(4..).unwrap_or_default();
            let second = Page::DataPageV2 {
                buf: [levels, &bytes].concat().into(),
                num_values: count,
                encoding,
                num_nulls: 0,
                num_rows: count,
                def_levels_byte_len: levels.len() as u32,
                rep_levels_byte_len: 0,
                is_compressed: false,
                statistics: None,
            };
            results.extend(
                [first, second].map(|page| check_values(&page, Type::BYTE_ARRAY, has_levels)),
            );
        }
        let all: Vec<_> = results.iter().map(|result| format!("{result:?}")).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        results.swap_remove(0)
    }

    /// A value that begins with the one before it takes no room in the file.
    #[test]
    fn values_that_begin_alike_are_added_up() {
        let long = 1 << 20;
        let mut ends = vec![0; 256];
        ends[0] = long;
        // With their lengths, 255 of them are just less than is read, and 256 are more.
        let begins = |count: usize| [vec![0], vec![long; count - 1]].concat();
        let delta = |count: usize| {
            values(Encoding::DELTA_BYTE_ARRAY, &[&begins(count), &ends[..count]], b"")
        };
        assert!(delta(255).is_ok());
        match delta(256) {
            Err(ParquetError::External(error)) => {
                assert_eq!(
                    error.to_string(),
                    "its values have more than 256 MiB when they are written out"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(is_refused(values(Encoding::DELTA_BYTE_ARRAY, &[&[0, long], &[long * 4, 0]], b"")));
        // More lengths than there are values.
        let lengths = packed(&[0; 100]);
        let more = values(Encoding::DELTA_LENGTH_BYTE_ARRAY, &[], &lengths);
        assert!(matches!(more, Err(ParquetError::General(_))));
        assert!(values(Encoding::DELTA_LENGTH_BYTE_ARRAY, &[&[3, 4]], b"abcdefg").is_ok());
        assert!(values(Encoding::PLAIN, &[], &vec![0; long as usize]).is_ok());
        assert!(is_refused(values(Encoding::PLAIN, &[], &vec![0; long as usize + 10])));
    }
}
