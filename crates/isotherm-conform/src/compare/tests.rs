//! Scenarios of one function and a few invocations, with an obtained side that is changed in one
//! respect.

use std::sync::Arc;

use super::*;
use crate::ObtainedRegistration;
use crate::scenario::ExpectedRegistration;

/// Invocations of `f` that all sleep for the body of the function: (submitted, dispatched, ended,
/// node).
fn scenario(invocations: &[(f64, f64, f64, &str)]) -> Scenario {
    let list: Vec<String> = invocations
        .iter()
        .map(|(at, ..)| format!(r#"{{ "at": {at}, "function": "f" }}"#))
        .collect();
    let text = format!(
        r#"{{
            "name": "s", "platform": "p.xml", "user_host": "user",
            "image_storage": {{ "host": "user", "mount": "/", "buffer_size": "0" }},
            "serverless": {{
                "head_host": "head", "head_mount": "/", "compute_hosts": ["node0", "node1"], "scheduler": "fcfs"
            }},
            "images": [{{ "name": "i", "disk_bytes": 1, "ram_bytes": 1 }}],
            "functions": [{{
                "name": "f", "image": "i", "time_limit_s": 10, "disk_limit_bytes": 1, "ram_limit_bytes": 1,
                "body": [{{ "sleep": 2 }}]
            }}],
            "invocations": [{}]
        }}"#,
        list.join(", ")
    );
    let mut scenario = Scenario::parse("s.json", &text).unwrap();
    let expected =
        invocations.iter().map(|&(submitted, dispatched, ended, node)| ExpectedInvocation {
            submitted_s: Some(submitted),
            dispatched_s: Some(dispatched),
            started_s: Some(dispatched + 0.5),
            ended_s: Some(ended),
            node: Some(node.to_owned()),
            outcome: "completed".to_owned(),
        });
    scenario.expected = Some(Expected {
        end_s: 100.0,
        registrations: vec![ExpectedRegistration {
            function: "f".to_owned(),
            accepted: true,
            cause: None,
        }],
        invocations: expected.collect(),
    });
    scenario
}

/// What a simulation gives that does exactly what is expected.
fn faithful(scenario: &Scenario) -> Obtained {
    let expected = scenario.expected.as_ref().unwrap();
    let outcome = |word: &str| match word {
        "completed" => "completed",
        "timeout" => "timeout",
        other => panic!("{other}"),
    };
    let invocations = expected.invocations.iter().map(|wanted| ObtainedInvocation {
        submitted: wanted.submitted_s.map(Time::from_secs_f64),
        dispatched: wanted.dispatched_s.map(Time::from_secs_f64),
        started: wanted.started_s.map(Time::from_secs_f64),
        ended: wanted.ended_s.map(Time::from_secs_f64),
        node: wanted.node.as_deref().map(Arc::from),
        outcome: Some(outcome(&wanted.outcome)),
    });
    Obtained {
        end: Time::from_secs_f64(expected.end_s),
        registrations: vec![ObtainedRegistration { accepted: true, cause: None }],
        invocations: invocations.collect(),
        violations: Vec::new(),
    }
}

fn secs(seconds: f64) -> Option<Time> {
    Some(Time::from_secs_f64(seconds))
}

fn sentences(comparison: &Comparison) -> Vec<String> {
    comparison.differences.iter().map(ToString::to_string).collect()
}

const TWO: [(f64, f64, f64, &str); 2] = [(0.0, 5.0, 8.0, "node0"), (1.0, 6.0, 9.0, "node1")];

#[test]
fn the_same_conforms() {
    let scenario = scenario(&TWO);
    let comparison = compare(&scenario, &faithful(&scenario));
    assert!(comparison.conforms());
    // Four dates of each invocation, and the end.
    assert_eq!((comparison.dates, comparison.other_nodes, comparison.largest_error_s), (9, 0, 0.0));
}

#[test]
fn the_tolerance_is_a_microsecond() {
    let scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    obtained.invocations[1].ended = secs(9.000_000_9);
    let comparison = compare(&scenario, &obtained);
    assert!(comparison.conforms());
    assert!((comparison.largest_error_s - 9e-7).abs() < 1e-12, "{}", comparison.largest_error_s);
    obtained.invocations[1].ended = secs(9.000_001_1);
    let comparison = compare(&scenario, &obtained);
    assert_eq!(
        sentences(&comparison),
        ["invocation 1 (f) ended: expected 9.000000000 s, got 9.000001100 s"]
    );
}

#[test]
fn the_tolerance_is_larger_where_a_buffer_is_set() {
    let mut scenario = scenario(&TWO);
    scenario.image_storage.buffer_size = 1000;
    let mut obtained = faithful(&scenario);
    obtained.end = Time::from_secs_f64(100.000_09);
    assert!(compare(&scenario, &obtained).conforms());
    obtained.end = Time::from_secs_f64(100.000_11);
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["end of the simulation: expected 100.000000000 s, got 100.000110000 s"]
    );
}

