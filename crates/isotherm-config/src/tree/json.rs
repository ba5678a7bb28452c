//! From JSON to the tree: the same shape as in TOML, `[[image]]` being an array of objects.
//!
//! The file is strict JSON: no comments, no trailing commas, and no key twice.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jsonc_parser::ast;
use jsonc_parser::common::Range;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Entry, Kind, Table, Value};
use crate::diagnostic::{Diagnostic, Report};
use crate::source::{SourceId, Span};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads JSON. What is wrong with it is written to `report`; a file that is broken is an empty
/// table.
pub fn parse_json(source: SourceId, text: &str, report: &Report) -> Value {
    // The parser counts from behind a byte order mark.
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let converter = Converter { source, offset: mark, report };
    let all = Span { source, start: mark, end: text.len() };
    let empty = Value { span: all, kind: Kind::Table(Table::default()) };
    let parsed = match parse_to_ast(&text[mark..], &CollectOptions::default(), &STRICT) {
        Ok(parsed) => parsed.value,
        Err(error) => {
            let message = lower_case(&error.kind().to_string());
            report.error(
                converter.span(error.range()),
                format!("not valid JSON: {message}"),
                hint(error.kind()),
            );
            return empty;
        }
    };
    match parsed {
        Some(value) => converter.value(value),
        None => empty,
    }
}

fn hint(kind: &jsonc_parser::errors::ParseErrorKind) -> &'static str {
    use jsonc_parser::errors::ParseErrorKind as Kind;
    match kind {
        Kind::CommentsNotAllowed => "JSON has no comments; TOML has",
        Kind::UnexpectedWord => "text must be in quotes: \"...\"",
        Kind::UnterminatedArray | Kind::UnterminatedObject => "it is opened here and never closed",
        Kind::NonFiniteNumbersNotAllowed => "JSON has no such numbers, and no field takes them",
        _ => "",
    }
}

fn lower_case(message: &str) -> String {
    let mut characters = message.chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}

struct Converter<'a> {
    source: SourceId,
    offset: usize,
    report: &'a Report,
}

impl Converter<'_> {
    fn span(&self, range: Range) -> Span {
        Span { source: self.source, start: self.offset + range.start, end: self.offset + range.end }
    }

    fn value(&self, value: ast::Value<'_>) -> Value {
        let (range, kind) = match value {
            ast::Value::StringLit(text) => (text.range, Kind::String(text.value.into_owned())),
            ast::Value::BooleanLit(truth) => (truth.range, Kind::Boolean(truth.value)),
            ast::Value::NullKeyword(null) => (null.range, Kind::Null),
            ast::Value::NumberLit(number) => {
                (number.range, self.number(number.value, self.span(number.range)))
            }
            ast::Value::Array(array) => {
                let values = array.elements.into_iter().map(|value| self.value(value)).collect();
                (array.range, Kind::Array(values))
            }
            ast::Value::Object(object) => {
                (object.range, Kind::Table(self.table(object.properties)))
            }
        };
        Value { span: self.span(range), kind }
    }

    fn number(&self, text: &str, span: Span) -> Kind {
        let whole = !text.contains(['.', 'e', 'E']);
        match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Kind::Integer(number),
            (Err(_), Ok(number)) if !whole => Kind::Float(number),
            _ => {
                let hint = format!(
                    "the largest possible number is {}; a larger seed stands in quotes",
                    i64::MAX
                );
                self.report.error(span, "number out of range", hint);
                Kind::Integer(0)
            }
        }
    }

    fn table(&self, properties: Vec<ast::ObjectProp<'_>>) -> Table {
        let mut table = Table::default();
        let mut first: BTreeMap<String, Span> = BTreeMap::new();
        for property in properties {
            let (range, key) = match property.name {
                ast::ObjectPropName::String(text) => (text.range, text.value),
                ast::ObjectPropName::Word(word) => (word.range, Cow::Borrowed(word.value)),
            };
            let key_span = self.span(range);
            let value = self.value(property.value);
            if let Some(first) = first.get(key.as_ref()) {
                let diagnostic = Diagnostic::at(key_span, format!("there are two of `{key}`"), "");
                self.report.push(diagnostic.with_related(*first, "the first one"));
                continue;
            }
            first.insert(key.clone().into_owned(), key_span);
            table.entries.push(Entry { key: key.into_owned(), key_span, value });
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;
    use crate::tree::tests::table;

    fn parse(text: &str) -> (Value, Vec<String>) {
        let mut sources = Sources::default();
        let id = sources.add("f.json", text);
        let report = Report::default();
        let value = parse_json(id, text, &report);
        let found = report.into_diagnostics(sources);
        (value, found.list().iter().map(|diagnostic| diagnostic.message.clone()).collect())
    }

    #[test]
    fn keys_and_values_know_their_places() {
        for mark in ["", "\u{feff}"] {
            let text = format!(
                "{mark}{{\"size\": [1, 2.5, \"ü\\n\", true, null], \"zeta\": {{\"b\": -3}}}}"
            );
            let (root, errors) = parse(&text);
            assert_eq!(errors, [""; 0]);
            let root = table(&root);
            assert_eq!(&text[root.entries[0].key_span.range()], "\"size\"");
            assert_eq!(&text[root.get("zeta").unwrap().span.range()], "{\"b\": -3}");
            let Kind::Array(values) = &root.get("size").unwrap().kind else {
                panic!("not an array")
            };
            let kinds: Vec<_> = values.iter().map(|value| value.kind.clone()).collect();
            let text = Kind::String("ü\n".to_owned());
            assert_eq!(
                kinds,
                [Kind::Integer(1), Kind::Float(2.5), text, Kind::Boolean(true), Kind::Null]
            );
        }
    }

    #[test]
    fn what_is_not_strict_json_is_refused() {
        let deep = "[".repeat(100_000);
        for text in [
            "{",
            "{\"a\" 1}",
            "{a: 1}",
            "{\"a\": 1,}",
            "{\"a\": 1} x",
            "// x",
            "{\"a\": NaN}",
            "{\"a\": 'x'}",
            "{\"a\": 01}",
            "{\"a\": 1, \"a\": 2}",
            "{\"a\": 99999999999999999999}",
            "{\"a\": \"\\x41\"}",
            "\"",
            &deep,
        ] {
            let (_, errors) = parse(text);
            assert_eq!(errors.len(), 1, "{text:.40}: {errors:?}");
        }
        assert_eq!(parse("{\"a\": 1, \"a\": 2}").1, ["there are two of `a`"]);
    }
}
