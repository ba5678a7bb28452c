//! Under `TieOrder::NewestFirst`, events of one date come newest first, whatever the solver's
//! strategy, its thresholds and earlier events.
//!
//! The loads are built backwards, so that dates are exact. Time goes in slots of a quarter of a
//! second. In each slot every resource has a *level*, a power of two, and the share of an activity
//! is the least `level / penalty` of its resources, or its bound; which is the max-min solution if
//! the capacity of each resource is what its users get then. The work of an activity is what it
//! does from its first to its last slot. All of these are sums of few powers of two, so nothing is
//! rounded, and each activity must end at the end of its last slot, to the nanosecond.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;

use isotherm_kernel::{
    ActivityId, ActivitySpec, Duration, Handler, Kernel, Random, RandomStreams, Rank, ResourceId,
    ScheduledCall, Sharing, Simulation, TieOrder, Time,
};
use proptest::prelude::*;
use proptest::sample::select;

const NEVER: u32 = u32::MAX;
const SLOT: f64 = 0.25;

/// The kind of an object of the load.
#[derive(Clone, Debug)]
enum Kind {
    Activity(Work),
    Call,
    Signal,
    InSeries,
    Sleep,
    Timer,
}

/// An activity that works from slot `from` on, after its latency.
#[derive(Clone, Debug)]
struct Work {
    rank: Rank,
    from: usize,
    uses: Vec<(usize, f64)>,
    penalty: f64,
    bound: f64,
    rate_factor: f64,
    oldest_first: bool,
}

#[derive(Clone, Debug)]
struct Thing {
    kind: Kind,
    /// The slots at whose beginning it is created and ends.
    created: usize,
    ends: usize,
}

impl Thing {
    fn rank(&self) -> Rank {
        match &self.kind {
            Kind::Activity(work) => work.rank,
            Kind::Timer => Rank::Timer,
            _ => Rank::Cpu,
        }
    }

    /// Sleeps and timers are created by actors of their own, which run after the one that plays the
    /// load.
    fn has_actor(&self) -> bool {
        matches!(self.kind, Kind::Sleep | Kind::Timer)
    }

    /// The work of an activity that makes progress in a slot.
    fn at_work(&self, slot: usize) -> Option<&Work> {
        match &self.kind {
            Kind::Activity(work) if work.from <= slot && slot < self.ends => Some(work),
            _ => None,
        }
    }
}

/// The objects in the order of their creation, and the level of each resource by slot.
#[derive(Debug)]
struct Load {
    sharing: Vec<Sharing>,
    levels: Vec<Vec<f64>>,
    things: Vec<Thing>,
}

fn power_of_two(random: &mut Random, from: i32, to: i32) -> f64 {
    libm::exp2(f64::from(from) + random.below((to - from + 1) as u64) as f64)
}

impl Load {
    fn draw(random: &mut Random, resources: usize, slots: usize, things: usize) -> Load {
        let sharing = |fat| if fat { Sharing::Fatpipe } else { Sharing::Shared };
        let sharing: Vec<Sharing> = (0..resources).map(|_| sharing(random.below(6) == 0)).collect();
        let mut levels: Vec<Vec<f64>> = Vec::new();
        for _ in 0..slots {
            let level = |number: usize, random: &mut Random| match levels.last() {
                Some(last) if random.below(3) > 0 => last[number],
                _ => power_of_two(random, 0, 3),
            };
            let next = (0..resources).map(|number| level(number, random)).collect();
            levels.push(next);
        }
        let mut things: Vec<Thing> =
            (0..things).map(|_| Load::thing(random, &sharing, slots)).collect();
        things.sort_by_key(|thing| (thing.created, thing.has_actor()));
        Load { sharing, levels, things }
    }

    fn thing(random: &mut Random, sharing: &[Sharing], slots: usize) -> Thing {
        let ends = 1 + random.below(slots as u64) as usize;
        let created = random.below(ends as u64) as usize;
        let kind = match random.below(20) {
            0 => Kind::Call,
            1 => Kind::Signal,
            2 => Kind::InSeries,
            3 => Kind::Sleep,
            4 => Kind::Timer,
            _ => Kind::Activity(Load::work(random, sharing, created, ends)),
        };
        Thing { kind, created, ends }
    }

