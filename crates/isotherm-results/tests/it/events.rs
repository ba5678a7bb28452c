//! The event log as a file.

use isotherm_kernel::Time;
use isotherm_results::{EVENT_FIELDS, EVENTS, EventWriter, Names};
use isotherm_serverless::{
    ContainerId, EventKind, FunctionId, ImageId, InvocationId, NodeId, Outcome, PlatformEvent,
};

#[test]
fn lines_of_events() {
    let names = Names {
        nodes: vec!["node0".into()],
        functions: vec!["resize".into(), "a \"b\"".into()],
        images: vec!["python".into()],
    };
    let mut events = EventWriter::new(Vec::new(), names);
    let (node, container, invocation) = (NodeId(0), ContainerId(7), InvocationId(3));
    for kind in [
        EventKind::Submitted { invocation, function: FunctionId(1) },
        EventKind::CopyFailed { node, image: ImageId(0), started: true },
        EventKind::ContainerStarted {
            node,
            container,
            function: FunctionId(0),
            image: None,
            disk_bytes: 5,
            memory_bytes: 256,
            capacity: 1,
            ready: Time::from_nanos(1_500_000_000),
        },
        EventKind::Ended { invocation, outcome: Outcome::TimedOut, container: None },
    ] {
        events.observe(&PlatformEvent { at: Time::from_nanos(1_000_000_002), kind });
    }
    let expected = r#"{"at_s":1.000000002,"event":"submitted","invocation":3,"function":"a \"b\""}
{"at_s":1.000000002,"event":"copy_failed","node":"node0","image":"python","started":true}
{"at_s":1.000000002,"event":"container_started","node":"node0","container":7,"function":"resize","image":null,"disk_bytes":5,"memory_bytes":256,"capacity":1,"ready":1.500000000}
{"at_s":1.000000002,"event":"ended","invocation":3,"outcome":"timed_out","container":null}
"#;
    assert_eq!(String::from_utf8(events.close().unwrap()).unwrap(), expected);
}

#[test]
fn every_field_of_an_event_is_explained() {
    let fields = || EVENTS.iter().flat_map(|event| event.fields).chain(&["at_s", "event"]);
    for field in fields() {
        assert!(EVENT_FIELDS.iter().any(|known| known.name == *field), "{field}");
    }
    for known in EVENT_FIELDS {
        assert!(fields().any(|field| *field == known.name), "{} does not occur", known.name);
    }
}
