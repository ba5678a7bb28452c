//! Schedulers made of a rule that chooses a node for each invocation.
//!
//! A rule ([`ChooseNode`]) decides for one invocation at a time on which node it runs. [`ByNode`]
//! does the rest, which is common to all rules. A node has a *place* for a function if it has a
//! free slot, and an idle container of the function or room for a new one.
//!
//! * **Order.** Invocations are served in the order in which they became schedulable. One that no
//!   node has a place for may be overtaken by invocations of other functions.
//! * **Idle containers.** With `prefer_warm`, any idle container of the function whose node has a
//!   free slot serves ([`ContainerReuse`](crate::ContainerReuse) chooses among them over all
//!   nodes), and the rule only chooses where new ones are started. Without it, the rule is always
//!   asked and sees only room for new containers; an idle container on the chosen node serves, and
//!   one elsewhere only if the rule finds no place. A container with capacity left for another
//!   invocation counts as idle.
//! * **Images.** If the image is not in the memory of the chosen node, a slot and room are
//!   *reserved* there while the image is copied and loaded. On its arrival the longest pending
//!   invocation of the function starts. A reservation is not reconsidered, so images do not move to
//!   and fro; it is given up if the node fails. It is kept while an interrupted copy or load waits
//!   for its next try; further invocations of the function are placed on other nodes meanwhile.
//!
//! # Cost
//!
//! Nodes and blocked functions are indexed by segment trees, nodes near an image and nodes in the
//! order of memory by tries, which are updated for nodes that have changed only. A decision takes
//! O(log n) in nodes, functions and containers, if the rule takes no more. Pending invocations cost
//! nothing while no node has room for them: blocked invocations are grouped by function, and only
//! functions that need no more memory than the roomiest node has are looked at. The exception is a
//! function that has enough memory on some node but not enough disk, or no room for its image: it
//! is looked at in every round. A reservation is looked at when something has happened on its node.
//!
//! The trees have what is left on a node for a container: nodes near an image beside that image,
//! others before it. So nodes without room are not looked at, but for two cases: of nodes side by
//! side some have enough memory and others enough disk space; or a copy of the image to them was
//! interrupted and waits for its next try. A change on a node costs O(log n) for each image there.
//!
//! Each decision is carried out before the next one is made, so a rule always sees the current
//! state of nodes and images.

mod blocked;
mod key_tree;
mod near_nodes;
mod node_tree;
mod reservations;
mod search;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Dispatch, Placed, Plan, Scheduler};
use crate::node_set::IdSet;
use crate::state::{Change, ChangeKinds, Cursor, Nearness, View};
use crate::{ContainerId, FunctionId, ImageId, NodeId};

use blocked::BlockedFunctions;
use key_tree::KeyTree;
use near_nodes::by_room;
use reservations::Reservations;
use search::{Enough, Offer, Room, Search};

/// A rule that chooses nodes.
///
/// ```
/// use isotherm_serverless::scheduler::{ByNode, ChooseNode, Nodes};
/// use isotherm_serverless::{FunctionId, NodeId};
///
/// /// Functions with an even number on the first half of two or more nodes, others on the second.
/// struct Halves;
///
/// impl ChooseNode for Halves {
///     fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
///         let (first, second) = nodes.members().split_at(nodes.members().len() / 2);
///         let half = if function.index() % 2 == 0 { first } else { second };
///         let chosen = nodes.first_with_place(function, *half.first()?)?;
///         (Some(&chosen) <= half.last()).then_some(chosen)
///     }
/// }
///
/// let scheduler = ByNode::new(Halves, true);
/// # let _ = scheduler;
/// ```
pub trait ChooseNode {
    /// The node for the next invocation of a function; `None` if it must wait until something has
    /// changed. A node without a [place](Nodes::has_place) for it counts as `None`.
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId>;
}

/// A rule chosen at run time.
#[warn(clippy::missing_trait_methods)]
impl<R: ChooseNode + ?Sized> ChooseNode for Box<R> {
    fn choose(&mut self, nodes: &Nodes<'_>, function: FunctionId) -> Option<NodeId> {
        (**self).choose(nodes, function)
    }
}

