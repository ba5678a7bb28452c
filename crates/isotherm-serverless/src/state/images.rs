//! Images: downloads to the head disk, copies to node disks, loads into node memories, and what is pushed out.

use isotherm_services::{Evicted, FailureCause};

use super::node::{Interval, Move, Transfer};
use super::{Effect, OnHead, Place, PlatformState};
use crate::eviction::Missing;
use crate::{EventKind, ImageId, InvocationId, NodeId, Outcome};

impl PlatformState {
    /// Looks at the invocations that are new, or wait for room on the head disk.
    pub(super) fn admit_new(&mut self) {
        if self.new.is_empty() {
            return;
        }
        let mut still_new = std::collections::VecDeque::new();
        while let Some(id) = self.new.pop_front() {
            let function = self.invocations[&id].function;
            let Some(image) = self.functions[function.index()].image else {
                self.make_schedulable(id);
                continue;
            };
            let on_head = self.images[image.index()].head;
            match on_head {
                OnHead::Present(_) => self.make_schedulable(id),
                OnHead::Downloading(_) => self.await_image(id, image),
                OnHead::Absent if self.begin_download(image) => self.await_image(id, image),
                OnHead::Absent => still_new.push_back(id),
            }
        }
        self.new = still_new;
    }

    fn await_image(&mut self, id: InvocationId, image: ImageId) {
        self.images[image.index()].waiting.push_back(id);
        if let Some(invocation) = self.invocations.get_mut(&id) {
            invocation.place = Place::AwaitsImage;
        }
    }

    /// Takes room on the head disk and has the image downloaded. Says whether there was room.
    fn begin_download(&mut self, image: ImageId) -> bool {
        let Self { head, images, .. } = self;
        let entry = &mut images[image.index()];
        let tag = u64::from(image.0);
        let written = head.borrow_mut().begin_write(entry.name.clone(), entry.bytes, tag);
        let Ok((file, evicted)) = written else { return false };
        entry.head = OnHead::Downloading(file);
        let bytes = entry.bytes;
        for Evicted { bytes, tag, .. } in evicted {
            let victim = ImageId(tag as u32);
            self.images[victim.index()].head = OnHead::Absent;
            self.emit(|| EventKind::HeadEvicted { image: victim, bytes });
        }
        self.emit(|| EventKind::DownloadStarted { image, bytes });
        if self.policies.simulate_downloads {
            self.effects.push(Effect::Download { image });
        } else {
            // The image is there at once; the message that says so waits behind those that are queued already.
            self.commit_download(image);
            self.effects.push(Effect::DownloadAtOnce { image });
        }
        true
    }

    fn commit_download(&mut self, image: ImageId) {
        if let OnHead::Downloading(file) = self.images[image.index()].head {
            let file = self.head.borrow_mut().commit(file);
            self.images[image.index()].head = OnHead::Present(file);
            self.emit(|| EventKind::DownloadEnded { image });
        }
    }

    /// A download has ended: those who waited for it are schedulable, or have failed with it.
    pub(crate) fn download_ended(&mut self, image: ImageId, result: Result<(), FailureCause>) {
        match result {
            Ok(()) => {
                self.commit_download(image);
                // An image that was there at once may have been pushed out again before its message came.
                let present = matches!(self.images[image.index()].head, OnHead::Present(_));
                while let Some(id) = self.images[image.index()].waiting.pop_front() {
                    if present {
                        self.make_schedulable(id);
                    } else {
                        self.new.push_back(id);
                        if let Some(invocation) = self.invocations.get_mut(&id) {
                            invocation.place = Place::New;
                        }
                    }
                }
            }
            Err(cause) => {
                if let OnHead::Downloading(file) = self.images[image.index()].head {
                    self.head.borrow_mut().abort(file);
                    self.images[image.index()].head = OnHead::Absent;
                    self.emit(|| EventKind::DownloadFailed { image });
                }
                while let Some(id) = self.images[image.index()].waiting.pop_front() {
                    self.end(id, Outcome::Failed, Some(cause.clone()), None);
                }
            }
        }
    }

    /// Pins an image on the head disk, where it is known to be.
    pub(super) fn pin_on_head(&mut self, image: ImageId) {
        if let OnHead::Present(file) = self.images[image.index()].head {
            self.head.borrow_mut().pin(file);
        }
    }

    pub(super) fn unpin_on_head(&mut self, image: ImageId) {
        if let OnHead::Present(file) = self.images[image.index()].head {
            self.head.borrow_mut().unpin(file);
        }
    }

