//! The durations of the invocations of a function, as a distribution through its percentiles.

use std::io::Read;

use isotherm_kernel::Distribution;

use super::super::columns::Located;
use super::super::csv::CsvTable;
use super::super::decimal;
use super::super::table::TableRows;
use crate::TimeUnit;
use crate::error::{TraceError, TraceProblem, ValueKind};

/// The percentiles in the trace of 2019: probability and column. Durations are interpolated between
/// them.
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

/// The contents of a row.
pub(super) struct DurationRow {
    /// Durations in nanoseconds; `None` if a percentile is missing.
    pub(super) durations: Option<Distribution>,
    /// Whether a percentile was negative or below the one before it, and was corrected.
    pub(super) is_mended: bool,
}

impl PercentileColumns {
    pub(super) fn new<R: Read>(rows: &mut CsvTable<R>) -> Result<Self, Box<TraceError>> {
        let mut columns = Vec::with_capacity(PERCENTILES.len());
        for (probability, name) in PERCENTILES {
            columns.push(Located::find(rows, name, probability)?);
        }
        match columns.try_into() {
            Ok(columns) => Ok(PercentileColumns { columns }),
            // There are as many columns as percentiles.
            Err(_) => Err(rows.error(None, TraceProblem::NoRows)),
        }
    }

    pub(super) fn row<R: Read>(&self, rows: &CsvTable<R>) -> Result<DurationRow, Box<TraceError>> {
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
                    Err(problem) => return Err(rows.row_error(column.column(), problem)),
                };
            is_mended |= nanos < least;
            least = nanos.max(least);
            *quantile = (column.value, least);
        }
        // Probabilities increase and values do not decrease, so this cannot fail.
        Ok(DurationRow { durations: Distribution::empirical(&quantiles).ok(), is_mended })
    }
}