/// As many nodes may be looked at for a decision.
const FEW: usize = if cfg!(test) { 2 } else { 16 };

/// The nodes among which the best is looked for. Keys are numbers of nodes but for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Among {
    /// All, whatever room is claimed for images on their way.
    Any,
    /// All, from this one on.
    From(NodeId),
    /// All, with their memory as the higher part of their keys.
    ByRoom,
    /// Those to which the image is so near.
    Near(Nearness),
    /// Those where the image is absent, or all if there is no place where it is nearer.
    Far,
}

/// The nodes as a rule sees them, reservations included.
///
/// # Which nodes are found
///
/// [`has_place`](Self::has_place), [`has_spare_place`](Self::has_spare_place) and
/// [`has_spare_room`](Self::has_spare_room) ask about one node, and `any_has_place` and
/// `any_has_spare_place` whether these are true of some node. What the other methods find meets
/// `has_place`, but they look for room, and leave out nodes with less memory than the function
/// needs, beside all that is reserved or claimed for images on their way:
///
/// * `first_with_place`, `next_with_place`, `roomiest`, `tightest`, `least_running` and
///   `all_with_place` leave out nodes without the memory of a container;
/// * `nearest`, `first_nearest` and `roomiest_near` count that of the image as well where it is
///   neither in memory nor being loaded. `roomiest_near` finds a node where an idle container of
///   the function serves whatever the memory there, if few nodes have one.
///
/// On a node that is left out there is an idle container of the function and no memory for another
/// one, not even by eviction; or the claim is that of the function's own image. If the rule chooses
/// no node, [`ByNode`] still has idle containers serve, on whatever node.
#[derive(Clone, Copy)]
pub struct Nodes<'a> {
    view: View<'a>,
    reservations: &'a Reservations,
}

