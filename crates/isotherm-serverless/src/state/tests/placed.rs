//! What is there from the start.

use super::*;
use crate::StartKind;

impl Stage {
    /// Registers a function with warm containers, and places them as the service does.
    fn warm(
        &mut self,
        image: Option<ImageId>,
        [memory, disk]: [u64; 2],
        count: u32,
    ) -> Result<FunctionId, FailureCause> {
        let limits = Limits::time(Duration::from_secs(60)).memory(memory).disk(disk);
        let registration =
            Registration { warm: count, ..Registration::new("f".into(), image, limits) };
        let function = self.state.register(registration)?;
        for node in self.state.take_planned_warm(function) {
            let placed = self.state.place_warm(function, node);
            self.is_idle(placed);
            self.conclude(Round::Yes);
        }
        Ok(function)
    }

    /// The nodes of the containers that were placed since the last call.
    fn places(&mut self) -> Vec<u32> {
        let place = |event| match event {
            EventKind::ContainerPlaced { node, .. } => Some(node.0),
            _ => None,
        };
        self.events().into_iter().filter_map(place).collect()
    }
}

fn reason(refused: Result<FunctionId, FailureCause>) -> String {
    refused.expect_err("it is refused").to_string()
}

#[test]
fn as_many_warm_starts_as_warm_containers() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100); 3]).keeping(30).stage();
    let f = stage.warm(None, [20, 10], 4).unwrap();
    assert_eq!(stage.places(), [0, 1, 2, 0], "by turns");
    assert_eq!(stage.orders(), ["expire at 30"]);
    assert_eq!((stage.memory_used(0), stage.disk_used(0), stage.memory_used(1)), (40, 20, 20));
    let kinds: Vec<StartKind> = (0..5)
        .map(|_| {
            stage.invoke(f);
            let kind = |event| match event {
                EventKind::Dispatched { start_kind, .. } => Some(start_kind),
                _ => None,
            };
            stage.events().into_iter().find_map(kind).expect("there is a slot for each")
        })
        .collect();
    let warm = StartKind::Warm;
    assert_eq!(kinds, [warm, warm, warm, warm, StartKind::Cold]);
}

#[test]
fn a_warm_container_takes_a_start_up_of_no_time() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).stage();
    let limits = Limits::time(Duration::from_secs(60)).memory(20);
    let startup = Some(Duration::from_secs(3).into());
    let f = stage.register(Registration {
        warm: 1,
        startup,
        ..Registration::new("f".into(), None, limits)
    });
    let nodes = stage.state.take_planned_warm(f);
    assert_eq!(nodes, [NodeId(0)]);
    assert!(stage.state.take_planned_warm(f).is_empty(), "they are taken once");
    let container = stage.state.place_warm(f, nodes[0]).expect("there is room");
    assert_eq!(stage.state.containers.all[&container].ready_at, Time::ZERO);
}

#[test]
fn the_image_of_a_warm_container_is_everywhere() {
    let mut stage = Setup::new(Preset::Default, &[(4, 100, 100); 2]).stage();
    let image = stage.image("python", 30, 25);
    let f = stage.warm(Some(image), [20, 10], 1).unwrap();
    let (node, container, bytes) = (NodeId(0), ContainerId(0), 30);
    assert_eq!(
        stage.events(),
        [
            EventKind::HeadPlaced { image, bytes },
            EventKind::DiskPlaced { node, image, bytes },
            EventKind::MemoryPlaced { node, image, bytes: 25 },
            EventKind::ContainerStarted {
                node,
                container,
                function: f,
                image: Some(image),
                disk_bytes: 10,
                memory_bytes: 20,
                capacity: 1,
                ready: Time::ZERO,
            },
            EventKind::ContainerPlaced { node, container },
            EventKind::ContainerIdle { node, container, memory_bytes: 20 },
        ]
    );
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (45, 40));
    assert_eq!((stage.memory_used(1), stage.disk_used(1)), (0, 0));
    let id = stage.invoke(f);
    assert_eq!(stage.orders(), [format!("start {id} on 0 in 0")], "nothing is downloaded");
}

#[test]
fn hosts_with_more_slots_get_more() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100), (3, 100, 100)]).stage();
    stage.warm(None, [10, 0], 4).unwrap();
    assert_eq!(stage.places(), [1, 1, 0, 1]);
    // No slot is without a container. Two of them serve two invocations at once.
    let limits = Limits::time(Duration::MAX).memory(10);
    let mut registration = Registration { warm: 2, ..Registration::new("g".into(), None, limits) };
    registration.concurrency.per_container = 2;
    let g = stage.register(registration);
    assert_eq!(stage.state.take_planned_warm(g), [NodeId(0), NodeId(1)]);
}

