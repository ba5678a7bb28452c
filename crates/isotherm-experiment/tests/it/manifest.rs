//! A manifest is an experiment that gives the results it was written beside.

use std::path::{Path, PathBuf};

use isotherm_experiment::output::{FILES, INVOCATIONS, MANIFEST, SUMMARY};
use isotherm_experiment::{Experiment, ExperimentError, Overrides, PlannedRun, Results};

fn load(path: &Path, overrides: &Overrides) -> Experiment {
    Experiment::load(path, overrides).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Runs an experiment, each point with its first seed, and gives the numbers and the folders of
/// the runs.
fn run_numbered(experiment: &Experiment, out: &Path) -> Vec<(usize, PathBuf)> {
    let mut seen = Vec::new();
    let run = |(number, run): (usize, &PlannedRun)| {
        let folder = out.join(run.label().unwrap_or_default());
        if seen.contains(&folder) {
            return None;
        }
        seen.push(folder.clone());
        experiment.run(run, &folder).unwrap_or_else(|error| panic!("{error}"));
        Some((number, folder))
    };
    experiment.runs().iter().enumerate().filter_map(run).collect()
}

/// The same, without the numbers.
fn run(experiment: &Experiment, out: &Path) -> Vec<PathBuf> {
    run_numbered(experiment, out).into_iter().map(|(_, folder)| folder).collect()
}

/// The content of one of the files that a run may write, if it has.
fn bytes(folder: &Path, name: &str) -> Option<Vec<u8>> {
    std::fs::read(folder.join(name)).ok()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The text without the ways to files, which depend on where the manifest is.
fn without_ways(text: &str) -> String {
    let is_way = |line: &&str| {
        ["platform =", "xml =", "file =", "csv =", "azure_"]
            .iter()
            .any(|begin| line.trim_start().starts_with(begin))
    };
    // Of inputs their hashes stay.
    let hash = |line| match str::find(line, "\"xxh3-128:") {
        Some(at) => &line[at..],
        None => line,
    };
    text.lines().filter(|line| !is_way(line)).map(hash).collect()
}

/// What a run is made of, but for files: a field that a manifest forgets is seen even if it makes
/// no difference to the results.
fn what_is_planned(experiment: &Experiment, number: usize) -> String {
    let plan = &experiment.runs()[number].plan;
    let parts =
        (&plan.limits, &plan.hosts, &plan.service, &plan.storages, &plan.images, &plan.functions);
    let text = format!("{:?} {} {parts:?}", plan.preset, plan.seed);
    // Without the places in which things are written.
    let mut parts = text.split("Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('}').map_or("", |(_, after)| after))
}

/// Runs the experiment, then each manifest that it left, and compares all files.
#[track_caller]
fn assert_runs_again(path: &Path, overrides: &Overrides) {
    let first = tempfile::tempdir().unwrap();
    let experiment = load(path, overrides);
    for (number, folder) in run_numbered(&experiment, &first.path().join("results")) {
        let again = load(&folder.join(MANIFEST), &Overrides::default());
        assert_eq!(what_is_planned(&experiment, number), what_is_planned(&again, 0));
        let is_known = |message: &str| message.contains("functions are left out");
        assert!(
            again.warnings().list().iter().all(|one| is_known(&one.message)),
            "{}",
            again.warnings()
        );
        let beside = folder.with_file_name("again");
        run(&again, &beside);
        for name in FILES {
            let [one, other] = [&folder, &beside].map(|folder| bytes(folder, name));
            assert!(one == other, "{name} of {}", folder.display());
        }
        // In a folder of another depth nothing but the ways to files is written in another way.
        let deeper = folder.join("some/where/else");
        run(&load(&beside.join(MANIFEST), &Overrides::default()), &deeper);
        for name in FILES.into_iter().filter(|name| *name != MANIFEST) {
            let [one, other] = [&folder, &deeper].map(|folder| bytes(folder, name));
            assert!(one == other, "{name} of {}", deeper.display());
        }
        assert_eq!(without_ways(&read(&folder, MANIFEST)), without_ways(&read(&deeper, MANIFEST)));
        Results::open(&deeper).unwrap();
        std::fs::remove_dir_all(beside).unwrap();
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// The experiments in a folder.
fn experiments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "toml" || end == "json"))
        .collect();
    found.sort();
    found
}

#[test]
fn examples_run_again() {
    let all = experiments(&example(""));
    assert!(all.len() >= 9, "{all:?}");
    // A part of those that last for hours will do.
    let long = ["cost.toml", "fifty-functions.toml", "half-images.toml", "placements.toml"];
    for path in all {
        let is_long = long.iter().any(|name| path.ends_with(name));
        let overrides = match is_long {
            true => Overrides::default().with("workload.0.until", "3min"),
            false => Overrides::default(),
        };
        assert_runs_again(&path, &overrides);
    }
}

/// Between them these have every field there is.
#[test]
fn complete_experiments_run_again() {
    let all = experiments(Path::new("tests/complete"));
    assert!(all.len() >= 8, "{all:?}");
    for path in all {
        assert_runs_again(&path, &Overrides::default());
    }
}

/// Everything that the examples leave at its default, and every kind of step, arrival and workload.
const UNUSUAL: &str = r#"
name = "unusual"
seed = 7
limits = { time = "1h", events = 1_000_000 }

[platform]
nodes = [
    { count = 1, cores = 2, speed = "7.5Gf/s", memory = "4GiB", disk = { read = "1GB/s", write = "500MB/s", size = "10GB" } },
    { count = 2, cores = 1, memory = "2GiB", disk = { read = "1GB/s", write = "500MB/s" } },
]
head = { cores = 2, memory = "8GB", disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "70us", repository = "100Mbps" }

[service]
scheduler = "random"
keep_alive = { kind = "fixed", idle = "1500ms" }
eviction = "ram"
processing_overhead = "1ms"
slots = 2
buffer = "1MB"
payloads = { invoke_request = "1kB", completion = "333B" }
prepull = ["small"]
warm = { "many steps" = 2 }

[[storage]]
name = "store"
host = "repository"
buffer = "100kB"
files = [{ name = "in \"put\"", size = "1MB" }]

[[image]]
name = "small"
size = "10MB"
storage = "store"

[[function]]
name = "many steps"
image = "small"
limits = { time = "unlimited", memory = "512MB", disk = "20MB" }
startup = "12345us"
body = [
    { fetch = "in \"put\"", from = "store" }, { compute = "0.3Gf" }, { write = "1500B" }, { read = "file-1" },
    { put = "1MB", to = "store" }, { invoke = "other" }, { sleep = "1ns" },
]

[[function]]
name = "other"
limits = { time = "2s", memory = "300MB" }
body = [{ compute = "123456789.25f" }]

[[workload]]
kind = "list"
arrivals = [
    { at = "2s", function = "other", body = [{ sleep = "1s" }] },
    { at = "1s", function = "many steps" },
    { at = "1s", function = "other", body = [{ compute = "1Gf" }, { sleep = "30s" }] },
]

[[workload]]
kind = "list"
function = "other"
at = ["0s", "0s", "5s"]
durations = ["1s", "20ms", "3s"]

[[workload]]
kind = "list"
function = "other"
every = "300ms"
from = "10s"
count = 5
body = [{ sleep = "1s" }]

[[workload]]
kind = "poisson"
function = "many steps"
rate = "7/min"
from = "3s"
count = 10

[[workload]]
kind = "csv"
file = "trace.csv"
columns = { arrival = "when", function = "what", duration = "long_ms" }
units = { arrival = "min" }
"#;

#[test]
fn an_unusual_experiment_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("study.toml"), UNUSUAL).unwrap();
    std::fs::write(
        folder.path().join("trace.csv"),
        "when,what,long_ms\n0.1,other,20\n0.2,many steps,1000\n",
    )
    .unwrap();
    assert_runs_again(&folder.path().join("study.toml"), &Overrides::default());
}

