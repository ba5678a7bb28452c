//! Room on a node: what is free, what is obtainable, and eviction.
//!
//! The *obtainable* room of a node is its free room, its unpinned images, the limits of its idle
//! containers, and the images that only idle containers pin ([`PlatformState::obtainable`]).
//! Evicting any of these does not change the sum: it changes only when a body or a transfer ends,
//! which is a message that is followed by a round, so nothing that waits for room is forgotten. If
//! the eviction policy evicts none, the room of idle containers is not obtainable, and the end of
//! an idle container is such a message as well.
//!
//! Under [`RoomRule::EvictIdleContainers`] a copy or a load begins only
//! * if a container that needs it would have room beside the image and the claims of copies and
//!   loads in progress; or
//! * if the image fits into free room and evicts nothing.
//!
//! So an image that arrives finds room for its container in the following round, and images cannot
//! evict each other for ever without a container starting.
//!
//! [`RoomRule::EvictIdleContainers`]: crate::RoomRule::EvictIdleContainers

use super::idle::IdleKey;
use super::node::NodeImage;
use super::tier::InTier;
use super::{Move, Need, PlatformState, View};
use crate::eviction::Missing;
use crate::{ContainerId, FunctionId, ImageId, NodeId, steps};

impl PlatformState {
    /// The obtainable room of a node: free, or held by unpinned images or idle containers.
    pub(super) fn obtainable(&self, node: NodeId) -> Need {
        self.rooms(node)[1]
    }

    /// The spare and the obtainable room of a node.
    pub(super) fn rooms(&self, node: NodeId) -> [Need; 2] {
        let state = &self.nodes[node];
        let spare = state.spare();
        let mut obtainable = spare;
        if self.evicts {
            obtainable.add(state.idle_limits);
            obtainable.add(state.idle_images);
        }
        [spare, obtainable]
    }

    /// Like [`has_room`](Self::has_room), without evicting containers.
    pub(super) fn has_spare_room(
        &self,
        function: FunctionId,
        node: NodeId,
        reserved: Need,
    ) -> bool {
        let need = self.need_beside(function, node, reserved, false);
        need.is_some_and(|need| need.fits_into(self.nodes[node].spare()))
    }

    /// What a new container of the function and its image need on the node, together with
    /// `reserved` and the claims of transfers of other images. `None` if the node is off, or the
    /// image waits for its next copy or load. `evicts` says whether idle containers may make room.
    #[inline(always)]
    fn need_beside(
        &self,
        function: FunctionId,
        node: NodeId,
        reserved: Need,
        evicts: bool,
    ) -> Option<Need> {
        steps::count(1);
        let state = &self.nodes[node];
        let image = self.functions[function].image;
        let waits = |image| {
            let known = state.image(image);
            !known.memory.is_present() && known.retry_at > self.now
        };
        if !state.is_up() || image.is_some_and(waits) {
            return None;
        }
        let mut need = self.taken_beside(image, node, reserved)[usize::from(evicts)];
        need.add(self.functions[function].need());
        Some(need)
    }

    /// What a container with this image finds taken on the node: `reserved`, the claims of
    /// transfers of other images, and what the image itself needs: of the spare room, and of the
    /// obtainable room.
    #[inline(always)]
    fn taken_beside(&self, image: Option<ImageId>, node: NodeId, reserved: Need) -> [Need; 2] {
        let state = &self.nodes[node];
        let mut taken = reserved;
        taken.add(state.claimed);
        let Some(image) = image else { return [taken; 2] };
        let (known, claim) = (state.image(image), state.claim_of(image));
        let mut with_image = taken;
        with_image.add(self.need_of(image, known));
        let with_image = with_image.without(claim);
        // The spare room does not include an image that an idle container pins.
        let is_held = known.is_held_by_idle_only();
        [if is_held { taken.without(claim) } else { with_image }, with_image]
    }

    /// The most that a new container with this image may need on the node, which has these
    /// [rooms](Self::rooms), to have room beside `reserved`: without evicting containers, and with
    /// evictions. `None`: not even one that needs nothing. That the node may be off, or the image
    /// waits for its next copy or load, does not count.
    pub(super) fn left_beside(
        &self,
        image: Option<ImageId>,
        node: NodeId,
        reserved: Need,
        rooms: [Need; 2],
    ) -> [Option<Need>; 2] {
        let taken = self.taken_beside(image, node, reserved);
        let spare = taken[0].left_of(rooms[0]);
        [spare, if self.evicts { taken[1].left_of(rooms[1]) } else { spare }]
    }

    /// How much of the obtainable room of a node the image itself needs if a container of it is to
    /// run there: its size if it is missing or evictable.
    pub(super) fn image_need(&self, image: ImageId, node: NodeId) -> Need {
        self.need_of(image, self.nodes[node].image(image))
    }

    fn need_of(&self, image: ImageId, known: NodeImage) -> Need {
        let size = &self.images[image];
        let can_go = known.busy == 0;
        let on_disk = match known.disk {
            InTier::Present { .. } if !can_go || known.memory.is_moving() => 0,
            InTier::Moving { .. } => 0,
            _ => size.bytes,
        };
        let in_memory = match known.memory {
            InTier::Present { .. } if !can_go => 0,
            InTier::Moving { .. } => 0,
            _ => size.memory_bytes,
        };
        Need { memory_bytes: in_memory, disk_bytes: on_disk }
    }

