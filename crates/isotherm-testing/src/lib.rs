//! What the tests of all crates share.
//!
//! # Sizes
//!
//! Tests with many cases state how many they try at *full* size. The environment variable
//! `ISOTHERM_TEST_SIZE` selects how many of them are tried: `fiftieth` (the default), `fifth` (as
//! `.ci/run` does, in release) or `full`. The cases of a size are always the same ones.

use std::path::{Path, PathBuf};

use proptest::test_runner::{Config, RngSeed};

const SIZE: &str = "ISOTHERM_TEST_SIZE";

/// The number of cases to try of a test that tries `full` of them at full size; at least one.
///
/// # Panics
///
/// If `ISOTHERM_TEST_SIZE` is not the name of a size.
#[must_use]
pub fn count(full: u32) -> u32 {
    let size = std::env::var_os(SIZE).unwrap_or_else(|| "fiftieth".into());
    let part = part(&size.to_string_lossy()).unwrap_or_else(|message| panic!("{message}"));
    (full / part).max(1)
}

/// The configuration of a property test that tries `full` cases at full size.
///
/// # Panics
///
/// As [`count`] does.
#[must_use]
pub fn cases(full: u32) -> Config {
    Config { cases: count(full), rng_seed: RngSeed::Fixed(20_261_129), ..Config::default() }
}

fn part(size: &str) -> Result<u32, String> {
    match size {
        "fiftieth" => Ok(50),
        "fifth" => Ok(5),
        "full" => Ok(1),
        other => Err(format!("{SIZE} is `fiftieth`, `fifth` or `full`, not `{other}`")),
    }
}

/// The path of a file in the repository, given from its root.
#[must_use]
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Asserts that a file of the repository, given from its root, has this text. With
/// `ISOTHERM_WRITE_REFERENCE` in the environment it is written instead.
///
/// # Panics
///
/// If it has not, or cannot be written.
pub fn assert_generated(path: &str, text: &str) {
    let file = in_repository(path);
    if std::env::var_os("ISOTHERM_WRITE_REFERENCE").is_some() {
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    assert!(
        std::fs::read_to_string(&file).unwrap_or_default() == text,
        "{path} is not what the code says: write it anew with \
         `ISOTHERM_WRITE_REFERENCE=1 cargo test --workspace --test it`"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_part_of_the_full_count() {
        assert_eq!(["full", "fifth", "fiftieth"].map(part), [Ok(1), Ok(5), Ok(50)]);
        let message = "ISOTHERM_TEST_SIZE is `fiftieth`, `fifth` or `full`, not `tenth`";
        assert_eq!(part("tenth"), Err(message.to_owned()));
        assert_eq!(count(1), 1);
    }
}
