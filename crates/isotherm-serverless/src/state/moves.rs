//! Moves of images: copies to node disks and loads into node memories.

use std::rc::Rc;

use isotherm_kernel::{Duration, Time};
use isotherm_services::FailureCause;

use super::node::{Interval, Move, Transfer};
use super::{Effect, Need, OnHead, PlatformState};
use crate::{EventKind, ImageId, NodeId};

/// The wait before the first retry of an interrupted copy or load; it doubles with each
/// interruption.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait. It is the limit of the kubelet, whose back-off for pulling an image doubles up
/// to 300 s (Kubernetes documentation, "Images", `ImagePullBackOff`).
const LONGEST_RETRY: Duration = Duration::from_secs(300);

impl PlatformState {
    /// Begins to copy an image to a node's disk, if that makes sense. Returns whether the copy has
    /// begun and nothing was evicted for it.
    pub(super) fn begin_copy(&mut self, node: NodeId, image: ImageId) -> bool {
        let entry = &self.images[image.index()];
        let state = &self.nodes[node.index()];
        let known = state.image(image);
        let wanted = state.up
            && known.disk.is_none()
            && known.copy == Transfer::None
            && known.retry_at <= self.now;
        if !wanted || !matches!(entry.head, OnHead::Present(_)) {
            return false;
        }
        let (name, bytes, tag) = (entry.name.clone(), entry.bytes, u64::from(image.0));
        let disk = Rc::clone(&state.disk);
        let claim = self.may_begin(Move::Copy, node, image);
        let written = claim.and_then(|_| disk.borrow_mut().begin_write(name, bytes, tag).ok());
        match written {
            Some((file, evicted)) => {
                let room_was_free = evicted.is_empty();
                self.evicted_from_disk(node, evicted);
                let transfer = Transfer::Running { since: self.now, file: Some(file) };
                let state = &mut self.nodes[node.index()];
                state.image_mut(image).copy = transfer;
                state.claim(image, claim.unwrap_or_default());
                self.images[image.index()].copying.insert(node);
                self.image_moved(node, image);
                self.pin_on_head(image);
                self.emit(|| EventKind::CopyStarted { node, image, bytes });
                self.effects.push_back(Effect::Copy { node, image });
                room_was_free
            }
            None => {
                if !self.note_refusal(Move::Copy, node, image) {
                    return false;
                }
                self.emit(|| EventKind::CopyFailed { node, image, started: false });
                if !self.evicts_for_images() {
                    self.nodes[node.index()].image_mut(image).copy = Transfer::Refused;
                    self.images[image.index()].copying.insert(node);
                    self.image_moved(node, image);
                    self.effects.push_back(Effect::CopyRefused { node, image });
                }
                false
            }
        }
    }

    /// A copy has ended, or the notice of its refusal has arrived.
    pub(crate) fn copy_ended(
        &mut self,
        node: NodeId,
        image: ImageId,
        result: Result<(), FailureCause>,
    ) {
        let now = self.now;
        self.images[image.index()].copying.remove(node);
        self.image_moved(node, image);
        let known = self.nodes[node.index()].image_mut(image);
        let Transfer::Running { since, file: Some(file) } = std::mem::take(&mut known.copy) else {
            return;
        };
        self.nodes[node.index()].disclaim(image);
        self.unpin_on_head(image);
        let state = &mut self.nodes[node.index()];
        match result {
            Ok(()) => {
                let file = state.disk.borrow_mut().commit(file);
                let known = state.image_mut(image);
                known.disk = Some(file);
                known.copied = Interval { from: since, to: now };
                known.failures = 0;
                self.images[image.index()].on_disk.insert(node);
                self.broken_moves.remove(&(image, node));
                // The file on the head disk has been read completely, which is a use.
                if let OnHead::Present(file) = self.images[image.index()].head {
                    self.head.borrow_mut().touch(file);
                }
                self.emit(|| EventKind::CopyEnded { node, image });
            }
            Err(cause) => {
                state.disk.borrow_mut().abort(file);
                self.broken_moves.insert((image, node), (now, cause));
                self.emit(|| EventKind::CopyFailed { node, image, started: true });
                self.retry_later(node, image, since);
            }
        }
        // The image is no longer pinned by the copy, so something may be evicted.
        self.nodes[node.index()].room_may_have_come();
    }

    /// Begins to load an image into a node's memory, if that makes sense.
    pub(super) fn begin_load(&mut self, node: NodeId, image: ImageId) {
        let state = &self.nodes[node.index()];
        let known = state.image(image);
        let wanted = state.up
            && known.memory.is_none()
            && known.load == Transfer::None
            && known.retry_at <= self.now;
        let (Some(file), true) = (known.disk, wanted) else { return };
        let bytes = self.images[image.index()].memory_bytes;
        let memory = Rc::clone(&state.memory);
        let claim = self.may_begin(Move::Load, node, image);
        let reserved = claim.and_then(|_| memory.borrow_mut().reserve(bytes).ok());
        match reserved {
            Some(evicted) => {
                self.evicted_from_memory(node, evicted);
                let since = self.now;
                let state = &mut self.nodes[node.index()];
                state.disk.borrow_mut().pin(file);
                state.image_mut(image).load = Transfer::Running { since, file: None };
                state.claim(image, claim.unwrap_or_default());
                self.image_moved(node, image);
                self.images[image.index()].loading.insert(node);
                self.emit(|| EventKind::LoadStarted { node, image, bytes });
                self.effects.push_back(Effect::Load { node, image });
            }
            None => {
                if !self.note_refusal(Move::Load, node, image) {
                    return;
                }
                self.emit(|| EventKind::LoadFailed { node, image, started: false });
                if !self.evicts_for_images() {
                    self.nodes[node.index()].image_mut(image).load = Transfer::Refused;
                    self.images[image.index()].loading.insert(node);
                    self.image_moved(node, image);
                    self.effects.push_back(Effect::LoadRefused { node, image });
                }
            }
        }
    }

