//! What is wrong with the input: place, reason, hint; all at once.
//!
//! A check never stops at the first error. It writes what it finds into a [`Report`] and goes on; when everything has
//! been looked at the report becomes [`Diagnostics`], which own the texts they point into and can be shown:
//!
//! ```text
//! error: unknown field `keepalive`
//!   --> study.toml:14:1
//!    |
//! 14 | keepalive = { kind = "fixed", idle = "10min" }
//!    | ^^^^^^^^^ did you mean `keep_alive`?
//! ```

use std::cell::RefCell;
use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::source::{Source, Sources, Span};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
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
        Diagnostic { message: message.into(), place: Some(place), label: label.into(), related: None }
    }

    /// Something wrong that has no place in a text.
    pub fn without_place(message: impl Into<String>) -> Self {
        Diagnostic { message: message.into(), place: None, label: String::new(), related: None }
    }

    /// The same, with another place that has to do with it.
    pub fn with_related(mut self, place: Span, label: impl Into<String>) -> Self {
        self.related = Some((place, label.into()));
        self
    }
}

/// Where checks write what they find.
#[derive(Debug, Default)]
pub struct Report {
    found: RefCell<Vec<Diagnostic>>,
}

impl Report {
    /// Takes one more.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Takes one more: something wrong at a place, with a hint (which may be empty).
    pub fn error(&self, place: Span, message: impl Into<String>, label: impl Into<String>) {
        self.push(Diagnostic::at(place, message, label));
    }

    /// How many were found so far.
    pub fn count(&self) -> usize {
        self.found.borrow().len()
    }

    /// Whether nothing was found so far.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// All that was found, in the order of the places.
    pub fn into_diagnostics(self, sources: Sources) -> Diagnostics {
        Diagnostics::new(sources, self.found.into_inner())
    }
}

/// All that is wrong with an input, with the texts it is in. Never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    sources: Sources,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Orders what was found by place.
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
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// All of them as text for a person, with or without colours, each ended by a line break and separated by an
    /// empty line.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(&renderer.render(&[self.group(diagnostic)]));
            text.push('\n');
        }
        text
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let title = Level::ERROR.primary_title(&diagnostic.message);
        let Some(place) = diagnostic.place else {
            return Group::with_title(title);
        };
        let source = self.sources.get(place.source);
        if source.text.is_empty() {
            return title.element(Origin::path(&source.name));
        }
        let mut snippet = snippet(source)
            .annotation(AnnotationKind::Primary.span(first_line(source, place)).label(&diagnostic.label));
        let mut elsewhere = None;
        if let Some((related, label)) = &diagnostic.related {
            let text = self.sources.get(related.source);
            let annotation = AnnotationKind::Context.span(first_line(text, *related)).label(label);
            if related.source == place.source {
                snippet = snippet.annotation(annotation);
            } else {
                elsewhere = Some(self::snippet(text).annotation(annotation));
            }
        }
        title.element(snippet).elements(elsewhere)
    }
}

fn snippet(source: &Source) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    Snippet::source(&source.text).path(&source.name).line_start(source.first_line)
}

/// Long values are marked on their first line only, and a place is never empty, so that there is something to see.
fn first_line(source: &Source, span: Span) -> std::ops::Range<usize> {
    let text = &source.text;
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
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

impl std::error::Error for Diagnostics {}