#[test]
fn the_earliest_difference_comes_first() {
    let scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    obtained.end = Time::from_secs_f64(90.0);
    obtained.invocations[0].ended = secs(8.5);
    obtained.invocations[1].dispatched = secs(5.5);
    let comparison = compare(&scenario, &obtained);
    assert_eq!(
        sentences(&comparison),
        [
            "invocation 1 (f) dispatched: expected 6.000000000 s, got 5.500000000 s",
            "invocation 0 (f) ended: expected 8.000000000 s, got 8.500000000 s",
            "end of the simulation: expected 100.000000000 s, got 90.000000000 s",
        ]
    );
    assert_eq!(comparison.largest_error_s, 10.0);
}

type Change = fn(&mut ObtainedInvocation, Option<Time>);

#[test]
fn every_kind_of_date_is_compared() {
    let scenario = scenario(&TWO);
    let changes: [(DateKind, Change); 4] = [
        (DateKind::Submitted, |invocation, date| invocation.submitted = date),
        (DateKind::Dispatched, |invocation, date| invocation.dispatched = date),
        (DateKind::Started, |invocation, date| invocation.started = date),
        (DateKind::Ended, |invocation, date| invocation.ended = date),
    ];
    for (kind, change) in changes {
        for date in [secs(7.25), None] {
            let mut obtained = faithful(&scenario);
            change(&mut obtained.invocations[0], date);
            let comparison = compare(&scenario, &obtained);
            let [Difference::Date { invocation: 0, kind: found, got, .. }] =
                comparison.differences[..]
            else {
                panic!("{kind} {date:?}: {:?}", comparison.differences)
            };
            assert_eq!((found, got), (kind, date.map(Time::as_secs_f64)));
        }
    }
}

#[test]
fn a_date_where_none_is_expected() {
    let mut scenario = scenario(&TWO);
    let obtained = faithful(&scenario);
    scenario.expected.as_mut().unwrap().invocations[0].ended_s = None;
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["invocation 0 (f) ended: expected none, got 8.000000000 s"]
    );
}

#[test]
fn outcomes_must_be_the_same() {
    let scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    obtained.invocations[1].outcome = Some("timeout");
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["invocation 1 (f) outcome: expected completed, got timeout at 9.000000000 s"]
    );
    obtained.invocations[1] = ObtainedInvocation::default();
    let all = sentences(&compare(&scenario, &obtained));
    assert_eq!(all.len(), 5, "four dates and the outcome: {all:?}");
    assert!(
        all.contains(&"invocation 1 (f) outcome: expected completed, got none".to_owned()),
        "{all:?}"
    );
}

#[test]
fn invocations_that_cannot_be_told_apart_are_a_set() {
    // Both are dispatched at 5: which of them gets the container that is slow does not matter.
    let scenario = scenario(&[(0.0, 5.0, 8.0, "node0"), (1.0, 5.0, 9.0, "node1")]);
    let mut obtained = faithful(&scenario);
    let (first, second) = (obtained.invocations[0].clone(), obtained.invocations[1].clone());
    obtained.invocations[0] = ObtainedInvocation { submitted: first.submitted, ..second.clone() };
    obtained.invocations[1] = ObtainedInvocation { submitted: second.submitted, ..first };
    let comparison = compare(&scenario, &obtained);
    assert!(comparison.conforms(), "{:?}", comparison.differences);
    assert_eq!(comparison.other_nodes, 0, "with the dates the nodes change places too");
    // But it is a set with multiplicities: two that end at 9 are not one at 8 and one at 9.
    obtained.invocations[1] = ObtainedInvocation { submitted: second.submitted, ..second };
    let comparison = compare(&scenario, &obtained);
    assert_eq!(
        sentences(&comparison),
        ["invocation 0 (f) ended: expected 8.000000000 s, got 9.000000000 s"]
    );
}

#[test]
fn each_submission_is_compared_with_its_own() {
    let scenario = scenario(&[(0.0, 5.0, 8.0, "node0"), (1.0, 5.0, 8.0, "node0")]);
    let mut obtained = faithful(&scenario);
    obtained.invocations.swap(0, 1);
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        [
            "invocation 0 (f) submitted: expected 0.000000000 s, got 1.000000000 s",
            "invocation 1 (f) submitted: expected 1.000000000 s, got 0.000000000 s",
        ]
    );
}

