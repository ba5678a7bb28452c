//! Reads whole text files of a limited size.
//!
//! An error has a place: bytes that are not UTF-8 are shown in their line.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use isotherm_config::diagnostic::{Diagnostic, Diagnostics};
use isotherm_config::source::Sources;
use isotherm_workload::Decompressed;

/// A larger file than this is not an experiment, or not well written. No larger manifest is
/// written.
pub(crate) const LARGEST_EXPERIMENT: u64 = 256 << 20;

/// A platform, a table of functions or a profile that is larger than this is not what it should be,
/// or not well written.
pub(crate) const LARGEST_TEXT: u64 = 64 << 20;

/// Why the text of a file cannot be read.
#[derive(Debug)]
pub enum TextError {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is larger than what is asked for.
    TooLarge(u64),
    /// It is not UTF-8.
    NotText(NotText),
}

/// A byte that is not UTF-8.
#[derive(Debug)]
pub struct NotText {
    /// Its line and its column in characters, counted from 1.
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// The beginning of the line, as far as it can be shown.
    shown: String,
    hint: String,
}

impl NotText {
    fn of(bytes: &[u8], place: usize) -> Self {
        let (before, after) = bytes.split_at(place.min(bytes.len()));
        let begin = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let rest = after.iter().take(40).take_while(|&&byte| byte != b'\n').count();
        let column = String::from_utf8_lossy(&before[begin..]).chars().count() + 1;
        let shown = String::from_utf8_lossy(&bytes[begin..before.len() + rest]).into_owned();
        let hint = match (bytes, after.first()) {
            ([0xff, 0xfe, ..] | [0xfe, 0xff, ..], _) => {
                "it looks like UTF-16: save it as UTF-8".to_owned()
            }
            (_, Some(byte)) => format!("the byte 0x{byte:02X} is none: save the file as UTF-8"),
            (_, None) => "save the file as UTF-8".to_owned(),
        };
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        NotText { line, column, shown, hint }
    }

    /// Shows it in its line.
    pub(crate) fn diagnostic(&self, name: &str, sources: &mut Sources) -> Diagnostic {
        let source = sources.add_lines(name, &self.shown, self.line);
        let mut place = sources.line(source, 1);
        let before =
            self.shown.char_indices().nth(self.column - 1).map_or(self.shown.len(), |(at, _)| at);
        place.start = before;
        place.end = (before + char::REPLACEMENT_CHARACTER.len_utf8()).min(self.shown.len());
        Diagnostic::at(place, "this is not UTF-8 text", self.hint.as_str())
    }
}

/// `it is not UTF-8 text (line 3, column 7)`
impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it is not UTF-8 text (line {}, column {}: {})",
            self.line, self.column, self.hint
        )
    }
}

/// What is neither a file nor a folder.
#[derive(Debug)]
struct Special;

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is a pipe, a device or the like, which may have no end: write what comes from it into a file")
    }
}

impl std::error::Error for Special {}

/// Whether an error says that something is neither a file nor a folder.
pub(crate) fn special(error: &io::Error) -> Option<String> {
    error.get_ref().filter(|error| error.is::<Special>()).map(ToString::to_string)
}

/// Why a file could not be opened, in the same words on every system.
#[must_use]
pub fn io_reason(error: &io::Error) -> String {
    if let Some(reason) = special(error) {
        return reason;
    }
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        kind => kind.to_string(),
    }
}

/// Opens a regular file: opening a pipe may block, a device may have no end, and either may be
/// readable only once.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, Special));
    }
    File::open(path)
}

/// The text of a file, which may be compressed.
///
/// # Errors
/// It is not a regular file, cannot be read, is too large, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, TextError> {
    text(Decompressed::new(open(path).map_err(TextError::Unreadable)?), LARGEST_TEXT)
}

/// The text of a reader, if it has at most `limit` bytes.
pub(crate) fn text(reader: impl Read, limit: u64) -> Result<String, TextError> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(TextError::Unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(TextError::TooLarge(limit));
    }
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        TextError::NotText(NotText::of(error.as_bytes(), place))
    })
}

/// The text of a file that is given on the command line, which may be a pipe.
pub(crate) fn read_given(
    path: &Path,
    shown: &str,
    limit: u64,
    hint: &str,
) -> Result<String, Diagnostics> {
    let cannot_read =
        |reason: String| Diagnostics::single(format!("cannot read `{shown}`: {reason}"));
    let opened = std::fs::metadata(path).and_then(|known| match known.is_dir() {
        true => Err(ErrorKind::IsADirectory.into()),
        false => File::open(path),
    });
    match opened.map_err(TextError::Unreadable).and_then(|file| text(file, limit)) {
        Ok(text) => Ok(text),
        Err(TextError::Unreadable(error)) => Err(cannot_read(io_reason(&error))),
        Err(TextError::TooLarge(limit)) => {
            Err(cannot_read(format!("it is larger than {} MiB{hint}", limit >> 20)))
        }
        Err(TextError::NotText(wrong)) => {
            let mut sources = Sources::default();
            let diagnostic = wrong.diagnostic(shown, &mut sources);
            Err(Diagnostics::new(sources, vec![diagnostic]))
        }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::Unreadable(error) => f.write_str(&io_reason(error)),
            TextError::TooLarge(limit) => write!(f, "it is larger than {} MiB", limit >> 20),
            TextError::NotText(wrong) => wrong.fmt(f),
        }
    }
}

impl std::error::Error for TextError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_have_a_place() {
        let told = |bytes: &[u8]| match text(bytes, 100) {
            Err(TextError::NotText(wrong)) => (wrong.line, wrong.column, wrong.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(b"a\nb\xc3\xa9\xa2c\n\xff").0, 2);
        let (line, column, text) = told(b"a\nb\xc3\xa9\xa2c\n");
        assert_eq!((line, column), (2, 3));
        assert!(text.contains("the byte 0xA2 is none"), "{text}");
        assert!(told(b"\xff\xfea\0").2.contains("UTF-16"));
        let mut sources = Sources::default();
        let Err(TextError::NotText(wrong)) = text_of(b"x = 1\nname = \"na\xefve\"\n") else {
            panic!()
        };
        let diagnostic = wrong.diagnostic("a.toml", &mut sources);
        let shown = Diagnostics::new(sources, vec![diagnostic]).render(false);
        assert!(shown.contains("--> a.toml:2:11\n"), "{shown}");
    }

    fn text_of(bytes: &[u8]) -> Result<String, TextError> {
        text(bytes, 1000)
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        assert!(matches!(text(io::repeat(b'a'), 10), Err(TextError::TooLarge(10))));
        assert_eq!(text(&b"0123456789"[..], 10).unwrap(), "0123456789");
    }
}
