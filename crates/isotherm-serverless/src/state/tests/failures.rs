//! Cancelling, and hosts that go and come back, wherever invocations and images are.

use super::*;

fn cancel(stage: &mut Stage, id: InvocationId) -> bool {
    stage.message(|state| state.cancel_id(id, FailureCause::Cancelled))
}

#[test]
fn an_invocation_can_be_cancelled_wherever_it_is() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).keeping(0).stage();
    let image = stage.image("i", 10, 10);
    let f = stage.function(Some(image), 5, 5);
    // While its image is downloaded. The download goes on.
    let first = stage.invoke(f);
    assert!(cancel(&mut stage, first));
    assert_eq!(stage.orders(), ["download 0", "ended 0 cancelled"]);
    assert!(!cancel(&mut stage, first), "it has ended");
    stage.downloaded(image);
    assert_eq!(stage.orders(), [""; 0], "nobody wants it");
    // While its image is copied, while it is loaded: these go on, too, and the next one profits.
    let second = stage.invoke(f);
    assert!(cancel(&mut stage, second));
    assert_eq!(stage.orders(), ["copy 0 to 0", "ended 1 cancelled"]);
    assert_eq!(stage.state.head.disk.borrow().pinned(), 10, "the copy reads it");
    stage.copied(0, image);
    assert_eq!(stage.state.head.disk.borrow().pinned(), 0);
    let third = stage.invoke(f);
    assert!(cancel(&mut stage, third));
    stage.loaded(0, image);
    // While it runs: its body is told, and ends.
    let fourth = stage.invoke(f);
    stage.orders();
    assert!(cancel(&mut stage, fourth));
    assert_eq!(stage.orders(), ["cancel body 3"]);
    assert!(stage.is_running(fourth), "until its body has ended");
    stage.body_ended_with(fourth, Err(FailureCause::Cancelled));
    assert_eq!(stage.orders(), ["ended 3 cancelled", "stopped 0"]);
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (10, 10), "only the image is left");
}

#[test]
fn a_cancelled_invocation_in_the_queue_lets_the_next_one_through() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).stage();
    let f = stage.function(None, 5, 5);
    let all = [stage.invoke(f), stage.invoke(f), stage.invoke(f)];
    assert!(cancel(&mut stage, all[1]));
    stage.body_ended(all[0]);
    assert!(stage.is_running(all[2]));
}

#[test]
fn stopping_ends_everything_that_waits_in_the_order_of_submission() {
    let mut stage = Setup { head: 15, ..Setup::new(Preset::Default, &[(1, 100, 100)]) }.stage();
    let images = ["a", "b"].map(|name| stage.image(name, 10, 10));
    let functions =
        [Some(images[0]), Some(images[1]), None].map(|image| stage.function(image, 0, 0));
    // One waits for room on the head disk, one for its download, one runs, one is pending.
    stage.invoke(functions[0]);
    stage.invoke(functions[1]);
    stage.invoke(functions[2]);
    stage.invoke(functions[2]);
    stage.orders();
    stage.message(|state| {
        state.fail_all_waiting(&FailureCause::ServiceStopped { service: "s".into() })
    });
    assert_eq!(stage.orders(), ["ended 0 failed", "ended 1 failed", "ended 3 failed"]);
    assert_eq!(stage.state.running_ids(), [InvocationId(2)]);
}

#[test]
fn a_host_that_goes_takes_its_memory_and_containers_along_and_keeps_its_disk() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 20], [5, 5]);
    let (idle, busy) = (stage.invoke(f), stage.invoke(f));
    stage.arrives(0, image);
    stage.body_ended(idle);
    stage.orders();
    stage.node_failed(0);
    assert_eq!(
        stage.orders(),
        ["stopped 0"],
        "the idle one; the busy one's body reports by itself"
    );
    let waiting = stage.invoke(f);
    assert_eq!(stage.orders(), [""; 0], "a node that is off has no slots");
    stage.body_ended_with(busy, Err(FailureCause::HostFailed { host: "node0".into() }));
    assert_eq!(stage.orders(), ["ended 1 failed", "stopped 1"]);
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (0, 10), "what is on the disk stays");
    stage.node_recovered(0);
    assert_eq!(stage.orders(), ["load 0 on 0"]);
    stage.loaded(0, image);
    assert!(stage.is_running(waiting));
}

