//! Fluid sharing against an oracle: properties that must hold for random systems.
//!
//! The oracle fills all resources at once, slowly: it finds the highest common level by bisection,
//! freezes the activities that can rise no further, and goes on with the others. It has no
//! components, fix order, lazy updates or precision constants. A second oracle is the definition of
//! max-min fairness: each activity is at its bound, or uses a saturated resource on which no user
//! has a larger level `x·p`. (A saturated fat pipe stops all its users at one level.)
//!
//! Numbers come from short lists, so that equal levels and dates are frequent. The cases are the
//! same in every run, because the solver drops what is left of a resource below 1e-5 of its
//! capacity: a random system that happens to hit this must not fail an unrelated test.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use isotherm_kernel::{
    ActivityId, ActivitySpec, Duration, Kernel, Rank, ResourceId, Sharing, Simulation, Time,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

/// A resource as the oracle sees it.
#[derive(Clone, Copy, Debug)]
struct Pool {
    capacity: f64,
    shared: bool,
}

/// An activity as the oracle sees it: each resource at most once, its weights added up or the
/// largest.
#[derive(Clone, Debug)]
struct User {
    penalty: f64,
    bound: Option<f64>,
    uses: Vec<(usize, f64)>,
}

#[derive(Clone, Debug)]
struct System {
    pools: Vec<Pool>,
    users: Vec<User>,
}

impl System {
    /// The most that a user may get if it is alone.
    fn limit(&self, user: &User) -> f64 {
        let alone = |&(pool, weight): &(usize, f64)| self.pools[pool].capacity / weight;
        user.uses.iter().map(alone).fold(user.bound.unwrap_or(f64::INFINITY), f64::min)
    }

    fn load(&self, pool: usize, shares: &[f64]) -> f64 {
        let loads = self.users.iter().zip(shares).flat_map(|(user, share)| {
            user.uses.iter().filter(move |usage| usage.0 == pool).map(move |usage| usage.1 * share)
        });
        if self.pools[pool].shared { loads.sum() } else { loads.fold(0.0, f64::max) }
    }

    fn is_feasible(&self, shares: &[f64]) -> bool {
        (0..self.pools.len())
            .all(|pool| self.load(pool, shares) <= self.pools[pool].capacity * (1.0 + 1e-13))
    }

