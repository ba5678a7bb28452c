//! Many activities that one resource limits are accounted for together. Nobody can tell, but by the
//! clock on the wall.

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{
    ActivitySpec, Duration, RandomStreams, Rank, Sharing, Simulation, TieOrder, Time,
};
use proptest::prelude::*;

use super::{at, secs};

/// A site like those of image copies: a disk that all transfers read, a link and a disk for each
/// destination, which also serves reads of its own now and then. Gives when each activity ended.
fn site(virtual_time_from: u32) -> Vec<(String, Time)> {
    let simulation = Simulation::new().with_virtual_time_from(virtual_time_from);
    let kernel = simulation.kernel();
    let disk = kernel.resource(1000.0, Sharing::Shared);
    let spine = kernel.resource(400.0, Sharing::Fatpipe);
    let node = || (kernel.resource(120.0, Sharing::Shared), kernel.resource(90.0, Sharing::Shared));
    let nodes: Vec<_> = (0..16).map(|_| node()).collect();
    let ends = Rc::new(RefCell::new(Vec::new()));
    let mut random = RandomStreams::new(7).stream("site");
    for number in 0..600 {
        let (link, target) = nodes[random.below(16) as usize];
        let transfer = ActivitySpec::new(Rank::Network, 10.0 + 100.0 * random.uniform())
            .penalty([1.0, 1.0, 1.0, 2.0][random.below(4) as usize])
            .bound([150.0, 80.0][random.below(2) as usize])
            .latency(Duration::from_secs_f64(0.01 * random.uniform()));
        let transfer =
            [disk, spine, link, target].into_iter().fold(transfer, |spec, at| spec.uses(at, 1.0));
        let read = ActivitySpec::new(Rank::Disk, 5.0 + 20.0 * random.uniform()).uses(target, 1.0);
        let begins = Duration::from_secs_f64(20.0 * random.uniform());
        let (kernel, ends) = (kernel.clone(), Rc::clone(&ends));
        simulation.kernel().spawn("transfer", async move {
            kernel.sleep(begins).await;
            let done = kernel.start(transfer).await;
            ends.borrow_mut().push((format!("transfer {number} {done:?}"), kernel.now()));
            let done = kernel.start(read).await;
            ends.borrow_mut().push((format!("read {number} {done:?}"), kernel.now()));
        });
    }
    simulation.run().unwrap();
    ends.take()
}

/// The dates that the oracle of `fluid_oracle.rs` vouches for are those without virtual-time
/// groups.
#[test]
fn dates_do_not_depend_on_virtual_time_groups() {
    let mut without = site(u32::MAX);
    without.sort();
    for virtual_time_from in [2, 8, 64] {
        let mut with = site(virtual_time_from);
        with.sort();
        for ((name, date), (other, expected)) in with.iter().zip(&without) {
            assert_eq!(name, other);
            // Each of some thousand events rounds a date to a nanosecond.
            let apart = date.since(*expected).max(expected.since(*date));
            assert!(apart <= Duration::from_micros(1), "{name} at {date} instead of {expected}");
        }
        assert_eq!(with.len(), without.len());
    }
}

/// Plays with a hundred equal activities of 1 on a resource of 100, which all end at 1 s; says
/// which ended in which order.
fn hundred(spec: impl Fn(ActivitySpec) -> ActivitySpec + 'static) -> Vec<u32> {
    let simulation = Simulation::new().with_virtual_time_from(10);
    let kernel = simulation.kernel();
    let resource = kernel.resource(100.0, Sharing::Shared);
    let ends = Rc::new(RefCell::new(Vec::new()));
    for number in 0..100 {
        let activity =
            kernel.start(spec(ActivitySpec::new(Rank::Network, 1.0).uses(resource, 1.0)));
        let (kernel, ends) = (kernel.clone(), Rc::clone(&ends));
        simulation.kernel().spawn("waiter", async move {
            activity.await.unwrap();
            assert_eq!(kernel.now(), at(1.0));
            ends.borrow_mut().push(number);
        });
    }
    simulation.run().unwrap();
    ends.take()
}

#[test]
fn members_that_end_together_end_newest_first() {
    assert_eq!(hundred(|spec| spec), (0..100).rev().collect::<Vec<_>>());
}

#[test]
fn members_that_are_oldest_first_end_in_the_order_of_creation() {
    assert_eq!(hundred(ActivitySpec::oldest_first), (0..100).collect::<Vec<_>>());
}

/// A hundred activities share 100; at 1 s, when each has done 1 of 10, something happens to the
/// first of them.
fn after_a_second(
    change: impl AsyncFnOnce(&isotherm_kernel::Kernel, isotherm_kernel::ActivityId) + 'static,
) {
    let simulation = Simulation::new().with_virtual_time_from(10);
    let kernel = simulation.kernel();
    let resource = kernel.resource(100.0, Sharing::Shared);
    let start = || kernel.start(ActivitySpec::new(Rank::Cpu, 10.0).uses(resource, 1.0)).detach();
    let members: Vec<_> = (0..100).map(|_| start()).collect();
    let first = members[0];
    simulation.kernel().spawn("main", async move {
        kernel.sleep(secs(1.0)).await;
        assert!((kernel.remaining(first) - 9.0).abs() < 1e-9, "what is left of a member is known");
        assert!((kernel.rate(first) - 1.0).abs() < 1e-9, "and how fast it is");
        change(&kernel, first).await;
    });
    simulation.run().unwrap();
}

