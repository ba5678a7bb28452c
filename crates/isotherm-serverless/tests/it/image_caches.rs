//! The caches of images against small models of their policies, use for use: which uses find the
//! image, and which images go.
//!
//! The models are written down here from the publications, with lists that are scanned; they know
//! nothing of the platform. A use of an image is the start of a container, on the node's disk and
//! in its memory, and a copy on the head disk.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use crate::common::*;
use isotherm_kernel::{Random, RandomStreams};
use isotherm_serverless::{EventKind, ImageCaches, Limits, Preset};
use isotherm_services::{Eviction, FileSystem};

/// What a use of a file did: whether the file was there, and which ones had to go for it, in that
/// order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Answer {
    hit: bool,
    gone: Vec<usize>,
}

/// A cache of files, which are numbered.
trait Cache {
    /// A file of that size has to be there, for whatever reason.
    fn bring(&mut self, file: usize, size: u64) -> Answer;

    /// A file that is there is used. If that has not been said since it came, it is the use for
    /// which it came.
    fn note_use(&mut self, file: usize);

    /// A file of that size is used.
    fn use_file(&mut self, file: usize, size: u64) -> Answer {
        let answer = self.bring(file, size);
        self.note_use(file);
        answer
    }

    /// A file leaves it for another reason, if it is there.
    fn remove(&mut self, file: usize) -> bool;
}

struct Held {
    file: usize,
    size: u64,
    came: u64,
    used: u64,
    /// One from the beginning.
    uses: u32,
    awaited: bool,
    priority: f64,
}

/// A cache from which those go that are the least in some respect.
struct Least {
    capacity: u64,
    rule: Eviction,
    date: u64,
    /// Greedy-dual: what newcomers begin from.
    clock: f64,
    held: Vec<Held>,
}

impl Least {
    fn priority(&self, uses: u32, size: u64) -> f64 {
        self.clock + f64::from(uses) / (size as f64 / 1e6)
    }

    /// How much a file is worth: first what the rule says, then how lately it was used.
    fn worth(&self, held: &Held) -> (f64, u64) {
        match self.rule {
            Eviction::Fifo => (0.0, held.came),
            Eviction::Lru => (0.0, held.used),
            Eviction::Lfu => (f64::from(held.uses), held.used),
            Eviction::GreedyDual => (held.priority, held.used),
            other => panic!("{other:?} is another model"),
        }
    }
}

impl Cache for Least {
    fn bring(&mut self, file: usize, size: u64) -> Answer {
        self.date += 1;
        if self.held.iter().any(|held| held.file == file) {
            return Answer { hit: true, gone: Vec::new() };
        }
        let mut gone = Vec::new();
        while self.held.iter().map(|held| held.size).sum::<u64>() + size > self.capacity {
            let worths: Vec<_> = self.held.iter().map(|held| self.worth(held)).collect();
            let least = (0..worths.len())
                .min_by(|&a, &b| worths[a].partial_cmp(&worths[b]).unwrap())
                .unwrap();
            let victim = self.held.remove(least);
            self.clock = victim.priority;
            gone.push(victim.file);
        }
        let priority = self.priority(1, size);
        self.held.push(Held {
            file,
            size,
            came: self.date,
            used: self.date,
            uses: 1,
            awaited: true,
            priority,
        });
        Answer { hit: false, gone }
    }

    fn note_use(&mut self, file: usize) {
        let place = self.held.iter().position(|held| held.file == file).unwrap();
        let held = &mut self.held[place];
        held.used = self.date;
        held.uses += u32::from(!std::mem::take(&mut held.awaited));
        let (uses, size) = (held.uses, held.size);
        self.held[place].priority = self.priority(uses, size);
    }

    fn remove(&mut self, file: usize) -> bool {
        let before = self.held.len();
        self.held.retain(|held| held.file != file);
        self.held.len() < before
    }
}

/// S3-FIFO: a small queue of a tenth, a main one, and the names of those that went from the small
/// one.
struct S3 {
    capacity: u64,
    small: VecDeque<(usize, u64)>,
    main: VecDeque<(usize, u64)>,
    ghosts: VecDeque<(usize, u64)>,
    /// Uses since they came, or since they moved to the main queue, up to 3.
    uses: BTreeMap<usize, u32>,
    awaited: BTreeSet<usize>,
}