    /// A load has ended, or the notice of its refusal has arrived.
    pub(crate) fn load_ended(
        &mut self,
        node: NodeId,
        image: ImageId,
        result: Result<(), FailureCause>,
    ) {
        let now = self.now;
        self.images[image.index()].loading.remove(node);
        self.image_moved(node, image);
        let entry = &self.images[image.index()];
        let (name, bytes, tag) = (entry.name.clone(), entry.memory_bytes, u64::from(image.0));
        let state = &mut self.nodes[node.index()];
        let Transfer::Running { since, .. } = std::mem::take(&mut state.image_mut(image).load)
        else {
            return;
        };
        state.disclaim(image);
        if let Some(file) = state.image(image).disk {
            let mut disk = state.disk.borrow_mut();
            disk.unpin(file);
            // It was read for the start of a container; that start counts as the use.
            disk.refresh(file);
        }
        state.memory.borrow_mut().release(bytes);
        state.room_may_have_come();
        match result {
            Ok(()) if state.up => {
                let created = state.memory.borrow_mut().create(name, bytes, tag);
                // The room was released just before, so nothing is evicted.
                let Ok((file, evicted)) = created else { return };
                debug_assert!(
                    evicted.is_empty(),
                    "the image takes the room that was reserved for it"
                );
                let known = state.image_mut(image);
                known.memory = Some(file);
                known.loaded = Interval { from: since, to: now };
                known.failures = 0;
                self.images[image.index()].in_memory.insert(node);
                self.broken_moves.remove(&(image, node));
                self.emit(|| EventKind::LoadEnded { node, image });
            }
            result => {
                if let Err(cause) = result {
                    self.broken_moves.insert((image, node), (now, cause));
                }
                self.emit(|| EventKind::LoadFailed { node, image, started: true });
                self.retry_later(node, image, since);
            }
        }
    }

    /// The claim of a copy or load if it may begin; evicts idle containers if their room is needed.
    /// Under the reference's rules the attempt itself decides.
    fn may_begin(&mut self, step: Move, node: NodeId, image: ImageId) -> Option<Need> {
        if !self.evicts_for_images() {
            return Some(Need::default());
        }
        let claim = self.may_move(step, node, image)?;
        let size = self.size_of(image);
        let need = match step {
            Move::Copy => Need { memory_bytes: 0, ..size },
            Move::Load => Need { disk_bytes: 0, ..size },
        };
        self.obtain(node, need, None).then_some(claim)
    }

    /// Whether to report a refusal: if moves wait for room, once until room is released.
    fn note_refusal(&mut self, step: Move, node: NodeId, image: ImageId) -> bool {
        !self.evicts_for_images() || self.nodes[node.index()].refused.insert((step, image))
    }

    /// Schedules the retry of an interrupted copy or load that began at `since`. An immediate retry
    /// would fail again while a link is off, so the wait doubles with each interruption, until a
    /// part of the platform comes on.
    fn retry_later(&mut self, node: NodeId, image: ImageId, since: Time) {
        if !self.evicts_for_images() || !self.nodes[node.index()].up {
            return;
        }
        let now = self.now;
        let known = self.nodes[node.index()].image_mut(image);
        if since < self.recovered_at && self.recovered_at == now {
            // The cause of the failure may have been repaired before this was handled.
            known.retry_at = now;
            return;
        }
        let doubled = 1u64.checked_shl(known.failures).unwrap_or(u64::MAX);
        let wait =
            Duration::from_nanos(FIRST_RETRY.as_nanos().saturating_mul(doubled)).min(LONGEST_RETRY);
        known.failures = known.failures.saturating_add(1);
        known.retry_at = now + wait;
        let retry_at = known.retry_at;
        self.backing_off.insert((retry_at, node, image));
        self.retry_due();
    }

    /// Touches the nodes whose retries are due, and has the service woken for the next one. A
    /// further timer is set only for a date before all others, so there are few.
    pub(crate) fn retry_due(&mut self) {
        while self.retry_timers.first().is_some_and(|&at| at <= self.now) {
            self.retry_timers.pop_first();
        }
        while let Some(&(at, node, _)) = self.backing_off.first()
            && at <= self.now
        {
            self.backing_off.pop_first();
            self.touch(node);
        }
        let Some(&(at, ..)) = self.backing_off.first() else { return };
        if at < Time::NEVER && self.retry_timers.first().is_none_or(|&first| at < first) {
            self.retry_timers.insert(at);
            self.effects.push_back(Effect::RetryMove { after: at.since(self.now) });
        }
    }

    /// A host, a disk or a link has come on: all interrupted moves are due. Returns whether there
    /// are any. It looks only at interrupted moves.
    pub(crate) fn part_recovered(&mut self) -> bool {
        self.recovered_at = self.now;
        let due = std::mem::take(&mut self.backing_off);
        for &(_, node, image) in &due {
            let known = self.nodes[node.index()].image_mut(image);
            known.retry_at = known.retry_at.min(self.now);
            self.touch(node);
        }
        !due.is_empty()
    }
}
