//! Writes the defaults of a configuration file out, as the manifest of a run needs it.
//!
//! [`resolved`] copies a table by its description: fields in the order of the description, constant
//! defaults where a field is absent, and paths relative to another folder. A reader of the copy
//! gets the same values as a reader of the table.

use crate::diagnostic::Report;
use crate::schema::{Absent, FamilySpec, TableSpec, Takes};
use crate::source::{Sources, Span};
use crate::tree::{Entry, Kind, Table, Value, parse_toml_value};

/// Gives the path that leads to the same file from elsewhere. It is called with each path of a
/// table and the place where that is written.
pub type MovePath<'a> = &'a dyn Fn(&str, Span) -> String;

/// What is to be known of a file whose tables are resolved.
#[derive(Clone, Copy)]
pub struct Resolver<'a> {
    /// Moves its paths.
    pub path: MovePath<'a>,
    /// The kind of a family that has this name, if the family itself does not know it.
    pub own_kind: &'a dyn Fn(&FamilySpec, &str) -> Option<&'a TableSpec>,
}

/// Completes a table of this description. A table without described fields, whose keys the user
/// chooses, stays unchanged.
#[must_use]
pub fn resolved(table: &Table, spec: &TableSpec, resolver: &Resolver<'_>) -> Table {
    if spec.fields.is_empty() {
        return table.clone();
    }
    let mut entries = Vec::new();
    for field in spec.fields {
        let written = table.entry(field.key).map(|entry| (entry.key_span, entry.value.clone()));
        let default = || match field.absent {
            Absent::Default(toml) => constant(toml).map(|value| (value.span, value)),
            Absent::Error | Absent::Otherwise(_) => None,
        };
        if let Some((key_span, value)) = written.or_else(default) {
            let value = resolved_value(value, &field.takes, resolver);
            entries.push(Entry { key: field.key.to_owned(), key_span, value });
        }
    }
    Table { entries }
}

/// A value that is given in TOML.
#[must_use]
pub fn constant(toml: &str) -> Option<Value> {
    let source = Sources::default().add("", toml);
    parse_toml_value(source, toml, 0, &Report::default())
}

fn resolved_value(mut value: Value, takes: &Takes, resolver: &Resolver<'_>) -> Value {
    match (takes, &mut value.kind) {
        (Takes::Path { .. }, Kind::String(text)) => *text = (resolver.path)(text, value.span),
        (Takes::Table(spec), Kind::Table(table)) => *table = resolved(table, spec, resolver),
        (Takes::Tables(spec), Kind::Array(values)) => {
            for value in values {
                *value = resolved_value(value.clone(), &Takes::Table(spec), resolver);
            }
        }
        (Takes::Kinds(kinds), Kind::Array(values)) => {
            for value in values {
                let Kind::Table(table) = &mut value.kind else { continue };
                if let Some(spec) = kinds.iter().find(|spec| spec.describes(table)) {
                    *table = resolved(table, spec, resolver);
                }
            }
        }
        (Takes::OneOf(family), written) => {
            if let Some(table) = resolved_member(written, family, resolver) {
                *written = Kind::Table(table);
            }
        }
        (Takes::Either(forms), _) => {
            if let Some(form) = forms.iter().find(|form| is_of_form(&value, form)) {
                return resolved_value(value, form, resolver);
            }
        }
        _ => {}
    }
    value
}

/// A member of a family as a table with its parameters: its name is the value of the key `kind`.
/// `None` if it has no parameters, so that its name alone is enough.
fn resolved_member(value: &Kind, family: &FamilySpec, resolver: &Resolver<'_>) -> Option<Table> {
    let (name, table) = match value {
        Kind::String(name) => (name.as_str(), &Table::default()),
        Kind::Table(table) => match table.get("kind").map(|name| &name.kind) {
            Some(Kind::String(name)) => (name.as_str(), table),
            _ => (family.default_kind()?, table),
        },
        _ => return None,
    };
    let known = (family.kinds)().into_iter().find(|spec| spec.title == name);
    let spec = known.or_else(|| (resolver.own_kind)(family, name))?;
    let parameters = resolved(table, spec, resolver);
    if spec.fields.is_empty() || parameters.entries.is_empty() {
        return None;
    }
    let value = constant(&format!("\"{name}\""))?;
    let mut entries = vec![Entry { key: "kind".to_owned(), key_span: value.span, value }];
    entries.extend(parameters.entries);
    Some(Table { entries })
}

