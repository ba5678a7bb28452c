//! What a sweep leaves in its folder, whatever happens to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use isotherm_config::fields::{Fields, takes};
use isotherm_config::schema::{self, field, table};
use isotherm_experiment::{Depth, Experiment, Kinds, Overrides, Points, Results, RunOptions};
use isotherm_kernel::RandomStreams;
use isotherm_serverless::View;
use isotherm_serverless::scheduler::{ByNode, FirstFit, Plan, Scheduler};
use isotherm_study::explain::explain;
use isotherm_study::{AGGREGATES, POINTS, Sweep, SweepOptions, SweepOutcome};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use tempfile::TempDir;

const STUDY: &str = r#"
name = "m"
seed = 5
[platform]
nodes = { count = 1, cores = 2, disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "0s" }
[[function]]
name = "f"
limits = { time = "60s", memory = "1MB" }
body = [{ sleep = { kind = "exponential", mean = "1s" } }]
[[workload]]
kind = "poisson"
function = "f"
rate = "1/s"
count = 30
"#;

pub struct Here {
    folder: TempDir,
}

impl Here {
    pub fn new(sweep: &str) -> Self {
        let here = Here { folder: tempfile::tempdir().unwrap() };
        here.write("s.toml", &format!("{STUDY}{sweep}"));
        here
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn load(&self) -> Sweep {
        Sweep::load(&self.path("s.toml"), &Overrides::default())
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    }

    pub fn run(&self, out: &str, options: &SweepOptions) -> SweepOutcome {
        self.load().run(&self.path(out), options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The rows of a table, by the names of columns.
    pub fn table(&self, path: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.path(path)).unwrap();
        reader.deserialize().map(|row| row.unwrap()).collect()
    }
}

pub fn jobs(jobs: usize) -> SweepOptions {
    SweepOptions { jobs, ..SweepOptions::default() }
}

/// Everything below a folder, by its path.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => {
                files.extend(self::files(&path).into_iter().map(|(below, bytes)| {
                    (Path::new(path.file_name().unwrap()).join(below), bytes)
                }))
            }
            false => {
                files.insert(path.file_name().unwrap().into(), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

pub fn counts(outcome: &SweepOutcome) -> (u64, u64, u64) {
    (outcome.done, outcome.reused, outcome.failed.len() as u64)
}

pub const SWEEP: &str = "[sweep]\nrepeat = 3\nservice.startup = [\"0s\", \"1s\"]\n";

#[test]
fn the_bytes_are_the_same_at_any_number_of_jobs() {
    let here = Here::new(SWEEP);
    assert_eq!(counts(&here.run("one", &jobs(1))), (6, 0, 0));
    assert_eq!(counts(&here.run("four", &jobs(4))), (6, 0, 0));
    let (one, four) = (files(&here.path("one")), files(&here.path("four")));
    assert_eq!(one.len(), 4 + 6 * 5);
    assert!(one == four);
}

#[test]
fn what_is_there_is_not_run_again() {
    let here = Here::new(SWEEP);
    here.run("o", &jobs(2));
    let whole = files(&here.path("o"));
    assert_eq!(counts(&here.run("o", &jobs(2))), (0, 6, 0));
    assert!(files(&here.path("o")) == whole);
    // One that was lost, one that was damaged, one that was not complete, and one of a kill.
    let folders: Vec<PathBuf> = here.load().folders(&here.path("o"), &jobs(0)).collect();
    std::fs::remove_dir_all(&folders[1]).unwrap();
    std::fs::write(folders[2].join("summary.json"), "{\"name\":").unwrap();
    std::fs::remove_file(folders[3].join("invocations.csv")).unwrap();
    let name = folders[4].file_name().unwrap().to_string_lossy().into_owned();
    let partial = here.path("o/points").join(format!(".{name}.partial"));
    std::fs::rename(&folders[4], &partial).unwrap();
    assert_eq!(counts(&here.run("o", &jobs(2))), (4, 2, 0));
    assert!(files(&here.path("o")) == whole);
    let fresh = SweepOptions { fresh: true, ..jobs(2) };
    assert_eq!(counts(&here.run("o", &fresh)), (6, 0, 0));
    assert!(files(&here.path("o")) == whole);
    // Another program has runs of its own, and so has a sweep without records.
    let other = SweepOptions { build: "other".to_owned(), ..jobs(2) };
    assert_eq!(counts(&here.run("o", &other)), (6, 0, 0));
    let few = SweepOptions { records: false, ..jobs(2) };
    assert_eq!(counts(&here.run("o", &few)), (6, 0, 0));
}

/// Every file of a run counts, and not only its summary.
#[test]
fn damaged_records_are_run_again() {
    let here = Here::new("[sweep]\nrepeat = 2\n");
    let options = SweepOptions::default();
    here.run("o", &options);
    let whole = files(&here.path("o"));
    let run = here.load().folders(&here.path("o"), &options).next().unwrap();
    let records = run.join("invocations.csv");
    let text = std::fs::read_to_string(&records).unwrap();
    for damaged in [&text[..text.len() / 2], &text.replacen('1', "2", 1)] {
        std::fs::write(&records, damaged).unwrap();
        assert_eq!(counts(&here.run("o", &options)), (1, 1, 0));
        assert!(files(&here.path("o")) == whole);
    }
}

#[test]
fn a_changed_experiment_reuses_what_has_not_changed() {
    let here = Here::new(SWEEP);
    here.run("o", &jobs(2));
    let change = |from: &str, to: &str| {
        let text = std::fs::read_to_string(here.path("s.toml")).unwrap();
        assert!(text.contains(from), "{text}");
        here.write("s.toml", &text.replace(from, to));
        counts(&here.run("o", &jobs(2)))
    };
    // Names and places are no part of what is simulated, and neither is a default.
    assert_eq!(change("name = \"m\"", "# More.\nname = \"n\""), (0, 6, 0));
    assert_eq!(change("[sweep]", "[service]\nscheduler = \"warm-first\"\n[sweep]"), (0, 6, 0));
    assert_eq!(change("\"1s\"]", "{ name = \"one\", value = \"1s\" }]"), (0, 6, 0));
    // A seed more for each point, a value more for one, and another workload for all.
    assert_eq!(change("repeat = 3", "repeat = 4"), (2, 6, 0));
    assert_eq!(change("[\"0s\",", "[\"2s\", \"0s\","), (4, 8, 0));
    assert_eq!(change("count = 30", "count = 31"), (12, 0, 0));
    // Two points that are the same are run once.
    assert_eq!(change("[\"2s\",", "[\"3s\", \"3s\","), (4, 8, 0));
    assert_eq!(here.table("o/points.csv").len(), 16);
}

/// What is used again under another name does not have the old one in it.
#[test]
fn the_results_of_a_run_have_no_names() {
    let here = Here::new(&SWEEP.replace("\"1s\"", "{ name = \"unusual\", value = \"1s\" }"));
    here.run("o", &jobs(2));
    for folder in here.load().folders(&here.path("o"), &jobs(2)) {
        let key = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let results = Results::open(&folder).unwrap();
        let manifest = std::fs::read_to_string(results.manifest()).unwrap();
        assert!(manifest.contains(&format!("\nname = \"{key}\"\n")), "{manifest}");
        assert!(!manifest.contains("sweep") && !manifest.contains("unusual"), "{manifest}");
        let summary = std::fs::read_to_string(results.summary()).unwrap();
        assert!(
            summary.contains(&format!("\"name\": \"{key}\"")) && summary.contains("\"sweep\": {}")
        );
        // The manifest gives the same bytes again.
        let again = here.path("o/points/again");
        let experiment = Experiment::load(&results.manifest(), &Overrides::default()).unwrap();
        experiment.run(&experiment.runs()[0], &again).map_err(|error| error.to_string()).unwrap();
        assert!(files(&again) == files(&folder));
    }
    // Whoever asks the sweep gets them.
    let summaries: Vec<_> = here.load().summaries(&here.path("o"), &jobs(2)).collect();
    let last: serde_json::Value = serde_json::from_str(&summaries[5]).unwrap();
    assert_eq!(
        (&last["name"], &last["sweep"]["service.startup"]),
        (&"m".into(), &"unusual".into())
    );
}

const TRACE: &str = "[[workload]]\nkind = \"csv\"\nfile = \"x.csv\"\nfunction = \"f\"\n\
                     columns = { arrival = \"arrival_s\" }\n";

#[test]
fn the_content_of_files_counts_and_not_their_paths() {
    let here = Here::new(&format!("{TRACE}[sweep]\nworkload.1.file = [\"x.csv\", \"y.csv\"]\n"));
    here.write("x.csv", "arrival_s\n1\n");
    here.write("y.csv", "arrival_s\n2\n");
    here.run("o", &jobs(1));
    assert_eq!(counts(&here.run("o", &jobs(1))), (0, 2, 0));
    here.write("y.csv", "arrival_s\n3\n");
    assert_eq!(counts(&here.run("o", &jobs(1))), (1, 1, 0));
    // Both are known by now.
    here.write("x.csv", "arrival_s\n3\n");
    here.write("y.csv", "arrival_s\n2\n");
    assert_eq!(counts(&here.run("o", &jobs(1))), (0, 2, 0));
}

/// A run knows what it has read: it is not explained by other files, whatever its records are.
#[test]
fn the_hashes_of_inputs_are_kept() {
    let here = Here::new(&format!("{TRACE}[output]\nrecords = \"parquet\"\n[sweep]\nrepeat = 1\n"));
    here.write("x.csv", "arrival_s\n1\n");
    here.run("o", &jobs(1));
    let folder = here.load().folders(&here.path("o"), &jobs(1)).next().unwrap();
    let manifest = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
    // `xxhash.xxh3_128(b"arrival_s\n1\n").hexdigest()` of the Python package `xxhash`.
    let table = "\n[manifest.inputs]\n\"../../../x.csv\" = \
        \"xxh3-128:927a6b8abb8e89df38ff21217b6d44aa\"\n\n[manifest.sha256]\n";
    assert!(manifest.contains(table), "{manifest}");
    explain(&folder, 0).unwrap();
    // A run of the manifest has the same.
    let again = here.path("o/points/again");
    let load = || Experiment::load(&folder.join("manifest.toml"), &Overrides::default()).unwrap();
    load().run(&load().runs()[0], &again).map_err(|error| error.to_string()).unwrap();
    assert!(files(&again) == files(&folder));
    here.write("x.csv", "arrival_s\n2\n");
    let error = explain(&folder, 0).unwrap_err().to_string();
    assert!(error.ends_with("x.csv`, which it has read, has changed since"), "{error}");
}

/// So is a run that is no point of a sweep.
#[test]
fn a_run_knows_what_it_has_read() {
    let here = Here::new(TRACE);
    here.write("x.csv", "arrival_s\n1\n");
    let load = || Experiment::load(&here.path("s.toml"), &Overrides::default()).unwrap();
    let run = |options: RunOptions, folder: &str| {
        let experiment = load();
        let written = experiment.run_with(&experiment.runs()[0], &here.path(folder), options);
        written.map(drop).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", cause.unwrap_or_default())
        })
    };
    run(RunOptions::default(), "plain").unwrap();
    let manifest = std::fs::read_to_string(here.path("plain/manifest.toml")).unwrap();
    let table = "\n[manifest.inputs]\n\"../x.csv\" = \
        \"xxh3-128:927a6b8abb8e89df38ff21217b6d44aa\"\n\n[manifest.sha256]\n";
    assert!(manifest.contains(table), "{manifest}");
    explain(&here.path("plain"), 0).unwrap();
    here.write("x.csv", "arrival_s\n2\n");
    let error = explain(&here.path("plain"), 0).unwrap_err().to_string();
    assert!(error.ends_with("x.csv`, which it has read, has changed since"), "{error}");
    // A file that changes under a run fails it, and nothing is written.
    let file = here.path("x.csv");
    let change = move |_: &_| std::fs::write(&file, "arrival_s\n2\n3\n").unwrap();
    let error = run(RunOptions::default().with_observer(change), "meanwhile").unwrap_err();
    assert!(error.contains("x.csv`, which the run has read, has changed since"), "{error}");
    assert!(!here.path("meanwhile/manifest.toml").exists());
    // Hashes of another kind cannot be compared.
    let other = manifest.replace("xxh3-128:", "");
    std::fs::write(here.path("plain/manifest.toml"), other).unwrap();
    let error = explain(&here.path("plain"), 0).unwrap_err().to_string();
    assert!(error.contains("hashes of inputs that another version"), "{error}");
}

#[test]
fn a_file_that_changes_meanwhile_fails_its_points() {
    let here = Here::new(&format!("{TRACE}[sweep]\nworkload.1.file = [\"x.csv\", \"y.csv\"]\n"));
    here.write("x.csv", "arrival_s\n1\n");
    here.write("y.csv", "arrival_s\n2\n");
    let sweep = here.load();
    here.write("y.csv", "arrival_s\n20\n");
    let outcome = sweep.run(&here.path("o"), &jobs(1)).unwrap();
    assert_eq!(counts(&outcome), (1, 0, 1));
    assert!(outcome.failed[0].reason.ends_with("y.csv` has changed since the sweep began"));
    let rows = here.table("o/points.csv");
    let status: Vec<&str> = rows.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(status, ["done", "failed"]);
    assert_eq!(counts(&here.run("o", &jobs(1))), (1, 1, 0));
    // A file that is gone: the reason is one line of a message, not a message of its own.
    let fresh = SweepOptions { fresh: true, ..jobs(1) };
    let sweep = here.load();
    std::fs::remove_file(here.path("y.csv")).unwrap();
    let outcome = sweep.run(&here.path("o"), &fresh).unwrap();
    let reason = &outcome.failed[0].reason;
    assert!(reason.starts_with("cannot read `") && !reason.contains('\n'), "{reason}");
}

/// The first point reaches its limit, the second one has a broken row, the others go on.
#[test]
fn a_run_that_fails_does_not_stop_the_others() {
    let here = Here::new(&format!(
        "{TRACE}[sweep]\n[[sweep.zip]]\nworkload.1.file = [\"x.csv\", \"y.csv\", \"x.csv\"]\n\
         limits.events = [1, 1000, 2000]\n"
    ));
    here.write("x.csv", "arrival_s\n1\n2\n");
    here.write("y.csv", "arrival_s\n1\nbroken\n");
    let outcome = here.run("o", &jobs(2));
    assert_eq!(counts(&outcome), (1, 0, 2));
    let failed: Vec<_> = outcome.failed.iter().map(|run| (run.point, run.seed)).collect();
    assert_eq!(failed, [(0, 5), (1, 5)]);
    assert!(outcome.failed[0].reason.contains("1 event"), "{:?}", outcome.failed);
    assert!(outcome.failed[1].reason.contains("broken"), "{:?}", outcome.failed);
    assert_eq!(std::fs::read_dir(here.path("o/points")).unwrap().count(), 1);
}

/// Reading what is there takes long when that is much.
#[test]
fn a_sweep_that_is_stopped_while_it_looks_for_runs_changes_nothing() {
    let here = Here::new(SWEEP);
    here.run("o", &jobs(1));
    let whole = files(&here.path("o"));
    let seen = Arc::new(AtomicU64::new(0));
    let (told, asked) = (Arc::clone(&seen), Arc::clone(&seen));
    let stopping = SweepOptions {
        progress: Arc::new(move |progress| {
            assert_eq!((progress.runs, progress.looked_for), (0, 6));
            told.store(progress.looked_up, Ordering::Relaxed);
        }),
        stop: Arc::new(move || asked.load(Ordering::Relaxed) >= 2),
        ..jobs(1)
    };
    let outcome = here.run("o", &stopping);
    assert!(outcome.is_stopped && outcome.is_unverified, "{outcome:?}");
    assert_eq!((outcome.done, seen.load(Ordering::Relaxed)), (0, 2));
    assert!(files(&here.path("o")) == whole);
}

#[test]
fn a_sweep_that_is_stopped_goes_on() {
    let here = Here::new(SWEEP);
    let ended = Arc::new(AtomicU64::new(0));
    let (told, asked) = (Arc::clone(&ended), Arc::clone(&ended));
    let stopping = SweepOptions {
        progress: Arc::new(move |progress| told.store(progress.ended, Ordering::Relaxed)),
        stop: Arc::new(move || asked.load(Ordering::Relaxed) >= 2),
        ..jobs(1)
    };
    let outcome = here.run("o", &stopping);
    assert!(outcome.is_stopped && outcome.done == 2, "{outcome:?}");
    assert!(!here.path("o").join(POINTS).exists() && !here.path("o").join(AGGREGATES).exists());
    assert_eq!(counts(&here.run("o", &jobs(1))), (4, 2, 0));
    here.run("whole", &jobs(1));
    let whole = files(&here.path("whole"));
    assert!(files(&here.path("o")) == whole);
    // What is run again stays until its new results are there.
    ended.store(0, Ordering::Relaxed);
    let outcome = here.run("o", &SweepOptions { fresh: true, ..stopping });
    assert!(outcome.is_stopped && outcome.done == 2, "{outcome:?}");
    assert_eq!(counts(&here.run("o", &jobs(1))), (0, 6, 0));
    assert!(files(&here.path("o")) == whole);
}

/// Points that are alike have one run, which was not there before.
#[test]
fn points_that_are_alike_are_counted_as_such() {
    let here = Here::new("[sweep]\nservice.startup = [\"1s\", \"1s\", \"2s\"]\n");
    let outcome = here.run("o", &jobs(1));
    assert_eq!((counts(&outcome), outcome.alike, outcome.runs), ((2, 0, 0), 1, 3));
    let again = here.run("o", &jobs(1));
    assert_eq!((counts(&again), again.alike, again.runs), ((0, 2, 0), 1, 3));
}

#[test]
fn the_name_of_a_point_is_one_line() {
    let here = Here::new(
        "[sweep]\nservice.keep_alive = [{\n kind = \"fixed\",\n idle = \"1s\" },\n\
         { name = \"a\\tb\\nc\", value = \"none\" }]\n",
    );
    let sweep = here.load();
    assert_eq!(sweep.label(0), r#"keep_alive-{ kind = "fixed", idle = "1s" }"#);
    assert_eq!(sweep.label(1), r"keep_alive-a\u{9}b\nc");
}

#[test]
fn one_sweep_at_a_time_writes_into_a_folder() {
    let here = Here::new(SWEEP);
    let _lock = isotherm_experiment::output::FolderLock::of(&here.path("o")).unwrap();
    let error = here.load().run(&here.path("o"), &jobs(1)).unwrap_err();
    assert!(error.to_string().contains("cannot write the results"), "{error}");
}

/// Repetition k meets the same arrivals and durations at every point: what differs is the start-up.
#[test]
fn points_have_common_random_numbers() {
    let here = Here::new(
        "[sweep]\nrepeat = 2\nservice.startup = [\"0s\", \"1s\"]\n\
         service.scheduler = [\"random\", \"warm-first\"]\n",
    );
    here.run("o", &jobs(2));
    let rows = here.table("o/points.csv");
    let drawn = |row: &BTreeMap<String, String>| {
        let path = here.path("o").join(&row["folder"]).join("invocations.csv");
        let mut reader = csv::Reader::from_path(path).unwrap();
        let mut drawn: Vec<(String, i64)> = reader
            .deserialize()
            .map(|row: Result<BTreeMap<String, String>, _>| {
                let row = row.unwrap();
                let seconds = |name: &str| row[name].parse::<f64>().unwrap();
                let body = seconds("ended_s") - seconds("started_s");
                (row["submitted_s"].clone(), (body * 1e9).round() as i64)
            })
            .collect();
        drawn.sort();
        drawn
    };
    let of_seed =
        |seed: &str| rows.iter().filter(|row| row["seed"] == seed).map(drawn).collect::<Vec<_>>();
    let (first, second) = (of_seed("5"), of_seed("6"));
    assert_eq!((first.len(), first[0].len()), (4, 30));
    assert!(first.iter().all(|drawn| *drawn == first[0]));
    assert!(second.iter().all(|drawn| *drawn == second[0]));
    assert_ne!(first[0], second[0]);
}

/// A scheduler of a program. It fails where it is said to.
struct Own {
    fails: bool,
    rounds: ByNode<FirstFit>,
}

impl Scheduler for Own {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        assert!(!self.fails, "no round");
        self.rounds.round(view, plan);
    }
}

/// The code of a program has no hash, so its runs are done again, and nothing else is.
#[test]
fn a_panic_does_not_stop_the_others_and_own_policies_are_never_reused() {
    let here = Here::new(
        "[sweep]\nservice.scheduler = [\"first-fit\", { kind = \"own\", fails = true }, \"own\"]\n",
    );
    const FAILS: &[schema::Field] =
        &[field("fails", takes::<bool>(), "Whether it does.").default("false")];
    let kinds = Kinds::of("study")
        .with_scheduler(table("own", "").with(FAILS), |fields: &mut Fields<'_>| {
            let fails = fields.get::<bool>("fails")?;
            Some(move |_: &RandomStreams| Own { fails, rounds: ByNode::new(FirstFit, true) })
        })
        .unwrap();
    let overrides = Overrides::default().with_kinds(kinds);
    let run = || {
        let sweep = Sweep::load(&here.path("s.toml"), &overrides).unwrap();
        sweep.run(&here.path("o"), &jobs(2)).unwrap()
    };
    let first = run();
    assert_eq!(counts(&first), (2, 0, 1));
    assert_eq!((first.failed[0].point, &*first.failed[0].reason), (1, "internal error: no round"));
    let before = files(&here.path("o"));
    assert_eq!(counts(&run()), (1, 1, 1));
    assert!(files(&here.path("o")) == before);
}

