//! When activities end.

use isotherm_kernel::{ActivitySpec, Rank, Sharing, Time};

use super::{Ends, at, play, secs, settle, work};
use crate::simulation;

#[test]
fn an_activity_alone_takes_its_work_over_its_rate() {
    // 1e9 bytes over one shared link of 7.20975 MB/s and 1.461517 ms both ways (first example of
    // the network model): 13.01 × 1.461517 ms + 1e9 × 1.05 / (0.97 × 7.20975e6).
    let date = play(|kernel| async move {
        let link = kernel.resource(7.20975e6, Sharing::Shared);
        let message = ActivitySpec::new(Rank::Network, 1e9)
            .uses(link, 1.0)
            .uses(link, 0.05)
            .rate_factor(0.97)
            .bound(7.20975e6)
            .penalty(1.461517e-3 + 20537.0 / 7.20975e6)
            .latency(secs(13.01 * 1.461517e-3));
        kernel.start(message).await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(13.01 * 1.461517e-3) + secs(1e9 * 1.05 / (0.97 * 7.20975e6)));
    assert_eq!(format!("{:.6}", date.as_secs_f64()), "150.159342");
}

#[test]
fn six_threads_on_four_cores() {
    // §3: 6 × 1e9 flops over 4 × 1e8 flop/s.
    let date = play(|kernel| async move {
        let host = kernel.resource(4e8, Sharing::Shared);
        let threads =
            ActivitySpec::new(Rank::Cpu, 6e9).uses(host, 1.0).penalty(1.0 / 6.0).bound(6e8);
        kernel.start(threads).await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(15.0));
}

#[test]
fn the_privileged_one_ends_first_and_leaves_its_share() {
    // §3: 98095 flops each on 98.095 Mf, priorities 1 and 2: the second runs at two thirds of the
    // host until 0.0015 s. §4.1: 4e6 bytes each on 40e6 B/s: 0.15 s and 0.2 s.
    for (capacity, amount, first, second) in
        [(98.095e6, 98095.0, 0.0015, 0.002), (40e6, 4e6, 0.15, 0.2)]
    {
        let ends = Ends::of(|kernel, noted| async move {
            let host = kernel.resource(capacity, Sharing::Shared);
            noted.start(&kernel, "plain", work(amount, &[host]));
            noted.start(&kernel, "privileged", work(amount, &[host]).penalty(0.5));
            kernel.sleep(secs(1.0)).await;
        });
        assert_eq!(ends.dates(), [("privileged", at(first)), ("plain", at(second))]);
    }
}

#[test]
fn three_that_share_end_one_after_the_other() {
    // 10, 20 and 30 on 6/s: 2 each until 5 s; then 3 each with 10 and 20 left, until 8⅓ s; then 10
    // left at 6/s.
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(6.0, Sharing::Shared);
        noted.start(&kernel, "30", work(30.0, &[link]));
        noted.start(&kernel, "10", work(10.0, &[link]));
        noted.start(&kernel, "20", work(20.0, &[link]));
        kernel.sleep(secs(100.0)).await;
    });
    assert_eq!(ends.dates(), [("10", at(5.0)), ("20", at(25.0 / 3.0)), ("30", at(10.0))]);
}

#[test]
fn nothing_is_used_during_the_latency() {
    // The first has the link alone for 1 s (10 of 20 done); then 5/s each: the late one's 5 end at
    // 2 s, and the 5 that are left of the first take half a second.
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let late = noted.start(&kernel, "late", work(5.0, &[link]).latency(secs(1.0)));
        noted.start(&kernel, "first", work(20.0, &[link]));
        kernel.sleep(secs(0.5)).await;
        assert_eq!((kernel.rate(late), kernel.remaining(late)), (0.0, 5.0));
        kernel.sleep(secs(9.5)).await;
    });
    assert_eq!(ends.dates(), [("late", at(2.0)), ("first", at(2.5))]);
}

#[test]
fn without_work_only_the_latency_counts() {
    // §2.2: zero bytes last exactly the latency, and nothing at all without latency, also where
    // nothing moves.
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let broken = kernel.resource(0.0, Sharing::Shared);
        kernel.sleep(secs(1.0)).await;
        noted.start(&kernel, "latency", work(0.0, &[link]).latency(secs(0.25)));
        noted.start(&kernel, "latency, broken link", work(0.0, &[broken]).latency(secs(0.5)));
        noted.start(&kernel, "none", work(0.0, &[link]));
        noted.start(&kernel, "none, broken link", work(0.0, &[broken]));
        noted.start(&kernel, "none, no link", work(0.0, &[]));
        kernel.sleep(secs(1.0)).await;
    });
    let mut dates = ends.dates();
    dates.sort();
    let expected = [
        ("latency", at(1.25)),
        ("latency, broken link", at(1.5)),
        ("none", at(1.0)),
        ("none, broken link", at(1.0)),
        ("none, no link", at(1.0)),
    ];
    assert_eq!(dates, expected);
}