    fn work(random: &mut Random, sharing: &[Sharing], created: usize, ends: usize) -> Work {
        let latency = match random.below(4) {
            // To its end, perhaps: then there is no work.
            0 => random.below((ends - created) as u64 + 1) as usize,
            _ => 0,
        };
        // Mostly alike, so that there are virtual-time groups.
        let alike = random.below(3) > 0;
        let mut odd = |from, to| if alike { 1.0 } else { power_of_two(random, from, to) };
        let (penalty, rate_factor, weight) = (odd(-1, 2), odd(-1, 0), odd(-1, 1));
        // A saturated fat pipe fixes all its users at one level, so these weigh as much as their
        // penalties.
        let weight = |at: usize| if sharing[at] == Sharing::Fatpipe { penalty } else { weight };
        let first = random.below(sharing.len() as u64) as usize;
        let mut uses = vec![(first, weight(first))];
        if random.below(3) == 0 {
            let second = random.below(sharing.len() as u64) as usize;
            uses.extend((second != first).then_some((second, weight(second))));
        }
        let bound = if random.below(6) == 0 { power_of_two(random, -1, 2) } else { f64::INFINITY };
        let rank = [Rank::Cpu, Rank::Disk, Rank::Network, Rank::Network][random.below(4) as usize];
        let oldest_first = random.below(4) == 0;
        Work { rank, from: created + latency, uses, penalty, bound, rate_factor, oldest_first }
    }

    fn share(&self, work: &Work, slot: usize) -> f64 {
        let level = |&(resource, _): &(usize, f64)| self.levels[slot][resource];
        (work.uses.iter().map(level).fold(f64::INFINITY, f64::min) / work.penalty).min(work.bound)
    }

    /// The capacity of a resource in a slot: what its users get, or more if it limits none.
    fn capacity(&self, resource: usize, slot: usize) -> f64 {
        let level = self.levels[slot][resource];
        let users = self.things.iter().filter_map(|thing| thing.at_work(slot));
        let users = users.flat_map(|work| work.uses.iter().map(move |usage| (work, usage)));
        let users = users.filter(|(_, usage)| usage.0 == resource);
        let (mut carried, mut limits) = (0.0, false);
        for (work, &(_, weight)) in users {
            let share = self.share(work, slot);
            limits |= share == level / work.penalty;
            match self.sharing[resource] {
                Sharing::Shared => carried += weight * share,
                Sharing::Fatpipe => carried = f64::max(carried, weight * share),
            }
        }
        if limits { carried } else { 2.0 * carried + 1024.0 }
    }

    fn spec(&self, thing: &Thing, work: &Work, resources: &[ResourceId]) -> ActivitySpec {
        let done = |slot| self.share(work, slot) * work.rate_factor * SLOT;
        let amount = (work.from..thing.ends).map(done).sum();
        let spec = ActivitySpec::new(work.rank, amount)
            .penalty(work.penalty)
            .bound(work.bound)
            .rate_factor(work.rate_factor)
            .latency(slots(work.from - thing.created));
        let spec = if work.oldest_first { spec.oldest_first() } else { spec };
        work.uses
            .iter()
            .fold(spec, |spec, &(resource, weight)| spec.uses(resources[resource], weight))
    }

    /// The expected ends: by date, by rank, and newest first.
    fn expected(&self) -> Vec<(Time, usize)> {
        let mut ends: Vec<usize> = (0..self.things.len()).collect();
        ends.sort_by_key(|&number| {
            let thing = &self.things[number];
            (thing.ends, thing.rank(), Reverse(number))
        });
        ends.into_iter()
            .map(|number| (Time::ZERO + slots(self.things[number].ends), number))
            .collect()
    }
}

fn slots(number: usize) -> Duration {
    Duration::from_secs_f64(number as f64 * SLOT)
}

