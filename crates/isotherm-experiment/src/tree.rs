//! An experiment file as a tree in which every key and every value knows its place.
//!
//! The tree knows nothing about experiments. The readers of [`crate::check`] walk over it and find everything that is
//! wrong; a file that is not even TOML is reported from here.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::Report;
use crate::source::{SourceId, Span};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it is written.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, NaN or infinite.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, which no field of an experiment takes.
    Date,
    /// A list.
    Array(Vec<Value>),
    /// Keys and values.
    Table(Table),
}

impl Kind {
    /// What to call it in a message.
    pub fn description(&self) -> &'static str {
        match self {
            Kind::String(_) => "a string",
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Boolean(_) => "a boolean",
            Kind::Date => "a date",
            Kind::Array(_) => "an array",
            Kind::Table(_) => "a table",
        }
    }
}

/// Keys and values, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The entries. Keys are unique.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub key_span: Span,
    /// Its value.
    pub value: Value,
}

impl Table {
    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Puts `value` at a dotted path such as `service.keep_alive.idle`, in place of what is there; tables on the way are made
    /// if they do not exist. `place` is where the path is written.
    ///
    /// Fails if something on the way is not a table, and says which part of the path that was.
    pub fn set(&mut self, path: &str, place: Span, value: Value) -> Result<(), String> {
        let (key, rest) = match path.split_once('.') {
            Some((key, rest)) => (key, Some(rest)),
            None => (path, None),
        };
        let index = match self.entries.iter().position(|entry| entry.key == key) {
            Some(index) => index,
            None => {
                let value = Value { span: place, kind: Kind::Table(Table::default()) };
                self.entries.push(Entry { key: key.to_owned(), key_span: place, value });
                self.entries.len() - 1
            }
        };
        let entry = &mut self.entries[index];
        match rest {
            None => {
                entry.value = value;
                Ok(())
            }
            Some(rest) => match &mut entry.value.kind {
                Kind::Table(table) => table.set(rest, place, value),
                _ => Err(key.to_owned()),
            },
        }
    }
}

/// Reads TOML. What is wrong with it is written to `report`; the tree then holds what could be read.
pub fn parse_toml(source: SourceId, text: &str, report: &Report) -> Value {
    let (root, errors) = DeTable::parse_recoverable(text);
    let converter = Converter { source, report };
    for error in &errors {
        let span = converter.span(error.span().unwrap_or(0..0));
        let message = error.message();
        // What the parser says of a word without quotes is that it should have been `true` or `false`.
        let hint = if message.contains("invalid boolean") || message.contains("must be quoted") {
            "text must be in quotes: \"...\""
        } else {
            ""
        };
        report.error(span, format!("not valid TOML: {message}"), hint);
    }
    let span = converter.span(root.span());
    let table = converter.table(root.into_inner());
    Value { span, kind: Kind::Table(table) }
}

struct Converter<'a> {
    source: SourceId,
    report: &'a Report,
}

impl Converter<'_> {
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span { source: self.source, start: range.start, end: range.end }
    }

    fn table(&self, table: DeTable<'_>) -> Table {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| Entry {
                key_span: self.span(key.span()),
                key: key.into_inner().into_owned(),
                value: self.value(value),
            })
            .collect();
        // The parser gives keys in alphabetical order; people read their file from top to bottom.
        entries.sort_by_key(|entry| entry.key_span);
        Table { entries }
    }

    fn value(&self, value: Spanned<DeValue<'_>>) -> Value {
        let span = self.span(value.span());
        let kind = match value.into_inner() {
            DeValue::String(text) => Kind::String(text.into_owned()),
            DeValue::Boolean(value) => Kind::Boolean(value),
            DeValue::Datetime(_) => Kind::Date,
            DeValue::Array(values) => Kind::Array(values.into_iter().map(|value| self.value(value)).collect()),
            DeValue::Table(table) => Kind::Table(self.table(table)),
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(value) => Kind::Integer(value),
                Err(_) => {
                    self.report.error(
                        span,
                        "number out of range",
                        format!("the largest possible number is {}", i64::MAX),
                    );
                    Kind::Integer(0)
                }
            },
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                Ok(value) => Kind::Float(value),
                Err(_) => {
                    self.report.error(span, "not a number", "");
                    Kind::Float(0.0)
                }
            },
        };
        Value { span, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn parse(text: &str) -> (Value, Report) {
        let mut sources = Sources::default();
        let id = sources.add("f.toml", text);
        let report = Report::default();
        let value = parse_toml(id, text, &report);
        (value, report)
    }

    fn table(value: &Value) -> &Table {
        match &value.kind {
            Kind::Table(table) => table,
            other => panic!("{other:?} is not a table"),
        }
    }

    #[test]
    fn keys_and_values_know_their_places_in_file_order() {
        let text = "zeta = \"x\"\n[alpha]\nb.c = 3\n";
        let (root, report) = parse(text);
        assert!(report.is_empty());
        let root = table(&root);
        let keys: Vec<_> =
            root.entries.iter().map(|entry| (entry.key.as_str(), &text[entry.key_span.range()])).collect();
        assert_eq!(keys, [("zeta", "zeta"), ("alpha", "alpha")]);
        assert_eq!(&text[root.get("zeta").unwrap().span.range()], "\"x\"");
    }

    #[test]
    fn a_path_is_set_in_place_or_made() {
        let (mut root, _) = parse("[service]\nreuse = \"newest\"\n");
        let span = root.span;
        let value = Value { span, kind: Kind::Boolean(true) };
        let Kind::Table(root) = &mut root.kind else { unreachable!() };
        root.set("service.reuse", span, value.clone()).unwrap();
        root.set("a.b.c", span, value.clone()).unwrap();
        assert_eq!(table(root.get("service").unwrap()).get("reuse"), Some(&value));
        assert_eq!(table(table(root.get("a").unwrap()).get("b").unwrap()).get("c"), Some(&value));
        assert_eq!(root.set("service.reuse.x", span, value), Err("reuse".to_owned()));
    }

    #[test]
    fn all_syntax_errors_are_found() {
        let (_, report) = parse("a = \nb = 1\nc = 99999999999999999999\n[x\n");
        let diagnostics = report.into_diagnostics(Sources::default());
        assert!(diagnostics.list().len() >= 3, "{:?}", diagnostics.list());
    }
}