#[test]
fn other_dispatch_dates_or_bodies_can_be_told_apart() {
    let swapped = |scenario: &Scenario| {
        let mut obtained = faithful(scenario);
        let (first, second) = (obtained.invocations[0].clone(), obtained.invocations[1].clone());
        obtained.invocations[0].ended = second.ended;
        obtained.invocations[1].ended = first.ended;
        obtained
    };
    let different_dates = scenario(&[(0.0, 5.0, 8.0, "node0"), (1.0, 5.1, 9.0, "node1")]);
    assert_eq!(compare(&different_dates, &swapped(&different_dates)).differences.len(), 2);
    let mut different_bodies = scenario(&[(0.0, 5.0, 8.0, "node0"), (1.0, 5.0, 9.0, "node1")]);
    assert!(compare(&different_bodies, &swapped(&different_bodies)).conforms());
    different_bodies.invocations[1].body = Some(vec![StepSpec::Sleep(3.0)]);
    assert_eq!(compare(&different_bodies, &swapped(&different_bodies)).differences.len(), 2);
    // The function's own body written out again is the same body.
    different_bodies.invocations[1].body = Some(vec![StepSpec::Sleep(2.0)]);
    assert!(compare(&different_bodies, &swapped(&different_bodies)).conforms());
}

#[test]
fn outcomes_change_places_within_a_set() {
    let mut scenario =
        scenario(&[(0.0, 5.0, 8.0, "node0"), (1.0, 5.0, 8.0, "node0"), (2.0, 5.0, 8.0, "node0")]);
    let expected = &mut scenario.expected.as_mut().unwrap().invocations;
    expected[0].outcome = "timeout".to_owned();
    expected[0].ended_s = None;
    let mut obtained = faithful(&scenario);
    let (first, last) = (obtained.invocations[0].clone(), obtained.invocations[2].clone());
    obtained.invocations[2] = ObtainedInvocation { submitted: last.submitted, ..first.clone() };
    obtained.invocations[0] = ObtainedInvocation { submitted: first.submitted, ..last };
    assert!(compare(&scenario, &obtained).conforms());
}

#[test]
fn a_set_is_matched_whatever_the_noise_in_its_dates() {
    // Sorting both sides by their start would pair these wrongly: the starts differ by a nanosecond
    // only.
    let scenario = scenario(&[(0.0, 5.0, 8.0, "node0"), (0.0, 5.0, 9.0, "node0")]);
    let mut obtained = faithful(&scenario);
    obtained.invocations[0].ended = secs(9.0);
    obtained.invocations[0].started = secs(5.5);
    obtained.invocations[1].ended = secs(8.0);
    obtained.invocations[1].started = secs(5.500_000_001);
    assert!(compare(&scenario, &obtained).conforms());
}

#[test]
fn another_node_is_counted_but_does_not_matter() {
    let scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    obtained.invocations[0].node = Some("node1".into());
    let comparison = compare(&scenario, &obtained);
    assert!(comparison.conforms());
    assert_eq!(comparison.other_nodes, 1);
}

#[test]
fn registrations_must_be_answered_alike() {
    let mut scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    obtained.registrations[0] =
        ObtainedRegistration { accepted: false, cause: Some("not_allowed") };
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["registration of f: expected accepted, got not_allowed"]
    );
    let expected = &mut scenario.expected.as_mut().unwrap().registrations[0];
    expected.accepted = false;
    expected.cause = Some("storage_full".to_owned());
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["registration of f: expected storage_full, got not_allowed"]
    );
    scenario.expected.as_mut().unwrap().registrations[0].cause = None;
    assert!(compare(&scenario, &obtained).conforms(), "a refusal without a cause leaves it open");
    obtained.registrations.clear();
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["number of registrations: expected 1, got 0"]
    );
}

#[test]
fn missing_invocations_are_a_difference() {
    let scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    obtained.invocations.pop();
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["number of invocations: expected 2, got 1"]
    );
    obtained.invocations.clear();
    assert!(!compare(&scenario, &obtained).conforms());
}

#[test]
fn where_nothing_is_expected_everything_must_end_and_no_rule_break() {
    let mut scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    scenario.expected = None;
    obtained.end = Time::from_secs_f64(12345.0);
    obtained.invocations[0].ended = secs(77.0);
    assert!(compare(&scenario, &obtained).conforms(), "no dates are compared");
    obtained.invocations[1].outcome = None;
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["invocation 1 (f): expected an end, got none"]
    );
    obtained.invocations[1].outcome = Some("completed");
    obtained.violations.push("3 slots of node 0 are taken".to_owned());
    assert_eq!(
        sentences(&compare(&scenario, &obtained)),
        ["rule broken: 3 slots of node 0 are taken"]
    );
    obtained.violations.clear();
    obtained.invocations.clear();
    assert!(!compare(&scenario, &obtained).conforms());
}

#[test]
fn a_broken_rule_is_a_difference_whatever_the_dates() {
    let scenario = scenario(&TWO);
    let mut obtained = faithful(&scenario);
    obtained.violations.push("x".to_owned());
    assert_eq!(sentences(&compare(&scenario, &obtained)), ["rule broken: x"]);
}
