//! Scenarios that are right, and scenarios that are wrong in one way each.

use super::*;

/// The smallest scenario, with all that has a default left out.
const SMALL: &str = r#"{
    "name": "small", "platform": "platforms/p.xml", "user_host": "user",
    "image_storage": { "host": "user", "mount": "/", "buffer_size": "0" },
    "serverless": { "head_host": "head", "head_mount": "/", "compute_hosts": ["node0"], "scheduler": "fcfs" },
    "images": [{ "name": "image", "disk_bytes": 100, "ram_bytes": 1e2 }],
    "functions": [{
        "name": "f", "image": "image", "time_limit_s": 10, "disk_limit_bytes": 1, "ram_limit_bytes": 2,
        "ingress_bytes": 0, "egress_bytes": 0, "body": [{ "sleep": 2 }]
    }],
    "invocations": [
        { "at": 0, "function": "f" },
        { "at": 1.5, "function": "f", "wait": true, "body": [
            { "compute": 1e9 }, { "write": { "file": "x", "bytes": 7 } }, { "read": "x" }
        ] }
    ],
    "expected": null
}"#;

fn message(text: &str) -> String {
    Scenario::parse("small.json", text).expect_err("this is not a scenario").to_string()
}

#[test]
fn a_small_scenario_with_the_defaults() {
    let scenario = Scenario::parse("small.json", SMALL).unwrap();
    assert_eq!(scenario.serverless.properties, ServiceProperties::default());
    assert!(
        scenario.serverless.properties.simulate_downloads,
        "the reference simulates downloads by default"
    );
    assert_eq!(scenario.serverless.payloads, PayloadSpec::default());
    assert_eq!(scenario.images[0].ram_bytes, 100, "1e2 is a whole number");
    assert_eq!(scenario.expected, None);
    assert!(!scenario.is_buffered());
    assert_eq!(scenario.body(&scenario.invocations[0]), [StepSpec::Sleep(2.0)]);
    let own = [
        StepSpec::Compute(1e9),
        StepSpec::Write { file: "x".to_owned(), bytes: 7 },
        StepSpec::Read("x".to_owned()),
    ];
    assert_eq!(scenario.body(&scenario.invocations[1]), own);
    assert!(scenario.invocations[1].wait && !scenario.invocations[0].wait);
}

#[test]
fn properties_and_payloads() {
    let text = SMALL.replace(
        r#""scheduler": "fcfs""#,
        r#""scheduler": "workload_balancing", "properties": {
            "container_startup_overhead": "0.5", "container_idle_timeout": 600, "invocation_processing_overhead": "-1",
            "idle_container_eviction_policy": "RAM", "simulate_remote_image_downloads": "false",
            "storage_services_buffer_size": "1e7"
        }, "payloads": { "invoke_request": 1000 }"#,
    );
    let scenario = Scenario::parse("small.json", &text).unwrap();
    let expected = ServiceProperties {
        startup_overhead_s: 0.5,
        idle_timeout_s: 600.0,
        processing_overhead_s: 0.0,
        eviction: IdleEviction::Ram,
        simulate_downloads: false,
        buffer_bytes: 10_000_000,
    };
    assert_eq!(scenario.serverless.properties, expected);
    assert_eq!(
        scenario.serverless.payloads,
        PayloadSpec { invoke_request: 1000, ..PayloadSpec::default() }
    );
    assert_eq!(scenario.serverless.scheduler, SchedulerName::WorkloadBalancing);
    assert!(scenario.is_buffered());
}

