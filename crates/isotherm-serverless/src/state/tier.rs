//! Tiers: the places with limited room where images are kept. There are three: the head disk, the
//! disk of a node, and its memory. In each, an image is absent, moves there, or is present.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use isotherm_kernel::{Duration, Time};
use isotherm_services::{Evicted, FileId, FileSystem};

use super::Image;
use crate::ImageId;
use crate::id_vec::IdVec;

/// A file system that a storage service and the platform's state share.
pub(crate) type SharedFileSystem = Rc<RefCell<FileSystem>>;

/// A tier.
#[derive(Debug)]
pub(crate) struct Tier(SharedFileSystem);

/// How far an image is on its way into a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum InTier {
    #[default]
    Absent,
    /// Refused for lack of room; the notice was not processed yet.
    Refused,
    /// On its way since `since`, when a hidden file took its room.
    Moving { since: Time, file: FileId },
    /// There, moved in this interval.
    Present { file: FileId, moved: Interval },
}

/// An interval of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    from: Time,
    to: Time,
}

impl Interval {
    /// The length of the part of the interval between two dates.
    pub(crate) fn within(self, from: Time, to: Time) -> Duration {
        self.to.min(to).since(self.from.max(from))
    }
}

impl InTier {
    pub(crate) fn is_present(self) -> bool {
        matches!(self, InTier::Present { .. })
    }

    pub(crate) fn is_moving(self) -> bool {
        matches!(self, InTier::Moving { .. })
    }

    /// The file of a present image.
    pub(crate) fn file(self) -> Option<FileId> {
        match self {
            InTier::Present { file, .. } => Some(file),
            _ => None,
        }
    }

    /// When a present image was moved; empty for any other.
    pub(crate) fn moved(self) -> Interval {
        match self {
            InTier::Present { moved, .. } => moved,
            _ => Interval::default(),
        }
    }
}

impl Tier {
    pub(crate) fn new(files: SharedFileSystem) -> Self {
        Tier(files)
    }

    /// Takes the room of an image that begins to move here. Returns its state, and what was evicted
    /// for it; `None` if there is not enough room.
    pub(super) fn begin(
        &self,
        image: ImageId,
        entry: &Image,
        bytes: u64,
        since: Time,
    ) -> Option<(InTier, Vec<Evicted>)> {
        let (name, tag) = (entry.name.clone(), u64::from(image.0));
        let (file, evicted) = self.borrow_mut().begin_write(name, bytes, tag).ok()?;
        Some((InTier::Moving { since, file }, evicted))
    }

    /// An image that moved here has arrived. Returns whether it moved.
    pub(super) fn arrived(&self, image: &mut InTier, now: Time) -> bool {
        let InTier::Moving { since, file } = *image else { return false };
        let file = self.borrow_mut().commit(file);
        *image = InTier::Present { file, moved: Interval { from: since, to: now } };
        true
    }

    /// The move of an image here was interrupted: its room is free. Returns whether it moved.
    pub(super) fn interrupted(&self, image: &mut InTier) -> bool {
        let InTier::Moving { file, .. } = *image else { return false };
        self.borrow_mut().abort(file);
        *image = InTier::Absent;
        true
    }

    /// Does something with the file of an image that is here: it is pinned by a container or a move
    /// onwards that needs it, unpinned, used or removed.
    pub(super) fn with<R>(
        &self,
        image: InTier,
        act: impl FnOnce(&mut FileSystem, FileId) -> R,
    ) -> Option<R> {
        image.file().map(|file| act(&mut self.borrow_mut(), file))
    }
}

impl Deref for Tier {
    type Target = RefCell<FileSystem>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The image of an evicted file; `None` for a file of a user.
pub(super) fn image_of_file(images: &IdVec<ImageId, Image>, evicted: &Evicted) -> Option<ImageId> {
    let id = ImageId(u32::try_from(evicted.tag).ok()?);
    images.get(id).filter(|image| image.name == evicted.name).map(|_| id)
}
