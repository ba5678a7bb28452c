//! What commands write on disk: all of it or nothing, one command at a time, and never over what is
//! read.
#![cfg(unix)]

use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub const STUDY: &str = r#"
name = "m"
[platform]
nodes = { count = 1, cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "0s" }
[[function]]
name = "f"
limits = { time = "60s", memory = "1MB" }
startup = "1us"
body = [{ sleep = "1ms" }]
[[workload]]
kind = "poisson"
function = "f"
rate = "1/s"
count = 3
"#;

/// A folder in which commands run.
pub struct Here {
    folder: TempDir,
}

impl Here {
    pub fn new() -> Self {
        let here = Here { folder: tempfile::tempdir().unwrap() };
        here.write("e.toml", STUDY);
        here
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isotherm"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// The exit code and what was printed as errors.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    #[track_caller]
    pub fn runs(&self, arguments: &[&str]) {
        assert_eq!(self.run(arguments), (Some(0), String::new()), "{arguments:?}");
    }

    /// Checks that a command is refused with these words, and that nothing in the folder has
    /// changed.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let before = everything(self.folder.path());
        let (found, told) = self.run(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {told}");
        for word in words {
            assert!(told.contains(word), "{arguments:?}: `{word}` is not in {told}");
        }
        assert_eq!(everything(self.folder.path()), before, "{arguments:?}");
    }
}

/// All below a folder, with what is in the files.
fn everything(folder: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap();
        if kind.is_dir() {
            found.extend(everything(&path));
        }
        let text = kind.is_file().then(|| std::fs::read(&path).unwrap());
        let text = text.or_else(|| {
            path.read_link().ok().map(|to| to.to_string_lossy().into_owned().into_bytes())
        });
        found.push((path, text));
    }
    found.sort();
    found
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub const RESULTS: [&str; 5] =
    ["functions.csv", "invocations.csv", "manifest.toml", "nodes.csv", "summary.json"];

#[test]
fn a_failure_leaves_the_old_set_whole() {
    let here = Here::new();
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
    for name in RESULTS {
        let kept = here.read(&format!("o/{name}"));
        std::fs::remove_file(here.path("o").join(name)).unwrap();
        std::fs::create_dir(here.path("o").join(name)).unwrap();
        here.refuses(
            &["run", "e.toml", "--seed", "9", "--out", "o"],
            1,
            &["cannot write the results in `o`", name],
        );
        here.refuses(
            &["run", "e.toml", "--out", "o", "--no-records", "--force"],
            1,
            &[name, "is a folder"],
        );
        std::fs::remove_dir(here.path("o").join(name)).unwrap();
        here.write(&format!("o/{name}"), &kept);
    }
    here.runs(&["check", "o"]);
}

#[test]
fn a_folder_of_results_is_checked() {
    let here = Here::new();
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
    here.runs(&["run", "e.toml", "--seed", "1", "--out", "p", "--quiet"]);
    here.runs(&["run", "e.toml", "--out", "q", "--quiet", "--no-records"]);
    for folder in ["o", "p", "q"] {
        here.runs(&["check", folder]);
    }
    let mixed = |from: &str, name: &str, message: &str| {
        let kept = here.read(&format!("o/{name}"));
        std::fs::copy(here.path(from).join(name), here.path("o").join(name)).unwrap();
        here.refuses(&["check", "o"], 2, &[message]);
        here.write(&format!("o/{name}"), &kept);
    };
    mixed("p", "invocations.csv", "`o/invocations.csv` is not the file that the run");
    mixed("p", "functions.csv", "`o/functions.csv` is not the file that the run");
    mixed("p", "summary.json", "`o/summary.json` is not the file that the run");
    mixed("p", "manifest.toml", "`o/functions.csv` is not the file that the run");
    mixed("q", "manifest.toml", "`o/invocations.csv` is of another run");
    here.runs(&["check", "o"]);
    std::fs::remove_file(here.path("o/summary.json")).unwrap();
    here.refuses(&["check", "o"], 2, &["`o/summary.json` is missing"]);
    std::fs::remove_file(here.path("o/manifest.toml")).unwrap();
    here.refuses(&["check", "o"], 2, &["`o` has no `manifest.toml`"]);
}

/// The records of one format take the place of those of another, and a run of the manifest gives
/// the same bytes.
#[test]
fn records_have_the_format_that_is_asked_for() {
    let here = Here::new();
    for (format, beginning) in
        [("parquet", &b"PAR1"[..]), ("jsonl", b"{\"id\":0,"), ("csv", b"id,")]
    {
        let file = format!("invocations.{format}");
        here.runs(&["run", "e.toml", "--out", "o", "--quiet", "--records", format]);
        let of_format = RESULTS.map(|name| name.replace("invocations.csv", &file));
        assert_eq!(names(&here.path("o")), of_format);
        here.runs(&["check", "o"]);
        let records = std::fs::read(here.path("o").join(&file)).unwrap();
        assert!(records.starts_with(beginning), "{format}");
        here.runs(&["run", "o/manifest.toml", "--out", "p", "--quiet"]);
        assert!(std::fs::read(here.path("p").join(&file)).unwrap() == records, "{format}");
    }
    let text = here.command(&["run", "e.toml", "--out", "o", "--records", "parquet"]).output();
    let text = String::from_utf8(text.unwrap().stdout).unwrap();
    assert!(text.contains("  invocations.parquet  one line per invocation\n"), "{text}");
    here.runs(&["run", "e.toml", "--out", "o", "--quiet", "--set", "output.records=none"]);
    let without_records = RESULTS.into_iter().filter(|name| *name != "invocations.csv");
    assert_eq!(names(&here.path("o")), without_records.collect::<Vec<_>>());
}

/// What is written on request agrees with the summary, and goes when it is no longer asked for.
#[test]
fn time_series_and_events_agree_with_the_summary() {
    let here = Here::new();
    let asked = ["--set", "output.timeseries=true", "--set", "output.events=true"];
    here.runs(&[&["run", "e.toml", "--out", "o", "--quiet"][..], &asked].concat());
    let files = [
        "events.jsonl",
        "functions.csv",
        "invocations.csv",
        "manifest.toml",
        "nodes.csv",
        "summary.json",
        "timeseries-links.csv",
        "timeseries-nodes.csv",
        "timeseries.csv",
    ];
    assert_eq!(names(&here.path("o")), files);
    here.runs(&["check", "o"]);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let summary = json(&here.read("o/summary.json"));
    let events: Vec<_> = here.read("o/events.jsonl").lines().map(json).collect();
    let cold = events.iter().filter(|event| event["start_kind"] == "cold").count();
    assert_eq!(summary["starts"]["cold"], cold);
    assert!(events.iter().any(|event| event["node"] == "node0" && event["function"] == "f"));
    for (file, column, expected) in [
        ("timeseries.csv", "arrivals", &summary["invocations"]["total"]),
        ("timeseries.csv", "cold_starts", &summary["starts"]["cold"]),
        ("timeseries-nodes.csv", "warm_starts", &summary["starts"]["warm"]),
    ] {
        let text = here.read(&format!("o/{file}"));
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let place = lines.next().unwrap().iter().position(|name| *name == column).unwrap();
        let sum: u64 = lines.map(|line| line[place].parse::<u64>().unwrap()).sum();
        assert_eq!(*expected, sum, "{column} of {file}");
    }
    let parquet = [&asked[..], &["--records", "parquet"]].concat();
    here.runs(&[&["run", "e.toml", "--out", "o", "--quiet"][..], &parquet].concat());
    assert!(std::fs::read(here.path("o/timeseries.parquet")).unwrap().starts_with(b"PAR1"));
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
    assert_eq!(names(&here.path("o")), RESULTS);
}

/// The timeline is one of the results, and has the same bytes when its manifest is run.
#[test]
fn a_timeline_is_written_on_request() {
    let here = Here::new();
    let files = RESULTS.map(str::to_owned).to_vec();
    for (name, beginning) in
        [("trace.json", &b"{\"displayTimeUnit\""[..]), ("trace.json.gz", b"\x1f\x8b\x08")]
    {
        here.runs(&["run", "e.toml", "--out", "o", "--quiet", "--trace", name]);
        assert_eq!(names(&here.path("o")), [&files[..], &[name.to_owned()]].concat());
        here.runs(&["check", "o"]);
        let timeline = std::fs::read(here.path("o").join(name)).unwrap();
        assert!(timeline.starts_with(beginning), "{name}");
        here.runs(&["run", "o/manifest.toml", "--out", "p", "--quiet"]);
        assert!(std::fs::read(here.path("p").join(name)).unwrap() == timeline, "{name}");
    }
    let text = here.command(&["run", "e.toml", "--out", "o", "--trace", "trace.json"]).output();
    let text = String::from_utf8(text.unwrap().stdout).unwrap();
    assert!(text.contains("  trace.json       a timeline for ui.perfetto.dev\n"), "{text}");
    here.refuses(&["run", "e.toml", "--trace", "x.json"], 2, &["possible values: trace.json, "]);
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
    assert_eq!(names(&here.path("o")), RESULTS);
}

/// A run that goes on for a long time, when it has begun to write.
fn endless(here: &Here, out: &str) -> Child {
    begin_endless(here, Command::new(env!("CARGO_BIN_EXE_isotherm")), out)
}

/// Begins it by a command that takes the arguments of Isotherm.
fn begin_endless(here: &Here, mut command: Command, out: &str) -> Child {
    let text = STUDY.replace("count = 3", "count = 1_000_000_000_000").replace("1/s", "1000/s");
    here.write("endless.toml", &text);
    command.current_dir(here.folder.path()).args(["run", "endless.toml", "--out", out]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let begun = |name: &String| name.starts_with(".invocations.csv.") && name.ends_with(".partial");
    while !here.path(out).exists() || !names(&here.path(out)).iter().any(begun) {
        assert_eq!(child.try_wait().unwrap(), None, "it cannot have ended");
        std::thread::yield_now();
    }
    child
}

pub fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn two_runs_into_one_folder_cannot_mix() {
    let here = Here::new();
    let mut first = endless(&here, "o");
    let (code, told) = here.run(&["run", "e.toml", "--out", "o"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("in `o`: another run is writing there"), "{told}");
    // Another folder is free, and so is one beside.
    here.runs(&["run", "e.toml", "--out", "o/beside", "--quiet"]);
    signal(&first, "INT");
    assert_eq!(first.wait().unwrap().code(), Some(130));
    assert_eq!(names(&here.path("o")), ["beside"]);
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
}

#[test]
fn two_sweeps_into_one_folder_cannot_mix() {
    let here = Here::new();
    here.write("sweep.toml", &format!("{STUDY}[sweep]\nworkload.0.count = [1, 2]\n"));
    let text = STUDY.replace("count = 3", "count = 1_000_000_000_000").replace("1/s", "1000/s");
    here.write("endless.toml", &format!("{text}[sweep]\nservice.startup = [\"1s\", \"2s\"]\n"));
    let mut first = here
        .command(&["run", "endless.toml", "--out", "o"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !here.path("o/points").exists() {
        assert_eq!(first.try_wait().unwrap(), None, "it cannot have ended");
        std::thread::yield_now();
    }
    let (code, told) = here.run(&["run", "sweep.toml", "--out", "o"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("in `o`: another run is writing there"), "{told}");
    signal(&first, "TERM");
    assert_eq!(first.wait().unwrap().code(), Some(143));
    assert!(names(&here.path("o/points")).is_empty());
}

#[test]
fn what_a_run_that_was_killed_left_goes_with_the_next() {
    let here = Here::new();
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
    let before: Vec<String> = RESULTS.iter().map(|name| here.read(&format!("o/{name}"))).collect();
    let mut killed = endless(&here, "o");
    killed.kill().unwrap();
    assert_eq!(killed.wait().unwrap().signal(), Some(9));
    let left = names(&here.path("o"));
    assert!(left.iter().any(|name| name.ends_with(".partial")), "{left:?}");
    here.runs(&["check", "o"]);
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
    assert_eq!(names(&here.path("o")), RESULTS);
    let after: Vec<String> = RESULTS.iter().map(|name| here.read(&format!("o/{name}"))).collect();
    assert!(before == after);
}

#[cfg(target_os = "linux")]
#[test]
fn the_end_of_the_terminal_ends_a_run_that_listens_to_it() {
    let here = Here::new();
    // Whoever runs the tests may have made it ignored, which is inherited.
    let mut listening = Command::new("env");
    listening.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_isotherm")]);
    let mut child = begin_endless(&here, listening, "results/o");
    signal(&child, "HUP");
    assert_eq!(child.wait().unwrap().code(), Some(129));
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.starts_with("interrupted: ") && told.lines().count() == 1, "{told}");
    assert!(!here.path("results").exists());
    // `nohup` makes it ignored, and then it is.
    let shell = "trap '' HUP; exec \"$0\" run endless.toml --out results/o 2>told";
    let mut shell = Command::new("sh")
        .current_dir(here.folder.path())
        .args(["-c", shell, env!("CARGO_BIN_EXE_isotherm")])
        .spawn()
        .unwrap();
    while !here.path("results/o").exists() || names(&here.path("results/o")).len() < 2 {
        assert_eq!(shell.try_wait().unwrap(), None, "it cannot have ended");
        std::thread::yield_now();
    }
    signal(&shell, "HUP");
    signal(&shell, "INT");
    assert_eq!(shell.wait().unwrap().code(), Some(130));
    assert!(!here.path("results").exists());
}

#[test]
fn an_output_never_replaces_what_is_read() {
    let here = Here::new();
    std::fs::hard_link(here.path("e.toml"), here.path("hard")).unwrap();
    symlink("e.toml", here.path("link")).unwrap();
    std::fs::create_dir(here.path("sub")).unwrap();
    let words = ["is read by this command, and what is read is never replaced"];
    for out in ["e.toml", "./e.toml", "sub/../e.toml", "hard", "link"] {
        for force in [&[][..], &["--force"]] {
            here.refuses(
                &[&["workload", "generate", "e.toml", "--out", out], force].concat(),
                1,
                &words,
            );
            let functions =
                ["workload", "generate", "e.toml", "--out", "new/day.csv", "--functions", out];
            here.refuses(&[&functions, force].concat(), 1, &words);
            for format in ["--svg", "--dot"] {
                here.refuses(&[&["platform", "e.toml", format, out], force].concat(), 1, &words);
            }
        }
    }
    // Results over a trace, a table of functions, a manifest that is run, or a platform with its
    // profile.
    let head = STUDY.split("[[workload]]").next().unwrap();
    let trace = |file: &str| {
        format!(
            "{head}[[workload]]\nkind = \"csv\"\nfile = \"{file}\"\nfunction = \"f\"\ncolumns = {{ arrival = \"submitted_s\" }}\n"
        )
    };
    here.write("r.toml", &trace("sub/invocations.csv"));
    here.write("sub/invocations.csv", "submitted_s\n0\n1\n");
    for arguments in [&[][..], &["--no-records"], &["--force"]] {
        here.refuses(
            &[&["run", "r.toml", "--out", "sub"], arguments].concat(),
            1,
            &["`sub/invocations.csv`", words[0]],
        );
    }
    here.write("f.csv", "name\ng\n");
    let functions = "[functions]\ncsv = \"f.csv\"\ncolumns = { name = \"name\" }\nlimits = { time = \"1s\", memory = \"1MB\" }\n";
    let functions = format!("{}{functions}body = [{{ sleep = \"1s\" }}]\n", STUDY);
    here.write("f.toml", &functions);
    here.refuses(
        &["workload", "generate", "f.toml", "--out", "day.csv", "--functions", "f.csv"],
        1,
        &words,
    );
    here.runs(&["run", "e.toml", "--out", "o", "--quiet"]);
    here.refuses(
        &["run", "o/manifest.toml", "--out", "o", "--seed", "1"],
        1,
        &["`o/manifest.toml`", words[0]],
    );
    here.runs(&["run", "o/manifest.toml", "--out", "o2", "--quiet"]);
    let hosts = ["user", "head", "node"].map(|name| {
        format!("<host id='{name}' speed='1Gf'{}><disk id='d-{name}' read_bw='1GBps' write_bw='1GBps'><prop id='mount' value='/'/></disk></host>",
            if name == "node" { " state_file='profile.txt'" } else { "" })
    });
    let routes = [("user", "head"), ("head", "node")]
        .map(|(a, b)| format!("<route src='{a}' dst='{b}'><link_ctn id='l'/></route>"));
    here.write("p.xml", &format!(
        "<?xml version='1.0'?>\n<platform version='4.1'><zone id='z' routing='Full'>{}<link id='l' bandwidth='1GBps' latency='0s'/>{}</zone></platform>\n",
        hosts.concat(), routes.concat()
    ));
    here.write("profile.txt", "1000 1\n");
    let start = STUDY.find("[platform]").unwrap();
    let end = STUDY.find("[[function]]").unwrap();
    here.write("x.toml", &format!("name = \"m\"\nplatform = \"p.xml\"\n{}", &STUDY[end..]));
    assert!(start < end);
    here.runs(&["run", "x.toml", "--out", "ox", "--quiet"]);
    for input in ["p.xml", "profile.txt"] {
        for file in ["x.toml", "p.xml"] {
            here.refuses(&["platform", file, "--svg", input], 1, &words);
        }
        here.refuses(&["workload", "generate", "x.toml", "--out", input], 1, &words);
    }
}

#[test]
fn links_devices_and_pipes_only_with_force() {
    let here = Here::new();
    here.write("old.svg", "old");
    symlink("old.svg", here.path("link.svg")).unwrap();
    let made = Command::new("mkfifo").arg(here.path("pipe")).status().unwrap();
    assert!(made.success());
    for (out, word) in [
        ("link.svg", "is a link to `old.svg`"),
        ("pipe", "is no file but a device, a pipe"),
        ("/dev/full", "is no file but a device"),
    ] {
        let hint = "\nnote: `--force` writes to it\n";
        here.refuses(&["platform", "e.toml", "--svg", out], 1, &[word, hint]);
        here.refuses(
            &["workload", "generate", "e.toml", "--out", out, "--functions", "f.csv"],
            1,
            &[word, hint],
        );
        here.refuses(
            &["workload", "generate", "e.toml", "--out", "day.csv", "--functions", out],
            1,
            &[word, hint],
        );
    }
    here.refuses(
        &["workload", "generate", "e.toml", "--out", "/dev/null", "--force"],
        2,
        &["by `--functions`"],
    );
    here.refuses(
        &["platform", "e.toml", "--svg", "/dev/full", "--force"],
        1,
        &["`/dev/full`: No space left"],
    );
    here.runs(&["platform", "e.toml", "--svg", "link.svg", "--force"]);
    assert!(here.path("link.svg").is_symlink());
    assert!(here.read("old.svg").starts_with("<svg") || here.read("old.svg").starts_with("<?xml"));
    let reader = std::thread::spawn({
        let pipe = here.path("pipe");
        move || std::fs::read_to_string(pipe).unwrap()
    });
    here.runs(&[
        "workload",
        "generate",
        "e.toml",
        "--out",
        "pipe",
        "--functions",
        "f.csv",
        "--force",
        "--quiet",
    ]);
    let read = reader.join().unwrap();
    assert!(read.starts_with("arrival_s,function") && read.lines().count() == 4, "{read}");
    assert!(here.read("f.csv").starts_with("function,"));
    // The files of a run.
    std::fs::create_dir(here.path("o")).unwrap();
    here.write("elsewhere.json", "old");
    symlink("../elsewhere.json", here.path("o/summary.json")).unwrap();
    here.refuses(
        &["run", "e.toml", "--out", "o"],
        1,
        &["`o/summary.json` is a link to `../elsewhere.json`", "--force"],
    );
    here.runs(&["run", "e.toml", "--out", "o", "--force", "--quiet"]);
    assert!(
        here.path("o/summary.json").is_symlink() && here.read("elsewhere.json").starts_with('{')
    );
    here.runs(&["check", "o"]);
    // Both drawings in one file.
    here.refuses(&["platform", "e.toml", "--svg", "x", "--dot", "x"], 2, &["to the same place"]);
}

#[test]
fn a_failed_export_leaves_old_files_and_no_folders() {
    let here = Here::new();
    here.runs(&["workload", "generate", "e.toml", "--out", "day.csv", "--quiet"]);
    std::fs::remove_file(here.path("day-functions.csv")).unwrap();
    std::fs::create_dir(here.path("day-functions.csv")).unwrap();
    let other = ["workload", "generate", "e.toml", "--seed", "5", "--out"];
    here.refuses(&[&other[..], &["day.csv"]].concat(), 1, &["`day-functions.csv` is a folder"]);
    here.refuses(
        &[&other[..], &["new/folders/day.csv", "--functions", "day-functions.csv"]].concat(),
        1,
        &["is a folder"],
    );
    here.refuses(&[&other[..], &["e.toml/day.csv"]].concat(), 1, &["e.toml"]);
}

/// Files whose names are nearly the same, among them some that no folder could have.
#[test]
fn runs_of_a_sweep_never_collide() {
    let here = Here::new();
    let trace = "[[workload]]\nkind = \"csv\"\nfile = \"x.csv\"\nfunction = \"f\"\ncolumns = { arrival = \"arrival_s\" }\n";
    let long = "l".repeat(240);
    let files = ["a b.csv", "a-b.csv", "A-b.csv", "x..", ".c", &long];
    for (number, file) in files.iter().enumerate() {
        here.write(file, &format!("arrival_s\n{}", "0\n".repeat(number + 1)));
    }
    let list: Vec<String> = files.iter().map(|file| format!("{file:?}")).collect();
    here.write(
        "s.toml",
        &format!("{STUDY}{trace}[sweep]\nworkload.1.file = [{}]\n", list.join(", ")),
    );
    let output = here.command(&["run", "s.toml", "--out", "o"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = String::from_utf8(output.stdout).unwrap();
    let table = here.read("o/points.csv");
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    assert_eq!(table.lines().count(), 1 + files.len());
    for (number, (row, file)) in table.lines().skip(1).zip(files).enumerate() {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(
            (cells[column("point")], cells[column("workload.1.file")]),
            (&*number.to_string(), file)
        );
        assert_eq!(cells[column("invocations.total")], (3 + number + 1).to_string());
        let folder = format!("o/{}", cells[column("folder")]);
        assert_eq!(
            here.read(&format!("{folder}/invocations.csv")).lines().count(),
            1 + 3 + number + 1
        );
        assert!(shown.contains(&format!(" file-{file} ")), "{shown}");
    }
    here.runs(&["check", "o"]);
}

/// The runs of a sweep that are complete.
pub fn runs(points: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(points).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// What was killed goes on: each run is there once, and as if it had never been killed.
#[test]
fn a_sweep_that_is_killed_goes_on() {
    let here = Here::new();
    let study = STUDY.replace("count = 3", "count = 3000").replace("\"1/s\"", "\"100/s\"");
    here.write(
        "s.toml",
        &format!("{study}[sweep]\nrepeat = 20\nworkload.0.count = [2000, 3000]\n"),
    );
    here.runs(&["sweep", "s.toml", "--out", "whole", "--jobs", "1", "--quiet"]);
    let whole = names(&here.path("whole/points"));
    assert_eq!(whole.len(), 40);
    let mut killed = 0;
    for pause in [0, 3, 7, 13, 19, 23, 31, 37, 41, 47] {
        let mut child = here
            .command(&["sweep", "s.toml", "--out", "o", "--jobs", "2", "--quiet"])
            .spawn()
            .unwrap();
        // From its first run on, and a while longer.
        while runs(&here.path("o/points")).len() <= killed && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        let complete = runs(&here.path("o/points"));
        assert!(complete.iter().all(|name| whole.contains(name)), "{complete:?}");
        assert!(complete.len() >= killed, "what was complete is lost");
        killed = complete.len();
    }
    let output = here.command(&["sweep", "s.toml", "--out", "o", "--jobs", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&here.path("o/points")), whole);
    for file in ["points.csv", "points.parquet", "aggregates.csv"] {
        let [one, other] =
            ["o", "whole"].map(|out| std::fs::read(here.path(out).join(file)).unwrap());
        assert!(one == other, "{file}");
    }
    for run in whole {
        for file in RESULTS {
            let [one, other] =
                ["o", "whole"].map(|out| here.read(&format!("{out}/points/{run}/{file}")));
            assert!(one == other, "{run}/{file}");
        }
    }
}

#[test]
fn many_runs_are_asked_about_and_too_many_refused() {
    let here = Here::new();
    let sweep = |repeat: u32| here.write("s.toml", &format!("{STUDY}[sweep]\nrepeat = {repeat}\n"));
    sweep(10_001);
    for command in ["run", "sweep"] {
        here.refuses(
            &[command, "s.toml", "--out", "o"],
            2,
            &["this sweep has 10,001 runs", "--yes"],
        );
    }
    let (code, _) = here.run(&["sweep", "s.toml", "--dry-run"]);
    assert_eq!(code, Some(0));
    sweep(1_000_001);
    here.refuses(
        &["sweep", "s.toml", "--yes", "--out", "o"],
        2,
        &["this sweep has 1,000,001 runs", "at most 1,000,000"],
    );
    here.refuses(&["sweep", "e.toml"], 2, &["`e.toml` has no `[sweep]`"]);
    assert!(!here.path("o").exists());
}

/// The arrivals end long before.
#[test]
fn a_window_without_invocations_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let example = crate::ran::examples().join("quickstart.toml");
    let run = ["run", example.to_str().unwrap(), "--out", "r", "--set", "measure.from=1000h"];
    let (code, _, err) = crate::ran::isotherm_in(folder.path(), &run);
    assert_eq!(code, Some(0));
    assert!(err.starts_with("warning: nothing is measured"), "{err}");
}