/// The means of three values, by hand, and the interval with t(0.975; 2) = 4.302652730.
#[test]
fn tables_have_what_the_summaries_say() {
    let here = Here::new(&format!("[output]\nmetrics = [\"femux\"]\n{SWEEP}"));
    let outcome = here.run("o", &jobs(2));
    let rows = here.table("o/points.csv");
    let names: Vec<_> =
        rows.iter().map(|row| (row["name"].as_str(), row["seed"].as_str())).collect();
    let both = ["startup-0s", "startup-1s"].map(|name| ["5", "6", "7"].map(|seed| (name, seed)));
    assert_eq!(names, both.concat());
    assert_eq!(rows[5]["service.startup"], "1s");
    let text =
        std::fs::read_to_string(here.path("o").join(&rows[5]["folder"]).join("summary.json"));
    let summary: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
    let rum = summary["literature"]["femux"]["rum"].as_f64();
    assert_eq!(rows[5]["literature.femux.rum"].parse().ok(), rum.filter(|rum| *rum > 0.0));
    let metric = "response_of_completed.all.mean_s";
    let values: Vec<f64> = rows[3..].iter().map(|row| row[metric].parse().unwrap()).collect();
    let mean = values.iter().sum::<f64>() / 3.0;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let half = 4.302_652_730 * deviation / 3f64.sqrt();
    let means = here.table("o/aggregates.csv");
    let row = means.iter().find(|row| row["point"] == "1" && row["metric"] == metric).unwrap();
    let expected = [mean, deviation, mean - half, mean + half];
    for (column, expected) in ["mean", "standard_deviation", "low", "high"].iter().zip(expected) {
        let found: f64 = row[*column].parse().unwrap();
        assert!((found - expected).abs() < 1e-8, "{column}: {found}, not {expected}");
    }
    assert_eq!((row["runs"].as_str(), row["name"].as_str()), ("3", "startup-1s"));
    assert!(deviation > 0.0);
    assert_eq!(outcome.rows[1].metric(metric).count(), 3);
}

