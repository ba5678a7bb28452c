//! The pages of `docs/` say what is true: their tables of measured numbers are those of the
//! experiments they name (`SNAPSHOTS=overwrite` writes them anew), and what any page of the
//! repository links to in it exists. Their Rust is run by the documentation tests.
//!
//! A measured table stands below a comment that says where it comes from and which columns of
//! `invocations.csv` it shows, an invocation beside the other. `experiments/NAME.toml` is meant; a
//! run of a sweep stands behind it in brackets:
//!
//!     <!-- measured: caches[size-600MB] copy_wait_s load_wait_s -->

use std::fmt::Write;
use std::path::{Path, PathBuf};

use isotherm::experiment::{Experiment, Overrides};

const MEASURED: &str = "<!-- measured: ";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The pages that people write; the reference has tests of its own.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = markdown(&docs(), &["reference"]);
    pages.sort();
    pages
}

/// The Markdown files of a folder and of the folders in it, but for those of these names.
fn markdown(folder: &Path, except: &[&str]) -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !except.contains(&&*name) {
            pages.extend(markdown(&path, except));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            pages.push((path, text));
        }
    }
    pages
}

/// The columns of an experiment of `docs/experiments`, as a table of Markdown with an invocation in
/// each column.
fn table(experiment: &str, run: Option<&str>, columns: &[&str]) -> String {
    let path = docs().join("experiments").join(experiment).with_extension("toml");
    let experiment =
        Experiment::load(&path, &Overrides::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let planned = experiment
        .runs()
        .iter()
        .find(|planned| planned.label().as_deref() == run)
        .expect("a run of that name");
    let out = tempfile::tempdir().expect("a temporary folder");
    let folder = out.path().join("results");
    experiment.run(planned, &folder).unwrap_or_else(|error| panic!("{error}"));
    let csv = std::fs::read_to_string(folder.join("invocations.csv")).expect("it was written");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let mut table = String::new();
    for (number, column) in ["id"].iter().chain(columns).enumerate() {
        let index = rows[0]
            .iter()
            .position(|name| name == column)
            .unwrap_or_else(|| panic!("no column {column}"));
        let name = if number == 0 { "invocation".to_owned() } else { format!("`{column}`") };
        let values: Vec<&str> = rows[1..].iter().map(|row| short(row[index])).collect();
        writeln!(table, "| {name} | {} |", values.join(" | ")).expect("a string takes everything");
        if number == 0 {
            writeln!(table, "|{}", "---|".repeat(rows.len())).expect("a string takes everything");
        }
    }
    table
}

/// A number of seconds without the zeros at its end.
fn short(value: &str) -> &str {
    match value.split_once('.') {
        Some((whole, decimals)) if decimals.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => value.trim_end_matches('0'),
        None => value,
    }
}

/// The page with its measured tables measured anew, and how many there are.
fn measured_anew(text: &str) -> (String, usize) {
    let (mut page, mut count, mut inside) = (String::new(), 0, false);
    for line in text.split_inclusive('\n') {
        inside &= line.starts_with('|');
        if !inside {
            page.push_str(line);
        }
        if let Some(source) = line.strip_prefix(MEASURED) {
            let mut words = source.trim_end().trim_end_matches("-->").split_whitespace();
            let name = words.next().expect("the name of an experiment");
            let (name, run) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
                Some((name, run)) => (name, Some(run)),
                None => (name, None),
            };
            page.push_str(&table(name, run, &words.collect::<Vec<_>>()));
            (count, inside) = (count + 1, true);
        }
    }
    (page, count)
}

#[test]
fn measured_numbers_are_those_of_a_run() {
    let mut count = 0;
    for (path, text) in pages() {
        let (page, tables) = measured_anew(&text);
        count += tables;
        let expected = snapbox::Data::read_from(&path, None).raw();
        snapbox::Assert::new().action_env("SNAPSHOTS").eq(page, expected);
    }
    assert!(count >= 5, "{count} tables were found");
}

/// What `[text](target)` links to, in this repository: a file (none is this page) and a heading in
/// it.
fn links(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://"))
        .map(|target| {
            target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)))
        })
}

/// Whether a page has a heading that is called so in links: in lower case, without punctuation,
/// with hyphens for spaces.
fn has_heading(page: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    let called = |heading: &str| -> String {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| called(line.trim_start_matches('#')) == name)
}

#[test]
fn links_lead_somewhere() {
    let text = "[a](b.md#c) [d](#e) [f](https://g) [h](i/j.rs)";
    assert_eq!(
        links(text).collect::<Vec<_>>(),
        [("b.md", Some("c")), ("", Some("e")), ("i/j.rs", None)]
    );
    let pages = markdown(&docs().join(".."), &["target", "results"]);
    assert!(pages.len() > 30, "{} pages", pages.len());
    for (path, text) in pages {
        let leads_somewhere = |&(file, heading): &(&str, Option<&str>)| {
            let target = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            target.exists() && heading.is_none_or(|heading| has_heading(&target, heading))
        };
        let broken: Vec<_> = links(&text).filter(|link| !leads_somewhere(link)).collect();
        assert!(broken.is_empty(), "{}: nothing at {broken:?}", path.display());
    }
}
