//! Events in, bins out.

use std::collections::BTreeMap;

use isotherm_kernel::Time;
use isotherm_results::{Format, MOST_BINS, TimeSeries};
use isotherm_serverless::{
    ContainerId, EventKind, FunctionId, ImageId, InvocationId, NodeId, Outcome, PlatformEvent,
    StartKind, StopReason,
};
use proptest::prelude::*;

const NODE: NodeId = NodeId(1);

/// A series of two nodes that has heard events with their dates in microseconds.
fn heard(events: impl IntoIterator<Item = (u64, EventKind)>) -> TimeSeries {
    let mut series = TimeSeries::new(vec!["node0".into(), "node1".into()]);
    for (micros, kind) in events {
        series.observe(&PlatformEvent { at: Time::from_nanos(micros * 1_000), kind });
    }
    series
}

/// The rows, and the columns by name.
fn rows(text: Vec<u8>) -> Vec<BTreeMap<String, String>> {
    let mut csv = csv::Reader::from_reader(&text[..]);
    csv.deserialize().map(|row| row.unwrap()).collect()
}

fn platform(series: &mut TimeSeries, end: u64) -> Vec<BTreeMap<String, String>> {
    rows(series.write(Time::from_nanos(end * 1_000), Vec::new(), Format::Csv).unwrap())
}

fn column<'a>(rows: &'a [BTreeMap<String, String>], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str()).collect()
}

fn submitted(id: u64) -> EventKind {
    EventKind::Submitted { invocation: InvocationId(id), function: FunctionId(0) }
}

/// A container whose start-up ends at a date in microseconds.
fn started(id: u64, ready: u64) -> EventKind {
    EventKind::ContainerStarted {
        node: NODE,
        container: ContainerId(id),
        function: FunctionId(0),
        image: Some(ImageId(0)),
        disk_bytes: 0,
        memory_bytes: 100,
        capacity: 1,
        ready: Time::from_nanos(ready * 1_000),
    }
}

fn dispatched(id: u64, container: u64, start_kind: StartKind) -> EventKind {
    EventKind::Dispatched {
        invocation: InvocationId(id),
        node: NODE,
        container: ContainerId(container),
        memory_bytes: 100,
        was_idle: start_kind == StartKind::Warm,
        start_kind,
    }
}

fn ended(id: u64, container: Option<u64>) -> EventKind {
    let container = container.map(ContainerId);
    EventKind::Ended { invocation: InvocationId(id), outcome: Outcome::Completed, container }
}

fn idle(container: u64) -> EventKind {
    EventKind::ContainerIdle { node: NODE, container: ContainerId(container), memory_bytes: 100 }
}

/// A load from 0 to 0.5 ms; invocation 0 arrives at 0 ms and is served cold from 0.5 to 1.25 ms,
/// of which the start-up takes until 0.75 ms; its container serves invocation 1, which has waited
/// since 1 ms, until 2 ms, and is then idle. The second container, started at 2 ms for invocation
/// 2, needs no load and would be ready at 3.5 ms. The run ends at 3 ms.
fn story() -> TimeSeries {
    let image = ImageId(0);
    heard([
        (0, submitted(0)),
        (0, EventKind::LoadStarted { node: NODE, image, bytes: 40 }),
        (500, EventKind::LoadEnded { node: NODE, image }),
        (500, started(0, 750)),
        (500, dispatched(0, 0, StartKind::Cold)),
        (1_000, submitted(1)),
        (1_250, ended(0, Some(0))),
        (1_250, idle(0)),
        (1_250, dispatched(1, 0, StartKind::Warm)),
        (2_000, submitted(2)),
        (2_000, started(1, 3_500)),
        (2_000, dispatched(2, 1, StartKind::Cold)),
        (2_000, ended(1, Some(0))),
        (2_000, idle(0)),
        (3_000, ended(2, Some(1))),
    ])
}

#[test]
fn bins_of_a_millisecond() {
    let mut series = story();
    let rows = platform(&mut series, 3_000);
    assert_eq!(column(&rows, "from_s"), ["0.000000000", "0.001000000", "0.002000000"]);
    assert_eq!(column(&rows, "to_s"), ["0.001000000", "0.002000000", "0.003000000"]);
    assert_eq!(column(&rows, "arrivals"), ["1", "1", "1"]);
    // The end at 3 ms belongs to the last bin, that at 2 ms to the bin that begins then.
    assert_eq!(column(&rows, "ended"), ["0", "1", "2"]);
    assert_eq!(column(&rows, "cold_starts"), ["1", "0", "1"]);
    assert_eq!(column(&rows, "warm_starts"), ["0", "1", "0"]);
    assert_eq!(column(&rows, "containers_started"), ["1", "0", "1"]);
    assert_eq!(column(&rows, "image_hits"), ["0", "0", "1"]);
    assert_eq!(column(&rows, "pending"), ["0.5", "0.25", "0"]);
    assert_eq!(column(&rows, "running"), ["0.5", "1", "1"]);
    assert_eq!(column(&rows, "starting_containers"), ["0.25", "0", "1"]);
    assert_eq!(column(&rows, "busy_containers"), ["0.25", "1", "0"]);
    assert_eq!(column(&rows, "idle_containers"), ["0", "0", "1"]);
    assert_eq!(column(&rows, "starting_memory_bytes"), ["25", "0", "100"]);
    assert_eq!(column(&rows, "busy_memory_bytes"), ["25", "100", "0"]);
    assert_eq!(column(&rows, "idle_memory_bytes"), ["0", "0", "100"]);
    assert_eq!(column(&rows, "image_memory_bytes"), ["40", "40", "40"]);
    // A second time the same.
    assert_eq!(platform(&mut series, 3_000), rows);
}

