//! The two languages a file may be written in, and how a hint writes a value in either.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How a file is written, so that hints are written in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// `key = value`
    #[default]
    Toml,
    /// `"key": value`
    Json,
}

impl Syntax {
    /// JSON if the name of the file ends in `.json`, else TOML.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("json") => Syntax::Json,
            _ => Syntax::Toml,
        }
    }

    /// A value, given in TOML, in this language. Anything else (`[...]`) is returned unchanged.
    #[must_use]
    pub fn example(self, toml: &str) -> String {
        match (self, DeValue::parse(toml)) {
            (Syntax::Json, Ok(value)) => json(value.get_ref()),
            _ => toml.to_owned(),
        }
    }
}

fn json(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => serde_json::Value::from(text.as_ref()).to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(_) => "null".to_owned(),
        DeValue::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| json(value.get_ref())).collect();
            format!("[{}]", values.join(", "))
        }
        DeValue::Table(table) => json_table(table),
    }
}

/// The entries in the order in which they are written.
fn json_table(table: &DeTable<'_>) -> String {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        format!("\"{}\": {}", key.get_ref(), json(value.get_ref()))
    };
    format!("{{ {} }}", entries.into_iter().map(entry).collect::<Vec<_>>().join(", "))
}
