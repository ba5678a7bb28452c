//! `[functions] count = 50`: a population of functions, alike but for what is [drawn](draws) for
//! each of them.
//!
//! ```toml
//! [functions]
//! count = 50                          # f0, f1, …, f49
//! image = { size = { kind = "loguniform", low = "50MB", high = "2GB" } }
//! limits = { time = "1min", memory = { kind = "choice", values = ["128MB", "512MB"] } }
//!
//! [[functions.body]]
//! sleep.kind = "lognormal"
//! sleep.median = { kind = "lognormal", median = "200ms", sigma = 1 }
//! sleep.sigma = 0.5
//! ```
//!
//! The fields are those of a `[[function]]`. For each function they are put into a table of its
//! own, which is read like one that is written, until one has an error.

use isotherm_config::fields::{AtMost, Fields, Seed, takes};
use isotherm_config::schema::{Field, TableSpec, field, table, value};
use isotherm_config::source::Span;
use isotherm_config::tree::{Entry, Kind, Table, Value};

use crate::check::context::Context;
use crate::check::draws::Draws;
use crate::check::functions::FUNCTIONS;
use crate::check::objects::{self, FUNCTION};
use crate::duration_distribution::DurationDistribution;
use crate::plan::{FunctionPlan, ImagePlan};

/// More functions are not drawn.
const MOST: u32 = 1_000_000;

/// `count` of `[functions]`.
pub const COUNT: Field = field(
    "count",
    takes::<AtMost<MOST>>(),
    "How many functions there are, alike but for what is drawn for each, instead of `csv`.",
)
.like("50")
.otherwise("another source is required");

/// `prefix` of `[functions]`.
pub const PREFIX: Field = field(
    "prefix",
    value("text", "\"web-\""),
    "What the names of `count` functions begin with; their numbers follow, from 0.",
)
.otherwise("`\"f\"`");

/// `seed` of `[functions]`.
pub const SEED: Field = field(
    "seed",
    takes::<Seed>(),
    "What is drawn for each function derives from it: with a seed of their own the functions are \
     the same whatever that of the experiment is.",
)
.like("7")
.otherwise("that of the experiment");

/// The image of each function of a population.
pub const IMAGE_OF_EACH: TableSpec =
    table("an image", "An image for each function of a population, of its name.").with(&[
        objects::SIZE,
        objects::MEMORY,
        objects::STORED_ON,
    ]);

/// The functions of a `count`.
pub struct Population<'a> {
    names: Vec<String>,
    /// The image that each of them has of its own.
    image: Option<&'a Value>,
}

impl<'a> Population<'a> {
    /// Reads how many functions there are and what they are called. `None` after an error.
    pub fn read(fields: &mut Fields<'a>) -> Option<Self> {
        let count = fields.required::<AtMost<MOST>>("count");
        let prefix = fields.optional_or("prefix", "f".to_owned());
        let names = (0..count?.0).map(|number| format!("{prefix}{number}")).collect();
        let image = fields.entry("image").map(|entry| &entry.value);
        let image = image.filter(|image| image.table().is_some_and(|it| it.get("kind").is_none()));
        Some(Population { names, image })
    }

    /// The names of the functions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The names of the images that they have of their own.
    pub fn image_names(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|_| self.image.is_some())
    }

    /// The images that they have of their own. `None` after an error.
    pub fn images(&self, draws: &Draws<'_>, context: &Context<'_>) -> Option<Vec<ImagePlan>> {
        let Some(image) = self.image else { return Some(Vec::new()) };
        let mut fields = Fields::of(image, &IMAGE_OF_EACH, context.report)?;
        let before = context.report.count();
        let entries: Vec<_> = IMAGE_OF_EACH
            .fields
            .iter()
            .filter_map(|field| Some((field, fields.entry(field.key)?)))
            .collect();
        fields.finish();
        if context.report.count() > before {
            return None;
        }
        let one = |name: &String| {
            let mut table = Table { entries: vec![named(name, image.span)] };
            for (field, entry) in &entries {
                let path = format!("image.{}", entry.key);
                let value = draws.value(name, &path, &field.takes, &entry.value)?;
                table.entries.push(Entry { value, ..(*entry).clone() });
            }
            objects::image(&Value { kind: Kind::Table(table), span: image.span }, context)
        };
        self.names.iter().map(one).collect()
    }

    /// The functions. `fields` are those of `[functions]`, `startup` is that of the service. `None`
    /// after an error.
    pub fn functions(
        &self,
        fields: &mut Fields<'_>,
        startup: &DurationDistribution,
        draws: &Draws<'_>,
        context: &Context<'_>,
    ) -> Option<Vec<FunctionPlan>> {
        let place = fields.place();
        let shared = FUNCTION.fields.iter().filter(|field| FUNCTIONS.field(field.key).is_some());
        let written: Vec<(&Field, &Entry)> =
            shared.filter_map(|field| Some((field, fields.entry(field.key)?))).collect();
        let one = |name: &String| {
            let mut table = Table { entries: vec![named(name, place)] };
            for (field, entry) in &written {
                let value = match (field.key, self.image) {
                    ("image", Some(_)) => named(name, entry.value.span).value,
                    _ => draws.value(name, field.key, &field.takes, &entry.value)?,
                };
                table.entries.push(Entry { value, ..(*entry).clone() });
            }
            let value = Value { kind: Kind::Table(table), span: place };
            let before = context.report.count();
            let function = objects::function(&value, startup, context)?;
            (context.report.count() == before).then_some(function)
        };
        self.names.iter().map(one).collect()
    }
}

/// The field `name` of a function or an image.
fn named(name: &str, span: Span) -> Entry {
    let value = Value { kind: Kind::String(name.to_owned()), span };
    Entry { key: "name".to_owned(), key_span: span, value }
}
