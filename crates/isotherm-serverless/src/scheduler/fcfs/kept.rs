//! First come, first served, incrementally from the changes since the last round.
//!
//! For each pending invocation the tentative slot is stored: on a node, perhaps with an idle
//! container, or none. All invocations of a function rank nodes in the same way ([`Choice`]), and
//! an earlier one takes precedence on every node. A slot is *wanted* by an invocation that prefers
//! it to its own and that finds it free or precedes a holder of a slot there; if no slot is wanted,
//! the slots are those of a full scan. A round records the changes and follows up the wishes that
//! they cause in the order of the queue; mostly few invocations are concerned.
//!
//! If functions with the same image fit on different nodes, their ranks depend on each other; then
//! this is not used.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use rustc_hash::FxHashMap;

use super::choice::{BEST, Choice, Chosen, Key, LAST_PLACE, NODE_BITS, NOWHERE, Rule};
use super::last::LastPlaces;
use super::node_state::NodeState;
use crate::node_set::NodeSet;
use crate::scheduler::{Dispatch, Plan};
use crate::state::{Change, Pending, View};
use crate::{FunctionId, ImageId, InvocationId, NodeId};

/// Where an invocation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// It has been sent away, or is new.
    None,
    Nowhere,
    /// With an idle container.
    Idle(NodeId),
    At(NodeId),
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    invocation: InvocationId,
    function: FunctionId,
    slot: Slot,
}

/// Something to follow up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// An invocation of a function has to choose again; it had this before.
    Choose(FunctionId, Choice),
    /// An invocation of a function wants a slot of a node.
    Offer(FunctionId, NodeId),
}

/// The first who wants a slot, as far as it is known.
struct First {
    place: u64,
    function: Option<FunctionId>,
}

/// What is known of those who need an image.
#[derive(Clone, Copy, Debug)]
struct OfImage {
    /// Nothing worse than this has been chosen by them. It is not always the worst that has been.
    worst: Choice,
    /// A function of the image, with which others have to agree about the nodes on which they fit.
    function: Option<FunctionId>,
    /// Whether invocations of others have come too.
    has_others: bool,
}

const NOBODY: OfImage = OfImage { worst: BEST, function: None, has_others: false };

/// The decisions of the last round, and what they were made of. Places in the queue count from 1
/// here.
#[derive(Debug, Default)]
pub(super) struct Kept {
    unable: bool,
    /// Up to where the log of changes has been read.
    read: Option<u64>,
    /// The place in the queue up to which arrivals have been decided for.
    seen: u64,
    nodes: Vec<NodeState>,
    last: LastPlaces,
    waiting: FxHashMap<u64, Waiting>,
    /// What was chosen by the invocations of each function, with their places.
    chosen: Vec<Chosen>,
    /// What is known of those who need an image.
    images: Vec<OfImage>,
    /// The first invocation of each function that has some which wait nowhere.
    nowhere: BTreeSet<(u64, FunctionId)>,
    /// Functions that may want any node: some of their invocations wait where there is nothing of
    /// their image.
    wide: BTreeSet<FunctionId>,
    /// Functions for which there may be something to decide.
    acting: BTreeSet<FunctionId>,
    work: BinaryHeap<Reverse<(u64, Work)>>,
    /// Nodes on which a slot was left.
    left: Vec<NodeId>,
    dispatches: Vec<(u64, Dispatch)>,
    moves: Vec<(u64, NodeId, ImageId, Rule)>,
}

impl Kept {
    /// Decides; or says that it cannot, for good.
    pub(super) fn round(&mut self, view: &View<'_>, plan: &mut Plan) -> bool {
        if self.unable || view.nodes() >> NODE_BITS > 0 {
            return false;
        }
        self.chosen.resize(view.functions().max(self.chosen.len()), Chosen::default());
        self.images.resize(view.images().max(self.images.len()), NOBODY);
        let (changes, read) = view.log_since(self.read);
        self.read = Some(read);
        match changes {
            Some(changes) => self.catch_up(view, changes),
            None => self.begin_anew(view),
        }
        for (place, pending) in view.pending_from(self.seen) {
            if place + 1 >= LAST_PLACE || !self.ranks_alike(view, pending.function) {
                *self = Kept { unable: true, ..Kept::default() };
                return false;
            }
            self.seen = place + 1;
            let Pending { invocation, function } = pending;
            self.waiting.insert(place + 1, Waiting { invocation, function, slot: Slot::None });
            self.choose_again(view, place + 1, function, NOWHERE);
        }
        debug_assert!(self.work.is_empty(), "who comes last disturbs nobody");
        self.write(view, plan);
        true
    }