/// Whether a value is written in this form, of several that a field takes.
fn is_of_form(value: &Value, takes: &Takes) -> bool {
    match (takes, &value.kind) {
        (Takes::Table(spec), Kind::Table(table)) => spec.describes(table),
        (Takes::Tables(_) | Takes::Kinds(_), Kind::Array(_)) | (Takes::OneOf(_), _) => true,
        (Takes::Value { .. } | Takes::Path { .. } | Takes::Words(_), kind) => {
            !matches!(kind, Kind::Table(_))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{field, path, table, value};
    use crate::write;

    const SIZE: Takes = value("a size", "\"1MB\"");

    const KINDS: &[TableSpec] = &[
        table("", "").titled("plain"),
        table("", "")
            .titled("timed")
            .with(&[field("idle", SIZE, "").default("\"10min\""), field("also", SIZE, "")]),
    ];

    const OWN: &TableSpec =
        &table("", "").titled("own").with(&[field("share", SIZE, "").default("0.5")]);

    const FAMILY: FamilySpec = FamilySpec {
        name: "keep",
        doc: "",
        example: "",
        head: table("", "").with(&[field("kind", SIZE, "").default("\"timed\"")]),
        kinds: || KINDS.iter().collect(),
    };

    const STEPS: &[&TableSpec] = &[
        &table("", "").with(&[field("sleep", SIZE, "")]),
        &table("", "").with(&[field("write", SIZE, ""), field("file", SIZE, "").default("\"f\"")]),
    ];

    const DISK: TableSpec = table("", "")
        .with(&[field("size", SIZE, "").default("\"1TB\""), field("read", SIZE, "").otherwise("")]);

    const SPEC: TableSpec = table("", "").with(&[
        field("file", path("", ""), ""),
        field("count", SIZE, "").default("3"),
        field("other", SIZE, "").otherwise("something"),
        field("disk", Takes::Either(&[SIZE, Takes::Table(&DISK)]), "").default("{}"),
        field("keep", Takes::OneOf(&FAMILY), "").otherwise(""),
        field("steps", Takes::Kinds(STEPS), "").default("[]"),
    ]);

    fn resolved_text(toml: &str) -> String {
        let Some(Value { kind: Kind::Table(table), span }) = constant(toml) else { panic!() };
        let path = |path: &str, _: Span| format!("../{path}");
        let resolver =
            Resolver { path: &path, own_kind: &|_, name| (name == "own").then_some(OWN) };
        write::value(&Value { kind: Kind::Table(resolved(&table, &SPEC, &resolver)), span })
    }

    #[test]
    fn defaults_are_in_their_places() {
        assert_eq!(resolved_text("{}"), "{ count = 3, disk = { size = \"1TB\" }, steps = [] }");
        assert_eq!(
            resolved_text("{ disk = { read = 1 }, count = 4, file = \"a b\" }"),
            "{ file = \"../a b\", count = 4, disk = { size = \"1TB\", read = 1 }, steps = [] }"
        );
    }

    #[test]
    fn kinds_are_known_by_their_name_or_their_first_field() {
        let keep = |keep: &str| {
            let text = resolved_text(&format!("{{ disk = 1, keep = {keep} }}"));
            text.replace("{ count = 3, disk = 1, keep = ", "").replace(", steps = [] }", "")
        };
        assert_eq!(keep("\"plain\""), "\"plain\"");
        assert_eq!(keep("\"timed\""), "{ kind = \"timed\", idle = \"10min\" }");
        assert_eq!(keep("\"own\""), "{ kind = \"own\", share = 0.5 }");
        assert_eq!(keep("\"nobody's\""), "\"nobody's\"");
        assert_eq!(keep("{ also = 1 }"), "{ kind = \"timed\", idle = \"10min\", also = 1 }");
        assert_eq!(
            resolved_text("{ disk = 1, steps = [{ write = 1 }, { sleep = 2 }] }"),
            "{ count = 3, disk = 1, steps = [{ write = 1, file = \"f\" }, { sleep = 2 }] }"
        );
    }
}
