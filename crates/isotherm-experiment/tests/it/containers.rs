//! What becomes of containers and images, seen on small experiments whose numbers are derived by
//! hand.

use std::collections::BTreeMap;

use crate::common::{parsed, rows, run};

/// The records of a run, a table for each, in the order of submission.
fn records(experiment: &str) -> Vec<BTreeMap<String, String>> {
    let folder = tempfile::tempdir().unwrap();
    run(&parsed(experiment), folder.path());
    let mut records = rows(folder.path(), "invocations.csv");
    records.sort_by_key(|record| record["id"].parse::<u64>().unwrap());
    records
}

fn column(records: &[BTreeMap<String, String>], name: &str) -> Vec<String> {
    records.iter().map(|record| record[name].clone()).collect()
}

fn numbers(records: &[BTreeMap<String, String>], name: &str) -> Vec<Option<f64>> {
    records.iter().map(|record| record[name].parse().ok()).collect()
}

/// One node; `memory` of it, and what stands in `[service]` and after it.
fn on_one_node(node: &str, service: &str, rest: &str) -> String {
    format!(
        r#"
name = "small"
[platform]
nodes = {{ count = 1, cores = 8, {node} }}
head = {{ cores = 8, disk = {{ read = "100GB/s", write = "100GB/s" }} }}
network = {{ node = "1000Gb/s", latency = "0s" }}
[service]
{service}
{rest}"#
    )
}

/// A function that sleeps longer than it may, and one that writes more than it may; each twice, ten
/// seconds apart.
const FAILING: &str = r#"
[[function]]
name = "slow"
limits = { time = "3s", memory = "200MB" }
body = [{ sleep = "9s" }]
[[function]]
name = "fills"
limits = { time = "30s", memory = "200MB", disk = "10MB" }
body = [{ write = "20MB" }]
[[workload]]
kind = "list"
arrivals = [{ at = "0s", function = "slow" }, { at = "0s", function = "fills" }, { at = "10s", function = "slow" }, { at = "10s", function = "fills" }]
"#;

#[test]
fn containers_of_failed_invocations_serve_again_or_do_not() {
    let node = r#"memory = "1GB", disk = { read = "1GB/s", write = "1GB/s" }"#;
    let (cold, warm) = ("cold", "warm");
    for (preset, rule, kinds) in [
        ("default", "", [cold, warm]),
        ("default", "on_failure = \"keep\"", [warm, warm]),
        ("default", "on_failure = \"discard\"", [cold, cold]),
        ("default", "on_failure = { error = \"discard\" }", [cold, cold]),
        ("default", "on_failure = { timeout = \"keep\", error = \"discard\" }", [warm, cold]),
        ("wrench", "", [warm, warm]),
        ("wrench", "on_failure = { timeout = \"discard\" }", [cold, warm]),
    ] {
        let service = format!(
            "startup = \"1s\"\nkeep_alive = {{ kind = \"fixed\", idle = \"60s\" }}\n{rule}"
        );
        let records =
            records(&format!("preset = \"{preset}\"\n{}", on_one_node(node, &service, FAILING)));
        assert_eq!(
            column(&records, "cause"),
            ["time_limit", "storage_full", "time_limit", "storage_full"]
        );
        assert_eq!(
            column(&records, "start_kind"),
            [cold, cold, kinds[0], kinds[1]],
            "{preset}: {rule}"
        );
    }
    // A function's own rule: what it does not say is said by the service.
    let own = FAILING.replace(
        "body = [{ sleep = \"9s\" }]",
        "body = [{ sleep = \"9s\" }]\non_failure = { error = \"keep\" }",
    );
    let own = own.replace(
        "body = [{ write = \"20MB\" }]",
        "body = [{ write = \"20MB\" }]\non_failure = \"keep\"",
    );
    let records = records(&on_one_node(node, "startup = \"1s\"\non_failure = \"discard\"", &own));
    assert_eq!(column(&records, "start_kind"), [cold, cold, cold, warm]);
}

