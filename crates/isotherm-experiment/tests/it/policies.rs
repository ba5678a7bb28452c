//! What each policy is for, seen on whole workloads: not numbers, but which policy has fewer cold
//! starts, nodes or idle memory than which other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::common::{self, columns, parsed};
use isotherm_experiment::RunReport;

/// A workload, and a platform on which it is played.
#[derive(Clone, Copy)]
struct Workload {
    name: &'static str,
    nodes: usize,
    memory: &'static str,
    /// Its fields in the experiment; without any it is one of those in `tests/workloads/`.
    fields: &'static str,
}

/// Thirty functions that are invoked equally often, 50 times a second together; nodes have room for
/// everything.
const NARROW: Workload = Workload { name: "narrow", nodes: 10, memory: "16GB", fields: "" };

/// Thirty functions, of which the first is invoked most often by far.
const SKEWED: Workload = Workload { name: "skewed", ..NARROW };

/// A thousand functions, 500 invocations a second.
const WIDE: Workload = Workload { name: "wide", nodes: 40, memory: "32GB", fields: "" };

/// Apps as on Azure Functions.
const AZURE_LIKE: Workload = Workload {
    name: "azure-like",
    fields: r#"
[[workload]]
kind = "azure-like"
apps = 60
sigma = 0.5
until = "2h"
"#,
    ..NARROW
};

/// One function that a timer invokes three times an hour.
const TIMER: Workload = Workload {
    name: "timer",
    fields: r#"
[[function]]
name = "tick"
limits = { time = "1d", memory = "256MB" }
body = [{ sleep = "1s" }]
[[workload]]
kind = "uniform"
function = "tick"
rate = "3/h"
until = "3d"
"#,
    ..NARROW
};

/// One function that a timer invokes every six hours.
const SELDOM: Workload = Workload {
    name: "seldom",
    fields: r#"
[[function]]
name = "tick"
limits = { time = "1d", memory = "256MB" }
body = [{ sleep = "1s" }]
[[workload]]
kind = "uniform"
function = "tick"
rate = "4/d"
until = "20d"
"#,
    ..NARROW
};

impl Workload {
    /// The experiment that plays it under some fields of `[service]`.
    fn experiment(&self, service: &str) -> String {
        let Workload { name, nodes, memory, .. } = self;
        let disk = r#"disk = { read = "1GB/s", write = "1GB/s" }"#;
        let fields = match self.fields {
            "" => {
                let files =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workloads").join(name);
                let files = files.display();
                format!(
                    r#"
[functions]
csv = '{files}_functions.csv'
columns = {{ name = "function", memory = "memory_mb", startup = "cold_start_s" }}
limits = {{ time = "1d" }}
[[workload]]
kind = "csv"
file = '{files}_requests.csv.gz'
columns = {{ arrival = "arrival_s", function = "function", duration = "duration_s" }}
"#
                )
            }
            fields => fields.to_owned(),
        };
        format!(
            r#"
name = "{name}"
seed = 1
[platform]
nodes = {{ count = {nodes}, cores = 16, memory = "{memory}", {disk} }}
head = {{ cores = 1, {disk} }}
network = {{ node = "10Gb/s", latency = "50us" }}
[service]
slots = "unlimited"
startup = "500ms"
{service}
{fields}"#
        )
    }
}

struct Run {
    report: RunReport,
    /// How many nodes served.
    nodes: usize,
}

impl Run {
    fn cold(&self) -> u64 {
        self.report.summary.starts.cold
    }

    fn idle(&self) -> f64 {
        self.report.utilisation.as_ref().unwrap().container_memory.idle_mb_s
    }
}

/// Runs a workload under some fields of `[service]`.
fn run(workload: Workload, service: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let report = common::run(&parsed(&workload.experiment(service)), folder.path());
    let invocations = report.summary.invocations;
    assert_eq!(invocations.completed, invocations.total, "nobody is lost");
    let nodes: BTreeSet<_> = columns(folder.path(), ["node"]).into_iter().collect();
    Run { report, nodes: nodes.len() }
}

fn placed(workload: Workload, scheduler: &str) -> Run {
    run(
        workload,
        &format!("keep_alive = {{ kind = \"fixed\", idle = \"20s\" }}\nscheduler = {scheduler}"),
    )
}

/// There is room for all on less than half of the nodes: rules that pack need no more than these,
/// rules that spread use all.
#[test]
fn packing_uses_few_nodes_and_spreading_uses_all() {
    let (packing, spreading) =
        (["first-fit", "most-loaded"], ["least-loaded", "round-robin", "power-of-two", "random"]);
    // With a thousand functions it takes long to check the books after every event, so one rule of
    // each has to do.
    let all = [
        (NARROW, &packing[..], &spreading[..]),
        (SKEWED, &packing, &spreading),
        (WIDE, &packing[..1], &spreading[..1]),
    ];
    for (workload, packing, spreading) in all {
        let name = workload.name;
        for kind in packing {
            let packed = placed(workload, &format!("\"{kind}\"")).nodes;
            assert!(2 * packed < workload.nodes, "{name}: {kind} uses {packed} nodes");
        }
        for kind in spreading {
            assert_eq!(
                placed(workload, &format!("\"{kind}\"")).nodes,
                workload.nodes,
                "{name}: {kind}"
            );
        }
    }
}

