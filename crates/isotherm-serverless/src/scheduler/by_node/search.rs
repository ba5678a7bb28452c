//! What nodes offer, and the search for the best node in a tree of offers.

use crate::scheduler::segment_tree::Summary;
use crate::state::Need;
use crate::{NodeId, steps};

/// Which room counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Room available without evicting containers.
    Spare,
    /// Room of evictable idle containers as well.
    All,
}

impl Room {
    /// Both, in the order in which they are tried.
    pub(super) const BOTH: [Room; 2] = [Room::Spare, Room::All];
}

/// What a node offers, or the most that any node of a range offers of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offer {
    /// By [`Room`], the memory plus one; 0 without a free slot, which is less than room for
    /// nothing.
    room: [u64; 2],
    /// By [`Room`], what a container may need at most.
    left: [Left; 2],
    /// Running invocations and reservations; of a range, the fewest where a slot is free.
    pub(super) running: u32,
}

/// Room in memory and on disk. Whole bytes are rounded to the nearest such number, which keeps
/// their order: what fits seems to fit. Less than nothing is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Left {
    memory: f32,
    disk: f32,
}

impl From<Need> for Left {
    fn from(need: Need) -> Self {
        Left { memory: need.memory_bytes as f32, disk: need.disk_bytes as f32 }
    }
}

impl Left {
    const NONE: Left = Left { memory: -1.0, disk: -1.0 };

    fn join(self, other: Left) -> Left {
        let larger = |left, right| if left < right { right } else { left };
        Left { memory: larger(self.memory, other.memory), disk: larger(self.disk, other.disk) }
    }
}

impl Summary for Offer {
    const EMPTY: Self = Offer { room: [0; 2], left: [Left::NONE; 2], running: u32::MAX };

    #[inline]
    fn join(self, right: Self) -> Self {
        let (rooms, left) = ([self.room, right.room], [self.left, right.left]);
        Offer {
            room: [0, 1].map(|kind: usize| rooms[0][kind].max(rooms[1][kind])),
            left: [0, 1].map(|kind: usize| left[0][kind].join(left[1][kind])),
            running: self.running.min(right.running),
        }
    }
}

impl Default for Offer {
    fn default() -> Self {
        Offer::EMPTY
    }
}

impl Offer {
    /// Of a node with a free slot: by [`Room`] its memory, and what a container may need.
    pub(super) fn new(memory: [u64; 2], left: [Option<Need>; 2], running: u32) -> Self {
        let room = memory.map(|memory| memory.saturating_add(1));
        Offer { room, left: left.map(|left| left.map_or(Left::NONE, Left::from)), running }
    }

    /// The memory; `None` without a free slot.
    pub(super) fn room(&self, room: Room) -> Option<u64> {
        self.room[room as usize].checked_sub(1)
    }
}

/// What is enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enough {
    room: Room,
    memory: u64,
    left: Left,
}

impl Enough {
    /// Room for a container.
    pub(super) fn for_container(room: Room, need: Need) -> Self {
        Enough { room, memory: 0, left: need.into() }
    }

    /// So much memory, whether or not a container has room.
    pub(super) fn memory(room: Room, memory: u64) -> Self {
        Enough { room, memory, left: Left::NONE }
    }

    fn is(&self, offer: &Offer) -> bool {
        let left = &offer.left[self.room as usize];
        offer.room[self.room as usize] > self.memory
            && left.memory >= self.left.memory
            && left.disk >= self.left.disk
    }
}

/// A range of the elements of a tree in the order of their keys, whose last 32 bits are a node.
pub(super) trait Range: Copy {
    fn offer(&self) -> &Offer;
    /// The lowest key that may be in it: that of the element if it is one.
    fn low(&self) -> u128;
    /// The highest key that may be in it.
    fn high(&self) -> u128;
    /// Its halves; `None` if it is one element.
    fn halves(&self) -> Option<[Self; 2]>;
}

/// A search for the best node: the one of which an order, a function of its offer and its key, is
/// the least. Only keys from one on count.
///
/// It enters only ranges that may beat the best node so far and have enough, the better half first
/// (branch and bound), and may go over several trees.
pub(super) struct Search<K, F> {
    from: u128,
    order: F,
    best: Option<(K, NodeId)>,
}

impl<K: Ord + Copy, F: Fn(&Offer, u128) -> K> Search<K, F> {
    pub(super) fn new(from: u128, order: F) -> Self {
        Search { from, order, best: None }
    }

    pub(super) fn best(self) -> Option<NodeId> {
        self.best.map(|(_, node)| node)
    }

    /// Considers one node.
    pub(super) fn consider(&mut self, offer: &Offer, key: u128) {
        let order = (self.order)(offer, key);
        if key >= self.from && self.may_be_best(order) {
            self.best = Some((order, NodeId(key as u32)));
        }
    }

    fn may_be_best(&self, order: K) -> bool {
        self.best.is_none_or(|(best, _)| order < best)
    }

    /// Considers the elements of a tree that have enough and meet a condition.
    pub(super) fn go_over<R: Range>(
        &mut self,
        tree: Option<R>,
        enough: Enough,
        meets: &mut impl FnMut(NodeId) -> bool,
    ) {
        if let Some(tree) = tree {
            self.enter(&tree, self.order_of(&tree), &enough, meets);
        }
    }

