//! Scheduling rounds: the scheduler is asked, and its decisions are carried out.

use isotherm_kernel::{Duration, Time};

use super::containers::StartedFor;
use super::{Change, ChangeKinds, Effect, InvocationKey, Move, Phase, PlatformState, View};
use crate::life::Dispatched;
use crate::plan::{Dispatch, Placed, Plan, StartAhead};
use crate::{ContainerId, EventKind, FunctionId, NodeId, StartKind, StopReason};

/// What the platform state asks of the scheduler.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks {
    Nothing,
    /// Where to place the only schedulable invocation, if that can be decided without a round.
    Alone {
        invocation: InvocationKey,
        function: FunctionId,
    },
    /// What to do in a round.
    Round,
}

/// The rounds of the scheduler.
#[derive(Default)]
pub(super) struct Rounds {
    /// Whether the current round continues the last one, for the same message.
    pub(super) repeats: bool,
    /// The rounds since the last one, for the same message, in which anything was feasible.
    in_vain: usize,
    /// The date at which to hold a round whether or not an invocation is pending.
    next: Option<Time>,
    /// The first date at which the service will be woken for a round.
    timer: Option<Time>,
    /// That date has come.
    is_due: bool,
}

impl PlatformState {
    /// Asks for a round if an invocation is pending, or at the date that a plan has named.
    pub(super) fn ask_for_round(&mut self) -> Asks {
        self.rounds.repeats = false;
        self.rounds.in_vain = 0;
        let wanted = self.rounds.is_due || !self.queues.pending.is_empty();
        if wanted { Asks::Round } else { Asks::Nothing }
    }

    /// Has a round held at a date, in place of an earlier one.
    pub(crate) fn hold_round_at(&mut self, at: Time) {
        self.rounds.next = (at < Time::NEVER).then_some(at);
        self.set_round_timer();
    }

    /// Has the service woken for the next round, unless it will be woken earlier, and sees then.
    fn set_round_timer(&mut self) {
        if let Some(at) = self.rounds.next
            && self.rounds.timer.is_none_or(|timer| at < timer)
        {
            self.rounds.timer = Some(at);
            self.effects.push(Effect::HoldRound { at });
        }
    }

    /// The service was woken for a round. Returns whether it is due.
    pub(crate) fn note_round_due(&mut self) -> bool {
        self.rounds.timer.take_if(|at| *at <= self.now);
        self.rounds.is_due = self.rounds.next.take_if(|at| *at <= self.now).is_some();
        self.set_round_timer();
        self.rounds.is_due
    }

    /// Carries out the decisions of a round: dispatches, loads, copies, stops, starts. Another
    /// round is asked for if the scheduler has more to decide.
    pub(crate) fn answer_round(&mut self, plan: &Plan) -> Asks {
        let before = (self.effects.len(), self.containers.next_id);
        self.rounds.is_due = false;
        self.carry_out(plan);
        // A scheduler that decides the same in vain again and again is not asked for ever.
        let is_feasible = (self.effects.len(), self.containers.next_id) != before;
        self.rounds.in_vain = if is_feasible { 0 } else { self.rounds.in_vain + 1 };
        if let Some(at) = plan.next_round {
            // Time has to pass until then, so that rounds of no use do not hold it up for ever.
            self.hold_round_at(at.max(self.now + Duration::from_nanos(1)));
        }
        self.rounds.repeats = plan.goes_on && self.rounds.in_vain < self.queues.pending.len();
        if self.rounds.repeats {
            return Asks::Round;
        }
        // Dispatched invocations no longer pin their image on the head disk, so there may be room.
        self.begin_awaited_downloads();
        #[cfg(any(test, feature = "audit"))]
        self.check();
        Asks::Nothing
    }

    fn carry_out(&mut self, plan: &Plan) {
        let mut as_planned = plan.dispatches.is_empty() && plan.loads.is_empty();
        for &dispatch in &plan.dispatches {
            self.dispatch(dispatch);
        }
        for &(node, image) in &plan.loads {
            if self.exist(node, image) {
                self.begin_move(Move::Load, node, image);
            }
        }
        for &(node, image) in &plan.copies {
            as_planned &= self.exist(node, image) && self.begin_move(Move::Copy, node, image);
        }
        for &container in &plan.stops {
            self.stop_idle(container);
        }
        for &start in &plan.starts {
            self.start_ahead(start);
        }
        as_planned &= plan.stops.is_empty() && plan.starts.is_empty();
        if !as_planned {
            self.log.add_event();
        }
    }

    /// Stops a container, if there is one that is idle.
    fn stop_idle(&mut self, id: ContainerId) {
        if self.containers.all.get(&id).is_some_and(|container| container.serving == 0) {
            self.stop_container(id, StopReason::Planned);
        }
    }

    fn start_ahead(&mut self, start: StartAhead) {
        let StartAhead { function, node, keep } = start;
        if self.nodes.all.get(node).is_some() && self.functions.get(function).is_some() {
            self.start_idle(function, node, keep);
        }
    }

    /// Whether the ids of a decision exist: a scheduler may be wrong.
    fn exist(&self, node: NodeId, image: crate::ImageId) -> bool {
        self.nodes.all.get(node).is_some() && self.images.get(image).is_some()
    }

    /// Dispatches an invocation if that is feasible now; otherwise it keeps its position in the
    /// queue.
    fn dispatch(&mut self, dispatch: Dispatch) {
        let Dispatch { invocation: id, node, container } = dispatch;
        let Some(key) = self.invocations.find(id) else { return };
        let Some(invocation) = self.invocations.at(key) else { return };
        let (function, Phase::Pending(sequence)) = (invocation.function, invocation.phase) else {
            return;
        };
        let Some((served_by, is_new)) = self.container_for(key, function, node, container) else {
            self.log.add(Change::Refused { function });
            return;
        };
        self.leave_queue(id, function, sequence);
        self.give(key, node, served_by, is_new);
    }

