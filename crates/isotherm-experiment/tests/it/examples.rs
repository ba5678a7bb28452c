//! The examples of the project have golden results. Where a number can be had from elsewhere, the
//! test says from where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use isotherm_experiment::{Experiment, Overrides, PlannedRun, RunReport};

use crate::common::columns_of;

fn example(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    if path.extension().is_some() { path } else { path.with_extension("toml") }
}

fn run(name: &str, out: &Path) -> Vec<RunReport> {
    let experiment = match Experiment::load(&example(name), &Overrides::default()) {
        Ok(experiment) => experiment,
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    let run = |run: &PlannedRun| {
        let folder = out.join(run.label().unwrap_or_default());
        experiment.run(run, &folder).unwrap_or_else(|error| panic!("{error}"))
    };
    experiment.runs().iter().map(run).collect()
}

/// Compares with `tests/golden/NAME` (`SNAPSHOTS=overwrite` writes it anew).
fn assert_golden(got: &str, name: &str) {
    let expected = snapbox::Data::read_from(&Path::new("tests/golden").join(name), None).raw();
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(got, expected);
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The reference ends its own example at 206.06214189 s with 71 successes and 29 time-outs, two of
/// which are bodies of exactly 60 s under a limit of 60 s (scenario `reference-example-100-3` of
/// the conformance suite).
#[test]
fn reference_example() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("reference-example", out.path());
    let summary = &reports[0].summary;
    assert_eq!((summary.invocations.completed, summary.invocations.timed_out), (71, 29));
    assert!((summary.simulated_end_s - 206.062_141_89).abs() < 1e-6, "{}", summary.simulated_end_s);
    assert_golden(&read(out.path().join("summary.json")), "reference-example.json");
    assert_golden(&read(out.path().join("invocations.csv")), "reference-example.csv");
}

/// 500 s of arrivals at 4/s are 2,000, with a standard deviation of √2,000; each of the 6 nodes has
/// one slot, and so one cold start.
#[test]
fn enough_servers() {
    let out = tempfile::tempdir().unwrap();
    let summary = &run("enough-servers", out.path())[0].summary;
    assert!(summary.invocations.completed.abs_diff(2_000) < 135);
    assert_eq!(
        (summary.invocations.completed, summary.starts.cold),
        (summary.invocations.total, 6)
    );
    assert_golden(&read(out.path().join("summary.json")), "enough-servers.json");
}

/// What the quickstart promises to show.
#[test]
fn quickstart() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("quickstart", out.path());
    let report = &reports[0];
    assert!(report.summary.starts.cold > 0 && report.summary.starts.warm > 0);
    assert!(report.summary.invocations.timed_out > 0);
    let invocations = report.summary.invocations;
    assert_eq!(invocations.total, invocations.completed + invocations.timed_out);
    assert_golden(&read(out.path().join("summary.json")), "quickstart.json");
    // One line for each invocation below the header, and the counts of the summary can be had from
    // the lines.
    let records = read(out.path().join("invocations.csv"));
    assert_eq!(records.lines().count() as u64, 1 + invocations.total);
    assert_eq!(records.matches(",timed_out,time_limit,").count() as u64, invocations.timed_out);
    assert_eq!(records.matches(",cold,").count() as u64, report.summary.starts.cold);
}

/// With nothing to wait for, the number of cold starts follows from arrivals, durations and the
/// keep-alive alone: a queue of free containers replayed in a few lines of another language gives
/// 71 when the container that became idle last serves (or the one created first or last, which the
/// others outlive), and 5 when the one idle for longest does.
#[test]
fn lambda_replay() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("lambda-replay", out.path());
    let cold: Vec<_> = reports
        .iter()
        .map(|report| (report.sweep[0].shown.as_str(), report.summary.starts.cold))
        .collect();
    let expected =
        [("most-recently-used", 71), ("newest", 71), ("oldest", 71), ("least-recently-used", 5)];
    assert_eq!(cold, expected);
    // `grep -c '^[^,]*,1,'` of the trace.
    assert_eq!(reports[0].measured_cold_starts, Some(56));
    for report in &reports {
        assert_eq!(report.summary.invocations.completed, 10_116);
        let label = &report.sweep[0].shown;
        let summary = read(out.path().join(format!("reuse-{label}")).join("summary.json"));
        assert_golden(&summary, &format!("lambda-replay-{label}.json"));
    }
}