impl<'a> Nodes<'a> {
    /// The view of the platform.
    #[must_use]
    pub fn view(&self) -> View<'a> {
        self.view
    }

    /// The number of nodes, those that have left included: the ids of nodes are below it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.view.nodes()
    }

    /// The nodes that may be chosen, on or off: see [`View::members`].
    #[must_use]
    pub fn members(&self) -> &'a [NodeId] {
        self.view.members()
    }

    /// Whether a node has a place for the next invocation of a function, now or when its image has
    /// arrived: a free slot, and an idle container or room for a new one. Evictable idle containers
    /// count as room.
    #[must_use]
    pub fn has_place(&self, function: FunctionId, node: NodeId) -> bool {
        self.has_place_in(Room::All, function, node)
    }

    /// Whether a node has a place for the next invocation of a function without evicting an idle
    /// container: in an idle one of the function, or in a new one.
    #[must_use]
    pub fn has_spare_place(&self, function: FunctionId, node: NodeId) -> bool {
        self.reservations.has_slot(&self.view, node) && self.view.has_idle_on(function, node)
            || self.has_spare_room(function, node)
    }

    /// Whether a node has room for a new container of a function without evicting an idle one. Idle
    /// containers of the function do not matter.
    #[must_use]
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

    /// Whether some node has a [place](Self::has_place) for the function.
    #[must_use]
    pub fn any_has_place(&self, function: FunctionId) -> bool {
        self.any_has_spare_place(function) || self.any_in(Room::All, function)
    }

    /// Whether some node has a [spare place](Self::has_spare_place) for the function.
    #[must_use]
    pub fn any_has_spare_place(&self, function: FunctionId) -> bool {
        let can_serve = |node| self.reservations.has_slot(&self.view, node);
        self.any_in(Room::Spare, function) || self.view.first_idle(function, can_serve).is_some()
    }

    fn any_in(&self, room: Room, function: FunctionId) -> bool {
        self.best(room, function, Among::Any, |_, key| key).is_some()
    }

    fn need(&self, function: FunctionId) -> u64 {
        self.view.need_of(function).memory_bytes
    }

    /// The invocations that run on a node, or have a reservation there.
    #[must_use]
    pub fn running(&self, node: NodeId) -> u32 {
        self.reservations.running(&self.view, node)
    }

    /// The sum of [`running`](Self::running) over all nodes.
    #[must_use]
    pub fn total_running(&self) -> u64 {
        self.reservations.total_running(&self.view)
    }

    /// The memory of a node that is held neither by a container nor by an image in use, in bytes.
    #[must_use]
    pub fn spare_memory(&self, node: NodeId) -> u64 {
        self.reservations.spare(&self.view, node)
    }

    fn first_in(&self, room: Room, function: FunctionId, from: NodeId) -> Option<NodeId> {
        let offers = |node| self.reservations.nodes().get(node).room(room);
        // Often it is this one.
        if from.index() < self.count()
            && offers(from) >= Some(self.need(function))
            && self.has_place_in(room, function, from)
        {
            return Some(from);
        }
        self.best(room, function, Among::From(from), |_, key| key)
    }

    fn roomiest_in(&self, room: Room, function: FunctionId, among: Among) -> Option<NodeId> {
        self.best(room, function, among, |offer, key| (Reverse(offer.room(room)), key))
    }

    /// The best of some nodes that have a place: the one of which an order, a function of what it
    /// offers and its key, is the least.
    fn best<K: Ord + Copy>(
        &self,
        room: Room,
        function: FunctionId,
        among: Among,
        order: impl Fn(&Offer, u128) -> K,
    ) -> Option<NodeId> {
        let (view, nodes) = (&self.view, self.reservations.nodes());
        let (image, need) = (view.image_of(function), view.need_of(function));
        let least = match among {
            Among::Any => 0,
            Among::From(_) | Among::ByRoom => need.memory_bytes,
            Among::Near(nearness) => self.need_near(function, Some(nearness)),
            Among::Far => self.need_near(function, None),
        };
        let from = match among {
            Among::From(node) => u128::from(node.0),
            Among::ByRoom => u128::from(least) << 32,
            Among::Any | Among::Near(_) | Among::Far => 0,
        };
        let meets = &mut |node| {
            nodes.get(node).room(room) >= Some(least) && self.has_place_in(room, function, node)
        };
        let key = |node: NodeId| match among {
            Among::ByRoom => by_room(nodes.get(node), room, node),
            Among::Near(nearness) if self.nearness(function, node) != Some(nearness) => None,
            _ => Some(u128::from(node.0)),
        };
        let consider = |search: &mut Search<_, _>, node| {
            if let Some(key) = key(node) {
                search.consider(nodes.get(node), key);
            }
        };
        let mut search = Search::new(from, &order);
        let mut far = need;
        if let Some(image) = image {
            far.add(view.image_size(image));
        }
        let mut enough = [need, far].map(|need| Enough::for_container(room, need));
        if room == Room::All {
            match self.few_idle(function) {
                Some(idle) => {
                    idle.filter(|&node| meets(node)).for_each(|node| consider(&mut search, node));
                }
                None => enough = [Enough::memory(room, least); 2],
            }
        }
        let [enough_near, enough_far] = enough;
        match among {
            Among::Near(_) => {}
            Among::ByRoom => {
                let ordered = self.reservations.ordered(room).and_then(KeyTree::range);
                search.go_over(ordered, enough_far, meets);
            }
            _ => search.go_over(nodes.range(), enough_far, meets),
        }
        if let Some(image) = image {
            self.reservations.near(view, image, |near| {
                for tree in near.among(among, room) {
                    search.go_over(tree.range(), enough_near, meets);
                }
            });
        }
        let best = search.best();
        #[cfg(any(test, feature = "audit"))]
        crate::steps::uncounted(|| {
            let mut scan = Search::new(from, &order);
            let all = (0..self.count() as u32).map(NodeId).filter(|_| self.count() <= 16);
            all.filter(|&node| meets(node)).for_each(|node| consider(&mut scan, node));
            assert!(self.count() > 16 || best == scan.best(), "{room:?}, {function}, {among:?}");
        });
        best
    }

    /// The nodes where an idle container of a function may serve, if they are few. It serves where
    /// there is no room for a new one. If few nodes have one, these are looked at; otherwise it is
    /// soon found among all nodes.
    fn few_idle(&self, function: FunctionId) -> Option<impl Iterator<Item = NodeId> + use<'a>> {
        let idle = self.view.with_idle(function).and(self.view.with_free_slot());
        idle.clone().nth(FEW).is_none().then_some(idle)
    }

    fn nearness(&self, function: FunctionId, node: NodeId) -> Option<Nearness> {
        Nearness::of(&self.view, self.view.image_of(function)?, node)
    }

    /// The first node, from `from` on, that has [spare room](Self::has_spare_room) for the
    /// function; otherwise the first that has a [place](Self::has_place).
    #[must_use]
    pub fn first_with_place(&self, function: FunctionId, from: NodeId) -> Option<NodeId> {
        Room::BOTH.into_iter().find_map(|room| self.first_in(room, function, from))
    }

    /// The first node that has spare room for the function, from `from` on and then from the
    /// beginning; otherwise the first that has a place, likewise.
    #[must_use]
    pub fn next_with_place(&self, function: FunctionId, from: NodeId) -> Option<NodeId> {
        let next = |room| {
            self.first_in(room, function, from).or_else(|| self.first_in(room, function, NodeId(0)))
        };
        Room::BOTH.into_iter().find_map(next)
    }

    /// The node with the most spare memory among those that have spare room for the function;
    /// otherwise the one with the most obtainable memory among those that have a place. Ties go to
    /// the first.
    #[must_use]
    pub fn roomiest(&self, function: FunctionId) -> Option<NodeId> {
        let from = Among::From(NodeId(0));
        Room::BOTH.into_iter().find_map(|room| self.roomiest_in(room, function, from))
    }

    /// The node to which the image of the function is nearest, among those that have spare room for
    /// it; otherwise among those that have a place. The order is that of [`Nearness`], then nodes
    /// where the image is absent. Among equally near nodes, the one with the most room, then the
    /// first.
    #[must_use]
    pub fn nearest(&self, function: FunctionId) -> Option<NodeId> {
        self.nearest_by(function, |room, among| self.roomiest_in(room, function, among))
    }

    /// Like [`nearest`](Self::nearest), but the first among equally near nodes.
    #[must_use]
    pub fn first_nearest(&self, function: FunctionId) -> Option<NodeId> {
        self.nearest_by(function, |room, among| self.best(room, function, among, |_, key| key))
    }

    fn nearest_by(
        &self,
        function: FunctionId,
        best: impl Fn(Room, Among) -> Option<NodeId>,
    ) -> Option<NodeId> {
        let near: &[Nearness] = match self.view.image_of(function) {
            Some(_) => &Nearness::ALL,
            None => &[],
        };
        Room::BOTH.into_iter().find_map(|room| {
            let near = near.iter().find_map(|&nearness| best(room, Among::Near(nearness)));
            near.or_else(|| best(room, Among::Far))
        })
    }

    /// The node with the most spare memory among those with this nearness to the image of a
    /// function, and no better one, that have a [place](Self::has_place) for it; those that have a
    /// [spare place](Self::has_spare_place) come first. Ties go to the first.
    #[must_use]
    pub fn roomiest_near(&self, function: FunctionId, nearness: Nearness) -> Option<NodeId> {
        let by_spare = |offer: &Offer, key| (Reverse(offer.room(Room::Spare)), key);
        let best = |room| self.best(room, function, Among::Near(nearness), by_spare);
        let image = self.view.image_of(function)?;
        let spare = match self.few_idle(function) {
            Some(idle) => {
                let is_near = |node| self.nearness(function, node) == Some(nearness);
                let idle = idle.filter(|&node| is_near(node) && self.has_place(function, node));
                let places = idle.chain(best(Room::Spare));
                places.max_by_key(|&node| (self.spare_memory(node), Reverse(node)))
            }
            None => self.reservations.near(&self.view, image, |near| {
                let (mut search, enough) =
                    (Search::new(0, by_spare), Enough::memory(Room::Spare, 0));
                let meets = &mut |node| self.has_spare_place(function, node);
                search.go_over(near.near(Some(nearness)).range(), enough, meets);
                search.best()
            }),
        };
        spare.or_else(|| best(Room::All))
    }

    /// The memory that a container needs where its image is this near, in bytes: where it is
    /// neither in memory nor being loaded, it needs room as well.
    fn need_near(&self, function: FunctionId, nearness: Option<Nearness>) -> u64 {
        let image = match nearness {
            Some(Nearness::InMemory | Nearness::Loading) => None,
            Some(Nearness::OnDisk | Nearness::Copying) | None => self.view.image_of(function),
        };
        self.need(function).saturating_add(image.map_or(0, |image| self.view.image_memory(image)))
    }

    /// The node with the fewest invocations among those that have spare room for the function,
    /// otherwise among those that have a place. Ties go to the first.
    #[must_use]
    pub fn least_running(&self, function: FunctionId) -> Option<NodeId> {
        let from = Among::From(NodeId(0));
        Room::BOTH.into_iter().find_map(|room| match self.reservations.counts() {
            true => self.best(room, function, from, |offer, key| (offer.running, key)),
            false => self.scan(room, function).min_by_key(|&node| (self.running(node), node)),
        })
    }

    /// All nodes that have a place.
    fn scan(&self, room: Room, function: FunctionId) -> impl Iterator<Item = NodeId> {
        let (nodes, need) = (self.reservations.nodes(), self.need(function));
        (0..self.count() as u32).map(NodeId).filter(move |&node| {
            nodes.get(node).room(room) >= Some(need) && self.has_place_in(room, function, node)
        })
    }

    /// The node with the least spare memory among those that have spare room for the function;
    /// otherwise the one with the least obtainable memory among those that have a place. Ties go to
    /// the first.
    #[must_use]
    pub fn tightest(&self, function: FunctionId) -> Option<NodeId> {
        let memory = |room, node| self.reservations.nodes().get(node).room(room);
        Room::BOTH.into_iter().find_map(|room| match self.reservations.ordered(room) {
            Some(_) => self.best(room, function, Among::ByRoom, |_, key| key),
            None => self.scan(room, function).min_by_key(|&node| (memory(room, node), node)),
        })
    }

    /// All nodes that have a place for the function, in order. This looks at every node with enough
    /// memory.
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

