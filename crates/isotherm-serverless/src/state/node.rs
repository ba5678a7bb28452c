//! The state of one compute host.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_services::{FileId, FileSystem};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Need;
use super::changes::Logged;
use super::idle::IdleKey;
use crate::ImageId;

/// A file system that a storage service and the platform's state share.
pub(crate) type SharedFileSystem = Rc<RefCell<FileSystem>>;

/// The state of a compute host.
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    /// Whether its host is on.
    pub(crate) up: bool,
    /// Whether its host comes on again and again, by a periodic profile.
    pub(crate) comes_back: bool,
    /// When it was last logged that it has changed.
    pub(crate) logged: Logged,
    /// The speed of a core in flop/s when the service started, and the number of cores.
    pub(crate) speed: f64,
    pub(crate) cores: u32,
    /// `None`: unlimited.
    pub(crate) slots: Option<u32>,
    pub(crate) slots_used: u32,
    pub(crate) disk: SharedFileSystem,
    pub(crate) memory: SharedFileSystem,
    /// The images on this node or in transit to it.
    pub(crate) images: FxHashMap<ImageId, NodeImage>,
    /// The idle containers in the order of eviction; not maintained if the policy evicts none.
    pub(crate) idle: BTreeSet<IdleKey>,
    /// The sum of their limits.
    pub(crate) idle_limits: Need,
    /// The sum of the sizes of images that only idle containers pin.
    pub(crate) idle_images: Need,
    /// Images that left the disk and are to be dropped from memory before the next round.
    pub(crate) dropped: Vec<ImageId>,
    /// Copies and loads whose refusal for lack of room was reported. They are reported again only
    /// after room was released.
    pub(crate) refused: FxHashSet<(Move, ImageId)>,
    /// For each copy and load in progress, the room that the container will need for which it
    /// began.
    pub(crate) claims: FxHashMap<ImageId, Need>,
    /// The sum of the claims.
    pub(crate) claimed: Need,
}

/// The two moves of an image to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// From the head disk to the node's disk.
    Copy,
    /// From the node's disk to its memory.
    Load,
}

/// The state of a copy or a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transfer {
    #[default]
    None,
    /// In progress since `since`, when its room was taken (for a copy by a hidden file).
    Running { since: Time, file: Option<FileId> },
    /// Refused for lack of room; the notice was not processed yet.
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
    /// The intervals of the copy and of the load of the present image.
    pub(crate) copied: Interval,
    pub(crate) loaded: Interval,
    /// The numbers of busy and of idle containers that pin it.
    pub(crate) busy: u32,
    pub(crate) idle: u32,
    /// The interruptions of copies and loads since the last success.
    pub(crate) failures: u32,
    /// No copy or load is begun before this date.
    pub(crate) retry_at: Time,
}

impl NodeImage {
    /// Whether nothing of it is left, nor anything to remember.
    pub(crate) fn is_gone(&self, now: Time) -> bool {
        (self.disk, self.memory) == (None, None)
            && (self.copy, self.load) == (Transfer::None, Transfer::None)
            && (self.busy, self.idle, self.failures) == (0, 0, 0)
            && self.retry_at <= now
    }

    /// Whether only idle containers pin it, so that evicting them frees it.
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
            logged: 0,
            speed: 0.0,
            cores: 0,
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

    /// Forgets an image of which nothing may be left.
    pub(crate) fn forget_if_gone(&mut self, image: ImageId, now: Time) {
        if self.images.get(&image).is_some_and(|known| known.is_gone(now)) {
            self.images.remove(&image);
        }
    }

    /// Room was released: refusals from now on are reported again.
    pub(crate) fn room_may_have_come(&mut self) {
        if !self.refused.is_empty() {
            self.refused.clear();
        }
    }

    /// Claims room for the container for which a copy or load has begun.
    pub(crate) fn claim(&mut self, image: ImageId, need: Need) {
        self.claimed.add(need);
        self.claims.insert(image, need);
    }

    /// Removes the claim of a copy or load that has ended.
    pub(crate) fn disclaim(&mut self, image: ImageId) {
        if let Some(need) = self.claims.remove(&image) {
            self.claimed = self.claimed.without(need);
        }
    }
}

impl Interval {
    /// The length of the part of the interval between two dates.
    pub(crate) fn within(self, from: Time, to: Time) -> isotherm_kernel::Duration {
        self.to.min(to).since(self.from.max(from))
    }
}
