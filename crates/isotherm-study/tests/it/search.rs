//! Searches with a known answer.

use std::path::PathBuf;

use isotherm_experiment::Overrides;
use isotherm_study::search::{Answer, SearchError, Verdict, search};

/// A queue M/M/c: 8 arrivals a second, bodies of 1 s on average, nodes of one slot, and nothing
/// else that takes time once there are containers.
const QUEUE: &str = r#"
name = "queue"
service = { scheduler = "fcfs", keep_alive = "forever", startup = "0s" }
workload = [{ kind = "poisson", function = "job", rate = "8/s", until = "400s" }]
[platform]
nodes = { count = 1, cores = 1, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "0s" }
[[function]]
name = "job"
limits = { time = "unlimited", memory = "512MB" }
body = [{ sleep = { kind = "exponential", mean = "1s" } }]
[search]
minimize = "platform.nodes.count"
"#;

fn searched(more: &str) -> Result<Answer, SearchError> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("queue.toml");
    std::fs::write(&path, format!("{QUEUE}{more}")).unwrap();
    search(&path, &Overrides::default())
}

/// Erlang's formula: the probability to wait is C(c, a) with a = 8, and the mean response time
/// 1 s + C(c, a)/(c - a) s: 1.20 s for c = 10 and 1.08 s for c = 11.
#[test]
fn the_number_of_servers_is_that_of_erlang() {
    let response = |servers: u32| {
        let load = 8.0;
        let term = |n: u32| (1..=n).fold(1.0, |product, k| product * load / f64::from(k));
        let c = f64::from(servers);
        let all = term(servers) * c / (c - load);
        1.0 + all / ((0..servers).map(term).sum::<f64>() + all) / (c - load)
    };
    assert!(response(10) > 1.15 && response(11) < 1.15);
    let answer =
        searched("within = \"9..=24\"\nsubject_to = [\"response.mean < 1150ms\"]\n").unwrap();
    assert_eq!(answer.value, Some(11));
    assert!(answer.is_monotone && answer.probes.len() <= 6);
    let neighbour = answer.probes.iter().find(|probe| probe.value == 10).unwrap();
    assert_eq!(neighbour.verdict, Verdict::Violated);
}

#[test]
fn constraints_that_nothing_fulfils_are_an_answer() {
    let answer =
        searched("within = \"9..=12\"\nsubject_to = [\"response.p50 < 100ms\"]\n").unwrap();
    assert_eq!((answer.value, answer.probes.len()), (None, 1));
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let refused = |more: &str| searched(more).unwrap_err().to_string();
    let unknown = refused("within = \"9..=12\"\nsubject_to = [\"respnse.p50 < 1s\"]\n");
    assert!(unknown.starts_with("in `respnse.p50 < 1s`: there is no metric"), "{unknown}");
    let range = refused("within = \"12..=9\"\nsubject_to = [\"response.p50 = 1s\"]\n");
    assert!(range.contains("a search cannot have this range"), "{range}");
    assert!(range.contains("this is no constraint"), "{range}");
    let swept = refused(
        "within = \"9..=12\"\nsubject_to = [\"cold_share < 1%\"]\n[sweep]\nseed = [1, 2]\n",
    );
    assert!(swept.contains("has a `[sweep]`"), "{swept}");
}
