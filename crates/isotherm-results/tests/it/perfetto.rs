//! Events and records in, a timeline out. Whole runs are compared in the tests of experiments.

use isotherm_kernel::{Duration, Time};
use isotherm_results::{Names, PerfettoWriter};
use isotherm_serverless::{
    ContainerId, EventKind, FunctionId, InvocationId, InvocationRecord, NodeId, Outcome,
    PlatformEvent, RecordSink, StartKind,
};
use serde_json::Value;

const STRANGE: &str = "a\"}\\],\n\u{1}é";

/// An invocation that is dispatched warm at a date in nanoseconds, and ends five later.
fn record(id: u64, at: u64) -> InvocationRecord {
    let at = Time::from_nanos(at);
    let end = at + Duration::from_nanos(5);
    InvocationRecord {
        id: InvocationId(id),
        attempt: 1,
        function: STRANGE.into(),
        function_id: FunctionId(0),
        app: STRANGE.into(),
        image: None,
        submitted: at,
        admitted: Some(at),
        dispatched: Some(at),
        started: Some(at),
        ended: Some(end),
        finished: end,
        outcome: Outcome::Completed,
        cause: None,
        node: Some(STRANGE.into()),
        node_id: Some(NodeId(0)),
        container: Some(ContainerId(0)),
        start_kind: Some(StartKind::Warm),
        cold_start: None,
        throttle_wait: Duration::ZERO,
        download_wait: Duration::ZERO,
        copy_wait: Duration::ZERO,
        load_wait: Duration::ZERO,
    }
}

fn tell(timeline: &mut PerfettoWriter<Vec<u8>>, at: u64, kind: EventKind) {
    timeline.observe(&PlatformEvent { at: Time::from_nanos(at), kind });
}

/// Three invocations one after the other, of which the record comes before or after the event of
/// the end; all of them have the first slot. Names are text to JSON whatever is in them.
#[test]
fn a_slot_is_free_when_its_invocation_has_ended() {
    let names = Names { nodes: vec![STRANGE.into()], ..Names::default() };
    let mut timeline = PerfettoWriter::new(Vec::new(), names);
    let container = ContainerId(0);
    let started = EventKind::ContainerStarted {
        node: NodeId(0),
        container,
        function: FunctionId(0),
        image: None,
        disk_bytes: 0,
        memory_bytes: 7,
        capacity: 1,
        ready: Time::ZERO,
    };
    tell(&mut timeline, 0, started);
    for id in 0..3 {
        let (at, invocation) = (1_000 + 5 * id, InvocationId(id));
        tell(&mut timeline, at, EventKind::Submitted { invocation, function: FunctionId(0) });
        let (node, memory_bytes, start_kind) = (NodeId(0), 7, StartKind::Warm);
        tell(
            &mut timeline,
            at,
            EventKind::Dispatched {
                invocation,
                node,
                container,
                memory_bytes,
                was_idle: false,
                start_kind,
            },
        );
        let ended = EventKind::Ended {
            invocation,
            outcome: Outcome::Completed,
            container: Some(container),
        };
        if id == 1 {
            timeline.record(&record(id, at));
            tell(&mut timeline, at + 5, ended);
        } else {
            tell(&mut timeline, at + 5, ended);
            timeline.record(&record(id, at));
        }
    }
    let text = String::from_utf8(timeline.close(Time::from_nanos(2_000)).unwrap()).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    let events = whole["traceEvents"].as_array().unwrap();
    let named = |what: &str| -> Vec<&str> {
        let all = events.iter().filter(|event| event["name"] == what);
        all.map(|event| event["args"]["name"].as_str().unwrap()).collect()
    };
    assert_eq!(named("process_name"), ["head host", STRANGE]);
    assert_eq!(named("thread_name"), ["slot 1"]);
    let wholes: Vec<_> = events.iter().filter(|event| event["cat"] == "invocation").collect();
    assert_eq!(wholes.len(), 3);
    assert!(wholes.iter().all(|event| event["name"] == STRANGE && event["tid"] == 3));
    assert!(text.contains("\"ts\":1.005,\"dur\":0.005,"), "{text}");
    // At each of these dates an invocation is submitted and dispatched, so nothing pends; at all
    // but the first one ends and one begins, so as many run.
    let counted = |name: &str| events.iter().filter(|event| event["name"] == name).count();
    assert_eq!((counted("pending"), counted("running")), (0, 2));
}

/// A writer that is full.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_in_the_end() {
    let mut timeline = PerfettoWriter::new(Full, Names::default());
    for id in 0..2_000 {
        let (invocation, function) = (InvocationId(id), FunctionId(0));
        let kind = EventKind::Submitted { invocation, function };
        timeline.observe(&PlatformEvent { at: Time::from_nanos(id), kind });
    }
    assert!(timeline.close(Time::from_nanos(2_000)).is_err());
}
