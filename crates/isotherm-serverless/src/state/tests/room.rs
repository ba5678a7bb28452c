//! Images on nodes: copies and loads, what goes for them, and waiting for room.

use super::*;

/// A node with one image in memory for which nothing runs any more.
fn used(stage: &mut Stage, name: &str, bytes: u64, memory: u64) -> (ImageId, FunctionId) {
    let image = stage.image(name, bytes, memory);
    let f = stage.function(Some(image), 0, 0);
    let id = stage.invoke(f);
    stage.arrives(0, image);
    stage.body_ended(id);
    (image, f)
}

fn no_keep(preset: Preset, nodes: &[(u32, u64, u64)]) -> Stage {
    Setup::new(preset, nodes).keeping(0).stage()
}

#[test]
fn an_image_is_copied_then_loaded_then_used() {
    let mut stage = no_keep(Preset::Default, &[(1, 100, 100)]);
    let (image, f) = stage.image_and_function("i", [30, 20], [5, 6]);
    stage.invoke(f);
    stage.downloaded(image);
    assert_eq!(stage.orders(), ["download 0", "copy 0 to 0"]);
    assert_eq!(
        (stage.disk_used(0), stage.memory_used(0)),
        (30, 0),
        "the room is taken when the copy begins"
    );
    stage.copied(0, image);
    assert_eq!(stage.orders(), ["load 0 on 0"]);
    assert_eq!((stage.disk_used(0), stage.memory_used(0)), (30, 20));
    stage.loaded(0, image);
    assert_eq!(stage.orders(), ["start 0 on 0 in 0"]);
    assert_eq!(
        (stage.disk_used(0), stage.memory_used(0)),
        (36, 25),
        "and the container its limits"
    );
}

#[test]
fn the_least_recently_used_image_leaves_disk_and_memory() {
    for preset in [Preset::Default, Preset::Wrench] {
        let mut stage = no_keep(preset, &[(1, 100, 100)]);
        let (a, f) = used(&mut stage, "a", 40, 10);
        let (b, _) = used(&mut stage, "b", 40, 10);
        // The first is used again: no copy and no load, only a container.
        stage.serve(f);
        stage.events();
        let (c, g) = stage.image_and_function("c", [40, 10], [0, 0]);
        stage.invoke(g);
        stage.downloaded(c);
        // Under the reference's rule only a copy or load that ends is an access, so that the first
        // goes all the same.
        let (goes, stays) = if preset == Preset::Default { (b, a) } else { (a, b) };
        let events = stage.events();
        assert!(
            events.contains(&EventKind::DiskEvicted { node: NodeId(0), image: goes, bytes: 40 }),
            "{preset:?}"
        );
        stage.copied(0, c);
        let events = stage.events();
        let left = EventKind::MemoryEvicted { node: NodeId(0), image: goes, bytes: 10 };
        assert!(events.contains(&left), "it leaves memory with the next message");
        assert!(!stage.state.images[goes].on_disk.contains(NodeId(0)));
        assert!(stage.state.images[stays].in_memory.contains(NodeId(0)));
    }
}

#[test]
fn running_containers_come_before_idle_images() {
    // Memory: idle image of 60. The new function, without image, needs 50 of 100.
    for preset in [Preset::Default, Preset::Wrench] {
        let mut stage = no_keep(preset, &[(2, 100, 100)]);
        let (image, _) = used(&mut stage, "a", 10, 60);
        let g = stage.function(None, 50, 0);
        let id = stage.invoke(g);
        assert!(stage.is_running(id), "{preset:?}");
        let left = EventKind::MemoryEvicted { node: NodeId(0), image, bytes: 60 };
        assert!(stage.events().contains(&left), "{preset:?}");
    }
}

#[test]
fn an_image_in_use_stays() {
    let mut stage = no_keep(Preset::Default, &[(2, 100, 100)]);
    let (image, f) = stage.image_and_function("a", [10, 60], [0, 0]);
    let first = stage.invoke(f);
    stage.arrives(0, image);
    let g = stage.function(None, 50, 0);
    let second = stage.invoke(g);
    assert!(stage.is_running(first) && !stage.is_running(second));
    stage.body_ended(first);
    assert!(stage.is_running(second));
}

/// One node of 100 bytes of memory; a busy container holds 70 of it, and the image of a second
/// function needs 50.
fn blocked_load(preset: Preset) -> (Stage, InvocationId, InvocationId, ImageId) {
    let mut stage = Setup::new(preset, &[(2, 100, 1000)]).stage();
    let busy = stage.function(None, 70, 0);
    let busy = stage.invoke(busy);
    let (image, f) = stage.image_and_function("i", [10, 50], [0, 0]);
    let waiting = stage.invoke(f);
    stage.downloaded(image);
    stage.copied(0, image);
    (stage, busy, waiting, image)
}

