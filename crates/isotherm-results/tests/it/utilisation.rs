//! Events in, mean, peak and memory × time out.

use std::collections::BTreeMap;

use isotherm_kernel::Time;
use isotherm_results::{Totals, Utilisation, UtilisationReport, Window};
use isotherm_serverless::{
    ContainerId, EventKind, FunctionId, ImageId, InvocationId, NodeId, Outcome, PlatformEvent,
    StartKind, StopReason,
};
use proptest::prelude::*;

const MB: u64 = 1_000_000;
const NODE: NodeId = NodeId(0);
const IMAGE: ImageId = ImageId(3);

fn at(seconds: f64) -> Time {
    Time::from_nanos((seconds * 1e9).round() as u64)
}

fn submitted(invocation: u64) -> EventKind {
    EventKind::Submitted { invocation: InvocationId(invocation), function: FunctionId(0) }
}

fn started(container: u64, memory_bytes: u64) -> EventKind {
    EventKind::ContainerStarted {
        node: NODE,
        container: ContainerId(container),
        function: FunctionId(0),
        image: Some(IMAGE),
        disk_bytes: 7,
        memory_bytes,
        capacity: 1,
        ready: Time::ZERO,
    }
}

fn dispatched(invocation: u64, container: u64, start_kind: StartKind) -> EventKind {
    EventKind::Dispatched {
        invocation: InvocationId(invocation),
        node: NODE,
        container: ContainerId(container),
        memory_bytes: 0,
        was_idle: false,
        start_kind,
    }
}

fn ended(invocation: u64) -> EventKind {
    EventKind::Ended {
        invocation: InvocationId(invocation),
        outcome: Outcome::Completed,
        container: Some(ContainerId(0)),
    }
}

fn idle(container: u64) -> EventKind {
    EventKind::ContainerIdle { node: NODE, container: ContainerId(container), memory_bytes: 0 }
}

fn stopped(container: u64) -> EventKind {
    EventKind::ContainerStopped {
        node: NODE,
        container: ContainerId(container),
        memory_bytes: 0,
        was_idle: false,
        cause: StopReason::NotKept,
        evicted_for: None,
    }
}

/// Memory limits of containers, and whether they are idle.
type Containers = BTreeMap<ContainerId, (u64, bool)>;

/// Says in an event what the platform knows of its container, and keeps up with that.
fn fill_in(event: &mut EventKind, containers: &mut Containers) {
    match event {
        EventKind::ContainerStarted { container, memory_bytes, .. } => {
            containers.insert(*container, (*memory_bytes, false));
        }
        EventKind::ContainerIdle { container, memory_bytes, .. } => {
            let known = containers.get_mut(container).unwrap();
            *memory_bytes = known.0;
            known.1 = true;
        }
        EventKind::ContainerStopped { container, memory_bytes, was_idle, .. } => {
            (*memory_bytes, *was_idle) = containers.remove(container).unwrap();
        }
        EventKind::Dispatched { container, memory_bytes, was_idle, .. } => {
            let known = containers.get_mut(container).unwrap();
            (*memory_bytes, *was_idle) = (known.0, std::mem::take(&mut known.1));
        }
        _ => {}
    }
}

/// What is seen of these events, in which nothing is said of containers but when they start.
fn observed(totals: Totals, events: impl IntoIterator<Item = (f64, EventKind)>) -> Utilisation {
    observed_within(Window::default(), totals, events)
}

fn observed_within(
    part: Window,
    totals: Totals,
    events: impl IntoIterator<Item = (f64, EventKind)>,
) -> Utilisation {
    let mut utilisation = Utilisation::new(totals).within(part);
    let mut containers = Containers::default();
    for (seconds, mut kind) in events {
        fill_in(&mut kind, &mut containers);
        utilisation.observe(&PlatformEvent { at: at(seconds), kind });
    }
    utilisation
}

const TOTALS: Totals = Totals { slots: Some(4), memory_bytes: Some(1000 * MB) };

/// An image of 100 MB that is loaded from 2 s to 3 s; a container of 200 MB that starts at 3 s, is
/// busy until 5 s, idle until 6 s, busy until 8 s and then idle until the end at 12 s; one of 50 MB
/// that is busy from 4 s to 7 s and not kept.
fn a_life() -> Vec<(f64, EventKind)> {
    vec![
        (2.0, submitted(0)),
        (2.0, EventKind::LoadStarted { node: NODE, image: IMAGE, bytes: 100 * MB }),
        (3.0, EventKind::LoadEnded { node: NODE, image: IMAGE }),
        (3.0, started(0, 200 * MB)),
        (3.0, dispatched(0, 0, StartKind::Cold)),
        (4.0, submitted(1)),
        (4.0, started(1, 50 * MB)),
        (4.0, dispatched(1, 1, StartKind::Cold)),
        (5.0, ended(0)),
        (5.0, idle(0)),
        (6.0, submitted(2)),
        (6.0, dispatched(2, 0, StartKind::Warm)),
        (7.0, ended(1)),
        (7.0, stopped(1)),
        (8.0, ended(2)),
        (8.0, idle(0)),
    ]
}

