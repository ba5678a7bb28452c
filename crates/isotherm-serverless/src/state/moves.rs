//! Moves of images to nodes: copies from the head disk to a node's disk, and loads from there into
//! its memory. Both follow the same rules; and what becomes of images that leave a node again.

use std::collections::{BTreeMap, BTreeSet};

use isotherm_kernel::{Duration, Time};
use isotherm_services::{Evicted, FailureCause, FileSystem};

use super::tier::{InTier, image_of_file};
use super::{Effect, Move, Need, PlatformState};
use crate::{EventKind, ImageId, NodeId};

/// The wait before the first retry of an interrupted copy or load; it doubles with each
/// interruption.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait. It is the limit of the kubelet, whose back-off for pulling an image doubles up
/// to 300 s (Kubernetes documentation, "Images", `ImagePullBackOff`).
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// Interrupted copies and loads.
#[derive(Default)]
pub(super) struct Retries {
    /// The date and the cause of the last interruption, until a copy or load succeeds.
    pub(super) broken: BTreeMap<(NodeId, ImageId), (Time, FailureCause)>,
    /// By the date of their retry. Emptied whenever a part of the platform comes on.
    backing_off: BTreeSet<(Time, NodeId, ImageId)>,
    /// The dates at which the service will be woken for them.
    timers: BTreeSet<Time>,
    /// When a part of the platform last came on.
    recovered_at: Time,
}

impl Retries {
    /// Forgets what was interrupted on its way to a node. It looks at all that wait for their next
    /// try.
    pub(super) fn forget(&mut self, node: NodeId) {
        let images = (node, ImageId(0))..=(node, ImageId(u32::MAX));
        self.broken.extract_if(images, |_, _| true).for_each(drop);
        self.backing_off.retain(|&(_, to, _)| to != node);
    }
}

impl Move {
    fn started(self, node: NodeId, image: ImageId, bytes: u64) -> EventKind {
        match self {
            Move::Copy => EventKind::CopyStarted { node, image, bytes },
            Move::Load => EventKind::LoadStarted { node, image, bytes },
        }
    }

    fn ended(self, node: NodeId, image: ImageId) -> EventKind {
        match self {
            Move::Copy => EventKind::CopyEnded { node, image },
            Move::Load => EventKind::LoadEnded { node, image },
        }
    }

    fn failed(self, node: NodeId, image: ImageId, started: bool) -> EventKind {
        match self {
            Move::Copy => EventKind::CopyFailed { node, image, started },
            Move::Load => EventKind::LoadFailed { node, image, started },
        }
    }

    /// An image has left where the move had brought it.
    fn evicted(self, node: NodeId, image: ImageId, bytes: u64) -> EventKind {
        match self {
            Move::Copy => EventKind::DiskEvicted { node, image, bytes },
            Move::Load => EventKind::MemoryEvicted { node, image, bytes },
        }
    }
}

impl PlatformState {
    /// Begins a copy or load, if that makes sense. Returns whether it has begun and nothing was
    /// evicted for it.
    pub(super) fn begin_move(&mut self, step: Move, node: NodeId, image: ImageId) -> bool {
        let state = &self.nodes[node];
        let mut known = state.image(image);
        let source = match step {
            Move::Copy => self.images[image].head,
            Move::Load => known.disk,
        };
        let wanted = state.is_up()
            && *known.at(step) == InTier::Absent
            && known.retry_at <= self.now
            && source.is_present();
        if !wanted {
            return false;
        }
        let claim = self.may_begin(step, node, image);
        let entry = &self.images[image];
        let bytes = entry.bytes_of(step);
        let tier = self.nodes[node].tier(step);
        let Some((claim, (moving, evicted))) =
            claim.and_then(|claim| Some((claim, tier.begin(image, entry, bytes, self.now)?)))
        else {
            self.refuse(step, node, image);
            return false;
        };
        let room_was_free = evicted.is_empty();
        self.evicted(step, node, evicted);
        let state = &mut self.nodes[node];
        *state.image_mut(image).at(step) = moving;
        state.claim(image, claim);
        let from = if step == Move::Copy { &self.head.disk } else { &state.disk };
        from.with(source, FileSystem::pin);
        self.images[image].places(step).1.insert(node);
        self.image_moved(node, image);
        self.emit(|| step.started(node, image, bytes));
        self.effects.push(Effect::Move { step, node, image });
        room_was_free
    }

    /// A copy or load found no room. If moves wait for room, this is reported once until room is
    /// released; otherwise there is a notice.
    fn refuse(&mut self, step: Move, node: NodeId, image: ImageId) {
        let waits = self.policies.evicts_for_images();
        if waits && !self.nodes[node].refused.insert((step, image)) {
            return;
        }
        self.emit(|| step.failed(node, image, false));
        if !waits {
            *self.nodes[node].image_mut(image).at(step) = InTier::Refused;
            self.images[image].places(step).1.insert(node);
            self.image_moved(node, image);
            self.effects.push(Effect::MoveRefused { step, node, image });
        }
    }

