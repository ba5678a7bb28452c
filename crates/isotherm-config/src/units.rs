//! Quantities as people write them, strictly: a number and a unit, `"250MB"`, `"10min"`, `"3/s"`,
//! `"5Gf"`, `"1Gbps"`.
//!
//! `MB` is 10^6 bytes and `MiB` is 2^20; a quantity without a unit is an error, and so is a unit in
//! the wrong case (`mb`, `KB`), because it is ambiguous. Sizes and durations are converted by
//! integer arithmetic, so that `"0.1s"` is exactly 100,000,000 nanoseconds, and rounded to a whole
//! byte or nanosecond.

use isotherm_kernel::Duration;
use thiserror::Error;

/// What kind of quantity a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Bytes.
    Size,
    /// Simulated time.
    Duration,
    /// Events per time.
    Rate,
    /// Floating-point operations.
    Work,
    /// Floating-point operations per second.
    Speed,
    /// Bytes per second; also written in bits per second.
    Bandwidth,
}

/// A unit and how many base units it is: bytes, nanoseconds, events per 1e-9 s..., as a fraction
/// `times / per`.
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) times: u64,
    pub(crate) per: u64,
}

const fn unit(name: &'static str, times: u64) -> Unit {
    Unit { name, times, per: 1 }
}

const fn part(name: &'static str, times: u64, per: u64) -> Unit {
    Unit { name, times, per }
}

pub(crate) const SIZES: &[Unit] = &[
    unit("B", 1),
    unit("kB", 1_000),
    unit("MB", 1_000_000),
    unit("GB", 1_000_000_000),
    unit("TB", 1_000_000_000_000),
    unit("PB", 1_000_000_000_000_000),
    unit("KiB", 1 << 10),
    unit("MiB", 1 << 20),
    unit("GiB", 1 << 30),
    unit("TiB", 1 << 40),
    unit("PiB", 1 << 50),
];

pub(crate) const DURATIONS: &[Unit] = &[
    unit("ns", 1),
    unit("us", 1_000),
    unit("ms", 1_000_000),
    unit("s", 1_000_000_000),
    unit("min", 60_000_000_000),
    unit("h", 3_600_000_000_000),
    unit("d", 86_400_000_000_000),
];

pub(crate) const RATES: &[Unit] = &[
    unit("/s", 1),
    unit("/ms", 1_000),
    unit("/us", 1_000_000),
    part("/min", 1, 60),
    part("/h", 1, 3_600),
    part("/d", 1, 86_400),
];

pub(crate) const WORK: &[Unit] = &[
    unit("f", 1),
    unit("kf", 1_000),
    unit("Mf", 1_000_000),
    unit("Gf", 1_000_000_000),
    unit("Tf", 1_000_000_000_000),
    unit("Pf", 1_000_000_000_000_000),
];

const SPEEDS: &[Unit] = &[
    unit("f/s", 1),
    unit("kf/s", 1_000),
    unit("Mf/s", 1_000_000),
    unit("Gf/s", 1_000_000_000),
    unit("Tf/s", 1_000_000_000_000),
    unit("f", 1),
    unit("kf", 1_000),
    unit("Mf", 1_000_000),
    unit("Gf", 1_000_000_000),
    unit("Tf", 1_000_000_000_000),
];