    /// Max-min shares by water filling.
    fn shares(&self) -> Vec<f64> {
        // A bound counts if it is reached before a fat pipe of the user is full.
        let pipe = |&(pool, weight): &(usize, f64)| {
            if self.pools[pool].shared { f64::INFINITY } else { self.pools[pool].capacity / weight }
        };
        let in_pipes = |user: &User| user.uses.iter().map(pipe).fold(f64::INFINITY, f64::min);
        let bound = |user: &User| {
            user.bound.filter(|&bound| bound < in_pipes(user)).unwrap_or(f64::INFINITY)
        };
        let bounds: Vec<f64> = self.users.iter().map(bound).collect();
        let mut frozen: Vec<Option<f64>> = vec![None; self.users.len()];
        let at_level = |level: f64, frozen: &[Option<f64>]| -> Vec<f64> {
            let share =
                |i: usize| frozen[i].unwrap_or((level / self.users[i].penalty).min(bounds[i]));
            (0..self.users.len()).map(share).collect()
        };
        while frozen.iter().any(Option::is_none) {
            // Beyond this level all users are at their bounds.
            let alone = |i: usize| self.limit(&self.users[i]) * self.users[i].penalty;
            let reached = |i: usize| if frozen[i].is_none() { alone(i) } else { 0.0 };
            let top = (0..self.users.len()).map(reached).fold(0.0, f64::max);
            if self.is_feasible(&at_level(top, &frozen)) {
                return at_level(top, &frozen);
            }
            let (mut low, mut high) = (0.0, top);
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                if self.is_feasible(&at_level(middle, &frozen)) {
                    low = middle
                } else {
                    high = middle
                }
            }
            let shares = at_level(low, &frozen);
            // A saturated fat pipe stops all its users at the same level, except those stopped
            // before.
            let rising: Vec<f64> = (0..shares.len())
                .map(|i| if frozen[i].is_none() { shares[i] } else { 0.0 })
                .collect();
            let full = |pool: usize| {
                let counted = if self.pools[pool].shared { &shares } else { &rising };
                self.load(pool, counted) >= self.pools[pool].capacity * (1.0 - 1e-9)
            };
            let mut progress = false;
            for i in 0..self.users.len() {
                let stopped = self.users[i].uses.iter().any(|usage| full(usage.0));
                if frozen[i].is_none() && (stopped || shares[i] >= bounds[i]) {
                    frozen[i] = Some(shares[i]);
                    progress = true;
                }
            }
            assert!(progress, "the level stops at a full resource");
        }
        at_level(0.0, &frozen)
    }

    /// Why `shares` is not the max-min allocation, by definition.
    fn objection(&self, shares: &[f64]) -> Option<String> {
        const PRECISION: f64 = 2e-5;
        for (index, pool) in self.pools.iter().enumerate() {
            let load = self.load(index, shares);
            if load > pool.capacity * (1.0 + 1e-9) {
                return Some(format!("resource {index} carries {load} of {}", pool.capacity));
            }
        }
        for (index, (user, &share)) in self.users.iter().zip(shares).enumerate() {
            let limit = self.limit(user);
            if share > limit * (1.0 + 1e-9) {
                return Some(format!("activity {index} has {share}, limited to {limit}"));
            }
            let level = share * user.penalty;
            let is_bottleneck = |pool: usize| {
                let full = self.load(pool, shares) >= self.pools[pool].capacity * (1.0 - PRECISION);
                let users = self
                    .users
                    .iter()
                    .zip(shares)
                    .filter(|(user, _)| user.uses.iter().any(|u| u.0 == pool));
                let highest = users.map(|(user, share)| share * user.penalty).fold(0.0, f64::max);
                full && level >= highest * (1.0 - PRECISION)
            };
            if share < limit * (1.0 - 1e-9) && !user.uses.iter().any(|usage| is_bottleneck(usage.0))
            {
                return Some(format!("activity {index} could have more than {share}"));
            }
        }
        None
    }
}

/// How the system of a test is written down: resources by index, the same one perhaps more than
/// once.
#[derive(Clone, Debug)]
struct Wanted {
    penalty: f64,
    bound: Option<f64>,
    uses: Vec<(Index, f64)>,
}

impl Wanted {
    fn spec(&self, work: f64, resources: &[ResourceId]) -> ActivitySpec {
        let spec = ActivitySpec::new(Rank::Network, work)
            .penalty(self.penalty)
            .bound(self.bound.unwrap_or(0.0));
        self.uses
            .iter()
            .fold(spec, |spec, (index, weight)| spec.uses(*index.get(resources), *weight))
    }

    fn user(&self, pools: &[Pool]) -> User {
        let mut uses: Vec<(usize, f64)> = Vec::new();
        for (index, weight) in &self.uses {
            let pool = index.index(pools.len());
            match uses.iter_mut().find(|usage| usage.0 == pool) {
                Some(usage) if pools[pool].shared => usage.1 += weight,
                Some(usage) => usage.1 = usage.1.max(*weight),
                None => uses.push((pool, *weight)),
            }
        }
        User { penalty: self.penalty, bound: self.bound, uses }
    }
}

fn pool() -> impl Strategy<Value = Pool> {
    (select(vec![1.0, 2.0, 10.0, 12.5, 30.0, 100.0]), prop::bool::weighted(0.8))
        .prop_map(|(capacity, shared)| Pool { capacity, shared })
}

fn pools() -> impl Strategy<Value = Vec<Pool>> {
    prop::collection::vec(pool(), 1..8)
}

fn bound() -> impl Strategy<Value = Option<f64>> {
    prop::option::weighted(0.4, select(vec![0.1, 0.5, 1.0, 3.0, 7.0, 20.0]))
}

