//! The work for an event grows at most logarithmically with the platform and with what waits.
//!
//! Work is counted in [steps](crate::steps). Each policy is played on small and on large platforms
//! that are full, with short and with long queues.
//!
//! If an event takes `a + b log n + c log m` steps on `n` nodes with `m` in the queue, for any `a`,
//! `b`, `c ≥ 0`, then 1,000 nodes instead of 10 make it at most log 1,000 / log 10 = 3 times as
//! many, and 10,000 in the queue instead of 10 at most 4 times; both together at most the larger
//! factor. These are the bounds. A look at each node or at all that waits would add 1,000 or 10,000
//! steps to the hundred that an event takes.
//!
//! Not tested are the schedulers that by their definition look at all that waits: `random`,
//! `workload-balancing`, and the full scan of preset `wrench`.

use isotherm_kernel::{Random, RandomStreams};

use super::*;
use crate::eviction::{
    FirstInFirstOut, GreedyDual, LargestFirst, LeastFrequentlyUsed, MemoryFit, NeverEvict,
};
use crate::keep_alive::{HybridConfig, HybridHistogram};
use crate::scheduler::{
    FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality, MostLoaded, PowerOfTwo, RoundRobin,
    WarmFirst,
};
use crate::steps;

const SLOTS: usize = 4;
const IMAGES: usize = 4;
const FUNCTIONS: usize = 8;

/// The size of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Images {
    disk: u64,
    memory: u64,
}

const NO_IMAGES: Images = Images { disk: 0, memory: 0 };

/// A node has 100 of memory and 1,000 of disk. Four containers of 20 and four of these images fill
/// its memory.
const SMALL_IMAGES: Images = Images { disk: 5, memory: 5 };

/// Of the last two it has room for one or two in memory, or for two on disk: few nodes have room
/// for one more, although many have enough memory for a container.
const ALL_IMAGES: [Images; 4] =
    [NO_IMAGES, SMALL_IMAGES, Images { disk: 5, memory: 35 }, Images { disk: 450, memory: 5 }];

/// The events that are measured.
const EVENTS: usize = 100;

/// Changes a setup to the policy under test.
type Policy<'a> = &'a dyn Fn(Setup) -> Setup;

/// A platform to which things happen.
struct Crowd {
    stage: Stage,
    functions: Vec<FunctionId>,
    random: Random,
    moving: Vec<Effect>,
    running: Vec<InvocationId>,
    /// The events, and the decisions that were carried out after them.
    events: u64,
}

impl Crowd {
    /// A platform whose slots are taken, and a queue.
    fn new(policy: Policy<'_>, nodes: usize, backlog: usize, images: Images) -> Self {
        let nodes = vec![(SLOTS as u32, 100, 1000); nodes];
        let setup = Setup {
            scheduler: Some(Box::new(ByNode::new(WarmFirst, true))),
            head: 10_000,
            ..Setup::new(Preset::Default, &nodes)
        };
        let mut stage = policy(setup).stage();
        stage.state.unchecked = true;
        stage.state.observers.news = None;
        let images: Vec<ImageId> = (0..IMAGES)
            .filter(|_| images != NO_IMAGES)
            .map(|number| stage.image(&format!("image{number}"), images.disk, images.memory))
            .collect();
        let image = |number| images.get(number % IMAGES).copied();
        let functions = (0..FUNCTIONS).map(|number| stage.function(image(number), 20, 0)).collect();
        let random = RandomStreams::new(11).stream("events");
        let (moving, running) = (Vec::new(), Vec::new());
        let mut crowd = Crowd { stage, functions, random, moving, running, events: 0 };
        for _ in 0..nodes.len() * SLOTS + backlog {
            let function = crowd.draw();
            crowd.stage.state.submit(function);
        }
        crowd.conclude(Round::Yes);
        crowd.finish_moves(usize::MAX);
        crowd
    }

    fn draw(&mut self) -> FunctionId {
        self.functions[self.random.below(FUNCTIONS as u64) as usize]
    }

    fn conclude(&mut self, round: Round) {
        self.events += 1;
        self.stage.conclude(round);
        for effect in self.stage.effects() {
            match effect {
                Effect::Start { invocation, .. } => self.running.push(invocation.id),
                Effect::Download { .. } | Effect::Move { .. } => self.moving.push(effect),
                _ => continue,
            }
            self.events += 1;
        }
        self.stage.state.effects.records.clear();
    }

    /// As many images arrive, and those that are moved then.
    fn finish_moves(&mut self, most: usize) {
        for _ in 0..most {
            let state = &mut self.stage.state;
            match self.moving.pop() {
                Some(Effect::Download { image }) => state.download_ended(image, Ok(())),
                Some(Effect::Move { step, node, image }) => {
                    state.move_ended(step, node, image, Ok(()));
                }
                _ => return,
            }
            self.conclude(Round::Yes);
        }
    }

    /// A body ends, an invocation comes, and images arrive.
    fn play(&mut self, second: usize) {
        self.stage.at(second as u64);
        self.stage.state.expire();
        if !self.running.is_empty() {
            let which = self.random.below(self.running.len() as u64) as usize;
            let id = self.running.swap_remove(which);
            self.stage.body_ended_before_the_conclusion(id);
            self.conclude(Round::Yes);
        }
        let function = self.draw();
        let invoked = self.stage.state.invoked_now(function);
        self.stage.deciders.invoked(&invoked);
        self.stage.state.submit(function);
        self.conclude(Round::Arrival);
        self.finish_moves(4);
    }
}

