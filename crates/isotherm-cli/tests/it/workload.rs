//! `isotherm workload describe` and `isotherm workload generate`.

use std::path::Path;

use crate::ran::{assert_snapshot, examples, isotherm_in};
use std::process::Command;

fn isotherm(arguments: &[&str]) -> (Option<i32>, String, String) {
    isotherm_in(&examples(), &[&["workload"], arguments].concat())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_a_workload_looks_like() {
    for name in ["generated-workloads", "azure-like", "many-functions", "quickstart"] {
        let (code, out, err) = isotherm(&["describe", &format!("{name}.toml")]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{name}");
        assert_snapshot(&out, &format!("describe-{name}.txt"));
    }
}

/// 2,906 rows below the header of the trace, of 30 functions; `awk` adds up the durations.
#[test]
fn a_trace_is_described_as_the_experiment_that_reads_it() {
    let (code, out, _) = isotherm(&["describe", "data/skewed_requests.csv", "--json"]);
    assert_eq!(code, Some(0));
    let (_, experiment, _) = isotherm(&["describe", "many-functions.toml", "--json"]);
    // A trace does not say how much memory its functions have, and which functions there are
    // besides those that are invoked.
    let part = |text: &str, key: &str| {
        let start = text.find(&format!("\"{key}\"")).unwrap();
        let rest = &text[start..];
        rest[..rest.find("\n  \"").unwrap_or(rest.len())].to_owned()
    };
    for key in [
        "arrivals",
        "first_s",
        "last_s",
        "rate_per_s",
        "gap_variation",
        "durations",
        "popular",
        "mean_concurrency",
    ] {
        assert_eq!(part(&out, key), part(&experiment, key), "{key}");
    }
    assert_eq!(part(&out, "arrivals"), "\"arrivals\": 2906,");
    let named = isotherm(&[
        "describe",
        "data/skewed_requests.csv",
        "--columns",
        "arrival=arrival_s,function=function,duration=duration_s",
        "--json",
    ]);
    assert_eq!(named.1, out);
}

/// The same arrivals in other formats.
#[test]
fn traces_in_all_formats_are_described() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (lines, table) = (written("x.jsonl"), written("x.parquet"));
    let csv = std::fs::read_to_string(examples().join("data/skewed_requests.csv")).unwrap();
    let line = |row: &str| {
        let [at, function, took] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
        format!("{{\"arrival_s\": {at}, \"function\": \"{function}\", \"duration_s\": {took}}}\n")
    };
    std::fs::write(&lines, csv.lines().skip(1).map(line).collect::<String>()).unwrap();
    let (code, _, err) =
        isotherm(&["generate", "many-functions.toml", "--format", "parquet", "--out", &table]);
    assert_eq!(code, Some(0), "{err}");
    let (_, expected, _) = isotherm(&["describe", "data/skewed_requests.csv", "--json"]);
    let without_name = |text: &str| {
        text.lines().filter(|line| !line.contains("\"name\"")).collect::<Vec<_>>().join("\n")
    };
    for file in [lines, table] {
        let (code, out, err) = isotherm(&["describe", &file, "--json"]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{file}");
        assert_eq!(without_name(&out), without_name(&expected), "{file}");
    }
}

/// As many invocations and functions as the experiments have that play the same.
#[test]
fn traces_of_azure_are_described() {
    let numbers = |text: &str| {
        let is_wanted = |line: &&str| {
            ["arrivals\": ", "functions", "last_s", "mean_concurrency"]
                .iter()
                .any(|key| line.contains(key))
        };
        text.lines().filter(is_wanted).map(str::to_owned).collect::<Vec<_>>()
    };
    let (_, experiment, _) = isotherm(&["describe", "azure-2021.toml", "--json"]);
    let (code, out, err) = isotherm(&["describe", "data/azure-2021/Azure2021_200.csv", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(numbers(&out), numbers(&experiment));
    let (code, out, err) = isotherm(&["describe", "data/azure-2019", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    // The sum of all minutes in its two files of invocations.
    assert!(out.contains("\"arrivals\": 26308,") && out.contains("\"functions\": 29,"), "{out}");
    // The sum of all minutes of its second day.
    let day = "data/azure-2019/invocations_per_function_md.anon.d02.csv.gz";
    let (code, out, err) = isotherm(&["describe", day, "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("\"arrivals\": 12705,"), "{out}");
}

/// Arrivals that are written and read again are the same arrivals: the run of the trace is that of
/// the workload.
#[test]
fn what_is_generated_can_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let day = folder.path().join("made/day.csv");
    let out = day.to_str().unwrap();
    let (code, shown, err) =
        isotherm(&["generate", "azure-like.toml", "--set", "workload.0.until=20min", "--out", out]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let made = folder.path().join("made");
    assert_eq!(names(&made), ["day-functions.csv", "day.csv"]);
    let rows = std::fs::read_to_string(&day).unwrap();
    assert!(rows.starts_with("arrival_s,function,duration_s\n"), "{}", &rows[..80]);
    let count = rows.lines().count() - 1;
    assert!(shown.contains(" invocations of ") && shown.contains("day-functions.csv"), "{shown}");
    assert!(count > 20, "{count}");
    let experiment = std::fs::read_to_string(examples().join("azure-like.toml")).unwrap();
    let (head, _) = experiment.split_once("[[workload]]").unwrap();
    let replay = format!(
        "{head}\n[functions]\ncsv = \"day-functions.csv\"\n\
         columns = {{ name = \"function\", app = \"app\", memory = \"memory_bytes\", disk = \"disk_bytes\", time = \"timeout_s\" }}\n\
         limits = {{ time = \"unlimited\" }}\n\n[[workload]]\nkind = \"csv\"\nfile = \"day.csv\"\n\
         columns = {{ arrival = \"arrival_s\", function = \"function\", duration = \"duration_s\" }}\n"
    );
    std::fs::write(made.join("replay.toml"), replay).unwrap();
    let summary = |file: &str, set: &[&str], results: &str| {
        let results = folder.path().join(results);
        let output = Command::new(env!("CARGO_BIN_EXE_isotherm"))
            .current_dir(examples())
            .args(["run", file, "--quiet", "--out"])
            .arg(&results)
            .args(set)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(results.join("invocations.csv")).unwrap()
    };
    let direct = summary("azure-like.toml", &["--set", "workload.0.until=20min"], "direct");
    let replayed = summary(made.join("replay.toml").to_str().unwrap(), &[], "replayed");
    assert!(direct == replayed, "the records differ");
    let parquet = made.join("other.parquet");
    let (code, _, err) = isotherm(&[
        "generate",
        "azure-like.toml",
        "--set",
        "workload.0.until=20min",
        "--format",
        "parquet",
        "--out",
        parquet.to_str().unwrap(),
    ]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let read = |name: &str| std::fs::read(made.join(name)).unwrap();
    assert!(read("day-functions.csv") == read("other-functions.csv"));
    let replay = std::fs::read_to_string(made.join("replay.toml")).unwrap();
    let replay = replay
        .replace(
            "kind = \"csv\"\nfile = \"day.csv\"",
            "kind = \"parquet\"\nfile = \"other.parquet\"",
        )
        .replace("arrival_s", "arrival_ns")
        .replace("duration_s", "duration_ns");
    std::fs::write(made.join("parquet.toml"), replay).unwrap();
    let replayed = summary(made.join("parquet.toml").to_str().unwrap(), &[], "from-parquet");
    assert!(direct == replayed, "the records differ");
}

/// A function with two invocations in the first minute, and one in the third minute of the second
/// day.
#[test]
fn the_files_of_azure() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = folder.path().join("two-days.toml");
    std::fs::write(
        &experiment,
        r#"
name = "two-days"
[platform]
nodes = { count = 1, cores = 2, memory = "8GB", disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
[[function]]
name = "f"
limits = { time = "60s", memory = "512MB" }
[[workload]]
kind = "list"
function = "f"
at = ["0s", "59.9s", "86521s"]
durations = ["100ms", "300ms", "1.5s"]
"#,
    )
    .unwrap();
    let out = folder.path().join("azure");
    let arguments = [
        "generate",
        experiment.to_str().unwrap(),
        "--format",
        "azure-2019",
        "--out",
        out.to_str().unwrap(),
        "--quiet",
    ];
    assert_eq!(isotherm(&arguments), (Some(0), String::new(), String::new()));
    let families =
        ["app_memory_percentiles", "function_durations_percentiles", "invocations_per_function_md"];
    let expected: Vec<_> = families
        .iter()
        .flat_map(|family| ["d01", "d02"].map(|day| format!("{family}.anon.{day}.csv")))
        .collect();
    assert_eq!(names(&out), expected);
    let row = |family: &str, day: &str| {
        let text = std::fs::read_to_string(out.join(format!("{family}.anon.{day}.csv"))).unwrap();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        assert_eq!((lines.len(), lines[0].split(',').count()), (2, lines[1].split(',').count()));
        lines[1].clone()
    };
    let first = row("invocations_per_function_md", "d01");
    assert!(
        first.starts_with("two-days,f,f,http,2,0,0,0,") && first.split(',').count() == 1444,
        "{first}"
    );
    assert!(row("invocations_per_function_md", "d02").starts_with("two-days,f,f,http,0,0,1,0,"));
    // Average, count, minimum, maximum; the median of two is the first, to 1 %, the percentiles
    // above it the second.
    let first = row("function_durations_percentiles", "d01");
    let median = first.split(',').nth(10).unwrap().parse::<f64>().unwrap();
    assert!((100.0..=101.0).contains(&median), "{first}");
    assert!(
        first.starts_with("two-days,f,f,200,2,100,300,100,") && first.ends_with(",300,300,300"),
        "{first}"
    );
    assert_eq!(
        row("function_durations_percentiles", "d02"),
        "two-days,f,f,1500,1,1500,1500,1500,1500,1500,1500,1500,1500,1500"
    );
    assert_eq!(
        row("app_memory_percentiles", "d01"),
        "two-days,f,1,512,512,512,512,512,512,512,512,512"
    );
    // They are read as the data set is.
    let text = std::fs::read_to_string(&experiment).unwrap();
    let (head, _) = text.split_once("[[function]]").unwrap();
    let replay = format!(
        "{head}[functions]\nazure_2019 = {{ folder = \"azure\", days = [1, 2] }}\n[[workload]]\nkind = \"azure-2019\"\n"
    );
    let path = folder.path().join("replay.toml");
    std::fs::write(&path, replay).unwrap();
    let (code, out, err) = isotherm(&["describe", path.to_str().unwrap(), "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("\"arrivals\": 3,") && out.contains("\"functions\": 1,"), "{out}");
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.csv");
    let out = out.to_str().unwrap();
    let detour = folder.path().join("../").join(folder.path().file_name().unwrap()).join("./x.csv");
    let detour = detour.to_str().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["generate", "generated-workloads.toml", "--out", out],
            2,
            "closed loop depend on the platform",
        ),
        (&["generate", "nowhere.toml", "--out", out], 2, "there is no such file"),
        (&["generate", "data/skewed_requests.csv", "--out", out], 2, "from an experiment"),
        (
            &[
                "generate",
                "azure-like.toml",
                "--format",
                "azure-2019",
                "--no-durations",
                "--out",
                out,
            ],
            2,
            "for `--format csv`",
        ),
        (
            &["generate", "azure-like.toml", "--out", folder.path().to_str().unwrap()],
            1,
            "is a folder",
        ),
        (
            &["generate", "azure-like.toml", "--out", out, "--functions", out],
            2,
            "give the functions a file of their own",
        ),
        (
            &[
                "generate",
                "azure-like.toml",
                "--format",
                "parquet",
                "--out",
                out,
                "--functions",
                detour,
            ],
            2,
            "both arrivals and functions would be written to",
        ),
        (&["generate", "azure-like.toml", "--format", "azur", "--out", out], 2, "azure-2019"),
        (&["describe", "nowhere.csv"], 2, "there is no such file"),
        (&["describe", "data"], 2, "it is a folder; name a file in it"),
        (&["describe", "x.parquet"], 2, "cannot read `x.parquet`: there is no such file"),
        (
            &["describe", "data/azure-2019", "--columns", "arrival=x"],
            2,
            "`--columns` is for tables",
        ),
        (
            &["describe", "../crates/isotherm-experiment/tests/bad/files/azure-2019"],
            2,
            "there is no file `function_durations",
        ),
        (
            &["describe", "data/azure-2019/function_durations_percentiles.anon.d01.csv.gz"],
            2,
            "describe its folder",
        ),
        (
            &["describe", "../crates/isotherm-experiment/tests/bad/files/truncated.csv.gz"],
            2,
            "the gzip data end",
        ),
        (
            &["describe", "../crates/isotherm-experiment/tests/bad/files/azure-2021.csv"],
            2,
            "is not a number",
        ),
        (
            &["describe", "../crates/isotherm-experiment/tests/bad/files/truncated.parquet"],
            2,
            "cannot be read as parquet",
        ),
        (
            &["describe", "../crates/isotherm-experiment/tests/bad/files/empty.jsonl"],
            2,
            "the trace is empty",
        ),
        (
            &["describe", "../crates/isotherm-experiment/tests/bad/files/rows.jsonl"],
            2,
            "rows.jsonl:",
        ),
        (&["describe", "azure-like.toml", "--columns", "arrival=x"], 2, "for traces"),
        (&["describe", "data/skewed_requests.csv", "--columns", "arival=x"], 2, "unknown `arival`"),
        (
            &["describe", "data/skewed_requests.csv", "--columns", "arrival=arival_s"],
            2,
            "did you mean `arrival_s`?",
        ),
        (&["describe", "data/skewed_requests.csv", "--seed", "1"], 2, "are for experiments"),
        (&["describe", "data/skewed_functions.csv"], 2, "no column of"),
    ];
    for (arguments, expected, message) in cases {
        let (code, _, err) = isotherm(arguments);
        assert_eq!(code, Some(*expected), "{arguments:?}: {err}");
        assert!(err.to_lowercase().contains(message), "{arguments:?}: {err}");
    }
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

/// A body that computes takes as long as the platform lets it.
#[test]
fn durations_that_are_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.csv");
    let (code, _, err) = isotherm(&[
        "generate",
        "quickstart.toml",
        "--out",
        out.to_str().unwrap(),
        "--no-durations",
    ]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(std::fs::read_to_string(&out).unwrap().starts_with("arrival_s,function\n"));
}

#[test]
fn help_of_workload() {
    for name in ["workload", "describe", "generate"] {
        let arguments: &[&str] = if name == "workload" { &["--help"] } else { &[name, "--help"] };
        let (code, out, _) = isotherm(arguments);
        assert_eq!(code, Some(0));
        assert_snapshot(&out, &format!("{name}-help.txt"));
    }
}

/// In this file one byte was changed, so that the library which reads Parquet panics.
#[test]
fn a_damaged_parquet_file_is_not_a_defect_of_isotherm() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/damaged.parquet");
    let (code, out, err) = isotherm(&["describe", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        err.starts_with("error: the file cannot be read as Parquet: the data of its column `"),
        "{err}"
    );
    assert!(err.contains(&format!("\n--> {}\n", file.display())), "{err}");
    assert!(err.contains("is it a Parquet file, and was it copied to its end?"), "{err}");
    assert!(!err.contains("defect"), "{err}");
}

#[cfg(unix)]
#[test]
fn what_is_written_takes_the_place_of_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("target.csv"), "old").unwrap();
    std::os::unix::fs::symlink("target.csv", path("link.csv")).unwrap();
    let link = path("link.csv");
    let (code, _, err) =
        isotherm(&["generate", "quickstart.toml", "--out", link.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(std::fs::read_to_string(path("target.csv")).unwrap(), "old");
    let (code, _, err) =
        isotherm(&["generate", "quickstart.toml", "--force", "--out", link.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(link.is_symlink(), "the link is still one");
    let both = ["generate", "quickstart.toml", "--out", link.to_str().unwrap(), "--functions"];
    let target = path("target.csv");
    let (code, _, err) = isotherm(&[&both[..], &[target.to_str().unwrap()]].concat());
    assert_eq!(code, Some(2), "both are the same file: {err}");
    assert!(std::fs::read_to_string(path("target.csv")).unwrap().starts_with("arrival_s,function"));
    // A socket stands for all that is no file.
    let socket = path("socket");
    let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for format in ["csv", "parquet"] {
        let out = socket.to_str().unwrap();
        let (code, _, err) =
            isotherm(&["generate", "quickstart.toml", "--format", format, "--out", out]);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains("is no file but a device"), "{err}");
        assert!(!socket.metadata().unwrap().is_file());
    }
    assert_eq!(names(folder.path()), ["link-functions.csv", "link.csv", "socket", "target.csv"]);
}

/// `--limit` of `run`, `check` and `workload describe` leaves the same invocations, and the
/// manifest
/// knows of it.
#[test]
fn the_first_invocations_of_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let begin = std::fs::read_to_string(examples().join("own-trace.toml")).unwrap();
    let (begin, _) = begin.split_once("[sweep]").unwrap();
    let table = examples().join("data/requests.csv");
    let text = begin.replace("data/requests.csv", table.to_str().unwrap());
    let own = "limit = 3\n\n[[workload]]\nkind = \"list\"\nfunction = \"e\"\nat = [\"0s\"]\n\
               [[function]]\nname = \"e\"\nlimits = { time = \"1s\", memory = \"1MB\" }\nbody = []\n";
    std::fs::write(folder.path().join("t.toml"), &text).unwrap();
    std::fs::write(folder.path().join("own.toml"), text.clone() + own).unwrap();
    let none =
        text.split("[functions]").next().unwrap().to_owned() + own.trim_start_matches("limit = 3");
    std::fs::write(folder.path().join("none.toml"), none).unwrap();
    let told = |arguments: &[&str]| isotherm_in(folder.path(), arguments);
    let total = |arguments: &[&str]| {
        let (code, out, err) = told(arguments);
        assert_eq!(code, Some(0), "{err}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let run = json.pointer("/invocations/total").and_then(serde_json::Value::as_u64);
        run.or_else(|| json["arrivals"].as_u64()).unwrap()
    };
    assert_eq!(total(&["run", "t.toml", "--limit", "7", "--out", "out", "--json"]), 7);
    let again = ["run", "out/manifest.toml", "--out", "again", "--json"];
    assert_eq!(total(&again), 7, "the manifest");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("out/invocations.csv"), read("again/invocations.csv"));
    assert_eq!(total(&["workload", "describe", "t.toml", "--limit", "7", "--json"]), 7);
    let trace = table.to_str().unwrap();
    assert_eq!(total(&["workload", "describe", trace, "--limit", "7", "--json"]), 7);
    let (code, out, err) = told(&["check", "t.toml", "--limit", "7"]);
    assert_eq!(code, Some(0), "{err}");
    let counted = out.lines().find(|line| line.starts_with("invocations")).unwrap();
    assert_eq!(counted.split_whitespace().nth(1), Some("7,"), "{out}");
    // A lower limit of the workload holds, and what is no trace is played.
    assert_eq!(total(&["run", "own.toml", "--limit", "7", "--json"]), 4);
    assert_eq!(total(&["run", "own.toml", "--limit", "2", "--json"]), 3);
    let (code, _, err) = told(&["check", "none.toml", "--limit", "7"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("no workload reads a trace"), "{err}");
    let (code, _, err) = told(&["check", "t.toml", "--limit", "0"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("'0' for '--limit <N>'"), "{err}");
}
