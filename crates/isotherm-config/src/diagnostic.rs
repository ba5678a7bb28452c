//! What is wrong with the input: place, reason, hint; all at once.
//!
//! A check never stops at the first error. It writes each error into a [`Report`] and continues. At
//! the end the report becomes [`Diagnostics`], which own the texts they point into and can be
//! rendered:
//!
//! ```text
//! error: unknown field `keepalive`
//!   --> study.toml:14:1
//!    |
//! 14 | keepalive = { kind = "fixed", idle = "10min" }
//!    | ^^^^^^^^^ did you mean `keep_alive`?
//! ```

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::source::{Source, Sources, Span};
use crate::syntax::Syntax;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing can be simulated.
    Error,
    /// It is accepted, but probably not intended.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, lower case, without a final period.
    pub message: String,
    /// Where, if it is in a text.
    pub place: Option<Span>,
    /// What is said under the place: a hint, most often.
    pub label: String,
    /// Another place that has to do with it, and what is said there.
    pub related: Option<(Span, String)>,
}

impl Diagnostic {
    /// Something wrong at a place, with a hint (which may be empty).
    pub fn at(place: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        let (message, label) = (tidy(message), tidy(label));
        Diagnostic { severity: Severity::Error, message, place: Some(place), label, related: None }
    }

    /// Something wrong that has no place in a text.
    pub fn without_place(message: impl Into<String>) -> Self {
        let (message, label) = (tidy(message), String::new());
        Diagnostic { severity: Severity::Error, message, place: None, label, related: None }
    }

    /// The same, with another place that has to do with it.
    pub fn with_related(mut self, place: Span, label: impl Into<String>) -> Self {
        self.related = Some((place, tidy(label)));
        self
    }
}

/// The longest message that is shown whole.
const LONGEST_MESSAGE: usize = 500;

/// A message as it can be shown: whatever was written in a file may be part of it, control
/// characters and megabytes included.
fn tidy(text: impl Into<String>) -> String {
    let text = text.into();
    if text.len() <= LONGEST_MESSAGE && !text.contains(is_invisible) {
        return text;
    }
    let mut characters = text.chars();
    let beginning: String = characters
        .by_ref()
        .take(LONGEST_MESSAGE)
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
        .collect();
    let beginning = visible(&beginning).into_owned();
    if characters.next().is_some() { format!("{beginning}...") } else { beginning }
}

/// Whether a character would do something to a terminal, or to the order in which others are shown,
/// instead of being seen.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A text in which invisible characters are escaped, such as `\u{1b}`: names come from files and
/// must not control a terminal. Line breaks stay.
///
/// ```
/// use isotherm_config::diagnostic::visible;
///
/// assert_eq!(visible("red \x1b[31m\nend"), "red \\u{1b}[31m\nend");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c != '\n' && is_invisible(c);
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The same for JSON, in whose strings alone such characters are: as JSON writes them.
#[must_use]
pub fn visible_json(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| !matches!(c, '\n' | '\t') && is_invisible(c);
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_hidden(c) {
            true => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| shown += &format!("\\u{unit:04x}")),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// A text of as many bytes in which no character does anything: what the renderer of messages does
/// not replace by itself.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_left = |c: char| {
        is_invisible(c)
            && !c.is_ascii()
            && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_left) {
        return Cow::Borrowed(text);
    }
    let replaced = |c: char| match c.len_utf8() {
        _ if !is_left(c) => c,
        2 => '·',
        3 => char::REPLACEMENT_CHARACTER,
        _ => '🛇',
    };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// Where checks write what they find.
#[derive(Debug, Default)]
pub struct Report {
    syntax: Syntax,
    found: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
    /// Places at which no further errors are reported.
    hushed: RefCell<BTreeSet<Span>>,
    /// The fields of the top of the file, once they are known.
    of_top: RefCell<Vec<&'static str>>,
}

impl Report {
    /// An empty one about a file of this syntax.
    #[must_use]
    pub fn new(syntax: Syntax) -> Self {
        Report { syntax, ..Report::default() }
    }

    /// How the file is written.
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// A value, given in TOML, in the language of the file.
    pub fn example(&self, toml: &str) -> String {
        self.syntax.example(toml)
    }

    /// How a field with this value is written in the file.
    pub fn entry(&self, key: &str, toml: &str) -> String {
        match self.syntax {
            Syntax::Toml => format!("write it like {key} = {toml}"),
            Syntax::Json => format!("write it like \"{key}\": {}", self.example(toml)),
        }
    }

    /// Takes one more.
    pub fn push(&self, diagnostic: Diagnostic) {
        if diagnostic.place.is_some_and(|place| self.hushed.borrow().contains(&place)) {
            return;
        }
        self.found.borrow_mut().push(diagnostic);
    }

    /// Takes one more: something wrong at a place, with a hint (which may be empty).
    pub fn error(&self, place: Span, message: impl Into<String>, label: impl Into<String>) {
        self.push(Diagnostic::at(place, message, label));
    }