    /// Whether the ranks of a function are those of all others with its image.
    fn ranks_alike(&mut self, view: &View<'_>, function: FunctionId) -> bool {
        let Some(image) = view.image_of(function) else { return true };
        let of_image = &mut self.images[image.index()];
        let other = *of_image.function.get_or_insert(function);
        of_image.has_others |= other != function;
        other == function || view.fitting(other) == view.fitting(function)
    }

    fn begin_anew(&mut self, view: &View<'_>) {
        *self = Kept {
            read: self.read,
            last: LastPlaces::new(view.nodes()),
            chosen: vec![Chosen::default(); view.functions()],
            images: vec![NOBODY; view.images()],
            ..Kept::default()
        };
        for index in 0..view.nodes() {
            let node = NodeId(index as u32);
            let slots = view.free_slots(node) as usize;
            self.nodes.push(NodeState { slots, offered: u64::MAX, ..NodeState::default() });
            self.note_last(node);
        }
        for index in 0..view.images() {
            let image = ImageId(index as u32);
            let sets = [
                view.in_memory(image),
                view.loading(image),
                view.on_disk(image),
                view.copying(image),
            ];
            for node in sets.into_iter().flat_map(NodeSet::iter) {
                self.nodes[node.index()].set_near(image, rule_of(view, image, node));
            }
        }
        for index in 0..view.functions() {
            let function = FunctionId(index as u32);
            for node in view.with_idle(function).iter() {
                self.nodes[node.index()].set_idle(function, view.idle_count(function, node));
            }
        }
    }

    /// Takes note of what has changed, and finds out who has to choose again for that.
    fn catch_up(&mut self, view: &View<'_>, changes: &[Change]) {
        // What was chosen is found by what was near, so those who have gone come first.
        for &change in changes {
            if let Change::Left(place) = change
                && let Some(waiting) = self.waiting.remove(&(place + 1))
            {
                self.leave(view, place + 1, waiting.function, waiting.slot);
            }
        }
        let mut concerned = std::mem::take(&mut self.left);
        let mut fewer_idle = Vec::new();
        for &change in changes {
            let node = match change {
                Change::Left(_) => continue,
                Change::Slots(node) => {
                    self.nodes[node.index()].slots = view.free_slots(node) as usize;
                    node
                }
                Change::Image(image, node) => {
                    self.move_image(view, image, node);
                    self.nodes[node.index()].better = true;
                    node
                }
                Change::Idle(function, node) => {
                    self.nodes[node.index()].set_idle(function, view.idle_count(function, node));
                    self.nodes[node.index()].better = true;
                    fewer_idle.push((function, node));
                    node
                }
            };
            concerned.push(node);
        }
        for (function, node) in fewer_idle {
            while let Some(place) = self.superfluous(function, node, 0) {
                self.send_away(view, place, function);
            }
        }
        concerned.append(&mut self.left);
        concerned.sort_unstable();
        concerned.dedup();
        for &node in &concerned {
            while self.nodes[node.index()].waiting.len() > self.nodes[node.index()].slots {
                self.send_last_away(view, node);
            }
            self.note_last(node);
        }
        for &node in &concerned {
            self.offer(view, node);
        }
        self.follow_up(view);
        for node in concerned.drain(..) {
            self.nodes[node.index()].better = false;
        }
        self.left = concerned;
    }

    /// An image is nearer to a node than before, or less near.
    fn move_image(&mut self, view: &View<'_>, image: ImageId, node: NodeId) {
        let rule = rule_of(view, image, node);
        let before = self.nodes[node.index()].set_near(image, rule);
        if rule == before {
            return;
        }
        let (from, to) = (Choice { rule: before, node }, Choice { rule, node });
        for function in view.functions_waiting_for(image) {
            let chosen = &mut self.chosen[function.index()];
            let places: Vec<u64> = chosen.of(from).collect();
            if !places.is_empty() {
                let worst = &mut self.images[image.index()].worst;
                *worst = to.max(*worst);
            }
            for &place in &places {
                chosen.remove(from, place);
                chosen.insert(to, place);
                if to > from {
                    // Something else may be better now. What has become better is found out by
                    // looking at who wants it.
                    self.work.push(Reverse((place, Work::Choose(function, to))));
                }
            }
            if !places.is_empty() {
                self.note_choice(view, function, rule);
            }
        }
    }