#[test]
fn a_member_can_be_cancelled() {
    after_a_second(async |kernel, first| {
        kernel.cancel(first);
        kernel.sleep(Duration::from_nanos(1)).await;
        assert_eq!(kernel.rate(first), 0.0);
    });
}

#[test]
fn a_member_can_be_suspended_and_resumed() {
    after_a_second(async |kernel, first| {
        kernel.suspend(first);
        kernel.sleep(secs(2.0)).await;
        assert!((kernel.remaining(first) - 9.0).abs() < 1e-9, "it did nothing for two seconds");
        kernel.resume(first);
        kernel.sleep(secs(1.0)).await;
        // All hundred share again.
        assert!((kernel.remaining(first) - 8.0).abs() < 1e-9);
    });
}

#[test]
fn a_member_may_get_another_bound_or_penalty() {
    after_a_second(async |kernel, first| {
        kernel.set_bound(first, 0.5);
        kernel.sleep(secs(2.0)).await;
        assert!((kernel.remaining(first) - 8.0).abs() < 1e-9, "half of its share for two seconds");
        kernel.set_bound(first, 0.0);
        kernel.set_penalty(first, 0.5);
        kernel.sleep(secs(1.01)).await;
        // It counts twice: 100 are shared by 101 for 1.01 s, and it gets two parts.
        assert!((kernel.remaining(first) - 6.0).abs() < 1e-9);
    });
}

/// An activity of [`in_order`].
#[derive(Clone, Debug)]
struct Work {
    resource: usize,
    /// In whole seconds.
    begins: u64,
    work: u32,
    uses_another: bool,
    oldest_first: bool,
    /// It is cancelled after so many seconds.
    cancelled: Option<u64>,
}

fn works() -> impl Strategy<Value = Vec<Work>> {
    let rarely = || prop::bool::weighted(0.03);
    let cancelled = prop::option::weighted(0.05, 1u64..5);
    let work = (0usize..3, 0u64..4, 1u32..5, rarely(), prop::bool::weighted(0.2), cancelled);
    let work = work.prop_map(|(resource, begins, work, uses_another, oldest_first, cancelled)| {
        Work { resource, begins, work, uses_another, oldest_first, cancelled }
    });
    prop::collection::vec(work, 1..120)
}

/// In which order works end, and when.
fn in_order(simulation: Simulation, works: &[Work], bound: f64) -> Vec<(usize, Time)> {
    let kernel = simulation.kernel();
    let resources: Vec<_> = (0..3).map(|_| kernel.resource(1000.0, Sharing::Shared)).collect();
    let ends = Rc::new(RefCell::new(Vec::new()));
    for (number, work) in works.iter().enumerate() {
        let Work { resource, begins, work, uses_another, oldest_first, cancelled } = *work;
        let spec = ActivitySpec::new(Rank::Cpu, f64::from(work) * 50.0).bound(bound);
        let spec = spec.uses(resources[resource], 1.0);
        let spec = if uses_another { spec.uses(resources[(resource + 1) % 3], 1.0) } else { spec };
        let spec = if oldest_first { spec.oldest_first() } else { spec };
        let (kernel, ends) = (kernel.clone(), Rc::clone(&ends));
        simulation.kernel().spawn("worker", async move {
            kernel.sleep(Duration::from_secs(begins)).await;
            let activity = kernel.start(spec);
            if let Some(after) = cancelled {
                let id = activity.id();
                let canceller = kernel.clone();
                kernel.spawn("canceller", async move {
                    canceller.sleep(Duration::from_secs(after)).await;
                    canceller.cancel(id);
                });
            }
            let _ = activity.await;
            ends.borrow_mut().push((number, kernel.now()));
        });
    }
    simulation.run().unwrap();
    ends.take()
}

proptest! {
    #![proptest_config(isotherm_testing::cases(5_000))]

    /// Local groups change nothing in either order, also when they meet activities that use other
    /// resources too, or an incremental component, which has an order of its own in the
    /// reference's.
    #[test]
    fn local_groups_keep_the_order(
        works in works(),
        bound in prop::sample::select(vec![0.0, 100.0]),
        (order, incremental_from) in prop::sample::select(vec![
            (TieOrder::Reference, 256),
            (TieOrder::NewestFirst, 256),
            (TieOrder::NewestFirst, 8),
        ]),
    ) {
        let simulation =
            || Simulation::new().with_tie_order(order).with_incremental_from(incremental_from);
        let with = in_order(simulation(), &works, bound);
        let without = in_order(simulation().with_virtual_time_from(u32::MAX), &works, bound);
        let dates = |mut ends: Vec<(usize, Time)>| {
            ends.sort_unstable();
            ends
        };
        let (date, expected) = (dates(with.clone()), dates(without.clone()));
        if date == expected {
            prop_assert_eq!(with, without);
        }
        // Half a nanosecond may be rounded up or down.
        for (&(number, date), &(_, expected)) in date.iter().zip(&expected) {
            let apart = date.since(expected).max(expected.since(date));
            prop_assert!(apart <= Duration::from_nanos(1), "{number} at {date}, not {expected}");
        }
    }
}