fn bytes(queue: &VecDeque<(usize, u64)>) -> u64 {
    queue.iter().map(|&(_, size)| size).sum()
}

impl S3 {
    fn main_share(&self) -> u64 {
        self.capacity - self.capacity / 10
    }

    fn evict(&mut self, gone: &mut Vec<usize>) {
        if bytes(&self.main) > self.main_share() || self.small.is_empty() {
            while let Some((file, size)) = self.main.pop_front() {
                let uses = self.uses.get_mut(&file).unwrap();
                if *uses == 0 {
                    self.uses.remove(&file);
                    return gone.push(file);
                }
                *uses -= 1;
                self.main.push_back((file, size));
            }
        }
        while let Some((file, size)) = self.small.pop_front() {
            if self.uses[&file] < 2 {
                self.uses.remove(&file);
                self.ghosts.push_back((file, size));
                while bytes(&self.ghosts) > self.main_share() {
                    self.ghosts.pop_front();
                }
                return gone.push(file);
            }
            self.uses.insert(file, 0);
            self.main.push_back((file, size));
        }
    }
}

impl Cache for S3 {
    fn bring(&mut self, file: usize, size: u64) -> Answer {
        if self.uses.contains_key(&file) {
            return Answer { hit: true, gone: Vec::new() };
        }
        let mut gone = Vec::new();
        while bytes(&self.small) + bytes(&self.main) + size > self.capacity {
            self.evict(&mut gone);
        }
        self.uses.insert(file, 0);
        self.awaited.insert(file);
        match self.ghosts.iter().position(|&(ghost, _)| ghost == file) {
            Some(place) => {
                self.ghosts.remove(place);
                self.main.push_back((file, size));
            }
            None => self.small.push_back((file, size)),
        }
        Answer { hit: false, gone }
    }

    fn note_use(&mut self, file: usize) {
        if !self.awaited.remove(&file) {
            let uses = self.uses.get_mut(&file).unwrap();
            *uses = (*uses + 1).min(3);
        }
    }

    fn remove(&mut self, file: usize) -> bool {
        self.small.retain(|&(other, _)| other != file);
        self.main.retain(|&(other, _)| other != file);
        self.uses.remove(&file).is_some()
    }
}

const RULES: [Eviction; 5] =
    [Eviction::Fifo, Eviction::Lru, Eviction::Lfu, Eviction::GreedyDual, Eviction::S3Fifo];

fn model(rule: Eviction, capacity: u64) -> Box<dyn Cache> {
    match rule {
        Eviction::S3Fifo => Box::new(S3 {
            capacity,
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: VecDeque::new(),
            uses: BTreeMap::new(),
            awaited: BTreeSet::new(),
        }),
        rule => Box::new(Least { capacity, rule, date: 0, clock: 0.0, held: Vec::new() }),
    }
}

/// Files of 1, 2, 4 or 8 MB (so that priorities are exact), or all of 1 MB.
fn sizes(files: usize, differ: bool, random: &mut Random) -> Vec<u64> {
    (0..files).map(|_| if differ { MB << random.below(4) } else { MB }).collect()
}

/// A few files are used often, and most seldom; which these are changes after a while.
fn trace(files: usize, uses: usize, random: &mut Random) -> Vec<usize> {
    let skewed = |random: &mut Random| (random.uniform().powi(3) * files as f64) as usize;
    (0..uses).map(|number| (skewed(random) + number / 200) % files).collect()
}

