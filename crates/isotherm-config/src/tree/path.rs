//! Paths of fields, such as `service.keep_alive.idle`, `function.resize.limits.memory` or
//! `image.0.size`.
//!
//! A path leads from table to table by keys. In an array of tables it continues with the `name` of
//! one of them, or with its number, counted from 0. A name that is not a plain word (letters,
//! digits, `_`, `-`) is quoted: `function."my.function".image`.

use super::{Entry, Kind, Table, Value};
use crate::hint::{list, suggestion};
use crate::source::{SourceId, Span};

/// One part of a path, and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The key, name or number.
    pub name: String,
    /// Where it is written.
    pub span: Span,
}

/// The path of a field. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Its parts.
    pub steps: Vec<Step>,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetError {
    /// The part that does.
    pub place: Span,
    /// Why, lower case, without a final period.
    pub message: String,
    /// What may be done about it; perhaps nothing.
    pub hint: String,
}

/// No field is as deep in a file as this.
const MOST_STEPS: usize = 64;

impl Path {
    /// Reads a path that is written at the beginning of a source.
    pub fn parse(source: SourceId, text: &str) -> Result<Self, SetError> {
        let error = |start, end, message: &str| SetError {
            place: Span { source, start, end },
            message: message.to_owned(),
            hint: "a path is written like service.keep_alive.idle".to_owned(),
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let mut steps = Vec::new();
        let mut at = 0;
        loop {
            let rest = &text[at..];
            let (name, length) = match rest.strip_prefix('"') {
                Some(quoted) => match quoted.split_once('"') {
                    Some((name, _)) => (name, name.len() + 2),
                    None => {
                        return Err(error(
                            at,
                            text.len(),
                            "a quotation mark is opened here and never closed",
                        ));
                    }
                },
                None => {
                    let length = rest.find(|c| !plain(c)).unwrap_or(rest.len());
                    (&rest[..length], length)
                }
            };
            if length == 0 {
                return Err(error(at, at, "this is not the path of a field"));
            }
            if steps.len() == MOST_STEPS {
                return Err(error(0, text.len(), "this path has too many steps"));
            }
            steps.push(Step {
                name: name.to_owned(),
                span: Span { source, start: at, end: at + length },
            });
            at += length;
            match text[at..].chars().next() {
                None => return Ok(Path { steps }),
                Some('.') => at += 1,
                Some(_) => return Err(error(at, text.len(), "this is not the path of a field")),
            }
        }
    }

    /// The same place with the numbers of elements instead of their names: paths that are spelled
    /// otherwise and lead to one field become equal.
    #[must_use]
    pub fn numbered(&self, root: &Value) -> Path {
        let mut numbered = self.clone();
        for (index, step) in self.steps.iter().enumerate() {
            let before = Path { steps: self.steps[..index].to_vec() };
            if let Some(Kind::Array(values)) = root.at(&before).map(|value| &value.kind)
                && let Some(number) = index_of(values, step)
            {
                numbered.steps[index].name = number.to_string();
            }
        }
        numbered
    }

    /// Where the path is written.
    #[must_use]
    pub fn place(&self) -> Span {
        let (first, last) = (self.steps[0].span, self.steps[self.steps.len() - 1].span);
        if first.source == last.source { Span { end: last.end, ..first } } else { last }
    }

    /// Whether this path leads to the field of the other, or to a table around it.
    #[must_use]
    pub fn contains(&self, other: &Path) -> bool {
        let names =
            |path: &Path| path.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
        names(other).starts_with(&names(self))
    }
}

/// The path as text, with as few quotation marks as possible.
impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let plain = step.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            if plain && !step.name.is_empty() {
                f.write_str(&step.name)?
            } else {
                write!(f, "\"{}\"", step.name)?
            }
        }
        Ok(())
    }
}

impl Value {
    /// The value at a path.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.steps.iter().try_fold(self, |value, step| match &value.kind {
            Kind::Table(table) => table.get(&step.name),
            Kind::Array(values) => values.get(index_of(values, step)?),
            _ => None,
        })
    }

    /// Puts `value` at a path, in place of what is there. Tables on the way are made if they do not
    /// exist.
    pub fn set(&mut self, path: &Path, value: Value) -> Result<(), SetError> {
        self.set_steps(&path.steps, None, value)
    }

    fn set_steps(
        &mut self,
        steps: &[Step],
        before: Option<&Step>,
        value: Value,
    ) -> Result<(), SetError> {
        let [step, rest @ ..] = steps else {
            *self = value;
            return Ok(());
        };
        let part = before.map_or("the experiment", |step| &step.name);
        match &mut self.kind {
            Kind::Table(table) => {
                if table.entry(&step.name).is_none() {
                    let value = Value { span: step.span, kind: Kind::Table(Table::default()) };
                    table.entries.push(Entry {
                        key: step.name.clone(),
                        key_span: step.span,
                        value,
                    });
                }
                match table.entry_mut(&step.name) {
                    Some(entry) => entry.value.set_steps(rest, Some(step), value),
                    None => Ok(()),
                }
            }
            Kind::Array(values) => element(values, step, part)?.set_steps(rest, Some(step), value),
            other => {
                let message = format!(
                    "there is no `{}` in `{part}`, which is {}",
                    step.name,
                    other.description()
                );
                Err(SetError { place: step.span, message, hint: format!("set `{part}` itself") })
            }
        }
    }
}

