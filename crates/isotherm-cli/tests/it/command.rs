//! The command as its users see it: what it prints, what it leaves behind, how it exits.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::ran::assert_snapshot;

fn isotherm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isotherm"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("NO_COLOR");
    command
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

fn run(arguments: &[&str]) -> (Output, TempDir) {
    let out = tempfile::tempdir().unwrap();
    let output =
        isotherm().arg("run").args(arguments).arg("--out").arg(out.path()).output().unwrap();
    (output, out)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The text without what differs between runs: how long it took, and where the test's folder is.
fn steady(text: &str, out: &Path) -> String {
    let mut steady = String::new();
    for line in text.lines() {
        let line = line.replace(&out.display().to_string(), "[OUT]");
        match line.split_once(" s in ") {
            Some((simulated, _)) if simulated.starts_with("simulated") => {
                steady.push_str(&format!("{simulated} s in [TIME]"));
            }
            _ => steady.push_str(&line),
        }
        steady.push('\n');
    }
    steady
}

#[test]
fn what_a_run_shows() {
    for name in ["quickstart", "reference-example", "lambda-replay"] {
        let (output, out) = run(&[example(&format!("{name}.toml")).to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
        assert_snapshot(&steady(&stdout(&output), out.path()), &format!("{name}.txt"));
    }
}

const RESULTS: [&str; 5] =
    ["functions.csv", "invocations.csv", "manifest.toml", "nodes.csv", "summary.json"];

#[test]
fn a_run_leaves_five_files() {
    let (output, out) = run(&[example("reference-example.toml").to_str().unwrap(), "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!((stdout(&output), stderr(&output)), (String::new(), String::new()));
    assert_eq!(files(out.path()), RESULTS);
}

/// Without records the numbers are the same, and no record is left, not even an earlier one.
#[test]
fn records_can_be_left_out() {
    let out = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = isotherm();
        command
            .arg("run")
            .arg(example("quickstart.toml"))
            .arg("--out")
            .arg(out.path())
            .args(arguments);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        (stdout(&output), std::fs::read_to_string(out.path().join("summary.json")).unwrap())
    };
    let (shown, with) = run(&[]);
    assert!(shown.contains("invocations.csv"));
    let (shown, without) = run(&["--no-records"]);
    assert!(!shown.contains("invocations.csv"));
    let without_records = RESULTS.into_iter().filter(|name| *name != "invocations.csv");
    assert_eq!(files(out.path()), without_records.collect::<Vec<_>>());
    assert!(with == without);
}

#[test]
fn results_go_to_a_folder_of_the_experiments_name() {
    let here = tempfile::tempdir().unwrap();
    let example = example("reference-example.toml").canonicalize().unwrap();
    let output = isotherm().current_dir(here.path()).arg("run").arg(example).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(files(&here.path().join("results/reference-example")), RESULTS);
}

/// Invariant 1 of ARCHITECTURE.md: no path and no clock gets into a result.
#[test]
fn results_are_the_same_bytes_from_any_folder() {
    let first = tempfile::tempdir().unwrap();
    let second = tempfile::tempdir().unwrap();
    let folder = example("").canonicalize().unwrap();
    let elsewhere = isotherm()
        .current_dir(&folder)
        .args(["run", "quickstart.toml", "--quiet", "--out"])
        .arg(first.path())
        .status()
        .unwrap();
    let absolute = isotherm()
        .current_dir(second.path())
        .args(["run", "--quiet"])
        .arg(folder.join("quickstart.toml"))
        .status()
        .unwrap();
    assert!(elsewhere.success() && absolute.success());
    for name in ["invocations.csv", "summary.json"] {
        let one = std::fs::read(first.path().join(name)).unwrap();
        let other = std::fs::read(second.path().join("results/quickstart").join(name)).unwrap();
        assert!(one.len() > 500, "{name} holds something");
        assert!(one == other, "{name} differs");
    }
}

/// The same, for the surroundings: many variables or none, another language, another time zone,
/// another width of the terminal.
#[test]
fn results_are_the_same_bytes_in_any_environment() {
    let file = example("quickstart.toml").canonicalize().unwrap();
    let results = |surroundings: &dyn Fn(&mut Command)| {
        let out = tempfile::tempdir().unwrap();
        let mut command = isotherm();
        surroundings(&mut command);
        let output = command.arg("run").arg(&file).arg("--out").arg(out.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let read = |name: &str| std::fs::read(out.path().join(name)).unwrap();
        let shown = steady(&stdout(&output), out.path());
        (read("invocations.csv"), read("summary.json"), shown)
    };
    let plain = results(&|_| ());
    assert!(plain.0.len() > 100_000, "the records of more than a thousand invocations");
    let bare = results(&|command| {
        command.env_clear();
    });
    // What is on the stack below `main` moves every address above it.
    let crowded = results(&|command| {
        command.envs((0..500).map(|number| (format!("UNRELATED_{number}"), "x".repeat(number))));
        command
            .env("LC_ALL", "de_DE.UTF-8")
            .env("TZ", "Asia/Tokyo")
            .env("COLUMNS", "20")
            .env("RUST_LOG", "trace");
    });
    assert!(plain == bare && plain == crowded);
}

/// A run that is killed leaves nothing that could be taken for a result, and what an earlier run
/// left stays as it was.
#[test]
fn a_run_that_is_killed_leaves_no_result() {
    let out = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = isotherm();
        command
            .arg("run")
            .args(arguments)
            .arg("--out")
            .arg(out.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    assert!(
        run(&[example("reference-example.toml").to_str().unwrap()]).status().unwrap().success()
    );
    let earlier = std::fs::read(out.path().join("invocations.csv")).unwrap();
    // Would go on for years.
    let mut child = run(&["tests/inputs/endless.toml"]).spawn().unwrap();
    let partial =
        || files(out.path()).into_iter().filter(|name| name.ends_with(".partial")).count();
    while partial() == 0 {
        assert_eq!(child.try_wait().unwrap(), None, "it cannot have ended");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut left = files(out.path());
    left.retain(|name| !name.starts_with('.'));
    assert_eq!(left, RESULTS);
    assert!(std::fs::read(out.path().join("invocations.csv")).unwrap() == earlier);
}

#[test]
fn warnings_are_shown_and_do_not_stop_a_run() {
    let out = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(example("platforms/quickstart.xml")).unwrap();
    let changed = text.replacen("bandwidth=\"100Mbps\"", "bandwidth=\"12500000\"", 1);
    assert_ne!(text, changed);
    std::fs::create_dir(out.path().join("platforms")).unwrap();
    std::fs::write(out.path().join("platforms/quickstart.xml"), changed).unwrap();
    std::fs::copy(example("quickstart.toml"), out.path().join("x.toml")).unwrap();
    let run = |arguments: &[&str]| {
        isotherm()
            .current_dir(out.path())
            .args(["run", "x.toml", "--out", "o"])
            .args(arguments)
            .output()
            .unwrap()
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0));
    let warning = stderr(&output);
    let message =
        "warning: attribute `bandwidth` of `link` is `12500000`, without a unit: taken as Bps\n";
    assert!(warning.starts_with(message), "{warning}");
    assert!(warning.contains("platforms/quickstart.xml:30:"), "{warning}");
    assert_eq!(warning.matches("warning").count(), 1);
    // 100 Mb/s are 12.5 MB/s: nothing else is different.
    assert!(stdout(&output).starts_with("quickstart (seed 42, preset default)\n"));
    assert_eq!(stderr(&run(&["--quiet"])), "");
}

/// 0: all conform; 1: some differ; 2: what is there cannot be tried.
#[test]
fn conform_says_with_its_exit_code_what_came_out() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("cases")).unwrap();
    std::fs::create_dir(folder.path().join("platforms")).unwrap();
    let platform = "platforms/single-node.xml";
    std::fs::copy(suite.join(platform), folder.path().join(platform)).unwrap();
    let good = std::fs::read_to_string(suite.join("cases/one-invocation.json")).unwrap();
    let conform = |text: &str| {
        std::fs::write(folder.path().join("cases/x.json"), text).unwrap();
        let output = isotherm().current_dir(folder.path()).args(["conform", "."]).output().unwrap();
        (output.status.code(), stdout(&output), stderr(&output))
    };
    let (code, out, err) = conform(&good);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("1 of 1 conform, largest error "), "{out}");
    let (code, out, err) =
        conform(&good.replace("\"end_s\": 17.412631347", "\"end_s\": 17.412641347"));
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert!(
        out.starts_with(
            "one-invocation: end of the simulation: expected 17.412641347 s, got 17.412631"
        ),
        "{out}"
    );
    assert!(out.contains("\n0 of 1 conform"), "{out}");
    let broken = [
        (String::new(), "error: ./cases/x.json: the file is empty"),
        ("[".repeat(1_000_000), "error: ./cases/x.json: this is not a JSON object"),
        (
            good.replace("\"body\": [", &format!("\"body\": [{}", "[".repeat(100_000))),
            "error: ./cases/x.json:35:13: a value is missing, or is not written in JSON",
        ),
        (good.replace("\"fcfs\"", "7"), "error: ./cases/x.json:16:"),
        (
            good.replace("single-node.xml", "none.xml"),
            "error: ./cases/x.json: platform: cannot read the platform `./platforms/none.xml`",
        ),
        (good.replace(platform, "cases/x.json"), "error: ./cases/x.json:1:1: not well-formed XML"),
        (
            good.replace("\"user_host\": \"user\"", "\"user_host\": \"me\""),
            "error: ./cases/x.json: user_host: there is no host `me`",
        ),
    ];
    for (text, message) in broken {
        let (code, out, err) = conform(&text);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{message}");
        assert!(err.starts_with(message), "{message}: {err}");
    }
}

#[test]
fn another_seed_gives_other_results() {
    let seeds = ["1", "2"].map(|seed| {
        let (output, out) =
            run(&[example("quickstart.toml").to_str().unwrap(), "--quiet", "--seed", seed]);
        assert_eq!(output.status.code(), Some(0));
        std::fs::read(out.path().join("invocations.csv")).unwrap()
    });
    assert_ne!(seeds[0], seeds[1]);
}

#[test]
fn json_is_the_summary() {
    let (output, out) = run(&[example("reference-example.toml").to_str().unwrap(), "--json"]);
    let summary = std::fs::read_to_string(out.path().join("summary.json")).unwrap();
    assert_eq!(stdout(&output), summary);
    assert!(summary.starts_with("{\n  \"name\": \"reference-example\",\n"));
}

#[test]
fn json_of_a_sweep_is_a_list() {
    let (output, _out) = run(&[example("lambda-replay.toml").to_str().unwrap(), "--json"]);
    let text = stdout(&output);
    assert!(text.starts_with('[') && text.trim_end().ends_with(']'));
    assert_eq!(text.matches("\"measured_cold_starts\": 56").count(), 4);
}

#[test]
fn bad_input_exits_with_2_and_shows_the_place() {
    let (output, out) = run(&["../isotherm-experiment/tests/bad/unknown-field.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let message = "\
error: unknown field `seeed`
 --> ../isotherm-experiment/tests/bad/unknown-field.toml:3:1
  |
3 | seeed = 42
  | ^^^^^ did you mean `seed`?
";
    assert!(stderr(&output).starts_with(message), "{}", stderr(&output));
    assert!(files(out.path()).is_empty());
}

#[test]
fn a_row_that_is_broken_ends_the_run_without_results() {
    let (output, out) = run(&["tests/inputs/broken-trace.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot(&stderr(&output), "broken-trace.txt");
    assert!(files(out.path()).is_empty(), "{:?}", files(out.path()));
}

#[test]
fn a_function_that_fits_nowhere_is_bad_input() {
    let (output, out) = run(&["tests/inputs/refused.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot(&stderr(&output), "refused.txt");
    assert!(files(out.path()).is_empty());
}

#[test]
fn a_simulation_that_cannot_go_on_exits_with_1_and_says_who_waits() {
    let (output, out) = run(&["tests/inputs/deadlock.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot(&stderr(&output), "deadlock.txt");
    assert!(files(out.path()).is_empty());
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &["run"][..],
        &["rum"],
        &["run", "x.toml", "--seed", "-1"],
        &["run", "x", "--quiet", "--json"],
        &[],
    ] {
        let output = isotherm().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("Usage: isotherm"), "{}", stderr(&output));
    }
}

#[test]
fn files_and_folders_that_are_not_there() {
    let (output, _) = run(&["nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "error: cannot read `nowhere.toml`: there is no such file\n");
    let output = isotherm().args(["conform", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).starts_with("error: cannot read nowhere: there is no such file"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn results_that_cannot_be_written() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let output = isotherm()
        .arg("run")
        .arg(example("reference-example.toml"))
        .arg("--out")
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("error: cannot write the results in"),
        "{}",
        stderr(&output)
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "in the way");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    for arguments in [&[][..], &["--json"]] {
        let out = tempfile::tempdir().unwrap();
        let mut command = isotherm();
        command
            .arg("run")
            .arg(example("lambda-replay.toml"))
            .arg("--out")
            .arg(out.path())
            .args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(stderr(&output), "");
        assert_eq!(
            files(&out.path().join("points")).len(),
            4,
            "a folder for each run of the sweep"
        );
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let output = isotherm().arg("--version").output().unwrap();
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), format!("isotherm {}\n", env!("CARGO_PKG_VERSION")))
    );
    for (arguments, name) in [
        (&["--help"][..], "help.txt"),
        (&["run", "--help"], "run-help.txt"),
        (&["sweep", "--help"], "sweep-help.txt"),
        (&["merge", "--help"], "merge-help.txt"),
        (&["conform", "--help"], "conform-help.txt"),
        (&["explain", "--help"], "explain-help.txt"),
        (&["search", "--help"], "search-help.txt"),
        (&["policies", "--help"], "policies-help.txt"),
    ] {
        let output = isotherm().args(arguments).output().unwrap();
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
        assert_snapshot(&stdout(&output), name);
    }
}