    /// A copy or load has ended, or the notice of its refusal has arrived.
    pub(crate) fn move_ended(
        &mut self,
        step: Move,
        node: NodeId,
        image: ImageId,
        result: Result<(), FailureCause>,
    ) {
        let now = self.now;
        self.images[image].places(step).1.remove(node);
        self.image_moved(node, image);
        let state = &mut self.nodes[node];
        let mut known = state.image(image);
        let at = known.at(step);
        let InTier::Moving { since, .. } = *at else {
            if *at == InTier::Refused {
                *state.image_mut(image).at(step) = InTier::Absent;
            }
            return;
        };
        // The memory of a host that is off keeps nothing.
        let arrives = result.is_ok() && (step == Move::Copy || state.is_up());
        let tier = state.tier(step);
        if arrives {
            tier.arrived(at, now);
            known.failures = 0;
        } else {
            tier.interrupted(at);
        }
        *state.image_mut(image) = known;
        state.disclaim(image);
        // The image is no longer pinned by the move, so something may be evicted.
        state.room_may_have_come();
        match step {
            Move::Copy => {
                let on_head = self.images[image].head;
                self.head.unpin(on_head);
                // A file that has been read completely was used.
                if arrives {
                    self.head.disk.with(on_head, FileSystem::touch);
                }
            }
            Move::Load => {
                state.disk.with(known.disk, FileSystem::unpin);
                // It was read for the start of a container; that start counts as the use.
                state.disk.with(known.disk, FileSystem::refresh);
            }
        }
        if arrives {
            self.images[image].places(step).0.insert(node);
            self.retries.broken.remove(&(node, image));
            self.emit(|| step.ended(node, image));
        } else {
            if let Err(cause) = result {
                self.retries.broken.insert((node, image), (now, cause));
            }
            self.emit(|| step.failed(node, image, true));
            self.retry_later(node, image, since);
        }
        self.let_go(node);
    }

    /// Records images that were evicted from the disk or the memory of a node.
    pub(super) fn evicted(&mut self, step: Move, node: NodeId, evicted: Vec<Evicted>) {
        for file in evicted {
            if let Some(image) = image_of_file(&self.images, &file) {
                self.left(step, node, image);
            }
        }
    }

    /// An image has left the disk or the memory of a node.
    fn left(&mut self, step: Move, node: NodeId, image: ImageId) {
        self.image_moved(node, image);
        let state = &mut self.nodes[node];
        *state.image_mut(image).at(step) = InTier::Absent;
        state.forget_if_gone(image, self.now);
        if step == Move::Copy {
            self.nodes.note_dropped(node, image);
        }
        let entry = &mut self.images[image];
        entry.places(step).0.remove(node);
        let bytes = entry.bytes_of(step);
        self.emit(|| step.evicted(node, image, bytes));
    }

    /// Drops images from memory that are no longer on their node's disk.
    #[inline]
    pub(super) fn drop_images_without_file(&mut self) {
        while let Some((node, dropped)) = self.nodes.take_dropped() {
            self.drop_if_without_file(node, dropped);
        }
    }

    #[inline(never)]
    fn drop_if_without_file(&mut self, node: NodeId, images: Vec<ImageId>) {
        for image in images {
            if !self.nodes[node].image(image).disk.is_present() {
                self.drop_from_memory(node, image);
            }
        }
    }

    /// Drops an image from a node's memory if it is there and unused.
    pub(super) fn drop_from_memory(&mut self, node: NodeId, image: ImageId) {
        self.remove_image(Move::Load, node, image);
    }

    /// Removes an image from where a move has brought it, if it is there and unused.
    pub(super) fn remove_image(&mut self, step: Move, node: NodeId, image: ImageId) {
        let state = &mut self.nodes[node];
        let there = *state.image(image).at(step);
        let removed = state.tier(step).with(there, FileSystem::remove);
        if removed.is_some_and(|removed| removed.is_ok()) {
            state.room_may_have_come();
            self.left(step, node, image);
        }
    }

    /// The claim of a copy or load if it may begin; evicts idle containers if their room is needed.
    /// Under the reference's rules the attempt itself decides.
    fn may_begin(&mut self, step: Move, node: NodeId, image: ImageId) -> Option<Need> {
        if !self.policies.evicts_for_images() {
            return Some(Need::default());
        }
        let wanted = self.may_move(step, node, image)?;
        let need = step.need(&self.images[image]);
        let claim = wanted.map_or_else(Need::default, |function| self.functions[function].need());
        self.obtain(node, need, None, wanted).then_some(claim)
    }

    /// Schedules the retry of an interrupted copy or load that began at `since`. An immediate retry
    /// would fail again while a link is off, so the wait doubles with each interruption, until a
    /// part of the platform comes on.
    fn retry_later(&mut self, node: NodeId, image: ImageId, since: Time) {
        if !self.policies.evicts_for_images() || !self.nodes[node].is_up() {
            return;
        }
        let now = self.now;
        let known = self.nodes[node].image_mut(image);
        if since < self.retries.recovered_at && self.retries.recovered_at == now {
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
        self.retries.backing_off.insert((retry_at, node, image));
        self.retry_due();
    }

    /// Touches the nodes whose retries are due, and has the service woken for the next one. A
    /// further timer is set only for a date before all others, so there are few.
    pub(crate) fn retry_due(&mut self) {
        while self.retries.timers.first().is_some_and(|&at| at <= self.now) {
            self.retries.timers.pop_first();
        }
        while let Some(&(at, node, _)) = self.retries.backing_off.first()
            && at <= self.now
        {
            self.retries.backing_off.pop_first();
            self.touch(node);
        }
        let Some(&(at, ..)) = self.retries.backing_off.first() else { return };
        if at < Time::NEVER && self.retries.timers.first().is_none_or(|&first| at < first) {
            self.retries.timers.insert(at);
            self.effects.push(Effect::RetryMove { after: at.since(self.now) });
        }
    }

    /// A host, a disk or a link has come on: all interrupted moves are due. Returns whether there
    /// are any. It looks only at interrupted moves.
    pub(crate) fn part_recovered(&mut self) -> bool {
        self.retries.recovered_at = self.now;
        let due = std::mem::take(&mut self.retries.backing_off);
        for &(_, node, image) in &due {
            let known = self.nodes[node].image_mut(image);
            known.retry_at = known.retry_at.min(self.now);
            self.touch(node);
        }
        !due.is_empty()
    }
}
