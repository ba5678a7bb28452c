//! The nodes near each image, by the room they have.
//!
//! For each image and each [`Nearness`] the nodes are in a segment tree of their room that stores
//! only the ranges with nodes ([`SparseTree`]). A node is in the tree of its best nearness alone.
//! An image is indexed after the first question about it; from then on a change on a node takes
//! O(log n) for each indexed image there.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;

use super::load_tree::{LoadTree, Room};
use crate::state::{Nearness, View};
use crate::steps::{self, counted};
use crate::{ImageId, NodeId};

impl Nearness {
    pub(super) fn of(view: &View<'_>, image: ImageId, node: NodeId) -> Option<Nearness> {
        Nearness::ALL.into_iter().find(|nearness| view.nodes_near(image, *nearness).contains(node))
    }
}

/// The index.
#[derive(Debug, Default)]
pub(super) struct NearNodes {
    /// For each indexed image a tree for each nearness.
    images: Vec<Option<[SparseTree; 4]>>,
    /// Where each indexed image is.
    nearness: FxHashMap<(NodeId, ImageId), Nearness>,
}

impl NearNodes {
    /// The nodes with a nearness to an image. The first call for an image looks at all nodes that
    /// have it.
    pub(super) fn of(
        &mut self,
        view: &View<'_>,
        trees: [&LoadTree; 2],
        image: ImageId,
        nearness: Nearness,
    ) -> &SparseTree {
        if image.index() >= self.images.len() {
            self.images.resize_with(image.index() + 1, || None);
        }
        if self.images[image.index()].is_none() {
            let empty = Nearness::ALL.map(|_| SparseTree::new(view.nodes()));
            self.images[image.index()] = Some(empty);
            let nodes = |nearness| view.nodes_near(image, nearness).iter();
            for node in Nearness::ALL.into_iter().flat_map(nodes) {
                self.update_image(view, trees, image, node);
            }
        }
        let of_image = self.images[image.index()].as_ref();
        &of_image.expect("it has just been indexed")[nearness as usize]
    }

    /// The room of a node has changed.
    pub(super) fn update(&mut self, view: &View<'_>, trees: [&LoadTree; 2], node: NodeId) {
        if self.images.is_empty() {
            return;
        }
        for image in view.images_near(node) {
            self.update_image(view, trees, image, node);
        }
    }

    /// An image has moved, or the room of the node has changed.
    pub(super) fn update_image(
        &mut self,
        view: &View<'_>,
        trees: [&LoadTree; 2],
        image: ImageId,
        node: NodeId,
    ) {
        let Some(Some(of_image)) = self.images.get_mut(image.index()) else { return };
        let now = Nearness::of(view, image, node);
        let before = match now {
            Some(now) => self.nearness.insert((node, image), now),
            None => self.nearness.remove(&(node, image)),
        };
        if let Some(before) = before.filter(|&before| Some(before) != now) {
            of_image[before as usize].set(node, [None; 2]);
        }
        if let Some(now) = now {
            of_image[now as usize].set(node, trees.map(|tree| tree.room(node)));
        }
    }

    /// Asserts that the index is what one that is built now would be, if there are few nodes.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check(&self, view: &View<'_>, trees: [&LoadTree; 2]) {
        if view.nodes() > 16 {
            return;
        }
        let mut fresh = NearNodes::default();
        for (index, of_image) in self.images.iter().enumerate() {
            let image = ImageId(index as u32);
            let of_image = of_image.iter().flatten();
            for (nearness, tree) in Nearness::ALL.into_iter().zip(of_image) {
                let expected = fresh.of(view, trees, image, nearness);
                for node in (0..view.nodes() as u32).map(NodeId) {
                    let (known, expected) = (tree.rooms(node), expected.rooms(node));
                    assert_eq!(known, expected, "{nearness:?} to {image:?} on {node:?}");
                }
            }
        }
    }
}

/// No entry.
const NONE: u32 = u32::MAX;

/// One half of a range of nodes.
#[derive(Clone, Copy, Debug)]
struct Half {
    /// By [`Room`], the most of a node there plus one; 0 if no node there has a free slot.
    rooms: [u64; 2],
    /// The entry of its own halves; [`NONE`] if they are empty or single nodes.
    entry: u32,
}

const EMPTY: Half = Half { rooms: [0; 2], entry: NONE };

/// A segment tree of the room of some nodes, in the order of nodes. It takes O(log n) memory for
/// each node in it and none for the others. Updates and searches take O(log n); a search with a
/// condition that many nodes fail may look at all of them.
#[derive(Debug)]
pub(super) struct SparseTree {
    /// The number of levels, at least 1; the root is entry 0.
    levels: u32,
    entries: Vec<[Half; 2]>,
    free: Vec<u32>,
}

/// The least room that is enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enough(pub(super) Room, pub(super) u64);

impl Enough {
    fn is_met_by(self, half: &Half) -> bool {
        half.rooms[self.0 as usize] > self.1
    }
}

impl SparseTree {
    /// An empty tree for this number of nodes.
    fn new(nodes: usize) -> Self {
        let levels = nodes.next_power_of_two().trailing_zeros().max(1);
        SparseTree { levels, entries: vec![[EMPTY; 2]], free: Vec::new() }
    }

    /// Sets the rooms of a node; `None` takes it out.
    fn set(&mut self, node: NodeId, rooms: [Option<u64>; 2]) {
        let rooms = rooms.map(|room| room.map_or(0, |room| room.saturating_add(1)));
        self.set_below(0, self.levels - 1, node.0, rooms);
    }

