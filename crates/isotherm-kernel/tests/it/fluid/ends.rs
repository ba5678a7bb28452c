//! Activities that end before their work is done: failures, cancellation, dropped handles.

use std::cell::Cell;
use std::rc::Rc;

use isotherm_kernel::{ActivityError, RunError, Sharing, Time};

use super::{Ends, at, flow, play, rates, secs, settle, work};
use crate::simulation;

#[test]
fn failing_the_users_of_a_resource_ends_them_now_oldest_first() {
    // Users in every state fail: at work, in their latency, suspended. Those elsewhere go on, at
    // the share that is now theirs.
    let ends = Ends::default();
    let noted = ends.clone();
    let failed = play(|kernel| async move {
        let [broken, link] =
            [10.0, 10.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        noted.start(&kernel, "latency", work(1.0, &[broken]).latency(secs(5.0)));
        noted.start(&kernel, "at work", flow(&[link, broken]));
        let suspended = noted.start(&kernel, "suspended", flow(&[broken]));
        let elsewhere = noted.start(&kernel, "elsewhere", work(25.0, &[link]));
        kernel.suspend(suspended);
        kernel.sleep(secs(1.0)).await;
        assert_eq!(kernel.rate(elsewhere), 5.0);
        assert_eq!(kernel.users_of(broken).len(), 3);
        kernel.fail_users(broken);
        assert_eq!(kernel.users_of(broken), []);
        settle(&kernel).await;
        assert_eq!(kernel.rate(elsewhere), 10.0);
        kernel.sleep(secs(10.0)).await;
        broken
    });
    let error = Err(ActivityError::Failed { resource: failed });
    let expected = [
        (at(1.0), "latency", error),
        (at(1.0), "at work", error),
        (at(1.0), "suspended", error),
        // 25 − 5 at 10/s.
        (at(3.0), "elsewhere", Ok(())),
    ];
    assert_eq!(ends.all(), expected);
}

#[test]
fn a_failed_activity_names_its_resource() {
    play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Fatpipe);
        let transfer = kernel.start(flow(&[link]));
        let breaker = kernel.clone();
        kernel.spawn("breaker", async move {
            breaker.sleep(secs(2.0)).await;
            breaker.fail_users(link);
        });
        assert_eq!(transfer.await, Err(ActivityError::Failed { resource: link }));
        assert_eq!(kernel.now(), at(2.0));
    });
}

#[test]
fn failing_an_unused_resource_does_nothing() {
    play(|kernel| async move {
        let [unused, link] =
            [10.0, 10.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        let transfer = kernel.start(work(10.0, &[link]));
        kernel.fail_users(unused);
        transfer.await.unwrap();
        assert_eq!(kernel.now(), at(1.0));
    });
}

#[test]
fn a_cancelled_activity_gives_its_share_back_and_wakes_its_waiter() {
    // 5 and 5; from 1 s on 10 for the other: 20 − 5 take 1.5 s.
    play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let other = kernel.start(work(20.0, &[link]));
        let victim = kernel.start(flow(&[link]));
        let id = victim.id();
        let waiter = kernel.spawn("waiter", victim);
        kernel.sleep(secs(1.0)).await;
        kernel.cancel(id);
        assert_eq!(waiter.join().await, Ok(Err(ActivityError::Cancelled)));
        assert_eq!(kernel.now(), at(1.0));
        other.await.unwrap();
        assert_eq!(kernel.now(), at(2.5));
    });
}

#[test]
fn cancelling_in_the_latency_or_before_anything_was_solved() {
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let latency = noted.start(&kernel, "latency", work(10.0, &[link]).latency(secs(1.0)));
        let fresh = noted.start(&kernel, "fresh", work(10.0, &[link]));
        kernel.cancel(fresh);
        kernel.cancel(fresh);
        kernel.sleep(secs(0.5)).await;
        kernel.cancel(latency);
        let last = kernel.start(work(10.0, &[link]));
        last.await.unwrap();
        assert_eq!(kernel.now(), at(1.5));
    });
    let cancelled = Err(ActivityError::Cancelled);
    assert_eq!(ends.all(), [(at(0.0), "fresh", cancelled), (at(0.5), "latency", cancelled)]);
}