#[test]
fn what_a_container_held_is_free_when_it_is_discarded() {
    // There is room for one container, and one core. The second invocation waits from 1 s on; the
    // first is killed at 1 + 3 s. The start-up takes 1 s, and the file of 200 MB can be written
    // only if the disk is free.
    let rest = r#"
[[function]]
name = "slow"
limits = { time = "3s", memory = "200MB", disk = "200MB" }
body = [{ write = "100MB" }, { sleep = "9s" }]
[[function]]
name = "next"
limits = { time = "30s", memory = "200MB", disk = "200MB" }
body = [{ write = "200MB" }]
[[workload]]
kind = "list"
arrivals = [{ at = "0s", function = "slow" }, { at = "1s", function = "next" }, { at = "20s", function = "slow" }]
"#;
    let node = r#"memory = "300MB", disk = { read = "1GB/s", write = "1GB/s", size = "300MB" }"#;
    for rule in ["", "on_failure = \"keep\"", "keep_alive = \"forever\""] {
        let records = records(&on_one_node(node, &format!("startup = \"1s\"\n{rule}"), rest));
        assert_eq!(column(&records, "outcome"), ["timed_out", "completed", "timed_out"]);
        assert_eq!(numbers(&records, "dispatched_s"), [Some(0.0), Some(4.0), Some(20.0)], "{rule}");
        assert_eq!(numbers(&records, "ended_s"), [None, Some(5.2), None], "{rule}");
    }
}

