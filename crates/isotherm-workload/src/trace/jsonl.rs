//! The lines of a JSONL file: an object each, whose keys are the columns.

use std::io::{BufRead, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::table::{LONGEST_ROW, TableRows, beginning, similar};
use crate::Decompressed;
use crate::error::{LONGEST_LINE, TraceError, TraceProblem};

/// The line that was read last, and the values of some of its keys.
pub struct JsonlTable<R> {
    name: String,
    reader: BufReader<Decompressed<R>>,
    line: Vec<u8>,
    /// The number of the line, counted from 1.
    number: u64,
    /// The keys of the first object.
    first: Vec<String>,
    wanted: Vec<String>,
    values: Vec<Value>,
    /// Whether the first line was read and is still to be given.
    is_unread: bool,
}

/// A value as CSV would have it, and its position in the line. Nothing if it is missing or null.
#[derive(Default)]
struct Value {
    text: Vec<u8>,
    place: Option<usize>,
}

impl<R: Read> JsonlTable<R> {
    /// Reads the first line. The name is for messages.
    ///
    /// # Errors
    ///
    /// The file is empty, its first line is no JSON object, or it cannot be read.
    pub fn new(name: impl Into<String>, reader: R) -> Result<Self, Box<TraceError>> {
        let reader = BufReader::with_capacity(1 << 16, Decompressed::new(reader));
        let mut lines = JsonlTable {
            name: name.into(),
            reader,
            line: Vec::new(),
            number: 0,
            first: Vec::new(),
            wanted: Vec::new(),
            values: Vec::new(),
            is_unread: false,
        };
        if !lines.read_line()? {
            return Err(lines.error(None, TraceProblem::Empty));
        }
        let mut keys = Vec::new();
        lines.parse(|key, _| keys.push(key.to_owned()))?;
        lines.first = keys;
        lines.is_unread = true;
        Ok(lines)
    }

    /// Reads the next line that is not blank; `false` at the end.
    fn read_line(&mut self) -> Result<bool, Box<TraceError>> {
        loop {
            self.line.clear();
            self.number += 1;
            // With the line break behind it.
            let read = self
                .reader
                .by_ref()
                .take(LONGEST_LINE as u64 + 2)
                .read_until(b'\n', &mut self.line);
            match read {
                Ok(0) => return Ok(false),
                Ok(_) if without_break(&self.line).len() > LONGEST_LINE => {
                    let mut error = self.error(None, TraceProblem::LongRow);
                    error.line = Some(self.number);
                    return Err(error);
                }
                Ok(_) => {}
                Err(error) => {
                    let mut error = self.error(None, error.into());
                    if self.number > 1 && matches!(error.problem, TraceProblem::Compressed(_)) {
                        error.line = Some(self.number);
                    }
                    return Err(error);
                }
            }
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            let length = self.line.trim_ascii_end().len();
            self.line.truncate(length);
            if !self.line.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Goes over the keys and values of the line.
    fn parse(&self, take: impl FnMut(&str, &RawValue)) -> Result<(), Box<TraceError>> {
        let text = std::str::from_utf8(&self.line).map_err(|error| {
            let mut problem = self.row_error(None, TraceProblem::NotText);
            problem.field = self.shown_place(error.valid_up_to());
            problem
        })?;
        let mut json = serde_json::Deserializer::from_str(text);
        let parsed = Object(take).deserialize(&mut json).and_then(|()| json.end());
        parsed.map_err(|error| {
            let reason = json_reason(&error).to_owned();
            let mut problem = self.row_error(None, TraceProblem::NotAnObject { reason });
            problem.field = self.shown_place(error.column().saturating_sub(1));
            problem
        })
    }

    /// Where a byte of the line is in what is shown of it, which is text whatever the line is.
    /// `None` behind the end of that.
    fn shown_place(&self, byte: usize) -> Option<usize> {
        let before = self.line.get(..byte)?;
        (byte < LONGEST_ROW).then(|| String::from_utf8_lossy(before).len())
    }

    fn parse_wanted(&mut self) -> Result<(), Box<TraceError>> {
        let mut values = std::mem::take(&mut self.values);
        values.iter_mut().for_each(|value| {
            value.text.clear();
            value.place = None;
        });
        let mut twice = None;
        let parsed = self.parse(|key, raw| {
            let Some(index) = self.wanted.iter().position(|wanted| wanted == key) else { return };
            if values[index].place.is_some() {
                twice = twice.or(Some(index));
            }
            values[index].set(raw, &self.line);
        });
        self.values = values;
        parsed?;
        match twice {
            Some(index) => {
                Err(self
                    .row_error(Some((index, &self.wanted[index])), TraceProblem::AmbiguousColumn))
            }
            None => Ok(()),
        }
    }
}

impl Value {
    fn set(&mut self, raw: &RawValue, line: &[u8]) {
        let text = raw.get();
        self.text.clear();
        // A raw value is a piece of the line.
        let place = (text.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
        self.place = Some(place);
        if text.starts_with('"') {
            self.place = Some(place + 1);
            self.text
                .extend(serde_json::from_str::<String>(text).unwrap_or_default().trim().bytes());
        } else if text != "null" {
            self.text.extend_from_slice(text.as_bytes());
        }
    }
}

impl<R: Read> TableRows for JsonlTable<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn columns(&self) -> &[String] {
        &self.first
    }

    fn column(&mut self, name: &str) -> Result<usize, Box<TraceError>> {
        if let Some(index) = self.wanted.iter().position(|wanted| wanted == name) {
            return Ok(index);
        }
        if !self.first.iter().any(|key| key == name) {
            let problem = TraceProblem::MissingColumn {
                columns: self.first.clone(),
                similar: similar(name, &self.first),
            };
            return Err(self.error(Some(name), problem));
        }
        self.wanted.push(name.to_owned());
        self.values.push(Value::default());
        Ok(self.wanted.len() - 1)
    }

    fn advance(&mut self) -> Result<bool, Box<TraceError>> {
        if !std::mem::take(&mut self.is_unread) && !self.read_line()? {
            return Ok(false);
        }
        self.parse_wanted()?;
        Ok(true)
    }

    fn field(&self, index: usize) -> &[u8] {
        self.values.get(index).map_or(&[], |value| &value.text)
    }

    fn row_error(&self, column: Option<(usize, &str)>, problem: TraceProblem) -> Box<TraceError> {
        let mut error = self.error(column.map(|(_, name)| name), problem);
        error.row = beginning(&self.line, LONGEST_ROW);
        error.line = Some(self.number);
        let place = column.and_then(|(index, _)| self.values.get(index)?.place);
        error.field = place.and_then(|place| self.shown_place(place));
        error
    }
}

/// A line without the break at its end.
fn without_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What is wrong with a text in JSON, in plain words.
#[must_use]
pub fn json_reason(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    let known = [
        ("expected `:`", "`:` is missing between a key and its value"),
        ("expected `,` or `}`", "`,` or the closing `}` is missing"),
        ("expected `,` or `]`", "`,` or the closing `]` is missing"),
        ("trailing comma", "nothing follows behind a comma"),
        ("trailing characters", "something follows behind its end"),
        ("key must be a string", "a key is a string in quotes"),
        (
            "control character",
            "a string has a control character in it, which is written as an escape such as `\\n`",
        ),
        ("surrogate", "an escape of a string is not whole"),
        ("escape", "a string has an escape in it that JSON does not know"),
        ("number out of range", "this number is too large"),
        ("invalid number", "this is not a number"),
        ("recursion limit", "values are nested too deep (limit 128)"),
        ("expected value", "a value is missing, or is not written in JSON"),
        ("expected ident", "this is neither a value nor in quotes"),
    ];
    match error.classify() {
        Category::Eof => "it ends in the middle",
        Category::Data => "it is another value",
        _ => known
            .iter()
            .find(|(words, _)| text.contains(words))
            .map_or("it is not written in JSON", |(_, reason)| reason),
    }
}

/// Reads an object, and passes its keys and values to a function.
struct Object<F>(F);

impl<'de, F: FnMut(&str, &RawValue)> DeserializeSeed<'de> for Object<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &RawValue)> Visitor<'de> for Object<F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let value = map.next_value::<&RawValue>()?;
            (self.0)(&key, value);
        }
        Ok(())
    }
}