#[test]
fn memory_is_lost_even_if_the_host_is_back_before_its_bodies_have_reported() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 20], [5, 5]);
    let busy = stage.invoke(f);
    stage.arrives(0, image);
    stage.state.node_failed(NodeId(0));
    stage.state.node_recovered(NodeId(0));
    stage.body_ended_with(busy, Err(FailureCause::HostFailed { host: "node0".into() }));
    assert_eq!(stage.memory_used(0), 0);
}

#[test]
fn a_host_that_goes_during_a_copy_or_load_gives_back_what_was_taken() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 20], [5, 5]);
    let id = stage.invoke(f);
    stage.downloaded(image);
    let gone = || FailureCause::HostFailed { host: "node0".into() };
    stage.orders();
    stage.state.node_failed(NodeId(0));
    stage.copy_failed(0, image, gone());
    assert_eq!((stage.disk_used(0), stage.orders()), (0, vec![]));
    stage.node_recovered(0);
    assert_eq!(stage.orders(), ["copy 0 to 0"]);
    stage.copied(0, image);
    stage.orders();
    stage.state.node_failed(NodeId(0));
    stage.message(|state| state.move_ended(Move::Load, NodeId(0), image, Err(gone())));
    assert_eq!((stage.disk_used(0), stage.memory_used(0)), (10, 0));
    stage.node_recovered(0);
    stage.loaded(0, image);
    assert!(stage.is_running(id));
}

fn cut() -> FailureCause {
    FailureCause::NetworkFailed { detail: "cut".into() }
}

/// A platform of these nodes that copies the image of an invocation to the first one.
fn copying(nodes: &[(u32, u64, u64)]) -> (Stage, ImageId) {
    copying_with(Setup::new(Preset::Default, nodes))
}

fn copying_with(setup: Setup) -> (Stage, ImageId) {
    let mut stage = setup.stage();
    let (image, f) = stage.image_and_function("i", [10, 20], [5, 5]);
    stage.invoke(f);
    stage.downloaded(image);
    stage.orders();
    (stage, image)
}

/// A link that is off fails every copy immediately: without a pause the tries would fill one date.
/// As with the kubelet's image pulls, no pause is longer than five minutes, however often a copy
/// has failed.
#[test]
fn pauses_between_tries_double_up_to_five_minutes_until_one_succeeds() {
    let (mut stage, image) = copying(&[(1, 100, 100)]);
    let mut date = 0;
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        stage.copy_failed(0, image, cut());
        assert_eq!(stage.orders(), [format!("retry after {wait}")]);
        date += wait;
        stage.at(date);
        stage.message(|state| state.retry_due());
        assert_eq!(stage.orders(), ["copy 0 to 0"]);
    }
    // A million failures would be another matter for the doubling, but not for the pause.
    stage.state.nodes[NodeId(0)].image_mut(image).failures = u32::MAX;
    stage.copy_failed(0, image, cut());
    assert_eq!(stage.orders(), ["retry after 300"]);
    stage.at(date + 300);
    stage.state.retry_due();
    stage.conclude(Round::Yes);
    stage.copied(0, image);
    let failures = stage.state.nodes[NodeId(0)].image(image).failures;
    assert_eq!(failures, 0, "a success is a new beginning");
}

