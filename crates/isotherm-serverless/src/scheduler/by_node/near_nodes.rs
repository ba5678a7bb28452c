//! The nodes near each image, by what they offer to its functions.
//!
//! For each image and each [`Nearness`] there is a tree of the nodes with it, and one for nodes
//! that have reservations for the image but nothing of it yet ([`Place`]). A node is in the tree of
//! its best nearness alone. An image is indexed after the first question about it; from then on a
//! change on a node takes O(log n) for each indexed image there.

use rustc_hash::FxHashMap;

use super::Among;
use super::key_tree::KeyTree;
use super::search::{Offer, Room};
use crate::state::{Nearness, View};
use crate::{ImageId, NodeId};

impl Nearness {
    pub(super) fn of(view: &View<'_>, image: ImageId, node: NodeId) -> Option<Nearness> {
        Nearness::ALL.into_iter().find(|nearness| view.nodes_near(image, *nearness).contains(node))
    }
}

/// The nearness of an image to a node; `None`: nothing of it is there, but a reservation for it.
type Place = Option<Nearness>;

/// Where an image is on a node and what the node offers to it; `None` if nothing of it is there,
/// not even a reservation.
pub(super) type Near = Option<(Place, Offer)>;

/// The index.
#[derive(Debug, Default)]
pub(super) struct NearNodes {
    images: Vec<Option<NearImage>>,
}

/// The nodes near one image.
#[derive(Debug, Default)]
pub(super) struct NearImage {
    /// A tree for each nearness, and the one for reservations alone. Keys are nodes.
    trees: [KeyTree; 5],
    /// By [`Room`], all of them in the order of their memory; kept if `orders`.
    by_room: [KeyTree; 2],
    orders: bool,
    places: FxHashMap<NodeId, Place>,
}

/// The key of a node in the order of memory.
pub(super) fn by_room(offer: &Offer, room: Room, node: NodeId) -> Option<u128> {
    Some(u128::from(offer.room(room)?) << 32 | u128::from(node.0))
}

/// Replaces an offer in trees in the order of memory.
pub(super) fn reorder(trees: &mut [KeyTree; 2], node: NodeId, before: Offer, now: Offer) {
    for (tree, room) in trees.iter_mut().zip(Room::BOTH) {
        let keys = [before, now].map(|offer| by_room(&offer, room, node));
        if let Some(before) = keys[0].filter(|_| keys[0] != keys[1]) {
            tree.set(before, None);
        }
        if let Some(key) = keys[1] {
            tree.set(key, Some(now));
        }
    }
}

impl NearImage {
    pub(super) fn near(&self, place: Place) -> &KeyTree {
        &self.trees[place.map_or(4, |nearness| nearness as usize)]
    }

    /// The trees of some nodes.
    pub(super) fn among(&self, among: Among, room: Room) -> &[KeyTree] {
        match among {
            Among::Any | Among::From(_) => &self.trees,
            Among::ByRoom => std::slice::from_ref(&self.by_room[room as usize]),
            Among::Near(nearness) => std::slice::from_ref(self.near(Some(nearness))),
            Among::Far => std::slice::from_ref(self.near(None)),
        }
    }

    fn update(&mut self, node: NodeId, near: Near) {
        let key = u128::from(node.0);
        let tree = |place: Place| place.map_or(4, |nearness| nearness as usize);
        let before = match near {
            Some((place, _)) => self.places.insert(node, place),
            None => self.places.remove(&node),
        };
        let known = before.filter(|_| self.orders);
        let old = known.and_then(|place| self.trees[tree(place)].get(key));
        let offer = near.map(|(_, offer)| offer).filter(|offer| offer.room(Room::All).is_some());
        if let Some(place) = before.filter(|&before| near.is_none_or(|(place, _)| place != before))
        {
            self.trees[tree(place)].set(key, None);
        }
        if let Some((place, _)) = near {
            self.trees[tree(place)].set(key, offer);
        }
        if self.orders {
            let [before, now] = [old, offer].map(Option::unwrap_or_default);
            reorder(&mut self.by_room, node, before, now);
        }
    }
}

impl NearNodes {
    /// The nodes near an image. The first call for an image looks at all nodes that have it, or a
    /// reservation for it.
    pub(super) fn of(
        &mut self,
        image: ImageId,
        orders: bool,
        nodes: impl FnOnce() -> Vec<NodeId>,
        near: impl Fn(NodeId) -> Near,
    ) -> &NearImage {
        if image.index() >= self.images.len() {
            self.images.resize_with(image.index() + 1, || None);
        }
        self.images[image.index()].get_or_insert_with(|| {
            let mut of_image = NearImage { orders, ..NearImage::default() };
            nodes().into_iter().for_each(|node| of_image.update(node, near(node)));
            of_image
        })
    }

    /// Whether no image is indexed.
    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// An image has moved, or what a node offers to it has changed.
    pub(super) fn update(&mut self, image: ImageId, node: NodeId, near: impl FnOnce() -> Near) {
        if let Some(Some(of_image)) = self.images.get_mut(image.index()) {
            of_image.update(node, near());
        }
    }

    /// Asserts that the index is what one that is built now would be.
    #[cfg(any(test, feature = "audit"))]
    pub(super) fn check(&self, nodes: usize, near: impl Fn(ImageId, NodeId) -> Near) {
        for (index, of_image) in self.images.iter().enumerate() {
            let image = ImageId(index as u32);
            for node in (0..nodes as u32).map(NodeId).filter(|_| of_image.is_some()) {
                let near = near(image, node);
                for place in Nearness::ALL.into_iter().map(Some).chain([None]) {
                    let offer = near.filter(|near| near.0 == place).map(|near| near.1);
                    let offer = offer.filter(|offer| offer.room(Room::All).is_some());
                    let known = of_image.as_ref().map(|known| known.near(place).get(node.0.into()));
                    assert_eq!(known, Some(offer), "{place:?} of {image:?} on {node:?}");
                }
            }
        }
    }
}
