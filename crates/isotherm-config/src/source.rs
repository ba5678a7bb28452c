//! Texts and places in them.
//!
//! Every value remembers where it was written, so that an error found much later can still show the
//! line. Places are byte ranges of one of several texts: the file itself, a file that it names, a
//! line of a table.

use std::ops::Range;

/// Which of the texts a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A range of bytes in one of the texts. Ordered by text, then by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// The range without the text it is in.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value together with the place where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

/// One text: a file, or some lines of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name shown to the user: the path as it was given.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// The number of its first line in the file, counted from 1.
    pub first_line: usize,
    /// Whether it is no file, but what was said on the command line. Paths in it are relative to
    /// the current folder.
    pub is_argument: bool,
}

/// The texts that places refer to.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    sources: Vec<Source>,
}

impl Sources {
    /// Adds a whole file.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.add_lines(name, text, 1)
    }

    /// Adds some lines of a file; `first_line` is the number of the first of them, counted from 1.
    /// The same lines of the same file are one source: the variants of a sweep all read the same
    /// platform, and its errors are reported once.
    pub fn add_lines(
        &mut self,
        name: impl Into<String>,
        text: impl Into<String>,
        first_line: usize,
    ) -> SourceId {
        self.insert(Source { name: name.into(), text: text.into(), first_line, is_argument: false })
    }

    /// Adds what was said behind `--set` on the command line.
    pub fn add_argument(&mut self, text: impl Into<String>) -> SourceId {
        self.insert(Source {
            name: "--set".to_owned(),
            text: text.into(),
            first_line: 1,
            is_argument: true,
        })
    }

    fn insert(&mut self, source: Source) -> SourceId {
        let index = self.sources.iter().position(|known| *known == source).unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        SourceId(index as u32)
    }

    /// The text a place is in.
    #[must_use]
    pub fn get(&self, id: SourceId) -> &Source {
        &self.sources[id.0 as usize]
    }

    /// The place of the word that begins at a line and a column (both counted from 1, the column in
    /// characters). A place past the end of the text becomes its end.
    pub fn word_at(&self, source: SourceId, line: usize, column: usize) -> Span {
        let text = &self.get(source).text;
        let line_start: usize =
            text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = &text[line_start..];
        let start = line_start
            + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
        let after = &text[start..];
        let word = match after.chars().next() {
            // A quoted value goes to its closing quote.
            Some(quote @ ('"' | '\'')) => after[1..].find(quote).map(|at| at + 2),
            _ => after
                .char_indices()
                .find(|&(at, c)| at > 0 && (c.is_whitespace() || ">=,".contains(c)))
                .map(|(at, _)| at),
        };
        let word = word.unwrap_or(after.len());
        Span { source, start, end: start + word }
    }

    /// The place of a whole line (counted from 1, in the text, not in the file).
    #[must_use]
    pub fn line(&self, source: SourceId, line: usize) -> Span {
        let text = &self.get(source).text;
        let mut start = 0;
        for (number, content) in text.split_inclusive('\n').enumerate() {
            if number + 1 == line {
                let end = start + content.trim_end().len();
                return Span { source, start, end };
            }
            start += content.len();
        }
        Span { source, start, end: start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_line_and_column() {
        let mut sources = Sources::default();
        let id = sources.add("f.xml", "<a>\n  <höst id='x'>\n</a>\n");
        let text = |span: Span| &"<a>\n  <höst id='x'>\n</a>\n"[span.range()];
        assert_eq!(text(sources.word_at(id, 2, 3)), "<höst");
        assert_eq!(text(sources.word_at(id, 2, 9)), "id");
        assert_eq!(text(sources.word_at(id, 2, 12)), "'x'");
        assert_eq!(text(sources.word_at(id, 9, 9)), "");
        assert_eq!(text(sources.line(id, 2)), "  <höst id='x'>");
        assert_eq!(text(sources.line(id, 99)), "");
    }
}
