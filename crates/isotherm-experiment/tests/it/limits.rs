//! Inputs that have no end, or ask for more than there is: each is told, with a place, and nothing
//! is left behind.

use std::ops::ControlFlow;
use std::path::Path;

use crate::common::columns;
use isotherm_experiment::{
    Diagnostics, Experiment, ExperimentError, ExportFormat, ExportOptions, Overrides, RunOptions,
    describe_trace,
};

const PLATFORM: &str = r#"
[platform]
nodes = { count = 1, cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "0s" }
[[function]]
name = "f"
limits = { time = "60s", memory = "1MB" }
body = [{ sleep = "1ms" }]
"#;

fn experiment(limits: &str, workload: &str) -> String {
    format!("name = \"x\"\n{limits}\n{PLATFORM}\n[[workload]]\nfunction = \"f\"\n{workload}\n")
}

fn parse(text: &str) -> Result<Experiment, Diagnostics> {
    Experiment::parse("x.toml", text, Path::new("."), &Overrides::default())
}

/// States that change so often that the next arrival would be found in some years.
const NEVER: &str = r#"
kind = "bursts"
states = [{ rate = "0/s", mean = "1ns" }, { rate = "1e-9/s", mean = "1ns" }]
count = 1
"#;

/// Nothing arrives in the first five sixths of some centuries, and candidates come all the time.
const NIGHT: &str = r#"
kind = "diurnal"
rate = "1000/s"
period = "213503d"
profile = [0, 0, 0, 0, 0, 1]
count = 1
"#;

#[test]
fn whoever_watches_is_asked_while_arrivals_are_generated() {
    for workload in [NEVER, NIGHT] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let experiment = parse(&experiment("", workload)).unwrap();
        let mut options = RunOptions::default();
        options.watch = Some(Box::new(|_| ControlFlow::Break(())));
        let ended = experiment.run_with(&experiment.runs()[0], &out, options);
        assert!(matches!(ended, Err(ExperimentError::Interrupted { .. })), "{ended:?}");
        assert!(!out.exists(), "nothing is left");
        // Writing the arrivals into files is the same.
        let format =
            ExportFormat::Csv { functions: folder.path().join("functions.csv"), durations: true };
        let watch = Some(Box::new(|_, _| ControlFlow::Break(())) as _);
        let options =
            ExportOptions { format, out: folder.path().join("arrivals.csv"), watch, force: false };
        assert_eq!(experiment.export(&experiment.runs()[0], options).unwrap(), None);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left");
    }
}

#[test]
fn limits_end_a_run_whose_arrivals_are_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let run = |limits: &str, workload: &str| {
        let experiment = parse(&experiment(limits, workload)).unwrap();
        match experiment.run(&experiment.runs()[0], &folder.path().join("out")) {
            Err(ExperimentError::Simulation(stopped)) => stopped.error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    // With states of a millisecond five minutes are soon over; an arrival would take far longer.
    let states = NEVER.replace("1ns", "1ms");
    for workload in [&states, NIGHT] {
        let minutes = run("limits = { time = \"5min\" }", workload);
        assert!(minutes.contains("300"), "{minutes}");
    }
    for workload in [NEVER, NIGHT] {
        let events = run("limits = { events = 50 }", workload);
        assert!(events.contains("50"), "{events}");
    }
}

#[track_caller]
fn wrong(text: &str) -> String {
    parse(text).expect_err("something is wrong").render(false)
}

#[test]
fn more_than_there_can_be_is_refused() {
    let closed = |clients: &str| {
        experiment(
            "",
            &format!("kind = \"closed\"\nclients = {clients}\nthink = \"1s\"\ncount = 1"),
        )
    };
    let text = wrong(&closed("4000000000"));
    assert!(
        text.contains("this number is out of range")
            && text.contains("use a number from 1 to 1000000"),
        "{text}"
    );
    let nodes = experiment("", "kind = \"poisson\"\nrate = \"1/s\"\ncount = 1")
        .replace("count = 1,", "count = 4000000000,");
    assert!(wrong(&nodes).contains("use a number from 1 to 1000000"));
    let apps = "kind = \"azure-like\"\napps = 4000000000\nuntil = \"1h\"";
    assert!(
        wrong(&experiment("", apps).replace("\nfunction = \"f\"\nkind", "\nkind"))
            .contains("1000000")
    );
}

#[test]
fn an_experiment_of_millions_of_values_is_refused() {
    for text in [format!("name = [{}]", "1,".repeat(5_000_001)), "a=1\n".repeat(5_000_001)] {
        assert!(wrong(&text).contains("the experiment has too many values"));
    }
}

#[test]
fn deep_nesting_is_told() {
    let arrays = format!("name = {}", "[".repeat(100_000));
    let tables = format!("name = {}", "{ a = ".repeat(100_000));
    let dotted = format!("{} = 1", vec!["a"; 100_000].join("."));
    let header = format!("[{}]\nb = 1", vec!["a"; 100_000].join("."));
    for text in [&arrays, &tables, &dotted, &header] {
        assert!(wrong(text).starts_with("error: "));
    }
    for text in [format!("{{\"a\": {}", "[".repeat(100_000)), "{\"a\":".repeat(100_000)] {
        let diagnostics =
            Experiment::parse("x.json", &text, Path::new("."), &Overrides::default()).unwrap_err();
        assert!(diagnostics.render(false).starts_with("error: "));
    }
    let path = vec!["a"; 100_000].join(".");
    for overrides in [
        Overrides::default().with(path, "1"),
        Overrides::default().with("name", "[".repeat(100_000)),
    ] {
        let text = experiment("", "kind = \"poisson\"\nrate = \"1/s\"\ncount = 1");
        assert!(Experiment::parse("x.toml", &text, Path::new("."), &overrides).is_err());
    }
}

/// A file in a folder, with this content.
fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), content).unwrap();
}

