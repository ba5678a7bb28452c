//! Schedulers that are made of a rule which says *which node*.
//!
//! A rule ([`ChooseNode`]) is asked for one invocation at a time: where would it go? Everything
//! else is the same for all rules and is done by [`ByNode`]:
//!
//! * **Who is next.** Invocations are served in the order in which they became schedulable. One for
//!   which there is no place lets those pass that have one, but for others of its function.
//! * **Idle containers.** With `prefer_warm`, an idle container of the function serves wherever it
//!   is, if its node has a free slot; which of several is said by
//!   [`ContainerReuse`](crate::ContainerReuse), over all nodes. The rule is asked where a new one
//!   is to be started. Without it, the rule is always asked, and sees room for new containers
//!   alone; an idle container on the node that it chooses serves; one elsewhere serves only if the
//!   rule finds no place. Where a container serves several invocations at once, one that can take
//!   another is as good as an idle one.
//! * **Images.** An invocation whose image is not in the memory of its node gets a place there: a
//!   slot and room are kept for it while the image is copied and loaded. When it has come, the
//!   invocation of the function that has waited for longest is started. Nothing else is decided
//!   about a place, so images are not moved to and fro; if the node fails, the place is given up.
//!
//! # Cost
//!
//! What is asked about nodes and functions is kept in trees that change with what is touched. One
//! decision takes O(log n) in nodes, functions and containers, for rules that ask for no more.
//! Invocations that wait cost nothing while nobody has room for them: of a million of them, only
//! the functions are in the line, and only those of them are looked at that need no more than the
//! node with most room has. An exception: an invocation that has enough memory on a node, but not
//! enough disk, or none for its image, is looked at in every round. A place that waits for an image
//! is looked at when something has happened on its node.
//!
//! The next invocation is decided for when the platform has carried out what was decided for the
//! last one, so a rule sees the nodes as they are, and images where they are or on their way.

mod blocked;
mod reservations;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use super::{Dispatch, Placed, Plan, Scheduler};
use crate::state::View;
use crate::{ContainerId, FunctionId, ImageId, NodeId};

use blocked::BlockedFunctions;
use reservations::{Reservations, Room};

/// A rule by which nodes are chosen.
///
/// ```
/// use isotherm_serverless::scheduler::{ByNode, ChooseNode, Nodes};
/// use isotherm_serverless::{FunctionId, NodeId};
///
/// /// Functions with an even number on the first half of the nodes, the others on the second.
/// struct Halves;
///
/// impl ChooseNode for Halves {
///     fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
///         let half = nodes.count() / 2;
///         let from = NodeId(if function.index() % 2 == 0 { 0 } else { half as u32 });
///         nodes.first_with_place(function, from).filter(|node| (node.index() < half) == (from.index() < half))
///     }
/// }
///
/// let scheduler = ByNode::new(Halves, true);
/// # let _ = scheduler;
/// ```
pub trait ChooseNode {
    /// Where the next invocation of a function is to go; `None`: it waits until something has
    /// changed. A node that has no [place](Nodes::has_place) for it counts as none.
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId>;
}

/// The nodes as a rule sees them: with what is reserved to invocations whose images are on their
/// way.
#[derive(Clone, Copy)]
pub struct Nodes<'a> {
    view: View<'a>,
    reservations: &'a Reservations,
}

