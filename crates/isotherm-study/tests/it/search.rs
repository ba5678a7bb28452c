//! Searches with a known answer.

use std::path::PathBuf;

use isotherm_experiment::Overrides;
use isotherm_study::search::{Answer, Curve, SearchError, SearchOptions, Verdict, curve, search};
use serde_json::json;
use tempfile::TempDir;

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

fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn answer(text: &str) -> Result<Answer, SearchError> {
    let (_folder, path) = written(text);
    search(&path, &Overrides::default(), &SearchOptions::default())
}

fn searched(more: &str) -> Result<Answer, SearchError> {
    answer(&format!("{QUEUE}{more}"))
}

/// Erlang's formula: the probability to wait is C(c, a) with a = 8, and the mean response time
/// 1 s + C(c, a)/(c - a) s: 1.20 s for c = 10 and 1.08 s for c = 11.
fn mean_response(servers: u32) -> f64 {
    let load = 8.0;
    let term = |n: u32| (1..=n).fold(1.0, |product, k| product * load / f64::from(k));
    let c = f64::from(servers);
    let all = term(servers) * c / (c - load);
    1.0 + all / ((0..servers).map(term).sum::<f64>() + all) / (c - load)
}

#[test]
fn the_number_of_servers_is_that_of_erlang() {
    assert!(mean_response(10) > 1.15 && mean_response(11) < 1.15);
    let answer =
        searched("within = \"9..=24\"\nsubject_to = [\"response.mean < 1150ms\"]\n").unwrap();
    assert_eq!(answer.value, Some(json!(11)));
    assert!(answer.is_monotone && answer.probes.len() <= 6);
    let neighbour = answer.neighbour().unwrap();
    assert_eq!((&neighbour.value, neighbour.verdict), (&json!(10), Verdict::Violated));
}

/// A curve with values of its own: ten runs of 3,200 invocations each. 99.9 % intervals, which are
/// twice as wide, contain what the formula says.
#[test]
fn a_curve_is_that_of_erlang() {
    let more = "within = \"9..=24\"\nsubject_to = [\"mean < 1150ms\", \"mean > 0\"]\n";
    let (_folder, path) = written(&format!("{QUEUE}{more}"));
    let of = |values: &[&str]| -> Curve {
        let options = SearchOptions { jobs: 1, ..SearchOptions::default() };
        curve(&path, &Overrides::default(), values.first().copied(), &options).unwrap()
    };
    let named = of(&["9,12,16"]);
    assert_eq!(
        (named.field.as_str(), named.metrics.as_slice()),
        ("platform.nodes.count", &["mean".to_owned()][..])
    );
    for (point, servers) in named.points.iter().zip([9, 12, 16]) {
        assert_eq!((&point.value, point.runs, &point.failed), (&json!(servers), 10, &None));
        // With 9 servers it takes long until the queue is as long as the formula says.
        if servers == 9 {
            continue;
        }
        let interval = point.measured[0].interval.unwrap();
        let distance = (point.measured[0].mean.unwrap() - mean_response(servers)).abs();
        assert!(distance < 2.0 * interval.half_width(), "{servers}: {point:?}");
    }
    let verdicts = named.points.iter().map(|point| point.verdict).collect::<Vec<_>>();
    assert_eq!(verdicts, [Verdict::Violated, Verdict::Met, Verdict::Met]);
}