    /// Follows up all wishes, in the order of the queue.
    fn follow_up(&mut self, view: &View<'_>) {
        while let Some(Reverse((place, work))) = self.work.pop() {
            match work {
                Work::Choose(function, before) => self.choose_again(view, place, function, before),
                Work::Offer(function, node) => {
                    let state = &mut self.nodes[node.index()];
                    if state.offered != place {
                        continue;
                    }
                    state.offered = u64::MAX;
                    if let Some(waiting) = self.waiting.get(&place) {
                        let before = self.choice(view, function, waiting.slot);
                        self.choose_again(view, place, function, before);
                    }
                    // Where all slots were taken, and one was left, the first who wanted it has it
                    // now.
                    let NodeState { better, slots, waiting, .. } = &self.nodes[node.index()];
                    if *better || waiting.len() < *slots {
                        self.offer(view, node);
                    }
                }
            }
        }
    }

    /// If somebody wants a slot of a node, this is to be followed up.
    fn offer(&mut self, view: &View<'_>, node: NodeId) {
        let Some((place, function)) = self.first_who_wants(view, node) else { return };
        let state = &mut self.nodes[node.index()];
        if place < state.offered {
            state.offered = place;
            self.work.push(Reverse((place, Work::Offer(function, node))));
        }
    }

    /// The first invocation that would rather be on a node, and could.
    fn first_who_wants(&mut self, view: &View<'_>, node: NodeId) -> Option<(u64, FunctionId)> {
        let last = self.last.of(node);
        if last == 0 {
            return None;
        }
        let mut first = First { place: last.saturating_add(1), function: None };
        let state = &self.nodes[node.index()];
        for &(function, _) in &state.idle {
            let choice = Choice { rule: Rule::Idle, node };
            self.look_for_earlier(&mut first, function, choice, |place| {
                self.can_have_idle(function, node, place)
            });
        }
        for &(image, rule) in &state.near {
            let choice = Choice { rule, node };
            let OfImage { worst, function, has_others } = self.images[image.index()];
            if worst <= choice {
                continue;
            }
            let mut is_wanted = false;
            let mut look = |function| {
                is_wanted |= self
                    .look_for_earlier(&mut first, function, choice, |_| view.fits(function, node));
            };
            match function {
                Some(function) if !has_others => look(function),
                _ => view.functions_waiting_for(image).for_each(look),
            }
            if !is_wanted {
                self.images[image.index()].worst = choice;
            }
        }
        for &function in &self.wide {
            let choice = Choice { rule: self.rule_at(view, function, node), node };
            self.look_for_earlier(&mut first, function, choice, |_| view.fits(function, node));
        }
        let mut nowhere = self.nowhere.iter().take_while(|&&(place, _)| place < first.place);
        if let Some(&(place, function)) = nowhere.find(|&&(_, function)| view.fits(function, node))
        {
            first = First { place, function: Some(function) };
        }
        Some((first.place, first.function?))
    }

    /// Looks for an invocation of a function that comes before the first one so far, has something
    /// worse than this, and could go there. Says whether any of the function has something worse,
    /// wherever it comes.
    #[inline]
    fn look_for_earlier(
        &self,
        first: &mut First,
        function: FunctionId,
        choice: Choice,
        can: impl FnOnce(u64) -> bool,
    ) -> bool {
        let Some(place) = self.chosen[function.index()].beyond(choice).map(Key::place) else {
            return false;
        };
        if place < first.place && can(place) {
            *first = First { place, function: Some(function) };
        }
        true
    }

    fn can_have_idle(&self, function: FunctionId, node: NodeId, place: u64) -> bool {
        self.superfluous(function, node, 1).is_none_or(|last| last >= place)
    }

    /// The last invocation that has an idle container on a node, if they and so many more are more
    /// than there are.
    fn superfluous(&self, function: FunctionId, node: NodeId, more: usize) -> Option<u64> {
        let idle = Choice { rule: Rule::Idle, node };
        let with_idle = self.chosen[function.index()].of(idle);
        let (count, last) = with_idle.fold((0, 0), |(count, _), place| (count + 1, place));
        (count + more > self.nodes[node.index()].idle(function)).then_some(last)
    }

    fn rule_at(&self, view: &View<'_>, function: FunctionId, node: NodeId) -> Rule {
        view.image_of(function).map_or(Rule::InMemory, |image| self.nodes[node.index()].near(image))
    }

    fn choice(&self, view: &View<'_>, function: FunctionId, slot: Slot) -> Choice {
        match slot {
            Slot::None | Slot::Nowhere => NOWHERE,
            Slot::Idle(node) => Choice { rule: Rule::Idle, node },
            Slot::At(node) => Choice { rule: self.rule_at(view, function, node), node },
        }
    }

