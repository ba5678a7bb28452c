//! `[parameters]`: values that a file names once and uses wherever a string has `${name}`.
//!
//! ```toml
//! [parameters]
//! data = "data/narrow"
//! nodes = 4
//!
//! [functions]
//! csv = "${data}_functions.csv"        # data/narrow_functions.csv
//!
//! [platform]
//! nodes = { count = "${nodes}", ... }  # a string that is nothing but a parameter becomes its value: 4
//! ```
//!
//! A parameter may use those above it. `$${` is a literal `${`.
//!
//! A string that is an [expression](super::arithmetic) of parameters, numbers and quantities, such
//! as `"${memory} * 2"`, becomes what comes out.
//!
//! # Where a string is written
//!
//! A string that begins with a parameter which was set from outside of the file (`--set data=...`)
//! counts as written there: its errors are shown there, and if it is a path, it is relative to the
//! current folder, like every path on a command line.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::arithmetic::Expression;
use super::{Kind, Path, Step, Table, Value};
use crate::diagnostic::{Diagnostic, Report};
use crate::hint::{list, suggestion};
use crate::quantity::Quantity;
use crate::source::{Sources, Span};

/// The table that holds the parameters.
pub const PARAMETERS: &str = "parameters";

/// How much parameters may become, all together: characters, and values of arrays and tables. Each
/// may use those above it, so that a few lines can ask for more than any memory holds.
const MOST_FILLED: usize = 16 << 20;

/// The table of values to be tried, in which nothing is replaced before they are in their places.
const SWEEP: &str = "sweep";

