//! One broken event list per rule: the auditor must find each violation, and none in a valid list.

use super::*;

const FUNCTION: FunctionId = FunctionId(0);
const IMAGE: ImageId = ImageId(0);
const NODE: NodeId = NodeId(0);

/// A head disk of 1,000 bytes; two nodes of 1,000 bytes of disk, 500 of memory and 2 slots.
fn auditor() -> Auditor {
    let node = NodeCapacity { disk_bytes: 1000, memory_bytes: 500, slots: Some(2) };
    Auditor::new(Capacities { head_disk_bytes: 1000, nodes: vec![node, node] })
}

fn submitted(invocation: u64) -> EventKind {
    EventKind::Submitted { invocation: InvocationId(invocation), function: FUNCTION }
}

fn admitted(invocation: u64) -> EventKind {
    EventKind::Admitted { invocation: InvocationId(invocation) }
}

/// A container of the function with its image; 200 bytes of disk, 50 of memory.
fn started(container: u64) -> EventKind {
    EventKind::ContainerStarted {
        node: NODE,
        container: ContainerId(container),
        function: FUNCTION,
        image: Some(IMAGE),
        disk_bytes: 200,
        memory_bytes: 50,
        capacity: 1,
        ready: Time::ZERO,
    }
}

fn stopped(container: u64, evicted: bool) -> EventKind {
    EventKind::ContainerStopped {
        node: NODE,
        container: ContainerId(container),
        memory_bytes: 50,
        was_idle: evicted,
        cause: if evicted { StopReason::Evicted } else { StopReason::NotKept },
        evicted_for: None,
    }
}

fn idle(container: u64) -> EventKind {
    EventKind::ContainerIdle { node: NODE, container: ContainerId(container), memory_bytes: 50 }
}

/// Onto an idle container if it is warm.
fn dispatched(invocation: u64, container: u64, start_kind: StartKind) -> EventKind {
    EventKind::Dispatched {
        invocation: InvocationId(invocation),
        node: NODE,
        container: ContainerId(container),
        memory_bytes: 50,
        was_idle: start_kind == StartKind::Warm,
        start_kind,
    }
}

fn ended(invocation: u64) -> EventKind {
    EventKind::Ended {
        invocation: InvocationId(invocation),
        outcome: Outcome::Completed,
        container: None,
    }
}

/// Steps 0 to 13 of a life in which nothing is wrong: an image of 100 bytes is downloaded, copied
/// and loaded, two invocations are served cold and warm by one container, the container stops, the
/// image is pushed out everywhere.
fn good_life() -> Vec<EventKind> {
    vec![
        submitted(0),
        EventKind::DownloadStarted { image: IMAGE, bytes: 100 },
        EventKind::DownloadEnded { image: IMAGE },
        admitted(0),
        EventKind::CopyStarted { node: NODE, image: IMAGE, bytes: 100 },
        EventKind::CopyEnded { node: NODE, image: IMAGE },
        EventKind::LoadStarted { node: NODE, image: IMAGE, bytes: 80 },
        EventKind::LoadEnded { node: NODE, image: IMAGE },
        started(0),
        dispatched(0, 0, StartKind::Cold),
        ended(0),
        idle(0),
        submitted(1),
        admitted(1),
        dispatched(1, 0, StartKind::Warm),
        ended(1),
        stopped(0, false),
        EventKind::MemoryEvicted { node: NODE, image: IMAGE, bytes: 80 },
        EventKind::DiskEvicted { node: NODE, image: IMAGE, bytes: 100 },
        EventKind::HeadEvicted { image: IMAGE, bytes: 100 },
    ]
}

/// The good life as far as the first container stands idle, started but never used.
fn with_idle_container() -> Vec<EventKind> {
    good_life()[..9].to_vec()
}

fn listen(auditor: &mut Auditor, events: impl IntoIterator<Item = EventKind>) {
    for (second, kind) in events.into_iter().enumerate() {
        auditor.observe(&PlatformEvent { at: Time::from_secs_f64(second as f64), kind });
    }
}