/// The objects that have ended, in order.
type Ends = Rc<RefCell<Vec<(Time, usize)>>>;

/// A handler of calls; the token is the number of the call.
struct Caller(Kernel, Ends);

impl Handler for Caller {
    fn handle(self: Rc<Self>, (number, _): (u64, u64)) {
        self.1.borrow_mut().push((self.0.now(), number as usize));
    }
}

/// The configuration under which a load is played.
#[derive(Clone, Copy, Debug)]
struct Play {
    order: TieOrder,
    groups: u32,
    incremental: u32,
    /// The seed of disturbances before and in between that are undone at once, if there are any.
    history: Option<u64>,
}

/// A load that is being played.
struct Player {
    load: Rc<Load>,
    kernel: Kernel,
    resources: Vec<ResourceId>,
    ends: Ends,
    started: Vec<Option<ActivityId>>,
    origin: Time,
}

impl Player {
    fn create(&mut self, number: usize) {
        let load = Rc::clone(&self.load);
        let thing = &load.things[number];
        let (ends, duration) = (Rc::clone(&self.ends), slots(thing.ends - thing.created));
        let due = self.kernel.now() + duration;
        let note = move |kernel: &Kernel| ends.borrow_mut().push((kernel.now(), number));
        let caller = || Rc::new(Caller(self.kernel.clone(), Rc::clone(&self.ends)));
        match &thing.kind {
            Kind::Activity(work) => {
                let activity = self.kernel.start(load.spec(thing, work, &self.resources));
                self.started[number] = Some(activity.on_end(move |kernel, result| {
                    assert_eq!(result, Ok(()));
                    note(kernel);
                }));
            }
            Kind::Call => {
                let _: ScheduledCall = self.kernel.call_after(duration, note);
            }
            Kind::Signal => {
                let _: ScheduledCall =
                    self.kernel.signal_after(duration, caller(), (number as u64, 0));
            }
            Kind::InSeries => self.kernel.signal_in_series(duration, caller(), (number as u64, 0)),
            Kind::Sleep | Kind::Timer => {
                let kernel = self.kernel.clone();
                let timer = matches!(thing.kind, Kind::Timer);
                self.kernel.spawn("sleeper", async move {
                    if timer {
                        kernel.timer_at(due).await
                    } else {
                        kernel.sleep_until(due).await
                    }
                    note(&kernel);
                });
            }
        }
    }

    /// Does something without a lasting effect.
    fn meddle(&self, slot: usize, random: &mut Random) {
        let kernel = &self.kernel;
        let resource = self.resources[random.below(self.resources.len() as u64) as usize];
        let work = |number: usize| self.load.things[number].at_work(slot);
        let at_work: Vec<usize> = (0..self.started.len())
            .filter(|&number| self.started[number].is_some() && work(number).is_some())
            .collect();
        let pick =
            (!at_work.is_empty()).then(|| at_work[random.below(at_work.len() as u64) as usize]);
        match (random.below(6), pick) {
            (0, Some(number)) => {
                let id = self.started[number].expect("it has been started");
                kernel.suspend(id);
                kernel.resume(id);
            }
            (1, Some(number)) => {
                let id = self.started[number].expect("it has been started");
                let penalty = kernel.penalty(id);
                kernel.set_penalty(id, 2.0 * penalty);
                kernel.set_penalty(id, penalty);
            }
            (2, Some(number)) => {
                let id = self.started[number].expect("it has been started");
                kernel.set_bound(id, 0.5);
                kernel.set_bound(id, work(number).expect("it is at work").bound);
            }
            (3, _) => {
                let capacity = kernel.capacity(resource);
                kernel.set_capacity(
                    resource,
                    if random.below(2) == 0 { 0.0 } else { 2.0 * capacity },
                );
                kernel.set_capacity(resource, capacity);
            }
            (4, _) => {
                let call = kernel.call_after(slots(1), |_| panic!("it is cancelled"));
                assert!(kernel.cancel_call(call));
            }
            _ => drop(kernel.start(ActivitySpec::new(Rank::Network, 1.0).uses(resource, 1.0))),
        }
    }

