//! The fields of a configuration file as data: what they are called, what they take, what holds
//! without them.
//!
//! Every table of the file has a [`TableSpec`], beside the reader that reads it. A reader gets
//! fields only through the specification ([`Fields`](crate::fields::Fields)), so that a field that
//! is not described here cannot be read. The [reference](crate::reference) of a format is written
//! from these, and tests can go over them.

use crate::tree::{Kind, Table, Value};

/// One kind of table.
#[derive(Debug)]
pub struct TableSpec {
    /// What it is called in messages and headings, such as `[service]`, `limits` or `a step`.
    pub name: &'static str,
    /// The heading of its section in the reference; empty if that is its name or its path.
    pub title: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its fields, in the order of the reference.
    pub fields: &'static [Field],
}

/// A family of kinds of tables that may occur in one place, each with parameters of its own, such
/// as the built-in schedulers.
#[derive(Debug)]
pub struct FamilySpec {
    /// What it is called in messages: the key of its field.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// How one is written in TOML.
    pub example: &'static str,
    /// What is known of a table before its kind is: the field `kind`.
    pub head: TableSpec,
    /// The kinds. The title of each is the value of `kind`, its fields are the parameters.
    pub kinds: fn() -> Vec<&'static TableSpec>,
}

impl FamilySpec {
    /// The possible values of `kind`.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        (self.kinds)().iter().map(|table| Word { name: table.title, doc: table.doc }).collect()
    }

    /// The kind of a table that does not say it.
    #[must_use]
    pub fn default_kind(&self) -> Option<&'static str> {
        match self.head.field("kind")?.absent {
            Absent::Default(kind) => Some(kind.trim_matches('"')),
            _ => None,
        }
    }
}

/// One field of a table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What holds without it.
    pub absent: Absent,
    /// What it means.
    pub doc: &'static str,
}

/// What a field takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// One value: what it is, and how it is written in TOML.
    Value {
        /// What it is, such as `a size`.
        what: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// The path of a file or a folder, relative to the file in which it is written.
    Path {
        /// What it is, such as `a path`.
        what: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// One of some words.
    Words(fn() -> Vec<Word>),
    /// A table.
    Table(&'static TableSpec),
    /// An array of tables that are all of one kind.
    Tables(&'static TableSpec),
    /// An array of tables, each of one of some kinds.
    Kinds(&'static [&'static TableSpec]),
    /// A table of one of some kinds, each with parameters of its own, or the kind alone.
    OneOf(&'static FamilySpec),
    /// One of several forms.
    Either(&'static [Takes]),
}

impl Takes {
    /// The only word it takes, which its description has in code: `"poisson"`.
    fn only_word(&self) -> Option<&'static str> {
        match self {
            Takes::Value { what, example } if what.trim_matches('`') == *example => {
                Some(example.trim_matches('"'))
            }
            _ => None,
        }
    }

    /// How it is written in TOML.
    #[must_use]
    pub fn example(&self) -> String {
        match self {
            Takes::Value { example, .. } | Takes::Path { example, .. } => (*example).to_owned(),
            Takes::Words(words) => {
                words().first().map_or(String::new(), |word| format!("\"{}\"", word.name))
            }
            Takes::OneOf(family) => family.example.to_owned(),
            Takes::Either([first, ..]) => first.example(),
            Takes::Table(_) | Takes::Tables(_) | Takes::Kinds(_) | Takes::Either([]) => {
                "...".to_owned()
            }
        }
    }
}

/// A word that a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What holds when a field is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It must not be.
    Error,
    /// The same as with this value, given in TOML.
    Default(&'static str),
    /// Something else.
    Otherwise(&'static str),
}

impl TableSpec {
    /// The field of a key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The required fields.
    pub fn required(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().filter(|field| field.absent == Absent::Error)
    }

    /// Whether this describes a table, where several descriptions are possible. If its first field
    /// takes a single word, such as `kind = "poisson"`, that word decides; otherwise the table must
    /// have the required fields, and none that is not described.
    #[must_use]
    pub fn describes(&self, table: &Table) -> bool {
        let first = self.fields.first();
        let word = first.and_then(|first| Some((first.takes.only_word()?, table.get(first.key)?)));
        if let Some((word, Value { kind: Kind::String(written), .. })) = word {
            return written == word;
        }
        table.entries.iter().all(|entry| self.fields.is_empty() || self.field(&entry.key).is_some())
            && self.required().all(|field| table.get(field.key).is_some())
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.key).collect()
    }
}

/// A table of this name, which has no fields yet.
#[must_use]
pub const fn table(name: &'static str, doc: &'static str) -> TableSpec {
    TableSpec { name, title: "", doc, fields: &[] }
}

impl TableSpec {
    /// The same, with a title.
    #[must_use]
    pub const fn titled(mut self, title: &'static str) -> Self {
        self.title = title;
        self
    }

    /// The same, with these fields.
    #[must_use]
    pub const fn with(mut self, fields: &'static [Field]) -> Self {
        self.fields = fields;
        self
    }
}

/// One value: what it is, and how it is written in TOML.
#[must_use]
pub const fn value(what: &'static str, example: &'static str) -> Takes {
    Takes::Value { what, example }
}

/// A path: what it is, and how it is written in TOML.
#[must_use]
pub const fn path(what: &'static str, example: &'static str) -> Takes {
    Takes::Path { what, example }
}

/// A required field.
#[must_use]
pub const fn field(key: &'static str, takes: Takes, doc: &'static str) -> Field {
    Field { key, takes, absent: Absent::Error, doc }
}

impl Field {
    /// The same, with another example of a value.
    #[must_use]
    pub const fn like(mut self, example: &'static str) -> Self {
        if let Takes::Value { what, .. } = self.takes {
            self.takes = Takes::Value { what, example };
        }
        self
    }

    /// The same, with a value that holds when it is absent.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.absent = Absent::Default(value);
        self
    }

    /// The same, but it may be absent: what then holds.
    #[must_use]
    pub const fn otherwise(mut self, what: &'static str) -> Self {
        self.absent = Absent::Otherwise(what);
        self
    }
}