fn judged(events: impl IntoIterator<Item = EventKind>) -> Auditor {
    let mut auditor = auditor();
    listen(&mut auditor, events);
    auditor
}

/// Asserts that these events break this rule and no other, and that the first sentence contains the
/// words.
#[track_caller]
fn broken(events: impl IntoIterator<Item = EventKind>, rule: Rule, words: &str) {
    let auditor = judged(events);
    let first =
        auditor.violations().first().unwrap_or_else(|| panic!("nothing found instead of: {words}"));
    assert_eq!(first.rule, rule, "{first}");
    assert!(first.detail.contains(words), "{first:?} does not contain {words:?}");
    assert!(
        auditor.violations().iter().all(|violation| violation.rule == rule),
        "{:?}",
        auditor.violations()
    );
}

fn followed_by(
    mut events: Vec<EventKind>,
    more: impl IntoIterator<Item = EventKind>,
) -> Vec<EventKind> {
    events.extend(more);
    events
}

#[test]
fn nothing_is_wrong_with_a_good_life() {
    let mut auditor = judged(good_life());
    auditor.finish();
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
    assert_eq!(auditor.node_use(NODE), NodeUse::default(), "everything was given back");
    assert_eq!(auditor.head_disk_bytes(), 0);
    assert_eq!((auditor.pending(), auditor.containers()), (0, 0));
    assert_eq!(auditor.peak_head_disk_bytes(), 100);
    // The image (100 on disk, 80 in memory) and one container (200 and 50) at a time, one slot.
    let peak = NodeUse { disk_bytes: 300, memory_bytes: 130, slots: 1, containers: 1 };
    assert_eq!(auditor.peak_use(NODE), peak);
    assert_eq!(auditor.peak_use(NodeId(1)), NodeUse::default(), "the other node had nothing to do");
}

#[test]
fn the_books_in_the_middle_of_a_life() {
    let auditor = judged(good_life()[..15].to_vec());
    assert_eq!(
        auditor.node_use(NODE),
        NodeUse { disk_bytes: 300, memory_bytes: 130, slots: 1, containers: 1 }
    );
    assert_eq!(auditor.pins(NODE, IMAGE), 1);
    assert_eq!(auditor.images_on_disk(NODE), [IMAGE]);
    assert_eq!(auditor.pending(), 1);
    assert_eq!(auditor.head_disk_bytes(), 100);
}

#[test]
fn counters_count() {
    let events = [
        EventKind::DownloadStarted { image: ImageId(7), bytes: 1 },
        EventKind::DownloadFailed { image: ImageId(7) },
        submitted(2),
        EventKind::Ended { invocation: InvocationId(2), outcome: Outcome::Failed, container: None },
        EventKind::CopyFailed { node: NODE, image: IMAGE, started: false },
        EventKind::LoadFailed { node: NODE, image: IMAGE, started: false },
        EventKind::DownloadStarted { image: IMAGE, bytes: 100 },
        EventKind::DownloadEnded { image: IMAGE },
        EventKind::CopyStarted { node: NODE, image: IMAGE, bytes: 100 },
        EventKind::CopyFailed { node: NODE, image: IMAGE, started: true },
        EventKind::CopyStarted { node: NODE, image: IMAGE, bytes: 100 },
        EventKind::CopyEnded { node: NODE, image: IMAGE },
        EventKind::LoadStarted { node: NODE, image: IMAGE, bytes: 80 },
        EventKind::LoadFailed { node: NODE, image: IMAGE, started: true },
        EventKind::LoadStarted { node: NODE, image: IMAGE, bytes: 80 },
        EventKind::LoadEnded { node: NODE, image: IMAGE },
        started(1),
        idle(1),
        stopped(1, true),
    ];
    let auditor = judged(followed_by(good_life(), events));
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
    let expected = AuditCounters {
        events: 20 + 19,
        submitted: 3,
        ended: BTreeMap::from([(Outcome::Completed, 2), (Outcome::Failed, 1)]),
        cold_starts: 1,
        warm_starts: 1,
        // Both invocations were dispatched in a later second than the one of their admission.
        waited: 2,
        downloads: 3,
        failed_downloads: 1,
        copies: 3,
        refused_copies: 1,
        interrupted_copies: 1,
        loads: 3,
        refused_loads: 1,
        interrupted_loads: 1,
        head_evictions: 1,
        disk_evictions: 1,
        memory_evictions: 1,
        containers: 2,
        prewarmings: 0,
        images_placed: 0,
        containers_placed: 0,
        skipped_prewarmings: 0,
        container_evictions: 1,
        container_stops: 1,
    };
    assert_eq!(*auditor.counters(), expected);
    // The interrupted copy and load gave their room back: the image alone is left.
    assert_eq!(
        auditor.node_use(NODE),
        NodeUse { disk_bytes: 100, memory_bytes: 80, slots: 0, containers: 0 }
    );
}