#[test]
fn a_buffer_of_the_image_storage_alone_counts() {
    let text = SMALL.replace(r#""buffer_size": "0""#, r#""buffer_size": "1000""#);
    assert!(Scenario::parse("small.json", &text).unwrap().is_buffered());
}

#[test]
fn broken_json_has_a_line_and_a_hint() {
    assert_eq!(
        message("{\n \"name\": }"),
        "small.json:2:10: a value is missing, or is not written in JSON (the file is not valid JSON here)"
    );
    let cut = &SMALL[..SMALL.len() / 2];
    assert!(message(cut).ends_with("(is the file complete?)"), "{}", message(cut));
    assert!(message("").starts_with("small.json: the file is empty"), "{}", message(""));
}

#[test]
fn wrong_types_and_missing_keys_have_a_line() {
    let text = SMALL.replace(r#""user_host": "user","#, "");
    assert!(message(&text).contains(": missing field `user_host`"), "{}", message(&text));
    let text = SMALL.replace(r#""at": 0,"#, r#""at": "soon","#);
    assert!(
        message(&text).starts_with("small.json:11:22: this is string \"soon\", but"),
        "{}",
        message(&text)
    );
    let text = SMALL.replace("fcfs", "fifo");
    assert!(
        message(&text).contains("unknown word `fifo`, expected `fcfs` or `workload_balancing`")
    );
    let text = SMALL.replace("sleep", "nap");
    assert!(
        message(&text)
            .contains("unknown word `nap`, expected one of `sleep`, `compute`, `write`, `read`")
    );
    let text = SMALL.replace(r#""disk_bytes": 100"#, r#""disk_bytes": -1"#);
    assert!(
        message(&text).contains("`-1` is not a number of bytes (whole and not negative)"),
        "{}",
        message(&text)
    );
    let text = SMALL.replace(r#""disk_bytes": 100"#, r#""disk_bytes": 1.5"#);
    assert!(message(&text).contains("`1.5` is not a number of bytes"), "{}", message(&text));
    let text = SMALL.replace(r#""disk_bytes": 100"#, r#""disk_bytes": []"#);
    assert!(message(&text).contains("expected a number of bytes"), "{}", message(&text));
}

#[test]
fn unknown_properties_are_named_with_the_nearest() {
    let with = |property: &str| {
        let properties = format!(r#""scheduler": "fcfs", "properties": {{ {property} }}"#);
        message(&SMALL.replace(r#""scheduler": "fcfs""#, &properties))
    };
    assert!(with(r#""container_idle_time": "1""#).ends_with(
        "unknown property `container_idle_time` (did you mean `container_idle_timeout`?)"
    ));
    assert!(
        with(r#""zzz": "1""#)
            .contains("unknown property `zzz` (known properties: container_startup_overhead, ")
    );
    assert!(
        with(r#""container_idle_timeout": "long""#).ends_with(
            "property `container_idle_timeout` is `long` (expected a number of seconds)"
        )
    );
    assert!(
        with(r#""idle_container_eviction_policy": "FIFO""#).ends_with("(expected `LRU` or `RAM`)")
    );
    assert!(
        with(r#""simulate_remote_image_downloads": "yes""#)
            .ends_with("(expected `true` or `false`)")
    );
    assert!(
        with(r#""storage_services_buffer_size": "10MB""#).ends_with("(expected a number of bytes)")
    );
}

#[test]
fn everything_that_refers_to_nothing_is_reported_at_once() {
    let text = SMALL
        .replace(r#""image": "image""#, r#""image": "imagee""#)
        .replace(r#""at": 0, "function": "f""#, r#""at": -1, "function": "zzz""#)
        .replace(r#"{ "sleep": 2 }"#, r#"{ "read": "x" }, { "sleep": -2 }"#)
        .replace(r#"["node0"]"#, "[]")
        .replace(
            "\"expected\": null",
            r#""expected": { "end_s": 1, "registrations": [], "invocations": [] }"#,
        );
    assert_eq!(
        message(&text).lines().collect::<Vec<_>>(),
        [
            "small.json: serverless.compute_hosts: there is no compute host (name at least one)",
            "small.json: functions[0].image: there is no image `imagee` (did you mean `image`?)",
            "small.json: functions[0].body[1]: -2 is not zero or a positive number",
            "small.json: invocations[0].function: there is no function `zzz`",
            "small.json: invocations[0].at: -1 is not zero or a positive number",
            "small.json: expected.invocations: 0 entries for 2 invocations (one for each, in the same order)",
            "small.json: expected.registrations: 0 entries for 1 functions (one for each, in the same order)",
        ]
    );
}

#[test]
fn names_given_twice() {
    let image = r#"{ "name": "image", "disk_bytes": 100, "ram_bytes": 1e2 }"#;
    let text = SMALL.replace(image, &format!("{image}, {image}"));
    assert_eq!(
        message(&text),
        "small.json: images[1].name: the name `image` is given twice (it is the name of images[0] already)"
    );
}

#[test]
fn whole_numbers() {
    let cases = [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("1e3", Some(1000)),
        ("1000.0", Some(1000)),
        ("0.5", None),
        ("-1", None),
        ("1e300", None),
        ("NaN", None),
        ("inf", None),
        ("", None),
        ("10MB", None),
    ];
    for (text, expected) in cases {
        assert_eq!(whole(text), expected, "{text}");
    }
}
