//! Invocations from their submission to their end.

use std::cell::Cell;

use isotherm_kernel::Time;
use isotherm_services::{ActionReport, FailureCause};

use super::containers::Damage;
use super::{
    Change, Container, Effect, Finished, Function, Image, Invocation, Node, Pending, Phase,
    PlatformState, Row,
};
use crate::config::AfterFailure;
use crate::keep_alive::Invoked;
use crate::life::{Life, Names};
use crate::{ContainerId, EventKind, FunctionId, InvocationId, InvocationRecord, Outcome};

impl PlatformState {
    /// Accepts an invocation.
    pub(crate) fn submit(&mut self, function: FunctionId) -> (InvocationId, &mut Invocation) {
        let id = InvocationId(self.next_invocation);
        self.next_invocation += 1;
        let spec = &mut self.functions[function.index()];
        if let Some(since) = spec.idle_since() {
            spec.rest.last_idle = Some(self.now.since(since));
            spec.idle_since = Time::NEVER;
        }
        if spec.take_prewarming().is_some() {
            self.effects.push_back(Effect::ForgetPrewarm { function });
        }
        self.new.push_back((id, function));
        self.emit(|| EventKind::Submitted { invocation: id, function });
        let life = Life::new(self.now);
        let chance = self.functions[function.index()].startup.chance();
        let invocation = match self.spare_invocations.pop() {
            Some(mut spare) => {
                (spare.function, spare.phase, spare.life) = (function, Phase::New, life);
                (spare.chance, spare.has_handle) = (chance, Cell::new(false));
                spare
            }
            None => {
                let row = Row(self.next_row);
                self.next_row += 1;
                let (phase, has_handle) = (Phase::New, Cell::new(false));
                Box::new(Invocation { row, function, phase, chance, life, has_handle })
            }
        };
        (id, self.invocations.insert_new(id, invocation))
    }

