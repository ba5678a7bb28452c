//! Every way to get an experiment file wrong that we know of, one file each under `tests/bad`, with
//! the exact message beside it (`SNAPSHOTS=overwrite` writes them anew).

use std::path::{Path, PathBuf};

use isotherm_experiment::{Experiment, Overrides};

fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir("tests/bad")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            extensions
                .iter()
                .any(|&extension| path.extension().is_some_and(|found| found == extension))
        })
        .collect();
    files.sort();
    files
}

/// What is set from outside: the lines of `NAME.set`, if there is such a file.
fn overrides(path: &Path) -> Overrides {
    let lines = std::fs::read_to_string(path.with_extension("set")).unwrap_or_default();
    lines.lines().fold(Overrides::default(), |overrides, line| {
        let (path, value) = line.split_once('=').unwrap();
        overrides.with(path, value)
    })
}

#[test]
fn every_bad_file_gets_its_message() {
    let assert = snapbox::Assert::new().action_env("SNAPSHOTS");
    let files = files(&["toml", "json"]);
    assert!(files.len() > 60, "found only {} files", files.len());
    for path in files {
        let message = match Experiment::load_whole(&path, &overrides(&path)) {
            Ok(_) => panic!("{} was accepted", path.display()),
            Err(diagnostics) => diagnostics.render(false),
        };
        let expected = snapbox::Data::read_from(&path.with_extension("txt"), None).raw();
        assert.eq(message, expected);
    }
}

#[test]
fn every_message_belongs_to_a_file() {
    for path in files(&["txt", "set"]) {
        let (toml, json) = (path.with_extension("toml"), path.with_extension("json"));
        assert!(toml.exists() || json.exists(), "{} is left over", path.display());
    }
}

#[test]
fn a_file_that_is_not_there() {
    let error = Experiment::load(Path::new("tests/bad/nowhere.toml"), &Overrides::default());
    let message = error.expect_err("there is no such file").render(false);
    assert_eq!(message, "error: cannot read `tests/bad/nowhere.toml`: there is no such file\n");
}
