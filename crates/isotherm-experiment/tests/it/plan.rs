//! What a file says is what the plan holds and what the simulation does.

use std::path::Path;

use crate::common::{self, parsed};
use isotherm_experiment::plan::{KeepAliveKind, SchedulerKind, StepPlan, WorkloadPlan};
use isotherm_experiment::{Experiment, Overrides, Plan};
use isotherm_kernel::{Duration, RandomStreams, Time};
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

fn plan(text: &str) -> Plan {
    Plan::clone(&parsed(text).runs()[0].plan)
}

/// Runs the only run of an experiment and gives these columns of its records, row by row.
fn columns<const N: usize>(text: &str, names: [&str; N]) -> Vec<[String; N]> {
    let out = tempfile::tempdir().unwrap();
    common::run(&parsed(text), out.path());
    common::columns(out.path(), names)
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
    let wrench =
        plan(&format!("name = \"a\"\nseed = 7\npreset = \"wrench\"\n{PLATFORM}{FUNCTION}{list}"));
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
    assert_eq!(service.startup.fixed(), Some(Duration::from_millis(420)));
    assert_eq!(service.processing_overhead, Duration::from_millis(1));
    assert_eq!(
        (service.slots, service.buffer_bytes, service.simulate_downloads),
        (Slots::Count(3), Some(1 << 20), false)
    );
    assert_eq!((service.payloads.invoke_request, service.payloads.completion), (1_000, 2_000));
    // A function that says nothing about its start-up takes the service's.
    assert_eq!(plan.functions[0].startup.fixed(), Some(Duration::from_millis(420)));
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
    let names: Vec<_> =
        plan.hosts.nodes.iter().map(|&node| spec.host(node).name.as_str()).collect();
    assert_eq!(names, ["node0", "node1", "node2"]);
    let last = spec.host(plan.hosts.nodes[2]);
    assert_eq!((last.cores, last.speeds[0], last.memory), (16, 20e9, Some(64 << 30)));
    let disk = spec.disk(spec.host(plan.hosts.nodes[0]).disks[0]);
    assert_eq!(
        (disk.read_bandwidth, disk.write_bandwidth, disk.size),
        (2e9, 1e9, 1_000_000_000_000)
    );
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
                    (
                        arrival.at,
                        arrival.duration,
                        arrival.tag.map(|tag| plan.bodies[tag as usize].to_vec()),
                    )
                })
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        lists[0],
        [(seconds(1), None, None), (seconds(5), None, Some(vec![StepPlan::Compute(1e9)]))]
    );
    let three_and_four = [3, 4].map(|duration| Some(Duration::from_secs(duration)));
    assert_eq!(
        lists[1],
        [(seconds(10), three_and_four[0], None), (seconds(12), three_and_four[1], None)]
    );
    assert_eq!(lists[2], [(seconds(7), None, None)]);
}

/// A cold start of 0.5 s, then 5 Gf on a core of 10 Gf/s and a sleep of 2 s: 3 s. The second
/// invocation comes when the container is idle: 2.5 s. The third brings a duration of its own.
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
    let rows =
        columns(&text, ["submitted_s", "started_s", "ended_s", "start_kind", "response_s", "node"]);
    let expected = [
        ["1.000000000", "1.500000000", "4.000000000", "cold", "3.000000000", "node0"],
        ["10.000000000", "10.000000000", "12.500000000", "warm", "2.500000000", "node0"],
        ["20.000000000", "20.000000000", "27.000000000", "warm", "7.000000000", "node0"],
    ];
    assert_eq!(rows, expected);
}

