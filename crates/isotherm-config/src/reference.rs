//! The reference page of a file format, written from its [descriptions](crate::schema) in Markdown.

use std::fmt::Write;

use crate::schema::{Absent, FamilySpec, Field, TableSpec, Takes};
use crate::units::Dimension;

/// The rows of a table of quantities: what it is, an example, the units.
#[must_use]
pub fn quantities() -> String {
    let mut text = String::new();
    for dimension in Dimension::ALL {
        let name = dimension.name();
        let name = name.split_once(' ').map_or(name, |(_, name)| name);
        let _ = writeln!(
            text,
            "| {name} | `\"{}\"` | {} |",
            dimension.example(),
            dimension.unit_names()
        );
    }
    text
}

/// A section for this table and each kind of table inside it.
#[must_use]
pub fn tables(root: &'static TableSpec) -> String {
    let (mut sections, mut text) = (Vec::new(), String::new());
    sections_of(root, "", 2, &mut sections);
    for section in &sections {
        section.write(&sections, &mut text);
    }
    text
}

/// The part of the reference that is about one kind of table, or about the kinds of one list or of
/// one sort of policies.
struct Section {
    specs: Vec<&'static TableSpec>,
    family: Option<&'static FamilySpec>,
    title: String,
    level: usize,
}

/// The section of a table at a path, and below it those of the tables in it that have none yet: a
/// table that occurs at several places (a disk, a body) is described at the first.
fn sections_of(spec: &'static TableSpec, path: &str, level: usize, sections: &mut Vec<Section>) {
    if sections.iter().any(|section| section.is_about(spec)) {
        return;
    }
    let title = match (spec.title, path) {
        ("", "") => capitalised(spec.name),
        ("", _) if spec.name.starts_with('[') => format!("`{}`", spec.name),
        ("", _) => format!("`{path}`"),
        (title, _) => title.to_owned(),
    };
    sections.push(Section { specs: vec![spec], family: None, title, level });
    for field in spec.fields {
        let path =
            if path.is_empty() { field.key.to_owned() } else { format!("{path}.{}", field.key) };
        below(&field.takes, &path, (level + 1).min(4), sections);
    }
}

fn below(takes: &Takes, path: &str, level: usize, sections: &mut Vec<Section>) {
    match *takes {
        Takes::Value { .. } | Takes::Path { .. } | Takes::Words(_) => {}
        Takes::Table(spec) | Takes::Tables(spec) => sections_of(spec, path, level, sections),
        Takes::Kinds(kinds) if kinds.iter().all(|spec| !spec.title.is_empty()) => {
            kinds.iter().for_each(|spec| sections_of(spec, path, level, sections));
        }
        Takes::Kinds(kinds) => {
            if !sections.iter().any(|section| section.is_about(kinds[0])) {
                let title = format!("`{}`", path.rsplit('.').next().unwrap_or(path));
                sections.push(Section { specs: kinds.to_vec(), family: None, title, level });
            }
        }
        Takes::OneOf(family) => {
            let specs = (family.kinds)();
            sections.push(Section {
                specs: specs.clone(),
                family: Some(family),
                title: format!("`{path}`"),
                level,
            });
            let fields = specs.iter().flat_map(|spec| spec.fields);
            fields.for_each(|field| {
                below(&field.takes, &format!("{path}.{}", field.key), (level + 1).min(4), sections)
            });
        }
        Takes::Either(forms) => forms.iter().for_each(|form| below(form, path, level, sections)),
    }
}

impl Section {
    fn is_about(&self, spec: &TableSpec) -> bool {
        // The same description is not always at the same address.
        self.specs.iter().any(|known| (known.name, known.doc) == (spec.name, spec.doc))
    }

    fn write(&self, sections: &[Section], text: &mut String) {
        let _ = write!(text, "\n{} {}\n", "#".repeat(self.level), self.title);
        if let Some(family) = self.family {
            self.write_family(family, sections, text);
            return;
        }
        match self.specs[..] {
            [spec] => {
                let _ = write!(text, "\n{}\n", spec.doc);
                if !spec.fields.is_empty() {
                    *text += "\n| field | meaning | takes | without it |\n|---|---|---|---|\n";
                }
                for field in spec.fields {
                    let takes = takes(&field.takes, sections);
                    let _ = writeln!(
                        text,
                        "| `{}` | {} | {takes} | {} |",
                        field.key,
                        field.doc,
                        absent(field)
                    );
                }
            }
            _ => self.write_kinds(text),
        }
    }

