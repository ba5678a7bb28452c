//! Functions that the tables of workloads name.

use std::path::Path;

use isotherm_experiment::{Experiment, Overrides};
use isotherm_kernel::Duration;

const BEGIN: &str = r#"
name = "traced"
[platform]
nodes = { count = 1, cores = 64, memory = "64GB", disk = { read = "2GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "2GB/s", write = "1GB/s" } }
network = { node = "10Gb/s", latency = "50us" }
"#;

const TABLE: &str = "[[workload]]\nkind = \"csv\"\nfile = \"t.csv\"\n\
                     columns = { arrival = \"at_s\", function = \"name\", duration = \"ms\" }\n\
                     units = { duration = \"ms\" }\n";

fn parsed(folder: &Path, functions: &str, workloads: &str) -> Result<Experiment, String> {
    let text = format!("{BEGIN}{functions}{workloads}");
    let parsed = Experiment::parse("traced.toml", &text, folder, &Overrides::default());
    parsed.map_err(|errors| errors.to_string())
}

fn folder(table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), table).unwrap();
    folder
}

/// The largest memory, the mean of the start-ups that are given, one app; the common limits for
/// what no row says.
#[test]
fn rows_say_what_their_functions_are() {
    let folder = folder(
        "at_s,name,ms,memory_mb,init_ms,app\n\
         0,f,5,128,100,a\n1,g,5,,,\n2,f,5,256,,a\n3,f,5,64,300,\n",
    );
    let functions = "[functions]\nfrom = \"trace\"\nlimits = { memory = \"1MB\" }\n\
                     columns = { memory = \"memory_mb\", startup = \"init_ms\", app = \"app\" }\n";
    let experiment = parsed(folder.path(), functions, TABLE).unwrap();
    let plan = &experiment.runs()[0].plan;
    let told = plan.functions.iter().map(|function| {
        let startup = function.startup.fixed().unwrap();
        let limits = (function.limits.memory_bytes, function.limits.time);
        (function.name.as_str(), function.app.as_deref(), limits, startup)
    });
    let (mb, ms) = (1_000_000, Duration::from_millis);
    assert!(told.eq([
        ("f", Some("a"), (256 * mb, Duration::MAX), ms(200)),
        ("g", None, (mb, Duration::MAX), ms(0)),
    ]));
    let out = folder.path().join("out");
    let report = experiment.run(&experiment.runs()[0], &out).unwrap();
    assert_eq!((report.summary.invocations.completed, report.summary.starts.cold), (4, 2));
    // The manifest says the same.
    let manifest = Experiment::load(&out.join("manifest.toml"), &Overrides::default());
    let manifest = manifest.unwrap_or_else(|errors| panic!("{errors}"));
    let again = folder.path().join("again");
    manifest.run(&manifest.runs()[0], &again).unwrap();
    for file in ["invocations.csv", "functions.csv", "summary.json"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(&out) == read(&again), "{file}");
    }
}

/// Two tables, one of them twice; a function of the file beside them.
#[test]
fn tables_together() {
    let folder = folder("at_s,name,ms\n0,f,5\n1,g,5\n");
    std::fs::write(folder.path().join("u.jsonl"), "{\"at_s\": 0, \"who\": \"h\", \"ms\": 1}\n")
        .unwrap();
    let other = "[[workload]]\nkind = \"jsonl\"\nfile = \"u.jsonl\"\n\
                 columns = { arrival = \"at_s\", function = \"who\", duration = \"ms\" }\n\
                 units = { duration = \"ms\" }\n";
    let functions = "[[function]]\nname = \"e\"\nlimits = { time = \"1s\", memory = \"1MB\" }\n\
                     [functions]\nfrom = \"trace\"\nlimits = { memory = \"1MB\" }\n";
    let workloads = format!("{TABLE}{other}{TABLE}");
    let experiment = parsed(folder.path(), functions, &workloads).unwrap();
    let names = experiment.runs()[0].plan.functions.iter().map(|function| function.name.as_str());
    assert!(names.eq(["e", "f", "g", "h"]));
}

#[test]
fn what_is_wrong_is_told() {
    let folder = folder("at_s,name,ms,app,memory_mb\n0,f,5,a,x\n1,,5,a,1\n2,f,5,b,1\n3,f,5,a,1\n");
    let told = |functions: &str, workloads: &str| {
        parsed(folder.path(), functions, workloads).map(|_| ()).unwrap_err()
    };
    let all = "[functions]\nfrom = \"trace\"\nlimits = { memory = \"1MB\" }\n";
    let with = |columns: &str| format!("{all}columns = {{ {columns} }}\n");
    let list = "[[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = [\"0s\"]\n";
    for (functions, workloads, expected) in [
        (all.to_owned(), list, vec!["no workload names functions in a column"]),
        (with("app = \"apps\""), TABLE, vec!["has no column `apps`", "did you mean `app`?"]),
        (
            with("app = \"app\""),
            TABLE,
            vec![
                "t.csv:3:3",
                "a function without a name",
                "t.csv:4:7",
                "`b`, where a row above of the same function has `a`",
            ],
        ),
        (with("memory = \"memory_mb\""), TABLE, vec!["t.csv:2:9", "`x` is not a number"]),
        (
            with("name = \"name\""),
            TABLE,
            vec!["the traces of the workloads name the functions", "`columns.function`"],
        ),
        (format!("{all}csv = \"t.csv\"\n"), TABLE, vec!["functions are given twice"]),
        (
            "[functions]\nfrom = \"trase\"\n".to_owned(),
            TABLE,
            vec!["unknown from `trase`", "did you mean `trace`?"],
        ),
        (
            "[functions]\nfrom = \"trace\"\n".to_owned(),
            TABLE,
            vec!["`limits.memory", "`columns.memory"],
        ),
    ] {
        let told = told(&functions, workloads);
        for part in expected {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }
}
