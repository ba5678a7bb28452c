//! The names that a file gives to things, and what refers to them.
//!
//! Names are gathered before anything else is read, so that a thing with an error in it can still
//! be referred to without a second error.

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, Report};
use crate::hint::{list, suggestion};
use crate::source::{Located, Span};
use crate::syntax::Syntax;
use crate::tree::{Kind, Table, Value};

/// The names of the things of one kind, in the order of the file: a name's place in the order is
/// the thing's index.
pub struct Names {
    kind: &'static str,
    names: IndexMap<String, Span>,
    /// Whether there are more of them that could not be read.
    incomplete: bool,
}

impl Names {
    /// Gathers the names in all tables `[[kind]]`; reports two of the same name.
    pub fn gather(root: &Table, kind: &'static str, report: &Report) -> Self {
        let mut names = Names { kind, names: IndexMap::new(), incomplete: false };
        for table in tables(root, kind) {
            let Kind::Table(table) = &table.kind else { continue };
            let Some(Value { span, kind: Kind::String(name) }) = table.get("name") else {
                continue;
            };
            names.add(name, *span, report);
        }
        names
    }

    /// Adds a name that is not in a table `[[kind]]`; reports one that is there already.
    pub fn add(&mut self, name: &str, place: Span, report: &Report) {
        if let Some(first) = self.names.get(name) {
            let message = format!("there are two of {} `{name}`", self.kind);
            report.push(Diagnostic::at(place, message, "").with_related(*first, "the first one"));
        } else {
            self.names.insert(name.to_owned(), place);
        }
    }

    /// Adds a name that is there without being written, unless it is written; says whether it was
    /// added.
    pub fn add_implicit(&mut self, name: &str, place: Span) -> bool {
        if self.names.contains_key(name) {
            return false;
        }
        self.names.insert(name.to_owned(), place);
        true
    }

    /// Says that there are more names that could not be read, so that one which is not there need
    /// not be wrong.
    pub fn set_incomplete(&mut self) {
        self.incomplete = true;
    }

    /// Whether there are more names that could not be read.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// The index of a name; reports a name that is not there.
    pub fn resolve(&self, name: &Located<String>, report: &Report) -> Option<usize> {
        if let Some(index) = self.names.get_index_of(&name.value) {
            return Some(index);
        }
        if self.incomplete {
            return None;
        }
        let known: Vec<_> = self.names.keys().map(String::as_str).collect();
        let hint =
            suggestion(&name.value, known.iter().copied()).unwrap_or_else(|| match known.len() {
                0 => format!("this file has no `{}`", self.table(report)),
                1..=8 => format!("there is {}", list(&known)),
                _ => format!("no `{}` has this name", self.table(report)),
            });
        let message = format!("there is no {} `{}`", self.kind, name.value);
        report.refuse(name.span, message, hint)
    }

    /// What its tables are called in the file.
    fn table(&self, report: &Report) -> String {
        match report.syntax() {
            Syntax::Toml => format!("[[{}]]", self.kind),
            Syntax::Json => self.kind.to_owned(),
        }
    }

    /// The names, in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The name of an index; empty if there is none.
    #[must_use]
    pub fn name(&self, index: usize) -> &str {
        self.names.get_index(index).map_or("", |(name, _)| name)
    }

    /// The index of a name, without a report.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.names.get_index_of(name)
    }
}

/// All tables `[[kind]]`, in the order of the file. What is not an array of tables is reported by
/// [`array_of_tables`].
#[must_use]
pub fn tables<'a>(root: &'a Table, kind: &str) -> &'a [Value] {
    match root.get(kind).map(|value| &value.kind) {
        Some(Kind::Array(tables)) => tables,
        _ => &[],
    }
}

/// Whether a name fits a pattern, in which `*` stands for any characters, or none, and `?` for one.
///
/// ```
/// use isotherm_config::names::matches;
/// assert!(matches("node*", "node17") && matches("*", "") && matches("r*n*1", "rack0-n01"));
/// assert!(matches("n?de1", "node1") && matches("*-link", "a-link-link"));
/// assert!(!matches("node*", "a-node") && !matches("a*a", "a") && !matches("?", ""));
/// assert!(!matches("node?", "node12") && !matches("*b", "abc"));
/// ```
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut here) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: behind the star, one letter on.
    let mut star = None;
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, here));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == name[here] => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((behind, from)) => {
                    star = Some((behind, from + 1));
                    (at, here) = (behind, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&letter| letter == '*')
}

/// Whether a text is a pattern for [`matches()`], and not only a name.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// What may have been meant by a name or a pattern that fits none of the known names: `did you mean
/// ...?` with the nearest name or, for a pattern, with one that fits.
///
/// ```
/// use isotherm_config::names::meant;
/// let names = ["user", "head", "node0", "node1"];
/// assert_eq!(meant("nodes*", &names).as_deref(), Some("did you mean `node*`?"));
/// assert_eq!(meant("nod?", &names).as_deref(), Some("did you mean `node?`?"));
/// assert_eq!(meant("haed*", &names).as_deref(), Some("did you mean `head`?"));
/// assert_eq!(meant("node7", &names).as_deref(), Some("did you mean `node0`?"));
/// assert_eq!(meant("gpu*", &names), None);
/// ```
#[must_use]
pub fn meant(text: &str, names: &[&str]) -> Option<String> {
    let stem = text.trim_end_matches(['*', '?']);
    let wildcards = &text[stem.len()..];
    if !wildcards.is_empty() && !is_pattern(stem) {
        // Names that differ in their numbers have one stem.
        let stem_of = |name: &&str| -> String {
            name.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned()
        };
        let stems: Vec<String> = names.iter().map(stem_of).collect();
        let patterns = stems.iter().zip(names).filter(|(stem, name)| stem.as_str() != **name);
        let patterns: Vec<String> =
            patterns.map(|(stem, _)| format!("{stem}{wildcards}")).collect();
        let fits = |pattern: &&str| names.iter().any(|name| matches(pattern, name));
        let hint = suggestion(text, patterns.iter().map(String::as_str).filter(fits));
        return hint.or_else(|| suggestion(stem, names.iter().copied()));
    }
    let letters: String = text.chars().filter(|letter| !matches!(letter, '*' | '?')).collect();
    suggestion(&letters, names.iter().copied())
}

/// Reports a `[kind]` that should have been `[[kind]]`, and the like.
pub fn array_of_tables(value: &Value, kind: &str, report: &Report) {
    let found = match &value.kind {
        Kind::Array(_) => return,
        other => other.description(),
    };
    let message = format!("`{kind}` must be an array of tables, not {found}");
    let hint = match report.syntax() {
        Syntax::Toml => format!("write `[[{kind}]]`"),
        Syntax::Json => format!("write `\"{kind}\": [{{ ... }}]`"),
    };
    report.error(value.span, message, hint);
}
