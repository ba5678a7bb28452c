//! Paths of fields, such as `service.keep_alive.idle`, `function.resize.limits.memory` or
//! `image.0.size`.
//!
//! A path leads from table to table by keys. In an array of tables it continues with the `name` of
//! one of them, or with its number, counted from 0. A name that is not a plain word (letters,
//! digits, `_`, `-`) is quoted: `function."my.function".image`.
//!
//! In an array, `*` stands for any characters and `?` for one, so that `image.*.size` is the size
//! of every image, and `function.web-*.limits.memory` is in several functions. A path that ends
//! with `*`, as in `image.*.size*`, does not replace what is there but multiplies it: by 0.5, say.

use super::arithmetic::Expression;
use super::{Entry, Kind, Table, Value};
use crate::hint::{list, suggestion};
use crate::names::matches;
use crate::quantity::Quantity;
use crate::source::{SourceId, Span};

/// One part of a path, and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The key, name or number.
    pub name: String,
    /// Where it is written.
    pub span: Span,
}

/// The path of a field, or of several alike. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Its parts.
    pub steps: Vec<Step>,
    /// Whether what is there is multiplied rather than replaced.
    pub multiplies: bool,
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
        let (text, multiplies) = match text.strip_suffix('*') {
            Some(field) if !field.is_empty() && !field.ends_with(['.', '*']) => (field, true),
            _ => (text, false),
        };
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
                    let allowed = |c: char| is_plain(c) || is_wild(c);
                    let length = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
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
                None => return Ok(Path { steps, multiplies }),
                Some('.') => at += 1,
                Some(_) => return Err(error(at, text.len(), "this is not the path of a field")),
            }
        }
    }

    /// The places in a tree that are meant, with the numbers of elements instead of their names:
    /// paths that are spelled otherwise and lead to one field become equal. Never empty: a path
    /// that leads nowhere stays as it is from there on.
    #[must_use]
    pub fn places(&self, root: &Value) -> Vec<Path> {
        let mut places = vec![(Vec::new(), Some(root))];
        for step in &self.steps {
            let mut longer = Vec::new();
            for (steps, value) in places {
                match value.map(|value| &value.kind) {
                    Some(Kind::Array(values)) => {
                        let found = indices(values, step);
                        for index in &found {
                            let number = Step { name: index.to_string(), span: step.span };
                            longer.push((with(&steps, &number), values.get(*index)));
                        }
                        if found.is_empty() {
                            longer.push((with(&steps, step), None));
                        }
                    }
                    Some(Kind::Table(table)) => {
                        longer.push((with(&steps, step), table.get(&step.name)));
                    }
                    _ => longer.push((with(&steps, step), None)),
                }
            }
            places = longer;
        }
        places.into_iter().map(|(steps, _)| Path { steps, multiplies: false }).collect()
    }

    /// The path that the keys of nested tables are. A quoted key in front may be a path of its
    /// own, as in `"image.*.size*" = [0.5, 1]`.
    #[must_use]
    pub fn of_keys(mut steps: Vec<Step>) -> Self {
        let first = steps.remove(0);
        let mut path = match Path::parse(first.span.source, &first.name) {
            Ok(mut path) => {
                path.steps.iter_mut().for_each(|step| step.span = first.span);
                path
            }
            Err(_) => Path { steps: vec![first], multiplies: false },
        };
        path.steps.append(&mut steps);
        if let Some(last) = path.steps.last_mut()
            && let Some(field) = last.name.strip_suffix('*')
            && !field.is_empty()
        {
            last.name = field.to_owned();
            path.multiplies = true;
        }
        path
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
            let plain = step.name.chars().all(|c| is_plain(c) || is_wild(c));
            if plain && !step.name.is_empty() {
                f.write_str(&step.name)?
            } else {
                write!(f, "\"{}\"", step.name)?
            }
        }
        if self.multiplies { f.write_str("*") } else { Ok(()) }
    }
}

/// What a step may have without quotation marks.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// What stands for other characters.
fn is_wild(c: char) -> bool {
    matches!(c, '*' | '?')
}

fn with(steps: &[Step], step: &Step) -> Vec<Step> {
    let mut steps = steps.to_vec();
    steps.push(step.clone());
    steps
}