#[test]
fn a_file_system_evicts_as_the_publications_say() {
    for rule in RULES {
        for seed in 0..u64::from(isotherm_testing::count(200)) {
            let mut random = RandomStreams::new(seed).stream("files");
            let sizes = sizes(60, seed % 2 == 0, &mut random);
            let capacity = (10 + random.below(50)) * MB;
            let (mut files, mut model) = (FileSystem::new(capacity, rule), model(rule, capacity));
            let mut hits = 0;
            for (number, file) in trace(60, 1000, &mut random).into_iter().enumerate() {
                // Room that is taken and given back by something else changes nothing.
                if number % 7 == 0 {
                    files.reserve(0).unwrap();
                }
                let found = files.lookup(&file.to_string());
                let answer = match found {
                    Some(id) => {
                        files.touch(id);
                        Answer { hit: true, gone: Vec::new() }
                    }
                    None => {
                        let (id, evicted) =
                            files.create(file.to_string(), sizes[file], file as u64).unwrap();
                        // The use for which it came.
                        files.touch(id);
                        Answer {
                            hit: false,
                            gone: evicted.iter().map(|evicted| evicted.tag as usize).collect(),
                        }
                    }
                };
                hits += usize::from(answer.hit);
                let expected = model.use_file(file, sizes[file]);
                assert_eq!(answer, expected, "use {number} of file {file}, {rule:?}, seed {seed}");
                if number % 50 == 49 {
                    let removed =
                        files.lookup(&file.to_string()).map(|id| files.remove(id).unwrap());
                    assert_eq!(removed.is_some(), model.remove(file));
                }
            }
            assert!(
                (100..950).contains(&hits),
                "the files are more than fit, and not all different: {hits} hits"
            );
        }
    }
}

#[test]
fn reading_on_the_way_to_a_use_does_not_count() {
    // A file that is read and then used, again and again, is worth what one is that is only used.
    for rule in RULES {
        let mut files = FileSystem::new(2 * MB, rule);
        let [read, used] = ["read", "used"].map(|name| files.create(name, MB, 0).unwrap().0);
        for _ in 0..2 {
            files.refresh(read);
            files.touch(read);
            files.touch(used);
        }
        let (_, evicted) = files.create("new", MB, 0).unwrap();
        assert_eq!(
            &*evicted[0].name, "read",
            "{rule:?}: it came first, and was not used more often nor later"
        );
    }
}

/// What happened on the way of an image, level by level: head disk, node disk, node memory.
#[derive(Debug, Default, PartialEq, Eq)]
struct Way {
    head: Answer,
    disk: Answer,
    memory: Answer,
}

/// Plays the trace on a platform whose caches hold so much, one invocation after the other, each
/// cold, and gives what happened on the way of each.
fn play(
    rule: Eviction,
    [head, disk, memory]: [u64; 3],
    sizes: &[u64],
    trace: &[usize],
) -> Vec<Way> {
    let world = World::with_head_disk(&[NodeSpec { cores: 1, memory, disk }], head);
    let service =
        world.service(Preset::Default, |config| config.image_caches = ImageCaches::all(rule));
    let events: Rc<RefCell<Vec<EventKind>>> = Rc::default();
    let log = Rc::clone(&events);
    service.observe(Box::new(move |event| log.borrow_mut().push(event.kind.clone())));
    let image = |(number, &size): (usize, &u64)| world.image(&number.to_string(), size);
    let images: Vec<_> = sizes.iter().enumerate().map(image).collect();
    let (manager, trace) = (world.manager.clone(), trace.to_vec());
    world.play(async move |_| {
        let mut functions = Vec::new();
        for image in &images {
            let function = sleeper("f", Some(image), 0.001);
            functions.push(register(&manager, &service, &function, Limits::time(secs(1.0))).await);
        }
        let mut ways = Vec::new();
        for file in trace {
            let invocation = manager.invoke(&functions[file]).await.unwrap();
            manager.wait_one(&invocation).await;
            ways.push(way(&std::mem::take(&mut *events.borrow_mut())));
        }
        ways
    })
}

fn way(events: &[EventKind]) -> Way {
    let mut way = Way::default();
    (way.head.hit, way.disk.hit, way.memory.hit) = (true, true, true);
    for event in events {
        match event {
            EventKind::DownloadStarted { .. } => way.head.hit = false,
            EventKind::CopyStarted { .. } => way.disk.hit = false,
            EventKind::LoadStarted { .. } => way.memory.hit = false,
            EventKind::HeadEvicted { image, .. } => way.head.gone.push(image.index()),
            EventKind::DiskEvicted { image, .. } => way.disk.gone.push(image.index()),
            EventKind::MemoryEvicted { image, .. } => way.memory.gone.push(image.index()),
            _ => {}
        }
    }
    way
}