/// Invocations at a rate of 1/min with bodies of no length find the only container cold if the last
/// one was longer ago than it is kept: with a probability of exp(-t/1min), which is 10 % at t =
/// ln 10 min = 138.2 s.
#[test]
fn a_keep_alive_is_that_of_exponential_gaps() {
    let text = r#"
name = "gaps"
service = { keep_alive = { kind = "fixed", idle = "1s" }, startup = "0s" }
workload = [{ kind = "poisson", function = "job", rate = "1/min", until = "2d" }]
[platform]
nodes = { count = 1, cores = 8, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "0s" }
[[function]]
name = "job"
limits = { time = "1min", memory = "512MB" }
body = [{ sleep = "0s" }]
[search]
minimize = "service.keep_alive.idle"
subject_to = ["cold_share < 10%"]
"#;
    let exact = 60.0 * std::f64::consts::LN_10;
    let found = |more: &str| {
        let answer = answer(&format!("{text}{more}")).unwrap();
        assert!(answer.is_monotone && answer.probes.len() <= 30);
        let seconds = |value: &serde_json::Value| -> f64 {
            value.as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap()
        };
        let neighbour = answer.neighbour().unwrap();
        assert_ne!(neighbour.verdict, Verdict::Met);
        (seconds(&answer.value.clone().unwrap()), seconds(&neighbour.value))
    };
    let (least, before) = found("within = \"0s..=1h\"\nresolution = \"10s\"\n");
    assert_eq!((least, before), (140.0, 130.0));
    // Of 80 runs with 2,880 invocations the standard error is 0.06 % of a share, or 0.4 s.
    let (least, before) = found("within = \"0s..=1h\"\n");
    assert!(least >= exact && least < 1.05 * exact, "{least}");
    assert!(before < least && least < 1.012 * before, "{before} {least}");
}

/// Bodies of 1 s on average have 100 ms. Those that end in time make a mean of 50 ms.
#[test]
fn what_does_not_complete_takes_for_ever() {
    let timed = QUEUE.replace("time = \"unlimited\"", "time = \"100ms\"");
    let answer =
        answer(&format!("{timed}within = [20, 24]\nsubject_to = [\"p50 < 1s\"]\n")).unwrap();
    assert_eq!(answer.value, None);
    for probe in &answer.probes {
        let measured = &probe.measured[0];
        assert_eq!((probe.verdict, probe.runs), (Verdict::Violated, 10));
        assert_eq!((measured.is_infinite, measured.mean), (true, None));
    }
}

/// Two servers need 160 s for 40 s of arrivals, and 24 servers little more than these.
#[test]
fn a_run_that_fails_violates() {
    let limited =
        QUEUE.replace("400s", "40s").replace("[platform]", "limits.time = \"80s\"\n[platform]");
    let more = "within = [2, 24]\nsubject_to = [\"completed_share > 0\"]\n";
    let answer = answer(&format!("{limited}{more}")).unwrap();
    assert_eq!(answer.value, Some(json!(24)));
    let neighbour = answer.neighbour().unwrap();
    assert_eq!((neighbour.verdict, neighbour.runs), (Verdict::Violated, 10));
    assert!(neighbour.failed.as_ref().unwrap().contains("time limit"), "{neighbour:?}");
}

#[test]
fn constraints_that_nothing_fulfils_are_an_answer() {
    let answer =
        searched("within = \"9..=12\"\nsubject_to = [\"response.p50 < 100ms\"]\n").unwrap();
    assert_eq!((answer.value, answer.probes.len()), (None, 2));
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let refused = |more: &str| searched(more).unwrap_err().to_string();
    let unknown = refused("within = \"9..=12\"\nsubject_to = [\"respnse.p50 < 1s\"]\n");
    assert!(unknown.starts_with("error: there is no metric `respnse.p50`"), "{unknown}");
    assert!(unknown.contains("subject_to = [\"respnse.p50 < 1s\"]"), "{unknown}");
    let range = refused("within = \"12..=9\"\nsubject_to = [\"response.p50 = 1s\"]\n");
    assert!(range.contains("there is nothing from 12 to 9"), "{range}");
    assert!(range.contains("this is no constraint"), "{range}");
    let seeds = QUEUE.replace("platform.nodes.count", "seed");
    let seeds = answer(&format!("{seeds}{FEW}")).unwrap_err().to_string();
    assert!(seeds.contains("`seed` cannot be searched"), "{seeds}");
    let overrides = Overrides::default().with_seed(u64::MAX - 78);
    let (_folder, path) = written(&format!("{QUEUE}{FEW}"));
    let seeds = search(&path, &overrides, &SearchOptions::default()).unwrap_err().to_string();
    assert!(seeds.contains("there are not 80 seeds from"), "{seeds}");
}

/// Constraints that are met at once.
const FEW: &str = "within = [20, 24]\nsubject_to = [\"cold_share < 99%\"]\n";