    /// Has an image copied to a node's disk, if that makes sense.
    pub(super) fn begin_copy(&mut self, node: NodeId, image: ImageId) {
        let entry = &self.images[image.index()];
        let state = &self.nodes[node.index()];
        let known = state.image(image);
        let wanted = state.up && known.disk.is_none() && known.copy == Transfer::None;
        if !wanted || !matches!(entry.head, OnHead::Present(_)) || state.blocked.contains(&(Move::Copy, image)) {
            return;
        }
        let (name, bytes, tag) = (entry.name.clone(), entry.bytes, u64::from(image.0));
        let disk = std::rc::Rc::clone(&state.disk);
        let mut written = disk.borrow_mut().begin_write(name.clone(), bytes, tag);
        if written.is_err()
            && self.evicts_for_images()
            && self.make_room(
                node,
                Missing {
                    disk_bytes: bytes.saturating_sub(disk.borrow().free().saturating_add(disk.borrow().evictable())),
                    memory_bytes: 0,
                },
            )
        {
            written = disk.borrow_mut().begin_write(name, bytes, tag);
        }
        match written {
            Ok((file, evicted)) => {
                self.evicted_from_disk(node, evicted);
                let since = self.now;
                self.nodes[node.index()].image_mut(image).copy = Transfer::Running { since, file: Some(file) };
                self.images[image.index()].copying.insert(node);
                self.pin_on_head(image);
                self.emit(|| EventKind::CopyStarted { node, image, bytes });
                self.effects.push(Effect::Copy { node, image });
            }
            Err(_) => {
                self.emit(|| EventKind::CopyFailed { node, image, started: false });
                if self.evicts_for_images() {
                    self.nodes[node.index()].blocked.insert((Move::Copy, image));
                } else {
                    self.nodes[node.index()].image_mut(image).copy = Transfer::Refused;
                    self.images[image.index()].copying.insert(node);
                    self.effects.push(Effect::CopyRefused { node, image });
                }
            }
        }
    }

    /// A copy has ended, or the notice that it found no room has come.
    pub(crate) fn copy_ended(&mut self, node: NodeId, image: ImageId, result: Result<(), FailureCause>) {
        let now = self.now;
        self.images[image.index()].copying.remove(node);
        let known = self.nodes[node.index()].image_mut(image);
        let Transfer::Running { since, file: Some(file) } = std::mem::take(&mut known.copy) else { return };
        self.unpin_on_head(image);
        let state = &mut self.nodes[node.index()];
        match result {
            Ok(()) => {
                let file = state.disk.borrow_mut().commit(file);
                let known = state.image_mut(image);
                known.disk = Some(file);
                known.copied = Interval { from: since, to: now };
                self.images[image.index()].on_disk.insert(node);
                // The head's copy has been read to its end: that is an access.
                if let OnHead::Present(file) = self.images[image.index()].head {
                    self.head.borrow_mut().touch(file);
                }
                self.emit(|| EventKind::CopyEnded { node, image });
            }
            Err(_) => {
                state.disk.borrow_mut().abort(file);
                self.emit(|| EventKind::CopyFailed { node, image, started: true });
            }
        }
        // The image is no longer pinned by its own arrival, so something may go in its place.
        self.nodes[node.index()].room_may_have_come();
    }

    /// Has an image loaded into a node's memory, if that makes sense.
    pub(super) fn begin_load(&mut self, node: NodeId, image: ImageId) {
        let state = &self.nodes[node.index()];
        let known = state.image(image);
        let (Some(file), true) = (known.disk, state.up && known.memory.is_none() && known.load == Transfer::None)
        else {
            return;
        };
        if state.blocked.contains(&(Move::Load, image)) {
            return;
        }
        let bytes = self.images[image.index()].memory_bytes;
        let memory = std::rc::Rc::clone(&state.memory);
        let mut reserved = memory.borrow_mut().reserve(bytes);
        if reserved.is_err()
            && self.evicts_for_images()
            && self.make_room(
                node,
                Missing {
                    memory_bytes: bytes
                        .saturating_sub(memory.borrow().free().saturating_add(memory.borrow().evictable())),
                    disk_bytes: 0,
                },
            )
        {
            reserved = memory.borrow_mut().reserve(bytes);
        }
        match reserved {
            Ok(evicted) => {
                self.evicted_from_memory(node, evicted);
                let since = self.now;
                let state = &mut self.nodes[node.index()];
                state.disk.borrow_mut().pin(file);
                state.image_mut(image).load = Transfer::Running { since, file: None };
                self.images[image.index()].loading.insert(node);
                self.emit(|| EventKind::LoadStarted { node, image, bytes });
                self.effects.push(Effect::Load { node, image });
            }
            Err(_) => {
                self.emit(|| EventKind::LoadFailed { node, image, started: false });
                if self.evicts_for_images() {
                    self.nodes[node.index()].blocked.insert((Move::Load, image));
                } else {
                    self.nodes[node.index()].image_mut(image).load = Transfer::Refused;
                    self.images[image.index()].loading.insert(node);
                    self.effects.push(Effect::LoadRefused { node, image });
                }
            }
        }
    }

