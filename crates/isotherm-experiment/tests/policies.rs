//! What each policy is for, seen on whole workloads: not numbers, but which policy has fewer cold starts, nodes or idle memory than which other.

use std::collections::BTreeSet;
use std::path::Path;

use isotherm_experiment::{Experiment, Overrides, RunReport};

/// Nodes that have room for everything.
const PLATFORM: &str = r#"
seed = 1
[platform]
nodes = { count = 10, cores = 16, memory = "8GB", disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "10Gb/s", latency = "50us" }
"#;

/// Thirty functions, of which the first is invoked most often by far: about 4,800 invocations.
const SKEWED: &str = r#"
[functions]
csv = "functions.csv"
columns = { name = "function", memory = "memory_mb" }
limits = { time = "1d" }
[[workload]]
kind = "poisson"
functions = "all"
popularity = 1.2
rate = "10/s"
duration = { kind = "exponential", mean = "800ms" }
until = "8min"
"#;

/// Apps as on Azure Functions.
const AZURE_LIKE: &str = r#"
[[workload]]
kind = "azure-like"
apps = 60
sigma = 0.5
until = "2h"
"#;

/// One function that a timer invokes three times an hour.
const TIMER: &str = r#"
[functions]
csv = "functions.csv"
columns = { name = "function", memory = "memory_mb" }
limits = { time = "1d" }
[[workload]]
kind = "uniform"
function = "f0"
rate = "3/h"
duration = "1s"
until = "3d"
"#;

struct Run {
    report: RunReport,
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

/// Runs a workload under the fields of `[service]`.
fn run(workload: &str, service: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let functions: String = (0..30).map(|number| format!("f{number},256\n")).collect();
    std::fs::write(folder.path().join("functions.csv"), format!("function,memory_mb\n{functions}")).unwrap();
    let file = folder.path().join("experiment.toml");
    let slots = "slots = \"unlimited\"\nstartup = \"500ms\"";
    std::fs::write(&file, format!("name = \"place\"\n{PLATFORM}[service]\n{slots}\n{service}\n{workload}")).unwrap();
    let experiment = Experiment::load(&file, &Overrides::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let report = experiment.run(&experiment.runs()[0], folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let invocations = report.summary.invocations;
    assert_eq!(invocations.completed, invocations.total, "there is room for all");
    Run { report, nodes: nodes(&folder.path().join("invocations.csv")) }
}

/// How many nodes served.
fn nodes(records: &Path) -> usize {
    let text = std::fs::read_to_string(records).unwrap();
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let column = rows.next().unwrap().iter().position(|name| *name == "node").unwrap();
    rows.map(|row| row[column].to_owned()).collect::<BTreeSet<_>>().len()
}

fn placed(scheduler: &str) -> Run {
    run(SKEWED, &format!("keep_alive = {{ kind = \"fixed\", idle = \"20s\" }}\nscheduler = {scheduler}"))
}

/// A node holds 32 containers, and not many more are there at a time: rules that pack need few nodes, rules that spread use all.
#[test]
fn packing_uses_few_nodes_and_spreading_uses_all() {
    for kind in ["first-fit", "most-loaded"] {
        let packed = placed(&format!("\"{kind}\"")).nodes;
        assert!(packed < 5, "{kind} uses {packed} nodes");
    }
    for kind in ["least-loaded", "round-robin", "power-of-two", "random"] {
        assert_eq!(placed(&format!("\"{kind}\"")).nodes, 10, "{kind}");
    }
}

/// With room for all, whoever looks for idle containers everywhere starts one only if there is none at all, wherever he starts it. Whoever
/// chooses a node first misses those on other nodes; a function that has its home on few nodes misses fewer of them.
#[test]
fn looking_for_idle_containers_everywhere_avoids_cold_starts() {
    let everywhere = placed("\"warm-first\"").cold();
    for kind in ["first-fit", "most-loaded", "least-loaded", "round-robin", "power-of-two"] {
        assert_eq!(placed(&format!("\"{kind}\"")).cold(), everywhere, "{kind}");
    }
    let at_home = placed("\"hash-affinity\"").cold();
    assert!(everywhere < at_home, "{everywhere} and {at_home}");
    for blind in ["\"random\"", "{ kind = \"round-robin\", prefer_warm = false }"] {
        let cold = placed(blind).cold();
        assert!(at_home < cold, "{blind}: {at_home} and {cold}");
    }
}

/// To keep containers for longer costs idle memory and saves cold starts; without it all starts are cold.
#[test]
fn keeping_containers_for_longer_buys_warm_starts_with_memory() {
    for workload in [SKEWED, AZURE_LIKE] {
        let kept = |policy: &str| run(workload, &format!("scheduler = \"warm-first\"\nkeep_alive = {policy}"));
        let runs = ["\"none\"", "\"10s\"", "\"2min\"", "\"forever\""].map(|policy| {
            let policy = match policy {
                "\"10s\"" | "\"2min\"" => format!("{{ kind = \"fixed\", idle = {policy} }}"),
                kind => kind.to_owned(),
            };
            kept(&policy)
        });
        assert_eq!(runs[0].cold(), runs[0].report.summary.invocations.total);
        assert_eq!(runs[0].idle(), 0.0);
        for pair in runs.windows(2) {
            assert!(pair[0].cold() > pair[1].cold(), "{} and {}", pair[0].cold(), pair[1].cold());
            assert!(pair[0].idle() < pair[1].idle(), "{} and {}", pair[0].idle(), pair[1].idle());
        }
    }
}

/// Whoever serves has been idle for longest: all are used by turns, and fewer stop before the next peak. The price is idle memory.
#[test]
fn taking_turns_keeps_more_containers_alive() {
    let reused = |reuse: &str| {
        let keep = "keep_alive = { kind = \"fixed\", idle = \"5s\" }";
        run(SKEWED, &format!("scheduler = \"warm-first\"\n{keep}\nreuse = \"{reuse}\""))
    };
    let (turns, stack) = (reused("least-recently-used"), reused("most-recently-used"));
    assert!(turns.cold() < stack.cold(), "{} and {}", turns.cold(), stack.cold());
    assert!(turns.idle() > stack.idle(), "{} and {}", turns.idle(), stack.idle());
}

/// A timer that fires every twenty minutes: ten minutes of keeping are wasted every time, half an hour keeps the container for good, and
/// the histogram starts it shortly before it is needed.
#[test]
fn the_histogram_knows_when_a_timer_fires() {
    let kept = |policy: &str| run(TIMER, &format!("scheduler = \"warm-first\"\nkeep_alive = {policy}"));
    let short = kept("{ kind = \"fixed\", idle = \"10min\" }");
    let long = kept("{ kind = \"fixed\", idle = \"30min\" }");
    let learnt = kept("\"hybrid-histogram\"");
    assert_eq!(short.cold(), short.report.summary.invocations.total);
    assert_eq!(long.cold(), 1);
    assert!(learnt.cold() <= 2, "{}", learnt.cold());
    assert!(learnt.idle() < short.idle() && short.idle() < long.idle(), "{}", learnt.idle());
}
