//! Invocations from their submission to their end.

use std::rc::Rc;

use isotherm_kernel::Time;
use isotherm_services::{ActionReport, FailureCause};

use super::containers::Damage;
use super::{
    Apps, Change, Container, Effect, Function, Image, Invocation, InvocationKey, Membership, Nodes,
    Pending, Phase, PlatformState,
};
use crate::id_vec::IdVec;
use crate::keep_alive::Invoked;
use crate::life::Names;
use crate::rules::AfterFailure;
use crate::{ContainerId, EventKind, FunctionId, ImageId, InvocationId, InvocationRecord, Outcome};

impl PlatformState {
    /// Accepts an invocation.
    pub(crate) fn submit(&mut self, function: FunctionId) -> &mut Invocation {
        let id = self.invocations.new_id();
        let spec = &mut self.functions[function];
        if let Some(since) = spec.idle_since() {
            spec.rest.last_idle = Some(self.now.since(since));
            spec.idle_since = Time::NEVER;
        }
        let is_prewarming = spec.is_prewarming;
        self.emit(|| EventKind::Submitted { invocation: id, function });
        if is_prewarming {
            self.forget_prewarming(function, Some(id));
        }
        let chance = self.functions[function].startup.chance();
        let invocation = self.invocations.insert(id, function, chance, self.now);
        self.queues.new.push_back((invocation.key(), function));
        invocation
    }

    /// An invocation that is about to be accepted, as keep-alive policies see it.
    pub(crate) fn invoked_now(&self, function: FunctionId) -> Invoked {
        let spec = &self.functions[function];
        Invoked {
            at: self.now,
            function,
            running: spec.running,
            waiting: spec.pending.len(),
            containers: spec.rest.containers,
            idle: spec.idle_since().map(|since| self.now.since(since)),
        }
    }

    /// Appends an invocation whose image is on the head disk to the queue.
    pub(super) fn make_schedulable(&mut self, key: InvocationKey) {
        self.join_queue(key);
        self.note_admission(key);
        self.emit(|| EventKind::Admitted { invocation: key.id });
    }

    pub(super) fn note_admission(&mut self, key: InvocationKey) {
        if let Some(invocation) = self.invocations.at_mut(key) {
            invocation.life.admit(self.now);
        }
    }

    pub(super) fn join_queue(&mut self, key: InvocationKey) {
        let id = key.id;
        self.invocations.list(key);
        let Some(invocation) = self.invocations.at_mut(key) else { return };
        let pending = Pending { invocation: id, function: invocation.function };
        let Pending { function, .. } = pending;
        let spec = &mut self.functions[function];
        invocation.phase = Phase::Pending(self.queues.push(&mut spec.pending, pending));
        self.log.add(Change::Pending { invocation: id, function });
        if let Some(image) = spec.image {
            let image = &mut self.images[image];
            image.functions_waiting.insert(function);
            self.head.pin(image.head);
        }
    }

    /// Removes a pending invocation from the queue.
    pub(super) fn leave_queue(
        &mut self,
        invocation: InvocationId,
        function: FunctionId,
        sequence: u64,
    ) {
        self.log.add(Change::Left { invocation, function });
        let spec = &mut self.functions[function];
        let none_left = self.queues.remove(&mut spec.pending, function, sequence);
        if let Some(image) = spec.image {
            let image = &mut self.images[image];
            if none_left {
                image.functions_waiting.remove(&function);
            }
            self.head.unpin(image.head);
        }
    }

    /// Ends an invocation in any phase, and queues the notification of its user.
    pub(super) fn end(
        &mut self,
        key: InvocationKey,
        outcome: Outcome,
        cause: Option<FailureCause>,
    ) {
        self.end_with(key, outcome, cause, (Time::NEVER, Time::NEVER));
    }

