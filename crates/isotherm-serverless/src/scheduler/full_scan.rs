//! First come, first served as the reference does it: by a full scan of the queue.

use rustc_hash::FxHashMap;

use super::{Dispatch, Plan, Scheduler};
use crate::node_set::NodeSet;
use crate::state::{ChangeKinds, Cursor, Pending, View};
use crate::{FunctionId, ImageId, NodeId};

/// Decides for all pending invocations in the order in which they became schedulable, each on the
/// first node, in the order of the list, of the first rule that has one with a free slot:
///
/// 1. an idle container of the function; 2. its image in memory; 3. its image being loaded; 4. its
///    image on disk; 5. its image being copied; 6. none of these.
///
/// There it takes a slot for this round, and its next step is decided: dispatch, load or copy, or
/// nothing while a load or copy is in progress. An invocation for which there is no node is
/// skipped. Memory and disk space are not looked at.
///
/// Each round looks at all pending invocations, or only at the arrivals if nothing else has
/// changed.
#[derive(Debug)]
pub struct FcfsFullScan {
    scratch: Scratch,
    cursor: Cursor,
}

impl Default for FcfsFullScan {
    fn default() -> Self {
        FcfsFullScan { scratch: Scratch::default(), cursor: Cursor::new(ChangeKinds::EVENTS) }
    }
}

/// The state of the platform after the decisions of this round, as far as the rules need it.
///
/// A round may look at all pending invocations, so their data lies in arrays whose entries carry
/// the round for which they are valid. If only arrivals have occurred since a round, all other
/// decisions would be the same again, so the next round resumes where it ended.
#[derive(Debug, Default)]
struct Scratch {
    round: u64,
    /// Set if the next round may resume here, at this position in the queue: only copies were
    /// decided, and if these had been in progress the earlier decisions would have been the same.
    resumes_at: Option<u64>,
    /// Whether each copy goes to a node behind those on which earlier invocations wait for a copy
    /// of the same image. If it had been in progress already, they would still wait on the same
    /// nodes.
    copies_in_order: bool,
    /// The nodes with slots left.
    free: NodeSet,
    /// The slots left on each node.
    slots: Vec<Slots>,
    /// The node for the next invocation of each function.
    next: Vec<Next>,
    /// The number of functions for which there is no node.
    nowhere: usize,
    /// The idle containers given out in this round.
    idle_taken: FxHashMap<(FunctionId, NodeId), usize>,
    /// The moves decided in this round, by image.
    moves: FxHashMap<ImageId, Moves>,
}

/// The moves of an image.
#[derive(Debug, Default)]
struct Moves {
    number: u32,
    /// The last node on which an invocation waits for a copy in progress.
    last_awaited: Option<NodeId>,
    loading: NodeSet,
    copying: NodeSet,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slots {
    round: u64,
    left: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Next {
    round: u64,
    place: NextPlace,
    /// The rule that chose last. Earlier rules have no node left in this round unless the image is
    /// moved.
    rule: Found,
    /// The number of moves of its image in this round when its last invocation was decided.
    moves: u32,
}

/// The node for the next invocation of a function.
#[derive(Clone, Copy, Debug, Default)]
enum NextPlace {
    /// Not known yet.
    #[default]
    Unknown,
    /// This node as long as it has a free slot. Apart from the decided moves, candidates only
    /// disappear during a round, so the first node of a rule stays the first.
    Same(NodeId, Found),
    /// None was found for the previous invocation, so there is none in this round.
    Nowhere,
}

/// The rule by which a node was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    #[default]
    Idle,
    InMemory,
    Loading,
    OnDisk,
    Copying,
    Nothing,
}

impl FcfsFullScan {
    /// A scheduler that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        FcfsFullScan::default()
    }

    fn choose(&mut self, view: &View<'_>, function: FunctionId) -> Option<(NodeId, Found)> {
        let moves = self.scratch.moves_of(view, function);
        let next = *self.scratch.next(function);
        let from = if next.moves == moves { next.rule } else { Found::Idle };
        let (node, found) = self.scratch.choose(view, function, from)?;
        if found == Found::Copying
            && let Some(image) = view.image_of(function)
        {
            let last = &mut self.scratch.moves.entry(image).or_default().last_awaited;
            *last = (*last).max(Some(node));
        }
        let next = self.scratch.next(function);
        (next.rule, next.moves) = (found, moves);
        let again = match found {
            Found::Idle => return Some((node, found)),
            Found::OnDisk => Found::Loading,
            Found::Nothing => Found::Copying,
            Found::InMemory | Found::Loading | Found::Copying => found,
        };
        next.place = NextPlace::Same(node, again);
        Some((node, found))
    }