/// What the search of the example finds is enough, and a fifth less is not.
#[test]
fn fifty_functions() {
    let cold_share = |idle: &str| {
        let overrides = Overrides::default().with("service.keep_alive.idle", idle);
        let experiment = Experiment::load(&example("fifty-functions"), &overrides).unwrap();
        let out = tempfile::tempdir().unwrap();
        let report = experiment.run(&experiment.runs()[0], out.path()).unwrap();
        report.summary.starts.cold as f64 / report.summary.invocations.total as f64
    };
    assert!(cold_share("3.722min") < 0.01);
    assert!(cold_share("3min") > 0.01);
}

/// The means of a metric at the points of a sweep.
fn means(name: &str, metric: impl Fn(&RunReport) -> f64) -> Vec<f64> {
    let out = tempfile::tempdir().unwrap();
    let experiment = Experiment::load(&example(name), &Overrides::default()).unwrap();
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut names = Vec::new();
    for (number, run) in experiment.runs().iter().enumerate() {
        let label = run.label().unwrap_or_default();
        let report = experiment.run(run, &out.path().join(number.to_string())).unwrap();
        if !names.contains(&label) {
            names.push(label.clone());
        }
        values.entry(label).or_default().push(metric(&report));
    }
    let mean = |name: &String| values[name].iter().sum::<f64>() / values[name].len() as f64;
    names.iter().map(mean).collect()
}

fn cold_share(report: &RunReport) -> f64 {
    report.summary.starts.cold as f64 / report.summary.invocations.total as f64
}

/// Half the size helps, and the policy does not.
#[test]
fn half_images() {
    let means = means("half-images", cold_share);
    let [lru, lru_half, gdsf, gdsf_half] = means[..] else { panic!("{means:?}") };
    assert!(lru_half < 0.75 * lru && gdsf_half < 0.75 * gdsf, "{means:?}");
    assert!((lru / gdsf - 1.0).abs() < 0.05, "{means:?}");
}

#[test]
fn placements() {
    let means = means("placements", cold_share);
    let [warm_first, random, least_loaded, round_robin] = means[..] else { panic!("{means:?}") };
    assert!(warm_first < least_loaded && warm_first < round_robin, "{means:?}");
    assert!(least_loaded < random && round_robin < random, "{means:?}");
}

/// What is paid for is the memory of each function times the time that its bodies ran and its
/// containers started, 250 ms each, from the records.
#[test]
fn cost() {
    let out = tempfile::tempdir().unwrap();
    run("cost", out.path());
    let columns = ["function", "started_s", "ended_s", "start_kind"];
    let records = columns_of(&out.path().join("invocations.csv"), columns);
    let functions = columns_of(
        &out.path().join("functions.csv"),
        ["function", "memory_bytes", "busy_mb_s", "containers_started"],
    );
    let number = |text: &str| text.parse::<f64>().unwrap();
    let mut seconds: BTreeMap<&str, f64> = BTreeMap::new();
    for [function, from, to, start] in &records {
        let startup = if start == "cold" { 0.25 } else { 0.0 };
        *seconds.entry(function).or_default() += number(to) - number(from) + startup;
    }
    let (mut gb_s, mut containers) = (0.0, 0.0);
    for [name, bytes, busy, started] in &functions {
        let (paid, busy) = (seconds[name.as_str()] * number(bytes) / 1e9, number(busy) / 1e3);
        assert!((busy / paid - 1.0).abs() < 1e-9, "{name}: {busy} {paid}");
        gb_s += busy;
        containers += number(started);
    }
    assert!((gb_s - 14_615.0).abs() < 1.0, "{gb_s}");
    assert_eq!(containers, 64.0);
}