fn penalty() -> impl Strategy<Value = f64> {
    select(vec![1.0, 1.0, 1.0, 0.5, 0.25, 2.0, 3.0, 0.01, 17.3])
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let weight = select(vec![1.0, 1.0, 1.0, 0.05, 0.97, 1.05, 2.0]);
    (penalty(), bound(), prop::collection::vec((any::<Index>(), weight), 1..5))
        .prop_map(|(penalty, bound, uses)| Wanted { penalty, bound, uses })
}

/// Runs one actor to its end.
fn play<F: Future<Output = Result<(), TestCaseError>> + 'static>(
    solvers: Solvers,
    body: impl FnOnce(Kernel) -> F,
) -> Result<(), TestCaseError> {
    let simulation = solvers.simulation();
    let result = Rc::new(RefCell::new(None));
    let actor = body(simulation.kernel());
    simulation.kernel().spawn("main", {
        let result = Rc::clone(&result);
        async move {
            let outcome = actor.await;
            *result.borrow_mut() = Some(outcome);
        }
    });
    simulation.run().map_err(|error| TestCaseError::fail(error.to_string()))?;
    result.borrow_mut().take().expect("the actor has returned")
}

fn add_resources(kernel: &Kernel, pools: &[Pool]) -> Vec<ResourceId> {
    let sharing = |shared| if shared { Sharing::Shared } else { Sharing::Fatpipe };
    pools.iter().map(|pool| kernel.resource(pool.capacity, sharing(pool.shared))).collect()
}

async fn settled_rates(kernel: &Kernel, ids: &[ActivityId]) -> Vec<f64> {
    kernel.sleep(Duration::from_nanos(1)).await;
    ids.iter().map(|&id| kernel.rate(id)).collect()
}

fn same(actual: &[f64], expected: &[f64]) -> Result<(), TestCaseError> {
    for (a, e) in actual.iter().zip(expected) {
        prop_assert!((a - e).abs() <= 1e-7 * e.abs() + 1e-12, "{actual:?} instead of {expected:?}");
    }
    Ok(())
}

/// More work than is ever done here, and little enough for a date.
const ENDLESS: f64 = 1e4;

const NEVER: u32 = u32::MAX;

/// How systems are solved: from how many activities on virtual-time groups are formed, and
/// incremental components.
#[derive(Clone, Copy, Debug)]
struct Solvers {
    groups: u32,
    incremental: u32,
}

impl Solvers {
    fn simulation(self) -> Simulation {
        Simulation::new()
            .with_virtual_time_from(self.groups)
            .with_incremental_from(self.incremental)
    }
}

/// Virtual-time groups from the beginning, soon, never, and the same for incremental components,
/// which come where no virtual-time group does.
fn solvers() -> impl Strategy<Value = Solvers> {
    let pairs = [
        (2, NEVER),
        (4, NEVER),
        (NEVER, NEVER),
        (NEVER, 2),
        (NEVER, 2),
        (NEVER, 4),
        (2, 2),
        (4, 2),
    ];
    select(pairs.map(|(groups, incremental)| Solvers { groups, incremental }).to_vec())
}

/// A change of a system in mid-run. The index picks one of those that are there.
#[derive(Clone, Debug)]
enum Change {
    Start(Wanted),
    StartLate(Wanted),
    Cancel(Index),
    Suspend(Index),
    Resume(Index),
    Penalty(Index, f64),
    Bound(Index, Option<f64>),
    Move(Index, Wanted),
    Capacity(Index, f64),
    Settle,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => wanted().prop_map(Change::Start),
        1 => wanted().prop_map(Change::StartLate),
        2 => any::<Index>().prop_map(Change::Cancel),
        1 => any::<Index>().prop_map(Change::Suspend),
        1 => any::<Index>().prop_map(Change::Resume),
        1 => (any::<Index>(), penalty()).prop_map(|(index, penalty)| Change::Penalty(index, penalty)),
        1 => (any::<Index>(), bound()).prop_map(|(index, bound)| Change::Bound(index, bound)),
        1 => (any::<Index>(), wanted()).prop_map(|(index, wanted)| Change::Move(index, wanted)),
        1 => (any::<Index>(), select(vec![0.0, 1.0, 5.0, 10.0, 64.0])).prop_map(|(index, c)| Change::Capacity(index, c)),
        4 => Just(Change::Settle),
    ]
}

