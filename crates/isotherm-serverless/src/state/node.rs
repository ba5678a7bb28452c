//! What the platform knows of one compute host.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_services::{FileId, FileSystem};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Need;
use super::idle::IdleKey;
use crate::ImageId;

/// A file system that a storage service and the platform's state share.
pub(crate) type SharedFileSystem = Rc<RefCell<FileSystem>>;

/// A compute host as its service knows it.
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    /// Whether its host is on.
    pub(crate) up: bool,
    /// Whether its host comes on again and again for ever.
    pub(crate) comes_back: bool,
    /// Whether it is on the list of nodes of which schedulers have to hear.
    pub(crate) touched: bool,
    /// `None`: unlimited.
    pub(crate) slots: Option<u32>,
    pub(crate) slots_used: u32,
    pub(crate) disk: SharedFileSystem,
    pub(crate) memory: SharedFileSystem,
    /// Images that are, or are about to be, on this node.
    pub(crate) images: FxHashMap<ImageId, NodeImage>,
    /// Idle containers, in the order in which they go when their room is needed; not kept where
    /// none of them goes.
    pub(crate) idle: BTreeSet<IdleKey>,
    /// Limits of these together.
    pub(crate) idle_limits: Need,
    /// Images that only idle containers pin, together.
    pub(crate) idle_images: Need,
    /// Images that left the disk and are to be dropped from memory before the next round.
    pub(crate) dropped: Vec<ImageId>,
    /// Copies and loads that have been told to have found no room; they are told again only when
    /// something has been given back since.
    pub(crate) refused: FxHashSet<(Move, ImageId)>,
    /// For each copy and load in progress the room that the container will need for which it was
    /// begun.
    pub(crate) claims: FxHashMap<ImageId, Need>,
    /// These together.
    pub(crate) claimed: Need,
}

/// The two steps of an image within a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// From the head disk to the node's disk.
    Copy,
    /// From the node's disk to its memory.
    Load,
}

/// A copy or a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transfer {
    #[default]
    None,
    /// Room was taken at `since` (for a copy in the form of a hidden file); bytes are on their way.
    Running { since: Time, file: Option<FileId> },
    /// It found no room; the notice of it is still to be processed.
    Refused,
}

/// An interval of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) from: Time,
    pub(crate) to: Time,
}

/// An image on a node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeImage {
    pub(crate) disk: Option<FileId>,
    pub(crate) memory: Option<FileId>,
    pub(crate) copy: Transfer,
    pub(crate) load: Transfer,
    /// When the copy and the load that are there now took place.
    pub(crate) copied: Interval,
    pub(crate) loaded: Interval,
    /// Containers that pin it: those that serve an invocation, and idle ones.
    pub(crate) busy: u32,
    pub(crate) idle: u32,
    /// Copies and loads that were interrupted since the last one that succeeded.
    pub(crate) failures: u32,
    /// No copy or load is begun before this date.
    pub(crate) retry_at: Time,
}

impl NodeImage {
    /// Whether only idle containers pin it, so that it can be had by evicting them.
    pub(crate) fn is_held_by_idle_only(&self) -> bool {
        self.busy == 0 && self.idle > 0
    }
}

impl Node {
    pub(crate) fn new(
        name: Arc<str>,
        slots: Option<u32>,
        disk: SharedFileSystem,
        memory: SharedFileSystem,
    ) -> Self {
        Node {
            name,
            up: true,
            comes_back: false,
            touched: false,
            slots,
            slots_used: 0,
            disk,
            memory,
            images: FxHashMap::default(),
            idle: BTreeSet::new(),
            idle_limits: Need::default(),
            idle_images: Need::default(),
            dropped: Vec::new(),
            refused: FxHashSet::default(),
            claims: FxHashMap::default(),
            claimed: Need::default(),
        }
    }

    /// Free slots; `u32::MAX` if they are unlimited, none while the host is off.
    pub(crate) fn free_slots(&self) -> u32 {
        match self.slots {
            _ if !self.up => 0,
            Some(slots) => slots.saturating_sub(self.slots_used),
            None => u32::MAX,
        }
    }

    pub(crate) fn image(&self, image: ImageId) -> NodeImage {
        self.images.get(&image).copied().unwrap_or_default()
    }

    pub(crate) fn image_mut(&mut self, image: ImageId) -> &mut NodeImage {
        self.images.entry(image).or_default()
    }

    /// Something was given back: copies and loads that find no room from now on are worth telling.
    pub(crate) fn room_may_have_come(&mut self) {
        if !self.refused.is_empty() {
            self.refused.clear();
        }
    }

    /// A copy or load of the image has begun, for a container that will need so much.
    pub(crate) fn claim(&mut self, image: ImageId, need: Need) {
        self.claimed.add(need);
        self.claims.insert(image, need);
    }

    /// It has ended.
    pub(crate) fn disclaim(&mut self, image: ImageId) {
        if let Some(need) = self.claims.remove(&image) {
            self.claimed = self.claimed.without(need);
        }
    }
}

impl Interval {
    /// How much of the interval lies between two dates.
    pub(crate) fn within(self, from: Time, to: Time) -> isotherm_kernel::Duration {
        self.to.min(to).since(self.from.max(from))
    }
}