const BANDWIDTHS: &[Unit] = &[
    unit("B/s", 1),
    unit("kB/s", 1_000),
    unit("MB/s", 1_000_000),
    unit("GB/s", 1_000_000_000),
    unit("TB/s", 1_000_000_000_000),
    unit("KiB/s", 1 << 10),
    unit("MiB/s", 1 << 20),
    unit("GiB/s", 1 << 30),
    part("bps", 1, 8),
    unit("kbps", 125),
    unit("Mbps", 125_000),
    unit("Gbps", 125_000_000),
    unit("Tbps", 125_000_000_000),
    part("b/s", 1, 8),
    unit("kb/s", 125),
    unit("Mb/s", 125_000),
    unit("Gb/s", 125_000_000),
    unit("Tb/s", 125_000_000_000),
];

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 6] = [
        Dimension::Size,
        Dimension::Duration,
        Dimension::Rate,
        Dimension::Work,
        Dimension::Speed,
        Dimension::Bandwidth,
    ];

    pub(crate) fn units(self) -> &'static [Unit] {
        match self {
            Dimension::Size => SIZES,
            Dimension::Duration => DURATIONS,
            Dimension::Rate => RATES,
            Dimension::Work => WORK,
            Dimension::Speed => SPEEDS,
            Dimension::Bandwidth => BANDWIDTHS,
        }
    }

    /// What to call it, with its article.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Size => "a size",
            Dimension::Duration => "a duration",
            Dimension::Rate => "a rate",
            Dimension::Work => "an amount of work",
            Dimension::Speed => "a speed",
            Dimension::Bandwidth => "a bandwidth",
        }
    }

    /// How one is written.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Dimension::Size => "250MB",
            Dimension::Duration => "10min",
            Dimension::Rate => "3/s",
            Dimension::Work => "5Gf",
            Dimension::Speed => "10Gf/s",
            Dimension::Bandwidth => "1Gbps",
        }
    }

    /// Its units, for a message.
    #[must_use]
    pub fn unit_names(self) -> String {
        let names: Vec<_> = self.units().iter().map(|unit| unit.name).collect();
        names.join(", ")
    }
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// No number to begin with.
    #[error("`{text}` is not {}", dimension.name())]
    NotANumber {
        /// What was written.
        text: String,
        /// What was expected.
        dimension: Dimension,
    },
    /// A number alone.
    #[error("`{text}` has no unit")]
    MissingUnit {
        /// What was written.
        text: String,
        /// What was expected.
        dimension: Dimension,
    },
    /// A unit that does not exist.
    #[error("unknown unit `{unit}` of {}", dimension.name())]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// What was expected.
        dimension: Dimension,
    },
    /// Below zero.
    #[error("{} cannot be negative", dimension.name())]
    Negative {
        /// What was expected.
        dimension: Dimension,
    },
    /// NaN or infinite.
    #[error("{} must be a finite number", dimension.name())]
    NotFinite {
        /// What was expected.
        dimension: Dimension,
    },
    /// More than can be represented.
    #[error("`{text}` is too large for {}", dimension.name())]
    TooLarge {
        /// What was written.
        text: String,
        /// What was expected.
        dimension: Dimension,
    },
}

impl UnitError {
    /// How it may be mended.
    #[must_use]
    pub fn hint(&self) -> String {
        let write = |dimension: &Dimension| format!("write it like \"{}\"", dimension.example());
        match self {
            UnitError::NotANumber { dimension, .. } => write(dimension),
            UnitError::MissingUnit { dimension, .. } => {
                format!("the units of {} are {}", dimension.name(), dimension.unit_names())
            }
            UnitError::UnknownUnit { unit, dimension } => unit_hint(unit, *dimension),
            UnitError::Negative { .. } => "use zero or more".to_owned(),
            UnitError::NotFinite { dimension } => write(dimension),
            UnitError::TooLarge { dimension, .. } => match dimension {
                Dimension::Size => "the largest size is 2^64 - 1 bytes".to_owned(),
                Dimension::Duration => "the longest duration is 584 years".to_owned(),
                _ => "it does not fit into a floating-point number".to_owned(),
            },
        }
    }
}

fn unit_hint(unit: &str, dimension: Dimension) -> String {
    match (unit, dimension) {
        ("m", Dimension::Duration) => {
            return "write `min` for minutes, `ms` for milliseconds".to_owned();
        }
        ("K" | "KB", Dimension::Size) => {
            return "write `kB` for 1000 bytes, `KiB` for 1024 bytes".to_owned();
        }
        _ => {}
    }
    let units = dimension.units();
    // `mb` or `gib` differ from a unit in their case alone, `G` and `min.` in a letter.
    let near = units
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(unit))
        .or_else(|| units.iter().find(|known| !unit.is_empty() && known.name.starts_with(unit)))
        .or_else(|| beginning(unit, units))
        .or_else(|| units.iter().find(|known| strsim::damerau_levenshtein(known.name, unit) == 1));
    match near {
        Some(known) => format!("did you mean `{}`?", known.name),
        None => format!("the units of {} are {}", dimension.name(), dimension.unit_names()),
    }
}

/// The longest unit that a word begins with: `sec`, `minutes` and `/hour` are written out too far.
fn beginning<'a>(word: &str, units: &'a [Unit]) -> Option<&'a Unit> {
    units.iter().filter(|known| word.starts_with(known.name)).max_by_key(|known| known.name.len())
}

