//! A scheduling round: the scheduler decides, the decisions are carried out.

use super::node::Transfer;
use super::{Effect, Place, PlatformState, View};
use crate::scheduler::{Dispatch, Plan};
use crate::{ContainerId, EventKind, StartKind};

impl PlatformState {
    /// Asks the scheduler and carries out its decisions: dispatches, then loads, then copies.
    pub(super) fn run_round(&mut self) {
        let mut plan = std::mem::take(&mut self.plan);
        // The scheduler reads the state while it changes its own, so it is taken out of it for the while.
        let mut scheduler = self.policies.scheduler.take();
        self.repeats = false;
        loop {
            plan.clear();
            if let Some(scheduler) = &mut scheduler {
                scheduler.round(&View::new(self), &mut plan);
            }
            if std::mem::take(&mut plan.caught_up) {
                for node in self.touched.drain(..) {
                    self.nodes[node.index()].touched = false;
                }
            }
            self.refused.clear();
            self.opened.clear();
            self.carry_out(&plan);
            self.repeats = plan.goes_on && !self.pending.is_empty();
            if !self.repeats {
                break;
            }
        }
        self.policies.scheduler = scheduler;
        self.plan = plan;
    }

    fn carry_out(&mut self, plan: &Plan) {
        let mut as_planned = plan.dispatches.is_empty() && plan.loads.is_empty();
        for &dispatch in &plan.dispatches {
            self.dispatch(dispatch);
        }
        for &(node, image) in &plan.loads {
            if self.exist(node, image) {
                self.begin_load(node, image);
            }
        }
        for &(node, image) in &plan.copies {
            as_planned &= self.exist(node, image) && self.begin_copy(node, image);
        }
        if !as_planned {
            self.changes += 1;
        }
    }

    /// A scheduler may be wrong about anything.
    fn exist(&self, node: crate::NodeId, image: crate::ImageId) -> bool {
        node.index() < self.nodes.len() && image.index() < self.images.len()
    }

    /// Gives an invocation to a container, if that is feasible now; else it stays where it is in the queue.
    fn dispatch(&mut self, dispatch: Dispatch) {
        let Dispatch { invocation: id, node, container } = dispatch;
        let Some(invocation) = self.invocations.get(&id) else { return };
        let (function, Place::Pending(sequence)) = (invocation.function, invocation.place) else { return };
        if node.index() >= self.nodes.len() || self.nodes[node.index()].free_slots() == 0 {
            self.refused.push(function);
            return;
        }
        let (served_by, is_new) = match container {
            Some(wanted) if self.can_serve(wanted, node, function) => (wanted, false),
            Some(_) => {
                self.refused.push(function);
                return;
            }
            None => match self.place_beside_others(node, function) {
                Some(found) => (found, false),
                None => match self.start_new(node, function) {
                    Some(new) => (new, true),
                    None => {
                        self.refused.push(function);
                        return;
                    }
                },
            },
        };
        self.leave_queue(function, sequence);
        self.occupy(served_by, is_new);
        self.dispatches += 1;
        self.change_slots_used(node, |used| used + 1);
        self.note_dispatch(dispatch, served_by, is_new);
    }

    /// A container that can take an invocation beside those that it serves: where containers serve several at once, one that has been
    /// started in this round may have a place for others that were to have a new one.
    fn place_beside_others(&self, node: crate::NodeId, function: crate::FunctionId) -> Option<ContainerId> {
        let spec = &self.functions[function.index()];
        if spec.concurrency == 1 {
            return None;
        }
        spec.idle.on(node).next()
    }

    /// A new container, for which the image has to be on the node's disk and in its memory.
    pub(super) fn start_new(&mut self, node: crate::NodeId, function: crate::FunctionId) -> Option<ContainerId> {
        if let Some(image) = self.functions[function.index()].image {
            let known = self.nodes[node.index()].image(image);
            if known.disk.is_none() || known.memory.is_none() || known.copy != Transfer::None {
                return None;
            }
        }
        self.start_container(node, function)
    }

    fn note_dispatch(&mut self, dispatch: Dispatch, container: ContainerId, is_new: bool) {
        let Dispatch { invocation: id, node, .. } = dispatch;
        let now = self.now;
        // One that was started before it was needed may still be starting.
        let startup = self.containers[&container].ready_at.since(now);
        let start_kind = if is_new || !startup.is_zero() { StartKind::Cold } else { StartKind::Warm };
        let Some(invocation) = self.invocations.get_mut(&id) else { return };
        invocation.place = Place::Running(container);
        let spec = &mut self.functions[invocation.function.index()];
        spec.running += 1;
        let limit = spec.limits.time;
        let known = spec.image.map(|image| self.nodes[node.index()].image(image)).unwrap_or_default();
        let name = self.nodes[node.index()].name.clone();
        invocation.status.update(|record| {
            let admitted = record.admitted.unwrap_or(now);
            record.dispatched = Some(now);
            record.node = Some(name);
            record.container = Some(container);
            record.start_kind = Some(start_kind);
            record.copy_wait = known.copied.within(admitted, now);
            record.load_wait = known.loaded.within(admitted, now);
        });
        invocation.status.set_begin(now + startup);
        self.emit(|| EventKind::Dispatched { invocation: id, node, container, start_kind });
        self.effects.push(Effect::Start { invocation: id, node, container, startup, limit });
    }
}
