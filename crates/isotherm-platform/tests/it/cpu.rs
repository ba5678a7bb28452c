//! The CPU model: cores, threads, priorities, limits, processor states. Numbers marked "SimGrid"
//! are the published outputs of its examples; the equation beside each shows why.

use crate::common::{Log, Site, assert_close, secs};
use isotherm_kernel::{DeadlinePassed, with_deadline};
use isotherm_platform::ComputeOptions;

/// SimGrid exec-basic: 98095 flops at 98.095 Mf with priorities 1 and 2. Shares 1/3 and 2/3: the
/// privileged one takes 1.5 ms; by then the other has done half and does the rest alone in 0.5 ms.
#[test]
fn shares_are_proportional_to_priorities() {
    let site = Site::build(|builder| _ = builder.host("Tremblay", 98.095e6));
    let (log, kernel, host) = (Log::default(), site.kernel(), site.host("Tremblay"));
    let privileged = ComputeOptions { priority: 2.0, ..ComputeOptions::default() };
    log.end_of(&kernel, "plain", site.platform.compute(host, 98095.0));
    log.end_of(&kernel, "privileged", site.platform.compute_with(host, 98095.0, privileged));
    site.run();
    log.assert(&[("privileged", 0.0015), ("plain", 0.002)]);
}

/// A priority multiplies the share, but one thread never exceeds one core: on 2 cores of 100,
/// priority 9 against 1 gives 100 (its bound) and 100 (what is left).
#[test]
fn no_priority_makes_a_thread_faster_than_a_core() {
    let site = Site::build(|builder| _ = builder.host("a", 100.0).cores(2));
    let (log, kernel, host) = (Log::default(), site.kernel(), site.host("a"));
    let privileged = ComputeOptions { priority: 9.0, ..ComputeOptions::default() };
    log.end_of(&kernel, "plain", site.platform.compute(host, 100.0));
    log.end_of(&kernel, "privileged", site.platform.compute_with(host, 100.0, privileged));
    site.run();
    log.assert(&[("privileged", 1.0), ("plain", 1.0)]);
}

/// m computations on c cores run at min(s, s·c/m): three on two cores of 100 at 66.67, hence 1.5 s
/// for 100 flops.
#[test]
fn computations_share_the_cores() {
    let site = Site::build(|builder| _ = builder.host("a", 100.0).cores(2));
    let (log, kernel, host) = (Log::default(), site.kernel(), site.host("a"));
    for name in ["1", "2", "3"] {
        log.end_of(&kernel, name, site.platform.compute(host, 100.0));
    }
    site.run();
    log.assert(&[("3", 1.5), ("2", 1.5), ("1", 1.5)]);
}

/// SimGrid exec-threads on 4 cores of 1e8, each line an equation: 2 threads of 1e9: 10 s; 4: 10 s;
/// 6: 6e9/4e8 = 15 s. Then a background thread of 2.5e9 flops: it does not slow 2 threads down (10
/// s); with 4 threads the shares are 0.8e8 and 3.2e8, 4e9/3.2e8 = 12.5 s; the background has 2.5e9
/// − 1e9 − 1e9 left: 5 s more.
#[test]
fn threads_alone_and_with_a_background_thread() {
    let site = Site::build(|builder| _ = builder.host("MyHost1", 1e8).cores(4));
    let host = site.host("MyHost1");
    let log = site.logged(async move |platform, seen| {
        let kernel = platform.kernel().clone();
        for threads in [2, 4, 6] {
            platform.compute_threads(host, 1e9, threads).await.unwrap();
            seen.add(&kernel, format!("{threads} threads"));
        }
        let background = platform.compute(host, 2.5e9);
        for threads in [2, 4] {
            platform.compute_threads(host, 1e9, threads).await.unwrap();
            seen.add(&kernel, format!("{threads} beside"));
        }
        background.await.unwrap();
        seen.add(&kernel, "background");
    });
    log.assert(&[
        ("2 threads", 10.0),
        ("4 threads", 20.0),
        ("6 threads", 35.0),
        ("2 beside", 45.0),
        ("4 beside", 57.5),
        ("background", 62.5),
    ]);
}

/// SimGrid exec-threads, second half, with its own origin: 4 threads of 2e9 from 0; at 5 they have
/// 6e9 left and one thread of 1e9 comes: shares 3.2e8 and 0.8e8, so 12.5 s; the 2e9 left then take
/// 5 s. Two times 2 threads: 10 s.
#[test]
fn a_thread_beside_many_threads() {
    let site = Site::build(|builder| _ = builder.host("MyHost1", 1e8).cores(4));
    let host = site.host("MyHost1");
    let log = site.logged(async move |platform, seen| {
        let kernel = platform.kernel().clone();
        let background = platform.compute_threads(host, 2e9, 4);
        kernel.sleep(secs(5.0)).await;
        platform.compute(host, 1e9).await.unwrap();
        seen.add(&kernel, "one thread");
        background.await.unwrap();
        seen.add(&kernel, "four threads");
        let both = [platform.compute_threads(host, 1e9, 2), platform.compute_threads(host, 1e9, 2)];
        isotherm_kernel::join_all(both).await;
        seen.add(&kernel, "twice two");
    });
    log.assert(&[("one thread", 17.5), ("four threads", 22.5), ("twice two", 32.5)]);
}

