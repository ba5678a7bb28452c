//! Dates of arrival: numbers of some unit, or dates of the calendar.
//!
//! A date of the calendar is one of ISO 8601 as RFC 3339 profiles it, with the tolerance that files
//! need: a space for the `T`, no seconds, no time at all, offsets of hours only, ` UTC`. Without a
//! zone it is taken as UTC. It becomes the nanoseconds since 1970-01-01T00:00:00Z, exactly; digits
//! beyond nanoseconds are cut. Leap seconds have no place of their own in that count: second 60 is
//! the first of the next minute.

use chrono::DateTime;

use super::decimal::{Scale, with_point};
use super::table::{LONGEST_VALUE, TableRows, beginning};
use crate::error::{TraceProblem, ValueKind};
use crate::{TimeUnit, WorkloadError};

/// How the dates of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateFormat {
    /// Numbers of this unit.
    Number(TimeUnit),
    /// Dates of the calendar, such as `2024-05-01T12:00:00.250Z`.
    Iso8601,
}

/// Which date of a trace is the start of the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Its zero: that of its numbers, or the year 1970.
    #[default]
    Zero,
    /// The arrival of the first row.
    First,
    /// This one, in nanoseconds from its zero.
    At(u64),
}

/// Reads the values of a column of dates.
#[derive(Clone, Debug)]
pub(super) enum DateReader {
    Number(Scale),
    Iso8601,
}

impl DateReader {
    pub(super) fn new(format: DateFormat) -> Self {
        match format {
            DateFormat::Number(unit) => DateReader::Number(Scale::new(unit)),
            DateFormat::Iso8601 => DateReader::Iso8601,
        }
    }

    /// A date in nanoseconds from the zero of the trace, of a file whose decimals follow this mark.
    pub(super) fn nanos(&self, field: &[u8], mark: u8) -> Result<u64, TraceProblem> {
        match self {
            DateReader::Number(scale) => scale.nanos(&with_point(field, mark)?, ValueKind::Date),
            DateReader::Iso8601 => calendar(field),
        }
    }
}

/// How the dates of a column are written, if that is certain: as its type says, or as dates of the
/// calendar if its first value is one. Reads the first row.
///
/// # Errors
///
/// There is no such column, or the first row is malformed.
pub fn told_format(
    rows: &mut impl TableRows,
    column: &str,
) -> Result<Option<DateFormat>, WorkloadError> {
    let index = rows.column(column)?;
    if let Some(unit) = rows.date_unit(index) {
        return Ok(Some(DateFormat::Number(unit)));
    }
    let is_date = rows.advance()? && calendar(rows.field(index)).is_ok();
    Ok(is_date.then_some(DateFormat::Iso8601))
}

/// The longest text of a date that is read.
const LONGEST: usize = 64;

/// A date of the calendar in nanoseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// # use isotherm_workload::calendar_nanos;
/// assert_eq!(calendar_nanos("1970-01-02"), Some(86_400_000_000_000));
/// assert_eq!(calendar_nanos("1970-01-01 01:00+01:00"), Some(0));
/// assert_eq!(calendar_nanos("yesterday"), None);
/// ```
#[must_use]
pub fn calendar_nanos(text: &str) -> Option<u64> {
    calendar(text.trim().as_bytes()).ok()
}

fn calendar(field: &[u8]) -> Result<u64, TraceProblem> {
    let value = || beginning(field, LONGEST_VALUE);
    if field.is_empty() {
        return Err(TraceProblem::NoValue);
    }
    let date = completed(field)
        .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
        .ok_or_else(|| TraceProblem::NotADate { value: value() })?;
    // A leap second has more than 10^9 nanoseconds, which are those of the next minute.
    let nanos =
        i128::from(date.timestamp()) * 1_000_000_000 + i128::from(date.timestamp_subsec_nanos());
    match u64::try_from(nanos) {
        Ok(nanos) => Ok(nanos),
        Err(_) if nanos < 0 => Err(TraceProblem::BeforeEpoch { value: value() }),
        Err(_) => Err(TraceProblem::TooLarge { value: value(), kind: ValueKind::Date }),
    }
}

