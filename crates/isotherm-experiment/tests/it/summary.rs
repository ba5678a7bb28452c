//! The summary has the fields of its reference, and what it says of slots and memory is what
//! follows from the records.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common;
use isotherm_experiment::{Experiment, Overrides, RunOptions, RunReport};
use isotherm_serverless::eviction::LeastRecentlyUsed;

/// One record, dates in nanoseconds.
struct Record {
    function: String,
    container: u64,
    submitted: u64,
    dispatched: u64,
    done: u64,
}

fn nanos(seconds: &str) -> u64 {
    let (whole, decimals) = seconds.split_once('.').unwrap();
    assert_eq!(decimals.len(), 9);
    whole.parse::<u64>().unwrap() * 1_000_000_000 + decimals.parse::<u64>().unwrap()
}

/// Runs the first run of an example; its report and the records of those that were dispatched.
fn run(name: &str) -> (RunReport, Vec<Record>) {
    run_with(name, &Overrides::default())
}

fn run_with(name: &str, overrides: &Overrides) -> (RunReport, Vec<Record>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    let experiment = Experiment::load(&file, overrides).unwrap_or_else(|errors| panic!("{errors}"));
    let out = tempfile::tempdir().unwrap();
    let report = common::run(&experiment, out.path());
    let names = ["function", "container", "submitted_s", "dispatched_s", "response_s"];
    let mut rows = common::columns(out.path(), names);
    rows.retain(|[.., dispatched, _]| !dispatched.is_empty());
    let record = |[function, container, submitted, dispatched, response]: [String; 5]| Record {
        function,
        container: container.parse().unwrap(),
        submitted: nanos(&submitted),
        dispatched: nanos(&dispatched),
        done: nanos(&submitted) + nanos(&response),
    };
    (report, rows.into_iter().map(record).collect())
}

fn assert_close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= expected.abs() * 1e-12, "{got} instead of {expected}");
}

/// A slot is in use, and a container busy, from the dispatch of an invocation until the platform is
/// done with it.
#[test]
fn slots_and_busy_memory_follow_from_the_records() {
    let (report, records) = run("quickstart.toml");
    let utilisation = report.utilisation.unwrap();
    // The limits in the file, in MB.
    let limits = BTreeMap::from([("thumbnail", 256u64), ("predict", 1000), ("report", 512)]);
    let begin = records.iter().map(|record| record.submitted).min().unwrap();
    let end = records.iter().map(|record| record.done).max().unwrap();
    assert_close(utilisation.from_s, begin as f64 / 1e9);
    assert_close(utilisation.to_s, report.summary.simulated_end_s);
    let time: u64 = records.iter().map(|record| record.done - record.dispatched).sum();
    assert_close(utilisation.slots.used_mean, time as f64 / (end - begin) as f64);
    let busy = |record: &Record| {
        u128::from(record.done - record.dispatched) * u128::from(limits[&*record.function])
    };
    assert_close(
        utilisation.container_memory.busy_mb_s,
        records.iter().map(busy).sum::<u128>() as f64 / 1e9,
    );
    // Ends come before the dispatches of the same date.
    let mut changes: Vec<_> =
        records.iter().flat_map(|r| [(r.dispatched, 1i64), (r.done, -1)]).collect();
    changes.sort_unstable();
    let in_use = changes.iter().scan(0, |used, (_, change)| {
        *used += change;
        Some(*used)
    });
    assert_eq!(in_use.max(), Some(utilisation.slots.used_peak as i64));
}

/// Nothing is evicted here: a container is idle between two invocations, and after its last one for
/// ten minutes or until the end.
#[test]
fn idle_memory_follows_from_the_records() {
    let (report, records) = run("lambda-replay.toml");
    let mut containers: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for record in &records {
        containers.entry(record.container).or_default().push((record.dispatched, record.done));
    }
    let end = records.iter().map(|record| record.done).max().unwrap();
    let mut idle = 0;
    for invocations in containers.values_mut() {
        invocations.sort_unstable();
        idle += invocations.windows(2).map(|pair| pair[1].0 - pair[0].1).sum::<u64>();
        idle += (end - invocations.last().unwrap().1).min(600_000_000_000);
    }
    assert_eq!(report.platform.containers_evicted, 0);
    // Containers of 128 MB.
    assert_close(report.utilisation.unwrap().container_memory.idle_mb_s, idle as f64 * 128.0 / 1e9);
}

/// What counts begins and ends while the platform is busy; the same happens as without it.
#[test]
fn a_part_of_the_run_is_measured() {
    let part = Overrides::default().with("measure.from", "2min").with("measure.until", "8min");
    let ((report, records), (whole, all)) =
        (run_with("quickstart.toml", &part), run("quickstart.toml"));
    let (from, until) = (120_000_000_000, 480_000_000_000);
    let measure = report.measure.unwrap();
    assert_eq!((measure.from_s, measure.until_s), (120.0, Some(480.0)));
    assert_eq!((whole.measure, records.len()), (None, all.len()));
    assert_eq!(report.summary.simulated_end_s, whole.summary.simulated_end_s);
    assert_eq!(report.platform, whole.platform);
    // Here every invocation is dispatched.
    let counts = records.iter().filter(|record| (from..until).contains(&record.submitted)).count();
    assert_eq!(report.summary.invocations.total, counts as u64);
    assert!(counts > 1_000 && counts < all.len() - 500);
    let utilisation = report.utilisation.unwrap();
    assert_eq!((utilisation.from_s, utilisation.to_s), (120.0, 480.0));
    let used =
        |record: &Record| record.done.clamp(from, until) - record.dispatched.clamp(from, until);
    let time: u64 = records.iter().map(used).sum();
    assert_close(utilisation.slots.used_mean, time as f64 / (until - from) as f64);
}

/// The keys at the top of `summary.json`, in order; what is below them is compared where the
/// reference is made.
#[test]
fn the_summary_has_the_fields_of_its_reference() {
    let file = isotherm_testing::in_repository("examples/quickstart.toml");
    let part = Overrides::default()
        .with("measure.from", "1s")
        .with("service.keep_alive", "{ kind = \"fixed\", idle = \"1000h\" }")
        .with("output.metrics", "[\"sitw\", \"femux\"]");
    let experiment = Experiment::load(&file, &part).unwrap();
    // With a policy of its own, a part that counts and a warning, of which fields say so.
    let options = RunOptions::default().with_eviction(LeastRecentlyUsed);
    let report = experiment.start(&experiment.runs()[0], options).unwrap().finish().unwrap();
    let text = report.to_json();
    let keys: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split_once('"'))
        .map(|(key, _)| key.to_owned())
        .collect();
    let described: Vec<_> =
        isotherm_results::reference::top().iter().map(|field| field.name.to_owned()).collect();
    assert_eq!(keys, described);
}
