//! What goes wrong around a sweep: each with a message, and with nothing half-written.
#![cfg(unix)]

use std::process::{Command, Output, Stdio};

use crate::outputs::{Here, STUDY, names, runs, signal};

fn sweep(here: &Here, study: &str, sweep: &str) {
    here.write("s.toml", &format!("{study}[sweep]\n{sweep}"));
}

/// Runs the command with files of at most so many bytes, as on a disk that is full then.
fn with_room(here: &Here, bytes: u64, arguments: &str) -> (Option<i32>, String) {
    let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" {arguments}", bytes / 512);
    let mut command = Command::new("sh");
    let command = command.args(["-c", &limited, env!("CARGO_BIN_EXE_isotherm")]);
    let output: Output = command.current_dir(here.path("")).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Names of files, `points` without the names of runs.
fn all(here: &Here) -> (Vec<String>, usize) {
    let points = names(&here.path("o/points"));
    assert!(points.iter().all(|name| !name.starts_with('.')), "{points:?}");
    (names(&here.path("o")), points.len())
}

const WHOLE: [&str; 5] =
    ["aggregates.csv", "points", "points.csv", "points.parquet", "tables.sha256"];

#[test]
fn a_disk_that_is_full_in_a_run() {
    let here = Here::new();
    // 3 records are written, 300 of some 150 bytes are not.
    sweep(&here, STUDY, "workload.0.count = [3, 300]\n");
    let (code, told) = with_room(&here, 16 << 10, "sweep s.toml --out o --quiet");
    assert_eq!(code, Some(1));
    assert!(
        told.starts_with(
            "error: point 1 (count-300), seed 0: cannot write the results in `o/points/."
        ),
        "{told}"
    );
    assert!(told.contains("File too large") && told.lines().count() == 1, "{told}");
    // As for any run that fails, there are tables without its numbers.
    assert_eq!(all(&here), (WHOLE.map(str::to_owned).to_vec(), 1));
    let shown = here.command(&["sweep", "s.toml", "--out", "o"]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("2 runs, of which 1 was there already")
    );
    assert_eq!(all(&here).1, 2);
}

#[test]
fn a_disk_that_is_full_for_a_table() {
    let here = Here::new();
    sweep(&here, STUDY, "repeat = 40\n");
    here.runs(&["sweep", "s.toml", "--out", "whole", "--no-records", "--quiet"]);
    let limit = std::fs::metadata(here.path("whole/points.csv")).unwrap().len() / 4;
    let (code, told) = with_room(&here, limit, "sweep s.toml --out o --no-records --quiet");
    assert_eq!(code, Some(1));
    assert!(told.starts_with("error: cannot write the results in `o`: File too large"), "{told}");
    assert_eq!(all(&here), (vec!["points".to_owned()], 40));
    here.runs(&["sweep", "s.toml", "--out", "o", "--no-records", "--quiet"]);
    assert_eq!(all(&here), (WHOLE.map(str::to_owned).to_vec(), 40));
    assert_eq!(here.read("o/points.csv"), here.read("whole/points.csv"));
}

/// Permissions do not stop everyone, but where a file is there is no folder.
#[test]
fn a_folder_that_cannot_be_written() {
    let here = Here::new();
    sweep(&here, STUDY, "repeat = 2\n");
    let run = |out: &'static str| ["sweep", "s.toml", "--out", out];
    here.refuses(
        &run("e.toml/o"),
        1,
        &["cannot write the results in `e.toml/o`: ", "note: `--out DIR`"],
    );
    here.refuses(&run("e.toml"), 1, &["cannot write the results in `e.toml`: "]);
    here.refuses(&run("/proc/o"), 1, &["cannot write the results in `/proc/o`: "]);
    std::fs::create_dir(here.path("o")).unwrap();
    here.write("o/points", "");
    here.refuses(&run("o"), 1, &["cannot write the results in `o/points`: "]);
    std::fs::remove_file(here.path("o/points")).unwrap();
    here.write("o/shards", "");
    let part = ["sweep", "s.toml", "--out", "o", "--shard", "1/2"];
    let (code, told) = here.run(&part);
    assert_eq!(code, Some(1));
    assert!(
        told.starts_with("error: cannot write the results in `o/shards/1-of-2.json`: "),
        "{told}"
    );
    // A table that cannot have its place, and a run that cannot.
    std::fs::create_dir(here.path("o/points.csv")).unwrap();
    let (code, told) = here.run(&run("o"));
    assert_eq!(code, Some(1));
    assert!(told.contains("points.csv"), "{told}");
    assert!(!here.path("o/aggregates.csv").exists());
    std::fs::remove_dir(here.path("o/points.csv")).unwrap();
    here.runs(&["sweep", "s.toml", "--out", "o", "--quiet"]);
    let first = here.path("o/points").join(&names(&here.path("o/points"))[0]);
    std::fs::remove_dir_all(&first).unwrap();
    std::fs::write(&first, "").unwrap();
    let (code, told) = here.run(&["sweep", "s.toml", "--out", "o", "--quiet"]);
    assert_eq!(code, Some(1));
    assert!(
        told.starts_with("error: point 0 (), seed ") && told.contains("cannot write the results"),
        "{told}"
    );
}

