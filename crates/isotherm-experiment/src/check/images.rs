//! `[images]`: images from a CSV file, one per row.
//!
//! ```toml
//! [images]
//! csv = "data/images.csv"
//! columns = { name = "image", size = "size_mb", memory = "loaded_mb" }
//! scale = 0.5                       # all of them half as large
//! ```
//!
//! They are numbered after the `[[image]]` tables. The file is read before anything refers to an
//! image.

use isotherm_config::fields::{Fields, Positive, takes};
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::Value;
use isotherm_workload::{ImageColumns, ImageRow, TraceProblem, WorkloadError, read_images};

use crate::check::context::Context;
use crate::check::functions::{A_SIZE_UNIT, MOST_OF_A_FILE, size_column};
use crate::check::lines::Lines;
use crate::check::objects::REPOSITORY;
use crate::check::traces;
use crate::plan::ImagePlan;

/// `[images]`
pub const IMAGES: TableSpec = table(
    "[images]",
    "Images from a CSV file whose first line names its columns, a row for each. Other columns are \
     ignored.",
)
.with(&[
    field(
        "csv",
        path("a path", "\"data/images.csv\""),
        "The file, which may be compressed (gzip, zstd).",
    ),
    field("columns", Takes::Table(&COLUMNS), "Which column of the file holds what."),
    field("units", Takes::Table(&UNITS), "The units of the columns.")
        .otherwise("the ends of their names say them"),
    field(
        "storage",
        value("the name of a storage", "\"repository\""),
        "Where images are downloaded from of which the file does not say it.",
    )
    .default("\"repository\""),
    field("scale", takes::<Positive>(), "What sizes and memory are multiplied by.").default("1"),
]);

const COLUMNS: TableSpec =
    table("columns", "Which column of a file of images holds what.").with(&[
        field("name", value("the name of a column", "\"image\""), "The name of the image."),
        field("size", value("the name of a column", "\"size_mb\""), "How large it is on a disk."),
        field(
            "memory",
            value("the name of a column", "\"loaded_mb\""),
            "How much memory it takes when it is loaded.",
        )
        .otherwise("as much as its size"),
        field(
            "storage",
            value("the name of a column", "\"registry\""),
            "The name of the storage where it is downloaded from.",
        )
        .otherwise("`storage`"),
    ]);

const UNITS: TableSpec = table("units", "Units of the numbers in a file of images.").with(&[
    field("size", A_SIZE_UNIT, "That of the column of sizes.")
        .otherwise("the end of its name, as in `size_mb`"),
    field("memory", A_SIZE_UNIT, "That of the column of memory.")
        .otherwise("the end of its name, as in `loaded_mb`"),
]);

/// The images of a file, and the table `[images]` itself.
pub struct Listed<'a> {
    fields: Fields<'a>,
    file: Option<File>,
}

struct File {
    rows: Vec<ImageRow>,
    lines: Lines,
    /// The place of the name of each image.
    places: Vec<Span>,
    /// Whether there were errors in its rows.
    is_broken: bool,
}

/// Reads the file of `[images]` of an experiment, and reports errors.
pub fn listed<'a>(value: &'a Value, context: &Context<'a>) -> Option<Listed<'a>> {
    let mut fields = Fields::of(value, &IMAGES, context.report)?;
    let file = file(&mut fields, context);
    Some(Listed { fields, file })
}