/// A scheduler made of a rule that chooses nodes. Invocations are served in order; one that no node
/// has a place for may be overtaken by invocations of other functions.
#[derive(Debug)]
pub struct ByNode<C> {
    rule: C,
    prefer_warm: bool,
    reservations: Reservations,
    blocked: BlockedFunctions,
    /// Blocked functions, and functions with reservations, that may have an idle container.
    warm: IdSet<FunctionId>,
    /// The position in the queue up to which arrivals have been decided.
    seen: u64,
    cursor: Cursor,
    /// Whether anything but arrivals has happened since the last round.
    changed: bool,
    /// The functions of which a dispatch was refused since then, and those of which pending
    /// invocations have left the queue.
    refused: Vec<FunctionId>,
    left: Vec<FunctionId>,
    /// Moves decided in this round.
    moved: Vec<(NodeId, ImageId)>,
    scratch: Vec<(NodeId, FunctionId, u32)>,
    /// It looks at everything anew in each round.
    #[cfg(test)]
    forgets: bool,
}

/// The decision for an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    Dispatched,
    /// It has a reservation on a node to which its image is in transit.
    Reserved,
    /// It has a reservation, and its image is to be moved to the node.
    Moved,
    Nowhere,
}

impl<C: ChooseNode> ByNode<C> {
    /// With `prefer_warm`, idle containers serve on any node; otherwise only where the rule
    /// chooses.
    pub fn new(rule: C, prefer_warm: bool) -> Self {
        ByNode {
            rule,
            prefer_warm,
            reservations: Reservations::default(),
            blocked: BlockedFunctions::default(),
            warm: IdSet::new(),
            seen: 0,
            cursor: Cursor::new(
                ChangeKinds::EVENTS | ChangeKinds::QUEUE | ChangeKinds::NODES | ChangeKinds::IMAGES,
            ),
            changed: false,
            refused: Vec::new(),
            left: Vec::new(),
            moved: Vec::new(),
            scratch: Vec::new(),
            #[cfg(test)]
            forgets: false,
        }
    }