/// The text with what RFC 3339 requires and files leave out: seconds, the time, the zone.
fn completed(field: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(field).ok()?;
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let text = text.strip_suffix(" UTC").map_or_else(|| text.to_owned(), |date| format!("{date}Z"));
    let (date, rest) = text.split_at_checked(10)?;
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone);
    let time = time.trim_end().replacen(',', ".", 1);
    let seconds = if time.len() == "12:00".len() { ":00" } else { "" };
    let zone = match zone.len() {
        0 => "Z".to_owned(),
        // `+01` and `+0130`
        3 => format!("{zone}:00"),
        5 if !zone.contains(':') => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => zone.to_owned(),
    };
    Some(format!("{date}T{time}{seconds}{zone}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2024-02-29 is day 19,782 since 1970: 54 years of 365 days, 13 leap days, 59 days.
    const LEAP_DAY: u64 = 19_782 * 86_400;

    #[test]
    fn dates_of_the_calendar() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2024-02-29T00:00:00Z", LEAP_DAY, 0),
            ("2024-02-29", LEAP_DAY, 0),
            ("2024-02-29 12:34", LEAP_DAY + 45_240, 0),
            ("2024-02-29t12:34:56.5z", LEAP_DAY + 45_296, 500_000_000),
            ("2024-02-29T12:34:56,000000001", LEAP_DAY + 45_296, 1),
            // Cut, not rounded.
            ("2024-02-29T12:34:56.1234567899Z", LEAP_DAY + 45_296, 123_456_789),
            ("2024-02-29 12:34:56 UTC", LEAP_DAY + 45_296, 0),
            ("2024-02-29 12:34:56+00", LEAP_DAY + 45_296, 0),
            ("2024-02-29T12:34:56 +0130", LEAP_DAY + 45_296 - 5_400, 0),
            ("2024-02-29T12:34:56-01:30", LEAP_DAY + 45_296 + 5_400, 0),
            ("2016-12-31T23:59:60Z", 17_167 * 86_400, 0),
        ] {
            match calendar(text.as_bytes()) {
                Ok(got) => assert_eq!(got, seconds * 1_000_000_000 + nanos, "{text}"),
                Err(problem) => panic!("{text}: {problem:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_date() {
        let kind = |text: &str| match calendar(text.as_bytes()) {
            Ok(_) => "a date",
            Err(TraceProblem::NoValue) => "nothing",
            Err(TraceProblem::NotADate { .. }) => "no date",
            Err(TraceProblem::BeforeEpoch { .. }) => "before 1970",
            Err(TraceProblem::TooLarge { .. }) => "too late",
            Err(_) => "something else",
        };
        for (text, expected) in [
            ("", "nothing"),
            ("1714564800", "no date"),
            ("2023-02-29", "no date"),
            ("2024-13-01", "no date"),
            ("2024-05-01T24:00:00Z", "no date"),
            ("2024-05-01T12:60:00Z", "no date"),
            ("2024-05-01T12:00:00.Z", "no date"),
            ("2024-05-01T12:00:00+25:00", "no date"),
            ("2024-05-01T12:00:00 CET", "no date"),
            ("01/05/2024 12:00", "no date"),
            ("1969-12-31T23:59:59Z", "before 1970"),
            ("2554-07-22", "too late"),
            ("2554-07-21", "a date"),
            ("２０２４-05-01", "no date"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(2_000))]

        #[test]
        fn any_text_is_a_date_or_an_error(text in "[0-9TtZz:., +/UTC-]{0,40}") {
            let _ = calendar(text.as_bytes());
        }

        #[test]
        fn dates_come_back(nanos in 0u64..9_000_000_000_000_000_000) {
            let date = DateTime::from_timestamp_nanos(nanos.cast_signed()).to_rfc3339();
            prop_assert_eq!(calendar_nanos(&date), Some(nanos), "{}", date);
        }
    }
}
