//! `[measured]`: numbers of a real platform, to be set beside those of the simulation.
//!
//! ```toml
//! [measured]
//! cold_starts = 56                                                # a number, or
//! cold_starts = { file = "data/run.csv", column = "cold" }        # the rows in which a column is 1
//! ```

use isotherm_config::fields::{Fields, FromValue, takes};
use isotherm_config::schema::{TableSpec, Takes, field, path, table, value};
use isotherm_config::source::Located;
use isotherm_config::tree::{Kind, Value};

use crate::check::context::Context;
use crate::check::traces;
use crate::trace;

/// `[measured]`
pub const MEASURED: TableSpec =
    table("[measured]", "Numbers of a real platform, to be set beside those of the simulation.")
        .with(&[field(
            "cold_starts",
            Takes::Either(&[takes::<u64>(), Takes::Table(&COLD_STARTS)]),
            "How many cold starts there were.",
        )]);

const COLD_STARTS: TableSpec = table(
    "cold_starts",
    "Cold starts that are counted in a CSV file: the rows in which a column is 1 or true.",
)
.with(&[
    field("file", path("a path", "\"data/run.csv\""), "The file."),
    field("column", value("the name of a column", "\"cold\""), "The column."),
]);

/// What was measured on a real platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many cold starts there were, if that is known.
    pub cold_starts: Option<u64>,
}

/// Reads `[measured]`, and the file it counts in.
pub fn measured(value: Option<&Value>, context: &Context<'_>) -> Measured {
    let Some(value) = value else { return Measured::default() };
    let Some(mut fields) = Fields::of(value, &MEASURED, context.report) else {
        return Measured::default();
    };
    let cold_starts =
        fields.required_value("cold_starts", "56").and_then(|value| match value.kind {
            Kind::Table(_) => count(value, context),
            _ => u64::read(value, context.report),
        });
    fields.finish();
    Measured { cold_starts }
}

fn count(value: &Value, context: &Context<'_>) -> Option<u64> {
    let report = context.report;
    let mut fields = Fields::of(value, &COLD_STARTS, report)?;
    let file = fields.required::<Located<String>>("file");
    let column = fields.required::<Located<String>>("column");
    fields.finish();
    let (file, column) = (file?, column?);
    match trace::count_marked(&context.path(&file), &column.value) {
        Ok(count) => Some(count),
        Err(error) => {
            traces::report(&error, &file, &[&column], context);
            None
        }
    }
}