fn refused_loads(stage: &mut Stage) -> usize {
    let refused = |event: &EventKind| matches!(event, EventKind::LoadFailed { started: false, .. });
    stage.events().iter().filter(|event| refused(event)).count()
}

#[test]
fn preset_default_a_load_without_room_waits_and_begins_when_room_comes() {
    let (mut stage, busy, waiting, image) = blocked_load(Preset::Default);
    assert_eq!(refused_loads(&mut stage), 1, "it is told once");
    stage.orders();
    for _ in 0..3 {
        stage.conclude(Round::Yes);
    }
    assert_eq!(refused_loads(&mut stage), 0, "and not again as long as nothing has changed");
    assert_eq!(stage.orders(), [""; 0]);
    // The body ends and its container becomes idle: it goes for the image.
    stage.body_ended(busy);
    assert_eq!(stage.orders(), ["ended 0 completed", "stopped 0", "load 0 on 0"]);
    stage.loaded(0, image);
    assert!(stage.is_running(waiting));
}

#[test]
fn preset_wrench_a_load_without_room_fails_and_is_tried_again_in_later_rounds() {
    let (mut stage, busy, waiting, image) = blocked_load(Preset::Wrench);
    assert_eq!(stage.orders().last().expect("orders"), "refuse load 0 on 0");
    // Until the notice comes it counts as being loaded.
    stage.conclude(Round::Yes);
    assert_eq!(stage.orders(), [""; 0]);
    let full =
        || FailureCause::StorageFull { storage: "memory".into(), needed_bytes: 50, free_bytes: 30 };
    stage.state.move_ended(Move::Load, NodeId(0), image, Err(full()));
    // The notice itself causes no round, or it would fail again, and again.
    stage.conclude(Round::No);
    assert_eq!(stage.orders(), [""; 0]);
    // An idle container does not go for an image: the next round fails again.
    stage.body_ended(busy);
    assert_eq!(stage.orders(), ["ended 0 completed", "refuse load 0 on 0"]);
    stage.state.move_ended(Move::Load, NodeId(0), image, Err(full()));
    stage.conclude(Round::No);
    // The container's keep-alive ends, its room is free, and the message causes a round.
    stage.message(|state| state.stop_container(ContainerId(0), StopReason::NotKept));
    assert_eq!(stage.orders(), ["stopped 0", "load 0 on 0"]);
    stage.loaded(0, image);
    assert!(stage.is_running(waiting));
}

#[test]
fn a_copy_without_room_waits_in_preset_default_and_fails_in_preset_wrench() {
    for preset in [Preset::Default, Preset::Wrench] {
        // Disk 100; a busy container holds 70 and the image needs 50.
        let mut stage = Setup::new(preset, &[(2, 100, 100)]).stage();
        let busy = stage.function(None, 0, 70);
        let busy = stage.invoke(busy);
        let (image, f) = stage.image_and_function("i", [50, 10], [0, 0]);
        stage.invoke(f);
        stage.orders();
        stage.downloaded(image);
        if preset == Preset::Wrench {
            assert_eq!(stage.orders(), ["refuse copy 0 to 0"]);
            let cause = FailureCause::Cancelled;
            stage.state.move_ended(Move::Copy, NodeId(0), image, Err(cause));
            stage.conclude(Round::No);
            stage.body_ended(busy);
            assert_eq!(
                stage.orders(),
                ["ended 0 completed", "refuse copy 0 to 0"],
                "an idle container stays"
            );
        } else {
            assert_eq!(stage.orders(), [""; 0]);
            stage.body_ended(busy);
            assert_eq!(stage.orders(), ["ended 0 completed", "stopped 0", "copy 0 to 0"]);
        }
    }
}

#[test]
fn images_that_only_idle_containers_hold_make_room_too() {
    // Memory 100: an idle container without limits holds an image of 60. Another image needs 80.
    // The containers' limits do not matter: what goes is the image.
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 1000)]).stage();
    used(&mut stage, "a", 10, 60);
    let (b, g) = stage.image_and_function("b", [10, 80], [0, 0]);
    let id = stage.invoke(g);
    stage.downloaded(b);
    stage.copied(0, b);
    assert!(stage.orders().ends_with(&["stopped 0".to_owned(), "load 1 on 0".to_owned()]));
    stage.loaded(0, b);
    assert!(stage.is_running(id));
}

