//! Images that leave the disk or the memory of a node.

use isotherm_services::Evicted;

use super::{Image, PlatformState};
use crate::{EventKind, ImageId, NodeId};

/// The image of an evicted file; `None` for a file of a user.
pub(super) fn image_of_file(images: &[Image], evicted: &Evicted) -> Option<ImageId> {
    let id = ImageId(u32::try_from(evicted.tag).ok()?);
    images.get(id.index()).filter(|image| image.name == evicted.name).map(|_| id)
}

impl PlatformState {
    /// Records images that were evicted from a node's disk.
    pub(super) fn evicted_from_disk(&mut self, node: NodeId, evicted: Vec<Evicted>) {
        for file in evicted {
            let Some(image) = image_of_file(&self.images, &file) else { continue };
            let bytes = file.bytes;
            self.images[image.index()].on_disk.remove(node);
            self.image_moved(node, image);
            let state = &mut self.nodes[node.index()];
            state.image_mut(image).disk = None;
            state.forget_if_gone(image, self.now);
            if state.dropped.is_empty() {
                self.nodes_with_dropped.push(node);
            }
            state.dropped.push(image);
            self.emit(|| EventKind::DiskEvicted { node, image, bytes });
        }
    }

    /// Records images that were evicted from a node's memory.
    pub(super) fn evicted_from_memory(&mut self, node: NodeId, evicted: Vec<Evicted>) {
        for file in evicted {
            let Some(image) = image_of_file(&self.images, &file) else { continue };
            let bytes = file.bytes;
            self.images[image.index()].in_memory.remove(node);
            self.image_moved(node, image);
            let state = &mut self.nodes[node.index()];
            state.image_mut(image).memory = None;
            state.forget_if_gone(image, self.now);
            self.emit(|| EventKind::MemoryEvicted { node, image, bytes });
        }
    }

    /// Drops images from memory that are no longer on their node's disk.
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

    /// Drops an image from a node's memory if it is there and unused.
    pub(super) fn drop_from_memory(&mut self, node: NodeId, image: ImageId) {
        let state = &mut self.nodes[node.index()];
        let Some(file) = state.image(image).memory else { return };
        if state.memory.borrow_mut().remove(file).is_err() {
            return;
        }
        state.image_mut(image).memory = None;
        state.forget_if_gone(image, self.now);
        state.room_may_have_come();
        let entry = &mut self.images[image.index()];
        entry.in_memory.remove(node);
        let bytes = entry.memory_bytes;
        self.image_moved(node, image);
        self.emit(|| EventKind::MemoryEvicted { node, image, bytes });
    }

    pub(super) fn images_in_memory(&self, node: NodeId) -> Vec<ImageId> {
        let memory = self.nodes[node.index()].memory.borrow();
        memory.files().map(|(_, file)| ImageId(memory.tag(file) as u32)).collect()
    }
}