impl<'a> Nodes<'a> {
    /// The platform.
    pub fn view(&self) -> View<'a> {
        self.view
    }

    /// How many nodes there are.
    pub fn count(&self) -> usize {
        self.view.nodes()
    }

    /// Whether the next invocation of a function could be started on a node, now or when its image
    /// has come there: there is a free slot, and an idle container or room for a new one, for which
    /// idle ones may go.
    pub fn has_place(&self, function: FunctionId, node: NodeId) -> bool {
        self.has_place_in(Room::All, function, node)
    }

    /// Whether the next invocation of a function could be started on a node without any idle
    /// container being stopped: in one of its own, or in a new one.
    pub fn has_spare_place(&self, function: FunctionId, node: NodeId) -> bool {
        self.reservations.has_slot(&self.view, node) && self.view.has_idle_on(function, node)
            || self.has_spare_room(function, node)
    }

    /// Whether a new container of a function could be started on a node without any idle one being
    /// stopped. Whether there is one of its own makes no difference.
    pub fn has_spare_room(&self, function: FunctionId, node: NodeId) -> bool {
        self.has_place_in(Room::Spare, function, node)
    }

    fn has_place_in(&self, room: Room, function: FunctionId, node: NodeId) -> bool {
        let has_idle = || room == Room::All && self.view.has_idle_on(function, node);
        let has_room = || {
            self.view.fits(function, node)
                && self.reservations.leave_room(&self.view, function, node, room)
        };
        self.reservations.has_slot(&self.view, node) && (has_idle() || has_room())
    }

    /// Whether some node may have a place for the function without any idle container being
    /// stopped: one has an idle container of it, or memory enough.
    pub fn may_have_spare_place(&self, function: FunctionId) -> bool {
        let has_room = self
            .reservations
            .tree(Room::Spare)
            .most_room()
            .is_some_and(|most| most >= self.need(function));
        has_room
            || self
                .view
                .first_idle(function, |node| self.reservations.has_slot(&self.view, node))
                .is_some()
    }

    fn need(&self, function: FunctionId) -> u64 {
        self.view.need_of(function).memory_bytes
    }

    /// Invocations that run on a node, or are to run there.
    pub fn running(&self, node: NodeId) -> u32 {
        self.reservations.running(&self.view, node)
    }

    /// Those of all nodes together.
    pub fn total_running(&self) -> u64 {
        self.reservations.total_running(&self.view)
    }

    /// Memory on a node that no container holds and no image that is in use, in bytes.
    pub fn spare_memory(&self, node: NodeId) -> u64 {
        self.reservations.spare(&self.view, node)
    }

    fn first_in(&self, room: Room, function: FunctionId, from: NodeId) -> Option<NodeId> {
        let need = self.need(function);
        let mut from = from;
        loop {
            let node = self.reservations.tree(room).first_with(need, from)?;
            if self.has_place_in(room, function, node) {
                return Some(node);
            }
            from = NodeId(node.0 + 1);
        }
    }

    /// The first node in their order that has [spare room](Self::has_spare_room) for the function,
    /// from a certain one on; else the first that has a [place](Self::has_place).
    pub fn first_with_place(&self, function: FunctionId, from: NodeId) -> Option<NodeId> {
        Room::BOTH.into_iter().find_map(|room| self.first_in(room, function, from))
    }

    /// The first node that has spare room for the function, from a certain one on, and then from
    /// the first one; else the first that has a place, likewise.
    pub fn next_with_place(&self, function: FunctionId, from: NodeId) -> Option<NodeId> {
        let next = |room| {
            self.first_in(room, function, from).or_else(|| self.first_in(room, function, NodeId(0)))
        };
        Room::BOTH.into_iter().find_map(next)
    }

    /// The node on which most memory is held by nobody, of those that have spare room for the
    /// function; if there is none, the one on which most can be had, of those that have a place. Of
    /// equals the first.
    pub fn roomiest(&self, function: FunctionId) -> Option<NodeId> {
        Room::BOTH.into_iter().find_map(|room| {
            let tree = self.reservations.tree(room);
            let node = tree.roomiest()?;
            if self.has_place_in(room, function, node) {
                return Some(node);
            }
            if tree.most_room()? < self.need(function) {
                return None;
            }
            // Something other than memory is missing there: the disk, or the node is too small.
            let all = self.all_in(room, function);
            all.max_by_key(|&node| (tree.room(node), std::cmp::Reverse(node)))
        })
    }

    /// The node to which the image of the function is nearest, of those that have spare room for
    /// it; if there is none, of those that have a place. Nearest is the memory of the node; then
    /// being loaded into it, the disk, being copied to it; then anywhere. Of equally near ones,
    /// that with most room; of equals the first. At worst this looks at all nodes that have the
    /// image.
    pub fn nearest(&self, function: FunctionId) -> Option<NodeId> {
        let need = self.need(function);
        let image = self.view.image_of(function);
        // Where the image is neither in memory nor on its way there, it needs room as well.
        let with_image =
            need.saturating_add(image.map_or(0, |image| self.view.image_memory(image)));
        Room::BOTH.into_iter().find_map(|room| {
            let roomiest = |set, need| {
                let meets = &mut |node| self.has_place_in(room, function, node);
                self.reservations.tree(room).roomiest_of(set, need, meets)
            };
            let near = image.and_then(|image| {
                let view = &self.view;
                roomiest(Some(view.in_memory(image)), need)
                    .or_else(|| roomiest(Some(view.loading(image)), need))
                    .or_else(|| roomiest(Some(view.on_disk(image)), with_image))
                    .or_else(|| roomiest(Some(view.copying(image)), with_image))
            });
            near.or_else(|| roomiest(None, with_image))
        })
    }

    /// The node with fewest invocations of those that have spare room for the function, or else a
    /// place; of equals the first.
    pub fn least_running(&self, function: FunctionId) -> Option<NodeId> {
        Room::BOTH.into_iter().find_map(|room| {
            let meets = &mut |node| self.has_place_in(room, function, node);
            self.reservations.least_running(&self.view, room, self.need(function), meets)
        })
    }

    /// The node on which least memory is held by nobody, of those that have spare room for the
    /// function; if there is none, the one on which least can be had, of those that have a place.
    /// Of equals the first.
    pub fn tightest(&self, function: FunctionId) -> Option<NodeId> {
        Room::BOTH.into_iter().find_map(|room| {
            let mut nodes = self.reservations.tree(room).tightest(self.need(function));
            nodes.find(|&node| self.has_place_in(room, function, node))
        })
    }

    /// All nodes that have a place for the function, in their order. This looks at every node with
    /// memory enough.
    pub fn all_with_place(&self, function: FunctionId) -> impl Iterator<Item = NodeId> + use<'a> {
        self.all_in(Room::All, function)
    }

    fn all_in(&self, room: Room, function: FunctionId) -> impl Iterator<Item = NodeId> + use<'a> {
        let nodes = *self;
        let mut from = Some(NodeId(0));
        std::iter::from_fn(move || {
            let node = nodes.first_in(room, function, from?);
            from = node.map(|node| NodeId(node.0 + 1));
            node
        })
    }
}