/// An image of 100 bytes that is everywhere from the start, and a warm container.
fn from_the_start() -> Vec<EventKind> {
    vec![
        EventKind::HeadPlaced { image: IMAGE, bytes: 100 },
        EventKind::DiskPlaced { node: NODE, image: IMAGE, bytes: 100 },
        EventKind::MemoryPlaced { node: NODE, image: IMAGE, bytes: 80 },
        started(0),
        EventKind::ContainerPlaced { node: NODE, container: ContainerId(0) },
        idle(0),
    ]
}

#[test]
fn what_is_there_from_the_start() {
    let mut auditor = judged(followed_by(
        from_the_start(),
        [submitted(0), admitted(0), dispatched(0, 0, StartKind::Warm), ended(0), stopped(0, false)],
    ));
    auditor.finish();
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
    let AuditCounters { images_placed, containers_placed, containers, downloads, .. } =
        *auditor.counters();
    assert_eq!((images_placed, containers_placed, containers, downloads), (3, 1, 1, 0));
    let left = NodeUse { disk_bytes: 100, memory_bytes: 80, slots: 0, containers: 0 };
    assert_eq!(auditor.node_use(NODE), left, "the image stays");
    assert_eq!((auditor.head_disk_bytes(), auditor.images_on_disk(NODE)), (100, vec![IMAGE]));
}

#[test]
fn what_is_placed_wrongly() {
    let at = |number: usize| from_the_start()[number].clone();
    broken(
        [at(0), at(0)],
        Rule::Placed,
        "image 0 was placed on the head disk, but is there already",
    );
    broken(
        followed_by(good_life()[..2].to_vec(), [at(0)]),
        Rule::Placed,
        "but is on its way there",
    );
    broken([at(1)], Rule::Placed, "was placed on node 0, but is not on the head disk");
    broken(
        [at(0), at(2)],
        Rule::Placed,
        "was placed in the memory of node 0, but is not on its disk",
    );
    broken([at(4)], Rule::Placed, "container 0 was placed on node 0, but is not new there");
    let serves = [submitted(0), admitted(0), dispatched(0, 0, StartKind::Warm), at(4)];
    broken(followed_by(from_the_start(), serves), Rule::Placed, "but is not new there");
    let large = EventKind::HeadPlaced { image: IMAGE, bytes: 1001 };
    broken([large], Rule::Capacity, "1001 bytes of the head disk are taken");
    let leaves = [at(0), EventKind::NodeLeaving { node: NODE }, at(1)];
    broken(leaves, Rule::UnknownNode, "something begins on node 0, which leaves");
}

#[test]
fn dates_that_go_back() {
    let mut auditor = auditor();
    auditor.observe(&PlatformEvent { at: Time::from_secs_f64(2.0), kind: submitted(0) });
    auditor.observe(&PlatformEvent { at: Time::from_secs_f64(1.0), kind: submitted(1) });
    let [violation] = auditor.violations() else { panic!("{:?}", auditor.violations()) };
    assert_eq!(
        (violation.rule, violation.event, violation.at),
        (Rule::Dates, 1, Time::from_secs_f64(1.0))
    );
}