impl Value {
    /// The value at a path that means one field.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.steps.iter().try_fold(self, |value, step| match &value.kind {
            Kind::Table(table) => table.get(&step.name),
            Kind::Array(values) => values.get(index_of(values, step)?),
            _ => None,
        })
    }

    /// Puts `value` at a path, in place of what is there, or multiplies what is there by it. Tables
    /// on the way are made if they do not exist. Nothing is changed after an error.
    pub fn set(&mut self, path: &Path, value: Value) -> Result<(), SetError> {
        let places = match path.steps.iter().any(|step| step.name.contains(is_wild)) {
            true => path.places(self),
            false => vec![Path { multiplies: false, ..path.clone() }],
        };
        if path.multiplies {
            return self.multiply(path, &places, &value);
        }
        if let [place] = &places[..] {
            return self.set_steps(&place.steps, None, value);
        }
        let mut changed = self.clone();
        for place in &places {
            changed.set_steps(&place.steps, None, value.clone())?;
        }
        *self = changed;
        Ok(())
    }

    /// Multiplies the fields at some places of a path. Elements that do not have the field are left
    /// as they are, unless none has it.
    fn multiply(&mut self, path: &Path, places: &[Path], by: &Value) -> Result<(), SetError> {
        let factor = match by.kind {
            Kind::Integer(number) => number as f64,
            Kind::Float(number) => number,
            _ => f64::NAN,
        };
        let wrong = |place, message: &str, hint: &str| {
            let (message, hint) = (message.to_owned(), hint.to_owned());
            Err(SetError { place, message, hint })
        };
        if !(factor > 0.0 && factor.is_finite()) {
            let message = "what a field is multiplied by is a number of more than zero";
            return wrong(by.span, message, "write it like image.*.size*=0.5");
        }
        let mut changed = self.clone();
        let mut found = false;
        for place in places {
            let Some(field) = changed.at_mut(place) else { continue };
            found = true;
            if let Err(what) = field.times(factor) {
                let message = format!("`{place}` is {what}, which cannot be multiplied");
                let hint = "numbers, quantities with units and their distributions can be";
                return wrong(path.place(), &message, hint);
            }
        }
        if !found {
            let message =
                format!("there is no `{}` to multiply", Path { multiplies: false, ..path.clone() });
            let hint = "only what is written in the file can be multiplied";
            return wrong(path.place(), &message, hint);
        }
        *self = changed;
        Ok(())
    }

    fn at_mut(&mut self, path: &Path) -> Option<&mut Value> {
        path.steps.iter().try_fold(self, |value, step| match &mut value.kind {
            Kind::Table(table) => Some(&mut table.entry_mut(&step.name)?.value),
            Kind::Array(values) => {
                let index = index_of(values, step)?;
                values.get_mut(index)
            }
            _ => None,
        })
    }

    /// Multiplies a number, a quantity, or all quantities with units of a distribution. `Err` says
    /// what else it is.
    fn times(&mut self, factor: f64) -> Result<(), String> {
        match &mut self.kind {
            Kind::String(text) if text.contains("${") => {
                let factor = Quantity::plain(factor);
                *text = match Expression::parse(text) {
                    Some(_) => format!("( {text} ) * {factor}"),
                    None => format!("{text} * {factor}"),
                };
                Ok(())
            }
            Kind::Table(table) if table.get("kind").is_some() => {
                let mut count = 0;
                for entry in &mut table.entries {
                    count += entry.value.times_within(factor);
                }
                if count == 0 { Err("a table without quantities".to_owned()) } else { Ok(()) }
            }
            kind => match Quantity::of(kind) {
                Some(quantity) => {
                    *kind = quantity.times(factor).kind();
                    Ok(())
                }
                None => Err(match kind {
                    Kind::String(text) => format!("the text `{text}`"),
                    other => other.description().to_owned(),
                }),
            },
        }
    }

    /// Multiplies all quantities with units in it; the number of them. Numbers alone are the shapes
    /// and weights of distributions.
    fn times_within(&mut self, factor: f64) -> usize {
        match &mut self.kind {
            Kind::String(text) if text.contains("${") || has_unit(text) => {
                usize::from(self.times(factor).is_ok())
            }
            Kind::Array(values) => values.iter_mut().map(|value| value.times_within(factor)).sum(),
            Kind::Table(table) => {
                table.entries.iter_mut().map(|entry| entry.value.times_within(factor)).sum()
            }
            _ => 0,
        }
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

fn has_unit(text: &str) -> bool {
    Quantity::parse(text).is_some_and(|quantity| !quantity.unit.is_empty())
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

/// The numbers of the elements that a step means: of the one that it names, or of all whose names
/// fit if it has `*` or `?` in it. `*` alone also means those without a name.
fn indices(values: &[Value], step: &Step) -> Vec<usize> {
    match index_of(values, step) {
        Some(index) => vec![index],
        None => {
            let fits = |value: &Value| match name_of(value) {
                Some(name) => matches(&step.name, name),
                None => step.name == "*",
            };
            (0..values.len()).filter(|&index| fits(&values[index])).collect()
        }
    }
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
        let numbered = |path: &str| {
            let places = Path::parse(root.span.source, path).unwrap().places(&root);
            places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        // A name comes before a number.
        for (path, expected) in [
            ("image.1.x.y", "image.0.x.y"),
            ("image.b.x.y", "image.1.x.y"),
            ("image.01", "image.1"),
            ("image.c.x", "image.c.x"),
            ("image", "image"),
            ("b.x", "b.x"),
            ("image.*.size", "image.0.size image.1.size"),
            ("image.?.size*", "image.0.size image.1.size"),
            ("image.b*.size", "image.1.size"),
            ("image.c*.size", "image.c*.size"),
        ] {
            assert_eq!(numbered(path), expected, "{path}");
        }
    }

    const TWO: &str = "[[image]]\nname = \"a1\"\nsize = \"10MB\"\n[[image]]\nname = \"a2\"\n\
                       size = { kind = \"lognormal\", median = \"4MB\", sigma = 0.5 }\ncores = 3\n";

    /// The file `TWO` after a path was set to a number, or the error.
    fn two_with(path: &str, number: f64) -> Result<String, String> {
        let (mut root, _) = parse(TWO);
        let by = Value { span: root.span, kind: Quantity::plain(number).kind() };
        set(&mut root, path, &by).map_err(|error| error.message)?;
        let Kind::Array(images) = &table(&root).get("image").unwrap().kind else { panic!() };
        let size = |image| crate::write::value(table(image).get("size").unwrap());
        let sizes: Vec<_> = images.iter().map(size).collect();
        Ok(sizes.join(" "))
    }

    #[test]
    fn several_fields_are_set_or_multiplied() {
        let distribution = |median, sigma| {
            format!("{{ kind = \"lognormal\", median = \"{median}\", sigma = {sigma} }}")
        };
        assert_eq!(two_with("image.*.size", 7.0).unwrap(), "7 7");
        assert_eq!(
            two_with("image.*.size*", 0.5).unwrap(),
            format!("\"5MB\" {}", distribution("2MB", 0.5))
        );
        assert_eq!(
            two_with("image.a1.size*", 2.0).unwrap(),
            format!("\"20MB\" {}", distribution("4MB", 0.5))
        );
        // Only one of the two has it.
        assert!(two_with("image.*.cores*", 2.0).is_ok());
        for (path, by, message) in [
            ("image.*.memory*", 2.0, "there is no `image.*.memory` to multiply"),
            ("image.b*.size*", 2.0, "there is no `image.b*.size` to multiply"),
            ("image.b*.size", 2.0, "there is no `b*` in `image`"),
            ("image.a1.name*", 2.0, "`image.a1.name` is the text `a1`, which cannot be multiplied"),
            ("image.a1*", 2.0, "`image.a1` is a table, which cannot be multiplied"),
            ("image.*.size*", 0.0, "what a field is multiplied by is a number of more than zero"),
        ] {
            assert_eq!(two_with(path, by).unwrap_err(), message, "{path}");
        }
    }

    #[test]
    fn what_parameters_will_fill_in_is_multiplied_when_they_have() {
        let text =
            "[[image]]\nsize = \"${a}\"\nmemory = \"${a} + 1MB\"\n[parameters]\na = \"4MB\"\n";
        let mut sources = crate::source::Sources::default();
        let id = sources.add("f.toml", text);
        let report = crate::diagnostic::Report::default();
        let mut root = crate::tree::parse_toml(id, text, &report);
        let by = Value { span: root.span, kind: Kind::Float(0.5) };
        set(&mut root, "image.*.size*", &by).unwrap();
        set(&mut root, "image.0.memory*", &by).unwrap();
        crate::tree::parameters::substitute(&mut root, &sources, &report);
        let at = |path| root.at(&Path::parse(id, path).unwrap()).unwrap().kind.clone();
        assert_eq!(at("image.0.size"), Kind::String("2MB".to_owned()));
        assert_eq!(at("image.0.memory"), Kind::String("2.5MB".to_owned()));
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
