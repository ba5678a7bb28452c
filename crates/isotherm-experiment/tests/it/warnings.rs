//! Warnings about runs that can hardly mean what they seem to.

use std::path::Path;

use isotherm_experiment::{Experiment, Overrides};

/// Two nodes of two slots, and a function that takes a second: three invocations in two seconds
/// need a slot and a half.
const STUDY: &str = r#"
name = "study"
[platform]
nodes = { count = 2, cores = 2, memory = "4GB", disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
[service]
keep_alive = { kind = "fixed", idle = "1min" }
startup = "300ms"
[[function]]
name = "f"
limits = { time = "2s", memory = "1GB", disk = "1MB" }
body = [{ sleep = "800ms" }, { compute = "2Gf" }, { write = "1MB", file = "out" }]
[[workload]]
kind = "poisson"
function = "f"
rate = "1.5/s"
until = "10min"
"#;

/// The warnings about a study in which something was replaced.
fn warnings_of(replaced: &[(&str, &str)]) -> Vec<String> {
    let mut text = STUDY.to_owned();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let folder = Path::new("tests/warnings");
    let experiment = Experiment::parse("study.toml", &text, folder, &Overrides::default());
    let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
    experiment.warnings().list().iter().map(|one| one.message.clone()).collect()
}

#[test]
fn what_means_something_is_not_warned_of() {
    assert_eq!(warnings_of(&[]), [""; 0]);
}

#[test]
fn bodies_that_cannot_end() {
    assert_eq!(
        warnings_of(&[("800ms", "1900ms")]),
        ["function `f` always times out: its body takes at least 2.1 s, and its time limit is 2 s"]
    );
    // As long as the limit is in time.
    assert_eq!(warnings_of(&[("800ms", "1800ms")]), [""; 0]);
    // What is drawn may be short.
    let random = "{ kind = \"uniform\", low = \"1s\", high = \"9s\" }";
    assert_eq!(warnings_of(&[("\"800ms\"", random), ("1.5/s", "0.1/s")]), [""; 0]);
    assert_eq!(
        warnings_of(&[("write = \"1MB\"", "write = \"1001kB\"")]),
        ["function `f` always fails: its body writes a file of 1,001,000 bytes, and its \
          containers \
          have 1,000,000 bytes on disk"]
    );
    let nested = [(
        "[[workload]]",
        "[[function]]\nname = \"g\"\nlimits = { time = \"900ms\", memory = \"1MB\" }\nbody = [{ invoke = \"f\" }]\n[[workload]]",
    )];
    assert_eq!(
        warnings_of(&nested),
        ["function `g` always times out: its body takes at least 1 s, and its time limit is 0.9 s"]
    );
}

#[test]
fn more_than_can_run() {
    assert_eq!(
        warnings_of(&[("1.5/s", "5/s")]),
        ["more is invoked than can run: bodies alone need 5.0 slots on average, and there are 4"]
    );
    // One of them with two is four in two: the node has place for eight.
    assert_eq!(warnings_of(&[("1.5/s", "3.9/s")]), [""; 0]);
    assert_eq!(
        warnings_of(&[("1.5/s", "3/s"), ("\"4GB\"", "\"1.4GB\"")]),
        ["more is invoked than fits into memory: running invocations alone need 3.0 GB on \
          average, \
          and there are 2.8 GB"]
    );
    // A time limit ends what would run for long.
    let long = [("800ms", "1min"), ("1.5/s", "1.9/s")];
    assert!(warnings_of(&long).iter().all(|warning| warning.contains("always times out")));
}

#[test]
fn cold_starts_for_nothing() {
    assert_eq!(
        warnings_of(&[("startup = \"300ms\"\n", "")]),
        ["cold starts cost nothing: containers start in no time, and no image has to be fetched"]
    );
    assert_eq!(warnings_of(&[("\"300ms\"", "\"0s\"")]), [""; 0]);
}

#[test]
fn containers_that_outlive_the_run() {
    assert_eq!(
        warnings_of(&[("idle = \"1min\"", "idle = \"10min\"")]),
        ["containers are never stopped for being idle: they are kept for 600 s, and the last \
          invocation arrives at 600 s"]
    );
    // The default is not warned of.
    let default = ("keep_alive = { kind = \"fixed\", idle = \"1min\" }\n", "");
    assert_eq!(warnings_of(&[default]), [""; 0]);
}

#[test]
fn dates_of_a_calendar() {
    let csv = "kind = \"csv\"\nfile = \"epoch.csv\"\n\
               columns = { arrival = \"at_s\", function = \"function\" }";
    let generated = "kind = \"poisson\"\nfunction = \"f\"\nrate = \"1.5/s\"\nuntil = \"10min\"";
    assert_eq!(
        warnings_of(&[(generated, csv)]),
        ["`tests/warnings/epoch.csv` begins 55 years after the start of the simulation"]
    );
}