/// One activity of a history: its name and what it is to the oracle, unless it rests.
struct Member {
    id: ActivityId,
    user: User,
    suspended: bool,
}

fn apply(
    kernel: &Kernel,
    change: Change,
    resources: &[ResourceId],
    pools: &mut [Pool],
    members: &mut Vec<Member>,
) {
    let latency = Duration::from_nanos(1);
    match change {
        Change::Start(wanted) => {
            let id = kernel.start(wanted.spec(ENDLESS, resources)).detach();
            members.push(Member { id, user: wanted.user(pools), suspended: false });
        }
        Change::StartLate(wanted) => {
            let id = kernel.start(wanted.spec(ENDLESS, resources).latency(latency)).detach();
            members.push(Member { id, user: wanted.user(pools), suspended: false });
        }
        Change::Capacity(index, capacity) => {
            let index = index.index(pools.len());
            kernel.set_capacity(resources[index], capacity);
            pools[index].capacity = capacity;
        }
        Change::Cancel(index) if !members.is_empty() => {
            kernel.cancel(members.swap_remove(index.index(members.len())).id);
        }
        Change::Suspend(index) if !members.is_empty() => {
            let member = index.get_mut(members);
            kernel.suspend(member.id);
            member.suspended = true;
        }
        Change::Resume(index) if !members.is_empty() => {
            let member = index.get_mut(members);
            kernel.resume(member.id);
            member.suspended = false;
        }
        Change::Penalty(index, penalty) if !members.is_empty() => {
            let member = index.get_mut(members);
            kernel.set_penalty(member.id, penalty);
            member.user.penalty = penalty;
        }
        Change::Bound(index, bound) if !members.is_empty() => {
            let member = index.get_mut(members);
            kernel.set_bound(member.id, bound.unwrap_or(0.0));
            member.user.bound = bound;
        }
        Change::Move(index, wanted) if !members.is_empty() => {
            let member = index.get_mut(members);
            let uses = wanted.uses.iter().map(|(index, weight)| (*index.get(resources), *weight));
            kernel.move_to(member.id, &uses.collect::<Vec<_>>(), wanted.bound.unwrap_or(0.0));
            member.user = User { penalty: member.user.penalty, ..wanted.user(pools) };
        }
        _ => {}
    }
}

/// A history of a test of dates: when it starts, its latency, its work.
#[derive(Clone, Debug)]
struct Job {
    wanted: Wanted,
    start: u64,
    latency: u64,
    work: f64,
}

fn job() -> impl Strategy<Value = Job> {
    // Dates in tenths of seconds, so that many coincide.
    (
        wanted(),
        0u64..20,
        select(vec![0u64, 0, 1, 5]),
        select(vec![0.0, 1.0, 5.0, 10.0, 33.0, 100.0]),
    )
        .prop_map(|(wanted, start, latency, work)| Job { wanted, start, latency, work })
}

const TENTH: u64 = 100_000_000;

