//! Compressed files, read as they are.
//!
//! A [`Decompressed`] recognises formats by the first bytes of the data, not by a name: gzip and
//! zstd are decompressed, also several members or frames in a row. Other compression formats are
//! refused. Everything else passes unchanged.
//!
//! Data that end too early, or were changed, are an [`io::Error`] that holds a
//! [`CompressionError`]; everything before the break has been read by then.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
#[cfg(feature = "formats")]
use zstd::stream::read::Decoder as ZstdDecoder;

/// Reads data that may be compressed. gzip and zstd are recognised by their first bytes and
/// decompressed, also several members or frames in a row; anything else passes unchanged. An error
/// of the data is an [`io::Error`] that holds a [`CompressionError`].
///
/// ```
/// use std::io::Read;
/// use isotherm_workload::Decompressed;
///
/// // `printf 'at_s\n0\n' | gzip -n`
/// let packed = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 75, 44, 137, 47, 230, 50, 224, 2, 0, 171, 218, 211, 209, 7, 0, 0, 0];
/// for bytes in [packed.as_slice(), b"at_s\n0\n"] {
///     let mut text = String::new();
///     Decompressed::new(bytes).read_to_string(&mut text)?;
///     assert_eq!(text, "at_s\n0\n");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Decompressed<R> {
    state: State<R>,
    /// How many bytes have been given.
    given: u64,
}

/// Why compressed data cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// They end in the middle.
    #[error("the {packer} data end in the middle, after {} of text", bytes(*.given))]
    Truncated {
        /// `gzip` or `zstd`.
        packer: &'static str,
        /// How many bytes of text come before that.
        given: u64,
    },
    /// They are not what was packed.
    #[error("the {packer} data are damaged, after {} of text", bytes(*.given))]
    Damaged {
        /// `gzip` or `zstd`.
        packer: &'static str,
        /// How many bytes of text come before that.
        given: u64,
    },
    /// A frame of zstd refers to data that lie too far back.
    #[error("the zstd data need a window of more than {} MiB, after {} of text", 1 << (WINDOW_LOG - 20), bytes(*.given))]
    LargeWindow {
        /// How many bytes of text come before that.
        given: u64,
    },
    /// They are those of a packer that is not known here.
    #[error("this is {0}, not text")]
    Unknown(&'static str),
}

impl CompressionError {
    /// The one that an error of reading holds, if it does.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&CompressionError> {
        error.get_ref()?.downcast_ref()
    }

    /// What may be done about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            CompressionError::Truncated { .. } => {
                "was the file copied or downloaded to its end?".to_owned()
            }
            CompressionError::Damaged { packer, .. } => {
                format!("`{packer} -t` says whether the file is whole")
            }
            CompressionError::LargeWindow { .. } => {
                "pack it again without `--long`, or unpack it first".to_owned()
            }
            CompressionError::Unknown("a Parquet file") => {
                "a workload of kind `parquet` reads it".to_owned()
            }
            CompressionError::Unknown(_) => {
                "unpack it first: only gzip and zstd are read as they are".to_owned()
            }
        }
    }
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

/// What other packers begin their files with.
const UNKNOWN: [(&[u8], &str); 6] = [
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"PAR1", "a Parquet file"),
];

/// The largest window of zstd that memory is set aside for, as a power of two: that of
/// `--ultra -22`.
const WINDOW_LOG: u32 = 27;

/// How zstd says that the window of a frame is larger.
const LARGE_WINDOW: &str = "Frame requires too much memory for decoding";

/// The number of bytes that distinguish all of these formats.
const HEAD: u64 = 6;

type Headed<R> = Chain<Cursor<Vec<u8>>, R>;

enum State<R> {
    /// Nothing has been read. Empty only while it is looked at.
    New(Option<R>),
    Plain(Headed<R>),
    Gzip(Box<MultiGzDecoder<CompressedInput<Headed<R>>>>),
    #[cfg(feature = "formats")]
    Zstd(Box<ZstdDecoder<'static, CompressedInput<Headed<R>>>>),
}

impl<R: Read> Decompressed<R> {
    /// Reads from here. Nothing is read as yet.
    pub fn new(reader: R) -> Self {
        Decompressed { state: State::New(Some(reader)), given: 0 }
    }

