//! Results on disk, compared.

use std::path::{Path, PathBuf};

use isotherm_experiment::{Experiment, Overrides, RunOptions};
use isotherm_study::compare::{
    CompareError, CompareOptions, Comparison, Difference, Method, Pair, Verdict, compare,
};
use isotherm_study::{Sweep, SweepOptions};

/// Two functions on nodes with room for all of them: what starts cold depends on arrivals and on
/// how long containers are kept.
const STUDY: &str = r#"
name = "study"
service = { keep_alive = { kind = "fixed", idle = "2s" }, startup = "500ms" }
workload = [
    { kind = "poisson", function = "often", rate = "2/s", until = "200s" },
    { kind = "poisson", function = "seldom", rate = "0.25/s", until = "200s" },
]
[platform]
nodes = { count = 2, cores = 8, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 8, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
[[function]]
name = "often"
limits = { time = "60s", memory = "512MB" }
body = [{ sleep = { kind = "exponential", mean = "300ms" } }]
[[function]]
name = "seldom"
limits = { time = "60s", memory = "512MB" }
body = [{ sleep = { kind = "exponential", mean = "300ms" } }]
"#;

/// Runs the study with these fields set, and returns the folder.
fn run(folder: &Path, seed: u64, set: &[(&str, &str)]) -> PathBuf {
    let text = folder.with_extension("toml");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::write(&text, STUDY).unwrap();
    let mut overrides = Overrides::default().with_seed(seed);
    for (path, value) in set {
        overrides = overrides.with(*path, *value);
    }
    let experiment = match Experiment::load(&text, &overrides) {
        Ok(experiment) => experiment,
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    for run in experiment.runs() {
        experiment
            .run(run, &folder.join(run.label().unwrap_or_default()))
            .map_err(|e| e.to_string())
            .unwrap();
    }
    folder.to_owned()
}

/// Runs with these seeds, in a folder together.
fn runs(folder: &Path, seeds: impl IntoIterator<Item = u64>, set: &[(&str, &str)]) -> PathBuf {
    for seed in seeds {
        run(&folder.join(format!("seed-{seed}")), seed, set);
    }
    folder.to_owned()
}

const LONGER: (&str, &str) = ("service.keep_alive.idle", "1min");

fn all(folders: &[PathBuf]) -> Result<Comparison, CompareError> {
    compare(folders, &CompareOptions::default())
}

/// The only pair of a comparison.
fn pair(one: PathBuf, other: PathBuf) -> Pair {
    all(&[one, other]).unwrap().against_first.remove(0)
}

fn of<'a>(pair: &'a Pair, metric: &str) -> &'a Difference {
    pair.metrics.iter().find(|one| one.metric == metric).unwrap()
}

const P99: &str = "response_of_completed.all.p99_s";

#[test]
fn runs_of_one_seed_are_compared_part_by_part() {
    let folder = tempfile::tempdir().unwrap();
    let short = run(&folder.path().join("short"), 1, &[]);
    let long = run(&folder.path().join("long"), 1, &[LONGER]);
    let pair = pair(short, long);
    assert_eq!((pair.method, pair.base_runs, pair.other_runs), (Method::PairedBatches, 1, 1));
    // Containers that are kept longer serve more, and wait more.
    let cold = of(&pair, "cold_share");
    assert_eq!(cold.verdict, Verdict::Lower);
    assert!(cold.interval.unwrap().contains(cold.difference) && cold.relative.unwrap() < -0.5);
    assert_eq!(of(&pair, "response_of_completed.all.mean_s").verdict, Verdict::Lower);
    // Records do not say it.
    let wasted = of(&pair, "utilisation.container_memory.idle_mb_s");
    assert_eq!((wasted.verdict, wasted.difference > 0.0), (Verdict::NoInterval, true));
    // Every invocation is there in both.
    assert_eq!(of(&pair, "completed_share").verdict, Verdict::Same);
}

#[test]
fn records_of_all_formats_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let compared = |format: &'static str| {
        let of = |name: &str, set: &[(&str, &str)]| {
            let set = [&[("output.records", format)], set].concat();
            run(&folder.path().join(format!("{format}-{name}")), 1, &set)
        };
        let folders = [of("short", &[]), of("long", &[LONGER])];
        [false, true].map(|by_function| {
            let options = CompareOptions { by_function, ..CompareOptions::default() };
            let comparison = compare(&folders, &options).unwrap();
            let json = serde_json::to_string_pretty(&comparison).unwrap();
            json.replace(&format!("{format}-"), "")
        })
    };
    let csv = compared("csv");
    assert!(csv[0].contains("paired_batches") && csv[1].contains("seldom"));
    assert!(csv == compared("jsonl") && csv == compared("parquet"));
}

