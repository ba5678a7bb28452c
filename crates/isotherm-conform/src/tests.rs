//! The command's work from a folder to its last line, with simulations that are made up.

use std::cell::Cell;
use std::fs;

use isotherm_kernel::Duration;
use isotherm_serverless::{FunctionId, InvocationId, NodeId};
use isotherm_services::FailureCause;

use super::*;

fn scenario_text(name: &str, expected: &str) -> String {
    format!(
        r#"{{
            "name": "{name}", "platform": "platforms/p.xml", "user_host": "user",
            "image_storage": {{ "host": "user", "mount": "/", "buffer_size": "0" }},
            "serverless": {{
                "head_host": "head", "head_mount": "/", "compute_hosts": ["node0"], "scheduler": "fcfs"
            }},
            "images": [{{ "name": "i", "disk_bytes": 1, "ram_bytes": 1 }}],
            "functions": [{{
                "name": "f", "image": "i", "time_limit_s": 10, "disk_limit_bytes": 1, "ram_limit_bytes": 1,
                "body": [{{ "sleep": 2 }}]
            }}],
            "invocations": [{{ "at": 0, "function": "f" }}],
            "expected": {expected}
        }}"#
    )
}

const EXPECTED: &str = r#"{
    "end_s": 3.0,
    "registrations": [{ "function": "f", "accepted": true }],
    "invocations": [{
        "submitted_s": 0.0, "dispatched_s": 1.0, "started_s": 1.0, "ended_s": 3.0, "node": "node0",
        "outcome": "completed"
    }]
}"#;

const PLATFORM: &str = r#"<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <zone id="world" routing="Full">
    <host id="user" speed="1Gf">
      <disk id="u" read_bw="1GBps" write_bw="1GBps"><prop id="size" value="1GB"/><prop id="mount" value="/"/></disk>
    </host>
    <host id="head" speed="1Gf">
      <disk id="h" read_bw="1GBps" write_bw="1GBps"><prop id="size" value="1GB"/><prop id="mount" value="/"/></disk>
    </host>
    <host id="node0" speed="1Gf">
      <disk id="n" read_bw="1GBps" write_bw="1GBps"><prop id="size" value="1GB"/><prop id="mount" value="/"/></disk>
    </host>
    <host id="bare" speed="1Gf"/>
    <link id="l" bandwidth="1GBps" latency="1us"/>
    <route src="user" dst="head"><link_ctn id="l"/></route>
    <route src="head" dst="node0"><link_ctn id="l"/></route>
  </zone>
</platform>
"#;

fn obtained(end_s: f64) -> Obtained {
    let date = |seconds| Some(Time::from_secs_f64(seconds));
    Obtained {
        end: Time::from_secs_f64(end_s),
        registrations: vec![ObtainedRegistration { accepted: true, cause: None }],
        invocations: vec![ObtainedInvocation {
            submitted: date(0.0),
            dispatched: date(1.0),
            started: date(1.0),
            ended: date(3.0),
            node: Some("node0".into()),
            outcome: Some("completed"),
        }],
        violations: Vec::new(),
    }
}

/// A folder with these files (path, text).
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn three_scenarios() -> tempfile::TempDir {
    folder(&[
        ("platforms/p.xml", PLATFORM),
        ("cases/b.json", &scenario_text("b", EXPECTED)),
        ("cases/a.json", &scenario_text("a", EXPECTED)),
        ("cases/c.json", &scenario_text("c", "null")),
        ("cases/notes.txt", "not a scenario"),
    ])
}

#[test]
fn a_folder_is_tried_in_the_order_of_its_names() {
    let folder = three_scenarios();
    let mut order = Vec::new();
    let mut printed = Vec::new();
    let mut run = |scenario: &Scenario, platform: &PlatformSpec| {
        assert!(platform.host_id("node0").is_some());
        order.push(scenario.name.clone());
        Ok(obtained(if scenario.name == "b" { 3.5 } else { 3.0 }))
    };
    let summary =
        conform(folder.path(), &mut run, None, &mut |line| printed.push(line.to_owned())).unwrap();
    assert_eq!(order, ["a", "b", "c"]);
    assert!(!summary.all_conform());
    assert_eq!(
        printed,
        [
            "b: end of the simulation: expected 3.000000000 s, got 3.500000000 s (largest error 5.0e-1 s)",
            "2 of 3 conform, largest error 0.0e0 s",
        ]
    );
}

