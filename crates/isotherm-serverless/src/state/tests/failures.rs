//! Cancelling, and hosts that go and come back, wherever invocations and images are.

use super::*;

fn cancel(stage: &mut Stage, id: InvocationId) -> bool {
    let cancelled = stage.state.cancel(id, FailureCause::Cancelled);
    stage.conclude(Round::Yes);
    cancelled
}

#[test]
fn an_invocation_can_be_cancelled_wherever_it_is() {
    let mut stage = Setup { keep: Duration::ZERO, ..Setup::new(Preset::Default, &[(1, 100, 100)]) }.stage();
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
    assert_eq!(stage.state.head.borrow().pinned(), 10, "the copy reads it");
    stage.copied(0, image);
    assert_eq!(stage.state.head.borrow().pinned(), 0);
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
    let functions = [Some(images[0]), Some(images[1]), None].map(|image| stage.function(image, 0, 0));
    // One waits for room on the head disk, one for its download, one runs, one is pending.
    stage.invoke(functions[0]);
    stage.invoke(functions[1]);
    stage.invoke(functions[2]);
    stage.invoke(functions[2]);
    stage.orders();
    stage.state.fail_all_waiting(&FailureCause::ServiceStopped { service: "s".into() });
    stage.conclude(Round::Yes);
    assert_eq!(stage.orders(), ["ended 0 failed", "ended 1 failed", "ended 3 failed"]);
    assert_eq!(stage.state.running(), [InvocationId(2)]);
}

#[test]
fn a_host_that_goes_takes_its_memory_and_containers_along_and_keeps_its_disk() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).stage();
    let image = stage.image("i", 10, 20);
    let f = stage.function(Some(image), 5, 5);
    let (idle, busy) = (stage.invoke(f), stage.invoke(f));
    stage.arrives(0, image);
    stage.body_ended(idle);
    stage.orders();
    stage.state.node_failed(NodeId(0));
    stage.conclude(Round::Yes);
    assert_eq!(stage.orders(), ["stopped 0"], "the idle one; the busy one's body reports by itself");
    let waiting = stage.invoke(f);
    assert_eq!(stage.orders(), [""; 0], "a node that is off has no slots");
    stage.body_ended_with(busy, Err(FailureCause::HostFailed { host: "node0".into() }));
    assert_eq!(stage.orders(), ["ended 1 failed", "stopped 1"]);
    assert_eq!((stage.memory_used(0), stage.disk_used(0)), (0, 10), "what is on the disk stays");
    stage.state.node_recovered(NodeId(0));
    stage.conclude(Round::Yes);
    assert_eq!(stage.orders(), ["load 0 on 0"]);
    stage.loaded(0, image);
    assert!(stage.is_running(waiting));
}

#[test]
fn memory_is_lost_even_if_the_host_is_back_before_its_bodies_have_reported() {
    let mut stage = Setup::new(Preset::Default, &[(2, 100, 100)]).stage();
    let image = stage.image("i", 10, 20);
    let f = stage.function(Some(image), 5, 5);
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
    let image = stage.image("i", 10, 20);
    let f = stage.function(Some(image), 5, 5);
    let id = stage.invoke(f);
    stage.downloaded(image);
    let gone = || FailureCause::HostFailed { host: "node0".into() };
    stage.orders();
    stage.state.node_failed(NodeId(0));
    stage.state.copy_ended(NodeId(0), image, Err(gone()));
    stage.conclude(Round::Yes);
    assert_eq!((stage.disk_used(0), stage.orders()), (0, vec![]));
    stage.state.node_recovered(NodeId(0));
    stage.conclude(Round::Yes);
    assert_eq!(stage.orders(), ["copy 0 to 0"]);
    stage.copied(0, image);
    stage.orders();
    stage.state.node_failed(NodeId(0));
    stage.state.load_ended(NodeId(0), image, Err(gone()));
    stage.conclude(Round::Yes);
    assert_eq!((stage.disk_used(0), stage.memory_used(0)), (10, 0));
    stage.state.node_recovered(NodeId(0));
    stage.conclude(Round::Yes);
    stage.loaded(0, image);
    assert!(stage.is_running(id));
}

#[test]
fn an_interrupted_copy_is_tried_again_later_each_time_later_still() {
    // A link that is off fails every copy at once: without a pause the tries would fill one date.
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100)]).stage();
    let image = stage.image("i", 10, 20);
    let f = stage.function(Some(image), 5, 5);
    stage.invoke(f);
    stage.downloaded(image);
    stage.orders();
    let mut date = 0;
    for wait in [1, 2, 4, 8] {
        stage.state.copy_ended(NodeId(0), image, Err(FailureCause::NetworkFailed { detail: "cut".into() }));
        stage.conclude(Round::Yes);
        assert_eq!(stage.orders(), [format!("retry after {wait}")]);
        date += wait;
        stage.at(date);
        stage.conclude(Round::Yes);
        assert_eq!(stage.orders(), ["copy 0 to 0"]);
    }
    stage.copied(0, image);
    assert_eq!(stage.state.nodes[0].image(image).failures, 0, "a success is a new beginning");
}

#[test]
fn an_interrupted_copy_lets_another_node_do_it() {
    let mut stage = Setup::new(Preset::Default, &[(1, 100, 100), (1, 100, 100)]).stage();
    let image = stage.image("i", 10, 20);
    let f = stage.function(Some(image), 5, 5);
    stage.invoke(f);
    stage.downloaded(image);
    stage.orders();
    stage.state.copy_ended(NodeId(0), image, Err(FailureCause::NetworkFailed { detail: "cut".into() }));
    stage.conclude(Round::Yes);
    assert_eq!(stage.orders(), ["retry after 1", "copy 0 to 1"]);
}