#[test]
fn what_a_node_did_is_what_the_platform_did() {
    let mut series = story();
    let platform = platform(&mut series, 3_000);
    let end = Time::from_nanos(3_000_000);
    let nodes = rows(series.write_nodes(end, Vec::new(), Format::Csv).unwrap());
    assert_eq!(nodes.len(), 6);
    for (pair, all) in nodes.chunks(2).zip(&platform) {
        assert_eq!(column(pair, "node"), ["node0", "node1"]);
        for (name, value) in &pair[1] {
            if name != "node" {
                assert_eq!(value, &all[name], "{name}");
            }
        }
        assert_eq!((pair[0]["running"].as_str(), pair[0]["cold_starts"].as_str()), ("0", "0"));
        assert!(!pair[0].contains_key("pending"));
    }
}

/// Container 0 is started ahead at 0 and ready at 0.5 ms. Container 1 is to be ready at 4 ms; its
/// only invocation ends at 1 ms, so that it is idle from then on. Container 2 stops at 2 ms while
/// it starts. Container 3 is ready at once.
#[test]
fn a_start_up_ends_when_it_is_over_or_cut_short() {
    let stopped = EventKind::ContainerStopped {
        node: NODE,
        container: ContainerId(2),
        memory_bytes: 100,
        was_idle: false,
        cause: StopReason::Lost,
        evicted_for: None,
    };
    let mut series = heard([
        (0, submitted(0)),
        (0, started(0, 500)),
        (0, EventKind::Prewarmed { node: NODE, container: ContainerId(0) }),
        (0, idle(0)),
        (0, started(1, 4_000)),
        (0, dispatched(0, 1, StartKind::Cold)),
        (0, started(2, 4_000)),
        (0, started(3, 0)),
        (1_000, ended(0, Some(1))),
        (1_000, idle(1)),
        (2_000, stopped),
    ]);
    let rows = platform(&mut series, 3_000);
    assert_eq!(column(&rows, "starting_containers"), ["2.5", "1", "0"]);
    assert_eq!(column(&rows, "busy_containers"), ["1", "1", "1"]);
    assert_eq!(column(&rows, "idle_containers"), ["0.5", "2", "2"]);
}

/// Many nodes are not distinguished.
#[test]
fn of_many_nodes_only_the_platform_is_shown() {
    let names = (0..101).map(|number| format!("node{number}").into()).collect();
    let mut series = TimeSeries::new(names);
    series.observe(&PlatformEvent { at: Time::from_nanos(5), kind: started(0, 0) });
    let text = series.write_nodes(Time::from_nanos(10), Vec::new(), Format::Csv).unwrap();
    assert!(rows(text).is_empty());
}

/// All happens at one date: a bin without time has counts and no means.
#[test]
fn a_run_that_takes_no_time() {
    let mut series = heard([(0, submitted(0)), (0, ended(0, None))]);
    let rows = platform(&mut series, 0);
    assert_eq!(column(&rows, "arrivals"), ["1"]);
    assert_eq!(column(&rows, "pending"), [""]);
}

proptest! {
    #![proptest_config(isotherm_testing::cases(500))]

    /// However often bins were merged, they are what their definition says: for each of them the
    /// waits are intersected with it, one by one.
    #[test]
    fn merged_bins_are_those_of_their_width(
        // Up to 28 h in microseconds, most of them short.
        waits in prop::collection::vec(
            (0..37u32, 0..1u64 << 20, 0..5_000_000u64)
                .prop_map(|(scale, from, time)| ((from << 17) >> scale, time)),
            1..40,
        ),
        rest in 0..3_000u64,
    ) {
        let mut events = Vec::new();
        for (number, (from, time)) in waits.iter().enumerate() {
            events.push((*from, submitted(number as u64)));
            events.push((from + time, ended(number as u64, None)));
        }
        events.sort_by_key(|(at, _)| *at);
        let end = events.last().unwrap().0 + rest;
        let rows = platform(&mut heard(events), end);

        let mut width = 1_000;
        while end / width >= MOST_BINS as u64 {
            width *= 2;
        }
        prop_assert_eq!(rows.len() as u64, end.div_ceil(width).max(1));
        for (number, row) in rows.iter().enumerate() {
            let (begin, is_last) = (number as u64 * width, number + 1 == rows.len());
            let until = (begin + width).min(end);
            let is_in = |date: u64| date >= begin && (date < begin + width || is_last);
            let arrivals = waits.iter().filter(|(from, _)| is_in(*from)).count();
            prop_assert_eq!(&row["arrivals"], &arrivals.to_string());
            let held: u64 = waits
                .iter()
                .map(|(from, time)| until.min(from + time).saturating_sub(begin.max(*from)))
                .sum();
            if until > begin {
                let mean = held as f64 / (until - begin) as f64;
                let found: f64 = row["pending"].parse().unwrap();
                prop_assert!((found - mean).abs() <= 1e-12 * mean, "{} {}", found, mean);
            }
        }
    }
}