/// Interrupted moves on all nodes are due when a part of the platform comes on, and there are no
/// more timers than before if they fail again.
#[test]
fn what_was_broken_off_is_due_when_a_part_has_come_on() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100), (1, 100, 100)]).stage();
    let (image, f) = stage.image_and_function("i", [10, 20], [5, 5]);
    stage.invoke(f);
    stage.invoke(f);
    stage.downloaded(image);
    assert_eq!(stage.orders(), ["download 0", "copy 0 to 0", "copy 0 to 1"]);
    assert!(!stage.state.part_recovered(), "nothing was broken off");
    stage.state.move_ended(Move::Copy, NodeId(0), image, Err(cut()));
    stage.copy_failed(1, image, cut());
    assert_eq!(stage.orders(), ["retry after 1"], "one timer for both");
    for _ in 0..5 {
        assert!(stage.state.part_recovered());
        stage.message(|state| state.retry_due());
        assert_eq!(stage.orders(), ["copy 0 to 0", "copy 0 to 1"]);
        stage.state.move_ended(Move::Copy, NodeId(0), image, Err(cut()));
        stage.copy_failed(1, image, cut());
        assert_eq!(stage.orders(), [""; 0], "the timer is still to come");
    }
    // The timer finds nothing that is due, and another one takes its place: 32 s after the sixth
    // failure.
    stage.at(1);
    stage.message(|state| state.retry_due());
    assert_eq!(stage.orders(), ["retry after 31"]);
}

/// A link goes off and on at one date: the failure is handled after the link is back.
#[test]
fn a_copy_is_tried_again_at_once_if_a_part_came_on_before_its_failure_was_heard() {
    let (mut stage, image) = copying(&[(1, 100, 100)]);
    stage.at(1);
    assert!(!stage.state.part_recovered());
    stage.copy_failed(0, image, cut());
    assert_eq!(stage.orders(), ["copy 0 to 0"]);
    // This one has begun since: it is something else that is off.
    stage.copy_failed(0, image, cut());
    assert_eq!(stage.orders(), ["retry after 1"]);
}

#[test]
fn an_interrupted_copy_is_tried_again_while_another_node_serves() {
    let setup = Setup::new(Preset::Default, &[(1, 100, 100), (1, 100, 100)]);
    let scheduler: Box<dyn Scheduler> = Box::new(ByNode::new(Fcfs, true));
    let (mut stage, image) = copying_with(Setup { scheduler: Some(scheduler), ..setup });
    stage.copy_failed(0, image, cut());
    assert_eq!(stage.orders(), ["retry after 1"]);
    let second = stage.invoke(FunctionId(0));
    assert_eq!(stage.orders(), ["copy 0 to 1"]);
    stage.copied(1, image);
    stage.loaded(1, image);
    // The one that has waited longest.
    assert!(stage.is_running(InvocationId(0)) && !stage.is_running(second));
}

fn body_failed() -> FailureCause {
    FailureCause::BodyFailed { message: "it says so".into() }
}

#[test]
fn the_container_of_a_failed_invocation_is_kept_or_discarded() {
    let causes = [FailureCause::TimeLimit, body_failed(), FailureCause::Cancelled];
    let mixed = |timeout, error| OnFailure { timeout, error };
    use AfterFailure::{Discard, Keep};
    for (preset, rule, discarded) in [
        // The rules of the presets, as their documentation says them.
        (Preset::Default, None, [true, false, false]),
        (Preset::Wrench, None, [false, false, false]),
        (Preset::Default, Some(OnFailure::KEEP), [false, false, false]),
        (Preset::Default, Some(OnFailure::DISCARD), [true, true, false]),
        (Preset::Wrench, Some(mixed(Keep, Discard)), [false, true, false]),
    ] {
        for (cause, discarded) in causes.clone().into_iter().zip(discarded) {
            let mut setup = Setup::new(preset, &[(1, 100, 100)]);
            setup.on_failure = rule.unwrap_or(setup.on_failure);
            let mut stage = setup.stage();
            let (image, f) = stage.image_and_function("i", [10, 10], [50, 50]);
            let first = stage.invoke(f);
            stage.arrives(0, image);
            stage.orders();
            stage.body_ended_with(first, Err(cause.clone()));
            let stops = stage.orders().contains(&"stopped 0".to_owned());
            assert_eq!(stops, discarded, "{preset:?} {rule:?} {cause:?}");
            // What it held is free at once; its image stays.
            let held = if discarded { 10 } else { 60 };
            assert_eq!((stage.memory_used(0), stage.disk_used(0)), (held, held));
            assert_eq!(stage.state.nodes[NodeId(0)].slots_used, 0);
            let next = stage.invoke(f);
            let serves = container_of(&stage.effects(), next);
            assert_eq!(
                serves,
                Some(ContainerId(u64::from(discarded))),
                "{preset:?} {rule:?} {cause:?}"
            );
        }
    }
}

