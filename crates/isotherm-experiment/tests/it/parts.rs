//! `functions.csv` and `nodes.csv` against the records and the summary of random runs.

use std::collections::BTreeMap;

use isotherm_experiment::{Experiment, Overrides, RunOptions};
use proptest::prelude::*;
use serde_json::Value;

use crate::common::{self, parsed, rows};

type Row = BTreeMap<String, String>;

/// What differs between the runs.
#[derive(Clone, Debug)]
struct Study {
    seed: u64,
    preset: &'static str,
    keep_alive: &'static str,
    service: &'static str,
    at_start: &'static str,
    memory_mb: u32,
    concurrency: u32,
    rate: f64,
    measure: &'static str,
}

fn study() -> impl Strategy<Value = Study> {
    let keep_alive = prop_oneof![
        Just("\"none\""),
        Just("\"forever\""),
        Just("{ idle = \"2s\" }"),
        Just("{ idle = \"15s\" }"),
        Just("{ kind = \"hybrid-histogram\", bin = \"1s\", range = \"1min\", variation = 0 }"),
    ];
    let service = prop_oneof![
        Just(""),
        Just("max_concurrency = 3\nthrottle = \"reject\""),
        Just("max_concurrency = 2\nstartup = { kind = \"exponential\", mean = \"700ms\" }"),
        Just("on_failure = \"discard\"\nslots = 2"),
    ];
    let at_start = prop_oneof![
        2 => Just(""),
        1 => Just("prepull = [\"python\"]"),
        1 => Just("warm = { image = 1, shared = 1 }"),
        1 => Just("warm = { image = 1, never = 1 }\nprepull = { head = [\"python\"] }"),
    ];
    let measure = prop_oneof![
        Just(""),
        Just("measure = { from = \"10s\" }"),
        Just("measure = { from = \"7s\", until = \"33s\" }"),
    ];
    (
        any::<u16>(),
        prop_oneof![Just("default"), Just("wrench")],
        keep_alive,
        (service, at_start),
        (600u32..2_000, 1u32..4, 0.1f64..4.0),
        measure,
    )
        .prop_map(
            |(
                seed,
                preset,
                keep_alive,
                (service, at_start),
                (memory_mb, concurrency, rate),
                measure,
            )| Study {
                seed: seed.into(),
                preset,
                keep_alive,
                service,
                // Nothing is warm that is not kept.
                at_start: if keep_alive == "\"none\"" { "" } else { at_start },
                memory_mb,
                concurrency,
                rate,
                measure,
            },
        )
}