/// The same by the models. Every image has to be on the head disk, but is used there only if it is
/// not on the node's disk; what leaves the node's disk leaves memory.
fn expected(rule: Eviction, capacities: [u64; 3], sizes: &[u64], trace: &[usize]) -> Vec<Way> {
    let [mut head, mut disk, mut memory] = capacities.map(|capacity| model(rule, capacity));
    let use_image = |&file: &usize| {
        let on_head = head.bring(file, sizes[file]);
        let mut way =
            Way { head: on_head, disk: disk.use_file(file, sizes[file]), ..Way::default() };
        let dropped = way.disk.gone.iter().copied().filter(|&gone| memory.remove(gone)).collect();
        if !way.disk.hit {
            head.note_use(file);
        }
        let Answer { hit, gone } = memory.use_file(file, sizes[file]);
        way.memory = Answer { hit, gone: [dropped, gone].concat() };
        way
    };
    trace.iter().map(use_image).collect()
}

fn compare(rule: Eviction, capacities: [u64; 3], differ: bool, seed: u64) {
    let mut random = RandomStreams::new(seed).stream("images");
    let sizes = sizes(40, differ, &mut random);
    let trace = trace(40, 600, &mut random);
    let (played, expected) =
        (play(rule, capacities, &sizes, &trace), expected(rule, capacities, &sizes, &trace));
    for (number, (played, expected)) in played.iter().zip(&expected).enumerate() {
        assert_eq!(played, expected, "use {number} of image {}, {rule:?}", trace[number]);
    }
    let hits = |hit: &dyn Fn(&Way) -> bool| played.iter().filter(|way| hit(way)).count();
    let [on_head, on_disk, in_memory] = [
        hits(&|way| way.head.hit && !way.disk.hit),
        hits(&|way| way.disk.hit),
        hits(&|way| way.memory.hit),
    ];
    assert!(on_head.min(on_disk).min(in_memory) > 20, "hits: {on_head}, {on_disk}, {in_memory}");
}

#[test]
fn images_go_from_the_disks_of_nodes_as_the_publications_say() {
    for rule in RULES {
        compare(rule, [500 * MB, 15 * MB, 500 * MB], false, 1);
        compare(rule, [500 * MB, 50 * MB, 500 * MB], true, 2);
    }
}

#[test]
fn images_go_from_memories_as_the_publications_say() {
    for rule in RULES {
        compare(rule, [500 * MB, 110 * MB, 40 * MB], true, 3);
        compare(rule, [500 * MB, 25 * MB, 15 * MB], false, 6);
    }
}

#[test]
fn images_go_from_the_head_disk_as_the_publications_say() {
    for rule in RULES {
        compare(rule, [60 * MB, 20 * MB, 500 * MB], true, 4);
        compare(rule, [20 * MB, 10 * MB, 5 * MB], false, 5);
    }
}

#[test]
fn under_wrench_a_start_is_no_use_of_an_image() {
    // Two images fit. The second start of the first one reads nothing, so the reference lets it go
    // nevertheless.
    for (preset, goes) in [(Preset::Default, 1), (Preset::Wrench, 0)] {
        let world = World::of(&[NodeSpec { cores: 1, memory: GB, disk: 2 * MB }]);
        let service = world.service(preset, |_| {});
        let gone: Rc<RefCell<Vec<usize>>> = Rc::default();
        let log = Rc::clone(&gone);
        service.observe(Box::new(move |event| {
            if let EventKind::DiskEvicted { image, .. } = event.kind {
                log.borrow_mut().push(image.index());
            }
        }));
        let images = ["a", "b", "c"].map(|name| world.image(name, MB));
        let manager = world.manager.clone();
        world.play(async move |_| {
            let mut functions = Vec::new();
            for image in &images {
                let function = sleeper("f", Some(image), 0.001);
                functions
                    .push(register(&manager, &service, &function, Limits::time(secs(1.0))).await);
            }
            for number in [0, 1, 0, 2] {
                let invocation = manager.invoke(&functions[number]).await.unwrap();
                manager.wait_one(&invocation).await;
            }
        });
        assert_eq!(*gone.borrow(), [goes], "{preset:?}");
    }
}