    /// Ends an invocation with the dates of its body, [`NEVER`](Time::NEVER) for one that it did
    /// not reach. Who reads an optional date that was just moved as a whole waits for that.
    fn end_with(
        &mut self,
        key: InvocationKey,
        outcome: Outcome,
        mut cause: Option<FailureCause>,
        (started, ended): (Time, Time),
    ) {
        let Some(invocation) = self.invocations.at(key) else { return };
        let id = key.id;
        let are_read = self.records.names_wanted || invocation.has_handle.get();
        let names = are_read
            .then(|| names((&self.functions, &self.apps), &self.images, &self.nodes, invocation));
        let cold = self.invocations.cold(invocation);
        let mut cold = cold.map(|cold| cold.told(&self.functions, are_read));
        let ids = (id, invocation.function);
        let record = self.records.of(&invocation.life, ids, names, |record| {
            record.finished = self.now;
            record.outcome = outcome;
            // Nearly always both are `None`; then nothing is moved.
            if record.cause.is_some() || cause.is_some() {
                record.cause = cause.take();
            }
            if record.cold_start.is_some() || cold.is_some() {
                record.cold_start = cold.take();
            }
            record.started = (started < Time::NEVER).then_some(started);
            record.ended = (ended < Time::NEVER).then_some(ended);
        });
        let (function, phase) = (invocation.function, invocation.phase);
        let (is_attended, has_handle) = (invocation.is_attended.get(), invocation.has_handle.get());
        self.effects.has_ended_handles |= has_handle;
        self.invocations.remove(key);
        self.effects.records.push_back(record);
        self.effects.push(Effect::Ended { invocation: key, is_attended, outcome });
        let container = match phase {
            Phase::Running(container) => Some(container),
            _ => None,
        };
        self.emit(|| EventKind::Ended { invocation: id, outcome, container });
        if matches!(phase, Phase::AwaitsImage | Phase::Pending(_) | Phase::Running(_)) {
            self.leave_gates(function);
        }
    }

    /// The service has handled the end of an invocation.
    pub(crate) fn is_over(&mut self, key: InvocationKey, record: Rc<InvocationRecord>) {
        self.invocations.release(key.row);
        self.records.give_back(record);
    }

    /// The body of an invocation has ended: its slot is free. If its container serves no other, it
    /// is returned, to ask whether it is [kept](Self::answer_keep).
    #[must_use]
    pub(crate) fn body_ended(
        &mut self,
        key: InvocationKey,
        report: &ActionReport,
    ) -> Option<ContainerId> {
        let Phase::Running(container) = self.invocations.at(key)?.phase else { return None };
        let damage = match &report.result {
            Ok(()) => Damage::default(),
            Err(cause) => self.damage(container, cause),
        };
        let left = self.leave_container(container, damage);
        let Container { node, function, .. } = left;
        self.functions[function].running -= 1;
        self.change_slots_used(node, |used| used - 1);
        self.log.add(Change::Ended { invocation: key.id, function, node });
        let (outcome, cause) = match &report.result {
            Ok(()) => (Outcome::Completed, None),
            Err(cause) => (outcome_of(cause), Some(cause.clone())),
        };
        let date = |date: Option<Time>| date.unwrap_or(Time::NEVER);
        // The slot is free from now on, so the end is emitted before the fate of the container.
        self.end_with(key, outcome, cause, (date(report.started), date(report.ended)));
        if left.serving > 0 {
            return None;
        }
        // A container whose host has failed stays lost, however its last invocation ends.
        if left.is_lost {
            self.give_back(container);
            // The memory was lost with the host; until now the container pinned its image there.
            if let Some(image) = self.functions[function].image {
                self.drop_from_memory(node, image);
            }
            self.let_go(node);
            return None;
        }
        if self.nodes[node].membership != Membership::Joined {
            self.give_back(container);
            self.let_go(node);
            return None;
        }
        Some(container)
    }