#[test]
fn damaged_records_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let one = run(&folder.path().join("one"), 1, &[]);
    let other = run(&folder.path().join("other"), 1, &[("output.records", "parquet")]);
    let path = other.join("invocations.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = all(&[one, other]).unwrap_err().to_string();
    assert!(error.contains("invocations.parquet` is not the file that the run"), "{error}");
}

#[test]
fn equal_runs_differ_by_exactly_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let one = runs(&folder.path().join("one"), 1..=3, &[]);
    let other = runs(&folder.path().join("other"), 1..=3, &[]);
    let sets = pair(one.clone(), other.clone());
    assert_eq!((sets.method, sets.base_runs), (Method::PairedRuns, 3));
    let single = pair(one.join("seed-2"), other.join("seed-2"));
    assert_eq!(single.method, Method::PairedBatches);
    for difference in sets.metrics.iter().chain(&single.metrics) {
        assert_eq!(difference.difference, 0.0, "{}", difference.metric);
    }
    assert!(sets.metrics.len() > 40);
    assert!(sets.metrics.iter().all(|one| one.verdict == Verdict::Same));
    assert_eq!(of(&single, P99).verdict, Verdict::Same);
}

#[test]
fn seeds_in_common_make_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let short = runs(&folder.path().join("short"), 1..=5, &[]);
    // Two of these have no counterpart.
    let long = runs(&folder.path().join("long"), 2..=7, &[LONGER]);
    let pair = pair(short.clone(), long);
    assert_eq!((pair.method, pair.base_runs, pair.other_runs), (Method::PairedRuns, 4, 4));
    let mean_of_seeds = |seeds: std::ops::RangeInclusive<u64>| {
        let value = |seed| {
            let path = short.join(format!("seed-{seed}/summary.json"));
            let text = std::fs::read_to_string(path).unwrap();
            let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
            summary["response_of_completed"]["all"]["p99_s"].as_f64().unwrap()
        };
        seeds.clone().map(value).sum::<f64>() / seeds.count() as f64
    };
    assert!((of(&pair, P99).base - mean_of_seeds(2..=5)).abs() < 1e-9);
    assert_eq!(of(&pair, "cold_share").verdict, Verdict::Lower);
    // Of several runs, the use of memory has an interval as well.
    let wasted = of(&pair, "utilisation.container_memory.idle_mb_s");
    assert_eq!(wasted.verdict, Verdict::Higher);
    assert!(wasted.says.contains("long wastes "), "{}", wasted.says);
}

#[test]
fn other_seeds_alone_are_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let one = runs(&folder.path().join("one"), 1..=8, &[]);
    let other = runs(&folder.path().join("other"), 11..=17, &[]);
    let sets = pair(one.clone(), other.clone());
    assert_eq!((sets.method, sets.base_runs, sets.other_runs), (Method::IndependentRuns, 8, 7));
    let single = pair(one.join("seed-1"), other.join("seed-11"));
    assert_eq!(single.method, Method::IndependentBatches);
    for pair in [&sets, &single] {
        for metric in ["response_of_completed.all.mean_s", P99, "cold_share"] {
            let difference = of(pair, metric);
            assert_eq!(difference.verdict, Verdict::CannotTell, "{}", difference.says);
            assert!(difference.says.contains("no difference can be told"), "{}", difference.says);
            assert!(difference.difference != 0.0);
        }
    }
}

