//! The reasons of cold starts in records are those that a replay of the event log comes to, which
//! knows nothing else of the platform.

use std::collections::BTreeMap;
use std::sync::Arc;

use isotherm_kernel::Random;
use isotherm_serverless::keep_alive::{IdleNow, Keep};
use isotherm_serverless::{
    ColdReason, ContainerId, EventKind, FunctionId, InvocationId, LastGone, PlatformEvent,
    StartKind, StopReason,
};

use super::*;

/// The end of a container, and for which function it was evicted.
type Gone = (Time, StopReason, Option<FunctionId>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Cold {
    reason: ColdReason,
    last_gone: Option<Gone>,
}

struct Held {
    node: NodeId,
    function: FunctionId,
    capacity: u32,
    serving: u32,
    /// Why it had to be started, if that was for an invocation that it has not been given yet.
    started_for: Option<Cold>,
    is_ahead: bool,
    /// It can be given an invocation if it has a place.
    is_open: bool,
    is_closed: bool,
}

#[derive(Default)]
struct Past {
    gone: Option<Gone>,
    cancelled: bool,
    skipped: bool,
}

#[derive(Default)]
struct Replay {
    /// Nodes that are off, and those that are no members.
    off: Vec<NodeId>,
    away: Vec<NodeId>,
    containers: BTreeMap<ContainerId, Held>,
    functions: BTreeMap<FunctionId, Past>,
    submitted: BTreeMap<InvocationId, FunctionId>,
    /// How a function stood before containers were evicted for a container of it that is to follow.
    before: Option<(FunctionId, Cold)>,
    /// What it has come to.
    cold: BTreeMap<InvocationId, Cold>,
}

impl Replay {
    fn why_new(&self, function: FunctionId) -> Cold {
        let is_running = |node: NodeId| !self.off.contains(&node) && !self.away.contains(&node);
        let mut own = self.containers.values().filter(|held| held.function == function).peekable();
        let past = self.functions.get(&function);
        let last_gone = past.and_then(|past| past.gone);
        let exists = own.peek().is_some();
        let has_place = |held: &Held| {
            held.is_open && !held.is_closed && held.serving < held.capacity && is_running(held.node)
        };
        let reason = if own.any(has_place) {
            ColdReason::Elsewhere
        } else if exists {
            ColdReason::Busy
        } else if past.is_some_and(|past| past.cancelled) {
            ColdReason::PrewarmLate
        } else if past.is_some_and(|past| past.skipped) {
            ColdReason::PrewarmSkipped
        } else {
            match last_gone {
                None => ColdReason::First,
                Some((_, StopReason::Evicted, _)) => ColdReason::Evicted,
                Some((_, StopReason::Expired, _)) => ColdReason::Expired,
                Some((_, StopReason::Discarded, _)) => ColdReason::Discarded,
                Some((_, StopReason::NotKept | StopReason::Planned, _)) => ColdReason::NotKept,
                Some((_, StopReason::Lost | StopReason::NodeLeaves, _)) => ColdReason::Lost,
            }
        };
        Cold { reason, last_gone }
    }

    fn observe(&mut self, event: &PlatformEvent) {
        let before = self.before.take();
        match event.kind {
            EventKind::NodeDown { node } => self.off.push(node),
            EventKind::NodeUp { node } => self.off.retain(|other| *other != node),
            EventKind::NodeLeaving { node } => self.away.push(node),
            EventKind::NodeJoined { node, .. } | EventKind::NodeStays { node } => {
                self.away.retain(|other| *other != node);
            }
            EventKind::Submitted { invocation, function } => {
                self.submitted.insert(invocation, function);
            }
            EventKind::DiskEvicted { .. } | EventKind::MemoryEvicted { .. } => self.before = before,
            EventKind::ContainerStarted { node, container, function, capacity, .. } => {
                let known = before.filter(|(other, _)| *other == function).map(|(_, cold)| cold);
                let held = Held {
                    node,
                    function,
                    capacity,
                    serving: 0,
                    started_for: Some(known.unwrap_or_else(|| self.why_new(function))),
                    is_ahead: false,
                    is_open: false,
                    is_closed: false,
                };
                self.containers.insert(container, held);
            }
            EventKind::Prewarmed { container, .. }
            | EventKind::ContainerPlaced { container, .. } => {
                let held = self.containers.get_mut(&container).unwrap();
                (held.is_ahead, held.started_for) = (true, None);
            }
            EventKind::ContainerIdle { container, .. } => {
                self.containers.get_mut(&container).unwrap().is_open = true;
            }
            EventKind::ContainerClosed { container, .. } => {
                self.containers.get_mut(&container).unwrap().is_closed = true;
            }
            EventKind::PrewarmingSkipped { function, .. } => {
                self.functions.entry(function).or_default().skipped = true;
            }
            EventKind::PrewarmCancelled { function, by: Some(invocation) } => {
                assert_eq!(self.submitted.get(&invocation), Some(&function));
                self.functions.entry(function).or_default().cancelled = true;
            }
            EventKind::ContainerStopped { container, cause, evicted_for, .. } => {
                let stood = evicted_for.map(|function| (function, self.why_new(function)));
                self.before = before.filter(|it| Some(it.0) == evicted_for).or(stood);
                let held = self.containers.remove(&container).unwrap();
                let gone = Some((event.at, cause, evicted_for));
                *self.functions.entry(held.function).or_default() =
                    Past { gone, ..Past::default() };
            }
            EventKind::Dispatched { invocation, container, start_kind, .. } => {
                let held = self.containers.get_mut(&container).unwrap();
                held.serving += 1;
                held.is_open = true;
                let started_for = held.started_for.take();
                if start_kind == StartKind::Cold {
                    let past = self.functions.get(&held.function);
                    let joins = Cold {
                        reason: match held.is_ahead {
                            true => ColdReason::PrewarmLate,
                            false => ColdReason::Starting,
                        },
                        last_gone: past.and_then(|past| past.gone),
                    };
                    self.cold.insert(invocation, started_for.unwrap_or(joins));
                }
            }
            EventKind::Ended { container: Some(container), .. } => {
                let held = self.containers.get_mut(&container).unwrap();
                held.serving -= 1;
                held.is_open = held.serving > 0;
            }
            _ => {}
        }
    }
}

/// A keep-alive policy that does anything: half of its answers start a container ahead.
struct Dice(Random);

impl KeepAlive for Dice {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        let [one, other] = [3000, 9000].map(|most| Duration::from_millis(self.0.below(most)));
        match self.0.below(8) {
            0 => Keep::No,
            1 => Keep::Forever,
            2 | 3 => Keep::For(one),
            _ => Keep::Prewarm { after: one, keep: other },
        }
    }
}