/// The `name` of a table.
fn name_of(value: &Value) -> Option<&str> {
    let Kind::Table(table) = &value.kind else { return None };
    match &table.get("name")?.kind {
        Kind::String(name) => Some(name),
        _ => None,
    }
}

/// The number of the element that a step names, which need not be there.
fn index_of(values: &[Value], step: &Step) -> Option<usize> {
    let named = values.iter().position(|value| name_of(value) == Some(&step.name));
    named.or_else(|| step.name.parse().ok())
}

/// The element of an array that a step names: by the `name` of a table, or by its number.
fn element<'a>(
    values: &'a mut [Value],
    step: &Step,
    part: &str,
) -> Result<&'a mut Value, SetError> {
    let count = values.len();
    match index_of(values, step) {
        Some(index) if index < count => Ok(&mut values[index]),
        _ => {
            let names: Vec<_> = values.iter().filter_map(name_of).collect();
            let is_number = step.name.parse::<usize>().is_ok();
            let similar = suggestion(&step.name, names.iter().copied()).filter(|_| !is_number);
            let hint = similar.unwrap_or_else(|| {
                let numbers = match count {
                    0 => "it is empty".to_owned(),
                    1 => "its only element is number 0".to_owned(),
                    _ => format!("its elements are numbered from 0 to {}", count - 1),
                };
                match names.len() {
                    1..=8 => format!("{numbers}, or called {}", list(&names)),
                    _ => numbers,
                }
            });
            let message = format!("there is no `{}` in `{part}`", step.name);
            Err(SetError { place: step.span, message, hint })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::{parse, table};

    fn set(root: &mut Value, path: &str, value: &Value) -> Result<(), SetError> {
        root.set(&Path::parse(root.span.source, path)?, value.clone())
    }

    #[test]
    fn a_path_is_set_in_place_or_made() {
        let (mut root, _) = parse("[service]\nreuse = \"newest\"\n");
        let value = Value { span: root.span, kind: Kind::Boolean(true) };
        set(&mut root, "service.reuse", &value).unwrap();
        set(&mut root, "a.\"b.c\".d", &value).unwrap();
        assert_eq!(table(table(&root).get("service").unwrap()).get("reuse"), Some(&value));
        assert_eq!(
            table(table(table(&root).get("a").unwrap()).get("b.c").unwrap()).get("d"),
            Some(&value)
        );
        let error = set(&mut root, "service.reuse.x", &value).unwrap_err();
        assert_eq!(error.message, "there is no `x` in `reuse`, which is a boolean");
        assert_eq!((error.place.start, error.place.end), (14, 15));
    }

    #[test]
    fn elements_have_names_and_numbers() {
        let (mut root, _) =
            parse("[[image]]\nname = \"1\"\n[[image]]\nname = \"debian12\"\n[[image]]\nsize = 1\n");
        let value = Value { span: root.span, kind: Kind::Boolean(true) };
        // A name comes before a number.
        for path in ["image.1.a", "image.debian12.b", "image.2.c"] {
            set(&mut root, path, &value).unwrap();
        }
        let Kind::Array(images) = &table(&root).get("image").unwrap().kind else {
            panic!("not an array")
        };
        for (image, key) in images.iter().zip(["a", "b", "c"]) {
            assert_eq!(table(image).get(key), Some(&value), "{key}");
        }
        let hints = ["image.debian11.size", "image.7.size"]
            .map(|path| set(&mut root, path, &value).unwrap_err().hint);
        let expected = [
            "did you mean `debian12`?",
            "its elements are numbered from 0 to 2, or called `1` and `debian12`",
        ];
        assert_eq!(hints, expected);
    }

    #[test]
    fn paths_to_one_field_are_numbered_alike() {
        let (root, _) = parse("[[image]]\nname = \"1\"\n[[image]]\nname = \"b\"\nx.y = 1\n");
        let numbered =
            |path: &str| Path::parse(root.span.source, path).unwrap().numbered(&root).to_string();
        // A name comes before a number.
        for (path, expected) in [
            ("image.1.x.y", "image.0.x.y"),
            ("image.b.x.y", "image.1.x.y"),
            ("image.01", "image.1"),
            ("image.c.x", "image.c.x"),
            ("image", "image"),
            ("b.x", "b.x"),
        ] {
            assert_eq!(numbered(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path() {
        let (root, _) = parse("");
        for (text, start) in
            [("", 0), (".", 0), ("a.", 2), ("a..b", 2), ("a b", 1), ("a.\"b", 2), ("\"a\"b", 3)]
        {
            assert_eq!(
                Path::parse(root.span.source, text).unwrap_err().place.start,
                start,
                "{text}"
            );
        }
        let path = Path::parse(root.span.source, "a.\"b.c\".d-1").unwrap();
        assert_eq!(path.to_string(), "a.\"b.c\".d-1");
    }
}