fn file(fields: &mut Fields<'_>, context: &Context<'_>) -> Option<File> {
    let path = fields.required::<Located<String>>("csv");
    let columns = columns(fields, context);
    let (path, (columns, wanted)) = (path?, columns?);
    let lines = Lines::of(context.read(&path)?);
    let shown = context.path(&path).display().to_string();
    let found = match read_images(shown, lines.file.text.as_bytes(), &columns, MOST_OF_A_FILE) {
        Ok(found) => found,
        Err(WorkloadError::Trace(error))
            if matches!(error.problem, TraceProblem::Empty | TraceProblem::NoRows) =>
        {
            let message = format!("there are no images in `{}`", path.value);
            let hint = "the file has no row below its header";
            return context.report.refuse(path.span, message, hint);
        }
        Err(error) => {
            let wanted: Vec<_> = wanted.iter().collect();
            traces::report(&error, &path, &wanted, context);
            return None;
        }
    };
    lines.report(&found.errors, found.further, &path, context.report);
    let places = found.rows.iter().map(|row| lines.word(row.line, &row.name)).collect();
    Some(File { is_broken: !found.errors.is_empty(), rows: found.rows, lines, places })
}

/// The columns, and their names with their places.
fn columns(
    fields: &mut Fields<'_>,
    context: &Context<'_>,
) -> Option<(ImageColumns, Vec<Located<String>>)> {
    let report = context.report;
    let units = fields.entry("units").map(|entry| &entry.value);
    let value = fields.required_value("columns", "{ name = \"image\", size = \"size_mb\" }")?;
    let mut units = units.and_then(|value| Fields::of(value, &UNITS, report));
    let mut names = Fields::of(value, &COLUMNS, report)?;
    let before = report.count();
    let name = names.required::<Located<String>>("name");
    let storage = names.optional::<Located<String>>("storage");
    let size = names.required::<Located<String>>("size");
    let memory = names.optional::<Located<String>>("memory");
    let wanted = [&name, &size, &memory, &storage].into_iter().flatten().cloned().collect();
    let mut with_unit = |name: Option<Located<String>>, key: &'static str| {
        let unit = units.as_mut().and_then(|units| units.optional::<Located<String>>(key));
        size_column(name.map(|name| (name, unit)), key, report)
    };
    let (size, memory) = (with_unit(size, "size"), with_unit(memory, "memory"));
    names.finish();
    if let Some(units) = units {
        units.finish();
    }
    let storage = storage.map(|storage| storage.value);
    let columns = ImageColumns { name: name?.value, size: size?, memory, storage };
    (report.count() == before).then_some((columns, wanted))
}

impl Listed<'_> {
    /// Whether there are images of unknown names, because the file or a row of it could not be
    /// read.
    pub fn is_incomplete(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.is_broken)
    }

    /// The names of the images and their places, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = (&str, Span)> {
        let file = self.file.iter();
        file.flat_map(|file| {
            file.rows.iter().map(|row| row.name.as_str()).zip(file.places.iter().copied())
        })
    }

    /// The images.
    pub fn plans(mut self, context: &Context<'_>) -> Option<Vec<ImagePlan>> {
        let report = context.report;
        let before = report.count();
        let storage = match self.fields.optional::<Located<String>>("storage") {
            Some(named) => context.storages.resolve(&named, report),
            None => context.storages.index_of(REPOSITORY),
        };
        let scale = self.fields.optional_or("scale", Positive(1.0)).0;
        self.fields.finish();
        let File { rows, lines, places, is_broken } = self.file?;
        let scaled = |bytes: u64| match scale == 1.0 {
            true => bytes,
            false => (bytes as f64 * scale).round() as u64,
        };
        let plan = |(row, place): (ImageRow, Span)| {
            let Some(bytes) = row.bytes else {
                let message = format!("image `{}` has no size", row.name);
                return report.refuse(place, message, "give it one: 0 is a size as well");
            };
            let storage = match row.storage {
                None => storage,
                Some(name) => {
                    let span = lines.word(row.line, &name);
                    context.storages.resolve(&Located { value: name, span }, report)
                }
            };
            let memory_bytes = scaled(row.memory_bytes.unwrap_or(bytes));
            Some(ImagePlan {
                name: row.name,
                bytes: scaled(bytes),
                memory_bytes,
                storage: storage?,
            })
        };
        let plans: Vec<_> = rows.into_iter().zip(places).filter_map(plan).collect();
        (!is_broken && report.count() == before).then_some(plans)
    }
}
