//! A file as a tree in which every key and every value knows its place.
//!
//! What is wrong with the [TOML](toml) or [JSON](json) itself is reported from here; whether the
//! fields make sense is for [readers](crate::fields) to say. Before they read it, the tree may be
//! changed: fields are [set by their path](path), and then [parameters] are filled in.

use crate::source::Span;

pub mod arithmetic;
pub mod json;
pub mod parameters;
pub mod path;
pub mod toml;

pub use json::parse_json;
pub use path::{Path, SetError, Step};
pub use toml::{parse_argument, parse_toml, parse_toml_value};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it is written.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

impl Value {
    /// The table that it is, if it is one.
    #[must_use]
    pub fn table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }
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
    /// A date of TOML, which no field takes.
    Date,
    /// The `null` of JSON, which no field takes.
    Null,
    /// A list.
    Array(Vec<Value>),
    /// Keys and values.
    Table(Table),
}

impl Kind {
    /// What to call it in a message.
    #[must_use]
    pub fn description(&self) -> &'static str {
        match self {
            Kind::String(_) => "a string",
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Boolean(_) => "a boolean",
            Kind::Date => "a date",
            Kind::Null => "null",
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
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entry of a key, to be changed.
    pub fn entry_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|entry| &entry.value)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::diagnostic::Report;
    use crate::source::Sources;

    pub fn parse(text: &str) -> (Value, Report) {
        let mut sources = Sources::default();
        let id = sources.add("f.toml", text);
        let report = Report::default();
        let value = parse_toml(id, text, &report);
        (value, report)
    }

    pub fn table(value: &Value) -> &Table {
        match &value.kind {
            Kind::Table(table) => table,
            other => panic!("{other:?} is not a table"),
        }
    }
}