impl Study {
    /// Functions with and without an image, one whose containers serve several at once, one that
    /// runs into its time limit, and one that is never invoked.
    fn text(&self) -> String {
        let Study { seed, preset, keep_alive, service, at_start, .. } = self;
        let Study { memory_mb, concurrency, rate, measure, .. } = self;
        format!(
            r#"
name = "parts"
seed = {seed}
preset = "{preset}"
{measure}
image = [{{ name = "python", size = "250MB", memory = "120MB" }}]
workload = [
    {{ kind = "poisson", function = "image", rate = "{rate}/s", until = "40s" }},
    {{ kind = "poisson", function = "shared", rate = "1/s", until = "40s" }},
    {{ kind = "poisson", function = "slow", rate = "0.2/s", until = "40s" }},
]
[platform]
nodes = {{ count = 2, cores = 3, memory = "{memory_mb}MB", disk = {{ read = "2GB/s", write = "1GB/s" }} }}
head = {{ cores = 8, disk = {{ read = "2GB/s", write = "1GB/s" }} }}
network = {{ node = "10Gbps", latency = "50us" }}
[service]
keep_alive = {keep_alive}
{service}
{at_start}
[[function]]
name = "image"
app = "web"
image = "python"
limits = {{ time = "60s", memory = "300MB" }}
body = [{{ sleep = {{ kind = "uniform", low = "0s", high = "900ms" }} }}]
[[function]]
name = "shared"
app = "web"
limits = {{ time = "60s", memory = "256MB" }}
concurrency = {concurrency}
startup = "300ms"
body = [{{ sleep = {{ kind = "exponential", mean = "1s" }} }}]
[[function]]
name = "slow"
limits = {{ time = "2s", memory = "200MB" }}
body = [{{ sleep = {{ kind = "exponential", mean = "2s" }} }}]
[[function]]
name = "never"
limits = {{ time = "2s", memory = "200MB" }}
body = [{{ sleep = "1s" }}]
"#
        )
    }
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

fn sum(rows: &[Row], column: &str) -> f64 {
    rows.iter().map(|row| number(row, column)).sum()
}

#[track_caller]
fn assert_near(got: f64, expected: f64, what: &str) {
    let tolerance = 1e-9 * expected.abs().max(1.0);
    assert!((got - expected).abs() <= tolerance, "{what}: {got} instead of {expected}");
}

/// The mean and percentiles of some numbers, which are in columns with this beginning.
fn assert_percentiles(row: &Row, name: &str, end: &str, mut numbers: Vec<f64>, which: &[usize]) {
    numbers.sort_by(f64::total_cmp);
    let column = |part: &str| format!("{name}_{part}{end}");
    if numbers.is_empty() {
        assert_eq!(row[&column("mean")], "");
        return;
    }
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    assert_near(number(row, &column("mean")), mean, &column("mean"));
    for &percent in which {
        let rank = (numbers.len() * percent).div_ceil(100).max(1);
        let part = if percent == 100 { "max".to_owned() } else { format!("p{percent}") };
        assert_near(number(row, &column(&part)), numbers[rank - 1], &column(&part));
    }
}

/// What a row says of a function, derived from the records of its invocations that count.
fn assert_function(row: &Row, records: &[&Row], counted: &dyn Fn(&Row) -> bool, window: [f64; 2]) {
    let all: Vec<_> = records.iter().copied().filter(|record| counted(record)).collect();
    let count =
        |column: &str, value: &str| all.iter().filter(|record| record[column] == value).count();
    assert_eq!(number(row, "invocations"), all.len() as f64);
    for outcome in ["completed", "timed_out", "failed", "cancelled", "rejected"] {
        assert_eq!(number(row, outcome), count("outcome", outcome) as f64, "{outcome}");
    }
    for start in ["cold", "warm"] {
        assert_eq!(number(row, start), count("start_kind", start) as f64, "{start}");
    }
    for (column, reasons) in row.iter().filter_map(|(column, value)| {
        let reason = column.strip_prefix("cold_").filter(|reason| *reason != "share")?;
        Some((reason, value))
    }) {
        assert_eq!(*reasons, count("cold_reason", column).to_string(), "{column}");
    }
    let began = all.iter().filter(|record| !record["started_s"].is_empty());
    let waits = began.map(|record| number(record, "started_s") - number(record, "submitted_s"));
    assert_percentiles(row, "wait", "_s", waits.collect(), &[50, 95, 99, 100]);
    let completed: Vec<_> =
        all.iter().filter(|record| record["outcome"] == "completed").copied().collect();
    let responses: Vec<_> = completed.iter().map(|record| number(record, "response_s")).collect();
    assert_percentiles(row, "response", "_s", responses, &[50, 95, 99, 100]);
    let slowdown = |record: &&Row| {
        let execution = number(record, "execution_s");
        (execution > 0.0).then(|| number(record, "response_s") / execution)
    };
    assert_percentiles(
        row,
        "slowdown",
        "",
        completed.iter().filter_map(slowdown).collect(),
        &[50, 99],
    );
    // Containers that serve several are busy while they serve any of them.
    let [from, until] = window;
    let mut served: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for record in records.iter().filter(|record| !record["container"].is_empty()) {
        let done = number(record, "submitted_s") + number(record, "response_s");
        let times = (number(record, "dispatched_s").clamp(from, until), done.clamp(from, until));
        served.entry(&record["container"]).or_default().push(times);
    }
    let mut busy = 0.0;
    for times in served.values_mut() {
        times.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut until = f64::NEG_INFINITY;
        for &mut (dispatched, done) in times {
            busy += (done - dispatched.max(until)).max(0.0);
            until = until.max(done);
        }
    }
    let got = number(row, "busy_s");
    assert!((got - busy).abs() < 1e-6, "busy for {got} s instead of {busy} s");
}

proptest! {
    #![proptest_config(isotherm_testing::cases(200))]

    #[test]
    fn parts_follow_from_the_records_and_are_the_whole(study in study()) {
        let experiment = parsed(&study.text());
        let [with, without] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let run = |folder: &tempfile::TempDir, options: RunOptions| {
            let run = experiment.start_in(&experiment.runs()[0], folder.path(), options).unwrap();
            serde_json::from_str::<Value>(&run.finish().unwrap().to_json()).unwrap()
        };
        let summary = run(&with, RunOptions::default());
        prop_assert_eq!(&summary, &run(&without, RunOptions::default().without_records()));
        for name in ["functions.csv", "nodes.csv"] {
            let read = |folder: &tempfile::TempDir| {
                std::fs::read_to_string(folder.path().join(name)).unwrap()
            };
            prop_assert_eq!(read(&with), read(&without));
        }
        let whole = |path: &str| {
            let number = summary.pointer(path).unwrap_or_else(|| panic!("{path}"));
            number.as_f64().unwrap_or_else(|| panic!("{path} is {number}"))
        };
        let [functions, nodes, records] =
            ["functions.csv", "nodes.csv", "invocations.csv"].map(|name| rows(with.path(), name));
        for outcome in ["completed", "timed_out", "failed", "cancelled", "rejected"] {
            prop_assert_eq!(sum(&functions, outcome), whole(&format!("/invocations/{outcome}")));
        }
        prop_assert_eq!(sum(&functions, "invocations"), whole("/invocations/total"));
        let (starts, reasons) = (&summary["starts"], &summary["cold_starts_by_reason"]);
        for (reason, number) in reasons.as_object().unwrap() {
            let column = format!("cold_{reason}");
            prop_assert_eq!(sum(&functions, &column), number.as_f64().unwrap());
        }
        for rows in [&functions, &nodes] {
            for kind in ["cold", "warm"] {
                prop_assert_eq!(sum(rows, kind), starts[kind].as_f64().unwrap());
            }
            for what in ["containers_started", "containers_evicted"] {
                prop_assert_eq!(sum(rows, what), whole(&format!("/platform/{what}")));
            }
            if !summary["utilisation"].is_null() {
                for what in ["busy_mb_s", "idle_mb_s"] {
                    let path = format!("/utilisation/container_memory/{what}");
                    assert_near(sum(rows, what), whole(&path), what);
                }
            }
        }
        for what in ["copies", "loads"] {
            prop_assert_eq!(sum(&nodes, what), whole(&format!("/platform/{what}")));
        }
        // The image takes 250 MB on disks and 120 MB in memories.
        prop_assert_eq!(sum(&nodes, "copied_bytes"), 250e6 * sum(&nodes, "copies"));
        prop_assert_eq!(sum(&nodes, "loaded_bytes"), 120e6 * sum(&nodes, "loads"));
        for row in &nodes {
            let peak = whole("/utilisation/memory/used/peak_bytes");
            prop_assert!(number(row, "memory_used_peak_bytes") <= peak);
        }
        let measure = |end: &str, default: f64| summary["measure"][end].as_f64().unwrap_or(default);
        let window = [measure("from_s", 0.0), measure("until_s", f64::INFINITY)];
        let is_counted = |record: &Row| {
            let submitted = number(record, "submitted_s");
            window[0] <= submitted && submitted < window[1]
        };
        let app = |name: &str| if matches!(name, "image" | "shared") { "web" } else { name }.to_owned();
        for row in functions.iter().chain(&records) {
            prop_assert_eq!(&row["app"], &app(&row["function"]));
        }
        for row in &functions {
            let of_it: Vec<_> =
                records.iter().filter(|record| record["function"] == row["function"]).collect();
            assert_function(row, &of_it, &is_counted, window);
        }
    }
}

#[test]
fn metrics_of_papers_that_there_are_not() {
    let text = "name = \"m\"\noutput = { metrics = [\"sitv\", \"x\"] }\n";
    let errors = Experiment::parse("m.toml", text, ".".as_ref(), &Overrides::default());
    let told = errors.err().unwrap().to_string();
    for part in [
        "unknown metrics `sitv`",
        "did you mean `sitw`?",
        "unknown metrics `x`",
        "there are `sitw`, `faascache`, `cidre` and `femux`",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

/// The apps of a file of functions, where the column is empty, and of a generated workload.
#[test]
fn apps_come_from_files_and_from_generated_workloads() {
    let folder = tempfile::tempdir().unwrap();
    let functions = "name,app,memory_mb\ncart,shop,100\npay,shop,100\ntrain,,100\n";
    std::fs::write(folder.path().join("f.csv"), functions).unwrap();
    let text = r#"
name = "apps"
workload = [
    { kind = "list", function = "cart", at = ["0s"] },
    { kind = "azure-like", apps = 3, prefix = "x-", until = "1min" },
]
output = { metrics = ["sitw"] }
[platform]
nodes = { count = 1, cores = 8, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
[functions]
csv = "f.csv"
columns = { name = "name", app = "app", memory = "memory_mb" }
limits = { time = "1min" }
body = [{ sleep = "1s" }]
"#;
    let experiment = Experiment::parse("e.toml", text, folder.path(), &Overrides::default());
    let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
    let out = folder.path().join("out");
    let report = common::run(&experiment, &out);
    let rows = rows(&out, "functions.csv");
    let app = |name: &str| {
        let row = rows.iter().find(|row| row["function"] == name);
        row.unwrap_or_else(|| panic!("{name}"))["app"].clone()
    };
    assert_eq!(["cart", "pay", "train"].map(app), ["shop", "shop", "train"]);
    assert_eq!(["x-app0-f0", "x-app2-f0"].map(app), ["x-app0", "x-app2"]);
    let started: std::collections::BTreeSet<_> = rows
        .iter()
        .filter(|row| number(row, "cold") + number(row, "warm") > 0.0)
        .map(|row| &row["app"])
        .collect();
    assert_eq!(report.literature.unwrap().sitw.unwrap().apps, started.len() as u64);
}