/// A function with such a limit and another one, of a service with a concurrency of 10; two
/// invocations of each.
fn stopped(service: &str, limit: &str) -> String {
    let rest = format!(
        r#"
[[function]]
name = "stopped"
{limit}
limits = {{ time = "3s", memory = "200MB" }}
body = [{{ sleep = "1s" }}]
[[function]]
name = "other"
limits = {{ time = "3s", memory = "200MB" }}
body = [{{ sleep = "1s" }}]
[[workload]]
kind = "list"
function = "stopped"
at = ["0s", "5s"]
[[workload]]
kind = "list"
function = "other"
at = ["0s", "5s"]
"#
    );
    on_one_node(r#"memory = "1GB", disk = { read = "1GB/s", write = "1GB/s" }"#, service, &rest)
}

#[test]
fn a_function_of_which_none_may_run_is_rejected() {
    for limit in ["reserved_concurrency = 0", "max_concurrency = 0"] {
        for service in [
            "max_concurrency = 10\nthrottle = \"reject\"",
            "max_concurrency = 10\nthrottle = \"queue\"",
            "",
        ] {
            let records = records(&stopped(service, limit));
            for record in records {
                let rejected = record["function"] == "stopped";
                let expected = if rejected {
                    ("rejected", "throttled", "")
                } else {
                    ("completed", "", "node0")
                };
                let seen = (&*record["outcome"], &*record["cause"], &*record["node"]);
                assert_eq!(seen, expected, "{limit}, {service}");
            }
        }
    }
    let records = records(&stopped("max_concurrency = 0", "reserved_concurrency = 0"));
    assert_eq!(column(&records, "outcome"), ["rejected"; 4], "there are no places at all");
}

/// So many images of 1 MB on a node that has room for so many on its disk, and for all in memory,
/// invoked with a Zipf popularity; how many copies there were.
fn copies(image_eviction: &str, invocations: usize) -> (usize, Vec<usize>) {
    let mut rest = String::new();
    for number in 0..30 {
        rest += &format!(
            "[[image]]\nname = \"i{number}\"\nsize = \"1MB\"\n[[function]]\nname = \"f{number}\"\nimage = \"i{number}\"\n\
             limits = {{ time = \"unlimited\", memory = \"1MB\" }}\nbody = [{{ sleep = \"1us\" }}]\n"
        );
    }
    rest += &format!(
        "[[workload]]\nkind = \"uniform\"\nfunctions = \"all\"\npopularity = 0.8\nrate = \"1.0/s\"\ncount = {invocations}\n"
    );
    let node = r#"memory = "1TB", disk = { read = "100GB/s", write = "100GB/s", size = "10MB" }"#;
    let service = format!(
        "keep_alive = \"none\"\nsimulate_downloads = false\nimage_eviction = \"{image_eviction}\""
    );
    let records = records(&on_one_node(node, &service, &rest));
    let copies = numbers(&records, "copy_wait_s")
        .iter()
        .filter(|wait| wait.is_some_and(|wait| wait > 0.0))
        .count();
    let functions =
        column(&records, "function").iter().map(|name| name[1..].parse().unwrap()).collect();
    (copies, functions)
}

#[test]
fn least_recently_used_images_go_although_all_are_in_memory() {
    let (lru, trace) = copies("lru", 1000);
    let (fifo, same) = copies("fifo", 1000);
    assert_eq!(trace, same, "the same invocations");
    // By lists: the first goes; under LRU a use takes an image to the end.
    let misses = |uses_count: bool| {
        let (mut cache, mut misses) = (Vec::new(), 0);
        for image in &trace {
            match cache.iter().position(|held| held == image) {
                Some(place) if uses_count => {
                    let image = cache.remove(place);
                    cache.push(image);
                }
                Some(_) => {}
                None => {
                    misses += 1;
                    cache.push(*image);
                    if cache.len() > 10 {
                        cache.remove(0);
                    }
                }
            }
        }
        misses
    };
    assert_eq!((lru, fifo), (misses(true), misses(false)));
    assert!(lru < fifo, "so recency is worth something here");
}

#[test]
fn reuse_with_concurrency_goes_by_the_last_dispatch() {
    // Three places a container. Four come at once: three in the first container, one in the second.
    // From 1 s on the first has a place, and the second has two. The two that come at 2 s fill the
    // second one if it was used last or is the newest. At 3 s only the first has a place then, so
    // at 5 s, when both have, it is the one that was used last; both have served somebody all the
    // time.
    let rest = r#"
[[function]]
name = "f"
concurrency = 3
limits = { time = "unlimited", memory = "1MB" }
[[workload]]
kind = "list"
arrivals = [
    { at = "0s", function = "f", body = [{ sleep = "1s" }] },
    { at = "0s", function = "f", body = [{ sleep = "4.5s" }] },
    { at = "0s", function = "f", body = [{ sleep = "20s" }] },
    { at = "0s", function = "f", body = [{ sleep = "20s" }] },
    { at = "2s", function = "f", body = [{ sleep = "2s" }] },
    { at = "2s", function = "f", body = [{ sleep = "20s" }] },
    { at = "3s", function = "f", body = [{ sleep = "20s" }] },
    { at = "5s", function = "f", body = [{ sleep = "1s" }] },
]
"#;
    let node = r#"disk = { read = "1GB/s", write = "1GB/s" }"#;
    for (reuse, later) in [
        ("most-recently-used", [1, 1, 0, 0]),
        ("least-recently-used", [0, 1, 1, 0]),
        ("newest", [1, 1, 0, 1]),
        ("oldest", [0, 1, 1, 0]),
    ] {
        let service = format!("slots = \"unlimited\"\nreuse = \"{reuse}\"");
        let containers = column(&records(&on_one_node(node, &service, rest)), "container");
        let expected =
            [[0, 0, 0, 1], later].concat().iter().map(u32::to_string).collect::<Vec<_>>();
        assert_eq!(containers, expected, "{reuse}");
    }
}

#[test]
fn random_reuse_depends_on_the_seed_alone() {
    let rest = r#"
[[function]]
name = "f"
limits = { time = "unlimited", memory = "1MB" }
[[workload]]
kind = "poisson"
function = "f"
rate = "8/s"
count = 200
duration = { kind = "exponential", mean = "900ms" }
"#;
    let node = r#"disk = { read = "1GB/s", write = "1GB/s" }"#;
    let containers = |seed: u64, reuse: &str| {
        let service = format!("slots = \"unlimited\"\nreuse = \"{reuse}\"");
        column(
            &records(&format!("seed = {seed}\n{}", on_one_node(node, &service, rest))),
            "container",
        )
    };
    assert_eq!(containers(1, "random"), containers(1, "random"));
    assert_ne!(containers(1, "random"), containers(2, "random"));
    assert_ne!(containers(1, "random"), containers(1, "oldest"));
}

/// An input of 10 MB comes over the user's link and the node's before the body begins; an output of
/// 20 MB goes back over the node's before the invocation ends. Of 1 and of 10 Gb/s, 0.97 carry
/// data. The second invocation finds its container warm.
#[test]
fn inputs_and_outputs_take_their_time() {
    let experiment = r#"
name = "sizes"
[platform]
nodes = { count = 1, cores = 1, memory = "16GB", disk = { read = "2GB/s", write = "1GB/s", size = "1TB" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s", size = "1TB" } }
network = { node = "10Gbps", latency = "0s", repository = "1Gbps" }
[service]
startup = "500ms"
[[function]]
name = "resize"
limits = { time = "1s", memory = "1GB" }
input_size = "10MB"
output_size = "20MB"
body = [{ sleep = "1s" }]
[[workload]]
kind = "list"
function = "resize"
at = ["10s", "20s"]
"#;
    let records = records(experiment);
    let (request, input, output) = (10e6 / 121.25e6, 10e6 / 1.2125e9, 20e6 / 1.2125e9);
    for (record, (at, startup)) in records.iter().zip([(10.0, 0.5), (20.0, 0.0)]) {
        let started = at + request + startup + input;
        let expected = [
            ("submitted_s", at + request),
            ("dispatched_s", at + request),
            ("started_s", started),
            ("ended_s", started + 1.0),
            ("response_s", startup + input + 1.0 + output),
        ];
        for (name, date) in expected {
            let found: f64 = record[name].parse().unwrap();
            assert!((found - date).abs() < 1e-8, "{name}: {found}, not {date}");
        }
    }
    assert_eq!(column(&records, "outcome"), ["completed", "completed"]);
}
