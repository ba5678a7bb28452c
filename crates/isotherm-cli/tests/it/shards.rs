//! `isotherm sweep --shard` and `isotherm merge`, as processes side by side, and the page about
//! them.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::outputs::{Here, RESULTS, STUDY, names, runs, signal};

/// Long enough for others to meet it, and to be killed in between.
fn study(here: &Here, sweep: &str) {
    let study = STUDY.replace("count = 3", "count = 3000").replace("\"1/s\"", "\"100/s\"");
    here.write("s.toml", &format!("{study}[sweep]\n{sweep}"));
}

fn shard<'a>(out: &'a str, shard: &'a str) -> [&'a str; 9] {
    ["sweep", "s.toml", "--out", out, "--jobs", "1", "--quiet", "--shard", shard]
}

const TABLES: [&str; 4] = ["aggregates.csv", "points.csv", "points.parquet", "tables.sha256"];

/// Checks that two folders have the same tables and runs.
#[track_caller]
fn assert_same(here: &Here, one: &str, other: &str) {
    let bytes = |path: String| std::fs::read(here.path(&path)).unwrap();
    for file in TABLES {
        assert!(bytes(format!("{one}/{file}")) == bytes(format!("{other}/{file}")), "{file}");
    }
    let runs = names(&here.path(&format!("{one}/points")));
    assert_eq!(runs, names(&here.path(&format!("{other}/points"))));
    for (run, file) in runs.iter().flat_map(|run| RESULTS.map(|file| (run, file))) {
        let [one, other] = [one, other].map(|out| bytes(format!("{out}/points/{run}/{file}")));
        assert!(one == other, "{run}/{file}");
    }
}

/// Three processes in one folder, one of which is killed and goes on.
#[test]
fn shards_side_by_side_become_the_sweep() {
    let here = Here::new();
    study(&here, "repeat = 12\nworkload.0.count = [2000, 3000]\n");
    let mut whole = here.command(&["sweep", "s.toml", "--out", "whole"]);
    let whole = whole.stderr(Stdio::null()).output().unwrap();
    let shards = ["1/3", "2/3", "3/3"];
    let start = |part| here.command(&shard("o", part)).spawn().unwrap();
    let mut running = shards.map(start);
    loop {
        let goes_on = running.iter_mut().any(|child| child.try_wait().unwrap().is_none());
        if runs(&here.path("o/points")).len() >= 4 {
            break;
        }
        assert!(goes_on, "they have ended");
    }
    running[1].kill().unwrap();
    for (number, child) in running.iter_mut().enumerate() {
        let code = child.wait().unwrap().code();
        assert!(number == 1 || code == Some(0), "{number}: {code:?}");
    }
    // It may have been done by then.
    if runs(&here.path("o/points")).len() < 24 {
        let (code, told) = here.run(&["merge", "o"]);
        assert_eq!(code, Some(1));
        assert!(told.starts_with("missing: point ") && told.contains("shard 2/3 has not run it"));
        assert!(
            told.contains(" of 24 runs are missing, so there are no tables\nnote: shards with "),
            "{told}"
        );
        assert!(told.ends_with("--shard I/N`: 2/3\n"), "{told}");
        assert!(TABLES.iter().all(|table| !here.path("o").join(table).exists()));
    }
    here.runs(&shard("o", "2/3"));
    let merged = here.command(&["merge", "o"]).output().unwrap();
    assert_eq!((merged.status.code(), merged.stderr.as_slice()), (Some(0), &b""[..]));
    assert_same(&here, "o", "whole");
    // What is printed differs in the folder only.
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    assert_eq!(
        shown(&merged.stdout),
        shown(&whole.stdout).replace("results in whole", "results in o")
    );
    assert_eq!(
        names(&here.path("o")),
        ["aggregates.csv", "points", "points.csv", "points.parquet", "shards", "tables.sha256"]
    );
}

