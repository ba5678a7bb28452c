//! What the runs of a sweep are called: a folder and a line of a table for each.
//!
//! A label lists fields and values, such as `reuse-newest_startup-1s`. It consists of letters,
//! digits, `-`, `_` and `.`, begins with a letter, a digit or `_`, and is short enough for any file
//! system. Where two runs would have the same label, or labels that differ in case only, part of
//! the hash of its values is appended to each; so the label of a run does not depend on the order
//! of the values.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Setting;
use crate::output::sha256;

/// A longer name is cut. File systems take 255 bytes.
const LONGEST: usize = 200;

/// Characters of a hash.
const HASH: usize = 8;

/// The name of each of these runs, which are described by their settings; `None` for one without
/// any.
pub fn labels(runs: &[&[Setting]]) -> Vec<Option<String>> {
    let mut plain: Vec<Option<String>> = runs.iter().map(|settings| plain(settings)).collect();
    let mut count = BTreeMap::new();
    for label in plain.iter().flatten() {
        *count.entry(label.to_ascii_lowercase()).or_insert(0) += 1;
    }
    let is_shared =
        |label: &String| count.get(&label.to_ascii_lowercase()).is_some_and(|count| *count > 1);
    let mut taken: BTreeSet<String> = plain
        .iter()
        .flatten()
        .filter(|label| !is_shared(label))
        .map(|label| label.to_ascii_lowercase())
        .collect();
    for (label, settings) in plain.iter_mut().zip(runs) {
        let Some(label) = label.as_mut().filter(|label| is_shared(label)) else { continue };
        let hashed = format!("{label}-{}", hash(settings));
        // The same values may be written twice.
        let names =
            std::iter::once(hashed.clone()).chain((2..).map(|number| format!("{hashed}-{number}")));
        *label = names
            .into_iter()
            .find(|name| taken.insert(name.to_ascii_lowercase()))
            .unwrap_or(hashed);
    }
    plain
}

/// The name of a run without regard to the others.
fn plain(settings: &[Setting]) -> Option<String> {
    if settings.is_empty() {
        return None;
    }
    let part = |setting: &Setting| {
        let field = setting.path.rsplit('.').next().unwrap_or(&setting.path);
        format!("{field}-{}", setting.shown)
    };
    let label = settings.iter().map(part).collect::<Vec<_>>().join("_");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut label: String = label.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    if label.starts_with(['-', '.']) {
        label.insert(0, '_');
    }
    if label.len() > LONGEST {
        label.truncate(LONGEST);
        label = format!("{label}-{}", hash(settings));
    }
    // Some systems drop a point at the end.
    if label.ends_with('.') {
        label.pop();
        label.push('-');
    }
    Some(label)
}

/// A part of the hash of the fields and values.
fn hash(settings: &[Setting]) -> String {
    let text: String =
        settings.iter().map(|setting| format!("{}={}\n", setting.path, setting.shown)).collect();
    let mut hash = sha256(text.as_bytes());
    hash.truncate(HASH);
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[&str]) -> Vec<String> {
        let settings: Vec<Vec<Setting>> = values
            .iter()
            .map(|value| {
                vec![Setting { path: "workload.0.file".to_owned(), shown: (*value).to_owned() }]
            })
            .collect();
        let runs: Vec<&[Setting]> = settings.iter().map(Vec::as_slice).collect();
        labels(&runs).into_iter().map(Option::unwrap).collect()
    }

    #[test]
    fn names_tell_the_values() {
        assert_eq!(labels(&[&[]]), [None]);
        assert_eq!(of(&["a.csv", "5/s", "1_000"]), ["file-a.csv", "file-5-s", "file-1_000"]);
        let two = ["service.reuse", "service.startup"]
            .map(|path| Setting { path: path.to_owned(), shown: "x".to_owned() });
        assert_eq!(labels(&[&two]), [Some("reuse-x_startup-x".to_owned())]);
    }

    #[test]
    fn names_that_would_be_the_same_are_told_apart() {
        let names = of(&["a b.csv", "a-b.csv", "c.csv"]);
        assert_ne!(names[0], names[1]);
        assert!(names[..2].iter().all(|name| name.starts_with("file-a-b.csv-")), "{names:?}");
        assert_eq!(names[2], "file-c.csv");
        // In another order, and where capital letters do not count.
        assert_eq!(of(&["a-b.csv", "a b.csv"]), [names[1].clone(), names[0].clone()]);
        let [lower, upper] = <[String; 2]>::try_from(of(&["x", "X"])).unwrap();
        assert_ne!(lower.to_lowercase(), upper.to_lowercase());
        let same = of(&["1", "1", "1"]);
        assert_eq!(same[1..], [format!("{}-2", same[0]), format!("{}-3", same[0])]);
        // What is cut off may be all that is different.
        let long = "v".repeat(300);
        let [one, other] =
            <[String; 2]>::try_from(of(&[&format!("{long}1"), &format!("{long}2")])).unwrap();
        assert_ne!(one, other);
        assert!(one.len() < 220);
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(5_000))]

        #[test]
        fn names_are_those_of_folders(
            paths in proptest::collection::vec("[a-c.\\-\"é/]{0,4}", 1..4),
            values in proptest::collection::vec("[aAbB ./\\\\\u{1}é-]{0,3}|.{0,300}", 1..12),
        ) {
            let settings: Vec<Vec<Setting>> = values.iter().map(|value| {
                paths.iter().map(|path| Setting { path: path.clone(), shown: value.clone() }).collect()
            }).collect();
            let runs: Vec<&[Setting]> = settings.iter().map(Vec::as_slice).collect();
            let names: Vec<String> = labels(&runs).into_iter().flatten().collect();
            let different: BTreeSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
            prop_assert_eq!(different.len(), values.len());
            for name in names {
                prop_assert!(name.len() <= 240 && !name.ends_with('.') && !name.starts_with(['-', '.']), "{}", name);
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{}", name);
            }
        }
    }
}