/// Reads a size in bytes.
///
/// ```
/// use isotherm_config::units::size;
/// assert_eq!(size("250MB"), Ok(250_000_000));
/// assert_eq!(size("1.5GiB"), Ok(1_610_612_736));
/// assert!(size("250").is_err());
/// ```
///
/// # Errors
///
/// See [`UnitError`].
pub fn size(text: &str) -> Result<u64, UnitError> {
    integer(text, Dimension::Size)
}

/// Reads a duration.
///
/// # Errors
///
/// See [`UnitError`].
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    integer(text, Dimension::Duration).map(Duration::from_nanos)
}

/// Reads a rate in events per second, work in floating-point operations, a speed in these per
/// second, or a bandwidth in bytes per second.
///
/// # Errors
///
/// See [`UnitError`].
pub fn real(text: &str, dimension: Dimension) -> Result<f64, UnitError> {
    let (number, unit) = split(text, dimension)?;
    let number: f64 =
        number.parse().map_err(|_| UnitError::NotANumber { text: text.to_owned(), dimension })?;
    let value = number * unit.times as f64 / unit.per as f64;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(UnitError::TooLarge { text: text.to_owned(), dimension })
    }
}

/// A decimal number: `digits × 10^exponent`.
struct Decimal {
    digits: u128,
    exponent: i32,
}

fn integer(text: &str, dimension: Dimension) -> Result<u64, UnitError> {
    let (number, unit) = split(text, dimension)?;
    let too_large = || UnitError::TooLarge { text: text.to_owned(), dimension };
    let decimal = decimal(number).ok_or_else(too_large)?;
    let scaled = decimal.digits.checked_mul(u128::from(unit.times)).ok_or_else(too_large)?;
    let value = if decimal.exponent >= 0 {
        10u128
            .checked_pow(decimal.exponent.unsigned_abs())
            .and_then(|power| scaled.checked_mul(power))
            .ok_or_else(too_large)?
    } else {
        // A power that is too large to be represented divides everything down to zero.
        match 10u128.checked_pow(decimal.exponent.unsigned_abs()) {
            Some(power) => scaled / power + u128::from(scaled % power >= power.div_ceil(2)),
            None => 0,
        }
    };
    u64::try_from(value).map_err(|_| too_large())
}

/// Splits a text into an unsigned number and its unit. One space may separate them.
fn split(text: &str, dimension: Dimension) -> Result<(&str, &'static Unit), UnitError> {
    let lower = text.trim_start_matches(['-', '+']).to_ascii_lowercase();
    if lower.starts_with("nan") || lower.starts_with("inf") {
        return Err(UnitError::NotFinite { dimension });
    }
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let length = number_length(unsigned);
    let (number, rest) = unsigned.split_at(length);
    if number.is_empty() {
        return Err(UnitError::NotANumber { text: text.to_owned(), dimension });
    }
    // -0 is zero.
    if negative && number.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        return Err(UnitError::Negative { dimension });
    }
    let name = rest.strip_prefix(' ').unwrap_or(rest);
    if name.is_empty() {
        return Err(UnitError::MissingUnit { text: text.to_owned(), dimension });
    }
    let Some(unit) = dimension.units().iter().find(|unit| unit.name == name) else {
        return Err(UnitError::UnknownUnit { unit: name.to_owned(), dimension });
    };
    Ok((number, unit))
}

/// How many bytes at the beginning are a number: digits, perhaps a fraction, perhaps an exponent.
pub(crate) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits_from =
        |start: usize| bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits_from(0);
    if length == 0 {
        return 0;
    }
    if bytes.get(length) == Some(&b'.') && digits_from(length + 1) > 0 {
        length += 1 + digits_from(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let start = length + 1 + sign;
        if start < bytes.len() && digits_from(start) > 0 {
            length = start + digits_from(start);
        }
    }
    length
}