#[test]
fn functions_are_compared_on_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let short = runs(&folder.path().join("short"), 1..=3, &[]);
    let long = runs(&folder.path().join("long"), 1..=3, &[LONGER]);
    let options = CompareOptions { metrics: vec!["cold_share".to_owned()], by_function: true };
    let by = |one: &Path, other: &Path| {
        let compared = compare(&[one.to_owned(), other.to_owned()], &options);
        compared.unwrap().against_first.remove(0)
    };
    let pair = by(&short, &long);
    let functions: Vec<_> = pair.metrics.iter().map(|one| one.function.as_deref()).collect();
    assert_eq!(functions, [Some("often"), Some("seldom")]);
    // A function that is invoked every 4 s finds nothing after 2 s, but after 60 s.
    assert!(pair.metrics[1].base > 0.3 && pair.metrics[1].other < 0.3);
    assert!(pair.metrics[0].base < pair.metrics[1].base);
    assert!(pair.metrics[1].says.starts_with("seldom: "));
    // Of one run each, the rare one has enough invocations for batches: about 50.
    let single = by(&short.join("seed-1"), &long.join("seed-1"));
    assert_eq!(single.method, Method::PairedBatches);
    assert_eq!(single.metrics[1].verdict, Verdict::Lower);
}

/// What is taken from the records is that of the part that counts, as in the summary.
#[test]
fn records_outside_of_the_part_that_counts_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let part = ("measure.from", "100s");
    let short = run(&folder.path().join("short"), 1, &[part]);
    let long = run(&folder.path().join("long"), 1, &[part, LONGER]);
    let whole = pair(short.clone(), long.clone());
    let cold = CompareOptions { metrics: vec!["cold_share".to_owned()], by_function: true };
    let seldom = compare(&[short.clone(), long], &cold).unwrap().against_first.remove(0);
    let text = std::fs::read_to_string(short.join("invocations.csv")).unwrap();
    let late = |row: &&str| row.split(',').nth(3).unwrap().parse::<f64>().unwrap() >= 100.0;
    let rows: Vec<_> =
        text.lines().skip(1).filter(|row| row.contains(",seldom,")).filter(late).collect();
    let cold = rows.iter().filter(|row| row.contains(",cold,")).count();
    assert_eq!(seldom.metrics[1].base, cold as f64 / rows.len() as f64);
    assert!(of(&whole, "invocations.total").base > rows.len() as f64);
    let all = run(&folder.path().join("all"), 1, &[]);
    let error = compare(&[short, all], &CompareOptions::default()).unwrap_err().to_string();
    assert!(error.contains("count different parts of a run"), "{error}");
}

#[test]
fn the_points_of_a_sweep_are_compared_with_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("study.toml");
    let sweep = "[sweep]\nservice.keep_alive.idle = [\"2s\", \"10s\", \"60s\"]\nseed = [1, 2, 3]\n";
    std::fs::write(&text, format!("{STUDY}{sweep}")).unwrap();
    let experiment = Experiment::load(&text, &Overrides::default()).unwrap();
    let out = folder.path().join("out");
    for run in experiment.runs() {
        let options = RunOptions::default().without_records();
        let folder = out.join(run.label().unwrap_or_default());
        experiment.run_with(run, &folder, options).map_err(|error| error.to_string()).unwrap();
    }
    let comparison = all(std::slice::from_ref(&out)).unwrap();
    let names = comparison.against_first.iter().map(|pair| pair.other.as_str());
    let mut names: Vec<_> = names.collect();
    names.push(&comparison.against_first[0].base);
    names.sort_unstable();
    assert_eq!(names, ["10s", "2s", "60s"]);
    for pair in &comparison.against_first {
        assert_eq!((pair.method, pair.base_runs), (Method::PairedRuns, 3));
    }
    let error = all(&[out.clone(), out.clone()]).unwrap_err().to_string();
    // The table of a sweep says which runs are its own, and in which order.
    let mut table = "point,folder\n".to_owned();
    for run in experiment.runs().iter().rev().filter(|run| run.settings[0].shown != "10s") {
        table += &format!("x,{}\n", run.label().unwrap());
    }
    std::fs::write(out.join("points.csv"), table).unwrap();
    let listed = all(std::slice::from_ref(&out)).unwrap().against_first;
    assert_eq!((listed.len(), listed[0].base_runs), (1, 3));
    assert_eq!([&listed[0].base, &listed[0].other], ["60s", "2s"]);
    assert!(error.contains("has several points of a sweep (3)"), "{error}");
    // Points whose values are called alike.
    let mut table = "name,x,seed,folder\n".to_owned();
    for run in experiment.runs() {
        table += &format!("p,alike,1,{}\n", run.label().unwrap());
    }
    std::fs::write(out.join("points.csv"), table).unwrap();
    let listed = all(std::slice::from_ref(&out)).unwrap().against_first;
    assert!(listed[0].base.starts_with("alike (") && listed[0].base != listed[0].other);
    // They have kept no records.
    let options = CompareOptions { metrics: Vec::new(), by_function: true };
    let error = compare(&[out], &options).unwrap_err().to_string();
    assert!(error.contains("has no records (`invocations.csv`)"), "{error}");
}