#[test]
fn means_peaks_and_memory_times_time() {
    let report = observed(TOTALS, a_life()).report(at(12.0)).unwrap();
    // The window is from 2 s to 12 s.
    assert_eq!((report.from_s, report.to_s), (2.0, 12.0));
    // Slots: (5 - 3) + (8 - 6) + (7 - 4) = 7 slot·s in 10 s; two at once from 4 s to 5 s.
    assert_eq!((report.slots.used_mean, report.slots.used_peak), (0.7, 2));
    assert_eq!((report.slots.total, report.slots.used_share), (Some(4), Some(0.175)));
    // Busy: 200 MB × 4 s + 50 MB × 3 s = 950 MB·s. Idle: 200 MB × (1 s + 4 s) = 1000 MB·s.
    let container = report.container_memory;
    assert_eq!((container.busy_mb_s, container.idle_mb_s), (950.0, 1000.0));
    assert_eq!(container.idle_share, Some(1000.0 / 1950.0));
    let memory = report.memory;
    assert_eq!(
        (memory.busy_containers.mean_bytes, memory.busy_containers.peak_bytes),
        (95 * MB, 250 * MB)
    );
    assert_eq!(
        (memory.idle_containers.mean_bytes, memory.idle_containers.peak_bytes),
        (100 * MB, 200 * MB)
    );
    // The image holds its memory from the beginning of its load: 100 MB × 10 s, the whole window.
    assert_eq!((memory.images.mean_bytes, memory.images.peak_bytes), (100 * MB, 100 * MB));
    // Together 950 + 1000 + 1000 MB·s in 10 s; at most both containers and the image.
    assert_eq!((memory.used.mean_bytes, memory.used.peak_bytes), (295 * MB, 350 * MB));
    assert_eq!((memory.total_bytes, memory.used.mean_share), (Some(1000 * MB), Some(0.295)));
}

/// A container of 200 MB that is warm from the start with its image of 100 MB: it counts from
/// then on, though nothing is submitted before 2 s.
#[test]
fn what_is_warm_from_the_start_counts_from_there() {
    let life = vec![
        (0.0, EventKind::MemoryPlaced { node: NODE, image: IMAGE, bytes: 100 * MB }),
        (0.0, started(0, 200 * MB)),
        (0.0, EventKind::ContainerPlaced { node: NODE, container: ContainerId(0) }),
        (0.0, idle(0)),
        (2.0, submitted(0)),
        (2.0, dispatched(0, 0, StartKind::Warm)),
        (5.0, ended(0)),
        (5.0, idle(0)),
    ];
    let report = observed(TOTALS, life).report(at(10.0)).unwrap();
    assert_eq!((report.from_s, report.to_s), (0.0, 10.0));
    // Idle until 2 s and from 5 s on.
    let container = report.container_memory;
    assert_eq!((container.busy_mb_s, container.idle_mb_s), (600.0, 1400.0));
    assert_eq!((report.slots.used_mean, report.slots.used_share), (0.3, Some(0.075)));
    let images = report.memory.images;
    assert_eq!((images.mean_bytes, images.peak_bytes), (100 * MB, 100 * MB));
    assert_eq!(report.memory.used.mean_bytes, 300 * MB);
}

/// A host with 6 slots and 500 MB that joins before the first submission and has left at 8 s, and
/// another one from 8.5 s to 9.5 s.
#[test]
fn hosts_that_join_and_leave_count_for_their_time() {
    let joined = |node| EventKind::NodeJoined {
        node: NodeId(node),
        slots: Some(6),
        memory_bytes: 500 * MB,
        disk_bytes: 0,
    };
    let left =
        |node| EventKind::NodeLeft { node: NodeId(node), slots: Some(6), memory_bytes: 500 * MB };
    let mut events = a_life();
    events.insert(0, (1.0, joined(1)));
    events.extend([(8.0, EventKind::NodeLeaving { node: NodeId(1) }), (8.0, left(1))]);
    events.extend([(8.5, joined(2)), (9.5, left(2))]);
    let report = observed(TOTALS, events).report(at(12.0)).unwrap();
    // 7 slot·s of 4 × 10 s + 6 × (6 + 1) s.
    assert_eq!((report.slots.total, report.slots.used_share), (Some(4), Some(7.0 / 82.0)));
    // 2950 MB·s of 1000 × 10 s + 500 × 7 s.
    let memory = report.memory;
    assert_eq!(memory.total_bytes, Some(1000 * MB));
    assert_eq!(memory.used.mean_share, Some(2950.0 / 13_500.0));
}