#[test]
fn an_image_that_several_idle_containers_hold_goes_when_all_have_gone() {
    // Memory 100: an image of 60 and two idle containers of 10. A new one needs 90: both and the
    // image have to go.
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 1000)]).stage();
    let (a, f) = stage.image_and_function("a", [10, 60], [10, 0]);
    let both = [stage.invoke(f), stage.invoke(f)];
    stage.arrives(0, a);
    for id in both {
        stage.body_ended(id);
    }
    let g = stage.function(None, 90, 0);
    let id = stage.invoke(g);
    assert!(stage.is_running(id));
    assert_eq!(stage.memory_used(0), 90);
}

#[test]
fn idle_images_go_before_idle_containers() {
    // Memory 100: an idle image of 40, an idle container of 50. A new one needs 30, of which 10 are
    // free.
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 1000)]).stage();
    let (_, _) = used(&mut stage, "a", 10, 40);
    stage.message(|state| state.stop_container(ContainerId(0), StopReason::NotKept));
    let kept = stage.function(None, 50, 0);
    stage.serve(kept);
    stage.orders();
    let g = stage.function(None, 30, 0);
    stage.invoke(g);
    assert_eq!(stage.orders(), ["start 2 on 0 in 2"], "no container was stopped");
    assert_eq!(stage.memory_used(0), 50 + 30);
}

#[test]
fn images_do_not_push_each_other_out_for_ever() {
    // Memory 100; four functions with images of 30 and limits of 65: each fits only alone. With
    // four slots all four would be loaded, three at a time, and none would ever find 65 bytes free
    // while another is on its way.
    let mut stage = Setup::new(Preset::Default, &[(4, 100, 1000)]).keeping(0).stage();
    let images = ["a", "b", "c", "d"].map(|name| stage.image(name, 10, 30));
    let functions = images.map(|image| stage.function(Some(image), 65, 0));
    for function in functions {
        stage.invoke(function);
    }
    for image in images {
        stage.downloaded(image);
    }
    for image in images {
        stage.copied(0, image);
    }
    // As the service would: each load ends, in the order in which they began, each body too.
    let mut todo: std::collections::VecDeque<Effect> = stage.effects().into();
    let (mut loads, mut done) = (0, 0);
    while let Some(effect) = todo.pop_front() {
        match effect {
            Effect::Move { step: Move::Load, image, .. } => {
                loads += 1;
                assert!(loads < 20, "images are loaded again and again");
                stage.loaded(0, image);
            }
            Effect::Start { invocation, .. } => stage.body_ended(invocation.id),
            Effect::Ended { .. } => done += 1,
            _ => {}
        }
        todo.extend(stage.effects());
    }
    assert_eq!(done, 4);
}

#[test]
fn an_image_comes_nearer_into_free_room_though_its_container_has_none() {
    // Memory 100: a busy container of 60. The function needs an image of 30 and 20 more: no room,
    // but the image fits.
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 1000)]).stage();
    let busy = stage.function(None, 60, 0);
    let busy = stage.invoke(busy);
    let (image, f) = stage.image_and_function("i", [10, 30], [20, 0]);
    let id = stage.invoke(f);
    stage.orders();
    stage.downloaded(image);
    stage.copied(0, image);
    assert_eq!(stage.orders(), ["copy 0 to 0", "load 0 on 0"]);
    stage.loaded(0, image);
    assert!(!stage.is_running(id));
    stage.body_ended(busy);
    assert!(stage.is_running(id));
}

#[test]
fn an_invocation_without_room_does_not_keep_its_slot_from_others() {
    // Two slots, memory 100, a busy container of 60: the second needs 50, the third 40.
    let setup = Setup::new(Preset::Default, &[(2, 100, 100)]);
    let scheduler: Box<dyn Scheduler> = Box::new(ByNode::new(Fcfs, true));
    let mut stage = Setup { scheduler: Some(scheduler), ..setup }.stage();
    let functions = [60, 50, 40].map(|memory| stage.function(None, memory, 0));
    let [first, second, third] = functions.map(|function| stage.invoke(function));
    assert!(stage.is_running(first) && stage.is_running(third));
    assert!(!stage.is_running(second));
}

#[test]
fn nodes_that_could_never_hold_a_function_are_left_out() {
    // The first node is too small for the function, whatever the scheduler.
    let mut stage = Setup::new(Preset::Wrench, &[(2, 30, 100), (1, 100, 100)]).stage();
    let (f, g) = (stage.function(None, 50, 0), stage.function(None, 10, 0));
    stage.invoke(f);
    stage.invoke(f);
    stage.invoke(g);
    assert_eq!(stage.orders(), ["start 0 on 1 in 0", "start 2 on 0 in 1"]);
}