#[test]
fn a_function_may_have_a_rule_of_its_own_for_failures() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).stage();
    let keeps = stage.function_with(40, |function| function.on_failure = Some(OnFailure::KEEP));
    let other = stage.function(None, 40, 0);
    let ids = [keeps, other].map(|function| stage.invoke(function));
    stage.orders();
    ids.iter().for_each(|&id| stage.body_ended_with(id, Err(FailureCause::TimeLimit)));
    assert_eq!(stage.orders(), ["ended 0 timed_out", "ended 1 timed_out", "stopped 1"]);
}

#[test]
fn a_container_that_serves_others_is_discarded_when_the_last_of_them_ends() {
    let mut stage = Setup::new(Preset::Default, &[(8, 100, 100)]).stage();
    let concurrency = crate::limits::Concurrency { per_container: 3, ..Default::default() };
    let f = stage.function_with(40, |function| function.concurrency = concurrency);
    let ids = [stage.invoke(f), stage.invoke(f), stage.invoke(f)];
    stage.orders();
    stage.body_ended(ids[0]);
    stage.body_ended_with(ids[1], Err(FailureCause::TimeLimit));
    assert_eq!(stage.orders(), ["ended 0 completed", "ended 1 timed_out"]);
    let next = stage.invoke(f);
    assert_eq!(
        stage.orders(),
        ["start 3 on 0 in 1"],
        "the first takes no further ones, though it has places"
    );
    stage.body_ended(ids[2]);
    assert_eq!(stage.orders(), ["ended 2 completed", "stopped 0"], "however the last one ends");
    assert_eq!(stage.memory_used(0), 40);
    stage.body_ended(next);
    assert_eq!(stage.orders(), ["ended 3 completed"], "the other one is kept");
    let was_idle = stage.events().iter().find_map(|event| match event {
        EventKind::ContainerStopped { was_idle, cause, .. } => Some((*was_idle, *cause)),
        _ => None,
    });
    assert_eq!(was_idle, Some((false, StopReason::Discarded)), "it was never idle");
}

#[test]
fn the_room_of_a_discarded_container_is_given_to_a_pending_invocation() {
    let mut stage = Setup::new(Preset::Default, &[(4, 100, 100)]).stage();
    let (slow, next) = (stage.function(None, 80, 0), stage.function(None, 80, 0));
    let first = stage.invoke(slow);
    let waits = stage.invoke(next);
    assert!(!stage.is_running(waits));
    stage.body_ended_with(first, Err(FailureCause::TimeLimit));
    assert!(stage.is_running(waits));
}

#[test]
fn keep_alive_policies_hear_of_discarded_containers() {
    use crate::keep_alive::{IdleNow, Keep};
    struct Ahead;
    impl KeepAlive for Ahead {
        fn keep(&mut self, _: &IdleNow) -> Keep {
            Keep::Prewarm { after: Duration::from_secs(10), keep: Duration::from_secs(20) }
        }
    }
    let mut stage = Setup {
        keep_alive: Some(Box::new(Ahead)),
        ..Setup::new(Preset::Default, &[(1, 100, 100)])
    }
    .stage();
    let f = stage.function(None, 40, 0);
    let first = stage.invoke(f);
    stage.orders();
    stage.body_ended_with(first, Err(FailureCause::TimeLimit));
    assert_eq!(stage.orders(), ["ended 0 timed_out", "stopped 0", "prewarm 0 after 10"]);
}
