//! `isotherm explain`

use crate::ran::{assert_snapshot, examples, isotherm_in};

fn isotherm(arguments: &[&str]) -> (Option<i32>, String, String) {
    isotherm_in(&examples(), arguments)
}

#[test]
fn an_invocation_of_the_quickstart() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().to_str().unwrap();
    let (code, _, err) = isotherm(&["run", "quickstart.toml", "--quiet", "--out", results]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let explained = |number: &str| isotherm(&["explain", results, "--invocation", number]);
    let (code, out, err) = explained("0");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_snapshot(&out, "explain-quickstart.txt");
    let (code, out, err) = explained("999999999");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: there is no invocation 999999999: "), "{err}");
    std::fs::remove_file(folder.path().join("manifest.toml")).unwrap();
    let (code, _, err) = explained("0");
    assert_eq!(code, Some(2));
    assert!(err.contains("has no `manifest.toml`"), "{err}");
}