    /// Whether to ask for the place of a new invocation without a round: no other is pending.
    ///
    /// Where unused images keep their room (preset `wrench`), a decision may be infeasible. The
    /// round that follows would ask the scheduler again, and a rule that draws or counts would
    /// decide differently than in rounds alone; so there is always a round.
    pub(super) fn asks_for_place(&mut self) -> bool {
        self.rounds.repeats = false;
        self.queues.pending.is_empty() && self.policies.evicts_for_images()
    }

    /// Dispatches the new invocation that was asked about, or admits it and asks for a round.
    pub(crate) fn answer_alone(
        &mut self,
        key: InvocationKey,
        function: FunctionId,
        placed: Option<Placed>,
    ) -> Asks {
        match placed {
            Some(Placed { node, container }) => {
                self.emit(|| EventKind::Admitted { invocation: key.id });
                match self.container_for(key, function, node, container) {
                    Some((served_by, is_new)) => {
                        self.give(key, node, served_by, is_new);
                        self.log.add_event();
                    }
                    None => {
                        self.note_admission(key);
                        self.join_queue(key);
                    }
                }
            }
            None => self.admit(key, function),
        }
        #[cfg(any(test, feature = "audit"))]
        self.check();
        self.ask_for_round()
    }

    /// The container to serve an invocation of a function on a node, started if necessary, and
    /// whether it is new. `None` if infeasible.
    fn container_for(
        &mut self,
        key: InvocationKey,
        function: FunctionId,
        node: NodeId,
        wanted: Option<ContainerId>,
    ) -> Option<(ContainerId, bool)> {
        if self.nodes.all.get(node).is_none_or(|node| node.free_slots() == 0) {
            return None;
        }
        match wanted {
            Some(wanted) => self.can_serve(wanted, node, function).then_some((wanted, false)),
            None => match self.place_beside_others(node, function) {
                Some(found) => Some((found, false)),
                None => {
                    let chance = self.invocations.at(key).map(|invocation| invocation.chance);
                    let cold = self.why_new(function);
                    let started_for = chance
                        .map_or(StartedFor::LaterUse, |chance| StartedFor::Invocation { chance });
                    let new = self.start_new(node, function, started_for)?;
                    self.invocations.note_cold(key, cold);
                    Some((new, true))
                }
            },
        }
    }

    fn give(&mut self, key: InvocationKey, node: NodeId, container: ContainerId, is_new: bool) {
        let Some((ready_at, serving)) = self.occupy(container, is_new) else { return };
        self.containers.dispatches += 1;
        self.change_slots_used(node, |used| used + 1);
        let (startup, was_idle) = (ready_at.since(self.now), !is_new && serving == 1);
        self.note_dispatch(key, node, container, is_new, startup, was_idle);
    }

    /// A container with capacity left, if containers serve several invocations at once: it may have
    /// been started in this round.
    fn place_beside_others(&self, node: NodeId, function: FunctionId) -> Option<ContainerId> {
        let spec = &self.functions[function];
        if spec.concurrency == 1 {
            return None;
        }
        View::new(self).idle(function, node).next()
    }

    /// Starts a new container, for which the image must be on the node's disk and in its memory.
    pub(super) fn start_new(
        &mut self,
        node: NodeId,
        function: FunctionId,
        started_for: StartedFor,
    ) -> Option<ContainerId> {
        if let Some(image) = self.functions[function].image {
            let known = self.nodes[node].image(image);
            if !known.disk.is_present() || !known.memory.is_present() {
                return None;
            }
        }
        self.start_container_for(node, function, started_for)
    }

    /// Records a dispatch to a container that is ready after `startup`, which may be positive for a
    /// container that was started ahead.
    fn note_dispatch(
        &mut self,
        key: InvocationKey,
        node: NodeId,
        container: ContainerId,
        is_new: bool,
        startup: Duration,
        was_idle: bool,
    ) {
        let now = self.now;
        let joins_starting = !is_new && !startup.is_zero();
        let start_kind = if is_new || joins_starting { StartKind::Cold } else { StartKind::Warm };
        if self.log.wants(ChangeKinds::RUNS) {
            // Who reads that it has started may ask about it.
            self.invocations.list(key);
        }
        let Some(invocation) = self.invocations.at_mut(key) else { return };
        let id = key.id;
        invocation.phase = Phase::Running(container);
        let function = invocation.function;
        self.log.add(Change::Started { invocation: id, function, node });
        let spec = &mut self.functions[function];
        spec.running += 1;
        let (limit, memory_bytes) = (spec.limits.time, spec.limits.memory_bytes);
        // An invocation that is dispatched at once is admitted at this moment.
        let admitted = invocation.life.admitted().unwrap_or_else(|| {
            invocation.life.admit(now);
            now
        });
        let (mut copy_wait, mut load_wait) = (Duration::ZERO, Duration::ZERO);
        if let Some(image) = spec.image {
            let known = self.nodes[node].image(image);
            copy_wait = known.disk.moved().within(admitted, now);
            load_wait = known.memory.moved().within(admitted, now);
        }
        invocation.life.dispatched = Some(Dispatched {
            at: now,
            node,
            container,
            start_kind,
            begins: now + startup,
            copy_wait,
            load_wait,
        });
        self.emit(|| EventKind::Dispatched {
            invocation: id,
            node,
            container,
            memory_bytes,
            was_idle,
            start_kind,
        });
        if joins_starting {
            self.note_joined(key, function, container);
        }
        let invocation = key;
        self.effects.push(Effect::Start { invocation, node, container, startup, limit });
    }
}
