//! Units of the sizes in a table of functions.

use std::num::NonZeroU64;
use std::str::FromStr;

/// What one unit of the numbers in a column of sizes is.
///
/// ```
/// # use isotherm_workload::SizeUnit;
/// assert_eq!("MiB".parse(), Ok(SizeUnit::MEBIBYTE));
/// assert_eq!(SizeUnit::of_column("memory_mb"), Some(SizeUnit::MEGABYTE));
/// assert_eq!(SizeUnit::of_column("memory"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SizeUnit {
    bytes: NonZeroU64,
}

/// There is no unit of size of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a unit of size: one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB")]
pub struct UnknownSizeUnit(pub String);

impl SizeUnit {
    /// `B`
    pub const BYTE: SizeUnit = SizeUnit::of(1);
    /// `MB`, 10^6 bytes.
    pub const MEGABYTE: SizeUnit = SizeUnit::of(1_000_000);
    /// `MiB`, 2^20 bytes.
    pub const MEBIBYTE: SizeUnit = SizeUnit::of(1 << 20);

    const NAMED: [(&'static str, SizeUnit); 9] = [
        ("B", SizeUnit::BYTE),
        ("kB", SizeUnit::of(1_000)),
        ("MB", SizeUnit::MEGABYTE),
        ("GB", SizeUnit::of(1_000_000_000)),
        ("TB", SizeUnit::of(1_000_000_000_000)),
        ("KiB", SizeUnit::of(1 << 10)),
        ("MiB", SizeUnit::MEBIBYTE),
        ("GiB", SizeUnit::of(1 << 30)),
        ("TiB", SizeUnit::of(1 << 40)),
    ];

    const fn of(bytes: u64) -> SizeUnit {
        match NonZeroU64::new(bytes) {
            Some(bytes) => SizeUnit { bytes },
            None => SizeUnit { bytes: NonZeroU64::MIN },
        }
    }

    /// Bytes of one unit.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.bytes.get()
    }

    /// The unit that the end of a column's name says, as in `memory_mb`, `disk_GiB` or
    /// `size_bytes`. Names of columns are mostly in small letters, so these do not matter here.
    #[must_use]
    pub fn of_column(name: &str) -> Option<SizeUnit> {
        let end = name.rsplit_once('_')?.1;
        if end.eq_ignore_ascii_case("bytes") {
            return Some(SizeUnit::BYTE);
        }
        SizeUnit::NAMED
            .iter()
            .find(|(unit, _)| unit.eq_ignore_ascii_case(end))
            .map(|&(_, unit)| unit)
    }
}

impl FromStr for SizeUnit {
    type Err = UnknownSizeUnit;

    fn from_str(text: &str) -> Result<Self, UnknownSizeUnit> {
        let named = SizeUnit::NAMED.iter().find(|(unit, _)| *unit == text);
        named.map(|&(_, unit)| unit).ok_or_else(|| UnknownSizeUnit(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_units_are_strict_and_names_of_columns_are_not() {
        assert_eq!("kB".parse::<SizeUnit>().map(SizeUnit::bytes), Ok(1_000));
        assert_eq!("KiB".parse::<SizeUnit>().map(SizeUnit::bytes), Ok(1_024));
        for wrong in ["mb", "KB", "", "bytes", "M"] {
            assert!(wrong.parse::<SizeUnit>().is_err(), "{wrong}");
        }
        let column = |name| SizeUnit::of_column(name).map(SizeUnit::bytes);
        assert_eq!(
            ["memory_mb", "a_b_MiB", "x_bytes", "x_b"].map(column),
            [1_000_000, 1 << 20, 1, 1].map(Some)
        );
        assert_eq!(["mb", "memory", "memory_m"].map(column), [None; 3]);
    }
}