#[test]
fn capacities_exceeded() {
    let full = EventKind::DownloadStarted { image: ImageId(1), bytes: 901 };
    broken(
        followed_by(with_idle_container(), [full]),
        Rule::Capacity,
        "1001 bytes of the head disk are taken",
    );
    // The image takes 100 and each container 200: with the fifth it is 1,100 of 1,000 on disk, and
    // 330 in memory.
    let containers = (1..5).map(started);
    broken(
        followed_by(with_idle_container(), containers),
        Rule::Capacity,
        "1100 bytes of the disk of node 0 are taken",
    );
    let large = EventKind::ContainerStarted {
        node: NODE,
        container: ContainerId(1),
        function: FUNCTION,
        image: Some(IMAGE),
        disk_bytes: 0,
        capacity: 1,
        ready: Time::ZERO,
        memory_bytes: 371,
    };
    broken(
        followed_by(with_idle_container(), [large]),
        Rule::Capacity,
        "501 bytes of the memory of node 0 are taken",
    );
    let mut third = with_idle_container();
    for id in 0..3 {
        if id > 0 {
            third.extend([submitted(id), admitted(id), started(id)]);
        }
        third.push(dispatched(id, id, StartKind::Cold));
    }
    broken(third, Rule::Capacity, "3 slots of node 0 are taken, but it has 2");
}

#[test]
fn exactly_full_is_not_too_much() {
    // Four containers fill the disk up to 900, and a file of 100 in the shape of a container fills
    // the rest.
    let rest = EventKind::ContainerStarted {
        capacity: 1,
        ready: Time::ZERO,
        node: NODE,
        container: ContainerId(9),
        function: FUNCTION,
        image: None,
        disk_bytes: 100,
        memory_bytes: 500 - 80 - 4 * 50,
    };
    let auditor = judged(followed_by(with_idle_container(), (1..4).map(started).chain([rest])));
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
    assert_eq!(auditor.node_use(NODE).disk_bytes, 1000);
    assert_eq!(auditor.node_use(NODE).memory_bytes, 500);
}

#[test]
fn downloads_twice_or_from_nowhere() {
    let started = EventKind::DownloadStarted { image: IMAGE, bytes: 100 };
    broken([started.clone(), started.clone()], Rule::Download, "is on its way there already");
    broken(followed_by(good_life()[..3].to_vec(), [started]), Rule::Download, "is there already");
    broken([EventKind::DownloadEnded { image: IMAGE }], Rule::Download, "was not on its way");
    broken(
        [EventKind::DownloadFailed { image: IMAGE }],
        Rule::Download,
        "failed to reach the head disk",
    );
}

#[test]
fn copies_of_what_is_not_there_or_is_there_already() {
    let copy = EventKind::CopyStarted { node: NODE, image: IMAGE, bytes: 100 };
    broken([copy.clone()], Rule::Copy, "is read from the head disk, but is not there");
    let downloading = good_life()[..2].to_vec();
    broken(followed_by(downloading, [copy.clone()]), Rule::Copy, "is still on its way there");
    broken(
        followed_by(good_life()[..5].to_vec(), [copy.clone()]),
        Rule::Copy,
        "is on its way there already",
    );
    broken(
        followed_by(good_life()[..6].to_vec(), [copy]),
        Rule::Copy,
        "the disk of node 0, but is there already",
    );
    broken(
        [EventKind::CopyEnded { node: NODE, image: IMAGE }],
        Rule::Copy,
        "arrived at the disk of node 0",
    );
    let failed = EventKind::CopyFailed { node: NODE, image: IMAGE, started: true };
    broken([failed], Rule::Copy, "failed to reach the disk of node 0");
}

