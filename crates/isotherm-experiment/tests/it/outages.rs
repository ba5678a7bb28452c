//! Experiments whose hosts and links are off from the beginning, or go off and come back: what runs
//! where and when follows from the profiles, and what cannot go on says what it lacks.

use std::path::Path;

use crate::common::columns;
use isotherm_experiment::{Experiment, ExperimentError, Overrides, RunReport};

/// A platform with a user, a head, `nodes` compute hosts and a repository. A part that `profiles`
/// names has a profile: a state file for hosts and for the link `l`, on which all routes are, or,
/// if the name begins with `speed of `, a speed file.
pub fn platform(folder: &Path, nodes: usize, profiles: &[(&str, &str)]) {
    let attribute = |part: &str| {
        let of = |kind: &str, name: String| {
            let file = format!("{}.profile", name.replace(' ', "_"));
            let (_, text) = profiles.iter().find(|(other, _)| *other == name)?;
            std::fs::write(folder.join(&file), text).unwrap();
            Some(format!(" {kind}=\"{file}\""))
        };
        let speed = of("availability_file", format!("speed of {part}"));
        of("state_file", part.to_owned()).unwrap_or_default() + &speed.unwrap_or_default()
    };
    let mut names = vec!["user".to_owned(), "head".to_owned(), "repository".to_owned()];
    names.extend((0..nodes).map(|index| format!("n{index}")));
    let mut xml = String::from(
        "<?xml version='1.0'?>\n<platform version=\"4.1\"><zone id=\"z\" routing=\"Full\">\n",
    );
    for name in &names {
        let disk = "<disk id=\"d\" read_bw=\"1GBps\" write_bw=\"1GBps\"/>";
        xml += &format!(
            "<host id=\"{name}\" speed=\"1Gf\" core=\"2\"{}>{disk}</host>\n",
            attribute(name)
        );
    }
    xml += &format!("<link id=\"l\" bandwidth=\"1GBps\" latency=\"0\"{}/>\n", attribute("l"));
    for (index, from) in names.iter().enumerate() {
        for to in &names[index + 1..] {
            xml += &format!("<route src=\"{from}\" dst=\"{to}\"><link_ctn id=\"l\"/></route>\n");
        }
    }
    std::fs::write(folder.join("p.xml"), xml + "</zone></platform>\n").unwrap();
}

/// What a record says.
#[derive(Debug, PartialEq)]
struct Row {
    submitted: f64,
    dispatched: f64,
    node: String,
    outcome: String,
    cause: String,
}

fn row(submitted: f64, dispatched: f64, node: &str, outcome: &str, cause: &str) -> Row {
    let [node, outcome, cause] = [node, outcome, cause].map(str::to_owned);
    Row { submitted, dispatched, node, outcome, cause }
}

/// Runs an experiment on such a platform; its report and records in the order of submission.
fn run(
    nodes: usize,
    profiles: &[(&str, &str)],
    text: &str,
) -> Result<(RunReport, Vec<Row>), ExperimentError> {
    let folder = tempfile::tempdir().unwrap();
    platform(folder.path(), nodes, profiles);
    let text = format!("name = \"outage\"\nplatform = \"p.xml\"\n{text}");
    let experiment = Experiment::parse("outage.toml", &text, folder.path(), &Overrides::default());
    let experiment = experiment.unwrap_or_else(|errors| panic!("{errors}"));
    let out = folder.path().join("out");
    let report = experiment.run(&experiment.runs()[0], &out)?;
    let seconds = |text: String| text.parse().unwrap_or(f64::NAN);
    let names = ["submitted_s", "dispatched_s", "node", "outcome", "cause"];
    let mut rows: Vec<Row> = columns(&out, names)
        .into_iter()
        .map(|[submitted, dispatched, node, outcome, cause]| {
            let (submitted, dispatched) = (seconds(submitted), seconds(dispatched));
            Row { submitted, dispatched, node, outcome, cause }
        })
        .collect();
    rows.sort_by(|one, other| one.submitted.total_cmp(&other.submitted));
    Ok((report, rows))
}