#[test]
fn an_interrupt_keeps_what_is_finished() {
    let here = Here::new();
    let study = STUDY.replace("count = 3", "count = 3000").replace("\"1/s\"", "\"100/s\"");
    sweep(&here, &study, "repeat = 60\n");
    here.runs(&["sweep", "s.toml", "--out", "whole", "--quiet"]);
    let sweep = ["sweep", "s.toml", "--out", "o", "--jobs", "2", "--quiet"];
    let mut child = here.command(&sweep).stderr(Stdio::piped()).spawn().unwrap();
    while runs(&here.path("o/points")).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    signal(&child, "INT");
    let ended = child.wait_with_output().unwrap();
    // It may have been done by then.
    if ended.status.code() != Some(0) {
        assert_eq!(ended.status.code(), Some(130));
        let (files, points) = all(&here);
        assert_eq!(files, ["points"]);
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(
            told,
            format!(
                "interrupted: {points} of 60 runs are in `o`; the same command goes on from there\n"
            )
        );
    }
    here.runs(&sweep);
    for table in ["points.csv", "aggregates.csv"] {
        assert!(
            here.read(&format!("o/{table}")) == here.read(&format!("whole/{table}")),
            "{table}"
        );
    }
}

/// Runs that were damaged are run again, and so is what another version has left: it is not there.
#[test]
fn damaged_runs_and_those_of_another_version() {
    let here = Here::new();
    sweep(&here, STUDY, "repeat = 5\n");
    let run = ["sweep", "s.toml", "--out", "o", "--quiet"];
    here.runs(&run);
    let before = here.read("o/points.csv");
    let points: Vec<_> =
        runs(&here.path("o/points")).iter().map(|run| here.path("o/points").join(run)).collect();
    let summary = std::fs::read(points[0].join("summary.json")).unwrap();
    std::fs::write(points[0].join("summary.json"), &summary[..summary.len() / 2]).unwrap();
    std::fs::write(points[1].join("summary.json"), "").unwrap();
    std::fs::write(points[2].join("manifest.toml"), "").unwrap();
    std::fs::remove_dir_all(&points[3]).unwrap();
    std::fs::create_dir(&points[3]).unwrap();
    let shown = here.command(&run[..4]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("5 runs, of which 1 was there already")
    );
    assert_eq!(here.read("o/points.csv"), before);
    assert_eq!(std::fs::read(points[0].join("summary.json")).unwrap(), summary);
    let old = here.read("o/points.csv");
    let name = points[4].file_name().unwrap().to_str().unwrap();
    let manifest = here.read(&format!("o/points/{name}/manifest.toml"));
    let ours = format!("isotherm = \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(manifest.contains(&ours));
    here.write(
        &format!("o/points/{name}/manifest.toml"),
        &manifest.replace(&ours, "isotherm = \"0.0.9\""),
    );
    here.refuses(&["compare", "o"], 2, &["was written by Isotherm 0.0.9"]);
    let shown = here.command(&run[..4]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("5 runs, of which 4 were there already")
    );
    assert_eq!(here.read("o/points.csv"), old);
}

#[test]
fn missing_runs_of_a_sweep_are_found() {
    let here = Here::new();
    sweep(&here, STUDY, "repeat = 3\n");
    here.runs(&["sweep", "s.toml", "--out", "o", "--quiet"]);
    here.runs(&["check", "o"]);
    let gone = runs(&here.path("o/points"))[1].clone();
    std::fs::remove_dir_all(here.path("o/points").join(&gone)).unwrap();
    let missing = format!("are missing: `o/points.csv` says that they are in `o/points/{gone}`");
    here.refuses(&["check", "o"], 2, &[&missing, "1 are missing; the same command"]);
    std::fs::remove_dir_all(here.path("o/points")).unwrap();
    here.refuses(&["check", "o"], 2, &[&missing, "3 are missing"]);
    here.runs(&["sweep", "s.toml", "--out", "o", "--quiet"]);
    here.runs(&["check", "o"]);
}

#[test]
fn tables_that_were_changed_are_found() {
    let here = Here::new();
    sweep(&here, STUDY, "repeat = 3\n");
    let run = ["sweep", "s.toml", "--out", "o", "--quiet"];
    here.runs(&run);
    let check = || {
        let output = here.command(&["check", "o"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let whole =
        "o: 3 runs whose files are as written by them\no: 3 tables as written by the sweep\n";
    assert_eq!(check(), whole);
    // Whoever has no Isotherm can tell too.
    if let Ok(sums) = Command::new("sha256sum")
        .args(["--check", "--strict", "tables.sha256"])
        .current_dir(here.path("o"))
        .output()
    {
        assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stderr));
    }
    for table in ["points.csv", "points.parquet", "aggregates.csv"] {
        let path = here.path("o").join(table);
        let mut bytes = std::fs::read(&path).unwrap();
        let digit = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
        bytes[digit] = if bytes[digit] == b'1' { b'2' } else { b'1' };
        std::fs::write(&path, bytes).unwrap();
        let message = format!("`o/{table}` is not the file that the sweep has written");
        here.refuses(&["check", "o"], 2, &[&message]);
        std::fs::remove_file(&path).unwrap();
        let message = format!("`o/{table}` is missing: run the sweep again");
        here.refuses(&["check", "o"], 2, &[&message]);
        here.runs(&run);
        assert_eq!(check(), whole);
    }
    std::fs::remove_file(here.path("o/tables.sha256")).unwrap();
    here.refuses(&["check", "o"], 2, &["`o/tables.sha256` is missing, which says what the tables"]);
    here.write("o/tables.sha256", "0  points.csv");
    here.refuses(
        &["check", "o"],
        2,
        &["`o/points.csv` is not the file", "`o/tables.sha256` is damaged: it has no line"],
    );
    here.write("o/points.csv", "point,name,seed\n");
    here.refuses(&["check", "o"], 2, &["`o/points.csv` is not the table of a sweep: it has no"]);
    here.refuses(&["compare", "o"], 2, &["`o/points.csv` is not the table of a sweep: it has no"]);
    here.runs(&run);
    assert_eq!(check(), whole);
}

/// What is in the folder would be told of one of them only.
#[test]
fn runs_and_sweeps_do_not_share_a_folder() {
    let here = Here::new();
    sweep(&here, STUDY, "repeat = 2\n");
    here.runs(&["sweep", "s.toml", "--out", "many", "--quiet"]);
    here.runs(&["sweep", "s.toml", "--out", "part", "--shard", "1/1", "--quiet"]);
    here.runs(&["run", "e.toml", "--out", "one", "--quiet"]);
    let (of_run, of_sweep) = ("`one` holds the results of a run", "note: `--out DIR` puts them");
    for arguments in [
        &["sweep", "s.toml", "--out", "one"][..],
        &["sweep", "s.toml", "--out", "one", "--shard", "1/2"],
        &["merge", "part", "--out", "one"],
    ] {
        here.refuses(arguments, 1, &[of_run, of_sweep]);
    }
    let run = ["run", "e.toml", "--out", "many", "--force"];
    here.refuses(&run, 1, &["`many` holds the results of a sweep", "note: `--out DIR` puts them"]);
    here.runs(&["sweep", "s.toml", "--out", "many", "--quiet"]);
    here.runs(&["run", "e.toml", "--out", "one", "--quiet"]);
}

#[test]
fn runs_are_counted_by_what_became_of_them() {
    let here = Here::new();
    let shown = |values: &str| {
        sweep(&here, STUDY, &format!("limits.events = {values}\n"));
        let shown = here.command(&["sweep", "s.toml", "--out", "o"]).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let is_count = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
        shown.lines().find(is_count).unwrap_or_default().to_owned()
    };
    assert_eq!(shown("[1000]"), "1 run");
    assert_eq!(
        shown("[1000, 2000, 2000, 1, 2]"),
        "5 runs, of which 2 have failed, 1 is the same as another and 1 was there already"
    );
}

#[test]
fn a_dry_run_is_quiet_or_json() {
    let here = Here::new();
    sweep(&here, STUDY, "repeat = 2\nservice.startup = [\"1s\", \"2s\"]\n");
    let told = |how: &str| {
        let output = here.command(&["sweep", "s.toml", "--dry-run", how]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(told("--quiet"), "");
    let point = |startup: &str| {
        let name = format!("startup-{startup}");
        serde_json::json!({ "name": name, "sweep": { "service.startup": startup } })
    };
    let points = [point("1s"), point("2s")];
    let expected = serde_json::json!({ "name": "m", "repetitions": 2, "points": points });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told("--json")).unwrap(), expected);
}
