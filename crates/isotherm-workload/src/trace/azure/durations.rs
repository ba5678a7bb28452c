//! How long the invocations of a function take, from its percentiles.

use std::io::Read;

use isotherm_kernel::Distribution;

use super::super::Located;
use super::super::csv::CsvRows;
use super::super::decimal;
use crate::TimeUnit;
use crate::error::{TraceError, TraceProblem, ValueKind};

/// The percentiles of the trace of 2019, between which durations are drawn, each with its
/// probability and its column.
pub const PERCENTILES: [(f64, &str); 7] = [
    (0.0, "percentile_Average_0"),
    (0.01, "percentile_Average_1"),
    (0.25, "percentile_Average_25"),
    (0.5, "percentile_Average_50"),
    (0.75, "percentile_Average_75"),
    (0.99, "percentile_Average_99"),
    (1.0, "percentile_Average_100"),
];

/// The columns of the percentiles, in milliseconds.
pub(super) struct PercentileColumns {
    columns: [Located<f64>; 7],
}

/// What a row says.
pub(super) struct DurationRow {
    /// Durations in nanoseconds; `None` if a percentile is missing.
    pub(super) durations: Option<Distribution>,
    /// Whether percentiles were below zero, or below those before them.
    pub(super) is_mended: bool,
}

impl PercentileColumns {
    pub(super) fn new<R: Read>(rows: &CsvRows<R>) -> Result<Self, Box<TraceError>> {
        let mut columns = Vec::with_capacity(PERCENTILES.len());
        for (probability, name) in PERCENTILES {
            columns.push(Located {
                index: rows.column(name)?,
                name: name.to_owned(),
                value: probability,
            });
        }
        match columns.try_into() {
            Ok(columns) => Ok(PercentileColumns { columns }),
            // There are as many columns as percentiles.
            Err(_) => Err(rows.error(None, TraceProblem::NoRows)),
        }
    }

    pub(super) fn row<R: Read>(&self, rows: &CsvRows<R>) -> Result<DurationRow, Box<TraceError>> {
        let mut quantiles = [(0.0, 0.0); 7];
        let (mut least, mut is_mended) = (0.0, false);
        for (column, quantile) in self.columns.iter().zip(&mut quantiles) {
            let field = rows.field(column.index);
            let nanos =
                match decimal::nanos(field, TimeUnit::MILLISECOND.nanos(), ValueKind::Duration) {
                    Ok(nanos) => nanos as f64,
                    Err(TraceProblem::NoValue) => {
                        return Ok(DurationRow { durations: None, is_mended: false });
                    }
                    Err(TraceProblem::NotFinite { .. }) if field.eq_ignore_ascii_case(b"nan") => {
                        return Ok(DurationRow { durations: None, is_mended: false });
                    }
                    Err(TraceProblem::Negative { .. }) => {
                        is_mended = true;
                        0.0
                    }
                    Err(problem) => return Err(rows.row_error(column.place(), problem)),
                };
            is_mended |= nanos < least;
            least = nanos.max(least);
            *quantile = (column.value, least);
        }
        // Probabilities and values increase, so that it cannot fail.
        Ok(DurationRow { durations: Distribution::empirical(&quantiles).ok(), is_mended })
    }
}
