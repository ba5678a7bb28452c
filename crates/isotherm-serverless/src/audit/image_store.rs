//! A store of images as the auditor tracks it: the head disk, a node's disk or a node's memory.

use std::collections::BTreeMap;
use std::fmt;

use super::log::{Log, Rule};
use crate::{ImageId, NodeId};

/// Names a store in sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreName {
    Head,
    Disk(NodeId),
    Memory(NodeId),
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreName::Head => write!(f, "the head disk"),
            StoreName::Disk(node) => write!(f, "the disk of node {node}"),
            StoreName::Memory(node) => write!(f, "the memory of node {node}"),
        }
    }
}

/// The images of a store and its used bytes, including what containers reserve.
#[derive(Debug)]
pub(super) struct ImageStore {
    name: StoreName,
    capacity: u64,
    used: u64,
    peak: u64,
    images: BTreeMap<ImageId, Held>,
}

#[derive(Debug)]
struct Held {
    bytes: u64,
    /// Whether it has arrived; otherwise it is in transit.
    complete: bool,
    /// The copies or loads that read it.
    readers: u32,
    /// The containers that pin it.
    pins: u32,
}

impl ImageStore {
    pub(super) fn new(name: StoreName, capacity: u64) -> Self {
        ImageStore { name, capacity, used: 0, peak: 0, images: BTreeMap::new() }
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    pub(super) fn pins(&self, image: ImageId) -> u32 {
        self.images.get(&image).map_or(0, |held| held.pins)
    }

    /// Whether the image is there, completely.
    pub(super) fn holds(&self, image: ImageId) -> bool {
        self.images.get(&image).is_some_and(|held| held.complete)
    }

    /// Whether the image is there, or on its way.
    pub(super) fn expects(&self, image: ImageId) -> bool {
        self.images.contains_key(&image)
    }

    pub(super) fn complete_images(&self) -> Vec<ImageId> {
        self.images.iter().filter(|(_, held)| held.complete).map(|(&image, _)| image).collect()
    }

    pub(super) fn take(&mut self, log: &mut Log, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
        self.peak = self.peak.max(self.used);
        if self.used > self.capacity {
            let (name, used, capacity) = (self.name, self.used, self.capacity);
            log.report(
                Rule::Capacity,
                format_args!("{used} bytes of {name} are taken, but it has {capacity}"),
            );
        }
    }

    pub(super) fn give_back(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// A transfer of the image begins, which takes its room.
    pub(super) fn begin(&mut self, log: &mut Log, rule: Rule, image: ImageId, bytes: u64) {
        if let Some(held) = self.images.get(&image) {
            let what =
                if held.complete { "is there already" } else { "is on its way there already" };
            log.report(rule, format_args!("image {image} was sent to {}, but {what}", self.name));
            return;
        }
        self.images.insert(image, Held { bytes, complete: false, readers: 0, pins: 0 });
        self.take(log, bytes);
    }

    /// The image is there without a transfer.
    pub(super) fn place(&mut self, log: &mut Log, image: ImageId, bytes: u64) {
        if let Some(held) = self.images.get(&image) {
            let what = if held.complete { "is there already" } else { "is on its way there" };
            let name = self.name;
            log.report(
                Rule::Placed,
                format_args!("image {image} was placed on {name}, but {what}"),
            );
            return;
        }
        self.images.insert(image, Held { bytes, complete: true, readers: 0, pins: 0 });
        self.take(log, bytes);
    }

    /// The transfer of the image has ended.
    pub(super) fn complete(&mut self, log: &mut Log, rule: Rule, image: ImageId) {
        match self.images.get_mut(&image) {
            Some(held) if !held.complete => held.complete = true,
            _ => log.report(
                rule,
                format_args!("image {image} arrived at {}, but was not on its way", self.name),
            ),
        }
    }

    /// The transfer of the image has failed, which frees its room.
    pub(super) fn abort(&mut self, log: &mut Log, rule: Rule, image: ImageId) {
        match self.images.get(&image) {
            Some(held) if !held.complete => {
                let bytes = held.bytes;
                self.images.remove(&image);
                self.give_back(bytes);
            }
            _ => log.report(
                rule,
                format_args!("image {image} failed to reach {}, but was not on its way", self.name),
            ),
        }
    }

    /// The image is evicted.
    pub(super) fn evict(&mut self, log: &mut Log, image: ImageId, bytes: u64) {
        let name = self.name;
        let mut wrong = |detail: fmt::Arguments<'_>| {
            log.report(
                Rule::Eviction,
                format_args!("image {image} was evicted from {name}, {detail}"),
            );
        };
        let Some(held) = self.images.remove(&image) else {
            wrong(format_args!("where it is not"));
            return;
        };
        if !held.complete {
            wrong(format_args!("but was still on its way there"));
        }
        if held.readers > 0 {
            wrong(format_args!("but {} transfers were reading it", held.readers));
        }
        if held.pins > 0 {
            wrong(format_args!("but {} containers pin it", held.pins));
        }
        if held.bytes != bytes {
            wrong(format_args!("giving back {bytes} bytes instead of {}", held.bytes));
        }
        self.give_back(held.bytes);
    }

    /// A transfer begins to read the image.
    pub(super) fn begin_read(&mut self, log: &mut Log, rule: Rule, image: ImageId) {
        let name = self.name;
        match self.images.get_mut(&image) {
            Some(held) => {
                held.readers += 1;
                if !held.complete {
                    log.report(
                        rule,
                        format_args!(
                            "image {image} is read from {name}, but is still on its way there"
                        ),
                    );
                }
            }
            None => log
                .report(rule, format_args!("image {image} is read from {name}, but is not there")),
        }
    }

    /// A transfer has read the image. If the image is gone, its eviction has been reported already.
    pub(super) fn end_read(&mut self, image: ImageId) {
        if let Some(held) = self.images.get_mut(&image) {
            held.readers = held.readers.saturating_sub(1);
        }
    }

    /// A container with the image has started.
    pub(super) fn pin(&mut self, log: &mut Log, rule: Rule, image: ImageId) {
        let name = self.name;
        match self.images.get_mut(&image) {
            Some(held) if held.complete => held.pins += 1,
            _ => log.report(
                rule,
                format_args!("a container was started without its image {image} on {name}"),
            ),
        }
    }

    /// A container with the image has stopped.
    pub(super) fn unpin(&mut self, image: ImageId) {
        if let Some(held) = self.images.get_mut(&image) {
            held.pins = held.pins.saturating_sub(1);
        }
    }
}