/// A scenario in which many things happen to containers, and what the dice begin with.
fn eventful() -> impl Strategy<Value = (Scenario, u64)> {
    let outage = (0u8..5, 0usize..4, 0u64..15000, 1u64..8000)
        .prop_map(|(what, which, at_ms, for_ms)| Outage { what, which, at_ms, for_ms });
    let outages = prop::collection::vec(outage, 0..4);
    let presets =
        [Preset::Default, Preset::Wrench].map(|preset| with_start(with_extras(preset)).boxed());
    let scenarios =
        prop::strategy::Union::new_weighted(vec![(3, presets[0].clone()), (1, presets[1].clone())]);
    (scenarios, outages, any::<u64>()).prop_map(|(scenario, outages, seed)| {
        (Scenario { outages, startup_ms: scenario.startup_ms.max(1), ..scenario }, seed)
    })
}

/// Every reason is that of the replay, and every reason occurs.
#[test]
fn reasons_of_cold_starts_are_those_of_a_replay() {
    let config = Config { failure_persistence: None, ..isotherm_testing::cases(10_000) };
    let seen: RefCell<BTreeMap<ColdReason, u32>> = RefCell::default();
    let result = TestRunner::new(config).run(&eventful(), |(scenario, seed)| {
        let replay: Rc<RefCell<Replay>> = Rc::default();
        let observer = Rc::clone(&replay);
        let (played, _) = play_with(&scenario, |config| {
            if !seed.is_multiple_of(4) {
                config.keep_alive = Box::new(Dice(RandomStreams::new(seed).stream("dice")));
            }
            Box::new(move |simulation, service| {
                service.observe(Box::new(move |event| observer.borrow_mut().observe(event)));
                simulation.run()
            })
        })?;
        let replay = replay.borrow();
        let names: BTreeMap<_, _> = played
            .records
            .iter()
            .map(|record| (replay.submitted[&record.id], Arc::clone(&record.function)))
            .collect();
        for record in &played.records {
            let told = record.cold_start.as_ref();
            let told = told.map(|cold| (cold.reason, cold.last_gone.clone()));
            let replayed = replay.cold.get(&record.id).map(|cold| {
                let last_gone = cold.last_gone.map(|(at, cause, function)| {
                    let evicted_for = function.map(|function| Arc::clone(&names[&function]));
                    LastGone { at, cause, evicted_for }
                });
                (cold.reason, last_gone)
            });
            prop_assert_eq!(&told, &replayed, "{:?}", record);
            prop_assert_eq!(told.is_some(), record.start_kind == Some(StartKind::Cold));
            if let Some((reason, _)) = told {
                *seen.borrow_mut().entry(reason).or_default() += 1;
            }
        }
        Ok(())
    });
    let seen = seen.into_inner();
    println!("{seen:#?}");
    result.unwrap_or_else(|error| panic!("{error}"));
    for reason in ColdReason::ALL {
        assert!(seen.contains_key(&reason), "{} has not occurred", reason.name());
    }
}
