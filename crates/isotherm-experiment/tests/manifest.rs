//! A manifest is an experiment that gives the results it was written beside.

use std::path::{Path, PathBuf};

use isotherm_experiment::output::{INVOCATIONS, MANIFEST, SUMMARY};
use isotherm_experiment::{Experiment, Overrides};

fn load(path: &Path, overrides: &Overrides) -> Experiment {
    Experiment::load(path, overrides).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Runs an experiment and gives the folders of its runs.
fn run(experiment: &Experiment, out: &Path) -> Vec<PathBuf> {
    let run = |run| {
        let folder = experiment.folder(run, out);
        experiment.run(run, &folder).unwrap_or_else(|error| panic!("{error}"));
        folder
    };
    experiment.runs().iter().map(run).collect()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The text without the lines that begin so.
fn without(text: &str, begins: &[&str]) -> String {
    text.lines().filter(|line| !begins.iter().any(|begin| line.trim_start().starts_with(begin))).collect()
}

/// Runs the experiment, then each manifest that it left, and compares.
#[track_caller]
fn assert_runs_again(path: &Path, overrides: &Overrides) {
    let first = tempfile::tempdir().unwrap();
    for folder in run(&load(path, overrides), first.path()) {
        // In another folder, so that a path that is only right by accident is found.
        let second = tempfile::tempdir_in(&folder).unwrap();
        let again = load(&folder.join(MANIFEST), &Overrides::default());
        let is_known = |message: &str| message.contains("functions are left out");
        assert!(again.warnings().list().iter().all(|one| is_known(&one.message)), "{}", again.warnings());
        run(&again, second.path());
        assert!(read(&folder, INVOCATIONS) == read(second.path(), INVOCATIONS), "{}", folder.display());
        // What was changed by a sweep is in the manifest, so the second run knows of no sweep.
        let [one, other] = [&folder, second.path()].map(|folder| {
            let mut summary: serde_json::Value = serde_json::from_str(&read(folder, SUMMARY)).unwrap();
            summary.as_object_mut().unwrap().remove("sweep");
            summary
        });
        assert_eq!(one, other);
        // A manifest of a manifest says the same: nothing is lost on the way.
        let told = ["sweep =", "set =", "seed =", "xml =", "file =", "azure_"];
        let [one, other] = [&folder, second.path()].map(|folder| without(&read(folder, MANIFEST), &told));
        assert_eq!(one, other);
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

#[test]
fn examples_run_again() {
    let names = [
        "quickstart.toml",
        "reference-example.toml",
        "lambda-replay.toml",
        "many-functions.toml",
        "azure-2019.toml",
        "azure-2021.toml",
        "azure-like.toml",
    ];
    for name in names {
        assert_runs_again(&example(name), &Overrides::default());
    }
}

/// Between them these have every field there is.
#[test]
fn complete_experiments_run_again() {
    for name in
        ["everything", "xml", "least", "bare", "azure-2019", "azure-2019-least", "azure-2021", "azure-2021-least"]
    {
        assert_runs_again(&Path::new("tests/complete").join(name).with_extension("toml"), &Overrides::default());
    }
}

/// Everything that the examples leave at its default, and every kind of step, arrival and workload.
const UNUSUAL: &str = r#"
name = "unusual"
seed = 7
limits = { time = "1h", events = 1_000_000 }

[platform]
nodes = [
    { count = 1, cores = 2, speed = "7.5Gf/s", memory = "4GiB", disk = { read = "1GB/s", write = "500MB/s", size = "10GB" } },
    { count = 2, cores = 1, memory = "2GiB", disk = { read = "1GB/s", write = "500MB/s" } },
]
head = { cores = 2, memory = "8GB", disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "70us", repository = "100Mbps" }

[service]
scheduler = "random"
keep_alive = { kind = "fixed", idle = "1500ms" }
eviction = "ram"
processing_overhead = "1ms"
slots = 2
buffer = "1MB"
payloads = { invoke_request = "1kB", completion = "333B" }

[[storage]]
name = "store"
host = "repository"
buffer = "100kB"
files = [{ name = "in \"put\"", size = "1MB" }]

[[image]]
name = "small"
size = "10MB"
storage = "store"

[[function]]
name = "many steps"
image = "small"
limits = { time = "unlimited", memory = "512MB", disk = "20MB" }
startup = "12345us"
body = [
    { fetch = "in \"put\"", from = "store" }, { compute = "0.3Gf" }, { write = "1500B" }, { read = "file-1" },
    { put = "1MB", to = "store" }, { invoke = "other" }, { sleep = "1ns" },
]

[[function]]
name = "other"
limits = { time = "2s", memory = "300MB" }
body = [{ compute = "123456789.25f" }]

[[workload]]
kind = "list"
arrivals = [
    { at = "2s", function = "other", body = [{ sleep = "1s" }] },
    { at = "1s", function = "many steps" },
    { at = "1s", function = "other", body = [{ compute = "1Gf" }, { sleep = "30s" }] },
]

[[workload]]
kind = "list"
function = "other"
at = ["0s", "0s", "5s"]
durations = ["1s", "20ms", "3s"]

[[workload]]
kind = "list"
function = "other"
every = "300ms"
from = "10s"
count = 5
body = [{ sleep = "1s" }]

[[workload]]
kind = "poisson"
function = "many steps"
rate = "7/min"
from = "3s"
count = 10

[[workload]]
kind = "csv"
file = "trace.csv"
columns = { arrival = "when", function = "what", duration = "long_ms" }
units = { arrival = "min" }
"#;

#[test]
fn an_unusual_experiment_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("study.toml"), UNUSUAL).unwrap();
    std::fs::write(folder.path().join("trace.csv"), "when,what,long_ms\n0.1,other,20\n0.2,many steps,1000\n").unwrap();
    assert_runs_again(&folder.path().join("study.toml"), &Overrides::default());
}

#[test]
fn what_was_changed_from_outside_is_in_it() {
    let overrides = Overrides::default().with_seed(11).with("service.keep_alive.idle", "10s");
    assert_runs_again(&example("quickstart.toml"), &overrides);
    let out = tempfile::tempdir().unwrap();
    run(&load(&example("quickstart.toml"), &overrides), out.path());
    let manifest: toml::Table = read(out.path(), MANIFEST).parse().unwrap();
    assert_eq!(manifest["seed"].as_integer(), Some(11));
    assert_eq!(manifest["service"]["keep_alive"]["idle"].as_str(), Some("10s"));
    let about = &manifest["manifest"];
    assert_eq!(about["isotherm"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!((about["seed"].as_integer(), about["set"][0].as_str()), (Some(11), Some("service.keep_alive.idle=10s")));
    // `examples/platforms/quickstart.xml`: four nodes of four cores and 4 GB, besides user, head and repository.
    assert_eq!((about["hosts"].as_integer(), about["compute_hosts"].as_integer()), (Some(7), Some(4)));
    assert_eq!((about["slots"].as_integer(), about["memory"].as_str()), (Some(16), Some("16GB")));
}