    fn order_of(&self, range: &impl Range) -> K {
        (self.order)(range.offer(), range.low())
    }

    /// Enters a range if it may have what is looked for.
    #[inline]
    fn enter<R: Range>(
        &mut self,
        range: &R,
        order: K,
        enough: &Enough,
        meets: &mut impl FnMut(NodeId) -> bool,
    ) {
        steps::count(1);
        if self.may_be_best(order) && enough.is(range.offer()) && range.high() >= self.from {
            self.descend(range, order, enough, meets);
        }
    }

    /// Looks at the halves of a range, the better one first, or at its only element.
    fn descend<R: Range>(
        &mut self,
        range: &R,
        order: K,
        enough: &Enough,
        meets: &mut impl FnMut(NodeId) -> bool,
    ) {
        let Some([left, right]) = range.halves() else {
            let node = NodeId(range.low() as u32);
            if meets(node) {
                self.best = Some((order, node));
            }
            return;
        };
        let orders = [self.order_of(&left), self.order_of(&right)];
        if orders[1] < orders[0] {
            self.enter(&right, orders[1], enough, meets);
            self.enter(&left, orders[0], enough, meets);
        } else {
            self.enter(&left, orders[0], enough, meets);
            self.enter(&right, orders[1], enough, meets);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::scheduler::by_node::key_tree::KeyTree;
    use crate::scheduler::by_node::node_tree::NodeTree;

    /// Memory by room, what is left by room (memory and disk), and invocations.
    type Load = ([u64; 2], [Option<(u64, u64)>; 2], u32);

    fn load() -> impl Strategy<Value = Load> {
        let left = || prop::option::of((0u64..9, 0u64..9));
        ((0u64..9, 0u64..9), (left(), left()), 0u32..5)
            .prop_map(|(rooms, left, running)| ([rooms.0, rooms.1], [left.0, left.1], running))
    }

    fn offer((rooms, left, running): Load) -> Offer {
        let need = |(memory_bytes, disk_bytes)| Need { memory_bytes, disk_bytes };
        Offer::new(rooms, left.map(|left| left.map(need)), running)
    }

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Both trees give what a linear search finds, by each order. A key that was taken out is
        /// not found, and leaves nothing behind.
        #[test]
        fn finds_what_a_linear_search_finds(
            count in 1u32..40,
            high in 0u32..3,
            sets in prop::collection::vec((0u32..40, prop::option::of(load())), 0..80),
            (memory, disk, all) in (0u64..9, 0u64..9, any::<bool>()),
            (from, parity) in (0u32..40, 0u32..3),
        ) {
            let (mut dense, mut sparse) = (NodeTree::new(count as usize), KeyTree::default());
            // Keys that differ above the number of the node as well.
            let key = |node: u32| u128::from(node % 4 * high) << 60 | u128::from(node);
            let mut model = BTreeMap::new();
            for (node, load) in sets {
                let node = node % count;
                dense.set(NodeId(node), load.map(offer).unwrap_or_default(), 0);
                sparse.set(key(node), load.map(offer));
                model.remove(&key(node));
                model.extend(load.map(|load| (key(node), load)));
            }
            for node in 0..count {
                prop_assert_eq!(sparse.get(key(node)), model.get(&key(node)).copied().map(offer));
            }
            let room = if all { Room::All } else { Room::Spare };
            let need = Need { memory_bytes: memory, disk_bytes: disk };
            let has = |load: &Load| {
                load.1[room as usize].is_some_and(|left| left.0 >= memory && left.1 >= disk)
            };
            let meets = &mut |node: NodeId| node.0 % 3 != parity;
            let enough = Enough::for_container(room, need);
            let can = |key: u128| {
                let can = move |at: &(&u128, &Load)| {
                    *at.0 >= key && has(at.1) && *at.0 as u32 % 3 != parity
                };
                model.iter().filter(can)
            };
            macro_rules! found {
                ($tree:expr, $from:expr, $order:expr) => {{
                    let mut search = Search::new($from, $order);
                    search.go_over($tree.range(), enough, meets);
                    search.best().map(|node| node.0)
                }};
            }
            let number = |best: Option<(&u128, &Load)>| best.map(|(&key, _)| key as u32);
            let first = number(can(key(from)).next());
            prop_assert_eq!(found!(sparse, key(from), |_, key| key), first);
            let roomiest = can(0).max_by_key(|&(&key, load)| (load.0[room as usize], Reverse(key)));
            let by_room = |offer: &Offer, key| (Reverse(offer.room(room)), key);
            prop_assert_eq!(found!(sparse, 0, by_room), number(roomiest));
            let idlest = can(0).min_by_key(|&(&key, load)| (load.2, key));
            let by_running = |offer: &Offer, key| (offer.running, key);
            prop_assert_eq!(found!(sparse, 0, by_running), number(idlest));
            if high == 0 {
                let from = u128::from(from);
                prop_assert_eq!(found!(dense, from, |_, key| key), first);
                prop_assert_eq!(found!(dense, 0, by_room), number(roomiest));
                prop_assert_eq!(found!(dense, 0, by_running), number(idlest));
                let most = model.values().map(|load| load.0[room as usize]).max();
                prop_assert_eq!(dense.most_room(room), most);
            }
            for &key in model.keys() {
                sparse.set(key, None);
            }
            prop_assert!(sparse.range().is_none());
        }
    }
}
