//! What happens to shares and dates when something changes while activities go on.

use isotherm_kernel::{Sharing, Time};

use super::{Ends, assert_close, at, flow, play, rates, secs, settle, work};

#[test]
fn a_capacity_that_changes_in_mid_run() {
    // 20 at 10/s: 10 are done after 1 s, the other 10 take 2 s at 5/s.
    let date = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let transfer = kernel.start(work(20.0, &[link]));
        kernel.sleep(secs(1.0)).await;
        assert_eq!(transfer.remaining(), 10.0);
        kernel.set_capacity(link, 5.0);
        assert_eq!(kernel.capacity(link), 5.0);
        transfer.await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(3.0));
}

#[test]
fn a_fat_pipe_whose_capacity_changes() {
    // Each alone: 20 at 10/s for 1 s, then 10 at 20/s. The one on a shared link of 8 as well is
    // limited by that: 8 done, 12 to do at 8/s.
    let ends = Ends::of(|kernel, noted| async move {
        let pipe = kernel.resource(10.0, Sharing::Fatpipe);
        let link = kernel.resource(8.0, Sharing::Shared);
        noted.start(&kernel, "pipe", work(20.0, &[pipe]));
        noted.start(&kernel, "pipe and link", work(20.0, &[pipe, link]));
        kernel.sleep(secs(1.0)).await;
        kernel.set_capacity(pipe, 20.0);
        kernel.sleep(secs(9.0)).await;
    });
    assert_eq!(ends.dates(), [("pipe", at(1.5)), ("pipe and link", at(2.5))]);
}

#[test]
fn a_fat_pipe_that_narrows_slows_its_users_on_shared_links() {
    // Two flows on a link of 10; the pipe of the first narrows from 10 to 2: 5 and 5, then 2 and 8.
    let (before, after) = play(|kernel| async move {
        let pipe = kernel.resource(10.0, Sharing::Fatpipe);
        let link = kernel.resource(10.0, Sharing::Shared);
        let ids = [flow(&[pipe, link]), flow(&[link])].map(|spec| kernel.start(spec).detach());
        settle(&kernel).await;
        let before = rates(&kernel, &ids);
        kernel.set_capacity(pipe, 2.0);
        settle(&kernel).await;
        (before, rates(&kernel, &ids))
    });
    assert_eq!(before, [5.0, 5.0]);
    assert_eq!(after, [2.0, 8.0]);
}

#[test]
fn a_capacity_of_zero_stalls_until_it_is_raised_again() {
    // 20 at 10/s, but nothing moves between 1 s and 4 s.
    for sharing in [Sharing::Shared, Sharing::Fatpipe] {
        let date = play(|kernel| async move {
            let link = kernel.resource(10.0, sharing);
            let transfer = kernel.start(work(20.0, &[link]));
            kernel.sleep(secs(1.0)).await;
            kernel.set_capacity(link, 0.0);
            kernel.sleep(secs(3.0)).await;
            assert_eq!((transfer.rate(), transfer.remaining()), (0.0, 10.0), "{sharing:?}");
            kernel.set_capacity(link, 10.0);
            transfer.await.unwrap();
            kernel.now()
        });
        assert_eq!(date, at(5.0), "{sharing:?}");
    }
}

#[test]
fn a_suspended_activity_leaves_its_share_to_the_others() {
    // Two of 30 on 10/s. 0–1 s: 5 done each. 1–3 s: the first rests, the other does 20 and has 5
    // left. From 3 s on 5/s each: the other ends at 4 s; the first then has 20 of its 25 left, at
    // 10/s.
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let first = noted.start(&kernel, "first", work(30.0, &[link]));
        let other = noted.start(&kernel, "other", work(30.0, &[link]));
        kernel.sleep(secs(1.0)).await;
        kernel.suspend(first);
        settle(&kernel).await;
        assert_eq!(rates(&kernel, &[first, other]), [0.0, 10.0]);
        kernel.sleep_until(at(3.0)).await;
        assert_eq!(kernel.remaining(first), 25.0);
        kernel.resume(first);
        settle(&kernel).await;
        assert_eq!(rates(&kernel, &[first, other]), [5.0, 5.0]);
        kernel.sleep_until(at(10.0)).await;
    });
    assert_eq!(ends.dates(), [("other", at(4.0)), ("first", at(6.0))]);
}