#[test]
fn one_process_at_a_time_runs_a_shard() {
    let here = Here::new();
    study(&here, "workload.0.count = [1_000_000_000_000, 1_000_000_000_001]\n");
    let mut first = here.command(&shard("o", "1/2")).stderr(Stdio::piped()).spawn().unwrap();
    while !here.path("o/shards/1-of-2.json").exists() {
        assert_eq!(first.try_wait().unwrap(), None, "it cannot have ended");
        std::thread::yield_now();
    }
    let refused = |arguments: &[&str], why: &str| {
        let (code, told) = here.run(arguments);
        assert_eq!(code, Some(1), "{told}");
        assert!(
            told.starts_with(&format!("error: cannot write the results in `o`: {why}")),
            "{told}"
        );
    };
    refused(&shard("o", "1/2"), "shard 1/2 is being run there at this moment");
    refused(&["sweep", "s.toml", "--out", "o"], "another run is writing there at this moment");
    refused(&["merge", "o"], "another run is writing there at this moment");
    signal(&first, "INT");
    let ended = first.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(told, "interrupted: 0 of 1 runs are in `o`; the same command goes on from there\n");
    assert!(names(&here.path("o/points")).iter().all(|name| !name.ends_with(".partial")));
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let here = Here::new();
    let sweep = "[sweep]\nrepeat = 4\nworkload.0.count = [1, 2]\n";
    here.write("s.toml", &format!("{STUDY}{sweep}"));
    here.runs(&shard("a", "1/2"));
    here.write("s.toml", &format!("{}{sweep}", STUDY.replace("1ms", "2ms")));
    here.runs(&shard("b", "2/2"));
    here.refuses(
        &["merge", "a", "b", "--out", "c"],
        2,
        &["`a/shards/1-of-2.json` and `b/shards/2-of-2.json` are not of one sweep: \
           point 0 (count-1) differs; run the shards again with the same experiment"],
    );
    here.refuses(
        &["merge", "e.toml"],
        2,
        &["`e.toml` has no shards of a sweep: `isotherm sweep FILE --shard"],
    );
    here.refuses(&["merge", "nowhere"], 2, &["`nowhere` has no shards"]);
    for wrong in ["0/2", "3/2", "1", "a/b"] {
        here.refuses(&["sweep", "s.toml", "--shard", wrong], 2, &["from 1/N to N/N, such as 3/16"]);
    }
    let listed =
        here.command(&["sweep", "s.toml", "--dry-run", "--shard", "2/3"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.ends_with("\n\nshard 2/3 has 3 runs of them\n")
            || listed.ends_with("has 2 runs of them\n"),
        "{listed}"
    );
}

/// A stand-in for Slurm: an array is a loop, and a job is done when it is submitted.
const SBATCH: &str = r#"#!/bin/sh
for argument; do script=$argument; done
if [ "$1" = --parsable ]; then
    last=$(sed -n 's/^#SBATCH --array=1-//p' "$script")
    cpus=$(sed -n 's/^#SBATCH --cpus-per-task=//p' "$script")
    for task in $(seq "$last"); do
        SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$last SLURM_CPUS_PER_TASK=$cpus \
            sh "$script" || exit
    done
    echo 17
else
    [ "$1 $2" = "--dependency=afterany:17 --wrap" ] && sh -c "$script"
fi
"#;

/// The scripts of `docs/sweeps.md` do what the page says.
#[test]
fn the_page_about_sweeps_is_true() {
    let here = Here::new();
    here.write(
        "study.toml",
        &format!("{STUDY}[sweep]\nrepeat = 3\nworkload.0.count = \"1..=5\"\n"),
    );
    here.runs(&["sweep", "study.toml", "--out", "whole", "--quiet"]);
    let bin = here.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_isotherm"), bin.join("isotherm")).unwrap();
    here.write("bin/sbatch", SBATCH);
    std::fs::set_permissions(bin.join("sbatch"), PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::join_paths(
        [bin].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sweeps.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = |after: &str| {
        after.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0.to_owned()
    };
    let script = page.split_once("<!-- file: sweep.sbatch -->\n").unwrap().1;
    here.write("sweep.sbatch", &block(script));
    let commands: Vec<String> = page.split("<!-- run -->\n").skip(1).map(block).collect();
    assert_eq!(commands.len(), 3);
    for (commands, out) in commands.iter().zip(["study", "study", "joined"]) {
        let output = Command::new("sh")
            .args(["-ec", commands])
            .env("PATH", &path)
            .current_dir(here.path(""))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), told.as_str()), (Some(0), ""), "{commands}");
        assert_same(&here, &format!("results/{out}"), "whole");
        let _ = std::fs::remove_dir_all(here.path("results/study"));
    }
}
