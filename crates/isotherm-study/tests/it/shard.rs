//! A sweep in parts: what they leave together is what the whole leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isotherm_experiment::output::{FolderLock, LOCK};
use isotherm_experiment::{Experiment, Overrides};
use isotherm_study::{POINTS, Shard, SweepOptions, SweepOutcome, merge};

use crate::sweep::{Here, SWEEP, counts, files, jobs};

fn shard(text: &str) -> SweepOptions {
    SweepOptions { shard: Some(text.parse().unwrap()), ..jobs(2) }
}

/// What a folder has, without the file of a lock that shards have shared.
fn kept(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files(folder);
    files.remove(Path::new(LOCK));
    files
}

/// What it has without what shards leave for their merging.
fn merged(folder: &Path) -> impl PartialEq + use<> {
    let mut files = kept(folder);
    files.retain(|path, _| !path.starts_with("shards"));
    files
}

fn join(here: &Here, folders: &[&str], out: &str) -> Result<SweepOutcome, String> {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| here.path(folder)).collect();
    merge(&folders, &here.path(out)).map_err(|error| error.to_string())
}

#[test]
fn shards_are_all_of_it_and_nothing_twice() {
    let here = Here::new("[sweep]\nrepeat = 5\nservice.startup = [\"0s\", \"0s\", \"1s\"]\n");
    let sweep = here.load();
    let all = sweep.numbers(&jobs(1));
    // The second point is the first one.
    assert_eq!((sweep.runs(), all.len()), (15, 10));
    let parts = (1..=4).map(|number| sweep.numbers(&shard(&format!("{number}/4"))));
    let parts: Vec<Vec<u64>> = parts.collect();
    assert!(parts.iter().all(|part| (2..=3).contains(&part.len())), "{parts:?}");
    let joined: BTreeSet<u64> = parts.concat().into_iter().collect();
    assert_eq!(joined.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(parts.concat().len(), all.len());
}

/// In one folder, one beside the other; what is missing is told and keeps the tables away.
#[test]
fn shards_in_one_folder_become_the_sweep() {
    let here = Here::new(SWEEP);
    let whole = here.run("whole", &jobs(2));
    let first = here.run("o", &shard("1/3"));
    assert_eq!((counts(&first), first.runs, first.rows.len()), ((2, 0, 0), 2, 0));
    here.run("o", &shard("3/3"));
    assert!(!here.path("o").join(POINTS).exists());
    let missing = join(&here, &["o"], "o").unwrap();
    assert_eq!((missing.missing.len(), missing.rows.len()), (2, 0));
    assert_eq!(missing.unfinished.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2/3"]);
    assert!(missing.missing.iter().all(|run| run.reason == "shard 2/3 has not run it"));
    assert!(!here.path("o").join(POINTS).exists());
    here.run("o", &shard("2/3"));
    let outcome = join(&here, &["o"], "o").unwrap();
    assert_eq!((outcome.runs, outcome.rows), (6, whole.rows));
    assert!(merged(&here.path("o")) == merged(&here.path("whole")));
    // A shard that has something to do makes them invalid, one that has not leaves them.
    assert_eq!(counts(&here.run("o", &shard("2/3"))), (0, 2, 0));
    assert!(merged(&here.path("o")) == merged(&here.path("whole")));
    assert_eq!(counts(&here.run("o", &jobs(1))), (0, 6, 0));
}

/// The manifests of a run name their files from where they are.
#[test]
fn shards_in_several_folders_become_the_sweep() {
    let here = Here::new(
        "[[workload]]\nkind = \"csv\"\nfile = \"x.csv\"\nfunction = \"f\"\n\
         columns = { arrival = \"arrival_s\" }\n\
         [sweep]\nrepeat = 2\nservice.startup = [\"0s\", \"1s\"]\n",
    );
    here.write("x.csv", "arrival_s\n1\n");
    here.run("deep/whole", &jobs(2));
    for (number, out) in [(1, "one"), (2, "far/away/two")] {
        here.run(out, &shard(&format!("{number}/2")));
    }
    join(&here, &["one", "far/away/two"], "deep/joined").unwrap();
    let joined = here.path("deep/joined");
    assert!(merged(&joined) == merged(&here.path("deep/whole")));
    let run = std::fs::read_dir(joined.join("points")).unwrap().next().unwrap().unwrap();
    let manifest = run.path().join("manifest.toml");
    Experiment::load(&manifest, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    // Into the first of them.
    join(&here, &["one", "far/away/two"], "one").unwrap();
    assert_eq!(here.table("one/points.csv").len(), 4);
    // The same folder twice is that folder.
    join(&here, &["one", "one/../one"], "one").unwrap();
}

#[test]
fn shards_of_different_sweeps_are_refused() {
    let here = Here::new(SWEEP);
    here.run("o", &shard("1/2"));
    let other = |out: &str, options: &SweepOptions, what: &str| {
        here.run(out, options);
        let before = kept(&here.path("o"));
        let error = join(&here, &["o", out], "o").unwrap_err();
        assert!(error.contains(&format!("are not of one sweep: {what}")), "{error}");
        assert!(error.contains("1-of-2.json") && error.contains("2-of-2.json"), "{error}");
        assert!(kept(&here.path("o")) == before);
    };
    let program = SweepOptions { build: "other".to_owned(), ..shard("2/2") };
    other("a", &program, "the program (0.1.0 and other) differs; run the shards again");
    other("b", &SweepOptions { records: false, ..shard("2/2") }, "whether there are records");
    let text = std::fs::read_to_string(here.path("s.toml")).unwrap();
    let changes = [
        ("count = 30", "count = 31", "point 0 (startup-0s) differs"),
        ("repeat = 3", "repeat = 4", "`repeat` (3 and 4) differs"),
        ("\"0s\", ", "", "the number of points (2 and 1) differs"),
        ("name = \"m\"", "name = \"n\"", "the name of the experiment (m and n) differs"),
        (
            "service.startup",
            "service.processing_overhead",
            "the fields of `[sweep]` (service.startup",
        ),
    ];
    for (number, (from, to, what)) in changes.into_iter().enumerate() {
        here.write("s.toml", &text.replace(from, to));
        other(&format!("c{number}"), &shard("2/2"), what);
    }
    // Nothing, and what is damaged.
    assert!(join(&here, &["points"], "o").unwrap_err().contains("has no shards of a sweep"));
    let path = here.path("o/shards/1-of-2.json");
    let ours = format!("\"isotherm\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let old = std::fs::read_to_string(&path).unwrap().replace(&ours, "\"isotherm\":\"0.0.9\"");
    std::fs::write(&path, old).unwrap();
    let error = join(&here, &["o"], "o").unwrap_err();
    assert!(error.contains("1-of-2.json` was written by Isotherm 0.0.9"), "{error}");
    here.write("o/shards/1-of-2.json", "{\"number\": 1,");
    let error = join(&here, &["o"], "o").unwrap_err();
    assert!(error.contains("1-of-2.json` is damaged (EOF"), "{error}");
}

/// What has failed is in the tables as without shards, and what is damaged is missing.
#[test]
fn runs_that_fail_or_are_damaged() {
    let sweep = "[sweep]\nlimits.events = [1, 1000, 2000, 3000]\n";
    let here = Here::new(sweep);
    let whole = here.run("whole", &jobs(1));
    for number in 1..=2 {
        here.run("o", &shard(&format!("{number}/2")));
    }
    let outcome = join(&here, &["o"], "o").unwrap();
    assert_eq!((&outcome.failed, outcome.failed.len()), (&whole.failed, 1));
    assert!(merged(&here.path("o")) == merged(&here.path("whole")));
    let folders: Vec<PathBuf> = here.load().folders(&here.path("o"), &jobs(1)).collect();
    std::fs::write(folders[1].join("summary.json"), "").unwrap();
    std::fs::write(folders[2].join("summary.json"), "{\"name\":").unwrap();
    std::fs::remove_file(folders[3].join("manifest.toml")).unwrap();
    // A run that fails has no results of an earlier one.
    std::fs::create_dir(&folders[0]).unwrap();
    std::fs::write(folders[0].join("summary.json"), "{}").unwrap();
    let points =
        |outcome: &SweepOutcome| outcome.missing.iter().map(|run| run.point).collect::<Vec<_>>();
    assert_eq!(points(&join(&here, &["o"], "o").unwrap()), [1, 2, 3]);
    for number in 1..=2 {
        here.run("o", &shard(&format!("{number}/2")));
    }
    join(&here, &["o"], "o").unwrap();
    assert!(merged(&here.path("o")) == merged(&here.path("whole")));
}

#[test]
fn what_runs_at_the_same_time_is_locked() {
    let here = Here::new(SWEEP);
    let refused = |options: &SweepOptions, why: &str| {
        let error = here.load().run(&here.path("o"), options).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(why), "{source}");
    };
    // While a shard runs, the others may, and nothing else.
    let stop = {
        let (folder, other) = (here.path("o"), here.load());
        let once = Arc::new(std::sync::Once::new());
        move || {
            once.call_once(|| {
                let run = |options: &SweepOptions| other.run(&folder, options);
                let why = |options: &SweepOptions| {
                    std::error::Error::source(&run(options).unwrap_err()).unwrap().to_string()
                };
                assert_eq!(why(&shard("1/3")), "shard 1/3 is being run there at this moment");
                assert_eq!(why(&jobs(1)), "another run is writing there at this moment");
                assert!(merge(std::slice::from_ref(&folder), &folder).is_err());
                assert_eq!(counts(&run(&shard("2/3")).unwrap()), (2, 0, 0));
            });
            false
        }
    };
    let options = SweepOptions { jobs: 1, stop: Arc::new(stop), ..shard("1/3") };
    assert_eq!(counts(&here.run("o", &options)), (2, 0, 0));
    let lock = FolderLock::of(&here.path("o")).unwrap();
    refused(&shard("3/3"), "another run is writing there");
    drop(lock);
    here.run("o", &shard("3/3"));
    here.run("whole", &jobs(1));
    join(&here, &["o"], "o").unwrap();
    assert!(merged(&here.path("o")) == merged(&here.path("whole")));
    assert_eq!(Shard::new(4, 3), None);
}
