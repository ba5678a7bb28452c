//! Warnings about runs that can hardly mean what they seem to.

use std::path::Path;

use isotherm_experiment::{Depth, Experiment, Overrides, Points, RunOptions};

/// Two nodes of two slots, and a function that takes a second: three invocations in two seconds
/// need a slot and a half.
const STUDY: &str = r#"
name = "study"
[platform]
nodes = { count = 2, cores = 2, memory = "4GB", disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "10Gbps", latency = "50us" }
[service]
keep_alive = { kind = "fixed", idle = "1min" }
startup = "300ms"
[[function]]
name = "f"
limits = { time = "2s", memory = "1GB", disk = "1MB" }
body = [{ sleep = "800ms" }, { compute = "2Gf" }, { write = "1MB", file = "out" }]
[[workload]]
kind = "poisson"
function = "f"
rate = "1.5/s"
until = "10min"
"#;

/// The warnings about a study in which something was replaced.
fn warnings_of(replaced: &[(&str, &str)]) -> Vec<String> {
    let mut text = STUDY.to_owned();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let folder = Path::new("tests/warnings");
    let experiment = Experiment::parse("study.toml", &text, folder, &Overrides::default());
    let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
    experiment.warnings().list().iter().map(|one| one.message.clone()).collect()
}

#[test]
fn what_means_something_is_not_warned_of() {
    assert_eq!(warnings_of(&[]), [""; 0]);
}

#[test]
fn bodies_that_cannot_end() {
    assert_eq!(
        warnings_of(&[("800ms", "1900ms")]),
        ["function `f` always times out: its body takes at least 2.1 s, and its time limit is 2 s"]
    );
    // As long as the limit is in time.
    assert_eq!(warnings_of(&[("800ms", "1800ms")]), [""; 0]);
    // What is drawn may be short.
    let random = "{ kind = \"uniform\", low = \"1s\", high = \"9s\" }";
    assert_eq!(warnings_of(&[("\"800ms\"", random), ("1.5/s", "0.1/s")]), [""; 0]);
    assert_eq!(
        warnings_of(&[("write = \"1MB\"", "write = \"1001kB\"")]),
        ["function `f` always fails: its body writes a file of 1,001,000 bytes, and its \
          containers \
          have 1,000,000 bytes on disk"]
    );
    // Files add up unless one takes the place of another.
    let two = "{ write = \"600kB\", file = \"out\" }, { write = \"500kB\", file = \"log\" }";
    let files = |text| warnings_of(&[("{ write = \"1MB\", file = \"out\" }", text)]);
    assert_eq!(
        files(two),
        ["function `f` always fails: its body writes files of 1,100,000 bytes, and its \
             containers \
          have 1,000,000 bytes on disk"]
    );
    assert_eq!(files(&two.replace("log", "out")), [""; 0]);
    // Tenths of seconds add up exactly, and are written so.
    let tenths = (
        "{ sleep = \"800ms\" }, { compute = \"2Gf\" }",
        "{ sleep = \"100ms\" }, { sleep = \"200ms\" }",
    );
    assert_eq!(warnings_of(&[tenths, ("time = \"2s\"", "time = \"300ms\"")]), [""; 0]);
    assert_eq!(
        warnings_of(&[tenths, ("time = \"2s\"", "time = \"299999us\"")]),
        ["function `f` always times out: its body takes at least 0.3 s, and its time limit is \
          0.299999 s"]
    );
    // In the reference, the limit itself is too late.
    let wrench = ("name = \"study\"\n", "name = \"study\"\npreset = \"wrench\"\n");
    assert_eq!(
        warnings_of(&[wrench, ("800ms", "1800ms")]),
        ["function `f` always times out: its body takes at least 2 s, and its time limit is 2 s"]
    );
    let nested = [(
        "[[workload]]",
        "[[function]]\nname = \"g\"\nlimits = { time = \"900ms\", memory = \"1MB\" }\nbody = [{ invoke = \"f\" }]\n[[workload]]",
    )];
    // Nobody invokes it.
    assert_eq!(warnings_of(&nested), [""; 0]);
    let invoked = [
        nested[0],
        ("kind = \"poisson\"\nfunction = \"f\"", "kind = \"poisson\"\nfunction = \"g\""),
    ];
    assert_eq!(
        warnings_of(&invoked),
        ["function `g` always times out: its body takes at least 1 s, and its time limit is 0.9 s"]
    );
}