#[test]
fn what_was_changed_from_outside_is_in_it() {
    let overrides = Overrides::default().with_seed(11).with("service.keep_alive.idle", "10s");
    assert_runs_again(&example("quickstart.toml"), &overrides);
    let out = tempfile::tempdir().unwrap();
    run(&load(&example("quickstart.toml"), &overrides), out.path());
    let manifest: toml::Table = read(out.path(), MANIFEST).parse().unwrap();
    assert_eq!(manifest["seed"].as_integer(), Some(11));
    assert_eq!(manifest["service"]["keep_alive"]["idle"].as_str(), Some("10s"));
    let about = &manifest["manifest"];
    assert_eq!(about["isotherm"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(
        (about["seed"].as_integer(), about["set"][0].as_str()),
        (Some(11), Some("service.keep_alive.idle=10s"))
    );
    // `examples/platforms/quickstart.xml`: four nodes of four cores and 4 GB, besides user, head
    // and repository.
    assert_eq!(
        (about["hosts"].as_integer(), about["compute_hosts"].as_integer()),
        (Some(7), Some(4))
    );
    assert_eq!((about["slots"].as_integer(), about["memory"].as_str()), (Some(16), Some("16GB")));
}

/// A platform of one node, and what comes before it.
const SMALL: &str = r#"
name = "small"
[platform]
nodes = { count = 1, cores = 1, memory = "8GB", disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "50us" }
"#;

/// A function that may have any name, and a workload of it.
fn function(name: &str) -> String {
    let name = format!("{name:?}");
    format!(
        "[[function]]\nname = {name}\nlimits = {{ time = \"60s\", memory = \"128MB\" }}\n\
         startup = {{ kind = \"exponential\", mean = \"70ms\" }}\nbody = [{{ sleep = \"10ms\" }}]\n"
    )
}

#[track_caller]
fn assert_text_runs_again(text: &str, overrides: &Overrides) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("study.toml"), text).unwrap();
    assert_runs_again(&folder.path().join("study.toml"), overrides);
}