#[test]
fn bytes_that_are_no_text_have_a_place_in_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let load =
        |name: &str| Experiment::load(&at(name), &Overrides::default()).unwrap_err().render(false);
    file(folder.path(), "a.toml", b"# caf\xe9\nname = \"x\"\n");
    file(folder.path(), "a.json", b"{\n \"name\": \"caf\xe9\"\n}");
    let places = ["a.toml", "a.json"].map(load);
    for (text, place) in places.iter().zip(["a.toml:1:6\n", "a.json:2:14\n"]) {
        assert!(text.starts_with("error: this is not UTF-8 text\n"), "{text}");
        assert!(text.contains(place), "{text}");
    }
    // The files that an experiment names.
    let workload = "kind = \"poisson\"\nrate = \"1/s\"\ncount = 1";
    let begin = PLATFORM.find("[[function]]").unwrap();
    let on_xml = format!(
        "name = \"x\"\nplatform = \"p.xml\"\n{}\n[[workload]]\n{workload}\n",
        &PLATFORM[begin..]
    );
    file(folder.path(), "xml.toml", &on_xml);
    file(folder.path(), "p.xml", b"<platform version=\"4.1\">\n<!-- \xe9 -->\n</platform>");
    let text = load("xml.toml");
    assert!(text.contains("this is not UTF-8 text") && text.contains("p.xml:2:6\n"), "{text}");
    let zone = "<host id=\"user\" speed=\"1Gf\" state_file=\"off.txt\"/>";
    file(
        folder.path(),
        "p.xml",
        format!(
            "<platform version=\"4.1\">\n<zone id=\"w\" routing=\"Full\">\n{zone}\n</zone></platform>"
        ),
    );
    file(folder.path(), "off.txt", b"0 1\n\xe9 0\n");
    let text = load("xml.toml");
    assert!(text.contains("it is not UTF-8 text (line 2, column 1"), "{text}");
    assert!(text.contains("p.xml:3:"), "{text}");
    file(
        folder.path(),
        "t.jsonl",
        b"{\"arrival_s\":0,\"function\":\"f\"}\n{\"arrival_s\":1,\"function\":\"caf\xe9\"}\n",
    );
    let text = describe_trace(&at("t.jsonl"), &Default::default(), None).unwrap_err().render(false);
    assert!(text.contains("t.jsonl:2:"), "{text}");
}