/// With room for all, a scheduler that looks for idle containers on all nodes has a cold start only
/// if there is none at all, whatever node it would choose. A scheduler that chooses a node first
/// misses idle containers on other nodes, but fewer if a function has its home on few nodes.
#[test]
fn looking_for_idle_containers_everywhere_avoids_cold_starts() {
    for workload in [NARROW, SKEWED, AZURE_LIKE] {
        let name = workload.name;
        let everywhere = placed(workload, "\"warm-first\"").cold();
        for kind in ["first-fit", "most-loaded", "least-loaded", "round-robin", "power-of-two"] {
            assert_eq!(
                placed(workload, &format!("\"{kind}\"")).cold(),
                everywhere,
                "{name}: {kind}"
            );
        }
        let at_home = placed(workload, "\"hash-affinity\"").cold();
        assert!(everywhere < at_home, "{name}: {everywhere} and {at_home}");
        for blind in ["\"random\"", "{ kind = \"round-robin\", prefer_warm = false }"] {
            let cold = placed(workload, blind).cold();
            assert!(at_home < cold, "{name}: {blind}: {at_home} and {cold}");
        }
    }
}

/// Two functions with bodies and start-ups that are drawn, more than the node has room for.
const DRAWN: Workload = Workload {
    name: "drawn",
    nodes: 3,
    memory: "1GB",
    fields: r#"
[[function]]
name = "f"
limits = { time = "1d", memory = "300MB" }
startup = { kind = "exponential", mean = "2s" }
body = [{ sleep = { kind = "exponential", mean = "3s" } }]
[[function]]
name = "g"
limits = { time = "1d", memory = "400MB" }
startup = { kind = "uniform", low = "1s", high = "9s" }
body = [{ sleep = { kind = "exponential", mean = "1s" } }]
[[workload]]
kind = "poisson"
functions = ["f", "g"]
rate = "1/s"
until = "5min"
"#,
};

/// Date of submission, start-up if it was cold, and duration of the body of each invocation, by its
/// function and its number.
fn drawn(service: &str) -> BTreeMap<(String, usize), (String, Option<String>, String)> {
    let folder = tempfile::tempdir().unwrap();
    common::run(&parsed(&DRAWN.experiment(service)), folder.path());
    let names = ["id", "function", "submitted_s", "startup_s", "execution_s", "start_kind"];
    // Records stand in the order in which invocations ended.
    let mut rows: Vec<_> = columns(folder.path(), names)
        .into_iter()
        .map(|[id, rest @ ..]| (id.parse::<u64>().unwrap(), rest))
        .collect();
    rows.sort();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    rows.into_iter()
        .map(|(_, [function, submitted, startup, execution, kind])| {
            let count = counts.entry(function.clone()).or_default();
            *count += 1;
            ((function, *count), (submitted, (kind == "cold").then_some(startup), execution))
        })
        .collect()
}

/// What is drawn for an invocation does not depend on policies, on those that draw themselves
/// neither: the n-th invocation of a function comes at the same date, has the same body, and where
/// it is cold the same start-up.
#[test]
fn the_nth_invocation_meets_the_same_chance_under_every_policy() {
    // Without any containers kept, all start-ups are there.
    let all = drawn("keep_alive = \"none\"");
    assert!(all.len() > 200 && all.values().all(|(_, startup, _)| startup.is_some()));
    let mut warm = BTreeSet::new();
    for service in [
        "",
        "scheduler = \"fcfs\"",
        "scheduler = \"random\"",
        "scheduler = \"power-of-two\"",
        "scheduler = { kind = \"power-of-two\", prefer_warm = false }\neviction = \"greedy-dual\"",
        "scheduler = \"workload-balancing\"",
        "keep_alive = { kind = \"fixed\", idle = \"1s\" }",
        "keep_alive = \"forever\"",
    ] {
        let other = drawn(service);
        assert!(other.keys().eq(all.keys()), "{service}");
        for (which, (submitted, startup, execution)) in &other {
            let expected = &all[which];
            assert_eq!((submitted, execution), (&expected.0, &expected.2), "{service}: {which:?}");
            if startup.is_some() {
                assert_eq!(*startup, expected.1, "{service}: {which:?}");
            }
        }
        warm.insert(other.values().filter(|(_, startup, _)| startup.is_none()).count());
    }
    assert!(warm.len() > 4 && !warm.contains(&0), "policies make a difference: {warm:?}");
}

