//! `isotherm sweep --precision`

use std::path::Path;

use crate::ran::isotherm_in;

/// Sweeps the example, whose runs are of 500 s: the exit code, and what went to standard output and
/// to standard error.
fn swept(out: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let out = out.to_str().unwrap();
    let begin = ["sweep", "examples/enough-servers.toml", "--out", out, "--no-records"];
    isotherm_in(&root, &[&begin[..], arguments].concat())
}

#[test]
fn an_experiment_without_a_sweep_is_run_until_it_is_precise() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = swept(folder.path(), &["--precision", "response.mean 20%"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("enough-servers: 1 point, each with 5 seeds: 5 runs\n"), "{out}");
    let says = "the 95 % interval of response.mean is within 20 % of the mean\n";
    assert!(out.ends_with(says), "{out}");
    let table = std::fs::read_to_string(folder.path().join("points.csv")).unwrap();
    assert_eq!(table.lines().count(), 6);
}

#[test]
fn what_is_not_precise_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = swept(folder.path(), &["--precision", "invocations.failed 5%"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("within 5 % of the mean at 0 of 1 points"), "{out}");
    let says = "invocations.failed of 5 runs: its mean is 0, of which there are no parts";
    assert!(err.starts_with("not precise: point 0") && err.contains(says), "{err}");
}

#[test]
fn a_precision_that_cannot_be_sought_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], expected: &str| {
        let (code, _, err) = swept(folder.path(), arguments);
        assert_eq!(code, Some(2));
        assert!(err.contains(expected), "{err}");
    };
    refused(&["--precision", "p99"], "write it like \"p99 5%\"");
    refused(&["--precision", "p99 5%", "--shard", "1/2"], "cannot be used with");
    refused(&["--precision", "p98 5%"], "there is no metric `p98`");
}