/// Nothing ever waits, so pools of containers, replayed in a few lines of another language, give
/// the cold starts and the last end. An invocation takes the container of its function that became
/// idle last, on whatever node, or starts one, which takes as long as the file of functions says.
/// (New ones go to the large node, where most memory is free; at most 57 invocations run at once,
/// and it has 64 slots.)
#[test]
fn many_functions() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("many-functions", out.path());
    let summary = &reports[0].summary;
    assert_eq!((summary.invocations.completed, summary.starts.cold), (2_906, 134));
    assert!((summary.simulated_end_s - 65.265_657).abs() < 1e-9, "{}", summary.simulated_end_s);
    assert_golden(&read(out.path().join("summary.json")), "many-functions.json");
}

/// Nothing ever waits, so pools of containers, replayed in a few lines of another language, give
/// the cold starts and the last end.
#[test]
fn own_trace() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("own-trace", out.path());
    let cold = reports.iter().map(|report| report.summary.starts.cold);
    assert!(cold.eq([10, 5]));
    assert_eq!(reports[0].summary.invocations.completed, 140);
    assert!((reports[0].summary.simulated_end_s - 596.595_7).abs() < 1e-6);
    assert_golden(&read(out.path().join("idle-1min/summary.json")), "own-trace.json");
}

/// Nothing ever waits, so pools of containers, replayed in a few lines of another language, give
/// the cold starts and the last end: an invocation arrives at its end less its duration, and takes
/// the container of its function that became idle last, less than five minutes before, or starts
/// one in a second.
#[test]
fn azure_2021() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("azure-2021", out.path());
    let summary = &reports[0].summary;
    assert_eq!((summary.invocations.completed, summary.starts.cold), (199, 60));
    assert!(
        (summary.simulated_end_s - 1_260.055_798_054).abs() < 1e-9,
        "{}",
        summary.simulated_end_s
    );
    assert_golden(&read(out.path().join("summary.json")), "azure-2021.json");
    // A function is known by its app and its own name.
    assert!(read(out.path().join("invocations.csv")).contains("0,7b2c43a2/e3cdb488,"));
}

/// There are as many invocations as the columns of minutes say: `awk` adds them up to 13,603 on the
/// first day and 12,705 on the second.
#[test]
fn azure_2019() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("azure-2019", out.path());
    assert_eq!(reports[0].summary.invocations.completed, 13_603 + 12_705);
    let records = read(out.path().join("invocations.csv"));
    let submitted = |line: &str| line.split(',').nth(3).unwrap().parse::<f64>().unwrap();
    assert_eq!(records.lines().skip(1).filter(|line| submitted(line) < 86_400.0).count(), 13_603);
    assert_golden(&read(out.path().join("summary.json")), "azure-2019.json");
}

/// What is known of the processes without playing them. Days: 5/s in an hour are 18,000 with the
/// standard deviation sqrt(18000) = 134. Clients: ten of them, who think for 2 s and wait for 0.5 s
/// and now and then for a cold start, in an hour: 3600 · 10 / 2.5 = 14,400; think times of an hour,
/// 14,400 of them with a standard deviation of 2 s, are off by sqrt(14400) · 2 / 2.5 = 96. Five of
/// these deviations are allowed.
#[test]
fn generated_workloads() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("generated-workloads", out.path());
    let records = read(out.path().join("invocations.csv"));
    let of = |function: &str| {
        records.lines().filter(|line| line.split(',').nth(1) == Some(function)).count()
    };
    assert!(of("page").abs_diff(18_000) < 670, "{}", of("page"));
    assert!(of("search").abs_diff(14_400) < 480, "{}", of("search"));
    let invocations = reports[0].summary.invocations;
    assert_eq!(invocations.total as usize, of("page") + of("search") + of("thumbnail"));
    assert_eq!(invocations.total, invocations.completed);
    assert_golden(&read(out.path().join("summary.json")), "generated-workloads.json");
}

