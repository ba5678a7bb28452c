//! `isotherm search`

use crate::ran::{assert_snapshot, isotherm_in};

/// A queue M/M/c with 4 arrivals a second and bodies of 1 s on average: without waiting an answer
/// takes 1 s. By Erlang's formula it takes 1.55 s with 5 servers and 1.14 s with 6.
const QUEUE: &str = r#"
name = "queue"
service = { scheduler = "fcfs", keep_alive = "forever", startup = "0s" }
workload = [{ kind = "poisson", function = "job", rate = "4/s", until = "500s" }]
[platform]
nodes = { count = 5, cores = 1, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "0s" }
[[function]]
name = "job"
limits = { time = "unlimited", memory = "512MB" }
body = [{ sleep = { kind = "exponential", mean = "1s" } }]
"#;

/// The exit code, and what went to standard output and to standard error.
fn searched(more: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("queue.toml"), format!("{QUEUE}{more}")).unwrap();
    isotherm_in(folder.path(), &[&["search", "queue.toml"], arguments].concat())
}

const SEARCH: &str = "[search]\nminimize = \"platform.nodes.count\"\nwithin = \"5..=20\"\n";

#[test]
fn the_answer_and_the_probes_are_shown() {
    let search = format!("{SEARCH}subject_to = [\"response.mean < 1300ms\"]\n");
    let (code, out, err) = searched(&search, &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("platform.nodes.count = 6 is the least value"), "{out}");
    assert_snapshot(&out, "search-queue.txt");
    let (code, out, _) = searched(&search, &["--json"]);
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer["value"]), (Some(0), &serde_json::json!(6)));
}

#[test]
fn no_answer_is_an_answer() {
    let search = format!("{SEARCH}subject_to = [\"response.p50 < 100ms\"]\n");
    let (code, out, err) = searched(&search, &[]);
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert!(out.starts_with("no value of platform.nodes.count in the range fulfils"), "{out}");
}

#[test]
fn what_cannot_be_searched_is_told() {
    let (code, _, err) = searched("", &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("has no table `[search]`"), "{err}");
    let unknown = "[search]\nminimize = \"platform.nodes.cuont\"\nwithin = \"5..=20\"\n\
                   subject_to = [\"cold_share < 1%\"]\n";
    let (code, _, err) = searched(unknown, &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("cuont"), "{err}");
}