/// What a preset decides is written out, and is what it decides: the plans are compared.
#[test]
fn what_a_preset_decides_runs_again() {
    for (preset, scheduler) in [("default", "warm-first"), ("wrench", "fcfs")] {
        let text = format!(
            "preset = \"{preset}\"\n{SMALL}{}[[workload]]\nkind = \"poisson\"\nrate = \"1/s\"\n\
             function = \"f\"\ncount = 3\n",
            function("f")
        );
        assert_text_runs_again(&text, &Overrides::default());
        let out = tempfile::tempdir().unwrap();
        let experiment =
            Experiment::parse("m.toml", &text, Path::new(""), &Overrides::default()).unwrap();
        run(&experiment, &out.path().join("o"));
        let manifest: toml::Table = read(&out.path().join("o"), MANIFEST).parse().unwrap();
        let written = &manifest["service"]["scheduler"];
        assert!(written.to_string().contains(scheduler), "{written}");
    }
}

/// A list of one function draws from another random stream than the function alone.
#[test]
fn one_function_run_again_however_it_is_named() {
    let mut records = Vec::new();
    for functions in [
        "function = \"f\"",
        "functions = [\"f\"]",
        "functions = \"all\"",
        "functions = [\"f\"]\npopularity = 1.5",
    ] {
        for kind in [
            "kind = \"poisson\"\nrate = \"1/s\"",
            "kind = \"closed\"\nclients = 2\nthink = { kind = \"exponential\", mean = \"1s\" }",
        ] {
            let workload = format!("[[workload]]\n{kind}\n{functions}\ncount = 5\n");
            let text = format!("{SMALL}{}{workload}", function("f"));
            assert_text_runs_again(&text, &Overrides::default());
            let out = tempfile::tempdir().unwrap();
            let experiment =
                Experiment::parse("m.toml", &text, Path::new(""), &Overrides::default()).unwrap();
            records.push(read(&run(&experiment, &out.path().join("o"))[0], INVOCATIONS));
        }
    }
    // So that this test could fail: alone and in a list are not the same.
    assert!(records[0] != records[2] && records[2] == records[4]);
}

