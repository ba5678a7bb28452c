//! From TOML to the tree.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Kind, Table, Value};
use crate::diagnostic::Report;
use crate::source::{SourceId, Span};

/// Reads TOML. What is wrong with it is written to `report`; the tree then holds what could be
/// read.
pub fn parse_toml(source: SourceId, text: &str, report: &Report) -> Value {
    let (root, errors) = DeTable::parse_recoverable(text);
    let converter = Converter { source, offset: 0, report };
    for error in &errors {
        converter.error(error);
    }
    let span = converter.span(root.span());
    let table = converter.table(root.into_inner());
    Value { span, kind: Kind::Table(table) }
}

/// Reads a single TOML value that begins at `offset` of a text. Anything else is reported and gives
/// `None`.
pub fn parse_toml_value(
    source: SourceId,
    text: &str,
    offset: usize,
    report: &Report,
) -> Option<Value> {
    let converter = Converter { source, offset, report };
    match DeValue::parse(text) {
        Ok(value) => Some(converter.value(value)),
        Err(error) => {
            converter.error(&error);
            None
        }
    }
}

/// Reads a value of the command line: a TOML value if it is one, otherwise a string, so that `5min`
/// needs no quotes. A text that begins like a list, a table or a quoted string must be one.
pub fn parse_argument(
    source: SourceId,
    text: &str,
    offset: usize,
    report: &Report,
) -> Option<Value> {
    if text.trim_start().starts_with(['[', '{', '"', '\'']) {
        return parse_toml_value(source, text, offset, report);
    }
    let scratch = Report::default();
    match parse_toml_value(source, text, offset, &scratch) {
        // No field takes a date, but a name may look like one.
        Some(value) if scratch.is_empty() && value.kind != Kind::Date => Some(value),
        _ => {
            let span = Span { source, start: offset, end: offset + text.len() };
            Some(Value { span, kind: Kind::String(text.to_owned()) })
        }
    }
}

struct Converter<'a> {
    source: SourceId,
    /// Where in the source the text that was parsed begins.
    offset: usize,
    report: &'a Report,
}

impl Converter<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span { source: self.source, start: self.offset + range.start, end: self.offset + range.end }
    }

    fn error(&self, error: &toml::de::Error) {
        let span = self.span(error.span().unwrap_or(0..0));
        let message = error.message();
        // What the parser says of a word without quotes is that it should have been `true` or
        // `false`.
        let hint = if message.contains("invalid boolean") || message.contains("must be quoted") {
            "text must be in quotes: \"...\""
        } else {
            ""
        };
        self.report.error(span, format!("not valid TOML: {message}"), hint);
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
            DeValue::Array(values) => {
                Kind::Array(values.into_iter().map(|value| self.value(value)).collect())
            }
            DeValue::Table(table) => Kind::Table(self.table(table)),
            DeValue::Integer(integer) => {
                match i64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(value) => Kind::Integer(value),
                    Err(_) => {
                        self.report.error(
                            span,
                            "number out of range",
                            format!(
                                "the largest possible number is {}; a larger seed stands in quotes",
                                i64::MAX
                            ),
                        );
                        Kind::Integer(0)
                    }
                }
            }
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
    use crate::source::Sources;
    use crate::tree::tests::{parse, table};

    #[test]
    fn keys_and_values_know_their_places_in_file_order() {
        let text = "zeta = \"x\"\n[alpha]\nb.c = 3\n";
        let (root, report) = parse(text);
        assert!(report.is_empty());
        let root = table(&root);
        let keys: Vec<_> = root
            .entries
            .iter()
            .map(|entry| (entry.key.as_str(), &text[entry.key_span.range()]))
            .collect();
        assert_eq!(keys, [("zeta", "zeta"), ("alpha", "alpha")]);
        assert_eq!(&text[root.get("zeta").unwrap().span.range()], "\"x\"");
    }

    #[test]
    fn all_syntax_errors_are_found() {
        let (_, report) = parse("a = \nb = 1\nc = 99999999999999999999\n[x\n");
        let diagnostics = report.into_diagnostics(Sources::default());
        assert!(diagnostics.list().len() >= 3, "{:?}", diagnostics.list());
    }
}