#[test]
fn with_a_clock_every_scenario_has_a_line_with_its_time() {
    let folder = three_scenarios();
    // A clock that goes on by a second whenever somebody looks at it.
    let ticks = Cell::new(0);
    let clock = || {
        ticks.set(ticks.get() + 1);
        WallTime::from_secs(ticks.get())
    };
    let mut printed = Vec::new();
    let mut run = |scenario: &Scenario, _: &PlatformSpec| {
        if scenario.name == "c" {
            Err(RunFailed { message: "deadlock".to_owned() })
        } else {
            Ok(obtained(3.0))
        }
    };
    conform(folder.path(), &mut run, Some(&clock), &mut |line| printed.push(line.to_owned()))
        .unwrap();
    assert_eq!(
        printed,
        [
            "a: conforms, 1.000000 s",
            "b: conforms, 1.000000 s",
            "c: failed: deadlock, 1.000000 s",
            "all scenarios together: 3.000000 s",
            "2 of 3 conform, largest error 0.0e0 s",
        ]
    );
}

#[test]
fn the_folder_of_the_cases_itself_will_do() {
    let folder = three_scenarios();
    let cases = read_folder(&folder.path().join("cases")).unwrap();
    assert_eq!(cases.len(), 3);
    assert!(cases[0].platform.host_id("node0").is_some());
}

#[test]
fn all_broken_scenarios_are_reported_before_anything_runs() {
    let folder = three_scenarios();
    fs::write(folder.path().join("cases/b.json"), "{").unwrap();
    fs::write(
        folder.path().join("cases/c.json"),
        scenario_text("c", "null").replace("fcfs", "fifo"),
    )
    .unwrap();
    let error = conform(folder.path(), &mut |_, _| panic!("nothing may run"), None, &mut |_| ())
        .unwrap_err();
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].contains("b.json:1:1: it ends in the middle (is the file complete?)"),
        "{text}"
    );
    assert!(lines[1].contains("c.json:5:") && lines[1].contains("unknown word `fifo`"), "{text}");
}

#[test]
fn folders_and_platforms_that_are_not_there() {
    let empty = folder(&[("readme.txt", "")]);
    let error = read_folder(empty.path()).unwrap_err().to_string();
    assert!(error.starts_with("no scenario in "), "{error}");
    let error = read_folder(&empty.path().join("nowhere")).unwrap_err().to_string();
    assert!(error.ends_with("nowhere: there is no such file"), "{error}");
    let lost = folder(&[("cases/a.json", &scenario_text("a", "null"))]);
    let error = read_folder(lost.path()).unwrap_err().to_string();
    assert!(error.contains("a.json: platform: cannot read the platform `"), "{error}");
    assert!(error.contains("p.xml`: there is no such file (platforms are"), "{error}");
}