#[test]
fn seeds_of_any_size_run_again() {
    let text = format!(
        "{SMALL}{}[[workload]]\nkind = \"poisson\"\nrate = \"1/s\"\nfunction = \"f\"\ncount = 3\n",
        function("f")
    );
    let mut records = Vec::new();
    for seed in [0, 1, i64::MAX as u64, 1 << 63, u64::MAX] {
        assert_text_runs_again(&text, &Overrides::default().with_seed(seed));
        let mut ways = vec![
            Overrides::default().with_seed(seed),
            Overrides::default().with("seed", seed.to_string()),
        ];
        ways.push(Overrides::default().with("seed", format!("\"{seed}\"")));
        for overrides in ways {
            let experiment = Experiment::parse("m.toml", &text, Path::new(""), &overrides).unwrap();
            assert_eq!(experiment.runs()[0].plan.seed, seed);
        }
        let written = [format!("seed = \"{seed}\"\n{text}"), format!("{{\"seed\": \"{seed}\"}}")];
        let experiment =
            Experiment::parse("m.toml", &written[0], Path::new(""), &Overrides::default()).unwrap();
        assert_eq!(experiment.runs()[0].plan.seed, seed);
        let out = tempfile::tempdir().unwrap();
        records.push(read(&run(&experiment, &out.path().join("o"))[0], INVOCATIONS));
    }
    records.sort();
    records.dedup();
    assert_eq!(records.len(), 5);
    let refused = ["\"18446744073709551616\"", "\"\"", "\"-1\"", "\"+1\"", "\"1_0\"", "-1", "1.5"];
    for seed in refused {
        let text = format!("seed = {seed}\n{text}");
        Experiment::parse("m.toml", &text, Path::new(""), &Overrides::default()).unwrap_err();
    }
}

/// Names of functions, images, files and storages, and of the folders on the way to a trace.
#[test]
fn names_of_any_kind_run_again() {
    let names = [
        "a$${b}",
        "$$${",
        "$$$${x}y",
        "quote \" back \\",
        "line\nbreak\ttab",
        "\u{1b}[31m\u{7f}\u{85}",
        "größe 漢字 🦀",
        "'",
        "#",
        " ",
    ];
    for name in names {
        let quoted = format!("{name:?}")
            .replace("\\u{1b}", "\\u001b")
            .replace("\\u{7f}", "\\u007f")
            .replace("\\u{85}", "\\u0085")
            .replace("\\'", "'");
        let function = function("f").replace("\"f\"", &quoted);
        let text = format!(
            "{SMALL}[[storage]]\nname = {quoted}\nhost = \"repository\"\n[[image]]\nname = {quoted}\nsize = \"1MB\"\n\
             storage = {quoted}\n{function}image = {quoted}\n[[workload]]\nkind = \"poisson\"\nrate = \"1/s\"\ncount = 3\n\
             functions = [{quoted}]\n[[workload]]\nkind = \"list\"\nfunction = {quoted}\nat = [\"0s\"]\n\
             body = [{{ write = \"1kB\", file = {quoted} }}, {{ read = {quoted} }}]\n"
        );
        assert_text_runs_again(&text, &Overrides::default());
    }
    for folder in ["d${x}d", "${", "$${x}", "a b", "ü\"q"] {
        let parent = tempfile::tempdir().unwrap();
        let study = parent.path().join(folder);
        std::fs::create_dir(&study).unwrap();
        std::fs::write(study.join("t.csv"), "arrival_s\n0\n1.25\n").unwrap();
        let trace = "[[workload]]\nkind = \"csv\"\nfile = \"t.csv\"\nfunction = \"f\"\ncolumns = { arrival = \"arrival_s\" }\n";
        std::fs::write(study.join("study.toml"), format!("{SMALL}{}{trace}", function("f")))
            .unwrap();
        assert_runs_again(&study.join("study.toml"), &Overrides::default());
    }
}

/// A platform that is reached by a link: what it names beside itself is beside the link.
#[cfg(unix)]
#[test]
fn a_linked_platform_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let platforms = example("platforms").canonicalize().unwrap();
    std::fs::create_dir_all(path("shared")).unwrap();
    std::fs::copy(platforms.join("quickstart.xml"), path("shared/p.xml")).unwrap();
    std::os::unix::fs::symlink("shared/p.xml", path("linked.xml")).unwrap();
    let text = format!(
        "name = \"m\"\nplatform = \"linked.xml\"\n{}[[workload]]\nkind = \"poisson\"\nrate = \"1/s\"\ncount = 3\nfunction = \"f\"\n",
        function("f")
    );
    std::fs::write(path("study.toml"), text).unwrap();
    assert_runs_again(&path("study.toml"), &Overrides::default());
    let out = path("o");
    run(&load(&path("study.toml"), &Overrides::default()), &out);
    assert!(read(&out, MANIFEST).contains("platform = \"../linked.xml\"\n"));
}