/// To keep containers for longer costs idle memory and saves cold starts; without it all starts are
/// cold.
#[test]
fn keeping_containers_for_longer_buys_warm_starts_with_memory() {
    for workload in [NARROW, SKEWED, AZURE_LIKE] {
        let kept = |policy: &str| {
            run(workload, &format!("scheduler = \"warm-first\"\nkeep_alive = {policy}"))
        };
        let runs = ["\"none\"", "\"1s\"", "\"3s\"", "\"forever\""].map(|policy| {
            let policy = match policy {
                "\"1s\"" | "\"3s\"" => format!("{{ kind = \"fixed\", idle = {policy} }}"),
                kind => kind.to_owned(),
            };
            kept(&policy)
        });
        let name = workload.name;
        assert_eq!(runs[0].cold(), runs[0].report.summary.invocations.total, "{name}");
        assert_eq!(runs[0].idle(), 0.0, "{name}");
        for pair in runs.windows(2) {
            assert!(
                pair[0].cold() > pair[1].cold(),
                "{name}: {} and {}",
                pair[0].cold(),
                pair[1].cold()
            );
            assert!(
                pair[0].idle() < pair[1].idle(),
                "{name}: {} and {}",
                pair[0].idle(),
                pair[1].idle()
            );
        }
    }
}

/// Whoever serves has been idle for longest: all are used by turns, and fewer stop before the next
/// peak. The price is idle memory.
#[test]
fn taking_turns_keeps_more_containers_alive() {
    for workload in [NARROW, SKEWED] {
        let reused = |reuse: &str| {
            let keep = "keep_alive = { kind = \"fixed\", idle = \"2s\" }";
            run(workload, &format!("scheduler = \"warm-first\"\n{keep}\nreuse = \"{reuse}\""))
        };
        let (turns, stack) = (reused("least-recently-used"), reused("most-recently-used"));
        let name = workload.name;
        assert!(turns.cold() < stack.cold(), "{name}: {} and {}", turns.cold(), stack.cold());
        assert!(turns.idle() > stack.idle(), "{name}: {} and {}", turns.idle(), stack.idle());
    }
}

/// There is memory for those that run and for few idle containers. Where these go for others hardly
/// anybody waits; where they stay until they stop, many do. Greedy-dual looks at use and at size:
/// it is better than the choice by last use alone.
#[test]
fn who_needs_room_gets_that_of_idle_containers() {
    for (workload, memory) in [(NARROW, "3GB"), (SKEWED, "1600MB")] {
        let evicted = |eviction: &str| {
            let keep = "keep_alive = { kind = \"fixed\", idle = \"1min\" }";
            let service = format!("scheduler = \"first-fit\"\n{keep}\neviction = \"{eviction}\"");
            run(Workload { memory, ..workload }, &service)
        };
        let response = |run: &Run| run.report.summary.response_of_completed.all.unwrap().mean_s;
        let name = workload.name;
        let [none, lru, greedy] = ["none", "lru", "greedy-dual"].map(evicted);
        // What bodies take in the mean.
        let body = 0.82;
        assert!(
            response(&lru) - body < (response(&none) - body) / 4.0,
            "{name}: {} and {}",
            response(&lru),
            response(&none)
        );
        assert!(greedy.cold() < lru.cold(), "{name}: {} and {}", greedy.cold(), lru.cold());
    }
}

/// A timer that fires every twenty minutes: ten minutes of keeping are wasted every time, half an
/// hour keeps the container for good, and the histogram starts it shortly before it is needed.
#[test]
fn the_histogram_knows_when_a_timer_fires() {
    let kept =
        |policy: &str| run(TIMER, &format!("scheduler = \"warm-first\"\nkeep_alive = {policy}"));
    let short = kept("{ kind = \"fixed\", idle = \"10min\" }");
    let long = kept("{ kind = \"fixed\", idle = \"30min\" }");
    let learnt = kept("\"hybrid-histogram\"");
    assert_eq!(short.cold(), short.report.summary.invocations.total);
    assert_eq!(long.cold(), 1);
    assert!(learnt.cold() <= 2, "{}", learnt.cold());
    assert!(learnt.idle() < short.idle() && short.idle() < long.idle(), "{}", learnt.idle());
}

/// A timer that fires every six hours is beyond the four hours of the histogram: after three idle
/// times the next one is forecast. To be ready from 15 % before until 15 % after takes a little
/// less memory than to keep the container for those four hours in vain.
#[test]
fn the_histogram_forecasts_what_lies_beyond_it() {
    let kept =
        |policy: &str| run(SELDOM, &format!("scheduler = \"warm-first\"\nkeep_alive = {policy}"));
    let range = kept("{ kind = \"fixed\", idle = \"4h\" }");
    let learnt = kept("\"hybrid-histogram\"");
    assert_eq!(range.cold(), range.report.summary.invocations.total);
    assert_eq!(
        learnt.cold(),
        4,
        "the first one, and those after idle times that were not enough for a forecast"
    );
    assert!(learnt.idle() < range.idle(), "{} and {}", learnt.idle(), range.idle());
}