    /// Looks at everything anew in every round, which must make no difference.
    #[cfg(test)]
    pub(crate) fn looking_everywhere(mut self) -> Self {
        self.forgets = true;
        self
    }

    /// Learns what has happened since the last call.
    fn learn(&mut self, view: &View<'_>) {
        if view.is_new_to(&self.cursor) {
            self.forget();
        }
        if self.reservations.wants_counts() {
            self.cursor.want(ChangeKinds::SLOTS);
        }
        let Some(changes) = view.changes_since(&mut self.cursor) else {
            self.changed = true;
            return self.learn_anew(view, true);
        };
        for change in changes {
            match change {
                Change::Event => self.changed = true,
                Change::Node { node } => self.reservations.touch(node),
                Change::SlotsUsed { node } => self.reservations.change(node),
                Change::Joined { .. } => self.reservations.forget_nodes(),
                Change::Image { node, image } => self.reservations.image_moved(view, node, image),
                Change::Refused { function } => self.refused.push(function),
                Change::Left { function, .. } => self.left.push(function),
                Change::Available { function } if self.waits(function) => {
                    self.warm.insert(function);
                }
                _ => {}
            }
        }
        #[cfg(test)]
        if self.forgets {
            self.learn_anew(view, false);
        }
    }

    /// Forgets what it knows of another platform. The rule remembers what it does.
    #[cold]
    fn forget(&mut self) {
        self.reservations = Reservations::default();
        self.blocked = BlockedFunctions::default();
        self.warm.clear();
        self.seen = 0;
        self.refused.clear();
        self.left.clear();
    }