/// The dates at which jobs end, by the oracle's shares between one event and the next.
fn dates_by_oracle(pools: &[Pool], jobs: &[Job]) -> Vec<f64> {
    let begin = |job: &Job| (job.start + job.latency) as f64 / 10.0;
    let mut left: Vec<f64> = jobs.iter().map(|job| job.work).collect();
    let mut ends: Vec<Option<f64>> = vec![None; jobs.len()];
    let mut now = 0.0;
    while ends.iter().any(Option::is_none) {
        for (end, (job, &left)) in ends.iter_mut().zip(jobs.iter().zip(&left)) {
            if end.is_none() && begin(job) <= now && left <= 1e-9 * job.work {
                *end = Some(now);
            }
        }
        let active: Vec<usize> =
            (0..jobs.len()).filter(|&i| ends[i].is_none() && begin(&jobs[i]) <= now).collect();
        let users = active.iter().map(|&i| jobs[i].wanted.user(pools)).collect();
        let rates = System { pools: pools.to_vec(), users }.shares();
        let next_begin =
            jobs.iter().map(begin).filter(|&date| date > now).fold(f64::INFINITY, f64::min);
        let first_end = active
            .iter()
            .zip(&rates)
            .map(|(&i, rate)| left[i] / rate)
            .fold(f64::INFINITY, f64::min);
        let step = first_end.min(next_begin - now);
        for (&i, rate) in active.iter().zip(&rates) {
            left[i] -= rate * step;
        }
        now = if next_begin - now <= step { next_begin } else { now + step };
        if step == f64::INFINITY {
            break;
        }
    }
    ends.into_iter().map(|end| end.unwrap_or(f64::INFINITY)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(20_250_917),
        ..isotherm_testing::cases(20_000)
    })]

    /// A system that is there at once gets the max-min shares: by the oracle, and by definition.
    #[test]
    fn shares_are_max_min(solvers in solvers(), pools in pools(), wanted in prop::collection::vec(wanted(), 1..16)) {
        play(solvers, |kernel| async move {
            let resources = add_resources(&kernel, &pools);
            let start = |wanted: &Wanted| kernel.start(wanted.spec(ENDLESS, &resources)).detach();
            let ids: Vec<_> = wanted.iter().map(start).collect();
            let rates = settled_rates(&kernel, &ids).await;
            let users = wanted.iter().map(|wanted| wanted.user(&pools)).collect();
            let system = System { pools, users };
            prop_assert_eq!(system.objection(&rates), None);
            same(&rates, &system.shares())
        })?;
    }

    /// After any history, the shares are those of the present system.
    #[test]
    fn history_does_not_matter(solvers in solvers(), mut pools in pools(), changes in prop::collection::vec(change(), 1..40)) {
        play(solvers, |kernel| async move {
            let resources = add_resources(&kernel, &pools);
            let mut members = Vec::new();
            for change in changes {
                if !matches!(change, Change::Settle) {
                    apply(&kernel, change, &resources, &mut pools, &mut members);
                    continue;
                }
                // Twice, so that the latencies of 1 ns are over.
                settled_rates(&kernel, &[]).await;
                let (active, resting): (Vec<_>, Vec<_>) = members.iter().partition(|member| !member.suspended);
                let ids: Vec<_> = active.iter().chain(&resting).map(|member| member.id).collect();
                let rates = settled_rates(&kernel, &ids).await;
                let (rates, rests) = rates.split_at(active.len());
                let users = active.iter().map(|member| member.user.clone()).collect();
                let system = System { pools: pools.clone(), users };
                prop_assert_eq!(system.objection(rates), None);
                same(rates, &system.shares())?;
                prop_assert!(rests.iter().all(|&rate| rate == 0.0));
            }
            Ok(())
        })?;
    }

    /// Adding the activities of a system one by one, in any order and with others that come and go,
    /// gives the shares that they have when they start together.
    #[test]
    fn one_by_one_is_all_at_once(
        solvers in solvers(),
        pools in pools(),
        wanted in prop::collection::vec((wanted(), any::<bool>(), any::<Index>()), 1..16),
    ) {
        let together = pools.clone();
        let stay: Vec<Wanted> = wanted.iter().filter(|wanted| wanted.1).map(|wanted| wanted.0.clone()).collect();
        let at_once = Rc::new(RefCell::new(Vec::new()));
        let result = Rc::clone(&at_once);
        play(solvers, |kernel| async move {
            let resources = add_resources(&kernel, &together);
            let ids: Vec<_> = stay.iter().map(|wanted| kernel.start(wanted.spec(ENDLESS, &resources)).detach()).collect();
            *result.borrow_mut() = settled_rates(&kernel, &ids).await;
            Ok(())
        })?;
        play(solvers, |kernel| async move {
            let resources = add_resources(&kernel, &pools);
            let mut ids: Vec<Option<ActivityId>> = vec![None; wanted.len()];
            let mut order: Vec<usize> = (0..wanted.len()).collect();
            order.sort_by_key(|&i| wanted[i].2.index(1000));
            for i in order {
                ids[i] = Some(kernel.start(wanted[i].0.spec(ENDLESS, &resources)).detach());
                settled_rates(&kernel, &[]).await;
            }
            for (id, _) in ids.iter().zip(&wanted).filter(|(_, wanted)| !wanted.1) {
                kernel.cancel(id.expect("all have been started"));
                settled_rates(&kernel, &[]).await;
            }
            let stay: Vec<_> = ids.iter().zip(&wanted).filter(|(_, wanted)| wanted.1).filter_map(|(id, _)| *id).collect();
            same(&settled_rates(&kernel, &stay).await, &at_once.borrow())
        })?;
    }

    /// Activities end when their work has been done at their rates, neither earlier nor later.
    #[test]
    fn dates_are_where_the_work_is_done(solvers in solvers(), pools in pools(), jobs in prop::collection::vec(job(), 1..12)) {
        let expected = dates_by_oracle(&pools, &jobs);
        let dates: Rc<RefCell<Vec<Option<Time>>>> = Rc::new(RefCell::new(vec![None; jobs.len()]));
        let simulation = solvers.simulation();
        let kernel = simulation.kernel();
        let resources = add_resources(&kernel, &pools);
        for (number, job) in jobs.into_iter().enumerate() {
            let spec = job.wanted.spec(job.work, &resources).latency(Duration::from_nanos(job.latency * TENTH));
            let (kernel, dates) = (kernel.clone(), Rc::clone(&dates));
            simulation.kernel().spawn("job", async move {
                kernel.sleep(Duration::from_nanos(job.start * TENTH)).await;
                let ended = kernel.start(spec).await.is_ok();
                dates.borrow_mut()[number] = ended.then(|| kernel.now());
            });
        }
        prop_assert!(simulation.run().is_ok());
        for (date, expected) in dates.borrow().iter().zip(&expected) {
            let date = date.expect("every job has ended").as_secs_f64();
            // Every event rounds a date to half a nanosecond, and rates differ by less than a
            // factor of 1e6.
            prop_assert!((date - expected).abs() <= 1e-7 + 1e-9 * expected, "{date} instead of {expected}");
        }
    }

    /// The rates add up to the work: the work done between events, at the rates that the kernel
    /// reports, is the work of the activity.
    #[test]
    fn rates_add_up_to_the_work(solvers in solvers(), pools in pools(), works in prop::collection::vec((wanted(), 1u32..100), 1..12)) {
        play(solvers, |kernel| async move {
            let resources = add_resources(&kernel, &pools);
            let ended = kernel.mailbox::<()>("ended");
            let start = |(wanted, work): &(Wanted, u32)| {
                let ended = ended.clone();
                kernel.start(wanted.spec(f64::from(*work), &resources)).on_end(move |_, _| ended.send_detached(()))
            };
            let ids: Vec<ActivityId> = works.iter().map(start).collect();
            let mut done = vec![0.0; ids.len()];
            let mut left = ids.len();
            while left > 0 {
                let since = kernel.now();
                let timer = kernel.timer_at(since);
                timer.await;
                let rates: Vec<f64> = ids.iter().map(|&id| kernel.rate(id)).collect();
                ended.receive().await;
                left -= 1;
                let elapsed = kernel.now().since(since).as_secs_f64();
                for (done, rate) in done.iter_mut().zip(&rates) {
                    *done += rate * elapsed;
                }
                for ((&id, &done), (_, work)) in ids.iter().zip(&done).zip(&works) {
                    let remaining = kernel.remaining(id);
                    let work = f64::from(*work);
                    prop_assert!((work - done - remaining).abs() <= 1e-5, "{done} of {work} done, {remaining} left");
                }
            }
            Ok(())
        })?;
    }
}
