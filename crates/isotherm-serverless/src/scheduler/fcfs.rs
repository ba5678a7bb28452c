//! First come, first served.

use rustc_hash::FxHashMap;

use super::{Dispatch, Plan, Scheduler};
use crate::node_set::NodeSet;
use crate::state::{Need, Pending, View};
use crate::{FunctionId, ImageId, NodeId};

/// Serves invocations in the order in which they became schedulable, each on the first node, in the order of the list,
/// of the first rule that has one with a free slot:
///
/// 1. an idle container of the function; 2. its image in memory; 3. its image being loaded; 4. its image on disk;
///    5. its image being copied; 6. nothing more.
///
/// On that node it takes a slot for this round, and the next step towards its start is decided: dispatch, load or copy,
/// or nothing where a load or copy is in progress.
///
/// With `looks_at_room` a node counts only if the container could be started there, unless there is no such node.
#[derive(Debug, Default)]
pub struct Fcfs {
    looks_at_room: bool,
    scratch: Scratch,
}

/// The state of the platform as the decisions of this round will leave it, as far as the rules ask.
#[derive(Debug, Default)]
struct Scratch {
    /// Nodes with a free slot.
    free: NodeSet,
    /// Slots taken in this round.
    taken: FxHashMap<NodeId, u32>,
    /// Room promised in this round.
    promised: FxHashMap<NodeId, Need>,
    /// Idle containers promised in this round.
    idle_taken: FxHashMap<(FunctionId, NodeId), usize>,
    loading: FxHashMap<ImageId, NodeSet>,
    copying: FxHashMap<ImageId, NodeSet>,
}

/// What the rule that chose a node has found there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Idle,
    InMemory,
    Loading,
    OnDisk,
    Copying,
    Nothing,
}

impl Fcfs {
    /// With `looks_at_room`, nodes that have no room for the container are chosen only if no other can be.
    pub fn new(looks_at_room: bool) -> Self {
        Fcfs { looks_at_room, scratch: Scratch::default() }
    }

    fn choose(&self, view: &View<'_>, function: FunctionId) -> Option<(NodeId, Found)> {
        if self.looks_at_room
            && let Some(choice) = self.scratch.choose(view, function, true)
        {
            return Some(choice);
        }
        self.scratch.choose(view, function, false)
    }
}

impl Scheduler for Fcfs {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.scratch.reset(view);
        for Pending { invocation, function } in view.pending() {
            if self.scratch.free.is_empty() {
                return;
            }
            let Some((node, found)) = self.choose(view, function) else { continue };
            let image = view.image_of(function);
            match (found, image) {
                (Found::Idle, _) => {
                    let taken = self.scratch.idle_taken.entry((function, node)).or_default();
                    let container = view.idle(function, node).nth(*taken);
                    *taken += 1;
                    plan.dispatches.push(Dispatch { invocation, node, container });
                }
                (Found::InMemory, _) | (_, None) => {
                    self.scratch.promised.entry(node).or_default().add(view.need_of(function));
                    plan.dispatches.push(Dispatch { invocation, node, container: None });
                }
                (Found::OnDisk, Some(image)) => {
                    self.scratch.loading.entry(image).or_default().insert(node);
                    plan.loads.push((node, image));
                }
                (Found::Nothing, Some(image)) => {
                    self.scratch.copying.entry(image).or_default().insert(node);
                    plan.copies.push((node, image));
                }
                (Found::Loading | Found::Copying, Some(_)) => {}
            }
            self.scratch.take_slot(view, node);
        }
    }
}

impl Scratch {
    fn reset(&mut self, view: &View<'_>) {
        self.free.clone_from(view.with_free_slot());
        self.taken.clear();
        self.promised.clear();
        self.idle_taken.clear();
        self.loading.clear();
        self.copying.clear();
    }

    fn take_slot(&mut self, view: &View<'_>, node: NodeId) {
        let taken = self.taken.entry(node).or_default();
        *taken += 1;
        if *taken >= view.free_slots(node) {
            self.free.remove(node);
        }
    }

    /// The first node of the first rule that has one.
    fn choose(&self, view: &View<'_>, function: FunctionId, with_room: bool) -> Option<(NodeId, Found)> {
        let admissible = |node: NodeId| {
            view.fits(function, node)
                && (!with_room || view.has_room(function, node, self.promised.get(&node).copied().unwrap_or_default()))
        };
        let first = |nodes: &NodeSet| nodes.and(&self.free).find(|&node| admissible(node));
        // An idle container holds its room already.
        let idle = view.with_idle(function).and(&self.free).find(|&node| {
            let taken = self.idle_taken.get(&(function, node)).copied().unwrap_or_default();
            taken < view.idle_count(function, node)
        });
        if let Some(node) = idle {
            return Some((node, Found::Idle));
        }
        let Some(image) = view.image_of(function) else {
            return first(&self.free).map(|node| (node, Found::InMemory));
        };
        let either = |state: &NodeSet, scratch: Option<&NodeSet>| {
            let scratch = scratch.and_then(first);
            [first(state), scratch].into_iter().flatten().min()
        };
        let in_memory = first(view.in_memory(image)).map(|node| (node, Found::InMemory));
        in_memory
            .or_else(|| Some((either(view.loading(image), self.loading.get(&image))?, Found::Loading)))
            .or_else(|| Some((first(view.on_disk(image))?, Found::OnDisk)))
            .or_else(|| Some((either(view.copying(image), self.copying.get(&image))?, Found::Copying)))
            .or_else(|| Some((first(&self.free)?, Found::Nothing)))
    }
}