#[test]
fn without_limits_there_are_no_shares() {
    let totals = Totals { slots: None, memory_bytes: None };
    let report = observed(totals, a_life()).report(at(12.0)).unwrap();
    assert_eq!((report.slots.used_mean, report.slots.used_share), (0.7, None));
    assert_eq!((report.memory.used.mean_bytes, report.memory.used.mean_share), (295 * MB, None));
}

#[test]
fn a_load_that_is_broken_off_and_an_image_that_is_evicted_give_their_memory_back() {
    let report = observed(
        TOTALS,
        [
            (0.0, submitted(0)),
            (0.0, EventKind::LoadStarted { node: NODE, image: IMAGE, bytes: 100 * MB }),
            (1.0, EventKind::LoadFailed { node: NODE, image: IMAGE, started: true }),
            // Found no room: nothing was taken, so nothing is given back.
            (1.0, EventKind::LoadFailed { node: NODE, image: IMAGE, started: false }),
            (2.0, EventKind::LoadStarted { node: NODE, image: IMAGE, bytes: 100 * MB }),
            (3.0, EventKind::LoadEnded { node: NODE, image: IMAGE }),
            (4.0, EventKind::MemoryEvicted { node: NODE, image: IMAGE, bytes: 100 * MB }),
        ],
    )
    .report(at(10.0))
    .unwrap();
    // 1 s and 2 s of 10.
    assert_eq!(
        (report.memory.images.mean_bytes, report.memory.images.peak_bytes),
        (30 * MB, 100 * MB)
    );
}

/// A container that becomes idle and serves the next invocation at the same date was never idle;
/// what is held for an instant is no peak.
#[test]
fn what_takes_no_time_does_not_count() {
    let report = observed(
        TOTALS,
        [
            (0.0, submitted(0)),
            (0.0, submitted(1)),
            (0.0, started(0, 10 * MB)),
            (0.0, dispatched(0, 0, StartKind::Cold)),
            (1.0, ended(0)),
            (1.0, idle(0)),
            (1.0, dispatched(1, 0, StartKind::Warm)),
            (1.0, started(1, 500 * MB)),
            (1.0, stopped(1)),
            (2.0, ended(1)),
            (2.0, stopped(0)),
        ],
    )
    .report(at(2.0))
    .unwrap();
    assert_eq!((report.slots.used_mean, report.slots.used_peak), (1.0, 1));
    assert_eq!(report.memory.idle_containers.peak_bytes, 0);
    assert_eq!(report.memory.used.peak_bytes, 10 * MB);
    assert_eq!(report.container_memory.idle_share, Some(0.0));
}

/// Slots count invocations, memory counts containers.
#[test]
fn invocations_that_share_a_container_take_a_slot_each() {
    let report = observed(
        TOTALS,
        [
            (0.0, submitted(0)),
            (0.0, started(0, 100 * MB)),
            (0.0, dispatched(0, 0, StartKind::Cold)),
            (1.0, dispatched(1, 0, StartKind::Warm)),
            (3.0, ended(0)),
            (6.0, ended(1)),
            (6.0, idle(0)),
        ],
    )
    .report(at(10.0))
    .unwrap();
    // 3 s and 5 s of slots in 10 s; 100 MB busy for 6 s and idle for 4 s.
    assert_eq!((report.slots.used_mean, report.slots.used_peak), (0.8, 2));
    assert_eq!(
        (report.container_memory.busy_mb_s, report.container_memory.idle_mb_s),
        (600.0, 400.0)
    );
    assert_eq!(report.memory.busy_containers.peak_bytes, 100 * MB);
}

#[test]
fn a_window_without_length_has_no_report() {
    assert_eq!(observed(TOTALS, []).report(at(5.0)), None, "nothing was submitted");
    assert_eq!(observed(TOTALS, [(5.0, submitted(0))]).report(at(5.0)), None);
}