#[cfg(unix)]
#[test]
fn devices_and_pipes_are_no_files() {
    let zero = describe_trace(Path::new("/dev/zero"), &Default::default(), None)
        .unwrap_err()
        .render(false);
    assert!(zero.contains("it is a pipe, a device or the like"), "{zero}");
    // An experiment is read once, so that it may come from a pipe; it is too large when it never
    // ends.
    let text =
        Experiment::load(Path::new("/dev/zero"), &Overrides::default()).unwrap_err().render(false);
    assert!(text.contains("it is larger than 256 MiB"), "{text}");
    let begin = PLATFORM.find("[[function]]").unwrap();
    let workload =
        "[[workload]]\nkind = \"poisson\"\nfunctions = \"all\"\nrate = \"1/s\"\ncount = 1\n";
    for (platform, what) in [
        ("platform = \"/dev/zero\"\n", &format!("{}{workload}", &PLATFORM[begin..])),
        (
            "",
            &format!(
                "{PLATFORM}[[workload]]\nkind = \"csv\"\nfile = \"/dev/zero\"\nfunction = \"f\"\ncolumns = {{ arrival = \"a_s\" }}\n"
            ),
        ),
        (
            "",
            &format!(
                "{}[functions]\ncsv = \"/dev/zero\"\ncolumns = {{ name = \"f\", memory = \"memory_mb\" }}\nbody = [{{ sleep = \"1s\" }}]\n{workload}",
                &PLATFORM[..begin]
            ),
        ),
    ] {
        let text = wrong(&format!("name = \"x\"\n{platform}{what}"));
        assert!(text.contains("it is a pipe, a device or the like"), "{text}");
        assert!(text.contains("--> x.toml:"), "{text}");
    }
}

/// Names come from files; they must not tell a terminal what to do, nor show themselves in another
/// order than they are written.
#[test]
fn control_characters_are_shown_as_escapes() {
    let workload =
        "kind = \"poisson\"\nrate = \"1/s\"\ncount = 1\nfuncion = \"\\u001b[31m\\u202e\"";
    let named = experiment("", workload)
        .replace("function = \"f\"", "function = \"red\\u001b[31m\\u009b\\u202e\"");
    for diagnostics in [parse(&named).unwrap_err(), {
        let text = "name = \"x\u{9b}\u{202e}\u{2028}\"\nfoo = 1\n\"\\u001b[2J\\u202e\" = 2\n";
        parse(text).unwrap_err()
    }] {
        let text = diagnostics.render(false);
        let bad = text
            .chars()
            .find(|&c| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c));
        assert_eq!(bad, None, "{text:?}");
    }
    let text = parse(&named).unwrap_err().render(false);
    assert!(text.contains("\\u{1b}[31m\\u{9b}\\u{202e}"), "{text}");
}

#[test]
fn how_many_errors_are_shown_is_said() {
    let mut text = "name = \"x\"\n".to_owned();
    (0..1234).for_each(|number| text += &format!("x{number} = 1\n"));
    let shown = wrong(&text);
    assert!(shown.contains("\n50 of 1,2") && shown.ends_with(" errors shown\n"), "{shown}");
}

/// After the last arrival there may be hundreds of thousands of candidates that are not kept, or of
/// states: a run is over when what was invoked has ended, and no limit of time or events that it
/// keeps ends it.
#[test]
fn silence_after_the_last_arrival_prolongs_nothing() {
    // All arrive in the first tenth of an hour; 100 candidates a second go on coming after it.
    let day = "kind = \"diurnal\"\nrate = \"10/s\"\nperiod = \"1h\"\nprofile = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]\nuntil = \"1h\"";
    // One arrival in some hours; the seed decides when.
    let bursts = "kind = \"bursts\"\nstates = [{ rate = \"0/s\", mean = \"10ms\" }, { rate = \"0.002/s\", mean = \"10ms\" }]\n\
                  until = \"2h\"";
    for workload in [day, bursts] {
        for payload in ["", "[service]\npayloads = { invoke_request = \"1B\" }"] {
            let folder = tempfile::tempdir().unwrap();
            let run = |limits: &str| {
                let experiment =
                    parse(&experiment(&format!("{limits}\n{payload}"), workload)).unwrap();
                let report = experiment.run(&experiment.runs()[0], &folder.path().join("out"));
                report.unwrap_or_else(|error| panic!("{error}")).summary
            };
            let free = run("");
            let ends = columns(&folder.path().join("out"), ["ended_s"]).into_iter();
            let ends = ends.map(|[ended]| ended.parse::<f64>().unwrap());
            let last = ends.fold(0.0, f64::max);
            let until = if workload == day { 3600.0 } else { 7200.0 };
            assert!(
                last > 0.0 && last < until - 300.0,
                "something has come, and then nothing for long: {last}"
            );
            assert_eq!(free.simulated_end_s, last);
            let limited =
                run(&format!("limits = {{ time = \"{}s\", events = 1000000 }}", last + 1.0));
            assert_eq!(limited, free);
        }
    }
}