#[test]
fn an_activity_takes_its_work_to_another_resource() {
    // 60 and 30 on 10/s: 5 done each after 1 s. The first then has 55 left at its bound of 2/s,
    // suspended from 2 s (53 left) to 7 s, and moved back at 4 s without a bound: it ends 5.3 s
    // after 7 s, since the other has ended at 1 + 25 / 10 s.
    let ends = Ends::of(|kernel, noted| async move {
        let [one, two] = [10.0, 100.0].map(|it| kernel.resource(it, Sharing::Shared));
        let first = noted.start(&kernel, "first", work(60.0, &[one]));
        noted.start(&kernel, "other", work(30.0, &[one]));
        kernel.sleep(secs(1.0)).await;
        kernel.move_to(first, &[(two, 0.5), (two, 0.5)], 2.0);
        assert_eq!(kernel.resources_of(first), [(two, 1.0)]);
        kernel.sleep_until(at(2.0)).await;
        kernel.suspend(first);
        kernel.sleep_until(at(4.0)).await;
        kernel.move_to(first, &[(one, 1.0)], 0.0);
        assert_eq!(kernel.remaining(first), 53.0);
        kernel.sleep_until(at(7.0)).await;
        kernel.resume(first);
        kernel.sleep_until(at(20.0)).await;
        kernel.move_to(first, &[(two, 1.0)], 0.0);
        assert_eq!(kernel.resources_of(first), []);
    });
    assert_eq!(ends.dates(), [("other", at(3.5)), ("first", at(12.3))]);
}

#[test]
fn suspending_and_resuming_within_an_instant_changes_no_date() {
    let date = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let transfer = kernel.start(work(20.0, &[link]));
        kernel.sleep(secs(1.0)).await;
        transfer.suspend();
        transfer.suspend();
        transfer.resume();
        transfer.resume();
        transfer.await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(2.0));
}

#[test]
fn suspending_in_the_latency_drops_the_rest_of_it() {
    // §2.2: latency 5 s, suspended at 1 s, resumed at 2 s: enabled there and then, 20 at 10/s.
    let date = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let transfer = kernel.start(work(20.0, &[link]).latency(secs(5.0)));
        kernel.sleep(secs(1.0)).await;
        transfer.suspend();
        kernel.sleep(secs(1.0)).await;
        assert_eq!((transfer.rate(), transfer.remaining()), (0.0, 20.0));
        transfer.resume();
        settle(&kernel).await;
        assert_eq!(transfer.rate(), 10.0);
        transfer.await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(4.0));
}

#[test]
fn a_suspended_activity_does_not_begin_when_its_latency_would_have_ended() {
    let remaining = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let transfer = kernel.start(work(20.0, &[link]).latency(secs(2.0)));
        kernel.sleep(secs(1.0)).await;
        transfer.suspend();
        kernel.sleep(secs(10.0)).await;
        transfer.remaining()
    });
    assert_eq!(remaining, 20.0);
}

#[test]
fn a_penalty_that_changes() {
    // 15 and 15 of 30; with penalties 1 and 2 it is 20 and 10; as it is re-shared at 1 s, 45 − 15
    // at 10/s end at 4 s.
    let date = play(|kernel| async move {
        let link = kernel.resource(30.0, Sharing::Shared);
        let other = kernel.start(flow(&[link])).detach();
        let transfer = kernel.start(work(45.0, &[link]));
        kernel.sleep(secs(1.0)).await;
        assert_eq!(rates(&kernel, &[other, transfer.id()]), [15.0, 15.0]);
        kernel.set_penalty(transfer.id(), 2.0);
        assert_eq!(kernel.penalty(transfer.id()), 2.0);
        settle(&kernel).await;
        assert_close(&rates(&kernel, &[other, transfer.id()]), &[20.0, 10.0]);
        transfer.await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(4.0));
}

#[test]
fn a_bound_that_is_set_and_lifted() {
    // 5 and 5 of 10; bound 2: 2 and 8; lifted: 5 and 5 again. 20 − 5 − 2 = 13 left at 2 s: 13/5 s
    // more.
    let date = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let other = kernel.start(flow(&[link])).detach();
        let transfer = kernel.start(work(20.0, &[link]));
        kernel.sleep(secs(1.0)).await;
        kernel.set_bound(transfer.id(), 2.0);
        kernel.sleep(secs(1.0)).await;
        assert_eq!(rates(&kernel, &[other, transfer.id()]), [8.0, 2.0]);
        assert_eq!(transfer.remaining(), 13.0);
        kernel.set_bound(transfer.id(), 0.0);
        transfer.await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(4.6));
}