/// Nothing overflows: eighteen exabytes held for the longest time there is, which is 584 years.
#[test]
fn large_memories_and_long_times() {
    const HALF: u64 = u64::MAX / 2;
    let events =
        [(0.0, submitted(0)), (0.0, started(0, HALF)), (0.0, started(1, HALF)), (0.0, idle(0))];
    let report = observed(TOTALS, events).report(Time::from_nanos(u64::MAX - 1)).unwrap();
    assert_eq!(report.memory.busy_containers.mean_bytes, HALF);
    assert_eq!(report.memory.used.mean_bytes, 2 * HALF);
    // 2^63 B × 2^64 ns, in MB·s.
    assert_eq!(report.container_memory.idle_mb_s, 2f64.powi(127) / 1e15);
}

/// The life of a container, in seconds: when it starts, and how long it is busy and idle by turns.
fn lives() -> impl Strategy<Value = Vec<(u64, u64, Vec<u64>)>> {
    prop::collection::vec((0u64..20, 1u64..1000, prop::collection::vec(0u64..5, 1..6)), 1..20)
}

proptest! {
    #![proptest_config(isotherm_testing::cases(10_000))]

    /// The same as adding up, container by container, limit × time.
    #[test]
    fn integrals_are_sums_over_containers(lives in lives()) {
        const END: u64 = 60;
        let mut events = vec![(0.0, 0, submitted(0))];
        let (mut busy, mut idle_sum, mut slots) = (0u64, 0u64, 0u64);
        let mut held = vec![0u64; END as usize];
        for (id, (start, megabytes, phases)) in lives.iter().enumerate() {
            let id = id as u64;
            let mut now = *start;
            events.push((now as f64, 1, started(id, megabytes * MB)));
            events.push((now as f64, 1, dispatched(0, id, StartKind::Cold)));
            for (number, length) in phases.iter().enumerate() {
                if number % 2 == 0 {
                    busy += megabytes * length;
                    slots += length;
                } else {
                    idle_sum += megabytes * length;
                }
                for second in now..now + length {
                    held[second as usize] += megabytes;
                }
                now += length;
                // At its end a busy phase gives its slot back; at its beginning it takes one.
                if number % 2 == 0 {
                    events.push((now as f64, 1, ended(0)));
                }
                let next = match number + 1 {
                    last if last == phases.len() => stopped(id),
                    odd if odd % 2 == 1 => idle(id),
                    _ => dispatched(0, id, StartKind::Warm),
                };
                events.push((now as f64, 1, next));
            }
        }
        // In the order of their dates, and at one date in the order in which they were made.
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        let events = events.into_iter().map(|(second, _, kind)| (second, kind));
        let report: UtilisationReport = observed(TOTALS, events).report(at(END as f64)).unwrap();
        prop_assert_eq!(report.container_memory.busy_mb_s, busy as f64);
        prop_assert_eq!(report.container_memory.idle_mb_s, idle_sum as f64);
        prop_assert!((report.slots.used_mean - slots as f64 / END as f64).abs() < 1e-12);
        prop_assert_eq!(report.memory.used.peak_bytes, held.iter().max().unwrap() * MB);
    }
}

/// From 4.5 s to 7.5 s slots are in use for 1 + 1 + 2 + 0.5 s, and a compute host of 4 more joins
/// after the half.
#[test]
fn a_part_of_the_time_counts() {
    let part = |from, until| Window { from: at(from), until: at(until) };
    let within = |part, events| observed_within(part, TOTALS, events).report(at(12.0));
    let report = within(part(4.5, 7.5), a_life()).unwrap();
    assert_eq!((report.from_s, report.to_s), (4.5, 7.5));
    let slots = report.slots;
    assert_eq!((slots.used_mean, slots.used_peak, slots.used_share), (1.5, 2, Some(0.375)));
    let containers = report.container_memory;
    assert_eq!((containers.busy_mb_s, containers.idle_mb_s), (525.0, 200.0));
    assert_eq!(report.memory.images.mean_bytes, 100 * MB);
    // Before it, nothing is submitted.
    let before = within(part(0.0, 3.0), a_life()).unwrap();
    assert_eq!((before.from_s, before.to_s, before.slots.used_peak), (2.0, 3.0, 0));
    assert_eq!(before.memory.used.peak_bytes, 100 * MB);
    assert_eq!(within(part(20.0, 30.0), a_life()), None);
    assert_eq!(within(part(0.0, 2.0), a_life()), None);
    let mut joined = a_life();
    let node = NodeId(1);
    let join = EventKind::NodeJoined { node, slots: Some(4), memory_bytes: 0, disk_bytes: 0 };
    joined.insert(12, (6.0, join));
    let share = within(part(4.5, 7.5), joined).unwrap().slots.used_share;
    assert_eq!(share, Some(4.5 / (4.0 * 1.5 + 8.0 * 1.5)));
}