/// What is wrong is shown where the file says it, not as an option of the command.
#[test]
fn a_field_that_is_not_there_is_shown_in_the_search() {
    let text = QUEUE.replace("nodes.count\"", "nodes.banana\"");
    let error = answer(&format!("{text}{FEW}")).unwrap_err().to_string();
    assert!(error.contains("study.toml:") && !error.contains("--set"), "{error}");
    assert!(error.contains("minimize = \"platform.nodes.banana\""), "{error}");
    assert!(error.contains("unknown field `banana`"), "{error}");
}

#[test]
fn a_search_is_for_one_point_of_a_sweep() {
    let of = |sweep: &str, overrides: &Overrides| {
        let (_folder, path) = written(&format!("{QUEUE}{FEW}[sweep]\n{sweep}"));
        search(&path, overrides, &SearchOptions::default())
            .map(|answer| answer.value.unwrap())
            .map_err(|error| error.to_string())
    };
    let none = Overrides::default();
    let startup = "service.startup = [\"1s\", \"2s\"]\nrepeat = 3\n";
    assert_eq!(
        of(startup, &none).unwrap_err(),
        "the experiment has 2 points, and a search is for one of them: choose it with `--set \
         service.startup=…`"
    );
    assert_eq!(of(startup, &none.clone().with("service.startup", "1s")), Ok(json!(20)));
    assert_eq!(of("repeat = 3\n", &none), Ok(json!(20)));
    // The search chooses the value of this axis.
    assert_eq!(of("platform.nodes.count = [9, 12]\n", &none), Ok(json!(20)));
}

#[test]
fn bounds_have_the_unit_of_their_metric() {
    let of = |constraint: &str| {
        searched(&format!("within = [24]\nsubject_to = [\"{constraint}\"]\n"))
            .map(|answer| answer.value.is_some())
            .map_err(|error| error.to_string())
    };
    for right in ["starts.cold < 100000", "response.max > 0", "cold_share < 0.99", "mean < 1h"] {
        assert_eq!(of(right), Ok(true), "{right}");
    }
    assert_eq!(of("wasted_memory < 1e12"), Ok(true));
    for (wrong, hint) in [
        ("starts.cold < 10s", "it is a number without a unit"),
        ("starts.cold < 10%", "it is a number without a unit"),
        ("wasted_memory < 10s", "it is a number without a unit"),
        ("response.max < 40%", "it is a duration"),
        ("response.max < 40", "it is a duration"),
        ("cold_share < 1s", "it is a share"),
    ] {
        let error = of(wrong).unwrap_err();
        assert!(error.contains("this is no bound for") && error.contains(hint), "{error}");
    }
}

/// Nothing is cut off without a time limit, and of what is not there nothing is too much.
#[test]
fn what_does_not_occur_is_not_too_much() {
    let of = |constraint: &str| {
        let more = format!("within = [24]\nsubject_to = [\"{constraint}\"]\n");
        // Containers are there by then.
        let text = QUEUE.replace("[platform]", "measure = { from = \"399s\" }\n[platform]");
        answer(&format!("{text}{more}")).map_err(|error| error.to_string())
    };
    assert_eq!(of("causes.time_limit < 3").unwrap().value, Some(json!(24)));
    assert_eq!(of("response_of_completed.cold.p99_s < 1ns").unwrap().value, Some(json!(24)));
    assert_eq!(of("cold_start_mean.queue_s > 1s").unwrap().value, None);
    assert!(of("causes.time_limt < 3").unwrap_err().contains("`causes.time_limit`"));
}

/// The last arrivals are at 400 s.
#[test]
fn of_nothing_measured_nothing_is_known() {
    let text = QUEUE.replace("[platform]", "measure = { from = \"1h\" }\n[platform]");
    let more = "within = [20, 24]\nsubject_to = [\"response.p99 < 1us\"]\n";
    let error = answer(&format!("{text}{more}")).unwrap_err().to_string();
    let expected = "nothing is measured with platform.nodes.count = 24: no invocation of its 10";
    assert!(error.starts_with(expected), "{error}");
}