#[test]
fn results_list_what_was_warned_of() {
    let long = STUDY.replace("800ms", "1900ms").replace("[service]", "[service]\nslots = 1");
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str, name: &str| {
        let experiment = Experiment::parse(name, text, folder.path(), &Overrides::default());
        let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
        let out = folder.path().join(name.replace(".toml", ""));
        let report = experiment.run(&experiment.runs()[0], &out).unwrap();
        let read = |file: &str| std::fs::read_to_string(out.join(file)).unwrap();
        (report.warnings, read("summary.json"), read("manifest.toml"))
    };
    let (warnings, summary, manifest) = run(&long, "study.toml");
    let late =
        "function `f` always times out: its body takes at least 2.1 s, and its time limit is 2 s";
    let many =
        "more is invoked than can run: bodies alone need 3.0 slots on average, and there are 2";
    let none = "nothing completed: 829 invocations ended otherwise (829 by `time_limit`)";
    assert_eq!(warnings, [late, many, none]);
    let parsed: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(parsed["warnings"], serde_json::json!([late, many, none]));
    let comments: Vec<&str> = manifest.lines().skip(1).take(4).collect();
    let [late, many, none] = [late, many, none].map(|warning| format!("# warning: {warning}"));
    assert_eq!(comments, [&late, &many, &none, ""]);
    // A run of the manifest has the same bytes.
    std::fs::create_dir(folder.path().join("again")).unwrap();
    let (again, of_manifest, written) = run(&manifest, "again.toml");
    assert_eq!((again, &of_manifest), (warnings, &summary));
    assert_eq!(written, manifest);
    // Nothing is said where nothing is wrong.
    let (warnings, summary, manifest) = run(STUDY, "fine.toml");
    assert_eq!(warnings, [""; 0]);
    assert!(!summary.contains("warning") && !manifest.contains("warning"), "{summary}{manifest}");
}

#[test]
fn points_of_a_sweep_are_warned_of_together() {
    let of = |sweep: &str| warnings_of(&[("[platform]", &format!("{sweep}\n[platform]"))]);
    let late = "function `f` always times out: its body takes at least 1 s, and its time limit is";
    let sweep = "[sweep]\nrepeat = 3\nservice.slots = [2, \"cores\"]\nfunction.f.limits.time = ";
    let times = |list: &str| of(&format!("{sweep}{list}"));
    assert_eq!(times("[\"2s\", \"3s\"]"), [""; 0]);
    assert_eq!(
        times("[\"900ms\", \"2s\", \"999ms\"]"),
        [
            format!("{late} 0.9 s (2 of 6 points: slots-2_time-900ms, slots-cores_time-900ms)"),
            format!("{late} 0.999 s (2 of 6 points: slots-2_time-999ms, slots-cores_time-999ms)")
        ]
    );
    assert_eq!(times("[\"900ms\"]"), [format!("{late} 0.9 s")]);
}

#[test]
fn what_is_played_counts() {
    let long = ("800ms", "1min");
    let given = |text| ("rate = \"1.5/s\"", text);
    let short = given("rate = \"1.5/s\"\nduration = \"1s\"");
    assert_eq!(warnings_of(&[long, short]), [""; 0]);
    let late = given(
        "rate = \"1.5/s\"\nduration = { kind = \"uniform\", low = \"2500ms\", high = \"3s\" }",
    );
    assert_eq!(
        warnings_of(&[late]),
        ["function `f` always times out: its body takes at least 2.5 s, and its time limit is 2 s"]
    );
    // One of them is in time.
    let list = "[[workload]]\nkind = \"list\"\n\
                arrivals = [{ at = \"0s\", function = \"f\", body = [{ sleep = \"1s\" }] }]\n[[workload]]";
    assert_eq!(warnings_of(&[late, ("[[workload]]", list)]), [""; 0]);
    let later = list.replace("\"1s\"", "\"2001ms\"");
    assert_eq!(
        warnings_of(&[late, ("[[workload]]", &later)]),
        ["function `f` always times out: its body takes at least 2.001 s, and its time limit is \
             2 \
          s"]
    );
}