/// A scheduler made of a rule that chooses nodes.
#[derive(Debug)]
pub struct ByNode<C> {
    rule: C,
    prefer_warm: bool,
    reservations: Reservations,
    blocked: BlockedFunctions,
    /// Functions in the line, or with places that wait for images, that have a container which
    /// could serve, if its node had a slot.
    warm: BTreeSet<FunctionId>,
    /// The place in the queue up to which arrivals have been decided for.
    seen: u64,
    /// What the platform had counted when the last round was held.
    changes: Option<u64>,
    /// Moves decided in this round.
    moved: Vec<(NodeId, ImageId)>,
    scratch: Vec<(NodeId, FunctionId, u32)>,
}

/// What was decided for an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    Dispatched,
    /// It has a place to which its image is on its way.
    Reserved,
    /// It has a place, and its image is to be moved there.
    Moved,
    Nowhere,
}

impl<C: ChooseNode> ByNode<C> {
    /// With `prefer_warm`, idle containers serve wherever they are; else where the rule says.
    pub fn new(rule: C, prefer_warm: bool) -> Self {
        ByNode {
            rule,
            prefer_warm,
            reservations: Reservations::default(),
            blocked: BlockedFunctions::default(),
            warm: BTreeSet::new(),
            seen: 0,
            changes: None,
            moved: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Looks at all places in every round, which must make no difference.
    #[cfg(test)]
    pub(crate) fn looking_everywhere(mut self) -> Self {
        self.reservations.looks_everywhere = true;
        self
    }

    /// The first idle container that may serve.
    fn idle(&self, view: &View<'_>, function: FunctionId) -> Option<(ContainerId, NodeId)> {
        // Where all slots are taken there may be very many idle containers, and none can serve.
        if view.with_free_slot().is_empty() {
            return None;
        }
        view.first_idle(function, |node| self.reservations.has_slot(view, node))
    }

    /// Decides for the next invocation of a function.
    fn decide(&mut self, view: &View<'_>, plan: &mut Plan, function: FunctionId) -> Decided {
        let Some(invocation) = view.pending_of(function).next() else { return Decided::Nowhere };
        let Some(Placed { node, container, caught_up }) = self.place(view, function) else {
            return Decided::Nowhere;
        };
        plan.caught_up |= caught_up;
        match view.image_of(function) {
            Some(image) if container.is_none() && !view.in_memory(image).contains(node) => {
                self.reservations.reserve(view, function, node);
                if view.has_idle(function) {
                    self.warm.insert(function);
                }
                if self.move_image(view, plan, image, node) {
                    Decided::Moved
                } else {
                    Decided::Reserved
                }
            }
            _ => {
                plan.dispatches.push(Dispatch { invocation, node, container });
                Decided::Dispatched
            }
        }
    }

    /// Where the next invocation of a function would go.
    fn place(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        if self.prefer_warm
            && let Some((container, node)) = self.idle(view, function)
        {
            return Some(Placed::new(node, Some(container)));
        }
        self.reservations.refresh(view);
        let nodes = Nodes { view: *view, reservations: &self.reservations };
        let chosen = self.rule.choose(&nodes, function);
        let chosen =
            chosen.filter(|&node| node.index() < nodes.count() && nodes.has_place(function, node));
        let placed = match chosen {
            Some(node) => Placed::new(node, view.idle(function, node).next()),
            // Rather than wait, it goes to any container that can take it.
            None => {
                let (container, node) = self.idle(view, function).filter(|_| !self.prefer_warm)?;
                Placed::new(node, Some(container))
            }
        };
        Some(Placed { caught_up: true, ..placed })
    }

    fn catch_up(&mut self, view: &View<'_>, plan: &mut Plan) {
        self.reservations.refresh(view);
        plan.caught_up = true;
    }

    /// Decides the next step of an image towards the memory of a node, if it is not on its way;
    /// says whether it is not.
    fn move_image(
        &mut self,
        view: &View<'_>,
        plan: &mut Plan,
        image: ImageId,
        node: NodeId,
    ) -> bool {
        let on_disk = view.on_disk(image).contains(node);
        let on_its_way =
            if on_disk { view.loading(image) } else { view.copying(image) }.contains(node);
        if on_its_way {
            return false;
        }
        if !self.moved.contains(&(node, image)) {
            self.moved.push((node, image));
            let moves = if on_disk { &mut plan.loads } else { &mut plan.copies };
            moves.push((node, image));
        }
        true
    }

    /// Invocations of a function that wait and have no place.
    fn without_place(&self, view: &View<'_>, function: FunctionId) -> usize {
        view.pending_count(function).saturating_sub(self.reservations.of(function))
    }

    fn wait(&mut self, view: &View<'_>, function: FunctionId) {
        if let Some(place) = view.place_of_first(function) {
            self.blocked.put(function, view.need_of(function).memory_bytes, place);
            if view.has_idle(function) {
                self.warm.insert(function);
            }
        }
    }

    /// What was decided could not be carried out: its function waits again.
    fn take_back_refused(&mut self, view: &View<'_>) {
        for &function in view.refused() {
            if self.without_place(view, function) == 0 {
                continue;
            }
            self.wait(view, function);
            // It would be decided in the same way again.
            if view.repeats() {
                self.blocked.set_aside(function);
            }
        }
    }

    /// Gives up places of functions that have more of them than invocations, because some have been
    /// cancelled.
    fn give_up_places(&mut self, view: &View<'_>) {
        for &function in view.withdrawn() {
            while self.reservations.of(function) > view.pending_count(function)
                && let Some(node) = self.reservations.first_of(function)
            {
                self.reservations.release(view, function, node);
            }
        }
    }

    /// Starts what waits for images that have come, and moves the others on.
    fn fulfil_reservations(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut places = std::mem::take(&mut self.scratch);
        self.reservations.unsettled_places(&mut places);
        // How many invocations of each function are started.
        let mut started = BTreeMap::new();
        for &(node, function, count) in &places {
            let Some(image) = view.image_of(function) else { continue };
            let left = count as usize;
            if !view.is_up(node) {
                (0..left).for_each(|_| self.reservations.release(view, function, node));
                if self.without_place(view, function) > 0 {
                    self.wait(view, function);
                }
                continue;
            }
            if !view.in_memory(image).contains(node) {
                if self.move_image(view, plan, image, node) {
                    self.reservations.unsettle(node);
                }
                continue;
            }
            let started: &mut usize = started.entry(function).or_default();
            let waiting = view.pending_of(function).skip(*started);
            let mut idle = view.idle(function, node);
            let can = left.min(view.free_slots(node) as usize);
            if can < left {
                self.reservations.unsettle(node);
            }
            for invocation in waiting.take(can) {
                plan.dispatches.push(Dispatch { invocation, node, container: idle.next() });
                self.reservations.release(view, function, node);
                *started += 1;
            }
        }
        self.scratch = places;
        if self.prefer_warm && plan.dispatches.is_empty() {
            self.serve_reserved(view, plan);
        }
    }

    /// An idle container serves an invocation that has a place elsewhere.
    fn serve_reserved(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut reserved =
            self.warm.iter().copied().filter(|&function| self.reservations.of(function) > 0);
        let idle = |function| {
            self.idle(view, function).map(|(container, node)| (function, container, node))
        };
        let Some((function, container, node)) = reserved.find_map(idle) else { return };
        let (Some(invocation), Some(place)) =
            (view.pending_of(function).next(), self.reservations.last_of(function))
        else {
            return;
        };
        plan.dispatches.push(Dispatch { invocation, node, container: Some(container) });
        self.reservations.release(view, function, place);
    }

    /// Who has waited for longest of those for whom a container can serve, and since when.
    fn first_warm(&mut self, view: &View<'_>) -> Option<(u64, FunctionId)> {
        if self.warm.is_empty() || view.with_free_slot().is_empty() {
            return None;
        }
        let mut warm = std::mem::take(&mut self.warm);
        let waits =
            |function| self.blocked.contains(function) || self.reservations.of(function) > 0;
        warm.retain(|&function| waits(function) && view.has_idle(function));
        let can = warm.iter().filter(|&&function| self.idle(view, function).is_some());
        let first =
            can.filter_map(|&function| Some((self.blocked.place_of(function)?, function))).min();
        self.warm = warm;
        first
    }

    /// Decides for those who have waited, until something is to be carried out; says whether
    /// something is.
    fn serve_blocked(&mut self, view: &View<'_>, plan: &mut Plan) -> bool {
        loop {
            self.catch_up(view, plan);
            let most = self.reservations.tree(Room::All).most_room();
            let fits = most
                .and_then(|most| self.blocked.first(most))
                .map(|(function, place)| (place, function));
            let Some((place, function)) = fits.into_iter().chain(self.first_warm(view)).min()
            else {
                return false;
            };
            if self.without_place(view, function) == 0 {
                self.blocked.remove(function);
                continue;
            }
            if view.place_of_first(function) != Some(place) {
                self.wait(view, function);
                continue;
            }
            match self.decide(view, plan, function) {
                Decided::Dispatched => {
                    if self.without_place(view, function) == 1 {
                        self.blocked.remove(function);
                    }
                    return true;
                }
                // Whoever comes next is to see that the image is on its way.
                Decided::Moved => return true,
                Decided::Reserved => {}
                Decided::Nowhere => self.blocked.set_aside(function),
            }
        }
    }

    /// Decides for those who have come, until something is to be carried out; says whether
    /// something is.
    fn serve_arrivals(&mut self, view: &View<'_>, plan: &mut Plan) -> bool {
        for (place, pending) in view.pending_from(self.seen) {
            self.seen = place + 1;
            // It may have been decided for already: in place of an earlier one of its function in
            // the line.
            if self.without_place(view, pending.function) == 0 {
                continue;
            }
            // Nobody overtakes another one of the same function. A function may still be in the
            // line whose invocations have been cancelled.
            if self.blocked.contains(pending.function) {
                if view.place_of_first(pending.function) != Some(place) {
                    continue;
                }
                self.blocked.remove(pending.function);
            }
            match self.decide(view, plan, pending.function) {
                Decided::Dispatched | Decided::Moved => return true,
                Decided::Reserved => {}
                Decided::Nowhere => self.wait(view, pending.function),
            }
        }
        false
    }
}

impl<C: ChooseNode> Scheduler for ByNode<C> {
    fn place_alone(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        let is_free =
            self.reservations.is_empty() && self.blocked.is_empty() && view.refused().is_empty();
        if is_free { self.place(view, function) } else { None }
    }

    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        if !view.repeats() {
            self.blocked.take_back();
        }
        self.moved.clear();
        let changed = self.changes.replace(view.changes()) != Some(view.changes());
        if !view.refused().is_empty() {
            self.take_back_refused(view);
        }
        let waits = |function: &&FunctionId| {
            self.blocked.contains(**function) || self.reservations.of(**function) > 0
        };
        let opened = view.opened().iter().filter(waits);
        self.warm.extend(opened);
        if !self.reservations.is_empty() {
            self.give_up_places(view);
            #[cfg(any(test, feature = "audit"))]
            self.reservations.check(view);
            self.reservations.learn_of_touched(view);
            if changed {
                self.fulfil_reservations(view, plan);
            }
        }
        let acts = !plan.dispatches.is_empty()
            || (changed || view.repeats())
                && !self.blocked.is_empty()
                && self.serve_blocked(view, plan)
            || self.serve_arrivals(view, plan);
        // Who comes next is decided for when that has been carried out.
        plan.goes_on = acts
            && (!self.blocked.is_empty()
                || !self.reservations.is_empty()
                || view.pending_from(self.seen).next().is_some());
    }
}