    /// Reports an error, and is the `None` of a reader that cannot go on.
    pub fn refuse<T>(
        &self,
        place: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Option<T> {
        self.error(place, message, label);
        None
    }

    /// Ignores further errors at this place, because they follow from one that was reported.
    pub fn hush(&self, place: Span) {
        self.hushed.borrow_mut().insert(place);
    }

    /// Takes down which fields the top of the file has.
    pub fn set_fields_of_top(&self, keys: Vec<&'static str>) {
        self.of_top.replace(keys);
    }

    /// The hint for a field that would mean something at the top of a TOML file. One that is
    /// written below the header of a table is part of that table.
    pub(crate) fn hint_to_top(&self, key: &str) -> Option<String> {
        let is_of_top = self.syntax == Syntax::Toml && self.of_top.borrow().contains(&key);
        is_of_top.then(|| {
            format!("`{key}` belongs to the top of the file: write it above the first `[table]`")
        })
    }

    /// Takes one more that is no error.
    pub fn warn(&self, diagnostic: Diagnostic) {
        self.warnings.borrow_mut().push(Diagnostic { severity: Severity::Warning, ..diagnostic });
    }

    /// The warnings so far.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        self.warnings.take()
    }

    /// How many errors were found so far.
    pub fn count(&self) -> usize {
        self.found.borrow().len()
    }

    /// Whether no error was found so far.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// All errors that were found, in the order of the places.
    pub fn into_diagnostics(self, sources: Sources) -> Diagnostics {
        Diagnostics::new(sources, self.found.into_inner())
    }
}

/// The number of messages that are shown; further ones are counted.
pub const MOST_SHOWN: usize = 50;

/// All that is wrong with an input, with the texts it is in. As an error never empty.
///
/// `{:?}` prints the same as `{}`: the texts may be long, and a `main` that returns it shows it so.
///
/// ```
/// use isotherm_config::diagnostic::Diagnostics;
///
/// let wrong = Diagnostics::single("there is no platform");
/// assert_eq!(wrong.to_string(), "error: there is no platform\n");
/// assert_eq!(format!("{wrong:?}"), wrong.to_string());
/// ```
#[derive(Clone)]
pub struct Diagnostics {
    sources: Sources,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Orders what was found by place.
    #[must_use]
    pub fn new(sources: Sources, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|diagnostic| diagnostic.place);
        list.dedup();
        Diagnostics { sources, list }
    }

    /// A single one that has no place in a text.
    pub fn single(message: impl Into<String>) -> Self {
        Diagnostics::new(Sources::default(), vec![Diagnostic::without_place(message)])
    }

    /// What was found, in the order of the places.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// As text for a person, with or without colours, each ended by a line break and separated by
    /// an empty line. After the first [`MOST_SHOWN`] they are only counted.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for (index, diagnostic) in self.list.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(&renderer.render(&[self.group(diagnostic)]));
            text.push('\n');
        }
        if self.list.len() > MOST_SHOWN {
            let all = thousands(self.list.len() as u64);
            text.push_str(&format!("\n{MOST_SHOWN} of {all} errors shown\n"));
        }
        text
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&diagnostic.message);
        let Some(place) = diagnostic.place else {
            return Group::with_title(title);
        };
        let source = self.sources.get(place.source);
        if source.text.is_empty() {
            let group = title.element(Origin::path(visible(&source.name)));
            return match diagnostic.label.is_empty() {
                true => group,
                false => group.element(Level::HELP.message(&diagnostic.label)),
            };
        }
        let primary = Mark { place, kind: AnnotationKind::Primary, label: &diagnostic.label };
        let related = diagnostic.related.as_ref().map(|(place, label)| Mark {
            place: *place,
            kind: AnnotationKind::Context,
            label,
        });
        match related {
            Some(related) if related.place.source == place.source => {
                title.element(snippet(source, &[primary, related]))
            }
            Some(related) => {
                let elsewhere = snippet(self.sources.get(related.place.source), &[related]);
                title.element(snippet(source, &[primary])).element(elsewhere)
            }
            None => title.element(snippet(source, &[primary])),
        }
    }
}

/// `12345` as `12,345`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A place that is marked, and what is said there.
struct Mark<'a> {
    place: Span,
    kind: AnnotationKind,
    label: &'a str,
}

/// The lines of a text with these marks, and those between them.
fn snippet<'a>(source: &'a Source, marks: &[Mark<'a>]) -> Snippet<'a, Annotation<'a>> {
    let ranges: Vec<_> = marks.iter().map(|mark| first_line(source, mark.place)).collect();
    // The renderer looks at the whole text it is given for each message, and a file may be large.
    let first = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let last = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    let start =
        source.text.get(..first).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = source.text[last..].find('\n').map_or(source.text.len(), |at| last + at + 1);
    let lines_before = source.text[..start].bytes().filter(|&byte| byte == b'\n').count();
    let mut snippet = Snippet::source(harmless(&source.text[start..end]))
        .path(visible(&source.name))
        .line_start(source.first_line + lines_before);
    for (mark, range) in marks.iter().zip(ranges) {
        let annotation = mark.kind.span(range.start - start..range.end - start).label(mark.label);
        snippet = snippet.annotation(annotation);
    }
    snippet
}

/// Long values are marked on their first line only, and a place is never empty, so that there is
/// something to see.
fn first_line(source: &Source, span: Span) -> Range<usize> {
    let text = &source.text;
    // A place may have been counted in another text than the one that is shown.
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(span.start.min(text.len()));
    let end = boundary(span.end.clamp(start, text.len()));
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = end.min(line_end);
    if end == start {
        let next = text[start..].chars().next().filter(|&c| c != '\n' && c != '\r');
        return start..start + next.map_or(0, char::len_utf8);
    }
    start..end
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostics {}