    /// Returns the most room below an entry, whose halves have 2^`level` nodes; `None` if it is
    /// what it was.
    fn set_below(
        &mut self,
        entry: u32,
        level: u32,
        node: u32,
        rooms: [u64; 2],
    ) -> Option<[u64; 2]> {
        steps::count(1);
        let (at, side) = (entry as usize, (node >> level & 1) as usize);
        let before = self.entries[at][side];
        let mut half = before;
        if level == 0 {
            half.rooms = rooms;
        } else if half.entry != NONE || rooms != [0; 2] {
            if half.entry == NONE {
                half.entry = self.free.pop().unwrap_or(self.entries.len() as u32);
                if half.entry as usize == self.entries.len() {
                    self.entries.push([EMPTY; 2]);
                }
            }
            half.rooms = self.set_below(half.entry, level - 1, node, rooms)?;
        }
        if half.rooms == before.rooms {
            return None;
        }
        if level > 0 && half.rooms == [0; 2] {
            self.free.push(std::mem::replace(&mut half.entry, NONE));
        }
        self.entries[at][side] = half;
        let other = self.entries[at][1 - side];
        Some([0, 1].map(|room: usize| half.rooms[room].max(other.rooms[room])))
    }

    /// The rooms of a node.
    #[cfg(any(test, feature = "audit"))]
    fn rooms(&self, node: NodeId) -> [Option<u64>; 2] {
        let mut half = Half { entry: 0, ..EMPTY };
        for level in (0..self.levels).rev() {
            half = match half.entry {
                NONE => EMPTY,
                entry => self.entries[entry as usize][(node.0 >> level & 1) as usize],
            };
        }
        half.rooms.map(|room| room.checked_sub(1))
    }

    /// The first node that has enough room and meets a condition.
    pub(super) fn first(
        &self,
        enough: Enough,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        self.first_below(0, self.levels - 1, 0, enough, meets)
    }

    fn first_below(
        &self,
        entry: u32,
        level: u32,
        first: u32,
        enough: Enough,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let halves = self.entries[entry as usize].iter().zip([first, first + (1 << level)]);
        let mut halves = halves.map(counted).filter(|(half, _)| enough.is_met_by(half));
        halves.find_map(|(half, first)| match level {
            0 => Some(NodeId(first)).filter(|&node| meets(node)),
            _ => self.first_below(half.entry, level - 1, first, enough, meets),
        })
    }

    /// The node with the most room of a kind among those that have enough and meet a condition;
    /// ties go to the first.
    pub(super) fn roomiest(
        &self,
        by: Room,
        enough: Enough,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) -> Option<NodeId> {
        let mut best = None;
        self.roomiest_below(0, self.levels - 1, 0, by, enough, &mut best, meets);
        best.map(|(_, Reverse(node))| NodeId(node))
    }

    #[expect(clippy::too_many_arguments, reason = "three say where, three what is looked for")]
    fn roomiest_below(
        &self,
        entry: u32,
        level: u32,
        first: u32,
        by: Room,
        enough: Enough,
        best: &mut Option<(u64, Reverse<u32>)>,
        meets: &mut dyn FnMut(NodeId) -> bool,
    ) {
        let halves = self.entries[entry as usize];
        let roomier = usize::from(halves[1].rooms[by as usize] > halves[0].rooms[by as usize]);
        for side in [roomier, 1 - roomier] {
            steps::count(1);
            let (half, first) = (halves[side], first + ((side as u32) << level));
            let key = Some((half.rooms[by as usize], Reverse(first)));
            if !enough.is_met_by(&half) || key <= *best {
                continue;
            }
            if level > 0 {
                self.roomiest_below(half.entry, level - 1, first, by, enough, best, meets);
            } else if meets(NodeId(first)) {
                *best = key;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(isotherm_testing::cases(10_000))]

        /// Finds what a search through all nodes finds, and gives back what is taken out.
        #[test]
        fn finds_what_a_scan_finds(
            nodes in 1usize..70,
            sets in prop::collection::vec((0u32..70, prop::option::of((0u64..9, 0u64..9))), 0..150),
            (room, parity) in (0u64..9, 0u32..3),
        ) {
            let (mut tree, mut model) = (SparseTree::new(nodes), BTreeMap::new());
            for (node, rooms) in sets {
                let node = NodeId(node % nodes as u32);
                tree.set(node, [rooms.map(|(spare, _)| spare), rooms.map(|(_, all)| all)]);
                match rooms {
                    Some((spare, all)) => _ = model.insert(node, [spare, all]),
                    None => _ = model.remove(&node),
                }
            }
            for node in (0..nodes as u32).map(NodeId) {
                let rooms = model.get(&node);
                prop_assert_eq!(tree.rooms(node), [0, 1].map(|room| rooms.map(|rooms| rooms[room])));
            }
            let meets = &mut |node: NodeId| node.0 % 3 != parity;
            for kind in Room::BOTH {
                let enough = Enough(kind, room);
                let can = || model.iter().filter(|&(node, has)| has[kind as usize] >= room && node.0 % 3 != parity);
                prop_assert_eq!(tree.first(enough, meets), can().next().map(|(&node, _)| node));
                for by in Room::BOTH {
                    let roomiest = can().max_by_key(|&(&node, has)| (has[by as usize], Reverse(node)));
                    prop_assert_eq!(tree.roomiest(by, enough, meets), roomiest.map(|(&node, _)| node));
                }
            }
            for node in model.into_keys() {
                tree.set(node, [None; 2]);
            }
            prop_assert_eq!(tree.free.len() + 1, tree.entries.len());
        }
    }
}
