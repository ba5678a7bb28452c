//! The state of one compute host.

use std::collections::BTreeSet;
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_services::{FileId, FileSystem};
use rustc_hash::{FxHashMap, FxHashSet};

use super::changes::Logged;
use super::idle::IdleKey;
use super::tier::{InTier, SharedFileSystem, Tier};
use super::{Image, Membership, Need};
use crate::ImageId;

/// The state of a compute host. What each invocation touches is the first cache line.
#[repr(C, align(64))]
pub(crate) struct Node {
    /// Copies and loads whose refusal for lack of room was reported. They are reported again only
    /// after room was released.
    pub(crate) refused: FxHashSet<(Move, ImageId)>,
    /// When it was last logged that it has changed, and that its load has.
    pub(crate) logged: Logged,
    pub(crate) logged_slots_used: Logged,
    /// `None`: unlimited.
    pub(crate) slots: Option<u32>,
    pub(crate) slots_used: u32,
    /// Whether its host is on and it takes part.
    pub(crate) is_on: bool,
    pub(crate) membership: Membership,
    /// Whether its host comes on again and again, by a periodic profile.
    pub(crate) comes_back: bool,
    pub(crate) disk: Tier,
    pub(crate) memory: Tier,
    /// The images on this node or in transit to it.
    pub(crate) images: FxHashMap<ImageId, NodeImage>,
    /// The idle containers in the order of eviction; not maintained if the policy evicts none.
    pub(crate) idle: BTreeSet<IdleKey>,
    /// The sum of their limits.
    pub(crate) idle_limits: Need,
    /// The sum of the sizes of images that only idle containers pin.
    pub(crate) idle_images: Need,
    /// For each copy and load in progress, the room that the container will need for which it
    /// began.
    pub(crate) claims: FxHashMap<ImageId, Need>,
    /// The sum of the claims.
    pub(crate) claimed: Need,
    /// Images that left the disk and are to be dropped from memory before the next round.
    pub(crate) dropped: Vec<ImageId>,
    pub(crate) name: Arc<str>,
    /// The speed of a core in flop/s when it joined, and the number of cores.
    pub(crate) speed: f64,
    pub(crate) cores: u32,
    /// The sizes of its memory and its disk.
    pub(crate) capacity: Need,
    /// How many invocations the containers serve at once that were placed on it warm.
    pub(crate) promised: u64,
}

const _: () = assert!(std::mem::offset_of!(Node, disk) == 64, "one cache line");

/// The two moves of an image to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// From the head disk to the node's disk.
    Copy,
    /// From the node's disk to its memory.
    Load,
}

impl Move {
    /// The room that the image takes where the move leads.
    pub(super) fn need(self, image: &Image) -> Need {
        let (mut disk_bytes, mut memory_bytes) = (0, 0);
        match self {
            Move::Copy => disk_bytes = image.bytes,
            Move::Load => memory_bytes = image.memory_bytes,
        }
        Need { memory_bytes, disk_bytes }
    }
}

/// An image on a node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeImage {
    pub(crate) disk: InTier,
    pub(crate) memory: InTier,
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
        (self.disk, self.memory) == (InTier::Absent, InTier::Absent)
            && (self.busy, self.idle, self.failures) == (0, 0, 0)
            && self.retry_at <= now
    }

    /// Where the move brings it.
    pub(crate) fn at(&mut self, step: Move) -> &mut InTier {
        match step {
            Move::Copy => &mut self.disk,
            Move::Load => &mut self.memory,
        }
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
        let (memory_bytes, disk_bytes) = (memory.borrow().capacity(), disk.borrow().capacity());
        Node {
            name,
            is_on: true,
            membership: Membership::Joined,
            comes_back: false,
            logged: 0,
            logged_slots_used: 0,
            speed: 0.0,
            cores: 0,
            slots,
            slots_used: 0,
            disk: Tier::new(disk),
            memory: Tier::new(memory),
            capacity: Need { memory_bytes, disk_bytes },
            promised: 0,
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

    /// Whether it takes anything new: its host is on, and it does not leave.
    pub(crate) fn is_up(&self) -> bool {
        self.is_on && self.membership == Membership::Joined
    }

    /// Free slots; `u32::MAX` if they are unlimited, none while the host is off.
    pub(crate) fn free_slots(&self) -> u32 {
        match self.slots {
            _ if !self.is_up() => 0,
            Some(slots) => slots.saturating_sub(self.slots_used),
            None => u32::MAX,
        }
    }

    /// The tier into which the move leads.
    pub(crate) fn tier(&self, step: Move) -> &Tier {
        match step {
            Move::Copy => &self.disk,
            Move::Load => &self.memory,
        }
    }

    /// Does something with the files of the image of a container, on disk and in memory.
    pub(super) fn with_image(&self, image: Option<ImageId>, act: fn(&mut FileSystem, FileId)) {
        let known = image.map(|image| self.image(image)).unwrap_or_default();
        self.disk.with(known.disk, act);
        self.memory.with(known.memory, act);
    }

    /// Its free room, in which nothing is.
    pub(super) fn free(&self) -> Need {
        let (disk, memory) = (self.disk.borrow(), self.memory.borrow());
        Need { memory_bytes: memory.free(), disk_bytes: disk.free() }
    }

    /// Its spare room, available without evicting containers: free, or held by unpinned images.
    pub(super) fn spare(&self) -> Need {
        let (disk, memory) = (self.disk.borrow(), self.memory.borrow());
        Need {
            memory_bytes: memory.free().saturating_add(memory.evictable()),
            disk_bytes: disk.free().saturating_add(disk.evictable()),
        }
    }

    pub(super) fn images_in_memory(&self) -> Vec<ImageId> {
        let memory = self.memory.borrow();
        memory.files().map(|(_, file)| ImageId(memory.tag(file) as u32)).collect()
    }

    pub(crate) fn image(&self, image: ImageId) -> NodeImage {
        self.images.get(&image).copied().unwrap_or_default()
    }

    pub(crate) fn image_mut(&mut self, image: ImageId) -> &mut NodeImage {
        self.images.entry(image).or_default()
    }

    /// Forgets the interruptions of copies and loads, which may be retried at once.
    pub(super) fn forget_failures(&mut self, now: Time) {
        #[expect(
            clippy::iter_over_hash_type,
            reason = "every image gets the same, in whatever order"
        )]
        for known in self.images.values_mut() {
            known.failures = 0;
            known.retry_at = Time::ZERO;
        }
        self.images.retain(|_, known| !known.is_gone(now));
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

    /// What is claimed for an image.
    pub(crate) fn claim_of(&self, image: ImageId) -> Need {
        self.claims.get(&image).copied().unwrap_or_default()
    }

    /// Removes the claim of a copy or load that has ended.
    pub(crate) fn disclaim(&mut self, image: ImageId) {
        if let Some(need) = self.claims.remove(&image) {
            self.claimed = self.claimed.without(need);
        }
    }
}