/// The names of the parameters of a file.
#[must_use]
pub fn names(root: &Value) -> Vec<&str> {
    let Kind::Table(root) = &root.kind else { return Vec::new() };
    match root.get(PARAMETERS).map(|value| &value.kind) {
        Some(Kind::Table(table)) => table.entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Expands a path that is the name of a parameter alone: `data` is `parameters.data` in a file that
/// has it.
#[must_use]
pub fn resolve(mut path: Path, root: &Value) -> Path {
    if let [only] = &path.steps[..]
        && names(root).contains(&only.name.as_str())
    {
        let step = Step { name: PARAMETERS.to_owned(), span: only.span };
        path.steps.insert(0, step);
    }
    path
}

/// Puts the parameters into all strings that ask for them. What is wrong with that is reported.
pub fn substitute(root: &mut Value, sources: &Sources, report: &Report) {
    let Kind::Table(table) = &mut root.kind else { return };
    let mut filler = Filler {
        parameters: IndexMap::new(),
        used: BTreeSet::new(),
        left: MOST_FILLED,
        sources,
        report,
    };
    if let Some(entry) = table.entry_mut(PARAMETERS)
        && let Kind::Table(parameters) = &mut entry.value.kind
    {
        for entry in &mut parameters.entries {
            filler.fill(&mut entry.value);
            filler.parameters.insert(entry.key.clone(), entry.value.clone());
        }
    }
    for entry in
        table.entries.iter_mut().filter(|entry| ![PARAMETERS, SWEEP].contains(&entry.key.as_str()))
    {
        filler.fill(&mut entry.value);
    }
    filler.warn_of_unused(table);
}

struct Filler<'a> {
    /// Those known so far.
    parameters: IndexMap<String, Value>,
    used: BTreeSet<String>,
    /// How much may still be filled in.
    left: usize,
    sources: &'a Sources,
    report: &'a Report,
}

impl Filler<'_> {
    fn fill(&mut self, value: &mut Value) {
        match &mut value.kind {
            Kind::String(text) if text.contains("${") => {
                match self.filled(text, value.span) {
                    Some(filled) => *value = filled,
                    // What else is wrong with this string is that its parameter is missing.
                    None => self.report.hush(value.span),
                }
            }
            Kind::Array(values) => values.iter_mut().for_each(|value| self.fill(value)),
            Kind::Table(table) => {
                table.entries.iter_mut().for_each(|entry| self.fill(&mut entry.value))
            }
            _ => {}
        }
    }

    /// A string with its parameters in place, the value of the one it consists of, or what comes
    /// out if it is an expression.
    fn filled(&mut self, text: &str, place: Span) -> Option<Value> {
        match Expression::parse(text) {
            Some(expression) => match self.computed(&expression, place)? {
                Some(kind) => Some(Value { span: place, kind }),
                None => self.replaced(text, place),
            },
            None => self.replaced(text, place),
        }
    }

    /// What an expression of parameters is; `Some(None)` if not all of its operands are numbers or
    /// quantities, so that it is a text that only looks like one.
    fn computed(&mut self, expression: &Expression<'_>, place: Span) -> Option<Option<Kind>> {
        let mut kinds = Vec::new();
        for operand in expression.operands() {
            kinds.push(match operand.contains("${") {
                true => self.replaced(operand, place)?.kind,
                false => Kind::String(operand.to_owned()),
            });
        }
        let quantities: Option<Vec<_>> = kinds.iter().map(Quantity::of).collect();
        let Some(quantities) = quantities else { return Some(None) };
        match expression.value(&mut quantities.into_iter()) {
            Ok(quantity) => Some(Some(quantity.kind())),
            Err(message) => {
                let hint = "quantities are added to their like, and multiplied by numbers";
                self.report.refuse(place, message, hint)
            }
        }
    }

    fn replaced(&mut self, text: &str, place: Span) -> Option<Value> {
        let mut filled = Value { span: place, kind: Kind::Null };
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if let Some(before) = before.strip_suffix('$') {
                result += before;
                result += "${";
                rest = after;
                continue;
            }
            result += before;
            let Some((name, behind)) = after.split_once('}') else {
                let place = self.part(place, &rest[at..]);
                return self.report.refuse(
                    place,
                    "`${` is opened here and never closed",
                    "write `$${` for one that is meant as it is",
                );
            };
            let value = self.value(name, self.part(place, &rest[at..rest.len() - behind.len()]))?;
            if result.is_empty()
                && rest.len() == text.len()
                && self.sources.get(value.span.source).is_argument
            {
                filled.span = value.span;
            }
            if rest.len() == text.len() && at == 0 && behind.is_empty() {
                filled.kind = value.kind;
                return Some(filled);
            }
            match value.kind {
                Kind::String(part) => result += &part,
                Kind::Integer(number) => result += &number.to_string(),
                Kind::Float(number) => result += &number.to_string(),
                Kind::Boolean(truth) => result += &truth.to_string(),
                other => {
                    let message = format!(
                        "parameter `{name}` is {}, which cannot be part of a string",
                        other.description()
                    );
                    return self.report.refuse(place, message, "");
                }
            }
            rest = behind;
        }
        filled.kind = Kind::String(result + rest);
        Some(filled)
    }

    fn value(&mut self, name: &str, place: Span) -> Option<Value> {
        if let Some(value) = self.parameters.get(name) {
            self.used.insert(name.to_owned());
            match self.left.checked_sub(weight(value)) {
                Some(left) => self.left = left,
                None => {
                    let hint = format!(
                        "all together they may become {} million characters and values",
                        MOST_FILLED >> 20
                    );
                    return self.report.refuse(place, "the parameters become too much here", hint);
                }
            }
            return Some(value.clone());
        }
        let known: Vec<_> = self.parameters.keys().map(String::as_str).collect();
        let hint = suggestion(name, known.iter().copied()).unwrap_or_else(|| match known.len() {
            0 => "add it to `[parameters]`, before it is used".to_owned(),
            _ => format!("there is {}", list(&known)),
        });
        self.report.refuse(place, format!("there is no parameter `{name}`"), hint)
    }

    /// The place of a part of a string; the whole string if the part is not written there
    /// literally.
    fn part(&self, place: Span, part: &str) -> Span {
        let written = self.sources.get(place.source).text.get(place.range()).unwrap_or_default();
        match written.find(part) {
            Some(at) => {
                Span { start: place.start + at, end: place.start + at + part.len(), ..place }
            }
            None => place,
        }
    }

    fn warn_of_unused(&self, root: &Table) {
        let Some(Kind::Table(parameters)) = root.get(PARAMETERS).map(|value| &value.kind) else {
            return;
        };
        for entry in &parameters.entries {
            if !self.used.contains(&entry.key) {
                let message = format!("parameter `{}` is never used", entry.key);
                let hint = format!("a string uses it by `${{{}}}`", entry.key);
                self.report.warn(Diagnostic::at(entry.key_span, message, hint));
            }
        }
    }
}