    /// Decides the next step of an invocation on the node chosen for it.
    fn decide(
        &mut self,
        view: &View<'_>,
        plan: &mut Plan,
        pending: Pending,
        node: NodeId,
        found: Found,
    ) {
        let Pending { invocation, function } = pending;
        let scratch = &mut self.scratch;
        match (found, view.image_of(function)) {
            (Found::Idle, _) => {
                let taken = scratch.idle_taken.entry((function, node)).or_default();
                let container = view.idle(function, node).nth(*taken);
                *taken += 1;
                plan.dispatches.push(Dispatch { invocation, node, container });
            }
            (Found::InMemory, _) | (_, None) => {
                plan.dispatches.push(Dispatch { invocation, node, container: None })
            }
            (found, Some(image)) => {
                // Its own moves open no node for the rules that found none.
                let moved = u32::from(scratch.bring_nearer(plan, node, image, found));
                scratch.next(function).moves += moved;
            }
        }
        scratch.take_slot(view, node);
    }
}

impl Scheduler for FcfsFullScan {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let changes = view.changes_since(&mut self.cursor);
        let nothing_but_arrivals = changes.is_some_and(|mut changes| changes.next().is_none());
        match self.scratch.resumes_at.take().filter(|_| nothing_but_arrivals) {
            Some(position) => {
                self.serve(view, plan, view.pending_from(position).map(|(_, arrival)| arrival));
                #[cfg(any(test, feature = "audit"))]
                crate::steps::uncounted(|| self.check_resumed(view, plan));
            }
            None => {
                self.scratch.reset(view);
                self.serve(view, plan, view.pending());
            }
        }
        let again =
            plan.dispatches.is_empty() && plan.loads.is_empty() && self.scratch.copies_in_order;
        self.scratch.resumes_at = again.then(|| view.queue_end());
    }
}

impl FcfsFullScan {
    /// Asserts that a resumed round decides what a full scan from the beginning would.
    #[cfg(any(test, feature = "audit"))]
    fn check_resumed(&self, view: &View<'_>, plan: &Plan) {
        let (mut other, mut expected) = (FcfsFullScan::new(), Plan::default());
        other.scratch.reset(view);
        other.serve(view, &mut expected, view.pending());
        assert_eq!(*plan, expected, "nothing has changed for those who waited already");
    }

    /// Decides for some invocations, after those already decided in this round.
    fn serve(&mut self, view: &View<'_>, plan: &mut Plan, pending: impl Iterator<Item = Pending>) {
        for pending in pending {
            let function = pending.function;
            if self.scratch.keeps_slot(function) {
                continue;
            }
            if self.scratch.free.is_empty()
                || self.scratch.nowhere == view.functions_waiting_count()
            {
                break;
            }
            let place = self.scratch.next(function).place;
            let chosen = match place {
                NextPlace::Nowhere => continue,
                NextPlace::Same(node, found) if self.scratch.slots_left(view, node) > 0 => {
                    Some((node, found))
                }
                NextPlace::Same(..) | NextPlace::Unknown => self.choose(view, function),
            };
            match chosen {
                Some((node, found)) => self.decide(view, plan, pending, node, found),
                None => {
                    self.scratch.next(function).place = NextPlace::Nowhere;
                    self.scratch.nowhere += 1;
                }
            }
        }
    }
}

impl Scratch {
    fn reset(&mut self, view: &View<'_>) {
        self.round += 1;
        self.copies_in_order = true;
        self.free.clone_from(view.with_free_slot());
        self.slots.resize(view.nodes(), Slots::default());
        self.nowhere = 0;
        self.idle_taken.clear();
        self.moves.clear();
    }

    /// The number of moves of a function's image decided in this round.
    fn moves_of(&self, view: &View<'_>, function: FunctionId) -> u32 {
        view.image_of(function)
            .and_then(|image| self.moves.get(&image))
            .map_or(0, |moves| moves.number)
    }