#[test]
fn what_a_platform_does_not_have_is_told_before_anything_runs() {
    let text = |from: &str, to: &str| {
        let text = scenario_text("a", "null");
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let cases = [
        (
            text("\"user_host\": \"user\"", "\"user_host\": \"usr\""),
            "user_host: ",
            "did you mean `user`?",
        ),
        (
            text("\"head_mount\": \"/\"", "\"head_mount\": \"/x\""),
            "serverless.head_mount: ",
            "it has disks at `/`",
        ),
        (
            text("[\"node0\"]", "[\"bare\"]"),
            "serverless.compute_hosts[0]: host `bare` has no disk at `/`",
            "no disk at all",
        ),
        (
            text("[\"node0\"]", "[\"bare\"]"),
            "serverless.compute_hosts[0]: ",
            "no route from host `head` to host `bare`",
        ),
        (
            text("[\"node0\"]", "[\"node0\", \"node0\"]"),
            "compute_hosts[1]: compute host `node0` is listed twice",
            "",
        ),
        (
            text("\"disk_bytes\": 1,", "\"disk_bytes\": 2e9,"),
            "images: the images do not fit",
            "it holds 1000000000",
        ),
        ("[]".to_owned(), "a.json: this is not a JSON object", ""),
        (" \n".to_owned(), "a.json: the file is empty", ""),
        ("{".repeat(100_000), "a.json:1:2: a key is a string in quotes", "not valid JSON"),
        (
            "{\"name\":".repeat(100_000),
            "a.json:1:8: this is an object, but a string is expected",
            "",
        ),
    ];
    for (text, message, more) in cases {
        let folder = folder(&[("platforms/p.xml", PLATFORM), ("cases/a.json", &text)]);
        let error = read_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(more), "{message}: {error}");
    }
}

/// The same by a run of a scenario that was not read from a folder.
#[test]
fn a_run_tells_what_the_platform_does_not_have() {
    let platform = PlatformSpec::from_simgrid_xml(PLATFORM).unwrap();
    let refused = |from: &str, to: &str| {
        let scenario =
            Scenario::parse("a.json", &scenario_text("a", "null").replace(from, to)).unwrap();
        run(&scenario, &platform).unwrap_err().message
    };
    assert_eq!(refused("\"head\"", "\"hed\""), "the platform has no host `hed`");
    assert_eq!(refused("\"mount\": \"/\"", "\"mount\": \"/x\""), "host `user` has no disk at `/x`");
    assert_eq!(refused("[\"node0\"]", "[\"bare\"]"), "host 'bare' has no disk mounted at '/'");
}

/// Two scenarios on a platform that is not XML: it is told once.
#[test]
fn a_platform_that_is_broken() {
    let folder = folder(&[
        ("platforms/p.xml", "{}"),
        ("cases/a.json", &scenario_text("a", "null")),
        ("cases/b.json", &scenario_text("b", "null")),
    ]);
    let error = read_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("p.xml:1:1: not well-formed XML"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn records_in_the_words_of_the_format() {
    let record = |outcome, cause| InvocationRecord {
        id: InvocationId(0),
        attempt: 1,
        function: "f".into(),
        function_id: FunctionId(0),
        app: "f".into(),
        image: None,
        submitted: Time::from_secs_f64(1.0),
        admitted: None,
        dispatched: Some(Time::from_secs_f64(2.0)),
        started: Some(Time::from_secs_f64(3.0)),
        ended: None,
        finished: Time::from_secs_f64(9.0),
        outcome,
        cause,
        node: Some("node0".into()),
        node_id: Some(NodeId(0)),
        container: None,
        start_kind: None,
        cold_start: None,
        throttle_wait: Duration::ZERO,
        download_wait: Duration::ZERO,
        copy_wait: Duration::ZERO,
        load_wait: Duration::ZERO,
    };
    let word = |outcome, cause| ObtainedInvocation::from_record(&record(outcome, cause)).outcome;
    assert_eq!(word(Outcome::Completed, None), Some("completed"));
    assert_eq!(word(Outcome::TimedOut, Some(FailureCause::TimeLimit)), Some("timeout"));
    let full = FailureCause::StorageFull { storage: "x".into(), needed_bytes: 2, free_bytes: 1 };
    assert_eq!(word(Outcome::Failed, Some(full)), Some("storage_full"));
    assert_eq!(word(Outcome::Failed, None), Some("failed"));
    assert_eq!(word(Outcome::Cancelled, Some(FailureCause::Cancelled)), Some("cancelled"));
    let obtained = ObtainedInvocation::from_record(&record(Outcome::TimedOut, None));
    assert_eq!(obtained.ended, None, "killed by its limit: no end date");
    assert_eq!(obtained.started, Some(Time::from_secs_f64(3.0)));
    assert_eq!(obtained.node.as_deref(), Some("node0"));
}
