//! Which of several ends of one date comes first: it is the order in which their dates were
//! computed.

use isotherm_kernel::{ActivitySpec, Rank, Sharing};

use super::{Ends, at, flow, secs, work};

#[test]
fn equal_activities_end_newest_first() {
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(30.0, Sharing::Shared);
        for name in ["0", "1", "2"] {
            noted.start(&kernel, name, work(10.0, &[link]));
        }
        kernel.sleep(secs(2.0)).await;
    });
    assert_eq!(ends.dates(), [("2", at(1.0)), ("1", at(1.0)), ("0", at(1.0))]);
}

#[test]
fn newest_is_the_one_that_was_enabled_last() {
    // Created 0, 1, 2; the latency of 0 ends last. Bounds keep all dates at 2 s, whatever is solved
    // again.
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(100.0, Sharing::Shared);
        noted.start(&kernel, "0", work(10.0, &[link]).bound(10.0).latency(secs(1.0)));
        noted.start(&kernel, "1", work(20.0, &[link]).bound(10.0));
        noted.start(&kernel, "2", work(15.0, &[link]).bound(10.0).latency(secs(0.5)));
        kernel.sleep(secs(3.0)).await;
    });
    assert_eq!(ends.dates(), [("0", at(2.0)), ("2", at(2.0)), ("1", at(2.0))]);
}

#[test]
fn one_that_is_resumed_is_the_newest() {
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(100.0, Sharing::Shared);
        let first = noted.start(&kernel, "0", work(20.0, &[link]).bound(10.0));
        noted.start(&kernel, "1", work(30.0, &[link]).bound(10.0));
        kernel.sleep(secs(1.0)).await;
        kernel.suspend(first);
        kernel.sleep(secs(1.0)).await;
        kernel.resume(first);
        kernel.sleep(secs(3.0)).await;
    });
    assert_eq!(ends.dates(), [("0", at(3.0)), ("1", at(3.0))]);
}

/// Two activities on links of their own that end at 2 s, `a` older than `b`; at 1 s something may
/// touch a link.
fn after_touching(touched: Option<usize>) -> Vec<&'static str> {
    let ends = Ends::of(|kernel, noted| async move {
        let links = [100.0; 3].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        noted.start(&kernel, "a", work(20.0, &[links[0]]).bound(10.0));
        noted.start(&kernel, "b", work(20.0, &[links[1]]).bound(10.0));
        kernel.sleep(secs(1.0)).await;
        if let Some(link) = touched {
            kernel.start(flow(&[links[link]]).bound(10.0)).detach();
        }
        kernel.sleep(secs(2.0)).await;
    });
    ends.names()
}

#[test]
fn only_what_is_solved_again_takes_a_new_place() {
    // Links are solved in the order in which they were touched: a, then b. Solving a's link again
    // puts a behind b; solving b's or another one leaves the order as it was.
    assert_eq!(after_touching(None), ["a", "b"]);
    assert_eq!(after_touching(Some(0)), ["b", "a"]);
    assert_eq!(after_touching(Some(1)), ["a", "b"]);
    assert_eq!(after_touching(Some(2)), ["a", "b"]);
}

#[test]
fn links_of_one_component_are_passed_in_the_order_in_which_they_are_reached() {
    // The flow over both links is the newest on the first link, which is touched first: from it the
    // second link is reached. Pass over the first link: both (newest), one; over the second: two
    // (both is known already).
    let ends = Ends::of(|kernel, noted| async move {
        let [first, second] =
            [100.0, 100.0].map(|capacity| kernel.resource(capacity, Sharing::Shared));
        noted.start(&kernel, "one", work(10.0, &[first]).bound(10.0));
        noted.start(&kernel, "two", work(10.0, &[second]).bound(10.0));
        noted.start(&kernel, "both", work(10.0, &[first, second]).bound(10.0));
        kernel.sleep(secs(2.0)).await;
    });
    assert_eq!(ends.names(), ["both", "one", "two"]);
}

#[test]
fn disk_activities_end_oldest_first_whatever_is_solved_again() {
    let ends = Ends::of(|kernel, noted| async move {
        let disk = kernel.resource(100.0, Sharing::Shared);
        let read = |amount| ActivitySpec::new(Rank::Disk, amount).uses(disk, 1.0).bound(10.0);
        noted.start(&kernel, "0", read(20.0));
        noted.start(&kernel, "1", read(20.0));
        kernel.sleep(secs(1.0)).await;
        noted.start(&kernel, "2", read(10.0));
        kernel.sleep(secs(2.0)).await;
    });
    assert_eq!(ends.dates(), [("0", at(2.0)), ("1", at(2.0)), ("2", at(2.0))]);
}

#[test]
fn places_among_equals_survive_many_that_come_and_go() {
    // Users that left are removed from the list of a resource from time to time; the order of the
    // remaining ones must not change.
    let ends = Ends::of(|kernel, noted| async move {
        let link = kernel.resource(1000.0, Sharing::Shared);
        let stay = |amount| work(amount, &[link]).bound(1.0);
        let mut passing: Vec<_> = (0..40).map(|_| kernel.start(flow(&[link]).bound(1.0))).collect();
        noted.start(&kernel, "0", stay(4.0));
        passing.extend((0..40).map(|_| kernel.start(flow(&[link]).bound(1.0))));
        noted.start(&kernel, "1", stay(4.0));
        kernel.sleep(secs(1.0)).await;
        drop(passing);
        noted.start(&kernel, "2", stay(3.0));
        kernel.sleep(secs(1.0)).await;
        noted.start(&kernel, "3", stay(2.0));
        kernel.sleep(secs(5.0)).await;
    });
    assert_eq!(ends.dates(), [("3", at(4.0)), ("2", at(4.0)), ("1", at(4.0)), ("0", at(4.0))]);
}