#[test]
fn many_functions_are_counted_by_what_is_wrong() {
    let mut functions = String::new();
    for number in 0..8 {
        let (time, body) = match number % 2 {
            0 => ("500ms", "{ sleep = \"1s\" }"),
            _ => ("9s", "{ write = \"2MB\", file = \"out\" }"),
        };
        for copy in 0..3 {
            functions += &format!(
                "[[function]]\nname = \"g{number}-{copy}\"\n\
                 limits = {{ time = \"{time}\", memory = \
                 \"1MB\" }}\nbody = [{body}]\n[[workload]]\nkind = \"list\"\nfunction = \
                 \"g{number}-{copy}\"\nat = [\"0s\"]\n"
            );
        }
    }
    let warnings = warnings_of(&[("[[workload]]", &(functions + "[[workload]]"))]);
    assert_eq!(warnings.len(), 12);
    let count = |text: &str| warnings.iter().filter(|warning| warning.contains(text)).count();
    assert_eq!((count("always times out:"), count("always fails:")), (5, 5));
    assert!(warnings.contains(&"more functions always time out: 7 beside these 5".to_owned()));
    assert!(warnings.contains(&"more functions always fail: 7 beside these 5".to_owned()));
}

#[test]
fn load_over_time() {
    let generated = "kind = \"poisson\"\nfunction = \"f\"\nrate = \"1.5/s\"\nuntil = \"10min\"";
    let of = |workloads: &[&str]| {
        let tables: Vec<_> =
            workloads.iter().map(|one| format!("function = \"f\"\n{one}")).collect();
        warnings_of(&[(generated, &tables.join("\n[[workload]]\n"))])
    };
    let even = |rate: &str, from: &str, until: &str| {
        format!("kind = \"uniform\"\nrate = \"{rate}\"\nfrom = \"{from}\"\nuntil = \"{until}\"")
    };
    // One after the other, and at the same time.
    let (first, second) = (even("3/s", "0s", "5min"), even("3/s", "5min", "10min"));
    assert_eq!(of(&[&first, &second]), [""; 0]);
    assert_eq!(
        of(&[&even("3/s", "0s", "10min"), &even("3/s", "4min", "10min")]),
        ["more is invoked than can run: from 240 s to 600 s bodies alone need 6.0 slots on \
          average, and there are 4"]
    );
    // A burst that is worked off soon.
    let burst = "kind = \"poisson\"\nrate = \"1000/s\"\ncount = 200";
    assert_eq!(of(&[burst]), [""; 0]);
    assert_eq!(of(&[burst, &even("1/s", "0s", "10min")]), [""; 0]);
    // And one that keeps coming.
    assert_eq!(
        of(&["kind = \"poisson\"\nrate = \"1000/s\"\ncount = 20_000"]),
        ["more is invoked than can run: bodies alone need 1000.0 slots on average, and there \
             are 4"]
    );
    // A list of invocations: all at once, and five in each second for two minutes.
    let list = |dates: &[f64]| {
        let dates: Vec<_> = dates.iter().map(|date| format!("\"{date}s\"")).collect();
        format!("kind = \"list\"\nat = [{}]", dates.join(", "))
    };
    assert_eq!(of(&[&list(&[0.0; 600])]), [""; 0]);
    let dates: Vec<f64> = (0..600).map(|number| f64::from(number) / 5.0).collect();
    assert!(
        matches!(&of(&[&list(&dates)])[..], [one] if one.contains("bodies alone need 5.0 slots"))
    );
    let dates: Vec<f64> = (0..600).map(|number| f64::from(number) / 3.9).collect();
    assert_eq!(of(&[&list(&dates)]), [""; 0]);
    // Twenty clients that think for four seconds keep four slots busy.
    let clients = |clients: u32, think: &str| {
        format!("kind = \"closed\"\nclients = {clients}\nthink = \"{think}\"\nuntil = \"10min\"")
    };
    assert_eq!(of(&[&clients(20, "4s")]), [""; 0]);
    assert_eq!(of(&[&clients(4, "0s")]), [""; 0]);
    assert_eq!(
        of(&[&clients(25, "4s")]),
        ["more is invoked than can run: bodies alone need 5.0 slots on average, and there are 4"]
    );
    // At night there is little to do; half a day is too much.
    let day = |rate: &str| {
        format!(
            "kind = \"diurnal\"\nrate = \"{rate}\"\namplitude = 0.9\npeak = \"12h\"\nuntil = \"1d\""
        )
    };
    assert_eq!(of(&[&day("2.5/s")]), [""; 0]);
    assert!(
        matches!(&of(&[&day("3/s")])[..], [one] if one.contains("from 21600 s to 64800 s")),
        "{:?}",
        of(&[&day("3/s")])
    );
    // Those that are invoked by others run as well.
    let pair = [
        (
            "[[workload]]",
            "[[function]]\nname = \"g\"\nlimits = { time = \"9s\", memory = \"1MB\" }\n\
             body = [{ invoke = \"f\" }, { invoke = \"f\" }]\n[[workload]]",
        ),
        (
            "kind = \"poisson\"\nfunction = \"f\"\nrate = \"1.5/s\"",
            "kind = \"poisson\"\nfunction = \"g\"\nrate = \"1.1/s\"",
        ),
    ];
    assert_eq!(
        warnings_of(&pair),
        ["more is invoked than can run: bodies alone need 4.4 slots on average, and there are 4"]
    );
}