/// The steps for an event or a decision.
fn steps(policy: Policy<'_>, nodes: usize, backlog: usize, images: Images) -> f64 {
    let mut crowd = Crowd::new(policy, nodes, backlog, images);
    let pending = crowd.stage.state.queues.pending.len();
    assert!(pending >= backlog, "all slots are taken or there is no room");
    // What is indexed on the first request is indexed by then.
    (0..10).for_each(|second| crowd.play(second));
    let (steps, events) = (steps::so_far(), crowd.events);
    (10..EVENTS).for_each(|second| crowd.play(second));
    (steps::so_far() - steps) as f64 / (crowd.events - events) as f64
}

fn grows_logarithmically(policies: &[(&str, Policy<'_>)]) {
    grows_logarithmically_with(&[NO_IMAGES, SMALL_IMAGES], 0.0, policies);
}

/// `constant` steps do not count, whatever the numbers.
fn grows_logarithmically_with(images: &[Images], constant: f64, policies: &[(&str, Policy<'_>)]) {
    let mut failed = Vec::new();
    for &(name, policy) in policies {
        for &images in images {
            let sizes = [(10, 10), (1000, 10), (10, 10_000), (1000, 10_000)];
            let steps = sizes.map(|(nodes, queue)| steps(policy, nodes, queue, images));
            let [small, many_nodes, long_queue, both] = steps;
            let most = |factor: f64| factor * small + constant;
            if many_nodes > most(3.0) || long_queue.max(both) > most(4.0) {
                failed.push((name, images, steps));
            }
        }
    }
    assert!(failed.is_empty(), "steps for an event grow too fast: {failed:?}");
}

fn scheduled_by(scheduler: impl Scheduler + 'static) -> impl FnOnce(Setup) -> Setup {
    |setup| Setup { scheduler: Some(Box::new(scheduler)), ..setup }
}

#[test]
fn of_each_scheduler() {
    grows_logarithmically_with(
        &ALL_IMAGES,
        0.0,
        &[
            ("first-fit", &|setup| scheduled_by(ByNode::new(FirstFit, true))(setup)),
            ("first-fit, rule first", &|setup| scheduled_by(ByNode::new(FirstFit, false))(setup)),
            ("fcfs", &|setup| scheduled_by(ByNode::new(Fcfs, true))(setup)),
            ("warm-first", &|setup| scheduled_by(ByNode::new(WarmFirst, true))(setup)),
            ("locality", &|setup| scheduled_by(ByNode::new(Locality, false))(setup)),
            ("round-robin", &|setup| scheduled_by(ByNode::new(RoundRobin::new(), true))(setup)),
            ("most-loaded", &|setup| scheduled_by(ByNode::new(MostLoaded, true))(setup)),
            ("least-loaded", &|setup| {
                scheduled_by(ByNode::new(LeastLoaded::by(LoadMeasure::Memory), true))(setup)
            }),
            ("least-loaded, by running", &|setup| {
                scheduled_by(ByNode::new(LeastLoaded::by(LoadMeasure::Running), true))(setup)
            }),
            ("power-of-two", &|setup| {
                let random = RandomStreams::new(5).stream("scheduler");
                scheduled_by(ByNode::new(PowerOfTwo::new(random), true))(setup)
            }),
        ],
    );
}

/// It looks at some points of its ring, 8 in these tests, each in some ten steps, as soon as there
/// are as many.
#[test]
fn of_hash_affinity() {
    grows_logarithmically_with(
        &ALL_IMAGES,
        80.0,
        &[("hash-affinity", &|setup| {
            scheduled_by(ByNode::new(HashAffinity::new(1.25), false))(setup)
        })],
    );
}

#[test]
fn of_each_keep_alive_policy() {
    grows_logarithmically(&[
        ("none", &|setup| Setup { keep: Duration::ZERO, ..setup }),
        ("a fixed time", &|setup| setup.keeping(20)),
        ("hybrid histogram", &|setup| Setup {
            keep_alive: Some(Box::new(HybridHistogram::new(HybridConfig::default()))),
            ..setup
        }),
    ]);
}

#[test]
fn of_each_eviction_policy() {
    grows_logarithmically(&[
        ("lru", &|setup| Setup { eviction: Box::new(LeastRecentlyUsed), ..setup }),
        ("fifo", &|setup| Setup { eviction: Box::new(FirstInFirstOut), ..setup }),
        ("lfu", &|setup| Setup { eviction: Box::new(LeastFrequentlyUsed::default()), ..setup }),
        ("size", &|setup| Setup { eviction: Box::new(LargestFirst), ..setup }),
        ("memory-fit", &|setup| Setup { eviction: Box::new(MemoryFit), ..setup }),
        ("greedy-dual", &|setup| Setup { eviction: Box::new(GreedyDual::default()), ..setup }),
        // Otherwise idle containers of some functions fill small platforms for ever.
        ("none", &|setup| Setup { eviction: Box::new(NeverEvict), ..setup.keeping(2) }),
    ]);
}

#[test]
fn of_each_order_of_reuse() {
    use ContainerReuse::{LeastRecentlyUsed, MostRecentlyUsed, Newest, Oldest, Random};
    for reuse in [Newest, Oldest, LeastRecentlyUsed, MostRecentlyUsed, Random] {
        grows_logarithmically(&[(&format!("{reuse:?}"), &|setup| Setup { reuse, ..setup })]);
    }
}