fn function(at: &str) -> String {
    format!(
        "[[function]]\nname = \"f\"\nlimits = {{ time = \"60s\", memory = \"1MB\" }}\nbody = [{{ sleep = \"2s\" }}]\n\
         [[workload]]\nkind = \"list\"\nfunction = \"f\"\nat = {at}\n"
    )
}

/// All that is told of an experiment that gives no result.
fn told(result: Result<(RunReport, Vec<Row>), ExperimentError>) -> String {
    let Err(error) = result else { panic!("it ends") };
    std::iter::once(error.to_string()).chain(error.notes()).collect::<Vec<_>>().join("\n")
}

/// Off from 2 to 100 s: what comes at 5 s waits for the host.
#[test]
fn a_host_that_comes_back_is_waited_for() {
    let profiles = [("n0", "2 0\n100 1\n")];
    for preset in ["default", "wrench"] {
        let preset = format!("preset = \"{preset}\"\n");
        let (report, rows) = run(1, &profiles, &(preset.clone() + &function("[\"5s\"]"))).unwrap();
        assert_eq!(rows, [row(5.0, 100.0, "n0", "completed", "")]);
        assert_eq!(report.summary.simulated_end_s, 102.0);
        let limited = preset + "limits = { time = \"50s\" }\n" + &function("[\"5s\"]");
        let told = told(run(1, &profiles, &limited));
        assert!(told.contains("was not over at the time limit of 50"), "{told}");
        assert!(
            told.contains(
                "`f` waits for a compute host: the only one that could ever hold it is off"
            ),
            "{told}"
        );
    }
}

/// Off from the beginning to 50 s, one of two hosts or the only one.
#[test]
fn a_host_that_is_off_at_first_serves_later() {
    let profiles = [("n0", "0 0\n50 1\n")];
    for scheduler in [
        "fcfs",
        "random",
        "first-fit",
        "least-loaded",
        "most-loaded",
        "round-robin",
        "power-of-two",
        "warm-first",
        "locality",
        "hash-affinity",
        "workload-balancing",
    ] {
        let service = format!("[service]\nscheduler = \"{scheduler}\"\n");
        let (_, rows) =
            run(2, &profiles, &(service.clone() + &function("[\"1s\", \"4s\", \"9s\"]"))).unwrap();
        let at_once = |at| row(at, at, "n1", "completed", "");
        assert_eq!(rows, [at_once(1.0), at_once(4.0), at_once(9.0)], "{scheduler}");
        // Both that wait have a core when it comes up; the third one comes when these are in use.
        let (_, rows) =
            run(1, &profiles, &(service + &function("[\"0s\", \"49s\", \"51s\"]"))).unwrap();
        let later = |at, dispatched| row(at, dispatched, "n0", "completed", "");
        assert_eq!(rows, [later(0.0, 50.0), later(49.0, 50.0), later(51.0, 52.0)], "{scheduler}");
    }
}

/// What cannot go on names what is missing, dated when the last thing happened.
#[test]
fn hosts_that_are_off_for_good_are_named() {
    for (profiles, date) in [
        (vec![("n0", "0 0\n"), ("n1", "0 0\n")], "10.000000000"),
        (vec![("n0", "0.5 0\n"), ("n1", "70 0\n"), ("l", "20 0\n30 1\n")], "80.000000000"),
    ] {
        let at = if date.starts_with('1') { "[\"10s\"]" } else { "[\"10s\", \"80s\"]" };
        let told = told(run(2, &profiles, &function(at)));
        assert!(told.contains(&format!("deadlock at {date} s, everything waits")), "{told}");
        let lack = "1 invocation of `f` waits for a compute host: all 2 that could ever hold it are off, since";
        assert!(told.contains(lack), "{told}");
    }
}

/// One that never comes up is not missed if another one serves.
#[test]
fn a_host_that_is_off_for_good_need_not_be_missed() {
    let (report, rows) = run(2, &[("n0", "0 0\n")], &function("[\"1s\"]")).unwrap();
    assert_eq!(rows, [row(1.0, 1.0, "n1", "completed", "")]);
    assert_eq!(report.summary.simulated_end_s, 3.0);
}