#[test]
fn one_without_work_takes_no_share_from_a_date() {
    // 20 at 10/s, disturbed every half second by activities without work: still 2 s.
    let date = play(|kernel| async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let transfer = kernel.start(work(20.0, &[link]));
        for _ in 0..3 {
            kernel.sleep(secs(0.5)).await;
            let before = kernel.now();
            kernel.start(work(0.0, &[link])).await.unwrap();
            assert_eq!(kernel.now(), before);
        }
        transfer.await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(2.0));
}

#[test]
fn without_resource_and_bound_work_takes_no_time() {
    // §1.2: a route with no link completes at the end of the latency.
    let ends = Ends::of(|kernel, noted| async move {
        noted.start(&kernel, "late", work(1e9, &[]).latency(secs(0.5)));
        noted.start(&kernel, "at once", work(1e9, &[]));
        noted.start(&kernel, "bounded", work(10.0, &[]).bound(4.0));
        kernel.sleep(secs(5.0)).await;
    });
    assert_eq!(ends.dates(), [("at once", Time::ZERO), ("late", at(0.5)), ("bounded", at(2.5))]);
}

#[test]
fn a_date_is_rounded_to_the_nearest_nanosecond() {
    // 1/3 s and 2/3 s.
    let ends = Ends::of(|kernel, noted| async move {
        let [one, two] = [3.0, 3.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        noted.start(&kernel, "one", work(1.0, &[one]));
        noted.start(&kernel, "two", work(2.0, &[two]));
        kernel.sleep(secs(1.0)).await;
    });
    let dates = [("one", Time::from_nanos(333_333_333)), ("two", Time::from_nanos(666_666_667))];
    assert_eq!(ends.dates(), dates);
}

#[test]
fn activities_elsewhere_do_not_move_a_date() {
    // 1e9 at 7/s is no whole number of nanoseconds. Ten thousand changes on another link must not
    // touch it, and neither may changes on its own link that leave its rate as it is.
    let date = play(|kernel| async move {
        let [own, other] = [100.0, 10.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        let transfer = kernel.start(work(1e9, &[own]).bound(7.0));
        for turn in 0..10_000 {
            kernel.start(work(1.0, &[other])).await.unwrap();
            if turn % 10 == 0 {
                kernel.start(work(1.0, &[own]).bound(7.0)).await.unwrap();
            }
        }
        transfer.await.unwrap();
        kernel.now()
    });
    assert_eq!(date, at(1e9 / 7.0));
}

#[test]
fn work_left_goes_down_with_the_rate() {
    play(|kernel| async move {
        let link = kernel.resource(8.0, Sharing::Shared);
        let transfer = kernel.start(work(16.0, &[link]).rate_factor(0.5));
        for step in 0..=4 {
            assert_eq!(transfer.remaining(), 16.0 - f64::from(step) * 4.0, "step {step}");
            kernel.sleep(secs(1.0)).await;
        }
        assert_eq!((transfer.remaining(), transfer.rate()), (0.0, 0.0));
        assert!(transfer.is_ended());
    });
}

#[test]
fn one_that_never_moves_is_a_deadlock_with_names() {
    for sharing in [Sharing::Shared, Sharing::Fatpipe] {
        let (simulation, kernel) = simulation();
        let broken = kernel.resource(0.0, sharing);
        let link = kernel.resource(10.0, Sharing::Shared);
        for (name, resources) in [("lonely", vec![broken]), ("half way", vec![link, broken])] {
            let transfer = kernel.start(work(1.0, &resources));
            kernel.spawn(name, async move { transfer.await.is_ok() });
        }
        let healthy = kernel.start(work(20.0, &[link]));
        kernel.spawn("healthy", async move { healthy.await.is_ok() });
        let error = simulation.run().unwrap_err();
        assert_eq!(
            error.to_string(),
            "deadlock at 2.000000000 s: 'lonely' waits for an activity that makes no progress; \
             'half way' waits for an activity that makes no progress",
            "{sharing:?}"
        );
    }
}

#[test]
fn one_that_is_suspended_for_ever_is_a_deadlock_too() {
    let (simulation, kernel) = simulation();
    simulation.kernel().spawn("waiter", async move {
        let link = kernel.resource(10.0, Sharing::Shared);
        let transfer = kernel.start(work(100.0, &[link]).latency(secs(1.0)));
        settle(&kernel).await;
        transfer.suspend();
        transfer.await.is_ok()
    });
    let error = simulation.run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "deadlock at 0.000000001 s: 'waiter' waits for an activity that makes no progress"
    );
}