/// Read back, `points.parquet` has what `points.csv` has, with types.
#[test]
fn the_table_with_types_agrees_with_the_text() {
    let here = Here::new(
        "[sweep]\nrepeat = 2\nservice.startup = [\"0s\", \"1.5s\"]\n\
         [[sweep.zip]]\nplatform.nodes.count = [1, 2]\n\
         platform.nodes.memory = [\"1GB\", \"2GiB\"]\n\
         output.events = [true, false]\nservice.scheduler = [\"random\", \"warm-first\"]\n",
    );
    here.run("o", &jobs(2));
    let file = std::fs::File::open(here.path("o/points.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let notes = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let units = notes.iter().find(|note| note.key == "units").unwrap().value.clone().unwrap();
    assert_eq!(units, r#"{"platform.nodes.memory":"B","service.startup":"s"}"#);
    let rows: Vec<Row> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap()).collect();
    let text = here.table("o/points.csv");
    assert_eq!((rows.len(), text.len()), (8, 8));
    // Numbers of bytes and seconds, by hand.
    let numbers = |shown: &str| match shown {
        "0s" => Some(0.0),
        "1.5s" => Some(1.5),
        "1GB" => Some(1e9),
        "2GiB" => Some(2_147_483_648.0),
        _ => None,
    };
    for (row, text) in rows.iter().zip(&text) {
        assert_eq!(row.len(), text.len());
        for (name, field) in row.get_column_iter() {
            let shown = &text[name];
            match field {
                Field::ULong(number) => assert_eq!(number.to_string(), *shown),
                Field::Bool(truth) => assert_eq!(truth.to_string(), *shown),
                Field::Str(string) => assert_eq!(string, shown),
                Field::Null => assert_eq!("", shown),
                Field::Double(number) => {
                    let expected = numbers(shown).or_else(|| shown.parse().ok());
                    assert_eq!(Some(*number), expected, "{name}");
                }
                other => panic!("{name} is {other:?}"),
            }
        }
        let kind = |name: &str| {
            let mut fields = row.get_column_iter();
            fields.find(|(column, _)| *column == name).map(|(_, field)| field.clone()).unwrap()
        };
        assert!(matches!(kind("platform.nodes.count"), Field::ULong(1 | 2)));
        assert!(matches!(kind("output.events"), Field::Bool(_)));
        assert!(matches!(kind("service.scheduler"), Field::Str(_)));
        assert!(matches!(kind("seed"), Field::ULong(5 | 6)));
        assert!(matches!(kind("invocations.total"), Field::Double(30.0)));
    }
}

/// However many seeds there are, a point is checked once, and its plan is dropped before the next
/// one is made. The first one is returned.
#[test]
fn plans_are_made_for_points_and_not_for_seeds() {
    let here = Here::new("[sweep]\nrepeat = 100000\nservice.startup = [\"0s\", \"1s\", \"2s\"]\n");
    let points = Points::load(&here.path("s.toml"), &Overrides::default()).unwrap();
    let mut plans: Vec<Weak<_>> = Vec::new();
    let checked = points.check(Depth::Beginning, &mut |point| {
        let alive = plans.iter().skip(1).filter(|plan| plan.strong_count() > 0);
        assert_eq!(alive.count(), 0);
        plans.push(Arc::downgrade(&point.run.plan));
    });
    assert_eq!((checked.unwrap().runs().len(), plans.len()), (1, 3));
}

/// All points are checked before one is run, and errors are shown where they are written.
#[test]
fn a_wrong_point_is_found_before_anything_is_run() {
    let here = Here::new("[sweep]\nservice.slots = [1, 2, \"many\"]\n");
    let error = Sweep::load(&here.path("s.toml"), &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains("service.slots = [1, 2, \"many\"]"), "{error}");
    let points = Points::load(&here.path("s.toml"), &Overrides::default()).unwrap();
    assert_eq!((points.count(), points.axes()), (3, vec!["service.slots".to_owned()]));
}