/// What `check` says of the study with a trace in place of its workload: it reads all of it.
fn warnings_of_trace(rows: impl Iterator<Item = (f64, f64)>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = rows.map(|(at, took)| format!("{at},f,{took}\n")).collect();
    std::fs::write(folder.path().join("trace.csv"), format!("at_s,function,took_s\n{rows}"))
        .unwrap();
    let generated = "kind = \"poisson\"\nfunction = \"f\"\nrate = \"1.5/s\"\nuntil = \"10min\"";
    let csv = "kind = \"csv\"\nfile = \"trace.csv\"\n\
               columns = { arrival = \"at_s\", function = \"function\", duration = \"took_s\" }";
    let text = STUDY.replace(generated, csv).replace("\"1min\"", "\"1s\"");
    let points = Points::parse("study.toml", &text, folder.path(), &Overrides::default()).unwrap();
    let experiment = points.check(Depth::Whole, &mut |_| {}).unwrap();
    let quick = points.check(Depth::Beginning, &mut |_| {}).unwrap();
    assert_eq!(quick.warnings().list().len(), 0);
    experiment.warnings().list().iter().map(|one| one.message.clone()).collect()
}

#[test]
fn traces_that_are_read_anyway() {
    let rows = |count: u32, rate: f64, took: f64| {
        (0..count).map(move |number| (f64::from(number) / rate, took))
    };
    assert_eq!(warnings_of_trace(rows(1024, 3.9, 1.0)), [""; 0]);
    let warnings = warnings_of_trace(rows(1024, 5.0, 1.0));
    assert!(
        matches!(&warnings[..], [one] if one.contains("bodies alone need 5.0 slots")),
        "{warnings:?}"
    );
    // Soon over.
    assert_eq!(warnings_of_trace(rows(20, 5.0, 1.0)), [""; 0]);
    assert_eq!(
        warnings_of_trace(rows(10, 1.0, 2.5)),
        ["function `f` always times out: its body takes at least 2.5 s, and its time limit is 2 s"]
    );
    assert_eq!(warnings_of_trace(rows(10, 1.0, 2.5).chain([(11.0, 1.0)])), [""; 0]);
}

/// What is said of a study with one function of a trace of Azure Functions, in place of its own.
fn warnings_of_azure(folder: &Path, functions: &str, kind: &str) -> Vec<String> {
    let (before, _) = STUDY.split_once("[[function]]").unwrap();
    let text = format!(
        "{before}[functions]\n{functions}\nlimits = {{ memory = \"1MB\" }}\n[[workload]]\nkind = \
         \"{kind}\"\n"
    );
    let experiment = Experiment::parse("study.toml", &text, folder, &Overrides::default());
    let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
    experiment.warnings().list().iter().map(|one| one.message.clone()).collect()
}