    /// An invocation goes to the best that it can have now. What it had before says which other one
    /// of its function to go by.
    fn choose_again(&mut self, view: &View<'_>, place: u64, function: FunctionId, before: Choice) {
        let Some(slot) = self.waiting.get(&place).map(|waiting| waiting.slot) else { return };
        // Who comes before has not got anything better than he has, so nor will this one.
        let other = self.chosen[function.index()].before(before, place);
        let from = other.filter(|other| other.place() < place).map_or(BEST, Key::choice);
        let best = self.best(view, place, function, from);
        if best == slot {
            return;
        }
        self.leave(view, place, function, slot);
        self.take_slot(view, place, function, best);
        while let Some(node) = self.left.pop() {
            self.offer(view, node);
        }
    }

    /// The best that an invocation can have; nothing is better than `from`.
    fn best(&self, view: &View<'_>, place: u64, function: FunctionId, from: Choice) -> Slot {
        let start = |rule| if from.rule == rule { from.node } else { NodeId(0) };
        let can = |node| self.last.of(node) >= place;
        if from.rule == Rule::Idle {
            let can = |node| can(node) && self.can_have_idle(function, node, place);
            if let Some(node) = view.with_idle(function).find_from(from.node, can) {
                return Slot::Idle(node);
            }
        }
        let fits = |node| view.fits(function, node);
        let Some(image) = view.image_of(function) else {
            let from = if from.rule == Rule::Nowhere {
                return Slot::Nowhere;
            } else {
                start(Rule::InMemory)
            };
            return self.last.first(from, place, fits).map_or(Slot::Nowhere, Slot::At);
        };
        let rules = [Rule::InMemory, Rule::Loading, Rule::OnDisk, Rule::Copying, Rule::Nothing];
        for rule in rules.into_iter().filter(|&rule| rule >= from.rule) {
            let nodes = match rule {
                Rule::InMemory => view.in_memory(image),
                Rule::Loading => view.loading(image),
                Rule::OnDisk => view.on_disk(image),
                Rule::Copying => view.copying(image),
                _ => {
                    return self
                        .last
                        .first(start(rule), place, fits)
                        .map_or(Slot::Nowhere, Slot::At);
                }
            };
            if let Some(node) = nodes.find_from(start(rule), |node| can(node) && fits(node)) {
                return Slot::At(node);
            }
        }
        Slot::Nowhere
    }

    /// An invocation gives up what it has.
    fn leave(&mut self, view: &View<'_>, place: u64, function: FunctionId, slot: Slot) {
        if slot == Slot::None {
            return;
        }
        let choice = self.choice(view, function, slot);
        self.chosen[function.index()].remove(choice, place);
        match slot {
            Slot::None => {}
            Slot::Nowhere => {
                if self.nowhere.remove(&(place, function)) {
                    let next = self.first_nowhere(function);
                    self.nowhere.extend(next.map(|next| (next, function)));
                }
            }
            Slot::Idle(node) | Slot::At(node) => {
                self.nodes[node.index()].leave_slot(place);
                self.note_last(node);
                self.left.push(node);
            }
        }
    }

    /// An invocation takes what it has chosen; others may have to go for it.
    fn take_slot(&mut self, view: &View<'_>, place: u64, function: FunctionId, slot: Slot) {
        if let Slot::Idle(node) = slot
            && let Some(other) = self.superfluous(function, node, 1)
        {
            self.send_away(view, other, function);
        }
        let choice = self.choice(view, function, slot);
        self.chosen[function.index()].insert(choice, place);
        if let Some(image) = view.image_of(function) {
            let worst = &mut self.images[image.index()].worst;
            *worst = choice.max(*worst);
        }
        if let Some(waiting) = self.waiting.get_mut(&place) {
            waiting.slot = slot;
        }
        match slot {
            Slot::None => {}
            Slot::Nowhere => {
                if self.first_nowhere(function) == Some(place) {
                    if let Some(next) = self.chosen[function.index()].of(NOWHERE).nth(1) {
                        self.nowhere.remove(&(next, function));
                    }
                    self.nowhere.insert((place, function));
                }
            }
            Slot::Idle(node) | Slot::At(node) => {
                self.nodes[node.index()].take_slot(place, function);
                if self.nodes[node.index()].waiting.len() > self.nodes[node.index()].slots {
                    self.send_last_away(view, node);
                }
                self.note_last(node);
                self.note_choice(view, function, choice.rule);
            }
        }
    }

    fn first_nowhere(&self, function: FunctionId) -> Option<u64> {
        self.chosen[function.index()].of(NOWHERE).next()
    }