    async fn play(mut self, mut history: Option<Random>) {
        self.origin = self.kernel.now();
        let load = Rc::clone(&self.load);
        for slot in 0..load.levels.len() {
            self.kernel.sleep_until(self.origin + slots(slot)).await;
            for (number, &resource) in self.resources.iter().enumerate() {
                let capacity = load.capacity(number, slot);
                if capacity != self.kernel.capacity(resource) {
                    self.kernel.set_capacity(resource, capacity);
                }
            }
            for (number, thing) in load.things.iter().enumerate() {
                if let Some(random) = &mut history
                    && random.below(4) == 0
                {
                    self.meddle(slot, random);
                }
                if thing.created == slot {
                    self.create(number);
                }
            }
        }
        // Events of the last date are recorded before this actor runs.
        self.kernel.timer_at(self.origin + slots(load.levels.len())).await;
        self.kernel.yield_now().await;
    }

    /// Lets activities come and go on the resources, until a whole date.
    async fn precede(&self, random: &mut Random) {
        let kernel = &self.kernel;
        let start = kernel.now();
        for &resource in &self.resources {
            kernel.set_capacity(resource, 8.0);
        }
        let mut running = Vec::new();
        for number in 0..40 {
            let uses =
                [0; 2].map(|_| self.resources[random.below(self.resources.len() as u64) as usize]);
            let spec = ActivitySpec::new(Rank::Network, 1.0 + random.uniform())
                .uses(uses[0], 1.0)
                .uses(uses[1], 1.0);
            running.push(kernel.start(spec));
            if number % 4 == 3 {
                kernel.sleep(Duration::from_nanos(random.below(100_000_000))).await;
                let place = random.below(running.len() as u64) as usize;
                drop(running.swap_remove(place));
            }
        }
        drop(running);
        kernel.sleep_until(start + Duration::from_secs(64)).await;
    }
}

/// The ends and their dates, from the beginning of the load.
fn ends(load: &Rc<Load>, play: Play) -> Vec<(Time, usize)> {
    let simulation = Simulation::new()
        .with_tie_order(play.order)
        .with_virtual_time_from(play.groups)
        .with_incremental_from(play.incremental);
    let kernel = simulation.kernel();
    let resources: Vec<ResourceId> =
        load.sharing.iter().map(|&sharing| kernel.resource(1.0, sharing)).collect();
    let ends = Ends::default();
    let player = Player {
        load: Rc::clone(load),
        kernel: kernel.clone(),
        resources,
        ends: Rc::clone(&ends),
        started: vec![None; load.things.len()],
        origin: Time::ZERO,
    };
    let mut history = play.history.map(|seed| RandomStreams::new(seed).stream("history"));
    kernel.spawn("player", async move {
        if let Some(random) = &mut history {
            player.precede(random).await;
        }
        player.play(history).await;
    });
    simulation.run().expect("everything ends");
    let origin = if play.history.is_some() { Duration::from_secs(64) } else { Duration::ZERO };
    ends.take()
        .into_iter()
        .map(|(date, number)| (Time::ZERO + date.since(Time::ZERO + origin), number))
        .collect()
}

proptest! {
    #![proptest_config(isotherm_testing::cases(2_500))]

    #[test]
    fn few_that_end_together_end_newest_first(
        seed: u64,
        (resources, things) in (1usize..6, 5usize..60),
        (groups, incremental) in (select(vec![2u32, 3, 7, NEVER]), select(vec![2u32, 3, 7, NEVER])),
        history in prop::option::of(any::<u64>()),
    ) {
        let load = Rc::new(Load::draw(&mut RandomStreams::new(seed).stream("load"), resources, 6, things));
        let play = Play { order: TieOrder::NewestFirst, groups, incremental, history };
        prop_assert_eq!(ends(&load, play), load.expected());
    }
}