#[test]
fn warm_containers_are_refused_that_have_no_room() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100), (1, 50, 100)]).stage();
    stage.warm(None, [40, 0], 3).unwrap();
    assert_eq!(stage.places(), [0, 1, 0]);
    assert_eq!(
        reason(stage.warm(None, [20, 0], 2)),
        "not allowed: 2 containers are to be warm, and the compute hosts have free room for 1"
    );
    let image = stage.image("python", 90, 5);
    assert_eq!(
        reason(stage.warm(Some(image), [10, 20], 1)),
        "not allowed: no compute host's disk can ever hold the image (90 bytes) and the disk limit \
         (20 bytes)"
    );
    assert!(reason(stage.warm(Some(image), [16, 1], 1)).ends_with("have free room for 0"));
    assert_eq!(stage.events(), [], "nothing of what is refused is placed");
    stage.node_failed(0);
    assert!(reason(stage.warm(None, [11, 0], 1)).ends_with("have free room for 0"));
    assert!(stage.warm(None, [10, 0], 1).is_ok(), "the other one is on");
}

#[test]
fn the_head_disk_has_to_hold_the_image() {
    let mut stage = Setup { head: 100, ..Setup::new(Preset::Default, &[(1, 100, 100); 2]) }.stage();
    let [first, second] = ["first", "second"].map(|name| stage.image(name, 60, 5));
    stage.warm(Some(first), [10, 0], 1).unwrap();
    assert_eq!(
        reason(stage.warm(Some(second), [10, 0], 1)),
        "not allowed: the head disk has no room for the image (60 bytes) of containers that are to \
         be warm"
    );
    // The other function of the image needs no further room there.
    assert!(stage.warm(Some(first), [10, 0], 1).is_ok());
}

#[test]
fn warm_containers_end_like_others() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).keeping(10).stage();
    stage.warm(None, [60, 0], 1).unwrap();
    stage.effects();
    let other = stage.function(None, 70, 0);
    stage.invoke(other);
    assert_eq!(stage.orders(), ["stopped 0", "start 0 on 0 in 1"], "its room is needed");
    let mut reasons = Vec::new();
    let mut stopped = |events: Vec<EventKind>| {
        reasons.extend(events.into_iter().filter_map(|event| match event {
            EventKind::ContainerStopped { cause, was_idle, .. } => Some((cause, was_idle)),
            _ => None,
        }));
    };
    stopped(stage.events());
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).keeping(10).stage();
    stage.warm(None, [60, 0], 1).unwrap();
    stage.at(10);
    stage.message(PlatformState::expire);
    stopped(stage.events());
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).keeping(0).stage();
    stage.warm(None, [60, 0], 1).unwrap();
    stopped(stage.events());
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).stage();
    stage.warm(None, [60, 0], 1).unwrap();
    stage.node_failed(0);
    stopped(stage.events());
    let expected = [
        (StopReason::Evicted, true),
        (StopReason::Expired, true),
        (StopReason::NotKept, false),
        (StopReason::Lost, true),
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn images_on_disks_are_neither_downloaded_nor_copied() {
    let mut stage =
        Setup { head: 100, ..Setup::new(Preset::Default, &[(1, 100, 100), (1, 100, 50)]) }.stage();
    let [small, large, head] = [("small", 40), ("large", 45), ("head", 15)]
        .map(|(name, bytes)| stage.image(name, bytes, 5));
    for (image, on_nodes) in [(small, true), (small, true), (large, true), (head, false)] {
        stage.message(|state| state.prepull(image, on_nodes));
    }
    let placed = |node, image, bytes| EventKind::DiskPlaced { node: NodeId(node), image, bytes };
    assert_eq!(
        stage.events(),
        [
            EventKind::HeadPlaced { image: small, bytes: 40 },
            placed(0, small, 40),
            placed(1, small, 40),
            EventKind::HeadPlaced { image: large, bytes: 45 },
            placed(0, large, 45),
            EventKind::HeadPlaced { image: head, bytes: 15 },
        ],
        "only free room is taken"
    );
    let f = stage.function(Some(small), 10, 0);
    stage.invoke(f);
    assert_eq!(stage.orders(), ["load 0 on 0"]);
    let f = stage.function(Some(head), 10, 0);
    stage.invoke(f);
    let order = &stage.orders()[0];
    assert!(order.starts_with("copy 2 to "), "{order}");
    // Nobody uses the others, so they go where room is needed.
    let image = stage.image("new", 45, 5);
    let f = stage.function(Some(image), 10, 0);
    stage.invoke(f);
    assert_eq!(stage.orders(), ["download 3"]);
    assert!(stage.events().contains(&EventKind::HeadEvicted { image: large, bytes: 45 }));
}
