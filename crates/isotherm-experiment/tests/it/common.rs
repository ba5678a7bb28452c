//! Running an experiment, and reading its records back.

use std::collections::BTreeMap;
use std::path::Path;

use isotherm_experiment::{Experiment, Overrides, RunReport};

/// Reads the text of an experiment that is right.
#[track_caller]
pub fn parsed(text: &str) -> Experiment {
    Experiment::parse("experiment.toml", text, Path::new("."), &Overrides::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

/// Plays the first run of an experiment into a folder.
#[track_caller]
pub fn run(experiment: &Experiment, out: &Path) -> RunReport {
    experiment.run(&experiment.runs()[0], out).unwrap_or_else(|error| panic!("{error}"))
}

/// The rows of a CSV file of a folder, a table from column to cell for each.
#[track_caller]
pub fn rows(folder: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let mut rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = rows.next().unwrap();
    rows.map(|row| header.iter().cloned().zip(row).collect()).collect()
}

/// The columns with these names of the records in a folder, row by row.
#[track_caller]
pub fn columns<const N: usize>(folder: &Path, names: [&str; N]) -> Vec<[String; N]> {
    columns_of(&folder.join("invocations.csv"), names)
}

/// The same of any table.
#[track_caller]
pub fn columns_of<const N: usize>(file: &Path, names: [&str; N]) -> Vec<[String; N]> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let places = names.map(|name| {
        header.iter().position(|column| *column == name).unwrap_or_else(|| panic!("{header:?}"))
    });
    lines.map(|line| places.map(|place| line[place].to_owned())).collect()
}