    /// Looks at the first bytes.
    fn begin(mut reader: R) -> io::Result<State<R>> {
        let mut head = Vec::new();
        reader.by_ref().take(HEAD).read_to_end(&mut head)?;
        let is = |magic: &[u8]| head.starts_with(magic);
        if let Some((_, what)) = UNKNOWN.iter().find(|(magic, _)| is(magic)) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                CompressionError::Unknown(what),
            ));
        }
        // Frames of zstd that hold no data may come first; the lower half byte of their first byte
        // is free.
        let is_skippable = matches!(head[..], [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        let (is_gzip, is_zstd) = (is(b"\x1f\x8b"), is(b"\x28\xb5\x2f\xfd") || is_skippable);
        let whole = Cursor::new(head).chain(reader);
        Ok(if is_gzip {
            State::Gzip(Box::new(MultiGzDecoder::new(CompressedInput::new(whole))))
        } else if is_zstd {
            Self::zstd(whole)?
        } else {
            State::Plain(whole)
        })
    }
}

impl<R: Read> Decompressed<R> {
    #[cfg(feature = "formats")]
    fn zstd(whole: Headed<R>) -> io::Result<State<R>> {
        let mut decoder = ZstdDecoder::with_buffer(CompressedInput::new(whole))?;
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(State::Zstd(Box::new(decoder)))
    }

    #[cfg(not(feature = "formats"))]
    fn zstd(_: Headed<R>) -> io::Result<State<R>> {
        let what =
            CompressionError::Unknown("zstd, which is read by builds with the feature `formats`");
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::New(reader) = &mut self.state {
            let Some(reader) = reader.take() else { return Ok(0) };
            self.state = Self::begin(reader)?;
        }
        let (read, packer, is_over) = match &mut self.state {
            State::New(_) => return Ok(0),
            State::Plain(reader) => return reader.read(buffer),
            State::Gzip(decoder) => (decoder.read(buffer), "gzip", decoder.get_ref().is_over),
            #[cfg(feature = "formats")]
            State::Zstd(decoder) => (decoder.read(buffer), "zstd", decoder.get_ref().is_over),
        };
        match read {
            Ok(count) => {
                self.given += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let given = self.given;
                let source = match &self.state {
                    State::Gzip(decoder) => &decoder.get_ref().failed,
                    #[cfg(feature = "formats")]
                    State::Zstd(decoder) => &decoder.get_ref().failed,
                    _ => &None,
                };
                // What the disk says is not the fault of the data.
                if let Some(kind) = source {
                    return Err((*kind).into());
                }
                let is_large = packer == "zstd" && error.to_string() == LARGE_WINDOW;
                drop(error);
                Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    // More was read than there is: the end of the data is missing.
                    match is_over {
                        _ if is_large => CompressionError::LargeWindow { given },
                        true => CompressionError::Truncated { packer, given },
                        false => CompressionError::Damaged { packer, given },
                    },
                ))
            }
        }
    }
}

/// Compressed data. Records whether its end was reached, and why reading failed: decoders do not
/// report this.
struct CompressedInput<R> {
    reader: BufReader<R>,
    is_over: bool,
    failed: Option<io::ErrorKind>,
}

impl<R: Read> CompressedInput<R> {
    fn new(reader: R) -> Self {
        CompressedInput {
            reader: BufReader::with_capacity(1 << 16, reader),
            is_over: false,
            failed: None,
        }
    }
}

impl<R: Read> BufRead for CompressedInput<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.reader.fill_buf() {
            Ok(bytes) => {
                self.is_over = bytes.is_empty();
                Ok(bytes)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.failed = Some(error.kind());
                }
                Err(error)
            }
        }
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl<R: Read> Read for CompressedInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}