/// A profile that repeats for ever ends neither an experiment later nor keeps one going that cannot
/// go on. While its host is on for a second of ten, bodies of two seconds fail one after the other,
/// and one of half a second is served.
#[test]
fn a_profile_that_repeats_for_ever() {
    let profiles = [("n0", "PERIODICITY 10\n0 0\n9 1\n")];
    let text = function("[\"1s\", \"12s\"]");
    let (report, rows) = run(1, &profiles, &text).unwrap();
    assert_eq!(
        rows,
        [
            row(1.0, 9.0, "n0", "failed", "host_failed"),
            row(12.0, 19.0, "n0", "failed", "host_failed")
        ]
    );
    assert_eq!(report.summary.simulated_end_s, 20.0);
    let (_, rows) =
        run(1, &profiles, &text.replace("sleep = \"2s\"", "sleep = \"500ms\"")).unwrap();
    assert_eq!(
        rows,
        [row(1.0, 9.0, "n0", "completed", ""), row(12.0, 19.0, "n0", "completed", "")]
    );
    // Nothing fits as long as the other function runs, which never ends. Only the host that is not
    // needed goes on and off.
    let both = "preset = \"wrench\"\n".to_owned() + &text;
    let told = told(run(
        2,
        &[("n0", "0 0\n"), ("n1", "0 0\n"), ("repository", "PERIODICITY 10\n0 0\n9 1\n")],
        &both,
    ));
    assert!(told.contains("deadlock at 12.000000000 s"), "{told}");
}

/// A speed of 0 and back: the 2 Gf of the body are done in one second before and one second after.
#[test]
fn a_host_that_stands_still() {
    let profiles = [("speed of n0", "2 0\n40 1\n")];
    let text = function("[\"1s\"]").replace("sleep = \"2s\"", "compute = \"2Gf\"");
    let (report, rows) = run(1, &profiles, &text).unwrap();
    assert_eq!(rows, [row(1.0, 1.0, "n0", "completed", "")]);
    assert_eq!(report.summary.simulated_end_s, 41.0);
    // Without an end of it the limit of the body ends it, at 61 s; and one of the experiment.
    let (_, rows) = run(1, &profiles[..0], &text.replace("2Gf", "1000Gf")).unwrap();
    assert_eq!(rows[0].outcome, "timed_out");
    let (report, rows) = run(1, &[("speed of n0", "2 0\n")], &text).unwrap();
    assert_eq!((rows[0].outcome.as_str(), report.summary.simulated_end_s), ("timed_out", 61.0));
    let limited = "limits = { time = \"30s\" }\n".to_owned() + &text;
    let told = told(run(1, &profiles, &limited));
    assert!(told.contains("1 invocation of `f` is running, since 1.000000000 s"), "{told}");
}

/// The head is off until 50 s, or from 20 to 50 s: requests of that time are lost, and others
/// served.
#[test]
fn the_head_is_off_for_a_while() {
    for (profile, served) in [("0 0\n50 1\n", vec![60.0]), ("20 0\n50 1\n", vec![1.0, 60.0])] {
        for payload in ["", "[service]\npayloads = { invoke_request = \"1B\" }\n"] {
            let text = payload.to_owned() + &function("[\"1s\", \"30s\", \"60s\"]");
            let (report, rows) = run(1, &[("head", profile)], &text).unwrap();
            let submitted: Vec<f64> = rows.iter().map(|row| row.submitted.round()).collect();
            assert_eq!(submitted, served);
            assert!(rows.iter().all(|row| row.outcome == "completed"), "{rows:?}");
            assert_eq!(report.requests_lost, 3 - served.len() as u64);
        }
    }
    let told = told(run(1, &[("head", "0 0\n")], &function("[\"1s\"]")));
    assert!(told.contains("host `head` is off and does not come back"), "{told}");
}