    /// Takes a slot for the next invocation of a function if it only waits for an image in transit;
    /// returns whether it does. This is the case for most pending invocations in most rounds, so it
    /// is short.
    #[inline(always)]
    fn keeps_slot(&mut self, function: FunctionId) -> bool {
        let Some(next) = self.next.get(function.index()).filter(|next| next.round == self.round)
        else {
            return false;
        };
        let NextPlace::Same(node, Found::Loading | Found::Copying) = next.place else {
            return false;
        };
        // The previous invocation has taken a slot there, so the entry is valid.
        let left = &mut self.slots[node.index()].left;
        if *left == 0 {
            return false;
        }
        *left -= 1;
        if *left == 0 {
            self.free.remove(node);
        }
        true
    }

    fn next(&mut self, function: FunctionId) -> &mut Next {
        if function.index() >= self.next.len() {
            self.next.resize(function.index() + 1, Next::default());
        }
        let next = &mut self.next[function.index()];
        if next.round != self.round {
            *next = Next { round: self.round, ..Next::default() };
        }
        next
    }

    /// The free slots of a node that were not taken in this round.
    fn slots_left(&mut self, view: &View<'_>, node: NodeId) -> u32 {
        let slots = &mut self.slots[node.index()];
        if slots.round != self.round {
            *slots = Slots { round: self.round, left: view.free_slots(node) };
        }
        slots.left
    }

    /// Decides the next move of an image towards the memory of a node; returns whether there is
    /// one.
    fn bring_nearer(
        &mut self,
        plan: &mut Plan,
        node: NodeId,
        image: ImageId,
        found: Found,
    ) -> bool {
        let moves = match found {
            Found::OnDisk => {
                plan.loads.push((node, image));
                let moves = self.moves.entry(image).or_default();
                moves.loading.insert(node);
                moves
            }
            Found::Nothing => {
                plan.copies.push((node, image));
                let moves = self.moves.entry(image).or_default();
                self.copies_in_order &= moves.last_awaited.is_none_or(|last| last < node);
                moves.copying.insert(node);
                moves
            }
            Found::Idle | Found::InMemory | Found::Loading | Found::Copying => return false,
        };
        moves.number += 1;
        true
    }

    fn take_slot(&mut self, view: &View<'_>, node: NodeId) {
        let left = self.slots_left(view, node).saturating_sub(1);
        self.slots[node.index()].left = left;
        if left == 0 {
            self.free.remove(node);
        }
    }

    /// The first node of the first rule that has one. Rules before `from` are known to have none.
    fn choose(
        &self,
        view: &View<'_>,
        function: FunctionId,
        from: Found,
    ) -> Option<(NodeId, Found)> {
        let first =
            |nodes: &NodeSet| nodes.find_in_both(&self.free, |node| view.fits(function, node));
        if from == Found::Idle
            && let Some(node) = self.first_idle(view, function)
        {
            return Some((node, Found::Idle));
        }
        let Some(image) = view.image_of(function) else {
            return first(&self.free).map(|node| (node, Found::InMemory));
        };
        let moves = self.moves.get(&image);
        let either = |state: &NodeSet, decided: Option<&NodeSet>| {
            let decided = decided.and_then(first);
            [first(state), decided].into_iter().flatten().min()
        };
        let node = |rule: Found| match rule {
            Found::Idle => None,
            Found::InMemory => first(view.in_memory(image)),
            Found::Loading => either(view.loading(image), moves.map(|moves| &moves.loading)),
            Found::OnDisk => first(view.on_disk(image)),
            Found::Copying => either(view.copying(image), moves.map(|moves| &moves.copying)),
            Found::Nothing => first(&self.free),
        };
        let rules =
            [Found::InMemory, Found::Loading, Found::OnDisk, Found::Copying, Found::Nothing];
        rules.into_iter().filter(|&rule| rule >= from).find_map(|rule| Some((node(rule)?, rule)))
    }

    fn first_idle(&self, view: &View<'_>, function: FunctionId) -> Option<NodeId> {
        view.with_idle(function).and(&self.free).find(|&node| {
            let taken = self.idle_taken.get(&(function, node)).copied().unwrap_or_default();
            taken < view.idle_count(function, node)
        })
    }
}