    /// A load has ended, or the notice that it found no room has come.
    pub(crate) fn load_ended(&mut self, node: NodeId, image: ImageId, result: Result<(), FailureCause>) {
        let now = self.now;
        let entry = &mut self.images[image.index()];
        entry.loading.remove(node);
        let (name, bytes, tag) = (entry.name.clone(), entry.memory_bytes, u64::from(image.0));
        let state = &mut self.nodes[node.index()];
        let Transfer::Running { since, .. } = std::mem::take(&mut state.image_mut(image).load) else { return };
        if let Some(file) = state.image(image).disk {
            let mut disk = state.disk.borrow_mut();
            disk.unpin(file);
            // Reading the image to its end is an access.
            disk.touch(file);
        }
        state.memory.borrow_mut().release(bytes);
        state.room_may_have_come();
        match result {
            Ok(()) if state.up => {
                let created = state.memory.borrow_mut().create(name, bytes, tag);
                // The room has just been given back, so there is enough of it and nothing has to go.
                let Ok((file, evicted)) = created else { return };
                debug_assert!(evicted.is_empty(), "the image takes the room that was reserved for it");
                let known = state.image_mut(image);
                known.memory = Some(file);
                known.loaded = Interval { from: since, to: now };
                self.images[image.index()].in_memory.insert(node);
                self.emit(|| EventKind::LoadEnded { node, image });
            }
            _ => self.emit(|| EventKind::LoadFailed { node, image, started: true }),
        }
    }

    /// Takes note of images that were pushed out of a node's disk.
    pub(super) fn evicted_from_disk(&mut self, node: NodeId, evicted: Vec<Evicted>) {
        for Evicted { bytes, tag, .. } in evicted {
            let image = ImageId(tag as u32);
            self.images[image.index()].on_disk.remove(node);
            let state = &mut self.nodes[node.index()];
            state.image_mut(image).disk = None;
            if state.dropped.is_empty() {
                self.nodes_with_dropped.push(node);
            }
            state.dropped.push(image);
            self.emit(|| EventKind::DiskEvicted { node, image, bytes });
        }
    }

    /// Takes note of images that were pushed out of a node's memory.
    pub(super) fn evicted_from_memory(&mut self, node: NodeId, evicted: Vec<Evicted>) {
        for Evicted { bytes, tag, .. } in evicted {
            let image = ImageId(tag as u32);
            self.images[image.index()].in_memory.remove(node);
            self.nodes[node.index()].image_mut(image).memory = None;
            self.emit(|| EventKind::MemoryEvicted { node, image, bytes });
        }
    }

    /// Images in memory that are no longer on their node's disk leave memory.
    pub(super) fn drop_images_without_file(&mut self) {
        while let Some(node) = self.nodes_with_dropped.pop() {
            let dropped = std::mem::take(&mut self.nodes[node.index()].dropped);
            for image in dropped {
                if self.nodes[node.index()].image(image).disk.is_none() {
                    self.drop_from_memory(node, image);
                }
            }
        }
    }

    /// Takes an image out of a node's memory, if it is there and nobody uses it.
    pub(super) fn drop_from_memory(&mut self, node: NodeId, image: ImageId) {
        let state = &mut self.nodes[node.index()];
        let Some(file) = state.image(image).memory else { return };
        if state.memory.borrow_mut().remove(file).is_err() {
            return;
        }
        state.image_mut(image).memory = None;
        state.room_may_have_come();
        let entry = &mut self.images[image.index()];
        entry.in_memory.remove(node);
        let bytes = entry.memory_bytes;
        self.emit(|| EventKind::MemoryEvicted { node, image, bytes });
    }

    pub(super) fn images_in_memory(&self, node: NodeId) -> Vec<ImageId> {
        let memory = self.nodes[node.index()].memory.borrow();
        memory.files().map(|(_, file)| ImageId(memory.tag(file) as u32)).collect()
    }
}