    /// An invocation that is about to be accepted, as keep-alive policies see it.
    pub(crate) fn invoked_now(&self, function: FunctionId) -> Invoked {
        let spec = &self.functions[function.index()];
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
    pub(super) fn make_schedulable(&mut self, id: InvocationId) {
        self.join_queue(id);
        self.note_admission(id);
        self.emit(|| EventKind::Admitted { invocation: id });
    }

    pub(super) fn note_admission(&mut self, id: InvocationId) {
        if let Some(Invocation { life, .. }) = self.invocations.get_mut(&id).map(Box::as_mut) {
            life.admitted = Some(self.now);
            life.download_wait = self.now.since(life.submitted).saturating_sub(life.throttle_wait);
        }
    }

    pub(super) fn join_queue(&mut self, id: InvocationId) {
        let Some(invocation) = self.invocations.get_mut(&id) else { return };
        let pending = Pending { invocation: id, function: invocation.function };
        let sequence = self.pending.push(pending);
        invocation.phase = Phase::Pending(sequence);
        let function = invocation.function;
        self.log.add(Change::Pending { invocation: id, function });
        let spec = &mut self.functions[function.index()];
        spec.pending.push_at(sequence, pending);
        let image = spec.image;
        self.functions_waiting.insert(function);
        if let Some(image) = image {
            self.images[image.index()].functions_waiting.insert(function);
            self.pin_on_head(image);
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
        self.pending.remove(sequence);
        let spec = &mut self.functions[function.index()];
        spec.pending.remove(sequence);
        let (image, none_left) = (spec.image, spec.pending.is_empty());
        if none_left {
            self.functions_waiting.remove(function);
        }
        if let Some(image) = image {
            if none_left {
                self.images[image.index()].functions_waiting.remove(&function);
            }
            self.unpin_on_head(image);
        }
    }

    /// Ends an invocation in any phase, and queues the notification of its user.
    pub(super) fn end(&mut self, id: InvocationId, outcome: Outcome, cause: Option<FailureCause>) {
        if let Some(invocation) = self.invocations.remove(&id) {
            self.end_removed(id, invocation, outcome, cause, (None, None));
        }
    }

    /// Ends an invocation that was removed from the table, with the dates of its body.
    fn end_removed(
        &mut self,
        id: InvocationId,
        invocation: Box<Invocation>,
        outcome: Outcome,
        mut cause: Option<FailureCause>,
        (started, ended): (Option<Time>, Option<Time>),
    ) {
        let names = if self.names_wanted || invocation.has_handle.get() {
            names(&self.functions, &self.images, &self.nodes, &invocation)
        } else {
            Names { function: &self.no_name, image: None, node: None }
        };
        let record = self.records.of(&invocation.life, id, &names, |record| {
            record.finished = self.now;
            record.outcome = outcome;
            // Nearly always both are `None`; then nothing is moved.
            if record.cause.is_some() || cause.is_some() {
                record.cause = cause.take();
            }
            (record.started, record.ended) = (started, ended);
        });
        self.has_ended_handles |= invocation.has_handle.get();
        let (function, phase) = (invocation.function, invocation.phase);
        self.finished.push_back(Finished { invocation, record });
        self.effects.push_back(Effect::Ended { invocation: id, outcome });
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
    pub(crate) fn is_over(&mut self, finished: Finished) {
        self.spare_invocations.push(finished.invocation);
        self.records.give_back(finished.record);
    }

    /// The body of an invocation has ended: its slot is free. If its container serves no other, it
    /// is returned, to ask whether it is [kept](Self::answer_keep).
    #[must_use]
    pub(crate) fn body_ended(
        &mut self,
        id: InvocationId,
        report: ActionReport,
    ) -> Option<ContainerId> {
        let invocation = self
            .invocations
            .remove_if(&id, |invocation| matches!(invocation.phase, Phase::Running(_)))?;
        let Phase::Running(container) = invocation.phase else { return None };
        let damage = match &report.result {
            Ok(()) => Damage::default(),
            Err(cause) => self.damage(container, cause),
        };
        let left = self.leave_container(container, damage);
        let Container { node, function, .. } = left;
        self.functions[function.index()].running -= 1;
        self.change_slots_used(node, |used| used - 1);
        self.log.add(Change::Ended { invocation: id, function, node });
        let (outcome, cause) = match report.result {
            Ok(()) => (Outcome::Completed, None),
            Err(cause) => (outcome_of(&cause), Some(cause)),
        };
        // The slot is free from now on, so the end is emitted before the fate of the container.
        self.end_removed(id, invocation, outcome, cause, (report.started, report.ended));
        if left.serving > 0 {
            return None;
        }
        // A container whose host has failed stays lost, however its last invocation ends.
        if left.is_lost {
            self.give_back(container);
            // The memory was lost with the host; until now the container pinned its image there.
            if let Some(image) = self.functions[function.index()].image {
                self.drop_from_memory(node, image);
            }
            return None;
        }
        Some(container)
    }

    /// The effect of a failed body on its container.
    #[cold]
    fn damage(&self, container: ContainerId, cause: &FailureCause) -> Damage {
        let Some(container) = self.containers.get(&container) else { return Damage::default() };
        // A body may also fail because of another host, which does not affect its container.
        let node = &self.nodes[container.node.index()];
        let host_failed =
            matches!(cause, FailureCause::HostFailed { host } if *node.name == **host);
        let on_failure = self.functions[container.function.index()].rest.on_failure;
        let after = match cause {
            FailureCause::Cancelled | FailureCause::ServiceStopped { .. } => AfterFailure::Keep,
            FailureCause::TimeLimit => on_failure.timeout,
            _ => on_failure.error,
        };
        Damage { host_failed, discard: after == AfterFailure::Discard }
    }

    /// Cancels an invocation; returns whether it had not ended.
    pub(crate) fn cancel(&mut self, id: InvocationId, cause: FailureCause) -> bool {
        let Some(invocation) = self.invocations.get(&id) else { return false };
        let function = invocation.function;
        match invocation.phase {
            Phase::New => {
                self.new.retain(|&(new, _)| new != id);
            }
            Phase::Throttled => self.leave_line(id, function),
            Phase::AwaitsImage => {
                if let Some(image) = self.functions[function.index()].image {
                    self.leave_image(id, image);
                }
            }
            Phase::Pending(sequence) => {
                self.leave_queue(id, function, sequence);
            }
            Phase::Running(_) => {
                self.effects.push_back(Effect::CancelBody { invocation: id });
                return true;
            }
        }
        let outcome =
            if cause == FailureCause::Cancelled { Outcome::Cancelled } else { Outcome::Failed };
        self.end(id, outcome, Some(cause));
        true
    }

    /// Ends every invocation that is not in a container with a cause, in the order of submission.
    pub(crate) fn fail_all_waiting(&mut self, cause: &FailureCause) {
        let mut waiting: Vec<InvocationId> = self.new.iter().map(|&(id, _)| id).collect();
        waiting.extend(self.in_line());
        waiting.extend(self.images.iter().flat_map(|image| image.waiting.iter().copied()));
        waiting.extend(self.pending.iter().map(|pending| pending.invocation));
        waiting.sort_unstable();
        for id in waiting {
            self.cancel(id, cause.clone());
        }
    }

    /// The invocations in containers, in the order of submission.
    pub(crate) fn running(&self) -> Vec<InvocationId> {
        let all = self.invocations.iter();
        let running = all.filter(|(_, invocation)| matches!(invocation.phase, Phase::Running(_)));
        let mut running: Vec<InvocationId> = running.map(|(id, _)| id).collect();
        running.sort_unstable();
        running
    }

    /// The record so far of an invocation that has not ended.
    pub(crate) fn record(&self, id: InvocationId, now: Time) -> InvocationRecord {
        let invocation = &self.invocations[&id];
        let names = names(&self.functions, &self.images, &self.nodes, invocation);
        InvocationRecord {
            started: invocation.life.started(now),
            ..invocation.life.record(id, &names)
        }
    }

    /// The body of an invocation begins at another date than the end of the start-up.
    pub(crate) fn body_begins(&mut self, id: InvocationId, at: Time) {
        let invocation = self.invocations.get_mut(&id);
        if let Some(dispatched) = invocation.and_then(|found| found.life.dispatched.as_mut()) {
            dispatched.begins = at;
        }
    }

    /// The container that an invocation is in.
    pub(crate) fn container_of(&self, id: InvocationId) -> Option<ContainerId> {
        match self.invocations.get(&id)?.phase {
            Phase::Running(container) => Some(container),
            _ => None,
        }
    }

    /// The number of invocations that a container serves.
    pub(crate) fn served_by(&self, container: ContainerId) -> u32 {
        self.containers.get(&container).map_or(0, |container| container.serving)
    }

    /// Disk limit of a container in bytes.
    pub(crate) fn disk_limit(&self, container: ContainerId) -> u64 {
        let container = &self.containers[&container];
        self.functions[container.function.index()].limits.disk_bytes
    }

    /// Ends an invocation whose body will not report its end, as [`body_ended`](Self::body_ended)
    /// does.
    #[must_use]
    pub(crate) fn abandon(&mut self, id: InvocationId, cause: FailureCause) -> Option<ContainerId> {
        let started =
            self.invocations.get(&id).and_then(|invocation| invocation.life.started(self.now));
        self.body_ended(id, ActionReport { started, ended: None, result: Err(cause) })
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
    functions: &'a [Function],
    images: &'a [Image],
    nodes: &'a [Node],
    invocation: &Invocation,
) -> Names<'a> {
    let function = &functions[invocation.function.index()];
    Names {
        function: &function.rest.name,
        image: function.image.map(|image| &images[image.index()].name),
        node: invocation
            .life
            .dispatched
            .as_ref()
            .map(|dispatched| &nodes[dispatched.node.index()].name),
    }
}
