//! Functions that are invoked by bodies which end before them: every invocation that was made has a
//! record, and the run waits for it.

use crate::common::{self, columns, parsed};
use isotherm_experiment::RunReport;

/// A function that takes 10 s, and one that may run for 1 s and invokes it.
const FUNCTIONS: &str = r#"
[platform]
nodes = { count = 1, cores = 4, disk = { read = "1GB/s", write = "1GB/s" } }
head = { cores = 1, disk = { read = "1GB/s", write = "1GB/s" } }
network = { node = "1Gbps", latency = "0s" }
[[function]]
name = "callee"
limits = { time = "60s", memory = "1MB" }
body = [{ sleep = "10s" }]
[[function]]
name = "caller"
limits = { time = "1s", memory = "1MB" }
"#;

/// The report of a run, and of each record the function, submission, finish (in seconds) and
/// outcome, in the order of submission.
fn run(preset: &str, rest: &str) -> (RunReport, Vec<(String, f64, f64, String)>) {
    let text = format!("name = \"orphans\"\npreset = \"{preset}\"\n{FUNCTIONS}{rest}");
    let folder = tempfile::tempdir().unwrap();
    let report = common::run(&parsed(&text), folder.path());
    let number = |text: String| text.parse::<f64>().unwrap();
    let mut records: Vec<_> =
        columns(folder.path(), ["function", "submitted_s", "response_s", "outcome"])
            .into_iter()
            .map(|[function, submitted, response, outcome]| {
                let (submitted, response) = (number(submitted), number(response));
                (function, submitted, submitted + response, outcome)
            })
            .collect();
    records.sort_by(|one, other| one.1.total_cmp(&other.1));
    (report, records)
}

fn record(
    function: &str,
    submitted: f64,
    finished: f64,
    outcome: &str,
) -> (String, f64, f64, String) {
    (function.to_owned(), submitted, finished, outcome.to_owned())
}

/// Of all that was made, every one is counted by one outcome.
fn assert_adds_up(report: &RunReport, invocations: u64, lost: u64) {
    let counts = &report.summary.invocations;
    let ended =
        counts.completed + counts.timed_out + counts.failed + counts.cancelled + counts.rejected;
    assert_eq!((counts.total, ended, report.requests_lost), (invocations, invocations, lost));
}

#[test]
fn clients_of_a_closed_loop_end_before_what_their_functions_invoked() {
    let (report, records) = run(
        "default",
        r#"body = [{ invoke = "callee" }]
[[workload]]
kind = "closed"
function = "caller"
clients = 1
think = "1s"
count = 1
"#,
    );
    assert_eq!(
        records,
        [record("caller", 1.0, 2.0, "timed_out"), record("callee", 1.0, 11.0, "completed")]
    );
    assert_eq!(report.summary.simulated_end_s, 11.0);
    assert_adds_up(&report, 2, 0);
}

/// The caller has 50 ms left when it invokes, and the service takes 100 ms to take that in.
#[test]
fn requests_that_are_still_processed_become_invocations() {
    for rule in ["default", "wrench"] {
        let overhead = 0.1;
        let (report, records) = run(
            rule,
            r#"body = [{ sleep = "950ms" }, { invoke = "callee" }]
[service]
processing_overhead = "100ms"
[[workload]]
kind = "list"
arrivals = [{ at = "0s", function = "caller" }, { at = "5s", function = "caller" }]
"#,
        );
        let mut expected = Vec::new();
        for at in [0.0, 5.0] {
            let begins = at + overhead;
            let invoked = begins + 0.95 + overhead;
            // As in the reference, the service hears of nothing while it processes a request.
            let heard = if rule == "wrench" { invoked } else { begins + 1.0 };
            expected.push(record("caller", begins, heard, "timed_out"));
            expected.push(record("callee", invoked, invoked + 10.0, "completed"));
        }
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert_eq!(records.len(), expected.len(), "{rule}");
        for (got, expected) in records.iter().zip(&expected) {
            assert_eq!((&got.0, &got.3), (&expected.0, &expected.3));
            assert!(
                close(got.1, expected.1) && close(got.2, expected.2),
                "{got:?}, not {expected:?}"
            );
        }
        assert!(close(report.summary.simulated_end_s, 16.15), "{}", report.summary.simulated_end_s);
        assert_adds_up(&report, 4, 0);
    }
}

/// Callees of callees, each of which outlives its caller.
#[test]
fn chains_are_followed_to_their_ends() {
    let (report, records) = run(
        "default",
        r#"body = [{ invoke = "middle" }]
[[function]]
name = "middle"
limits = { time = "3s", memory = "1MB" }
body = [{ sleep = "2s" }, { invoke = "callee" }]
[[workload]]
kind = "list"
function = "caller"
at = ["0s"]
"#,
    );
    let expected = [
        record("caller", 0.0, 1.0, "timed_out"),
        record("middle", 0.0, 3.0, "timed_out"),
        record("callee", 2.0, 12.0, "completed"),
    ];
    assert_eq!(records, expected);
    assert_eq!(report.summary.simulated_end_s, 12.0);
    assert_adds_up(&report, 3, 0);
}