/// Arrivals do not wait for the service: two that come at once both take 2 s to be processed. Under
/// `wrench` processing blocks the service, so that the second is taken in after 4 s.
#[test]
fn arrivals_are_an_open_loop() {
    let text = |preset: &str| {
        format!(
            "name = \"a\"\npreset = \"{preset}\"\n{PLATFORM}{FUNCTION}\n[service]\nprocessing_overhead = \"2s\"\n
             [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\", \"0s\"]\n"
        )
    };
    let rows = |preset| columns(&text(preset), ["submitted_s"]).concat();
    assert_eq!(rows("default"), ["2.000000000", "2.000000000"]);
    assert_eq!(rows("wrench"), ["2.000000000", "4.000000000"]);
}

/// Every workload has a random stream of its own, so one more does not move the arrivals of the
/// others.
#[test]
fn workloads_do_not_disturb_each_other() {
    let poisson =
        "\n[[workload]]\nkind = \"poisson\"\nfunction = \"f\"\nrate = \"1/s\"\ncount = 20\n";
    let other = FUNCTION.replace("\"f\"", "\"g\"");
    let one = format!("name = \"a\"\n{PLATFORM}{FUNCTION}{other}{poisson}");
    let two = format!("{one}{}", poisson.replace("\"f\"", "\"g\""));
    let arrivals = |text: &str| -> Vec<_> {
        let mut rows = columns(text, ["function", "submitted_s"]);
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
    let experiment = parsed(&text);
    let labels: Vec<_> = experiment.runs().iter().map(|run| run.label().unwrap()).collect();
    let expected = [
        "reuse-newest_slots-1_seed-5",
        "reuse-newest_slots-unlimited_seed-5",
        "reuse-oldest_slots-1_seed-5",
        "reuse-oldest_slots-unlimited_seed-5",
    ];
    assert_eq!(labels, expected);
    let last = &experiment.runs()[3].plan;
    assert_eq!(
        (last.service.reuse, last.service.slots, last.seed),
        (ContainerReuse::Oldest, Slots::Unlimited, 5)
    );
}

/// Ranges, tables with names, fields that change together, and seeds.
#[test]
fn a_sweep_takes_ranges_groups_and_names() {
    let text = format!(
        r#"name = "a"
seed = 7
{PLATFORM}{FUNCTION}
[[workload]]
kind = "list"
function = "f"
at = ["0s"]

[sweep]
repeat = 2
service.slots = "1..=2"

[[sweep.zip]]
service.startup = "linspace(1s, 2s, 3)"
service.keep_alive = ["none", {{ name = "short", value = {{ kind = "fixed", idle = "5s" }} }}, "forever"]
"#
    );
    let experiment = parsed(&text);
    let runs: Vec<_> =
        experiment.runs().iter().map(|run| (run.label().unwrap(), run.plan.seed)).collect();
    let points = [
        "slots-1_startup-1s_keep_alive-none",
        "slots-1_startup-1.5s_keep_alive-short",
        "slots-1_startup-2s_keep_alive-forever",
        "slots-2_startup-1s_keep_alive-none",
        "slots-2_startup-1.5s_keep_alive-short",
        "slots-2_startup-2s_keep_alive-forever",
    ];
    let expected = points.map(|name| [(name.to_owned(), 7), (name.to_owned(), 8)]).concat();
    assert_eq!(runs, expected);
    let short = &experiment.runs()[2].plan.service;
    assert_eq!(
        (&short.keep_alive, short.slots),
        (&KeepAliveKind::Fixed(Duration::from_secs(5)), Slots::Count(1))
    );
    // The seed that is given is the first one.
    let given = Overrides::default().with_seed(u64::MAX - 1);
    let seeds = |text: &str| {
        Experiment::parse("study.toml", text, Path::new("."), &given)
            .map(|experiment| experiment.runs().iter().map(|run| run.plan.seed).collect::<Vec<_>>())
    };
    assert_eq!(seeds(&text).unwrap()[..2], [u64::MAX - 1, u64::MAX]);
    let error = seeds(&text.replace("repeat = 2", "repeat = 3")).unwrap_err().to_string();
    assert!(error.contains("there are not 3 seeds from 18446744073709551614"), "{error}");
}

#[test]
fn a_run_beyond_its_limits_ends_with_an_error_and_leaves_nothing() {
    let list = "[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\", \"10s\"]\n";
    let out = tempfile::tempdir().unwrap();
    let run = |limits: &str| {
        let experiment =
            parsed(&format!("name = \"a\"\nlimits = {limits}\n{PLATFORM}{FUNCTION}{list}"));
        experiment
            .run(&experiment.runs()[0], out.path())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    // The second body runs from 10 s to 11 s.
    let error = run("{ time = \"10500ms\" }").unwrap_err();
    assert!(error.contains("was not over at the time limit of 10.500000000 s"), "{error}");
    let error = run("{ events = 1 }").unwrap_err();
    assert!(error.contains("the limit of 1 events was reached"), "{error}");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    assert_eq!(run("{ time = \"1h\", events = 1_000_000 }"), Ok(()));
}

fn with(text: &str, overrides: &Overrides) -> Plan {
    match Experiment::parse("study.toml", text, Path::new("tests/complete"), overrides) {
        Ok(experiment) => Plan::clone(&experiment.runs()[0].plan),
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

#[test]
fn fields_are_set_from_outside() {
    let list = "[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n";
    let image = "[[image]]\nname = \"python\"\nsize = \"1GB\"\n";
    let text = format!("name = \"a\"\n{PLATFORM}{FUNCTION}{image}{list}");
    let overrides = Overrides::default()
        .with_seed(u64::MAX)
        // Without quotes, since it is nothing that TOML knows; in a table that the file does not
        // have.
        .with("service.keep_alive.idle", "5min")
        .with("service.slots", "3")
        .with("service.simulate_downloads", "false")
        .with("service.reuse", "\"newest\"")
        .with("function.f.limits", "{ time = \"2s\", memory = \"2GB\" }")
        .with("function.f.body.0.sleep", "3s")
        .with("function.f.image", "python")
        .with("image.0.size", "7MB")
        .with("platform.nodes.count", "3")
        .with("workload.0.at", "[\"4s\", \"5s\"]")
        // The last one holds.
        .with("name", "b")
        .with("name", "c");
    let plan = with(&text, &overrides);
    assert_eq!((plan.name.as_str(), plan.seed), ("c", u64::MAX));
    assert_eq!(plan.service.keep_alive, KeepAliveKind::Fixed(Duration::from_secs(300)));
    assert_eq!((plan.service.slots, plan.service.simulate_downloads), (Slots::Count(3), false));
    assert_eq!(plan.service.reuse, ContainerReuse::Newest);
    let function = &plan.functions[0];
    assert_eq!(
        (function.limits.time, function.limits.memory_bytes),
        (Duration::from_secs(2), 2_000_000_000)
    );
    assert_eq!(
        (function.body.to_vec(), function.image),
        (vec![StepPlan::Sleep(Duration::from_secs(3))], Some(0))
    );
    assert_eq!((plan.images[0].bytes, plan.hosts.nodes.len()), (7_000_000, 3));
    let WorkloadPlan::List(arrivals) = &plan.workloads[0] else { panic!("{:?}", plan.workloads) };
    assert_eq!(
        arrivals.iter().map(|arrival| arrival.at).collect::<Vec<_>>(),
        [seconds(4), seconds(5)]
    );
}

/// What is set from outside is not tried with the values of a sweep.
#[test]
fn what_is_set_is_not_swept() {
    let text = format!(
        "name = \"a\"\n{PLATFORM}{FUNCTION}[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n
         [parameters]\nmemory = \"1GB\"\n
         [sweep]\nservice.slots = [1, 2]\nseed = [1, 2, 3]\nmemory = [\"1GB\"]\nfunction.f.limits.memory = [\"${{memory}}\", \"3GB\"]\n"
    );
    let labels = |overrides: &Overrides| match Experiment::parse(
        "study.toml",
        &text,
        Path::new("."),
        overrides,
    ) {
        Ok(experiment) => {
            experiment.runs().iter().map(|run| run.label().unwrap_or_default()).collect::<Vec<_>>()
        }
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    assert_eq!(labels(&Overrides::default()).len(), 12);
    // An element has a name and a number.
    for memory in ["function.f.limits.memory", "function.0.limits.memory"] {
        let some = Overrides::default().with_seed(9).with(memory, "2GB").with("memory", "4GB");
        assert_eq!(labels(&some), ["slots-1", "slots-2"]);
        let all = some.with("service.slots", "7");
        assert_eq!(labels(&all), [""]);
    }
}

/// A path of the file is relative to the file, one that was set from outside to the current folder,
/// which is that of this crate: a path that begins with a parameter as well.
#[test]
fn paths_are_relative_to_where_they_are_written() {
    let text = format!(
        "name = \"a\"\n{PLATFORM}[parameters]\ndata = \"files\"\n[functions]\ncsv = \"${{data}}/functions.csv\"\n
         columns = {{ name = \"function\" }}\nlimits = {{ time = \"1s\", memory = \"1MB\" }}\n
         [[workload]]\nkind = \"csv\"\nfile = \"files/requests.csv\"\nunits = {{ arrival = \"s\", duration = \"ms\" }}\n
         columns = {{ arrival = \"arrival\", function = \"function\", duration = \"duration\" }}\n"
    );
    let file = |plan: &Plan| match &plan.workloads[0] {
        WorkloadPlan::Csv(csv) => csv.path.clone(),
        other => panic!("{other:?}"),
    };
    let as_written = with(&text, &Overrides::default());
    assert_eq!(
        (as_written.functions.len(), file(&as_written)),
        (2, Path::new("tests/complete/files/requests.csv").into())
    );
    let overrides = Overrides::default()
        .with("data", "tests/complete/files")
        .with("workload.0.file", "tests/complete/files/requests.csv");
    let set = with(&text, &overrides);
    assert_eq!(
        (set.functions.len(), file(&set)),
        (2, Path::new("tests/complete/files/requests.csv").into())
    );
}

/// `tests/complete/files/functions.csv`: of `f0` the file says everything, of `f1` nothing but its
/// name.
#[test]
fn functions_of_a_file_have_their_numbers_or_the_defaults() {
    let text = format!(
        "name = \"a\"\n{PLATFORM}{FUNCTION}[[image]]\nname = \"python\"\nsize = \"1GB\"\n
         [[image]]\nname = \"ruby\"\nsize = \"1GB\"\n
         [functions]\ncsv = \"files/functions.csv\"\nimage = \"ruby\"\nstartup = \"7s\"\n
         columns = {{ name = \"function\", image = \"image\", memory = \"memory\", disk = \"disk_gib\", time = \"timeout\", startup = \"cold_start_ms\" }}\n
         units = {{ memory = \"MB\", time = \"min\" }}\nlimits = {{ time = \"unlimited\", memory = \"1GB\", disk = \"5MB\" }}\nbody = [{{ sleep = \"2s\" }}]\n
         [[workload]]\nkind = \"csv\"\nfile = \"files/requests.csv\"\nunits = {{ arrival = \"s\" }}\n
         columns = {{ arrival = \"arrival\", function_number = \"index\" }}\n"
    );
    let plan = with(&text, &Overrides::default());
    let names: Vec<_> = plan.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["f", "f0", "f1"], "after the tables of the experiment");
    let [_, first, second] = &plan.functions[..] else { panic!("{names:?}") };
    assert_eq!(
        (first.limits.time, first.limits.memory_bytes, first.limits.disk_bytes),
        (Duration::from_secs(900), 128_000_000, 1 << 30)
    );
    assert_eq!((first.startup.fixed(), first.image), (Some(Duration::from_millis(500)), Some(0)));
    assert_eq!(
        (second.limits.time, second.limits.memory_bytes, second.limits.disk_bytes),
        (Duration::MAX, 1_000_000_000, 5_000_000)
    );
    assert_eq!((second.startup.fixed(), second.image), (Some(Duration::from_secs(7)), Some(1)));
    assert_eq!(second.body.to_vec(), [StepPlan::Sleep(Duration::from_secs(2))]);
}

/// `tests/bad/files/azure-2019`: `shop` has the functions `pay`, with durations, and `list`,
/// without; `blog` has `read`, without, and 120 MB of memory. There are durations of a function
/// `gone` as well, which is never invoked.
#[test]
fn functions_of_a_trace_that_says_too_little_are_left_out() {
    let text = |functions: &str| {
        format!(
            "name = \"a\"\n{PLATFORM}{FUNCTION}[functions]\nazure_2019 = {{ folder = \"../bad/files/azure-2019\" }}\nstartup = \"1s\"\n{functions}\n
             [[workload]]\nkind = \"azure-2019\"\n"
        )
    };
    let load = |functions: &str| {
        let folder = Path::new("tests/complete");
        match Experiment::parse("study.toml", &text(functions), folder, &Overrides::default()) {
            Ok(experiment) => {
                let plan = &experiment.runs()[0].plan;
                let inventory = experiment.inventory(&experiment.runs()[0]);
                assert_eq!(inventory.tolerated, ["1 row is about what is never invoked"]);
                // After the function of the experiment, without gaps.
                let numbers =
                    plan.trace.iter().flat_map(|trace| trace.numbers.iter().copied().flatten());
                assert!(numbers.eq(1..plan.functions.len() as u32));
                let functions =
                    plan.functions.iter().map(|one| (one.name.clone(), one.limits.memory_bytes));
                let warnings = experiment
                    .warnings()
                    .list()
                    .iter()
                    .map(|one| (one.message.clone(), one.label.clone()));
                (functions.skip(1).collect::<Vec<_>>(), warnings.collect::<Vec<_>>())
            }
            Err(diagnostics) => panic!("{diagnostics}"),
        }
    };
    let named = |name: &str, bytes| (name.to_owned(), bytes);
    let (functions, warnings) = load("limits = { memory = \"50MB\" }");
    assert_eq!(functions, [named("shop/pay", 50_000_000)]);
    let message = "2 of 3 functions are left out, with 8 of 11 invocations: 2 without durations";
    assert_eq!(warnings, [(message.to_owned(), "give `body` to keep them".to_owned())]);
    let (functions, warnings) = load("body = [{ sleep = \"1s\" }]");
    assert_eq!(functions, [named("blog/read", 120_000_000)]);
    let message = "2 of 3 functions are left out, with 4 of 11 invocations: 2 without memory";
    assert_eq!(warnings, [(message.to_owned(), "give `limits.memory` to keep them".to_owned())]);
    let (functions, warnings) = load("body = [{ sleep = \"1s\" }]\nlimits = { memory = \"50MB\" }");
    assert_eq!(
        functions,
        [
            named("shop/pay", 50_000_000),
            named("shop/list", 50_000_000),
            named("blog/read", 120_000_000)
        ]
    );
    assert!(warnings.is_empty());
}

/// There are two apps that are invoked, `shop` and `blog`.
#[test]
fn fewer_apps_than_are_to_be_drawn() {
    let warnings = |functions: &str, kind: &str| {
        let text = format!(
            "name = \"a\"\n{PLATFORM}[functions]\n{functions}\nlimits = {{ memory = \"1MB\" }}\nstartup = \"1s\"\nbody = [{{ sleep = \"1s\" }}]\n\
             [[workload]]\nkind = \"{kind}\"\n"
        );
        match Experiment::parse(
            "study.toml",
            &text,
            Path::new("tests/complete"),
            &Overrides::default(),
        ) {
            Ok(experiment) => {
                let list = experiment.warnings().list().iter();
                list.map(|one| format!("{} ({})", one.message, one.label)).collect::<Vec<_>>()
            }
            Err(diagnostics) => panic!("{diagnostics}"),
        }
    };
    let of_2019 = |apps| {
        warnings(
            &format!("azure_2019 = {{ folder = \"../bad/files/azure-2019\", apps = {apps} }}"),
            "azure-2019",
        )
    };
    assert_eq!(of_2019(2), [""; 0]);
    let message =
        "only 2 apps are invoked in `../bad/files/azure-2019`, and not 3 (all of them are taken)";
    assert_eq!(of_2019(3), [message]);
}

/// What a function draws comes from streams that are named after it: the n-th cold start and the
/// n-th invocation have the n-th draw of theirs, which can be drawn here as well, from the same
/// seed. Another function does not disturb them.
#[test]
fn random_durations_come_from_the_streams_of_their_function() {
    let functions = r#"
[[function]]
name = "f"
limits = { time = "60s", memory = "1MB" }
startup = { kind = "uniform", low = "100ms", high = "300ms" }
body = [{ sleep = { kind = "weibull", shape = 1, scale = "2s" } }]

[[function]]
name = "g"
limits = { time = "60s", memory = "1MB" }
body = [{ sleep = { kind = "exponential", mean = "1s" } }]

[service]
slots = "unlimited"
keep_alive = "none"
"#;
    let list = "[[workload]]\nkind = \"list\"\narrivals = [{ at = \"0s\", function = \"g\" }, { at = \"0s\", function = \"f\" }, { at = \"0s\", \
                function = \"f\" }, { at = \"5s\", function = \"f\" }]\n";
    let text = format!("name = \"a\"\nseed = 7\n{PLATFORM}{functions}{list}");
    let streams = RandomStreams::new(7);
    let mut startups = streams.stream("function/f/startup");
    let mut sleeps = streams.stream("function/f/body/0");
    let mut drawn: Vec<_> = columns(&text, ["function", "id", "startup_s", "execution_s"])
        .into_iter()
        .filter(|row| row[0] == "f")
        .collect();
    drawn.sort_by_key(|row| row[1].parse::<u64>().unwrap());
    assert_eq!(drawn.len(), 3);
    for row in drawn {
        // low + (high - low) · u, and -scale · ln(1 - u), since a Weibull distribution of shape 1
        // is exponential.
        let startup = 0.1 + 0.2 * startups.uniform_open();
        let sleep = -2.0 * (1.0 - sleeps.uniform_open()).ln();
        let near =
            |text: &str, expected: f64| (text.parse::<f64>().unwrap() - expected).abs() < 2e-9;
        assert!(near(&row[2], startup) && near(&row[3], sleep), "{row:?}: {startup} {sleep}");
    }
}

/// Two clients that think for 1 s, and bodies of 2 s: each invokes at 1, 4 and 7 s, and would again
/// at 10 s, which is too late.
#[test]
fn clients_of_a_closed_loop_wait_for_what_they_have_invoked() {
    let workload = "[[workload]]\nkind = \"closed\"\nfunction = \"f\"\nclients = 2\nthink = \"1s\"\nduration = \"2s\"\n";
    let submitted = |slots: &str, end: &str| -> Vec<f64> {
        let text = format!(
            "name = \"a\"\n{PLATFORM}{FUNCTION}[service]\nslots = {slots}\n{workload}{end}\n"
        );
        let mut rows = columns(&text, ["submitted_s", "id"]);
        rows.sort_by_key(|row| row[1].parse::<u64>().unwrap());
        rows.into_iter().map(|row| row[0].parse().unwrap()).collect()
    };
    assert_eq!(submitted("2", "until = \"10s\""), [1.0, 1.0, 4.0, 4.0, 7.0, 7.0]);
    // One slot: bodies from 1 to 3, 3 to 5, and so on; a client whose invocation has ended thinks
    // for a second and waits for the other client's.
    assert_eq!(submitted("1", "until = \"10s\""), [1.0, 1.0, 4.0, 6.0, 8.0]);
    assert_eq!(submitted("2", "count = 3"), [1.0, 1.0, 4.0]);
    assert_eq!(submitted("2", "from = \"5s\"\ncount = 2"), [6.0, 6.0]);
}

/// A workload that brings its functions: they come after those of the file, whatever the order of
/// the workloads, and a seed from outside draws other ones.
#[test]
fn apps_bring_their_functions() {
    let azure =
        "[[workload]]\nkind = \"azure-like\"\napps = 20\nuntil = \"1h\"\nstartup = \"2s\"\n";
    let list = "[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n";
    let text = format!(
        "name = \"a\"\nseed = 1\n{PLATFORM}{FUNCTION}{azure}{list}{azure}prefix = \"b-\"\n"
    );
    let plan = plan(&text);
    let names: Vec<_> =
        plan.functions.iter().map(|function| (function.name.as_str(), function.workload)).collect();
    assert_eq!(names[..2], [("f", None), ("app0-f0", Some(0))]);
    let WorkloadPlan::AzureLike(second) = &plan.workloads[2] else {
        panic!("{:?}", plan.workloads)
    };
    assert_eq!(names[second.first_function as usize], ("b-app0-f0", Some(2)));
    assert_eq!(names.len(), second.first_function as usize + second.drawn.functions().len());
    assert_eq!(plan.functions[1].startup.fixed(), Some(Duration::from_secs(2)));
    let overrides = Overrides::default().with_seed(2);
    let other = Experiment::parse("study.toml", &text, Path::new("."), &overrides).unwrap();
    let memory = |plan: &Plan| {
        plan.functions.iter().map(|function| function.limits.memory_bytes).collect::<Vec<_>>()
    };
    assert_ne!(memory(&plan), memory(&other.runs()[0].plan));
}

/// What was published: mean 3.24 s, standard deviation 7.10 s.
#[test]
fn huawei_is_the_lognormal_distribution_that_was_published() {
    let startup = |distribution: &str| {
        let text = format!(
            "name = \"a\"\n{PLATFORM}[service]\nstartup = {distribution}\n{FUNCTION}[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n"
        );
        with(&text, &Overrides::default()).service.startup
    };
    let written = startup("{ kind = \"lognormal\", mean = \"3.24s\", sd = \"7.1s\" }");
    assert_eq!(startup("{ kind = \"huawei-2025\" }"), written);
}
