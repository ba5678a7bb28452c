//! `isotherm compare`

use std::path::Path;

use crate::ran::{assert_snapshot, examples, isotherm_in};

/// Runs the quickstart with this seed and setting.
fn run(folder: &Path, out: &str, seed: &str, set: &str) {
    let example = examples().join("quickstart.toml");
    let example = example.to_str().unwrap();
    let run = ["run", example, "--quiet", "--out", out, "--seed", seed, "--set", set];
    let (code, _, err) = isotherm_in(folder, &run);
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

const KEPT: [&str; 2] = ["service.keep_alive.idle=2min", "service.keep_alive.idle=10s"];

#[test]
fn two_runs() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "long", "42", KEPT[0]);
    run(folder.path(), "short", "42", KEPT[1]);
    let (code, out, err) = isotherm_in(folder.path(), &["compare", "long", "short"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_snapshot(&out, "compare-runs.txt");
    let by = ["compare", "long", "short", "--by", "function", "--metric", "cold_share"];
    let (code, out, err) = isotherm_in(folder.path(), &by);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_snapshot(&out, "compare-functions.txt");
}

#[test]
fn sets_of_runs() {
    let folder = tempfile::tempdir().unwrap();
    for seed in ["1", "2", "3", "4"] {
        run(folder.path(), &format!("long/{seed}"), seed, KEPT[0]);
        run(folder.path(), &format!("short/{seed}"), seed, KEPT[1]);
    }
    let (code, out, err) = isotherm_in(folder.path(), &["compare", "long", "short"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_snapshot(&out, "compare-sets.txt");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/comparing.md");
    assert!(std::fs::read_to_string(page).unwrap().contains(&format!("```text\n{out}```\n")));
    let metric = ["compare", "long", "short", "--metric", "starts.cold", "--json"];
    let (code, out, err) = isotherm_in(folder.path(), &metric);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_snapshot(&out, "compare-sets.json");
}

#[test]
fn what_cannot_be_compared_is_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "one", "1", "service.keep_alive.idle=2min");
    run(folder.path(), "busier", "1", "workload.0.rate=4/s");
    let (code, out, err) = isotherm_in(folder.path(), &["compare", "one", "busier"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: `one` and `busier` have different workloads"), "{err}");
    let (code, out, err) = isotherm_in(folder.path(), &["compare", "one"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: there is nothing to compare `one` with"), "{err}");
}