    /// The last of those who wait on a node has to choose again. Nobody is to be called for that.
    fn send_last_away(&mut self, view: &View<'_>, node: NodeId) {
        let Some(&(place, function)) = self.nodes[node.index()].waiting.back() else { return };
        self.send_away(view, place, function);
        self.left.pop();
    }

    fn send_away(&mut self, view: &View<'_>, place: u64, function: FunctionId) {
        let Some(waiting) = self.waiting.get_mut(&place) else { return };
        let slot = std::mem::replace(&mut waiting.slot, Slot::None);
        let choice = self.choice(view, function, slot);
        self.leave(view, place, function, slot);
        self.work.push(Reverse((place, Work::Choose(function, choice))));
    }

    /// Keeps true up to which place one can come to a node.
    fn note_last(&mut self, node: NodeId) {
        let NodeState { slots, waiting, .. } = &self.nodes[node.index()];
        let last = match waiting.back() {
            _ if *slots == 0 => 0,
            Some(&(place, _)) if waiting.len() >= *slots => place,
            _ => u64::MAX,
        };
        self.last.set(node, last);
    }

    /// Some invocation of a function has come by this rule.
    fn note_choice(&mut self, view: &View<'_>, function: FunctionId, rule: Rule) {
        if matches!(rule, Rule::Idle | Rule::InMemory | Rule::OnDisk | Rule::Nothing) {
            self.acting.insert(function);
        }
        if is_wide(view, function, rule) {
            self.wide.insert(function);
        }
    }

    /// Writes down what there is to be done.
    fn write(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut acting = std::mem::take(&mut self.acting);
        acting.retain(|&function| self.write_of(view, function));
        self.acting = acting;
        self.dispatches.sort_unstable_by_key(|&(place, _)| place);
        plan.dispatches.extend(self.dispatches.drain(..).map(|(_, dispatch)| dispatch));
        // Functions may share an image: the first one moves it.
        self.moves.sort_unstable_by_key(|&(place, node, image, _)| (node, image, place));
        self.moves.dedup_by_key(|&mut (_, node, image, _)| (node, image));
        self.moves.sort_unstable_by_key(|&(place, ..)| place);
        for (_, node, image, rule) in self.moves.drain(..) {
            match rule {
                Rule::OnDisk => plan.loads.push((node, image)),
                _ => plan.copies.push((node, image)),
            }
        }
    }

    /// Writes down what there is to be done for a function; says whether that is anything.
    fn write_of(&mut self, view: &View<'_>, function: FunctionId) -> bool {
        let chosen = &self.chosen[function.index()];
        let (mut acts, mut wide) = (false, false);
        let mut idle: Option<(NodeId, usize)> = None;
        for key in chosen.by(Rule::Idle).chain(chosen.by(Rule::InMemory)) {
            let Choice { rule, node } = key.choice();
            let mut container = None;
            if rule == Rule::Idle {
                let nth = idle.filter(|&(other, _)| other == node).map_or(0, |(_, nth)| nth + 1);
                idle = Some((node, nth));
                container = view.idle(function, node).nth(nth);
            }
            let Some(&Waiting { invocation, .. }) = self.waiting.get(&key.place()) else {
                continue;
            };
            self.dispatches.push((key.place(), Dispatch { invocation, node, container }));
            acts = true;
            wide |= is_wide(view, function, rule);
        }
        let mut before = None;
        for key in chosen.by(Rule::OnDisk).chain(chosen.by(Rule::Nothing)) {
            let Choice { rule, node } = key.choice();
            if before.replace(node) != Some(node) {
                self.moves
                    .extend(view.image_of(function).map(|image| (key.place(), node, image, rule)));
                acts = true;
                wide |= is_wide(view, function, rule);
            }
        }
        if !wide {
            self.wide.remove(&function);
        }
        acts
    }
}

/// Whether those who have come by this rule may want any node.
fn is_wide(view: &View<'_>, function: FunctionId, rule: Rule) -> bool {
    rule == Rule::Nothing || rule == Rule::InMemory && view.image_of(function).is_none()
}

/// How near an image is to a node.
fn rule_of(view: &View<'_>, image: ImageId, node: NodeId) -> Rule {
    let rules = [
        (Rule::InMemory, view.in_memory(image)),
        (Rule::Loading, view.loading(image)),
        (Rule::OnDisk, view.on_disk(image)),
        (Rule::Copying, view.copying(image)),
    ];
    rules
        .into_iter()
        .find(|(_, nodes)| nodes.contains(node))
        .map_or(Rule::Nothing, |(rule, _)| rule)
}
