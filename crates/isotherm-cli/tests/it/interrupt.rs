//! Ctrl-C, and being asked to end by the system, in the middle of a run.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn start(input: &str, out: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_isotherm"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", input, "--out"])
        .arg(out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Everything below a folder, temporary files included.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

fn is_partial(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "partial")
}

/// Waits until the run writes records in a folder (it listens to signals by then), sends it a
/// signal, and waits for its end.
fn interrupted(mut child: Child, folder: &Path, signal: &str) -> Output {
    while !files(folder).iter().any(|path| is_partial(path)) {
        assert_eq!(child.try_wait().unwrap(), None, "it cannot have ended");
        std::thread::yield_now();
    }
    let sent = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(sent.success());
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_that_is_interrupted_leaves_nothing_and_says_how_far_it_came() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let here = tempfile::tempdir().unwrap();
        let out = here.path().join("results/study");
        let output = interrupted(start("tests/inputs/endless.toml", &out), &out, signal);
        assert_eq!(output.status.code(), Some(code), "SIG{signal}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.starts_with("interrupted: ") && told.lines().count() == 1, "{told}");
        assert!(told.contains(" s were simulated, "), "{told}");
        assert!(
            told.contains(
                " of 1,000,000,000,000 invocations had ended; this run leaves no results\n"
            ),
            "{told}"
        );
        assert!(!here.path().join("results").exists(), "the folders were made for this run");
    }
}

#[test]
fn earlier_results_survive() {
    let out = tempfile::tempdir().unwrap();
    std::fs::write(out.path().join("summary.json"), "earlier").unwrap();
    let output = interrupted(start("tests/inputs/endless.toml", out.path()), out.path(), "INT");
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(files(out.path()), [out.path().join("summary.json")]);
    assert_eq!(std::fs::read_to_string(out.path().join("summary.json")).unwrap(), "earlier");
}

#[test]
fn the_runs_of_a_sweep_that_were_done_stay() {
    let out = tempfile::tempdir().unwrap();
    let points = out.path().join("points");
    let mut child = start("tests/inputs/endless-sweep.toml", out.path());
    let is_done = |path: &Path| {
        !path.file_name().unwrap().to_string_lossy().starts_with('.') && path.is_dir()
    };
    let done = || {
        let entries = std::fs::read_dir(&points).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| is_done(path)).collect::<Vec<_>>()
    };
    while done().is_empty() {
        assert_eq!(child.try_wait().unwrap(), None, "it cannot have ended");
        std::thread::yield_now();
    }
    let output = interrupted(child, &points, "INT");
    assert_eq!(output.status.code(), Some(130));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = format!(
        "interrupted: 1 of 2 runs are in `{}`; the same command goes on from there\n",
        out.path().display()
    );
    assert_eq!(told, expected);
    let mut left: Vec<_> = files(out.path());
    left.sort();
    let names = ["functions.csv", "invocations.csv", "manifest.toml", "nodes.csv", "summary.json"];
    let expected = names.map(|name| done()[0].join(name));
    assert_eq!(left, expected);
}