    /// Looks at everything anew. If not all changes are known, idle containers may have been
    /// missed, and all count as new; among them may be some that could not serve so far for lack of
    /// a slot, which are looked for again only when their functions have new ones.
    fn learn_anew(&mut self, view: &View<'_>, may_have_missed_idle: bool) {
        self.reservations.forget_nodes();
        self.left.extend(self.reservations.functions());
        // A function that was decided for, and neither runs nor has a reservation, is blocked.
        for function in view.functions_waiting() {
            let mut without_reservation =
                view.positions_of(function).skip(self.reservations.of(function));
            let was_decided =
                without_reservation.next().is_some_and(|position| position < self.seen);
            if was_decided && !self.blocked.contains(function) {
                self.block(view, function);
            } else if may_have_missed_idle && view.has_idle(function) && self.waits(function) {
                self.warm.insert(function);
            }
        }
    }

    /// Whether invocations of the function are blocked or have reservations.
    fn waits(&self, function: FunctionId) -> bool {
        self.blocked.contains(function) || self.reservations.of(function) > 0
    }

    /// The first idle container that may serve.
    fn idle(&self, view: &View<'_>, function: FunctionId) -> Option<(ContainerId, NodeId)> {
        // If all slots are taken there may be very many idle containers, and none can serve.
        if view.with_free_slot().is_empty() {
            return None;
        }
        view.first_idle(function, |node| self.reservations.has_slot(view, node))
    }