#[test]
fn loads_of_what_is_not_there_or_is_there_already() {
    let load = EventKind::LoadStarted { node: NODE, image: IMAGE, bytes: 80 };
    broken([load.clone()], Rule::Load, "is read from the disk of node 0, but is not there");
    broken(
        followed_by(good_life()[..7].to_vec(), [load.clone()]),
        Rule::Load,
        "is on its way there already",
    );
    broken(
        followed_by(good_life()[..8].to_vec(), [load]),
        Rule::Load,
        "the memory of node 0, but is there already",
    );
    broken(
        [EventKind::LoadEnded { node: NODE, image: IMAGE }],
        Rule::Load,
        "arrived at the memory of node 0",
    );
    let failed = EventKind::LoadFailed { node: NODE, image: IMAGE, started: true };
    broken([failed], Rule::Load, "failed to reach the memory of node 0");
}

#[test]
fn evictions_of_what_is_in_use() {
    let head = EventKind::HeadEvicted { image: IMAGE, bytes: 100 };
    let disk = EventKind::DiskEvicted { node: NODE, image: IMAGE, bytes: 100 };
    let memory = EventKind::MemoryEvicted { node: NODE, image: IMAGE, bytes: 80 };
    broken([head.clone()], Rule::Eviction, "from the head disk, where it is not");
    broken(
        followed_by(good_life()[..2].to_vec(), [head.clone()]),
        Rule::Eviction,
        "still on its way there",
    );
    broken(
        followed_by(good_life()[..5].to_vec(), [head]),
        Rule::Eviction,
        "1 transfers were reading it",
    );
    broken(
        followed_by(good_life()[..5].to_vec(), [disk.clone()]),
        Rule::Eviction,
        "still on its way there",
    );
    broken(
        followed_by(good_life()[..7].to_vec(), [disk.clone()]),
        Rule::Eviction,
        "1 transfers were reading it",
    );
    broken(
        followed_by(good_life()[..7].to_vec(), [memory.clone()]),
        Rule::Eviction,
        "still on its way there",
    );
    broken(
        followed_by(with_idle_container(), [disk]),
        Rule::Eviction,
        "from the disk of node 0, but 1 containers pin it",
    );
    broken(
        followed_by(with_idle_container(), [memory]),
        Rule::Eviction,
        "from the memory of node 0, but 1 containers",
    );
    let wrong_size = EventKind::HeadEvicted { image: IMAGE, bytes: 99 };
    broken(
        followed_by(good_life()[..3].to_vec(), [wrong_size]),
        Rule::Eviction,
        "giving back 99 bytes instead of 100",
    );
    let busy =
        followed_by(with_idle_container(), [dispatched(0, 0, StartKind::Cold), stopped(0, true)]);
    broken(busy, Rule::Eviction, "container 0 was evicted while it served invocation 0");
}

#[test]
fn evicting_after_the_readers_are_done_is_right() {
    let disk = EventKind::DiskEvicted { node: NODE, image: IMAGE, bytes: 100 };
    let head = EventKind::HeadEvicted { image: IMAGE, bytes: 100 };
    // The image stays in memory for the moment: the platform drops it there before its next round.
    let auditor = judged(followed_by(good_life()[..8].to_vec(), [disk, head]));
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
}

#[test]
fn containers_without_their_image_or_twice() {
    broken([started(0)], Rule::Container, "without its image 0 on the disk of node 0");
    broken(
        followed_by(good_life()[..7].to_vec(), [started(0)]),
        Rule::Container,
        "on the memory of node 0",
    );
    broken(
        followed_by(with_idle_container(), [started(0)]),
        Rule::Container,
        "container 0 was started a second time",
    );
    let again = [stopped(0, false), started(0)];
    broken(
        followed_by(with_idle_container(), again),
        Rule::Container,
        "container 0 was started a second time",
    );
    broken([stopped(3, false)], Rule::Container, "container 3 was stopped, but it does not exist");
    broken([idle(3)], Rule::Container, "container 3 became idle, but it does not exist");
    let elsewhere =
        EventKind::ContainerIdle { node: NodeId(1), container: ContainerId(0), memory_bytes: 50 };
    broken(
        followed_by(with_idle_container(), [elsewhere]),
        Rule::Container,
        "of node 0 became idle on node 1",
    );
    let busy = followed_by(with_idle_container(), [dispatched(0, 0, StartKind::Cold), idle(0)]);
    broken(busy, Rule::Container, "container 0 became idle while it served invocation 0");
    let elsewhere = EventKind::ContainerStopped {
        node: NodeId(1),
        container: ContainerId(0),
        memory_bytes: 50,
        was_idle: false,
        cause: StopReason::NotKept,
        evicted_for: None,
    };
    broken(
        followed_by(with_idle_container(), [elsewhere]),
        Rule::Container,
        "of node 0 was stopped on node 1",
    );
    let busy =
        followed_by(with_idle_container(), [dispatched(0, 0, StartKind::Cold), stopped(0, false)]);
    broken(busy, Rule::Container, "container 0 was stopped while it served invocation 0");
}

