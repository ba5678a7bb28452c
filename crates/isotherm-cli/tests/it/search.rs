//! `isotherm search`

use std::path::Path;

use serde_json::json;

use crate::ran::{assert_snapshot, isotherm_in};

const EXAMPLE: &str = "examples/enough-servers.toml";

/// Searches in the example: the exit code, and what went to standard output and to standard error.
fn searched(arguments: &[&str]) -> (Option<i32>, String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    isotherm_in(&root, &[&["search", EXAMPLE], arguments].concat())
}

fn assert_is_documented(output: &str) {
    let page = std::fs::read_to_string("../../docs/searching.md").unwrap();
    assert!(page.contains(output), "docs/searching.md does not have:\n{output}");
}

/// The numbers of Erlang's formula are in the example.
#[test]
fn the_answer_and_the_probes_are_shown() {
    let (code, out, err) = searched(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("platform.nodes.count = 6 is the least value"), "{out}");
    assert_snapshot(&out, "search-queue.txt");
    assert_is_documented(&out);
    let (code, out, _) = searched(&["--json", "--jobs", "1"]);
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer["value"]), (Some(0), &json!(6)));
}

#[test]
fn a_curve_is_shown() {
    let (code, out, err) = searched(&["--curve", "5,6,8,12"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_snapshot(&out, "search-curve.txt");
    assert_is_documented(&out);
    let within = ["--set", "search.within=geom(6, 24, 3)", "--curve", "--json"];
    let (code, out, _) = searched(&within);
    let curve: serde_json::Value = serde_json::from_str(&out).unwrap();
    let values: Vec<_> = curve["points"].as_array().unwrap().iter().map(|p| &p["value"]).collect();
    assert_eq!((code, values), (Some(0), vec![&json!(6), &json!(12), &json!(24)]));
    assert_eq!(curve["points"][2]["measured"][0]["metric"], "response.mean");
    let (code, _, err) = searched(&["--curve", "geom(8, 0, 3)"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("the ends of `geom` must be greater than 0"), "{err}");
}

#[test]
fn no_answer_is_an_answer() {
    let (code, out, err) = searched(&["--set", "search.subject_to=[\"response.p50 < 100ms\"]"]);
    assert_eq!((code, err.as_str()), (Some(1), ""));
    let expected = "no value of platform.nodes.count is known to fulfil the constraints; of those \
                    probed: 5 does not, 20 does not\n";
    assert!(out.starts_with(expected), "{out}");
}

#[test]
fn what_cannot_be_searched_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(Path::new("../..").join(EXAMPLE)).unwrap();
    let none = text.split("[search]").next().unwrap();
    std::fs::write(folder.path().join("queue.toml"), none).unwrap();
    let (code, _, err) = isotherm_in(folder.path(), &["search", "queue.toml"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("has no table `[search]`"), "{err}");
    let (code, _, err) = searched(&["--set", "search.minimize=platform.nodes.cuont"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("cuont"), "{err}");
}