#[test]
fn dropping_the_handle_cancels_and_detaching_does_not() {
    play(|kernel| async move {
        let link = kernel.resource(9.0, Sharing::Shared);
        let kept = kernel.start(flow(&[link])).detach();
        let detached = kernel.start(flow(&[link])).detach();
        let dropped = kernel.start(flow(&[link]));
        settle(&kernel).await;
        assert_eq!(rates(&kernel, &[kept, detached]), [3.0, 3.0]);
        drop(dropped);
        settle(&kernel).await;
        assert_eq!(rates(&kernel, &[kept, detached]), [4.5, 4.5]);
    });
}

#[test]
fn a_function_left_behind_is_called_also_if_the_end_came_first() {
    let called = Rc::new(Cell::new(0));
    let count = Rc::clone(&called);
    play(|kernel| async move {
        let transfer = kernel.start(work(0.0, &[]));
        settle(&kernel).await;
        assert!(transfer.is_ended());
        transfer.on_end(move |_, result| {
            assert_eq!(result, Ok(()));
            count.set(count.get() + 1);
        });
        settle(&kernel).await;
    });
    assert_eq!(called.get(), 1);
}

#[test]
fn the_name_of_one_that_has_ended_does_nothing_to_its_successor() {
    // The second activity takes the first one's place in memory, but not its name.
    play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let old = kernel.start(work(10.0, &[link])).detach();
        kernel.sleep(secs(2.0)).await;
        let new = kernel.start(work(20.0, &[link]));
        assert_ne!(old, new.id());
        settle(&kernel).await;
        assert_eq!((kernel.rate(old), kernel.remaining(old)), (0.0, 0.0));
        kernel.cancel(old);
        kernel.suspend(old);
        kernel.set_penalty(old, 7.0);
        kernel.set_bound(old, 1.0);
        settle(&kernel).await;
        assert_eq!((kernel.rate(new.id()), kernel.penalty(new.id())), (10.0, 1.0));
        new.await.unwrap();
        assert_eq!(kernel.now(), at(4.0));
    });
}

#[test]
fn an_activity_can_be_awaited_again_by_reference() {
    play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let mut transfer = kernel.start(work(30.0, &[link]));
        let early = isotherm_kernel::with_deadline(&kernel, at(1.0), &mut transfer).await;
        assert!(early.is_err());
        assert_eq!(transfer.remaining(), 20.0);
        assert_eq!((&mut transfer).await, Ok(()));
        assert_eq!(kernel.now(), at(3.0));
    });
}

#[test]
fn an_activity_may_outlive_its_simulation() {
    // In a call that never comes, in what was left behind for an end that never comes, and outside.
    let kept = Rc::new(Cell::new(None));
    let keep = Rc::clone(&kept);
    let (simulation, kernel) = simulation();
    simulation.kernel().spawn("user", async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let [in_call, at_end, outside, other] = [(); 4].map(|()| kernel.start(flow(&[link])));
        kernel.call_after(secs(3.0), move |_| drop(in_call));
        other.on_end(move |_, _| drop(at_end));
        keep.set(Some(outside));
        kernel.sleep(secs(1.0)).await;
    });
    assert_eq!(simulation.run(), Ok(at(1.0)));
    drop(simulation);
    drop(kept.take());
}

#[test]
fn a_latency_that_is_longer_than_all_time_is_named_so() {
    let (simulation, kernel) = simulation();
    simulation.kernel().spawn("user", async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let _ = kernel.start(flow(&[link]).latency(isotherm_kernel::Duration::MAX)).await;
    });
    assert!(matches!(simulation.run(), Err(RunError::BeyondTime { at: Time::ZERO, .. })));
}