/// Points of a sweep, with what was set from outside, with parameters, and in JSON.
#[test]
fn points_of_a_sweep_run_again() {
    let study = format!(
        "{SMALL}{}[[workload]]\nkind = \"poisson\"\nrate = \"${{rate}}/s\"\nfunctions = \"all\"\ncount = 4\n\
         [parameters]\nrate = 1\nwait = \"1s\"\n[service]\nkeep_alive = {{ kind = \"fixed\", idle = \"${{wait}}\" }}\n\
         [sweep]\nrate = [0.1, 3]\nwait = [\"1s\", \"${{rate}}0s\"]\n",
        function("f")
    );
    assert_text_runs_again(&study, &Overrides::default());
    let overrides = Overrides::default()
        .with_seed(u64::MAX)
        .with("rate", "0.25")
        .with("service.startup", "2ms");
    assert_text_runs_again(&study, &overrides);
    let out = tempfile::tempdir().unwrap();
    let experiment = Experiment::parse("m.toml", &study, Path::new(""), &overrides).unwrap();
    let folders = run(&experiment, out.path());
    // What is changed once more is in the next manifest besides what was changed before.
    let more = Overrides::default().with("service.reuse", "least-recently-used");
    let again = load(&folders[0].join(MANIFEST), &more);
    let again = run(&again, &out.path().join("again"));
    let manifest: toml::Table = read(&again[0], MANIFEST).parse().unwrap();
    let set: Vec<_> = manifest["manifest"]["set"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set.as_str().unwrap())
        .collect();
    assert_eq!(set, ["rate=0.25", "service.startup=2ms", "service.reuse=least-recently-used"]);
    assert_eq!(manifest["manifest"]["seed"].as_str(), Some("18446744073709551615"));
    let summary: serde_json::Value = serde_json::from_str(&read(&again[0], SUMMARY)).unwrap();
    assert_eq!(summary["sweep"], serde_json::json!({ "parameters.wait": "1s" }));
    // JSON.
    let folder = tempfile::tempdir().unwrap();
    let json = serde_json::to_string(&study.parse::<toml::Table>().unwrap()).unwrap();
    std::fs::write(folder.path().join("study.json"), json).unwrap();
    assert_runs_again(&folder.path().join("study.json"), &Overrides::default());
}

/// A manifest may be larger than any experiment that a person writes. (Long names make it so with
/// few functions: where the state is audited, each that is registered costs a look at all.)
#[test]
fn a_very_large_manifest_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let functions: String = (0..3_000)
        .map(|number| function(&format!("function-{number}-{}", "x".repeat(6_000))))
        .collect();
    let text = format!(
        "{SMALL}{functions}\
         [[workload]]\nkind = \"poisson\"\nrate = \"1/s\"\nfunctions = \"all\"\ncount = 3\n"
    );
    std::fs::write(folder.path().join("study.toml"), text).unwrap();
    let first = run(
        &load(&folder.path().join("study.toml"), &Overrides::default()),
        &folder.path().join("one"),
    );
    let manifest = first[0].join(MANIFEST);
    assert!(manifest.metadata().unwrap().len() > 16 << 20);
    let other = folder.path().join("other");
    run(&load(&manifest, &Overrides::default()), &other);
    for name in FILES {
        assert!(bytes(&first[0], name) == bytes(&other, name), "{name}");
    }
}

/// The way to a file that is no text cannot stand in a manifest; that is found before anything is
/// simulated.
#[cfg(target_os = "linux")]
#[test]
fn a_way_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let parent = tempfile::tempdir().unwrap();
    let study = parent.path().join(std::ffi::OsStr::from_bytes(b"latin-\xe9"));
    std::fs::create_dir(&study).unwrap();
    std::fs::write(study.join("t.csv"), "arrival_s\n0\n").unwrap();
    let trace = "[[workload]]\nkind = \"csv\"\nfile = \"t.csv\"\nfunction = \"f\"\ncolumns = { arrival = \"arrival_s\" }\n";
    std::fs::write(study.join("study.toml"), format!("{SMALL}{}{trace}", function("f"))).unwrap();
    let experiment = load(&study.join("study.toml"), &Overrides::default());
    // Beside the experiment the way does not lead through the folder's name.
    run(&experiment, &study.join("o"));
    let out = parent.path().join("o");
    match experiment.run(&experiment.runs()[0], &out) {
        Err(ExperimentError::Output { source, .. }) => {
            assert!(source.to_string().contains("is not UTF-8 text"))
        }
        other => panic!("{other:?}"),
    }
    assert!(!out.exists());
}