#[test]
fn dispatches_that_must_not_be() {
    let (cold, warm) = (StartKind::Cold, StartKind::Warm);
    let idle = with_idle_container;
    broken(
        followed_by(idle(), [dispatched(0, 5, cold)]),
        Rule::Dispatch,
        "container 5, which does not exist",
    );
    broken(
        followed_by(idle(), [dispatched(9, 0, cold)]),
        Rule::Dispatch,
        "invocation 9 was dispatched, but is not",
    );
    let twice = [dispatched(0, 0, cold), dispatched(0, 0, cold)];
    broken(followed_by(idle(), twice), Rule::Dispatch, "invocation 0 was dispatched a second time");
    let busy = [submitted(1), admitted(1), dispatched(0, 0, cold), dispatched(1, 0, warm)];
    broken(followed_by(idle(), busy), Rule::Dispatch, "which serves invocation 0");
    let not_admitted = [submitted(1), dispatched(1, 0, warm)];
    broken(followed_by(idle(), not_admitted), Rule::Dispatch, "it was never admitted");
    let used =
        [dispatched(0, 0, cold), ended(0), submitted(1), admitted(1), dispatched(1, 0, cold)];
    broken(followed_by(idle(), used), Rule::Dispatch, "cold, but the container has served before");
    let other = EventKind::Submitted { invocation: InvocationId(1), function: FunctionId(1) };
    let other_function = [other, admitted(1), dispatched(1, 0, warm)];
    broken(
        followed_by(idle(), other_function),
        Rule::Dispatch,
        "which is of function 0, not of function 1",
    );
}

#[test]
fn what_events_say_of_containers_has_to_be_so() {
    let (node, container, memory_bytes) = (NODE, ContainerId(0), 49);
    let idle_with = EventKind::ContainerIdle { node, container, memory_bytes };
    let events = followed_by(with_idle_container(), [idle_with]);
    broken(events, Rule::Container, "is said to hold 49 bytes of memory, but holds 50");
    let idle_twice = followed_by(with_idle_container(), [idle(0), idle(0)]);
    broken(idle_twice, Rule::Container, "container 0 was idle, but is said not to have been");
    let never_idle = followed_by(with_idle_container(), [stopped(0, true)]);
    broken(never_idle, Rule::Container, "is said to have been idle, but it was not");
    let new = followed_by(with_idle_container(), [dispatched(0, 0, StartKind::Warm)]);
    broken(new, Rule::Dispatch, "is said to have been idle, but it was not");
    let idle = followed_by(with_idle_container(), [idle(0), dispatched(0, 0, StartKind::Cold)]);
    broken(idle, Rule::Dispatch, "was idle, but is said not to have been");
}

