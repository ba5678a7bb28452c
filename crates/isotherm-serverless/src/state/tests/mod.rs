//! The platform's state without actors: the tests play the service, report events and read the
//! effects.
//!
//! Sizes are small numbers, for mental arithmetic. Every message is followed by a check of all
//! invariants.

mod admission;
mod by_node;
mod concurrency;
mod containers;
mod cost;
mod failures;
mod fcfs;
mod nodes;
mod placed;
mod prewarm;
mod room;
mod schedulers;
mod startups;

use std::cell::RefCell;
use std::rc::Rc;

use isotherm_kernel::{Duration, RandomStreams, Time};
use isotherm_services::{ActionReport, Eviction, FailureCause, FileSystem};

use super::{
    Asks, Effect, Invocation, InvocationKey, Move, Node, PlatformState, Policies, Registration,
    Reuse, Round, StopReason, View,
};
use crate::ask::Deciders;
use crate::eviction::{ContainerEviction, LeastRecentlyUsed};
use crate::keep_alive::{Fixed, KeepAlive};
use crate::rules::{AfterFailure, Throttle};
use crate::scheduler::{ByNode, Fcfs, FcfsFullScan, Plan, Scheduler};
use crate::{
    ContainerId, ContainerReuse, EventKind, FunctionId, ImageId, InvocationId, Limits, NodeId,
    OnFailure, Outcome, Preset,
};

/// A platform under test.
pub(super) struct Stage {
    pub(super) state: PlatformState,
    deciders: Deciders,
    effects: Vec<Effect>,
}

/// The differences of a platform under test from the default: preset default, FCFS, containers kept
/// for ever, a head disk of 1000 bytes.
pub(super) struct Setup {
    pub(super) preset: Preset,
    pub(super) head: u64,
    /// Slots, memory and disk of each node.
    pub(super) nodes: Vec<(u32, u64, u64)>,
    pub(super) keep: Duration,
    /// In place of a fixed time.
    pub(super) keep_alive: Option<Box<dyn KeepAlive>>,
    pub(super) reuse: ContainerReuse,
    pub(super) on_failure: OnFailure,
    pub(super) eviction: Box<dyn ContainerEviction>,
    pub(super) scheduler: Option<Box<dyn Scheduler>>,
    pub(super) simulate_downloads: bool,
    pub(super) max_concurrency: Option<u32>,
    pub(super) throttle: Throttle,
}

impl Setup {
    pub(super) fn new(preset: Preset, nodes: &[(u32, u64, u64)]) -> Self {
        Setup {
            preset,
            head: 1000,
            nodes: nodes.to_vec(),
            keep: Duration::MAX,
            keep_alive: None,
            reuse: preset.reuse(),
            on_failure: preset.on_failure(),
            eviction: Box::new(LeastRecentlyUsed),
            scheduler: None,
            simulate_downloads: true,
            max_concurrency: None,
            throttle: Throttle::Queue,
        }
    }

    /// Keeps idle containers for a number of seconds.
    pub(super) fn keeping(self, seconds: u64) -> Self {
        Setup { keep: Duration::from_secs(seconds), ..self }
    }

    pub(super) fn stage(self) -> Stage {
        let rules = self.preset.rules();
        // It asks for everything anew in each round, whether or not there is room: what the state
        // makes of that is what most of these tests are about.
        let full_scan = || -> Box<dyn Scheduler> { Box::new(FcfsFullScan::new()) };
        let policies = Policies {
            eviction: RefCell::new(self.eviction),
            reuse: Reuse::new(self.reuse, RandomStreams::new(7).stream("reuse/random")),
            on_failure: self.on_failure,
            rules,
            max_concurrency: self.max_concurrency,
            throttle: self.throttle,
            startup_overhead: Duration::ZERO,
            simulate_downloads: self.simulate_downloads,
        };
        let nodes = self.nodes.iter().enumerate().map(|(index, &size)| node(index, size));
        let mut state = PlatformState::new(policies, files(self.head), nodes.collect());
        state.observers.news = Some(Vec::new());
        let fixed = || -> Box<dyn KeepAlive> { Box::new(Fixed::new(self.keep)) };
        let deciders = Deciders::new(
            self.scheduler.unwrap_or_else(full_scan),
            self.keep_alive.unwrap_or_else(fixed),
        );
        Stage { state, deciders, effects: Vec::new() }
    }
}