    /// Decides for the next invocation of a function.
    fn decide(&mut self, view: &View<'_>, plan: &mut Plan, function: FunctionId) -> Decided {
        let Some((_, invocation)) = view.first_pending(function) else { return Decided::Nowhere };
        let Some(Placed { node, container }) = self.placement(view, function) else {
            return Decided::Nowhere;
        };
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

    /// The placement of the next invocation of a function.
    fn placement(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        self.warm_placement(view, function).or_else(|| self.chosen_placement(view, function))
    }

    /// In an idle container on any node.
    fn warm_placement(&self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        let idle = if self.prefer_warm { self.idle(view, function) } else { None };
        idle.map(|(container, node)| Placed::new(node, Some(container)))
    }

    /// Where the rule chooses.
    fn chosen_placement(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        self.reservations.refresh(view);
        let nodes = Nodes { view: *view, reservations: &self.reservations };
        let chosen = self.rule.choose(&nodes, function);
        let chosen =
            chosen.filter(|&node| node.index() < nodes.count() && nodes.has_place(function, node));
        Some(match chosen {
            Some(node) => Placed::new(node, view.idle(function, node).next()),
            // Rather than wait, it uses any container that can serve.
            None => {
                let (container, node) = self.idle(view, function).filter(|_| !self.prefer_warm)?;
                Placed::new(node, Some(container))
            }
        })
    }

    /// Decides the next move of an image towards the memory of a node, unless it is in transit.
    /// Returns whether it is not.
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

    /// The pending invocations of a function without a reservation.
    fn without_reservation(&self, view: &View<'_>, function: FunctionId) -> usize {
        view.pending_count(function).saturating_sub(self.reservations.of(function))
    }

    fn block(&mut self, view: &View<'_>, function: FunctionId) {
        if let Some((position, _)) = view.first_pending(function) {
            self.blocked.put(function, view.need_of(function).memory_bytes, position);
            if view.has_idle(function) {
                self.warm.insert(function);
            }
        }
    }

    /// Blocks the functions whose last decision was refused.
    fn block_refused(&mut self, view: &View<'_>) {
        for number in 0..self.refused.len() {
            let function = self.refused[number];
            if self.without_reservation(view, function) == 0 {
                continue;
            }
            self.block(view, function);
            // The same decision would be made again.
            if view.repeats() {
                self.blocked.set_aside(function);
            }
        }
        self.refused.clear();
    }

    /// Gives up reservations of functions that have more of them than pending invocations, after
    /// cancellations.
    fn release_surplus(&mut self, view: &View<'_>) {
        for function in self.left.drain(..) {
            while self.reservations.of(function) > view.pending_count(function)
                && let Some(node) = self.reservations.first_of(function)
            {
                self.reservations.release(view, function, node);
            }
        }
    }

    /// Starts invocations on nodes where the image of a reservation has arrived, and moves the
    /// other images on.
    fn fulfil_reservations(&mut self, view: &View<'_>, plan: &mut Plan) {
        let before = plan.dispatches.len();
        let mut unsettled = std::mem::take(&mut self.scratch);
        self.reservations.take_unsettled(&mut unsettled);
        // The number of invocations of each function started here.
        let mut started = BTreeMap::new();
        for &(node, function, count) in &unsettled {
            let Some(image) = view.image_of(function) else { continue };
            let left = count as usize;
            if !view.is_up(node) {
                (0..left).for_each(|_| self.reservations.release(view, function, node));
                if self.without_reservation(view, function) > 0 {
                    self.block(view, function);
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
            // Another scheduler may have started the invocations that these were for.
            let needed = view.pending_count(function).saturating_sub(*started);
            for _ in needed..self.reservations.of(function) {
                self.reservations.release(view, function, node);
            }
        }
        self.scratch = unsettled;
        if self.prefer_warm && plan.dispatches.len() == before {
            self.serve_reserved(view, plan);
        }
    }

    /// Lets an idle container serve an invocation that has a reservation elsewhere.
    fn serve_reserved(&mut self, view: &View<'_>, plan: &mut Plan) {
        let mut reserved = self.warm.iter().filter(|&function| self.reservations.of(function) > 0);
        let idle = |function| {
            self.idle(view, function).map(|(container, node)| (function, container, node))
        };
        let Some((function, container, node)) = reserved.find_map(idle) else { return };
        let (Some((_, invocation)), Some(reserved_on)) =
            (view.first_pending(function), self.reservations.last_of(function))
        else {
            return;
        };
        plan.dispatches.push(Dispatch { invocation, node, container: Some(container) });
        self.reservations.release(view, function, reserved_on);
    }

    /// The longest blocked function for which an idle container can serve, and its position.
    fn first_warm(&mut self, view: &View<'_>) -> Option<(u64, FunctionId)> {
        if self.warm.is_empty() || view.with_free_slot().is_empty() {
            return None;
        }
        let (mut warm, mut first) = (std::mem::take(&mut self.warm), None);
        warm.retain(|function| {
            let may_serve = self.waits(function) && view.has_idle(function);
            if may_serve
                && let Some(position) = self.blocked.position_of(function)
                && first.is_none_or(|(first, _)| position < first)
                && self.idle(view, function).is_some()
            {
                first = Some((position, function));
            }
            may_serve
        });
        self.warm = warm;
        first
    }

    /// Decides for blocked functions until there is something to carry out; returns whether there
    /// is.
    fn serve_blocked(&mut self, view: &View<'_>, plan: &mut Plan) -> bool {
        loop {
            self.reservations.refresh(view);
            let most = self.reservations.nodes().most_room(Room::All);
            let fits = most
                .and_then(|most| self.blocked.first(most))
                .map(|(function, position)| (position, function));
            let Some((position, function)) = fits.into_iter().chain(self.first_warm(view)).min()
            else {
                return false;
            };
            if self.without_reservation(view, function) == 0 {
                self.blocked.remove(function);
                continue;
            }
            if view.first_pending(function).is_none_or(|(first, _)| first != position) {
                self.block(view, function);
                continue;
            }
            match self.decide(view, plan, function) {
                Decided::Dispatched => {
                    if self.without_reservation(view, function) == 1 {
                        self.blocked.remove(function);
                    }
                    return true;
                }
                // The next decision must see that the image is in transit.
                Decided::Moved => return true,
                Decided::Reserved => {}
                Decided::Nowhere => self.blocked.set_aside(function),
            }
        }
    }

    /// Decides for arrivals until there is something to carry out; returns whether there is.
    fn serve_arrivals(&mut self, view: &View<'_>, plan: &mut Plan) -> bool {
        for (position, pending) in view.pending_from(self.seen) {
            self.seen = position + 1;
            // It may have started or got a reservation in place of an earlier one of its function.
            if self.without_reservation(view, pending.function) == 0 {
                continue;
            }
            // Invocations of a function keep their order. A function may still be blocked although
            // its invocations have been cancelled.
            if self.blocked.contains(pending.function) {
                let first = view.first_pending(pending.function);
                if first.is_none_or(|(first, _)| first != position) {
                    continue;
                }
                self.blocked.remove(pending.function);
            }
            match self.decide(view, plan, pending.function) {
                Decided::Dispatched | Decided::Moved => return true,
                Decided::Reserved => {}
                Decided::Nowhere => self.block(view, pending.function),
            }
        }
        false
    }
}

impl<C: ChooseNode> Scheduler for ByNode<C> {
    fn place_alone(&mut self, view: &View<'_>, function: FunctionId) -> Option<Placed> {
        if !(self.reservations.is_empty() && self.blocked.is_empty()) {
            return None;
        }
        self.warm_placement(view, function).or_else(|| {
            self.learn(view);
            self.chosen_placement(view, function)
        })
    }

    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        if !view.repeats() {
            self.blocked.restore_set_aside();
        }
        self.moved.clear();
        // A scheduler around this one may have decided something already.
        let before = plan.dispatches.len();
        self.learn(view);
        let changed = std::mem::take(&mut self.changed);
        self.block_refused(view);
        self.release_surplus(view);
        #[cfg(any(test, feature = "audit"))]
        crate::steps::uncounted(|| self.reservations.check(view));
        if changed && !self.reservations.is_empty() {
            self.fulfil_reservations(view, plan);
        }
        let acts = plan.dispatches.len() > before
            || (changed || view.repeats())
                && !self.blocked.is_empty()
                && self.serve_blocked(view, plan)
            || self.serve_arrivals(view, plan);
        // The next decision is made after this one has been carried out.
        plan.goes_on |= acts
            && (!self.blocked.is_empty()
                || !self.reservations.is_empty()
                || view.pending_from(self.seen).next().is_some());
    }
}
