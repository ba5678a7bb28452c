//! What a file says is what the plan holds and what the simulation does.

use std::path::Path;

use isotherm_experiment::plan::{KeepAliveKind, SchedulerKind, StepPlan, WorkloadPlan};
use isotherm_experiment::{Experiment, Overrides, Plan};
use isotherm_kernel::{Duration, Time};
use isotherm_serverless::{ContainerReuse, Preset, Slots};

const PLATFORM: &str = r#"
[platform]
nodes = { count = 1, cores = 2, speed = "10Gf/s", memory = "8GB", disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
"#;

const FUNCTION: &str = r#"
[[function]]
name = "f"
limits = { time = "60s", memory = "1GB" }
body = [{ sleep = "1s" }]
"#;

fn load(text: &str) -> Experiment {
    match Experiment::parse("study.toml", text, Path::new("."), &Overrides::default()) {
        Ok(experiment) => experiment,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

fn plan(text: &str) -> Plan {
    load(text).runs()[0].plan.clone()
}

/// Runs the only run of an experiment and gives these columns of its records, row by row.
fn columns(text: &str, names: &[&str]) -> Vec<Vec<String>> {
    let experiment = load(text);
    let out = tempfile::tempdir().unwrap();
    if let Err(error) = experiment.run(&experiment.runs()[0], out.path()) {
        panic!("{error}");
    }
    let records = std::fs::read_to_string(out.path().join("invocations.csv")).unwrap();
    let mut lines = records.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let places: Vec<_> = names.iter().map(|name| header.iter().position(|column| column == name).unwrap()).collect();
    lines.map(|line| places.iter().map(|&place| line[place].to_owned()).collect()).collect()
}

fn seconds(seconds: u64) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

#[test]
fn presets_have_their_defaults() {
    let list = "[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n";
    let standard = plan(&format!("name = \"a\"\n{PLATFORM}{FUNCTION}{list}"));
    assert_eq!((standard.preset, standard.seed), (Preset::Default, 0));
    assert_eq!(standard.service.keep_alive, KeepAliveKind::Fixed(Duration::from_secs(600)));
    assert_eq!(standard.service.reuse, ContainerReuse::MostRecentlyUsed);
    let wrench = plan(&format!("name = \"a\"\nseed = 7\npreset = \"wrench\"\n{PLATFORM}{FUNCTION}{list}"));
    assert_eq!((wrench.preset, wrench.seed), (Preset::Wrench, 7));
    assert_eq!(wrench.service.keep_alive, KeepAliveKind::None);
    assert_eq!(wrench.service.reuse, ContainerReuse::Oldest);
}

#[test]
fn every_field_of_the_service_arrives() {
    let text = format!(
        r#"name = "a"
{PLATFORM}{FUNCTION}
[service]
scheduler = {{ kind = "workload-balancing" }}
keep_alive = {{ kind = "fixed", idle = "90s" }}
reuse = "least-recently-used"
eviction = "ram"
startup = "420ms"
processing_overhead = "1ms"
slots = 3
buffer = "1MiB"
simulate_downloads = false
payloads = {{ invoke_request = "1kB", completion = "2kB" }}

[[workload]]
kind = "list"
function = "f"
at = ["0s"]
"#
    );
    let plan = plan(&text);
    let service = plan.service;
    assert_eq!(service.scheduler, SchedulerKind::WorkloadBalancing);
    assert_eq!(service.keep_alive, KeepAliveKind::Fixed(Duration::from_secs(90)));
    assert_eq!(service.reuse, ContainerReuse::LeastRecentlyUsed);
    assert_eq!(service.startup, Duration::from_millis(420));
    assert_eq!(service.processing_overhead, Duration::from_millis(1));
    assert_eq!(
        (service.slots, service.buffer_bytes, service.simulate_downloads),
        (Slots::Count(3), Some(1 << 20), false)
    );
    assert_eq!((service.payloads.invoke_request, service.payloads.completion), (1_000, 2_000));
    // A function that says nothing about its start-up takes the service's.
    assert_eq!(plan.functions[0].startup, Duration::from_millis(420));
}

#[test]
fn a_compact_platform_has_its_hosts_and_routes() {
    let text = format!(
        r#"name = "a"
{FUNCTION}
[platform]
nodes = [
    {{ count = 2, cores = 4, memory = "8GiB", disk = {{ read = "2GB/s", write = "1GB/s", size = "1TB" }} }},
    {{ count = 1, cores = 16, speed = "20Gf", memory = "64GiB", disk = {{ read = "1GB/s", write = "1GB/s" }} }},
]
head = {{ cores = 8, disk = {{ read = "2GB/s", write = "1GB/s", size = "10TB" }} }}
network = {{ node = "10Gbps", latency = "50us", repository = "1Gbps" }}

[[workload]]
kind = "list"
function = "f"
at = ["0s"]
"#
    );
    let plan = plan(&text);
    let spec = &plan.platform;
    let names: Vec<_> = plan.hosts.nodes.iter().map(|&node| spec.host(node).name.as_str()).collect();
    assert_eq!(names, ["node0", "node1", "node2"]);
    let last = spec.host(plan.hosts.nodes[2]);
    assert_eq!((last.cores, last.speeds[0], last.memory), (16, 20e9, Some(64 << 30)));
    let disk = spec.disk(spec.host(plan.hosts.nodes[0]).disks[0]);
    assert_eq!((disk.read_bandwidth, disk.write_bandwidth, disk.size), (2e9, 1e9, 1_000_000_000_000));
    // From the repository to the head: 1 Gb/s up, 10 Gb/s down, 50 us in all.
    let repository = spec.host_id("repository").unwrap();
    let links = spec.route(repository, plan.hosts.head).unwrap();
    let bandwidths: Vec<_> = links.iter().map(|&link| spec.link(link).bandwidth).collect();
    let latency: f64 = links.iter().map(|&link| spec.link(link).latency_s).sum();
    assert_eq!(bandwidths, [125e6, 1.25e9]);
    assert!((latency - 50e-6).abs() < 1e-12, "{latency}");
}

#[test]
fn lists_are_written_in_three_ways() {
    let text = format!(
        r#"name = "a"
{PLATFORM}{FUNCTION}
[[workload]]
kind = "list"
arrivals = [{{ at = "5s", function = "f", body = [{{ compute = "1Gf" }}] }}, {{ at = "1s", function = "f" }}]

[[workload]]
kind = "list"
function = "f"
every = "2s"
from = "10s"
durations = ["3s", "4s"]

[[workload]]
kind = "list"
function = "f"
at = ["7s"]
"#
    );
    let plan = plan(&text);
    let lists: Vec<_> = plan
        .workloads
        .iter()
        .map(|workload| match workload {
            WorkloadPlan::List(arrivals) => arrivals
                .iter()
                .map(|arrival| {
                    (arrival.at, arrival.duration, arrival.tag.map(|tag| plan.bodies[tag as usize].to_vec()))
                })
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lists[0], [(seconds(1), None, None), (seconds(5), None, Some(vec![StepPlan::Compute(1e9)]))]);
    let three_and_four = [3, 4].map(|duration| Some(Duration::from_secs(duration)));
    assert_eq!(lists[1], [(seconds(10), three_and_four[0], None), (seconds(12), three_and_four[1], None)]);
    assert_eq!(lists[2], [(seconds(7), None, None)]);
}

/// A cold start of 0.5 s, then 5 Gf on a core of 10 Gf/s and a sleep of 2 s: 3 s. The second invocation comes when the container
/// is idle: 2.5 s. The third brings a duration of its own.
#[test]
fn a_run_does_what_the_file_says() {
    let text = format!(
        r#"name = "a"
{PLATFORM}
[[function]]
name = "f"
startup = "500ms"
limits = {{ time = "60s", memory = "1GB" }}
body = [{{ compute = "5Gf" }}, {{ sleep = "2s" }}]

[[workload]]
kind = "list"
function = "f"
at = ["1s", "10s"]

[[workload]]
kind = "list"
function = "f"
every = "1s"
from = "20s"
durations = ["7s"]
"#
    );
    let rows = columns(&text, &["submitted_s", "started_s", "ended_s", "start_kind", "response_s", "node"]);
    let expected = [
        ["1.000000000", "1.500000000", "4.000000000", "cold", "3.000000000", "node0"],
        ["10.000000000", "10.000000000", "12.500000000", "warm", "2.500000000", "node0"],
        ["20.000000000", "20.000000000", "27.000000000", "warm", "7.000000000", "node0"],
    ];
    assert_eq!(rows, expected);
}

/// Arrivals do not wait for the service: two that come at once both take 2 s to be processed. Under `wrench` processing blocks
/// the service, so that the second is taken in after 4 s.
#[test]
fn arrivals_are_an_open_loop() {
    let text = |preset: &str| {
        format!(
            "name = \"a\"\npreset = \"{preset}\"\n{PLATFORM}{FUNCTION}\n[service]\nprocessing_overhead = \"2s\"\n
             [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\", \"0s\"]\n"
        )
    };
    let rows = |preset| columns(&text(preset), &["submitted_s"]).concat();
    assert_eq!(rows("default"), ["2.000000000", "2.000000000"]);
    assert_eq!(rows("wrench"), ["2.000000000", "4.000000000"]);
}

/// Every workload has a random stream of its own, so one more does not move the arrivals of the others.
#[test]
fn workloads_do_not_disturb_each_other() {
    let poisson = "\n[[workload]]\nkind = \"poisson\"\nfunction = \"f\"\nrate = \"1/s\"\ncount = 20\n";
    let other = FUNCTION.replace("\"f\"", "\"g\"");
    let one = format!("name = \"a\"\n{PLATFORM}{FUNCTION}{other}{poisson}");
    let two = format!("{one}{}", poisson.replace("\"f\"", "\"g\""));
    let arrivals = |text: &str| -> Vec<_> {
        let mut rows = columns(text, &["function", "submitted_s"]);
        rows.retain(|row| row[0] == "f");
        rows.sort();
        rows
    };
    let alone = arrivals(&one);
    assert_eq!(alone.len(), 20);
    assert_eq!(arrivals(&two), alone);
}

#[test]
fn a_sweep_is_every_combination() {
    let text = format!(
        r#"name = "a"
{PLATFORM}{FUNCTION}
[[workload]]
kind = "list"
function = "f"
at = ["0s"]

[sweep]
service.reuse = ["newest", "oldest"]
service.slots = [1, "unlimited"]
seed = [5]
"#
    );
    let experiment = load(&text);
    let labels: Vec<_> = experiment.runs().iter().map(|run| run.label().unwrap()).collect();
    let expected = [
        "reuse-newest_slots-1_seed-5",
        "reuse-newest_slots-unlimited_seed-5",
        "reuse-oldest_slots-1_seed-5",
        "reuse-oldest_slots-unlimited_seed-5",
    ];
    assert_eq!(labels, expected);
    let last = &experiment.runs()[3].plan;
    assert_eq!((last.service.reuse, last.service.slots, last.seed), (ContainerReuse::Oldest, Slots::Unlimited, 5));
}

#[test]
fn a_run_beyond_its_limits_ends_with_an_error_and_leaves_nothing() {
    let list = "[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\", \"10s\"]\n";
    let out = tempfile::tempdir().unwrap();
    let run = |limits: &str| {
        let experiment = load(&format!("name = \"a\"\nlimits = {limits}\n{PLATFORM}{FUNCTION}{list}"));
        experiment.run(&experiment.runs()[0], out.path()).map(drop).map_err(|error| error.to_string())
    };
    // The second body runs from 10 s to 11 s.
    let error = run("{ time = \"10500ms\" }").unwrap_err();
    assert!(error.contains("was not over at the time limit of 10.500000000 s"), "{error}");
    let error = run("{ events = 1 }").unwrap_err();
    assert!(error.contains("the limit of 1 events was reached"), "{error}");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    assert_eq!(run("{ time = \"1h\", events = 1_000_000 }"), Ok(()));
}
