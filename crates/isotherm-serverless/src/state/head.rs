//! The head disk: admission of invocations, downloads, and waiting for room.
//!
//! An invocation whose image is not on the head disk waits for it. If there is no room for a
//! download, the image waits in a queue, which is retried whenever room may be available, the
//! longest waiting first; a smaller image may overtake it.

use std::collections::BTreeSet;

use isotherm_services::{FailureCause, FileSystem};

use super::tier::{InTier, SharedFileSystem, Tier, image_of_file};
use super::{Effect, Invocation, InvocationKey, Phase, PlatformState};
use crate::steps::counted;
use crate::{EventKind, FunctionId, ImageId, InvocationId, Outcome};

/// The head disk.
pub(super) struct Head {
    pub(super) disk: Tier,
    /// Awaited images without room, the longest waiting first.
    pub(super) awaiting_room: BTreeSet<(InvocationId, ImageId)>,
    /// Whether a pin or a file has gone since these were last tried.
    room_may_have_come: bool,
}

impl Head {
    pub(super) fn new(files: SharedFileSystem) -> Self {
        let (awaiting_room, room_may_have_come) = (BTreeSet::new(), false);
        Head { disk: Tier::new(files), awaiting_room, room_may_have_come }
    }

    /// Pins an image, if it is here.
    pub(super) fn pin(&self, image: InTier) {
        self.disk.with(image, FileSystem::pin);
    }

    /// Unpins it.
    pub(super) fn unpin(&mut self, image: InTier) {
        let is_free = self.disk.with(image, |files, file| {
            files.unpin(file);
            files.pins(file) == 0
        });
        self.room_may_have_come |= is_free == Some(true);
    }
}

impl PlatformState {
    /// Admits new invocations, and begins downloads that waited for room. If a round is to follow,
    /// a single new invocation may be returned instead, to ask for its place.
    pub(super) fn admit_new(&mut self, may_dispatch: bool) -> Option<(InvocationKey, FunctionId)> {
        self.begin_awaited_downloads();
        while let Some(id) = self.common_gate.let_in.pop_front() {
            let Some(key) = self.invocations.find(id) else { continue };
            let Some(invocation) = self.invocations.at_mut(key) else { continue };
            let Invocation { function, life, .. } = invocation;
            life.throttle_wait = self.now.since(life.submitted);
            let function = *function;
            self.admit(key, function);
        }
        while let Some((key, function)) = self.queues.new.pop_front() {
            if !self.passes(key, function) {
                continue;
            }
            let is_alone = may_dispatch
                && self.queues.new.is_empty()
                && self.functions[function].image.is_none();
            if is_alone && self.asks_for_place() {
                return Some((key, function));
            }
            self.admit(key, function);
        }
        None
    }

    /// Admits an invocation that has passed the concurrency limits, or lets it wait for its image.
    pub(super) fn admit(&mut self, key: InvocationKey, function: FunctionId) {
        let Some(image) = self.functions[function].image else {
            self.make_schedulable(key);
            return;
        };
        match self.images[image].head {
            InTier::Present { .. } => self.make_schedulable(key),
            InTier::Moving { .. } => self.await_image(key, image),
            InTier::Absent | InTier::Refused => {
                self.await_image(key, image);
                let waits = self.images[image].waits_since.is_some();
                if !waits && !self.begin_download(image) {
                    self.images[image].waits_since = Some(key.id);
                    self.head.awaiting_room.insert((key.id, image));
                }
            }
        }
    }

    fn await_image(&mut self, key: InvocationKey, image: ImageId) {
        self.images[image].waiting.insert(key.id);
        self.invocations.list(key);
        if let Some(invocation) = self.invocations.at_mut(key) {
            invocation.phase = Phase::AwaitsImage;
        }
    }

    /// Retries downloads that waited for room, if there may be room now.
    #[inline]
    pub(super) fn begin_awaited_downloads(&mut self) {
        let Head { awaiting_room, room_may_have_come, .. } = &mut self.head;
        if std::mem::take(room_may_have_come) && !awaiting_room.is_empty() {
            self.try_awaited_downloads();
        }
    }

    fn try_awaited_downloads(&mut self) {
        let line: Vec<(InvocationId, ImageId)> = self.head.awaiting_room.iter().copied().collect();
        for (since, image) in line.into_iter().map(counted) {
            if self.head.disk.borrow().can_hold(self.images[image].bytes)
                && self.begin_download(image)
            {
                self.head.awaiting_room.remove(&(since, image));
                self.images[image].waits_since = None;
            }
        }
    }

    /// Removes an invocation that waits for its image.
    pub(super) fn leave_image(&mut self, id: InvocationId, image: ImageId) {
        let entry = &mut self.images[image];
        entry.waiting.remove(&id);
        if entry.waiting.is_empty()
            && let Some(since) = entry.waits_since.take()
        {
            self.head.awaiting_room.remove(&(since, image));
        }
    }

    /// Takes room on the head disk and begins a download; returns whether there was room.
    fn begin_download(&mut self, image: ImageId) -> bool {
        let entry = &mut self.images[image];
        let bytes = entry.bytes;
        let begun = self.head.disk.begin(image, entry, bytes, self.now);
        let Some((moving, evicted)) = begun else { return false };
        entry.head = moving;
        for file in evicted {
            let Some(victim) = image_of_file(&self.images, &file) else { continue };
            self.images[victim].head = InTier::Absent;
            self.emit(|| EventKind::HeadEvicted { image: victim, bytes: file.bytes });
        }
        self.emit(|| EventKind::DownloadStarted { image, bytes });
        if self.policies.simulate_downloads {
            self.effects.push(Effect::Download { image });
        } else {
            // The image is there at once, but the message of it comes after those that are queued
            // already. Until then invocations wait for it, so it is pinned.
            self.commit_download(image);
            self.head.pin(self.images[image].head);
            self.effects.push(Effect::DownloadAtOnce { image });
        }
        true
    }

    fn commit_download(&mut self, image: ImageId) {
        if self.head.disk.arrived(&mut self.images[image].head, self.now) {
            self.head.room_may_have_come = true;
            self.emit(|| EventKind::DownloadEnded { image });
        }
    }

    /// A download has ended: the invocations that waited for it become schedulable or fail.
    pub(crate) fn download_ended(&mut self, image: ImageId, result: Result<(), FailureCause>) {
        match result {
            Ok(()) => {
                self.commit_download(image);
                while let Some(key) = self.next_waiting(image) {
                    self.make_schedulable(key);
                }
                if !self.policies.simulate_downloads {
                    self.head.unpin(self.images[image].head);
                }
            }
            Err(cause) => {
                if self.head.disk.interrupted(&mut self.images[image].head) {
                    self.head.room_may_have_come = true;
                    self.emit(|| EventKind::DownloadFailed { image });
                }
                while let Some(key) = self.next_waiting(image) {
                    self.end(key, Outcome::Failed, Some(cause.clone()));
                }
            }
        }
    }

    /// Takes the first invocation that waits for an image.
    fn next_waiting(&mut self, image: ImageId) -> Option<InvocationKey> {
        self.invocations.find(self.images[image].waiting.pop_first()?)
    }
}