#[test]
fn dispatches_on_the_wrong_node_or_without_the_image() {
    let mut elsewhere = judged(with_idle_container());
    let node = NodeId(1);
    let kind = EventKind::Dispatched {
        invocation: InvocationId(0),
        node,
        container: ContainerId(0),
        memory_bytes: 50,
        was_idle: false,
        start_kind: StartKind::Cold,
    };
    elsewhere.observe(&PlatformEvent { at: Time::from_secs_f64(99.0), kind });
    let sentences: Vec<&str> =
        elsewhere.violations().iter().map(|violation| violation.detail.as_str()).collect();
    let head = "invocation 0 was dispatched onto container 0, ";
    assert_eq!(
        sentences,
        [
            format!("{head}which is on node 0, not on node 1"),
            format!("{head}but image 0 is not on the disk of node 1"),
            format!("{head}but image 0 is not in the memory of node 1"),
        ]
    );
    // An image that is pushed out from under an idle container is found twice: when it goes, and at
    // the dispatch.
    let memory = EventKind::MemoryEvicted { node: NODE, image: IMAGE, bytes: 80 };
    let auditor =
        judged(followed_by(with_idle_container(), [memory, dispatched(0, 0, StartKind::Cold)]));
    let rules: Vec<Rule> = auditor.violations().iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, [Rule::Eviction, Rule::Dispatch]);
}

#[test]
fn invocations_without_image_need_no_admission() {
    let container = EventKind::ContainerStarted {
        capacity: 1,
        ready: Time::ZERO,
        node: NODE,
        container: ContainerId(0),
        function: FUNCTION,
        image: None,
        disk_bytes: 1,
        memory_bytes: 50,
    };
    let mut auditor =
        judged([submitted(0), container, dispatched(0, 0, StartKind::Cold), ended(0)]);
    auditor.finish();
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
}

#[test]
fn invocations_submitted_or_ended_wrongly() {
    let twice = judged([submitted(0), submitted(0)]);
    assert_eq!(twice.violations()[0].rule, Rule::Invocation);
    assert!(twice.violations()[0].detail.contains("invocation 0 was submitted a second time"));
    assert_eq!(twice.violations()[1].rule, Rule::Conservation, "and the balance is wrong for it");
    let after_its_end = judged(followed_by(good_life(), [submitted(0)]));
    assert!(
        after_its_end.violations()[0].detail.contains("submitted a second time"),
        "also when it is long gone"
    );

    let ended_twice = judged(followed_by(good_life(), [ended(1)]));
    assert!(ended_twice.violations()[0].detail.contains("invocation 1 ended a second time"));
    assert_eq!(ended_twice.violations()[1].rule, Rule::Conservation);
    let from_nowhere = judged([ended(4)]);
    assert!(
        from_nowhere.violations()[0].detail.contains("invocation 4 ended without being submitted")
    );

    broken(
        [submitted(0), ended(0)],
        Rule::Invocation,
        "ended as completed, but was never dispatched",
    );
    broken([admitted(0)], Rule::Invocation, "was admitted, but is not pending");
    broken(
        [submitted(0), admitted(0), admitted(0)],
        Rule::Invocation,
        "was admitted a second time",
    );
    let rejected = EventKind::Ended {
        invocation: InvocationId(0),
        outcome: Outcome::Rejected,
        container: None,
    };
    let late = followed_by(with_idle_container(), [dispatched(0, 0, StartKind::Cold), rejected]);
    broken(late, Rule::Invocation, "was rejected after it had been dispatched");
}

#[test]
fn the_balance_is_reported_once() {
    let auditor = judged([submitted(0), submitted(0), submitted(1), submitted(2)]);
    let unbalanced =
        auditor.violations().iter().filter(|violation| violation.rule == Rule::Conservation);
    assert_eq!(unbalanced.count(), 1);
}

#[test]
fn a_cancelled_invocation_need_not_be_dispatched() {
    let cancelled = EventKind::Ended {
        invocation: InvocationId(0),
        outcome: Outcome::Cancelled,
        container: None,
    };
    let mut auditor = judged([submitted(0), cancelled]);
    auditor.finish();
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
}