/// The table of the sweep says which points there are: none is left out silently.
#[test]
fn points_without_results_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let sweep = |events: &str| {
        let text = folder.path().join("study.toml");
        let sweep = format!("{STUDY}[sweep]\nlimits.events = [{events}]\n");
        std::fs::write(&text, sweep).unwrap();
        let _ = std::fs::remove_dir_all(&out);
        let sweep = Sweep::load(&text, &Overrides::default()).unwrap();
        sweep.run(&out, &SweepOptions::default()).unwrap();
        all(std::slice::from_ref(&out))
    };
    // One event is not enough for any run.
    let compared = sweep("100000, 1, 200000").unwrap();
    assert_eq!(compared.against_first.len(), 1);
    assert_eq!(compared.without_results, ["events=1"]);
    let error = all(&[out.clone(), out.clone()]).unwrap_err().to_string();
    assert!(error.contains("has several points of a sweep (3)"), "{error}");
    let refused = |events: &str, expected: &str| {
        let error = sweep(events).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused("1, 100000, 200000", "(events=1) has no results, since its runs have failed");
    refused("100000, 1", "only the first point of the sweep (events=100000) has results");
    sweep("100000, 200000, 300000").unwrap();
    let run = std::fs::read_dir(out.join("points")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_dir_all(&run).unwrap();
    let error = all(std::slice::from_ref(&out)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("`{}` has no results", run.display())), "{error}");
    assert!(error.contains("run the sweep again"), "{error}");
}

#[test]
fn what_is_not_comparable_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let one = run(&path("one"), 1, &[]);
    let refused = |folders: &[PathBuf], expected: &str| {
        let error = all(folders).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let busier = run(&path("busier"), 1, &[("workload.0.rate", "3/s")]);
    refused(&[one.clone(), busier], "have different workloads");
    refused(std::slice::from_ref(&one), "there is nothing to compare");
    let unknown = CompareOptions { metrics: vec!["respnse.p99".to_owned()], by_function: false };
    let error = compare(&[one.clone(), one.clone()], &unknown).unwrap_err().to_string();
    assert_eq!(error, "there is no metric `respnse.p99`: did you mean `response.p99`?");
    refused(&[one.clone(), path("nowhere")], "nowhere`: No such file");
    std::fs::create_dir(path("empty")).unwrap();
    refused(&[one.clone(), path("empty")], "has no results in it");
    // Of these nothing is measured.
    let late = ["first", "second"].map(|name| run(&path(name), 1, &[("measure.from", "1h")]));
    refused(&late, "nothing is measured in");
    // What a refusal names is known.
    let waits = vec!["cold_start_mean.queue_s".to_owned()];
    let waits = CompareOptions { metrics: waits, by_function: true };
    assert!(compare(&[one.clone(), one.clone()], &waits).is_ok());
    let wasted = CompareOptions { metrics: vec!["wasted_memory".to_owned()], by_function: true };
    let error = compare(&[one.clone(), one.clone()], &wasted).unwrap_err().to_string();
    assert!(error.contains("idle_mb_s` is not known for single functions"), "{error}");
    assert!(error.contains("such as `cold_start_mean.queue_s`"), "{error}");
    // A folder with a run and a copy of it.
    runs(&path("twice"), [1], &[]);
    run(&path("twice").join("copy"), 1, &[]);
    refused(&[one.clone(), path("twice")], "with the same seed (1)");
    // Of another version, and damaged.
    let old = run(&path("old"), 1, &[]);
    let manifest = std::fs::read_to_string(old.join("manifest.toml")).unwrap();
    let ours = format!("isotherm = \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(manifest.contains(&ours));
    std::fs::write(old.join("manifest.toml"), manifest.replace(&ours, "isotherm = \"0.0.9\""))
        .unwrap();
    refused(&[one.clone(), old], "was written by Isotherm 0.0.9");
    let damaged = run(&path("damaged"), 1, &[]);
    std::fs::write(damaged.join("invocations.csv"), "id\n").unwrap();
    refused(&[one, damaged], "is not the file that the run");
}