/// Nothing ever waits, so cold starts follow from the dates of the records alone: an invocation
/// takes the container of its function that became idle last, if it has done so within the last ten
/// minutes.
#[test]
fn azure_like() {
    let out = tempfile::tempdir().unwrap();
    let reports = run("azure-like", out.path());
    let records = read(out.path().join("invocations.csv"));
    let rows: Vec<Vec<&str>> = records.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap();
    let [function, submitted, ended] = ["function", "submitted_s", "ended_s"].map(column);
    let seconds = |text: &str| text.parse::<f64>().unwrap();
    let mut invocations: Vec<_> = rows[1..]
        .iter()
        .map(|row| (seconds(row[submitted]), seconds(row[ended]), row[function]))
        .collect();
    invocations.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut containers: std::collections::BTreeMap<&str, Vec<f64>> = Default::default();
    let mut cold = 0;
    for (submitted, ended, function) in invocations {
        let idle_since = containers.entry(function).or_default();
        let free = (0..idle_since.len())
            .filter(|&index| (0.0..600.0).contains(&(submitted - idle_since[index])))
            .max_by(|&one, &other| idle_since[one].total_cmp(&idle_since[other]));
        match free {
            Some(index) => idle_since[index] = ended,
            None => {
                cold += 1;
                idle_since.push(ended);
            }
        }
    }
    let summary = &reports[0].summary;
    assert_eq!(
        (summary.starts.cold, summary.invocations.completed),
        (cold, summary.invocations.total)
    );
    assert_golden(&read(out.path().join("summary.json")), "azure-like.json");
}

#[test]
fn an_experiment_is_the_same_in_json() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let names = ["many-functions.toml", "many-functions.json"];
    let [toml, json] = [0, 1].map(|index| {
        run(names[index], folders[index].path());
        ["invocations.csv", "summary.json"].map(|name| read(folders[index].path().join(name)))
    });
    assert!(toml == json);
}

/// An example without a test here would have no golden result.
/// The answer in the comment of the example.
#[test]
fn a_node_lost_in_a_burst_fails_what_runs_there() {
    let play = |set: &[(&str, &str)]| {
        let mut overrides = Overrides::default();
        for (path, value) in set {
            overrides = overrides.with(*path, *value);
        }
        let experiment = Experiment::load(&example("node-lost"), &overrides).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let report = crate::common::run(&experiment, &folder.path().join("out"));
        let rows = crate::common::columns(&folder.path().join("out"), ["cause", "start_kind"]);
        let failed = rows.iter().filter(|[cause, _]| cause == "host_failed").count();
        let cold = rows.iter().filter(|[_, start]| start == "cold").count();
        (report.summary.invocations.total, failed, cold)
    };
    assert_eq!(play(&[]), (9_326, 8, 40));
    assert_eq!(play(&[("failure.0.at", "20min")]), (9_326, 0, 32));
}

#[test]
fn every_example_has_a_test() {
    let folder = example("quickstart").parent().unwrap().to_owned();
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml") || name.ends_with(".json"))
        .collect();
    names.sort();
    let known = [
        "azure-2019.toml",
        "azure-2021.toml",
        "azure-like.toml",
        "cost.toml",
        "enough-servers.toml",
        "fifty-functions.toml",
        "generated-workloads.toml",
        "half-images.toml",
        "lambda-replay.toml",
        "many-functions.json",
        "many-functions.toml",
        "node-lost.toml",
        "own-trace.toml",
        "placements.toml",
        "quickstart.toml",
        "reference-example.toml",
    ];
    assert_eq!(names, known);
}

#[test]
fn twice_the_same() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = folders.each_ref().map(|folder| {
        run("quickstart", folder.path());
        (read(folder.path().join("invocations.csv")), read(folder.path().join("summary.json")))
    });
    assert!(first == second, "two runs of the same experiment differ");
}