#[test]
fn what_is_left_over_at_the_end() {
    let mut auditor = judged(followed_by(
        with_idle_container(),
        [submitted(1), dispatched(0, 0, StartKind::Cold)],
    ));
    assert!(auditor.is_clean(), "so far nothing is wrong: {:?}", auditor.violations());
    auditor.finish();
    let sentences: Vec<String> = auditor.violations().iter().map(ToString::to_string).collect();
    // Eleven events, in the seconds 0 to 10; what is missing at the end comes after the last.
    assert_eq!(
        sentences,
        [
            format!(
                "at {}, event 11: 2 invocations never ended, the first is 0",
                Time::from_secs_f64(10.0)
            ),
            format!(
                "at {}, event 11: 1 slots of node 0 are still taken",
                Time::from_secs_f64(10.0)
            ),
        ]
    );
    assert!(auditor.violations().iter().all(|violation| violation.rule == Rule::Unfinished));
}

#[test]
fn unknown_nodes_are_named_and_survived() {
    let node = NodeId(2);
    let events = vec![
        EventKind::CopyStarted { node, image: IMAGE, bytes: 1 },
        EventKind::CopyEnded { node, image: IMAGE },
        EventKind::CopyFailed { node, image: IMAGE, started: true },
        EventKind::LoadStarted { node, image: IMAGE, bytes: 1 },
        EventKind::LoadEnded { node, image: IMAGE },
        EventKind::LoadFailed { node, image: IMAGE, started: true },
        EventKind::DiskEvicted { node, image: IMAGE, bytes: 1 },
        EventKind::MemoryEvicted { node, image: IMAGE, bytes: 1 },
    ];
    let auditor = judged(events);
    assert_eq!(auditor.violation_count(), 8);
    assert!(auditor.violations().iter().all(|violation| violation.rule == Rule::UnknownNode));
    assert_eq!(auditor.violations()[0].detail, "there is no node 2");
    assert_eq!(auditor.node_use(node), NodeUse::default());
}

#[test]
fn only_the_first_violations_are_kept_and_all_are_counted() {
    let mut auditor = auditor().keep_violations(2);
    listen(&mut auditor, (0..5).map(|image| EventKind::DownloadEnded { image: ImageId(image) }));
    assert_eq!(auditor.violation_count(), 5);
    let details: Vec<&str> =
        auditor.violations().iter().map(|violation| violation.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "image 0 arrived at the head disk, but was not on its way",
            "image 1 arrived at the head disk, but was not on its way",
        ]
    );
}

#[test]
fn nonsense_is_survived() {
    // Sizes that overflow, numbers at their end, everything out of order: violations, no panic.
    let mut events = good_life();
    events.reverse();
    let big = EventKind::ContainerStarted {
        capacity: 1,
        ready: Time::ZERO,
        node: NODE,
        container: ContainerId(u64::MAX),
        function: FunctionId(u32::MAX),
        image: None,
        disk_bytes: u64::MAX,
        memory_bytes: u64::MAX,
    };
    events.extend([
        big.clone(),
        big,
        stopped(u64::MAX, true),
        submitted(u64::MAX),
        ended(u64::MAX),
    ]);
    let mut auditor = judged(events);
    auditor.finish();
    assert!(auditor.violation_count() > 10);
}

#[test]
fn a_shared_auditor_listens_while_it_is_asked() {
    let node = NodeCapacity { disk_bytes: 1000, memory_bytes: 500, slots: None };
    let auditor = Auditor::shared(Capacities { head_disk_bytes: 1000, nodes: vec![node] });
    let mut listener = Auditor::observer(&auditor);
    listener(&PlatformEvent { at: Time::ZERO, kind: submitted(0) });
    assert_eq!(auditor.borrow().pending(), 1);
}

#[test]
fn any_number_of_slots() {
    let node = NodeCapacity { disk_bytes: u64::MAX, memory_bytes: u64::MAX, slots: None };
    let mut auditor = Auditor::new(Capacities { head_disk_bytes: 1000, nodes: vec![node] });
    let mut events = with_idle_container();
    for id in 1..100 {
        events.extend([
            submitted(id),
            admitted(id),
            started(id),
            dispatched(id, id, StartKind::Cold),
        ]);
    }
    listen(&mut auditor, events);
    assert!(auditor.is_clean(), "{:?}", auditor.violations());
    assert_eq!(auditor.peak_use(NODE).slots, 99);
}