    /// The effect of a failed body on its container.
    #[cold]
    fn damage(&self, container: ContainerId, cause: &FailureCause) -> Damage {
        let Some(container) = self.containers.all.get(&container) else { return Damage::default() };
        // A body may also fail because of another host, which does not affect its container.
        let node = &self.nodes[container.node];
        let host_failed =
            matches!(cause, FailureCause::HostFailed { host } if *node.name == **host);
        let on_failure = self.functions[container.function].rest.on_failure;
        let after = match cause {
            FailureCause::Cancelled | FailureCause::ServiceStopped { .. } => AfterFailure::Keep,
            FailureCause::TimeLimit => on_failure.timeout,
            _ => on_failure.error,
        };
        Damage { host_failed, discard: after == AfterFailure::Discard }
    }

    /// Cancels an invocation; returns whether it had not ended.
    pub(crate) fn cancel(&mut self, key: InvocationKey, cause: FailureCause) -> bool {
        let id = key.id;
        let Some(invocation) = self.invocations.at(key) else { return false };
        let function = invocation.function;
        match invocation.phase {
            Phase::Ended => return false,
            Phase::New => {
                self.queues.new.retain(|&(new, _)| new != key);
            }
            Phase::Throttled => self.leave_line(id, function),
            Phase::AwaitsImage => {
                if let Some(image) = self.functions[function].image {
                    self.leave_image(id, image);
                }
            }
            Phase::Pending(sequence) => {
                self.leave_queue(id, function, sequence);
            }
            Phase::Running(_) => {
                self.effects.push(Effect::CancelBody { invocation: key });
                return true;
            }
        }
        let outcome =
            if cause == FailureCause::Cancelled { Outcome::Cancelled } else { Outcome::Failed };
        self.end(key, outcome, Some(cause));
        true
    }

    /// Ends every invocation that is not in a container with a cause, in the order of submission.
    pub(crate) fn fail_all_waiting(&mut self, cause: &FailureCause) {
        for key in self.invocations.all_that(|phase| !matches!(phase, Phase::Running(_))) {
            self.cancel(key, cause.clone());
        }
    }

    /// The record so far of an invocation that has not ended.
    pub(crate) fn record(&self, key: InvocationKey, now: Time) -> InvocationRecord {
        let invocation = &self.invocations[key];
        let names = names((&self.functions, &self.apps), &self.images, &self.nodes, invocation);
        InvocationRecord {
            started: invocation.life.started(now),
            cold_start: self
                .invocations
                .cold(invocation)
                .map(|cold| cold.told(&self.functions, true)),
            ..invocation.life.record((key.id, invocation.function), &names)
        }
    }

    /// Disk limit of a container in bytes.
    pub(crate) fn disk_limit(&self, container: ContainerId) -> u64 {
        let container = &self.containers.all[&container];
        self.functions[container.function].limits.disk_bytes
    }

    /// Ends an invocation whose body will not report its end, as [`body_ended`](Self::body_ended)
    /// does.
    #[must_use]
    pub(crate) fn abandon(
        &mut self,
        key: InvocationKey,
        cause: FailureCause,
    ) -> Option<ContainerId> {
        let started =
            self.invocations.at(key).and_then(|invocation| invocation.life.started(self.now));
        self.body_ended(key, &ActionReport { started, ended: None, result: Err(cause) })
    }
}

/// The outcome of an invocation whose body has failed.
#[cold]
fn outcome_of(cause: &FailureCause) -> Outcome {
    match cause {
        FailureCause::TimeLimit => Outcome::TimedOut,
        FailureCause::Cancelled => Outcome::Cancelled,
        _ => Outcome::Failed,
    }
}

/// The names for the record of an invocation.
fn names<'a>(
    (functions, apps): (&'a IdVec<FunctionId, Function>, &'a Apps),
    images: &'a IdVec<ImageId, Image>,
    nodes: &'a Nodes,
    invocation: &Invocation,
) -> Names<'a> {
    let function = &functions[invocation.function];
    Names {
        function: &function.rest.name,
        app: &apps.names[function.rest.app],
        image: function.image.map(|image| &images[image].name),
        node: invocation.life.dispatched.as_ref().map(|dispatched| &nodes[dispatched.node].name),
    }
}