#[test]
fn changes_during_the_latency_count_from_its_end() {
    // Penalty 3 and bound 2 are set before the flow is enabled: 10 − 2 for the other, not 7.5 and
    // 2.5.
    let shares = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let late = kernel.start(flow(&[link]).latency(secs(2.0))).detach();
        let other = kernel.start(flow(&[link])).detach();
        kernel.sleep(secs(1.0)).await;
        kernel.set_penalty(late, 3.0);
        kernel.set_bound(late, 2.0);
        settle(&kernel).await;
        let during = rates(&kernel, &[other, late]);
        kernel.sleep_until(at(2.0) + secs(1e-9)).await;
        (during, rates(&kernel, &[other, late]))
    });
    assert_eq!(shares, (vec![10.0, 0.0], vec![8.0, 2.0]));
}

#[test]
fn several_changes_at_one_date_count_together() {
    // Three on a link that narrows from 90 to 30, the first bounded by 6 at the same date, while a
    // fourth comes and goes: 6, and (30 − 6)/2 for each of the others.
    let shares = play(|kernel| async move {
        let link = kernel.resource(90.0, Sharing::Shared);
        let ids =
            [flow(&[link]), flow(&[link]), flow(&[link])].map(|spec| kernel.start(spec).detach());
        kernel.sleep(secs(1.0)).await;
        kernel.set_capacity(link, 30.0);
        let passing = kernel.start(flow(&[link]));
        kernel.set_bound(ids[0], 6.0);
        kernel.yield_now().await;
        drop(passing);
        settle(&kernel).await;
        rates(&kernel, &ids)
    });
    assert_eq!(shares, [6.0, 12.0, 12.0]);
}

#[test]
fn a_rate_is_that_of_the_last_time_shares_were_computed() {
    play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let first = kernel.start(flow(&[link])).detach();
        assert_eq!(kernel.rate(first), 0.0);
        settle(&kernel).await;
        let second = kernel.start(flow(&[link])).detach();
        assert_eq!(rates(&kernel, &[first, second]), [10.0, 0.0]);
        settle(&kernel).await;
        assert_eq!(rates(&kernel, &[first, second]), [5.0, 5.0]);
    });
}

#[test]
fn one_whose_route_is_busy_at_both_ends_is_re_shared_at_both() {
    // §1.4: a flow that leaves its latency at an instant at which its first link has been touched
    // already must be re-shared on its last one too. Links 10 and 6: at 1 s a short flow starts on
    // the first link and the long one begins. On the second link: 3 and 3; on the first: 7 for the
    // short one.
    let shares = play(|kernel| async move {
        let [first, second] =
            [10.0, 6.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        let long = kernel.start(flow(&[first, second]).latency(secs(1.0))).detach();
        let old = kernel.start(flow(&[second])).detach();
        kernel.sleep(secs(1.0)).await;
        let short = kernel.start(flow(&[first])).detach();
        settle(&kernel).await;
        rates(&kernel, &[long, old, short])
    });
    assert_eq!(shares, [3.0, 3.0, 7.0]);
}

#[test]
fn the_past_is_not_changed() {
    // Nothing of what happens at 1 s may move the work that was done before.
    let remaining = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let transfer = kernel.start(work(100.0, &[link]));
        kernel.sleep(secs(1.0)).await;
        kernel.set_capacity(link, 1.0);
        kernel.set_bound(transfer.id(), 0.5);
        kernel.set_penalty(transfer.id(), 9.0);
        let now = transfer.remaining();
        settle(&kernel).await;
        (now, transfer.remaining(), kernel.now())
    });
    assert_eq!(remaining.0, 90.0);
    assert_close(&[remaining.1], &[90.0 - 0.5e-9]);
    assert_eq!(remaining.2, Time::from_nanos(1_000_000_001));
}