/// SimGrid exec-async: 48.492e6 flops at 48.492 Mf, looked at every 0.3 s: the rest falls by 0.3 ×
/// 48.492e6.
#[test]
fn what_is_left_can_be_watched() {
    let site = Site::build(|builder| _ = builder.host("Ginette", 48.492e6));
    let host = site.host("Ginette");
    let log = site.logged(async move |platform, seen| {
        let activity = platform.compute(host, 48.492e6);
        let kernel = platform.kernel();
        for _ in 0..3 {
            kernel.sleep(secs(0.3)).await;
            seen.value("left", activity.remaining() / 1e6);
        }
        activity.await.unwrap();
        seen.add(kernel, "end");
    });
    log.assert(&[("left", 33.9444), ("left", 19.3968), ("left", 4.8492), ("end", 1.0)]);
}

/// SimGrid exec-dvfs: 1e8 flops at 1e8 flop/s take 1 s, then at the 2e7 of state 2 take 5 s.
#[test]
fn a_processor_state_has_its_speed() {
    let site =
        Site::build(|builder| _ = builder.host_with_pstates("MyHost1", [1e8, 5e7, 2e7]).cores(4));
    let host = site.host("MyHost1");
    let log = site.logged(async move |platform, seen| {
        platform.compute(host, 1e8).await.unwrap();
        seen.add(platform.kernel(), "state 0");
        platform.set_pstate(host, 2).unwrap();
        assert_eq!(platform.speed(host), 2e7);
        platform.compute(host, 1e8).await.unwrap();
        seen.add(platform.kernel(), "state 2");
        let error = platform.set_pstate(host, 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the processor state of host `MyHost1` is `3`, but it has 3 of them, counted from 0"
        );
    });
    log.assert(&[("state 0", 1.0), ("state 2", 6.0)]);
}

/// A change of speed applies at once to what is running, capacity and bounds alike. One thread of
/// 100 flops on 4 cores of 100: 50 done at 0.5, the rest at 200 takes 0.25. A thread limited to 50
/// does not notice: 100/50 = 2.
#[test]
fn running_computations_follow_the_speed() {
    let site = Site::build(|builder| _ = builder.host_with_pstates("a", [100.0, 200.0]).cores(4));
    let (log, kernel, host) = (Log::default(), site.kernel(), site.host("a"));
    let limited = ComputeOptions { limit: Some(50.0), ..ComputeOptions::default() };
    log.end_of(&kernel, "free", site.platform.compute(host, 100.0));
    log.end_of(&kernel, "limited", site.platform.compute_with(host, 100.0, limited));
    // Two threads of 200 flops: 2 × 100 × 0.5 done at 0.5, the other 300 at 400 take 0.75.
    log.end_of(&kernel, "two threads", site.platform.compute_threads(host, 200.0, 2));
    site.go(|platform| async move {
        platform.kernel().sleep(secs(0.5)).await;
        assert_close(platform.load(host), 100.0 + 50.0 + 200.0);
        platform.set_pstate(host, 1).unwrap();
    });
    site.run();
    log.assert(&[("free", 0.75), ("two threads", 1.25), ("limited", 2.0)]);
}

/// SimGrid exec-suspend: 3 s of work at 98.095 Mf, suspended from 1 to 11 and from 12 to 22: what
/// is left stands still meanwhile, and the end is at 23.
#[test]
fn a_suspended_computation_stands_still() {
    let site = Site::build(|builder| _ = builder.host("a", 98.095e6));
    let host = site.host("a");
    let log = site.logged(async move |platform, seen| {
        let kernel = platform.kernel();
        let activity = platform.compute(host, 3.0 * 98.095e6);
        for _ in 0..2 {
            kernel.sleep(secs(1.0)).await;
            activity.suspend();
            seen.value("left", activity.remaining() / 1e6);
            kernel.sleep(secs(10.0)).await;
            seen.value("left", activity.remaining() / 1e6);
            activity.resume();
        }
        activity.await.unwrap();
        seen.add(kernel, "end");
    });
    log.assert(&[
        ("left", 196.19),
        ("left", 196.19),
        ("left", 98.095),
        ("left", 98.095),
        ("end", 23.0),
    ]);
}

/// SimGrid exec-waitfor: 5 s of work with a deadline after 3 s is given up at 3; with one after 6 s
/// it is done at 8. With one after exactly 5 s it is done: completion wins the tie.
#[test]
fn waiting_for_a_computation_with_a_deadline() {
    let site = Site::build(|builder| _ = builder.host("a", 100.0));
    let host = site.host("a");
    let log = site.logged(async move |platform, seen| {
        let kernel = platform.kernel();
        for (name, patience) in [("3", 3.0), ("6", 6.0), ("5", 5.0)] {
            let deadline = kernel.now() + secs(patience);
            match with_deadline(kernel, deadline, platform.compute(host, 500.0)).await {
                Ok(result) => {
                    result.unwrap();
                    seen.add(kernel, format!("{name} done"));
                }
                Err(DeadlinePassed(_)) => seen.add(kernel, format!("{name} too late")),
            }
        }
    });
    log.assert(&[("3 too late", 3.0), ("6 done", 8.0), ("5 done", 13.0)]);
}

/// The register of running computations forgets what has ended, and a change of speed still finds
/// what runs.
#[test]
fn many_computations_come_and_go() {
    let site = Site::build(|builder| _ = builder.host_with_pstates("a", [100.0, 50.0]).cores(2));
    let host = site.host("a");
    site.go(|platform| async move {
        let long = platform.compute(host, 100.0 * 101.0 + 50.0 * 1.0);
        for _ in 0..101 {
            platform.compute(host, 100.0).await.unwrap();
        }
        // The long one has had 101 s at 100; the last 50 flops at 50 take one second.
        platform.set_pstate(host, 1).unwrap();
        long.await.unwrap();
    });
    assert_close(site.run(), 102.0);
}