    /// Policies, and below them their parameters.
    fn write_family(&self, family: &FamilySpec, sections: &[Section], text: &mut String) {
        let _ = write!(
            text,
            "\n{} One that needs no parameters may be written as its kind alone: `{} = \"{}\"`.{}\n\n| `kind` | what it does |\n|---|---|\n",
            family.doc,
            family.name,
            self.specs
                .iter()
                .find(|kind| kind.required().next().is_none())
                .map_or("", |kind| kind.title),
            family
                .default_kind()
                .map_or(String::new(), |kind| format!(" A table without `kind` is `{kind}`.")),
        );
        for kind in &self.specs {
            let _ = writeln!(text, "| `{}` | {} |", kind.title, kind.doc);
        }
        if self.specs.iter().all(|kind| kind.fields.is_empty()) {
            return;
        }
        *text +=
            "\n| of kind | parameter | meaning | takes | without it |\n|---|---|---|---|---|\n";
        for kind in &self.specs {
            for field in kind.fields {
                let takes = takes(&field.takes, sections);
                let Field { key, doc, .. } = field;
                let _ = writeln!(
                    text,
                    "| `{}` | `{key}` | {doc} | {takes} | {} |",
                    kind.title,
                    absent(field)
                );
            }
        }
    }

    /// Small tables of several kinds, each known by its first field.
    fn write_kinds(&self, text: &mut String) {
        *text += "\nA list of steps, each a table of one of these kinds. Fields marked `*` are required.\n\n| step | what it does |\n|---|---|\n";
        for spec in &self.specs {
            let field = |field: &Field| {
                let star = if field.absent == Absent::Error { " *" } else { "" };
                format!("`{} = {}`{star}", field.key, field.takes.example())
            };
            let fields: Vec<_> = spec.fields.iter().map(field).collect();
            let doc = |field: &Field| format!("`{}`: {}", field.key, decapitalised(field.doc));
            let docs: Vec<_> = spec.fields.iter().map(doc).collect();
            let _ = writeln!(text, "| {} | {} {}. |", fields.join(", "), spec.doc, docs.join("; "));
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

fn decapitalised(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}

/// What a field takes, for a cell of a table.
fn takes(takes: &Takes, sections: &[Section]) -> String {
    let title = |spec: &TableSpec| match sections.iter().find(|section| section.is_about(spec)) {
        Some(section) => section.title.clone(),
        None => spec.name.to_owned(),
    };
    match takes {
        // What is written in code already shows how.
        Takes::Value { what, .. } if what.starts_with('`') => (*what).to_owned(),
        Takes::Value { what, example } | Takes::Path { what, example } => {
            format!("{what}: `{example}`")
        }
        Takes::Words(words) => {
            let words: Vec<_> =
                words().iter().map(|word| format!("`\"{}\"` ({})", word.name, word.doc)).collect();
            words.join(", ")
        }
        Takes::Table(spec) => format!("table {}", title(spec)),
        Takes::Tables(spec) => format!("array of tables {}", title(spec)),
        Takes::Kinds(kinds) => {
            let mut titles: Vec<_> = kinds.iter().map(|spec| title(spec)).collect();
            titles.dedup();
            format!("array of tables: {}", titles.join(", "))
        }
        Takes::OneOf(family) => {
            match sections
                .iter()
                .find(|section| section.family.is_some_and(|one| one.name == family.name))
            {
                Some(section) => format!("a kind of {}: `{}`", section.title, family.example),
                None => format!("`{}`", family.example),
            }
        }
        Takes::Either(forms) => {
            let forms: Vec<_> = forms.iter().map(|form| self::takes(form, sections)).collect();
            forms.join("; or ")
        }
    }
}

fn absent(field: &Field) -> String {
    match field.absent {
        Absent::Error => "**required**".to_owned(),
        Absent::Default(value) => format!("`{value}`"),
        Absent::Otherwise(what) => what.to_owned(),
    }
}