proptest! {
    #![proptest_config(isotherm_testing::cases(150))]

    /// As many objects as the default thresholds of the solver need.
    #[test]
    fn many_that_end_together_end_newest_first(
        seed: u64,
        (resources, things) in (1usize..20, 300usize..900),
        (groups, incremental) in (select(vec![64u32, 256, NEVER]), select(vec![64u32, 256, NEVER])),
        history in prop::option::of(any::<u64>()),
    ) {
        let load = Rc::new(Load::draw(&mut RandomStreams::new(seed).stream("load"), resources, 4, things));
        let play = Play { order: TieOrder::NewestFirst, groups, incremental, history };
        prop_assert_eq!(ends(&load, play), load.expected());
    }
}

/// In the reference's order dates are the same, but the order depends on the solver's strategy. So
/// the loads above do exercise different strategies.
#[test]
fn the_order_of_the_reference_depends_on_thresholds_and_history() {
    let mut differing = [0; 3];
    for seed in 0..40 {
        let load = Rc::new(Load::draw(&mut RandomStreams::new(seed).stream("load"), 4, 6, 50));
        let play = |groups, incremental, history| {
            ends(&load, Play { order: TieOrder::Reference, groups, incremental, history })
        };
        let sorted = |mut ends: Vec<(Time, usize)>| {
            ends.sort_unstable();
            ends
        };
        let plain = play(NEVER, NEVER, None);
        for (number, other) in
            [play(3, NEVER, None), play(NEVER, 3, None), play(NEVER, NEVER, Some(seed))]
                .into_iter()
                .enumerate()
        {
            differing[number] += u32::from(other != plain);
            assert_eq!(sorted(other), sorted(plain.clone()));
        }
        assert_eq!(sorted(plain), sorted(load.expected()));
    }
    assert!(differing.iter().all(|&loads| loads > 10), "{differing:?}");
}

proptest! {
    #![proptest_config(isotherm_testing::cases(500))]

    /// For arbitrary loads, dates differ by rounding.
    #[test]
    fn dates_do_not_depend_on_thresholds(
        seed: u64,
        (resources, activities) in (1u64..8, 10usize..120),
        (groups, incremental) in (select(vec![2u32, 3, 7, 64, 256]), select(vec![2u32, 3, 7, 64, 256])),
        order in select(vec![TieOrder::Reference, TieOrder::NewestFirst]),
    ) {
        let dates = |groups, incremental| {
            let simulation = Simulation::new().with_tie_order(order).with_virtual_time_from(groups).with_incremental_from(incremental);
            let kernel = simulation.kernel();
            let mut random = RandomStreams::new(seed).stream("activities");
            let ends = Rc::new(RefCell::new(vec![Time::NEVER; activities]));
            let resources: Vec<ResourceId> =
                (0..resources).map(|_| kernel.resource(1.0 + random.uniform(), Sharing::Shared)).collect();
            for number in 0..activities {
                let mut resource = || resources[random.below(resources.len() as u64) as usize];
                let (one, other) = (resource(), resource());
                let bound = if random.below(4) == 0 { 0.5 } else { f64::INFINITY };
                let spec = ActivitySpec::new(Rank::Network, 1.0 + random.uniform())
                    .penalty(0.5 + random.uniform())
                    .bound(bound)
                    .latency(Duration::from_nanos(random.below(20_000_000_000)))
                    .uses(one, 1.0)
                    .uses(other, 0.05);
                let ends = Rc::clone(&ends);
                kernel.start(spec).on_end(move |kernel, _| ends.borrow_mut()[number] = kernel.now());
            }
            kernel.spawn("clock", kernel.sleep(Duration::from_secs(10_000)));
            simulation.run().expect("it ends with its clock");
            ends.take()
        };
        for (date, other) in dates(NEVER, NEVER).into_iter().zip(dates(groups, incremental)) {
            prop_assert!(date < Time::NEVER);
            prop_assert!(date.since(other).max(other.since(date)) <= Duration::from_micros(1), "{date} or {other}");
        }
    }
}
