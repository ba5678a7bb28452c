//! How much resources are used: derived by hand, and against the rates between events.
//!
//! What is derived by hand consists of binary-exact numbers only, so it is compared exactly.

use isotherm_kernel::{
    ActivityId, ActivitySpec, Advanced, Duration, Kernel, Rank, ResourceId, ResourceUsage, Sharing,
    Simulation, Time,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::simulation;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

/// On 10 a second, 20 with a latency of 1 s and half of the share as progress: busy from 1 to 5,
/// with 40. The meter begins at 2, so it is busy for 3 s with 30. Suspended from 7 to 9, and
/// cancelled at 10, another one of 100 uses 10 from 6 to 7 and 10 from 9 to 10. Asked at 9.5.
#[test]
fn what_is_used_is_measured_from_the_beginning_of_the_meter() {
    let (simulation, kernel) = simulation();
    let link = kernel.resource(10.0, Sharing::Shared);
    kernel.clone().spawn("main", async move {
        let flow = |work| ActivitySpec::new(Rank::Network, work).uses(link, 1.0);
        kernel.start(flow(20.0).latency(secs(1.0)).rate_factor(0.5)).detach();
        kernel.sleep_until(at(2.0)).await;
        assert_eq!(kernel.usage(link), None);
        kernel.meter(link);
        kernel.sleep_until(at(4.0)).await;
        // It has begun already.
        kernel.meter(link);
        let used = |busy, work| {
            let full_s = work / 10.0;
            Some(ResourceUsage { since: at(2.0), busy: secs(busy), work, full_s })
        };
        assert_eq!(kernel.usage(link), used(2.0, 20.0));
        kernel.sleep_until(at(6.0)).await;
        assert_eq!(kernel.usage(link), used(3.0, 30.0));
        let other = kernel.start(flow(100.0));
        kernel.sleep_until(at(7.0)).await;
        other.suspend();
        kernel.sleep_until(at(9.0)).await;
        assert_eq!(kernel.usage(link), used(4.0, 40.0));
        other.resume();
        kernel.sleep_until(at(9.5)).await;
        assert_eq!(kernel.usage(link), used(4.5, 45.0));
        kernel.sleep_until(at(10.0)).await;
        other.cancel();
        kernel.sleep_until(at(20.0)).await;
        assert_eq!(kernel.usage(link), used(5.0, 50.0));
    });
    simulation.run().unwrap();
}

/// One without an end takes what 2 others leave: 1/3 of 9 until they end at 2 s, then all.
#[test]
fn what_has_no_end_is_measured_too() {
    let (simulation, kernel) = simulation();
    let core = kernel.resource(9.0, Sharing::Shared);
    kernel.meter(core);
    kernel.clone().spawn("main", async move {
        let work = |amount| kernel.start(ActivitySpec::new(Rank::Cpu, amount).uses(core, 1.0));
        let endless = work(f64::INFINITY);
        let others = [work(6.0).detach(), work(6.0).detach()];
        kernel.sleep_until(at(1.0)).await;
        assert_eq!(kernel.usage(core).unwrap().work, 9.0);
        kernel.sleep_until(at(3.0)).await;
        assert_eq!(others.map(|id| kernel.remaining(id)), [0.0, 0.0]);
        endless.suspend();
        kernel.sleep_until(at(5.0)).await;
        assert_eq!(kernel.usage(core).unwrap().work, 27.0);
        assert_eq!(kernel.usage(core).unwrap().busy, secs(3.0));
    });
    simulation.run().unwrap();
}

/// 20 at 10 a second until 1 s, then at 5: the remaining 10 take until 3 s, all of it at full use.
/// Then half of 2 a second from 4 to 5 s, and nothing of no capacity.
#[test]
fn full_use_is_that_of_the_capacity_of_the_moment() {
    let (simulation, kernel) = simulation();
    let link = kernel.resource(10.0, Sharing::Shared);
    let other = kernel.resource(1.0, Sharing::Shared);
    kernel.meter(link);
    kernel.meter(other);
    kernel.clone().spawn("main", async move {
        let start = |work| kernel.start(ActivitySpec::new(Rank::Network, work).uses(link, 1.0));
        let full = || kernel.usage(link).unwrap().full_s;
        assert_eq!(kernel.take_used(), []);
        start(20.0).detach();
        kernel.sleep_until(at(1.0)).await;
        assert_eq!((full(), kernel.take_used()), (1.0, vec![link]));
        kernel.set_capacity(link, 5.0);
        kernel.sleep_until(at(2.0)).await;
        // It goes on, and then no more.
        assert_eq!((full(), kernel.take_used()), (2.0, vec![link]));
        kernel.sleep_until(at(4.0)).await;
        assert_eq!((full(), kernel.take_used()), (3.0, vec![link]));
        assert_eq!(kernel.take_used(), []);
        kernel.set_capacity(link, 2.0);
        kernel.start(ActivitySpec::new(Rank::Network, 8.0).uses(link, 1.0).bound(1.0)).detach();
        kernel.sleep_until(at(5.0)).await;
        kernel.set_capacity(link, 0.0);
        kernel.sleep_until(at(9.0)).await;
        assert_eq!((full(), kernel.take_used()), (3.5, vec![link]));
    });
    simulation.run().unwrap();
}

/// What is done to the activities after a step of the simulation.
#[derive(Clone, Debug)]
enum Change {
    Start { uses: Vec<(Index, f64)>, work: f64, factor: f64, latency: bool },
    Suspend(Index),
    Resume(Index),
    Cancel(Index),
    Move(Index, Vec<(Index, f64)>),
    Penalty(Index, f64),
    Capacity(Index, f64),
    Meter(Index),
    Nothing,
}

fn uses() -> impl Strategy<Value = Vec<(Index, f64)>> {
    prop::collection::vec((any::<Index>(), select(vec![1.0, 1.0, 0.05, 2.0])), 1..4)
}

fn change() -> impl Strategy<Value = Change> {
    let start = (
        uses(),
        select(vec![f64::INFINITY, 0.0, 1.0, 5.0, 17.0, 40.0]),
        select(vec![1.0, 1.0, 0.97, 0.5]),
        any::<bool>(),
    );
    let penalty = select(vec![0.5, 1.0, 3.0]);
    let capacity = select(vec![0.0, 5.0, 20.0]);
    let index = any::<Index>;
    prop_oneof![
        6 => start.prop_map(|(uses, work, factor, latency)| {
            Change::Start { uses, work, factor, latency }
        }),
        1 => index().prop_map(Change::Suspend),
        1 => index().prop_map(Change::Resume),
        1 => index().prop_map(Change::Cancel),
        1 => (index(), uses()).prop_map(|(index, uses)| Change::Move(index, uses)),
        1 => (index(), penalty).prop_map(|(index, penalty)| Change::Penalty(index, penalty)),
        1 => (index(), capacity).prop_map(|(index, capacity)| Change::Capacity(index, capacity)),
        1 => index().prop_map(Change::Meter),
        3 => Just(Change::Nothing),
    ]
}

fn pool() -> impl Strategy<Value = (f64, Sharing)> {
    let sharing = select(vec![Sharing::Shared, Sharing::Shared, Sharing::Fatpipe]);
    (select(vec![1.0, 10.0, 12.5]), sharing)
}

/// An activity as the sum below sees it.
struct Known {
    id: ActivityId,
    factor: f64,
    enabled_from: Time,
    suspended: bool,
}

/// What is used of a resource, as a sum over the intervals between events.
#[derive(Clone, Default)]
struct Sum {
    since: Option<Time>,
    busy: f64,
    work: f64,
    full: f64,
}

fn apply(
    kernel: &Kernel,
    change: &Change,
    known: &mut Vec<Known>,
    all: &[ResourceId],
    sums: &mut [Sum],
) {
    let resolve = |uses: &[(Index, f64)]| {
        uses.iter().map(|(index, weight)| (*index.get(all), *weight)).collect::<Vec<_>>()
    };
    match change {
        Change::Start { uses, work, factor, latency } => {
            let latency = secs(if *latency { 0.25 } else { 0.0 });
            let spec = ActivitySpec::new(Rank::Cpu, *work).rate_factor(*factor).latency(latency);
            let uses = resolve(uses).into_iter();
            let spec = uses.fold(spec, |spec, (resource, weight)| spec.uses(resource, weight));
            let id = kernel.start(spec).detach();
            let enabled_from = kernel.now() + latency;
            known.push(Known { id, factor: *factor, enabled_from, suspended: false });
        }
        Change::Suspend(index) if !known.is_empty() => {
            let one = index.get_mut(known);
            kernel.suspend(one.id);
            one.suspended = true;
            // It loses the rest of its latency.
            one.enabled_from = kernel.now();
        }
        Change::Resume(index) if !known.is_empty() => {
            let one = index.get_mut(known);
            kernel.resume(one.id);
            one.suspended = false;
        }
        Change::Cancel(index) if !known.is_empty() => {
            kernel.cancel(known.swap_remove(index.index(known.len())).id);
        }
        Change::Move(index, uses) if !known.is_empty() => {
            kernel.move_to(index.get(known).id, &resolve(uses), 0.0);
        }
        Change::Penalty(index, penalty) if !known.is_empty() => {
            kernel.set_penalty(index.get(known).id, *penalty);
        }
        Change::Capacity(index, capacity) => kernel.set_capacity(*index.get(all), *capacity),
        Change::Meter(index) => {
            kernel.meter(*index.get(all));
            let sum = &mut sums[index.index(all.len())];
            sum.since = sum.since.or(Some(kernel.now()));
        }
        _ => {}
    }
}

/// An activity before a step: its id and factor, its uses, the work it has left and its rate.
type Before = (ActivityId, f64, Vec<(ResourceId, f64)>, [f64; 2]);

proptest! {
    #![proptest_config(isotherm_testing::cases(2_000))]

    /// Between two events rates are constant, and what ends does what it had left.
    #[test]
    fn use_is_the_integral_of_the_shares(
        changes in prop::collection::vec(prop::collection::vec(change(), 0..6), 1..30),
        pools in prop::collection::vec(pool(), 1..5),
        first in 0usize..3,
        (virtual_time, incremental) in select(vec![(2, 1000), (8, 1000), (1000, 2), (1000, 1000)]),
    ) {
        let simulation = Simulation::new()
            .with_virtual_time_from(virtual_time)
            .with_incremental_from(incremental);
        let kernel = simulation.kernel();
        let resource = |&(capacity, sharing): &_| kernel.resource(capacity, sharing);
        let all: Vec<_> = pools.iter().map(resource).collect();
        let mut sums = vec![Sum::default(); all.len()];
        // Some are measured from the start.
        for (resource, sum) in all.iter().zip(&mut sums).take(first) {
            kernel.meter(*resource);
            sum.since = Some(Time::ZERO);
        }
        kernel.spawn("clock", {
            let kernel = kernel.clone();
            async move {
                for _ in 0..40 {
                    kernel.sleep(secs(0.7)).await;
                }
            }
        });
        let mut known = Vec::new();
        let mut changes = changes.iter();
        loop {
            for change in changes.next().into_iter().flatten() {
                apply(&kernel, change, &mut known, &all, &mut sums);
            }
            let began = kernel.now();
            // Solves the shares.
            prop_assert_eq!(simulation.run_until(began), Ok(Advanced::Paused));
            let before: Vec<Before> = known
                .iter()
                .filter(|one| one.enabled_from <= began && !one.suspended)
                .map(|one| {
                    let progress = [kernel.remaining(one.id), kernel.rate(one.id)];
                    (one.id, one.factor, kernel.resources_of(one.id), progress)
                })
                .collect();
            let Advanced::Paused = simulation.step().unwrap() else { break };
            let passed = kernel.now().since(began).as_secs_f64();
            let mut busy = vec![false; all.len()];
            for (id, factor, uses, [left, rate]) in before {
                let has_ended = kernel.resources_of(id).is_empty();
                let share = (if has_ended { left } else { rate * passed }) / factor;
                for (resource, weight) in uses {
                    let index = all.iter().position(|it| *it == resource).unwrap();
                    busy[index] = true;
                    if sums[index].since.is_some() {
                        sums[index].work += weight * share;
                        let capacity = kernel.capacity(resource);
                        sums[index].full += if share > 0.0 { weight * share / capacity } else { 0.0 };
                    }
                }
            }
            let taken = kernel.take_used();
            for ((resource, sum), busy) in all.iter().zip(&mut sums).zip(busy) {
                let times = taken.iter().filter(|it| *it == resource).count();
                prop_assert!(times <= 1 && (times == 1 || !busy || sum.since.is_none()));
                let used = kernel.usage(*resource);
                prop_assert_eq!(used.map(|used| used.since), sum.since);
                let Some(used) = used else { continue };
                sum.busy += if busy { passed } else { 0.0 };
                let difference = (used.busy.as_secs_f64() - sum.busy).abs();
                prop_assert!(difference < 1e-9, "{used:?}, not {}", sum.busy);
                // Dates are whole nanoseconds, so a step does up to 20 · 1e-9 more or less.
                let difference = (used.work - sum.work).abs();
                prop_assert!(difference < 1e-5, "{used:?}, not {}", sum.work);
                // With a capacity of 1 at least.
                let difference = (used.full_s - sum.full).abs();
                prop_assert!(difference < 1e-5, "{used:?}, not {}", sum.full);
            }
        }
    }
}