/// Looks at a platform of which nothing is known.
pub(crate) fn without_platform<R>(look: impl FnOnce(&View<'_>) -> R) -> R {
    look(&View::new(&Setup::new(Preset::Default, &[]).stage().state))
}

fn files(bytes: u64) -> Rc<RefCell<FileSystem>> {
    Rc::new(RefCell::new(FileSystem::new(bytes, Eviction::Lru)))
}

/// A node with its slots, memory and disk.
pub(super) fn node(index: usize, (slots, memory, disk): (u32, u64, u64)) -> Node {
    Node::new(format!("node{index}").into(), Some(slots), files(disk), files(memory))
}

impl PlatformState {
    /// The key of an invocation; one that leads nowhere if it has ended.
    fn key(&self, id: InvocationId) -> InvocationKey {
        let mut all = self.invocations.iter();
        let found = all.find(|invocation| invocation.id == id).map(Invocation::key);
        found.unwrap_or_else(|| InvocationKey::of_numbers(id.0, 0))
    }

    fn running_ids(&self) -> Vec<InvocationId> {
        self.invocations.running().into_iter().map(|key| key.id).collect()
    }

    /// Cancels an invocation by its id.
    fn cancel_id(&mut self, id: InvocationId, cause: FailureCause) -> bool {
        self.cancel(self.key(id), cause)
    }
}

impl Stage {
    pub(super) fn image(&mut self, name: &str, bytes: u64, memory: u64) -> ImageId {
        self.state.add_image(name.into(), bytes, memory)
    }

    pub(super) fn register(&mut self, registration: Registration) -> FunctionId {
        self.state.register(registration).expect("the function can run")
    }

    /// Registers a function with a memory limit and a keep-alive policy of its own.
    pub(super) fn function_keeping(&mut self, memory: u64, own: Fixed) -> FunctionId {
        let function = self.function(None, memory, 0);
        self.deciders.set_own_keep_alive(function, Rc::new(RefCell::new(own)));
        function
    }

    /// Registers a function with a memory and a disk limit and a time limit of 60 s.
    pub(super) fn function(
        &mut self,
        image: Option<ImageId>,
        memory: u64,
        disk: u64,
    ) -> FunctionId {
        let limits = Limits::time(Duration::from_secs(60)).memory(memory).disk(disk);
        self.register(Registration::new("f".into(), image, limits))
    }

    /// Registers a function with a memory limit, no disk limit and a time limit of 60 s that
    /// differs from the default in other fields.
    pub(super) fn function_with(
        &mut self,
        memory: u64,
        change: impl FnOnce(&mut Registration),
    ) -> FunctionId {
        let limits = Limits::time(Duration::from_secs(60)).memory(memory);
        let mut registration = Registration::new("f".into(), None, limits);
        change(&mut registration);
        self.register(registration)
    }

    /// Adds an image with its sizes on disk and in memory, and a function that uses it with its
    /// memory and disk limits.
    pub(super) fn image_and_function(
        &mut self,
        name: &str,
        [bytes, memory]: [u64; 2],
        [memory_limit, disk_limit]: [u64; 2],
    ) -> (ImageId, FunctionId) {
        let image = self.image(name, bytes, memory);
        (image, self.function(Some(image), memory_limit, disk_limit))
    }

    /// Calls the state as the service does for one message.
    pub(super) fn message<R>(&mut self, call: impl FnOnce(&mut PlatformState) -> R) -> R {
        let answer = call(&mut self.state);
        self.conclude(Round::Yes);
        answer
    }

    /// Concludes a message.
    pub(super) fn conclude(&mut self, round: Round) {
        let mut asks = self.state.conclude(round);
        let mut plan = Plan::default();
        loop {
            let view = View::new(&self.state);
            asks = match asks {
                Asks::Nothing => break,
                Asks::Alone { invocation, function } => {
                    let placed = self.deciders.place_alone(&view, function);
                    self.state.answer_alone(invocation, function, placed)
                }
                Asks::Round => {
                    plan.clear();
                    self.deciders.round(&view, &mut plan);
                    self.state.answer_round(&plan)
                }
            }
        }
        self.effects.extend(std::iter::from_fn(|| self.state.effects.next().copied()));
    }

    /// A container serves no invocation any more, if one is given.
    fn is_idle(&mut self, idle: Option<ContainerId>) {
        if let Some(container) = idle {
            let idle = self.state.idle_now(container).expect("it has not stopped");
            let keep = self.deciders.keep(&idle, false).expect("a policy decides");
            self.state.answer_keep(container, keep);
        }
    }

    /// A container that was started as if for an invocation serves none any more.
    pub(super) fn container_is_idle(&mut self, id: ContainerId) {
        self.is_idle(Some(id));
    }

    /// The body of an invocation ends in a message that is not concluded yet.
    pub(super) fn body_ended_before_the_conclusion(&mut self, id: InvocationId) {
        let end = ActionReport { started: None, ended: None, result: Ok(()) };
        let idle = self.state.body_ended(self.state.key(id), &end);
        self.is_idle(idle);
    }

    /// Abandons an invocation in a container.
    pub(super) fn abandon(&mut self, id: InvocationId, cause: FailureCause) {
        let idle = self.state.abandon(self.state.key(id), cause);
        self.is_idle(idle);
    }

    pub(super) fn at(&mut self, seconds: u64) {
        self.state.now = Time::from_nanos(seconds * 1_000_000_000);
    }

    pub(super) fn invoke(&mut self, function: FunctionId) -> InvocationId {
        self.deciders.invoked(&self.state.invoked_now(function));
        let id = self.state.submit(function).id;
        self.conclude(Round::Arrival);
        id
    }

    pub(super) fn downloaded(&mut self, image: ImageId) {
        self.message(|state| state.download_ended(image, Ok(())));
    }

    pub(super) fn copied(&mut self, node: u32, image: ImageId) {
        self.moved(Move::Copy, node, image);
    }

    pub(super) fn loaded(&mut self, node: u32, image: ImageId) {
        self.moved(Move::Load, node, image);
    }

    pub(super) fn moved(&mut self, step: Move, node: u32, image: ImageId) {
        self.message(|state| state.move_ended(step, NodeId(node), image, Ok(())));
    }

    /// Brings an image from the repository into a node's memory for an invocation that has just
    /// been made.
    pub(super) fn arrives(&mut self, node: u32, image: ImageId) {
        self.downloaded(image);
        self.copied(node, image);
        self.loaded(node, image);
    }

    /// The copy of an image to a node is interrupted.
    pub(super) fn copy_failed(&mut self, node: u32, image: ImageId, cause: FailureCause) {
        self.state.move_ended(Move::Copy, NodeId(node), image, Err(cause));
        self.conclude(Round::Yes);
    }

    pub(super) fn node_failed(&mut self, node: u32) {
        self.state.node_failed(NodeId(node));
        self.conclude(Round::Yes);
    }

    pub(super) fn node_recovered(&mut self, node: u32) {
        self.state.node_recovered(NodeId(node));
        self.conclude(Round::Yes);
    }

    pub(super) fn body_ended(&mut self, invocation: InvocationId) {
        self.body_ended_with(invocation, Ok(()));
    }

    pub(super) fn body_ended_with(
        &mut self,
        invocation: InvocationId,
        result: Result<(), FailureCause>,
    ) {
        let end =
            ActionReport { started: Some(self.state.now), ended: Some(self.state.now), result };
        let idle = self.state.body_ended(self.state.key(invocation), &end);
        self.is_idle(idle);
        self.conclude(Round::Yes);
    }

    /// Invokes a function that a container serves at once, and ends its body.
    pub(super) fn serve(&mut self, function: FunctionId) -> InvocationId {
        let id = self.invoke(function);
        self.body_ended(id);
        id
    }

    /// The causes of the invocations that have failed since the last call.
    pub(super) fn causes(&mut self) -> Vec<&'static str> {
        let records = self.state.effects.records.drain(..);
        records.filter_map(|record| record.cause.as_ref().map(FailureCause::code)).collect()
    }

    /// The effects since the last call.
    pub(super) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The effects since the last call, as words.
    pub(super) fn orders(&mut self) -> Vec<String> {
        let order = |effect: &Effect| match effect {
            Effect::Download { image } => format!("download {image}"),
            Effect::DownloadAtOnce { image } => format!("download at once {image}"),
            Effect::Move { step, node, image } => match step {
                Move::Copy => format!("copy {image} to {node}"),
                Move::Load => format!("load {image} on {node}"),
            },
            Effect::MoveRefused { step, node, image } => match step {
                Move::Copy => format!("refuse copy {image} to {node}"),
                Move::Load => format!("refuse load {image} on {node}"),
            },
            Effect::Start { invocation, node, container, .. } => {
                format!("start {} on {node} in {container}", invocation.id)
            }
            Effect::KeepAlive { container, idle, .. } => {
                format!("keep {container} for {}", idle.as_secs_f64())
            }
            Effect::HoldRound { at } => format!("hold round at {at:.0}"),
            Effect::RetryMove { after } => format!("retry after {}", after.as_secs_f64()),
            Effect::Expire { at } => format!("expire at {at:.0}"),
            Effect::Prewarm { function, after } => {
                format!("prewarm {function} after {}", after.as_secs_f64())
            }
            Effect::ForgetPrewarm { function } => format!("forget prewarming of {function}"),
            Effect::Stopped { container } => format!("stopped {container}"),
            Effect::CancelBody { invocation } => format!("cancel body {}", invocation.id),
            Effect::Ended { invocation, outcome, .. } => {
                format!("ended {} {}", invocation.id, outcome.name())
            }
        };
        self.effects().iter().map(order).collect()
    }

    /// The events since the last call.
    pub(super) fn events(&mut self) -> Vec<EventKind> {
        let news = self.state.observers.news.as_mut().map(std::mem::take).unwrap_or_default();
        news.into_iter().map(|event| event.kind).collect()
    }

    pub(super) fn is_running(&self, invocation: InvocationId) -> bool {
        self.state.running_ids().contains(&invocation)
    }

    /// The used bytes of a node's memory.
    pub(super) fn memory_used(&self, node: u32) -> u64 {
        self.state.nodes[NodeId(node)].memory.borrow().used()
    }

    pub(super) fn disk_used(&self, node: u32) -> u64 {
        self.state.nodes[NodeId(node)].disk.borrow().used()
    }
}

/// The outcome of an invocation, if it ended among these effects.
pub(super) fn outcome_of(effects: &[Effect], id: InvocationId) -> Option<Outcome> {
    effects.iter().find_map(|effect| match effect {
        Effect::Ended { invocation, outcome, .. } if invocation.id == id => Some(*outcome),
        _ => None,
    })
}

/// The container in which an invocation was started among these effects.
pub(super) fn container_of(effects: &[Effect], id: InvocationId) -> Option<ContainerId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start { invocation, container, .. } if invocation.id == id => Some(*container),
        _ => None,
    })
}