#[test]
fn traces_of_azure() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    // 4.5 slots for ten minutes, and the same of which one app of two is drawn.
    let row = |app: &str, number: u32| format!("{app},f,{},0.9\n", f64::from(number) / 5.0 + 0.9);
    let rows: String = (0..3_000).map(|number| row("a", number) + &row("b", number)).collect();
    write("2021.csv", format!("app,func,end_timestamp,duration\n{rows}"));
    let of = |sample| {
        let functions = format!("azure_2021 = {{ file = \"2021.csv\"{sample} }}");
        warnings_of_azure(folder.path(), &functions, "azure-2021")
    };
    let [all, one] = ["", ", apps = 1"].map(of);
    assert!(matches!(&all[..], [all] if all.contains("alone need 9.0 slots")), "{all:?}");
    assert!(matches!(&one[..], [one] if one.contains("alone need 4.5 slots")), "{one:?}");
    // 300 invocations of 1.2 s in each minute of a day.
    let minutes: String = (1..=1440).map(|minute| format!(",{minute}")).collect();
    let of = |count: u32| {
        let counts = format!(",{count}").repeat(1440);
        let names = "HashOwner,HashApp,HashFunction";
        write("invocations.csv", format!("{names},Trigger{minutes}\no,a,f,http{counts}\n"));
        let percentiles: String =
            [0, 1, 25, 50, 75, 99, 100].map(|part| format!(",percentile_Average_{part}")).concat();
        let durations = format!(
            "{names},Average,Count,Minimum,Maximum{percentiles}\no,a,f,1200,9,1200,1200{}\n",
            ",1200".repeat(7)
        );
        write("durations.csv", durations);
        let functions = "azure_2019 = { folder = \".\", memory = \"limits\" }";
        warnings_of_azure(folder.path(), functions, "azure-2019")
    };
    assert_eq!(of(195), [""; 0]);
    assert_eq!(
        of(300),
        ["more is invoked than can run: bodies alone need 6.0 slots on average, and there are 4"]
    );
}

#[test]
fn apps_like_those_of_azure() {
    let of = |scale: &str| {
        let generated = "kind = \"poisson\"\nfunction = \"f\"\nrate = \"1.5/s\"\nuntil = \"10min\"";
        let azure = format!(
            "kind = \"azure-like\"\napps = 100\nscale = {scale}\n\
             until = \"1d\""
        );
        warnings_of(&[(generated, &azure)])
    };
    assert_eq!(of("0.001"), [""; 0]);
    let warnings = of("100");
    assert!(
        matches!(&warnings[..], [one] if one.starts_with("more is invoked than can run: bodies")),
        "{warnings:?}"
    );
}

#[test]
fn more_than_can_run() {
    assert_eq!(
        warnings_of(&[("1.5/s", "5/s")]),
        ["more is invoked than can run: bodies alone need 5.0 slots on average, and there are 4"]
    );
    // One of them with two is four in two: the node has place for eight.
    assert_eq!(warnings_of(&[("1.5/s", "3.9/s")]), [""; 0]);
    assert_eq!(
        warnings_of(&[("1.5/s", "3/s"), ("\"4GB\"", "\"1.4GB\"")]),
        ["more is invoked than fits into memory: running invocations alone need 3.0 GB on \
          average, \
          and there are 2.8 GB"]
    );
    // A time limit ends what would run for long.
    let long = [("800ms", "1min"), ("1.5/s", "1.9/s")];
    assert!(warnings_of(&long).iter().all(|warning| warning.contains("always times out")));
}

#[test]
fn cold_starts_for_nothing() {
    assert_eq!(
        warnings_of(&[("startup = \"300ms\"\n", "")]),
        ["cold starts cost nothing: containers start in no time, and no image has to be fetched"]
    );
    assert_eq!(warnings_of(&[("\"300ms\"", "\"0s\"")]), [""; 0]);
}

#[test]
fn containers_that_outlive_the_run() {
    assert_eq!(
        warnings_of(&[("idle = \"1min\"", "idle = \"10min\"")]),
        ["containers are never stopped for being idle: they are kept for 600 s, and the last \
          invocation arrives at 600 s"]
    );
    // The default is not warned of.
    let default = ("keep_alive = { kind = \"fixed\", idle = \"1min\" }\n", "");
    assert_eq!(warnings_of(&[default]), [""; 0]);
}

#[test]
fn functions_whose_containers_outlive_the_run() {
    let keep = |idle: &str| {
        let own = format!("name = \"f\"\nkeep_alive = {{ kind = \"fixed\", idle = \"{idle}\" }}");
        warnings_of(&[("name = \"f\"", &own)])
    };
    assert_eq!(keep("9min"), [""; 0]);
    assert_eq!(
        keep("10min"),
        ["containers of function `f` are never stopped for being idle: they are kept for 600 s, \
          and the last invocation arrives at 600 s"]
    );
}