/// Reads what [`number_length`] has found; `None` if it has more digits than can be.
fn decimal(number: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}").parse::<u128>().ok()?;
    let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    Some(Decimal { digits, exponent })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_decimal_or_binary_and_never_guessed() {
        assert_eq!(size("0B"), Ok(0));
        assert_eq!(size("250MB"), Ok(250_000_000));
        assert_eq!(size("64 GiB"), Ok(64 << 30));
        assert_eq!(size("1.5kB"), Ok(1_500));
        assert_eq!(size("2e3kB"), Ok(2_000_000));
        assert_eq!(size("18446744073709551615B"), Ok(u64::MAX));
        for text in ["18446744073709551616B", "20000PB", "1e30B", "1e99999999999B"] {
            assert!(matches!(size(text), Err(UnitError::TooLarge { .. })), "{text}");
        }
        for (text, hint) in [
            ("250mb", "did you mean `MB`?"),
            ("1KB", "write `kB` for 1000 bytes, `KiB` for 1024 bytes"),
            ("4G", "did you mean `GB`?"),
            ("4Gib", "did you mean `GiB`?"),
        ] {
            assert_eq!(size(text).unwrap_err().hint(), hint, "{text}");
        }
    }

    #[test]
    fn durations_are_exact() {
        assert_eq!(duration("0.1s"), Ok(Duration::from_nanos(100_000_000)));
        assert_eq!(duration("0.42s"), Ok(Duration::from_nanos(420_000_000)));
        assert_eq!(duration("10min"), Ok(Duration::from_nanos(600_000_000_000)));
        assert_eq!(duration("1e-9s"), Ok(Duration::from_nanos(1)));
        // Half a nanosecond rounds up, less rounds down, and much less is nothing.
        assert_eq!(duration("0.5ns"), Ok(Duration::from_nanos(1)));
        assert_eq!(duration("0.4ns"), Ok(Duration::ZERO));
        assert_eq!(duration("1e-60s"), Ok(Duration::ZERO));
        assert_eq!(
            duration("5m").unwrap_err().hint(),
            "write `min` for minutes, `ms` for milliseconds"
        );
        for (text, hint) in [
            ("5sec", "did you mean `s`?"),
            ("5minutes", "did you mean `min`?"),
            ("5H", "did you mean `h`?"),
        ] {
            assert_eq!(duration(text).unwrap_err().hint(), hint, "{text}");
        }
        assert!(matches!(duration("600y"), Err(UnitError::UnknownUnit { .. })));
        assert!(matches!(duration("300000d"), Err(UnitError::TooLarge { .. })));
    }

    #[test]
    fn rates_work_and_bandwidths() {
        assert_eq!(real("3/s", Dimension::Rate), Ok(3.0));
        assert_eq!(real("90/min", Dimension::Rate), Ok(1.5));
        assert_eq!(real("5Gf", Dimension::Work), Ok(5e9));
        assert_eq!(real("10Gf/s", Dimension::Speed), Ok(1e10));
        // Eight bits to a byte.
        assert_eq!(real("10Gbps", Dimension::Bandwidth), Ok(1.25e9));
        assert_eq!(real("2GB/s", Dimension::Bandwidth), Ok(2e9));
        assert!(matches!(real("1e400/s", Dimension::Rate), Err(UnitError::TooLarge { .. })));
    }

    #[test]
    fn what_is_no_quantity_says_why() {
        let cases = [
            ("", "`` is not a duration"),
            ("soon", "`soon` is not a duration"),
            ("10", "`10` has no unit"),
            ("-10s", "a duration cannot be negative"),
            ("NaN", "a duration must be a finite number"),
            ("-inf s", "a duration must be a finite number"),
            ("10MB", "unknown unit `MB` of a duration"),
            (".5s", "`.5s` is not a duration"),
            ("5.s", "unknown unit `.s` of a duration"),
            ("1  s", "unknown unit ` s` of a duration"),
        ];
        for (text, message) in cases {
            assert_eq!(duration(text).unwrap_err().to_string(), message);
        }
        assert_eq!(duration("-0s"), Ok(Duration::ZERO));
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Nothing that can be written makes a reader panic.
        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9.eE ]{0,12}[a-zA-Z/µ]{0,4}|\\PC{0,12}") {
            let _ = (size(&text), duration(&text));
            for dimension in &Dimension::ALL[2..] {
                let _ = real(&text, *dimension);
            }
        }

        /// Whole numbers of a unit are that many times the unit.
        #[test]
        fn whole_numbers_are_exact(number in 0u64..1_000_000_000) {
            prop_assert_eq!(size(&format!("{number}MiB")), Ok(number << 20));
            prop_assert_eq!(duration(&format!("{number}us")), Ok(Duration::from_nanos(number * 1_000)));
        }
    }
}
