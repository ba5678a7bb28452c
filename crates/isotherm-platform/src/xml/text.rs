//! The text of a platform file: from characters to elements, and from bytes to lines and columns.

use std::borrow::Cow;

use roxmltree::{Document, Error, ParsingOptions};

use crate::error::{PlatformError, Problem, TextPosition};

/// Reads a text into elements.
pub(super) fn parse(text: &str) -> Result<Document<'_>, PlatformError> {
    if let Some(offset) = entity_declaration(text) {
        let what = "declaring entities".to_owned();
        let position = LineIndex::new(text).position(text, offset);
        return Err(PlatformError::from(Problem::NotSupported { what }).at(Some(position)));
    }
    if let Some(offset) = crowded_element(text) {
        let what = "too many attributes of one element".to_owned();
        let position = LineIndex::new(text).position(text, offset);
        let problem = Problem::TooLarge { what, limit: MOST_ATTRIBUTES };
        return Err(PlatformError::from(problem).at(Some(position)));
    }
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        Error::UnexpectedEndOfStream | Error::UnclosedRootNode => ends_too_early(text),
        Error::NoRootNode => {
            let detail = "there is no element in it".to_owned();
            PlatformError::from(Problem::Syntax { detail })
                .with_hint("a SimGrid platform file begins with `<platform version=\"4.1\">`")
                .at(Some(TextPosition { line: 1, column: 1 }))
        }
        error => {
            let at = error.pos();
            // The reader's message ends with its position, which we give in our own way.
            let message = error.to_string();
            let detail = match message.rfind(" at ") {
                Some(end) if message[end + 4..].starts_with(|c: char| c.is_ascii_digit()) => {
                    message[..end].to_owned()
                }
                _ => message,
            };
            let position = TextPosition { line: at.row, column: at.col };
            PlatformError::from(Problem::Syntax { detail }).at(Some(position))
        }
    })
}

/// The error for a text that ends in the middle: of the last thing that is there.
fn ends_too_early(text: &str) -> PlatformError {
    let position = LineIndex::new(text).position(text, text.trim_end().len());
    let detail = "the text ends before its elements do".to_owned();
    PlatformError::from(Problem::Syntax { detail })
        .with_hint("is the file complete?")
        .at(Some(position))
}

/// Where the text declares an entity, if it does. Platforms have no use for entities, and a few of
/// them, each made of the one before, can be expanded to more than any memory holds.
fn entity_declaration(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('<') {
        at += next;
        let rest = &text[at..];
        if rest.starts_with("<!ENTITY") {
            return Some(at);
        } else if rest.starts_with("<!--") {
            at += rest.find("-->")?;
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            at += 2;
        } else {
            // The root element: declarations come before it.
            return None;
        }
    }
    None
}

/// The text with spaces in place of an XML declaration that does not begin it, so that all places
/// stay. SimGrid reads files in which white space or comments come first, which XML forbids.
pub(super) fn without_late_declaration(text: &str) -> Cow<'_, str> {
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    let begin = at;
    loop {
        let rest = &text[at..];
        let words = rest.trim_start();
        at += rest.len() - words.len();
        match words.strip_prefix("<!--").and_then(|comment| comment.find("-->")) {
            Some(end) => at += "<!--".len() + end + "-->".len(),
            None => break,
        }
    }
    let is_late = at > begin && text[at..].starts_with("<?xml");
    match text[at..].find("?>").filter(|_| is_late) {
        Some(length) => {
            let end = at + length + "?>".len();
            let blank: String =
                text[at..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            Cow::Owned([&text[..at], &blank, &text[end..]].concat())
        }
        None => Cow::Borrowed(text),
    }
}

/// No element of a platform has more than about twenty. The reader compares each with each.
const MOST_ATTRIBUTES: u32 = 100;

/// Where an element begins that has more attributes than are read, if there is one. What is no XML
/// is left to the reader.
fn crowded_element(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('<') {
        at += next;
        let rest = &text[at..];
        let is_passed_over = |end: &str| rest.find(end).map(|length| length + end.len());
        at += if rest.starts_with("<!--") {
            is_passed_over("-->")?
        } else if rest.starts_with("<![CDATA[") {
            is_passed_over("]]>")?
        } else if rest.starts_with("<?") {
            is_passed_over("?>")?
        } else {
            let (mut quote, mut attributes) = (None, 0);
            let mut length = rest.len();
            for (position, byte) in rest.bytes().enumerate() {
                match (quote, byte) {
                    (Some(open), byte) if open == byte => quote = None,
                    (Some(_), _) => {}
                    (None, b'"' | b'\'') => {
                        quote = Some(byte);
                        attributes += 1;
                    }
                    (None, b'>') => {
                        length = position + 1;
                        break;
                    }
                    _ => {}
                }
            }
            if attributes > MOST_ATTRIBUTES {
                return Some(at);
            }
            length
        };
    }
    None
}

/// Where the lines of a text begin.
pub(super) struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    pub(super) fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Self { starts }
    }

    pub(super) fn position(&self, text: &str, offset: usize) -> TextPosition {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts[line - 1];
        let column = text[start..offset.min(text.len())].chars().count() + 1;
        TextPosition { line: line as u32, column: column as u32 }
    }
}