/// Neither before a run nor after one: what an example shows is meant.
#[test]
fn no_example_is_warned_of() {
    let folder = isotherm_testing::in_repository("examples");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.extension().is_some_and(|extension| extension == "toml" || extension == "json") {
            continue;
        }
        let points = Points::load(&path, &Overrides::default()).unwrap();
        let experiment = points.check(Depth::Whole, &mut |_| {}).unwrap();
        assert_eq!(experiment.warnings().render(false), "", "{}", path.display());
        names.push(path);
    }
    assert!(names.len() > 10);
}

/// What a run says of itself when it is over, beside what was said before.
fn warnings_after(replaced: &[(&str, &str)]) -> Vec<String> {
    let mut text = STUDY.to_owned();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let experiment = Experiment::parse("s.toml", &text, Path::new(""), &Overrides::default());
    let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
    let run = &experiment.runs()[0];
    let report = experiment.start(run, RunOptions::default()).unwrap().finish().unwrap();
    assert_eq!(&report.warnings[..run.warnings().len()], run.warnings());
    report.warnings[run.warnings().len()..].to_vec()
}

#[test]
fn nothing_completes_or_is_measured() {
    assert_eq!(warnings_after(&[]), [""; 0]);
    let list = "kind = \"list\"\nat = [\"0s\", \"1s\", \"599s\"]";
    let list = ("kind = \"poisson\"", list);
    let three = [list, ("rate = \"1.5/s\"\nuntil = \"10min\"", "")];
    assert_eq!(warnings_after(&three), [""; 0]);
    let late = [&three[..], &[("800ms", "1900ms")]].concat();
    assert_eq!(
        warnings_after(&late),
        ["nothing completed: 3 invocations ended otherwise (3 by `time_limit`)"]
    );
    // One of them is in time.
    let body = "body = [{ sleep = { kind = \"uniform\", low = \"0s\", high = \"9s\" } }, ";
    assert_eq!(warnings_after(&[("body = [{ sleep = \"800ms\" }, ", body)]), [""; 0]);
    let measure = |fields: &str| {
        let measure = format!("[measure]\n{fields}\n[platform]");
        let replaced = [&three[..], &[("[platform]", &measure)]].concat();
        (warnings_of(&replaced), warnings_after(&replaced))
    };
    let nothing = Vec::<String>::new;
    assert_eq!(measure("from = \"599s\""), (nothing(), nothing()));
    let after = "nothing is measured: no invocation was submitted in the part of the run that \
                 counts (`measure`)";
    assert_eq!(measure("from = \"2s\"\nuntil = \"599s\""), (nothing(), vec![after.to_owned()]));
    let before = "nothing is measured: the last invocation arrives at 599 s at the latest, and \
         what counts begins at 600 s";
    assert_eq!(measure("from = \"600s\""), (vec![before.to_owned()], nothing()));
    assert_eq!(
        warnings_after(&[("1.5/s", "0.0000001/s")]),
        ["nothing is invoked: the run has no invocation"]
    );
}

#[test]
fn a_beginning_that_dominates() {
    let image = |size: &str, rate: &str, measure: &str| {
        let image =
            format!("[[image]]\nname = \"i\"\nsize = \"{size}\"\n[[function]]\nimage = \"i\"");
        warnings_after(&[
            ("[[function]]", &image),
            ("1.5/s", rate),
            ("[platform]", &format!("{measure}[platform]")),
            ("latency = \"50us\"", "latency = \"50us\", repository = \"100Mbps\""),
        ])
    };
    // Ten gigabytes take minutes.
    let long = image("3GB", "1.5/s", "");
    assert!(
        matches!(&long[..], [one] if one.starts_with("the beginning dominates: ")
            && one.contains("; `measure.from = \"")),
        "{long:?}"
    );
    let (_, from) = long[0].split_once("`measure.from = ").unwrap();
    let from = from.split('`').next().unwrap();
    assert_eq!(image("3GB", "1.5/s", &format!("measure = {{ from = {from} }}\n")), [""; 0]);
    // A megabyte is soon there.
    assert_eq!(image("1MB", "1.5/s", ""), [""; 0]);
}

#[test]
fn dates_of_a_calendar() {
    let csv = "kind = \"csv\"\nfile = \"epoch.csv\"\n\
               columns = { arrival = \"at_s\", function = \"function\" }";
    let generated = "kind = \"poisson\"\nfunction = \"f\"\nrate = \"1.5/s\"\nuntil = \"10min\"";
    assert_eq!(
        warnings_of(&[(generated, csv)]),
        ["`epoch.csv` begins 55 years after the start of the simulation"]
    );
}