    /// Whether a new container of the function, and its image, has room on the node beside busy
    /// containers, `reserved`, and the claims of transfers of other images.
    pub(super) fn has_room(&self, function: FunctionId, node: NodeId, reserved: Need) -> bool {
        if !self.evicts {
            return self.has_spare_room(function, node, reserved);
        }
        let need = self.need_beside(function, node, reserved, true);
        need.is_some_and(|need| need.fits_into(self.obtainable(node)))
    }

    /// Whether a container of the function and its image could ever be on the node.
    #[inline]
    pub(super) fn fits(&self, function: FunctionId, node: NodeId) -> bool {
        let need = self.functions[function].rest.with_image;
        need.fits_into(self.nodes.smallest) || need.fits_into(self.nodes[node].capacity)
    }

    /// The function whose container is to follow, if any, if a copy or load may begin now.
    pub(super) fn may_move(
        &self,
        step: Move,
        node: NodeId,
        image: ImageId,
    ) -> Option<Option<FunctionId>> {
        let entry = &self.images[image];
        let wanted = entry.functions_waiting.iter().find(|&&function| {
            self.fits(function, node) && self.has_room(function, node, Need::default())
        });
        if wanted.is_some() {
            return Some(wanted.copied());
        }
        // No such container has room now. The image may still move into free room.
        let state = &self.nodes[node];
        let mut taken = state.claimed;
        taken.add(step.need(entry));
        let free = entry.bytes_of(step) <= state.tier(step).borrow().free();
        (free && taken.fits_into(self.obtainable(node))).then_some(None)
    }

    /// Evicts idle containers of a node, chosen by the policy, until `need` is free or held by
    /// unpinned images other than `keep`. Evicts none and returns false if that is impossible. It
    /// is for a container of `function`, now or later.
    pub(super) fn obtain(
        &mut self,
        node: NodeId,
        need: Need,
        keep: Option<ImageId>,
        function: Option<FunctionId>,
    ) -> bool {
        if !self.evicts {
            return self.missing(node, need, keep).is_nothing();
        }
        let mut total = need;
        if let Some(image) = keep {
            total.add(self.image_need(image, node));
        }
        if !total.fits_into(self.obtainable(node)) {
            return false;
        }
        loop {
            let missing = self.missing(node, need, keep);
            if missing.is_nothing() {
                return true;
            }
            let victims = self.choose_idle(node, missing, keep);
            if victims.is_empty() {
                return false;
            }
            for victim in victims {
                self.evict(victim, function);
            }
        }
    }

    /// The part of `need` that is neither free nor held by unpinned images other than `keep`.
    pub(super) fn missing(&self, node: NodeId, need: Need, keep: Option<ImageId>) -> Missing {
        let state = &self.nodes[node];
        let (disk, memory) = (state.disk.borrow(), state.memory.borrow());
        let mut kept = Need::default();
        if let Some(image) = keep {
            let known = state.image(image);
            let size = &self.images[image];
            if known.disk.file().is_some_and(|file| disk.pins(file) == 0) {
                kept.disk_bytes = size.bytes;
            }
            if known.memory.file().is_some_and(|file| memory.pins(file) == 0) {
                kept.memory_bytes = size.memory_bytes;
            }
        }
        let have_memory = memory.free().saturating_add(memory.evictable() - kept.memory_bytes);
        let have_disk = disk.free().saturating_add(disk.evictable() - kept.disk_bytes);
        Missing {
            memory_bytes: need.memory_bytes.saturating_sub(have_memory),
            disk_bytes: need.disk_bytes.saturating_sub(have_disk),
        }
    }

    /// The idle containers that the policy chooses. If it finds none sufficient (images shared by
    /// several of them may make up for that), the first in order; none if there is none.
    fn choose_idle(
        &self,
        node: NodeId,
        missing: Missing,
        keep: Option<ImageId>,
    ) -> Vec<ContainerId> {
        let state = &self.nodes[node];
        let mut idle = state.idle.iter().map(|&IdleKey { id, .. }| {
            let mut idle = self.idle_container(id);
            if let Some(image) = self.functions[idle.function].image
                && keep != Some(image)
            {
                let known = state.image(image);
                if known.busy == 0 && known.idle == 1 {
                    let size = self.images[image].size();
                    idle.memory_bytes = idle.memory_bytes.saturating_add(size.memory_bytes);
                    idle.disk_bytes = idle.disk_bytes.saturating_add(size.disk_bytes);
                }
            }
            idle
        });
        self.policies
            .eviction
            .borrow()
            .choose(&View::new(self), &mut idle, missing)
            .map(|victims| self.containers.only_idle(node, victims))
            .filter(|victims| !victims.is_empty())
            .unwrap_or_else(|| state.idle.iter().take(1).map(|key| key.id).collect())
    }

    /// Changes the numbers of busy and idle containers that pin an image on a node.
    #[inline]
    pub(super) fn count_pins(
        &mut self,
        node: NodeId,
        image: Option<ImageId>,
        busy: i32,
        idle: i32,
    ) {
        if let Some(image) = image {
            self.count_pins_of(node, image, busy, idle);
        }
    }

    fn count_pins_of(&mut self, node: NodeId, image: ImageId, busy: i32, idle: i32) {
        let size = self.images[image].size();
        let state = &mut self.nodes[node];
        let known = state.image_mut(image);
        let before = known.is_held_by_idle_only();
        known.busy = known.busy.saturating_add_signed(busy);
        known.idle = known.idle.saturating_add_signed(idle);
        match (before, known.is_held_by_idle_only()) {
            (false, true) => state.idle_images.add(size),
            (true, false) => state.idle_images = state.idle_images.without(size),
            _ => {}
        }
    }
}