/// The host of the user is off until 50 s: earlier arrivals are lost. When it goes off later, the
/// run cannot go on.
#[test]
fn the_user_is_off_for_a_while() {
    let text = function("[\"1s\", \"60s\"]");
    let (report, rows) = run(1, &[("user", "0 0\n50 1\n")], &text).unwrap();
    assert_eq!(rows, [row(60.0, 60.0, "n0", "completed", "")]);
    assert_eq!(report.requests_lost, 1);
    let told_of = |profile| told(run(1, &[("user", profile)], &text));
    let gone = told_of("20 0\n50 1\n");
    assert!(
        gone.contains("host `user`, from which the experiment invokes, went off at 20.000000000 s"),
        "{gone}"
    );
    let never = told_of("0 0\n");
    assert!(never.contains("host `user` is off and does not come back"), "{never}");
}

/// The images are on a host that is off until 50 s: a download fails, as it does when the host goes
/// off later.
#[test]
fn the_repository_is_off_for_a_while() {
    let text = "[[image]]\nname = \"i\"\nsize = \"10MB\"\n".to_owned()
        + &function("[\"1s\", \"60s\"]").replace("[[function]]", "[[function]]\nimage = \"i\"");
    let (_, rows) = run(1, &[("repository", "0 0\n50 1\n")], &text).unwrap();
    let outcomes: Vec<_> =
        rows.iter().map(|row| (row.outcome.as_str(), row.cause.as_str())).collect();
    assert_eq!(outcomes, [("failed", "host_failed"), ("completed", "")]);
}

/// Clients of a closed loop that ask while the head or the network is off think again, and go on
/// when it is back.
#[test]
fn clients_go_on_after_an_outage() {
    let closed = |think: &str, end: &str| {
        "[[function]]\nname = \"f\"\nlimits = { time = \"60s\", memory = \"1MB\" }\nbody = [{ sleep = \"2s\" }]\n\
         [[workload]]\nkind = \"closed\"\nfunction = \"f\"\nclients = 1\n"
            .to_owned()
            + &format!("think = \"{think}\"\n{end}\n")
    };
    let payload = "[service]\npayloads = { invoke_request = \"1B\" }\n";
    let outage = "20 0\n50 1\n";
    for (preset, part) in
        [("default", "head"), ("wrench", "head"), ("default", "l"), ("wrench", "l")]
    {
        // Without a payload a request does not need the link.
        let begin = format!("preset = \"{preset}\"\n") + if part == "l" { payload } else { "" };
        let submitted = |think: &str, end: &str| {
            let (report, rows) =
                run(1, &[(part, outage)], &(begin.clone() + &closed(think, end))).unwrap();
            let dates: Vec<f64> = rows.iter().map(|row| row.submitted.round()).collect();
            let failed = rows.iter().filter(|row| row.outcome == "failed").count();
            (dates, failed, report.requests_lost)
        };
        // It asks at 5, 12, 19, and at 24 or 26, 5 s after the head has gone or the answer has
        // come; then every five seconds.
        let (dates, failed, lost) = submitted("5s", "until = \"60s\"");
        let expected = match part {
            "head" => (vec![5.0, 12.0, 19.0, 50.0, 57.0], 1, 5),
            _ => (vec![5.0, 12.0, 19.0, 51.0, 58.0], 0, 5),
        };
        assert_eq!((dates, failed, lost), expected, "{preset} {part}");
        // One that does not think asks every second meanwhile, and after it as before.
        let (dates, failed, lost) = submitted("0s", "count = 45");
        let before = (0..10).map(|index| 2.0 * f64::from(index));
        let after = (0..5).map(|index| 50.0 + 2.0 * f64::from(index));
        let of_head = usize::from(part == "head");
        assert_eq!(
            (dates, failed, lost),
            (before.chain(after).collect(), of_head, 30),
            "{preset} {part}"
        );
    }
    // When it never comes back they come to their end all the same.
    let (report, rows) = run(1, &[("head", "20 0\n")], &closed("5s", "until = \"60s\"")).unwrap();
    assert_eq!((rows.len(), report.requests_lost), (3, 7));
}