/// How much is copied when a value is filled in.
fn weight(value: &Value) -> usize {
    1 + match &value.kind {
        Kind::String(text) => text.len(),
        Kind::Array(values) => values.iter().map(weight).sum(),
        Kind::Table(table) => {
            table.entries.iter().map(|entry| entry.key.len() + weight(&entry.value)).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;
    use crate::tree::tests::table;
    use crate::tree::{parse_toml, parse_toml_value};

    /// The value of the key `x` after substitution, or the message.
    fn x(text: &str) -> Result<Kind, String> {
        let mut sources = Sources::default();
        let id = sources.add("f.toml", text);
        let report = Report::default();
        let mut root = parse_toml(id, text, &report);
        substitute(&mut root, &sources, &report);
        match report.into_diagnostics(sources).list() {
            [] => Ok(table(&root).get("x").unwrap().kind.clone()),
            [one, ..] => Err(one.message.clone()),
        }
    }

    #[test]
    fn strings_are_filled() {
        let string = |text: &str| Ok(Kind::String(text.to_owned()));
        let parameters = "\n[parameters]\na = \"A\"\nn = 4\nb = \"${a}-${n}\"\nt = [1]\n";
        let x = |value: &str| x(&format!("x = {value}{parameters}"));
        assert_eq!(x("\"${a}_${b}.csv\""), string("A_A-4.csv"));
        assert_eq!(x("\"$${a} $ {a} ${n}\""), string("${a} $ {a} 4"));
        assert_eq!(x("\"${n}\""), Ok(Kind::Integer(4)));
        assert!(matches!(x("\"${t}\""), Ok(Kind::Array(_))));
        assert_eq!(
            x("\"1${t}\""),
            Err("parameter `t` is an array, which cannot be part of a string".to_owned())
        );
        assert_eq!(x("\"${c}\""), Err("there is no parameter `c`".to_owned()));
        assert_eq!(x("\"${a\""), Err("`${` is opened here and never closed".to_owned()));
    }

    #[test]
    fn expressions_are_computed() {
        let string = |text: &str| Ok(Kind::String(text.to_owned()));
        let parameters = "\n[parameters]\nm = \"256MB\"\nn = 4\nd = \"data\"\nm2 = \"${m} * 2\"\n";
        let x = |value: &str| x(&format!("x = {value}{parameters}"));
        assert_eq!(x("\"${m} * 2\""), string("512MB"));
        assert_eq!(x("\"(${m2} + 88MB) / ${n}\""), string("150MB"));
        assert_eq!(x("\"${n} * 2\""), Ok(Kind::Integer(8)));
        assert_eq!(x("\"${n}0 / 16\""), Ok(Kind::Float(2.5)));
        // Texts that are none, or only look like one.
        assert_eq!(x("\"${n}/2\""), string("4/2"));
        assert_eq!(x("\"${d} * 2\""), string("data * 2"));
        assert_eq!(x("\"$${m} * 2\""), string("${m} * 2"));
        assert_eq!(x("\"${m} * ${m}\""), Err("`256MB * 256MB` has no meaning".to_owned()));
        assert_eq!(x("\"${m} * ${c}\""), Err("there is no parameter `c`".to_owned()));
    }

    /// Each of these is ten times as much as the one before. Most of what there may be is used up
    /// by a long string, as so many small values take a gigabyte and seconds.
    #[test]
    fn parameters_that_become_too_much() {
        let long = "long".repeat(MOST_FILLED / 64);
        let most = "${long}".repeat(15);
        for one in ["\"0123456789\"", "[0, 1, 2, 3]"] {
            let mut text = format!(
                "x = \"${{p12}}\"\n[parameters]\nlong = \"{long}\"\nmost = \"{most}\"\np0 = {one}\n"
            );
            for number in 1..=12 {
                let before = format!("${{p{}}}", number - 1);
                let ten = match one.starts_with('[') {
                    true => format!("[{}]", [format!("\"{before}\"").as_str(); 10].join(", ")),
                    false => format!("\"{}\"", before.repeat(10)),
                };
                text += &format!("p{number} = {ten}\n");
            }
            assert_eq!(x(&text), Err("the parameters become too much here".to_owned()));
        }
    }

    #[test]
    fn a_string_counts_as_written_where_its_beginning_is() {
        let text = "path = \"${data}/x\"\nother = \"x/${data}\"\n[parameters]\ndata = \"here\"\n";
        let mut sources = Sources::default();
        let report = Report::default();
        let id = sources.add("f.toml", text);
        let mut root = parse_toml(id, text, &report);
        let argument = sources.add_argument("data=\"there\"");
        let value = parse_toml_value(argument, "\"there\"", 5, &report).unwrap();
        root.set(&crate::tree::Path::parse(argument, "parameters.data").unwrap(), value).unwrap();
        substitute(&mut root, &sources, &report);
        let [path, other] = ["path", "other"].map(|key| table(&root).get(key).unwrap().clone());
        assert_eq!((path.kind, path.span.source), (Kind::String("there/x".to_owned()), argument));
        assert_eq!((other.kind, other.span.source), (Kind::String("x/there".to_owned()), id));
    }
}
