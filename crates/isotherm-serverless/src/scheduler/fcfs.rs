//! First come, first served.

use rustc_hash::{FxHashMap, FxHashSet};

use super::promises::Promises;
use super::{Dispatch, Plan, Scheduler};
use crate::node_set::NodeSet;
use crate::state::{Pending, View};
use crate::{FunctionId, ImageId, NodeId};

/// Serves invocations in the order in which they became schedulable, each on the first node, in the order of the list,
/// of the first rule that has one with a free slot:
///
/// 1. an idle container of the function; 2. its image in memory; 3. its image being loaded; 4. its image on disk;
///    5. its image being copied; 6. nothing more.
///
/// On that node it takes a slot for this round, and the next step towards its start is decided: dispatch, load or copy,
/// or nothing where a load or copy is in progress. An invocation for which there is no node is skipped.
///
/// With `looks_at_room` a node counts only if the container would have room there beside everything that was decided for
/// those before it. An invocation that has room nowhere takes no slot; but its image is brought nearer, on the node of the
/// first rule, if it fits into free room there.
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
    promises: Promises,
    /// Idle containers promised in this round.
    idle_taken: FxHashMap<(FunctionId, NodeId), usize>,
    loading: FxHashMap<ImageId, NodeSet>,
    copying: FxHashMap<ImageId, NodeSet>,
    /// Where the next invocation of a function goes as long as that node has a free slot: what the rules ask for only
    /// dwindles in a round, but for the moves that are decided, so the first node of a rule stays the first. Not with
    /// `looks_at_room`, where it also depends on what was promised.
    same_again: FxHashMap<FunctionId, (NodeId, Found)>,
    /// Functions that have found no node. They will find none later in the round.
    nowhere: FxHashSet<FunctionId>,
    /// What is moved only to be nearer, after everything else.
    nearer: Plan,
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
    /// With `looks_at_room`, only nodes that have room for the container are chosen.
    pub fn new(looks_at_room: bool) -> Self {
        Fcfs { looks_at_room, scratch: Scratch::default() }
    }

    fn choose(&mut self, view: &View<'_>, function: FunctionId) -> Option<(NodeId, Found)> {
        if self.looks_at_room {
            return self.scratch.choose(view, function, true);
        }
        if let Some(&(node, found)) = self.scratch.same_again.get(&function)
            && self.scratch.free.contains(node)
        {
            return Some((node, found));
        }
        let (node, found) = self.scratch.choose(view, function, false)?;
        let again = match found {
            Found::Idle => return Some((node, found)),
            Found::OnDisk => Found::Loading,
            Found::Nothing => Found::Copying,
            Found::InMemory | Found::Loading | Found::Copying => found,
        };
        self.scratch.same_again.insert(function, (node, again));
        Some((node, found))
    }

    /// The next step of an invocation on the node that was chosen for it.
    fn decide(&mut self, view: &View<'_>, plan: &mut Plan, pending: Pending, node: NodeId, found: Found) {
        let Pending { invocation, function } = pending;
        let scratch = &mut self.scratch;
        if self.looks_at_room {
            scratch.promises.add(view, function, node);
        }
        match (found, view.image_of(function)) {
            (Found::Idle, _) => {
                let taken = scratch.idle_taken.entry((function, node)).or_default();
                let container = view.idle(function, node).nth(*taken);
                *taken += 1;
                plan.dispatches.push(Dispatch { invocation, node, container });
            }
            (Found::InMemory, _) | (_, None) => plan.dispatches.push(Dispatch { invocation, node, container: None }),
            (found, Some(image)) => scratch.bring_nearer(plan, node, image, found),
        }
        scratch.take_slot(view, node);
    }
}

impl Scheduler for Fcfs {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.scratch.reset(view);
        for pending in view.pending() {
            let function = pending.function;
            if self.scratch.free.is_empty() || self.scratch.nowhere.len() == view.functions_waiting_count() {
                break;
            }
            if self.scratch.nowhere.contains(&function) {
                continue;
            }
            if let Some((node, found)) = self.choose(view, function) {
                self.decide(view, plan, pending, node, found);
                continue;
            }
            self.scratch.nowhere.insert(function);
            if self.looks_at_room
                && let Some(image) = view.image_of(function)
                && let Some((node, found)) = self.scratch.choose(view, function, false)
            {
                let mut nearer = std::mem::take(&mut self.scratch.nearer);
                self.scratch.bring_nearer(&mut nearer, node, image, found);
                self.scratch.nearer = nearer;
            }
        }
        plan.loads.append(&mut self.scratch.nearer.loads);
        plan.copies.append(&mut self.scratch.nearer.copies);
    }
}

impl Scratch {
    fn reset(&mut self, view: &View<'_>) {
        self.free.clone_from(view.with_free_slot());
        self.taken.clear();
        self.promises.clear();
        self.idle_taken.clear();
        self.loading.clear();
        self.copying.clear();
        self.same_again.clear();
        self.nowhere.clear();
    }

    /// Decides the next step of an image towards the memory of a node.
    fn bring_nearer(&mut self, plan: &mut Plan, node: NodeId, image: ImageId, found: Found) {
        match found {
            Found::OnDisk => {
                self.loading.entry(image).or_default().insert(node);
                plan.loads.push((node, image));
            }
            Found::Nothing => {
                self.copying.entry(image).or_default().insert(node);
                plan.copies.push((node, image));
            }
            Found::Idle | Found::InMemory | Found::Loading | Found::Copying => {}
        }
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
        let admissible =
            |node: NodeId| view.fits(function, node) && (!with_room || self.promises.leave_room(view, function, node));
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
